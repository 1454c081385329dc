//! Arithmetic on open values checked: random programs must show the same faults whether a value is open, and only known to be one of a few, or is each of
//! the few in turn, and whether executions are gone through or states. `CUTHERE_PROGRAMS` says how many, `CUTHERE_SEED` from which seed on.

mod common;
#[path = "common/dice.rs"]
mod dice;

use common::explore_text;
use cuthere_explore::{Options, Outcome, OutcomeKind, StrategyKind};
use dice::{Dice, number};
use std::collections::BTreeSet;
use std::fmt::Write;

const START: &str = "#include <pthread.h>\n#include <assert.h>\nextern int __VERIFIER_nondet_int(void);\nextern unsigned __VERIFIER_nondet_uint(void);\n\
                     extern long __VERIFIER_nondet_long(void);\nextern short __VERIFIER_nondet_short(void);\nextern void __VERIFIER_assume(int);\n\
                     extern unsigned cuthere_choose(unsigned n);\n";

fn run_by(text: &str, strategy: StrategyKind) -> Outcome {
    explore_text("open.c", &format!("{START}{text}"), &Options { strategy, ..Options::default() })
}

fn run(text: &str) -> Outcome {
    run_by(text, StrategyKind::Dpor)
}

impl Dice {
    fn expression(&mut self, depth: u64) -> String {
        if depth == 0 || self.below(5) == 0 {
            return self.of(&["o", "p", "o", "x", "1", "2", "3", "-1", "7", "100", "2000000000", "65535"]).to_owned();
        }
        let a = self.expression(depth - 1);
        match self.below(12) {
            0 => format!("(-{a})"),
            1 => format!("(~{a})"),
            2 => format!("(({}){a})", self.of(&["char", "unsigned char", "short", "unsigned", "long", "unsigned long"])),
            3 => format!("({a} {} {})", self.of(&["/", "%"]), self.of(&["3", "-2", "7u", "(p | 1)"])),
            4 => format!("({a} {} ({} & 7))", self.of(&["<<", ">>"]), self.expression(depth - 1)),
            _ => format!("({a} {} {})", self.of(&["+", "-", "*", "&", "|", "^", "+", "-"]), self.expression(depth - 1)),
        }
    }

    fn condition(&mut self) -> String {
        let depth = 1 + self.below(2);
        let (a, b) = (self.expression(depth), if self.below(2) == 0 { self.expression(1) } else { self.expression(0) });
        match self.below(6) {
            0 => a,
            1 => format!("!{a}"),
            _ => format!("{a} {} {b}", self.of(&["<", "<=", ">", ">=", "==", "!="])),
        }
    }

    fn statement(&mut self) -> String {
        match self.below(7) {
            0 => format!("if ({}) x = {};", self.condition(), self.expression(1)),
            1 => format!("assert({});", self.condition()),
            2 => format!("if ({}) assert({});", self.condition(), self.condition()),
            3 => format!("x = {};", self.expression(2)),
            4 => format!("o = {};", self.expression(1)),
            5 => format!(
                "switch ({}) {{ case 0: x = 1; break; case 2 ... 5: x = o; break; default: assert({}); }}",
                self.expression(1),
                self.condition()
            ),
            _ => format!("pthread_mutex_lock(&m); p = {}; x = p; pthread_mutex_unlock(&m);", self.expression(1)),
        }
    }
}

/// The same program with values that are open, and with each of them.
fn programs(seed: u64) -> [String; 2] {
    let mut dice = Dice(seed);
    let mut text = String::new();
    let threads = 1 + dice.below(2);
    let types = [dice.of(&["int", "unsigned", "short", "long"]), dice.of(&["int", "unsigned"])];
    let _ = writeln!(text, "{} o;\n{} p;\nlong x;\npthread_mutex_t m;", types[0], types[1]);
    for n in 0..threads {
        let _ = writeln!(text, "void *t{n}(void *u)\n{{");
        for _ in 0..1 + dice.below(3) {
            let _ = writeln!(text, "\t{}", dice.statement());
        }
        let _ = writeln!(text, "\treturn 0;\n}}");
    }
    let mut end = String::new();
    (0..threads).for_each(|n| end += &format!("\tpthread_create(&i[{n}], 0, t{n}, 0);\n"));
    (0..threads).for_each(|n| end += &format!("\tpthread_join(i[{n}], 0);\n"));
    end += &format!("\tassert({});\n\treturn 0;\n}}\n", dice.condition());
    let kind = |ty: &str| if ty == "unsigned" { "uint" } else { ty }.to_owned();
    let main = "int main(void)\n{\n\tpthread_t i[2];\n";
    let open = format!(
        "\to = __VERIFIER_nondet_{}(); __VERIFIER_assume((int)o >= -2 && (int)o <= 1 && o == ({})(int)o);\n\tp = __VERIFIER_nondet_{}(); __VERIFIER_assume(p >= 5 && p <= 7);\n",
        kind(types[0]),
        types[0],
        kind(types[1])
    );
    let each = "\to = (int)cuthere_choose(4) - 2;\n\tp = 5 + cuthere_choose(3);\n";
    [format!("{text}{main}{open}{end}"), format!("{text}{main}{each}{end}")]
}

fn faults(outcome: &Outcome) -> BTreeSet<(&'static str, u32)> {
    outcome.faults.iter().map(|f| (f.fault.kind.id(), f.place.line)).collect()
}

#[test]
fn open_arithmetic_is_that_of_numbers() {
    let (first, count) = (number("CUTHERE_SEED", 1), number("CUTHERE_PROGRAMS", 40));
    let (mut wrong, mut decided) = (Vec::new(), 0);
    for seed in first..first + count {
        let [open, each] = programs(seed);
        let (a, b) = (run(&open), run(&each));
        assert!(b.complete && b.unsupported.is_empty(), "seed {seed}: {:?}\n{each}", b.unsupported);
        // What was too much to be decided must be said, and what is told must be so.
        let sure: BTreeSet<_> = a.faults.iter().filter(|f| f.guess.is_none()).map(|f| (f.fault.kind.id(), f.place.line)).collect();
        let whole = a.complete && a.bounds.is_empty();
        decided += u64::from(whole);
        let same = if whole { faults(&a) == faults(&b) } else { sure.is_subset(&faults(&b)) && a.kind != OutcomeKind::None };
        let states = run_by(&open, StrategyKind::States);
        let same_by_states = !states.complete || !states.bounds.is_empty() || faults(&states) == faults(&b);
        if !same_by_states {
            wrong.push(format!("seed {seed}: open by states {:?}, each {:?}\n{open}", faults(&states), faults(&b)));
        }
        if !same {
            wrong.push(format!("seed {seed}: open {:?} {:?}, each {:?}\n{open}", a.kind, faults(&a), faults(&b)));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(decided * 10 >= count * 9, "only {decided} of {count} were decided");
}
