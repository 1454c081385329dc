//! Pointers that are loaded before the lock is taken under which others set them to NULL.
//!
//! Who loads a pointer, takes the lock then, and tests and follows what was loaded before, acts on what may be gone: the test says that others take it away, and the lock is theirs. Nothing is
//! said where the pointer is loaded again under the lock, or where the lock lies in what it leads to. A lock that all callers of a function hold counts as its own, if it gives none back.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, LocalId, Op, OpId, OpKind, Target, Term};
use cuthere_flow::summary::{FuncId, Way};
use cuthere_kernel::LockKind;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::collections::HashSet;

/// Where members are set to NULL, and under which lock.
type Nulled = FxHashMap<Member, Vec<(Symbol, FuncId, OpId)>>;

/// A pointer that is loaded into a variable which gets no other value.
struct Early {
    f: FuncId,
    load: OpId,
    local: LocalId,
    member: Member,
}

impl View<'_, '_> {
    pub(super) fn stale(&self, told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let nulled = self.nulled();
        let of = |(n, body): (usize, &Body)| early(FuncId(n as u32), body, &nulled);
        let all: Vec<Early> = self.tree.world.funcs.par_iter().with_min_len(256).enumerate().flat_map_iter(of).collect();
        for early in all {
            let Some((taken, lock, by)) = self.locked_too_late(&early, &nulled) else { continue };
            if told.insert((early.f, early.load)) {
                claims.add(self.loaded_early(&early, (taken, lock), by));
            }
        }
    }

    fn nulled(&self) -> Nulled {
        let mut out = Nulled::default();
        for (member, lock, uses) in self.tree.locked.all().filter(|m| !m.0.0.is_file_level()) {
            for u in uses.iter().filter(|u| u.store && !u.list) {
                let body = self.tree.world.func(u.func);
                if matches!(body.op(u.op).map(|o| o.kind), Some(OpKind::Store { value, .. }) if body.expr(value) == Expr::Int(0)) {
                    out.entry(member).or_default().push((lock, u.func, u.op));
                }
            }
        }
        for f in (0..self.tree.world.funcs.len() as u32).map(FuncId) {
            for (member, lock, store) in self.nulled_for_callers(f) {
                out.entry(member).or_default().push((lock, f, store));
            }
        }
        for all in out.values_mut() {
            all.sort_by_key(|(lock, f, op)| (lock.as_str(), *f, *op));
            all.dedup();
        }
        out
    }

