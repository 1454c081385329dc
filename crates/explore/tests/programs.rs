//! Ordinary C programs: what they may use, and what makes a verdict impossible.

mod common;

use common::explore_text;
use cuthere_explore::{Options, Outcome, OutcomeKind, Replay};

fn run(text: &str) -> Outcome {
    explore_text("program.c", &format!("#include <pthread.h>\n#include <assert.h>\n{text}"), &Options::default())
}

/// Two threads that run `t`, told apart by their arguments, and what must hold after both.
fn twice(before: &str, body: &str, after: &str) -> Outcome {
    run(&format!(
        "{before}\nvoid *t(void *arg)\n{{\n\t{body}\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t a, b;\n\tpthread_create(&a, 0, t, 0);\n\
         \tpthread_create(&b, 0, t, &b);\n\tpthread_join(a, 0);\n\tpthread_join(b, 0);\n\tassert({after});\n\treturn 0;\n}}\n"
    ))
}

#[test]
fn operators_on_atomic_objects_are_one_step() {
    for object in ["atomic_int x;", "_Atomic int x;", "_Atomic(int) x;", "struct { atomic_long v; } s;\n#define x s.v"] {
        for body in ["x++;", "++x;", "x += 1;", "int old = x++; (void)old;"] {
            let outcome = twice(&format!("#include <stdatomic.h>\n{object}"), body, "x == 2");
            assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2), "{object} {body}");
        }
        // Reading and writing apart stay apart.
        assert_eq!(twice(&format!("#include <stdatomic.h>\n{object}"), "x = x + 1;", "x == 2").kind, OutcomeKind::Fault, "{object}");
    }
    assert_eq!(twice("int x;", "x++;", "x == 2").kind, OutcomeKind::Fault);
}

#[test]
fn bits_are_counted_as_the_compiler_does() {
    let body = "volatile int one = 1, low = 1 << 31; volatile long high = 1L << 40;\n\
                assert(__builtin_clz(one) == 31 && __builtin_clz(low) == 0 && __builtin_clzl(one) == 63 && __builtin_clzll(high) == 23);\n\
                assert(__builtin_ffs(low) == 32 && __builtin_ffsl(high) == 41 && __builtin_ffsll(high - high) == 0);\n\
                assert(__builtin_ctz(low) == 31 && __builtin_popcount(low) == 1);";
    let outcome = run(&format!("int main(void)\n{{\n{body}\nreturn 0;\n}}\n"));
    assert_eq!((outcome.kind, outcome.unknown_calls.len()), (OutcomeKind::None, 0), "{:?} {:?}", outcome.faults, outcome.unsupported);
}

#[test]
fn memory_that_there_is_no_room_for_is_a_bound() {
    let outcome = run(
        "#include <stdlib.h>\nint main(void)\n{\n\tchar *a = malloc(1UL << 40), *b = malloc(1UL << 40);\n\tassert(a != b);\n\treturn 0;\n}\n",
    );
    assert_eq!((outcome.kind, outcome.faults.len()), (OutcomeKind::Unknown, 0));
    assert!(outcome.bounds.contains("memory"));
}

#[test]
fn a_program_that_refuses_to_be_compiled_is_not_explored() {
    let text = |before: &str| {
        format!(
            "{before}\nint main(void)\n{{\n#ifdef BIG\n\tassert(0);\n#elif defined(LITTLE)\n\tassert(1);\n#else\n#error which order\n#endif\n\treturn 0;\n}}\n"
        )
    };
    let refused = run(&text(""));
    assert_eq!((refused.kind, refused.executions), (OutcomeKind::Unknown, 0));
    assert!(
        refused.unsupported.iter().any(|told| told.ends_with("program.c:11: the program refuses to be compiled: #error which order")),
        "{:?}",
        refused.unsupported
    );
    assert_eq!(run(&text("#define BIG")).kind, OutcomeKind::Fault);
    assert_eq!(run(&text("#define LITTLE\n/*\n#error none\n*/")).kind, OutcomeKind::None);
}

#[test]
fn builtins_need_no_header() {
    for body in ["__sync_add_and_fetch(&x, 1);", "__sync_fetch_and_add(&x, 1);", "__atomic_add_fetch(&x, 1, __ATOMIC_SEQ_CST);"] {
        let outcome = twice("int x;", body, "x == 2");
        assert_eq!((outcome.kind, outcome.unknown_calls.len()), (OutcomeKind::None, 0), "{body}: {:?}", outcome.unsupported);
    }
}

#[test]
fn a_barrier_is_made_anew_while_threads_leave_it() {
    // The one that made it goes on first, and makes it again for others.
    let text = "#include <pthread.h>\n#include <assert.h>\npthread_barrier_t b;\nint done;\nvoid *t(void *u) { pthread_barrier_wait(&b); done++; return 0; }\n\
                int main(void)\n{\n\tpthread_t i;\n\tfor (int n = 0; n < 3; n++) {\n\t\tpthread_barrier_init(&b, 0, 2);\n\
                \t\tpthread_create(&i, 0, t, 0);\n\t\tpthread_barrier_wait(&b);\n\t\tif (n == 1)\n\t\t\tpthread_barrier_init(&b, 0, 1);\n\t\tpthread_join(i, 0);\n\t}\n\
                \tassert(done == 3);\n\treturn 0;\n}\n";
    let outcome = explore_text("barrier.c", text, &Options::default());
    assert_eq!((outcome.kind, outcome.complete), (OutcomeKind::None, true), "{:?}", outcome.faults.first().map(|f| &f.fault));
}

