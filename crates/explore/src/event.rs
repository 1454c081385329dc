//! What one scheduling point touches, and which two of them may not be exchanged.
//!
//! A footprint is what reduction knows of an operation: locations with access modes. Two operations are dependent if they touch a location
//! in conflicting modes. After a release, an acquisition of the same thing waits for it: dependent, but the two cannot be reversed.

use smallvec::SmallVec;

/// A location: the address of eight bytes of memory, or a thing of the engine, told apart by the low bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Location(pub u64);

impl Location {
    /// Memory at a granule of eight bytes.
    pub fn granule(addr: u64) -> Location {
        Location(addr & !7)
    }
    /// Whether the object at this address lives.
    pub fn life(addr: u64) -> Location {
        Location(addr & !7 | 1)
    }
    /// A lock, wait queue, timer or other synchronisation object at an address.
    pub fn sync(addr: u64) -> Location {
        Location(addr & !7 | 2)
    }
    /// Who may run on a CPU.
    pub fn cpu(cpu: u32) -> Location {
        Location(u64::from(cpu) << 8 | 3)
    }
    /// Whether a thread sleeps.
    pub fn wake(thread: usize) -> Location {
        Location((thread as u64) << 8 | 4)
    }
    /// Beginnings of RCU grace periods (`end` false) and their ends, by domain (0: RCU; else the address of the SRCU structure).
    pub fn rcu(domain: u64, end: bool) -> Location {
        Location(domain & !7 | if end { 6 } else { 5 })
    }
    /// A lock known by name only.
    pub fn named(id: u32) -> Location {
        Location(u64::from(id) << 8 | 7)
    }
}

/// How a location is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Read,
    Write,
    Acquire,
    Release,
    AcquireShared,
    ReleaseShared,
    /// A try that failed, for the lock was taken: it is inside its holder's section, and so is no acquisition before it.
    Failed,
}

impl Mode {
    /// Whether the order of the two matters.
    #[inline]
    pub fn conflicts(self, other: Mode) -> bool {
        use Mode::*;
        !matches!(
            (self, other),
            (Read, Read)
                | (Release | ReleaseShared, Release | ReleaseShared)
                | (AcquireShared | ReleaseShared, AcquireShared | ReleaseShared)
        )
    }

    /// Whether `later` could also have come before `self`.
    #[inline]
    pub fn reversible(self, later: Mode) -> bool {
        !matches!((self, later), (Mode::Release | Mode::ReleaseShared | Mode::Failed, Mode::Acquire | Mode::AcquireShared))
    }

    /// Whether it conflicts with every access, so that what lies before it need not be looked at again.
    #[inline]
    pub fn covers(self) -> bool {
        matches!(self, Mode::Write | Mode::Acquire)
    }
}

/// One use of one location.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    pub at: Location,
    pub mode: Mode,
    /// Which of the eight bytes; all for things of the engine.
    pub bytes: u8,
}

impl Access {
    pub fn new(at: Location, mode: Mode) -> Access {
        Access { at, mode, bytes: u8::MAX }
    }

    /// Whether the order of the two matters, at the same location.
    #[inline]
    pub fn conflicts(&self, mode: Mode, bytes: u8) -> bool {
        self.bytes & bytes != 0 && self.mode.conflicts(mode)
    }
}

/// A set of threads, by number.
pub type ThreadSet = u128;

/// All that one operation uses.
pub type Footprint = SmallVec<[Access; 4]>;

/// Whether two operations are dependent.
#[inline]
pub fn dependent(a: &[Access], b: &[Access]) -> bool {
    a.iter().any(|x| b.iter().any(|y| x.at == y.at && x.conflicts(y.mode, y.bytes)))
}

/// An executed operation, as the search sees it.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub thread: usize,
    pub footprint: Footprint,
    /// Threads that came into being.
    pub spawned: ThreadSet,
    /// Threads that will never start because of it, though they could have started before.
    pub killed: ThreadSet,
    /// The threads whose end was waited for, and those whose stores were.
    pub joined: ThreadSet,
    /// The event in whose course it was made ready: a store that reaches memory.
    pub follows: Option<u32>,
    /// How many ways the operation could have gone, and which it went.
    pub choices: u16,
    pub choice: u16,
}
