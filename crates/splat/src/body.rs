//! Reads what all reports share: stacks, the instruction pointer, held locks, the task, the CPU, the version. It gives facts in the
//! order of the lines; which of the stacks matters is for the families to say.

use crate::frame::{self, Pointer};
use crate::segment::Segment;
use crate::types::{Context, Frame, HeldLock, Stack, StackKind, Task};
use regex::Regex;
use std::sync::LazyLock;

macro_rules! pattern {
    ($name:ident, $re:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($re).ok());
    };
}

pattern!(CPU_LINE, r"CPU: (\d+) (?:UID: \d+ )?PID: (\d+) Comm: (.{0,40}?) (Not tainted|Tainted:(?: +[A-Z]{1,3}\b)+) +([\w.][^ ]*)(.*)$");
pattern!(PID_LINE, r"^\s*[Pp]id: (\d+), comm: +(\S+) (Not tainted|Tainted:(?: +[A-Z]{1,3}\b)+) *\(?([\w.]+[^ )]*)");
pattern!(VERSION_LINE, r"^\s*(\d+\.\d+[\w.+-]*) #\d+ (Not tainted|Tainted:(?: +[A-Z]{1,3}\b)+)");
pattern!(HELD, r"^\s*#(\d+):\s+(.*)$");
pattern!(HOLDER, r"(?:\d+|no|more than \d+) locks? held by (.{1,40}?)[:.]\s*$");
pattern!(STACK_TASK, r"(?:Allocated|Freed)(?: by task \d+(?: on cpu \d+ at [\d.]+s)?)?(?: \(\d+\))?:");
pattern!(
    KCSAN_ACCESS,
    r"(?:read|write|read-write|assert no accesses|race at unknown origin)[^,]* (?:to|of|at) \S+ of \d+ bytes by (?:task|interrupt)"
);

/// Where the instruction pointer was, and in which line.
pub struct Instruction {
    /// Index of the line in the segment.
    pub line: usize,
    /// The function; `None` for an address outside every symbol.
    pub frame: Option<Frame>,
}

/// One stack as found.
pub struct RawStack {
    /// What the introducing line says it is.
    pub kind: StackKind,
    /// The introducing line.
    pub title: String,
    /// Index of that line in the segment.
    pub line: usize,
    /// Innermost first.
    pub frames: Vec<Frame>,
}

/// The parts of one report.
#[derive(Default)]
pub struct Body {
    /// All stacks.
    pub stacks: Vec<RawStack>,
    /// Instruction pointers of kernel mode.
    pub instructions: Vec<Instruction>,
    /// Locks the running task held.
    pub held: Vec<HeldLock>,
    /// Other locks named, with the line index at which each stands.
    pub others: Vec<(usize, HeldLock)>,
    /// The task.
    pub task: Option<Task>,
    /// The workqueue line's function.
    pub workqueue: Option<String>,
    /// The CPU.
    pub cpu: Option<u32>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// Taint letters.
    pub taint: Option<String>,
    /// The hardware.
    pub hardware: Option<String>,
    /// Context, where shown.
    pub context: Option<Context>,
    /// See [`crate::Splat::in_atomic`].
    pub in_atomic: Option<bool>,
    /// See [`crate::Splat::irqs_disabled`].
    pub irqs_disabled: Option<bool>,
    /// See [`crate::Splat::preempt_count`].
    pub preempt_count: Option<u64>,
    /// See [`crate::Splat::rcu_depth`].
    pub rcu_depth: Option<u32>,
    /// Whether a stack was dropped because fault injection printed it in between.
    pub foreign_stack: bool,
}

impl Body {
    /// Reads all lines of a report. Linear in their length.
    pub fn read(segment: &Segment<'_>) -> Body {
        let mut body = Body::default();
        let mut reader =
            Reader { body: &mut body, current: None, discarding: false, holder: None, own: true, arm_first: false, place_next: false };
        for index in segment.header..segment.lines.len() {
            if let Some((_, text)) = segment.lines.get(index) {
                reader.line(index, text, index == segment.header);
            }
        }
        body.finish();
        body
    }

