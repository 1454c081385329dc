//! References: taken and given back by primitives, by loops and by callees.
//!
//! A path knows that a reference is the last one only if it made the object itself, and nothing that was called since may have taken another. Else the
//! object counts as freed by a put only if the function that frees it is known, and what rests on that says so.

use super::call::Call;
use super::{given_up, *};
use crate::body::Record;
use crate::domain::{Dropped, Source, Taken};
use cuthere_kernel::RefEffect;

/// The counter of what only counts references where something says so.
pub(crate) const COUNTED: &str = "counted";

/// References that callers are told of, on one way of returning.
const DELTAS_MAX: usize = 4;

/// A reference that is taken or given up.
#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) pointer: ValueId,
    pub(super) counter: Symbol,
    pub(super) op: RefOp,
    pub(super) count: u8,
    pub(super) source: Source,
    pub(super) way: Way,
    /// The pointer lies in memory that is no variable of this function: the caller's, as a rule.
    callers: bool,
}

impl Run<'_, '_> {
    /// What a primitive, or a function that the model knows, does with references to its arguments. `conditional`: those that its result decides.
    pub(super) fn note_refs(&mut self, call: &Call<'_>, entry: &Entry, result: ValueId, conditional: bool, state: &mut State) {
        for effect in &entry.refs {
            let Some(&pointer) = call.values.get(effect.argument as usize) else { continue };
            let pointer = if effect.member.is_empty() { self.handed(pointer) } else { self.filled_in(call, effect, pointer, state) };
            if call.dst.is_some() && decided_by_result(effect) != conditional {
                continue;
            }
            let mut effect = *effect;
            if effect.counter.as_str() == COUNTED {
                if !is_count(self.world, self.func, self.values, pointer) {
                    continue;
                }
                effect.counter = Symbol::EMPTY;
            }
            self.change(call, entry, &effect, pointer, state);
        }
        if entry.returns_ref && !conditional {
            self.take(call, Change::new(result, RefOp::Get, Source::Result, Way::Model(call.name)), state);
        }
    }

    /// What a call leaves in a member of what an argument points to.
    fn filled_in(&mut self, call: &Call<'_>, effect: &RefEffect, argument: ValueId, state: &mut State) -> ValueId {
        let body = self.body;
        let written = body.call_args(call.args).get(effect.argument as usize).copied();
        let of = |base: ExprId| match (written.map(|e| body.expr(e)), body.expr(base)) {
            (Some(Expr::Addr(place)), _) => place == base,
            (_, Expr::Deref(pointer)) => Some(pointer) == written,
            _ => false,
        };
        let member = |e: &Expr| match *e {
            Expr::Field { base, record, name } if name == effect.member && of(base) => Some(record),
            _ => None,
        };
        let base = self.values.deref(argument);
        let place = self.values.field(base, effect.member, body.exprs.iter().find_map(member).unwrap_or_default());
        self.unknown(place, state);
        state.read(self.values, place)
    }

    /// Whether an address is that of a variable of this function, or of a part of one.
    fn is_own(&self, pointer: ValueId) -> bool {
        matches!(self.values.get(pointer), Value::Addr(place) if self.values.local_of(place).is_some())
    }

    /// What an argument is by now: `p = next(p)` gives another value of the same name.
    fn handed(&self, pointer: ValueId) -> ValueId {
        match self.former {
            Some((result, before)) if pointer == result => before,
            _ => pointer,
        }
    }

    fn change(&mut self, call: &Call<'_>, entry: &Entry, effect: &RefEffect, pointer: ValueId, state: &mut State) {
        let source = match effect.op {
            RefOp::Init => Source::Initial,
            _ if effect.member.is_empty() => Source::Added,
            _ => Source::Result,
        };
        // What is filled in for a caller is the caller's.
        let callers = !effect.member.is_empty() && call.values.get(effect.argument as usize).is_some_and(|&v| !self.is_own(v));
        let change = Change { counter: effect.counter, callers, ..Change::new(pointer, effect.op, source, Way::Model(call.name)) };
        if effect.op != RefOp::Put {
            self.take(call, change, state);
            return;
        }
        // What gives up a packet is told of by the free.
        let frees = |how: FreeHow| entry.frees.iter().find(|free| free.how == how && free.argument == effect.argument);
        if frees(FreeHow::Last).is_some() {
            return;
        }
        let left = self.give_up(call, change, state);
        let object = self.values.pointer_root(pointer);
        let sole = match left {
            Some(t) if t.source == Source::Initial && t.count == 0 && !t.doubtful => !t.shared && !t.lent,
            Some(t) => {
                // What a look-up gave, and nobody else was told of, may be gone with its reference.
                let found = t.source == Source::Result && t.count == 0 && !t.doubtful && !t.shared && t.counter.is_empty();
                if found && state.objects.freed(object).is_none() {
                    let later_round = !state.rounds.is_empty();
                    let looked_up = matches!(t.way, Way::Model(_));
                    let freed = Freed { put: true, given: true, looked_up, later_round, ..Freed::by(call.index, call.name) };
                    state.objects.free(object, freed);
                }
                return;
            }
            None => false,
        };
        match self.release_of(call, pointer) {
            Some(release) => self.lift_release(call, release, pointer, (sole, left.is_some()), state),
            None if self.made_here(object) => {
                if let Some(free) = frees(FreeHow::Put) {
                    self.free_argument(call, free, state);
                }
            }
            None => {}
        }
    }

