//! What one function does with locks, and with callbacks that it waits for: what the graph of locks and the contexts of classes are made of.
//!
//! Noted while the paths are run, one entry for each class that an operation takes, here or in a callee: what is held then, what of the
//! caller's was given back, and what is disabled. What a callee takes and the caller can name arrives as an event of the caller's own, with
//! conditions decided; what it cannot name is noted where it is taken, and the graph finds it by the calls. Waiting until a callback has run
//! (`cancel_work_sync()`) counts as taking what the callback runs in, as `lock_map_acquire()` in `kernel/workqueue.c` has it.

use super::lock_place::{LockPlace, made_here, part};
use crate::body::{Body, Expr, OpId, OpKind, Target};
use crate::engine::event::{Acquire, CallEvent, Event, EventKind};
use crate::engine::{Observer, Path};
use crate::program::World;
use crate::summary::chain::chain;
use crate::summary::{Ctx, EffectKind, FuncId, Summary, Way};
use crate::value::{Value, ValueId};
use cuthere_base::Symbol;
use cuthere_kernel::{Assert, CallbackOp, CtxPart, Entry, LockKind, LockMode, RefOp, Sleeps};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Uses of one function that are told apart.
const USES_MAX: usize = 64;
/// Locks held at one use.
const HELD_MAX: usize = 12;
/// Calls that certainly sleep which are remembered.
const SLEEPS_MAX: usize = 8;

/// A lock that is held where another is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldThen {
    pub place: LockPlace,
    /// The class as contexts name it.
    pub class: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
    /// The operation that took it; `None`: the function says that its caller holds it.
    pub taken: Option<OpId>,
    /// On every path to the use.
    pub always: bool,
}

/// A class that is taken, or a callback that is waited for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockUse {
    pub op: OpId,
    pub way: Way,
    pub place: LockPlace,
    /// It is a callback object, and the call returns when the callback has run.
    pub callback: bool,
    pub class: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
    /// A trylock, or the code vouches for the order.
    pub nested: bool,
    /// A primitive takes it and gives it back before it returns.
    pub brief: bool,
    /// The code tells locks of the class apart (`mutex_lock_nested()`).
    pub subclass: bool,
    /// Callers are told of it by an effect.
    pub told: bool,
    /// Conditions on the function's own arguments remain on every path to it.
    pub open: bool,
    /// All of them rest on decisions of the function itself, by what it was given.
    pub chosen: bool,
    /// Something was decided on every path to it.
    pub decided: bool,
    /// See [`crate::summary::Effect::modes`].
    pub modes: u8,
    /// The function has slept before, on every path: it runs in a task, with nothing disabled by its callers.
    pub slept: bool,
    /// The code asked for its context.
    pub asked: bool,
    /// Nobody else knows the object yet.
    pub private: bool,
    /// The part of the record that the lock lies in, as `lock_place::part` finds it.
    pub part: Symbol,
    /// What every path has disabled at least, and what some path has at most, with what the primitive disables itself.
    pub least: Ctx,
    pub most: Ctx,
    pub held: Box<[HeldThen]>,
    /// The caller's locks that were given back on every path.
    pub released: Box<[Symbol]>,
}

/// A function that a callback object is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallbackBound {
    pub object: LockPlace,
    pub function: Symbol,
    pub kind: Symbol,
    /// The part of the record that the lock lies in, as `lock_place::part` finds it.
    pub part: Symbol,
}

/// A work item that is put on a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Queued {
    pub queue: LockPlace,
    pub work: LockPlace,
}

/// The function says that its caller holds a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockAsserted {
    pub op: OpId,
    pub place: LockPlace,
    pub class: Symbol,
    /// Nothing was decided before.
    pub first: bool,
    /// The function holds it itself there on some path.
    pub own: bool,
}

/// All of it, of one function.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LockFacts {
    /// In order of operations.
    pub uses: Box<[LockUse]>,
    pub callbacks: Box<[CallbackBound]>,
    pub queued: Box<[Queued]>,
    pub asserted: Box<[LockAsserted]>,
}

