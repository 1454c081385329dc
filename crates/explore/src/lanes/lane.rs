//! One search with the machine that it runs on, and what it has found.

use super::{Half, SHORTENING, Subject};
use crate::link::Linker;
use crate::machine::{Machine, MachineOptions};
use crate::outcome::{Options, Outcome, StrategyKind};
use crate::run::{Run, Turn};
use crate::schedule::Schedule;
use crate::search::{Dpor, Every, Pct, Random, States, Strategy};
use std::time::Instant;

/// Turns after which the search within a bound gives way to random priorities, and the same number later takes over again.
const PATIENCE: u64 = 50;
/// Operations of one execution in the search through states, where the way to a new state may lead through all others.
const LONG: u32 = 1 << 20;
/// Threads that never run, in the search through states: a program that makes threads for ever makes no others.
const FEW_IDLERS: u32 = 2;
/// Bounds of one execution that a program with few states does not come to.
const ENDLESS: [&str; 3] = ["events", "instructions", "memory"];
/// By name.
const DEEPENED: [&str; 2] = ["threads", "unroll"];

/// Which search a lane does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    All,
    Bounded,
    States,
}

enum Search {
    All(Box<Dpor>),
    /// Each state once.
    States(Box<States>),
    /// With this many preemptions, and one more each time, up to a bound.
    Within(u32, Box<Dpor>, Box<Pct>),
    Sampled(Box<dyn Strategy>),
}

/// A search, the machine it runs on, and what it has found.
pub(super) struct Lane<'p> {
    pub run: Run<'p>,
    pub outcome: Outcome,
    search: Search,
}

