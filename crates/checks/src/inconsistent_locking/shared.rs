//! Lists that are changed with no more than the read side of a lock.
//!
//! The read side keeps out those that take the lock for writing, and not each other: two that change a list at once break it, and so does one beside a walk. Told of are functions that take
//! the lock themselves, for reading alone, hold no other lock then, and are entered with none; somebody else has to take it for writing, so that it is known what the write side is for.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::OpId;
use cuthere_flow::index::{LockUse, MemberAccess};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::LockMode;
use std::collections::HashSet;

impl View<'_, '_> {
    pub(super) fn under_read_side(
        &self,
        member: Member,
        list: &[(FuncId, MemberAccess)],
        told: &mut HashSet<(FuncId, OpId)>,
        claims: &mut Claims,
    ) {
        for &(f, access) in list.iter().filter(|u| u.1.store) {
            let own = self.own_locks(member, f, access.op);
            let &[lock] = &own[..] else { continue };
            let Some(other) = self.tree.locked.under(member, lock).iter().find(|u| u.func != f && u.list) else { continue };
            let site = self.site(member, (f, access));
            let alone = site.is_some_and(|s| s.held == [lock] && !s.may_hold_more()) && self.contexts.entered(f).is_known_whole();
            let reader = alone && self.reads_only(f, lock) && self.is_written_under(lock);
            if reader && self.is_head(f, access.op, member) && !self.quiet(f, Some(member.0)) && told.insert((f, access.op)) {
                claims.add(self.changed_by_reader(member, (f, access), lock, (other.func, other.op)));
            }
        }
    }

    /// Whether a function takes a lock itself, and for reading alone.
    fn reads_only(&self, f: FuncId, lock: Symbol) -> bool {
        let facts = self.tree.lock_graph().facts(f);
        let mut uses = facts.into_iter().flat_map(|facts| facts.uses.iter()).filter(|u| !u.callback && u.class == lock).peekable();
        uses.peek().is_some() && uses.all(|u| u.mode == LockMode::Shared)
    }

    /// Whether somebody takes a lock for writing.
    fn is_written_under(&self, lock: Symbol) -> bool {
        let writes = |u: &LockUse| !u.callback && u.class == lock && u.mode != LockMode::Shared;
        self.tree.lock_graph().uses().any(|(f, u, _)| writes(u) && !words::is_test_code(self.tree.world.path(f)))
    }

    fn changed_by_reader(&self, member: Member, (f, access): (FuncId, MemberAccess), lock: Symbol, (g, op): (FuncId, OpId)) -> Claim {
        let world = self.tree.world;
        let (function, there, name) = (world.func(f).name, world.func(g).name, member.0.member_text(member.1));
        let message =
            format!("`{function}()` changes the list `{name}` under the read side of `{lock}`, which others may hold at the same time");
        Claim::new(access.op, (f, self.loc(f, access.op)), Confidence::Medium, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, access.op), format!("changes `{name}`, with `{lock}` held for reading"))
            .thread(format!("CPU 1: {there}()"))
            .step(g, self.loc(g, op), format!("uses it under `{lock}`"))
            .assume("nothing else keeps readers apart")
            .identity(format!("{name} {lock} read side"))
    }
}
