//! Who calls whom, upwards: one table for everybody who asks.
//!
//! It holds every call of the program that reaches a function of it, by name or through a pointer, as [`super::link`] resolved them. How many of
//! them are followed, and how far, is the asker's decision.

use super::Callees;
use crate::body::OpId;
use crate::summary::FuncId;

/// A call that reaches a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    pub func: FuncId,
    pub op: OpId,
    /// How many functions the call may reach.
    targets: u16,
}

impl Caller {
    /// Whether the call reaches nothing else.
    pub fn certain(self) -> bool {
        self.targets == 1
    }

    /// How many functions the call may reach.
    pub fn targets(self) -> usize {
        self.targets.into()
    }
}

/// The calls of a program by the functions that they reach.
#[derive(Default)]
pub struct Callers {
    /// Per function, where its calls begin; one more for the end.
    starts: Vec<u32>,
    calls: Vec<Caller>,
}

impl Callers {
    /// Turns the table of each function's calls around.
    pub(super) fn new(callees: &[Box<[(OpId, Callees)]>]) -> Callers {
        let mut starts = vec![0u32; callees.len() + 1];
        for (_, reached) in callees.iter().flatten() {
            reached.list().iter().for_each(|f| starts[f.index() + 1] += 1);
        }
        for n in 0..callees.len() {
            starts[n + 1] += starts[n];
        }
        let mut next = starts.clone();
        let none = Caller { func: FuncId(0), op: OpId(0), targets: 0 };
        let mut calls = vec![none; starts[callees.len()] as usize];
        for (n, all) in callees.iter().enumerate() {
            for (op, reached) in all {
                let targets = reached.list().len().min(usize::from(u16::MAX)) as u16;
                for f in reached.list() {
                    calls[next[f.index()] as usize] = Caller { func: FuncId(n as u32), op: *op, targets };
                    next[f.index()] += 1;
                }
            }
        }
        Callers { starts, calls }
    }

    /// The calls of a function, sorted by caller and operation.
    pub fn of(&self, func: FuncId) -> &[Caller] {
        match self.starts.get(func.index()..func.index() + 2) {
            Some(&[from, to]) => &self.calls[from as usize..to as usize],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found_from_its_target() {
        let many = Callees::Many(Box::from([FuncId(0), FuncId(2)]));
        let callees: Vec<Box<[(OpId, Callees)]>> = vec![
            Box::from([]),
            Box::from([(OpId(3), Callees::One(FuncId(2))), (OpId(5), many)]),
            Box::from([(OpId(1), Callees::One(FuncId(2)))]),
        ];
        let callers = Callers::new(&callees);
        let seen = |f| callers.of(FuncId(f)).iter().map(|c| (c.func.0, c.op.0, c.certain())).collect::<Vec<_>>();
        assert_eq!(seen(0), [(1, 5, false)]);
        assert_eq!(seen(1), []);
        assert_eq!(seen(2), [(1, 3, true), (1, 5, false), (2, 1, true)]);
        assert_eq!(callers.of(FuncId(9)), []);
    }
}
