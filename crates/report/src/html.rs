//! Findings as HTML that stands alone: no scripts, no outside resources (its own policy forbids them), light and dark, wide and narrow.
//!
//! One page, or for a whole tree an index and a page for each of its parts. Filtering is done by the style sheet, folding by the browser.
//! A page stays below [`MOST_BYTES`]: when the evidence of many findings would make it larger, the later ones are shown without source.

use crate::excerpt::Excerpt;
use crate::summary::{LEVELS, Row, by_check, by_folder, plural};
use crate::{Coverage, Lines, Rule, escape};
use cuthere_base::{Finding, Step, folder};
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
:root { color-scheme: light dark; --bg: #fff; --fg: #1d1f21; --bar: #8884; --code: #f4f5f7; --high: #b3261e; --medium: #8a5a00; --low: #1f5f99; --mark: #fc06; --link: #1a56b0; }
@media (prefers-color-scheme: dark) { :root { --bg: #16181b; --fg: #e3e6ea; --code: #1f2226; --high: #ff8a80; --medium: #ffca5f; --low: #8ec8ff; --mark: #fc04; --link: #8ec8ff; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; border-top: 1px solid var(--bar); padding-top: .8rem; margin-top: 1.6rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; } th, td { padding: .15rem .7rem .15rem 0; text-align: left; border-bottom: 1px solid var(--bar); }
th, td.n, td code { overflow-wrap: normal; } td.n, th.n { text-align: right; } fieldset { border: 1px solid var(--bar); border-radius: .4rem; margin: .5rem 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.high { color: var(--high); } .medium { color: var(--medium); } .low { color: var(--low); }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { margin: .2rem 0 .6rem; overflow-x: auto; background: var(--code); padding: .4rem .6rem; border-radius: .3rem; overflow-wrap: normal; }
pre .no { opacity: .55; user-select: none; } pre .at { font-weight: 600; } mark { background: var(--mark); color: inherit; }
details.f { border: 1px solid var(--bar); border-radius: .4rem; margin: .5rem 0; padding: .3rem .7rem; } details.f > summary { cursor: pointer; }
ol { padding-left: 1.4rem; } .place { opacity: .75; } a { color: var(--link); } dl { margin: .4rem 0; } dt { font-weight: 600; } dd { margin: 0 0 .3rem 1rem; }
@media (min-width: 50rem) { dl.run { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dl.run dd { margin: 0; } } dl.run { font-size: .9rem; }
@media (max-width: 30rem) { body { padding: .6rem; } details.f { padding: .3rem .4rem; } ol { padding-left: 1.1rem; } th, td { padding-right: .4rem; font-size: .85rem; } td code { font-size: .75rem; } }
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
    let rows = by_folder(findings, MOST_PAGES).into_iter();
    let linked: Vec<(String, Row, String)> = rows
        .map(|(name, row)| {
            let link = format!("#{}", anchor(&name));
            (name, row, link)
        })
        .collect();
    let body = markup! {
        (head(findings, about, coverage))
        @if findings.is_empty() { p { "No findings." } } @else {
            (controls(findings, rules))
            (index(findings, rules, &linked))
            (sections(findings, lines))
        }
    };
    out.write_all(shell(&format!("cuthere: {}", plural(findings.len() as u64, "finding")), findings, &body).as_bytes())?;
    out.write_all(b"\n")
}

/// An index, and a page for each part of the tree: as many parts as there are directories, or their first parts if these are many. A part
/// that would make too large a page is divided by its own directories, and a directory that would, into pages with numbers.
pub fn pages(findings: &[Finding], rules: &[Rule], about: &About, coverage: &Coverage, lines: &Lines) -> Vec<Page> {
    let mut parts = Vec::new();
    for (name, own) in by_part(findings) {
        let sized: Vec<(usize, &Finding)> = own.into_iter().map(|f| (one(f, Some(lines)).into_string().len(), f)).collect();
        divide(name.to_owned(), sized, &mut parts);
    }
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (part, _) in &parts {
        let mut name = format!("{}.html", anchor(part));
        while names.values().any(|other| *other == name) || name == "index.html" {
            name.insert(0, '_');
        }
        names.insert(part, name);
    }
    let link = |part: &str| names.get(part).cloned().unwrap_or_default();
    let rows: Vec<(String, Row, String)> = parts.iter().map(|(part, own)| (part.clone(), row(own.iter().copied()), link(part))).collect();
    let body = markup! { (head(findings, about, coverage)) (index(findings, rules, &rows)) };
    let mut out = vec![Page {
        name: "index.html".to_owned(),
        text: shell(&format!("cuthere: {}", plural(findings.len() as u64, "finding")), &[], &body),
    }];
    for (part, own) in &parts {
        let own: Vec<Finding> = own.iter().map(|f| (*f).clone()).collect();
        let body = markup! {
            p { a href="index.html" { "all directories" } }
            h1 { (escape(part)) ": " (plural(own.len() as u64, "finding")) }
            (controls(&own, rules))
            (sections(&own, lines))
        };
        out.push(Page { name: link(part), text: shell(&format!("cuthere: {}", escape(part)), &own, &body) });
    }
    out
}

/// The findings of each directory of the index; with many directories, of their first parts.
fn by_part(findings: &[Finding]) -> BTreeMap<String, Vec<&Finding>> {
    let parts: Vec<String> = by_folder(findings, MOST_PAGES).into_iter().map(|(name, _)| name).collect();
    let mut by: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let folder = folder(&finding.file);
        let below =
            |part: &&String| folder == part.as_str() || folder.strip_prefix(part.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let part = parts.iter().filter(below).max_by_key(|p| p.len()).map_or(".", String::as_str);
        by.entry(part.to_owned()).or_default().push(finding);
    }
    by
}

/// A part as pages, each with its name and what is on it. `own`: the findings with the bytes that each takes.
fn divide<'f>(name: String, own: Vec<(usize, &'f Finding)>, out: &mut Vec<(String, Vec<&'f Finding>)>) {
    if own.iter().map(|(bytes, _)| bytes).sum::<usize>() <= MOST_BYTES {
        out.push((name, own.into_iter().map(|(_, finding)| finding).collect()));
        return;
    }
    let mut by: BTreeMap<String, Vec<(usize, &Finding)>> = BTreeMap::new();
    for (bytes, finding) in own {
        let folder = folder(&finding.file);
        let next = folder.strip_prefix(name.as_str()).and_then(|rest| rest.strip_prefix('/')).and_then(|rest| rest.split('/').next());
        by.entry(next.map_or_else(|| name.clone(), |next| format!("{name}/{next}"))).or_default().push((bytes, finding));
    }
    for (part, own) in by {
        if part != name {
            divide(part, own, out);
            continue;
        }
        // What lies in the directory itself.
        let mut pages: Vec<Vec<&Finding>> = vec![Vec::new()];
        let mut filled = 0;
        for (bytes, finding) in own {
            if filled > 0 && filled + bytes > MOST_BYTES {
                pages.push(Vec::new());
                filled = 0;
            }
            filled += bytes;
            if let Some(page) = pages.last_mut() {
                page.push(finding);
            }
        }
        let all = pages.len();
        let number = |n: usize| if all == 1 { String::new() } else { format!(" ({} of {all})", n + 1) };
        out.extend(pages.into_iter().enumerate().map(|(n, page)| (format!("{name}{}", number(n)), page)));
    }
}

/// How many there are of each level.
fn row<'f>(findings: impl Iterator<Item = &'f Finding>) -> Row {
    let mut row = Row::default();
    for finding in findings {
        if let Some(n) = LEVELS.iter().position(|l| *l == finding.confidence).and_then(|at| row.get_mut(at)) {
            *n += 1;
        }
    }
    row
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
        h1 { "cuthere: " (plural(findings.len() as u64, "finding")) }
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

/// Tables by check and by directory; `folders`: name, numbers and link of each.
fn index(findings: &[Finding], rules: &[Rule], folders: &[(String, Row, String)]) -> Markup {
    markup! {
        div class="scroll" { table {
            tr { th { "check" } th { "what it finds" } (numbers_head()) }
            @for (check, row) in by_check(findings) { tr { td { code { (check) } } td { (summary(&check, rules)) } (numbers(&row)) } }
        } }
        div class="scroll" { table {
            tr { th { "directory" } (numbers_head()) }
            @for (name, row, link) in folders {
                tr { td { a href=(link) { (escape(name)) } } (numbers(row)) }
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
    let mut out = String::new();
    let mut bare = 0usize;
    for (part, mut own) in by_part(findings) {
        own.sort_by(|a, b| (std::cmp::Reverse(a.confidence), a.sort_key()).cmp(&(std::cmp::Reverse(b.confidence), b.sort_key())));
        out.push_str(&markup! { h2 id=(anchor(&part)) { (escape(&part)) } }.into_string());
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
                b class=(level) { (finding.check) " (" (level) ")" } ": " (coded(&finding.message)) " "
                span class="place" { (escape(&finding.file)) ":" (finding.line) " in " code { (finding.function) } }
            }
            ol { @for step in &finding.steps { li { (step_markup(step, lines)) } } }
            @if finding.steps.is_empty() { (source(&finding.file, finding.line, finding.column, lines)) }
            dl {
                @if !finding.context.is_empty() { dt { "context" } dd { (escape(&finding.context)) } }
                @if !finding.locks.is_empty() { dt { "locks held" } dd { (coded(&finding.locks.join(", "))) } }
                @for fact in &finding.assumes { dt { "assumes" } dd { (coded(fact)) } }
            }
        }
    }
}

fn step_markup(step: &Step, lines: Option<&Lines>) -> Markup {
    markup! {
        @if let Some(thread) = &step.thread { b { "[" (escape(thread)) "] " } }
        (coded(&step.text)) " "
        span class="place" { (escape(&step.file)) ":" (step.line) " in " code { (step.function) } }
        (source(&step.file, step.line, step.column, lines))
    }
}

/// A text in which what stands between backticks is code.
fn coded(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // One without its partner is no mark.
    if parts.len().is_multiple_of(2) {
        return markup! { (escape(text)) };
    }
    markup! {
        @for (n, part) in parts.iter().enumerate() {
            @if n % 2 == 1 { code { (escape(part)) } } @else { (escape(part)) }
        }
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
