//! The machine: all threads, their memory and the state of primitives in one execution.
//!
//! A thread runs by itself until its next operation that others could notice, and stops before it; the search says who goes on. So between
//! two decisions only invisible things happen. Faults stop the thread, not the execution: what the others do is still explored.

mod access;
mod advance;
mod arithmetic;
mod bits;
mod buffer;
mod calls;
mod lazy;
mod models;
mod opened;
mod snapshot;
mod speculation;
mod state;
mod swift;
mod symbols;
mod transfer;
mod twins;
mod values;
mod weak;

pub use buffer::{MemoryModel, StoreBuffer};
use lazy::Lazily;
pub(crate) use lazy::fitted;
pub(crate) use lazy::{ELEMENTS, is_lazy};
pub(crate) use snapshot::Snapshot;
pub use speculation::Dependencies;
pub use symbols::Open;
pub(crate) use transfer::Filling;
pub use weak::{Barrier, Ordering, Weak};

pub(crate) use arithmetic::converted;
use arithmetic::{bits_size, section_name};

use crate::code::*;
use crate::compile::UNKNOWN_ADDRESS;
use crate::event::*;
use crate::fault::{Fault, FaultKind};
use crate::guess::Resting;
use crate::link::{FnKind, Linker};
use crate::memory::{Bad, Kind, POISON, Ref, Site, State};
use crate::primitives::state::World;
use crate::thread::*;
use crate::threads::Threads;
use cuthere_base::Symbol;
use cuthere_ir::BinOp;
use std::collections::BTreeSet;
use std::rc::Rc;

/// How many threads one execution may have.
pub const THREADS_MAX: usize = ThreadSet::BITS as usize;
const FRAMES_MAX: usize = 200;
/// Threads that never run, where it is not said how many there may be.
const IDLERS: u32 = 1000;

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
    pub memory: MemoryModel,
    /// How often one interrupt source fires.
    pub interrupts: u32,
    /// Instructions of one thread between two operations.
    pub instructions: u64,
    /// Operations of one execution.
    pub events: u32,
    /// How often one thread goes round loops with visible operations.
    pub unroll: u32,
    /// How many threads of a program that begin with the same function run.
    pub alike: u32,
    /// How many more come into being and never run, before nothing more is done by who makes them.
    pub idlers: u32,
    /// Loops that change nothing wait for a change. A search that knows states again goes round them.
    pub awaits: bool,
}

impl Default for MachineOptions {
    fn default() -> Self {
        MachineOptions {
            preemption: Preemption::Full,
            bh_lock: false,
            memory: MemoryModel::Sc,
            interrupts: 2,
            instructions: 2_000_000,
            events: 20_000,
            unroll: 200,
            alike: u32::MAX,
            idlers: IDLERS,
            awaits: true,
        }
    }
}

/// What a step of a witness shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded {
    pub site: Site,
    pub depth: u16,
    /// The step is a decision of the search.
    pub visible: bool,
    /// The function of the program's own that it is done for, where a header's does it.
    pub outer: Option<Site>,
    pub addr: u64,
    pub size: u8,
    pub write: bool,
    /// What was read or written, or what a call gave.
    pub value: Option<i64>,
    /// What was there before, of an operation that reads and writes at once.
    pub was: Option<i64>,
    /// How a store is on its way.
    pub way: Way,
    /// A call that the machine does itself.
    pub call: bool,
    /// Part of building the start state.
    pub setup: bool,
}

