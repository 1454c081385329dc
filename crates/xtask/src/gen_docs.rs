//! `cargo xtask gen`: pages made from the program's own definitions, so that they cannot be out of step with it.
//!
//! Writes by default; `--check` only compares and fails on a difference; `--dry-run` says what it would write. Files of an earlier run that
//! nothing makes any more are removed, within the generated folders alone.

use crate::root::root;
use anyhow::{Context, Result};
use clap_complete::Shell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; fail if anything is out of date
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Change nothing; say what would change
    #[arg(long)]
    dry_run: bool,
}

/// Folders that hold generated files only.
const FOLDERS: [&str; 4] = ["docs/checks", "docs/completions", "docs/man", "docs/schemas"];

/// Runs the subcommand; `false`: something is out of date.
pub fn run(args: &Args) -> Result<bool> {
    let root = root();
    let wanted = wanted()?;
    let mut fresh = true;
    for (path, content) in &wanted {
        if fs::read(root.join(path)).ok().as_deref() == Some(content) {
            continue;
        }
        fresh = false;
        report(args, "write", path);
        if !args.check && !args.dry_run {
            write(&root.join(path), content)?;
        }
    }
    for path in present(&root) {
        if !wanted.contains_key(&path) {
            fresh = false;
            report(args, "remove", &path);
            if !args.check && !args.dry_run {
                fs::remove_file(root.join(&path)).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
    }
    if args.check && !fresh {
        eprintln!("run `cargo xtask gen` and commit what it writes");
    }
    Ok(fresh || !args.check)
}

fn report(args: &Args, what: &str, path: &Path) {
    let would = if args.check {
        "out of date: would "
    } else if args.dry_run {
        "would "
    } else {
        ""
    };
    println!("{would}{what} {}", path.display());
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Every generated file, relative to the root.
fn wanted() -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for (id, page) in cuthere_cli::pages() {
        files.insert(Path::new(FOLDERS[0]).join(format!("{id}.md")), format!("{}\n", page.trim_end()).into_bytes());
    }
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut cuthere_cli::command(), "cuthere", &mut script);
        files.insert(Path::new(FOLDERS[1]).join(format!("cuthere.{shell}")), script);
    }
    for (name, page) in cuthere_cli::manuals().context("cannot make the manual pages")? {
        files.insert(Path::new(FOLDERS[2]).join(name), page);
    }
    for (name, schema) in cuthere_cli::schemas() {
        files.insert(Path::new(FOLDERS[3]).join(format!("{name}.json")), schema.into_bytes());
    }
    Ok(files)
}

/// The files that stand in the generated folders now.
fn present(root: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for folder in FOLDERS {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        out.extend(entries.flatten().map(|entry| Path::new(folder).join(entry.file_name())));
    }
    out.sort();
    out
}
