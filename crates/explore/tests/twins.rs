//! Threads that nothing tells apart begin in one order; those whose numbers mean something in all.

mod common;
#[path = "common/compare.rs"]
mod compare;
#[path = "common/dice.rs"]
mod dice;

use common::{explore_text, with_text};
use compare::{compare, for_seeds};
use cuthere_explore::{Options, OutcomeKind, StrategyKind};
use dice::{Dice, number};

const HEAD: &str = "#include <pthread.h>\n#include <stdatomic.h>\n#include <assert.h>\n";

/// A program whose threads all run `body`; `created` and `waited` with `N` for each thread's number.
fn alike(globals: &str, body: &str, threads: usize, created: &str, waited: &str) -> String {
    let each = |what: &str| (0..threads).map(|n| format!("\t{}\n", what.replace('N', &n.to_string()))).collect::<String>();
    let (created, waited) = (each(created), each(waited));
    format!(
        "{HEAD}{globals}\nvoid *t(void *u)\n{{\n\tint e;\n\t{body}\n\treturn 0;\n}}\nint main(void)\n{{\n\tpthread_t i[4];\n\tvoid *r;\n{created}{waited}\tassert(x < 99);\n\treturn 0;\n}}\n"
    )
}

const CREATE: &str = "pthread_create(&i[N], 0, t, 0);";
const JOIN: &str = "pthread_join(i[N], 0);";

/// Executions of the reducing search, which finds nothing.
fn executions(text: &str) -> u64 {
    let outcome = explore_text("twins.c", text, &Options { anew: true, ..Options::default() });
    assert_eq!((outcome.kind, outcome.complete), (OutcomeKind::None, true), "{:?} {text}", outcome.unfinished);
    outcome.executions
}

#[test]
fn orders_of_sections_are_counted_once_for_all_threads_that_are_alike() {
    // Of the orders of so many sections, all those of the threads are one.
    for (threads, rounds, expected) in [(2, 1, 1), (2, 2, 3), (3, 1, 1), (3, 2, 15), (4, 1, 1), (4, 2, 105)] {
        let body = format!("for (e = 0; e < {rounds}; e++) {{ pthread_mutex_lock(&m); x++; x = x; pthread_mutex_unlock(&m); }}");
        assert_eq!(executions(&alike("int x;\npthread_mutex_t m;", &body, threads, CREATE, JOIN)), expected, "{threads} {rounds}");
        // With arguments of their own they are not alike.
        let create = CREATE.replace(", 0);", ", &i[N]);");
        let orders = expected * (1..=threads as u64).product::<u64>();
        assert_eq!(executions(&alike("int x;\npthread_mutex_t m;", &body, threads, &create, JOIN)), orders, "{threads} {rounds}");
    }
}

#[test]
fn numbers_that_mean_something_are_told_apart() {
    let turn = "e = atomic_fetch_add(&z, 1); if (e == 0) first = 1; else second = 1;";
    let globals = "int x, first, second;\natomic_int z;\npthread_t a, b;";
    let between = alike(globals, turn, 2, CREATE, "pthread_join(i[N], 0); assert(first);");
    let result =
        alike(globals, &turn.replace("if", "if (e == 1) return &x; if"), 2, CREATE, "pthread_join(i[N], &r); if (N == 0) assert(!r);");
    let own =
        alike(globals, "if (pthread_self() == 1) { assert(atomic_fetch_add(&z, 1) == 0); } else atomic_fetch_add(&z, 1);", 2, CREATE, JOIN);
    let one = alike(globals, turn, 2, CREATE, "if (N == 0) { pthread_join(i[N], 0); assert(first); }");
    let asked = alike(
        globals,
        &turn.replace("if", "if (e == 1) return &x; if"),
        2,
        CREATE,
        "pthread_join(i[N], N == 0 ? &r : 0); if (N == 0) assert(!r);",
    );
    for text in [between, result, asked, own, one] {
        for strategy in [StrategyKind::Dpor, StrategyKind::Every] {
            let outcome = explore_text("twins.c", &text, &Options { anew: true, strategy, ..Options::default() });
            assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("assertion"), "{strategy:?}\n{text}");
        }
    }
}

