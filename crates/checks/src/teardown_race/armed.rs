//! A timer or work item in an object is armed somewhere, and nobody waits for it before the object is freed.

use super::parts::{Key, Teardown, Uses, is_queue};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::Confidence;
use cuthere_flow::body::{OpId, Record};
use cuthere_flow::index::{Deed, Done, LifeUse, Spot};
use cuthere_flow::summary::FuncId;
use std::collections::{HashMap, HashSet};

/// Callers that are looked at for what they have done before.
const UP_MAX: u32 = 4;

/// Kinds of callback objects that lie in the record and run by themselves.
pub fn runs_by_itself(kind: &str) -> bool {
    matches!(kind, "timer" | "hrtimer" | "tasklet" | "work" | "delayed-work" | "kthread-work" | "irq-work")
}

/// Gives the callback objects that were told of.
pub fn judge(all: &Teardown<'_>, claims: &mut Claims) -> HashSet<Key> {
    let mut told = HashSet::new();
    // What is freed, by record.
    let mut frees: HashMap<Record, Vec<(FuncId, LifeUse)>> = HashMap::new();
    for &f in &all.functions {
        for life in all.lives.lifetimes.own(f).iter().filter(|u| u.deed == Deed::Free) {
            for (record, _) in all.ends(&Done::own(f, *life)) {
                if record == life.object || all.arms_near(record, f) {
                    frees.entry(record).or_default().push((f, *life));
                }
            }
        }
    }
    for (key, uses) in &all.objects {
        let Some((armer, arm)) = uses.first_arm().filter(|a| runs_by_itself(a.1.kind.as_str())) else { continue };
        let Some(frees) = frees.get(&key.owner).filter(|_| !kept_alive(all, *key, uses)) else { continue };
        for (f, free) in frees {
            if let Some(claim) = unstopped(all, *key, uses, (*f, free), (*armer, arm)) {
                claims.add(claim);
                told.insert(*key);
            }
        }
    }
    told
}

/// Whether the callback or who arms it keeps the object alive, or frees it itself, or somebody somewhere waits for it in a way that may do.
pub fn kept_alive(all: &Teardown<'_>, key: Key, uses: &Uses) -> bool {
    let work = uses.arms().any(|a| a.1.kind.as_str().contains("work"));
    let ends = |f: FuncId| all.lives.inside(f).iter().any(|d| is_end(&d.life, key.owner));
    let waited =
        |f: FuncId, arm: OpId| all.lives.inside(f).iter().any(|d| d.life.deed == Deed::Wait && all.lives.always_after(f, arm, d.at));
    uses.callbacks().any(ends)
        || uses.arms().all(|a| waited(a.0, a.1.op))
        || uses.arms().any(|a| all.takes_reference(a.0, key.owner))
        || uses.arms().all(|a| gives_up(all, a.0))
        || uses.of(|d| matches!(d, Deed::CancelSync { .. } | Deed::Flush)).next().is_some()
        || work && uses.arms().any(|a| all.flushes(a.0, a.1.op))
}

/// Whether a deed ends an object of a record, or gives up a reference to one: not merely what its members lead to.
fn is_end(life: &LifeUse, owner: Record) -> bool {
    let inside = matches!(life.spot, Spot::Member { owner: o, through: false, .. } if o == owner);
    match life.deed {
        Deed::Free => life.object == owner || life.spot == Spot::Object(owner),
        Deed::FreeLater | Deed::Put => life.object == owner || life.spot == Spot::Object(owner) || inside,
        _ => false,
    }
}

/// Whether a function is named for giving a reference up: what it arms is to free the object.
fn gives_up(all: &Teardown<'_>, f: FuncId) -> bool {
    all.name(f).split('_').any(|word| matches!(word, "put" | "release"))
}

