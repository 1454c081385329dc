//! What was stopped is armed again by what is stopped later.

use super::armed::runs_by_itself;
use super::parts::{Key, Teardown, Uses};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Expr, Op, OpId, OpKind, Record, Target};
use cuthere_flow::index::{Deed, Done, LifeUse, Spot};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Custom;

/// Functions on the way to one that arms.
const WAY_MAX: usize = 8;
/// Callers that are looked at for what they end after the call.
const UP_MAX: u32 = 2;

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    for (key, uses) in &all.objects {
        if uses.arms().next().is_none() {
            continue;
        }
        // Who has waited for it knows as little as who has cancelled it whether it is armed once more.
        let stops = |d: Deed| matches!(d, Deed::CancelSync { for_good: false } | Deed::Flush);
        for (f, cancel) in uses.of(stops).filter(|u| runs_by_itself(u.1.kind.as_str())) {
            claims.extend(ordered(all, *key, uses, *f, &Done::own(*f, *cancel), 0));
        }
    }
}

/// What ends too late in the function that stops it, or in one that calls that.
fn ordered(all: &Teardown<'_>, key: Key, uses: &Uses, f: FuncId, cancel: &Done, depth: u32) -> Option<Claim> {
    let here = armed_again(all, key, uses, f, cancel);
    if here.is_some() || depth >= UP_MAX {
        return here;
    }
    let callers: Vec<(FuncId, OpId, bool)> = all.lives.callers(f).filter(|c| c.2).collect();
    callers.into_iter().find_map(|(g, op, _)| ordered(all, key, uses, g, &Done { at: op, ..*cancel }, depth + 1))
}

/// What may still run until it is stopped by a deed, in this function's folder.
fn sources(all: &Teardown<'_>, f: FuncId, done: &Done, not: Key) -> Vec<FuncId> {
    if let Some(key) = Key::of(done.life.spot).filter(|_| runs_by_itself(done.life.kind.as_str())) {
        return all.uses(key).filter(|_| key != not).map_or(Vec::new(), |u| u.callbacks().collect());
    }
    if done.life.kind.as_str() == "irq" {
        let Spot::Object(data) = done.life.spot else { return Vec::new() };
        let irq = |u: &&LifeUse| u.deed == Deed::Arm && u.kind.as_str().contains("irq") && u.object == data;
        return all.near(f).iter().flat_map(|g| all.lives.lifetimes.own(*g).iter().filter(irq).filter_map(|u| u.function)).collect();
    }
    tables(all, done).iter().flat_map(|table| all.bound(f, *table).iter().copied()).collect()
}

/// The operations that a registration calls.
pub fn tables(all: &Teardown<'_>, done: &Done) -> Vec<Symbol> {
    let name = all.called(done.by.0, done.by.1);
    let entry = all.world.model.entry(name);
    entry.map_or(Vec::new(), |e| e.callbacks.iter().flat_map(|c| c.tables.iter().copied()).collect())
}

