//! A baseline: findings of an earlier run, as JSON Lines, that are not to be shown again.
//!
//! Findings match by check and fingerprint, counted: two equal defects where the baseline knew one leave one to show. Places do not
//! count, since lines move. It refuses to guess about lines that it cannot read: a damaged baseline is an error, not a smaller baseline.

use cuthere_base::Finding;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Known findings, counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Baseline {
    known: BTreeMap<(String, String), u64>,
}

/// A line of a baseline that is not a finding.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is not a finding as `--format json` writes it")]
pub struct BadBaseline {
    /// From 1.
    pub line: usize,
    source: serde_json::Error,
}

/// The fields that decide; an older or newer version's others do not matter.
#[derive(Deserialize)]
struct Known {
    check: String,
    fingerprint: String,
}

impl Baseline {
    /// Reads what `--format json` wrote. Blank lines are skipped.
    pub fn parse(text: &str) -> Result<Baseline, BadBaseline> {
        let mut known: BTreeMap<_, u64> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let entry: Known = serde_json::from_str(line).map_err(|source| BadBaseline { line: index + 1, source })?;
            *known.entry((entry.check, entry.fingerprint)).or_default() += 1;
        }
        Ok(Baseline { known })
    }

    /// The findings that the baseline does not know, in their order, and how many it knew.
    pub fn subtract(&self, findings: Vec<Finding>) -> (Vec<Finding>, usize) {
        let mut left = self.known.clone();
        let before = findings.len();
        let new: Vec<Finding> = findings
            .into_iter()
            .filter(|finding| match left.get_mut(&(finding.check.clone(), finding.fingerprint.clone())) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            })
            .collect();
        let known = before - new.len();
        (new, known)
    }
}
