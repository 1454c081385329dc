//! Arithmetic of C as a circuit of bits, and a solver's answer whether its inputs can be chosen.
//!
//! Words have 64 bits, as a register holds them. Constants are folded as the circuit is built. The solver is deterministic and is given a
//! number of steps, not a time, so that every run gives the same answer; only the end of all time ends a question early.

use super::values::Values;
use crate::code::IntTy;
use batsat::{Callbacks, Lit, Solver, SolverInterface, SolverOpts, lbool};
use cuthere_ir::BinOp;
use std::cell::Cell;
use std::time::Instant;

/// Steps of the solver for one question.
const STEPS: u64 = 60_000;
/// Steps between two looks at the clock.
const LOOK: u64 = 1 << 8;
/// The most gates of one question.
const GATES: usize = 200_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bit {
    Known(bool),
    Open(Lit),
}

/// Lowest bit first.
pub(super) type Word = Vec<Bit>;

/// See the module.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Value(i64),
    Nothing,
    TooHard,
}

#[derive(Default)]
struct Steps {
    done: Cell<u64>,
    until: Option<Instant>,
}

impl Callbacks for Steps {
    fn stop(&self) -> bool {
        let done = self.done.get() + 1;
        let late = done.is_multiple_of(LOOK) && self.until.is_some_and(|until| Instant::now() >= until);
        // Once over, it stays so.
        self.done.set(if late { STEPS } else { done });
        late || done > STEPS
    }
}

pub(super) struct Circuit {
    solver: Solver<Steps>,
    gates: usize,
}

const WIDTH: usize = 64;

impl Circuit {
    /// One whose question is given up at a time, if at any.
    pub(super) fn new(until: Option<Instant>) -> Circuit {
        let steps = Steps { until, ..Steps::default() };
        Circuit { solver: Solver::new(SolverOpts::default(), steps), gates: 0 }
    }

    fn fresh(&mut self) -> Lit {
        Lit::new(self.solver.new_var_default(), true)
    }

    fn clause(&mut self, lits: &[Lit]) {
        let mut clause = lits.to_vec();
        self.solver.add_clause_reuse(&mut clause);
    }

    /// This bit is set.
    fn demand(&mut self, bit: Bit) {
        match bit {
            Bit::Known(true) => {}
            Bit::Known(false) => self.clause(&[]),
            Bit::Open(lit) => self.clause(&[lit]),
        }
    }

    fn not(bit: Bit) -> Bit {
        match bit {
            Bit::Known(v) => Bit::Known(!v),
            Bit::Open(lit) => Bit::Open(!lit),
        }
    }

    fn and(&mut self, a: Bit, b: Bit) -> Bit {
        match (a, b) {
            (Bit::Known(false), _) | (_, Bit::Known(false)) => Bit::Known(false),
            (Bit::Known(true), x) | (x, Bit::Known(true)) => x,
            (Bit::Open(x), Bit::Open(y)) if x == y => a,
            (Bit::Open(x), Bit::Open(y)) if x == !y => Bit::Known(false),
            (Bit::Open(x), Bit::Open(y)) => {
                self.gates += 1;
                let z = self.fresh();
                self.clause(&[!z, x]);
                self.clause(&[!z, y]);
                self.clause(&[z, !x, !y]);
                Bit::Open(z)
            }
        }
    }

    fn or(&mut self, a: Bit, b: Bit) -> Bit {
        let neither = self.and(Self::not(a), Self::not(b));
        Self::not(neither)
    }

    fn xor(&mut self, a: Bit, b: Bit) -> Bit {
        match (a, b) {
            (Bit::Known(v), x) | (x, Bit::Known(v)) => {
                if v {
                    Self::not(x)
                } else {
                    x
                }
            }
            (Bit::Open(x), Bit::Open(y)) if x == y => Bit::Known(false),
            (Bit::Open(x), Bit::Open(y)) if x == !y => Bit::Known(true),
            (Bit::Open(x), Bit::Open(y)) => {
                self.gates += 1;
                let z = self.fresh();
                self.clause(&[!z, x, y]);
                self.clause(&[!z, !x, !y]);
                self.clause(&[z, !x, y]);
                self.clause(&[z, x, !y]);
                Bit::Open(z)
            }
        }
    }

