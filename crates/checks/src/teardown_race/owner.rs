//! A pointer to the object is kept in another one that lives on; it is cleared, and nobody waits for those who have just loaded it.
//!
//! Who frees the object together with the owner of the pointer races with nobody who needs the owner. So a way to the free counts only if no function on it ends the owner, and
//! none has just made the object.

use super::chain::{Chain, chains, entered, one_table, unsafe_chain};
use super::parts::Teardown;
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Record, Target};
use cuthere_flow::index::{Deed, LifeUse};
use cuthere_flow::summary::FuncId;
use std::collections::{HashMap, HashSet};

/// Users of one pointer that are told of.
const USERS_MAX: usize = 6;

/// So many users of one pointer are no exception.
const USUAL: usize = 4;

type Member = (Record, Symbol);

/// The member that holds a pointer, and the record at the start of the way to it.
#[derive(Clone, Copy)]
struct Cleared {
    member: Member,
    owner: Record,
    at: OpId,
}

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    let mut found: Vec<(FuncId, LifeUse, Cleared)> = Vec::new();
    for &f in &all.functions {
        for free in all.lives.lifetimes.own(f).iter().filter(|u| u.deed == Deed::Free && !u.object.is_unknown()) {
            found.extend(cleared(all.world.func(f), free).map(|c| (f, *free, c)));
        }
    }
    let members: HashSet<Member> = found.iter().map(|(.., c)| c.member).collect();
    let users = users(all, &members);
    for (f, free, at) in found {
        let Some((users, pointee)) = users.get(&at.member) else { continue };
        if !pointee.may_be(free.object) {
            continue;
        }
        let Some(chain) = unsafe_chain(all, f, at.owner, free.object) else { continue };
        let others = users.iter().filter(|u| u.0 != f);
        let found: Vec<Claim> = others.filter_map(|&u| race(all, (f, &free, at), &chain, u)).take(USERS_MAX).collect();
        // Where many use the pointer so, something that is not followed keeps them from it.
        let usual = found.len() >= USUAL;
        for claim in found {
            claims.add(if usual { claim.sure(Confidence::Low).assume("nothing else keeps all these users away") } else { claim });
        }
    }
}

/// Members that a function clears.
fn cleared<'b>(body: &'b Body, free: &LifeUse) -> impl Iterator<Item = Cleared> + use<'b> {
    let object = free.object;
    body.all_ops().filter_map(move |(at, op)| {
        let OpKind::Store { place, value } = op.kind else { return None };
        let (Expr::Field { record, name, .. }, Expr::Int(0)) = (body.expr(place), body.expr(value)) else { return None };
        let owner = owner(body, place)?;
        (!record.is_unknown() && record != object && owner != object).then_some(Cleared { member: (record, name), owner, at })
    })
}

/// The record at the start of the way to a place in memory.
fn owner(body: &Body, place: ExprId) -> Option<Record> {
    let mut at = place;
    let mut outer = None;
    for _ in 0..12 {
        match body.expr(at) {
            Expr::Field { base, record, .. } => {
                outer = if record.is_unknown() { outer } else { Some(record) };
                at = base;
            }
            Expr::Index { base, .. } => at = base,
            Expr::Deref(_) => return outer,
            _ => return None,
        }
    }
    None
}

/// Who uses what these members point to, by which operation, and the record that it is.
fn users(all: &Teardown<'_>, members: &HashSet<Member>) -> HashMap<Member, (Vec<(FuncId, OpId)>, Record)> {
    let mut out: HashMap<Member, (Vec<(FuncId, OpId)>, Record)> = HashMap::new();
    for (n, body) in all.world.funcs.iter().enumerate() {
        for (e, expr) in body.exprs.iter().enumerate() {
            let Expr::Load(place, pointee) = *expr else { continue };
            let (Expr::Field { record, name, .. }, Some(object)) = (body.expr(place), pointee.record()) else { continue };
            if !members.contains(&(record, name)) {
                continue;
            }
            let entry = out.entry((record, name)).or_insert_with(|| (Vec::new(), object));
            if let Some(op) = used(body, ExprId(e as u32))
                && entry.0.last().is_none_or(|l| l.0.index() != n)
            {
                entry.0.push((FuncId(n as u32), op));
            }
        }
    }
    out
}