#[test]
fn a_barrier_that_threads_wait_at_is_not_made_anew() {
    let text = |between: &str| {
        format!(
            "#include <pthread.h>\npthread_barrier_t b;\nvoid *t(void *u) {{ pthread_barrier_wait(&b); return 0; }}\n\
             int main(void)\n{{\n\tpthread_t i;\n\tpthread_barrier_init(&b, 0, 2);\n\tpthread_create(&i, 0, t, 0);\n\t{between}\n\
             \tpthread_barrier_wait(&b);\n\tpthread_join(i, 0);\n\treturn 0;\n}}\n"
        )
    };
    assert_eq!(explore_text("barrier.c", &text(""), &Options::default()).kind, OutcomeKind::None);
    let again = explore_text("barrier.c", &text("pthread_barrier_init(&b, 0, 2);"), &Options::default());
    let told = again.faults.iter().map(|f| f.fault.detail.as_str()).collect::<Vec<_>>();
    assert!(told.contains(&"pthread_barrier_init() of a barrier that threads wait at"), "{told:?}");
}

#[test]
fn values_of_a_thread_are_destroyed_at_its_end() {
    let text = |after: &str| {
        format!(
            "#include <pthread.h>\n#include <assert.h>\npthread_key_t key;\nint seen;\nvoid d(void *v) {{ assert((long)v == 42); seen++; }}\n\
             void *t(void *u) {{ pthread_setspecific(key, (void *)42); if (u) pthread_exit((void *)7); return (void *)8; }}\n\
             int main(void)\n{{\n\tpthread_t a;\n\tvoid *r;\n\tpthread_key_create(&key, d);\n\tpthread_create(&a, 0, t, 0);\n\tpthread_join(a, &r);\n\
             \tassert(r == (void *)8);\n\tpthread_create(&a, 0, t, &a);\n\tpthread_join(a, &r);\n\tassert(r == (void *)7);\n\tassert({after});\n\treturn 0;\n}}\n"
        )
    };
    assert_eq!(explore_text("keys.c", &text("seen == 2"), &Options::default()).kind, OutcomeKind::None);
    assert_eq!(explore_text("keys.c", &text("seen == 1"), &Options::default()).kind, OutcomeKind::Fault);
}

#[test]
fn threads_go_on_before_one_ends_the_program() {
    // Nothing of the second thread has run when the first ends the program: what the two share is not known yet.
    let text = "#include <pthread.h>\n#include <assert.h>\n#include <stdlib.h>\nint x;\nvoid *t0(void *u) { x = 6; if (x == 6) exit(0); return 0; }\n\
                void *t1(void *u) { x++; return 0; }\nint main(void)\n{\n\tpthread_t i, j;\n\tpthread_create(&i, 0, t0, 0);\n\tpthread_create(&j, 0, t1, 0);\n\
                \tpthread_join(i, 0);\n\tpthread_join(j, 0);\n\tassert(x != 7);\n\treturn 0;\n}\n";
    let outcome = explore_text("exit.c", text, &Options::default());
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("assertion"));
    let held = "#include <pthread.h>\n#include <assert.h>\n#include <stdlib.h>\npthread_mutex_t m;\nint x;\nvoid *t0(void *u) { pthread_mutex_lock(&m); if (!x) exit(0); return 0; }\n\
                void *t1(void *u) { pthread_mutex_lock(&m); x = 1; assert(0); return 0; }\nint main(void)\n{\n\tpthread_t i, j;\n\
                \tpthread_create(&i, 0, t0, 0);\n\tpthread_create(&j, 0, t1, 0);\n\tpthread_join(i, 0);\n\treturn 0;\n}\n";
    let outcome = explore_text("exit.c", held, &Options::default());
    assert!(outcome.faults.iter().any(|f| f.fault.kind.id() == "assertion"), "{:?}", outcome.kind);
}

#[test]
fn who_takes_a_semaphore_first_is_open_whatever_was_done_before() {
    // The second thread could have locked its mutex before the first one's sem_post(), but could not have taken the semaphore.
    let text = |own: &str, check: &str| {
        format!(
            "#include <pthread.h>\n#include <semaphore.h>\n#include <assert.h>\nint x;\nsem_t s;\npthread_mutex_t n;\n\
             void *t0(void *u) {{ sem_wait(&s); x = 1; sem_post(&s); return 0; }}\nvoid *t1(void *u) {{ {own} sem_wait(&s); x = 2; sem_post(&s); return 0; }}\n\
             int main(void)\n{{\n\tpthread_t i, j;\n\tsem_init(&s, 0, 1);\n\tpthread_create(&i, 0, t0, 0);\n\tpthread_create(&j, 0, t1, 0);\n\
             \tpthread_join(i, 0);\n\tpthread_join(j, 0);\n\tassert({check});\n\treturn 0;\n}}\n"
        )
    };
    for own in ["", "pthread_mutex_lock(&n); pthread_mutex_unlock(&n);"] {
        for check in ["x == 1", "x == 2"] {
            assert_eq!(explore_text("semaphore.c", &text(own, check), &Options::default()).kind, OutcomeKind::Fault, "{own} {check}");
        }
        let outcome = explore_text("semaphore.c", &text(own, "x"), &Options::default());
        assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2), "{own}");
    }
}

