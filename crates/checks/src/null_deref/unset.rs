//! A variable that begins as NULL, is set under one condition, used whether or not that held, and tested behind the use.
//!
//! What is set under a condition goes together with other conditions as a rule; here there is no other one on the way to the use, and the test behind it says that the
//! variable may be NULL there.

use cuthere_flow::body::{BlockId, ExprId, LocalId, OpId, Term};
use cuthere_flow::engine::{Event, Path};

/// Whether the pointer that is used is a variable of that kind, and this the way on which it was not set.
pub(super) fn never_set(path: &Path<'_, '_>, event: &Event<'_>, pointer: Option<ExprId>) -> bool {
    let body = path.body;
    let Some(local) = pointer.and_then(|e| body.loaded_local(e)) else { return false };
    let mut decisions = path.decisions();
    let (Some(only), None) = (decisions.next(), decisions.next()) else { return false };
    let within = !leaves_loop(path, only.block, event.op);
    within
        && !path.state.merged
        && path.state.rounds.is_empty()
        && event.unconditional(path.world)
        && event.certain(path.world)
        && path.set_to_null(local)
        && tested_behind(path, local, event.op)
}

/// Whether the decision is that of a loop's head, and the use lies behind the loop.
fn leaves_loop(path: &Path<'_, '_>, decided: BlockId, used: OpId) -> bool {
    let body = path.body;
    matches!(body.block(decided).term, Term::LoopBranch { .. }) || body.reaches(decided, decided, None) && !body.follows(used, decided)
}

/// Whether some branch behind an operation tests a variable that was not set in between.
fn tested_behind(path: &Path<'_, '_>, local: LocalId, used: OpId) -> bool {
    let body = path.body;
    body.blocks().any(|(id, b)| match b.term {
        Term::Branch { cond, .. } if b.ops.1 > used.0 && path.tests_pointer(id) && body.mentions_local(cond, local) => {
            !body.all_ops().any(|(op, o)| op > used && op.0 < b.ops.1 && body.sets_local(o.kind, local))
        }
        _ => false,
    })
}
