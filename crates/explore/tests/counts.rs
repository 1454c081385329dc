//! Programs with a known number of inequivalent executions: each is run once, no more, no less.

mod common;

use common::explore_text;
use cuthere_explore::{Options, OutcomeKind};

/// A program of threads that each run one function, with globals before.
fn program(globals: &str, bodies: &[String]) -> String {
    let mut text = format!("#include <pthread.h>\n#include <assert.h>\n{globals}\n");
    for (n, body) in bodies.iter().enumerate() {
        text += &format!("static void *t{n}(void *arg)\n{{\n\t{body}\n\treturn 0;\n}}\n");
    }
    text += "int main(void)\n{\n\tpthread_t id;\n";
    for n in 0..bodies.len() {
        text += &format!("\tpthread_create(&id, 0, t{n}, 0);\n");
    }
    text + "\treturn 0;\n}\n"
}

fn count(globals: &str, bodies: &[String]) -> u64 {
    let outcome = explore_text("counts.c", &program(globals, bodies), &Options::default());
    assert!(outcome.unsupported.is_empty() && outcome.bounds.is_empty(), "{:?} {:?}", outcome.unsupported, outcome.bounds);
    outcome.executions
}

fn repeat(n: usize, body: impl Fn(usize) -> String) -> Vec<String> {
    (0..n).map(body).collect()
}

#[test]
fn independent_threads_have_one_execution() {
    assert_eq!(count("int x[8];", &repeat(8, |n| format!("x[{n}] = 1; x[{n}] = 2;"))), 1);
}

#[test]
fn writers_of_one_variable_have_all_orders() {
    for (n, expected) in [(2, 2), (3, 6), (4, 24), (5, 120), (6, 720)] {
        assert_eq!(count("int x;", &repeat(n, |n| format!("x = {n};"))), expected);
    }
}

#[test]
fn readers_stand_before_or_after_a_writer() {
    for n in 1..=8 {
        let mut bodies = repeat(n, |_| "int a = x; (void)a;".to_owned());
        bodies.push("x = 1;".to_owned());
        assert_eq!(count("int x;", &bodies), 1 << n);
    }
}

#[test]
fn lock_holders_have_all_orders() {
    let globals = "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; int x;";
    for (n, expected) in [(2, 2), (3, 6), (4, 24), (5, 120)] {
        assert_eq!(count(globals, &repeat(n, |_| "pthread_mutex_lock(&m); x++; pthread_mutex_unlock(&m);".to_owned())), expected);
    }
}

#[test]
fn opposite_locks_deadlock_in_one_of_three_executions() {
    let globals = "pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;";
    let take = |x: &str, y: &str| {
        format!("pthread_mutex_lock(&{x}); pthread_mutex_lock(&{y}); pthread_mutex_unlock(&{y}); pthread_mutex_unlock(&{x});")
    };
    let outcome = explore_text("deadlock.c", &program(globals, &[take("a", "b"), take("b", "a")]), &Options::default());
    assert_eq!(outcome.executions, 3);
    assert_eq!(outcome.kind, OutcomeKind::Fault);
    assert_eq!(outcome.faults[0].fault.kind.id(), "deadlock");
}

/// `lastzero` of the paper on source sets, Table 1: (n + 3) * 2^(n - 2) executions.
#[test]
fn last_zero() {
    for (n, expected) in [(3u32, 12), (5, 64), (7, 320)] {
        let mut bodies = vec![format!("int i = {n}; while (array[i] != 0) i--;")];
        bodies.extend((1..=n).map(|j| format!("array[{j}] = array[{}] + 1;", j - 1)));
        assert_eq!(count(&format!("int array[{}];", n + 1), &bodies), expected, "n = {n}");
    }
}

/// Two threads that each increment without a lock: read and write of one against those of the other.
#[test]
fn unlocked_increments() {
    // Of the six interleavings of r1 w1 and r2 w2, r1 r2 commute: w1 and w2 ordered both ways after them, and two serial ones.
    assert_eq!(count("int x;", &repeat(2, |_| "int a = x; x = a + 1;".to_owned())), 4);
}

