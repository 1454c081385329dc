//! A driver is taken off its device, and a timer or work item in the driver's data is not waited for.
//!
//! When the function for that returns, the device's managed memory is given back, and so is what the driver keeps in the memory of a subsystem's object; a callback that runs
//! later finds neither. Who frees the data need not be seen for that. What [`super::armed`] tells of a free that is seen is not told twice.

use super::armed::{kept_alive, runs_by_itself};
use super::parts::{Key, Teardown, Uses, is_queue};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{LocalId, Record};
use cuthere_flow::index::{Deed, Done, LifeUse, Spot, spot_of};
use cuthere_flow::summary::FuncId;
use std::collections::{BTreeMap, HashSet};

/// `told`: callback objects whose object's free was found too early.
pub fn judge(all: &Teardown<'_>, told: &HashSet<Key>, claims: &mut Claims) {
    let mut ends: BTreeMap<&str, Vec<FuncId>> = BTreeMap::new();
    for b in all.world.bound.iter().filter(|b| b.record.tag().ends_with("driver")) {
        if words::takes_off(b.field) {
            let list = ends.entry(all.world.folder(b.func)).or_default();
            if !list.contains(&b.func) {
                list.push(b.func);
            }
        }
    }
    let waited = |uses: &Uses| uses.of(|d| matches!(d, Deed::CancelSync { .. } | Deed::Flush)).next().is_some();
    let stopped: HashSet<(Record, Symbol)> =
        all.objects.iter().filter(|(_, uses)| waited(uses)).map(|(key, _)| (key.record, key.member)).collect();
    for (key, uses) in all.objects.iter().filter(|(key, _)| !told.contains(key)) {
        let Some((armer, arm)) = uses.first_arm().filter(|a| runs_by_itself(a.1.kind.as_str())) else { continue };
        let near = ends.get(all.world.folder(*armer)).map_or(&[][..], Vec::as_slice);
        let found = near.iter().map(|f| (*f, in_hand(all, *f, *key), cancels(all, *f, *key)));
        let found = found.filter(|(_, hand, cancel)| *hand || cancel.is_some()).max_by_key(|(_, hand, _)| *hand);
        // Whoever stops it may know it by another way: as an element of an array, or by a pointer into the middle of the object.
        if stopped.contains(&(key.record, key.member)) || kept_alive(all, *key, uses) || all.waits_unfollowed(*armer, *key) {
            continue;
        }
        match found {
            Some((f, ..)) if drained(all, f, uses) => {}
            Some((f, _, cancel)) if !waits(all, f) => claims.add(claim(all, (*key, uses), (f, cancel), (*armer, arm))),
            None if all.is_managed(key.owner) => claims.extend(nobody(all, (*key, uses), (*armer, arm))),
            _ => {}
        }
    }
}

/// The cancellation of a callback object that a function comes to.
fn cancels(all: &Teardown<'_>, f: FuncId, key: Key) -> Option<Done> {
    all.lives.inside(f).iter().find(|d| d.life.deed == Deed::Cancel && Key::of(d.life.spot) == Some(key)).copied()
}

/// Whether a function has the object in hand that a callback object lies in.
fn in_hand(all: &Teardown<'_>, f: FuncId, key: Key) -> bool {
    let body = all.world.func(f);
    (0..body.locals.len() as u32).any(|l| body.local_pointee(LocalId::new(l)) == Some(key.owner))
}

