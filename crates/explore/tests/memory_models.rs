//! Litmus tests: which outcomes a memory model allows. The names are those of the literature; what is allowed is what the papers on x86-TSO say.

mod common;

use common::{explore_text, explore_tree};
use cuthere_explore::{MemoryModel, Options, Outcome, OutcomeKind, Replay, StrategyKind};

/// Threads, and the outcome that is asked about, over `x`, `y`, `z` and results `r0` to `r3`.
fn litmus(threads: &[&str], outcome: &str) -> String {
    let mut text = "#include <pthread.h>\n#include <stdatomic.h>\n#include <assert.h>\nint x, y, z, w, r0, r1, r2, r3;\natomic_int a, b;\nint *_Atomic q = &w;\npthread_mutex_t m;\nvoid smp_mb(void), smp_rmb(void), smp_wmb(void);\nint same(int v) { return v; }\n".to_owned();
    for (n, body) in threads.iter().enumerate() {
        text += &format!("void *t{n}(void *u)\n{{\n\t{body}\n\treturn 0;\n}}\n");
    }
    text += "int main(void)\n{\n\tpthread_t i[4];\n";
    (0..threads.len()).for_each(|n| text += &format!("\tpthread_create(&i[{n}], 0, t{n}, 0);\n"));
    (0..threads.len()).for_each(|n| text += &format!("\tpthread_join(i[{n}], 0);\n"));
    text + &format!("\tassert(!({outcome}));\n\treturn 0;\n}}\n")
}

fn allowed(memory: MemoryModel, threads: &[&str], outcome: &str) -> bool {
    let text = litmus(threads, outcome);
    let options = Options { memory, ..Options::default() };
    let found = explore_text("litmus.c", &text, &options);
    assert!(found.complete && found.kind != OutcomeKind::Unknown, "{threads:?}: {:?} {:?}", found.bounds, found.unsupported);
    if let Some(first) = found.faults.first() {
        let again = explore_text("litmus.c", &text, &Options { replay: Some(first.schedule.clone()), ..options });
        assert_eq!((again.replay, again.faults.len()), (Some(Replay::Same), 1), "{threads:?}");
    }
    found.kind == OutcomeKind::Fault
}

/// Whether sequential consistency and store buffers allow it.
fn check(name: &str, threads: &[&str], outcome: &str, expected: (bool, bool)) {
    let found = (allowed(MemoryModel::Sc, threads, outcome), allowed(MemoryModel::Tso, threads, outcome));
    assert_eq!(found, expected, "{name}");
}

const MB: &str = "__sync_synchronize();";

#[test]
fn a_read_overtakes_a_store() {
    let sb = "r0 == 0 && r1 == 0";
    check("SB", &["x = 1; r0 = y;", "y = 1; r1 = x;"], sb, (false, true));
    check("SB+mb+po", &[&format!("x = 1; {MB} r0 = y;"), "y = 1; r1 = x;"], sb, (false, true));
    check("R", &["x = 1; y = 1;", "y = 2; r0 = x;"], "y == 2 && r0 == 0", (false, true));
    check("SB+rfi", &["x = 1; r2 = x; r0 = y;", "y = 1; r3 = y; r1 = x;"], "r0 == 0 && r1 == 0 && r2 == 1 && r3 == 1", (false, true));
    check("n6", &["x = 1; r0 = x; r1 = y;", "y = 1; x = 2;"], "r0 == 1 && r1 == 0 && x == 1", (false, true));
}

