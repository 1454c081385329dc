//! Wait queues, sleeping and waking, completions.
//!
//! The kernel's `wait_event` macros are executed as they stand: they put the task on the queue, read the condition and call `schedule()`,
//! again and again. Signals do not come. A timed sleep may end at any time.

use super::state::Waiter;
use super::{Prim, Wrong};
use crate::code::CallSite;
use crate::event::{Access, Location, Mode};
use crate::lives::Wake;
use crate::machine::{Flow, Machine};

const FOREVER: i64 = i64::MAX;

impl Machine<'_> {
    pub(super) fn wait_footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        // Nobody waits on what is only made now.
        if prim == Prim::InitQueue {
            return Ok(());
        }
        let object = self.arg(t, site, 0) as u64;
        let own = |mode| Access::new(Location::wake(t), mode);
        let result = match prim {
            Prim::PrepareToWait { .. } => {
                self.threads[t].footprint.push(own(Mode::Write));
                self.synchronises(t, object, Access::new(Location::sync(object), Mode::Write))
            }
            Prim::FinishWait => self.synchronises(t, object, Access::new(Location::sync(object), Mode::Write)),
            Prim::WakeQueue { .. } => self.synchronises(t, object, Access::new(Location::sync(object), Mode::Write)),
            Prim::QueueActive | Prim::CompletionDone => self.synchronises(t, object, Access::new(Location::sync(object), Mode::Read)),
            Prim::SetState => {
                self.threads[t].footprint.push(own(Mode::Write));
                Ok(())
            }
            // It need not be this wake-up that ends the sleep: the order is open.
            Prim::Schedule { .. } => {
                self.threads[t].footprint.push(own(Mode::Write));
                Ok(())
            }
            Prim::WakeTask => {
                let target = self.world.tasks.get(&object).copied().unwrap_or(t);
                self.threads[t].footprint.push(Access::new(Location::wake(target), Mode::Write));
                Ok(())
            }
            _ => self.synchronises(t, object, Access::new(Location::sync(object), Mode::Write)),
        };
        self.add_cpu(t, matches!(prim, Prim::Schedule { .. } | Prim::WaitCompletion { .. }));
        result
    }

    pub(super) fn schedule_ready(&self, t: usize, timeout: Option<u8>, site: &CallSite) -> bool {
        !self.threads[t].sleeping || timeout.is_some_and(|n| self.arg(t, site, n) != FOREVER)
    }

    fn wake(&mut self, target: usize) -> bool {
        let was = self.threads[target].sleeping;
        self.threads[target].sleeping = false;
        self.also(Access::new(Location::wake(target), Mode::Write));
        was
    }

    /// Keeps whom a wake-up finds, where an execution is recorded.
    fn note_wake(&mut self, waiting: impl Iterator<Item = usize>) {
        if let Some(record) = &self.record {
            let found = waiting.map(|t| (t, self.threads[t].sleeping)).collect();
            self.lives.wakes.push(Wake { recorded: record.len(), found });
        }
    }

    pub(super) fn wait_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let a = |m: &Self, n: u8| m.arg(t, site, n);
        let object = a(self, 0) as u64;
        let memory = !matches!(prim, Prim::SetState | Prim::Schedule { .. } | Prim::WakeTask);
        if memory && let Err(bad) = self.link.mem.check(object, 1) {
            self.bad(t, bad, object, true);
            return Flow::Dead;
        }
        match prim {
            Prim::InitQueue => {
                self.world.queues.remove(&object);
            }
            Prim::PrepareToWait { exclusive } => {
                let entry = a(self, 1) as u64;
                // Who only puts itself on the queue has not said yet that it sleeps.
                let sleeping = if site.args.len() < 3 { self.threads[t].sleeping } else { a(self, 2) != 0 };
                let queue = self.world.queues.entry(object).or_default();
                if !queue.iter().any(|w| w.thread == t && w.entry == entry) {
                    queue.push(Waiter { thread: t, entry, exclusive });
                }
                self.threads[t].sleeping = sleeping;
            }
            Prim::FinishWait => {
                let entry = a(self, 1) as u64;
                if let Some(queue) = self.world.queues.get_mut(&object) {
                    queue.retain(|w| w.entry != entry);
                }
                self.threads[t].sleeping = false;
            }
            Prim::WakeQueue { all } => {
                let queue = self.world.queues.remove(&object).unwrap_or_default();
                let mut left = Vec::new();
                let mut exclusive = false;
                self.note_wake(queue.iter().map(|waiter| waiter.thread));
                for waiter in queue {
                    if waiter.exclusive && exclusive && !all {
                        left.push(waiter);
                        continue;
                    }
                    // An entry stays on the queue while its task is only about to be woken; the wake function takes it off.
                    self.wake(waiter.thread);
                    exclusive |= waiter.exclusive;
                }
                if !left.is_empty() {
                    self.world.queues.insert(object, left);
                }
            }
            Prim::QueueActive => return Flow::Next(i64::from(self.world.queues.get(&object).is_some_and(|q| !q.is_empty()))),
            Prim::SetState => self.threads[t].sleeping = object != 0,
            Prim::Schedule { timeout } => {
                if self.threads[t].sleeping || timeout.is_none() {
                    let name = site.name;
                    if !self.may_sleep(t, name.as_str()) {
                        return Flow::Dead;
                    }
                }
                let woken = !self.threads[t].sleeping;
                self.threads[t].sleeping = false;
                self.give_way(t);
                if let Some(n) = timeout {
                    let left = a(self, n);
                    return Flow::Next(if woken { (left - 1).max(0) } else { 0 });
                }
            }
            Prim::WakeTask => {
                if let Some(&target) = self.world.tasks.get(&object) {
                    self.note_wake(std::iter::once(target));
                    return Flow::Next(i64::from(self.wake(target)));
                }
            }
            Prim::InitCompletion => {
                self.world.completions.remove(&object);
            }
            Prim::Complete { all } => {
                let done = self.world.completions.entry(object).or_insert(0);
                *done = if all { u32::MAX } else { done.saturating_add(1) };
            }
            Prim::WaitCompletion { .. } | Prim::TryCompletion => {
                if prim != Prim::TryCompletion && !self.may_sleep(t, site.name.as_str()) {
                    return Flow::Dead;
                }
                let done = self.world.completions.entry(object).or_insert(0);
                let had = *done > 0;
                if had && *done != u32::MAX {
                    *done -= 1;
                }
                if prim != Prim::TryCompletion {
                    self.give_way(t);
                }
                return Flow::Next(match (prim, had) {
                    (Prim::WaitCompletion { timed: true }, true) => (a(self, 1) - 1).max(1),
                    (Prim::TryCompletion, true) => 1,
                    _ => 0,
                });
            }
            Prim::CompletionDone => return Flow::Next(i64::from(self.world.completions.get(&object).is_some_and(|&n| n > 0))),
            _ => {}
        }
        Flow::Next(0)
    }
}
