//! The machine: all threads, their memory and the state of primitives in one execution.
//!
//! A thread runs by itself until its next operation that others could notice, and stops before it; the search says who goes on. So between
//! two decisions only invisible things happen. Faults stop the thread, not the execution: what the others do is still explored.

use crate::code::*;
use crate::compile::UNKNOWN_ADDRESS;
use crate::event::*;
use crate::fault::{Fault, FaultKind};
use crate::link::{FnKind, Linker};
use crate::memory::{Bad, Kind, POISON, Ref, Site, State};
use crate::primitives::state::World;
use crate::thread::*;
use cuthere_base::Symbol;
use cuthere_ir::BinOp;
use std::collections::BTreeSet;
use std::rc::Rc;

/// How many threads one execution may have.
pub const THREADS_MAX: usize = 32;
const FRAMES_MAX: usize = 200;

/// Whether tasks are preempted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Preemption {
    None,
    Voluntary,
    #[default]
    Full,
    Rt,
}

/// What bounds an execution, and how the machine behaves.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    pub preemption: Preemption,
    /// On rt, disabled bh excludes other bh sections of the CPU.
    pub bh_lock: bool,
    /// How often one interrupt source fires.
    pub interrupts: u32,
    /// Instructions of one thread between two operations.
    pub instructions: u64,
    /// Operations of one execution.
    pub events: u32,
    /// How often one thread goes round loops with visible operations.
    pub unroll: u32,
}

impl Default for MachineOptions {
    fn default() -> Self {
        MachineOptions { preemption: Preemption::Full, bh_lock: false, interrupts: 2, instructions: 2_000_000, events: 20_000, unroll: 200 }
    }
}

/// What a step of a witness shows.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    pub site: Site,
    pub depth: u16,
    /// The step is a decision of the search.
    pub visible: bool,
    pub addr: u64,
    pub write: bool,
    /// Part of building the start state.
    pub setup: bool,
}

/// What an instruction leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    /// Go on; the value is the result.
    Next(i64),
    /// A frame was pushed, or this call is finished elsewhere.
    Called,
    /// The scheduler decides first.
    Stop,
    /// The thread is done for.
    Dead,
}

enum Access_ {
    Go(Ref),
    Stop,
    Dead,
}

pub struct Machine<'p> {
    pub link: Linker<'p>,
    pub options: MachineOptions,
    pub threads: Vec<Thread>,
    pub world: World,
    pub faults: Vec<Fault>,
    /// Bounds that were in the way, by name.
    pub bounds: BTreeSet<&'static str>,
    /// Functions without a body whose result was used.
    pub unknown_calls: BTreeSet<&'static str>,
    /// Things in the code that could not be executed, with their place.
    pub unsupported: BTreeSet<String>,
    pub event: Event,
    pub events: u32,
    pub record: Option<Vec<Recorded>>,
    /// Clocks, if data races are asked for.
    pub races: Option<crate::races::Races>,
    /// While replaying: stop the thread before its operation of this number.
    pub stop_at: Option<u64>,
    /// While replaying: how many operations each thread does when it comes into being.
    pub arrivals: Option<Vec<u64>>,
    pub finally: Vec<(FnId, i64)>,
    /// The choice that the operation being done is told to take.
    pub choice: u16,
    pub assumed_away: bool,
    pub exited: bool,
    start: Vec<(FnId, [i64; 2])>,
    /// The start state, so that it is built only once.
    built: Option<Box<Built>>,
}

/// Everything as it is when the scenario's own function has returned.
struct Built {
    memory: crate::memory::MemoryCopy,
    threads: Vec<Thread>,
    world: World,
    finally: Vec<(FnId, i64)>,
}

