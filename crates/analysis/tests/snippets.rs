//! The engine by snippets: C source in; events, effects and outcomes out, in words.
//!
//! A check that claims every event it sees makes the engine tell what happened; its findings are the transcript.

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, Options, Quiet, run};
use cuthere_base::{Confidence, MemorySource};
use cuthere_flow::engine::event::{Access, EventKind, NullCause};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::summary::{Effect, EffectKind, FuncId, Outcome, RelPlace, RelRoot, RelStep, Subject, Summary, Test, Way};
use cuthere_flow::value::Interval;
use cuthere_kernel::Model;
use expect_test::{Expect, expect};

const TRANSCRIPT: Check = Check {
    info: CheckInfo { id: "transcript", summary: "everything that happens", source: "", maturity: Maturity::Trial },
    start: Some(|_, _| Box::new(Transcript { seen: Vec::new() })),
    entered: false,
    tree: None,
};

/// Writes down what it sees, each thing once.
struct Transcript {
    seen: Vec<String>,
}

impl Transcript {
    fn note(&mut self, claim: Claim, claims: &mut Claims) {
        if !self.seen.contains(&claim.message) {
            self.seen.push(claim.message.clone());
            claims.add(claim.identity(format!("{:04}", self.seen.len())));
        }
    }
}

impl Checker for Transcript {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        if let Some(text) = words(path, event) {
            let way = match event.way {
                Way::Callee(f, _) => format!(" in {}", path.world.func(f).name),
                _ => String::new(),
            };
            self.note(Claim::here(path, event, Confidence::High, format!("{}: {text}{way}", event.loc.line)), claims);
        }
    }

    fn end(&mut self, world: &World<'_>, func: FuncId, summary: &Summary, claims: &mut Claims) {
        let at = (func, world.func(func).loc);
        let texts = summary.effects.iter().map(effect).chain(summary.outcomes.iter().map(|o| outcome(summary, o)));
        for text in texts {
            self.note(Claim::new(cuthere_flow::body::OpId(u32::MAX), at, Confidence::High, text), claims);
        }
    }
}

fn words(path: &Path<'_, '_>, event: &Event<'_>) -> Option<String> {
    let name = |v| path.describe(v).unwrap_or_else(|| "?".to_owned());
    Some(match &event.kind {
        EventKind::MaySleep { call, ways } => format!("{}() may sleep, {} way(s)", call.name, ways.len()),
        EventKind::Acquire(a) => format!("takes {}{}", a.lock.class, if a.nested { " (nested)" } else { "" }),
        EventKind::Release { lock, found } => format!("gives back {} ({found:?})", lock.class),
        EventKind::Context { part, enter } => format!("{} {part:?}", if *enter { "enters" } else { "leaves" }),
        EventKind::Access(Access { pointer, null: Some(NullCause::Known), .. }) => {
            format!("dereferences {}, which is NULL", name(*pointer))
        }
        EventKind::Access(Access { pointer, null: Some(NullCause::Call(_)), .. }) => {
            format!("dereferences {}, which may be NULL", name(*pointer))
        }
        EventKind::Access(Access { pointer, freed: Some(freed), .. }) => format!("uses {} after {}()", name(*pointer), freed.by),
        EventKind::Allocate { object } => format!("allocates {}", name(*object)),
        EventKind::Free { object, before, .. } => format!("frees {}{}", name(*object), if before.is_some() { " again" } else { "" }),
        EventKind::Reference { object, op, .. } => format!("{op:?} {}", name(*object)),
        EventKind::Callback { op, kind, .. } => format!("{op:?} of a {kind}"),
        EventKind::Test { value, .. } => format!("tests {}", name(*value)),
        EventKind::Exit { .. } => format!("returns with {} lock(s)", path.state.locks.held.len()),
        _ => return None,
    })
}

fn place(p: &RelPlace) -> String {
    let root = match p.root {
        RelRoot::Param(n) => format!("*arg{n}"),
        RelRoot::Global(name) => name.as_str().to_owned(),
        RelRoot::Result => "*result".to_owned(),
        RelRoot::Unknown => "?".to_owned(),
    };
    p.path.iter().fold(root, |text, step| match step {
        RelStep::Field(name, record) => format!("{text}.{record}:{name}"),
        RelStep::Deref => format!("*({text})"),
        RelStep::Around(record, member) => format!("{record} around {member} at {text}"),
    })
}

