//! The shape of a model file: what sections and keys a TOML table may have, and of what type.
//!
//! Unknown keys and words are errors. What the values mean is decided in `load`.

use crate::entry::{
    Asks, Assert, CallbackOp, Context, CtxEffect, FreeEffect, KernelLock, LockEffect, MemoryEffect, MoveEffect, PerCpu, Returns, Section,
    Setting, Sleeps, Test, When,
};
use crate::words::{LockClass, Names, RefWord, Tag, W};
use cuthere_base::Symbol;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// One model file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// The file's entries were derived from a tree: hand-written entries and bodies win over them.
    pub learned: bool,
    /// Functions and macros.
    pub entry: Vec<EntryRow>,
    /// Fields of operations tables, and other function pointer fields that the kernel calls.
    pub ops: Vec<OpsRow>,
    /// Locks that the kernel holds around operations.
    pub around: Vec<AroundRow>,
    /// Classes of `guard()`, `scoped_guard()` and `CLASS()`.
    pub guard: Vec<GuardRow>,
    /// `__free(NAME)` = the function called.
    pub free: BTreeMap<String, Spanned<W<Symbol>>>,
    /// Members that hold the function which frees an object, or lead to it.
    pub release: Vec<ReleaseRow>,
    /// Members that are to be used under a lock.
    pub member: Vec<MemberRow>,
    /// Plain integers that count references.
    pub counts: CountsRow,
    /// What names say by custom.
    pub customs: CustomsRow,
    /// What kernels before a change did otherwise.
    pub older: Vec<OlderRow>,
    /// Loop macros.
    #[serde(rename = "loop")]
    pub loops: Vec<LoopRow>,
    /// Macros of the `container_of` family.
    pub container: Vec<ContainerRow>,
    /// Macros that read or write the place named by their first argument.
    pub place: PlaceRow,
    /// Macros that evaluate one argument again and again until it holds.
    pub condition: Vec<ConditionRow>,
    /// How names are written that are not functions.
    pub shapes: ShapesRow,
    /// Integer constants.
    pub constants: BTreeMap<String, i64>,
    /// Macros of headers, as what stands after the name in their `#define`.
    pub macros: BTreeMap<String, String>,
    /// Type names.
    pub types: TypesRow,
}

/// `[[entry]]`: what functions or macros of these names do. All keys but `name` are optional.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryRow {
    pub name: Spanned<W<Names>>,
    #[serde(default)]
    pub acquires: Vec<W<LockEffect>>,
    #[serde(default)]
    pub releases: Vec<W<LockEffect>>,
    #[serde(default)]
    pub takes: Vec<W<KernelLock>>,
    #[serde(default)]
    pub nested: bool,
    #[serde(default)]
    pub context: Vec<W<CtxEffect>>,
    pub sleeps: Option<W<Sleeps>>,
    pub returns: Option<W<Returns>>,
    #[serde(default)]
    pub allocates: bool,
    #[serde(default)]
    pub zeroed: bool,
    #[serde(default)]
    pub managed: bool,
    #[serde(default)]
    pub put_only: bool,
    #[serde(default)]
    pub lookup: bool,
    #[serde(default)]
    pub outside: bool,
    #[serde(default)]
    pub frees: Vec<W<FreeEffect>>,
    #[serde(default)]
    pub moves: Vec<W<MoveEffect>>,
    #[serde(default)]
    pub refs: Vec<W<RefWord>>,
    #[serde(default)]
    pub accesses: Vec<W<MemoryEffect>>,
    pub percpu: Option<W<PerCpu>>,
    #[serde(default)]
    pub rcu_list: bool,
    #[serde(default)]
    pub finds: bool,
    #[serde(default)]
    pub returns_ref: bool,
    #[serde(default)]
    pub callback: Vec<CallbackRow>,
    #[serde(default)]
    pub derefs: Vec<u8>,
    /// Arguments that are dereferenced if they lie inside of an object; NULL itself is allowed.
    #[serde(default)]
    pub derefs_inside: Vec<u8>,
    /// Arguments that are not zero, NULL or false where the call returns.
    #[serde(default)]
    pub ensures: Vec<u8>,
    /// Arguments that are not NULL where the result is not zero.
    #[serde(default)]
    pub implies: Vec<u8>,
    pub length: Option<u8>,
    #[serde(default)]
    pub null_ok: Vec<u8>,
    #[serde(default)]
    pub assigns: Vec<u8>,
    #[serde(default)]
    pub unevaluated: Vec<u8>,
    pub interior: Option<u8>,
    pub interior_of: Option<W<Symbol>>,
    #[serde(default)]
    pub asserts: Vec<W<Assert>>,
    pub links: Option<u8>,
    pub unlinks: Option<u8>,
    pub waits: Option<u8>,
    pub wakes: Option<u8>,
    #[serde(default)]
    pub noreturn: bool,
    #[serde(default)]
    pub grace_period: bool,
    #[serde(default)]
    pub faults: bool,
    #[serde(default)]
    pub defers_in_interrupt: bool,
    pub asks: Option<W<Asks>>,
    #[serde(default)]
    pub irq_off_ok: bool,
    pub excused_by: Option<W<Symbol>>,
    pub vouched_by: Option<W<Names>>,
    #[serde(default)]
    pub rcu_read: bool,
    pub needs: Option<W<Section>>,
    pub publishes: Option<u8>,
    pub tests: Option<W<Test>>,
    #[serde(default)]
    pub opaque: bool,
    /// Not expanded by preprocessing; by default so if `opaque`.
    #[serde(rename = "macro")]
    pub is_macro: Option<bool>,
    pub rt: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackRow {
    pub op: OpWord,
    pub kind: W<Tag>,
    pub object: Option<u8>,
    pub function: Option<u8>,
    pub data: Option<u8>,
    #[serde(default)]
    pub for_good: bool,
    #[serde(default)]
    pub or_now: bool,
    pub tables: Option<W<Names>>,
    pub context: Option<W<Context>>,
    pub when: Option<W<When>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OpWord {
    Setup,
    Arm,
    Cancel,
    CancelSync,
    Flush,
    CallNow,
}

impl From<OpWord> for CallbackOp {
    fn from(word: OpWord) -> Self {
        match word {
            OpWord::Setup => CallbackOp::Setup,
            OpWord::Arm => CallbackOp::Arm,
            OpWord::Cancel => CallbackOp::Cancel,
            OpWord::CancelSync => CallbackOp::CancelSync,
            OpWord::Flush => CallbackOp::Flush,
            OpWord::CallNow => CallbackOp::CallNow,
        }
    }
}

/// `[[ops]]`: the fields of these records are called in this context.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpsRow {
    pub record: Spanned<W<Names>>,
    pub field: Spanned<W<Names>>,
    pub context: W<Context>,
    pub may_sleep: Option<bool>,
    #[serde(default)]
    pub when: Vec<W<When>>,
    pub between: Option<W<Names>>,
    pub not_during: Option<W<Names>>,
    #[serde(default)]
    pub unless: Vec<W<Setting>>,
    #[serde(default)]
    pub unless_near: Vec<W<Setting>>,
    pub rt: Option<bool>,
}

