//! Conditions, values and places in words, in the names of the function they belong to.

use cuthere_flow::body::{Body, LocalId};
use cuthere_flow::summary::{Condition, Ctx, Guard, RelPlace, RelRoot, RelStep, Subject, Test};
use cuthere_flow::value::Interval;

fn param(body: &Body, n: u8) -> String {
    let name = body.local_name(LocalId::new(u32::from(n)));
    if name.is_empty() { format!("argument {}", n + 1) } else { name.as_str().to_owned() }
}

/// Which values a set holds, after the name of what they are of.
pub fn values(what: &str, set: Interval) -> String {
    if set == Interval::TOP {
        return format!("any {what}");
    }
    if let Some(v) = set.value() {
        return format!("{what} == {v}");
    }
    if set == Interval::OBJECT {
        return format!("{what} is neither NULL nor an error pointer");
    }
    if set == Interval::NON_ZERO {
        return format!("{what} != 0");
    }
    if set == Interval::ERR {
        return format!("{what} is an error pointer");
    }
    let mut text = match (set.lo, set.hi) {
        (i64::MIN, i64::MAX) => what.to_owned(),
        (i64::MIN, hi) => format!("{what} <= {hi}"),
        (lo, i64::MAX) => format!("{what} >= {lo}"),
        (lo, hi) => format!("{lo} <= {what} <= {hi}"),
    };
    if set.not_zero && set.lo < 0 && set.hi > 0 {
        text += ", not 0";
    }
    if set.not_err && set.lo < 0 {
        text += ", no error pointer";
    }
    text
}

fn guard(body: &Body, guard: &Guard) -> String {
    let name = |subject: &Subject| subject.place().map_or_else(|| param(body, subject.param), |memory| place(body, &memory, false));
    let test = |(subject, test): &(Subject, Test)| match test {
        Test::In(set) => values(&name(subject), *set),
        Test::Function(f) => format!("{} is {f}()", name(subject)),
        Test::AnyBit(mask) => format!("{} & {mask:#x}", name(subject)),
        Test::NoBit(mask) => format!("!({} & {mask:#x})", name(subject)),
    };
    guard.iter().map(test).collect::<Vec<_>>().join(" and ")
}

/// A condition on arguments; empty: it always holds.
pub fn condition(body: &Body, condition: &Condition) -> String {
    if condition.iter().any(|g| g.is_empty()) {
        return String::new();
    }
    condition.iter().map(|g| guard(body, g)).collect::<Vec<_>>().join(", or ")
}

/// The same for a single guard.
pub fn one_guard(body: &Body, g: &Guard) -> String {
    guard(body, g)
}

/// A place as the function's callers know it. `object`: what is meant is what lies there, named by the pointer to it.
pub fn place(body: &Body, place: &RelPlace, object: bool) -> String {
    // Whether the next member is reached through a pointer.
    let (mut text, mut pointer) = match place.root {
        RelRoot::Param(n) => (param(body, n), true),
        RelRoot::Global(name) => (name.as_str().to_owned(), false),
        RelRoot::Result => ("its result".to_owned(), true),
        RelRoot::Unknown => return "something that callers cannot name".to_owned(),
    };
    for step in &place.path {
        match step {
            RelStep::Field(name, _) => {
                text = format!("{text}{}{name}", if pointer { "->" } else { "." });
                pointer = false;
            }
            RelStep::Around(record, member) => {
                text = format!("container_of({}{text}, {record}, {member})", if pointer { "" } else { "&" });
                pointer = true;
            }
            RelStep::Deref => {
                if pointer {
                    text = format!("(*{text})");
                }
                pointer = true;
            }
        }
    }
    match (pointer, object) {
        (true, false) => format!("*{text}"),
        (false, true) => format!("&{text}"),
        _ => text,
    }
}

/// What a function leaves different of the context.
pub fn context_left(ctx: Ctx) -> Vec<String> {
    let parts = [
        (ctx.preempt, "preemption"),
        (ctx.bh, "bh"),
        (ctx.irq, "irqs"),
        (ctx.rcu, "RCU read-side section"),
        (ctx.pagefault, "page faults"),
    ];
    let word = |n: i8, rcu: bool| match (n > 0, rcu) {
        (true, true) => "entered",
        (false, true) => "left",
        (true, false) => "disabled",
        (false, false) => "enabled",
    };
    parts.iter().filter(|(n, _)| *n != 0).map(|(n, part)| format!("{part} {}", word(*n, part.starts_with("RCU")))).collect()
}