#[test]
fn barriers_and_exchanges_keep_it_from_that() {
    let sb = "r0 == 0 && r1 == 0";
    check("SB+mbs", &[&format!("x = 1; {MB} r0 = y;"), &format!("y = 1; {MB} r1 = x;")], sb, (false, false));
    check("SB+xchgs", &["__sync_lock_test_and_set(&x, 1); r0 = y;", "__sync_lock_test_and_set(&y, 1); r1 = x;"], sb, (false, false));
    check("R+mbs", &[&format!("x = 1; {MB} y = 1;"), &format!("y = 2; {MB} r0 = x;")], "y == 2 && r0 == 0", (false, false));
    check("SB of C11", &["a = 1; r0 = b;", "b = 1; r1 = a;"], sb, (false, false));
    let explicit = |order: &str| {
        [("a", "r0", "b"), ("b", "r1", "a")].map(|(one, r, other)| {
            format!("atomic_store_explicit(&{one}, 1, {order}); {r} = atomic_load_explicit(&{other}, memory_order_seq_cst);")
        })
    };
    for (order, weak) in [("memory_order_seq_cst", false), ("memory_order_release", true)] {
        let [one, two] = explicit(order);
        check(order, &[&one, &two], sb, (false, weak));
    }
}

#[test]
fn stores_and_reads_keep_their_order() {
    check("MP", &["x = 1; y = 1;", "r0 = y; r1 = x;"], "r0 == 1 && r1 == 0", (false, false));
    check("LB", &["r0 = x; y = 1;", "r1 = y; x = 1;"], "r0 == 1 && r1 == 1", (false, false));
    check("S", &["x = 2; y = 1;", "r0 = y; x = 1;"], "r0 == 1 && x == 2", (false, false));
    check("2+2W", &["x = 1; y = 2;", "y = 1; x = 2;"], "x == 1 && y == 1", (false, false));
    check("WRC", &["x = 1;", "r0 = x; y = 1;", "r1 = y; r2 = x;"], "r0 == 1 && r1 == 1 && r2 == 0", (false, false));
    check("IRIW", &["x = 1;", "y = 1;", "r0 = x; r1 = y;", "r2 = y; r3 = x;"], "r0 == 1 && r1 == 0 && r2 == 1 && r3 == 0", (false, false));
    check("CoRR", &["x = 1;", "r0 = x; r1 = x;"], "r0 == 1 && r1 == 0", (false, false));
    check("CoWR", &["x = 1; r0 = x;", "x = 2;"], "r0 == 0", (false, false));
    check("CoWW", &["x = 1; x = 2;"], "x == 1", (false, false));
}

#[test]
fn locks_and_joins_wait_for_the_buffer() {
    let lock = "static pthread_mutex_t m;";
    let section = |own: &str, other: &str, r: &str| {
        format!(
            "{lock} (void)m; extern pthread_mutex_t l; pthread_mutex_lock(&l); {own} = 1; pthread_mutex_unlock(&l); pthread_mutex_lock(&l); {r} = {other}; pthread_mutex_unlock(&l);"
        )
    };
    let text = litmus(&[&section("x", "y", "r0"), &section("y", "x", "r1")], "r0 == 0 && r1 == 0")
        .replace("atomic_int a, b;", "atomic_int a, b; pthread_mutex_t l;");
    let found = explore_text("locks.c", &text, &Options { memory: MemoryModel::Tso, ..Options::default() });
    assert_eq!(found.kind, OutcomeKind::None, "{:?} {:?}", found.bounds, found.faults.first().map(|f| &f.place));
    check("join", &["x = 1; y = 1;"], "x == 0 || y == 0", (false, false));
}

/// With the kernel's words for what is ordered.
fn kernel(name: &str, threads: &[&str], outcome: &str, expected: bool) {
    let spoken: Vec<String> = threads
        .iter()
        .map(|body| {
            let body = body.replace("REL(", "atomic_store_explicit(").replace("ACQ(", "atomic_load_explicit(");
            body.replace(",rel)", ", memory_order_release)").replace(",acq)", ", memory_order_acquire)")
        })
        .collect();
    let bodies: Vec<&str> = spoken.iter().map(String::as_str).collect();
    assert_eq!(allowed(MemoryModel::Lkmm, &bodies, outcome), expected, "{name}");
}

