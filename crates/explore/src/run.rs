//! Executions one after the other, until nothing is left or a limit is reached, and what was found in them.

use crate::event::{Footprint, ThreadSet};
use crate::fault::{Fault, FaultKind};
use crate::machine::{Machine, Preemption, Recorded};
use crate::memory::{GuessId, Site};
use crate::schedule::Schedule;
use crate::search::{Strategy, View};
use crate::thread::{Level, Pending, Status};
use cuthere_base::{FileId, Symbol};
use cuthere_cfront::program::FileText;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StrategyKind {
    #[default]
    Dpor,
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
    /// The most preemptions of one execution, where the search without this bound does not come to its end.
    pub preemptions: u32,
    /// The bound on preemptions was asked for: a program that has no fault within it has none, as a scenario always does.
    pub bound_counts: bool,
    pub interrupts: u32,
    pub unroll: u32,
    pub time: Duration,
    pub executions: u64,
    pub races: bool,
    pub strategy: StrategyKind,
    pub seed: u64,
    pub replay: Option<Schedule>,
    /// Go on after the first fault, to list all.
    pub all_faults: bool,
    /// Operations of a turn, where two searches take turns.
    pub turn: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            preemption: Preemption::Full,
            bh_lock: false,
            preemptions: 2,
            bound_counts: false,
            interrupts: 2,
            unroll: 20,
            time: Duration::from_secs(20),
            executions: 10_000_000,
            races: false,
            strategy: StrategyKind::Dpor,
            seed: 1,
            replay: None,
            all_faults: true,
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
    /// The fault in the words of places.
    pub place: Place,
    /// The calls it happened in, innermost first.
    pub stack: Vec<Place>,
    pub allocated: Option<(Place, String)>,
    pub freed: Option<(Place, String)>,
    pub other: Option<Place>,
    /// Locks held, and where they were taken.
    pub held: Vec<(String, Place)>,
    pub thread: String,
    pub cpu: u32,
    pub context: &'static str,
    /// What the explorer had to guess, and the fault rests on.
    pub guess: Option<String>,
    /// In an ordinary program.
    pub plain: bool,
    /// Of a deadlock: who waits where, and for whom.
    pub waits: Vec<FoundWait>,
}

/// A thread that waits for ever.
#[derive(Clone, Debug)]
pub struct FoundWait {
    pub thread: String,
    /// Its number in the shown execution.
    pub number: usize,
    pub call: String,
    /// The calls it is in, innermost first.
    pub stack: Vec<Place>,
    /// Who holds what it waits for, and where that was taken.
    pub holder: Option<(String, Place)>,
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
    /// Limits that were in the way, by name.
    pub bounds: BTreeSet<String>,
    /// Operations done in all.
    pub events: u64,
    pub unknown_calls: Vec<String>,
    pub unsupported: Vec<String>,
    /// Guesses that decided a branch, or that faults rest on.
    pub guesses: Vec<String>,
    /// Threads that did not run to their end in any execution.
    pub unfinished: Vec<String>,
    pub seconds: f64,
    /// Rounds of loops up to which was looked.
    pub unroll: u32,
    /// It is an ordinary program, whose threads have no CPUs.
    pub plain: bool,
    /// What to write to know more.
    pub hints: Vec<String>,
    pub replay: Option<Replay>,
    /// The steps of the gravest fault's execution.
    pub trace: Vec<TraceStep>,
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
    pub depth: u16,
    pub text: String,
    pub addr: u64,
    pub write: bool,
    pub visible: bool,
    pub event: u32,
    /// The thread has come to this and waits for ever.
    pub waits: bool,
}

/// One search's machine, and what it does in an execution.
pub(crate) struct Run<'p> {
    pub machine: Machine<'p>,
    /// Thread, operations and choice of each event of the execution.
    steps: Vec<(u8, u32, Option<u16>)>,
    /// Which threads have been seen, and whether one has run to its end.
    ended: FxHashMap<(Symbol, u32), bool>,
    /// A fault while the scenario's own start state was built.
    unbuilt: bool,
    /// The scenario starts something.
    starts: bool,
    /// Operations done when the first fault was found.
    first_fault: Option<u64>,
    /// Guesses that have decided a branch in some execution.
    deciders: BTreeSet<GuessId>,
    /// How often something was learned that makes decisions different ones.
    pub learned: u32,
}

