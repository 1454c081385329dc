//! Data races: conflicting plain accesses that no synchronisation orders. Marked accesses (`READ_ONCE`, atomics and their kin) are exempt.
//!
//! Happens-before comes from locks, wake-ups, grace periods, starts and joins, by vector clocks (as in FastTrack, Flanagan and Freund, PLDI
//! 2009, with a list of reads per cell). A search that knows states again has no clocks; there two threads that are both about to use the same memory race. That a CPU runs one thread at a time orders nothing. Refuses to judge accesses that the search has
//! not found to be shared.

use crate::clocks::join;
use crate::code::{CallSite, Code, Ins, Target};
use crate::event::{Access, Event, Location, Mode, ThreadSet};
use crate::fault::{Fault, FaultKind, OtherAccess};
use crate::link::FnKind;
use crate::machine::Machine;
use crate::memory::Site;
use crate::primitives::{Prim, has_own_state};
use crate::thread::Pending;
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

/// A vector clock; threads beyond its end have done nothing yet.
type Clock = SmallVec<[u32; 8]>;

/// What stands for the order of sections that run as one; no address.
const SECTIONS: u64 = 1;

/// What an atomic operation does, and what its order makes of it.
#[derive(Clone, Copy)]
pub(crate) struct Atomically {
    pub reads: bool,
    pub writes: bool,
    pub acquires: bool,
    pub releases: bool,
}

#[derive(Clone, Copy)]
struct Use {
    thread: u8,
    time: u32,
    lo: u8,
    hi: u8,
    write: bool,
    site: Site,
}

/// Clocks of one execution.
#[derive(Clone, Default)]
pub struct Races {
    threads: Vec<Clock>,
    locations: FxHashMap<u64, Clock>,
    /// What reading an atomic object of a program takes over, and who has stored it.
    atomics: FxHashMap<u64, (Clock, usize)>,
    /// By thread: what its relaxed reads have met, and what it had done at its last fence.
    fences: Vec<(Clock, Clock)>,
    cells: FxHashMap<u64, Vec<Use>>,
    /// How accesses were done, while there is a record.
    done: FxHashMap<Site, OtherAccess>,
}

fn unordered(write: bool) -> String {
    format!("plain {} that nothing orders with another thread's access", if write { "write" } else { "read" })
}

fn merge(to: &mut Clock, from: &Clock) {
    if to.len() < from.len() {
        to.resize(from.len(), 0);
    }
    join(to, from);
}

impl Races {
    /// Everything as at the start.
    pub fn reset(&mut self) {
        self.threads.clear();
        self.locations.clear();
        self.atomics.clear();
        self.fences.clear();
        self.cells.clear();
        self.done.clear();
    }

    fn clock(&mut self, thread: usize) -> &mut Clock {
        while self.threads.len() <= thread {
            let mut clock = smallvec![0; self.threads.len()];
            clock.push(1);
            self.threads.push(clock);
        }
        &mut self.threads[thread]
    }

    /// A thread begins with what its creator has done.
    pub fn spawned(&mut self, creator: usize, thread: usize) {
        let from = self.clock(creator).clone();
        merge(self.clock(thread), &from);
        self.tick(creator);
    }

    fn tick(&mut self, thread: usize) {
        if let Some(own) = self.clock(thread).get_mut(thread) {
            *own += 1;
        }
    }

    /// What an operation orders. What the thread does after it, in the same step, comes after it.
    pub fn executed(&mut self, event: &Event) {
        for access in &event.footprint {
            self.used(event.thread, *access);
        }
    }

    /// One of the things that an operation uses.
    pub fn used(&mut self, t: usize, access: Access) {
        // Plain memory, lives of objects and CPUs order nothing, nor does a lock that was not got.
        if matches!(access.at.0 & 7, 0 | 1 | 3) || access.mode == Mode::Failed {
            return;
        }
        self.synchronise(t, access.at.0, access.mode);
    }

    /// A thread has waited for another's end.
    pub fn joined(&mut self, t: usize, target: usize) {
        let from = self.clock(target).clone();
        merge(self.clock(t), &from);
    }

