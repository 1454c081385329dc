//! The two searches that take turns: the result does not depend on how many cores they have.

mod common;

use common::explore_text;
use cuthere_explore::{MemoryModel, Options, Outcome, OutcomeKind};

/// Threads that set both of two variables, and one that looks at them in between.
fn setters(n: usize) -> String {
    let mut text = "#include <pthread.h>\n#include <assert.h>\nint a, b;\nvoid *set(void *arg)\n{\n\ta = 1;\n\tb = -1;\n\treturn 0;\n}\n\
                    void *look(void *arg)\n{\n\tassert((a == 0 && b == 0) || (a == 1 && b == -1));\n\treturn 0;\n}\n\
                    int main(void)\n{\n\tpthread_t id;\n"
        .to_owned();
    for _ in 0..n {
        text += "\tpthread_create(&id, 0, set, 0);\n";
    }
    text + "\tpthread_create(&id, 0, look, 0);\n\treturn 0;\n}\n"
}

fn on(cores: usize, text: &str, options: &Options) -> Outcome {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores).stack_size(16 << 20).build().expect("threads");
    pool.install(|| explore_text("lanes.c", text, options))
}

/// Short turns, so that small programs need many.
fn options() -> Options {
    Options { turn: 1_000, ..Options::default() }
}

/// What a user sees of an outcome.
fn seen(outcome: &Outcome) -> String {
    let faults: Vec<_> = outcome.faults.iter().map(|f| (&f.place, f.schedule.encode())).collect();
    format!("{:?} {} {} {:?} {:?}", outcome.kind, outcome.executions, outcome.complete, outcome.bounds, faults)
}

#[test]
fn one_core_and_two_say_the_same() {
    // Small enough for the first search alone, for both, and for neither.
    for (n, kind) in [(2, OutcomeKind::Fault), (5, OutcomeKind::Fault), (9, OutcomeKind::Fault)] {
        let text = setters(n);
        let one = on(1, &text, &options());
        assert_eq!(one.kind, kind, "{n}");
        assert_eq!(seen(&one), seen(&on(2, &text, &options())), "{n}");
    }
}

#[test]
fn a_fault_is_found_where_neither_search_ends() {
    // Threads with arguments of their own, whose orders all count.
    let text = (1..=12).fold(setters(12), |text, n| text.replacen("set, 0)", &format!("set, (void *){n}L)"), 1));
    let outcome = on(2, &text, &options());
    assert_eq!(outcome.kind, OutcomeKind::Fault);
    assert!(!outcome.complete);
    let again = Options { replay: Some(outcome.faults[0].schedule.clone()), ..options() };
    assert_eq!(on(1, &text, &again).faults.len(), 1);
}

#[test]
fn a_limit_leaves_a_program_undecided_and_says_which() {
    let text = setters(9).replace("assert((a == 0 && b == 0) || (a == 1 && b == -1));", "a = 2; b = a;");
    // With store buffers, whose states are not known again.
    let limited = on(2, &text, &Options { executions: 1_000, memory: MemoryModel::Tso, ..options() });
    assert_eq!(limited.kind, OutcomeKind::Unknown);
    assert!(!limited.bounds.is_empty());
    let asked = Options { executions: 2_000, preemptions: 0, bound_counts: true, ..options() };
    assert_eq!(on(2, &setters(2).replace("assert(", "(void)("), &asked).kind, OutcomeKind::None);
}
