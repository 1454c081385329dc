//! `cuthere check`: findings of a tree, or of parts of it.

use crate::args::{CheckArgs, CheckFormat};
use crate::inputs::{self, Inputs};
use crate::marks::{Marks, Noting};
use crate::memo::Memo;
use crate::progress::Stages;
use crate::selection::{self, Excludes};
use crate::{Status, engine, index, output, place, stats, workers};
use anyhow::{Context, Result, bail};
use cuthere_base::{Confidence, Finding, Source};
use cuthere_checks::Options;
use cuthere_report::{Baseline, Coverage, Origin, Palette, Rule, Shown, Tally};
use cuthere_review::Maintainers;
use cuthere_tree::{Skipped, Tree};
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

/// Findings that one thread looks up in the source at a time.
const POINTED: usize = 256;

/// Runs the subcommand.
pub fn run(args: &CheckArgs) -> Result<Status> {
    let begun = Instant::now();
    workers(args.tree.jobs)?;
    if args.statistics && args.format != CheckFormat::Text {
        bail!("--statistics is written as text alone; --stats FILE writes numbers about the run as JSON");
    }
    let only = chosen_checks(&args.only)?;
    let excludes = Excludes::new(&args.exclude, &args.exclude_always)?;
    let baseline = match &args.baseline {
        Some(path) => {
            let text = inputs::text(path, "--baseline")?;
            Baseline::parse(&text).with_context(|| format!("cannot use the baseline {}", path.display()))?
        }
        None => Baseline::default(),
    };
    // Without a PATH the current folder is meant; the whole of a tree that is named.
    let here = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() && args.tree.tree.is_none() { &here[..] } else { &args.paths };
    let inputs = inputs::open(&args.tree, paths)?;
    let covers = |file: &str| place::covers(&inputs.paths, file) && !inputs.outside.is_header(file);
    let asked_files = inputs.tree.paths().iter().map(|path| &**path).filter(|path| covers(path));
    let excluded = excludes.effect(asked_files.clone());
    if excluded.total() > 0 && excluded.total() == asked_files.count() as u64 {
        bail!("nothing was checked: {} leaves no file of {}", excluded.excluders(), named(args, &inputs));
    }
    if let Some(function) = &args.dump_ir {
        return dump(&inputs, function);
    }
    let maintainers = if args.to_maintainers { Some(maintainers(&inputs.tree)?) } else { None };

    let stages = Stages::new();
    let memo = Memo::open(&args.tree);
    let options = Options { last: true, ..engine::options(&inputs, &only) };
    let noting = Noting::new(&inputs.tree);
    let outcome = memo.run_through(&inputs.tree, &noting, &inputs, &options, &stages);
    let cache = memo.close();
    let times = stages.finish();
    let (mut findings, counts) = (outcome.findings, outcome.stats);

    findings.retain(|finding| covers(&finding.file));
    cuthere_report::sort(&mut findings);
    let tally = Tally::of(&findings);
    let asked = |file: &str| covers(file) && !excludes.cover(file);
    let known: Vec<&str> = engine::registry().iter().map(|check| check.id).collect();
    let (allowed, wrong_marks) = Marks::read(&noting, &asked).apply(&mut findings, &only, &known);
    let (mut findings, mut left_out) = selection::select(findings, args, &excludes, &baseline, &inputs.tree, &inputs.paths);
    left_out.insert(0, ("allowed by marks in the source".to_owned(), allowed));
    let gone: Vec<&Skipped> = inputs.skipped.iter().filter(|s| place::covers(&inputs.paths, &s.path)).collect();
    let unread: Vec<String> = counts.notes.iter().filter(|n| n.1 == 0).map(|(file, _, why)| format!("{file}: {why}")).collect();
    if let Some(path) = &args.stats {
        let ended = stats::Ended {
            counts: &counts,
            cache: &cache,
            skipped: &inputs.skipped,
            tally: &tally,
            shown: findings.len() as u64,
            left_out: &left_out,
            times: &times,
            total: begun.elapsed(),
        };
        stats::write(path, &ended)?;
    }
    if counts.functions_asked == 0 && findings.is_empty() {
        let why = unread.first().map_or_else(String::new, |why| format!("; not read: {}", inputs.outside.text(why)));
        bail!("nothing was checked: there is no function in {}{why}", named(args, &inputs));
    }

    let unread_functions: Vec<String> = counts
        .incomplete
        .iter()
        .filter(|gap| asked(&gap.file))
        .map(|gap| format!("not read whole: {}:{}: `{}`: {}", gap.file, gap.line, gap.function, gap.reason))
        .collect();
    if findings.is_empty() && counts.functions_asked > 0 && counts.functions_complete == 0 {
        let cut = || match counts.functions_truncated {
            0 => String::new(),
            n => format!("; {n} with more paths than the budget allows"),
        };
        let why = unread_functions.first().map_or_else(cut, |why| format!("; {}", inputs.outside.text(why)));
        bail!("nothing was checked: no function in {} could be read whole{why}", named(args, &inputs));
    }
    let mut notes: Vec<String> = gone.iter().map(|s| format!("not read: {s}")).collect();
    notes.extend(unread.iter().map(|why| format!("not read: {why}")));
    let gaps: Vec<String> = notes.iter().map(|note| inputs.outside.text(note)).collect();
    shorten(&mut notes);
    if output::verbose() {
        notes.extend(unread_functions);
    }
    notes.extend(wrong_marks);
    notes.extend(excluded.unused.iter().map(|glob| format!("{glob} fits no file")));
    match excluded.total() {
        0 => {}
        1 => notes.push(format!("1 file is excluded ({})", excluded.excluders())),
        n => notes.push(format!("{n} files are excluded ({})", excluded.excluders())),
    }
    notes.extend(missing(&counts.missing));
    // What is excluded counts nowhere.
    let out = |file: &str| excludes.cover(file);
    let outside: u64 = counts.functions_by_file.iter().filter(|(file, _)| out(file)).map(|(_, n)| u64::from(*n)).sum();
    let partly = counts.incomplete.iter().filter(|gap| out(&gap.file)).count() as u64;
    let mut coverage = Coverage {
        files: counts.files.saturating_sub(unread.len() as u64 + excluded.total()),
        functions: counts.functions.saturating_sub(outside),
        functions_complete: counts.functions_complete.saturating_sub(outside.saturating_sub(partly)),
        functions_truncated: counts.functions_truncated,
        rest: index::rest(&counts),
        all_checks: only.len() == known.len(),
        checks: only,
        unread: (gone.len() + unread.len()) as u64,
        left_out,
        notes: notes.iter().map(|note| inputs.outside.text(note)).collect(),
    };
    if !matches!(args.format, CheckFormat::Text | CheckFormat::Html) {
        coverage.notes.iter().for_each(|note| output::say(note));
    }
    coverage.left_out.retain(|(_, n)| *n > 0);
    let lines = SourceLines { source: &inputs.tree, last: RefCell::default() };
    let recipients = |finding: &Finding| -> Vec<String> {
        let Some(maintainers) = &maintainers else { return Vec::new() };
        // Keywords count in what the finding is about, as the script looks for them in what a patch changes.
        let places = finding.steps.iter().map(|s| (s.file.as_str(), s.line)).chain([(finding.file.as_str(), finding.line)]);
        let text: Vec<u8> =
            places.filter_map(|(file, line)| lines.get(file, line)).flat_map(|line| [line, b"\n".to_vec()].concat()).collect();
        maintainers.of(&finding.file, &text).all().map(str::to_owned).collect()
    };
    findings.par_chunks_mut(POINTED).for_each(|findings| {
        let lines = SourceLines { source: &inputs.tree, last: RefCell::default() };
        cuthere_report::point(findings, &|file, line| lines.get(file, line));
    });
    if !inputs.outside.is_empty() {
        // SARIF names a folder outside by a base of its own.
        let files = args.format != CheckFormat::Sarif;
        findings.iter_mut().for_each(|finding| show(finding, &inputs, files));
    }
    print(args, &inputs, &lines, &findings, &coverage, gaps, &recipients)?;
    Ok(if findings.is_empty() { Status::Clean } else { Status::Found })
}

