//! Conditions on arguments: made from a path, translated at a call.

use super::*;

impl<O: Observer> Run<'_, '_, O> {
    /// What this path has learned about the arguments, as a condition for callers.
    pub(super) fn guard(&self, state: &State, except: Option<u8>) -> Guard {
        let mut guard = Guard::new();
        for &(value, fact) in &state.facts {
            if let Some(p) = self.nodes.param(value, self.d.params) {
                if p < 255
                    && Some(p as u8) != except
                    && fact != Fact::TOP
                    && !(fact == Fact::NON_ZERO && state.derefs.iter().any(|d| d.0 == value))
                {
                    guard.push((p as u8, Test::Fact(fact)));
                }
            } else if let Node::Bin(BinOp::And, a, b) = self.nodes.get(value)
                && let Node::Int(mask) = self.nodes.get(b)
                && let Some(p) = self.nodes.param(a, self.d.params)
                && p < 255
                && let Some(truth) = fact.truth()
            {
                guard.push((p as u8, if truth { Test::AnyBit(mask) } else { Test::NoBit(mask) }));
            }
        }
        guard.sort_unstable_by_key(|g| g.0);
        guard
    }

    /// Whether the mask's bits are set in a value.
    pub(super) fn bits(&mut self, value: NodeId, mask: i64, state: &State, depth: u32) -> Bits {
        if depth > 8 {
            return Bits::Unknown;
        }
        if let Some(v) = state.fact(self.nodes, value).value() {
            return if v & mask != 0 { Bits::Set } else { Bits::Clear };
        }
        let and = self.nodes.int(mask);
        let masked = self.nodes.bin(BinOp::And, value, and);
        match state.fact(self.nodes, masked).truth() {
            Some(true) => return Bits::Set,
            Some(false) => return Bits::Clear,
            None => {}
        }
        match self.nodes.get(value) {
            Node::Bin(BinOp::Or, a, b) => match (self.bits(a, mask, state, depth + 1), self.bits(b, mask, state, depth + 1)) {
                (Bits::Set, _) | (_, Bits::Set) => Bits::Set,
                (Bits::Clear, other) | (other, Bits::Clear) => other,
                _ => Bits::Unknown,
            },
            Node::Bin(BinOp::And, a, b) => match (self.bits(a, mask, state, depth + 1), self.bits(b, mask, state, depth + 1)) {
                (Bits::Clear, _) | (_, Bits::Clear) => Bits::Clear,
                (Bits::Set, other) | (other, Bits::Set) => other,
                _ => Bits::Unknown,
            },
            _ => match self.nodes.param(value, self.d.params) {
                Some(p) if p < 255 => Bits::Param(p as u8),
                _ => Bits::Unknown,
            },
        }
    }

    /// A callee's condition in terms of this call: `None` if it cannot hold, else what remains as a condition on own arguments.
    pub(super) fn translate(&mut self, guard: &Guard, args: &[NodeId], state: &State) -> Option<Guard> {
        let mut own = Guard::new();
        for &(param, test) in guard {
            let Some(&arg) = args.get(param as usize) else { continue };
            match test {
                Test::Fact(fact) => {
                    let known = state.fact(self.nodes, arg);
                    known.meet(fact)?;
                    if let Some(p) = self.nodes.param(arg, self.d.params)
                        && p < 255
                        && known.meet(fact) != Some(known)
                    {
                        own.push((p as u8, test));
                    }
                }
                Test::AnyBit(mask) => match self.bits(arg, mask, state, 0) {
                    Bits::Clear => return None,
                    Bits::Param(p) => own.push((p, test)),
                    Bits::Set => {}
                    Bits::Unknown => {
                        if mask == self.world.gfp_reclaim {
                            return None;
                        }
                    }
                },
                Test::NoBit(mask) => match self.bits(arg, mask, state, 0) {
                    Bits::Set => return None,
                    Bits::Param(p) => own.push((p, test)),
                    _ => {}
                },
            }
        }
        Some(own)
    }

    /// Whether the conditions of a guard that name one value are known to hold, not only possible.
    pub(super) fn proven(&self, guard: &Guard, args: &[NodeId], state: &State) -> bool {
        guard.iter().all(|(param, test)| match (test, args.get(*param as usize)) {
            (Test::Fact(fact), Some(&arg)) if fact.value().is_some() => state.fact(self.nodes, arg).value() == fact.value(),
            _ => true,
        })
    }
}

pub(super) fn add_guard(guards: &mut SmallVec<[Guard; 1]>, guard: Guard) {
    if guards.iter().any(|g| g.is_empty() || *g == guard) {
        return;
    }
    if guard.is_empty() {
        guards.clear();
        guards.push(guard);
        return;
    }
    // One that implies another adds nothing.
    if guards.iter().any(|g| g.iter().all(|i| guard.contains(i))) {
        return;
    }
    guards.retain(|g| !guard.iter().all(|i| g.contains(i)));
    if guards.len() >= 3 {
        // What all of them ask for remains.
        let mut common = guard;
        for g in guards.iter() {
            weaken(&mut common, g);
        }
        guards.clear();
        guards.push(common);
    } else {
        guards.push(guard);
    }
}

/// Keeps what holds in both.
pub(super) fn weaken(guard: &mut Guard, other: &Guard) {
    guard.retain(|(p, t)| match t {
        Test::Fact(x) => other.iter().any(|(q, u)| match u {
            Test::Fact(y) if q == p => {
                *x = x.join(*y);
                *x != Fact::TOP
            }
            _ => false,
        }),
        _ => other.contains(&(*p, *t)),
    });
}

/// Whether no arguments satisfy both.
pub(super) fn contradict(a: &Guard, b: &Guard) -> bool {
    a.iter().any(|(p, t)| {
        b.iter().any(|(q, u)| {
            p == q
                && match (t, u) {
                    (Test::Fact(x), Test::Fact(y)) => x.meet(*y).is_none(),
                    (Test::AnyBit(x), Test::NoBit(y)) | (Test::NoBit(y), Test::AnyBit(x)) => x & !y == 0,
                    _ => false,
                }
        })
    })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bits {
    Set,
    Clear,
    Param(u8),
    Unknown,
}
