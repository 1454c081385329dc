//! Recognises the lines with which the kernel opens a report, and the few that look like one and are none. It looks at one line
//! without prefixes; whether the line opens a report or continues one is decided in [`crate::segment`].

use crate::types::Kind;
use regex::Regex;
use std::sync::LazyLock;

/// One way in which a report opens.
struct Opening {
    /// A literal that the line must hold.
    literal: &'static str,
    /// A further literal that it must hold, or empty.
    also: &'static str,
    /// What it opens.
    kind: Kind,
}

const fn opening(literal: &'static str, also: &'static str, kind: Kind) -> Opening {
    Opening { literal, also, kind }
}

/// The first that fits wins, so the special stand before the general.
const OPENINGS: &[Opening] = &[
    opening("BUG: KASAN:", "", Kind::Kasan),
    opening("BUG: KASan:", "", Kind::Kasan),
    opening("BUG: KFENCE:", "", Kind::Kfence),
    opening("BUG: KMSAN:", "", Kind::Kmsan),
    opening("BUG: KCSAN:", "", Kind::Kcsan),
    opening("BUG: ", "stack guard page was hit", Kind::StackOverflow),
    opening("BUG: ", "nable to handle kernel paging request", Kind::OopsPaging),
    opening("BUG: ", "nable to handle page fault for address", Kind::OopsPaging),
    opening("BUG: ", "nable to handle kernel data access", Kind::OopsPaging),
    opening("BUG: ", "nable to handle kernel instruction fetch", Kind::OopsPaging),
    opening("BUG: ", "ernel NULL pointer dereference", Kind::OopsNull),
    opening("BUG: ", "nable to handle kernel", Kind::OopsPaging),
    opening("BUG: soft lockup", "", Kind::SoftLockup),
    opening("BUG: spinlock ", "", Kind::SpinlockBug),
    opening("BUG: rwlock ", "", Kind::SpinlockBug),
    opening("BUG: rwlock-", "", Kind::SpinlockBug),
    opening("BUG: sleeping function called from invalid context", "", Kind::SleepingFunction),
    opening("BUG: scheduling while atomic", "", Kind::SchedulingWhileAtomic),
    opening("BUG: workqueue lockup", "", Kind::WorkqueueLockup),
    opening("BUG: workqueue leaked", "", Kind::WorkqueueLeak),
    opening("BUG: using ", "in preemptible", Kind::PreemptiblePercpu),
    opening("BUG: ", "still has locks held", Kind::LockdepHeldAtExit),
    opening("BUG: lock held when returning to user space", "", Kind::LockdepHeldAtExit),
    opening("BUG: held lock freed", "", Kind::LockdepHeldFreed),
    opening("BUG: bad unlock balance detected", "", Kind::LockdepUnlockImbalance),
    opening("BUG: Invalid wait context", "", Kind::LockdepWaitContext),
    opening("BUG: key ", "not in .data", Kind::LockdepUnregisteredKey),
    opening("BUG: key ", "has not been registered", Kind::LockdepUnregisteredKey),
    opening("BUG: MAX_", "too low", Kind::LockdepOther),
    opening("BUG: memory leak", "", Kind::MemoryLeak),
    opening("BUG: Bad page ", "", Kind::BadPage),
    opening("BUG: non-zero ", "on freeing mm", Kind::BadPage),
    opening("BUG: Bad rss-counter", "", Kind::BadPage),
    opening("WARNING: ", "lib/debugobjects.c", Kind::DebugObjects),
    opening("WARNING: ", "lib/refcount.c", Kind::Refcount),
    opening("WARNING: ", "lib/list_debug.c", Kind::ListCorruption),
    opening("WARNING: ", "mm/usercopy.c", Kind::Usercopy),
    opening("WARNING: possible circular locking", "", Kind::LockdepDeadlock),
    opening("WARNING: possible recursive locking", "", Kind::LockdepRecursive),
    opening("WARNING: possible irq lock inversion", "", Kind::LockdepIrqInversion),
    opening("WARNING: ", "unsafe lock order detected", Kind::LockdepIrqOrder),
    opening("WARNING: inconsistent lock state", "", Kind::LockdepInconsistentState),
    opening("WARNING: suspicious RCU usage", "", Kind::SuspiciousRcu),
    opening("WARNING: bad unlock balance", "", Kind::LockdepUnlockImbalance),
    opening("WARNING: held lock freed", "", Kind::LockdepHeldFreed),
    opening("WARNING: ", "still has locks held", Kind::LockdepHeldAtExit),
    opening("WARNING: lock held when returning", "", Kind::LockdepHeldAtExit),
    opening("WARNING: Nested lock was not taken", "", Kind::LockdepOther),
    opening("WARNING: ", "kernel/locking/lockdep.c", Kind::LockdepOther),
    opening("possible circular locking dependency detected", "[", Kind::LockdepDeadlock),
    opening("possible recursive locking detected", "[", Kind::LockdepRecursive),
    opening("possible irq lock inversion dependency detected", "[", Kind::LockdepIrqInversion),
    opening("unsafe lock order detected", "[", Kind::LockdepIrqOrder),
    opening("INFO: inconsistent lock state", "", Kind::LockdepInconsistentState),
    opening("[ inconsistent lock state ]", "", Kind::LockdepInconsistentState),
    opening("INFO: suspicious RCU usage", "", Kind::SuspiciousRcu),
    opening("INFO: suspicious rcu_dereference_check() usage", "", Kind::SuspiciousRcu),
    opening("INFO: trying to register non-static key", "", Kind::LockdepUnregisteredKey),
    opening("INFO: rcu", " stall", Kind::RcuStall),
    opening("INFO: task ", " blocked ", Kind::HungTask),
    opening(" blocked for more than ", " seconds.", Kind::HungTask),
    opening("INFO: task ", "can't die for more than", Kind::HungTask),
    opening("INFO: Allocated in ", "", Kind::SlabCorruption),
    opening("INFO: Freed in ", "", Kind::SlabCorruption),
    opening("Watchdog detected hard LOCKUP", "", Kind::HardLockup),
    opening("NMI watchdog: ", "LOCKUP", Kind::HardLockup),
    opening("Unable to handle kernel paging request", "", Kind::OopsPaging),
    opening("Unable to handle kernel NULL pointer dereference", "", Kind::OopsNull),
    opening("Unable to handle kernel access to user memory", "", Kind::OopsUserAccess),
    opening("Unable to handle kernel pointer dereference", "", Kind::OopsPaging),
    opening("Unable to handle kernel access at virtual address", "", Kind::OopsPaging),
    // parisc: what the code says is no page for the rest of them.
    opening("Kernel Fault: Code=", "TLB miss fault", Kind::OopsPaging),
    opening("Kernel Fault: Code=", "access rights", Kind::OopsPaging),
    opening("Kernel Fault: Code=", "", Kind::UnhandledFault),
    opening("CPU ", "Unable to handle kernel paging request", Kind::OopsPaging),
    opening("general protection fault", "", Kind::GeneralProtectionFault),
    opening("stack segment: ", "", Kind::StackSegmentFault),
    opening("PANIC: double fault", "", Kind::DoubleFault),
    opening("divide error: ", "", Kind::DivideError),
    opening("divide_error: ", "", Kind::DivideError),
    opening("kernel BUG at mm/usercopy.c", "", Kind::Usercopy),
    opening("kernel BUG at lib/list_debug.c", "", Kind::ListCorruption),
    opening("kernel BUG at ", "", Kind::KernelBug),
    opening("Kernel BUG ", "", Kind::KernelBug),
    opening("invalid opcode: ", "", Kind::InvalidOpcode),
    opening("int3: ", "", Kind::Int3),
    opening("UBSAN:", "", Kind::Ubsan),
    opening("rust_kernel: panicked", "", Kind::RustPanic),
    opening("Internal error: ", "", Kind::InternalError),
    opening("Unhandled fault: ", "", Kind::UnhandledFault),
    opening("Unhandled fault at 0x", "", Kind::UnhandledFault),
    opening("Unhandled kernel unaligned access", "[#", Kind::AlignmentTrap),
    opening("Alignment trap: ", "", Kind::AlignmentTrap),
    opening("Oops: ", "[#", Kind::InternalError),
    opening("Kernel panic - not syncing: corrupted stack end", "", Kind::StackOverflow),
    opening("Kernel panic - not syncing: kernel stack overflow", "", Kind::StackOverflow),
    opening("Kernel panic - not syncing", "", Kind::Panic),
    opening("VFS: Busy inodes after unmount", "", Kind::Other),
    opening("VFS: Close: file count is 0", "", Kind::Other),
    opening("unregister_netdevice: waiting for", "to become free", Kind::Other),
    opening("PID: ", "COMMAND: \"", Kind::Other),
    opening("trusty: panic", "", Kind::Panic),
    opening("BUG ", "): ", Kind::SlabCorruption),
];

