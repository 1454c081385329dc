//! List operations of the plain form on lists that readers walk under RCU.
//!
//! What most code does with a list is taken for what has to be done: a list counts as one under RCU where readers walk it in a section, or where elements are put onto it
//! or taken from it by the `_rcu` form, and the plain form is the exception.

use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::Confidence;
use cuthere_flow::index::{ListUse, RcuFact};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::ListOp;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    for uses in tree.rcu.lists() {
        let walk = uses.iter().find(|(_, u)| u.op == ListOp::Walk && u.rcu && u.section);
        let any_walk = walk.or_else(|| uses.iter().find(|(_, u)| u.op == ListOp::Walk && u.rcu));
        let Some(&reader) = any_walk else { continue };
        let heads: Vec<_> = uses.iter().filter(|(_, u)| u.op == ListOp::Walk && u.rcu && !u.head.is_empty()).map(|(_, u)| u.head).collect();
        let other = |u: &ListUse| !u.head.is_empty() && !heads.is_empty() && !heads.contains(&u.head);
        // The link serves for other lists as well: which one an element is on is not known.
        let shared = uses.iter().any(|(_, u)| other(u) || u.op == ListOp::Add && u.private);
        for op in [ListOp::Add, ListOp::Remove] {
            let count = |rcu: bool| uses.iter().filter(|(_, u)| u.op == op && u.rcu == rcu && !u.private).count();
            let (with, without) = (count(true), count(false));
            for &(f, u) in uses.iter().filter(|(_, u)| u.op == op && !u.rcu && !u.private) {
                // Elements wait on other lists before they are published, and after they were taken back.
                let usual = with == 0 && without > 2 || without > with + 1;
                let elsewhere = if op == ListOp::Add { other(&u) } else { shared };
                let late = tree.rcu.of(f).any(|fact| matches!(*fact, RcuFact::Grace { at } if at < u.at));
                // Where the head is handed around, nothing says that readers know this list; what comes last may have no readers any more.
                // Of removals none was right when they were looked up: the list is not that of the readers, or the element stays.
                let known = op == ListOp::Add && heads.contains(&u.head);
                let sure = if walk.is_some() && known && !usual && !elsewhere && !late { Confidence::Medium } else { Confidence::Low };
                claims.extend(told(tree, f, &u, reader, (with, without), sure));
            }
        }
        // Within a section, with no lock held, the plain form of the walk lacks what orders its loads.
        for &(f, u) in uses.iter().filter(|(_, u)| u.op == ListOp::Walk && !u.rcu) {
            let adds = uses.iter().any(|(_, u)| u.op != ListOp::Walk && u.rcu);
            if u.section && !u.locked && adds {
                claims.extend(told(tree, f, &u, reader, (0, 0), Confidence::Medium));
            } else if !u.locked && adds {
                claims.extend(told(tree, f, &u, reader, (0, 0), Confidence::Low));
            }
        }
    }
}

fn told(
    tree: &Tree<'_>,
    f: FuncId,
    u: &ListUse,
    reader: (FuncId, ListUse),
    (with, without): (usize, usize),
    sure: Confidence,
) -> Option<Claim> {
    let world = tree.world;
    let op = world.func(f).op(u.at)?;
    let read = world.func(reader.0).op(reader.1.at)?;
    let link = format!("{}.{}", u.record, u.member);
    let what = match u.op {
        ListOp::Add => "added to",
        ListOp::Remove => "removed from",
        ListOp::Walk => "reached along",
    };
    let message = match u.op {
        ListOp::Walk => format!("elements are {what} a list (`{link}`) by the plain form, which others change by the RCU form"),
        _ => format!(
            "an element is {what} a list (`{link}`) by the plain form, while {}() walks such lists under RCU",
            world.func(reader.0).name
        ),
    };
    let sure = if words::is_test_code(world.path(f)) || words::is_boot_code(world.func(f)) { Confidence::Low } else { sure };
    let mut claim = Claim::new(u.at, (f, op.loc), sure, message)
        .thread(format!("CPU 0: {}", world.func(f).name))
        .step(f, op.loc, format!("the element is {what} the list, without the order that readers need"))
        .thread(format!("CPU 1: {}", world.func(reader.0).name))
        .step(reader.0, read.loc, "walks the list meanwhile, under RCU alone")
        .identity(format!("list {link} {:?}", u.op));
    if with + without > 0 {
        claim = claim.assume(format!("of {} such operations on `{link}`, {with} use the RCU form", with + without));
    }
    Some(claim)
}
