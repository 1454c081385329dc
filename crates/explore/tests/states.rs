//! Programs that have few states and many orders, or no end: loops that go round, threads without number.

mod common;

use common::explore_text;
use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Options, Outcome, OutcomeKind, StrategyKind, WithScenario, explore, shapes_for};
use cuthere_kernel::Model;

const START: &str = "#include <pthread.h>\n#include <assert.h>\n#include <stdatomic.h>\n#include <stdlib.h>\npthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;\n";

fn run_with(text: &str, options: &Options) -> Outcome {
    explore_text("states.c", &format!("{START}{text}"), options)
}

fn run(text: &str) -> Outcome {
    run_with(text, &Options { unroll: 200, ..Options::default() })
}

/// A `main()` that starts a thread of each function and waits for none.
fn starts(functions: &[&str]) -> String {
    let starts: String = functions.iter().map(|f| format!("pthread_create(&i, 0, {f}, 0); ")).collect();
    format!("int main(void) {{ pthread_t i; {starts}return 0; }}")
}

#[test]
fn many_orders_of_few_states_come_to_an_end() {
    let store = "x = 1; y = 1; x = 2; y = 2;";
    let load = "x; y; x; y; x; y;";
    let text = format!(
        "atomic_int x, y;\nvoid *a(void *u) {{ {store} return 0; }}\nvoid *b(void *u) {{ {load} return 0; }}\n{}",
        starts(&["a", "a", "b", "b"])
    );
    let outcome = run(&text);
    assert_eq!((outcome.kind, outcome.complete), (OutcomeKind::None, true));
    assert!(outcome.states > 500, "{}", outcome.states);
}

#[test]
fn threads_that_never_end_are_decided_by_their_states() {
    let serve = |change: &str| {
        format!(
            "int x;\nvoid *up(void *u) {{ for (;;) {{ pthread_mutex_lock(&m); if (x < 3) x++; pthread_mutex_unlock(&m); }} }}\n\
             void *down(void *u) {{ for (;;) {{ pthread_mutex_lock(&m); assert(x >= 0); if (x > 0) {change}; pthread_mutex_unlock(&m); }} }}\n\
             int main(void) {{ pthread_t i, j; pthread_create(&i, 0, up, 0); pthread_create(&j, 0, down, 0); pthread_join(i, 0); }}"
        )
    };
    let outcome = run(&serve("x--"));
    assert_eq!((outcome.kind, outcome.complete), (OutcomeKind::None, true), "{:?}", outcome.bounds);
    assert_eq!(run(&serve("x -= 2")).kind, OutcomeKind::Fault);
}

fn by_states(text: &str) -> Outcome {
    run_with(text, &Options { strategy: StrategyKind::States, ..Options::default() })
}

#[test]
fn states_with_open_values_are_known_again() {
    // Each round has a value of its own, and what was found out about the last one matters to nobody.
    let serve = |test: &str, look: &str| {
        format!(
            "extern int __VERIFIER_nondet_int(void);\nint x, g;\n\
             void *a(void *u) {{ for (;;) {{ int v = __VERIFIER_nondet_int(); pthread_mutex_lock(&m); {test} g = v; pthread_mutex_unlock(&m); }} }}\n\
             void *b(void *u) {{ for (;;) {{ pthread_mutex_lock(&m); {look} pthread_mutex_unlock(&m); }} }}\n{}",
            starts(&["a", "b"])
        )
    };
    let test = "if (v > 3) x = 1; else x = 2;";
    let outcome = by_states(&serve(test, "int k = g; assert(k == g && x < 3 && (x != 1 || k > 3) && (x != 2 || k < 4));"));
    assert_eq!((outcome.kind, outcome.complete), (OutcomeKind::None, true), "{:?} {:?}", outcome.bounds, outcome.unsupported);
    assert!(outcome.states < 3000, "{}", outcome.states);
    for wrong in ["assert(x != 1 || g != 77);", "assert(x != 2 || g > -5);", "if (g * 3 == 21) assert(x != 1);"] {
        assert_eq!(by_states(&serve(test, wrong)).kind, OutcomeKind::Fault, "{wrong}");
    }
    // What was decided about a sum says what its other part may be.
    let sum = "int w = __VERIFIER_nondet_int() & 63; if (w + v > 100) x = 1; else x = 0;";
    assert_eq!(by_states(&serve(sum, "assert(x != 1 || g > 37);")).kind, OutcomeKind::None);
    assert_eq!(by_states(&serve(sum, "assert(x != 1 || g > 38);")).kind, OutcomeKind::Fault);
}

