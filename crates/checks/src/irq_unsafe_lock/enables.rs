//! Locks taken by the form that enables interrupts when it gives them back, whatever they were, where they are disabled: in what an interrupt handler calls, in an
//! operation that is called with them off, or in a section that has disabled them itself. Likewise the form that enables bottom halves, which may not be done with
//! interrupts off: softirqs would run there.
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
    let enabling: Vec<(FuncId, &LockUse, CtxPart)> =
        tree.lock_graph().uses().filter_map(|(f, u, _)| Some((f, u, enables(tree, f, u)?))).collect();
    if enabling.is_empty() {
        return;
    }
    let reached = reached(tree);
    let mut told: Option<(FuncId, cuthere_base::Symbol)> = None;
    for (f, u, part) in enabling {
        let body = world.func(f);
        if told == Some((f, u.class)) || words::is_test_code(world.path(f)) || words::is_boot_code(body) || asks_context(tree, f) {
            continue;
        }
        let bh = part == CtxPart::Bh;
        // What the primitive disables itself counts as one.
        let own = u.least.irq > i8::from(!bh);
        let hops = if own { Vec::new() } else { way(&reached, f) };
        // Where interrupts may be on, enabling bottom halves is for the caller to know.
        if !own && (hops.is_empty() || bh && !hops.first().is_some_and(surely_off)) {
            continue;
        }
        told = Some((f, u.class));
        let name = u.place.text();
        let Way::Model(by) = u.way else { continue };
        let message = match (own, bh) {
            (true, false) => format!("`{name}` is taken by {by}() with interrupts off, and they are on when it is given back"),
            (false, false) => format!("`{name}` is taken by {by}() where interrupts may be off, and they are on when it is given back"),
            (true, true) => format!("`{name}` is taken by {by}() with interrupts off, and giving it back enables bottom halves"),
            (false, true) => format!("`{name}` is taken by {by}() where interrupts are off, and giving it back enables bottom halves"),
        };
        let loc = body.op(u.op).map_or(body.loc, |op| op.loc);
        // What a caller's constant keeps from being reached is not followed down calls.
        let doubtful = u.open || u.modes > 0 || u.asked || u.decided && own || bh && !own;
        let mut claim = Claim::new(u.op, (f, loc), if doubtful { Confidence::Low } else { Confidence::Medium }, message);
        if !own {
            claim = lock_steps::way_in(claim, world, f, &hops);
        }
        claims.add(lock_steps::used(claim, world, f, u).identity(format!("enables {}", u.class)));
    }
}

/// Whether a way begins with interrupts off in any case: a handler of one, or an operation that tasks call so.
fn surely_off(hop: &Hop<'_>) -> bool {
    let Hop::Entry(_, entry) = hop else { return false };
    let context = &entry.context;
    matches!(context.level, Level::Hardirq | Level::Task) && context.irq_off && !context.irq_maybe_off && !context.sometimes
}

/// Which part of the context a lock is taken by a form for that does not save what it was, where the function gives one back so: interrupts, or bottom halves.
fn enables(tree: &Tree<'_>, f: FuncId, u: &LockUse) -> Option<CtxPart> {
    let entry = |name| tree.world.model.entry(name);
    let Way::Model(by) = u.way else { return None };
    let enters = |part| entry(by).is_some_and(|e| e.context.iter().any(|c| c.enter && c.part == part));
    let part = [CtxPart::Irq, CtxPart::Bh].into_iter().find(|part| enters(*part))?;
    let gives = |name| entry(name).is_some_and(|e| !e.releases.is_empty() && e.context.iter().any(|c| !c.enter && c.part == part));
    let gives_back = |op: &Op| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => gives(name),
        OpKind::GuardExit { class, .. } => tree.world.model.guard(class).is_some_and(|guard| gives(guard.exit)),
        _ => false,
    };
    let found =
        u.kind.spins() && !u.callback && !u.private && u.released.is_empty() && tree.world.func(f).all_ops().any(|(_, op)| gives_back(op));
    found.then_some(part)
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
