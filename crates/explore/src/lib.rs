//! The explorer: runs several of the tree's real functions at once under a scheduler of its own, and shows the interleaving that goes
//! wrong, or says up to which bounds there is none.
//!
//! [`explore`] reads a scenario (see `docs/scenarios.md`), executes it again and again along different schedules and gives an
//! [`Outcome`]; [`witness`] draws it. Nothing here reads files or knows a subsystem.

mod bodies;
mod classes;
mod clocks;
mod code;
mod compile;
mod conditional;
mod coverage;
mod cpu;
mod deadlock;
mod definers;
mod endless;
mod event;
mod fault;
mod guess;
mod lanes;
mod link;
mod live;
mod lives;
mod machine;
mod memory;
mod minimise;
mod naming;
mod open;
mod outcome;
mod patience;
mod prefix;
mod primitives;
mod races;
mod refused;
mod remarks;
mod run;
mod scenario;
mod schedule;
mod search;
mod sizes;
mod thread;
mod threads;
mod told;
pub mod witness;
mod written_out;

pub use fault::FaultKind;
pub use lanes::{Explorer, explore};
pub use machine::{MemoryModel, Preemption};
pub use outcome::{FoundFault, Options, Outcome, OutcomeKind, Replay, StrategyKind};
pub use scenario::{HEADER, ScenarioSource, WithScenario, included, included_from_folders, is_plain, may_be_plain, shapes_for};
pub use schedule::{Schedule, ScheduleError};
