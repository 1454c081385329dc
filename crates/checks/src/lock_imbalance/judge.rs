//! Whether a way out keeps what it should not, once all ways out are known: the others are what it is measured by.
//!
//! A lock that no way gives back is forgotten, unless the function is called once to take and once to give back. Else some other way out with an answer of the same
//! kind has to give it back.

use super::{Exit, LockImbalance};
use cuthere_analysis::Claim;
use cuthere_analysis::ways::{Answer, PARTS};
use cuthere_base::Confidence;
use cuthere_flow::body::{BlockId, Body, Expr, ExprId, OpId, OpKind, Term};
use cuthere_flow::engine::event::Match;
use cuthere_flow::program::naming::{names_begin, names_lock, names_referenced, names_unlock};
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
        // The caller's lock, given back for a while, is taken again for him.
        one && !self.turns(name)
            && !self.was_held(claim)
            && !name.is_empty()
            && !told
            && !self.collects.contains(taken)
            && self.pairs.iter().all(|p| p.0 != *taken)
            && !(names_lock(body.name) || names_begin(body.name) || names_referenced(body.name))
    }

    /// Whether some way out gives a lock of this name back that it has not taken: for one event it is taken, for another given back.
    fn turns(&self, name: &str) -> bool {
        self.exits.iter().any(|e| e.lost.iter().any(|l| l.0 == name))
    }

    /// Whether a function that takes a lock for one event, and gives it back for another, fails on a way out on which it leaves the lock as it is, whichever event it was:
    /// who is told of the failure does not know what is held.
    pub(super) fn stuck(&self, body: &Body, exit: &Exit, (taken, name, _): &(OpId, String, Claim)) -> bool {
        let apart = |a: &Exit, b: &Exit| a.arguments.iter().any(|x| b.arguments.iter().any(|y| x.0 == y.0 && x.1.meet(y.1).is_none()));
        let gives: Vec<&Exit> = self.exits.iter().filter(|e| e.lost.iter().any(|l| l.0 == *name)).collect();
        let both = |e: &Exit| {
            let nothing = e.lost.is_empty() && e.kept.is_empty();
            nothing && e.block == exit.block && apart(e, exit) && self.fails(body, e) && gives.iter().all(|g| !apart(g, e))
        };
        !name.is_empty()
            && !exit.tells
            && self.given(*taken).is_empty()
            && self.fails(body, exit)
            && !gives.is_empty()
            && gives.iter().all(|g| g.block != exit.block && apart(g, exit) && !self.fails(body, g))
            && self.exits.iter().any(both)
    }

    /// How sure it is that a way out keeps what it should not.
    pub(super) fn judge(&self, body: &Body, exit: &Exit, kept: &(OpId, String, Claim)) -> Option<Confidence> {
        let (taken, name, claim) = (kept.0, &kept.1, &kept.2);
        let given = self.given(taken);
        // Whoever gets an object may get it locked.
        let object = body.ret_ptr && exit.answer == Answer::Open;
        if given.is_empty() || exit.unclear || object || self.was_held(claim) || self.collects.contains(&taken) {
            return None;
        }
        let passed = |e: &&Exit| given.iter().any(|p| body.follows(p.1, e.block));
        let siblings: Vec<&Exit> = self.without(kept).collect();
        let fails = self.fails(body, exit);
        let measure = |e: &&&Exit| passed(e) && (fails || self.alike(exit, e));
        let differs = !siblings.iter().any(|e| measure(&e));
        if differs && (is_locker(body) || !siblings.iter().any(passed)) {
            return None;
        }
        // An argument that says whether the lock is to be kept. Ways that left before it was taken say nothing of that, nor do failures where it is the success of
        // the same kind that gives it back.
        let apart = |&(n, at): &(u32, Interval)| {
            let excludes = |e: &&&Exit| e.arguments.iter().find(|a| a.0 == n).is_some_and(|a| a.1.meet(at).is_none());
            siblings.iter().any(|e| passed(e) && self.alike(exit, e)) && siblings.iter().filter(measure).all(|e| excludes(&e))
        };
        if exit.arguments.iter().any(|a| !self.returned.contains(&a.0) && apart(a)) {
            return None;
        }
        if self.turns(name) {
            return Some(Confidence::Low);
        }
        if claim.left.is_some_and(|l| l.by.is_some()) && exit.decisions.iter().any(|d| passes_by(body, *d, taken, &given)) {
            return Some(Confidence::Low);
        }
        // Where a lock is given back in the arm alone in which it is taken, what is decided behind that arm says nothing of it.
        let within = given.iter().all(|p| body.dominates(taken, body.block_of(p.1)));
        let own = exit.decisions.iter().position(|d| body.dominates(taken, Some(d.0))).filter(|&n| n == 0 || within);
        let always = own.is_some() || body.dominates(taken, Some(exit.block));
        let arm = own.and_then(|n| exit.decisions[n].1);
        let straight = !exit.tells && arm.is_some_and(|arm| leaves_alone(body, arm, &given));
        if !straight && exit.skipped.iter().any(|s| given.iter().any(|p| body.block_of(p.1) == Some(*s))) {
            return Some(Confidence::Low);
        }
        // The ways meet again where the function ends: what is skipped may have its reason.
        let joined = !fails && given.iter().any(|p| body.follows(p.1, exit.block)) && !left_out(body, exit.block, &given);
        let open = exit.answer == Answer::Open;
        let sure = always && (straight || !joined && !open) && given.iter().any(|p| p.2 == Match::Exact);
        // A part of the context may have its other half elsewhere (single-stepping); a section for readers has it where a lock has.
        let handed = || self.exits.iter().any(|e| e.open[SECTION] && e.answer != Answer::Nothing && !self.fails(body, e));
        if name.is_empty() && (!claim.identity.ends_with(PARTS[SECTION]) || handed()) {
            return Some(Confidence::Low);
        }
        Some(match (fails || !is_locker(body)) && sure {
            // Whoever gets an element by it goes on in the section.
            true if name.is_empty() && (differs || !fails && exit.answer != Answer::Nothing) => Confidence::Low,
            true if name.is_empty() => Confidence::Medium,
            // The others give it back and answer otherwise: so do functions that take the lock for whoever asks.
            true if differs && exit.tells => Confidence::Low,
            true if fails => Confidence::High,
            true => Confidence::Medium,
            false => Confidence::Low,
        })
    }

    /// Whether the ways out that give a lock back answer otherwise than one that keeps it.
    pub(super) fn differs(&self, body: &Body, exit: &Exit, kept: &(OpId, String, Claim)) -> bool {
        let given = self.given(kept.0);
        let passed = |e: &Exit| given.iter().any(|p| body.follows(p.1, e.block));
        let fails = self.fails(body, exit);
        !self.without(kept).any(|e| passed(e) && (fails || self.alike(exit, e)))
    }

    /// The operations that give back what one takes.
    fn given(&self, taken: OpId) -> Vec<&(OpId, OpId, Match)> {
        self.pairs.iter().filter(|p| p.0 == taken).collect()
    }

    /// The ways out that do not keep a lock.
    fn without<'s>(&'s self, (taken, name, _): &'s (OpId, String, Claim)) -> impl Iterator<Item = &'s Exit> {
        self.exits.iter().filter(|e| !e.unclear && e.kept.iter().all(|k| k.0 != *taken && (k.1 != *name || name.is_empty())))
    }

    /// Whether a way out answers that it failed: `return spin_trylock(…)` succeeds by not being zero.
    fn fails(&self, body: &Body, exit: &Exit) -> bool {
        exit.answer == Answer::Failure || exit.answer == Answer::NotZero && !is_locker(body)
    }

    /// Whether two ways out may answer the same.
    fn alike(&self, a: &Exit, b: &Exit) -> bool {
        let count = |e: &Exit| !self.returned.is_empty() && matches!(e.answer, Answer::Zero | Answer::Positive | Answer::NotZero);
        let open = |e: &Exit| e.answer == Answer::Open;
        a.answer == b.answer || open(a) || open(b) || count(a) && count(b)
    }
}

