//! Callbacks after a grace period that nobody waits for: `synchronize_rcu()` waits for readers alone, and a module may go away before its callbacks have run.

use super::{cache, unlink};
use cuthere_analysis::{Claim, Claims, Tree, words};
use cuthere_base::{Confidence, FileId, Symbol};
use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::index::RcuFact;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::CallbackOp;
use std::collections::{HashMap, HashSet};

pub(super) fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let callbacks = callbacks(tree);
    for (f, fact) in &tree.rcu.all {
        if let RcuFact::Grace { at } = *fact {
            claims.extend(not_waited_for(tree, &callbacks, *f, at));
        }
    }
    let exits: Vec<FuncId> = (0..tree.world.funcs.len() as u32).map(FuncId).filter(|f| ends_module(tree, *f)).collect();
    let modules = Modules::of(tree, &callbacks, &exits);
    for f in exits {
        claims.extend(module_exit(tree, &callbacks, &modules, f));
    }
    cache::judge(tree, &callbacks, claims);
}

/// Whether a function is called when a module goes away.
pub(super) fn ends_module(tree: &Tree<'_>, f: FuncId) -> bool {
    let body = tree.world.func(f);
    let said = || words::file_says(tree.world, f, &format!("module_exit({})", body.name));
    body.annotations.iter().any(|a| a.as_str() == "__exit") || body.params == 0 && body.ret_void && unlink::ends_use(body) && said()
}

/// Folders that are one module each, as it seems: one function there ends it, with the first callback that is armed in the folder and is a function of it, if nobody
/// there waits for callbacks.
struct Modules {
    folders: HashMap<String, (FuncId, Option<Armed>)>,
    /// Files that end a module of their own, beside others of their folder, with what they arm.
    files: HashMap<FileId, Option<Armed>>,
}

/// Who arms a callback, where, and which.
type Armed = (FuncId, OpId, Symbol);

impl Modules {
    fn of(tree: &Tree<'_>, callbacks: &Callbacks, exits: &[FuncId]) -> Modules {
        let world = tree.world;
        let mut out: HashMap<String, (FuncId, Option<Armed>)> = HashMap::new();
        let mut other: HashSet<&str> = HashSet::new();
        // What another one calls is a part of its end.
        for &f in exits.iter().filter(|f| world.callers(**f).is_empty()) {
            if out.insert(world.folder(f).to_owned(), (f, None)).is_some() {
                other.insert(world.folder(f));
            }
        }
        for (f, fact) in &tree.rcu.all {
            let folder = world.folder(*f);
            match *fact {
                RcuFact::Barrier { .. } => drop(other.insert(folder)),
                RcuFact::Arms { at, function } => {
                    let own = callbacks.get(&function).is_some_and(|all| all.iter().any(|&g| world.folder(g) == folder));
                    if let Some((_, arms @ None)) = out.get_mut(folder).filter(|_| own) {
                        *arms = Some((*f, at, function));
                    }
                }
                _ => {}
            }
        }
        let mut files: HashMap<FileId, Option<Armed>> = HashMap::new();
        let last = |f: FuncId| world.callers(f).is_empty();
        let beside = |f: FuncId| exits.iter().any(|&g| g != f && last(g) && world.folder(g) == world.folder(f));
        files.extend(exits.iter().filter(|f| last(**f) && beside(**f)).map(|f| (world.func(*f).file, None)));
        for (f, fact) in &tree.rcu.all {
            let file = world.func(*f).file;
            if let (RcuFact::Arms { at, function }, Some(arms @ None)) = (*fact, files.get_mut(&file))
                && callbacks.get(&function).is_some_and(|all| all.iter().any(|&g| world.func(g).file == file))
            {
                *arms = Some((*f, at, function));
            }
        }
        out.retain(|folder, _| !other.contains(folder.as_str()));
        Modules { folders: out, files }
    }

    fn arms(&self, tree: &Tree<'_>, exit: FuncId) -> Option<Armed> {
        let whole = self.folders.get(tree.world.folder(exit)).filter(|m| m.0 == exit);
        whole.map_or_else(|| self.files.get(&tree.world.func(exit).file).copied().flatten(), |m| m.1)
    }
}

/// The functions by the names that callbacks are armed with.
pub(super) type Callbacks = HashMap<Symbol, Vec<FuncId>>;

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

