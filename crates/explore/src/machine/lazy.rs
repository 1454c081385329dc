//! Values that nothing is known about, chosen only when something asks.
//!
//! A program of a verification suite gets such a value from `__VERIFIER_nondet_int()` and its kin. It travels through registers as a
//! stand-in that no computation can make, and through memory as an open cell; with it goes the set of values that it may still have. A test
//! of it is a choice between the values for which it holds and the others, so all values are covered by as many executions as the tests
//! tell apart. Arithmetic gives another open value ([`super::symbols`]). Where a number is needed (an address, a part of an open cell) the value is
//! chosen for good: each of a few, or, from a large set, some that stand for all, which is a bound.
//!
//! A choice touches no location, even where two threads test one value: for every value that it can have at last, the program is one without
//! choices, and reduction is right for each of these. So what a choice can still decide is known only when it is made.

use super::symbols::{Found, Open, Term};
use super::values::{Values, range};
use super::*;
use crate::primitives::{Any, Prim};

/// The upper half of every stand-in; no address and no integer of 32 bits has it.
pub(super) const MARK: i64 = 0x6c61_7a79;
/// Sets of up to this many values are gone through one by one.
const FEW: i128 = 16;
/// How many elements memory has at most whose size is open.
pub(crate) const ELEMENTS: u32 = 3;

/// Bits of a stand-in that number the values of one thread; the thread is above.
pub(super) const NUMBER: u32 = 24;

/// Whether a register holds a stand-in.
#[inline]
pub(crate) fn is_lazy(v: i64) -> bool {
    v >> 32 == MARK
}

/// What a register of this type holds of a value; a stand-in was made to fit before.
#[inline]
pub(crate) fn fitted(ty: IntTy, v: i64) -> i64 {
    if is_lazy(v) { v } else { ty.fit(v) }
}

/// What becomes of an instruction that an undecided value goes into.
pub(super) enum Lazily {
    /// Nothing undecided matters to it: it is done as usual.
    Plain,
    /// It has been done.
    Done,
    /// Something was decided; it is looked at anew.
    Again,
    Jump(usize),
    Stop,
}

