//! Findings as one HTML page that stands alone: no scripts, no outside resources (its own policy forbids them), light and dark.

use crate::excerpt::Excerpt;
use crate::{Coverage, Lines, Rule, Tally, escape};
use cuthere_base::{Confidence, Finding, Step};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::io::{self, Write};

const STYLE: &str = "
:root { color-scheme: light dark; --bar: #8884; --high: #c22; --medium: #b70; --low: #27a; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid var(--bar); }
section { border-top: 1px solid var(--bar); margin-top: 2rem; } h2 { font-size: 1.05rem; margin-bottom: .2rem; }
.high { color: var(--high); } .medium { color: var(--medium); } .low { color: var(--low); }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { margin: .1rem 0 .6rem; overflow-x: auto; background: #8881; padding: .3rem .6rem; }
.place { opacity: .75; } mark { background: #fc06; color: inherit; } dt { font-weight: 600; float: left; margin-right: .5rem; }
";

/// Writes the page.
fn page(findings: &[Finding], rules: &[Rule], coverage: &Coverage, lines: &Lines) -> String {
    let tally = Tally::of(findings);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "cuthere: " (tally.total()) " findings" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "cuthere" }
                p {
                    (coverage.files) " files, " (coverage.functions) " functions, "
                    (coverage.functions_complete) " of them read whole; checks: " (coverage.checks.join(", ")) "."
                }
                @if findings.is_empty() { p { "No findings." } } @else { (overview(&tally, rules)) }
                @for (number, finding) in findings.iter().enumerate() { (one(number + 1, finding, lines)) }
            }
        }
    }
    .into_string()
}

/// Writes the page to `out`.
pub fn html(out: &mut dyn Write, findings: &[Finding], rules: &[Rule], coverage: &Coverage, lines: &Lines) -> io::Result<()> {
    out.write_all(page(findings, rules, coverage, lines).as_bytes())?;
    out.write_all(b"\n")
}

fn overview(tally: &Tally, rules: &[Rule]) -> Markup {
    html! {
        table {
            tr { th { "check" } th { "what it finds" } th { "high" } th { "medium" } th { "low" } }
            @for (check, by) in &tally.0 {
                tr {
                    td { code { (check) } }
                    td { (rules.iter().find(|rule| rule.id == check).map_or("", |rule| rule.summary)) }
                    @for confidence in [Confidence::High, Confidence::Medium, Confidence::Low] {
                        td { (by.get(confidence.as_str()).copied().unwrap_or(0)) }
                    }
                }
            }
        }
    }
}

fn one(number: usize, finding: &Finding, lines: &Lines) -> Markup {
    html! {
        section id={ "finding-" (number) } {
            h2 {
                span class=(finding.confidence.as_str()) { (finding.check) " (" (finding.confidence.as_str()) ")" }
                ": " (escape(&finding.message))
            }
            p class="place" { a href={ "#finding-" (number) } { (escape(&finding.file)) ":" (finding.line) ":" (finding.column) } " in " code { (finding.function) } }
            ol { @for step in &finding.steps { li { (step_markup(step, lines)) } } }
            dl {
                @if !finding.context.is_empty() { dt { "context" } dd { (finding.context) } }
                @if !finding.locks.is_empty() { dt { "locks held" } dd { (finding.locks.join(", ")) } }
                @for fact in &finding.assumes { dt { "assumes" } dd { (escape(fact)) } }
            }
        }
    }
}

fn step_markup(step: &Step, lines: &Lines) -> Markup {
    let excerpt = lines(&step.file, step.line).map(|line| Excerpt::new(&line, step.column));
    html! {
        @if let Some(thread) = &step.thread { b { "[" (thread) "] " } }
        (escape(&step.text)) " "
        span class="place" { (escape(&step.file)) ":" (step.line) " in " code { (step.function) } }
        @if let Some(excerpt) = excerpt {
            @let extent = excerpt.extent(step.column);
            @let chars: Vec<char> = excerpt.text.chars().collect();
            @let from = extent.start.min(chars.len());
            @let to = (extent.start + extent.len).min(chars.len());
            pre { (String::from_iter(&chars[..from]).trim_start()) mark { (String::from_iter(&chars[from..to])) } (String::from_iter(&chars[to..])) }
        }
    }
}
