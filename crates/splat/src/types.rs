//! The vocabulary of a crash report: what [`crate::read`] returns. Every type serialises; the field names are the JSON names and
//! are stable. It decides nothing: it only holds what the families of readers found.

use serde::Serialize;

/// What sort of defect the kernel reported. The JSON form is the kebab-case name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A KASAN report (software or hardware tags too).
    Kasan,
    /// A KFENCE report.
    Kfence,
    /// A KMSAN report: a value used before it was set, or leaked.
    Kmsan,
    /// A KCSAN report: two unordered accesses.
    Kcsan,
    /// A UBSAN report.
    Ubsan,
    /// A kmemleak report.
    MemoryLeak,
    /// An access through a NULL pointer that the kernel itself named so.
    OopsNull,
    /// An access to an address with no mapping.
    OopsPaging,
    /// A kernel access to user memory without leave.
    OopsUserAccess,
    /// An x86 general protection fault.
    GeneralProtectionFault,
    /// An x86 stack segment fault.
    StackSegmentFault,
    /// A double fault.
    DoubleFault,
    /// A division by zero or overflow.
    DivideError,
    /// An invalid opcode that is no `BUG()`.
    InvalidOpcode,
    /// A stray breakpoint instruction.
    Int3,
    /// An arm or arm64 `Internal error` with no more exact header.
    InternalError,
    /// An arm `Unhandled fault`.
    UnhandledFault,
    /// An arm alignment trap.
    AlignmentTrap,
    /// The kernel ran off the end of its stack.
    StackOverflow,
    /// A `BUG()` or `BUG_ON()`.
    KernelBug,
    /// List corruption found by the list debugging code.
    ListCorruption,
    /// Hardened usercopy refused a copy.
    Usercopy,
    /// A `WARN()` or `WARN_ON()` that no more exact kind fits.
    Warning,
    /// A `refcount_t` that saturated, underflowed or was used after it fell to zero.
    Refcount,
    /// An object life-time violation found by debugobjects.
    DebugObjects,
    /// Lockdep: a circular dependency.
    LockdepDeadlock,
    /// Lockdep: a lock taken again by its holder.
    LockdepRecursive,
    /// Lockdep: an interrupt inverts the order of two locks.
    LockdepIrqInversion,
    /// Lockdep: an interrupt-safe lock held while an interrupt-unsafe one is taken.
    LockdepIrqOrder,
    /// Lockdep: a lock used in an interrupt and elsewhere with that interrupt enabled.
    LockdepInconsistentState,
    /// Lockdep: an unlock without its lock.
    LockdepUnlockImbalance,
    /// Lockdep: memory freed with a held lock in it.
    LockdepHeldFreed,
    /// Lockdep: locks held on return to user space or at exit.
    LockdepHeldAtExit,
    /// Lockdep: a lock that was never initialised.
    LockdepUnregisteredKey,
    /// Lockdep: a sleeping lock in a context that must not sleep.
    LockdepWaitContext,
    /// Lockdep: any other complaint.
    LockdepOther,
    /// RCU used outside what its read-side section allows.
    SuspiciousRcu,
    /// `might_sleep()` in a context that must not sleep.
    SleepingFunction,
    /// `schedule()` with preemption disabled.
    SchedulingWhileAtomic,
    /// Per-CPU data used with preemption enabled.
    PreemptiblePercpu,
    /// A spinlock or rwlock debugging complaint.
    SpinlockBug,
    /// A CPU that did not schedule.
    SoftLockup,
    /// A CPU that took no interrupts.
    HardLockup,
    /// A grace period that did not end.
    RcuStall,
    /// A task that stayed blocked.
    HungTask,
    /// A workqueue that made no progress.
    WorkqueueLockup,
    /// A work item that returned with a lock held or in atomic context.
    WorkqueueLeak,
    /// A page in a state it must not be in.
    BadPage,
    /// The slab debugging code found a damaged object.
    SlabCorruption,
    /// A `panic()` with no report before it.
    Panic,
    /// A panic in Rust code.
    RustPanic,
    /// Any other complaint of the kernel.
    Other,
}

impl Kind {
    /// The kebab-case name, as in JSON.
    pub fn as_str(self) -> String {
        let mut out = String::new();
        for (i, c) in format!("{self:?}").chars().enumerate() {
            if c.is_ascii_uppercase() && i > 0 {
                out.push('-');
            }
            out.push(c.to_ascii_lowercase());
        }
        out
    }
}

/// Which stack of the report a frame belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StackKind {
    /// Where the kernel noticed.
    Main,
    /// Where the object was allocated.
    Alloc,
    /// Where the object was freed.
    Free,
    /// Where work on the object was last queued (KASAN's auxiliary stacks).
    Queued,
    /// KMSAN: where the value was stored or came to be.
    Origin,
    /// KCSAN: the other access.
    OtherAccess,
    /// Lockdep: where an earlier link of the chain was taken, or the state was set.
    Dependency,
    /// Another CPU or task, shown for context.
    OtherCpu,
    /// Where preemption was last disabled: one address.
    PreemptDisabled,
    /// s390: the last branch that was taken: one address.
    BreakingEvent,
}

/// The context the report says the code ran in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// A task (process context).
    Task,
    /// A softirq.
    Softirq,
    /// A hard interrupt.
    Hardirq,
    /// A non-maskable interrupt.
    Nmi,
}

/// A place in a source file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// The file as printed.
    pub file: String,
    /// From 1; `None` where the debug data had none.
    pub line: Option<u32>,
}

