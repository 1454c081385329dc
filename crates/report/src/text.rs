//! Findings as text: the claim, its place, the steps in time order under the source lines they are about, what was assumed.
//!
//! Steps stay in time order even where that means going back in a file, since the order is the evidence; a header names file and function
//! whenever either changes. Findings of one cause are shown together, those of the highest level first. A step whose text begins with `path: ` is a branch taken on the way: it becomes a note, not an excerpt.

use crate::excerpt::Excerpt;
use crate::group::{Group, group};
use crate::summary::{closing, plural, tables};
use crate::{Coverage, Lines, escape};
use anstyle::{AnsiColor, Style};
use cuthere_base::{Confidence, Finding, Step};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// The colours of a report.
#[derive(Clone, Copy, Default)]
pub struct Palette {
    error: Style,
    warning: Style,
    note: Style,
    claim: Style,
    frame: Style,
    mark: Style,
}

impl Palette {
    /// No colour at all.
    pub fn plain() -> Palette {
        Palette::default()
    }

    /// Colours for a terminal.
    pub fn colour() -> Palette {
        let bold = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
        Palette {
            error: bold(AnsiColor::BrightRed),
            warning: bold(AnsiColor::BrightYellow),
            note: bold(AnsiColor::BrightCyan),
            claim: Style::new().bold(),
            frame: bold(AnsiColor::BrightBlue),
            mark: AnsiColor::BrightRed.on_default(),
        }
    }

    fn level(&self, confidence: Confidence) -> (Style, &'static str) {
        match confidence {
            Confidence::High => (self.error, "error"),
            Confidence::Medium => (self.warning, "warning"),
            Confidence::Low => (self.note, "note"),
        }
    }
}

/// How much of a report is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shown {
    /// One finding of each cause with its evidence, the others by their place.
    #[default]
    Causes,
    /// Every finding with its evidence.
    All,
    /// Numbers only.
    Statistics,
}

/// Causes shown with their evidence; further ones are a line each.
const MOST_WHOLE: usize = 30;
/// Causes listed at all.
const MOST_LISTED: usize = 300;
/// Places listed of one cause.
const MOST_PLACES: usize = 5;

/// Writes the findings, highest level first, then what was covered. With several findings, their numbers by check and directory stand
/// before the last lines.
pub fn text(
    out: &mut dyn Write,
    findings: &[Finding],
    coverage: &Coverage,
    lines: &Lines,
    palette: &Palette,
    shown: Shown,
) -> io::Result<()> {
    let groups = group(findings);
    match shown {
        Shown::Statistics => {}
        Shown::All => {
            let mut all: Vec<&Finding> = findings.iter().collect();
            all.sort_by(|a, b| (Reverse(a.confidence), a.sort_key()).cmp(&(Reverse(b.confidence), b.sort_key())));
            for finding in all {
                one(out, finding, lines, palette)?;
                writeln!(out)?;
            }
        }
        Shown::Causes => causes(out, &groups, lines, palette)?,
    }
    if findings.len() > 1 || (shown == Shown::Statistics && !findings.is_empty()) {
        tables(out, findings)?;
    }
    closing(out, findings, if shown == Shown::All { 0 } else { groups.len() }, coverage)
}

