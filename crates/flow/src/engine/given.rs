//! Under what a path stands: the conditions on objects' state that were decided on it, failed assertions, last references; and what of
//! the caller's is given back. What callers are told of ways to sleep is recorded here.

use super::call::Call;
use super::*;
use crate::body::Block;
use cuthere_kernel::Custom;

/// Conditions on the state of objects: where, and how they came out. The last says that another condition beside it leads to the same.
pub(super) type Given = SmallVec<[(BlockId, bool, bool); 2]>;

/// Under what a path stands.
pub(super) struct Under {
    pub(super) given: Given,
    /// An assertion failed, or the last reference was dropped.
    pub(super) unlikely: bool,
    /// Nobody held a reference: who calls a function that asks so may know that somebody does.
    pub(super) first: bool,
}

/// Longer paths are not looked at to their start.
const STEPS_MAX: u32 = 200;

impl Run<'_, '_> {
    /// The decisions on this path that were about flags, modes and counters in memory, rather than about results, pointers or arguments; the last
    /// one first.
    pub(super) fn under(&self, state: &State) -> Under {
        let mut under = Under { given: Given::new(), unlikely: false, first: false };
        let mut at = state.trail;
        let mut steps = 0;
        // Where the decision that follows leads from, if both could have led there.
        let mut first = None;
        while at != 0 && steps < STEPS_MAX {
            let step = self.trail[at as usize];
            let block = self.body.block(step.block);
            if let Term::Branch { cond, .. } | Term::Switch { value: cond, .. } = &block.term {
                let asked = |d: &Decision| self.asks_state(d.block);
                let whole = first.unwrap_or(step);
                first = self.beginning(whole, step.parent).filter(asked);
                let alone = || self.takes_reference(block) || self.found_nothing(&step, state);
                if first.is_none() && (asked(&whole) || whole == step && alone()) {
                    under.given.push((whole.block, whole.taken, whole != step));
                }
                let (rare, none) = self.rare(block, *cond, step.taken);
                under.unlikely |= rare;
                under.first |= none;
                if let Term::Branch { then, els, .. } = block.term {
                    under.unlikely |= reports_failure(self.world, self.body, if step.taken { then } else { els });
                }
            }
            at = step.parent;
            steps += 1;
        }
        under
    }

    /// Whether a condition compares the CPU, or the task, that this runs on: who makes it run there knows the answer.
    fn asks_who_runs(&self, cond: ExprId) -> bool {
        let answer = |op: &Op| match op.kind {
            OpKind::Call { dst, target: Target::Name(name), .. } => dst.filter(|_| self.world.model.is_custom(Custom::WhoRuns, name)),
            _ => None,
        };
        let told = self.who_runs.get_or_init(|| self.body.ops.iter().filter_map(answer).collect());
        !told.is_empty() && told.iter().any(|&local| self.body.mentions_local(cond, local))
    }

    /// The decision before one that led to the same place by its other arm (`a && b` that does not hold): that place is reached by what both say together, and
    /// the first of them stands for it.
    fn beginning(&self, step: Decision, parent: u32) -> Option<Decision> {
        let before = self.trail[parent as usize];
        let leads = |d: Decision, taken: bool| match self.body.block(d.block).term {
            Term::Branch { then, els, .. } => Some(if taken { then } else { els }),
            _ => None,
        };
        let same =
            parent != 0 && leads(before, before.taken) == Some(step.block) && leads(step, step.taken) == leads(before, !before.taken);
        (same && leads(step, step.taken).is_some()).then_some(Decision { taken: !before.taken, ..before })
    }

    /// Whether a block ends with an attempt to take a reference (`refcount_inc_not_zero()`), the result of which is its condition: whoever
    /// holds one already knows the answer.
    fn takes_reference(&self, block: &Block) -> bool {
        let ops = self.body.block_ops(block);
        let Some(Op { kind: OpKind::Call { dst: Some(_), target: Target::Name(name), .. }, .. }) = ops.last() else { return false };
        self.world
            .model
            .entry(*name)
            .is_some_and(|e| !e.refs.is_empty() && e.refs.iter().all(|r| r.op == cuthere_kernel::RefOp::GetUnlessZero))
    }

