//! Finds out how a call may sleep, and what callers are told of it.

use super::*;
use crate::chain::sleep_chain;

impl<O: Observer> Run<'_, '_, O> {
    /// Finds out how the call may sleep, records it for callers, and shows the call to the observers.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn note_call(
        &mut self,
        index: u32,
        op: &DOp,
        name: Symbol,
        entry: Option<&Entry>,
        ops: Option<(Symbol, Symbol)>,
        values: &[NodeId],
        state: &mut State,
    ) {
        let world = self.world;
        let mut hits: SmallVec<[SleepHit; 2]> = SmallVec::new();
        let callees = world.callees(self.func, index);
        if !state.asked && (state.ctx.pagefault <= 0 || entry.is_some_and(|e| !e.faults)) {
            if let Some(entry) = entry {
                self.entry_sleep(entry, values, state, &mut hits);
                // A body that sleeps whatever happens is not the one that the model speaks of.
                if entry.sleeps == Sleeps::Never
                    && let Some(callees @ crate::world::Callees::One(_)) = callees
                {
                    self.tree_sleep(callees, values, state, &mut hits);
                    hits.retain(|h| h.depth <= 4 && h.indirect == 0 && h.modes == 0 && h.guards.iter().any(|g| g.is_empty()));
                    // Access to user memory behind such a name has its page faults disabled, or is known not to fault.
                    hits.retain(|h| !world.model.entry(sleep_chain(world, h.via).primitive).is_some_and(|e| e.faults));
                }
            } else if let Some(callees) = callees {
                self.tree_sleep(callees, values, state, &mut hits);
            }
            if let Some((record, field)) = ops
                && hits.is_empty()
                && let Some(known) = world.model.ops_field(record, field)
                && known.may_sleep == Some(true)
            {
                hits.push(SleepHit {
                    via: SleepVia::Ops(record, field),
                    guards: SmallVec::from_elem(Guard::new(), 1),
                    depth: 0,
                    indirect: 1,
                    modes: 0,
                    defers: false,
                    share: (1, 1),
                });
            }
        }
        hits.retain(|h| !(h.defers && (state.ctx.bh > 0 || state.ctx.irq > 0)));
        // The state a call is seen in decides whether callers may be told: a lock of theirs that was dropped first is none.
        let dropped = state.released.iter().any(|r| r.kind.spins())
            || state.ctx.preempt < self.entry_ctx.preempt
            || state.ctx.bh < self.entry_ctx.bh
            || state.ctx.irq < self.entry_ctx.irq
            || state.ctx.rcu < self.entry_ctx.rcu;
        if !dropped {
            for hit in &hits {
                self.record_sleep(index, op.loc, hit, state);
            }
        }
        if dropped && !state.atomic() {
            hits.clear();
        }
        let list = callees.map_or(&[][..], |c| c.list());
        let event = CallEvent { op: index, loc: op.loc, origin: op.origin, name, entry, callees: list, args: values, sleeps: &hits };
        self.with_path(state, |o, p| o.call(p, &event));
    }

    pub(super) fn entry_sleep(&mut self, entry: &Entry, values: &[NodeId], state: &State, hits: &mut SmallVec<[SleepHit; 2]>) {
        // What ends a section is not where it went wrong.
        if !entry.releases.is_empty() {
            return;
        }
        let mut guard = Guard::new();
        let arg = |i: u8| values.get(i as usize).copied();
        let sleeps = match entry.sleeps {
            Sleeps::Always | Sleeps::Sometimes => true,
            Sleeps::OnRt => self.world.preempt_rt,
            Sleeps::Gfp(i) => match arg(i).map(|v| self.bits(v, self.world.gfp_reclaim, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Param(p)) => {
                    guard.push((p, Test::AnyBit(self.world.gfp_reclaim)));
                    true
                }
                // A mask left out is GFP_KERNEL.
                None => true,
                _ => false,
            },
            Sleeps::IfBit(i, mask) => match arg(i).map(|v| self.bits(v, mask, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Param(p)) => {
                    guard.push((p, Test::AnyBit(mask)));
                    true
                }
                _ => false,
            },
            Sleeps::IfTrue(i) | Sleeps::IfFalse(i) => {
                let wanted = matches!(entry.sleeps, Sleeps::IfTrue(_));
                match arg(i) {
                    None => false,
                    Some(v) => match state.fact(self.nodes, v).truth() {
                        Some(truth) => truth == wanted,
                        None => match self.nodes.param(v, self.d.params) {
                            Some(p) if p < 255 => {
                                guard.push((p as u8, Test::Fact(if wanted { Fact::NON_ZERO } else { Fact::ZERO })));
                                true
                            }
                            _ => false,
                        },
                    },
                }
            }
            Sleeps::Unknown | Sleeps::Never => false,
        };
        if sleeps {
            hits.push(SleepHit {
                via: SleepVia::Primitive(entry.name),
                guards: SmallVec::from_elem(guard, 1),
                depth: 0,
                indirect: 0,
                modes: u8::from(entry.sleeps == Sleeps::Sometimes),
                defers: entry.defers_in_interrupt,
                share: (1, 1),
            });
        }
    }

    pub(super) fn tree_sleep(
        &mut self,
        callees: &crate::world::Callees,
        values: &[NodeId],
        state: &State,
        hits: &mut SmallVec<[SleepHit; 2]>,
    ) {
        let world = self.world;
        let list = callees.list();
        let mut sleeping = 0u16;
        let indirect = u8::from(list.len() > 1);
        for &f in list {
            let Some(summary) = world.summary(f) else { continue };
            let mut first = true;
            for (i, site) in summary.sleeps.iter().enumerate() {
                if site.depth >= 10 {
                    continue;
                }
                let guards: SmallVec<[Guard; 1]> = site.guards.iter().filter_map(|g| self.translate(g, values, state)).collect();
                if guards.is_empty() {
                    continue;
                }
                if first {
                    sleeping += 1;
                    first = false;
                }
                // Through a pointer one way per call is enough.
                if list.len() > 1 && !hits.is_empty() {
                    break;
                }
                hits.push(SleepHit {
                    via: SleepVia::Function(f, i as u8),
                    guards,
                    depth: site.depth + 1,
                    indirect: site.indirect + indirect,
                    modes: site.modes,
                    defers: site.defers,
                    share: (0, 0),
                });
                if hits.len() >= 4 {
                    break;
                }
            }
        }
        for hit in hits.iter_mut() {
            hit.share = (sleeping, list.len() as u16);
        }
    }

    pub(super) fn record_sleep(&mut self, index: u32, loc: Loc, hit: &SleepHit, state: &State) {
        // Through a table of operations, callers hear of it only if most of its implementations do it.
        if hit.share.1 > 1 && hit.share.0 * 2 < hit.share.1 || hit.indirect > 1 {
            return;
        }
        let own = self.guard(state, None);
        let mut guards: SmallVec<[Guard; 1]> = SmallVec::new();
        for g in &hit.guards {
            let mut all = own.clone();
            for item in g {
                if !all.contains(item) {
                    all.push(*item);
                }
            }
            guards.push(all);
        }
        let modes = hit.modes.saturating_add(self.modes(state));
        if let Some((_, site)) = self.sleeps.iter_mut().find(|(op, s)| *op == index && s.via == hit.via) {
            for g in guards {
                add_guard(&mut site.guards, g);
            }
            site.modes = site.modes.min(modes);
            return;
        }
        if self.sleeps.len() < 24 {
            self.sleeps.push((
                index,
                SleepSite { loc, via: hit.via, guards, depth: hit.depth, indirect: hit.indirect, modes, defers: hit.defers },
            ));
        }
    }

    /// Whether a block ends with an attempt to take a reference (`refcount_inc_not_zero()`), the result of which is its condition: whoever
    /// holds one already knows the answer.
    fn takes_reference(&self, block: &crate::digest::DBlock) -> bool {
        let (_, ops) = self.d.block_ops(block);
        let Some(DOp { kind: DOpKind::Call { dst: Some(_), target: Target::Name(name), .. }, .. }) = ops.last() else { return false };
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
            let block = &self.d.blocks[step.block as usize];
            if let DTerm::Branch { cond, .. } | DTerm::Switch { value: cond, .. } = &block.term
                && (is_mode(self.d, *cond, 0) || self.takes_reference(block))
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
pub(super) fn is_mode(d: &Digest, e: EId, depth: u32) -> bool {
    if depth > 8 {
        return false;
    }
    match d.exprs[e as usize] {
        // A pointer's presence is no mode.
        DExpr::Load(place, pointer) => !pointer && !matches!(d.exprs[place as usize], DExpr::Local(_)),
        DExpr::Un(_, a) => is_mode(d, a, depth + 1),
        DExpr::Bin(_, a, b) => is_mode(d, a, depth + 1) || is_mode(d, b, depth + 1),
        _ => false,
    }
}
