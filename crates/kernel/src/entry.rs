//! The vocabulary of the model: one [`Entry`] per function or macro, one [`OpsField`] per callback field of an operations table.

use cuthere_base::Symbol;
use serde::{Deserialize, Serialize};

/// What names say by custom.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Custom {
    /// A word of a function's name: nobody else knows the object, not yet or not any more.
    Alone,
    /// Such a word: a module starts or ends then.
    Phase,
    /// The kernel calls a table's operations for whoever asks, at any time.
    AnyTime,
    /// A function asks whether a device is in use.
    AsksRunning,
    /// A word of an operation's name: it keeps the object that it is called for, or gives it up.
    TakesOver,
    /// A function sets or clears a flag or number that others ask for.
    SetsFlag,
    /// A function that changes a list: doing it twice is as good as once.
    Idempotent,
    /// A function makes a list empty, whatever was on it.
    MakesList,
    /// A function runs before there is anything to wait for: one task, one CPU, and allocations that do not reclaim.
    Early,
    /// A function begins the report of a crash: the kernel's own assertions are silent from then on.
    Oops,
    /// A record is a lock: what lies in it is no lock of its own.
    IsLock,
    /// A function says on which CPU, or as which task, this code runs.
    WhoRuns,
    /// A function answers the same whenever it is asked on one path (`get_current()`).
    Fixed,
    /// A function lowers a count unless that is the last one, or only then, and says so.
    AsksLast,
    /// A record of devices that drivers are bound to: its embedded device is the one whose callbacks the driver has.
    BusDevice,
    /// A function asks for a bit of a word.
    AsksBit,
    /// A function asks whether something is on a list.
    AsksList,
    /// A function asks whether a timer or work item is pending, and not whether it runs.
    AsksPending,
}

/// What kernels before a change did otherwise than the entries say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Older {
    /// A name that the tree defines if what is spoken of was read.
    pub defined: Symbol,
    /// A name that came with the change.
    pub without: Symbol,
    /// These do not sleep.
    pub never_sleeps: Vec<Symbol>,
    /// These leave the context as it is.
    pub no_context: Vec<Symbol>,
    /// Nothing is said of these operations: record and member.
    pub no_operation: Vec<(Symbol, Symbol)>,
}

/// Which lock an effect is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LockRef {
    /// The argument (from 0) is a pointer to the lock.
    Arg(u8),
    /// A lock without an object of its own, by name: `rtnl`, `rcu`, `lru_add_drain` …
    Named(Symbol),
    /// The argument is a pointer to an object; the lock is a member, in it or behind it, of this record and name (`lock_sock(sk)` → `sk->sk_lock`).
    Member(u8, Symbol, Symbol),
    /// The lock is what the call returns (`pte_offset_map_lock`'s result is handed back through this argument: `Through(3)`).
    Through(u8),
}

/// What kind of lock: it decides the context inside and whether taking it sleeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum LockKind {
    /// `spinlock_t`: no preemption inside; sleeps on rt.
    Spin,
    /// `raw_spinlock_t`.
    RawSpin,
    /// `rwlock_t`.
    RwSpin,
    Mutex,
    RwSem,
    Semaphore,
    RtMutex,
    WwMutex,
    Percpurwsem,
    Seqlock,
    /// `local_lock_t`.
    Local,
    /// `bit_spin_lock`.
    Bit,
    /// Socket lock: `lock_sock` (sleeps) and `bh_lock_sock` (spins) are entries of this kind with their own `sleeps`.
    Sock,
    Srcu,
    /// A sleeping lock of a subsystem, such as RTNL.
    SleepingOther,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum LockMode {
    Exclusive,
    Shared,
}

/// When an acquisition has happened, by the value the call returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Success {
    /// Always.
    Always,
    /// If it returns non-zero (trylocks).
    NonZero,
    /// If it returns zero (`mutex_lock_interruptible`).
    Zero,
    /// If it returns a non-NULL, non-error pointer.
    Pointer,
    /// On some of its ways, and what it returns does not tell on which in a way that is followed.
    Perhaps,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LockEffect {
    pub lock: LockRef,
    pub kind: LockKind,
    pub mode: LockMode,
    pub success: Success,
}

/// A lock of the kernel's own that nobody hands over: a variable, or a member of some object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct KernelLock {
    /// The record that it is a member of; empty: it is known by its name alone (`rtnl`).
    pub record: Symbol,
    pub name: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
}

