//! Findings: a claim about the code with its evidence.

use serde::{Deserialize, Serialize};

/// How sure a finding is. High means: fit to be mailed to the list as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    /// The word used on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// One step of the evidence, in time order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// Path relative to the tree, with `/` between parts.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1; 0 when only the line is known.
    pub column: u32,
    /// The function that the line is in.
    pub function: String,
    /// The thread of execution for findings that have two sides.
    pub thread: Option<String>,
    /// What happens here: one lowercase fact in the source's own names.
    pub text: String,
}

/// A defect claimed at one place. The order of the fields is the order in which findings sort and print.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The check's id, in kebab-case.
    pub check: String,
    pub confidence: Confidence,
    /// Path relative to the tree, with `/` between parts.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    pub function: String,
    /// One lowercase fact, no full stop.
    pub message: String,
    pub steps: Vec<Step>,
    /// What was taken for granted, one fact each.
    pub assumes: Vec<String>,
    /// Locks held at the place.
    pub locks: Vec<String>,
    /// The execution context at the place, in the kernel's words.
    pub context: String,
    /// Equal for the same defect when only lines moved; hexadecimal.
    pub fingerprint: String,
}

impl Finding {
    /// The order in which findings are listed: by place, then check, then message.
    pub fn sort_key(&self) -> (&str, u32, u32, &str, &str, &str) {
        (&self.file, self.line, self.column, &self.check, &self.message, &self.fingerprint)
    }
}
