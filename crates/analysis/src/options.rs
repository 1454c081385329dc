//! What a run is asked for, how it tells how far it is, and what it gives.

use cuthere_base::Finding;
use cuthere_cfront::program::Config;
use serde::{Deserialize, Serialize};

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Ids of checks; empty: all.
    pub only: Vec<String>,
    /// Files or folders relative to the tree; empty: everything.
    pub paths: Vec<String>,
    pub config: Config,
    /// On PREEMPT_RT, disabled bh excludes other bh sections on the CPU.
    pub bh_lock: bool,
    /// The process ends after this run: what the run gathered is never freed, which costs a second for a kernel.
    pub last: bool,
}

impl Options {
    /// Whether everything is asked for.
    pub fn whole(&self) -> bool {
        self.paths.iter().all(String::is_empty)
    }

    /// Whether a file, by its path relative to the tree, is asked for.
    pub fn covers(&self, path: &str) -> bool {
        let below = |p: &String| path.strip_prefix(p.as_str()).is_some_and(|rest| p.is_empty() || rest.is_empty() || rest.starts_with('/'));
        self.whole() || self.paths.iter().any(below)
    }
}

/// Told how far a run is.
pub trait Progress: Sync {
    /// A stage begins; `total` is what `advance` adds up to.
    fn stage(&self, name: &'static str, total: u64);
    fn advance(&self, n: u64);
}

/// Tells nobody.
pub struct Quiet;
impl Progress for Quiet {
    fn stage(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// What a run covered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    pub files: u64,
    pub bytes: u64,
    pub functions: u64,
    /// Functions that were read whole and followed on all paths.
    pub functions_complete: u64,
    /// Functions in the files that were asked for: the others are in headers that these include.
    #[serde(default)]
    pub functions_asked: u64,
    /// These by file.
    #[serde(default)]
    pub functions_by_file: Vec<(String, u32)>,
    /// Headers that the files asked for include and that were not found: as written, and by how many files.
    #[serde(default)]
    pub missing: Vec<(String, u64)>,
    /// Functions of which not everything was followed: a budget or a cap was reached.
    pub functions_truncated: u64,
    /// Only a part of the tree was read.
    pub part: bool,
    /// What a run over the whole tree has left of the rest.
    pub index: Option<IndexUse>,
    /// Wall seconds by stage, in order; of a run that is read back, none.
    #[serde(skip)]
    pub seconds: Vec<(&'static str, f64)>,
    /// Functions that could not be read whole.
    pub incomplete: Vec<Gap>,
    /// Files that could not be read whole: path and reason.
    pub notes: Vec<(String, u32, String)>,
}

/// What a run over a part of a tree knew of the rest from a run over the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct IndexUse {
    /// When that run was made, in seconds since 1970.
    pub made: u64,
    /// Functions outside that were called and known.
    pub functions: u64,
    /// Functions outside that were known, but have changed since, or something on a way below them has.
    pub stale: u64,
}

/// One function's first reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    pub file: String,
    pub line: u32,
    pub function: String,
    pub reason: String,
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Sorted by place.
    pub findings: Vec<Finding>,
    pub stats: Stats,
}