/// What PATH names, or the tree.
fn named(args: &CheckArgs, inputs: &Inputs) -> String {
    let shown: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() { inputs.tree.root().display().to_string() } else { shown.join(", ") }
}

/// Headers that are included and not there, but for those that a build makes.
fn missing(headers: &[(String, u64)]) -> Option<String> {
    const MOST: usize = 3;
    let made = |header: &str| {
        header.starts_with("generated/") || header.contains("/generated/") || header.starts_with("asm/") || header == "linux/version.h"
    };
    let mut headers: Vec<&(String, u64)> = headers.iter().filter(|(header, _)| !made(header)).collect();
    headers.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
    let named = |(header, files): &&(String, u64)| if *files > 1 { format!("{header} ({files} files)") } else { header.clone() };
    let mut shown: Vec<String> = headers.iter().take(if output::verbose() { usize::MAX } else { MOST }).map(named).collect();
    if headers.len() > shown.len() {
        shown.push(format!("and {} more", headers.len() - shown.len()));
    }
    let (what, them) = if headers.len() == 1 {
        ("a header that is included is not there", "it declares")
    } else {
        ("headers that are included are not there", "they declare")
    };
    // A module by itself: the kernel's own are elsewhere.
    let bare = headers.iter().any(|(header, _)| ["linux/module.h", "linux/kernel.h", "linux/types.h"].contains(&header.as_str()));
    let hint = if bare { " (`--tree DIR` names a kernel's source that has them)" } else { "" };
    (!headers.is_empty()).then(|| format!("{what}: {}; what {them} is guessed from its use{hint}", shown.join(", ")))
}

