//! Callbacks that give up the reference to the object that they were called for, and go on to use it.
//!
//! Nobody stands above a work item or a timer who could hold another reference for it. Whoever took one when it was queued leaves giving that up to the callback: then it gives up
//! two, and nothing is said.

use super::doubtful;
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::Confidence;
use cuthere_flow::body::OpId;
use cuthere_flow::domain::Freed;
use cuthere_flow::engine::event::Access;
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::summary::FuncId;
use cuthere_flow::value::ValueId;

/// What a callback does with the object that it was called for.
#[derive(Default)]
pub(super) struct Callback {
    /// Uses behind the operation that gave up a reference to an object.
    uses: Vec<(OpId, ValueId, Claim)>,
    /// Operations that take or give up a reference to an object, on any path.
    references: Vec<(OpId, ValueId)>,
}

impl Callback {
    /// A reference is taken or given up.
    pub(super) fn counted(&mut self, event: &Event<'_>, object: ValueId) {
        if !self.references.contains(&(event.op, object)) {
            self.references.push((event.op, object));
        }
    }

    /// An object is used that was freed if the reference given up was the last one; `claim` says so.
    pub(super) fn used(&mut self, path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>, freed: &Freed, claim: &Claim) {
        let counted = freed.put && freed.released && !freed.deferred && !freed.sole;
        if !counted || doubtful(path, freed) || path.assumes_free(freed) || !event.certain(path.world) {
            return;
        }
        let own = path.values.param(access.pointer, path.body.params).is_some();
        if own && is_callback(path.world, path.func) && !words::is_test_code(path.world.path(path.func)) {
            self.uses.push((freed.op, access.pointer, claim.clone().sure(Confidence::High)));
        }
    }

    /// All paths were seen.
    pub(super) fn judge(&mut self, claims: &mut Claims) {
        let references = &self.references;
        let only = |op: OpId, object: ValueId| references.iter().all(|r| r.1 != object || r.0 == op);
        self.uses.drain(..).filter(|u| only(u.0, u.1)).for_each(|u| claims.add(u.2));
    }
}

/// Whether a function is entered as a work item or timer, and by nobody else.
fn is_callback(world: &World<'_>, func: FuncId) -> bool {
    let called_for = |how: &str| how.ends_with("work callback") || how.ends_with("timer callback");
    let entered = world.entry_points.get(&func).is_some_and(|all| all.iter().all(|e| called_for(&e.how)));
    entered && world.callers(func).is_empty()
}
