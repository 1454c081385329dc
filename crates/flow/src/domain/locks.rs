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
    /// On all ways of the callee that took it or gave it back.
    pub sure: bool,
}

/// A lock that was taken and given back here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Past {
    pub place: ValueId,
    /// The operations.
    pub taken: OpId,
    pub given: OpId,
    /// It was given back by the name that it was taken by.
    pub exact: bool,
}

/// The locks of one path.
#[derive(Debug, Default)]
pub struct Locks {
    /// Outermost first.
    pub held: SmallVec<[Held; 2]>,
    /// Locks of the caller that were given back here.
    pub released: SmallVec<[Held; 1]>,
    /// Locks that are held or are not: a callee took them or gave them back on some of its ways, and nothing tells on which it returned. Giving one
    /// of them back is in order, and so is leaving it.
    pub perhaps: SmallVec<[Held; 1]>,
    /// Evidence for observers: paths that differ in it alone are one.
    pub past: SmallVec<[Past; 1]>,
    /// Locks that the code says its caller holds (`lockdep_assert_held()`).
    pub asserted: SmallVec<[ValueId; 1]>,
    /// A call may have taken or given back locks, and nothing tells on which of its ways it returned.
    pub doubtful: bool,
}

/// More locks than this are not told apart.
const HELD_MAX: usize = 48;
/// More locks given back, or asserted to be held, are not remembered: findings get lost, nothing else.
const PAST_MAX: usize = 8;

impl Clone for Locks {
    fn clone(&self) -> Locks {
        Locks {
            held: SmallVec::from_slice(&self.held),
            released: SmallVec::from_slice(&self.released),
            perhaps: SmallVec::from_slice(&self.perhaps),
            past: SmallVec::from_slice(&self.past),
            asserted: SmallVec::from_slice(&self.asserted),
            doubtful: self.doubtful,
        }
    }
}

impl Locks {
    /// Whether some lock held keeps the CPU from being given away.
    pub fn spin(&self) -> bool {
        self.held.iter().any(|l| l.kind.spins())
    }

    /// Takes a lock; false: there are too many to keep.
    pub fn acquire(&mut self, lock: Held) -> bool {
        let again = |r: &Held| r.mode == lock.mode && (r.place == lock.place || (r.class == lock.class && r.kind == lock.kind));
        if let Some(i) = self.released.iter().position(again) {
            self.released.remove(i);
            self.assert_held(lock.place);
            return true;
        }
        if self.held.len() >= HELD_MAX {
            return false;
        }
        self.perhaps.retain(|p| p.place != lock.place);
        self.past.retain(|p| p.place != lock.place);
        self.held.push(lock);
        true
    }

    /// Which of the locks held is meant by giving one back.
    pub fn find(&self, values: &Values, lock: &Held) -> Option<(usize, Match)> {
        find(&self.held, values, lock)
    }

    /// Which of the locks held, or held perhaps, is meant by giving one back.
    pub fn meant(&self, values: &Values, lock: &Held) -> Option<(Held, Match)> {
        let held = self.find(values, lock).map(|(i, how)| (self.held[i], how));
        held.or_else(|| self.find_perhaps(values, lock).map(|(i, how)| (self.perhaps[i], how)))
    }

    /// Which of the locks held perhaps is meant: that it is of the same kind says nothing of these.
    fn find_perhaps(&self, values: &Values, lock: &Held) -> Option<(usize, Match)> {
        find(&self.perhaps, values, lock).filter(|(_, how)| *how != Match::Kind)
    }

    /// A callee has taken a lock on some of its ways.
    pub fn acquire_perhaps(&mut self, lock: Held) {
        let known = |l: &Held| l.place == lock.place || l.class == lock.class && l.kind == lock.kind;
        if self.perhaps.len() < PAST_MAX && !self.held.iter().chain(&self.perhaps).any(known) {
            self.perhaps.push(lock);
        }
    }

    /// Whether giving a lock back on some ways is the other half of taking it on some: both stand under one condition.
    pub fn is_half(&self, values: &Values, lock: &Held) -> bool {
        self.find_perhaps(values, lock).is_some_and(|(i, _)| !self.perhaps[i].sure)
    }

    /// A callee has given a lock back on some of its ways; whether it is one that is held here, or perhaps.
    pub fn release_perhaps(&mut self, values: &Values, lock: &Held) -> bool {
        let Some((i, _)) = self.find(values, lock) else {
            let half = self.find_perhaps(values, lock).map(|(i, _)| i);
            // What was taken on some ways, and is given back on some, is a pair.
            if let Some(i) = half.filter(|i| !self.perhaps[*i].sure) {
                self.perhaps.remove(i);
            }
            return half.is_some();
        };
        let held = self.held.remove(i);
        self.doubtful = true;
        self.perhaps.push(held);
        true
    }

    /// Gives a lock back; false: there are too many to keep.
    pub fn release(&mut self, values: &Values, lock: Held) -> bool {
        self.asserted.retain(|place| *place != lock.place);
        match self.find(values, &lock) {
            Some((i, how)) => {
                let held = self.held.remove(i);
                if let (Some(taken), Some(given)) = (held.op, lock.op)
                    && self.past.len() < PAST_MAX
                {
                    self.past.push(Past { place: held.place, taken, given, exact: how == Match::Exact });
                }
                true
            }
            None if let Some((i, _)) = self.find_perhaps(values, &lock) => {
                // If it was not taken there, it is the caller's.
                if !self.perhaps.remove(i).sure && self.released.len() < HELD_MAX {
                    self.released.push(Held { sure: false, ..lock });
                }
                true
            }
            None if self.released.len() < HELD_MAX => {
                // It may be one of several.
                self.doubtful |= self.held.iter().any(|l| may_be_one(values, l, &lock));
                self.released.push(lock);
                true
            }
            None => false,
        }
    }