impl Machine<'_> {
    /// An open value of this type.
    pub(crate) fn anything(&mut self, t: usize, ty: IntTy, which: Any) -> i64 {
        if self.threads[t].lazies.len() >> NUMBER != 0 {
            self.bounds.insert("values");
            return 0;
        }
        let values = Values(vec![match which {
            Any::Typed => range(ty),
            Any::Truth => (0, 1),
            Any::Natural => (0, range(ty).1),
        }]);
        let n = self.opened(t, Open::new(values, Term::Free));
        self.any_open = true;
        (MARK << 32) | (t as i64) << NUMBER | n as i64
    }

    fn open_mut(&mut self, lazy: i64) -> Option<&mut Open> {
        let thread = self.threads.get_mut((lazy >> NUMBER & 0xff) as usize)?;
        thread.lazies.get_mut((lazy & ((1 << NUMBER) - 1)) as usize)
    }

    fn values(&mut self, lazy: i64) -> Values {
        self.open_mut(lazy).map_or(Values(vec![(0, 0)]), |open| (*open.values).clone())
    }

    /// The thread's choice between `n`. `None`: it stopped to ask.
    fn ask(&mut self, t: usize, pc: usize, n: u16) -> Option<u16> {
        if n < 2 {
            return Some(0);
        }
        if !std::mem::take(&mut self.may_choose) && self.stop_at.is_none_or(|at| self.threads[t].ops >= at) {
            self.link.mem.concurrent = true;
            self.save(t, pc);
            self.threads[t].footprint.clear();
            self.threads[t].choices = n;
            self.threads[t].pending = Pending::Decide;
            return None;
        }
        self.threads[t].ops += 1;
        self.event.choices = n;
        Some(self.choice.min(n - 1))
    }

    /// From now on the value is among these.
    fn narrow(&mut self, lazy: i64, values: Values) {
        if values.count() == 1 {
            let v = values.nth(0).unwrap_or(0) as i64;
            for t in 0..self.threads.len() {
                if self.threads[t].regs.contains(&lazy) {
                    self.threads[t].regs.iter_mut().filter(|r| **r == lazy).for_each(|r| *r = v);
                }
            }
            self.link.mem.close(lazy, v);
            self.close_buffered(lazy, v);
        }
        if let Some(open) = self.open_mut(lazy) {
            open.values = Rc::new(values);
        }
    }

    /// It follows from what is known already that the value is among these.
    fn imply(&mut self, lazy: i64, values: Values) {
        // What was decided about it before stays a decision.
        if let Some(open) = self.open_mut(lazy).filter(|open| open.values == open.whole) {
            open.whole = Rc::new(values.clone());
        }
        self.narrow(lazy, values);
    }

    /// Decides whether a value is in a set: `true` first. `None`: the thread stopped to ask.
    fn decide(&mut self, t: usize, pc: usize, lazy: i64, set: &Values) -> Option<bool> {
        let values = self.values(lazy);
        let (inside, outside) = (values.within(set), values.without(set));
        if outside.count() == 0 || inside.count() == 0 {
            return Some(outside.count() == 0);
        }
        let found = [self.possible(lazy, &inside), self.possible(lazy, &outside)];
        let holds = match found {
            [_, Found::Nothing] | [Found::Nothing, _] => {
                let holds = found[1] == Found::Nothing;
                self.imply(lazy, if holds { inside } else { outside });
                return Some(holds);
            }
            _ => self.ask(t, pc, 2)? == 0,
        };
        if found[usize::from(!holds)] == Found::Unsure {
            self.too_hard();
        }
        self.narrow(lazy, if holds { inside } else { outside });
        Some(holds)
    }

    /// The values among which one is chosen for good, and whether these are all.
    fn candidates(&mut self, lazy: i64) -> (Vec<i128>, bool) {
        let values = self.values(lazy);
        if values.count() > FEW && self.alone(lazy) {
            return (values.samples().to_vec(), false);
        }
        let (mut rest, mut found) = (values, Vec::new());
        while found.len() <= FEW as usize {
            match self.find(lazy, &rest) {
                Found::Value(v) => {
                    found.push(v);
                    rest = rest.without(&Values(vec![(v, v)]));
                }
                Found::Nothing => {
                    found.sort_unstable();
                    return (found, true);
                }
                Found::Unsure => {
                    found.extend(rest.nth(0));
                    self.too_hard();
                    return (found, false);
                }
            }
        }
        found.truncate(2);
        (found, false)
    }

    /// Chooses a value for good.
    fn settle(&mut self, t: usize, pc: usize, lazy: i64) -> Lazily {
        let (candidates, all) = self.candidates(lazy);
        let Some(choice) = self.ask(t, pc, candidates.len() as u16) else { return Lazily::Stop };
        if !all {
            self.bounds.insert("values");
        }
        let v = candidates.get(usize::from(choice)).copied().unwrap_or(0);
        let values = Values(vec![(v, v)]);
        if all && candidates.len() == 1 {
            self.imply(lazy, values)
        } else {
            self.narrow(lazy, values)
        }
        Lazily::Again
    }

    /// Chooses how much memory is made: as many elements as a few, from a large set. What is done with more is done with these.
    fn settle_size(&mut self, t: usize, pc: usize, lazy: i64) -> Lazily {
        let count = self.counted(lazy);
        let values = self.values(count).within(&Values(vec![(0, i128::MAX)]));
        let most = i128::from(ELEMENTS.min(self.options.alike));
        let small: Vec<i128> = (0..=most).filter_map(|n| values.nth(n)).collect();
        let few: Vec<i128> = small.into_iter().filter(|&v| self.possible(count, &Values(vec![(v, v)])) != Found::Nothing).collect();
        if values.count() <= FEW || few.is_empty() {
            return self.settle(t, pc, lazy);
        }
        let Some(choice) = self.ask(t, pc, few.len() as u16) else { return Lazily::Stop };
        self.bounds.insert("sizes");
        self.save(t, pc);
        for frame in &self.threads[t].frames {
            self.coverage.stop(frame.id, frame.pc);
        }
        let v = few.get(usize::from(choice)).copied().unwrap_or(0);
        self.narrow(count, Values(vec![(v, v)]));
        Lazily::Again
    }

    /// The number of elements in a size.
    fn counted(&self, size: i64) -> i64 {
        let mut count = size;
        while let Some(open) = self.open_value(count) {
            let mut operands = open.term.operands().filter(|v| is_lazy(*v));
            match (operands.next(), operands.next()) {
                (Some(operand), None) if self.open_value(operand).is_some_and(|open| open.values.count() > 1) => count = operand,
                _ => break,
            }
        }
        count
    }

    /// Arithmetic on open values gives an open value.
    fn compute(&mut self, t: usize, pc: usize, (d, term, ty): (usize, Term, IntTy), operand: i64) -> Lazily {
        match self.computed(t, term, ty) {
            Some(v) => {
                self.threads[t].regs[d] = v;
                Lazily::Done
            }
            None => self.settle(t, pc, operand),
        }
    }

    /// Makes sure that a value is one of this type's, or is chosen.
    fn fit_lazy(&mut self, t: usize, pc: usize, lazy: i64, ty: IntTy) -> Lazily {
        let all = Values(vec![range(ty)]);
        if self.values(lazy).without(&all).count() == 0 {
            return Lazily::Done;
        }
        match self.decide(t, pc, lazy, &all) {
            None => Lazily::Stop,
            Some(true) => Lazily::Again,
            Some(false) => self.settle(t, pc, lazy),
        }
    }

    /// Does an instruction, as far as it works on a value that is not decided.
    pub(super) fn lazily(&mut self, t: usize, pc: usize, ins: Ins, regs: usize) -> Lazily {
        let r = |m: &Self, x: Reg| m.threads[t].regs[regs + usize::from(x)];
        let lazy = |m: &Self, x: Reg| Some(r(m, x)).filter(|v| is_lazy(*v));
        let nought = Values(vec![(0, 0)]);
        match ins {
            Ins::Const { .. }
            | Ins::Guess { .. }
            | Ins::Own { .. }
            | Ins::Mov { .. }
            | Ins::Local { .. }
            | Ins::Jump { .. }
            | Ins::Declare { .. }
            | Ins::Open { .. } => Lazily::Plain,
            Ins::Truth { s: c, .. } | Ins::Branch { c, .. } | Ins::Select { c, .. } => match lazy(self, c) {
                // A stand-in is not nought.
                Some(v) if self.values(v).has(0) => match self.decide(t, pc, v, &nought) {
                    None => Lazily::Stop,
                    Some(_) => Lazily::Again,
                },
                _ => Lazily::Plain,
            },
            Ins::Cmp { op, d, a, b, ty } => match (lazy(self, a), lazy(self, b)) {
                (None, None) => Lazily::Plain,
                (Some(v), Some(w)) if v == w => {
                    self.threads[t].regs[regs + usize::from(d)] = i64::from(matches!(op, BinOp::Eq | BinOp::Le | BinOp::Ge));
                    Lazily::Done
                }
                (Some(v), Some(w)) => self.compare_open(t, pc, (op, d, v, w, ty), regs),
                (Some(v), None) => self.compare_lazy(t, pc, (op, d, v, r(self, b), ty), regs),
                (None, Some(v)) => self.compare_lazy(t, pc, (mirrored(op), d, v, r(self, a), ty), regs),
            },
            Ins::Fit { d, s, ty } => {
                let Some(v) = lazy(self, s) else { return Lazily::Plain };
                if self.values(v).without(&Values(vec![range(ty)])).count() == 0 {
                    self.threads[t].regs[regs + usize::from(d)] = v;
                    return Lazily::Done;
                }
                self.compute(t, pc, (regs + usize::from(d), Term::Fit(v, ty), ty), v)
            }
            Ins::Neg { d, s, ty } => match lazy(self, s) {
                None => Lazily::Plain,
                Some(v) => self.compute(t, pc, (regs + usize::from(d), Term::Neg(v, ty), ty), v),
            },
            Ins::BitNot { d, s, ty } => match lazy(self, s) {
                None => Lazily::Plain,
                Some(v) => self.compute(t, pc, (regs + usize::from(d), Term::BitNot(v, ty), ty), v),
            },
            Ins::Bin { op, d, a, b, ty } => {
                let Some(operand) = lazy(self, b).or(lazy(self, a)) else { return Lazily::Plain };
                if matches!(op, BinOp::Div | BinOp::Rem) {
                    match lazy(self, b) {
                        Some(divisor) if self.values(divisor).has(0) => {
                            return self.decide(t, pc, divisor, &nought).map_or(Lazily::Stop, |_| Lazily::Again);
                        }
                        None if r(self, b) == 0 => return Lazily::Plain,
                        _ => {}
                    }
                }
                let term = Term::Bin(op, r(self, a), r(self, b), ty);
                self.compute(t, pc, (regs + usize::from(d), term, ty), operand)
            }
            Ins::Switch { v, table } => match lazy(self, v) {
                None => Lazily::Plain,
                Some(v) => self.switch_lazy(t, pc, v, table),
            },
            Ins::Ret { s: Some(s), size: 0 } => {
                let Some(v) = lazy(self, s) else { return Lazily::Plain };
                let Some(ty) = self.result_type(t) else { return self.settle(t, pc, v) };
                if self.values(v).without(&Values(vec![range(ty)])).count() == 0 {
                    return Lazily::Plain;
                }
                // The function is over, and its registers with it.
                match self.compute(t, pc, (regs + usize::from(s), Term::Fit(v, ty), ty), v) {
                    Lazily::Done => Lazily::Plain,
                    next => next,
                }
            }
            Ins::Call { site } => {
                let Some(code) = self.threads[t].frames.last().map(|f| f.code.clone()) else { return Lazily::Plain };
                let Some(site) = code.sites.get(site as usize) else { return Lazily::Plain };
                if let Target::Pointer(target) = site.target
                    && let Some(v) = lazy(self, target)
                {
                    return self.settle(t, pc, v);
                }
                for (n, &arg) in site.args.iter().enumerate() {
                    let Some(v) = lazy(self, arg) else { continue };
                    let next = match self.taken(t, site, n, regs) {
                        Taken::Open => continue,
                        Taken::Truth if !self.values(v).has(0) => continue,
                        Taken::Truth => self.decide(t, pc, v, &nought).map_or(Lazily::Stop, |_| Lazily::Again),
                        Taken::As(ty) => match self.fit_lazy(t, pc, v, ty) {
                            Lazily::Done => continue,
                            next => next,
                        },
                        Taken::Value => self.settle(t, pc, v),
                        Taken::Size => self.settle_size(t, pc, v),
                    };
                    return next;
                }
                match self.prim_of(t, site).and_then(|prim| self.open_operand(t, prim, site)) {
                    Some(v) => self.settle(t, pc, v),
                    None => Lazily::Plain,
                }
            }
            Ins::Store { a, s, off, ty } if lazy(self, a).is_none() => {
                if let Some(cell) = self.link.mem.torn_by(r(self, a).wrapping_add(i64::from(off)) as u64, u64::from(ty.size)) {
                    return self.settle(t, pc, cell.value);
                }
                let Some(v) = lazy(self, s) else { return Lazily::Plain };
                match self.fit_lazy(t, pc, v, ty) {
                    Lazily::Done => Lazily::Plain,
                    next => next,
                }
            }
            Ins::Load { a, off, ty, .. } if lazy(self, a).is_none() => {
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                match self.link.mem.open_in(addr, u64::from(ty.size)) {
                    None => Lazily::Plain,
                    Some(cell) if (cell.addr, cell.size) != (addr, ty.size) => self.settle(t, pc, cell.value),
                    Some(cell) => match self.fit_lazy(t, pc, cell.value, ty) {
                        Lazily::Done => Lazily::Plain,
                        next => next,
                    },
                }
            }
            Ins::LoadBits { a, off, bit, width, .. } | Ins::StoreBits { a, off, bit, width, .. } if lazy(self, a).is_none() => {
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                let open = match ins {
                    Ins::StoreBits { s, .. } => lazy(self, s),
                    _ => None,
                };
                let cell = self.link.mem.open_in(addr, u64::from(bits_size(bit, width))).map(|cell| cell.value);
                match open.or(cell) {
                    Some(v) => self.settle(t, pc, v),
                    None => Lazily::Plain,
                }
            }
            Ins::Copy { d, s, size, .. } if lazy(self, d).or(lazy(self, s)).is_none() => {
                let torn = [d, s].into_iter().find_map(|x| self.link.mem.torn_by(r(self, x) as u64, u64::from(size)));
                match torn {
                    Some(cell) => self.settle(t, pc, cell.value),
                    None => Lazily::Plain,
                }
            }
            Ins::Zero { a, size, .. } if lazy(self, a).is_none() => match self.link.mem.torn_by(r(self, a) as u64, u64::from(size)) {
                Some(cell) => self.settle(t, pc, cell.value),
                None => Lazily::Plain,
            },
            Ins::DeclareSized { size, .. } => lazy(self, size).map_or(Lazily::Plain, |v| self.settle_size(t, pc, v)),
            _ => match ins.operands().into_iter().flatten().find_map(|x| lazy(self, x)) {
                Some(v) => self.settle(t, pc, v),
                None => Lazily::Plain,
            },
        }
    }

    /// Compares two open values.
    fn compare_open(&mut self, t: usize, pc: usize, (op, d, v, w, ty): (BinOp, Reg, i64, i64, IntTy), regs: usize) -> Lazily {
        for operand in [v, w] {
            match self.fit_lazy(t, pc, operand, ty) {
                Lazily::Done => {}
                next => return next,
            }
        }
        let Some(result) = self.computed(t, Term::Bin(op, v, w, ty), IntTy { size: 1, signed: false }) else {
            return self.settle(t, pc, w);
        };
        let holds = if is_lazy(result) { self.decide(t, pc, result, &Values(vec![(1, 1)])) } else { Some(result != 0) };
        match holds {
            None => Lazily::Stop,
            Some(holds) => {
                self.threads[t].regs[regs + usize::from(d)] = i64::from(holds);
                Lazily::Done
            }
        }
    }

    fn compare_lazy(&mut self, t: usize, pc: usize, (op, d, v, c, ty): (BinOp, Reg, i64, i64, IntTy), regs: usize) -> Lazily {
        match self.fit_lazy(t, pc, v, ty) {
            Lazily::Done => {}
            next => return next,
        }
        let (least, most) = range(ty);
        let c = if ty.signed { i128::from(c) } else { i128::from(c as u64) };
        let set = match op {
            BinOp::Eq | BinOp::Ne => (c, c),
            BinOp::Lt | BinOp::Ge => (least, c - 1),
            _ => (least, c),
        };
        let negated = matches!(op, BinOp::Ne | BinOp::Ge | BinOp::Gt);
        let set = Values(vec![set]).within(&Values(vec![(least, most)]));
        match self.decide(t, pc, v, &set) {
            None => Lazily::Stop,
            Some(holds) => {
                self.threads[t].regs[regs + usize::from(d)] = i64::from(holds != negated);
                Lazily::Done
            }
        }
    }

    fn switch_lazy(&mut self, t: usize, pc: usize, v: i64, table: u32) -> Lazily {
        let Some(code) = self.threads[t].frames.last().map(|f| f.code.clone()) else { return Lazily::Plain };
        let (cases, default) = &code.switches[table as usize];
        let mut rest = self.values(v);
        let mut ways = Vec::new();
        for &(first, last, to) in cases {
            let case = Values(vec![(i128::from(first), i128::from(last))]);
            ways.push((rest.within(&case), to));
            rest = rest.without(&case);
        }
        ways.push((rest, *default));
        ways.retain(|(values, _)| values.count() > 0);
        let found: Vec<Found> = ways.iter().map(|(values, _)| self.possible(v, values)).collect();
        let mut possible = found.iter().map(|found| *found != Found::Nothing);
        ways.retain(|_| possible.next().unwrap_or(true));
        let Some(choice) = self.ask(t, pc, ways.len() as u16) else { return Lazily::Stop };
        if ways.is_empty() {
            // Only behind a question that was too hard.
            self.too_hard();
            return Lazily::Jump(*default as usize);
        }
        let (values, to) = ways.swap_remove(usize::from(choice));
        if found.contains(&Found::Unsure) {
            self.too_hard();
        }
        self.narrow(v, values);
        Lazily::Jump(to as usize)
    }

    /// The type that the innermost function's caller takes its result as; `None`: the result leaves the thread.
    fn result_type(&self, t: usize) -> Option<IntTy> {
        let frames = &self.threads[t].frames;
        let caller = frames.len().checked_sub(2).and_then(|n| frames.get(n))?;
        match caller.code.ins.get((caller.pc as usize).checked_sub(1)?) {
            Some(&Ins::Call { site }) => Some(caller.code.sites.get(site as usize)?.dst_ty),
            _ => None,
        }
    }

    /// How a call takes an argument that is not decided.
    fn taken(&mut self, t: usize, site: &CallSite, n: usize, regs: usize) -> Taken {
        let id = match site.target {
            Target::Function(id) => id,
            Target::Pointer(r) => match self.link.function_at(self.threads[t].regs[regs + usize::from(r)] as u64) {
                Some(id) => id,
                None => return Taken::Open,
            },
        };
        match self.link.functions.get(id.0 as usize).map(|f| f.kind) {
            Some(FnKind::Body(_)) => match self.link.code(id).as_ref().and_then(|code| code.params.get(n)) {
                None | Some(Param::Reg(_)) => Taken::Open,
                Some(&Param::Scalar { ty, .. }) => Taken::As(ty),
                Some(Param::Aggregate { .. }) => Taken::Value,
            },
            Some(FnKind::Unknown) | None => Taken::Open,
            Some(FnKind::Prim(prim)) => match (prim, n) {
                (Prim::Give(_), _) => Taken::Open,
                (Prim::Assume | Prim::Assert, 0) => Taken::Truth,
                (Prim::StoreTo, 1) => Taken::As(site.pointee),
                (Prim::Allocate { .. }, _) => Taken::Size,
                _ => Taken::Value,
            },
        }
    }

    /// An open value in the memory that a primitive works on, where it needs a number.
    fn open_operand(&mut self, t: usize, prim: Prim, site: &CallSite) -> Option<i64> {
        if !self.link.mem.has_open() {
            return None;
        }
        let a = |m: &Self, n: u8| m.arg(t, site, n) as u64;
        let mem = &self.link.mem;
        let word = u64::from(site.pointee.size);
        let within = |at: u64, size: u64| mem.open_in(at, size).map(|cell| cell.value);
        let torn = |at: u64, size: u64| mem.torn_by(at, size).map(|cell| cell.value);
        match prim {
            Prim::StoreTo => torn(a(self, 0), word),
            Prim::C11Load => mem.open_in(a(self, 0), word).filter(|c| (c.addr, u64::from(c.size)) != (a(self, 0), word)).map(|c| c.value),
            Prim::Atomic(op) => within(a(self, op.pointer), u64::from(op.word(site).size)),
            Prim::TryExchange | Prim::C11Compare => within(a(self, 1), word).or_else(|| within(a(self, 0), word)),
            Prim::Exchange | Prim::CompareExchange => within(a(self, 0), word),
            Prim::Bit { .. } => within(a(self, 1).wrapping_add(a(self, 0) / 64 * 8), 8),
            Prim::CopyMemory => torn(a(self, 0), a(self, 2)).or_else(|| torn(a(self, 1), a(self, 2))),
            Prim::SetMemory => torn(a(self, 0), a(self, 2)),
            Prim::CompareMemory => within(a(self, 0), a(self, 2)).or_else(|| within(a(self, 1), a(self, 2))),
            Prim::StringLength => within(a(self, 0), TEXT_MAX),
            Prim::StringCompare { .. } => within(a(self, 0), TEXT_MAX).or_else(|| within(a(self, 1), TEXT_MAX)),
            _ => None,
        }
    }
}

/// How a call takes an argument.
enum Taken {
    /// As it is: a body takes it in a register, or nobody looks at it.
    Open,
    /// Only whether it is nought matters.
    Truth,
    /// Stored as a number of this type.
    As(IntTy),
    Value,
    /// As so many bytes, or elements.
    Size,
}

/// How far behind its beginning a string may have open bytes.
const TEXT_MAX: u64 = 256;

/// `b op a` for `a op b`.
fn mirrored(op: BinOp) -> BinOp {
    match op {
        BinOp::Lt => BinOp::Gt,
        BinOp::Gt => BinOp::Lt,
        BinOp::Le => BinOp::Ge,
        BinOp::Ge => BinOp::Le,
        other => other,
    }
}
