//! Executions one after the other, until nothing is left or a limit is reached, and what was found in them.

use crate::event::{Footprint, Mode, ThreadSet};
use crate::fault::{Fault, FaultKind};
use crate::machine::{Machine, MemoryModel};
use crate::memory::GuessId;
use crate::outcome::{Options, Outcome, OutcomeKind, Place, Replay, StrategyKind};
use crate::schedule::Schedule;
use crate::search::{Strategy, View};
use crate::thread::{Pending, Status, Thread};
use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::time::Instant;

/// An event of an execution: its thread, its operations, and the choice it took.
pub(crate) type Step = (u8, u32, Option<u16>);

/// One search's machine, and what it does in an execution.
pub(crate) struct Run<'p> {
    pub machine: Machine<'p>,
    /// The events of the execution.
    pub(crate) steps: Vec<Step>,
    /// Which threads have been seen, and whether one has run to its end.
    ended: FxHashMap<(Symbol, u32), bool>,
    /// Those that a bound of a program has stopped in some execution.
    stopped: FxHashSet<(Symbol, u32)>,
    /// A fault while the scenario's own start state was built.
    unbuilt: bool,
    /// The scenario starts something.
    starts: bool,
    /// Operations done when the first fault was found.
    first_fault: Option<u64>,
    /// Guesses that have decided a branch in some execution.
    deciders: BTreeSet<GuessId>,
    /// States that executions may begin from.
    prefixes: crate::prefix::Prefixes,
    /// States in which threads wait for each other and others go on.
    pub(crate) endless: crate::endless::Endless,
    /// How often something was learned that makes decisions different ones.
    pub learned: u32,
}