fn causes(out: &mut dyn Write, groups: &[Group<'_>], lines: &Lines, palette: &Palette) -> io::Result<()> {
    for group in groups.iter().take(MOST_WHOLE) {
        one(out, group.lead, lines, palette)?;
        let frame = palette.frame;
        if !group.others.is_empty() {
            let places = plural(group.others.len() as u64, "more place");
            writeln!(out, "  {frame}={frame:#} the same cause at {places}:")?;
        }
        for other in group.others.iter().take(MOST_PLACES) {
            writeln!(out, "      {}", place_of(other, group.lead, palette))?;
        }
        if group.others.len() > MOST_PLACES {
            writeln!(out, "      … and {} more (--all)", group.others.len() - MOST_PLACES)?;
        }
        writeln!(out)?;
    }
    let rest = groups.get(MOST_WHOLE..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(());
    }
    for group in rest.iter().take(MOST_LISTED) {
        let lead = group.lead;
        let (style, word) = palette.level(lead.confidence);
        let more =
            if group.others.is_empty() { String::new() } else { format!(" (and {})", plural(group.others.len() as u64, "more place")) };
        let place = format!("{}:{}:{}", escape(&lead.file), lead.line, lead.column);
        writeln!(out, "{place}: {style}{word}[{}]{style:#}: {}{more}", escape(&lead.check), escape(&lead.message))?;
    }
    if rest.len() > MOST_LISTED {
        writeln!(out, "… and {} more causes", rest.len() - MOST_LISTED)?;
    }
    writeln!(out, "(the first {MOST_WHOLE} causes are shown with their evidence; --all shows it for every finding)")?;
    writeln!(out)
}

/// A further place of a cause on one line; the level is named where it is another one.
fn place_of(finding: &Finding, lead: &Finding, palette: &Palette) -> String {
    let level = match palette.level(finding.confidence) {
        (style, word) if finding.confidence != lead.confidence => format!("{style}{word}{style:#}: "),
        _ => String::new(),
    };
    let place = format!("{}:{} in `{}`", escape(&finding.file), finding.line, escape(&finding.function));
    if finding.message == lead.message { format!("{level}{place}") } else { format!("{level}{place}: {}", escape(&finding.message)) }
}

/// Who hears of what: files with the same recipients stand together.
pub fn recipients(out: &mut dyn Write, findings: &[Finding], to: &dyn Fn(&Finding) -> Vec<String>) -> io::Result<()> {
    let mut by: BTreeMap<Vec<String>, BTreeSet<&str>> = BTreeMap::new();
    for finding in findings {
        by.entry(to(finding)).or_default().insert(&finding.file);
    }
    let mut all: Vec<_> = by.into_iter().collect();
    all.sort_by_key(|(_, files)| files.first().copied());
    for (to, files) in all {
        writeln!(out, "to, by MAINTAINERS, for {}:", escape(&files.into_iter().collect::<Vec<_>>().join(", ")))?;
        if to.is_empty() {
            writeln!(out, "  nobody is named")?;
        }
        to.iter().try_for_each(|one| writeln!(out, "  {}", escape(one)))?;
    }
    Ok(())
}

/// Either a header that names a new place, or a step under its line.
struct Layout<'a> {
    palette: &'a Palette,
    lines: &'a Lines<'a>,
    /// Width of the line numbers.
    gutter: usize,
}

fn one(out: &mut dyn Write, finding: &Finding, lines: &Lines, palette: &Palette) -> io::Result<()> {
    let (style, word) = palette.level(finding.confidence);
    let claim = palette.claim;
    writeln!(out, "{style}{word}[{}]{style:#}{claim}: {}{claim:#}", escape(&finding.check), escape(&finding.message))?;

    let is_branch = |step: &&Step| step.text.starts_with(BRANCH);
    let shown: Vec<(usize, &Step)> = finding.steps.iter().filter(|s| !is_branch(s)).enumerate().map(|(i, s)| (i + 1, s)).collect();
    let widest = shown.iter().map(|(_, s)| s.line).chain([finding.line]).max().unwrap_or(0);
    let layout = Layout { palette, lines, gutter: widest.to_string().len() };

    layout.header(out, "-->", &finding.file, finding.line, finding.column, "")?;
    let mut place = (finding.file.as_str(), finding.function.as_str());
    if !shown.iter().any(|(_, s)| s.file == finding.file && s.line == finding.line) {
        let here = Step {
            file: finding.file.clone(),
            line: finding.line,
            column: finding.column,
            function: finding.function.clone(),
            thread: None,
            text: String::new(),
        };
        layout.group(out, &[(0, &here)])?;
    }
    let mut rest = shown.as_slice();
    while let Some((_, first)) = rest.first() {
        let len = rest.iter().take_while(|(_, s)| s.file == first.file && s.function == first.function).count();
        let (group, after) = rest.split_at(len);
        if place != (first.file.as_str(), first.function.as_str()) {
            place = (&first.file, &first.function);
            layout.header(out, ":::", &first.file, first.line, 0, &first.function)?;
        }
        layout.group(out, group)?;
        rest = after;
    }

    for step in finding.steps.iter().filter(is_branch) {
        let text = step.text.get(BRANCH.len()..).unwrap_or_default();
        let at = if step.file == finding.file { format!("line {}", step.line) } else { format!("{}:{}", step.file, step.line) };
        layout.note(out, "path", &format!("{text} at {at}"))?;
    }
    if !finding.context.is_empty() {
        layout.note(out, "context", &finding.context)?;
    }
    if !finding.locks.is_empty() {
        let locks: Vec<String> = finding.locks.iter().map(|lock| format!("`{lock}`")).collect();
        layout.note(out, "locks held", &locks.join(", "))?;
    }
    finding.assumes.iter().try_for_each(|fact| layout.note(out, "assumes", fact))
}

