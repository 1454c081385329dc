//! Comparisons that hold on both of two paths which meet.

use super::State;
use crate::value::{Interval, Value, ValueId, Values};
use cuthere_ir::BinOp;
use smallvec::SmallVec;

impl State {
    /// What both states know of how a value compares, where it is `a` in this one and `b` in the other, holds for what stands for both: a loop's counter that has
    /// reached its limit, in whichever round.
    pub(super) fn join_comparisons(
        &self,
        other: &State,
        values: &mut Values,
        (a, b, both): (ValueId, ValueId, ValueId),
        facts: &mut SmallVec<[(ValueId, Interval); 6]>,
    ) {
        let compared = |values: &Values, state: &State, v: ValueId| -> SmallVec<[(BinOp, ValueId); 2]> {
            let of = |f: &(ValueId, Interval)| match values.get(f.0) {
                Value::Bin(op @ (BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge), x, y) if x == v => Some((op, y)),
                _ => None,
            };
            state.facts.iter().filter_map(of).collect()
        };
        for (op, limit) in compared(values, self, a).into_iter().chain(compared(values, other, b)) {
            let known = |state: &State, v: ValueId| values.find(Value::Bin(op, v, limit)).and_then(|c| state.known(values, c).value());
            if let (Some(here), Some(there)) = (known(self, a), known(other, b))
                && here == there
            {
                let comparison = values.bin(op, both, limit);
                facts.push((comparison, Interval::exactly(here)));
            }
        }
    }
}
