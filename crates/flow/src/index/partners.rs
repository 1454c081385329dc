//! Which functions may do the other half of what a function leaves of a lock, though nobody calls the one for the other.
//!
//! A lock of the kernel's own records (`inode.i_lock`) is taken and given back all over the tree. Whoever gives it back for somebody else has something to do
//! with him: it stands in the same file, or in the folder whose own record the lock is a member of; it is called by him, or with him; or both are
//! members of tables that one file sets up. What is named for giving back, beside one that is named for taking, belongs to that one.

use super::handover::{CALLERS_MAX, Handovers, by_name};
use crate::program::naming::{names_lock, names_unlock};
use crate::program::{Callees, World};
use crate::summary::FuncId;
use cuthere_base::{FileId, Symbol, folder};
use cuthere_cfront::program::NameSpace;
use rustc_hash::FxHashSet;

/// What one function has to do with others.
pub(super) struct Relation<'r> {
    halves: &'r Handovers,
    world: &'r World<'r>,
    func: FuncId,
    class: Symbol,
    kept: bool,
    /// The folder in which everybody may be a partner; `None`: the lock is one of the whole kernel's.
    folder: Option<&'r str>,
    /// The file that defines the lock's record.
    header: Option<FileId>,
    below: FxHashSet<FuncId>,
    above: FxHashSet<FuncId>,
}

/// Calls that are followed downwards, and functions that are looked at there.
const DOWN_MAX: u32 = 8;
const VISITED_MAX: usize = 2048;
/// Calls that are followed upwards.
const UP_MAX: u32 = 2;

impl<'r> Relation<'r> {
    pub fn new(halves: &'r Handovers, world: &'r World<'_>, func: FuncId, class: Symbol, kept: bool) -> Relation<'r> {
        let mut relation = Relation {
            halves,
            world,
            func,
            class,
            kept,
            folder: owner(world, func, class),
            header: defined_in(world, func, class),
            below: FxHashSet::default(),
            above: FxHashSet::default(),
        };
        relation.below = relation.handed_on();
        relation.above = callers(world, func);
        relation
    }

    /// Whether another function may do the other half.
    pub fn holds(&self, other: FuncId) -> bool {
        let near = || {
            let within = self.folder.is_some_and(|folder| self.world.path(other).starts_with(folder));
            // What the header of the record does belongs to whoever uses it.
            let file = self.world.func(other).file;
            self.world.func(self.func).file == file || self.header == Some(file) || within
        };
        let together = || callers(self.world, other).iter().any(|f| self.above.contains(f));
        let beside = || near() || together() || self.bound_beside(other);
        other != self.func && (self.below.contains(&other) || !self.has_its_own(other) && beside())
    }

    /// Whether another function is named for giving back, or taking, and one beside it for the opposite: those two belong together.
    fn has_its_own(&self, other: FuncId) -> bool {
        let named = |f: FuncId| match self.world.func(f).name {
            name if names_unlock(name) => Some(false),
            name if names_lock(name) => Some(true),
            _ => None,
        };
        let file = self.world.func(other).file;
        let own = |f: &FuncId| *f != self.func && self.world.func(*f).file == file && named(*f) == Some(self.kept);
        named(other) == Some(!self.kept) && self.halves.left.get(&(self.class, self.kept)).is_some_and(|all| all.iter().any(own))
    }

    /// Whether one file makes both of them members of tables.
    fn bound_beside(&self, other: FuncId) -> bool {
        let bound = |f: FuncId| {
            let all = &self.world.bound;
            let from = all.partition_point(|b| b.func < f);
            all[from..].iter().take_while(move |b| b.func == f).map(|b| b.at.0)
        };
        let files: Vec<FileId> = bound(self.func).collect();
        bound(other).any(|file| files.contains(&file))
    }

    /// The functions below this one that hand the opposite on to their callers, as far as that is known of them.
    fn handed_on(&self) -> FxHashSet<FuncId> {
        let mut seen = FxHashSet::default();
        let mut next = vec![self.func];
        for _ in 0..DOWN_MAX {
            for f in std::mem::take(&mut next) {
                for (_, callees) in &self.world.callees[f.index()] {
                    let Callees::One(callee) = *callees else { continue };
                    let open = self.world.summary(callee).is_some_and(|s| s.truncated || s.outcomes.is_empty());
                    let hands_on = open || self.halves.leaves(callee, self.class, !self.kept);
                    if hands_on && seen.len() < VISITED_MAX && seen.insert(callee) {
                        next.push(callee);
                    }
                }
            }
        }
        seen
    }
}

/// Who calls a function, and whoever calls those.
fn callers(world: &World<'_>, func: FuncId) -> FxHashSet<FuncId> {
    let mut seen = FxHashSet::default();
    let mut next = vec![func];
    for _ in 0..UP_MAX {
        for f in std::mem::take(&mut next) {
            next.extend(by_name(world, f).take(CALLERS_MAX).filter(|f| seen.insert(*f)));
        }
    }
    seen
}

/// The file that defines the record which a lock is a member of.
fn defined_in(world: &World<'_>, func: FuncId, class: Symbol) -> Option<FileId> {
    let tag = Symbol::find(class.as_str().split_once('.')?.0)?;
    world.program.lookup(world.func(func).file, NameSpace::Tag, tag).map(|item| item.file)
}

/// The folder whose own lock a class is: that of the file which defines the record, and all folders for a variable.
fn owner<'w>(world: &'w World<'_>, func: FuncId, class: Symbol) -> Option<&'w str> {
    if !class.as_str().contains('.') {
        return Some("");
    }
    let path = defined_in(world, func, class).map_or(world.path(func), |file| world.program.source.path(file));
    let shared = path.starts_with("include/") || path.contains("/include/");
    (!shared).then(|| folder(path))
}