/// A part of the context state that primitives switch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum CtxPart {
    /// Preemption disabled (nests).
    Preempt,
    /// Softirqs disabled (nests).
    Bh,
    /// Hard interrupts disabled by `local_irq_disable` (does not nest).
    Irq,
    /// Hard interrupts disabled by saving the flags (`local_irq_save`; restores what was).
    IrqSave,
    /// RCU read-side critical section (nests).
    Rcu,
    RcuBh,
    RcuSched,
    /// Page faults disabled: user access does not sleep.
    PagefaultOff,
}

impl CtxPart {
    /// The counter that this part is kept in: preemption, bottom halves, interrupts, RCU.
    pub fn counter(self) -> Option<usize> {
        match self {
            CtxPart::Preempt => Some(0),
            CtxPart::Bh | CtxPart::RcuBh => Some(1),
            CtxPart::Irq | CtxPart::IrqSave => Some(2),
            CtxPart::Rcu | CtxPart::RcuSched => Some(3),
            CtxPart::PagefaultOff => None,
        }
    }
}

/// `enter` true: the part begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CtxEffect {
    pub part: CtxPart,
    pub enter: bool,
}

/// Whether a call may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Sleeps {
    /// The model does not say: the body decides.
    #[default]
    Unknown,
    Never,
    Always,
    /// If the objects involved are in a state in which it does: the last reference is dropped, a buffer has to grow.
    Sometimes,
    /// If the argument, a GFP mask, allows direct reclaim.
    Gfp(u8),
    /// If the argument is not zero (a `can_sleep` or `wait` flag).
    IfTrue(u8),
    IfFalse(u8),
    /// If the argument has this bit (`CRYPTO_TFM_REQ_MAY_SLEEP`).
    IfBit(u8, i64),
    /// Unless the argument has this bit (`MAY_NOT_BLOCK`).
    UnlessBit(u8, i64),
    /// Only on PREEMPT_RT.
    OnRt,
    /// Only on PREEMPT_RT, and only where disabled bh is a lock of its CPU (`--bh-lock`).
    OnBhLock,
}

/// What a call returns, as far as pointers go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Returns {
    #[default]
    Unknown,
    NonNull,
    /// NULL on failure; customary to check.
    MayNull,
    /// NULL only if out of memory for allocations that practically do not fail, or where the caller mostly knows better: not worth reporting where nobody asks. Memory
    /// is taken not to be NULL, also where somebody asks.
    RarelyNull,
    ErrPtr,
    NullOrErrPtr,
    /// The argument itself (`skb_get(skb)`).
    Arg(u8),
    /// The argument itself, which is a negative errno or zero, as a pointer (`ERR_PTR(err)`).
    ErrorArg(u8),
    /// Zero or a negative errno.
    Errno,
    /// Zero or `-EINTR`.
    Interrupted,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RefOp {
    /// Adds a reference.
    Get,
    /// Drops one; the last one frees through a release callback.
    Put,
    /// Adds one unless it was zero; succeeds if it returns non-zero.
    GetUnlessZero,
    /// Adds one if it returns no error.
    GetUnlessError,
    /// The count starts at one, and the caller has that reference.
    Init,
}

/// What becomes of the references to an argument's object, or to what a member of it leads to when the call returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RefEffect {
    pub argument: u8,
    /// Empty: the argument itself leads to the object.
    pub member: Symbol,
    pub op: RefOp,
    /// Which of an object's counts it is, where it has one beside that of its references (`pm`: the users of a device that has to stay awake).
    pub counter: Symbol,
}

/// Memory that a member of an argument leads to, and that may be put elsewhere: pointers into it from before are stale.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MoveEffect {
    pub argument: u8,
    pub member: Symbol,
    /// On which result that has happened.
    pub success: Success,
}

/// An argument that is freed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FreeEffect {
    pub argument: u8,
    pub how: FreeHow,
}

/// When a freed argument is gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FreeHow {
    /// With the call.
    Now,
    /// When a grace period has ended.
    Grace,
    /// With the call, if it returns a pointer (`krealloc`: NULL leaves the old memory as it was).
    IfPointer,
    /// The caller gives up its reference, and goes on without the object unless it took another one (`kfree_skb`).
    Last,
    /// With the call, but the argument only stands for what is freed and can be looked at still (`struct page`).
    Handle,
    /// A reference is given up. Of an object that the caller has made itself and took no other reference to, it is the last one, and the release
    /// callback frees the object around the argument.
    Put,
}

/// Memory that a primitive reads or writes with one access, or as the one who may do so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryEffect {
    pub argument: u8,
    /// The argument names the place (`READ_ONCE(p->x)`); else it points to it (`smp_load_acquire(&p->x)`).
    pub named: bool,
    pub store: bool,
    /// It is meant for memory that others access at the same time.
    pub marked: bool,
}

