//! The thread as text for a terminal: what was read, series by series. Splats are printed by whoever finds them.

use crate::printable::printable_line;
use crate::types::{Message, Series, Thread};
use std::fmt::Write;

impl Thread {
    /// Messages as a tree, the rest of the overview as a count, series with what is missing, notes. Safe to print.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{} in the input", count(self.messages.len(), "message"));
        for (nth, message) in self.messages.iter().enumerate() {
            line(&mut out, nth, message);
        }
        if !self.overview.is_empty() {
            let contained = self.overview.iter().filter(|e| e.message.is_some()).count();
            let _ = writeln!(out, "overview: {} listed, {contained} of them here", count(self.overview.len(), "message"));
        }
        for series in &self.series {
            out.push('\n');
            print_series(&mut out, series);
        }
        if !self.notes.is_empty() {
            out.push('\n');
        }
        for note in &self.notes {
            let place = note.message.map_or(String::new(), |m| format!("message {m}: "));
            let _ = writeln!(out, "note: {place}{}", printable_line(&note.text));
        }
        out
    }
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn line(out: &mut String, nth: usize, message: &Message) {
    let indent = "  ".repeat(message.depth.min(20) as usize);
    let date = message.date.as_deref().and_then(|d| d.get(..16)).unwrap_or("????-??-?? ??:??").replace('T', " ");
    let subject = if message.subject.is_empty() { "(no subject)" } else { &message.subject };
    let _ = write!(out, "{nth:>4}  {date}  {indent}{}  {}", printable_line(subject), printable_line(message.from.display()));
    let _ = write!(out, "  ({})", count(message.to.len() + message.cc.len(), "recipient"));
    if message.duplicates > 0 {
        let _ = write!(out, "  (+{} more)", count(message.duplicates as usize, "copy").replace("copys", "copies"));
    }
    out.push('\n');
}

fn print_series(out: &mut String, series: &Series) {
    let tags = if series.tags.is_empty() { String::new() } else { format!(" [{}]", series.tags.join(", ")) };
    let newest = if series.newest { "" } else { ", a newer version is known" };
    let _ = writeln!(
        out,
        "series v{}{}: {} ({}{newest})",
        series.version,
        printable_line(&tags),
        printable_line(&series.subject),
        count(series.total as usize, "patch").replace("patchs", "patches")
    );
    if let Some(base) = &series.base_commit {
        let _ = writeln!(out, "  base-commit {base}");
    }
    for patch in &series.patches {
        let files: usize = patch.diff.iter().map(|d| d.files.len()).sum();
        let quoted = if patch.quoted { ", from a quotation" } else { "" };
        let _ = writeln!(
            out,
            "  {}/{} {} ({}, {}{quoted})",
            patch.index,
            patch.total,
            printable_line(&patch.subject),
            count(patch.hunks as usize, "hunk"),
            count(files, "file")
        );
        for damage in patch.diff.iter().flat_map(|d| &d.damage) {
            let _ = writeln!(out, "      damage: {}", printable_line(damage));
        }
    }
    if !series.missing.is_empty() {
        let _ = writeln!(out, "  missing: {}", ranges(&series.missing));
    }
}

/// `1-5, 7`.
fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for n in numbers {
        match runs.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(*n) => *end = *n,
            _ => runs.push((*n, *n)),
        }
    }
    runs.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect::<Vec<_>>().join(", ")
}
