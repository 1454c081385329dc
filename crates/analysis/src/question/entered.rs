//! How a function is entered, with an example for everything that is said.

use super::{Caller, EXCEPTIONS_MAX, Entered, Holds, Origin, Through};
use crate::words::{entry_point, lock, lock_kind};
use cuthere_base::{FileId, Loc, Step};
use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::program::contexts::{Contexts, Hop, LEVELS, OnEntry, PARTS, Part, Sought};
use cuthere_flow::program::{Hub, World};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Level;

/// A level in the kernel's words.
fn level(level: Level) -> &'static str {
    match level {
        Level::Task | Level::Inherit => "task",
        Level::Softirq => "softirq",
        Level::Hardirq => "hardirq",
        Level::Nmi => "NMI",
    }
}

/// A part of the context in the kernel's words.
fn part(part: Part) -> &'static str {
    match part {
        Part::Preempt => "preemption disabled",
        Part::Bh => "bh disabled",
        Part::Irq => "irqs disabled",
        Part::Rcu => "RCU read-side section",
        Part::Pagefault => "page faults disabled",
        Part::Softirq => "softirqs kept away",
    }
}

pub(super) fn entered(world: &World<'_>, contexts: &Contexts<'_>, f: FuncId) -> Entered {
    let ins = contexts.entered(f);
    let (certain, perhaps) = (&ins.certain, &ins.perhaps);
    // Certain ways give the example where there is one.
    let example = |sought| {
        let steps = steps(world, contexts, f, sought, true);
        if steps.is_empty() { self::steps(world, contexts, f, sought, false) } else { steps }
    };
    let holds = |what: &str, of: &dyn Fn(&OnEntry) -> (bool, bool), with: Sought, without: Option<Sought>| {
        let in_all = |way: &OnEntry| !way.reached() || of(way).0;
        let always = in_all(certain) && in_all(perhaps);
        Holds {
            what: what.to_owned(),
            kind: None,
            always,
            always_certain: certain.reached() && of(certain).0,
            sometimes_certain: of(certain).1,
            calls: None,
            not_at: Vec::new(),
            example: example(with),
            without: without.filter(|_| !always).map_or_else(Vec::new, example),
        }
    };
    let mut locks: Vec<Holds> = Vec::new();
    let only_perhaps = perhaps.locks.iter().filter(|l| !certain.held(l.class, l.kind).1);
    for l in certain.locks.iter().chain(only_perhaps) {
        let (with, without) = (Sought::Lock(l.class, l.kind), Sought::WithoutLock(l.class, l.kind));
        let mut lock = holds(l.class.as_str(), &|way| way.held(l.class, l.kind), with, Some(without));
        lock.kind = Some(lock_kind(l.kind));
        let (held, total, others) = contexts.held_at(f, l.class, l.kind);
        lock.calls = Some((held, total));
        // Where no call has it, all of them would be exceptions.
        if held > 0 {
            lock.not_at = others.iter().take(EXCEPTIONS_MAX).map(|&(g, op)| call(world, g, op)).collect();
        }
        locks.push(lock);
    }
    let order = |l: &Holds| (!l.always, !l.always_certain, std::cmp::Reverse(l.calls), l.what.clone(), l.kind);
    locks.sort_by_key(order);
    let context = PARTS
        .into_iter()
        .filter(|p| certain.part(*p).1 || perhaps.part(*p).1)
        .map(|p| holds(part(p), &|way| way.part(p), Sought::Part(p), Some(Sought::WithoutPart(p))))
        .collect();
    let only = |way: &OnEntry, l: Level| (way.level(l) && LEVELS.into_iter().all(|o| o == l || !way.level(o)), way.level(l));
    let levels = LEVELS
        .into_iter()
        .filter(|l| certain.level(*l) || perhaps.level(*l))
        .map(|l| holds(level(l), &|way| only(way, l), Sought::Level(l), None))
        .collect();
    Entered {
        certain: certain.reached(),
        assumed: ins.assumed,
        atomic: match (atomic(certain), atomic(perhaps)) {
            (Some("never"), Some("always" | "sometimes")) => "perhaps",
            (Some("always"), Some("never" | "sometimes")) => "sometimes",
            (Some(said), _) | (None, Some(said)) => said,
            (None, None) => "never",
        },
        levels,
        context,
        locks,
        truncated: certain.truncated || perhaps.truncated,
    }
}