impl<'p> Lane<'p> {
    /// `Err`: there is nothing to run.
    pub(super) fn new(subject: &Subject<'p>, options: &Options, kind: Kind) -> Result<Lane<'p>, Box<Outcome>> {
        let &Subject { program, model, scenario, bodies } = subject;
        let mut link = Linker::new(program, model, bodies, scenario.file, scenario.plain);
        let entry = if scenario.plain { "main" } else { "scenario" };
        let start: Vec<_> = link.own_function(entry).into_iter().map(|id| (id, arguments(&mut link, scenario.plain))).collect();
        let mut outcome = Outcome::default();
        if start.is_empty() {
            outcome.unsupported.push(format!("the scenario has no function {entry}()"));
            return Err(Box::new(outcome));
        }
        let usual = MachineOptions::default();
        let machine_options = MachineOptions {
            preemption: options.preemption,
            bh_lock: options.bh_lock,
            memory: options.memory,
            interrupts: options.interrupts,
            // What has few states may go round for ever.
            unroll: if kind == Kind::States && options.alike == u32::MAX { u32::MAX } else { options.unroll },
            events: if kind == Kind::States || options.replay.is_some() { LONG } else { usual.events },
            alike: options.alike,
            // Each more is one more state of all that the others do.
            idlers: if kind == Kind::States { FEW_IDLERS } else { usual.idlers },
            awaits: kind != Kind::States,
            ..usual
        };
        let mut machine = Machine::new(link, machine_options, start);
        machine.races = (options.races && kind != Kind::States).then(crate::races::Races::default);
        machine.adjacent = options.races && kind == Kind::States;
        machine.link.mem.ever = (kind == Kind::States).then(Box::default);
        let search = match options.strategy {
            StrategyKind::Dpor | StrategyKind::States if kind == Kind::States => Search::States(Box::default()),
            StrategyKind::Dpor if kind == Kind::Bounded => {
                Search::Within(0, Box::new(Dpor::new(Some(0))), Box::new(Pct::new(options.seed, options.preemptions + 1)))
            }
            StrategyKind::Dpor | StrategyKind::States => Search::All(Box::new(Dpor::new(None))),
            StrategyKind::Random => Search::Sampled(Box::new(Random::new(options.seed))),
            StrategyKind::Every => Search::Sampled(Box::new(Every::default())),
            StrategyKind::Pct => Search::Sampled(Box::new(Pct::new(options.seed, options.preemptions + 1))),
        };
        Ok(Lane { run: Run::new(machine), outcome, search })
    }

    /// Goes on for this many operations.
    pub(super) fn turn(&mut self, options: &Options, operations: u64, deadline: Instant) -> Turn {
        let (run, outcome) = (&mut self.run, &mut self.outcome);
        let until = outcome.events.saturating_add(operations);
        match &mut self.search {
            Search::Sampled(strategy) => {
                let turn = run.turn(strategy.as_mut(), options, outcome, until, deadline);
                outcome.complete = turn == Turn::Complete && options.strategy == StrategyKind::Every;
                turn
            }
            Search::All(dpor) => {
                let turn = run.turn(dpor.as_mut(), options, outcome, until, deadline);
                outcome.complete = turn == Turn::Complete;
                turn
            }
            Search::States(search) => {
                let turn = run.turn(search.as_mut(), options, outcome, until, deadline);
                outcome.complete = turn == Turn::Complete;
                outcome.states = search.count();
                // What has no end has too many states.
                let endless = ENDLESS.iter().any(|bound| run.machine.bounds.contains(bound));
                if endless && turn == Turn::Going { Turn::Limited } else { turn }
            }
            Search::Within(bound, dpor, pct) => loop {
                let patience = PATIENCE * options.turn;
                let sampling = run.is_plain() && (patience..2 * patience).contains(&outcome.events);
                if sampling {
                    let learned = run.learned;
                    let turn = run.turn(pct.as_mut(), options, outcome, until.min(2 * patience), deadline);
                    if run.learned != learned {
                        dpor.restart();
                    }
                    if turn != Turn::Going || outcome.events >= until {
                        return turn;
                    }
                }
                let turn = run.turn(dpor.as_mut(), options, outcome, until, deadline);
                if turn != Turn::Complete {
                    return turn;
                }
                outcome.complete = !dpor.bounded();
                if outcome.complete || *bound >= options.preemptions.min(u32::from(u16::MAX)) {
                    return turn;
                }
                *bound += 1;
                **dpor = Dpor::new(Some(*bound as u16));
                (outcome.executions, outcome.redundant) = (0, 0);
            },
        }
    }

    /// Whether it has come to loops or threads that may have no end.
    pub(super) fn is_endless(&self) -> bool {
        self.run.machine.is_crowded() || DEEPENED.iter().any(|bound| self.run.machine.bounds.contains(bound))
    }

    /// Until when it goes on: where there is no end, only until bounds are to be tried.
    pub(super) fn limit(&self, own: Instant, half: Option<Half>) -> Instant {
        half.filter(|_| self.is_endless()).map_or(own, |half| self.by(half).min(own))
    }

    fn by(&self, half: Half) -> Instant {
        if self.run.machine.is_crowded() { half.threads } else { half.rounds }
    }

    /// Whether it is time to try within bounds instead.
    pub(super) fn gives_way(&mut self, half: Option<Half>) -> bool {
        let late = half.is_some_and(|half| Instant::now() >= self.by(half)) && self.is_endless() && self.outcome.faults.is_empty();
        if late {
            self.outcome.bounds.insert("time".to_owned());
        }
        late
    }

    /// Keeps only what was learned.
    pub(super) fn forget(&mut self) {
        self.outcome = Outcome::default();
        let m = &mut self.run.machine;
        m.bounds.clear();
        m.unknown_calls.clear();
        m.unsupported.clear();
    }

    /// Runs one schedule.
    pub(super) fn follow(mut self, schedule: &Schedule, options: &Options) -> Outcome {
        let how = self.run.replay(schedule);
        self.outcome.executions = 1;
        let faults = self.run.machine.faults.clone();
        self.run.collect(&mut self.outcome, faults, Some(schedule));
        self.outcome.replay = Some(how);
        self.run.show(&mut self.outcome, schedule);
        self.run.conclude(&mut self.outcome, options);
        self.outcome
    }

    /// The same, once the search has found out until then which operations count.
    pub(super) fn follow_knowing(mut self, schedule: &Schedule, options: &Options, until: Instant) -> Outcome {
        self.turn(options, u64::MAX, until);
        self.forget();
        self.follow(schedule, options)
    }

    /// Shows the gravest fault by the shortest schedule found, and says what the search amounts to.
    pub(super) fn finish(mut self, options: &Options, deadline: Instant) -> Outcome {
        let mut unshown = None;
        while let Some(first) = self.outcome.faults.first() {
            // What happens while it is looked for is no part of the search.
            let m = &self.run.machine;
            let kept = (m.bounds.clone(), m.unknown_calls.clone(), m.unsupported.clone());
            let (kind, place, found) = (first.fault.kind, first.place.clone(), first.schedule.clone());
            // What is shown has clocks.
            self.run.machine.races = options.races.then(crate::races::Races::default);
            let schedule = self.run.minimise(first, deadline.max(Instant::now() + SHORTENING)).unwrap_or(found);
            self.run.replay(&schedule);
            let shown = self.run.has_come_to(kind, &place);
            if shown {
                self.run.show(&mut self.outcome, &schedule);
            } else {
                self.outcome.faults.remove(0);
                unshown.get_or_insert((kind, place));
            }
            let m = &mut self.run.machine;
            (m.bounds, m.unknown_calls, m.unsupported) = kept;
            if shown {
                break;
            }
        }
        // What cannot be shown is not said to be.
        if let Some((kind, place)) = unshown.filter(|_| self.outcome.faults.is_empty()) {
            let told = format!("{}:{}: {} was come to by a schedule that does not lead to it again", place.file, place.line, kind.id());
            self.outcome.unsupported.push(told);
        }
        self.run.conclude(&mut self.outcome, options);
        self.outcome
    }
}

/// A program is called without arguments: `argc` is 1, and `argv` has its name. A scenario has no parameters.
fn arguments(link: &mut Linker<'_>, plain: bool) -> [i64; 2] {
    if !plain {
        return [0, 0];
    }
    let name = link.mem.add_global(b"program\0".to_vec());
    let list = link.mem.add_global([name, 0].iter().flat_map(|word| word.to_le_bytes()).collect());
    [1, list as i64]
}
