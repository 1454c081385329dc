//! The seam between reviewing and analysing: a tree and some paths in, findings out.

use cuthere_base::Finding;
use cuthere_cfront::program::Config;
use cuthere_checks::{Options, Outcome};
use cuthere_tree::Tree;

/// What an analysis found and what it rests on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Analysis {
    pub findings: Vec<Finding>,
    pub functions: u64,
    /// Functions read whole.
    pub functions_complete: u64,
}

impl From<Vec<Finding>> for Analysis {
    fn from(findings: Vec<Finding>) -> Analysis {
        Analysis { findings, ..Analysis::default() }
    }
}

/// Finds defects in parts of a tree.
pub trait Analyser {
    /// The findings of the files in `paths`, which are files of the tree. Equal input gives equal output.
    fn analyse(&self, tree: &Tree, paths: &[String]) -> Analysis;
    /// Runs the scenarios that were asked for on a state of the tree, always the same ones in the same order.
    fn scenarios(&self, _tree: &Tree) -> Vec<crate::ScenarioRun> {
        Vec::new()
    }
    /// Ids of the checks it runs, sorted.
    fn checks(&self) -> Vec<String> {
        Vec::new()
    }
}

impl From<Outcome> for Analysis {
    fn from(outcome: Outcome) -> Analysis {
        Analysis { findings: outcome.findings, functions: outcome.stats.functions, functions_complete: outcome.stats.functions_complete }
    }
}

/// The real analysis.
pub struct Engine<'a> {
    /// [`cuthere_checks::run`], or what remembers its results.
    pub run: &'a dyn Fn(&Tree, &Options) -> Outcome,
    pub config: Config,
    /// Ids of checks; empty: all.
    pub only: Vec<String>,
    pub bh_lock: bool,
}

impl Analyser for Engine<'_> {
    fn analyse(&self, tree: &Tree, paths: &[String]) -> Analysis {
        if paths.is_empty() {
            return Analysis::default();
        }
        let options =
            Options { only: self.only.clone(), paths: paths.to_vec(), config: self.config.clone(), bh_lock: self.bh_lock, last: false };
        (self.run)(tree, &options).into()
    }

    fn checks(&self) -> Vec<String> {
        let known = cuthere_checks::registry().map(|check| check.id.to_owned());
        known.filter(|id| self.only.is_empty() || self.only.contains(id)).collect()
    }
}