/// Whether sleeping is forbidden on these ways; `None`: there are none.
fn atomic(way: &OnEntry) -> Option<&'static str> {
    let forbids = [Part::Preempt, Part::Bh, Part::Irq, Part::Rcu].map(|p| way.part(p));
    let above = LEVELS.into_iter().filter(|l| *l != Level::Task).any(|l| way.level(l));
    let sometimes = above || forbids.iter().any(|p| p.1) || way.locks.iter().any(|l| l.kind.spins());
    way.reached().then_some(if way.atomic() {
        "always"
    } else if sometimes {
        "sometimes"
    } else {
        "never"
    })
}

fn origin(world: &World<'_>, how: String, at: Option<(FileId, u32)>) -> Origin {
    let (file, line) = at.map_or((String::new(), 0), |(file, line)| (world.program.source.path(file).to_owned(), line));
    Origin { how, file, line }
}

pub(super) fn entry_points(world: &World<'_>, f: FuncId) -> Vec<Origin> {
    world.entry_points.get(&f).into_iter().flatten().map(|e| origin(world, entry_point(e), e.bound)).collect()
}

fn hub_text(Hub(record, field): Hub) -> String {
    if record.is_unknown() { field.as_str().to_owned() } else { format!("{record}.{field}") }
}

pub(super) fn through(world: &World<'_>, contexts: &Contexts<'_>, f: FuncId) -> Vec<Through> {
    let mut out: Vec<Through> = Vec::new();
    for (hub, calls) in contexts.hubs(f) {
        let bound = world
            .bindings(f)
            .iter()
            .filter(|b| Hub(b.record, b.field) == hub)
            .map(|b| origin(world, String::new(), Some((b.at.0, b.at.1.line))))
            .collect();
        out.push(Through { pointer: hub_text(hub), bound, calls });
    }
    out.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    out
}

pub(super) fn address_taken(world: &World<'_>, contexts: &Contexts<'_>, f: FuncId) -> Vec<Step> {
    let step = |t: &cuthere_flow::program::Taken| {
        let text = if t.by.is_empty() { "stores its address".to_owned() } else { format!("passes its address to {}()", t.by) };
        at(world, t.at.0, t.at.1, text)
    };
    contexts.unknown(f).iter().map(step).collect()
}

pub(super) fn caller(world: &World<'_>, contexts: &Contexts<'_>, (g, op, certain): (FuncId, OpId, bool)) -> Caller {
    let body = world.func(g);
    let state = contexts.calls(g).and_then(|calls| calls.at(op));
    let mut out = Caller {
        function: body.name.as_str().to_owned(),
        file: world.path(g).to_owned(),
        line: body.op(op).map_or(0, |o| o.loc.line),
        certain,
        holds: Vec::new(),
        sometimes: Vec::new(),
    };
    let Some(state) = state else { return out };
    for l in &state.held {
        if l.always { &mut out.holds } else { &mut out.sometimes }.push(lock(l.class, l.kind));
    }
    for (p, least, most) in [
        (Part::Preempt, state.least.preempt, state.most.preempt),
        (Part::Bh, state.least.bh, state.most.bh),
        (Part::Irq, state.least.irq, state.most.irq),
        (Part::Rcu, state.least.rcu, state.most.rcu),
        (Part::Pagefault, state.least.pagefault, state.most.pagefault),
    ] {
        if least > 0 {
            out.holds.push(part(p).to_owned());
        } else if most > 0 {
            out.sometimes.push(part(p).to_owned());
        }
    }
    out
}

fn at(world: &World<'_>, f: FuncId, loc: Loc, text: String) -> Step {
    Step {
        file: world.path(f).to_owned(),
        line: loc.line,
        column: u32::from(loc.col),
        function: world.func(f).name.as_str().to_owned(),
        thread: None,
        text,
    }
}

