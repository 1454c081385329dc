//! Values that nothing is known about, chosen only when something asks.
//!
//! A program of a verification suite gets such a value from `__VERIFIER_nondet_int()` and its kin. It travels through registers as a
//! stand-in that no computation can make; with it goes the set of values that it may still have. A test of it is a choice between the
//! values for which it holds and the others, so all values are covered by as many executions as the tests tell apart. Where a number is
//! needed (arithmetic, an address, a store that other threads could see) the value is chosen for good: each of a few, or, from a large set,
//! some that stand for all, which is a bound. Values never leave their thread unchosen, so that choices of different threads are independent.

use super::*;
use crate::primitives::Prim;

/// The upper half of every stand-in; no address and no integer of 32 bits has it.
const MARK: i64 = 0x6c61_7a79;
/// Sets of up to this many values are gone through one by one.
const FEW: i128 = 16;

/// Whether a register holds a stand-in.
#[inline]
fn is_lazy(v: i64) -> bool {
    v >> 32 == MARK
}

/// What a register of this type holds of a value; a stand-in was made to fit before.
#[inline]
pub(super) fn fitted(ty: IntTy, v: i64) -> i64 {
    if is_lazy(v) { v } else { ty.fit(v) }
}

/// The values of an integer type.
fn range(ty: IntTy) -> (i128, i128) {
    let bits = u32::from(ty.size) * 8;
    if ty.signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) }
}

/// A set of integers: intervals in ascending order, apart from each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Values(Vec<(i128, i128)>);

impl Values {
    fn within(&self, part: &Values) -> Values {
        let mut out = Vec::new();
        for &(a, b) in &self.0 {
            out.extend(part.0.iter().map(|&(c, d)| (a.max(c), b.min(d))).filter(|(lo, hi)| lo <= hi));
        }
        Values(out)
    }

    fn without(&self, part: &Values) -> Values {
        let mut left = self.0.clone();
        for &(c, d) in &part.0 {
            left = left.iter().flat_map(|&(a, b)| [(a, b.min(c - 1)), (a.max(d + 1), b)]).filter(|(lo, hi)| lo <= hi).collect();
        }
        Values(left)
    }

    fn count(&self) -> i128 {
        self.0.iter().map(|(a, b)| b - a + 1).sum()
    }

    fn nth(&self, n: i128) -> Option<i128> {
        let mut n = n;
        for &(a, b) in &self.0 {
            if n <= b - a {
                return Some(a + n);
            }
            n -= b - a + 1;
        }
        None
    }

    fn has(&self, v: i128) -> bool {
        self.0.iter().any(|&(a, b)| a <= v && v <= b)
    }

    /// Two values that stand for all: nought and one where they are among them.
    fn samples(&self) -> [i128; 2] {
        let first = if self.has(0) { 0 } else { self.nth(0).unwrap_or(0) };
        let second = if first == 0 && self.has(1) { Some(1) } else { (0..2).filter_map(|n| self.nth(n)).find(|v| *v != first) };
        let second = second.unwrap_or(first);
        [first, second]
    }
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
    /// A value of this type that may be anything, or of `bool`.
    pub(crate) fn anything(&mut self, t: usize, ty: IntTy, bool: bool) -> i64 {
        let lazies = &mut self.threads[t].lazies;
        lazies.push(Values(vec![if bool { (0, 1) } else { range(ty) }]));
        (MARK << 32) | (lazies.len() as i64 - 1)
    }

    fn values(&self, t: usize, lazy: i64) -> Values {
        self.threads[t].lazies.get((lazy & 0xffff_ffff) as usize).cloned().unwrap_or(Values(vec![(0, 0)]))
    }

