//! How findings tell of locks that are taken while others are held: the steps of one thread, and why a place counts for less.

use crate::checker::Tree;
use crate::claim::Claim;
use crate::words;
use cuthere_flow::body::OpId;
use cuthere_flow::index::{Example, LockClass, LockGraph, LockUse, Since};
use cuthere_flow::program::contexts::Hop;
use cuthere_flow::program::{EntryPoint, World};
use cuthere_flow::summary::{FuncId, Way};

/// Steps of a way in that are shown, innermost ones.
const HOPS_MAX: usize = 8;

/// Adds the steps of one order: what is held, by whom it is taken, the calls, and what is taken then.
pub fn order(claim: Claim, tree: &Tree<'_>, graph: &LockGraph<'_>, held: LockClass, example: &Example) -> Claim {
    let world = tree.world;
    let (f, body) = (example.func, world.func(example.func));
    let name = &graph.classes.info(held).name;
    let claim = match example.since {
        Since::Taken(op) => {
            let by = graph.facts(f).and_then(|all| all.uses.iter().find(|u| u.op == op && !u.callback)).map(|u| u.way);
            let text = match by {
                Some(Way::Callee(g, _)) => format!("takes `{name}` by {}()", world.func(g).name),
                _ => format!("takes `{name}`"),
            };
            step(claim, world, f, op, text)
        }
        Since::Asserted => claim.step(f, body.loc, format!("`{}()` is called with `{name}` held, as it says", body.name)),
        Since::Entered if graph.classes.info(held).callback => {
            claim.step(f, body.loc, format!("`{}()` runs as the callback of `{name}`", body.name))
        }
        Since::Entered => claim.step(f, body.loc, format!("`{}()` is called with `{name}` held", body.name)),
    };
    taken(claim, world, graph, example)
}

/// Adds the calls that lead to the use of an example, and the use.
fn taken(mut claim: Claim, world: &World<'_>, graph: &LockGraph<'_>, example: &Example) -> Claim {
    let mut at = (example.func, example.op);
    for next in &example.calls {
        claim = step(claim, world, at.0, at.1, format!("calls {}()", world.func(next.0).name));
        at = *next;
    }
    match graph.end(example) {
        Some(u) => used(claim, world, at.0, u),
        None => claim,
    }
}

/// Adds the use of a class, with the frames below it.
pub fn used(claim: Claim, world: &World<'_>, func: FuncId, u: &LockUse) -> Claim {
    match u.way {
        Way::Callee(g, _) => step(claim, world, func, u.op, format!("calls {}()", world.func(g).name)).down(world, u.way),
        Way::Model(name) if u.callback => {
            step(claim, world, func, u.op, format!("waits for the callback of `{}` by {name}()", u.place.text()))
        }
        Way::Model(name) => step(claim, world, func, u.op, format!("takes `{}` by {name}()", u.place.text())),
        _ => step(claim, world, func, u.op, format!("takes `{}`", u.place.text())),
    }
}

fn step(claim: Claim, world: &World<'_>, func: FuncId, op: OpId, text: String) -> Claim {
    let loc = world.func(func).op(op).map_or(world.func(func).loc, |o| o.loc);
    claim.step(func, loc, text)
}

/// Adds a way into a function, outermost first.
pub fn way_in(mut claim: Claim, world: &World<'_>, into: FuncId, hops: &[Hop<'_>]) -> Claim {
    let skip = hops.len().saturating_sub(HOPS_MAX);
    for (n, hop) in hops.iter().enumerate().filter(|(n, _)| *n == 0 || *n > skip) {
        let next = || hops[n + 1..].iter().find_map(|h| function(h));
        claim = match *hop {
            Hop::Entry(f, entry) => claim.step(f, world.func(f).loc, words::entry_point(entry)),
            Hop::Assumed(f) => claim.step(f, world.func(f).loc, "entered in a task"),
            Hop::Begins(f, Some(op)) => step(claim, world, f, op, "begins here".to_owned()),
            Hop::Calls(f, op) | Hop::CallsBack(f, op) => {
                let next = world.func(next().unwrap_or(into)).name;
                step(claim, world, f, op, format!("calls {next}()"))
            }
            Hop::Begins(_, None) | Hop::Through(_) => claim,
        };
    }
    claim
}

fn function(hop: &Hop<'_>) -> Option<FuncId> {
    match *hop {
        Hop::Entry(f, _) | Hop::Assumed(f) | Hop::Begins(f, _) | Hop::Calls(f, _) | Hop::CallsBack(f, _) => Some(f),
        Hop::Through(_) => None,
    }
}

/// Whether two ways in can concern one object: what they begin with was set up in one folder. Two drivers that share a library share no object.
pub fn one_driver(world: &World<'_>, a: (FuncId, &[Hop<'_>]), b: (FuncId, &[Hop<'_>])) -> bool {
    let folder = |(into, hops): (FuncId, &[Hop<'_>])| {
        let path = match hops.first() {
            Some(Hop::Entry(_, EntryPoint { bound: Some((file, _)), .. })) => world.program.source.path(*file),
            first => world.path(first.and_then(function).unwrap_or(into)),
        };
        cuthere_base::folder(path).to_owned()
    };
    folder(a) == folder(b)
}
