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
    let mut seen: Vec<FuncId> = Vec::new();
    let targets = |f: FuncId, op: OpId| world.callees(f, op).map_or(&[][..], |c| c.list());
    let mut open: Vec<(FuncId, u32)> = targets(func, op).iter().map(|f| (*f, 0)).collect();
    while let Some((f, depth)) = open.pop() {
        if seen.contains(&f) || depth >= DEPTH_MAX || seen.len() >= FUNCS_MAX {
            continue;
        }
        seen.push(f);
        for (op, o) in world.func(f).all_ops() {
            let OpKind::Call { target, .. } = o.kind else { continue };
            let below = targets(f, op);
            if let Target::Name(name) = target
                && let Some(entry) = world.entry(name, !below.is_empty())
            {
                if waits(entry) {
                    return true;
                }
                continue;
            }
            open.extend(below.iter().map(|g| (*g, depth + 1)));
        }
    }
    false
}
