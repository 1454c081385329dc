//! Locks that are given back by another primitive than the one that belongs to how they were taken: for reading and for writing, with interrupts or bottom halves
//! and without.
//!
//! A primitive that disables less, or more, than its counterpart may be meant, if another one does the rest: what the function leaves when it returns, and what it
//! enables without having disabled it, is judged.

use super::LockImbalance;
use cuthere_analysis::ways::{self, PARTS, certainty, decided, parts};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, Body, OpId, Term};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::{Event, Path};
use cuthere_kernel::{CtxPart, Entry, LockKind, LockMode};

/// A lock given back by the primitive for another way of taking it.
pub(super) struct Variant {
    taken: OpId,
    given: OpId,
    class: Symbol,
    /// How it is held.
    held: LockMode,
    /// How it was taken by an operation that this one gives back rightly.
    mode: LockMode,
    claim: Claim,
}

impl LockImbalance {
    /// A lock is given back that is held: is it by its own primitive?
    pub(super) fn variant(&mut self, path: &Path<'_, '_>, event: &Event<'_>, held: &Held, lock: &Held) {
        let Some(taken) = held.op else { return };
        let how = (taken, event.op, held.mode, lock.mode);
        if !self.modes.contains(&how) {
            self.modes.push(how);
        }
        let Some(name) = ways::lock_name(path, lock).filter(|_| path.body.annotations.is_empty()) else { return };
        let said = match (held.mode, enabled(path, taken, event.op)) {
            (LockMode::Exclusive, _) if lock.mode == LockMode::Shared && told_apart(lock.kind) => {
                format!("`{name}` is taken for writing, and given back as if for reading")
            }
            (LockMode::Shared, _) if lock.mode == LockMode::Exclusive && told_apart(lock.kind) => {
                format!("`{name}` is taken for reading, and given back as if for writing")
            }
            (_, Some(what)) => format!("`{name}` is given back with {what} enabled, which taking it did not disable"),
            _ => return,
        };
        let claim =
            Claim::here(path, event, certainty(path), said).step_at(path, Some(taken), format!("takes `{name}`{}", by(path, taken)));
        let claim = decided(path, claim).step(path.func, event.loc, format!("gives `{name}` back{}", by(path, event.op)));
        // Which form a callee uses is for its arguments to say.
        let direct = [taken, event.op].iter().all(|&op| entry(path, op).is_some());
        let most = if held.mode == lock.mode { Confidence::Medium } else { Confidence::High };
        let claim = claim.clone().sure(if direct { claim.confidence.min(most) } else { Confidence::Low });
        let claim = claim.identity(format!("variant {}", lock.class));
        self.variants.push(Variant { taken, given: event.op, class: lock.class, held: held.mode, mode: lock.mode, claim });
    }

    /// A way out leaves a part of the context that a lock was taken with, and the lock was given back alone.
    pub(super) fn left_by_variant(&mut self, path: &Path<'_, '_>, event: &Event<'_>, taken: OpId, part: usize) {
        let locks = &path.state.locks;
        let Some(past) = locks.past.iter().find(|p| p.taken == taken && p.exact).filter(|_| locks.held.is_empty()) else { return };
        let (Some(took), Some(gave)) = (entry(path, taken), entry(path, past.given)) else { return };
        // What was disabled once more in between is enabled with the flags that were saved.
        let ends = gave.context.iter().any(|c| !c.enter && c.part == CtxPart::IrqSave);
        let ours = took.acquires.len() == 1 && gave.releases.len() == 1 && !ends && path.body.annotations.is_empty();
        let Some(name) = path.describe_place(past.place, 0).filter(|_| ours) else { return };
        let message = format!("`{}` returns with {}: `{name}` was given back alone", path.body.name, PARTS[part]);
        let claim =
            Claim::here(path, event, certainty(path), message).step_at(path, Some(taken), format!("takes `{name}`{}", by(path, taken)));
        let claim = claim.step_at(path, Some(past.given), format!("gives `{name}` back{}", by(path, past.given)));
        let claim = decided(path, claim).step(path.func, event.loc, format!("returns with {}", PARTS[part]));
        let claim = claim.clone().sure(claim.confidence.min(Confidence::Medium)).identity(format!("variant {}", PARTS[part]));
        let mode = LockMode::Exclusive;
        self.variants.push(Variant { taken, given: past.given, class: Symbol::EMPTY, held: mode, mode, claim });
    }

