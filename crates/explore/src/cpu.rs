//! Who may run on a CPU: preemption, nesting of interrupts, and what counts as an RCU read-side section.
//!
//! Threads of one CPU exclude each other by its rules; a scheduling point of a thread on a CPU with several threads therefore uses the CPU
//! as a location, and what changes the rules (disabling and enabling, starts and ends of handlers) conflicts with it.

use crate::event::{Access, Location, Mode, ThreadSet};
use crate::machine::{Machine, MemoryModel, Preemption};
use crate::thread::{Level, Pending, Status, Thread};
use cuthere_kernel::LockKind;

/// The first of the locations that stand for the bh locks of the CPUs.
pub(crate) const BH_LOCK: u32 = 0x4000_0000;

impl Machine<'_> {
    pub fn rt(&self) -> bool {
        self.options.preemption == Preemption::Rt
    }

    /// Whether several threads use the CPU in some execution.
    #[inline]
    pub fn cpu_shared(&self, cpu: u32) -> bool {
        self.world.shared_cpus & (1 << cpu) != 0
    }

    /// Adds the CPU to the footprint of a thread's next operation.
    #[inline]
    pub(crate) fn add_cpu(&mut self, t: usize, change: bool) {
        let cpu = self.threads[t].cpu;
        if !self.cpu_shared(cpu) {
            return;
        }
        let cooperative = matches!(self.options.preemption, Preemption::None | Preemption::Voluntary) && !self.link.plain;
        // What one thread of the CPU has seen, another does not see older.
        let write = change || cooperative || self.is_weak();
        self.threads[t].footprint.push(Access::new(Location::cpu(cpu), if write { Mode::Write } else { Mode::Read }));
    }

    /// The lock that softirqs and disabled bottom halves share on a CPU of the real-time kernel, where it has one.
    pub(crate) fn add_bh_lock(&mut self, t: usize, mode: Mode) {
        if self.rt() && self.options.bh_lock && self.threads[t].level == Level::Softirq {
            let at = Location::named(BH_LOCK + self.threads[t].cpu);
            self.threads[t].footprint.push(Access::new(at, mode));
        }
    }

    /// Whether nobody else of the CPU is in a section with bottom halves disabled.
    pub(crate) fn bh_free(&self, t: usize) -> bool {
        let cpu = self.threads[t].cpu;
        let inside = |u: &Thread| u.drains.is_none() && u.context.bh > 0 || u.level == Level::Softirq;
        !self.threads.iter().enumerate().any(|(n, u)| n != t && u.cpu == cpu && u.active() && inside(u))
    }

    /// Learns which CPUs have several threads.
    pub fn learn_cpus(&mut self) {
        let mut once = 0u32;
        let mut twice = 0u32;
        let first = usize::from(!self.link.plain);
        for thread in self.threads.iter().skip(first).filter(|u| u.drains.is_none()) {
            let bit = 1 << thread.cpu;
            twice |= once & bit;
            once |= bit;
        }
        if self.link.plain {
            return;
        }
        if twice & !self.world.shared_cpus != 0 {
            self.world.shared_cpus |= twice;
            self.world.grown = true;
        }
    }

    /// Assumes what a search learns on its way, before a schedule is followed. Where memory is weak, that would order more than there is; there a
    /// search comes before.
    pub(crate) fn take_for_granted(&mut self) {
        if self.options.memory == MemoryModel::Sc {
            (self.world.shared_cpus, self.world.rcu_used) = (u32::MAX, true);
        } else {
            // Which stores are buffered, and which reads have a choice, is what the search has found out and no more.
            self.link.mem.learned.settled = true;
        }
    }

    /// Whether a lock kind spins here, so that its holder is not preempted.
    pub(crate) fn spins(&self, kind: LockKind) -> bool {
        match kind {
            LockKind::RawSpin | LockKind::Bit | LockKind::Seqlock => true,
            LockKind::Spin | LockKind::RwSpin | LockKind::Local => !self.rt(),
            _ => false,
        }
    }

    fn not_preemptible(&self, u: &Thread) -> bool {
        let c = &u.context;
        c.preempt > 0 || c.irq || (c.bh > 0 && !self.rt()) || u.held.iter().any(|h| self.spins(h.kind))
    }

    /// Whether sleeping is forbidden to the thread, and why.
    pub(crate) fn atomic(&self, t: usize) -> Option<&'static str> {
        let u = &self.threads[t];
        let c = &u.context;
        let rt = self.rt();
        if u.level == Level::Hardirq {
            return Some("in a hard interrupt");
        }
        if u.level == Level::Softirq && !rt {
            return Some("in a softirq");
        }
        if u.held.iter().any(|h| self.spins(h.kind)) {
            return Some("while a spinning lock is held");
        }
        if c.irq {
            return Some("with interrupts disabled");
        }
        if c.preempt > 0 {
            return Some("with preemption disabled");
        }
        if c.bh > 0 && !rt {
            return Some("with bottom halves disabled");
        }
        (c.rcu > 0).then_some("in an RCU read-side critical section")
    }

    /// Whether the thread is in what a grace period waits for.
    pub(crate) fn reader(&self, t: usize) -> bool {
        let u = &self.threads[t];
        // One that a bound stopped in its section never leaves it.
        if u.drains.is_some() || !u.active() && u.status != Status::Cut {
            return false;
        }
        u.context.rcu > 0 || (u.level != Level::Task && !self.rt()) || u.level == Level::Hardirq || self.not_preemptible(u)
    }

    /// After a section may have ended: grace periods no longer wait for the thread.
    pub(crate) fn quiesce(&mut self, t: usize) {
        if self.world.rcu_used && !self.reader(t) {
            let bit: ThreadSet = !(1 << t);
            self.threads.no_longer_wait(bit);
        }
    }

    /// Whether the rules of its CPU let a thread go on.
    pub fn cpu_allows(&self, t: usize) -> bool {
        self.kept_off_by(t).is_none()
    }

    /// The thread that keeps another one from its CPU.
    pub(crate) fn kept_off_by(&self, t: usize) -> Option<usize> {
        if self.link.plain {
            return None;
        }
        let me = &self.threads[t];
        if !self.cpu_shared(me.cpu) || me.drains.is_some() {
            return None;
        }
        let rt = self.rt();
        let level = |u: &Thread| if rt && u.level == Level::Softirq { Level::Task } else { u.level };
        let first = usize::from(!self.link.plain);
        for (n, u) in self.threads.iter().enumerate().skip(first) {
            if n == t || u.cpu != me.cpu || u.status != Status::Ready || u.drains.is_some() {
                continue;
            }
            let blocked = match (level(me), level(u)) {
                (Level::Hardirq, Level::Hardirq) => me.status == Status::New || n > t && me.pending == Pending::Start,
                (Level::Hardirq, _) => me.status == Status::New && u.context.irq,
                (Level::Softirq, Level::Hardirq) => true,
                (Level::Softirq, Level::Softirq) => me.status == Status::New,
                (Level::Softirq, Level::Task) => me.status == Status::New && (u.context.irq || u.context.bh > 0),
                (Level::Task, Level::Hardirq | Level::Softirq) => true,
                (Level::Task, Level::Task) => match self.options.preemption {
                    Preemption::Full | Preemption::Rt => self.not_preemptible(u),
                    _ => self.world.cpus.get(me.cpu as usize).copied().flatten() == Some(n) && (self.ready(n) || self.atomic(n).is_some()),
                },
            };
            if blocked {
                return Some(n);
            }
        }
        None
    }

    /// The thread runs now.
    pub(crate) fn switch_to(&mut self, t: usize) {
        let thread = &self.threads[t];
        if thread.level == Level::Task
            && thread.drains.is_none()
            && let Some(slot) = self.world.cpus.get_mut(thread.cpu as usize)
        {
            *slot = Some(t);
        }
    }

    /// The task lets others of its CPU run.
    pub(crate) fn give_way(&mut self, t: usize) {
        let cpu = self.threads[t].cpu as usize;
        if let Some(slot) = self.world.cpus.get_mut(cpu) {
            *slot = None;
        }
    }

    /// Whether a thread is the one in a section that runs as one, or empties its buffer: the section's end waits for that.
    fn is_part_of(&self, t: usize, owner: usize) -> bool {
        t == owner || self.threads[t].drains.is_some_and(|buffer| buffer == self.processor(owner))
    }

    /// Threads whose next operation can be done now.
    pub fn enabled(&self) -> ThreadSet {
        if self.exited {
            return 0;
        }
        let mut mask: ThreadSet = 0;
        for (t, thread) in self.threads.iter().enumerate() {
            if thread.alive() && (t > 0 || self.link.plain) && self.ready(t) && self.cpu_allows(t) {
                if self.world.atomic_section.is_some_and(|owner| !self.is_part_of(t, owner)) {
                    continue;
                }
                mask |= 1 << t;
            }
        }
        mask
    }

    /// Threads that the rules of their CPUs let run, whatever their operations wait for.
    pub fn allowed(&self) -> ThreadSet {
        let owner = self.world.atomic_section;
        let may = |t: usize| self.threads[t].alive() && owner.is_none_or(|o| self.is_part_of(t, o)) && self.cpu_allows(t);
        (0..self.threads.len()).filter(|&t| may(t)).fold(0, |m, t| m | 1 << t)
    }
}
