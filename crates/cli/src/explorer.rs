//! Where the command meets the explorer: a scenario file joined to a tree, and what came out.

use crate::args::{BoundArgs, Memory, Preempt, Strategy, TreeArgs};
use anyhow::{Context, Result};
use cuthere_base::Source;
use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{
    MemoryModel, Options, Outcome, OutcomeKind, Preemption, Schedule, StrategyKind, WithScenario, explore, shapes_for, witness,
};
use cuthere_kernel::Model;
use cuthere_review::ScenarioRun;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files that one program includes; one with more is somebody's mistake.
const MAX_INCLUDED: usize = 256;
/// A file with more bytes is not included.
const MAX_BYTES: u64 = 16 << 20;

/// A scenario file that was read.
pub struct Scenario {
    pub name: String,
    text: String,
    /// The name, and files that the program includes with their names, from one folder.
    place: String,
    included: Vec<(String, Vec<u8>)>,
}

impl Scenario {
    /// Reads the file; `-` is standard input.
    pub fn read(path: &Path) -> Result<Scenario> {
        let bytes = crate::inputs::bytes(path).context("cannot read the scenario")?;
        let name = if path.as_os_str() == "-" { "scenario.c".to_owned() } else { path.display().to_string() };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (mut place, mut included) = (path.file_name().map_or(name.clone(), |name| name.to_string_lossy().into_owned()), Vec::new());
        if cuthere_explore::is_plain(&text)
            && let Ok(path) = path.canonicalize()
        {
            (place, included) = beside(&path, &bytes);
        }
        Ok(Scenario { name, text, place, included })
    }

    /// Whether it is an ordinary C program that needs no kernel tree.
    pub fn is_plain(&self) -> bool {
        cuthere_explore::is_plain(&self.text)
    }

    /// Explores it, joined to a tree if there is one.
    pub fn explore(&self, base: Option<&dyn Source>, model: &Model, config: &Config, options: &Options) -> Outcome {
        let source = WithScenario::beside(base, &self.place, &self.text, &self.included);
        let scenario = source.scenario();
        let config = Config { preempt_rt: options.preemption == Preemption::Rt, ..config.clone() };
        let program = Program::build_partial(&source, config, shapes_for(model, scenario.plain), &[scenario.file]);
        explore(&program, model, &scenario, options)
    }

    /// The same, as a review keeps it.
    pub fn run(&self, base: &dyn Source, model: &Model, config: &Config, options: &Options) -> ScenarioRun {
        let outcome = self.explore(Some(base), model, config, options);
        let first = outcome.faults.first();
        let mut bounds: Vec<String> = outcome.bounds.iter().cloned().collect();
        bounds.extend(outcome.unknown_calls.iter().map(|call| format!("unknown call {call}")));
        bounds.extend(outcome.unsupported.iter().cloned());
        ScenarioRun {
            scenario: self.name.clone(),
            outcome: word(&outcome).to_owned(),
            fault: first.map(|found| found.fault.kind.id().to_owned()),
            bounds,
            replay: first.map(|found| found.schedule.encode()),
            text: witness::text(&outcome, options),
            mail: witness::mail(&outcome, options),
        }
    }
}

/// The files that a program includes by `"name"`, directly or not, as far as they are there; with the program's own name, from the folder that
/// holds them all.
fn beside(program: &Path, text: &[u8]) -> (String, Vec<(String, Vec<u8>)>) {
    let mut found: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::from([(program.to_owned(), text.to_owned())]);
    let mut waiting = vec![program.to_owned()];
    while let Some(from) = waiting.pop() {
        let text = String::from_utf8_lossy(found.get(&from).map_or(&[], Vec::as_slice)).into_owned();
        for name in text.lines().filter_map(cuthere_explore::included) {
            let Ok(path) = from.with_file_name("").join(name).canonicalize() else { continue };
            let small = path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_BYTES);
            if !small || found.contains_key(&path) || found.len() > MAX_INCLUDED {
                continue;
            }
            if let Ok(bytes) = cuthere_tree::read_small(&path, MAX_BYTES) {
                found.insert(path.clone(), bytes);
                waiting.push(path);
            }
        }
    }
    let mut folder = program.with_file_name("");
    while !found.keys().all(|path| path.starts_with(&folder)) && folder.pop() {}
    let name = |path: &Path| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
    found.remove(program);
    (name(program), found.into_iter().map(|(path, bytes)| (name(&path), bytes)).collect())
}

/// The outcome as the formats call it.
fn word(outcome: &Outcome) -> &'static str {
    match outcome.kind {
        OutcomeKind::Fault => "fault",
        OutcomeKind::None => "none",
        OutcomeKind::Unknown => "unknown",
    }
}

/// The explorer's options as the command line gives them.
pub fn options(tree: &TreeArgs, bounds: Option<&BoundArgs>) -> Result<Options> {
    let mut options = Options {
        preemption: match tree.preempt() {
            Preempt::None => Preemption::None,
            Preempt::Voluntary => Preemption::Voluntary,
            Preempt::Full => Preemption::Full,
            Preempt::Rt => Preemption::Rt,
        },
        bh_lock: tree.bh_lock,
        ..Options::default()
    };
    let Some(bounds) = bounds else { return Ok(options) };
    options.preemptions = bounds.preemptions.unwrap_or(options.preemptions);
    options.bound_counts = bounds.preemptions.is_some();
    options.interrupts = bounds.interrupts.unwrap_or(options.interrupts);
    options.unroll = bounds.unroll.unwrap_or(options.unroll);
    options.time = bounds.time.map_or(options.time, Duration::from_secs);
    options.executions = bounds.executions.unwrap_or(options.executions);
    options.races = bounds.races;
    options.memory = match bounds.memory {
        Memory::Sc => MemoryModel::Sc,
        Memory::Tso => MemoryModel::Tso,
        Memory::Lkmm => MemoryModel::Lkmm,
    };
    options.seed = bounds.seed.unwrap_or(options.seed);
    options.strategy = match bounds.strategy {
        Strategy::Dpor => StrategyKind::Dpor,
        Strategy::Pct => StrategyKind::Pct,
        Strategy::Random => StrategyKind::Random,
    };
    if let Some(text) = &bounds.replay {
        options.replay = Some(Schedule::decode(text).context("the string of --replay is not one that a witness printed")?);
    }
    Ok(options)
}
