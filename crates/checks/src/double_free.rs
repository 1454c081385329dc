//! # double-free
//!
//! A pointer is freed on a path on which what it points to was freed already: here, in a callee, by a clean-up at the end of a scope, or later by the device core.
//!
//! ## Why it matters
//!
//! By the second free the memory may be somebody else's, who then loses it while using it; else the allocator's own lists are corrupted. Either
//! is a way to take over a machine.
//!
//! ## Example
//!
//! ```c
//! err = cup_fill(c, size);      /* frees c when it fails */
//! if (err) {
//!         kfree(c);
//!         return err;
//! }
//! ```
//!
//! Leave the object to one owner: the callee that frees it on failure, the label at the end, or the scope (`no_free_ptr()` takes it out again).
//!
//! ## How it decides
//!
//! As use-after-free does: objects are known by pointer; what frees, and when, is known from the kernel model and from the bodies of callees, for each way
//! of returning that callers can tell apart. A pointer that a callee has stored where its caller finds it (`*out`, `p->ring`), and whose object it has freed by the time
//! it returns, leads to a freed object there, unless it was cleared. Freeing NULL or an error pointer is nothing. An object to which the path took a
//! reference (`skb_get()`) is freed by the second call only. Memory of `devm_kzalloc()` and its kin is freed by the device core, so that any other free is one too many.
//!
//! What a release function frees when a reference is given up is freed twice if it is freed directly before or afterwards: if that reference was not the last one, the count frees it later. A function handed to
//! `call_rcu()` is such a one, too.
//!
//! One finding for one first free; none where a use of the freed object in between is reported as use-after-free.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: both frees are certain, on one path that was followed from its beginning.
//! * **low**: what was wrong more often than right when it was looked up: both frees by giving up references, or the first by a callee that frees it in some states only; the first in a later round of a loop, or the second in one in which something was decided before; a path that was
//!   merged with others in between, or before if what is asked in between may go together with what they differed in; a callee that frees on some of its ways of returning, and nobody asks which it was; test code.
//!
//! ## What it assumes and misses
//!
//! Frees that depend on the state of objects (a counter, a flag), and other threads. A member that a function frees and leaves dangling for
//! a later call of another function is not followed beyond the callers that make both calls.

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::domain::Freed;
use cuthere_flow::engine::event::EventKind;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::summary::chain::chain;
use cuthere_flow::value::ValueId;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "double-free",
        summary: "a pointer is freed after what it points to was freed, here, in a callee or by the device core",
        source: include_str!("double_free.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::new(DoubleFree)),
    entered: false,
    tree: None,
};

struct DoubleFree;

impl Checker for DoubleFree {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        let EventKind::Free { object, freed, before, .. } = &event.kind else { return };
        if freed.moved || before.is_some_and(|before| before.moved) {
            return;
        }
        let claim = match before {
            // A use in between was told of; that a count did not decide alone is more than that.
            Some(before) if before.told && !before.deferred && (!before.put || freed.put) => None,
            // Counted, and told of as such.
            Some(before) if before.given && freed.put => None,
            Some(before) => Some(again(path, event, *object, freed, before)),
            None => managed(path, event, *object, freed),
        };
        if let Some(claim) = claim {
            claims.add(claim);
        }
    }
}

/// A second free.
fn again(path: &Path<'_, '_>, event: &Event<'_>, object: ValueId, freed: &Freed, before: &Freed) -> Claim {
    let name = name(path, object, freed);
    let message = if before.op == freed.op {
        format!("`{name}` is freed again by `{}()` in the next round", freed.by)
    } else {
        format!("`{name}` is freed by `{}()` after `{}()` freed it", freed.by, before.by)
    };
    // Whether or not a reference was the last one: what a count frees is not freed beside it. Two puts are another matter.
    let counted = before.put && !(before.sole || before.released && !freed.put);
    let later = freed.put && (before.put || !freed.released || freed.by_state);
    let sure = if path.assumes_free(before) || counted || later { Confidence::Low } else { confidence(path, before) };
    let claim = Claim::here(path, event, sure, message).freed(path, before).freed(path, freed);
    let claim = if before.put { claim.assume(format!("the reference given up was the last one to `{name}`")) } else { claim };
    claim.identity(format!("{} {name} {}", before.by, freed.by)).cause(before.op)
}

/// A free of what the device core frees.
fn managed(path: &Path<'_, '_>, event: &Event<'_>, object: ValueId, freed: &Freed) -> Option<Claim> {
    let (op, by) = allocation(path, object)?;
    let model = path.world.model;
    let returned = |name: Symbol| model.entry(name).is_some_and(|e| e.managed);
    if !model.entry(by).is_some_and(|e| e.managed && e.allocates) || returned(chain(path.world, freed.way).primitive) {
        return None;
    }
    let name = name(path, object, freed);
    let message = format!("`{name}` is freed by `{}()`, and by the device core when the driver is unbound", freed.by);
    let sure = if path.state.merged { Confidence::Low } else { confidence(path, freed) };
    let claim = Claim::here(path, event, sure, message)
        .step_at(path, Some(op), format!("`{name}` = {by}(), which the device core frees"))
        .freed(path, freed);
    Some(claim.identity(format!("{by} {name} {}", freed.by)).cause(op))
}

/// The call that gave an object, and what it calls.
fn allocation(path: &Path<'_, '_>, object: ValueId) -> Option<(OpId, Symbol)> {
    let call = path.values.call(object)?;
    match path.body.op(call)?.kind {
        OpKind::Call { target: Target::Name(name), .. } => Some((call, name)),
        _ => None,
    }
}

fn confidence(path: &Path<'_, '_>, before: &Freed) -> Confidence {
    // Looked up, these were wrong far more often than right.
    let doubtful = before.by_state || path.merged_around(before) || before.later_round || path.deep_in_round();
    if doubtful || words::is_test_code(path.world.path(path.func)) { Confidence::Low } else { Confidence::High }
}

/// The object as the reader knows it.
fn name(path: &Path<'_, '_>, object: ValueId, freed: &Freed) -> String {
    path.freed_text(freed).or_else(|| path.describe(object)).unwrap_or_else(|| "the object".to_owned())
}
