//! `cuthere thread`: what a mail thread holds, and the crash reports in it.

use crate::args::{ReadArgs, ReadFormat};
use crate::{Status, inputs, output, splat};
use anyhow::{Context, Result, bail};
use cuthere_mail::{Hint, Thread};
use cuthere_splat::Splat;
use serde::Serialize;

/// A crash report and the message that it is in.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Found {
    /// Index into `messages`.
    message: usize,
    #[serde(flatten)]
    splat: Splat,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Read<'a> {
    #[serde(flatten)]
    thread: &'a Thread,
    splats: &'a [Found],
}

/// Runs the subcommand.
pub fn run(args: &ReadArgs) -> Result<Status> {
    let thread = if args.input.as_os_str() == "-" {
        cuthere_mail::read_thread(&inputs::bytes(&args.input)?, Hint::Auto)
    } else {
        cuthere_mail::source::read_path(&args.input).context("cannot read the thread")?
    };
    if thread.messages.is_empty() && args.input.is_dir() {
        bail!("{} is no Maildir and no public-inbox repository, and holds no mails", args.input.display());
    }
    let splats: Vec<Found> = thread
        .messages
        .iter()
        .enumerate()
        .flat_map(|(message, mail)| cuthere_splat::read(&mail.text()).into_iter().map(move |splat| Found { message, splat }))
        .collect();
    match args.format {
        ReadFormat::Json => {
            let json =
                serde_json::to_string_pretty(&Read { thread: &thread, splats: &splats }).context("cannot write the thread as JSON")?;
            output::standard(|out, _| writeln!(out, "{json}"))?;
        }
        ReadFormat::Text => output::standard(|out, _| {
            write!(out, "{}", thread.summary())?;
            for found in &splats {
                writeln!(out, "\ncrash report in message {}:", found.message)?;
                splat::text(out, &found.splat, "  ")?;
            }
            Ok(())
        })?,
    }
    Ok(Status::Clean)
}
