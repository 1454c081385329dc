//! Conditions on a function's arguments, and on memory that is reached from them, as they were when the function was entered.

use super::{RelPlace, RelRoot, RelStep};
use crate::body::{Body, Expr, ExprId};
use crate::value::Interval;
use cuthere_base::Symbol;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Steps from an argument to the memory that a condition speaks of; what is farther away is not spoken of.
const STEPS_MAX: usize = 3;

/// What a condition speaks of: an argument, or what a place reached from it held at entry (`p->flags`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Subject {
    pub param: u8,
    steps: [Option<RelStep>; STEPS_MAX],
}

impl Subject {
    /// An argument itself.
    pub fn arg(param: u8) -> Subject {
        Subject { param, steps: [None; STEPS_MAX] }
    }

    /// What is at a place relative to an argument; `None`: it is too far away, or reached otherwise.
    pub fn memory(place: &RelPlace) -> Option<Subject> {
        let RelRoot::Param(param) = place.root else { return None };
        if place.path.is_empty() || place.path.len() > STEPS_MAX {
            return None;
        }
        let mut steps = [None; STEPS_MAX];
        for (slot, step) in steps.iter_mut().zip(&place.path) {
            *slot = Some(*step);
        }
        Some(Subject { param, steps })
    }

    /// Whether it is an argument itself.
    pub fn is_arg(&self) -> bool {
        self.steps[0].is_none()
    }

    /// Whether it is a pointer by way of which a place is reached.
    fn leads_to(&self, place: &RelPlace) -> bool {
        let steps = self.steps.iter().flatten();
        place.root == RelRoot::Param(self.param)
            && place.path.len() > steps.clone().count()
            && steps.zip(&place.path).all(|(mine, its)| mine == its)
    }

    /// The place, for memory.
    pub fn place(&self) -> Option<RelPlace> {
        let path: SmallVec<[RelStep; 2]> = self.steps.iter().flatten().copied().collect();
        (!path.is_empty()).then_some(RelPlace { root: RelRoot::Param(self.param), path })
    }
}

/// A condition on one subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Test {
    In(Interval),
    /// Some bit of the mask is set.
    AnyBit(i64),
    /// No bit of the mask is set.
    NoBit(i64),
    /// It is this function.
    Function(Symbol),
}

/// A conjunction of conditions; empty: always.
pub type Guard = Vec<(Subject, Test)>;

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
    // Of two that leave nothing out, nothing remains.
    if let [new] = guard.as_slice()
        && guards.iter().any(|g| matches!(g.as_slice(), [old] if complementary(old, new)))
    {
        guards.clear();
        guards.push(Guard::new());
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

/// Whether one of two conditions on the same subject holds for every value.
fn complementary(a: &(Subject, Test), b: &(Subject, Test)) -> bool {
    a.0 == b.0
        && match (a.1, b.1) {
            (Test::In(x), Test::In(y)) => {
                let whole = |v: Interval| !v.not_zero && !v.not_err;
                let split =
                    |low: Interval, high: Interval| low.lo == i64::MIN && high.hi == i64::MAX && low.hi.checked_add(1) >= Some(high.lo);
                (x == Interval::ZERO && y == Interval::NON_ZERO)
                    || (y == Interval::ZERO && x == Interval::NON_ZERO)
                    || (whole(x) && whole(y) && (split(x, y) || split(y, x)))
            }
            (Test::AnyBit(x), Test::NoBit(y)) | (Test::NoBit(x), Test::AnyBit(y)) => x == y,
            _ => false,
        }
}

/// Keeps what holds in both.
pub(crate) fn weaken(guard: &mut Guard, other: &Guard) {
    guard.retain_mut(|(p, t)| match t {
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

/// Whether a guard of a function asks for nothing but good pointers: among its arguments, or on the way to a lock. Every use of the lock says as much.
pub fn asks_for_pointers(guard: &Guard, body: &Body, lock: Option<&RelPlace>) -> bool {
    let good = |test: &Test| matches!(test, Test::In(i) if *i == Interval::NON_ZERO || *i == Interval::OBJECT);
    let argument = |subject: &Subject| {
        let own = |place: ExprId| matches!(body.expr(place), Expr::Local(l) if l.number() == u32::from(subject.param));
        subject.is_arg() && body.exprs.iter().any(|e| matches!(*e, Expr::Load(place, to) if to.is_pointer() && own(place)))
    };
    guard.iter().all(|(subject, test)| good(test) && (lock.is_some_and(|l| subject.leads_to(l)) || argument(subject)))
}

/// Whether no arguments satisfy both.
pub fn contradict(a: &Guard, b: &Guard) -> bool {
    a.iter().any(|(p, t)| {
        b.iter().any(|(q, u)| {
            p == q
                && match (t, u) {
                    (Test::In(x), Test::In(y)) => x.meet(*y).is_none(),
                    (Test::AnyBit(x), Test::NoBit(y)) | (Test::NoBit(y), Test::AnyBit(x)) => x & !y == 0,
                    (Test::Function(x), Test::Function(y)) => x != y,
                    _ => false,
                }
        })
    })
}