/// Where a store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Way {
    #[default]
    Direct,
    /// Read, though memory holds another.
    Old,
    /// In its CPU's buffer.
    Buffered,
    /// It has reached memory.
    Arrived,
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
    pub threads: Threads,
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
    /// Where objects were made and freed, while there is a record.
    pub lives: crate::lives::Lives,
    /// Clocks, if data races are asked for.
    pub races: Option<crate::races::Races>,
    /// Data races are asked for, and are states in which two threads are about to use the same memory.
    pub adjacent: bool,
    /// Something orders less than its place in an execution tells, so that such states are not all races.
    pub unordered: bool,
    /// The fewest and the most threads of one function of executions in which `main()` came to its end and values were open.
    pub made_openly: Option<(usize, usize)>,
    /// While replaying: stop the thread before its operation of this number.
    pub stop_at: Option<u64>,
    /// While replaying: a loop waits only when the thread has done this many.
    pub awaits_from: u64,
    /// While replaying: how many operations each thread does when it comes into being.
    pub arrivals: Option<Vec<u64>>,
    pub finally: Vec<(FnId, i64)>,
    /// What rests on guesses in this execution.
    pub resting: Resting,
    /// The choice that the operation being done is told to take.
    pub choice: u16,
    /// The operation being done may make a choice that was not known before.
    may_choose: bool,
    /// The step being done is a choice about an open value, and nothing else.
    choosing: bool,
    /// What the solver has said of open values.
    answers: symbols::Answers,
    models: models::Models,
    /// Some thread has met an open value.
    any_open: bool,
    /// So many open values there may be before those are ended that nothing holds; 0: nobody ends any.
    kept_open: usize,
    /// Reads and later stores of one thread in any execution, where memory is the kernel's model.
    pub(crate) pairs: Vec<speculation::Pair>,
    /// It was learned that numbers of threads mean something, so that none are alike.
    pub distinct: bool,
    pub exited: bool,
    /// A program's main() has returned, which ends the others wherever they are.
    pub returned: bool,
    /// What of a program has run, and where bounds have stopped it.
    pub coverage: crate::coverage::Coverage,
    /// When the execution must end, wherever it is.
    pub patience: crate::patience::Patience,
    start: Vec<(FnId, [i64; 2])>,
    /// The start state, so that it is built only once.
    built: Option<Box<Built>>,
}

/// Everything as it is when the scenario's own function has returned.
struct Built {
    memory: crate::memory::MemoryCopy,
    threads: Threads,
    world: World,
    finally: Vec<(FnId, i64)>,
    resting: Resting,
}

