//! Objects that are taken off a list only by their own callback after a grace period, and are freed there: readers that have found them since had none.

use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Expr, OpId, Record};
use cuthere_flow::index::{Deed, Done, ListUse, RcuFact};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::ListOp;

/// Calls below a callback that are followed.
const DEPTH_MAX: u32 = 3;
/// Functions below a callback that are looked at.
const FUNCS_MAX: usize = 60;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let walks: Vec<(FuncId, ListUse)> = tree.rcu.all.iter().filter_map(|(f, fact)| walk(fact).map(|u| (*f, u))).collect();
    for f in tree.lifetimes.functions().into_iter().filter(|f| is_callback(tree, *f)) {
        let inside = tree.lives().inside(f);
        for record in of_argument(tree, f) {
            let free = inside.iter().find(|d| d.life.deed == Deed::Free && d.life.object == record);
            claims.extend(free.and_then(|free| freed(tree, f, free, record, &walks)));
        }
    }
}

/// A walk by the `_rcu` form that a lock of the writers does not protect as well.
fn walk(fact: &RcuFact) -> Option<ListUse> {
    match fact {
        RcuFact::List(u) if u.op == ListOp::Walk && u.rcu && (u.section || !u.locked) => Some(*u),
        _ => None,
    }
}

/// Whether a function is called when readers are done, and only then.
fn is_callback(tree: &Tree<'_>, f: FuncId) -> bool {
    tree.world.entry_points.get(&f).is_some_and(|all| all.iter().all(|e| e.how == "rcu callback"))
}

/// The records that a callback's head lies in.
fn of_argument(tree: &Tree<'_>, f: FuncId) -> Vec<Record> {
    let body = tree.world.func(f);
    let mut out = Vec::new();
    for e in &body.exprs {
        if let Expr::ContainerOf { ptr, record, .. } = *e
            && body.loaded_local(ptr).is_some_and(|l| l.number() < body.params)
            && !record.is_unknown()
            && !out.contains(&record)
        {
            out.push(record);
        }
    }
    out
}

fn freed(tree: &Tree<'_>, f: FuncId, free: &Done, record: Record, walks: &[(FuncId, ListUse)]) -> Option<Claim> {
    let world = tree.world;
    let read = |u: &ListUse| walks.iter().find(|(_, w)| (w.record, w.member) == (u.record, u.member));
    let (at, remover, unlink) = removed(tree, f, free.at, |u| u.record == record && read(u).is_some())?;
    let link = (unlink.record, unlink.member);
    let &(reader, walk) = read(&unlink)?;
    let (taken, read) = (world.func(remover).op(unlink.at)?, world.func(reader).op(walk.at)?);
    // In a cache of objects that stay of their type, readers look twice.
    let typed = free.life.kind.as_str() == "kmem_cache_free";
    let weak = typed || words::is_test_code(world.path(f));
    let name = world.func(f).name;
    let message = format!("`{name}()` takes the object off a list (`{}.{}`) and frees it with no grace period after that", link.0, link.1);
    let loc = world.func(f).op(free.at)?.loc;
    let mut claim = Claim::new(free.at, (f, loc), if weak { Confidence::Low } else { Confidence::High }, message)
        .thread(format!("CPU 0: {name} (after a grace period)"))
        .step(f, world.func(f).loc, "is called when those readers are done that were there when it was armed");
    if remover != f {
        claim =
            claim.step(f, world.func(f).op(at)?.loc, format!("calls what takes the object off the list, {}()", world.func(remover).name));
    }
    claim = claim
        .thread(format!("CPU 1: {}", world.func(reader).name))
        .step(reader, read.loc, "finds the object on the list meanwhile")
        .thread(format!("CPU 0: {name} (after a grace period)"))
        .step(remover, taken.loc, "takes the object off the list: readers may go on with it")
        .step(f, loc, "frees it at once");
    let claim = if typed { claim.assume("the cache may give the memory back while readers are there") } else { claim };
    Some(claim.identity(format!("too late {}.{}", link.0, link.1)))
}

/// Where an object is taken off a list of some kind by the `_rcu` form before an operation: the operation of the function itself, and who does it how.
fn removed(tree: &Tree<'_>, f: FuncId, before: OpId, of_kind: impl Fn(&ListUse) -> bool) -> Option<(OpId, FuncId, ListUse)> {
    let own = |g: FuncId| {
        tree.rcu.of(g).find_map(|fact| match fact {
            RcuFact::List(u) if u.op == ListOp::Remove && u.rcu && !u.private && of_kind(u) => Some(*u),
            _ => None,
        })
    };
    if let Some(u) = own(f).filter(|u| tree.lives().leads(f, u.at, before)) {
        return Some((u.at, f, u));
    }
    let mut seen = vec![f];
    // With the call of the callback's own that leads there.
    let mut open: Vec<(OpId, FuncId, u32)> = Vec::new();
    for (op, callees) in tree.world.callees[f.index()].iter().filter(|(op, _)| tree.lives().leads(f, *op, before)) {
        open.extend(callees.list().iter().map(|g| (*op, *g, 1)));
    }
    while let Some((at, g, depth)) = open.pop() {
        if seen.contains(&g) || seen.len() >= FUNCS_MAX {
            continue;
        }
        seen.push(g);
        if let Some(u) = own(g) {
            return Some((at, g, u));
        }
        if depth < DEPTH_MAX {
            let below = tree.world.callees[g.index()].iter().flat_map(|(_, callees)| callees.list());
            open.extend(below.map(|h| (at, *h, depth + 1)));
        }
    }
    None
}
