//! Accesses that race with nobody: to objects that only one thread knows, in set-up code, under another lock that covers the member as well.

use super::{Member, View};
use cuthere_base::Symbol;
use cuthere_flow::body::{Body, LocalId, OpId, Record};
use cuthere_flow::index::{Deed, MemberAccess};
use cuthere_flow::summary::FuncId;

/// Callers of callers that are asked whether they make or end the object.
const CALLERS_MAX: u32 = 3;

impl View<'_, '_> {
    /// Whether a function is entered with a lock of this class on every way in, and on some.
    pub(super) fn entered_with(&self, f: FuncId, lock: Symbol) -> (bool, bool) {
        let ins = self.contexts.entered(f).best();
        let held = ins.locks.iter().find(|l| l.class == lock);
        (held.is_some_and(|l| l.always), held.is_some())
    }

    /// Whether an access without the lock is none that could race.
    pub(super) fn exempt(&self, f: FuncId, member: Member, lock: Symbol, access: &MemberAccess) -> bool {
        let body = self.tree.world.func(f);
        let cut = self.tree.world.summary(f).is_none_or(|s| s.truncated);
        let set_up = body.is_init_or_exit();
        let another = self.covers.get(&member).is_some_and(|all| {
            let most = all[0].functions.len();
            all.iter().any(|c| {
                c.lock != lock
                    && c.functions.intersection(&all[0].functions).count() * 4 >= most * 3
                    && (self.tree.locked.holds(member, c.lock, f, access.op) || self.entered_with(f, c.lock).1)
            })
        });
        cut || set_up || self.tree.locked.is_doubtful(f, access.op) || another || self.alone(f, member.0)
    }

    /// Whether a function itself makes or frees objects of a record.
    pub(super) fn ends(&self, f: FuncId, record: Record) -> bool {
        self.lives.inside(f).iter().any(|d| match d.life.deed {
            Deed::Allocate { .. } | Deed::Free | Deed::FreeLater => d.life.object.may_be(record) && d.by.0 == f,
            _ => false,
        })
    }

    /// Whether a function's name says that nobody else knows the object, and it gets no other one alone.
    pub(super) fn named_alone(&self, body: &Body, record: Option<Record>) -> bool {
        let other = |l| body.local_pointee(l).zip(record).is_some_and(|(r, record)| !r.may_be(record));
        self.tree.world.model.names_alone(body.name) && !(body.params == 1 && other(LocalId::new(0)))
    }

    /// Whether a function makes or ends the object, or is called only by such functions, on a way on which they do.
    pub(super) fn alone(&self, f: FuncId, record: Record) -> bool {
        self.ends(f, record) || self.named_alone(self.tree.world.func(f), Some(record)) || self.called_alone(f, record, 0)
    }

    /// Whether all callers make or end the object. What one does in another branch, as the one function behind many commands does, says nothing of this call; nor do
    /// callers say anything of a function that is an operation itself which anybody may ask for.
    fn called_alone(&self, f: FuncId, record: Record, depth: u32) -> bool {
        if self.is_asked_for(f) {
            return false;
        }
        let callers: Vec<(FuncId, OpId)> = self.lives.callers(f).map(|c| (c.0, c.1)).collect();
        let alone = |g: FuncId, op: OpId| {
            let named = self.named_alone(self.tree.world.func(g), Some(record));
            named || self.ends_around(g, op, record) || self.called_alone(g, record, depth + 1)
        };
        depth < CALLERS_MAX && !callers.is_empty() && callers.iter().all(|&(g, op)| g != f && alone(g, op))
    }

    /// Whether a function makes or ends objects of a record, itself or in callees, on a way to a call or from it.
    fn ends_around(&self, g: FuncId, call: OpId, record: Record) -> bool {
        self.lives.inside(g).iter().any(|d| match d.life.deed {
            Deed::Allocate { .. } | Deed::Free | Deed::FreeLater => {
                d.life.object.may_be(record) && (d.at == call || self.lives.leads(g, d.at, call) || self.lives.leads(g, call, d.at))
            }
            _ => false,
        })
    }
}