    /// The thread's choice between `n`. `None`: it stopped to ask.
    fn ask(&mut self, t: usize, pc: usize, n: u16, granted: &mut bool) -> Option<u16> {
        if n < 2 {
            return Some(0);
        }
        if !std::mem::take(granted) && self.stop_at.is_none_or(|at| self.threads[t].ops >= at) {
            self.link.mem.concurrent = true;
            self.save(t, pc);
            self.threads[t].footprint.clear();
            self.threads[t].choices = n;
            self.threads[t].pending = Pending::Memory;
            return None;
        }
        self.threads[t].ops += 1;
        Some(self.choice.min(n - 1))
    }

    /// From now on the value is among these.
    fn narrow(&mut self, t: usize, lazy: i64, values: Values) {
        if values.count() == 1 {
            let v = values.nth(0).unwrap_or(0) as i64;
            self.threads[t].regs.iter_mut().filter(|r| **r == lazy).for_each(|r| *r = v);
        } else if let Some(entry) = self.threads[t].lazies.get_mut((lazy & 0xffff_ffff) as usize) {
            *entry = values;
        }
    }

    /// Decides whether a value is in a set: `true` first. `None`: the thread stopped to ask.
    fn decide(&mut self, t: usize, pc: usize, lazy: i64, set: &Values, granted: &mut bool) -> Option<bool> {
        let values = self.values(t, lazy);
        let (inside, outside) = (values.within(set), values.without(set));
        if outside.count() == 0 || inside.count() == 0 {
            return Some(outside.count() == 0);
        }
        let holds = self.ask(t, pc, 2, granted)? == 0;
        self.narrow(t, lazy, if holds { inside } else { outside });
        Some(holds)
    }

    /// Chooses a value for good.
    fn settle(&mut self, t: usize, pc: usize, lazy: i64, granted: &mut bool) -> Lazily {
        let values = self.values(t, lazy);
        let count = values.count();
        let samples = values.samples();
        let n = if count <= FEW { count as u16 } else { 2 };
        let Some(choice) = self.ask(t, pc, n, granted) else { return Lazily::Stop };
        let v = if count <= FEW {
            values.nth(i128::from(choice)).unwrap_or(0)
        } else {
            self.bounds.insert("values");
            samples[usize::from(choice & 1)]
        };
        self.narrow(t, lazy, Values(vec![(v, v)]));
        Lazily::Again
    }

    /// Makes sure that a value is one of this type's, or is chosen.
    fn fit_lazy(&mut self, t: usize, pc: usize, lazy: i64, ty: IntTy, granted: &mut bool) -> Lazily {
        let all = Values(vec![range(ty)]);
        if self.values(t, lazy).without(&all).count() == 0 {
            return Lazily::Done;
        }
        match self.decide(t, pc, lazy, &all, granted) {
            None => Lazily::Stop,
            Some(true) => Lazily::Again,
            Some(false) => self.settle(t, pc, lazy, granted),
        }
    }

