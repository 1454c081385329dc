//! Where places are: a register, or an address with an offset.

use super::*;

impl Compiler<'_, '_, '_> {
    pub(super) fn offset(&mut self, addr: Reg, off: i32) -> Reg {
        if off == 0 {
            return addr;
        }
        let d = self.reg();
        self.emit(Ins::AddConst { d, a: addr, v: off });
        d
    }

    pub(super) fn place(&mut self, e: ExprId) -> Place {
        let expr = *self.f.expr(e);
        match expr.kind {
            ExprKind::Local(l) => match self.locals.get(l.index()) {
                Some(&Home::Reg(r)) => Place::Reg(r, self.int(expr.ty)),
                Some(&Home::Slot(slot)) => {
                    let addr = self.reg();
                    self.emit(Ins::Local { d: addr, slot });
                    Place::Mem { addr, off: 0 }
                }
                None => Place::Unknown,
            },
            ExprKind::Global(name) => {
                let v = self.link.global(self.f.file, name, self.size(expr.ty));
                if self.link.is_undeclared(name) {
                    self.unsupported(&format!("no declaration of `{name}`"));
                }
                let addr = match self.link.copies(v) {
                    Some(copies) => {
                        let d = self.reg();
                        self.emit(Ins::Own { d, copies });
                        d
                    }
                    None => self.constant(v as i64),
                };
                Place::Mem { addr, off: 0 }
            }
            ExprKind::Deref(p) => {
                // `*(&x->a + 3)` and the like keep their offset in the instruction.
                Place::Mem { addr: self.value(p), off: 0 }
            }
            ExprKind::Field { base, record, name } => {
                let place = self.place(base);
                let Place::Mem { addr, off } = place else { return Place::Unknown };
                let record = record.or_else(|| match self.link.program.types.kind(self.f.expr(base).ty) {
                    TyKind::Record(id) => Some(*id),
                    _ => None,
                });
                let Some((bits, width)) = record.and_then(|r| field(self.link.program, r, name)) else { return Place::Unknown };
                match width {
                    None => Place::Mem { addr, off: off.saturating_add((bits / 8) as i32) },
                    Some(width) => {
                        let unit = u64::from(self.int(expr.ty).size.max(1)) * 8;
                        let start = bits / unit * unit;
                        let start = if bits - start + u64::from(width) > unit { bits / 8 * 8 } else { start };
                        Place::Bits {
                            addr,
                            off: off.saturating_add((start / 8) as i32),
                            bit: (bits - start) as u8,
                            width: width.min(64) as u8,
                        }
                    }
                }
            }
            ExprKind::Index { base, index } => {
                let Place::Mem { addr, off } = self.place(base) else { return Place::Unknown };
                let scale = self.size(expr.ty) as i32;
                if scale == 0 && matches!(self.link.program.types.kind(expr.ty), TyKind::Array { len: None, .. }) {
                    self.unsupported("an array of arrays of variable length");
                }
                if let ExprKind::Int(v) = self.f.expr(index).kind
                    && let Ok(v) = i32::try_from(v.saturating_mul(i64::from(scale)))
                {
                    return Place::Mem { addr, off: off.saturating_add(v) };
                }
                let b = self.value(index);
                let d = self.reg();
                self.emit(Ins::Index { d, a: addr, b, scale });
                Place::Mem { addr: d, off }
            }
            _ => {
                // A value of aggregate type is its address.
                if matches!(self.shape(expr.ty), Shape::Aggregate(_)) && !matches!(expr.kind, ExprKind::Opaque) {
                    let addr = self.value(e);
                    return Place::Mem { addr, off: 0 };
                }
                Place::Unknown
            }
        }
    }
}
