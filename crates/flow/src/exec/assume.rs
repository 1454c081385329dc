//! Branches: what a condition being true or false tells of the values in it.

use super::*;

impl<'a, O: Observer> Run<'_, 'a, O> {
    /// Makes a condition true or false; false: impossible.
    pub(super) fn assume(&mut self, state: &mut State, value: NodeId, truth: bool, depth: u32) -> bool {
        if depth > 16 {
            return true;
        }
        match self.nodes.get(value) {
            Node::Int(v) => (v != 0) == truth,
            Node::Un(UnOp::Not, v) => self.assume(state, v, !truth, depth + 1),
            // Whoever tests the structure around a result means the result: the member comes first.
            Node::Container(v, _, _) if matches!(self.nodes.get(v), Node::Fresh(_, RESULT)) => self.assume(state, v, truth, depth + 1),
            Node::Truth(v) => self.assume(state, v, truth, depth + 1),
            Node::IsErr(p) => self.refine(state, p, if truth { Fact::ERR } else { Fact { not_err: true, ..Fact::TOP } }),
            Node::IsErrOrNull(p) => {
                if truth {
                    self.refine(state, p, Fact { lo: crate::fact::MIN_ERR, hi: 0, not_zero: false, not_err: false })
                } else {
                    self.refine(state, p, Fact::OBJECT)
                }
            }
            Node::ContextQuery(_) => {
                state.asked = true;
                state.learn(value, if truth { Fact::NON_ZERO } else { Fact::ZERO })
            }
            Node::Bin(op, a, b) => {
                let (x, y) = (state.fact(self.nodes, a), state.fact(self.nodes, b));
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
                        let (fs, fl) = (state.fact(self.nodes, small), state.fact(self.nodes, large));
                        let mut ok = true;
                        if let Some(v) = fl.value() {
                            ok &= match v.checked_sub(i64::from(strict)) {
                                Some(v) => self.refine(state, small, Fact { hi: v, ..Fact::TOP }),
                                None => false,
                            };
                        } else if let Some(v) = fs.value() {
                            ok &= match v.checked_add(i64::from(strict)) {
                                Some(v) => self.refine(state, large, Fact { lo: v, ..Fact::TOP }),
                                None => false,
                            };
                        } else {
                            ok &= self.keep(state, value, truth);
                        }
                        ok
                    }
                    BinOp::And if truth => {
                        let mut ok = state.learn(value, Fact::NON_ZERO);
                        // A set bit means that the whole is not zero.
                        ok &= self.refine(state, a, Fact::NON_ZERO);
                        ok
                    }
                    _ => self.keep(state, value, truth),
                }
            }
            _ => self.refine(state, value, if truth { Fact::NON_ZERO } else { Fact::ZERO }),
        }
    }

    pub(super) fn assume_equal(&mut self, state: &mut State, value: NodeId, constant: i64, depth: u32) -> bool {
        match self.nodes.get(value) {
            Node::IsErr(_) | Node::IsErrOrNull(_) | Node::Truth(_) | Node::Un(UnOp::Not, _) => match constant {
                0 => self.assume(state, value, false, depth + 1),
                1 => self.assume(state, value, true, depth + 1),
                _ => false,
            },
            Node::Bin(BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge, _, _) if constant == 0 => {
                self.assume(state, value, false, depth + 1)
            }
            _ => self.refine(state, value, Fact::exactly(constant)),
        }
    }

    pub(super) fn assume_differs(&mut self, state: &mut State, value: NodeId, constant: i64, depth: u32) -> bool {
        if constant == 0 {
            return match self.nodes.get(value) {
                Node::IsErr(_) | Node::IsErrOrNull(_) | Node::Truth(_) | Node::Un(UnOp::Not, _) | Node::Bin(..) => {
                    self.assume(state, value, true, depth + 1)
                }
                _ => self.refine(state, value, Fact::NON_ZERO),
            };
        }
        match state.fact(self.nodes, value).without(constant) {
            Some(fact) => self.refine(state, value, fact),
            None => false,
        }
    }

    pub(super) fn keep(&mut self, state: &mut State, value: NodeId, truth: bool) -> bool {
        let fact = if truth { Fact::NON_ZERO } else { Fact::ZERO };
        match self.nodes.get(value) {
            // The stored node is the untruncated comparison, read back by `fact`.
            Node::Bin(..) => state.learn(value, fact),
            _ => self.refine(state, value, fact),
        }
    }

    pub(super) fn refine(&mut self, state: &mut State, value: NodeId, fact: Fact) -> bool {
        match state.fact(self.nodes, value).meet(fact) {
            None => false,
            Some(_) if matches!(self.nodes.get(value), Node::Int(_) | Node::Str | Node::Addr(_) | Node::Function(_)) => true,
            Some(_) => {
                if !state.learn(value, fact) {
                    return false;
                }
                // A sum with a constant bounds the other summand.
                if let Node::Bin(op @ (BinOp::Add | BinOp::Sub), a, b) = self.nodes.get(value)
                    && let Node::Int(by) = self.nodes.get(b)
                    && let Some(below) = by.checked_neg().map(|neg| if op == BinOp::Add { neg } else { by })
                    && (fact.lo != i64::MIN || fact.hi != i64::MAX)
                {
                    let shift = |bound: i64| if bound == i64::MIN || bound == i64::MAX { bound } else { bound.saturating_add(below) };
                    if !self.refine(state, a, Fact { lo: shift(fact.lo), hi: shift(fact.hi), ..Fact::TOP }) {
                        return false;
                    }
                }
                // Of a choice, an arm that cannot give this was not taken.
                if let Node::Select(c, t, f) = self.nodes.get(value) {
                    let (left, right) = (state.fact(self.nodes, t).meet(fact), state.fact(self.nodes, f).meet(fact));
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
                let nodes = &*self.nodes;
                state.facts.iter().all(|&(node, known)| match nodes.get(node) {
                    Node::Bin(op, a, b) if a == value || b == value => state.compare(nodes, op, a, b).meet(known).is_some(),
                    _ => true,
                })
            }
        }
    }

    /// Tells observers about tests of call results and of pointers dereferenced earlier.
    pub(super) fn note_tests(&mut self, block: u32, cond: NodeId, state: &State) {
        let mut value = cond;
        let mut direct = false;
        let mut error = false;
        for _ in 0..6 {
            match self.nodes.get(value) {
                Node::Un(UnOp::Not, v) | Node::Truth(v) => value = v,
                Node::Container(v, _, _) if matches!(self.nodes.get(v), Node::Fresh(_, RESULT)) => value = v,
                Node::IsErr(v) => (value, error) = (v, true),
                Node::IsErrOrNull(v) => value = v,
                Node::Bin(BinOp::Eq | BinOp::Ne, a, b) => match (self.nodes.get(a), self.nodes.get(b)) {
                    (_, Node::Int(0)) => value = a,
                    (Node::Int(0), _) => value = b,
                    _ => return,
                },
                _ => {
                    direct = true;
                    break;
                }
            }
        }
        if !direct {
            return;
        }
        if let Node::Fresh(op, RESULT) = self.nodes.get(value) {
            self.with_path(state, |o, p| o.tested(p, op));
        }
        // Whoever compares `&p->first` with NULL means `p`.
        if let Node::Entry(place) = self.nodes.get(self.nodes.pointer_root(value))
            && let Node::PField(_, field, record) = self.nodes.get(place)
            && !record.is_empty()
            && !error
        {
            self.with_path(state, |o, p| o.field_tested(p, record, field, block));
        }
        let b = &self.d.blocks[block as usize];
        if b.origin.is_empty()
            && let Some(&(_, deref_op)) = self.shape_derefs(state).iter().find(|x| x.0 == value)
        {
            let loc = b.loc;
            self.with_path(state, |o, p| o.late_test(p, &LateTest { deref_op, value, loc, block }));
        }
    }

    pub(super) fn shape_derefs<'s>(&self, state: &'s State) -> &'s [(NodeId, u32)] {
        &state.derefs
    }

    pub(super) fn with_path(&mut self, state: &State, f: impl FnOnce(&mut O, &mut Path<'_, 'a>)) {
        let mut path = Path { world: self.world, func: self.func, digest: self.d, nodes: self.nodes, state, trail: self.trail };
        f(self.observer, &mut path);
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
