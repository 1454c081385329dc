//! Kernel code of each kind, for a tree that has only headers: what runs when, what goes with what, and up to which bounds.

mod common;

use common::explore_tree;
use cuthere_explore::{MemoryModel, Options, Outcome, OutcomeKind, Preemption};

/// Declarations as the kernel's headers have them, where the engine does the work.
const HEADER: &str = "#ifndef _ALL_H\n#define _ALL_H\n#define NULL ((void *)0)\n#define GFP_KERNEL 0x400\n#define container_of(p, type, member) ((type *)((char *)(p) - __builtin_offsetof(type, member)))\n\
    #define HRTIMER_MODE_REL 1\n#define HRTIMER_MODE_REL_SOFT 5\n#define HRTIMER_MODE_REL_HARD 9\n#define IRQ_HANDLED 1\n#define IRQ_WAKE_THREAD 2\n\
    typedef unsigned long size_t;\nstruct rcu_head { void *next; };\nstruct mutex { long a[4]; };\nstruct spinlock { long a; };\ntypedef struct spinlock spinlock_t;\nstruct device { void *p; };\n\
    struct timer_list { long e; void (*function)(struct timer_list *); };\nenum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };\n\
    struct hrtimer { long a; enum hrtimer_restart (*function)(struct hrtimer *); };\n\
    void *kzalloc(size_t size, int flags);\nvoid *devm_kzalloc(struct device *dev, size_t size, int flags);\nvoid kfree(const void *p);\nvoid mutex_lock(struct mutex *m);\nvoid mutex_unlock(struct mutex *m);\n\
    void hrtimer_init(struct hrtimer *t, int clock, int mode);\nvoid hrtimer_start(struct hrtimer *t, long time, int mode);\nint hrtimer_cancel(struct hrtimer *t);\nint hrtimer_try_to_cancel(struct hrtimer *t);\n\
    int request_threaded_irq(unsigned irq, int (*h)(int, void *), int (*t)(int, void *), unsigned long flags, const char *name, void *dev);\n\
    int request_irq(unsigned irq, int (*h)(int, void *), unsigned long flags, const char *name, void *dev);\nvoid free_irq(unsigned irq, void *dev);\nvoid disable_irq_nosync(unsigned irq), enable_irq(unsigned irq);\n\
    int devm_request_irq(struct device *dev, unsigned irq, int (*h)(int, void *), unsigned long flags, const char *name, void *data);\n\
    unsigned long copy_from_user(void *to, const void *from, unsigned long n);\nvoid spin_lock(spinlock_t *l);\nvoid spin_unlock(spinlock_t *l);\n\
    int mod_timer(struct timer_list *t, long when);\nint del_timer_sync(struct timer_list *t);\nvoid timer_setup(struct timer_list *t, void (*f)(struct timer_list *), int flags);\n#endif\n";

fn with(options: &Options, text: &str) -> Outcome {
    explore_tree(&[("include/all.h", HEADER)], &format!("#include <all.h>\n{text}"), options)
}

fn run(text: &str) -> Outcome {
    with(&Options::default(), text)
}

fn fault(outcome: &Outcome) -> Option<&'static str> {
    assert!(outcome.faults.is_empty() || outcome.kind == OutcomeKind::Fault, "{:?} {:?}", outcome.guesses, outcome.unsupported);
    outcome.faults.first().map(|f| f.fault.kind.id())
}

#[track_caller]
fn none(outcome: &Outcome) {
    let why = (
        &outcome.faults.first().map(|f| &f.fault.detail),
        &outcome.unknown_calls,
        &outcome.unsupported,
        &outcome.guesses,
        &outcome.unfinished,
    );
    assert_eq!(outcome.kind, OutcomeKind::None, "{why:?} {:?}", outcome.bounds);
}

#[test]
fn a_deferred_free_competes_with_who_has_the_object() {
    let text = |enter: &str, leave: &str| {
        format!(
            "struct o {{ int n; struct rcu_head r; }};\nstatic struct o *p;\nstatic void drop(void *u)\n{{\n\tstruct o *x = xchg(&p, NULL);\n\tif (x)\n\t\tkfree_rcu(x, r);\n}}\n\
             static void look(void *u)\n{{\n\t{enter}\n\tstruct o *x = READ_ONCE(p);\n\tif (x)\n\t\tx->n++;\n\t{leave}\n}}\n\
             void scenario(void)\n{{\n\tp = kzalloc(sizeof(*p), GFP_KERNEL);\n\tcuthere_task(0, drop, NULL);\n\tcuthere_task(1, look, NULL);\n}}\n"
        )
    };
    assert_eq!(fault(&run(&text("", ""))), Some("use-after-free"));
    none(&run(&text("rcu_read_lock();", "rcu_read_unlock();")));
}