/// Where what a loaded pointer leads to is used: directly, or by the local that it is kept in.
fn used(body: &Body, load: ExprId) -> Option<OpId> {
    let kept = body.ops.iter().find_map(|op| match op.kind {
        OpKind::Store { place, value } if value == load => match body.expr(place) {
            Expr::Local(l) => Some(l),
            _ => None,
        },
        _ => None,
    });
    let is = |e: ExprId| e == load || kept.is_some() && body.loaded_local(e) == kept;
    let inside = |e: ExprId| {
        let mut at = e;
        for _ in 0..8 {
            at = match body.expr(at) {
                Expr::Addr(p) | Expr::Deref(p) if is(p) => return true,
                Expr::Addr(p) => p,
                Expr::Field { base, .. } | Expr::Index { base, .. } => base,
                _ => return is(at),
            };
        }
        false
    };
    body.all_ops()
        .find(|(_, op)| match op.kind {
            OpKind::Access { ptr, .. } => is(ptr),
            OpKind::Call { args, target: Target::Name(_), .. } => {
                body.call_args(args).iter().any(|&a| matches!(body.expr(a), Expr::Addr(_)) && inside(a))
            }
            _ => false,
        })
        .map(|(id, _)| id)
}

fn race(all: &Teardown<'_>, (f, free, at): (FuncId, &LifeUse, Cleared), chain: &Chain, (user, op): (FuncId, OpId)) -> Option<Claim> {
    let lives = &all.lives;
    let root = chain.first().map_or(f, |c| c.0);
    if chain.iter().any(|c| c.0 == user) || lives.inside(f).iter().any(|d| d.by.0 == user) || all.takes_reference(user, free.object) {
        return None;
    }
    let makes = |g: FuncId| {
        lives.inside(g).iter().any(|d| matches!(d.life.deed, Deed::Allocate { .. } | Deed::Free) && d.life.object == free.object)
    };
    if makes(user) {
        return None;
    }
    // Where it is waited for readers, those are safe who are in a read-side section.
    let waits = lives.inside(f).iter().any(|d| d.life.deed == Deed::Grace && lives.leads(f, at.at, d.at));
    if waits && all.in_read_side(user) {
        return None;
    }
    if all.common_lock((f, at.at), (user, op), free.object) {
        return None;
    }
    let ways = chains(all, user);
    let way = ways.iter().find(|way| {
        let first = way.first().map_or(user, |c| c.0);
        first != root && !one_table(all, first, root) && !way.iter().any(|c| c.0 == f || chain.contains(c) || makes(c.0))
    })?;
    let first = way.first().map_or(user, |c| c.0);
    // Closing a file, or what a user asks for, does not end the owner; unbinding a driver may.
    let by_user = entered(all, root).iter().any(|(record, ..)| {
        matches!(record.tag(), "file_operations" | "proc_ops" | "proto_ops" | "genl_ops" | "kobj_attribute" | "device_attribute")
    });
    let sure = if by_user { Confidence::High } else { Confidence::Low };
    let member = format!("{}.{}", at.member.0, at.member.1);
    let message = format!("`{}()` frees `{}` while `{}()` may use it through `{member}`", all.name(f), free.object, all.name(user));
    let mut claim = Claim::new(free.op, (f, all.loc(f, free.op)), sure, message).thread(all.thread(1, first));
    for (n, &(g, call)) in way.iter().enumerate() {
        let next = way.get(n + 1).map_or(user, |c| c.0);
        claim = claim.step(g, all.loc(g, call), format!("{}() calls {}()", all.name(g), all.name(next)));
    }
    claim = claim.step(user, all.loc(user, op), format!("has loaded `{member}`")).thread(all.thread(0, root));
    for (n, &(g, call)) in chain.iter().enumerate() {
        let next = chain.get(n + 1).map_or(f, |c| c.0);
        claim = claim.step(g, all.loc(g, call), format!("{}() calls {}()", all.name(g), all.name(next)));
    }
    let claim = claim
        .step(f, all.loc(f, at.at), format!("clears `{member}`"))
        .step(f, all.loc(f, free.op), format!("frees the object by {}()", free.kind))
        .thread(all.thread(1, first))
        .step(user, all.loc(user, op), "uses the freed object");
    Some(claim.assume(format!("the `{}` that holds the pointer outlives this", at.owner)).identity(format!("{member} {}", all.name(user))))
}
