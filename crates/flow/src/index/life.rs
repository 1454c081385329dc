//! What a function does to the lives of objects, noted while its paths run: what it frees, which timers, work items and other callback objects it binds, arms, cancels
//! and waits for, whom it wakes, which references it takes and drops.
//!
//! Only what the kernel model has words for is noted, where a function's own code does it: [`super::Lifetimes`] adds it up along calls. A callback object
//! is known by the member that it is, within the record that the pointer at hand leads to; a pointer handed in by a caller says its number.

use super::lifetimes::spot_of;
use crate::body::{OpId, OpKind, Record};
use crate::engine::Path;
use crate::engine::event::{CallEvent, Event};
use crate::engine::references::{COUNTED, is_count};
use crate::program::World;
use crate::summary::FuncId;
use crate::value::{Origin, Value, ValueId, Values};
use cuthere_base::Symbol;
use cuthere_kernel::{CallbackOp, Entry, FreeHow, RefOp};
use serde::{Deserialize, Serialize};

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Deed {
    /// A function is bound to a callback object.
    Setup,
    /// The callback may run from now on.
    Arm,
    /// It will not start again, but may be running.
    Cancel,
    /// It will not start again and runs no more; `for_good`: arming it has no effect any more.
    CancelSync {
        for_good: bool,
    },
    /// Whatever was armed has run.
    Flush,
    /// Memory is given back.
    Free,
    /// Memory is given back when a grace period has ended.
    FreeLater,
    Get,
    /// A reference is dropped; the last one ends the object.
    Put,
    /// Sleeps until somebody wakes the waiters on the object.
    Wait,
    Wake,
    /// Waits until all readers of RCU or SRCU are done.
    Grace,
    /// A function is called before the call returns.
    Call,
    /// New memory; `managed`: the device core frees it.
    Allocate {
        managed: bool,
    },
    /// The result lies inside of the argument and goes with it (`netdev_priv`).
    Interior,
}

/// What it is done to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Spot {
    Unknown,
    /// A member, or what a member points to: the record that declares it, and the record at the start of the way to it.
    Member {
        owner: Record,
        record: Record,
        member: Symbol,
        through: bool,
    },
    /// A whole record.
    Object(Record),
    /// A variable of the whole file or program.
    Global(Symbol),
    /// What the function's own parameter of this number points to.
    Param(u8),
}

/// One deed of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LifeUse {
    pub op: OpId,
    pub deed: Deed,
    pub spot: Spot,
    /// What the pointer points to by its type, or what the callback is handed.
    pub object: Record,
    /// The callback.
    pub function: Option<FuncId>,
    /// The word for the kind of callback object, or the function that was called.
    pub kind: Symbol,
}

/// Notes the deeds of one function.
#[derive(Default)]
pub struct LifeRecorder(Vec<LifeUse>);

impl LifeRecorder {
    pub fn uses(self) -> impl Iterator<Item = LifeUse> {
        self.0.into_iter()
    }

    fn add(&mut self, new: LifeUse) {
        if !self.0.contains(&new) {
            self.0.push(new);
        }
    }

    /// A call is made.
    pub fn call(&mut self, path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>) {
        let Some(entry) = path.world.model.entry(call.name) else { return };
        if !matters(entry) {
            return;
        }
        let op = event.op;
        let spot = |i: u8| {
            call.args.get(i as usize).map_or(Spot::Unknown, |&v| match spot(path.values, v, path.body.params) {
                // `&container_of(work, struct x, work)->work` is the parameter, and the member of `x` as well.
                Spot::Param(n) => {
                    written(path, op, i).filter(|s| matches!(s, Spot::Member { through: false, .. })).unwrap_or(Spot::Param(n))
                }
                other => other,
            })
        };
        let object = |i: u8| pointee(path, op, i);
        let with = |deed, spot, object, kind| LifeUse { op, deed, spot, object, function: None, kind };
        for c in &entry.callbacks {
            let deed = match c.op {
                CallbackOp::Setup => Deed::Setup,
                CallbackOp::Arm => Deed::Arm,
                CallbackOp::Cancel => Deed::Cancel,
                CallbackOp::CancelSync => Deed::CancelSync { for_good: c.for_good },
                CallbackOp::Flush => Deed::Flush,
                CallbackOp::CallNow => Deed::Call,
            };
            let function = c.function.and_then(|i| call.args.get(i as usize)).and_then(|&v| function(path, v));
            let at = c.object.map_or(Spot::Unknown, spot);
            let data = c.data.or(c.object).map_or(Record::UNKNOWN, object);
            let at = if at == Spot::Unknown { c.data.map_or(at, |i| data_spot(spot(i), object(i))) } else { at };
            self.add(LifeUse { op, deed, spot: at, object: data, function, kind: c.kind });
        }
        for free in &entry.frees {
            let deed = match free.how {
                FreeHow::Now | FreeHow::IfPointer | FreeHow::Last => Deed::Free,
                FreeHow::Grace => Deed::FreeLater,
                FreeHow::Put | FreeHow::Handle => continue,
            };
            self.add(with(deed, spot(free.argument), object(free.argument), call.name));
        }
        let counts = |r: &&cuthere_kernel::RefEffect| {
            let plain = || call.args.get(r.argument as usize).is_some_and(|&v| is_count(path.world, path.func, path.values, v));
            r.member.is_empty() && (r.counter.is_empty() || r.counter.as_str() == COUNTED && plain())
        };
        for r in entry.refs.iter().filter(|r| r.op != RefOp::Init).filter(counts) {
            let deed = if r.op == RefOp::Put { Deed::Put } else { Deed::Get };
            self.add(with(deed, spot(r.argument), object(r.argument), call.name));
        }
        if let Some(i) = entry.waits {
            self.add(with(Deed::Wait, spot(i), object(i), call.name));
        }
        if let Some(i) = entry.wakes {
            self.add(with(Deed::Wake, spot(i), object(i), call.name));
        }
        if entry.grace_period {
            self.add(with(Deed::Grace, Spot::Unknown, Record::UNKNOWN, call.name));
        }
        if entry.allocates || entry.interior.is_some() {
            let Some(record) = result(path, op) else { return };
            if entry.allocates {
                self.add(with(Deed::Allocate { managed: entry.managed }, Spot::Object(record), record, call.name));
            }
            if let Some(i) = entry.interior.filter(|_| entry.interior_of.is_none()) {
                self.add(with(Deed::Interior, Spot::Object(record), object(i), call.name));
            }
        }
    }
}

