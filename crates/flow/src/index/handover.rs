//! Locks that one function takes and another one gives back.
//!
//! A function that returns with a lock held, or that gives back one which it has not taken, is no defect if somebody does the other half. Noted per
//! function are the classes of locks that some way out keeps or gives back beyond what held at entry, and the callees whose lock, or whose
//! giving back, the function itself completes. The other half is seen where a caller completes it, or, where a callback, a table or another
//! thread does, by a function that ends with the opposite of it and is completed by nobody.

use super::facts::Fact;
use crate::engine::Path;
use crate::engine::event::{Event, EventKind};
use crate::program::{Callees, World};
use crate::summary::FuncId;
use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

/// A lock on a way out, or the half of a callee that is completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LockHalf {
    /// Some way out keeps a lock of this class, or has given one back that was not taken.
    Left { class: Symbol, kept: bool },
    /// A lock that this callee took is given back, or this callee gives back one that was taken.
    Completed { callee: FuncId },
}

/// Halves that are noted of one function.
const HALVES_MAX: usize = 32;

/// Notes the halves of one function.
#[derive(Default)]
pub(super) struct HalfRecorder(Vec<LockHalf>);

impl HalfRecorder {
    pub fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        let locks = &path.state.locks;
        match &event.kind {
            EventKind::Release { lock, found: Some(_) } => {
                let taken = locks.find(path.values, lock).and_then(|(i, _)| locks.held[i].op);
                for op in [taken, Some(event.op)].into_iter().flatten() {
                    for &callee in path.world.callees(path.func, op).map_or(&[][..], Callees::list) {
                        self.add(LockHalf::Completed { callee });
                    }
                }
            }
            EventKind::Exit { .. } => {
                for lock in locks.held.iter().filter(|l| l.guard == 0 && l.op.is_some()) {
                    self.add(LockHalf::Left { class: lock.class, kept: true });
                }
                for lock in &locks.released {
                    self.add(LockHalf::Left { class: lock.class, kept: false });
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, half: LockHalf) {
        if self.0.len() < HALVES_MAX && !self.0.contains(&half) {
            self.0.push(half);
        }
    }

    pub fn facts(self) -> impl Iterator<Item = Fact> {
        self.0.into_iter().map(Fact::Half)
    }
}

/// Who does the other half of what functions leave of locks.
#[derive(Default)]
pub struct Handovers {
    /// Functions are added in their order.
    left: FxHashMap<(Symbol, bool), Vec<FuncId>>,
    completed: FxHashSet<FuncId>,
}

/// Callers that are asked.
const CALLERS_MAX: usize = 64;
/// Callers that are followed upwards.
const DEPTH_MAX: u32 = 4;

impl Handovers {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        match fact {
            Fact::Half(LockHalf::Left { class, kept }) => {
                self.left.entry((*class, *kept)).or_default().push(func);
            }
            Fact::Half(LockHalf::Completed { callee }) => {
                self.completed.insert(*callee);
            }
            _ => {}
        }
    }

    /// Whether some caller does the other half of what a function does to locks.
    pub fn is_completed(&self, func: FuncId) -> bool {
        self.completed.contains(&func)
    }

    /// Who does the other half of what a function leaves: a caller of it, or of one that hands it on; or a function that leaves the opposite
    /// of the class, of which no caller does the other half.
    pub fn other_half(&self, world: &World<'_>, func: FuncId, class: Symbol, kept: bool) -> Option<FuncId> {
        self.completed_above(world, func, class, kept, 0).or_else(|| {
            let opposite = self.left.get(&(class, !kept))?;
            opposite.iter().find(|f| **f != func && self.completed_above(world, **f, class, !kept, 0).is_none()).copied()
        })
    }

    fn completed_above(&self, world: &World<'_>, func: FuncId, class: Symbol, kept: bool, depth: u32) -> Option<FuncId> {
        if self.completed.contains(&func) {
            return Some(by_name(world, func).next().unwrap_or(func));
        }
        let leaves = |f: &FuncId| self.left.get(&(class, kept)).is_some_and(|l| l.binary_search(f).is_ok());
        let up = by_name(world, func).filter(|f| *f != func && leaves(f));
        up.take(CALLERS_MAX).find_map(|f| if depth < DEPTH_MAX { self.completed_above(world, f, class, kept, depth + 1) } else { Some(f) })
    }
}

/// Who calls a function by its name.
fn by_name<'w>(world: &'w World<'_>, func: FuncId) -> impl Iterator<Item = FuncId> + 'w {
    world.callers(func).chunk_by(|a, b| a.func == b.func).filter(|calls| calls.iter().any(|c| c.certain())).map(|calls| calls[0].func)
}
