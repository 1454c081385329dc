//! What the lines around the stacks say in words: the task, the CPU, the kernel, how long something lasted, the preempt count, and in which
//! context the code ran. The first line that says something wins, since later ones speak of other tasks; which functions run in an
//! interrupt is data (`data/helpers.toml`).

use crate::body::{Body, number_after};
use crate::frame;
use crate::guilty::in_group;
use crate::types::{Context, StackKind, Task};
use regex::{Captures, Regex};
use std::sync::LazyLock;

macro_rules! pattern {
    ($name:ident, $re:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($re).ok());
    };
}

pattern!(
    CPU_LINE,
    r"CPU: (\d+) (?:UID: \d+ )?PID: (\d+) Comm: (.{0,40}?)(?: Kdump: loaded)? (Not tainted|Tainted:(?: +[A-Z]{1,3}\b-*| +-+| +\[[A-Z]\]=\w+,?)+) +([\w.][^ ]*)(.*)$"
);
pattern!(PID_LINE, r"^\s*[Pp]id: (\d+), comm: +(\S+) (Not tainted|Tainted:(?: +[A-Z]{1,3}\b-*| +-+)+) *\(?([\w.]+[^ )]*)");
pattern!(VERSION_LINE, r"^\s*(\d+\.\d+[\w.+-]*) #\d+ (Not tainted|Tainted:(?: +[A-Z]{1,3}\b-*| +-+)+)");
// Hung tasks: ` Tainted: P           O     4.15.18 #1`, `Not tainted 4.15.18 #1`.
pattern!(TAINT_LINE, r"^\s*(Not tainted|Tainted:(?: +[A-Z]{1,3}\b-*| +-+)+) +(\d+\.\d+[\w.+~-]*)");
// powerpc's registers: `REGS: cf9cfe40 TRAP: 0300   Not tainted  (6.8.0)`, `TASK = cfa5d000[950] 'bash' THREAD: cf9ce000`.
pattern!(TRAP, r"^\s*REGS: .* TRAP: [0-9a-f]+ +(Not tainted|Tainted:(?: +[A-Z]{1,3}\b-*| +-+)+) +\((\d+\.\d+[^ )]*)");
pattern!(POWERPC_TASK, r"^\s*TASK = ?[0-9a-fA-F]+\[(\d+)\] '(.{1,40}?)' THREAD: [0-9a-fA-F]+(?: +CPU: (\d+))?");
pattern!(WARNED, r"WARNING: CPU: (\d+) PID: (\d+) at ");
pattern!(
    STUCK_CPU,
    r"CPU#(\d+)(?:,? stuck for|!| after)|LOCKUP on cpu (\d+)|pool cpus=(\d+) |^CPU (\d+) Unable to handle|stall on CPU \{? ?(\d+)"
);
pattern!(SECONDS, r"(?:stuck for|blocked for more than|blocked for|can't die for more than) (\d+) ?s(?:econds)?");
// Each of them names a task: its name, and its id where there is one.
pattern!(BLOCKED, r"INFO: task (.{1,64}):(\d+) (?:blocked|can't die|is blocked)");
pattern!(SCHEDULING, r"scheduling while atomic: (.{1,40})/(\d+)/(0x[0-9a-fA-F]+)");
pattern!(STUCK, r"stuck for \d+s!? \[(.{1,40}):(\d+)\]");
pattern!(PREEMPTIBLE, r"preemptible \[([0-9a-fA-F]+)\] code: (.{1,40})/(\d+)");
pattern!(LEAKED, r"leaked [a-zA-Z, ]+: (.{1,40})/(0x[0-9a-fA-F]+)/(\d+)");
pattern!(ON_CPU, r"on CPU#(\d+), (.{1,40})/(\d+)\s*$");
pattern!(NEW_WARNED, r", CPU#(\d+): (.{1,40})/(\d+)\s*$");
pattern!(LOCKER, r"^\s*(\S.{0,40})/(\d+) (?:is trying to (?:acquire|release)|just changed the state|is freeing memory|\[HC\d)");
pattern!(BY_TASK, r" by task (.{1,40})/(\d+)\s*$");
pattern!(PROCESS, r"^\s*Process (\S.{0,40}?) \(pid: (\d+)");
pattern!(ALLOCATION, r"^\s*(\S.{0,40}?): page allocation failure");
pattern!(TASK_STATE, r"^\s*task:(\S.{0,40}?)\s+state:\S.*?\bpid:\s*(\d+)");
// What the crash utility puts above the stack of a task in a dump.
pattern!(DUMPED, r#"^\s*PID: (\d+)\s+TASK: [0-9a-f]+\s+CPU: \d+\s+COMMAND: "([^"]{1,40})""#);
pattern!(BARE_PID, r"^\s*[Pp]id: (\d+), comm: +(\S+)");
pattern!(BY_NAME, r"pid: (\d+), name: (.+)$");
// Lockdep's account of the context: in a hard interrupt, in a softirq.
pattern!(USAGE, r"\[HC(\d+)\[\d+\]:SC(\d+)\[\d+\]");

fn find<'t>(re: &LazyLock<Option<Regex>>, text: &'t str) -> Option<Captures<'t>> {
    re.as_ref()?.captures(text)
}