    fn finish(&mut self) {
        // Stalls show only the CPU that stalls, by a backtrace that it printed itself.
        if self.stack(StackKind::Main).is_none()
            && let Some(stack) = self.stacks.iter_mut().find(|s| s.kind == StackKind::OtherCpu && !s.frames.is_empty())
        {
            stack.kind = StackKind::Main;
            stack.frames.iter_mut().for_each(|f| f.stack = StackKind::Main);
        }
        if self.context.is_none()
            && (self.in_atomic.is_some() || self.stacks.iter().any(|s| s.kind == StackKind::Main && !s.frames.is_empty()))
        {
            self.context = Some(Context::Task);
        }
    }

    /// The first stack of a kind that has frames.
    pub fn stack(&self, kind: StackKind) -> Option<&RawStack> {
        self.stacks.iter().find(|s| s.kind == kind && !s.frames.is_empty())
    }

    /// The main stack: the first of its kind with frames.
    pub fn main(&self) -> &[Frame] {
        self.stack(StackKind::Main).map_or(&[], |s| &s.frames)
    }

    /// The first instruction pointer, when it is a symbol and stands before or in the main stack.
    pub fn instruction(&self) -> Option<&Frame> {
        let first = self.instructions.first()?;
        first.frame.as_ref()
    }

    /// The instruction pointer, then the stack that follows it: what a fault is about. A pointer inside the stack is in the stack.
    pub fn faulting(&self) -> Vec<&Frame> {
        let mut frames = Vec::new();
        let from = self.instructions.first().map_or(0, |i| i.line);
        let stack = self
            .stacks
            .iter()
            .find(|s| s.kind == StackKind::Main && !s.frames.is_empty() && s.line >= from)
            .or_else(|| self.stacks.iter().find(|s| s.kind == StackKind::Main && !s.frames.is_empty()));
        if let Some(first) = self.instructions.first().and_then(|i| i.frame.as_ref()) {
            frames.push(first);
        }
        if let Some(stack) = stack {
            frames.extend(stack.frames.iter());
        }
        frames
    }

    /// Every further stack, in order.
    pub fn further(&self) -> Vec<Stack> {
        let main = self.stack(StackKind::Main).map(|s| s.line);
        self.stacks
            .iter()
            .filter(|s| !s.frames.is_empty() && Some(s.line) != main && !matches!(s.kind, StackKind::Alloc | StackKind::Free))
            .map(|s| Stack { kind: s.kind, title: s.title.clone(), frames: s.frames.clone() })
            .collect()
    }
}

struct Reader<'b> {
    body: &'b mut Body,
    current: Option<usize>,
    discarding: bool,
    holder: Option<String>,
    own: bool,
    arm_first: bool,
    /// The line before ended in `at:`, so the symbol in this one is a place and no frame.
    place_next: bool,
}

