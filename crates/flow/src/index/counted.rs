//! Who finds counted objects on a list and refers to them, and who takes them off that list only after their count has reached zero.
//!
//! Both know the lock that is held then. The list holds no reference in this case, so whoever finds an object under the lock may find one whose count is zero: taking a
//! reference in a way that does not ask for that keeps nothing alive. Noted are the count's member, the link's member, and the classes of locks taken by the
//! function itself; who reads the count knows what he does, and is left out. Noted too is who finds an object as a reader of RCU alone.

use super::facts::Fact;
use super::rcu::list_element;
use crate::body::{OpId, Record};
use crate::engine::Path;
use crate::engine::event::{CallEvent, Event, EventKind};
use crate::program::World;
use crate::summary::{FuncId, Way};
use crate::value::{Origin, Value, ValueId, Values};
use cuthere_base::Symbol;
use cuthere_kernel::{ListOp, LockKind, RefOp};
use serde::{Deserialize, Serialize};

/// Uses of one function that are kept.
const USES_MAX: usize = 16;

/// What is done to an object with a count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CountedSide {
    /// It was found on the list, and one more reference is taken.
    Found,
    /// It is taken off the list, after the function has found its count to be zero: by the operation that told so.
    Ended(OpId),
    /// A function takes off the list what it has computed around its argument.
    Around,
    /// It was found on a list of RCU by a reader who holds no lock, and one more reference is taken.
    Read,
}

/// One such use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CountedUse {
    pub op: OpId,
    pub side: CountedSide,
    pub record: Record,
    /// The member that counts.
    pub count: Symbol,
    /// The member that the list is linked by.
    pub link: Symbol,
    /// A lock that is held then; of readers, none.
    pub lock: Symbol,
}

/// Notes such uses of one function.
#[derive(Default)]
pub(super) struct CountedRecorder {
    pub uses: Vec<CountedUse>,
    /// Elements of lists that were come by, their link, and whether RCU keeps the list.
    met: Vec<(ValueId, Symbol, bool)>,
    /// Counts that were brought down: of which object, by which operation.
    lowered: Vec<(ValueId, Symbol, OpId)>,
    /// Objects whose count was read, and where.
    read: Vec<(ValueId, OpId)>,
}

