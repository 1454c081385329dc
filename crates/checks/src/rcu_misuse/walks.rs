//! Walks outside of any section, by the `_rcu` form or the plain one, where whoever changes such lists holds a lock that the walker does not.
//!
//! One list is one defect: it is told at the first of the walks, with the others beside. A section of SRCU, or of another kind that is known as a lock, is taken for
//! the right one.

use super::lists::held;
use super::unlink;
use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::index::{ListLies, ListUse, RcuFact};
use cuthere_flow::program::contexts::Part;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{CtxPart, Level, ListOp, LockKind};

/// Other walks that are shown.
const OTHERS_MAX: usize = 4;

type Use = (FuncId, ListUse);

pub(super) fn judge(tree: &Tree<'_>, uses: &[Use], claims: &mut Claims) {
    let changes: Vec<Use> = uses.iter().filter(|(_, u)| u.op != ListOp::Walk && u.rcu && !u.private).copied().collect();
    // What is only ever added is there for good.
    let Some(&change) = changes.iter().find(|(_, c)| c.op == ListOp::Remove) else { return };
    let locks: Vec<Vec<Symbol>> = changes.iter().map(|(g, c)| held(tree, *g, c)).collect();
    if locks.iter().any(Vec::is_empty) {
        return;
    }
    let open: Vec<Use> = uses
        .iter()
        .filter(|(f, u)| {
            u.op == ListOp::Walk
                && u.rcu
                && tree.rcu.of(*f).any(|fact| matches!(fact, RcuFact::Unprotected { at, .. } if *at == u.at))
                && u.lies != ListLies::Here
                && !opens_sections(tree, *f, u.at)
                && !words::is_test_code(tree.world.path(*f))
                && !words::is_boot_code(tree.world.func(*f))
                && own_locks(tree, *f, u).is_some_and(|own| locks.iter().flatten().all(|l| !own.contains(l)))
        })
        .copied()
        .collect();
    // Where most walkers do without, something else protects the list.
    let walks = uses.iter().filter(|(_, u)| u.op == ListOp::Walk && u.rcu).count();
    let plain = |(f, u): &&Use| {
        let before = |fact: &RcuFact| matches!(*fact, RcuFact::Grace { at } if at < u.at);
        u.op == ListOp::Walk
            && !u.rcu
            && !u.section
            && !u.head.is_empty()
            && u.lies != ListLies::Here
            && changes.iter().all(|(_, c)| c.head.is_empty() || c.head == u.head)
            && changes.iter().any(|(_, c)| c.head == u.head)
            && !uses.iter().any(|(g, c)| g == f && c.op != ListOp::Walk)
            && !tree.rcu.of(*f).any(before)
            && !opens_sections(tree, *f, u.at)
            && !unlink::ends_use(tree.world.func(*f))
            && !tree.world.model.names_alone(tree.world.func(*f).name)
            && !words::is_test_code(tree.world.path(*f))
            && !words::is_boot_code(tree.world.func(*f))
            && own_locks(tree, *f, u).is_some_and(|own| own.is_empty())
    };
    let plain: Vec<Use> = uses.iter().filter(plain).copied().collect();
    if let [first, others @ ..] = &plain[..] {
        claims.extend(told(tree, first, others, (change, locks[0].first().copied()), Confidence::Low));
    }
    if let [first, others @ ..] = &open[..] {
        let usual = open.len() > 2 && 2 * open.len() > walks;
        let sure = if usual { Confidence::Low } else { Confidence::Medium };
        claims.extend(told(tree, first, others, (change, locks[0].first().copied()), sure));
    }
}

/// Whether a function begins read-side sections before a walk: one that has ended its caller's first is in a section although it began as many as it ended.
fn opens_sections(tree: &Tree<'_>, f: FuncId, before: OpId) -> bool {
    let rcu = |part: CtxPart| matches!(part, CtxPart::Rcu | CtxPart::RcuBh | CtxPart::RcuSched);
    tree.world.func(f).all_ops().take_while(|(id, _)| *id < before).any(|(_, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => {
            tree.world.model.entry(name).is_some_and(|e| e.context.iter().any(|c| c.enter && rcu(c.part)))
        }
        _ => false,
    })
}

/// What is held on the ways to a walk; `None`: on some way a section protects it, or nothing is known of the ways.
fn own_locks(tree: &Tree<'_>, f: FuncId, u: &ListUse) -> Option<Vec<Symbol>> {
    let ins = tree.contexts().entered(f);
    let protects = |kind: LockKind| matches!(kind, LockKind::Srcu);
    let closed = [&ins.certain, &ins.perhaps].into_iter().filter(|ways| ways.reached()).any(|ways| {
        let parts = [Part::Rcu, Part::Bh, Part::Irq, Part::Preempt];
        parts.iter().any(|&part| ways.part(part).1)
            || ways.level(Level::Softirq)
            || ways.level(Level::Hardirq)
            || ways.locks.iter().any(|l| protects(l.kind))
            || ways.truncated
    });
    (ins.certain.reached() && !closed).then(|| {
        let all = ins.certain.locks.iter().chain(&ins.perhaps.locks).map(|l| l.class);
        all.chain(u.locks).filter(|l| !l.is_empty()).collect()
    })
}

fn told(tree: &Tree<'_>, (f, u): &Use, others: &[Use], ((writer, change), lock): (Use, Option<Symbol>), sure: Confidence) -> Option<Claim> {
    let world = tree.world;
    let (op, changed) = (world.func(*f).op(u.at)?, world.func(writer).op(change.at)?);
    let link = format!("{}.{}", u.record, u.member);
    let message = format!("a list (`{link}`) is walked outside of any read-side section, and without the lock that it is changed under");
    let under = lock.map_or(String::new(), |l| format!(" under `{l}`"));
    let mut claim = Claim::new(u.at, (*f, op.loc), sure, message)
        .thread(format!("CPU 0: {}", world.func(*f).name))
        .step(*f, op.loc, "walks the list with nothing that keeps a grace period from ending")
        .thread(format!("CPU 1: {}", world.func(writer).name))
        .step(writer, changed.loc, format!("changes such a list{under}"));
    if !others.is_empty() {
        claim = claim.thread("elsewhere");
    }
    for (n, (g, other)) in others.iter().take(OTHERS_MAX).enumerate() {
        let more = others.len() - n - 1;
        let rest = if n + 1 == OTHERS_MAX && more > 0 { format!(", and at {more} more places") } else { String::new() };
        claim = claim.step(*g, world.func(*g).op(other.at)?.loc, format!("walks it in the same way{rest}"));
    }
    Some(claim.identity(format!("open walk {link}")))
}