#[test]
fn states_that_differ_by_who_does_what_are_visited_once() {
    let body = "e = atomic_fetch_add(&z, 1); pthread_mutex_lock(&m); x = x ^ 1; pthread_mutex_unlock(&m); return 0;";
    let states = |create: &str| {
        let text = alike("int x;\natomic_int z;\npthread_mutex_t m;", body, 4, create, "pthread_join(i[N], &r);");
        let outcome = explore_text("twins.c", &text, &Options { strategy: StrategyKind::States, ..Options::default() });
        assert_eq!((outcome.kind, outcome.complete), (OutcomeKind::None, true));
        outcome.states
    };
    let (alike, unlike) = (states(CREATE), states("pthread_create(&i[N], 0, t, &i[N]);"));
    assert!(alike * 5 < unlike, "{alike} of {unlike}");
}

const STATEMENTS: &[&str] = &[
    "x = y + 1;",
    "y = x;",
    "x++;",
    "e = atomic_fetch_add(&z, 1); if (e == 0) x = 3;",
    "e = atomic_fetch_add(&z, 1); if (e == 1) y = 3;",
    "assert(x < 3);",
    "assert(x != 2 || y != 3);",
    "pthread_mutex_lock(&m); x++; pthread_mutex_unlock(&m);",
    "pthread_mutex_lock(&m); e = x; pthread_mutex_unlock(&m); if (e == 1) y++;",
    "pthread_mutex_lock(&n); pthread_mutex_lock(&m); y = 2; pthread_mutex_unlock(&m); pthread_mutex_unlock(&n);",
    "if (!pthread_mutex_trylock(&m)) { x = 2; pthread_mutex_unlock(&m); }",
    "if (x == 1) { pthread_mutex_lock(&m); pthread_mutex_lock(&n); pthread_mutex_unlock(&n); pthread_mutex_unlock(&m); }",
    "sem_wait(&s); y = x;",
    "sem_post(&s);",
    "pthread_mutex_lock(&m); if (y == 0) pthread_cond_wait(&c, &m); pthread_mutex_unlock(&m);",
    "pthread_mutex_lock(&m); y = 8; pthread_cond_signal(&c); pthread_mutex_unlock(&m);",
    "pthread_barrier_wait(&w); x = 1;",
    "q = malloc(sizeof(*q)); *q = 1; q = atomic_exchange(&p, q); if (q) free(q);",
    "q = p; if (q) y = *q;",
    "while (!z) ;",
    "if (pthread_self() == 1) x = 5;",
    "tl++; assert(tl < 2);",
    "if (x == 1) return &x;",
    "return (void *)(long)y;",
    "pthread_mutex_lock(&m); p = &e; pthread_mutex_unlock(&m); e = 1; e = e + x;",
    "q = p; if (q) { *q = 2; x = *q; }",
    "e = x; y = e + 1; assert(y < 3);",
];

#[test]
fn reduction_loses_nothing_of_threads_that_are_alike() {
    let (first, count) = (number("CUTHERE_SEED", 1), number("CUTHERE_PROGRAMS", 60));
    let wrong = for_seeds(first..first + count, |seed| {
        let mut dice = Dice(seed);
        let globals = "#include <semaphore.h>\n#include <stdlib.h>\nint x, y;\natomic_int z;\n_Atomic(int *) p;\n__thread int tl;\npthread_mutex_t m, n;\npthread_cond_t c;\nsem_t s;\npthread_barrier_t w;";
        let threads = 2 + dice.below(2) as usize;
        let body: String = (0..1 + dice.below(4 - threads as u64 + 1)).map(|_| dice.of(STATEMENTS).to_owned() + "\n\t").collect();
        let join = dice.of(&[
            JOIN,
            JOIN,
            JOIN,
            "",
            "pthread_join(i[N], 0); y = x;",
            "if (N == 0) pthread_join(i[N], 0);",
            "pthread_join(i[N], &r);",
            "pthread_join(i[N], &r); assert(!r);",
            "pthread_join(i[N], &r); if (N == 0) y = (long)r;",
        ]);
        let create = dice.of(&[CREATE, CREATE, "pthread_create(&i[N], 0, t, 0); if (N == 0) x = 1;"]);
        let text = alike(globals, &format!("int *q;\n\t{body}"), threads, create, join)
            .replace("\tvoid *r;\n", &format!("\tvoid *r;\n\tpthread_barrier_init(&w, 0, 2);\n\tsem_init(&s, 0, {});\n", dice.below(2)));
        let options = Options { unroll: 4, executions: 10_000, ..Options::default() };
        with_text("twins.c", &text, |run| compare("twins", seed, &text, &options, run)).err().into_iter().collect()
    });
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}
