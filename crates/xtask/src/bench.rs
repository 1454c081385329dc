//! `cargo xtask bench TREE`: the release binary over a tree, and, where they are installed, ripgrep and Universal Ctags over the same files
//! for scale. Prints one JSON object. Measures and refuses to judge: no number here passes or fails anything.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::root::root;

#[derive(clap::Args)]
pub struct Args {
    /// The tree
    tree: PathBuf,
    /// Parts of it [default: all]
    paths: Vec<PathBuf>,
    /// The binary to measure [default: the one that is built now]
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Threads
    #[arg(long)]
    jobs: Option<u16>,
    /// Leave ripgrep and ctags out
    #[arg(long)]
    alone: bool,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<bool> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => build()?,
    };
    let stats = std::env::temp_dir().join(format!("cuthere-bench-{}.json", std::process::id()));
    let mut command = Command::new(&binary);
    command.arg("check").args(&args.paths).arg("--tree").arg(&args.tree).arg("--stats").arg(&stats).args([
        "--format",
        "json",
        "--no-cache",
    ]);
    if let Some(jobs) = args.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("cannot run {}", binary.display()))?;
    let wall = begun.elapsed().as_secs_f64();
    if !matches!(status.code(), Some(0 | 1)) {
        bail!("{} ended with {status}", binary.display());
    }
    let text = std::fs::read_to_string(&stats).context("no numbers were written")?;
    let _ = std::fs::remove_file(&stats);
    let numbers: Value = serde_json::from_str(&text).context("the numbers are no JSON")?;

    let functions = numbers["functions"].as_f64().unwrap_or(0.0);
    let bytes = numbers["bytes"].as_f64().unwrap_or(0.0);
    let mut out = json!({
        "wall_seconds": round(wall),
        "functions_per_second": (functions / wall).round(),
        "megabytes_per_second": (bytes / 1e6 / wall).round(),
        "peak_rss_bytes": numbers["peak_rss_bytes"],
        "seconds": numbers["seconds"],
        "stats": numbers,
    });
    if !args.alone {
        out["ripgrep_seconds"] = compare("rg", &["-c", "spin_lock"], &args.tree);
        let tags = ["--languages=C", "--langmap=C:.c.h", "-R", "-f", "/dev/null"];
        out["ctags_seconds"] = compare("ctags", &tags, &args.tree);
    }
    println!("{out:#}");
    Ok(true)
}

/// Builds and gives the path of the binary, in whatever target folder cargo uses.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--release", "--package", "cuthere-cli", "--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !out.status.success() {
        bail!("the build failed");
    }
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "cuthere")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built no binary called cuthere")
}

/// Seconds that another tool takes over the tree; null if it is not installed.
fn compare(tool: &str, args: &[&str], tree: &Path) -> Value {
    let begun = Instant::now();
    let ran = Command::new(tool).args(args).arg(tree).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match ran {
        Ok(_) => json!(round(begun.elapsed().as_secs_f64())),
        Err(_) => Value::Null,
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
