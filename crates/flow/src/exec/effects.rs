//! Locks taken and released, context parts switched.

use super::*;

impl<O: Observer> Run<'_, '_, O> {
    pub(super) fn shift(&mut self, by: Ctx, op: u32, state: &mut State) {
        for (i, (before, d)) in [(state.ctx.preempt, by.preempt), (state.ctx.bh, by.bh), (state.ctx.irq, by.irq), (state.ctx.rcu, by.rcu)]
            .into_iter()
            .enumerate()
        {
            if before <= 0 && d > 0 {
                state.since[i] = op;
            }
        }
        state.ctx = state.ctx.plus(by);
    }

    pub(super) fn lock_place(&mut self, lock: LockRef, values: &[NodeId]) -> Option<NodeId> {
        Some(match lock {
            LockRef::Arg(i) => {
                let v = *values.get(i as usize)?;
                self.nodes.deref(v)
            }
            LockRef::Named(name) => self.nodes.make(Node::PGlobal(name)),
            LockRef::Member(i, member) => {
                let v = *values.get(i as usize)?;
                let base = self.nodes.deref(v);
                self.nodes.field(base, member, Symbol::EMPTY)
            }
            LockRef::Through(i) => {
                let v = *values.get(i as usize)?;
                self.nodes.deref(v)
            }
        })
    }

    /// The lock's class as findings name it.
    pub(super) fn class_of(&self, place: NodeId, fallback: Symbol) -> Symbol {
        let mut at = place;
        loop {
            match self.nodes.get(at) {
                Node::PField(_, name, record) => {
                    return if record.is_empty() { name } else { Symbol::intern(&format!("{record}.{name}")) };
                }
                Node::PIndex(base, _) => at = base,
                Node::PGlobal(name) => return name,
                Node::PLocal(l) => return self.d.locals.get(l as usize).copied().unwrap_or(fallback),
                Node::PDeref(v) => match self.nodes.get(v) {
                    Node::Entry(p) => match self.nodes.get(p) {
                        Node::PLocal(l) => return self.d.locals.get(l as usize).copied().unwrap_or(fallback),
                        _ => at = p,
                    },
                    _ => return fallback,
                },
                _ => return fallback,
            }
        }
    }

    pub(super) fn effects(&mut self, index: u32, entry: &Entry, values: &[NodeId], state: &mut State) {
        for effect in &entry.releases {
            let LockEffect { lock, kind, mode, .. } = *effect;
            if let Some(place) = self.lock_place(lock, values) {
                let class = self.class_of(place, entry.name);
                self.release(place, class, kind, mode, index, state);
            }
        }
        for effect in &entry.acquires {
            let LockEffect { lock, kind, mode, .. } = *effect;
            if let Some(place) = self.lock_place(lock, values) {
                let class = self.class_of(place, entry.name);
                self.acquire(Held { place, class, kind, mode, op: index, guard: 0 }, state);
            }
        }
        self.context_effects(index, entry, state);
    }

    pub(super) fn context_effects(&mut self, index: u32, entry: &Entry, state: &mut State) {
        for effect in &entry.context {
            let mut by = Ctx::default();
            let step = if effect.enter { 1 } else { -1 };
            match effect.part {
                CtxPart::Preempt => by.preempt = step,
                CtxPart::Bh => by.bh = step,
                CtxPart::IrqSave => by.irq = step,
                CtxPart::Irq => {
                    if effect.enter && state.ctx.irq > 0 {
                        continue;
                    }
                    // Enabling ends every nesting at once.
                    by.irq = if effect.enter {
                        1
                    } else if state.ctx.irq > 0 {
                        -state.ctx.irq
                    } else {
                        -1
                    };
                }
                CtxPart::Rcu | CtxPart::RcuSched => by.rcu = step,
                CtxPart::RcuBh => {
                    by.rcu = step;
                    by.bh = step;
                }
                CtxPart::PagefaultOff => by.pagefault = step,
            }
            self.shift(by, index, state);
        }
    }

    pub(super) fn acquire(&mut self, held: Held, state: &mut State) {
        if let Some(i) = state.released.iter().position(|r| r.place == held.place || (r.class == held.class && r.kind == held.kind)) {
            state.released.remove(i);
            return;
        }
        if state.locks.len() < 12 {
            state.locks.push(held);
        }
    }

    pub(super) fn release(
        &mut self,
        place: NodeId,
        class: Symbol,
        kind: LockKind,
        mode: cuthere_kernel::LockMode,
        op: u32,
        state: &mut State,
    ) {
        let found = state
            .locks
            .iter()
            .rposition(|l| l.place == place)
            .or_else(|| state.locks.iter().rposition(|l| l.class == class && l.kind == kind))
            // A pointer to the lock that went through memory: the only one of its kind must be it.
            .or_else(|| {
                let mut same = state.locks.iter().enumerate().filter(|(_, l)| l.kind == kind && l.op != AT_ENTRY);
                match (same.next(), same.next()) {
                    (Some((i, _)), None) => Some(i),
                    _ => None,
                }
            });
        match found {
            Some(i) => {
                state.locks.remove(i);
            }
            None if state.released.len() < 8 => state.released.push(Held { place, class, kind, mode, op, guard: 0 }),
            None => {}
        }
    }
}
