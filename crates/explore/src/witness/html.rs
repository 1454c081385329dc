//! A page that needs nothing else: the sides beside each other, the source around each step to unfold, for wide and narrow screens, light and dark.

use super::diagram::{Row, RowKind, rows};
use super::text::splat;
use super::{bounds_text, headline, outcome_word};
use crate::outcome::{Options, Outcome, Place};
use std::fmt::Write;

/// Lines of source before and behind a step's.
const AROUND: u32 = 4;

/// Sides that a page shows beside each other.
const COLUMNS_MAX: usize = 4;

const STYLE: &str = ":root{color-scheme:light dark;--bg:#fff;--fg:#1d1f21;--dim:#5f6670;--line:#d5d9de;--code:#f4f5f7;--bad:#fde2e1;--badfg:#a3120b;\
--hit:#fff3c4}@media(prefers-color-scheme:dark){:root{--bg:#16181b;--fg:#e3e6ea;--dim:#9aa3ad;--line:#363b42;--code:#1f2226;--bad:#4a1d1c;--badfg:#ff9d96;\
--hit:#4a4218}}*{box-sizing:border-box}body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:1400px;padding:1.2em;color:var(--fg);background:var(--bg)}\
h1{font-size:1.25em;margin:.2em 0;overflow-wrap:anywhere}p{overflow-wrap:anywhere}code,pre,.side{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px}\
.grid{display:grid;grid-template-columns:repeat(var(--n),minmax(0,1fr));gap:0 1em;margin:1em 0;border-top:1px solid var(--line)}\
.head{font-weight:bold;padding:.4em 0;border-bottom:1px solid var(--line);position:sticky;top:0;background:var(--bg);overflow-wrap:anywhere}\
.side{min-width:0;padding:0 .5em;border-left:2px solid var(--line);overflow-wrap:anywhere}.thread{color:var(--dim);padding-top:.6em}.function{font-weight:bold;padding-top:.3em}\
summary{cursor:pointer}.side summary{white-space:pre-wrap;list-style:none}.side summary::-webkit-details-marker{display:none}summary:hover{background:var(--code)}\
.number{display:inline-block;min-width:3.2em;color:var(--dim);text-align:right;padding-right:.8em;user-select:none}.value{color:var(--dim);padding-left:4.4em}\
.value::before{content:\"\\2192  \"}.gap{color:var(--dim);font-style:italic}.fault{background:var(--bad)}.mark{color:var(--badfg);font-weight:bold}\
pre{background:var(--code);padding:.7em;overflow-x:auto;margin:.2em 0;border-radius:4px}pre .hit{background:var(--hit);display:block}.file{color:var(--dim);font-size:12px}\
@media(max-width:760px){.grid{display:block}.head{display:none}.side{border-left-width:4px;margin:0}.side.first::before{content:attr(data-side);display:block;color:var(--dim);padding-top:.8em;font-weight:bold}\
.s1{margin-left:.8em;border-left-color:#4c8bf5}.s2{margin-left:1.6em;border-left-color:#e8710a}.s3{margin-left:2.4em;border-left-color:#12b5a6}}";

fn escape(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(cuthere_base::escape).collect();
    lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The source around a place.
fn source(outcome: &Outcome, place: &Place) -> String {
    let Some(lines) = outcome.sources.get(&place.file) else { return String::new() };
    let mut out = format!("<div class=\"file\">{}:{}</div><pre>", escape(&place.file), place.line);
    for (&number, text) in lines.range(place.line.saturating_sub(AROUND)..=place.line + AROUND) {
        let row = format!("<span class=\"number\">{number}</span>{}", escape(&text.replace('\t', "    ")));
        let _ = if number == place.line { write!(out, "<span class=\"hit\">{row}</span>") } else { writeln!(out, "{row}") };
    }
    out + "</pre>"
}

fn cell(outcome: &Outcome, head: &str, row: &Row<'_>, first: bool, out: &mut String) {
    let class = match row.kind {
        RowKind::Thread => "thread",
        RowKind::Function => "function",
        RowKind::Step => "step",
        RowKind::Value => "value",
        RowKind::Gap => "gap",
    };
    let fault = if row.fault && matches!(row.kind, RowKind::Step | RowKind::Value) { " fault" } else { "" };
    let side = format!("{class}{fault} s{}{}", row.column, if first { " first" } else { "" });
    let _ = write!(out, "<div class=\"side {side}\" style=\"grid-column:{}\" data-side=\"{}\">", row.column + 1, escape(head));
    match row.place {
        Some(place) => {
            let (number, text) = row.text.trim_start().split_once(' ').unwrap_or(("", &row.text));
            let mark = if row.mark.is_empty() { String::new() } else { format!(" <span class=\"mark\">{}</span>", escape(&row.mark)) };
            let _ = write!(
                out,
                "<details{}><summary><span class=\"number\">{number}</span>{}{mark}</summary>{}</details>",
                if row.fault { " open" } else { "" },
                escape(text),
                source(outcome, place)
            );
        }
        None => out.push_str(&escape(&row.text)),
    }
    out.push_str("</div>\n");
}

fn count(executions: u64) -> String {
    if executions == 1 { "1 execution".to_owned() } else { format!("{executions} executions") }
}

/// The outcome as a page that needs nothing else.
pub fn html(outcome: &Outcome, options: &Options) -> String {
    let title = match outcome.faults.first() {
        Some(f) => format!("{} in {}()", f.fault.kind.id(), f.place.function),
        None => format!("{}: {}", outcome_word(outcome), count(outcome.executions)),
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{0}</title>\n<style>{STYLE}</style></head>\n<body><h1>{0}</h1>\n",
        escape(&title)
    );
    if let Some(found) = outcome.faults.first() {
        let _ = writeln!(out, "<p>{}</p>", escape(&headline(found)));
        let (heads, rows) = rows(outcome, COLUMNS_MAX);
        let _ = writeln!(out, "<div class=\"grid\" style=\"--n:{}\">", heads.len().max(1));
        for head in &heads {
            let _ = writeln!(out, "<div class=\"head\">{}</div>", escape(head));
        }
        let mut before = usize::MAX;
        for row in &rows {
            let head = heads.get(row.column).map_or("", String::as_str);
            cell(outcome, head, row, row.column != before, &mut out);
            before = row.column;
        }
        let mut report = String::new();
        splat(found, &mut report);
        let _ = writeln!(
            out,
            "</div>\n<details open><summary>Report</summary><pre>{}</pre></details>\n<details><summary>Replay</summary><pre>{}</pre></details>",
            escape(&report),
            found.schedule.encode()
        );
        if outcome.faults.len() > 1 {
            out += "<p>Also:</p><ul>\n";
            for other in &outcome.faults[1..] {
                let _ = writeln!(out, "<li>{}</li>", escape(&headline(other)));
            }
            out += "</ul>\n";
        }
    }
    let _ = writeln!(out, "<p>{}; bounds: {}.</p>", count(outcome.executions), escape(&bounds_text(outcome, options)));
    for line in outcome.unsupported.iter().chain(&outcome.guesses).chain(&outcome.hints) {
        let _ = writeln!(out, "<p>{}</p>", escape(line));
    }
    out + "</body></html>\n"
}
