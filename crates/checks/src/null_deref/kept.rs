//! New memory that is stored in an object, where the function that does so never looks at it.
//!
//! Who uses the object takes what is there for granted, unless it is asked for there: that is not seen, so nothing of this is of more than low confidence.

use cuthere_analysis::{Claim, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, Expr, ExprId, LocalId, OpId, OpKind, Target, Term};
use cuthere_flow::program::World;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Returns;

/// The allocations of a function whose result is stored and not looked at.
pub(super) fn kept(world: &World<'_>, func: FuncId) -> impl Iterator<Item = Claim> {
    let body = world.func(func);
    body.all_ops().filter_map(move |(op, call)| {
        let OpKind::Call { dst: Some(result), target: Target::Name(name), .. } = call.kind else { return None };
        // The row first: it is cheap, and most calls have none that makes anything.
        world.model.entry(name).filter(|e| (e.allocates || e.managed) && e.returns == Returns::MayNull && !e.lookup)?;
        let place = stored(body, op, result).filter(|&place| !looked_at(body, place))?;
        let text = body.text(place);
        let message = format!("`{text}` may be NULL (from `{name}()`), and nobody asks for it here");
        let claim = Claim::new(op, (func, call.loc), Confidence::Low, message)
            .step(func, call.loc, format!("`{text}` = {name}(), which may be NULL"))
            .assume("who uses it does not ask either");
        Some(claim.identity(format!("kept {name} {text}")).assume_all(words::weak_place(world, func).map(str::to_owned)))
    })
}

/// Where the result of a call is stored: at once, or from a variable that is used for nothing else.
fn stored(body: &Body, call: OpId, result: LocalId) -> Option<ExprId> {
    if body.local_name(result).is_empty() {
        return stored_at_once(body, call, result);
    }
    let own = |e: ExprId| body.loaded_local(e) == Some(result);
    // What is dereferenced here is judged for that; what is handed to a call may be looked at there.
    let used = |kind: OpKind| match kind {
        OpKind::Access { ptr, .. } => own(ptr),
        OpKind::Call { args, .. } => body.call_args(args).iter().any(|&e| own(e)),
        _ => false,
    };
    let asked = |term: &Term| match *term {
        Term::Branch { cond, .. } | Term::Switch { value: cond, .. } => body.mentions_local(cond, result),
        _ => false,
    };
    let address = body.exprs.iter().any(|e| matches!(*e, Expr::Addr(p) if body.expr(p) == Expr::Local(result)));
    if address || body.ops.iter().filter(|o| body.sets_local(o.kind, result)).count() > 1 || body.ops.iter().any(|o| used(o.kind)) {
        return None;
    }
    if body.blocks().any(|(_, block)| asked(&block.term)) {
        return None;
    }
    body.ops[call.index() + 1..].iter().find_map(|o| stores(body, o.kind, result))
}

/// Where a store puts a variable's value, if it does.
fn stores(body: &Body, kind: OpKind, variable: LocalId) -> Option<ExprId> {
    match kind {
        OpKind::Store { place, value } if body.loaded_local(value) == Some(variable) => Some(place),
        _ => None,
    }
}

/// Where a result without a name of its own goes.
fn stored_at_once(body: &Body, call: OpId, result: LocalId) -> Option<ExprId> {
    let next = body.ops[call.index() + 1..].iter().find(|o| !matches!(o.kind, OpKind::Access { .. }))?;
    stores(body, next.kind, result)
}

/// What takes the result of a call, as written.
pub(super) fn taker(body: &Body, call: OpId, result: LocalId) -> Option<String> {
    let name = body.local_name(result);
    if name.is_empty() { stored_at_once(body, call, result).map(|place| body.text(place)) } else { Some(name.as_str().to_owned()) }
}

/// Whether a place is no member, or a member of this name and record is loaded anywhere in the function.
fn looked_at(body: &Body, place: ExprId) -> bool {
    let Expr::Field { record, name, .. } = body.expr(place) else { return true };
    let same = |p: ExprId| matches!(body.expr(p), Expr::Field { record: r, name: n, .. } if (r, n) == (record, name));
    body.exprs.iter().any(|e| matches!(*e, Expr::Load(p, _) if same(p)))
}
