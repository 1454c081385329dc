//! An exploration from its parts: one search through all interleavings, and beside it one within a bound on preemptions.
//!
//! Where all interleavings can be explored, the first comes to its end, and what it says is the result. Where they cannot, the second says up to
//! which bound there is no fault, or finds one with few preemptions; in a program that is too large for that as well, it also tries schedules
//! with random priorities. The two take turns, counted in operations, whether they have a core each
//! or share one: so the result is the same for any number of cores, as long as it is not the time that ends them.

mod lane;
mod turns;

use crate::bodies::Bodies;
use crate::machine::{MemoryModel, Preemption};
use crate::outcome::{Options, Outcome, OutcomeKind, Replay, StrategyKind};
use crate::scenario::ScenarioSource;
use cuthere_cfront::program::Program;
use cuthere_kernel::Model;
use lane::{Kind, Lane};
use std::time::{Duration, Instant};
use turns::both;

/// How long the shortest schedule is looked for when the time of the search is over, or where the tree defines what a scenario lacks.
const SHORTENING: Duration = Duration::from_millis(200);
/// Turns of a search through the states of a few threads alone.
const TURNS_OF_STATES: u64 = 10;

/// Rounds of loops that are tried first: a loop that serves until it is told to stop has no last one.
const SHALLOW: [u32; 2] = [2, 6];

/// Bounds that a program is tried within where it has no end: threads of one function, and rounds of loops.
const WITHIN: [(u32, u32); 4] = [(2, 3), (3, 6), (4, 20), (6, 60)];
/// How many times as many rounds are tried where a program's loops end behind the bound.
const DEEPER: [u32; 3] = [5, 25, 100];

/// Explores a scenario.
pub fn explore(program: &Program<'_>, model: &Model, scenario: &ScenarioSource, options: &Options) -> Outcome {
    Explorer::new(program, model, scenario).explore(options)
}

/// A scenario, whose functions are read where an exploration comes to them first and kept for all of its searches, and for later ones.
pub struct Explorer<'p> {
    program: &'p Program<'p>,
    model: &'p Model,
    scenario: &'p ScenarioSource,
    bodies: Bodies,
}

impl<'p> Explorer<'p> {
    /// Reads nothing yet.
    pub fn new(program: &'p Program<'p>, model: &'p Model, scenario: &'p ScenarioSource) -> Explorer<'p> {
        Explorer { program, model, scenario, bodies: Bodies::default() }
    }

    /// Explores it.
    pub fn explore(&self, options: &Options) -> Outcome {
        let model = self.model.clone().for_preempt(options.preemption == Preemption::Rt);
        within_rounds(&Subject { program: self.program, model: &model, scenario: self.scenario, bodies: &self.bodies }, options)
    }
}

/// What is explored.
#[derive(Clone, Copy)]
struct Subject<'a> {
    program: &'a Program<'a>,
    model: &'a Model,
    scenario: &'a ScenarioSource,
    bodies: &'a Bodies,
}

