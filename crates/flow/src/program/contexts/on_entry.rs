//! How a function is entered on some ways: the levels, what is disabled on all of them and on some, and the locks.

use super::brackets::Bracket;
use crate::index::CallState;
use crate::program::EntryPoint;
use crate::summary::Ctx;
use cuthere_base::Symbol;
use cuthere_kernel::{Level, LockKind};

/// Locks that may be held on entry are told apart up to this number.
const LOCKS_MAX: usize = 16;

/// A lock that is held on entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldOnEntry {
    pub class: Symbol,
    pub kind: LockKind,
    /// On every way in.
    pub always: bool,
}

/// A part of the context that can be disabled, or a read-side section.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    Preempt,
    Bh,
    Irq,
    Rcu,
    Pagefault,
    /// No softirq runs: bh or interrupts are disabled, one or the other.
    Softirq,
}

/// All that are entered and left by themselves.
pub const PARTS: [Part; 5] = [Part::Preempt, Part::Bh, Part::Irq, Part::Rcu, Part::Pagefault];
/// All that are followed.
pub(super) const FOLLOWED: [Part; 6] = [Part::Preempt, Part::Bh, Part::Irq, Part::Rcu, Part::Pagefault, Part::Softirq];
/// All levels, lowest first.
pub const LEVELS: [Level; 4] = [Level::Task, Level::Softirq, Level::Hardirq, Level::Nmi];

impl Part {
    pub(super) fn bit(self) -> u8 {
        1 << self as u8
    }

    pub(super) fn of(self, ctx: Ctx) -> i8 {
        match self {
            Part::Preempt => ctx.preempt,
            Part::Bh => ctx.bh,
            Part::Irq => ctx.irq,
            Part::Rcu => ctx.rcu,
            Part::Pagefault => ctx.pagefault,
            // What enables the one leaves the other as it was.
            Part::Softirq => ctx.bh.max(ctx.irq),
        }
    }
}

fn level_bit(level: Level) -> u8 {
    match level {
        Level::Task | Level::Inherit => 1,
        Level::Softirq => 2,
        Level::Hardirq => 4,
        Level::Nmi => 8,
    }
}

/// How a function is entered on some ways.
#[derive(Clone, Default, Debug)]
pub struct OnEntry {
    pub(super) reached: bool,
    /// More locks than are told apart may be held.
    pub truncated: bool,
    levels: u8,
    all: u8,
    some: u8,
    pub locks: Vec<HeldOnEntry>,
}

impl OnEntry {
    /// Whether there is such a way.
    pub fn reached(&self) -> bool {
        self.reached
    }

    /// Whether it is entered at this level.
    pub fn level(&self, level: Level) -> bool {
        self.levels & level_bit(level) != 0
    }

    /// Whether sleeping is forbidden on every way in.
    pub fn atomic(&self) -> bool {
        let forbids = [Part::Preempt, Part::Bh, Part::Irq, Part::Rcu].into_iter().any(|p| self.part(p).0);
        !self.level(Level::Task) || forbids || self.locks.iter().any(|l| l.always && l.kind.spins())
    }

    /// Whether a part is disabled on every way in, and on some.
    pub fn part(&self, part: Part) -> (bool, bool) {
        (self.all & part.bit() != 0, self.some & part.bit() != 0)
    }

    /// Whether a lock is held on every way in, and on some.
    pub fn held(&self, class: Symbol, kind: LockKind) -> (bool, bool) {
        self.lock(class, kind).map_or((false, false), |l| (l.always, true))
    }

    fn lock(&self, class: Symbol, kind: LockKind) -> Option<&HeldOnEntry> {
        self.locks.iter().find(|l| l.class == class && l.kind == kind)
    }

    /// Adds another way in; true: something is new.
    pub(super) fn join(&mut self, other: &OnEntry) -> bool {
        if !other.reached {
            return false;
        }
        if !self.reached {
            *self = other.clone();
            return true;
        }
        let mut new = false;
        let levels = self.levels | other.levels;
        let (all, some) = (self.all & other.all, self.some | other.some);
        new |= (levels, all, some) != (self.levels, self.all, self.some);
        (self.levels, self.all, self.some) = (levels, all, some);
        for lock in self.locks.iter_mut().filter(|l| l.always) {
            if !other.lock(lock.class, lock.kind).is_some_and(|l| l.always) {
                lock.always = false;
                new = true;
            }
        }
        for lock in &other.locks {
            if self.lock(lock.class, lock.kind).is_some() {
                continue;
            }
            if self.locks.len() >= LOCKS_MAX {
                self.truncated = true;
                continue;
            }
            self.locks.push(HeldOnEntry { always: false, ..*lock });
            new = true;
        }
        self.truncated |= other.truncated;
        new
    }

    /// What holds where a function that is entered so calls another.
    pub(super) fn through(&self, call: Option<&CallState>) -> OnEntry {
        let mut out = self.clone();
        let Some(call) = call else { return out };
        for part in FOLLOWED {
            let (least, most) = (part.of(call.least), part.of(call.most));
            let bit = part.bit();
            if least != 0 {
                out.all = if least > 0 { out.all | bit } else { out.all & !bit };
            }
            if most != 0 {
                out.some = if most > 0 { out.some | bit } else { out.some & !bit };
            }
        }
        out.locks.retain_mut(|l| match call.released.iter().find(|r| r.0 == l.class) {
            Some((_, always)) => {
                l.always = false;
                !always
            }
            None => true,
        });
        for lock in &call.held {
            let lock = HeldOnEntry { class: lock.class, kind: lock.kind, always: lock.always };
            match out.locks.iter_mut().find(|l| l.class == lock.class && l.kind == lock.kind) {
                Some(l) => l.always |= lock.always,
                None => out.locks.push(lock),
            }
        }
        out
    }

    /// Task context with nothing held.
    pub(super) fn task() -> OnEntry {
        OnEntry { reached: true, levels: level_bit(Level::Task), ..OnEntry::default() }
    }

    /// The way in by tasks, of an operation that they call too: in the read-side section alone.
    pub(super) fn by_tasks(entry: &EntryPoint) -> OnEntry {
        let parts = if entry.context.rcu { Part::Rcu.bit() } else { 0 };
        OnEntry { all: parts, some: parts, ..OnEntry::task() }
    }

    /// Adds what holds between two other calls.
    pub(super) fn within(mut self, bracket: Option<&Bracket>) -> OnEntry {
        if let Some(bracket) = bracket {
            self.all |= bracket.parts;
            self.some |= bracket.parts;
            self.locks.extend(bracket.locks.iter().copied());
        }
        self
    }

    /// The way in that the model or an entry point describes. That some callers do otherwise is a way that may not be one.
    pub(super) fn described(entry: &EntryPoint) -> OnEntry {
        let c = &entry.context;
        let mut parts = 0;
        let softirqs = c.bh_off || c.irq_off || c.level != Level::Task && c.level != Level::Inherit;
        let parts_off =
            [(Part::Preempt, c.preempt_off), (Part::Bh, c.bh_off), (Part::Irq, c.irq_off), (Part::Rcu, c.rcu), (Part::Softirq, softirqs)];
        for (part, set) in parts_off {
            parts |= if set { part.bit() } else { 0 };
        }
        let locks = c.locks.iter().map(|(class, kind)| HeldOnEntry { class: *class, kind: *kind, always: true }).collect();
        OnEntry { reached: true, levels: level_bit(c.level), all: parts, some: parts, locks, ..OnEntry::default() }
    }
}
