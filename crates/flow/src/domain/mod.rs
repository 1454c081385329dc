//! The state of one path: what places hold, what is known of values, and the typestate of locks, context and objects.

mod comparisons;
mod context;
mod locks;
mod objects;
mod references;

pub use context::{Ground, Preemption, Wait};
pub use locks::{Held, Locks, Past};
pub use objects::{Freed, Objects};
pub use references::{Dropped, References, Source, Taken};

use crate::body::{BlockId, OpId};
use crate::summary::Ctx;
use crate::value::{Interval, Value, ValueId, Values};
use smallvec::SmallVec;

/// A path's state.
#[derive(Debug, Default)]
pub struct State {
    /// Places written since entry, sorted by place.
    pub env: SmallVec<[(ValueId, ValueId); 8]>,
    /// Sorted by value.
    pub facts: SmallVec<[(ValueId, Interval); 6]>,
    pub locks: Locks,
    pub objects: Objects,
    pub ctx: Ctx,
    /// Operation that began each context part: preempt, bh, irq, rcu; `None`: it was so at entry.
    pub since: [Option<OpId>; 4],
    /// The code asked for its context (`in_interrupt()`), so it knows what it does.
    pub asked: bool,
    /// The code found that no interrupt runs and bh is not disabled (`!in_interrupt()`), which says nothing of spinlocks.
    pub no_interrupt: bool,
    /// The function implements an operation that must not sleep.
    pub contract: bool,
    /// Pointers dereferenced so far that were not known to be non-NULL before, with the operation.
    pub derefs: SmallVec<[(ValueId, OpId); 4]>,
    /// The last calls of functions that were not read and that the model does not know: what they do to locks and objects is not known.
    pub unread: SmallVec<[OpId; 4]>,
    /// Paths that differed were merged into this one: what one knew of the other's choices is lost.
    pub merged: bool,
    /// The last decision taken; index into the trail.
    pub trail: u32,
    /// Loop heads whose later rounds this state stands for.
    pub rounds: SmallVec<[BlockId; 4]>,
    /// The last decision before the last of these rounds began.
    pub round_trail: u32,
}

/// Calls of functions that were not read which a path remembers.
const UNREAD_MAX: usize = 4;

// The derived one would copy the lists element by element.
impl Clone for State {
    fn clone(&self) -> State {
        State {
            env: SmallVec::from_slice(&self.env),
            facts: SmallVec::from_slice(&self.facts),
            locks: self.locks.clone(),
            objects: self.objects.clone(),
            ctx: self.ctx,
            since: self.since,
            asked: self.asked,
            no_interrupt: self.no_interrupt,
            contract: self.contract,
            derefs: SmallVec::from_slice(&self.derefs),
            unread: SmallVec::from_slice(&self.unread),
            merged: self.merged,
            trail: self.trail,
            rounds: SmallVec::from_slice(&self.rounds),
            round_trail: self.round_trail,
        }
    }
}

impl State {
    /// What was written to a place, if anything was.
    pub fn written(&self, place: ValueId) -> Option<ValueId> {
        self.env.binary_search_by_key(&place, |e| e.0).ok().map(|i| self.env[i].1)
    }

    /// The value a place holds.
    pub fn read(&self, values: &mut Values, place: ValueId) -> ValueId {
        if let Some(value) = self.written(place) {
            return value;
        }
        // A member of something zeroed or copied as a whole.
        let mut at = place;
        while let Value::PField(base, _, _) | Value::PIndex(base, _) = values.get(at) {
            at = base;
            if let Some(value) = self.written(at) {
                return if values.get(value) == Value::Int(0) { value } else { values.make(Value::Entry(place)) };
            }
        }
        values.make(Value::Entry(place))
    }