impl<'p> Machine<'p> {
    pub fn new(link: Linker<'p>, options: MachineOptions, start: Vec<(FnId, [i64; 2])>) -> Machine<'p> {
        Machine {
            // A global semaphore of a program holds noughts; of the kernel's, DEFINE_SEMAPHORE() makes most.
            world: World { uncounted: i32::from(!link.plain), ..World::default() },
            link,
            options,
            threads: Threads::default(),
            faults: Vec::new(),
            bounds: BTreeSet::new(),
            unknown_calls: BTreeSet::new(),
            unsupported: BTreeSet::new(),
            event: Event::default(),
            events: 0,
            record: None,
            lives: crate::lives::Lives::default(),
            races: None,
            adjacent: false,
            unordered: false,
            made_openly: None,
            stop_at: None,
            awaits_from: 0,
            arrivals: None,
            finally: Vec::new(),
            resting: Resting::default(),
            choice: 0,
            may_choose: false,
            choosing: false,
            answers: symbols::Answers::default(),
            models: models::Models::default(),
            any_open: false,
            kept_open: 0,
            pairs: Vec::new(),
            distinct: false,
            exited: false,
            returned: false,
            coverage: crate::coverage::Coverage::default(),
            patience: crate::patience::Patience::default(),
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
        self.exited = false;
        self.returned = false;
        self.any_open = false;
        self.choosing = false;
        self.resting = Resting::default();
        if let Some(r) = &mut self.record {
            r.clear();
            self.lives.clear();
        }
        let reuse = self.record.is_none() && self.races.is_none();
        if reuse && let Some(built) = &self.built {
            let learned = (self.world.shared_cpus, self.world.rcu_used, self.world.sections_used, self.world.grown);
            self.link.mem.copy_in(&built.memory);
            self.threads.clone_from(&built.threads);
            self.world.clone_from(&built.world);
            (self.world.shared_cpus, self.world.rcu_used, self.world.sections_used, self.world.grown) = learned;
            self.finally.clone_from(&built.finally);
            self.resting = built.resting;
            self.any_open = self.threads.iter().any(|thread| !thread.lazies.is_empty());
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
        // Nothing begins from a start state that could not be built.
        if !self.link.plain && self.threads.first().is_some_and(|t| t.status != Status::Finished) {
            return;
        }
        // The threads that the start state declares begin now, all of them at the same time.
        if !self.link.plain {
            if reuse && self.faults.is_empty() {
                self.built = Some(Box::new(Built {
                    memory: self.link.mem.copy_out(),
                    threads: self.threads.clone(),
                    world: self.world.clone(),
                    finally: self.finally.clone(),
                    resting: self.resting,
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
        let outer = (self.stop_at, self.awaits_from);
        (self.stop_at, self.awaits_from) = (quota, quota.unwrap_or(0));
        self.advance(t, false);
        (self.stop_at, self.awaits_from) = outer;
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
        // A handler is a section that grace periods wait for.
        if self.world.rcu_used && thread.level != Level::Task {
            thread.footprint.push(Access::new(Location::rcu(0, false), Mode::Read));
        }
        let (function, object) = thread.entry;
        if function.0 == u32::MAX {
            // What it frees, others may be using. A wrong free is found when it is done.
            let _ = self.free_footprint(t, object as u64);
        }
        self.add_bh_lock(t, Mode::Acquire);
        self.add_cpu(t, true);
    }

    /// Adds a thread that will start with this function. `None`: there are too many, and the creator does not go on, for it may wait for this one.
    pub fn spawn(&mut self, creator: usize, level: Level, cpu: u32, entry: (FnId, i64), name: Symbol) -> Option<usize> {
        let id = self.threads.len();
        if id >= THREADS_MAX {
            self.bounds.insert("threads");
            self.cut(creator);
            return None;
        }
        let mut thread = Thread::new(level, cpu, entry);
        thread.creator = (creator, self.threads[creator].children);
        thread.name = name;
        self.threads[creator].children += 1;
        self.threads.push(thread);
        self.event.spawned |= 1 << id;
        if self.record.is_some() {
            self.lives.starts.push((id, self.stack(creator)));
        }
        self.weak_hand_on(creator, id);
        if let Some(races) = &mut self.races {
            races.spawned(creator, id);
        }
        Some(id)
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
        let frames = self.threads[t].frames.iter().rev().enumerate();
        // A caller stands behind its call already.
        let site = |(n, f): (usize, &Frame)| Site {
            function: f.id.0,
            pc: f.pc.saturating_sub(u32::from(n > 0)),
            thread: t as u8,
            event: self.events,
        };
        frames.map(site).collect()
    }

    /// Records a fault; the thread does not go on.
    pub fn fault(&mut self, t: usize, kind: FaultKind, addr: u64, detail: impl Into<String>) {
        let object = self.link.mem.find(addr).filter(|o| o.kind == Kind::Heap || o.kind == Kind::Stack);
        let held = self.held_there(t);
        let fault = Fault {
            kind,
            site: self.site(t),
            detail: detail.into(),
            other: None,
            beside: None,
            allocated: object.map(|o| o.alloc),
            freed: object.filter(|o| o.state != State::Live).map(|o| o.free),
            addr,
            guess: self.fault_guess(kind, addr),
            held,
            waits: Vec::new(),
            words: Vec::new(),
            stack: self.stack(t),
        };
        self.faults.push(fault);
        self.threads[t].status = Status::Faulted;
    }

    /// The locks that a thread holds: address, name, and where taken.
    pub(crate) fn held_locks(&self, t: usize) -> Vec<(u64, String, Site)> {
        self.threads[t].held.iter().map(|h| (h.key, h.name.as_str().to_owned(), h.site)).collect()
    }

    /// The same, and the sections that it is in, in the order in which they began.
    pub(crate) fn held_there(&self, t: usize) -> Vec<(u64, String, Site)> {
        let mut held = self.held_locks(t);
        held.extend(self.threads[t].sections.iter().map(|(part, site)| (0, section_name(*part).to_owned(), *site)));
        held.sort_by_key(|h| h.2.event);
        held
    }

    /// The operation being done also touches this.
    pub(crate) fn also(&mut self, access: Access) {
        self.event.footprint.push(access);
        self.weak_sync(self.event.thread, access);
        if let Some(races) = &mut self.races {
            races.used(self.event.thread, access);
        }
    }

    /// The operation being done waited for the end of a thread.
    pub(crate) fn joined(&mut self, target: usize) {
        self.event.joined |= 1 << target | self.drain_of(target).map_or(0, |drain| 1 << drain);
        self.weak_hand_on(target, self.event.thread);
        if let Some(races) = &mut self.races {
            races.joined(self.event.thread, target);
        }
    }

    /// Counts work. `true`: there is no time for more, and the thread does not go on.
    pub(crate) fn spend(&mut self, t: usize, work: u64) -> bool {
        let over = self.patience.spend(work);
        if over {
            self.cut(t);
        }
        over
    }

    pub(crate) fn cut(&mut self, t: usize) {
        self.threads[t].status = Status::Cut;
    }

    /// The function's compiled form, for messages.
    pub fn code_of(&self, site: Site) -> Option<&Rc<Code>> {
        self.link.compiled(site.function)
    }
}
