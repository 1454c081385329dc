//! The steps in columns: one per CPU, or one per thread where all share a CPU or there are none.

use super::steps::{Line, relevant};
use crate::outcome::{Outcome, Place, TraceStep};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The least width of one of three columns.
const NARROW: usize = 38;
/// Rows that one line of source takes.
const ROWS_MAX: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// A thread that goes on.
    Thread,
    /// The function that the next steps are in.
    Function,
    Step,
    /// What the step has read and written.
    Value,
    /// Something is not shown.
    Gap,
}

/// One row of a column.
pub(super) struct Row<'o> {
    pub column: usize,
    pub kind: RowKind,
    pub text: String,
    /// What stands at the end of a step's line.
    pub mark: String,
    pub place: Option<&'o Place>,
    pub fault: bool,
}

/// Heads and rows, top to bottom. Where there would be more columns than can be read side by side, all steps stand in one, each thread's under
/// its name.
pub(super) fn rows(outcome: &Outcome, columns_max: usize) -> (Vec<String>, Vec<Row<'_>>) {
    let lines = relevant(outcome);
    let of = |s: &TraceStep| outcome.threads.get(s.thread);
    let mut threads: Vec<usize> = lines.iter().map(|l| l.step.thread).collect();
    threads.sort_unstable();
    threads.dedup();
    let mut cpus: Vec<u32> = lines.iter().filter_map(|l| of(l.step)).map(|t| t.cpu).collect();
    cpus.sort_unstable();
    cpus.dedup();
    let by_cpu = cpus.len() > 1 && !outcome.plain;
    let name = |t: usize| {
        outcome.threads.get(t).map_or(String::new(), |i| match outcome.plain {
            true => format!("thread {t}: {}()", i.name),
            false => format!("CPU {}: {} {}()", i.cpu, i.context, i.name),
        })
    };
    let mut heads: Vec<String> =
        if by_cpu { cpus.iter().map(|c| format!("CPU {c}")).collect() } else { threads.iter().map(|&t| name(t)).collect() };
    let single = heads.len() > columns_max;
    if single {
        heads = vec![format!("{} threads", threads.len())];
    }
    let column = |s: &TraceStep| match (single, by_cpu) {
        (true, _) => 0,
        (_, true) => of(s).and_then(|t| cpus.iter().position(|c| *c == t.cpu)).unwrap_or(0),
        _ => threads.iter().position(|t| *t == s.thread).unwrap_or(0),
    };
    let mut in_column: BTreeMap<usize, usize> = BTreeMap::new();
    let mut functions: BTreeMap<usize, &str> = BTreeMap::new();
    let mut out = Vec::new();
    for line in &lines {
        let at = column(line.step);
        let row = |kind, text: String| Row { column: at, kind, text, mark: String::new(), place: None, fault: line.fault };
        if line.left_out > 0 {
            let text = format!("... {} steps that are not shown ...", line.left_out);
            out.push(Row { column: 0, kind: RowKind::Gap, text, mark: String::new(), place: None, fault: false });
        }
        let entered = in_column.insert(at, line.step.thread) != Some(line.step.thread);
        if entered && (by_cpu || single) {
            let label = match (single, of(line.step)) {
                (true, _) => name(line.step.thread),
                (_, Some(t)) => format!("{} {}()", t.context, t.name),
                _ => String::new(),
            };
            out.push(row(RowKind::Thread, format!("[{label}]")));
        }
        let function = line.step.place.function.as_str();
        if functions.insert(line.step.thread, function) != Some(function) || entered {
            out.push(row(RowKind::Function, format!("{function}()")));
        }
        let mut step = row(RowKind::Step, format!("{:>4} {}", line.step.place.line, shown(&line.step.text)));
        step.mark = mark(outcome, line);
        step.place = Some(&line.step.place);
        out.push(step);
        let told: Vec<&str> = line.values.iter().map(String::as_str).filter(|v| line.fault || !repeats(&line.step.text, v)).collect();
        if !told.is_empty() {
            out.push(row(RowKind::Value, shown(&told.join(", "))));
        }
        if line.rounds > 1 {
            out.push(row(RowKind::Gap, format!("... {} rounds like this ...", line.rounds)));
        }
    }
    (heads, out)
}