/// The read-side section without which a pointer must not be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Section {
    Rcu,
    /// Bottom halves disabled, by whatever means.
    Bh,
    /// Preemption disabled, by whatever means.
    Sched,
    /// Of the domain that this argument points to.
    Srcu(u8),
}

/// What is done with a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum ListOp {
    Walk,
    Add,
    Remove,
}

/// Whose copy of a per-CPU variable a primitive reaches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PerCpu {
    /// The copy of the CPU that it runs on.
    This,
    /// Any CPU's.
    Any,
}

/// What an entry does with a callback object (timer, work, tasklet, irq, RCU head, kthread, notifier …).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallbackOp {
    /// Binds the function to the object; nothing runs yet.
    Setup,
    /// From now on the callback may run, asynchronously.
    Arm,
    /// It will not start again, but may still be running.
    Cancel,
    /// It will not start again and is not running any more.
    CancelSync,
    /// Whatever was armed has run.
    Flush,
    /// The callback is called before this call returns, in the caller's context plus what `context` adds.
    CallNow,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallbackEffect {
    pub op: CallbackOp,
    /// Argument that is the callback object, if any.
    pub object: Option<u8>,
    /// Argument that is the function, if any.
    pub function: Option<u8>,
    /// Argument handed to the function, if any.
    pub data: Option<u8>,
    /// Of a cancellation: arming the object has no effect from then on (`timer_shutdown_sync`).
    pub for_good: bool,
    /// A call that fails calls the function itself before it returns (`devm_add_action_or_reset`).
    pub or_now: bool,
    /// The records whose members hold what may be called while this is armed (`net_device_ops`).
    pub tables: Vec<Symbol>,
    /// The context in which the callback runs.
    pub context: Context,
    /// What has to hold of another argument.
    pub when: Option<When>,
    /// `timer`, `hrtimer`, `tasklet`, `work`, `delayed-work`, `irq`, `threaded-irq`, `rcu`, `kthread`, `napi`, `notifier`, …
    pub kind: Symbol,
}

impl CallbackEffect {
    /// Whether it hands a function that is called once, when a grace period has ended.
    pub fn ends_grace_period(&self) -> bool {
        self.op == CallbackOp::Arm && self.function.is_some() && matches!(self.kind.as_str(), "rcu" | "srcu")
    }
}

/// A condition on an argument that decides what becomes of a callback (`HRTIMER_MODE_REL_SOFT`, `IRQF_NO_THREAD`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct When {
    pub argument: u8,
    pub test: ArgumentTest,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ArgumentTest {
    /// Some bit of the mask is set.
    Bit(i64),
    /// No bit of the mask is known to be set.
    NoBit(i64),
    /// It is zero, or NULL.
    Zero,
    /// It is neither.
    NotZero,
    /// It is the variable of this name, or a pointer that this variable holds.
    Named(Symbol),
}

/// What a question about the execution context is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Asks {
    /// Whether sleeping is forbidden, or something that comes near to that: who asks knows what it does.
    Context,
    /// Whether an interrupt runs or bh is disabled; a spinlock alone does not show (`in_interrupt`).
    Interrupt,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Level {
    #[default]
    Task,
    Softirq,
    Hardirq,
    Nmi,
    /// Whatever the caller's is.
    Inherit,
}

/// A context in which code is entered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Context {
    pub level: Level,
    pub preempt_off: bool,
    pub bh_off: bool,
    pub irq_off: bool,
    /// Interrupts may be off as well, by whoever calls: they must not be enabled.
    pub irq_maybe_off: bool,
    pub rcu: bool,
    /// Locks held on entry, by class name as findings print it (`rtnl`, `net_device.addr_list_lock`), with their kinds.
    pub locks: Vec<(Symbol, LockKind)>,
    /// Not always so: some callers use another context (such entries never raise confidence above medium).
    pub sometimes: bool,
    /// Tasks call it as well, with bottom halves and interrupts enabled, in the same read-side section.
    pub tasks_too: bool,
    /// Tasks are frozen and one CPU runs, or the system goes down: nobody is there to wait for, and the kernel's own assertions are silent.
    pub quiescent: bool,
}

impl Context {
    /// Whether sleeping is forbidden (not on rt).
    pub fn atomic(&self) -> bool {
        self.preempt_off
            || self.bh_off
            || self.irq_off
            || self.rcu
            || matches!(self.level, Level::Softirq | Level::Hardirq | Level::Nmi)
            || self.locks.iter().any(|(_, kind)| kind.spins())
    }
}

