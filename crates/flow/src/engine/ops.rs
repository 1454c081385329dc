//! Runs single operations.

use super::call::Call;
use super::references::Change;
use super::*;
use crate::body::ArgRange;
use crate::domain::Source;

/// Numbers up to this far from zero are NULL, flags in its place, and errors.
const NO_POISON: i64 = 4096;

impl Run<'_, '_> {
    /// Whether a pointer to something freed is overwritten by a number that is no answer: whoever follows it has followed what was freed.
    fn poisons(&mut self, place: ValueId, value: ValueId, state: &State) -> bool {
        let Value::Int(number) = self.values.get(value) else { return false };
        if state.objects.is_empty() || (-NO_POISON..=NO_POISON).contains(&number) {
            return false;
        }
        let before = state.read(self.values, place);
        state.objects.freed(self.values.pointer_root(before)).is_some_and(|f| !f.put && !f.moved && !f.handle)
    }

    pub(super) fn op(&mut self, index: OpId, op: &Op, mut state: Boxed, out: &mut SmallVec<[Boxed; 4]>) {
        match op.kind {
            OpKind::Store { place, value } => {
                self.touched.clear();
                let v = self.eval(value, &state);
                let p = self.place(place, &state);
                if self.watches {
                    self.show_stored(index, op, place, p, &state);
                }
                if self.poisons(p, v, &state) {
                    out.push(state);
                    return;
                }
                // Whoever reads the pointer there may fill in what it points to.
                if self.values.local_of(p).is_none() {
                    self.escape(v, false, &mut state);
                    let own = !state.objects.references.is_empty() && state.objects.references.is_own(self.values.pointer_root(v));
                    self.share(v, true, &mut state);
                    self.share_members(value, &mut state);
                    if let (true, Some(holder)) = (own, self.values.root(p)) {
                        self.hold(v, own, holder, &mut state);
                    }
                } else if !state.objects.references.is_empty() && matches!(self.values.get(p), Value::PIndex(..)) {
                    // Which element is used later is not followed.
                    self.share(v, true, &mut state);
                }
                self.unzero(p, &mut state);
                self.note_stored(p);
                if !self.found.is_empty() {
                    self.claim_stored(p);
                }
                if state.written(p) != Some(v) {
                    self.overwrite(p, index, None, &mut state);
                }
                state.write(self.values, p, v);
                out.push(state);
            }
            OpKind::Zero { place } => {
                self.touched.clear();
                let p = self.place(place, &state);
                if self.watches {
                    self.show_stored(index, op, place, p, &state);
                }
                self.note_stored(p);
                let zero = self.values.int(0);
                self.overwrite(p, index, None, &mut state);
                state.write(self.values, p, zero);
                out.push(state);
            }
            OpKind::Access { ptr, member } => {
                let v = self.eval(ptr, &state);
                let site = Site {
                    op: index,
                    loc: op.loc,
                    origin: op.origin,
                    member,
                    text: Some(ptr),
                    expr: Some(ptr),
                    way: Way::Here,
                    argument: None,
                    callee: Symbol::EMPTY,
                    tested: false,
                };
                if self.access(v, &mut state, &site) {
                    out.push(state);
                }
            }
            OpKind::Call { dst, target, args, cleanup } => self.call(index, op, dst, target, args, cleanup, state, out),
            OpKind::Declare(l) => {
                let p = self.values.make(Value::PLocal(l));
                let v = self.values.fresh(Origin::Declared(index));
                self.renew(v, &mut state);
                state.write(self.values, p, v);
                out.push(state);
            }
            OpKind::LoopNext { name, args } => {
                let cursor = self.world.model.loop_macro(name).map_or(0, |l| l.cursor);
                if self.watches {
                    self.show_walked(index, op, name, args, &state);
                }
                if let Some(p) = self.cursor(args, cursor, &state) {
                    let v = self.values.fresh(Origin::Cursor(index, state.rounds.len() as u32));
                    self.overwrite(p, index, None, &mut state);
                    self.renew(v, &mut state);
                    state.learn(v, Interval::OBJECT);
                    state.write(self.values, p, v);
                    self.note_cursor(index, op, name, args, v, &mut state);
                }
                out.push(state);
            }
            OpKind::GuardEnter { class, args, id } => {
                self.guard_scope(index, op, class, args, id, true, &mut state);
                out.push(state);
            }
            OpKind::GuardExit { class, args, id } => {
                self.guard_scope(index, op, class, args, id, false, &mut state);
                out.push(state);
            }
            OpKind::Gap => {
                let values = &*self.values;
                state.env.retain(|e| values.get(e.1) != Value::Int(0) || values.local_of(e.0).is_some());
                out.push(state);
            }
        }
    }