impl Reader<'_> {
    fn line(&mut self, index: usize, text: &str, is_header: bool) {
        let t = text.trim();
        if t.is_empty() {
            // Lists without a heading of their own end at a blank line.
            if let Some(s) = self.current.and_then(|c| self.body.stacks.get(c))
                && s.kind != StackKind::Main
                && !s.frames.is_empty()
            {
                self.current = None;
            }
            return;
        }
        if !is_header && let Some(kind) = starts_stack(t) {
            self.open(kind, t, index);
            return;
        }
        let place = std::mem::replace(&mut self.place_next, t.ends_with(" at:"));
        if is_header {
            self.facts(t);
            return;
        }
        if place && self.current.and_then(|c| self.body.stacks.get(c)).is_none_or(|s| s.kind == StackKind::Main) {
            return;
        }
        if let Some(pointer) = frame::pointer(t) {
            match pointer {
                Pointer::At(f) => {
                    let again = self
                        .body
                        .instructions
                        .iter()
                        .filter_map(|i| i.frame.as_ref())
                        .any(|g| g.function == f.function && g.offset == f.offset);
                    if !again
                        && let Some(stack) = self
                            .current
                            .and_then(|c| self.body.stacks.get_mut(c))
                            .filter(|s| !s.frames.is_empty() || s.title.starts_with("Call"))
                    {
                        // Printed again after the stack it belongs to is no new frame.
                        if matches!(stack.kind, StackKind::Main | StackKind::OtherCpu)
                            && !stack.frames.iter().any(|g| g.function == f.function && g.offset == f.offset)
                            && !self.discarding
                        {
                            let mut inner = f.clone();
                            inner.stack = stack.kind;
                            stack.frames.push(inner);
                        }
                    }
                    self.body.instructions.push(Instruction { line: index, frame: Some(f) });
                }
                Pointer::Wild => self.body.instructions.push(Instruction { line: index, frame: None }),
                Pointer::User => {}
            }
            return;
        }
        if self.lock(index, t) {
            return;
        }
        if !t.contains("at: ")
            && let Some(f) = frame::parse(text)
        {
            self.frame(index, text, f);
            return;
        }
        self.facts(t);
        if t.starts_with("---[ end trace") {
            self.current = None;
        }
    }

    fn open(&mut self, kind: StackKind, title: &str, index: usize) {
        self.discarding = false;
        self.arm_first = true;
        // `Call Trace:` under a heading of its own (`stack backtrace:`, `NMI backtrace for cpu 1`) is that stack, not another.
        if let Some(stack) = self.current.and_then(|c| self.body.stacks.get_mut(c))
            && stack.frames.is_empty()
            && (title.starts_with("Call ") || title.starts_with("Backtrace"))
            && matches!(stack.kind, StackKind::Main | StackKind::OtherCpu)
        {
            return;
        }
        if self.body.stacks.len() < 512 {
            self.body.stacks.push(RawStack { kind, title: title.to_owned(), line: index, frames: Vec::new() });
            self.current = self.body.stacks.len().checked_sub(1);
        }
    }

    fn frame(&mut self, index: usize, text: &str, mut f: Frame) {
        if f.function.starts_with("should_fail") && !f.unreliable {
            self.discarding = true;
            self.body.foreign_stack = true;
            if let Some(stack) = self.current.and_then(|c| self.body.stacks.get_mut(c)) {
                stack.frames.clear();
            }
            return;
        }
        if self.discarding {
            return;
        }
        if self.current.is_none() {
            // A frame with no heading: reports that print their stack at once.
            self.open(StackKind::Main, "", index);
        }
        let Some(stack) = self.current.and_then(|c| self.body.stacks.get_mut(c)) else { return };
        if self.arm_first && stack.frames.is_empty() {
            if let Some(mut callee) = frame::arm_callee(text) {
                callee.stack = stack.kind;
                stack.frames.push(callee);
            }
            self.arm_first = false;
        }
        f.stack = stack.kind;
        if stack.frames.len() < 4096 {
            stack.frames.push(f);
        }
    }

    /// Reads lines about locks; true when the line was one.
    fn lock(&mut self, index: usize, t: &str) -> bool {
        if let Some(c) = HOLDER.as_ref().and_then(|re| re.captures(t)) {
            self.holder = c.get(1).map(|m| m.as_str().trim().to_owned());
            // A second list names other tasks.
            self.own = self.body.held.is_empty();
            self.current = None;
            return true;
        }
        if let Some(c) = HELD.as_ref().and_then(|re| re.captures(t)) {
            let Some(mut lock) = parse_lock(c.get(2).map_or("", |m| m.as_str())) else { return false };
            lock.index = c.get(1).and_then(|m| m.as_str().parse().ok()).unwrap_or(0);
            lock.holder = self.holder.clone();
            if self.own && self.body.held.len() < 64 {
                self.body.held.push(lock);
            } else if self.body.others.len() < 1024 {
                self.body.others.push((index, lock));
            }
            return true;
        }
        if (t.contains("at: ") && t.contains('(') || t.starts_with("(") && t.contains("at:"))
            && self.body.others.len() < 1024
            && let Some(lock) = parse_lock(t)
        {
            self.body.others.push((index, lock));
            return true;
        }
        false
    }

    fn facts(&mut self, t: &str) {
        let b = &mut *self.body;
        if (b.task.is_none() || b.kernel.is_none())
            && t.contains("PID:")
            && let Some(c) = CPU_LINE.as_ref().and_then(|re| re.captures(t))
        {
            b.cpu = c[1].parse().ok();
            b.task = Some(Task { comm: Some(c[3].trim().to_owned()), pid: c[2].parse().ok() });
            if b.kernel.is_none() {
                b.kernel = Some(c[5].to_owned());
                b.taint = taint(&c[4]);
            }
        } else if b.task.is_none()
            && let Some(c) = PID_LINE.as_ref().and_then(|re| re.captures(t))
        {
            b.task = Some(Task { comm: Some(c[2].to_owned()), pid: c[1].parse().ok() });
            b.kernel = Some(c[4].to_owned());
            b.taint = taint(&c[3]);
        } else if b.kernel.is_none()
            && let Some(c) = VERSION_LINE.as_ref().and_then(|re| re.captures(t))
        {
            b.kernel = Some(c[1].to_owned());
            b.taint = taint(&c[2]);
        } else if b.hardware.is_none()
            && let Some(h) = t.strip_prefix("Hardware name:")
        {
            b.hardware = Some(h.trim().to_owned());
        } else if b.workqueue.is_none()
            && let Some(w) = t.strip_prefix("Workqueue:")
        {
            b.workqueue = Some(w.trim().to_owned());
        }
        if let Some(v) = number_after(t, "in_atomic(): ") {
            b.in_atomic = b.in_atomic.or(Some(v != 0));
            if let Some(v) = number_after(t, "irqs_disabled(): ") {
                b.irqs_disabled = b.irqs_disabled.or(Some(v != 0));
            }
            if b.task.is_none()
                && let (Some(pid), Some((_, name))) = (number_after(t, "pid: "), t.split_once("name: "))
            {
                // The line with the CPU comes later and says the same with more.
                b.task = Some(Task { comm: Some(name.trim().to_owned()), pid: u32::try_from(pid).ok() });
            }
        }
        if let Some((_, rest)) = t.split_once("preempt_count: ") {
            let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            b.preempt_count = b.preempt_count.or(frame::hex(&digits));
        }
        if let Some(v) = number_after(t, "RCU nest depth: ") {
            b.rcu_depth = b.rcu_depth.or(u32::try_from(v).ok());
        }
        let context = match t {
            "<NMI>" => Some(Context::Nmi),
            "<IRQ>" | "<SOFTIRQ>" => Some(if t == "<IRQ>" { Context::Hardirq } else { Context::Softirq }),
            _ => None,
        };
        if b.context.is_none()
            && let Some(c) = context
            && b.stacks.iter().all(|s| s.kind != StackKind::Main || s.frames.is_empty())
        {
            b.context = Some(c);
        }
        if t == "<TASK>" && b.context.is_none() {
            b.context = Some(Context::Task);
        }
        if b.cpu.is_none()
            && let Some(cpu) = number_after(t, "CPU: ")
        {
            b.cpu = u32::try_from(cpu).ok();
        }
    }
}

