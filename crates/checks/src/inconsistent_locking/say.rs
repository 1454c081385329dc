//! How an access without the lock is told of.

use super::{Cover, Member, View};
use cuthere_analysis::Claim;
use cuthere_base::{Confidence, Loc};
use cuthere_flow::body::{Body, OpId, OpKind};
use cuthere_flow::index::MemberAccess;
use cuthere_flow::summary::FuncId;

impl View<'_, '_> {
    pub(super) fn loc(&self, f: FuncId, op: OpId) -> Loc {
        let body = self.tree.world.func(f);
        body.op(op).map(|o| o.loc).or_else(|| body.blocks().find(|(_, b)| b.ops.1 == op.0).map(|(_, b)| b.loc)).unwrap_or(body.loc)
    }

    pub(super) fn claim(
        &self,
        member: Member,
        cover: &Cover,
        (f, access): (FuncId, MemberAccess),
        (n, m): (usize, usize),
        sure: Confidence,
    ) -> Claim {
        let world = self.tree.world;
        let name = member.0.member_text(member.1);
        let verb = verb(world.func(f), &access);
        let (lock, function) = (cover.lock, world.func(f).name);
        let loc = |g: FuncId, op: OpId| self.loc(g, op);
        let message = format!("`{function}()` {verb} `{name}` without `{lock}`, under which {n} functions access it");
        let claim = Claim::new(access.op, (f, loc(f, access.op)), sure, message).thread(format!("CPU 0: {function}()")).step(
            f,
            loc(f, access.op),
            format!("{verb} `{name}`"),
        );
        let claim = match cover.example {
            Some((g, op, store)) => {
                let other = world.func(g).name;
                let verb = if store { "changes" } else { "reads" };
                claim.thread(format!("CPU 1: {other}()")).step(g, loc(g, op), format!("{verb} `{name}` under `{lock}`"))
            }
            None => claim,
        };
        claim.assume(format!("{n} functions access it under the lock, {m} without")).identity(format!("{name} {lock}"))
    }
}

/// What an access does.
pub(super) fn verb(body: &Body, access: &MemberAccess) -> &'static str {
    match (access.store, access.list) {
        (true, true) => "changes the list",
        (true, false) => "stores",
        (false, true) if is_walk(body, access.op) => "walks the list",
        (false, true) => "asks the list",
        (false, false) => "loads",
    }
}

/// Whether an operation goes to the next element of a list.
pub(super) fn is_walk(body: &Body, op: OpId) -> bool {
    matches!(body.op(op).map(|o| o.kind), Some(OpKind::LoopNext { .. }))
}
