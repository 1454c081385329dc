//! What a call may have changed behind the path's back.

use super::call::Call;
use super::*;
use cuthere_kernel::CallbackOp;

impl Run<'_, '_> {
    /// What a call may change: locals whose address it gets, new zeroed objects that it gets, and pointers in memory known to be NULL or to lead
    /// to something freed. Of an object whose member it gets, a function of the model changes no more than that; one that neither sleeps, nor takes
    /// or gives back locks, nor calls back, changes no object that it does not get.
    /// A pointer to something freed stays where it is if the call writes no member of that name.
    /// `kept`: arguments of which it is known what is written through them; `writes`: see [`Summary::writes`].
    pub(super) fn havoc(&mut self, call: &Call<'_>, kept: u64, writes: u64, entry: Option<&Entry>, state: &mut State) {
        let args = call.values;
        let modelled = entry.is_some();
        if !self.lent.is_empty() && !entry.is_some_and(is_local) {
            self.lose_lent(call.index, state);
        }
        for (i, &a) in args.iter().enumerate() {
            if i < 64 && kept >> i & 1 == 1 {
                continue;
            }
            if let Value::Addr(place) = self.values.get(a)
                && self.values.local_of(place).is_some()
            {
                self.lend(call, i, place, entry);
                self.lose(place, state);
                self.unknown(place, state);
            }
            self.escape(a, modelled, state);
        }
        let values = &*self.values;
        let given: Option<SmallVec<[ValueId; 4]>> =
            entry.filter(|e| is_local(e)).map(|_| args.iter().map(|&a| values.pointer_root(a)).collect());
        // Flags and counts keep what was found in them, as other values do; pointers are set by calls to set them.
        let control = self.control;
        let pointer = |place: ValueId| match values.get(place) {
            Value::PField(_, name, _) | Value::PGlobal(name) => control.is_pointer(name),
            _ => true,
        };
        let reached = |place: ValueId| match (&given, values.root(place)) {
            (Some(given), Some(pointer)) => given.contains(&values.pointer_root(pointer)),
            _ => true,
        };
        let in_memory = |value: ValueId| match values.get(value) {
            Value::Entry(p) if !matches!(values.get(p), Value::PLocal(_)) => Some(p),
            _ => None,
        };
        let may_change = |f: &(ValueId, Interval)| in_memory(f.0).filter(|&p| f.1.is_zero() && pointer(p) && reached(p));
        // A variable that holds what was found there, or what was computed from it (`gone = p->bus == NULL`), keeps it.
        let variable = |v: ValueId| state.env.iter().any(|e| values.local_of(e.0).is_some() && computed_from(values, e.1, v, 0));
        let kept = |f: &(ValueId, Interval)| may_change(f).filter(|_| variable(f.0));
        let moved: SmallVec<[ValueId; 2]> = state.facts.iter().filter_map(kept).collect();
        state.facts.retain(|f| may_change(f).is_none_or(|p| moved.contains(&p)));
        let anything = given.is_none();
        // Written memory that holds NULL; a new object that nobody else knows stays as it is.
        let zero = |v| values.get(v) == Value::Int(0);
        let may_be_set = |e: &(ValueId, ValueId)| zero(e.1) && values.local_of(e.0).is_none() && !new_object(values, e.0) && reached(e.0);
        // What the place held at entry, and is known of that or was freed, has been written over.
        let stale = |place: ValueId| {
            let known = |v: ValueId| state.facts.iter().any(|f| f.0 == v) || state.objects.freed(v).is_some();
            values.find(Value::Entry(place)).is_some_and(known)
        };
        let overwritten: SmallVec<[ValueId; 2]> = state.env.iter().filter(|e| may_be_set(e) && stale(e.0)).map(|e| e.0).collect();
        state.env.retain(|e| !may_be_set(e));
        for place in moved.into_iter().chain(overwritten) {
            self.unknown(place, state);
        }
        state.objects.disturbed |= anything;
        if !state.objects.is_empty() {
            let given = given.unwrap_or_default();
            self.disturb_freed(state, |values, place| {
                anything && writes & written::bits_of(values, place) != 0
                    || values.root(place).is_some_and(|pointer| given.contains(&values.pointer_root(pointer)))
            });
        }
    }

