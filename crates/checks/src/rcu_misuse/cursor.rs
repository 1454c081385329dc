//! The element at hand of a walk under RCU, given up outside of the section: it may be freed before the next section begins in which the walk goes on from it.

use cuthere_analysis::{Claim, words};
use cuthere_base::Confidence;
use cuthere_flow::body::OpKind;
use cuthere_flow::engine::event::EventKind;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::value::{Origin, Value};
use cuthere_kernel::RefOp;

pub(super) fn given_up(path: &Path<'_, '_>, event: &Event<'_>) -> Option<Claim> {
    let EventKind::Reference { pointer, op: RefOp::Put, .. } = event.kind else { return None };
    let (state, body) = (path.state, path.body);
    let root = path.values.pointer_root(pointer);
    let Value::Fresh(Origin::Cursor(next, _)) = path.values.get(root) else { return None };
    let OpKind::LoopNext { name, .. } = body.op(next)?.kind else { return None };
    // Whatever keeps a grace period from ending, or the element on its list.
    let kept =
        state.ctx.rcu > 0 || state.atomic() || !state.locks.held.is_empty() || !state.locks.asserted.is_empty() || state.locks.doubtful;
    let walk = path.world.model.loop_macro(name)?;
    let goes_on = walk.rcu_read && body.follows(event.op, body.block_of(next)?);
    if kept || !goes_on || words::is_test_code(path.world.path(path.func)) {
        return None;
    }
    let cursor = path.describe(root)?;
    let message = format!("`{cursor}` is given up outside of the read-side section, and {name}() goes on from it");
    let sure = if state.merged { Confidence::Low } else { Confidence::Medium };
    let claim = Claim::here(path, event, sure, message)
        .step_at(path, Some(next), format!("{name}() reaches `{cursor}`"))
        .step(path.func, event.loc, format!("gives up its reference to `{cursor}`, which may be the last one, with no section open"))
        .down(path.world, event.way)
        .step_at(path, Some(next), format!("reads the next element from `{cursor}`"));
    Some(claim.assume("nothing else keeps the element").cause(next).identity(format!("cursor {cursor}")).unless_protected_by_callers())
}
