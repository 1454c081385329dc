//! Whether a call may wait for others: for a grace period, for a callback, or, by what it says itself, for a wake-up.

use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::engine::event::CallEvent;
use cuthere_flow::program::World;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{CallbackOp, Entry};

/// Calls below a call that are looked at.
const DEPTH_MAX: u32 = 5;

/// Functions below a call that are looked at.
const FUNCS_MAX: usize = 100;

/// Whether a call that may sleep may wait for readers.
pub(super) fn may_wait(world: &World<'_>, func: FuncId, op: OpId, call: &CallEvent<'_>) -> bool {
    match call.entry {
        Some(entry) => waits(entry) || entry.waits.is_some(),
        None => call.callees.is_empty() || reaches(world, func, op),
    }
}

fn waits(entry: &Entry) -> bool {
    let stops = |op: CallbackOp| matches!(op, CallbackOp::CancelSync | CallbackOp::Flush);
    entry.grace_period || entry.callbacks.iter().any(|c| stops(c.op))
}

fn reaches(world: &World<'_>, func: FuncId, op: OpId) -> bool {
    let mut seen = Vec::new();
    targets(world, func, op).iter().any(|&f| waits_inside(world, f, 0, &mut seen))
}

fn targets<'w>(world: &'w World<'_>, func: FuncId, op: OpId) -> &'w [FuncId] {
    world.callees(func, op).map_or(&[][..], |c| c.list())
}

/// A function that was looked at, after so many calls, and whether it waits.
struct Seen {
    func: FuncId,
    depth: u32,
    waits: bool,
}

/// Whether a function may wait, by itself or below. Of several functions that a call further down may run, one that does not wait is enough for readers to be left.
fn waits_inside(world: &World<'_>, f: FuncId, depth: u32, seen: &mut Vec<Seen>) -> bool {
    let known = seen.iter().position(|s| s.func == f);
    if let Some(s) = known.map(|at| &seen[at]).filter(|s| s.waits || s.depth <= depth) {
        return s.waits;
    }
    if depth >= DEPTH_MAX || known.is_none() && seen.len() >= FUNCS_MAX {
        return false;
    }
    let at = known.unwrap_or(seen.len());
    let entry = Seen { func: f, depth, waits: false };
    match known {
        Some(at) => seen[at] = entry,
        None => seen.push(entry),
    }
    let found = world.func(f).all_ops().any(|(op, o)| {
        let OpKind::Call { target, .. } = o.kind else { return false };
        let below = targets(world, f, op);
        match target {
            Target::Name(name) if let Some(entry) = world.entry(name, !below.is_empty()) => waits(entry),
            _ => !below.is_empty() && below.iter().all(|&g| waits_inside(world, g, depth + 1, seen)),
        }
    });
    seen[at].waits = found;
    found
}