#[test]
fn what_is_found_before_a_cpu_is_known_to_be_shared_can_be_done_again() {
    // The first execution does not know yet that the end of the softirq is what the task waits for.
    for check in ["x != 1", "x != 2", "y != 1 || x != 1"] {
        let text = format!(
            "static int x, y;\nstatic spinlock_t s;\nstatic void soft(void *u)\n{{\n\tspin_lock(&s);\n\ty++;\n\tx++;\n\tspin_unlock(&s);\n}}\n\
             static void task(void *u)\n{{\n\tunsigned long f;\n\tspin_lock_irqsave(&s, f);\n\tx++;\n\tspin_unlock_irqrestore(&s, f);\n}}\n\
             static void look(void *u)\n{{\n\tcuthere_assert({check});\n}}\n\
             void scenario(void)\n{{\n\tcuthere_softirq(1, soft, NULL);\n\tcuthere_task(1, task, NULL);\n\tcuthere_task(0, look, NULL);\n}}\n"
        );
        let found = run(&text);
        let first = found.faults.first().expect("the assertion fails in some order");
        let again = with(&Options { replay: Some(first.schedule.clone()), ..Options::default() }, &text);
        assert_eq!(
            again.faults.first().map(|f| (f.fault.kind, &f.place)),
            Some((first.fault.kind, &first.place)),
            "{check}: {:?}",
            again.replay
        );
    }
}

#[test]
fn guards_are_what_the_tree_defines_them_to_be() {
    let header = "#include <all.h>\nstruct pump { spinlock_t l; int n; };\n#define pump_start(p) spin_lock(&(p)->l)\n\
                  DEFINE_GUARD(pump, struct pump *, pump_start(_T),\n\t     spin_unlock(&_T->l))\nDEFINE_FREE(hose, struct pump *, if (_T) kfree(_T))\n";
    let text = |enter: &str, last: &str| {
        format!(
            "#include <pump.h>\nstatic struct pump p;\nstatic void turn(void *u)\n{{\n\tstruct pump *mine __free(hose) = kzalloc(sizeof(*mine), GFP_KERNEL);\n\
             \t{enter}\n\tint n = READ_ONCE(p.n);\n\tWRITE_ONCE(p.n, n + 1);\n\t{last}\n}}\n\
             static void end(void *u)\n{{\n\tcuthere_assert(p.n == 2);\n}}\n\
             void scenario(void)\n{{\n\tcuthere_task(0, turn, NULL);\n\tcuthere_task(1, turn, NULL);\n\tcuthere_finally(end, NULL);\n}}\n"
        )
    };
    let files = [("include/all.h", HEADER), ("include/pump.h", header)];
    let run = |text: &str| explore_tree(&files, text, &Options::default());
    none(&run(&text("guard(pump)(&p);", "")));
    assert_eq!(fault(&run(&text("", ""))), Some("assertion"));
    assert_eq!(fault(&run(&text("guard(pump)(&p);", "kfree(mine);"))), Some("double-free"));
}

#[test]
fn what_is_left_of_a_timers_time_needs_no_clock() {
    let header = "#include <all.h>\nstruct base { long (*get_time)(void); };\nstruct clocked { struct hrtimer t; struct base *base; };\n\
                  static inline long hrtimer_expires_remaining(const struct hrtimer *t)\n{\n\treturn t->a - ((struct clocked *)t)->base->get_time();\n}\n";
    let text = "#include <clocked.h>\nstatic struct clocked c;\nstatic enum hrtimer_restart high(struct hrtimer *t)\n{\n\treturn HRTIMER_NORESTART;\n}\n\
                static void look(void *u)\n{\n\thrtimer_expires_remaining(&c.t);\n}\n\
                void scenario(void)\n{\n\thrtimer_init(&c.t, 1, HRTIMER_MODE_REL);\n\tc.t.function = high;\n\tcuthere_task(0, look, NULL);\n}\n";
    none(&explore_tree(&[("include/all.h", HEADER), ("include/clocked.h", header)], text, &Options::default()));
}

