//! The checks: each sees the paths of the engine and claims defects. One file per check; [`registry`] lists them.
//!
//! Checks read the engine's facts and never one another; their order does not matter.

mod check;
mod habits;
mod learn;
mod null_deref;
mod null_field;
mod run;
mod sleep_in_atomic;
mod words;

pub use check::{CheckInfo, Maturity, registry};
pub use learn::{Learned, LearnedSleep};
pub use run::{Options, Outcome, Progress, Quiet, Stats, dump_ir, learn, run, run_keeping};
