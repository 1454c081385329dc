//! C as it is: definitions, numbers, widths, copies and waits of ordinary programs, one test per kind.

mod common;

use common::explore_text;
use cuthere_explore::{MemoryModel, Options, Outcome, OutcomeKind, StrategyKind};

const HEAD: &str =
    "#include <pthread.h>\n#include <assert.h>\n#include <stdlib.h>\n#include <string.h>\n#include <stdatomic.h>\n#include <stdbool.h>\n";

fn run(text: &str) -> Outcome {
    explore_text("program.c", &format!("{HEAD}{text}"), &Options::default())
}

fn races(text: &str) -> Outcome {
    explore_text("program.c", &format!("{HEAD}{text}"), &Options { races: true, ..Options::default() })
}

/// What holds when these statements have run alone.
fn holds(before: &str, body: &str) {
    let outcome = run(&format!("{before}\nint main(void)\n{{\n\t{body}\n\treturn 0;\n}}\n"));
    let faults: Vec<String> = outcome.faults.iter().map(|f| format!("{:?} {}", f.place, f.fault.detail)).collect();
    assert_eq!(outcome.kind, OutcomeKind::None, "{before} {body}: {faults:?} {:?} {:?}", outcome.unsupported, outcome.unknown_calls);
}

/// A thread that runs `thread` beside `main`.
fn beside(before: &str, thread: &str, main: &str) -> String {
    format!(
        "{before}\nstatic void *t(void *unused)\n{{\n\t{thread}\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t i;\n\tpthread_create(&i, 0, t, 0);\n\
         \t{main}\n\tpthread_join(i, 0);\n\treturn 0;\n}}\n"
    )
}

#[test]
fn a_variable_is_what_its_initialised_definition_says() {
    holds(
        "int x;\nint x = 3;\nint x;\nint a[];\nint a[2] = { 1, 2 };\nextern int *p;\nint *p = &x;",
        "assert(x == 3 && a[1] == 2 && *p == 3);",
    );
    holds("static int f(void);\nint (*call)(void);\nint (*call)(void) = f;\nstatic int f(void)\n{\n\treturn 4;\n}", "assert(call() == 4);");
}

#[test]
fn a_macro_may_rename_what_is_defined() {
    holds("#define twice twice_here\nint twice(int n)\n{\n\treturn 2 * n;\n}\n#undef twice", "assert(twice_here(2) == 4);");
    holds("#define count private_count\nint count = 5;\nint read(void)\n{\n\treturn count;\n}", "count++; assert(read() == 6);");
    // Only what comes after it.
    holds("int late(void)\n{\n\treturn 1;\n}\nint first(void)\n{\n\treturn late();\n}\n#define late other", "assert(first() == 1);");
}

#[test]
fn names_may_have_dollars() {
    holds("int $first, sec$ond$;\nint add$(int a)\n{\n\treturn a + 1;\n}", "$first = 1; sec$ond$ = add$($first); assert(sec$ond$ == 2);");
}

#[test]
fn floating_numbers_count() {
    holds(
        "double third = 1.0 / 3;\nfloat half = .5f;\ndouble list[] = { 1, -2.5e1, 0x1.8p1 };",
        "assert(third > 0.33 && third < 0.34 && half * 2 == 1);",
    );
    holds("double list[] = { 1, -2.5e1, 0x1.8p1 };", "assert(list[0] == 1.0 && list[1] == -25 && list[2] == 3);");
    holds("double mean(int n, float x)\n{\n\treturn (n + x) / 2;\n}", "assert(mean(1, 2) == 1.5); assert((int)mean(3.9, 4) == 3);");
    holds("", "float f = 16777216.0f; f += 1; assert(f == 16777216.0); double d = 16777216.0; d += 1; assert(d == 16777217.0);");
    holds("", "double z = 0.0; int n = 0; if (z) n = 1; if (!z) n += 2; n += z ? 4 : 8; assert(n == 10); assert(-z == z && -1.5 < z);");
    holds("", "unsigned long big = 1UL << 63; double d = big; assert(d == 9223372036854775808.0 && (unsigned long)d == big);");
    holds("", "int i = 7; i *= 0.5; assert(i == 3); i = 1 ? 2.5 : 0; assert(i == 2); _Bool b = 0.25; assert(b);");
}

