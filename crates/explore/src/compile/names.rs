//! What instructions are called in a witness: the expression of each access as it stands in the source, and the names of variables.
//!
//! Refuses expressions that are long or that lowering made up: their steps are shown without.

use super::*;
use cuthere_cfront::ast::UnOp;
use cuthere_ir::operator_text;

/// Longer expressions are not readable in a column.
const LONGEST: usize = 48;

impl Compiler<'_, '_, '_> {
    /// Remembers what the access that comes next is of.
    pub(super) fn name_access(&mut self, place: ExprId) {
        let mut text = String::new();
        if self.text(place, &mut text) && text.len() <= LONGEST {
            let name = Named {
                pc: self.code.ins.len() as u32,
                text: Symbol::intern(&text),
                ty: self.f.expr(place).ty,
                through: self.through(place),
            };
            self.code.accesses.push(name);
        }
    }

    /// What the pointer leads to which a member is reached through.
    fn through(&self, place: ExprId) -> Option<Ty> {
        let mut at = place;
        loop {
            match self.f.expr(at).kind {
                ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => at = base,
                ExprKind::Deref(_) if at != place => return Some(self.f.expr(at).ty),
                _ => return None,
            }
        }
    }

    /// Remembers which registers and slots are the source's variables.
    pub(super) fn name_variables(&mut self) {
        for (local, home) in self.f.locals.iter().zip(&self.locals) {
            if !local.name.is_empty() && local.kind != LocalKind::Temp {
                let (place, in_memory) = match *home {
                    Home::Reg(r) => (r, false),
                    Home::Slot(slot) => (slot, true),
                };
                self.code.variables.push(Variable { place, in_memory, name: local.name, ty: local.ty });
            }
        }
    }

    /// An argument as written; empty if it is not readable.
    pub(super) fn argument_text(&self, e: ExprId) -> Symbol {
        let mut text = String::new();
        if self.text(e, &mut text) && text.len() <= LONGEST { Symbol::intern(&text) } else { Symbol::EMPTY }
    }

    /// `false`: something in it has no name.
    fn text(&self, e: ExprId, out: &mut String) -> bool {
        if out.len() > LONGEST {
            return false;
        }
        match self.f.expr(e).kind {
            ExprKind::Local(l) => match self.f.locals.get(l.index()) {
                Some(local) if !local.name.is_empty() => {
                    out.push_str(local.name.as_str());
                    true
                }
                _ => false,
            },
            ExprKind::Global(name) | ExprKind::Function(name) => {
                out.push_str(name.as_str());
                true
            }
            ExprKind::Deref(p) => {
                out.push('*');
                self.text(p, out)
            }
            ExprKind::Field { base, name, .. } => {
                let (base, link) = match self.f.expr(base).kind {
                    ExprKind::Deref(p) => (p, "->"),
                    _ => (base, "."),
                };
                self.text(base, out) && {
                    out.push_str(link);
                    out.push_str(name.as_str());
                    true
                }
            }
            ExprKind::Index { base, index } => {
                self.text(base, out) && {
                    out.push('[');
                    let known = self.text(index, out);
                    out.push(']');
                    known
                }
            }
            ExprKind::Addr(p) => {
                if !matches!(self.f.expr(p).kind, ExprKind::Deref(_)) {
                    out.push('&');
                }
                match self.f.expr(p).kind {
                    ExprKind::Deref(inner) => self.text(inner, out),
                    _ => self.text(p, out),
                }
            }
            ExprKind::Load(p) | ExprKind::Cast(p) | ExprKind::ContainerOf { ptr: p, .. } => self.text(p, out),
            ExprKind::Int(v) => {
                out.push_str(&v.to_string());
                true
            }
            ExprKind::Unary(op, x) => {
                out.push(match op {
                    UnOp::Neg => '-',
                    UnOp::BitNot => '~',
                    UnOp::Not => '!',
                    _ => return false,
                });
                self.text(x, out)
            }
            ExprKind::Binary(op, a, b) => {
                self.text(a, out) && {
                    out.push(' ');
                    out.push_str(operator_text(op));
                    out.push(' ');
                    self.text(b, out)
                }
            }
            _ => false,
        }
    }
}