/// Whether a row of the model says anything about lives.
fn matters(entry: &Entry) -> bool {
    !entry.callbacks.is_empty()
        || !entry.frees.is_empty()
        || !entry.refs.is_empty()
        || entry.waits.is_some()
        || entry.wakes.is_some()
        || entry.grace_period
        || entry.allocates
        || entry.interior.is_some()
}

/// What is handed to a callback stands for the registration, if the object itself is not at hand (`free_irq(irq, priv)`).
fn data_spot(spot: Spot, object: Record) -> Spot {
    if object.is_unknown() { spot } else { Spot::Object(object) }
}

fn function(path: &Path<'_, '_>, value: ValueId) -> Option<FuncId> {
    let Value::Function(name) = path.values.get(value) else { return None };
    named(path.world, path.func, name)
}

/// The function of a name, as the file of another function means it.
pub(crate) fn named(world: &World<'_>, from: FuncId, name: Symbol) -> Option<FuncId> {
    let program = world.program;
    program.resolve_call(world.func(from).file, name).and_then(|item| program.function_number(item)).map(FuncId)
}

/// What an argument stands for by its expression alone.
fn written(path: &Path<'_, '_>, op: OpId, argument: u8) -> Option<Spot> {
    let body = path.body;
    let OpKind::Call { args, .. } = body.op(op)?.kind else { return None };
    body.call_args(args).get(argument as usize).map(|&e| spot_of(body, e))
}

/// The record that an argument points to, by its type.
fn pointee(path: &Path<'_, '_>, op: OpId, argument: u8) -> Record {
    let body = path.body;
    let Some(OpKind::Call { args, .. }) = body.op(op).map(|op| op.kind) else { return Record::UNKNOWN };
    body.call_args(args).get(argument as usize).and_then(|&e| body.pointee(e)).unwrap_or_default()
}

/// The record that the result of a call is stored as.
fn result(path: &Path<'_, '_>, op: OpId) -> Option<Record> {
    let body = path.body;
    let OpKind::Call { dst: Some(local), .. } = body.op(op)?.kind else { return None };
    // A variable that the compiler made holds it until it is stored where it belongs.
    body.local_pointee(local).or_else(|| {
        let stored = body.block_ops(body.block(body.block_of(op)?)).iter().find_map(|o| match o.kind {
            OpKind::Store { place, value } if body.loaded_local(value) == Some(local) => Some(place),
            _ => None,
        })?;
        body.place_pointee(stored)
    })
}

/// What a pointer value stands for.
fn spot(values: &Values, value: ValueId, params: u32) -> Spot {
    match values.get(value) {
        Value::Addr(place) => member(values, place, false),
        Value::Entry(place) => match values.get(place) {
            Value::PLocal(l) if l.number() < params => Spot::Param(l.number().min(255) as u8),
            _ => member(values, place, true),
        },
        Value::Fresh(Origin::Havoc(place, _) | Origin::LaterRound(_, place)) | Value::Phi(_, place) => member(values, place, true),
        Value::Container(_, record, _) if !record.is_unknown() => Spot::Object(record),
        _ => Spot::Unknown,
    }
}

/// The member that a place is.
fn member(values: &Values, place: ValueId, through: bool) -> Spot {
    let mut at = place;
    let mut inner = None;
    let mut owner = Record::UNKNOWN;
    for _ in 0..12 {
        match values.get(at) {
            Value::PField(base, name, record) => {
                if inner.is_none() && !record.is_unknown() {
                    inner = Some((record, name));
                }
                if !record.is_unknown() {
                    owner = record;
                }
                at = base;
            }
            Value::PIndex(base, _) => at = base,
            Value::PGlobal(name) if inner.is_none() => return Spot::Global(name),
            _ => break,
        }
    }
    match inner {
        Some((record, member)) => Spot::Member { owner, record, member, through },
        None => Spot::Unknown,
    }
}