#[test]
fn arrays_of_variable_length_have_their_size() {
    holds("", "int n = 5; long a[n][2]; assert(sizeof(a[0]) == 16); char b[n + 1]; assert(sizeof(b) == 6); n = 9; assert(sizeof(b) == 6);");
    holds("", "for (int n = 1; n < 400; n += 133) { int a[n]; a[n - 1] = n; assert(a[n - 1] == n && sizeof a == n * sizeof(int)); }");
    let outcome = run("int main(void)\n{\n\tint n = 3;\n\tint a[n];\n\ta[n] = 1;\n\treturn 0;\n}\n");
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("out-of-bounds"));
}

#[test]
fn atomic_operations_are_as_wide_as_their_object() {
    for (ty, most) in [("unsigned char", "255"), ("unsigned short", "65535"), ("unsigned int", "4294967295u"), ("unsigned long", "~0ul")] {
        holds(
            &format!("struct {{ {ty} x, next; }} s = {{ {most}, 7 }};"),
            "assert(__sync_add_and_fetch(&s.x, 1) == 0 && s.x == 0 && s.next == 7);",
        );
        holds(
            &format!("struct {{ {ty} x, next; }} s = {{ {most}, 7 }};"),
            "assert(__atomic_fetch_add(&s.x, 1, 5) != 0 && s.x == 0 && s.next == 7);",
        );
    }
    holds("int x = 6;", "assert(__sync_fetch_and_nand(&x, 3) == 6 && x == ~2); assert(__atomic_xor_fetch(&x, 1, 0) == (~2 ^ 1));");
    holds(
        "long x = 1L << 40;",
        "assert(__sync_bool_compare_and_swap(&x, 1L << 40, 2) && x == 2 && !__sync_bool_compare_and_swap(&x, 1, 3));",
    );
}

#[test]
fn atomic_pointers_count_elements() {
    holds(
        "struct s { int a[3]; } a[4];\n_Atomic(struct s *) p = a;",
        "assert(atomic_fetch_add(&p, 2) == a && p == a + 2); p++; p -= 3; assert(p == a);",
    );
    // The compilers' own functions count bytes.
    holds("int a[4], *p = a;", "__sync_fetch_and_add(&p, 4); assert(p == a + 1);");
    let outcome = run(&beside("int a[4];\n_Atomic(int *) p = a;", "p++;", "p++; pthread_join(i, 0); assert(p == a + 2);"));
    assert_eq!(outcome.kind, OutcomeKind::None, "{:?}", outcome.unsupported);
}

#[test]
fn nothing_is_freed_like_something() {
    holds(
        "",
        "char *p = malloc(0); free(p); p = calloc(0, 4); free(p); free(0); p = realloc(0, 2); p[1] = 7; p = realloc(p, 9); assert(p[1] == 7); p[8] = 1; free(p);",
    );
    assert_eq!(run("int main(void)\n{\n\tchar *p = malloc(0);\n\tp[0] = 1;\n\treturn 0;\n}\n").kind, OutcomeKind::Fault);
}

#[test]
fn structures_are_copied_piece_by_piece() {
    let pair = "struct pair { int a, b; };\nstruct pair g;\nstatic int same(struct pair p)\n{\n\treturn p.a == p.b;\n}";
    let write = "struct pair v = { 1, 1 }; g = v;";
    for check in
        ["struct pair v = g; assert(v.a == v.b);", "assert(same(g));", "struct pair v; memcpy(&v, &g, sizeof(v)); assert(v.a == v.b);"]
    {
        assert_eq!(run(&beside(pair, write, check)).kind, OutcomeKind::Fault, "{check}");
    }
    assert_eq!(run(&beside(pair, "memset(&g, 1, sizeof(g));", "struct pair v = g; assert(v.a == v.b);")).kind, OutcomeKind::Fault);
    let get = "struct pair { int a, b; };\nstruct pair g;\nstatic struct pair get(void)\n{\n\treturn g;\n}";
    assert_eq!(run(&beside(get, write, "struct pair v = get(); assert(v.a == v.b);")).kind, OutcomeKind::Fault);
    // Under a lock, and where a word holds it all, nobody sees half of it.
    let locked = format!("{pair}\npthread_mutex_t m;");
    let (lock, unlock) = ("pthread_mutex_lock(&m);", "pthread_mutex_unlock(&m);");
    let outcome = run(&beside(&locked, &format!("{lock} {write} {unlock}"), &format!("{lock} assert(same(g)); {unlock}")));
    assert_eq!(outcome.kind, OutcomeKind::None);
    let word = "struct word { long a; } g;";
    let outcome = run(&beside(word, "struct word v = { -1 }; g = v;", "struct word v = g; assert(v.a == 0 || v.a == -1);"));
    assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2));
    // What overlaps arrives whole.
    holds(
        "int a[5] = { 1, 2, 3, 4, 5 };",
        "memmove(a + 1, a, 16); assert(a[0] == 1 && a[1] == 1 && a[4] == 4); memmove(a, a + 1, 16); assert(a[3] == 4);",
    );
}

