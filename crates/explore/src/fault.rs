//! What can go wrong in an execution, and how grave it is.

use crate::memory::{GuessId, Site};

/// The kinds of fault, gravest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FaultKind {
    UseAfterFree,
    DoubleFree,
    OutOfBounds,
    WildAccess,
    NullDeref,
    ListCorruption,
    RefcountUnderflow,
    Deadlock,
    SleepInAtomic,
    LockMisuse,
    LockHeldAtExit,
    Assertion,
    UninitialisedRead,
    DataRace,
}

impl FaultKind {
    /// Whether it says that something was not done, which a function that was not run might have done.
    pub fn says_what_is_missing(self) -> bool {
        matches!(self, FaultKind::Deadlock | FaultKind::LockHeldAtExit | FaultKind::LockMisuse | FaultKind::Assertion)
    }

    /// The id in messages and options.
    pub fn id(self) -> &'static str {
        match self {
            FaultKind::UseAfterFree => "use-after-free",
            FaultKind::DoubleFree => "double-free",
            FaultKind::OutOfBounds => "out-of-bounds",
            FaultKind::WildAccess => "wild-access",
            FaultKind::NullDeref => "null-deref",
            FaultKind::ListCorruption => "list-corruption",
            FaultKind::RefcountUnderflow => "refcount-underflow",
            FaultKind::Deadlock => "deadlock",
            FaultKind::SleepInAtomic => "sleep-in-atomic",
            FaultKind::LockMisuse => "lock-misuse",
            FaultKind::LockHeldAtExit => "lock-held-at-exit",
            FaultKind::Assertion => "assertion",
            FaultKind::UninitialisedRead => "uninitialised-read",
            FaultKind::DataRace => "data-race",
        }
    }
}

/// A thread that waits for ever.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The calls it is in, innermost first.
    pub stack: Vec<Site>,
    /// The function that it waits in.
    pub call: String,
    /// The lock that it waits for, by address, and as written.
    pub lock: Option<(u64, String)>,
    /// It could go on, if another let it have its CPU.
    pub interrupted: bool,
    /// It waits for those that wait for each other, and none of them for it.
    pub beside: bool,
    /// It is a thread of the kernel's that waits for something to do, which is nothing wrong by itself.
    pub idle: bool,
    /// Who holds what it waits for, and where that was taken.
    pub holder: Option<Site>,
    /// The thread that it waits for: it holds the lock, has to end, or has its CPU.
    pub on: Option<usize>,
}

/// The other access of a data race.
#[derive(Clone, Debug)]
pub struct OtherAccess {
    pub write: bool,
    /// The calls it was done in, innermost first.
    pub stack: Vec<Site>,
    /// What its thread held then, as in a fault.
    pub held: Vec<(u64, String, Site)>,
}

/// One fault in one execution.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    pub site: Site,
    /// What happened, in words without names of places.
    pub detail: String,
    /// The other access, or where the lock was taken.
    pub other: Option<Site>,
    /// How the other access of a race was done, where that is known: in the execution that is shown.
    pub beside: Option<Box<OtherAccess>>,
    pub allocated: Option<Site>,
    pub freed: Option<Site>,
    pub addr: u64,
    /// The guess that it rests on, if it does; nought otherwise.
    pub guess: GuessId,
    /// Locks held by the thread: address (0: none), name, and where taken.
    pub held: Vec<(u64, String, Site)>,
    /// Of a deadlock: every thread in it.
    pub waits: Vec<Wait>,
    /// Words of memory that do not fit each other, by address.
    pub words: Vec<u64>,
    /// Functions from innermost to outermost with the place in each.
    pub stack: Vec<Site>,
}