/// Bounds of a scenario within which there is no fault, rather than that nothing is known.
const DECLARED: [&str; 2] = ["interrupts", "unroll"];

/// Turns that are done in any case after the first fault, for others.
const MORE: u64 = 20;

/// How far a search has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Turn {
    #[default]
    Going,
    /// Nothing is left.
    Complete,
    /// A fault was found, and one is enough.
    Found,
    /// A limit of time or number.
    Limited,
}

impl Turn {
    /// Whether it came to an end of its own.
    pub fn ended(self) -> bool {
        matches!(self, Turn::Complete | Turn::Found)
    }
}

impl<'p> Run<'p> {
    pub fn new(machine: Machine<'p>) -> Run<'p> {
        Run {
            machine,
            steps: Vec::new(),
            ended: FxHashMap::default(),
            unbuilt: false,
            starts: false,
            first_fault: None,
            deciders: BTreeSet::new(),
            learned: 0,
        }
    }

    /// Whether it is an ordinary program.
    pub fn is_plain(&self) -> bool {
        self.machine.link.plain
    }

    /// Goes on with a strategy until this many operations are done in all.
    pub fn turn(&mut self, strategy: &mut dyn Strategy, options: &Options, outcome: &mut Outcome, until: u64, deadline: Instant) -> Turn {
        let mut blocked: Vec<(usize, Footprint)> = Vec::new();
        self.machine.patience.until(Some(deadline));
        while outcome.events < until {
            let complete = self.execution(strategy, &mut blocked, outcome);
            if self.machine.patience.is_over() {
                // What it came to so far is a part of an execution, and stands for nothing.
                self.machine.bounds.retain(|bound| *bound == "memory");
                outcome.bounds.insert("time".to_owned());
                return Turn::Limited;
            }
            self.machine.learn_cpus();
            let faults = std::mem::take(&mut self.machine.faults);
            // What another thread does does not depend on one that an assumption stopped: it could have come first.
            if !faults.is_empty() {
                let certain = faults.iter().any(|f| f.guess == 0);
                self.collect(outcome, faults, None);
                if certain {
                    self.first_fault.get_or_insert(outcome.events);
                }
                if certain && !options.all_faults {
                    return Turn::Found;
                }
            }
            let grown = self.machine.link.mem.learned.take_grown() | std::mem::take(&mut self.machine.world.grown);
            if grown {
                self.learned += 1;
                strategy.restart();
                self.machine.forget();
                self.machine.bounds.clear();
                self.deciders.clear();
                outcome.executions = 0;
                outcome.redundant = 0;
                if Instant::now() >= deadline {
                    outcome.bounds.insert("time".to_owned());
                    return Turn::Limited;
                }
                continue;
            }
            if complete {
                outcome.executions += 1;
            } else {
                outcome.redundant += 1;
            }
            if !strategy.end(&blocked) {
                if strategy.diverged() {
                    outcome.unsupported.push("the engine did not repeat itself".to_owned());
                }
                return Turn::Complete;
            }
            if self.first_fault.is_some_and(|at| outcome.events > 2 * at + MORE * options.turn) {
                outcome.bounds.insert("faults".to_owned());
                return Turn::Limited;
            }
            if outcome.executions >= options.executions {
                outcome.bounds.insert("executions".to_owned());
                return Turn::Limited;
            }
            if (outcome.executions + outcome.redundant).is_multiple_of(64) && Instant::now() >= deadline {
                outcome.bounds.insert("time".to_owned());
                return Turn::Limited;
            }
        }
        Turn::Going
    }

    /// One execution. `false`: given up as equivalent to an earlier one.
    fn execution(&mut self, strategy: &mut dyn Strategy, blocked: &mut Vec<(usize, Footprint)>, outcome: &mut Outcome) -> bool {
        blocked.clear();
        self.steps.clear();
        self.machine.reset();
        if !self.machine.faults.is_empty() && !self.machine.concurrent() {
            self.unbuilt = true;
            return true;
        }
        self.starts |= self.machine.threads.len() > 1 || !self.machine.finally.is_empty();
        loop {
            let m = &mut self.machine;
            if m.patience.spend(1 << 10) {
                return false;
            }
            let enabled = m.enabled();
            if enabled == 0 {
                break;
            }
            let allowed = if m.world.shared_cpus == 0 { ThreadSet::MAX } else { m.allowed() };
            let view = View { enabled, allowed, threads: &m.threads };
            let Some((t, choice)) = strategy.pick(&view) else { return false };
            self.step(t, choice);
            outcome.events += 1;
            let event = std::mem::take(&mut self.machine.event);
            let view = View { enabled: 0, allowed: 0, threads: &self.machine.threads };
            strategy.executed(&event, &view);
            self.machine.event = event;
            self.machine.refresh();
        }
        self.deciders.extend(Some(self.machine.resting.decided).filter(|id| *id != 0));
        let m = &mut self.machine;
        for (n, thread) in m.threads.iter().enumerate() {
            if thread.alive() && (n > 0 || m.link.plain) && !m.exited {
                blocked.push((n, thread.footprint.clone()));
            }
            // A program's threads end with it, wherever they are.
            let ended = matches!(thread.status, Status::Finished) || m.returned && thread.alive() || thread.assumed;
            if n > 0 || m.link.plain {
                // The callbacks of one function are one: which of them come to run is the schedule's matter.
                let which = if m.link.plain {
                    n as u32
                } else if thread.callback == 0 {
                    thread.creator.1 + 1
                } else {
                    0
                };
                *self.ended.entry((thread.name, which)).or_default() |= ended;
            }
        }
        self.end(blocked);
        true
    }

    fn step(&mut self, t: usize, choice: u16) {
        let before = self.machine.threads[t].ops;
        self.machine.step(t, choice);
        let choices = self.machine.event.choices;
        let done = self.machine.threads[t].ops - before;
        self.steps.push((t as u8, done as u32, (choices > 1).then_some(choice)));
    }

    /// All threads have stopped: a deadlock, or the end and what must hold there.
    fn end(&mut self, blocked: &[(usize, Footprint)]) {
        let m = &mut self.machine;
        let stuck: Vec<usize> =
            blocked.iter().map(|b| b.0).filter(|&t| !m.threads[t].daemon && m.threads[t].status == Status::Ready).collect();
        // A loop that waits for ever is no deadlock; in a program, nor is waiting for the thread that runs it.
        let spins = |&t: &usize| m.threads[t].pending == Pending::Await;
        let no_deadlock = if m.link.plain { stuck.iter().any(spins) } else { stuck.iter().all(spins) };
        // The end of main() ends threads that wait for a lock of its, too.
        let kept = m.returned && m.world.locks.values().any(|lock| lock.owner == Some(0));
        let stuck = if no_deadlock || kept { Vec::new() } else { stuck };
        let clean = m.faults.iter().all(|f| f.kind == FaultKind::DataRace) && m.threads.iter().all(|t| t.status != Status::Cut);
        if !clean {
            return;
        }
        // Told of one that waits for a lock, rather than of one that waits for that thread.
        let locked = stuck.iter().find(|&&t| m.waits(t).holder.is_some()).or(stuck.first());
        if let Some(&t) = locked {
            let waits = stuck.len();
            let detail =
                if waits == 1 { "waits for what nobody will do".to_owned() } else { format!("{waits} threads wait for each other") };
            m.fault(t, FaultKind::Deadlock, 0, detail);
            let waits = stuck.iter().map(|&t| m.waits(t)).collect();
            if let Some(fault) = m.faults.last_mut() {
                fault.waits = waits;
            }
            return;
        }
        if m.finally.is_empty() || m.exited {
            return;
        }
        let finally = m.finally.clone();
        m.link.mem.concurrent = false;
        for (id, arg) in finally {
            m.threads[0].status = Status::Ready;
            m.push_frame(0, id, &[arg], None, 0);
            m.advance(0, false);
        }
    }

    /// The schedule of the last execution up to an event.
    fn schedule(&self, event: u32) -> Schedule {
        let mut later = vec![0u64; self.machine.threads.len()];
        for step in &self.steps {
            if let Some(n) = later.get_mut(usize::from(step.0)) {
                *n += u64::from(step.1);
            }
        }
        let mut schedule = Schedule::default();
        for (thread, later) in self.machine.threads.iter().zip(later) {
            schedule.arrivals.push(thread.ops.saturating_sub(later));
        }
        for &(t, ops, choice) in self.steps.iter().take(event as usize) {
            schedule.choices.extend(choice);
            match schedule.runs.last_mut() {
                Some(run) if run.0 == t && choice.is_none() => run.1 += u64::from(ops),
                _ => schedule.runs.push((t, u64::from(ops))),
            }
        }
        schedule
    }

    pub fn collect(&mut self, outcome: &mut Outcome, faults: Vec<Fault>, schedule: Option<&Schedule>) {
        for fault in faults {
            let place = self.place(fault.site);
            // One that rests on nothing is the better one.
            let same = outcome.faults.iter().position(|f| f.fault.kind == fault.kind && f.place == place);
            if same.is_some_and(|at| outcome.faults[at].guess.is_none() || fault.guess != 0) {
                continue;
            }
            let schedule = match schedule {
                Some(s) => s.clone(),
                None => self.schedule(fault.site.event),
            };
            let found = self.describe(fault, schedule, place);
            match same {
                Some(at) => outcome.faults[at] = found,
                None => outcome.faults.push(found),
            }
        }
        let key = |f: &FoundFault| (f.guess.is_some(), f.fault.kind);
        outcome.faults.sort_by(|a, b| (key(a), &a.place).cmp(&(key(b), &b.place)));
    }

    fn describe(&self, fault: Fault, schedule: Schedule, place: Place) -> FoundFault {
        let by = |site: Site| (self.place(site), self.thread_name(usize::from(site.thread)));
        let thread = usize::from(fault.site.thread);
        FoundFault {
            stack: fault.stack.iter().map(|&s| self.place(s)).collect(),
            allocated: fault.allocated.filter(|s| s.function != u32::MAX).map(by),
            freed: fault.freed.filter(|s| s.function != u32::MAX).map(by),
            other: fault.other.map(|s| self.place(s)),
            held: fault.held.iter().map(|(name, s)| (name.clone(), self.place(*s))).collect(),
            thread: self.thread_name(thread),
            cpu: self.machine.threads.get(thread).map_or(0, |t| t.cpu),
            context: self.machine.threads.get(thread).map_or("task", |t| context_name(t.level)),
            plain: self.machine.link.plain,
            guess: self.machine.link.guesses.name(fault.guess).map(str::to_owned),
            waits: fault
                .waits
                .iter()
                .map(|wait| FoundWait {
                    thread: wait.stack.first().map_or(String::new(), |s| self.thread_name(usize::from(s.thread))),
                    number: wait.stack.first().map_or(0, |s| usize::from(s.thread)),
                    call: wait.call.clone(),
                    stack: wait.stack.iter().map(|&s| self.place(s)).collect(),
                    holder: wait.holder.map(|s| (self.thread_name(usize::from(s.thread)), self.place(s))),
                })
                .collect(),
            fault,
            schedule,
            place,
        }
    }

    fn thread_name(&self, t: usize) -> String {
        self.machine.threads.get(t).map_or(String::new(), |u| u.name.as_str().to_owned())
    }

    /// Follows a schedule, recording what happens.
    pub fn replay(&mut self, schedule: &Schedule) -> Replay {
        let m = &mut self.machine;
        m.record = Some(Vec::new());
        m.patience.until(None);
        // What a search learns on its way is taken for granted.
        (m.world.shared_cpus, m.world.rcu_used) = (u32::MAX, true);
        m.arrivals = Some(schedule.arrivals.clone());
        m.stop_at = None;
        m.forget();
        m.reset();
        let mut choices = schedule.choices.as_slice();
        let mut result = Replay::Same;
        'runs: for (n, &(t, ops)) in schedule.runs.iter().enumerate() {
            let t = usize::from(t);
            let Some(thread) = self.machine.threads.get(t) else {
                result = Replay::Diverged(n, format!("thread {t} does not exist"));
                break;
            };
            let goal = thread.ops.saturating_add(ops);
            while self.machine.threads[t].ops < goal {
                if !self.machine.threads[t].alive() {
                    result = Replay::Diverged(n, format!("thread {t} has ended before"));
                    break 'runs;
                }
                if self.machine.enabled() & (1 << t) == 0 {
                    result = Replay::Diverged(n, format!("thread {t} cannot go on here"));
                    break 'runs;
                }
                self.machine.stop_at = Some(goal);
                self.machine.step(t, choices.first().copied().unwrap_or(0));
                let event = std::mem::take(&mut self.machine.event);
                if event.choices > 1 {
                    choices = choices.get(1..).unwrap_or_default();
                }
                self.machine.event = event;
            }
        }
        self.machine.stop_at = None;
        self.machine.arrivals = None;
        let mut blocked = Vec::new();
        if self.machine.enabled() == 0 {
            for (n, thread) in self.machine.threads.iter().enumerate() {
                if thread.alive() && (n > 0 || self.machine.link.plain) {
                    blocked.push((n, thread.footprint.clone()));
                }
            }
            self.end(&blocked);
        }
        result
    }