    /// A reference is taken.
    pub(super) fn take(&mut self, call: &Call<'_>, change: Change, state: &mut State) {
        let Change { pointer, counter, op, count, source, way, callers } = change;
        let object = self.values.pointer_root(pointer);
        if matches!(self.values.get(object), Value::Int(_) | Value::Addr(_)) || state.known(self.values, object).is_zero() {
            return;
        }
        self.show_reference(call, &change, object, None, None, state);
        if op == RefOp::Init {
            state.objects.references.forget(object);
        }
        // Memory that holds the pointer already may be what the reference is for.
        let shared = callers || source == Source::Added && state.env.iter().any(|e| e.1 == object && self.values.local_of(e.0).is_none());
        let taken = Taken {
            pointer,
            object,
            counter,
            count,
            source,
            op: call.index,
            way,
            shared,
            lent: false,
            doubtful: false,
            given_to: [None; 2],
            holder: None,
            lost: None,
            record: self.pointed_to(call, pointer, source),
            helped: false,
            overwritten: None,
            trail: state.trail,
            merged: false,
        };
        state.objects.references.take(taken);
    }

    /// The record that a reference is taken to, by the type of what it is taken through.
    fn pointed_to(&self, call: &Call<'_>, pointer: ValueId, source: Source) -> Record {
        let known = match source {
            Source::Result => call.dst.and_then(|l| self.body.local_pointee(l)),
            _ => {
                let at = call.values.iter().position(|&v| v == pointer);
                at.and_then(|i| self.body.call_args(call.args).get(i)).and_then(|&e| self.body.pointee(e))
            }
        };
        known.unwrap_or_default()
    }

    /// A call of a function of the tree that gives up such references as the path holds, to what it finds in memory: how that is reached from here is not
    /// followed.
    pub(super) fn note_helpers(&mut self, call: &Call<'_>, entry: Option<&Entry>, state: &mut State) {
        let references = &mut state.objects.references;
        if entry.is_some() || !references.taken().iter().any(|t| t.count > 0 && !t.helped) {
            return;
        }
        let world = self.world;
        let Some(callees) = world.callees(self.func, call.index).map(Callees::list).filter(|list| list.len() <= HELPERS_MAX) else {
            return;
        };
        let values = &*self.values;
        let member = |place: ValueId| match values.get(place) {
            Value::PField(_, member, record) => Some((record, member)),
            _ => None,
        };
        let given = given_up::by_member(world, callees);
        references.help(|t| {
            // What was loaded from a member goes by that member, the rest by its type.
            let from = match values.get(t.object) {
                Value::Entry(place) => member(place),
                _ => None,
            };
            given.iter().any(|g| g.counter == t.counter && from.map_or(g.record == t.record, |from| from == g.member))
        });
        if !references.taken().iter().any(|t| t.count > 0 && !t.helped && t.counter.is_empty()) {
            return;
        }
        let kinds = given_up::by_kind(world, callees);
        references.help(|t| {
            let counted = match values.get(t.pointer) {
                Value::Addr(place) => member(place),
                _ => None,
            };
            t.counter.is_empty() && kinds.contains(&counted.unwrap_or((t.record, Symbol::EMPTY)))
        });
    }

