//! What is known of one value on one path: an interval with holes at zero and at the error-pointer range.
//!
//! Pointers and integers share the domain. Error pointers are the arguments -4095 … -1, as in `include/linux/err.h`, so `IS_ERR(p)` is an
//! interval test and `p == NULL` another. Unsigned arguments above `i64::MAX` are read as negative.

use serde::{Deserialize, Serialize};

/// The lowest error pointer.
pub const MIN_ERR: i64 = -4095;

/// A set of 64-bit arguments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Interval {
    pub lo: i64,
    pub hi: i64,
    /// Zero is excluded.
    pub not_zero: bool,
    /// Error pointers are excluded.
    pub not_err: bool,
}

impl Interval {
    /// Any value.
    pub const TOP: Interval = Interval { lo: i64::MIN, hi: i64::MAX, not_zero: false, not_err: false };
    pub const ZERO: Interval = Interval { lo: 0, hi: 0, not_zero: false, not_err: true };
    pub const NON_ZERO: Interval = Interval { lo: i64::MIN, hi: i64::MAX, not_zero: true, not_err: false };
    /// A pointer to an object.
    pub const OBJECT: Interval = Interval { lo: i64::MIN, hi: i64::MAX, not_zero: true, not_err: true };
    pub const ERR: Interval = Interval { lo: MIN_ERR, hi: -1, not_zero: true, not_err: false };

    /// Exactly this value.
    pub fn exactly(value: i64) -> Interval {
        Interval { lo: value, hi: value, not_zero: value != 0, not_err: !(MIN_ERR..0).contains(&value) }
    }

    /// Values of an inclusive range.
    pub fn range(lo: i64, hi: i64) -> Interval {
        Interval { lo, hi, not_zero: false, not_err: false }.normal().unwrap_or(Interval::TOP)
    }

    /// Tightens the bounds by the holes; `None`: no value is left.
    fn normal(mut self) -> Option<Interval> {
        loop {
            if self.lo > self.hi {
                return None;
            }
            if self.not_zero && self.lo == 0 {
                self.lo = 1;
            } else if self.not_zero && self.hi == 0 {
                self.hi = -1;
            } else if self.not_err && (MIN_ERR..0).contains(&self.lo) {
                self.lo = 0;
            } else if self.not_err && (MIN_ERR..0).contains(&self.hi) {
                self.hi = MIN_ERR - 1;
            } else {
                break;
            }
        }
        if self.lo > 0 || self.hi < 0 {
            self.not_zero = true;
        }
        if self.lo >= 0 || self.hi < MIN_ERR {
            self.not_err = true;
        }
        Some(self)
    }

    /// Values in both; `None`: there are none.
    pub fn meet(self, other: Interval) -> Option<Interval> {
        Interval {
            lo: self.lo.max(other.lo),
            hi: self.hi.min(other.hi),
            not_zero: self.not_zero || other.not_zero,
            not_err: self.not_err || other.not_err,
        }
        .normal()
    }

    /// Values in either (or between).
    pub fn join(self, other: Interval) -> Interval {
        Interval {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
            not_zero: self.not_zero && other.not_zero,
            not_err: self.not_err && other.not_err,
        }
    }

    /// Whether a value is one of these.
    pub fn contains(self, value: i64) -> bool {
        self.meet(Interval::exactly(value)).is_some()
    }

    /// Without one value, as far as the domain can say.
    pub fn without(self, value: i64) -> Option<Interval> {
        let mut fact = self;
        if value == 0 {
            fact.not_zero = true;
        } else if fact.lo == value && fact.hi == value {
            return None;
        } else if fact.lo == value {
            fact.lo += 1;
        } else if fact.hi == value {
            fact.hi -= 1;
        }
        fact.normal()
    }

    pub fn is_zero(self) -> bool {
        self.lo == 0 && self.hi == 0
    }

    pub fn may_be_zero(self) -> bool {
        self.lo <= 0 && self.hi >= 0 && !self.not_zero
    }

    /// The truth value, if it is the same for every value.
    pub fn truth(self) -> Option<bool> {
        if self.is_zero() {
            Some(false)
        } else if !self.may_be_zero() {
            Some(true)
        } else {
            None
        }
    }

    /// Whether `IS_ERR` is the same for every value.
    pub fn is_err(self) -> Option<bool> {
        if self.not_err {
            Some(false)
        } else if self.lo >= MIN_ERR && self.hi < 0 {
            Some(true)
        } else {
            None
        }
    }

    /// The only value.
    pub fn value(self) -> Option<i64> {
        (self.lo == self.hi).then_some(self.lo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_errors_and_null_are_disjoint() {
        assert_eq!(Interval::ERR.meet(Interval::ZERO), None);
        assert_eq!(Interval::OBJECT.meet(Interval::ERR), None);
        assert_eq!(Interval::ERR.is_err(), Some(true));
        assert_eq!(Interval::OBJECT.is_err(), Some(false));
        assert_eq!(Interval::TOP.is_err(), None);
        assert_eq!(Interval::ZERO.truth(), Some(false));
        assert_eq!(Interval::ERR.truth(), Some(true));
        assert_eq!(Interval::NON_ZERO.truth(), Some(true));
    }

    #[test]
    fn bounds_move_over_holes() {
        assert_eq!(Interval::range(0, 5).without(0), Some(Interval::range(1, 5)));
        assert_eq!(Interval::exactly(3).without(3), None);
        let not_err = Interval { not_err: true, ..Interval::range(-100, 7) };
        assert_eq!(not_err.meet(Interval::TOP), Some(Interval { lo: 0, hi: 7, not_zero: false, not_err: true }));
        assert_eq!(Interval::exactly(1).join(Interval::exactly(3)).truth(), Some(true));
        assert!(!Interval::exactly(-1).join(Interval::exactly(1)).may_be_zero());
    }
}
