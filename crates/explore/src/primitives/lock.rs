//! Locks of all kinds, as the kernel model describes them: one operation takes or gives one lock and changes the context.

use super::state::Again;
use super::{Prim, Wrong};
use crate::code::{CallSite, Ins};
use crate::event::{Access, Location, Mode};
use crate::fault::{FaultKind, Wait};
use crate::machine::{Flow, Machine};
use crate::memory::Site;
use crate::thread::{Held, Pending};
use cuthere_base::Symbol;
use cuthere_kernel::{CtxEffect, CtxPart, Entry, LockEffect, LockKind, LockMode, LockRef, Sleeps, Success};

/// What a call does to locks and context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockOp {
    pub take: Option<LockEffect>,
    pub give: Option<LockEffect>,
    pub context: [Option<CtxEffect>; 4],
    pub sleeps: bool,
    /// Waits until the lock is free; else it only tries.
    pub waits: bool,
}

// Error numbers of POSIX, as Linux has them.
const EPERM: i32 = 1;
const EBUSY: i32 = 16;
const EDEADLK: i32 = 35;

impl Prim {
    /// The primitive that a model entry describes; `None`: the entry says nothing that the machine must do itself.
    pub fn of_entry(entry: &Entry) -> Option<Prim> {
        if entry.acquires.is_empty() && entry.releases.is_empty() && entry.context.is_empty() {
            if !entry.callbacks.is_empty() || entry.allocates || !entry.frees.is_empty() || !entry.refs.is_empty() {
                return None;
            }
            return match entry.sleeps {
                Sleeps::Always | Sleeps::Gfp(_) | Sleeps::IfTrue(_) if entry.opaque => Some(Prim::Unknown(entry.sleeps)),
                _ => None,
            };
        }
        // What is done on some ways only, the body shows.
        let perhaps = entry.acquires.iter().chain(&entry.releases).any(|l| l.success == Success::Perhaps);
        if entry.learned || perhaps {
            return None;
        }
        let mut context = [None; 4];
        for (slot, effect) in context.iter_mut().zip(&entry.context) {
            *slot = Some(*effect);
        }
        let sleeps = matches!(entry.sleeps, Sleeps::Always);
        let waits = entry.acquires.first().is_some_and(|a| a.success == Success::Always || a.success == Success::Zero && sleeps);
        let op = LockOp { take: entry.acquires.first().copied(), give: entry.releases.first().copied(), context, sleeps, waits };
        // Nobody comes between what it gives and what it takes.
        Some(Prim::Lock(LockOp { waits: waits && !op.keeps(), ..op }))
    }
}

impl LockOp {
    /// Whether it only keeps a sequence count, which readers look at.
    pub fn is_sequence(self) -> bool {
        self.take.or(self.give).is_some_and(|lock| lock.kind == LockKind::Seqlock)
    }

    /// Whether it goes on holding the lock that it gives, in another mode.
    fn keeps(self) -> bool {
        self.take.zip(self.give).is_some_and(|(take, give)| take.lock == give.lock)
    }

    /// A plain operation on the first argument, for tables that are not the kernel's.
    pub fn on_first(kind: LockKind, mode: LockMode, take: bool, success: Success) -> LockOp {
        let effect = LockEffect { lock: LockRef::Arg(0), kind, mode, success };
        LockOp {
            take: take.then_some(effect),
            give: (!take).then_some(effect),
            context: [None; 4],
            sleeps: take && success == Success::Always && !kind.spins(),
            waits: success == Success::Always,
        }
    }
}