/// Whether the queue that a work item is always put on is destroyed by a function, or waited for: what is on it has run then. The timer of a delayed one is on no queue.
fn drained(all: &Teardown<'_>, f: FuncId, uses: &Uses) -> bool {
    let inside = all.lives.inside(f);
    let member = |spot: Spot| match spot {
        Spot::Member { record, member, .. } => Some((record, member)),
        _ => None,
    };
    let ends = |d: &&Done| is_queue(d.life.kind) && matches!(d.life.deed, Deed::CancelSync { .. } | Deed::Flush);
    let ended: Vec<(Record, Symbol)> = inside.iter().filter(ends).filter_map(|d| member(d.life.spot)).collect();
    let on_one = |(g, arm): &(FuncId, LifeUse)| {
        let args = all.world.func(*g).named_call(arm.op).map_or(&[][..], |(_, args)| args);
        args.iter().any(|&e| member(spot_of(all.world.func(*g), e)).is_some_and(|m| ended.contains(&m)))
    };
    !ended.is_empty() && uses.arms().all(|a| a.1.kind.as_str() == "work" && on_one(a))
}

/// Whether a function waits for something that need not be the callback by name.
fn waits(all: &Teardown<'_>, f: FuncId) -> bool {
    all.lives.inside(f).iter().any(|d| d.life.deed == Deed::Wait)
}

/// The device core frees the object, and the driver has nothing that is called before that.
fn nobody(all: &Teardown<'_>, (key, uses): (Key, &Uses), (armer, arm): (FuncId, &LifeUse)) -> Option<Claim> {
    let (f, setup) = uses.of(|d| d == Deed::Setup).find(|(f, _)| probes(all, *f))?;
    let (kind, text) = (arm.kind, key.text());
    let cancelled = uses.of(|d| d == Deed::Cancel).next().is_some();
    let sure = if cancelled { Confidence::Low } else { Confidence::Medium };
    let message = format!("the {kind} `{text}` lies in memory that the device core frees, and nothing of the driver stops it");
    let claim = Claim::new(setup.op, (*f, all.loc(*f, setup.op)), sure, message).thread(all.thread(0, *f));
    let claim = claim.step(*f, all.loc(*f, setup.op), format!("sets up `{text}`"));
    let claim = all.show_armed(claim, (armer, arm), uses.callbacks().next(), &text);
    Some(claim.assume("the callback may be pending or running when the driver is taken off").identity(format!("{text} nobody")))
}

/// Whether a function, or who calls it, takes a driver to its device.
fn probes(all: &Teardown<'_>, f: FuncId) -> bool {
    let probe =
        |g: FuncId| all.bindings(g).any(|b| b.record.tag().ends_with("driver") && matches!(b.field.as_str(), "probe" | "probe_new"));
    probe(f) || all.lives.callers(f).any(|(g, ..)| probe(g))
}

fn claim(all: &Teardown<'_>, (key, uses): (Key, &Uses), (f, cancel): (FuncId, Option<Done>), (armer, arm): (FuncId, &LifeUse)) -> Claim {
    let (kind, text, name) = (arm.kind, key.text(), all.name(f));
    let message = match cancel {
        Some(_) => format!("`{name}()` takes the driver off its device and cancels the {kind} `{text}` without waiting for it"),
        None => format!("`{name}()` takes the driver off its device and does not stop the {kind} `{text}`"),
    };
    // Stopped by another function at another time: the subsystem may call that first.
    let elsewhere = cancel.is_none() && uses.of(|d| d == Deed::Cancel).next().is_some();
    let sure = if elsewhere { Confidence::Low } else { Confidence::Medium };
    let loc = cancel.map_or(all.world.func(f).loc, |d| all.loc(f, d.at));
    let claim = Claim::new(cancel.map_or(arm.op, |d| d.at), (f, loc), sure, message);
    let claim = all.show_armed(claim, (armer, arm), uses.callbacks().next(), &text).thread(all.thread(0, f));
    let claim = match cancel {
        Some(d) => all.show(claim, f, &d, "cancels it, and does not wait until it has returned"),
        None => all.show_others_stopped(claim, f, None, key),
    };
    claim
        .step(f, all.world.func(f).loc, format!("returns, and what the driver keeps for the device goes away with `{}`", key.owner))
        .assume("the callback may be pending or running when the driver is taken off")
        .identity(format!("{text} {name}"))
}
