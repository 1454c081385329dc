//! `--stats FILE`: numbers about a run, one JSON object.

use crate::engine;
use anyhow::{Context, Result};
use cuthere_report::Tally;
use cuthere_tree::Skipped;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What was not read, where and why.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap<'a> {
    file: &'a str,
    line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    reason: &'a str,
}

/// Knowledge of the whole tree that a run over a part has used.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Index {
    /// When it was made, in seconds since 1970.
    made: u64,
    functions: u64,
    /// Known, but not used: changed since.
    stale: u64,
}

/// What is not among the files that were read, and why.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotRead<'a> {
    path: &'a str,
    reason: String,
}

/// What the cache held and gave. All zero without one.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cache<'a> {
    /// On disk.
    bytes: u64,
    hits: u64,
    misses: u64,
    written: u64,
    /// Entries and packs that were damaged, and left out.
    corrupted: u64,
    notes: &'a [String],
}

/// What is written. Everything but `seconds`, `cache`, `jobs` and `peak_rss_bytes` is the same for the same input.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stats<'a> {
    pub version: &'a str,
    pub files: u64,
    pub bytes: u64,
    pub functions: u64,
    pub functions_complete: u64,
    /// Why functions were not read whole: reason to number.
    pub incomplete: BTreeMap<&'a str, u64>,
    pub incomplete_functions: Vec<Gap<'a>>,
    /// Functions with more paths than the budget allows; some of them were not followed.
    pub functions_truncated: u64,
    /// What was known of functions outside of PATH from a run over the whole tree; null: nothing.
    pub index: Option<Index>,
    /// Places where a file could not be read on.
    pub file_notes: Vec<Gap<'a>>,
    pub skipped: Vec<NotRead<'a>>,
    /// Of all confidences, known or not: check to confidence to number.
    pub findings: BTreeMap<&'a str, BTreeMap<&'static str, u64>>,
    /// Findings that were written.
    pub shown: u64,
    /// Findings that were not written: why, and how many.
    pub left_out: BTreeMap<&'a str, u64>,
    /// Stage to seconds, in the order of the stages, then `total`.
    #[serde(serialize_with = "stages")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, f64>"))]
    pub seconds: Vec<(&'a str, f64)>,
    pub cache: Cache<'a>,
    pub jobs: usize,
    /// The most memory that the process held at once.
    pub peak_rss_bytes: u64,
}

fn stages<S: Serializer>(stages: &[(&str, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(stages.len()))?;
    for (name, seconds) in stages {
        map.serialize_entry(name, seconds)?;
    }
    map.end()
}

/// A run that has ended.
pub struct Ended<'a> {
    pub counts: &'a engine::Stats,
    pub cache: &'a cuthere_store::Stats,
    pub skipped: &'a [Skipped],
    pub tally: &'a Tally,
    /// Findings that are written.
    pub shown: u64,
    pub left_out: &'a [(String, u64)],
    pub times: &'a [(&'static str, Duration)],
    pub total: Duration,
}

/// Writes the object.
pub fn write(path: &Path, run: &Ended<'_>) -> Result<()> {
    let &Ended { counts, cache, skipped, tally, shown, left_out, times, total } = run;
    let milli = |duration: Duration| (duration.as_secs_f64() * 1000.0).round() / 1000.0;
    let mut seconds: Vec<(&str, f64)> = times.iter().map(|(name, took)| (*name, milli(*took))).collect();
    seconds.push(("total", milli(total)));
    let mut incomplete: BTreeMap<&str, u64> = BTreeMap::new();
    for gap in &counts.incomplete {
        *incomplete.entry(&gap.reason).or_default() += 1;
    }
    let incomplete_functions =
        counts.incomplete.iter().map(|g| Gap { file: &g.file, line: g.line, function: Some(&g.function), reason: &g.reason }).collect();
    let stats = Stats {
        version: env!("CARGO_PKG_VERSION"),
        files: counts.files,
        bytes: counts.bytes,
        functions: counts.functions,
        functions_complete: counts.functions_complete,
        incomplete,
        incomplete_functions,
        functions_truncated: counts.functions_truncated,
        index: counts.index.map(|i| Index { made: i.made, functions: i.functions, stale: i.stale }),
        file_notes: counts.notes.iter().map(|(file, line, reason)| Gap { file, line: *line, function: None, reason }).collect(),
        skipped: skipped.iter().map(|s| NotRead { path: &s.path, reason: s.reason.to_string() }).collect(),
        findings: tally.0.iter().map(|(check, by)| (check.as_str(), by.clone())).collect(),
        shown,
        left_out: left_out.iter().map(|(why, n)| (why.as_str(), *n)).collect(),
        seconds,
        cache: Cache {
            bytes: cache.bytes,
            hits: cache.hits,
            misses: cache.misses,
            written: cache.written,
            corrupted: cache.corrupted,
            notes: &cache.notes,
        },
        jobs: rayon::current_num_threads(),
        peak_rss_bytes: peak_rss_bytes(),
    };
    let mut text = serde_json::to_string_pretty(&stats).context("cannot write numbers as JSON")?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("cannot write {} (--stats)", path.display()))
}

fn peak_rss_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let peak = getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss());
    // Kibibytes on Linux, bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    u64::try_from(peak).unwrap_or(0) * unit
}
