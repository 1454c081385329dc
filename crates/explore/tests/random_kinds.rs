//! Random programs of more kinds: what waits for conditions, reads beside writers, runs again and again, or is stopped. Each kind is held
//! against plain enumeration and random schedules. `CUTHERE_PROGRAMS` says how many of each, `CUTHERE_SEED` from which seed on.

mod common;
#[path = "common/compare.rs"]
mod compare;
#[path = "common/dice.rs"]
mod dice;

use common::{with_text, with_tree};
use compare::{compare, for_seeds};
use cuthere_explore::{MemoryModel, Options, Preemption};
use dice::{Dice, number};
use std::fmt::Write;

/// What the kernel's headers say, in short.
const KERNEL: &str = "#define NULL ((void *)0)\n#define IRQ_HANDLED 1\n#define IRQ_WAKE_THREAD 2\nstruct rcu_head { void *next; };\nstruct o { int n; struct rcu_head r; };\n\
    typedef struct { int counter; } atomic_t;\nstruct mutex { long a; };\nstruct rw_semaphore { long a; };\nstruct semaphore { long a; };\ntypedef struct { long a; } rwlock_t;\n\
    typedef struct { long a; } spinlock_t;\nstruct srcu_struct { long a; };\nstruct timer_list { long a; };\nstruct work_struct { long a; };\nstruct tasklet_struct { long a; };\n\
    enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };\nstruct hrtimer { long a; enum hrtimer_restart (*function)(struct hrtimer *); };\nstruct completion { long a; };\n\
    struct task_struct { long a[4]; };\ntypedef struct { long a[3]; } wait_queue_head_t;\nstruct wait_queue_entry { long a[5]; };\ntypedef struct { unsigned seq; spinlock_t l; } seqlock_t;\n\
    void *kzalloc(unsigned long size, int flags);\nlong prepare_to_wait_event(wait_queue_head_t *q, struct wait_queue_entry *e, int state);\nvoid finish_wait(wait_queue_head_t *q, struct wait_queue_entry *e);\n\
    void schedule(void);\nlong schedule_timeout(long t);\n\
    #define wait_event(q, condition) do { struct wait_queue_entry e; if (condition) break; for (;;) { prepare_to_wait_event(&(q), &e, 2); if (condition) break; schedule(); } finish_wait(&(q), &e); } while (0)\n\
    static inline void write_seqlock(seqlock_t *s)\n{\n\tspin_lock(&s->l);\n\tWRITE_ONCE(s->seq, s->seq + 1);\n\tsmp_wmb();\n}\n\
    static inline void write_sequnlock(seqlock_t *s)\n{\n\tsmp_wmb();\n\tWRITE_ONCE(s->seq, s->seq + 1);\n\tspin_unlock(&s->l);\n}\n\
    static inline unsigned read_seqbegin(seqlock_t *s)\n{\n\tunsigned v;\n\twhile ((v = READ_ONCE(s->seq)) & 1)\n\t\tcpu_relax();\n\tsmp_rmb();\n\treturn v;\n}\n\
    static inline int read_seqretry(seqlock_t *s, unsigned v)\n{\n\tsmp_rmb();\n\treturn READ_ONCE(s->seq) != v;\n}\n";

