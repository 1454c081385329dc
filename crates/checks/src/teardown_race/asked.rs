//! A timer or work item is waited for only if it is pending, and the object is freed then: a callback that has just begun is no longer pending, and still runs.

use super::order::freed_later;
use super::parts::{Key, Teardown, Uses};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, ExprId, OpId};
use cuthere_flow::index::{Deed, LifeUse};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Custom;

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    for (key, uses) in &all.objects {
        for (f, cancel) in uses.of(|d| matches!(d, Deed::CancelSync { .. })) {
            claims.extend(asked(all, *key, uses, (*f, cancel)));
        }
    }
}

fn asked(all: &Teardown<'_>, key: Key, uses: &Uses, (f, cancel): (FuncId, &LifeUse)) -> Option<Claim> {
    let body = all.world.func(f);
    let object = first(body, cancel.op)?;
    let asks = |op: OpId| {
        body.named_call(op).is_some_and(|(name, _)| all.world.model.is_custom(Custom::AsksPending, name)) && first(body, op) == Some(object)
    };
    let only_if = |op: OpId| body.dominates(op, body.block_of(cancel.op)) && !all.lives.always_after(f, op, cancel.op);
    let (ask, _) = body.all_ops().find(|&(op, _)| op < cancel.op && asks(op) && only_if(op))?;
    // Elsewhere it may be waited for in any case.
    let again = uses.of(|d| matches!(d, Deed::CancelSync { .. } | Deed::Flush)).any(|u| u.0 != f || u.1.op != cancel.op);
    let end = freed_later(all, f, key.owner, cancel.op)?;
    let runs = uses.callbacks().next();
    let (armer, arm) = uses.first_arm()?;
    let name = key.text();
    let by = all.called(f, ask);
    let message = format!("`{name}` is waited for only if it is pending, and the object is freed while its callback may still run");
    let sure = if again { Confidence::Low } else { Confidence::Medium };
    let claim = Claim::new(ask, (f, all.loc(f, ask)), sure, message);
    let claim = all.show_armed(claim, (*armer, arm), runs, &name).thread(all.thread(0, f));
    let claim = claim.step(f, all.loc(f, ask), format!("{by}() says no: the callback has begun, and does not wait for it"));
    let claim = match end {
        Some((g, d)) => all.show(claim, g, &d, "frees the object"),
        None => claim.assume("the device core frees the object when this function has returned"),
    };
    let claim = if again { claim.assume("nobody else has waited for it before") } else { claim };
    Some(claim.identity(format!("{name} asked {}", all.name(f))))
}

/// The first argument of a call.
fn first(body: &Body, op: OpId) -> Option<ExprId> {
    body.named_call(op)?.1.first().copied()
}