#[test]
fn barriers_and_once() {
    let barrier = "pthread_barrier_t b;\nint x[2], turn;\npthread_mutex_t m;";
    let body = "pthread_mutex_lock(&m); int me = turn++; pthread_mutex_unlock(&m); x[me] = 1;";
    let main = |wait: &str| {
        run(&format!(
            "{barrier}\nvoid *t(void *arg)\n{{\n\t{body}\n\t{wait}\n\tassert(x[0] == 1 && x[1] == 1);\n\treturn 0;\n}}\nint main(void)\n{{\n\
             \tpthread_t i;\n\tpthread_barrier_init(&b, 0, 2);\n\tpthread_create(&i, 0, t, 0);\n\tpthread_create(&i, 0, t, 0);\n\treturn 0;\n}}\n"
        ))
    };
    assert_eq!(main("pthread_barrier_wait(&b);").kind, OutcomeKind::None);
    assert_eq!(main("").kind, OutcomeKind::Fault);
    let once =
        twice("int x;\npthread_once_t o = PTHREAD_ONCE_INIT;\nvoid init(void)\n{\n\tx = x + 1;\n}", "pthread_once(&o, init);", "x == 1");
    assert_eq!(once.kind, OutcomeKind::None);
}

#[test]
fn a_program_is_called_without_arguments() {
    let outcome = run("int main(int argc, char **argv)\n{\n\tassert(argc == 1 && argv[0] && !argv[1]);\n\treturn 0;\n}\n");
    assert_eq!(outcome.kind, OutcomeKind::None, "{:?}", outcome.unsupported);
}

#[test]
fn arrays_of_variable_length_have_room() {
    let text =
        "int n = 3;\nint main(void)\n{\n\tint i, a[n];\n\tfor (i = 0; i < n; i++)\n\t\ta[i] = i;\n\tassert(a[2] == 2);\n\treturn 0;\n}\n";
    assert_eq!(run(text).kind, OutcomeKind::None);
}

/// What an unknown function does may be what keeps a fault away, or what makes one.
#[test]
fn guesses_make_no_verdict() {
    let outcome = twice("int x;\nvoid take_it(void);\nvoid give_it(void);", "take_it(); x++; give_it();", "x == 2");
    assert_eq!((outcome.kind, outcome.faults.is_empty()), (OutcomeKind::Unknown, false));
    assert_eq!(twice("int x;", "x = 1; elsewhere();", "x == 1").kind, OutcomeKind::Unknown);
    assert_eq!(twice("int x;", "x = nowhere;", "x == 0").kind, OutcomeKind::Unknown);
}

#[test]
fn waiting_for_a_loop_that_waits_is_no_deadlock() {
    let text = "int go;\nvoid *t(void *arg)\n{\n\twhile (!go)\n\t\t;\n\treturn 0;\n}\nint main(void)\n{\n\tpthread_t a;\n\
                \tpthread_create(&a, 0, t, 0);\n\tpthread_join(a, 0);\n\treturn 0;\n}\n";
    assert_ne!(run(text).kind, OutcomeKind::Fault);
    let locks = "pthread_mutex_t a, b;\nvoid *t(void *arg)\n{\n\tpthread_mutex_lock(&a);\n\tpthread_mutex_lock(&b);\n\treturn 0;\n}\nint main(void)\n{\n\
                 \tpthread_t i;\n\tpthread_create(&i, 0, t, 0);\n\tpthread_mutex_lock(&b);\n\tpthread_mutex_lock(&a);\n\tpthread_join(i, 0);\n\treturn 0;\n}\n";
    assert_eq!(run(locks).kind, OutcomeKind::Fault);
}

#[test]
fn the_stack_ends_with_its_thread() {
    let text = |end: &str| {
        format!(
            "int *p;\nvoid *first(void *arg)\n{{\n\tint x = 0;\n\tp = &x;\n\t{end}\n\tp = 0;\n\treturn 0;\n}}\nvoid *second(void *arg)\n{{\n\tint *q = p;\n\
             \tif (q)\n\t\t*q = 1;\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t a;\n\tpthread_create(&a, 0, first, 0);\n\tSECOND\n\treturn 0;\n}}\n"
        )
    };
    let together = text("pthread_exit(0);").replace("SECOND", "pthread_create(&a, 0, second, 0);");
    let outcome = run(&together);
    assert_eq!((outcome.kind, outcome.faults[0].fault.kind.id()), (OutcomeKind::Fault, "use-after-free"));
    let after = text("").replace("SECOND", "pthread_join(a, 0); pthread_create(&a, 0, second, 0);");
    assert_eq!(run(&after).kind, OutcomeKind::None);
}

