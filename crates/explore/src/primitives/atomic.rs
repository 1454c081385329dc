//! Operations on single words: atomics, exchanges, bits, C11 atomics, refcounts with their assertions.

use super::{BitChange, Prim};
use crate::code::{CallSite, IntTy};
use crate::fault::FaultKind;
use crate::machine::{Barrier, Flow, Machine, Ordering, fitted};
use crate::memory::Ref;
use crate::races::Atomically;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    None,
    Set,
    Add,
    Sub,
    And,
    Or,
    Xor,
    AndNot,
    Nand,
    Exchange,
    CompareExchange,
    TryExchange,
    /// Add unless it has the value of the third argument.
    AddUnless,
    /// Increment unless zero.
    IncNotZero,
    DecIfPositive,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gives {
    Old,
    New,
    NewIsZero,
    NewIsNegative,
    Done,
}

/// An atomic operation, by its name's parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AtomicOp {
    pub change: Change,
    pub gives: Gives,
    /// In bytes; 0: what the pointer points to says.
    pub size: u8,
    /// Which argument is the pointer.
    pub pointer: u8,
    /// Which is the operand; `u8::MAX`: one.
    pub operand: u8,
    /// Complains when a count goes below zero or comes back from it.
    pub refcount: bool,
    /// Where the place holds a pointer, the operand counts elements.
    pub scaled: bool,
}

impl AtomicOp {
    pub fn writes(self) -> bool {
        self.change != Change::None
    }

    /// Whether it depends on the old value whether it writes.
    pub(super) fn is_conditional(self) -> bool {
        use Change::*;
        matches!(self.change, CompareExchange | TryExchange | AddUnless | IncNotZero | DecIfPositive)
    }

    /// The operation that a name of the `atomic_` or `refcount_` families stands for.
    pub fn named(name: &str) -> Option<AtomicOp> {
        let name = name.strip_prefix("raw_").or_else(|| name.strip_prefix("arch_")).unwrap_or(name);
        let (rest, size, refcount) = if let Some(rest) = name.strip_prefix("atomic64_").or_else(|| name.strip_prefix("atomic_long_")) {
            (rest, 8, false)
        } else if let Some(rest) = name.strip_prefix("atomic_") {
            (rest, 4, false)
        } else if let Some(rest) = name.strip_prefix("refcount_") {
            (rest, 4, true)
        } else {
            return None;
        };
        let rest = ["_relaxed", "_acquire", "_release", "_mb"].iter().fold(rest, |r, s| r.strip_suffix(s).unwrap_or(r));
        let op = |change, gives, pointer, operand| Some(AtomicOp { change, gives, size, pointer, operand, refcount, scaled: false });
        let one = u8::MAX;
        match rest {
            "read" => return op(Change::None, Gives::Old, 0, one),
            "set" => return op(Change::Set, Gives::Old, 0, 1),
            "xchg" => return op(Change::Exchange, Gives::Old, 0, 1),
            "cmpxchg" => return op(Change::CompareExchange, Gives::Old, 0, 1),
            "try_cmpxchg" => return op(Change::TryExchange, Gives::Done, 0, 1),
            "add_unless" => return op(Change::AddUnless, Gives::Done, 0, 1),
            "fetch_add_unless" => return op(Change::AddUnless, Gives::Old, 0, 1),
            "inc_not_zero" => return op(Change::IncNotZero, Gives::Done, 0, one),
            "dec_if_positive" => return op(Change::DecIfPositive, Gives::New, 0, one),
            "add_negative" => return op(Change::Add, Gives::NewIsNegative, 1, 0),
            _ => {}
        }
        let (rest, fetch) = rest.strip_prefix("fetch_").map_or((rest, false), |r| (r, true));
        let (rest, gives) = if let Some(r) = rest.strip_suffix("_and_test") {
            (r, Gives::NewIsZero)
        } else if let Some(r) = rest.strip_suffix("_return") {
            (r, Gives::New)
        } else {
            (rest, if fetch { Gives::Old } else { Gives::Done })
        };
        let (change, counted) = match rest {
            "add" => (Change::Add, true),
            "sub" => (Change::Sub, true),
            "inc" => (Change::Add, false),
            "dec" => (Change::Sub, false),
            "and" => (Change::And, true),
            "or" => (Change::Or, true),
            "xor" => (Change::Xor, true),
            "andnot" => (Change::AndNot, true),
            _ => return None,
        };
        if counted { op(change, gives, 1, 0) } else { op(change, gives, 0, one) }
    }
}

