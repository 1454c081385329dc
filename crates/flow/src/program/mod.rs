//! A whole program: its functions, who calls whom, how functions are entered, and their summaries.

pub mod callback;
mod callers;
pub mod components;
pub mod contexts;
mod counts;
mod entry_point;
pub mod link;
pub mod naming;
mod owners;
pub mod packed;
mod parameters;
mod rearmed;
mod releases;
pub mod tables;
mod ways;

pub use callers::{Caller, Callers};
pub use entry_point::{EntryPoint, start_state, strictest};
pub use releases::Release;
pub use ways::{Hub, Taken};

use crate::body::{Body, OpId, OpKind, Record, Target};
use crate::domain::Preemption;
use crate::summary::{FuncId, Summary};
use cuthere_base::{FileId, Symbol};
use cuthere_cfront::program::Program;
use cuthere_cfront::resolve::{Ordinary, ordinary};
use cuthere_kernel::{Entry, Model};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::OnceLock;

/// The functions of a tree with everything known about them. Summaries are filled in from callees to callers.
pub struct World<'a> {
    pub program: &'a Program<'a>,
    pub model: &'a Model,
    pub funcs: Vec<Body>,
    /// Per function: the operations that call functions of the tree, sorted by operation.
    pub callees: Vec<Box<[(OpId, Callees)]>>,
    /// The same upwards, once somebody asks.
    pub upwards: OnceLock<Callers>,
    pub summaries: Vec<OnceLock<Summary>>,
    /// First approximations for functions that call each other in a circle.
    pub drafts: FxHashMap<FuncId, OnceLock<Summary>>,
    pub entry_points: FxHashMap<FuncId, Vec<EntryPoint>>,
    /// Per function that gives up references: what frees the objects.
    pub releases: FxHashMap<FuncId, Box<[Release]>>,
    /// Per function that frees: members by which it may free what they lie in.
    pub owners: FxHashMap<FuncId, Box<[(Record, Symbol)]>>,
    /// Per function: plain integers that it speaks of and that count references, by what is done when they are brought to zero.
    pub counts: FxHashMap<FuncId, Box<[(Record, Symbol)]>>,
    /// The members that functions are bound to, sorted by function.
    pub bound: Vec<link::BoundFunction>,
    pub tables: tables::Tables,
    pub excused: link::Excused,
    pub keepers: link::Keepers,
    pub narrowed: link::Narrowed,
    /// Accesses to user memory, by file and name, that are no assertion there: the architecture's own macro does not say `might_fault()`.
    pub tolerant: FxHashSet<(FileId, Symbol)>,
    /// Mask of the GFP bit that allows direct reclaim.
    pub gfp_reclaim: i64,
    /// Mask of the GFP bit that forbids failure.
    pub gfp_nofail: i64,
    pub preemption: Preemption,
}

impl<'a> World<'a> {
    pub fn func(&self, id: FuncId) -> &Body {
        &self.funcs[id.index()]
    }

    pub fn summary(&self, id: FuncId) -> Option<&Summary> {
        self.summaries[id.index()].get().or_else(|| self.drafts.get(&id).and_then(OnceLock::get))
    }

    /// What the call operation of a function reaches in the tree.
    pub fn callees(&self, func: FuncId, op: OpId) -> Option<&Callees> {
        let all = &self.callees[func.index()];
        all.binary_search_by_key(&op, |c| c.0).ok().map(|i| &all[i].1)
    }

    /// Whether a call through a pointer may reach more functions than are followed.
    pub fn is_narrowed(&self, func: FuncId, op: OpId) -> bool {
        self.narrowed.get(&func).is_some_and(|ops| ops.contains(&op))
    }

    /// Whether another function of the file raises a count of uses and leaves lowering it to others.
    pub fn kept_elsewhere(&self, func: FuncId, counter: Symbol) -> bool {
        self.keepers.get(&(self.func(func).file, counter)).is_some_and(|all| all.iter().any(|f| *f != func))
    }

    /// The calls that reach a function, sorted by caller and operation.
    pub fn callers(&self, func: FuncId) -> &[Caller] {
        self.upwards.get_or_init(|| Callers::new(&self.callees)).of(func)
    }

    /// The members that a function is bound to.
    pub fn bindings(&self, func: FuncId) -> &[link::BoundFunction] {
        let from = self.bound.partition_point(|b| b.func < func);
        let rest = &self.bound[from..];
        &rest[..rest.partition_point(|b| b.func == func)]
    }

    /// Whether a call goes through a pointer.
    pub fn calls_through(&self, caller: &Caller) -> bool {
        let call = self.func(caller.func).op(caller.op).map(|op| op.kind);
        matches!(call, Some(OpKind::Call { target: Target::Pointer(_), .. }))
    }

    /// The model's entry for a call by name, unless a body in the tree is to be believed instead.
    pub fn entry(&self, name: Symbol, in_tree: bool) -> Option<&'a Entry> {
        let entry = self.model.entry(name)?;
        if entry.rt.is_some_and(|rt| rt != self.preemption.rt) {
            return None;
        }
        (entry.opaque || !in_tree).then_some(entry)
    }

    /// Whether a member, as a function speaks of it, counts references: by its name, or because objects are freed when it is brought to zero.
    pub fn counts_references(&self, func: FuncId, record: Record, member: Symbol) -> bool {
        self.model.counts_references(member) || self.counts.get(&func).is_some_and(|all| all.contains(&(record, member)))
    }

    /// Whether a name means one variable in the files of two functions: it is not private to the first one's.
    pub fn shares(&self, a: FuncId, b: FuncId, name: Symbol) -> bool {
        let file = self.func(a).file;
        file == self.func(b).file || self.variable(file, name).is_some_and(|private| private != Some(file))
    }

    /// The file that a variable is private to, as seen from a file.
    pub fn private_to(&self, from: FileId, name: Symbol) -> Option<FileId> {
        self.variable(from, name).flatten()
    }

    /// A variable of file level, also one that a macro declares, as seen from a file: the file that it is private to, if it is. `None`: nothing is known to declare it.
    pub fn variable(&self, from: FileId, name: Symbol) -> Option<Option<FileId>> {
        let Some(Ordinary::Variable { item, .. }) = ordinary(self.program, from, name) else { return None };
        Some(self.program.item(item).is_static.then_some(item.file))
    }

    /// The path of a function's file.
    pub fn path(&self, id: FuncId) -> &str {
        self.program.source.path(self.func(id).file)
    }

    /// The folder that a function is in.
    pub fn folder(&self, id: FuncId) -> &str {
        cuthere_base::folder(self.path(id))
    }
}

/// What a call reaches inside the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Callees {
    One(FuncId),
    /// Through a pointer: any of these.
    Many(Box<[FuncId]>),
}

impl Callees {
    pub fn list(&self) -> &[FuncId] {
        match self {
            Callees::One(f) => std::slice::from_ref(f),
            Callees::Many(all) => all,
        }
    }
}
