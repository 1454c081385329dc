//! Facts about single functions, as they are noted while the paths are run.
//!
//! A fact is a function of the paths of one function, so it is kept with its results from run to run. What facts add up to is found out
//! when all are there.

use super::counted::{CountedRecorder, CountedUse};
use super::handover::{HalfRecorder, LockHalf};
use super::held::{HeldRecorder, HeldUse};
use super::life::{LifeRecorder, LifeUse};
use super::locked::{LockedRecorder, LockedUse};
use super::percpu::{PerCpuRecorder, PerCpuUse};
use super::rcu::{RcuFact, RcuRecorder};
use crate::body::{BlockId, OpId, OpKind, Record, Target};
use crate::engine::event::{Access, CallEvent, Event, EventKind, NullCause};
use crate::engine::{Observer, Path, null_return};
use crate::program::{Callees, World};
use crate::summary::FuncId;
use crate::value::Value;
use cuthere_base::Symbol;
use serde::{Deserialize, Serialize};

/// Whose result a pointer is: a function's of the tree, or a name's of the model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Giver {
    Function(FuncId),
    Name(Symbol),
}

/// How a function treats the result of one of its calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ResultUse {
    pub giver: Giver,
    /// The call.
    pub call: OpId,
    pub tested: bool,
    pub dereferenced: bool,
}

/// How a function treats a pointer member of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MemberUse {
    pub record: Record,
    pub member: Symbol,
    /// Where it is tested for NULL.
    pub tested: Option<BlockId>,
    /// Where it is dereferenced untested: the operation, and the argument if a callee does it.
    pub dereferenced: Option<(OpId, Option<u8>)>,
    /// NULL was left in the member: an argument that this function takes care to find NULL was stored there.
    pub left_null: bool,
}

/// What a caller hands to a static function for a parameter that the function tests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Handed {
    /// A pointer to an object, or a number other than zero.
    Object,
    /// The caller's own parameter of this number.
    Own(u8),
    /// Nothing is known of it.
    Unknown,
    /// NULL, or what may well be NULL.
    MayBeNull,
}

/// Who is called: a function, or whatever a member of an operations table holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Called {
    Function(FuncId),
    Member(Record, Symbol),
}

/// One argument of the calls that one function makes to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ArgumentUse {
    pub callee: Called,
    pub param: u8,
    pub handed: Handed,
}

/// A fact about a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Fact {
    Result(ResultUse),
    Member(MemberUse),
    Argument(ArgumentUse),
    Life(LifeUse),
    Locked(LockedUse),
    Half(LockHalf),
    Rcu(RcuFact),
    PerCpu(PerCpuUse),
    Counted(CountedUse),
    Held(HeldUse),
}

/// Arguments of calls through members that are noted: nearly all tests of others are of what may well be missing.
const MEMBER_PARAMS: u32 = 2;

/// Notes the facts of one function.
#[derive(Default)]
pub struct Recorder {
    pub results: Vec<ResultUse>,
    members: Vec<MemberUse>,
    arguments: Vec<ArgumentUse>,
    life: LifeRecorder,
    locked: LockedRecorder,
    halves: HalfRecorder,
    rcu: RcuRecorder,
    percpu: PerCpuRecorder,
    counted: CountedRecorder,
    held: HeldRecorder,
}

impl Recorder {
    /// Everything that was noted.
    pub fn facts(self) -> impl Iterator<Item = Fact> {
        let members = self.members.into_iter().map(Fact::Member);
        let life = self.life.uses().map(Fact::Life);
        let locked = self.locked.uses().map(Fact::Locked);
        let arguments = self.arguments.into_iter().map(Fact::Argument);
        let halves = self.halves.facts();
        let rcu = self.rcu.facts.into_iter().map(Fact::Rcu).chain(self.percpu.uses.into_iter().map(Fact::PerCpu));
        let rcu = rcu.chain(self.counted.uses.into_iter().map(Fact::Counted)).chain(self.held.0.into_iter().map(Fact::Held));
        self.results.into_iter().map(Fact::Result).chain(members).chain(arguments).chain(life).chain(locked).chain(halves).chain(rcu)
    }

    fn result(&mut self, path: &Path<'_, '_>, call: OpId, tested: bool) {
        match self.results.iter_mut().find(|u| u.call == call) {
            Some(u) if tested => u.tested = true,
            Some(u) => u.dereferenced = true,
            None => {
                if let Some(giver) = giver(path.world, path.func, call) {
                    self.results.push(ResultUse { giver, call, tested, dereferenced: !tested });
                }
            }
        }
    }

