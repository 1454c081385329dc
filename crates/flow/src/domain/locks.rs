//! The locks that a path holds, and the caller's locks that it gave back.

use crate::body::OpId;
use crate::engine::event::Match;
use crate::value::{Value, ValueId, Values};
use cuthere_base::Symbol;
use cuthere_kernel::{LockKind, LockMode};
use smallvec::SmallVec;

/// A lock held, or given back without being held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Held {
    /// The lock's place; for named locks a global place of that name.
    pub place: ValueId,
    /// `record.member`, or the name of a global or named lock.
    pub class: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
    /// The operation that took it; `None`: held at entry.
    pub op: Option<OpId>,
    /// The scope of `guard()` that holds it; 0: none.
    pub guard: u32,
}

/// The locks of one path.
#[derive(Debug, Default)]
pub struct Locks {
    /// Outermost first.
    pub held: SmallVec<[Held; 2]>,
    /// Locks of the caller that were given back here.
    pub released: SmallVec<[Held; 1]>,
}

/// More locks than this are not told apart.
const HELD_MAX: usize = 48;

impl Clone for Locks {
    fn clone(&self) -> Locks {
        Locks { held: SmallVec::from_slice(&self.held), released: SmallVec::from_slice(&self.released) }
    }
}

impl Locks {
    /// Whether some lock held keeps the CPU from being given away.
    pub fn spin(&self) -> bool {
        self.held.iter().any(|l| l.kind.spins())
    }

    /// Takes a lock; false: there are too many to keep.
    pub fn acquire(&mut self, lock: Held) -> bool {
        if let Some(i) = self.released.iter().position(|r| r.place == lock.place || (r.class == lock.class && r.kind == lock.kind)) {
            self.released.remove(i);
            return true;
        }
        if self.held.len() >= HELD_MAX {
            return false;
        }
        self.held.push(lock);
        true
    }

    /// Which of the locks held is meant by giving one back.
    pub fn find(&self, values: &Values, lock: &Held) -> Option<(usize, Match)> {
        if let Some(i) = self.held.iter().rposition(|l| l.place == lock.place) {
            return Some((i, Match::Exact));
        }
        // One object has more than one name where it was reached through memory; two arguments are two objects.
        if let Some(i) =
            self.held.iter().rposition(|l| l.class == lock.class && l.kind == lock.kind && !distinct(values, l.place, lock.place))
        {
            return Some((i, Match::Class));
        }
        // A pointer to the lock that went through memory: the only one of its kind must be it.
        let mut same =
            self.held.iter().enumerate().filter(|(_, l)| l.kind == lock.kind && l.op.is_some() && !distinct(values, l.place, lock.place));
        match (same.next(), same.next()) {
            (Some((i, _)), None) => Some((i, Match::Kind)),
            _ => None,
        }
    }

    /// Gives a lock back; false: there are too many to keep.
    pub fn release(&mut self, values: &Values, lock: Held) -> bool {
        match self.find(values, &lock) {
            Some((i, _)) => {
                self.held.remove(i);
                true
            }
            None if self.released.len() < HELD_MAX => {
                self.released.push(lock);
                true
            }
            None => false,
        }
    }

    /// Whether two paths hold the same.
    pub fn same(&self, other: &Locks) -> bool {
        self.held.len() == other.held.len()
            && self.held.iter().zip(&other.held).all(|(a, b)| a.place == b.place && a.class == b.class)
            && self.released.len() == other.released.len()
            && self.released.iter().zip(&other.released).all(|(a, b)| a.class == b.class)
    }
}

/// Whether two locks are plainly not one: each lies directly in what another argument, or another variable of the whole program, names.
fn distinct(values: &Values, a: ValueId, b: ValueId) -> bool {
    match (base(values, a), base(values, b)) {
        (Some(x), Some(y)) => x != y,
        _ => false,
    }
}

/// The argument or global that a place lies in, without a load in between.
fn base(values: &Values, place: ValueId) -> Option<ValueId> {
    let mut at = place;
    loop {
        at = match values.get(at) {
            Value::PField(base, ..) => base,
            Value::PGlobal(_) => return Some(at),
            Value::PDeref(v) => {
                return match values.get(v) {
                    Value::Entry(p) if matches!(values.get(p), Value::PLocal(_)) => Some(v),
                    _ => None,
                };
            }
            _ => return None,
        };
    }
}