    fn either(&mut self, c: Bit, a: Bit, b: Bit) -> Bit {
        let first = self.and(c, a);
        let second = self.and(Self::not(c), b);
        self.or(first, second)
    }

    fn choose(&mut self, c: Bit, a: &[Bit], b: &[Bit]) -> Word {
        a.iter().zip(b).map(|(&x, &y)| self.either(c, x, y)).collect()
    }

    pub(super) fn number(&self, v: i64) -> Word {
        (0..WIDTH).map(|n| Bit::Known(v >> n & 1 != 0)).collect()
    }

    /// A word that may be any of the least type that has these values.
    pub(super) fn open(&mut self, whole: &Values) -> Word {
        let (least, most) = whole.0.iter().fold((0, 0), |(least, most), &(lo, hi)| (lo.min(least), hi.max(most)));
        let signed = least < 0;
        let largest = most.max(-1 - least).max(0) as u128;
        let bits = (128 - largest.leading_zeros() as usize + usize::from(signed)).clamp(1, WIDTH);
        let mut word: Word = (0..bits).map(|_| Bit::Open(self.fresh())).collect();
        let above = if signed { word[bits - 1] } else { Bit::Known(false) };
        word.resize(WIDTH, above);
        word
    }

    /// `a + b + carry`, and the carry out of it.
    fn sum(&mut self, a: &[Bit], b: &[Bit], mut carry: Bit) -> (Word, Bit) {
        let mut out = Vec::with_capacity(a.len());
        for (&x, &y) in a.iter().zip(b) {
            let half = self.xor(x, y);
            out.push(self.xor(half, carry));
            let (both, passed) = (self.and(x, y), self.and(half, carry));
            carry = self.or(both, passed);
        }
        (out, carry)
    }

    fn minus(&mut self, a: &[Bit], b: &[Bit]) -> (Word, Bit) {
        let b: Word = b.iter().map(|bit| Self::not(*bit)).collect();
        self.sum(a, &b, Bit::Known(true))
    }

    fn product(&mut self, a: &[Bit], b: &[Bit]) -> Word {
        let width = a.len();
        let mut out = vec![Bit::Known(false); width];
        // Rows of the operand that is known for the most part.
        let known = |w: &[Bit]| w.iter().filter(|bit| matches!(bit, Bit::Known(_))).count();
        let (a, b) = if known(a) > known(b) { (b, a) } else { (a, b) };
        for (n, &bit) in b.iter().enumerate() {
            if bit == Bit::Known(false) || self.gates > GATES {
                continue;
            }
            let row: Word = (0..width).map(|k| if k < n { Bit::Known(false) } else { self.and(a[k - n], bit) }).collect();
            out = self.sum(&out, &row, Bit::Known(false)).0;
        }
        out
    }

    fn equal(&mut self, a: &[Bit], b: &[Bit]) -> Bit {
        let mut all = Bit::Known(true);
        for (&x, &y) in a.iter().zip(b) {
            let differ = self.xor(x, y);
            all = self.and(all, Self::not(differ));
        }
        all
    }

    /// `a < b`.
    fn less(&mut self, a: &[Bit], b: &[Bit], signed: bool) -> Bit {
        let mut less = Bit::Known(false);
        for (n, (&x, &y)) in a.iter().zip(b).enumerate() {
            let (x, y) = if signed && n + 1 == a.len() { (y, x) } else { (x, y) };
            let differ = self.xor(x, y);
            less = self.either(differ, y, less);
        }
        less
    }

    /// The word as a type holds it.
    pub(super) fn fit(&self, a: &[Bit], ty: IntTy) -> Word {
        let bits = usize::from(ty.size).clamp(1, 8) * 8;
        let mut word = a[..bits].to_vec();
        let above = if ty.signed { word[bits - 1] } else { Bit::Known(false) };
        word.resize(WIDTH, above);
        word
    }