/// Notes it.
#[derive(Default)]
pub struct LockRecorder {
    uses: Vec<LockUse>,
    callbacks: Vec<CallbackBound>,
    queued: Vec<Queued>,
    /// Locks of the caller that were given back, and taken again by the function itself.
    retaken: Vec<HeldThen>,
    asserted: Vec<LockAsserted>,
    /// Calls that certainly sleep, with nothing disabled here.
    sleeps: SmallVec<[OpId; 4]>,
    /// The arguments of the call at hand.
    args: SmallVec<[ValueId; 6]>,
}

impl LockRecorder {
    /// Everything that was noted, once all paths were seen; `None`: nothing.
    pub fn finish(mut self, world: &World<'_>, func: FuncId, summary: &Summary) -> Option<LockFacts> {
        let body = world.func(func);
        stored_callbacks(body, &mut self.callbacks);
        for u in &mut self.uses {
            u.told = !u.callback
                && summary
                    .effects()
                    .any(|(_, e)| matches!(e.kind, EffectKind::Acquire { class, kind, .. } if class == u.class && kind == u.kind));
            let block = body.block_of(u.op);
            let sleeper = |l: &HeldThen| l.taken.is_some() && l.always && !l.kind.spins() && !matches!(l.kind, LockKind::Srcu);
            u.slept =
                u.kind.spins() && (u.held.iter().any(sleeper) || self.sleeps.iter().any(|&op| op < u.op && body.dominates(op, block)));
        }
        // What callers are told of, and what is taken with nothing else held, needs no entry here unless this function does it itself.
        self.uses.retain(|u| !matches!(u.way, Way::Callee(..)) || !u.told || !u.held.is_empty() || !u.released.is_empty());
        self.uses.sort_by_key(|u| u.op);
        if self.uses.is_empty() && self.callbacks.is_empty() && self.queued.is_empty() && self.asserted.is_empty() {
            return None;
        }
        Some(LockFacts {
            uses: self.uses.into_boxed_slice(),
            callbacks: self.callbacks.into_boxed_slice(),
            queued: self.queued.into_boxed_slice(),
            asserted: self.asserted.into_boxed_slice(),
        })
    }

    fn acquire(&mut self, path: &Path<'_, '_>, event: &Event<'_>, acquire: &Acquire<'_>) {
        let lock = acquire.lock;
        let Some(place) = LockPlace::of(path.values, path.body, lock.place) else { return };
        let released = path.state.locks.released.iter().any(|r| r.class == lock.class && r.kind == lock.kind && r.mode == lock.mode);
        if released && !acquire.brief && !matches!(event.way, Way::Callee(..)) {
            let taken = Some(event.op);
            if !self.retaken.iter().any(|h| h.taken == taken) {
                self.retaken.push(HeldThen { place, class: lock.class, kind: lock.kind, mode: lock.mode, taken, always: true });
            }
        }
        let idle = path.state.locks.held.is_empty() && path.state.locks.asserted.is_empty();
        let stands = |u: &LockUse| u.brief && !u.open && u.held.is_empty() && u.place == place && u.op != event.op;
        // Of calls that are made with nothing held, one stands for all.
        if acquire.brief && idle && self.uses.iter().any(stands) {
            return;
        }
        let entry = match event.way {
            Way::Model(name) => path.world.model.entry(name),
            _ => None,
        };
        // Of what a callee does, the primitive at the end of the way tells.
        let below = || path.world.model.entry(chain(path.world, event.way).primitive).is_some_and(|e| !e.takes.is_empty());
        let brief = acquire.brief || matches!(place, LockPlace::Global(_)) && matches!(event.way, Way::Callee(..)) && below();
        self.add(
            path,
            (entry, Some(lock.place)),
            LockUse {
                nested: acquire.nested,
                brief,
                subclass: entry.is_some_and(|e| e.nested),
                open: acquire.open && !acquire.given,
                modes: acquire.modes,
                private: made_here(path.world, path.func, path.values, lock.place),
                ..LockUse::new(event, place, lock.class, lock.kind, lock.mode)
            },
        );
    }