/// What `tools/memory-model` of the kernel says `Sometimes` of, as far as it needs no load buffering.
#[test]
fn the_kernels_model_allows_what_nothing_orders() {
    kernel("MP+poonceonces", &["x = 1; y = 1;", "r0 = y; r1 = x;"], "r0 == 1 && r1 == 0", true);
    kernel("MP+wmb+po", &["x = 1; smp_wmb(); y = 1;", "r0 = y; r1 = x;"], "r0 == 1 && r1 == 0", true);
    kernel("MP+po+rmb", &["x = 1; y = 1;", "r0 = y; smp_rmb(); r1 = x;"], "r0 == 1 && r1 == 0", true);
    kernel("SB+poonceonces", &["x = 1; r0 = y;", "y = 1; r1 = x;"], "r0 == 0 && r1 == 0", true);
    kernel("SB+rfi", &["x = 1; r2 = x; r0 = y;", "y = 1; r3 = y; r1 = x;"], "r0 == 0 && r1 == 0 && r2 == 1 && r3 == 1", true);
    kernel("R+poonceonces", &["x = 1; y = 1;", "y = 2; r0 = x;"], "y == 2 && r0 == 0", true);
    kernel("S+poonceonces", &["x = 2; y = 1;", "r0 = y; x = 1;"], "r0 == 1 && x == 2", true);
    kernel("2+2W", &["x = 1; y = 2;", "y = 1; x = 2;"], "x == 1 && y == 1", true);
    kernel(
        "IRIW+poonceonces",
        &["x = 1;", "y = 1;", "r0 = x; r1 = y;", "r2 = y; r3 = x;"],
        "r0 == 1 && r1 == 0 && r2 == 1 && r3 == 0",
        true,
    );
    kernel("ISA2+poonceonces", &["x = 1; y = 1;", "r0 = y; z = 1;", "r1 = z; r2 = x;"], "r0 == 1 && r1 == 1 && r2 == 0", true);
    kernel("WRC+poonceonces", &["x = 1;", "r0 = x; y = 1;", "r1 = y; r2 = x;"], "r0 == 1 && r1 == 1 && r2 == 0", true);
    let z6 = [
        "x = 1; REL(&a, 1,rel);",
        "r0 = ACQ(&a,acq); REL(&b, 1,rel);",
        "atomic_store_explicit(&b, 2, memory_order_relaxed); smp_mb(); r1 = x;",
    ];
    kernel("Z6.0+pooncerelease+poacquirerelease+fencembonceonce", &z6, "r0 == 1 && b == 2 && r1 == 0", true);
}

