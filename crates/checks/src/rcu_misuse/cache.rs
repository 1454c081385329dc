//! Caches that are destroyed while callbacks after a grace period may still have objects to free into them: waiting for readers does not wait for callbacks.

use super::barrier::{self, Callbacks, Reach};
use super::unlink;
use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, OpId, Record};
use cuthere_flow::index::RcuFact;
use cuthere_flow::summary::FuncId;

/// Calls below a callback that are followed.
const DEPTH_MAX: u32 = 2;
/// Functions below a callback that are looked at.
const FUNCS_MAX: usize = 20;

/// The member, or the variable, that leads to a cache.
type Cache = (Record, Symbol);

/// A callback that frees objects into a cache.
struct Later {
    cache: Cache,
    armer: FuncId,
    armed: OpId,
    callback: FuncId,
    /// Who frees where: it or a function that it calls.
    free: (FuncId, OpId),
}

pub(super) fn judge(tree: &Tree<'_>, callbacks: &Callbacks, claims: &mut Claims) {
    let destroyed = tree.rcu.all.iter().filter_map(|(f, fact)| match *fact {
        RcuFact::Frees { at, by } if by.as_str() == "kmem_cache_destroy" => Some((*f, at)),
        _ => None,
    });
    let destroyed: Vec<(FuncId, OpId)> = destroyed.collect();
    if destroyed.is_empty() {
        return;
    }
    let freed = freed_later(tree, callbacks);
    for (f, at) in destroyed {
        claims.extend(not_waited_for(tree, callbacks, &freed, f, at));
    }
}

/// What callbacks free into which cache, with those who arm them in the same folder.
fn freed_later(tree: &Tree<'_>, callbacks: &Callbacks) -> Vec<Later> {
    let world = tree.world;
    let mut out = Vec::new();
    for (armer, fact) in &tree.rcu.all {
        let RcuFact::Arms { at, function } = *fact else { continue };
        let all = callbacks.get(&function).map_or(&[][..], |all| &all[..]);
        for &callback in all.iter().filter(|g| world.folder(**g) == world.folder(*armer)) {
            let frees = frees_into(tree, callback);
            out.extend(frees.into_iter().map(|(cache, free)| Later { cache, armer: *armer, armed: at, callback, free }));
        }
    }
    out
}

/// The caches that a callback frees into, by itself or a few calls down.
fn frees_into(tree: &Tree<'_>, callback: FuncId) -> Vec<(Cache, (FuncId, OpId))> {
    let world = tree.world;
    let mut open = vec![(callback, 0)];
    let (mut out, mut next) = (Vec::new(), 0);
    while let Some(&(f, depth)) = open.get(next) {
        next += 1;
        let body = world.func(f);
        for (op, _) in body.all_ops() {
            if let Some((name, args)) = body.named_call(op)
                && name.as_str() == "kmem_cache_free"
                && let Some(cache) = args.first().and_then(|&e| cache_of(body, e))
            {
                out.push((cache, (f, op)));
            }
        }
        for (_, callees) in world.callees[f.index()].iter().filter(|_| depth < DEPTH_MAX) {
            if let [g] = callees.list()
                && world.folder(*g) == world.folder(callback)
                && open.iter().all(|o| o.0 != *g)
                && open.len() < FUNCS_MAX
            {
                open.push((*g, depth + 1));
            }
        }
    }
    out
}

/// What leads to a cache that is handed to a call.
fn cache_of(body: &Body, e: ExprId) -> Option<Cache> {
    let Expr::Load(place, _) = body.expr(e) else { return None };
    match body.expr(place) {
        Expr::Field { record, name, .. } if !record.is_unknown() => Some((record, name)),
        Expr::Global(name) => Some((Record::UNKNOWN, name)),
        _ => None,
    }
}

/// A cache is destroyed that callbacks free into, and nobody has waited for these.
fn not_waited_for(tree: &Tree<'_>, callbacks: &Callbacks, freed: &[Later], f: FuncId, at: OpId) -> Option<Claim> {
    let world = tree.world;
    let body = world.func(f);
    let (by, args) = body.named_call(at)?;
    let cache = cache_of(body, *args.first()?)?;
    let later = freed.iter().find(|i| i.cache == cache && world.folder(i.callback) == world.folder(f))?;
    if body.annotations.iter().any(|a| a.as_str() == "__init") || waits(tree, callbacks, f, at) {
        return None;
    }
    let grace = tree.rcu.of(f).find_map(|fact| match *fact {
        RcuFact::Grace { at: grace } if grace < at => Some(grace),
        _ => None,
    });
    let said = match grace {
        Some(grace) => barrier::not_waited_for(tree, callbacks, f, grace).is_some(),
        // Elsewhere in the folder somebody waits, perhaps on the way here; and what ends a module is told of as a whole.
        None => !unlink::ends_use(body) || barrier::ends_module(tree, f) || waits_in_folder(tree, f),
    };
    if said {
        return None;
    }
    let callback = world.func(later.callback).name;
    let sure = if words::is_test_code(world.path(f)) { Confidence::Low } else { Confidence::Medium };
    let message = format!("{by}() destroys `{}` while `{callback}()`, which runs after a grace period, may still free into it", cache.1);
    let (armed, free) = (world.func(later.armer).op(later.armed)?, world.func(later.free.0).op(later.free.1)?);
    let mut claim = Claim::new(at, (f, body.op(at)?.loc), sure, message)
        .step(later.armer, armed.loc, format!("arms `{callback}()` to run after a grace period"))
        .step(later.free.0, free.loc, "frees an object into the cache then");
    if let Some(op) = grace.and_then(|grace| body.op(grace)) {
        claim = claim.step(f, op.loc, "waits for readers, not for callbacks: rcu_barrier() would");
    }
    let claim = claim.step(f, body.op(at)?.loc, format!("destroys the cache by {by}()"));
    Some(claim.identity(format!("cache {}", cache.1)))
}

/// Whether callbacks are waited for before an operation, here, in what is called before, or in a caller.
fn waits(tree: &Tree<'_>, callbacks: &Callbacks, f: FuncId, before: OpId) -> bool {
    let own = |g: FuncId| tree.rcu.of(g).any(|fact| matches!(*fact, RcuFact::Barrier { at } if g != f || at < before));
    let called = tree.world.callees[f.index()].iter().filter(|(op, _)| *op < before);
    own(f)
        || tree.world.callers(f).iter().any(|c| own(c.func))
        || called.flat_map(|(_, callees)| callees.list()).any(|&g| g != f && Reach::from(tree, callbacks, g, None).barrier)
}

/// Whether any function of the folder waits for callbacks.
fn waits_in_folder(tree: &Tree<'_>, f: FuncId) -> bool {
    let world = tree.world;
    tree.rcu.all.iter().any(|(g, fact)| matches!(fact, RcuFact::Barrier { .. }) && world.folder(*g) == world.folder(f))
}
