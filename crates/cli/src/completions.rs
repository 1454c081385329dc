//! `cuthere completions SHELL`: a script that completes the command line.

use crate::args::CompletionsArgs;
use crate::{Status, output};
use anyhow::Result;

/// Runs the subcommand.
pub fn run(args: &CompletionsArgs) -> Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "cuthere", &mut script);
    output::standard(|out, _| out.write_all(&script))?;
    Ok(Status::Clean)
}
