//! Expressions as source text, for messages.

use super::{Body, Expr, ExprId};
use cuthere_ir::{UnOp, operator_text};

impl Body {
    /// The expression as source text, shortened.
    pub fn text(&self, e: ExprId) -> String {
        let mut out = String::new();
        self.write(e, &mut out, 0);
        out
    }

    fn write(&self, e: ExprId, out: &mut String, depth: u32) {
        use std::fmt::Write;
        if depth > 12 || out.len() > 120 {
            out.push('…');
            return;
        }
        match self.expr(e) {
            Expr::Local(l) => {
                let name = self.local_name(l);
                out.push_str(if name.is_empty() { "…" } else { name.as_str() });
            }
            Expr::Global(name) | Expr::Function(name) => out.push_str(name.as_str()),
            Expr::Deref(value) => {
                out.push('*');
                self.write(value, out, depth + 1);
            }
            Expr::Field { base, name, .. } => {
                match self.expr(base) {
                    Expr::Deref(value) => {
                        self.write(value, out, depth + 1);
                        out.push_str("->");
                    }
                    _ => {
                        self.write(base, out, depth + 1);
                        out.push('.');
                    }
                }
                out.push_str(name.as_str());
            }
            Expr::Index { base, index } => {
                self.write(base, out, depth + 1);
                out.push('[');
                self.write(index, out, depth + 1);
                out.push(']');
            }
            Expr::Load(place, _) => self.write(place, out, depth + 1),
            Expr::Addr(place) => {
                if !matches!(self.expr(place), Expr::Index { .. }) {
                    out.push('&');
                }
                self.write(place, out, depth + 1);
            }
            Expr::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Expr::Str => out.push_str("\"…\""),
            Expr::Un(op, a) => {
                out.push_str(match op {
                    UnOp::Neg => "-",
                    UnOp::BitNot => "~",
                    UnOp::Not => "!",
                    _ => "+",
                });
                self.write(a, out, depth + 1);
            }
            Expr::Bin(op, a, b) => {
                self.write(a, out, depth + 1);
                let _ = write!(out, " {} ", operator_text(op));
                self.write(b, out, depth + 1);
            }
            Expr::Select(c, t, f) => {
                self.write(c, out, depth + 1);
                out.push_str(" ? ");
                self.write(t, out, depth + 1);
                out.push_str(" : ");
                self.write(f, out, depth + 1);
            }
            Expr::ContainerOf { ptr, .. } => {
                out.push_str("container_of(");
                self.write(ptr, out, depth + 1);
                out.push(')');
            }
            Expr::Opaque(_) => out.push('…'),
        }
    }
}
