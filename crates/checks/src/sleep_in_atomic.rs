//! # sleep-in-atomic
//!
//! A call that may sleep while preemption, bottom halves or interrupts are disabled, a spinning lock is held, or an RCU read-side
//! critical section is open.
//!
//! ## Why it matters
//!
//! Whoever sleeps hands the CPU to another task. Inside a spinlock that task may spin on the same lock for ever; inside a
//! read-side section the grace period ends too late or never; in an interrupt there is no task to come back to. The kernel reports
//! it as "sleeping function called from invalid context" or "scheduling while atomic", if the path happens to run with debugging on.
//! The rules are in `Documentation/kernel-hacking/locking.rst`, `Documentation/locking/locktypes.rst` and `Documentation/RCU/checklist.rst`.
//!
//! ## Example
//!
//! ```c
//! spin_lock(&dev->lock);
//! dev->buf = kmalloc(size, GFP_KERNEL);   /* may sleep in direct reclaim */
//! spin_unlock(&dev->lock);
//! ```
//!
//! Allocate before taking the lock, use `GFP_ATOMIC`, or protect the data by a mutex.
//!
//! ## How it decides
//!
//! Which primitives sleep stands in the kernel model, for allocations by their GFP argument. That a function may sleep is learned from its body,
//! with the conditions on its arguments under which it does: a call with other arguments is none. Giving up a reference (`kref_put()`) may run the function that is handed for the last one. What a function does before it asks
//! `in_atomic()` counts, what it does after asking does not, nor what a callee does where an argument says that it may and the caller hands in what it was told. A timer that is set up
//! again before it is armed runs the function of the last set-up. A function that takes a GFP mask from its caller, never reads it and passes on one
//! that allows sleeping is reported wherever it is called. Operations whose documentation forbids sleeping (`led_classdev.brightness_set`) are
//! held to that. Several calls in one critical section are one finding: the surest is shown, the others are named.
//!
//! On `--preempt rt` a `spinlock_t`, `rwlock_t` or `local_lock_t`, and any allocation, waits for a lock that sleeps there alone: `rt-sleeping-lock` says where
//! that is wrong. Mutexes and the like remain wrong under all of these, with bh disabled and in read-side sections.
//!
//! ## Confidence
//!
//! * **high**: the lock is taken in this function, or the function is always entered in that context, and the way to the sleeping
//!   primitive has direct calls only and no open condition on arguments.
//! * **medium**: one thing has to come true besides: a condition on arguments or on the state of objects, a look-up that finds nothing, on the CPU or task that this runs on, an operation that is asked for before it is called, since objects
//!   of other kinds leave it out, or a context that is only customary; or the code runs at boot alone, or the way is long, or it ends in resuming a device, which a reference held elsewhere keeps awake, or in a function that is known by the model alone, since its body was not read; or a callback after a grace period gives up what may be the last reference, and the function handed for that sleeps.
//!   Whatever has to be so on the way, if sleeping is forbidden on every way into the function that sleeps: said once for each.
//! * **low**: what was wrong more often than right when it was looked up. Two such things (three, if it ends in an allocation). A way through an operations table with several
//!   implementations: the objects at hand have another one. A condition on bits of a word, be it an argument or in memory: such flags say how an object is meant to be used, and whether a request may sleep. A decision
//!   in a called function by which four functions or more would run into the same: these know what they set up. An operation that is asked for before it is called
//!   and that the objects of another file are made without, or a way behind one that most are made without: who calls knows the kind. A member that was asked for here and came out the
//!   other way, a wait for a lock that is chosen by what chose the lock here, a section that is left around the call where it is counted as open, a variable that is zero only until somebody has set up what it
//!   stands for. What only the documentation of an
//!   operation says, while no implementation was read. Access to user memory with preemption off, where a fault fails rather than sleeps. An assertion
//!   that must have failed, a lock that an earlier round of a loop took, which the next takes again, a last reference, unless the object was just taken off its list, or the first one. A device that is resumed while another function of
//!   the file takes a reference for longer. What runs before there are tasks to wait for, when tasks are frozen, or as the system goes down: the kernel's own
//!   assertions are silent there. User memory that an architecture's own macro reaches without an assertion. Tests.
//!
//! ## What it assumes and misses
//!
//! Resuming a device is taken to sleep, unless the same file calls `pm_runtime_irq_safe()` or the path keeps the device awake already. Operations that must not sleep for some arguments only
//! (`inode_operations.permission` with `MAY_NOT_BLOCK`) are entered with these. Conditions other than on arguments and locals are taken for possible. Calls through pointers with very many possible targets are
//! not followed. Interrupts run in threads on `--preempt rt` unless the flags of their request are constants that forbid it.

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, LocalId};
use cuthere_flow::domain::{Ground, Wait};
use cuthere_flow::engine::event::{CallEvent, EventKind, SleepWay};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::{EntryPoint, strictest};
use cuthere_flow::summary::chain::{At, Chain, chain, through_table, way_name};
use cuthere_flow::summary::{Subject, Test, Way};
use cuthere_flow::value::Value;

