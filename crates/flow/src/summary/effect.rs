//! One thing that a function does where its callers can notice.

use super::guard::Condition;
use super::{Ctx, FuncId, LockDelta, RelPlace};
use crate::body::BlockId;
use crate::domain::Wait;
use cuthere_base::{Loc, Symbol};
use cuthere_kernel::{LockKind, LockMode, RefOp};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A position among a summary's effects, with the kind of what is there: of functions in a circle, callers may have seen a first approximation
/// in which something else stood at that position.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(u16);

/// Bits of an [`EffectId`] that are the position.
const POSITION_BITS: u32 = 12;

impl EffectId {
    /// None of a summary's effects: an outcome of the callee says it.
    pub(crate) const OUTCOME: EffectId = EffectId(u16::MAX);

    /// The effect at a position.
    pub(crate) fn new(position: usize, effect: &Effect) -> EffectId {
        EffectId(effect.kind.rank() << POSITION_BITS | position as u16 & ((1 << POSITION_BITS) - 1))
    }

    /// The effect among these that is meant.
    pub(crate) fn find(self, effects: &[Effect]) -> Option<&Effect> {
        let (position, rank) = (self.0 & ((1 << POSITION_BITS) - 1), self.0 >> POSITION_BITS);
        let same = |e: &&Effect| e.kind.rank() == rank;
        effects.get(position as usize).filter(same).or_else(|| effects.iter().find(same))
    }
}

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
    /// It may sleep.
    Sleep(Sleep),
    /// An argument is dereferenced; the member that is accessed, if any. `tested`: only where it is known not to be NULL.
    Deref { param: u8, member: Symbol, tested: bool },
    /// A pointer in what an argument points to is dereferenced, untested and as the caller left it; the member that is accessed, if any.
    DerefMember { place: Box<RelPlace>, member: Symbol },
    /// The object at a place is freed; `deferred`: after a grace period; `last`: a reference is given up, `counted`: the
    /// count of references had reached zero; `moved`: its memory may have been put elsewhere; `left`: the place was given the pointer here, and leads
    /// to the freed object on return.
    Free { place: Box<RelPlace>, deferred: bool, last: bool, counted: bool, moved: bool, left: bool },
    /// A lock is taken, whether or not it is given back before the return.
    Acquire { lock: Box<RelPlace>, class: Symbol, kind: LockKind, mode: LockMode, nested: bool },
    /// A reference to the object at a place is taken or dropped; `counter`: see [`cuthere_kernel::RefEffect`].
    Reference { place: Box<RelPlace>, op: RefOp, counter: Symbol },
}

impl EffectKind {
    /// The object at a place is freed at once, for good, and whatever references there are; `left`: see [`EffectKind::Free`].
    pub(crate) fn free(place: RelPlace, left: bool) -> EffectKind {
        EffectKind::Free { place: Box::new(place), deferred: false, last: false, counted: false, moved: false, left }
    }

    /// The order in which a summary lists its effects.
    pub(crate) fn rank(&self) -> u16 {
        match self {
            EffectKind::Sleep(_) => 0,
            EffectKind::Deref { .. } => 1,
            EffectKind::Free { .. } => 2,
            EffectKind::Acquire { .. } => 3,
            EffectKind::Reference { .. } => 4,
            EffectKind::DerefMember { .. } => 5,
        }
    }
}

/// A way to sleep.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sleep {
    pub wait: Wait,
    /// Only outside of interrupts; inside, the work is put off (`vfree`), or nothing is done (`if (!in_interrupt())`).
    pub defers: bool,
    /// Only behind an assertion that failed, or when the last reference is dropped.
    pub unlikely: bool,
    /// The last of the function's own conditions on the state of objects, and how it comes out.
    pub given: Option<(BlockId, bool)>,
    /// One that leads to it together with others: any of them is enough.
    pub either: Option<(BlockId, bool)>,
    /// What of its caller's it gives back before.
    pub around: Option<Box<Around>>,
}

/// What a callee gives back of its caller's before it sleeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Around {
    pub locks: SmallVec<[LockDelta; 1]>,
    /// Counters that are less than at entry; no part is positive.
    pub ctx: Ctx,
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
