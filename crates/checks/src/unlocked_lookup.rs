//! # unlocked-lookup
//!
//! An object is found under a lock, the lock is given back, and the object is returned or used all the same, with no reference taken, while other code frees such
//! objects.
//!
//! ## Why it matters
//!
//! What keeps an object on a list alive is the list's lock, and nothing else: as soon as it is given back, somebody else may take the object off and free it. A look-up
//! that locks, walks and unlocks gives a pointer to what may be gone by the time it is looked at, and it looks right at every call.
//!
//! ## Example
//!
//! ```c
//! mutex_lock(&domains_lock);
//! list_for_each_entry(d, &domains, node)
//!     if (d->id == id)
//!         found = d;
//! mutex_unlock(&domains_lock);
//! return found;                     /* domain_remove() may free it now */
//! ```
//!
//! Take a reference before the lock is given back, or let callers hold the lock over the look-up and the use.
//!
//! ## How it decides
//!
//! Elements of lists that are walked, and results of look-ups (`idr_find()`, `xa_load()`), are followed with the locks that were held when they were found. They count as safe once
//! a reference is taken, something is stored in them under the lock (which marks them), they are unlinked, or they are handed to a function whose name speaks of any of that; while one of the
//! locks is held; and where a caller may hold a lock. Only records count of which some function of the tree frees single objects, other than when
//! a module is loaded or unloaded: what a loop frees all at once goes with its owner. What only a work item or timer finds is low if everybody who frees such objects is that one or has waited for it. That a caller has bottom halves, interrupts or preemption disabled counts only where such objects are freed after a grace period. A callee's result of this kind is followed in its callers. What
//! was found in a read-side section of RCU and is used later is `rcu-misuse`; that it is returned is said here.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: found on a list under a lock that this function took itself, then returned or dereferenced without it; or found so by a callee, and returned.
//! * **low**: by its name, the look-up gives a reference; a caller may hold a lock; the record is not known; found under RCU and returned; a callee found it and it is used here, or it is
//!   used under another lock (looked up, none of these was right); test code.
//!
//! ## What it assumes and misses
//!
//! That objects are freed while others look them up: some are only when all users are gone. Locks are told apart by the pointer they are reached through.

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, words};
use cuthere_base::Confidence;
use cuthere_flow::engine::event::{EventKind, FoundObject, UnprotectedUse};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::summary::Way;
use cuthere_flow::value::ValueId;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "unlocked-lookup",
        summary: "an object is found under a lock, then returned or used without it and without a reference",
        source: include_str!("unlocked_lookup.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::new(UnlockedLookup)),
    entered: false,
    tree: None,
};

struct UnlockedLookup;

impl Checker for UnlockedLookup {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        let EventKind::Unprotected { pointer, found, access } = &event.kind else { return };
        let rcu = found.section.is_some() || found.by.is_some_and(|(_, found)| found.rcu);
        let returned = *access == UnprotectedUse::Returned;
        // Handing on what a callee returned is that callee's defect.
        if returned && found.by.is_none() || !returned && !rcu {
            claims.add(unlocked(path, event, *pointer, found, access, rcu));
        }
    }
}

/// Whether the object is handed to the caller.
fn returned(access: &UnprotectedUse) -> bool {
    *access == UnprotectedUse::Returned
}

fn unlocked(path: &Path<'_, '_>, event: &Event<'_>, pointer: ValueId, found: &FoundObject, access: &UnprotectedUse, rcu: bool) -> Claim {
    let world = path.world;
    let name = path.describe(pointer).unwrap_or_else(|| "the object".to_owned());
    let class = match (&found.by, found.locks.last()) {
        (Some((_, inner)), _) => inner.class,
        (None, Some((_, class))) => *class,
        (None, None) => cuthere_base::Symbol::EMPTY,
    };
    let held = if rcu { "a read-side section".to_owned() } else { format!("`{class}`") };
    let does = match (access, found.by) {
        (UnprotectedUse::Returned, _) => "is returned".to_owned(),
        (_, Some((by, _))) => format!("and returned by {}() is used", world.func(by).name),
        _ => "is used".to_owned(),
    };
    let message = format!("`{name}`, found under {held}, {does} after that has ended, with no reference taken");
    let named = words::is_test_code(world.path(path.func))
        || found.by.is_some_and(|(_, inner)| inner.named)
        || *access == UnprotectedUse::Returned && cuthere_flow::program::naming::names_referenced(path.body.name);
    // Looked up, none was right of what a callee returned to somebody who goes on with it, and of uses under another lock.
    let covered = !path.state.locks.held.is_empty();
    let weak = named || path.state.merged || rcu || covered || found.by.is_some() && !returned(access);
    let claim = Claim::here(path, event, if weak { Confidence::Low } else { Confidence::High }, message);
    let claim = claim.assume_all(named.then(|| "no reference comes with it, other than the name says".to_owned()));
    let taken = path.state.locks.past.iter().rev().find(|p| found.locks.iter().any(|l| l.0 == p.place));
    let claim = claim.thread(format!("CPU 0: {}", path.body.name)).step_at(path, taken.map(|p| p.taken), format!("takes {held}"));
    let claim =
        match found.by {
            Some((by, inner)) => claim
                .step_at(path, Some(found.op), format!("calls {}(), which returns `{name}`", world.func(by).name))
                .step(by, inner.loc, format!("finds it under {held}, which has ended on return")),
            None => claim.step_at(path, Some(found.op), format!("`{name}` is found here")),
        };
    let claim = claim.step_at(path, taken.map(|p| p.given), format!("gives {held} back: others may free `{name}` from here on"));
    let text = match access {
        UnprotectedUse::Returned => format!("returns `{name}`"),
        UnprotectedUse::Access { argument: Some(_), callee, .. } => format!("passes `{name}` to {callee}()"),
        UnprotectedUse::Access { member, .. } if !member.is_empty() => format!("loads or stores `{name}->{member}`"),
        UnprotectedUse::Access { .. } => format!("dereferences `{name}`"),
    };
    let way = if matches!(event.way, Way::Callee(..)) && *access != UnprotectedUse::Returned { event.way } else { Way::Here };
    let claim = claim.step(path.func, event.loc, text).down(world, way);
    let record = found.by.map_or(found.record, |(_, inner)| inner.record);
    claim.identity(format!("unlocked {name} {class}")).cause(found.op).unless_protected_by_callers().unless_never_freed(record)
}
