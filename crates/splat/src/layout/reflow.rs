//! Lines that mail software joined into paragraphs or wrapped at its margin, and consoles that cut at their width.
//!
//! A line is put together with the next only where its end leaves no doubt that something is missing: an open bracket of a time stamp, a
//! stamp with nothing after it, an address without its symbol, `at` without a place. It is taken apart where a second time stamp stands in
//! it, where it is a row of frames, or where the heading of a further line stands in it. What only a report's context can tell (the rest
//! of a wide line) is left to [`crate::segment`].

use super::Row;
use crate::types::Kind;
use crate::{frame, header, line};
use regex::Regex;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

macro_rules! pattern {
    ($name:ident, $re:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($re).ok());
    };
}

/// Longest line that is put together.
const MAX_LINE: usize = 1 << 11;
/// Width at which consoles of a mainframe cut.
const CONSOLE: usize = 80;

// A kernel's time stamp, with the prefix of a system log where there is one.
pattern!(
    MARK,
    r"(?:[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d \S{1,64} kernel: ?)?(?:<\d>)?\[ *\d{1,9}\.\d{1,6}\]|[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d \S{1,64} kernel: "
);
// The clock that such a console puts before each of its lines, of the kernel's or not.
pattern!(CONSOLE_CLOCK, r"^(?:\d\d: )?\d\d:\d\d:\d\d ");
// A frame with offset and size, its address, and its module.
pattern!(
    FRAMES,
    r"(?:\(?\[<[0-9a-fA-F]+>\]\)?\s+)?(?:\?\s+)?[A-Za-z_.][\w.$]*\+0x[0-9a-fA-F]+/0x[0-9a-fA-F]+(?:\s+\[[a-z][\w-]*(?: [0-9a-f]{8,40})?\])?(?:\s+\([A-Z]{1,3}\))?"
);
// Frames with their source.
pattern!(
    DECODED,
    r"(?:\?\s+)?[A-Za-z_][\w.]*\s+\([^\s():]+\.[chS]:\d+(?:\s+\(discriminator \d+\))?(?:\s+[^\s():]+\.[chS]:\d+(?:\s+\(discriminator \d+\))?)*\)"
);
// What begins a line of its own in every report.
pattern!(
    HEADING,
    r"\s(?:Call [Tt]race:|Hardware name: |Workqueue: |Modules linked in:|---\[ end trace|RIP: 00|RSP: 00|Code: [0-9a-f<]{2}|(?:preempt_count|in_atomic\(\)): |RCU nest depth: |\d+ locks? held by |#\d+: [0-9a-f]{8,16} \(|(?:Read|Write) of size \d|(?:Allocated|Freed) by task |The buggy address |CPU: \d+ (?:UID: \d+ )?PID: |</?(?:TASK|IRQ|NMI|SOFTIRQ)>)"
);
pattern!(OPEN_STAMP, r"(?:^|\s)\[\s*(?:\d{1,9}(?:\.\d{0,5})?)?$");
pattern!(BARE_STAMP, r"^\s*\[\s*\d{1,9}\.\d{1,6}\]$|\s\[\s*\d{1,9}\.\d{6}\]$");
pattern!(REST_OF_STAMP, r"^\s*\d{0,9}\.?\d{0,6}\](?:\s|$)");
pattern!(
    BARE_ADDRESS,
    r"(?:^|\s|:)\(?\[<[0-9a-fA-F]{6,16}>\]\)?\s*$|^\s*(?:pc|lr|epc|ra|era|ERA|NIP|LR|PC)\s*(?:is at)?\s*:?\s*(?:\[?[0-9a-f]{8,16}\]?)?\s*$"
);
pattern!(OPEN_SYMBOL, r"\]\s+(?:\?\s+)?[A-Za-z_.][\w.]*_$");
pattern!(SYMBOL_FIRST, r"^\s*(?:\?\s+)?[A-Za-z_.][\w.$]*\+0x[0-9a-fA-F]+/0x[0-9a-fA-F]+");
pattern!(MODULE_ONLY, r"^\s*\[[a-z][\w-]*(?: [0-9a-f]{8,40})?\](?: ?\([A-Z]{1,3}\))?\s*$");
pattern!(OPEN_SOURCE, r"[A-Za-z_][\w.]*\s+\((?:[^\s():]+\.[chS]:(?:\d+)?(?:\s+\(discriminator(?: \d+)?\)?)?\s*)*[^\s()]*$");
pattern!(REST_OF_SOURCE, r"^\s*(?:\d+\)|\(?discriminator \d+\)|[^\s():]+\.[chS]:\d+)");
pattern!(WARNED_AT, r"WARNING: CPU: \d+ PID: \d+ at \S+:\d+\s*$");
pattern!(SYMBOL_OR_SOURCE, r"^[A-Za-z_][\w.]*(?:\+0x[0-9a-f]+/0x[0-9a-f]+| \([^\s():]+\.[chS]:\d+)");
pattern!(OPEN_TAINT, r" PID: \d+ .*Tainted:(?: +[A-Z]{1,3})*$");
pattern!(PLACE, r"^\s*(?:[\w./-]+\.[chS]:\d+|(?:0x)?[0-9a-f]{8,16}\b|\[<[0-9a-f]+>\]|[A-Za-z_][\w.]*\+0x[0-9a-f]+/0x)");

