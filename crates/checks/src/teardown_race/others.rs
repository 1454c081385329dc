//! Where other callback objects of a record are stopped: the place that one of them is missing from.

use super::armed::runs_by_itself;
use super::parts::{Key, Teardown, Uses};
use cuthere_analysis::Claim;
use cuthere_flow::body::{Expr, ExprId, OpId, OpKind, Record, Target};
use cuthere_flow::index::{Deed, Done, LifeUse, Spot, spot_of};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::CallbackOp;

/// Callers that are looked at.
const UP_MAX: u32 = 3;

impl Uses {
    /// Who arms it first: rather others than its own callback.
    pub fn first_arm(&self) -> Option<&(FuncId, LifeUse)> {
        self.arms().find(|a| !self.callbacks().any(|c| c == a.0)).or_else(|| self.arms().next())
    }
}

impl Teardown<'_> {
    /// Adds where another callback object of the record is stopped: on the way to an operation (`None`: to the function's end), or else by another
    /// function of the folder.
    pub fn show_others_stopped(&self, claim: Claim, f: FuncId, op: Option<OpId>, key: Key) -> Claim {
        let found = self.other_stopped(f, op, key, 0).or_else(|| self.other_near(f, key));
        match found {
            Some((g, done)) => {
                let other = Key::of(done.life.spot).map_or_else(|| format!("the {}", done.life.kind), |k| format!("`{}`", k.text()));
                self.show(claim, g, &done, &format!("stops {other} of the object, and not `{}`", key.text()))
            }
            None => claim,
        }
    }

    /// Whether code of a function's file waits for a callback object in a part that was not followed: behind a loop that polls, say.
    pub fn waits_unfollowed(&self, f: FuncId, key: Key) -> bool {
        let file = self.world.func(f).file;
        let start = self.world.funcs.partition_point(|b| b.file < file);
        let ends = |op: CallbackOp| matches!(op, CallbackOp::CancelSync | CallbackOp::Flush);
        self.world.funcs[start..].iter().take_while(|b| b.file == file).any(|body| {
            body.ops.iter().any(|op| {
                let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { return false };
                let Some(entry) = self.world.model.entry(name).filter(|e| e.callbacks.iter().any(|c| ends(c.op))) else { return false };
                let mut objects =
                    entry.callbacks.iter().filter(|c| ends(c.op)).filter_map(|c| body.call_args(args).get(c.object? as usize));
                objects.any(
                    |&e| matches!(spot_of(body, e), Spot::Member { record, member, .. } if (record, member) == (key.record, key.member)),
                )
            })
        })
    }

    /// Whether a function hands an object of a record to one that neither the tree nor the model has the body or the meaning of.
    pub fn hands_on_unread(&self, f: FuncId, owner: Record) -> bool {
        let body = self.world.func(f);
        body.all_ops().any(|(at, op)| {
            let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { return false };
            let mine = |e: ExprId| matches!(body.expr(e), Expr::Load(_, pointee) if pointee.record() == Some(owner));
            self.world.callees(f, at).is_none() && self.world.model.entry(name).is_none() && body.call_args(args).iter().any(|&e| mine(e))
        })
    }

    /// What is stopped before an operation, here or by callers.
    fn other_stopped(&self, f: FuncId, op: Option<OpId>, key: Key, depth: u32) -> Option<(FuncId, Done)> {
        let inside = self.lives.inside(f);
        if let Some(done) = inside.iter().find(|d| is_other(d, key) && op.is_none_or(|op| self.lives.leads(f, d.at, op))) {
            return Some((f, *done));
        }
        let callers: Vec<(FuncId, OpId, bool)> = if depth < UP_MAX { self.lives.callers(f).collect() } else { Vec::new() };
        callers.into_iter().find_map(|(g, at, _)| self.other_stopped(g, Some(at), key, depth + 1))
    }

    fn other_near(&self, f: FuncId, key: Key) -> Option<(FuncId, Done)> {
        let own = |g: FuncId| self.lives.lifetimes.own(g).iter().map(move |u| (g, Done::own(g, *u)));
        self.near(f).iter().flat_map(|g| own(*g)).find(|(_, d)| is_other(d, key))
    }
}

/// Whether a deed stops another callback object of the record, or the interrupt that it is handed to.
fn is_other(done: &Done, key: Key) -> bool {
    if !matches!(done.life.deed, Deed::Cancel | Deed::CancelSync { .. }) {
        return false;
    }
    match Key::of(done.life.spot) {
        Some(other) => other.owner == key.owner && other.member != key.member && runs_by_itself(done.life.kind.as_str()),
        None => done.life.kind.as_str() == "irq" && done.life.spot == Spot::Object(key.owner),
    }
}
