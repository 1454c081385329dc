//! Findings as a compiler prints its own: a line for the claim, one for each step, which editors and build tools read.
//!
//! Follows GCC's `file:line:column: kind: text [-Wflag]`. The kinds are GCC's: `error`, `warning`, `note`.

use crate::escape;
use cuthere_base::{Confidence, Finding};
use std::io::{self, Write};

/// Writes each finding with its steps.
pub fn gcc(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        let kind = match finding.confidence {
            Confidence::High => "error",
            Confidence::Medium => "warning",
            // GCC's notes belong to the message before them.
            Confidence::Low => "warning",
        };
        let low = if finding.confidence == Confidence::Low { " (low confidence)" } else { "" };
        let place = place(&finding.file, finding.line, finding.column);
        writeln!(out, "{}: In function '{}':", escape(&finding.file), escape(&finding.function))?;
        writeln!(out, "{place}: {kind}: {}{low} [{}]", escape(&finding.message), finding.check)?;
        for step in &finding.steps {
            let thread = step.thread.as_ref().map(|t| format!("[{}] ", escape(t))).unwrap_or_default();
            writeln!(out, "{}: note: {thread}{}", self::place(&step.file, step.line, step.column), escape(&step.text))?;
        }
    }
    Ok(())
}

fn place(file: &str, line: u32, column: u32) -> String {
    if column > 0 { format!("{}:{line}:{column}", escape(file)) } else { format!("{}:{line}", escape(file)) }
}
