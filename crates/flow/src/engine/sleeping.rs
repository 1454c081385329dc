//! Finds out how a call may sleep, and what callers are told of it.

use super::call::Call;
use super::*;
use crate::body::{Block, Record};
use crate::summary::chain::chain;

impl<O: Observer> Run<'_, '_, O> {
    /// Finds out how the call may sleep, records it for callers, and shows it.
    pub(super) fn note_sleep(&mut self, call: &Call<'_>, entry: Option<&Entry>, ops: Option<(Record, Symbol)>, state: &State) {
        let world = self.world;
        let values = call.values;
        let mut ways: SmallVec<[SleepWay; 2]> = SmallVec::new();
        let callees = world.callees(self.func, call.index);
        if !state.asked && (state.ctx.pagefault <= 0 || entry.is_some_and(|e| !e.faults)) {
            if let Some(entry) = entry {
                self.entry_sleep(entry, values, state, &mut ways);
                // A body that sleeps whatever happens is not the one that the model speaks of.
                if entry.sleeps == Sleeps::Never
                    && let Some(callees @ Callees::One(_)) = callees
                {
                    self.tree_sleep(callees, values, state, &mut ways);
                    ways.retain(|w| w.depth <= 4 && w.indirect == 0 && w.modes == 0 && w.condition.iter().any(|g| g.is_empty()));
                    // Access to user memory behind such a name has its page faults disabled, or is known not to fault.
                    ways.retain(|w| !world.model.entry(chain(world, w.way).primitive).is_some_and(|e| e.faults));
                }
            } else if let Some(callees) = callees {
                self.tree_sleep(callees, values, state, &mut ways);
            }
            if let Some((record, field)) = ops
                && ways.is_empty()
                && let Some(known) = world.model.ops_field(record.tag_symbol(), field)
                && known.may_sleep == Some(true)
            {
                ways.push(SleepWay {
                    way: Way::Table(record.tag_symbol(), field),
                    condition: Condition::from_elem(Guard::new(), 1),
                    depth: 0,
                    indirect: 1,
                    modes: 0,
                    defers: false,
                    share: (1, 1),
                });
            }
        }
        ways.retain(|w| !(w.defers && (state.ctx.bh > 0 || state.ctx.irq > 0)));
        if ways.is_empty() {
            return;
        }
        // The state a call is seen in decides whether callers may be told: a lock of theirs that was dropped first is none.
        let dropped = state.locks.released.iter().any(|r| r.kind.spins())
            || state.ctx.preempt < self.entry_ctx.preempt
            || state.ctx.bh < self.entry_ctx.bh
            || state.ctx.irq < self.entry_ctx.irq
            || state.ctx.rcu < self.entry_ctx.rcu;
        if !dropped {
            for way in &ways {
                self.record_sleep(call, way, state);
            }
        }
        if dropped && !state.atomic() {
            return;
        }
        let callees = callees.map_or(&[][..], |c| c.list());
        let event = CallEvent { name: call.name, entry, callees, args: values };
        let kind = EventKind::MaySleep { call: event, ways: &ways };
        self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way: Way::Here, kind });
    }

    fn entry_sleep(&mut self, entry: &Entry, args: &[ValueId], state: &State, ways: &mut SmallVec<[SleepWay; 2]>) {
        // What ends a section is not where it went wrong.
        if !entry.releases.is_empty() {
            return;
        }
        let mut guard = Guard::new();
        let arg = |i: u8| args.get(i as usize).copied();
        let sleeps = match entry.sleeps {
            Sleeps::Always | Sleeps::Sometimes => true,
            Sleeps::OnRt => self.world.preempt_rt,
            Sleeps::Gfp(i) => match arg(i).map(|v| self.bits(v, self.world.gfp_reclaim, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Own(subject)) => {
                    guard.push((subject, Test::AnyBit(self.world.gfp_reclaim)));
                    true
                }
                // A mask left out is GFP_KERNEL.
                None => true,
                _ => false,
            },
            Sleeps::IfBit(i, mask) => match arg(i).map(|v| self.bits(v, mask, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Own(subject)) => {
                    guard.push((subject, Test::AnyBit(mask)));
                    true
                }
                _ => false,
            },
            Sleeps::IfTrue(i) | Sleeps::IfFalse(i) => {
                let wanted = matches!(entry.sleeps, Sleeps::IfTrue(_));
                match arg(i) {
                    None => false,
                    Some(v) => match state.known(self.values, v).truth() {
                        Some(truth) => truth == wanted,
                        None => match self.subject(v) {
                            Some(subject) => {
                                guard.push((subject, Test::In(if wanted { Interval::NON_ZERO } else { Interval::ZERO })));
                                true
                            }
                            None => false,
                        },
                    },
                }
            }
            Sleeps::Unknown | Sleeps::Never => false,
        };
        if sleeps {
            ways.push(SleepWay {
                way: Way::Model(entry.name),
                condition: Condition::from_elem(guard, 1),
                depth: 0,
                indirect: 0,
                modes: u8::from(entry.sleeps == Sleeps::Sometimes),
                defers: entry.defers_in_interrupt,
                share: (1, 1),
            });
        }
    }

    fn tree_sleep(&mut self, callees: &Callees, args: &[ValueId], state: &State, ways: &mut SmallVec<[SleepWay; 2]>) {
        let world = self.world;
        let list = callees.list();
        let mut sleeping = 0u16;
        let indirect = u8::from(list.len() > 1);
        for &f in list {
            let Some(summary) = world.summary(f) else { continue };
            let mut first = true;
            for (id, effect) in summary.sleeps() {
                if effect.depth >= 10 {
                    continue;
                }
                let Some(condition) = self.lift(effect, args, state) else { continue };
                if first {
                    sleeping += 1;
                    first = false;
                }
                // Through a pointer one way per call is enough.
                if list.len() > 1 && !ways.is_empty() {
                    break;
                }
                ways.push(SleepWay {
                    way: Way::Callee(f, id),
                    condition,
                    depth: effect.depth + 1,
                    indirect: effect.indirect + indirect,
                    modes: effect.modes,
                    defers: matches!(effect.kind, EffectKind::Sleep { defers: true }),
                    share: (0, 0),
                });
                if ways.len() >= 4 {
                    break;
                }
            }
        }
        for way in ways.iter_mut() {
            way.share = (sleeping, list.len() as u16);
        }
    }

    fn record_sleep(&mut self, call: &Call<'_>, way: &SleepWay, state: &State) {
        // Through a table of operations, callers hear of it only if most of its implementations do it.
        if way.share.1 > 1 && way.share.0 * 2 < way.share.1 || way.indirect > 1 {
            return;
        }
        let effect = Effect {
            kind: EffectKind::Sleep { defers: way.defers },
            loc: call.op.loc,
            way: way.way,
            condition: way.condition.clone(),
            depth: way.depth,
            indirect: way.indirect,
            modes: way.modes.saturating_add(self.modes(state)),
            always: false,
        };
        self.record(call.index, effect, state);
    }

    /// Whether a block ends with an attempt to take a reference (`refcount_inc_not_zero()`), the result of which is its condition: whoever
    /// holds one already knows the answer.
    fn takes_reference(&self, block: &Block) -> bool {
        let ops = self.body.block_ops(block);
        let Some(Op { kind: OpKind::Call { dst: Some(_), target: Target::Name(name), .. }, .. }) = ops.last() else { return false };
        self.world
            .model
            .entry(*name)
            .is_some_and(|e| !e.refs.is_empty() && e.refs.iter().all(|r| r.1 == cuthere_kernel::RefOp::GetUnlessZero))
    }

    /// How many decisions on this path were about flags, modes and counters in memory, rather than about results, pointers or arguments.
    pub(super) fn modes(&self, state: &State) -> u8 {
        let mut at = state.trail;
        let mut count = 0u8;
        let mut steps = 0;
        while at != 0 && steps < 200 {
            let step = self.trail[at as usize];
            let block = self.body.block(step.block);
            if let Term::Branch { cond, .. } | Term::Switch { value: cond, .. } = &block.term
                && (is_mode(self.body, *cond, 0) || self.takes_reference(block))
            {
                count = count.saturating_add(1);
            }
            at = step.parent;
            steps += 1;
        }
        count
    }
}

/// Whether a condition asks for a flag, mode or counter in memory.
fn is_mode(body: &Body, e: ExprId, depth: u32) -> bool {
    if depth > 8 {
        return false;
    }
    match body.expr(e) {
        // A pointer's presence is no mode.
        Expr::Load(place, pointer) => !pointer && !matches!(body.expr(place), Expr::Local(_)),
        Expr::Un(_, a) => is_mode(body, a, depth + 1),
        Expr::Bin(_, a, b) => is_mode(body, a, depth + 1) || is_mode(body, b, depth + 1),
        _ => false,
    }
}