/// Whether a lock is given back in arms of one choice, of which no two are on one way, before the ways meet: a way that passes by all of them is the one that was
/// left out.
fn left_out(body: &Body, meet: BlockId, given: &[&(OpId, OpId, Match)]) -> bool {
    let mut arms: Vec<OpId> = given.iter().filter(|p| p.2 == Match::Exact && body.follows(p.1, meet)).map(|p| p.1).collect();
    arms.sort_unstable();
    arms.dedup();
    let apart = |a: OpId, b: OpId| a == b || body.block_of(b).is_some_and(|b| !body.follows(a, b));
    arms.len() >= ARMS_MIN && arms.iter().all(|&a| arms.iter().all(|&b| apart(a, b)))
}

/// Arms that give a lock back, from which on another arm that does not is an oversight.
const ARMS_MIN: usize = 3;

/// Whether a function is named for taking a lock.
fn is_locker(body: &Body) -> bool {
    names_lock(body.name) && !names_unlock(body.name)
}

/// Whether a decision passes by an unlock because of what the function that took the lock was told as well: it decides there too.
fn passes_by(body: &Body, (block, arm): (BlockId, Option<BlockId>), taken: OpId, given: &[&(OpId, OpId, Match)]) -> bool {
    let Term::Branch { cond, then, els } = body.block(block).term else { return false };
    let other = if arm == Some(then) { els } else { then };
    let Some(OpKind::Call { args, .. }) = body.op(taken).map(|op| op.kind) else { return false };
    let told = |&a: &ExprId| match body.expr(a) {
        Expr::Load(place, pointee) if !pointee.is_pointer() => {
            matches!(body.expr(place), Expr::Local(l) if body.mentions_local(cond, l))
        }
        _ => false,
    };
    given.iter().any(|p| body.block_of(p.1) == Some(other)) && body.call_args(args).iter().any(told)
}

/// Whether an arm does something, or returns, before it meets the ways that gave the lock back.
fn leaves_alone(body: &Body, arm: BlockId, given: &[&(OpId, OpId, Match)]) -> bool {
    let mut at = arm;
    for _ in 0..ARM_MAX {
        let block = body.block(at);
        if given.iter().any(|p| body.follows(p.1, at)) {
            return false;
        }
        match block.term {
            Term::Goto(next) if body.block_ops(block).is_empty() => at = next,
            _ => return true,
        }
    }
    false
}

/// RCU, among the parts of the context.
const SECTION: usize = 3;
/// Empty blocks at the beginning of an arm.
const ARM_MAX: usize = 8;