    /// Notes a use. `at`: the place that is taken, or the callback object.
    fn add(&mut self, path: &Path<'_, '_>, (entry, at): (Option<&Entry>, Option<ValueId>), mut new: LockUse) {
        let state = path.state;
        let ctx = disabled(state.ctx, entry);
        let made = decisions(path);
        // What a callee does, conditions included, comes as an event; what is done here may rest on what was decided here.
        new.decided = made.any;
        if !matches!(new.way, Way::Callee(..)) {
            new.chosen = made.by_argument && !made.by_last && !new.open;
            new.open |= made.by_argument || made.by_last;
        }
        (new.least, new.most, new.asked) = (ctx, ctx, state.asked || state.no_interrupt);
        let values = path.values;
        let ours = state.locks.held.iter().filter(|l| !made_here(path.world, path.func, values, l.place));
        let held = ours.filter_map(|l| {
            let place = LockPlace::of(values, path.body, l.place)?;
            Some(HeldThen { place, class: l.class, kind: l.kind, mode: l.mode, taken: l.op, always: true })
        });
        // A caller's lock that was given back here, and taken again.
        let again = self.retaken.iter().copied().filter(|h| {
            h.taken != Some(new.op) && state.locks.asserted.iter().any(|&p| LockPlace::of(values, path.body, p) == Some(h.place))
        });
        let asserted = self.asserted.iter().filter(|a| a.first && a.op < new.op).filter_map(|a| {
            let known = state.locks.asserted.iter().any(|&p| LockPlace::of(values, path.body, p) == Some(a.place));
            let kind = LockKind::SleepingOther;
            known.then_some(HeldThen { place: a.place, class: a.class, kind, mode: LockMode::Exclusive, taken: None, always: true })
        });
        let mut all: SmallVec<[HeldThen; 4]> = SmallVec::new();
        for h in held.chain(again).chain(asserted) {
            if all.len() < HELD_MAX && !all.iter().any(|o: &HeldThen| o.place == h.place) {
                all.push(h);
            }
        }
        let same = |u: &LockUse| {
            u.op == new.op && u.place == new.place && u.callback == new.callback && u.kind == new.kind && u.nested == new.nested
        };
        let Some(known) = self.uses.iter_mut().find(|u| same(u)) else {
            if self.uses.len() < USES_MAX {
                new.part = at.map_or(Symbol::EMPTY, |at| part(values, at));
                new.held = all.into_vec().into_boxed_slice();
                new.released = state.locks.released.iter().map(|r| r.class).collect();
                self.uses.push(new);
            }
            return;
        };
        known.least = known.least.least(ctx);
        known.most = known.most.most(ctx);
        known.chosen &= new.chosen || !new.open;
        known.open &= new.open;
        known.decided &= new.decided;
        known.modes = known.modes.min(new.modes);
        known.asked &= new.asked;
        known.private &= new.private;
        if !known.released.is_empty() {
            known.released = known.released.iter().copied().filter(|c| state.locks.released.iter().any(|r| r.class == *c)).collect();
        }
        let mut more = false;
        for h in known.held.iter_mut() {
            h.always &= all.iter().any(|o| o.place == h.place);
        }
        let mut held: SmallVec<[HeldThen; 4]> = SmallVec::from_slice(&known.held);
        for h in all {
            if held.len() < HELD_MAX && !held.iter().any(|o| o.place == h.place) {
                held.push(HeldThen { always: false, ..h });
                more = true;
            }
        }
        if more {
            known.held = held.into_vec().into_boxed_slice();
        }
    }

    fn call(&mut self, path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>) {
        self.args.clear();
        if call.entry.is_some_and(|e| !e.callbacks.is_empty()) {
            self.args.extend_from_slice(call.args);
        }
        let state = path.state;
        let ctx = state.ctx;
        if self.sleeps.len() >= SLEEPS_MAX || ctx.preempt > 0 || ctx.bh > 0 || ctx.irq > 0 || state.locks.spin() {
            return;
        }
        let sleeps = match (call.entry, call.callees) {
            (Some(entry), _) => entry.sleeps == Sleeps::Always && !entry.defers_in_interrupt,
            (None, [f]) => path.world.summary(*f).and_then(|s| s.sleeps().next()).is_some_and(|(_, e)| match &e.kind {
                EffectKind::Sleep(s) => {
                    let plain = !s.defers && !s.unlikely && s.around.is_none() && e.modes == 0 && e.indirect == 0;
                    plain && e.depth < 3 && e.condition.iter().any(|g| g.is_empty())
                }
                _ => false,
            }),
            _ => false,
        };
        if sleeps && !self.sleeps.contains(&event.op) {
            self.sleeps.push(event.op);
        }
    }

