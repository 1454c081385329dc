//! The order in which findings are listed, and their number by check and confidence.

use cuthere_base::{Confidence, Finding};
use std::collections::BTreeMap;

/// Sorts by place, then check, then message, whatever order the threads found them in; identical findings become one.
pub fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()).then_with(|| b.confidence.cmp(&a.confidence)));
    findings.dedup();
}

/// Findings counted by check, then by confidence.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally(pub BTreeMap<String, BTreeMap<&'static str, u64>>);

impl Tally {
    /// Counts `findings`.
    pub fn of(findings: &[Finding]) -> Tally {
        let mut tally = Tally::default();
        for finding in findings {
            *tally.0.entry(finding.check.clone()).or_default().entry(finding.confidence.as_str()).or_default() += 1;
        }
        tally
    }

    /// How many have this confidence.
    pub fn with(&self, confidence: Confidence) -> u64 {
        self.0.values().filter_map(|by| by.get(confidence.as_str())).sum()
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.values().flat_map(|by| by.values()).sum()
    }
}
