//! A delayed work item that arms itself is cancelled without waiting, and its queue is waited for: the round that runs meanwhile has armed it once more.

use super::order::told_to_stop;
use super::parts::{Key, Teardown, Uses, is_queue};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::Confidence;
use cuthere_flow::index::{Deed, Done, LifeUse, Spot};
use cuthere_flow::summary::FuncId;

pub fn judge(all: &Teardown<'_>, claims: &mut Claims) {
    for (key, uses) in &all.objects {
        let arms_itself = |g: FuncId| {
            let arm = all.lives.inside(g).iter().find(|d| d.life.deed == Deed::Arm && Key::of(d.life.spot) == Some(*key)).copied();
            arm.map(|d| (g, d))
        };
        let cancels = |u: &&(FuncId, LifeUse)| u.1.deed == Deed::Cancel && u.1.kind.as_str() == "delayed-work";
        let mut cancels = uses.all.iter().filter(cancels).peekable();
        if cancels.peek().is_none() {
            continue;
        }
        let Some(again) = uses.callbacks().find_map(arms_itself) else { continue };
        for (f, cancel) in cancels {
            claims.extend(waited_in_vain(all, (*key, uses), (*f, cancel), again));
        }
    }
}

/// The function that cancels it waits for the queue then, and goes on as if that were the end.
fn waited_in_vain(
    all: &Teardown<'_>,
    (key, uses): (Key, &Uses),
    (f, cancel): (FuncId, &LifeUse),
    (g, arm): (FuncId, Done),
) -> Option<Claim> {
    let inside = all.lives.inside(f);
    let mine = |d: &Done| Key::of(d.life.spot) == Some(key);
    let queue = |d: &Done| is_queue(d.life.kind) || d.life.kind.as_str() == "work" && d.life.spot == Spot::Unknown || mine(d);
    // In any case, or where the cancellation came too late; not over and over until it did not.
    let body = all.world.func(f);
    let once = |d: &Done| body.dominates(cancel.op, body.block_of(d.at)) && !all.lives.leads(f, d.at, cancel.op);
    let wait = inside.iter().find(|d| d.life.deed == Deed::Flush && queue(d) && all.lives.leads(f, cancel.op, d.at) && once(d))?;
    let ends = inside.iter().any(|d| mine(d) && (matches!(d.life.deed, Deed::CancelSync { .. }) || d.life.deed == Deed::Arm));
    if ends || uses.callbacks().any(|c| c == f) || told_to_stop(all, f, cancel.op, (g, &arm)) {
        return None;
    }
    let (name, by, waits) = (key.text(), all.name(g), all.called(wait.by.0, wait.by.1));
    let message = format!("`{name}` is cancelled without waiting, and `{waits}()` does not end it: `{by}()` arms it again");
    let claim = Claim::new(cancel.op, (f, all.loc(f, cancel.op)), Confidence::Medium, message).thread(all.thread(1, g));
    let claim = claim.step(g, all.world.func(g).loc, format!("{by}() runs")).thread(all.thread(0, f));
    let claim = claim.step(f, all.loc(f, cancel.op), format!("cancels `{name}`, which is not pending")).thread(all.thread(1, g));
    let claim = all.show(claim, g, &arm, "arms it again").thread(all.thread(0, f));
    let claim = all.show(claim, f, wait, "waits until what was armed before has run, and goes on with the next round pending");
    Some(claim.identity(format!("{name} {by} again")))
}