    /// By 0 to `bits` - 1; `left`, or to the right with these bits from above.
    fn shift(&mut self, a: &[Bit], by: &[Bit], left: bool, above: Bit) -> Word {
        let bits = a.len();
        let mut out = a.to_vec();
        for (n, &bit) in by.iter().take(bits.trailing_zeros() as usize).enumerate() {
            let far = 1usize << n;
            let moved: Word = (0..bits)
                .map(|k| match left {
                    true => k.checked_sub(far).map_or(Bit::Known(false), |k| out[k]),
                    false => out.get(k + far).copied().unwrap_or(above),
                })
                .collect();
            out = self.choose(bit, &moved, &out);
        }
        out
    }

    /// Quotient and remainder of numbers without a sign; the divisor is not nought.
    fn divide(&mut self, a: &[Bit], b: &[Bit]) -> (Word, Word) {
        let bits = a.len();
        let quotient: Word = (0..bits).map(|_| Bit::Open(self.fresh())).collect();
        let rest: Word = (0..bits).map(|_| Bit::Open(self.fresh())).collect();
        let wide = |w: &[Bit]| w.iter().copied().chain(std::iter::repeat_n(Bit::Known(false), bits)).collect::<Word>();
        let product = self.product(&wide(&quotient), &wide(b));
        let sum = self.sum(&product, &wide(&rest), Bit::Known(false)).0;
        let same = self.equal(&sum, &wide(a));
        self.demand(same);
        let small = self.less(&rest, b, false);
        self.demand(small);
        (quotient, rest)
    }

    fn divided(&mut self, a: &[Bit], b: &[Bit], signed: bool, rest: bool) -> Word {
        let nought = vec![Bit::Known(false); a.len()];
        let negative = |w: &[Bit]| if signed { w[w.len() - 1] } else { Bit::Known(false) };
        let (x, y) = (negative(a), negative(b));
        let (minus_a, minus_b) = (self.minus(&nought, a).0, self.minus(&nought, b).0);
        let (a, b) = (self.choose(x, &minus_a, a), self.choose(y, &minus_b, b));
        let (quotient, remainder) = self.divide(&a, &b);
        let (out, negated) = if rest { (remainder, x) } else { (quotient, self.xor(x, y)) };
        let minus = self.minus(&nought, &out).0;
        self.choose(negated, &minus, &out)
    }

    /// What the machine's arithmetic and comparisons give.
    pub(super) fn binary(&mut self, op: BinOp, a: &[Bit], b: &[Bit], ty: IntTy) -> Word {
        let compared = match op {
            BinOp::Eq => Some(self.equal(a, b)),
            BinOp::Ne => Some(Self::not(self.equal(a, b))),
            BinOp::Lt => Some(self.less(a, b, ty.signed)),
            BinOp::Gt => Some(self.less(b, a, ty.signed)),
            BinOp::Le => Some(Self::not(self.less(b, a, ty.signed))),
            BinOp::Ge => Some(Self::not(self.less(a, b, ty.signed))),
            _ => None,
        };
        if let Some(bit) = compared {
            let mut word = self.number(0);
            word[0] = bit;
            return word;
        }
        let bits = usize::from(ty.size).clamp(1, 8) * 8;
        let (x, y) = (&a[..bits], &b[..bits]);
        let mut pairs = |gate: fn(&mut Self, Bit, Bit) -> Bit| -> Word { x.iter().zip(y).map(|(&p, &q)| gate(self, p, q)).collect() };
        let word = match op {
            BinOp::And => pairs(Self::and),
            BinOp::Or => pairs(Self::or),
            BinOp::Xor => pairs(Self::xor),
            BinOp::Add => self.sum(x, y, Bit::Known(false)).0,
            BinOp::Sub => self.minus(x, y).0,
            BinOp::Mul => self.product(x, y),
            BinOp::Div => self.divided(x, y, ty.signed, false),
            BinOp::Rem => self.divided(x, y, ty.signed, true),
            BinOp::Shl => self.shift(x, y, true, Bit::Known(false)),
            _ => self.shift(x, y, false, if ty.signed { x[bits - 1] } else { Bit::Known(false) }),
        };
        let above = if ty.signed { word[bits - 1] } else { Bit::Known(false) };
        let mut word = word;
        word.resize(WIDTH, above);
        word
    }

