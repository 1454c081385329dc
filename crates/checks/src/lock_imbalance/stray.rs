//! Locks that are given back without being held, and parts of the context that are ended without having begun.
//!
//! What the function says of its caller's locks, by annotation or assertion, is believed; of two locks of a class that one call gives back it is not known which is which.

use super::annotations::plain;
use super::{LockImbalance, judged};
use cuthere_analysis::ways::{self, PARTS, certainty, decided};
use cuthere_analysis::{Claim, Claims, Left};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, Body, Expr, Op, OpId, OpKind, Term};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::event::Match;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::program::naming::{names_lock, names_unlock};
use cuthere_flow::summary::FuncId;
use cuthere_flow::value::Value;
use cuthere_kernel::{LockKind, Sleeps};

/// A lock given back that is not held, or a part of the context that is ended.
pub(super) struct Stray {
    op: OpId,
    /// Where it was given back before, on this path.
    before: bool,
    /// The block of the last decision, if nothing is decided between it and the operation.
    straight: Option<BlockId>,
    /// The calls whose results were asked for on this path.
    asked: Vec<OpId>,
    /// Of a part of the context: which.
    part: Option<usize>,
    /// It is a counting semaphore, which others may give back.
    counts: bool,
    claim: Claim,
}

impl LockImbalance {
    pub(super) fn judge_strays(&self, world: &World<'_>, func: FuncId, claims: &mut Claims) {
        let body = world.func(func);
        for stray in self.strays.iter().filter(|s| s.before || !self.was_held(&s.claim)) {
            // Those that gave back the same lock elsewhere say more than those of which only the kind is known.
            let mut pairs: Vec<_> = self.pairs.iter().filter(|p| p.1 == stray.op && !self.collects.contains(&p.0)).collect();
            pairs.sort_by_key(|p| p.2 == Match::Kind);
            // `WARN_ON(spin_trylock(…))` says that the lock is held.
            if pairs.iter().any(|p| ways::asserted(world, body, p.0) || !stray.before && ways::same_condition(body, p.0, p.1)) {
                continue;
            }
            if stray.counts && !pairs.iter().any(|p| p.2 == Match::Exact && stray.asked.contains(&p.0) && waits(world, body, p.0)) {
                continue;
            }
            // No way that has taken it leads to where this one parts from them, and none parts from it later.
            let apart = stray.straight.is_some_and(|at| pairs.iter().all(|p| !body.follows(p.0, at)));
            // What is given back twice is plain. What is given back untaken on some ways goes with conditions that are not seen: looked up, most of
            // these were wrong. What other ways keep is held from one call to the next.
            let keeps = match stray.part {
                Some(part) => self.resumed || self.exits.iter().any(|e| e.open[part]),
                None => self.keeps(&stray.claim),
            };
            let confidence = match (stray.before, pairs.first()) {
                (true, _) => Confidence::High,
                // Looked up, the others were taken by callees on ways that nothing tells apart, or under what is asked in other words.
                (_, Some(p)) if (apart || stray.asked.contains(&p.0)) && p.2 != Match::Kind && !keeps => Confidence::Medium,
                (_, Some(_)) => Confidence::Low,
                _ => continue,
            };
            claims.add(stray.claim.clone().sure(confidence.min(stray.claim.confidence)));
        }
    }

    /// A part of the context is ended that was not begun here.
    pub(super) fn stray_part(&mut self, path: &Path<'_, '_>, event: &Event<'_>, part: usize) {
        // What gives a lock back as well is told of the lock; interrupts are enabled by whoever knows that they may be.
        let locks = |name: Symbol| path.world.model.entry(name).is_none_or(|e| !e.releases.is_empty());
        let annotated = path.body.annotations.iter().any(|a| a.as_str().contains('('));
        if part == IRQS || annotated || path.called(event.op).is_none_or(locks) {
            return;
        }
        let message = format!("{} is ended, but has not begun here", STATES[part]);
        let claim = Claim::here(path, event, certainty(path), message);
        let claim = decided(path, claim).step(path.func, event.loc, format!("ends {}", STATES[part]));
        let claim = claim.identity(format!("stray {}", PARTS[part]));
        self.strays.push(Stray {
            op: event.op,
            before: false,
            straight: straight(path, event),
            asked: Vec::new(),
            part: Some(part),
            counts: false,
            claim,
        });
    }

