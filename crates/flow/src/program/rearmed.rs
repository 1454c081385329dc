//! Callback objects that are set up again, with another function, before anybody arms them: what was set up first never runs.
//!
//! Objects are told apart as in [`super::callback`], so all objects of a kind that lie in one member are one. "Before" is within one function: an
//! arming below a set-up of the same object means that one, any other means every function that the object is ever set up with. One file that arms
//! what it knows by a pointer alone may arm anything it has set up. Only callbacks in atomic contexts are followed: whether the others run in a task does not hang on it.

use crate::body::{Body, OpId};
use crate::program::callback::ObjectKey;
use crate::summary::FuncId;
use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};

/// What one file sets up and arms.
#[derive(Default)]
pub struct Armings {
    /// The functions that objects are set up with, and of which kind they are.
    set: Vec<(ObjectKey, Symbol, FuncId)>,
    /// What objects are armed with; `None`: whatever they were set up with.
    armed: Vec<(ObjectKey, Option<FuncId>)>,
    /// Kinds of which something is armed that is not known.
    unknown: FxHashSet<Symbol>,
    /// The set-ups in the function at hand.
    here: Vec<(ObjectKey, OpId, FuncId)>,
}

impl Armings {
    /// The next function begins.
    pub fn next_function(&mut self) {
        self.here.clear();
    }

    pub fn set_up(&mut self, op: OpId, object: ObjectKey, kind: Symbol, function: FuncId) {
        self.set.push((object, kind, function));
        self.here.push((object, op, function));
    }

    pub fn arm(&mut self, d: &Body, op: OpId, object: Option<ObjectKey>, kind: Symbol) {
        let Some(object) = object else {
            self.unknown.insert(kind);
            return;
        };
        let above = |s: &&(ObjectKey, OpId, FuncId)| {
            s.0 == object
                && s.1 < op
                && match (d.block_of(s.1), d.block_of(op)) {
                    (Some(from), Some(to)) => from == to || d.reaches(from, to, None),
                    _ => true,
                }
        };
        let before = self.armed.len();
        self.armed.extend(self.here.iter().filter(above).map(|s| (object, Some(s.2))));
        if self.armed.len() == before {
            self.armed.push((object, None));
        }
    }
}

/// What the objects of the whole program run.
#[derive(Default)]
pub struct Armed(FxHashMap<ObjectKey, Runs>);

#[derive(Default)]
struct Runs {
    functions: Vec<FuncId>,
    all: bool,
}

impl Armed {
    pub fn new<'p>(files: impl Iterator<Item = &'p Armings> + Clone) -> Armed {
        let mut set: FxHashMap<ObjectKey, Vec<FuncId>> = FxHashMap::default();
        let mut runs: FxHashMap<ObjectKey, Runs> = FxHashMap::default();
        for file in files.clone() {
            for &(object, kind, function) in &file.set {
                let list = set.entry(object).or_default();
                if !list.contains(&function) {
                    list.push(function);
                }
                if file.unknown.contains(&kind) {
                    runs.entry(object).or_default().all = true;
                }
            }
        }
        for (object, function) in files.flat_map(|file| &file.armed) {
            if set.get(object).is_none_or(|list| list.len() < 2) {
                continue;
            }
            let entry = runs.entry(*object).or_default();
            match function {
                Some(f) => entry.functions.push(*f),
                None => entry.all = true,
            }
        }
        Armed(runs)
    }

    /// Whether an object is armed, but never with this function.
    pub fn never(&self, object: ObjectKey, function: FuncId) -> bool {
        self.0.get(&object).is_some_and(|runs| !runs.all && !runs.functions.is_empty() && !runs.functions.contains(&function))
    }
}