    pub(super) fn judge_variants(&self, body: &Body, claims: &mut Claims) {
        for v in &self.variants {
            // The operation has its own counterpart on other ways: which it is depends on what is not seen here.
            let right = self.modes.iter().any(|m| m.1 == v.given && m.2 == v.mode && m.0 != v.taken);
            let other = self.other_form(body, v);
            // Both stand in one macro, which asks who owns the lock.
            let loc = |op: OpId| body.op(op).map(|o| o.loc);
            if other.is_some_and(|op| loc(op) == loc(v.given)) {
                continue;
            }
            // The caller's lock, taken again in another form, is given back as a variable tells.
            let chosen = self.retaken.contains(&v.class) || other.is_some();
            let certain = !right && !chosen && body.dominates(v.taken, body.block_of(v.given));
            claims.add(v.claim.clone().sure(if certain { v.claim.confidence } else { Confidence::Low }));
        }
    }
}

impl LockImbalance {
    /// What gives the lock back in the other form, where a condition decides between the two: each is on all ways through one arm of it.
    fn other_form(&self, body: &Body, v: &Variant) -> Option<OpId> {
        let behind = |arm: BlockId, op: OpId| {
            let Some(at) = body.block_of(op) else { return false };
            at == arm || body.reaches(arm, at, None) && !body.reaches(BlockId(0), at, Some(arm))
        };
        let forms = self.modes.iter().filter(|m| m.3 == v.held && m.3 != v.mode);
        let other = |arm: BlockId| forms.clone().find(|m| behind(arm, m.1)).map(|m| m.1);
        let own = |arm: BlockId| behind(arm, v.given);
        body.blocks().find_map(|(_, block)| match block.term {
            Term::Branch { then, els, .. } if own(then) => other(els),
            Term::Branch { then, els, .. } if own(els) => other(then),
            _ => None,
        })
    }
}

/// Kinds of locks that readers and writers give back differently.
fn told_apart(kind: LockKind) -> bool {
    matches!(kind, LockKind::RwSpin | LockKind::RwSem | LockKind::Percpurwsem)
}

/// The primitive that an operation calls.
fn entry<'p>(path: &Path<'p, '_>, op: OpId) -> Option<&'p Entry> {
    path.world.model.entry(path.called(op)?)
}

/// What giving a lock back enables that taking it did not disable, nor anything else on the path.
fn enabled(path: &Path<'_, '_>, taken: OpId, given: OpId) -> Option<&'static str> {
    let (took, gave) = (entry(path, taken)?, entry(path, given)?);
    if took.acquires.len() != 1 || gave.releases.len() != 1 {
        return None;
    }
    let ends = |part: usize| gave.context.iter().any(|c| !c.enter && c.part.counter() == Some(part));
    let begins = |part: usize| took.context.iter().any(|c| c.enter && c.part.counter() == Some(part));
    let plain = |part: usize| ends(part) && !begins(part) && parts(path)[part] <= 0;
    [(1, "bottom halves"), (2, "interrupts")].into_iter().find(|(part, _)| plain(*part)).map(|(_, what)| what)
}

/// By what a lock is taken or given back, in words.
fn by(path: &Path<'_, '_>, op: OpId) -> String {
    path.called(op).filter(|name: &Symbol| !name.is_empty()).map_or(String::new(), |name| format!(" by {name}()"))
}
