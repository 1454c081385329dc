//! Where a report goes: standard output, a pager, or a file; coloured only where a person reads it, silent when the reader has gone.
//!
//! What the command line says of output holds for the whole run, so it is kept here.

use crate::args::{Colour, OutputArgs};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

static CHOSEN: OnceLock<OutputArgs> = OnceLock::new();

/// Sets what holds for the run. Only the first call counts.
pub fn configure(args: &OutputArgs) {
    let choice = match args.color {
        Colour::Auto => anstream::ColorChoice::Auto,
        Colour::Always => anstream::ColorChoice::Always,
        Colour::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    let _ = CHOSEN.set(args.clone());
}

/// Whether only errors are said on standard error.
pub fn quiet() -> bool {
    CHOSEN.get().is_some_and(|args| args.quiet)
}

/// Whether more is said.
pub fn verbose() -> bool {
    CHOSEN.get().is_some_and(|args| args.verbose)
}

/// The file of `--output`.
pub fn file() -> Option<&'static Path> {
    CHOSEN.get()?.output.as_deref()
}

/// Says something on standard error that is no error.
pub fn say(text: &str) {
    if !quiet() {
        anstream::eprintln!("cuthere: {}", cuthere_report::escape(text).replace("\\x0a", "\n"));
    }
}

/// Runs `write` where output goes; `true` if it takes colour. A reader that closed the pipe has seen enough: that is no error.
pub fn standard(write: impl FnOnce(&mut dyn Write, bool) -> io::Result<()>) -> Result<()> {
    if let Some(path) = file() {
        return to_file(path, write);
    }
    let stdout = io::stdout();
    let choice = anstream::AutoStream::choice(&stdout);
    let colour = choice != anstream::ColorChoice::Never;
    if let Some(mut pager) = pager() {
        let Some(input) = pager.stdin.take() else { bail!("cannot write to the pager") };
        let mut out = BufWriter::new(input);
        let written = write(&mut out, colour).and_then(|()| out.flush());
        // The pager ends when its input does.
        drop(out.into_parts());
        let _ = pager.wait();
        return settle(written);
    }
    let mut out = BufWriter::with_capacity(1 << 16, anstream::AutoStream::new(stdout.lock(), choice));
    let written = write(&mut out, colour).and_then(|()| out.flush());
    if written.is_err() {
        // Keeps the buffer's destructor from trying again.
        let _ = out.into_parts();
    }
    settle(written)
}

fn settle(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

fn to_file(path: &Path, write: impl FnOnce(&mut dyn Write, bool) -> io::Result<()>) -> Result<()> {
    let always = CHOSEN.get().is_some_and(|args| args.color == Colour::Always);
    let failed = || format!("cannot write {} (--output)", path.display());
    let mut out = BufWriter::new(File::create(path).with_context(failed)?);
    write(&mut out, always).and_then(|()| out.flush()).with_context(failed)
}

/// Whether `--output` names a folder: it is one, or its name ends as one.
pub fn folder() -> Option<&'static Path> {
    let path = file()?;
    (path.is_dir() || path.to_string_lossy().ends_with('/')).then_some(path)
}

/// Writes files into the folder of `--output`.
pub fn into_folder(folder: &Path, files: &[(String, String)]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {} (--output)", folder.display()))?;
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {} (--output)", path.display()))?;
    }
    Ok(())
}

/// Whether a person at a terminal reads what comes, and did not ask for the bare text.
pub fn on_terminal() -> bool {
    file().is_none() && io::stdout().is_terminal() && CHOSEN.get().is_some_and(|args| !args.no_pager)
}

/// A pager for a person at a terminal: `CUTHERE_PAGER`, else `PAGER`, else less; none if it is empty or `cat`.
fn pager() -> Option<Child> {
    if !on_terminal() {
        return None;
    }
    let asked = ["CUTHERE_PAGER", "PAGER"].iter().find_map(|name| std::env::var(name).ok());
    let command = asked.unwrap_or_else(|| "less".to_owned());
    if command.trim().is_empty() || command.trim() == "cat" {
        return None;
    }
    let mut shell = Command::new("sh");
    // As git does: leave at once if it fits, keep colours, leave the text on the screen.
    if std::env::var_os("LESS").is_none() {
        shell.env("LESS", "FRX");
    }
    // A pager that is not there must not swallow the report.
    let mut there = Command::new("sh");
    there.args(["-c", "command -v \"$1\"", "sh"]).arg(command.split_whitespace().next()?);
    if !quietly(&mut there).is_some_and(|status| status.success()) {
        return None;
    }
    shell.arg("-c").arg(&command).stdin(Stdio::piped()).spawn().ok()
}

fn quietly(command: &mut Command) -> Option<std::process::ExitStatus> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()
}
