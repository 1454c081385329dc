//! A timer or work item in an object is armed by the very function that goes on to give the object away.
//!
//! The callback runs on memory that is given back at once or when readers are done, and readers are no callbacks: nobody waits for it. Whoever only arms it, and leaves
//! the rest to the callback, is right.

use super::armed::runs_by_itself;
use super::parts::{Key, Teardown, Uses};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, Expr, ExprId, LocalId, OpId, Record};
use cuthere_flow::index::{Deed, Done, LifeUse, Spot};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::FreeHow;
use std::collections::HashSet;

/// `told`: callback objects whose object's free was found too early.
pub fn judge(all: &Teardown<'_>, told: &HashSet<Key>, claims: &mut Claims) {
    for (key, uses) in all.objects.iter().filter(|(key, _)| !told.contains(key)) {
        let ends = |g: FuncId| all.lives.inside(g).iter().any(|d| frees(&d.life, key.owner));
        if uses.callbacks().any(ends) {
            continue;
        }
        for (f, arm) in uses.arms().filter(|a| runs_by_itself(a.1.kind.as_str())) {
            claims.extend(given_away(all, (*key, uses), *f, arm));
        }
    }
}

fn given_away(all: &Teardown<'_>, (key, uses): (Key, &Uses), f: FuncId, arm: &LifeUse) -> Option<Claim> {
    let (lives, own) = (all.lives, all.lives.lifetimes.own(f));
    let object = known_by(all, f, arm.op).filter(|_| own.contains(arm))?;
    let runs = uses.callbacks().next()?;
    if runs == f || all.takes_reference(f, key.owner) {
        return None;
    }
    let end = own.iter().find(|u| {
        (frees(u, key.owner) && !counted(all, u) || after_grace(all, u, key))
            && lives.always_after(f, arm.op, u.op)
            && known_by(all, f, u.op) == Some(object)
    })?;
    let inside = lives.inside(f);
    let waits = |d: &&Done| matches!(d.life.deed, Deed::Cancel | Deed::CancelSync { .. } | Deed::Flush | Deed::Wait);
    if inside.iter().filter(waits).any(|d| lives.leads(f, arm.op, d.at) && (d.at == end.op || lives.leads(f, d.at, end.op))) {
        return None;
    }
    let (name, by) = (key.text(), all.called(f, end.op));
    let message = format!("the {} `{name}` is armed, and `{}` is given away by {by}() without waiting for it", arm.kind, key.owner);
    let does = match end.deed {
        Deed::Free => format!("frees the object by {by}()"),
        _ => format!("{by}() frees the object when readers are done, and waits for nothing else"),
    };
    let claim = Claim::new(end.op, (f, all.loc(f, end.op)), Confidence::High, message)
        .thread(all.thread(0, f))
        .step(f, all.loc(f, arm.op), format!("arms `{name}`"))
        .step(f, all.loc(f, end.op), does)
        .thread(all.thread(1, runs))
        .step(runs, all.world.func(runs).loc, format!("{}() runs, and uses the object", all.name(runs)));
    Some(claim.identity(format!("{name} given away")))
}

/// Whether a deed gives an object of a record back, at once or after a grace period.
fn frees(life: &LifeUse, record: Record) -> bool {
    matches!(life.deed, Deed::Free | Deed::FreeLater) && life.object == record
}

/// Whether a deed gives memory back only if nobody else holds a reference.
fn counted(all: &Teardown<'_>, life: &LifeUse) -> bool {
    all.world.model.entry(life.kind).is_some_and(|e| e.frees.iter().any(|free| free.how == FreeHow::Last))
}

/// Whether a deed hands an object to a callback that frees it when readers are done: not what waits for the other callback, nor what arms something that frees it.
fn after_grace(all: &Teardown<'_>, life: &LifeUse, key: Key) -> bool {
    let of_mine = |spot: Spot| matches!(spot, Spot::Member { owner, through: false, .. } if owner == key.owner);
    let handed = life.deed == Deed::Arm && life.kind.as_str() == "rcu" && of_mine(life.spot);
    let Some(g) = life.function.filter(|_| handed) else { return false };
    let inside = all.lives.inside(g);
    let later = |d: &Done| match d.life.deed {
        Deed::Flush => true,
        Deed::CancelSync { .. } => Key::of(d.life.spot) == Some(key),
        Deed::Arm => of_mine(d.life.spot),
        _ => false,
    };
    inside.iter().any(|d| frees(&d.life, key.owner)) && !inside.iter().any(later)
}

/// The variable that leads to the object of which a call arms, hands over or frees something.
fn known_by(all: &Teardown<'_>, f: FuncId, op: OpId) -> Option<LocalId> {
    let body = all.world.func(f);
    let (name, args) = body.named_call(op)?;
    let entry = all.world.model.entry(name)?;
    let freed = || entry.frees.first().map(|free| free.argument);
    let argument = entry.callbacks.iter().find_map(|c| c.object).or_else(freed)?;
    args.get(argument as usize).and_then(|&e| led_by(body, e))
}

/// The variable whose value a pointer is, or leads to the object that it points into.
pub fn led_by(body: &Body, e: ExprId) -> Option<LocalId> {
    let Expr::Addr(place) = body.expr(e) else { return body.loaded_local(e) };
    let mut at = place;
    for _ in 0..12 {
        at = match body.expr(at) {
            Expr::Field { base, .. } | Expr::Index { base, .. } => base,
            Expr::Deref(pointer) => return body.loaded_local(pointer),
            _ => return None,
        };
    }
    None
}
