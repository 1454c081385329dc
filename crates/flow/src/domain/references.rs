//! References that a path has taken to objects, and those of others that it gave up.
//!
//! A reference is known by the pointer that it was taken through (`&p->ref`, or what a look-up gave), so that two counts in one object are two. What was
//! taken through the object itself and given back through a member of it (`of_find_device_by_node()`, `put_device(&pdev->dev)`) is one reference all the
//! same. An entry stays when its last reference was given back: giving back once more is another matter than giving up what was never taken.

use crate::body::{OpId, Record};
use crate::summary::Way;
use crate::value::ValueId;
use cuthere_base::Symbol;
use smallvec::SmallVec;

/// How a path came by a reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// It was added to an object that was at hand.
    Added,
    /// The result of a call came with it.
    Result,
    /// The loop holds it for the element at hand.
    Cursor,
    /// The path made the object, whose count began with it.
    Initial,
}

/// A reference, or several to one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    pub pointer: ValueId,
    /// The pointer that everything in the object is reached through.
    pub object: ValueId,
    pub counter: Symbol,
    /// How many are held.
    pub count: u8,
    pub source: Source,
    /// The operation that took the first.
    pub op: OpId,
    pub way: Way,
    /// The pointer was stored in memory, or handed to code that keeps it: somebody else may give the reference back.
    pub shared: bool,
    /// It was handed to code that was not read, which may keep it.
    pub lent: bool,
    /// Paths that differed in it were merged.
    pub doubtful: bool,
    /// The last calls that got the object and gave a result.
    pub given_to: [Option<OpId>; 2],
    /// The one object that the pointer was stored in, which this path has made.
    pub holder: Option<ValueId>,
    /// That object was freed as mere memory: by which operation.
    pub lost: Option<OpId>,
    /// What the pointer points to, by its type.
    pub record: Record,
    /// A callee gives up such a reference, or some reference of its kind, to what it comes to in memory.
    pub helped: bool,
    /// The last variable that led to the object was given another value: by which operation.
    pub overwritten: Option<OpId>,
    /// The last decision before it was taken; index into the trail.
    pub trail: u32,
    /// Paths that differed were merged since.
    pub merged: bool,
}

/// A reference that was not taken on this path and that was given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    pub pointer: ValueId,
    pub object: ValueId,
    pub counter: Symbol,
    pub count: u8,
    pub op: OpId,
    pub way: Way,
}

/// The references of one path.
#[derive(Debug, Default)]
pub struct References {
    taken: SmallVec<[Taken; 1]>,
    dropped: SmallVec<[Dropped; 1]>,
}

/// More objects with references than this are not kept; the newest are left out.
const TAKEN_MAX: usize = 12;

impl Clone for References {
    fn clone(&self) -> References {
        References { taken: SmallVec::from_slice(&self.taken), dropped: SmallVec::from_slice(&self.dropped) }
    }
}

impl References {
    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Whether nothing is known.
    pub fn nothing(&self) -> bool {
        self.taken.is_empty() && self.dropped.is_empty()
    }

    /// The pointers of all.
    pub fn pointers(&self) -> impl Iterator<Item = ValueId> {
        self.taken.iter().map(|t| t.pointer).chain(self.dropped.iter().map(|d| d.pointer))
    }

    /// Keeps references to some objects.
    pub fn retain(&mut self, keep: impl Fn(ValueId) -> bool) {
        self.taken.retain(|t| keep(t.object));
    }

    /// All that were taken, those given back included.
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// All that were given up and not taken before.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// The reference that giving one back through a pointer means: one taken through the very pointer, else through the object or a member of it.
    fn meant(&self, pointer: ValueId, object: ValueId, counter: Symbol, held: bool) -> Option<usize> {
        let fits = |t: &Taken| t.counter == counter && (t.count > 0) == held;
        let whole = |t: &Taken| t.object == object && (t.pointer == object || pointer == object);
        let exact = self.taken.iter().position(|t| fits(t) && t.pointer == pointer);
        exact.or_else(|| self.taken.iter().position(|t| fits(t) && whole(t)))
    }

    /// Takes `new`, or one more of the same.
    pub fn take(&mut self, new: Taken) {
        let same = |t: &&mut Taken| t.pointer == new.pointer && t.counter == new.counter;
        if let Some(t) = self.taken.iter_mut().find(same) {
            *t = if t.count > 0 { Taken { count: t.count.saturating_add(new.count), ..*t } } else { new };
        } else if self.taken.len() < TAKEN_MAX {
            self.taken.push(new);
        }
    }

    /// The reference that would be given back.
    pub fn find(&self, pointer: ValueId, object: ValueId, counter: Symbol) -> Option<&Taken> {
        self.meant(pointer, object, counter, true).map(|at| &self.taken[at])
    }

    /// The reference that was given back before, where none is left to give back.
    pub fn spent(&self, pointer: ValueId, object: ValueId, counter: Symbol) -> Option<&Taken> {
        self.meant(pointer, object, counter, false).map(|at| &self.taken[at])
    }

    /// Gives one back, and says how it had been taken and how many are left; `None`: none was taken on this path.
    pub fn give_back(&mut self, pointer: ValueId, object: ValueId, counter: Symbol) -> Option<Taken> {
        let at = self.meant(pointer, object, counter, true)?;
        self.taken[at].count -= 1;
        Some(self.taken[at])
    }

    /// Gives up one that the path did not take itself.
    pub fn drop_one(&mut self, new: Dropped) {
        if let Some(d) = self.dropped.iter_mut().find(|d| d.pointer == new.pointer && d.counter == new.counter) {
            d.count = d.count.saturating_add(new.count);
        } else if self.dropped.len() < TAKEN_MAX {
            self.dropped.push(new);
        }
    }