    fn callback(&mut self, path: &Path<'_, '_>, event: &Event<'_>, at: (Option<ValueId>, Option<ValueId>), op: CallbackOp, kind: Symbol) {
        let (object, function) = at;
        let (values, body) = (path.values, path.body);
        let interrupt = matches!(kind.as_str(), "irq" | "threaded-irq");
        let name = function.and_then(|f| match values.get(f) {
            Value::Function(name) => Some(name),
            _ => None,
        });
        let entry = match event.way {
            Way::Model(name) => path.world.model.entry(name),
            _ => None,
        };
        let place = if interrupt {
            // The number stands before the handler, and before the handler's data.
            let row = entry.and_then(|e| e.callbacks.iter().find(|c| c.op == op));
            let number = row.and_then(|c| c.function.or(c.data)).map_or(0, |i| i.saturating_sub(1));
            let number = self.args.get(number as usize).and_then(|&v| LockPlace::through(values, body, v));
            Some(number.filter(|n| matches!(n, LockPlace::Through(..))).unwrap_or(LockPlace::InFile))
        } else if kind.as_str() == "kthread" && object.is_none() {
            kept_result(body, event.op)
        } else {
            object.and_then(|o| LockPlace::through(values, body, o)).filter(|p| !matches!(p, LockPlace::Given(_)))
        };
        let Some(place) = place else { return };
        if op == CallbackOp::Arm && matches!(kind.as_str(), "work" | "delayed-work") {
            self.queue(path, entry, place);
        }
        let at = match object.map(|o| values.get(o)) {
            Some(Value::Addr(at)) => Some(at),
            _ => None,
        };
        match (op, name) {
            (CallbackOp::Setup | CallbackOp::Arm, Some(function)) => {
                let new = CallbackBound { object: place, function, kind, part: at.map_or(Symbol::EMPTY, |at| part(values, at)) };
                if !self.callbacks.contains(&new) {
                    self.callbacks.push(new);
                }
            }
            // What is only waited for when something is wrong already excludes nobody in what is right.
            (CallbackOp::CancelSync | CallbackOp::Flush, _) if !path.warned() => {
                let class = Symbol::intern(&place.text());
                let new = LockUse { callback: true, ..LockUse::new(event, place, class, LockKind::SleepingOther, LockMode::Exclusive) };
                self.add(path, (None, at), new);
            }
            _ => {}
        }
    }

    /// Notes the queue that a work item is put on: it stands before the item.
    fn queue(&mut self, path: &Path<'_, '_>, entry: Option<&Entry>, work: LockPlace) {
        let row = entry.and_then(|e| e.callbacks.iter().find(|c| c.op == CallbackOp::Arm));
        let number = row.and_then(|c| c.object).and_then(|i| usize::from(i).checked_sub(1));
        let queue = number.and_then(|i| self.args.get(i)).and_then(|&v| LockPlace::through(path.values, path.body, v));
        let Some(queue) = queue.filter(|q| !matches!(q, LockPlace::Given(_))) else { return };
        let new = Queued { queue, work };
        if !self.queued.contains(&new) {
            self.queued.push(new);
        }
    }

    fn assert(&mut self, path: &Path<'_, '_>, op: OpId, lock: ValueId) {
        let Some(place) = LockPlace::of(path.values, path.body, lock) else { return };
        let class = Symbol::intern(&place.text());
        let first = path.decisions().next().is_none();
        let own = path.state.locks.held.iter().any(|l| l.place == lock || LockPlace::of(path.values, path.body, l.place) == Some(place));
        match self.asserted.iter_mut().find(|a| a.op == op) {
            Some(known) => {
                known.first &= first;
                known.own |= own;
            }
            None => self.asserted.push(LockAsserted { op, place, class, first, own }),
        }
    }
}

impl LockUse {
    fn new(event: &Event<'_>, place: LockPlace, class: Symbol, kind: LockKind, mode: LockMode) -> LockUse {
        LockUse {
            op: event.op,
            way: event.way,
            place,
            callback: false,
            class,
            kind,
            mode,
            nested: false,
            brief: false,
            subclass: false,
            told: false,
            open: false,
            chosen: false,
            decided: false,
            modes: 0,
            slept: false,
            asked: false,
            private: false,
            part: Symbol::EMPTY,
            least: Ctx::default(),
            most: Ctx::default(),
            held: Box::default(),
            released: Box::default(),
        }
    }
}

