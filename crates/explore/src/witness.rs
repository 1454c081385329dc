//! How an outcome is told: columns per CPU, a splat, JSON, and a page of its own.
//!
//! Shown are the steps that matter: those that touch what another thread touches too, what the fault is about, and the last step of each
//! thread. Nothing is decided here; the trace comes from replaying the schedule.

use crate::run::{FoundFault, Options, Outcome, OutcomeKind, Place, Replay, TraceStep};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The most lines of the diagram.
const LINES_MAX: usize = 70;
const WIDTH: usize = 100;
/// The same in a mail.
const MAIL_WIDTH: usize = 74;

/// A line of the diagram.
struct Line<'o> {
    step: &'o TraceStep,
    /// The thread has changed on this CPU.
    entered: bool,
    /// The function has changed in this thread.
    named: bool,
    fault: bool,
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome.kind {
        OutcomeKind::Fault => "fault",
        OutcomeKind::None => "none",
        OutcomeKind::Unknown => "unknown",
    }
}

/// An object is known by the high part of its addresses.
fn object(addr: u64) -> u64 {
    addr >> 20
}

/// The steps worth showing, in order.
fn relevant(outcome: &Outcome) -> Vec<Line<'_>> {
    let about = outcome.faults.first().map_or(0, |f| f.fault.addr);
    let mut users: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
    for step in outcome.trace.iter().filter(|s| s.visible) {
        let entry = users.entry(step.addr).or_default();
        entry.0 |= 1 << (step.thread & 63);
        entry.1 |= step.write;
    }
    let shared = |s: &TraceStep| users.get(&s.addr).is_some_and(|u| u.0.count_ones() > 1 && u.1);
    let freed = outcome.faults.first().and_then(|f| f.freed.as_ref()).map(|f| &f.0);
    let frees = |s: &TraceStep| freed == Some(&s.place);
    let last: BTreeMap<usize, usize> = outcome.trace.iter().enumerate().filter(|(_, s)| s.visible).map(|(n, s)| (s.thread, n)).collect();
    let choose = |strict: bool| -> Vec<&TraceStep> {
        let mut out: Vec<&TraceStep> = Vec::new();
        for (n, step) in outcome.trace.iter().enumerate() {
            let here = about > 1 << 16 && object(step.addr) == object(about);
            let keep = step.waits
                || step.visible && (if strict { here && (shared(step) || frees(step)) } else { shared(step) || here })
                || last.get(&step.thread) == Some(&n);
            let again = !step.waits && out.last().is_some_and(|l| l.thread == step.thread && l.place == step.place);
            if keep && !again && step.place.line > 0 {
                out.push(step);
            }
        }
        out
    };
    let mut steps = choose(false);
    if steps.len() > LINES_MAX {
        steps = choose(true);
    }
    if steps.len() > LINES_MAX {
        let tail = steps.split_off(steps.len() - LINES_MAX / 2);
        steps.truncate(LINES_MAX / 2);
        steps.extend(tail);
    }
    let mut functions: BTreeMap<usize, &str> = BTreeMap::new();
    let mut on_cpu: BTreeMap<u32, usize> = BTreeMap::new();
    let count = steps.len();
    let mut lines = Vec::with_capacity(count);
    for (n, step) in steps.into_iter().enumerate() {
        let cpu = outcome.threads.get(step.thread).map_or(0, |t| t.cpu);
        let entered = on_cpu.insert(cpu, step.thread) != Some(step.thread);
        let named = functions.insert(step.thread, &step.place.function) != Some(&step.place.function) || entered;
        lines.push(Line { step, entered, named, fault: n + 1 == count && !step.waits && outcome.kind == OutcomeKind::Fault });
    }
    lines
}

