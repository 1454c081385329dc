//! Context and locks in words.

use cuthere_base::Symbol;
use cuthere_flow::domain::State;
use cuthere_flow::program::EntryPoint;
use cuthere_kernel::{Level, LockKind};

/// The kind of a lock in the kernel's words.
pub fn lock_kind(kind: LockKind) -> &'static str {
    match kind {
        LockKind::Spin => "spinlock",
        LockKind::RawSpin => "raw spinlock",
        LockKind::RwSpin => "rwlock",
        LockKind::Mutex => "mutex",
        LockKind::RwSem => "rwsem",
        LockKind::Semaphore => "semaphore",
        LockKind::RtMutex => "rt_mutex",
        LockKind::WwMutex => "ww_mutex",
        LockKind::Percpurwsem => "percpu rwsem",
        LockKind::Seqlock => "seqlock",
        LockKind::Local => "local_lock",
        LockKind::Bit => "bit spinlock",
        LockKind::Sock => "socket lock",
        LockKind::Srcu => "SRCU read side",
        LockKind::SleepingOther => "sleeping lock",
    }
}

/// A lock as findings list it.
pub fn lock(class: Symbol, kind: LockKind) -> String {
    format!("{class} ({})", lock_kind(kind))
}

/// All locks held, outermost first.
pub fn locks(state: &State) -> Vec<String> {
    state.locks.held.iter().map(|l| lock(l.class, l.kind)).collect()
}

/// The context state: what forbids sleeping.
pub fn context(state: &State) -> String {
    let mut parts: Vec<String> = Vec::new();
    for l in state.locks.held.iter().filter(|l| l.kind.spins()) {
        parts.push(format!("{} {} held", lock_kind(l.kind), l.class));
    }
    if state.ctx.preempt > 0 {
        parts.push("preemption disabled".to_owned());
    }
    if state.ctx.bh > 0 {
        parts.push("bh disabled".to_owned());
    }
    if state.ctx.irq > 0 {
        parts.push("irqs disabled".to_owned());
    }
    if state.ctx.rcu > 0 {
        parts.push("RCU read-side section".to_owned());
    }
    if parts.is_empty() { "preemptible".to_owned() } else { parts.join(", ") }
}

/// How a function is entered, in words.
pub fn entry_point(entry_point: &EntryPoint) -> String {
    let c = &entry_point.context;
    let mut parts: Vec<String> = Vec::new();
    match c.level {
        Level::Softirq => parts.push("softirq".to_owned()),
        Level::Hardirq => parts.push("hardirq".to_owned()),
        Level::Nmi => parts.push("NMI".to_owned()),
        Level::Task | Level::Inherit => {}
    }
    if c.preempt_off {
        parts.push("preemption disabled".to_owned());
    }
    if c.bh_off {
        parts.push("bh disabled".to_owned());
    }
    if c.irq_off {
        parts.push("irqs disabled".to_owned());
    }
    if c.rcu {
        parts.push("RCU read-side section".to_owned());
    }
    for (class, kind) in &c.locks {
        parts.push(format!("{} {class} held", lock_kind(*kind)));
    }
    format!("entered as {}: {}", entry_point.how, parts.join(", "))
}

/// Whether a file is a test, or a program that runs in user space: what is found there does not bring a machine down.
pub fn is_test_code(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/')
        .any(|part| matches!(part, "tests" | "test" | "selftests" | "kunit" | "lkdtm" | "tools" | "scripts" | "samples" | "Documentation"))
        || name.contains("kunit")
        || name.contains("selftest")
        || name.contains("unittest")
        || name.starts_with("test_")
        || name.ends_with("_test.c")
        || name.ends_with("-test.c")
        || name == "test.c"
}
