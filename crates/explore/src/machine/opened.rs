//! Open values in the number of a state, by what they are and not by which stand-in they have; and an end to those that nothing holds any more.
//!
//! Each has the number of the place where it is met first on the way through memory and threads. To that belongs what it may still be, what
//! it is computed from, and all that was decided about values that hang together with it. Two states that are the same up to the names of stand-ins
//! ask the same of the solver from then on.

use super::lazy::{MARK, NUMBER};
use super::symbols::{Open, Term};
use super::values::Values;
use super::*;
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// Above the numbers of open values in a state; no address, no stand-in and hardly a number has it.
const NAMED: u64 = 0x6e61_6d65 << 32;
/// Values that a search which knows states again keeps before it looks for those that nothing holds.
const KEPT: usize = 32;

/// Stand-ins in the order in which they were met.
#[derive(Default)]
pub(super) struct Opened(RefCell<(Vec<i64>, FxHashMap<i64, u64>)>);

impl Opened {
    pub(super) fn number(&self, lazy: i64) -> u64 {
        let (order, numbers) = &mut *self.0.borrow_mut();
        *numbers.entry(lazy).or_insert_with(|| {
            order.push(lazy);
            order.len() as u64 - 1
        })
    }

    fn has(&self, lazy: i64) -> bool {
        self.0.borrow().1.contains_key(&lazy)
    }

    fn nth(&self, n: usize) -> Option<i64> {
        self.0.borrow().0.get(n).copied()
    }
}

fn stand_in(t: usize, n: usize) -> i64 {
    (MARK << 32) | (t as i64) << NUMBER | n as i64
}

impl Machine<'_> {
    /// What a state calls a stand-in: by number, or the only value that it may have.
    pub(super) fn open_name(&self, opened: &Opened, lazy: i64) -> u64 {
        match self.open_value(lazy) {
            Some(open) if open.values.count() == 1 => open.values.nth(0).unwrap_or(0) as u64,
            _ => NAMED | opened.number(lazy),
        }
    }

    /// All that tells the values met from others: what each is, and what was decided about it. `threads`: in which order they are asked for theirs.
    pub(super) fn open_contents(&self, opened: &Opened, threads: &[usize], mut word: impl FnMut(u64)) {
        let decided = |open: &Open| open.term != Term::Free && open.values != open.whole;
        let each = threads.iter().flat_map(|&t| self.threads[t].lazies.iter().enumerate().map(move |(n, open)| (stand_in(t, n), open)));
        let mut left: Vec<(i64, &Open)> = each.filter(|(_, open)| decided(open)).collect();
        let mut next = 0;
        loop {
            while let Some(lazy) = opened.nth(next) {
                next += 1;
                if let Some(open) = self.open_value(lazy) {
                    self.open_words(opened, open, &mut word);
                }
            }
            // What was decided about something computed from these belongs to them, and so do all other values that this is computed from.
            let Some(at) = left.iter().position(|&(lazy, open)| !opened.has(lazy) && self.is_made_of(opened, open)) else { return };
            let (lazy, _) = left.swap_remove(at);
            opened.number(lazy);
        }
    }

    /// Whether something that was met goes into a value.
    fn is_made_of(&self, opened: &Opened, open: &Open) -> bool {
        let mut waiting: Vec<i64> = open.term.operands().collect();
        let mut seen = Vec::new();
        while let Some(lazy) = waiting.pop() {
            let Some(operand) = self.open_value(lazy).filter(|operand| operand.values.count() != 1) else { continue };
            if opened.has(lazy) {
                return true;
            }
            if !seen.contains(&lazy) {
                seen.push(lazy);
                waiting.extend(operand.term.operands());
            }
        }
        false
    }

    /// All that the values met are computed from is met as well.
    pub(super) fn with_operands(&self, opened: &Opened) {
        let mut next = 0;
        while let Some(lazy) = opened.nth(next) {
            next += 1;
            for operand in self.open_value(lazy).into_iter().flat_map(|open| open.term.operands()) {
                opened.number(operand);
            }
        }
    }

    fn open_words(&self, opened: &Opened, open: &Open, word: &mut impl FnMut(u64)) {
        let name = |v: i64| if is_lazy(v) { self.open_name(opened, v) } else { v as u64 };
        let shape = |ty: IntTy| u64::from(ty.size) << 1 | u64::from(ty.signed);
        match open.term {
            Term::Free => word(0),
            Term::Bin(op, a, b, ty) => [1 | (op as u64) << 8 | shape(ty) << 16, name(a), name(b)].into_iter().for_each(&mut *word),
            Term::Neg(a, ty) => [2 | shape(ty) << 16, name(a)].into_iter().for_each(&mut *word),
            Term::BitNot(a, ty) => [3 | shape(ty) << 16, name(a)].into_iter().for_each(&mut *word),
            Term::Fit(a, ty) => [4 | shape(ty) << 16, name(a)].into_iter().for_each(&mut *word),
        }
        for values in [&open.values, &open.whole] {
            word(values.0.len() as u64);
            values.0.iter().flat_map(|&(lo, hi)| [lo as u64, (lo >> 64) as u64, hi as u64, (hi >> 64) as u64]).for_each(&mut *word);
        }
    }

    /// A thread whose next step is a choice about an open value, which concerns nobody else, so that it may come before all that others do. Not one that has
    /// come round a loop by choices alone: it could go round for ever.
    pub(crate) fn decides_alone(&self, enabled: ThreadSet) -> Option<usize> {
        let decides = |t: &usize| enabled & 1 << t != 0 && self.threads[*t].pending == Pending::Decide && !self.threads[*t].looped;
        (0..self.threads.len()).find(decides).filter(|_| self.any_open)
    }

    /// Ends the open values that nothing holds any more and nothing rests on, once there are many.
    pub(crate) fn end_unused(&mut self) {
        let count = |m: &Self| m.threads.iter().map(|thread| thread.lazies.len()).sum::<usize>();
        if !self.any_open || count(self) < self.kept_open.max(KEPT) {
            return;
        }
        let used = self.open_in_use();
        for (t, thread) in self.threads.iter_mut().enumerate() {
            for (n, open) in thread.lazies.iter_mut().enumerate() {
                if !used.has(stand_in(t, n)) {
                    *open = Open::new(Values(Vec::new()), Term::Free);
                }
            }
            while thread.lazies.last().is_some_and(|open| open.values.0.is_empty()) {
                thread.lazies.pop();
            }
        }
        self.kept_open = KEPT.max(2 * count(self));
    }
}
