//! The conductor: outlines, bodies, links, summaries, checks, what the whole tree says, findings.
//!
//! It knows no check by name: the checks are handed to it ([`Check`]). It reads a [`cuthere_base::Source`] and touches no files.

mod bodies;
mod checker;
mod claim;
mod dump;
mod ends;
mod gathered;
mod learn;
pub mod lock_steps;
mod options;
mod paths;
mod question;
mod run;
mod scales;
mod shared;
mod tree;
pub mod ways;
pub mod words;

pub use bodies::{lower_tables, noreturn, read};
pub use checker::{Check, CheckInfo, Checker, Maturity, Tree};
pub use claim::{Claim, Claims, Left};
pub use dump::dump_ir;
pub use learn::{Learned, LearnedSleep};
pub use options::{Gap, IndexUse, Options, Outcome, Progress, Quiet, Stats};
pub use question::{CALLERS_MAX, Caller, Done, EXCEPTIONS_MAX, Entered, FunctionAnswer, Holds, Origin, Outcome as WayOut, Through};
pub use run::{functions, learn, run, run_keeping};
