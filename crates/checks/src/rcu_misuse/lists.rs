//! List operations of the plain form on lists that readers walk under RCU.
//!
//! What most code does with a list is taken for what has to be done: a list counts as one under RCU where readers walk it in a section, or where elements are put onto it
//! or taken from it by the `_rcu` form, and the plain form is the exception.

use super::{unlink, walks};
use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::index::{ListLies, ListUse, RcuFact};
use cuthere_flow::program::contexts::Part;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{Level, ListOp};

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    for uses in tree.rcu.lists() {
        walks::judge(tree, &uses, claims);
        let walks: Vec<(FuncId, ListUse)> = uses.iter().filter(|(_, u)| u.op == ListOp::Walk && u.rcu).copied().collect();
        if walks.is_empty() || uses.iter().all(|(_, u)| u.rcu) {
            continue;
        }
        let readers: Vec<Reader> = walks.iter().map(|&w| Reader::new(tree, w)).collect();
        let heads: Vec<_> = walks.iter().filter(|(_, u)| !u.head.is_empty()).map(|(_, u)| u.head).collect();
        let other = |u: &ListUse| !u.head.is_empty() && !heads.is_empty() && !heads.contains(&u.head);
        // The link serves for other lists as well: which one an element is on is not known.
        let shared = uses.iter().any(|(_, u)| other(u) || u.op == ListOp::Add && u.private);
        for op in [ListOp::Add, ListOp::Remove] {
            let count = |rcu: bool| uses.iter().filter(|(_, u)| u.op == op && u.rcu == rcu && !u.private).count();
            let (with, without) = (count(true), count(false));
            for &(f, u) in uses.iter().filter(|(_, u)| u.op == op && !u.rcu && !u.private) {
                let locks = held(tree, f, &u);
                // Who shares a lock with the writer is no reader of the kind that is meant.
                let alone = readers.iter().find(|r| r.inside && r.locks.iter().all(|l| !locks.contains(l)));
                let reader = alone.or(readers.iter().find(|r| r.inside)).unwrap_or(&readers[0]);
                // Elements wait on other lists before they are published, and after they were taken back.
                let usual = with == 0 && without > 2 || without > with + 1;
                let elsewhere = if op == ListOp::Add { other(&u) } else { shared };
                let late = tree.rcu.of(f).any(|fact| matches!(*fact, RcuFact::Grace { at } if at < u.at));
                // Where the head is handed around, nothing says that readers know this list; what comes last may have no readers any more. Of removals only those
                // count after which the element is freed: else it is not that of the readers, or stays.
                let known = match op {
                    ListOp::Add => heads.contains(&u.head) && (u.lies == ListLies::Known || u.lies == ListLies::Argument && u.locked),
                    _ => u.freed && u.locked && u.lies == ListLies::Known && !unlink::ends_use(tree.world.func(f)),
                };
                let sure = if alone.is_some() && known && !usual && !elsewhere && !late { Confidence::Medium } else { Confidence::Low };
                claims.extend(told(tree, f, &u, reader.walk, (with, without), sure));
            }
        }
        // In a section the plain form of the walk lacks what orders its loads on one architecture, and nothing else; with a lock of its writers it lacks nothing.
        let changes: Vec<(FuncId, ListUse)> = uses.iter().filter(|(_, u)| u.op != ListOp::Walk && u.rcu && !u.private).copied().collect();
        for &(f, u) in uses.iter().filter(|(_, u)| u.op == ListOp::Walk && !u.rcu && !u.locked) {
            let locks = held(tree, f, &u);
            if changes.iter().any(|(_, c)| c.head.is_empty() || u.head.is_empty() || c.head == u.head) && locks.is_empty() {
                claims.extend(told(tree, f, &u, walks[0], (0, 0), Confidence::Low));
            }
        }
    }
}

/// A walk by the `_rcu` form.
struct Reader {
    walk: (FuncId, ListUse),
    /// A section is open, here or by every way in.
    inside: bool,
    /// What is held besides.
    locks: Vec<Symbol>,
}

impl Reader {
    fn new(tree: &Tree<'_>, walk: (FuncId, ListUse)) -> Reader {
        let (f, u) = walk;
        let ins = tree.contexts().entered(f);
        let entered = ins.best();
        let softirq = entered.reached() && !entered.level(Level::Task);
        let locks = held(tree, f, &u);
        // By the form of the walk it is in a section, if nobody is seen to call it.
        let unseen = (ins.assumed || !ins.certain.reached()) && locks.is_empty();
        Reader { walk, inside: u.section || softirq || unseen || entered.part(Part::Rcu).0, locks }
    }
}

/// The classes of locks that are held at a use, here and by every way in.
pub(super) fn held(tree: &Tree<'_>, f: FuncId, u: &ListUse) -> Vec<Symbol> {
    let entered = tree.contexts().entered(f).best();
    let outer = entered.locks.iter().filter(|l| l.always).map(|l| l.class);
    u.locks.iter().copied().filter(|l| !l.is_empty()).chain(outer).collect()
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
