//! Locks that are variables, and are taken by a function that is entered with them held: as an operation that the kernel calls so, or called back by whoever holds
//! them.
//!
//! The paths of one function do not show that. A variable is one lock, so that its class is the very lock; what is a member of an object is left alone. Looked at are functions
//! into which every way that is known holds it.

use super::excludes;
use cuthere_analysis::{Claim, Claims, Tree, lock_steps, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, OpId, OpKind, Target};
use cuthere_flow::index::LockUse;
use cuthere_flow::program::contexts::{Hop, Sought};
use cuthere_flow::program::{Callees, World};
use cuthere_flow::summary::chain::chain;
use cuthere_flow::summary::{Effect, EffectId, EffectKind, FuncId, RelRoot, Subject, Test, Way};
use cuthere_kernel::{LockKind, LockMode};

/// Of longer ways in too much is not known.
const HOPS_SURE: usize = 6;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let world = tree.world;
    for f in (0..world.funcs.len() as u32).map(FuncId) {
        let Some(summary) = world.summary(f) else { continue };
        for (id, effect) in summary.effects() {
            let EffectKind::Acquire { lock, class, kind, mode, nested: false } = &effect.kind else { continue };
            let variable = matches!(lock.root, RelRoot::Global(name) if name == *class) && lock.path.is_empty();
            if variable && excludes(*kind, false) {
                claims.extend(taken_again(tree, f, (id, effect), (*class, *kind, *mode)));
            }
        }
    }
}

fn taken_again(
    tree: &Tree<'_>,
    f: FuncId,
    (id, effect): (EffectId, &Effect),
    (class, kind, mode): (Symbol, LockKind, LockMode),
) -> Option<Claim> {
    let (world, contexts) = (tree.world, tree.contexts());
    let held = |g: FuncId| contexts.entered(g).best().held(class, kind).0;
    // A callee that is entered so as well says it with less around.
    if !held(f) || matches!(effect.way, Way::Callee(g, _) if held(g)) {
        return None;
    }
    let certain = contexts.entered(f).certain.reached();
    let hops = contexts.example(f, Sought::Lock(class, kind), certain);
    let first = *hops.first()?;
    let back = hops.iter().any(|hop| matches!(hop, Hop::CallsBack(..) | Hop::Through(_)));
    let by_kernel = match first {
        Hop::Entry(_, entry) => Some(entry),
        // What is called by name alone is told where it is called.
        _ if !back => return None,
        _ => None,
    };
    let holder = holder(tree, &hops, class, kind);
    let last = chain(world, effect.way).funcs.last().copied().unwrap_or(f);
    if by_kernel.is_none() && !one_variable(world, holder.map_or(f, |h| h.0), last, class) {
        return None;
    }
    let body = world.func(f);
    let called = hops.iter().find_map(|hop| match *hop {
        Hop::Calls(g, op) | Hop::CallsBack(g, op) => Some((g, op)),
        _ => None,
    });
    let own = || body.all_ops().find(|(_, op)| op.loc == effect.loc).map(|(op, _)| (f, op));
    let at = called.or_else(own)?;
    let place = |(g, op): (FuncId, OpId)| (g, world.func(g).op(op).map_or(world.func(g).loc, |o| o.loc));
    let readers = mode == LockMode::Shared && holder.is_none_or(|h| h.1.mode == LockMode::Shared);
    let through = !certain && hops.iter().any(|hop| matches!(hop, Hop::Through(_)));
    let sure = plain(body, effect)
        && ![f, last].into_iter().any(|g| asks_for_locks(world.func(g)))
        && !readers
        && !through
        && hops.len() <= HOPS_SURE
        && by_kernel.is_none_or(|entry| !entry.context.sometimes)
        && !words::is_boot_code(body)
        && !words::is_test_code(world.path(f));
    let message = format!("`{}()` takes `{class}`, and is called with it held", body.name);
    let mut claim = Claim::new(at.1, place(at), if sure { Confidence::Medium } else { Confidence::Low }, message);
    claim.locks = vec![words::lock(class, kind)];
    if let Some((h, u)) = holder {
        let (h, loc) = place((h, u.op));
        claim = claim.step(h, loc, format!("takes `{class}`"));
    }
    let shown = usize::from(matches!(first, Hop::Begins(..)));
    let claim = lock_steps::way_in(claim, world, f, &hops[shown..]).down(world, Way::Callee(f, id));
    let readers = readers.then(|| "a writer waits for the lock in between".to_owned());
    Some(claim.assume_all(readers).identity(format!("entered with {class}")))
}

/// Who holds the lock at the beginning of a way, and how it took it: the function that calls, or the one that calls back.
fn holder<'t>(tree: &Tree<'t>, hops: &[Hop<'_>], class: Symbol, kind: LockKind) -> Option<(FuncId, &'t LockUse)> {
    let taken = |f: FuncId, at: Option<OpId>| {
        let facts = tree.lock_graph().facts(f)?;
        let takes = |u: &&LockUse| u.class == class && u.kind == kind && !u.callback && at.is_none_or(|op| u.op == op);
        facts.uses.iter().find(takes).map(|u| (f, u))
    };
    match (*hops.first()?, *hops.get(1)?) {
        (Hop::Begins(h, Some(op)), _) => taken(h, Some(op)),
        (Hop::Begins(_, None), Hop::CallsBack(h, op)) => match tree.world.callees(h, op)? {
            Callees::One(g) => taken(*g, None),
            Callees::Many(_) => None,
        },
        _ => None,
    }
}

/// Whether a name means one variable in two functions: private to the file of neither, or both in it.
fn one_variable(world: &World<'_>, a: FuncId, b: FuncId, name: Symbol) -> bool {
    let (a, b) = (world.func(a).file, world.func(b).file);
    a == b || world.private_to(a, name).is_none() && world.private_to(b, name).is_none()
}

/// Whether a function asks whether some lock is held, and may leave it alone then.
fn asks_for_locks(body: &Body) -> bool {
    body.all_ops().any(|(_, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => name.as_str().ends_with("is_locked") || name.as_str().ends_with("is_held"),
        _ => false,
    })
}

/// Whether it is taken whatever the function is given, as long as pointers are not NULL.
fn plain(body: &Body, effect: &Effect) -> bool {
    let pointer = |n: u8| {
        let argument = |place| matches!(body.expr(place), Expr::Local(l) if l.number() == u32::from(n));
        body.exprs.iter().any(|e| matches!(*e, Expr::Load(place, to) if to.is_pointer() && argument(place)))
    };
    let given = |&(subject, test): &(Subject, Test)| {
        subject.is_arg() && pointer(subject.param) && matches!(test, Test::In(known) if known.truth() == Some(true))
    };
    effect.modes == 0 && effect.condition.iter().any(|guard| guard.iter().all(given))
}