/// An object with a timer of high resolution, ended in this way.
fn hrtimer(mode: &str, body: &str, end: &str) -> String {
    format!(
        "struct o {{ int n; struct hrtimer t; struct mutex m; }};\nstatic struct o *p;\nstatic enum hrtimer_restart tick(struct hrtimer *t)\n{{\n\tstruct o *o = container_of(t, struct o, t);\n\t{body}\n}}\n\
         static void stop(void *u)\n{{\n\t{end}\n\tkfree(p);\n}}\nvoid scenario(void)\n{{\n\tp = kzalloc(sizeof(*p), GFP_KERNEL);\n\thrtimer_init(&p->t, 1, {mode});\n\tp->t.function = tick;\n\
         \thrtimer_start(&p->t, 1, {mode});\n\tcuthere_task(1, stop, NULL);\n}}\n"
    )
}

#[test]
fn timers_of_high_resolution_run_and_run_again() {
    let again = "o->n++; return HRTIMER_RESTART;";
    assert_eq!(fault(&run(&hrtimer("HRTIMER_MODE_REL", again, "hrtimer_try_to_cancel(&p->t);"))), Some("use-after-free"));
    let outcome = run(&hrtimer("HRTIMER_MODE_REL", again, "hrtimer_cancel(&p->t);"));
    none(&outcome);
    assert!(outcome.bounds.contains("interrupts"), "it is said how often it ran");
}

#[test]
fn a_timer_runs_where_its_mode_says() {
    let locks = "mutex_lock(&o->m); mutex_unlock(&o->m); return HRTIMER_NORESTART;";
    let rt = Options { preemption: Preemption::Rt, ..Options::default() };
    let spins = "static spinlock_t l;\n".to_owned()
        + &hrtimer("MODE", "spin_lock(&l); spin_unlock(&l); return HRTIMER_NORESTART;", "hrtimer_cancel(&p->t);");
    assert_eq!(fault(&run(&hrtimer("HRTIMER_MODE_REL", locks, "hrtimer_cancel(&p->t);"))), Some("sleep-in-atomic"));
    for (mode, sleeps) in [("HRTIMER_MODE_REL", false), ("HRTIMER_MODE_REL_SOFT", false), ("HRTIMER_MODE_REL_HARD", true)] {
        let text = spins.replace("MODE,", "MODE").replace("MODE", mode).replace(&format!("{mode} tick"), "tick");
        assert_eq!(fault(&with(&rt, &text)).is_some(), sleeps, "{mode}");
    }
}

/// A device's interrupt with these handlers, freed and its object after it.
fn interrupt(request: &str, hard: &str, end: &str) -> String {
    format!(
        "struct o {{ int n, done; struct mutex m; }};\nstatic struct o *p;\nstatic struct device dev;\nstatic int hard(int irq, void *d)\n{{\n\tstruct o *o = d;\n\t{hard}\n}}\n\
         static int thread(int irq, void *d)\n{{\n\tstruct o *o = d;\n\tmutex_lock(&o->m);\n\to->done++;\n\tmutex_unlock(&o->m);\n\treturn IRQ_HANDLED;\n}}\nstatic void stop(void *u)\n{{\n\t{end}\n}}\n\
         void scenario(void)\n{{\n\tp = kzalloc(sizeof(*p), GFP_KERNEL);\n\t{request};\n\tcuthere_task(1, stop, NULL);\n}}\n"
    )
}

#[test]
fn interrupts_are_handled_where_they_should_be() {
    let threaded = "request_threaded_irq(7, hard, thread, 0, \"x\", p)";
    none(&run(&interrupt("request_threaded_irq(7, NULL, thread, 0, \"x\", p)", "return 0;", "free_irq(7, p); kfree(p);")));
    none(&run(&interrupt(threaded, "return IRQ_WAKE_THREAD;", "free_irq(7, p); kfree(p);")));
    assert_eq!(fault(&run(&interrupt(threaded, "return IRQ_WAKE_THREAD;", "kfree(p);"))), Some("use-after-free"));
    // The handler itself must not sleep, but on the real-time kernel, where it runs in a thread.
    let sleeps = interrupt("request_irq(7, hard, 0, \"x\", p)", "mutex_lock(&o->m); mutex_unlock(&o->m); return IRQ_HANDLED;", "");
    assert_eq!(fault(&run(&sleeps)), Some("sleep-in-atomic"));
    none(&with(&Options { preemption: Preemption::Rt, ..Options::default() }, &sleeps));
    // One that nobody competes with runs as well.
    none(&run(&interrupt("devm_request_irq(&dev, 7, hard, 0, \"x\", p)", "o->n++; return IRQ_HANDLED;", "")));
    let null = interrupt("devm_request_irq(&dev, 7, hard, 0, \"x\", NULL)", "o->n++; return IRQ_HANDLED;", "");
    assert_eq!(fault(&run(&null)), Some("null-deref"));
}

