//! Findings as HTML that stands alone: no scripts, no outside resources (its own policy forbids them), light and dark, wide and narrow.
//!
//! One page, or for a whole tree an index and a page for each of its parts. Filtering is done by the style sheet, folding by the browser.
//! A page stays below [`MOST_BYTES`]: when the evidence of many findings would make it larger, the later ones are shown without source.

use crate::excerpt::Excerpt;
use crate::group::folder;
use crate::summary::{LEVELS, Row, by_check, by_folder};
use crate::{Coverage, Lines, Rule, escape};
use cuthere_base::{Finding, Step};
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Bytes of a page, nearly.
const MOST_BYTES: usize = 1_800_000;
/// Lines of source shown before and after a step.
const AROUND: u32 = 2;
/// Pages that a report is split into at most, beside the index.
const MOST_PAGES: usize = 60;

const STYLE: &str = "
:root { color-scheme: light dark; --bar: #8884; --high: #b3261e; --medium: #8a5a00; --low: #1f5f99; --mark: #fc06; }
@media (prefers-color-scheme: dark) { :root { --high: #ff8a80; --medium: #ffca5f; --low: #8ec8ff; --mark: #fc04; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; border-top: 1px solid var(--bar); padding-top: .8rem; margin-top: 1.6rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; } th, td { padding: .15rem .7rem .15rem 0; text-align: left; border-bottom: 1px solid var(--bar); }
td.n, th.n { text-align: right; } fieldset { border: 1px solid var(--bar); border-radius: .4rem; margin: .5rem 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.high { color: var(--high); } .medium { color: var(--medium); } .low { color: var(--low); }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { margin: .2rem 0 .6rem; overflow-x: auto; background: #8881; padding: .4rem .6rem; border-radius: .3rem; overflow-wrap: normal; }
pre .no { opacity: .55; user-select: none; } pre .at { font-weight: 600; } mark { background: var(--mark); color: inherit; }
details.f { border: 1px solid var(--bar); border-radius: .4rem; margin: .5rem 0; padding: .3rem .7rem; } details.f > summary { cursor: pointer; }
ol { padding-left: 1.4rem; } .place { opacity: .75; } dl { margin: .4rem 0; } dt { font-weight: 600; } dd { margin: 0 0 .3rem 1rem; } dl.run { font-size: .9rem; }
@media (max-width: 30rem) { body { padding: .6rem; } details.f { padding: .3rem .4rem; } ol { padding-left: 1.1rem; } th, td { padding-right: .4rem; } }
";

/// Facts about the run that stand at the head of a page: a name and a value each.
pub type About = [(&'static str, String)];

/// A page of a report in several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The file's name.
    pub name: String,
    pub text: String,
}

/// Writes everything as one page.
pub fn html(
    out: &mut dyn Write,
    findings: &[Finding],
    rules: &[Rule],
    about: &About,
    coverage: &Coverage,
    lines: &Lines,
) -> io::Result<()> {
    let body = markup! {
        (head(findings, about, coverage))
        @if findings.is_empty() { p { "No findings." } } @else {
            (controls(findings, rules))
            (index(findings, rules, &|folder| format!("#{}", anchor(folder))))
            (sections(findings, lines))
        }
    };
    out.write_all(shell(&format!("cuthere: {} findings", findings.len()), findings, &body).as_bytes())?;
    out.write_all(b"\n")
}

/// An index, and a page for each part of the tree: as many parts as there are directories, or their first parts if these are many.
pub fn pages(findings: &[Finding], rules: &[Rule], about: &About, coverage: &Coverage, lines: &Lines) -> Vec<Page> {
    let parts: Vec<String> = by_folder(findings, MOST_PAGES).into_iter().map(|(name, _)| name).collect();
    let mut by: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
    for finding in findings {
        let folder = folder(&finding.file);
        let below =
            |part: &&String| folder == part.as_str() || folder.strip_prefix(part.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let part = parts.iter().filter(below).max_by_key(|p| p.len()).map_or(".", String::as_str);
        by.entry(part).or_default().push(finding.clone());
    }
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for part in by.keys() {
        let mut name = format!("{}.html", anchor(part));
        while names.values().any(|other| *other == name) || name == "index.html" {
            name.insert(0, '_');
        }
        names.insert(part, name);
    }
    let link = |folder: &str| names.get(folder).cloned().unwrap_or_default();
    let body = markup! { (head(findings, about, coverage)) (index(findings, rules, &link)) };
    let mut out = vec![Page { name: "index.html".to_owned(), text: shell(&format!("cuthere: {} findings", findings.len()), &[], &body) }];
    for (part, own) in &by {
        let body = markup! {
            p { a href="index.html" { "all directories" } }
            h1 { (escape(part)) ": " (own.len()) " findings" }
            (controls(own, rules))
            (sections(own, lines))
        };
        out.push(Page { name: link(part), text: shell(&format!("cuthere: {}", escape(part)), own, &body) });
    }
    out
}

/// Bytes of such a name.
const MAX_NAME: usize = 120;

/// A name that can stand in a link and in a file's name.
fn anchor(folder: &str) -> String {
    let plain: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect();
    if plain.trim_matches('-').is_empty() {
        return "root".to_owned();
    }
    if plain.len() <= MAX_NAME {
        return plain;
    }
    // File systems take 255 bytes. FNV-1a tells apart what begins alike.
    let hash = folder.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let head: String = plain.chars().take(MAX_NAME - 17).collect();
    format!("{head}-{hash:016x}")
}

fn shell(title: &str, findings: &[Finding], body: &Markup) -> String {
    markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(filters(findings))) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// Rules that hide what the controls leave out.
fn filters(findings: &[Finding]) -> String {
    let mut out = String::new();
    for level in LEVELS {
        let level = level.as_str();
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "body:has(#l-{level}:not(:checked)) details.f.l-{level} {{ display: none; }}");
    }
    for check in findings.iter().map(|f| f.check.as_str()).collect::<BTreeSet<_>>() {
        let name = anchor(check);
        let _ = writeln!(out, "body:has(#c-{name}:not(:checked)) details.f.c-{name} {{ display: none; }}");
    }
    out
}

fn head(findings: &[Finding], about: &About, coverage: &Coverage) -> Markup {
    markup! {
        h1 { "cuthere: " (findings.len()) " findings" }
        dl class="run" {
            @for (name, value) in about { @if !value.is_empty() { dt { (name) } dd { (escape(value)) } } }
            dt { "covered" }
            dd {
                (coverage.files) " files, " (coverage.functions) " functions, " (coverage.functions_complete) " of them read whole"
                @if coverage.unread > 0 { "; " (coverage.unread) " files not read" }
            }
            dt { "checks" } dd { (coverage.checks.join(", ")) }
            @let left: Vec<String> = coverage.left_out.iter().filter(|l| l.1 > 0).map(|(what, n)| format!("{n} {what}")).collect();
            @if !left.is_empty() { dt { "left out" } dd { (left.join(", ")) } }
            @for note in &coverage.notes { dt { "note" } dd { (escape(note)) } }
        }
    }
}

fn controls(findings: &[Finding], rules: &[Rule]) -> Markup {
    let checks = by_check(findings);
    markup! {
        fieldset {
            legend { "levels" }
            @for level in LEVELS {
                label { input type="checkbox" id={ "l-" (level.as_str()) } checked; " " span class=(level.as_str()) { (level.as_str()) } }
            }
        }
        fieldset {
            legend { "checks" }
            @for (check, row) in &checks {
                label title=(summary(check, rules)) { input type="checkbox" id={ "c-" (anchor(check)) } checked; " " (check) " (" (row.iter().sum::<u64>()) ")" }
            }
        }
    }
}

fn summary<'r>(check: &str, rules: &'r [Rule]) -> &'r str {
    rules.iter().find(|rule| rule.id == check).map_or("", |rule| rule.summary)
}

fn index(findings: &[Finding], rules: &[Rule], link: &dyn Fn(&str) -> String) -> Markup {
    markup! {
        div class="scroll" { table {
            tr { th { "check" } th { "what it finds" } (numbers_head()) }
            @for (check, row) in by_check(findings) { tr { td { code { (check) } } td { (summary(&check, rules)) } (numbers(&row)) } }
        } }
        div class="scroll" { table {
            tr { th { "directory" } (numbers_head()) }
            @for (name, row) in by_folder(findings, MOST_PAGES) {
                tr { td { a href=(link(&name)) { (escape(&name)) } } (numbers(&row)) }
            }
        } }
    }
}

fn numbers_head() -> Markup {
    markup! { @for level in LEVELS { th class="n" { (level.as_str()) } } }
}

fn numbers(row: &Row) -> Markup {
    markup! { @for n in row { td class="n" { (n) } } }
}

/// The findings under the directories of the index, highest level first in each.
fn sections(findings: &[Finding], lines: &Lines) -> Markup {
    let parts: Vec<String> = by_folder(findings, MOST_PAGES).into_iter().map(|(name, _)| name).collect();
    let mut by: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let folder = folder(&finding.file);
        let below =
            |part: &&String| folder == part.as_str() || folder.strip_prefix(part.as_str()).is_some_and(|rest| rest.starts_with('/'));
        by.entry(parts.iter().filter(below).max_by_key(|p| p.len()).map_or(".", String::as_str)).or_default().push(finding);
    }
    let mut out = String::new();
    let mut bare = 0usize;
    for (part, mut own) in by {
        own.sort_by(|a, b| (std::cmp::Reverse(a.confidence), a.sort_key()).cmp(&(std::cmp::Reverse(b.confidence), b.sort_key())));
        out.push_str(&markup! { h2 id=(anchor(part)) { (escape(part)) } }.into_string());
        for finding in own {
            let room = out.len() < MOST_BYTES;
            bare += usize::from(!room);
            out.push_str(&one(finding, if room { Some(lines) } else { None }).into_string());
        }
    }
    markup! {
        @if bare > 0 { p { "To keep the page small, " (bare) " findings stand without source; ask for one directory, or for several pages (-o FOLDER/)." } }
        (PreEscaped(out))
    }
}

fn one(finding: &Finding, lines: Option<&Lines>) -> Markup {
    let level = finding.confidence.as_str();
    markup! {
        details class={ "f l-" (level) " c-" (anchor(&finding.check)) } {
            summary {
                b class=(level) { (finding.check) " (" (level) ")" } ": " (escape(&finding.message)) " "
                span class="place" { (escape(&finding.file)) ":" (finding.line) " in " code { (finding.function) } }
            }
            ol { @for step in &finding.steps { li { (step_markup(step, lines)) } } }
            @if finding.steps.is_empty() { (source(&finding.file, finding.line, finding.column, lines)) }
            dl {
                @if !finding.context.is_empty() { dt { "context" } dd { (escape(&finding.context)) } }
                @if !finding.locks.is_empty() { dt { "locks held" } dd { (escape(&finding.locks.join(", "))) } }
                @for fact in &finding.assumes { dt { "assumes" } dd { (escape(fact)) } }
            }
        }
    }
}

fn step_markup(step: &Step, lines: Option<&Lines>) -> Markup {
    markup! {
        @if let Some(thread) = &step.thread { b { "[" (escape(thread)) "] " } }
        (escape(&step.text)) " "
        span class="place" { (escape(&step.file)) ":" (step.line) " in " code { (step.function) } }
        (source(&step.file, step.line, step.column, lines))
    }
}

/// The lines around a place, with their numbers; what the column points at is marked.
fn source(file: &str, line: u32, column: u32, lines: Option<&Lines>) -> Markup {
    let Some(lines) = lines else { return markup! {} };
    let numbers = line.saturating_sub(AROUND).max(1)..=line.saturating_add(AROUND);
    let window: Vec<(u32, Excerpt)> =
        numbers.filter_map(|n| lines(file, n).map(|text| (n, Excerpt::new(&text, if n == line { column } else { 0 })))).collect();
    if !window.iter().any(|(n, _)| *n == line) {
        return markup! {};
    }
    let cut = window.iter().filter(|(_, e)| !e.text.trim().is_empty()).map(|(_, e)| e.indent).min().unwrap_or(0);
    let width = window.last().map_or(1, |(n, _)| n.to_string().len());
    markup! {
        pre {
            @for (n, excerpt) in &window {
                @let chars: Vec<char> = excerpt.text.chars().collect();
                span class="no" { (format!("{n:width$}  ")) }
                @if *n == line {
                    @let extent = excerpt.extent(column);
                    @let from = extent.start.min(chars.len());
                    @let to = (extent.start + extent.len).min(chars.len());
                    span class="at" { (String::from_iter(&chars[cut.min(from)..from])) mark { (String::from_iter(&chars[from..to])) } (String::from_iter(&chars[to..])) }
                } @else { (String::from_iter(chars.iter().skip(cut))) }
                "\n"
            }
        }
    }
}