/// What may stand anywhere, a line each, so that faults are told apart by line.
const ANYWHERE: &[&str] = &[
    "x = y + 1;",
    "y = x;",
    "WRITE_ONCE(x, 2);",
    "cuthere_assert(x != 2 || y != 3);",
    "if (READ_ONCE(flag)) cuthere_assert(y != 4);",
    "read_lock(&rw); cuthere_assert(x != 3); read_unlock(&rw);",
    "write_lock(&rw); x = 3; x = 2; write_unlock(&rw);",
    "write_lock_irqsave(&rw, f); x = 3; x = 1; write_unlock_irqrestore(&rw, f);",
    "spin_lock(&s); y++; spin_unlock(&s);",
    "spin_lock_irqsave(&s, f); x++; y = x; spin_unlock_irqrestore(&s, f);",
    "local_irq_save(f); x = 3; x = 2; local_irq_restore(f);",
    "while (test_and_set_bit_lock(0, &bits)) cpu_relax(); y = 4; y = 2; clear_bit_unlock(0, &bits);",
    "if (!test_and_set_bit(0, &bits)) { x = 7; clear_bit_unlock(0, &bits); }",
    "bit_spin_lock(1, &bits); y = 4; y = 1; bit_spin_unlock(1, &bits);",
    "write_seqlock(&sl); i = 1; j = 1; write_sequnlock(&sl);",
    "write_seqlock(&sl); i = 2; j = 2; write_sequnlock(&sl);",
    "do { k = read_seqbegin(&sl); g = READ_ONCE(i); h = READ_ONCE(j); } while (read_seqretry(&sl, k)); cuthere_assert(g == h);",
    "g = READ_ONCE(i); h = READ_ONCE(j); cuthere_assert(g == h || !READ_ONCE(flag));",
    "WRITE_ONCE(flag, 1); wake_up(&wq);",
    "wake_up(&wq); WRITE_ONCE(flag, 1);",
    "WRITE_ONCE(flag, 0);",
    "wake_up_all(&wq);",
    "if (READ_ONCE(task)) wake_up_process(task);",
    "complete(&c);",
    "complete_all(&c);",
    "if (try_wait_for_completion(&c)) x = 6;",
    "up(&sem);",
    "if (!down_trylock(&sem)) { x = 4; up(&sem); }",
    "mod_timer(&t, 1);",
    "if (timer_pending(&t)) x = 2;",
    "tasklet_schedule(&tk);",
    "hrtimer_start(&hr, 1, 1);",
    "schedule_work(&w);",
    "disable_irq_nosync(7); y = 3; enable_irq(7);",
    "rcu_read_lock(); q = rcu_dereference(p); if (q) q->n++; rcu_read_unlock();",
    "g = srcu_read_lock(&ss); q = READ_ONCE(p); if (q) q->n++; srcu_read_unlock(&ss, g);",
    "q = READ_ONCE(p); if (q) q->n = 1;",
    "q = xchg(&p, NULL); if (q) call_rcu(&q->r, done);",
    "q = xchg(&p, NULL); if (q) call_srcu(&ss, &q->r, done);",
    "q = xchg(&p, NULL); if (q) kfree_rcu(q, r);",
    "if (atomic_dec_and_test(&a)) { q = xchg(&p, NULL); kfree(q); }",
    "if (atomic_inc_not_zero(&a)) { q = READ_ONCE(p); if (q) q->n = 2; }",
];

/// What may stand in a task only.
const SLEEPING: &[&str] = &[
    "spin_lock_bh(&s); x++; y = x; spin_unlock_bh(&s);",
    "local_bh_disable(); x = 3; x = 2; local_bh_enable();",
    "mutex_lock(&m); x = 3; x = 2; mutex_unlock(&m);",
    "mutex_lock(&m); down_read(&rs); y = x; up_read(&rs); mutex_unlock(&m);",
    "down_read(&rs); cuthere_assert(x != 3); up_read(&rs);",
    "down_write(&rs); x = 3; x = 2; up_write(&rs);",
    "down_write(&rs); x = 3; x = 2; downgrade_write(&rs); y = x; up_read(&rs);",
    "if (down_read_trylock(&rs)) { y = x; up_read(&rs); }",
    "down_write(&rs); mutex_lock(&m); y = 5; mutex_unlock(&m); up_write(&rs);",
    "down(&sem); y = 4; y = 2; up(&sem);",
    "down(&sem); x = 5;",
    "wait_event(wq, READ_ONCE(flag)); y = 4;",
    "wait_event(wq, READ_ONCE(flag)); WRITE_ONCE(flag, 0);",
    "WRITE_ONCE(task, get_current()); set_current_state(2); if (!READ_ONCE(flag)) schedule(); y = 8;",
    "set_current_state(2); if (!READ_ONCE(flag)) schedule_timeout(1); y = 8;",
    "wait_for_completion(&c); x = 9;",
    "wait_for_completion_timeout(&c, 1); x = 3;",
    "synchronize_rcu(); y = 6;",
    "q = xchg(&p, NULL); synchronize_rcu(); kfree(q);",
    "q = xchg(&p, NULL); synchronize_srcu(&ss); kfree(q);",
    "rcu_barrier(); y = 3;",
    "del_timer_sync(&t); x = 8;",
    "timer_shutdown_sync(&t); x = 8;",
    "hrtimer_cancel(&hr); x = 7;",
    "tasklet_kill(&tk); x = 6;",
    "cancel_work_sync(&w); x = 5;",
    "flush_work(&w); x = 4;",
    "synchronize_irq(7); y = 7;",
    "disable_irq(7); y = 3; x = y; enable_irq(7);",
    "free_irq(7, &x); y = 9;",
    "kthread_stop(kt); y = 5;",
    "cond_resched(); x = 1;",
    "if (cuthere_choose(2)) x = 3;",
];

