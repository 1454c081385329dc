//! Objects that are found in a shared structure under a protection (a read-side section, a lock), and what becomes of them when it ends.
//!
//! Others may take the object out and free it as soon as the protection is gone, unless a reference was taken. Known are pointers that
//! RCU primitives give, elements of lists that are walked, and results of look-ups, each with what was held here when it was found. Kept by value, whatever path:
//! a pointer is always found under the same section. What a look-up finds that leaves the section to its callers is found again, by them, where it is called. An object is taken for one's own once it is referenced, marked (something is stored in it), unlinked, or handed
//! to a function whose name speaks of that: such names only silence.

use super::call::Call;
use super::event::UnprotectedUse;
use super::*;
use crate::program::naming::{names_claim, names_end, names_referenced};
use cuthere_kernel::Custom;

/// Objects of one function that are followed.
const FOUND_MAX: usize = 16;

/// An object found.
#[derive(Clone, Debug)]
pub struct FoundObject {
    pub pointer: ValueId,
    pub op: OpId,
    /// The read-side section that it was found in.
    pub section: Option<OpId>,
    /// The locks held when it was found, other than by callers.
    pub locks: SmallVec<[(ValueId, Symbol); 2]>,
    /// Bottom halves, interrupts or preemption were disabled.
    atomic: bool,
    /// A callee found it, and its protection had ended when that returned.
    pub by: Option<(FuncId, FoundResult)>,
    /// The element's record, if it is one of a list.
    pub record: Record,
    /// Nothing here protects it: by the form of the look-up, the caller's section does.
    open: bool,
    claimed: bool,
    told: bool,
}

impl FoundObject {
    /// Whether what protected the object when it was found still does.
    fn protected(&self, state: &State) -> bool {
        self.section.is_some_and(|s| state.ctx.rcu > 0 && state.since[3] == Some(s))
            || self.locks.iter().any(|l| state.locks.held.iter().any(|h| h.place == l.0))
            || self.atomic && (state.ctx.bh > 0 || state.ctx.irq > 0 || state.ctx.preempt > 0 || state.locks.spin())
    }
}

impl Run<'_, '_> {
    /// A pointer was found. `rcu`: a read-side section protects what it leads to.
    pub(super) fn find(&mut self, op: OpId, pointer: ValueId, rcu: bool, by: Option<(FuncId, FoundResult)>, record: Record, state: &State) {
        let section = state.since[3].filter(|_| state.ctx.rcu > 0);
        let own = state.locks.held.iter().filter(|l| l.op.is_some());
        let locks: SmallVec<[(ValueId, Symbol); 2]> = own.map(|l| (l.place, l.class)).collect();
        let context = state.ctx.rcu > 0 && section.is_none() || state.locks.held.len() > locks.len() || !state.locks.asserted.is_empty();
        let atomic = state.ctx.bh > 0 || state.ctx.irq > 0 || state.ctx.preempt > 0;
        // What callers hold outlives everything here; what nothing protects is another matter, unless a callee says that it was protected.
        let left = by.is_some_and(|(_, found)| found.open);
        let bare = !atomic && state.ctx.rcu <= 0;
        let covered = section.is_some() && rcu || !left && (!locks.is_empty() || by.is_some() && bare);
        // A look-up in a list that leaves the section to its callers hands them what it found.
        let open = !covered && rcu && bare && locks.is_empty() && !record.is_unknown() && self.body.ret_ptr;
        if context || !covered && !open || self.found.len() >= FOUND_MAX || self.found.iter().any(|f| f.pointer == pointer) {
            return;
        }
        self.found.push(FoundObject { pointer, op, section, locks, atomic, by, record, open, claimed: false, told: false });
    }

    /// A found object is dereferenced.
    pub(super) fn use_found(&mut self, root: ValueId, state: &State, site: &Site) {
        let used = UnprotectedUse::Access { member: site.member, argument: site.argument, callee: site.callee };
        self.unprotected(root, used, state, (site.op, site.loc, site.origin, site.way));
    }

    fn unprotected(&mut self, root: ValueId, access: UnprotectedUse, state: &State, (op, loc, origin, way): (OpId, Loc, Symbol, Way)) {
        let Some(i) = self.found.iter().position(|f| f.pointer == root) else { return };
        let f = &self.found[i];
        if f.open || f.claimed || f.told || f.protected(state) || state.objects.holds(root) || state.atomic() || state.locks.doubtful {
            return;
        }
        if self.known_otherwise(root, state) {
            return;
        }
        let found = f.clone();
        let kind = EventKind::Unprotected { pointer: root, found: &found, access };
        self.show(state, Event { op, loc, origin, way, kind });
        self.found[i].told = access != UnprotectedUse::Returned;
    }

    /// Whether the path has found the pointer equal to another one: what keeps the object that way keeps it.
    fn known_otherwise(&self, pointer: ValueId, state: &State) -> bool {
        state.facts.iter().any(|&(value, known)| match self.values.get(value) {
            Value::Bin(BinOp::Eq, a, b) if known.truth() == Some(true) => {
                let other = |v: ValueId| !matches!(self.values.get(v), Value::Int(_));
                a == pointer && other(b) || b == pointer && other(a)
            }
            Value::Bin(BinOp::Ne, a, b) if known.is_zero() => {
                (a == pointer || b == pointer) && !matches!(self.values.get(b), Value::Int(_))
            }
            _ => false,
        })
    }

