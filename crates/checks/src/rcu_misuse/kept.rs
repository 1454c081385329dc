//! What keeps an object after its read-side section, other than a reference to it: a count of the structure that leads to it.

use cuthere_flow::body::{ExprId, LocalId, OpId};
use cuthere_flow::engine::Path;
use cuthere_kernel::{Custom, RefOp};

/// Whether a count that is reached by the same variable as the object is raised between where it was found and its use, and lowered later in the function: whoever takes the
/// object away waits for such a count after the grace period.
pub(super) fn counted(path: &Path<'_, '_>, found: OpId, used: OpId) -> bool {
    let body = path.body;
    let Some((_, args)) = body.named_call(found) else { return false };
    let counts = |op: OpId, word: &str, change: RefOp| {
        let (name, args) = body.named_call(op)?;
        let custom = path.world.model.is_custom(Custom::SetsFlag, name) && name.as_str().ends_with(word);
        let known = path.world.model.entry(name).is_some_and(|e| e.refs.iter().any(|r| r.op == change));
        args.first().copied().filter(|_| custom || known)
    };
    let raised = body.all_ops().filter(|(op, _)| *op > found && *op < used).filter_map(|(op, _)| counts(op, "_inc", RefOp::Get));
    let lowered = |count: ExprId| {
        let text = body.text(count);
        body.all_ops()
            .filter(|(op, _)| *op > found)
            .filter_map(|(op, _)| counts(op, "_dec", RefOp::Put))
            .any(|other| body.text(other) == text)
    };
    let beside = |count: &ExprId| {
        (0..body.locals.len() as u32)
            .map(LocalId::new)
            .any(|l| body.mentions_local(*count, l) && args.iter().any(|&e| body.mentions_local(e, l)))
    };
    raised.filter(beside).any(lowered)
}