fn function(dice: &mut Dice, text: &mut String, head: &str, task: bool, most: u64, end: &str) {
    let _ = writeln!(text, "static {head}\n{{\n\tstruct o *q;\n\tunsigned long f;\n\tint g, h;\n\tunsigned k;");
    for _ in 0..1 + dice.below(most) {
        let sleeps = task && dice.below(5) < 2;
        let _ = writeln!(text, "\t{}", dice.of(if sleeps { SLEEPING } else { ANYWHERE }));
    }
    let _ = writeln!(text, "{end}}}");
}

fn kernel(seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = "#include <all.h>\nstatic int x, y, i, j, flag;\nstatic unsigned long bits;\nstatic atomic_t a = { 1 };\nstatic struct o *p;\nstatic struct mutex m;\nstatic struct rw_semaphore rs;\n\
                    static struct semaphore sem;\nstatic rwlock_t rw;\nstatic spinlock_t s;\nstatic seqlock_t sl;\nstatic struct srcu_struct ss;\nstatic struct timer_list t;\nstatic struct hrtimer hr;\n\
                    static struct tasklet_struct tk;\nstatic struct work_struct w;\nstatic struct completion c;\nstatic wait_queue_head_t wq;\nstatic struct task_struct *task, *kt;\n\
                    static void done(struct rcu_head *r)\n{\n\tkfree((char *)r - 8);\n}\n"
        .to_owned();
    let mut scenario = "\tp = kzalloc(sizeof(*p), 0);\n\tinit_completion(&c);\n\tinit_waitqueue_head(&wq);\n".to_owned();
    let _ = writeln!(scenario, "\tsema_init(&sem, {});", dice.below(3));
    function(&mut dice, &mut text, "void tick(void *u)", false, 1, "");
    function(&mut dice, &mut text, "void work(void *u)", true, 1, "");
    function(&mut dice, &mut text, "void tasklet(void *u)", false, 1, "");
    let again = ["HRTIMER_NORESTART", "READ_ONCE(x) == 2 ? HRTIMER_RESTART : HRTIMER_NORESTART", "HRTIMER_RESTART"];
    let end = format!("\treturn {};\n", dice.of(&again));
    function(&mut dice, &mut text, "enum hrtimer_restart high(struct hrtimer *u)", false, 1, &end);
    scenario += "\ttimer_setup(&t, tick, 0);\n\tINIT_WORK(&w, work);\n\ttasklet_setup(&tk, tasklet);\n\thrtimer_init(&hr, 1, 1);\n\thr.function = high;\n";
    for irq in 7..7 + dice.below(3) {
        function(&mut dice, &mut text, &format!("int irq{irq}(int n, void *u)"), false, 1, "\treturn IRQ_HANDLED;\n");
        let _ = writeln!(scenario, "\trequest_irq({irq}, irq{irq}, 0, \"d\", &x);");
    }
    if dice.below(4) == 0 {
        let _ = writeln!(
            text,
            "static int serve(void *u)\n{{\n\tint g;\n\twhile (!kthread_should_stop()) {{\n\t\t{}\n\t}}\n\treturn 0;\n}}",
            dice.of(&[
                "x = 4;",
                "g = READ_ONCE(x);",
                "wait_event(wq, READ_ONCE(flag) || kthread_should_stop());",
                "set_current_state(1); if (!kthread_should_stop()) schedule();"
            ])
        );
        scenario += "\tkt = kthread_run(serve, NULL, \"k\");\n";
    }
    for n in 0..2 + dice.below(2) {
        let kind = ["task", "task", "task", "task", "softirq", "hardirq"][dice.below(6) as usize];
        function(&mut dice, &mut text, &format!("void f{n}(void *u)"), kind == "task", 2, "");
        let _ = writeln!(scenario, "\tcuthere_{kind}({}, f{n}, NULL);", dice.below(2));
    }
    text + &format!("void scenario(void)\n{{\n{scenario}}}\n")
}

