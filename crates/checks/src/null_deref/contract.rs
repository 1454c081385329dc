//! Calls that can fail, but not here: by what was done with the same object before.

use cuthere_flow::body::{Body, ExprId, OpId, OpKind, Target};
use cuthere_flow::engine::Path;
use cuthere_kernel::{Entry, RefOp};

/// Why a call does not fail where it is made, if there is a reason.
pub(super) fn cannot_fail(path: &Path<'_, '_>, call: OpId, entry: &Entry) -> Option<String> {
    let body = path.body;
    let object = first_argument(body, call)?;
    if entry.refs.iter().any(|r| r.op == RefOp::GetUnlessZero) {
        // Whoever has not found the object by itself holds a reference.
        return Some(format!("`{}` has a reference already", body.text(object)));
    }
    let vouches = |op: OpId| {
        let OpKind::Call { target: Target::Name(name), dst, .. } = body.op(op)?.kind else { return None };
        let made = || dst.is_some() && dst == body.loaded_local(object);
        let same = || first_argument(body, op).is_some_and(|e| body.text(e) == body.text(object));
        let before = || match (body.block_of(op), body.block_of(call)) {
            (Some(a), Some(b)) if a == b => op < call,
            (Some(a), Some(b)) => body.reaches(a, b, None),
            _ => op < call,
        };
        (entry.vouched_by.contains(&name) && (made() || same()) && before()).then_some(name)
    };
    let name = entry.vouched_by.first().and_then(|_| body.all_ops().find_map(|(op, _)| vouches(op)))?;
    Some(format!("{name}() does not see to it"))
}

fn first_argument(body: &Body, call: OpId) -> Option<ExprId> {
    match body.op(call)?.kind {
        OpKind::Call { args, .. } => body.call_args(args).first().copied(),
        _ => None,
    }
}
