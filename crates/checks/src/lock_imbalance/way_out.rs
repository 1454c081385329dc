//! A way out of a function, as it is compared with the others: what is kept there, and how sure that is by itself.

use super::told::{handed_out, tells};
use super::{DECISIONS_MAX, Exit, LockImbalance, judged, name};
use cuthere_analysis::ways::{self, Answer, PARTS, certainty, decided, parts};
use cuthere_analysis::{Claim, Left};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, OpId, Term};
use cuthere_flow::engine::{Decision, Event, Path};
use cuthere_flow::value::ValueId;
use cuthere_kernel::LockKind;

impl LockImbalance {
    pub(super) fn exit(&mut self, path: &Path<'_, '_>, event: &Event<'_>, block: BlockId, value: Option<ValueId>) {
        let locks = &path.state.locks;
        let answer = value.map_or(Answer::Nothing, |v| Answer::of(path.known(v), path.body.ret_ptr));
        self.returned.extend(value.and_then(|v| path.values.param(v, path.body.params)));
        let arguments = path.state.facts.iter().filter_map(|f| Some((path.values.param(f.0, path.body.params)?, f.1)));
        let mut exit = Exit {
            block,
            decisions: path.decisions().take(DECISIONS_MAX).map(|d| (d.block, arm(path, d))).collect(),
            tells: tells(path),
            answer,
            kept: Vec::new(),
            unclear: false,
            skipped: ways::skipped(path),
            lost: Vec::new(),
            claim: None,
            open: parts(path).map(|n| n > 0),
            arguments: arguments.collect(),
        };
        for lock in locks.held.iter().filter(|l| l.guard == 0 && judged(l.kind)) {
            exit.unclear |= locks.mistaken(path.values, lock);
            // Whoever gets an object may get it locked.
            let object = value.map(|v| path.values.get(v));
            exit.tells |= object.is_some_and(|object| path.body.ret_ptr && path.values.rests_on(lock.place, &|v| v == object));
            if let (Some(op), Some(name)) = (lock.op, ways::lock_name(path, lock)) {
                let claim = keeps(path, event, op, &format!("`{name}` held"), &format!("takes `{name}`"));
                let most = match lock.kind {
                    // Given back by whoever is done, not by whoever took it.
                    LockKind::Semaphore if answer == Answer::Failure => Confidence::Medium,
                    LockKind::Semaphore | LockKind::WwMutex => Confidence::Low,
                    // Whoever gets the index gives the section back.
                    LockKind::Srcu if handed_out(path, op, value) => Confidence::Low,
                    LockKind::Srcu => Confidence::Medium,
                    // Another one was given back instead: perhaps one that the caller took.
                    _ if locks.released.iter().any(|r| r.kind == lock.kind) => Confidence::Medium,
                    _ => Confidence::High,
                };
                // Taken by a function of its own, it is given back by one. What the model says takes a lock is none.
                let takes = |name: Symbol| path.world.model.entry(name).is_some_and(|e| !e.acquires.is_empty());
                let by = path.world.callees(path.func, op).filter(|_| !path.called(op).is_some_and(takes));
                let by = by.and_then(|c| c.list().first().copied());
                let most = if by.is_some() && path.unread_since(op).is_some() { Confidence::Low } else { most.min(claim.confidence) };
                // Nobody can wait for a lock that is gone.
                let object = path.values.root(lock.place).map(|root| path.values.pointer_root(root));
                let gone = object.is_some_and(|object| path.state.objects.freed(object).is_some());
                let claim =
                    claim.assume_all(gone.then(|| "somebody still has the object that the lock lies in, which is freed".to_owned()));
                let most = if gone { Confidence::Low } else { most };
                let left = Left { class: lock.class, kept: true, falls: false, told: false, by };
                exit.kept.push((op, name, claim.sure(most).unless_completed(left).identity(format!("keeps {}", lock.class))));
            }
        }
        for (i, part) in PARTS.iter().enumerate().filter(|(i, _)| parts(path)[*i] > 0) {
            if let Some(op) = path.state.since[i].filter(|op| locks.held.iter().all(|l| l.op != Some(*op))) {
                exit.kept.push((op, String::new(), keeps(path, event, op, part, "begins here").identity(format!("keeps {part}"))));
                self.left_by_variant(path, event, op, i);
            }
        }
        exit.lost = locks.released.iter().map(|l| (name(path, l), l.op)).collect();
        if path.body.annotations.iter().any(|a| a.as_str().contains('(')) {
            let claim = Claim::here(path, event, Confidence::Low, String::new());
            let claim = locks.released.iter().fold(claim, |c, l| c.step_at(path, l.op, format!("gives `{}` back", name(path, l))));
            exit.claim = Some(decided(path, claim).step(path.func, event.loc, "returns"));
        }
        self.exits.push(exit);
    }
}

/// The arm that a decision took.
pub(super) fn arm(path: &Path<'_, '_>, decision: Decision) -> Option<BlockId> {
    match path.body.block(decision.block).term {
        Term::Branch { then, els, .. } => Some(if decision.taken { then } else { els }),
        _ => None,
    }
}

/// What the function itself keeps, and the place where it began.
fn keeps(path: &Path<'_, '_>, event: &Event<'_>, op: OpId, what: &str, began: &str) -> Claim {
    let claim = Claim::here(path, event, certainty(path), format!("`{}` returns with {what}", path.body.name));
    decided(path, claim.step_at(path, Some(op), began)).step(path.func, event.loc, format!("returns with {what}"))
}
