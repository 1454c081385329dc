//! How an outcome is told: columns of steps, a report as the kernel prints it, JSON, and a page of its own.
//!
//! Shown are the steps that matter: those that touch what another thread touches too, those that get hold of the object that the fault is about, and the
//! last step of each thread, with the values that they read and write. Nothing is decided here; the trace comes from replaying the schedule.

mod diagram;
mod html;
mod json;
mod steps;
mod text;

pub use html::html;
pub use json::json;
pub use text::{mail, text};

use crate::machine::{ELEMENTS, MemoryModel, THREADS_MAX};
use crate::outcome::{FoundFault, Options, Outcome, OutcomeKind, Place};
use std::fmt::Write;

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome.kind {
        OutcomeKind::Fault => "fault",
        OutcomeKind::None => "none",
        OutcomeKind::Unknown => "unknown",
    }
}

fn at(place: &Place) -> String {
    format!("{}() at {}:{}", place.function, place.file, place.line)
}

/// The fault in one line.
fn headline(found: &FoundFault) -> String {
    let object = found.object.as_ref().map_or(String::new(), |object| format!(" ({object})"));
    format!("{} in {}: {}{object}", found.fault.kind.id(), at(&found.place), found.fault.detail)
}

fn bounds_text(outcome: &Outcome, options: &Options) -> String {
    let preemptions = if outcome.complete { "any".to_owned() } else { options.preemptions.to_string() };
    let mut text = format!(
        "preemptions {preemptions}, interrupts {}, unroll {}",
        options.interrupts,
        if outcome.unroll > 0 { outcome.unroll } else { options.unroll }
    );
    if outcome.states > 0 {
        text = format!("{} states; {text}", outcome.states);
    }
    if outcome.alike > 0 {
        let _ = write!(text, ", threads of one function {}", outcome.alike);
    } else if outcome.bounds.contains("threads") {
        let _ = write!(text, ", threads {THREADS_MAX}");
    }
    if outcome.bounds.contains("sizes") {
        let elements = if outcome.alike > 0 { outcome.alike.min(ELEMENTS) } else { ELEMENTS };
        let _ = write!(text, ", elements of open number {elements}");
    }
    text += match options.memory {
        MemoryModel::Sc => "",
        MemoryModel::Tso => ", store buffers",
        MemoryModel::Lkmm => ", kernel memory model without load buffering",
    };
    if !outcome.bounds.is_empty() {
        let names: Vec<&str> = outcome.bounds.iter().map(String::as_str).collect();
        let _ = write!(text, "; reached: {}", names.join(", "));
    }
    text
}