    /// Whether a decision was that a look-up found nothing: who called it before, or made what is looked for, knows that something is there.
    fn found_nothing(&self, step: &Decision, state: &State) -> bool {
        let Some(value) = step.tested else { return false };
        let Some(op) = self.values.call(value).filter(|_| state.known(self.values, value).is_zero()) else { return false };
        self.null_return(op).is_some_and(|(why, _)| why != NullWhy::Allocation)
    }

    /// Whether a block decides about the state of objects, or about where this runs: who made it so knows the answer.
    fn asks_state(&self, block: BlockId) -> bool {
        let all = self.asking.get_or_init(|| self.body.blocks.iter().map(|_| OnceCell::new()).collect());
        *all[block.index()].get_or_init(|| self.find_asks_state(self.body.block(block)))
    }

    fn find_asks_state(&self, block: &Block) -> bool {
        let (Term::Branch { cond, .. } | Term::Switch { value: cond, .. }) = block.term else { return false };
        let mut asked = cond;
        while let Expr::Un(UnOp::Not, inner) = self.body.expr(asked) {
            asked = inner;
        }
        let model = self.world.model;
        let number = || matches!(self.body.expr(asked), Expr::Load(_, pointee) if !pointee.is_pointer());
        // A bit, or a number that a primitive reads.
        let answers = |name| model.is_custom(Custom::AsksBit, name) || model.place_macro(name) == Some(PlaceAccess::Read) && number();
        let seldom = self.body.asks_member(asked).is_some_and(|(record, member)| self.world.tables.is_seldom(record, member));
        seldom
            || is_mode(self.body, cond, 0)
            || self.asks_who_runs(cond)
            || self.body.asked_call(block, asked).is_some_and(|(name, _)| answers(name))
    }

    /// Whether a condition that came out so is a failed assertion, or a reference that was the last one; and whether it says that there is none.
    fn rare(&self, block: &Block, cond: ExprId, taken: bool) -> (bool, bool) {
        let (mut at, mut truth) = (cond, taken);
        for _ in 0..6 {
            match self.body.expr(at) {
                Expr::Un(UnOp::Not, inner) => (at, truth) = (inner, !truth),
                Expr::Load(..) => {
                    let Some(local) = self.body.loaded_local(at) else { break };
                    let made = self.body.block_ops(block).iter().rev().find_map(|op| match op.kind {
                        OpKind::Call { dst: Some(l), target: Target::Name(name), args, .. } if l == local => Some((name, args)),
                        _ => None,
                    });
                    let Some((name, args)) = made else { break };
                    let Some(entry) = self.world.model.entry(name) else { break };
                    if entry.tests == Some(cuthere_kernel::Test::Truth)
                        && let Some(&inner) = self.body.call_args(args).first()
                    {
                        at = inner;
                        continue;
                    }
                    let only = |op| !entry.refs.is_empty() && entry.refs.iter().all(|r| r.op == op);
                    let last = only(cuthere_kernel::RefOp::Put);
                    let none = only(cuthere_kernel::RefOp::GetUnlessZero);
                    return (truth && (entry.tests == Some(cuthere_kernel::Test::Warning) || last), !truth && none);
                }
                _ => break,
            }
        }
        (false, false)
    }

    /// What of the caller's is not held any more: nothing, or what can be told; the outer `None`: it cannot be told.
    pub(super) fn around(&self, state: &State) -> Option<Option<Box<Around>>> {
        let mut locks: SmallVec<[LockDelta; 1]> = SmallVec::new();
        for r in state.locks.released.iter().filter(|r| r.kind.spins()) {
            let place = self.relative(r.place, None)?;
            locks.push(LockDelta { place, class: r.class, kind: r.kind, mode: r.mode, taken: false, sure: true, loc: self.body.loc });
        }
        let less = state.ctx.minus(self.entry_ctx).least(Ctx::default());
        let ctx = Ctx { pagefault: 0, ..less };
        Some((!locks.is_empty() || !ctx.is_zero()).then(|| Box::new(Around { locks, ctx })))
    }