/// What stack a line introduces.
fn starts_stack(t: &str) -> Option<StackKind> {
    if t.len() > 400 {
        return None;
    }
    if t.starts_with("Call Trace") || t.starts_with("Call trace") || t.contains(" Call Trace:") || t.starts_with("Backtrace:") {
        return Some(StackKind::Main);
    }
    if t.starts_with("backtrace") && t.ends_with(':') {
        return Some(StackKind::Alloc);
    }
    if t.ends_with("stack backtrace:") || t == "stack backtrace:" {
        return Some(StackKind::Main);
    }
    if t.contains("llocated") || t.contains("reed") {
        if STACK_TASK.as_ref().is_some_and(|re| re.find(t).is_some_and(|m| m.end() == t.len()))
            || t.starts_with("allocated by task ")
            || t.starts_with("freed by task ")
        {
            return Some(if t.starts_with(['A', 'a']) || t.contains("Allocated") { StackKind::Alloc } else { StackKind::Free });
        }
        if t.contains("page last allocated") {
            return Some(StackKind::Alloc);
        }
        if t.contains("page last free") {
            return Some(StackKind::Free);
        }
    }
    if t.ends_with("work creation:") || t.starts_with("Last call_rcu") || t.ends_with("call_rcu():") {
        return Some(StackKind::Queued);
    }
    if t.contains("was stored to memory at") || t.contains("was created at:") || t.contains(" created at:") {
        return Some(StackKind::Origin);
    }
    if t.contains("state was registered at:") || t.contains(" which became ") && t.ends_with("at:") {
        return Some(StackKind::Dependency);
    }
    if t.ends_with("acquired at:") || t.starts_with("-> #") || t.starts_with("... to a ") || t.starts_with("... key") && t.contains("at:") {
        return Some(StackKind::Dependency);
    }
    if t.starts_with("NMI backtrace for cpu")
        || t.starts_with("Exception stack") && t.contains("cpu")
        || t.starts_with("Task dump for CPU")
        || t.ends_with("kthread stack dump:")
        || t.starts_with("Sending NMI")
    {
        return Some(StackKind::OtherCpu);
    }
    if (t.starts_with("read") || t.starts_with("write") || t.starts_with("assert no") || t.starts_with("race at"))
        && KCSAN_ACCESS.as_ref().is_some_and(|re| re.is_match(t))
    {
        return Some(StackKind::OtherAccess);
    }
    if t.starts_with("Preemption disabled at:") {
        return Some(StackKind::Queued);
    }
    None
}