    /// The members that a function sets to NULL under locks of objects that all its callers hold.
    fn nulled_for_callers(&self, f: FuncId) -> Vec<(Member, Symbol, OpId)> {
        let world = self.tree.world;
        let body = world.func(f);
        let locks = &self.contexts.entered(f).certain.locks;
        let counts = |class: Symbol, kind: LockKind| kind != LockKind::Srcu && class.as_str().contains('.');
        let held: Vec<Symbol> = locks.iter().filter(|l| l.always && counts(l.class, l.kind)).map(|l| l.class).collect();
        let gives_back = |op: &Op| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => world.model.entry(name).is_some_and(|e| !e.releases.is_empty()),
            _ => false,
        };
        let mut out = Vec::new();
        if held.is_empty() || body.ops.iter().any(gives_back) {
            return out;
        }
        for (op, o) in body.all_ops() {
            let OpKind::Store { place, value } = o.kind else { continue };
            let (Expr::Field { base, record, name }, Expr::Int(0)) = (body.expr(place), body.expr(value)) else { continue };
            if matches!(body.expr(base), Expr::Deref(_)) && !record.is_unknown() && !self.quiet(f, Some(record)) {
                out.extend(held.iter().map(|&lock| ((record, name), lock, op)));
            }
        }
        out
    }

    /// The operation that takes the lock after the load, the lock, and who sets the member to NULL under it.
    fn locked_too_late(&self, early: &Early, nulled: &Nulled) -> Option<(OpId, Symbol, (FuncId, OpId))> {
        let world = self.tree.world;
        let (f, body) = (early.f, world.func(early.f));
        let facts = self.tree.lock_graph().facts(f)?;
        let inner = body.local_pointee(early.local);
        let entered = self.entry_locks(f);
        for &(lock, g, store) in nulled.get(&early.member)?.iter().filter(|n| n.1 != f) {
            let own = inner.is_some_and(|r| lock.as_str().strip_prefix(r.tag()).is_some_and(|rest| rest.starts_with('.')));
            let again = self.tree.locked.under(early.member, lock).iter().any(|u| u.func == f && !u.store);
            // Another lock, held here all the time, keeps that store away; the one that is taken here is not held before.
            let kept = nulled
                .get(&early.member)?
                .iter()
                .any(|n| (n.1, n.2) == (g, store) && n.0 != lock && (entered.0.contains(&n.0) || entered.1.contains(&n.0)));
            let takes = facts.uses.iter().filter(|u| !u.callback && u.class == lock && matches!(u.way, Way::Here | Way::Model(_)));
            let taken = takes.map(|u| u.op).find(|&op| early.load < op && body.dominates(early.load, body.block_of(op)));
            let Some(taken) = taken.filter(|_| !own && !again && !kept) else { continue };
            let follows = |(op, o): (OpId, &Op)| match o.kind {
                OpKind::Access { ptr, .. } => body.loaded_local(ptr) == Some(early.local) && self.lives.leads(f, taken, op),
                _ => false,
            };
            let used_before = body.all_ops().any(|(op, o)| follows((op, o)) && op < taken);
            let tested = body.blocks().any(|(id, block)| match &block.term {
                Term::Branch { cond, .. } => tests(body, *cond, early.local) && body.follows(taken, id),
                _ => false,
            });
            if tested && !used_before && body.all_ops().any(follows) && self.may_be_stale(early) {
                return Some((taken, lock, (g, store)));
            }
        }
        None
    }

    fn may_be_stale(&self, early: &Early) -> bool {
        let world = self.tree.world;
        let cut = world.summary(early.f).is_none_or(|s| s.truncated);
        !cut && !self.tree.locked.is_doubtful(early.f, early.load)
            && !self.quiet(early.f, Some(early.member.0))
            && !words::is_test_code(world.path(early.f))
            && self.own_locks(early.member, early.f, early.load).is_empty()
    }

    fn loaded_early(&self, early: &Early, (taken, lock): (OpId, Symbol), (g, store): (FuncId, OpId)) -> Claim {
        let world = self.tree.world;
        let (f, load) = (early.f, early.load);
        let (function, there, name) = (world.func(f).name, world.func(g).name, early.member.0.member_text(early.member.1));
        let message = format!(
            "`{function}()` loads `{name}` before it takes `{lock}`, under which `{there}()` sets it to NULL, and goes on with what it loaded"
        );
        Claim::new(load, (f, self.loc(f, load)), Confidence::Medium, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, load), format!("loads `{name}` with no lock held"))
            .thread(format!("CPU 1: {there}()"))
            .step(g, self.loc(g, store), format!("sets it to NULL under `{lock}`"))
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, taken), format!("takes `{lock}`, and follows the old pointer"))
            .assume("what it led to may be gone by then")
            .identity(format!("{name} {lock} stale {function}"))
    }
}

/// The loads of such members into variables.
fn early(f: FuncId, body: &Body, nulled: &Nulled) -> Vec<Early> {
    let mut out = Vec::new();
    for (load, op) in body.all_ops() {
        let OpKind::Store { place, value } = op.kind else { continue };
        let (Expr::Local(local), Expr::Load(from, _)) = (body.expr(place), body.expr(value)) else { continue };
        let Expr::Field { base, record, name } = body.expr(from) else { continue };
        let once = || body.all_ops().filter(|(_, o)| body.sets_local(o.kind, local)).count() == 1;
        if matches!(body.expr(base), Expr::Deref(_)) && nulled.contains_key(&(record, name)) && !body.is_rcu(from) && once() {
            out.push(Early { f, load, local, member: (record, name) });
        }
    }
    out
}

/// Whether a condition asks whether a variable is NULL.
fn tests(body: &Body, cond: ExprId, local: LocalId) -> bool {
    match body.expr(cond) {
        Expr::Load(..) => body.loaded_local(cond) == Some(local),
        Expr::Un(_, inner) => tests(body, inner, local),
        e => body.compared(e).is_some_and(|(a, b)| body.expr(b) == Expr::Int(0) && body.loaded_local(a) == Some(local)),
    }
}