    /// The state in which a callee sleeps that gives back something before; `None`: it may be that nothing is held any more.
    pub(super) fn without(&mut self, call: &Call<'_>, around: &Around, state: &State) -> Option<State> {
        let mut left = state.clone();
        let result = self.values.result(call.index);
        for l in &around.locks {
            let place = self.absolute(&l.place, call.values, result, state)?;
            let class = self.class_of(place, l.class);
            let lock = Held { place, class, kind: l.kind, mode: l.mode, op: None, guard: 0, sure: true };
            match left.locks.find(self.values, &lock) {
                Some((at, _)) => {
                    left.locks.held.remove(at);
                }
                // Another name of a lock that is held, perhaps.
                None if left.locks.held.iter().any(|h| h.kind.spins()) => return None,
                None => {
                    left.locks.release(self.values, lock);
                }
            }
        }
        left.ctx = left.ctx.plus(around.ctx);
        Some(left)
    }

    /// Tells callers of a way to sleep.
    pub(super) fn record_sleep(&mut self, call: &Call<'_>, way: &SleepWay, under: &Under, state: &State) {
        // Through a table of operations, callers hear of it only if most of its implementations do it.
        if way.share.1 > 1 && way.share.0 * 2 < way.share.1 || way.indirect > 1 {
            return;
        }
        let Some(around) = self.around(state) else { return };
        let (defers, unlikely) = (way.defers || state.no_interrupt, way.unlikely || under.unlikely || under.first);
        let sleep = Sleep { wait: way.wait, defers, unlikely, given: None, either: None, around };
        let same = |m: &Made| {
            matches!(&m.effect.kind, EffectKind::Sleep(s) if s.wait == way.wait && s.around == sleep.around)
                && m.op == call.index
                && m.effect.way == way.way
        };
        if let Some(at) = self.made.iter().position(same) {
            // What does not hold on all paths here is no condition.
            if let Some((_, all)) = self.given.iter_mut().find(|g| g.0 == at) {
                all.retain(|g| match under.given.iter().find(|other| (other.0, other.1) == (g.0, g.1)) {
                    Some(other) => {
                        g.2 |= other.2;
                        true
                    }
                    None => false,
                });
            }
            if let EffectKind::Sleep(old) = &mut self.made[at].effect.kind {
                old.defers &= sleep.defers;
                old.unlikely &= sleep.unlikely;
            }
        } else {
            self.given.push((self.made.len(), under.given.clone()));
        }
        let effect = Effect {
            kind: EffectKind::Sleep(sleep),
            loc: call.op.loc,
            way: way.way,
            condition: way.condition.clone(),
            depth: way.depth,
            indirect: way.indirect,
            modes: way.modes,
            always: false,
        };
        self.record(call.index, effect, state);
    }

    /// Adds to each way to sleep what it is under.
    pub(super) fn settle_given(&mut self) {
        for (at, given) in std::mem::take(&mut self.given) {
            // A cap may have kept the effect out.
            let Some(effect) = self.made.get_mut(at).map(|m| &mut m.effect) else { continue };
            if let EffectKind::Sleep(sleep) = &mut effect.kind {
                let found = |other: bool| given.iter().find(|g| g.2 == other).map(|g| (g.0, g.1));
                (sleep.given, sleep.either) = (found(false), found(true));
                effect.modes = effect.modes.saturating_add(given.iter().filter(|g| !g.2).count().min(100) as u8);
            }
        }
    }
}

/// Whether a condition asks for a flag, mode or counter in memory.
pub(super) fn is_mode(body: &Body, e: ExprId, depth: u32) -> bool {
    if depth > 8 {
        return false;
    }
    match body.expr(e) {
        // A pointer's presence is no mode.
        Expr::Load(place, pointee) => !pointee.is_pointer() && !matches!(body.expr(place), Expr::Local(_)),
        Expr::Un(_, a) => is_mode(body, a, depth + 1),
        Expr::Bin(_, a, b) => is_mode(body, a, depth + 1) || is_mode(body, b, depth + 1),
        _ => false,
    }
}
