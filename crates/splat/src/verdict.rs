//! What a family of reports says about one of them: its title's form, its function, what was accessed. And the choice of family.

use crate::body::Body;
use crate::segment::Segment;
use crate::types::{Access, Kind};
use crate::{atomic, fault, lockdep, memory, stall, warning};

/// A family's reading of a report.
pub struct Verdict {
    /// The kind, refined.
    pub kind: Kind,
    /// The title, with `%` where the function goes.
    pub form: String,
    /// The function, when the report reaches one.
    pub function: Option<String>,
    /// The wrong access.
    pub access: Option<Access>,
    /// Whether a report of this kind always has a stack.
    pub wants_stack: bool,
}

impl Verdict {
    /// A verdict with nothing but kind, form and function.
    pub fn new(kind: Kind, form: impl Into<String>, function: Option<String>) -> Verdict {
        Verdict { kind, form: form.into(), function, access: None, wants_stack: true }
    }

    /// A verdict on a report that prints no stack.
    pub fn bare(kind: Kind, form: impl Into<String>, function: Option<String>) -> Verdict {
        Verdict { wants_stack: false, ..Verdict::new(kind, form, function) }
    }

    /// The title of a report whose stack does not say which function it is about.
    pub fn nameless(&self) -> String {
        self.form.replacen('%', "corrupted", 1)
    }

    /// The finished title.
    pub fn title(&self) -> String {
        self.form.replacen('%', self.function.as_deref().unwrap_or("corrupted"), 1)
    }
}

/// Reads a report with its family's reader.
pub fn judge(segment: &Segment<'_>, body: &Body) -> Verdict {
    use Kind::*;
    match segment.kind {
        Kasan => memory::kasan(segment, body),
        Kfence => memory::kfence(segment, body),
        Kmsan => memory::kmsan(segment, body),
        Kcsan => memory::kcsan(segment),
        MemoryLeak => memory::leak(body),
        SlabCorruption => memory::slab(segment, body),
        BadPage => memory::page(segment, body),
        LockdepDeadlock
        | LockdepRecursive
        | LockdepIrqInversion
        | LockdepIrqOrder
        | LockdepInconsistentState
        | LockdepUnlockImbalance
        | LockdepHeldFreed
        | LockdepHeldAtExit
        | LockdepUnregisteredKey
        | LockdepWaitContext
        | LockdepOther
        | SuspiciousRcu => lockdep::read(segment, body),
        SleepingFunction | SchedulingWhileAtomic | PreemptiblePercpu | SpinlockBug | WorkqueueLeak => atomic::read(segment, body),
        SoftLockup | HardLockup | RcuStall | HungTask | WorkqueueLockup => stall::read(segment, body),
        Warning | Refcount | DebugObjects | Other | Ubsan | Panic | RustPanic => warning::read(segment, body),
        ListCorruption | Usercopy if segment.opening().contains("WARNING:") => warning::read(segment, body),
        _ => fault::read(segment, body),
    }
}
