//! Members that are accessed under the lock of another object of the same record.
//!
//! The lock of an object keeps others from its own members, not from those of its like. Where the functions that access a member take the lock of the object that it lies in, one
//! that takes the lock of another object holds the wrong one. Objects of which one was reached from the other are left alone: a list or a parent may be locked as a whole.
//! It is surer where the function was handed both, and asks whether they are one.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, LocalId};
use cuthere_flow::index::{LockOf, LockedAccess};
use cuthere_flow::summary::FuncId;
use std::collections::BTreeSet;

/// Functions that hold the right lock, at least.
const OWN_MIN: usize = 2;

impl View<'_, '_> {
    pub(super) fn another(&self, member: Member, claims: &mut Claims) {
        for cover in self.covers.get(&member).into_iter().flatten().filter(|c| c.stores || c.list) {
            let uses = self.tree.locked.under(member, cover.lock);
            let of = |of: LockOf| uses.iter().filter(move |u| u.of == of);
            let own: BTreeSet<FuncId> = of(LockOf::Own).map(|u| u.func).collect();
            let odd: BTreeSet<FuncId> = of(LockOf::Another).map(|u| u.func).collect();
            let stores = of(LockOf::Own).find(|u| u.store);
            let (Some(store), Some(first)) = (stores, of(LockOf::Another).next()) else { continue };
            if own.len() < OWN_MIN || odd.len() > 1 || own.contains(&first.func) || words::is_test_code(self.tree.world.path(first.func)) {
                continue;
            }
            let sure = if self.asks_whether_one(member, cover.lock, first) { Confidence::Medium } else { Confidence::Low };
            claims.add(self.of_another(member, cover.lock, first, (store, own.len())).sure(sure));
        }
    }

    /// Whether a function asks if the object that it locks and the one that it accesses, both of which it was handed, are one: so they may be two.
    fn asks_whether_one(&self, member: Member, lock: Symbol, odd: &LockedAccess) -> bool {
        let body = self.tree.world.func(odd.func);
        let facts = self.tree.lock_graph().facts(odd.func);
        let taken = facts.into_iter().flat_map(|facts| facts.uses.iter()).filter(|u| u.class == lock && !u.callback);
        let locked: Vec<LocalId> =
            taken.filter_map(|u| body.named_call(u.op)).filter_map(|(_, args)| owner(body, *args.first()?)).collect();
        let of_member = |e: &Expr| match *e {
            Expr::Field { base, record, name } if (record, name) == member => owner(body, base),
            _ => None,
        };
        let accessed: Vec<LocalId> = body.exprs.iter().filter_map(of_member).collect();
        let handed = |l: LocalId| l.number() < body.params;
        body.exprs.iter().filter_map(|e| body.compared(*e)).any(|(a, b)| match (body.loaded_local(a), body.loaded_local(b)) {
            (Some(a), Some(b)) if handed(a) && handed(b) && a != b => {
                locked.contains(&a) && accessed.contains(&b) || locked.contains(&b) && accessed.contains(&a)
            }
            _ => false,
        })
    }

    fn of_another(&self, member: Member, lock: Symbol, odd: &LockedAccess, (store, n): (&LockedAccess, usize)) -> Claim {
        let world = self.tree.world;
        let (function, there, name) = (world.func(odd.func).name, world.func(store.func).name, member.0.member_text(member.1));
        let does = if odd.store { "stores" } else { "loads" };
        let message = format!("`{function}()` {does} `{name}` of one object under `{lock}` of another");
        Claim::new(odd.op, (odd.func, self.loc(odd.func, odd.op)), Confidence::Low, message)
            .thread(format!("CPU 0: {function}()"))
            .step(odd.func, self.loc(odd.func, odd.op), format!("{does} `{name}` of an object whose `{lock}` is not held"))
            .thread(format!("CPU 1: {there}()"))
            .step(store.func, self.loc(store.func, store.op), format!("changes it under `{lock}` of that object"))
            .assume(format!("{n} functions hold the lock of the object itself"))
            .identity(format!("{name} {lock} of another"))
    }
}

/// The variable that leads to the object in which a place lies, or whose address a value is.
fn owner(body: &Body, e: ExprId) -> Option<LocalId> {
    match body.expr(e) {
        Expr::Addr(inner) | Expr::Field { base: inner, .. } | Expr::Index { base: inner, .. } => owner(body, inner),
        Expr::Deref(pointer) => body.loaded_local(pointer),
        _ => None,
    }
}