fn mark(outcome: &Outcome, line: &Line<'_>) -> String {
    match (&line.step.waits, outcome.faults.first()) {
        (Some(what), _) => format!("<-- {}", shown(what)),
        (None, Some(found)) if line.fault => format!("<-- {}", found.fault.kind.id()),
        _ => String::new(),
    }
}

/// Whether the source says already what is written.
fn repeats(text: &str, value: &str) -> bool {
    value.contains(" = ") && text.trim_end_matches(';').ends_with(value)
}

/// A source line fit for a terminal and a page.
pub(super) fn shown(text: &str) -> String {
    cuthere_base::escape(&text.replace('\t', " "))
}

/// A text behind a prefix in rows of this width, broken at blanks; what does not fit in a few rows ends with a mark.
fn wrapped(prefix: &str, text: &str, width: usize) -> Vec<String> {
    let indent = prefix.chars().count();
    let room = width.saturating_sub(indent).max(8);
    let mut rows: Vec<String> = Vec::new();
    let mut row = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (used, more) = (row.chars().count(), word.chars().count());
        if used > 0 && used + 1 + more <= room {
            row.push(' ');
            row.push_str(word);
            continue;
        }
        if used > 0 {
            rows.push(std::mem::take(&mut row));
        }
        let mut rest: Vec<char> = word.chars().collect();
        while rest.len() > room {
            let tail = rest.split_off(room);
            rows.push(rest.into_iter().collect());
            rest = tail;
        }
        row = rest.into_iter().collect();
    }
    rows.push(row);
    if rows.len() > ROWS_MAX {
        rows.truncate(ROWS_MAX);
        if let Some(last) = rows.last_mut() {
            *last = last.chars().take(room - 1).collect::<String>() + "…";
        }
    }
    let lead = |n: usize| if n == 0 { prefix.to_owned() } else { " ".repeat(indent) };
    rows.iter().enumerate().map(|(n, row)| lead(n) + row).collect()
}

/// The picture in text of this width.
pub(super) fn diagram(outcome: &Outcome, whole: usize, out: &mut String) {
    let (heads, rows) = rows(outcome, if whole < 2 * NARROW { 2 } else { 3 });
    if heads.is_empty() || rows.is_empty() {
        return;
    }
    let width = if heads.len() > 2 { NARROW.max(whole / heads.len()) } else { whole / heads.len() };
    let room = width.saturating_sub(2).max(20);
    let mut line = String::new();
    for head in &heads {
        let cut: String = head.chars().take(room).collect();
        let _ = write!(line, "{cut:width$}");
    }
    let _ = writeln!(out, "{}", line.trim_end());
    let _ = writeln!(out, "{}", heads.iter().map(|_| format!("{:width$}", "-".repeat(room))).collect::<String>().trim_end());
    for row in &rows {
        let (prefix, text) = match row.kind {
            RowKind::Step => {
                let (number, text) = row.text.trim_start().split_once(' ').unwrap_or(("", &row.text));
                (format!("  {number:>4} "), text)
            }
            RowKind::Value | RowKind::Gap => ("       ".to_owned(), row.text.as_str()),
            _ => (String::new(), row.text.as_str()),
        };
        let mut cells = wrapped(&prefix, text, room);
        if !row.mark.is_empty() {
            match cells.last_mut() {
                Some(last) if last.chars().count() + 1 + row.mark.chars().count() <= room => {
                    last.push(' ');
                    last.push_str(&row.mark);
                }
                _ => cells.extend(wrapped("       ", &row.mark, room)),
            }
        }
        for cell in cells {
            let _ = writeln!(out, "{}", format!("{}{cell}", " ".repeat(row.column * width)).trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_never_lost_in_silence() {
        assert_eq!(wrapped("  12 ", "short", 20), ["  12 short"]);
        assert_eq!(wrapped("  12 ", "one two three four", 14), ["  12 one two", "     three", "     four"]);
        let long = wrapped("  12 ", &"word ".repeat(40), 20);
        assert_eq!(long.len(), ROWS_MAX);
        assert!(long[ROWS_MAX - 1].ends_with('…'), "{long:?}");
        assert!(wrapped("  12 ", &"x".repeat(50), 20).iter().all(|row| row.chars().count() <= 20));
    }

    #[test]
    fn what_the_source_says_is_not_said_again() {
        assert!(repeats("x = 1;", "x = 1") && !repeats("x++;", "x = 1") && !repeats("if (x == 1)", "x == 1"));
    }
}