#[test]
fn neighbouring_bit_fields_are_written_back() {
    let text = beside("struct { unsigned a : 4, b : 4; } s;", "s.a = 1;", "s.b = 1; pthread_join(i, 0); assert(s.a == 1 && s.b == 1);");
    assert_eq!(run(&text).kind, OutcomeKind::Fault);
    let apart =
        beside("struct { unsigned a : 4, : 0, b : 4; } s;", "s.a = 1;", "s.b = 1; pthread_join(i, 0); assert(s.a == 1 && s.b == 1);");
    assert_eq!(run(&apart).kind, OutcomeKind::None);
}

#[test]
fn what_fails_gives_nothing_and_hides_nothing() {
    let check = "pthread_mutex_t m;\nint x;";
    let kind = |kind: &str, body: &str| {
        let init = format!(
            "pthread_mutexattr_t k; pthread_mutexattr_init(&k); pthread_mutexattr_settype(&k, {kind}); pthread_mutex_init(&m, &k);"
        );
        let text = beside(check, "pthread_mutex_lock(&m); x = 1; pthread_mutex_unlock(&m);", body);
        run(&text.replace("\tpthread_create", &format!("\t{init}\n\tpthread_create")))
    };
    // The unlock fails, and orders nothing.
    assert_eq!(kind("PTHREAD_MUTEX_ERRORCHECK", "assert(x == 0); pthread_mutex_unlock(&m);").kind, OutcomeKind::Fault);
    // A lock taken again, or tried again, is still one section.
    let again = "pthread_mutex_lock(&m); pthread_mutex_lock(&m); int seen = x; pthread_mutex_unlock(&m); assert(x == seen); pthread_mutex_unlock(&m);";
    let outcome = kind("PTHREAD_MUTEX_RECURSIVE", again);
    assert_eq!((outcome.kind, outcome.executions), (OutcomeKind::None, 2));
    let tried = "pthread_mutex_lock(&m); pthread_mutex_trylock(&m); int seen = x; pthread_mutex_unlock(&m); assert(seen == 0);";
    assert_eq!(kind("PTHREAD_MUTEX_NORMAL", tried).kind, OutcomeKind::Fault);
}

/// A try that fails lies in the section of who holds the lock, and hides from nobody that the section could have come later.
#[test]
fn a_failed_try_hides_no_order() {
    let text = "pthread_mutex_t m;\nint x, late;\nstatic void *holds(void *a)\n{\n\tpthread_mutex_lock(&m);\n\tx = 1;\n\tpthread_mutex_unlock(&m);\n\treturn 0;\n}\n\
                static void *tries(void *a)\n{\n\tif (!pthread_mutex_trylock(&m))\n\t\tpthread_mutex_unlock(&m);\n\treturn 0;\n}\n\
                static void *last(void *a)\n{\n\tlate = 1;\n\tpthread_mutex_lock(&m);\n\tassert(x == 1);\n\tpthread_mutex_unlock(&m);\n\treturn 0;\n}\n\
                int main(void)\n{\n\tpthread_t i;\n\tpthread_create(&i, 0, holds, 0);\n\tpthread_create(&i, 0, tries, 0);\n\tpthread_create(&i, 0, last, 0);\n\treturn late;\n}\n";
    assert_eq!(run(text).kind, OutcomeKind::Fault);
}

#[test]
fn a_timed_wait_ends() {
    let before = "pthread_mutex_t m;\npthread_cond_t c;\nint x;";
    let wait = "struct timespec s = { 0 }; pthread_mutex_lock(&m); int e = pthread_cond_timedwait(&c, &m, &s); pthread_mutex_unlock(&m);";
    assert_eq!(run(&beside(before, wait, "")).kind, OutcomeKind::None);
    // Either way of ending is possible, and a signal in time is no timeout.
    let signal = "pthread_mutex_lock(&m); pthread_cond_signal(&c); pthread_mutex_unlock(&m);";
    for end in ["assert(e == 0);", "assert(e == ETIMEDOUT);"] {
        assert_eq!(run(&beside(before, &format!("{wait} {end}"), signal)).kind, OutcomeKind::Fault, "{end}");
    }
    let lock = "struct timespec s = { 0 }; if (!pthread_mutex_timedlock(&m, &s)) { x++; pthread_mutex_unlock(&m); }";
    assert_eq!(run(&beside(before, lock, "pthread_mutex_lock(&m); pthread_join(i, 0);")).kind, OutcomeKind::None);
}