fn interval(i: Interval) -> String {
    match i {
        Interval::TOP => "anything".to_owned(),
        _ => format!("{}..={}{}", i.lo, i.hi, if i.not_zero && i.may_span_zero() { " but 0" } else { "" }),
    }
}

trait SpansZero {
    fn may_span_zero(&self) -> bool;
}

impl SpansZero for Interval {
    fn may_span_zero(&self) -> bool {
        self.lo < 0 && self.hi > 0
    }
}

fn guard(g: &[(Subject, Test)]) -> String {
    let test = |(subject, test): &(Subject, Test)| {
        let what = subject.place().map_or_else(|| format!("arg{}", subject.param), |p| place(&p));
        match test {
            Test::In(i) if i.is_zero() => format!("{what} is 0"),
            Test::In(i) if i.not_zero && i.lo < 0 => format!("{what} is not 0"),
            Test::In(i) => format!("{what} in {}", interval(*i)),
            Test::AnyBit(mask) => format!("{what} has a bit of {mask:#x}"),
            Test::NoBit(mask) => format!("{what} has no bit of {mask:#x}"),
            Test::Function(name) => format!("{what} is {name}()"),
        }
    };
    g.iter().map(test).collect::<Vec<_>>().join(" and ")
}

fn effect(e: &Effect) -> String {
    let what = match &e.kind {
        EffectKind::Sleep(s) => match &s.around {
            None => "sleeps".to_owned(),
            Some(around) => {
                let locks: Vec<&str> = around.locks.iter().map(|l| l.class.as_str()).collect();
                format!("sleeps without its caller's {}", locks.join(", "))
            }
        },
        EffectKind::Deref { param, tested: false, .. } => format!("dereferences arg{param}"),
        EffectKind::Deref { param, tested: true, .. } => format!("dereferences arg{param}, tested"),
        EffectKind::DerefMember { .. } => "dereferences a member".to_owned(),
        EffectKind::Free { place: p, .. } => format!("frees {}", place(p)),
        EffectKind::Acquire { lock, class, .. } => format!("takes {class} at {}", place(lock)),
        EffectKind::Reference { place: p, op, .. } => format!("{op:?} {}", place(p)),
    };
    let when: Vec<String> = e.condition.iter().filter(|g| !g.is_empty()).map(|g| guard(g)).collect();
    format!("effect: {what}{}{}", if when.is_empty() { "" } else { " if " }, when.join(", or "))
}

fn outcome(summary: &Summary, o: &Outcome) -> String {
    let mut parts = vec![format!("outcome: returns {}", interval(o.ret))];
    if !o.guard.is_empty() {
        parts.push(format!("if {}", guard(&o.guard)));
    }
    parts.extend(
        o.locks
            .iter()
            .map(|l| format!("{}{} {}", if l.sure { "" } else { "perhaps " }, if l.taken { "holding" } else { "without" }, l.class)),
    );
    parts.extend(o.frees.iter().filter_map(|freed| {
        let left = if freed.replaced { ", and put another pointer there" } else { "" };
        summary.effect(freed.effect).map(|e| format!("having {}{left}", effect(e)))
    }));
    parts.join(", ")
}

/// What happens in one function of a file.
fn transcript(source: &str, function: &str) -> String {
    let source = format!("{HEAD}{source}");
    let outcome =
        run(&MemorySource::new([("drivers/unit/unit.c", source.as_str())]), &Model::builtin(), &[TRANSCRIPT], &Options::default(), &Quiet);
    assert_eq!(outcome.stats.incomplete, [], "the snippet is read whole");
    let head = HEAD.lines().count() as u32;
    let mut findings: Vec<_> = outcome.findings.iter().filter(|f| f.function == function).collect();
    findings.sort_by_key(|f| number(&f.message, head));
    findings.iter().map(|f| format!("{}\n", shown(&f.message, head))).collect()
}

/// Where a message belongs: events by their line, then what callers are told.
fn number(message: &str, head: u32) -> (u32, String) {
    match message.split_once(": ") {
        Some((line, _)) if line.bytes().all(|b| b.is_ascii_digit()) => (line.parse::<u32>().unwrap_or(0) - head, String::new()),
        _ => (u32::MAX, message.to_owned()),
    }
}

