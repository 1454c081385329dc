//! Timers, work items, tasklets, interrupts and kernel threads: functions that run later, in a context of their own.
//!
//! Arming an object makes a thread that may start at any time from then on. Starting takes the object, its end gives it back, so that
//! cancelling with waiting works like a lock.

use super::state::{Callback, CallbackKind};
use super::{Prim, Wrong};
use crate::code::{CallSite, FnId};
use crate::event::{Access, Location, Mode, ThreadSet};
use crate::machine::{Flow, Machine};
use crate::thread::{Level, Status};

/// What a timer's function returns to run again, and an interrupt's handler to have its thread woken.
const HRTIMER_RESTART: i64 = 1;
const IRQ_WAKE_THREAD: i64 = 2;
/// Bits of a timer's mode.
const HRTIMER_MODE_SOFT: i64 = 4;
const HRTIMER_MODE_HARD: i64 = 8;

impl Machine<'_> {
    fn callback_object(&self, t: usize, prim: Prim, site: &CallSite) -> Option<(u64, bool)> {
        Some(match prim {
            Prim::Arm(_, n) | Prim::Flush(n) | Prim::IsPending(n) | Prim::IsActive(n) | Prim::TryCancel(n) => {
                (self.arg(t, site, n) as u64, true)
            }
            Prim::HrtimerSetup { .. } | Prim::HrtimerStart(_) => (self.arg(t, site, 0) as u64, true),
            Prim::Cancel { object, .. } => (self.arg(t, site, object) as u64, true),
            Prim::RequestIrq(_) | Prim::FreeIrq(_) | Prim::DisableIrq(_) | Prim::EnableIrq | Prim::SyncIrq => {
                (self.irq_key(t, prim, site), false)
            }
            Prim::KthreadStop => (self.arg(t, site, 0) as u64, true),
            Prim::KthreadShouldStop => (self.threads[t].task, true),
            _ => return None,
        })
    }

    pub(super) fn callback_footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        // Nobody has anything to do with what is only made now.
        if matches!(prim, Prim::Setup(..) | Prim::HrtimerSetup { .. } | Prim::KthreadRun) {
            return Ok(());
        }
        let result = match self.callback_object(t, prim, site) {
            Some((0, _)) | None => {
                self.threads[t].footprint.push(Access::new(Location::named(0x3000_0000), Mode::Acquire));
                Ok(())
            }
            Some((object, memory)) => {
                let mode = match prim {
                    Prim::Flush(_) | Prim::Cancel { sync: true, .. } | Prim::FreeIrq(_) | Prim::DisableIrq(true) | Prim::SyncIrq => {
                        Mode::Acquire
                    }
                    Prim::IsPending(_) | Prim::IsActive(_) | Prim::KthreadShouldStop => Mode::Read,
                    _ => Mode::Write,
                };
                // What a handler's start and end use as well.
                let access = Access::new(Location::sync(object), mode);
                if memory {
                    self.synchronises(t, object, access)
                } else {
                    self.threads[t].footprint.push(access);
                    Ok(())
                }
            }
        };
        self.add_cpu(t, false);
        result
    }

    pub(super) fn cancel_ready(&self, t: usize, object: u64) -> bool {
        self.world.callbacks.get(&object).is_none_or(|c| c.running.is_none_or(|r| r == t))
    }

    pub(super) fn flush_ready(&self, t: usize, object: u64) -> bool {
        self.world.callbacks.get(&object).is_none_or(|c| c.pending.is_none() && c.running.is_none_or(|r| r == t))
    }

    pub(super) fn flush_all_ready(&self, t: usize) -> bool {
        let work = |c: &Callback| c.kind == CallbackKind::Work;
        self.world.callbacks.values().all(|c| !work(c) || c.pending.is_none() && c.running.is_none_or(|r| r == t))
    }

    pub(super) fn kthread_stop_ready(&self, t: usize, site: &CallSite) -> bool {
        if self.threads[t].phase == 0 {
            return true;
        }
        let task = self.arg(t, site, 0) as u64;
        self.world.tasks.get(&task).is_none_or(|&n| self.threads[n].ended() && self.drained(n))
    }

    pub(super) fn start_ready(&self, t: usize) -> bool {
        let object = self.threads[t].callback;
        match self.world.callbacks.get(&object) {
            // One work item, timer or tasklet does not run twice at the same time.
            Some(c) => c.running.is_none() && c.pending == Some(t),
            None => true,
        }
    }

    pub(crate) fn start_callback(&mut self, t: usize) {
        let object = self.threads[t].callback;
        let function = match self.world.callbacks.get_mut(&object) {
            Some(c) => {
                c.pending = None;
                c.running = Some(t);
                c.fired += 1;
                (c.kind == CallbackKind::Irq).then_some(())
            }
            None => None,
        };
        if function.is_some() {
            self.fire_irq(t, object);
        }
    }

    pub(crate) fn end_callback(&mut self, t: usize) {
        let object = self.threads[t].callback;
        if let Some(c) = self.world.callbacks.get_mut(&object)
            && c.running == Some(t)
        {
            c.running = None;
        }
        self.quiesce(t);
        let bit: ThreadSet = !(1 << t);
        self.threads.no_longer_wait(bit);
        match self.world.callbacks.get(&object).copied() {
            Some(c) if c.kind == CallbackKind::Hrtimer && self.threads[t].result == HRTIMER_RESTART => self.arm(t, object, c),
            Some(c) if c.kind == CallbackKind::Irq && self.threads[t].result & IRQ_WAKE_THREAD != 0 => self.wake_irq_thread(t, object, c),
            _ => false,
        };
    }

    /// Makes an object run once more, if it does not wait for that already. Whether it did not.
    fn arm(&mut self, t: usize, object: u64, c: Callback) -> bool {
        if c.pending.is_some() || c.dead {
            return false;
        }
        if c.fired >= self.options.interrupts {
            self.bounds.insert("interrupts");
            return true;
        }
        let cpu = self.threads[t].cpu;
        self.new_occurrence(t, object, c, cpu);
        true
    }

    /// In which context a timer's function runs: the real-time kernel moves what asks for nothing to the softirq (Documentation/timers).
    fn hrtimer_level(&self, mode: i64) -> Level {
        let soft = mode & HRTIMER_MODE_SOFT != 0 || self.rt() && mode & HRTIMER_MODE_HARD == 0;
        if soft { Level::Softirq } else { Level::Hardirq }
    }

    /// The next occurrence of an interrupt may come once this one has begun.
    fn fire_irq(&mut self, t: usize, object: u64) {
        let Some(c) = self.world.callbacks.get(&object).copied() else { return };
        if c.fired < self.options.interrupts {
            let cpu = self.threads[t].cpu;
            self.new_occurrence(t, object, c, cpu);
        }
    }

    pub(super) fn new_occurrence(&mut self, t: usize, object: u64, c: Callback, cpu: u32) {
        let level = c.level.unwrap_or(match c.kind {
            CallbackKind::Timer | CallbackKind::Tasklet => Level::Softirq,
            CallbackKind::Irq | CallbackKind::Hrtimer => Level::Hardirq,
            CallbackKind::Work | CallbackKind::Kthread | CallbackKind::IrqThread => Level::Task,
        });
        let Some(function) = self.callback_function(object, c) else { return };
        let data = if c.by_data { c.data } else { object as i64 };
        let name = self.link.functions[function.0 as usize].name;
        if let Some(new) = self.spawn(t, level, cpu, (function, data), name) {
            self.threads[new].callback = object;
            if matches!(c.kind, CallbackKind::Irq | CallbackKind::IrqThread) {
                (self.threads[new].entry.1, self.threads[new].entry2) = ((object >> 8 & 0xffff) as i64, c.data);
            }
            if let Some(c) = self.world.callbacks.get_mut(&object) {
                c.pending = Some(new);
            }
            if self.concurrent() {
                self.arrive(new);
            }
        }
    }

    /// The function bound by a set-up call, else what the object's own member says.
    fn callback_function(&mut self, object: u64, c: Callback) -> Option<FnId> {
        if c.function.is_some() {
            return c.function;
        }
        let (tag, member) = match c.kind {
            CallbackKind::Timer => ("timer_list", "function"),
            CallbackKind::Work => ("work_struct", "func"),
            CallbackKind::Tasklet => ("tasklet_struct", "func"),
            CallbackKind::Hrtimer => ("hrtimer", "function"),
            _ => return None,
        };
        let (off, ty) = self.link.member(tag, member)?;
        let addr = self.read_int(object.wrapping_add(off), ty)? as u64;
        self.link.function_at(addr)
    }

    pub(super) fn callback(&mut self, object: u64, kind: CallbackKind) -> &mut Callback {
        self.world.callbacks.entry(object).or_insert(Callback {
            kind,
            function: None,
            data: 0,
            by_data: false,
            pending: None,
            running: None,
            fired: 0,
            dead: false,
            level: None,
            thread: None,
        })
    }

    pub(super) fn callback_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let a = |m: &Self, n: u8| m.arg(t, site, n);
        if let Some((object, true)) = self.callback_object(t, prim, site)
            && object != 0
            && let Err(bad) = self.link.mem.check(object, 1)
        {
            self.bad(t, bad, object, true);
            return Flow::Dead;
        }
        match prim {
            Prim::Setup(kind, object, function, data) => {
                let (object, function) = (a(self, object) as u64, self.link.function_at(a(self, function) as u64));
                let data = data.map(|n| a(self, n));
                self.world.callbacks.remove(&object);
                let c = self.callback(object, kind);
                c.function = function;
                (c.data, c.by_data) = (data.unwrap_or(0), data.is_some());
                Flow::Next(0)
            }
            Prim::Arm(kind, n) => {
                let object = a(self, n) as u64;
                let c = *self.callback(object, kind);
                let armed = self.arm(t, object, c);
                // A timer says that it waited already, all others that they did not.
                Flow::Next(i64::from(if kind == CallbackKind::Timer { c.pending.is_some() } else { armed }))
            }
            Prim::Cancel { sync, shutdown, .. } => {
                let object = self.callback_object(t, prim, site).map_or(0, |o| o.0);
                if sync
                    && self.world.callbacks.get(&object).is_some_and(|c| c.kind == CallbackKind::Work)
                    && !self.may_sleep(t, site.name.as_str())
                {
                    return Flow::Dead;
                }
                Flow::Next(i64::from(self.cancel(object, shutdown)))
            }
            Prim::Flush(_) | Prim::FlushAll => {
                if !self.may_sleep(t, site.name.as_str()) {
                    return Flow::Dead;
                }
                Flow::Next(0)
            }
            Prim::IsPending(n) => {
                Flow::Next(i64::from(self.world.callbacks.get(&(a(self, n) as u64)).is_some_and(|c| c.pending.is_some())))
            }
            Prim::IsActive(n) => {
                let c = self.world.callbacks.get(&(a(self, n) as u64));
                Flow::Next(i64::from(c.is_some_and(|c| c.pending.is_some() || c.running.is_some())))
            }
            Prim::TryCancel(n) => {
                let object = a(self, n) as u64;
                if self.world.callbacks.get(&object).is_some_and(|c| c.running.is_some_and(|r| r != t)) {
                    return Flow::Next(-1);
                }
                Flow::Next(i64::from(self.cancel(object, false)))
            }
            Prim::HrtimerSetup { function, mode } => {
                let object = a(self, 0) as u64;
                let function = function.map(|n| a(self, n) as u64);
                if let Some(addr) = function
                    && let Some((off, ty)) = self.link.member("hrtimer", "function")
                {
                    self.write_int(object.wrapping_add(off), ty, addr as i64);
                }
                let (level, function) = (self.hrtimer_level(a(self, mode)), function.and_then(|f| self.link.function_at(f)));
                self.world.callbacks.remove(&object);
                let c = self.callback(object, CallbackKind::Hrtimer);
                (c.function, c.level) = (function, Some(level));
                Flow::Next(0)
            }
            Prim::HrtimerStart(mode) => {
                let object = a(self, 0) as u64;
                let level = self.hrtimer_level(a(self, mode));
                let c = self.callback(object, CallbackKind::Hrtimer);
                c.level.get_or_insert(level);
                let c = *c;
                self.arm(t, object, c);
                Flow::Next(0)
            }
            Prim::RequestIrq(_) | Prim::FreeIrq(_) | Prim::DisableIrq(_) | Prim::EnableIrq | Prim::SyncIrq => {
                self.irq_perform(t, prim, site)
            }
            Prim::KthreadRun => {
                let Some(function) = self.link.function_at(a(self, 0) as u64) else { return Flow::Next(0) };
                let (data, cpu) = (a(self, 1), self.threads[t].cpu);
                let name = self.link.functions[function.0 as usize].name;
                match self.spawn(t, Level::Task, cpu, (function, data), name) {
                    Some(new) => {
                        self.threads[new].daemon = true;
                        let task = self.current(new);
                        if self.concurrent() {
                            self.arrive(new);
                        }
                        Flow::Next(task)
                    }
                    None => Flow::Next(-12),
                }
            }
            Prim::KthreadStop => {
                let task = a(self, 0) as u64;
                let Some(&target) = self.world.tasks.get(&task) else { return Flow::Next(0) };
                if self.threads[t].phase == 0 && self.concurrent() {
                    self.threads[target].should_stop = true;
                    self.threads[target].sleeping = false;
                    self.also(Access::new(Location::wake(target), Mode::Release));
                    self.threads[t].phase = 1;
                    let mut no = false;
                    return self.primitive(t, prim, site, 0, &mut no);
                }
                self.threads[t].phase = 0;
                self.joined(target);
                Flow::Next(self.threads[target].result)
            }
            _ => Flow::Next(i64::from(self.threads[t].should_stop)),
        }
    }

    pub(super) fn cancel(&mut self, object: u64, shutdown: bool) -> bool {
        let Some(c) = self.world.callbacks.get_mut(&object) else { return false };
        c.dead |= shutdown;
        match c.pending.take() {
            Some(n) => {
                if self.threads[n].status == Status::New {
                    self.threads[n].status = Status::Cancelled;
                    self.event.killed |= 1 << n;
                }
                true
            }
            None => false,
        }
    }

    /// The task structure of a thread, made on first use.
    pub(crate) fn current(&mut self, t: usize) -> i64 {
        if self.threads[t].task == 0 {
            let size = self.link.record_size("task_struct").unwrap_or(16384);
            let site = self.site(t);
            if let Some(addr) = self.link.mem.allocate(t as u8, size, 0, crate::memory::Kind::Global, site) {
                self.threads[t].task = addr;
                self.world.tasks.insert(addr, t);
                let id = self.link.guesses.about(crate::guess::CURRENT);
                self.link.mem.mark_guessed(addr, size, id);
                self.resting.any = true;
            }
        }
        self.threads[t].task as i64
    }
}
