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

use crate::check::{Check, CheckInfo, Claim, Eye, Maturity, claim};
use crate::words;
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::analyse::strictest;
use cuthere_flow::chain::{At, sleep_chain, via_name};
use cuthere_flow::digest::{DExpr, Digest};
use cuthere_flow::exec::{CallEvent, Path, SleepHit};
use cuthere_flow::node::Node;
use cuthere_flow::state::AT_ENTRY;
use cuthere_flow::summary::{FuncId, SleepVia, Test};
use cuthere_flow::world::World;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo::new(
        "sleep-in-atomic",
        "a call that may sleep where sleeping is forbidden",
        include_str!("sleep_in_atomic.rs"),
        Maturity::Stable,
    ),
    start: |index, _, _| Box::new(SleepInAtomic { index }),
};

struct SleepInAtomic {
    index: usize,
}

/// What forbids sleeping, and since when.
enum Cause {
    /// A lock or a context switch made by this operation.
    Here(u32, String),
    /// The way the function is entered.
    Entered,
}

impl Eye for SleepInAtomic {
    fn call(&mut self, path: &mut Path<'_, '_>, event: &CallEvent<'_>, claims: &mut Vec<Claim>) {
        if event.sleeps.is_empty() {
            return;
        }
        if !path.state.atomic() {
            self.mask_ignored(path, event, claims);
            return;
        }
        let Some(cause) = cause(path) else { return };
        let s = path.state;
        let only_irqs = s.ctx.irq > 0 && s.ctx.preempt <= 0 && s.ctx.bh <= 0 && s.ctx.rcu <= 0 && s.locks.iter().all(|l| !l.kind.spins());
        // The scheduler itself may be entered with interrupts off, as return-to-user code does.
        let scheduler = |h: &SleepHit| matches!(h.via, SleepVia::Primitive(name) if name.as_str() == "schedule");
        let mut hits: Vec<&SleepHit> = event.sleeps.iter().filter(|h| !(only_irqs && scheduler(h))).collect();
        hits.sort_by_key(|h| (guarded(h), h.indirect, h.modes.min(2), h.depth));
        match cause {
            Cause::Here(op, what) => {
                if let Some(hit) = hits.first() {
                    self.local(path, event, hit, op, what, claims);
                }
            }
            Cause::Entered => {
                for hit in hits {
                    self.entered(path, event, hit, claims);
                }
            }
        }
    }
}

/// The parameter that is, by its name, a GFP mask, and that the function never reads.
fn unread_mask(d: &Digest) -> Option<Symbol> {
    let (at, name) = d.locals.iter().take(d.params as usize).enumerate().find(|(_, name)| name.as_str().starts_with("gfp"))?;
    d.exprs.iter().all(|e| *e != DExpr::Local(at as u32)).then_some(*name)
}

/// 0: nothing is open; 1: a path condition on an argument; 2: bits of an argument.
fn guarded(hit: &SleepHit) -> u8 {
    hit.guards.iter().map(|g| g.iter().map(|(_, t)| if matches!(t, Test::Fact(_)) { 1 } else { 2 }).max().unwrap_or(0)).min().unwrap_or(0)
}

fn cause(path: &Path<'_, '_>) -> Option<Cause> {
    let state = path.state;
    let mut best: Option<(u32, String)> = None;
    for l in state.locks.iter().filter(|l| l.kind.spins() && l.op != AT_ENTRY) {
        let text = format!("takes {}", words::lock(l.class, l.kind));
        if best.is_none() {
            best = Some((l.op, text));
        }
    }
    if let Some((op, text)) = best {
        return Some(Cause::Here(op, text));
    }
    let parts = [
        (state.ctx.irq, state.since[2], "disables interrupts"),
        (state.ctx.bh, state.since[1], "disables bh"),
        (state.ctx.preempt, state.since[0], "disables preemption"),
        (state.ctx.rcu, state.since[3], "enters an RCU read-side section"),
    ];
    for (count, since, text) in parts {
        if count > 0 && since != AT_ENTRY {
            return Some(Cause::Here(since, text.to_owned()));
        }
    }
    (path.world.entrances.contains_key(&path.func)).then_some(Cause::Entered)
}

impl SleepInAtomic {
    fn local(&self, path: &mut Path<'_, '_>, event: &CallEvent<'_>, hit: &SleepHit, since: u32, what: String, claims: &mut Vec<Claim>) {
        let world = path.world;
        let chain = sleep_chain(world, hit.via);
        let Some(taken) = path.digest.ops.get(since as usize) else { return };
        let mut steps = vec![At { func: path.func, loc: taken.loc, text: what }];
        steps.push(At { func: path.func, loc: event.loc, text: call_text(world, event, hit) });
        steps.extend(chain.frames.iter().cloned());
        let context = words::context(path.state);
        let message = match hit.via {
            SleepVia::Primitive(name) => format!("`{name}()` may sleep, called with {context}"),
            SleepVia::Ops(record, field) => format!("`{record}.{field}` may sleep, called with {context}"),
            SleepVia::Function(f, _) => format!("`{}()` may sleep in `{}()`, called with {context}", world.func(f).name, chain.primitive),
        };
        let (confidence, assumes) = self.judge(path, event, hit, false);
        let identity = format!("{} {}", via_name(world, hit.via), path.digest.ops.get(since as usize).map_or("", |_| "here"));
        claim(
            claims,
            Claim {
                check: self.index,
                confidence,
                op: event.op,
                cause: u32::MAX,
                merged: path.state.merged,
                at: (path.func, event.loc),
                message,
                steps,
                assumes,
                locks: words::locks(path.state),
                context,
                identity,
                weigh: None,
            },
        );
    }