    /// The word is one of these.
    pub(super) fn confine(&mut self, word: &[Bit], values: &Values) {
        let mut any = Bit::Known(false);
        for &(lo, hi) in &values.0 {
            let signed = lo < 0;
            let (least, most) = (self.number(lo as i64), self.number(hi as i64));
            let (below, above) = (self.less(word, &least, signed), self.less(&most, word, signed));
            let mut inside = self.and(Self::not(below), Self::not(above));
            if !signed && values.0.iter().any(|interval| interval.0 < 0) {
                // Without a sign, what is negative is large; here it is not meant.
                inside = self.and(inside, Self::not(word[WIDTH - 1]));
            }
            any = self.or(any, inside);
        }
        self.demand(any);
    }

    /// A value that the word can have with all that was demanded.
    pub(super) fn solve(&mut self, word: &[Bit]) -> Answer {
        if self.gates > GATES {
            return Answer::TooHard;
        }
        let answer = if self.solver.is_ok() { self.solver.solve_limited(&[]) } else { lbool::FALSE };
        if answer == lbool::FALSE {
            return Answer::Nothing;
        }
        if answer != lbool::TRUE {
            return Answer::TooHard;
        }
        Answer::Value(self.number_of(word))
    }

    /// What a word is in the last answer.
    pub(super) fn number_of(&self, word: &[Bit]) -> i64 {
        let bit = |bit: &Bit| match *bit {
            Bit::Known(v) => v,
            Bit::Open(lit) => self.solver.value_lit(lit) == lbool::TRUE,
        };
        word.iter().enumerate().fold(0, |v, (n, b)| v | i64::from(bit(b)) << n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::arithmetic::{arithmetic, compare};
    use crate::machine::values::range;

    const OPERATIONS: [BinOp; 16] = [
        BinOp::Add,
        BinOp::Sub,
        BinOp::Mul,
        BinOp::Div,
        BinOp::Rem,
        BinOp::And,
        BinOp::Or,
        BinOp::Xor,
        BinOp::Shl,
        BinOp::Shr,
        BinOp::Eq,
        BinOp::Ne,
        BinOp::Lt,
        BinOp::Le,
        BinOp::Gt,
        BinOp::Ge,
    ];

    /// The circuit gives what the machine gives, and nothing else.
    #[test]
    fn circuits_compute_as_the_machine_does() {
        let mut seed = 1u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 20
        };
        for _ in 0..40 {
            for op in OPERATIONS {
                let ty = IntTy { size: [1, 2, 4, 8][(next() % 4) as usize], signed: next() % 2 == 0 };
                let special = [0, 1, -1, 2, 7, i64::MIN, i64::MAX, i64::from(i32::MIN), 0xffff_ffff];
                let mut operand = || ty.fit(if next() % 2 == 0 { special[(next() % 9) as usize] } else { (next() << 30 ^ next()) as i64 });
                let (a, b) = (operand(), operand());
                let machine = match op {
                    BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => Some(compare(op, a, b, ty)),
                    _ => arithmetic(op, a, b, ty),
                };
                let Some(machine) = machine else { continue };
                let mut circuit = Circuit::new(None);
                let whole = Values(vec![range(ty)]);
                let (x, y) = (circuit.open(&whole), circuit.open(&whole));
                let only = |v: i64| if ty.signed { i128::from(v) } else { i128::from(v as u64) };
                circuit.confine(&x, &Values(vec![(only(a), only(a))]));
                circuit.confine(&y, &Values(vec![(only(b), only(b))]));
                let z = circuit.binary(op, &x, &y, ty);
                assert_eq!(circuit.solve(&z), Answer::Value(machine), "{a} {op:?} {b} of {ty:?}");
                let same = {
                    let n = circuit.number(machine);
                    circuit.equal(&z, &n)
                };
                circuit.demand(Circuit::not(same));
                assert_eq!(circuit.solve(&z), Answer::Nothing, "{a} {op:?} {b} of {ty:?}");
            }
        }
    }
}