    /// Whether a reference to an object was given up that the path did not take itself.
    pub fn gave_up(&self, object: ValueId) -> bool {
        self.dropped.iter().any(|d| d.object == object && d.counter.is_empty())
    }

    /// Somebody else knows an object from now on, or may.
    pub fn share(&mut self, meant: impl Fn(&Taken) -> bool, certain: bool) {
        for t in self.taken.iter_mut().filter(|t| meant(t)) {
            t.shared |= certain;
            t.lent |= !certain;
            t.holder = None;
        }
    }

    /// Whether nobody else was told of an object yet to which a reference is held.
    pub fn is_own(&self, object: ValueId) -> bool {
        self.taken.iter().any(|t| t.object == object && t.count > 0 && !t.shared && !t.lent)
    }

    /// An object to which a reference is held was stored in another.
    pub fn hold(&mut self, object: ValueId, holder: ValueId) {
        self.taken.iter_mut().filter(|t| t.object == object && t.count > 0).for_each(|t| t.holder = Some(holder));
    }

    /// Somebody may have given back what an object holds.
    pub fn release_held(&mut self, holder: ValueId) {
        self.taken.iter_mut().filter(|t| t.holder == Some(holder)).for_each(|t| t.holder = None);
    }

    /// Whether any object is known to hold a reference.
    pub fn any_held(&self) -> bool {
        self.taken.iter().any(|t| t.holder.is_some())
    }

    /// An object is freed with the references that it holds.
    pub fn lose_with(&mut self, holder: ValueId, op: OpId) {
        self.taken.iter_mut().filter(|t| t.holder == Some(holder) && t.count > 0).for_each(|t| t.lost = Some(op));
    }

    /// A call may give back what is meant.
    pub fn help(&mut self, meant: impl Fn(&Taken) -> bool) {
        self.taken.iter_mut().filter(|t| t.count > 0 && meant(t)).for_each(|t| t.helped = true);
    }

    /// No variable leads to an object any more to which a reference is held that nobody else knows of.
    pub fn overwrite(&mut self, object: ValueId, op: OpId) {
        let kept = |t: &&mut Taken| t.object == object && t.count > 0 && !t.shared && !t.lent && t.overwritten.is_none();
        self.taken.iter_mut().filter(kept).for_each(|t| t.overwritten = Some(op));
    }

    /// An object is gone, and what was held of it.
    pub fn end(&mut self, object: ValueId) {
        self.taken.retain(|t| t.object != object);
    }

    /// A call with a result gets an object.
    pub fn give(&mut self, object: ValueId, op: OpId) {
        for t in self.taken.iter_mut().filter(|t| t.object == object && t.given_to[0] != Some(op)) {
            t.given_to = [Some(op), t.given_to[0]];
        }
    }

    /// Nothing is known of an object any more.
    pub fn forget(&mut self, object: ValueId) {
        self.taken.retain(|t| t.object != object);
        self.dropped.retain(|d| d.object != object);
    }

    /// Another value stands for an object from now on.
    pub fn rename(&mut self, from: ValueId, to: ValueId) {
        self.taken.iter_mut().filter(|t| t.object == from).for_each(|t| (t.object, t.pointer) = (to, to));
        self.taken.iter_mut().filter(|t| t.holder == Some(from)).for_each(|t| t.holder = Some(to));
        self.dropped.iter_mut().filter(|d| d.object == from).for_each(|d| (d.object, d.pointer) = (to, to));
    }

    /// Whether two paths hold the same references.
    pub fn same(&self, other: &References) -> bool {
        let same = |a: &Taken, b: &Taken| {
            a.pointer == b.pointer
                && a.counter == b.counter
                && a.count == b.count
                && a.shared == b.shared
                && a.lent == b.lent
                && a.lost == b.lost
                && a.overwritten == b.overwritten
                && a.helped == b.helped
        };
        self.taken.len() == other.taken.len()
            && self.taken.iter().all(|t| other.taken.iter().any(|u| same(t, u)))
            && self.dropped.len() == other.dropped.len()
            && self.dropped.iter().all(|d| other.dropped.iter().any(|e| e.pointer == d.pointer && e.count == d.count))
    }

    /// Takes in another path: a reference that only one of them holds counts as held, but nothing rests on it.
    pub fn join(&mut self, other: &References) {
        for t in &mut self.taken {
            t.merged = true;
            match other.taken.iter().find(|u| u.pointer == t.pointer && u.counter == t.counter) {
                Some(u) => {
                    t.doubtful |= u.doubtful || u.count != t.count;
                    t.count = t.count.max(u.count);
                    t.shared |= u.shared;
                    t.lent |= u.lent;
                    t.holder = t.holder.filter(|_| t.holder == u.holder);
                    t.helped |= u.helped;
                    t.lost = t.lost.filter(|_| t.lost == u.lost);
                    t.overwritten = t.overwritten.filter(|_| t.overwritten == u.overwritten);
                }
                None => t.doubtful = true,
            }
        }
        for u in &other.taken {
            if self.taken.len() < TAKEN_MAX && !self.taken.iter().any(|t| t.pointer == u.pointer && t.counter == u.counter) {
                self.taken.push(Taken { doubtful: true, merged: true, ..*u });
            }
        }
        for d in &other.dropped {
            if !self.dropped.iter().any(|e| e.pointer == d.pointer && e.counter == d.counter) {
                self.drop_one(*d);
            }
        }
    }
}
