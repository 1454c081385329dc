//! # use-after-free
//!
//! A pointer is dereferenced, here or in a callee, on a path on which what it points to was freed, here or in a callee.
//!
//! ## Why it matters
//!
//! Freed memory is soon somebody else's: what is read there is garbage, or a value that an attacker chose, and what is written there
//! corrupts another object. Most exploits of the kernel begin with one.
//!
//! ## Example
//!
//! ```c
//! static void cup_free(struct cup *c) { kfree(c->label); kfree(c); }
//!
//! cup_free(c);
//! total -= c->size;             /* read it before */
//! ```
//!
//! Read what is needed before the free, move the free behind the last use, or leave after an error of a callee that has freed its argument.
//!
//! ## How it decides
//!
//! An object is known by the pointer that everything in it is reached through, so that copies, `&p->member` and `container_of` are one object. What
//! frees is known from the kernel model (also: only if it succeeds, as `krealloc`; only after a grace period, as `kfree_rcu`) and from the
//! bodies of callees: what a callee has freed on *every* path of a way of returning that its caller can tell apart, by the result or by the arguments.
//! A pointer in memory that a call may have replaced is another pointer afterwards, unless its body, and those below, write no member of that name; one kept in a variable is not. Loops over lists whose step reads the
//! element at hand count as a use at the end of each round. A pointer that is overwritten with poison behind the free is followed like the freed one. Comparing, printing and measuring (`sizeof`) a freed pointer is no use.
//!
//! Giving up a reference (`put_device(&c->dev)`, `kref_put(&c->ref, release)`) frees what the release function frees on all its paths: it is found by what the call
//! is handed, or by the counted member of the record that it computes around its argument. That it was the last reference is certain only of an object that the
//! function made itself, and gave to nobody else. What lies in the private part of an object (`netdev_priv()`) is gone with it, also where it is freed by a member that leads back to it. A
//! pointer into a packet (`ip_hdr(skb)`, `skb->data`) is stale once a function of the model has made the packet writable, longer or of one piece, which may put its memory
//! elsewhere (`pskb_may_pull()`, `skb_cow_head()`), here or in a callee. Memory that is freed from a header in front of what its user holds (`kfree(p - sizeof(size_t))`) is
//! gone as a whole. Returning what was certainly freed is a use. So is a member that is left leading to what was freed
//! where the function fails, if it puts something new there where it succeeds, and neither frees the object nor stores anything else in it where it fails. An object that the function made and frees while it is on a list, on which this path put it, is used by whoever walks the list;
//! so is one that another function frees, where nobody in the tree takes one off that list. So is one that a mapping of a file keeps a bare pointer to and its `close` uses, where a request of a user or a driver that is taken off its device
//! frees it. Elements of one array are no allocations: freeing one in a loop frees all, or nothing that was allocated.
//!
//! One finding for one free: the first use in the source.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: freed for certain, and used for certain, in the same round of a loop or at the start of the next one, on one path that was followed from its beginning; freed while a mapping leads to it; used after the one reference was given up that a look-up of the kernel gave, or by
//!   a work item or timer after it gave up the reference to its own object, once and for all.
//! * **low**: what was wrong more often than right when it was looked up: freed with a reference that may not be the last one, or by a callee that frees it in some states only; free in a later round of a loop, or use in one in which something was decided before; a use in a callee
//!   that happens on some of its paths only; a path that was merged with others since the free, or before it if what is asked in between may go together with what they differed in; freed by a callee on some of its ways of returning, and nobody asks which
//!   it was; freed after a grace period and used outside of a read-side section that is seen here; test code.
//!
//! ## What it assumes and misses
//!
//! Frees that depend on the state of objects, and other threads: whoever looks the object up while it is
//! being freed is another matter. Two pointers that are loaded from different places are taken for two objects.

mod callback;
mod dangling;
mod element;
mod listed;
mod mapping;

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, Tree, words};
use cuthere_base::Confidence;
use cuthere_flow::body::OpId;
use cuthere_flow::domain::Freed;
use cuthere_flow::engine::event::{Access, EventKind};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::summary::{EffectKind, FuncId, Summary, Way};
use cuthere_flow::value::ValueId;
use cuthere_kernel::RefOp;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "use-after-free",
        summary: "a pointer is dereferenced after what it points to was freed, here or in a callee",
        source: include_str!("use_after_free.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::<UseAfterFree>::default()),
    entered: false,
    tree: Some(judge),
};

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    listed::judge(tree, claims);
    mapping::judge(tree, claims);
}

#[derive(Default)]
struct UseAfterFree {
    callback: callback::Callback,
    dangling: dangling::Dangling,
}

impl Checker for UseAfterFree {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        if let EventKind::Exit { value, .. } = &event.kind {
            self.dangling.exit(path, event, *value);
        }
        match &event.kind {
            EventKind::Access(access) if let Some(freed) = access.freed => {
                let claim = used(path, event, access, freed);
                self.callback.used(path, event, access, freed, &claim);
                claims.add(claim);
            }
            EventKind::Reference { object, .. } => self.callback.counted(event, *object),
            EventKind::Free { object, freed, linked: Some(linked), before: None } => {
                claims.extend(on_list(path, event, *object, freed, *linked))
            }
            EventKind::Free { object, freed, linked: None, .. } => claims.extend(element::freed(path, event, *object, freed)),
            EventKind::Exit { value: Some(value), .. } if path.body.ret_ptr => claims.extend(returned(path, event, *value)),
            _ => {}
        }
    }

    fn end(&mut self, _: &World<'_>, _: FuncId, _: &Summary, claims: &mut Claims) {
        self.callback.judge(claims);
        self.dangling.judge(claims);
    }
}

