//! Dereferences: of pointers that may be NULL, and of parameters.

use super::*;

impl<O: Observer> Run<'_, '_, O> {
    /// A pointer value is dereferenced; false: the path ends here.
    pub(super) fn access(&mut self, value: NodeId, state: &mut State, site: &NullSite) -> bool {
        let root = self.nodes.pointer_root(value);
        let fact = state.fact(self.nodes, root);
        if !fact.may_be_zero() {
            return true;
        }
        if fact.is_zero() {
            let mut cause = NullCause::Known;
            if self.nodes.get(root) == Node::Int(0)
                && let Some(e) = site.expr
                && let DExpr::Load(place, pointer) = self.d.exprs[e as usize]
            {
                let p = self.place(place, state);
                if state.written(p).is_none() {
                    // Zero as a part of something zeroed. What is not known to be a pointer may be an array, elements may have been
                    // written by another index, members of locals through a union.
                    if !pointer || !self.member_of_new(p) {
                        return true;
                    }
                    cause = NullCause::Zeroed;
                }
            }
            self.emit_null(root, cause, state, site);
            return false;
        }
        match self.nodes.get(root) {
            Node::Fresh(op, RESULT) if (op as usize) < self.d.ops.len() && self.may_return_null(op) => {
                self.emit_null(root, NullCause::Call(op), state, site);
            }
            Node::Entry(place) => {
                if let Node::PField(_, field, record) = self.nodes.get(place)
                    && !record.is_empty()
                {
                    self.emit_null(root, NullCause::Field(record, field), state, site);
                }
            }
            _ => {}
        }
        if let Some(param) = self.nodes.param(root, self.d.params)
            && param < 64
        {
            self.param_deref(param as u8, state, site);
        }
        if state.derefs.len() < 24 && site.origin.is_empty() && site.callee.is_none() {
            state.derefs.push((root, site.op));
        }
        state.learn(root, Fact::NON_ZERO)
    }

    /// Whether a place is a member of an object that a call has just made, with no array in between.
    fn member_of_new(&self, place: NodeId) -> bool {
        let mut at = place;
        while let Node::PField(base, _, _) = self.nodes.get(at) {
            at = base;
        }
        matches!(self.nodes.get(at), Node::PDeref(v) if matches!(self.nodes.get(v), Node::Fresh(_, RESULT)))
    }

    pub(super) fn emit_null(&mut self, value: NodeId, cause: NullCause, state: &State, site: &NullSite) {
        let event = NullEvent {
            op: site.op,
            loc: site.loc,
            origin: site.origin,
            value,
            cause,
            member: site.member,
            text: site.text,
            callee: site.callee,
            argument: site.argument,
            callee_name: site.name,
        };
        self.with_path(state, |o, p| o.null(p, &event));
    }

    /// Whether the call may return NULL by what is known of its target (conditions on arguments were decided at the call).
    pub(super) fn may_return_null(&self, op: u32) -> bool {
        self.null_return(op).is_some()
    }

    pub(super) fn null_return(&self, op: u32) -> Option<(NullWhy, Symbol)> {
        null_return(self.world, self.func, op)
    }

    pub(super) fn param_deref(&mut self, param: u8, state: &State, site: &NullSite) {
        let guard = self.guard(state, Some(param));
        let (always, depth) = (
            false,
            site.callee.map_or(0, |(f, i)| self.world.summary(f).and_then(|s| s.derefs.get(i as usize)).map_or(0, |d| d.depth + 1)),
        );
        if depth > 8 {
            return;
        }
        if let Some(known) = self.derefs.iter_mut().find(|d| d.param == param) {
            // The weakest condition is kept, with the place it belongs to.
            if known.guard.len() > guard.len() {
                known.guard = guard;
                known.loc = site.loc;
                known.member = site.member;
                known.via = site.callee;
                known.primitive = if site.callee.is_none() { site.name } else { Symbol::EMPTY };
                known.depth = depth;
            }
            return;
        }
        self.derefs.push(ParamDeref {
            param,
            loc: site.loc,
            member: site.member,
            via: site.callee,
            primitive: if site.callee.is_none() { site.name } else { Symbol::EMPTY },
            guard,
            always,
            depth,
        });
    }
}

/// Why the call at an operation may return NULL, by its target.
pub fn null_return(world: &World<'_>, func: FuncId, op: u32) -> Option<(NullWhy, Symbol)> {
    let d = world.func(func);
    let DOpKind::Call { target, .. } = d.ops.get(op as usize)?.kind else { return None };
    let callees = world.callees(func, op);
    if let Target::Name(name) = target
        && let Some(entry) = world.entry(name, callees.is_some())
    {
        return match entry.returns {
            Returns::MayNull | Returns::NullOrErrPtr => Some((if entry.allocates { NullWhy::Allocation } else { NullWhy::Model }, name)),
            _ => None,
        };
    }
    let Some(crate::world::Callees::One(f)) = callees else { return None };
    if never_null(world, world.func(*f).name) {
        return None;
    }
    let null = world.summary(*f)?.ret.null.as_ref()?;
    Some((null.why, world.func(*f).name))
}

/// Whether the model says that a function does not return NULL.
pub(super) fn never_null(world: &World<'_>, name: Symbol) -> bool {
    world.model.entry(name).is_some_and(|e| matches!(e.returns, Returns::NonNull | Returns::ErrPtr | Returns::RarelyNull))
}

pub(super) struct NullSite {
    pub(super) op: u32,
    pub(super) loc: Loc,
    pub(super) origin: Symbol,
    pub(super) member: Symbol,
    pub(super) text: Option<EId>,
    /// The pointer's expression, for arguments too.
    pub(super) expr: Option<EId>,
    pub(super) callee: Option<(FuncId, u8)>,
    pub(super) argument: Option<u8>,
    pub(super) name: Symbol,
}