impl CountedRecorder {
    pub(super) fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        match &event.kind {
            EventKind::List { op: ListOp::Walk, link, rcu, .. } => {
                if let Some((_, member, element)) = list_element(path.values, *link)
                    && self.met.len() < USES_MAX
                    && !self.met.iter().any(|m| m.0 == element)
                {
                    self.met.push((element, member, *rcu));
                }
            }
            EventKind::List { op: ListOp::Remove, link, .. } => self.removed(path, event.op, *link),
            EventKind::Reference { op: RefOp::Get, .. } if asks(path.world, event.way) => {}
            EventKind::Reference { op, pointer, .. } => self.changed(path, event.op, *op, *pointer),
            EventKind::Call(call) => self.call(path, event.op, call),
            _ => {}
        }
    }

    /// Plain numbers count by what is done with them, whatever they are called; references are told of by events of their own.
    fn call(&mut self, path: &Path<'_, '_>, op: OpId, call: &CallEvent<'_>) {
        let Some(entry) = path.world.model.entry(call.name) else { return };
        if entry.accesses.iter().any(|a| a.argument == 0 && a.marked && !a.store)
            && let Some((_, _, object)) = call.args.first().and_then(|&v| count(path.values, v))
            && self.read.len() < USES_MAX
        {
            self.read.push((object, op));
        }
        for r in entry.refs.iter().filter(|r| !r.counter.is_empty()) {
            if let Some(&pointer) = call.args.get(r.argument as usize) {
                self.changed(path, op, r.op, pointer);
            }
        }
    }

    fn changed(&mut self, path: &Path<'_, '_>, op: OpId, what: RefOp, pointer: ValueId) {
        let Some((record, count, object)) = count(path.values, pointer) else { return };
        match what {
            RefOp::Put if self.lowered.len() < USES_MAX && !self.lowered.iter().any(|l| l.2 == op) => {
                self.lowered.push((object, count, op));
            }
            RefOp::Get => {
                let Some(&(_, link, rcu)) = self.met.iter().find(|m| m.0 == object) else { return };
                if self.read.iter().any(|r| r.0 == object) {
                    return;
                }
                self.note(path, op, CountedSide::Found, (record, count, link), |_| true);
                if rcu && path.state.locks.held.is_empty() && path.state.ctx.rcu > 0 {
                    self.add(CountedUse { op, side: CountedSide::Read, record, count, link, lock: Symbol::EMPTY });
                }
            }
            _ => {}
        }
    }

    /// An element is taken off its list.
    fn removed(&mut self, path: &Path<'_, '_>, op: OpId, link: ValueId) {
        let Some((record, link, object)) = list_element(path.values, link) else { return };
        let decided = |put: OpId| {
            let result = path.values.find(Value::Fresh(Origin::Result(put)));
            result.is_some_and(|v| path.known(v).truth().is_some())
        };
        if let Some(&(_, count, put)) = self.lowered.iter().find(|l| l.0 == object && decided(l.2)) {
            let again = |at: OpId| self.read.iter().any(|r| r.0 == object && r.1 > at);
            let taken_since: Vec<OpId> = path.state.locks.held.iter().filter_map(|l| l.op).filter(|&at| at > put && !again(at)).collect();
            self.note(path, op, CountedSide::Ended(put), (record, count, link), |at| taken_since.contains(&at));
        } else if let Value::Container(_, around, count) = path.values.get(object_of(path.values, object))
            && around.may_be(record)
            && !self.read.iter().any(|r| r.0 == object)
        {
            self.note(path, op, CountedSide::Around, (record, count, link), |_| true);
        }
    }

    fn note(&mut self, path: &Path<'_, '_>, op: OpId, side: CountedSide, of: (Record, Symbol, Symbol), fits: impl Fn(OpId) -> bool) {
        let (record, count, link) = of;
        for l in path.state.locks.held.iter().filter(|l| l.kind != LockKind::Srcu && l.op.is_some_and(&fits)) {
            self.add(CountedUse { op, side, record, count, link, lock: l.class });
        }
    }

    fn add(&mut self, new: CountedUse) {
        if self.uses.len() < USES_MAX && !self.uses.contains(&new) {
            self.uses.push(new);
        }
    }
}

/// Whether the primitive that takes a reference, here or some calls down, takes none if the count is zero.
fn asks(world: &World<'_>, way: Way) -> bool {
    let mut way = way;
    for _ in 0..8 {
        way = match way {
            Way::Callee(f, id) => match world.summary(f).and_then(|s| s.effect(id)) {
                Some(effect) => effect.way,
                None => return false,
            },
            Way::Model(name) => {
                let asks = |r: &cuthere_kernel::RefEffect| matches!(r.op, RefOp::GetUnlessZero | RefOp::GetUnlessError);
                return world.model.entry(name).is_some_and(|e| e.refs.iter().any(asks));
            }
            _ => return false,
        };
    }
    false
}

/// The record, the member that counts, and the object, of a pointer to a count in an object.
fn count(values: &Values, pointer: ValueId) -> Option<(Record, Symbol, ValueId)> {
    let Value::Addr(place) = values.get(pointer) else { return None };
    let mut at = place;
    let mut outer = None;
    loop {
        match values.get(at) {
            Value::PField(base, name, record) => {
                outer = Some((record, name));
                at = base;
            }
            Value::PDeref(v) => return outer.filter(|o: &(Record, Symbol)| !o.0.is_unknown()).map(|(r, m)| (r, m, v)),
            _ => return None,
        }
    }
}

/// The pointer to the whole object that a pointer to a part of it was made from.
fn object_of(values: &Values, pointer: ValueId) -> ValueId {
    match values.get(pointer) {
        Value::Addr(place) => values.root(place).unwrap_or(pointer),
        _ => pointer,
    }
}

/// Such uses over the tree, in order of functions.
#[derive(Default)]
pub struct CountedUses(pub Vec<(FuncId, CountedUse)>);

impl CountedUses {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        if let Fact::Counted(u) = fact {
            self.0.push((func, *u));
        }
    }
}
