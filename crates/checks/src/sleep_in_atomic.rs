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
//! with the conditions on its arguments under which it does: a call with other arguments is none. What a function does before it asks
//! `in_atomic()` counts, what it does after asking does not. A function that takes a GFP mask from its caller, never reads it and passes on one
//! that allows sleeping is reported wherever it is called.
//!
//! ## Confidence
//!
//! * **high**: the lock is taken in this function, or the function is always entered in that context, and the way to the sleeping
//!   primitive has direct calls only and no open condition on arguments.
//! * **medium**: the way leads through an operations table with several implementations, or the context is only customary.
//! * **low**: it depends on an argument whose value is not known here.
//!
//! ## What it assumes and misses
//!
//! Conditions other than on arguments and locals are taken for possible. Calls through pointers with very many possible targets are
//! not followed. On `--preempt rt` the sleeping spinlocks count as sleeping.

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, LocalId, OpId};
use cuthere_flow::engine::event::{CallEvent, EventKind, SleepWay};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::{EntryPoint, World, strictest};
use cuthere_flow::summary::chain::{Chain, chain, way_name};
use cuthere_flow::summary::{FuncId, Subject, Test, Way};
use cuthere_flow::value::Value;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "sleep-in-atomic",
        summary: "a call that may sleep where sleeping is forbidden",
        source: include_str!("sleep_in_atomic.rs"),
        maturity: Maturity::Stable,
    },
    start: |_, _| Box::new(SleepInAtomic),
    entered: true,
    tree: None,
};

struct SleepInAtomic;

impl Checker for SleepInAtomic {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        let EventKind::MaySleep { call, ways } = &event.kind else { return };
        if !path.state.atomic() {
            claims_of(mask_ignored(path, event, call, ways), claims);
            return;
        }
        let s = path.state;
        let only_irqs = s.ctx.irq > 0 && s.ctx.preempt <= 0 && s.ctx.bh <= 0 && s.ctx.rcu <= 0 && !s.locks.spin();
        // The scheduler itself may be entered with interrupts off, as return-to-user code does.
        let scheduler = |w: &SleepWay| matches!(w.way, Way::Model(name) if name.as_str() == "schedule");
        let mut ways: Vec<&SleepWay> = ways.iter().filter(|w| !(only_irqs && scheduler(w))).collect();
        ways.sort_by_key(|w| (open_conditions(w), w.indirect, w.modes.min(2), w.depth));
        match cause(path) {
            Some((since, what)) => claims_of(ways.first().map(|way| here(path, event, call, way, since, what)), claims),
            None => {
                let entry = path.world.entry_points.get(&path.func).and_then(|e| strictest(e));
                claims_of(entry.into_iter().flat_map(|entry| ways.iter().map(move |way| entered(path, event, call, way, entry))), claims);
            }
        }
    }
}

fn claims_of(all: impl IntoIterator<Item = Claim>, claims: &mut Claims) {
    all.into_iter().for_each(|claim| claims.add(claim));
}

/// 0: nothing is open; 1: a path condition on an argument or on memory; 2: bits of an argument.
fn open_conditions(way: &SleepWay) -> u8 {
    let weight = |(subject, test): &(Subject, Test)| if matches!(test, Test::In(_)) || !subject.is_arg() { 1 } else { 2 };
    way.condition.iter().map(|g| g.iter().map(weight).max().unwrap_or(0)).min().unwrap_or(0)
}

/// What in this function forbids sleeping, and since when; `None`: the way it is entered.
fn cause(path: &Path<'_, '_>) -> Option<(OpId, String)> {
    let state = path.state;
    let lock = state.locks.held.iter().filter(|l| l.kind.spins());
    let lock = lock.filter_map(|l| l.op.map(|op| (op, format!("takes {}", words::lock(l.class, l.kind))))).next();
    let parts = [
        (state.ctx.irq, state.since[2], "disables interrupts"),
        (state.ctx.bh, state.since[1], "disables bh"),
        (state.ctx.preempt, state.since[0], "disables preemption"),
        (state.ctx.rcu, state.since[3], "enters an RCU read-side section"),
    ];
    lock.or_else(|| parts.into_iter().find_map(|(count, since, text)| since.filter(|_| count > 0).map(|op| (op, text.to_owned()))))
}

/// Sleeping is forbidden by what this function did.
fn here(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>, way: &SleepWay, since: OpId, what: String) -> Claim {
    let chain = chain(path.world, way.way);
    let context = words::context(path.state);
    let message = match way.way {
        Way::Callee(f, _) => format!("`{}()` may sleep in `{}()`, called with {context}", path.world.func(f).name, chain.primitive),
        Way::Table(..) => format!("`{}` may sleep, called with {context}", chain.primitive),
        _ => format!("`{}()` may sleep, called with {context}", chain.primitive),
    };
    let claim = judged(path, event, call, way, false, message).since(path, since).step_at(path, Some(since), what);
    steps(claim, path, event, call, way, chain).identity(format!("{} here", way_name(path.world, way.way)))
}