/// And what it says `Never` of.
#[test]
fn the_kernels_model_forbids_what_barriers_order() {
    kernel("CoRR", &["x = 1;", "r0 = x; r1 = x;"], "r0 == 1 && r1 == 0", false);
    kernel("CoRW", &["r0 = x; x = 1;", "x = 2;"], "x == 2 && r0 == 1", false);
    kernel("CoWR", &["x = 1; r0 = x;", "x = 2;"], "r0 == 0", false);
    kernel("CoWW", &["x = 1; x = 2;"], "x == 1", false);
    kernel(
        "MP+fencewmbonceonce+fencermbonceonce",
        &["x = 1; smp_wmb(); y = 1;", "r0 = y; smp_rmb(); r1 = x;"],
        "r0 == 1 && r1 == 0",
        false,
    );
    kernel("MP+pooncerelease+poacquireonce", &["x = 1; REL(&a, 1,rel);", "r0 = ACQ(&a,acq); r1 = x;"], "r0 == 1 && r1 == 0", false);
    kernel(
        "MP+onceassign+derefonce",
        &["x = 1; REL(&q, &x,rel);", "int *p = atomic_load_explicit(&q, memory_order_relaxed); r0 = *p; r1 = p == &x;"],
        "r1 == 1 && r0 == 0",
        false,
    );
    kernel("SB+fencembonceonces", &["x = 1; smp_mb(); r0 = y;", "y = 1; smp_mb(); r1 = x;"], "r0 == 0 && r1 == 0", false);
    kernel("R+fencembonceonces", &["x = 1; smp_mb(); y = 1;", "y = 2; smp_mb(); r0 = x;"], "y == 2 && r0 == 0", false);
    kernel(
        "S+fencewmbonceonce+poacquireonce",
        &["x = 2; smp_wmb(); REL(&a, 1,rel);", "r0 = ACQ(&a,acq); x = 1;"],
        "r0 == 1 && x == 2",
        false,
    );
    let iriw = ["x = 1;", "y = 1;", "r0 = x; smp_mb(); r1 = y;", "r2 = y; smp_mb(); r3 = x;"];
    kernel("IRIW+fencembonceonces", &iriw, "r0 == 1 && r1 == 0 && r2 == 1 && r3 == 0", false);
    let isa2 = ["x = 1; REL(&a, 1,rel);", "r0 = ACQ(&a,acq); REL(&b, 1,rel);", "r1 = ACQ(&b,acq); r2 = x;"];
    kernel("ISA2+pooncerelease+poacquirerelease+poacquireonce", &isa2, "r0 == 1 && r1 == 1 && r2 == 0", false);
    let wrc = ["x = 1;", "r0 = x; REL(&a, 1,rel);", "r1 = a; smp_rmb(); r2 = x;"];
    kernel("WRC+pooncerelease+fencermbonceonce", &wrc, "r0 == 1 && r1 == 1 && r2 == 0", false);
    let sections = [
        "pthread_mutex_lock(&m); x = 1; y = 1; pthread_mutex_unlock(&m);",
        "pthread_mutex_lock(&m); r0 = y; r1 = x; pthread_mutex_unlock(&m);",
    ];
    kernel("MP+polocks", &sections, "r0 == 1 && r1 == 0", false);
    kernel(
        "SB+xchgs",
        &["r2 = __sync_lock_test_and_set(&x, 1); r0 = y;", "r3 = __sync_lock_test_and_set(&y, 1); r1 = x;"],
        "r0 == 0 && r1 == 0",
        false,
    );
}

/// Two functions of one kind on CPU 0, over an object that the second one frees.
fn on_one_cpu(memory: MemoryModel, kind: &str, first: &str) -> Option<&'static str> {
    let header = "struct o { int n; };\nvoid *kzalloc(unsigned long size, int flags);\n";
    let text = format!(
        "#include <all.h>\nstatic struct o *p;\nstatic int x;\nstatic void uses(void *u)\n{{\n\tstruct o *q;\n\t{first}\n}}\n\
         static void drops(void *u)\n{{\n\tstruct o *q = xchg(&p, 0);\n\tif (q)\n\t\tkfree(q);\n}}\nstatic void looks(void *u)\n{{\n\tWRITE_ONCE(x, READ_ONCE(x) + 2);\n}}\n\
         void scenario(void)\n{{\n\tp = kzalloc(sizeof(*p), 0);\n\tcuthere_{kind}(0, uses, 0);\n\tcuthere_{kind}(0, looks, 0);\n\tcuthere_{kind}(0, drops, 0);\n}}\n"
    );
    let outcome = explore_tree(&[("include/all.h", header)], &text, &Options { memory, ..Options::default() });
    assert!(outcome.complete && outcome.unsupported.is_empty(), "{:?} {:?}", outcome.bounds, outcome.unsupported);
    outcome.faults.first().map(|f| f.fault.kind.id())
}

#[test]
fn what_waits_for_a_buffer_comes_before_another_tasks_store_too() {
    let uses = "q = READ_ONCE(p); if (q) q->n = 1; WRITE_ONCE(x, 4);";
    assert_eq!(on_one_cpu(MemoryModel::Tso, "task", uses), Some("use-after-free"));
    assert_eq!(on_one_cpu(MemoryModel::Sc, "task", uses), Some("use-after-free"));
}

