//! The checks: each sees what happens on paths and claims defects. One file per check; [`CHECKS`] lists them.
//!
//! Checks read events and the facts of the tree, never one another; their order does not matter.

mod assert_held;
mod double_free;
mod double_lock;
mod dump_restart;
mod inconsistent_locking;
mod irq_unsafe_lock;
mod lock_imbalance;
mod lock_order;
mod null_deref;
mod rcu_misuse;
mod refcount_imbalance;
mod rt_percpu;
mod rt_sleeping_lock;
mod sleep_in_atomic;
mod teardown_race;
mod unlocked_lookup;
mod use_after_free;

pub(crate) use sleep_in_atomic::ForbiddenWait;

pub use cuthere_analysis::{CheckInfo, Maturity, Options, Outcome, Progress, Quiet, Stats};

use cuthere_analysis::{Check, FunctionAnswer};
use cuthere_base::Source;
use cuthere_incremental::Keep;
use cuthere_kernel::Model;

/// All checks, sorted by id.
pub const CHECKS: &[Check] = &[
    assert_held::CHECK,
    double_free::CHECK,
    double_lock::CHECK,
    dump_restart::CHECK,
    inconsistent_locking::CHECK,
    irq_unsafe_lock::CHECK,
    lock_imbalance::CHECK,
    lock_order::CHECK,
    null_deref::CHECK,
    rcu_misuse::CHECK,
    refcount_imbalance::CHECK,
    rt_percpu::CHECK,
    rt_sleeping_lock::CHECK,
    sleep_in_atomic::CHECK,
    teardown_race::CHECK,
    unlocked_lookup::CHECK,
    use_after_free::CHECK,
];

/// All checks as users see them, sorted by id.
pub fn registry() -> impl Iterator<Item = &'static CheckInfo> {
    CHECKS.iter().map(|check| &check.info)
}

/// Runs the checks that the options select over a tree.
pub fn run(source: &dyn Source, model: &Model, options: &Options, progress: &dyn Progress) -> Outcome {
    cuthere_analysis::run(source, model, CHECKS, options, progress)
}

/// The same, with what a former run has left, and leaving something for the next one.
pub fn run_keeping(source: &dyn Source, model: &Model, options: &Options, progress: &dyn Progress, keep: Option<&dyn Keep>) -> Outcome {
    cuthere_analysis::run_keeping(source, model, CHECKS, options, progress, keep)
}

/// What is known of the functions of this name.
pub fn functions(
    source: &dyn Source,
    model: &Model,
    options: &Options,
    progress: &dyn Progress,
    keep: Option<&dyn Keep>,
    name: &str,
) -> (Vec<FunctionAnswer>, Stats) {
    cuthere_analysis::functions(source, model, CHECKS, options, progress, keep, name)
}
