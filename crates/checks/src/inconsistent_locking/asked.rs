//! Links that are asked before the lock is taken under which they are changed.
//!
//! Who asks whether an element is on a list, and then takes the lock and takes it off, without asking again, acts on what may have changed; but for what does nothing the second
//! time.

use super::lists::{argument, calls};
use super::{Member, View};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, OpId};
use cuthere_flow::index::MemberAccess;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Custom;
use std::collections::HashSet;

impl View<'_, '_> {
    /// Who asks first and takes the lock then.
    pub(super) fn asked_before(
        &self,
        member: Member,
        list: &[(FuncId, MemberAccess)],
        told: &mut HashSet<(FuncId, OpId)>,
        claims: &mut Claims,
    ) {
        let world = self.tree.world;
        let model = world.model;
        let locked = |f: FuncId, op: OpId| {
            let covers = self.covers.get(&member).into_iter().flatten();
            covers.map(|c| c.lock).find(|&l| self.tree.locked.holds(member, l, f, op))
        };
        for &(f, ask) in list.iter().filter(|u| !u.1.store) {
            let body = self.tree.world.func(f);
            let Some(place) = argument(body, ask.op, member) else { continue };
            if locked(f, ask.op).is_some() || model.names_alone(body.name) {
                continue;
            }
            let own = list.iter().filter(|u| u.0 == f).map(|u| u.1);
            let act = own.clone().find(|a| {
                a.store
                    && calls(body, a.op, |name| model.entry(name).is_some_and(|e| e.unlinks.is_some()))
                    && argument(body, a.op, member) == Some(place)
                    && !calls(body, a.op, |name| model.is_custom(Custom::Idempotent, name))
                    && self.lives.leads(f, ask.op, a.op)
                    && locked(f, a.op).is_some()
            });
            let Some(act) = act else { continue };
            let Some(lock) = locked(f, act.op) else { continue };
            let again = own.clone().any(|a| {
                !a.store
                    && a.op != ask.op
                    && locked(f, a.op) == Some(lock)
                    && self.lives.leads(f, ask.op, a.op)
                    && self.lives.leads(f, a.op, act.op)
            });
            let (always, perhaps) = self.entry_locks(f);
            if always.contains(&lock) || perhaps.contains(&lock) {
                continue;
            }
            let apart = |g: FuncId| {
                let there = self.entry_locks(g);
                !there.0.iter().chain(&there.1).any(|l| always.contains(l) || perhaps.contains(l))
            };
            let takes_off = |u: &(FuncId, MemberAccess)| {
                let body = self.tree.world.func(u.0);
                u.1.store && calls(body, u.1.op, |name| model.entry(name).is_some_and(|e| e.unlinks.is_some()))
            };
            let other = list.iter().find(|u| u.0 != f && takes_off(u) && self.tree.locked.holds(member, lock, u.0, u.1.op) && apart(u.0));
            if let (false, Some(other)) = (again, other)
                && told.insert((f, ask.op))
            {
                let twice =
                    |u: &(FuncId, MemberAccess)| takes_off(u) && calls(world.func(u.0), u.1.op, |n| model.is_custom(Custom::Idempotent, n));
                // Whoever takes it off leaves an element that can be taken off again, unless its link is then NULL.
                let harmless = !calls(body, act.op, |name| model.entry(name).is_some_and(|e| e.publishes.is_some()))
                    && list.iter().filter(|u| u.0 != f && takes_off(u)).all(twice);
                let inside = |f: FuncId, op: OpId| argument(world.func(f), op, member).map(|e| is_embedded(world.func(f), e));
                let known = self.contexts.entered(f).certain.reached() && self.contexts.entered(other.0).certain.reached();
                let alike = inside(f, ask.op) == inside(other.0, other.1.op);
                let sure = if known && alike && !harmless { Confidence::Medium } else { Confidence::Low };
                claims.add(self.asked(member, (f, ask, act), (lock, sure), *other));
            }
        }
    }

    fn asked(
        &self,
        member: Member,
        (f, ask, act): (FuncId, MemberAccess, MemberAccess),
        (lock, sure): (Symbol, Confidence),
        (g, other): (FuncId, MemberAccess),
    ) -> Claim {
        let world = self.tree.world;
        let (name, function, there) = (member.0.member_text(member.1), world.func(f).name, world.func(g).name);
        let message = format!("`{function}()` asks for `{name}` before it takes `{lock}`, and changes it then without asking again");
        Claim::new(ask.op, (f, self.loc(f, ask.op)), sure, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, ask.op), format!("asks for `{name}` with no lock held"))
            .thread(format!("CPU 1: {there}()"))
            .step(g, self.loc(g, other.op), format!("changes it under `{lock}`"))
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, act.op), format!("changes it under `{lock}`, as if nothing had happened since"))
            .identity(format!("{name} {lock} asked"))
    }
}

/// Whether the member whose address an expression is belongs to a record that lies in another.
fn is_embedded(body: &Body, e: ExprId) -> bool {
    let Expr::Addr(place) = body.expr(e) else { return false };
    matches!(body.expr(place), Expr::Field { base, .. } if matches!(body.expr(base), Expr::Field { .. }))
}