    /// Writes a place; members known before are forgotten.
    pub fn write(&mut self, values: &Values, place: ValueId, value: ValueId) {
        match self.env.binary_search_by_key(&place, |e| e.0) {
            Ok(i) => self.env[i].1 = value,
            Err(i) => self.env.insert(i, (place, value)),
        }
        if self.env.len() > 1 {
            self.env.retain(|e| e.0 == place || !inside(values, e.0, place));
        }
        // A part of what is written as a whole is another object's from now on, but goes by the same name.
        if !self.objects.is_empty() {
            self.objects.retain(|object| !matches!(values.get(object), Value::Entry(p) if inside(values, p, place)));
        }
    }

    /// What is known of a value on this path.
    pub fn known(&self, values: &Values, value: ValueId) -> Interval {
        let known = match values.get(value) {
            Value::Int(v) => return Interval::exactly(v),
            Value::Container(p, _, _) if values.call(p).is_some() => return self.known(values, p),
            Value::Str | Value::Function(_) | Value::Addr(_) | Value::Container(..) => return Interval::OBJECT,
            Value::IsErr(p) => match self.known(values, p).is_err() {
                Some(b) => return Interval::exactly(i64::from(b)),
                None => Interval::range(0, 1),
            },
            Value::IsErrOrNull(p) => {
                let f = self.known(values, p);
                match (f.is_err(), f.truth()) {
                    (Some(true), _) | (_, Some(false)) => return Interval::exactly(1),
                    (Some(false), Some(true)) => return Interval::ZERO,
                    _ => Interval::range(0, 1),
                }
            }
            Value::Truth(p) => match self.known(values, p).truth() {
                Some(b) => return Interval::exactly(i64::from(b)),
                None => Interval::range(0, 1),
            },
            Value::Un(cuthere_ir::UnOp::Not, p) => match self.known(values, p).truth() {
                Some(b) => return Interval::exactly(i64::from(!b)),
                None => Interval::range(0, 1),
            },
            Value::Bin(op, a, b) => match self.bin_fact(values, op, a, b) {
                unknown if op == cuthere_ir::BinOp::Ne && unknown.value().is_none() => {
                    let equal = values.find(Value::Bin(cuthere_ir::BinOp::Eq, a, b));
                    match equal.and_then(|e| self.facts.binary_search_by_key(&e, |f| f.0).ok()).and_then(|i| self.facts[i].1.truth()) {
                        Some(equal) => Interval::exactly(i64::from(!equal)),
                        None => unknown,
                    }
                }
                unknown if unknown.value().is_none() && !self.facts.is_empty() => match self.other_way_round(values, op, a, b) {
                    Some(holds) => Interval::exactly(i64::from(holds)),
                    None => unknown,
                },
                known => known,
            },
            Value::Select(c, t, f) => match self.known(values, c).truth() {
                Some(true) => self.known(values, t),
                Some(false) => self.known(values, f),
                None => self.known(values, t).join(self.known(values, f)),
            },
            _ => Interval::TOP,
        };
        match self.facts.binary_search_by_key(&value, |f| f.0) {
            Ok(i) => self.facts[i].1.meet(known).unwrap_or(self.facts[i].1),
            Err(_) => known,
        }
    }

    /// Whether an order holds, by what is known of its opposite, or of the same with the sides exchanged.
    fn other_way_round(&self, values: &Values, op: cuthere_ir::BinOp, a: ValueId, b: ValueId) -> Option<bool> {
        use cuthere_ir::BinOp::*;
        let (opposite, mirrored, both) = match op {
            Lt => (Ge, Gt, Le),
            Le => (Gt, Ge, Lt),
            Gt => (Le, Lt, Ge),
            Ge => (Lt, Le, Gt),
            _ => return None,
        };
        let known = |op, a, b| {
            let value = values.find(Value::Bin(op, a, b))?;
            let at = self.facts.binary_search_by_key(&value, |f| f.0).ok()?;
            self.facts[at].1.truth()
        };
        known(opposite, a, b).map(|holds| !holds).or_else(|| known(mirrored, b, a)).or_else(|| known(both, b, a).map(|holds| !holds))
    }

    /// What an operator gives for what is known of its operands.
    pub fn compare(&self, values: &Values, op: cuthere_ir::BinOp, a: ValueId, b: ValueId) -> Interval {
        self.bin_fact(values, op, a, b)
    }