#[test]
fn what_one_handler_has_seen_the_next_on_its_cpu_sees() {
    // None runs inside another, so the pointer is gone before the object is.
    let uses = "q = READ_ONCE(p); if (q) q->n = 1;";
    for memory in [MemoryModel::Sc, MemoryModel::Tso, MemoryModel::Lkmm] {
        assert_eq!(on_one_cpu(memory, "hardirq", uses), None, "{memory:?}");
        assert_eq!(on_one_cpu(memory, "task", uses), Some("use-after-free"), "{memory:?}");
    }
}

#[test]
fn a_section_that_runs_as_one_ends_when_its_stores_have_arrived() {
    let section = "__VERIFIER_atomic_begin(); x = 1; y = 1; __VERIFIER_atomic_end();";
    for strategy in [StrategyKind::Dpor, StrategyKind::Every] {
        let text = litmus(&[section, "r0 = y; r1 = x;"], "r0 == 1 && r1 == 0");
        let options = Options { memory: MemoryModel::Tso, strategy, ..Options::default() };
        let outcome = explore_text("litmus.c", &text, &options);
        assert_eq!((outcome.complete, outcome.faults.len()), (true, 0), "{strategy:?} {:?}", outcome.faults.first().map(|f| f.fault.kind));
        let text = litmus(&[section, "r0 = x; r1 = y;"], "r0 == 0 && r1 == 1");
        assert_eq!(explore_text("litmus.c", &text, &options).faults.len(), 1, "{strategy:?}");
    }
}

/// Whether it is said that a store may come before a read, instead of that there is no fault.
fn early_store(threads: &[&str]) -> bool {
    let round = if threads.len() > 2 { "r0 == 1 && r1 == 1 && r2 == 1" } else { "r0 == 1 && r1 == 1" };
    let text = litmus(threads, round);
    let outcome = explore_text("litmus.c", &text, &Options { memory: MemoryModel::Lkmm, ..Options::default() });
    let named = outcome.unsupported.iter().any(|line| line.contains("load buffering"));
    assert_eq!(outcome.kind, if named { OutcomeKind::Unknown } else { OutcomeKind::None }, "{threads:?} {:?}", outcome.faults.len());
    named
}

#[test]
fn stores_that_may_come_before_reads_are_named() {
    let relaxed = |to: &str, from: &str, r: &str| format!("{r} = {from}; {to} = 1;");
    let (one, other) = (relaxed("y", "x", "r0"), relaxed("x", "y", "r1"));
    assert!(early_store(&[&one, &other]), "LB");
    // One side that nothing orders is enough.
    assert!(early_store(&[&one, "r1 = y; smp_mb(); x = 1;"]), "LB+po+mb");
    assert!(early_store(&["r0 = x; y = 1;", "r2 = y; smp_mb(); z = 1;", "r1 = z; smp_mb(); x = 1;"]), "3.LB");
    assert!(early_store(&["r0 = x; smp_rmb(); y = 1;", &other]), "reads' barriers order no stores");
    let ordered = [
        ("barriers", "r0 = x; smp_mb(); y = 1;", "r1 = y; smp_mb(); x = 1;"),
        ("values", "r0 = x; y = r0;", "r1 = y; x = r1;"),
        ("values of a function", "int v = x; r0 = v; y = same(v) + 1;", "r1 = y; x = same(r1);"),
        ("branches", "r0 = x; if (r0) y = 1;", "r1 = y; if (r1) x = 1;"),
        (
            "release",
            "r0 = x; atomic_store_explicit(&a, 1, memory_order_release);",
            "r1 = atomic_load_explicit(&a, memory_order_acquire); x = 1;",
        ),
        (
            "sections",
            "pthread_mutex_lock(&m); r0 = x; y = 1; pthread_mutex_unlock(&m);",
            "pthread_mutex_lock(&m); r1 = y; x = 1; pthread_mutex_unlock(&m);",
        ),
        (
            "unlock and lock",
            "pthread_mutex_lock(&m); r0 = x; pthread_mutex_unlock(&m); pthread_mutex_lock(&m); y = 1; pthread_mutex_unlock(&m);",
            "r1 = y; smp_mb(); x = 1;",
        ),
        ("no circle", "r0 = x; y = 1;", "r1 = y; z = 1;"),
        ("one place", "r0 = x; x = 1;", "r1 = x; x = 2;"),
    ];
    for (name, one, other) in ordered {
        assert!(!early_store(&[one, other]), "{name}");
    }
}