/// An assumption that fails, or abort() in a program of a verification suite, ends an execution that was not meant to be.
#[test]
fn assumptions_prune_and_hide_nothing() {
    let before = "void reach_error(void) { assert(0); }\nvoid abort(void);\nvoid assume_abort_if_not(int cond)\n{\n\tif (!cond)\n\t\tabort();\n}\n\
                  void __VERIFIER_atomic_begin(void);\nvoid __VERIFIER_atomic_end(void);\nint taken, x;";
    let take = "__VERIFIER_atomic_begin(); assume_abort_if_not(taken == 0); taken = 1; __VERIFIER_atomic_end();";
    let outcome = twice(before, &format!("{take} x = x + 1; if (x != 1) reach_error(); x = x - 1; taken = 0;"), "x == 0");
    assert_eq!(outcome.kind, OutcomeKind::None, "{:?} {:?}", outcome.unsupported, outcome.bounds);
    assert_eq!(twice(before, "x = x + 1; if (x != 1) reach_error(); x = x - 1;", "1").kind, OutcomeKind::Fault);
    // The other thread's error is one, though this thread's assumption never holds.
    let both = format!(
        "{before}\nvoid *t(void *arg)\n{{\n\tx = 1;\n\tx = 2;\n\tif (x == 2)\n\t\treach_error();\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t a;\n\tpthread_create(&a, 0, t, 0);\n\
         \tint seen = x;\n\tassume_abort_if_not(seen > 5);\n\treturn 0;\n}}\n"
    );
    assert_eq!(run(&both).kind, OutcomeKind::Fault);
    // An error function may be empty.
    let empty = "void abort(void);\nvoid reach_error(void) {}\nint main(void)\n{\n\treach_error();\n\tabort();\n\treturn 0;\n}\n";
    assert_eq!(run(empty).kind, OutcomeKind::Fault);
    // Elsewhere it is a crash.
    assert_eq!(run("void abort(void);\nint main(void)\n{\n\tabort();\n\treturn 0;\n}\n").kind, OutcomeKind::Fault);
}

/// What any value may be, of each kind.
const OPEN: &str = "extern int __VERIFIER_nondet_int(void);\nextern unsigned __VERIFIER_nondet_uint(void);\nextern short __VERIFIER_nondet_short(void);\n\
                    extern _Bool __VERIFIER_nondet_bool(void);\nextern void __VERIFIER_assume(int);\n";

#[test]
fn open_values_are_divided_by_what_asks() {
    let main = |body: &str| {
        run(&format!(
            "{OPEN}int g;\nint open(void)\n{{\n\treturn __VERIFIER_nondet_int();\n}}\nint main(void)\n{{\n\t{body}\n\treturn 0;\n}}\n"
        ))
    };
    // Each class of values is run once, and none is left out.
    for (body, executions) in [
        ("if (open()) g = 1; assert(g < 2);", 2),
        ("int v = open(); if (v < 0) g = 1; if (v > 5) g = 2; if (v < 9) assert(v <= 8);", 4),
        ("switch (open()) { case 1: g = 1; break; case 4 ... 6: g = 2; break; default: g = 3; } assert(g);", 3),
        ("int v = open(); if (v >= 0 && v < 8) { g = v * 2; assert(g < 15); }", 3),
        ("unsigned u = __VERIFIER_nondet_uint(); if (u > 10 && u < 12) assert(u == 11);", 3),
        ("short s = __VERIFIER_nondet_short(); int v = s; assert(v < 32768 && v >= -32768);", 1),
        ("int n = 0; while (n < 3 && open()) n++; assert(n <= 3);", 4),
        ("_Bool b = __VERIFIER_nondet_bool(); g = b; assert(g == 0 || g == 1);", 2),
        ("int v = open(); __VERIFIER_assume(v == 77); g = v; assert(g == 77);", 2),
        ("g = open(); int *p = &g; if (*p > 3) { assert(g > 3); }", 2),
        ("struct { int a, b; } s, u; s.b = open(); u = s; if (u.b) assert(s.b);", 2),
        ("g = open(); if (g) g = 0; assert(g == 0);", 2),
        ("int v = open(); __VERIFIER_assume(v); g = v; assert(g);", 2),
        // One byte of it is looked at; then the whole is a number.
        ("g = open() ? 3 : 4; assert(*(char *)&g > 2);", 2),
    ] {
        let outcome = main(body);
        assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, executions), "{body}");
    }
    for body in [
        "assert(open() != 77);",
        "int v = open(); if (v > 1000000) assert(v > 1000001);",
        "assert(!__VERIFIER_nondet_bool());",
        "unsigned u = open(); assert(u < 5);",
        "short s = __VERIFIER_nondet_short(); assert(s < 32767);",
        "switch (open()) { case 4: assert(0); }",
        "g = open(); assert(g != 77);",
        "struct { int a, b; } s, u; s.b = open(); u = s; assert(u.b != 77);",
        "int a[4]; a[2] = open(); memcpy(a, a + 2, 4); assert(a[0] != 77);",
    ] {
        let outcome = main(body);
        assert_eq!(outcome.kind, OutcomeKind::Fault, "{body}");
        let schedule = outcome.faults[0].schedule.clone();
        let text = format!(
            "#include <pthread.h>\n#include <assert.h>\n{OPEN}int g;\nint open(void)\n{{\n\treturn __VERIFIER_nondet_int();\n}}\nint main(void)\n{{\n\t{body}\n\treturn 0;\n}}\n"
        );
        let again = explore_text("program.c", &text, &Options { replay: Some(schedule), ..Options::default() });
        assert_eq!((again.replay, again.kind), (Some(Replay::Same), OutcomeKind::Fault), "{body}");
    }
    // A number is needed and there are too many: two stand for all, which decides nothing.
    for body in [
        "g = open(); assert(*(char *)&g != 77);",
        "static char a[100000]; int v = open(); if (v >= 0 && v < 100000) a[v] = 1; assert(!a[77]);",
    ] {
        let outcome = main(body);
        assert_eq!(outcome.kind, OutcomeKind::Unknown, "{body}");
        assert!(outcome.bounds.iter().any(|b| b == "values"), "{body}");
    }
}

