//! Conditions on arguments: made from a path, translated at a call.

use super::*;

impl<O: Observer> Run<'_, '_, O> {
    /// What this path has learned about the arguments, as a condition for callers.
    pub(super) fn guard(&self, state: &State, except: Option<u8>) -> Guard {
        let mut guard = Guard::new();
        for &(value, fact) in &state.facts {
            if let Some(p) = self.values.param(value, self.body.params) {
                if p < 255
                    && Some(p as u8) != except
                    && fact != Interval::TOP
                    && !(fact == Interval::NON_ZERO && state.derefs.iter().any(|d| d.0 == value))
                {
                    guard.push((p as u8, Test::In(fact)));
                }
            } else if let Value::Bin(BinOp::And, a, b) = self.values.get(value)
                && let Value::Int(mask) = self.values.get(b)
                && let Some(p) = self.values.param(a, self.body.params)
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
    pub(super) fn bits(&mut self, value: ValueId, mask: i64, state: &State, depth: u32) -> Bits {
        if depth > 8 {
            return Bits::Unknown;
        }
        if let Some(v) = state.known(self.values, value).value() {
            return if v & mask != 0 { Bits::Set } else { Bits::Clear };
        }
        let and = self.values.int(mask);
        let masked = self.values.bin(BinOp::And, value, and);
        match state.known(self.values, masked).truth() {
            Some(true) => return Bits::Set,
            Some(false) => return Bits::Clear,
            None => {}
        }
        match self.values.get(value) {
            Value::Bin(BinOp::Or, a, b) => match (self.bits(a, mask, state, depth + 1), self.bits(b, mask, state, depth + 1)) {
                (Bits::Set, _) | (_, Bits::Set) => Bits::Set,
                (Bits::Clear, other) | (other, Bits::Clear) => other,
                _ => Bits::Unknown,
            },
            Value::Bin(BinOp::And, a, b) => match (self.bits(a, mask, state, depth + 1), self.bits(b, mask, state, depth + 1)) {
                (Bits::Clear, _) | (_, Bits::Clear) => Bits::Clear,
                (Bits::Set, other) | (other, Bits::Set) => other,
                _ => Bits::Unknown,
            },
            _ => match self.values.param(value, self.body.params) {
                Some(p) if p < 255 => Bits::Param(p as u8),
                _ => Bits::Unknown,
            },
        }
    }

    /// A callee's condition in terms of this call: `None` if it cannot hold, else what remains as a condition on own arguments.
    pub(super) fn translate(&mut self, guard: &Guard, args: &[ValueId], state: &State) -> Option<Guard> {
        let mut own = Guard::new();
        for &(param, test) in guard {
            let Some(&arg) = args.get(param as usize) else { continue };
            match test {
                Test::In(fact) => {
                    let known = state.known(self.values, arg);
                    known.meet(fact)?;
                    if let Some(p) = self.values.param(arg, self.body.params)
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
    pub(super) fn proven(&self, guard: &Guard, args: &[ValueId], state: &State) -> bool {
        guard.iter().all(|(param, test)| match (test, args.get(*param as usize)) {
            (Test::In(fact), Some(&arg)) if fact.value().is_some() => state.known(self.values, arg).value() == fact.value(),
            _ => true,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bits {
    Set,
    Clear,
    Param(u8),
    Unknown,
}