fn armed_again(all: &Teardown<'_>, key: Key, uses: &Uses, f: FuncId, cancel: &Done) -> Option<Claim> {
    let lives = &all.lives;
    let inside = lives.inside(f);
    let stops = |d: &Done| matches!(d.life.deed, Deed::CancelSync { .. }) || d.life.deed == Deed::Cancel && !tables(all, d).is_empty();
    let mine = |d: &Done| Key::of(d.life.spot) == Some(key);
    // Whoever stops the thread that works stops its work.
    let thread = |d: &Done| d.life.kind.as_str() == "kthread" && matches!(d.life.deed, Deed::CancelSync { .. });
    if cancel.life.kind.as_str() == "kthread-work" && inside.iter().any(thread) || inside.iter().any(|d| all.makes(&d.life, key.owner)) {
        return None;
    }
    // Below, what a pointer may lead to is not certain to come later.
    let certain = |d: &Done| cancel.by.0 == f || d.sure;
    for later in inside.iter().filter(|d| stops(d) && !mine(d) && certain(d) && lives.leads(f, cancel.at, d.at)) {
        let same = |d: &Done| d.life.kind == later.life.kind && d.life.spot == later.life.spot;
        // The callee that stops it ends that, too, in an order of its own.
        if cancel.by.0 != f && inside.iter().any(|d| stops(d) && same(d) && d.at == cancel.at) {
            continue;
        }
        // Stopped before as well, or the object again afterwards.
        if inside.iter().any(|d| stops(d) && (same(d) && lives.leads(f, d.at, cancel.at) || mine(d) && lives.leads(f, later.at, d.at))) {
            continue;
        }
        // Attributes of a device end where its driver says so; what another file does with a device is about another one.
        let elsewhere = all.world.func(later.by.0).file != all.world.func(f).file;
        if elsewhere && later.life.kind.as_str() == "device" {
            continue;
        }
        let sources = sources(all, f, later, key);
        // What stops it on the way out: the operations' own clean-up.
        let cleans = |g: &FuncId| lives.inside(*g).iter().any(|d| mine(d) && matches!(d.life.deed, Deed::CancelSync { .. }));
        if sources.iter().any(cleans) && !runs_by_itself(later.life.kind.as_str()) {
            continue;
        }
        for g in sources {
            let below = lives.inside(g);
            let Some(arm) = below.iter().find(|d| mine(d) && d.life.deed == Deed::Arm) else { continue };
            let told = |h: FuncId, op: OpId| told_to_stop(all, h, op, (g, arm));
            if uses.callbacks().any(|c| c == g) || told(f, cancel.at) || told(cancel.by.0, cancel.by.1) {
                continue;
            }
            let end = freed_later(all, f, key.owner, later.at)?;
            if end.is_some_and(|(h, end)| stopped_at_last(all, key, h, &end)) {
                return None;
            }
            return Some(claim(all, key, (f, cancel), later, (g, arm), end));
        }
    }
    None
}

/// The functions from one that does something by a callee down to that.
fn way_down(all: &Teardown<'_>, from: FuncId, done: &Done) -> Vec<FuncId> {
    let mut way = vec![from];
    let (mut f, mut at) = (from, done.at);
    while f != done.by.0 && way.len() < WAY_MAX {
        let callees = all.world.callees(f, at).map_or(&[][..], |c| c.list());
        let below = callees.iter().find_map(|&g| all.lives.inside(g).iter().find(|d| d.by == done.by).map(|d| (g, d.at)));
        let Some((g, next)) = below else { break };
        (f, at) = (g, next);
        way.push(f);
    }
    way.push(done.by.0);
    way
}

/// Whether what frees the object, or what was called just before, stops it and waits: it was the last word.
fn stopped_at_last(all: &Teardown<'_>, key: Key, h: FuncId, end: &Done) -> bool {
    let stops = |d: &Done| matches!(d.life.deed, Deed::CancelSync { .. } | Deed::Flush) && Key::of(d.life.spot) == Some(key);
    all.lives.inside(h).iter().any(|d| stops(d) && d.at == end.at)
}

/// Where the object is freed after the function, or by it: the function and operation, if it is seen.
pub fn freed_later(all: &Teardown<'_>, f: FuncId, owner: Record, after: OpId) -> Option<Option<(FuncId, Done)>> {
    let find = |g: FuncId, op: OpId| {
        let inside = all.lives.inside(g);
        inside.iter().find(|d| all.lives.leads(g, op, d.at) && all.ends(d).iter().any(|(r, _)| *r == owner)).map(|d| (g, *d))
    };
    if let Some(end) = find(f, after) {
        return Some(Some(end));
    }
    let callers: Vec<_> = all.lives.callers(f).collect();
    if let Some(end) = callers.into_iter().find_map(|(g, op, _)| find(g, op)) {
        return Some(Some(end));
    }
    // Memory that the device core gives back when the driver is unbound.
    let unbinds = |g: FuncId| all.bindings(g).any(|b| words::takes_off(b.field));
    (all.is_managed(owner) && (unbinds(f) || all.lives.callers(f).any(|(g, ..)| unbinds(g)))).then_some(None)
}

