//! Dereferences: of pointers that may be NULL or point to something freed, and of parameters.

use super::*;

/// Where a pointer is dereferenced.
pub(super) struct Site {
    pub(super) op: OpId,
    pub(super) loc: Loc,
    pub(super) origin: Symbol,
    pub(super) member: Symbol,
    pub(super) text: Option<ExprId>,
    /// The pointer's expression, for arguments too.
    pub(super) expr: Option<ExprId>,
    pub(super) way: Way,
    pub(super) argument: Option<u8>,
    pub(super) callee: Symbol,
    /// A callee does it, and only where it knows that the pointer is not NULL.
    pub(super) tested: bool,
}

impl<O: Observer> Run<'_, '_, O> {
    /// A pointer value is dereferenced; false: the path ends here.
    pub(super) fn access(&mut self, value: ValueId, state: &mut State, site: &Site) -> bool {
        let root = self.values.pointer_root(value);
        self.access_freed(root, state, site);
        let known = state.known(self.values, root);
        if !known.may_be_zero() || site.tested {
            self.param_deref(root, true, state, site);
            return true;
        }
        if known.is_zero() {
            let mut cause = NullCause::Known;
            if self.values.get(root) == Value::Int(0)
                && let Some(e) = site.expr
                && let Expr::Load(place, pointer) = self.body.expr(e)
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
            self.show_access(root, Some(cause), None, state, site);
            return false;
        }
        match self.values.get(root) {
            Value::Fresh(Origin::Result(op)) if self.may_return_null(op) => {
                self.show_access(root, Some(NullCause::Call(op)), None, state, site);
            }
            Value::Entry(place) => {
                if let Value::PField(_, field, record) = self.values.get(place)
                    && !record.is_unknown()
                {
                    self.show_access(root, Some(NullCause::Field(record, field)), None, state, site);
                }
            }
            _ => {}
        }
        self.param_deref(root, false, state, site);
        if state.derefs.len() < 24 && site.origin.is_empty() && !matches!(site.way, Way::Callee(..)) {
            state.derefs.push((root, site.op));
        }
        state.learn(root, Interval::NON_ZERO)
    }

    /// Tells of the use of a freed object, once. Within a read-side section, and what implies one, the end of the grace period is not yet there.
    pub(super) fn access_freed(&mut self, root: ValueId, state: &mut State, site: &Site) {
        let Some(freed) = state.objects.freed(root).copied() else { return };
        if freed.told || freed.handle || freed.deferred && state.atomic() {
            return;
        }
        self.show_access(root, None, Some(&freed), state, site);
        if let Some(freed) = state.objects.freed_mut(root) {
            freed.told = true;
        }
    }

    /// Whether a place is a member of an object that a call has just made, with no array in between.
    fn member_of_new(&self, place: ValueId) -> bool {
        let mut at = place;
        while let Value::PField(base, _, _) = self.values.get(at) {
            at = base;
        }
        matches!(self.values.get(at), Value::PDeref(v) if self.values.call(v).is_some())
    }

    fn show_access(&mut self, pointer: ValueId, null: Option<NullCause>, freed: Option<&crate::domain::Freed>, state: &State, site: &Site) {
        let access = Access { pointer, null, freed, member: site.member, text: site.text, argument: site.argument, callee: site.callee };
        self.show(state, Event { op: site.op, loc: site.loc, origin: site.origin, way: site.way, kind: EventKind::Access(access) });
    }

    /// Whether the call may return NULL by what is known of its target (conditions on arguments were decided at the call).
    pub(super) fn may_return_null(&self, op: OpId) -> bool {
        self.null_return(op).is_some()
    }

    pub(super) fn null_return(&self, op: OpId) -> Option<(NullWhy, Symbol)> {
        null_return(self.world, self.func, op)
    }

    /// Tells callers that a parameter is dereferenced; one that is `tested` only if it is not dereferenced untested as well.
    fn param_deref(&mut self, root: ValueId, tested: bool, state: &State, site: &Site) {
        let Some(param) = self.values.param(root, self.body.params).filter(|p| *p < 64) else { return };
        if tested && self.dereferenced >> param & 1 == 1 {
            return;
        }
        self.dereferenced |= 1 << param;
        let param = param as u8;
        let guard = self.guard(state, (!tested).then_some(param));
        let depth = match site.way {
            Way::Callee(f, id) => self.world.summary(f).and_then(|s| s.effect(id)).map_or(0, |d| d.depth + 1),
            _ => 0,
        };
        if depth > 8 {
            return;
        }
        let kind = EffectKind::Deref { param, member: site.member, tested };
        let new = Effect {
            kind,
            loc: site.loc,
            way: site.way,
            condition: Condition::from_elem(guard, 1),
            depth,
            indirect: 0,
            modes: 0,
            always: false,
        };
        let old = self.made.iter_mut().find(|m| matches!(m.effect.kind, EffectKind::Deref { param: p, .. } if p == param));
        match old {
            // Untested outweighs tested; else the weakest condition is kept, with the place it belongs to.
            Some(old) => {
                let was_tested = matches!(old.effect.kind, EffectKind::Deref { tested: true, .. });
                if was_tested && !tested || was_tested == tested && old.effect.condition[0].len() > new.condition[0].len() {
                    *old = Made { op: site.op, effect: new };
                }
            }
            None => self.made.push(Made { op: site.op, effect: new }),
        }
    }
}

/// Why the call at an operation may return NULL, by its target.
pub fn null_return(world: &World<'_>, func: FuncId, op: OpId) -> Option<(NullWhy, Symbol)> {
    let OpKind::Call { target, .. } = world.func(func).op(op)?.kind else { return None };
    let callees = world.callees(func, op);
    if let Target::Name(name) = target
        && let Some(entry) = world.entry(name, callees.is_some())
    {
        return match entry.returns {
            Returns::MayNull | Returns::NullOrErrPtr => Some((if entry.allocates { NullWhy::Allocation } else { NullWhy::Model }, name)),
            _ => None,
        };
    }
    let Some(Callees::One(f)) = callees else { return None };
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