    pub(super) fn stray(&mut self, path: &Path<'_, '_>, event: &Event<'_>, lock: &Held) {
        let locks = &path.state.locks;
        if locks.asserted.contains(&lock.place) || !judged(lock.kind) {
            return;
        }
        let Some(name) = ways::lock_name(path, lock) else { return };
        let annotated = |a: &Symbol| a.as_str().split_once('(').is_some_and(|a| plain(a.1) == plain(&name));
        if path.body.annotations.iter().any(annotated) {
            return;
        }
        let past = locks.past.iter().find(|p| p.place == lock.place);
        let counts = lock.kind == LockKind::Semaphore;
        // By the same call, or by another name: which lock was meant before is not sure. A semaphore may be given back once more.
        if past.is_some_and(|p| p.given == event.op || !p.exact || counts) {
            return;
        }
        let message = format!("`{name}` is given back, but is not held here");
        let claim = Claim::here(path, event, certainty(path), message).step_at(path, past.map(|p| p.taken), format!("takes `{name}`"));
        let claim = claim.step_at(path, past.map(|p| p.given), format!("gives `{name}` back"));
        let claim = decided(path, claim).step(path.func, event.loc, format!("gives `{name}` back, which is not held"));
        let claim = claim.unless_completed(Left { class: lock.class, kept: false, falls: false, told: false, by: None });
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
        let again = past.and_then(|p| taken_again(path, p.given, event.op));
        let claim = claim.assume_all(again.map(|name| format!("{name}() does not take it again")));
        let claim = if again.is_some() { claim.sure(Confidence::Low) } else { claim };
        let cleared = past.is_some_and(|p| asks_what_was_cleared(path, p.given));
        let claim = claim.assume_all(cleared.then(|| "what was cleared beside the first one is set again".to_owned()));
        let claim = if cleared { claim.sure(Confidence::Low) } else { claim };
        let claim = claim.identity(format!("stray {}", lock.class));
        self.strays.push(Stray {
            op: event.op,
            before: past.is_some(),
            straight: straight(path, event),
            asked: asked(path),
            part: None,
            counts,
            claim,
        });
    }
}

/// Whether what takes a lock waits for it: one that only tries may be followed by giving it back in any case.
fn waits(world: &World<'_>, body: &Body, taken: OpId) -> bool {
    let entry = body.named_call(taken).and_then(|(name, _)| world.model.entry(name));
    entry.is_some_and(|e| e.sleeps == Sleeps::Always)
}

/// The calls whose results decided on this path.
fn asked(path: &Path<'_, '_>) -> Vec<OpId> {
    path.decisions().filter_map(|d| path.values.call(d.tested?)).collect()
}

/// Interrupts, as [`PARTS`] counts them.
const IRQS: usize = 2;
/// [`PARTS`], as something that begins and ends.
const STATES: [&str; 4] = ["a section with preemption disabled", "a section with bottom halves disabled", "", "an RCU read-side section"];
/// Blocks between a decision and an operation.
const STRAIGHT_MAX: usize = 16;

/// The block of the last decision, if its arm leads to an operation with nothing decided in between.
fn straight(path: &Path<'_, '_>, event: &Event<'_>) -> Option<BlockId> {
    let (body, last) = (path.body, path.decisions().next()?);
    let (to, mut at) = (body.block_of(event.op)?, super::way_out::arm(path, last)?);
    for _ in 0..STRAIGHT_MAX {
        match body.block(at).term {
            _ if at == to => return Some(last.block),
            Term::Goto(next) => at = next,
            _ => return None,
        }
    }
    None
}

/// A function that is called between two operations and is named for taking a lock, without being known to the model for it.
fn taken_again(path: &Path<'_, '_>, after: OpId, before: OpId) -> Option<Symbol> {
    path.body.all_ops().filter(|(id, _)| after < *id && *id < before).find_map(|(id, _)| {
        let (name, _) = path.body.named_call(id)?;
        (names_lock(name) && !names_unlock(name) && path.world.model.entry(name).is_none()).then_some(name)
    })
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