    /// A value is returned: whether it leads to what nothing protects any more.
    pub(super) fn return_found(&mut self, value: ValueId, block: BlockId, loc: Loc, state: &State) {
        let root = self.values.pointer_root(value);
        let Some(f) = self.found.iter().find(|f| f.pointer == root) else { return };
        let known = state.known(self.values, root);
        if known.is_zero()
            || known.is_err() == Some(true)
            || f.claimed
            || f.protected(state)
            || state.objects.holds(root)
            || state.locks.doubtful
        {
            return;
        }
        let (class, rcu) = match (f.locks.last(), f.section, &f.by) {
            _ if f.open => (Symbol::EMPTY, true),
            (Some((_, class)), None, _) => (*class, false),
            (_, Some(_), _) => (Symbol::EMPTY, true),
            (_, _, Some((_, found))) => (found.class, found.rcu),
            _ => return,
        };
        let named = names_referenced(self.body.name) || f.by.as_ref().is_some_and(|(_, found)| found.named);
        let way = f.by.as_ref().map_or(Way::Here, |(callee, _)| Way::Callee(*callee, EffectId::OUTCOME));
        let at = self.body.op(f.op).map_or(loc, |op| op.loc);
        let (open, by) = (f.open, f.by.as_ref().map(|(callee, _)| *callee));
        // What outlives its protection on one way matters more than what still has it on another.
        if !open || self.returned.is_none() {
            self.returned = Some(FoundResult { class, rcu, loc: at, by, record: f.record, named, open });
        }
        if open {
            return;
        }
        let origin = self.body.block(block).origin;
        let end = OpId(self.body.block(block).ops.1);
        self.unprotected(root, UnprotectedUse::Returned, state, (end, loc, origin, way));
    }

    /// Something is stored in an object, which marks it as in use where a lock keeps others from taking it meanwhile.
    pub(super) fn claim_stored(&mut self, place: ValueId) {
        if let Some(pointer) = self.values.root(place) {
            let root = self.values.pointer_root(pointer);
            self.found.iter_mut().filter(|f| f.pointer == root && !f.locks.is_empty()).for_each(|f| f.claimed = true);
        }
    }

    /// A reference is taken that asks nothing: of what nothing protects any more, that comes too late.
    fn referenced_late(&mut self, call: &Call<'_>, model: Option<&Entry>, state: &State) {
        for r in model.into_iter().flat_map(|e| &e.refs).filter(|r| r.op == RefOp::Get && r.member.is_empty() && r.counter.is_empty()) {
            let Some(&value) = call.values.get(r.argument as usize) else { continue };
            let (op, root) = (call.op, self.values.pointer_root(value));
            let used = UnprotectedUse::Access { member: Symbol::EMPTY, argument: Some(r.argument), callee: call.name };
            self.unprotected(root, used, state, (call.index, op.loc, op.origin, Way::Model(call.name)));
        }
    }

    /// A function of the tree that is named for taking a reference gets an object whose read-side section has ended: whatever it takes, it looks into the
    /// object first.
    fn looked_into_late(&mut self, call: &Call<'_>, callees: &[FuncId], state: &State) {
        let &[callee] = callees else { return };
        if !names_claim(call.name) || !names_referenced(call.name) || names_end(call.name) {
            return;
        }
        let world = self.world;
        let Some(summary) = world.summary(callee) else { return };
        for (id, effect) in summary.effects().filter(|(_, e)| e.always) {
            let EffectKind::Deref { param, member, .. } = effect.kind else { continue };
            let Some(&value) = call.values.get(param as usize) else { continue };
            let root = self.values.pointer_root(value);
            if self.found.iter().any(|f| f.pointer == root && f.section.is_some()) {
                let used = UnprotectedUse::Access { member, argument: Some(param), callee: call.name };
                self.unprotected(root, used, state, (call.index, call.op.loc, call.op.origin, Way::Callee(callee, id)));
            }
        }
    }

    /// A call gets found objects: it may take a reference or unlink them.
    pub(super) fn claim_handed(&mut self, call: &Call<'_>, callees: &[FuncId], state: &State) {
        let model = self.world.model.entry(call.name);
        self.referenced_late(call, model, state);
        if model.is_none() {
            self.looked_into_late(call, callees, state);
        }
        let takes = model.is_some_and(|e| {
            !e.refs.is_empty() || e.links.is_some() || e.unlinks.is_some() || !e.frees.is_empty() || !e.callbacks.is_empty()
        });
        let unread = model.is_none() && callees.is_empty();
        // A flag set in the object, or a completion begun, marks it as in use, as a store does.
        if self.world.model.is_custom(Custom::SetsFlag, call.name) {
            for &v in call.values {
                if let Value::Addr(place) = self.values.get(v) {
                    self.claim_stored(place);
                }
            }
        }
        if takes || unread || names_claim(call.name) {
            // What hangs on a member (`dev_hold(port->dev)`) often keeps the whole.
            let values = &*self.values;
            for f in self.found.iter_mut().filter(|f| !f.claimed) {
                let pointer = values.get(f.pointer);
                f.claimed = call.values.iter().any(|&v| values.rests_on(v, &|part| part == pointer));
            }
        }
    }
}
