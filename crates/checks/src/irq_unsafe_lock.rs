//! # irq-unsafe-lock
//!
//! A lock is taken in interrupt or softirq context, and elsewhere with that context enabled.
//!
//! ## Why it matters
//!
//! The interrupt may come while its CPU holds the lock. The handler then waits for the lock, and whoever would give it back waits for the handler: the CPU hangs.
//! Lockdep says "inconsistent lock state". The rules are in `Documentation/locking/spinlocks.rst` and `Documentation/kernel-hacking/locking.rst`:
//! a lock that a handler takes is taken by `spin_lock_irqsave()` or `spin_lock_irq()` everywhere else, one that a softirq takes by `spin_lock_bh()`.
//!
//! ## Example
//!
//! ```c
//! static irqreturn_t unit_irq(int irq, void *data)
//! {
//!     spin_lock(&u->lock);
//!     ...
//! }
//!
//! static int unit_ioctl(struct unit *u)
//! {
//!     spin_lock(&u->lock);        /* unit_irq() may come now */
//! ```
//!
//! ## How it decides
//!
//! How functions are entered is followed from the entry points (handlers, timers, tasklets, operations tables) down the call graph: at which level, and what is disabled on every
//! way in. Callbacks of notifier chains are entered as the chain says that the file registers with. A class is used in a context if a function takes it there, other than by a trylock, and it is used with that context enabled if
//! a way leads to a place that takes it on which nothing disables the context. Handlers that run in threads are tasks. Readers on both sides do not wait
//! for each other. It is told at the surest of the places that do not disable, with the others beside.
//!
//! The other way round: `spin_unlock_irq()` enables interrupts, whatever they were. So a lock that is taken by `spin_lock_irq()`, or its guard, in what a handler calls, a completion that may be
//! called with interrupts off, or an operation that a task always calls with them off, by name and a few calls down, or in a function that has them disabled for another lock, is told as well.
//! So is one taken by `spin_lock_bh()` where interrupts are off in any case: giving it back would run softirqs there.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: both ways are certain (calls by name, or members that hold one function), and no path of the function to the place disables the context; or the place has slept before, or holds
//!   what only a task can hold, or its function disables the context itself for something else, without saving what it was; or interrupts are enabled where they are, or may be, off.
//! * **low**: the interrupting side is shut off then: its interrupt is disabled, freed, not requested yet, or its request has failed, its timer or poll function stopped, or begun only
//!   after the device was opened; the driver takes or gives up the device there, and the other side is an operation that disables the context itself; the operation that it comes
//!   from is not called meanwhile (`ndo_start_xmit` in `ndo_open`); a long way leads to one of the places, the place's callers are not known, some paths of the function disable the context, both sides are one statement (but of an operation that is known to be called by softirqs and by tasks), some callers of a helper in a header disable it, the two ways are in different drivers, the function disables the interrupt itself or asks for its
//!   context, it runs at boot, or the lock's object has just been made.
//!
//! ## What it assumes and misses
//!
//! Two objects of a class are taken for one, as lockdep takes them. That the interrupt is masked in the device is not seen.

mod enables;
mod place;
mod quiet;

use cuthere_analysis::{Check, CheckInfo, Claim, Claims, Maturity, Tree, lock_steps, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::index::{LockClass, LockUse};
use cuthere_flow::program::contexts::{Part, Sought};
use cuthere_flow::summary::{FuncId, Way};
use cuthere_kernel::{Level, LockMode};
use place::{Place, Unsafe, surest, taken_inside, unsafe_place};
use std::collections::BTreeMap;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "irq-unsafe-lock",
        summary: "a lock is taken in interrupt or softirq context, and elsewhere with that context enabled",
        source: include_str!("irq_unsafe_lock.rs"),
        maturity: Maturity::Trial,
    },
    start: None,
    entered: false,
    tree: Some(judge),
};

/// Other places that are shown.
const OTHERS_MAX: usize = 4;

/// A context that interrupts others, and what keeps it away.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Interrupt {
    level: Level,
    part: Part,
    name: &'static str,
    cure: &'static str,
}

