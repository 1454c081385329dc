//! An object lies on the stack of who waits for its completion, and who completes it goes on to use it: the waiter may have returned by then.

use super::doomed::led_by;
use super::parts::{Key, Teardown};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, Expr, ExprId, LocalId, Op, OpId, OpKind, Target};
use cuthere_flow::index::{Deed, LifeUse};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::LockRef;

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    for (key, uses) in &all.objects {
        let waits: Vec<&(FuncId, LifeUse)> = uses.of(|d| d == Deed::Wait).filter(|u| u.1.kind.as_str().contains("completion")).collect();
        let leaves = |u: &&&(FuncId, LifeUse)| on_stack(all, u.0, u.1.op) && goes_on(all, u.0, u.1.op);
        let Some(&(waiter, wait)) = waits.iter().find(leaves).copied() else { continue };
        // Others of its kind may be waited for otherwise, or by nobody.
        let kinds = waits.len() > 1 && !waits.iter().all(|u| on_stack(all, u.0, u.1.op)) || made_elsewhere(all, *key);
        for (f, wake) in uses.of(|d| d == Deed::Wake).filter(|u| u.0 != waiter && u.1.kind.as_str().starts_with("complete")) {
            if let Some(used) = used_after(all, *f, wake.op) {
                claims.add(claim(all, *key, (waiter, wait.op), (*f, wake.op, used), kinds));
            }
        }
    }
}

/// The argument of a call that names what is waited for, or woken.
fn object(all: &Teardown<'_>, f: FuncId, op: OpId) -> Option<ExprId> {
    let (name, args) = all.world.func(f).named_call(op)?;
    let entry = all.world.model.entry(name)?;
    args.get(entry.waits.or(entry.wakes)? as usize).copied()
}

/// Whether what a call waits for lies in a variable of the function.
fn on_stack(all: &Teardown<'_>, f: FuncId, op: OpId) -> bool {
    let body = all.world.func(f);
    let Some(Expr::Addr(place)) = object(all, f, op).map(|e| body.expr(e)) else { return false };
    matches!(body.expr(body.whole_of(place)), Expr::Local(_))
}

/// Whether a function does nothing after it has waited that others could hold up: it takes no lock, wakes nobody, and waits for nobody else.
fn goes_on(all: &Teardown<'_>, f: FuncId, wait: OpId) -> bool {
    let body = all.world.func(f);
    let later = |op: OpId| op != wait && all.lives.leads(f, wait, op);
    let stays = |d: Deed| matches!(d, Deed::Wait | Deed::Wake | Deed::CancelSync { .. } | Deed::Flush);
    let locks = |op: &Op| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => all.world.model.entry(name).is_some_and(|e| !e.acquires.is_empty()),
        OpKind::GuardEnter { .. } => true,
        _ => false,
    };
    !all.lives.inside(f).iter().any(|d| stays(d.life.deed) && later(d.at)) && !body.all_ops().any(|(id, op)| locks(op) && later(id))
}

/// Whether somebody allocates such objects.
fn made_elsewhere(all: &Teardown<'_>, key: Key) -> bool {
    all.functions.iter().any(|f| all.lives.lifetimes.own(*f).iter().any(|u| all.makes(u, key.owner)))
}

/// Where a function uses the object in any case after it has woken who waits for it.
fn used_after(all: &Teardown<'_>, f: FuncId, wake: OpId) -> Option<OpId> {
    let body = all.world.func(f);
    let object = led_by(body, object(all, f, wake)?)?;
    let leads = |from: OpId, to: OpId| from != to && all.lives.leads(f, from, to);
    let again = |to: OpId| body.all_ops().any(|(id, op)| body.sets_local(op.kind, object) && leads(wake, id) && leads(id, to));
    let found = body
        .all_ops()
        .find(|(id, op)| leads(wake, *id) && uses(all, body, op, object) && all.lives.always_after(f, wake, *id) && !again(*id));
    found.map(|(id, _)| id)
}

/// Whether an operation reaches into what a variable leads to: by itself, or by a primitive that does.
fn uses(all: &Teardown<'_>, body: &Body, op: &Op, object: LocalId) -> bool {
    match op.kind {
        OpKind::Access { ptr, .. } => body.loaded_local(ptr) == Some(object),
        OpKind::Call { target: Target::Name(name), args, .. } => {
            let Some(entry) = all.world.model.entry(name) else { return false };
            let locks = entry.releases.iter().chain(&entry.acquires).filter_map(|l| match l.lock {
                LockRef::Arg(i) | LockRef::Through(i) | LockRef::Member(i, ..) => Some(i),
                LockRef::Named(_) => None,
            });
            let args = body.call_args(args);
            locks.chain(entry.derefs.iter().copied()).filter_map(|i| args.get(i as usize)).any(|&e| led_by(body, e) == Some(object))
        }
        _ => false,
    }
}

fn claim(all: &Teardown<'_>, key: Key, (waiter, wait): (FuncId, OpId), (f, wake, used): (FuncId, OpId, OpId), kinds: bool) -> Claim {
    let (name, by) = (key.text(), all.called(f, wake));
    let weak = kinds || words::is_test_code(all.world.path(f));
    let message = format!(
        "`{}()` uses the object after `{by}()`, and `{}()`, on whose stack it lies, may have returned",
        all.name(f),
        all.name(waiter)
    );
    let claim = Claim::new(used, (f, all.loc(f, used)), if weak { Confidence::Low } else { Confidence::High }, message)
        .thread(all.thread(1, waiter))
        .step(waiter, all.loc(waiter, wait), format!("waits for `{name}` of an object on its stack"))
        .thread(all.thread(0, f))
        .step(f, all.loc(f, wake), format!("wakes it by {by}()"))
        .thread(all.thread(1, waiter))
        .step(waiter, all.loc(waiter, wait), "goes on, and returns")
        .thread(all.thread(0, f))
        .step(f, all.loc(f, used), "uses the object, which is gone");
    let claim = if kinds { claim.assume("this is the object on the stack, and no other of its kind") } else { claim };
    claim.identity(format!("{name} woken"))
}