#[test]
fn open_values_of_threads_are_their_own() {
    let body = "int v = __VERIFIER_nondet_int(); if (v > 0) x = x + 1;";
    let outcome = twice(&format!("{OPEN}int x;"), body, "x <= 2");
    assert_eq!(outcome.kind, OutcomeKind::None);
    assert_eq!(twice(&format!("{OPEN}int x;"), body, "x != 1").kind, OutcomeKind::Fault);
}

#[test]
fn threads_see_the_same_open_value() {
    let start = format!("{OPEN}int x, y, v;");
    let program = |body: &str, end: &str| {
        run(&format!(
            "{start}\nvoid *t(void *arg)\n{{\n\t{body}\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t i, j;\n\tv = __VERIFIER_nondet_int();\n\tpthread_create(&i, 0, t, 0);\n\t\
             pthread_create(&j, 0, t, (void *)1);\n\tpthread_join(i, 0);\n\tpthread_join(j, 0);\n\tassert({end});\n\treturn 0;\n}}\n"
        ))
    };
    // Both test it, each in its own way, and agree.
    let outcome = program("if (arg) x = v > 3; else y = v > 3;", "x == y");
    assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2));
    let outcome = program("if (arg) x = v > 3; else y = v > 7;", "x >= y");
    assert_eq!(outcome.kind, OutcomeKind::None);
    assert_eq!(program("if (arg) x = v > 3; else y = v > 7;", "x == y").kind, OutcomeKind::Fault);
    // One overwrites it.
    let outcome = program("if (arg) v = 5; else x = v == 9;", "v == 5");
    assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 3));
    assert_eq!(program("if (arg) v = 5; else x = v == 9;", "!x").kind, OutcomeKind::Fault);
    // A loop waits until another thread has replaced it.
    assert_eq!(program("if (arg) v = 5; else while (v != 5);", "v == 5").kind, OutcomeKind::None);
}

#[test]
fn functions_made_by_macros_are_run() {
    let two = "#define SET(n, v) void set##n(void) { x = v; } void *t##n(void *arg) { set##n(); return 0; }\n";
    for uses in ["SET(0, 1)\nSET(1, 2)\n", "SET(0, 1) SET(1, 2)\n", "SET(0, 1);\nSET(1, 2);\n"] {
        let main = "int main(void)\n{\n\tpthread_t i;\n\tpthread_create(&i, 0, t0, 0);\n\tpthread_create(&i, 0, t1, 0);\n\treturn 0;\n}\n";
        let outcome = run(&format!("int x;\n{two}{uses}{main}"));
        assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2), "{uses}");
    }
    // A thread's function that is nowhere defined leaves everything open.
    let outcome = run("void *t(void *arg);\nint main(void)\n{\n\tpthread_t i;\n\tpthread_create(&i, 0, t, 0);\n\treturn 0;\n}\n");
    assert_eq!((outcome.kind, outcome.unknown_calls), (OutcomeKind::Unknown, vec!["t".to_owned()]));
}

#[test]
fn memory_that_nobody_wrote_may_hold_anything() {
    let main = |body: &str| run(&format!("#include <stdlib.h>\nint main(void)\n{{\n\t{body}\n\treturn 0;\n}}\n"));
    for body in ["int *p = malloc(4); assert(*p != 7);", "int x; int *p = &x; assert(*p != 7);"] {
        assert_eq!(main(body).kind, OutcomeKind::Fault, "{body}");
    }
    for body in ["int *p = malloc(4); assert(*p == *p);", "int *p = malloc(8); int *q = malloc(8); memcpy(q, p, 8); *q = 1; assert(*q);"] {
        assert_eq!(main(body).kind, OutcomeKind::None, "{body}");
    }
    let outcome = main("char *p = malloc(8); assert(p[1] != 7);");
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    assert!(outcome.bounds.iter().any(|b| b == "uninitialised"));
    // A local that is never looked at by address is open like any other value.
    let outcome = main("int x; if (x == 7) assert(0);");
    assert_eq!(outcome.kind, OutcomeKind::Fault);
    assert_eq!(main("int x; printf(\"%d\", x);").executions, 1);
    let outcome = main("int x, n; for (n = 0; n < 3; n++) { if (n == 0) x = 1; else x++; } if (n > 2) assert(x == 3);");
    assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 1));
    for body in ["int *p = calloc(1, 4); assert(*p != 7);", "char *p = malloc(8); p[1] = 'Z'; p[2] = 0; assert(p[1] != 7);"] {
        assert_eq!(main(body).kind, OutcomeKind::None, "{body}");
    }
}

#[test]
fn threads_have_their_own_thread_local_variables() {
    for word in ["__thread", "_Thread_local", "static __thread"] {
        let outcome =
            twice(&format!("{word} int own = 4;\nint x;"), "own++; x = own; assert(own == 5); int *p = &own; assert(*p == 5);", "own == 4");
        assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2), "{word}");
    }
    assert_eq!(twice("int own = 4;", "own++; assert(own == 5);", "1").kind, OutcomeKind::Fault);
}

