//! POSIX threads, C11 atomics and the verification suites' own functions, for plain C programs.

use super::state::{Again, Lock};
use super::{LockOp, Prim, Wrong};
use crate::code::{CallSite, IntTy};
use crate::event::{Access, Location, Mode};
use crate::fault::FaultKind;
use crate::machine::{Flow, Machine};
use crate::thread::{Level, Status};
use cuthere_kernel::{LockKind, LockMode, Success};

/// What Linux says when time is up.
const ETIMEDOUT: i32 = 110;
/// The number of the first thread that never runs.
const IDLER: i64 = 1 << 20;
/// How a mutex's attributes hold its kind, at their beginning.
const KIND: IntTy = IntTy { size: 4, signed: true };

impl Machine<'_> {
    /// The end of a read-write lock's section, by how this thread has it.
    pub(super) fn rw_unlock(&self, t: usize, site: &CallSite) -> LockOp {
        let lock = self.world.locks.get(&(self.arg(t, site, 0) as u64));
        let writes = lock.is_some_and(|l| l.owner == Some(t as u8));
        let mode = if writes { LockMode::Exclusive } else { LockMode::Shared };
        LockOp::on_first(LockKind::RwSem, mode, false, Success::Always)
    }

    pub(super) fn pthread_footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        self.add_cpu(t, false);
        let object = self.arg(t, site, 0) as u64;
        let sync = |mode| Access::new(Location::sync(object), mode);
        match prim {
            Prim::PthreadJoin => {
                // Waits for a thread alone; what the thread did is ordered before by the join itself.
                self.threads[t].footprint.push(Access::new(Location::named(0x5000_0000 + (object as u32 & 0xff)), Mode::ReleaseShared));
                Ok(())
            }
            Prim::CondWait { .. } => {
                let mutex = self.arg(t, site, 1) as u64;
                if self.threads[t].phase == 0 {
                    self.synchronises(t, object, sync(Mode::Write))?;
                    return self.synchronises(t, mutex, Access::new(Location::sync(mutex), Mode::Release));
                }
                let timed = prim == Prim::CondWait { timed: true };
                self.threads[t].footprint.push(Access::new(Location::wake(t), if timed { Mode::Write } else { Mode::Acquire }));
                if timed {
                    // It may leave the queue without a signal.
                    self.synchronises(t, object, sync(Mode::Write))?;
                }
                self.synchronises(t, mutex, Access::new(Location::sync(mutex), Mode::Acquire))
            }
            Prim::CondSignal { .. } => self.synchronises(t, object, sync(Mode::Write)),
            Prim::SemInit | Prim::MutexInit | Prim::BarrierInit | Prim::MutexDestroy => self.synchronises(t, object, sync(Mode::Write)),
            _ => {
                // The beginning of a section that runs as one; its end is no point of its own.
                if prim == Prim::AtomicSection(true) {
                    if !self.world.sections_used {
                        (self.world.sections_used, self.world.grown) = (true, true);
                        self.world.shared_cpus |= 1;
                    }
                    self.add_cpu(t, true);
                }
                Ok(())
            }
        }
    }

    /// The end of a thread is the end of the objects on its stack.
    pub(super) fn exit_footprint(&mut self, t: usize) {
        self.ends(t, &self.stack_objects(t));
        if !self.threads[t].footprint.is_empty() {
            self.add_cpu(t, false);
        }
    }

    pub(super) fn pthread_ready(&self, t: usize, prim: Prim, site: &CallSite) -> bool {
        match prim {
            Prim::PthreadJoin => {
                let target = self.arg(t, site, 0);
                let idles = (IDLER..IDLER + i64::from(self.world.idlers)).contains(&target);
                !idles && self.threads.get(target as usize).is_none_or(|u| u.ended() && self.drained(target as usize))
            }
            Prim::CondWait { timed } => {
                let mutex = self.arg(t, site, 1) as u64;
                self.threads[t].phase == 0
                    || (timed || !self.threads[t].sleeping) && self.world.locks.get(&mutex).is_none_or(|l| l.owner.is_none())
            }
            Prim::AtomicSection(true) => self.world.atomic_section.is_none_or(|o| o == t),
            _ => true,
        }
    }

    pub(super) fn pthread_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let a = |m: &Self, n: u8| m.arg(t, site, n);
        match prim {
            Prim::PthreadCreate => {
                let Some(id) = self.link.function_at(a(self, 2) as u64) else {
                    self.fault(t, FaultKind::WildAccess, a(self, 2) as u64, "a thread needs a function");
                    return Flow::Dead;
                };
                let name = self.link.functions[id.0 as usize].name;
                let out = a(self, 0) as u64;
                let alike = self.threads.iter().filter(|u| u.entry.0 == id).count();
                if alike >= self.options.alike as usize || self.threads.len() >= crate::machine::THREADS_MAX {
                    // It comes into being and never gets to run, which no schedule need let it.
                    self.bounds.insert("threads");
                    if self.world.idlers >= self.options.idlers {
                        // Who makes threads for ever does nothing else any more.
                        self.cut(t);
                        return Flow::Dead;
                    }
                    let number = IDLER + i64::from(self.world.idlers);
                    self.world.idlers += 1;
                    if out != 0 {
                        self.write_int(out, IntTy::ULONG, number);
                    }
                    return Flow::Next(0);
                }
                let cpu = 0;
                let Some(new) = self.spawn(t, Level::Task, cpu, (id, a(self, 3)), name) else { return Flow::Dead };
                if out != 0 {
                    self.write_int(out, IntTy::ULONG, new as i64);
                }
                self.link.mem.concurrent = true;
                self.arrive(new);
                self.find_twin(new);
                if out != 0 && self.link.mem.check(out, 8).is_ok_and(|at| self.link.mem.visibility(at, 8).shared) {
                    self.tell_apart();
                }
                Flow::Next(0)
            }
            Prim::PthreadJoin => {
                let target = a(self, 0) as usize;
                let out = a(self, 1) as u64;
                if let Some(u) = self.threads.get(target) {
                    let result = u.result;
                    self.joined(target);
                    self.joins(target, out);
                    if out != 0 {
                        self.write_int(out, IntTy::LONG, result);
                    }
                }
                Flow::Next(0)
            }
            Prim::CondWait { .. } => {
                let (cond, mutex) = (a(self, 0) as u64, a(self, 1) as u64);
                if self.threads[t].phase == 0 {
                    if self.world.lock(mutex).owner != Some(t as u8) {
                        self.fault(t, FaultKind::LockMisuse, mutex, "pthread_cond_wait() without the mutex");
                        return Flow::Dead;
                    }
                    self.world.lock(mutex).owner = None;
                    self.threads[t].held.retain(|h| h.key != mutex);
                    self.world.queues.entry(cond).or_default().push(super::state::Waiter { thread: t, entry: t as u64, exclusive: true });
                    self.threads[t].sleeping = true;
                    self.threads[t].phase = 1;
                    let mut no = false;
                    return self.primitive(t, prim, site, 0, &mut no);
                }
                self.threads[t].phase = 0;
                self.world.lock(mutex).owner = Some(t as u8);
                let late = std::mem::take(&mut self.threads[t].sleeping);
                if late && let Some(queue) = self.world.queues.get_mut(&cond) {
                    queue.retain(|w| w.thread != t);
                }
                Flow::Next(if late { i64::from(ETIMEDOUT) } else { 0 })
            }
            Prim::CondSignal { all } => {
                let cond = a(self, 0) as u64;
                let queue = self.world.queues.entry(cond).or_default();
                let count = if all { queue.len() } else { queue.len().min(1) };
                let woken: Vec<usize> = queue.drain(..count).map(|w| w.thread).collect();
                for target in woken {
                    self.threads[target].sleeping = false;
                    self.also(Access::new(Location::wake(target), Mode::Release));
                }
                Flow::Next(0)
            }
            Prim::SemInit => {
                let (sem, n) = (a(self, 0) as u64, a(self, if site.args.len() > 2 { 2 } else { 1 }));
                let lock = self.world.lock(sem);
                (lock.initial, lock.taken) = (n as i32, 0);
                Flow::Next(0)
            }
            Prim::MutexInit => {
                let (mutex, attr) = (a(self, 0) as u64, a(self, 1) as u64);
                let kind = if attr == 0 { None } else { self.read_int(attr, KIND) };
                let again = match kind {
                    Some(1) => Again::Counts,
                    Some(2) => Again::Fails,
                    _ => Again::Waits,
                };
                self.world.locks.insert(mutex, Lock { again, initial: 1, ..Lock::default() });
                Flow::Next(0)
            }
            Prim::MutexDestroy => {
                self.world.lock(a(self, 0) as u64).destroyed = true;
                Flow::Next(0)
            }
            Prim::AtEnd => {
                self.world.at_end = self.link.function_at(a(self, 0) as u64);
                Flow::Next(0)
            }
            Prim::BarrierInit => {
                // One that was destroyed is made as if it were new.
                let made = Lock { initial: 1, ..Lock::default() };
                let before = self.world.locks.insert(a(self, 0) as u64, made);
                Flow::Next(i64::from(before.is_some_and(|before| !before.destroyed)))
            }
            Prim::Misused => {
                // It is told of the program's own call; the header's function is the explorer's.
                let (barrier, waited) = (a(self, 0) as u64, a(self, 1) != 0);
                let how = if waited { "threads wait at" } else { "is destroyed or not initialised" };
                let call = self.threads[t].frames.pop().map_or("", |frame| frame.code.name.as_str());
                self.unadvance(t);
                self.threads[t].held.retain(|held| held.key != barrier);
                self.fault(t, FaultKind::LockMisuse, barrier, format!("{call}() of a barrier that {how}"));
                Flow::Dead
            }
            Prim::MutexKind => {
                let (attr, kind) = (a(self, 0) as u64, a(self, 1));
                self.write_int(attr, KIND, kind);
                Flow::Next(0)
            }
            Prim::ThreadId => {
                self.tell_apart();
                Flow::Next(t as i64)
            }
            Prim::AtomicSection(begin) => {
                if self.world.section(t, begin) {
                    self.order_section(t, begin);
                }
                Flow::Next(0)
            }
            Prim::Assume => {
                if a(self, 0) == 0 {
                    self.threads[t].status = Status::Cut;
                    self.threads[t].assumed = true;
                    return Flow::Dead;
                }
                Flow::Next(0)
            }
            Prim::Exit(all) => {
                self.exited |= all;
                if all {
                    // All others could have gone on before.
                    let others = self.threads.iter().enumerate().filter(|(n, thread)| *n != t && thread.alive());
                    self.event.killed |= others.fold(0, |set, (n, _)| set | 1 << n);
                } else {
                    self.end_objects(t, &self.stack_objects(t));
                }
                self.threads[t].result = a(self, 0);
                self.threads[t].frames.clear();
                self.threads[t].regs.clear();
                self.threads[t].slots.clear();
                self.threads[t].status = Status::Finished;
                Flow::Dead
            }
            _ => Flow::Next(0),
        }
    }
}
