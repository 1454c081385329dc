//! Conditions on arguments: made from a path, translated at a call.

use super::*;

impl Run<'_, '_> {
    /// What this path has learned about the arguments and the memory reached from them, as a condition for callers.
    pub(super) fn guard(&self, state: &State, except: Option<u8>) -> Guard {
        let mut guard = Guard::new();
        let mut memory = 0;
        for &(value, known) in &state.facts {
            let (about, test) = match self.values.get(value) {
                Value::Bin(BinOp::And, a, b) => match (self.values.get(b), known.truth()) {
                    (Value::Int(mask), Some(true)) => (a, Test::AnyBit(mask)),
                    (Value::Int(mask), Some(false)) => (a, Test::NoBit(mask)),
                    _ => continue,
                },
                _ => (value, Test::In(known)),
            };
            let Some(subject) = self.subject(about) else { continue };
            if subject.is_arg() {
                let own = about == value && Some(subject.param) == except;
                let dereferenced = known == Interval::NON_ZERO && state.derefs.iter().any(|d| d.0 == value);
                if own || test == Test::In(Interval::TOP) || dereferenced {
                    continue;
                }
            } else {
                // That a pointer in memory is good is what every use of it says.
                let pointer = matches!(self.values.get(about), Value::Entry(p) if self.points(p)) && known.not_zero;
                if memory >= MEMORY_MAX || test == Test::In(Interval::TOP) || pointer {
                    continue;
                }
                memory += 1;
            }
            guard.push((subject, test));
        }
        guard.sort_by_key(|g| (g.0.param, !g.0.is_arg()));
        guard
    }

    /// Pointers in memory that this path has asked for and found: that there is one tells a way of returning from those that found none.
    pub(super) fn add_pointers_found(&self, guard: &mut Guard, state: &State) {
        let mut at = state.trail;
        let mut found = 0;
        while at != 0 && found < MEMORY_MAX {
            let step = self.trail[at as usize];
            at = step.parent;
            let Some(value) = step.tested.filter(|v| state.known(self.values, *v).not_zero) else { continue };
            let pointer = matches!(self.values.get(value), Value::Entry(p) if self.points(p));
            let Some(subject) = self.subject(value).filter(|s| pointer && !s.is_arg()) else { continue };
            if guard.iter().all(|item| item.0 != subject) {
                guard.push((subject, Test::In(Interval::NON_ZERO)));
                found += 1;
            }
        }
    }

    /// Whether a place is read as a pointer somewhere in this function.
    fn points(&self, place: ValueId) -> bool {
        match self.values.get(place) {
            Value::PField(_, name, _) | Value::PGlobal(name) => self.control.is_pointer(name),
            _ => true,
        }
    }

    /// The argument that a value is, or the memory reached from one that held it at entry.
    pub(super) fn subject(&self, value: ValueId) -> Option<Subject> {
        if let Some(p) = self.values.param(value, self.body.params.min(255)) {
            return Some(Subject::arg(p as u8));
        }
        match self.values.get(value) {
            Value::Entry(place) => Subject::memory(&self.relative(place, None)?),
            _ => None,
        }
    }

