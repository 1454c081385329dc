//! Context and locks in words.

use cuthere_base::Symbol;
use cuthere_flow::body::{Body, OpId, OpKind, Target};
use cuthere_flow::domain::{Ground, Preemption, State, Wait};
use cuthere_flow::engine::Path;
use cuthere_flow::program::{EntryPoint, World};
use cuthere_flow::summary::FuncId;
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
    match grounds(Preemption::default().grounds(state, Wait::Sleep)) {
        nothing if nothing.is_empty() => "preemptible".to_owned(),
        all => all,
    }
}

/// What forbids sleeping, in words.
pub fn grounds(all: impl Iterator<Item = Ground>) -> String {
    let mut all: Vec<(u8, String)> = all
        .map(|ground| match ground {
            Ground::Lock(l) => (0, format!("{} {} held", lock_kind(l.kind), l.class)),
            Ground::Preempt(_) => (1, "preemption disabled".to_owned()),
            Ground::Bh(_) => (2, "bh disabled".to_owned()),
            Ground::Irqs(_) => (3, "irqs disabled".to_owned()),
            Ground::Rcu(_) => (4, "RCU read-side section".to_owned()),
            Ground::Contract => (5, "an operation that must not sleep".to_owned()),
        })
        .collect();
    all.sort_by_key(|(rank, _)| *rank);
    let all: Vec<String> = all.into_iter().map(|(_, text)| text).collect();
    all.join(", ")
}

/// What this function did that forbids sleeping.
pub fn began(ground: &Ground) -> String {
    match ground {
        Ground::Lock(l) => format!("takes {}", lock(l.class, l.kind)),
        Ground::Irqs(_) => "disables interrupts".to_owned(),
        Ground::Bh(_) => "disables bh".to_owned(),
        Ground::Preempt(_) => "disables preemption".to_owned(),
        Ground::Rcu(_) => "enters an RCU read-side section".to_owned(),
        Ground::Contract => "implements an operation that must not sleep".to_owned(),
    }
}

/// What an operation accesses, as written, and the access in words; `argument`: it is a call that gets the pointer there.
pub fn accessed(body: &Body, op: OpId, argument: Option<u8>) -> Option<(String, String)> {
    match (body.op(op)?.kind, argument) {
        (OpKind::Access { ptr, member }, None) => {
            let text = body.text(ptr);
            let step = if member.is_empty() { format!("dereferences `{text}`") } else { format!("loads or stores `{text}->{member}`") };
            Some((text, step))
        }
        (OpKind::Call { target: Target::Name(callee), args, .. }, Some(i)) => {
            let text = body.text(*body.call_args(args).get(i as usize)?);
            let step = format!("passes `{text}` to {callee}(), which dereferences it");
            Some((text, step))
        }
        _ => None,
    }
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
    if entry_point.contract && parts.is_empty() {
        parts.push("must not sleep".to_owned());
    } else if parts.is_empty() {
        parts.push("task".to_owned());
    }
    format!("entered as {}: {}", entry_point.how, parts.join(", "))
}

/// Whether a function runs while the kernel or a module starts, and never again.
pub fn is_boot_code(body: &Body) -> bool {
    body.annotations.iter().any(|a| a.as_str().starts_with("__init"))
}

/// What is said of tests.
pub(crate) const TEST: &str = "this is a test, or runs in user space";

/// Why a place counts for less than others: what is found there does not bring a running machine down.
pub fn weak_place(world: &World<'_>, func: FuncId) -> Option<&'static str> {
    if is_test_code(world.path(func)) {
        return Some(TEST);
    }
    is_boot_code(world.func(func)).then_some("this runs once, at boot or when a module is loaded")
}

/// Whether a member of a driver is what takes it off its device.
pub fn takes_off(member: Symbol) -> bool {
    matches!(member.as_str(), "remove" | "remove_new" | "disconnect")
}

/// Whether a function's file can be the main file of a module: one that states no licence cannot be loaded, so its code is a part of the kernel and never goes away.
pub fn may_be_module(world: &World<'_>, func: FuncId) -> bool {
    file_says(world, func, "MODULE_LICENSE")
}

/// Whether the text of a function's file holds these words anywhere.
pub fn file_says(world: &World<'_>, func: FuncId, text: &str) -> bool {
    world.program.text(world.func(func).file).is_ok_and(|file| file.bytes.windows(text.len()).any(|w| w == text.as_bytes()))
}

/// Whether a function belongs to one kind of machine, where what its firmware says is known.
pub fn of_one_machine(path: &Path<'_, '_>) -> bool {
    path.world.path(path.func).starts_with("arch/")
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
        || name.starts_with("test-")
        || name.ends_with("_test.c")
        || name.ends_with("_test_c.c")
        || name.ends_with("-test.c")
        || name == "test.c"
}