impl Observer for LockRecorder {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        match &event.kind {
            EventKind::Call(call) => self.call(path, event, call),
            EventKind::Acquire(acquire) => self.acquire(path, event, acquire),
            EventKind::Callback { object, function, op, kind } => self.callback(path, event, (*object, *function), *op, *kind),
            EventKind::Assert { claim: Assert::Held(_), lock: Some(lock) } => self.assert(path, event.op, *lock),
            _ => {}
        }
    }
}

/// What is disabled once a primitive has taken its lock.
fn disabled(mut ctx: Ctx, entry: Option<&Entry>) -> Ctx {
    for effect in entry.iter().flat_map(|e| &e.context).filter(|e| e.enter) {
        match effect.part {
            CtxPart::Bh | CtxPart::RcuBh => ctx.bh = ctx.bh.max(0) + 1,
            CtxPart::Irq | CtxPart::IrqSave => ctx.irq = ctx.irq.max(0) + 1,
            _ => {}
        }
    }
    ctx
}

/// What a path has decided.
#[derive(Default)]
struct Decisions {
    /// Anything.
    any: bool,
    /// Something by a flag or a number among the function's arguments, which a caller may have chosen otherwise.
    by_argument: bool,
    /// Something by whether a reference was the last one.
    by_last: bool,
}

fn decisions(path: &Path<'_, '_>) -> Decisions {
    let (values, body) = (path.values, path.body);
    let pointer = |l: u32| {
        let local = |place| matches!(body.expr(place), Expr::Local(p) if p.number() == l);
        body.exprs.iter().any(|e| matches!(*e, Expr::Load(place, to) if to.is_pointer() && local(place)))
    };
    let last = |op: OpId| match body.op(op).map(|op| op.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => {
            path.world.model.entry(name).is_some_and(|e| e.refs.iter().any(|r| r.op == RefOp::Put))
        }
        _ => false,
    };
    let mut made = Decisions::default();
    for d in path.decisions() {
        made.any = true;
        if d.tested.and_then(|v| values.call(v)).is_some_and(last) {
            made.by_last = true;
            continue;
        }
        let param = d.tested.and_then(|v| values.param(v, body.params).map(|p| (v, p)));
        made.by_argument |= param.is_some_and(|(v, p)| !pointer(p) || path.known(v).is_zero());
    }
    made
}

/// The member that the result of a call is stored in.
fn kept_result(body: &Body, call: OpId) -> Option<LockPlace> {
    let OpKind::Call { dst: Some(local), .. } = body.op(call)?.kind else { return None };
    body.ops.iter().find_map(|op| match op.kind {
        OpKind::Store { place, value } if body.loaded_local(value) == Some(local) => match body.expr(place) {
            Expr::Field { record, name, .. } if !record.is_unknown() => Some(LockPlace::Through(record, name)),
            Expr::Global(name) => Some(LockPlace::Through(crate::body::Record::UNKNOWN, name)),
            _ => None,
        },
        _ => None,
    })
}

/// Functions that are stored in a member of what is itself a member or a variable of the whole program: `dev->timer.function = f`.
fn stored_callbacks(body: &Body, out: &mut Vec<CallbackBound>) {
    if !body.exprs.iter().any(|e| matches!(e, Expr::Function(_))) {
        return;
    }
    for op in &body.ops {
        let OpKind::Store { place, value } = op.kind else { continue };
        let (Expr::Field { base, name, .. }, Expr::Function(function)) = (body.expr(place), body.expr(value)) else { continue };
        let object = match body.expr(base) {
            Expr::Field { record, name, .. } if !record.is_unknown() => {
                LockPlace::Member { outer: (crate::body::Record::UNKNOWN, Symbol::EMPTY), record, member: name }
            }
            Expr::Global(name) => LockPlace::Global(name),
            _ => continue,
        };
        let new = CallbackBound { object, function, kind: name, part: Symbol::EMPTY };
        if !out.contains(&new) {
            out.push(new);
        }
    }
}
