//! New memory that is stored in an object, where the function that does so never looks at it.
//!
//! Who uses the object takes what is there for granted, unless it is asked for there: that is not seen, so nothing of this is of more than low confidence.

use cuthere_analysis::{Claim, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, Expr, ExprId, OpKind, Target};
use cuthere_flow::program::World;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Returns;

/// The allocations of a function whose result is stored and not looked at.
pub(super) fn kept(world: &World<'_>, func: FuncId) -> impl Iterator<Item = Claim> {
    let body = world.func(func);
    body.all_ops().filter_map(move |(op, call)| {
        let OpKind::Call { dst: Some(result), target: Target::Name(name), .. } = call.kind else { return None };
        let next = body.ops[op.index() + 1..].iter().find(|o| !matches!(o.kind, OpKind::Access { .. }))?;
        let OpKind::Store { place, value } = next.kind else { return None };
        if body.loaded_local(value) != Some(result) || !body.local_name(result).is_empty() {
            return None;
        }
        // The row first: it is cheap, and most calls have none that allocates.
        world.model.entry(name).filter(|e| e.allocates && e.returns == Returns::MayNull && !looked_at(body, place))?;
        let text = body.text(place);
        let message = format!("`{text}` may be NULL (from `{name}()`), and nobody asks for it here");
        let claim = Claim::new(op, (func, call.loc), Confidence::Low, message)
            .step(func, call.loc, format!("`{text}` = {name}(), which may be NULL"))
            .assume("who uses it does not ask either");
        Some(claim.identity(format!("kept {name} {text}")).assume_all(words::weak_place(world, func).map(str::to_owned)))
    })
}

/// Whether a place is no member, or a member of this name and record is loaded anywhere in the function.
fn looked_at(body: &Body, place: ExprId) -> bool {
    let Expr::Field { record, name, .. } = body.expr(place) else { return true };
    let same = |p: ExprId| matches!(body.expr(p), Expr::Field { record: r, name: n, .. } if (r, n) == (record, name));
    body.exprs.iter().any(|e| matches!(*e, Expr::Load(p, _) if same(p)))
}
