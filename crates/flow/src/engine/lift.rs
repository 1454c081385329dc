//! What a callee does, in terms of its caller; and what the caller's own callers are told of it.

use super::call::Call;
use super::*;

/// Frames that effects are told through.
const DEPTH_MAX: u8 = 10;
/// Effects other than sleeping and dereferences that a summary holds, of each kind.
const KIND_MAX: usize = 10;

impl<O: Observer> Run<'_, '_, O> {
    /// A callee's effect at a call: `None` if its conditions cannot hold here, else what remains of them for this function's own arguments.
    pub(super) fn lift(&mut self, effect: &Effect, args: &[ValueId], state: &State) -> Option<Condition> {
        let remain: Condition = effect.condition.iter().filter_map(|g| self.translate(g, args, state)).collect();
        (!remain.is_empty()).then_some(remain)
    }

    /// Records an effect for callers. `own`: what remains of a callee's conditions.
    pub(super) fn record(&mut self, op: OpId, new: Effect, state: &State) {
        let same = |m: &Made| match (&m.effect.kind, &new.kind) {
            (EffectKind::Sleep { .. }, EffectKind::Sleep { .. }) => m.op == op && m.effect.way == new.way,
            (a, b) => a == b,
        };
        let old = self.made.iter().position(same);
        if let Some(i) = old
            && self.made[i].effect.condition.iter().any(|g| g.is_empty())
            && self.made[i].effect.modes <= new.modes
        {
            return;
        }
        let own = self.guard(state, None);
        let mut condition = Condition::new();
        for g in &new.condition {
            let mut all = own.clone();
            for item in g {
                if !all.contains(item) {
                    all.push(*item);
                }
            }
            add_guard(&mut condition, all);
        }
        match old {
            Some(i) => {
                let effect = &mut self.made[i].effect;
                for g in condition {
                    add_guard(&mut effect.condition, g);
                }
                effect.modes = effect.modes.min(new.modes);
            }
            None => {
                let kind = std::mem::discriminant(&new.kind);
                let sleeps = matches!(new.kind, EffectKind::Sleep { .. });
                let count = self.made.iter().filter(|m| std::mem::discriminant(&m.effect.kind) == kind).count();
                if count < if sleeps { 24 } else { KIND_MAX } {
                    self.made.push(Made { op, effect: Effect { condition, ..new } });
                } else {
                    self.truncated |= sleeps;
                }
            }
        }
    }

    /// Locks that a callee takes: shown here, and recorded for callers.
    pub(super) fn lift_locks(&mut self, call: &Call<'_>, callee: FuncId, summary: &Summary, state: &State) {
        for (id, effect) in summary.effects() {
            let EffectKind::Acquire { lock, class, kind, mode, nested } = &effect.kind else { continue };
            if effect.depth >= DEPTH_MAX {
                continue;
            }
            let Some(condition) = self.lift(effect, call.values, state) else { continue };
            let result = self.values.result(call.index);
            let Some(place) = self.absolute(lock, call.values, result, state) else { continue };
            let class = self.class_of(place, *class);
            let held = Held { place, class, kind: *kind, mode: *mode, op: Some(call.index), guard: 0 };
            let way = Way::Callee(callee, id);
            let lifted = Effect { depth: effect.depth + 1, way, condition, loc: call.op.loc, ..effect.clone() };
            let kind = EventKind::Acquire { lock: &held, nested: *nested };
            self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way, kind });
            self.record_lock(call.index, &held, *nested, lifted, state);
        }
    }

    /// Tells callers of a lock that is taken, if they can name it.
    pub(super) fn record_lock(&mut self, op: OpId, lock: &Held, nested: bool, effect: Effect, state: &State) {
        // What was given back first was the caller's: taking it again is none of its business.
        if state.locks.released.iter().any(|r| r.place == lock.place || r.class == lock.class) {
            return;
        }
        let Some(place) = self.relative(lock.place, None) else { return };
        let kind = EffectKind::Acquire { lock: Box::new(place), class: lock.class, kind: lock.kind, mode: lock.mode, nested };
        self.record(op, Effect { kind, ..effect }, state);
    }

    /// An object that a callee has freed on the way it returned.
    pub(super) fn lift_free(
        &mut self,
        call: &Call<'_>,
        callee: FuncId,
        id: EffectId,
        summary: &Summary,
        result: ValueId,
        state: &mut State,
    ) {
        let Some(effect) = summary.effect(id) else { return };
        let EffectKind::Free { place, deferred } = &effect.kind else { return };
        if effect.depth >= DEPTH_MAX {
            return;
        }
        let Some(condition) = self.lift(effect, call.values, state) else { return };
        let Some(place) = self.absolute(place, call.values, result, state) else { return };
        let value = self.values.addr(place);
        let way = Way::Callee(callee, id);
        let effect = Effect { depth: effect.depth + 1, way, condition, loc: call.op.loc, ..effect.clone() };
        self.free(call, value, *deferred, effect, state);
    }

    /// An object is freed.
    pub(super) fn free(&mut self, call: &Call<'_>, value: ValueId, deferred: bool, effect: Effect, state: &mut State) {
        let way = effect.way;
        let object = self.values.pointer_root(value);
        if state.known(self.values, object).is_zero() || matches!(self.values.get(value), Value::Addr(_)) {
            return;
        }
        let before = state.objects.freed(object).copied();
        let kind = EventKind::Free { object, deferred, before: before.as_ref() };
        self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way, kind });
        let place = self.values.deref(value);
        if let Some(place) = self.relative(place, None) {
            let kind = EffectKind::Free { place: Box::new(place), deferred };
            self.record(call.index, Effect { kind, ..effect }, state);
        }
        state.objects.free(object, crate::domain::Freed { op: call.index, way, by: call.name, deferred });
    }
}
