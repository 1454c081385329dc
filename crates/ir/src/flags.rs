//! What evaluating an expression may do, found for all expressions of a tree in one pass over the arena.

use crate::builtins::{Builtin, builtin};
use crate::tables::LowerTables;
use cuthere_cfront::ast::{Ast, ExprId, ExprKind, UnOp};

/// It calls, assigns, or runs statements: it makes operations of its own.
pub(crate) const EFFECT: u8 = 1;
/// It reads through a pointer.
pub(crate) const DEREF: u8 = 2;
/// It assigns to something named in it, so that values read before it may have changed.
pub(crate) const ASSIGN: u8 = 4;

/// Fills `flags`, one byte per expression. Operands stand before their operators in the arena; one that does not counts as everything.
pub(crate) fn compute(ast: &Ast, tables: &LowerTables, flags: &mut Vec<u8>) {
    flags.clear();
    flags.reserve(ast.exprs.len());
    for (index, expr) in ast.exprs.iter().enumerate() {
        let get = |e: ExprId| if e.index() < index { flags[e.index()] } else { EFFECT | DEREF | ASSIGN };
        let list = |l| ast.list(l).iter().fold(0, |all, &id| all | get(ExprId(id)));
        let value = match expr.kind {
            ExprKind::Unary(UnOp::Deref, e) => get(e) | DEREF,
            ExprKind::Unary(UnOp::Addr, e) => address(ast, e, &get),
            ExprKind::Unary(UnOp::PreInc | UnOp::PreDec | UnOp::PostInc | UnOp::PostDec, e) => get(e) | EFFECT | ASSIGN,
            ExprKind::Unary(_, e) | ExprKind::Cast(_, e) => get(e),
            ExprKind::Binary(_, l, r) | ExprKind::Comma(l, r) => get(l) | get(r),
            ExprKind::Assign(_, l, r) => get(l) | get(r) | EFFECT | ASSIGN,
            ExprKind::Cond(c, t, e) => get(c) | t.map_or(0, get) | get(e),
            ExprKind::Call { callee, args } => match ast.exprs[callee.index()].kind {
                ExprKind::Ident(name) => match builtin(name) {
                    Some(Builtin::Expect | Builtin::Likely | Builtin::Unlikely | Builtin::ChooseExpr) => list(args),
                    Some(Builtin::ConstantP | Builtin::ObjectSize) => 0,
                    _ if tables.container_of.contains_key(&name) => list(args),
                    _ => list(args) | EFFECT,
                },
                _ => list(args) | get(callee) | EFFECT,
            },
            ExprKind::Member { base, arrow, .. } => get(base) | if arrow { DEREF } else { 0 },
            ExprKind::Index(l, r) => get(l) | get(r) | DEREF,
            ExprKind::Compound(..) | ExprKind::VaArg(..) | ExprKind::Gap(_) => EFFECT,
            ExprKind::StmtExpr(_) => EFFECT | DEREF | ASSIGN,
            ExprKind::Generic(_, arms) => ast.list(arms).chunks_exact(2).fold(0, |all, arm| all | get(ExprId(arm[1]))),
            _ => 0,
        };
        flags.push(value);
    }
}

/// `&a->b.c[i]` reads `a` and `i` only.
fn address(ast: &Ast, mut e: ExprId, get: &dyn Fn(ExprId) -> u8) -> u8 {
    let mut all = 0;
    loop {
        match ast.exprs[e.index()].kind {
            ExprKind::Member { base, arrow: false, .. } if base < e => e = base,
            ExprKind::Member { base, arrow: true, .. } => return all | get(base),
            ExprKind::Unary(UnOp::Deref, inner) => return all | get(inner),
            ExprKind::Index(l, r) if l < e => {
                all |= get(r);
                e = l;
            }
            _ => return all | get(e),
        }
    }
}
