//! `cargo xtask garble TREE`: whether completeness can fail. Plants unknown syntax into random function bodies, in one patch, and compares
//! the functions that are incomplete then with the planted ones; refuses to plant into functions that are incomplete before.

use crate::corpus::{self, Corpus, diff, line_start, replaced};
use crate::probe::Probe;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The tree
    tree: PathBuf,
    /// How many functions
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// What the random choice starts from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only in this folder of the tree (repeatable) [default: all]
    #[arg(long = "in", value_name = "FOLDER")]
    folders: Vec<String>,
    /// The command to measure
    #[arg(long, default_value = "target/release/cuthere")]
    bin: PathBuf,
    /// Threads
    #[arg(long, default_value_t = 2)]
    jobs: u16,
    /// Keep the patch here
    #[arg(long)]
    keep: Option<PathBuf>,
}

const SYNTAX: [&str; 5] = ["@@ ;", "foo bar baz;", ") (", "x = = 3;", "$$$"];

/// A function, by its file and name.
type Name = (String, String);

/// Runs the subcommand; `false`: other functions than the planted ones are incomplete.
pub fn run(args: &Args) -> Result<bool> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let probe = Probe::new(&args.bin, &args.tree, args.jobs)?;
    let before = incomplete(&probe, &args.folders, None, scratch.path())?;
    let (patch, planted) = plant(args, &before)?;
    let path = args.keep.clone().unwrap_or_else(|| scratch.path().join("garble.patch"));
    std::fs::write(&path, patch).with_context(|| format!("cannot write {}", path.display()))?;
    let after = incomplete(&probe, &args.folders, Some(&path), scratch.path())?;

    let new: BTreeSet<&Name> = after.difference(&before).collect();
    let unseen: Vec<Value> =
        planted.iter().filter(|(name, _)| !new.contains(name)).map(|(name, what)| json!([name.0, name.1, what])).collect();
    let others: Vec<Value> = new.iter().filter(|name| !planted.contains_key(**name)).map(|name| json!([name.0, name.1])).collect();
    let exact = unseen.is_empty() && others.is_empty();
    let numbers = json!({
        "planted": planted.len(), "incomplete_before": before.len(), "incomplete_after": after.len(),
        "planted_but_complete": unseen, "incomplete_but_not_planted": others,
    });
    println!("{numbers:#}");
    Ok(exact && planted.len() == args.count)
}

/// The incomplete functions of a run.
fn incomplete(probe: &Probe, folders: &[String], patch: Option<&Path>, scratch: &Path) -> Result<BTreeSet<Name>> {
    let stats = scratch.join("stats.json");
    let place = stats.to_str().context("the temporary folder has an odd name")?;
    probe.run(folders, patch, &["--stats", place, "--format", "json"])?;
    let text = std::fs::read_to_string(&stats).context("no numbers were written")?;
    let numbers: Value = serde_json::from_str(&text).context("the numbers are no JSON")?;
    let list = numbers["incomplete_functions"].as_array().context("the numbers do not list functions")?;
    let text = |gap: &Value, field: &str| gap[field].as_str().unwrap_or_default().to_owned();
    Ok(list.iter().map(|gap| (text(gap, "file"), text(gap, "function"))).collect())
}

/// One patch of all, and what went where.
fn plant(args: &Args, before: &BTreeSet<Name>) -> Result<(Vec<u8>, BTreeMap<Name, &'static str>)> {
    let disk = corpus::open(&args.tree)?;
    let corpus = Corpus::read(&disk, &args.folders)?;
    let mut rng = fastrand::Rng::with_seed(args.seed);
    let mut all = Vec::new();
    for &file in &corpus.files {
        let mut seen = BTreeSet::new();
        for (at, item) in corpus.functions(file) {
            let name = (corpus.path(file).to_owned(), item.name.as_str().to_owned());
            // One name may have a body on either side of a conditional.
            if seen.insert(item.name.as_str()) && !before.contains(&name) {
                all.push((at, name));
            }
        }
    }
    rng.shuffle(&mut all);
    let mut planted = BTreeMap::new();
    let mut edits: BTreeMap<u32, Vec<(usize, &str)>> = BTreeMap::new();
    for (at, name) in all {
        if planted.len() == args.count {
            break;
        }
        let Some(body) = corpus.body(at) else { continue };
        // The start of a statement, at the body's own level.
        let mut depth = 0;
        let mut starts = Vec::new();
        for n in 0..body.tokens.len().saturating_sub(1) {
            match body.text(n) {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            let next = body.tokens[n + 1];
            if depth == 1 && n > 0 && body.text(n) == ";" && next.first && body.text(n + 1) != "else" {
                starts.push(line_start(&body.bytes, next.lo as usize));
            }
        }
        if starts.is_empty() || planted.contains_key(&name) {
            continue;
        }
        let what = SYNTAX[rng.usize(0..SYNTAX.len())];
        edits.entry(at.file.0).or_default().push((starts[rng.usize(0..starts.len())], what));
        planted.insert(name, what);
    }
    if planted.is_empty() {
        bail!("found no function to plant into");
    }
    let mut patch = Vec::new();
    for (file, mut list) in edits {
        let file = cuthere_base::FileId(file);
        let old = corpus.program.text(file).map_err(anyhow::Error::msg)?.bytes;
        let mut new = old.to_vec();
        list.sort_by_key(|edit| std::cmp::Reverse(edit.0));
        for (at, what) in list {
            new = replaced(&new, at..at, &format!("\t{what}\n"));
        }
        patch.extend(diff(corpus.path(file), &old, &new)?);
    }
    Ok((patch, planted))
}