const PLAIN: &[&str] = &[
    "x = y + 1;",
    "y = x;",
    "x++; y = x;",
    "assert(x != 2 || y != 3);",
    "assert(x < 4);",
    "if (x == 2) return 0;",
    "if (y == 3) pthread_exit(0);",
    "pthread_mutex_lock(&m); while (!f) pthread_cond_wait(&c, &m); f = 0; x++; pthread_mutex_unlock(&m);",
    "pthread_mutex_lock(&m); if (!f) pthread_cond_wait(&c, &m); assert(f); pthread_mutex_unlock(&m);",
    "pthread_mutex_lock(&m); f = 1; pthread_cond_signal(&c); pthread_mutex_unlock(&m);",
    "pthread_mutex_lock(&m); f = 2; pthread_cond_broadcast(&c); pthread_mutex_unlock(&m);",
    "f = 1; pthread_cond_signal(&c);",
    "pthread_mutex_lock(&m); pthread_cond_timedwait(&c, &m, &ts); y = 1; pthread_mutex_unlock(&m);",
    "pthread_mutex_lock(&m); pthread_mutex_lock(&n); x = 6; pthread_mutex_unlock(&n); pthread_mutex_unlock(&m);",
    "pthread_mutex_lock(&n); y = 4; pthread_mutex_lock(&m); y = 2; pthread_mutex_unlock(&m); pthread_mutex_unlock(&n);",
    "pthread_mutex_lock(&k); pthread_mutex_lock(&k); x++; pthread_mutex_unlock(&k); pthread_mutex_unlock(&k);",
    "if (!pthread_mutex_trylock(&m)) { x = 3; x = 2; pthread_mutex_unlock(&m); }",
    "pthread_mutex_trylock(&n); pthread_mutex_unlock(&n);",
    "pthread_barrier_wait(&w); x = 1;",
    "pthread_barrier_wait(&w);",
    "pthread_rwlock_tryrdlock(&r); pthread_rwlock_unlock(&r);",
    "pthread_rwlock_rdlock(&r); assert(x != 3); pthread_rwlock_unlock(&r);",
    "pthread_rwlock_wrlock(&r); x = 3; x = 2; pthread_rwlock_unlock(&r);",
    "if (!pthread_rwlock_trywrlock(&r)) { x = 3; x = 1; pthread_rwlock_unlock(&r); }",
    "pthread_rwlock_rdlock(&r); pthread_rwlock_wrlock(&r); pthread_rwlock_unlock(&r);",
    "pthread_once(&o, once);",
    "q = p; p = 0; if (q) free(q);",
    "q = p; if (q) *q = x;",
    "q = malloc(sizeof(*q)); *q = 1; p = q;",
    "q = atomic_exchange(&ap, 0); if (q) { y = *q; free(q); }",
    "q = malloc(sizeof(*q)); *q = 3; q = atomic_exchange(&ap, q); if (q) free(q);",
    "tl++; assert(tl == 1);",
    "while (atomic_flag_test_and_set(&af)) ; x = 3; x = 2; atomic_flag_clear(&af);",
    "pthread_spin_lock(&sp); x++; y = x; pthread_spin_unlock(&sp);",
    "__VERIFIER_atomic_begin(); x = 3; x = 2; __VERIFIER_atomic_end();",
    "__VERIFIER_atomic_begin(); if (y == 1) x = 4; __VERIFIER_atomic_end();",
    "__VERIFIER_assume(x != 1);",
    "lp = &v; while (lp == &v) ;",
    "lp = &v; y = 2;",
    "if (lp) *lp = 5; lp = 0;",
    "if (lp) y = *lp;",
    "pthread_create(&h, 0, leaf, 0); pthread_join(h, 0);",
    "pthread_create(&h, 0, leaf, 0); y = 2;",
    "for (e = 0; e < 2; e++) x += e;",
    "fa = 1; turn = 1; while (fb && turn == 1) ; y = 4; y = 2; fa = 0;",
    "fb = 1; turn = 0; while (fa && turn == 0) ; assert(y != 4); fb = 0;",
    "sem_wait(&s); x = 3; x = 2; sem_post(&s);",
    "sem_post(&s);",
    "if (!sem_trywait(&s)) y = x;",
    "if (x == 6) exit(0);",
    "assert(!tr); tr = 1; assert(tr); tr = 0;",
    "step(&x, 1);",
    "step(&y, 2); step(&y, 1);",
];