#[test]
fn loops_of_choices_alone_do_not_keep_others_from_running() {
    let text = format!(
        "extern int __VERIFIER_nondet_int(void);\nint x;\nvoid *a(void *u) {{ while (__VERIFIER_nondet_int()) ; return 0; }}\n\
         void *b(void *u) {{ pthread_mutex_lock(&m); x = 1; pthread_mutex_unlock(&m); assert(0); return 0; }}\n{}",
        starts(&["a", "b"])
    );
    assert_eq!(by_states(&text).kind, OutcomeKind::Fault);
}

#[test]
fn what_was_written_before_an_assumption_failed_was_seen() {
    let text = |before: &str| {
        format!(
            "extern void __VERIFIER_assume(int);\natomic_int x, y;\nvoid *a(void *u) {{ {before} return 0; }}\nvoid *b(void *u) {{ assert(x == 0); return 0; }}\n{}",
            starts(&["a", "b"])
        )
    };
    assert_eq!(by_states(&text("x = 1; __VERIFIER_assume(0);")).kind, OutcomeKind::Fault);
    assert_eq!(by_states(&text("x = 1; __VERIFIER_assume(y == 1);")).kind, OutcomeKind::Fault);
    assert_eq!(by_states(&text("__VERIFIER_assume(y == 1); x = 1;")).kind, OutcomeKind::None);
}

#[test]
fn memory_that_is_shared_only_where_executions_were_given_up_is_found() {
    // What one thread does before the state where executions meet, and another behind it, makes the memory theirs.
    let text = "atomic_int f;\nint g;\nvoid *a(void *u) { if (f == 0) g = 1; return 0; }\n\
                void *b(void *u) { f = 1; if (g == 0) { g = 2; assert(g == 2); } return 0; }\n";
    let outcome = run(&format!("{text}{}", starts(&["a", "b"])));
    assert_eq!(outcome.kind, OutcomeKind::Fault);
}

#[test]
fn threads_without_number_are_tried_within_a_bound() {
    let many = |section: &str, after: &str| {
        format!(
            "int g;\nvoid *t(void *u) {{ {section} return 0; }}\nint main(void) {{ pthread_t i[50]; for (int n = 0; n < 50; n++) pthread_create(&i[n], 0, t, 0); \
             pthread_mutex_lock(&m); assert(g == 0); pthread_mutex_unlock(&m); for (int n = 0; n < 50; n++) pthread_join(i[n], 0); {after} return 0; }}"
        )
    };
    let options = Options { unroll: 200, alike: 2, ..Options::default() };
    let right = "pthread_mutex_lock(&m); g++; g--; pthread_mutex_unlock(&m);";
    let outcome = run_with(&many(right, ""), &options);
    assert_eq!(outcome.kind, OutcomeKind::None, "{:?} {:?} {:?}", outcome.bounds, outcome.unreached, outcome.unfinished);
    assert!(outcome.bounds.contains("threads") && outcome.alike > 1, "{:?}", outcome.bounds);
    let wrong = "pthread_mutex_lock(&m); g++; pthread_mutex_unlock(&m); pthread_mutex_lock(&m); g--; pthread_mutex_unlock(&m);";
    assert_eq!(run_with(&many(wrong, ""), &options).kind, OutcomeKind::Fault);
    // What comes after all of them has not run: that there is no fault in it, nobody knows.
    let outcome = run_with(&many(right, "assert(g == 1);"), &options);
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    assert!(!outcome.unreached.is_empty());
}