/// Reads one line into the report.
pub fn read(b: &mut Body, t: &str) {
    if t.contains("PID:")
        && let Some(c) = find(&CPU_LINE, t)
    {
        b.cpu = b.cpu.or(c[1].parse().ok());
        task(b, Some(&c[3]), c[2].parse().ok());
        version(b, &c[5], &c[4]);
    } else if b.task.is_none()
        && let Some(c) = find(&PID_LINE, t)
    {
        task(b, Some(&c[2]), c[1].parse().ok());
        version(b, &c[4], &c[3]);
    } else if let Some(c) = find(&VERSION_LINE, t) {
        version(b, &c[1], &c[2]);
    } else if t.contains("ainted")
        && let Some(c) = find(&TAINT_LINE, t)
    {
        version(b, &c[2], &c[1]);
    } else if b.hardware.is_none()
        && let Some(h) = t.strip_prefix("Hardware name:")
    {
        b.hardware = Some(h.trim().to_owned());
    } else if b.workqueue.is_none()
        && let Some(w) = t.strip_prefix("Workqueue:")
    {
        b.workqueue = Some(w.trim().to_owned());
    }
    if t.contains("TRAP: ")
        && let Some(c) = find(&TRAP, t)
    {
        version(b, &c[2], &c[1]);
    } else if t.starts_with("TASK = ")
        && let Some(c) = find(&POWERPC_TASK, t)
    {
        task(b, Some(&c[2]), c[1].parse().ok());
        b.cpu = b.cpu.or(c.get(3).and_then(|m| m.as_str().parse().ok()));
    }
    b.switched |= t.contains("Illegal context switch in RCU");
    named(b, t);
    counts(b, t);
    marks(b, t);
    if b.cpu.is_none() {
        let number = number_after(t, "CPU: ").and_then(|n| u32::try_from(n).ok());
        let stuck = || find(&STUCK_CPU, t).and_then(|c| c.iter().skip(1).flatten().next().and_then(|m| m.as_str().parse().ok()));
        b.cpu = number.or_else(stuck);
    }
    if b.seconds.is_none()
        && let Some(c) = find(&SECONDS, t)
    {
        b.seconds = c[1].parse().ok();
    }
}

fn task(b: &mut Body, comm: Option<&str>, pid: Option<u32>) {
    let comm = comm.map(|c| c.trim().to_owned());
    match &mut b.task {
        None => b.task = Some(Task { comm, pid }),
        // A warning's first line has only the number.
        Some(known) if known.comm.is_none() && (known.pid.is_none() || known.pid == pid) => *known = Task { comm, pid: known.pid.or(pid) },
        Some(known) if known.pid.is_none() && known.comm == comm => known.pid = pid,
        Some(_) => {}
    }
}

fn version(b: &mut Body, version: &str, tainted: &str) {
    if b.kernel.is_none() {
        b.kernel = Some(version.to_owned());
        b.taint = taint(tainted);
    }
}

