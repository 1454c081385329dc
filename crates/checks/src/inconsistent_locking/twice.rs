//! Elements that are looked for under a lock, and put on the list under the same lock taken anew, without a second look.
//!
//! Two that look at the same time both find nothing, and both add. Either the look and the addition are one section, or who adds looks once more.

use super::View;
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, LocalId, Op, OpId, OpKind, Target};
use cuthere_flow::index::{ListLies, ListUse};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::ListOp;
use std::collections::BTreeMap;

type Use = (FuncId, ListUse);

impl View<'_, '_> {
    pub(super) fn looked_once(&self, claims: &mut Claims) {
        for uses in self.tree.rcu.lists() {
            // Who looks, by what lock, in a section of its own.
            let mut lookers: BTreeMap<FuncId, &Use> = BTreeMap::new();
            for u in uses.iter().filter(|(_, u)| u.op == ListOp::Walk && u.locks.iter().any(|l| !l.is_empty())) {
                lookers.entry(u.0).or_insert(u);
            }
            for add in uses.iter().filter(|(_, u)| u.op == ListOp::Add && u.lies != ListLies::Here) {
                claims.extend(self.added_blindly(add, &lookers, &uses));
            }
        }
    }

    fn added_blindly(&self, &(f, add): &Use, lookers: &BTreeMap<FuncId, &Use>, uses: &[Use]) -> Option<Claim> {
        let world = self.tree.world;
        let body = world.func(f);
        let calls = self.contexts.calls(f);
        let held = |op: OpId| calls.and_then(|c| c.at(op)).is_some_and(|s| !s.held.is_empty());
        let (always, perhaps) = self.entry_locks(f);
        let looks: Vec<(OpId, &Use)> = world.callees[f.index()]
            .iter()
            .filter_map(|(op, c)| match c.list() {
                [g] if self.lives.leads(f, *op, add.at) => lookers.get(g).map(|u| (*op, *u)),
                _ => None,
            })
            .collect();
        let [(op, look)] = &looks[..] else { return None };
        // What takes off what it finds is a pool; and who asks for nothing given looks for no double.
        let changes = uses.iter().any(|(g, u)| *g == look.0 && u.op != ListOp::Walk);
        if changes || !compares_given(world.func(look.0)) || registers_between(body, *op, add.at) {
            return None;
        }
        let walks_here = uses.iter().any(|(g, u)| *g == f && u.op == ListOp::Walk);
        let lock = look.1.locks.iter().copied().find(|l| !l.is_empty() && add.locks.contains(l))?;
        if walks_here
            || held(*op)
            || !always.is_empty()
            || !perhaps.is_empty()
            || !self.contexts.entered(f).is_known_whole()
            || !body.dominates(*op, body.block_of(add.at))
            || world.func(look.0).ret_void
            || self.lives.always_after(f, *op, add.at)
            || self.takes(f, lock, add.at) <= Some(*op)
            || body.is_init_or_exit()
            || words::is_boot_code(body)
            || words::is_test_code(world.path(f))
        {
            return None;
        }
        let (function, by) = (body.name, world.func(look.0).name);
        let link = format!("{}.{}", add.record, add.member);
        let message = format!(
            "`{function}()` finds nothing by {by}(), and adds to the list (`{link}`) in another section of `{lock}`, without looking again"
        );
        let claim = Claim::new(add.at, (f, self.loc(f, add.at)), Confidence::Medium, message).thread(format!("CPU 0: {function}()"));
        let claim = claim.step(f, self.loc(f, *op), format!("calls {by}()")).step(
            look.0,
            self.loc(look.0, look.1.at),
            format!("looks through the list under `{lock}`, which it gives back"),
        );
        let claim = claim.thread(format!("CPU 1: {function}()")).step(f, self.loc(f, add.at), "has found nothing either, and adds its own");
        let claim = claim.thread(format!("CPU 0: {function}()")).step(f, self.loc(f, add.at), "adds a second one");
        Some(claim.assume("nothing else keeps two of them apart").identity(format!("{link} looked once {function}")))
    }

    /// The last operation before another that takes a lock.
    fn takes(&self, f: FuncId, lock: Symbol, before: OpId) -> Option<OpId> {
        let facts = self.tree.lock_graph().facts(f)?;
        facts.uses.iter().filter(|u| !u.callback && u.class == lock && u.op < before).map(|u| u.op).max()
    }
}

/// Whether a function compares what it was given with members of others, by itself or by a callee's answer.
fn compares_given(body: &Body) -> bool {
    let given = |e: ExprId| (0..body.params).any(|p| body.mentions_local(e, LocalId::new(p)));
    let reads = |e: ExprId| {
        let mut found = false;
        body.walk(e, &mut |e| found |= matches!(e, Expr::Field { .. }));
        found
    };
    // The end of a loop compares addresses.
    let value = |e: ExprId| !matches!(body.expr(e), Expr::Addr(_));
    let compared =
        |e: &Expr| body.compared(*e).is_some_and(|(a, b)| value(a) && value(b) && (given(a) && reads(b) || given(b) && reads(a)));
    let asked = |op: &Op| match op.kind {
        OpKind::Call { dst: Some(_), args, .. } => {
            let args = body.call_args(args);
            args.iter().any(|&e| given(e)) && args.iter().any(|&e| reads(e))
        }
        _ => false,
    };
    body.exprs.iter().any(compared) || body.ops.iter().any(asked)
}

/// Whether something is registered between two operations that fails for a second one of its name.
fn registers_between(body: &Body, from: OpId, to: OpId) -> bool {
    body.all_ops().any(|(id, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), dst: Some(_), .. } => {
            from < id && id < to && name.as_str().split('_').any(|w| matches!(w, "register" | "insert" | "add"))
        }
        _ => false,
    })
}
