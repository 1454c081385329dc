//! Open values that are computed from others: what they are, and what they can still be.
//!
//! The result of arithmetic on an open value is an open value itself, which keeps what it was computed from. What all of them may be together is then
//! a question of bits, put to a solver ([`super::bits`]): only as much of it as hangs together with the value that is asked about, and each
//! question once. Refuses questions that take the solver too long: what is decided without an answer is a guess.

use super::bits::{Answer, Circuit};
use super::lazy::{MARK, NUMBER, is_lazy};
use super::values::{Values, range};
use super::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::time::Instant;

/// The most computed values of one execution.
const COMPUTED_MAX: usize = 400;

/// What a question costs, and for each value that it is about if it was answered before.
const ASKED: u64 = 1 << 22;
const ASKED_AGAIN: u64 = 1 << 11;
/// The most answers that are kept.
const ANSWERS_MAX: usize = 50_000;

/// What an open value is computed from; operands are numbers or stand-ins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Term {
    /// From nothing: any value.
    Free,
    /// Arithmetic or a comparison, of this type.
    Bin(BinOp, i64, i64, IntTy),
    Neg(i64, IntTy),
    BitNot(i64, IntTy),
    Fit(i64, IntTy),
}

impl Term {
    pub(super) fn operands(self) -> impl Iterator<Item = i64> {
        let pair = match self {
            Term::Free => [0, 0],
            Term::Bin(_, a, b, _) => [a, b],
            Term::Neg(a, _) | Term::BitNot(a, _) | Term::Fit(a, _) => [a, 0],
        };
        pair.into_iter().filter(|v| is_lazy(*v))
    }
}

/// An open value: what it may still be, and what it is.
#[derive(Clone, Debug)]
pub struct Open {
    pub(super) values: Rc<Values>,
    pub(super) term: Term,
    /// What it may be as far as follows from all else.
    pub(super) whole: Rc<Values>,
}

impl Open {
    pub(super) fn new(values: Values, term: Term) -> Open {
        let values = Rc::new(values);
        Open { whole: values.clone(), values, term }
    }
}

/// Whether some value of a set is possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Value(i128),
    Nothing,
    /// The question was too hard.
    Unsure,
}

/// Questions that were answered.
pub type Answers = FxHashMap<Vec<i128>, Found>;

impl Machine<'_> {
    pub(super) fn open_value(&self, lazy: i64) -> Option<&Open> {
        let thread = self.threads.get((lazy >> NUMBER & 0xff) as usize)?;
        thread.lazies.get((lazy & ((1 << NUMBER) - 1)) as usize)
    }

    /// The open value of a term; `None`: there are too many.
    pub(super) fn computed(&mut self, t: usize, term: Term, ty: IntTy) -> Option<i64> {
        let stand_in = |n: usize| (MARK << 32) | (t as i64) << NUMBER | n as i64;
        if let Some(n) = self.threads[t].lazies.iter().position(|open| open.term == term) {
            return Some(self.number_of(stand_in(n)));
        }
        let all = self.threads.iter().flat_map(|thread| &thread.lazies).filter(|open| open.term != Term::Free).count();
        if all >= COMPUTED_MAX {
            return None;
        }
        Some(stand_in(self.opened(t, Open::new(Values(vec![range(ty)]), term))))
    }

    /// One more open value of a thread: in the place of one that has ended, if there is one.
    pub(super) fn opened(&mut self, t: usize, open: Open) -> usize {
        let lazies = &mut self.threads[t].lazies;
        let ended = lazies.iter().position(|open| open.values.0.is_empty()).filter(|_| self.kept_open > 0);
        let n = ended.unwrap_or(lazies.len());
        match ended {
            Some(n) => lazies[n] = open,
            None => lazies.push(open),
        }
        n
    }

    /// A stand-in, or the number that it has become.
    fn number_of(&self, v: i64) -> i64 {
        match self.open_value(v).filter(|_| is_lazy(v)) {
            Some(open) if open.values.count() == 1 => open.values.nth(0).unwrap_or(0) as i64,
            _ => v,
        }
    }

    /// The open values that hang together with one: itself, what it is computed from, and all that goes into something that was decided and into
    /// which something of these goes as well. Itself comes first.
    fn related(&self, lazy: i64) -> Vec<i64> {
        let each = self.threads.iter().enumerate().flat_map(|(t, thread)| {
            thread.lazies.iter().enumerate().map(move |(n, open)| ((MARK << 32) | (t as i64) << NUMBER | n as i64, open))
        });
        let mut down: Vec<i64> =
            each.filter(|(_, open)| open.term != Term::Free && open.values != open.whole).map(|decided| decided.0).collect();
        down.push(lazy);
        let mut edges: FxHashMap<i64, Vec<i64>> = FxHashMap::default();
        let mut visited = FxHashSet::default();
        while let Some(v) = down.pop() {
            if !visited.insert(v) {
                continue;
            }
            for operand in self.open_value(v).map_or(Term::Free, |open| open.term).operands() {
                edges.entry(v).or_default().push(operand);
                edges.entry(operand).or_default().push(v);
                down.push(operand);
            }
        }
        let mut related = vec![lazy];
        let mut seen: FxHashSet<i64> = related.iter().copied().collect();
        let mut next = 0;
        while let Some(&v) = related.get(next) {
            next += 1;
            related.extend(edges.get(&v).into_iter().flatten().copied().filter(|w| seen.insert(*w)));
        }
        related
    }

    /// Whether nothing that was decided about others matters to a value.
    pub(super) fn alone(&self, lazy: i64) -> bool {
        self.open_value(lazy).is_none_or(|open| open.term == Term::Free) && self.related(lazy).len() == 1
    }

    /// A possible value of an open one in a set, together with all that was decided: always the same one.
    pub(super) fn find(&mut self, lazy: i64, set: &Values) -> Found {
        let Some(first) = set.nth(0) else { return Found::Nothing };
        if self.alone(lazy) {
            return Found::Value(first);
        }
        let related = self.related(lazy);
        self.found(lazy, set, &related)
    }

    /// Whether an open value can be in a set: some value, if it can.
    pub(super) fn possible(&mut self, lazy: i64, set: &Values) -> Found {
        let Some(first) = set.nth(0) else { return Found::Nothing };
        if self.alone(lazy) {
            return Found::Value(first);
        }
        let related = self.related(lazy);
        if self.goes_together(&related, lazy, set) { Found::Value(first) } else { self.found(lazy, set, &related) }
    }

    fn found(&mut self, lazy: i64, set: &Values, related: &[i64]) -> Found {
        let place = |v: i64| related.iter().position(|w| *w == v);
        let mut key: Vec<i128> = Vec::new();
        let mut opens = Vec::new();
        for &v in related {
            let Some(open) = self.open_value(v) else { return Found::Unsure };
            let operand = |v: i64| if is_lazy(v) { (1 << 100) + place(v).unwrap_or(0) as i128 } else { i128::from(v) };
            let shape = |ty: IntTy| i128::from(ty.size) * 2 + i128::from(ty.signed);
            match open.term {
                Term::Free => key.push(0),
                Term::Bin(op, a, b, ty) => key.extend([1, op as i128, operand(a), operand(b), shape(ty)]),
                Term::Neg(a, ty) => key.extend([2, operand(a), shape(ty)]),
                Term::BitNot(a, ty) => key.extend([3, operand(a), shape(ty)]),
                Term::Fit(a, ty) => key.extend([4, operand(a), shape(ty)]),
            }
            let values = if v == lazy { set } else { &*open.values };
            for values in [values, &*open.whole] {
                key.push(values.0.len() as i128);
                key.extend(values.0.iter().flat_map(|&(lo, hi)| [lo, hi]));
            }
            opens.push((v, open.term, values.clone(), (*open.whole).clone()));
        }
        // Whether time is over is seen before the thread's next operation.
        if let Some(found) = self.answers.get(&key) {
            let found = *found;
            self.patience.spend(ASKED_AGAIN * opens.len() as u64);
            return found;
        }
        let (found, model) = solve(&opens, self.patience.deadline());
        if let Found::Value(_) = found {
            self.models.add(model);
        }
        if self.patience.spend(ASKED) {
            // The answer may be one that time cut short.
            return found;
        }
        if self.answers.len() >= ANSWERS_MAX {
            self.answers.clear();
        }
        self.answers.insert(key, found);
        found
    }

    /// Decides without knowing: what follows rests on a guess.
    pub(super) fn too_hard(&mut self) {
        self.bounds.insert("values");
        self.resting.any = true;
        if self.resting.decided == 0 {
            self.resting.decided = self.link.guesses.about("arithmetic that takes too long to decide");
        }
    }
}