/// Tasks that a line names.
fn named(b: &mut Body, t: &str) {
    let known = |b: &Body| b.task.as_ref().is_some_and(|task| task.comm.is_some() && task.pid.is_some());
    if known(b) {
        return;
    }
    if let Some(c) = find(&WARNED, t) {
        b.cpu = b.cpu.or(c[1].parse().ok());
        b.task = Some(Task { comm: None, pid: c[2].parse().ok() });
    }
    for re in [&BLOCKED, &SCHEDULING, &STUCK, &LOCKER, &BY_TASK, &PROCESS, &TASK_STATE] {
        if let Some(c) = find(re, t) {
            task(b, Some(&c[1]), c[2].parse().ok());
        }
    }
    if let Some(c) = find(&PREEMPTIBLE, t) {
        b.preempt_count = b.preempt_count.or(frame::hex(&c[1]));
        task(b, Some(&c[2]), c[3].parse().ok());
    }
    if let Some(c) = find(&LEAKED, t) {
        b.preempt_count = b.preempt_count.or(frame::hex(&c[2]));
        task(b, Some(&c[1]), c[3].parse().ok());
    }
    for re in [&ON_CPU, &NEW_WARNED] {
        if let Some(c) = find(re, t) {
            b.cpu = b.cpu.or(c[1].parse().ok());
            task(b, Some(&c[2]), c[3].parse().ok());
        }
    }
    if let Some(c) = find(&ALLOCATION, t) {
        task(b, Some(&c[1]), None);
    }
    for re in [&BARE_PID, &DUMPED] {
        if let Some(c) = find(re, t) {
            task(b, Some(&c[2]), c[1].parse().ok());
        }
    }
    if t.contains("in_atomic(): ")
        && let Some(c) = find(&BY_NAME, t)
    {
        task(b, Some(&c[2]), c[1].parse().ok());
    }
}

/// Numbers about the context.
fn counts(b: &mut Body, t: &str) {
    if let Some(v) = number_after(t, "in_atomic(): ") {
        b.in_atomic = b.in_atomic.or(Some(v != 0));
        if let Some(v) = number_after(t, "irqs_disabled(): ") {
            b.irqs_disabled = b.irqs_disabled.or(Some(v != 0));
        }
    }
    if b.preempt_count.is_none() {
        let digits = |rest: &str| -> String { rest.chars().take_while(char::is_ascii_hexdigit).collect() };
        let counted = t.split_once("preempt_count: ").and_then(|(_, rest)| frame::hex(&digits(rest)));
        b.preempt_count = counted.or_else(|| find(&SCHEDULING, t).and_then(|c| frame::hex(&c[3])));
    }
    if let Some(v) = number_after(t, "RCU nest depth: ") {
        b.rcu_depth = b.rcu_depth.or(u32::try_from(v).ok());
    }
    if b.context.is_none()
        && let Some(c) = find(&USAGE, t)
    {
        b.context = match (&c[1], &c[2]) {
            ("0", "0") => None,
            ("0", _) => Some(Context::Softirq),
            _ => Some(Context::Hardirq),
        };
    }
}

/// The marks around stacks; older kernels put them before the first frame.
pub fn marks(b: &mut Body, t: &str) {
    let mark = t.strip_prefix("Call Trace:").unwrap_or(t).trim_start();
    let Some(mark) = mark.strip_prefix('<').and_then(|rest| rest.split('>').next()) else { return };
    let context = match mark {
        // Machine checks, double faults and debug traps come in whatever was running, like NMIs.
        "NMI" | "#MC" | "#DF" | "#DB" | "#VC" | "#VC2" => Context::Nmi,
        "IRQ" => Context::Hardirq,
        "SOFTIRQ" => Context::Softirq,
        "TASK" => Context::Task,
        _ => return,
    };
    let begun = b.stacks.iter().any(|s| s.kind == StackKind::Main && !s.frames.is_empty());
    if b.context.is_none() && (context == Context::Task || !begun) {
        b.context = Some(context);
    }
}