    /// A reference is given up: one that the path took, of which it is said what is left; or the caller's, or another's.
    fn give_up(&mut self, call: &Call<'_>, change: Change, state: &mut State) -> Option<Taken> {
        let Change { pointer, counter, way, .. } = change;
        let object = self.values.pointer_root(pointer);
        let known = state.known(self.values, object);
        if known.is_zero() || known.is_err() == Some(true) {
            return None;
        }
        let taken = state.objects.references.find(pointer, object, counter).copied();
        let spent = state.objects.references.spent(pointer, object, counter).copied().filter(|_| taken.is_none());
        self.show_reference(call, &change, object, taken.as_ref(), spent.as_ref(), state);
        let left = state.objects.references.give_back(pointer, object, counter);
        if left.is_none() {
            state.objects.references.drop_one(Dropped { pointer, object, counter, count: 1, op: call.index, way });
        }
        left
    }

    fn show_reference(
        &mut self,
        call: &Call<'_>,
        change: &Change,
        object: ValueId,
        taken: Option<&Taken>,
        spent: Option<&Taken>,
        state: &State,
    ) {
        let kind = EventKind::Reference { object, pointer: change.pointer, op: change.op, counter: change.counter, taken, spent };
        self.show(state, Event { op: call.index, loc: call.op.loc, origin: call.op.origin, way: change.way, kind });
    }

    /// A packet, or what is handled so, is given up: whether the path had another reference to it.
    pub(super) fn gives_back_another(&mut self, object: ValueId, state: &mut State) -> bool {
        state.objects.references.give_back(object, object, Symbol::EMPTY).is_some()
    }

    /// What a callee did with references on the way it returned, as its caller knows the objects: `known` was found before the call. The objects of which
    /// a reference of this path's was given back, so that they are not gone, and those of which the last one was.
    pub(super) fn lift_refs(
        &mut self,
        call: &Call<'_>,
        callee: FuncId,
        summary: &Summary,
        deltas: &[RefDelta],
        known: &[(EffectId, ValueId)],
        state: &mut State,
    ) -> (SmallVec<[ValueId; 2]>, SmallVec<[ValueId; 2]>) {
        let (mut covered, mut sole) = (SmallVec::new(), SmallVec::new());
        for delta in deltas {
            let Some(&(_, pointer)) = known.iter().find(|k| k.0 == delta.effect) else { continue };
            let pointer = if delta.count < 0 { self.handed(pointer) } else { pointer };
            let Some(Effect { kind: EffectKind::Reference { place, op, counter }, .. }) = summary.effect(delta.effect) else { continue };
            let source = match (op, &place.root) {
                (RefOp::Init, _) => Source::Initial,
                (_, RelRoot::Result) => Source::Result,
                _ => Source::Added,
            };
            let change = Change {
                counter: *counter,
                count: delta.count.unsigned_abs(),
                ..Change::new(pointer, *op, source, Way::Callee(callee, delta.effect))
            };
            if delta.count > 0 {
                // A reference for a place where the callee has stored the pointer is that place's.
                let stored = matches!(place.root, RelRoot::Param(i) if summary.keeps >> i.min(63) & 1 == 1);
                if !stored {
                    self.take(call, change, state);
                }
                continue;
            }
            for _ in 0..change.count {
                if let Some(left) = self.give_up(call, change, state) {
                    if left.source == Source::Initial && left.count == 0 && !left.doubtful {
                        if !left.shared && !left.lent {
                            sole.push(left.object);
                        }
                    } else {
                        covered.push(left.object);
                    }
                }
            }
        }
        (covered, sole)
    }

    /// The pointers that a callee's references are taken through, as its caller knows them before the call.
    pub(super) fn referenced_by(
        &mut self,
        summary: &Summary,
        args: &[ValueId],
        result: ValueId,
        state: &State,
    ) -> SmallVec<[(EffectId, ValueId); 2]> {
        let mut out: SmallVec<[(EffectId, ValueId); 2]> = SmallVec::new();
        for delta in summary.outcomes.iter().flat_map(|o| &o.refs) {
            let Some(Effect { kind: EffectKind::Reference { place, .. }, .. }) = summary.effect(delta.effect) else { continue };
            if out.iter().all(|o| o.0 != delta.effect)
                && let Some(place) = self.absolute(place, args, result, state)
            {
                let value = self.values.addr(place);
                out.push((delta.effect, value));
            }
        }
        out
    }

    /// No reference is held to what is known to be NULL or an error: that is known of the path now, and not kept for ever.
    pub(super) fn settle_references(&self, state: &mut State) {
        if state.objects.references.is_empty() {
            return;
        }
        let mut references = std::mem::take(&mut state.objects.references);
        references.retain(|object| {
            let known = state.known(self.values, object);
            !known.is_zero() && known.is_err() != Some(true)
        });
        state.objects.references = references;
    }

