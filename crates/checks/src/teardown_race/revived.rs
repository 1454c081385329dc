//! An object is found on a list, and referred to, after its count has reached zero: it is taken off the list only then.
//!
//! Whoever takes the last reference away and then locks the list leaves a window in which others find the object under the lock. A reference that is
//! taken without asking whether the count is zero keeps nothing alive.

use super::parts::Teardown;
use cuthere_analysis::{Claim, Claims, Tree};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{OpId, Record};
use cuthere_flow::index::{CountedSide, CountedUse};
use cuthere_flow::summary::FuncId;
use std::collections::{HashMap, HashSet};

/// The object's record, its count, and the list's link. Locks that are reached through pointers have several names, so whether both hold one is all that is asked.
type Key = (Record, Symbol, Symbol);

pub fn judge(tree: &Tree<'_>, all: &Teardown<'_>, claims: &mut Claims) {
    let key = |u: &CountedUse| (u.record, u.count, u.link);
    let mut found: HashMap<Key, Vec<(FuncId, OpId)>> = HashMap::new();
    for (f, u) in tree.counted.0.iter().filter(|(_, u)| u.side == CountedSide::Found) {
        found.entry(key(u)).or_default().push((*f, u.op));
    }
    if found.is_empty() {
        return;
    }
    // Of devices, others ask the state first; what is handed to the put is the count's own function.
    let releases: HashSet<FuncId> =
        all.world.releases.values().flat_map(|list| list.iter().filter(|r| r.record.is_unknown()).map(|r| r.func)).collect();
    for (f, u) in &tree.counted.0 {
        let put = match u.side {
            CountedSide::Found | CountedSide::Read => continue,
            CountedSide::Ended(put) => Some(put),
            CountedSide::Around if releases.contains(f) => None,
            CountedSide::Around => continue,
        };
        let outer = |g: FuncId, op: OpId| all.common_lock((*f, put.unwrap_or(OpId(0))), (g, op), u.record);
        let finder = found.get(&key(u)).and_then(|list| list.iter().find(|(g, op)| g != f && !outer(*g, *op)));
        if let Some(&(g, op)) = finder {
            claims.add(claim(all, (*f, u), put, (g, op)));
        }
    }
}

fn claim(all: &Teardown<'_>, (f, u): (FuncId, &CountedUse), put: Option<OpId>, (g, get): (FuncId, OpId)) -> Claim {
    let (name, finder) = (all.name(f), all.name(g));
    let link = format!("{}.{}", u.record, u.link);
    let message = format!(
        "`{name}()` takes `{link}` off its list only when the count is zero, and `{finder}()` may find the object until then and refer to it"
    );
    let claim = Claim::new(u.op, (f, all.loc(f, u.op)), Confidence::High, message).thread(all.thread(0, f));
    let zero = format!("`{}.{}` has reached zero", u.record, u.count);
    let claim = match put {
        Some(put) => claim.step(f, all.loc(f, put), zero),
        None => claim.step(f, all.world.func(f).loc, format!("{zero}, and {name}() is called")),
    };
    claim
        .thread(all.thread(1, g))
        .step(g, all.loc(g, get), format!("holds `{}`, has found the object, and takes a reference by {}()", u.lock, all.called(g, get)))
        .thread(all.thread(0, f))
        .step(f, all.loc(f, u.op), format!("takes it off under `{}`, and goes on to free it", u.lock))
        .assume("whoever finds it does not ask whether the count is zero")
        .identity(format!("{link} {} {finder}", u.count))
}