fn columns(outcome: &Outcome, lines: &[Line<'_>]) -> Vec<u32> {
    let mut cpus: Vec<u32> = lines.iter().filter_map(|l| outcome.threads.get(l.step.thread)).map(|t| t.cpu).collect();
    // A plain program has threads, not CPUs.
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

/// Which column a step stands in. Programs without CPUs have a column per thread.
fn column(outcome: &Outcome, cpus: &[u32], threads: &[usize], step: &TraceStep) -> usize {
    if cpus.len() > 1 || threads.is_empty() {
        let cpu = outcome.threads.get(step.thread).map_or(0, |t| t.cpu);
        cpus.iter().position(|c| *c == cpu).unwrap_or(0)
    } else {
        threads.iter().position(|t| *t == step.thread).unwrap_or(0)
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Column, text and place.
type Cell = (usize, String, Option<Place>);

/// Heads and cells of the diagram, top to bottom.
fn cells(outcome: &Outcome) -> (Vec<String>, Vec<Cell>) {
    let lines = relevant(outcome);
    let cpus = columns(outcome, &lines);
    let mut threads: Vec<usize> = Vec::new();
    for line in &lines {
        if !threads.contains(&line.step.thread) {
            threads.push(line.step.thread);
        }
    }
    threads.sort_unstable();
    let by_cpu = cpus.len() > 1;
    let heads = if by_cpu {
        cpus.iter().map(|c| format!("CPU {c}")).collect()
    } else {
        let name = |t: &usize| {
            outcome.threads.get(*t).map_or(String::new(), |i| match outcome.plain {
                true => format!("thread {t}: {}()", i.name),
                false => format!("CPU {}: {} {}()", i.cpu, i.context, i.name),
            })
        };
        threads.iter().map(name).collect()
    };
    let mut out = Vec::new();
    for line in &lines {
        let at = column(outcome, &cpus, if by_cpu { &[] } else { &threads }, line.step);
        if by_cpu && line.entered {
            let label = outcome.threads.get(line.step.thread).map_or(String::new(), |t| format!("[{} {}()]", t.context, t.name));
            out.push((at, label, None));
        }
        if line.named {
            out.push((at, format!("{}()", line.step.place.function), None));
        }
        let mark = match (line.step.waits, line.fault) {
            (true, _) => " <-- waits",
            (_, true) => " <--",
            _ => "",
        };
        out.push((at, format!("  {:>4} {}{mark}", line.step.place.line, shown(&line.step.text)), Some(line.step.place.clone())));
    }
    (heads, out)
}

/// A source line fit for a terminal and a page.
fn shown(text: &str) -> String {
    cuthere_base::escape(&text.replace('\t', " "))
}

fn diagram(outcome: &Outcome, whole: usize, out: &mut String) {
    let (heads, cells) = cells(outcome);
    if heads.is_empty() {
        return;
    }
    let width = (whole / heads.len()).max(24);
    let row = |out: &mut String, at: usize, text: &str| {
        // A mark is never cut off.
        let (body, mark) = text.rfind(" <--").map_or((text, ""), |n| text.split_at(n));
        let body = cut(body, (width - 2).saturating_sub(mark.len()));
        let _ = writeln!(out, "{}", format!("{}{body}{mark}", " ".repeat(at * width)).trim_end());
    };
    let mut line = String::new();
    for head in &heads {
        let _ = write!(line, "{:width$}", cut(head, width - 2));
    }
    let _ = writeln!(out, "{}", line.trim_end());
    let _ = writeln!(out, "{}", heads.iter().map(|_| format!("{:width$}", "-".repeat(width - 2))).collect::<String>().trim_end());
    for (at, text, _) in &cells {
        row(out, *at, text);
    }
}

fn at(place: &Place) -> String {
    format!("{}() at {}:{}", place.function, place.file, place.line)
}

/// The fault as the kernel would print it.
fn splat(found: &FoundFault, out: &mut String) {
    let _ = writeln!(out, "------------[ cut here ]------------");
    let _ = writeln!(out, "BUG: cuthere: {} in {}", found.fault.kind.id(), found.place.function);
    match found.plain {
        true => writeln!(out, "{} by thread {}()", found.fault.detail, found.thread),
        false => writeln!(out, "{} by {} {}() on CPU {}", found.fault.detail, found.context, found.thread, found.cpu),
    }
    .unwrap_or(());
    if !found.held.is_empty() {
        let _ = writeln!(out, "{} lock{} held:", found.held.len(), if found.held.len() == 1 { "" } else { "s" });
        for (n, (name, place)) in found.held.iter().enumerate() {
            let _ = writeln!(out, " #{n}: {name}, taken in {}", at(place));
        }
    }
    let _ = writeln!(out, "Call Trace:");
    for place in &found.stack {
        let _ = writeln!(out, " {}", at(place));
    }
    for (what, site) in [("Allocated", &found.allocated), ("Freed", &found.freed)] {
        if let Some((place, thread)) = site {
            let _ = writeln!(out, "{what} by {thread}():\n {}", at(place));
        }
    }
    for wait in &found.waits {
        let place = wait.stack.first().map_or(String::new(), at);
        let by = wait.holder.as_ref().map_or(String::new(), |(thread, taken)| format!(",\n  held by {thread}(), taken in {}", at(taken)));
        let call = if wait.call.is_empty() { String::new() } else { format!(" in {}()", wait.call) };
        let _ = writeln!(out, "{}() waits{call} in {place}{by}", wait.thread);
        for place in wait.stack.iter().skip(1) {
            let _ = writeln!(out, "  called by {}", at(place));
        }
    }
    if let Some(place) = &found.other {
        let _ = writeln!(out, "Taken in {}", at(place));
    }
    let _ = writeln!(out, "---[ end trace ]---");
}

fn bounds_text(outcome: &Outcome, options: &Options) -> String {
    let preemptions = if outcome.complete { "any".to_owned() } else { options.preemptions.to_string() };
    let mut text = format!(
        "preemptions {preemptions}, interrupts {}, unroll {}",
        options.interrupts,
        if outcome.unroll > 0 { outcome.unroll } else { options.unroll }
    );
    if !outcome.bounds.is_empty() {
        let names: Vec<&str> = outcome.bounds.iter().map(String::as_str).collect();
        let _ = write!(text, "; reached: {}", names.join(", "));
    }
    text
}

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
            let _ = writeln!(out, "  never ran to its end: {}", outcome.unfinished.join(", "));
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
            let _ = writeln!(out, "{} in {}: {}\n", found.fault.kind.id(), at(&found.place), found.fault.detail);
            diagram(outcome, width, &mut out);
            out.push('\n');
            splat(found, &mut out);
            let _ = writeln!(out, "\nreplay: {}", found.schedule.encode());
            if outcome.faults.len() > 1 {
                let _ = writeln!(out, "\nalso:");
                for other in &outcome.faults[1..] {
                    let _ = writeln!(out, "  {} in {}: {}", other.fault.kind.id(), at(&other.place), other.fault.detail);
                }
            }
        }
        None if outcome.kind == OutcomeKind::None => {
            let within = if outcome.bounds.is_empty() { "" } else { " within the bounds below" };
            let _ = writeln!(out, "none{within}: {} executions, every thread ran to its end", outcome.executions);
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

fn place_json(place: &Place) -> Value {
    json!({"file": place.file, "line": place.line, "function": place.function})
}

fn fault_json(found: &FoundFault) -> Value {
    json!({
        "fault": found.fault.kind.id(),
        "message": found.fault.detail,
        "file": found.place.file,
        "line": found.place.line,
        "function": found.place.function,
        "thread": found.thread,
        "cpu": found.cpu,
        "context": found.context,
        "stack": found.stack.iter().map(place_json).collect::<Vec<_>>(),
        "allocated": found.allocated.as_ref().map(|(p, _)| place_json(p)),
        "freed": found.freed.as_ref().map(|(p, _)| place_json(p)),
        "locks": found.held.iter().map(|(name, p)| json!({"lock": name, "at": place_json(p)})).collect::<Vec<_>>(),
        "replay": found.schedule.encode(),
        "guess": found.guess,
        "waiting": found.waits.iter().map(|wait| json!({
            "thread": wait.thread,
            "call": wait.call,
            "stack": wait.stack.iter().map(place_json).collect::<Vec<_>>(),
            "holder": wait.holder.as_ref().map(|(thread, place)| json!({"thread": thread, "at": place_json(place)})),
        })).collect::<Vec<_>>(),
    })
}

/// The outcome as one JSON object.
pub fn json(outcome: &Outcome, options: &Options) -> String {
    let step = |line: &Line<'_>| {
        let thread = outcome.threads.get(line.step.thread);
        json!({
            "thread": thread.map(|t| t.name.clone()),
            "cpu": thread.map(|t| t.cpu),
            "context": thread.map(|t| t.context),
            "file": line.step.place.file,
            "line": line.step.place.line,
            "function": line.step.place.function,
            "text": line.step.text,
        })
    };
    let first = outcome.faults.first();
    let value = json!({
        "outcome": outcome_word(outcome),
        "fault": first.map(|f| f.fault.kind.id()),
        "faults": outcome.faults.iter().map(fault_json).collect::<Vec<_>>(),
        "executions": outcome.executions,
        "bounds": {
            "preemptions": if outcome.complete { Value::Null } else { json!(options.preemptions) },
            "interrupts": options.interrupts,
            "unroll": if outcome.unroll > 0 { outcome.unroll } else { options.unroll },
            "reached": outcome.bounds,
        },
        "replay": first.map(|f| f.schedule.encode()),
        "diverged": match &outcome.replay {
            Some(Replay::Diverged(run, why)) => json!({"run": run, "reason": why}),
            _ => Value::Null,
        },
        "steps": relevant(outcome).iter().map(step).collect::<Vec<_>>(),
        "unknown_calls": outcome.unknown_calls,
        "unsupported": outcome.unsupported,
        "guesses": outcome.guesses,
        "hints": outcome.hints,
        "unfinished": outcome.unfinished,
    });
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

fn escape(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(cuthere_base::escape).collect();
    lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The outcome as a page that needs nothing else.
pub fn html(outcome: &Outcome, options: &Options) -> String {
    let title = match outcome.faults.first() {
        Some(f) => format!("{} in {}()", f.fault.kind.id(), f.place.function),
        None => format!("{}: {} executions", outcome_word(outcome), outcome.executions),
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n<style>body{{font-family:sans-serif;margin:2em;\
         color:#222;background:#fff}}table{{border-collapse:collapse;font-family:monospace;font-size:90%}}td,th{{text-align:left;\
         padding:1px 12px;border-left:1px solid #bbb;white-space:pre}}th{{border-bottom:1px solid #222}}tr.fault td{{background:#fdd}}\
         pre{{background:#f4f4f4;padding:1em;overflow-x:auto}}</style></head>\n<body><h1>{0}</h1>\n",
        escape(&title)
    );
    if let Some(found) = outcome.faults.first() {
        let _ = writeln!(out, "<p>{} in {}</p>", escape(&found.fault.detail), escape(&at(&found.place)));
        let (heads, cells) = cells(outcome);
        out += "<table><tr>";
        for head in &heads {
            let _ = write!(out, "<th>{}</th>", escape(head));
        }
        out += "</tr>\n";
        let count = cells.len();
        for (n, (at, text, place)) in cells.iter().enumerate() {
            let class = if n + 1 == count { " class=\"fault\"" } else { "" };
            let hint = place.as_ref().map_or(String::new(), |p| format!(" title=\"{}:{}\"", escape(&p.file), p.line));
            let _ = writeln!(
                out,
                "<tr{class}>{}<td{hint}>{}</td>{}</tr>",
                "<td></td>".repeat(*at),
                escape(text),
                "<td></td>".repeat(heads.len() - at - 1)
            );
        }
        out += "</table>\n<pre>";
        let mut report = String::new();
        splat(found, &mut report);
        let _ = writeln!(out, "{}</pre>\n<p>Replay: <code>{}</code></p>", escape(&report), found.schedule.encode());
        if outcome.faults.len() > 1 {
            out += "<p>Also:</p><ul>\n";
            for other in &outcome.faults[1..] {
                let _ =
                    writeln!(out, "<li>{} in {}: {}</li>", other.fault.kind.id(), escape(&at(&other.place)), escape(&other.fault.detail));
            }
            out += "</ul>\n";
        }
    }
    let _ = writeln!(out, "<p>{} executions; bounds: {}.</p></body></html>", outcome.executions, escape(&bounds_text(outcome, options)));
    out
}