#[test]
fn what_serves_until_it_is_stopped_is_looked_at_within_bounds() {
    let text = |stop: &str| {
        format!(
            "static struct timer_list t;\nstatic int n, *p;\nstatic void tick(struct timer_list *u)\n{{\n\tn++;\n\tif (p)\n\t\t*p = n;\n\tmod_timer(&t, 1);\n}}\n\
             static void end(void *u)\n{{\n\t{stop}\n\tkfree(p);\n}}\nvoid scenario(void)\n{{\n\tp = kzalloc(4, GFP_KERNEL);\n\ttimer_setup(&t, tick, 0);\n\tmod_timer(&t, 1);\n\tcuthere_task(1, end, NULL);\n}}\n"
        )
    };
    let outcome = run(&text("del_timer_sync(&t);"));
    none(&outcome);
    assert!(outcome.bounds.contains("interrupts"));
    assert_eq!(fault(&run(&text(""))), Some("use-after-free"));
    // A thread that never ends is not said to be without fault.
    let serves = "static int n;\nstatic void loop(void *u)\n{\n\tfor (;;)\n\t\tWRITE_ONCE(n, READ_ONCE(n) + 1);\n}\nstatic void look(void *u)\n{\n\tint seen = READ_ONCE(n);\n}\n\
                  void scenario(void)\n{\n\tcuthere_task(0, loop, NULL);\n\tcuthere_task(1, look, NULL);\n}\n";
    assert_eq!(run(serves).kind, OutcomeKind::Unknown);
}

#[test]
fn what_goes_with_a_device_ends_with_it() {
    let text = |end: &str| {
        format!(
            "static struct device *dev;\nstatic int *p;\nstatic void use(void *u)\n{{\n\t*p = 1;\n}}\nstatic void end(void *u)\n{{\n\t{end}\n}}\n\
             void scenario(void)\n{{\n\tdev = kzalloc(sizeof(*dev), GFP_KERNEL);\n\tp = devm_kzalloc(dev, 4, GFP_KERNEL);\n\tcuthere_task(0, use, NULL);\n\tcuthere_task(1, end, NULL);\n}}\n"
        )
    };
    for end in ["device_unregister(dev);", "put_device(dev);", "device_release_driver(dev);"] {
        assert_eq!(fault(&run(&text(end))), Some("use-after-free"), "{end}");
    }
    none(&run(&text("get_device(dev); put_device(dev);")));
}

/// The scenario includes the file that says how it is done.
#[test]
fn a_body_that_can_run_wins() {
    let devres = "#include <all.h>\nvoid *devm_kmalloc(struct device *dev, size_t size, int flags)\n{\n\tdev->p = kzalloc(size, flags);\n\treturn dev->p;\n}\n\
                  void devres_release_all(struct device *dev)\n{\n\tkfree(dev->p);\n\tdev->p = NULL;\n}\n";
    let header = HEADER.replace(
        "void *devm_kzalloc(struct device *dev, size_t size, int flags);",
        "void *devm_kmalloc(struct device *dev, size_t size, int flags);\nstatic inline void *devm_kzalloc(struct device *dev, size_t size, int flags)\n{\n\treturn devm_kmalloc(dev, size, flags);\n}",
    );
    let text = "#include \"base/devres.c\"\nstatic struct device dev;\nstatic int *p;\nstatic void end(void *u)\n{\n\tdevres_release_all(&dev);\n\tcuthere_assert(dev.p == NULL);\n\t*p = 1;\n}\n\
                void scenario(void)\n{\n\tp = devm_kzalloc(&dev, 4, GFP_KERNEL);\n\tcuthere_assert(dev.p == p);\n\tcuthere_task(0, end, NULL);\n}\n";
    let outcome =
        explore_tree(&[("base/devres.c", devres), ("include/all.h", &header)], &format!("#include <all.h>\n{text}"), &Options::default());
    assert_eq!(fault(&outcome), Some("use-after-free"), "{:?}", outcome.unsupported);
}

