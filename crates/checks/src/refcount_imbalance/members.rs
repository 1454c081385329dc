//! A member of a record holds a counted reference, objects of the record are freed, and nobody in the tree ever gives up what the member leads to.

use cuthere_analysis::{Claim, Claims, Tree};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{OpId, OpKind, Record, Target};
use cuthere_flow::index::{Deed, HeldSide, handed_on};
use cuthere_flow::summary::FuncId;
use std::collections::{BTreeMap, HashMap, HashSet};

type Member = (Record, Symbol);

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let world = tree.world;
    let given: HashSet<Member> =
        tree.held.0.iter().filter(|(_, u)| u.side == HeldSide::GivenUp).map(|(_, u)| (u.record, u.member)).collect();
    // In order of functions, so that the first one is the same in every run.
    let mut stored: BTreeMap<(FuncId, OpId), Member> = BTreeMap::new();
    for (f, u) in tree.held.0.iter().filter(|(_, u)| u.side == HeldSide::Stored) {
        if !given.contains(&(u.record, u.member)) {
            stored.insert((*f, u.op), (u.record, u.member));
        }
    }
    if stored.is_empty() {
        return;
    }
    let wanted: HashSet<Member> = stored.values().copied().collect();
    let handed: HashSet<Member> = world.funcs.iter().flat_map(handed_on).filter(|m| wanted.contains(m)).collect();
    let records: HashSet<Record> = wanted.iter().filter(|m| !handed.contains(*m)).map(|m| m.0).collect();
    let mut frees: HashMap<Record, Vec<(FuncId, OpId)>> = HashMap::new();
    for f in tree.lifetimes.functions() {
        let own = tree.lifetimes.own(f);
        for u in own.iter().filter(|u| matches!(u.deed, Deed::Free | Deed::FreeLater) && records.contains(&u.object)) {
            let makes = own.iter().any(|d| matches!(d.deed, Deed::Allocate { .. }) && d.object == u.object);
            if !makes {
                frees.entry(u.object).or_default().push((f, u.op));
            }
        }
    }
    let mut told = HashSet::new();
    for ((maker, take), member) in stored {
        let Some(&(f, op)) = frees.get(&member.0).and_then(|list| list.iter().find(|(f, _)| *f != maker)) else { continue };
        if !handed.contains(&member) && told.insert(member) {
            claims.add(claim(tree, member, (maker, take), (f, op)));
        }
    }
}

fn claim(tree: &Tree<'_>, (record, member): Member, (maker, take): (FuncId, OpId), (f, free): (FuncId, OpId)) -> Claim {
    let world = tree.world;
    let loc = |g: FuncId, op: OpId| world.func(g).op(op).map_or(world.func(g).loc, |o| o.loc);
    let called = |g: FuncId, op: OpId| match world.func(g).op(op).map(|o| o.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => name,
        _ => Symbol::EMPTY,
    };
    let (name, by) = (world.func(f).name, called(maker, take));
    let message = format!("`{name}()` frees a `{record}` without giving up the reference that its member `{member}` holds");
    Claim::new(free, (f, loc(f, free)), Confidence::High, message)
        .step(
            maker,
            loc(maker, take),
            format!("{}() takes a reference by {by}() and stores the pointer in `{record}.{member}`", world.func(maker).name),
        )
        .step(f, loc(f, free), format!("frees such an object by {}()", called(f, free)))
        .assume(format!("nobody gives up what `{record}.{member}` leads to: no code that was read does"))
        .identity(format!("{record}.{member} kept"))
}
