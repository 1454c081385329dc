//! Whether what would interrupt a place is kept away meanwhile: disabled or stopped before, set up only afterwards, or an operation that is not called then.
//!
//! Looked at are the functions on the way to the place, each up to its call of the next, and what they call by name, one call down. Which of several
//! interrupts or timers of a driver is meant is not told apart: who stops one before the place stops that which matters.

use cuthere_analysis::Tree;
use cuthere_base::Symbol;
use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::program::contexts::Hop;
use cuthere_flow::program::{Callees, EntryPoint};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::CallbackOp;

/// What keeps the interrupting side away from a place, in words.
pub(super) fn kept_away(tree: &Tree<'_>, hops: &[Hop<'_>], comes: &[Hop<'_>], place: (FuncId, OpId)) -> Option<String> {
    let entry = |hops: &[Hop<'_>]| match hops.first() {
        Some(Hop::Entry(_, entry)) => Some((*entry).clone()),
        _ => None,
    };
    let comes = entry(comes)?;
    if let Some(why) = entry(hops).and_then(|own| not_during(tree, &own, &comes)) {
        return Some(why);
    }
    let kind = comes.how.strip_suffix(" callback")?;
    if kind == "irq"
        && let Some(Hop::Entry(first, own)) = hops.first()
        && field(own).is_some_and(|f| matches!(f, "probe" | "attach"))
        && comes.bound.is_some_and(|at| !binds_below(tree, *first, at))
    {
        return Some(format!("`{}()` runs before anybody requests the interrupt", tree.world.func(*first).name));
    }
    let calls = hops.iter().filter_map(|hop| match *hop {
        Hop::Calls(g, op) | Hop::CallsBack(g, op) => Some((g, op)),
        _ => None,
    });
    // Before a device is opened, or probed, none of its timers runs either.
    let begins = entry(hops).is_some_and(|own| field(&own).is_some_and(|f| matches!(f, "ndo_open" | "open" | "probe" | "attach")));
    calls.chain([place]).find_map(|(f, op)| shut_off(tree, f, op, (kind, begins)))
}

/// The member of the operations table that a function is entered by.
pub(super) fn field(entry: &EntryPoint) -> Option<&str> {
    entry.how.split_once('.').map(|(_, field)| field)
}

/// Whether a place runs only while a driver takes or gives up a device, and its handler, an operation, keeps what it disables away itself: the operations are registered
/// only afterwards, or are no more.
pub(super) fn beside_registration(hops: &[Hop<'_>], comes: &[Hop<'_>], handler_disables: bool) -> bool {
    let entry = |hops: &[Hop<'_>]| match hops.first() {
        Some(Hop::Entry(_, entry)) => Some((*entry).clone()),
        _ => None,
    };
    let edge = |e: &EntryPoint| field(e).is_some_and(|f| matches!(f, "probe" | "remove" | "remove_new" | "attach" | "detach"));
    handler_disables && entry(hops).is_some_and(|e| edge(&e)) && entry(comes).is_some_and(|e| field(&e).is_some())
}

/// Functions below one that takes a device, and calls down to them, which are looked at.
const BELOW_MAX: usize = 400;
const DOWN_MAX: u32 = 5;

/// Whether a function, or one below it, has an operation at a place.
fn binds_below(tree: &Tree<'_>, first: FuncId, (file, line): (cuthere_base::FileId, u32)) -> bool {
    let world = tree.world;
    let (mut seen, mut next) = (std::collections::HashSet::from([first]), vec![first]);
    for _ in 0..=DOWN_MAX {
        for f in std::mem::take(&mut next) {
            let body = world.func(f);
            if body.file == file && body.all_ops().any(|(_, op)| op.loc.line == line) {
                return true;
            }
            for (_, callees) in &world.callees[f.index()] {
                if let Callees::One(g) = *callees
                    && seen.len() < BELOW_MAX
                    && seen.insert(g)
                {
                    next.push(g);
                }
            }
        }
    }
    seen.len() >= BELOW_MAX
}

/// The operation that one side is called as is not called while that of the other side runs.
fn not_during(tree: &Tree<'_>, own: &EntryPoint, comes: &EntryPoint) -> Option<String> {
    let (record, field) = comes.how.split_once('.')?;
    let (own_record, own_field) = own.how.split_once('.')?;
    let known = tree.world.model.ops_field(Symbol::find(record)?, Symbol::find(field)?)?;
    let apart = own_record == record && known.not_during.iter().any(|f| f.as_str() == own_field);
    apart.then(|| format!("`{field}` is called while `{own_field}` runs"))
}

/// What a function does with callbacks of a kind, before and after an operation.
fn shut_off(tree: &Tree<'_>, f: FuncId, at: OpId, (kind, begins): (&str, bool)) -> Option<String> {
    let body = tree.world.func(f);
    let (mut stopped, mut set_up, mut later) = (None, false, None);
    for (id, op) in body.all_ops() {
        let OpKind::Call { target: Target::Name(name), .. } = op.kind else { continue };
        if id == at {
            continue;
        }
        let Some(deed) = deed(tree, f, id, name, (kind, begins)) else { continue };
        match deed {
            Deed::Sets if id < at && kind == "irq" && body.only_where_failed(id, at) => later = later.or(Some(name)),
            // An interrupt is requested once; timers are armed again and again.
            Deed::Sets if id < at => (set_up, stopped) = (true, None),
            Deed::Sets if body.block_of(at).zip(body.block_of(id)).is_some_and(|(x, y)| x == y || body.reaches(x, y, None)) => {
                later = later.or(Some(name))
            }
            Deed::Stops if id < at && body.dominates(id, body.block_of(at)) => stopped = Some(name),
            _ => {}
        }
    }
    if let Some(name) = stopped {
        return Some(format!("what `{}()` stops by {name}() is something else", body.name));
    }
    later.filter(|_| !set_up).map(|name| format!("it comes before `{}()` has called {name}()", body.name))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Sets,
    Stops,
}

/// What a call does with callbacks of a kind, itself or as the first thing down.
fn deed(tree: &Tree<'_>, f: FuncId, at: OpId, name: Symbol, (kind, begins): (&str, bool)) -> Option<Deed> {
    let world = tree.world;
    let primitive = |name: Symbol| {
        let entry = world.model.entry(name)?;
        entry.callbacks.iter().filter(|c| c.kind.as_str() == kind).find_map(|c| match c.op {
            CallbackOp::Setup => Some(Deed::Sets),
            CallbackOp::Arm if kind == "irq" || begins => Some(Deed::Sets),
            CallbackOp::CancelSync | CallbackOp::Flush => Some(Deed::Stops),
            _ => None,
        })
    };
    if let Some(deed) = primitive(name) {
        return Some(deed);
    }
    let Callees::One(g) = world.callees(f, at)? else { return None };
    let inner = world.func(*g);
    let mut deeds = inner.all_ops().filter_map(|(_, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => primitive(name),
        _ => None,
    });
    // A helper that does both (an error path) is no help.
    let first = deeds.next()?;
    deeds.all(|d| d == first).then_some(first)
}