impl LockKind {
    /// Whether preemption is off while it is held (not on rt).
    pub fn spins(self) -> bool {
        matches!(self, LockKind::Spin | LockKind::RawSpin | LockKind::RwSpin | LockKind::Bit | LockKind::Seqlock | LockKind::Local)
    }
}

/// A condition that a call asserts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Assert {
    /// The lock is held here (`lockdep_assert_held(&x->lock)`).
    Held(LockRef),
    NotHeld(LockRef),
    /// `might_sleep()`.
    MaySleep,
    IrqsOff,
    Softirq,
    InTask,
}

/// What the model knows of one function or macro.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    pub name: Symbol,
    pub acquires: Vec<LockEffect>,
    pub releases: Vec<LockEffect>,
    /// Locks that it takes and gives back before it returns; with `faults`, only if page faults are enabled.
    pub takes: Vec<KernelLock>,
    /// The caller vouches for the order against locks of the same class (`mutex_lock_nested`).
    pub nested: bool,
    /// What changes in the context. With a conditional acquisition these changes happen only if it succeeds.
    pub context: Vec<CtxEffect>,
    pub sleeps: Sleeps,
    pub returns: Returns,
    /// The result is new memory.
    pub allocates: bool,
    /// The memory is all zero.
    pub zeroed: bool,
    /// What is allocated or taken here is given back by the device core (`devm_*`).
    pub managed: bool,
    /// What it sets up holds memory of its own and is given up by its last reference alone: freeing the object around it keeps that memory.
    pub put_only: bool,
    /// A look-up by a key that comes from elsewhere (firmware, another machine's tables), so that failing is ordinary; not one of what
    /// the caller put there itself.
    pub lookup: bool,
    /// Arguments of a macro that only give a type or a size (`kzalloc_obj(*p)`): nothing in them is loaded.
    pub unevaluated: Vec<u8>,
    /// The result was chosen by somebody outside the kernel (a netlink attribute, a user's argument, a device's answer).
    pub outside: bool,
    pub frees: Vec<FreeEffect>,
    pub moves: Vec<MoveEffect>,
    pub refs: Vec<RefEffect>,
    /// Places in its arguments that it reads or writes.
    pub accesses: Vec<MemoryEffect>,
    /// It links or unlinks on lists that others walk at the same time.
    pub rcu_list: bool,
    /// The result is an object of a container that others may take it from.
    pub finds: bool,
    /// Argument 0 is a per-CPU variable or a pointer to one; of which copy the result is the address, or which the call accesses.
    pub percpu: Option<PerCpu>,
    /// The result holds a reference that the caller must drop.
    pub returns_ref: bool,
    pub callbacks: Vec<CallbackEffect>,
    /// Arguments dereferenced whatever happens, so they must not be NULL.
    pub derefs: Vec<u8>,
    /// Arguments that are dereferenced if they are addresses inside of an object (`&p->dev`); NULL itself is looked for.
    pub derefs_inside: Vec<u8>,
    /// Arguments that are neither zero nor NULL nor false where the call returns: it ends a test that fails.
    pub ensures: Vec<u8>,
    /// Arguments that are not NULL where the result is not zero (a look-up in what argument 0 leads to finds nothing in NULL).
    pub implies: Vec<u8>,
    /// The argument that says how much of them is looked at; nothing if it is zero.
    pub length: Option<u8>,
    /// Arguments that may be NULL (`kfree`).
    pub null_ok: Vec<u8>,
    /// Arguments of a macro that it assigns to (the flags of `spin_lock_irqsave`, the variable of `get_user`); the value is unknown.
    pub assigns: Vec<u8>,
    /// The result points into the object in this argument and lives as long as it (`netdev_priv`).
    pub interior: Option<u8>,
    /// Of such: it points into what this member of the argument leads to (`ip_hdr(skb)`: into `skb->head`).
    pub interior_of: Option<Symbol>,
    pub asserts: Vec<Assert>,
    /// The member in this argument is put on a list, or taken off it.
    pub links: Option<u8>,
    pub unlinks: Option<u8>,
    /// Waits for a wake-up on the object in this argument; wakes the waiters on it.
    pub waits: Option<u8>,
    pub wakes: Option<u8>,
    pub noreturn: bool,
    /// Waits until readers are done (`synchronize_rcu`).
    pub grace_period: bool,
    /// It sleeps only to fault in user pages: not while page faults are disabled ([`CtxPart::PagefaultOff`]).
    pub faults: bool,
    /// It sleeps in task context only; where interrupts or softirqs run or are counted as running (bh disabled) it defers the work (`vfree`).
    pub defers_in_interrupt: bool,
    /// It asks for the execution context.
    pub asks: Option<Asks>,
    /// It may be called with interrupts off and nothing else against it, since it enables them itself (`schedule`).
    pub irq_off_ok: bool,
    /// A call of this function by the same file allows it in every context.
    pub excused_by: Option<Symbol>,
    /// Where one of these was called before for the same argument 0, or has made it, it does not fail: there is room, the bytes are there.
    pub vouched_by: Vec<Symbol>,
    /// The result is an RCU-protected pointer (`rcu_dereference`).
    pub rcu_read: bool,
    /// The section that it must be called in, if nothing but that section will do.
    pub needs: Option<Section>,
    /// The call publishes its argument (value) in a place (`rcu_assign_pointer(place, value)`, `list_add_rcu(new, head)`): argument of the value.
    pub publishes: Option<u8>,
    /// It tests a pointer: `IS_ERR` (true means error), `IS_ERR_OR_NULL`, `WARN_ON` and kin return their argument's truth.
    pub tests: Option<Test>,
    /// The model's word is final: the body in the tree is not looked at.
    pub opaque: bool,
    /// Preprocessing leaves the name alone, so that uses reach the analysis as calls.
    pub unexpanded: bool,
    /// Came from `models/learned*.toml`, not written by hand: a body in the tree wins over it.
    pub learned: bool,
    /// Only with the real-time preemption model / only without.
    pub rt: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Test {
    /// Returns whether argument 0 is an error pointer.
    IsErr,
    IsErrOrNull,
    /// Returns the truth of its argument (`unlikely`).
    Truth,
    /// The same, of an assertion that should be false (`WARN_ON`).
    Warning,
    /// Returns whether the pointer is NULL or the address of an empty allocation (`ZERO_OR_NULL_PTR`).
    IsNull,
    /// Returns 0 or the error (`PTR_ERR_OR_ZERO`).
    PtrErrOrZero,
    /// Does not return if its argument is true (`BUG_ON`).
    BugOn,
    /// Returns whether its argument, a GFP mask, allows direct reclaim (`gfpflags_allow_blocking`).
    MayReclaim,
}

