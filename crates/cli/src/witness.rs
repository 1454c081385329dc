//! `cuthere witness`: explores a scenario and shows the interleaving on which something goes wrong.

use crate::args::{WitnessArgs, WitnessFormat};
use crate::explorer::{self, Scenario};
use crate::{Status, inputs, output, workers};
use anyhow::{Context, Result, bail};
use cuthere_base::Source;
use cuthere_cfront::program::Config;
use cuthere_explore::{OutcomeKind, witness};
use cuthere_kernel::Model;
use std::time::Instant;

/// Rounds of a loop of a C program: such programs count to their ends, while loops in a kernel mostly walk lists.
const PROGRAM_UNROLL: u32 = 200;

/// Runs the subcommand.
pub fn run(args: &WitnessArgs) -> Result<Status> {
    let begun = Instant::now();
    if let Some(path) = &args.write_header {
        std::fs::write(path, cuthere_explore::HEADER).with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(Status::Clean);
    }
    workers(args.tree.jobs)?;
    let Some(path) = &args.scenario else { bail!("no scenario given") };
    let scenario = Scenario::read(path, &args.tree.include, &args.define)?;
    let mut options = explorer::options(&args.tree, Some(&args.bounds))?;
    if scenario.is_plain() {
        options.unroll = args.bounds.unroll.unwrap_or(PROGRAM_UNROLL);
        options.deepens = args.bounds.unroll.is_none();
    }
    let wants_tree = args.tree.tree.is_some() || args.tree.rev.is_some() || !args.tree.patch.is_empty() || !scenario.is_plain();
    let inputs = if wants_tree { Some(inputs::open(&args.tree, &[])?) } else { None };
    let model = inputs.as_ref().map_or_else(Model::builtin, |i| i.model.clone());
    let config = inputs.as_ref().map_or_else(Config::default, |i| i.config.clone());
    let outcome = scenario.explore(inputs.as_ref().map(|i| &i.tree as &dyn Source), &model, &config, &options, begun);
    let text = match args.format {
        WitnessFormat::Text => witness::text(&outcome, &options),
        WitnessFormat::Json => witness::json(&outcome, &options),
        WitnessFormat::Html => witness::html(&outcome, &options),
    };
    output::standard(|out, _| out.write_all(text.as_bytes()))?;
    // Giving back the memory of a tree's list takes longer than ending does.
    std::mem::forget(inputs);
    match outcome.kind {
        OutcomeKind::Fault => Ok(Status::Found),
        OutcomeKind::None => Ok(Status::Clean),
        OutcomeKind::Unknown => bail!("not decided: see above for what was in the way"),
    }
}
