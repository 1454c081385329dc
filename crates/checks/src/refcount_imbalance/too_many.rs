//! References given up that the path does not hold: what a member of an argument goes on to hold, or what was given back before.

use super::{doubtful, took};
use cuthere_analysis::{Claim, Claims, ways};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Op, OpId, OpKind, Target};
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
    if !gives_up(put) {
        return None;
    }
    let message = format!("`{put}()` gives up the reference that `{name}` holds, when `{}` fails", path.body.name);
    let sure = if doubtful(path, path.state.merged) { Confidence::Low } else { Confidence::High };
    let claim = Claim::new(dropped.op, (path.func, loc), sure, message);
    let claim = ways::decided(path, claim)
        .step(path.func, loc, format!("gives up a reference to `{name}`, which was not taken here"))
        .down(path.world, dropped.way);
    Some(claim.identity(format!("borrowed {name} {put}")).cause(dropped.op))
}

/// References that are given back once more, and how the ways end on which they are.
#[derive(Default)]
pub(super) struct Twice {
    /// By the operation that does it: the operation that took the reference, how sure it is where only failures do it, and the claim.
    claims: Vec<(OpId, OpId, Confidence, Claim)>,
    /// Operations that do it on ways that end well; ones that take what such ways give back once.
    well: Vec<OpId>,
    once: Vec<OpId>,
}

impl Twice {
    pub(super) fn note(&mut self, path: &Path<'_, '_>, event: &Event<'_>, before: &Taken, object: ValueId) {
        if !self.claims.iter().any(|c| c.0 == event.op) {
            self.claims.extend(twice(path, event, before, object).map(|(failing, claim)| (event.op, before.op, failing, claim)));
        }
    }

    /// A path ends.
    pub(super) fn exit(&mut self, path: &Path<'_, '_>, fails: bool) {
        let references = &path.state.objects.references;
        let again = |t: &Taken| references.dropped().iter().find(|d| d.object == t.object && d.op > t.op).map(|d| d.op);
        for t in references.taken().iter().filter(|t| !fails && t.count == 0) {
            match again(t) {
                Some(op) => self.well.push(op),
                None => self.once.push(t.op),
            }
        }
    }

    /// What a look-up gave is given back twice by failures alone: who ends well knows that there is but one reference.
    pub(super) fn judge(&mut self, claims: &mut Claims) {
        for (op, get, failing, claim) in self.claims.drain(..) {
            let failing = if self.well.contains(&op) || !self.once.contains(&get) { claim.confidence } else { failing };
            claims.add(claim.sure(failing));
        }
    }
}

/// Given back once more.
fn twice(path: &Path<'_, '_>, event: &Event<'_>, before: &Taken, object: ValueId) -> Option<(Confidence, Claim)> {
    let name = path.describe(object)?;
    let put = path.called(event.op)?;
    let message = format!("`{put}()` gives back a reference to `{name}` that was given back before");
    // An object that was at hand, or that the tree's own tables hold, may have had a reference of its own to give back.
    let weak = doubtful(path, path.merged_around_reference(before)) || before.shared || before.doubtful || before.source == Source::Added;
    let failing = if weak { Confidence::Low } else { Confidence::High };
    let sure = if matches!(before.way, Way::Callee(..)) { Confidence::Low } else { failing };
    let claim = took(path, Claim::here(path, event, sure, message), before, &name);
    let claim =
        ways::decided(path, claim).step(path.func, event.loc, format!("gives it back again by {put}()")).down(path.world, event.way);
    Some((failing, claim.identity(format!("twice {name} {put}"))))
}

/// Whether a name speaks of giving up a reference.
pub(super) fn gives_up(name: Symbol) -> bool {
    name.as_str().split('_').any(|word| matches!(word, "put" | "unref" | "release" | "drop" | "dec"))
}
