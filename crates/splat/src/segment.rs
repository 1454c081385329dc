//! Cuts a text into reports. One pass over the lines; each line goes to the open report of its caller (`T43`, `C1`), so that the
//! reports of two CPUs that print at once come apart. Lines that mail software wrapped are joined again. It decides where a report
//! starts and ends, and refuses to look at what the report says beyond its opening line.
//!
//! Work is linear in the text: a line belongs to one report at most, a report has at most [`MAX_LINES`] lines, and at most
//! [`MAX_OPEN`] reports are open at once.

use crate::header::{self, classify};
use crate::layout::Row;
use crate::line::{Line, strip_row};
use crate::types::Kind;
use crate::{body, dump, frame};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What stands before the task that holds the lock that a hung one waits for.
pub const LOCK_OWNER: &str = "likely owned by task ";
/// Longest report, in lines.
pub const MAX_LINES: usize = 6000;
/// Most reports open at once.
pub const MAX_OPEN: usize = 64;
/// A report ends after so many lines that no report would have.
const MAX_NOISE: usize = 120;

/// Why a report ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The kernel said so, or something else followed.
    Whole,
    /// Another report of the same speaker began.
    NextReport,
    /// The text ended.
    Input,
    /// It exceeded [`MAX_LINES`].
    TooLong,
}

/// One report's lines.
#[derive(Debug)]
pub struct Segment<'a> {
    /// What its opening line says it is.
    pub kind: Kind,
    /// Number of its first row, from 1.
    pub first: usize,
    /// Index of the opening line in `lines`.
    pub header: usize,
    /// Number of its row (from 1) and text of every line.
    pub lines: Vec<(usize, Cow<'a, str>)>,
    /// Number of the last row that says something.
    pub last: usize,
    /// Whether the kernel panicked within it.
    pub panicked: bool,
    /// Why it ended.
    pub end: End,
    /// Who spoke: the caller prefix, empty without one.
    pub speaker: &'a str,
    noise: usize,
    traces: usize,
    frames: usize,
    done: bool,
    stamped: bool,
    quotes: u8,
    certain: bool,
    /// Whether nothing but the dump told that it is a report: its opening is the line above.
    pub guessed: bool,
    /// Whether fault injection announced the dump: it shows where it injected, and nothing is wrong.
    injected: bool,
}

/// All reports in a text, in the order of their first lines; those without a known opening last.
pub fn segments<'a>(rows: &'a [Row<'_>]) -> Vec<Segment<'a>> {
    let mut cutter = Cutter { open: BTreeMap::new(), done: Vec::new(), recent: BTreeMap::new(), last_key: "", previous: None };
    for (index, row) in rows.iter().enumerate() {
        cutter.line(index + 1, strip_row(row));
    }
    let keys: Vec<&str> = cutter.open.keys().copied().collect();
    for key in keys {
        cutter.close(key, End::Input);
    }
    // What the kernel itself calls a crash comes before dumps under other lines.
    cutter.done.sort_by_key(|s| (s.guessed, s.lines.get(s.header).map_or(0, |l| l.0)));
    cutter.done
}

struct Cutter<'a> {
    open: BTreeMap<&'a str, Segment<'a>>,
    done: Vec<Segment<'a>>,
    /// The last few lines of each speaker, for what stands before an opening.
    recent: BTreeMap<&'a str, Vec<(usize, &'a str)>>,
    last_key: &'a str,
    previous: Option<Line<'a>>,
}

