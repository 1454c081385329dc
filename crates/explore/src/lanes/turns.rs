//! Searches that take turns: one through all interleavings, one within a bound on preemptions, and of a program one through its states.
//!
//! Turns are counted in operations, never in time, and the second search says the same on a thread of its own as on this one.

use super::Half;
use super::lane::Lane;
use crate::outcome::{Options, Outcome};
use crate::run::Turn;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

/// Turns that the first search does alone: most programs need no more.
const ALONE: u64 = 3;
/// By how much an operation of the search through states takes longer: each comes with a state to go back to and one to know again.
const STATES: u64 = 2;
/// Bytes of a search's stack: bodies are read where they are first called.
const STACK: usize = 16 << 20;

/// Lets the two searches take turns, and gives the outcome of one of them.
pub(super) fn both<'p>(
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