fn plain(seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut text = "#include <pthread.h>\n#include <semaphore.h>\n#include <stdatomic.h>\n#include <assert.h>\n#include <stdlib.h>\nint x, y, f, tr, *p, *lp;\natomic_int z, fa, fb, turn;\n_Atomic(int *) ap;\n\
                    __thread int tl;\natomic_flag af;\npthread_mutex_t m, n, k;\npthread_cond_t c;\npthread_rwlock_t r;\npthread_barrier_t w;\npthread_spinlock_t sp;\npthread_once_t o;\nsem_t s;\n\
                    void once(void)\n{\n\tx = 5;\n}\nvoid step(int *at, int by)\n{\n\tint old = *at;\n\t*at = old + by;\n}\nvoid *leaf(void *u)\n{\n"
        .to_owned();
    let _ = writeln!(text, "\tint *q, v = 0, e;\n\tpthread_t h;\n\tstruct timespec ts = {{ 0 }};");
    let simple = PLAIN.iter().position(|line| line.contains("leaf")).unwrap_or(PLAIN.len());
    let _ = writeln!(text, "\t{}\n\treturn 0;\n}}", dice.of(&PLAIN[..simple]));
    let threads = 2 + dice.below(2);
    for n in 0..threads {
        let _ = writeln!(text, "void *t{n}(void *u)\n{{\n\tint *q, v = 0, e;\n\tpthread_t h;\n\tstruct timespec ts = {{ 0 }};");
        for _ in 0..1 + dice.below(if threads == 2 { 3 } else { 2 }) {
            let _ = writeln!(text, "\t{}", dice.of(PLAIN));
        }
        let _ = writeln!(text, "\treturn 0;\n}}");
    }
    let _ = writeln!(
        text,
        "int main(void)\n{{\n\tint *q, v = 0, e;\n\tpthread_t h, i[4];\n\tstruct timespec ts = {{ 0 }};\n\tpthread_mutexattr_t a;\n\tpthread_mutexattr_init(&a);\n\tpthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);"
    );
    let _ = writeln!(
        text,
        "\tpthread_mutex_init(&k, &a);\n\tsem_init(&s, 0, {});\n\tpthread_barrier_init(&w, 0, {});",
        dice.below(2),
        2 + dice.below(2)
    );
    for n in 0..threads {
        let function = if dice.below(4) == 0 { 0 } else { n };
        let _ = writeln!(text, "\tpthread_create(&i[{n}], 0, t{function}, 0);");
        if dice.below(5) == 0 {
            let _ = writeln!(text, "\t{}", dice.of(PLAIN));
        }
    }
    for n in 0..threads {
        let _ = writeln!(text, "\tpthread_join(i[{n}], 0);");
    }
    text + "\tassert(x != 7);\n\treturn 0;\n}\n"
}

#[test]
fn reduction_loses_nothing_of_more_kinds() {
    let (first, count) = (number("CUTHERE_SEED", 1), number("CUTHERE_PROGRAMS", 30));
    let wrong = for_seeds(first..first + count, |seed| {
        // Kernels of each kind in each of the memory models.
        let memory = [MemoryModel::Sc, MemoryModel::Sc, MemoryModel::Tso, MemoryModel::Lkmm][(seed % 4) as usize];
        let preemption = [Preemption::Full, Preemption::Rt, Preemption::None, Preemption::Full, Preemption::Voluntary][(seed % 5) as usize];
        let options = Options { memory, preemption, unroll: 2, executions: 10_000, ..Options::default() };
        let text = kernel(seed);
        let of_kernel = with_tree(&[("include/all.h", KERNEL)], &text, |run| compare("kernel", seed, &text, &options, run));
        // What programs do without store buffers is what most of them mean.
        let memory = if seed % 4 == 3 { MemoryModel::Tso } else { MemoryModel::Sc };
        let options = Options { memory, unroll: 4, executions: 10_000, ..Options::default() };
        let text = plain(seed);
        let of_plain = with_text("random.c", &text, |run| compare("plain", seed, &text, &options, run));
        of_kernel.err().into_iter().chain(of_plain.err()).collect()
    });
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), 2 * count, wrong.join("\n"));
}