static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"BUG|WARNING:|INFO:| blocked for more than |Kernel panic|possible (?:circular|recursive|irq)|unsafe lock order|inconsistent lock|[Uu]nable to handle|general protection|LOCKUP|stack segment: |PANIC: |divide.error: |invalid opcode: |int3: |UBSAN:|rust_kernel: |Internal error: |Unhandled fault|Unhandled kernel unaligned|Kernel Fault: Code=|Alignment trap: |Oops: |VFS: |unregister_netdevice: |trusty: panic|COMMAND: \x22",
    )
    .ok()
});

/// Lines that hold an opening's words and open nothing.
static NEVER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        [A-Za-z_]BUG: | [A-Za-z_]INFO: | \bDEBUG: | xlog_status:
        | INFO:\ (?:lockdep\ is\ turned\ off|Stall\ ended|NMI\ handler|recovery\ required|Slab\ 0x|Object\ 0x|sys_|no\ syscalls|Slab\ |Object\ )
        | took\ too\ long | BUG:\ no\ syscalls
        | WARNING:\ (?:/|workqueue\ cpumask|[Tt]he\ mand\ mount|Unsupported\ flag|Unprivileged\ eBPF|fbcon:|See\ http|kernel\ not\ compiled|cannot|can't|could\ not|multiple\ messages)
        | (?i:warning):\ .*(?:deprecated|wireless\ extensions) | XFS\ \(.*\):\ WARNING | EXT4-[Ff][Ss](?:\ \(.*\))?:
        | general\ protection\ fault\ .*error:\d+\ in\ 
        | traps:\ .*general\ protection
        ",
    )
    .ok()
});

