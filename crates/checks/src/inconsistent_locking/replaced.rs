//! Pointers that are freed and replaced with no lock, by what anybody may ask for at any time.
//!
//! Two callers that do it at once both free what the pointer led to, and whoever follows it meanwhile reads freed memory. Told of are functions behind operations that run whatever else
//! does, in which no way to the replacement takes a lock, claims a flag, or goes through what is not known. Work items and timers race with others, not with themselves: they are left alone.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Target, Term};
use cuthere_flow::program::contexts::Hop;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{Custom, FreeHow, LockKind, Model};
use rayon::prelude::*;
use std::collections::HashSet;

/// A member whose old value is freed, and a new one stored.
#[derive(Clone, Copy)]
struct Swap {
    member: Member,
    free: OpId,
    store: OpId,
    /// What is freed was loaded before, into a variable: the new one may be stored first.
    kept: bool,
}

impl View<'_, '_> {
    pub(super) fn replaced(&self, told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let world = self.tree.world;
        let of = |(n, body): (usize, &Body)| swaps(world.model, body).into_iter().map(move |s| (FuncId(n as u32), s));
        let all: Vec<(FuncId, Swap)> = world.funcs.par_iter().with_min_len(256).enumerate().flat_map_iter(of).collect();
        for (f, swap) in all {
            let Some(hops) = self.open_way(f, Some(swap.member.0), (Symbol::EMPTY, LockKind::SleepingOther)) else { continue };
            let asked = matches!(hops.first(), Some(Hop::Entry(_, entry)) if entry.how.contains('.'));
            let ordered = self.lives.leads(f, swap.free, swap.store) || swap.kept && self.lives.leads(f, swap.store, swap.free);
            if asked
                && ordered
                && !self.may_exclude(f, &[swap.free, swap.store])
                && !self.is_marked(f, &swap)
                && told.insert((f, swap.free))
            {
                claims.add(self.swapped(f, &swap, &hops));
            }
        }
    }

    /// Whether something on a way to one of these operations may keep others out.
    pub(super) fn may_exclude(&self, f: FuncId, to: &[OpId]) -> bool {
        let world = self.tree.world;
        let body = world.func(f);
        let leads = |op: OpId| to.iter().any(|&to| self.lives.leads(f, op, to));
        body.all_ops().any(|(op, o)| match o.kind {
            OpKind::GuardEnter { .. } => leads(op),
            OpKind::Call { target: Target::Pointer(_), .. } => leads(op),
            OpKind::Call { target: Target::Name(name), .. } => {
                let takes = |g: &FuncId| world.summary(*g).is_none_or(|s| s.outcomes.iter().any(|o| o.locks.iter().any(|l| l.taken)));
                let below = || world.callees(f, op).is_some_and(|callees| callees.list().iter().any(takes));
                let known =
                    world.model.entry(name).is_some_and(|e| !e.acquires.is_empty()) || world.model.is_custom(Custom::SetsFlag, name);
                (known || speaks_of_locks(name) || below()) && leads(op)
            }
            _ => false,
        })
    }

    /// Whether the object is marked before what it leads to is freed (`if (s->busy) return -EBUSY; s->busy = file;`): what makes asking and setting the mark
    /// one step may be out of sight.
    fn is_marked(&self, f: FuncId, swap: &Swap) -> bool {
        let body = self.tree.world.func(f);
        body.all_ops().any(|(op, o)| match o.kind {
            OpKind::Store { place, value } => {
                let set = body.expr(value) != Expr::Int(0) && shared_member(body, place).is_some_and(|m| m != swap.member);
                set && self.lives.leads(f, op, swap.free) && asked_for(body, place)
            }
            _ => false,
        })
    }

    fn swapped(&self, f: FuncId, swap: &Swap, hops: &[Hop<'_>]) -> Claim {
        let world = self.tree.world;
        let (function, name) = (world.func(f).name, swap.member.0.member_text(swap.member.1));
        let message = format!(
            "`{function}()` frees what `{name}` leads to and stores another pointer there with no lock held: two of them free it twice"
        );
        let claim = Claim::new(swap.free, (f, self.loc(f, swap.free)), Confidence::Medium, message);
        let claim = cuthere_analysis::lock_steps::way_in(claim, world, f, hops);
        claim
            .step(f, self.loc(f, swap.free), format!("frees what `{name}` leads to"))
            .thread(format!("CPU 1: {function}()"))
            .step(f, self.loc(f, swap.free), "has loaded the same pointer, and frees it as well")
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, swap.store), "stores another pointer")
            .assume("nothing else keeps two callers apart")
            .identity(format!("{name} replaced {function}"))
    }
}

/// The members of which a function frees the value, and stores another one.
fn swaps(model: &Model, body: &Body) -> Vec<Swap> {
    let mut out: Vec<Swap> = Vec::new();
    for (free, op) in body.all_ops() {
        let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { continue };
        let Some(entry) = model.entry(name) else { continue };
        for effect in entry.frees.iter().filter(|e| e.how == FreeHow::Now) {
            let Some(&freed) = body.call_args(args).get(effect.argument as usize) else { continue };
            let Some(place) = origin(body, freed) else { continue };
            let Some(member) = shared_member(body, place) else { continue };
            let stored = body.all_ops().find(|(_, o)| match o.kind {
                OpKind::Store { place: at, value } => at == place && body.expr(value) != Expr::Int(0),
                _ => false,
            });
            if let Some((store, _)) = stored.filter(|_| !out.iter().any(|s| s.member == member)) {
                out.push(Swap { member, free, store, kept: body.loaded_local(freed).is_some() });
            }
        }
    }
    out
}

/// The place that a value was loaded from, at once or by way of a variable that holds nothing else.
fn origin(body: &Body, e: ExprId) -> Option<ExprId> {
    let Expr::Load(place, _) = body.expr(e) else { return None };
    let Expr::Local(local) = body.expr(place) else { return Some(place) };
    let mut sets = body.all_ops().filter(|(_, o)| body.sets_local(o.kind, local));
    match (sets.next(), sets.next()) {
        (Some((_, op)), None) => match op.kind {
            OpKind::Store { value, .. } => match body.expr(value) {
                Expr::Load(from, _) if !matches!(body.expr(from), Expr::Local(_)) => Some(from),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The member that a place is, of an object that a pointer leads to.
pub(super) fn shared_member(body: &Body, place: ExprId) -> Option<Member> {
    let Expr::Field { mut base, record, name } = body.expr(place) else { return None };
    while let Expr::Field { base: outer, .. } = body.expr(base) {
        base = outer;
    }
    (matches!(body.expr(base), Expr::Deref(_)) && !record.is_unknown()).then_some((record, name))
}

/// Whether a branch of the function depends on what a place holds.
fn asked_for(body: &Body, place: ExprId) -> bool {
    let asks = |cond: ExprId| {
        let mut found = false;
        body.walk(cond, &mut |expr| found |= matches!(expr, Expr::Load(from, _) if from == place));
        found
    };
    body.blocks().any(|(_, block)| matches!(block.term, Term::Branch { cond, .. } if asks(cond)))
}

/// Whether a function's name speaks of keeping others out.
fn speaks_of_locks(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| matches!(word, "lock" | "trylock" | "enter" | "begin" | "acquire" | "claim" | "cmpxchg" | "xchg"))
}