    fn place(&self, site: Site) -> Place {
        place_of(&self.machine, site)
    }

    pub fn show(&mut self, outcome: &mut Outcome) {
        let records: Vec<Recorded> = self.machine.record.take().unwrap_or_default();
        let mut lines = Lines::default();
        for r in records {
            if r.site.thread == 0 && r.setup {
                continue;
            }
            let text = lines.text(&self.machine, r.site);
            let place = self.place(r.site);
            outcome.trace.push(TraceStep {
                thread: usize::from(r.site.thread),
                place,
                depth: r.depth,
                text,
                addr: r.addr,
                write: r.write,
                visible: r.visible,
                event: r.site.event,
                waits: false,
            });
        }
        let waits = self.waiting(outcome, &mut lines);
        outcome.trace.extend(waits);
        for thread in &self.machine.threads {
            let context = context_name(thread.level);
            outcome.threads.push(ThreadInfo { name: thread.name.as_str().to_owned(), cpu: thread.cpu, context });
        }
    }

    /// The lines at which threads of a deadlock wait.
    fn waiting(&self, outcome: &Outcome, lines: &mut Lines) -> Vec<TraceStep> {
        let Some(found) = outcome.faults.first() else { return Vec::new() };
        let sites = found.fault.waits.iter().filter_map(|wait| Some((wait, *wait.stack.first()?)));
        let step = |(wait, site): (&crate::fault::Wait, Site)| TraceStep {
            thread: usize::from(site.thread),
            place: self.place(site),
            depth: wait.stack.len() as u16,
            text: lines.text(&self.machine, site),
            addr: 0,
            write: false,
            visible: true,
            event: site.event,
            waits: true,
        };
        sites.map(step).collect()
    }

