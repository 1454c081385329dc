//! Where the command meets the explorer: a scenario file joined to a tree, and what came out.

use crate::args::{BoundArgs, Memory, Preempt, Strategy, TreeArgs};
use anyhow::{Context, Result, bail};
use cuthere_base::Source;
use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{
    MemoryModel, Options, Outcome, OutcomeKind, Preemption, Schedule, StrategyKind, WithScenario, explore, shapes_for, witness,
};
use cuthere_kernel::Model;
use cuthere_review::ScenarioRun;
use cuthere_tree::{Gathered, Included};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much of the time for everything is held back for what comes behind the search: shortening what was found, naming what is missing, printing.
const HELD_BACK: Duration = Duration::from_millis(300);

/// A scenario file that was read.
pub struct Scenario {
    pub name: String,
    text: String,
    /// The program's name from one folder, and files that it includes.
    gathered: Gathered,
    /// Macros that a program is read with.
    defines: Vec<(String, String)>,
}

impl Scenario {
    /// Reads the file; `-` is standard input. `folders`: where a program's includes are looked for; `defines`: its macros, as `NAME` or `NAME=VALUE`.
    pub fn read(path: &Path, folders: &[PathBuf], defines: &[String]) -> Result<Scenario> {
        let bytes = crate::inputs::bytes(path).context("cannot read the scenario")?;
        let name = if path.as_os_str() == "-" { "scenario.c".to_owned() } else { path.display().to_string() };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let place = path.file_name().map_or(name.clone(), |name| name.to_string_lossy().into_owned());
        let mut gathered = Gathered { program: place, ..Gathered::default() };
        if cuthere_explore::may_be_plain(&text)
            && let Ok(path) = path.canonicalize()
        {
            gathered = cuthere_tree::gather(&path, &bytes, folders, &inclusion);
        }
        if !cuthere_explore::is_plain(&text, &gathered.files) && !defines.is_empty() {
            bail!("-D is for C programs; a scenario can write the #define itself");
        }
        let defines = defines.iter().map(|text| define(text)).collect::<Result<_>>()?;
        Ok(Scenario { name, text, gathered, defines })
    }

    /// Whether it is an ordinary C program that needs no kernel tree.
    pub fn is_plain(&self) -> bool {
        cuthere_explore::is_plain(&self.text, &self.gathered.files)
    }

    /// Explores it, joined to a tree if there is one. The time of the options is for all that is done since it was `begun`, reading included.
    pub fn explore(&self, base: Option<&dyn Source>, model: &Model, config: &Config, options: &Options, begun: Instant) -> Outcome {
        let Gathered { program, files, folders } = &self.gathered;
        let source = WithScenario::beside(base, program, &self.text, files, &self.defines);
        let scenario = source.scenario();
        let mut config = Config { preempt_rt: options.preemption == Preemption::Rt, ..config.clone() };
        if scenario.plain {
            config.include.clone_from(folders);
            // Of a value that is no number, conditions know that it is there.
            config.defines.extend(self.defines.iter().map(|(name, value)| (name.clone(), value.trim().parse().unwrap_or(1))));
        }
        let program = Program::build_partial(&source, config, shapes_for(model, scenario.plain), &[scenario.file]);
        let options = Options { time: for_search(options.time, begun.elapsed()), ..options.clone() };
        explore(&program, model, &scenario, &options)
    }

    /// The same, as a review keeps it.
    pub fn run(&self, base: &dyn Source, model: &Model, config: &Config, options: &Options) -> ScenarioRun {
        let outcome = self.explore(Some(base), model, config, options, Instant::now());
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

/// What a line of a program includes: `"name"` from beside it, and what the explorer has no header for from folders.
fn inclusion(line: &str) -> Option<Included> {
    let name = |name: &str, beside| Included { name: name.to_owned(), beside };
    let own = cuthere_explore::included(line).map(|n| name(n, true));
    own.or_else(|| cuthere_explore::included_from_folders(line).map(|n| name(n, false)))
}

/// `NAME` or `NAME=VALUE`, as compilers take it.
fn define(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').unwrap_or((text, "1"));
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) || value.contains('\n') {
        bail!("-D {text}: expected NAME or NAME=VALUE");
    }
    Ok((name.to_owned(), value.to_owned()))
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
        Strategy::States => StrategyKind::States,
        Strategy::Pct => StrategyKind::Pct,
        Strategy::Random => StrategyKind::Random,
    };
    if let Some(text) = &bounds.replay {
        options.replay = Some(Schedule::decode(text).context("the string of --replay is not one that a witness printed")?);
    }
    Ok(options)
}

/// What the search gets of a time for everything, if this much of it is spent: an eighth at least, and no more than is held back, so that a machine
/// that reads slowly still tries something.
fn for_search(all: Duration, spent: Duration) -> Duration {
    let least = HELD_BACK.min(all / 8);
    all.saturating_sub(spent + least).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_showing_are_part_of_the_time() {
        let millis = Duration::from_millis;
        assert_eq!(for_search(millis(20_000), millis(700)), millis(19_000));
        assert_eq!(for_search(millis(2000), millis(500)), millis(1250));
        assert_eq!(for_search(millis(2000), millis(5000)), millis(250));
        assert_eq!(for_search(millis(0), millis(1)), millis(0));
    }
}