    fn member(&mut self, record: Record, member: Symbol) -> &mut MemberUse {
        let at = self.members.iter().position(|u| u.record == record && u.member == member).unwrap_or_else(|| {
            self.members.push(MemberUse { record, member, tested: None, dereferenced: None, left_null: false });
            self.members.len() - 1
        });
        &mut self.members[at]
    }

    /// What a call hands to a static function for the parameters that it tests, or to those that a member of a table holds.
    fn arguments(&mut self, path: &Path<'_, '_>, call: &CallEvent<'_>) {
        let world = path.world;
        let (callee, tests) = match (call.table, call.callees) {
            (Some((record, member)), _) if !record.is_unknown() => (Called::Member(record, member), (1u64 << MEMBER_PARAMS) - 1),
            (None, &[callee]) if world.func(callee).is_static && !world.entry_points.contains_key(&callee) => {
                (Called::Function(callee), world.summary(callee).map_or(0, |s| s.tests))
            }
            _ => return,
        };
        for (param, &value) in call.args.iter().enumerate().take(64).filter(|(i, _)| tests >> i & 1 == 1) {
            let known = path.known(value);
            let handed = if !known.may_be_zero() {
                Handed::Object
            } else if known.is_zero() || path.values.call(value).is_some_and(|op| null_return(world, path.func, op).is_some()) {
                Handed::MayBeNull
            } else {
                path.values.param(value, path.body.params).map_or(Handed::Unknown, |p| Handed::Own(p.min(255) as u8))
            };
            let param = param as u8;
            match self.arguments.iter_mut().find(|a| a.callee == callee && a.param == param) {
                Some(known) => known.handed = known.handed.max(handed),
                None => self.arguments.push(ArgumentUse { callee, param, handed }),
            }
        }
    }

    fn access(&mut self, path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>) {
        match access.null {
            Some(NullCause::Call(call)) => self.result(path, call, false),
            // One of the ways in which a call returns, and nobody asked which.
            Some(NullCause::Known) if let Some(call) = path.values.call(access.pointer) => self.result(path, call, false),
            Some(NullCause::Field(record, member)) => {
                let u = self.member(record, member);
                if u.tested.is_none() && event.origin.is_empty() && u.dereferenced.is_none_or(|(op, _)| event.op < op) {
                    u.dereferenced = Some((event.op, access.argument));
                }
            }
            _ => {}
        }
    }
}

impl Observer for Recorder {
    fn sees_memory(&self) -> bool {
        true
    }

    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        self.locked.event(path, event);
        self.halves.event(path, event);
        self.rcu.event(path, event);
        self.percpu.event(path, event);
        self.counted.event(path, event);
        self.held.event(path, event);
        match &event.kind {
            EventKind::Access(access) => self.access(path, event, access),
            EventKind::Call(call) => {
                self.arguments(path, call);
                self.life.call(path, event, call);
            }
            EventKind::Test { value, block, error } => {
                if let Some(call) = path.values.call(*value) {
                    self.result(path, call, true);
                }
                // Whoever compares `&p->first` with NULL means `p`.
                if !error && let Some((record, member)) = path.member(path.values.pointer_root(*value)) {
                    let u = self.member(record, member);
                    u.tested = u.tested.or(Some(*block));
                }
            }
            EventKind::Exit { .. } => {
                for &(place, value) in &path.state.env {
                    if let Value::PField(_, member, record) = path.values.get(place)
                        && !record.is_unknown()
                        && path.values.param(value, path.body.params).is_some()
                        && path.known(value).is_zero()
                    {
                        self.member(record, member).left_null = true;
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whose result the call at an operation gives.
pub(crate) fn giver(world: &World<'_>, func: FuncId, op: OpId) -> Option<Giver> {
    let OpKind::Call { target, .. } = world.func(func).op(op)?.kind else { return None };
    let callees = world.callees(func, op);
    if let Target::Name(name) = target
        && world.entry(name, callees.is_some()).is_some()
    {
        return Some(Giver::Name(name));
    }
    match callees {
        Some(Callees::One(f)) => Some(Giver::Function(*f)),
        _ => None,
    }
}

impl Giver {
    /// Whose result the call at an operation gives.
    pub fn of(world: &World<'_>, func: FuncId, call: OpId) -> Option<Giver> {
        giver(world, func, call)
    }

    /// The function's name.
    pub fn name(self, world: &World<'_>) -> Symbol {
        match self {
            Giver::Function(f) => world.func(f).name,
            Giver::Name(name) => name,
        }
    }
}