/// The first open value's bits, if there are values of all of them that go together, and what these are.
fn solve(opens: &[(i64, Term, Values, Values)], until: Option<Instant>) -> (Found, FxHashMap<i64, i64>) {
    let mut model = FxHashMap::default();
    let mut circuit = Circuit::new(until);
    let mut known: FxHashMap<i64, super::bits::Word> = FxHashMap::default();
    // Operands first: nothing is computed from itself.
    let mut waiting: Vec<usize> = (0..opens.len()).rev().collect();
    while let Some(&n) = waiting.last() {
        let (v, term, values, whole) = &opens[n];
        if known.contains_key(v) {
            waiting.pop();
            continue;
        }
        if let Some(operand) = term.operands().find(|operand| !known.contains_key(operand)) {
            let Some(n) = opens.iter().position(|open| open.0 == operand) else { return (Found::Unsure, model) };
            waiting.push(n);
            continue;
        }
        waiting.pop();
        let word = |circuit: &mut Circuit, v: i64| known.get(&v).cloned().unwrap_or_else(|| circuit.number(v));
        let word = match *term {
            Term::Free => circuit.open(whole),
            Term::Bin(op, a, b, ty) => {
                let (a, b) = (word(&mut circuit, a), word(&mut circuit, b));
                circuit.binary(op, &a, &b, ty)
            }
            Term::Neg(a, ty) => {
                let a = word(&mut circuit, a);
                let nought = circuit.number(0);
                circuit.binary(BinOp::Sub, &nought, &a, ty)
            }
            Term::BitNot(a, ty) => {
                let a = word(&mut circuit, a);
                let ones = circuit.number(-1);
                circuit.binary(BinOp::Xor, &a, &ones, ty)
            }
            Term::Fit(a, ty) => {
                let a = word(&mut circuit, a);
                circuit.fit(&a, ty)
            }
        };
        if values != whole || *term == Term::Free {
            circuit.confine(&word, values);
        }
        known.insert(*v, word);
    }
    let Some((first, _, _, whole)) = opens.first() else { return (Found::Unsure, model) };
    let answer = circuit.solve(&known[first]);
    if let Answer::Value(_) = answer {
        let free = opens.iter().filter(|open| open.1 == Term::Free);
        model.extend(free.map(|open| (open.0, circuit.number_of(&known[&open.0]))));
    }
    let found = match answer {
        Answer::Value(v) if whole.0.iter().any(|interval| interval.0 < 0) => Found::Value(i128::from(v)),
        Answer::Value(v) => Found::Value(i128::from(v as u64)),
        Answer::Nothing => Found::Nothing,
        Answer::TooHard => Found::Unsure,
    };
    (found, model)
}
