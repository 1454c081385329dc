//! Elements of one allocation that are freed one by one.
//!
//! Memory is given back as it was got, as a whole: the address of the first element is that of the whole array, which the next round goes on to use, and those of the others were
//! never given by an allocator.

use cuthere_analysis::{Claim, words};
use cuthere_base::Confidence;
use cuthere_flow::domain::Freed;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::value::{Value, ValueId};

/// A free of an element by its number, in a loop.
pub(super) fn freed(path: &Path<'_, '_>, event: &Event<'_>, object: ValueId, freed: &Freed) -> Option<Claim> {
    let counted = freed.put || freed.last || freed.by_state || freed.handle || freed.moved || freed.deferred;
    // The address of an element is the pointer and a number, and the pointer was there before the loop.
    let (array, number) = path.values.element(object)?;
    if !matches!(path.values.get(array), Value::Entry(_) | Value::Fresh(_)) {
        return None;
    }
    // In the first round the number is known; what is freed at a known place may be the start of something.
    if counted || path.state.rounds.is_empty() || path.known(number).value().is_some() {
        return None;
    }
    let name = path.argument_text(event.op, 0)?;
    let message = format!("`{name}` is freed by `{}()` in a loop: the first element is the whole array, which later rounds use", freed.by);
    let weak = path.state.merged || words::is_test_code(path.world.path(path.func));
    let claim = Claim::here(path, event, if weak { Confidence::Low } else { Confidence::High }, message).freed(path, freed);
    let claim = claim.step(path.func, event.loc, format!("the next round computes `{name}` in the array, which is freed"));
    Some(claim.assume("the array was allocated as a whole").identity(format!("{} {name} element", freed.by)).cause(freed.op))
}