mod around;
mod level;

use level::judged;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "sleep-in-atomic",
        summary: "a call that may sleep where sleeping is forbidden",
        source: include_str!("sleep_in_atomic.rs"),
        maturity: Maturity::Stable,
    },
    start: Some(|_, _| Box::new(ForbiddenWait(Wait::Sleep))),
    entered: true,
    tree: None,
};

/// Finds waits of one kind where they are forbidden; those that only PREEMPT_RT makes are another check's.
pub(crate) struct ForbiddenWait(pub Wait);

impl Checker for ForbiddenWait {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        let EventKind::MaySleep { call, ways } = &event.kind else { return };
        let forbidden = |wait| ways.iter().filter(move |way| way.wait == wait && !grounds(path, way).is_empty());
        // What sleeps under every preemption model is said once.
        if self.0 == Wait::Lock && (!path.world.preemption.rt || forbidden(Wait::Sleep).next().is_some()) {
            return;
        }
        let mut ways: Vec<&SleepWay> = forbidden(self.0).collect();
        ways.sort_by_key(|w| (w.unlikely, open_conditions(w), w.indirect, w.modes.min(2), w.depth, w.wait));
        let Some(way) = ways.first() else {
            if self.0 == Wait::Sleep
                && let Some(claim) = mask_ignored(path, event, call)
            {
                claims.add(claim);
            }
            return;
        };
        if let Some(ground) = grounds(path, way).into_iter().find(|ground| ground.since().is_some()) {
            claims.add(here(path, event, call, way, &ground));
        } else if let Some(entry) = path.world.entry_points.get(&path.func).and_then(|e| strictest(e)) {
            ways.iter().for_each(|way| claims.add(entered(path, event, call, way, entry)));
        }
    }
}

