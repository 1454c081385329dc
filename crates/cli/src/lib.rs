//! The `cuthere` command: reads the command line, opens what it names, runs one subcommand, writes its report.
//!
//! Invariants: this crate alone opens the files that a user names and prints; it holds no knowledge of C, of the kernel or of a check.
//! Exit status: 0 nothing shown, 1 findings shown, 2 the work could not be done, with the reason on standard error.

mod args;
mod check;
mod checks;
mod completions;
mod date;
mod engine;
mod explain;
mod explorer;
mod function;
mod index;
mod inputs;
mod man;
mod marks;
mod memo;
mod output;
mod outside;
mod place;
mod progress;
mod review;
#[cfg(feature = "schema")]
mod schemas;
mod selection;
mod settings;
mod splat;
mod stats;
mod thread;
mod unknown;
mod witness;

use anyhow::{Context, Result};
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// Room for deep recursion on deep (but capped) nesting.
const STACK: usize = 64 << 20;

/// What a subcommand found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// Nothing to show.
    Clean,
    /// Findings were shown.
    Found,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a reader that went away is none either.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let result =
        std::thread::Builder::new().stack_size(STACK).spawn(move || run(cli)).context("cannot start a thread").and_then(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("internal error, see above; please report it with its input")))
        });
    match result {
        Ok(Status::Clean) => ExitCode::SUCCESS,
        Ok(Status::Found) => ExitCode::from(1),
        Err(error) => {
            anstream::eprintln!("cuthere: {}", cuthere_report::escape(&format!("{error:#}")).replace("\\x0a", "\n"));
            ExitCode::from(2)
        }
    }
}

fn run(mut cli: Cli) -> Result<Status> {
    output::configure(&cli.output);
    match &mut cli.command {
        Command::Check(args) => settings::check(args)?,
        Command::Index(args) => settings::tree(&mut args.tree, None)?,
        Command::Function(args) => settings::tree(&mut args.tree, None)?,
        Command::Review(args) => settings::tree(&mut args.tree, None)?,
        Command::Explain(args) => settings::tree(&mut args.tree, None)?,
        Command::Witness(args) => settings::tree(&mut args.tree, None)?,
        _ => {}
    }
    match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Index(args) => index::run(&args),
        Command::Function(args) => function::run(&args),
        Command::Review(args) => review::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Witness(args) => witness::run(&args),
        Command::Checks(args) => checks::run(&args),
        Command::Thread(args) => thread::run(&args),
        Command::Splat(args) => splat::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// The name that somebody may have meant.
pub(crate) fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let likeness = |name: &&str| strsim::damerau_levenshtein(word, name);
    // One letter in three, and names of two letters that were swapped.
    names.iter().copied().min_by_key(likeness).filter(|name| likeness(name) * 3 <= word.chars().count().max(3))
}

/// A number and what is counted.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The analysis recurses as deep as nesting is allowed to be.
const WORKER_STACK: usize = 16 << 20;

/// Starts the threads that the analysis runs on.
pub(crate) fn workers(jobs: Option<u16>) -> Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(jobs.map_or(0, usize::from))
        .stack_size(WORKER_STACK)
        .build_global()
        .context("cannot start threads; try --jobs 1")
}

/// The command line's definition, from which completions and manual pages are made.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Every check's id and page, for the generator of `docs/checks`.
pub fn pages() -> Vec<(&'static str, String)> {
    engine::registry().iter().map(|check| (check.id, check.page())).collect()
}

/// The schemas of what is written as JSON, each with its name.
#[cfg(feature = "schema")]
pub fn schemas() -> Vec<(&'static str, String)> {
    schemas::all()
}

/// The manual pages, one per command, each with its file name.
pub fn manuals() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    man::pages()
}
