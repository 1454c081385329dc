//! What a witness shows: few switches, the steps that matter with their values, and who waits for whom.

mod common;

use common::{explore_text, explore_tree};
use cuthere_explore::{Options, Outcome, Replay, witness};

fn program(globals: &str, threads: &[&str]) -> String {
    let mut text = format!("#include <pthread.h>\n#include <stdlib.h>\n#include <assert.h>\n{globals}\n");
    for (n, body) in threads.iter().enumerate() {
        text += &format!("void *t{n}(void *arg)\n{{\n{body}\n\treturn 0;\n}}\n");
    }
    text += "int main(void)\n{\n\tpthread_t id;\n\tinit();\n";
    (0..threads.len()).for_each(|n| text += &format!("\tpthread_create(&id, 0, t{n}, 0);\n"));
    text + "\treturn 0;\n}\n"
}

/// Explores, and checks that the shown schedule leads to the shown fault.
fn explored(text: &str) -> (Outcome, String) {
    let outcome = explore_text("witness.c", text, &Options::default());
    let first = outcome.faults.first().unwrap_or_else(|| panic!("no fault: {:?}", outcome.unsupported));
    let again = explore_text("witness.c", text, &Options { replay: Some(first.schedule.clone()), ..Options::default() });
    assert_eq!(again.replay, Some(Replay::Same));
    assert_eq!(again.faults.first().map(|f| (f.fault.kind, &f.place)), Some((first.fault.kind, &first.place)));
    let told = witness::text(&outcome, &Options::default());
    (outcome, told)
}

fn told(text: &str) -> String {
    explored(text).1
}

#[test]
fn threads_and_operations_that_do_not_matter_are_left_out() {
    let busy = "\tfor (int i = 0; i < 3; i++)\n\t\tb = i;";
    let globals = "int a, b;\nstatic void init(void) {}";
    let (outcome, told) = explored(&program(globals, &[busy, "\ta = 1;\n\ta = 2;", "\tassert(a != 1);", busy]));
    let runs = &outcome.faults[0].schedule.runs;
    let threads: Vec<u8> = runs.iter().map(|r| r.0).collect();
    assert!(runs.len() <= 3 && threads.ends_with(&[2, 3]), "{runs:?}\n{told}");
    assert!(!told.contains("b = i"), "{told}");
}

