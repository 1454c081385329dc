//! Runs scenario texts. Each file of tests uses a part of this.

#![allow(dead_code)]

use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Options, Outcome, WithScenario, explore, shapes_for};
use cuthere_kernel::Model;

/// Explores a text that needs no tree.
pub fn explore_text(name: &str, text: &str, options: &Options) -> Outcome {
    // Counts must not depend on the machine's speed.
    let options = Options { time: std::time::Duration::from_secs(24 * 3600), ..options.clone() };
    let source = WithScenario::new(None, name, text);
    let scenario = source.scenario();
    let model = Model::builtin();
    let program = Program::build_partial(&source, Config::default(), shapes_for(&model, scenario.plain), &[scenario.file]);
    explore(&program, &model, &scenario, &options)
}

/// Explores a scenario for a tree of these files.
pub fn explore_tree(files: &[(&str, &str)], text: &str, options: &Options) -> Outcome {
    let options = Options { time: std::time::Duration::from_secs(24 * 3600), ..options.clone() };
    let base = cuthere_base::MemorySource::new(files.iter().copied());
    let source = WithScenario::new(Some(&base), "scenario.c", &format!("#include <cuthere.h>\n{text}"));
    let scenario = source.scenario();
    let model = Model::builtin();
    let program = Program::build_partial(&source, Config::default(), shapes_for(&model, scenario.plain), &[scenario.file]);
    explore(&program, &model, &scenario, &options)
}