/// Explores with few rounds of loops first.
fn within_rounds(subject: &Subject<'_>, options: &Options) -> Outcome {
    let started = Instant::now();
    let &Subject { program, scenario, .. } = subject;
    if let Some(schedule) = &options.replay {
        let limit = |n: Option<u32>| n.unwrap_or(u32::MAX);
        let bounds = (limit(schedule.unroll), limit(schedule.alike));
        if (options.unroll, options.alike) != bounds {
            return within_rounds(subject, &Options { unroll: bounds.0, alike: bounds.1, ..options.clone() });
        }
    }
    let wrong = if scenario.plain { crate::refused::refusals(program, scenario) } else { misplaced(program, scenario) };
    if !wrong.is_empty() {
        return Outcome { unsupported: wrong, plain: scenario.plain, ..Outcome::default() };
    }
    if scenario.plain && options.replay.is_none() && options.strategy == StrategyKind::Dpor {
        return program_within(subject, options);
    }
    let deepens = !scenario.plain && options.replay.is_none() && options.strategy == StrategyKind::Dpor;
    let shallow = SHALLOW.iter().copied().filter(|n| deepens && *n < options.unroll);
    // Behind the bound lies what a thread never came to.
    let deeper = DEEPER.iter().filter(|_| deepens && options.deepens).map(|times| options.unroll.saturating_mul(*times));
    let mut best: Option<Outcome> = None;
    for unroll in shallow.chain([options.unroll]).chain(deeper) {
        if unroll > options.unroll && best.as_ref().is_none_or(|b| b.unfinished.is_empty() || b.kind != OutcomeKind::Unknown) {
            break;
        }
        let left = options.time.saturating_sub(started.elapsed());
        let round = Options { unroll, time: left, ..options.clone() };
        let mut outcome = once(subject, &round, None);
        outcome.unroll = unroll;
        let goes_on = outcome.bounds.contains("unroll") && outcome.kind != OutcomeKind::Fault && !outcome.bounds.contains("time");
        // What was found out with fewer rounds holds, if the time was not enough for more.
        if outcome.kind == OutcomeKind::Unknown
            && outcome.bounds.contains("time")
            && best.as_ref().is_some_and(|b| b.kind == OutcomeKind::None || unroll > options.unroll)
        {
            break;
        }
        best = Some(outcome);
        if !goes_on {
            break;
        }
    }
    let mut outcome = best.unwrap_or_default();
    if !scenario.plain && outcome.kind == OutcomeKind::Unknown {
        let names = outcome.unknown_calls.iter().chain(&outcome.guesses);
        let until = (started + options.time).max(Instant::now() + SHORTENING);
        outcome.hints = crate::definers::hints(program, scenario.file, names.map(String::as_str), until);
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    outcome
}

/// Includes of the scenario that lead nowhere, or to another architecture.
fn misplaced(program: &Program<'_>, scenario: &ScenarioSource) -> Vec<String> {
    let path = program.source.path(scenario.file);
    let mut out = Vec::new();
    for include in program.outline(scenario.file).includes.iter().filter(|i| i.active) {
        let name = include.path.as_str();
        let line = include.loc.line;
        let arch = name.strip_prefix("arch/").and_then(|rest| rest.split('/').next());
        let found = program.includes(scenario.file).iter().any(|&f| program.source.path(f).ends_with(name));
        match arch {
            Some(arch) if found && arch != program.config.arch => {
                out.push(format!("{path}:{line}: {name} belongs to another architecture: run with --arch {arch}"));
            }
            _ if !found => out.push(format!("{path}:{line}: the tree has no {name}")),
            _ => {}
        }
    }
    out
}

/// A program: without bounds first. Where threads or rounds have no end, most of the time goes to bounds that are deepened step by step.
fn program_within(subject: &Subject<'_>, options: &Options) -> Outcome {
    let started = Instant::now();
    let mut outcome = once(subject, options, Some(Half::of(started, options.time)));
    outcome.unroll = options.unroll;
    if options.alike < u32::MAX {
        outcome.alike = options.alike;
    }
    let endless = |bound: &str, outcome: &Outcome| outcome.bounds.contains(bound);
    for unroll in DEEPER.map(|times| options.unroll.saturating_mul(times)) {
        let open = outcome.kind == OutcomeKind::Unknown && outcome.faults.is_empty() && endless("unroll", &outcome);
        let late = started.elapsed() > options.time / 4 || endless("time", &outcome);
        if !options.deepens || !open || late {
            break;
        }
        let left = options.time.saturating_sub(started.elapsed());
        let round = Options { unroll, time: left, ..options.clone() };
        let mut found = once(subject, &round, Some(Half { rounds: started + options.time / 2, threads: started + options.time / 2 }));
        (found.unroll, found.alike) = (unroll, outcome.alike);
        if found.bounds.contains("time") && found.faults.is_empty() && found.kind != OutcomeKind::None {
            break;
        }
        outcome = found;
    }
    let threads = endless("threads", &outcome) || endless("sizes", &outcome) || outcome.crowded;
    // Whether rounds have no end either is not known where the threads alone took all the time.
    let rounds = threads || endless("unroll", &outcome);
    if outcome.kind == OutcomeKind::Unknown && (threads || rounds) && outcome.faults.is_empty() && !options.bound_counts {
        for (alike, unroll) in WITHIN {
            let (alike, unroll) = (if threads { alike } else { options.alike }, if rounds { unroll } else { options.unroll });
            let left = (started + options.time).saturating_duration_since(Instant::now());
            if left.is_zero() || alike > options.alike || unroll > options.unroll {
                break;
            }
            let by_states = if threads { by_states(subject, &Options { alike, time: left / 4, ..options.clone() }) } else { None };
            if let Some(mut found) = by_states {
                (found.unroll, found.alike) = (options.unroll, alike);
                let ends = found.kind == OutcomeKind::Fault;
                outcome = found;
                if ends {
                    break;
                }
                continue;
            }
            let left = (started + options.time).saturating_duration_since(Instant::now());
            let round = Options { alike, unroll, time: left, ..options.clone() };
            let mut found = once(subject, &round, None);
            (found.unroll, found.alike) = (unroll, if threads { alike } else { 0 });
            let late = found.bounds.contains("time");
            if found.kind != OutcomeKind::Unknown || !found.faults.is_empty() {
                outcome = found;
            }
            if late || outcome.kind == OutcomeKind::Fault || !threads && !rounds {
                break;
            }
        }
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    outcome
}

/// What the states of so many threads say, if these are few, however often they go round. `None`: nothing.
fn by_states(subject: &Subject<'_>, options: &Options) -> Option<Outcome> {
    let options = Options { strategy: StrategyKind::States, unroll: u32::MAX, ..options.clone() };
    if options.memory != MemoryModel::Sc {
        return None;
    }
    let deadline = Instant::now() + options.time;
    let mut lane = Lane::new(subject, &options, Kind::States).ok()?;
    lane.turn(&options, TURNS_OF_STATES * options.turn, deadline);
    Some(lane.finish(&options, deadline)).filter(|outcome| outcome.kind != OutcomeKind::Unknown)
}

/// Until when a program without an end is explored without bounds.
#[derive(Clone, Copy)]
struct Half {
    /// Where its loops go on.
    rounds: Instant,
    /// Where threads are made on and on: their orders have no end that could be come to.
    threads: Instant,
}

impl Half {
    fn of(started: Instant, time: Duration) -> Half {
        Half { rounds: started + time / 4, threads: started + time / 16 }
    }
}

fn once(subject: &Subject<'_>, options: &Options, half: Option<Half>) -> Outcome {
    let started = Instant::now();
    let lane = |kind| Lane::new(subject, options, kind);
    let alone = if options.strategy == StrategyKind::States { Kind::States } else { Kind::All };
    match lane(alone) {
        Err(outcome) => *outcome,
        Ok(mut first) => match &options.replay {
            Some(schedule) if options.memory == MemoryModel::Sc => first.follow(schedule, options),
            Some(schedule) => {
                // Which stores are buffered, and count, only a search finds out: the one that found the schedule, which may be either.
                let two = options.strategy == StrategyKind::Dpor;
                let part = if !two {
                    1
                } else if first.run.is_plain() {
                    2
                } else {
                    5
                };
                let outcome = first.follow_knowing(schedule, options, started + options.time / part);
                let shows = |outcome: &Outcome| outcome.replay == Some(Replay::Same) && !outcome.faults.is_empty();
                if !two || shows(&outcome) {
                    return outcome;
                }
                let Ok(second) = lane(Kind::Bounded) else { return outcome };
                let other = second.follow_knowing(schedule, options, started + options.time);
                if shows(&other) { other } else { outcome }
            }
            None if options.strategy == StrategyKind::Dpor => {
                // What stores wait for tells more states apart than there is room for.
                let knows = subject.scenario.plain && options.memory == MemoryModel::Sc && !options.anew;
                let states = || knows.then(|| lane(Kind::States).ok()).flatten();
                both(first, states, || lane(Kind::Bounded).ok(), options, started, half)
            }
            None => {
                let deadline = started + options.time;
                first.turn(options, u64::MAX, deadline);
                first.finish(options, deadline)
            }
        },
    }
}
