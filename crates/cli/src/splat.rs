//! `cuthere splat`: crash reports, read out of any text.

use crate::args::{ReadArgs, ReadFormat};
use crate::{Status, inputs, output};
use anyhow::{Context, Result, bail};
use cuthere_report::escape;
use cuthere_splat::{Access, Frame, HeldLock, Splat, Task};
use std::io::{self, Write};

/// Runs the subcommand. An input without a report is an error, as for `explain`: nothing was read.
pub fn run(args: &ReadArgs) -> Result<Status> {
    let splats = inputs::splats(&args.input)?;
    match args.format {
        ReadFormat::Json => {
            let json = serde_json::to_string_pretty(&splats).context("cannot write the reports as JSON")?;
            output::standard(|out, _| writeln!(out, "{json}"))?;
        }
        ReadFormat::Text => output::standard(|out, _| splats.iter().try_for_each(|splat| text(out, splat, "")))?,
    }
    if splats.is_empty() {
        bail!("no crash report in {}", args.input.display());
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
    fact("kind", Some(splat.kind.as_str()))?;
    fact("function", splat.function.clone())?;
    fact("pc", splat.pc.as_ref().map(|pc| format!("{}{}{}", pc.function, offset(pc), module(pc))))?;
    fact("kernel", splat.kernel.clone())?;
    fact("task", splat.task.as_ref().and_then(task))?;
    fact("cpu", splat.cpu.map(|cpu| cpu.to_string()))?;
    fact("context", context(splat))?;
    fact("seconds", splat.seconds.map(|seconds| seconds.to_string()))?;
    fact("address", splat.access.as_ref().and_then(address))?;
    fact("workqueue", splat.workqueue.clone())?;
    fact("corrupted", splat.corrupted.clone())?;
    splat.damage.iter().try_for_each(|damage| fact("damage", Some(damage.clone())))?;
    splat.notes.iter().try_for_each(|note| fact("note", Some(note.clone())))?;
    splat.unread_frames.iter().try_for_each(|frame| fact("frame not read whole", Some(format!("line {}: {}", frame.line, frame.text))))?;
    splat.held_locks.iter().try_for_each(|lock| fact("holds", Some(locked(lock))))?;
    splat.other_locks.iter().try_for_each(|lock| fact("names", Some(locked(lock))))?;
    frames(out, "call trace", &splat.frames, indent)?;
    frames(out, "handlers of the interrupt", &splat.handlers, indent)?;
    frames(out, "allocated", &splat.alloc_stack, indent)?;
    frames(out, "freed", &splat.free_stack, indent)?;
    for stack in &splat.other_stacks {
        let title = if stack.title.is_empty() { "further stack" } else { stack.title.trim_end_matches(':') };
        frames(out, title, &stack.frames, indent)?;
    }
    writeln!(out)
}

fn task(task: &Task) -> Option<String> {
    match (&task.comm, task.pid) {
        (Some(comm), Some(pid)) => Some(format!("{comm} ({pid})")),
        (Some(comm), None) => Some(comm.clone()),
        (None, pid) => pid.map(|pid| pid.to_string()),
    }
}

/// Where the code ran, and what the kernel counted.
fn context(splat: &Splat) -> Option<String> {
    let mut parts: Vec<String> = splat.context.map(|context| format!("{context:?}").to_lowercase()).into_iter().collect();
    if let Some(count) = splat.preempt_count {
        parts.push(format!("preempt_count {count:#x}"));
    }
    if splat.in_atomic == Some(true) {
        parts.push("atomic".to_owned());
    }
    if splat.irqs_disabled == Some(true) {
        parts.push("interrupts disabled".to_owned());
    }
    if let Some(depth) = splat.rcu_depth.filter(|depth| *depth > 0) {
        parts.push(format!("rcu depth {depth}"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn address(access: &Access) -> Option<String> {
    let word = access.write.map_or("", |write| if write { "write at " } else { "read at " });
    let address = access.address.as_ref()?;
    let null = access.null_offset.map(|offset| format!(" (NULL plus {offset:#x})")).unwrap_or_default();
    let poison = access.poison.as_ref().map(|poison| format!(" (the pattern of {poison})")).unwrap_or_default();
    Some(format!("{word}{address}{null}{poison}"))
}

fn locked(lock: &HeldLock) -> String {
    let mode = lock.mode.as_ref().map(|mode| format!(" {mode}")).unwrap_or_default();
    let site = lock.acquired_at.as_ref().map(|site| format!(", taken at {site}")).unwrap_or_default();
    let holder = lock.holder.as_ref().map(|holder| format!(", by {holder}")).unwrap_or_default();
    format!("{}{mode}{site}{holder}", lock.class)
}

fn frames(out: &mut dyn Write, title: &str, frames: &[Frame], indent: &str) -> io::Result<()> {
    if frames.is_empty() {
        return Ok(());
    }
    writeln!(out, "{indent}  {}:", escape(title))?;
    for frame in frames {
        let mark = if frame.unreliable { "? " } else { "" };
        let inlined = if frame.inlined { " [inline]" } else { "" };
        let mut place = match (&frame.file, frame.line) {
            (Some(file), Some(line)) => format!(" {file}:{line}"),
            (Some(file), None) => format!(" {file}"),
            _ => String::new(),
        };
        for inner in frame.inlined_at.iter().rev() {
            place += &format!(", inlined {}:{}", inner.file, inner.line.map_or("?".to_owned(), |line| line.to_string()));
        }
        let (offset, module) = (offset(frame), module(frame));
        writeln!(out, "{indent}    {mark}{}{offset}{}{}{inlined}", escape(&frame.function), escape(&place), escape(&module))?;
    }
    Ok(())
}

/// How far into the function, as the kernel prints it.
fn offset(frame: &Frame) -> String {
    let size = frame.size.map(|size| format!("/{size:#x}")).unwrap_or_default();
    frame.offset.map(|offset| format!("+{offset:#x}{size}")).unwrap_or_default()
}

fn module(frame: &Frame) -> String {
    frame.module.as_ref().map(|module| format!(" [{module}]")).unwrap_or_default()
}