/// What the counts and the stack say of the context, once all is read. The stack of interrupts serves softirqs too, so its mark alone does
/// not tell one from the other.
pub fn context(b: &Body) -> Option<Context> {
    // The bits of `preempt_count` (include/linux/preempt.h): NMIs, hard interrupts, a softirq being served.
    if let Some(count) = b.preempt_count {
        if count & 0x00f0_0000 != 0 {
            return Some(Context::Nmi);
        }
        if count & 0x000f_0000 != 0 {
            return Some(Context::Hardirq);
        }
        if count & 0x100 != 0 {
            return Some(Context::Softirq);
        }
    }
    if b.context == Some(Context::Nmi) {
        return b.context;
    }
    // The innermost entry counts: a softirq is served at the end of an interrupt, and an interrupt may come during a softirq.
    let entered = b.main().iter().filter(|f| !f.unreliable).find_map(|f| {
        let name = f.function.as_str();
        if in_group("softirq-entry", name) { Some(Context::Softirq) } else { in_group("hardirq-entry", name).then_some(Context::Hardirq) }
    });
    if entered.is_some() {
        return entered;
    }
    let plain = b.in_atomic.is_some() || !b.main().is_empty();
    b.context.or(plain.then_some(Context::Task))
}

fn taint(text: &str) -> Option<String> {
    let letters = text.strip_prefix("Tainted:")?;
    // Distributions fill the places of flags of their own with dashes.
    let words: Vec<&str> = letters.split(|c: char| c.is_ascii_whitespace() || c == '-').filter(|w| (1..=3).contains(&w.len())).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_task() {
        let cases = [
            ("BUG: scheduling while atomic: kworker/0:1/33/0x00000102", "kworker/0:1", 33, Some(0x102), None, None),
            ("INFO: task my:task:4579 blocked for more than 120 seconds.", "my:task", 4579, None, None, Some(120)),
            ("watchdog: BUG: soft lockup - CPU#2 stuck for 22s! [kworker/2:1:77]", "kworker/2:1", 77, None, Some(2), Some(22)),
            ("BUG: using smp_processor_id() in preemptible [00000001] code: spin/9", "spin", 9, Some(1), None, None),
            ("BUG: spinlock bad magic on CPU#3, spin/9", "spin", 9, None, Some(3), None),
            ("spin/9 is trying to acquire lock:", "spin", 9, None, None, None),
            ("Process spin (pid: 9, stack limit = 0xc0000000)", "spin", 9, None, None, None),
            ("CPU: 1 UID: 0 PID: 9 Comm: spin Not tainted 6.1.0 #1", "spin", 9, None, Some(1), None),
            ("CPU: 1 PID: 9 Comm: spin Kdump: loaded Tainted: G        W  6.1.0 #1", "spin", 9, None, Some(1), None),
        ];
        for (text, comm, pid, count, cpu, seconds) in cases {
            let mut body = Body::default();
            read(&mut body, text);
            assert_eq!(body.task, Some(Task { comm: Some(comm.into()), pid: Some(pid) }), "{text}");
            assert_eq!((body.preempt_count, body.cpu, body.seconds), (count, cpu, seconds), "{text}");
        }
    }

    #[test]
    fn patterns_compile() {
        let all = [
            &*CPU_LINE,
            &*PID_LINE,
            &*VERSION_LINE,
            &*TAINT_LINE,
            &*WARNED,
            &*TRAP,
            &*POWERPC_TASK,
            &*STUCK_CPU,
            &*SECONDS,
            &*BLOCKED,
            &*SCHEDULING,
            &*STUCK,
            &*PREEMPTIBLE,
            &*LEAKED,
            &*ON_CPU,
            &*NEW_WARNED,
            &*LOCKER,
            &*BY_TASK,
            &*PROCESS,
            &*ALLOCATION,
            &*TASK_STATE,
            &*DUMPED,
            &*BY_NAME,
            &*BARE_PID,
            &*USAGE,
        ];
        for (i, pattern) in all.iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