/// What was freed is handed to the caller as a result.
fn returned(path: &Path<'_, '_>, event: &Event<'_>, value: ValueId) -> Option<Claim> {
    let freed = path.state.objects.freed(path.values.pointer_root(value))?;
    let known = path.known(value);
    if freed.told || freed.moved || freed.put || freed.deferred || known.is_zero() || known.is_err() == Some(true) {
        return None;
    }
    let name = path.describe(value)?;
    let message = format!("`{}` returns `{name}`, which `{}()` freed", path.body.name, freed.by);
    let doubtful = path.assumes_free(freed) || doubtful(path, freed);
    let sure = if doubtful || words::is_test_code(path.world.path(path.func)) { Confidence::Low } else { Confidence::High };
    let claim = Claim::here(path, event, sure, message).freed(path, freed);
    let claim = claim.step(path.func, event.loc, format!("returns `{name}`"));
    Some(claim.identity(format!("{} {name} returned", freed.by)).cause(freed.op))
}

fn used(path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>, freed: &Freed) -> Claim {
    let argument = access.argument.and_then(|i| path.argument_text(event.op, i));
    let name = access.text.map(|e| path.body.text(e)).or(argument).unwrap_or_else(|| "the object".to_owned());
    let at = match (event.way, access.argument) {
        (Way::Callee(f, _), _) => format!(" in `{}()`", path.world.func(f).name),
        (Way::Model(_), Some(_)) => format!(" by `{}()`", access.callee),
        _ => String::new(),
    };
    let gone = match freed {
        Freed { moved: true, .. } => "may have put its memory elsewhere",
        Freed { given: true, .. } => "gave up the reference to it",
        _ => "freed it",
    };
    let message = format!("`{name}` is used{at} after `{}()` {gone}", freed.by);
    let claim = Claim::here(path, event, confidence(path, event, access, freed), message);
    let claim = claim.freed(path, freed);
    let claim = match (event.way, access.argument) {
        (Way::Model(by), None) => claim.step(path.func, event.loc, format!("`{by}` reads the next element from `{name}`")),
        _ => claim.access(path, event, access, &name),
    };
    let claim = if freed.put && !freed.sole { claim.assume(format!("the reference given up was the last one to `{name}`")) } else { claim };
    let claim = if freed.deferred { claim.assume("no read-side section is open here, and none of a caller's") } else { claim };
    claim.identity(format!("{} {name} {}", freed.by, access.member)).cause(freed.op)
}

/// Freed while it is on a list: whoever walks the list comes to it.
fn on_list(path: &Path<'_, '_>, event: &Event<'_>, object: ValueId, freed: &Freed, linked: OpId) -> Option<Claim> {
    let by = path.called(linked)?;
    let name = path.freed_text(freed).or_else(|| path.describe(object)).unwrap_or_else(|| "the object".to_owned());
    let doubtful = freed.put
        || freed.last
        || freed.by_state
        || path.state.merged
        || freed.later_round
        || !path.state.rounds.is_empty()
        || path.left_loop();
    let sure = if doubtful || words::is_test_code(path.world.path(path.func)) { Confidence::Low } else { Confidence::High };
    let message = format!("`{name}` is freed by `{}()` while it is on the list that `{by}()` put it on", freed.by);
    let claim = Claim::here(path, event, sure, message).step_at(path, Some(linked), format!("puts `{name}` on a list by {by}()"));
    let claim = claim.freed(path, freed).assume("the list outlives it");
    Some(claim.identity(format!("{by} {name} {}", freed.by)).cause(linked))
}

fn confidence(path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>, freed: &Freed) -> Confidence {
    let sometimes = match (event.way, access.argument) {
        (Way::Callee(f, id), Some(_)) => path.world.summary(f).and_then(|s| s.effect(id)).is_none_or(|e| !e.always),
        _ => false,
    };
    let open = freed.deferred || path.assumes_free(freed) || words::is_test_code(path.world.path(path.func));
    let known = freed.released && freed.sole || freed.looked_up && !ends(path, access, event.way);
    if open || sometimes || freed.put && !known || doubtful(path, freed) { Confidence::Low } else { Confidence::High }
}

/// Whether what uses an object ends it: it has a reference of its own then, and the look-up only found it.
fn ends(path: &Path<'_, '_>, access: &Access<'_>, way: Way) -> bool {
    let Some(argument) = access.argument else { return false };
    match way {
        Way::Callee(f, _) => path.world.summary(f).is_none_or(|s| {
            s.effects().any(|(_, e)| matches!(&e.kind, EffectKind::Reference { op: RefOp::Put, .. } | EffectKind::Free { .. }))
        }),
        _ => path.world.model.entry(access.callee).is_some_and(|e| {
            !e.callbacks.is_empty() || !e.frees.is_empty() || e.refs.iter().any(|r| r.op == RefOp::Put && r.argument == argument)
        }),
    }
}

/// Whether the free, or the path, is not certain enough: looked up, what rests on such was wrong far more often than right.
fn doubtful(path: &Path<'_, '_>, freed: &Freed) -> bool {
    freed.by_state || path.merged_around(freed) || freed.later_round || path.deep_in_round()
}
