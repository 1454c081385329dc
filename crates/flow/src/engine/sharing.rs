//! Who else gets to know an object: by a store, as an argument that is kept, on a list, or through its holder.

use super::call::Call;
use super::*;
use crate::domain::Taken;
use cuthere_kernel::CallbackOp;

/// The counter of modules, which code of theirs that runs needs.
const MODULE: &str = "module";

impl Run<'_, '_> {
    /// A pointer becomes known to others: it is stored in memory, or handed to code that keeps it, or may.
    pub(super) fn share(&mut self, value: ValueId, certain: bool, state: &mut State) {
        let object = self.values.pointer_root(value);
        if let Some(param) = self.values.param(object, self.body.params.min(64)) {
            self.keeps |= 1 << param;
        }
        // What this function has made leads others to what it has stored there.
        if self.values.call(object).is_some() {
            for &(place, held) in state.env.iter() {
                if let Some(param) = self.values.param(self.values.pointer_root(held), self.body.params.min(64))
                    && self.values.root(place).is_some_and(|p| self.values.pointer_root(p) == object)
                {
                    self.keeps |= 1 << param;
                }
            }
        }
        if !state.objects.references.is_empty() {
            // Who knows an object comes to what it leads to.
            let values = &*self.values;
            let made = values.get(object);
            state.objects.references.share(|t| t.object == object || values.rests_on(t.object, &|v| v == made), certain);
        }
    }

    /// A pointer was stored in another object, which then holds the reference to what it leads to, if the path has made that object and told nobody else.
    pub(super) fn hold(&mut self, value: ValueId, own: bool, holder: ValueId, state: &mut State) {
        let (object, holder) = (self.values.pointer_root(value), self.values.pointer_root(holder));
        if own && object != holder && self.is_memory(holder) {
            state.objects.references.hold(object, holder);
        }
    }

    /// Whether the path has made an object as mere memory: nothing happens to what it holds when it is freed.
    fn is_memory(&self, object: ValueId) -> bool {
        let made = self.values.call(object).and_then(|op| self.body.op(op)).map(|op| op.kind);
        match made {
            Some(OpKind::Call { target: Target::Name(name), .. }) => {
                self.world.model.entry(name).is_some_and(|e| e.allocates && !e.managed && matches!(e.sleeps, Sleeps::Gfp(_)))
            }
            _ => false,
        }
    }

    /// A call gets objects that hold references: what is not known not to, may give those back.
    pub(super) fn note_holders(&mut self, call: &Call<'_>, entry: Option<&Entry>, state: &mut State) {
        if !state.objects.references.any_held() || entry.is_some() {
            return;
        }
        let world = self.world;
        let callees = world.callees(self.func, call.index).map_or(&[][..], |c| c.list());
        for (i, &v) in call.values.iter().enumerate() {
            let gives_up = |f: &FuncId| {
                world.summary(*f).is_none_or(|s| {
                    s.effects().any(|(_, e)| match &e.kind {
                        EffectKind::Reference { place, op: RefOp::Put, .. } | EffectKind::Free { place, .. } => {
                            place.root == RelRoot::Param(i.min(255) as u8)
                        }
                        _ => false,
                    })
                })
            };
            if callees.is_empty() || callees.iter().any(gives_up) {
                let holder = self.values.pointer_root(v);
                state.objects.references.release_held(holder);
            }
        }
    }

    /// A call gets an object and gives a result: that may be made from it (`i2c_verify_client(dev)`).
    pub(super) fn note_given(&mut self, call: &Call<'_>, state: &mut State) {
        if state.objects.references.is_empty() {
            return;
        }
        for &v in call.values {
            let object = self.values.pointer_root(v);
            state.objects.references.give(object, call.index);
        }
    }

    /// What a call may keep of its arguments.
    pub(super) fn share_arguments(&mut self, call: &Call<'_>, entry: Option<&Entry>, state: &mut State) {
        let world = self.world;
        let callees = world.callees(self.func, call.index);
        // What is called through a pointer, or gives up no module.
        let modules = state.objects.references.taken().iter().any(|t| t.count > 0 && t.counter.as_str() == MODULE);
        let own_call = modules
            && entry.is_none()
            && match callees {
                Some(callees) => !callees.list().iter().any(|f| puts_module(world, *f)),
                None => call.through_pointer(self.body),
            };
        let called_for = self.called_for(call, callees.is_some());
        let keeps: u64 = match (entry, callees) {
            (Some(entry), _) => {
                let stored = entry
                    .callbacks
                    .iter()
                    .filter(|c| c.op != CallbackOp::CallNow && !c.or_now)
                    .flat_map(|c| [c.object, c.data])
                    .chain([entry.publishes, entry.links]);
                stored.flatten().fold(0, |bits, i| bits | 1 << i)
            }
            (None, Some(callees)) => callees.list().iter().fold(0, |bits, f| bits | world.summary(*f).map_or(u64::MAX, kept)),
            (None, None) => u64::MAX,
        };
        for (i, &v) in call.values.iter().enumerate().filter(|(i, _)| keeps >> (*i).min(63) & 1 == 1) {
            let written = self.body.call_args(call.args).get(i).and_then(|&e| self.body.loaded_local(e));
            if called_for.is_some() && written == called_for {
                continue;
            }
            let object = self.values.pointer_root(v);
            let own = state.objects.references.is_own(object);
            if own_call && !state.objects.references.taken().iter().any(|t| t.object == object) {
                // An operation of the module that the path keeps is called for what the module is kept for.
                let values = &*self.values;
                let made = values.get(object);
                let leads = |t: &Taken| t.counter.as_str() != MODULE && values.rests_on(t.object, &|v| v == made);
                state.objects.references.share(leads, callees.is_some());
                if let Some(param) = self.values.param(object, self.body.params.min(64)) {
                    self.keeps |= 1 << param;
                }
                continue;
            }
            self.share(v, entry.is_some() || callees.is_some(), state);
            // A callee that keeps one argument and gets another object to keep it in.
            if let (true, None, Some(_)) = (own, entry, callees) {
                let mut others = call.values.iter().enumerate().filter(|(n, _)| *n != i).map(|o| *o.1);
                let holder = others.find(|&o| self.is_memory(self.values.pointer_root(o)));
                if let Some(holder) = holder {
                    self.hold(v, own, holder, state);
                }
            }
        }
    }