/// How a field of an operations table is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpsField {
    pub record: Symbol,
    pub field: Symbol,
    pub context: Context,
    /// Whether implementations are allowed to sleep, if it is documented.
    pub may_sleep: Option<bool>,
    /// What the arguments are where the context is this one.
    pub when: Vec<When>,
    /// The member of the same table that is called before it, and whose effects are undone after it (`start` of `seq_operations`).
    pub between: Option<Symbol>,
    /// Members of the same table while which run it is not called, for one object.
    pub not_during: Vec<Symbol>,
    /// What a driver sets where it registers the table so that the context is no atomic one.
    pub unless: Vec<Setting>,
    /// The same, where any file of the neighbourhood may set it: who makes the object decides, whatever the table is for.
    pub unless_near: Vec<Setting>,
    /// Only with the real-time preemption model / only without.
    pub rt: Option<bool>,
}

/// What is set once, where an object is registered, and decides how its operations are called: a member, or an argument of what registers it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Setting {
    /// The record of the member; empty: it is an argument.
    pub record: Symbol,
    /// The member, or the function that is called.
    pub member: Symbol,
    pub argument: u8,
    /// The enumerator whose bits are set; empty: anything but zero.
    pub bits: Symbol,
}

/// What `guard(class)` and `CLASS` do: entry names called on begin and end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GuardClass {
    pub class: Symbol,
    pub enter: Symbol,
    pub exit: Symbol,
}

/// A loop macro: which argument is the cursor, whether it can be NULL in the body, which primitives surround the body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoopMacro {
    pub name: Symbol,
    pub cursor: u8,
    /// The list that is walked.
    pub head: Option<u8>,
    /// After the loop ran to its end the cursor is NULL (`hlist_for_each_entry`) rather than an address of the head.
    pub null_after: bool,
    /// The cursor holds a reference inside the body, dropped by the next round (`for_each_child_of_node`): leaving early must drop it.
    pub holds_ref: bool,
    /// The list is walked under RCU: the cursor is an RCU-protected pointer.
    pub rcu_read: bool,
    /// The way to the next element is read from the cursor's when the body has run, so that the body must not free it.
    pub reads_cursor: bool,
}

/// Whether a macro of the `READ_ONCE` family reads or writes its first argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PlaceAccess {
    Read,
    Write,
}

/// A macro that turns a pointer to a member into one to the record around it: which arguments are what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContainerMacro {
    pub ptr: u8,
    pub record: u8,
    pub member: u8,
}

/// What `__free(name)` calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FreeClass {
    pub name: Symbol,
    pub calls: Symbol,
}