impl AtomicOp {
    /// The operation that a name of C11 or of the compilers' builtins stands for; the place's type says how wide it is.
    pub fn of_compiler(name: &str) -> Option<AtomicOp> {
        let c11 = name.strip_prefix("atomic_").map(|rest| rest.strip_suffix("_explicit").unwrap_or(rest));
        let sync = name.strip_prefix("__sync_");
        let builtin = c11.or(sync).or_else(|| name.strip_prefix("__atomic_"))?;
        let op = |change, gives| AtomicOp { change, gives, size: 0, pointer: 0, operand: 1, refcount: false, scaled: c11.is_some() };
        if name == "__sync_bool_compare_and_swap" {
            return Some(op(Change::CompareExchange, Gives::Done));
        }
        let (middle, end) = if sync.is_some() { ("fetch_and_", "_and_fetch") } else { ("fetch_", "_fetch") };
        let (change, gives) = match (builtin.strip_prefix(middle), builtin.strip_suffix(end)) {
            (Some(change), _) => (change, Gives::Old),
            (None, Some(change)) if c11.is_none() => (change, Gives::New),
            _ => return None,
        };
        let change = match change {
            "add" => Change::Add,
            "sub" => Change::Sub,
            "and" => Change::And,
            "or" => Change::Or,
            "xor" => Change::Xor,
            "nand" if c11.is_none() => Change::Nand,
            _ => return None,
        };
        Some(op(change, gives))
    }

    /// What it works on, as a number.
    pub fn word(self, site: &CallSite) -> IntTy {
        if self.size == 0 { site.pointee } else { IntTy { size: self.size, signed: true } }
    }
}

impl Prim {
    /// Whether it reads or writes one place at once.
    pub(super) fn is_atomic(self) -> bool {
        use Prim::*;
        matches!(self, StoreTo | Exchange | CompareExchange | TryExchange | Atomic(_) | Bit { .. } | C11Load | C11Compare)
    }

    /// Whether it depends on the old value whether it writes.
    pub(crate) fn is_conditional(self) -> bool {
        match self {
            Prim::CompareExchange | Prim::TryExchange | Prim::C11Compare => true,
            Prim::Atomic(op) => op.is_conditional(),
            _ => false,
        }
    }
}

