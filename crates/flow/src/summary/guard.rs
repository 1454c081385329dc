//! Conditions on a function's arguments.

use crate::value::Interval;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A condition on one argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Test {
    In(Interval),
    /// Some bit of the mask is set.
    AnyBit(i64),
    /// No bit of the mask is set.
    NoBit(i64),
}

/// A conjunction of conditions on arguments, by number; empty: always.
pub type Guard = SmallVec<[(u8, Test); 2]>;

/// A disjunction of guards: any of them suffices. Never empty; a single empty guard means always.
pub type Condition = SmallVec<[Guard; 1]>;

/// Adds a way in which a condition holds, and keeps the whole short.
pub(crate) fn add_guard(guards: &mut Condition, guard: Guard) {
    if guards.iter().any(|g| g.is_empty() || *g == guard) {
        return;
    }
    if guard.is_empty() {
        guards.clear();
        guards.push(guard);
        return;
    }
    // One that implies another adds nothing.
    if guards.iter().any(|g| g.iter().all(|i| guard.contains(i))) {
        return;
    }
    guards.retain(|g| !guard.iter().all(|i| g.contains(i)));
    if guards.len() >= 3 {
        // What all of them ask for remains.
        let mut common = guard;
        for g in guards.iter() {
            weaken(&mut common, g);
        }
        guards.clear();
        guards.push(common);
    } else {
        guards.push(guard);
    }
}

/// Keeps what holds in both.
pub(crate) fn weaken(guard: &mut Guard, other: &Guard) {
    guard.retain(|(p, t)| match t {
        Test::In(x) => other.iter().any(|(q, u)| match u {
            Test::In(y) if q == p => {
                *x = x.join(*y);
                *x != Interval::TOP
            }
            _ => false,
        }),
        _ => other.contains(&(*p, *t)),
    });
}

/// Whether no arguments satisfy both.
pub fn contradict(a: &Guard, b: &Guard) -> bool {
    a.iter().any(|(p, t)| {
        b.iter().any(|(q, u)| {
            p == q
                && match (t, u) {
                    (Test::In(x), Test::In(y)) => x.meet(*y).is_none(),
                    (Test::AnyBit(x), Test::NoBit(y)) | (Test::NoBit(y), Test::AnyBit(x)) => x & !y == 0,
                    _ => false,
                }
        })
    })
}
