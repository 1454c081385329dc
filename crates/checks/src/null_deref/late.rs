//! Tests that come too late.

use cuthere_analysis::{Claim, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{BlockId, OpId, OpKind, Target};
use cuthere_flow::engine::{Event, Path, null_return};
use cuthere_flow::value::ValueId;

/// A test that comes after the dereference of the same value.
pub(super) fn tested_late(path: &Path<'_, '_>, event: &Event<'_>, value: ValueId, block: BlockId) -> Option<Claim> {
    if !path.tests_pointer(block) {
        return None;
    }
    let &(_, op) = path.state.derefs.iter().find(|d| d.0 == value)?;
    let deref = path.body.op(op)?;
    let (text, what) = words::accessed(path.body, op, None)?;
    // Looked up, nearly all such tests were made for safety's sake: only what a call may give as NULL, or what somebody
    // else may take away at any time, needs one.
    let root = path.values.pointer_root(value);
    let call = path.values.call(root);
    let published = |call: OpId| match path.body.op(call).map(|op| op.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => path.world.model.entry(name).is_some_and(|e| e.rcu_read),
        _ => false,
    };
    let needed = call.is_some_and(|call| published(call) || null_return(path.world, path.func, call).is_some());
    let confidence = if needed { Confidence::Medium } else { Confidence::Low };
    let claim = Claim::here(path, event, confidence, format!("`{text}` is dereferenced before it is tested for NULL"))
        .step(path.func, deref.loc, what)
        .step(path.func, event.loc, format!("tests `{text}` for NULL"))
        .assume(format!("the test of `{text}` at line {} is needed", event.loc.line))
        .identity(format!("late {text}"));
    let claim = claim.unless_handed(path.handed_by_callers(value)).weakness(words::weak_place(path.world, path.func));
    Some(claim.about(op).at(path.func, deref.loc))
}
