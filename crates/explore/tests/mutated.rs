//! Programs that are nearly right, changed at random: exploring them ends, and gives the same twice.

use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{Options, Schedule, WithScenario, explore, shapes_for};
use cuthere_kernel::Model;

const SEEDS: &[&str] = &[
    "#include <pthread.h>\n#include <assert.h>\nint g, *p = &g;\nvoid *t(void *a)\n{\n\tg++;\n\treturn a;\n}\nint main(void)\n{\n\tpthread_t x;\n\
     \tpthread_create(&x, 0, t, 0);\n\tg = g + *p;\n\tpthread_join(x, 0);\n\tassert(g == 1);\n\treturn 0;\n}\n",
    "#include <stdlib.h>\n#include <string.h>\nstruct s { int a[4]; struct s *n; unsigned b:3; } s = { { 1, 2 }, &s };\nint main(void)\n{\n\
     \tstruct s *q = malloc(sizeof(*q)), r = s;\n\tmemcpy(q, &r, sizeof(r));\n\tmemset(q->a, 0, 8);\n\tswitch (q->b) { case 0: free(q->n); break; }\n\tfree(q);\n\
     \treturn strlen(\"abc\") / (s.a[1] - 2);\n}\n",
    "void w(int *n)\n{\n\tmutex_lock(&m);\n\tn[0]--;\n\tmutex_unlock(&m);\n}\nstatic DEFINE_MUTEX(m);\nvoid scenario(void)\n{\n\tstatic int n[2];\n\
     \tthread(w, n);\n\tthread(w, n);\n}\n",
];

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ";",
    ",",
    "*",
    "&",
    "-",
    "+",
    "<<",
    "/",
    "%",
    "=",
    "0",
    "1",
    "-1",
    "64",
    "4294967296",
    "1152921504606846976",
    "int",
    "char",
    "long",
    "struct s",
    "static",
    "__thread",
    "_Atomic",
    "[1 << 28]",
    "g",
    "p",
    "s",
    "q",
    "->",
    ".",
    "for (;;)",
    "while (g)",
    "if (p)",
    "goto",
    "return",
    "free(p)",
    "malloc(1 << 30)",
    "main()",
    "t(0)",
    "pthread_exit(0)",
    "\n",
];

#[test]
fn changed_programs_are_explored() {
    cuthere_mutate::survive(SEEDS, PIECES, 6_000, |bytes| {
        let source = WithScenario::new(None, "p.c", &String::from_utf8_lossy(bytes));
        let scenario = source.scenario();
        let model = Model::builtin();
        let program = Program::build_partial(&source, Config::default(), shapes_for(&model, scenario.plain), &[scenario.file]);
        // Few executions: what is looked for is in each.
        let options = Options { executions: 20, turn: 200, unroll: 5, ..Options::default() };
        let once = explore(&program, &model, &scenario, &options);
        for found in &once.faults {
            let text = found.schedule.encode();
            assert_eq!(Schedule::decode(&text).ok().as_ref(), Some(&found.schedule));
        }
    });
}

#[test]
fn changed_schedules_are_read_or_refused() {
    let source = WithScenario::new(None, "p.c", SEEDS[0]);
    let scenario = source.scenario();
    let model = Model::builtin();
    let program = Program::build_partial(&source, Config::default(), shapes_for(&model, scenario.plain), &[scenario.file]);
    let found = explore(&program, &model, &scenario, &Options::default());
    let seed = found.faults.first().expect("the assertion fails in some order").schedule.encode();
    cuthere_mutate::survive(&[&seed], &["A", "z", "-", "_", "=", " ", "ü", "0"], 20_000, |bytes| {
        if let Ok(schedule) = Schedule::decode(&String::from_utf8_lossy(bytes)) {
            assert_eq!(Schedule::decode(&schedule.encode()).ok(), Some(schedule));
        }
    });
}