#[test]
fn a_circle_of_locks_is_a_deadlock_beside_threads_that_never_run() {
    let text = "pthread_mutex_t n = PTHREAD_MUTEX_INITIALIZER;\nvoid *a(void *u) { pthread_mutex_lock(&m); pthread_mutex_lock(&n); return 0; }\n\
                void *b(void *u) { pthread_mutex_lock(&n); pthread_mutex_lock(&m); return 0; }\n\
                int main(void) { for (int k = 0; k < 10000; k++) { pthread_t i, j; pthread_create(&i, 0, a, 0); pthread_create(&j, 0, b, 0); pthread_join(i, 0); pthread_join(j, 0); } }";
    let outcome = run_with(text, &Options { alike: 1, unroll: 200, ..Options::default() });
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("deadlock"));
}

#[test]
fn a_loop_without_end_is_tried_within_a_bound() {
    // The count makes each round another state.
    let counts = |check: &str| {
        format!(
            "long n;\nint x;\nvoid *t(void *u) {{ for (;;) {{ pthread_mutex_lock(&m); n++; x = !x; {check} x = !x; pthread_mutex_unlock(&m); }} }}\n\
             int main(void) {{ pthread_t i; pthread_create(&i, 0, t, 0); pthread_mutex_lock(&m); assert(x == 0); pthread_mutex_unlock(&m); return 0; }}"
        )
    };
    let options = Options { unroll: 200, executions: 300, ..Options::default() };
    let outcome = run_with(&counts(""), &options);
    assert_eq!(outcome.kind, OutcomeKind::None, "{:?} {:?} {:?}", outcome.bounds, outcome.unreached, outcome.unfinished);
    assert!(outcome.bounds.contains("unroll"));
    assert_eq!(run_with(&counts("if (n == 3) assert(0);"), &options).kind, OutcomeKind::Fault);
    // Behind a loop that the bound cut, an assertion has not run.
    let behind = "long n;\nint main(void) { pthread_t i; pthread_create(&i, 0, 0 ? 0 : (void *)abort, 0); while (n < 100000) { pthread_mutex_lock(&m); n++; pthread_mutex_unlock(&m); } assert(n == 7); }";
    assert_ne!(run_with(behind, &options).kind, OutcomeKind::None);
}

#[test]
fn a_loop_waits_for_all_that_it_reads() {
    // The inner loop ends at its bottom: what it reads in its first round counts as well.
    let wait = "do { e = 0; do { if (l[e]) break; } while (++e < 2); } while (e == 2);";
    for n in 0..2 {
        let text = format!(
            "atomic_int l[2];\nvoid *t(void *u) {{ int e; {wait} assert(0); return 0; }}\n\
             int main(void) {{ pthread_t i; pthread_create(&i, 0, t, 0); l[{n}] = 1; pthread_join(i, 0); }}"
        );
        assert_eq!(run(&text).kind, OutcomeKind::Fault, "{n}");
    }
    // An exchange that fails writes what it has found to a variable of its own, which the next round sets again.
    let lock = "e = 0; while (!atomic_compare_exchange_strong(&l[0], &e, 1)) e = 0; l[0] = 0;";
    let text = format!(
        "atomic_int l[2];\nvoid *t(void *u) {{ int e; {lock} {lock} return 0; }}\n\
         int main(void) {{ pthread_t i, j; pthread_create(&i, 0, t, 0); pthread_create(&j, 0, t, 0); pthread_join(i, 0); pthread_join(j, 0); }}"
    );
    let outcome = run(&text);
    assert_eq!((outcome.kind, outcome.bounds.len()), (OutcomeKind::None, 0), "{:?}", outcome.bounds);
}