#[test]
fn trylock_sees_both_states() {
    let globals = "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;";
    let bodies = [
        "pthread_mutex_lock(&m); pthread_mutex_unlock(&m);".to_owned(),
        "if (!pthread_mutex_trylock(&m)) pthread_mutex_unlock(&m);".to_owned(),
    ];
    // Before, inside (fails), after.
    assert_eq!(count(globals, &bodies), 3);
}

#[test]
fn choices_multiply() {
    let globals = "int cuthere_choose(int);";
    assert_eq!(count(globals, &["int a = cuthere_choose(3); int b = cuthere_choose(2); (void)(a + b);".to_owned()]), 6);
}

#[test]
fn a_lost_update_is_found_and_replays() {
    let text = "#include <pthread.h>\n#include <assert.h>\nint x;\nstatic void *inc(void *arg)\n{\n\tint a = x;\n\tx = a + 1;\n\treturn 0;\n}\n\
                int main(void)\n{\n\tpthread_t a, b;\n\tpthread_create(&a, 0, inc, 0);\n\tpthread_create(&b, 0, inc, 0);\n\tpthread_join(a, 0);\n\
                \tpthread_join(b, 0);\n\tassert(x == 2);\n\treturn 0;\n}\n";
    let outcome = explore_text("lost.c", text, &Options::default());
    assert_eq!(outcome.kind, OutcomeKind::Fault);
    let found = &outcome.faults[0];
    assert_eq!((found.fault.kind.id(), found.place.line), ("assertion", 17));
    let again = explore_text("lost.c", text, &Options { replay: Some(found.schedule.clone()), ..Options::default() });
    assert_eq!(again.replay, Some(cuthere_explore::Replay::Same));
    assert_eq!(again.faults[0].place, found.place);
}

#[test]
fn waiting_for_a_condition() {
    let globals = "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t c = PTHREAD_COND_INITIALIZER; int ready;";
    let bodies = [
        "pthread_mutex_lock(&m); while (!ready) pthread_cond_wait(&c, &m); pthread_mutex_unlock(&m);".to_owned(),
        "pthread_mutex_lock(&m); ready = 1; pthread_cond_signal(&c); pthread_mutex_unlock(&m);".to_owned(),
    ];
    let outcome = explore_text("cond.c", &program(globals, &bodies), &Options::default());
    assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2));
}

#[test]
fn a_wake_up_without_a_lock_can_be_lost() {
    let globals = "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t c = PTHREAD_COND_INITIALIZER; int ready;";
    let bodies = [
        "pthread_mutex_lock(&m); while (!ready) pthread_cond_wait(&c, &m); pthread_mutex_unlock(&m);".to_owned(),
        "ready = 1; pthread_cond_signal(&c);".to_owned(),
    ];
    let outcome = explore_text("lost-wakeup.c", &program(globals, &bodies), &Options::default());
    assert_eq!(outcome.kind, OutcomeKind::Fault);
    assert_eq!(outcome.faults[0].fault.kind.id(), "deadlock");
}

#[test]
fn a_loop_that_waits_ends() {
    let bodies = ["while (!flag) ; assert(data == 1);".to_owned(), "data = 1; flag = 1;".to_owned()];
    let outcome = explore_text("spin.c", &program("int flag, data;", &bodies), &Options::default());
    assert_eq!(
        outcome.kind,
        OutcomeKind::None,
        "{:?} {:?} {:?}",
        outcome.bounds,
        outcome.faults.first().map(|f| f.fault.kind),
        outcome.unfinished
    );
    let wrong = ["while (!flag) ; assert(data == 1);".to_owned(), "flag = 1; data = 1;".to_owned()];
    let outcome = explore_text("spin.c", &program("int flag, data;", &wrong), &Options::default());
    assert_eq!(outcome.kind, OutcomeKind::Fault);
}