impl<'p> Machine<'p> {
    pub fn new(link: Linker<'p>, options: MachineOptions, start: Vec<(FnId, [i64; 2])>) -> Machine<'p> {
        Machine {
            link,
            options,
            threads: Vec::new(),
            world: World::default(),
            faults: Vec::new(),
            bounds: BTreeSet::new(),
            unknown_calls: BTreeSet::new(),
            unsupported: BTreeSet::new(),
            event: Event::default(),
            events: 0,
            record: None,
            races: None,
            stop_at: None,
            arrivals: None,
            finally: Vec::new(),
            choice: 0,
            assumed_away: false,
            exited: false,
            start,
            built: None,
        }
    }

    /// Builds the start state anew next time: what is known of its objects has changed.
    pub fn forget(&mut self) {
        self.built = None;
    }

    /// Begins an execution: builds the start state.
    pub fn reset(&mut self) {
        self.link.mem.reset();
        self.threads.clear();
        if let Some(races) = &mut self.races {
            races.reset();
        }
        self.world.reset();
        self.faults.clear();
        self.finally.clear();
        self.events = 0;
        self.assumed_away = false;
        self.exited = false;
        if let Some(r) = &mut self.record {
            r.clear();
        }
        let reuse = self.record.is_none() && self.races.is_none();
        if reuse && let Some(built) = &self.built {
            let learned = (self.world.shared_cpus, self.world.rcu_used, self.world.sections_used, self.world.grown);
            self.link.mem.copy_in(&built.memory);
            self.threads.clone_from(&built.threads);
            self.world.clone_from(&built.world);
            (self.world.shared_cpus, self.world.rcu_used, self.world.sections_used, self.world.grown) = learned;
            self.finally.clone_from(&built.finally);
            self.event = Event::default();
            self.start_threads();
            return;
        }
        for (id, args) in self.start.clone() {
            if self.threads.is_empty() {
                let mut thread = Thread::new(Level::Task, 0, (id, args[0]));
                thread.name = self.link.functions.get(id.0 as usize).map_or(Symbol::EMPTY, |f| f.name);
                self.threads.push(thread);
            }
            self.event = Event::default();
            self.begin(0, id, &args);
            self.advance_arriving(0);
        }
        // The threads that the start state declares begin now, all of them at the same time.
        if !self.link.plain {
            if reuse && self.faults.is_empty() {
                self.built = Some(Box::new(Built {
                    memory: self.link.mem.copy_out(),
                    threads: self.threads.clone(),
                    world: self.world.clone(),
                    finally: self.finally.clone(),
                }));
            }
            self.start_threads();
        }
    }

    fn start_threads(&mut self) {
        self.link.mem.concurrent = true;
        for t in 1..self.threads.len() {
            self.arrive(t);
        }
    }

    /// Whether more than one thread may run.
    pub fn concurrent(&self) -> bool {
        self.link.mem.concurrent
    }

    /// Puts a thread at its first operation. Tasks have no start of their own: they just begin.
    pub fn arrive(&mut self, t: usize) {
        let thread = &self.threads[t];
        if thread.level == Level::Task && thread.callback == 0 {
            let (id, arg) = thread.entry;
            self.begin(t, id, &[arg]);
            self.advance_arriving(t);
        } else {
            self.stop_at_start(t);
        }
    }

    fn advance_arriving(&mut self, t: usize) {
        let quota = self.arrivals.as_ref().map(|a| a.get(t).copied().unwrap_or(0));
        let outer = std::mem::replace(&mut self.stop_at, quota);
        self.advance(t, false);
        self.stop_at = outer;
    }

    fn stop_at_start(&mut self, t: usize) {
        let thread = &mut self.threads[t];
        thread.pending = Pending::Start;
        thread.footprint.clear();
        if thread.callback != 0 {
            thread.footprint.push(Access::new(Location::sync(thread.callback), Mode::Acquire));
        }
        if thread.waits_for != 0 {
            thread.footprint.push(Access::new(Location::rcu(0, true), Mode::Acquire));
        }
        self.add_bh_lock(t, Mode::Acquire);
        self.add_cpu(t, true);
    }

    /// Adds a thread that will start with this function. `None`: there are too many.
    pub fn spawn(&mut self, creator: usize, level: Level, cpu: u32, entry: (FnId, i64), name: Symbol) -> Option<usize> {
        let id = self.threads.len();
        if id >= THREADS_MAX {
            self.bounds.insert("threads");
            return None;
        }
        let mut thread = Thread::new(level, cpu, entry);
        thread.creator = (creator, self.threads[creator].children);
        thread.name = name;
        self.threads[creator].children += 1;
        self.threads.push(thread);
        self.event.spawned |= 1 << id;
        if let Some(races) = &mut self.races {
            races.spawned(creator, id);
        }
        Some(id)
    }

    fn begin(&mut self, t: usize, id: FnId, args: &[i64]) {
        self.threads[t].status = Status::Ready;
        self.push_frame(t, id, args, None, 0);
    }

    /// Enters a function. `false`: it has no body; its result is 0.
    pub fn push_frame(&mut self, t: usize, id: FnId, args: &[i64], dst: Option<Reg>, dst_size: u32) -> bool {
        let Some(code) = self.link.code(id) else { return false };
        if self.threads[t].frames.len() >= FRAMES_MAX {
            self.bounds.insert("recursion");
            self.cut(t);
            return true;
        }
        let site = self.site(t);
        let thread = &mut self.threads[t];
        let regs = thread.regs.len() as u32;
        let slots = thread.slots.len() as u32;
        thread.regs.resize(regs as usize + usize::from(code.regs), 0);
        for slot in &code.slots {
            let addr = if slot.fixed != 0 {
                slot.fixed
            } else {
                match self.link.mem.allocate(t as u8, u64::from(slot.size), POISON, Kind::Stack, site) {
                    Some(addr) => addr,
                    None => {
                        self.bounds.insert("memory");
                        0
                    }
                }
            };
            self.threads[t].slots.push(addr);
        }
        for (n, param) in code.params.iter().enumerate() {
            let v = args.get(n).copied().unwrap_or(0);
            match *param {
                Param::Reg(r) => self.threads[t].regs[regs as usize + usize::from(r)] = v,
                Param::Scalar { slot, ty } => {
                    let addr = self.threads[t].slots[slots as usize + usize::from(slot)];
                    if let Ok(at) = self.link.mem.check(addr, u32::from(ty.size)) {
                        self.link.mem.write(at, ty, v);
                    }
                }
                Param::Aggregate { slot, size } => {
                    let addr = self.threads[t].slots[slots as usize + usize::from(slot)];
                    if let (Ok(to), Ok(from)) = (self.link.mem.check(addr, size), self.link.mem.check(v as u64, size)) {
                        self.link.mem.copy(to, from, size);
                    }
                }
            }
        }
        self.threads[t].frames.push(Frame { code, id, pc: 0, regs, slots, dst, dst_size, loops: Vec::new(), atomic: false });
        true
    }

    /// Where a thread is.
    pub fn site(&self, t: usize) -> Site {
        match self.threads[t].frames.last() {
            Some(f) => Site { function: f.id.0, pc: f.pc, thread: t as u8, event: self.events },
            None => Site { function: self.threads[t].entry.0.0, pc: 0, thread: t as u8, event: self.events },
        }
    }

    /// The calls that a thread is in, innermost first.
    pub fn stack(&self, t: usize) -> Vec<Site> {
        let frames = self.threads[t].frames.iter().rev();
        frames.map(|f| Site { function: f.id.0, pc: f.pc, thread: t as u8, event: self.events }).collect()
    }

    /// Records a fault; the thread does not go on.
    pub fn fault(&mut self, t: usize, kind: FaultKind, addr: u64, detail: impl Into<String>) {
        let object = self.link.mem.find(addr).filter(|o| o.kind == Kind::Heap || o.kind == Kind::Stack);
        let mut held: Vec<(String, Site)> = self.threads[t].held.iter().map(|h| (h.name.as_str().to_owned(), h.site)).collect();
        held.extend(self.threads[t].sections.iter().map(|(part, site)| (section_name(*part).to_owned(), *site)));
        held.sort_by_key(|h| h.1.event);
        let fault = Fault {
            kind,
            site: self.site(t),
            detail: detail.into(),
            other: None,
            allocated: object.map(|o| o.alloc),
            freed: object.filter(|o| o.state != State::Live).map(|o| o.free),
            addr,
            held,
            stack: self.stack(t),
        };
        self.faults.push(fault);
        self.threads[t].status = Status::Faulted;
    }

    pub(crate) fn cut(&mut self, t: usize) {
        self.threads[t].status = Status::Cut;
    }

    pub(crate) fn bad(&mut self, t: usize, bad: Bad, addr: u64, write: bool) {
        if self.link.mem.exhausted {
            // An address that could not be given is no fault of the program.
            self.bounds.insert("memory");
            self.cut(t);
            return;
        }
        let what = if write { "write to" } else { "read of" };
        if addr.wrapping_sub(UNKNOWN_ADDRESS - (1 << 24)) < 1 << 25 {
            let place = crate::run::place_of(self, self.site(t));
            self.unsupported.insert(format!("{}:{}: a value that nothing is known about is used as an address", place.file, place.line));
            self.cut(t);
            return;
        }
        match bad {
            Bad::Null => self.fault(t, FaultKind::NullDeref, addr, format!("{what} address {addr:#x}")),
            Bad::Wild => self.fault(t, FaultKind::WildAccess, addr, format!("{what} address {addr:#x}, where nothing is")),
            Bad::Bounds => self.fault(t, FaultKind::OutOfBounds, addr, format!("{what} memory beside its object")),
            Bad::Freed | Bad::Gone => {
                if self.concurrent()
                    && let Some(object) = self.link.mem.find(addr)
                    && usize::from(object.free.thread) != t
                {
                    self.link.mem.learn_free(object.addr);
                }
                let state = if bad == Bad::Freed { "freed" } else { "a returned function's" };
                self.fault(t, FaultKind::UseAfterFree, addr, format!("{what} {state} memory"));
            }
        }
    }

    // ---- footprints ----

    /// Adds what an access to memory means for the scheduler; `Err`: the access is wrong.
    pub(crate) fn want(&mut self, t: usize, addr: u64, size: u32, write: bool) -> Result<Ref, Bad> {
        let at = match self.link.mem.check(addr, size) {
            Ok(at) => at,
            Err(bad) => {
                // That the object is gone depends on who freed it when.
                if let (Bad::Freed | Bad::Gone, Some(object)) = (bad, self.link.mem.find(addr)) {
                    self.threads[t].footprint.push(Access::new(Location::life(object.addr), Mode::Read));
                }
                return Err(bad);
            }
        };
        let seen = self.link.mem.visibility(at, size);
        if seen.shared || seen.freed {
            let mut granules = Vec::new();
            self.link.mem.shared_granules(at, size, &mut granules);
            let mode = if write { Mode::Write } else { Mode::Read };
            let footprint = &mut self.threads[t].footprint;
            for g in granules {
                // Which bytes of the granule the access covers.
                let lo = addr.max(g) - g;
                let hi = (addr + u64::from(size.max(1))).min(g + 8) - g;
                let bytes = (u8::MAX >> (8 - (hi - lo).clamp(1, 8))) << lo;
                footprint.push(Access { at: Location::granule(g), mode, bytes });
            }
            if seen.freed {
                let life = Location::life(self.link.mem.object_of(at).addr);
                self.threads[t].footprint.push(Access::new(life, Mode::Read));
            }
        }
        Ok(at)
    }

    #[inline]
    fn access(&mut self, t: usize, addr: u64, size: u32, write: bool, granted: &mut bool) -> Access_ {
        if !self.concurrent() {
            return match self.link.mem.check(addr, size) {
                Ok(at) => Access_::Go(at),
                Err(bad) => {
                    self.bad(t, bad, addr, write);
                    Access_::Dead
                }
            };
        }
        let checked = self.link.mem.check(addr, size);
        if !std::mem::take(granted) {
            let visible = match checked {
                Ok(at) => {
                    let seen = self.link.mem.visibility(at, size);
                    seen.shared || seen.freed
                }
                Err(Bad::Freed | Bad::Gone) => true,
                Err(_) => false,
            };
            let ops = self.threads[t].ops;
            let stop = match self.stop_at {
                Some(at) => ops >= at,
                None => visible,
            };
            if stop {
                self.threads[t].footprint.clear();
                let _ = self.want(t, addr, size, write);
                self.add_cpu(t, false);
                self.threads[t].pending = Pending::Memory;
                return Access_::Stop;
            }
        }
        self.threads[t].ops += 1;
        match checked {
            Ok(at) => {
                if write {
                    self.threads[t].effects += 1;
                } else if self.threads[t].reads.len() < 64 {
                    let granule = addr & !7;
                    if let Some(value) = self.link.mem.peek(granule) {
                        self.threads[t].reads.push((granule, value));
                    }
                }
                self.link.mem.touch(at, size, t as u8, write);
                if self.races.is_some() && self.link.mem.visibility(at, size).shared {
                    self.judge_access(t, addr, size, write);
                }
                if self.record.is_some() {
                    self.note(t, addr, write);
                }
                Access_::Go(at)
            }
            Err(bad) => {
                self.note(t, addr, write);
                self.bad(t, bad, addr, write);
                Access_::Dead
            }
        }
    }

    pub(crate) fn note(&mut self, t: usize, addr: u64, write: bool) {
        let site = self.site(t);
        let depth = self.threads[t].frames.len() as u16;
        let setup = !self.concurrent();
        if let Some(record) = &mut self.record
            && record.len() < 200_000
        {
            record.push(Recorded { site, depth, visible: true, addr, write, setup });
        }
    }

    // ---- running ----

    /// Does a thread's pending operation and runs on to its next one.
    pub fn step(&mut self, t: usize, choice: u16) {
        self.events += 1;
        self.threads[t].steps += 1;
        self.event.thread = t;
        self.event.spawned = 0;
        self.event.killed = 0;
        self.event.joined = None;
        self.event.footprint.clear();
        let footprint = std::mem::take(&mut self.threads[t].footprint);
        self.event.footprint.extend_from_slice(&footprint);
        self.threads[t].footprint = footprint;
        self.event.choices = self.threads[t].choices;
        self.event.choice = choice;
        self.choice = choice;
        self.switch_to(t);
        if self.events > self.options.events {
            self.bounds.insert("events");
            self.cut(t);
            return;
        }
        match self.threads[t].pending {
            Pending::Start => {
                self.threads[t].ops += 1;
                self.start_callback(t);
                let (id, arg) = self.threads[t].entry;
                let arg2 = self.threads[t].entry2;
                self.begin(t, id, &[arg, arg2]);
                if self.threads[t].frames.is_empty() {
                    // A callback of the engine's own, such as the free after a grace period.
                    self.run_native(t, id, arg);
                    self.finish(t);
                    return;
                }
                self.advance(t, false);
            }
            Pending::End => {
                self.threads[t].ops += 1;
                self.end_callback(t);
                self.threads[t].status = Status::Finished;
            }
            Pending::Await => {
                self.threads[t].reads.clear();
                self.advance(t, false);
            }
            _ => self.advance(t, true),
        }
    }

    /// The last function of a thread has returned, or there is none.
    pub(crate) fn finish(&mut self, t: usize) {
        if self.threads[t].callback != 0 && self.concurrent() {
            let thread = &mut self.threads[t];
            thread.pending = Pending::End;
            thread.footprint.clear();
            thread.footprint.push(Access::new(Location::sync(thread.callback), Mode::Release));
            self.add_bh_lock(t, Mode::Release);
            self.add_cpu(t, true);
            return;
        }
        if self.threads[t].level != Level::Task && self.concurrent() && self.cpu_shared(self.threads[t].cpu) {
            let thread = &mut self.threads[t];
            thread.pending = Pending::End;
            thread.footprint.clear();
            self.add_bh_lock(t, Mode::Release);
            self.add_cpu(t, true);
            return;
        }
        self.threads[t].status = Status::Finished;
        self.check_exit(t);
    }

    fn check_exit(&mut self, t: usize) {
        if self.link.plain || !self.concurrent() {
            return;
        }
        if let Some(held) = self.threads[t].held.last().copied() {
            let detail = format!("{} still held when the thread ends", held.name.as_str());
            self.fault(t, FaultKind::LockHeldAtExit, held.key, detail);
            if let Some(fault) = self.faults.last_mut() {
                fault.other = Some(held.site);
            }
        }
    }

    /// Runs a thread from where it is; `granted`: its next operation may be done.
    pub fn advance(&mut self, t: usize, granted: bool) {
        let mut granted = granted;
        let mut budget = self.options.instructions;
        loop {
            let Some(frame) = self.threads[t].frames.last() else {
                self.finish(t);
                return;
            };
            let (code, regs, slots) = (frame.code.clone(), frame.regs as usize, frame.slots as usize);
            let mut pc = frame.pc as usize;
            // Within one frame, until a call or a return.
            loop {
                if budget == 0 {
                    self.bounds.insert("instructions");
                    self.save(t, pc);
                    self.cut(t);
                    return;
                }
                budget -= 1;
                let Some(&ins) = code.ins.get(pc) else {
                    self.cut(t);
                    return;
                };
                macro_rules! r {
                    ($x:expr) => {
                        self.threads[t].regs[regs + $x as usize]
                    };
                }
                match ins {
                    Ins::Const { d, v } => r!(d) = v,
                    Ins::Mov { d, s } => r!(d) = r!(s),
                    Ins::Local { d, slot } => r!(d) = self.threads[t].slots[slots + slot as usize] as i64,
                    Ins::Fit { d, s, ty } => r!(d) = ty.fit(r!(s)),
                    Ins::Truth { d, s, not } => r!(d) = i64::from((r!(s) != 0) != not),
                    Ins::Neg { d, s, ty } => r!(d) = ty.fit(r!(s).wrapping_neg()),
                    Ins::BitNot { d, s, ty } => r!(d) = ty.fit(!r!(s)),
                    Ins::Cmp { op, d, a, b, ty } => r!(d) = compare(op, r!(a), r!(b), ty),
                    Ins::Bin { op, d, a, b, ty } => match arithmetic(op, r!(a), r!(b), ty) {
                        Some(v) => r!(d) = v,
                        None => {
                            self.save(t, pc);
                            self.fault(t, FaultKind::Assertion, 0, "division by zero");
                            return;
                        }
                    },
                    Ins::Index { d, a, b, scale } => r!(d) = r!(a).wrapping_add(r!(b).wrapping_mul(i64::from(scale))),
                    Ins::AddConst { d, a, v } => r!(d) = r!(a).wrapping_add(i64::from(v)),
                    Ins::PtrDiff { d, a, b, size } => r!(d) = r!(a).wrapping_sub(r!(b)) / i64::from(size.max(1)),
                    Ins::Select { d, c, t: then, e } => r!(d) = if r!(c) != 0 { r!(then) } else { r!(e) },
                    Ins::Load { .. }
                    | Ins::Store { .. }
                    | Ins::LoadBits { .. }
                    | Ins::StoreBits { .. }
                    | Ins::Copy { .. }
                    | Ins::Zero { .. } => {
                        self.save(t, pc);
                        if !self.memory_ins(t, ins, regs, &mut granted) {
                            return;
                        }
                    }
                    Ins::Declare { slot } => {
                        let addr = self.threads[t].slots[slots + slot as usize];
                        let size = code.slots.get(slot as usize).map_or(0, |s| s.size);
                        if let Ok(at) = self.link.mem.check(addr, size)
                            && code.slots.get(slot as usize).is_some_and(|s| s.fixed == 0)
                        {
                            self.link.mem.fill(at, size, POISON);
                        }
                    }
                    Ins::Jump { to } => {
                        if (to as usize) <= pc && !self.loop_again(t, pc, to as usize) {
                            return;
                        }
                        pc = to as usize;
                        continue;
                    }
                    Ins::Branch { c, then, els } => {
                        let to = if r!(c) != 0 { then } else { els } as usize;
                        if to <= pc && !self.loop_again(t, pc, to) {
                            return;
                        }
                        pc = to;
                        continue;
                    }
                    Ins::Switch { v, table } => {
                        let v = r!(v);
                        let (cases, default) = &code.switches[table as usize];
                        pc = cases.iter().find(|c| (c.0..=c.1).contains(&v)).map_or(*default, |c| c.2) as usize;
                        continue;
                    }
                    Ins::Call { site } => {
                        self.save(t, pc);
                        let site = &code.sites[site as usize];
                        match self.call(t, site, regs, &mut granted) {
                            Flow::Next(v) => {
                                if let Some(d) = site.dst
                                    && site.dst_size == 0
                                {
                                    r!(d) = site.dst_ty.fit(v);
                                }
                                if !self.threads[t].active() {
                                    return;
                                }
                            }
                            Flow::Called => {
                                if !self.threads[t].active() {
                                    return;
                                }
                                break;
                            }
                            Flow::Stop | Flow::Dead => return,
                        }
                    }
                    Ins::Ret { s, size } => {
                        self.save(t, pc);
                        let v = s.map_or(0, |s| r!(s));
                        if !self.leave(t, v, size, &mut granted) {
                            return;
                        }
                        break;
                    }
                    Ins::Unreachable => {
                        self.save(t, pc);
                        self.cut(t);
                        return;
                    }
                    Ins::Unsupported { note } => {
                        self.save(t, pc);
                        let note = code.notes.get(note as usize).map_or("", |n| n.as_str());
                        let line = code.locs.get(pc).map_or(0, |l| l.line);
                        let path = self.link.program.source.path(code.file);
                        self.unsupported.insert(format!("{path}:{line}: {note}"));
                        self.cut(t);
                        return;
                    }
                }
                pc += 1;
            }
        }
    }

    #[inline]
    fn save(&mut self, t: usize, pc: usize) {
        if let Some(frame) = self.threads[t].frames.last_mut() {
            frame.pc = pc as u32;
        }
    }

    /// A backward jump. `false`: the thread stopped or is cut off.
    fn loop_again(&mut self, t: usize, pc: usize, to: usize) -> bool {
        if !self.concurrent() {
            return true;
        }
        let limit = self.options.unroll;
        let (steps, effects) = (self.threads[t].steps, self.threads[t].effects);
        let Some(frame) = self.threads[t].frames.last() else { return true };
        let state =
            self.threads[t].regs[frame.regs as usize..].iter().fold(0u64, |h, r| (h.rotate_left(5) ^ *r as u64).wrapping_mul(0x9e37_79b9));
        let Some(frame) = self.threads[t].frames.last_mut() else { return true };
        let now = Loop { pc: pc as u32, count: 0, steps, effects, state };
        let mut idle = false;
        let count = match frame.loops.iter_mut().find(|l| l.pc == pc as u32) {
            Some(entry) => {
                let moved = entry.steps != steps;
                idle = entry.effects == effects && entry.state == state;
                *entry = Loop { count: entry.count + u32::from(moved), ..now };
                entry.count
            }
            None => {
                frame.loops.push(now);
                0
            }
        };
        if count > limit {
            self.save(t, pc);
            self.bounds.insert("unroll");
            self.cut(t);
            return false;
        }
        if idle && self.stop_at.is_none() && !self.threads[t].reads.is_empty() {
            self.save(t, to);
            self.threads[t].footprint.clear();
            for n in 0..self.threads[t].reads.len() {
                let at = Location::granule(self.threads[t].reads[n].0);
                self.threads[t].footprint.push(Access::new(at, Mode::Read));
            }
            self.add_cpu(t, false);
            self.threads[t].pending = Pending::Await;
            return false;
        }
        self.threads[t].reads.clear();
        true
    }

    /// Whether something that an idle loop reads has changed.
    pub(crate) fn changed(&self, t: usize) -> bool {
        self.threads[t].reads.iter().any(|&(at, was)| self.link.mem.peek(at) != Some(was))
    }

    fn memory_ins(&mut self, t: usize, ins: Ins, regs: usize, granted: &mut bool) -> bool {
        let r = |m: &Self, x: Reg| m.threads[t].regs[regs + usize::from(x)];
        macro_rules! go {
            ($addr:expr, $size:expr, $write:expr) => {
                match self.access(t, $addr, $size, $write, granted) {
                    Access_::Go(at) => at,
                    Access_::Stop | Access_::Dead => return false,
                }
            };
        }
        match ins {
            Ins::Load { d, a, off, ty } => {
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                let at = go!(addr, u32::from(ty.size), false);
                self.threads[t].regs[regs + usize::from(d)] = self.link.mem.read(at, ty);
            }
            Ins::Store { a, s, off, ty } => {
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                let v = r(self, s);
                let at = go!(addr, u32::from(ty.size), true);
                self.link.mem.write(at, ty, v);
            }
            Ins::LoadBits { d, a, off, bit, width, signed } => {
                let size = bits_size(bit, width);
                let at = go!(r(self, a).wrapping_add(i64::from(off)) as u64, u32::from(size), false);
                let word = self.link.mem.read(at, IntTy { size, signed: false }) as u64;
                let shift = 64 - u32::from(width.clamp(1, 64));
                let raw = (word >> bit) << shift;
                let v = if signed { (raw as i64) >> shift } else { (raw >> shift) as i64 };
                self.threads[t].regs[regs + usize::from(d)] = v;
            }
            Ins::StoreBits { a, s, off, bit, width } => {
                let size = bits_size(bit, width);
                let v = r(self, s) as u64;
                let at = go!(r(self, a).wrapping_add(i64::from(off)) as u64, u32::from(size), true);
                let ty = IntTy { size, signed: false };
                let word = self.link.mem.read(at, ty) as u64;
                let mask = (u64::MAX >> (64 - u32::from(width.clamp(1, 64)))) << bit;
                self.link.mem.write(at, ty, (word & !mask | (v << bit) & mask) as i64);
            }
            Ins::Copy { d, s, size } => {
                let (to, from) = (r(self, d) as u64, r(self, s) as u64);
                return matches!(self.bulk(t, &[(from, size, false), (to, size, true)], granted), Some(at) if {
                    self.link.mem.copy(at[1], at[0], size);
                    true
                });
            }
            Ins::Zero { a, size } => {
                let to = r(self, a) as u64;
                return matches!(self.bulk(t, &[(to, size, true)], granted), Some(at) if {
                    self.link.mem.fill(at[0], size, 0);
                    true
                });
            }
            _ => {}
        }
        true
    }

    /// Several accesses as one operation. `None`: the thread stopped or died.
    pub(crate) fn bulk(&mut self, t: usize, ranges: &[(u64, u32, bool)], granted: &mut bool) -> Option<Vec<Ref>> {
        if self.concurrent() && !std::mem::take(granted) {
            self.threads[t].footprint.clear();
            for &(addr, size, write) in ranges {
                if self.want(t, addr, size, write).is_err() {
                    break;
                }
            }
            let visible = !self.threads[t].footprint.is_empty();
            if self.stop_at.map_or(visible, |at| self.threads[t].ops >= at) {
                self.add_cpu(t, false);
                self.threads[t].pending = Pending::Memory;
                return None;
            }
        }
        self.threads[t].ops += 1;
        self.threads[t].effects += 1;
        let mut out = Vec::with_capacity(ranges.len());
        for &(addr, size, write) in ranges {
            if size == 0 {
                out.push(Ref { space: 0, slot: 0, off: 0 });
                continue;
            }
            match self.link.mem.check(addr, size) {
                Ok(at) => {
                    self.link.mem.touch(at, size, t as u8, write);
                    if self.record.is_some() {
                        self.note(t, addr, write);
                    }
                    out.push(at);
                }
                Err(bad) => {
                    self.note(t, addr, write);
                    self.bad(t, bad, addr, write);
                    return None;
                }
            }
        }
        Some(out)
    }

    fn call(&mut self, t: usize, site: &CallSite, regs: usize, granted: &mut bool) -> Flow {
        let id = match site.target {
            Target::Function(id) => id,
            Target::Pointer(r) => {
                let addr = self.threads[t].regs[regs + usize::from(r)] as u64;
                match self.link.function_at(addr) {
                    Some(id) => id,
                    None if addr == UNKNOWN_ADDRESS => {
                        self.unknown_calls.insert("an unknown function pointer");
                        return Flow::Next(0);
                    }
                    None => {
                        let kind = if addr < 4096 { FaultKind::NullDeref } else { FaultKind::WildAccess };
                        self.fault(t, kind, addr, format!("call of address {addr:#x}"));
                        return Flow::Dead;
                    }
                }
            }
        };
        let info = &self.link.functions[id.0 as usize];
        match info.kind {
            FnKind::Prim(prim) => self.primitive(t, prim, site, regs, granted),
            FnKind::Unknown => {
                let name = info.name.as_str();
                // Tracing changes nothing.
                if !name.starts_with("trace_") {
                    self.unknown_calls.insert(name);
                }
                Flow::Next(0)
            }
            FnKind::Body(_) => {
                if self.record.is_some() {
                    self.note_call(t);
                }
                let mut args = [0i64; 16];
                for (to, &from) in args.iter_mut().zip(&site.args) {
                    *to = self.threads[t].regs[regs + usize::from(from)];
                }
                self.advance_past(t);
                let n = site.args.len().min(16);
                let atomic = self.link.plain && self.link.functions[id.0 as usize].name.as_str().starts_with("__VERIFIER_atomic_");
                if atomic && !self.enter_atomic(t, granted) {
                    self.unadvance(t);
                    return Flow::Stop;
                }
                if self.push_frame(t, id, &args[..n], site.dst, site.dst_size) {
                    if atomic && let Some(frame) = self.threads[t].frames.last_mut() {
                        frame.atomic = true;
                    }
                    Flow::Called
                } else {
                    self.unadvance(t);
                    Flow::Next(0)
                }
            }
        }
    }

    /// The call of a function that runs as one: a scheduling point. `false`: the thread stopped before it.
    fn enter_atomic(&mut self, t: usize, granted: &mut bool) -> bool {
        if !self.world.sections_used {
            self.world.sections_used = true;
            self.world.shared_cpus |= 1;
            self.world.grown = true;
        }
        if !self.concurrent() {
            return true;
        }
        if !std::mem::take(granted) && self.stop_at.is_none_or(|at| self.threads[t].ops >= at) {
            self.threads[t].footprint.clear();
            self.add_cpu(t, true);
            self.threads[t].pending = Pending::Memory;
            return false;
        }
        self.threads[t].ops += 1;
        self.world.atomic_section = Some(t);
        true
    }

    fn note_call(&mut self, t: usize) {
        let site = self.site(t);
        let depth = self.threads[t].frames.len() as u16;
        let setup = !self.concurrent();
        if let Some(record) = &mut self.record
            && record.len() < 200_000
        {
            record.push(Recorded { site, depth, visible: false, addr: 0, write: false, setup });
        }
    }

    /// The frame below goes on behind the call.
    pub(crate) fn advance_past(&mut self, t: usize) {
        if let Some(frame) = self.threads[t].frames.last_mut() {
            frame.pc += 1;
        }
    }

    pub(crate) fn unadvance(&mut self, t: usize) {
        if let Some(frame) = self.threads[t].frames.last_mut() {
            frame.pc -= 1;
        }
    }

    /// The addresses of all objects on a thread's stack.
    pub(crate) fn stack_objects(&self, t: usize) -> Vec<u64> {
        let thread = &self.threads[t];
        let own = |frame: &Frame| {
            let from = frame.slots as usize;
            let slots = thread.slots.iter().skip(from).zip(&frame.code.slots);
            slots.filter(|(_, slot)| slot.fixed == 0).map(|(&addr, _)| addr).collect::<Vec<u64>>()
        };
        thread.frames.iter().flat_map(own).collect()
    }

    /// Returns from a function. `false`: the thread stopped or ended.
    fn leave(&mut self, t: usize, v: i64, size: u32, granted: &mut bool) -> bool {
        let Some(frame) = self.threads[t].frames.last() else { return false };
        let (slots, regs, dst, dst_size) = (frame.slots as usize, frame.regs as usize, frame.dst, frame.dst_size);
        let code = frame.code.clone();
        let own: Vec<u64> = if code.slots.is_empty() { Vec::new() } else { self.threads[t].slots[slots..].to_vec() };
        if self.concurrent() && !own.is_empty() && !*granted && self.stop_at.is_none() {
            self.threads[t].footprint.clear();
            for (n, &addr) in own.iter().enumerate() {
                if code.slots[n].fixed == 0
                    && let Ok(at) = self.link.mem.check(addr, 1)
                    && self.link.mem.visibility(at, 1).freed
                {
                    self.threads[t].footprint.push(Access::new(Location::life(addr), Mode::Write));
                }
            }
            if !self.threads[t].footprint.is_empty() {
                self.add_cpu(t, false);
                self.threads[t].pending = Pending::Memory;
                return false;
            }
        }
        if self.concurrent() && !own.is_empty() {
            // Counted alike whether it was a scheduling point or not, so that schedules replay.
            if self.stop_at.is_some_and(|at| self.threads[t].ops >= at) && !*granted {
                self.threads[t].pending = Pending::Memory;
                self.threads[t].footprint.clear();
                return false;
            }
            self.threads[t].ops += 1;
        }
        *granted = false;
        if size > 0 && dst.is_some() && dst_size == size {
            let base =
                self.threads[t].frames.len().checked_sub(2).and_then(|n| self.threads[t].frames.get(n)).map_or(0, |f| f.regs as usize);
            let to = dst.map_or(0, |d| self.threads[t].regs[base + usize::from(d)]) as u64;
            if let (Ok(to), Ok(from)) = (self.link.mem.check(to, size), self.link.mem.check(v as u64, size)) {
                self.link.mem.copy(to, from, size);
            }
        }
        let site = self.site(t);
        for (n, &addr) in own.iter().enumerate() {
            if code.slots[n].fixed == 0
                && let Ok(at) = self.link.mem.check(addr, 1)
            {
                self.link.mem.release(at, t as u8, State::Gone, site);
            }
        }
        if self.threads[t].frames.last().is_some_and(|f| f.atomic) {
            self.world.atomic_section = None;
        }
        let thread = &mut self.threads[t];
        thread.frames.pop();
        thread.regs.truncate(regs);
        thread.slots.truncate(slots);
        match self.threads[t].frames.last() {
            Some(caller) => {
                if let Some(d) = dst
                    && size == 0
                {
                    let at = caller.regs as usize + usize::from(d);
                    let site = caller.code.ins.get(caller.pc as usize - 1).copied();
                    let ty = match site {
                        Some(Ins::Call { site }) => caller.code.sites[site as usize].dst_ty,
                        _ => IntTy::LONG,
                    };
                    self.threads[t].regs[at] = ty.fit(v);
                }
                true
            }
            None => {
                self.threads[t].result = v;
                self.finish(t);
                false
            }
        }
    }

    /// The function's compiled form, for messages.
    pub fn code_of(&self, site: Site) -> Option<&Rc<Code>> {
        self.link.compiled(site.function)
    }
}

fn section_name(part: cuthere_kernel::CtxPart) -> &'static str {
    use cuthere_kernel::CtxPart::*;
    match part {
        Preempt => "preemption disabled",
        Bh => "bottom halves disabled",
        Irq | IrqSave => "interrupts disabled",
        Rcu => "rcu_read_lock",
        RcuBh => "rcu_read_lock_bh",
        RcuSched => "rcu_read_lock_sched",
        PagefaultOff => "page faults disabled",
    }
}

