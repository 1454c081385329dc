//! What an exploration is asked for, and what it gives.

use crate::fault::Fault;
use crate::machine::{MemoryModel, Preemption};
use crate::schedule::Schedule;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StrategyKind {
    #[default]
    Dpor,
    /// Each state of a program once, alone.
    States,
    Pct,
    Random,
    /// All schedules without reduction: what the others are checked against.
    Every,
}

/// Bounds and modes of an exploration.
#[derive(Clone, Debug)]
pub struct Options {
    pub preemption: Preemption,
    pub bh_lock: bool,
    pub memory: MemoryModel,
    /// The most preemptions of one execution, where the search without this bound does not come to its end.
    pub preemptions: u32,
    /// The bound on preemptions was asked for: a program that has no fault within it has none, as a scenario always does.
    pub bound_counts: bool,
    pub interrupts: u32,
    pub unroll: u32,
    /// More rounds than that are tried where there is time for them.
    pub deepens: bool,
    /// How many threads of a program that begin with the same function run; more are created, and wait for ever.
    pub alike: u32,
    pub time: Duration,
    pub executions: u64,
    pub races: bool,
    pub strategy: StrategyKind,
    pub seed: u64,
    pub replay: Option<Schedule>,
    /// Go on after the first fault, to list all.
    pub all_faults: bool,
    /// Executions begin anew each time, not where they part: what going back is checked against.
    pub anew: bool,
    /// Operations of a turn, where two searches take turns.
    pub turn: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            preemption: Preemption::Full,
            bh_lock: false,
            memory: MemoryModel::Sc,
            preemptions: 2,
            bound_counts: false,
            interrupts: 2,
            unroll: 20,
            deepens: false,
            alike: u32::MAX,
            time: Duration::from_secs(20),
            executions: 10_000_000,
            races: false,
            strategy: StrategyKind::Dpor,
            seed: 1,
            replay: None,
            all_faults: true,
            anew: false,
            turn: 100_000,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OutcomeKind {
    Fault,
    None,
    #[default]
    Unknown,
}

/// A distinct fault with a schedule that reaches it.
#[derive(Clone, Debug)]
pub struct FoundFault {
    pub fault: Fault,
    pub schedule: Schedule,
    /// Which threads made the schedule's choices, in order.
    pub choosers: Vec<u8>,
    /// The fault in the words of places.
    pub place: Place,
    /// The calls it happened in, innermost first.
    pub stack: Vec<Place>,
    pub allocated: Option<(Place, String)>,
    pub freed: Option<(Place, String)>,
    /// The calls in which that was done, innermost first, as far as the shown execution tells.
    pub allocated_in: Vec<Place>,
    pub freed_in: Vec<Place>,
    /// What was held there; `None`: not known.
    pub freed_with: Option<Vec<(String, Place)>>,
    /// Who armed or requested the callback that the fault happened in, and the calls in which that was done, innermost first.
    pub armed: Option<(String, Vec<Place>)>,
    /// What the object is called that it is about.
    pub object: Option<String>,
    /// What the fault's line works with: `x == 2`.
    pub operands: Vec<String>,
    pub other: Option<Place>,
    /// The other access of a race.
    pub beside: Option<FoundAccess>,
    /// Locks held, and where they were taken.
    pub held: Vec<(String, Place)>,
    pub thread: String,
    /// Its number in the shown execution.
    pub number: usize,
    pub cpu: u32,
    pub context: &'static str,
    /// What the explorer had to guess, and the fault rests on.
    pub guess: Option<String>,
    /// In an ordinary program.
    pub plain: bool,
    /// Of a deadlock: who waits where, and for whom.
    pub waits: Vec<FoundWait>,
}

/// The other access of a race.
#[derive(Clone, Debug)]
pub struct FoundAccess {
    pub write: bool,
    pub thread: String,
    /// Its number in the shown execution.
    pub number: usize,
    pub cpu: u32,
    pub context: &'static str,
    /// The calls it was done in, innermost first.
    pub stack: Vec<Place>,
    /// Locks held, and where they were taken.
    pub held: Vec<(String, Place)>,
}

/// A thread that waits for ever.
#[derive(Clone, Debug)]
pub struct FoundWait {
    pub thread: String,
    /// Its number in the shown execution.
    pub number: usize,
    pub call: String,
    /// The lock that it waits for, or the thread.
    pub lock: Option<String>,
    /// It could go on, if another let it have its CPU.
    pub interrupted: bool,
    /// Which one, by name.
    pub by: Option<String>,
    /// It waits for those that wait for each other, and none of them for it.
    pub beside: bool,
    /// It is a thread of the kernel's that waits for something to do.
    pub idle: bool,
    /// The calls it is in, innermost first.
    pub stack: Vec<Place>,
    /// Who holds what it waits for: its number, its name, and where that was taken.
    pub holder: Option<(usize, String, Place)>,
    /// The holder has come to its end without giving it back.
    pub holder_ended: bool,
}

/// A place in the source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    pub function: String,
    pub file: String,
    pub line: u32,
}

/// How a replay went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replay {
    /// Every run of the schedule was done.
    Same,
    /// From this run on it could not be followed, and why.
    Diverged(usize, String),
}

/// What an exploration gives.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub kind: OutcomeKind,
    /// Gravest first.
    pub faults: Vec<FoundFault>,
    /// Inequivalent executions run to their end.
    pub executions: u64,
    /// Executions given up because an equivalent one had been run.
    pub redundant: u64,
    /// All interleavings were explored, not only those within the bound on preemptions.
    pub complete: bool,
    /// A program makes as many threads of one kind as a value says that is open.
    pub crowded: bool,
    /// Limits that were in the way, by name.
    pub bounds: BTreeSet<String>,
    /// Different states, where the search was one for states; 0: it was one for executions.
    pub states: usize,
    /// Operations done in all.
    pub events: u64,
    pub unknown_calls: Vec<String>,
    pub unsupported: Vec<String>,
    /// Guesses that decided a branch, or that faults rest on.
    pub guesses: Vec<String>,
    /// Threads that did not run to their end in any execution.
    pub unfinished: Vec<String>,
    /// Code of a program that the bounds kept from running.
    pub unreached: Vec<Place>,
    pub seconds: f64,
    /// Rounds of loops up to which was looked.
    pub unroll: u32,
    /// Threads of one function up to which was looked; 0: any number.
    pub alike: u32,
    /// It is an ordinary program, whose threads have no CPUs.
    pub plain: bool,
    /// What to write to know more.
    pub hints: Vec<String>,
    pub replay: Option<Replay>,
    /// The steps of the gravest fault's execution.
    pub trace: Vec<TraceStep>,
    /// The source around its steps, by file and line.
    pub sources: BTreeMap<String, BTreeMap<u32, String>>,
    pub threads: Vec<ThreadInfo>,
}

/// A thread of the shown execution.
#[derive(Clone, Debug)]
pub struct ThreadInfo {
    pub name: String,
    pub cpu: u32,
    pub context: &'static str,
}

/// A step of the shown execution.
#[derive(Clone, Debug)]
pub struct TraceStep {
    pub thread: usize,
    pub place: Place,
    /// Where that is done: in a header's function, if `place` is where this is called.
    pub inner: Place,
    pub depth: u16,
    pub text: String,
    /// What it read or wrote: `x = 3`.
    pub value: Option<String>,
    pub addr: u64,
    pub write: bool,
    pub visible: bool,
    /// It gets hold of the object that the fault is about.
    pub about: bool,
    pub event: u32,
    /// The thread has come to this and waits for ever: for what.
    pub waits: Option<String>,
}
