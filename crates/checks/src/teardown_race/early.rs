//! Memory is freed before what uses it is unregistered.

use super::armed::runs_by_itself;
use super::order::tables;
use super::parts::{Key, Teardown};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::Confidence;
use cuthere_flow::body::{Expr, OpKind, Record};
use cuthere_flow::index::{Deed, Done, LifeUse, Spot};
use cuthere_flow::summary::FuncId;

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    for &f in &all.functions {
        let frees: Vec<LifeUse> = all.lives.lifetimes.own(f).iter().filter(|u| u.deed == Deed::Free).copied().collect();
        for free in frees {
            if let Some(claim) = freed_first(all, f, &free) {
                claims.add(claim);
                break;
            }
        }
    }
}

fn freed_first(all: &Teardown<'_>, f: FuncId, free: &LifeUse) -> Option<Claim> {
    let member = Key::of(free.spot);
    if member.is_none() && free.object.is_unknown() {
        return None;
    }
    let inside = all.lives.inside(f);
    // The way out of a function that makes the object: what it has registered is not in use yet.
    let record = member.map_or(free.object, |key| key.owner);
    if inside.iter().any(|d| all.makes(&d.life, record)) || all.bindings(f).any(|b| matches!(b.field.as_str(), "probe" | "attach" | "bind"))
    {
        return None;
    }
    let ends = |d: &Done| matches!(d.life.deed, Deed::CancelSync { .. } | Deed::Cancel);
    for later in inside.iter().filter(|d| ends(d) && all.lives.always_after(f, free.op, d.at)) {
        let tables = tables(all, later);
        // Who clears the pointer, too, lets the callback know.
        let runs = if member.is_some_and(|key| all.stores(f, key)) { Vec::new() } else { callbacks(all, later, record) };
        let same = |d: &Done| {
            ends(d)
                && d.life.kind == later.life.kind
                && (runs.is_empty() || d.life.spot == later.life.spot)
                && all.lives.leads(f, d.at, free.op)
        };
        if tables.is_empty() && runs.is_empty() || inside.iter().any(same) {
            continue;
        }
        let users = tables.iter().flat_map(|t| all.bound(f, *t).iter().copied()).chain(runs.iter().copied());
        for user in users.clone() {
            if user == f || inside.iter().any(|d| d.by.0 == user) || all.takes_reference(user, record) {
                continue;
            }
            let uses = match member {
                Some(key) => all.loads(user, key.record, key.member),
                None => all.enters(user, free.object),
            };
            if uses {
                return Some(claim(all, f, free, member, later, user));
            }
        }
        // Operations that macros of the tree write are not seen; others who hold the device are seen even less.
        let inside_device = |key: Key| matches!(later.life.spot, Spot::Member { owner, through: false, .. } if owner == key.owner);
        if let Some(key) = member.filter(|key| inside_device(*key))
            && later.life.deed == (Deed::CancelSync { for_good: true })
            && !users.clone().any(|user| all.enters(user, key.owner))
        {
            return Some(unseen(all, f, free, key, later));
        }
    }
    None
}

/// What runs by itself until a deed, if that stops a timer or work item of a record and waits for it.
fn callbacks(all: &Teardown<'_>, done: &Done, owner: Record) -> Vec<FuncId> {
    let own = |key: &Key| key.owner == owner && matches!(done.life.deed, Deed::CancelSync { .. });
    let key = Key::of(done.life.spot).filter(|key| own(key) && runs_by_itself(done.life.kind.as_str()));
    let uses = key.and_then(|key| all.uses(key)).filter(|uses| uses.arms().next().is_some());
    uses.map_or(Vec::new(), |uses| uses.callbacks().collect())
}

/// Freed while the device in the object is still registered.
fn unseen(all: &Teardown<'_>, f: FuncId, free: &LifeUse, key: Key, later: &Done) -> Claim {
    let (stop, what) = (all.called(later.by.0, later.by.1), key.text());
    let message = format!("`{what}` is freed while the device in the object is still registered");
    let claim = Claim::new(free.op, (f, all.loc(f, free.op)), Confidence::Low, message)
        .thread(all.thread(0, f))
        .step(f, all.loc(f, free.op), format!("frees `{what}` by {}()", free.kind))
        .thread("CPU 1: an operation of the device, or somebody who holds a reference to it");
    let claim = claim.step(f, all.loc(f, free.op), format!("uses `{what}`")).thread(all.thread(0, f));
    all.show(claim, f, later, &format!("{stop}() unregisters the device"))
        .assume("some operation of the device uses it")
        .identity(format!("{what} {stop}"))
}

fn claim(all: &Teardown<'_>, f: FuncId, free: &LifeUse, member: Option<Key>, later: &Done, user: FuncId) -> Claim {
    let stop = all.called(later.by.0, later.by.1);
    let what = member.map_or_else(|| free.object.to_string(), Key::text);
    let message = format!("`{what}` is freed before `{stop}()` ends what uses it");
    let claim = Claim::new(free.op, (f, all.loc(f, free.op)), Confidence::High, message)
        .thread(all.thread(0, f))
        .step(f, all.loc(f, free.op), format!("frees `{what}` by {}()", free.kind))
        .thread(all.thread(1, user))
        .step(user, all.world.func(user).loc, format!("{}() uses it", all.name(user)))
        .thread(all.thread(0, f));
    all.show(claim, f, later, &format!("{stop}() keeps it from being called from here on")).identity(format!("{what} {stop}"))
}

impl Teardown<'_> {
    /// Whether a function or a callee loads a pointer from a member.
    fn loads(&self, f: FuncId, record: Record, member: cuthere_base::Symbol) -> bool {
        let body = self.world.func(f);
        let is = |e: &Expr| matches!(*e, Expr::Load(place, _) if matches!(body.expr(place), Expr::Field { record: r, name, .. } if r == record && name == member));
        body.exprs.iter().any(is)
    }

    /// Whether a function stores something in a member.
    fn stores(&self, f: FuncId, key: Key) -> bool {
        let body = self.world.func(f);
        body.ops.iter().any(|op| match op.kind {
            OpKind::Store { place, .. } => {
                matches!(body.expr(place), Expr::Field { record, name, .. } if record == key.record && name == key.member)
            }
            _ => false,
        })
    }

    /// Whether a function reaches into a record.
    fn enters(&self, f: FuncId, record: Record) -> bool {
        let body = self.world.func(f);
        body.exprs
            .iter()
            .any(|e| matches!(*e, Expr::Field { base, record: r, .. } if r == record && matches!(body.expr(base), Expr::Deref(_))))
    }
}
