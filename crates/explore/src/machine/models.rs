//! Numbers for open values that went together in an earlier answer of the solver, tried before it is asked again: of the two ways that a decision can go, the
//! numbers at hand mostly take one. They are tried by doing the arithmetic, so that what they show is so, and refuse to show that something cannot be.

use super::arithmetic::{arithmetic, compare};
use super::lazy::is_lazy;
use super::symbols::Term;
use super::values::Values;
use super::*;
use rustc_hash::FxHashMap;

/// Answers that are kept.
const MODELS: usize = 8;

/// A number for each value that is computed from nothing, the last ones that went together first.
#[derive(Default)]
pub(super) struct Models(Vec<FxHashMap<i64, i64>>);

impl Models {
    pub fn add(&mut self, model: FxHashMap<i64, i64>) {
        self.0.truncate(MODELS - 1);
        self.0.insert(0, model);
    }
}

/// Whether a set has what a register holds.
fn has(set: &Values, whole: &Values, v: i64) -> bool {
    let signed = whole.0.iter().any(|interval| interval.0 < 0);
    set.has(if signed { i128::from(v) } else { i128::from(v as u64) })
}

impl Machine<'_> {
    /// Whether some numbers at hand go together with all that is known of these values, and put this one into a set.
    pub(super) fn goes_together(&self, related: &[i64], lazy: i64, set: &Values) -> bool {
        self.models.0.iter().any(|model| {
            let mut known = FxHashMap::default();
            related.iter().all(|&v| {
                let Some(open) = self.open_value(v) else { return false };
                let within = if v == lazy { set } else { &*open.values };
                self.number_in(model, v, &mut known).is_some_and(|n| has(within, &open.whole, n) && has(&open.whole, &open.whole, n))
            })
        })
    }

    /// What a value is with these numbers. `None`: nothing, for it divides by nought.
    fn number_in(&self, model: &FxHashMap<i64, i64>, v: i64, known: &mut FxHashMap<i64, i64>) -> Option<i64> {
        if !is_lazy(v) {
            return Some(v);
        }
        if let Some(&n) = known.get(&v) {
            return Some(n);
        }
        let open = self.open_value(v)?;
        let n = match open.term {
            Term::Free => model.get(&v).copied().or_else(|| open.values.nth(0).map(|n| n as i64))?,
            Term::Bin(op, a, b, ty) => {
                let (a, b) = (self.number_in(model, a, known)?, self.number_in(model, b, known)?);
                match op {
                    BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => compare(op, a, b, ty),
                    _ => arithmetic(op, a, b, ty)?,
                }
            }
            Term::Neg(a, ty) => ty.fit(self.number_in(model, a, known)?.wrapping_neg()),
            Term::BitNot(a, ty) => ty.fit(!self.number_in(model, a, known)?),
            Term::Fit(a, ty) => ty.fit(self.number_in(model, a, known)?),
        };
        known.insert(v, n);
        Some(n)
    }
}
