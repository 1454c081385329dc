//! Reads what all reports share: stacks, the instruction pointer, held locks, the task, the CPU, the version. It gives facts in the
//! order of the lines; which of the stacks matters is for the families to say.

use crate::facts;
use crate::frame::{self, Pointer};
use crate::guilty::in_group;
use crate::header;
use crate::locks::parse_lock;
use crate::segment::{LOCK_OWNER, Segment};
use crate::types::{Context, Frame, HeldLock, Stack, StackKind, Task};
use regex::Regex;
use std::sync::LazyLock;

macro_rules! pattern {
    ($name:ident, $re:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($re).ok());
    };
}

pattern!(HELD, r"^\s*#(\d+):\s+(.*)$");
pattern!(HOLDER, r"(?:\d+|no|more than \d+) locks? held by (.{1,40}?)[:.]\s*$");
pattern!(STACK_TASK, r"(?:Allocated|Freed)(?: by task \d+(?: on cpu \d+ at [\d.]+s)?)?(?: \(\d+\))?:");
pattern!(
    KCSAN_ACCESS,
    r"(?:read|write|read-write|assert no accesses|race at unknown origin)[^,]* (?:to|of|at) \S+ of \d+ bytes by (?:task|interrupt)"
);

/// What stands before the address at which preemption was disabled.
const DISABLED_AT: &str = "Preemption disabled at:";
/// What stands before the stack of a thread of RCU's.
const THREAD_DUMP: &str = "kthread stack dump:";
/// No kernel keeps code below this address, and by default nothing can be mapped there (`vm.mmap_min_addr`).
pub const MAX_LOW: u64 = 0x10000;

/// Where the instruction pointer was, and in which line.
pub struct Instruction {
    /// Index of the line in the segment.
    pub line: usize,
    /// The function; `None` for an address outside every symbol.
    pub frame: Option<Frame>,
    /// That address.
    pub wild: Option<String>,
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
    /// See [`crate::Splat::seconds`].
    pub seconds: Option<u64>,
    /// The caller as the registers show it.
    pub caller: Option<Frame>,
    /// Addresses in a main stack that belong to no symbol and to no kernel memory: index of the line, address.
    pub wild: Vec<(usize, String)>,
    /// Whether the report is about a switch of context inside an RCU read-side section.
    pub switched: bool,
    /// Lines that look like frames and could not be read, or not whole, by index.
    pub unread: Vec<usize>,
    /// Addresses of kernel code in the stacks that no symbol stands for.
    pub addresses: usize,
    /// The modules that these are said to be in.
    pub modules: Vec<String>,
    /// See [`crate::Splat::handlers`].
    pub handlers: Vec<Frame>,
    /// See [`crate::Splat::rcu_depth`].
    pub rcu_depth: Option<u32>,
    /// Whether a stack was dropped because fault injection printed it in between.
    pub foreign_stack: bool,
}

impl Body {
    /// Reads all lines of a report. Linear in their length.
    pub fn read(segment: &Segment<'_>) -> Body {
        let mut body = Body::default();
        let mut reader = Reader {
            body: &mut body,
            current: None,
            discarding: false,
            holder: None,
            own: true,
            class_follows: false,
            place_next: false,
            pointer_next: false,
            handlers: false,
        };
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
        self.context = facts::context(self);
    }

    /// The first stack of a kind that has frames.
    pub fn stack(&self, kind: StackKind) -> Option<&RawStack> {
        self.stacks.iter().find(|s| s.kind == kind && !s.frames.is_empty())
    }

    /// The main stack: the first of its kind with frames.
    pub fn main(&self) -> &[Frame] {
        self.stack(StackKind::Main).map_or(&[], |s| &s.frames)
    }

