//! Whether interrupts were on, saved in a variable that still holds what was saved before: what is restored at the end is what they were in between, off.

use cuthere_analysis::Claim;
use cuthere_analysis::ways::{certainty, decided};
use cuthere_base::Confidence;
use cuthere_flow::body::{LocalId, OpId, OpKind, Target};
use cuthere_flow::engine::{Event, Path};
use cuthere_kernel::CtxPart;

/// Interrupts, as `ways::PARTS` counts them.
const IRQS: usize = 2;

/// Interrupts are disabled, and their state is saved where that of a lock that is held, or of a section that has not ended, was saved.
pub(super) fn overwritten(path: &Path<'_, '_>, event: &Event<'_>) -> Option<Claim> {
    let flags = saves_in(path, event.op).filter(|_| path.state.ctx.irq > 0)?;
    let begun = path.state.locks.held.iter().filter_map(|lock| lock.op).chain(path.state.since[IRQS]);
    // All locks of an array, taken in a loop, are left alone.
    let outer = begun.filter(|op| *op != event.op).find(|op| saves_in(path, *op) == Some(flags))?;
    let (name, first, again) = (path.body.local_name(flags), path.called(outer)?, path.called(event.op)?);
    let message = format!("`{name}` is overwritten by {again}(), and holds what {first}() has saved");
    let claim = Claim::here(path, event, certainty(path).min(Confidence::Medium), message);
    let claim = claim.step_at(path, Some(outer), format!("saves in `{name}` whether interrupts are on, by {first}()"));
    let claim = decided(path, claim).step(path.func, event.loc, format!("saves in `{name}` that they are off, by {again}()"));
    Some(claim.identity(format!("overwrites {name}")))
}

/// The variable in which an operation saves whether interrupts are on.
fn saves_in(path: &Path<'_, '_>, op: OpId) -> Option<LocalId> {
    let OpKind::Call { target: Target::Name(name), args, .. } = path.body.op(op)?.kind else { return None };
    let entry = path.world.model.entry(name)?;
    let saves = entry.context.iter().any(|effect| effect.enter && effect.part == CtxPart::IrqSave);
    let at = entry.assigns.first().copied().filter(|_| saves)?;
    path.body.loaded_local(*path.body.call_args(args).get(at as usize)?)
}
