//! What the kernel's memory model allows and the machine does not do: a store that comes before a read which precedes it (load buffering).
//!
//! Each read of shared memory is followed through registers, the thread's own memory and branches. A store that neither carries a read's value, nor its
//! address, nor stands behind a branch that it decides, nor is ordered by a barrier or by release and acquire, could come first. That matters where reads
//! and stores of several threads, each read given by the store of the one before, come round to where they began. Such circles are named; an
//! execution in which one is gone through is not made. A branch orders all stores behind it, though a compiler may put before it what both its ways do.

use super::*;
use cuthere_kernel::CtxPart;
use rustc_hash::FxHashMap;

/// Reads of a thread that are followed at the same time, a bit each.
const FOLLOWED: u32 = 64;
/// The most pairs of a read and a store that are kept.
const PAIRS_MAX: usize = 4096;

/// What stands for the sections of RCU's readers among those of locks.
const READER: u64 = 5;

/// Sections of locks, by lock and by the event that began them.
type Sections = Vec<(u64, u32)>;

#[derive(Clone, Debug)]
struct Reading {
    addr: u64,
    site: Site,
    sections: Sections,
    /// Grace periods that the thread had waited for.
    graces: u32,
}

/// What a thread's values depend on: sets of its reads.
#[derive(Clone, Default, Debug)]
pub struct Dependencies {
    registers: Vec<u64>,
    /// What the thread has stored itself and nobody else since, by granule.
    cells: FxHashMap<u64, u64>,
    reads: Vec<Reading>,
    count: u32,
    /// What every later store comes after.
    ordered: u64,
    /// What came before the last lock that it has given back.
    unlocked: u64,
    /// Grace periods that it has waited for.
    graces: u32,
    /// What the instruction being executed works with, and what it reads.
    operand: u64,
    read: u64,
    /// What the value that is being returned depends on.
    result: u64,
}

impl Dependencies {
    fn of(&self, register: usize) -> u64 {
        self.registers.get(register).copied().unwrap_or(0)
    }

    fn set(&mut self, register: usize, reads: u64) {
        if let Some(slot) = self.registers.get_mut(register) {
            *slot = reads;
        } else if reads != 0 {
            self.registers.resize(register + 1, 0);
            self.registers[register] = reads;
        }
    }

    fn reads(&mut self, reading: Reading, ordered: bool) {
        let n = (self.count % FOLLOWED) as usize;
        self.count += 1;
        match self.reads.get_mut(n) {
            Some(oldest) => *oldest = reading,
            None => self.reads.push(reading),
        }
        self.unlocked &= !(1 << n);
        self.ordered = self.ordered & !(1 << n) | u64::from(ordered) << n;
        self.read |= 1 << n;
    }
}

/// A read and a later store of the same thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The thread's CPU, in a program the thread.
    thread: usize,
    read: u64,
    write: u64,
    ordered: bool,
    /// Sections that both are in.
    locks: Vec<u64>,
    /// A grace period lies between.
    grace: bool,
    sites: (Site, Site),
}

impl Pair {
    /// Whether the next one's read could be given by this one's store, with neither in a section that keeps the other out.
    fn leads_to(&self, next: &Pair) -> bool {
        let excluded = self.locks.iter().any(|lock| *lock != READER && next.locks.contains(lock));
        self.thread != next.thread && self.write == next.read && !excluded
    }

    /// Whether a grace period of one is not within a reader's section of the other. More readers than grace periods can come round.
    fn lets(&self, other: &Pair) -> bool {
        let outside = |pair: &Pair, other: &Pair| pair.grace && other.locks.contains(&READER);
        !outside(self, other) && !outside(other, self)
    }
}

