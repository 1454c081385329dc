//! Reports whose opening nothing here knows: whatever line stands above a dump of registers or of a stack. It decides what such a dump
//! begins with, which line above it is the opening, and whether what followed was a whole dump; part of a stack that someone quotes
//! is none.

use crate::body::is_trace;
use crate::{frame, header};

/// Whether a line can be the first of a dump.
pub fn begins(text: &str) -> bool {
    let t = text.trim();
    is_preamble(t)
        || is_trace(t)
        || is_report_frame(t)
        || matches!(frame::pointer(t), Some(frame::Pointer::At(_) | frame::Pointer::Wild(_)))
}

/// Lines of a dump that say who ran where.
fn is_preamble(t: &str) -> bool {
    t.starts_with("CPU: ") && t.contains("PID: ") && t.contains("Comm: ")
        || (t.starts_with("Pid: ") || t.starts_with("pid: ")) && t.contains("comm: ")
        || t.starts_with("Showing stack for process ")
        || t.starts_with("Krnl PSW : ")
        || t.starts_with("Hardware name: ")
        || t.starts_with("Modules linked in:")
        || t.starts_with("Tainted: ")
        // ARC.
        || t.starts_with("Path: ")
        || t.starts_with("Workqueue: ")
        || is_state(t)
        || t.starts_with("Process ") && t.contains("(pid: ")
        || t.contains("cpuset=") && t.contains("mems_allowed=") && !t.contains(": ")
}

/// The line above a task's stack in a list of tasks.
pub fn is_state(t: &str) -> bool {
    t.starts_with("task:") && t.contains(" state:") && t.contains("pid:")
}

/// Functions that print stacks: where one of them is, the kernel meant to show its stack.
fn is_report_frame(t: &str) -> bool {
    const PRINTERS: &[&str] =
        &["dump_stack", "dump_stack_lvl", "show_stack", "unwind_backtrace", "dump_backtrace", "show_trace", "show_regs"];
    if !PRINTERS.iter().any(|p| t.contains(p)) {
        return false;
    }
    frame::arm_callee(t).or_else(|| frame::parse(t)).is_some_and(|f| PRINTERS.contains(&f.function.as_str()))
}

/// The lines that open the report, of those that stand before its dump: how many of them, from the last. The message is the line right
/// above; an assertion is printed in two.
pub fn opening(recent: &[(usize, &str)], dump: usize) -> Option<(usize, usize)> {
    let detail = |t: &str| ["Oops", "Caused by (", "Process "].iter().any(|w| t.trim_start().starts_with(w));
    let said = |t: &str| {
        !detail(t) && !t.trim().is_empty() && !begins(t) && !header::is_rule(t) && !header::is_cut_here(t) && !t.trim().starts_with('<')
    };
    let last = recent.iter().rposition(|(_, t)| said(t))?;
    let (at, text) = recent.get(last)?;
    // Empty lines and lines of the dump may stand between.
    if dump.saturating_sub(*at) > 4 || header::is_stopping(text) || text.contains("---[ end") {
        return None;
    }
    let first = last.checked_sub(1).filter(|n| recent.get(*n).is_some_and(|(before, t)| before + 1 == *at && said(t) && is_assertion(t)));
    Some((first.unwrap_or(last), last))
}

/// Whether a line is a condition that failed.
fn is_assertion(text: &str) -> bool {
    text.contains(" failed") && text.contains('(') || text.trim_start().starts_with("ASSERT") || text.contains("ssertion failed")
}

/// Whether these lines are a dump and no quotation of a few frames.
pub fn is_whole<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let (mut shown, mut frames) = (false, 0usize);
    for text in lines {
        let t = text.trim();
        shown |= is_preamble(t) && !t.starts_with("Modules linked") && !t.starts_with("Hardware name")
            || is_report_frame(t)
            || frame::pointer(t).is_some();
        let Some(f) = frame::parse(text) else { continue };
        // Fault injection shows where it injected.
        if f.function.starts_with("should_fail") && !f.unreliable {
            return false;
        }
        frames += 1;
    }
    shown && frames > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_above_opens() {
        let recent = [(1, "gadget: up"), (2, "gadget 3: nobody cares"), (3, "")];
        assert_eq!(opening(&recent, 4), Some((1, 1)));
        let recent = [(1, "VERIFY(a) failed (1 == 2)"), (2, "PANIC at a.c:1"), (3, "Showing stack for process 9")];
        assert_eq!(opening(&recent, 4), Some((0, 1)));
        assert_eq!(opening(&[(1, "CPU1: stopping")], 2), None);
        assert_eq!(opening(&[(1, "long ago")], 9), None);
    }

    #[test]
    fn a_dump_says_who_ran() {
        assert!(is_whole(["CPU: 0 PID: 1 Comm: a Not tainted 6.1.0 #1", " walk+0x1/0x2"].into_iter()));
        assert!(is_whole([" dump_stack+0x1/0x2", " walk+0x1/0x2"].into_iter()));
        assert!(!is_whole(["Call Trace:", " walk+0x1/0x2", " talk+0x1/0x2"].into_iter()));
    }
}
