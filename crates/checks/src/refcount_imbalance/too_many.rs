//! References given up that the path does not hold: what a member of an argument goes on to hold, or what was given back before.

use super::{doubtful, took};
use cuthere_analysis::{Claim, ways};
use cuthere_base::Confidence;
use cuthere_flow::body::{Op, OpKind, Target};
use cuthere_flow::domain::{Dropped, Source, Taken};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::summary::Way;
use cuthere_flow::value::{Value, ValueId};

/// A failure gives up a reference that a member of an argument held when the function was entered, and leaves the pointer there.
pub(super) fn borrowed(path: &Path<'_, '_>, dropped: &Dropped) -> Option<Claim> {
    let Value::Entry(place) = path.values.get(dropped.object) else { return None };
    let holder = path.values.root(place).is_some_and(|p| path.values.param(p, path.body.params).is_some());
    let member = matches!(path.values.get(place), Value::PField(..)) && holder && dropped.counter.is_empty();
    // What was called before may have stored the pointer for this very case.
    let first = |op: &Op| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => path.world.model.entry(name).is_some(),
        OpKind::Call { .. } => false,
        _ => true,
    };
    if !member
        || path.state.written(place).is_some_and(|v| v != dropped.object)
        || !path.body.all_ops().take_while(|(id, _)| *id < dropped.op).all(|(_, op)| first(op))
    {
        return None;
    }
    let loc = path.body.op(dropped.op)?.loc;
    let (name, put) = (path.describe(dropped.object)?, path.called(dropped.op)?);
    // What undoes a registration is meant for it.
    if !put.as_str().split('_').any(|word| matches!(word, "put" | "unref" | "release" | "drop")) {
        return None;
    }
    let message = format!("`{put}()` gives up the reference that `{name}` holds, when `{}` fails", path.body.name);
    let sure = if doubtful(path) { Confidence::Low } else { Confidence::High };
    let claim = Claim::new(dropped.op, (path.func, loc), sure, message);
    let claim = ways::decided(path, claim)
        .step(path.func, loc, format!("gives up a reference to `{name}`, which was not taken here"))
        .down(path.world, dropped.way);
    Some(claim.identity(format!("borrowed {name} {put}")).cause(dropped.op))
}

/// Given back once more.
pub(super) fn twice(path: &Path<'_, '_>, event: &Event<'_>, before: &Taken, object: ValueId) -> Option<Claim> {
    let name = path.describe(object)?;
    let put = path.called(event.op)?;
    let message = format!("`{put}()` gives back a reference to `{name}` that was given back before");
    // An object that was at hand, or that the tree's own tables hold, may have had a reference of its own to give back.
    let sure =
        if doubtful(path) || before.shared || before.doubtful || before.source == Source::Added || matches!(before.way, Way::Callee(..)) {
            Confidence::Low
        } else {
            Confidence::High
        };
    let claim = took(path, Claim::here(path, event, sure, message), before, &name);
    let claim =
        ways::decided(path, claim).step(path.func, event.loc, format!("gives it back again by {put}()")).down(path.world, event.way);
    Some(claim.identity(format!("twice {name} {put}")))
}
