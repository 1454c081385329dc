//! A file as lines that can be searched for a run of lines.
//!
//! Each line has a hash, and the hashes are sorted, so that a run is looked for only where its rarest line stands. All
//! work is counted against a budget, for a file of equal lines would make any search quadratic.

use crate::diff::HunkLine;
use rustc_hash::FxHasher;
use std::cell::{Cell, OnceCell};
use std::hash::Hasher;

/// How alike two lines must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// Byte for byte, the final newline included.
    Exact,
    /// But for a CR at the end and the final newline.
    LineEnd,
    /// But for blanks at both ends and the length of runs of blanks.
    Blanks,
}

struct Index {
    hashes: Vec<u64>,
    /// (hash, line), sorted.
    order: Vec<(u64, u32)>,
}

pub(crate) struct Lines<'a> {
    pub lines: Vec<&'a [u8]>,
    /// The last line has no newline.
    pub unterminated: bool,
    plain: Index,
    blanks: OnceCell<Index>,
    /// How many more comparisons of lines are allowed.
    budget: Cell<u64>,
}

/// Comparisons of lines for one file and one diff of it; some seconds at worst.
const BUDGET: u64 = 50_000_000;

pub(crate) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The words of a line: what stands between blanks.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn plain_hash(line: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(without_cr(line));
    hasher.finish()
}

pub(crate) fn blanks_hash(line: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    for word in words(line) {
        hasher.write(word);
        hasher.write_u8(b' ');
    }
    hasher.finish()
}

fn index(lines: &[&[u8]], hash: fn(&[u8]) -> u64) -> Index {
    let hashes: Vec<u64> = lines.iter().map(|line| hash(line)).collect();
    let mut order: Vec<(u64, u32)> = hashes.iter().enumerate().map(|(line, &hash)| (hash, line as u32)).collect();
    order.sort_unstable();
    Index { hashes, order }
}

impl Index {
    fn places(&self, hash: u64) -> &[(u64, u32)] {
        let start = self.order.partition_point(|&(other, _)| other < hash);
        let end = self.order.partition_point(|&(other, _)| other <= hash);
        self.order.get(start..end).unwrap_or(&[])
    }
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a [u8]) -> Lines<'a> {
        let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
        let unterminated = lines.last().is_some_and(|line| !line.is_empty());
        if !unterminated {
            lines.pop();
        }
        let plain = index(&lines, plain_hash);
        Lines { lines, unterminated, plain, blanks: OnceCell::new(), budget: Cell::new(BUDGET) }
    }

    fn blanks(&self) -> &Index {
        self.blanks.get_or_init(|| index(&self.lines, blanks_hash))
    }

    /// The lines that equal one of this blank-insensitive hash.
    pub fn places_of(&self, hash: u64) -> &[(u64, u32)] {
        self.blanks().places(hash)
    }

    pub fn blanks_hash_at(&self, line: usize) -> Option<u64> {
        self.blanks().hashes.get(line).copied()
    }

    /// Whether the budget is used up: what was not found may still be there.
    pub fn exhausted(&self) -> bool {
        self.budget.get() == 0
    }

    fn spend(&self) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        left > 0
    }

    fn equal(&self, at: usize, want: &HunkLine, level: Level) -> bool {
        let Some(line) = self.lines.get(at) else { return false };
        let level = if want.damaged { Level::Blanks } else { level };
        match level {
            Level::Exact => *line == want.text && want.no_newline == (self.unterminated && at + 1 == self.lines.len()),
            Level::LineEnd => without_cr(line) == without_cr(&want.text),
            Level::Blanks => words(line).eq(words(&want.text)),
        }
    }

    /// Whether the run stands at this line (from 0).
    pub fn matches_at(&self, at: usize, run: &[&HunkLine], level: Level) -> bool {
        at + run.len() <= self.lines.len() && run.iter().enumerate().all(|(i, want)| self.spend() && self.equal(at + i, want, level))
    }

    /// The place nearest to `near` (the earlier of two), at or after `from`, at which the run stands.
    pub fn find(&self, run: &[&HunkLine], level: Level, near: usize, from: usize) -> Option<usize> {
        let last = self.lines.len().checked_sub(run.len())?;
        let anchor = run
            .iter()
            .enumerate()
            .map(|(i, want)| {
                let blanks = level == Level::Blanks || want.damaged;
                (i, if blanks { self.blanks().places(blanks_hash(&want.text)) } else { self.plain.places(plain_hash(&want.text)) })
            })
            .min_by_key(|(_, places)| places.len());
        let (shift, places) = anchor?;
        let mut after = places.partition_point(|&(_, line)| (line as usize) < near.saturating_add(shift));
        let mut before = after;
        loop {
            let below = before.checked_sub(1).and_then(|i| places.get(i)).and_then(|&(_, line)| (line as usize).checked_sub(shift));
            let below = below.filter(|&at| at >= from);
            let above = places.get(after).and_then(|&(_, line)| (line as usize).checked_sub(shift)).filter(|&at| at <= last);
            let at = match (below, above) {
                (None, None) => return None,
                (Some(below), Some(above)) if near.abs_diff(below) > near.abs_diff(above) => {
                    after += 1;
                    above
                }
                (Some(below), _) => {
                    before -= 1;
                    below
                }
                (None, Some(above)) => {
                    after += 1;
                    above
                }
            };
            if !self.spend() {
                return None;
            }
            if at >= from && at <= last && self.matches_at(at, run, level) {
                return Some(at);
            }
        }
    }
}