impl<'a> Cutter<'a> {
    fn line(&mut self, number: usize, line: Line<'a>) {
        let opening = classify(line.text);
        let kind = opening.map(|(kind, _)| kind);
        let certain = line.stamped || line.caller.is_some() || opening.is_some_and(|(_, certain)| certain);
        let key = match line.caller {
            Some(caller) => caller,
            // Without a caller: the tail of a wrapped line, or a kernel that does not print callers.
            None if kind.is_none() || self.open.contains_key("") => {
                if self.open.contains_key("") || !self.open.contains_key(self.last_key) { "" } else { self.last_key }
            }
            None => "",
        };
        if kind.is_none() && self.join(key, number, &line) {
            self.previous = Some(line);
            return;
        }
        self.previous = Some(line);
        self.last_key = key;
        let text = line.text;
        if header::is_cut_here(text) && self.open.get(key).is_some_and(|s| s.lines.len() > s.header + 1 && s.kind != Kind::RustPanic) {
            self.close(key, End::NextReport);
        }
        if let Some(kind) = kind {
            if self.open.get(key).is_some_and(|s| s.takes(kind, text)) {
                self.push(key, number, &line);
                return;
            }
            let guessed = self.open.get(key).is_some_and(|s| s.guessed);
            // A panic belongs to the report before it, even when another caller prints it.
            if kind == Kind::Panic
                && !text.contains("stack-protector")
                && !guessed
                && self.open.values().any(|s| !s.panicked)
                && let Some(other) = self.latest()
            {
                self.push(other, number, &line);
                return;
            }
            self.close(key, End::NextReport);
            // The fault's own line is one that nothing here knows.
            let unknown = kind == Kind::InternalError
                && text.trim_start().starts_with("Oops")
                && self
                    .recent
                    .get(key)
                    .is_some_and(|recent| dump::opening(recent, number).is_some_and(|(_, last)| last + 2 >= recent.len()));
            if unknown {
                self.guess(key, number, &line)
            } else {
                self.start(key, number, kind, certain, &line)
            }
            return;
        }
        if self.open.contains_key(key) {
            self.push(key, number, &line);
        } else if dump::begins(text) && !self.open.values().any(|s| s.quotes == line.quotes && !s.done && s.speaker.is_empty()) {
            self.guess(key, number, &line);
        } else {
            self.remember(key, number, text);
        }
    }

