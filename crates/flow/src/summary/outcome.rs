//! Ways of returning: the result, what it says of the arguments, the locks and context left, and what was freed.

use super::{Computed, Condition, EffectId, FuncId, Guard, RelPlace};
use crate::body::Record;
use crate::value::Interval;
use cuthere_base::{Loc, Symbol};
use cuthere_kernel::{CtxPart, LockKind, LockMode};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A lock that is held or has been released on return, against the state at entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct LockDelta {
    pub place: RelPlace,
    /// How findings name the lock's class: `record.member`, or a global's name.
    pub class: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
    pub taken: bool,
    /// On every way of returning that this one stands for; else on some, and callers can't tell on which.
    pub sure: bool,
    pub loc: Loc,
}

/// Counters of the context state; differences in summaries, absolute in states.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Ctx {
    pub preempt: i8,
    pub bh: i8,
    pub irq: i8,
    pub rcu: i8,
    /// Page faults disabled.
    pub pagefault: i8,
}

impl Ctx {
    /// Two locks of its caller are the most that a function gives back which is not followed path by path.
    pub const DEEPEST: Ctx = Ctx { preempt: -2, bh: -2, irq: -2, rcu: -2, pagefault: -2 };

    /// What beginning (1) or ending (-1) a part of the context adds.
    pub fn step(part: CtxPart, by: i8) -> Ctx {
        let none = Ctx::default();
        match part {
            CtxPart::Preempt => Ctx { preempt: by, ..none },
            CtxPart::Bh => Ctx { bh: by, ..none },
            CtxPart::Irq | CtxPart::IrqSave => Ctx { irq: by, ..none },
            CtxPart::Rcu => Ctx { rcu: by, ..none },
            CtxPart::RcuSched => Ctx { rcu: by, preempt: by, ..none },
            CtxPart::RcuBh => Ctx { rcu: by, bh: by, ..none },
            CtxPart::PagefaultOff => Ctx { pagefault: by, ..none },
        }
    }

    pub fn is_zero(self) -> bool {
        self == Ctx::default()
    }

    pub fn plus(self, other: Ctx) -> Ctx {
        let add = |a: i8, b: i8| a.saturating_add(b).clamp(-20, 20);
        Ctx {
            preempt: add(self.preempt, other.preempt),
            bh: add(self.bh, other.bh),
            irq: add(self.irq, other.irq),
            rcu: add(self.rcu, other.rcu),
            pagefault: add(self.pagefault, other.pagefault),
        }
    }

    pub fn minus(self, other: Ctx) -> Ctx {
        Ctx {
            preempt: self.preempt - other.preempt,
            bh: self.bh - other.bh,
            irq: self.irq - other.irq,
            rcu: self.rcu - other.rcu,
            pagefault: self.pagefault - other.pagefault,
        }
    }

    /// What either leaves at most.
    pub fn most(self, other: Ctx) -> Ctx {
        Ctx {
            preempt: self.preempt.max(other.preempt),
            bh: self.bh.max(other.bh),
            irq: self.irq.max(other.irq),
            rcu: self.rcu.max(other.rcu),
            pagefault: self.pagefault.max(other.pagefault),
        }
    }

    /// What both leave at least.
    pub fn least(self, other: Ctx) -> Ctx {
        Ctx {
            preempt: self.preempt.min(other.preempt),
            bh: self.bh.min(other.bh),
            irq: self.irq.min(other.irq),
            rcu: self.rcu.min(other.rcu),
            pagefault: self.pagefault.min(other.pagefault),
        }
    }
}

/// One way of returning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub ret: Interval,
    pub guard: Guard,
    pub locks: SmallVec<[LockDelta; 1]>,
    pub ctx: Ctx,
    /// It stands for ways that differ in locks and that nothing tells apart.
    pub doubtful: bool,
    /// The frees that have happened on this way, whatever path it took.
    pub frees: SmallVec<[FreedOnReturn; 2]>,
    /// The references that this way has taken and given up.
    pub refs: SmallVec<[RefDelta; 1]>,
    /// What this way returns is this argument, as it came.
    pub arg: Option<u8>,
    /// Arguments of which it is known what this way writes to where they point (`*out = 0`): `None`: nothing. Of others nothing is known.
    pub written: SmallVec<[(u8, Option<Interval>); 1]>,
}

impl Outcome {
    /// A way of returning of which nothing is said but the result.
    pub(crate) fn plain(ret: Interval) -> Outcome {
        Outcome {
            ret,
            guard: Guard::new(),
            locks: SmallVec::new(),
            ctx: Ctx::default(),
            doubtful: false,
            frees: SmallVec::new(),
            refs: SmallVec::new(),
            arg: None,
            written: SmallVec::new(),
        }
    }
}

/// An object that is gone when a function returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FreedOnReturn {
    /// The effect that frees it.
    pub effect: EffectId,
    /// The place in memory that led to it holds something else now.
    pub replaced: bool,
}

/// References taken (positive) or given up when a function returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RefDelta {
    /// The effect that takes or gives up the first.
    pub effect: EffectId,
    pub count: i8,
}

/// Why a result may be NULL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum NullWhy {
    /// It hands on what an allocator gave.
    Allocation,
    /// It says so itself: `return NULL` on some path.
    Literal,
    /// Some ways hand on what an allocator gave, some say so themselves.
    Mixed,
    /// The model says so.
    Model,
}

/// A way in which a function returns NULL.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NullReturn {
    pub loc: Loc,
    pub why: NullWhy,
    /// What it hands on, if it is another function's NULL.
    pub from: Symbol,
    pub condition: Condition,
}

/// The result is an object that was found under a protection which has ended, or which callers have to see to, and no reference to it was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FoundResult {
    /// It was a read-side section of RCU, or this lock.
    pub rcu: bool,
    pub class: Symbol,
    /// Where it was found, or where the callee was called that did.
    pub loc: Loc,
    pub by: Option<FuncId>,
    /// The element's record, if it is one of a list.
    pub record: Record,
    /// By its name, the function gives a reference with it.
    pub named: bool,
    /// By a look-up under RCU that begins no section: its caller's protects the object.
    pub open: bool,
}

/// What is known of the result.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ret {
    pub null: Option<NullReturn>,
    /// It may be an error pointer.
    pub err: bool,
    /// All returned values; `None`: nothing is returned.
    pub known: Option<Interval>,
    /// On every path it is this argument.
    pub arg: Option<u8>,
    /// On every path it is this.
    pub computed: Option<Computed>,
    /// On every path it is the address of this part of what an argument points to: two calls give one object.
    pub part: Option<Box<RelPlace>>,
    /// The function does nothing but ask for the execution context, and this is the answer.
    pub asks: bool,
    pub found: Option<FoundResult>,
    /// It leads into the object that a place reached from an argument led to, where arithmetic has put it (`skb->data + n`).
    pub inside: Option<Box<RelPlace>>,
}
