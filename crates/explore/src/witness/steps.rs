//! Which steps are shown, and what is said at each.

use crate::outcome::{Outcome, OutcomeKind, TraceStep};
use std::collections::{BTreeMap, BTreeSet};

/// The most steps that are shown.
const STEPS_MAX: usize = 70;
/// Steps of one line that are looked at.
const LINE_MAX: usize = 16;
/// Steps of a loop's round that are told once.
const ROUND_MAX: usize = 8;

/// A step of the picture.
pub(super) struct Line<'o> {
    pub step: &'o TraceStep,
    /// What it and those behind it on the same line have read and written.
    pub values: Vec<String>,
    /// How often the round that ends here was gone through.
    pub rounds: usize,
    /// Steps that are not shown before this one, for there are too many.
    pub left_out: usize,
    /// The fault is about it.
    core: bool,
    pub fault: bool,
}

/// The steps worth showing, in order.
pub(super) fn relevant(outcome: &Outcome) -> Vec<Line<'_>> {
    let mut lines = choose(outcome);
    fold(&mut lines);
    if lines.len() > STEPS_MAX {
        lines = thinned(lines);
    }
    if let Some(found) = outcome.faults.first().filter(|_| outcome.kind != OutcomeKind::None)
        && let Some(last) = lines.last_mut().filter(|l| l.step.waits.is_none())
    {
        last.fault = true;
        for operand in &found.operands {
            tell(&mut last.values, operand);
        }
    }
    lines
}

/// As many as can be read: what the fault is about, and of the others those that come last.
fn thinned(lines: Vec<Line<'_>>) -> Vec<Line<'_>> {
    let mut room = STEPS_MAX.saturating_sub(lines.iter().filter(|l| l.core).count());
    let mut kept: Vec<Line<'_>> = Vec::with_capacity(STEPS_MAX);
    let mut left_out = 0;
    for line in lines.into_iter().rev() {
        if kept.len() < STEPS_MAX && (line.core || room > 0) {
            room -= usize::from(!line.core);
            if let Some(later) = kept.last_mut() {
                later.left_out = std::mem::take(&mut left_out);
            }
            kept.push(line);
        } else {
            left_out += 1;
        }
    }
    if let Some(first) = kept.last_mut() {
        first.left_out = left_out;
    }
    kept.reverse();
    kept
}

fn choose(outcome: &Outcome) -> Vec<Line<'_>> {
    let mut users: BTreeMap<u64, (u128, bool)> = BTreeMap::new();
    for step in outcome.trace.iter().filter(|s| s.visible) {
        let entry = users.entry(step.addr).or_default();
        entry.0 |= 1 << (step.thread & 127);
        entry.1 |= step.write;
    }
    let shared = |s: &TraceStep| users.get(&s.addr).is_some_and(|u| u.0.count_ones() > 1 && u.1);
    let freed = outcome.faults.first().and_then(|f| f.freed.as_ref()).map(|f| &f.0);
    let freed_in = outcome.faults.first().map_or(&[][..], |f| &f.freed_in);
    let frees = |s: &TraceStep| freed == Some(&s.inner) || freed_in.contains(&s.place);
    // Where the locks that others wait for were taken.
    let waits = outcome.faults.first().map_or(&[][..], |f| &f.waits);
    // Of a race, those that either side holds.
    let found = outcome.faults.first();
    let sides = found.and_then(|f| f.beside.as_ref().map(|other| [(f.number, &f.held), (other.number, &other.held)]));
    let guards = |s: &TraceStep| sides.iter().flatten().any(|(t, held)| *t == s.thread && held.iter().any(|lock| lock.1 == s.inner));
    let holds = |s: &TraceStep| waits.iter().filter_map(|w| w.holder.as_ref()).any(|h| h.0 == s.thread && h.2 == s.inner) || guards(s);
    // What the thread of the fault did last.
    let faulty = outcome.faults.first().map(|f| f.number);
    let last = outcome.trace.iter().rposition(|s| s.visible && (faulty.is_none() || Some(s.thread) == faulty));
    // What others have made of the words that do not fit each other.
    let words = outcome.faults.first().map_or(&[][..], |f| &f.fault.words);
    // What the line of the fault works with.
    let place = last.and_then(|n| outcome.trace.get(n)).map(|s| (s.thread, &s.place));
    let at_end = outcome.trace.iter().rev().filter(|s| s.visible && Some((s.thread, &s.place)) == place).take(LINE_MAX);
    let used: BTreeSet<u64> = at_end.map(|s| s.addr).filter(|addr| *addr != 0).collect();
    // Nobody waits for ever because of what nobody reads.
    let read: BTreeSet<u64> = outcome.trace.iter().filter(|s| !s.write || s.value.is_none()).map(|s| s.addr).collect();
    let idle = |s: &TraceStep| !waits.is_empty() && s.write && !read.contains(&s.addr);
    let mut out: Vec<Line<'_>> = Vec::new();
    for (n, step) in outcome.trace.iter().enumerate() {
        let core = step.waits.is_some()
            || step.about
            || frees(step)
            || holds(step)
            || step.write && (used.contains(&step.addr) || words.contains(&step.addr));
        let matters = core || shared(step) && !idle(step);
        if step.waits.is_none() && !(step.visible && (matters || last == Some(n) && waits.is_empty())) || step.place.line == 0 {
            continue;
        }
        match out.last_mut() {
            Some(line) if step.waits.is_none() && line.step.thread == step.thread && line.step.place == step.place => {
                line.core |= core;
                step.value.iter().for_each(|value| tell(&mut line.values, value));
            }
            _ => out.push(Line {
                step,
                values: step.value.iter().cloned().collect(),
                rounds: 1,
                left_out: 0,
                core: core || last == Some(n),
                fault: false,
            }),
        }
    }
    out
}

/// Adds a value; what was read and then written is told together.
fn tell(values: &mut Vec<String>, value: &str) {
    if values.iter().any(|v| v == value) {
        return;
    }
    if let (Some(last), Some((place, _))) = (values.last_mut(), value.split_once(" = "))
        && let Some(was) = last.strip_prefix(place).and_then(|rest| rest.strip_prefix(" == "))
    {
        *last = format!("{value}, was {was}");
        return;
    }
    values.push(value.to_owned());
}

/// Rounds of a loop in which one thread does the same again are told once.
fn fold(lines: &mut Vec<Line<'_>>) {
    let same = |a: &Line<'_>, b: &Line<'_>| a.step.thread == b.step.thread && a.step.place == b.step.place && b.step.waits.is_none();
    let mut at = 0;
    while at < lines.len() {
        let whole = |n: &usize| {
            let one = lines[at..at + n].iter().all(|l| l.step.thread == lines[at].step.thread);
            one && (0..*n).all(|k| same(&lines[at + k], &lines[at + n + k]))
        };
        let longest = ROUND_MAX.min((lines.len() - at) / 2);
        // The last round stays as it is: it is where something happens.
        if let Some(n) = (1..=longest).find(whole)
            && at + 2 * n < lines.len()
        {
            lines.drain(at + n..at + 2 * n);
            lines[at + n - 1].rounds += 1;
            continue;
        }
        at += 1;
    }
}
