//! The five scenarios for real kernel trees, on the states before and after their mends. Where there are no trees, they are skipped.

use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Options, Outcome, OutcomeKind, Preemption, WithScenario, explore, shapes_for, witness};
use cuthere_kernel::Model;
use cuthere_tree::{OpenOptions, PatchText, Tree};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A case's tree and the folder of its patches.
fn prepare(case: &str) -> Option<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let script = root.join("../shared/cases/prepare");
    let out = std::env::temp_dir().join(format!("cuthere-explore-{}-{case}", std::process::id()));
    if !script.is_file() || std::fs::create_dir_all(&out).is_err() {
        eprintln!("skipped: {case}: there is no {}", script.display());
        return None;
    }
    let done = Command::new(&script).arg(case).arg(&out).output().ok().filter(|o| o.status.success());
    let tree = done.and_then(|o| String::from_utf8(o.stdout).ok()).and_then(|t| t.lines().last().map(PathBuf::from));
    match tree.filter(|t| t.is_dir()) {
        Some(tree) => Some((tree, out)),
        None => {
            eprintln!("skipped: {case}: its kernel tree is not here");
            None
        }
    }
}

fn run(case: &str, place: &(PathBuf, PathBuf), variant: &str, arch: &str, options: &Options) -> Outcome {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios");
    let file = format!("{case}.c");
    let text = std::fs::read_to_string(scenarios.join(&file)).expect("the scenario exists");
    let patch = PatchText::new(variant, std::fs::read(place.1.join(format!("{variant}.patch"))).expect("the patch was written"));
    let tree = Tree::open_dir(&place.0, &OpenOptions::default()).and_then(|t| t.with_patches(&[patch])).expect("the tree opens").0;
    let source = WithScenario::new(Some(&tree), &file, &text);
    let scenario = source.scenario();
    let model = Model::builtin();
    let config = Config { arch: arch.to_owned(), preempt_rt: options.preemption == Preemption::Rt, ..Config::default() };
    let program = Program::build_partial(&source, config, shapes_for(&model, false), &[scenario.file]);
    explore(&program, &model, &scenario, options)
}

fn check(case: &str, arch: &str, options: &Options, faults: &[(&str, &str, &str)], silent: &[&str]) {
    let Some(place) = prepare(case) else { return };
    for &(variant, kind, function) in faults {
        let outcome = run(case, &place, variant, arch, options);
        let told = witness::text(&outcome, options);
        let first = outcome.faults.first().map(|f| (f.fault.kind.id(), f.place.function.as_str()));
        assert_eq!(first, Some((kind, function)), "{case} {variant}: {told}");
    }
    for variant in silent {
        let outcome = run(case, &place, variant, arch, options);
        assert_eq!(outcome.kind, OutcomeKind::None, "{case} {variant}: {}", witness::text(&outcome, options));
    }
}

#[test]
fn xfrm_trans_queue() {
    let with = |preemption, bh_lock| Options { preemption, bh_lock, ..Options::default() };
    let case = "xfrm-trans-queue";
    check(case, "x86", &with(Preemption::Rt, false), &[("before", "out-of-bounds", "xfrm_trans_reinject")], &["after"]);
    check(case, "x86", &with(Preemption::Rt, true), &[], &["before"]);
    check(case, "x86", &with(Preemption::Full, false), &[], &["before"]);
}

#[test]
fn kvm_mpic_destroy() {
    check("kvm-mpic-destroy", "powerpc", &Options::default(), &[("before", "use-after-free", "mpic_set_irq")], &["after", "srcu"]);
}

#[test]
fn batman_rtnl_in_tx() {
    check("batman-rtnl-in-tx", "x86", &Options::default(), &[("before", "sleep-in-atomic", "batadv_tt_local_add")], &["after"]);
}

#[test]
fn iscsi_conn_teardown() {
    check("iscsi-conn-teardown", "x86", &Options::default(), &[("before", "use-after-free", "iscsi_exec_task_mgmt_fn")], &["after"]);
}

#[test]
fn em_get_perf_domains() {
    check("em-get-perf-domains", "x86", &Options::default(), &[("before", "null-deref", "__bitmap_weight")], &["after"]);
}
