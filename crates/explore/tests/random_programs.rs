//! The checker checked: random programs, whose faults the reducing search must find exactly as the search without reduction does, or, where that is too
//! long, as far as random schedules show them. `CUTHERE_PROGRAMS` says how many, `CUTHERE_SEED` from which seed on.

mod common;
#[path = "common/compare.rs"]
mod compare;
#[path = "common/dice.rs"]
mod dice;

use common::{with_text, with_tree};
use compare::{compare, for_seeds};
use cuthere_explore::{MemoryModel, Options};
use dice::{Dice, number};
use std::fmt::Write;

/// A statement on one line, so that faults are told apart by line.
fn in_kernel(dice: &mut Dice, task: bool) -> String {
    let simple = [
        "x = y + 1;",
        "y = x;",
        "WRITE_ONCE(x, 2);",
        "if (READ_ONCE(x) == 2) y = 3;",
        "atomic_inc(&a);",
        "if (atomic_dec_and_test(&a)) x = 5;",
        "if (xchg(&x, 7) == 7) y++;",
        "if (x == 1) cuthere_assert(y != 3);",
        "cuthere_assert(x != 2 || y != 3);",
        "cuthere_assert(atomic_read(&a) < 3);",
        "if (spin_trylock(&s)) { y = x; spin_unlock(&s); }",
        "spin_lock_irqsave(&s, f); x++; y = x; spin_unlock_irqrestore(&s, f);",
        "rcu_read_lock(); q = READ_ONCE(p); if (q) q->n++; rcu_read_unlock();",
        "q = READ_ONCE(p); if (q) q->n = 1;",
        "q = xchg(&p, NULL); if (q) kfree_rcu(q, r);",
        "q = xchg(&p, NULL); if (q) call_rcu(&q->r, done);",
        "q = xchg(&p, NULL); if (q) kfree(q);",
        "mod_timer(&t, 1);",
        "del_timer(&t);",
        "schedule_work(&w);",
        "complete(&c);",
    ];
    let sleeping = [
        "mutex_lock(&m); x = 1; y = x; mutex_unlock(&m);",
        "mutex_lock(&m); if (mutex_trylock(&n)) { y++; mutex_unlock(&n); } mutex_unlock(&m);",
        "if (mutex_trylock(&m)) { mutex_lock(&n); x = y; mutex_unlock(&n); mutex_unlock(&m); }",
        "mutex_lock(&n); mutex_lock(&m); x = 4; mutex_unlock(&m); mutex_unlock(&n);",
        "synchronize_rcu(); y = 6;",
        "q = xchg(&p, NULL); synchronize_rcu(); kfree(q);",
        "del_timer_sync(&t); x = 8;",
        "cancel_work_sync(&w);",
        "wait_for_completion(&c); x = 9;",
        "wait_for_completion_timeout(&c, 1);",
        "if (cuthere_choose(2)) x = 3;",
    ];
    if task && dice.below(3) == 0 { dice.of(&sleeping).to_owned() } else { dice.of(&simple).to_owned() }
}

const KERNEL: &str = "#define NULL ((void *)0)\nstruct rcu_head { void *next; };\nstruct o { int n; struct rcu_head r; };\ntypedef struct { int counter; } atomic_t;\n\
    struct mutex { long a; };\nstruct timer_list { long a; };\nstruct work_struct { long a; };\nstruct completion { long a; };\ntypedef struct { long a; } spinlock_t;\n\
    void *kzalloc(unsigned long size, int flags);\n";

fn kernel(seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = "#include <all.h>\nstatic int x, y;\nstatic atomic_t a;\nstatic struct o *p;\nstatic struct mutex m, n;\nstatic spinlock_t s;\nstatic struct timer_list t;\n\
                    static struct work_struct w;\nstatic struct completion c;\nstatic void done(struct rcu_head *r)\n{\n\tkfree((char *)r - 8);\n}\n"
        .to_owned();
    let mut scenario = String::new();
    let threads = 2 + dice.below(2);
    let function = |dice: &mut Dice, text: &mut String, name: &str, task: bool, most: u64| {
        let _ = writeln!(text, "static void {name}(void *u)\n{{\n\tstruct o *q;\n\tunsigned long f;");
        for _ in 0..1 + dice.below(most) {
            let _ = writeln!(text, "\t{}", in_kernel(dice, task));
        }
        let _ = writeln!(text, "}}");
    };
    function(&mut dice, &mut text, "tick", false, 1);
    function(&mut dice, &mut text, "work", true, 1);
    for n in 0..threads {
        let kind = ["task", "task", "task", "softirq", "hardirq"][dice.below(5) as usize];
        function(&mut dice, &mut text, &format!("f{n}"), kind == "task", 3);
        let _ = writeln!(scenario, "\tcuthere_{kind}({}, f{n}, NULL);", dice.below(2));
    }
    let _ = write!(
        text,
        "void scenario(void)\n{{\n\tp = kzalloc(sizeof(*p), 0);\n\ttimer_setup(&t, tick, 0);\n\tINIT_WORK(&w, work);\n\tinit_completion(&c);\n{scenario}}}\n"
    );
    text
}