    /// The variable whose member leads to the table that an operation is called through (`file->f_op->poll(file, wait)`): what such an operation does, it does
    /// to the object, and leaves it to its caller, unless its name says that it takes it over. `known`: the tree has bodies of it, which say what they do
    /// where the table is not the kernel's.
    fn called_for(&self, call: &Call<'_>, known: bool) -> Option<LocalId> {
        let body = self.body;
        let OpKind::Call { target: Target::Pointer(pointer), .. } = body.op(call.index)?.kind else { return None };
        let (record, member) = body.ops_field(pointer)?;
        let model = self.world.model;
        let kernels = record.is_unknown() || model.ops_field(record.tag_symbol(), member).is_some();
        if known && !kernels || model.names_taking_over(member) {
            return None;
        }
        let table = led_from(body, pointer)?;
        body.loaded_local(led_from(body, table)?)
    }

    /// An object may have been taken off its lists. `certain`: some was; if no argument is, others that callers know may be the same one.
    fn unlink(&mut self, value: ValueId, certain: bool, state: &mut State) {
        let object = self.values.pointer_root(value);
        state.objects.unlink(object);
        match self.values.param(object, self.body.params.min(62)) {
            Some(param) => self.unlinks |= 1 << param,
            None if certain && self.values.call(object).is_none() => self.unlinks = u64::MAX,
            None => {}
        }
    }

    /// Members are put on lists and taken off by primitives; what is not followed may take them off.
    pub(super) fn note_lists(&mut self, call: &Call<'_>, entry: Option<&Entry>, state: &mut State) {
        // Whoever is waited for may take it off.
        if entry.is_some_and(|e| e.waits.is_some() || e.sleeps == Sleeps::Always && !e.allocates) {
            self.unlinks = u64::MAX;
            state.objects.unlink_all();
        }
        let known = self.world.model.entry(call.name).filter(|e| e.links.is_some() || e.unlinks.is_some());
        let Some(known) = known else {
            if entry.is_none() {
                let world = self.world;
                // What was not read may take off what it is given.
                let unlinks = world.callees(self.func, call.index).map_or(u64::MAX >> 1, |callees| {
                    callees.list().iter().fold(0, |bits, f| bits | world.summary(*f).map_or(u64::MAX >> 1, |s| s.unlinks))
                });
                if unlinks == u64::MAX {
                    self.unlinks = unlinks;
                    state.objects.unlink_all();
                    return;
                }
                for (_, &v) in call.values.iter().enumerate().filter(|(i, _)| unlinks >> (*i).min(62) & 1 == 1) {
                    self.unlink(v, false, state);
                }
            }
            return;
        };
        let arg = |i: Option<u8>| i.and_then(|i| call.values.get(i as usize)).copied();
        if let Some(member) = arg(known.unlinks) {
            self.unlink(member, true, state);
        }
        let Some(member) = arg(known.links) else { return };
        let object = self.values.pointer_root(member);
        // A list whose head is a variable of this function, or lies in an object that it has made or in this one, goes with it.
        let own = |v: ValueId| {
            let root = self.values.pointer_root(v);
            let local = matches!(self.values.get(v), Value::Addr(place) if self.values.local_of(place).is_some());
            local || root == object || self.values.call(root).is_some()
        };
        // Of elements it is not followed which ones are taken off again, and what was found is others' to free.
        let mut at = match self.values.get(member) {
            Value::Addr(place) => place,
            _ => return,
        };
        while let Value::PField(base, ..) = self.values.get(at) {
            at = base;
        }
        let inside = matches!(self.values.get(at), Value::PDeref(_)) && self.values.call(object).is_some();
        if inside && !call.values.iter().any(|&v| v != member && own(v)) {
            state.objects.link(object, call.index);
        }
    }
}

/// The arguments, as bits, that a function keeps, or the references to which it gives up on some ways of returning that callers cannot tell apart.
fn kept(summary: &Summary) -> u64 {
    let told = |id: EffectId| summary.outcomes.iter().any(|o| o.refs.iter().any(|r| r.effect == id));
    let maybe = summary.effects().filter_map(|(id, e)| match &e.kind {
        EffectKind::Reference { place, op: RefOp::Put, .. } if !told(id) => match place.root {
            RelRoot::Param(param) => Some(1u64 << param.min(63)),
            _ => None,
        },
        _ => None,
    });
    maybe.fold(summary.keeps, |bits, bit| bits | bit)
}

/// The pointer that a value was loaded through, as a member of what it points to.
fn led_from(body: &Body, value: ExprId) -> Option<ExprId> {
    let Expr::Load(place, _) = body.expr(value) else { return None };
    let Expr::Field { base, .. } = body.expr(place) else { return None };
    match body.expr(base) {
        Expr::Deref(pointer) => Some(pointer),
        _ => None,
    }
}

/// Whether a function itself gives up a module.
fn puts_module(world: &World<'_>, f: FuncId) -> bool {
    world.func(f).ops.iter().any(|op| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => {
            world.model.entry(name).is_some_and(|e| e.refs.iter().any(|r| r.op == RefOp::Put && r.counter.as_str() == MODULE))
        }
        _ => false,
    })
}
