//! Waiters are woken on a queue or completion in an object, which is freed then while they still have to leave it.

use super::chain::counted;
use super::parts::{Key, Teardown};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::Confidence;
use cuthere_flow::body::OpId;
use cuthere_flow::index::{Deed, Done, LifeUse};
use cuthere_flow::summary::FuncId;

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    for (key, uses) in &all.objects {
        let waits: Vec<&(FuncId, LifeUse)> = uses.of(|d| d == Deed::Wait).collect();
        if waits.is_empty() {
            continue;
        }
        for (waker, wake) in uses.of(|d| d == Deed::Wake) {
            if let Some((end, by)) = freed_after(all, *key, *waker, wake.op)
                && let Some(claim) = claim(all, *key, (*waker, wake), &end, by, &waits)
            {
                claims.add(claim);
                break;
            }
        }
    }
}

/// The free of the record that follows a wake-up in any case, with nobody waited for in between.
fn freed_after(all: &Teardown<'_>, key: Key, f: FuncId, wake: OpId) -> Option<(Done, Option<(FuncId, OpId)>)> {
    let lives = &all.lives;
    let inside = lives.inside(f);
    for d in inside.iter().filter(|d| d.sure && d.at != wake) {
        let Some((_, by)) = all.ends(d).into_iter().find(|(record, _)| *record == key.owner) else { continue };
        let waited = |w: &Done| match w.life.deed {
            Deed::Wait => all.concerns(&w.life, key.owner),
            Deed::CancelSync { .. } => w.life.kind.as_str() == "kthread",
            _ => false,
        };
        if lives.always_after(f, wake, d.at)
            && !inside.iter().any(|w| waited(w) && lives.leads(f, wake, w.at) && lives.leads(f, w.at, d.at))
        {
            return Some((*d, by));
        }
    }
    None
}

fn claim(
    all: &Teardown<'_>,
    key: Key,
    (waker, wake): (FuncId, &LifeUse),
    end: &Done,
    by: Option<(FuncId, OpId)>,
    waits: &[&(FuncId, LifeUse)],
) -> Option<Claim> {
    let inside = all.lives.inside(waker);
    // The last user's close: nobody else is inside.
    if all.bindings(waker).any(|b| b.field.as_str() == "release") {
        return None;
    }
    let free = |w: &&&(FuncId, LifeUse)| {
        w.0 != waker
            && !inside.iter().any(|d| d.by.0 == w.0)
            && !all.takes_reference(w.0, key.owner)
            && !all.lives.inside(w.0).iter().any(|d| matches!(d.life.deed, Deed::Free | Deed::FreeLater) && d.life.object == key.owner)
    };
    let (waiter, wait) = waits.iter().find(free)?;
    let name = all.name(waker);
    let message = format!(
        "`{name}()` wakes the waiters on `{}` and frees the object while `{}()` may still be on the queue",
        key.text(),
        all.name(*waiter)
    );
    // Who gives up a reference of its own, or shuts out a file whose opener holds one, ends nothing that those who wait hold.
    let counted = by.is_none() && counted(all, waker, end.at, key.owner) || all.held_by_open_file(*waiter, key.owner);
    let sure = if counted { Confidence::Low } else { Confidence::High };
    let claim = Claim::new(end.at, (waker, all.loc(waker, end.at)), sure, message).thread(all.thread(1, *waiter));
    let mut claim = claim;
    for (caller, op, _) in all.lives.callers(*waiter).take(3) {
        claim = claim.step(caller, all.loc(caller, op), format!("{}() calls {}()", all.name(caller), all.name(*waiter)));
    }
    let claim = claim
        .step(*waiter, all.loc(*waiter, wait.op), format!("waits on `{}` by {}(), with no reference to the object", key.text(), wait.kind))
        .thread(all.thread(0, waker))
        .step(waker, all.loc(waker, wake.op), format!("wakes the waiters by {}()", wake.kind));
    let text = if by.is_some() { "drops the device's last reference" } else { "frees the object" };
    let claim = all.show(claim, waker, end, text);
    let claim = match by {
        Some((f, op)) => claim.step(f, all.loc(f, op), "whose release callback frees the object"),
        None => claim,
    };
    Some(
        claim
            .thread(all.thread(1, *waiter))
            .step(*waiter, all.loc(*waiter, wait.op), "takes itself off the queue, in freed memory")
            .assume("nothing else keeps the waiter out until it has left")
            .identity(format!("{} {}", key.text(), all.name(*waiter))),
    )
}