/// The shortest way in on which something holds.
fn steps(world: &World<'_>, contexts: &Contexts<'_>, f: FuncId, sought: Sought, certain: bool) -> Vec<Step> {
    let hops = contexts.example(f, sought, certain);
    let mut out: Vec<Step> = Vec::new();
    for (n, hop) in hops.iter().enumerate() {
        // The function that a pointer leads to.
        let next = hops[n + 1..].iter().find_map(|h| if let Hop::Calls(g, _) | Hop::CallsBack(g, _) = h { Some(*g) } else { None });
        let next = next.unwrap_or(f);
        match *hop {
            Hop::Entry(g, e) => {
                let mut step = at(world, g, world.func(g).loc, entry_point(e));
                if let Some((file, line)) = e.bound {
                    (step.file, step.line, step.column) = (world.program.source.path(file).to_owned(), line, 0);
                }
                out.push(step);
            }
            Hop::Assumed(g) => {
                let how = match world.bindings(g).first() {
                    _ if !contexts.entered(g).assumed => "is a system call".to_owned(),
                    Some(b) => format!("is bound to {}, through which no call is seen", hub_text(Hub(b.record, b.field))),
                    None => "is called by nobody that is seen".to_owned(),
                };
                out.push(at(world, g, world.func(g).loc, format!("{how}: task context with nothing held")));
            }
            Hop::Begins(g, op) => out.extend(op.and_then(|op| begins(world, g, op, sought))),
            Hop::Calls(g, op) | Hop::CallsBack(g, op) => {
                let begins = n > 0 && matches!(hops[n - 1], Hop::Begins(_, None));
                let with = if begins { format!(" with {}", sought_text(sought)) } else { String::new() };
                let back =
                    if matches!(hop, Hop::CallsBack(..)) { format!(", which calls {}()", world.func(next).name) } else { String::new() };
                let mut step = call(world, g, op);
                step.text += &format!("{back}{with}");
                out.push(step);
            }
            Hop::Through(hub) => {
                let mut step = at(world, next, world.func(next).loc, format!("is what {} calls", hub_text(hub)));
                if let Some(b) = world.bindings(next).iter().find(|b| Hub(b.record, b.field) == hub) {
                    step.file = world.program.source.path(b.at.0).to_owned();
                    (step.line, step.column) = (b.at.1.line, u32::from(b.at.1.col));
                }
                out.push(step);
            }
        }
    }
    out
}

/// A call as a step.
fn call(world: &World<'_>, g: FuncId, op: OpId) -> Step {
    let loc = world.func(g).op(op).map_or(world.func(g).loc, |o| o.loc);
    at(world, g, loc, format!("calls {}", callee(world, g, op)))
}

/// What begins a way: a lock is taken.
fn begins(world: &World<'_>, g: FuncId, op: OpId, sought: Sought) -> Option<Step> {
    let o = world.func(g).op(op)?;
    let what = match sought {
        Sought::Lock(class, _) => class.as_str().to_owned(),
        _ => return None,
    };
    let by = match o.kind {
        OpKind::Call { .. } => format!(" by {}", callee(world, g, op)),
        OpKind::GuardEnter { class, .. } => format!(" by guard({class})"),
        _ => String::new(),
    };
    Some(at(world, g, o.loc, format!("takes {what}{by}")))
}

fn callee(world: &World<'_>, g: FuncId, op: OpId) -> String {
    let body = world.func(g);
    match body.op(op).map(|o| o.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => format!("{name}()"),
        Some(OpKind::Call { target: Target::Pointer(e), .. }) => match body.ops_field(e) {
            Some((record, field)) => hub_text(Hub(record, field)),
            None => format!("{}()", body.text(e)),
        },
        _ => String::new(),
    }
}

fn sought_text(sought: Sought) -> String {
    match sought {
        Sought::Level(l) => level(l).to_owned(),
        Sought::Part(p) => part(p).to_owned(),
        Sought::WithoutPart(Part::Rcu) => "the read-side section left".to_owned(),
        Sought::WithoutPart(p) => part(p).replace("disabled", "enabled again"),
        Sought::Lock(class, _) => format!("{class} held"),
        Sought::WithoutLock(class, _) => format!("{class} given back"),
    }
}