/// A few of many notes.
fn shorten(notes: &mut Vec<String>) {
    const MOST: usize = 5;
    if notes.len() > MOST && !output::verbose() {
        let more = notes.len() - MOST;
        notes.truncate(MOST);
        notes.push(format!("and {more} more were not read; --verbose names them, --stats FILE lists them"));
    }
}

/// The tree's maintainers.
pub(crate) fn maintainers(tree: &Tree) -> Result<Maintainers> {
    let text =
        tree.read_path("MAINTAINERS")?.with_context(|| format!("{} has no MAINTAINERS file (--to-maintainers)", tree.root().display()))?;
    let maintainers = Maintainers::parse(&String::from_utf8_lossy(&text), &|path| tree.is_folder(path));
    if maintainers.is_empty() {
        bail!("the MAINTAINERS file of {} names nobody (--to-maintainers)", tree.root().display());
    }
    Ok(maintainers)
}

/// Names files outside the tree as the user did.
fn show(finding: &mut Finding, inputs: &Inputs, files: bool) {
    let outside = &inputs.outside;
    let file = |file: &mut String| {
        if files {
            *file = outside.shown(file);
        }
    };
    file(&mut finding.file);
    finding.message = outside.text(&finding.message);
    for step in &mut finding.steps {
        file(&mut step.file);
        step.text = outside.text(&step.text);
    }
    finding.assumes.iter_mut().for_each(|fact| *fact = outside.text(fact));
}