/// Puts together and takes apart.
pub fn rows(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    let stamped = rows.iter().filter(|row| line::stamp(&row.text).is_some()).count();
    // With prefixes of another kind before the stamps, a stamp inside a line says nothing.
    let at_front = rows.iter().filter(|row| starts_with_mark(&row.text)).count();
    // A whole report may have become one line.
    let several = stamped >= 2 || rows.iter().any(|row| starts_with_mark(&row.text) && marks(&row.text).len() > 1);
    let by_stamps = several && at_front * 2 >= stamped;
    let narrow = stamped > 0 && rows.iter().all(|row| row.width <= CONSOLE);
    let clocked = narrow && rows.iter().all(|row| row.text.trim().is_empty() || is(&CONSOLE_CLOCK, &row.text));
    let mut out: Vec<Row<'_>> = Vec::with_capacity(rows.len());
    let mut pending: Option<Row<'_>> = None;
    for row in rows {
        let Some(last) = pending.as_mut() else {
            pending = Some(row);
            continue;
        };
        if clocked && let Some(rest) = console_rest(last, &row) {
            join(last, &rest, "");
            continue;
        }
        match glue(last, &row, by_stamps, narrow) {
            Some(glue) => join(last, &row, glue),
            None => {
                if let Some(done) = pending.replace(row) {
                    apart(done, by_stamps, &mut out);
                }
            }
        }
    }
    if let Some(done) = pending {
        apart(done, by_stamps, &mut out);
    }
    out
}

fn is(re: &LazyLock<Option<Regex>>, text: &str) -> bool {
    re.as_ref().is_some_and(|re| re.is_match(text))
}

fn starts_with_mark(text: &str) -> bool {
    MARK.as_ref().and_then(|re| re.find(text)).is_some_and(|m| m.start() == 0)
}

/// The rest of a line that a console cut at its width, without the clock that it put before the rest too.
fn console_rest<'a>(last: &Row<'_>, next: &Row<'a>) -> Option<Row<'a>> {
    if last.width != CONSOLE || next.end != last.end + 1 || last.quotes != next.quotes {
        return None;
    }
    let clock = CONSOLE_CLOCK.as_ref()?.find(&next.text)?.end();
    let rest = next.text.get(clock..)?;
    (!rest.is_empty() && !starts_with_mark(rest)).then(|| Row { text: Cow::Owned(rest.to_owned()), ..next.clone() })
}

/// The marks in a line, each with nothing but a blank before it. One log writes all its fractions with as many digits.
fn marks(text: &str) -> Vec<Range<usize>> {
    let Some(re) = MARK.as_ref() else { return Vec::new() };
    let digits = |mark: &str| mark.trim_end().strip_suffix(']').and_then(|m| m.rsplit_once('.')).map_or(6, |(_, fraction)| fraction.len());
    let own = re.find(text).filter(|m| m.start() == 0).map_or(6, |m| digits(m.as_str()));
    re.find_iter(text).filter(|m| is_blank(text, m.start()) && digits(m.as_str()) == own).map(|m| m.range()).collect()
}

/// Whether the next line is the rest of the sentence that opens a report: together they say what neither says.
fn is_rest_of_opening(head: &str, tail: &str) -> bool {
    if !["BUG: ", "INFO: ", "WARNING: ", "nable to handle"].iter().any(|w| head.contains(w)) || tail.len() > 100 {
        return false;
    }
    let kind = |text: &str| header::classify(text).map(|(kind, _)| kind);
    let stripped = line::strip(head, 0, 0).text.trim_end();
    let named = |kind: Option<Kind>| !matches!(kind, None | Some(Kind::Other | Kind::Warning | Kind::SlabCorruption));
    let whole = kind(&format!("{stripped} {}", tail.trim_start()));
    named(whole) && whole != kind(stripped) && kind(tail).is_none()
}