    /// A variable is given another value: it may have been the last that led to an object. What memory held when the function was entered, or the caller
    /// has handed, others still know.
    pub(super) fn overwrite(&mut self, place: ValueId, op: OpId, end_of: Option<BlockId>, state: &mut State) {
        if state.objects.references.is_empty() {
            return;
        }
        let Some(object) = state.written(place).map(|v| self.values.pointer_root(v)) else { return };
        let values = &*self.values;
        if !state.objects.references.is_own(object) || !matches!(values.get(object), Value::Fresh(_) | Value::Phi(..)) {
            return;
        }
        let derived: SmallVec<[OpId; 2]> =
            state.objects.references.taken().iter().filter(|t| t.object == object).flat_map(|t| t.given_to).flatten().collect();
        let made = values.get(object);
        let Some(block) = end_of.or_else(|| self.body.block_of(op)) else { return };
        let leads = |e: &(ValueId, ValueId)| {
            e.0 != place
                && (values.call(e.1).is_some_and(|op| derived.contains(&op)) || values.rests_on(e.1, &|v| v == made))
                && values.local_of(e.0).is_none_or(|l| self.read_after(l, op, block))
        };
        if !state.env.iter().any(leads) {
            state.objects.references.overwrite(object, op);
        }
    }

    /// Whether a local may be read after an operation of a block.
    fn read_after(&self, local: LocalId, op: OpId, block: BlockId) -> bool {
        let body = self.body;
        let mentions = |e: ExprId| body.mentions_local(e, local);
        let all = |args: crate::body::ArgRange| body.call_args(args).iter().any(|&a| mentions(a));
        let reads = |op: &Op| match op.kind {
            OpKind::Store { place, value } => mentions(place) || mentions(value),
            OpKind::Zero { place } => mentions(place),
            OpKind::Access { ptr, .. } => mentions(ptr),
            OpKind::Call { args, target, .. } => all(args) || matches!(target, Target::Pointer(e) if mentions(e)),
            OpKind::LoopNext { args, .. } | OpKind::GuardEnter { args, .. } | OpKind::GuardExit { args, .. } => all(args),
            OpKind::Declare(_) | OpKind::Gap => false,
        };
        let b = body.block(block);
        let ends = match &b.term {
            Term::Branch { cond, .. } => mentions(*cond),
            Term::Switch { value, .. } => mentions(*value),
            Term::Return(Some(value)) => mentions(*value),
            _ => false,
        };
        let mut after = false;
        b.term.successors(|to| after |= self.control.live_in(to, local));
        ends || after || body.numbered_ops(b).any(|(id, later)| id > op && reads(later))
    }

    /// A loop goes back to its head: a variable that the next round sets anew was the last one of this path that led to what was pinned in this round, wherever it was loaded from. A
    /// reference that is taken for certain may be meant for the memory that holds the pointer; one that is only taken if there is still something to refer to pins it
    /// for what is done here.
    pub(super) fn end_round(&mut self, head: BlockId, state: &mut State) {
        if state.objects.references.is_empty() {
            return;
        }
        let (body, values, control) = (self.body, &*self.values, self.control);
        let inside = |op: OpId| body.block_of(op).is_some_and(|block| control.in_loop(head, block));
        let pins = |t: &Taken| {
            let asks = |name: Symbol| self.world.model.entry(name).is_some_and(|e| e.refs.iter().any(decided_by_result));
            let named = matches!(body.op(t.op).map(|op| op.kind), Some(OpKind::Call { target: Target::Name(name), .. }) if asks(name));
            named && t.source == Source::Added && t.counter.is_empty() && matches!(values.get(t.object), Value::Entry(_)) && inside(t.op)
        };
        let mut lost: SmallVec<[(ValueId, OpId); 2]> = SmallVec::new();
        for t in state.objects.references.taken().iter().filter(|t| t.count > 0 && pins(t)) {
            let mut locals = state.env.iter().filter(|e| values.pointer_root(e.1) == t.object).filter_map(|e| values.local_of(e.0));
            let Some(first) = locals.next() else { continue };
            let anew = body.all_ops().find(|(id, op)| inside(*id) && body.sets_local(op.kind, first));
            if let Some((op, _)) = anew.filter(|_| !control.live_in(head, first) && locals.all(|l| !control.live_in(head, l))) {
                lost.push((t.object, op));
            }
        }
        for (object, op) in lost {
            state.objects.references.overwrite(object, op);
        }
    }

