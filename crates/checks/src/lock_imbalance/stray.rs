//! Locks that are given back without being held.
//!
//! What the function says of its caller's locks, by annotation or assertion, is believed; of two locks of a class that one call gives back it is not known which is which.

use super::annotations::plain;
use super::{LockImbalance, Stray, judged};
use cuthere_analysis::ways::{self, certainty, decided};
use cuthere_analysis::{Claim, Left};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Expr, Op, OpId, OpKind, Term};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::value::Value;
use cuthere_kernel::LockKind;

impl LockImbalance {
    pub(super) fn stray(&mut self, path: &Path<'_, '_>, event: &Event<'_>, lock: &Held) {
        let locks = &path.state.locks;
        if locks.asserted.contains(&lock.place) || !judged(lock.kind) || lock.kind == LockKind::Semaphore {
            return;
        }
        let Some(name) = ways::lock_name(path, lock) else { return };
        let annotated = |a: &Symbol| a.as_str().split_once('(').is_some_and(|a| plain(a.1) == plain(&name));
        if path.body.annotations.iter().any(annotated) {
            return;
        }
        let past = locks.past.iter().find(|p| p.place == lock.place);
        // By the same call, or by another name: which lock was meant before is not sure.
        if past.is_some_and(|p| p.given == event.op || !p.exact) {
            return;
        }
        let message = format!("`{name}` is given back, but is not held here");
        let claim = Claim::here(path, event, certainty(path), message).step_at(path, past.map(|p| p.taken), format!("takes `{name}`"));
        let claim = claim.step_at(path, past.map(|p| p.given), format!("gives `{name}` back"));
        let claim = decided(path, claim).step(path.func, event.loc, format!("gives `{name}` back, which is not held"));
        let claim = claim.unless_completed(Left { class: lock.class, kept: false, falls: false, told: false, by: None });
        let plain = past.is_some() || path.state.rounds.is_empty() && !path.state.merged;
        // A callee may have given back another one.
        let primitive = |name: Symbol| path.world.model.entry(name).is_some_and(|e| !e.releases.is_empty());
        let by_callee = past.is_some_and(|p| path.called(p.given).is_some_and(|name| !primitive(name)));
        let most = if by_callee { claim.confidence.min(Confidence::Medium) } else { claim.confidence };
        let claim = claim.sure(most);
        // What a callee gives may be locked, where not all of its ways are known.
        let giver = path.values.root(lock.place).and_then(|root| path.values.call(path.values.pointer_root(root)));
        let callee = giver.and_then(|op| path.world.callees(path.func, op)).and_then(|c| c.list().first().copied());
        let unknown = callee.filter(|f| path.world.summary(*f).is_none_or(|s| s.truncated));
        let claim = claim.assume_all(unknown.map(|f| format!("{}() does not give it locked", path.world.func(f).name)));
        // Which lock an accessor returns the address of (`rq_lockp(rq)`) is not followed.
        let by_name = matches!(path.values.get(lock.place), Value::PDeref(at) if path.values.call(at).is_some());
        let named = past.is_none() && (by_name || lock.class.as_str().ends_with("()"));
        let claim =
            claim.assume_all(named.then(|| "the lock whose address a call returned is not one that is held by another name".to_owned()));
        let claim = if unknown.is_some() || named { claim.sure(Confidence::Low) } else { claim };
        let cleared = past.is_some_and(|p| asks_what_was_cleared(path, p.given));
        let claim = claim.assume_all(cleared.then(|| "what was cleared beside the first one is set again".to_owned()));
        let claim = if cleared { claim.sure(Confidence::Low) } else { claim };
        self.strays.push(Stray { op: event.op, before: past.is_some(), plain, claim: claim.identity(format!("stray {}", lock.class)) });
    }
}

/// Whether the last decision asks for a member that is cleared where a lock was given back before: a flag that stands for the lock.
fn asks_what_was_cleared(path: &Path<'_, '_>, given: OpId) -> bool {
    let body = path.body;
    let Some(Term::Branch { cond, .. }) = path.decisions().next().map(|d| body.block(d.block).term.clone()) else { return false };
    let asked = match body.expr(cond) {
        Expr::Un(_, inner) => body.expr(inner),
        other => other,
    };
    let Expr::Load(place, _) = asked else { return false };
    let clears = |(id, op): (OpId, &Op)| {
        matches!(op.kind, OpKind::Store { place: p, value } if p == place && body.expr(value) == Expr::Int(0))
            && body.block_of(id) == body.block_of(given)
    };
    !matches!(body.expr(place), Expr::Local(_)) && body.all_ops().any(clears)
}