/// Whether a terminal broke a frame at its width: what stands before is none, or one that breaks off, and both together are one.
fn is_rest_of_frame(head: &str, tail: &str) -> bool {
    let broken = || frame::is_open(head) || frame::torn(head).is_some() || frame::parse(head).is_none();
    let apart = !tail.contains("[<") || head.trim_end().ends_with(" from");
    head.contains("[<") && apart && frame::parse(tail).is_none_or(|_| !tail.starts_with(' ')) && broken() && {
        let whole = format!("{head}{tail}");
        frame::parse(&whole).is_some() && !frame::is_open(&whole)
    }
}

/// What to put between a line and the next, if that is its rest.
fn glue(last: &Row<'_>, next: &Row<'_>, by_stamps: bool, narrow: bool) -> Option<&'static str> {
    let (head, tail) = (last.text.as_ref(), next.text.as_ref());
    if last.quotes != next.quotes || head.len() > MAX_LINE || head.trim().is_empty() || tail.trim().is_empty() {
        return None;
    }
    if by_stamps {
        if is(&OPEN_STAMP, head) && is(&REST_OF_STAMP, tail) {
            return Some(" ");
        }
        if starts_with_mark(tail) {
            return None;
        }
        // A stamp alone is an empty line of the kernel, unless a frame without one follows.
        let bare = BARE_STAMP.as_ref().and_then(|re| re.find(head.trim_end()));
        if bare.is_some_and(|m| m.start() > 0 || is(&SYMBOL_FIRST, tail)) {
            return Some(" ");
        }
        // A name that was cut in two: nothing ends a line with an underscore.
        if is(&OPEN_SYMBOL, head) && is(&SYMBOL_FIRST, tail) && !tail.starts_with(' ') {
            return Some("");
        }
        if narrow && last.width == CONSOLE && next.end == last.end + 1 {
            return Some("");
        }
    }
    if last.width == CONSOLE && next.end == last.end + 1 && is_rest_of_frame(head, tail) {
        return Some("");
    }
    let end = head.trim_end();
    if is(&MODULE_ONLY, tail) && head.contains("+0x") {
        return Some(" ");
    }
    if (end.ends_with(']') || end.len() < 80 && tail.contains("+0x")) && is(&BARE_ADDRESS, head) && is(&SYMBOL_FIRST, tail) {
        return Some(" ");
    }
    if head.contains(".c:") || head.contains(".h:") || head.contains('(') {
        if is(&OPEN_SOURCE, end) && head.contains(":") && is(&REST_OF_SOURCE, tail) && tail.contains(')') {
            return Some(" ");
        }
        if is(&WARNED_AT, end) && is(&SYMBOL_OR_SOURCE, tail) {
            return Some(" ");
        }
    }
    if is_rest_of_opening(end, tail) {
        return Some(" ");
    }
    let report = ["BUG: ", "INFO: ", "Unable to handle", "in_atomic()", "WARNING: "].iter().any(|w| head.contains(w));
    let place_next = end.ends_with(" at") || end.ends_with(" at:") || end.ends_with(" address") || end.ends_with(" address:");
    if place_next && (report || end.ends_with(" at:") && head.contains('(')) && is(&PLACE, tail) {
        return Some(" ");
    }
    let open = |head: &str| {
        head.contains("in_atomic(): ") && (head.ends_with(',') || head.ends_with("name:") || head.ends_with("pid:"))
            || head.contains("INFO: task ")
                && (head.ends_with("for more than") || head.ends_with("blocked for") || head.ends_with(" blocked"))
            || head.contains(" PID: ") && (head.ends_with(" Comm:") || head.ends_with("tainted") || head.ends_with("Tainted:"))
            || head.contains("in preemptible [") && head.ends_with(']')
            || head.ends_with(" locks held by")
            || head.ends_with(" lock held by")
    };
    ((open(end) || is(&OPEN_TAINT, end)) && !starts_with_mark(tail)).then_some(" ")
}

fn join(last: &mut Row<'_>, next: &Row<'_>, glue: &str) {
    let head = if glue.is_empty() { last.text.as_ref() } else { last.text.trim_end() };
    let tail = if glue.is_empty() { next.text.as_ref() } else { next.text.trim_start() };
    let mut text = String::with_capacity(head.len() + tail.len() + 1);
    text.push_str(head);
    text.push_str(glue);
    text.push_str(tail);
    last.text = Cow::Owned(text);
    last.end = next.end;
    last.width = next.width;
    last.mended.joined = true;
}

