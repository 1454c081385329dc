//! Members that lead to freed memory where a function fails, though it puts something new there where it does not.
//!
//! The object lives on, and the next call finds the pointer. Nothing is said where the failing way frees the object as well, or stores anything else in it: a length or a flag may say that
//! nothing is there.

use super::doubtful;
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::Confidence;
use cuthere_flow::body::OpId;
use cuthere_flow::domain::Freed;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::summary::Way;
use cuthere_flow::value::{Value, ValueId};

/// What the ways out of one function leave in places that led to what they freed.
#[derive(Default)]
pub(super) struct Dangling {
    /// Places that a failing way leaves as they were, by the operation that freed what they lead to.
    left: Vec<(OpId, ValueId, Claim)>,
    /// Places that hold something else behind a way that does not fail.
    replaced: Vec<(OpId, ValueId)>,
}

impl Dangling {
    /// The function returns.
    pub(super) fn exit(&mut self, path: &Path<'_, '_>, event: &Event<'_>, value: Option<ValueId>) {
        let fails = fails(path, value);
        for (object, freed) in path.state.objects.all_freed() {
            let Some((place, owner)) = held_in(path, object).filter(|_| is_certain(freed)) else { continue };
            let moved = path.state.written(place).is_some_and(|now| now != object);
            let key = (freed.op, place);
            match (moved, fails) {
                (true, false) if !self.replaced.contains(&key) => self.replaced.push(key),
                (false, true) if !self.left.iter().any(|l| (l.0, l.1) == key) => {
                    let claim = claim(path, event, (place, owner), freed);
                    self.left.extend(claim.map(|claim| (freed.op, place, claim)));
                }
                _ => {}
            }
        }
    }

    /// All paths were seen.
    pub(super) fn judge(&mut self, claims: &mut Claims) {
        let replaced = &self.replaced;
        self.left.drain(..).filter(|l| replaced.contains(&(l.0, l.1))).for_each(|l| claims.add(l.2));
    }
}

fn claim(path: &Path<'_, '_>, event: &Event<'_>, (place, owner): (ValueId, ValueId), freed: &Freed) -> Option<Claim> {
    let objects = &path.state.objects;
    let touched = path.state.env.iter().any(|e| e.0 != place && path.values.root(e.0) == Some(owner));
    if touched || objects.freed(owner).is_some() || doubtful(path, freed) || words::is_test_code(path.world.path(path.func)) {
        return None;
    }
    let name = path.describe_place(place, 0)?;
    let free = path.body.op(freed.op)?;
    let message = format!("`{name}` still leads to what `{}()` freed where `{}()` fails", freed.by, path.body.name);
    let claim = Claim::here(path, event, Confidence::High, message).at(path.func, free.loc).about(freed.op).freed(path, freed);
    let claim = claim.step(path.func, event.loc, format!("fails, and leaves `{name}` as it was"));
    Some(claim.assume("the object is used again, or freed with its members").identity(format!("{} {name} dangles", freed.by)))
}

/// The member that led to an object when the function was entered, and the pointer that it is reached through.
fn held_in(path: &Path<'_, '_>, object: ValueId) -> Option<(ValueId, ValueId)> {
    let Value::Entry(place) = path.values.get(object) else { return None };
    let Value::PField(..) = path.values.get(place) else { return None };
    let owner = path.values.root(place)?;
    matches!(path.values.get(owner), Value::Entry(_)).then_some((place, owner))
}

/// Whether a free is this function's own, and ends the object at once.
fn is_certain(freed: &Freed) -> bool {
    matches!(freed.way, Way::Model(_)) && !(freed.deferred || freed.last || freed.put || freed.handle || freed.moved)
}

/// Whether a function tells its caller that it failed.
fn fails(path: &Path<'_, '_>, value: Option<ValueId>) -> bool {
    value.is_some_and(|v| {
        let known = path.known(v);
        known.hi < 0 || known.is_err() == Some(true) || path.body.ret_ptr && known.is_zero()
    })
}
