//! What only the whole tree shows of RCU: pointers asked for outside of any section on some way in.

use super::{barrier, lists, too_late, unlink};
use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::OpId;
use cuthere_flow::index::RcuFact;
use cuthere_flow::program::contexts::{OnEntry, Part};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Level;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    lists::judge(tree, claims);
    barrier::judge(tree, claims);
    too_late::judge(tree, claims);
    for (f, fact) in &tree.rcu.all {
        if let RcuFact::Unprotected { at, by, strict } = *fact {
            claims.extend(outside(tree, *f, at, by, strict));
        }
    }
}

/// A pointer under RCU is asked for where no way in that is known has a section open or holds anything.
fn outside(tree: &Tree<'_>, f: FuncId, at: OpId, by: Symbol, strict: bool) -> Option<Claim> {
    let world = tree.world;
    let entered = tree.contexts().entered(f);
    let known = entered.certain.reached() && free(&entered.certain) && (!entered.perhaps.reached() || free(&entered.perhaps));
    let assumed = !entered.certain.reached() && entered.perhaps.reached() && free(&entered.perhaps);
    if !known && !assumed {
        return None;
    }
    let op = world.func(f).op(at)?;
    let name = world.func(f).name;
    // Whoever ends the object may be the only one left.
    let weak = words::is_test_code(world.path(f)) || words::is_boot_code(world.func(f)) || unlink::ends_use(world.func(f));
    let certain = known || !entered.assumed && dispatched(tree, f);
    let sure = if certain && strict && !weak { Confidence::Medium } else { Confidence::Low };
    let message = format!("`{by}()` in `{name}()`, outside of any read-side section and with no lock held");
    let claim = Claim::new(at, (f, op.loc), sure, message);
    let unseen = (!certain).then(|| format!("callers of `{name}` that are not seen hold nothing either"));
    let claim = claim.assume_all(unseen);
    Some(claim.step(f, op.loc, format!("{by}() with nothing that keeps a grace period from ending")).identity(format!("outside {by}")))
}

/// Whether on a way in nothing is held and nothing is disabled, for certain.
fn free(way: &OnEntry) -> bool {
    let parts = [Part::Rcu, Part::Bh, Part::Irq, Part::Preempt];
    way.locks.is_empty() && parts.iter().all(|&part| !way.part(part).1) && !way.level(Level::Softirq) && !way.level(Level::Hardirq)
}

/// Whether a function is called through tables of its own folder alone, by functions that are entered with nothing held for certain.
fn dispatched(tree: &Tree<'_>, f: FuncId) -> bool {
    let world = tree.world;
    let callers = world.callers(f);
    let alone = |g: FuncId| {
        let ins = tree.contexts().entered(g);
        ins.certain.reached() && free(&ins.certain) && (!ins.perhaps.reached() || free(&ins.perhaps))
    };
    !callers.is_empty() && callers.iter().all(|c| world.folder(c.func) == world.folder(f) && alone(c.func))
}