    /// The key of the report that was opened last.
    fn latest(&self) -> Option<&'a str> {
        self.open.iter().max_by_key(|(_, s)| s.lines.get(s.header).map_or(0, |l| l.0)).map(|(k, _)| *k)
    }

    fn remember(&mut self, key: &'a str, number: usize, text: &'a str) {
        if self.recent.len() > MAX_OPEN && !self.recent.contains_key(key) {
            self.recent.clear();
        }
        let recent = self.recent.entry(key).or_default();
        if recent.len() >= 4 {
            recent.remove(0);
        }
        recent.push((number, text));
    }

    fn start(&mut self, key: &'a str, number: usize, kind: Kind, certain: bool, line: &Line<'a>) {
        let text = line.text;
        if self.open.len() >= MAX_OPEN
            && let Some(oldest) = self.open.iter().min_by_key(|(_, s)| s.last).map(|(k, _)| *k)
        {
            self.close(oldest, End::TooLong);
        }
        let mut lines: Vec<(usize, Cow<'a, str>)> = Vec::new();
        let recent = self.recent.remove(key).unwrap_or_default();
        // What belongs to the report though it stands before its opening: the marker, and the message of list or refcount checks.
        let from = recent
            .iter()
            .position(|(_, t)| {
                header::is_cut_here(t)
                    || t.contains("corruption")
                    || t.contains("refcount_t:")
                    || t.contains("usercopy: ")
                    || t.contains("ODEBUG:")
            })
            .or_else(|| recent.iter().rposition(|(_, t)| header::is_rule(t)).filter(|i| i + 1 == recent.len()));
        if let Some(from) = from {
            lines.extend(recent.iter().skip(from).map(|(n, t)| (*n, Cow::Borrowed(*t))));
        }
        let header = lines.len();
        lines.push((number, Cow::Borrowed(text)));
        let segment = Segment {
            kind,
            first: lines.first().map_or(number, |l| l.0),
            header,
            lines,
            last: number,
            panicked: kind == Kind::Panic || text.contains("Kernel panic"),
            end: End::Whole,
            speaker: key,
            noise: 0,
            traces: 0,
            frames: 0,
            done: false,
            stamped: line.stamped,
            quotes: line.quotes,
            certain,
            guessed: false,
            injected: false,
        };
        self.open.insert(key, segment);
    }

    /// Opens a report with the line above a dump, or without an opening where there is none. Whether it is one is seen when it ends.
    fn guess(&mut self, key: &'a str, number: usize, line: &Line<'a>) {
        let recent = self.recent.remove(key).unwrap_or_default();
        let opening = dump::opening(&recent, number);
        self.start(key, number, Kind::Other, true, line);
        let Some(segment) = self.open.get_mut(key) else { return };
        segment.guessed = true;
        segment.injected = recent.iter().any(|(_, t)| t.contains("FAULT_INJECTION: "));
        segment.panicked = false;
        let from = opening.map_or(recent.len(), |(first, _)| first);
        let before: Vec<(usize, Cow<'a, str>)> = recent.iter().skip(from).map(|(n, t)| (*n, Cow::Borrowed(*t))).collect();
        segment.first = before.first().map_or(number, |l| l.0);
        // The first line of the dump is to be read as such, so an opening that is missing is an empty line.
        segment.lines = if before.is_empty() { vec![(number, Cow::Borrowed(""))] } else { before };
        segment.header = opening.map_or(0, |(first, last)| last - first);
        segment.lines.push((number, Cow::Borrowed(line.text)));
        if body::is_trace(line.text.trim()) {
            segment.traces = 1;
        }
        segment.frames = usize::from(frame::parse(line.text).is_some());
    }

    fn push(&mut self, key: &'a str, number: usize, line: &Line<'a>) {
        let Some(s) = self.open.get_mut(key) else { return };
        let text = line.text;
        if line.quotes != s.quotes && !text.trim().is_empty() {
            // Someone else's words in the same mail.
            s.noise += 10;
            if s.noise > MAX_NOISE {
                self.close(key, End::Whole);
            }
            return;
        }
        s.lines.push((number, Cow::Borrowed(text)));
        if text.contains("Kernel panic - not syncing") {
            s.panicked = true;
            s.done = false;
        }
        // In a log with time stamps, a line without one is someone else's, unless it is a frame.
        if (line.stamped || !s.stamped) && is_content(text) || frame::parse(text).is_some() {
            s.noise = 0;
            s.last = number;
            let trimmed = text.trim_start();
            if trimmed.starts_with("Call ") || trimmed.starts_with("Backtrace") || trimmed.starts_with("backtrace") {
                s.traces += 1;
            } else if !text.contains("at: ") && !text.contains("BUG: ") && (frame::parse(text).is_some() || frame::pointer(text).is_some())
            {
                s.frames += 1;
            }
        } else {
            s.noise += 1;
        }
        if text.contains("---[ end trace") {
            s.done = true;
            s.last = number;
        }
        let over = text.contains("---[ end Kernel panic")
            || text.contains("Rebooting in ")
            || (s.done && s.noise > 12)
            || s.noise > MAX_NOISE
            // A KASAN report is closed by a second row of `=`.
            || (matches!(s.kind, Kind::Kasan | Kind::Kfence | Kind::Kcsan | Kind::Kmsan) && s.frames > 0 && s.done && s.noise > 2);
        if matches!(s.kind, Kind::Kasan | Kind::Kfence | Kind::Kcsan) && s.frames > 0 && header::is_rule(text) {
            s.done = true;
            s.last = number;
        }
        if over {
            if text.contains("end Kernel panic") || text.contains("Rebooting in ") {
                s.last = number;
            }
            self.close(key, End::Whole);
        } else if s.lines.len() >= MAX_LINES {
            self.close(key, End::TooLong);
        }
    }

    fn close(&mut self, key: &str, end: End) {
        let Some(mut segment) = self.open.remove(key) else { return };
        // Words about a crash, with nothing of one after them.
        if !segment.certain && segment.frames == 0 && segment.traces == 0 {
            return;
        }
        if segment.injected || segment.guessed && !segment.is_whole() {
            return;
        }
        // A panic that only ends what a dump showed, with no stack of its own.
        if segment.kind == Kind::Panic
            && !segment.guessed
            && segment.frames == 0
            && let Some(before) = self.done.last_mut().filter(|s| s.guessed && s.speaker == segment.speaker && s.quotes == segment.quotes)
            && segment.first <= before.last + 4
        {
            before.panicked = true;
            before.lines.append(&mut segment.lines);
            before.last = segment.last;
            return;
        }
        let last = segment.last;
        segment.lines.retain(|(n, _)| *n <= last);
        segment.end = if segment.done && end != End::TooLong { End::Whole } else { end };
        self.done.push(segment);
    }

    /// Joins the rest of a line that mail software wrapped to what it was cut from.
    fn join(&mut self, key: &str, number: usize, line: &Line<'a>) -> bool {
        let Some(previous) = self.previous else { return false };
        let Some(segment) = self.open.get_mut(key) else { return false };
        if line.caller.is_some() || line.stamped || line.text.trim().is_empty() || line.text.len() > 100 {
            return false;
        }
        let text = line.text;
        let hex_only = text.trim().len() >= 8 && text.trim().bytes().all(|b| b.is_ascii_hexdigit());
        let joins = if segment.stamped && (previous.stamped || previous.text.ends_with(' ')) {
            let wide = previous.width >= 58 || previous.text.ends_with(' ') || previous.text.ends_with(':');
            let place = previous.text.trim_end().ends_with(" at:");
            wide && !text.starts_with(' ')
                && (place || frame::parse(text).is_none())
                && frame::pointer(text).is_none()
                && !text.contains("executing program")
        } else {
            hex_only && previous.text.ends_with([' ', ':', '='])
                || previous.text.trim_end().ends_with(" Not tainted") && text.starts_with(|c: char| c.is_ascii_digit())
        };
        let quotes = segment.quotes;
        let Some((n, last)) = segment.lines.last_mut() else { return false };
        if !joins || line.quotes != quotes || number > *n + 3 || segment.last != *n || last.len() > 4096 {
            return false;
        }
        let owned = last.to_mut();
        if !owned.ends_with(' ') {
            owned.push(' ');
        }
        owned.push_str(text.trim_end());
        segment.last = number;
        *n = number;
        true
    }
}

impl<'a> Segment<'a> {
    /// Whether the report was cut off by another before it showed any stack.
    pub fn is_stackless(&self) -> bool {
        self.end == End::NextReport && self.frames == 0
    }

    /// This report with the lines of the next appended: the same speaker went on with
    /// another report, so the stack there is this one's.
    pub fn with_stack_of(&self, next: &Segment<'a>) -> Segment<'a> {
        Segment {
            kind: self.kind,
            first: self.first,
            header: self.header,
            lines: self.lines.iter().chain(&next.lines).cloned().collect(),
            last: self.last,
            panicked: self.panicked,
            end: self.end,
            speaker: self.speaker,
            noise: 0,
            traces: 0,
            frames: next.frames,
            done: self.done,
            stamped: self.stamped,
            quotes: self.quotes,
            certain: self.certain,
            guessed: self.guessed,
            injected: self.injected,
        }
    }

    /// Whether there is a whole dump below the opening.
    fn is_whole(&self) -> bool {
        dump::is_whole(self.lines.iter().skip(self.header + 1).map(|l| l.1.as_ref()))
    }

    /// The opening as the kernel printed it, an assertion with the line that follows it.
    pub fn header_text(&self) -> String {
        let from = if self.guessed { 0 } else { self.header };
        let lines = self.lines.get(from..=self.header).unwrap_or(&[]);
        lines.iter().map(|l| l.1.trim()).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// The opening line.
    pub fn opening(&self) -> &str {
        self.lines.get(self.header).map_or("", |l| l.1.as_ref())
    }

    /// Whether an opening line is a further part of this report.
    fn takes(&self, kind: Kind, text: &str) -> bool {
        if text.contains("Kernel panic - not syncing") {
            // A dump under some line may be the panic's own; one that only passes on what went wrong before adds nothing.
            if self.guessed {
                return ["Fatal exception", "panic_on_oops", "panic_on_warn"].iter().any(|w| text.contains(w)) && self.is_whole();
            }
            return !text.contains("stack-protector") || self.panicked;
        }
        let early = self.traces == 0 && self.frames == 0 && self.lines.len() < self.header + 30;
        let faults = matches!(
            self.kind,
            Kind::OopsNull
                | Kind::OopsPaging
                | Kind::OopsUserAccess
                | Kind::KernelBug
                | Kind::ListCorruption
                | Kind::Usercopy
                | Kind::UnhandledFault
                | Kind::AlignmentTrap
                | Kind::StackOverflow
                | Kind::InvalidOpcode
        );
        match kind {
            Kind::InternalError | Kind::InvalidOpcode => {
                let traps = matches!(self.kind, Kind::GeneralProtectionFault | Kind::DivideError | Kind::Int3 | Kind::StackSegmentFault);
                early && (faults || traps || self.kind == Kind::RustPanic) || self.frames < 4 && faults && text.contains("Oops")
            }
            Kind::SlabCorruption => matches!(self.kind, Kind::SlabCorruption | Kind::Kasan),
            Kind::Kmsan => self.kind == Kind::Kmsan && self.frames < 2,
            // Symbolised logs repeat the opening for each function that was inlined there.
            Kind::Kasan | Kind::Kfence => {
                self.kind == kind && self.frames == 0 && self.lines.last().is_some_and(|l| l.1.contains("[inline]"))
            }
            Kind::RcuStall => self.kind == Kind::RcuStall && early,
            // The task that holds what the first one waits for is shown below it.
            Kind::HungTask => self.kind == Kind::HungTask && text.contains(LOCK_OWNER),
            Kind::OopsNull | Kind::OopsPaging => early && self.kind == Kind::OopsPaging && self.lines.len() <= self.header + 3,
            // Two CPUs fault at once, and print in turn.
            Kind::DoubleFault => (self.kind == Kind::StackOverflow || faults && self.speaker.is_empty()) && early,
            Kind::AlignmentTrap => faults && early && self.lines.len() <= self.header + 2,
            // A notice that the kernel repeats every few seconds, in whatever is going on.
            Kind::Other => !self.done && text.contains("unregister_netdevice"),
            // The panic of Rust code ends in a `BUG()`.
            Kind::KernelBug => self.kind == Kind::RustPanic && early,
            Kind::GeneralProtectionFault => self.kind == kind && early && self.lines.len() <= self.header + 2,
            _ => false,
        }
    }
}

/// Whether a report would print such a line.
fn is_content(text: &str) -> bool {
    let t = text.trim();
    if t.is_empty() {
        return false;
    }
    const WORDS: &[&str] = &[
        "Call Trace",
        "Call trace",
        "CPU:",
        "Hardware name",
        "Modules linked in",
        "Code:",
        "RIP",
        "RSP",
        "RAX",
        "RDX",
        "RBP",
        "R10",
        "R13",
        "FS:",
        "CS:",
        "CR2",
        "DR0",
        "DR3",
        "PKRU",
        "EIP",
        "EAX",
        "ESI",
        "pc :",
        "lr :",
        "sp :",
        "pstate",
        "PC is at",
        "LR is at",
        "Exception stack",
        "Backtrace",
        "Tainted:",
        "Workqueue:",
        "Read of size",
        "Write of size",
        "The buggy",
        "Allocated",
        "Freed",
        "Memory state",
        "locks held",
        "lock held",
        "#0:",
        "at:",
        "other info",
        "stack backtrace",
        "which became",
        "trying to acquire",
        "already holding",
        "dependency",
        "unsafe locking",
        "CPU0",
        "lock(",
        "DEADLOCK",
        "rcu_scheduler_active",
        "in_atomic",
        "preempt_count",
        "page:",
        "flags:",
        "raw:",
        "end trace",
        "<TASK>",
        "</TASK>",
        "<IRQ>",
        "</IRQ>",
        "<NMI>",
        "</NMI>",
        "irq event stamp",
        "hardirqs last",
        "softirqs last",
        "Kernel Offset",
        "Dumping ftrace",
        "NMI backtrace",
        "Sending NMI",
        "backtrace",
        "hex dump",
        "comm \"",
        "Preemption disabled at",
        "task:",
        "KASAN:",
        "Oops",
        "x29:",
        "x27:",
        "x0 :",
        "gp :",
        "epc :",
        "status:",
        "GPR",
        "NIP",
        "LR ",
        "created at",
        "was stored",
        "by task",
        "on cpu",
        "value changed",
        "Reported by",
        "unreferenced object",
        "last function",
        "state was registered",
        "Krnl PSW",
        "ASSERT FAILED",
        "handlers:",
        "Disabling IRQ",
    ];
    frame::parse(text).is_some()
        || frame::pointer(text).is_some()
        || frame::return_address(text).is_some()
        || frame::bare_address(text).is_some()
        || frame::torn(text).is_some()
        || !frame::handlers(text).is_empty()
        || WORDS.iter().any(|w| t.contains(w))
        || header::is_rule(t)
        || t.starts_with(['#', '>']) && t.contains(':')
        || looks_like_dump(t)
}

/// A row of registers or memory: mostly hexadecimal words.
fn looks_like_dump(t: &str) -> bool {
    let (mut hex, mut all) = (0usize, 0usize);
    for word in t.split_ascii_whitespace().take(24) {
        all += 1;
        let w = word.trim_end_matches(':');
        if w.len() >= 2 && w.bytes().all(|b| b.is_ascii_hexdigit()) {
            hex += 1;
        }
    }
    all >= 3 && hex * 3 >= all * 2
}