#[test]
fn the_end_of_main_ends_the_program() {
    let program = |t: &str, main: &str| {
        run(&format!(
            "pthread_mutex_t m;\nint x;\nvoid *t(void *arg)\n{{\n\t{t}\n\treturn 0;\n}}\nint main(void)\n{{\n\tint own = 1;\n\tpthread_t i;\n\t{main}\n\tpthread_create(&i, 0, t, &own);\n\treturn 0;\n}}\n"
        ))
    };
    assert_eq!(program("pthread_mutex_lock(&m);", "pthread_mutex_lock(&m);").kind, OutcomeKind::None, "main() goes with its lock");
    assert_eq!(program("assert(*(int *)arg == 1);", "").kind, OutcomeKind::None, "main()'s locals live as long as the program");
    assert_eq!(program("while (1) if (x) break;", "").kind, OutcomeKind::None);
    assert_eq!(program("assert(x);", "").kind, OutcomeKind::Fault);
}

#[test]
fn mutexes_of_all_kinds() {
    let kinds = |kind: &str, body: &str| {
        run(&format!(
            "#include <errno.h>\nint main(void)\n{{\n\tpthread_mutex_t m;\n\tpthread_mutexattr_t a;\n\tpthread_t i;\n\tpthread_mutexattr_init(&a);\n\t\
             pthread_mutexattr_settype(&a, {kind});\n\tpthread_mutex_init(&m, &a);\n\tcuthere_choose(2);\n\tpthread_mutex_lock(&m);\n\t{body}\n\treturn 0;\n}}\n"
        ))
        .kind
    };
    let twice = "assert(!pthread_mutex_lock(&m)); pthread_mutex_unlock(&m); assert(!pthread_mutex_trylock(&m));";
    assert_eq!(kinds("PTHREAD_MUTEX_RECURSIVE", twice), OutcomeKind::None);
    assert_eq!(kinds("PTHREAD_MUTEX_NORMAL", twice), OutcomeKind::Fault);
    let refused = "assert(pthread_mutex_lock(&m) == EDEADLK); pthread_mutex_unlock(&m); assert(pthread_mutex_unlock(&m) == EPERM);";
    assert_eq!(kinds("PTHREAD_MUTEX_ERRORCHECK", refused), OutcomeKind::None);
    assert_eq!(kinds("PTHREAD_MUTEX_NORMAL", "assert(pthread_mutex_trylock(&m) == EBUSY);"), OutcomeKind::None);
}

#[test]
fn read_write_locks_are_given_as_they_were_taken() {
    let body = |write: &str| format!("pthread_rwlock_{write}(&l); x++; pthread_rwlock_unlock(&l);");
    assert_eq!(twice("pthread_rwlock_t l;\nint x;", &body("wrlock"), "x == 2").kind, OutcomeKind::None);
    assert_eq!(twice("pthread_rwlock_t l;\nint x;", &body("rdlock"), "x == 2").kind, OutcomeKind::Fault);
    let tries = "if (!pthread_rwlock_tryrdlock(&l)) { assert(!x); pthread_rwlock_unlock(&l); } else x = 0;";
    assert_eq!(twice("pthread_rwlock_t l;\nint x;", tries, "1").kind, OutcomeKind::None);
    assert_eq!(twice("pthread_rwlock_t l;\nint x;", "pthread_rwlock_unlock(&l);", "1").kind, OutcomeKind::Fault);
}

#[test]
fn a_semaphore_that_nobody_initialised_counts_nothing() {
    let start = "#include <semaphore.h>\nsem_t s;\nint x;";
    assert_eq!(twice(start, "sem_wait(&s);", "1").kind, OutcomeKind::Fault);
    let outcome = twice(start, "if (sem_trywait(&s) == -1) sem_post(&s);", "1");
    assert_eq!(outcome.kind, OutcomeKind::None);
}

#[test]
fn threads_have_values_and_cleanups_of_their_own() {
    let keys = "pthread_key_t k;\nint x;";
    let own = "if (x++ == 0) ; pthread_key_create(&own, 0); pthread_setspecific(own, &own); assert(pthread_getspecific(own) == &own);";
    assert_eq!(twice(keys, &format!("pthread_key_t own; {own}"), "1").kind, OutcomeKind::None);
    let cleanup = |end: &str| {
        let start =
            "int x;\npthread_mutex_t m;\nstatic void undo(void *by) { pthread_mutex_lock(&m); x += *(int *)by; pthread_mutex_unlock(&m); }";
        let body = format!("int by = 3; pthread_cleanup_push(undo, &by); {end}; pthread_cleanup_pop(1);");
        twice(start, &body, "x == 6").kind
    };
    assert_eq!(cleanup("pthread_exit(0)"), OutcomeKind::None);
    assert_eq!(cleanup("by = 3"), OutcomeKind::None);
    assert_eq!(cleanup("by = 2"), OutcomeKind::Fault);
}

#[test]
fn threads_of_c11() {
    let program = |lock: &str| {
        run(&format!(
            "#include <threads.h>\nint x;\nmtx_t m;\nint t(void *arg)\n{{\n\t{lock}mtx_lock(&m);\n\tx++;\n\t{lock}mtx_unlock(&m);\n\treturn 7;\n}}\n\
             int main(void)\n{{\n\tthrd_t i, j;\n\tint r;\n\tmtx_init(&m, mtx_plain);\n\tthrd_create(&i, t, 0);\n\tthrd_create(&j, t, 0);\n\tthrd_join(i, &r);\n\t\
             thrd_join(j, 0);\n\tassert(r == 7 && x == 2);\n\treturn 0;\n}}\n"
        ))
        .kind
    };
    assert_eq!(program(""), OutcomeKind::None);
    assert_eq!(program("//"), OutcomeKind::Fault);
}

