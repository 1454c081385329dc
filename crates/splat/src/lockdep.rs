//! Lockdep's reports, of all its kinds, and suspicious RCU usage.

use crate::body::Body;
use crate::guilty::{canonical, is_skipped, pick};
use crate::segment::Segment;
use crate::types::{Kind, StackKind};
use crate::verdict::Verdict;

/// The functions that took the locks named below a phrase, in order.
fn taken_after<'b>(segment: &Segment<'_>, body: &'b Body, phrase: &str) -> Vec<&'b str> {
    let from = segment.lines.iter().position(|(_, t)| t.contains(phrase));
    let Some(from) = from else { return Vec::new() };
    body.others.iter().filter(|(line, _)| *line >= from).filter_map(|(_, lock)| lock.acquired_at.as_deref()).collect()
}

fn first_telling(names: &[&str], groups: &[&str]) -> Option<String> {
    names.iter().find(|n| !is_skipped(n, groups)).map(|n| canonical(n))
}

/// The first symbol below a phrase that follows an address or `at:`.
fn symbol_after(segment: &Segment<'_>, phrase: &str) -> Option<String> {
    let from = segment.lines.iter().position(|(_, t)| t.contains(phrase))?;
    segment.lines.iter().skip(from + 1).take(30).find_map(|(_, t)| {
        let place = t.split_once("at: ").map(|(_, r)| r).or_else(|| t.contains("[<").then_some(t.as_ref()))?;
        let f = crate::frame::symbol_in(place).map(|f| f.function);
        f.or_else(|| {
            place
                .split_ascii_whitespace()
                .next()
                .filter(|w| w.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b)))
                .map(str::to_owned)
        })
    })
}

/// Reads a lockdep report.
pub fn read(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    let stack = |groups: &[&str]| pick(body.main(), groups);
    let word = if opening.contains("BUG:") {
        "BUG"
    } else if opening.contains("INFO:") {
        "INFO"
    } else {
        "WARNING"
    };
    match segment.kind {
        Kind::LockdepDeadlock | Kind::LockdepRecursive => {
            let names = taken_after(segment, body, "trying to acquire lock");
            let names = names.get(..names.len().min(2)).unwrap_or(&[]);
            // Flushing a work item from itself: the chain names who waits.
            let chain = body.stacks.iter().filter(|s| s.kind == StackKind::Dependency).flat_map(|s| s.frames.iter());
            let function = first_telling(names, &["workqueue"])
                .or_else(|| pick(chain, &["workqueue"]))
                .or_else(|| stack(&[]))
                .or_else(|| names.first().map(|n| canonical(n)));
            let whole = !names.is_empty();
            match (whole, word) {
                (false, "WARNING") if body.main().is_empty() => {
                    Verdict::new(segment.kind, opening.trim_matches(['[', ']', ' ']).to_owned(), None)
                }
                _ => Verdict::new(segment.kind, "possible deadlock in %", function),
            }
        }
        Kind::LockdepIrqInversion => {
            let function = first_telling(&taken_after(segment, body, "changed the state of lock"), &[]).or_else(|| stack(&[]));
            Verdict::new(segment.kind, "possible deadlock in %", function)
        }
        Kind::LockdepIrqOrder => {
            let unsafe_use = body.stacks.iter().find(|s| s.kind == StackKind::Dependency && s.title.contains("which became"));
            let function = unsafe_use
                .and_then(|s| pick(&s.frames, &[]))
                .or_else(|| first_telling(&taken_after(segment, body, "trying to acquire"), &[]))
                .or_else(|| stack(&[]));
            Verdict::new(segment.kind, "possible deadlock in %", function)
        }
        Kind::LockdepInconsistentState => {
            let taken = || first_telling(&taken_after(segment, body, "takes"), &[]);
            // The lock may have been taken long before its state went wrong; where it did, the stack shows.
            let function = if word == "WARNING" { stack(&[]).or_else(taken) } else { taken().or_else(|| stack(&[])) };
            Verdict::new(segment.kind, "inconsistent lock state in %", function)
        }
        Kind::LockdepUnlockImbalance => {
            let function = symbol_after(segment, "trying to release").filter(|f| !is_skipped(f, &[])).map(|f| canonical(&f));
            Verdict::new(segment.kind, format!("{word}: bad unlock balance in %"), function.or_else(|| stack(&[])))
        }
        Kind::LockdepHeldFreed => {
            let function = symbol_after(segment, "held lock freed").map(|f| canonical(&f));
            Verdict::new(segment.kind, format!("{word}: held lock freed in %"), function.or_else(|| stack(&["free"])))
        }
        Kind::LockdepHeldAtExit => {
            let what =
                if opening.contains("returning to user") { "lock held when returning to user space" } else { "still has locks held" };
            let held = body.held.first().or_else(|| body.others.first().map(|(_, l)| l)).and_then(|l| l.acquired_at.as_deref());
            let function = held.map(canonical).or_else(|| stack(&[]));
            Verdict::bare(segment.kind, format!("{word}: {what} in %"), function)
        }
        Kind::LockdepUnregisteredKey => Verdict::new(segment.kind, "INFO: trying to register non-static key in %", stack(&["key"])),
        Kind::LockdepWaitContext => Verdict::new(segment.kind, "WARNING: locking bug in %", stack(&["wait-context"])),
        Kind::SuspiciousRcu => {
            // Where another stack is mixed into one about a switch, dashboards name no function, not even the want of one.
            let switches = || segment.lines.iter().any(|(_, t)| t.contains("Illegal context switch"));
            if body.foreign_stack && segment.speaker.is_empty() && switches() {
                return Verdict::new(segment.kind, format!("{word}: suspicious RCU usage"), None);
            }
            if body.stacks.is_empty() && !segment.lines.iter().any(|(_, t)| t.contains("other info") || t.contains("suspicious rcu_")) {
                return Verdict::new(segment.kind, format!("{word}: suspicious RCU usage"), None);
            }
            Verdict::new(segment.kind, format!("{word}: suspicious RCU usage in %"), stack(&["rcu"]))
        }
        _ if opening.contains("Nested lock") => Verdict::new(
            segment.kind,
            "WARNING: nested lock was not taken in %",
            stack(&[]).or_else(|| first_telling(&taken_after(segment, body, "trying to lock"), &[])),
        ),
        _ if opening.contains("MAX_") => {
            let what = opening.split_once("BUG: ").map_or("", |(_, r)| r).trim();
            Verdict::bare(segment.kind, format!("BUG: {what}"), stack(&[]))
        }
        _ => Verdict::new(segment.kind, "WARNING: locking bug in %", pick(body.faulting(), &["wait-context"])),
    }
}
