//! What happens on a path, as observers are told: the one vocabulary of all checks.
//!
//! What happens in a callee arrives as the same event as what happens here, with the way down in [`Event::way`]. Everything an observer gets is
//! read-only.

use super::Path;
pub use super::found::FoundObject;
use crate::body::{BlockId, ExprId, OpId, Record};
use crate::domain::{Freed, Held, Taken, Wait};
use crate::program::World;
use crate::summary::{Condition, EffectKind, FuncId, Way};
use crate::value::ValueId;
use cuthere_base::{Loc, Symbol};
use cuthere_kernel::{Assert, CallbackOp, CtxPart, Entry, ListOp, PerCpu, RefOp};

/// Sees what happens on the paths of one function.
pub trait Observer {
    /// Called for each event of each path, before the event changes the state.
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>);

    /// Whether it wants to be told of every access to memory ([`EventKind::Memory`]), which are most of what happens.
    fn sees_memory(&self) -> bool {
        false
    }
}

/// One thing that happens on a path.
pub struct Event<'e> {
    /// The operation; of a branch or a return, the one that would come next.
    pub op: OpId,
    pub loc: Loc,
    /// The macro that wrote it; empty: none.
    pub origin: Symbol,
    pub way: Way,
    pub kind: EventKind<'e>,
}

impl Event<'_> {
    /// Whether the callee that it is in cannot return without it; of what happens here, yes.
    pub fn certain(&self, world: &World<'_>) -> bool {
        let Way::Callee(f, id) = self.way else { return true };
        world.summary(f).and_then(|s| s.effect(id)).is_some_and(|e| e.always || matches!(e.kind, EffectKind::DerefMember { .. }))
    }

    /// Whether it happens on every path through the callee that it is in; of what happens here, yes.
    pub fn unconditional(&self, world: &World<'_>) -> bool {
        let Way::Callee(f, id) = self.way else { return true };
        world.summary(f).and_then(|s| s.effect(id)).is_some_and(|e| e.always || e.condition.iter().any(|g| g.is_empty()))
    }
}