#[test]
fn sections_run_as_one() {
    let globals = "int x; void __VERIFIER_atomic_add(void) { int a = x; x = a + 1; }";
    let outcome = explore_text("atomic.c", &program(globals, &repeat(3, |_| "__VERIFIER_atomic_add();".to_owned())), &Options::default());
    assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 6));
    let mut bodies = repeat(2, |_| "__VERIFIER_atomic_add();".to_owned());
    bodies.push("int a = x; __VERIFIER_atomic_add(); assert(x > a);".to_owned());
    let outcome = explore_text("atomic.c", &program(globals, &bodies), &Options::default());
    assert_eq!(outcome.kind, OutcomeKind::None);
}

#[test]
fn races_are_told_from_what_a_lock_orders() {
    let races = Options { races: true, ..Options::default() };
    let globals = "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; int x;";
    let ordered = repeat(2, |_| "pthread_mutex_lock(&m); x++; pthread_mutex_unlock(&m);".to_owned());
    assert_eq!(explore_text("locked.c", &program(globals, &ordered), &races).kind, OutcomeKind::None);
    let outcome = explore_text("racy.c", &program(globals, &repeat(2, |_| "x = 1;".to_owned())), &races);
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("data-race"));
    assert_eq!(explore_text("racy.c", &program(globals, &repeat(2, |_| "x = 1;".to_owned())), &Options::default()).kind, OutcomeKind::None);
    let atomic = repeat(2, |_| "__atomic_fetch_add(&x, 1, 5);".to_owned());
    assert_eq!(explore_text("atomic.c", &program(globals, &atomic), &races).kind, OutcomeKind::None);
}

/// The Fibonacci benchmark of the verification suites with four rounds: its number of inequivalent executions is known from stateless
/// model checkers.
#[test]
fn fibonacci() {
    let text = "#include <pthread.h>\nint i = 1, j = 1;\n\
                static void *a(void *u) { for (int k = 0; k < 4; k++) i += j; return 0; }\n\
                static void *b(void *u) { for (int k = 0; k < 4; k++) j += i; return 0; }\n\
                int main(void)\n{\n\tpthread_t x, y;\n\tpthread_create(&x, 0, a, 0);\n\tpthread_create(&y, 0, b, 0);\n\
                \tint fine = i <= 55 && j <= 55;\n\tif (!fine)\n\t\treturn 1;\n\treturn 0;\n}\n";
    let outcome = explore_text("fibonacci.c", text, &Options::default());
    assert_eq!((outcome.executions, outcome.complete), (19605, true));
}

#[test]
fn a_mutual_exclusion_by_turns_is_judged_both_ways() {
    let globals = "int flag[2], turn, inside;";
    let enter = |me: usize, polite: bool| {
        let other = 1 - me;
        let turn = if polite { format!("turn = {other};") } else { String::new() };
        format!(
            "flag[{me}] = 1; {turn} while (flag[{other}] && turn == {other}) ; inside++; assert(inside == 1); inside--; flag[{me}] = 0;"
        )
    };
    let right = explore_text("peterson.c", &program(globals, &[enter(0, true), enter(1, true)]), &Options::default());
    assert_eq!(right.kind, OutcomeKind::None);
    let wrong = explore_text("peterson.c", &program(globals, &[enter(0, false), enter(1, true)]), &Options::default());
    assert_eq!(wrong.kind, OutcomeKind::Fault);
}

#[test]
fn an_exchange_that_fails_is_a_read() {
    // One of them succeeds; in which order the others look makes no difference.
    for n in 1..=6 {
        assert_eq!(count("int x;", &repeat(n, |n| format!("__sync_val_compare_and_swap(&x, 0, {});", n + 1))), n as u64);
    }
    // Each of two in a row succeeds in one order only.
    let chain = ["__sync_val_compare_and_swap(&x, 0, 1);".to_owned(), "__sync_val_compare_and_swap(&x, 1, 2);".to_owned()];
    assert_eq!(count("int x;", &chain), 2);
}

#[test]
fn there_may_be_a_hundred_threads() {
    assert_eq!(count("int x[100];", &repeat(100, |n| format!("x[{n}] = 1;"))), 1);
    let bodies = repeat(100, |n| if n % 50 == 7 { "x[0] = 1;".to_owned() } else { format!("x[{}] = 1;", n + 1) });
    assert_eq!(count("int x[101];", &bodies), 2);
}
