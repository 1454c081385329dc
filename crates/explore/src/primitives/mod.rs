//! The primitives: what the machine does itself instead of executing the tree's code.
//!
//! A name is looked up once, when a call is compiled. Locks, context changes and sleeping come from the kernel model; what memory,
//! wait queues, grace periods and callbacks do is known here by the functions that the kernel's headers lead to.

mod atomic;
mod callback;
mod data;
mod footprint;
mod irq;
mod lock;
mod managed;
mod names;
mod object;
mod ordering;
mod perform;
mod pthread;
mod rcu;
pub mod state;
mod user;
mod wait;

pub use atomic::AtomicOp;
pub use lock::LockOp;
pub use names::has_own_state;

use crate::code::{CallSite, IntTy};
use crate::event::{Access, Location, Mode};
use crate::fault::FaultKind;
use crate::machine::{Barrier, Filling, Flow, Machine, Ordering, Recorded, StoreBuffer, fitted};
use crate::memory::Bad;
use crate::thread::{Level, Pending, Status};
use cuthere_kernel::Sleeps;
use state::CallbackKind;

/// What happens to a bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BitChange {
    Set,
    Clear,
    Flip,
}

/// What is done instead of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prim {
    /// Nothing; gives a constant.
    Give(i64),
    /// Gives its argument.
    Argument(u8),
    /// `*a0 = a1`.
    StoreTo,
    Exchange,
    CompareExchange,
    /// `*a0 = a2 if *a0 == *a1`, else `*a1 = *a0`; gives whether.
    TryExchange,
    Atomic(AtomicOp),
    Bit {
        change: Option<BitChange>,
        test: bool,
    },
    CopyMemory,
    SetMemory,
    CompareMemory,
    StringLength,
    StringCompare {
        bounded: bool,
    },
    Allocate {
        zero: bool,
        size: Size,
    },
    Free(u8),
    /// Memory that goes with the device that the first argument is.
    Managed {
        zero: bool,
        size: Size,
    },
    /// Whether anybody holds the lock.
    IsLocked,
    /// Memory of another size with the old contents, and the end of the old one.
    Reallocate,
    /// The end of what goes with a device.
    ReleaseManaged,
    /// A function that may sleep, of which nothing else is known.
    Unknown(Sleeps),
    /// Copies between the kernel's memory and a user's; gives how much could not be copied.
    UserCopy {
        from_user: bool,
    },
    /// `*a0 = *a1` and `*a1 = a0`, with the user's memory on one side.
    UserRead,
    UserWrite,
    FreeLater {
        srcu: bool,
    },
    CacheCreate,
    Lock(LockOp),
    MaySleep(Sleeps),
    Yield,
    InitQueue,
    PrepareToWait {
        exclusive: bool,
    },
    FinishWait,
    WakeQueue {
        all: bool,
    },
    QueueActive,
    SetState,
    Schedule {
        timeout: Option<u8>,
    },
    WakeTask,
    InitCompletion,
    Complete {
        all: bool,
    },
    WaitCompletion {
        timed: bool,
    },
    TryCompletion,
    CompletionDone,
    Synchronize {
        srcu: bool,
    },
    CallRcu {
        srcu: bool,
    },
    RcuBarrier,
    SrcuLock,
    SrcuUnlock,
    Setup(CallbackKind, u8, u8, Option<u8>),
    Arm(CallbackKind, u8),
    Cancel {
        object: u8,
        sync: bool,
        shutdown: bool,
    },
    Flush(u8),
    FlushAll,
    IsPending(u8),
    RequestIrq(Request),
    /// The number of the interrupt is this argument.
    FreeIrq(u8),
    /// The same, until it is enabled again; with waiting or without.
    DisableIrq(bool),
    EnableIrq,
    SyncIrq,
    HrtimerSetup {
        function: Option<u8>,
        mode: u8,
    },
    /// Starts a timer of high resolution; its mode is this argument.
    HrtimerStart(u8),
    /// Cancels what does not run just now; gives -1 for what does.
    TryCancel(u8),
    IsActive(u8),
    KthreadRun,
    KthreadStop,
    KthreadShouldStop,
    ThisCpu,
    PerCpu(bool),
    AllocatePercpu,
    CpuNumber,
    Current,
    GetObject,
    PutObject {
        delete: bool,
    },
    ListAddValid,
    ListDelValid,
    Held(bool),
    StaticKey,
    Swap(u8),
    Scan(Scan),
    /// All ones if the first argument is below the second, else nought.
    Below,
    /// The running CPU's copy of `*a0` is set (`=`), added to (`+`), subtracted from (`-`), or counted (`i`, `d`).
    PerCpuChange(char),
    /// `*a2 = a0 op a1`; gives whether that overflows a `size_t`.
    Overflow(char),
    InitLock,
    Bug,
    Warn,
    /// What was stored before is seen by all before anything that follows.
    Fence(Barrier),
    // Scenarios.
    Thread(Level),
    Finally,
    Assert,
    Choose,
    /// Any value of some.
    AnyValue(Any),
    // POSIX threads and C11.
    PthreadCreate,
    PthreadJoin,
    MutexInit,
    MutexDestroy,
    /// A header has found that what it was called with cannot be used.
    Misused,
    /// What runs when a thread of the program ends.
    AtEnd,
    /// A barrier is made.
    BarrierInit,
    /// The attributes `*a0` say kind `a1`, or the usual one.
    MutexKind,
    /// Gives a lock that was taken in either way.
    RwUnlock,
    /// The number of the running thread.
    ThreadId,
    CondWait {
        /// It may end without a signal.
        timed: bool,
    },
    CondSignal {
        all: bool,
    },
    SemInit,
    AtomicSection(bool),
    Assume,
    Exit(bool),
    C11Load,
    C11Compare,
}