#[test]
fn what_was_destroyed_is_not_used() {
    let with = |a: &str, b: &str| {
        format!(
            "atomic_int f;\npthread_barrier_t w;\nvoid *t(void *u) {{ {a} f = 1; return 0; }}\n\
             int main(void) {{ pthread_t i; pthread_barrier_init(&w, 0, 1); pthread_create(&i, 0, t, 0); if (f) {{ {b} }} return 0; }}"
        )
    };
    let fault = |text: &str| run(text).faults.first().map(|f| (f.fault.kind.id(), f.fault.detail.clone()));
    let lock = with("pthread_mutex_destroy(&m);", "pthread_mutex_lock(&m);");
    assert_eq!(fault(&lock).map(|f| f.0), Some("lock-misuse"));
    let again = with("pthread_mutex_destroy(&m); pthread_mutex_init(&m, 0);", "pthread_mutex_lock(&m); pthread_mutex_unlock(&m);");
    assert_eq!(run(&again).kind, OutcomeKind::None);
    let barrier = with("pthread_barrier_wait(&w); pthread_barrier_destroy(&w);", "pthread_barrier_wait(&w);");
    let found = fault(&barrier);
    assert!(found.as_ref().is_some_and(|f| f.0 == "lock-misuse" && f.1.contains("pthread_barrier_wait()")), "{found:?}");
}

#[test]
fn another_threads_variable_is_written_before_it_is_read() {
    let text = |write: &str| {
        format!(
            "_Atomic(int *) p;\natomic_int done;\nvoid *a(void *u) {{ int x; {write} p = &x; while (!done) ; return 0; }}\n\
             void *b(void *u) {{ while (!p) ; int r = *p; done = 1; return 0; }}\n{}",
            starts(&["a", "b"])
        )
    };
    let outcome = run(&text(""));
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("uninitialised-read"));
    assert_eq!(run(&text("x = 0;")).kind, OutcomeKind::None);
}

#[test]
fn functions_with_a_state_of_their_own_race() {
    let text = |lock: &str| {
        format!(
            "void *t(void *u) {{ pthread_mutex_lock(&m); rand(); pthread_mutex_unlock(&m); return 0; }}\n\
             int main(void) {{ pthread_t i; pthread_create(&i, 0, t, 0); {lock} rand(); pthread_mutex_unlock(&m); return 0; }}"
        )
    };
    let options = Options { races: true, unroll: 200, ..Options::default() };
    assert_eq!(run_with(&text("pthread_mutex_lock(&m);"), &options).kind, OutcomeKind::None);
    let other = text("pthread_mutex_t n; pthread_mutex_init(&n, 0); pthread_mutex_lock(&n); rand(); pthread_mutex_unlock(&n); return 0;");
    let outcome = run_with(&other, &options);
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("data-race"));
}

#[test]
fn programs_are_read_with_macros_and_folders_of_the_command_line() {
    // A macro that the program gives a value of its own only if it has none.
    let text = "#include <pthread.h>\n#include <assert.h>\n#include <few.h>\n#ifndef N\n#define N 9\n#endif\nint a[N];\n\
                int main(void) { pthread_t i; assert(sizeof(a) / sizeof(a[0]) == N + FEW - 2); assert(N == 3); return 0; }";
    let kind = |value: &str| {
        let defines = [("N".to_owned(), value.to_owned())];
        let others = [("inc/few.h".to_owned(), b"#define FEW 2\n".to_vec())];
        let source = WithScenario::beside(None, "defined.c", text, &others, &defines);
        let scenario = source.scenario();
        let model = Model::builtin();
        let config =
            Config { include: vec!["inc".to_owned()], defines: vec![("N".to_owned(), value.parse().unwrap_or(1))], ..Config::default() };
        let program = Program::build_partial(&source, config, shapes_for(&model, true), &[scenario.file]);
        explore(&program, &model, &scenario, &Options::default()).kind
    };
    assert_eq!(kind("3"), OutcomeKind::None);
    assert_eq!(kind("4"), OutcomeKind::Fault);
}

