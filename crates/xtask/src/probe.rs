//! Runs of the built command over parts of a tree, read back.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is needed of a finding.
#[derive(Deserialize)]
pub struct Finding {
    pub confidence: String,
    pub file: String,
    pub line: u32,
    pub function: String,
    pub message: String,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub assumes: Vec<String>,
    pub fingerprint: String,
}

#[derive(Deserialize)]
pub struct Step {
    pub function: String,
}

impl Finding {
    /// Medium confidence or above.
    pub fn sure(&self) -> bool {
        self.confidence != "low"
    }

    /// Whether it, or a step of it, is in the function.
    pub fn names(&self, function: &str) -> bool {
        self.function == function || self.steps.iter().any(|step| step.function == function)
    }
}

/// The findings of `after` that `before` does not have, by fingerprint; of several with the same one, as many as were added.
pub fn fresh<'a>(before: &'a [Finding], after: &'a [Finding]) -> Vec<&'a Finding> {
    let mut known: HashMap<(&'a str, bool), u32> = HashMap::new();
    for f in before {
        *known.entry((&f.fingerprint, f.sure())).or_default() += 1;
    }
    let mut out = Vec::new();
    for f in after {
        match known.get_mut(&(f.fingerprint.as_str(), f.sure())) {
            Some(left) if *left > 0 => *left -= 1,
            _ => out.push(f),
        }
    }
    out
}

/// A command and a tree.
pub struct Probe {
    bin: PathBuf,
    tree: PathBuf,
    jobs: String,
}

impl Probe {
    pub fn new(bin: &Path, tree: &Path, jobs: u16) -> Result<Probe> {
        let bin = bin.canonicalize().with_context(|| format!("no command at {}; build it or name one with --bin", bin.display()))?;
        let tree = tree.canonicalize().with_context(|| format!("no tree at {}", tree.display()))?;
        Ok(Probe { bin, tree, jobs: jobs.to_string() })
    }

    /// All findings of a check in these folders.
    pub fn findings(&self, check: &str, folders: &[String], patch: Option<&Path>) -> Result<Vec<Finding>> {
        let text = self.run(folders, patch, &["--only", check, "--format", "json", "--confidence", "low"])?;
        text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not a finding: {line}"))).collect()
    }

    /// Standard output of `check` over the folders.
    pub fn run(&self, folders: &[String], patch: Option<&Path>, args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.bin);
        command
            .current_dir(&self.tree)
            .args(["check", "--no-cache"])
            .arg("--tree")
            .arg(&self.tree)
            .args(folders)
            .args(["--jobs", &self.jobs])
            .args(args);
        if let Some(patch) = patch {
            let patch = patch.canonicalize().with_context(|| format!("no patch at {}", patch.display()))?;
            command.arg("--patch").arg(patch);
        }
        let done = command.output().with_context(|| format!("cannot run {}", self.bin.display()))?;
        if !matches!(done.status.code(), Some(0 | 1)) {
            bail!("{} ended with {}: {}", self.bin.display(), done.status, String::from_utf8_lossy(&done.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}