pub enum EventKind<'e> {
    /// A call, before anything it does.
    Call(CallEvent<'e>),
    /// The call may sleep, in these ways.
    MaySleep { call: CallEvent<'e>, ways: &'e [SleepWay] },
    /// A lock is taken.
    Acquire(Acquire<'e>),
    /// A lock is given back; `None`: nothing that is known to be held.
    Release { lock: &'e Held, found: Option<Match> },
    /// A part of the context or a read-side section begins or ends.
    Context { part: CtxPart, enter: bool },
    /// A pointer is dereferenced.
    Access(Access<'e>),
    /// Memory that is not a local variable's is read or written by this function's own code; told only to those who ask for it.
    Memory(Memory),
    /// A call gave new memory.
    Allocate { object: ValueId },
    /// An object is freed; `before`: it had been freed already.
    /// `linked`: the operation that put it on a list that it was not taken off on this path.
    Free { object: ValueId, freed: &'e Freed, before: Option<&'e Freed>, linked: Option<OpId> },
    /// A reference to an object is taken or dropped.
    Reference {
        object: ValueId,
        /// What it is taken through, which may be a member of the object.
        pointer: ValueId,
        op: RefOp,
        counter: Symbol,
        /// Of one given back: how this path had taken it.
        taken: Option<&'e Taken>,
        /// Of one given back that this path has not, or no more: the one that it had given back before.
        spent: Option<&'e Taken>,
    },
    /// Something is done with a callback object.
    Callback { object: Option<ValueId>, function: Option<ValueId>, op: CallbackOp, kind: Symbol },
    /// The call waits for a wake-up on an object, or for readers to be done.
    Wait { object: Option<ValueId> },
    /// The waiters on an object are woken.
    Wake { object: ValueId },
    /// The call gave a pointer that RCU protects.
    RcuPointer { value: ValueId },
    /// A list is walked to its next element, or an element is put onto it or taken from it: the place of its link, and the list's head, if it is told.
    List { op: ListOp, link: ValueId, head: Option<ValueId>, rcu: bool },
    /// What a pointer leads to is used after the protection ended under which it was found, and no reference was taken.
    Unprotected { pointer: ValueId, found: &'e FoundObject, access: UnprotectedUse },
    /// The call claims something of its context; of which lock, if of one.
    Assert { claim: Assert, lock: Option<ValueId> },
    /// A value becomes visible to others.
    Publish { value: ValueId },
    /// A value is compared with NULL or tested for an error.
    Test { value: ValueId, block: BlockId, error: bool },
    /// The function returns.
    Exit { block: BlockId, value: Option<ValueId> },
}

/// A lock is taken.
#[derive(Clone, Copy)]
pub struct Acquire<'e> {
    pub lock: &'e Held,
    /// The caller vouches for the order, or a failure would have been told.
    pub nested: bool,
    /// Conditions on this function's own arguments remain.
    pub open: bool,
    /// They ask for good pointers alone: arguments, or what leads to the lock.
    pub given: bool,
    /// See [`crate::summary::Effect::modes`].
    pub modes: u8,
    /// A primitive takes it and gives it back before it returns.
    pub brief: bool,
}

/// How sure it is which of the locks held is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Match {
    /// The very lock.
    Exact,
    /// Another lock of its class.
    Class,
    /// The only one of its kind that is held.
    Kind,
}

/// A call.
#[derive(Clone, Copy)]
pub struct CallEvent<'e> {
    /// The function's name, or the operations member's.
    pub name: Symbol,
    /// The operations member that is called through: record and member.
    pub table: Option<(Record, Symbol)>,
    pub entry: Option<&'e Entry>,
    pub callees: &'e [FuncId],
    pub args: &'e [ValueId],
}

/// A way in which a call may sleep, in one state.
#[derive(Clone, Debug)]
pub struct SleepWay {
    pub way: Way,
    /// Conditions on this function's own arguments that remain.
    pub condition: Condition,
    pub depth: u8,
    /// See [`crate::summary::Effect::indirect`].
    pub indirect: u8,
    /// See [`crate::summary::Effect::modes`].
    pub modes: u8,
    /// See [`crate::summary::Sleep`].
    pub wait: Wait,
    pub defers: bool,
    pub unlikely: bool,
    /// Of how many possible targets how many sleep.
    pub share: (u16, u16),
}

/// A dereference.
#[derive(Clone, Copy)]
pub struct Access<'e> {
    /// The pointer that the address was computed from.
    pub pointer: ValueId,
    /// Why it may be NULL, if it may.
    pub null: Option<NullCause>,
    /// It points to something that was freed on this path.
    pub freed: Option<&'e Freed>,
    /// The member accessed, if any.
    pub member: Symbol,
    /// The pointer as written, where the access is in this function.
    pub text: Option<ExprId>,
    /// Where the access is in a callee: the argument's number.
    pub argument: Option<u8>,
    /// Where the access is in a callee: its name.
    pub callee: Symbol,
}

/// How an object is used that nothing keeps any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnprotectedUse {
    /// It is dereferenced: the member accessed, if any, and the argument if a callee does it.
    Access { member: Symbol, argument: Option<u8>, callee: Symbol },
    /// It is returned.
    Returned,
}

/// One access to memory. [`Path::variable_at`] says of which variable.
#[derive(Clone, Copy)]
pub struct Memory {
    pub place: ValueId,
    /// The place as written; `None`: what an argument of a primitive points to.
    pub text: Option<ExprId>,
    pub store: bool,
    /// By a primitive that is made for memory which others access at the same time (`READ_ONCE`, `rcu_assign_pointer`).
    pub marked: bool,
    /// The place is declared to hold a pointer that RCU protects.
    pub rcu: bool,
    /// By a primitive that reaches this copy of a per-CPU variable.
    pub percpu: Option<PerCpu>,
}

/// Why a pointer may be NULL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NullCause {
    /// The call at this operation may return it.
    Call(OpId),
    /// NULL was assigned, or a test found it to be NULL.
    Known,
    /// It is a member of something zeroed, and nothing was stored there since.
    Zeroed,
    /// It is called, and a table of operations leaves it out; whether the path knows that it is this table, and whether it stands in the same file.
    LeftOut { table: Symbol, known: bool, own: bool },
    /// Nothing is known of it but the member it was loaded from.
    Field(Record, Symbol),
}
