//! What primitives remember between calls, by the address of the object they are called with. Nothing here survives an execution.

use crate::code::FnId;
use crate::machine::{StoreBuffer, Weak};
use crate::memory::CPUS;
use crate::thread::{Level, copied};
use rustc_hash::FxHashMap;

/// A lock of any kind, or a semaphore.
#[derive(Clone, Copy, Default, Debug)]
pub struct Lock {
    pub owner: Option<u8>,
    pub readers: u32,
    /// Taken from a semaphore's count.
    pub taken: i32,
    pub initial: i32,
    /// What its holder may do again.
    pub again: Again,
    /// How often its holder has taken it again.
    pub depth: u32,
    /// A program has destroyed it.
    pub destroyed: bool,
    /// It is a member of the object here, and known by that one's address.
    pub of_object: bool,
}

/// What taking a mutex again does for the thread that holds it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Again {
    /// It waits for itself.
    #[default]
    Waits,
    /// It is counted.
    Counts,
    /// It fails.
    Fails,
}

/// A thread on a wait queue.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    pub thread: usize,
    pub entry: u64,
    pub exclusive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallbackKind {
    Timer,
    Work,
    Tasklet,
    Hrtimer,
    Irq,
    /// The part of an interrupt's handler that runs in a thread.
    IrqThread,
    Kthread,
}

/// A timer, work item, tasklet or interrupt.
#[derive(Clone, Copy, Debug)]
pub struct Callback {
    pub kind: CallbackKind,
    pub function: Option<FnId>,
    pub data: i64,
    /// `data` is passed rather than the object's address.
    pub by_data: bool,
    pub pending: Option<usize>,
    pub running: Option<usize>,
    pub fired: u32,
    /// Shut down: arming it has no effect.
    pub dead: bool,
    /// Where it runs, if its kind does not say.
    pub level: Option<Level>,
    /// What an interrupt's handler wakes.
    pub thread: Option<FnId>,
}

/// See the module.
#[derive(Default)]
pub struct World {
    pub locks: FxHashMap<u64, Lock>,
    pub queues: FxHashMap<u64, Vec<Waiter>>,
    pub completions: FxHashMap<u64, u32>,
    pub callbacks: FxHashMap<u64, Callback>,
    pub caches: FxHashMap<u64, u64>,
    pub tasks: FxHashMap<u64, usize>,
    pub references: FxHashMap<u64, i64>,
    /// What goes with each device, in the order of its allocation.
    pub managed: FxHashMap<u64, Vec<u64>>,
    /// The task that each CPU runs.
    pub cpus: [Option<usize>; CPUS as usize],
    /// What has been stored and is not seen by all.
    pub buffers: Vec<StoreBuffer>,
    pub weak: Weak,
    pub atomic_section: Option<usize>,
    /// How many sections that run as one its thread is in.
    pub atomic_depth: u32,
    /// Threads of a program that were created beyond the bound: they never run.
    pub idlers: u32,
    /// What runs when a thread of a program ends.
    pub at_end: Option<FnId>,
    /// What a semaphore counts that nobody has initialised.
    pub uncounted: i32,
    /// Learned: CPUs with more than one thread, and that grace periods are used. Kept between executions.
    pub shared_cpus: u32,
    pub rcu_used: bool,
    pub sections_used: bool,
    pub grown: bool,
}

copied! {
    World: locks queues completions callbacks caches tasks references managed buffers weak;
    cpus atomic_section atomic_depth idlers at_end uncounted shared_cpus rcu_used sections_used grown
}

impl World {
    pub fn reset(&mut self) {
        self.locks.clear();
        self.queues.clear();
        self.completions.clear();
        self.callbacks.clear();
        self.caches.clear();
        self.tasks.clear();
        self.references.clear();
        self.managed.clear();
        self.buffers.clear();
        self.weak = Weak::default();
        self.cpus = [None; CPUS as usize];
        (self.atomic_section, self.atomic_depth) = (None, 0);
        self.idlers = 0;
        self.at_end = None;
    }

    /// A thread enters or leaves a section that runs as one. Whether that is the outermost.
    pub fn section(&mut self, t: usize, begin: bool) -> bool {
        self.atomic_depth = if begin { self.atomic_depth + 1 } else { self.atomic_depth.saturating_sub(1) };
        self.atomic_section = (self.atomic_depth > 0).then_some(t);
        self.atomic_depth == u32::from(begin)
    }

    pub fn lock(&mut self, key: u64) -> &mut Lock {
        self.locks.entry(key).or_insert(Lock { initial: self.uncounted, ..Lock::default() })
    }
}
