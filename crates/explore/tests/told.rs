//! What a witness of kernel code says of lists, locks and frees: what others have made of them, and what they are called.

mod common;

use common::explore_tree;
use cuthere_explore::{Options, Outcome, OutcomeKind, witness};

/// Declarations as the kernel's headers have them, where the engine does the work.
const HEADER: &str = "#define NULL ((void *)0)\n#define GFP_KERNEL 0x400\ntypedef unsigned long size_t;\nvoid *kzalloc(size_t size, int flags);\nvoid kfree(const void *p);\n\
    struct mutex { struct { long counter; } count; long more[3]; };\nvoid mutex_lock(struct mutex *m);\nvoid mutex_unlock(struct mutex *m);\n\
    #define lockdep_assert_held(l) do { (void)(l); } while (0)\n\
    #define array_index_mask_nospec(i, n) ({ unsigned long mask; asm volatile (\"sbb %0,%0\" : \"=r\" (mask) : \"r\" (i), \"r\" (n)); mask; })\n\
    struct list_head { struct list_head *next, *prev; };\nbool __list_add_valid(struct list_head *new, struct list_head *prev, struct list_head *next);\n\
    static inline void list_add(struct list_head *new, struct list_head *head)\n{\n\tstruct list_head *next = head->next;\n\tif (!__list_add_valid(new, head, next))\n\t\treturn;\n\
    \tnext->prev = new;\n\tnew->next = next;\n\tnew->prev = head;\n\thead->next = new;\n}\n";

fn run(text: &str) -> (Outcome, String) {
    let outcome = explore_tree(&[("include/all.h", HEADER)], &format!("#include <all.h>\n{text}"), &Options::default());
    let told = witness::text(&outcome, &Options::default());
    (outcome, told)
}

/// Words of a picture with two columns, without the spaces between.
fn folded(told: &str) -> String {
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn of_a_corrupted_list_the_other_side_is_shown() {
    let (outcome, told) = run(
        "struct item { struct list_head node; };\nstatic struct list_head all;\nstatic void add(void *item)\n{\n\tlist_add(&((struct item *)item)->node, &all);\n}\n\
         void scenario(void)\n{\n\tall.next = all.prev = &all;\n\tcuthere_task(0, add, kzalloc(sizeof(struct item), GFP_KERNEL));\n\tcuthere_task(1, add, kzalloc(sizeof(struct item), GFP_KERNEL));\n}\n",
    );
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("list-corruption"), "{told}");
    assert!(told.contains("CPU 0") && told.contains("CPU 1") && folded(&told).contains("all.prev = "), "{told}");
    assert!(outcome.faults[0].operands.iter().any(|o| o.starts_with("all.prev == ")), "{:?}\n{told}", outcome.faults[0].operands);
}

#[test]
fn of_a_deadlock_it_is_told_which_lock_a_helper_takes() {
    let (_, told) = run(
        "struct pipe { struct mutex lock; };\nstatic struct pipe *left, *right;\nstatic void hold(struct pipe *p)\n{\n\tmutex_lock(&p->lock);\n}\n\
         static void both(struct pipe *a, struct pipe *b)\n{\n\thold(a);\n\thold(b);\n\tmutex_unlock(&b->lock);\n\tmutex_unlock(&a->lock);\n}\n\
         static void there(void *u)\n{\n\tboth(left, right);\n}\nstatic void back(void *u)\n{\n\tboth(right, left);\n}\n\
         void scenario(void)\n{\n\tleft = kzalloc(sizeof(*left), GFP_KERNEL);\n\tright = kzalloc(sizeof(*right), GFP_KERNEL);\n\tcuthere_task(0, there, NULL);\n\tcuthere_task(1, back, NULL);\n}\n",
    );
    let told = folded(&told);
    assert!(told.contains("takes &left->lock") && told.contains("takes &right->lock"), "{told}");
}

#[test]
fn what_a_line_frees_is_told_by_the_name_it_had_before() {
    let (outcome, told) = run("struct o { int n; };\nstatic struct o *shared;\nstatic void drop(struct o *it)\n{\n\tkfree(it);\n}\n\
         static void remove(void *u)\n{\n\tdrop(shared);\n}\nstatic void look(void *u)\n{\n\tshared->n++;\n}\n\
         void scenario(void)\n{\n\tshared = kzalloc(sizeof(*shared), GFP_KERNEL);\n\tcuthere_task(0, look, NULL);\n\tcuthere_task(1, remove, NULL);\n}\n");
    assert_eq!(outcome.faults.first().map(|f| f.fault.kind.id()), Some("use-after-free"), "{told}");
    assert!(folded(&told).contains("kfree(it); frees shared"), "{told}");
}

#[test]
fn a_lock_that_is_not_held_is_named_as_a_whole() {
    let (_, told) =
        run("static struct mutex lock;\nstatic int n;\nstatic void change(void *u)\n{\n\tlockdep_assert_held(&lock);\n\tn++;\n}\n\
         void scenario(void)\n{\n\tcuthere_task(0, change, NULL);\n}\n");
    assert!(told.contains("lock asserted to be held is not (lock)"), "{told}");
}

#[test]
fn a_member_that_a_type_does_not_have_is_named() {
    let (outcome, told) = run(
        "struct o { int n; };\nstatic struct o *it;\nstatic void use(int *at)\n{\n\t(*at)++;\n}\nstatic void look(void *u)\n{\n\tuse(&it->gone);\n}\n\
         void scenario(void)\n{\n\tit = kzalloc(sizeof(*it), GFP_KERNEL);\n\tcuthere_task(0, look, NULL);\n}\n",
    );
    assert!(outcome.unsupported.iter().any(|what| what.contains("of `gone`: the type has no such member")), "{told}");
}

#[test]
fn an_index_is_kept_below_its_bound() {
    let (outcome, told) = run(
        "static int table[4], n;\nstatic void look(void *u)\n{\n\tunsigned long i = cuthere_choose(8);\n\ti &= array_index_mask_nospec(i, 4ul);\n\ttable[i]++;\n\tif (i > 3)\n\t\tn = table[i + 4];\n}\n\
         void scenario(void)\n{\n\tcuthere_task(0, look, NULL);\n}\n",
    );
    assert_eq!(outcome.kind, OutcomeKind::None, "{told}");
}
