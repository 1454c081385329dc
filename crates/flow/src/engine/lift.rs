//! What a callee does, in terms of its caller; and what the caller's own callers are told of it.

use super::call::Call;
use super::effects::counts_already;
use super::releases::Gone;
use super::*;
use crate::summary::chain::chain;

/// Frames that effects are told through.
const DEPTH_MAX: u8 = 10;
/// Bytes, or elements, that a header in front of what is handed out has less than.
const HEADER_MAX: i64 = 4096;
/// Frames that it is told through that memory may have been put elsewhere: whoever is farther away asks for it anew, as all do.
const MOVES_MAX: u8 = 3;
/// Effects other than sleeping and dereferences that a summary holds, of each kind.
const KIND_MAX: usize = 10;

impl Run<'_, '_> {
    /// A callee's effect at a call: `None` if its conditions cannot hold here, else what remains of them for this function's own arguments.
    pub(super) fn lift(&mut self, effect: &Effect, args: &[ValueId], state: &State) -> Option<Condition> {
        let remain: Condition = effect.condition.iter().filter_map(|g| self.translate(g, args, state)).collect();
        (!remain.is_empty()).then_some(remain)
    }

    /// Whether an effect asks for bits of a word, or for one of many numbers, of which neither this path nor its callers know anything.
    pub(super) fn unknown_bits(&mut self, effect: &Effect, args: &[ValueId], state: &State) -> bool {
        let unknown = |run: &mut Self, &(subject, test): &(Subject, Test)| match test {
            Test::AnyBit(mask) | Test::NoBit(mask) => {
                run.subject_value(subject, args, state).is_none_or(|v| run.bits(v, mask, state, 0) == Bits::Unknown)
            }
            Test::In(wanted) if subject.is_arg() && wanted.value().is_some_and(|v| v != 0) => run
                .subject_value(subject, args, state)
                .is_some_and(|v| state.known(run.values, v).meet(wanted) != Some(state.known(run.values, v)) && run.subject(v).is_none()),
            _ => false,
        };
        effect.condition.iter().all(|g| g.iter().any(|item| unknown(self, item)))
    }

