//! One walk over the parts of an expression, which everything that asks about expressions uses.

use super::{Body, Expr, ExprId, LocalId, OpKind};
use cuthere_base::Symbol;
use cuthere_ir::BinOp;

/// Deeper nesting is not looked into.
const DEPTH_MAX: u32 = 64;

impl Body {
    /// Calls `f` with an expression and everything in it, outer ones first.
    pub fn walk(&self, e: ExprId, f: &mut impl FnMut(Expr)) {
        self.walk_to(e, f, 0);
    }

    fn walk_to(&self, e: ExprId, f: &mut impl FnMut(Expr), depth: u32) {
        if depth > DEPTH_MAX {
            return;
        }
        let expr = self.expr(e);
        f(expr);
        let mut down = |e| self.walk_to(e, f, depth + 1);
        match expr {
            Expr::Deref(a) | Expr::Load(a, _) | Expr::Addr(a) | Expr::Un(_, a) => down(a),
            Expr::Field { base: a, .. } | Expr::ContainerOf { ptr: a, .. } => down(a),
            Expr::Bin(_, a, b) | Expr::Index { base: a, index: b } => {
                down(a);
                down(b);
            }
            Expr::Select(a, b, c) => {
                down(a);
                down(b);
                down(c);
            }
            Expr::Local(_) | Expr::Global(_) | Expr::Function(_) | Expr::Int(_) | Expr::Str | Expr::Opaque(_) => {}
        }
    }

    /// Calls `f` with every local in an expression.
    pub fn locals_in(&self, e: ExprId, f: &mut impl FnMut(LocalId)) {
        self.walk(e, &mut |expr| {
            if let Expr::Local(l) = expr {
                f(l);
            }
        });
    }

    /// Calls `f` with every global and member that an expression names.
    pub fn names_in(&self, e: ExprId, f: &mut impl FnMut(Symbol)) {
        self.walk(e, &mut |expr| {
            if let Expr::Global(name) | Expr::Field { name, .. } = expr {
                f(name);
            }
        });
    }

    /// The two sides of a comparison for equality.
    pub fn compared(&self, e: Expr) -> Option<(ExprId, ExprId)> {
        match e {
            Expr::Bin(BinOp::Eq | BinOp::Ne, a, b) => Some((a, b)),
            _ => None,
        }
    }

    /// Whether what is stored at a place is what was there before, and something more (`true`) or less: `n++`, `n -= 2`.
    pub fn steps(&self, place: ExprId, value: ExprId) -> Option<bool> {
        let Expr::Bin(op @ (BinOp::Add | BinOp::Sub), was, by) = self.expr(value) else { return None };
        let Expr::Int(by) = self.expr(by) else { return None };
        let loads = |e: ExprId| matches!(self.expr(e), Expr::Load(from, _) if from == place);
        // The old value of `n++` goes by way of a variable where it is used.
        let kept = |local: LocalId| {
            self.ops.iter().any(|o| match o.kind {
                OpKind::Store { place, value } => self.expr(place) == Expr::Local(local) && loads(value),
                _ => false,
            })
        };
        let counts = by != 0 && (loads(was) || self.loaded_local(was).is_some_and(kept));
        counts.then_some((op == BinOp::Add) == (by > 0))
    }

    /// Whether an expression reads a local.
    pub fn mentions_local(&self, e: ExprId, local: LocalId) -> bool {
        let mut found = false;
        self.locals_in(e, &mut |l| found |= l == local);
        found
    }
}