#[test]
fn who_waits_for_itself_is_seen_beside_one_that_goes_round_for_ever() {
    let text = |second: &str| {
        format!(
            "int *p;\nvoid *a(void *u) {{ int v; p = &v; while (p == &v) ; return 0; }}\n\
             void *b(void *u) {{ int v; p = &v; while (p == &v) ;\npthread_mutex_lock(&m);\n{second}(&m); return 0; }}\n{}",
            starts(&["a", "b"])
        )
    };
    for strategy in [StrategyKind::States, StrategyKind::Dpor] {
        let run = |second: &str| run_with(&text(second), &Options { strategy, ..Options::default() });
        let found = run("pthread_mutex_lock");
        assert_eq!(found.faults.first().map(|f| (f.fault.kind.id(), f.waits.len())), Some(("deadlock", 1)), "{strategy:?}");
        assert!(run("pthread_mutex_unlock").faults.is_empty(), "{strategy:?}");
    }
}

#[test]
fn who_waits_for_each_other_does_so_in_a_run_in_which_all_go_on_that_can() {
    let found = |strategy, others: &[&str]| {
        let both = "pthread_mutex_lock(&m); pthread_mutex_lock(&n); pthread_mutex_unlock(&n); pthread_mutex_unlock(&m);";
        let turned = "pthread_mutex_lock(&n); pthread_mutex_lock(&m); pthread_mutex_unlock(&m); pthread_mutex_unlock(&n);";
        let mut text = "pthread_mutex_t n = PTHREAD_MUTEX_INITIALIZER, l = PTHREAD_MUTEX_INITIALIZER;\natomic_int x;\n".to_owned();
        let names = ["a", "b", "c", "d"];
        let bodies: Vec<&str> = [both, turned].into_iter().chain(others.iter().copied()).collect();
        for (name, body) in names.iter().zip(&bodies) {
            text += &format!("void *{name}(void *u) {{ {body} return 0; }}\n");
        }
        // Nobody ends the program while they wait.
        let main = starts(&names[..bodies.len()]).replace("return 0;", "pthread_join(i, 0);");
        let outcome = run_with(&(text + &main), &Options { strategy, ..Options::default() });
        outcome.faults.iter().map(|f| f.fault.kind.id()).collect::<Vec<_>>()
    };
    let spins = "while (!x) ;";
    for strategy in [StrategyKind::States, StrategyKind::Dpor, StrategyKind::Every] {
        assert_eq!(found(strategy, &[spins]), ["deadlock"], "{strategy:?}");
        assert_eq!(found(strategy, &[spins, spins]), ["deadlock"], "{strategy:?}");
        // This one fails first, or later, but in every one.
        assert_eq!(found(strategy, &["assert(0);"]), ["assertion"], "{strategy:?}");
        assert_eq!(found(strategy, &["assert(0);", spins]), ["assertion"], "{strategy:?}");
    }
    // It does not wait for ever for a lock that is given back each time; what goes round changes something each time.
    let serves = "for (;;) { pthread_mutex_lock(&l); x = 1 - x; pthread_mutex_unlock(&l); }";
    assert_eq!(found(StrategyKind::States, &[serves]), ["deadlock"]);
    assert_eq!(found(StrategyKind::States, &[serves, "pthread_mutex_lock(&l); assert(0);"]), ["assertion"]);
}

#[test]
fn states_differ_by_who_reads() {
    // One of the two gets the lock while the writer is away, whichever it is: the other one gives back what it has not.
    let text = format!(
        "pthread_rwlock_t r;\nvoid *a(void *u) {{ pthread_rwlock_tryrdlock(&r);\npthread_rwlock_unlock(&r); return 0; }}\n\
         void *b(void *u) {{ pthread_rwlock_tryrdlock(&r);\npthread_rwlock_unlock(&r); return 0; }}\n\
         void *w(void *u) {{ pthread_rwlock_wrlock(&r); pthread_rwlock_unlock(&r); return 0; }}\n{}",
        starts(&["w", "a", "b"])
    );
    let lines = |strategy| {
        let outcome = run_with(&text, &Options { strategy, ..Options::default() });
        outcome.faults.iter().map(|f| (f.fault.kind.id(), f.place.line)).collect::<std::collections::BTreeSet<_>>()
    };
    let found = lines(StrategyKind::States);
    assert_eq!((found.len(), &found), (2, &lines(StrategyKind::Dpor)));
}