fn plain(seed: u64) -> String {
    let mut dice = Dice(seed);
    let statements = [
        "x = y + 1;",
        "y = x;",
        "v = g; if (v.a != v.b) y = 9;",
        "v.a = v.b = 2; g = v;",
        "g.a = 3;",
        "b.lo = 1;",
        "b.hi = 2; x = b.lo;",
        "atomic_fetch_add(&z, 1);",
        "if (z == 2) x = 4;",
        "e = 0; if (atomic_compare_exchange_strong(&z, &e, 5)) y = 5;",
        "assert(x != 4 || y != 5);",
        "assert(y != 9);",
        "assert(z < 3);",
        "pthread_mutex_lock(&m); x++; y = x; pthread_mutex_unlock(&m);",
        "pthread_mutex_lock(&n); if (!pthread_mutex_trylock(&m)) { y = 7; pthread_mutex_unlock(&m); } pthread_mutex_unlock(&n);",
        "pthread_mutex_lock(&m); pthread_mutex_lock(&n); x = 6; pthread_mutex_unlock(&n); pthread_mutex_unlock(&m);",
        "pthread_mutex_lock(&m); pthread_cond_timedwait(&c, &m, &ts); x = 1; pthread_mutex_unlock(&m);",
        "pthread_mutex_lock(&m); if (y == 0) pthread_cond_wait(&c, &m); pthread_mutex_unlock(&m);",
        "pthread_mutex_lock(&m); y = 8; pthread_cond_signal(&c); pthread_mutex_unlock(&m);",
        "pthread_cond_broadcast(&c);",
        "pthread_rwlock_rdlock(&r); assert(x != 3); pthread_rwlock_unlock(&r);",
        "pthread_rwlock_wrlock(&r); x = 3; x = 2; pthread_rwlock_unlock(&r);",
        "sem_post(&s);",
        "sem_wait(&s); y = 2;",
        "if (!sem_trywait(&s)) x = y;",
        "pthread_mutex_unlock(&k);",
        "while (!z) ;",
        "e = 0; while (!atomic_compare_exchange_strong(&q, &e, 1)) e = 0; y = x; x = 4; q = 0;",
        "do { for (e = 0; e < 2; e++) if (l[e]) break; } while (e == 2);",
        "do { e = 0; do { if (l[e]) break; } while (++e < 2); } while (e == 2); y = 9;",
        "l[0] = 1;",
        "l[1] = 1;",
        "pthread_mutex_lock(&k); x = 5; pthread_mutex_lock(&k); pthread_mutex_unlock(&k);",
    ];
    let mut text = "#include <pthread.h>\n#include <semaphore.h>\n#include <stdatomic.h>\n#include <assert.h>\nint x, y;\natomic_int z, q, l[2];\nstruct { int a, b; } g;\n\
                    struct { unsigned lo : 8, hi : 8; } b;\npthread_mutex_t m, n, k;\npthread_cond_t c;\npthread_rwlock_t r;\nsem_t s;\n"
        .to_owned();
    let threads = 2 + dice.below(2);
    for n in 0..threads {
        let _ = writeln!(text, "void *t{n}(void *u)\n{{\n\ttypeof(g) v;\n\tint e;\n\tstruct timespec ts = {{ 0 }};");
        for _ in 0..1 + dice.below(3) {
            let _ = writeln!(text, "\t{}", dice.of(&statements));
        }
        let _ = writeln!(text, "\treturn 0;\n}}");
    }
    let _ = writeln!(
        text,
        "int main(void)\n{{\n\tpthread_t i[4];\n\tpthread_mutexattr_t a;\n\tpthread_mutexattr_init(&a);\n\tpthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);"
    );
    let _ = writeln!(text, "\tpthread_mutex_init(&k, &a);\n\tsem_init(&s, 0, {});", dice.below(2));
    (0..threads).for_each(|n| text += &format!("\tpthread_create(&i[{n}], 0, t{n}, 0);\n"));
    (0..threads).for_each(|n| text += &format!("\tpthread_join(i[{n}], 0);\n"));
    text + "\treturn 0;\n}\n"
}

#[test]
fn reduction_loses_nothing() {
    let (first, count) = (number("CUTHERE_SEED", 1), number("CUTHERE_PROGRAMS", 40));
    let wrong = for_seeds(first..first + count, |seed| {
        // In each of the memory models.
        let memory = [MemoryModel::Sc, MemoryModel::Tso, MemoryModel::Lkmm][(seed % 3) as usize];
        let options = Options { memory, executions: 50_000, ..Options::default() };
        let text = kernel(seed);
        let of_kernel = with_tree(&[("include/all.h", KERNEL)], &text, |run| compare("kernel", seed, &text, &options, run));
        let text = plain(seed);
        let of_plain = with_text("random.c", &text, |run| compare("plain", seed, &text, &options, run));
        of_kernel.err().into_iter().chain(of_plain.err()).collect()
    });
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), 2 * count, wrong.join("\n"));
}
