//! What primitives of the model do: locks, context, objects, callbacks.

use super::call::Call;
use super::*;

impl Run<'_, '_> {
    /// An effect of a primitive, made by this function's own code.
    fn primitive(&self, call: &Call<'_>, kind: EffectKind) -> Effect {
        Effect {
            kind,
            loc: call.op.loc,
            way: Way::Model(call.name),
            condition: Condition::from_elem(Guard::new(), 1),
            depth: 0,
            indirect: 0,
            modes: 0,
            always: false,
        }
    }

    fn show_call(&mut self, call: &Call<'_>, kind: EventKind<'_>, state: &State) {
        self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way: Way::Model(call.name), kind });
    }

    /// Memory, references, callbacks and waiting.
    pub(super) fn note_entry(&mut self, call: &Call<'_>, entry: &Entry, result: ValueId, state: &mut State) {
        let arg = |i: u8| call.values.get(i as usize).copied();
        // Who has disabled page faults waits for none.
        if (!entry.faults || state.ctx.pagefault <= 0) && !counts_already(entry, state) && !self.wakes_another(call, entry) {
            for lock in &entry.takes {
                self.take_for_a_while(call, lock, state);
            }
        }
        if entry.allocates {
            self.show_call(call, EventKind::Allocate { object: result }, state);
        }
        for free in entry.frees.iter().filter(|free| !matches!(free.how, FreeHow::IfPointer | FreeHow::Put)) {
            self.free_argument(call, free, state);
        }
        self.note_refs(call, entry, result, false, state);
        if entry.rcu_read {
            self.show_call(call, EventKind::RcuPointer { value: result }, state);
        }
        if entry.rcu_read || entry.finds {
            // A look-up in a read-side section alone is one of RCU.
            let rcu = entry.rcu_read || entry.finds && state.locks.held.is_empty();
            self.find(call.index, result, rcu, None, Record::UNKNOWN, state);
        }
        for &claim in &entry.asserts {
            let lock = match claim {
                Assert::Held(lock) | Assert::NotHeld(lock) => self.lock_place(lock, call.values),
                _ => None,
            };
            self.show_call(call, EventKind::Assert { claim, lock }, state);
            if let (Assert::Held(_), Some(place)) = (claim, lock) {
                state.locks.assert_held(place);
            }
        }
        for c in &entry.callbacks {
            let kind = EventKind::Callback { object: c.object.and_then(arg), function: c.function.and_then(arg), op: c.op, kind: c.kind };
            self.show_call(call, kind, state);
        }
        if entry.waits.is_some() || entry.grace_period {
            self.show_call(call, EventKind::Wait { object: entry.waits.and_then(arg) }, state);
        }
        if let Some(object) = entry.wakes.and_then(arg) {
            self.show_call(call, EventKind::Wake { object }, state);
        }
        if let Some(value) = entry.publishes.and_then(arg) {
            self.show_call(call, EventKind::Publish { value }, state);
        }
    }

    /// Whether a primitive counts users of a device that lies in a record which no driver is bound to (a host's, a port's): its callbacks are none of the driver's.
    fn wakes_another(&self, call: &Call<'_>, entry: &Entry) -> bool {
        let counted = entry.refs.iter().find(|r| !r.counter.is_empty()).and_then(|r| call.values.get(r.argument as usize));
        let Some(Value::Addr(place)) = counted.map(|&device| self.values.get(device)) else { return false };
        let bound = |record: Record| self.world.model.is_custom(cuthere_kernel::Custom::BusDevice, record.tag_symbol());
        matches!(self.values.get(place), Value::PField(_, _, record) if !record.is_unknown() && !bound(record))
    }

    /// A primitive takes a lock of the kernel's own and gives it back before it returns.
    fn take_for_a_while(&mut self, call: &Call<'_>, lock: &KernelLock, state: &State) {
        let mut place = self.values.make(Value::PGlobal(lock.name));
        if !lock.record.is_empty() {
            place = self.values.field(place, lock.name, Record::new(lock.record, None));
        }
        let class = self.class_of(place, call.name);
        let held = Held { place, class, kind: lock.kind, mode: lock.mode, op: Some(call.index), guard: 0, sure: true };
        self.show_call(
            call,
            EventKind::Acquire(Acquire { lock: &held, nested: false, open: false, given: true, modes: 0, brief: true }),
            state,
        );
        // What lies in an object callers cannot name; the graph of locks finds it by the calls.
        if lock.record.is_empty() {
            let kind = EffectKind::Acquire { lock: Box::new(RelPlace::unknown()), class, kind: lock.kind, mode: lock.mode, nested: false };
            let effect = self.primitive(call, kind);
            self.record_lock(call.index, &held, false, effect, state);
        }
    }

    /// Whether this function has allocated an object itself, for nobody else to give back.
    pub(super) fn made_here(&self, object: ValueId) -> bool {
        let Some(op) = self.values.call(object).and_then(|op| self.body.op(op)) else { return false };
        match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => self.world.model.entry(name).is_some_and(|e| e.allocates && !e.managed),
            _ => false,
        }
    }

    /// A primitive frees an argument.
    pub(super) fn free_argument(&mut self, call: &Call<'_>, free: &FreeEffect, state: &mut State) {
        let Some(&value) = call.values.get(free.argument as usize) else { return };
        let (deferred, last) = (free.how == FreeHow::Grace, free.how == FreeHow::Last);
        let effect = self.primitive(call, EffectKind::free(RelPlace::unknown(), false));
        let written = self.body.call_args(call.args).get(free.argument as usize).copied();
        // The last reference frees the object around its argument.
        let put = free.how == FreeHow::Put;
        let value = if put { self.values.pointer_root(value) } else { value };
        let handle = free.how == FreeHow::Handle;
        let freed = Freed { written, deferred, last, put, handle, ..Freed::by(call.index, call.name) };
        self.free(call, value, freed, effect, state);
        // A pointer kept in a variable says nothing of what is at the place it was loaded from, once others had a chance to change that.
        let variable = |e| matches!(self.body.expr(e), Expr::Load(place, _) if matches!(self.body.expr(place), Expr::Local(_)));
        if state.objects.disturbed && written.is_some_and(variable) {
            let object = self.values.pointer_root(value);
            self.disturb(object, state, &|_, _| true);
        }
    }

    /// A primitive may put elsewhere what members of its arguments lead to: they lead to the new memory, and what was computed from them before is stale.
    pub(super) fn move_members(&mut self, call: &Call<'_>, entry: &Entry, state: &mut State) {
        for moved in &entry.moves {
            let arg = moved.argument as usize;
            let (Some(&value), Some(&e)) = (call.values.get(arg), self.body.call_args(call.args).get(arg)) else { continue };
            let base = self.values.deref(value);
            let place = self.values.field(base, moved.member, self.body.pointee(e).unwrap_or_default());
            let before = state.read(self.values, place);
            let effect = self.primitive(call, EffectKind::free(RelPlace::unknown(), false));
            self.free(call, before, Freed { moved: true, ..Freed::by(call.index, call.name) }, effect, state);
            let object = self.values.pointer_root(before);
            self.disturb(object, state, &|_, _| true);
            self.unknown(place, state);
        }
    }

    pub(super) fn shift(&mut self, by: Ctx, op: OpId, state: &mut State) {
        for (i, (before, d)) in [(state.ctx.preempt, by.preempt), (state.ctx.bh, by.bh), (state.ctx.irq, by.irq), (state.ctx.rcu, by.rcu)]
            .into_iter()
            .enumerate()
        {
            if before <= 0 && d > 0 {
                state.since[i] = Some(op);
            }
        }
        state.ctx = state.ctx.plus(by);
    }

    fn lock_place(&mut self, lock: LockRef, values: &[ValueId]) -> Option<ValueId> {
        Some(match lock {
            LockRef::Arg(i) | LockRef::Through(i) => {
                let v = *values.get(i as usize)?;
                self.values.deref(v)
            }
            LockRef::Named(name) => self.values.make(Value::PGlobal(name)),
            LockRef::Member(i, record, member) => {
                let v = *values.get(i as usize)?;
                let base = self.values.deref(v);
                self.values.field(base, member, crate::body::Record::new(record, None))
            }
        })
    }

    /// Where a primitive says which lock it has taken, there is one.
    pub(super) fn lock_left_through(&mut self, call: &Call<'_>, entry: &Entry, state: &mut State) {
        for lock in &entry.acquires {
            if let (LockRef::Through(_), Some(place)) = (lock.lock, self.lock_place(lock.lock, call.values)) {
                self.unknown(place, state);
                if let Some(pointer) = state.written(place) {
                    state.learn(pointer, Interval::OBJECT);
                }
            }
        }
    }

    /// The lock's class as findings name it.
    pub(super) fn class_of(&self, place: ValueId, fallback: Symbol) -> Symbol {
        let mut at = place;
        loop {
            match self.values.get(at) {
                Value::PField(_, name, record) => {
                    return if record.is_unknown() { name } else { Symbol::intern(&format!("{record}.{name}")) };
                }
                Value::PIndex(base, _) => at = base,
                Value::PGlobal(name) => return name,
                Value::PLocal(l) => return self.body.locals.get(l.index()).copied().unwrap_or(fallback),
                Value::PDeref(v) => match self.values.get(v) {
                    Value::Entry(p) => match self.values.get(p) {
                        Value::PLocal(l) => return self.body.locals.get(l.index()).copied().unwrap_or(fallback),
                        _ => at = p,
                    },
                    // Whatever gives the pointer names the lock, when it is taken and when it is given back.
                    Value::Fresh(Origin::Result(op)) => {
                        return match self.body.op(op).map(|op| op.kind) {
                            Some(OpKind::Call { target: Target::Name(name), .. }) => Symbol::intern(&format!("{name}()")),
                            _ => fallback,
                        };
                    }
                    _ => return fallback,
                },
                _ => return fallback,
            }
        }
    }

    /// Locks and context.
    pub(super) fn effects(&mut self, call: &Call<'_>, entry: &Entry, state: &mut State) {
        let lock =
            |place, class, e: &LockEffect| Held { place, class, kind: e.kind, mode: e.mode, op: Some(call.index), guard: 0, sure: true };
        for effect in &entry.releases {
            if let Some(place) = self.lock_place(effect.lock, call.values) {
                let class = self.class_of(place, entry.name);
                match effect.success {
                    Success::Perhaps => self.release_perhaps(call, Way::Model(call.name), lock(place, class, effect), state),
                    _ => self.release(call, Way::Model(call.name), lock(place, class, effect), state),
                }
            }
        }
        for effect in &entry.acquires {
            if let Some(place) = self.lock_place(effect.lock, call.values) {
                let class = self.class_of(place, entry.name);
                if effect.success == Success::Perhaps {
                    state.locks.acquire_perhaps(Held { sure: false, ..lock(place, class, effect) });
                    continue;
                }
                // What does not wait says whether it has succeeded, by a number or by zero.
                let tries = effect.success == Success::NonZero
                    || effect.success == Success::Zero && entry.sleeps == Sleeps::Never && !effect.kind.spins();
                self.acquire(call, lock(place, class, effect), entry.nested || tries, state);
            }
        }
        self.context_effects(call, entry, state);
    }

    pub(super) fn context_effects(&mut self, call: &Call<'_>, entry: &Entry, state: &mut State) {
        for effect in &entry.context {
            self.show_call(call, EventKind::Context { part: effect.part, enter: effect.enter }, state);
            let by = match effect.part {
                CtxPart::Irq if effect.enter && state.ctx.irq > 0 => continue,
                // Enabling ends every nesting at once.
                CtxPart::Irq if !effect.enter && state.ctx.irq > 0 => Ctx::step(CtxPart::Irq, -state.ctx.irq),
                part => Ctx::step(part, if effect.enter { 1 } else { -1 }),
            };
            self.shift(by, call.index, state);
        }
    }

    /// A lock is taken. `nested`: the caller vouches for the order, or a failure would have been told.
    pub(super) fn acquire(&mut self, call: &Call<'_>, lock: Held, nested: bool, state: &mut State) {
        self.show_call(call, EventKind::Acquire(Acquire { lock: &lock, nested, open: false, given: true, modes: 0, brief: false }), state);
        let unnamed =
            EffectKind::Acquire { lock: Box::new(RelPlace::unknown()), class: lock.class, kind: lock.kind, mode: lock.mode, nested };
        let effect = self.primitive(call, unnamed);
        self.record_lock(call.index, &lock, nested, effect, state);
        self.truncated |= !state.locks.acquire(lock);
    }

    pub(super) fn release(&mut self, call: &Call<'_>, way: Way, lock: Held, state: &mut State) {
        let found = state.locks.meant(self.values, &lock).map(|(_, how)| how);
        let kind = EventKind::Release { lock: &lock, found };
        self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way, kind });
        self.truncated |= !state.locks.release(self.values, lock);
    }

    /// A lock is given back on some ways of what is called.
    pub(super) fn release_perhaps(&mut self, call: &Call<'_>, way: Way, lock: Held, state: &mut State) {
        if let Some((_, how)) = state.locks.meant(self.values, &lock) {
            let kind = EventKind::Release { lock: &lock, found: Some(how) };
            self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way, kind });
        }
        self.lose_perhaps(lock, state);
    }

    /// A lock is perhaps not held any more. Callers are told where it is plainly theirs: it lies in what they hand down.
    pub(super) fn lose_perhaps(&mut self, lock: Held, state: &mut State) {
        let handed = || self.relative(lock.place, None).is_some_and(|place| matches!(place.root, RelRoot::Param(_)));
        if !state.locks.release_perhaps(self.values, &lock) && handed() {
            self.truncated |= !state.locks.release(self.values, Held { sure: false, ..lock });
        }
    }
}

/// Whether a path is already among those whose number a primitive raises: of the users of a device, all but the first find it awake.
pub(super) fn counts_already(entry: &Entry, state: &State) -> bool {
    let held = |counter: Symbol| state.objects.references.taken().iter().any(|t| t.counter == counter && t.count > 0);
    entry.refs.iter().any(|r| !r.counter.is_empty() && !matches!(r.op, RefOp::Put | RefOp::Init) && held(r.counter))
}