/// What report a line opens, if any, and whether that is beyond doubt. It is in doubt when the words stand inside the line, since mails
/// speak of crashes in their subjects and sentences; the caller may know better from a time stamp or from what follows. Constant work
/// per byte.
pub fn classify(text: &str) -> Option<(Kind, bool)> {
    if text.len() > 4096 || !ANY.as_ref()?.is_match(text) || NEVER.as_ref()?.is_match(text) {
        return None;
    }
    for o in OPENINGS {
        if let Some(at) = text.find(o.literal)
            && (o.also.is_empty() || text.contains(o.also))
        {
            return accept(o.kind, text).then(|| (o.kind, at_start(text, at)));
        }
    }
    // Whatever else the kernel calls a bug or warns of, at the start of its line.
    let head = text.trim_start_matches(['[', ' ', '=', '-', '*']);
    let head = head.strip_prefix("watchdog: ").unwrap_or(head);
    if head.starts_with("WARNING:") && (text.contains(" at ") || text.contains("kernel stack")) && !sentence(head) {
        return Some((Kind::Warning, true));
    }
    if head.starts_with("WARNING:") && head.trim_end().len() == "WARNING:".len() {
        return Some((Kind::Warning, true));
    }
    (head.starts_with("BUG:") && !sentence(head)).then_some((Kind::Other, true))
}

/// Whether only what a kernel or console would print stands before the opening's words.
fn at_start(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or("").trim_matches(['[', ' ', '=', '-', '*', '<', '\t']);
    const MAIL: &[&str] = &["Subject", "Re:", "RE:", "Fwd", "FW:", "Closes", "Fixes", "Reported", "Title", "Link", "X-"];
    before.is_empty()
        || before.len() <= 40 && before.ends_with([':', ']', '>', '.']) && !MAIL.iter().any(|m| before.starts_with(m))
        || before.contains("asan: GPF")
}

/// Further conditions on kinds whose words occur in prose.
fn accept(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::GeneralProtectionFault => {
            let at = text.find("general protection fault").unwrap_or(0);
            // The kernel's own line has a colon and stands at the start; prose has neither.
            (at <= 24 || text.contains("asan: GPF could"))
                && text.get(at..).is_some_and(|t| t.contains(": ") || t.contains(':'))
                && !text.contains(" ip:")
        }
        Kind::SlabCorruption => text.starts_with("BUG ") && !text.contains("kasan: bad access detected") || text.contains("INFO: "),
        Kind::KernelBug if text.contains("Kernel BUG ") => text.contains(" at ") || text.contains("[verbose"),
        // The crash utility's line above a task's stack.
        Kind::Other if text.contains("COMMAND: ") => text.contains(" TASK: ") && text.contains(" CPU: "),
        Kind::Panic => text.contains("trusty: panic") || text.contains("Kernel panic - not syncing"),
        _ => true,
    }
}

/// Whether the text after `BUG:` or `WARNING:` reads like someone's prose in a mail rather than the kernel's line.
fn sentence(text: &str) -> bool {
    text.len() > 300 || text.trim_end().ends_with('?')
}

/// Whether another CPU says that it stops because of the report before.
pub fn is_stopping(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix("CPU").map(|r| r.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()));
    rest.is_some_and(|r| r.trim_end() == ": stopping")
}

/// Whether the line starts a report for certain: the marker before `BUG()` and `WARN()`.
pub fn is_cut_here(text: &str) -> bool {
    text.contains("[ cut here ]---")
}

/// Whether the line is a row of `=` or `-`, as around lockdep and KASAN reports.
pub fn is_rule(text: &str) -> bool {
    let t = text.trim();
    t.len() >= 10 && (t.bytes().all(|b| b == b'=') || t.bytes().all(|b| b == b'-') || t.bytes().all(|b| b == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [&*ANY, &*NEVER].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