    /// The code says that its caller holds a lock.
    pub fn assert_held(&mut self, place: ValueId) {
        if self.asserted.len() < PAST_MAX && !self.asserted.contains(&place) {
            self.asserted.push(place);
        }
    }

    /// Another value stands for a pointer from now on.
    pub fn rename(&mut self, values: &mut Values, from: ValueId, to: ValueId) {
        for place in self.held.iter_mut().chain(&mut self.perhaps).map(|l| &mut l.place).chain(self.past.iter_mut().map(|p| &mut p.place)) {
            *place = values.replace_root(*place, from, to);
        }
    }

    /// Whether a lock that was given back without being held may be one that is held, by another name. Two members are two locks.
    pub fn mistaken(&self, values: &Values, lock: &Held) -> bool {
        self.released.iter().any(|r| r.kind == lock.kind && !other_member(values, r.place, lock.place))
    }

    /// Two paths go on as one: what only one of them holds perhaps is held perhaps, and doubts stay.
    pub fn join(&mut self, other: &Locks) {
        self.doubtful |= other.doubtful;
        other.perhaps.iter().for_each(|l| self.acquire_perhaps(*l));
    }

    /// Whether two paths hold the same.
    pub fn same(&self, other: &Locks) -> bool {
        self.held.len() == other.held.len()
            && self.held.iter().zip(&other.held).all(|(a, b)| a.place == b.place && a.class == b.class)
            && self.released.len() == other.released.len()
            && self.released.iter().zip(&other.released).all(|(a, b)| a.class == b.class)
    }
}

/// Which of some locks is meant by giving one back.
fn find(all: &[Held], values: &Values, lock: &Held) -> Option<(usize, Match)> {
    if let Some(i) = all.iter().rposition(|l| l.place == lock.place) {
        return Some((i, Match::Exact));
    }
    // One object has more than one name where it was reached through memory; two arguments are two objects.
    if let Some(i) = all.iter().rposition(|l| {
        // What the function was entered with stands for whatever object its class is about.
        l.class == lock.class && l.kind == lock.kind && (l.op.is_none() || !distinct(values, l.place, lock.place))
    }) {
        return Some((i, Match::Class));
    }
    // A pointer to the lock that went through memory: the only one of its kind must be it.
    let mut same = all.iter().enumerate().filter(|(_, l)| l.op.is_some() && may_be_one(values, l, lock));
    match (same.next(), same.next()) {
        (Some((i, _)), None) => Some((i, Match::Kind)),
        _ => None,
    }
}

/// Whether two names may be those of one lock. What a callee names by its class alone is no member of another record.
fn may_be_one(values: &Values, a: &Held, b: &Held) -> bool {
    let named = |l: &Held| matches!(values.get(l.place), Value::PGlobal(name) if stands_for_class(name));
    let member = |l: &Held| stands_for_class(l.class);
    let apart = a.class != b.class && (named(a) || named(b)) && member(a) && member(b);
    a.kind == b.kind && !apart && !distinct(values, a.place, b.place)
}

/// Whether two locks are plainly not one: each lies directly in what another argument, or another variable of the whole program, names; or
/// they are two members.
fn distinct(values: &Values, a: ValueId, b: ValueId) -> bool {
    if other_member(values, a, b) {
        return true;
    }
    match (values.get(a), values.get(b)) {
        (Value::PField(_, x, r), Value::PField(_, y, s)) if !r.is_unknown() && !s.is_unknown() && (x, r) != (y, s) => return true,
        // One member of two members.
        (Value::PField(a, ..), Value::PField(b, ..))
            if matches!((values.get(a), values.get(b)), (Value::PField(..), Value::PField(..))) =>
        {
            return distinct(values, a, b);
        }
        (Value::PField(_, _, r), Value::PGlobal(name)) | (Value::PGlobal(name), Value::PField(_, _, r)) if !r.is_unknown() => {
            return !stands_for_class(name);
        }
        _ => {}
    }
    match (base(values, a), base(values, b)) {
        (Some(x), Some(y)) => x != y,
        _ => false,
    }
}

/// Whether two places are members of different names: so they are two, whatever records they are of.
fn other_member(values: &Values, a: ValueId, b: ValueId) -> bool {
    matches!((values.get(a), values.get(b)), (Value::PField(_, x, _), Value::PField(_, y, _)) if x != y)
}

/// The argument or global that a place lies in, without a load in between.
fn base(values: &Values, place: ValueId) -> Option<ValueId> {
    let mut at = place;
    loop {
        at = match values.get(at) {
            Value::PField(base, ..) => base,
            Value::PGlobal(name) => return (!stands_for_class(name)).then_some(at),
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

/// Whether the name of a place is that of a class (`record.member`): a callee has taken such a lock of an object that its caller cannot name.
fn stands_for_class(name: Symbol) -> bool {
    name.as_str().contains('.')
}
