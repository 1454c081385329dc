//! What happens with the last reference: which function releases an object, what that one frees, and what is called at once instead of later.

use super::call::Call;
use super::*;
use crate::program::Release;

/// When what a callee frees is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gone {
    AtOnce,
    /// With its last reference; whether the path knows that this was it.
    Counted {
        sole: bool,
    },
    /// When a grace period has ended.
    AfterGrace,
}

impl Run<'_, '_> {
    /// The function that frees what a pointer leads to when its last reference is given up at a call.
    pub(super) fn release_of(&self, call: &Call<'_>, pointer: ValueId) -> Option<FuncId> {
        let releases = self.world.releases.get(&self.func)?;
        let handed = call.values.iter().find_map(|&v| match self.values.get(v) {
            Value::Function(name) => Some((Record::UNKNOWN, name)),
            _ => None,
        });
        let key = match (handed, self.values.get(pointer)) {
            (Some(key), _) => key,
            (None, Value::Addr(place)) => match self.values.get(place) {
                Value::PField(_, member, record) => (record, member),
                _ => return None,
            },
            _ => return None,
        };
        releases.iter().find(|r| (r.record, r.member) == key).map(|r| r.func)
    }

    /// The last reference was given up, perhaps: what the release function frees on all its paths is gone then.
    pub(super) fn lift_release(
        &mut self,
        call: &Call<'_>,
        release: FuncId,
        pointer: ValueId,
        (sole, own): (bool, bool),
        state: &mut State,
    ) {
        let Some(summary) = self.world.summary(release) else { return };
        let Some(first) = summary.outcomes.first() else { return };
        let always = |f: &FreedOnReturn| summary.outcomes.iter().all(|o| o.frees.iter().any(|g| g.effect == f.effect));
        if self.not_yet_set(call.index) {
            return;
        }
        let values = [pointer];
        let inner = Call { values: &values, ..*call };
        let gone = self.freed_by(summary, &values, state);
        let held = self.referenced_by(summary, &values, pointer, state);
        for freed in first.frees.iter().filter(|f| always(f)) {
            if let Some(&(_, value)) = gone.iter().find(|g| g.0 == freed.effect) {
                self.lift_free(&inner, release, summary, *freed, value, Gone::Counted { sole }, state);
            }
        }
        // What the object held is given up with it: of what the path made and told others of, when they have given it up too.
        if sole || own {
            let common = |r: &&RefDelta| summary.outcomes.iter().all(|o| o.refs.contains(r));
            let held_here = |r: &&RefDelta| {
                let pointer = held.iter().find(|h| h.0 == r.effect).map(|h| h.1);
                sole || pointer.is_some_and(|p| {
                    let object = self.values.pointer_root(p);
                    state.objects.references.find(p, object, Symbol::EMPTY).is_some()
                })
            };
            let refs: SmallVec<[RefDelta; 2]> = first.refs.iter().filter(common).filter(held_here).copied().collect();
            self.lift_refs(&inner, release, summary, &refs, &held, state);
        }
    }

    /// Whether a call that may drop the last reference hands a function that may give back what is held, or one of which nothing is known.
    pub(super) fn release_may_unlock(&self, call: &Call<'_>) -> bool {
        let handed = call.values.iter().find_map(|&v| match self.values.get(v) {
            Value::Function(name) => Some(name),
            _ => None,
        });
        let Some(name) = handed else { return false };
        let summary = self.handed_over(name).and_then(|f| self.world.summary(f)).filter(|s| !s.truncated);
        summary.is_none_or(|s| s.outcomes.iter().any(|o| o.doubtful || o.locks.iter().any(|l| !l.taken)))
    }

    /// The function that a call is handed for the last reference, and the pointer that it gets, if it gives back locks, the same on all its ways.
    pub(super) fn unlocks_by_release(&self, call: &Call<'_>, entry: &Entry) -> Option<(FuncId, ValueId)> {
        let dropped = entry.refs.iter().find(|r| r.op == RefOp::Put && r.member.is_empty())?;
        let pointer = *call.values.get(dropped.argument as usize)?;
        let release = self.release_of(call, pointer)?;
        let outcomes = &self.world.summary(release)?.outcomes;
        let first = outcomes.first().filter(|o| !o.locks.is_empty() && o.locks.iter().all(|l| !l.taken))?;
        outcomes.iter().all(|o| o.locks == first.locks).then_some((release, pointer))
    }

    /// The last reference was given up: the release function has given back its caller's locks.
    pub(super) fn lift_release_locks(&mut self, call: &Call<'_>, release: FuncId, pointer: ValueId, state: &mut State) {
        let world = self.world;
        for delta in world.summary(release).and_then(|s| s.outcomes.first()).map_or(&[][..], |o| &o.locks[..]) {
            let lock = self.left_lock(call, delta, &[pointer], pointer, state);
            self.release(call, Way::Callee(release, EffectId::OUTCOME), lock, state);
        }
    }

