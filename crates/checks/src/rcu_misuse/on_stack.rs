//! A list head on the stack, put between the elements of a list that others walk by the `_rcu` form: readers take it for an element, and may still be there when
//! the function returns.

use cuthere_analysis::{Claim, words};
use cuthere_base::Confidence;
use cuthere_flow::engine::event::EventKind;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::summary::Way;
use cuthere_flow::value::Value;
use cuthere_kernel::ListOp;

pub(super) fn head_shown(path: &Path<'_, '_>, event: &Event<'_>) -> Option<Claim> {
    let EventKind::List { op: ListOp::Add, link, head: Some(head), rcu: true } = event.kind else { return None };
    // A member of a structure on the stack may be an element that is taken off, and waited for, before the function returns.
    let (Value::PLocal(_), Way::Model(by)) = (path.values.get(link), event.way) else { return None };
    // Of a list on the stack nobody knows.
    if matches!(path.values.get(head), Value::Addr(place) if path.values.local_of(place).is_some()) {
        return None;
    }
    let name = path.describe_place(link, 0)?;
    let list = path.describe(head).unwrap_or_else(|| "the list".to_owned());
    let sure = if words::is_test_code(path.world.path(path.func)) { Confidence::Low } else { Confidence::High };
    let message = format!("`{name}`, a list head on the stack, is put into a list by {by}(): readers take it for an element");
    let claim = Claim::new(event.op, (path.func, event.loc), sure, message)
        .thread(format!("CPU 0: {}", path.body.name))
        .step(path.func, event.loc, format!("puts `{name}`, which no structure lies around, into `{list}`"))
        .thread("CPU 1: a reader that walks the list")
        .step(path.func, event.loc, format!("comes to `{name}`, and uses the stack around it as an element"));
    Some(claim.assume(format!("readers walk `{list}` meanwhile")).identity(format!("on stack {name}")))
}