#[test]
fn values_are_told_with_the_names_of_objects() {
    let globals = "struct node { struct node *next; int v; };\nstruct node *head;\nint seen;\nstatic void init(void)\n{\n\tstruct node *first = malloc(sizeof(*first));\n\tfirst->next = 0;\n\thead = first;\n}";
    let reader = "\tstruct node *n = head;\n\tif (n)\n\t\tseen = n->v;";
    let writer = "\tstruct node *old = head;\n\thead = 0;\n\tfree(old);";
    let (outcome, told) = explored(&program(globals, &[reader, writer]));
    assert_eq!(outcome.faults[0].fault.kind.id(), "use-after-free");
    for part in
        ["head == first", "head = NULL", "n == first (freed)", "(first->v)", "<-- use-after-free", "Allocated by main()", "init() at"]
    {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
}

#[test]
fn what_a_line_would_have_set_is_no_operand() {
    let globals =
        "struct node { int v; };\nstruct node *n;\nint *at;\nstatic void init(void)\n{\n\tn = malloc(sizeof(*n));\n\tat = &n->v;\n}";
    let ends = "\tfree(n);";
    let (outcome, told) =
        explored(&program(globals, &["\tstruct node *old;\n\told = n;\n\tstruct node *next = (void *)(long)old->v;\n\tn = next;", ends]));
    assert_eq!(outcome.faults[0].operands, ["old == n (freed)"], "{told}");
    let (outcome, told) = explored(&program(globals, &["\tint *p = at;\n\t*p = 7;", ends]));
    assert_eq!(outcome.faults[0].operands, ["p == n (freed)"], "{told}");
}

#[test]
fn an_assertion_is_told_with_its_operands() {
    let globals = "int limit = 3, a;\nstatic void init(void) {}";
    let (_, told) = explored(&program(globals, &["\ta = 7;", "\tint seen = a;\n\tassert(seen < limit);"]));
    for part in ["seen == 7", "limit == 3", "`seen < limit` does not hold"] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
}

#[test]
fn every_waiting_thread_of_a_deadlock_is_marked() {
    let take = |x: &str, y: &str| {
        format!("\tpthread_mutex_lock(&{x});\n\tpthread_mutex_lock(&{y});\n\tpthread_mutex_unlock(&{y});\n\tpthread_mutex_unlock(&{x});")
    };
    let globals = "pthread_mutex_t a, b, c;\nstatic void init(void) {}";
    let (outcome, told) = explored(&program(globals, &[&take("a", "b"), &take("b", "c"), &take("c", "a")]));
    assert_eq!(outcome.faults[0].waits.len(), 3);
    let folded: String = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for lock in ["a", "b", "c"] {
        assert!(folded.contains(&format!("pthread_mutex_lock() for &{lock} in")), "{told}");
    }
    assert_eq!(folded.matches("<-- waits").count(), 3, "{told}");
    assert_eq!(told.matches("  held by thread").count(), 3, "{told}");
    let page = witness::html(&outcome, &Options::default());
    assert!(page.contains("grid-column:3") && page.contains("class=\"hit\"") && page.contains("prefers-color-scheme"), "{page}");
}

#[test]
fn what_an_interrupt_stops_is_not_said_to_wait() {
    let text = "#include <linux/spinlock.h>\nstatic spinlock_t lock;\nstatic int n;\nstatic void work(void *u)\n{\n\tspin_lock(&lock);\n\tn++;\n\tspin_unlock(&lock);\n}\n\
                void scenario(void)\n{\n\tcuthere_task(0, work, (void *)0);\n\tcuthere_hardirq(0, work, (void *)0);\n}\n";
    let header = "typedef struct { int a; } spinlock_t;\nvoid spin_lock(spinlock_t *l);\nvoid spin_unlock(spinlock_t *l);\n";
    let outcome = explore_tree(&[("include/linux/spinlock.h", header)], text, &Options::default());
    let told = witness::text(&outcome, &Options::default());
    assert!(told.contains("<-- interrupted") && told.contains("for &lock, held by work()"), "{told}");
}

#[test]
fn what_is_too_much_is_cut_with_a_mark() {
    let globals = "int a[80], bad;\nstatic void init(void) {}";
    let steps = |what: &str| (0..80).map(|n| format!("\ta[{n}] = {what};")).collect::<Vec<_>>().join("\n");
    let (_, told) = explored(&program(globals, &[&format!("{}\n\tbad = 1;", steps("1")), &format!("{}\n\tassert(!bad);", steps("2"))]));
    assert!(told.contains("steps that are not shown") && told.contains("bad = 1") && told.lines().count() < 200, "{told}");
}

#[test]
fn both_sides_of_a_race_are_told_with_their_locks() {
    // What lies there is told by the pointers to it, where the allocation's result has no type.
    let globals = "struct account { pthread_mutex_t lock; long id, balance; } *accounts;\npthread_mutex_t list;\nstatic void *fresh(size_t n) { return calloc(1, n); }\n\
                   static void init(void) { accounts = fresh(sizeof(struct account)); }";
    let pay = "\tpthread_mutex_lock(&list);\n\tstruct account *a = accounts;\n\ta->balance -= 10;\n\tpthread_mutex_unlock(&list);";
    let earn = "\tstruct account *a = accounts;\n\tpthread_mutex_lock(&a->lock);\n\ta->balance += 10;\n\tpthread_mutex_unlock(&a->lock);";
    let outcome = explore_text("p.c", &program(globals, &[pay, earn]), &Options { races: true, ..Options::default() });
    let told = witness::text(&outcome, &Options::default());
    for part in ["->balance)", "#0: &list, taken in", "->lock, taken in", "The other access: "] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    assert_eq!(told.matches("1 lock held:").count(), 2, "{told}");
    let given: serde_json::Value = serde_json::from_str(&witness::json(&outcome, &Options::default())).expect("JSON");
    let other = &given["faults"][0]["other_access"];
    assert!(other["locks"][0]["lock"].is_string() && other["stack"][0]["line"].is_u64(), "{other}");
}

#[test]
fn who_waits_for_a_circle_is_no_part_of_it() {
    let take = |x: &str, y: &str| {
        format!("\tpthread_mutex_lock(&{x});\n\tpthread_mutex_lock(&{y});\n\tpthread_mutex_unlock(&{y});\n\tpthread_mutex_unlock(&{x});")
    };
    let globals = "pthread_mutex_t a, b;\nstatic void init(void) {}";
    let third = "\tpthread_mutex_lock(&a);\n\tpthread_mutex_unlock(&a);";
    let (outcome, told) = explored(&program(globals, &[&take("a", "b"), &take("b", "a"), third]));
    assert!(told.contains("2 threads wait for each other") && !told.contains("<-- waits for &a, held by thread 1\n[thread 3"), "{told}");
    let beside = outcome.faults[0].waits.iter().filter(|wait| wait.beside).count();
    assert_eq!(outcome.faults[0].waits.len() - beside, 2, "{told}");
    assert_eq!(told.matches("waits too, in").count(), beside, "{told}");
}

#[test]
fn a_lock_whose_holder_has_ended_is_said_to_be() {
    let told = told(
        "#include <pthread.h>\nstatic pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;\nstatic int unread;\nstatic void *forget(void *u)\n{\n\tunread = 1;\n\tpthread_mutex_lock(&a);\n\treturn 0;\n}\n\
         int main(void)\n{\n\tpthread_t t;\n\tpthread_create(&t, 0, forget, 0);\n\tunread = 2;\n\tpthread_mutex_lock(&a);\n\treturn 0;\n}\n",
    );
    assert!(told.contains("waits for a lock whose holder has ended without giving it back"), "{told}");
    assert!(told.contains("held by thread 1: forget(), which has ended"), "{told}");
    assert!(!told.contains("unread = "), "{told}");
}

#[test]
fn one_that_waits_for_itself_and_one_that_waits_for_an_end_say_so() {
    let itself = told(
        "#include <pthread.h>\nstatic pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;\nint main(void)\n{\n\tpthread_mutex_lock(&a);\n\tpthread_mutex_lock(&a);\n\treturn 0;\n}\n",
    );
    assert!(itself.contains("waits for a lock that it holds itself") && itself.contains("held by itself"), "{itself}");
    let end = told(
        "#include <pthread.h>\nstatic pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;\nstatic void *take(void *u)\n{\n\tpthread_mutex_lock(&a);\n\treturn 0;\n}\n\
         int main(void)\n{\n\tpthread_t t;\n\tpthread_mutex_lock(&a);\n\tpthread_create(&t, 0, take, 0);\n\tpthread_join(t, 0);\n\treturn 0;\n}\n",
    );
    assert!(end.contains("2 threads wait for each other") && end.contains("waits for thread 1"), "{end}");
}

#[test]
fn a_freed_object_is_told_without_its_own_name_twice() {
    let told = told(
        "#include <pthread.h>\n#include <stdlib.h>\nstatic int *p;\nstatic void *use(void *u)\n{\n\tint *r = p;\n\t*r = 1;\n\treturn 0;\n}\n\
         int main(void)\n{\n\tpthread_t t;\n\tp = malloc(sizeof(int));\n\tpthread_create(&t, 0, use, 0);\n\tfree(p);\n\tpthread_join(t, 0);\n\treturn 0;\n}\n",
    );
    assert!(told.contains("p (freed)") && !told.contains("p == p") && !told.contains("p = p") && !told.contains("returns p"), "{told}");
}

#[test]
fn of_many_threads_of_one_kind_the_first_are_shown() {
    let told = told(
        "#include <pthread.h>\nstatic pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;\n\
         static void *one(void *u)\n{\n\tpthread_mutex_lock(&a);\n\tpthread_mutex_lock(&b);\n\tpthread_mutex_unlock(&b);\n\tpthread_mutex_unlock(&a);\n\treturn 0;\n}\n\
         static void *two(void *u)\n{\n\tpthread_mutex_lock(&b);\n\tpthread_mutex_lock(&a);\n\tpthread_mutex_unlock(&a);\n\tpthread_mutex_unlock(&b);\n\treturn 0;\n}\n\
         int main(void)\n{\n\tfor (int n = 0; n < 20; n++) {\n\t\tpthread_t s, t;\n\t\tpthread_create(&s, 0, one, 0);\n\t\tpthread_create(&t, 0, two, 0);\n\t\tpthread_join(s, 0);\n\t\tpthread_join(t, 0);\n\t}\n\treturn 0;\n}\n",
    );
    assert!(told.contains("thread 1: one()") && told.contains("thread 2: two()") && !told.contains("not shown"), "{told}");
}

#[test]
fn members_of_anonymous_unions_are_named() {
    let told = told(
        "#include <pthread.h>\n#include <assert.h>\nstatic struct { int pad; union { unsigned long flags; void *owner; }; struct { void *first; } list; } o;\n\
         static void *use(void *u)\n{\n\to.flags = 1;\n\to.list.first = 0;\n\treturn 0;\n}\n\
         int main(void)\n{\n\tpthread_t t;\n\tunsigned long *flags = &o.flags;\n\tpthread_create(&t, 0, use, 0);\n\tassert(*flags == 0);\n\treturn 0;\n}\n",
    );
    assert!(told.contains("o.flags = 1"), "{told}");
}

#[test]
fn a_deadlock_says_who_interrupts_whom_and_where_the_lock_was_taken() {
    let header = "typedef struct { long a; } spinlock_t;\nstruct work_struct { long a; };\nstruct mutex { long a; };\nstatic spinlock_t port;\n\
                  static inline void port_pause(void)\n{\n\tspin_lock(&port);\n}\n";
    let told = |text: &str| {
        let outcome = explore_tree(&[("include/all.h", header)], &format!("#include <all.h>\nstatic int n;\n{text}"), &Options::default());
        (outcome.faults.first().map(|f| f.fault.kind.id()), witness::text(&outcome, &Options::default()))
    };
    let (kind, text) = told(
        "static void byte(void *u)\n{\n\tspin_lock(&port);\n\tn++;\n\tspin_unlock(&port);\n}\nstatic void close(void *u)\n{\n\tport_pause();\n\tn = 0;\n\tspin_unlock(&port);\n}\n\
         void scenario(void)\n{\n\tcuthere_task(0, close, 0);\n\tcuthere_hardirq(0, byte, 0);\n}\n",
    );
    assert_eq!(kind, Some("deadlock"), "{text}");
    for part in ["2 threads wait for each other\n", "takes &port", "interrupted by byte()", "held by close()"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let (kind, text) = told(
        "static struct mutex m;\nstatic struct work_struct w;\nstatic void work(struct work_struct *u)\n{\n\tmutex_lock(&m);\n\tn++;\n\tmutex_unlock(&m);\n}\n\
         static void stop(void *u)\n{\n\tmutex_lock(&m);\n\tcancel_work_sync(&w);\n\tmutex_unlock(&m);\n}\n\
         void scenario(void)\n{\n\tINIT_WORK(&w, work);\n\tschedule_work(&w);\n\tcuthere_task(0, stop, 0);\n}\n",
    );
    assert_eq!(kind, Some("deadlock"), "{text}");
    for part in ["2 threads wait for each other\n", "waits for the end of work()"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    // The thread that should have done it was told before it slept.
    let (kind, text) = told(
        "struct completion { long a; };\nstruct task_struct { long a; };\nstruct task_struct *kthread_run(int (*f)(void *), void *data, const char *name);\n\
         static struct completion c;\nstatic struct task_struct *t;\nstatic int serve(void *u)\n{\n\twhile (!kthread_should_stop()) {\n\t\tif (READ_ONCE(n)) {\n\t\t\tWRITE_ONCE(n, 0);\n\t\t\t\
         complete(&c);\n\t\t}\n\t\tset_current_state(1);\n\t\tschedule();\n\t}\n\treturn 0;\n}\nstatic void ask(void *u)\n{\n\tWRITE_ONCE(n, 1);\n\twake_up_process(t);\n\t\
         wait_for_completion(&c);\n}\nvoid scenario(void)\n{\n\tinit_completion(&c);\n\tt = kthread_run(serve, 0, \"serve\");\n\tcuthere_task(1, ask, 0);\n}\n",
    );
    assert_eq!(kind, Some("deadlock"), "{text}");
    assert!(text.contains("<-- sleeps") && text.contains("serve() sleeps in schedule()"), "{text}");
}