#[test]
fn waits_are_executed() {
    // As the headers have it, in short.
    let header = "#define NULL ((void *)0)\nstruct wait_queue_head { long a[3]; };\nstruct wait_queue_entry { long a[5]; };\ntypedef struct wait_queue_head wait_queue_head_t;\n\
                  long prepare_to_wait_event(wait_queue_head_t *q, struct wait_queue_entry *e, int state);\nvoid finish_wait(wait_queue_head_t *q, struct wait_queue_entry *e);\nvoid schedule(void);\n\
                  #define __wait_event(q, condition) do { struct wait_queue_entry e; for (;;) { prepare_to_wait_event(&(q), &e, 2); if (condition) break; schedule(); } finish_wait(&(q), &e); } while (0)\n\
                  #define wait_event(q, condition) do { if (condition) break; __wait_event(q, condition); } while (0)\nvoid wake_up(wait_queue_head_t *q);\n";
    let text = |wake: &str| {
        format!(
            "#include <wait.h>\nstatic wait_queue_head_t q;\nstatic int flag;\nstatic void waits(void *u)\n{{\n\twait_event(q, READ_ONCE(flag));\n\tcuthere_assert(flag);\n}}\n\
             static void wakes(void *u)\n{{\n\t{wake}\n}}\nvoid scenario(void)\n{{\n\tcuthere_task(0, waits, NULL);\n\tcuthere_task(1, wakes, NULL);\n}}\n"
        )
    };
    let explore = |wake: &str| explore_tree(&[("include/wait.h", header)], &text(wake), &Options::default());
    none(&explore("WRITE_ONCE(flag, 1); wake_up(&q);"));
    assert_eq!(fault(&explore("wake_up(&q); WRITE_ONCE(flag, 1);")), Some("deadlock"));
}

#[test]
fn a_users_memory_may_be_none() {
    let text = |from: &str| {
        format!(
            "static int n, there = 3;\nstatic void copies(void *u)\n{{\n\tif (copy_from_user(&n, {from}, sizeof(n)))\n\t\treturn;\n\tcuthere_assert(n != 3);\n}}\n\
             void scenario(void)\n{{\n\tcuthere_task(0, copies, NULL);\n}}\n"
        )
    };
    assert_eq!(fault(&run(&text("&there"))), Some("assertion"));
    none(&run(&text("NULL")));
}

#[test]
fn what_a_task_holds_is_not_known() {
    let text = |set: &str| {
        format!(
            "struct ns {{ int n; }};\nstruct task_struct {{ struct ns *ns; }};\nstruct task_struct *get_current(void);\nstatic struct ns here;\n\
             static int n;\nstatic void task(void *u)\n{{\n\t{set}\n\tn = get_current()->ns->n;\n}}\nvoid scenario(void)\n{{\n\tcuthere_task(0, task, NULL);\n}}\n"
        )
    };
    let outcome = run(&text(""));
    assert_eq!(outcome.kind, OutcomeKind::Unknown);
    assert!(outcome.guesses[0].contains("write `current->ns = "), "{:?}", outcome.guesses);
    none(&run(&text("get_current()->ns = &here;")));
    // Bit-fields share their words, and unnamed ones with them.
    let text = "struct task_struct { int a; unsigned first : 1; unsigned : 0; unsigned second : 1; unsigned third : 1; };\nstruct task_struct *get_current(void);\nstatic int n;\n\
                static void task(void *u)\n{\n\tif (get_current()->third)\n\t\tn = 1;\n}\nvoid scenario(void)\n{\n\tcuthere_task(0, task, NULL);\n}\n";
    let outcome = run(text);
    assert!(outcome.guesses[0].contains("write `current->third = "), "{:?}", outcome.guesses);
}

