//! An exploration from its parts: one search through all interleavings, and beside it one within a bound on preemptions.
//!
//! Where all interleavings can be explored, the first comes to its end, and what it says is the result. Where they cannot, the second says up to
//! which bound there is no fault, or finds one with few preemptions; in a program that is too large for that as well, it also tries schedules
//! with random priorities. The two take turns, counted in operations, whether they have a core each
//! or share one: so the result is the same for any number of cores, as long as it is not the time that ends them.

use crate::bodies::Bodies;
use crate::link::Linker;
use crate::machine::{Machine, MachineOptions, MemoryModel, Preemption};
use crate::outcome::{Options, Outcome, OutcomeKind, Replay, StrategyKind};
use crate::run::{Run, Turn};
use crate::scenario::ScenarioSource;
use crate::schedule::Schedule;
use crate::search::{Dpor, Every, Pct, Random, States, Strategy};
use cuthere_cfront::program::Program;
use cuthere_kernel::Model;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Turns that the first search does alone: most programs need no more.
const ALONE: u64 = 3;
/// Turns after which the search within a bound gives way to random priorities, and the same number later takes over again.
const PATIENCE: u64 = 50;
/// By how much an operation of the search through states takes longer: each comes with a state to go back to and one to know again.
const STATES: u64 = 2;
/// How long the shortest schedule is looked for when the time of the search is over, or where the tree defines what a scenario lacks.
const SHORTENING: Duration = Duration::from_millis(200);
/// Turns of a search through the states of a few threads alone.
const TURNS_OF_STATES: u64 = 10;
/// Operations of one execution in the search through states, where the way to a new state may lead through all others.
const LONG: u32 = 1 << 20;
/// Threads that never run, in the search through states: a program that makes threads for ever makes no others.
const FEW_IDLERS: u32 = 2;
/// Bytes of a search's stack: bodies are read where they are first called.
const STACK: usize = 16 << 20;

/// Rounds of loops that are tried first: a loop that serves until it is told to stop has no last one.
const SHALLOW: [u32; 2] = [2, 6];

/// Bounds that a program is tried within where it has no end: threads of one function, and rounds of loops.
const WITHIN: [(u32, u32); 4] = [(2, 3), (3, 6), (4, 20), (6, 60)];
/// How many times as many rounds are tried where a program's loops end behind the bound.
const DEEPER: [u32; 3] = [5, 25, 100];
/// Bounds of one execution that a program with few states does not come to.
const ENDLESS: [&str; 3] = ["events", "instructions", "memory"];
/// By name.
const DEEPENED: [&str; 2] = ["threads", "unroll"];

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

/// Lets the two searches take turns, and gives the outcome of one of them.
fn both<'p>(
    mut first: Lane<'p>,
    states: impl FnOnce() -> Option<Lane<'p>>,
    second: impl FnOnce() -> Option<Lane<'p>> + Send,
    options: &Options,
    started: Instant,
    half: Option<Half>,
) -> Outcome {
    let deadline = started + options.time;
    // A scenario has its answer with the bound; a program only without.
    let own = if first.run.is_plain() { deadline } else { started + options.time / 5 };
    let mut state = Turn::Going;
    for _ in 0..ALONE {
        state = first.turn(options, options.turn, first.limit(own, half));
        if state.ended() || first.gives_way(half) {
            return first.finish(options, deadline);
        }
        if state != Turn::Going {
            break;
        }
    }
    let mut states = states();
    if rayon::current_num_threads() < 2 {
        let Some(mut lane) = second() else { return first.finish(options, deadline) };
        let mut here = Here { lane: &mut lane, options, deadline };
        return match take_turns((&mut first, state), states.as_mut(), &mut here, options, own, half) {
            Which::Second => lane.finish(options, deadline),
            Which::States => states.unwrap_or(first).finish(options, deadline),
            Which::First => first.finish(options, deadline),
        };
    }
    std::thread::scope(|scope| {
        let (orders, theirs) = sync_channel(1);
        let (mine, answers) = sync_channel(1);
        let work = move || serve(second(), options, deadline, &theirs, &mine);
        if std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).is_err() {
            // Without a second thread the first search is all there is.
            first.turn(options, u64::MAX, own);
            return first.finish(options, deadline);
        }
        let which = take_turns((&mut first, state), states.as_mut(), &mut There { orders: &orders, answers: &answers }, options, own, half);
        if which == Which::Second
            && orders.send(Order::Finish).is_ok()
            && let Ok(Answer::Outcome(outcome)) = answers.recv()
        {
            return *outcome;
        }
        drop(orders);
        match (which, states) {
            (Which::States, Some(states)) => states.finish(options, deadline),
            _ => first.finish(options, deadline),
        }
    })
}

/// Whose outcome counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    First,
    Second,
    /// The one that knows states again.
    States,
}

