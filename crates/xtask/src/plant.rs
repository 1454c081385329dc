//! `cargo xtask plant`: defects of a known kind at random places of a tree, as patches, each with a twin that is allowed.
//!
//! Decides by the text alone where a defect can be planted, without asking the analysis that is to find it. Same tree, folders, seed and
//! count: same patches.

mod free;
mod lock;
mod null;
mod sleep;

use crate::corpus::{self, Corpus, diff};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The kind of defect
    #[arg(long, value_enum)]
    check: Check,
    /// How many
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// What the random choice starts from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Choose places in this folder of the tree only (repeatable) [default: all]
    #[arg(long = "in", value_name = "FOLDER")]
    folders: Vec<String>,
    /// The tree
    tree: PathBuf,
    /// The folder to write NNN.patch, NNN.twin.patch and index.jsonl to
    out: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Check {
    SleepInAtomic,
    NullDeref,
    LockImbalance,
    UseAfterFree,
}

/// One line of `index.jsonl`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Row {
    pub number: usize,
    pub check: String,
    /// The file that is changed, the function in it, and the line.
    pub file: String,
    pub function: String,
    pub line: u32,
    /// Calls between the function that makes it a defect and the planted one.
    pub depth: usize,
    pub what: String,
    pub twin: String,
    /// The functions on the way from the one that makes it a defect (a lock is taken, a pointer assigned) to the planted one.
    pub chain: Vec<String>,
    /// The folders whose files are on the way.
    pub folders: Vec<String>,
}

/// A place, and the file with the defect and with the twin.
struct Planted {
    row: Row,
    old: Vec<u8>,
    bad: Vec<u8>,
    good: Vec<u8>,
}

/// Runs the subcommand; `false`: fewer places than asked for.
pub fn run(args: &Args) -> Result<bool> {
    let disk = corpus::open(&args.tree)?;
    let corpus = Corpus::read(&disk, &args.folders)?;
    let mut rng = fastrand::Rng::with_seed(args.seed);
    let (check, planted) = match args.check {
        Check::SleepInAtomic => ("sleep-in-atomic", sleep::plant(&corpus, &mut rng, args.count)),
        Check::NullDeref => ("null-deref", null::plant(&corpus, &mut rng, args.count)),
        Check::LockImbalance => ("lock-imbalance", lock::plant(&corpus, &mut rng, args.count)),
        Check::UseAfterFree => ("use-after-free", free::plant(&corpus, &mut rng, args.count)),
    };
    if planted.is_empty() {
        bail!("found no place to plant {check} in {}", args.tree.display());
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let mut index = String::new();
    for (number, mut p) in (1..).zip(planted) {
        p.row.number = number;
        check.clone_into(&mut p.row.check);
        for (suffix, new) in [("patch", &p.bad), ("twin.patch", &p.good)] {
            let path = args.out.join(format!("{number:03}.{suffix}"));
            std::fs::write(&path, diff(&p.row.file, &p.old, new)?).with_context(|| format!("cannot write {}", path.display()))?;
        }
        writeln!(index, "{}", serde_json::to_string(&p.row)?)?;
    }
    let path = args.out.join("index.jsonl");
    std::fs::write(&path, &index).with_context(|| format!("cannot write {}", path.display()))?;
    let written = index.lines().count();
    println!("{written} of {check} in {}", args.out.display());
    Ok(written == args.count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn planted(check: Check, seed: u64, out: &Path) -> Vec<Row> {
        let args = Args { check, count: 2, seed, folders: vec![], tree: crate::root::root().join("examples/kernel"), out: out.to_owned() };
        run(&args).expect("planted");
        std::fs::read_to_string(out.join("index.jsonl")).expect("written").lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
    }

    /// What is planted in a tree of this one file.
    pub(super) fn in_text(text: &str, plant: impl Fn(&Corpus<'_>, &mut fastrand::Rng, usize) -> Vec<Planted>) -> Vec<Planted> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("drivers")).expect("a folder");
        std::fs::write(folder.path().join("drivers/x.c"), text).expect("written");
        let disk = corpus::open(folder.path()).expect("a tree");
        let corpus = Corpus::read(&disk, &[]).expect("read");
        plant(&corpus, &mut fastrand::Rng::with_seed(1), 100)
    }

    /// The lines that differ, removed ones first.
    pub(super) fn changed(old: &[u8], new: &[u8]) -> Vec<String> {
        let text = String::from_utf8(diff("x", old, new).expect("a diff")).expect("text");
        let body = text.lines().skip(2).filter(|l| l.starts_with(['-', '+']));
        let mut lines: Vec<String> = body.map(|l| l.replace('\t', "")).collect();
        lines.sort_by_key(|l| l.starts_with('+'));
        lines
    }

    #[test]
    fn patches_apply_change_one_place_and_depend_on_the_seed_alone() {
        for check in [Check::SleepInAtomic, Check::NullDeref] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (one, two) = (folder.path().join("one"), folder.path().join("two"));
            let rows = planted(check, 7, &one);
            planted(check, 7, &two);
            for row in &rows {
                for suffix in ["patch", "twin.patch"] {
                    let name = format!("{:03}.{suffix}", row.number);
                    let patch = std::fs::read(one.join(&name)).expect("written");
                    assert_eq!(patch, std::fs::read(two.join(&name)).expect("written"));
                    let files = cuthere_tree::diff::parse(&patch).files;
                    assert_eq!((files.len(), files[0].hunks.len()), (1, 1), "{name}");
                    let old = std::fs::read(crate::root::root().join("examples/kernel").join(&row.file)).expect("there");
                    let done = cuthere_tree::apply::apply(&files[0].hunks, &old, &Default::default());
                    assert!(done.hunks.iter().all(|h| !h.failed()) && done.new != old, "{name}");
                }
            }
        }
    }
}