/// One line of a stack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Frame {
    /// The symbol as printed, compiler suffixes (`.isra.0`, `.cold`) and all; Rust symbols are demangled.
    pub function: String,
    /// Bytes into the function; `None` in inlined frames and in symbolised ones without it.
    pub offset: Option<u64>,
    /// Size of the function in bytes.
    pub size: Option<u64>,
    /// The module, for code that is not built in.
    pub module: Option<String>,
    /// Source file, when the report was symbolised.
    pub file: Option<String>,
    /// Source line, from 1.
    pub line: Option<u32>,
    /// Where inside functions that the compiler put into this one the address is, innermost first; their names were not printed.
    pub inlined_at: Vec<Place>,
    /// True for a function that the compiler inlined into the next frame.
    pub inlined: bool,
    /// True when the unwinder marked the address with `?`: left over on the stack, perhaps not a caller.
    pub unreliable: bool,
    /// Which stack it is in.
    pub stack: StackKind,
}

/// One further stack of the report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stack {
    /// What the stack shows.
    pub kind: StackKind,
    /// The line that introduces it, such as `Allocated by task 12:`.
    pub title: String,
    /// Innermost frame first.
    pub frames: Vec<Frame>,
}

/// A lock that the task (or another task, in `other_locks`) held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeldLock {
    /// The number before the colon in `#0:`.
    pub index: u32,
    /// The lock's address, when it is printed.
    pub address: Option<String>,
    /// The lock class, such as `&idev->mc_lock`.
    pub class: String,
    /// Lockdep's usage and wait-type marks, such as `{+.+.}-{4:4}`.
    pub mode: Option<String>,
    /// The function that took it.
    pub acquired_at: Option<String>,
    /// Bytes into that function.
    pub offset: Option<u64>,
    /// The inner function and place when the site was symbolised: `file:line`.
    pub site: Option<String>,
    /// The task named by the heading above, as `comm/pid`.
    pub holder: Option<String>,
}

/// The memory access that was wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Access {
    /// True for a write, false for a read, `None` when the report does not say.
    pub write: Option<bool>,
    /// Bytes.
    pub size: Option<u64>,
    /// The address as printed.
    pub address: Option<String>,
    /// Bytes beyond NULL, where the address is so low that it can only be a NULL pointer plus an offset.
    pub null_offset: Option<u64>,
    /// What the address shows to have been read, where it is made of the pattern that the kernel leaves there.
    pub poison: Option<String>,
}

/// The task that ran.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// Its name.
    pub comm: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
}

/// The first and last line of the report in the text that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lines {
    /// First line, from 1.
    pub start: usize,
    /// Last line, inclusive.
    pub end: usize,
}

/// A line that could not be read, or not whole: one that looks like a frame, or a mark of a report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unread {
    /// Where in the input it stands, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// One crash report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Splat {
    /// What sort of defect.
    pub kind: Kind,
    /// One line in the form in which such reports are customarily titled: `KASAN: slab-use-after-free Read in foo`.
    pub title: String,
    /// The function that the report is about: the innermost frame that is no generic helper. `None` when the report does not reach one.
    pub function: Option<String>,
    /// The line with which the kernel opened the report, without its prefixes.
    pub header: String,
    /// Where the instruction pointer was, if in a function of the kernel.
    pub pc: Option<Frame>,
    /// The main stack, innermost first; the function of the instruction pointer leads where one is printed.
    pub frames: Vec<Frame>,
    /// The context, where the report shows it.
    pub context: Option<Context>,
    /// `in_atomic()` as printed.
    pub in_atomic: Option<bool>,
    /// `irqs_disabled()` as printed.
    pub irqs_disabled: Option<bool>,
    /// `preempt_count` as printed (hexadecimal there).
    pub preempt_count: Option<u64>,
    /// For how many seconds something lasted, as printed by lockups and hung tasks.
    pub seconds: Option<u64>,
    /// RCU nesting depth as printed.
    pub rcu_depth: Option<u32>,
    /// The running task.
    pub task: Option<Task>,
    /// The work function, where a workqueue ran it.
    pub workqueue: Option<String>,
    /// The CPU.
    pub cpu: Option<u32>,
    /// The kernel's version string.
    pub kernel: Option<String>,
    /// Taint letters as printed (`G W O`); `None` when untainted or not said.
    pub taint: Option<String>,
    /// The hardware's name.
    pub hardware: Option<String>,
    /// Locks held by the running task.
    pub held_locks: Vec<HeldLock>,
    /// Locks named otherwise: the one being acquired, or held by other tasks.
    pub other_locks: Vec<HeldLock>,
    /// The wrong access, for memory errors.
    pub access: Option<Access>,
    /// Where the object was allocated.
    pub alloc_stack: Vec<Frame>,
    /// Where the object was freed.
    pub free_stack: Vec<Frame>,
    /// All further stacks, in the order of the report.
    pub other_stacks: Vec<Stack>,
    /// The interrupt's handlers, for an interrupt that none of them took: no part of any stack.
    pub handlers: Vec<Frame>,
    /// Lines that look like frames and could not be read, or not whole.
    pub unread_frames: Vec<Unread>,
    /// What else the report shows, a sentence each, such as where a jump through a bad function pointer came from.
    pub notes: Vec<String>,
    /// What had to be mended to read the report: lines wrapped, joined, printed twice, newest first. One phrase each.
    pub damage: Vec<String>,
    /// Why the report is not whole, in one lowercase phrase; `None` when it is.
    pub corrupted: Option<String>,
    /// Whether the kernel panicked at the end of the report.
    pub panicked: bool,
    /// Where in the input it stands.
    pub lines: Lines,
}
