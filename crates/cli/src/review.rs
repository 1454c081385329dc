//! `cuthere review`: what a patch series in a mail thread introduces, mends and leaves.

use crate::args::{ReviewArgs, ReviewFormat, TreeArgs};
use crate::explorer::{self, Scenario};
use crate::inputs::Inputs;
use crate::memo::Memo;
use crate::progress::Stages;
use crate::{Status, check, engine, index, inputs, output, workers};
use anyhow::{Context, Result, bail};
use cuthere_base::Confidence;
use cuthere_mail::{Hint, SourceKind, Thread};
use cuthere_report::{Origin, Rule};
use cuthere_review::{Analyser, Analysis, Engine, Options, Recipients, ReplyOptions, Review, ScenarioRun, reply, review, review_text};
use cuthere_tree::Tree;
use cuthere_tree::commits::{self, Commit};
use std::cell::RefCell;
use std::path::PathBuf;

/// The analysis, and the scenarios on top of it.
struct WithScenarios<'a> {
    engine: Engine<'a>,
    inputs: &'a Inputs,
    scenarios: &'a [Scenario],
    options: cuthere_explore::Options,
}

impl Analyser for WithScenarios<'_> {
    fn analyse(&self, tree: &Tree, paths: &[String]) -> Analysis {
        self.engine.analyse(tree, paths)
    }

    fn scenarios(&self, tree: &Tree) -> Vec<ScenarioRun> {
        self.scenarios.iter().map(|s| s.run(tree, &self.inputs.model, &self.inputs.config, &self.options)).collect()
    }

    fn checks(&self) -> Vec<String> {
        self.engine.checks()
    }
}

/// Runs the subcommand.
pub fn run(args: &ReviewArgs) -> Result<Status> {
    workers(args.tree.jobs)?;
    let mut tree = args.tree.clone();
    let Some(thread) = read(args, &mut tree)? else {
        output::say("nothing to review: there is no change");
        return Ok(Status::Clean);
    };
    let several = args.thread.len() != 1;
    let cut = thread.cut.then(|| thread.notes.iter().find(|note| note.message.is_none()).or(thread.notes.first())).flatten();
    let cut = cut.map(|note| format!("{}: what lies behind was not looked at", note.text));
    if cuthere_review::select(&thread, None).is_none() {
        if thread.commits_only() {
            output::say("nothing to review: the commits change nothing (merges as `git show` prints them, or empty ones)");
            return Ok(Status::Clean);
        }
        if thread.messages.iter().any(|m| m.body.lines().any(|l| l.starts_with("diff --cc ") || l.starts_with("diff --combined "))) {
            bail!("a combined diff of a merge is not read; `git show -m --first-parent` prints one that is");
        }
        let names: Vec<String> = args.thread.iter().map(|path| path.display().to_string()).collect();
        bail!(
            "no patch in {} ({} read); see `cuthere thread` for what is in it",
            names.join(", "),
            crate::count(thread.messages.len(), "message")
        );
    }
    let scenarios: Vec<Scenario> = args.scenario.iter().map(|path| Scenario::read(path, &[], &[])).collect::<Result<_>>()?;
    let inputs = inputs::open(&tree, &[])?;
    inputs::say_skipped(&inputs.skipped);
    let maintainers = if args.to_maintainers { Some(check::maintainers(&inputs.tree)?) } else { None };
    let stages = Stages::new();
    let memo = Memo::open(&tree);
    let outside = RefCell::new(None);
    let run = |tree: &Tree, options: &cuthere_checks::Options| {
        let outcome = memo.run(tree, &inputs, options, &stages);
        *outside.borrow_mut() = index::rest(&outcome.stats);
        outcome
    };
    let analyser = WithScenarios {
        engine: Engine { run: &run, config: inputs.config.clone(), only: Vec::new(), bh_lock: inputs.bh_lock },
        inputs: &inputs,
        scenarios: &scenarios,
        options: explorer::options(&tree, None)?,
    };
    let options = Options { confidence: Confidence::Medium, shapes: inputs.model.shapes(), joined: several, ..Options::default() };
    let mut result = review(&thread, inputs.tree.clone(), &analyser, &options)?;
    result.scope.outside = outside.take();
    stages.finish();
    memo.close();

    let mut also = Recipients::default();
    if let Some(maintainers) = &maintainers {
        for patch in &result.patches {
            let text = patch.diff();
            patch.files.iter().for_each(|file| also.merge(&maintainers.of(file, text.as_bytes())));
        }
    }
    if let Some(path) = &args.reply {
        let also = also.all().map(str::to_owned).collect();
        let options = ReplyOptions { me: None, verbose: output::verbose(), also, arguments: arguments(&tree), tree: args.tree.rev.clone() };
        match reply(&result, &thread, &options) {
            Some(mail) => std::fs::write(path, mail).with_context(|| format!("cannot write the reply to {}", path.display()))?,
            None => output::say("nothing to say, so no reply was written; --verbose writes one"),
        }
    }
    print(args, &result, &also)?;
    let bad = !result.introduced.is_empty()
        || result.remaining.iter().any(|r| r.claimed || r.moved_from.is_some())
        || result.scenarios.iter().any(|s| s.fault_after());
    if bad {
        if let Some(cut) = &cut {
            output::say(cut);
        }
        return Ok(Status::Found);
    }
    if let Some(cut) = cut {
        bail!(cut);
    }
    // What did not apply was not looked at: that is no clean bill.
    match result.failed_hunks.len() {
        0 => Ok(Status::Clean),
        _ if result.nothing_looked_at() => bail!("nothing was looked at: no part of the patch applies to {}", inputs.tree.root().display()),
        1 => bail!("1 hunk did not apply, and what it changes was not looked at"),
        n => bail!("{n} hunks did not apply, and what they change was not looked at"),
    }
}