#[test]
fn sections_of_a_lock_order_for_all() {
    let first = "pthread_mutex_lock(&m); x = 1; pthread_mutex_unlock(&m); pthread_mutex_lock(&m); y = 1; pthread_mutex_unlock(&m);";
    kernel("MP+unlocklockonceonce+fencermbonceonce", &[first, "r0 = y; smp_rmb(); r1 = x;"], "r0 == 1 && r1 == 0", false);
    let handed_on = [
        "pthread_mutex_lock(&m); x = 1; z = 1; pthread_mutex_unlock(&m);",
        "pthread_mutex_lock(&m); r0 = z; y = 1; pthread_mutex_unlock(&m);",
    ];
    kernel(
        "ISA2+pooncelock+pooncelock+pombonce",
        &[handed_on[0], handed_on[1], "r1 = y; smp_mb(); r2 = x;"],
        "r0 == 1 && r1 == 1 && r2 == 0",
        false,
    );
}

/// The faults of a program, and what the shown schedule leads to.
fn again(threads: &[&str], broken: &str, memory: MemoryModel, unroll: u32) -> (Vec<&'static str>, Vec<&'static str>) {
    let text = litmus(threads, broken);
    let options = Options { memory, unroll, ..Options::default() };
    let kinds = |outcome: &Outcome| outcome.faults.iter().map(|f| f.fault.kind.id()).collect::<Vec<_>>();
    let found = explore_text("litmus.c", &text, &options);
    let schedule = found.faults.first().map(|f| f.schedule.clone());
    (kinds(&found), kinds(&explore_text("litmus.c", &text, &Options { replay: schedule, ..options })))
}

#[test]
fn schedules_are_followed_through_loops_that_nobody_notices() {
    // More rounds than loops with operations of others get, of operations that are the thread's own.
    let rounds = "int i, own[9]; for (i = 0; i < 9; i++) *(volatile int *)&own[i] = i; x = own[8]; r0 = 1;";
    // Rounds that nobody ends, and that change back what they change.
    let ever = "int e, *at = &e; do { for (e = 0; e < 2; e++) if (w[*at]) break; } while (e == 2);";
    for memory in [MemoryModel::Sc, MemoryModel::Tso, MemoryModel::Lkmm] {
        for threads in [vec![rounds, "r1 = x; assert(r1 != 8);"], vec![ever, "r1 = x; assert(r1 != 8);", "x = 8;"]] {
            let (found, followed) = again(&threads, "0", memory, 4);
            assert_eq!((found, followed), (vec!["assertion"], vec!["assertion"]), "{memory:?} {}", threads.len());
        }
    }
}

#[test]
fn stores_of_a_task_that_shares_its_cpu_are_buffered_together() {
    // Both stores are on their way while the task reads, whoever else its CPU runs.
    let text = |beside: &str| {
        format!(
            "#include <all.h>\nstatic int w, x, y, z, r0, r1, r2;\nstatic void stores(void *u)\n{{\n\tWRITE_ONCE(w, 1);\n\tWRITE_ONCE(x, 1);\n\tr0 = READ_ONCE(y);\n}}\n\
             static void reads(void *u)\n{{\n\txchg(&y, 1);\n\tr1 = READ_ONCE(w);\n\tr2 = READ_ONCE(x);\n}}\nstatic void other(void *u)\n{{\n\tWRITE_ONCE(z, 1);\n}}\n\
             static void check(void *u)\n{{\n\tcuthere_assert(r0 || r1 || r2);\n}}\nvoid scenario(void)\n{{\n\tcuthere_task(0, stores, (void *)0);\n\tcuthere_task(1, reads, (void *)0);\n{beside}\
             \tcuthere_finally(check, (void *)0);\n}}\n"
        )
    };
    for beside in ["", "\tcuthere_task(0, other, (void *)0);\n"] {
        for (memory, expected) in [(MemoryModel::Sc, 0), (MemoryModel::Tso, 1)] {
            let options = Options { memory, ..Options::default() };
            let outcome = explore_tree(&[("include/all.h", "")], &text(beside), &options);
            assert_eq!(outcome.faults.len(), expected, "{memory:?} {beside} {:?}", outcome.unknown_calls);
        }
    }
}

