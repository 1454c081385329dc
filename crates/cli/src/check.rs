//! `cuthere check`: findings of a tree, or of parts of it.

use crate::args::{CheckArgs, CheckFormat};
use crate::inputs::{self, Inputs};
use crate::memo::Memo;
use crate::progress::Stages;
use crate::{Status, engine, index, output, place, stats, workers};
use anyhow::{Context, Result, bail};
use cuthere_base::{Confidence, Source};
use cuthere_report::{Baseline, Coverage, Palette, Rule, Tally};
use cuthere_tree::{SkipReason, Skipped};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

/// Runs the subcommand.
pub fn run(args: &CheckArgs) -> Result<Status> {
    let begun = Instant::now();
    workers(args.tree.jobs)?;
    let only = chosen_checks(&args.only)?;
    let baseline = match &args.baseline {
        Some(path) => {
            let text = inputs::text(path, "--baseline")?;
            Baseline::parse(&text).with_context(|| format!("cannot use the baseline {}", path.display()))?
        }
        None => Baseline::default(),
    };
    let inputs = inputs::open(&args.tree, &args.paths)?;
    if let Some(function) = &args.dump_ir {
        return dump(&inputs, function);
    }

    say_skipped(inputs.tree.skipped());
    let stages = Stages::new();
    let memo = Memo::open(&args.tree);
    let outcome = memo.run(&inputs.tree, &inputs, &engine::options(&inputs, &only), &stages);
    let cache = memo.close();
    let times = stages.finish();
    let (mut findings, counts) = (outcome.findings, outcome.stats);

    findings.retain(|finding| place::covers(&inputs.paths, &finding.file));
    cuthere_report::sort(&mut findings);
    let tally = Tally::of(&findings);
    let least = Confidence::from(args.confidence);
    findings.retain(|finding| finding.confidence >= least);
    let (findings, _known) = baseline.subtract(findings);
    if let Some(path) = &args.stats {
        let ended = stats::Ended {
            counts: &counts,
            cache: &cache,
            skipped: inputs.tree.skipped(),
            tally: &tally,
            shown: findings.len() as u64,
            times: &times,
            total: begun.elapsed(),
        };
        stats::write(path, &ended)?;
    }

    let checks: Vec<_> = engine::registry().into_iter().filter(|check| only.iter().any(|id| id == check.id)).collect();
    let pages: Vec<String> = checks.iter().map(|check| check.page()).collect();
    let rules: Vec<Rule> = checks.iter().zip(&pages).map(|(check, page)| Rule { id: check.id, summary: check.summary, page }).collect();
    let coverage = Coverage {
        files: counts.files,
        functions: counts.functions,
        functions_complete: counts.functions_complete,
        functions_truncated: counts.functions_truncated,
        rest: index::rest(&counts),
        checks: only,
    };
    let lines = SourceLines { source: &inputs.tree, last: RefCell::default() };
    let line = |file: &str, line: u32| lines.get(file, line);
    output::standard(|out, colour| match args.format {
        CheckFormat::Text => {
            let palette = if colour { Palette::colour() } else { Palette::plain() };
            cuthere_report::text(out, &findings, &coverage, &line, &palette)
        }
        CheckFormat::Json => cuthere_report::json_lines(out, &findings),
        CheckFormat::Sarif => cuthere_report::sarif(out, &findings, &rules, env!("CARGO_PKG_VERSION")),
        CheckFormat::Html => cuthere_report::html(out, &findings, &rules, &coverage, &line),
    })?;
    Ok(if findings.is_empty() { Status::Clean } else { Status::Found })
}

/// Says what a report leaves out because it could not be read. Broken links are usual in a tree and hide nothing.
fn say_skipped(skipped: &[Skipped]) {
    let mut lost = skipped.iter().filter(|s| s.reason != SkipReason::LinkBroken);
    if let Some(first) = lost.next() {
        let more = match lost.count() {
            0 => String::new(),
            more => format!(" (and {more} more; --stats FILE lists them)"),
        };
        anstream::eprintln!("cuthere: not read: {}: {}{more}", cuthere_report::escape(&first.path), first.reason);
    }
}

/// The ids of `--only`, or of all checks, sorted.
pub(crate) fn chosen_checks(only: &[String]) -> Result<Vec<String>> {
    let known: Vec<&str> = engine::registry().iter().map(|check| check.id).collect();
    if let Some(unknown) = only.iter().find(|id| !known.contains(&id.as_str())) {
        bail!("no check is called {unknown} (--only); there are: {}", known.join(", "));
    }
    let mut chosen: Vec<String> = if only.is_empty() { known.iter().map(|id| id.to_string()).collect() } else { only.to_vec() };
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

fn dump(inputs: &Inputs, function: &str) -> Result<Status> {
    let text = engine::dump_ir(inputs, function)?;
    output::standard(|out, _| out.write_all(text.as_bytes()))?;
    Ok(Status::Clean)
}

/// Lines of the tree's files for reports. Findings come sorted by file, so a few files are kept at a time.
struct SourceLines<'a> {
    source: &'a dyn Source,
    last: RefCell<HashMap<String, Option<Kept>>>,
}

struct Kept {
    bytes: Vec<u8>,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl SourceLines<'_> {
    fn get(&self, file: &str, line: u32) -> Option<Vec<u8>> {
        let mut last = self.last.borrow_mut();
        if last.len() > 64 && !last.contains_key(file) {
            last.clear();
        }
        let kept = last.entry(file.to_owned()).or_insert_with(|| self.load(file)).as_ref()?;
        let index = (line as usize).checked_sub(1)?;
        let start = *kept.starts.get(index)?;
        let end = kept.starts.get(index + 1).map_or(kept.bytes.len(), |next| next - 1);
        let text = kept.bytes.get(start..end)?;
        Some(text.strip_suffix(b"\r").unwrap_or(text).to_vec())
    }

    fn load(&self, file: &str) -> Option<Kept> {
        let bytes = self.source.read(self.source.find(file)?).ok()?.into_owned();
        let starts = std::iter::once(0).chain(bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1)).collect();
        Some(Kept { bytes, starts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_base::MemorySource;

    #[test]
    fn lines_count_from_one_and_end_before_their_newline() {
        let source = MemorySource::new([("a.c", "one\ntwo\r\n\nfour")]);
        let lines = SourceLines { source: &source, last: RefCell::default() };
        let text = |line| lines.get("a.c", line).map(|line| String::from_utf8_lossy(&line).into_owned());
        assert_eq!(
            (0..6).map(text).collect::<Vec<_>>(),
            [None, Some("one"), Some("two"), Some(""), Some("four"), None].map(|l| l.map(str::to_owned))
        );
        assert_eq!(lines.get("b.c", 1), None);
    }
}