#[test]
fn sections_that_run_as_one_nest() {
    let body = "__VERIFIER_atomic_begin(); int v = x; __VERIFIER_atomic_inner(); x = v + 1; __VERIFIER_atomic_end();";
    let start = "int x;\nvoid __VERIFIER_atomic_inner(void) { __VERIFIER_atomic_begin(); x = 9; __VERIFIER_atomic_end(); }";
    assert_eq!(twice(start, body, "x == 2").kind, OutcomeKind::None);
}

#[test]
fn what_is_atomic_does_not_race() {
    let races = |start: &str, body: &str| {
        let text = format!(
            "#include <pthread.h>\n#include <stdatomic.h>\n{start}\nvoid *t(void *arg)\n{{\n\t{body}\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t i, j;\n\t\
             pthread_create(&i, 0, t, 0);\n\tpthread_create(&j, 0, t, 0);\n\treturn 0;\n}}\n"
        );
        explore_text("program.c", &text, &Options { races: true, ..Options::default() }).kind
    };
    assert_eq!(races("int x;", "x = x + 1;"), OutcomeKind::Fault);
    assert_eq!(races("atomic_uint x;", "x = x + 1;"), OutcomeKind::None);
    assert_eq!(races("atomic_bool x;", "if (!x) x = 1;"), OutcomeKind::None);
    assert_eq!(races("int x;", "__VERIFIER_atomic_begin(); x++; __VERIFIER_atomic_end();"), OutcomeKind::None);
    assert_eq!(races("int x;\nvoid __VERIFIER_atomic_set(void) { x++; }", "__VERIFIER_atomic_set();"), OutcomeKind::None);
    assert_eq!(races("int x;", "__VERIFIER_atomic_begin(); x++; __VERIFIER_atomic_end(); x++;"), OutcomeKind::Fault);
}

#[test]
fn old_functions_without_a_type() {
    let text = "int x;\nfirst() { x++; }\nsecond(a) { x++; }\nint main(void)\n{\n\tpthread_t i, j;\n\tfirst();\n\tpthread_create(&i, 0, first, 0);\n\t\
                pthread_create(&j, 0, second, 0);\n\tassert(x < 4);\n\treturn 0;\n}\n";
    let outcome = run(text);
    assert_eq!(outcome.kind, OutcomeKind::None, "{:?}", outcome.unsupported);
}

#[test]
fn a_semaphore_of_two_lets_two_in() {
    let program = |count: u32| {
        run(&format!(
            "#include <semaphore.h>\nsem_t s;\nint x;\nvoid *t(void *arg)\n{{\n\tsem_wait(&s);\n\tx++;\n\tsem_post(&s);\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t i, j;\n\t\
             sem_init(&s, 0, {count});\n\tpthread_create(&i, 0, t, 0);\n\tpthread_create(&j, 0, t, &j);\n\tpthread_join(i, 0);\n\tpthread_join(j, 0);\n\tassert(x == 2);\n\treturn 0;\n}}\n"
        ))
    };
    assert_eq!((program(1).kind, program(1).executions), (OutcomeKind::None, 2));
    assert_eq!(program(2).kind, OutcomeKind::Fault);
}

#[test]
fn what_is_computed_from_open_values_is_exact() {
    let main = |body: &str| {
        run(&format!(
            "{OPEN}int g, x, y, z;\nint open(void)\n{{\n\treturn __VERIFIER_nondet_int();\n}}\nint main(void)\n{{\n\t{body}\n\treturn 0;\n}}\n"
        ))
    };
    for body in [
        "x = open(); y = open(); z = x - y; assert(z + y == x);",
        "x = open(); y = open(); if (x < y && y < 100 && x > 0) { z = y - x; assert(z > 0 && z < 99); }",
        "unsigned u = open(); assert(u % 10 < 10 && u / 2 <= 2147483647 && (u & 7) + (u & ~7u) == u);",
        "x = open(); if (x * 3 == 12 && x > 0 && x < 100) assert(x == 4);",
        "x = open(); y = x << 4; assert((y & 15) == 0);",
        "x = open(); switch ((unsigned)x % 3) { case 0: case 1: case 2: break; default: assert(0); }",
        // Its address is known once what it is computed from is.
        "static char a[4]; x = open(); y = x + 1; if (x == 2) { a[y] = 1; assert(a[3]); }",
    ] {
        assert_eq!(main(body).kind, OutcomeKind::None, "{body}");
    }
    for body in [
        "assert(open() + 1 != 77);",
        "x = open(); y = open(); if (x > 0 && y > 0) assert(x + y > 0);",
        "x = open(); y = open(); assert(x * y != 91 || x == 7 || x == 13 || x == 1 || x == 91 || x < 0 || x > 91);",
        "x = open(); y = open(); assert((x ^ y) != 12345 || x != 54321);",
        "unsigned char c = open(); signed char d = c; assert(c == d);",
        "x = open(); assert(100 / x < 100);",
    ] {
        assert_eq!(main(body).kind, OutcomeKind::Fault, "{body}");
    }
}

