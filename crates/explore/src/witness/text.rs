//! For a terminal and for mail: the picture, then a report as the kernel prints it.

use super::diagram::diagram;
use super::{at, bounds_text, headline};
use crate::fault::FaultKind;
use crate::outcome::{FoundFault, Options, Outcome, OutcomeKind, Place, Replay};
use std::fmt::Write;

const WIDTH: usize = 100;
/// Places that are told of what did not run.
const UNREACHED: usize = 5;
/// The same in a mail.
const MAIL_WIDTH: usize = 74;

/// The outcome for a terminal.
pub fn text(outcome: &Outcome, options: &Options) -> String {
    text_within(outcome, options, WIDTH)
}

/// The outcome for a mail: the picture is narrow enough to be quoted.
pub fn mail(outcome: &Outcome, options: &Options) -> String {
    text_within(outcome, options, MAIL_WIDTH)
}

fn text_within(outcome: &Outcome, options: &Options, width: usize) -> String {
    let mut out = String::new();
    let rest = |out: &mut String| {
        for place in &outcome.unsupported {
            let _ = writeln!(out, "  not executable: {place}");
        }
        if !outcome.unknown_calls.is_empty() {
            let _ = writeln!(out, "  calls of unknown functions, taken to return 0: {}", outcome.unknown_calls.join(", "));
        }
        for what in outcome.guesses.iter().filter(|what| !outcome.unknown_calls.contains(what)) {
            let _ = writeln!(out, "  rests on a guess: {what}");
        }
        for hint in &outcome.hints {
            let _ = writeln!(out, "  {hint}");
        }
        if !outcome.unfinished.is_empty() && outcome.faults.is_empty() {
            let kinds = outcome.unfinished.chunk_by(|a, b| a == b).map(|kind| match kind.len() {
                1 => kind[0].clone(),
                several => format!("{} ({several} threads)", kind[0]),
            });
            let _ = writeln!(out, "  never ran to its end: {}", kinds.collect::<Vec<_>>().join(", "));
        }
        if outcome.faults.is_empty() {
            for place in outcome.unreached.iter().take(UNREACHED) {
                let _ = writeln!(out, "  the bounds kept from running: {}", at(place));
            }
        }
    };
    if let Some(Replay::Diverged(run, why)) = &outcome.replay {
        let _ = writeln!(out, "the replay diverges at run {}: {why}\n", run + 1);
    }
    match outcome.faults.first() {
        Some(found) => {
            if outcome.kind == OutcomeKind::Unknown {
                let _ = writeln!(out, "unknown: what follows rests on guesses, named at the end\n");
            }
            let _ = writeln!(out, "{}\n", headline(found));
            diagram(outcome, width, &mut out);
            out.push('\n');
            splat(found, &mut out);
            let _ = writeln!(out, "\nreplay: {}", found.schedule.encode());
            if outcome.faults.len() > 1 {
                let _ = writeln!(out, "\nalso:");
                for other in &outcome.faults[1..] {
                    let _ = writeln!(out, "  {}", headline(other));
                }
            }
        }
        None if outcome.kind == OutcomeKind::None => {
            let within = if outcome.bounds.is_empty() { "" } else { " within the bounds below" };
            let deepened = outcome.plain && !outcome.bounds.is_empty();
            let ended = if deepened { "all code ran that they leave over" } else { "every thread ran to its end" };
            let _ = writeln!(out, "none{within}: {} executions, {ended}", outcome.executions);
        }
        None if !outcome.complete && outcome.bounds.is_empty() && outcome.unsupported.is_empty() && outcome.unknown_calls.is_empty() => {
            let _ = writeln!(
                out,
                "unknown: {} executions without a fault; not all interleavings could be explored in the time",
                outcome.executions
            );
        }
        None => {
            let _ = writeln!(out, "unknown: {} executions without a fault, but something was in the way", outcome.executions);
        }
    }
    let _ = writeln!(out, "\n{} executions; {}", outcome.executions, bounds_text(outcome, options));
    rest(&mut out);
    // Names of files and words of assertions come from the program too.
    out.split('\n').map(cuthere_base::escape).collect::<Vec<_>>().join("\n")
}

/// A thread as reports name it.
fn label(plain: bool, number: usize, name: &str) -> String {
    if plain { format!("thread {number}: {name}()") } else { format!("{name}()") }
}

/// The locks that a thread holds; that there are none is said where it matters.
fn held(locks: &[(String, Place)], matters: bool, out: &mut String) {
    match locks.len() {
        0 if matters => out.push_str("no locks held\n"),
        0 => {}
        1 => out.push_str("1 lock held:\n"),
        n => {
            let _ = writeln!(out, "{n} locks held:");
        }
    }
    for (n, (name, place)) in locks.iter().enumerate() {
        let _ = writeln!(out, " #{n}: {name}, taken in {}", at(place));
    }
}

