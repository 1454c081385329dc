//! Accesses to memory, for observers that ask for them.
//!
//! Evaluation notes every load that is not one of a local variable; the operation that it was done for then shows them, so that paths pay for it only
//! where somebody looks. What a callee accesses is shown in its own body, once, and not again at each call. Not shown: loads in expression statements whose
//! value nobody uses.

use super::call::Call;
use super::event::Memory;
use super::*;

impl Run<'_, '_> {
    /// Something is stored at a place, which callers are told of if an argument leads there.
    pub(super) fn note_stored(&mut self, place: ValueId) {
        if let Some(pointer) = self.values.root(place) {
            self.note_stored_through(pointer);
        }
    }

    fn note_stored_through(&mut self, pointer: ValueId) {
        let root = self.values.pointer_root(pointer);
        if let Some(param) = self.values.param(root, self.body.params.min(64)) {
            self.stores |= 1 << param;
        }
    }

    /// A callee stores in what its arguments point to.
    pub(super) fn note_callee_stores(&mut self, values: &[ValueId], stores: u64) {
        for (_, &v) in values.iter().enumerate().filter(|(i, _)| *i < 64 && stores >> i & 1 == 1) {
            self.note_stored_through(v);
        }
    }

    /// A place is loaded.
    pub(super) fn touch(&mut self, text: ExprId, place: ValueId) {
        if self.values.local_of(place).is_none() && !self.touched.iter().any(|t| t.0 == text) {
            self.touched.push((text, place));
        }
    }

    /// Evaluates what ends a block.
    pub(super) fn eval_end(&mut self, e: ExprId, block: BlockId, state: &State) -> ValueId {
        self.touched.clear();
        let value = self.eval(e, state);
        if self.watches {
            let b = self.body.block(block);
            self.show_touched(OpId(b.ops.1), b.loc, b.origin, state);
        }
        value
    }

    pub(super) fn show_touched(&mut self, op: OpId, loc: Loc, origin: Symbol, state: &State) {
        let touched = std::mem::take(self.touched);
        for &(text, place) in &touched {
            let rcu = self.body.is_rcu(text);
            let memory = Memory { place, text: Some(text), store: false, marked: false, rcu, percpu: None };
            self.show(state, Event { op, loc, origin, way: Way::Here, kind: EventKind::Memory(memory) });
        }
        *self.touched = touched;
    }

    /// A value was computed and goes to a place.
    pub(super) fn show_stored(&mut self, index: OpId, op: &Op, text: ExprId, place: ValueId, state: &State) {
        self.show_touched(index, op.loc, op.origin, state);
        if self.values.local_of(place).is_none() {
            let memory = Memory { place, text: Some(text), store: true, marked: false, rcu: self.body.is_rcu(text), percpu: None };
            self.show(state, Event { op: index, loc: op.loc, origin: op.origin, way: Way::Here, kind: EventKind::Memory(memory) });
        }
    }

    /// The next element of a list is looked up: the list is read.
    pub(super) fn show_walked(&mut self, index: OpId, op: &Op, name: Symbol, args: crate::body::ArgRange, state: &State) {
        let Some(head) = self.world.model.loop_macro(name).and_then(|l| l.head) else { return };
        let Some(&e) = self.body.call_args(args).get(head as usize) else { return };
        let Expr::Addr(text) = self.body.expr(e) else { return };
        let place = self.place(text, state);
        let memory = Memory { place, text: Some(text), store: false, marked: false, rcu: false, percpu: None };
        self.show(state, Event { op: index, loc: op.loc, origin: op.origin, way: Way::Model(name), kind: EventKind::Memory(memory) });
    }

    /// The arguments of a call were computed, and it may be a primitive that accesses memory.
    pub(super) fn show_called(&mut self, call: &Call<'_>, entry: Option<&Entry>, state: &State) {
        let place_macro = match entry {
            None => self.world.model.place_macro(call.name),
            Some(_) => None,
        };
        let named = place_macro.map(|access| MemoryEffect { argument: 0, named: true, store: access == PlaceAccess::Write, marked: true });
        let effects = entry.map_or(&[][..], |e| &e.accesses).iter().copied().chain(named);
        let mut own: SmallVec<[Memory; 2]> = SmallVec::new();
        for effect in effects {
            let argument = self.body.call_args(call.args).get(effect.argument as usize);
            let (Some(&e), Some(&value)) = (argument, call.values.get(effect.argument as usize)) else { continue };
            let text = match self.body.expr(e) {
                Expr::Addr(place) => Some(place),
                Expr::Load(place, _) if effect.named => Some(place),
                _ => None,
            };
            let place = match text {
                Some(text) => self.place(text, state),
                None => self.values.deref(value),
            };
            // It is what was meant, not a load on the way there.
            self.touched.retain(|t| Some(t.0) != text);
            if effect.store {
                self.note_stored(place);
            }
            if self.values.local_of(place).is_none() {
                let rcu = text.is_some_and(|e| self.body.is_rcu(e));
                let percpu = entry.and_then(|e| e.percpu);
                own.push(Memory { place, text, store: effect.store, marked: effect.marked, rcu, percpu });
            }
        }
        self.show_touched(call.index, call.op.loc, call.op.origin, state);
        for memory in own {
            let way = Way::Model(call.name);
            let kind = EventKind::Memory(memory);
            self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way, kind });
        }
    }
}
