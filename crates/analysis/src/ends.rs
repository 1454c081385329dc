//! How objects end: while others run, or with everything that could look them up.
//!
//! What is freed when a module goes, or all at once with what it belongs to (each round of a loop frees one), is gone for nobody who still has the owner. Only what some function
//! ends by itself is.

use crate::checker::Tree;
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Record, Target};
use cuthere_flow::index::{Deed, Lives, Spot};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Model;
use rustc_hash::{FxHashMap, FxHashSet};

/// Callers that are followed up to the end of a module.
const AT_END_MAX: u32 = 5;
/// Callers that are followed up to loops that free all, and to callbacks.
const UP_MAX: u32 = 4;

/// A free of one object while others may run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Freeing {
    pub func: FuncId,
    pub op: OpId,
    /// Not only after a grace period.
    pub at_once: bool,
}

/// Who frees objects other than when all is over, by record.
pub(crate) fn freed_records(tree: &Tree<'_>) -> FxHashMap<Record, Vec<Freeing>> {
    let mut out: FxHashMap<Record, Vec<Freeing>> = FxHashMap::default();
    for f in tree.lifetimes.functions() {
        let frees = tree.lifetimes.own(f).iter().filter(|u| matches!(u.deed, Deed::Free | Deed::FreeLater));
        let mut frees = frees.peekable();
        if frees.peek().is_some() && !at_end(tree, f, 0) {
            for u in frees
                .filter(|u| !made_by(tree.world.func(f), u.op, tree.world.model))
                .filter(|u| !with_all(tree, (f, u.op), matches!(u.spot, Spot::Param(_)), 0))
            {
                out.entry(u.object).or_default().push(Freeing { func: f, op: u.op, at_once: u.deed == Deed::Free });
            }
        }
    }
    out
}

/// Whether what a call frees is memory that the function has allocated itself and nothing else: nobody else has come to know it, or it is given up for one that is there already.
fn made_by(body: &Body, free: OpId, model: &Model) -> bool {
    let Some(OpKind::Call { args, .. }) = body.op(free).map(|op| op.kind) else { return false };
    let Some(local) = body.call_args(args).first().and_then(|&e| body.loaded_local(e)) else { return false };
    let own = |e: ExprId| matches!(body.expr(e), Expr::Local(l) if l == local);
    let mut made = false;
    let alone = body.ops.iter().all(|op| match op.kind {
        OpKind::Call { dst: Some(dst), target: Target::Name(name), .. } if dst == local => {
            let allocates = model.entry(name).is_some_and(|e| e.allocates);
            made |= allocates;
            allocates
        }
        OpKind::Call { dst, .. } => dst != Some(local),
        OpKind::Store { place, value } => !own(place) || body.expr(value) == Expr::Int(0),
        OpKind::LoopNext { args, .. } => !body.call_args(args).iter().any(|&a| body.mentions_local(a, local)),
        _ => true,
    });
    alone && made && local.number() >= body.params
}

/// Whether a function runs only when its module is loaded or unloaded: nobody who could look something up is left, or there yet.
pub(crate) fn at_end(tree: &Tree<'_>, f: FuncId, depth: u32) -> bool {
    let world = tree.world;
    if world.func(f).is_init_or_exit() {
        return true;
    }
    let callers = world.callers(f);
    depth < AT_END_MAX && !entered(tree, f) && !callers.is_empty() && callers.iter().all(|c| c.func != f && at_end(tree, c.func, depth + 1))
}

/// Whether somebody calls a function through a pointer.
fn entered(tree: &Tree<'_>, f: FuncId) -> bool {
    !tree.world.bindings(f).is_empty() || tree.world.entry_points.contains_key(&f)
}

/// Whether each round of a loop makes an operation, or calls the function that does it to its argument.
fn with_all(tree: &Tree<'_>, (f, op): (FuncId, OpId), argument: bool, depth: u32) -> bool {
    if tree.world.func(f).every_round(op) {
        return true;
    }
    let callers = tree.world.callers(f);
    argument
        && depth < UP_MAX
        && !entered(tree, f)
        && !callers.is_empty()
        && callers.iter().all(|c| c.func != f && (at_end(tree, c.func, 0) || with_all(tree, (c.func, c.op), true, depth + 1)))
}

/// Whether a function is only reached from callbacks of work items or timers, and who frees is reached from the same one, or has waited for it.
pub(crate) fn waited_for(tree: &Tree<'_>, lives: &Lives<'_>, f: FuncId, frees: &[Freeing]) -> bool {
    let mut tops = FxHashSet::default();
    if !tops_of(tree, f, 0, &mut tops) || tops.is_empty() || tops.len() > UP_MAX as usize {
        return false;
    }
    // The callback objects that the functions are bound to.
    let mut objects: Vec<Spot> = Vec::new();
    for g in tree.lifetimes.functions() {
        let own = tree.lifetimes.own(g).iter().filter(|u| matches!(u.deed, Deed::Setup | Deed::Arm));
        objects.extend(own.filter(|u| u.function.is_some_and(|h| tops.contains(&h)) && u.spot != Spot::Unknown).map(|u| u.spot));
    }
    let waits = |g: FuncId, op: OpId| {
        lives.before(g, op).iter().any(|d| matches!(d.life.deed, Deed::CancelSync { .. } | Deed::Flush) && objects.contains(&d.life.spot))
    };
    !objects.is_empty() && frees.iter().all(|free| safe(tree, &tops, &waits, (free.func, free.op), 0))
}

/// Whether every way to an operation comes from one of these functions, or passes what waits for them.
fn safe(tree: &Tree<'_>, tops: &FxHashSet<FuncId>, waits: &impl Fn(FuncId, OpId) -> bool, (f, op): (FuncId, OpId), depth: u32) -> bool {
    if tops.contains(&f) || waits(f, op) {
        return true;
    }
    let callers = tree.world.callers(f);
    depth < UP_MAX
        && !callers.is_empty()
        && !entered(tree, f)
        && callers.iter().all(|c| c.func != f && safe(tree, tops, waits, (c.func, c.op), depth + 1))
}

/// The functions through which the kernel gets to one; false: some are not callbacks, or not seen.
fn tops_of(tree: &Tree<'_>, f: FuncId, depth: u32, tops: &mut FxHashSet<FuncId>) -> bool {
    let callers = tree.world.callers(f);
    if callers.is_empty() {
        tops.insert(f);
        return true;
    }
    depth < UP_MAX && !entered(tree, f) && callers.iter().all(|c| c.func != f && tops_of(tree, c.func, depth + 1, tops))
}