    pub fn conclude(&mut self, outcome: &mut Outcome, options: &Options) {
        let m = &self.machine;
        outcome.plain = m.link.plain;
        outcome.bounds.extend(m.bounds.iter().map(|b| (*b).to_owned()));
        let mut unknown: Vec<String> = m.unknown_calls.iter().map(|n| (*n).to_owned()).collect();
        unknown.sort();
        outcome.unknown_calls = unknown;
        outcome.unsupported.extend(m.unsupported.iter().cloned());
        outcome.unfinished = self.ended.iter().filter(|(_, ended)| !**ended).map(|((name, _), _)| name.as_str().to_owned()).collect();
        outcome.unfinished.sort();
        if !m.link.plain {
            if self.unbuilt
                && let Some(fault) = outcome.faults.first()
            {
                let (kind, place, detail) = (fault.fault.kind.id(), &fault.place, &fault.fault.detail);
                let told =
                    format!("the start state cannot be built: {kind} in {}() at {}:{}: {detail}", place.function, place.file, place.line);
                outcome.unsupported.push(told);
                outcome.faults.clear();
            } else if !self.starts {
                outcome.unsupported.push("the scenario starts no thread: cuthere_task(cpu, function, argument) does".to_owned());
            }
        }
        let sampled = options.strategy != StrategyKind::Dpor;
        if m.link.plain && !outcome.complete && !options.bound_counts && !sampled && outcome.faults.is_empty() && options.replay.is_none() {
            outcome.bounds.insert("preemptions".to_owned());
        }
        // A program is whole: what an unknown function of it does may be what keeps the fault away.
        let guessed = m.link.plain && !(outcome.unknown_calls.is_empty() && outcome.unsupported.is_empty());
        let certain = outcome.faults.iter().any(|f| f.guess.is_none());
        outcome.guesses = outcome.faults.iter().filter_map(|f| f.guess.clone()).collect();
        outcome.guesses.extend(self.deciders.iter().filter_map(|&id| m.link.guesses.name(id)).map(str::to_owned));
        outcome.guesses.sort();
        outcome.guesses.dedup();
        outcome.kind = if certain && !guessed {
            OutcomeKind::Fault
        } else if options.replay.is_none()
            && outcome.bounds.iter().all(|bound| !m.link.plain && DECLARED.contains(&bound.as_str()))
            && outcome.unknown_calls.is_empty()
            && outcome.unsupported.is_empty()
            && outcome.faults.is_empty()
            && outcome.guesses.is_empty()
            && outcome.unfinished.is_empty()
            && (outcome.complete || !m.link.plain || options.bound_counts)
            && !sampled
        {
            OutcomeKind::None
        } else {
            OutcomeKind::Unknown
        };
    }
}

