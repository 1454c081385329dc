//! Ranges of memory whose contents rest on a guess: which one.

use super::{Memory, Ref};
use std::collections::BTreeMap;

/// Number of a guess, from 1; what has none is nought.
pub type GuessId = u32;

/// Ranges by their beginning: the end, and the guess. No two overlap.
#[derive(Clone, Default)]
pub(super) struct GuessedRanges(BTreeMap<u64, (u64, GuessId)>);

impl GuessedRanges {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn reset(&mut self) {
        self.0.clear();
    }

    fn overlapping(&self, lo: u64, hi: u64) -> impl Iterator<Item = (u64, u64, GuessId)> + '_ {
        let before = self.0.range(..lo).next_back();
        let first = before.map_or(lo, |(&start, _)| start);
        self.0.range(first..hi.max(first)).map(|(&start, &(end, id))| (start, end, id)).filter(move |r| r.1 > lo)
    }

    /// The guess of the first such byte.
    pub fn find(&self, addr: u64, size: u64) -> Option<GuessId> {
        self.overlapping(addr, addr.saturating_add(size)).next().map(|r| r.2)
    }

    /// Something known is written to a range.
    pub fn clear(&mut self, addr: u64, size: u64) {
        let end = addr.saturating_add(size);
        let hit: Vec<_> = self.overlapping(addr, end).collect();
        for (lo, hi, id) in hit {
            self.0.remove(&lo);
            if lo < addr {
                self.0.insert(lo, (addr, id));
            }
            if hi > end {
                self.0.insert(end, (hi, id));
            }
        }
    }

    pub fn mark(&mut self, addr: u64, size: u64, id: GuessId) {
        self.clear(addr, size);
        if size > 0 {
            self.0.insert(addr, (addr.saturating_add(size), id));
        }
    }

    fn copy(&mut self, to: u64, from: u64, size: u64) {
        let end = from.saturating_add(size);
        let moved: Vec<_> = self.overlapping(from, end).map(|(lo, hi, id)| (lo.max(from), hi.min(end), id)).collect();
        self.clear(to, size);
        for (lo, hi, id) in moved {
            self.mark(to.wrapping_add(lo - from), hi - lo, id);
        }
    }
}

impl Memory {
    /// Whether any memory rests on a guess.
    #[inline]
    pub fn has_guessed(&self) -> bool {
        !self.guessed.is_empty()
    }

    /// The guess that a range of memory rests on.
    pub fn guess_in(&self, addr: u64, size: u64) -> Option<GuessId> {
        self.guessed.find(addr, size)
    }

    /// From now on these bytes rest on a guess, as far as they belong to an object.
    pub fn mark_guessed(&mut self, addr: u64, size: u64, id: GuessId) {
        if let Some(object) = self.find(addr) {
            let (lo, hi) = (addr.max(object.addr), addr.saturating_add(size).min(object.addr + u64::from(object.size)));
            self.guessed.mark(lo, hi.saturating_sub(lo), id);
        }
    }

    /// The guesses move along with the bytes that are copied.
    pub(super) fn copy_guessed(&mut self, dst: Ref, src: Ref, size: u32) {
        let (from, to) = (self.address_of(src), self.address_of(dst));
        self.guessed.copy(to, from, u64::from(size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_split_and_moved() {
        let mut ranges = GuessedRanges::default();
        ranges.mark(100, 20, 1);
        ranges.clear(104, 4);
        assert_eq!((ranges.find(100, 4), ranges.find(104, 4), ranges.find(104, 5), ranges.find(119, 9)), (Some(1), None, Some(1), Some(1)));
        ranges.mark(110, 2, 2);
        assert_eq!((ranges.find(109, 1), ranges.find(110, 8), ranges.find(112, 8)), (Some(1), Some(2), Some(1)));
        ranges.copy(200, 102, 10);
        assert_eq!((ranges.find(200, 2), ranges.find(202, 4), ranges.find(206, 2), ranges.find(208, 2)), (Some(1), None, Some(1), Some(2)));
        ranges.reset();
        assert!(ranges.is_empty());
    }
}
