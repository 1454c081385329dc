//! Reads crash reports ("splats") of the Linux kernel out of any text: a console log, a mail that quotes one, a page copied from an
//! archive. Decides where reports start and end, what kind each is, which function it is about, and takes it apart into stacks,
//! locks and facts. It refuses to judge the crash, does no input or output, and never fails: what is cut off or mixed up comes back
//! as a [`Splat`] with a reason in [`Splat::corrupted`].
//!
//! Titles have the customary form of public crash dashboards (`KASAN: slab-use-after-free Read in foo`), so that reports can be
//! compared across tools.
//!
//! ```
//! let log = "[    1.000000] kernel BUG at fs/foo.c:12!\n[    1.000001] RIP: 0010:foo_put+0x1/0x20\n[    1.000002] Call Trace:\n\
//!            [    1.000003]  foo_release+0x2/0x30\n[    1.000004] ---[ end trace 0000000000000000 ]---\n";
//! let splats = cuthere_splat::read(log);
//! assert_eq!(splats.first().map(|s| s.title.as_str()), Some("kernel BUG in foo_put"));
//! ```

mod atomic;
mod body;
mod dump;
mod facts;
mod fault;
mod frame;
mod guilty;
mod header;
mod layout;
mod line;
mod lockdep;
mod locks;
mod memory;
mod segment;
mod stall;
mod types;
mod verdict;
mod warning;

pub use guilty::{canonical, is_complaint, is_inserted, is_skipped};
pub use types::{Access, Context, Frame, HeldLock, Kind, Lines, Place, Splat, Stack, StackKind, Task, Unread};

use body::Body;
use layout::Layout;
use segment::{End, Segment};
use types::StackKind as Which;

/// Unreadable frames that are listed.
const MAX_UNREAD: usize = 64;

/// Reads all reports in a text, in the order of time; stack dumps under lines that are no known opening come last. Time and memory are linear in the length of the text.
pub fn read(text: &str) -> Vec<Splat> {
    let layout = layout::read(text);
    let segments = segment::segments(&layout.rows);
    let mut splats = Vec::with_capacity(segments.len());
    for (i, segment) in segments.iter().enumerate() {
        // Each report lends its stack to at most the one before it, so the work stays linear.
        let lender =
            segments.get(i + 1).filter(|next| segment.is_stackless() && !segment.speaker.is_empty() && next.speaker == segment.speaker);
        splats.push(match lender {
            Some(next) => {
                let mut splat = splat(&segment.with_stack_of(next), &layout);
                splat.corrupted = Some("another report begins before it ends; the stack is that report's".to_owned());
                splat
            }
            None => splat(segment, &layout),
        });
    }
    splats
}

/// The first line outside the reports read from a text that only a report has: the heading of a stack with a frame below it, the marker of
/// a `BUG()` or `WARN()`, the end of a trace. Someone's log then holds a report that was not understood.
pub fn left_over(text: &str, splats: &[Splat]) -> Option<Unread> {
    let layout = layout::read(text);
    let rows = &layout.rows;
    let inside = |row: &layout::Row<'_>| splats.iter().any(|s| (s.lines.start..=s.lines.end).contains(&row.number));
    // What ends a report may stand a little below the last line that says something.
    let near = |row: &layout::Row<'_>| splats.iter().any(|s| (s.lines.end..s.lines.end.saturating_add(24)).contains(&row.number));
    let texts: Vec<&str> = rows.iter().map(|row| line::strip_row(row).text.trim()).collect();
    let (at, row) = rows.iter().enumerate().find(|(at, row)| {
        let Some(text) = texts.get(*at) else { return false };
        let shown = || texts.iter().skip(at + 1).take(3).any(|t| frame::parse(t).is_some() || frame::torn(t).is_some());
        let ends = text.starts_with("---[ end trace") && !near(row);
        (header::is_cut_here(text) || ends || body::is_trace(text) && shown()) && !inside(row)
    })?;
    Some(Unread { line: row.number, text: texts.get(at).unwrap_or(&"").chars().take(512).collect() })
}