    /// A member of a local structure by which others find the whole: it goes on a list, or is a callback's object.
    fn lend(&mut self, call: &Call<'_>, argument: usize, place: ValueId, entry: Option<&Entry>) {
        let found_by = |i: Option<u8>| i.is_some_and(|i| usize::from(i) == argument);
        let lends = entry.is_some_and(|e| found_by(e.links) || e.callbacks.iter().any(|c| c.op == CallbackOp::Arm && found_by(c.object)));
        let mut whole = place;
        while let Value::PField(base, ..) = self.values.get(whole) {
            whole = base;
        }
        if lends && whole != place && matches!(self.values.get(whole), Value::PLocal(_)) && !self.lent.iter().any(|l| l.0 == whole) {
            self.lent.push((whole, call.index));
        }
    }

    /// A call lets others run, who know local structures: they may have written what these hold.
    fn lose_lent(&mut self, call: OpId, state: &mut State) {
        let lent: SmallVec<[ValueId; 2]> = self.lent.iter().filter(|l| l.1 < call).map(|l| l.0).collect();
        for whole in lent {
            self.lose(whole, state);
            self.unknown(whole, state);
        }
    }

    /// A variable whose address is handed on holds something else afterwards: what it held is known to whoever gets it.
    fn lose(&mut self, place: ValueId, state: &mut State) {
        if state.objects.references.is_empty() {
            return;
        }
        let values = &*self.values;
        let held = |e: &&(ValueId, ValueId)| e.0 == place || crate::domain::inside(values, e.0, place);
        let lost: SmallVec<[ValueId; 2]> = state.env.iter().filter(held).map(|e| e.1).collect();
        for value in lost {
            self.share(value, true, state);
        }
    }

    /// A local structure is stored as a whole: what its members hold becomes known with it.
    pub(super) fn share_members(&mut self, value: ExprId, state: &mut State) {
        if !state.objects.references.is_empty()
            && let Expr::Load(place, _) = self.body.expr(value)
            && matches!(self.body.expr(place), Expr::Local(_))
        {
            let place = self.place(place, state);
            self.lose(place, state);
        }
    }

    /// Places in memory that lead to freed objects may have been given other pointers.
    pub(super) fn disturb_freed(&mut self, state: &mut State, reached: impl Fn(&Values, ValueId) -> bool) {
        let objects: SmallVec<[ValueId; 4]> = state.objects.all_freed().map(|f| f.0).collect();
        for object in objects {
            self.disturb(object, state, &reached);
        }
    }

    /// The places in memory that led to an object may hold another pointer by now.
    pub(super) fn disturb(&mut self, object: ValueId, state: &mut State, reached: &impl Fn(&Values, ValueId) -> bool) {
        let values = &*self.values;
        let mut places: SmallVec<[ValueId; 2]> = SmallVec::new();
        places.extend(self.held_in_memory(object).filter(|&p| state.written(p).is_none()));
        let leads = |e: &&(ValueId, ValueId)| values.local_of(e.0).is_none() && values.pointer_root(e.1) == object;
        places.extend(state.env.iter().filter(leads).map(|e| e.0));
        places.retain(|place| reached(values, *place));
        for place in places {
            self.unknown(place, state);
        }
    }

    /// The place in memory that held a value when the function was entered.
    fn held_in_memory(&self, value: ValueId) -> Option<ValueId> {
        match self.values.get(value) {
            Value::Entry(p) if !matches!(self.values.get(p), Value::PLocal(_)) => Some(p),
            _ => None,
        }
    }

    /// Before the function returns: which places in memory lead to freed objects no more.
    pub(super) fn note_replaced(&mut self, state: &mut State) {
        if state.objects.is_empty() {
            return;
        }
        let objects: SmallVec<[ValueId; 4]> = state.objects.all_freed().map(|f| f.0).collect();
        for object in objects {
            let Some(place) = self.held_in_memory(object) else { continue };
            let replaced = state.read(self.values, place) != object;
            if let Some(freed) = state.objects.freed_mut(object) {
                freed.replaced = replaced;
            }
        }
    }

