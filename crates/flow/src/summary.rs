//! What a function does to its caller's state, guarded by conditions on its arguments.

use crate::fact::Fact;
use cuthere_base::{Loc, Symbol};
use cuthere_kernel::{LockKind, LockMode};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A function definition of the tree; ids order by file, then by place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FuncId(pub u32);

impl FuncId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A condition on one argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Test {
    Fact(Fact),
    /// Some bit of the mask is set.
    AnyBit(i64),
    /// No bit of the mask is set.
    NoBit(i64),
}

/// A conjunction of conditions on arguments; empty: always.
pub type Guard = SmallVec<[(u8, Test); 2]>;

/// Where the sleeping happens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum SleepVia {
    /// A primitive or an API function known from the model.
    Primitive(Symbol),
    /// A function of the tree, and which of its sites.
    Function(FuncId, u8),
    /// A call through an operations table that may, by the model's word, sleep: `(record, field)`.
    Ops(Symbol, Symbol),
}

/// A call that may sleep.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SleepSite {
    pub loc: Loc,
    pub via: SleepVia,
    /// Any of these suffices.
    pub guards: SmallVec<[Guard; 1]>,
    /// Frames between this function and the primitive.
    pub depth: u8,
    /// How many steps of the way are calls through function pointers with more than one possible target.
    pub indirect: u8,
    /// Conditions on the state of objects (flags, modes, counters in memory) that have to hold on the way from this function down: the caller
    /// may know that they do not.
    pub modes: u8,
    /// The primitive sleeps only outside of interrupts and defers its work inside (`vfree`).
    pub defers: bool,
}

/// A place relative to the caller: a parameter or global, then members; a `Deref` between them is written as the empty symbol.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RelPlace {
    pub root: RelRoot,
    /// `(member, record)`; the empty member stands for a dereference.
    pub path: SmallVec<[(Symbol, Symbol); 3]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RelRoot {
    /// The place that the argument's value points to is the start.
    Param(u8),
    Global(Symbol),
    Result,
    Unknown,
}

/// A lock that is held (`+1`) or has been released (`-1`) on return, against the state at entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct LockDelta {
    pub place: RelPlace,
    /// How findings name the lock's class: `record.member`, or a global's name.
    pub class: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
    pub taken: bool,
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
    pub fn is_zero(self) -> bool {
        self == Ctx::default()
    }

    /// Whether sleeping is forbidden, locks aside.
    pub fn atomic(self) -> bool {
        self.preempt > 0 || self.bh > 0 || self.irq > 0 || self.rcu > 0
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
}

/// One way of returning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub ret: Fact,
    pub guard: Guard,
    pub locks: SmallVec<[LockDelta; 1]>,
    pub ctx: Ctx,
}

/// Why a result may be NULL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum NullWhy {
    /// It hands on what an allocator gave.
    Allocation,
    /// It says so itself: `return NULL` on some path.
    Literal,
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
    /// Any of these suffices.
    pub guards: SmallVec<[Guard; 1]>,
}

/// What is known of the result.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ret {
    pub null: Option<NullReturn>,
    /// It may be an error pointer.
    pub err: bool,
    /// All returned values.
    pub fact: Option<Fact>,
    /// On every path it is this argument.
    pub arg: Option<u8>,
    /// The function does nothing but ask for the execution context, and this is the answer.
    pub asks: bool,
}

/// A parameter that is dereferenced without a test.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ParamDeref {
    pub param: u8,
    pub loc: Loc,
    pub member: Symbol,
    /// The next function down and its entry, where the access is not here.
    pub via: Option<(FuncId, u8)>,
    /// A primitive of the model that dereferences it.
    pub primitive: Symbol,
    pub guard: Guard,
    /// On every path through the function.
    pub always: bool,
    pub depth: u8,
}

/// A parameter whose object is freed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ParamFree {
    pub place: RelPlace,
    pub loc: Loc,
    pub by: Symbol,
    /// Only after a grace period.
    pub deferred: bool,
    pub guard: Guard,
}

/// The summary.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    pub sleeps: Vec<SleepSite>,
    /// Empty: returns with the caller's locks and context as they were.
    pub outcomes: Vec<Outcome>,
    pub ret: Ret,
    pub derefs: Vec<ParamDeref>,
    pub frees: Vec<ParamFree>,
    pub noreturn: bool,
    /// The path budget was reached: what is said holds, but there may be more.
    pub truncated: bool,
}