    fn bin_fact(&self, values: &Values, op: cuthere_ir::BinOp, a: ValueId, b: ValueId) -> Interval {
        use cuthere_ir::BinOp::*;
        match op {
            Eq | Ne | Lt | Le | Gt | Ge => {
                let (x, y) = (self.known(values, a), self.known(values, b));
                let equal = if a == b {
                    Some(true)
                } else if let (Some(v), Some(w)) = (x.value(), y.value()) {
                    Some(v == w)
                } else if x.meet(y).is_none() {
                    Some(false)
                } else {
                    None
                };
                let less = if x.hi < y.lo {
                    Some(true)
                } else if x.lo >= y.hi {
                    Some(false)
                } else {
                    None
                };
                let greater = if x.lo > y.hi {
                    Some(true)
                } else if x.hi <= y.lo {
                    Some(false)
                } else {
                    None
                };
                let answer = match op {
                    Eq => equal,
                    Ne => equal.map(|e| !e),
                    Lt => less,
                    Ge => less.map(|l| !l),
                    Gt => greater,
                    _ => greater.map(|g| !g),
                };
                answer.map_or(Interval::range(0, 1), |b| Interval::exactly(i64::from(b)))
            }
            // A pointer moved by a little is still one.
            Add | Sub => match values.get(b) {
                Value::Int(by) if (-4095..=4095).contains(&by) => {
                    let x = self.known(values, a);
                    let by = if op == Add { by } else { -by };
                    let (below, above) = (x.lo > i64::MIN / 2, x.hi < i64::MAX / 2);
                    if below || above {
                        let lo = if below { x.lo + by } else { i64::MIN };
                        return Interval::range(lo, if above { x.hi + by } else { i64::MAX });
                    }
                    if x.not_zero && x.not_err && x.value().is_none() { Interval::NON_ZERO } else { Interval::TOP }
                }
                _ => Interval::TOP,
            },
            Mul if self.known(values, a).is_zero() || self.known(values, b).is_zero() => Interval::ZERO,
            And => match values.get(b) {
                Value::Int(mask) if mask >= 0 => Interval::range(0, mask),
                _ => Interval::TOP,
            },
            _ => Interval::TOP,
        }
    }

    /// Adds knowledge; false: the path is impossible.
    pub fn learn(&mut self, value: ValueId, fact: Interval) -> bool {
        match self.facts.binary_search_by_key(&value, |f| f.0) {
            Ok(i) => match self.facts[i].1.meet(fact) {
                Some(f) => {
                    self.facts[i].1 = f;
                    true
                }
                None => false,
            },
            Err(i) => {
                self.facts.insert(i, (value, fact));
                true
            }
        }
    }

    /// Whether sleeping is forbidden, under every preemption model.
    pub fn atomic(&self) -> bool {
        Preemption::default().forbids(self, Wait::Sleep)
    }

    /// Notes a call of something that was not read.
    pub fn call_unread(&mut self, op: OpId) {
        if self.unread.last() != Some(&op) {
            if self.unread.len() == UNREAD_MAX {
                self.unread.remove(0);
            }
            self.unread.push(op);
        }
    }

    /// Whether two paths agree in locks, context and objects.
    pub fn same_typestate(&self, other: &State) -> bool {
        self.ctx == other.ctx && self.locks.same(&other.locks) && self.objects.same(&other.objects)
    }

    /// Whether two states may be merged without loss of the property state.
    pub fn same_property(&self, other: &State) -> bool {
        self.asked == other.asked && self.no_interrupt == other.no_interrupt && self.rounds == other.rounds && self.same_typestate(other)
    }