/// Hands on the lines that a line holds.
fn apart<'a>(row: Row<'a>, by_stamps: bool, out: &mut Vec<Row<'a>>) {
    let mut cuts: Vec<usize> = Vec::new();
    let text = row.text.as_ref();
    if by_stamps && text.len() > 16 {
        // The first mark at the front is the line's own; a console may print two at once.
        let marks = marks(text);
        let own = marks.first().filter(|m| m.start == 0).map_or(0, |m| m.end);
        cuts.extend(marks.iter().map(|m| m.start).filter(|at| *at > 0 && text.get(own..*at).is_some_and(|t| !t.trim().is_empty())));
    }
    if cuts.is_empty() {
        frames(text, &mut cuts);
    }
    if cuts.is_empty() {
        out.push(row);
        return;
    }
    // m68k, and x86 before 2.6.20, print the first frame behind the heading.
    let as_printed = cuts.len() == 1 && text.trim_start().starts_with("Call Trace:");
    cuts.push(text.len());
    let mut from = 0;
    let last = cuts.len() - 1;
    for (n, to) in cuts.iter().enumerate() {
        let piece = text.get(from..*to).unwrap_or("");
        from = *to;
        if piece.trim().is_empty() {
            continue;
        }
        // Only the last of them ends where the line did.
        let width = if n == last { row.width } else { 0 };
        let mut mended = row.mended;
        mended.cut |= !as_printed;
        let new =
            Row { number: row.number, end: row.end, quotes: row.quotes, width, text: Cow::Owned(piece.trim_end().to_owned()), mended };
        // A piece may itself be a row of frames.
        let mut more = Vec::new();
        frames(&new.text, &mut more);
        if more.is_empty() || !by_stamps { out.push(new) } else { apart(new, false, out) }
    }
}

fn is_blank(text: &str, at: usize) -> bool {
    at == 0 || text.get(..at).is_some_and(|t| t.ends_with([' ', '\t']))
}

