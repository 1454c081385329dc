//! Where the command meets the analysis. This build has no analysis behind it yet: `check` says so and ends with status 2.

use crate::inputs::Inputs;
use anyhow::{Result, bail};
use cuthere_base::Finding;
use std::collections::BTreeMap;

/// What a check says about itself.
#[derive(Clone, Copy, Debug)]
pub struct CheckInfo {
    pub id: &'static str,
    pub summary: &'static str,
    /// Markdown.
    pub page: &'static str,
    pub maturity: &'static str,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub files: u64,
    pub bytes: u64,
    pub functions: u64,
    pub functions_complete: u64,
    pub incomplete: BTreeMap<String, u64>,
}

/// Findings in any order, and what they rest on.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub findings: Vec<Finding>,
    pub counts: Counts,
}

/// Hears how far a run has come.
pub trait Progress: Sync {
    /// A stage of `total` steps begins, and the one before it ends.
    fn stage(&self, name: &'static str, total: u64);
    /// `n` more steps are done.
    fn advance(&self, n: u64);
}

/// The checks, sorted by id.
pub fn registry() -> &'static [CheckInfo] {
    &[]
}

/// Runs the checks named in `only` (all, if it is empty) and reports on `inputs.paths`.
pub fn run(inputs: &Inputs, _only: &[String], _bh_lock: bool, progress: &dyn Progress) -> Result<Outcome> {
    progress.stage("read", 0);
    progress.advance(0);
    let _ = (&inputs.model, &inputs.config, inputs.preempt);
    bail!("this build has no analysis yet");
}

/// The functions of this name as the analysis reads them, one text each, sorted by file.
pub fn dump_ir(_inputs: &Inputs, _function: &str) -> Result<Vec<String>> {
    bail!("this build has no analysis yet");
}