fn splat(segment: &Segment<'_>, layout: &Layout<'_>) -> Splat {
    let body = Body::read(segment);
    let verdict = verdict::judge(segment, &body);
    // Dashboards name no function where the stack does not lead to it, or where another one is mixed in.
    let opening_names = verdict.function.as_ref().is_some_and(|f| segment.opening().contains(f.as_str()));
    let mixed = body.foreign_stack && segment.speaker.is_empty() && !opening_names;
    let title = if mixed || verdict.kind == Kind::Warning && body.is_unreached() { verdict.nameless() } else { verdict.title() };
    let corrupted = corrupted(segment, &body, &verdict);
    let stack = |kind| body.stack(kind).map(|s| s.frames.clone()).unwrap_or_default();
    let mut frames: Vec<Frame> = body.main().to_vec();
    // The instruction pointer leads, unless the stack begins with it.
    if let Some(at) = body.instruction()
        && !frames.iter().any(|f| f.function == at.function && f.offset == at.offset)
    {
        match frames.first_mut() {
            // An arm frame names its callee without an offset.
            Some(first) if first.function == at.function && first.offset.is_none() && first.file.is_none() => *first = at.clone(),
            _ => frames.insert(0, at.clone()),
        }
        if body.main().is_empty() {
            frames.extend(body.caller.clone());
        }
    }
    let unread_frames = unread(segment, &body, layout);
    let notes = body.notes().into_iter().chain(mingled(segment)).collect();
    Splat {
        kind: verdict.kind,
        title,
        function: verdict.function,
        header: segment.header_text().chars().take(512).collect(),
        pc: body.instruction().cloned(),
        frames,
        context: Some(&body).filter(|_| segment.kind == Kind::SoftLockup).and_then(stall::context).or(body.context),
        in_atomic: body.in_atomic,
        irqs_disabled: body.irqs_disabled,
        preempt_count: body.preempt_count,
        seconds: body.seconds,
        rcu_depth: body.rcu_depth,
        alloc_stack: stack(Which::Alloc),
        free_stack: stack(Which::Free),
        other_stacks: body.further(),
        task: body.task,
        workqueue: body.workqueue,
        cpu: body.cpu,
        kernel: body.kernel,
        taint: body.taint,
        hardware: body.hardware,
        held_locks: body.held,
        other_locks: body.others.into_iter().map(|(_, lock)| lock).collect(),
        access: verdict.access,
        corrupted,
        panicked: segment.panicked,
        handlers: body.handlers,
        unread_frames,
        notes,
        damage: layout.damage(segment.first, segment.last).into_iter().chain(layout.torn(segment.first, segment.last)).collect(),
        lines: layout.lines(segment.first, segment.last),
    }
}

/// The lines that look like frames and are none of any known form, or break off.
fn unread(segment: &Segment<'_>, body: &Body, layout: &Layout<'_>) -> Vec<Unread> {
    let lines = body.unread.iter().filter_map(|index| segment.lines.get(*index)).take(MAX_UNREAD);
    lines.map(|(row, text)| Unread { line: layout.lines(*row, *row).start, text: text.trim().chars().take(512).collect() }).collect()
}

/// MIPS says in the header where the fault was. Registers of another place are those of a fault on another CPU at the same time.
fn mingled(segment: &Segment<'_>) -> Option<String> {
    let word = |text: &str| text.split(|c: char| !c.is_ascii_hexdigit()).find(|w| !w.is_empty()).map(str::to_ascii_lowercase);
    let header = segment.opening().split_once("epc == ").and_then(|(_, rest)| word(rest))?;
    let registers =
        segment.lines.iter().find_map(|(_, text)| text.trim_start().strip_prefix("epc")?.trim_start().strip_prefix(": ").and_then(word))?;
    (header != registers).then(|| format!("the header names {header}, the registers {registers}: two faults may be mixed here"))
}

/// Why a report is not whole, if it is not.
fn corrupted(segment: &Segment<'_>, body: &Body, verdict: &verdict::Verdict) -> Option<String> {
    if segment.end == End::TooLong {
        return Some(format!("longer than {} lines", segment::MAX_LINES));
    }
    if segment.opening().contains("INFO: Allocated in")
        || segment.opening().contains("INFO: Freed in")
        || verdict.title().ends_with("panic_on_warn set")
    {
        return Some("the opening of the report is missing".to_owned());
    }
    if !verdict.wants_stack {
        return (verdict.form.contains('%') && verdict.function.is_none()).then(|| "no function in the report".to_owned());
    }
    let cut = match segment.end {
        End::NextReport => ": another report begins before it ends",
        End::Input => ": the text ends before it",
        End::Whole | End::TooLong => "",
    };
    if body.foreign_stack && segment.speaker.is_empty() {
        return Some("another stack is mixed in".to_owned());
    }
    if body.stacks.is_empty() {
        return Some(format!("no stack trace{cut}"));
    }
    if body.stacks.iter().all(|s| s.frames.is_empty()) {
        return Some(format!("a stack trace without frames{cut}"));
    }
    if let Some(empty) = body.stacks.iter().find(|s| s.frames.is_empty() && s.title.starts_with("Call "))
        && verdict.function.is_none()
    {
        return Some(format!("no frames after `{}`{cut}", empty.title));
    }
    (verdict.form.contains('%') && verdict.function.is_none()).then(|| format!("only generic functions in the stack{cut}"))
}
