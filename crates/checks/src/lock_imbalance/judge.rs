//! Whether a way out keeps what it should not, once all ways out are known: the others are what it is measured by.
//!
//! A lock that no way gives back is forgotten, unless the function is called once to take and once to give back. Else some other way out with an answer of the same
//! kind has to give it back.

use super::{Exit, LockImbalance};
use cuthere_analysis::Claim;
use cuthere_analysis::ways::Answer;
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, OpId};
use cuthere_flow::engine::event::Match;
use cuthere_flow::program::naming::{names_lock, names_unlock};
use cuthere_flow::value::Interval;

impl LockImbalance {
    /// Whether the lock that a claim is about is the caller's, given back for a while.
    pub(super) fn was_held(&self, claim: &Claim) -> bool {
        claim.left.is_some_and(|l| self.retaken.contains(&l.class))
    }

    /// Whether some way out keeps a lock of the class that a claim is about.
    pub(super) fn keeps(&self, claim: &Claim) -> bool {
        let class = claim.left.map(|l| l.class);
        self.exits.iter().flat_map(|e| &e.kept).any(|k| k.2.left.map(|l| l.class) == class)
    }

    /// Whether a lock is taken here and no way out gives it back.
    pub(super) fn forgotten(&self, body: &Body, (taken, name, claim): &(OpId, String, Claim)) -> bool {
        let one = claim.left.is_some_and(|l| l.class.as_str().contains('.'));
        let told = body.annotations.iter().any(|a| a.as_str().contains('('));
        // Called for one event it takes the lock, for another it gives it back.
        let turns = self.exits.iter().any(|e| e.lost.iter().any(|l| l.0 == *name));
        // The caller's lock, given back for a while, is taken again for him.
        one && !turns
            && !self.was_held(claim)
            && !name.is_empty()
            && !told
            && !self.collects.contains(taken)
            && self.pairs.iter().all(|p| p.0 != *taken)
            && !names_lock(body.name)
    }

    /// How sure it is that a way out keeps what it should not.
    pub(super) fn judge(&self, body: &Body, exit: &Exit, (taken, name, claim): &(OpId, String, Claim)) -> Option<Confidence> {
        let taken = *taken;
        let given: Vec<&(OpId, OpId, Match)> = self.pairs.iter().filter(|p| p.0 == taken).collect();
        // Whoever gets an object may get it locked.
        let object = body.ret_ptr && exit.answer == Answer::Open;
        if given.is_empty() || exit.unclear || object || self.was_held(claim) || self.collects.contains(&taken) {
            return None;
        }
        let free = |e: &&Exit| !e.unclear && e.kept.iter().all(|k| k.0 != taken && (k.1 != *name || name.is_empty()));
        let passed = |e: &&Exit| given.iter().any(|p| body.follows(p.1, e.block));
        let siblings: Vec<&Exit> = self.exits.iter().filter(free).collect();
        let count = |e: &Exit| !self.returned.is_empty() && matches!(e.answer, Answer::Zero | Answer::Positive | Answer::NotZero);
        let open = |e: &Exit| e.answer == Answer::Open;
        let alike = |e: &&&Exit| exit.answer == e.answer || open(exit) || open(e) || count(exit) && count(e);
        // `return spin_trylock(…)` succeeds by not being zero.
        let locker = names_lock(body.name) && !names_unlock(body.name);
        let fails = exit.answer == Answer::Failure || exit.answer == Answer::NotZero && !locker;
        let measure = |e: &&&Exit| passed(e) && (fails || alike(e));
        // The others give it back and answer otherwise: looked up, most of these take the lock for whoever asks.
        let differs = !siblings.iter().any(|e| measure(&e));
        if differs && (locker || !siblings.iter().any(passed)) {
            return None;
        }
        // An argument that says whether the lock is to be kept. Ways that left before it was taken say nothing of that, nor do failures where it is the success of
        // the same kind that gives it back.
        let apart = |&(n, at): &(u32, Interval)| {
            let excludes = |e: &&&Exit| e.arguments.iter().find(|a| a.0 == n).is_some_and(|a| a.1.meet(at).is_none());
            siblings.iter().any(|e| passed(e) && alike(&e)) && siblings.iter().filter(measure).all(|e| excludes(&e))
        };
        if exit.arguments.iter().any(|a| !self.returned.contains(&a.0) && apart(a)) {
            return None;
        }
        if exit.skipped.iter().any(|s| given.iter().any(|p| body.block_of(p.1) == Some(*s))) {
            return Some(Confidence::Low);
        }
        let always = body.dominates(taken, Some(exit.block)) || body.dominates(taken, exit.decided);
        // The ways meet again where the function ends: what is skipped may have its reason.
        let joined = !fails && given.iter().any(|p| body.follows(p.1, exit.block));
        let sure = always && !joined && exit.answer != Answer::Open && given.iter().any(|p| p.2 == Match::Exact);
        // A part of the context has its other half elsewhere (single-stepping).
        Some(match sure && !name.is_empty() {
            true if differs => Confidence::Low,
            true if fails => Confidence::High,
            true if !locker => Confidence::Medium,
            _ => Confidence::Low,
        })
    }
}
