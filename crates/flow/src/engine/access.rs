//! Dereferences: of pointers that may be NULL or point to something freed, and of parameters.

use super::call::Call;
use super::havoc::is_local;
use super::*;

/// Members dereferenced that callers are told of.
const MEMBERS_MAX: usize = 4;

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

impl Run<'_, '_> {
    /// A pointer value is dereferenced; false: the path ends here.
    pub(super) fn access(&mut self, value: ValueId, state: &mut State, site: &Site) -> bool {
        let root = self.values.pointer_root(value);
        self.access_freed(root, state, site);
        if !self.found.is_empty() {
            self.use_found(root, state, site);
        }
        let known = state.known(self.values, root);
        if !known.may_be_zero() || site.tested {
            self.param_deref(root, true, state, site);
            return true;
        }
        if known.is_zero() {
            let mut cause = NullCause::Known;
            if self.values.get(root) == Value::Int(0)
                && let Some(e) = site.expr
                && let Expr::Load(place, pointee) = self.body.expr(e)
            {
                let p = self.place(place, state);
                if state.written(p).is_none() {
                    // Zero as a part of something zeroed. What is not known to be a pointer may be an array, elements may have been
                    // written by another index, members of locals through a union.
                    if !pointee.is_pointer() || !self.member_of_new(p) {
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
                    self.member_deref(place, state, site);
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
        if state.objects.is_empty() {
            return;
        }
        let root = self.computed_from(root);
        let Some(freed) = state.objects.freed(root).copied() else { return };
        if freed.told || freed.handle || freed.deferred && state.atomic() {
            return;
        }
        self.show_access(root, None, Some(&freed), state, site);
        if let Some(freed) = state.objects.freed_mut(root) {
            freed.told = true;
        }
    }

    /// The pointer that arithmetic began with: `p` for `p + n`.
    pub(super) fn computed_from(&self, root: ValueId) -> ValueId {
        let mut at = root;
        for _ in 0..4 {
            match self.values.get(at) {
                Value::Bin(BinOp::Add | BinOp::Sub, a, _) => at = self.values.pointer_root(a),
                _ => break,
            }
        }
        at
    }

    /// Whether a place is a member of an object that a call has just made, with no array in between.
    fn member_of_new(&self, place: ValueId) -> bool {
        let mut at = place;
        while let Value::PField(base, _, _) = self.values.get(at) {
            at = base;
        }
        matches!(self.values.get(at), Value::PDeref(v) if self.values.call(v).is_some())
    }

    pub(super) fn show_access(
        &mut self,
        pointer: ValueId,
        null: Option<NullCause>,
        freed: Option<&crate::domain::Freed>,
        state: &State,
        site: &Site,
    ) {
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

    /// Tells callers that a member they can reach is dereferenced: of functions that only their own file calls, as helpers rest on what these leave.
    fn member_deref(&mut self, place: ValueId, state: &State, site: &Site) {
        let depth = match site.way {
            Way::Callee(f, id) => self.world.summary(f).and_then(|s| s.effect(id)).map_or(0, |d| d.depth + 1),
            _ => 0,
        };
        // On every path, and before anything else could have stored there.
        let first = |op: &Op| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => self.world.model.entry(name).is_some_and(is_local),
            OpKind::Call { .. } => false,
            _ => true,
        };
        if state.trail != 0 || !self.body.all_ops().take_while(|(id, _)| *id < site.op).all(|(_, op)| first(op)) {
            return;
        }
        if depth > 3 || !self.body.is_static || self.world.entry_points.contains_key(&self.func) {
            return;
        }
        let Some(place) = self.relative(place, None) else { return };
        if !matches!(place.root, RelRoot::Param(_)) || place.path.len() > 3 {
            return;
        }
        let of = |m: &&Made| matches!(&m.effect.kind, EffectKind::DerefMember { .. });
        let known = |m: &Made| matches!(&m.effect.kind, EffectKind::DerefMember { place: p, .. } if **p == place);
        if self.made.iter().any(known) || self.made.iter().filter(of).count() >= MEMBERS_MAX {
            return;
        }
        let condition = Condition::from_elem(self.guard(state, None), 1);
        let kind = EffectKind::DerefMember { place: Box::new(place), member: site.member };
        let effect = Effect { kind, loc: site.loc, way: site.way, condition, depth, indirect: 0, modes: 0, always: false };
        self.made.push(Made { op: site.op, effect });
    }

    /// Members that a callee dereferences as this function has left them; false: the path ends here.
    pub(super) fn lift_member_derefs(&mut self, call: &Call<'_>, callee: FuncId, summary: &Summary, state: &mut State) -> bool {
        for (id, place, member, effect) in summary.member_derefs() {
            let Some(&nothing) = call.values.first() else { continue };
            let Some(place) = self.absolute(place, call.values, nothing, state) else { continue };
            let value = state.read(self.values, place);
            if !state.known(self.values, value).may_be_zero() || self.lift(effect, call.values, state).is_none() {
                continue;
            }
            let site = Site {
                op: call.index,
                loc: call.op.loc,
                origin: call.op.origin,
                member,
                text: None,
                expr: None,
                way: Way::Callee(callee, id),
                argument: None,
                callee: call.name,
                tested: false,
            };
            // Zero as a part of something zeroed is what the callee may have been made for.
            let zeroed = self.values.get(value) == Value::Int(0) && state.written(place).is_none();
            if !zeroed && !self.access(value, state, &site) {
                return false;
            }
        }
        true
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