/// Bounds of a scenario within which there is no fault, rather than that nothing is known.
const DECLARED: &[&str] = &["interrupts", "unroll"];
/// The same of a program, if all that they kept from running has run.
const DECLARED_OF_PROGRAMS: &[&str] = &["threads", "unroll", "sizes"];

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
            stopped: FxHashSet::default(),
            unbuilt: false,
            starts: false,
            first_fault: None,
            deciders: BTreeSet::new(),
            prefixes: crate::prefix::Prefixes::default(),
            endless: crate::endless::Endless::default(),
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
        strategy.until(deadline);
        while outcome.events < until {
            let complete = self.execution(strategy, &mut blocked, options.anew, outcome);
            if strategy.is_lost() {
                return Turn::Limited;
            }
            if self.machine.patience.is_over() {
                // What it came to so far is a part of an execution, and stands for nothing.
                self.machine.bounds.retain(|bound| *bound == "memory");
                outcome.bounds.insert("time".to_owned());
                return Turn::Limited;
            }
            self.machine.learn_cpus();
            let mut faults = std::mem::take(&mut self.machine.faults);
            let ruled = std::mem::take(&mut self.machine.world.grown);
            if ruled {
                // The rules by which it began were not all there are: what it came to, one by all rules has to come to.
                faults.clear();
            }
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
            if self.machine.link.mem.learned.take_grown() || ruled {
                self.learned += 1;
                strategy.restart();
                self.machine.forget();
                self.prefixes.clear();
                self.endless.clear();
                self.machine.bounds.clear();
                self.machine.coverage = crate::coverage::Coverage::default();
                self.stopped.clear();
                // Who came to an end with fewer operations need not do so with more, where rounds of loops are counted by them.
                self.ended.clear();
                self.deciders.clear();
                if options.memory != MemoryModel::Sc {
                    // Which stores are buffered has changed, and with it what a schedule means.
                    outcome.faults.clear();
                    self.first_fault = None;
                }
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
                return self.complete(outcome);
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

    /// Nothing is left but what a search that goes round for ever cannot see in any one execution.
    fn complete(&mut self, outcome: &mut Outcome) -> Turn {
        for steps in self.endless.ways() {
            self.go(&steps);
            self.circle_beside();
            let faults = std::mem::take(&mut self.machine.faults);
            self.collect(outcome, faults, None);
        }
        if self.endless.knows_all() { Turn::Complete } else { Turn::Limited }
    }

    /// Does these steps from the beginning.
    fn go(&mut self, steps: &[Step]) {
        self.machine.reset();
        self.steps.clear();
        for &(t, _, choice) in steps {
            self.step(usize::from(t), choice.unwrap_or(0));
            self.machine.refresh();
        }
    }

    /// One execution. `false`: given up as equivalent to an earlier one.
    fn execution(&mut self, strategy: &mut dyn Strategy, blocked: &mut Vec<(usize, Footprint)>, anew: bool, outcome: &mut Outcome) -> bool {
        blocked.clear();
        let shared = strategy.shared().filter(|_| !anew && self.machine.may_go_back());
        let begun = shared.and_then(|shared| self.prefixes.resume(&mut self.machine, shared));
        self.steps.truncate(begun.unwrap_or(0));
        strategy.begin(begun.unwrap_or(0));
        if begun.is_none() {
            self.machine.reset();
            if !self.machine.faults.is_empty() && !self.machine.concurrent() {
                self.unbuilt = true;
                return true;
            }
        }
        let alike = strategy.begins_alike();
        self.starts |= self.machine.threads.len() > 1 || !self.machine.finally.is_empty();
        let mut pointless = false;
        loop {
            let m = &mut self.machine;
            if m.patience.spend(1 << 10) {
                return false;
            }
            let enabled = m.enabled();
            if enabled == 0 {
                break;
            }
            let wanted = strategy.wants_state();
            if wanted {
                m.end_unused();
            }
            let allowed = if m.world.shared_cpus == 0 { ThreadSet::MAX } else { m.allowed() };
            if wanted
                && m.adjacent
                && let Some((t, u)) = m.next_to_each_other(enabled)
            {
                let mut fault = m.race_of(t, u);
                self.step(t, 0);
                self.step(u, 0);
                fault.site.event = self.steps.len() as u32;
                self.machine.faults.push(fault);
                return false;
            }
            let beside = if wanted && m.goes_round() { m.beside(enabled) } else { 0 };
            let state = if wanted { m.state(beside == 0) } else { None };
            if let Some(state) = state.filter(|_| beside != 0) {
                self.endless.arrive(state, enabled, beside, &self.steps);
            }
            let doubles = if alike && !m.distinct { m.doubles(enabled) } else { 0 };
            let alone = if wanted { m.decides_alone(enabled) } else { None };
            let enabled = alone.map_or(enabled, |t| 1 << t);
            let view = View { enabled, allowed, threads: &m.threads, doubles, state };
            let Some((t, choice)) = strategy.pick(&view) else {
                if wanted {
                    // In a state that was seen, what can go on may do so for ever.
                    let going = m.threads.iter().enumerate().filter(|(t, _)| enabled & 1 << t != 0);
                    self.stopped.extend(going.map(|(t, thread)| (thread.name, m.eldest(t) as u32)));
                }
                return false;
            };
            if shared.is_some() {
                let distance = strategy.distance(&m.threads[t]);
                self.prefixes.remember(m, self.steps.len(), distance);
            }
            self.step(t, choice);
            if self.machine.event.joined != 0 {
                self.machine.check_joins(t);
            }
            outcome.events += 1;
            let m = &mut self.machine;
            let view = View { enabled: 0, allowed: 0, threads: &m.threads, doubles: 0, state: None };
            strategy.executed(&m.event, &view);
            m.patience.spend(strategy.effort());
            m.refresh();
            pointless = m.threads[t].assumed
                && m.event.footprint.iter().all(|access| access.mode == Mode::Read)
                && strategy.ends_with_assumption()
                && m.beside(m.enabled()) == 0;
            if pointless {
                break;
            }
        }
        self.deciders.extend(Some(self.machine.resting.decided).filter(|id| *id != 0));
        let m = &mut self.machine;
        // Who waits for a thread that an assumption stopped, the assumption stopped as well.
        let assumed = m.link.plain && m.threads.iter().any(|thread| thread.assumed);
        let cut = |thread: &Thread| thread.status == Status::Cut && !thread.assumed;
        let bounded = m.link.plain && (m.world.idlers > 0 || m.threads.iter().any(cut));
        let over = m.returned || m.exited || assumed;
        // Those that could go on wait for nothing.
        let going = if pointless { m.enabled() } else { 0 };
        m.count_made();
        for (n, thread) in m.threads.iter().enumerate() {
            if bounded && (cut(thread) || thread.alive() && !over) {
                self.stopped.insert((thread.name, m.eldest(n) as u32));
                for frame in &thread.frames {
                    m.coverage.stop(frame.id, frame.pc);
                }
            }
            if thread.alive() && (n > 0 || m.link.plain) && going & 1 << n == 0 {
                blocked.push((n, thread.footprint.clone()));
            }
            // A program's threads end with it, wherever they are.
            let ended = matches!(thread.status, Status::Finished) || (m.returned || assumed) && thread.alive() || thread.assumed;
            if (n > 0 || m.link.plain) && thread.drains.is_none() {
                // The callbacks of one function are one: which of them come to run is the schedule's matter.
                let which = if m.link.plain {
                    m.eldest(n) as u32
                } else if thread.callback == 0 {
                    thread.creator.1 + 1
                } else {
                    0
                };
                *self.ended.entry((thread.name, which)).or_default() |= ended;
            }
        }
        // What the end of the program has kept from running waits for nobody.
        if !self.machine.exited {
            self.end(blocked);
        }
        true
    }

    pub(crate) fn step(&mut self, t: usize, choice: u16) {
        let before = self.machine.threads[t].ops;
        self.machine.step(t, choice);
        let choices = self.machine.event.choices;
        let done = self.machine.threads[t].ops - before;
        self.steps.push((t as u8, done as u32, (choices > 1).then_some(choice)));
    }

    /// The threads that made the choices of the last execution up to an event, in order.
    pub(crate) fn choosers(&self, event: u32) -> Vec<u8> {
        self.steps.iter().take(event as usize).filter(|s| s.2.is_some()).map(|s| s.0).collect()
    }

    /// The schedule of the last execution up to an event.
    pub(crate) fn schedule(&self, event: u32) -> Schedule {
        let mut later = vec![0u64; self.machine.threads.len()];
        for step in &self.steps {
            if let Some(n) = later.get_mut(usize::from(step.0)) {
                *n += u64::from(step.1);
            }
        }
        let limit = |n: u32| (n < u32::MAX).then_some(n);
        let options = &self.machine.options;
        let mut schedule = Schedule { unroll: limit(options.unroll), alike: limit(options.alike), ..Schedule::default() };
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

    /// A thread that has only its end left, if all that can go on are such threads.
    fn ending(&self) -> Option<usize> {
        let enabled = self.machine.enabled();
        let mut going = self.machine.threads.iter().enumerate().filter(|(t, _)| enabled & 1 << t != 0);
        let first = going.clone().next().map(|(t, _)| t);
        first.filter(|_| going.all(|(_, u)| u.pending == Pending::End))
    }

    /// Follows a schedule, recording what happens.
    pub fn replay(&mut self, schedule: &Schedule) -> Replay {
        let m = &mut self.machine;
        m.record = Some(Vec::new());
        m.patience.until(None);
        m.take_for_granted();
        m.arrivals = Some(schedule.arrivals.clone());
        m.stop_at = None;
        m.forget();
        m.reset();
        let singly = self.machine.options.memory != MemoryModel::Sc || self.machine.races.is_some();
        let mut choices = schedule.choices.as_slice();
        let mut result = Replay::Same;
        'runs: for (n, &(t, ops)) in schedule.runs.iter().enumerate() {
            let t = usize::from(t);
            let Some(thread) = self.machine.threads.get(t) else {
                result = Replay::Diverged(n, format!("thread {t} does not exist"));
                break;
            };
            let goal = thread.ops.saturating_add(ops);
            self.machine.awaits_from = goal;
            while self.machine.threads[t].ops < goal {
                if !self.machine.threads[t].alive() {
                    result = Replay::Diverged(n, format!("thread {t} has ended before"));
                    break 'runs;
                }
                if self.machine.enabled() & (1 << t) == 0 {
                    result = Replay::Diverged(n, format!("thread {t} cannot go on here"));
                    break 'runs;
                }
                // What operations order, and what they choose, is known one by one.
                let next = self.machine.threads[t].ops + 1;
                self.machine.stop_at = Some(if singly { next } else { goal });
                self.machine.step(t, choices.first().copied().unwrap_or(0));
                let event = std::mem::take(&mut self.machine.event);
                if event.choices > 1 {
                    choices = choices.get(1..).unwrap_or_default();
                }
                self.machine.event = event;
            }
        }
        self.machine.awaits_from = 0;
        // Ends of handlers count only where a search has seen them matter.
        while let Some(t) = self.ending() {
            self.machine.stop_at = Some(u64::MAX);
            self.machine.step(t, 0);
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
        } else {
            self.circle_beside();
        }
        result
    }

    /// Whether the execution just followed shows such a fault. Of a race and of a deadlock it tells by one of the places they have.
    pub fn has_come_to(&self, kind: FaultKind, place: &Place) -> bool {
        let several = matches!(kind, FaultKind::DataRace | FaultKind::Deadlock);
        let fits = |f: &Fault| f.kind == kind && (several || crate::told::place_of(&self.machine, f.site) == *place);
        self.machine.faults.iter().any(fits)
    }

    pub fn conclude(&mut self, outcome: &mut Outcome, options: &Options) {
        let m = &self.machine;
        (outcome.plain, outcome.crowded) = (m.link.plain, m.is_crowded());
        outcome.bounds.extend(m.bounds.iter().map(|b| (*b).to_owned()));
        let mut unknown: Vec<String> = m.unknown_calls.iter().map(|n| (*n).to_owned()).collect();
        unknown.sort();
        outcome.unknown_calls = unknown;
        outcome.unsupported.extend(m.unsupported.iter().cloned());
        let open = self.ended.iter().filter(|(which, ended)| !**ended && !self.stopped.contains(which));
        outcome.unfinished = open.map(|((name, _), _)| name.as_str().to_owned()).collect();
        outcome.unfinished.sort();
        let deepened = DECLARED_OF_PROGRAMS.iter().any(|bound| outcome.bounds.contains(*bound));
        let missing = if deepened { m.coverage.missing(&m.link) } else { BTreeSet::new() };
        for (id, pc) in missing {
            let place = crate::told::place_of(m, crate::memory::Site { function: id.0, pc: pc as u32, ..crate::memory::Site::default() });
            if outcome.unreached.last() != Some(&place) {
                outcome.unreached.push(place);
            }
        }
        if !m.link.plain {
            if self.unbuilt
                && let Some(fault) = outcome.faults.first()
            {
                let (kind, place, detail) = (fault.fault.kind.id(), &fault.place, &fault.fault.detail);
                let told =
                    format!("the start state cannot be built: {kind} in {}() at {}:{}: {detail}", place.function, place.file, place.line);
                outcome.unsupported.push(told);
                outcome.faults.clear();
            } else if !self.starts && options.replay.is_none() && outcome.unsupported.is_empty() {
                outcome.unsupported.push("the scenario starts no thread: cuthere_task(cpu, function, argument) does".to_owned());
            }
        }
        let early = m.buffered_load().map(|(read, store)| (crate::told::place_of(m, read), crate::told::place_of(m, store)));
        let sampled = !matches!(options.strategy, StrategyKind::Dpor | StrategyKind::States);
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
            && outcome.bounds.iter().all(|bound| (if m.link.plain { DECLARED_OF_PROGRAMS } else { DECLARED }).contains(&bound.as_str()))
            && outcome.unreached.is_empty()
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
        if outcome.kind == OutcomeKind::None && m.link.plain && m.unordered && options.memory == MemoryModel::Sc {
            outcome.hints.push(
                "atomic operations were taken for sequentially consistent: some ask for less, which --memory lkmm explores".to_owned(),
            );
        }
        // What was found can happen; what was not found may happen in an execution of this kind.
        if let Some((read, store)) = early.filter(|_| outcome.kind != OutcomeKind::Fault) {
            outcome.kind = OutcomeKind::Unknown;
            let behind = if read.file == store.file { format!("line {}", read.line) } else { format!("{}:{}", read.file, read.line) };
            outcome.unsupported.push(format!(
                "{}:{}: nothing orders this store in {}() behind the read at {behind}, so that it may come first (load buffering)",
                store.file, store.line, store.function
            ));
        }
    }
}