/// Where the frames of a row of frames begin, and the headings of lines that stand in front of them or behind.
fn frames(text: &str, cuts: &mut Vec<usize>) {
    if text.len() < 24 {
        return;
    }
    let found: Vec<(usize, usize)> = if text.matches("+0x").count() >= 2 || text.contains("Call ") && text.contains("+0x") {
        FRAMES.as_ref().map(|re| re.find_iter(text).map(|m| (m.start(), m.end())).collect()).unwrap_or_default()
    } else if text.matches(".c:").count() + text.matches(".h:").count() >= 2 || text.contains("Call ") && text.contains(".c:") {
        DECODED.as_ref().map(|re| re.find_iter(text).map(|m| (m.start(), m.end())).collect()).unwrap_or_default()
    } else {
        Vec::new()
    };
    let between = |a: usize, b: usize| {
        text.get(a..b)
            .is_some_and(|t| t.trim().is_empty() || t.trim().trim_matches(['<', '>', '/']).bytes().all(|b| b.is_ascii_uppercase()))
    };
    let row: Vec<usize> = found
        .iter()
        .enumerate()
        .filter(|(n, (start, _))| {
            let after_frame = n.checked_sub(1).and_then(|p| found.get(p)).is_some_and(|(_, end)| between(*end, *start));
            let after_heading = *n == 0
                && text.get(..*start).is_some_and(|t| {
                    t.trim_end().ends_with("Call Trace:")
                        || t.trim_end().ends_with("Call trace:")
                        || t.trim_end().ends_with("<TASK>") && t.contains("Call")
                });
            after_frame || after_heading
        })
        .map(|(_, (start, _))| *start)
        .collect();
    let headings = HEADING.as_ref().map(|re| re.find_iter(text).map(|m| m.start() + 1).collect::<Vec<_>>()).unwrap_or_default();
    let headings: Vec<usize> = headings
        .into_iter()
        .filter(|at| {
            let before = text.get(..*at).unwrap_or("").trim_end();
            !before.is_empty() && !before.ends_with("WARNING:") && !before.trim_start().starts_with('<') && text.get(*at..).is_some()
        })
        .collect();
    // One heading inside a line may be a sentence about it; with frames or with a second one it is a joined line.
    if row.is_empty() && headings.len() < 2 {
        return;
    }
    cuts.extend(row);
    cuts.extend(headings);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.retain(|at| *at > 0 && text.get(..*at).is_some_and(|t| !t.trim().is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout;

    fn texts(text: &str) -> Vec<String> {
        layout::read(text).rows.iter().map(|row| row.text.trim().to_string()).collect()
    }

    #[test]
    fn a_reflowed_log_is_taken_apart_at_its_stamps() {
        let got =
            texts("[    1.000001] BUG: x [    1.000002] two [\n1.000003]  three+0x1/0x2 [    1.000004]\nfour+0x1/0x2\n[    1.000005] five");
        assert_eq!(
            got,
            [
                "[    1.000001] BUG: x",
                "[    1.000002] two",
                "[ 1.000003]  three+0x1/0x2",
                "[    1.000004] four+0x1/0x2",
                "[    1.000005] five"
            ]
        );
    }

    #[test]
    fn prefixes_before_stamps_stay() {
        let log = "Nov 12 17:01:17 host kernel: [    1.710300] one\nNov 12 17:01:17 host kernel: [    1.710301] two";
        assert_eq!(texts(log), log.lines().collect::<Vec<_>>());
    }

    #[test]
    fn rows_of_frames_come_apart() {
        assert_eq!(
            texts("Call Trace: one+0x1/0x2 ? two+0x1/0x2 [mod] three+0x3/0x4"),
            ["Call Trace:", "one+0x1/0x2", "? two+0x1/0x2 [mod]", "three+0x3/0x4"]
        );
        assert_eq!(
            texts("Call Trace: one (a/b.c:1) two (a/b.c:2 (discriminator 3) a/c.h:4)"),
            ["Call Trace:", "one (a/b.c:1)", "two (a/b.c:2 (discriminator 3) a/c.h:4)"]
        );
        for whole in [
            "[<c0100000>] (one+0x1/0x2) from [<c0200000>] (two+0x1/0x2)",
            "RIP: 0010:[<ffffffff81000000>]  [<ffffffff81000000>] one+0x1/0x2",
            " #0: ffff888000000200 (&b->lock){+.+.}-{3:3}, at: one+0x10/0x30",
        ] {
            assert_eq!(texts(whole), [whole.trim()]);
        }
    }

    #[test]
    fn what_is_missing_is_joined() {
        let cases = [
            ("RIP: 0010:[<ffffffff81000000>] [<ffffffff81000000>]\nwalk+0x1/0x2", 1),
            ("[<ffffffff81000000>]\nwalk+0x1/0x2", 1),
            (" walk+0x1/0x2\n[some_module]", 1),
            (" walk (fs/a.c:1 (discriminator 2)\nfs/b.h:3)", 1),
            ("WARNING: CPU: 0 PID: 1 at fs/a.c:1\nwalk+0x1/0x2", 1),
            ("in_atomic(): 1, irqs_disabled(): 0,\nnon_block: 0, pid: 1, name: x", 1),
            ("BUG: sleeping function called from\ninvalid context at fs/a.c:1", 1),
            ("BUG: unable to handle kernel NULL pointer\ndereference at 0000000000000010", 1),
            ("BUG: it fails\nwith a soft lockup", 2),
            ("[    1.000001] one\n[    1.000002]  long_name_that_\nends_here+0x1/0x2", 2),
            ("[  1.0] one+0x1/0x2 [  1.0] two+0x1/0x2 [mod] [  1.0] three", 3),
            ("Call Trace:\n walk+0x1/0x2", 2),
            ("see fs/a.c:1\nfs/b.c:2 too", 2),
        ];
        for (text, rows) in cases {
            assert_eq!(texts(text).len(), rows, "{text:?}: {:?}", texts(text));
        }
    }

    #[test]
    fn patterns_compile() {
        let all = [
            &*MARK,
            &*CONSOLE_CLOCK,
            &*FRAMES,
            &*DECODED,
            &*HEADING,
            &*OPEN_STAMP,
            &*BARE_STAMP,
            &*REST_OF_STAMP,
            &*BARE_ADDRESS,
            &*SYMBOL_FIRST,
            &*OPEN_SYMBOL,
            &*MODULE_ONLY,
            &*OPEN_SOURCE,
            &*REST_OF_SOURCE,
            &*WARNED_AT,
            &*SYMBOL_OR_SOURCE,
            &*PLACE,
            &*OPEN_TAINT,
        ];
        for (i, pattern) in all.iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