/// Goes on with all until one has the result.
fn take_turns(
    (first, mut state): (&mut Lane<'_>, Turn),
    mut states: Option<&mut Lane<'_>>,
    second: &mut dyn Beside,
    options: &Options,
    own: Instant,
    half: Option<Half>,
) -> Which {
    let mut beside = Report::default();
    loop {
        if beside.turn == Turn::Going {
            second.begin();
        }
        if state == Turn::Going {
            state = first.turn(options, options.turn, first.limit(own, half));
        }
        if let Some(lane) = states.as_mut() {
            match lane.turn(options, options.turn / STATES, own) {
                Turn::Going => {}
                Turn::Complete | Turn::Found => return Which::States,
                Turn::Limited if !lane.outcome.faults.is_empty() && first.outcome.faults.is_empty() => return Which::States,
                Turn::Limited => states = None,
            }
        }
        if beside.turn == Turn::Going {
            beside = second.report();
        }
        if state.ended() {
            return Which::First;
        }
        let found = !first.outcome.faults.is_empty();
        if !found && !beside.faults && first.gives_way(half) {
            return Which::First;
        }
        match (state, beside.turn) {
            (_, Turn::Found) => return Which::Second,
            (_, Turn::Complete | Turn::Limited) if beside.faults => return Which::Second,
            (_, Turn::Complete) if options.bound_counts => return Which::Second,
            (Turn::Limited, _) if found && first.run.is_plain() => return Which::First,
            (Turn::Limited, Turn::Complete) if states.is_none() => return if found { Which::First } else { Which::Second },
            (Turn::Limited, Turn::Limited) if states.is_none() => return Which::First,
            _ => {}
        }
    }
}

/// What the second search says after its turn.
#[derive(Clone, Copy, Default)]
struct Report {
    turn: Turn,
    faults: bool,
}

/// The second search, wherever it runs.
trait Beside {
    fn begin(&mut self);
    fn report(&mut self) -> Report;
}

/// On this thread, when it is asked for its report.
struct Here<'a, 'p> {
    lane: &'a mut Lane<'p>,
    options: &'a Options,
    deadline: Instant,
}

impl Beside for Here<'_, '_> {
    fn begin(&mut self) {}

    fn report(&mut self) -> Report {
        let turn = self.lane.turn(self.options, self.options.turn, self.deadline);
        Report { turn, faults: !self.lane.outcome.faults.is_empty() }
    }
}

enum Order {
    Turn,
    Finish,
}

enum Answer {
    Report(Report),
    Outcome(Box<Outcome>),
}

/// On a thread of its own.
struct There<'a> {
    orders: &'a SyncSender<Order>,
    answers: &'a Receiver<Answer>,
}

impl Beside for There<'_> {
    fn begin(&mut self) {
        // If it is gone, its report says so.
        let _ = self.orders.send(Order::Turn);
    }

    fn report(&mut self) -> Report {
        match self.answers.recv() {
            Ok(Answer::Report(report)) => report,
            _ => Report { turn: Turn::Limited, faults: false },
        }
    }
}

fn serve(lane: Option<Lane<'_>>, options: &Options, deadline: Instant, orders: &Receiver<Order>, answers: &SyncSender<Answer>) {
    let Some(mut lane) = lane else { return };
    while let Ok(Order::Turn) = orders.recv() {
        let turn = lane.turn(options, options.turn, deadline);
        if answers.send(Answer::Report(Report { turn, faults: !lane.outcome.faults.is_empty() })).is_err() {
            return;
        }
        if turn != Turn::Going {
            break;
        }
    }
    if let Ok(Order::Finish) = orders.recv() {
        let _ = answers.send(Answer::Outcome(Box::new(lane.finish(options, deadline))));
    }
}

/// Which search a lane does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
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
struct Lane<'p> {
    run: Run<'p>,
    outcome: Outcome,
    search: Search,
}

impl<'p> Lane<'p> {
    /// `Err`: there is nothing to run.
    fn new(subject: &Subject<'p>, options: &Options, kind: Kind) -> Result<Lane<'p>, Box<Outcome>> {
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
    fn turn(&mut self, options: &Options, operations: u64, deadline: Instant) -> Turn {
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
    fn is_endless(&self) -> bool {
        self.run.machine.is_crowded() || DEEPENED.iter().any(|bound| self.run.machine.bounds.contains(bound))
    }

    /// Until when it goes on: where there is no end, only until bounds are to be tried.
    fn limit(&self, own: Instant, half: Option<Half>) -> Instant {
        half.filter(|_| self.is_endless()).map_or(own, |half| self.by(half).min(own))
    }

    fn by(&self, half: Half) -> Instant {
        if self.run.machine.is_crowded() { half.threads } else { half.rounds }
    }

    /// Whether it is time to try within bounds instead.
    fn gives_way(&mut self, half: Option<Half>) -> bool {
        let late = half.is_some_and(|half| Instant::now() >= self.by(half)) && self.is_endless() && self.outcome.faults.is_empty();
        if late {
            self.outcome.bounds.insert("time".to_owned());
        }
        late
    }

    /// Keeps only what was learned.
    fn forget(&mut self) {
        self.outcome = Outcome::default();
        let m = &mut self.run.machine;
        m.bounds.clear();
        m.unknown_calls.clear();
        m.unsupported.clear();
    }

    /// Runs one schedule.
    fn follow(mut self, schedule: &Schedule, options: &Options) -> Outcome {
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
    fn follow_knowing(mut self, schedule: &Schedule, options: &Options, until: Instant) -> Outcome {
        self.turn(options, u64::MAX, until);
        self.forget();
        self.follow(schedule, options)
    }

    /// Shows the gravest fault by the shortest schedule found, and says what the search amounts to.
    fn finish(mut self, options: &Options, deadline: Instant) -> Outcome {
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
