//! Objects that are freed as mere memory though a device or kobject in them has been set up: its name, and what it holds, stay behind.

use cuthere_analysis::{Claim, words};
use cuthere_base::Confidence;
use cuthere_flow::domain::{Freed, Source};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::value::ValueId;

/// An object is freed; `freed`: how.
pub(super) fn freed(path: &Path<'_, '_>, event: &Event<'_>, object: ValueId, freed: &Freed) -> Option<Claim> {
    if freed.put || freed.last || freed.moved {
        return None;
    }
    let of_object = |t: &&cuthere_flow::domain::Taken| t.source == Source::Initial && t.object == object && t.count > 0 && !t.doubtful;
    let set_up = path.state.objects.references.taken().iter().find(of_object)?;
    let by = path.called(set_up.op).filter(|name| path.world.model.entry(*name).is_some_and(|e| e.put_only))?;
    let name = path.freed_text(freed).or_else(|| path.describe(object)).unwrap_or_else(|| "the object".to_owned());
    let message = format!("`{name}` is freed by `{}()`, and not by giving up the reference that `{by}()` began with", freed.by);
    let doubtful = path.state.merged || freed.by_state || words::is_test_code(path.world.path(path.func));
    let sure = if doubtful { Confidence::Low } else { Confidence::Medium };
    let claim = Claim::here(path, event, sure, message)
        .step_at(path, Some(set_up.op), format!("{by}() sets up a count of references in `{name}`, also where it fails"))
        .freed(path, freed);
    Some(claim.assume("what was set up holds memory, its name as a rule").identity(format!("put only {name} {by}")).cause(set_up.op))
}