#[test]
fn a_lock_orders_what_is_started_under_it() {
    let before = "pthread_mutex_t m;\nint g;\nstatic void *plain(void *a)\n{\n\tg++;\n\treturn 0;\n}";
    let held = beside(
        before,
        "pthread_mutex_lock(&m); g++; pthread_mutex_unlock(&m);",
        "pthread_t j; pthread_mutex_lock(&m); pthread_create(&j, 0, plain, 0); pthread_join(j, 0); pthread_mutex_unlock(&m);",
    );
    assert_eq!(races(&held).kind, OutcomeKind::None);
    let late = held.replace("pthread_join(j, 0); pthread_mutex_unlock(&m);", "pthread_mutex_unlock(&m); pthread_join(j, 0);");
    assert_eq!(races(&late).faults.first().map(|f| f.fault.kind.id()), Some("data-race"));
}

#[test]
fn reads_that_decide_nothing_are_reads() {
    for read in ["g + 1;", "!g;", "g ? 1 : 2;", "if (g) {\n\t}", "if (g == 1)\n\t\t;", "(void)g;", "int a[2]; if (a == 0 || g) {\n\t}"] {
        assert_eq!(races(&beside("int g;", "g = 1;", read)).faults.first().map(|f| f.fault.kind.id()), Some("data-race"), "{read}");
    }
    let copy = races(&beside("struct { int a, b; } g, h;", "g.a = 1;", "h = g;"));
    assert_eq!(copy.faults.first().map(|f| f.fault.kind.id()), Some("data-race"));
    assert_eq!(races(&beside("_Atomic(int *) g;\nint x;", "g = &x;", "if (g) {\n\t}")).kind, OutcomeKind::None);
}

#[test]
fn a_global_without_room_is_a_bound_and_no_fault() {
    for size in ["[1 << 25]", "[100000][10000]"] {
        let last = if size.starts_with("[1 <") { "(1 << 25) - 1" } else { "99999][9999" };
        let outcome =
            run(&format!("int other;\nint big{size};\nint main(void)\n{{\n\tbig[{last}] = 1;\n\tassert(!other);\n\treturn 0;\n}}\n"));
        assert_eq!(outcome.kind, OutcomeKind::Unknown, "{size}");
        assert!(outcome.bounds.contains("memory"), "{size}: {:?}", outcome.bounds);
    }
}

#[test]
fn locks_that_wait_for_each_other_are_a_deadlock_beside_a_loop_that_waits() {
    let text = "#include <pthread.h>\n#include <stdatomic.h>\natomic_int go;\npthread_mutex_t m, n;\n\
                void *a(void *u) { pthread_mutex_lock(&m); pthread_mutex_lock(&n); go = 1; return 0; }\nvoid *b(void *u) { pthread_mutex_lock(&n); pthread_mutex_lock(&m); go = 1; return 0; }\n\
                void *w(void *u) { while (!go) ; return 0; }\n\
                int main(void) { pthread_t i; pthread_create(&i, 0, a, 0); pthread_create(&i, 0, b, 0); pthread_create(&i, 0, w, 0); pthread_join(i, 0); return 0; }\n";
    for strategy in [StrategyKind::Dpor, StrategyKind::States, StrategyKind::Every] {
        let outcome = explore_text("waits.c", text, &Options { strategy, ..Options::default() });
        assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("deadlock"), "{strategy:?}");
    }
}

#[test]
fn a_variable_ends_with_its_function_for_others_too() {
    let text = "#include <pthread.h>\n#include <stdatomic.h>\nint y, *lp;\nvoid *a(void *u) { int *q = lp; if (q) y = *q; return 0; }\nvoid *b(void *u) { int v = 0; lp = &v; __sync_synchronize(); return 0; }\n\
                int main(void) { pthread_t i, j; pthread_create(&i, 0, a, 0); pthread_create(&j, 0, b, 0); pthread_join(i, 0); pthread_join(j, 0); return 0; }\n";
    for (memory, strategy) in
        [(MemoryModel::Sc, StrategyKind::Dpor), (MemoryModel::Sc, StrategyKind::States), (MemoryModel::Tso, StrategyKind::Dpor)]
    {
        let outcome = explore_text("ends.c", text, &Options { memory, strategy, ..Options::default() });
        assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("use-after-free"), "{memory:?} {strategy:?}");
    }
}
