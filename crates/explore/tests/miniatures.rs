//! The scenarios of `examples/scenarios` that need only the example tree: one per kind of fault, and some without.

use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Options, Outcome, OutcomeKind, Replay, Schedule, WithScenario, explore, shapes_for, witness};
use cuthere_kernel::Model;
use cuthere_tree::{OpenOptions, Tree};
use std::path::Path;

fn run(name: &str, options: &Options) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let tree = Tree::open_dir(&root.join("kernel"), &OpenOptions::default()).expect("the example tree opens");
    let file = format!("{name}.c");
    let text = std::fs::read_to_string(root.join("scenarios").join(&file)).expect("the scenario exists");
    let source = WithScenario::new(Some(&tree), &file, &text);
    let scenario = source.scenario();
    let model = Model::builtin();
    let program = Program::build_partial(&source, Config::default(), shapes_for(&model, false), &[scenario.file]);
    explore(&program, &model, &scenario, options)
}

/// Finds the fault in this function, and again by its replay string.
fn faults(name: &str, kind: &str, function: &str) {
    let outcome = run(name, &Options::default());
    let first = outcome.faults.first().unwrap_or_else(|| panic!("{name}: {}", witness::text(&outcome, &Options::default())));
    assert_eq!((first.fault.kind.id(), first.place.function.as_str()), (kind, function), "{name}");
    let schedule = Schedule::decode(&first.schedule.encode()).expect("a printed schedule can be read");
    let again = run(name, &Options { replay: Some(schedule), ..Options::default() });
    assert_eq!(again.replay, Some(Replay::Same), "{name}");
    assert_eq!(again.faults.first().map(|f| (f.fault.kind, &f.place)), Some((first.fault.kind, &first.place)), "{name}");
}

fn silent(name: &str, executions: u64) {
    let outcome = run(name, &Options::default());
    assert_eq!(
        (outcome.kind, outcome.executions),
        (OutcomeKind::None, executions),
        "{name}: {}",
        witness::text(&outcome, &Options::default())
    );
}

#[test]
fn memory_faults() {
    faults("use-after-free", "use-after-free", "tick");
    faults("use-after-free-rcu", "use-after-free", "look_up");
    faults("double-free", "double-free", "drop");
    faults("null-deref", "null-deref", "poll");
    faults("wild-access", "wild-access", "walk");
    faults("out-of-bounds", "out-of-bounds", "append");
    faults("list-corruption", "list-corruption", "add");
    faults("refcount-underflow", "refcount-underflow", "put");
}

#[test]
fn faults_of_locks_and_contexts() {
    faults("deadlock", "deadlock", "forward");
    faults("deadlock-irq", "deadlock", "work");
    faults("sleep-in-atomic", "sleep-in-atomic", "serve");
    faults("lock-misuse", "lock-misuse", "clean_up");
    faults("lock-held-at-exit", "lock-held-at-exit", "use");
    faults("assertion", "assertion", "both_counted");
}

#[test]
fn what_is_right_stays_silent() {
    // The timer runs before its deletion, or never.
    silent("ok-timer", 2);
    let outcome = run("ok-rcu", &Options::default());
    assert_eq!(outcome.kind, OutcomeKind::None, "{}", witness::text(&outcome, &Options::default()));
}

#[test]
fn a_witness_is_told_in_three_forms() {
    let options = Options::default();
    let outcome = run("use-after-free", &options);
    let text = witness::text(&outcome, &options);
    assert!(text.contains("CPU 0") && text.contains("CPU 1") && text.contains("------------[ cut here ]------------"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&witness::json(&outcome, &options)).expect("it is JSON");
    assert_eq!((json["outcome"].as_str(), json["fault"].as_str()), (Some("fault"), Some("use-after-free")));
    assert!(json["steps"].as_array().is_some_and(|s| s.len() >= 2) && json["executions"].is_u64() && json["bounds"].is_object());
    let html = witness::html(&outcome, &options);
    assert!(html.starts_with("<!DOCTYPE html>") && !html.contains("<script") && html.contains("class=\"grid\""));
}

#[test]
fn schedules_of_other_programs_are_followed_as_far_as_they_go() {
    let found = run("use-after-free", &Options::default()).faults.remove(0).schedule;
    let mut state = 1u64;
    for _ in 0..200 {
        let mut schedule = found.clone();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        schedule.runs.push(((state >> 59) as u8, state >> 20));
        let at = (state >> 33) as usize % schedule.runs.len();
        schedule.runs[at].0 = (state >> 40) as u8 & 31;
        schedule.arrivals.truncate((state >> 50) as usize % 4);
        let decoded = Schedule::decode(&schedule.encode()).expect("it was just printed");
        let outcome = run("deadlock", &Options { replay: Some(decoded), ..Options::default() });
        assert!(outcome.replay.is_some() && outcome.kind != OutcomeKind::None);
    }
}
