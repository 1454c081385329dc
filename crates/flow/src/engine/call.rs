//! Calls: of names the model knows, and of functions with a summary.

use super::references::decided_by_result;
use super::releases::Gone;
use super::*;
use crate::body::{ArgRange, Record};
use cuthere_kernel::Custom;

/// What effects of a callee are about, as its caller knows that before the call.
type Objects<'o> = &'o [(EffectId, ValueId)];

/// Targets of a call through a pointer beyond which what one of them does says nothing of the call.
const TARGETS_MAX: usize = 24;

/// A call as it is run.
#[derive(Clone, Copy)]
pub(super) struct Call<'c> {
    pub(super) index: OpId,
    pub(super) op: &'c Op,
    pub(super) dst: Option<LocalId>,
    pub(super) args: ArgRange,
    pub(super) values: &'c [ValueId],
    pub(super) name: Symbol,
}

impl Call<'_> {
    /// Whether it is made through a pointer.
    pub(super) fn through_pointer(&self, body: &Body) -> bool {
        body.op(self.index).is_some_and(|op| matches!(op.kind, OpKind::Call { target: Target::Pointer(_), .. }))
    }
}

impl Run<'_, '_> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn call(
        &mut self,
        index: OpId,
        op: &Op,
        dst: Option<LocalId>,
        target: Target,
        args: ArgRange,
        cleanup: bool,
        mut state: Boxed,
        out: &mut SmallVec<[Boxed; 4]>,
    ) {
        let world = self.world;
        self.touched.clear();
        let values = self.arguments(args, &state);
        let pointer = match target {
            Target::Pointer(e) => Some(self.eval(e, &state)),
            Target::Name(_) => None,
        };
        let chosen = pointer.and_then(|v| self.chosen(index, v));
        let callees = chosen.as_ref().or_else(|| world.callees(self.func, index));
        let (name, entry) = match target {
            Target::Name(name) => {
                let freeing = if cleanup { self.freeing(name) } else { None };
                // What `__free()` is written with looks for a pointer first.
                if freeing.is_some()
                    && let Some(&v) = values.first()
                    && (state.known(self.values, v).is_zero() || !self.refine(&mut state, v, Interval::NON_ZERO))
                {
                    out.push(state);
                    return;
                }
                let name = freeing.unwrap_or(name);
                (name, world.entry(name, callees.is_some()))
            }
            Target::Pointer(e) => (self.body.ops_field(e).map_or(Symbol::EMPTY, |f| f.1), None),
        };
        let ops = match target {
            Target::Pointer(e) => self.body.ops_field(e),
            Target::Name(_) => None,
        };
        let call = Call { index, op, dst, args, values: &values, name };
        let list = callees.map_or(&[][..], |c| c.list());
        let kind = EventKind::Call(CallEvent { name, table: ops, entry, callees: list, args: &values });
        self.show(&state, Event { op: index, loc: op.loc, origin: op.origin, way: Way::Here, kind });
        if let (Target::Pointer(e), Some(v)) = (target, pointer)
            && !self.called(index, op, e, v, &mut state)
        {
            return;
        }
        if self.watches || entry.is_some_and(|e| !e.accesses.is_empty()) || entry.is_none() && world.model.place_macro(name).is_some() {
            self.show_called(&call, entry, &state);
        }
        if let Some(known) = world.model.entry(name).filter(|e| e.links.is_some() || e.unlinks.is_some()) {
            let effects = [(known.links, ListOp::Add), (known.unlinks, ListOp::Remove)];
            for (argument, list) in effects.into_iter().filter_map(|(i, list)| Some((i?, list))) {
                let Some(&node) = values.get(argument as usize) else { continue };
                let link = self.values.deref(node);
                let head = if list == ListOp::Add { values.get(argument as usize + 1).copied() } else { None };
                let kind = EventKind::List { op: list, link, head, rcu: known.rcu_list };
                self.show(&state, Event { op: index, loc: op.loc, origin: op.origin, way: Way::Model(name), kind });
            }
        }
        if !self.found.is_empty() {
            self.claim_handed(&call, callees.map_or(&[][..], |c| c.list()), &state);
        }
        self.note_sleep(&call, callees, entry, ops, pointer, &state);

        if !state.objects.is_empty() && !self.access_printed(&call, callees, &mut state) {
            return;
        }
        // Dereferences inside the callee.
        let mut gone = SmallVec::new();
        let mut referenced = SmallVec::new();
        if let Some(entry) = entry {
            let looks = entry.length.and_then(|i| values.get(i as usize)).is_none_or(|&n| !state.known(self.values, n).is_zero());
            // Of what it frees once more, that is what there is to say.
            let again = |arg: u8, state: &State| {
                entry.frees.iter().any(|free| free.argument == arg)
                    && values.get(arg as usize).is_some_and(|&v| state.objects.freed(self.values.pointer_root(v)).is_some())
            };
            // Who is handed a plain NULL is ready for it, whatever the bodies of some release let appear.
            let null = |arg: u8| entry.learned && values.get(arg as usize).is_some_and(|&v| self.values.get(v) == Value::Int(0));
            let derefs: SmallVec<[u8; 4]> =
                entry.derefs.iter().copied().filter(|&arg| looks && !again(arg, &state) && !null(arg)).collect();
            for arg in derefs {
                if !self.access_argument(&call, arg, (Symbol::EMPTY, false), Way::Model(name), &mut state) {
                    return;
                }
            }
            // What may be NULL is looked at where it is not.
            if !state.objects.is_empty() && entry.refs.is_empty() && entry.frees.is_empty() {
                for &arg in &entry.null_ok {
                    let freed = values.get(arg as usize).is_some_and(|&v| state.objects.freed(self.values.pointer_root(v)).is_some());
                    if freed && !self.access_argument(&call, arg, (Symbol::EMPTY, true), Way::Model(name), &mut state) {
                        return;
                    }
                }
            }
            for &arg in &entry.derefs_inside {
                let inside = values.get(arg as usize).is_some_and(|&v| matches!(self.values.get(v), Value::Addr(_)));
                if inside && !self.access_argument(&call, arg, (Symbol::EMPTY, false), Way::Model(name), &mut state) {
                    return;
                }
            }
        } else if let Some(Callees::One(f)) = callees
            && let Some(summary) = world.summary(*f)
        {
            for (id, param, effect) in summary.derefs().chain(summary.tested_derefs()) {
                let EffectKind::Deref { member, tested, .. } = effect.kind else { continue };
                if !state.objects.is_empty() && summary.frees_argument(param) {
                    continue;
                }
                if self.lift(effect, &values, &state).is_some()
                    && !self.access_argument(&call, param, (member, tested), Way::Callee(*f, id), &mut state)
                {
                    return;
                }
            }
            if !self.lift_member_derefs(&call, *f, summary, &mut state) {
                return;
            }
            self.lift_locks(&call, *f, summary, &state);
            self.note_callee_stores(&values, summary.stores);
            gone = self.freed_by(summary, &values, &state);
            let result = self.values.result(index);
            referenced = self.referenced_by(summary, &values, result, &state);
        }
        // Whoever drops the last reference may give back what is held (`kref_put(&x->ref, release_locked)`).
        state.locks.doubtful |= entry.is_some_and(|e| !e.refs.is_empty()) && self.release_may_unlock(&call);
        let kept = match (entry, callees) {
            (None, Some(Callees::One(f))) => world.summary(*f).map_or(0, |s| s.kept_arguments()),
            _ => 0,
        };
        self.note_holders(&call, entry, &mut state);
        self.note_helpers(&call, entry, &mut state);
        self.share_arguments(&call, entry, &mut state);
        if dst.is_some() {
            self.note_given(&call, &mut state);
        }
        self.note_lists(&call, entry, &mut state);
        let writes = if state.objects.is_empty() { u64::MAX } else { self.writes_by(index, entry) };
        self.havoc(&call, kept, writes, entry, &mut state);
        self.assigned(args, &values, entry, &mut state);

        let fixed = self.first_asked(name);
        let result = self.values.result(fixed.unwrap_or(index));
        if fixed.is_none() {
            self.set_aside(index, result, &mut state);
        }
        let first = out.len();
        if let Some(entry) = entry {
            self.model_call(&call, entry, result, state, out);
            self.imply(&call, result, first, out);
            return;
        }
        match callees {
            Some(Callees::One(f)) => match world.summary(*f) {
                Some(summary) => {
                    // What the model says of a result outweighs what paths through the body seem to allow.
                    if never_null(world, name) {
                        state.learn(result, Interval::NON_ZERO);
                    }
                    self.tree_call(&call, *f, summary, (&gone, &referenced), result, state, out);
                    self.imply(&call, result, first, out);
                }
                None => {
                    self.assign(index, dst, result, &mut state);
                    out.push(state);
                }
            },
            known => {
                if known.is_none() && matches!(target, Target::Name(name) if world.model.place_macro(name).is_none()) {
                    state.call_unread(index);
                }
                state.locks.doubtful |= crate::program::naming::names_lock(name);
                if let Some(Callees::Many(all)) = known {
                    self.leave_perhaps(&call, all, &mut state);
                    if !state.locks.held.is_empty() || !state.ctx.is_zero() {
                        self.give_back_in_common(&call, all, &mut state);
                    }
                    self.free_by_most(&call, all, &mut state);
                }
                self.assign(index, dst, result, &mut state);
                out.push(state);
            }
        }
    }

    /// A call through a pointer frees an argument if nearly all functions that it may reach do so at once on all their ways: whoever calls it cannot rely on the object any more.
    fn free_by_most(&mut self, call: &Call<'_>, callees: &[FuncId], state: &mut State) {
        if callees.len() > TARGETS_MAX {
            return;
        }
        let world = self.world;
        for (i, &value) in call.values.iter().enumerate().take(8) {
            let place = RelPlace::param(i as u8);
            let frees = |f: &FuncId| {
                let summary = world.summary(*f).filter(|s| !s.truncated)?;
                let first = summary.outcomes.first()?;
                let id = first.frees.iter().map(|freed| freed.effect).find(|id| {
                    matches!(summary.effect(*id).map(|e| &e.kind), Some(EffectKind::Free { place: p, deferred: false, last: false, counted: false, moved: false, left: false }) if **p == place)
                })?;
                summary.outcomes.iter().all(|o| o.frees.iter().any(|freed| freed.effect == id)).then_some((*f, id))
            };
            let count = callees.iter().filter(|f| frees(f).is_some()).count();
            if count < 2 || count * 4 < callees.len() * 3 {
                continue;
            }
            let Some((callee, effect)) = callees.iter().find_map(frees) else { continue };
            let Some(summary) = world.summary(callee) else { continue };
            self.lift_free(call, callee, summary, FreedOnReturn { effect, replaced: false }, value, Gone::AtOnce, state);
        }
    }

    /// What a result says of arguments by the model's word: where it is not zero they are not NULL.
    fn imply(&mut self, call: &Call<'_>, result: ValueId, first: usize, out: &mut SmallVec<[Boxed; 4]>) {
        let Some(entry) = self.world.model.entry(call.name).filter(|e| call.dst.is_some() && !e.implies.is_empty()) else { return };
        let args: SmallVec<[ValueId; 2]> = entry.implies.iter().filter_map(|&i| call.values.get(i as usize).copied()).collect();
        for at in first..out.len() {
            if args.iter().all(|&v| !out[at].known(self.values, v).may_be_zero()) {
                continue;
            }
            let mut found = match out[at].known(self.values, result).truth() {
                Some(false) => continue,
                Some(true) => None,
                None => Some(out[at].clone()),
            };
            let state = found.as_mut().unwrap_or(&mut out[at]);
            let holds = state.learn(result, Interval::NON_ZERO) && args.iter().all(|&v| self.refine(state, v, Interval::NON_ZERO));
            if let Some(found) = found {
                out[at].learn(result, Interval::ZERO);
                if holds {
                    out.push(found);
                }
            }
        }
    }

    /// The one function that a call through a pointer reaches, if the pointer's value is known.
    fn chosen(&self, index: OpId, pointer: ValueId) -> Option<Callees> {
        let Value::Function(name) = self.values.get(pointer) else { return None };
        let Callees::Many(all) = self.world.callees(self.func, index)? else { return None };
        let mut named = all.iter().filter(|f| self.world.func(**f).name == name);
        match (named.next(), named.next()) {
            (Some(f), None) => Some(Callees::One(*f)),
            _ => None,
        }
    }

    /// A pointer is called; false: the path ends here.
    fn called(&mut self, index: OpId, op: &Op, e: ExprId, pointer: ValueId, state: &mut State) -> bool {
        let known = state.known(self.values, pointer);
        let Expr::Load(place, _) = self.body.expr(e) else { return true };
        let place = self.place(place, state);
        let Value::PField(base, member, record) = self.values.get(place) else { return true };
        let table = match self.values.get(base) {
            Value::PGlobal(table) if known.is_zero() => Some((table, true, true)),
            _ if known.may_be_zero() && !known.is_zero() => {
                self.world.tables.left_out(record, member).map(|(table, file)| (table, false, file == self.body.file))
            }
            _ => None,
        };
        if table.is_none() && !known.is_zero() {
            return true;
        }
        let site = Site {
            op: index,
            loc: op.loc,
            origin: op.origin,
            member: Symbol::EMPTY,
            text: Some(e),
            expr: Some(e),
            way: Way::Here,
            argument: None,
            callee: Symbol::EMPTY,
            tested: false,
        };
        match table {
            Some((table, known, own)) => {
                let pointer = self.values.make(Value::Entry(place));
                self.show_access(pointer, Some(NullCause::LeftOut { table, known, own }), None, state, &site);
                !known
            }
            None => self.access(pointer, state, &site),
        }
    }

    /// Addresses inside of freed objects that are handed beyond the parameters that a callee names, or behind a text: it looks at what they lead to
    /// (`%pM`); false: the path ends here.
    fn access_printed(&mut self, call: &Call<'_>, callees: Option<&Callees>, state: &mut State) -> bool {
        let named = match callees {
            Some(Callees::One(f)) => self.world.func(*f).params as usize,
            Some(_) => return true,
            None => call.values.iter().position(|&v| self.values.get(v) == Value::Str).map_or(usize::MAX, |at| at + 1),
        };
        for i in named.max(1)..call.values.len().min(16) {
            let value = call.values[i];
            let inside = matches!(self.values.get(value), Value::Addr(_)) && state.objects.freed(self.values.pointer_root(value)).is_some();
            if inside && !self.access_argument(call, i as u8, (Symbol::EMPTY, false), Way::Model(call.name), state) {
                return false;
            }
        }
        true
    }

    /// The callee dereferences an argument; false: the path ends here.
    fn access_argument(&mut self, call: &Call<'_>, argument: u8, (member, tested): (Symbol, bool), way: Way, state: &mut State) -> bool {
        let Some(&v) = call.values.get(argument as usize) else { return true };
        let site = Site {
            op: call.index,
            loc: call.op.loc,
            origin: call.op.origin,
            member,
            text: None,
            expr: self.body.call_args(call.args).get(argument as usize).copied(),
            way,
            argument: Some(argument),
            callee: call.name,
            tested,
        };
        self.access(v, state, &site)
    }

    /// The first call of a function that always answers the same here, which stands for all of them.
    fn first_asked(&self, name: Symbol) -> Option<OpId> {
        let asks = |op: &Op| matches!(op.kind, OpKind::Call { target: Target::Name(other), .. } if other == name);
        self.world.model.is_custom(Custom::Fixed, name).then(|| self.body.all_ops().find(|(_, op)| asks(op)).map(|(id, _)| id))?
    }

    /// What the clean-up of a variable declared with `__free()` calls.
    pub(super) fn freeing(&self, name: Symbol) -> Option<Symbol> {
        name.as_str().strip_prefix("__free_").and_then(Symbol::find).and_then(|n| self.world.model.free_class(n)).map(|c| c.calls)
    }

    pub(super) fn assign(&mut self, index: OpId, dst: Option<LocalId>, value: ValueId, state: &mut State) {
        if let Some(l) = dst {
            let p = self.values.make(Value::PLocal(l));
            self.overwrite(p, index, None, state);
            state.write(self.values, p, value);
        }
    }

    /// Another round of the same call makes another value: what stands for the one before is renamed.
    fn set_aside(&mut self, index: OpId, result: ValueId, state: &mut State) {
        let known = state.facts.iter().position(|f| f.0 == result).map(|i| state.facts.remove(i).1);
        self.former = None;
        if state.env.iter().any(|e| e.1 == result) {
            let before = self.values.fresh(Origin::FormerResult(index, result));
            self.former = Some((result, before));
            state.facts.retain(|f| f.0 != before);
            if let Some(known) = known {
                state.learn(before, known);
            }
            state.env.iter_mut().filter(|e| e.1 == result).for_each(|e| e.1 = before);
            state.objects.rename(result, before);
            if !state.locks.held.is_empty() {
                state.locks.rename(self.values, result, before);
            }
        }
        self.renew(result, state);
    }

    /// A value is made anew: what was reached through the one that went by this name is known no more.
    pub(super) fn renew(&self, value: ValueId, state: &mut State) {
        state.objects.renew(value);
        if !state.rounds.is_empty() && !state.objects.is_empty() {
            let values = &*self.values;
            let made = values.get(value);
            state.objects.retain(|object| !values.rests_on(object, &|v| v == made));
        }
    }

    /// The function that a call calls itself where it fails, and what that is handed.
    fn or_now(&self, call: &Call<'_>, entry: &Entry) -> Option<(Symbol, ValueId)> {
        let effect = entry.callbacks.iter().find(|c| c.or_now && call.dst.is_some())?;
        let arg = |i: Option<u8>| call.values.get(i? as usize).copied();
        match self.values.get(arg(effect.function)?) {
            Value::Function(name) => Some((name, arg(effect.data)?)),
            _ => None,
        }
    }

    fn model_call(&mut self, call: &Call<'_>, entry: &Entry, result: ValueId, mut state: Boxed, out: &mut SmallVec<[Boxed; 4]>) {
        use cuthere_kernel::Test as T;
        if entry.noreturn {
            return;
        }
        let values = call.values;
        let mut value = result;
        match (entry.tests, values.first()) {
            (Some(T::IsErr | T::PtrErrOrZero), Some(&v)) => value = self.values.make(Value::IsErr(v)),
            (Some(T::IsErrOrNull), Some(&v)) => value = self.values.make(Value::IsErrOrNull(v)),
            (Some(T::IsNull), Some(&v)) => value = self.values.make(Value::Un(UnOp::Not, v)),
            (Some(T::Truth | T::Warning), Some(&v)) => value = self.values.make(Value::Truth(v)),
            (Some(T::MayReclaim), Some(&v)) => {
                let mask = self.values.int(self.world.gfp_reclaim);
                value = self.values.bin(BinOp::And, v, mask);
            }
            (Some(T::BugOn), Some(&v)) if !self.assume(&mut state, v, false, 0) => return,
            _ => {}
        }
        for &i in &entry.ensures {
            if let Some(&v) = values.get(i as usize)
                && (state.known(self.values, v).is_zero() || !self.assume(&mut state, v, true, 0))
            {
                return;
            }
        }
        match entry.returns {
            Returns::Arg(i) => value = values.get(i as usize).copied().unwrap_or(result),
            Returns::ErrorArg(i) => {
                value = values.get(i as usize).copied().unwrap_or(result);
                // What callers hand down, and what is reached from that, they know themselves.
                if state.known(self.values, value).value().is_none() && self.subject(value).is_none() {
                    state.learn(value, Interval::range(MIN_ERR, 0));
                }
            }
            Returns::NonNull => {
                state.learn(result, Interval::OBJECT);
            }
            // Memory that practically always comes; of the others, loops that empty a queue or walk a tree end with NULL.
            Returns::RarelyNull => {
                state.learn(result, if entry.allocates { Interval::OBJECT } else { Interval { not_err: true, ..Interval::TOP } });
            }
            Returns::ErrPtr => {
                state.learn(result, Interval::NON_ZERO);
            }
            Returns::MayNull => {
                let never_fails = matches!(entry.sleeps, Sleeps::Gfp(i) if values.get(i as usize).is_some_and(|&v| self.bits(v, self.world.gfp_nofail, &state, 0) == Bits::Set));
                state.learn(result, if never_fails { Interval::OBJECT } else { Interval { not_err: true, ..Interval::TOP } });
            }
            _ => {}
        }
        // The private part of an object is a part of it.
        if let Some(i) = entry.interior
            && let Some(&whole) = values.get(i as usize)
            && call.dst.is_some()
        {
            let mut base = self.values.deref(whole);
            if let (Some(member), Some(&e)) = (entry.interior_of, self.body.call_args(call.args).get(i as usize)) {
                let place = self.values.field(base, member, self.body.pointee(e).unwrap_or_default());
                let within = state.read(self.values, place);
                base = self.values.deref(within);
            }
            let part = self.values.field(base, Symbol::intern("private"), Record::UNKNOWN);
            value = self.values.addr(part);
        }
        if entry.asks.is_some() {
            value = self.values.make(Value::ContextQuery(Query::Primitive(entry.name)));
        }
        self.note_entry(call, entry, result, &mut state);
        self.free_after_grace(call, entry, &mut state);
        if entry.zeroed && call.dst.is_some() {
            let object = self.values.deref(result);
            let zero = self.values.int(0);
            state.write(self.values, object, zero);
        }
        if let Some(free) = entry.frees.iter().find(|free| free.how == FreeHow::IfPointer) {
            let mut moved = state.clone();
            if moved.learn(result, Interval::OBJECT) {
                self.free_argument(call, free, &mut moved);
                self.assign(call.index, call.dst, value, &mut moved);
                out.push(moved);
            }
            state.learn(result, Interval::ZERO);
        }
        if call.dst.is_some()
            && let Some(effect) = entry.refs.iter().find(|effect| decided_by_result(effect))
        {
            let (ok, failed) = match effect.op {
                RefOp::GetUnlessError if entry.returns == Returns::Errno => (Interval::ZERO, Interval::range(MIN_ERR, -1)),
                RefOp::GetUnlessError => (Interval::range(0, i64::MAX), Interval::range(MIN_ERR, -1)),
                _ => (Interval::NON_ZERO, Interval::ZERO),
            };
            let mut taken = state.clone();
            if taken.learn(result, ok) {
                self.note_refs(call, entry, result, true, &mut taken);
                self.assign(call.index, call.dst, value, &mut taken);
                out.push(taken);
            }
            if state.learn(result, failed) {
                self.assign(call.index, call.dst, value, &mut state);
                out.push(state);
            }
            return;
        }
        if let Some((function, data)) = self.or_now(call, entry) {
            let mut failed = state.clone();
            if failed.learn(result, Interval::range(MIN_ERR, -1)) {
                self.call_at_once(call, function, data, &mut failed);
                self.assign(call.index, call.dst, value, &mut failed);
                out.push(failed);
            }
            if state.learn(result, Interval::ZERO) {
                self.share(data, true, &mut state);
                self.keep_for_later(function, data, &mut state);
                self.assign(call.index, call.dst, value, &mut state);
                out.push(state);
            }
            return;
        }
        if let Some(moved) = entry.moves.first() {
            let (ok, failed) = match moved.success {
                Success::Zero => (Interval::ZERO, Interval::NON_ZERO),
                _ => (Interval::NON_ZERO, Interval::ZERO),
            };
            if call.dst.is_some() && moved.success != Success::Always {
                let mut unmoved = state.clone();
                if unmoved.learn(result, failed) {
                    self.assign(call.index, call.dst, value, &mut unmoved);
                    out.push(unmoved);
                }
                if !state.learn(result, ok) {
                    return;
                }
            }
            self.move_members(call, entry, &mut state);
        }
        if call.dst.is_some()
            && let Some((release, pointer)) = self.unlocks_by_release(call, entry)
        {
            self.effects(call, entry, &mut state);
            let mut last = state.clone();
            if last.learn(result, Interval::NON_ZERO) {
                self.lift_release_locks(call, release, pointer, &mut last);
                self.assign(call.index, call.dst, value, &mut last);
                out.push(last);
            }
            if state.learn(result, Interval::ZERO) {
                self.assign(call.index, call.dst, value, &mut state);
                out.push(state);
            }
            return;
        }
        // Whoever never asks for the pointer knows that it is none of those that may fail.
        let told = |a: &LockEffect| !matches!(a.success, Success::Always | Success::Perhaps);
        let asked = |a: &LockEffect| a.success != Success::Pointer || call.dst.is_none_or(|l| self.body.asks_for_pointer(l));
        let conditional = entry.acquires.iter().find(|a| told(a) && asked(a)).map(|a| a.success);
        match conditional {
            Some(success) if call.dst.is_some() => {
                let failure = match entry.returns {
                    Returns::Errno => Interval::range(MIN_ERR, -1),
                    Returns::Interrupted => Interval::exactly(-4),
                    _ => Interval::NON_ZERO,
                };
                let (ok, failed) = match success {
                    Success::NonZero => (Interval::NON_ZERO, Interval::ZERO),
                    Success::Zero => (Interval::ZERO, failure),
                    Success::Pointer | Success::Always | Success::Perhaps => (Interval::OBJECT, Interval::TOP),
                };
                let mut taken = state.clone();
                self.effects(call, entry, &mut taken);
                self.lock_left_through(call, entry, &mut taken);
                if taken.learn(result, ok) {
                    self.assign(call.index, call.dst, value, &mut taken);
                    out.push(taken);
                }
                if success == Success::Pointer {
                    state.learn(result, Interval { lo: MIN_ERR, hi: 0, not_zero: false, not_err: false });
                } else {
                    state.learn(result, failed);
                }
                self.assign(call.index, call.dst, value, &mut state);
                out.push(state);
            }
            _ => {
                self.effects(call, entry, &mut state);
                self.assign(call.index, call.dst, value, &mut state);
                out.push(state);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn tree_call(
        &mut self,
        call: &Call<'_>,
        callee: FuncId,
        summary: &Summary,
        (gone, referenced): (Objects<'_>, Objects<'_>),
        result: ValueId,
        mut state: Boxed,
        out: &mut SmallVec<[Boxed; 4]>,
    ) {
        if summary.noreturn {
            return;
        }
        let values = call.values;
        let mut value = result;
        if summary.ret.asks {
            value = self.values.make(Value::ContextQuery(Query::Call(call.index)));
        }
        if let Some(computed) = &summary.ret.computed
            && let Some(v) = self.compute(computed, values)
        {
            value = v;
        }
        if let Some(arg) = summary.ret.arg
            && let Some(&v) = values.get(arg as usize)
        {
            value = v;
        }
        if let Some(place) = &summary.ret.part
            && let Some(place) = self.absolute(place, values, result, &state)
        {
            value = self.values.addr(place);
        }
        if let Some(place) = &summary.ret.inside
            && let Some(place) = self.absolute(place, values, result, &state)
        {
            let base = self.values.addr(place);
            value = self.values.bin(BinOp::Add, base, result);
        }
        if let Some(found) = summary.ret.found {
            self.find(call.index, result, found.rcu, Some((callee, found)), found.record, &state);
        }
        if let Some(known) = summary.ret.known
            && known != Interval::TOP
        {
            state.learn(result, known);
        }
        if let Some(null) = &summary.ret.null {
            let possible = null.condition.iter().any(|g| self.proven(g, values, &state) && self.translate(g, values, &state).is_some());
            if !possible {
                state.learn(result, Interval::NON_ZERO);
            }
        }
        // What the model says of references outweighs the body, which may count in ways that are not followed.
        let modelled = self.world.model.entry(call.name).filter(|e| !e.learned && (!e.refs.is_empty() || e.returns_ref));
        if summary.outcomes.is_empty() {
            if let Some(entry) = modelled {
                self.note_refs(call, entry, result, false, &mut state);
            }
            state.locks.doubtful |= crate::program::naming::names_unlock(call.name) && self.may_give_back(callee, summary, &state);
            if !state.locks.held.is_empty() && !self.world.func(callee).annotations.is_empty() {
                let before = state.clone();
                self.release_by_word(call, callee, 0, &before, &mut state);
            }
            self.assign(call.index, call.dst, value, &mut state);
            out.push(state);
            return;
        }
        // What it is named for may be put off; what tells its ways apart may be dropped here, or be something in memory that others rely on too.
        let keeps = |o: &Outcome| o.locks.iter().all(|l| l.taken);
        let put_off = crate::program::naming::names_unlock(call.name)
            && (summary.ret.known.is_none() && summary.outcomes.iter().any(keeps) || summary.outcomes.iter().all(keeps));
        let memory = |o: &Outcome| o.guard.iter().any(|g| g.0.place().is_some());
        let open = |a: &Outcome, b: &Outcome| {
            a.locks != b.locks && if a.ret.meet(b.ret).is_none() { call.dst.is_none() } else { memory(a) || memory(b) }
        };
        // What this path excludes leaves no doubt.
        let possible: SmallVec<[&Outcome; 4]> =
            summary.outcomes.iter().filter(|o| self.translate(&o.guard, values, &state).is_some()).collect();
        let doubtful = put_off || possible.iter().enumerate().any(|(i, a)| possible[..i].iter().any(|b| open(a, b)));
        let mut any = false;
        let first = out.len();
        for outcome in &summary.outcomes {
            if self.translate(&outcome.guard, values, &state).is_none() {
                continue;
            }
            let mut s = state.clone();
            if call.dst.is_some() && outcome.ret != Interval::TOP && !s.learn(result, outcome.ret) {
                continue;
            }
            let holds = outcome.guard.iter().all(|&(subject, test)| match test {
                Test::In(known) => self.subject_value(subject, values, &s).is_none_or(|v| self.refine(&mut s, v, known)),
                _ => true,
            });
            if !holds {
                continue;
            }
            // Where an argument comes back with a reference, both names lead to it.
            let back = summary.handed_back(outcome).filter(|_| call.dst.is_some()).and_then(|arg| values.get(arg as usize)).copied();
            if back.is_some_and(|v| !self.refine(&mut s, v, outcome.ret)) {
                continue;
            }
            let value = back.unwrap_or(value);
            any = true;
            s.locks.doubtful |= outcome.doubtful || doubtful;
            self.leave_written(call, &outcome.written, &mut s);
            let (covered, sole) = match modelled {
                Some(entry) => {
                    self.note_refs(call, entry, result, false, &mut s);
                    if s.known(self.values, result).truth() == Some(true) {
                        self.note_refs(call, entry, result, true, &mut s);
                    }
                    Default::default()
                }
                None if crate::program::naming::names_managed(call.name) => Default::default(),
                None => self.lift_refs(call, callee, summary, &outcome.refs, referenced, &mut s),
            };
            for &freed in &outcome.frees {
                if matches!(summary.effect(freed.effect).map(|e| &e.kind), Some(EffectKind::Free { left: true, .. })) {
                    self.lift_left(call, callee, summary, freed, result, &mut s);
                    continue;
                }
                let Some(&(_, value)) = gone.iter().find(|g| g.0 == freed.effect) else { continue };
                let object = self.values.pointer_root(value);
                let counted = matches!(summary.effect(freed.effect).map(|e| &e.kind), Some(EffectKind::Free { counted: true, .. }));
                if !counted || !covered.contains(&object) {
                    let when = if sole.contains(&object) { Gone::Counted { sole: true } } else { Gone::AtOnce };
                    self.lift_free(call, callee, summary, freed, value, when, &mut s);
                }
            }
            self.free_sole(call, callee, summary, &sole, &mut s);
            let mut half = false;
            for delta in &outcome.locks {
                let lock = self.left_lock(call, delta, values, result, &s);
                half |= !delta.taken && !delta.sure && s.locks.is_half(self.values, &lock);
                match (delta.taken, delta.sure) {
                    // The event was shown with the callee's effect.
                    (true, true) => self.truncated |= !s.locks.acquire(lock),
                    (true, false) => s.locks.acquire_perhaps(lock),
                    (false, true) => self.release(call, Way::Callee(callee, EffectId::OUTCOME), lock, &mut s),
                    (false, false) => self.release_perhaps(call, Way::Callee(callee, EffectId::OUTCOME), lock, &mut s),
                }
            }
            // What one half did not begin for certain, the other does not end: nothing of the caller's is given back by it.
            let own = s.ctx.minus(self.entry_ctx);
            let kept = || own.plus(outcome.ctx).most(own.least(Ctx::default())).minus(own);
            self.shift(if half { kept() } else { outcome.ctx }, call.index, &mut s);
            self.release_by_word(call, callee, outcome.locks.iter().filter(|l| !l.taken && l.sure).count(), &state, &mut s);
            self.assign(call.index, call.dst, value, &mut s);
            out.push(s);
        }
        if out.len() > first + 1 {
            out[first..].iter_mut().for_each(|s| s.objects.depend(call.index, result));
        }
        if !any {
            self.assign(call.index, call.dst, value, &mut state);
            out.push(state);
        }
    }
}
