//! The explorer: any text is a program or a scenario, and exploring it ends within its limits and shows what it found.
#![no_main]

use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Options, WithScenario, explore, shapes_for, witness};
use cuthere_kernel::Model;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use std::time::Duration;

/// Read once: it costs more than most inputs.
static MODEL: LazyLock<Model> = LazyLock::new(Model::builtin);

fuzz_target!(|text: &str| {
    let source = WithScenario::new(None, "p.c", text);
    let scenario = source.scenario();
    let program = Program::build_partial(&source, Config::default(), shapes_for(&MODEL, scenario.plain), &[scenario.file]);
    let options = Options { executions: 50, turn: 1_000, time: Duration::from_secs(2), ..Options::default() };
    let outcome = explore(&program, &MODEL, &scenario, &options);
    assert!(outcome.seconds < 20.0, "the limit of time does not hold");
    let _ = witness::text(&outcome, &options);
    let _ = witness::mail(&outcome, &options);
});