/// The patches: of files, of standard input, or of a range of commits, whose base then is the revision to look at. `None`: no change at all.
fn read(args: &ReviewArgs, tree: &mut TreeArgs) -> Result<Option<Thread>> {
    let range = args.tree.rev.as_deref().filter(|rev| rev.contains(".."));
    let Some(first) = args.thread.first() else {
        let Some(rev) = range else { bail!("give a THREAD to review, or a range of commits with --rev A..B") };
        let repository = args.tree.tree.clone().unwrap_or_else(|| PathBuf::from("."));
        let range = commits::read_range(&repository, rev)?;
        if !range.merges.is_empty() {
            output::say(&format!(
                "{} in {rev} {} left out",
                crate::count(range.merges.len(), "merge"),
                if range.merges.len() == 1 { "was" } else { "were" }
            ));
        }
        if range.commits.is_empty() {
            return Ok(None);
        }
        tree.rev = Some(range.base.clone());
        let total = range.commits.len();
        let mails: Vec<String> = range.commits.iter().zip(1..).map(|(commit, n)| mail(commit, n, total)).collect();
        return Ok(Some(cuthere_mail::read_messages(mails, SourceKind::Mbox, Hint::Message)));
    };
    if let Some(rev) = range {
        bail!("--rev {rev} is a range of commits to review: leave {} out, or give one revision", first.display());
    }
    if args.thread.len() == 1 {
        if first.is_dir() {
            let thread = cuthere_mail::source::read_path(first).with_context(|| format!("cannot read the thread {}", first.display()))?;
            return Ok(Some(thread));
        }
        let bytes = inputs::bytes(first).context("cannot read the thread")?;
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let name = first.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        return Ok(Some(cuthere_mail::read_thread(&bytes, Hint::from_name(&name))));
    }
    let mut blobs = Vec::with_capacity(args.thread.len());
    for path in &args.thread {
        if path.is_dir() {
            bail!("{} is a folder; give it alone, or files", path.display());
        }
        blobs.push(inputs::bytes(path).context("cannot read the thread")?);
    }
    blobs.retain(|bytes| !bytes.trim_ascii().is_empty());
    if blobs.is_empty() {
        return Ok(None);
    }
    Ok(Some(cuthere_mail::read_messages(blobs, SourceKind::Several, Hint::Auto)))
}

/// A commit as a mail, as `git format-patch` writes it.
fn mail(commit: &Commit, number: usize, total: usize) -> String {
    let diff = String::from_utf8_lossy(&commit.diff);
    format!(
        "From: {}\nDate: {}\nMessage-ID: <{}@commit>\nSubject: [PATCH {number}/{total}] {}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}\n---\n\n{diff}",
        commit.author, commit.date, commit.id, commit.subject, commit.body
    )
}

fn print(args: &ReviewArgs, result: &Review, also: &Recipients) -> Result<()> {
    match args.format {
        ReviewFormat::Text => output::standard(|out, _| {
            out.write_all(review_text(result, output::verbose()).as_bytes())?;
            if args.to_maintainers {
                writeln!(out, "to, by MAINTAINERS:")?;
            }
            also.all().try_for_each(|one| writeln!(out, "  {}", cuthere_report::escape(one)))
        }),
        ReviewFormat::Json => {
            let json = if args.to_maintainers {
                let mut value = serde_json::to_value(result).context("cannot write the review as JSON")?;
                value["recipients"] = also.all().map(str::to_owned).collect::<Vec<_>>().into();
                serde_json::to_string_pretty(&value)
            } else {
                serde_json::to_string_pretty(result)
            };
            let json = json.context("cannot write the review as JSON")?;
            output::standard(|out, _| writeln!(out, "{json}"))
        }
        ReviewFormat::Sarif => {
            let checks = engine::registry();
            let pages: Vec<String> = checks.iter().map(|check| check.page()).collect();
            let rules: Vec<Rule> = checks.iter().zip(&pages).map(|(check, page)| engine::rule(check, page)).collect();
            let mut findings = result.findings();
            cuthere_report::sort(&mut findings);
            let origin = Origin { version: env!("CARGO_PKG_VERSION"), ..Origin::default() };
            output::standard(|out, _| cuthere_report::sarif(out, &findings, &rules, &origin, &|_, _| None))
        }
    }
}

/// The options that somebody else must give to see the same.
fn arguments(tree: &TreeArgs) -> Vec<String> {
    let mut out = Vec::new();
    if tree.arch() != "x86" {
        out.extend(["--arch".to_owned(), tree.arch().to_owned()]);
    }
    if tree.preempt() == crate::args::Preempt::Rt {
        out.extend(["--preempt".to_owned(), "rt".to_owned()]);
    }
    if tree.bh_lock {
        out.push("--bh-lock".to_owned());
    }
    out
}
