//! Symbolic values, and the sets of numbers they may be.

mod interval;
mod symbolic;

pub use interval::{Interval, MIN_ERR};
pub use symbolic::{Origin, Query, Value, ValueId, Values};