#[test]
fn who_waits_for_a_thread_that_an_assumption_stops_is_not_stuck() {
    let outcome = twice(&format!("{OPEN}int x;"), "__VERIFIER_assume(x); assert(0);", "0");
    assert_eq!((outcome.kind, outcome.unfinished.len()), (OutcomeKind::None, 0));
}

#[test]
fn more_threads_than_there_is_room_for_are_a_bound() {
    let after = |check: &str| {
        run(&format!(
            "int x;\nvoid *t(void *arg)\n{{\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t i[300];\n\tfor (int n = 0; n < 300; n++) pthread_create(&i[n], 0, t, 0);\n\t\
             for (int n = 0; n < 300; n++) pthread_join(i[n], 0);\n\t{check}\n\treturn 0;\n}}\n"
        ))
    };
    // What has not run behind them could be wrong.
    for (check, kind) in [("", OutcomeKind::None), ("assert(x == 1);", OutcomeKind::Unknown)] {
        let outcome = after(check);
        assert_eq!((outcome.kind, outcome.faults.len()), (kind, 0), "{check}");
        assert!(outcome.bounds.contains("threads"), "{:?}", outcome.bounds);
    }
}

#[test]
fn relaxed_operations_order_nothing_by_themselves() {
    let races = |store: &str, load: &str| {
        let text = format!(
            "#include <pthread.h>\n#include <stdatomic.h>\nint x;\natomic_int f, g;\nvoid *s(void *arg)\n{{\n\tx = 1;\n\t{store}\n\treturn 0;\n}}\nvoid *l(void *arg)\n{{\n\t\
             if ({load}) x = 2;\n\treturn 0;\n}}\nvoid *more(void *arg)\n{{\n\tatomic_fetch_add_explicit(&f, 1, memory_order_relaxed);\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t i;\n\t\
             pthread_create(&i, 0, s, 0);\n\tpthread_create(&i, 0, l, 0);\n\tpthread_create(&i, 0, more, 0);\n\treturn 0;\n}}\n"
        );
        explore_text("program.c", &text, &Options { races: true, ..Options::default() }).kind
    };
    let (release, acquire) = ("atomic_store_explicit(&f, 4, memory_order_release);", "atomic_load_explicit(&f, memory_order_acquire) >= 4");
    let (weak, read) = ("atomic_store_explicit(&f, 4, memory_order_relaxed);", "atomic_load_explicit(&f, memory_order_relaxed) >= 4");
    // An addition in between hands the release on.
    assert_eq!(races(release, acquire), OutcomeKind::None);
    assert_eq!(races("f = 4;", "f >= 4"), OutcomeKind::None);
    assert_eq!(races(weak, acquire), OutcomeKind::Fault);
    assert_eq!(races(release, read), OutcomeKind::Fault);
    assert_eq!(races(weak, read), OutcomeKind::Fault);
    let fenced = |order: &str| format!("atomic_thread_fence(memory_order_{order});");
    assert_eq!(races(&format!("{} {weak}", fenced("release")), acquire), OutcomeKind::None);
    assert_eq!(races(release, &format!("({{ int v = {read}; {} v; }})", fenced("acquire"))), OutcomeKind::None);
    // Another object of the same word is another object.
    assert_eq!(races("atomic_store(&g, 1);", "atomic_load(&f) == 1 && atomic_load(&g) == 0"), OutcomeKind::Fault);
}

#[test]
fn types_that_nobody_defines_decide_nothing() {
    let text = |include: &str| {
        format!(
            "{include}#include <pthread.h>\n#include <assert.h>\nint32_t x[2] = {{ 1, 2 }};\nint main(void) {{ assert(x[1] == 2); return 0; }}\n"
        )
    };
    assert_eq!(explore_text("types.c", &text(""), &Options::default()).kind, OutcomeKind::Unknown);
    // As the compilers' own header does.
    assert_eq!(explore_text("types.c", &text("#include <stdatomic.h>\n"), &Options::default()).kind, OutcomeKind::None);
}

#[test]
fn memory_of_an_open_size_has_a_few_elements() {
    let program = |index: &str| {
        run(&format!(
            "{OPEN}extern void abort(void);\nint *p;\nvoid *t(void *arg)\n{{\n\tlong i = (long)arg;\n\tp[{index}] = 1;\n\treturn 0;\n}}\nint main(void)\n{{\n\tint n = \
             __VERIFIER_nondet_int();\n\tif (n < 0) abort();\n\tpthread_t id[n + 1];\n\tp = calloc(n, sizeof(int));\n\tfor (long i = 0; i < n; i++)\n\t\t\
             pthread_create(&id[i], 0, t, (void *)i);\n\tfor (int i = 0; i < n; i++)\n\t\tpthread_join(id[i], 0);\n\treturn 0;\n}}\n"
        ))
    };
    let outcome = program("i");
    assert_eq!(
        (outcome.kind, outcome.bounds.iter().map(String::as_str).collect()),
        (OutcomeKind::None, vec!["sizes"]),
        "{:?}",
        outcome.unreached
    );
    assert_eq!(program("i + 1").faults.first().map(|f| f.fault.kind.id()), Some("out-of-bounds"));
    // What only more elements come to has not run.
    let more = "int n = __VERIFIER_nondet_int(); char *p = malloc(n); if (n > 9) assert(p == 0);";
    let outcome = run(&format!("{OPEN}int main(void)\n{{\n\t{more}\n\treturn 0;\n}}\n"));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
}
