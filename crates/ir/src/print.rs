//! Text of annotations: `__must_hold(&dev->lock)`.

use cuthere_cfront::ast::{Ast, BinOp, ExprId, ExprKind, UnOp};

/// Writes the expression as it would stand in source; what annotations do not hold is `…`.
pub(crate) fn annotation(ast: &Ast, e: ExprId, out: &mut String, depth: u32) {
    if depth > 16 {
        out.push('…');
        return;
    }
    let go = |e: ExprId, out: &mut String| annotation(ast, e, out, depth + 1);
    match ast.exprs[e.index()].kind {
        ExprKind::Ident(name) => out.push_str(name.as_str()),
        ExprKind::Int { value, .. } => out.push_str(&value.to_string()),
        ExprKind::Str(text) => {
            out.push('"');
            out.push_str(text.as_str());
            out.push('"');
        }
        ExprKind::Member { base, name, arrow } => {
            go(base, out);
            out.push_str(if arrow { "->" } else { "." });
            out.push_str(name.as_str());
        }
        ExprKind::Unary(op, inner) => {
            out.push_str(unary(op));
            go(inner, out);
        }
        ExprKind::Binary(op, l, r) => {
            go(l, out);
            out.push(' ');
            out.push_str(binary(op));
            out.push(' ');
            go(r, out);
        }
        ExprKind::Index(l, r) => {
            go(l, out);
            out.push('[');
            go(r, out);
            out.push(']');
        }
        ExprKind::Call { callee, args } => {
            go(callee, out);
            out.push('(');
            for (index, &arg) in ast.list(args).iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                go(ExprId(arg), out);
            }
            out.push(')');
        }
        ExprKind::Cast(_, inner) => go(inner, out),
        _ => out.push('…'),
    }
}

pub(crate) fn unary(op: UnOp) -> &'static str {
    match op {
        UnOp::Neg => "-",
        UnOp::Plus => "+",
        UnOp::BitNot => "~",
        UnOp::Not => "!",
        UnOp::Deref => "*",
        UnOp::Addr => "&",
        UnOp::PreInc | UnOp::PostInc => "++",
        UnOp::PreDec | UnOp::PostDec => "--",
        UnOp::AddrLabel => "&&",
    }
}

/// The operator as written.
pub fn binary(op: BinOp) -> &'static str {
    match op {
        BinOp::Add => "+",
        BinOp::Sub => "-",
        BinOp::Mul => "*",
        BinOp::Div => "/",
        BinOp::Rem => "%",
        BinOp::And => "&",
        BinOp::Or => "|",
        BinOp::Xor => "^",
        BinOp::Shl => "<<",
        BinOp::Shr => ">>",
        BinOp::Lt => "<",
        BinOp::Gt => ">",
        BinOp::Le => "<=",
        BinOp::Ge => ">=",
        BinOp::Eq => "==",
        BinOp::Ne => "!=",
        BinOp::LogAnd => "&&",
        BinOp::LogOr => "||",
    }
}
