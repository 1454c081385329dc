//! Branches: what a condition being true or false tells of the arguments in it.

use super::*;

impl Run<'_, '_> {
    /// Makes a condition true or false; false: impossible.
    pub(super) fn assume(&mut self, state: &mut State, value: ValueId, truth: bool, depth: u32) -> bool {
        if depth > 16 {
            return true;
        }
        match self.values.get(value) {
            Value::Int(v) => (v != 0) == truth,
            Value::Un(UnOp::Not, v) => self.assume(state, v, !truth, depth + 1),
            // Whoever tests the structure around a result means the result: the member comes first.
            Value::Container(v, _, _) if self.values.call(v).is_some() => self.assume(state, v, truth, depth + 1),
            Value::Truth(v) => self.assume(state, v, truth, depth + 1),
            Value::IsErr(p) => self.refine(state, p, if truth { Interval::ERR } else { Interval { not_err: true, ..Interval::TOP } }),
            Value::IsErrOrNull(p) => {
                if truth {
                    self.refine(state, p, Interval { lo: MIN_ERR, hi: 0, not_zero: false, not_err: false })
                } else {
                    self.refine(state, p, Interval::OBJECT)
                }
            }
            Value::ContextQuery(query) => {
                // That no interrupt runs says nothing of spinlocks.
                let interrupt = match query {
                    Query::Primitive(name) => self.world.model.entry(name).and_then(|e| e.asks) == Some(Asks::Interrupt),
                    Query::Call(_) => false,
                };
                if interrupt && !truth {
                    state.no_interrupt = true;
                } else {
                    state.asked = true;
                }
                state.learn(value, if truth { Interval::NON_ZERO } else { Interval::ZERO })
            }
            Value::Bin(op, a, b) => {
                let (x, y) = (state.known(self.values, a), state.known(self.values, b));
                let op = if truth { op } else { negate(op) };
                match op {
                    BinOp::Eq => match (x.value(), y.value()) {
                        (_, Some(v)) => self.assume_equal(state, a, v, depth),
                        (Some(v), _) => self.assume_equal(state, b, v, depth),
                        _ => self.keep(state, value, truth),
                    },
                    BinOp::Ne => match (x.value(), y.value()) {
                        (_, Some(v)) => self.assume_differs(state, a, v, depth),
                        (Some(v), _) => self.assume_differs(state, b, v, depth),
                        _ => self.keep(state, value, truth),
                    },
                    // Unsigned comparisons look the same here: only bounds that hold for both readings are kept.
                    BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                        let strict = matches!(op, BinOp::Lt | BinOp::Gt);
                        let (small, large) = if matches!(op, BinOp::Lt | BinOp::Le) { (a, b) } else { (b, a) };
                        let (fs, fl) = (state.known(self.values, small), state.known(self.values, large));
                        let mut ok = true;
                        if let Some(v) = fl.value() {
                            ok &= match v.checked_sub(i64::from(strict)) {
                                Some(v) => self.refine(state, small, Interval { hi: v, ..Interval::TOP }),
                                None => false,
                            };
                        } else if let Some(v) = fs.value() {
                            ok &= match v.checked_add(i64::from(strict)) {
                                Some(v) => self.refine(state, large, Interval { lo: v, ..Interval::TOP }),
                                None => false,
                            };
                        } else {
                            ok &= self.keep(state, value, truth);
                        }
                        ok
                    }
                    BinOp::And if truth => {
                        let mut ok = state.learn(value, Interval::NON_ZERO);
                        // A set bit means that the whole is not zero.
                        ok &= self.refine(state, a, Interval::NON_ZERO);
                        ok
                    }
                    _ => self.keep(state, value, truth),
                }
            }
            _ => self.refine(state, value, if truth { Interval::NON_ZERO } else { Interval::ZERO }),
        }
    }

    pub(super) fn assume_equal(&mut self, state: &mut State, value: ValueId, constant: i64, depth: u32) -> bool {
        match self.values.get(value) {
            Value::IsErr(_) | Value::IsErrOrNull(_) | Value::Truth(_) | Value::Un(UnOp::Not, _) => match constant {
                0 => self.assume(state, value, false, depth + 1),
                1 => self.assume(state, value, true, depth + 1),
                _ => false,
            },
            Value::Bin(BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge, _, _) if constant == 0 => {
                self.assume(state, value, false, depth + 1)
            }
            _ => self.refine(state, value, Interval::exactly(constant)),
        }
    }

    pub(super) fn assume_differs(&mut self, state: &mut State, value: ValueId, constant: i64, depth: u32) -> bool {
        if constant == 0 {
            return match self.values.get(value) {
                Value::IsErr(_) | Value::IsErrOrNull(_) | Value::Truth(_) | Value::Un(UnOp::Not, _) | Value::Bin(..) => {
                    self.assume(state, value, true, depth + 1)
                }
                _ => self.refine(state, value, Interval::NON_ZERO),
            };
        }
        match state.known(self.values, value).without(constant) {
            // An interval has no holes inside: the comparison itself is remembered.
            Some(fact) if fact.contains(constant) => {
                let constant = self.values.int(constant);
                let equal = self.values.bin(BinOp::Eq, value, constant);
                state.learn(equal, Interval::ZERO) && self.refine(state, value, fact)
            }
            Some(fact) => self.refine(state, value, fact),
            None => false,
        }
    }

    pub(super) fn keep(&mut self, state: &mut State, value: ValueId, truth: bool) -> bool {
        let fact = if truth { Interval::NON_ZERO } else { Interval::ZERO };
        match self.values.get(value) {
            // The stored node is the untruncated comparison, read back by `fact`.
            Value::Bin(..) => state.learn(value, fact),
            _ => self.refine(state, value, fact),
        }
    }

    pub(super) fn refine(&mut self, state: &mut State, value: ValueId, fact: Interval) -> bool {
        match state.known(self.values, value).meet(fact) {
            None => false,
            Some(_) if matches!(self.values.get(value), Value::Int(_) | Value::Str | Value::Addr(_) | Value::Function(_)) => true,
            Some(_) => {
                if !state.learn(value, fact) {
                    return false;
                }
                // A sum with a constant bounds the other summand.
                let sum = match self.values.get(value) {
                    Value::Bin(op @ (BinOp::Add | BinOp::Sub), a, b) => match (self.values.get(a), self.values.get(b)) {
                        (_, Value::Int(by)) => Some((op, a, by)),
                        (Value::Int(by), _) if op == BinOp::Add => Some((op, b, by)),
                        _ => None,
                    },
                    _ => None,
                };
                if let Some((op, a, by)) = sum
                    && let Some(below) = by.checked_neg().map(|neg| if op == BinOp::Add { neg } else { by })
                    && (fact.lo != i64::MIN || fact.hi != i64::MAX)
                {
                    let shift = |bound: i64| if bound == i64::MIN || bound == i64::MAX { bound } else { bound.saturating_add(below) };
                    if !self.refine(state, a, Interval { lo: shift(fact.lo), hi: shift(fact.hi), ..Interval::TOP }) {
                        return false;
                    }
                }
                // Of a choice, an arm that cannot give this was not taken.
                if let Value::Select(c, t, f) = self.values.get(value) {
                    let (left, right) = (state.known(self.values, t).meet(fact), state.known(self.values, f).meet(fact));
                    let possible = match (left, right) {
                        (None, None) => false,
                        (None, Some(_)) => self.assume(state, c, false, 12) && self.refine(state, f, fact),
                        (Some(_), None) => self.assume(state, c, true, 12) && self.refine(state, t, fact),
                        (Some(_), Some(_)) => true,
                    };
                    if !possible {
                        return false;
                    }
                }
                // Comparisons known to be true or false must still hold.
                let values = &*self.values;
                state.facts.iter().all(|&(node, known)| match values.get(node) {
                    Value::Bin(op, a, b) if a == value || b == value => state.compare(values, op, a, b).meet(known).is_some(),
                    _ => true,
                })
            }
        }
    }

    /// Tells observers about a test for NULL or for an error.
    pub(super) fn note_tests(&mut self, block: BlockId, cond: ValueId, state: &State) {
        let mut value = cond;
        let mut direct = false;
        let mut error = false;
        for _ in 0..6 {
            match self.values.get(value) {
                Value::Un(UnOp::Not, v) | Value::Truth(v) => value = v,
                Value::Container(v, _, _) if self.values.call(v).is_some() => value = v,
                Value::IsErr(v) => (value, error) = (v, true),
                Value::IsErrOrNull(v) => value = v,
                Value::Bin(BinOp::Eq | BinOp::Ne, a, b) => match (self.values.get(a), self.values.get(b)) {
                    (_, Value::Int(0)) => value = a,
                    (Value::Int(0), _) => value = b,
                    _ => return,
                },
                _ => {
                    direct = true;
                    break;
                }
            }
        }
        if direct {
            if let Some(p) = self.values.param(self.values.pointer_root(value), self.body.params.min(64)) {
                self.tests |= 1 << p;
            }
            let b = self.body.block(block);
            let kind = EventKind::Test { value, block, error };
            self.show(state, Event { op: OpId(b.ops.1), loc: b.loc, origin: b.origin, way: Way::Here, kind });
        }
    }

    /// Shows an event to the observer.
    pub(super) fn show(&mut self, state: &State, event: Event<'_>) {
        let narrow = self.narrow();
        let Some(observer) = self.observer.as_deref_mut() else { return };
        let path = Path { world: self.world, func: self.func, body: self.body, values: self.values, state, narrow, trail: self.trail };
        observer.event(&path, &event);
    }
}

pub(super) fn negate(op: BinOp) -> BinOp {
    match op {
        BinOp::Eq => BinOp::Ne,
        BinOp::Ne => BinOp::Eq,
        BinOp::Lt => BinOp::Ge,
        BinOp::Ge => BinOp::Lt,
        BinOp::Gt => BinOp::Le,
        BinOp::Le => BinOp::Gt,
        other => other,
    }
}