    /// A loop goes back to its head: of an object that several variables lead to, it is not followed which of them keeps it.
    pub(super) fn divide_references(&mut self, head: BlockId, state: &mut State) {
        if state.objects.references.is_empty() {
            return;
        }
        let (values, control) = (&*self.values, self.control);
        let live = |place: ValueId| values.local_of(place).is_some_and(|l| control.live_in(head, l));
        let leads = |object: ValueId| state.env.iter().filter(|e| live(e.0) && values.pointer_root(e.1) == object).count();
        let several: SmallVec<[ValueId; 2]> =
            state.objects.references.taken().iter().map(|t| t.object).filter(|&object| leads(object) > 1).collect();
        for object in several {
            state.objects.references.share(|t| t.object == object, false);
        }
    }

    /// The references that a way out has taken and given up, as callers are told of them.
    fn deltas(&self, e: &Exit) -> SmallVec<[(EffectKind, i8, OpId, Way); 2]> {
        let references = &e.objects.references;
        let taken = references.taken().iter().filter(|t| t.count > 0 && !t.doubtful);
        let taken = taken.map(|t| {
            let op = if t.source == Source::Initial { RefOp::Init } else { RefOp::Get };
            (t.pointer, t.counter, op, t.count as i8, t.op, t.way)
        });
        let dropped = references.dropped().iter().map(|d| (d.pointer, d.counter, RefOp::Put, -(d.count as i8), d.op, d.way));
        let told = |(pointer, counter, what, count, op, way)| {
            let target = self.values.find_deref(pointer)?;
            // What is returned goes by the result, unless it is what the caller has handed.
            let own = |v: &ValueId| self.values.param(*v, self.body.params.min(255)).is_none();
            let result = e.value.filter(own).and_then(|v| self.relative(target, Some(v)));
            let place = result.or_else(|| self.relative(target, None))?;
            Some((EffectKind::Reference { place: Box::new(place), op: what, counter }, count, op, way))
        };
        taken.chain(dropped).filter_map(told).take(DELTAS_MAX).collect()
    }

    /// Adds the references that ways out have taken and given up to the effects.
    pub(super) fn reference_effects(&mut self, exits: &mut [Exit]) {
        for e in exits.iter().filter(|e| !e.objects.references.nothing()) {
            for t in e.objects.references.pointers() {
                self.values.deref(t);
            }
        }
        let mut known = 0;
        for e in exits.iter().filter(|e| !e.objects.references.nothing()) {
            for (kind, _, op, way) in self.deltas(e) {
                let depth = match way {
                    Way::Callee(f, id) => self.world.summary(f).and_then(|s| s.effect(id)).map_or(0, |d| d.depth + 1),
                    _ => 0,
                };
                let Some(loc) = self.body.op(op).map(|op| op.loc) else { continue };
                if known < 2 * DELTAS_MAX && depth < 8 && !self.made.iter().any(|m| m.effect.kind == kind) {
                    known += 1;
                    let condition = Condition::from_elem(Guard::new(), 1);
                    self.made.push(Made { op, effect: Effect { kind, loc, way, condition, depth, indirect: 0, modes: 0, always: false } });
                }
            }
        }
    }

    /// The references among the effects that a way out has certainly taken or given up.
    pub(super) fn refs_of(&self, exit: &Exit, effects: &[Made]) -> SmallVec<[RefDelta; 1]> {
        let mut out: SmallVec<[RefDelta; 1]> = SmallVec::new();
        if exit.objects.references.nothing() {
            return out;
        }
        for (kind, count, ..) in self.deltas(exit) {
            if let Some(i) = effects.iter().position(|m| m.effect.kind == kind) {
                out.push(RefDelta { effect: EffectId::new(i, &effects[i].effect), count });
            }
        }
        out.sort_unstable();
        out
    }
}

/// Targets of a call that are looked at for what they give up.
const HELPERS_MAX: usize = 3;

/// Whether a pointer is that of a plain integer which counts references.
pub(crate) fn is_count(world: &World<'_>, func: FuncId, values: &Values, pointer: ValueId) -> bool {
    let Value::Addr(place) = values.get(pointer) else { return false };
    matches!(values.get(place), Value::PField(_, member, record) if world.counts_references(func, record, member))
}

impl Change {
    pub(super) fn new(pointer: ValueId, op: RefOp, source: Source, way: Way) -> Change {
        Change { pointer, counter: Symbol::EMPTY, op, count: 1, source, way, callers: false }
    }
}

/// Whether a reference is only taken if the call's result says so.
pub(super) fn decided_by_result(effect: &RefEffect) -> bool {
    matches!(effect.op, RefOp::GetUnlessZero | RefOp::GetUnlessError)
}
