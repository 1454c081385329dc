//! Expressions in boolean context: short-circuit operators become edges.

use crate::builtins::{Builtin, builtin};
use crate::func::*;
use crate::lower::Lower;
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A};

impl Lower<'_> {
    /// Ends the current block: to `then` if the expression is true, else to `els`.
    pub fn branch(&mut self, e: ast::ExprId, then: BlockId, els: BlockId) {
        if self.cur.is_none() {
            return;
        }
        if !self.enter() {
            self.leave();
            let at = self.at_expr(e);
            self.gap(at, "condition nested too deeply or body too large");
            let cond = self.opaque(self.ty.int);
            return self.fork(cond, then, els, at);
        }
        self.branch_inner(e, then, els);
        self.leave();
    }

    fn branch_inner(&mut self, e: ast::ExprId, then: BlockId, els: BlockId) {
        let at = self.at_expr(e);
        match self.ast.exprs[e.index()].kind {
            A::Unary(UnOp::Not, inner) => self.branch(inner, els, then),
            A::Binary(op @ (BinOp::LogAnd | BinOp::LogOr), l, r) => {
                let more = self.new_block();
                if op == BinOp::LogAnd {
                    self.branch(l, more, els);
                } else {
                    self.branch(l, then, more);
                }
                self.start_wanted(more);
                self.branch(r, then, els);
            }
            A::Cond(c, Some(t), f) => {
                let (yes, no) = (self.new_block(), self.new_block());
                self.branch(c, yes, no);
                self.start_wanted(yes);
                self.branch(t, then, els);
                self.start_wanted(no);
                self.branch(f, then, els);
            }
            A::Cond(c, None, f) => {
                let no = self.new_block();
                self.branch(c, then, no);
                self.start_wanted(no);
                self.branch(f, then, els);
            }
            A::Comma(l, r) => {
                self.effect(l);
                self.branch(r, then, els);
            }
            A::Binary(op @ (BinOp::Eq | BinOp::Ne), l, r) if self.is_zero(r) && self.is_truth(l) => {
                if op == BinOp::Ne {
                    self.branch(l, then, els);
                } else {
                    self.branch(l, els, then);
                }
            }
            A::Call { callee, args } => match self.ast.exprs[callee.index()].kind {
                A::Ident(name) => self.branch_call(e, name, self.ids(args), then, els),
                _ => {
                    let cond = self.value(e);
                    self.fork(cond, then, els, at);
                }
            },
            _ => {
                let cond = self.value(e);
                self.fork(cond, then, els, at);
            }
        }
    }

    fn is_zero(&self, e: ast::ExprId) -> bool {
        matches!(self.ast.exprs[e.index()].kind, A::Int { value: 0, .. })
    }

    fn is_truth(&self, e: ast::ExprId) -> bool {
        matches!(self.ast.exprs[e.index()].kind, A::Binary(BinOp::LogAnd | BinOp::LogOr, ..) | A::Unary(UnOp::Not, _))
    }

    fn branch_call(&mut self, e: ast::ExprId, name: Symbol, args: &[u32], then: BlockId, els: BlockId) {
        let at = self.at_expr(e);
        match (builtin(name), args) {
            (Some(Builtin::Likely | Builtin::Unlikely), &[arg]) => return self.branch(ast::ExprId(arg), then, els),
            (Some(Builtin::Expect), &[arg, ..]) => return self.branch(ast::ExprId(arg), then, els),
            _ => {}
        }
        if let Some(&position) = self.cx.tables.asserts.get(&name)
            && self.is_model_call(name)
            && let Some(&condition) = args.get(position)
        {
            let bad = self.new_block();
            self.branch(ast::ExprId(condition), bad, els);
            self.start_wanted(bad);
            self.assert_call(name, args, position, at);
            self.goto(then, at);
            return;
        }
        let cond = self.value(e);
        self.fork(cond, then, els, at);
    }

    /// The call of an asserting name where its condition has come true.
    pub fn assert_call(&mut self, name: Symbol, args: &[u32], position: usize, at: crate::lower::At) {
        if self.cur.is_none() {
            return;
        }
        let mut values: smallvec::SmallVec<[ExprId; 8]> = smallvec::SmallVec::new();
        for (index, &arg) in args.iter().enumerate() {
            let value = if index == position { self.int(1, self.ty.int) } else { self.argument(name, index, ast::ExprId(arg)) };
            values.push(value);
        }
        let args = self.push_args(&values);
        self.op(OpKind::Call { dst: None, callee: Callee::Direct(name), args, why: CallWhy::Written }, at);
        self.after_call(name, false, at);
    }
}