fn bits_size(bit: u8, width: u8) -> u8 {
    match u16::from(bit) + u16::from(width) {
        0..=8 => 1,
        9..=16 => 2,
        17..=32 => 4,
        _ => 8,
    }
}

fn compare(op: BinOp, a: i64, b: i64, ty: IntTy) -> i64 {
    let (x, y) = (a as u64, b as u64);
    i64::from(match op {
        BinOp::Eq => a == b,
        BinOp::Ne => a != b,
        BinOp::Lt if ty.signed => a < b,
        BinOp::Gt if ty.signed => a > b,
        BinOp::Le if ty.signed => a <= b,
        BinOp::Ge if ty.signed => a >= b,
        BinOp::Lt => x < y,
        BinOp::Gt => x > y,
        BinOp::Le => x <= y,
        _ => x >= y,
    })
}

/// `None`: division by zero.
fn arithmetic(op: BinOp, a: i64, b: i64, ty: IntTy) -> Option<i64> {
    let bits = u32::from(ty.size) * 8;
    let v = match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::Div if b == 0 => return None,
        BinOp::Rem if b == 0 => return None,
        BinOp::Div if ty.signed => a.wrapping_div(b),
        BinOp::Div => (a as u64 / b as u64) as i64,
        BinOp::Rem if ty.signed => a.wrapping_rem(b),
        BinOp::Rem => (a as u64 % b as u64) as i64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a.wrapping_shl((b as u32) % bits.max(1)),
        BinOp::Shr if ty.signed => ty.fit(a) >> ((b as u32) % bits.max(1)),
        BinOp::Shr => ((ty.fit(a) as u64) >> ((b as u32) % bits.max(1))) as i64,
        _ => 0,
    };
    Some(ty.fit(v))
}
