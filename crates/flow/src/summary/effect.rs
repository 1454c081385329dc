//! One thing that a function does where its callers can notice.

use super::guard::Condition;
use super::{FuncId, RelPlace};
use cuthere_base::{Loc, Symbol};
use cuthere_kernel::{LockKind, LockMode, RefOp};
use serde::{Deserialize, Serialize};

/// A position among a summary's effects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(pub u16);

/// Where an effect is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Way {
    /// By the function's own code.
    Here,
    /// By a primitive or an API function known from the model.
    Model(Symbol),
    /// By a function of the tree: which of its effects.
    Callee(FuncId, EffectId),
    /// By a call through an operations table, by the model's word: `(record, member)`.
    Table(Symbol, Symbol),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EffectKind {
    /// It may sleep. `defers`: only outside of interrupts; inside, the work is put off (`vfree`).
    Sleep { defers: bool },
    /// An argument is dereferenced, untested; the member that is accessed, if any.
    Deref { param: u8, member: Symbol },
    /// The object at a place is freed; `deferred`: after a grace period.
    Free { place: Box<RelPlace>, deferred: bool },
    /// A lock is taken, whether or not it is given back before the return.
    Acquire { lock: Box<RelPlace>, class: Symbol, kind: LockKind, mode: LockMode, nested: bool },
    /// A reference to the object at a place is taken or dropped.
    Reference { place: Box<RelPlace>, op: RefOp },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Effect {
    pub kind: EffectKind,
    pub loc: Loc,
    pub way: Way,
    /// On arguments of the function.
    pub condition: Condition,
    /// Frames between this function and the primitive or access.
    pub depth: u8,
    /// How many steps of the way are calls through function pointers with more than one possible target.
    pub indirect: u8,
    /// Conditions on the state of objects (flags, modes, counters in memory) that have to hold on the way down: the caller may know that they
    /// do not.
    pub modes: u8,
    /// On every path through the function.
    pub always: bool,
}
