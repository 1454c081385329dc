//! Whether those who wait for each other in a circle can be about the same objects.
//!
//! A lock of the core's records (`devlink.lock`, the interrupt of an `i2c_client`) is one class for all drivers, but two drivers never have one object. And a callback that
//! nobody arms never runs.

use cuthere_analysis::Tree;
use cuthere_base::Symbol;
use cuthere_flow::body::Record;
use cuthere_flow::index::{Cycle, Deed, LockClass, LockGraph, LockPlace, Spot};
use cuthere_flow::program::{Callees, World};
use cuthere_flow::summary::FuncId;
use std::collections::HashSet;

/// What the whole tree arms.
pub(super) struct Armed<'t> {
    members: HashSet<Symbol>,
    /// Folders in which callbacks are armed.
    folders: HashSet<&'t str>,
    /// Folders in which something is armed that has no name there.
    unnamed: HashSet<&'t str>,
    whole: bool,
}

impl<'t> Armed<'t> {
    pub fn of(tree: &Tree<'t>) -> Armed<'t> {
        let mut armed = Armed { members: HashSet::new(), folders: HashSet::new(), unnamed: HashSet::new(), whole: tree.whole };
        for f in tree.lifetimes.functions() {
            for life in tree.lifetimes.own(f).iter().filter(|life| life.deed == Deed::Arm) {
                let here = tree.world.folder(f);
                match life.spot {
                    Spot::Member { member: name, .. } | Spot::Global(name) => {
                        armed.members.insert(name);
                        armed.folders.insert(here);
                    }
                    _ => {
                        armed.unnamed.insert(here);
                    }
                }
            }
        }
        armed
    }

    /// Whether nobody arms a callback object of a class, though others are armed in the folder of its callback.
    pub fn never(&self, tree: &Tree<'_>, graph: &LockGraph<'_>, class: LockClass) -> bool {
        let LockPlace::Member { record, member, outer } = graph.classes.info(class).place else { return false };
        let callbacks = graph.callbacks.get(&class).map_or(&[][..], Vec::as_slice);
        // The work item inside of a delayed one is armed by what it lies in.
        let named = self.members.contains(&member) || self.members.contains(&outer.1) || record.is_common();
        let shown = |f: &FuncId| self.folders.contains(tree.world.folder(*f)) && !self.unnamed.contains(tree.world.folder(*f));
        self.whole && !named && !callbacks.is_empty() && callbacks.iter().all(shown)
    }
}

/// Callers that are followed upwards, and how many of one function.
const UP_MAX: u32 = 4;
const CALLERS_MAX: usize = 16;

/// Whether a function runs only while a device is taken or given up, or a module comes or goes, as far as its callers are known.
pub(super) fn seldom(world: &World<'_>, f: FuncId, depth: u32) -> bool {
    if world.func(f).is_init_or_exit() {
        return true;
    }
    let from = world.bound.partition_point(|b| b.func < f);
    let mut bound = world.bound[from..].iter().take_while(|b| b.func == f).peekable();
    if bound.peek().is_some() {
        return bound
            .all(|b| matches!(b.field.as_str(), "probe" | "remove" | "remove_new" | "attach" | "detach" | "disconnect" | "shutdown"));
    }
    let callers = world.callers(f);
    let up = || callers.iter().all(|c| c.func != f && seldom(world, c.func, depth + 1));
    depth < UP_MAX && !callers.is_empty() && callers.len() <= CALLERS_MAX && up()
}

/// Whether the sides of a circle belong to drivers that have nothing to do with each other, and its locks to neither of them.
pub(super) fn strangers(world: &World<'_>, graph: &LockGraph<'_>, cycle: &Cycle<'_>) -> bool {
    let folders: Vec<&str> = cycle.orders.iter().map(|o| world.folder(o.2.func)).collect();
    let record = |class: LockClass| match graph.classes.info(class).place {
        LockPlace::Member { outer, record, .. } => Some(if outer.0.is_unknown() { record } else { outer.0 }),
        LockPlace::Through(record, _) => Some(record),
        _ => None,
    };
    let records: Vec<Record> = cycle.orders.iter().filter_map(|o| record(o.0)).collect();
    let own = |record: &Record| record.is_unknown() || folders.iter().any(|f| !record.is_common() && related(f, record.file()));
    let apart = |a: &str, b: &str| is_leaf(a) && is_leaf(b) && !related(a, b) && !calls(world, a, b);
    !records.is_empty() && !records.iter().any(own) && folders.iter().enumerate().any(|(n, a)| folders[..n].iter().any(|b| apart(a, b)))
}

/// Whether the sides of a circle lie in folders of which none lies in the other.
pub(super) fn apart(world: &World<'_>, cycle: &Cycle<'_>) -> bool {
    let folders: Vec<&str> = cycle.orders.iter().map(|o| world.folder(o.2.func)).collect();
    folders.iter().enumerate().any(|(n, a)| folders[..n].iter().any(|b| !related(a, b)))
}

/// Whether a folder holds drivers, which know the core but not each other.
fn is_leaf(folder: &str) -> bool {
    folder.starts_with("drivers/") || folder.starts_with("sound/")
}

/// Whether one path lies in the other.
fn related(a: &str, b: &str) -> bool {
    let within = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    within(a, b) || within(b, a)
}

/// Whether functions of one folder call some of the other by name.
fn calls(world: &World<'_>, a: &str, b: &str) -> bool {
    let lies = |f: FuncId, folder: &str| related(world.path(f), folder);
    (0..world.callees.len() as u32).map(FuncId).any(|f| {
        let other = match (lies(f, a), lies(f, b)) {
            (true, _) => b,
            (_, true) => a,
            _ => return false,
        };
        world.callees[f.index()].iter().any(|c| matches!(c.1, Callees::One(g) if lies(g, other)))
    })
}