/// Calls, innermost first.
fn calls(stack: &[Place], out: &mut String) {
    for place in stack {
        let _ = writeln!(out, " {}", at(place));
    }
}

/// Who did what these calls lead to; the scenario's own function does it before there are threads, or behind them.
fn when(thread: &str, stack: &[Place]) -> String {
    match stack.last() {
        Some(outermost) if thread == "scenario" && outermost.function != "scenario" => "when all threads had ended".to_owned(),
        _ if thread == "scenario" => "while the start state was built".to_owned(),
        _ => format!("by {thread}()"),
    }
}

/// The fault as the kernel would print it.
pub(super) fn splat(found: &FoundFault, out: &mut String) {
    let _ = writeln!(out, "------------[ cut here ]------------");
    let _ = writeln!(out, "BUG: cuthere: {} in {}", found.fault.kind.id(), found.place.function);
    let object = found.object.as_ref().map_or(String::new(), |object| format!(" ({object})"));
    let detail = &found.fault.detail;
    let who = match found.plain {
        true => format!("thread {}: {}()", found.number, found.thread),
        false => format!("{} {}() on CPU {}", found.context, found.thread, found.cpu),
    };
    let _ = match found.fault.kind {
        // Of several it says how many.
        FaultKind::Deadlock if found.waits.iter().filter(|wait| !wait.beside).count() > 1 => writeln!(out, "{detail}"),
        FaultKind::Deadlock => writeln!(out, "{who} {detail}"),
        _ => writeln!(out, "{detail}{object} by {who}"),
    };
    if !found.operands.is_empty() {
        let _ = writeln!(out, "with {}", found.operands.join(", "));
    }
    let two_sided = found.beside.is_some() || found.freed.is_some() || found.fault.kind == FaultKind::ListCorruption;
    held(&found.held, two_sided, out);
    let _ = writeln!(out, "Call Trace:");
    calls(&found.stack, out);
    if let Some((by, stack)) = &found.armed {
        let _ = writeln!(out, "Armed {}:", when(by, stack));
        calls(stack, out);
    }
    if let Some(access) = &found.beside {
        let how = if access.write { "write" } else { "read" };
        let _ = match found.plain {
            true => writeln!(out, "The other access: {how} by thread {}: {}()", access.number, access.thread),
            false => writeln!(out, "The other access: {how} by {} {}() on CPU {}", access.context, access.thread, access.cpu),
        };
        held(&access.held, true, out);
        let _ = writeln!(out, "Call Trace:");
        calls(&access.stack, out);
    }
    for (what, site, stack) in [("Allocated", &found.allocated, &found.allocated_in), ("Freed", &found.freed, &found.freed_in)] {
        if let Some((place, thread)) = site {
            let _ = writeln!(out, "{what} {}:", when(thread, stack));
            calls(if stack.is_empty() { std::slice::from_ref(place) } else { stack }, out);
        }
    }
    if let Some(locks) = found.freed_with.as_ref().filter(|_| found.freed.as_ref().is_some_and(|(_, thread)| thread != "scenario")) {
        held(locks, true, out);
    }
    for wait in &found.waits {
        let place = wait.stack.first().map_or(String::new(), at);
        let call = if wait.call.is_empty() || wait.interrupted { String::new() } else { format!(" in {}()", wait.call) };
        let lock = wait.lock.as_ref().map_or(String::new(), |lock| format!(" for {lock}"));
        let how = match (wait.interrupted, wait.beside) {
            (true, _) => wait.by.as_ref().map_or("is interrupted".to_owned(), |by| format!("is interrupted by {by}()")),
            _ if wait.idle => "sleeps".to_owned(),
            (_, true) => "waits too,".to_owned(),
            _ => "waits".to_owned(),
        };
        let _ = writeln!(out, "{} {how}{call}{lock} in {place}", label(found.plain, wait.number, &wait.thread));
        for place in wait.stack.iter().skip(1) {
            let _ = writeln!(out, "  called by {}", at(place));
        }
        if let Some((number, thread, taken)) = &wait.holder {
            let holder = if *number == wait.number { "itself".to_owned() } else { label(found.plain, *number, thread) };
            let ended = if wait.holder_ended { ", which has ended" } else { "" };
            let _ = writeln!(out, "  held by {holder}{ended}, taken in {}", at(taken));
        }
    }
    if let Some(place) = found.other.as_ref().filter(|_| found.beside.is_none()) {
        let what = if found.fault.kind == FaultKind::DataRace { "The other access is in" } else { "Taken in" };
        let _ = writeln!(out, "{what} {}", at(place));
    }
    let _ = writeln!(out, "---[ end trace ]---");
}