impl Machine<'_> {
    /// Whether a conditional operation would write now; one that would not is only a read.
    pub(super) fn would_write(&mut self, t: usize, prim: Prim, site: &CallSite) -> bool {
        let arg = |m: &Self, n: u8| m.arg(t, site, n);
        let (addr, ty) = match prim {
            Prim::Atomic(op) => (arg(self, op.pointer) as u64, op.word(site)),
            _ => (arg(self, 0) as u64, site.pointee),
        };
        if self.link.mem.has_open() {
            return true;
        }
        let Some(old) = self.read_int(addr, ty) else { return true };
        let found = |m: &mut Self, at: i64| m.read_int(at as u64, ty).is_none_or(|expected| old == expected);
        match prim {
            Prim::CompareExchange => old == ty.fit(arg(self, 1)),
            Prim::TryExchange | Prim::C11Compare => found(self, arg(self, 1)),
            Prim::Atomic(op) => match op.change {
                Change::CompareExchange => old == ty.fit(arg(self, op.operand)),
                Change::TryExchange => found(self, arg(self, op.operand)),
                Change::AddUnless => old != ty.fit(arg(self, 2)),
                Change::IncNotZero => old != 0,
                Change::DecIfPositive => old > 0,
                _ => true,
            },
            _ => true,
        }
    }

    pub(super) fn atomic_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let arg = |m: &Self, n: u8| m.arg(t, site, n);
        let (addr, ty, write) = match prim {
            Prim::Atomic(op) => (arg(self, op.pointer) as u64, op.word(site), op.writes()),
            Prim::Bit { change, .. } => {
                let addr = (arg(self, 1) as u64).wrapping_add(arg(self, 0) as u64 / 64 * 8);
                let size = match self.room(addr) {
                    8 => 8,
                    4..=7 => 4,
                    2..=3 => 2,
                    _ => 1,
                };
                (addr, IntTy { size, signed: false }, change.is_some())
            }
            _ => (arg(self, 0) as u64, site.pointee, !matches!(prim, Prim::C11Load)),
        };
        let at = match self.link.mem.check(addr, u32::from(ty.size)) {
            Ok(at) => at,
            Err(bad) => {
                self.bad(t, bad, addr, write);
                return Flow::Dead;
            }
        };
        let write = write && (!prim.is_conditional() || self.would_write(t, prim, site));
        self.link.mem.touch(at, u32::from(ty.size), t as u8, write);
        let old = match self.link.mem.open_in(addr, u64::from(ty.size)) {
            Some(cell) => cell.value,
            None => self.link.mem.read(at, ty),
        };
        let mut old = self.forwarded(t, addr, ty.size).ok().flatten().unwrap_or(old);
        let weak = self.is_weak() && self.link.mem.visibility(at, u32::from(ty.size)).shared;
        let ordering = if weak { self.ordering(t, prim, site) } else { Ordering::Relaxed };
        let stores = matches!(prim, Prim::StoreTo | Prim::Atomic(AtomicOp { change: Change::Set, .. }));
        if weak && !write && !prim.is_conditional() {
            if ordering == Ordering::Full {
                self.barrier(t, Barrier::Full);
            }
            old = self.weak_read(t, addr, ty.size, old, ordering);
        }
        if weak && stores {
            let v = match prim {
                Prim::Atomic(op) => arg(self, op.operand),
                _ => arg(self, 1),
            };
            if ordering == Ordering::Full {
                self.barrier(t, Barrier::Full);
            }
            let last = self.weak_write(t, addr, ty.size, (old, fitted(ty, v)), ordering, false);
            if ordering == Ordering::Full {
                self.barrier(t, Barrier::Full);
            }
            if !last {
                self.threads[t].effects += 1;
                return Flow::Next(0);
            }
        }
        if self.adjacent && self.concurrent() {
            let used = Atomically { reads: !stores, writes: write, ..self.c11_order(t, prim, site, write) };
            self.unordered |= used.reads && !used.acquires || used.writes && !used.releases;
        }
        if self.races.is_some() {
            let used = Atomically { reads: !stores, writes: write, ..self.c11_order(t, prim, site, write) };
            self.order_atomic(t, addr, used);
        }
        let before = self.link.mem.peek(addr & !7);
        let id = if matches!(prim, Prim::StoreTo) { self.resting.operand } else { self.read_guess(addr, u64::from(ty.size)) };
        let flow = self.atomic_change(t, prim, site, (addr, at, ty), old);
        if weak && !stores && (write || prim.is_conditional()) {
            let now = self.link.mem.read(at, ty);
            self.weak_exchange(t, addr, ty.size, (old, now), write, ordering);
        }
        if self.concurrent()
            && let Some(step) = self.record.as_mut().and_then(|record| record.last_mut())
        {
            let now = self.link.mem.open_in(addr, u64::from(ty.size)).map_or_else(|| self.link.mem.read(at, ty), |cell| cell.value);
            let both = write && !matches!(prim, Prim::StoreTo | Prim::Atomic(AtomicOp { change: Change::Set, .. }));
            (step.addr, step.size, step.write, step.call) = (addr, ty.size, write, false);
            (step.value, step.was) = (Some(now), both.then_some(old));
        }
        if id != 0 {
            (self.resting.any, self.resting.operand) = (true, id);
            self.link.mem.mark_guessed(addr, u64::from(ty.size), id);
        }
        // A loop around what changed nothing may wait for a change: a lock's word is exchanged until it was free.
        let unchanged = !write || !matches!(prim, Prim::StoreTo) && self.link.mem.peek(addr & !7) == before;
        match before {
            Some(value) if unchanged => self.threads[t].has_read(addr & !7, value),
            _ => self.threads[t].effects += u32::from(write),
        }
        flow
    }

    /// An exchange that failed says what was there.
    fn write_expected(&mut self, t: usize, to: u64, ty: IntTy, old: i64) {
        if let Ok(at) = self.link.mem.check(to, u32::from(ty.size)) {
            if self.concurrent() {
                self.changes(t, at, to, u32::from(ty.size));
            }
            self.link.mem.write(at, ty, old);
        }
    }

    /// Changes the value at `at`, which is `old`.
    fn atomic_change(&mut self, t: usize, prim: Prim, site: &CallSite, (addr, at, ty): (u64, Ref, IntTy), old: i64) -> Flow {
        let arg = |m: &Self, n: u8| m.arg(t, site, n);
        match prim {
            Prim::StoreTo => {
                self.put(at, ty, arg(self, 1));
                Flow::Next(0)
            }
            Prim::C11Load => Flow::Next(old),
            Prim::Exchange => {
                self.link.mem.write(at, ty, arg(self, 1));
                Flow::Next(old)
            }
            Prim::CompareExchange => {
                if old == ty.fit(arg(self, 1)) {
                    self.link.mem.write(at, ty, arg(self, 2));
                }
                Flow::Next(old)
            }
            Prim::TryExchange | Prim::C11Compare => {
                let expected_at = arg(self, 1) as u64;
                let Some(expected) = self.read_int(expected_at, ty) else {
                    self.bad(t, crate::memory::Bad::Wild, expected_at, false);
                    return Flow::Dead;
                };
                if old == expected {
                    self.link.mem.write(at, ty, arg(self, 2));
                    Flow::Next(1)
                } else {
                    self.write_expected(t, expected_at, ty, old);
                    Flow::Next(0)
                }
            }
            Prim::Bit { change, test } => {
                let bit = arg(self, 0) as u64 % 64;
                let was = (old as u64) >> bit & 1;
                if let Some(change) = change {
                    let new = match change {
                        BitChange::Set => old as u64 | 1 << bit,
                        BitChange::Clear => old as u64 & !(1 << bit),
                        BitChange::Flip => old as u64 ^ 1 << bit,
                    };
                    self.link.mem.write(at, ty, new as i64);
                }
                Flow::Next(if test { was as i64 } else { 0 })
            }
            Prim::Atomic(op) => {
                let operand = if op.operand == u8::MAX { 1 } else { arg(self, op.operand) };
                let operand = if op.scaled { operand.wrapping_mul(i64::from(site.scale)) } else { operand };
                let v = match op.change {
                    Change::None => Some(old),
                    Change::Set | Change::Exchange => Some(operand),
                    Change::Add => Some(old.wrapping_add(operand)),
                    Change::Sub => Some(old.wrapping_sub(operand)),
                    Change::And => Some(old & operand),
                    Change::Or => Some(old | operand),
                    Change::Xor => Some(old ^ operand),
                    Change::AndNot => Some(old & !operand),
                    Change::Nand => Some(!(old & operand)),
                    Change::CompareExchange => (old == ty.fit(operand)).then(|| arg(self, 2)),
                    Change::TryExchange => {
                        let expected = self.read_int(operand as u64, ty).unwrap_or(0);
                        if old == expected {
                            Some(arg(self, 2))
                        } else {
                            self.write_expected(t, operand as u64, ty, old);
                            None
                        }
                    }
                    Change::AddUnless => (old != ty.fit(arg(self, 2))).then(|| old.wrapping_add(operand)),
                    Change::IncNotZero => (old != 0).then(|| old.wrapping_add(1)),
                    Change::DecIfPositive => (old > 0).then(|| old.wrapping_sub(1)),
                };
                let new = ty.fit(v.unwrap_or(old));
                if op.refcount && matches!(op.change, Change::Add | Change::Sub) {
                    let wrong = match op.change {
                        Change::Add if old == 0 => Some("reference taken of an object that has none left"),
                        Change::Sub if old <= 0 || new < 0 => Some("reference dropped of an object that has none left"),
                        _ => None,
                    };
                    if let Some(detail) = wrong {
                        self.fault(t, FaultKind::RefcountUnderflow, addr, detail);
                        return Flow::Dead;
                    }
                }
                if op.writes() && v.is_some() {
                    self.link.mem.write(at, ty, new);
                }
                Flow::Next(match op.gives {
                    Gives::Old => old,
                    Gives::New if op.change == Change::DecIfPositive => old.wrapping_sub(1),
                    Gives::New => new,
                    Gives::NewIsZero => i64::from(new == 0),
                    Gives::NewIsNegative => i64::from(new < 0),
                    Gives::Done => i64::from(v.is_some()),
                })
            }
            _ => Flow::Next(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let op = AtomicOp::named("atomic64_fetch_add_relaxed").unwrap();
        assert_eq!((op.change, op.gives, op.size, op.pointer), (Change::Add, Gives::Old, 8, 1));
        let op = AtomicOp::named("refcount_dec_and_test").unwrap();
        assert!(op.refcount);
        assert_eq!((op.change, op.gives, op.pointer), (Change::Sub, Gives::NewIsZero, 0));
        assert_eq!(AtomicOp::named("atomic_notifier_chain_register"), None);
        let op = AtomicOp::of_compiler("__sync_and_and_fetch").unwrap();
        assert_eq!((op.change, op.gives, op.size, op.scaled), (Change::And, Gives::New, 0, false));
        let op = AtomicOp::of_compiler("atomic_fetch_sub_explicit").unwrap();
        assert_eq!((op.change, op.gives, op.scaled), (Change::Sub, Gives::Old, true));
        assert_eq!(AtomicOp::of_compiler("__atomic_fetch"), None);
    }
}