const INTERRUPTS: [Interrupt; 2] = [
    Interrupt { level: Level::Hardirq, part: Part::Irq, name: "hard interrupt", cure: "interrupts" },
    Interrupt { level: Level::Softirq, part: Part::Softirq, name: "softirq", cure: "bottom halves" },
];

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    enables::judge(tree, claims);
    let graph = tree.lock_graph();
    let mut classes: BTreeMap<LockClass, Vec<(FuncId, &LockUse)>> = BTreeMap::new();
    for (func, u, class) in graph.uses() {
        // Who takes a lock of his caller's again takes it as that one did.
        if matches!(u.way, Way::Model(_)) && u.kind.spins() && !u.callback && !u.private && !u.released.contains(&u.class) {
            classes.entry(class).or_default().push((func, u));
        }
    }
    tree.contexts().prepare(&INTERRUPTS.map(|i| [Sought::WithoutPart(i.part), Sought::Level(i.level)]).concat());
    for (class, uses) in classes {
        for interrupt in INTERRUPTS {
            let inside: Vec<Place<'_>> = uses.iter().filter_map(|&(f, u)| taken_inside(tree, interrupt, f, u)).collect();
            // Readers do not wait for readers.
            let writer = surest(inside.iter().filter(|p| p.used.mode != LockMode::Shared));
            let anybody = surest(inside.iter());
            let mut found: Vec<Unsafe<'_>> = Vec::new();
            for &(f, u) in &uses {
                let handler = if u.mode == LockMode::Shared { writer } else { anybody };
                found.extend(handler.and_then(|handler| unsafe_place(tree, class, interrupt, handler, (f, u), &uses)));
            }
            // One lock and one context are one defect: the surest place is told, with the others beside.
            found.sort_by_key(|p| (!p.sure, p.assumes.len(), p.func, p.used.op));
            if let Some(first) = found.first_mut() {
                if first.hops.is_empty() {
                    first.find_ways(tree, interrupt);
                }
                claims.add(claim(tree, class, interrupt, &found));
            }
        }
    }
}

fn claim(tree: &Tree<'_>, class: LockClass, interrupt: Interrupt, found: &[Unsafe<'_>]) -> Claim {
    let world = tree.world;
    let first = &found[0];
    let (f, u, handler) = (first.func, first.used, first.handler);
    let body = world.func(f);
    let place = |p: &Unsafe<'_>| world.func(p.func).op(p.used.op).map_or(world.func(p.func).loc, |op| op.loc);
    let name = &tree.lock_graph().classes.info(class).name;
    let handles = world.func(handler.func).name;
    let message = format!("`{name}` is taken with {} enabled, and in {} context by `{handles}()`", interrupt.cure, interrupt.name);
    let confidence = if first.sure { Confidence::Medium } else { Confidence::Low };
    let mut claim = Claim::new(u.op, (f, place(first)), confidence, message).identity(format!("unsafe {name} {}", interrupt.name));
    claim.locks = vec![words::lock(Symbol::intern(name), u.kind)];
    claim = claim.thread(format!("CPU 0: {}()", body.name));
    claim = lock_steps::way_in(claim, world, f, &first.hops);
    claim = lock_steps::used(claim, world, f, u);
    claim = claim.thread(format!("CPU 0: {}, interrupting it", interrupt.name));
    claim = lock_steps::way_in(claim, world, handler.func, &first.comes);
    claim = lock_steps::used(claim, world, handler.func, handler.used);
    // Those of which something else has to be assumed are for a reader of this one to judge.
    let others: Vec<&Unsafe<'_>> = found[1..].iter().filter(|p| p.sure == first.sure).collect();
    if !others.is_empty() {
        claim = claim.thread("elsewhere");
    }
    for (n, other) in others.iter().take(OTHERS_MAX).enumerate() {
        let more = others.len() - n - 1;
        let rest = if n + 1 == OTHERS_MAX && more > 0 { format!(", and at {more} more places") } else { String::new() };
        claim = claim.step(other.func, place(other), format!("takes `{name}` in the same way{rest}"));
    }
    claim.assume_all(first.assumes.iter().cloned()).assume("the objects meet: locks of one class are taken for one")
}