    /// In how many places and facts two states differ, if that is less than `bound`.
    /// A place that holds a constant in one of them, and a value that is zero in one only, weigh more: they are what later tests ask for.
    pub fn distance(&self, other: &State, values: &Values, bound: usize) -> Option<usize> {
        /// Adds up to `limit` over the two sorted lists, an element of one list only counting `alone`.
        fn differ<V: PartialEq + Copy>(
            a: &[(ValueId, V)],
            b: &[(ValueId, V)],
            alone: usize,
            both: impl Fn(V, V) -> usize,
            mut sum: usize,
            limit: usize,
        ) -> usize {
            let (mut i, mut j) = (0, 0);
            while i < a.len() && j < b.len() && sum < limit {
                match a[i].0.cmp(&b[j].0) {
                    std::cmp::Ordering::Less => (i, sum) = (i + 1, sum + alone),
                    std::cmp::Ordering::Greater => (j, sum) = (j + 1, sum + alone),
                    std::cmp::Ordering::Equal => {
                        if a[i].1 != b[j].1 {
                            sum += both(a[i].1, b[j].1);
                        }
                        (i, j) = (i + 1, j + 1);
                    }
                }
            }
            sum + alone * ((a.len() - i) + (b.len() - j))
        }
        let constant = |v| matches!(values.get(v), Value::Int(_));
        let arguments = |a: ValueId, b: ValueId| if constant(a) || constant(b) { 8 } else { 2 };
        let zeros = |a: Interval, b: Interval| if a.is_zero() != b.is_zero() { 7 } else { 1 };
        let references = if self.objects.same_references(&other.objects) { 0 } else { 5 };
        let sum = differ(&self.facts, &other.facts, 1, zeros, references, bound);
        let sum = if sum < bound { differ(&self.env, &other.env, 2, arguments, sum, bound) } else { sum };
        (sum < bound).then_some(sum)
    }

    /// Equal but for evidence.
    pub fn same(&self, other: &State) -> bool {
        self.same_property(other) && self.objects.same_references(&other.objects) && self.env == other.env && self.facts == other.facts
    }

    /// The union of both: places that differ get a value of their own with the union of what is known.
    pub fn join(&mut self, other: &State, values: &mut Values, block: BlockId) {
        let mut env: SmallVec<[(ValueId, ValueId); 8]> = SmallVec::new();
        let mut facts: SmallVec<[(ValueId, Interval); 6]> = SmallVec::new();
        for f in &self.facts {
            if let Ok(i) = other.facts.binary_search_by_key(&f.0, |g| g.0) {
                let joined = f.1.join(other.facts[i].1);
                if joined != Interval::TOP {
                    facts.push((f.0, joined));
                }
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < self.env.len() || j < other.env.len() {
            let left = self.env.get(i).map(|e| e.0);
            let right = other.env.get(j).map(|e| e.0);
            let place = match (left, right) {
                (Some(a), Some(b)) => a.min(b),
                (Some(a), None) => a,
                (None, Some(b)) => b,
                (None, None) => break,
            };
            let a = if left == Some(place) {
                i += 1;
                self.env[i - 1].1
            } else {
                self.read(values, place)
            };
            let b = if right == Some(place) {
                j += 1;
                other.env[j - 1].1
            } else {
                other.read(values, place)
            };
            if a == b {
                env.push((place, a));
            } else {
                let phi = values.make(Value::Phi(block, place));
                let fact = self.known(values, a).join(other.known(values, b));
                if fact != Interval::TOP {
                    facts.push((phi, fact));
                }
                self.join_comparisons(other, values, (a, b, phi), &mut facts);
                env.push((place, phi));
            }
        }
        self.derefs.retain(|d| other.derefs.contains(d));
        self.objects.join(&other.objects);
        facts.sort_unstable_by_key(|f| f.0);
        facts.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = earlier.1.join(later.1);
            }
            same
        });
        self.env = env;
        self.facts = facts;
        for op in &other.unread {
            if !self.unread.contains(op) {
                self.call_unread(*op);
            }
        }
        self.locks.join(&other.locks);
        self.merged = true;
    }
}

/// Whether a place lies inside another.
pub fn inside(values: &Values, place: ValueId, outer: ValueId) -> bool {
    let mut at = place;
    while let Value::PField(base, _, _) | Value::PIndex(base, _) = values.get(at) {
        if base == outer {
            return true;
        }
        at = base;
    }
    false
}
