//! A reader of RCU finds an object and takes a reference without asking whether the count is zero, though the count's release function frees the object only when readers are done.
//!
//! Until then readers may find it with a count of zero, and one more reference keeps nothing alive. Left out are objects that some function takes off their list and waits for
//! readers before it gives them up.

use cuthere_analysis::{Claim, Claims, Tree};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Expr, ExprId, Op, OpId, OpKind, Target};
use cuthere_flow::index::{CountedSide, CountedUse, Deed, LifeUse, Spot};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::RefOp;
use std::collections::{BTreeSet, HashSet};

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let world = tree.world;
    let found: Vec<&(FuncId, CountedUse)> = tree.counted.0.iter().filter(|(_, u)| u.side == CountedSide::Read).collect();
    if found.is_empty() {
        return;
    }
    // What is handed to the put is the count's own function.
    let releases: BTreeSet<FuncId> =
        world.releases.values().flat_map(|list| list.iter().filter(|r| r.record.is_unknown()).map(|r| r.func)).collect();
    let mut told = HashSet::new();
    for &&(f, u) in &found {
        let freed = releases.iter().find_map(|&g| frees_later(tree, g, &u).map(|op| (g, op)));
        if let Some(freed) = freed
            && !asks_for_zero(tree, f)
            && !waits_for_readers(tree, &u)
            && told.insert((u.record, u.count, f))
        {
            claims.add(claim(tree, (f, &u), freed));
        }
    }
}

/// Where the release function of a count frees the object when readers are done, if it does.
fn frees_later(tree: &Tree<'_>, release: FuncId, u: &CountedUse) -> Option<OpId> {
    let around = |e: &Expr| matches!(*e, Expr::ContainerOf { record, field, .. } if field == u.count && record.may_be(u.record));
    if !tree.world.func(release).exprs.iter().any(around) {
        return None;
    }
    let inside = |spot: Spot| matches!(spot, Spot::Member { owner, .. } if owner == u.record);
    let later = |d: &&LifeUse| match d.deed {
        Deed::FreeLater => d.object == u.record || inside(d.spot),
        Deed::Arm => d.kind.as_str() == "rcu" && inside(d.spot),
        _ => false,
    };
    tree.lifetimes.own(release).iter().find(later).map(|d| d.op)
}

/// Whether a function also takes references only if the count is not zero: another one of the same object may be what that has given.
fn asks_for_zero(tree: &Tree<'_>, f: FuncId) -> bool {
    let asks = |name| tree.world.model.entry(name).is_some_and(|e| e.refs.iter().any(|r| r.op == RefOp::GetUnlessZero));
    tree.world.func(f).ops.iter().any(|op| matches!(op.kind, OpKind::Call { target: Target::Name(name), .. } if asks(name)))
}

/// Whether some function that takes such objects off the list waits until readers are done.
fn waits_for_readers(tree: &Tree<'_>, u: &CountedUse) -> bool {
    let waits = |f: &FuncId| tree.lifetimes.own(*f).iter().any(|d| d.deed == Deed::Grace);
    tree.lifetimes.functions().into_iter().filter(waits).any(|f| {
        let body = tree.world.func(f);
        let link = |place: ExprId| matches!(body.expr(place), Expr::Field { record, name, .. } if name == u.link && record == u.record);
        let removes = |op: &Op| match op.kind {
            OpKind::Call { target: Target::Name(name), args, .. } => {
                let argument = tree.world.model.entry(name).and_then(|e| e.unlinks);
                let written = argument.and_then(|i| body.call_args(args).get(i as usize));
                written.is_some_and(|&e| matches!(body.expr(e), Expr::Addr(place) if link(place)))
            }
            _ => false,
        };
        body.ops.iter().any(removes)
    })
}

fn claim(tree: &Tree<'_>, (f, u): (FuncId, &CountedUse), (g, free): (FuncId, OpId)) -> Claim {
    let world = tree.world;
    let loc = |f: FuncId, op: OpId| world.func(f).op(op).map_or(world.func(f).loc, |o| o.loc);
    let called = |f: FuncId, op: OpId| match world.func(f).op(op).map(|o| o.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => name,
        _ => Symbol::EMPTY,
    };
    let (count, by) = (format!("{}.{}", u.record, u.count), called(f, u.op));
    let (release, free_by) = (world.func(g).name, called(g, free));
    let freed = format!("`{count}` has come to zero, and {release}() frees the object by {free_by}() when readers are done");
    let message = format!("`{by}()` takes a reference to what a reader has found, whose `{count}` may be zero already");
    Claim::new(u.op, (f, loc(f, u.op)), Confidence::High, message)
        .step(f, loc(f, u.op), format!("has found the object by `{}.{}` as a reader, and takes a reference by {by}()", u.record, u.link))
        .step(g, loc(g, free), freed)
        .assume("whoever takes it off the list does not wait for readers before giving it up")
        .identity(format!("read {count}"))
}