/// Reads `address (class){mode}-{wait}, at: function+0x1/0x2 file:line` and the older `(class){mode}, at: [<addr>] function+...`.
pub fn parse_lock(text: &str) -> Option<HeldLock> {
    let at = text.find("at: ").or_else(|| text.find("at:"))?;
    let (head, place) = (text.get(..at)?, text.get(at + 3..)?);
    let address =
        head.split_ascii_whitespace().next().filter(|w| w.len() >= 8 && w.bytes().all(|b| b.is_ascii_hexdigit())).map(str::to_owned);
    // The class is in parentheses that may hold parentheses; it ends where the marks or the comma begin.
    let open = head.find('(')?;
    let mut depth = 0usize;
    let mut close = None;
    for (i, c) in head.char_indices().skip_while(|(i, _)| *i < open) {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    close = Some(i);
                    break;
                }
            }
            _ => {}
        }
    }
    let close = close?;
    let class = head.get(open + 1..close)?.trim().to_owned();
    let mode = head.get(close + 1..).map(|m| m.trim().trim_end_matches(',').trim().to_owned()).filter(|m| m.starts_with('{'));
    let symbol = frame::symbol_in(place);
    let mut lock = HeldLock { index: 0, address, class, mode, acquired_at: None, offset: None, site: None, holder: None };
    if let Some(f) = symbol {
        lock.offset = f.offset;
        lock.site = f.file.as_ref().map(|file| format!("{file}:{}", f.line.unwrap_or(0)));
        lock.acquired_at = Some(f.function);
    } else {
        // Symbolised: `at: function file.c:12 [inline]`.
        let mut words = place.split_ascii_whitespace();
        lock.acquired_at = words.next().filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')).map(str::to_owned);
        lock.site = words.next().filter(|w| w.contains(':')).map(str::to_owned);
    }
    Some(lock)
}

fn taint(text: &str) -> Option<String> {
    let letters = text.strip_prefix("Tainted:")?;
    let words: Vec<&str> = letters.split_ascii_whitespace().filter(|w| w.len() <= 3).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The decimal number right after a label.
pub fn number_after(text: &str, label: &str) -> Option<u64> {
    let (_, rest) = text.split_once(label)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(20).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [&*CPU_LINE, &*PID_LINE, &*VERSION_LINE, &*HELD, &*HOLDER, &*STACK_TASK, &*KCSAN_ACCESS].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
