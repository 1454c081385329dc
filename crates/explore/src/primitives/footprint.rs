//! What the scheduler must know of a call before it is done, and whether it can be done.

use super::*;

impl Prim {
    /// Whether there are states in which it cannot be done, which [`Machine::ready_call`] looks at.
    pub(super) fn may_wait(self) -> bool {
        matches!(
            self,
            Prim::Lock(_)
                | Prim::Schedule { .. }
                | Prim::WaitCompletion { .. }
                | Prim::Synchronize { .. }
                | Prim::RcuBarrier
                | Prim::Cancel { .. }
                | Prim::Flush(_)
                | Prim::FlushAll
                | Prim::FreeIrq(_)
                | Prim::DisableIrq(_)
                | Prim::SyncIrq
                | Prim::KthreadStop
                | Prim::PthreadJoin
                | Prim::CondWait { .. }
                | Prim::AtomicSection(_)
        )
    }
}

impl Machine<'_> {
    /// What the scheduler must know of a call before it is done. Empty: nothing.
    pub(super) fn footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        match prim.family() {
            Family::Rcu => return self.rcu_footprint(t, prim, site),
            Family::Wait => return self.wait_footprint(t, prim, site),
            Family::Callback => return self.callback_footprint(t, prim, site),
            Family::Object => return self.object_footprint(t, prim, site),
            Family::List => return self.list_footprint(t, prim, site),
            Family::Other => {}
        }
        let a = |m: &Self, n: u8| m.arg(t, site, n) as u64;
        match prim {
            Prim::StoreTo | Prim::Exchange => self.uses(t, a(self, 0), u32::from(site.pointee.size), true),
            Prim::CompareExchange => {
                let write = self.would_write(t, prim, site);
                self.uses(t, a(self, 0), u32::from(site.pointee.size), write)
            }
            Prim::TryExchange | Prim::C11Compare => {
                let write = self.would_write(t, prim, site);
                self.uses(t, a(self, 1), u32::from(site.pointee.size), !write)?;
                self.uses(t, a(self, 0), u32::from(site.pointee.size), write)
            }
            Prim::PerCpuChange(_) => {
                let addr = self.link.mem.percpu(a(self, 0), self.threads[t].cpu);
                self.uses(t, addr, u32::from(site.pointee.size), true)
            }
            Prim::Atomic(op) => {
                let write = op.writes() && (!prim.is_conditional() || self.would_write(t, prim, site));
                self.uses(t, a(self, op.pointer), u32::from(op.word(site).size), write)
            }
            Prim::Fence(_) if self.is_weak() => {
                self.threads[t].footprint.push(Machine::barrier_access());
                Ok(())
            }
            Prim::C11Load => self.uses(t, a(self, 0), u32::from(site.pointee.size), false),
            Prim::Bit { change, .. } => {
                let addr = a(self, 1).wrapping_add(a(self, 0) / 64 * 8);
                let size = self.room(addr);
                self.uses(t, addr, size, change.is_some())
            }
            Prim::Free(n) => self.free_footprint(t, a(self, n)),
            Prim::ReleaseManaged => {
                self.managed_footprint(t, a(self, 0));
                Ok(())
            }
            Prim::Reallocate => self.free_footprint(t, a(self, 0)),
            Prim::IsLocked => {
                let lock = a(self, 0);
                self.synchronises(t, lock, Access::new(Location::sync(lock), Mode::Read))
            }
            Prim::UserRead | Prim::UserWrite => {
                let (from, to) = (a(self, u8::from(prim == Prim::UserRead)), a(self, u8::from(prim == Prim::UserWrite)));
                match prim {
                    Prim::UserRead => {
                        let size = u32::from(site.given.get(1).map_or(8, |g| g.pointee.size));
                        let _ = self.uses(t, from, size, false);
                        self.uses(t, to, u32::from(site.pointee.size), true)
                    }
                    _ => {
                        let size = u32::from(site.given.get(1).map_or(8, |g| g.pointee.size));
                        let _ = self.uses(t, to, size, true);
                        Ok(())
                    }
                }
            }
            Prim::Lock(op) => self.lock_footprint(t, op, site),
            Prim::Yield => {
                self.add_cpu(t, true);
                Ok(())
            }
            Prim::Choose => {
                let asked = if site.args.is_empty() { 2 } else { a(self, 0).max(1) };
                self.threads[t].choices = u16::try_from(asked).unwrap_or_else(|_| {
                    self.bounds.insert("choices");
                    u16::MAX
                });
                Ok(())
            }
            Prim::Exit(false) => {
                self.exit_footprint(t);
                Ok(())
            }
            Prim::RwUnlock => self.lock_footprint(t, self.rw_unlock(t, site), site),
            Prim::PthreadJoin
            | Prim::CondWait { .. }
            | Prim::CondSignal { .. }
            | Prim::AtomicSection(_)
            | Prim::SemInit
            | Prim::MutexInit
            | Prim::BarrierInit
            | Prim::MutexDestroy => self.pthread_footprint(t, prim, site),
            _ => Ok(()),
        }
    }

    /// Whether a call can be done now.
    pub(crate) fn ready_call(&self, t: usize, prim: Prim, site: &CallSite) -> bool {
        match prim {
            _ if !prim.may_wait() => true,
            Prim::Lock(op) => self.lock_ready(t, op, site),
            Prim::Schedule { timeout } => self.schedule_ready(t, timeout, site),
            Prim::WaitCompletion { timed } => timed || self.world.completions.get(&(self.arg(t, site, 0) as u64)).is_some_and(|&n| n > 0),
            Prim::Synchronize { .. } | Prim::RcuBarrier => self.rcu_ready(t, prim, site),
            Prim::Cancel { object, sync, .. } => !sync || self.cancel_ready(t, self.arg(t, site, object) as u64),
            Prim::Flush(n) => self.flush_ready(t, self.arg(t, site, n) as u64),
            Prim::FlushAll => self.flush_all_ready(t),
            Prim::FreeIrq(_) | Prim::DisableIrq(true) | Prim::SyncIrq => self.irq_ready(t, self.irq_key(t, prim, site)),
            Prim::KthreadStop => self.kthread_stop_ready(t, site),
            Prim::PthreadJoin | Prim::CondWait { .. } | Prim::AtomicSection(_) => self.pthread_ready(t, prim, site),
            _ => true,
        }
    }
}
