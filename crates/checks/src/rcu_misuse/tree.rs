//! What only the whole tree shows of RCU: pointers asked for outside of any section on some way in, and callbacks that nobody waits for.

use super::lists;
use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::OpId;
use cuthere_flow::index::RcuFact;
use cuthere_flow::program::contexts::Part;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Level;
use std::collections::HashMap;

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    lists::judge(tree, claims);
    let callbacks = callbacks(tree);
    for (f, fact) in &tree.rcu.all {
        match *fact {
            RcuFact::Unprotected { at, by, strict } => claims.extend(outside(tree, *f, at, by, strict)),
            RcuFact::Grace { at } => claims.extend(not_waited_for(tree, &callbacks, *f, at)),
            _ => {}
        }
    }
    for n in 0..tree.world.funcs.len() as u32 {
        let f = FuncId(n);
        if tree.world.func(f).annotations.iter().any(|a| a.as_str() == "__exit") {
            claims.extend(module_exit(tree, &callbacks, f));
        }
    }
}

/// The functions by the names that callbacks are armed with.
type Callbacks = HashMap<Symbol, Vec<FuncId>>;

fn callbacks(tree: &Tree<'_>) -> Callbacks {
    let armed = tree.rcu.all.iter().filter_map(|(_, fact)| match *fact {
        RcuFact::Arms { function, .. } => Some((function, Vec::new())),
        _ => None,
    });
    let mut out: Callbacks = armed.collect();
    for (n, body) in tree.world.funcs.iter().enumerate() {
        if let Some(all) = out.get_mut(&body.name) {
            all.push(FuncId(n as u32));
        }
    }
    out
}

/// A pointer under RCU is asked for where no way in that is known has a section open or holds anything.
fn outside(tree: &Tree<'_>, f: FuncId, at: OpId, by: Symbol, strict: bool) -> Option<Claim> {
    let world = tree.world;
    let entered = tree.contexts().entered(f);
    let free = |way: &cuthere_flow::program::contexts::OnEntry| {
        let parts = [Part::Rcu, Part::Bh, Part::Irq, Part::Preempt];
        way.locks.is_empty() && parts.iter().all(|&part| !way.part(part).1) && !way.level(Level::Softirq) && !way.level(Level::Hardirq)
    };
    let known = entered.certain.reached() && free(&entered.certain) && (!entered.perhaps.reached() || free(&entered.perhaps));
    let assumed = !entered.certain.reached() && entered.perhaps.reached() && free(&entered.perhaps);
    if !known && !assumed {
        return None;
    }
    let op = world.func(f).op(at)?;
    let name = world.func(f).name;
    let weak = words::is_test_code(world.path(f)) || words::is_boot_code(world.func(f));
    let sure = if known && strict && !weak { Confidence::Medium } else { Confidence::Low };
    let message = format!("`{by}()` in `{name}()`, outside of any read-side section and with no lock held");
    let claim = Claim::new(at, (f, op.loc), sure, message);
    let claim = if assumed { claim.assume(format!("callers of `{name}` that are not seen hold nothing either")) } else { claim };
    Some(claim.step(f, op.loc, format!("{by}() with nothing that keeps a grace period from ending")).identity(format!("outside {by}")))
}

/// After a grace period something is freed, while callbacks that were armed before may still have to run.
fn not_waited_for(tree: &Tree<'_>, callbacks: &Callbacks, f: FuncId, grace: OpId) -> Option<Claim> {
    let world = tree.world;
    let body = world.func(f);
    let frees = |fact: &RcuFact| match *fact {
        RcuFact::Frees { at, by } if at > grace => Some((at, by)),
        _ => None,
    };
    let all: Vec<(OpId, Symbol)> = tree.rcu.of(f).filter_map(frees).collect();
    let &(free, by) = all.iter().find(|(_, by)| by.as_str().ends_with("_destroy")).or(all.first())?;
    let reach = Reach::from(tree, callbacks, f, Some(grace));
    if reach.barrier || tree.rcu.of(f).any(|fact| matches!(fact, RcuFact::Barrier { .. })) {
        return None;
    }
    let (armer, arms, callback) = reach.arms?;
    let (op, waits) = (body.op(free)?, body.op(grace)?);
    let armed = world.func(armer).op(arms)?;
    let message =
        format!("synchronize_rcu() does not wait for `{callback}()`, a callback armed before, and {by}() may take away what it needs");
    // A container that goes away is what callbacks need; of other memory nothing is known.
    let container = by.as_str().ends_with("_destroy");
    let claim = Claim::new(grace, (f, waits.loc), if container { Confidence::Medium } else { Confidence::Low }, message)
        .step(armer, armed.loc, format!("arms `{callback}()` to run after a grace period"))
        .step(f, waits.loc, "waits for readers, not for callbacks: rcu_barrier() would")
        .step(f, op.loc, format!("{by}()"))
        .assume(format!("`{callback}()` uses what is taken away"));
    Some(claim.identity("no barrier"))
}

/// A module goes away while callbacks of the same file functions may still have to run.
fn module_exit(tree: &Tree<'_>, callbacks: &Callbacks, f: FuncId) -> Option<Claim> {
    let world = tree.world;
    let reach = Reach::from(tree, callbacks, f, None);
    if reach.barrier || words::is_test_code(world.path(f)) {
        return None;
    }
    let (armer, arms, callback) = reach.arms?;
    let armed = world.func(armer).op(arms)?;
    let message = format!("the module goes away without waiting for `{callback}()`, which runs after a grace period");
    let claim = Claim::new(arms, (f, world.func(f).loc), Confidence::Medium, message)
        .step(armer, armed.loc, format!("arms `{callback}()` to run after a grace period"))
        .step(f, world.func(f).loc, "returns without rcu_barrier(), and the module's code is freed")
        .assume("the code can be built as a module, and nothing else waits for the callbacks");
    Some(claim.identity(format!("module exit {callback}")))
}

/// What a function and its callees within its own folder do.
struct Reach {
    barrier: bool,
    arms: Option<(FuncId, OpId, Symbol)>,
}

/// Functions that are looked at.
const REACH_MAX: usize = 400;

impl Reach {
    fn from(tree: &Tree<'_>, callbacks: &Callbacks, f: FuncId, before: Option<OpId>) -> Reach {
        let world = tree.world;
        let folder = |f: FuncId| world.path(f).rsplit_once('/').map_or("", |d| d.0);
        let mut seen = vec![f];
        let mut out = Reach { barrier: false, arms: None };
        let mut at = 0;
        while let Some(&g) = seen.get(at) {
            at += 1;
            for fact in tree.rcu.of(g) {
                match *fact {
                    RcuFact::Barrier { .. } => out.barrier = true,
                    // A callback that only frees its object needs no code of the module's.
                    RcuFact::Arms { at, function } if g != f || before.is_none_or(|b| at < b) => {
                        let own = callbacks.get(&function).is_some_and(|all| all.iter().any(|&h| world.func(h).file == world.func(f).file));
                        if own && out.arms.is_none() {
                            out.arms = Some((g, at, function));
                        }
                    }
                    _ => {}
                }
            }
            for (op, callees) in world.callees[g.index()].iter() {
                let early = g != f || before.is_none_or(|b| *op < b);
                for &h in callees.list().iter().filter(|_| early && callees.list().len() < 4) {
                    if folder(h) == folder(f) && !seen.contains(&h) && seen.len() < REACH_MAX {
                        seen.push(h);
                    }
                }
            }
        }
        out
    }
}