fn unstopped(all: &Teardown<'_>, key: Key, uses: &Uses, (f, free): (FuncId, &LifeUse), (armer, arm): (FuncId, &LifeUse)) -> Option<Claim> {
    // The callback's own frees are its own business.
    if uses.callbacks().any(|g| g == f || all.lives.inside(g).iter().any(|d| d.by.0 == f)) {
        return None;
    }
    let lives = &all.lives;
    let before = lives.before(f, free.op);
    let here = |d: &&Done| Key::of(d.life.spot) == Some(key);
    // What runs it is stopped, or waited for, as a whole.
    let queue = |d: &Done| matches!(d.life.deed, Deed::Flush | Deed::CancelSync { .. }) && is_queue(d.life.kind);
    if arm.kind.as_str().contains("work") && before.iter().any(queue) {
        return None;
    }
    let cancel = before.iter().filter(here).find(|d| d.life.deed == Deed::Cancel).copied();
    let constructs = |g: FuncId| lives.inside(g).iter().any(|d| all.makes(&d.life, key.owner));
    let armed_here = before.iter().filter(here).any(|d| d.life.deed == Deed::Arm);
    if constructs(f) && !armed_here {
        return None;
    }
    let above = if cancel.is_some() { None } else { cancelled_above(all, key, f, 0) };
    let anywhere = uses.of(|d| d == Deed::Cancel).next();
    let (stop, sure) = match (cancel, above, anywhere) {
        (Some(d), ..) => (Some((f, d)), Confidence::High),
        (None, Some(at), _) => (Some(at), Confidence::High),
        // Stopped by another function at another time: whether that comes before is not known.
        (None, None, Some(_)) => return None,
        (None, None, None) => (None, Confidence::High),
    };
    if stop.is_none() && (!torn_down(all, f, key, 0) || all.waits_unfollowed(armer, key)) {
        return None;
    }
    let runs = uses.callbacks().next();
    // A framework that sets it up, and is told that the object ends, is who stops it; neither was read.
    let foreign = stop.is_none() && runs.is_none() && all.hands_on_unread(f, key.owner);
    let sure = if foreign { Confidence::Low } else { sure };
    let kind = arm.kind;
    let what = match stop {
        None if foreign => format!("`{}` is freed and nothing that was read cancels the {kind} `{}` in it", key.owner, key.text()),
        Some(_) => format!("`{}` is freed after the {kind} `{}` was cancelled without waiting for it", key.owner, key.text()),
        None => format!("`{}` is freed and the {kind} `{}` in it is never cancelled", key.owner, key.text()),
    };
    let claim = Claim::new(free.op, (f, all.loc(f, free.op)), sure, what);
    let claim = all.show_armed(claim, (armer, arm), runs, &key.text());
    let claim = claim.thread(all.thread(0, f));
    let claim = match stop {
        Some((g, d)) => all.show(claim, g, &d, "cancels it, and does not wait until it has returned"),
        None => claim,
    };
    let claim = if stop.is_none() { all.show_others_stopped(claim, f, Some(free.op), key) } else { claim };
    let claim = claim.step(f, all.loc(f, free.op), format!("frees the object by {}()", free.kind));
    let claim = if foreign { claim.assume("what the object is handed to before was not read, and does not stop it") } else { claim };
    Some(claim.assume("the callback may be pending or running when the object is freed").identity(format!(
        "{} {}",
        key.text(),
        all.name(f)
    )))
}

/// The cancellation without waiting that a caller makes before it comes here.
fn cancelled_above(all: &Teardown<'_>, key: Key, f: FuncId, depth: u32) -> Option<(FuncId, Done)> {
    if depth >= UP_MAX {
        return None;
    }
    let callers: Vec<(FuncId, _, bool)> = all.lives.callers(f).collect();
    callers.into_iter().find_map(|(caller, op, _)| {
        let before = all.lives.before(caller, op);
        let here = before.into_iter().find(|d| d.life.deed == Deed::Cancel && Key::of(d.life.spot) == Some(key));
        here.map(|d| (caller, d)).or_else(|| cancelled_above(all, key, caller, depth + 1))
    })
}

/// Whether a function is reached where an object of this record is at the end of its life: not only from where it was made.
fn torn_down(all: &Teardown<'_>, f: FuncId, key: Key, depth: u32) -> bool {
    let makes = |g: FuncId| all.lives.lifetimes.own(g).iter().any(|d| all.makes(d, key.owner));
    if makes(f) {
        return false;
    }
    let callers: Vec<(FuncId, _, bool)> = all.lives.callers(f).collect();
    callers.is_empty() || depth >= UP_MAX || callers.iter().any(|(g, ..)| torn_down(all, *g, key, depth + 1))
}
