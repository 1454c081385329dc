//! `cuthere splat`: crash reports, read out of any text.

use crate::args::{ReadArgs, ReadFormat};
use crate::{Status, inputs, output};
use anyhow::{Context, Result};
use cuthere_report::escape;
use cuthere_splat::{Frame, Splat};
use std::io::{self, Write};

/// Runs the subcommand. Finding no report is no error.
pub fn run(args: &ReadArgs) -> Result<Status> {
    let splats = inputs::splats(&args.input)?;
    match args.format {
        ReadFormat::Json => {
            let json = serde_json::to_string_pretty(&splats).context("cannot write the reports as JSON")?;
            output::standard(|out, _| writeln!(out, "{json}"))?;
        }
        ReadFormat::Text if splats.is_empty() => output::standard(|out, _| writeln!(out, "no crash report found"))?,
        ReadFormat::Text => output::standard(|out, _| splats.iter().try_for_each(|splat| text(out, splat, "")))?,
    }
    Ok(Status::Clean)
}

/// One report, for people.
pub fn text(out: &mut dyn Write, splat: &Splat, indent: &str) -> io::Result<()> {
    writeln!(out, "{indent}{}", escape(&splat.title))?;
    let mut fact = |name: &str, value: Option<String>| match value {
        Some(value) => writeln!(out, "{indent}  {name}: {}", escape(&value)),
        None => Ok(()),
    };
    fact("kernel", splat.kernel.clone())?;
    fact("task", splat.task.as_ref().and_then(|task| task.comm.clone()))?;
    fact("corrupted", splat.corrupted.clone())?;
    for lock in &splat.held_locks {
        let site = lock.acquired_at.as_ref().map(|site| format!(", taken at {site}")).unwrap_or_default();
        writeln!(out, "{indent}  holds {}{}", escape(&lock.class), escape(&site))?;
    }
    frames(out, "call trace", &splat.frames, indent)?;
    frames(out, "allocated", &splat.alloc_stack, indent)?;
    frames(out, "freed", &splat.free_stack, indent)?;
    writeln!(out)
}

fn frames(out: &mut dyn Write, title: &str, frames: &[Frame], indent: &str) -> io::Result<()> {
    if frames.is_empty() {
        return Ok(());
    }
    writeln!(out, "{indent}  {title}:")?;
    for frame in frames {
        let mark = if frame.unreliable { "? " } else { "" };
        let inlined = if frame.inlined { " [inline]" } else { "" };
        let place = match (&frame.file, frame.line) {
            (Some(file), Some(line)) => format!(" {file}:{line}"),
            (Some(file), None) => format!(" {file}"),
            _ => String::new(),
        };
        writeln!(out, "{indent}    {mark}{}{}{inlined}", escape(&frame.function), escape(&place))?;
    }
    Ok(())
}
