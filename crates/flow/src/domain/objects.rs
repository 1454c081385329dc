//! What happened to the objects that a path knows by pointer: that they were freed, and that references to them were taken.
//!
//! An object is known by the pointer value that everything in it is reached through ([`crate::value::Values::pointer_root`]), so that copies of the
//! pointer are one object. Kept only for objects to which something happened. A freed object stays freed; what changes is what places hold, which the
//! engine makes unknown where a call may have put another pointer there.

use crate::body::{ExprId, OpId};
use crate::summary::Way;
use crate::value::ValueId;
use cuthere_base::Symbol;
use smallvec::SmallVec;

/// An object is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Freed {
    pub op: OpId,
    pub way: Way,
    /// The function that freed it, as called here.
    pub by: Symbol,
    /// The argument as written, where a primitive freed it.
    pub written: Option<ExprId>,
    /// Only when a grace period has ended.
    pub deferred: bool,
    /// The reference that the path had was given up, as with a packet; others may hold more.
    pub last: bool,
    /// It is gone only if the reference that was given up was the last one.
    pub put: bool,
    /// A callee frees it depending on what it finds in memory.
    pub by_state: bool,
    /// What the pointer stands for is gone, not what it points to (`struct page`).
    pub handle: bool,
    /// A callee freed it on some of the ways in which it may have returned: the result that tells.
    pub result: Option<ValueId>,
    /// In a later round of a loop.
    pub later_round: bool,
    /// A use was shown to observers: once said is enough.
    pub told: bool,
    /// The place in memory that led to it leads there no more; known when the function returns.
    pub replaced: bool,
}

impl Freed {
    /// Freed by what the call at an operation calls, at once.
    pub fn by(op: OpId, by: Symbol) -> Freed {
        let (written, result) = (None, None);
        let (deferred, last, put, by_state, handle, later_round, told, replaced) = (false, false, false, false, false, false, false, false);
        Freed { op, way: Way::Model(by), by, written, result, deferred, last, put, by_state, handle, later_round, told, replaced }
    }
}

/// Objects to which something happened on a path, by pointer.
#[derive(Debug, Default)]
pub struct Objects {
    freed: SmallVec<[(ValueId, Freed); 1]>,
    /// References taken on this path and not given back, for objects of which that is known.
    taken: SmallVec<[(ValueId, u8); 1]>,
    /// Objects of which a reference that was not taken on this path was given up.
    dropped: SmallVec<[ValueId; 1]>,
    /// A call that may have changed any memory was made.
    pub disturbed: bool,
}

/// More freed objects than this are not kept; the oldest are forgotten, which loses findings only.
const FREED_MAX: usize = 12;
/// More objects with references than this are not kept; the newest are left out.
const TAKEN_MAX: usize = 12;

impl Clone for Objects {
    fn clone(&self) -> Objects {
        let (freed, taken) = (SmallVec::from_slice(&self.freed), SmallVec::from_slice(&self.taken));
        Objects { freed, taken, dropped: SmallVec::from_slice(&self.dropped), disturbed: self.disturbed }
    }
}

impl Objects {
    /// Whether none was freed.
    pub fn is_empty(&self) -> bool {
        self.freed.is_empty()
    }

    /// How an object was freed, if it was.
    pub fn freed(&self, object: ValueId) -> Option<&Freed> {
        self.freed.iter().find(|f| f.0 == object).map(|f| &f.1)
    }

    pub fn freed_mut(&mut self, object: ValueId) -> Option<&mut Freed> {
        self.freed.iter_mut().find(|f| f.0 == object).map(|f| &mut f.1)
    }

    /// The frees of one call depend on its result.
    pub fn depend(&mut self, op: OpId, result: ValueId) {
        self.freed.iter_mut().filter(|f| f.1.op == op).for_each(|f| f.1.result = Some(result));
    }

    /// All freed objects.
    pub fn all_freed(&self) -> impl Iterator<Item = (ValueId, &Freed)> {
        self.freed.iter().map(|f| (f.0, &f.1))
    }

    pub fn free(&mut self, object: ValueId, freed: Freed) {
        self.forget(object);
        if self.freed.len() >= FREED_MAX {
            self.freed.remove(0);
        }
        self.freed.push((object, freed));
    }

    /// A reference to an object is taken.
    pub fn take(&mut self, object: ValueId) {
        if let Some(t) = self.taken.iter_mut().find(|t| t.0 == object) {
            t.1 = t.1.saturating_add(1);
        } else if self.taken.len() < TAKEN_MAX {
            self.taken.push((object, 1));
        }
    }

    /// A reference is given back; false: none of those taken on this path.
    pub fn give_back(&mut self, object: ValueId) -> bool {
        let Some(at) = self.taken.iter().position(|t| t.0 == object) else { return false };
        self.taken[at].1 -= 1;
        if self.taken[at].1 == 0 {
            self.taken.remove(at);
        }
        true
    }

    /// A reference that the path did not take itself is given up.
    pub fn drop_reference(&mut self, object: ValueId) {
        if self.dropped.len() < TAKEN_MAX && !self.dropped.contains(&object) {
            self.dropped.push(object);
        }
    }

    /// Whether one was.
    pub fn dropped_reference(&self, object: ValueId) -> bool {
        self.dropped.contains(&object)
    }

    /// Nothing is known of an object any more.
    pub fn forget(&mut self, object: ValueId) {
        self.freed.retain(|f| f.0 != object);
    }

    /// Keeps what is known of some freed objects.
    pub fn retain(&mut self, mut keep: impl FnMut(ValueId) -> bool) {
        self.freed.retain(|f| keep(f.0));
    }

    /// Another value stands for an object from now on.
    pub fn rename(&mut self, from: ValueId, to: ValueId) {
        self.freed.iter_mut().filter(|f| f.0 == from).for_each(|f| f.0 = to);
        self.taken.iter_mut().filter(|t| t.0 == from).for_each(|t| t.0 = to);
        self.dropped.iter_mut().filter(|t| **t == from).for_each(|t| *t = to);
    }

    /// Another value stands for objects that go by a value that is made anew: nothing is known of the new one.
    pub fn renew(&mut self, object: ValueId) {
        self.forget(object);
        self.taken.retain(|t| t.0 != object);
        self.dropped.retain(|t| *t != object);
    }

    /// Whether two paths know the same objects to be gone.
    pub fn same(&self, other: &Objects) -> bool {
        self.freed.len() == other.freed.len() && self.freed.iter().all(|f| other.freed(f.0).is_some())
    }

    /// Whether two paths hold the same references.
    pub fn same_references(&self, other: &Objects) -> bool {
        self.taken.len() == other.taken.len() && self.taken.iter().all(|t| other.taken.contains(t))
    }

    /// Takes in a path that knows the same objects to be gone: a reference that one of them took counts as taken.
    pub fn join(&mut self, other: &Objects) {
        self.disturbed |= other.disturbed;
        other.dropped.iter().for_each(|&object| self.drop_reference(object));
        for &(object, count) in &other.taken {
            match self.taken.iter_mut().find(|t| t.0 == object) {
                Some(t) => t.1 = t.1.max(count),
                None => self.taken.push((object, count)),
            }
        }
    }
}