    /// A lock that a callee has left taken or given back, as its caller knows it.
    pub(super) fn left_lock(&mut self, call: &Call<'_>, delta: &LockDelta, args: &[ValueId], result: ValueId, state: &State) -> Held {
        let (place, class) = match self.absolute(&delta.place, args, result, state) {
            Some(place) => (place, self.class_of(place, delta.class)),
            None => (self.values.make(Value::PGlobal(delta.class)), delta.class),
        };
        Held { place, class, kind: delta.kind, mode: delta.mode, op: Some(call.index), guard: 0, sure: delta.sure }
    }

    /// The function of this name that a call of this function's is handed.
    fn handed_over(&self, function: Symbol) -> Option<FuncId> {
        let listed = |r: &&Release| r.record.is_unknown() && r.member == function;
        self.world.releases.get(&self.func)?.iter().find(listed).map(|r| r.func)
    }

    /// A function is kept for later: the references that it gives up then are its own.
    pub(super) fn keep_for_later(&mut self, function: Symbol, data: ValueId, state: &mut State) {
        let Some(summary) = self.handed_over(function).and_then(|f| self.world.summary(f)) else { return };
        for (_, pointer) in self.referenced_by(summary, &[data], data, state) {
            let object = self.values.pointer_root(pointer);
            state.objects.references.end(object);
        }
    }

    /// A call that could not keep a function for later calls it itself: what that frees and gives up on all its paths is gone.
    pub(super) fn call_at_once(&mut self, call: &Call<'_>, function: Symbol, data: ValueId, state: &mut State) {
        let Some(func) = self.freed_by_handed(call, function, data, Gone::AtOnce, state) else { return };
        let Some(summary) = self.world.summary(func) else { return };
        let Some(first) = summary.outcomes.first() else { return };
        let values = [data];
        let inner = Call { values: &values, ..*call };
        let held = self.referenced_by(summary, &values, data, state);
        let refs: SmallVec<[RefDelta; 2]> =
            first.refs.iter().filter(|r| summary.outcomes.iter().all(|o| o.refs.contains(r))).copied().collect();
        self.lift_refs(&inner, func, summary, &refs, &held, state);
    }

    /// A function is called when all readers are done: what it frees on all its paths is gone then.
    pub(super) fn free_after_grace(&mut self, call: &Call<'_>, entry: &Entry, state: &mut State) {
        for callback in entry.callbacks.iter().filter(|c| c.ends_grace_period()) {
            let arg = |i: Option<u8>| call.values.get(i? as usize).copied();
            if let (Some(function), Some(data)) = (arg(callback.function), arg(callback.data))
                && let Value::Function(name) = self.values.get(function)
            {
                self.freed_by_handed(call, name, data, Gone::AfterGrace, state);
            }
        }
    }

    /// Lifts what a function that a call is handed frees on all its paths.
    fn freed_by_handed(&mut self, call: &Call<'_>, function: Symbol, data: ValueId, when: Gone, state: &mut State) -> Option<FuncId> {
        let func = self.handed_over(function)?;
        let summary = self.world.summary(func)?;
        let first = summary.outcomes.first()?;
        let values = [data];
        let inner = Call { values: &values, ..*call };
        let gone = self.freed_by(summary, &values, state);
        let always = |f: &FreedOnReturn| summary.outcomes.iter().all(|o| o.frees.iter().any(|g| g.effect == f.effect));
        for freed in first.frees.iter().filter(|f| always(f)) {
            if let Some(&(_, value)) = gone.iter().find(|g| g.0 == freed.effect) {
                self.lift_free(&inner, func, summary, *freed, value, when, state);
            }
        }
        Some(func)
    }

    /// Whether the function stores what leads to a release function only later: until then nothing is freed.
    fn not_yet_set(&self, put: OpId) -> bool {
        let body = self.body;
        let (mut any, mut done) = (false, false);
        for (id, op) in body.all_ops() {
            if let OpKind::Store { place, .. } = op.kind
                && let Expr::Field { record, name, .. } = body.expr(place)
                && self.world.model.is_release(record.tag_symbol(), name)
            {
                any = true;
                done |= id < put && body.block_of(put).is_some_and(|block| body.follows(id, block));
            }
        }
        any && !done
    }

    /// A callee gave up the last references to these objects, and frees them where it finds that: on all its ways of returning they are gone.
    pub(super) fn free_sole(&mut self, call: &Call<'_>, callee: FuncId, summary: &Summary, sole: &[ValueId], state: &mut State) {
        for &object in sole {
            if state.objects.freed(object).is_some() {
                continue;
            }
            for (id, effect) in summary.effects() {
                let EffectKind::Free { place, counted: true, .. } = &effect.kind else { continue };
                let Some(&first) = call.values.first() else { continue };
                let Some(place) = self.absolute(place, call.values, first, state) else { continue };
                let value = self.values.addr(place);
                if self.values.pointer_root(value) == object {
                    let freed = FreedOnReturn { effect: id, replaced: false };
                    self.lift_free(call, callee, summary, freed, value, Gone::Counted { sole: true }, state);
                    break;
                }
            }
        }
    }
}