fn shown(message: &str, head: u32) -> String {
    match message.split_once(": ") {
        Some((line, rest)) if line.bytes().all(|b| b.is_ascii_digit()) => format!("{:>2}: {rest}", line.parse::<u32>().unwrap_or(0) - head),
        _ => message.to_owned(),
    }
}

/// What the snippets use.
const HEAD: &str = "typedef struct { int raw; } spinlock_t;\ntypedef unsigned int gfp_t;\n#define GFP_KERNEL 0xcc0\n#define NULL ((void *)0)\n\
void spin_lock(spinlock_t *l);\nvoid spin_unlock(spinlock_t *l);\nint spin_trylock(spinlock_t *l);\n\
void *kmalloc(unsigned long n, gfp_t f);\nvoid kfree(const void *p);\nvoid msleep(unsigned int n);\n\
struct unit { spinlock_t lock; spinlock_t other; int n; void *data; };\n";

fn check(source: &str, function: &str, expected: Expect) {
    expected.assert_eq(&transcript(source, function));
}

#[test]
fn events_of_a_plain_path() {
    check(
        "int f(struct unit *u)\n{\n\tint *p = kmalloc(4, GFP_KERNEL);\n\tspin_lock(&u->lock);\n\t*p = u->n;\n\tspin_unlock(&u->lock);\n\tkfree(p);\n\treturn *p;\n}\n",
        "f",
        expect![[r#"
             3: allocates p
             3: kmalloc() may sleep, 1 way(s)
             4: takes unit.lock
             5: dereferences p, which may be NULL
             6: gives back unit.lock (Some(Exact))
             7: frees p
             8: returns with 0 lock(s)
             8: uses p after kfree()
            effect: dereferences arg0
            effect: sleeps
            effect: takes unit.lock at *arg0.unit:lock
        "#]],
    );
}

#[test]
fn what_a_callee_does_arrives_as_the_same_event() {
    check(
        "static void drop(struct unit *u)\n{\n\tspin_lock(&u->lock);\n\tu->n--;\n\tspin_unlock(&u->lock);\n\tkfree(u);\n}\n\
         void f(struct unit *u)\n{\n\tdrop(u);\n\tmsleep(u->n);\n}\n",
        "f",
        expect![[r#"
            10: frees u in drop
            10: takes unit.lock in drop
            11: msleep() may sleep, 1 way(s)
            11: uses u after drop()
            12: returns with 0 lock(s)
            effect: dereferences arg0
            effect: frees *arg0 if arg0 is not 0
            effect: sleeps if arg0 is not 0
            effect: takes unit.lock at *arg0.unit:lock if arg0 is not 0
            outcome: returns anything, if arg0 is not 0, having effect: frees *arg0 if arg0 is not 0
        "#]],
    );
}

#[test]
fn a_free_on_one_way_of_returning_is_an_outcome_of_its_own() {
    check(
        "static int start(struct unit *u, int n)\n{\n\tif (n < 0) {\n\t\tkfree(u);\n\t\treturn -22;\n\t}\n\tu->n = n;\n\treturn 0;\n}\n",
        "start",
        expect![[r#"
             3: tests ?
             4: frees u
             5: returns with 0 lock(s)
             8: returns with 0 lock(s)
            effect: dereferences arg0 if arg1 in 0..=9223372036854775807
            effect: frees *arg0 if arg1 in -9223372036854775808..=-1
            outcome: returns -22..=-22, if arg1 in -9223372036854775808..=-1, having effect: frees *arg0 if arg1 in -9223372036854775808..=-1
            outcome: returns 0..=0, if arg1 in 0..=9223372036854775807
        "#]],
    );
}

#[test]
fn a_free_that_callers_cannot_tell_is_taken_for_none() {
    check(
        "static int start(struct unit *u)\n{\n\tif (u->n < 0) {\n\t\tkfree(u);\n\t\treturn 0;\n\t}\n\tu->n++;\n\treturn 0;\n}\n",
        "start",
        expect![[r#"
             3: tests ?
             4: frees u
             5: returns with 0 lock(s)
             8: returns with 0 lock(s)
            effect: dereferences arg0
            effect: frees *arg0 if *arg0.unit:n in -9223372036854775808..=-1
            outcome: returns 0..=0
        "#]],
    );
}

#[test]
fn a_lock_taken_for_the_caller_is_an_outcome_by_the_result() {
    check(
        "static int try_it(struct unit *u)\n{\n\tif (!spin_trylock(&u->lock))\n\t\treturn 0;\n\tu->n++;\n\treturn 1;\n}\n",
        "try_it",
        expect![[r#"
             3: takes unit.lock (nested)
             3: tests spin_trylock()
             4: returns with 0 lock(s)
             6: returns with 1 lock(s)
            effect: dereferences arg0
            effect: takes unit.lock at *arg0.unit:lock
            outcome: returns 0..=0
            outcome: returns 1..=1, holding unit.lock
        "#]],
    );
}

#[test]
fn a_balanced_lock_is_an_effect_too() {
    check(
        "static void bump(struct unit *u, int how)\n{\n\tif (!how)\n\t\treturn;\n\tspin_lock(&u->lock);\n\tu->n++;\n\tspin_unlock(&u->lock);\n}\n",
        "bump",
        expect![[r#"
             3: tests how
             4: returns with 0 lock(s)
             5: takes unit.lock
             7: gives back unit.lock (Some(Exact))
             8: returns with 0 lock(s)
            effect: dereferences arg0 if arg1 is not 0
            effect: takes unit.lock at *arg0.unit:lock if arg1 is not 0
        "#]],
    );
}

#[test]
fn another_objects_lock_is_not_given_back_in_its_place() {
    check(
        "void f(struct unit *x, struct unit *y)\n{\n\tspin_lock(&x->lock);\n\tspin_unlock(&y->lock);\n\tmsleep(1);\n}\n",
        "f",
        expect![[r#"
         3: takes unit.lock
         4: gives back unit.lock (None)
         5: msleep() may sleep, 1 way(s)
         6: returns with 1 lock(s)
        effect: dereferences arg0
        effect: dereferences arg1
        effect: sleeps without its caller's unit.lock
        effect: takes unit.lock at *arg0.unit:lock
        outcome: returns anything, holding unit.lock, without unit.lock
    "#]],
    );
}

#[test]
fn conditions_on_arguments_reach_the_caller() {
    check(
        "static void wait(int can_sleep)\n{\n\tif (can_sleep)\n\t\tmsleep(1);\n}\nvoid f(struct unit *u)\n{\n\twait(0);\n\twait(1);\n}\n",
        "f",
        expect![[r#"
             9: wait() may sleep, 1 way(s)
            10: returns with 0 lock(s)
            effect: sleeps
        "#]],
    );
}

#[test]
fn conditions_on_memory_reach_the_caller_and_are_decided_there() {
    check(
        "static void wait(struct unit *u)\n{\n\tif (u->n & 4)\n\t\tmsleep(1);\n}\nvoid f(struct unit *u)\n{\n\tu->n = 2;\n\twait(u);\n\tu->n = 6;\n\twait(u);\n}\n",
        "f",
        expect![[r#"
            11: wait() may sleep, 1 way(s)
            12: returns with 0 lock(s)
            effect: dereferences arg0
            effect: sleeps
        "#]],
    );
    check(
        "static void wait(struct unit *u)\n{\n\tif (u->n & 4)\n\t\tmsleep(1);\n}\n",
        "wait",
        expect![[r#"
         3: tests ?
         4: msleep() may sleep, 1 way(s)
         5: returns with 0 lock(s)
        effect: dereferences arg0
        effect: sleeps if *arg0.unit:n is not 0 and *arg0.unit:n has a bit of 0x4
    "#]],
    );
}

#[test]
fn a_lock_taken_by_a_flag_of_the_object_is_correlated_by_it() {
    check(
        "static void begin(struct unit *u)\n{\n\tif (u->n)\n\t\tspin_lock(&u->lock);\n}\n\
         void f(struct unit *u)\n{\n\tbegin(u);\n\tif (u->n)\n\t\tspin_unlock(&u->lock);\n\tmsleep(1);\n}\n",
        "f",
        expect![[r#"
             8: takes unit.lock in begin
             9: tests u->n
            10: gives back unit.lock (Some(Exact))
            11: msleep() may sleep, 1 way(s)
            12: returns with 0 lock(s)
            effect: dereferences arg0
            effect: sleeps if arg0 is not 0
            effect: takes unit.lock at *arg0.unit:lock if arg0 is not 0 and *arg0.unit:n is not 0
        "#]],
    );
}

#[test]
fn a_pair_under_a_condition_that_is_lost_in_between_is_none_of_the_callers_locks() {
    let source = "void others(struct unit *u);\nstatic void add(struct unit *u)\n{\n\tif (u->n)\n\t\tspin_lock(&u->lock);\n\tu->n = others_n();\n\
         \tif (u->n)\n\t\tspin_unlock(&u->lock);\n}\nvoid f(struct unit *u)\n{\n\tadd(u);\n}\n";
    check(
        source,
        "add",
        expect![[r#"
         4: tests u->n
         5: takes unit.lock
         7: tests others_n()
         8: gives back unit.lock (None)
         8: gives back unit.lock (Some(Exact))
         9: returns with 0 lock(s)
         9: returns with 1 lock(s)
        effect: dereferences arg0
        effect: takes unit.lock at *arg0.unit:lock if *arg0.unit:n is not 0
        outcome: returns anything
    "#]],
    );
    check(
        source,
        "f",
        expect![[r#"
        12: takes unit.lock in add
        13: returns with 0 lock(s)
        effect: dereferences arg0
        effect: takes unit.lock at *arg0.unit:lock if arg0 is not 0 and *arg0.unit:n is not 0
    "#]],
    );
}

#[test]
fn helpers_that_take_and_give_back_by_what_they_see_pair_in_their_caller() {
    let source = "void others(struct unit *u);\nstatic void enter(struct unit *u)\n{\n\tif (others_n())\n\t\tspin_lock(&u->lock);\n}\n\
         static void leave(struct unit *u)\n{\n\tif (others_n())\n\t\tspin_unlock(&u->lock);\n}\n\
         void f(struct unit *u)\n{\n\tenter(u);\n\tothers(u);\n\tleave(u);\n}\n";
    check(
        source,
        "enter",
        expect![[r#"
         4: tests others_n()
         5: takes unit.lock
         6: returns with 0 lock(s)
         6: returns with 1 lock(s)
        effect: dereferences arg0
        effect: takes unit.lock at *arg0.unit:lock
        outcome: returns anything, perhaps holding unit.lock
    "#]],
    );
    check(
        source,
        "leave",
        expect![[r#"
         9: tests others_n()
        10: gives back unit.lock (None)
        11: returns with 0 lock(s)
        effect: dereferences arg0
        outcome: returns anything, perhaps without unit.lock
    "#]],
    );
    check(
        source,
        "f",
        expect![[r#"
        14: takes unit.lock in enter
        16: gives back unit.lock (Some(Exact)) in leave
        17: returns with 0 lock(s)
        effect: dereferences arg0
        effect: takes unit.lock at *arg0.unit:lock if arg0 is not 0
    "#]],
    );
}

#[test]
fn a_lock_given_back_on_some_ways_goes_up_only_to_who_hands_it_down() {
    let source = "static void leave(struct unit *u)\n{\n\tif (others_n())\n\t\tspin_unlock(&u->lock);\n}\n\
         void hands(struct unit *u)\n{\n\tleave(u);\n}\nvoid finds(void)\n{\n\tleave(find_unit());\n}\n\
         void holds(struct unit *u)\n{\n\tspin_lock(&u->lock);\n\thands(u);\n}\n";
    check(
        source,
        "hands",
        expect![[r#"
         9: returns with 0 lock(s)
        effect: dereferences arg0
        outcome: returns anything, if arg0 is not 0, perhaps without unit.lock
    "#]],
    );
    check(
        source,
        "finds",
        expect![[r#"
        13: returns with 0 lock(s)
    "#]],
    );
    check(
        source,
        "holds",
        expect![[r#"
        16: takes unit.lock
        17: gives back unit.lock (Some(Exact)) in hands
        18: returns with 0 lock(s)
        effect: dereferences arg0
        effect: takes unit.lock at *arg0.unit:lock
        outcome: returns anything, perhaps holding unit.lock
    "#]],
    );
}