/// Whether the function sets a flag before it stops something, and the one that might arm it again, or who is entered for that, reads it. On the way from the one to the other
/// that counts only where both sides hold a lock: what was asked for there may be long ago.
pub fn told_to_stop(all: &Teardown<'_>, f: FuncId, before: OpId, (g, arm): (FuncId, &Done)) -> bool {
    let set = flags_set(all, f, before);
    let reads = |g: &FuncId, locked: bool| {
        let of = all.world.func(*g);
        let flag = |&(record, name, under): &(Record, Symbol, bool)| {
            (under || !locked) && of.exprs.iter().any(|e| matches!(*e, Expr::Field { record: r, name: n, .. } if (r, n) == (record, name)))
        };
        set.iter().any(flag) && (!locked || of.all_ops().any(|(_, op)| locks(all, op) == Some(true)))
    };
    let asks = |g: &FuncId| {
        all.world.func(*g).ops.iter().any(|op| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => all.world.model.is_custom(Custom::AsksRunning, name),
            _ => false,
        })
    };
    let ends = [g, arm.by.0];
    ends.iter().any(|h| reads(h, false) || asks(h)) || way_down(all, g, arm).iter().any(|h| reads(h, true))
}

/// The members that a function stores to before an operation, or sets bits of, and whether it holds a lock then.
fn flags_set(all: &Teardown<'_>, f: FuncId, before: OpId) -> Vec<(Record, Symbol, bool)> {
    let body = all.world.func(f);
    let member = |e| match body.expr(e) {
        Expr::Field { record, name, .. } => Some((record, name)),
        _ => None,
    };
    let mut set = Vec::new();
    let mut locked = false;
    for (id, op) in body.all_ops() {
        locked = locks(all, op).unwrap_or(locked);
        if id >= before && !all.lives.leads(f, id, before) {
            continue;
        }
        match op.kind {
            OpKind::Store { place, .. } => set.extend(member(place).map(|(record, name)| (record, name, locked))),
            OpKind::Call { target: Target::Name(name), args, .. } if all.world.model.is_custom(Custom::SetsFlag, name) => {
                let places = body.call_args(args).iter().filter_map(|&a| match body.expr(a) {
                    Expr::Addr(place) | Expr::Load(place, _) => member(place),
                    _ => None,
                });
                set.extend(places.map(|(record, name)| (record, name, locked)));
            }
            _ => {}
        }
    }
    set
}

/// Whether an operation takes a lock or gives one back, by the model's word; `None`: neither.
fn locks(all: &Teardown<'_>, op: &Op) -> Option<bool> {
    let OpKind::Call { target: Target::Name(name), .. } = op.kind else { return None };
    let entry = all.world.model.entry(name)?;
    match (entry.acquires.is_empty(), entry.releases.is_empty()) {
        (false, _) => Some(true),
        (true, false) => Some(false),
        _ => None,
    }
}

fn claim(
    all: &Teardown<'_>,
    key: Key,
    (f, cancel): (FuncId, &Done),
    later: &Done,
    (g, arm): (FuncId, &Done),
    end: Option<(FuncId, Done)>,
) -> Claim {
    let stop = all.called(later.by.0, later.by.1);
    let flushed = cancel.life.deed == Deed::Flush;
    let name = key.text();
    let (done, how) = if flushed {
        ("waited for", format!("waits until `{name}` has run"))
    } else {
        ("cancelled", format!("cancels `{name}` and waits for it"))
    };
    let message = format!("`{name}` is {done}, and `{}()` may arm it again until `{stop}()` is called", all.name(g));
    let sure = if later.life.kind.as_str() == "irq" { Confidence::Medium } else { Confidence::High };
    let claim = Claim::new(cancel.at, (f, all.loc(f, cancel.at)), sure, message).thread(all.thread(0, f));
    let claim = all.show(claim, f, cancel, &how).thread(all.thread(1, g));
    let claim = all.show(claim, g, arm, "arms it again").thread(all.thread(0, f));
    let claim = all.show(claim, f, later, &format!("only {stop}() ends that"));
    let claim = match end {
        Some((h, d)) => all.show(claim, h, &d, "frees the object, with the callback pending"),
        None => claim.assume("the device core frees the object when this function has returned"),
    };
    claim.assume("the device still works at this point").identity(format!("{} {}", key.text(), all.name(g)))
}
