//! Operations that a table leaves out.

use cuthere_analysis::{Claim, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId};
use cuthere_flow::engine::event::Access;
use cuthere_flow::engine::{Event, Path};

/// An operation that a table leaves out is called: the table at hand, or one of those that the object may have, where a sibling of the operation was
/// tested before.
pub(super) fn left_out(
    path: &Path<'_, '_>,
    event: &Event<'_>,
    access: &Access<'_>,
    table: Symbol,
    known: bool,
    own: bool,
) -> Option<Claim> {
    let called = access.text?;
    let name = path.body.text(called);
    let (member, sibling) = path.sibling_tested(access.pointer)?;
    let sibling = if known { None } else { Some(sibling?) };
    let message = format!("`{name}` may be NULL and is called: `{table}` leaves `{member}` out");
    // Who reaches a table through a pointer has most often made sure of it elsewhere.
    let confidence = if own && names_table(path.body, called) { Confidence::Medium } else { Confidence::Low };
    let claim = Claim::here(path, event, confidence, message).step(path.func, event.loc, format!("calls `{name}`"));
    let siblings = sibling.map(|s| format!("`{s}` is tested before it is called, so `{member}` may be missing as well"));
    Some(claim.identity(format!("left out {member}")).assume_all(siblings).weakness(words::weak_place(path.world, path.func)))
}

/// Whether what is called is written as a member of a variable.
fn names_table(body: &Body, called: ExprId) -> bool {
    match body.expr(called) {
        Expr::Load(place, _) => names_table(body, place),
        Expr::Field { base, .. } => matches!(body.expr(base), Expr::Global(_)) || names_table(body, base),
        _ => false,
    }
}
