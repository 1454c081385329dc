//! Locks taken by the form that enables interrupts when it gives them back, whatever they were, where they are disabled: in what an interrupt handler calls, in an
//! operation that is called with them off, or in a section that has disabled them itself.
//!
//! Followed are calls by name, down from functions that are entered with interrupts off, or perhaps off. What a function does only for some arguments, and
//! functions that ask for their context, are left alone.

use super::place::asks_context;
use cuthere_analysis::{Claim, Claims, Tree, lock_steps, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Op, OpId, OpKind, Target};
use cuthere_flow::index::LockUse;
use cuthere_flow::program::contexts::Hop;
use cuthere_flow::program::{Callees, EntryPoint};
use cuthere_flow::summary::{FuncId, Way};
use cuthere_kernel::{CtxPart, Level};
use rustc_hash::FxHashMap;

/// Calls down from an entry point that are followed.
const DEPTH_MAX: u32 = 3;

/// How a function is reached with interrupts off: entered so, or called by one that is.
#[derive(Clone, Copy)]
enum Reached<'w> {
    Entered(&'w EntryPoint),
    Called(FuncId, OpId),
}

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let world = tree.world;
    let enabling: Vec<(FuncId, &LockUse)> =
        tree.lock_graph().uses().filter(|(f, u, _)| enables(tree, *f, u)).map(|(f, u, _)| (f, u)).collect();
    if enabling.is_empty() {
        return;
    }
    let reached = reached(tree);
    let mut told: Option<(FuncId, cuthere_base::Symbol)> = None;
    for (f, u) in enabling {
        let body = world.func(f);
        if told == Some((f, u.class)) || words::is_test_code(world.path(f)) || words::is_boot_code(body) || asks_context(tree, f) {
            continue;
        }
        // What the primitive disables itself counts as one.
        let own = u.least.irq > 1;
        if !own && !reached.contains_key(&f) {
            continue;
        }
        told = Some((f, u.class));
        let name = u.place.text();
        let Way::Model(by) = u.way else { continue };
        let message = match own {
            true => format!("`{name}` is taken by {by}() with interrupts off, and they are on when it is given back"),
            false => format!("`{name}` is taken by {by}() where interrupts may be off, and they are on when it is given back"),
        };
        let loc = body.op(u.op).map_or(body.loc, |op| op.loc);
        let doubtful = u.open || u.modes > 0 || u.asked || u.decided && own;
        let mut claim = Claim::new(u.op, (f, loc), if doubtful { Confidence::Low } else { Confidence::Medium }, message);
        if !own {
            claim = lock_steps::way_in(claim, world, f, &way(&reached, f));
        }
        claims.add(lock_steps::used(claim, world, f, u).identity(format!("enables {}", u.class)));
    }
}

/// Whether a lock is taken by a form that does not save whether interrupts were on, and the function gives one back so.
fn enables(tree: &Tree<'_>, f: FuncId, u: &LockUse) -> bool {
    let entry = |name| tree.world.model.entry(name);
    let Way::Model(by) = u.way else { return false };
    let plain = entry(by).is_some_and(|e| e.context.iter().any(|c| c.enter && c.part == CtxPart::Irq));
    let gives = |name| entry(name).is_some_and(|e| !e.releases.is_empty() && e.context.iter().any(|c| !c.enter && c.part == CtxPart::Irq));
    let gives_back = |op: &Op| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => gives(name),
        OpKind::GuardExit { class, .. } => tree.world.model.guard(class).is_some_and(|guard| gives(guard.exit)),
        _ => false,
    };
    plain
        && u.kind.spins()
        && !u.callback
        && !u.private
        && u.released.is_empty()
        && tree.world.func(f).all_ops().any(|(_, op)| gives_back(op))
}

/// The functions that are reached with interrupts off, or perhaps off, by the shortest way.
fn reached<'w>(tree: &Tree<'w>) -> FxHashMap<FuncId, Reached<'w>> {
    let world = tree.world;
    let off = |e: &&EntryPoint| {
        let context = &e.context;
        let may = match context.level {
            Level::Hardirq | Level::Softirq => context.irq_off || context.irq_maybe_off,
            // An operation that tasks call with them off, in any case: under a lock of the core's.
            Level::Task => context.irq_off && !context.irq_maybe_off && !context.sometimes,
            _ => false,
        };
        may && !context.quiescent && e.when.is_empty()
    };
    let mut next: Vec<FuncId> = world.entry_points.keys().copied().collect();
    next.sort_unstable();
    let mut out: FxHashMap<FuncId, Reached<'w>> = FxHashMap::default();
    next.retain(|f| match world.entry_points[f].iter().find(off) {
        Some(entry) => out.insert(*f, Reached::Entered(entry)).is_none(),
        None => false,
    });
    for _ in 0..DEPTH_MAX {
        for f in std::mem::take(&mut next) {
            if asks_context(tree, f) {
                continue;
            }
            for (op, callees) in &world.callees[f.index()] {
                if let Callees::One(g) = *callees
                    && matches!(world.func(f).op(*op).map(|o| o.kind), Some(OpKind::Call { target: Target::Name(_), .. }))
                    && !out.contains_key(&g)
                {
                    out.insert(g, Reached::Called(f, *op));
                    next.push(g);
                }
            }
        }
    }
    out
}

fn way<'w>(reached: &FxHashMap<FuncId, Reached<'w>>, f: FuncId) -> Vec<Hop<'w>> {
    let (mut hops, mut at) = (Vec::new(), f);
    while let Some(&how) = reached.get(&at) {
        match how {
            Reached::Entered(entry) => {
                hops.push(Hop::Entry(at, entry));
                break;
            }
            Reached::Called(g, op) => {
                hops.push(Hop::Calls(g, op));
                at = g;
            }
        }
    }
    hops.reverse();
    hops
}