fn context_name(level: Level) -> &'static str {
    match level {
        Level::Task => "task",
        Level::Softirq => "softirq",
        Level::Hardirq => "hardirq",
    }
}

/// File, function and line of a site.
pub(crate) fn place_of(m: &Machine<'_>, site: Site) -> Place {
    match m.code_of(site) {
        Some(code) => Place {
            function: code.name.as_str().to_owned(),
            file: m.link.program.source.path(code.file).to_owned(),
            line: code.locs.get(site.pc as usize).map_or(0, |l| l.line),
        },
        None => Place { function: "callback".to_owned(), ..Place::default() },
    }
}

/// Lines of files that a trace shows, each file read and divided once.
#[derive(Default)]
struct Lines {
    files: FxHashMap<FileId, (FileText, Vec<usize>)>,
}

impl Lines {
    fn text(&mut self, m: &Machine<'_>, site: Site) -> String {
        let Some(code) = m.code_of(site) else { return String::new() };
        let line = code.locs.get(site.pc as usize).map_or(0, |l| l.line);
        let (text, starts) = match self.files.entry(code.file) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Ok(text) = m.link.program.text(code.file) else { return String::new() };
                let ends = text.bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
                let starts = std::iter::once(0).chain(ends).collect();
                new.insert((text, starts))
            }
        };
        let index = line.saturating_sub(1) as usize;
        let Some(&start) = starts.get(index) else { return String::new() };
        let end = starts.get(index + 1).map_or(text.bytes.len(), |next| next - 1);
        String::from_utf8_lossy(text.bytes.get(start..end).unwrap_or(b"")).trim().to_owned()
    }
}
