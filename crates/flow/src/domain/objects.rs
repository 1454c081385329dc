//! What happened to the objects that a path knows by pointer: that they were freed, put on lists, and that references to them were taken.
//!
//! An object is known by the pointer value that everything in it is reached through ([`crate::value::Values::pointer_root`]), so that copies of the
//! pointer are one object. Kept only for objects to which something happened. A freed object stays freed; what changes is what places hold, which the
//! engine makes unknown where a call may have put another pointer there.

use super::references::References;
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
    /// Of such: a look-up had given the reference, and the path has no other.
    pub given: bool,
    /// Of such: by the model's word, so that it is the path's alone.
    pub looked_up: bool,
    /// Of such: the code that frees it when the count is zero is known.
    pub released: bool,
    /// Of such: the path made the object, and nobody else was given a reference.
    pub sole: bool,
    /// A callee frees it depending on what it finds in memory.
    pub by_state: bool,
    /// What the pointer stands for is gone, not what it points to (`struct page`).
    pub handle: bool,
    /// It may have been put elsewhere: what leads into it from before is stale.
    pub moved: bool,
    /// A callee freed it on some of the ways in which it may have returned: the result that tells.
    pub result: Option<ValueId>,
    /// In a later round of a loop.
    pub later_round: bool,
    /// The last decision before it; index into the trail.
    pub trail: u32,
    /// Paths that differed were merged since.
    pub merged: bool,
    /// A use was shown to observers: once said is enough.
    pub told: bool,
    /// The place in memory that led to it leads there no more; known when the function returns.
    pub replaced: bool,
}

impl Freed {
    /// Freed by what the call at an operation calls, at once.
    pub fn by(op: OpId, by: Symbol) -> Freed {
        Freed {
            op,
            way: Way::Model(by),
            by,
            written: None,
            deferred: false,
            last: false,
            put: false,
            given: false,
            looked_up: false,
            released: false,
            sole: false,
            by_state: false,
            handle: false,
            moved: false,
            result: None,
            later_round: false,
            trail: 0,
            merged: false,
            told: false,
            replaced: false,
        }
    }
}

/// Objects to which something happened on a path, by pointer.
#[derive(Debug, Default)]
pub struct Objects {
    freed: SmallVec<[(ValueId, Freed); 1]>,
    pub references: References,
    /// Objects that this path has put on a list and not taken off again, and where.
    linked: SmallVec<[(ValueId, OpId); 1]>,
    /// A call that may have changed any memory was made.
    pub disturbed: bool,
}

/// More freed objects than this are not kept; the oldest are forgotten, which loses findings only.
const FREED_MAX: usize = 12;
/// More objects on lists than this are not kept; the newest are left out.
const LINKED_MAX: usize = 6;

impl Clone for Objects {
    fn clone(&self) -> Objects {
        let (freed, linked) = (SmallVec::from_slice(&self.freed), SmallVec::from_slice(&self.linked));
        Objects { freed, references: self.references.clone(), linked, disturbed: self.disturbed }
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

    /// A member of an object is put on a list.
    pub fn link(&mut self, object: ValueId, op: OpId) {
        if self.linked.len() < LINKED_MAX && self.linked(object).is_none() {
            self.linked.push((object, op));
        }
    }

    /// Whether an object is on a list, and since when.
    pub fn linked(&self, object: ValueId) -> Option<OpId> {
        self.linked.iter().find(|l| l.0 == object).map(|l| l.1)
    }

    /// Whether a reference to an object was taken and not given back.
    pub fn holds(&self, object: ValueId) -> bool {
        self.references.taken().iter().any(|t| t.object == object && t.count > 0)
    }

    /// An object may have been taken off its lists.
    pub fn unlink(&mut self, object: ValueId) {
        self.linked.retain(|l| l.0 != object);
    }

    /// Any object may have been.
    pub fn unlink_all(&mut self) {
        self.linked.clear();
    }

    /// Whether any object is known to be on a list.
    pub fn any_linked(&self) -> bool {
        !self.linked.is_empty()
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
        self.linked.iter_mut().filter(|l| l.0 == from).for_each(|l| l.0 = to);
        self.references.rename(from, to);
    }

    /// Another value stands for objects that go by a value that is made anew: nothing is known of the new one.
    pub fn renew(&mut self, object: ValueId) {
        self.forget(object);
        self.unlink(object);
        self.references.forget(object);
    }

    /// Whether two paths know the same objects to be gone.
    pub fn same(&self, other: &Objects) -> bool {
        self.freed.len() == other.freed.len() && self.freed.iter().all(|f| other.freed(f.0).is_some())
    }

    /// Whether two paths hold the same references, and have put the same objects on lists.
    pub fn same_references(&self, other: &Objects) -> bool {
        let linked = |l: &(ValueId, OpId)| other.linked(l.0).is_some();
        self.references.same(&other.references) && self.linked.len() == other.linked.len() && self.linked.iter().all(linked)
    }

    /// Takes in a path that knows the same objects to be gone: what only one of them has put on a list counts for neither.
    pub fn join(&mut self, other: &Objects) {
        self.disturbed |= other.disturbed;
        self.freed.iter_mut().for_each(|f| f.1.merged = true);
        self.references.join(&other.references);
        self.linked.retain(|l| other.linked(l.0).is_some());
    }
}
