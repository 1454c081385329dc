//! What a path has decided that a caller cannot foresee: how sure it is that a callee comes to where it takes a lock.

use super::*;
use crate::body::Block;
use cuthere_kernel::Custom;

impl Run<'_, '_> {
    /// How many decisions on this path were about modes and counters in memory, references, and answers of calls other than that they worked.
    pub(super) fn chances(&self, state: &State) -> u8 {
        let mut at = state.trail;
        let mut count = 0u8;
        while at != 0 && count < u8::MAX {
            let step = self.trail[at as usize];
            let block = self.body.block(step.block);
            if let Term::Branch { cond, .. } | Term::Switch { value: cond, .. } = block.term {
                let usual = matches!(self.body.expr(cond), Expr::Load(..) | Expr::Un(UnOp::Not, _)) || self.only_sign(cond);
                let chance = behind_warning(self.world, self.body, step)
                    || self.counts_references(block)
                    || self.asks_flags(block, cond)
                    || is_mode(self.body, cond, 0)
                    || !usual && asks_result(self.body, cond, 0);
                count += u8::from(chance);
            }
            at = step.parent;
        }
        count
    }

    /// Whether a block ends with taking or dropping a reference, the answer of which is its condition.
    fn counts_references(&self, block: &Block) -> bool {
        match self.body.block_ops(block).last().map(|op| op.kind) {
            Some(OpKind::Call { dst: Some(_), target: Target::Name(name), .. }) => {
                self.world.model.is_custom(Custom::AsksLast, name) || self.world.model.entry(name).is_some_and(|e| !e.refs.is_empty())
            }
            _ => false,
        }
    }

    /// Whether a condition asks for a bit, or whether something is on a list: who made it so knows.
    fn asks_flags(&self, block: &Block, cond: ExprId) -> bool {
        let mut asked = cond;
        while let Expr::Un(UnOp::Not, inner) = self.body.expr(asked) {
            asked = inner;
        }
        let model = self.world.model;
        let flags = |name| [Custom::AsksBit, Custom::SetsFlag, Custom::AsksList].iter().any(|custom| model.is_custom(*custom, name));
        self.body.asked_call(block, asked).is_some_and(|(name, _)| flags(name))
    }

    /// Whether a condition asks for the sign of something, or whether it is zero.
    fn only_sign(&self, cond: ExprId) -> bool {
        matches!(self.body.expr(cond), Expr::Bin(_, _, b) if self.body.expr(b) == Expr::Int(0))
    }
}

/// Whether a decision leads where the code warns: what lies behind it is not meant to happen.
pub(super) fn behind_warning(world: &World<'_>, body: &Body, step: Decision) -> bool {
    let block = body.block(step.block);
    let Term::Branch { cond, then, els } = block.term else { return false };
    let expanded = block.is_warning() && step.taken != matches!(body.expr(cond), Expr::Un(UnOp::Not, _));
    expanded || reports_failure(world, body, if step.taken { then } else { els })
}

/// Whether a condition asks for a local that is no parameter, or for something that is not followed.
fn asks_result(body: &Body, e: ExprId, depth: u32) -> bool {
    depth < 8
        && match body.expr(e) {
            Expr::Load(place, _) => matches!(body.expr(place), Expr::Local(l) if l.number() >= body.params),
            Expr::Un(_, a) => asks_result(body, a, depth + 1),
            Expr::Bin(_, a, b) => asks_result(body, a, depth + 1) || asks_result(body, b, depth + 1),
            Expr::Opaque(_) => true,
            _ => false,
        }
}
