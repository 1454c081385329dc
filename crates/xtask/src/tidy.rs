//! `cargo xtask tidy`: what the house style asks of every source file and a compiler does not see.
//!
//! A file without an opening comment and a test that is switched off are breaches; a long file is only named, since some want to be long. So are a
//! crate that depends on a later one, and a check without its page, its fixtures or its line in the registry.

mod checks;
mod order;

use crate::root::root;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A longer file wants splitting.
const MOST_LINES: usize = 800;

/// Runs the subcommand; `false`: something was found.
pub fn run() -> Result<bool> {
    let root = root();
    let mut files = Vec::new();
    for folder in ["crates", "fuzz"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut tidy = true;
    for path in files {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        for (line, what) in complaints(&text) {
            tidy = false;
            println!("{shown}:{line}: {what}");
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            println!("{shown}:{lines}: note: more than {MOST_LINES} lines, which want splitting");
        }
    }
    for what in order::complaints(&root)?.into_iter().chain(checks::complaints(&root)?) {
        tidy = false;
        println!("{what}");
    }
    Ok(tidy)
}

/// The Rust files below a folder, in no order.
pub fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && entry.file_name() != "target" {
            collect(&path, out);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// What is wrong with a file, each with its line.
fn complaints(text: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    if !text.starts_with("//!") {
        out.push((1, "the file does not open with `//!`".to_owned()));
    }
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with(concat!("#[", "ignore")) {
            out.push((index + 1, "a test is switched off".to_owned()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::complaints;

    #[test]
    fn each_rule_finds_its_breach_and_nothing_else() {
        assert_eq!(complaints("//! What it decides.\n\nfn f() {}\n"), []);
        assert_eq!(complaints("fn f() {}\n").len(), 1);
        assert_eq!(complaints(concat!("//! Tests.\n    #[", "ignore]\n"))[0].0, 2);
    }
}
