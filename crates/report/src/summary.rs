//! The end of a report: findings by check and by directory, what was covered, and what is left out.

use crate::{Coverage, Tally, escape};
use cuthere_base::{Confidence, Finding, folder};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The levels, highest first.
pub(crate) const LEVELS: [Confidence; 3] = [Confidence::High, Confidence::Medium, Confidence::Low];
/// Directories listed; more are taken together by their first parts, then counted.
const MOST_FOLDERS: usize = 24;

/// Columns of the first column: with the numbers, a row fits 80.
const WIDEST: usize = 58;

/// Numbers of one row by level, highest first.
pub(crate) type Row = [u64; 3];

/// Findings by check.
pub(crate) fn by_check(findings: &[Finding]) -> Vec<(String, Row)> {
    let tally = Tally::of(findings);
    tally.0.iter().map(|(check, by)| (check.clone(), LEVELS.map(|l| by.get(l.as_str()).copied().unwrap_or(0)))).collect()
}

/// Findings by directory: as deep as the list stays short.
pub(crate) fn by_folder(findings: &[Finding], most: usize) -> Vec<(String, Row)> {
    for depth in [usize::MAX, 3, 2, 1] {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for finding in findings {
            let name: Vec<&str> = folder(&finding.file).split('/').take(depth).collect();
            let row = rows.entry(name.join("/")).or_default();
            if let Some(count) = LEVELS.iter().position(|l| *l == finding.confidence).and_then(|at| row.get_mut(at)) {
                *count += 1;
            }
        }
        if rows.len() <= most || depth == 1 {
            return rows.into_iter().map(|(name, row)| (if name.is_empty() { ".".to_owned() } else { name }, row)).collect();
        }
    }
    Vec::new()
}

/// Two tables.
pub(crate) fn tables(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    let checks = by_check(findings);
    let folders = by_folder(findings, MOST_FOLDERS);
    let width = checks.iter().chain(&folders).map(|(name, _)| name.chars().count() + 2).max().unwrap_or(0).clamp(14, WIDEST);
    table(out, "by check", &checks, width)?;
    table(out, "by directory", &folders, width)?;
    writeln!(out)
}

fn table(out: &mut dyn Write, title: &str, rows: &[(String, Row)], width: usize) -> io::Result<()> {
    writeln!(out, "{title:width$} {:>6} {:>6} {:>6}", "high", "medium", "low")?;
    for (name, [high, medium, low]) in rows {
        writeln!(out, "{:width$} {high:>6} {medium:>6} {low:>6}", format!("  {}", fitting(&escape(name), width - 2)))?;
    }
    Ok(())
}

/// A name that fits a column: of a long one the end, which tells folders apart.
fn fitting(name: &str, width: usize) -> String {
    let over = name.chars().count().saturating_sub(width);
    if over == 0 { name.to_owned() } else { std::iter::once('…').chain(name.chars().skip(over + 1)).collect() }
}

/// One line that says how many findings there are and what was covered, and one for what is left out.
pub(crate) fn closing(out: &mut dyn Write, findings: &[Finding], causes: usize, coverage: &Coverage) -> io::Result<()> {
    let tally = Tally::of(findings);
    let number = match tally.total() {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        n => format!("{n} findings"),
    };
    let by: Vec<String> = LEVELS.iter().filter(|c| tally.with(**c) > 0).map(|c| format!("{} {}", tally.with(*c), c.as_str())).collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    let causes = if causes > 0 && causes < findings.len() { format!(" of {}", plural(causes as u64, "cause")) } else { String::new() };
    let cut = match coverage.functions_truncated {
        0 => String::new(),
        n => format!(", {n} not followed on all paths"),
    };
    let unread = match coverage.unread {
        0 => String::new(),
        n => format!(", {} not read", plural(n, "file")),
    };
    let rest = coverage.rest.as_ref().map_or_else(String::new, |rest| format!("; {rest}"));
    writeln!(
        out,
        "{number}{by}{causes} in {}{unread}, {} ({} read whole{cut}); {}{rest}",
        plural(coverage.files, "file"),
        plural(coverage.functions, "function"),
        coverage.functions_complete,
        checks(coverage)
    )?;
    let left: Vec<String> = coverage.left_out.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
    if !left.is_empty() {
        writeln!(out, "left out: {}", left.join(", "))?;
    }
    coverage.notes.iter().try_for_each(|note| writeln!(out, "note: {}", escape(note)))
}

/// Which checks ran: a list that is longer than a line says less than that it is whole.
fn checks(coverage: &Coverage) -> String {
    match coverage.checks.as_slice() {
        all if coverage.all_checks && all.len() > 1 => format!("all {} checks", all.len()),
        some => format!("checks: {}", some.join(", ")),
    }
}

pub(crate) fn plural(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}
