//! What runs only where a call has failed, by the test of its result.

use super::{BlockId, Body, Expr, ExprId, LocalId, OpId, OpKind, Term};
use cuthere_ir::{BinOp, UnOp};

impl Body {
    /// Whether an operation is reached only where a call before it has failed: no way leads to it from where its result, zero or not negative, was found good.
    pub fn only_where_failed(&self, call: OpId, at: OpId) -> bool {
        let Some(OpKind::Call { dst: Some(result), .. }) = self.op(call).map(|op| op.kind) else { return false };
        let results = self.copies(result);
        let is_result = |e: ExprId| self.loaded_local(e).is_some_and(|l| results.contains(&l));
        let good = self.blocks.iter().enumerate().find_map(|(n, block)| {
            let Term::Branch { cond, then, els } = block.term else { return None };
            let good = match self.expr(cond) {
                Expr::Load(..) if is_result(cond) => els,
                Expr::Un(UnOp::Not, e) if is_result(e) => then,
                Expr::Bin(BinOp::Lt | BinOp::Ne, e, _) if is_result(e) => els,
                Expr::Bin(BinOp::Eq | BinOp::Ge, e, _) if is_result(e) => then,
                _ => return None,
            };
            self.dominates(call, Some(BlockId(n as u32))).then_some(good)
        });
        good.zip(self.block_of(at)).is_some_and(|(good, place)| good != place && !self.reaches(good, place, None))
    }
    /// A local and those that it is stored in.
    fn copies(&self, local: LocalId) -> Vec<LocalId> {
        let stored = self.ops.iter().filter_map(|op| match op.kind {
            OpKind::Store { place, value } if self.loaded_local(value) == Some(local) => match self.expr(place) {
                Expr::Local(l) => Some(l),
                _ => None,
            },
            _ => None,
        });
        stored.chain([local]).collect()
    }

    /// Whether some branch asks whether a pointer in a local, or a copy of it, is there, or is an error, or it is returned to whoever may ask.
    pub fn asks_for_pointer(&self, local: LocalId) -> bool {
        let copies = self.copies(local);
        // What is stored in memory may be asked for there.
        let stored = self.ops.iter().any(|op| match op.kind {
            OpKind::Store { place, value } => {
                !matches!(self.expr(place), Expr::Local(_)) && self.loaded_local(value).is_some_and(|l| copies.contains(&l))
            }
            _ => false,
        });
        stored
            || self.blocks.iter().any(|block| match block.term {
                Term::Branch { cond, .. } => copies.iter().any(|&l| self.mentions_local(cond, l)) && !self.reads_through(cond, &copies),
                Term::Return(Some(value)) => copies.iter().any(|&l| self.mentions_local(value, l)),
                _ => false,
            })
    }

    /// Whether an expression reads what a pointer in one of these locals leads to.
    fn reads_through(&self, e: ExprId, locals: &[LocalId]) -> bool {
        let mut through = false;
        self.walk(e, &mut |inner| {
            if let Expr::Deref(pointer) = inner {
                through |= self.loaded_local(pointer).is_some_and(|l| locals.contains(&l));
            }
        });
        through
    }
}
