//! The whole state of an execution between two operations, to go back to instead of doing everything before it again.
//!
//! What a search has learned is no part of it, nor is what it has found out about the program: those only grow.

use super::*;
use crate::memory::MemoryCopy;

/// What threads take that have changed since the state before, roughly.
const CHANGED: usize = 2048;

/// See the module.
#[derive(Default)]
pub(crate) struct Snapshot {
    memory: MemoryCopy,
    threads: Threads,
    world: World,
    faults: Vec<Fault>,
    finally: Vec<(FnId, i64)>,
    resting: Resting,
    races: Option<crate::races::Races>,
    events: u32,
    any_open: bool,
    exited: bool,
    returned: bool,
    concurrent: bool,
    exhausted: bool,
}

impl Machine<'_> {
    /// Whether an execution may begin from a remembered state: not while it is recorded or follows a schedule.
    pub(crate) fn may_go_back(&self) -> bool {
        self.record.is_none() && self.stop_at.is_none() && self.arrivals.is_none()
    }

    /// Bytes that a snapshot takes, roughly.
    pub(crate) fn snapshot_size(&self) -> usize {
        let open: usize = self.threads.iter().map(|thread| thread.lazies.len()).sum();
        self.link.mem.copy_size() + self.threads.len() * size_of::<usize>() + CHANGED + open * 128
    }

    pub(crate) fn take_snapshot(&self, to: &mut Snapshot) {
        self.link.mem.copy_to(&mut to.memory);
        to.threads.clone_from(&self.threads);
        to.world.clone_from(&self.world);
        to.faults.clone_from(&self.faults);
        to.finally.clone_from(&self.finally);
        to.races.clone_from(&self.races);
        to.resting = self.resting;
        (to.events, to.any_open, to.exited, to.returned) = (self.events, self.any_open, self.exited, self.returned);
        (to.concurrent, to.exhausted) = (self.link.mem.concurrent, self.link.mem.exhausted);
    }

    pub(crate) fn go_back(&mut self, to: &Snapshot) {
        let learned = (self.world.shared_cpus, self.world.rcu_used, self.world.sections_used, self.world.grown);
        self.link.mem.copy_in(&to.memory);
        self.threads.clone_from(&to.threads);
        self.world.clone_from(&to.world);
        (self.world.shared_cpus, self.world.rcu_used, self.world.sections_used, self.world.grown) = learned;
        self.faults.clone_from(&to.faults);
        self.finally.clone_from(&to.finally);
        self.races.clone_from(&to.races);
        self.resting = to.resting;
        (self.events, self.any_open, self.exited, self.returned) = (to.events, to.any_open, to.exited, to.returned);
        (self.link.mem.concurrent, self.link.mem.exhausted) = (to.concurrent, to.exhausted);
        self.event = Event::default();
    }
}
