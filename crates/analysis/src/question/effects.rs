//! What a function does where its callers can notice, from its summary.

use super::words::{condition, context_left, one_guard, place, values};
use super::{Done, FunctionAnswer, Outcome};
use crate::words::{lock, lock_kind};
use cuthere_base::Step;
use cuthere_flow::body::LocalId;
use cuthere_flow::program::World;
use cuthere_flow::summary::chain::chain;
use cuthere_flow::summary::{EffectId, EffectKind, FuncId, NullWhy, Summary, Way};
use cuthere_kernel::{LockMode, RefOp};

/// Adds everything that the summary says.
pub(super) fn add(world: &World<'_>, f: FuncId, answer: &mut FunctionAnswer) {
    let body = world.func(f);
    let Some(summary) = world.summary(f) else { return };
    for (id, effect) in summary.effects() {
        let done = |what: String| Done { what, condition: condition(body, &effect.condition), steps: steps(world, f, id) };
        match &effect.kind {
            EffectKind::Sleep { .. } => {
                let end = chain(world, Way::Callee(f, id)).primitive;
                let mut what = if end.is_empty() { "its own code".to_owned() } else { format!("{end}()") };
                if matches!(effect.way, Way::Table(..)) {
                    what = end.as_str().to_owned();
                }
                answer.sleeps.push(done(what));
            }
            EffectKind::Deref { param, member, tested: false } => {
                let name = body.local_name(LocalId::new(u32::from(*param)));
                answer.dereferences.push(done(if member.is_empty() { format!("*{name}") } else { format!("{name}->{member}") }));
            }
            EffectKind::Free { place: p, moved: true, .. } => {
                answer.frees.push(done(format!("{}, which may be put elsewhere", place(body, p, true))))
            }
            EffectKind::Free { place: p, deferred, last, counted, .. } => {
                let later = if *deferred { " after a grace period" } else { "" };
                let last = if *last || *counted { " with its last reference" } else { "" };
                answer.frees.push(done(format!("{}{last}{later}", place(body, p, true))));
            }
            EffectKind::Acquire { lock: p, class, kind, mode, .. } => {
                let shared = if *mode == LockMode::Shared { ", shared" } else { "" };
                answer.locks.push(done(format!("{class} ({}{shared}) at {}", lock_kind(*kind), place(body, p, false))));
            }
            EffectKind::Reference { place: p, op, .. } => {
                let how = match op {
                    RefOp::Put => "drops a reference to",
                    _ => "takes a reference to",
                };
                answer.references.push(done(format!("{how} {}", place(body, p, true))));
            }
            // Callers need not ensure anything for what is tested first.
            EffectKind::Deref { .. } | EffectKind::DerefMember { .. } => {}
        }
    }
    answer.returns = returns(world, f, summary);
    answer.outcomes = outcomes(world, f, summary);
}

fn steps(world: &World<'_>, f: FuncId, id: EffectId) -> Vec<Step> {
    chain(world, Way::Callee(f, id)).frames.iter().map(|at| at.step(world)).collect()
}

/// What is known of the result.
fn returns(world: &World<'_>, f: FuncId, summary: &Summary) -> Vec<String> {
    let body = world.func(f);
    let ret = &summary.ret;
    let mut out = Vec::new();
    if summary.noreturn {
        out.push("it does not return".to_owned());
    } else if body.ret_void {
        out.push("nothing".to_owned());
    }
    if let Some(n) = ret.arg {
        out.push(format!("its argument {}", body.local_name(LocalId::new(u32::from(n)))));
    } else if let Some(known) = ret.known.filter(|_| !body.ret_void) {
        out.push(values("result", known));
    }
    if let Some(null) = &ret.null {
        let why = match null.why {
            NullWhy::Allocation => "where an allocation fails",
            NullWhy::Literal => "by its own code",
            NullWhy::Mixed => "where an allocation fails, or by its own code",
            NullWhy::Model => "by what the model says",
        };
        let from = if null.from.is_empty() { String::new() } else { format!(" of {}()", null.from) };
        let when = condition(body, &null.condition);
        let when = if when.is_empty() { String::new() } else { format!(" if {when}") };
        out.push(format!("NULL {why}{from} (line {}){when}", null.loc.line));
    }
    if ret.err {
        out.push("an error pointer, or a negative error number, on some path".to_owned());
    }
    if ret.asks {
        out.push("what the execution context is".to_owned());
    }
    out
}

fn outcomes(world: &World<'_>, f: FuncId, summary: &Summary) -> Vec<Outcome> {
    let body = world.func(f);
    let outcome = |o: &cuthere_flow::summary::Outcome| {
        let mut leaves: Vec<String> = Vec::new();
        for l in &o.locks {
            let how = match (l.taken, l.sure) {
                (true, true) => "holds",
                (true, false) => "perhaps holds",
                (false, true) => "has given back",
                (false, false) => "has perhaps given back",
            };
            leaves.push(format!("{how} {} at {}, line {}", lock(l.class, l.kind), place(body, &l.place, false), l.loc.line));
        }
        leaves.extend(context_left(o.ctx));
        for id in &o.frees {
            if let Some(EffectKind::Free { place: p, .. }) = summary.effect(id.effect).map(|e| &e.kind) {
                leaves.push(format!("has freed {}", place(body, p, true)));
            }
        }
        Outcome { returns: values("result", o.ret), condition: one_guard(body, &o.guard), leaves }
    };
    summary.outcomes.iter().map(outcome).collect()
}
