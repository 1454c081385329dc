//! What rests on a guess is no fault and no all-clear, and says on which.

mod common;

use common::explore_tree;
use cuthere_explore::{Options, Outcome, OutcomeKind};

/// A driver whose header knows a function of another part, and one of an option that is not what it says.
const HEADER: &str = "#ifndef _PUMP_H\n#define _PUMP_H\nstruct pump { int level; int *valve; };\nextern int pump_limit;\nint pump_ask(struct pump *p);\n\
                      void pump_fill(struct pump *p);\nvoid *kzalloc(unsigned long size, int flags);\nvoid kfree(void *p);\n#ifdef CONFIG_PUMP\n\
                      int pump_start(struct pump *p);\n#else\nstatic inline int pump_start(struct pump *p)\n{\n\treturn -5;\n}\n#endif\n#endif\n";

fn run(body: &str) -> Outcome {
    let text = format!(
        "#include <linux/pump.h>\nstatic struct pump *p;\nstatic int table[4] = {{ 1, 2, 3, 4 }};\nstatic void task(void *unused)\n{{\n\t{body}\n}}\n\
         void scenario(void)\n{{\n\tp = kzalloc(sizeof(*p), 0);\n\tp->valve = kzalloc(4, 0);\n\tcuthere_task(0, task, 0);\n}}\n"
    );
    explore_tree(&[("include/linux/pump.h", HEADER)], &text, &Options::default())
}

/// Unknown, with a fault or without, and because of what.
fn rests(body: &str, on: &str) {
    let outcome = run(body);
    assert_eq!(outcome.kind, OutcomeKind::Unknown, "{body}: {:?}", outcome.faults);
    assert!(outcome.guesses.iter().any(|guess| guess.contains(on)), "{body}: {:?}", outcome.guesses);
}

#[test]
fn a_guess_that_decides_leaves_the_outcome_open() {
    // A stub of an option that is on, an unknown function, a variable defined elsewhere, an assembler's result.
    rests("cuthere_assert(pump_start(p) == 0);", "pump_start");
    rests("if (pump_start(p))\n\t\tp->valve = 0;\n\t*p->valve = 1;", "pump_start");
    rests("int n = pump_ask(p); if (n == 0) *(int *)0 = 1;", "pump_ask");
    rests("cuthere_assert(pump_limit > 0);", "pump_limit");
    rests("int n; asm(\"rdtsc\" : \"=r\" (n)); cuthere_assert(n);", "scenario.c:");
    // Through memory, arithmetic and calls.
    rests("p->level = pump_ask(p) * 2 + 1; table[1] = p->level; cuthere_assert(table[1] != 1);", "pump_ask");
    rests("struct pump copy; p->level = pump_limit; copy = *p; cuthere_assert(copy.level);", "pump_limit");
    // What an unknown function could have written.
    rests("p->valve = 0; pump_fill(p); *p->valve = 1;", "pump_fill");
}

#[test]
fn a_fault_that_rests_on_nothing_is_one() {
    for body in [
        "pump_ask(p); kfree(p->valve); *(int *)0 = 1;",
        "int n = pump_limit; table[0] = n; table[0] = 7; cuthere_assert(table[0] != 7);",
        "int n = pump_limit; kfree(p); p->level = n;",
        "pump_start(p); int *q = 0; *q = 1;",
        // An empty template moves a value and makes none up.
        "int n = 3; asm(\"\" : \"=r\" (n) : \"0\" (n)); cuthere_assert(n != 3);",
    ] {
        let outcome = run(body);
        assert_eq!(outcome.kind, OutcomeKind::Fault, "{body}: {:?}", outcome.guesses);
    }
}

#[test]
fn what_decides_nothing_disturbs_nobody() {
    let outcome = run("int n = pump_limit; p->level = n + pump_start(p);");
    assert_eq!((outcome.kind, outcome.guesses.len()), (OutcomeKind::None, 0), "{:?}", outcome.unknown_calls);
    // Of an unknown function nobody knows what else it does.
    assert_eq!(run("pump_fill(p);").kind, OutcomeKind::Unknown);
}

#[test]
fn overflow_is_computed() {
    let body = "unsigned int small; unsigned long big; cuthere_assert(__builtin_mul_overflow(65536u, 65536u, &small) && small == 0);\n\t\
                cuthere_assert(!__builtin_mul_overflow(65536u, 65536u, &big) && big == 1UL << 32);\n\t\
                int n; cuthere_assert(!__builtin_sub_overflow(3, 5, &n) && n == -2); cuthere_assert(__builtin_sub_overflow(3, 5, &big));";
    assert_eq!(run(body).kind, OutcomeKind::None, "{:?}", run(body).guesses);
}