/// After a grace period something is freed, while callbacks that were armed before may still have to run.
pub(super) fn not_waited_for(tree: &Tree<'_>, callbacks: &Callbacks, f: FuncId, grace: OpId) -> Option<Claim> {
    let world = tree.world;
    let body = world.func(f);
    let frees = |fact: &RcuFact| match *fact {
        RcuFact::Frees { at, by } if at > grace => Some((at, by)),
        _ => None,
    };
    let all: Vec<(OpId, Symbol)> = tree.rcu.of(f).filter_map(frees).chain(freeing_calls(tree, f, grace)).collect();
    let &(free, by) = all.iter().find(|(_, by)| by.as_str().ends_with("_destroy")).or(all.first())?;
    let reach = Reach::from(tree, callbacks, f, Some(grace));
    if reach.barrier || tree.rcu.of(f).any(|fact| matches!(fact, RcuFact::Barrier { .. })) {
        return None;
    }
    // Who has stopped what arms the callbacks, and then waits, waits for these.
    let near =
        |g: FuncId, armer: FuncId| g == armer || world.callees[g.index()].iter().any(|(_, c)| matches!(c.list(), [h] if *h == armer));
    let stopped = || {
        let mut arms = stopped(tree, f, grace).into_iter().filter_map(|g| Some((g, Reach::from(tree, callbacks, g, None).arms?)));
        arms.find(|(g, arms)| near(*g, arms.0)).map(|(_, arms)| arms)
    };
    let (armer, arms, callback, stopped) = match (reach.arms, stopped()) {
        (_, Some((armer, arms, callback))) => (armer, arms, callback, true),
        (Some((armer, arms, callback)), None) => (armer, arms, callback, false),
        (None, None) => return None,
    };
    let (op, waits) = (body.op(free)?, body.op(grace)?);
    let armed = world.func(armer).op(arms)?;
    let message =
        format!("synchronize_rcu() does not wait for `{callback}()`, a callback armed before, and {by}() may take away what it needs");
    // A container that goes away is what callbacks need; of other memory nothing is known.
    let container = by.as_str().ends_with("_destroy") || stopped;
    let claim = Claim::new(grace, (f, waits.loc), if container { Confidence::Medium } else { Confidence::Low }, message)
        .step(armer, armed.loc, format!("arms `{callback}()` to run after a grace period"))
        .step(f, waits.loc, "waits for readers, not for callbacks: rcu_barrier() would")
        .step(f, op.loc, format!("{by}()"))
        .assume(format!("`{callback}()` uses what is taken away"));
    Some(claim.identity("no barrier"))
}

/// The calls after a grace period of functions of the same file that free something.
fn freeing_calls(tree: &Tree<'_>, f: FuncId, grace: OpId) -> impl Iterator<Item = (OpId, Symbol)> {
    let world = tree.world;
    let frees =
        move |g: FuncId| world.func(g).file == world.func(f).file && tree.rcu.of(g).any(|fact| matches!(fact, RcuFact::Frees { .. }));
    let calls = world.callees[f.index()].iter().filter(move |(op, callees)| *op > grace && matches!(callees.list(), [g] if frees(*g)));
    calls.filter_map(move |(op, callees)| Some((*op, world.func(*callees.list().first()?).name)))
}

/// The functions of the same file that run by timers, work items and the like of a kind that a function stops, and waits for, before an operation.
fn stopped(tree: &Tree<'_>, f: FuncId, before: OpId) -> Vec<FuncId> {
    let world = tree.world;
    let stops = |name: Symbol| world.model.entry(name)?.callbacks.iter().find(|c| c.op == CallbackOp::CancelSync).map(|c| c.kind);
    let kinds = world.func(f).all_ops().take_while(|(id, _)| *id < before).filter_map(|(_, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => stops(name).map(|kind| format!("{kind} callback")),
        _ => None,
    });
    let kinds: Vec<String> = kinds.collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let own = |n: &usize| world.funcs[*n].file == world.func(f).file;
    let first = (0..f.index()).rev().take_while(own).last().unwrap_or(f.index());
    let runs = |n: &usize| world.entry_points.get(&FuncId(*n as u32)).is_some_and(|all| all.iter().any(|e| kinds.contains(&e.how)));
    (first..world.funcs.len()).take_while(own).filter(runs).map(|n| FuncId(n as u32)).collect()
}

/// A module goes away while callbacks of the same file functions may still have to run.
fn module_exit(tree: &Tree<'_>, callbacks: &Callbacks, modules: &Modules, f: FuncId) -> Option<Claim> {
    let world = tree.world;
    let reach = Reach::from(tree, callbacks, f, None);
    if reach.barrier || words::is_test_code(world.path(f)) || !words::may_be_module(world, f) {
        return None;
    }
    let (armer, arms, callback) = reach.arms.or_else(|| modules.arms(tree, f).filter(|a| reach.files.contains(&world.func(a.0).file)))?;
    let armed = world.func(armer).op(arms)?;
    let message = format!("the module goes away without waiting for `{callback}()`, which runs after a grace period");
    let claim = Claim::new(arms, (f, world.func(f).loc), Confidence::Medium, message)
        .step(armer, armed.loc, format!("arms `{callback}()` to run after a grace period"))
        .step(f, world.func(f).loc, "returns without rcu_barrier(), and the module's code is freed")
        .assume("the code can be built as a module, and nothing else waits for the callbacks");
    Some(claim.identity(format!("module exit {callback}")))
}

/// What a function and its callees within its own folder do.
pub(super) struct Reach {
    pub(super) barrier: bool,
    arms: Option<Armed>,
    /// The files that its functions are in.
    files: HashSet<FileId>,
}

/// Functions that are looked at.
const REACH_MAX: usize = 400;

impl Reach {
    pub(super) fn from(tree: &Tree<'_>, callbacks: &Callbacks, f: FuncId, before: Option<OpId>) -> Reach {
        let world = tree.world;
        let mut seen = vec![f];
        let mut out = Reach { barrier: false, arms: None, files: HashSet::new() };
        let mut at = 0;
        while let Some(&g) = seen.get(at) {
            at += 1;
            out.files.insert(world.func(g).file);
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
                    if world.folder(h) == world.folder(f) && !seen.contains(&h) && seen.len() < REACH_MAX {
                        seen.push(h);
                    }
                }
            }
        }
        out
    }
}