/// Sleeping is forbidden by the way this function is entered.
fn entered(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>, way: &SleepWay, entry: &EntryPoint) -> Claim {
    let world = path.world;
    let chain = chain(world, way.way);
    // Reported where the folder of the entered function is left: that is the code its maintainer can mend.
    let own = folder(world, path.func);
    let mut at = (path.func, event.loc);
    let mut callee = way_name(world, way.way);
    for (i, frame) in chain.frames.iter().enumerate().take_while(|(_, frame)| folder(world, frame.func) == own) {
        at = (frame.func, frame.loc);
        callee = chain.funcs.get(i + 1).map_or(chain.primitive, |f| world.func(*f).name);
    }
    let (name, how) = (path.body.name, &entry.how);
    let message = format!("`{callee}()` may sleep, reached from `{name}` ({how}) with {}", words::context(path.state));
    let bound = entry.bound.map(|(file, line)| format!("`{name}` runs as {how} (bound at {}:{line})", world.program.source.path(file)));
    let claim = judged(path, event, call, way, entry.context.sometimes, message).assume_all(bound);
    let claim = steps(claim.step(path.func, path.body.loc, words::entry_point(entry)), path, event, call, way, chain);
    claim.at(at.0, at.1).identity(format!("{callee} entered in {}", world.path(path.func)))
}

/// The caller says by a GFP mask whether sleeping is allowed, and nobody looks at it.
fn mask_ignored(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>, ways: &[SleepWay]) -> Option<Claim> {
    let param = unread_mask(path.body)?;
    let reclaims = |v| matches!(path.values.get(v), Value::Int(mask) if mask & path.world.gfp_reclaim != 0 && mask >> 28 == 0);
    if !call.args.iter().any(|&v| reclaims(v)) {
        return None;
    }
    let way = ways.iter().find(|w| open_conditions(w) == 0)?;
    let name = path.body.name;
    let claim = Claim::here(path, event, Confidence::Medium, format!("`{name}()` may sleep whatever its caller allows by `{param}`"))
        .assume(format!("some caller of `{name}` passes a mask that forbids sleeping"));
    Some(steps(claim, path, event, call, way, chain(path.world, way.way)).identity(format!("mask {param}")))
}

/// The parameter that is, by its name, a GFP mask, and that the function never reads.
fn unread_mask(body: &Body) -> Option<Symbol> {
    let (at, name) = body.locals.iter().take(body.params as usize).enumerate().find(|(_, name)| name.as_str().starts_with("gfp"))?;
    body.exprs.iter().all(|e| *e != Expr::Local(LocalId(at as u32))).then_some(*name)
}

/// The call, and the frames below it.
fn steps(claim: Claim, path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>, way: &SleepWay, chain: Chain) -> Claim {
    let text = match way.way {
        Way::Callee(f, _) => match path.world.func(f).name {
            target if target == call.name || call.name.is_empty() => format!("calls {target}()"),
            target => format!("calls {target}() through `{}`", call.name),
        },
        Way::Table(..) => format!("calls {}, which may sleep", chain.primitive),
        _ => format!("calls {}(), which may sleep", chain.primitive),
    };
    let mut claim = claim.step(path.func, event.loc, text);
    claim.steps.extend(chain.frames);
    claim
}

/// A claim with its confidence and what it rests on.
fn judged(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>, way: &SleepWay, sometimes: bool, message: String) -> Claim {
    let mut confidence = Confidence::High;
    let mut assumes = Vec::new();
    match open_conditions(way) {
        0 => {}
        1 => {
            confidence = Confidence::Medium;
            assumes.push(format!("the arguments of `{}` allow this way", path.body.name));
        }
        _ => {
            confidence = Confidence::Low;
            assumes.push(format!("a caller of `{}` passes flags that allow sleeping", path.body.name));
        }
    }
    if way.indirect > 0 || way.share.1 > 1 {
        confidence = confidence.min(if way.share.0 * 2 >= way.share.1 { Confidence::Medium } else { Confidence::Low });
        if way.share.1 > 1 {
            assumes.push(format!("`{}` is one of the {} of {} targets that may sleep", call.name, way.share.0, way.share.1));
        }
    }
    if way.modes > 0 {
        assumes.push("the state of the objects involved lets the called functions take this way".to_owned());
    }
    // With preemption off a fault does not sleep, it fails.
    let faults = !path.state.locks.spin() && call.entry.is_some_and(|e| e.faults);
    if way.modes > 0 || way.depth > 5 || words::is_test_code(path.world.path(path.func)) || faults || sometimes {
        confidence = confidence.min(Confidence::Medium);
    }
    Claim::here(path, event, confidence, message).assume_all(assumes)
}

fn folder<'w>(world: &'w World<'_>, f: FuncId) -> &'w str {
    let path = world.path(f);
    path.rsplit_once('/').map_or("", |d| d.0)
}
