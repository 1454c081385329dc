//! Where the command meets the analysis: options and results in the analysis's own terms.

use crate::inputs::Inputs;
use anyhow::{Result, bail};
use cuthere_checks::{CheckInfo, Maturity, Options};
pub use cuthere_checks::{Progress, Stats};
use cuthere_report::Rule;

/// The checks, sorted by id.
pub fn registry() -> Vec<&'static CheckInfo> {
    let mut checks: Vec<&CheckInfo> = cuthere_checks::registry().collect();
    checks.sort_by_key(|check| check.id);
    checks
}

/// What formats that explain themselves say about a check.
pub fn rule<'c>(check: &'c CheckInfo, page: &'c str) -> Rule<'c> {
    Rule { id: check.id, summary: check.summary, page, trial: check.maturity == Maturity::Trial }
}

/// The functions of this name as the analysis reads them.
pub fn dump_ir(inputs: &Inputs, function: &str) -> Result<String> {
    let text = cuthere_analysis::dump_ir(&inputs.tree, &inputs.model, &options(inputs, &[]), function);
    if text.is_empty() {
        bail!("no function {function} in what was read (--dump-ir); give the PATH of its file, or none for the whole tree");
    }
    Ok(text)
}

/// To run the checks named in `only` (all, if it is empty), and to report on `inputs.paths`.
pub fn options(inputs: &Inputs, only: &[String]) -> Options {
    Options { only: only.to_vec(), paths: inputs.paths.clone(), config: inputs.config.clone(), bh_lock: inputs.bh_lock, last: false }
}