impl Machine<'_> {
    /// Whether it is followed what depends on which reads.
    #[inline]
    pub(super) fn follows_reads(&self) -> bool {
        self.options.memory == MemoryModel::Lkmm
    }

    fn dependencies(&mut self, t: usize) -> &mut Dependencies {
        self.threads[t].dependencies.get_or_insert_default()
    }

    fn sections(&self, t: usize) -> Sections {
        let thread = &self.threads[t];
        let readers = thread.sections.iter().filter(|section| section.0 == CtxPart::Rcu).map(|section| (READER, section.1.event));
        thread.held.iter().map(|held| (held.key, held.site.event)).chain(readers).collect()
    }

    /// Before an instruction: what its result depends on as far as no memory is concerned.
    pub(super) fn depend(&mut self, t: usize, ins: Ins, regs: usize) {
        let code = match ins {
            Ins::Call { .. } => self.threads[t].frames.last().map(|f| f.code.clone()),
            _ => None,
        };
        let known = self.dependencies(t);
        let of = |known: &Dependencies, r: Reg| known.of(regs + usize::from(r));
        let mut operand = ins.operands().into_iter().flatten().fold(0, |reads, r| reads | of(known, r));
        if let (Ins::Call { site }, Some(code)) = (ins, code)
            && let Some(site) = code.sites.get(site as usize)
        {
            operand |= site.args.iter().fold(0, |reads, &r| reads | of(known, r));
            if let crate::code::Target::Pointer(r) = site.target {
                known.ordered |= of(known, r);
            }
        }
        known.operand = operand;
        known.read = 0;
        match ins {
            Ins::Branch { .. } | Ins::Switch { .. } => known.ordered |= operand,
            Ins::Ret { .. } => known.result = operand,
            Ins::Call { .. } => {}
            _ => {
                if let Some(d) = ins.target() {
                    known.set(regs + usize::from(d), operand);
                }
            }
        }
    }

    /// A register has what was read just now, at this address: from others, or from the thread's own memory.
    pub(super) fn depends_on_read(&mut self, t: usize, register: usize, addr: u64) {
        let known = self.dependencies(t);
        let all = known.read | known.operand | known.cells.get(&(addr & !7)).copied().unwrap_or(0);
        known.set(register, all);
    }

    /// A register has what a call gave that the machine does itself.
    pub(super) fn depends_on_call(&mut self, t: usize, register: usize) {
        let known = self.dependencies(t);
        let all = known.read | known.operand;
        known.set(register, all);
    }

    /// Another thread's store was read.
    pub(super) fn reads_from_another(&mut self, t: usize, addr: u64) {
        self.dependencies(t).cells.remove(&(addr & !7));
    }

    /// Memory holds what was stored just now.
    pub(super) fn keeps_dependencies(&mut self, t: usize, addr: u64) {
        let known = self.dependencies(t);
        let operand = known.operand;
        known.cells.insert(addr & !7, operand);
    }

    /// Parameters depend on what arguments do.
    pub(super) fn hand_dependencies(&mut self, t: usize, site: &CallSite, regs: usize) {
        let Some(frame) = self.threads[t].frames.last() else { return };
        let (code, base, slots) = (frame.code.clone(), frame.regs as usize, frame.slots as usize);
        for (n, param) in code.params.iter().enumerate() {
            let reads = site.args.get(n).map_or(0, |&r| self.dependencies(t).of(regs + usize::from(r)));
            match *param {
                Param::Reg(r) => self.dependencies(t).set(base + usize::from(r), reads),
                Param::Scalar { slot, .. } => {
                    let addr = self.threads[t].slots[slots + usize::from(slot)];
                    self.dependencies(t).cells.insert(addr & !7, reads);
                }
                Param::Aggregate { .. } => {}
            }
        }
    }

    /// A function has returned: its registers are gone, and its result is in its caller's.
    pub(super) fn return_dependencies(&mut self, t: usize, frame: usize, register: Option<usize>) {
        let known = self.dependencies(t);
        known.registers.truncate(frame);
        let result = std::mem::take(&mut known.result);
        if let Some(register) = register {
            known.set(register, result);
        }
    }

    /// A thread reads what others may have stored.
    pub(super) fn follows_read(&mut self, t: usize, addr: u64, ordered: bool) {
        let (site, sections) = (self.site(t), self.sections(t));
        let known = self.dependencies(t);
        known.reads(Reading { addr, site, sections, graces: known.graces }, ordered);
    }

    /// A thread stores what others may read; `ordered`: after all that it has read.
    pub(super) fn follows_store(&mut self, t: usize, addr: u64, ordered: bool) {
        let (site, sections, thread) = (self.site(t), self.sections(t), self.processor(t));
        let known = self.dependencies(t);
        let after = if ordered { u64::MAX } else { known.ordered | known.operand };
        let mut found = Vec::new();
        for (n, reading) in known.reads.iter().enumerate().filter(|(_, reading)| reading.addr != addr) {
            let locks = reading.sections.iter().filter(|section| sections.contains(section)).map(|section| section.0).collect();
            let (ordered, grace) = (after & 1 << n != 0, known.graces != reading.graces);
            found.push(Pair { thread, read: reading.addr, write: addr, ordered, locks, grace, sites: (reading.site, site) });
        }
        for pair in found {
            let same = |other: &Pair| Pair { sites: pair.sites, ..other.clone() } == pair;
            if self.pairs.len() < PAIRS_MAX && !self.pairs.iter().any(same) {
                self.pairs.push(pair);
            }
        }
    }

    /// What a thread has read so far comes before all that it stores from here on.
    pub(super) fn orders_reads(&mut self, t: usize) {
        if self.follows_reads() {
            self.dependencies(t).ordered = u64::MAX;
        }
    }

    /// A grace period was waited for.
    pub(crate) fn follows_grace(&mut self, t: usize) {
        if self.is_weak() {
            self.barrier(t, Barrier::Full);
            self.dependencies(t).graces += 1;
        }
    }

    /// A lock is given back: what was read before comes before what is stored in the next section.
    pub(super) fn follows_unlock(&mut self, t: usize) {
        self.dependencies(t).unlocked = u64::MAX;
    }

    /// A lock is taken.
    pub(super) fn follows_lock(&mut self, t: usize) {
        let known = self.dependencies(t);
        known.ordered |= known.unlocked;
    }

    /// A store that could come before a read of its thread, where that would come round: the read's place, and the store's.
    pub(crate) fn buffered_load(&self) -> Option<(Site, Site)> {
        self.pairs.iter().filter(|pair| !pair.ordered).find(|first| self.comes_round(first)).map(|pair| pair.sites)
    }

    fn comes_round(&self, first: &Pair) -> bool {
        let mut reached: Vec<&Pair> = self.pairs.iter().filter(|next| first.leads_to(next)).collect();
        let direct = reached.len();
        let mut next = 0;
        while let Some(&pair) = reached.get(next) {
            next += 1;
            if pair.leads_to(first) && (next > direct || pair.lets(first)) {
                return true;
            }
            let more = self.pairs.iter().filter(|other| other.thread != first.thread && pair.leads_to(other));
            let more: Vec<&Pair> = more.filter(|other| !reached.iter().any(|seen| std::ptr::eq(*seen, *other))).collect();
            reached.extend(more);
        }
        false
    }
}