/// A header that includes nothing uses what its includer has seen before.
#[test]
fn headers_see_the_macros_of_their_includers() {
    let files = [
        ("include/words.h", "#define WORDS(name, n) unsigned long name[n]\n#define SIDES 2\n"),
        ("include/box.h", "struct box {\n\tint first;\n\tWORDS(words, SIDES);\n\tint last;\n};\n"),
        ("include/later.h", "#define SIDES 9\n"),
        ("drivers/box.c", "#include <words.h>\n#include <box.h>\n#include <later.h>\nstatic struct box box;\n"),
    ];
    let text = "#include \"drivers/box.c\"\nstatic void task(void *u)\n{\n\tbox.words[1] = 1;\n\tcuthere_assert(sizeof(box) == 32);\n}\n\
                void scenario(void)\n{\n\tcuthere_task(0, task, 0);\n}\n";
    none(&explore_tree(&files, text, &Options::default()));
}

#[test]
fn what_makes_no_scenario_is_said() {
    let told = |text: &str, words: &str| {
        let outcome = run(text);
        assert_eq!(outcome.kind, OutcomeKind::Unknown, "{text}");
        assert!(outcome.unsupported.iter().any(|line| line.contains(words)), "{words}: {:?}", outcome.unsupported);
    };
    let task = "static void task(void *u)\n{\n}\n";
    told(&format!("{task}void scenario(void)\n{{\n}}\n"), "starts no thread");
    told(&format!("{task}void scenario(void)\n{{\n\tcuthere_task(4, task, NULL);\n}}\n"), "there is no CPU 4");
    told(&format!("#include \"drivers/gone.c\"\n{task}void scenario(void)\n{{\n\tcuthere_task(0, task, NULL);\n}}\n"), "drivers/gone.c");
    told(&format!("{task}void scenario(void)\n{{\n\t*(int *)NULL = 1;\n\tcuthere_task(0, task, NULL);\n}}\n"), "start state");
    told(&format!("{task}void scenario(void)\n{{\n\tif (cuthere_choose(2))\n\t\tcuthere_task(0, task, NULL);\n}}\n"), "cuthere_choose");
}

#[test]
fn a_callback_of_the_same_cpu_comes_before_what_ran_before_its_creator() {
    let text = "#include <all.h>\nstatic struct o *p;\nstatic void done(struct rcu_head *r)\n{\n\tkfree((char *)r - 8);\n}\n\
                static void reader(void *u)\n{\n\tstruct o *q = READ_ONCE(p);\n\tif (q)\n\t\tq->n = 1;\n}\n\
                static void remover(void *u)\n{\n\tstruct o *q = xchg(&p, (void *)0);\n\tif (q)\n\t\tcall_rcu(&q->r, done);\n}\n\
                void scenario(void)\n{\n\tp = kzalloc(sizeof(*p), 0);\n\tcuthere_task(0, reader, (void *)0);\n\tcuthere_task(0, remover, (void *)0);\n}\n";
    let header =
        "struct rcu_head { void *next; };\nstruct o { int n; struct rcu_head r; };\nvoid *kzalloc(unsigned long size, int flags);\n";
    let outcome = explore_tree(&[("include/all.h", header)], text, &Options::default());
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("use-after-free"), "{:?}", outcome.unsupported);
}

#[test]
fn every_value_of_a_wide_choice_is_tried_or_the_bound_is_named() {
    let text = |n: &str, assertion: &str| {
        format!(
            "static void f(void *u)\n{{\n\tlong v = cuthere_choose({n});\n\tcuthere_assert({assertion});\n}}\nvoid scenario(void)\n{{\n\tcuthere_task(0, f, NULL);\n}}\n"
        )
    };
    assert_eq!(fault(&run(&text("1000", "v != 500"))), Some("assertion"));
    none(&run(&text("1000", "v < 1000")));
    let options = Options { time: std::time::Duration::from_millis(200), ..Options::default() };
    let beyond = with(&options, &text("1UL << 40", "1"));
    assert_eq!(beyond.kind, OutcomeKind::Unknown);
    assert!(beyond.bounds.contains("choices"), "{:?}", beyond.bounds);
}

