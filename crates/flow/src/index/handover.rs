//! Locks that one function takes and another one gives back.
//!
//! A function that returns with a lock held, or that gives back one which it has not taken, is no defect if somebody does the other half. Noted per
//! function are the classes of locks that some way out keeps or gives back beyond what held at entry, and the callees whose lock, or whose
//! giving back, the function itself completes. The other half is seen where a caller completes it, or, where a callback, a table or another
//! thread does, by a function that ends with the opposite of it and is completed by nobody.

use super::facts::Fact;
use super::partners::Relation;
use crate::engine::Path;
use crate::engine::event::{Event, EventKind, Match};
use crate::program::{Callees, World};
use crate::summary::{FuncId, Way};
use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A lock on a way out, or the half of a callee that is completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LockHalf {
    /// Some way out keeps a lock of this class, or has given one back that was not taken; `own`: what it gives back it takes itself on other ways.
    Left { class: Symbol, kept: bool, own: bool },
    /// A lock that this callee took is given back (`kept`), or this callee gives back one that was taken; `sure`: not only one of the same kind.
    Completed { callee: FuncId, kept: bool, sure: bool },
}

/// Halves that are noted of one function.
const HALVES_MAX: usize = 32;

/// Notes the halves of one function.
#[derive(Default)]
pub(super) struct HalfRecorder {
    halves: Vec<LockHalf>,
    /// The classes that it takes and gives back itself.
    paired: SmallVec<[Symbol; 2]>,
}

impl HalfRecorder {
    pub fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        let locks = &path.state.locks;
        match &event.kind {
            EventKind::Release { lock, found: Some(how) } => {
                let sure = *how != Match::Kind;
                let taken = locks.meant(path.values, lock).and_then(|(held, _)| held.op);
                if taken.is_some() && !self.paired.contains(&lock.class) {
                    self.paired.push(lock.class);
                }
                for (op, kept) in [(taken, true), (Some(event.op), false)] {
                    for &callee in op.and_then(|op| path.world.callees(path.func, op)).map_or(&[][..], Callees::list) {
                        self.add(LockHalf::Completed { callee, kept, sure });
                    }
                }
            }
            // The caller's lock, given back before, is taken again by a callee that leaves it so.
            EventKind::Acquire(a) if locks.released.iter().any(|r| r.class == a.lock.class) => {
                if let Way::Callee(callee, _) = event.way
                    && path.world.summary(callee).is_some_and(|s| s.leaves_taken(a.lock.class))
                {
                    self.add(LockHalf::Completed { callee, kept: true, sure: true });
                }
            }
            EventKind::Exit { .. } => {
                for lock in locks.held.iter().filter(|l| l.guard == 0 && l.op.is_some()) {
                    self.add(LockHalf::Left { class: lock.class, kept: true, own: false });
                }
                for lock in &locks.released {
                    self.add(LockHalf::Left { class: lock.class, kept: false, own: false });
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, half: LockHalf) {
        if self.halves.len() < HALVES_MAX && !self.halves.contains(&half) {
            self.halves.push(half);
        }
    }

    pub fn facts(self) -> impl Iterator<Item = Fact> {
        let paired = self.paired;
        self.halves.into_iter().map(move |half| match half {
            LockHalf::Left { class, kept: false, .. } => Fact::Half(LockHalf::Left { class, kept: false, own: paired.contains(&class) }),
            half => Fact::Half(half),
        })
    }
}

/// Who does the other half of what functions leave of locks.
#[derive(Default)]
pub struct Handovers {
    /// Functions are added in their order.
    pub(super) left: FxHashMap<(Symbol, bool), Vec<FuncId>>,
    completed: FxHashSet<(FuncId, bool)>,
    /// Those of which it is sure that it was the same lock.
    surely: FxHashSet<(FuncId, bool)>,
    /// Who gives back for somebody what he takes himself on other ways: that is a mistake of his own, or a matter of conditions.
    own: FxHashSet<(FuncId, Symbol)>,
}

/// Callers that are asked.
pub(super) const CALLERS_MAX: usize = 64;
/// Callers that are followed upwards.
const DEPTH_MAX: u32 = 4;

impl Handovers {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        match fact {
            Fact::Half(LockHalf::Left { class, kept, own }) => {
                self.left.entry((*class, *kept)).or_default().push(func);
                if *own {
                    self.own.insert((func, *class));
                }
            }
            Fact::Half(LockHalf::Completed { callee, kept, sure }) => {
                self.completed.insert((*callee, *kept));
                if *sure {
                    self.surely.insert((*callee, *kept));
                }
            }
            _ => {}
        }
    }

    /// Whether some caller does the other half of what a function keeps, or gives back.
    pub fn is_completed(&self, func: FuncId, kept: bool) -> bool {
        self.completed.contains(&(func, kept))
    }

    /// Who does the other half of what a function leaves: a caller of it, or of one that hands it on; or a function that has to do with it, that leaves the
    /// opposite of the class, and of which no caller does the other half.
    pub fn other_half(&self, world: &World<'_>, func: FuncId, class: Symbol, kept: bool) -> Option<FuncId> {
        self.completed_above(&self.completed, world, (func, class, kept), 0).or_else(|| {
            let opposite = self.left.get(&(class, !kept))?;
            let relation = Relation::new(self, world, func, class, kept);
            let below = |f: &FuncId| world.callees[f.index()].iter().flat_map(|c| c.1.list()).any(|g| self.own.contains(&(*g, class)));
            let gives = |f: &FuncId| !kept || !self.own.contains(&(*f, class)) && !below(f);
            opposite.iter().find(|f| gives(f) && relation.holds(**f) && self.is_open(world, **f, func, class, !kept)).copied()
        })
    }

    /// Whether nobody does the other half of what a function leaves; or only `beside` does, though others call it through a table (its resume where suspending fails).
    fn is_open(&self, world: &World<'_>, func: FuncId, beside: FuncId, class: Symbol, kept: bool) -> bool {
        let bound = || world.bound.binary_search_by_key(&func, |b| b.func).is_ok();
        // That a pointer to some lock of the kind was given back by it makes it nobody's.
        self.completed_above(&self.surely, world, (func, class, kept), 0).is_none() || bound() && by_name(world, func).all(|f| f == beside)
    }

    /// Whether some way out of a function keeps a lock of a class, or gives one back that was not taken.
    pub(super) fn leaves(&self, func: FuncId, class: Symbol, kept: bool) -> bool {
        self.left.get(&(class, kept)).is_some_and(|l| l.binary_search(&func).is_ok())
    }

    fn completed_above(
        &self,
        completed: &FxHashSet<(FuncId, bool)>,
        world: &World<'_>,
        (func, class, kept): (FuncId, Symbol, bool),
        depth: u32,
    ) -> Option<FuncId> {
        if completed.contains(&(func, kept)) {
            return Some(by_name(world, func).next().unwrap_or(func));
        }
        let up = by_name(world, func).filter(|f| *f != func && self.leaves(*f, class, kept));
        let above = |f| if depth < DEPTH_MAX { self.completed_above(completed, world, (f, class, kept), depth + 1) } else { Some(f) };
        up.take(CALLERS_MAX).find_map(above)
    }
}

/// Who calls a function by its name.
pub(super) fn by_name<'w>(world: &'w World<'_>, func: FuncId) -> impl Iterator<Item = FuncId> + 'w {
    world.callers(func).chunk_by(|a, b| a.func == b.func).filter(|calls| calls.iter().any(|c| c.certain())).map(|calls| calls[0].func)
}
