//! Runs scenario texts. Each file of tests uses a part of this.

#![allow(dead_code)]

use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Explorer, Options, Outcome, WithScenario, shapes_for};
use cuthere_kernel::Model;
use std::sync::OnceLock;
use std::time::Duration;

/// The kernel model, read once.
fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(Model::builtin)
}

fn with_source<R>(source: &WithScenario<'_>, then: impl FnOnce(&dyn Fn(&Options) -> Outcome) -> R) -> R {
    let scenario = source.scenario();
    let program = Program::build_partial(source, Config::default(), shapes_for(model(), scenario.plain), &[scenario.file]);
    let explorer = Explorer::new(&program, model(), &scenario);
    then(&|options| {
        // Counts must not depend on the machine's speed.
        let options = Options { time: Duration::from_secs(24 * 3600), ..options.clone() };
        explorer.explore(&options)
    })
}

/// Reads a text that needs no tree, to be explored more than once.
pub fn with_text<R>(name: &str, text: &str, then: impl FnOnce(&dyn Fn(&Options) -> Outcome) -> R) -> R {
    with_source(&WithScenario::new(None, name, text), then)
}

/// The same of a scenario for a tree of these files.
pub fn with_tree<R>(files: &[(&str, &str)], text: &str, then: impl FnOnce(&dyn Fn(&Options) -> Outcome) -> R) -> R {
    let base = cuthere_base::MemorySource::new(files.iter().copied());
    with_source(&WithScenario::new(Some(&base), "scenario.c", &format!("#include <cuthere.h>\n{text}")), then)
}

/// Explores a text that needs no tree.
pub fn explore_text(name: &str, text: &str, options: &Options) -> Outcome {
    with_text(name, text, |run| run(options))
}

/// Explores a scenario for a tree of these files.
pub fn explore_tree(files: &[(&str, &str)], text: &str, options: &Options) -> Outcome {
    with_tree(files, text, |run| run(options))
}