    fn synchronise(&mut self, t: usize, at: u64, mode: Mode) {
        if !matches!(mode, Mode::Release | Mode::ReleaseShared) {
            let from = self.locations.get(&at).cloned().unwrap_or_default();
            merge(self.clock(t), &from);
        }
        if !matches!(mode, Mode::Acquire | Mode::AcquireShared) {
            let own = self.clock(t).clone();
            merge(self.locations.entry(at).or_default(), &own);
            self.tick(t);
        }
    }

    fn fenced(&mut self, thread: usize) -> &mut (Clock, Clock) {
        if self.fences.len() <= thread {
            self.fences.resize_with(thread + 1, Default::default);
        }
        &mut self.fences[thread]
    }

    /// An operation of C11 on an atomic object: a release is taken over by the acquisition that reads it, or reads what exchanges or its own
    /// thread's stores have made of it.
    fn atomic(&mut self, t: usize, at: u64, used: Atomically) {
        if used.reads
            && let Some((released, _)) = self.atomics.get(&at).cloned()
        {
            merge(if used.acquires { self.clock(t) } else { &mut self.fenced(t).0 }, &released);
        }
        if used.writes {
            let own = if used.releases { self.clock(t).clone() } else { self.fenced(t).1.clone() };
            let stored = self.atomics.entry(at).or_default();
            if !used.reads && stored.1 != t {
                stored.0.clear();
            }
            merge(&mut stored.0, &own);
            if !used.reads {
                stored.1 = t;
            }
            self.tick(t);
        }
    }

    /// A fence, which makes relaxed reads before it acquisitions, and relaxed stores behind it releases.
    pub fn fence(&mut self, t: usize) {
        let met = std::mem::take(&mut self.fenced(t).0);
        merge(self.clock(t), &met);
        self.fenced(t).1 = self.clock(t).clone();
        self.tick(t);
    }

    /// A plain access; the earlier one that it races with.
    fn plain(&mut self, thread: usize, granule: u64, now: Use) -> Option<Site> {
        let clock = self.clock(thread).clone();
        let now = Use { time: clock.get(thread).copied().unwrap_or(0), ..now };
        let uses = self.cells.entry(granule).or_default();
        let race = uses.iter().find(|u| {
            usize::from(u.thread) != thread
                && (u.write || now.write)
                && u.lo < now.hi
                && now.lo < u.hi
                && clock.get(usize::from(u.thread)).copied().unwrap_or(0) < u.time
        });
        let found = race.map(|u| u.site);
        uses.retain(|u| u.thread != now.thread || u.write && !now.write || u.lo != now.lo || u.hi != now.hi);
        uses.push(now);
        found
    }
}

