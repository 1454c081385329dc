//! Sets of integers: what an open value may still be.

use crate::code::IntTy;

/// The values of an integer type.
pub(super) fn range(ty: IntTy) -> (i128, i128) {
    let bits = u32::from(ty.size) * 8;
    if ty.signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) }
}

/// A set of integers: intervals in ascending order, apart from each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Values(pub(super) Vec<(i128, i128)>);

impl Values {
    pub(super) fn within(&self, part: &Values) -> Values {
        let mut out = Vec::new();
        for &(a, b) in &self.0 {
            out.extend(part.0.iter().map(|&(c, d)| (a.max(c), b.min(d))).filter(|(lo, hi)| lo <= hi));
        }
        Values(out)
    }

    pub(super) fn without(&self, part: &Values) -> Values {
        let mut left = self.0.clone();
        for &(c, d) in &part.0 {
            left = left.iter().flat_map(|&(a, b)| [(a, b.min(c - 1)), (a.max(d + 1), b)]).filter(|(lo, hi)| lo <= hi).collect();
        }
        Values(left)
    }

    pub(super) fn count(&self) -> i128 {
        self.0.iter().map(|(a, b)| b - a + 1).sum()
    }

    pub(super) fn nth(&self, n: i128) -> Option<i128> {
        let mut n = n;
        for &(a, b) in &self.0 {
            if n <= b - a {
                return Some(a + n);
            }
            n -= b - a + 1;
        }
        None
    }

    pub(super) fn has(&self, v: i128) -> bool {
        self.0.iter().any(|&(a, b)| a <= v && v <= b)
    }

    /// Two values that stand for all: nought and one where they are among them.
    pub(super) fn samples(&self) -> [i128; 2] {
        let first = if self.has(0) { 0 } else { self.nth(0).unwrap_or(0) };
        let second = if first == 0 && self.has(1) { Some(1) } else { (0..2).filter_map(|n| self.nth(n)).find(|v| *v != first) };
        let second = second.unwrap_or(first);
        [first, second]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_divided_without_loss() {
        let all = Values(vec![range(IntTy { size: 4, signed: true })]);
        assert_eq!(all.count(), 1 << 32);
        let case = Values(vec![(0, 3), (7, 7)]);
        let (inside, outside) = (all.within(&case), all.without(&case));
        assert_eq!((inside.count(), inside.count() + outside.count()), (5, all.count()));
        assert_eq!(outside.0, [(-(1 << 31), -1), (4, 6), (8, (1 << 31) - 1)]);
        assert_eq!((inside.nth(4), inside.nth(5)), (Some(7), None));
        assert_eq!((all.samples(), outside.samples(), inside.samples()), ([0, 1], [-(1 << 31), -(1 << 31) + 1], [0, 1]));
    }
}