    /// What a callee's condition speaks of, at this call.
    pub(super) fn subject_value(&mut self, subject: Subject, args: &[ValueId], state: &State) -> Option<ValueId> {
        let Some(place) = subject.place() else { return args.get(subject.param as usize).copied() };
        // Only what arguments lead to is spoken of; the result plays no part.
        let nothing = *args.get(subject.param as usize)?;
        let place = self.absolute(&place, args, nothing, state)?;
        let value = state.read(self.values, place);
        Some(self.tabled(value))
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
            _ => self.subject(value).map_or(Bits::Unknown, Bits::Own),
        }
    }

    /// The same of a value that was chosen by other bits (`p->flags & F ? BIT : 0`).
    fn bits_of_choice(&mut self, value: ValueId, mask: i64, state: &State) -> Bits {
        let Value::Select(by, then, els) = self.values.get(value) else { return self.bits(value, mask, state, 0) };
        let whole = state.known(self.values, value).value().is_some();
        let (then, els) = (self.bits(then, mask, state, 1), self.bits(els, mask, state, 1));
        match (then, els, self.values.get(by)) {
            (Bits::Set, Bits::Clear, Value::Bin(BinOp::And, word, m)) if !whole => match self.values.get(m) {
                Value::Int(m) => match self.bits(word, m, state, 1) {
                    Bits::Own(subject) => Bits::Chosen(subject, m),
                    known => known,
                },
                _ => Bits::Unknown,
            },
            _ => self.bits(value, mask, state, 0),
        }
    }

    /// What it means of its parts that a value is true or false: `!(flags & F)` handed over is a question for bits of `flags`.
    fn asked(&self, value: ValueId, test: Test, state: &State) -> (ValueId, Test) {
        let Test::In(wanted) = test else { return (value, test) };
        let Some(mut truth) = wanted.truth().filter(|_| state.known(self.values, value).truth().is_none()) else { return (value, test) };
        let mut at = value;
        for _ in 0..6 {
            match self.values.get(at) {
                Value::Truth(inner) => at = inner,
                Value::Un(UnOp::Not, inner) => (at, truth) = (inner, !truth),
                Value::Bin(op @ (BinOp::Eq | BinOp::Ne), inner, zero) if self.values.get(zero) == Value::Int(0) => {
                    (at, truth) = (inner, truth == (op == BinOp::Ne));
                }
                Value::Bin(BinOp::And, word, mask) => match self.values.get(mask) {
                    Value::Int(mask) => return (word, if truth { Test::AnyBit(mask) } else { Test::NoBit(mask) }),
                    _ => break,
                },
                _ => break,
            }
        }
        if at == value { (value, test) } else { (at, Test::In(if truth { Interval::NON_ZERO } else { Interval::ZERO })) }
    }

    /// A callee's condition in terms of this call: `None` if it cannot hold, else what remains as a condition for own callers.
    pub(super) fn translate(&mut self, guard: &Guard, args: &[ValueId], state: &State) -> Option<Guard> {
        let mut own = Guard::new();
        for &(subject, test) in guard {
            let Some(value) = self.subject_value(subject, args, state) else {
                // Of a mask that nobody knows it is not claimed that it lets an allocation sleep.
                if test == Test::AnyBit(self.world.gfp_reclaim) {
                    return None;
                }
                continue;
            };
            let (value, test) = self.asked(value, test, state);
            match test {
                Test::In(wanted) => {
                    let known = state.known(self.values, value);
                    known.meet(wanted)?;
                    if known.meet(wanted) != Some(known)
                        && let Some(subject) = self.subject(value)
                    {
                        own.push((subject, test));
                    }
                }
                Test::AnyBit(mask) => match self.bits_of_choice(value, mask, state) {
                    Bits::Clear => return None,
                    Bits::Own(subject) => own.push((subject, test)),
                    Bits::Chosen(subject, by) => own.push((subject, Test::AnyBit(by))),
                    Bits::Set => {}
                    Bits::Unknown => {
                        if mask == self.world.gfp_reclaim {
                            return None;
                        }
                    }
                },
                Test::Function(name) => match (self.values.get(value), self.subject(value)) {
                    (Value::Function(given), _) if given == name => {}
                    (Value::Function(_) | Value::Int(_), _) => return None,
                    (_, Some(own_subject)) => own.push((own_subject, test)),
                    // Whoever hands a function down says which; in memory it may be any.
                    (_, None) if subject.is_arg() => return None,
                    (_, None) => {}
                },
                Test::NoBit(mask) => match self.bits(value, mask, state, 0) {
                    Bits::Set => return None,
                    Bits::Own(subject) => own.push((subject, test)),
                    _ => {}
                },
            }
        }
        Some(own)
    }

    /// How many conditions on objects' state remain of those that an effect is under: none if this path knows that all of them hold.
    pub(super) fn open_modes(&mut self, effect: &Effect, args: &[ValueId], state: &State) -> u8 {
        let [guard] = &effect.condition[..] else { return effect.modes };
        let memory = guard.iter().filter(|(subject, _)| !subject.is_arg()).count();
        let all = effect.modes > 0 && memory >= usize::from(effect.modes) && guard.iter().all(|item| self.holds(item, args, state));
        if all { 0 } else { effect.modes }
    }

    /// Whether a callee's condition is known to hold at this call.
    fn holds(&mut self, &(subject, test): &(Subject, Test), args: &[ValueId], state: &State) -> bool {
        let Some(value) = self.subject_value(subject, args, state) else { return false };
        match test {
            Test::In(wanted) => {
                let known = state.known(self.values, value);
                known != Interval::TOP && known.meet(wanted) == Some(known)
            }
            Test::AnyBit(mask) => self.bits(value, mask, state, 0) == Bits::Set,
            Test::NoBit(mask) => self.bits(value, mask, state, 0) == Bits::Clear,
            Test::Function(name) => self.values.get(value) == Value::Function(name),
        }
    }

    /// Whether the conditions of a guard that name one value of an argument are known to hold, not only possible.
    pub(super) fn proven(&self, guard: &Guard, args: &[ValueId], state: &State) -> bool {
        guard.iter().filter(|g| g.0.is_arg()).all(|(subject, test)| match (test, args.get(subject.param as usize)) {
            (Test::In(known), Some(&arg)) if known.value().is_some() => state.known(self.values, arg).value() == known.value(),
            _ => true,
        })
    }
}

/// Conditions on memory in one guard.
const MEMORY_MAX: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bits {
    Set,
    Clear,
    /// As callers know.
    Own(Subject),
    /// As some of these bits are, which callers know.
    Chosen(Subject, i64),
    Unknown,
}