impl Machine<'_> {
    /// Judges an access to shared memory, if data races are asked for.
    pub(crate) fn judge_access(&mut self, t: usize, addr: u64, size: u32, write: bool) {
        if self.races.is_none() || size > 8 || self.marked(t) {
            return;
        }
        if self.threads[t].frames.last().is_some_and(|f| f.code.atomic.binary_search(&f.pc).is_ok()) {
            self.order_atomic(t, addr, Atomically { reads: !write, writes: write, acquires: true, releases: true });
            return;
        }
        let site = self.site(t);
        let granule = addr & !7;
        let (lo, hi) = ((addr - granule) as u8, (addr - granule) as u8 + size as u8);
        let now = Use { thread: t as u8, time: 0, lo, hi, write, site };
        let detail = unordered(write);
        self.judge(t, (addr, granule), now, detail);
    }

    /// Two threads whose next operations are plain accesses that conflict: nothing comes between them.
    pub(crate) fn next_to_each_other(&self, enabled: ThreadSet) -> Option<(usize, usize)> {
        let plain = |&t: &usize| {
            let thread = &self.threads[t];
            let atomic = thread.frames.last().is_some_and(|f| f.code.atomic.binary_search(&f.pc).is_ok());
            enabled & 1 << t != 0 && thread.pending == Pending::Memory && !atomic
        };
        let ready: Vec<usize> = (0..self.threads.len()).filter(plain).collect();
        let memory = |t: usize| self.threads[t].footprint.iter().filter(|access| access.at.0 & 7 == 0);
        let conflict = |t: usize, u: usize| memory(t).any(|a| memory(u).any(|b| a.at == b.at && a.conflicts(b.mode, b.bytes)));
        ready.iter().enumerate().find_map(|(n, &t)| ready[n + 1..].iter().find(|&&u| conflict(t, u)).map(|&u| (t, u)))
    }

    /// The race of two threads that are next to each other, as the second's fault.
    pub(crate) fn race_of(&self, t: usize, u: usize) -> Fault {
        let write = self.threads[u].footprint.iter().any(|access| access.at.0 & 7 == 0 && access.mode == Mode::Write);
        let addr = self.threads[u].footprint.iter().find(|access| access.at.0 & 7 == 0).map_or(0, |access| access.at.0);
        Fault {
            kind: FaultKind::DataRace,
            site: self.site(u),
            detail: unordered(write),
            other: Some(self.site(t)),
            beside: Some(Box::new(self.other_access(t, self.threads[t].footprint.iter().any(|access| access.mode == Mode::Write)))),
            allocated: None,
            freed: None,
            addr,
            guess: 0,
            held: self.held_there(u),
            waits: Vec::new(),
            words: Vec::new(),
            stack: self.stack(u),
        }
    }

    /// Judges the call of a function that keeps a state of its own for all threads.
    pub(crate) fn judge_state(&mut self, t: usize, site: &CallSite) {
        let name = site.name.as_str();
        if !self.link.plain || !self.concurrent() || !has_own_state(name) {
            return;
        }
        self.unordered = true;
        if self.races.is_none() {
            return;
        }
        let now = Use { thread: t as u8, time: 0, lo: 0, hi: 8, write: true, site: self.site(t) };
        let detail = format!("{name}() keeps a state that all threads share, and nothing orders the call with another thread's");
        self.judge(t, (0, Location::named(site.name.index() as u32).0), now, detail);
    }

    fn judge(&mut self, t: usize, (addr, granule): (u64, u64), now: Use, detail: String) {
        let site = now.site;
        if self.record.is_some() {
            let this = self.other_access(t, now.write);
            self.races.as_mut().and_then(|races| races.done.insert(site, this));
        }
        let Some(other) = self.races.as_mut().and_then(|r| r.plain(t, granule, now)) else { return };
        let beside = self.races.as_ref().and_then(|races| races.done.get(&other)).cloned().map(Box::new);
        let held = self.held_there(t);
        self.faults.push(Fault {
            kind: FaultKind::DataRace,
            site,
            detail,
            other: Some(other),
            beside,
            allocated: None,
            freed: None,
            addr,
            guess: self.rests_on(addr),
            held,
            waits: Vec::new(),
            words: Vec::new(),
            stack: self.stack(t),
        });
    }

    fn other_access(&self, t: usize, write: bool) -> OtherAccess {
        OtherAccess { write, stack: self.stack(t), held: self.held_there(t) }
    }

    /// Sections that run as one come one after the other.
    pub(crate) fn order_section(&mut self, t: usize, begin: bool) {
        if let Some(races) = &mut self.races {
            races.synchronise(t, SECTIONS, if begin { Mode::Acquire } else { Mode::Release });
        }
    }

    /// An atomic operation. Of the kernel's, each takes over and hands on what was done before it at the same place.
    pub(crate) fn order_atomic(&mut self, t: usize, addr: u64, used: Atomically) {
        let plain = self.link.plain;
        if let Some(races) = &mut self.races {
            if plain {
                races.atomic(t, addr, used);
            } else {
                races.synchronise(t, addr & !7, if used.writes { Mode::Write } else { Mode::Acquire });
            }
        }
    }

    /// A fence of a program. Which of the two sides its order has is not looked at: one too many hides a race at most.
    pub(crate) fn order_fence(&mut self, t: usize) {
        if self.link.plain
            && let Some(races) = &mut self.races
        {
            races.fence(t);
        }
    }

    /// Whether the load that a thread is at is the argument of `READ_ONCE` or one of its kin.
    fn marked(&self, t: usize) -> bool {
        let Some(frame) = self.threads[t].frames.last() else { return false };
        let code: &Code = &frame.code;
        let Some(Ins::Load { d, .. }) = code.ins.get(frame.pc as usize) else { return false };
        let Some(Ins::Call { site }) = code.ins.get(frame.pc as usize + 1) else { return false };
        let site = &code.sites[*site as usize];
        let Target::Function(id) = site.target else { return false };
        let hands_on = matches!(self.link.functions.get(id.0 as usize).map(|f| f.kind), Some(FnKind::Prim(Prim::Argument(0))));
        hands_on && site.args.first() == Some(d)
    }
}
