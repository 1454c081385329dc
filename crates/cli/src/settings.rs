//! `cuthere.toml`: what a tree or a folder always wants, so that nobody has to type it. The command line wins.
//!
//! The nearest file at or above the first PATH counts, up to the tree's root. Paths in it are relative to its folder. A key that is not
//! known is an error: a misspelt one would silently do nothing.

use crate::args::{CheckArgs, Level, Preempt, TreeArgs};
use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file's name.
pub const NAME: &str = "cuthere.toml";

/// What it may hold.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// Ids of the checks that run.
    checks: Option<Vec<String>>,
    confidence: Option<String>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    model: Vec<PathBuf>,
    #[serde(default)]
    include: Vec<PathBuf>,
    preempt: Option<String>,
    bh_lock: Option<bool>,
    arch: Option<String>,
    config: Option<PathBuf>,
    baseline: Option<PathBuf>,
}

/// A file that was found, with the folder that its paths start from.
struct Found {
    settings: Settings,
    folder: PathBuf,
    path: PathBuf,
    /// The folder's path in the tree; empty for the tree's own, and where that is not known.
    below: String,
}

/// Fills in what the command line leaves open, for every subcommand that reads a tree.
pub fn tree(args: &mut TreeArgs, first: Option<&Path>) -> Result<()> {
    if let Some(found) = find(args, first)? {
        of_tree(args, &found)?;
    }
    Ok(())
}

/// The same for `check`, which has more.
pub fn check(args: &mut CheckArgs) -> Result<()> {
    let first = args.paths.first().cloned();
    let Some(found) = find(&args.tree, first.as_deref())? else { return Ok(()) };
    of_tree(&mut args.tree, &found)?;
    let settings = &found.settings;
    if let Some(checks) = &settings.checks {
        let known: Vec<&str> = crate::engine::registry().iter().map(|check| check.id).collect();
        if let Some(unknown) = checks.iter().find(|id| !known.contains(&id.as_str())) {
            let near = crate::nearest(unknown, &known).map_or_else(String::new, |near| format!("; {near} is one"));
            anyhow::bail!("{}: no check is called {unknown}{near} (checks)", found.path.display());
        }
        if args.only.is_empty() {
            args.only.clone_from(checks);
        }
    }
    if let (None, Some(level)) = (args.confidence, &settings.confidence) {
        args.confidence = Some(word::<Level>(level, "confidence", &found.path)?);
    }
    args.exclude_always = settings.exclude.iter().map(|glob| anchored(glob, &found.below)).collect();
    if let (None, Some(baseline)) = (&args.baseline, &settings.baseline) {
        args.baseline = Some(found.folder.join(baseline));
    }
    Ok(())
}

fn of_tree(args: &mut TreeArgs, found: &Found) -> Result<()> {
    let settings = &found.settings;
    let own = |paths: &[PathBuf]| -> Vec<PathBuf> { paths.iter().map(|path| found.folder.join(path)).collect() };
    args.model.splice(0..0, own(&settings.model));
    args.include.extend(own(&settings.include));
    if let (None, Some(preempt)) = (args.preempt, &settings.preempt) {
        args.preempt = Some(word::<Preempt>(preempt, "preempt", &found.path)?);
    }
    args.bh_lock |= settings.bh_lock.unwrap_or(false);
    args.arch = args.arch.take().or_else(|| settings.arch.clone());
    args.config = args.config.take().or_else(|| settings.config.as_ref().map(|path| found.folder.join(path)));
    Ok(())
}

/// A glob with a `/` starts from the folder of its file; `below`: where that is in the tree.
fn anchored(glob: &str, below: &str) -> String {
    let plain = glob.trim_start_matches("./").trim_end_matches('/');
    if below.is_empty() || glob.starts_with('/') || !plain.contains('/') { glob.to_owned() } else { format!("{below}/{plain}") }
}

fn word<T: ValueEnum>(text: &str, key: &str, path: &Path) -> Result<T> {
    let known: Vec<String> = T::value_variants().iter().filter_map(|v| v.to_possible_value()).map(|v| v.get_name().to_owned()).collect();
    let wrong = |_| anyhow::anyhow!("{}: {key} is one of {}, not {text:?}", path.display(), known.join(", "));
    T::from_str(text, false).map_err(wrong)
}

fn find(args: &TreeArgs, first: Option<&Path>) -> Result<Option<Found>> {
    if args.no_settings {
        return Ok(None);
    }
    let given = first.filter(|path| path.exists()).or(args.tree.as_deref()).unwrap_or(Path::new("."));
    let Ok(start) = given.canonicalize() else { return Ok(None) };
    let root = args.tree.as_deref().and_then(|tree| tree.canonicalize().ok()).or_else(|| cuthere_tree::find_kernel_root(&start));
    for folder in start.ancestors() {
        let path = folder.join(NAME);
        if path.is_file() {
            let text = crate::inputs::text(&path, NAME)?;
            let settings = toml::from_str(&text).with_context(|| format!("{} is not accepted", path.display()))?;
            let below =
                root.as_deref().and_then(|root| folder.strip_prefix(root).ok()).and_then(Path::to_str).unwrap_or_default().to_owned();
            return Ok(Some(Found { settings, folder: folder.to_path_buf(), path, below }));
        }
        if root.as_deref() == Some(folder) {
            break;
        }
    }
    Ok(None)
}