    /// Variables that a macro assigns to (`spin_lock_irqsave(&x->lock, flags)`) hold what nothing is known of; places that it publishes a value in
    /// (`rcu_assign_pointer(place, value)`) hold that.
    pub(super) fn assigned(&mut self, args: crate::body::ArgRange, values: &[ValueId], entry: Option<&Entry>, state: &mut State) {
        let Some(entry) = entry else { return };
        let published = entry.publishes.and_then(|i| values.get(i as usize));
        for &i in &entry.assigns {
            if let (Some(&value), Some(&place)) = (published, values.get(i as usize))
                && matches!(self.values.get(place), Value::Addr(_))
            {
                let place = self.values.deref(place);
                state.write(self.values, place, value);
            } else if let Some(l) = self.body.call_args(args).get(i as usize).and_then(|&e| self.body.loaded_local(e)) {
                let place = self.values.make(Value::PLocal(l));
                self.unknown(place, state);
            }
        }
    }

    /// What a callee has written through its arguments on the way that it returned.
    pub(super) fn leave_written(&mut self, call: &Call<'_>, written: &[(u8, Option<Interval>)], state: &mut State) {
        for &(param, known) in written {
            let (Some(known), Some(&arg)) = (known, call.values.get(param as usize)) else { continue };
            let place = self.values.deref(arg);
            if let Some(constant) = known.value() {
                let v = self.values.int(constant);
                state.write(self.values, place, v);
                continue;
            }
            self.unknown(place, state);
            if let Some(v) = state.written(place)
                && known != Interval::TOP
            {
                state.learn(v, known);
            }
        }
    }

    /// The place holds a value that nothing is known of.
    pub(super) fn unknown(&mut self, place: ValueId, state: &mut State) {
        self.keep_copies(place, state);
        let salt = self.values.len() as u32;
        let v = self.values.fresh(Origin::Havoc(place, salt));
        state.write(self.values, place, v);
    }

    /// Copies of what a structure's members held at first, kept elsewhere: from now on the members hold other values by the same names.
    fn keep_copies(&mut self, place: ValueId, state: &mut State) {
        let values = &*self.values;
        let member = |v: ValueId| matches!(values.get(v), Value::Entry(p) if p != place && crate::domain::inside(values, p, place));
        let copies: SmallVec<[ValueId; 2]> = state.env.iter().map(|e| e.1).filter(|&v| member(v)).collect();
        for copy in copies {
            let salt = self.values.len() as u32;
            let kept = self.values.fresh(Origin::Havoc(copy, salt));
            let known = state.known(self.values, copy);
            if known != Interval::TOP {
                state.learn(kept, known);
            }
            state.env.iter_mut().filter(|e| e.1 == copy).for_each(|e| e.1 = kept);
            state.objects.rename(copy, kept);
        }
    }

    /// A pointer is handed to code that is not followed: the zeroed object it points to, or into, is no longer known to be zero.
    pub(super) fn escape(&mut self, value: ValueId, member_only: bool, state: &mut State) {
        let root = self.values.pointer_root(value);
        if self.values.call(root).is_none() {
            return;
        }
        let object = self.values.deref(root);
        if state.written(object).is_none() {
            return;
        }
        match self.values.get(value) {
            Value::Addr(place) if member_only => self.unknown(place, state),
            _ => state.env.retain(|e| e.0 != object),
        }
    }
}

/// Whether a function works on its arguments alone: allocators, and what neither sleeps nor lets anybody else run.
pub(super) fn is_local(entry: &Entry) -> bool {
    entry.allocates
        || entry.sleeps == Sleeps::Never
            && entry.acquires.is_empty()
            && entry.releases.is_empty()
            && entry.context.is_empty()
            && entry.callbacks.is_empty()
            && entry.wakes.is_none()
}

/// Whether a value is another, or a condition on it.
fn computed_from(values: &Values, value: ValueId, other: ValueId, depth: u32) -> bool {
    value == other
        || depth < 4
            && match values.get(value) {
                Value::Un(_, a) | Value::Truth(a) | Value::IsErr(a) | Value::IsErrOrNull(a) => computed_from(values, a, other, depth + 1),
                Value::Bin(_, a, b) => [a, b].iter().any(|&v| computed_from(values, v, other, depth + 1)),
                _ => false,
            }
}

/// Whether a place is the whole of an object that a call has just made.
fn new_object(values: &Values, place: ValueId) -> bool {
    matches!(values.get(place), Value::PDeref(v) if values.call(v).is_some())
}