/// What does a primitive, where several have one thing to do with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Family {
    Rcu,
    Wait,
    Callback,
    Object,
    List,
    Other,
}

impl Prim {
    fn family(self) -> Family {
        match self {
            Prim::FreeLater { .. }
            | Prim::CallRcu { .. }
            | Prim::Synchronize { .. }
            | Prim::RcuBarrier
            | Prim::SrcuLock
            | Prim::SrcuUnlock => Family::Rcu,
            Prim::InitQueue
            | Prim::PrepareToWait { .. }
            | Prim::FinishWait
            | Prim::WakeQueue { .. }
            | Prim::QueueActive
            | Prim::SetState
            | Prim::Schedule { .. }
            | Prim::WakeTask
            | Prim::InitCompletion
            | Prim::Complete { .. }
            | Prim::WaitCompletion { .. }
            | Prim::TryCompletion
            | Prim::CompletionDone => Family::Wait,
            Prim::Setup(..)
            | Prim::Arm(..)
            | Prim::Cancel { .. }
            | Prim::Flush(_)
            | Prim::FlushAll
            | Prim::IsPending(_)
            | Prim::IsActive(_)
            | Prim::TryCancel(_)
            | Prim::HrtimerSetup { .. }
            | Prim::HrtimerStart(_)
            | Prim::RequestIrq(_)
            | Prim::FreeIrq(_)
            | Prim::DisableIrq(_)
            | Prim::EnableIrq
            | Prim::SyncIrq
            | Prim::KthreadRun
            | Prim::KthreadStop
            | Prim::KthreadShouldStop => Family::Callback,
            Prim::GetObject | Prim::PutObject { .. } => Family::Object,
            Prim::ListAddValid | Prim::ListDelValid => Family::List,
            _ => Family::Other,
        }
    }
}

/// Which arguments say what, where an interrupt is requested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub irq: u8,
    pub handler: u8,
    pub thread: Option<u8>,
    pub flags: u8,
    pub data: u8,
}

/// Questions about the bits of a word, which the kernel asks in assembly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scan {
    /// Position of the lowest set bit.
    Lowest,
    /// The same counted from 1; 0: none.
    First(u8),
    LowestZero,
    Highest,
    /// The same counted from 1; 0: none.
    Last(u8),
    /// Bits of nought above the highest set one.
    Leading(u8),
    Count(u8),
}

/// How an allocation's size is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    Argument(u8),
    Product(u8, u8),
    Cache(u8),
    Copy(u8, u8),
    Fixed(u32),
}

/// Which values an open one may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Any {
    /// All of the result's type.
    Typed,
    Truth,
    /// Those of the result's type that are not negative.
    Natural,
}

/// Why a footprint cannot be made.
pub(crate) enum Wrong {
    Access(Bad, u64, bool),
}

impl Prim {
    /// A primitive known by name.
    pub fn named(name: &str, plain: bool) -> Option<Prim> {
        names::find(name, plain)
    }

    /// What verification suites mean by a name, whatever the program defines it as.
    pub fn of_suites(name: &str) -> Option<Prim> {
        names::of_suites(name)
    }