    /// Records an effect for callers. `own`: what remains of a callee's conditions.
    pub(super) fn record(&mut self, op: OpId, mut new: Effect, state: &State) {
        // Of paths that were merged for want of room, the conditions on which it happens are not known.
        if self.narrow() {
            new.modes = new.modes.max(2);
        }
        let same = |m: &Made| match (&m.effect.kind, &new.kind) {
            // What was given back before tells them apart: callers know the condition of each.
            (EffectKind::Sleep(a), EffectKind::Sleep(b)) => {
                m.op == op && m.effect.way == new.way && a.wait == b.wait && a.around == b.around
            }
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
                let sleeps = matches!(new.kind, EffectKind::Sleep(_));
                let around = |kind: &EffectKind| matches!(kind, EffectKind::Sleep(s) if s.around.is_some());
                let alike = |m: &&Made| std::mem::discriminant(&m.effect.kind) == kind && around(&m.effect.kind) == around(&new.kind);
                let count = self.made.iter().filter(alike).count();
                if count < if sleeps { 24 } else { KIND_MAX } {
                    self.made.push(Made { op, effect: Effect { condition, ..new } });
                } else {
                    self.truncated |= sleeps && !around(&new.kind);
                }
            }
        }
    }

    /// Locks that a callee takes: shown here, and recorded for callers.
    pub(super) fn lift_locks(&mut self, call: &Call<'_>, callee: FuncId, summary: &Summary, state: &State) {
        for (id, effect) in summary.effects() {
            let EffectKind::Acquire { lock, class, kind, mode, nested } = &effect.kind else { continue };
            // A callee that gives the caller's lock back takes it again only afterwards.
            if summary.outcomes.iter().any(|o| o.locks.iter().any(|l| !l.taken && l.class == *class)) {
                continue;
            }
            if effect.depth >= DEPTH_MAX || self.awake_already(Way::Callee(callee, id), state) {
                continue;
            }
            let Some(condition) = self.lift(effect, call.values, state) else { continue };
            let result = self.values.result(call.index);
            let Some(place) = self.absolute(lock, call.values, result, state) else { continue };
            let class = self.class_of(place, *class);
            let held = Held { place, class, kind: *kind, mode: *mode, op: Some(call.index), guard: 0, sure: true };
            let way = Way::Callee(callee, id);
            let open = condition.iter().all(|g| !g.is_empty());
            let named = if open { self.relative(place, None) } else { None };
            let given = condition.iter().any(|g| asks_for_pointers(g, self.body, named.as_ref()));
            let lifted = Effect { depth: effect.depth + 1, way, condition, loc: call.op.loc, ..effect.clone() };
            let kind = EventKind::Acquire(Acquire { lock: &held, nested: *nested, open, given, modes: effect.modes, brief: false });
            self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way, kind });
            self.record_lock(call.index, &held, *nested, lifted, state);
        }
    }

    /// Whether what takes a lock below waits only where the path is not yet counted, and it is.
    fn awake_already(&self, way: Way, state: &State) -> bool {
        let counted = || state.objects.references.taken().iter().any(|t| !t.counter.is_empty() && t.count > 0);
        counted()
            && self.world.model.entry(chain(self.world, way).primitive).is_some_and(|e| !e.takes.is_empty() && counts_already(e, state))
    }

    /// Tells callers of a lock that is taken, if they can name it.
    pub(super) fn record_lock(&mut self, op: OpId, lock: &Held, nested: bool, effect: Effect, state: &State) {
        // What was given back first was the caller's: taking it again is none of its business.
        if state.locks.released.iter().any(|r| r.place == lock.place || r.class == lock.class) {
            return;
        }
        let Some(place) = self.relative(lock.place, None) else { return };
        let kind = EffectKind::Acquire { lock: Box::new(place), class: lock.class, kind: lock.kind, mode: lock.mode, nested };
        let known = |m: &Made| m.effect.modes == 0 && m.effect.kind == kind && m.effect.condition.iter().any(|g| g.is_empty());
        if !self.made.iter().any(known) {
            let modes = effect.modes.saturating_add(self.chances(state));
            self.record(op, Effect { kind, modes, ..effect }, state);
        }
    }

    /// The objects that a callee may free, as its caller knows them before the call: the callee means what places held when it was entered.
    pub(super) fn freed_by(&mut self, summary: &Summary, args: &[ValueId], state: &State) -> SmallVec<[(EffectId, ValueId); 2]> {
        let mut out: SmallVec<[(EffectId, ValueId); 2]> = SmallVec::new();
        let no_result = self.values.int(0);
        for freed in summary.outcomes.iter().flat_map(|o| &o.frees) {
            let id = freed.effect;
            let Some(Effect { kind: EffectKind::Free { place, left: false, .. }, .. }) = summary.effect(id) else { continue };
            if out.iter().all(|o| o.0 != id)
                && place.root != RelRoot::Result
                && let Some(place) = self.absolute(place, args, no_result, state)
            {
                let value = self.values.addr(place);
                out.push((id, value));
            }
        }
        out
    }

    /// An object that a callee has freed on the way it returned, or frees later.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn lift_free(
        &mut self,
        call: &Call<'_>,
        callee: FuncId,
        summary: &Summary,
        freed: FreedOnReturn,
        value: ValueId,
        when: Gone,
        state: &mut State,
    ) {
        let Some(effect) = summary.effect(freed.effect) else { return };
        let EffectKind::Free { ref place, deferred, last, counted, moved, .. } = effect.kind else { return };
        // Two files may each have a variable of this name.
        if let RelRoot::Global(name) = place.root
            && !self.world.shares(callee, self.func, name)
        {
            return;
        }
        // What lies in the memory that may be put elsewhere is whatever came: that is no state that the caller knows.
        let holds = |p: &RelPlace| p.root == place.root && p.path.starts_with(&place.path);
        let chance = |test: Test, p: &RelPlace| moved && (test == Test::In(Interval::NON_ZERO) || holds(p));
        let asks = |&(subject, test): &(Subject, Test)| subject.place().is_some_and(|p| !chance(test, &p));
        // Whatever it asks, it has freed the object when it returns.
        let by_state = effect.condition.iter().all(|g| g.iter().any(asks)) && !summary.always_frees(place);
        if effect.depth >= if moved { MOVES_MAX } else { DEPTH_MAX } {
            return;
        }
        let Some(condition) = self.lift(effect, call.values, state) else { return };
        let way = Way::Callee(callee, freed.effect);
        let effect = Effect { depth: effect.depth + 1, way, condition, loc: call.op.loc, ..effect.clone() };
        let counted = counted || matches!(when, Gone::Counted { .. });
        let sole = when == Gone::Counted { sole: true };
        let deferred = deferred || when == Gone::AfterGrace;
        let freed_here =
            Freed { way, deferred, last, put: counted, released: counted, sole, by_state, moved, ..Freed::by(call.index, call.name) };
        self.free(call, value, freed_here, effect, state);
        if freed.replaced {
            let object = self.values.pointer_root(value);
            self.disturb(object, state, &|_, _| true);
        }
    }

    /// A callee has stored a pointer where its caller finds it, and freed what it leads to.
    pub(super) fn lift_left(
        &mut self,
        call: &Call<'_>,
        callee: FuncId,
        summary: &Summary,
        freed: FreedOnReturn,
        result: ValueId,
        state: &mut State,
    ) {
        let Some(Effect { kind: EffectKind::Free { place, left: true, .. }, .. }) = summary.effect(freed.effect) else { return };
        let mut place = (**place).clone();
        if place.path.pop() != Some(RelStep::Deref) {
            return;
        }
        let Some(place) = self.absolute(&place, call.values, result, state) else { return };
        self.unknown(place, state);
        let value = state.read(self.values, place);
        self.lift_free(call, callee, summary, freed, value, Gone::AtOnce, state);
    }

    /// An object is freed, by a primitive or by a callee.
    pub(super) fn free(&mut self, call: &Call<'_>, value: ValueId, freed: Freed, effect: Effect, state: &mut State) {
        let value = self.behind_header(value);
        let object = self.values.pointer_root(value);
        let known = state.known(self.values, object);
        if known.is_zero() || known.is_err() == Some(true) || matches!(self.values.get(value), Value::Addr(_)) {
            return;
        }
        if freed.last && self.gives_back_another(object, state) {
            return;
        }
        let before = state.objects.freed(object).copied();
        let freed = Freed { later_round: !state.rounds.is_empty(), trail: state.trail, told: before.is_some(), ..freed };
        let linked = state.objects.linked(object);
        let kind = EventKind::Free { object, freed: &freed, before: before.as_ref(), linked };
        self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way: freed.way, kind });
        let place = self.values.deref(value);
        let counted = freed.put || state.objects.references.gave_up(object);
        state.objects.unlink(object);
        if !freed.put {
            state.objects.references.end(object);
            if matches!(freed.way, Way::Model(_)) && !freed.last && !freed.moved && !freed.handle {
                state.objects.references.lose_with(object, call.index);
            }
        }
        // What frees only the handle is told to no caller: it says nothing of the object itself.
        if !freed.handle
            && let Some(place) = self.relative(place, None)
        {
            let Freed { deferred, last, moved, .. } = freed;
            let kind = EffectKind::Free { place: Box::new(place), deferred, last, counted, moved, left: false };
            self.record(call.index, Effect { kind, ..effect }, state);
        }
        state.objects.free(object, freed);
        if let Some(part) = self.private_part(object) {
            state.objects.free(part, freed);
        }
    }

    /// What is reached by a fixed step back from a pointer is a header in front of what others know by that pointer: it is one piece of memory.
    fn behind_header(&self, value: ValueId) -> ValueId {
        // Farther off lies another piece.
        let header = |by: ValueId, sign: i64| matches!(self.values.get(by), Value::Int(n) if (1..HEADER_MAX).contains(&(n * sign)));
        match self.values.get(value) {
            Value::Bin(BinOp::Sub, pointer, by) if header(by, 1) => pointer,
            Value::Bin(BinOp::Add, pointer, by) if header(by, -1) => pointer,
            _ => value,
        }
    }

    /// The object that lies in the memory of another, and by whose member that was freed.
    fn private_part(&self, object: ValueId) -> Option<ValueId> {
        let owners = self.world.owners.get(&self.func)?;
        let (Value::Entry(place) | Value::Fresh(Origin::Havoc(place, _))) = self.values.get(object) else { return None };
        let Value::PField(_, member, record) = self.values.get(place) else { return None };
        let part = self.values.pointer_root(self.values.root(place)?);
        owners.contains(&(record, member)).then_some(part)
    }
}
