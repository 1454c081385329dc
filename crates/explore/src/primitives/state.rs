//! What primitives remember between calls, by the address of the object they are called with. Nothing here survives an execution.

use crate::code::FnId;
use crate::memory::CPUS;
use rustc_hash::FxHashMap;

/// A lock of any kind, or a semaphore.
#[derive(Clone, Copy, Default, Debug)]
pub struct Lock {
    pub owner: Option<u8>,
    pub readers: u32,
    /// Taken from a semaphore's count.
    pub taken: i32,
    pub initial: i32,
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
    Irq,
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
}

/// See the module.
#[derive(Clone, Default)]
pub struct World {
    pub locks: FxHashMap<u64, Lock>,
    pub queues: FxHashMap<u64, Vec<Waiter>>,
    pub completions: FxHashMap<u64, u32>,
    pub callbacks: FxHashMap<u64, Callback>,
    pub caches: FxHashMap<u64, u64>,
    pub tasks: FxHashMap<u64, usize>,
    pub references: FxHashMap<u64, i64>,
    /// The task that each CPU runs.
    pub cpus: [Option<usize>; CPUS as usize],
    pub atomic_section: Option<usize>,
    /// Learned: CPUs with more than one thread, and that grace periods are used. Kept between executions.
    pub shared_cpus: u32,
    pub rcu_used: bool,
    pub sections_used: bool,
    pub grown: bool,
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
        self.cpus = [None; CPUS as usize];
        self.atomic_section = None;
    }

    pub fn lock(&mut self, key: u64) -> &mut Lock {
        self.locks.entry(key).or_insert(Lock { initial: 1, ..Lock::default() })
    }
}
