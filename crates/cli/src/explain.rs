//! `cuthere explain`: a crash report's frames and locks in the tree's source, and the call that is to blame.

use crate::args::{ExplainArgs, ReadFormat};
use crate::memo::Memo;
use crate::progress::Stages;
use crate::{Status, index, inputs, output, workers};
use anyhow::{Context, Result, bail};
use cuthere_base::Confidence;
use cuthere_checks::Options;
use cuthere_review::{Engine, explain, explanation_text};
use cuthere_tree::Tree;
use std::cell::RefCell;

/// Runs the subcommand.
pub fn run(args: &ExplainArgs) -> Result<Status> {
    workers(args.tree.jobs)?;
    let splats = inputs::splats(&args.input)?;
    if splats.is_empty() {
        bail!("no crash report in {}; see `cuthere splat` for what is read", args.input.display());
    }
    let inputs = inputs::open(&args.tree, &[])?;
    inputs::say_skipped(&inputs.skipped);
    let stages = Stages::new();
    let memo = Memo::open(&args.tree);
    let outside = RefCell::new(None);
    let run = |tree: &Tree, options: &Options| {
        let outcome = memo.run(tree, &inputs, options, &stages);
        *outside.borrow_mut() = index::rest(&outcome.stats);
        outcome
    };
    let engine = Engine { run: &run, config: inputs.config.clone(), only: Vec::new(), bh_lock: inputs.bh_lock };
    let options = explain::Options { model: inputs.model.clone(), arch: args.tree.arch().to_owned(), confidence: Confidence::Medium };
    let mut explanation = explain(&splats, &inputs.tree, &engine, &options);
    explanation.notes.extend(outside.take());
    stages.finish();
    memo.close();
    match args.format {
        ReadFormat::Json => {
            let json = serde_json::to_string_pretty(&explanation).context("cannot write the explanation as JSON")?;
            output::standard(|out, _| writeln!(out, "{json}"))?;
        }
        ReadFormat::Text => output::standard(|out, _| out.write_all(explanation_text(&explanation).as_bytes()))?,
    }
    if explanation.nothing_found() {
        bail!(
            "nothing was explained: no function of the report is in {}; name the tree of its kernel with --tree",
            inputs.tree.root().display()
        );
    }
    Ok(if explanation.findings.iter().any(|related| related.agrees) { Status::Found } else { Status::Clean })
}
