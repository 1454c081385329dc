//! A result that is computed from arguments and constants alone (`return !!(flags & MASK);`), so that callers can work it out from theirs.

use cuthere_ir::{BinOp, UnOp};
use serde::{Deserialize, Serialize};

/// A part of a computation, in postfix order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Step {
    Param(u8),
    Int(i64),
    Un(UnOp),
    Bin(BinOp),
    /// 1 if it is not zero, else 0.
    Truth,
}

/// A computation; well formed, and of at most `STEPS_MAX` steps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Computed(pub(crate) Box<[Step]>);

impl Computed {
    pub(crate) const STEPS_MAX: usize = 10;
}
