//! # assert-held
//!
//! A function says that its caller holds a lock, and a caller calls it on a way on which nobody does.
//!
//! ## Why it matters
//!
//! `lockdep_assert_held()`, `ASSERT_RTNL()` and their kin say under which lock a function changes what it changes. Without it two callers change it at once. The
//! assertion warns, if lockdep is on and the path happens to run; without lockdep nothing says a word.
//!
//! ## Example
//!
//! ```c
//! static void unit_stop(struct unit *u)
//! {
//!     lockdep_assert_held(&u->lock);
//!     ...
//! }
//!
//! static void unit_remove(struct unit *u)
//! {
//!     unit_stop(u);               /* u->lock is not held */
//! ```
//!
//! ## How it decides
//!
//! Only what is asserted before anything is decided counts. Which locks are held on the ways into each function, and at each call, is followed
//! from the entry points. A call breaks the assertion if the lock's class is held there on no path, and on no way into the caller. Another call of the same
//! function must hold it: else the tree most likely calls the lock by another name.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: every way into the caller is known, and the one without the lock begins with a work item.
//! * **low**: the caller takes the lock itself before and is thought to have given it back (by a callee, which mostly took it as well); it begins elsewhere (looked up, whoever calls had the lock by a wrapper that is not known, or held it around a callback); somebody may call the caller whom nobody sees, a way goes through a pointer with several targets, boot code, tests.
//!
//! ## What it assumes and misses
//!
//! Locks are told apart by class; where of one no more than the member is known, by that. That a lock is needed for some states of the object only, or not before the object is known to others, is not seen:
//! lockdep warns all the same.

use cuthere_analysis::{Check, CheckInfo, Claim, Claims, Maturity, Tree, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Op, OpId, OpKind};
use cuthere_flow::index::{CallState, LockAsserted, LockPlace};
use cuthere_flow::program::contexts::{Hop, OnEntry, Sought};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{Custom, LockKind};
use std::collections::HashSet;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "assert-held",
        summary: "a function is called without the lock that it says its caller holds",
        source: include_str!("assert_held.rs"),
        maturity: Maturity::Trial,
    },
    start: None,
    entered: false,
    tree: Some(judge),
};

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    // What is never taken under this name has another one.
    let taken: HashSet<Symbol> = tree.locks.iter().flat_map(|(_, f)| &f.uses).map(|u| u.class).collect();
    for (f, facts) in tree.locks {
        for a in facts.asserted.iter().filter(|a| a.first && !a.own && taken.contains(&a.class)) {
            // What lies in a lock is no lock of its own (`ww_mutex.base`): it is taken with the whole, under the name of that.
            let inner =
                matches!(a.place, LockPlace::Member { record, .. } if tree.world.model.is_custom(Custom::IsLock, record.tag_symbol()));
            if !inner && matches!(a.place, LockPlace::Member { .. } | LockPlace::Global(_)) {
                broken(tree, *f, a, claims);
            }
        }
    }
}

/// Claims of the calls of one function that break what it asserts.
fn broken(tree: &Tree<'_>, f: FuncId, a: &LockAsserted, claims: &mut Claims) {
    let contexts = tree.contexts();
    let mut calls: Vec<(FuncId, OpId, bool)> = contexts.callers(f).filter(|c| c.0.index() < tree.world.funcs.len()).collect();
    calls.dedup();
    let (mut held, mut without) = (0, Vec::new());
    for (caller, op, certain) in calls {
        let state = contexts.calls(caller).and_then(|c| c.at(op));
        // Where paths were cut off, or a scope begins that nothing is known of, what holds at the call is not known.
        if cut_off(tree, caller) {
            continue;
        }
        if contexts.calls(caller).is_some_and(|c| !c.reached(op)) {
            continue;
        }
        let ins = contexts.entered(caller);
        let layers = [&ins.certain, &ins.perhaps].into_iter().filter(|l| l.reached());
        let holds: Vec<(bool, bool)> = layers.map(|l| holding(l, state, a.class)).collect();
        let asserts = tree.lock_graph().facts(caller).is_some_and(|facts| facts.asserted.iter().any(|b| same(b.class, a.class)));
        if asserts || holds.iter().any(|h| h.0) {
            held += 1;
        } else if certain && !holds.is_empty() && holds.iter().all(|h| !h.1) {
            let known = !ins.assumed && ins.certain.reached() && contexts.unknown(caller).is_empty();
            let took = tree
                .lock_graph()
                .facts(caller)
                .is_some_and(|facts| facts.uses.iter().any(|u| !u.callback && u.op < op && same(u.class, a.class)));
            without.push((caller, op, known && !took && !by_table(tree, caller, a.class), took));
        }
    }
    if held == 0 {
        return;
    }
    for (caller, op, known, took) in without {
        let given_back = took.then(|| format!("what `{}()` takes before is given back", tree.world.func(caller).name));
        claims.add(claim(tree, (caller, op), f, a, known).assume_all(given_back));
    }
}