    /// Does an instruction, as far as it works on a value that is not decided.
    pub(super) fn lazily(&mut self, t: usize, pc: usize, ins: Ins, regs: usize, granted: &mut bool) -> Lazily {
        let r = |m: &Self, x: Reg| m.threads[t].regs[regs + usize::from(x)];
        let lazy = |m: &Self, x: Reg| Some(r(m, x)).filter(|v| is_lazy(*v));
        let nought = Values(vec![(0, 0)]);
        match ins {
            Ins::Const { .. }
            | Ins::Own { .. }
            | Ins::Mov { .. }
            | Ins::Local { .. }
            | Ins::Jump { .. }
            | Ins::Declare { .. }
            | Ins::Open { .. } => Lazily::Plain,
            Ins::Truth { s: c, .. } | Ins::Branch { c, .. } | Ins::Select { c, .. } => match lazy(self, c) {
                // A stand-in is not nought.
                Some(v) if self.values(t, v).has(0) => match self.decide(t, pc, v, &nought, granted) {
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
                (Some(_), Some(w)) => self.settle(t, pc, w, granted),
                (Some(v), None) => self.compare_lazy(t, pc, (op, d, v, r(self, b), ty), regs, granted),
                (None, Some(v)) => self.compare_lazy(t, pc, (mirrored(op), d, v, r(self, a), ty), regs, granted),
            },
            Ins::Fit { d, s, ty } => {
                let Some(v) = lazy(self, s) else { return Lazily::Plain };
                let next = self.fit_lazy(t, pc, v, ty, granted);
                if matches!(next, Lazily::Done) {
                    self.threads[t].regs[regs + usize::from(d)] = v;
                }
                next
            }
            Ins::Switch { v, table } => match lazy(self, v) {
                None => Lazily::Plain,
                Some(v) => self.switch_lazy(t, pc, v, table, granted),
            },
            Ins::Ret { s: Some(s), size: 0 } => {
                let Some(v) = lazy(self, s) else { return Lazily::Plain };
                let Some(ty) = self.result_type(t) else { return self.settle(t, pc, v, granted) };
                match self.fit_lazy(t, pc, v, ty, granted) {
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
                    return self.settle(t, pc, v, granted);
                }
                for (n, &arg) in site.args.iter().enumerate() {
                    if let Some(v) = lazy(self, arg)
                        && !self.takes_lazy(t, site, n, regs)
                    {
                        return self.settle(t, pc, v, granted);
                    }
                }
                Lazily::Plain
            }
            _ => match ins.operands().into_iter().flatten().find_map(|x| lazy(self, x)) {
                Some(v) => self.settle(t, pc, v, granted),
                None => Lazily::Plain,
            },
        }
    }

    fn compare_lazy(
        &mut self,
        t: usize,
        pc: usize,
        (op, d, v, c, ty): (BinOp, Reg, i64, i64, IntTy),
        regs: usize,
        granted: &mut bool,
    ) -> Lazily {
        match self.fit_lazy(t, pc, v, ty, granted) {
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
        match self.decide(t, pc, v, &set, granted) {
            None => Lazily::Stop,
            Some(holds) => {
                self.threads[t].regs[regs + usize::from(d)] = i64::from(holds != negated);
                Lazily::Done
            }
        }
    }

    fn switch_lazy(&mut self, t: usize, pc: usize, v: i64, table: u32, granted: &mut bool) -> Lazily {
        let Some(code) = self.threads[t].frames.last().map(|f| f.code.clone()) else { return Lazily::Plain };
        let (cases, default) = &code.switches[table as usize];
        let mut rest = self.values(t, v);
        let mut ways = Vec::new();
        for &(first, last, to) in cases {
            let case = Values(vec![(i128::from(first), i128::from(last))]);
            ways.push((rest.within(&case), to));
            rest = rest.without(&case);
        }
        ways.push((rest, *default));
        ways.retain(|(values, _)| values.count() > 0);
        let Some(choice) = self.ask(t, pc, ways.len() as u16, granted) else { return Lazily::Stop };
        let (values, to) = ways.swap_remove(usize::from(choice));
        self.narrow(t, v, values);
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

    /// Whether an argument may stay undecided: a body takes it in a register, or nobody looks at it.
    fn takes_lazy(&mut self, t: usize, site: &CallSite, n: usize, regs: usize) -> bool {
        let id = match site.target {
            Target::Function(id) => Some(id),
            Target::Pointer(r) => self.link.function_at(self.threads[t].regs[regs + usize::from(r)] as u64),
        };
        let Some(id) = id else { return true };
        match self.link.functions.get(id.0 as usize).map(|f| f.kind) {
            Some(FnKind::Body(_)) => {
                let Some(code) = self.link.code(id) else { return true };
                code.params.get(n).is_none_or(|p| matches!(p, Param::Reg(_)))
            }
            Some(FnKind::Unknown) | None => true,
            Some(FnKind::Prim(prim)) => matches!(prim, Prim::Give(_)),
        }
    }
}

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