/// Why sleeping is forbidden: by what the function did, or by how it is entered.
#[derive(Clone, Copy)]
enum Because<'b> {
    Here(&'b Ground),
    Entered(&'b EntryPoint),
}

/// What forbids a way to sleep, locks first.
fn grounds(path: &Path<'_, '_>, way: &SleepWay) -> Vec<Ground> {
    let all: Vec<Ground> = path.world.preemption.grounds(path.state, way.wait).collect();
    let irqs_only = all.iter().all(|ground| matches!(ground, Ground::Irqs(_)));
    let may = |name| path.world.model.entry(name).is_some_and(|e| e.irq_off_ok);
    if irqs_only && matches!(way.way, Way::Model(name) if may(name)) { Vec::new() } else { all }
}

/// 0: nothing is open; 1: a path condition on an argument or on memory; 2: bits of either, by which callers say what may be done.
fn open_conditions(way: &SleepWay) -> u8 {
    let weight = |(_, test): &(Subject, Test)| match test {
        // How many functions a table's member may be counts by itself.
        Test::Function(_) => 0,
        Test::In(_) => 1,
        _ => 2,
    };
    way.condition.iter().map(|g| g.iter().map(weight).max().unwrap_or(0)).min().unwrap_or(0)
}

/// What the call does, and the context it is made in.
fn in_words(path: &Path<'_, '_>, way: &SleepWay) -> (&'static str, String) {
    let does = match way.wait {
        Wait::Sleep => "may sleep",
        Wait::Lock => "may wait for a lock that sleeps on PREEMPT_RT",
    };
    (does, words::grounds(grounds(path, way).into_iter()))
}

/// Sleeping is forbidden by what this function did.
fn here(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>, way: &SleepWay, ground: &Ground) -> Claim {
    let chain = chain(path.world, way.way);
    let (does, context) = in_words(path, way);
    let message = match way.way {
        Way::Callee(f, _) => format!("`{}()` {does} in `{}()`, called with {context}", path.world.func(f).name, chain.primitive),
        Way::Table(..) => format!("`{}` {does}, called with {context}", chain.primitive),
        _ => format!("`{}()` {does}, called with {context}", chain.primitive),
    };
    let claim = judged(path, event, call, way, Because::Here(ground), message);
    let claim =
        ground.since().into_iter().fold(claim, |claim, op| claim.since(path, op)).step_at(path, ground.since(), words::began(ground));
    let at = call_step(path, event, way, &chain);
    steps(claim, at.clone(), chain).identity(format!("{} here", way_name(path.world, way.way))).section(ground.since(), at)
}

/// Sleeping is forbidden by the way this function is entered.
fn entered(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>, way: &SleepWay, entry: &EntryPoint) -> Claim {
    let world = path.world;
    let chain = chain(world, way.way);
    // Reported where the folder of the entered function is left: that is the code its maintainer can mend.
    let own = world.folder(path.func);
    let mut at = (path.func, event.loc);
    let mut callee = way_name(world, way.way);
    for (i, frame) in chain.frames.iter().enumerate().take_while(|(_, frame)| world.folder(frame.func) == own) {
        at = (frame.func, frame.loc);
        callee = chain.funcs.get(i + 1).map_or(chain.primitive, |f| world.func(*f).name);
    }
    let (name, how) = (path.body.name, &entry.how);
    let (does, context) = in_words(path, way);
    let contract = matches!(grounds(path, way)[..], [Ground::Contract]);
    let message = match contract {
        true => format!("`{callee}()` {does}, reached from `{name}`, and `{how}` must not sleep"),
        false => format!("`{callee}()` {does}, reached from `{name}` ({how}) with {context}"),
    };
    let bound = entry.bound.map(|(file, line)| format!("`{name}` runs as {how} (bound at {}:{line})", world.program.source.path(file)));
    let claim = judged(path, event, call, way, Because::Entered(entry), message).assume_all(bound);
    let here = call_step(path, event, way, &chain);
    let claim = steps(claim.step(path.func, path.body.loc, words::entry_point(entry)), here.clone(), chain);
    claim.at(at.0, at.1).identity(format!("{callee} entered in {}", world.path(path.func))).section(None, here)
}

/// The caller says by a GFP mask whether sleeping is allowed, and nobody looks at it.
fn mask_ignored(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>) -> Option<Claim> {
    let EventKind::MaySleep { ways, .. } = &event.kind else { return None };
    let param = unread_mask(path.body)?;
    let reclaims = |v| matches!(path.values.get(v), Value::Int(mask) if mask & path.world.gfp_reclaim != 0 && mask >> 28 == 0);
    if path.state.atomic() || !call.args.iter().any(|&v| reclaims(v)) {
        return None;
    }
    let way = ways.iter().find(|w| open_conditions(w) == 0 && w.wait == Wait::Sleep)?;
    let name = path.body.name;
    let claim = Claim::here(path, event, Confidence::Medium, format!("`{name}()` may sleep whatever its caller allows by `{param}`"))
        .assume(format!("some caller of `{name}` passes a mask that forbids sleeping"));
    let chain = chain(path.world, way.way);
    Some(steps(claim, call_step(path, event, way, &chain), chain).identity(format!("mask {param}")))
}

/// The parameter that is, by its name, a GFP mask, and that the function never reads.
fn unread_mask(body: &Body) -> Option<Symbol> {
    let (at, name) = body.locals.iter().take(body.params as usize).enumerate().find(|(_, name)| name.as_str().starts_with("gfp"))?;
    body.exprs.iter().all(|e| *e != Expr::Local(LocalId::new(at as u32))).then_some(*name)
}

/// The call as a step.
fn call_step(path: &Path<'_, '_>, event: &Event<'_>, way: &SleepWay, chain: &Chain) -> At {
    let text = match way.way {
        Way::Callee(f, _) => format!("calls {}(){}", path.world.func(f).name, through_table(path.world, path.func, event.loc, f)),
        _ => format!("calls {}{}, which may sleep", chain.primitive, if matches!(way.way, Way::Table(..)) { "" } else { "()" }),
    };
    At { func: path.func, loc: event.loc, text }
}

/// Adds the call, and the frames below it.
fn steps(mut claim: Claim, call: At, chain: Chain) -> Claim {
    claim.steps.push(call);
    claim.steps.extend(chain.frames);
    claim
}