#[test]
fn a_grace_period_ends_before_sections_that_began_in_it() {
    // Three readers, one of which began before the grace period, one in it, and one goes between them.
    let reader = |n: u32, to: u32, from: u32| {
        format!(
            "static int r{n};\nstatic void reader{n}(void *u)\n{{\n\trcu_read_lock();\n\tWRITE_ONCE(x{to}, 1);\n\tr{n} = READ_ONCE(x{from});\n\trcu_read_unlock();\n}}\n"
        )
    };
    let text = |grace: &str| {
        format!(
            "static int x0, x1, x2, x3, r0;\n{}{}{}static void updater(void *u)\n{{\n\tr0 = READ_ONCE(x0);\n\t{grace}\n\tWRITE_ONCE(x1, 1);\n}}\nstatic void check(void *u)\n{{\n\tcuthere_assert(!(r0 && r1 && r2 && r3));\n}}\n\
             void scenario(void)\n{{\n\tcuthere_task(0, updater, NULL);\n\tcuthere_task(1, reader1, NULL);\n\tcuthere_task(2, reader2, NULL);\n\tcuthere_task(3, reader3, NULL);\n\tcuthere_finally(check, NULL);\n}}\n",
            reader(1, 2, 1),
            reader(2, 3, 2),
            reader(3, 0, 3)
        )
    };
    assert_eq!(fault(&run(&text("synchronize_rcu();"))), Some("assertion"));
    // As many grace periods as sections keep them apart.
    none(&run(&text("synchronize_rcu(); synchronize_rcu(); synchronize_rcu();")));
}

#[test]
fn an_interrupt_is_disabled_before_it_comes_too() {
    // Enabled again by a task of another CPU it comes there, where a task holds the lock that the handler takes.
    let text = "static spinlock_t s;\nstatic int hard(int irq, void *p)\n{\n\tspin_lock(&s);\n\tspin_unlock(&s);\n\treturn IRQ_HANDLED;\n}\n\
                static void moves(void *u)\n{\n\tdisable_irq_nosync(7);\n\tenable_irq(7);\n}\nstatic void holds(void *u)\n{\n\tspin_lock(&s);\n\tspin_unlock(&s);\n}\n\
                void scenario(void)\n{\n\trequest_irq(7, hard, 0, \"x\", NULL);\n\tcuthere_task(1, moves, NULL);\n\tcuthere_task(1, holds, NULL);\n}\n";
    assert_eq!(fault(&with(&Options { interrupts: 1, ..Options::default() }, text)), Some("deadlock"));
}

#[test]
fn the_object_around_a_member_of_a_member_is_found() {
    let text = |path: &str| {
        format!(
            "#include <all.h>\nstruct in {{ int a; long t; int b; }};\nstruct out {{ long x[3]; struct in first[2]; char c; struct in sub; }};\nstatic struct out *p;\n\
             static void f(void *u)\n{{\n\tlong *t = &p->{path};\n\tstruct out *whole = container_of(t, struct out, {path});\n\tcuthere_assert(whole == p);\n}}\n\
             void scenario(void)\n{{\n\tp = kzalloc(sizeof(*p), 0);\n\tcuthere_task(0, f, NULL);\n}}\n"
        )
    };
    for path in ["x[2]", "sub.t", "first[1].t"] {
        none(&run(&text(path)));
    }
}

#[test]
fn the_object_around_an_element_of_an_array_is_found_by_an_index_that_runs() {
    let outcome = run("struct link { struct link *next; };\nstruct o { long head; struct link links[3]; int n; };\nstatic struct o o;\n\
         static struct o *around(struct link *l, int kind) { return container_of(l, struct o, links[(kind)]); }\n\
         static void look(void *kind)\n{\n\tint k = (long)kind;\n\tcuthere_assert(around(&o.links[k], k) == &o);\n\
         \tcuthere_assert(__builtin_offsetof(struct o, links[k]) == 8 + 8 * k);\n}\n\
         void scenario(void)\n{\n\tcuthere_task(0, look, (void *)0);\n\tcuthere_task(1, look, (void *)2);\n}\n");
    none(&outcome);
}

#[test]
fn bits_are_done_at_whatever_layer_they_are_asked_for() {
    let outcome = run("extern _Bool arch_test_bit(unsigned long nr, const volatile unsigned long *a);\n\
         static inline _Bool _test_bit(unsigned long nr, const volatile unsigned long *a) { return arch_test_bit(nr, a); }\n\
         #define test_bit(nr, a) _test_bit(nr, a)\nvoid set_bit(long nr, volatile unsigned long *a), change_bit(long nr, volatile unsigned long *a);\n\
         _Bool test_and_change_bit(long nr, volatile unsigned long *a);\nint lockdep_queue_is_held(void);\n\
         static unsigned long word[2];\n\
         static void flip(void *u)\n{\n\tcuthere_assert(test_bit(70, word));\n\tchange_bit(3, word);\n}\n\
         static void end(void *u)\n{\n\tcuthere_assert(!test_bit(3, word) && lockdep_queue_is_held());\n\tcuthere_assert(!test_and_change_bit(3, word));\n\tcuthere_assert(word[0] == 8);\n}\n\
         void scenario(void)\n{\n\tset_bit(70, word);\n\tcuthere_task(0, flip, NULL);\n\tcuthere_task(1, flip, NULL);\n\tcuthere_finally(end, NULL);\n}\n");
    none(&outcome);
}