    /// `guard()` begins or ends.
    #[allow(clippy::too_many_arguments)]
    fn guard_scope(&mut self, index: OpId, op: &Op, class: Symbol, args: ArgRange, id: u32, enter: bool, state: &mut State) {
        let Some(guard) = self.world.model.guard(class) else { return };
        let name = if enter { guard.enter } else { guard.exit };
        let Some(entry) = self.world.entry(name, false) else { return };
        self.touched.clear();
        let values = self.arguments(args, state);
        let call = Call { index, op, dst: None, args, values: &values, name };
        if enter && self.watches {
            self.show_touched(index, op.loc, op.origin, state);
        }
        if enter {
            self.note_sleep(&call, None, Some(entry), None, None, state);
            let before = state.locks.held.len();
            self.effects(&call, entry, state);
            for held in state.locks.held.iter_mut().skip(before) {
                held.guard = id + 1;
            }
            return;
        }
        // The scope gives back what it took, whatever the argument holds by now.
        let had = state.locks.held.len();
        state.locks.held.retain(|l| l.guard != id + 1);
        if had == state.locks.held.len() {
            self.effects(&call, entry, state);
        } else {
            self.context_effects(&call, entry, state);
        }
    }

    /// What a loop macro's next element is: referenced for the round, protected by RCU.
    fn note_cursor(&mut self, index: OpId, op: &Op, name: Symbol, args: ArgRange, value: ValueId, state: &mut State) {
        let Some(l) = self.world.model.loop_macro(name) else { return };
        let (holds_ref, rcu_read) = (l.holds_ref, l.rcu_read);
        if holds_ref {
            let call = Call { index, op, dst: None, args, values: &[], name };
            self.take(&call, Change::new(value, RefOp::Get, Source::Cursor, Way::Model(name)), state);
        }
        if rcu_read {
            let kind = EventKind::RcuPointer { value };
            self.show(state, Event { op: index, loc: op.loc, origin: op.origin, way: Way::Model(name), kind });
        }
        // The last argument is the link.
        if let Some(&last) = self.body.call_args(args).last()
            && let Expr::Addr(link) = self.body.expr(last)
            && let Expr::Field { record, .. } = self.body.expr(link)
        {
            let link = self.place(link, state);
            if self.values.root(link) == Some(value) {
                let all = self.body.call_args(args);
                let pointer = |e: &&ExprId| matches!(self.body.expr(**e), Expr::Addr(_)) && **e != last;
                let head = all.iter().find(pointer).copied().map(|e| self.eval(e, state));
                let kind = EventKind::List { op: ListOp::Walk, link, head, rcu: rcu_read };
                self.show(state, Event { op: index, loc: op.loc, origin: op.origin, way: Way::Model(name), kind });
                if !holds_ref {
                    self.find(index, value, rcu_read, None, record, state);
                }
            }
        }
    }

    /// An element of something zeroed is written: which one is not known for sure, so that none is known to be zero.
    fn unzero(&self, place: ValueId, state: &mut State) {
        let mut at = place;
        let mut element = false;
        while let (Value::PField(base, _, _), same) | (Value::PIndex(base, _), same) = (self.values.get(at), element) {
            element = same || matches!(self.values.get(at), Value::PIndex(..));
            at = base;
            if element
                && let Some(value) = state.written(at)
                && self.values.get(value) == Value::Int(0)
            {
                state.env.retain(|e| e.0 != at);
            }
        }
    }

    pub(super) fn arguments(&mut self, args: ArgRange, state: &State) -> SmallVec<[ValueId; 6]> {
        let body = self.body;
        body.call_args(args).iter().map(|&a| self.eval(a, state)).collect()
    }
}