/// Whether a lock is held at a call on every way, and on some.
fn holding(entry: &OnEntry, state: Option<&CallState>, class: Symbol) -> (bool, bool) {
    let here = state.and_then(|s| s.held.iter().find(|l| same(l.class, class))).map(|l| l.always);
    let given_back = state.is_some_and(|s| s.released.contains(&(class, true)));
    let before = entry.locks.iter().find(|l| same(l.class, class) && !given_back);
    (here == Some(true) || before.is_some_and(|l| l.always), here.is_some() || before.is_some() || entry.truncated)
}

/// Whether two classes are one, where of one of them no more than the member is known.
fn same(a: Symbol, b: Symbol) -> bool {
    let member = |class: Symbol| class.as_str().rsplit_once('.').map_or(class.as_str(), |at| at.1);
    let bare = |class: Symbol| !class.as_str().contains('.');
    a == b || (bare(a) || bare(b)) && member(a) == member(b)
}

/// Whether not everything is known of what a function holds.
fn cut_off(tree: &Tree<'_>, f: FuncId) -> bool {
    let unknown = |op: &Op| matches!(op.kind, OpKind::GuardEnter { class, .. } if tree.world.model.guard(class).is_none());
    tree.world.summary(f).is_none_or(|s| s.truncated) || tree.world.func(f).ops.iter().any(unknown)
}

/// Whether a way on which nobody holds the lock begins with an operation that others call, whose locks are theirs to say, or is not known as a whole.
fn by_table(tree: &Tree<'_>, caller: FuncId, class: Symbol) -> bool {
    let hops = tree.contexts().example(caller, Sought::WithoutLock(class, LockKind::SleepingOther), true);
    if hops.iter().any(|hop| matches!(*hop, Hop::Calls(f, _) | Hop::CallsBack(f, _) if cut_off(tree, f))) {
        return true;
    }
    let origin = hops.first().and_then(|hop| match hop {
        Hop::Entry(_, entry) => Some(entry),
        _ => None,
    });
    // Looked up, those were right that begin with a work item: whoever calls others has locks of his own, or wrappers that are not known.
    origin.is_none_or(|entry| !entry.how.ends_with("work callback"))
}

fn claim(tree: &Tree<'_>, (caller, op): (FuncId, OpId), f: FuncId, a: &LockAsserted, known: bool) -> Claim {
    let world = tree.world;
    let (body, callee) = (world.func(caller), world.func(f));
    let loc = body.op(op).map_or(body.loc, |o| o.loc);
    let name = a.place.text();
    // Of a member of an unknown record, wrappers take another one.
    let seen = known && (tree.whole || body.is_static) && !matches!(a.place, LockPlace::Member { record, .. } if record.is_unknown());
    let sure = seen && !words::is_boot_code(body) && !words::is_test_code(world.path(caller));
    let confidence = if sure { Confidence::Medium } else { Confidence::Low };
    let message = format!("`{}()` says that its caller holds `{name}`, which nobody does here", callee.name);
    let asserted = callee.op(a.op).map_or(callee.loc, |o| o.loc);
    let claim = Claim::new(op, (caller, loc), confidence, message)
        .step(caller, loc, format!("calls {}() without `{name}`", callee.name))
        .step(f, asserted, format!("says that `{name}` is held"))
        .identity(format!("asserted {name} {}", callee.name));
    let unknown = (!seen).then(|| format!("whoever else calls `{}()` does not hold it either", body.name));
    claim.assume_all(unknown)
}
