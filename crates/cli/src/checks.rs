//! `cuthere checks`: the list of checks, or one check's page.

use crate::args::ChecksArgs;
use crate::{Status, engine, output};
use anyhow::{Context, Result};

/// Runs the subcommand.
pub fn run(args: &ChecksArgs) -> Result<Status> {
    let checks = engine::registry();
    match &args.id {
        Some(id) => {
            let check = checks.iter().find(|check| check.id == id).with_context(|| {
                let known: Vec<&str> = checks.iter().map(|check| check.id).collect();
                format!("no check is called {id}; there are: {}", known.join(", "))
            })?;
            output::standard(|out, _| writeln!(out, "{}", check.page().trim_end()))?;
        }
        None => output::standard(|out, _| {
            let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
            checks.iter().try_for_each(|check| writeln!(out, "{:width$}  {:6}  {}", check.id, check.maturity.as_str(), check.summary))
        })?,
    }
    Ok(Status::Clean)
}
