//! What a report says beside the steps: locks on both sides of a free, who armed a callback, whom a wake-up found, how far from nought a pointer is.

mod common;

use common::{explore_text, explore_tree};
use cuthere_explore::{Options, witness};

const HEADER: &str = "#define NULL ((void *)0)\ntypedef struct { long a; } spinlock_t;\ntypedef struct { long a; } wait_queue_head_t;\nstruct mutex { long a; };\nstruct timer_list { long a; };\n\
                      struct device { struct mutex m; int n; struct timer_list t; };\nvoid *kzalloc(unsigned long size, int flags);\n";

fn told(text: &str) -> String {
    let text = format!("#include <all.h>\n{text}");
    witness::text(&explore_tree(&[("include/all.h", HEADER)], &text, &Options::default()), &Options::default())
}

#[test]
fn both_sides_of_a_free_are_told_with_their_locks() {
    let text = told(
        "static struct device *d;\nstatic struct mutex list;\nstatic void use(void *u)\n{\n\tmutex_lock(&list);\n\tif (d)\n\t\td->n++;\n\tmutex_unlock(&list);\n}\n\
         static void end(void *u)\n{\n\tstruct device *old = d;\n\td = NULL;\n\tkfree(old);\n}\n\
         void scenario(void)\n{\n\td = kzalloc(sizeof(*d), 0);\n\tcuthere_task(0, use, NULL);\n\tcuthere_task(1, end, NULL);\n}\n",
    );
    let (before, behind) = text.split_once("Freed by end():\n").unwrap_or_else(|| panic!("no free in\n{text}"));
    assert!(before.contains("1 lock held:\n #0: &list, taken in use()") && behind.contains("\nno locks held\n"), "{text}");
}

#[test]
fn who_armed_a_callback_is_told() {
    let text = told(
        "static struct device *d;\nstatic void tick(struct timer_list *t)\n{\n\td->n++;\n}\nstatic void begin(void)\n{\n\ttimer_setup(&d->t, tick, 0);\n\tmod_timer(&d->t, 1);\n}\n\
         static void end(void *u)\n{\n\tkfree(d);\n}\nvoid scenario(void)\n{\n\td = kzalloc(sizeof(*d), 0);\n\tbegin();\n\tcuthere_task(1, end, NULL);\n}\n",
    );
    assert!(text.contains("Armed while the start state was built:\n begin() at "), "{text}");
}

#[test]
fn a_wake_up_says_whom_it_finds() {
    let text = told(
        "static wait_queue_head_t q;\nstatic int n;\nstatic void waits(void *u)\n{\n\tlong entry;\n\tadd_wait_queue(&q, &entry);\n\twhile (!READ_ONCE(n)) {\n\t\tset_current_state(1);\n\t\tschedule();\n\t}\n}\n\
         static void wakes(void *u)\n{\n\tWRITE_ONCE(n, 1);\n\twake_up(&q);\n}\n\
         void scenario(void)\n{\n\tinit_waitqueue_head(&q);\n\tcuthere_task(0, waits, NULL);\n\tcuthere_task(1, wakes, NULL);\n}\n",
    );
    // To be on the queue is not to be asleep.
    for part in ["deadlock in waits()", "set_current_state(1)", "finds waits() awake"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn a_member_of_nothing_is_told_by_its_distance() {
    let text = "#include <pthread.h>\nstruct device { long id[5]; int n; } one, *d = &one;\nstatic int get(int *n)\n{\n\treturn *n;\n}\nstatic void *end(void *u)\n{\n\td = 0;\n\treturn 0;\n}\n\
                int main(void)\n{\n\tpthread_t t;\n\tpthread_create(&t, 0, end, 0);\n\treturn get(&d->n);\n}\n";
    let text = witness::text(&explore_text("p.c", text, &Options::default()), &Options::default());
    assert!(text.contains("null-deref in get()") && text.contains("n == 0x28"), "{text}");
    // The way there is told from where the thread was seen last.
    assert_eq!(text.matches("return get(&d->n);").count(), 1, "{text}");
}