    /// The caller says by a GFP mask whether sleeping is allowed, and nobody looks at it.
    fn mask_ignored(&self, path: &mut Path<'_, '_>, event: &CallEvent<'_>, claims: &mut Vec<Claim>) {
        let world = path.world;
        let Some(param) = unread_mask(path.digest) else { return };
        let fixed = |v: &u32| matches!(path.nodes.get(*v), Node::Int(mask) if mask & world.gfp_reclaim != 0 && mask >> 28 == 0);
        if !event.args.iter().any(fixed) {
            return;
        }
        let Some(hit) = event.sleeps.iter().find(|h| guarded(h) == 0) else { return };
        let chain = sleep_chain(world, hit.via);
        let mut steps = vec![At { func: path.func, loc: event.loc, text: call_text(world, event, hit) }];
        steps.extend(chain.frames.iter().cloned());
        let name = path.digest.name;
        claim(
            claims,
            Claim {
                check: self.index,
                confidence: Confidence::Medium,
                op: event.op,
                cause: u32::MAX,
                merged: false,
                at: (path.func, event.loc),
                message: format!("`{name}()` may sleep whatever its caller allows by `{param}`"),
                steps,
                assumes: vec![format!("some caller of `{name}` passes a mask that forbids sleeping")],
                locks: words::locks(path.state),
                context: words::context(path.state),
                identity: format!("mask {param}"),
                weigh: None,
            },
        );
    }

    fn entered(&self, path: &mut Path<'_, '_>, event: &CallEvent<'_>, hit: &SleepHit, claims: &mut Vec<Claim>) {
        let world = path.world;
        let Some(entrance) = world.entrances.get(&path.func).and_then(|e| strictest(e)) else { return };
        let chain = sleep_chain(world, hit.via);
        let mut steps = vec![At { func: path.func, loc: path.digest.loc, text: words::entrance(entrance) }];
        steps.push(At { func: path.func, loc: event.loc, text: call_text(world, event, hit) });
        steps.extend(chain.frames.iter().cloned());
        // Reported where the folder of the entered function is left: that is the code its maintainer can mend.
        let own = folder(world, path.func);
        let mut at = (path.func, event.loc);
        let mut callee = via_name(world, hit.via);
        for (i, frame) in chain.frames.iter().enumerate() {
            if folder(world, frame.func) != own {
                break;
            }
            at = (frame.func, frame.loc);
            callee = chain.funcs.get(i + 1).map_or(chain.primitive, |f| world.func(*f).name);
        }
        let context = words::context(path.state);
        let message = format!("`{callee}()` may sleep, reached from `{}` ({}) with {context}", path.digest.name, entrance.how);
        let (confidence, mut assumes) = self.judge(path, event, hit, entrance.context.sometimes);
        if let Some((file, line)) = entrance.bound {
            assumes.push(format!("`{}` runs as {} (bound at {}:{line})", path.digest.name, entrance.how, world.program.source.path(file)));
        }
        claim(
            claims,
            Claim {
                check: self.index,
                confidence,
                op: event.op,
                cause: u32::MAX,
                merged: path.state.merged,
                at,
                message,
                steps,
                assumes,
                locks: words::locks(path.state),
                context,
                identity: format!("{callee} entered in {}", path.world.path(path.func)),
                weigh: None,
            },
        );
    }

    fn judge(&self, path: &Path<'_, '_>, event: &CallEvent<'_>, hit: &SleepHit, sometimes: bool) -> (Confidence, Vec<String>) {
        let mut confidence = Confidence::High;
        let mut assumes = Vec::new();
        match guarded(hit) {
            0 => {}
            1 => {
                confidence = Confidence::Medium;
                assumes.push(format!("the arguments of `{}` allow this way", path.digest.name));
            }
            _ => {
                confidence = Confidence::Low;
                assumes.push(format!("a caller of `{}` passes flags that allow sleeping", path.digest.name));
            }
        }
        if hit.indirect > 0 || hit.share.1 > 1 {
            confidence = confidence.min(if hit.share.0 * 2 >= hit.share.1 { Confidence::Medium } else { Confidence::Low });
            if hit.share.1 > 1 {
                assumes.push(format!("`{}` is one of the {} of {} targets that may sleep", event.name, hit.share.0, hit.share.1));
            }
        }
        if hit.modes > 0 {
            confidence = confidence.min(Confidence::Medium);
            assumes.push("the state of the objects involved lets the called functions take this way".to_owned());
        }
        if hit.depth > 5 || words::is_test_code(path.world.path(path.func)) {
            confidence = confidence.min(Confidence::Medium);
        }
        let s = path.state;
        if s.locks.iter().all(|l| !l.kind.spins()) && event.entry.is_some_and(|e| e.faults) {
            // With preemption off a fault does not sleep, it fails.
            confidence = confidence.min(Confidence::Medium);
        }
        if sometimes {
            confidence = confidence.min(Confidence::Medium);
        }
        (confidence, assumes)
    }
}

fn call_text(world: &World<'_>, event: &CallEvent<'_>, hit: &SleepHit) -> String {
    match hit.via {
        SleepVia::Primitive(name) => format!("calls {name}(), which may sleep"),
        SleepVia::Ops(record, field) => format!("calls {record}.{field}, which may sleep"),
        SleepVia::Function(f, _) => {
            let target = world.func(f).name;
            if target == event.name || event.name == Symbol::EMPTY {
                format!("calls {target}()")
            } else {
                format!("calls {target}() through `{}`", event.name)
            }
        }
    }
}

fn folder<'w>(world: &'w World<'_>, f: FuncId) -> &'w str {
    let path = world.path(f);
    path.rsplit_once('/').map_or("", |d| d.0)
}