/// Marks a step that is a branch taken.
const BRANCH: &str = "path: ";

impl Layout<'_> {
    fn header(&self, out: &mut dyn Write, arrow: &str, file: &str, line: u32, column: u32, function: &str) -> io::Result<()> {
        let frame = self.palette.frame;
        write!(out, "{:width$}{frame}{arrow}{frame:#} {}:{line}", "", escape(file), width = self.gutter)?;
        if column > 0 {
            write!(out, ":{column}")?;
        }
        if !function.is_empty() {
            write!(out, " in `{}`", escape(function))?;
        }
        writeln!(out)
    }

    /// Steps of one function: each under its line, all lines moved left by what they have in common.
    fn group(&self, out: &mut dyn Write, steps: &[(usize, &Step)]) -> io::Result<()> {
        let excerpts: Vec<Option<Excerpt>> =
            steps.iter().map(|(_, s)| (self.lines)(&s.file, s.line).map(|line| Excerpt::new(&line, s.column))).collect();
        let cut = excerpts.iter().flatten().map(|e| e.indent).min().unwrap_or(0);
        let mut last = 0;
        for ((number, step), excerpt) in steps.iter().zip(&excerpts) {
            if step.line != last {
                last = step.line;
                let shown = excerpt.as_ref().map_or("(line not available)", |e| e.text.get(cut..).unwrap_or(&e.text));
                self.gutter(out, Some(step.line))?;
                writeln!(out, "     {shown}")?;
            }
            let extent = excerpt.as_ref().map(|e| e.extent(step.column));
            let (start, len) = extent.map_or((0, 1), |e| (e.start.saturating_sub(cut), e.len));
            self.gutter(out, None)?;
            let mark = self.palette.mark;
            let label = label(*number, step);
            let carets = "^".repeat(len);
            writeln!(out, "     {:start$}{mark}{carets}{label}{mark:#}", "")?;
        }
        Ok(())
    }

    fn gutter(&self, out: &mut dyn Write, line: Option<u32>) -> io::Result<()> {
        let frame = self.palette.frame;
        let number = line.map(|l| l.to_string()).unwrap_or_default();
        write!(out, "{frame}{number:>width$} |{frame:#}", width = self.gutter)
    }

    fn note(&self, out: &mut dyn Write, kind: &str, fact: &str) -> io::Result<()> {
        let frame = self.palette.frame;
        writeln!(out, "{:width$} {frame}={frame:#} {kind}: {}", "", escape(fact), width = self.gutter)
    }
}

fn label(number: usize, step: &Step) -> String {
    if number == 0 {
        return String::new();
    }
    let thread = step.thread.as_ref().map(|t| format!(" [{}]", escape(t))).unwrap_or_default();
    format!(" ({number}){thread} {}", escape(&step.text))
}