    /// Whether no instruction pointer is printed and the stack ends before it leaves what prints reports.
    pub fn is_unreached(&self) -> bool {
        let printer = |f: &Frame| f.unreliable || in_group("reporting", &f.function) || in_group("complaint", &f.function);
        self.instructions.is_empty() && self.main().iter().all(printer)
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

    /// Whether no address of the report has a symbol, though code stands there.
    fn is_symbolless(&self) -> bool {
        let symbols = self.caller.is_some() || self.stacks.iter().any(|s| !s.frames.is_empty());
        !symbols && self.addresses > 1 && self.instructions.iter().all(|i| i.frame.is_none())
    }

    /// What the stacks show beyond themselves.
    pub fn notes(&self) -> Vec<String> {
        let mut out = Vec::new();
        let wild = self.instructions.first().map_or_else(|| self.wild.first().map(|w| &w.1), |i| i.wild.as_ref());
        if wild.is_some() && self.is_symbolless() {
            let modules: Vec<String> = self.modules.iter().map(|m| format!("`{m}`")).collect();
            let inside = if modules.is_empty() { String::new() } else { format!("; of the addresses, some are in {}", modules.join(", ")) };
            out.push(format!(
                "the kernel printed addresses without symbols: `scripts/decode_stacktrace.sh` with its vmlinux tells what they are{inside}"
            ));
        } else if let Some(address) = wild {
            let from = self.main().iter().find(|f| !f.unreliable).or(self.caller.as_ref());
            let from = from.map(|f| format!(", called from `{}`", f.function)).unwrap_or_default();
            out.push(format!("a jump to {address}, which is no code: a bad function pointer{from}"));
        }
        if self.switched {
            out.push("a context switch inside an RCU read-side section".to_owned());
        }
        if let Some(stack) = self.stack(StackKind::PreemptDisabled)
            && let Some(f) = stack.frames.first()
        {
            out.push(format!("preemption was last disabled in `{}`", f.function));
        }
        out
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
    /// The line before says that the class of a lock follows, without the place where it was taken.
    class_follows: bool,
    /// The line before ended in `at:`, so the symbol in this one is a place and no frame.
    place_next: bool,
    /// The line before was the label of the instruction pointer alone.
    pointer_next: bool,
    /// Inside the list of an interrupt's handlers.
    handlers: bool,
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
            facts::marks(self.body, t);
            self.open(kind, t, index);
            // One address is named, on this line or the next.
            if let Some(rest) = t.strip_prefix(DISABLED_AT).filter(|_| kind == StackKind::PreemptDisabled)
                && let Some(f) = frame::parse(rest)
            {
                self.frame(index, rest, f);
            }
            return;
        }
        let place = std::mem::replace(&mut self.place_next, t.ends_with(" at:"));
        if is_header {
            facts::read(self.body, t);
            return;
        }
        // Another task's allocation fails in the midst of it, and its stack comes between.
        self.body.foreign_stack |= t.contains(": vmalloc: allocation failure: ");
        if place && self.current.and_then(|c| self.body.stacks.get(c)).is_none_or(|s| s.kind == StackKind::Main) {
            return;
        }
        let pointer_next = std::mem::replace(&mut self.pointer_next, frame::is_bare_pointer(t));
        let below = if pointer_next { frame::parse(text).map(Pointer::At) } else { None };
        if t == "handlers:" {
            self.handlers = true;
            self.current = None;
            return;
        }
        if self.handlers {
            let named = frame::handlers(t);
            self.handlers = !named.is_empty();
            self.body.handlers.extend(named.into_iter().take(64));
            if self.handlers {
                return;
            }
        }
        // Below the thread that drives grace periods, shown with its own state, another stack begins with the registers.
        let beside = self.current.and_then(|c| self.body.stacks.get(c)).is_some_and(|s| s.title.ends_with(THREAD_DUMP));
        if beside && t.starts_with("task:") {
            return;
        }
        let pointer = below.or_else(|| frame::pointer(t));
        if beside && (pointer.is_some() || t.starts_with("CPU: ")) {
            self.current = None;
        }
        if let Some(pointer) = pointer {
            match pointer {
                Pointer::At(f) => {
                    let again = self
                        .body
                        .instructions
                        .iter()
                        .filter_map(|i| i.frame.as_ref())
                        .any(|g| g.function == f.function && g.offset == f.offset);
                    let first = self.body.instructions.is_empty() && frame::is_exception(t);
                    if first && let Some(stack) = self.current.and_then(|c| self.body.stacks.get_mut(c)) {
                        stack.frames.clear();
                        stack.frames.push(f.clone());
                    } else if !again
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
                    self.body.instructions.push(Instruction { line: index, frame: Some(f), wild: None });
                }
                Pointer::Wild(at) => self.body.instructions.push(Instruction { line: index, frame: None, wild: Some(at) }),
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
            facts::marks(self.body, t);
            if frame::is_open(t) {
                self.unread(index);
            }
            self.frame(index, text, f);
            return;
        }
        if let Some(f) = frame::torn(t) {
            self.unread(index);
            if self.current.is_some() {
                self.frame(index, text, f);
            }
            return;
        }
        if let Some(f) = frame::return_address(t) {
            self.body.caller.get_or_insert(f);
            return;
        }
        if let Some(address) = frame::bare_address(t)
            && let Some(stack) = self.current.and_then(|c| self.body.stacks.get(c))
            && stack.kind == StackKind::Main
            && stack.frames.is_empty()
            && frame::hex(address).is_none_or(|a| a < MAX_LOW)
        {
            self.body.wild.push((index, format!("0x{}", if address.is_empty() { "0" } else { address })));
            return;
        }
        if frame::bare_address(t).is_some()
            && self.current.and_then(|c| self.body.stacks.get(c)).is_some_and(|s| s.kind == StackKind::PreemptDisabled)
        {
            // Never disabled: no address was stored.
            self.current = None;
            return;
        }
        if let Some(module) = frame::symbolless(t) {
            self.body.addresses += 1;
            if let Some(module) = module
                && self.body.modules.len() < 16
                && !self.body.modules.iter().any(|m| m == module)
            {
                self.body.modules.push(module.to_owned());
            }
        }
        // Behind the way back from a system call stands the program's own address.
        let left = self.current.and_then(|c| self.body.stacks.get(c)?.frames.last()).is_some_and(|f| f.function.starts_with("ret_"));
        if frame::resembles(t) && !(left && t.starts_with("0x")) {
            self.unread(index);
        }
        facts::read(self.body, t);
        if t.starts_with("---[ end trace") {
            self.current = None;
        }
    }

    fn unread(&mut self, index: usize) {
        if self.body.unread.len() < 1024 && !self.discarding {
            self.body.unread.push(index);
        }
    }

    fn open(&mut self, kind: StackKind, title: &str, index: usize) {
        self.discarding = false;
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
            // A report that has had its stack before is not mixed with the one that follows it.
            let whole = self
                .body
                .stacks
                .iter()
                .enumerate()
                .any(|(at, s)| Some(at) != self.current && s.kind == StackKind::Main && s.frames.iter().any(|f| !f.unreliable));
            self.body.foreign_stack |= !whole;
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
        // Each line names a caller and its callee, which is the caller of the line before, unless a line is missing.
        if let Some(mut callee) = frame::arm_callee(text)
            && stack.frames.last().is_none_or(|last| last.function != callee.function)
        {
            callee.stack = stack.kind;
            stack.frames.push(callee);
        }
        f.stack = stack.kind;
        // s390 puts into parentheses what a register or an old frame says: of the function just shown, it is no call of itself.
        f.unreliable |= text.trim_start().starts_with("([<") && stack.frames.last().is_some_and(|last| last.function == f.function);
        if stack.frames.len() < 4096 {
            stack.frames.push(f);
        }
        if matches!(stack.kind, StackKind::PreemptDisabled | StackKind::BreakingEvent) {
            self.current = None;
        }
    }

    /// Reads lines about locks; true when the line was one.
    fn lock(&mut self, index: usize, t: &str) -> bool {
        // The one lock that is told without where it was taken.
        if std::mem::replace(&mut self.class_follows, t.ends_with("lock in the past:"))
            && let Some(lock) = parse_lock(&format!("{t}, at: "))
            && self.body.others.len() < 1024
        {
            self.body.others.push((index, lock));
            return true;
        }
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
}

/// Whether a line is the heading of the main stack.
pub fn is_trace(t: &str) -> bool {
    t.starts_with("Call Trace") || t.starts_with("Call trace") || t.contains(" Call Trace:") || t.starts_with("Backtrace:")
}

/// What stack a line introduces.
fn starts_stack(t: &str) -> Option<StackKind> {
    if t.len() > 400 {
        return None;
    }
    if is_trace(t) {
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
    // The history of an object of the slab; newer kernels print it without `INFO:`.
    let history = t.strip_prefix("INFO: ").unwrap_or(t);
    if history.starts_with("Allocated in ") && t.contains(" age=") {
        return Some(StackKind::Alloc);
    }
    if history.starts_with("Freed in ") && t.contains(" age=") {
        return Some(StackKind::Free);
    }
    if t.contains(LOCK_OWNER) {
        return Some(StackKind::OtherCpu);
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
        || t.ends_with(THREAD_DUMP)
        || t.starts_with("Sending NMI")
    {
        return Some(StackKind::OtherCpu);
    }
    if (t.starts_with("read") || t.starts_with("write") || t.starts_with("assert no") || t.starts_with("race at"))
        && KCSAN_ACCESS.as_ref().is_some_and(|re| re.is_match(t))
    {
        return Some(StackKind::OtherAccess);
    }
    if t.starts_with(DISABLED_AT) {
        return Some(StackKind::PreemptDisabled);
    }
    if t.starts_with("Last Breaking-Event-Address") {
        return Some(StackKind::BreakingEvent);
    }
    if header::is_stopping(t) {
        return Some(StackKind::OtherCpu);
    }
    None
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
        for (i, pattern) in [&*HELD, &*HOLDER, &*STACK_TASK, &*KCSAN_ACCESS].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
