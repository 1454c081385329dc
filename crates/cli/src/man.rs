//! `cuthere man`: manual pages, from the command line's own definition.

use crate::args::ManArgs;
use crate::{Status, output};
use anyhow::{Context, Result};
use std::io;

/// Runs the subcommand.
pub fn run(args: &ManArgs) -> Result<Status> {
    let name = args.command.as_ref().map_or("cuthere.1".to_owned(), |command| format!("cuthere-{command}.1"));
    let pages = pages().context("cannot write the manual page")?;
    let (_, page) = pages.into_iter().find(|(file, _)| *file == name).with_context(|| {
        let command = args.command.as_deref().unwrap_or_default();
        format!("no subcommand is called {command}; see cuthere --help")
    })?;
    output::standard(|out, _| out.write_all(&page))?;
    Ok(Status::Clean)
}

/// A page for the command and one for each subcommand, with their file names.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = crate::command();
    command.build();
    let mut out = vec![("cuthere.1".to_owned(), page(command.clone())?)];
    for sub in command.get_subcommands() {
        let name = format!("cuthere-{}", sub.get_name());
        out.push((format!("{name}.1"), page(sub.clone())?));
    }
    Ok(out)
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    clap_mangen::Man::new(command).date("").render(&mut out)?;
    Ok(out)
}
