//! What a function does to its caller's state: outcomes (ways of returning), effects (what happens inside), and the result.
//!
//! A summary is the same whatever the context the function is entered in. Effects are conditional on arguments; one function of the engine
//! lifts them through a call, [`chain`] follows them down again.

pub mod chain;
mod computed;
mod effect;
mod guard;
mod outcome;

pub use computed::{Computed, Step};
pub use effect::{Around, Effect, EffectId, EffectKind, Sleep, Way};
pub use guard::{Condition, Guard, Subject, Test, asks_for_pointers, contradict};
pub(crate) use guard::{add_guard, weaken};
pub use outcome::{Ctx, FoundResult, FreedOnReturn, LockDelta, NullReturn, NullWhy, Outcome, RefDelta, Ret};

use crate::body::Record;
use cuthere_base::Symbol;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A function definition of the tree; ids order by file, then by place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FuncId(pub u32);

impl FuncId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place relative to the caller.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RelPlace {
    pub root: RelRoot,
    pub path: SmallVec<[RelStep; 2]>,
}

/// A step from a place to the next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RelStep {
    Field(Symbol, Record),
    Deref,
    /// To the record around the place, whose member it is.
    Around(Record, Symbol),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RelRoot {
    /// The place that the argument's value points to is the start.
    Param(u8),
    Global(Symbol),
    Result,
    Unknown,
}

impl RelPlace {
    /// Somewhere that callers cannot name.
    pub fn unknown() -> RelPlace {
        RelPlace { root: RelRoot::Unknown, path: SmallVec::new() }
    }

    /// The pointer that the object is known by on both sides of a call: without the steps inside the object.
    pub fn object(&self) -> &[RelStep] {
        let inside = self.path.iter().rev().take_while(|step| **step != RelStep::Deref).count();
        &self.path[..self.path.len() - inside]
    }

    /// What an argument points to, as a whole.
    pub fn param(param: u8) -> RelPlace {
        RelPlace { root: RelRoot::Param(param), path: SmallVec::new() }
    }
}

/// The summary.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Ways to sleep first, the surest before others.
    pub effects: Vec<Effect>,
    /// Empty: returns with the caller's locks, context and objects as they were.
    pub outcomes: Vec<Outcome>,
    pub ret: Ret,
    pub noreturn: bool,
    /// Bit per parameter: compared with NULL or zero somewhere.
    pub tests: u64,
    /// Bit per parameter: it is stored in memory, or handed to code that may store it.
    pub keeps: u64,
    /// Bit per parameter: something is stored in what it points to, here or in a callee, perhaps under a condition.
    pub stores: u64,
    /// Bit per name of a member or a variable ([`crate::engine`] says which): it may be written, here or in a callee.
    pub writes: u64,
    /// Bit per parameter: it may be taken off a list; all bits: anything may be.
    pub unlinks: u64,
    /// A cap was reached: what is said holds, but there may be more.
    pub truncated: bool,
}

impl Summary {
    pub fn effect(&self, id: EffectId) -> Option<&Effect> {
        id.find(&self.effects)
    }

    /// The arguments, as bits, through which nothing is written but what the outcomes say.
    pub fn kept_arguments(&self) -> u64 {
        let of = |o: &Outcome| o.written.iter().fold(0, |bits, w| bits | 1u64 << w.0.min(63));
        self.outcomes.iter().map(of).reduce(|a, b| a & b).unwrap_or(0)
    }

    /// Members of what arguments point to that are dereferenced untested.
    pub fn member_derefs(&self) -> impl Iterator<Item = (EffectId, &RelPlace, Symbol, &Effect)> {
        self.effects().filter_map(|(id, e)| match &e.kind {
            EffectKind::DerefMember { place, member } => Some((id, &**place, *member, e)),
            _ => None,
        })
    }

    /// The argument that a way of returning hands back, with a reference that it took to it or to what it leads to.
    pub fn handed_back(&self, outcome: &Outcome) -> Option<u8> {
        let root = RelRoot::Param(outcome.arg?);
        let taken = |delta: &RefDelta| {
            let kind = self.effect(delta.effect).map(|e| &e.kind);
            delta.count > 0 && matches!(kind, Some(EffectKind::Reference { place, .. }) if place.root == root)
        };
        outcome.arg.filter(|_| outcome.refs.iter().any(taken))
    }

    /// Effects with their ids.
    pub fn effects(&self) -> impl Iterator<Item = (EffectId, &Effect)> {
        self.effects.iter().enumerate().map(|(i, e)| (EffectId::new(i, e), e))
    }

    /// The ways to sleep.
    pub fn sleeps(&self) -> impl Iterator<Item = (EffectId, &Effect)> {
        self.effects().take_while(|(_, e)| matches!(e.kind, EffectKind::Sleep(_)))
    }

    /// The parameters that are dereferenced untested.
    pub fn derefs(&self) -> impl Iterator<Item = (EffectId, u8, &Effect)> {
        self.effects().filter_map(|(id, e)| match e.kind {
            EffectKind::Deref { param, tested: false, .. } => Some((id, param, e)),
            _ => None,
        })
    }

    /// Whether it frees anything on some path.
    pub fn frees(&self) -> bool {
        self.effects.iter().any(|e| matches!(e.kind, EffectKind::Free { .. }))
    }

    /// Whether some way of returning leaves a lock of a class taken.
    pub fn leaves_taken(&self, class: Symbol) -> bool {
        self.outcomes.iter().any(|o| o.locks.iter().any(|l| l.taken && l.class == class))
    }

    /// Whether an argument is freed on every way of returning.
    pub fn frees_argument(&self, param: u8) -> bool {
        let argument = |place: &RelPlace| place.root == RelRoot::Param(param) && place.object().is_empty();
        let freed = |id: EffectId| matches!(self.effect(id).map(|e| &e.kind), Some(EffectKind::Free { place, .. }) if argument(place));
        !self.outcomes.is_empty() && self.outcomes.iter().all(|o| o.frees.iter().any(|f| freed(f.effect)))
    }

    /// Whether a place is freed at once on every way of returning, so that what the function asks on the way says nothing of that.
    pub fn always_frees(&self, place: &RelPlace) -> bool {
        let freed = |id: EffectId| {
            let kind = self.effect(id).map(|e| &e.kind);
            matches!(kind, Some(EffectKind::Free { place: p, deferred: false, last: false, counted: false, moved: false, left: false }) if **p == *place)
        };
        !self.truncated && !self.outcomes.is_empty() && self.outcomes.iter().all(|o| o.frees.iter().any(|f| freed(f.effect)))
    }

    /// The parameters that are dereferenced only where they are known not to be NULL.
    pub fn tested_derefs(&self) -> impl Iterator<Item = (EffectId, u8, &Effect)> {
        self.effects().filter_map(|(id, e)| match e.kind {
            EffectKind::Deref { param, tested: true, .. } => Some((id, param, e)),
            _ => None,
        })
    }
}
