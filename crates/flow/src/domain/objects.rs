//! What happened to the objects that a path knows by pointer: so far, that they were freed.
//!
//! An object is known by the pointer value that everything in it is reached through ([`crate::value::Values::pointer_root`]), so that copies of the
//! pointer are one object. Kept only for objects to which something happened.

use crate::body::OpId;
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
    /// Only when a grace period has ended.
    pub deferred: bool,
}

/// Objects freed on a path, by pointer.
#[derive(Debug, Default)]
pub struct Objects {
    freed: SmallVec<[(ValueId, Freed); 1]>,
}

/// More freed objects than this are not kept; the oldest are forgotten, which loses findings only.
const FREED_MAX: usize = 12;

impl Clone for Objects {
    fn clone(&self) -> Objects {
        Objects { freed: SmallVec::from_slice(&self.freed) }
    }
}

impl Objects {
    pub fn is_empty(&self) -> bool {
        self.freed.is_empty()
    }

    /// How an object was freed, if it was.
    pub fn freed(&self, object: ValueId) -> Option<&Freed> {
        self.freed.iter().find(|f| f.0 == object).map(|f| &f.1)
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

    /// Nothing is known of an object any more.
    pub fn forget(&mut self, object: ValueId) {
        self.freed.retain(|f| f.0 != object);
    }

    /// Keeps what is known of some objects.
    pub fn retain(&mut self, mut keep: impl FnMut(ValueId) -> bool) {
        self.freed.retain(|f| keep(f.0));
    }

    /// Another value stands for an object from now on.
    pub fn rename(&mut self, from: ValueId, to: ValueId) {
        for f in self.freed.iter_mut().filter(|f| f.0 == from) {
            f.0 = to;
        }
    }

    /// Whether two paths know the same objects to be gone.
    pub fn same(&self, other: &Objects) -> bool {
        self.freed.len() == other.freed.len() && self.freed.iter().all(|f| other.freed(f.0).is_some())
    }
}