#[test]
fn a_lock_known_by_its_object_is_not_the_objects_memory() {
    none(&run(
        "struct sock { int first; long state[4]; };\nvoid lock_sock(struct sock *sk), release_sock(struct sock *sk);\nstatic struct sock sk;\n\
         static void look(void *u)\n{\n\tlock_sock(&sk);\n\tif (sk.first)\n\t\tsk.state[0]++;\n\trelease_sock(&sk);\n\tcuthere_assert(!sk.first);\n}\n\
         void scenario(void)\n{\n\tcuthere_task(0, look, NULL);\n\tcuthere_task(1, look, NULL);\n}\n",
    ));
}

#[test]
fn what_lies_behind_a_loop_longer_than_the_bound_is_not_left_out() {
    let text = "struct o { int v[32]; };\nstatic struct o *shared;\nstatic int sum;\nstatic void look(void *u)\n{\n\tstruct o *o = READ_ONCE(shared);\n\tif (o)\n\t\to->v[0] = 1;\n}\n\
                static void drop(void *u)\n{\n\tstruct o *o = shared;\n\tWRITE_ONCE(shared, NULL);\n\tfor (int i = 0; i < 32; i++)\n\t\tsum += READ_ONCE(o->v[i]);\n\tkfree(o);\n}\n\
                void scenario(void)\n{\n\tshared = kzalloc(sizeof(*shared), GFP_KERNEL);\n\tcuthere_task(0, look, NULL);\n\tcuthere_task(1, drop, NULL);\n}\n";
    let outcome = run(text);
    assert_eq!((outcome.kind, &outcome.unfinished), (OutcomeKind::Unknown, &vec!["drop".to_owned()]));
    let outcome = with(&Options { deepens: true, ..Options::default() }, text);
    assert_eq!(fault(&outcome), Some("use-after-free"));
}

#[test]
fn a_downgraded_lock_is_held_for_reading() {
    let text = |other: &str| {
        format!(
            "struct rw_semaphore {{ long a; }};\nstatic struct rw_semaphore rs;\nstatic int x, y;\nstatic void lowers(void *u)\n{{\n\tdown_write(&rs);\n\tx = 3;\n\tx = 2;\n\tdowngrade_write(&rs);\n\t\
             y = x;\n\tup_read(&rs);\n}}\nstatic void other(void *u)\n{{\n\t{other}\n}}\nstatic void check(void *u)\n{{\n\tcuthere_assert(y == 2);\n}}\n\
             void scenario(void)\n{{\n\tcuthere_task(0, lowers, NULL);\n\tcuthere_task(1, other, NULL);\n\tcuthere_finally(check, NULL);\n}}\n"
        )
    };
    for memory in [MemoryModel::Sc, MemoryModel::Tso, MemoryModel::Lkmm] {
        let explore = |other: &str| with(&Options { memory, ..Options::default() }, &text(other));
        none(&explore("down_read(&rs);\n\tcuthere_assert(x != 3);\n\tup_read(&rs);"));
        none(&explore("down_write(&rs);\n\tx = 5;\n\tx = 2;\n\tup_write(&rs);"));
        none(&explore("if (down_write_trylock(&rs)) {\n\t\tx = 5;\n\t\tup_write(&rs);\n\t}"));
        // It reads beside others that read, and they see what it wrote before.
        assert_eq!(
            fault(&explore("down_read(&rs);\n\tcuthere_assert(x != 2 || y == 2);\n\tup_read(&rs);")),
            Some("assertion"),
            "{memory:?}"
        );
        // Whoever does not have it for writing cannot lower it.
        assert_eq!(fault(&explore("down_read(&rs);\n\tdowngrade_write(&rs);\n\tup_read(&rs);")), Some("lock-misuse"), "{memory:?}");
    }
}