/// `[[around]]`: around calls of these operations the kernel holds these locks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AroundRow {
    pub record: Spanned<W<Names>>,
    pub field: Spanned<W<Names>>,
    pub holds: Vec<W<KernelLock>>,
}

/// `[counts]`: members of these names count references, whatever their type.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountsRow {
    pub member: Option<W<Names>>,
}

/// `[customs]`: what names say by custom.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomsRow {
    pub alone: Option<W<Names>>,
    pub phase: Option<W<Names>>,
    pub any_time: Option<W<Names>>,
    pub asks_running: Option<W<Names>>,
    pub takes_over: Option<W<Names>>,
    pub sets_flag: Option<W<Names>>,
    pub idempotent: Option<W<Names>>,
    pub makes_list: Option<W<Names>>,
    pub early: Option<W<Names>>,
    pub is_lock: Option<W<Names>>,
    pub oops: Option<W<Names>>,
    pub who_runs: Option<W<Names>>,
    pub fixed: Option<W<Names>>,
    pub asks_last: Option<W<Names>>,
    pub bus_device: Option<W<Names>>,
    pub asks_bit: Option<W<Names>>,
    pub asks_list: Option<W<Names>>,
    pub asks_pending: Option<W<Names>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderRow {
    pub defined: W<Symbol>,
    pub without: W<Symbol>,
    pub never_sleeps: Option<W<Names>>,
    pub no_context: Option<W<Names>>,
    pub no_operation: Option<OperationsRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationsRow {
    pub record: W<Names>,
    pub field: W<Names>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberRow {
    pub record: Spanned<W<Names>>,
    pub field: Spanned<W<Names>>,
    pub lock: Vec<W<LockClass>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseRow {
    pub record: Spanned<W<Names>>,
    pub field: Spanned<W<Names>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardRow {
    pub class: Spanned<W<Names>>,
    pub enter: Spanned<W<Symbol>>,
    pub exit: Spanned<W<Symbol>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoopRow {
    pub name: Spanned<W<Names>>,
    pub cursor: u8,
    pub head: Option<u8>,
    #[serde(default)]
    pub null_after: bool,
    #[serde(default)]
    pub holds_ref: bool,
    #[serde(default)]
    pub rcu_read: bool,
    #[serde(default)]
    pub reads_cursor: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContainerRow {
    pub name: Spanned<W<Names>>,
    pub pointer: u8,
    #[serde(rename = "type")]
    pub record: u8,
    pub member: u8,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceRow {
    pub read: Option<Spanned<W<Names>>>,
    pub write: Option<Spanned<W<Names>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConditionRow {
    pub name: Spanned<W<Names>>,
    pub argument: u8,
}

/// `[shapes]`: one list of names per [`cuthere_cfront::shapes::Shape`].
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapesRow {
    pub call: Option<W<Names>>,
    #[serde(rename = "loop")]
    pub loops: Option<W<Names>>,
    pub scope: Option<W<Names>>,
    pub guard: Option<W<Names>>,
    pub class: Option<W<Names>>,
    pub declaration: Option<W<Names>>,
    pub cleanup: Option<W<Names>>,
    pub ignored: Option<W<Names>>,
    pub annotation: Option<W<Names>>,
    pub returns: Option<W<Names>>,
}

/// `[types]`: lists of type names by what they are.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypesRow {
    pub u8: Option<W<Names>>,
    pub s8: Option<W<Names>>,
    pub u16: Option<W<Names>>,
    pub s16: Option<W<Names>>,
    pub u32: Option<W<Names>>,
    pub s32: Option<W<Names>>,
    pub u64: Option<W<Names>>,
    pub s64: Option<W<Names>>,
    pub bool: Option<W<Names>>,
    #[serde(rename = "struct")]
    pub record: Option<W<Names>>,
    pub pointer: Option<W<Names>>,
}
