//! Contexts top-down by snippets: C source in, how functions are entered out.

use cuthere_analysis::{FunctionAnswer, Holds, Options, Quiet, functions};
use cuthere_base::MemorySource;
use cuthere_kernel::Model;

fn ask(code: &str, name: &str) -> FunctionAnswer {
    let source = MemorySource::new([("a.c", code)]);
    let (mut answers, _) = functions(&source, &Model::builtin(), &[], &Options::default(), &Quiet, None, name);
    assert_eq!(answers.len(), 1, "one function is called {name}");
    answers.remove(0)
}

fn lock<'a>(answer: &'a FunctionAnswer, class: &str) -> Option<&'a Holds> {
    answer.entered.locks.iter().find(|l| l.what == class)
}

fn levels(answer: &FunctionAnswer) -> Vec<&str> {
    answer.entered.levels.iter().map(|l| l.what.as_str()).collect()
}

#[test]
fn a_lock_that_every_caller_holds_is_held_on_every_way_in() {
    let code = "static void leaf(void) { }
        static void middle(void) { leaf(); }
        void one(void) { rtnl_lock(); middle(); rtnl_unlock(); }
        void two(void) { rtnl_lock(); leaf(); rtnl_unlock(); }";
    let answer = ask(code, "leaf");
    let rtnl = lock(&answer, "rtnl").expect("held");
    assert!(rtnl.always && rtnl.without.is_empty() && rtnl.not_at.is_empty());
    assert_eq!(rtnl.calls, Some((2, 2)));
    let steps: Vec<(u32, &str)> = rtnl.example.iter().map(|s| (s.line, s.text.as_str())).collect();
    assert_eq!(steps, [(4, "takes rtnl by rtnl_lock()"), (4, "calls leaf()")], "the shortest way");
    assert_eq!(answer.callers_total, 2);
}

#[test]
fn a_lock_that_one_caller_lacks_is_told_with_that_caller() {
    let code = "static void leaf(void) { }
        void one(void) { rtnl_lock(); leaf(); rtnl_unlock(); }
        void two(void) { rtnl_lock(); rtnl_unlock(); leaf(); }
        void three(int c) { if (c) rtnl_lock(); leaf(); if (c) rtnl_unlock(); }";
    let answer = ask(code, "leaf");
    let rtnl = lock(&answer, "rtnl").expect("held on some ways");
    assert!(!rtnl.always);
    assert_eq!(rtnl.calls, Some((1, 3)));
    let not_at: Vec<&str> = rtnl.not_at.iter().map(|s| s.function.as_str()).collect();
    assert_eq!(not_at, ["two", "three"]);
    assert!(!rtnl.without.is_empty());
}

#[test]
fn a_callee_that_drops_the_lock_calls_without_it() {
    let code = "static void leaf(void) { }
        static void middle(void) { rtnl_unlock(); leaf(); rtnl_lock(); }
        void one(void) { rtnl_lock(); middle(); rtnl_unlock(); }";
    assert!(lock(&ask(code, "leaf"), "rtnl").is_none());
    assert!(lock(&ask(code, "middle"), "rtnl").is_some_and(|l| l.always));
}

#[test]
fn entry_points_give_the_level_and_sections_are_told() {
    let code = "struct timer_list { int x; };
        struct dev { struct timer_list t; };
        static void leaf(void) { }
        static void tick(struct timer_list *t) { rcu_read_lock(); leaf(); rcu_read_unlock(); }
        void start(struct dev *d) { timer_setup(&d->t, tick, 0); }";
    let tick = ask(code, "tick");
    assert_eq!(levels(&tick), ["softirq"]);
    assert_eq!(tick.entered.atomic, "always");
    assert_eq!(tick.entry_points.len(), 1);
    let leaf = ask(code, "leaf");
    assert_eq!(levels(&leaf), ["softirq"]);
    assert!(leaf.entered.context.iter().any(|c| c.what == "RCU read-side section" && c.always));
}

#[test]
fn what_a_function_is_passed_it_calls_with_its_own_locks() {
    let code = "struct lock { int x; };
        struct list { struct spinlock lock; };
        static void each(struct list *l, void (*f)(void)) { spin_lock(&l->lock); f(); spin_unlock(&l->lock); }
        static void visit(void) { }
        static void other(void) { }
        void one(struct list *l) { rtnl_lock(); each(l, visit); rtnl_unlock(); }
        void two(struct list *l) { each(l, other); }";
    let visit = ask(code, "visit");
    assert!(lock(&visit, "rtnl").is_some_and(|l| l.always), "from where it was passed");
    assert!(lock(&visit, "list.lock").is_some_and(|l| l.always), "from where it is called");
    assert!(lock(&ask(code, "other"), "rtnl").is_none(), "the other one's way is its own");
}

#[test]
fn nobody_seen_to_call_it_is_an_assumption_and_said() {
    let answer = ask("void alone(void) { }", "alone");
    assert!(answer.entered.assumed && !answer.entered.certain);
    assert_eq!(levels(&answer), ["task"]);
}

#[test]
fn recursion_ends_and_adds_no_way_in() {
    let code = "static void even(int n);
        static void odd(int n) { if (n) even(n - 1); }
        static void even(int n) { if (n) odd(n - 1); }
        void start(void) { rtnl_lock(); even(4); rtnl_unlock(); }";
    assert!(lock(&ask(code, "odd"), "rtnl").is_some_and(|l| l.always));
}

#[test]
fn calls_that_no_path_reaches_do_not_count() {
    let code = "static void leaf(void) { }
        void one(void) { rtnl_lock(); leaf(); rtnl_unlock(); }
        void two(void) { if (0) leaf(); }";
    assert!(lock(&ask(code, "leaf"), "rtnl").is_some_and(|l| l.always));
}