#[test]
fn schedules_are_followed_by_what_the_search_that_found_them_knew() {
    // With few executions only the search within a bound comes to where the store to `y` is one that others see.
    let text = "#include <all.h>\nstatic int flag, x, y, z;\nstatic void first(void *u)\n{\n\tif (READ_ONCE(flag))\n\t\ty = 1;\n}\n\
                static void second(void *u)\n{\n\tWRITE_ONCE(flag, 1);\n\tx = 1;\n\tz = x;\n\tx = 2;\n\tz = x;\n}\n\
                static void third(void *u)\n{\n\tx = 3;\n\tz = x;\n\tx = 4;\n\tz = x;\n\tcuthere_assert(y != 1);\n}\n\
                void scenario(void)\n{\n\tcuthere_task(0, first, (void *)0);\n\tcuthere_task(1, second, (void *)0);\n\tcuthere_task(2, third, (void *)0);\n}\n";
    for memory in [MemoryModel::Tso, MemoryModel::Lkmm] {
        let options = Options { memory, executions: 200, ..Options::default() };
        let found = explore_tree(&[("include/all.h", "")], text, &options);
        let schedule = found.faults.first().map(|f| f.schedule.clone());
        assert!(schedule.is_some(), "{memory:?} {:?} {:?}", found.bounds, found.unsupported);
        let again = explore_tree(&[("include/all.h", "")], text, &Options { replay: schedule, ..options });
        assert_eq!((again.replay, again.faults.len()), (Some(Replay::Same), 1), "{memory:?}");
    }
}

#[test]
fn schedules_are_followed_within_the_rounds_in_which_they_were_found() {
    // With two rounds nobody comes to where `y` is read, and its store is one that nobody sees.
    let text = "#include <all.h>\nstatic int x, y, flag;\nstatic void first(void *u)\n{\n\ty = 5;\n\tWRITE_ONCE(x, 1);\n}\n\
                static void look(void *u)\n{\n\tcuthere_assert(READ_ONCE(x) != 1);\n\tWRITE_ONCE(flag, 1);\n}\n\
                static void third(void *u)\n{\n\tint n = 0;\n\tfor (int i = 0; i < 5; i++)\n\t\tn += READ_ONCE(flag);\n\tcuthere_assert(y != 7);\n}\n\
                void scenario(void)\n{\n\tcuthere_task(0, first, (void *)0);\n\tcuthere_task(1, look, (void *)0);\n\tcuthere_task(2, third, (void *)0);\n}\n";
    for memory in [MemoryModel::Tso, MemoryModel::Lkmm] {
        let options = Options { memory, ..Options::default() };
        let found = explore_tree(&[("include/all.h", "")], text, &options);
        let schedule = found.faults.first().map(|f| f.schedule.clone());
        assert_eq!((found.unroll, schedule.as_ref().and_then(|s| s.unroll)), (2, Some(2)), "{memory:?}");
        let again = explore_tree(&[("include/all.h", "")], text, &Options { replay: schedule, ..options });
        assert_eq!((again.unroll, again.replay, again.faults.len()), (2, Some(Replay::Same), 1), "{memory:?}");
    }
}