    /// Whether the tree's own body is better, where it is at hand: this only stands in for it. What orders threads, and what bodies do by assembly,
    /// stays the engine's.
    pub fn yields(self) -> bool {
        match self {
            Prim::Managed { .. } | Prim::ReleaseManaged | Prim::GetObject | Prim::PutObject { .. } | Prim::Unknown(_) => true,
            Prim::Lock(op) => op.is_sequence(),
            _ => false,
        }
    }

    /// What is done for a function of the kernel whose body is not known.
    pub fn without_body(name: &str) -> Option<Prim> {
        names::fallback(name)
    }
}

impl Machine<'_> {
    pub(crate) fn arg(&self, t: usize, site: &CallSite, n: u8) -> i64 {
        let base = self.threads[t].frames.last().map_or(0, |f| f.regs as usize);
        site.args.get(usize::from(n)).map_or(0, |&r| self.threads[t].regs[base + usize::from(r)])
    }

    /// Does a primitive, or stops the thread before it.
    pub(crate) fn primitive(&mut self, t: usize, prim: Prim, site: &CallSite, regs: usize, granted: &mut bool) -> Flow {
        let _ = regs;
        if let Prim::Give(v) = prim {
            return Flow::Next(v);
        }
        if let Prim::Fence(barrier) = prim {
            let weak = self.is_weak();
            if weak && matches!(barrier, Barrier::Read | Barrier::Write) {
                self.barrier(t, barrier);
            }
            if !(weak && matches!(barrier, Barrier::Full | Barrier::Atomic) || self.buffers() && barrier == Barrier::Full) {
                self.order_fence(t);
                return Flow::Next(0);
            }
        }
        if let Prim::Argument(n) = prim {
            return Flow::Next(self.arg(t, site, n));
        }
        if matches!(prim, Prim::CopyMemory | Prim::SetMemory | Prim::UserCopy { .. }) {
            return self.move_memory(t, prim, site, granted);
        }
        if matches!(prim, Prim::Choose) && !self.link.plain && !self.concurrent() {
            let place = crate::told::place_of(self, self.site(t));
            self.unsupported
                .insert(format!("{}:{}: cuthere_choose() belongs into a thread, not into the start state", place.file, place.line));
            self.cut(t);
            return Flow::Dead;
        }
        if matches!(prim, Prim::Choose) && self.link.plain {
            // From the first choice on, there is more than one execution.
            self.link.mem.concurrent = true;
        }
        if self.buffers()
            && let Some((place, v)) = self.buffered_call(t, prim, site)
            && let Some(done) = self.store_buffered(t, place, v, Pending::Call, granted)
        {
            self.threads[t].conditional = false;
            return if done { Flow::Next(0) } else { Flow::Stop };
        }
        let drains = self.drain_of(t).is_some() && self.drains(t, prim, site);
        if self.concurrent() {
            if !std::mem::take(granted) {
                self.threads[t].footprint.clear();
                self.threads[t].choices = 1;
                let wrong = self.whole_footprint(t, prim, site).err();
                let visible = drains || !self.threads[t].footprint.is_empty() || self.threads[t].choices > 1;
                let stop = match self.stop_at {
                    Some(at) => self.threads[t].ops >= at,
                    None => visible,
                };
                if stop {
                    let thread = &mut self.threads[t];
                    (thread.pending, thread.conditional, thread.waits) = (Pending::Call, prim.is_conditional(), prim.may_wait());
                    return Flow::Stop;
                }
                if let Some(Wrong::Access(bad, addr, write)) = wrong {
                    self.threads[t].ops += 1;
                    self.note(t, addr, write);
                    self.wrong_access(t, prim, bad, addr, write);
                    return Flow::Dead;
                }
            }
            if drains {
                self.after_drain(t);
            }
            self.threads[t].ops += 1;
            self.threads[t].effects += u32::from(!self.only_reads(prim));
            if self.record.is_some() {
                let addr = self.arg(t, site, 0) as u64;
                // Who asks where it runs does nothing that others could meet.
                let visible = !matches!(prim, Prim::Current | Prim::CpuNumber | Prim::ThisCpu | Prim::PerCpu(_));
                self.record_step(t, Recorded { addr, write: true, visible, call: true, ..Recorded::default() });
            }
        } else if !self.ready_call(t, prim, site) {
            self.alone_waits(t);
            return Flow::Dead;
        } else if self.link.plain && self.record.is_some() {
            let addr = self.arg(t, site, 0) as u64;
            self.record_step(t, Recorded { addr, write: true, visible: true, call: true, ..Recorded::default() });
        }
        let recorded = self.record.as_ref().map(Vec::len);
        let flow = self.perform(t, prim, site);
        if let (Some(n), Flow::Next(v), Some(_)) = (recorded, flow, site.dst)
            && let Some(step) = self.record.as_mut().and_then(|record| record.get_mut(n.wrapping_sub(1)))
            && step.call
            && step.value.is_none()
        {
            step.value = Some(fitted(site.dst_ty, v));
        }
        if self.threads[t].status == Status::Faulted { Flow::Dead } else { flow }
    }

    /// `memcpy()`, `memset()` and their kin.
    fn move_memory(&mut self, t: usize, prim: Prim, site: &CallSite, granted: &mut bool) -> Flow {
        let a = |m: &Self, n: u8| m.arg(t, site, n) as u64;
        let (to, what, size) = (a(self, 0), a(self, 1), a(self, 2).min(1 << 24) as u32);
        if let Prim::UserCopy { from_user } = prim {
            if self.threads[t].context.pagefault == 0 && !self.may_sleep(t, site.name.as_str()) {
                return Flow::Dead;
            }
            // What is no memory of the user's is no fault.
            if self.link.mem.check(if from_user { what } else { to }, size).is_err() {
                *granted = false;
                return Flow::Next(i64::from(size));
            }
        }
        let filling = if prim == Prim::SetMemory { Filling::With(what as u8) } else { Filling::From(what) };
        // In the pieces that the object consists of, as far as its type says; bytes go by words.
        let unit = if site.pointee.size == 4 { 4 } else { 8 };
        if self.transfer(t, to, filling, size, unit, granted) {
            return Flow::Next(if matches!(prim, Prim::UserCopy { .. }) { 0 } else { to as i64 });
        }
        if self.threads[t].status == Status::Ready { Flow::Stop } else { Flow::Dead }
    }

    /// Whether doing it again changes nothing, so that a loop around it may wait, or it counts its effect itself. What it reads it must have
    /// noted itself.
    fn only_reads(&self, prim: Prim) -> bool {
        matches!(prim, Prim::Yield | Prim::MaySleep(_) | Prim::ThisCpu | Prim::CpuNumber) || prim.is_atomic()
    }

    pub(crate) fn wrong_access(&mut self, t: usize, prim: Prim, bad: Bad, addr: u64, write: bool) {
        if matches!(prim, Prim::Free(_) | Prim::FreeLater { .. }) && bad == Bad::Freed {
            if self.concurrent()
                && let Some(object) = self.link.mem.find(addr)
            {
                self.link.mem.learn_free(object.addr);
            }
            self.fault(t, FaultKind::DoubleFree, addr, "free of freed memory");
        } else {
            self.bad(t, bad, addr, write);
        }
    }

    /// Whether a thread's next operation can be done as far as primitives go.
    pub(crate) fn ready(&self, t: usize) -> bool {
        let thread = &self.threads[t];
        match thread.pending {
            Pending::Memory => !thread.draining || self.drained(t),
            Pending::Drain => thread.drains.and_then(|at| self.world.buffers.get(at)).is_some_and(StoreBuffer::pending),
            Pending::Decide => true,
            Pending::End => self.drained(t),
            Pending::Await => self.changed(t),
            Pending::Start => {
                let bh = thread.level != Level::Softirq || !self.rt() || !self.options.bh_lock || self.bh_free(t);
                bh && thread.waits_for == 0 && self.start_ready(t)
            }
            Pending::Call if !thread.waits && self.world.buffers.is_empty() => true,
            Pending::Call => {
                let Some(frame) = thread.frames.last() else { return false };
                let Some(crate::code::Ins::Call { site }) = frame.code.ins.get(frame.pc as usize) else { return true };
                let site = &frame.code.sites[*site as usize];
                match self.prim_of(t, site) {
                    Some(_) if thread.draining && !self.drained(t) => false,
                    Some(prim) if !self.drained(t) && self.drains(t, prim, site) => false,
                    Some(prim) => self.ready_call(t, prim, site),
                    None => true,
                }
            }
        }
    }

    /// Finds anew what operations would touch that depend on what others have written.
    pub(crate) fn refresh(&mut self) {
        for t in 0..self.threads.len() {
            let thread = &self.threads[t];
            if !thread.conditional || thread.pending != Pending::Call || !thread.active() {
                continue;
            }
            let Some((code, pc)) = thread.frames.last().map(|f| (f.code.clone(), f.pc)) else { continue };
            let Some(crate::code::Ins::Call { site }) = code.ins.get(pc as usize) else { continue };
            let site = &code.sites[*site as usize];
            if let Some(prim) = self.prim_of(t, site) {
                self.threads[t].footprint.clear();
                // A wrong access is found again when it is done.
                let _ = self.whole_footprint(t, prim, site);
            }
        }
    }

    /// What a call touches, with what its order in memory concerns.
    fn whole_footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        let found = self.footprint(t, prim, site);
        if !self.threads[t].footprint.is_empty() {
            if self.buffers() && self.drains(t, prim, site) {
                self.add_buffer(t, Mode::Read);
            }
            if self.is_weak() && self.ordering(t, prim, site) == Ordering::Full {
                self.threads[t].footprint.push(Machine::barrier_access());
            }
        }
        found
    }

    /// The primitive that a call reaches.
    pub(crate) fn prim_of(&self, t: usize, site: &CallSite) -> Option<Prim> {
        let id = match site.target {
            crate::code::Target::Function(id) => id,
            crate::code::Target::Pointer(r) => {
                let base = self.threads[t].frames.last().map_or(0, |f| f.regs as usize);
                self.link.function_at(self.threads[t].regs[base + usize::from(r)] as u64)?
            }
        };
        match self.link.functions.get(id.0 as usize)?.kind {
            crate::link::FnKind::Prim(prim) => Some(prim),
            _ => None,
        }
    }

    /// Adds the memory that a primitive touches to the footprint.
    pub(crate) fn uses(&mut self, t: usize, addr: u64, size: u32, write: bool) -> Result<(), Wrong> {
        let result = self.want(t, addr, size, write).map(|_| ()).map_err(|bad| Wrong::Access(bad, addr, write));
        if !self.threads[t].footprint.is_empty() {
            self.add_cpu(t, false);
        }
        result
    }

    /// Adds a synchronisation object; its memory must live.
    pub(crate) fn synchronises(&mut self, t: usize, addr: u64, access: Access) -> Result<(), Wrong> {
        self.threads[t].footprint.push(access);
        self.want(t, addr, 1, false).map(|_| ()).map_err(|bad| Wrong::Access(bad, addr, true))
    }

    /// Checks that the thread may sleep here.
    pub(crate) fn may_sleep(&mut self, t: usize, name: &str) -> bool {
        if self.link.plain || !self.concurrent() {
            return true;
        }
        match self.atomic(t) {
            Some(why) => {
                self.fault(t, FaultKind::SleepInAtomic, 0, format!("{name}() may sleep, called {why}"));
                false
            }
            None => true,
        }
    }

    /// Whether a call may sleep with these arguments.
    fn sleeps(&self, t: usize, how: Sleeps, site: &CallSite) -> bool {
        let a = |n: u8| self.arg(t, site, n);
        match how {
            Sleeps::Always => true,
            Sleeps::Gfp(n) => a(n) & 0x400 != 0 || self.allows_reclaim(a(n)),
            Sleeps::IfTrue(n) => a(n) != 0,
            Sleeps::IfFalse(n) => a(n) == 0,
            Sleeps::IfBit(n, bit) => a(n) & bit != 0,
            Sleeps::UnlessBit(n, bit) => a(n) & bit == 0,
            Sleeps::OnRt => self.rt(),
            Sleeps::OnBhLock => self.rt() && self.options.bh_lock,
            Sleeps::Sometimes | Sleeps::Unknown | Sleeps::Never => false,
        }
    }

    /// Whether a GFP mask allows direct reclaim, by the tree's own value of the flag.
    fn allows_reclaim(&self, mask: i64) -> bool {
        let flag = cuthere_base::Symbol::find("__GFP_DIRECT_RECLAIM").and_then(|n| self.link.model.constant(n)).unwrap_or(0x400);
        mask & flag != 0
    }

    pub(crate) fn read_int(&mut self, addr: u64, ty: IntTy) -> Option<i64> {
        let at = self.link.mem.check(addr, u32::from(ty.size)).ok()?;
        Some(self.link.mem.read(at, ty))
    }

    pub(crate) fn write_int(&mut self, addr: u64, ty: IntTy, v: i64) -> bool {
        match self.link.mem.check(addr, u32::from(ty.size)) {
            Ok(at) => {
                self.link.mem.write(at, ty, v);
                true
            }
            Err(_) => false,
        }
    }

    /// How many bytes lie between an address and the end of its object.
    pub(crate) fn room(&mut self, addr: u64) -> u32 {
        self.link.mem.find(addr).map_or(8, |o| (o.addr + u64::from(o.size)).saturating_sub(addr).clamp(1, 8) as u32)
    }
}
