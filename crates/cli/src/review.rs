//! `cuthere review`: what a patch series in a mail thread introduces, mends and leaves.

use crate::args::{ReviewArgs, ReviewFormat};
use crate::explorer::{self, Scenario};
use crate::inputs::Inputs;
use crate::memo::Memo;
use crate::progress::Stages;
use crate::{Status, engine, inputs, output, workers};
use anyhow::{Context, Result, bail};
use cuthere_base::Confidence;
use cuthere_mail::Hint;
use cuthere_report::Rule;
use cuthere_review::{Analyser, Analysis, Engine, Options, ReplyOptions, Review, ScenarioRun, reply, review, review_text};
use cuthere_tree::Tree;

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
    let thread = if args.thread.as_os_str() == "-" {
        cuthere_mail::read_thread(&inputs::bytes(&args.thread)?, Hint::Auto)
    } else {
        cuthere_mail::source::read_path(&args.thread).with_context(|| format!("cannot read the thread {}", args.thread.display()))?
    };
    if cuthere_review::select(&thread, None).is_none() {
        bail!("no patch in {} ({} messages read); see `cuthere thread` for what is in it", args.thread.display(), thread.messages.len());
    }
    let scenarios: Vec<Scenario> = args.scenario.iter().map(|path| Scenario::read(path)).collect::<Result<_>>()?;
    let inputs = inputs::open(&args.tree, &[])?;
    let stages = Stages::new();
    let memo = Memo::open(&args.tree);
    let run = |tree: &Tree, options: &cuthere_checks::Options| memo.run(tree, &inputs, options, &stages);
    let analyser = WithScenarios {
        engine: Engine { run: &run, config: inputs.config.clone(), only: Vec::new(), bh_lock: inputs.bh_lock },
        inputs: &inputs,
        scenarios: &scenarios,
        options: explorer::options(&args.tree, None)?,
    };
    let options = Options { confidence: Confidence::Medium, shapes: inputs.model.shapes(), ..Options::default() };
    let result = review(&thread, inputs.tree.clone(), &analyser, &options)?;
    stages.finish();
    memo.close();

    if let Some(path) = &args.reply {
        let options = ReplyOptions { me: None, verbose: args.verbose, arguments: arguments(args), tree: args.tree.rev.clone() };
        match reply(&result, &thread, &options) {
            Some(mail) => std::fs::write(path, mail).with_context(|| format!("cannot write the reply to {}", path.display()))?,
            None => anstream::eprintln!("cuthere: nothing to say, so no reply was written; --verbose writes one"),
        }
    }
    print(args, &result)?;
    let bad = !result.introduced.is_empty()
        || result.remaining.iter().any(|r| r.claimed || r.moved_from.is_some())
        || result.scenarios.iter().any(|s| s.fault_after());
    Ok(if bad { Status::Found } else { Status::Clean })
}

fn print(args: &ReviewArgs, result: &Review) -> Result<()> {
    match args.format {
        ReviewFormat::Text => output::standard(|out, _| out.write_all(review_text(result, args.verbose).as_bytes())),
        ReviewFormat::Json => {
            let json = serde_json::to_string_pretty(result).context("cannot write the review as JSON")?;
            output::standard(|out, _| writeln!(out, "{json}"))
        }
        ReviewFormat::Sarif => {
            let checks = engine::registry();
            let pages: Vec<String> = checks.iter().map(|check| check.page()).collect();
            let rules: Vec<Rule> =
                checks.iter().zip(&pages).map(|(check, page)| Rule { id: check.id, summary: check.summary, page }).collect();
            let mut findings = result.findings();
            cuthere_report::sort(&mut findings);
            output::standard(|out, _| cuthere_report::sarif(out, &findings, &rules, env!("CARGO_PKG_VERSION")))
        }
    }
}

/// The options that somebody else must give to see the same.
fn arguments(args: &ReviewArgs) -> Vec<String> {
    let mut out = Vec::new();
    if args.tree.arch != "x86" {
        out.extend(["--arch".to_owned(), args.tree.arch.clone()]);
    }
    if args.tree.preempt == crate::args::Preempt::Rt {
        out.extend(["--preempt".to_owned(), "rt".to_owned()]);
    }
    if args.tree.bh_lock {
        out.push("--bh-lock".to_owned());
    }
    out
}