impl Machine<'_> {
    fn lock_key(&self, t: usize, lock: LockRef, site: &CallSite) -> (u64, bool) {
        match lock {
            LockRef::Arg(n) | LockRef::Through(n) => (self.arg(t, site, n) as u64, true),
            // A member of its own: no lock is taken by address and by member both.
            LockRef::Member(n, _, name) => (self.arg(t, site, n) as u64, !name.is_empty()),
            LockRef::Named(name) => (Location::named(name.index() as u32).0, false),
        }
    }

    fn location(key: u64, in_memory: bool) -> Location {
        if in_memory { Location::sync(key) } else { Location(key) }
    }

    pub(super) fn lock_footprint(&mut self, t: usize, op: LockOp, site: &CallSite) -> Result<(), Wrong> {
        let changes = op.context.iter().flatten().any(|c| !matches!(c.part, CtxPart::Rcu | CtxPart::PagefaultOff));
        let mut result = Ok(());
        if let Some(take) = op.take.filter(|_| !op.keeps()) {
            let (key, memory) = self.lock_key(t, take.lock, site);
            let mode = match (op.waits, take.mode) {
                // Another than the last to give one may be what lets this one through: the order is open.
                _ if take.kind == LockKind::Semaphore => Some(Mode::Write),
                // What becomes of a lock of one's own, others neither change nor notice; waiting for it is for ever.
                _ if self.owns(t, key) && (!op.waits || self.again(key) != Again::Waits) => None,
                (true, LockMode::Exclusive) => Some(Mode::Acquire),
                (true, LockMode::Shared) => Some(Mode::AcquireShared),
                _ => Some(Mode::Write),
            };
            result = self.lock_access(t, key, memory, mode);
        }
        if let Some(give) = op.give
            && result.is_ok()
        {
            let (key, memory) = self.lock_key(t, give.lock, site);
            let mode = match give.mode {
                _ if give.kind == LockKind::Semaphore || op.keeps() => Some(Mode::Write),
                LockMode::Shared if self.reads(t, key) => Some(Mode::ReleaseShared),
                // It gives back what another has taken, who will miss it.
                LockMode::Shared => Some(Mode::Write),
                _ if self.owns(t, key) => (self.world.locks.get(&key).is_some_and(|l| l.depth == 0)).then_some(Mode::Release),
                // It fails, and gives nothing.
                _ if self.again(key) == Again::Fails => None,
                _ => Some(Mode::Write),
            };
            result = self.lock_access(t, key, memory, mode);
        }
        if self.options.bh_lock && self.rt() {
            let cpu = self.threads[t].cpu;
            for effect in op.context.iter().flatten().filter(|c| c.part == CtxPart::Bh) {
                let mode = if effect.enter { Mode::Acquire } else { Mode::Release };
                if self.threads[t].context.bh == i32::from(!effect.enter) {
                    self.threads[t].footprint.push(Access::new(Location::named(crate::cpu::BH_LOCK + cpu), mode));
                }
            }
        }
        self.rcu_context_footprint(t, &op);
        if changes || op.take.is_some_and(|l| self.spins(l.kind)) || op.give.is_some_and(|l| self.spins(l.kind)) {
            self.add_cpu(t, true);
        } else if !self.threads[t].footprint.is_empty() {
            self.add_cpu(t, false);
        }
        result
    }

    fn owns(&self, t: usize, key: u64) -> bool {
        self.world.locks.get(&key).is_some_and(|l| l.owner == Some(t as u8))
    }

    /// Whether a thread has a lock for reading.
    fn reads(&self, t: usize, key: u64) -> bool {
        self.threads[t].held.iter().any(|held| held.key == key && held.shared)
    }

    fn again(&self, key: u64) -> Again {
        self.world.locks.get(&key).map_or(Again::Waits, |l| l.again)
    }

    /// What a thread waits in, and who holds the lock that it waits for.
    pub(crate) fn waits(&self, t: usize) -> Wait {
        let stack = self.stack(t);
        let interrupted = self.ready(t) && !self.cpu_allows(t);
        let on = self.waits_on(t);
        let Some(site) = self.next_call(t) else {
            return Wait { stack, call: String::new(), lock: None, interrupted, beside: false, idle: false, holder: None, on };
        };
        let lock = self.next_lock(t, site).map(|(key, take)| (key, lock_name(take.lock, site).as_str().to_owned()));
        let holder = lock.as_ref().and_then(|lock| self.holder(lock.0));
        Wait { stack, call: site.name.as_str().to_owned(), lock, interrupted, beside: false, idle: false, holder, on }
    }

    /// The thread that another one waits for: it holds the lock, has to end, or has its CPU.
    pub(crate) fn waits_on(&self, t: usize) -> Option<usize> {
        if self.ready(t) {
            return self.kept_off_by(t);
        }
        self.holder_for(t).or_else(|| self.next_join(t)).or_else(|| self.next_end(t))
    }

    /// The thread that holds the lock which a thread's next call takes.
    pub(crate) fn holder_for(&self, t: usize) -> Option<usize> {
        let (key, _) = self.next_lock(t, self.next_call(t)?)?;
        self.holder(key).map(|site| usize::from(site.thread))
    }

    /// The callback whose end a thread's next call waits for.
    fn next_end(&self, t: usize) -> Option<usize> {
        let site = self.next_call(t)?;
        let object = match self.prim_of(t, site)? {
            Prim::Cancel { object, sync: true, .. } | Prim::Flush(object) => self.arg(t, site, object) as u64,
            prim @ (Prim::FreeIrq(_) | Prim::DisableIrq(true) | Prim::SyncIrq) => self.irq_key(t, prim, site),
            _ => return None,
        };
        self.world.callbacks.get(&object).and_then(|callback| callback.running)
    }

    fn next_call(&self, t: usize) -> Option<&CallSite> {
        let frame = self.threads[t].frames.last().filter(|_| self.threads[t].pending == Pending::Call)?;
        match frame.code.ins.get(frame.pc as usize) {
            Some(&Ins::Call { site }) => frame.code.sites.get(site as usize),
            _ => None,
        }
    }

    fn next_lock(&self, t: usize, site: &CallSite) -> Option<(u64, LockEffect)> {
        match self.prim_of(t, site) {
            Some(Prim::Lock(op)) => op.take.map(|take| (self.lock_key(t, take.lock, site).0, take)),
            _ => None,
        }
    }

    /// Where a lock was taken by who holds it.
    fn holder(&self, key: u64) -> Option<Site> {
        self.threads.iter().flat_map(|u| &u.held).find(|held| held.key == key).map(|held| held.site)
    }

    /// A thread waits while there is no other that could let it go on.
    pub(super) fn alone_waits(&mut self, t: usize) {
        self.threads[t].pending = Pending::Call;
        let wait = self.waits(t);
        let detail = match wait.holder {
            Some(site) if usize::from(site.thread) == t => "waits for a lock that it holds itself",
            _ if self.link.plain => "waits for what nobody will do",
            _ => "the start state waits for something that nobody does",
        };
        self.fault(t, FaultKind::Deadlock, 0, detail);
        if let Some(fault) = self.faults.last_mut() {
            fault.waits = vec![wait];
        }
    }

    /// The lock that a thread's next operation only tries to take, and will not get.
    pub(crate) fn tries_in_vain(&self, t: usize) -> Option<Location> {
        let thread = &self.threads[t];
        let frame = thread.frames.last().filter(|_| thread.pending == Pending::Call)?;
        let Some(&Ins::Call { site }) = frame.code.ins.get(frame.pc as usize) else { return None };
        let site = frame.code.sites.get(site as usize)?;
        let Some(Prim::Lock(op)) = self.prim_of(t, site) else { return None };
        let take = op.take.filter(|_| !op.waits && !op.keeps())?;
        let (key, memory) = self.lock_key(t, take.lock, site);
        (!self.lock_free(key, take)).then(|| Machine::location(key, memory))
    }

    /// `mode`: how others notice it; its memory must live in any case.
    fn lock_access(&mut self, t: usize, key: u64, memory: bool, mode: Option<Mode>) -> Result<(), Wrong> {
        let access = mode.map(|mode| Access::new(Machine::location(key, memory), mode));
        self.threads[t].footprint.extend(access);
        if memory { self.want(t, key, 1, false).map(|_| ()).map_err(|bad| Wrong::Access(bad, key, true)) } else { Ok(()) }
    }

    pub(super) fn lock_ready(&self, t: usize, op: LockOp, site: &CallSite) -> bool {
        let disables_bh = op.context.iter().flatten().any(|c| c.part == CtxPart::Bh && c.enter);
        if self.options.bh_lock && self.rt() && disables_bh && self.threads[t].context.bh == 0 && !self.bh_free(t) {
            return false;
        }
        let Some(take) = op.take else { return true };
        if !op.waits {
            return true;
        }
        let (key, _) = self.lock_key(t, take.lock, site);
        if self.link.plain && self.world.locks.get(&key).is_some_and(|l| l.destroyed && l.owner.is_none()) {
            return true;
        }
        let of_itself = self.world.locks.get(&key).is_some_and(|l| l.again != Again::Waits && l.owner == Some(t as u8));
        of_itself || self.lock_free(key, take)
    }

    fn lock_free(&self, key: u64, take: LockEffect) -> bool {
        let Some(lock) = self.world.locks.get(&key) else {
            return take.kind != LockKind::Semaphore || self.world.uncounted > 0;
        };
        match (take.kind, take.mode) {
            (LockKind::Semaphore, _) => lock.taken < lock.initial,
            (_, LockMode::Shared) => lock.owner.is_none(),
            _ => lock.owner.is_none() && lock.readers == 0,
        }
    }

    pub(super) fn lock_perform(&mut self, t: usize, op: LockOp, site: &CallSite) -> Flow {
        let mut done = true;
        let mut result = 0;
        if op.keeps() && self.give_back(t, op, site, &mut result).is_none() {
            return Flow::Dead;
        }
        if let Some(take) = op.take {
            let (key, memory) = self.lock_key(t, take.lock, site);
            if memory && let Err(bad) = self.link.mem.check(key, 1) {
                self.bad(t, bad, key, true);
                return Flow::Dead;
            }
            if op.sleeps && !self.spins(take.kind) && !self.may_sleep(t, site.name.as_str()) {
                return Flow::Dead;
            }
            // A spinlock of the real-time kernel sleeps.
            if self.rt() && matches!(take.kind, LockKind::Spin | LockKind::RwSpin) && self.concurrent() && self.rt_atomic(t) {
                self.fault(
                    t,
                    FaultKind::SleepInAtomic,
                    key,
                    format!("{}() sleeps on PREEMPT_RT, called in atomic context", site.name.as_str()),
                );
                return Flow::Dead;
            }
            if self.destroyed(t, key, site) {
                return Flow::Dead;
            }
            let lock = self.world.lock(key);
            let own = lock.owner == Some(t as u8) && lock.again != Again::Waits;
            if own && lock.again == Again::Fails {
                return Flow::Next(i64::from(if op.waits { EDEADLK } else { EBUSY }));
            }
            done = own || self.lock_free(key, take);
            if done {
                let here = self.site(t);
                let lock = self.world.lock(key);
                lock.of_object = matches!(take.lock, LockRef::Member(..));
                match (take.kind, take.mode) {
                    (LockKind::Semaphore, _) => lock.taken += 1,
                    (_, LockMode::Shared) => lock.readers += 1,
                    _ if own => lock.depth += 1,
                    _ => lock.owner = Some(t as u8),
                }
                if take.kind != LockKind::Semaphore {
                    let shared = take.mode == LockMode::Shared;
                    self.threads[t].held.push(Held { key, kind: take.kind, shared, site: here, name: lock_name(take.lock, site) });
                }
            }
            result = match take.success {
                Success::NonZero | Success::Pointer => i64::from(done),
                Success::Zero | Success::Always | Success::Perhaps if done => 0,
                Success::Zero if take.kind == LockKind::Semaphore && self.link.plain => -1,
                Success::Zero | Success::Always | Success::Perhaps if self.link.plain => i64::from(EBUSY),
                Success::Zero | Success::Always | Success::Perhaps => 1,
            };
        }
        if !op.keeps() && self.give_back(t, op, site, &mut result).is_none() {
            return Flow::Dead;
        }
        if done {
            for effect in op.context.iter().flatten() {
                self.change_context(t, *effect);
            }
        }
        self.quiesce(t);
        Flow::Next(result)
    }

    /// Gives what an operation gives. `None`: a fault.
    fn give_back(&mut self, t: usize, op: LockOp, site: &CallSite, result: &mut i64) -> Option<()> {
        let Some(give) = op.give else { return Some(()) };
        let (key, memory) = self.lock_key(t, give.lock, site);
        if memory && let Err(bad) = self.link.mem.check(key, 1) {
            self.bad(t, bad, key, true);
            return None;
        }
        *result = i64::from(self.give_lock(t, key, give, site)?);
        Some(())
    }

    /// Whether a program takes a lock that it has destroyed, which is a fault.
    fn destroyed(&mut self, t: usize, key: u64, site: &CallSite) -> bool {
        let destroyed = self.link.plain && self.world.locks.get(&key).is_some_and(|l| l.destroyed);
        if destroyed {
            self.fault(t, FaultKind::LockMisuse, key, format!("{}() of a lock that was destroyed", site.name.as_str()));
        }
        destroyed
    }

    fn rt_atomic(&self, t: usize) -> bool {
        let u = &self.threads[t];
        u.context.preempt > 0 || u.context.irq || u.level == crate::thread::Level::Hardirq || u.held.iter().any(|h| self.spins(h.kind))
    }

    /// `None`: a fault. Else an error number, or 0.
    fn give_lock(&mut self, t: usize, key: u64, give: LockEffect, site: &CallSite) -> Option<i32> {
        let not_own = self.link.plain && !self.reads(t, key);
        let lock = self.world.lock(key);
        match (give.kind, give.mode) {
            (LockKind::Semaphore, _) => {
                lock.taken -= 1;
                return Some(0);
            }
            (_, LockMode::Shared) => {
                if lock.readers == 0 || not_own {
                    // The kernel lets another task give a read lock back, programs do not.
                    let who = if lock.readers == 0 { "nobody holds" } else { "only other threads hold" };
                    self.fault(t, FaultKind::LockMisuse, key, format!("{}() of a lock that {who}", site.name.as_str()));
                    return None;
                }
                lock.readers -= 1;
            }
            _ => {
                if lock.owner != Some(t as u8) && lock.again == Again::Fails {
                    return Some(EPERM);
                }
                if lock.owner != Some(t as u8) {
                    let what = if lock.owner.is_none() { "nobody holds" } else { "another thread holds" };
                    self.fault(t, FaultKind::LockMisuse, key, format!("{}() of a lock that {what}", site.name.as_str()));
                    return None;
                }
                match lock.depth {
                    0 => lock.owner = None,
                    _ => lock.depth -= 1,
                }
            }
        }
        let shared = give.mode == LockMode::Shared;
        if let Some(at) = self.threads[t].held.iter().rposition(|h| h.key == key && h.shared == shared) {
            self.threads[t].held.remove(at);
        }
        Some(0)
    }

    pub(crate) fn change_context(&mut self, t: usize, effect: CtxEffect) {
        let by = if effect.enter { 1 } else { -1 };
        let here = self.site(t);
        let thread = &mut self.threads[t];
        if effect.enter {
            thread.sections.push((effect.part, here));
        } else if let Some(at) = thread.sections.iter().rposition(|s| s.0 == effect.part) {
            thread.sections.remove(at);
        }
        let c = &mut thread.context;
        match effect.part {
            CtxPart::Preempt | CtxPart::RcuSched => c.preempt = (c.preempt + by).max(0),
            CtxPart::Bh | CtxPart::RcuBh => c.bh = (c.bh + by).max(0),
            CtxPart::Irq => c.irq = effect.enter,
            CtxPart::IrqSave => {
                if effect.enter {
                    thread.saved_irq.push(c.irq);
                    c.irq = true;
                } else {
                    c.irq = thread.saved_irq.pop().unwrap_or(false);
                }
            }
            CtxPart::Rcu => c.rcu = (c.rcu + by).max(0),
            CtxPart::PagefaultOff => c.pagefault = (c.pagefault + by).max(0),
        }
    }
}

/// The lock as the call names it, else the function that takes it.
fn lock_name(lock: LockRef, site: &CallSite) -> Symbol {
    let written = |n: u8| site.given.get(usize::from(n)).map(|given| given.text).filter(|text| !text.is_empty());
    match lock {
        LockRef::Named(name) => name,
        LockRef::Arg(n) | LockRef::Through(n) | LockRef::Member(n, ..) => written(n).unwrap_or(site.name),
    }
}
