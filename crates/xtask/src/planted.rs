//! `cargo xtask planted OUT TREE`: how many of the defects that `plant` wrote are found, and how many of the allowed twins stay silent.
//!
//! Runs the command over the folders on the way, without and with each patch. What counts is a finding that the unpatched tree does not have.

use crate::plant::Row;
use crate::probe::{Finding, Probe, fresh};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// What `plant` wrote
    out: PathBuf,
    /// The tree that it was written for
    tree: PathBuf,
    /// The command to measure
    #[arg(long, default_value = "target/release/cuthere")]
    bin: PathBuf,
    /// Threads for each run
    #[arg(long, default_value_t = 2)]
    jobs: u16,
}

#[derive(Default)]
struct Count {
    planted: u64,
    found: u64,
    silent: u64,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<bool> {
    let index = std::fs::read_to_string(args.out.join("index.jsonl")).with_context(|| format!("no index in {}", args.out.display()))?;
    let rows: Vec<Row> = index.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("the index is damaged")?;
    let probe = Probe::new(&args.bin, &args.tree, args.jobs)?;
    let mut before: BTreeMap<(String, Vec<String>), Vec<Finding>> = BTreeMap::new();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let (mut missed, mut noisy) = (Vec::new(), Vec::new());
    for row in &rows {
        let key = (row.check.clone(), row.folders.clone());
        if !before.contains_key(&key) {
            before.insert(key.clone(), probe.findings(&row.check, &row.folders, None)?);
        }
        let base = &before[&key];
        let patched = |suffix: &str| probe.findings(&row.check, &row.folders, Some(&args.out.join(format!("{:03}.{suffix}", row.number))));
        let (bad, good) = (patched("patch")?, patched("twin.patch")?);
        let (new, new_in_twin) = (fresh(base, &bad), fresh(base, &good));
        let ours = |f: &&&Finding| row.chain.iter().any(|function| f.names(function));
        let found = new.iter().filter(|f| f.sure()).find(ours).is_some();
        let silent = new_in_twin.is_empty();
        let kind = match row.depth {
            0 => row.what.split(' ').next().unwrap_or_default().to_owned(),
            depth => format!("depth {depth}"),
        };
        for key in ["all".to_owned(), kind] {
            let count = counts.entry(key).or_default();
            count.planted += 1;
            count.found += u64::from(found);
            count.silent += u64::from(silent);
        }
        if !found {
            missed.push(json!({
                "why": why(row, base, &new),
                "number": row.number, "file": row.file, "line": row.line, "chain": row.chain, "what": row.what,
            }));
        }
        if !silent {
            let said: Vec<Value> = new_in_twin.iter().map(|f| json!({"file": f.file, "line": f.line, "message": f.message})).collect();
            noisy.push(json!({"number": row.number, "file": row.file, "line": row.line, "twin": row.twin, "findings": said}));
        }
    }
    let by: serde_json::Map<String, Value> =
        counts.iter().map(|(kind, c)| (kind.clone(), json!({"planted": c.planted, "found": c.found, "twins_silent": c.silent}))).collect();
    println!("{:#}", json!({"counts": by, "missed": missed, "noisy_twins": noisy}));
    Ok(true)
}

/// What can be seen of why a defect was missed.
fn why(row: &Row, base: &[Finding], new: &[&Finding]) -> String {
    let ours = |f: &&Finding| row.chain.iter().any(|function| f.names(function));
    if let Some(f) = new.iter().copied().find(ours) {
        return format!("found at {} confidence: {}", f.confidence, f.assumes.join("; "));
    }
    if let Some(f) = new.first() {
        return format!("found elsewhere: {}:{}: {}", f.file, f.line, f.message);
    }
    match base.iter().find(ours) {
        Some(f) => format!("the unpatched tree has a finding there: {}:{}: {}", f.file, f.line, f.message),
        None => "nothing new".to_owned(),
    }
}