fn print(
    args: &CheckArgs,
    inputs: &Inputs,
    lines: &SourceLines<'_>,
    findings: &[Finding],
    coverage: &Coverage,
    gaps: Vec<String>,
    recipients: &dyn Fn(&Finding) -> Vec<String>,
) -> Result<()> {
    let ran: Vec<_> = engine::registry().into_iter().filter(|check| coverage.checks.iter().any(|id| id == check.id)).collect();
    let texts: Vec<String> = ran.iter().map(|check| check.page()).collect();
    let rules: Vec<Rule> = ran.iter().zip(&texts).map(|(check, page)| engine::rule(check, page)).collect();
    let renamed = args.format != CheckFormat::Sarif;
    let line = |file: &str, line: u32| if renamed { lines.get(&inputs.outside.inner(file), line) } else { lines.get(file, line) };
    let about = about(args, inputs);
    if let (CheckFormat::Html, Some(folder)) = (args.format, output::folder()) {
        let pages = cuthere_report::pages(findings, &rules, &about, coverage, &line);
        let files: Vec<(String, String)> = pages.into_iter().map(|page| (page.name, page.text)).collect();
        return output::into_folder(folder, &files);
    }
    output::standard(|out, colour| match args.format {
        CheckFormat::Text => {
            let palette = if colour { Palette::colour() } else { Palette::plain() };
            let shown = match (args.all, args.statistics) {
                (true, _) => Shown::All,
                (_, true) => Shown::Statistics,
                _ => Shown::Causes,
            };
            cuthere_report::text(out, findings, coverage, &line, &palette, shown)?;
            if args.to_maintainers { cuthere_report::recipients(out, findings, recipients) } else { Ok(()) }
        }
        CheckFormat::Json if args.to_maintainers => cuthere_report::json_lines_for(out, findings, recipients),
        CheckFormat::Json => cuthere_report::json_lines(out, findings),
        CheckFormat::Sarif => {
            let origin = Origin {
                version: env!("CARGO_PKG_VERSION"),
                root: inputs.tree.root().canonicalize().ok().map(|root| root.display().to_string()),
                repository: cuthere_tree::commits::provenance(inputs.tree.root(), args.tree.rev.as_deref()),
                outside: inputs.outside.folders(),
                gaps,
            };
            cuthere_report::sarif(out, findings, &rules, &origin, &line)
        }
        CheckFormat::Html => cuthere_report::html(out, findings, &rules, &about, coverage, &line),
        CheckFormat::Gcc => cuthere_report::gcc(out, findings),
        CheckFormat::Gitlab => cuthere_report::gitlab(out, findings),
        CheckFormat::Junit => cuthere_report::junit(out, findings, &rules),
    })
}

/// The facts at the head of a page: everything that decides what is in it, and when it was made.
fn about(args: &CheckArgs, inputs: &Inputs) -> Vec<(&'static str, String)> {
    let tree = &args.tree;
    let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let revision = tree.rev.clone().or_else(|| cuthere_tree::commits::provenance(inputs.tree.root(), None).map(|(_, rev)| rev));
    let least = args.confidence.map_or(Confidence::Medium, Confidence::from);
    let config =
        tree.config.as_ref().map_or_else(|| "everything on but debugging and the like".to_owned(), |path| path.display().to_string());
    // A report that is to be the same on another day names the day itself (reproducible-builds.org).
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let day = |seconds| crate::date::day_and_minute(seconds).map(|(day, _)| day);
    let when = epoch.and_then(day).or_else(|| day(crate::date::now())).unwrap_or_default();
    vec![
        ("tree", inputs.tree.root().display().to_string()),
        ("revision", revision.unwrap_or_default()),
        ("paths", paths(&args.paths)),
        ("patches", paths(&tree.patch)),
        ("architecture", tree.arch().to_owned()),
        ("configuration", config),
        ("preemption", format!("{:?}", tree.preempt()).to_lowercase()),
        ("models", paths(&tree.model)),
        ("levels", format!("{} and above", least.as_str())),
        ("excluded", [&args.exclude[..], &args.exclude_always].concat().join(", ")),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("date", when),
    ]
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
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', &bytes).map(|at| at + 1)).collect();
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
