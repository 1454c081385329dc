//! Calls: of names the model knows, and of functions with a summary.

use super::*;
use cuthere_kernel::Sleeps;

impl<O: Observer> Run<'_, '_, O> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn call(
        &mut self,
        index: u32,
        op: &DOp,
        dst: Option<u32>,
        target: Target,
        args: (u32, u32),
        cleanup: bool,
        mut state: Boxed,
        out: &mut SmallVec<[Boxed; 4]>,
    ) {
        let world = self.world;
        let values = self.values(args, &state);
        let callees = world.callees(self.func, index);
        let (name, entry) = match target {
            Target::Name(name) => {
                let name = if cleanup { self.freeing(name) } else { name };
                (name, world.entry(name, callees.is_some()))
            }
            Target::Pointer(e) => (self.d.ops_field(e).map_or(Symbol::EMPTY, |f| f.1), None),
        };
        let ops = match target {
            Target::Pointer(e) => self.d.ops_field(e),
            Target::Name(_) => None,
        };
        self.note_call(index, op, name, entry, ops, &values, &mut state);

        // Dereferences inside the callee.
        if let Some(entry) = entry {
            let looks = entry.length.and_then(|i| values.get(i as usize)).is_none_or(|&n| !state.fact(self.nodes, n).is_zero());
            for &arg in entry.derefs.iter().filter(|_| looks) {
                if let Some(&v) = values.get(arg as usize) {
                    let site = NullSite {
                        op: index,
                        loc: op.loc,
                        origin: op.origin,
                        member: Symbol::EMPTY,
                        text: None,
                        expr: self.d.call_args(args).get(arg as usize).copied(),
                        callee: None,
                        argument: Some(arg),
                        name,
                    };
                    if !self.access(v, &mut state, &site) {
                        return;
                    }
                }
            }
        } else if let Some(crate::world::Callees::One(f)) = callees
            && let Some(summary) = world.summary(*f)
        {
            for (i, deref) in summary.derefs.iter().enumerate() {
                if let Some(&v) = values.get(deref.param as usize) {
                    let Some(_) = self.translate(&deref.guard, &values, &state) else { continue };
                    let site = NullSite {
                        op: index,
                        loc: op.loc,
                        origin: op.origin,
                        member: deref.member,
                        text: None,
                        expr: self.d.call_args(args).get(deref.param as usize).copied(),
                        callee: Some((*f, i as u8)),
                        argument: Some(deref.param),
                        name,
                    };
                    if !self.access(v, &mut state, &site) {
                        return;
                    }
                }
            }
        }
        self.forget(&values, entry, &mut state);

        let result = self.nodes.make(Node::Fresh(index, RESULT));
        self.set_aside(index, result, &mut state);
        if dst.is_none() {
            // Nothing refers to the result.
        }

        if let Some(entry) = entry {
            self.model_call(index, entry, &values, result, dst, state, out);
            return;
        }
        match callees {
            Some(crate::world::Callees::One(f)) => match world.summary(*f) {
                Some(summary) => {
                    // What the model says of a result outweighs what paths through the body seem to allow.
                    if never_null(world, name) {
                        state.learn(result, Fact::NON_ZERO);
                    }
                    self.tree_call(index, summary, &values, result, dst, state, out);
                }
                None => {
                    self.assign(dst, result, &mut state);
                    out.push(state);
                }
            },
            _ => {
                self.assign(dst, result, &mut state);
                out.push(state);
            }
        }
    }

    pub(super) fn freeing(&self, name: Symbol) -> Symbol {
        name.as_str().strip_prefix("__free_").and_then(Symbol::find).and_then(|n| self.world.model.free_class(n)).map_or(name, |c| c.calls)
    }

    pub(super) fn assign(&mut self, dst: Option<u32>, value: NodeId, state: &mut State) {
        if let Some(l) = dst {
            let p = self.nodes.make(Node::PLocal(l));
            state.write(self.nodes, p, value);
        }
    }

    /// Another round of the same call makes another value: what places hold from the one before is renamed.
    fn set_aside(&mut self, index: u32, result: NodeId, state: &mut State) {
        let known = state.facts.iter().position(|f| f.0 == result).map(|i| state.facts.remove(i).1);
        if state.env.iter().any(|e| e.1 == result) {
            let before = self.nodes.make(Node::Fresh(1 << 25 | index, result));
            state.facts.retain(|f| f.0 != before);
            if let Some(known) = known {
                state.learn(before, known);
            }
            state.env.iter_mut().filter(|e| e.1 == result).for_each(|e| e.1 = before);
        }
    }

    /// What a call may change: locals whose address it gets, new zeroed objects that it gets, and pointers in memory known to be NULL.
    /// Of an object whose member it gets, a function of the model changes no more than that; one that neither sleeps, nor takes or gives back
    /// locks, nor calls back, changes no object that it does not get.
    pub(super) fn forget(&mut self, args: &[NodeId], entry: Option<&Entry>, state: &mut State) {
        let modelled = entry.is_some();
        for &a in args {
            if let Node::Addr(place) = self.nodes.get(a)
                && self.nodes.local_of(place).is_some()
            {
                self.unknown(place, state);
            }
            self.escape(a, modelled, state);
        }
        let nodes = &*self.nodes;
        let given: Option<SmallVec<[NodeId; 4]>> =
            entry.filter(|e| is_local(e)).map(|_| args.iter().map(|&a| nodes.pointer_root(a)).collect());
        // Flags and counts keep what was found in them, as other values do; pointers are set by calls to set them.
        let shape = self.shape;
        let pointer = |place: NodeId| match nodes.get(place) {
            Node::PField(_, name, _) | Node::PGlobal(name) => shape.is_pointer(name),
            _ => true,
        };
        let reached = |place: NodeId| match (&given, nodes.root(place)) {
            (Some(given), Some(pointer)) => given.contains(&nodes.pointer_root(pointer)),
            _ => true,
        };
        let stale: SmallVec<[NodeId; 4]> = state
            .facts
            .iter()
            .filter(|f| {
                f.1.is_zero()
                    && matches!(nodes.get(f.0), Node::Entry(p) if !matches!(nodes.get(p), Node::PLocal(_)) && pointer(p) && reached(p))
            })
            .map(|f| f.0)
            .collect();
        state.facts.retain(|f| !stale.contains(&f.0));
        // Written memory that holds NULL; a new object that nobody else knows stays as it is.
        for e in state.env.iter_mut() {
            if nodes.get(e.1) == Node::Int(0) && nodes.local_of(e.0).is_none() && !new_object(nodes, e.0) && reached(e.0) {
                e.1 = u32::MAX;
            }
        }
        state.env.retain(|e| e.1 != u32::MAX);
    }

    /// The place holds a value that nothing is known of.
    fn unknown(&mut self, place: NodeId, state: &mut State) {
        let salt = self.nodes.len() as u32 | 1 << 31;
        let v = self.nodes.make(Node::Fresh(1 << 26 | place, salt));
        state.write(self.nodes, place, v);
    }

    /// A pointer is handed to code that is not followed: the zeroed object it points to, or into, is no longer known to be zero.
    pub(super) fn escape(&mut self, value: NodeId, member_only: bool, state: &mut State) {
        let root = self.nodes.pointer_root(value);
        if !matches!(self.nodes.get(root), Node::Fresh(_, RESULT)) {
            return;
        }
        let object = self.nodes.deref(root);
        if state.written(object).is_none() {
            return;
        }
        match self.nodes.get(value) {
            Node::Addr(place) if member_only => self.unknown(place, state),
            _ => state.env.retain(|e| e.0 != object),
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn model_call(
        &mut self,
        index: u32,
        entry: &Entry,
        values: &[NodeId],
        result: NodeId,
        dst: Option<u32>,
        mut state: Boxed,
        out: &mut SmallVec<[Boxed; 4]>,
    ) {
        use cuthere_kernel::Test as T;
        if entry.noreturn {
            return;
        }
        let mut value = result;
        match (entry.tests, values.first()) {
            (Some(T::IsErr | T::PtrErrOrZero), Some(&v)) => value = self.nodes.make(Node::IsErr(v)),
            (Some(T::IsErrOrNull), Some(&v)) => value = self.nodes.make(Node::IsErrOrNull(v)),
            (Some(T::IsNull), Some(&v)) => value = self.nodes.make(Node::Un(UnOp::Not, v)),
            (Some(T::Truth), Some(&v)) => value = self.nodes.make(Node::Truth(v)),
            (Some(T::BugOn), Some(&v)) if !self.assume(&mut state, v, false, 0) => return,
            _ => {}
        }
        match entry.returns {
            Returns::Arg(i) => value = values.get(i as usize).copied().unwrap_or(result),
            Returns::NonNull | Returns::RarelyNull => {
                state.learn(result, Fact::OBJECT);
            }
            Returns::ErrPtr => {
                state.learn(result, Fact::NON_ZERO);
            }
            Returns::MayNull => {
                let never_fails = matches!(entry.sleeps, Sleeps::Gfp(i) if values.get(i as usize).is_some_and(|&v| self.bits(v, self.world.gfp_nofail, &state, 0) == Bits::Set));
                state.learn(result, if never_fails { Fact::OBJECT } else { Fact { not_err: true, ..Fact::TOP } });
            }
            _ => {}
        }
        if crate::words::asks_context(entry.name) {
            value = self.nodes.make(Node::ContextQuery(entry.name.index() as u32));
        }
        for &(arg, deferred) in &entry.frees {
            if let Some(&v) = values.get(arg as usize) {
                self.free(v, deferred, entry.name, index, &state);
            }
        }
        if entry.zeroed && dst.is_some() {
            let object = self.nodes.deref(result);
            let zero = self.nodes.int(0);
            state.write(self.nodes, object, zero);
        }
        let conditional = entry.acquires.iter().find(|a| a.success != Success::Always).map(|a| a.success);
        match conditional {
            Some(success) if dst.is_some() => {
                let (ok, failed) = match success {
                    Success::NonZero => (Fact::NON_ZERO, Fact::ZERO),
                    Success::Zero => (Fact::ZERO, Fact::NON_ZERO),
                    Success::Pointer | Success::Always => (Fact::OBJECT, Fact::TOP),
                };
                let mut taken = state.clone();
                self.effects(index, entry, values, &mut taken);
                if taken.learn(result, ok) {
                    self.assign(dst, value, &mut taken);
                    out.push(taken);
                }
                if success == Success::Pointer {
                    state.learn(result, Fact { lo: crate::fact::MIN_ERR, hi: 0, not_zero: false, not_err: false });
                } else {
                    state.learn(result, failed);
                }
                self.assign(dst, value, &mut state);
                out.push(state);
            }
            _ => {
                self.effects(index, entry, values, &mut state);
                self.assign(dst, value, &mut state);
                out.push(state);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn tree_call(
        &mut self,
        index: u32,
        summary: &Summary,
        values: &[NodeId],
        result: NodeId,
        dst: Option<u32>,
        mut state: Boxed,
        out: &mut SmallVec<[Boxed; 4]>,
    ) {
        if summary.noreturn {
            return;
        }
        let mut value = result;
        if summary.ret.asks {
            value = self.nodes.make(Node::ContextQuery(1 << 31 | index));
        }
        if let Some(arg) = summary.ret.arg
            && let Some(&v) = values.get(arg as usize)
        {
            value = v;
        }
        if let Some(fact) = summary.ret.fact
            && fact != Fact::TOP
        {
            state.learn(result, fact);
        }
        if let Some(null) = &summary.ret.null {
            let possible = null.guards.iter().any(|g| self.proven(g, values, &state) && self.translate(g, values, &state).is_some());
            if !possible {
                state.learn(result, Fact::NON_ZERO);
            }
        }
        for free in &summary.frees {
            if self.translate(&free.guard, values, &state).is_some()
                && let Some(place) = self.absolute(&free.place, values, result, &state)
            {
                let v = self.nodes.addr(place);
                self.free(v, free.deferred, free.by, index, &state);
            }
        }
        if summary.outcomes.is_empty() {
            self.assign(dst, value, &mut state);
            out.push(state);
            return;
        }
        let mut any = false;
        for outcome in &summary.outcomes {
            if self.translate(&outcome.guard, values, &state).is_none() {
                continue;
            }
            let mut s = state.clone();
            if dst.is_some() && outcome.ret != Fact::TOP && !s.learn(result, outcome.ret) {
                continue;
            }
            if !outcome.guard.iter().all(|(p, test)| match (test, values.get(*p as usize)) {
                (Test::Fact(fact), Some(&v)) => self.refine(&mut s, v, *fact),
                _ => true,
            }) {
                continue;
            }
            any = true;
            for delta in &outcome.locks {
                let place = self.absolute(&delta.place, values, result, &s);
                let (place, class) = match place {
                    Some(p) => (p, self.class_of(p, delta.class)),
                    None => (self.nodes.make(Node::PGlobal(delta.class)), delta.class),
                };
                if delta.taken {
                    self.acquire(Held { place, class, kind: delta.kind, mode: delta.mode, op: index, guard: 0 }, &mut s);
                } else {
                    self.release(place, class, delta.kind, delta.mode, index, &mut s);
                }
            }
            self.shift(outcome.ctx, index, &mut s);
            self.assign(dst, value, &mut s);
            out.push(s);
        }
        if !any {
            self.assign(dst, value, &mut state);
            out.push(state);
        }
    }

    pub(super) fn free(&mut self, value: NodeId, deferred: bool, by: Symbol, index: u32, state: &State) {
        let place = self.nodes.deref(value);
        if let Some(rel) = self.relative(place, None)
            && matches!(rel.root, RelRoot::Param(_))
            && self.frees.len() < 8
            && !self.frees.iter().any(|f| f.place == rel)
        {
            let loc = self.d.ops.get(index as usize).map_or(Loc::NONE, |o| o.loc);
            let guard = self.guard(state, None);
            self.frees.push(ParamFree { place: rel, loc, by, deferred, guard });
        }
    }
}

/// Whether a function works on its arguments alone: allocators, and what neither sleeps nor lets anybody else run.
fn is_local(entry: &Entry) -> bool {
    entry.allocates
        || entry.sleeps == Sleeps::Never
            && entry.acquires.is_empty()
            && entry.releases.is_empty()
            && entry.context.is_empty()
            && entry.callbacks.is_empty()
            && entry.wakes.is_none()
}

/// Whether a place is the whole of an object that a call has just made.
fn new_object(nodes: &Nodes, place: NodeId) -> bool {
    matches!(nodes.get(place), Node::PDeref(v) if matches!(nodes.get(v), Node::Fresh(_, RESULT)))
}
