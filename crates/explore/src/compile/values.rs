//! Expressions, computed into registers, with C's conversions.

use super::*;

impl Compiler<'_, '_, '_> {
    pub(super) fn value(&mut self, e: ExprId) -> Reg {
        let expr = *self.f.expr(e);
        match expr.kind {
            ExprKind::Local(_) | ExprKind::Global(_) | ExprKind::Deref(_) | ExprKind::Field { .. } | ExprKind::Index { .. } => {
                self.address(e)
            }
            ExprKind::Load(p) => self.load(p, expr.ty),
            ExprKind::Addr(p) => self.address(p),
            ExprKind::Function(name) => {
                let id = self.link.function(self.f.file, name);
                self.constant(Linker::function_address(id) as i64)
            }
            ExprKind::Int(v) => match self.num(expr.ty) {
                Num::Int(_) => self.constant(v),
                to => self.constant(crate::machine::converted(v, Num::Int(IntTy::LONG), to)),
            },
            ExprKind::Str(text) => {
                let addr = self.link.string(text);
                self.constant(addr as i64)
            }
            ExprKind::Float(bits) => self.constant(crate::machine::converted(bits as i64, Num::F64, self.num(expr.ty))),
            ExprKind::Unary(op, x) => self.unary(op, x, expr.ty),
            ExprKind::Binary(op, a, b) => self.binary(op, a, b, expr.ty),
            ExprKind::Cast(x) => self.cast(x, expr.ty),
            ExprKind::Select(c, t, e) => {
                let c = self.tested(c);
                let (t, e) = (self.matched(t, expr.ty), self.matched(e, expr.ty));
                let d = self.reg();
                self.emit(Ins::Select { d, c, t, e });
                d
            }
            ExprKind::ContainerOf { ptr, record, field: name } => {
                let a = self.value(ptr);
                match record.and_then(|r| field(self.link.program, r, name)) {
                    Some((bits, _)) => self.offset(a, -((bits / 8) as i32)),
                    None => self.unsupported("container_of with an unknown type"),
                }
            }
            ExprKind::SizeOf(ty) => {
                let size = i64::from(self.size(ty));
                self.constant(size)
            }
            ExprKind::Opaque => {
                let pointer =
                    matches!(self.link.program.types.kind(expr.ty), TyKind::Pointer { .. } | TyKind::Unknown | TyKind::Function { .. });
                let path = self.link.program.source.path(self.f.file);
                let origin = self.origin.as_str();
                let of = if origin.is_empty() { String::new() } else { format!(", of the macro {origin}") };
                let note = self.code.notes.len() as u32;
                self.code.notes.push(format!("what cannot be executed at {path}:{}{of}", self.at.line));
                let d = self.reg();
                self.emit(Ins::Guess { d, v: if pointer { UNKNOWN_ADDRESS as i64 } else { 0 }, note });
                d
            }
        }
    }

    pub(super) fn address(&mut self, p: ExprId) -> Reg {
        match self.place(p) {
            Place::Mem { addr, off } | Place::Bits { addr, off, .. } => self.offset(addr, off),
            Place::Reg(r, _) => r,
            Place::Unknown => self.unplaced("the address", p),
        }
    }

    /// A place that is not known: a member of a type that does not have it, or of an unknown one.
    fn unplaced(&mut self, what: &str, p: ExprId) -> Reg {
        let mut at = p;
        loop {
            match self.f.expr(at).kind {
                ExprKind::Field { base, record, name } => {
                    let types = &self.link.program.types;
                    let of = self.f.expr(base).ty;
                    let record = record.or_else(|| if let TyKind::Record(id) = types.kind(of) { Some(*id) } else { None });
                    let fields = record.map_or(0, |record| resolve::record(self.link.program, record).fields.len());
                    if fields > 0 && record.is_some_and(|record| field(self.link.program, record, name).is_none()) {
                        let name = name.as_str();
                        return self.unsupported(&format!("{what} of `{name}`: the type has no such member"));
                    }
                    at = base;
                }
                ExprKind::Index { base, .. } => at = base,
                _ => return self.unsupported(&format!("{what} of a member of an unknown type")),
            }
        }
    }

    pub(super) fn load(&mut self, p: ExprId, ty: Ty) -> Reg {
        match (self.place(p), self.shape(ty)) {
            (Place::Reg(r, _), _) => r,
            (Place::Mem { addr, off }, Shape::Aggregate(_)) => self.offset(addr, off),
            (Place::Mem { .. }, _) if self.is_unknown(ty) => self.unsupported("a load of an unknown type"),
            (Place::Mem { addr, off }, _) => {
                let (d, int) = (self.reg(), self.int(ty));
                self.mark_atomic(ty);
                self.name_access(p);
                self.emit(Ins::Load { d, a: addr, off, ty: int });
                d
            }
            (Place::Bits { addr, off, bit, width }, _) => {
                let (d, signed) = (self.reg(), self.int(ty).signed);
                self.name_access(p);
                self.emit(Ins::LoadBits { d, a: addr, off, bit, width, signed });
                d
            }
            (Place::Unknown, _) => self.unplaced("a load", p),
        }
    }

    /// The type's numbers. A `long double` is kept as a `double`.
    pub(super) fn num(&self, ty: Ty) -> Num {
        match *self.link.program.types.kind(ty) {
            TyKind::Float { size: 4 } => Num::F32,
            TyKind::Float { .. } => Num::F64,
            _ => Num::Int(self.int(ty)),
        }
    }

    /// Whether nobody says what the type is, of a program that is all there: its size and what it holds would be made up.
    pub(super) fn is_unknown(&self, ty: Ty) -> bool {
        self.link.plain && matches!(self.link.program.types.kind(ty), TyKind::Unknown)
    }

    fn is_float(&self, ty: Ty) -> bool {
        matches!(self.link.program.types.kind(ty), TyKind::Float { .. })
    }

    pub(super) fn double(&self) -> Ty {
        self.link.program.types.intern(TyKind::Float { size: 8 })
    }

    /// A value of a floating type if the other one is; as it is otherwise.
    fn matched(&mut self, e: ExprId, ty: Ty) -> Reg {
        if self.is_float(ty) || self.is_float(self.f.expr(e).ty) { self.converted(e, ty) } else { self.value(e) }
    }

    /// A value as another type holds it, where floating numbers or truths are concerned; integers are made to fit where they are stored.
    pub(super) fn converted(&mut self, e: ExprId, ty: Ty) -> Reg {
        if self.shape(ty) == Shape::Bool {
            return self.truth(e, false);
        }
        let of = self.f.expr(e).ty;
        let s = self.value(e);
        if !self.is_float(of) && !self.is_float(ty) || of == Ty::UNKNOWN || ty == Ty::UNKNOWN {
            return s;
        }
        let (from, to) = (self.num(of), self.num(ty));
        if from == to {
            return s;
        }
        let d = self.reg();
        self.emit(Ins::Convert { d, s, from, to });
        d
    }

    /// A value of which only matters whether it is nought.
    pub(super) fn tested(&mut self, e: ExprId) -> Reg {
        if self.is_float(self.f.expr(e).ty) { self.truth(e, false) } else { self.value(e) }
    }

    /// Whether a value is not nought, or is, as a register that holds 0 or 1.
    fn truth(&mut self, e: ExprId, not: bool) -> Reg {
        let ty = self.f.expr(e).ty;
        let s = self.value(e);
        let d;
        if self.is_float(ty) {
            let b = self.constant(0);
            d = self.reg();
            let op = if not { BinOp::Eq } else { BinOp::Ne };
            self.emit(Ins::Float { op, d, a: s, b, single: self.num(ty) == Num::F32 });
        } else {
            d = self.reg();
            self.emit(Ins::Truth { d, s, not });
        }
        d
    }

    /// The types of a called function's parameters, if any of them or of the arguments may be a floating one.
    pub(super) fn parameters(&self, callee: Callee) -> Option<std::sync::Arc<[Ty]>> {
        let types = &self.link.program.types;
        let ty = match callee {
            Callee::Direct(name) => match resolve::ordinary(self.link.program, self.f.file, name) {
                Some(resolve::Ordinary::Function { ty, .. }) => ty,
                _ => return None,
            },
            Callee::Indirect(e) => types.pointee(self.f.expr(e).ty)?,
        };
        match types.kind(ty) {
            TyKind::Function { params, .. } => Some(params.clone()),
            _ => None,
        }
    }

    /// A copy of an aggregate that others might change before the callee has it; all other values as they are.
    pub(super) fn kept(&mut self, e: ExprId, value: Reg) -> Reg {
        let ty = self.f.expr(e).ty;
        let Shape::Aggregate(size) = self.shape(ty) else { return value };
        let ExprKind::Load(place) = self.f.expr(e).kind else { return value };
        if let ExprKind::Local(local) = self.f.expr(place).kind
            && self.taken.get(local.index()) == Some(&false)
        {
            return value;
        }
        self.code.slots.push(Slot { size: size.max(1), fixed: 0 });
        let slot = (self.code.slots.len() as u16).wrapping_sub(1);
        let (d, unit) = (self.reg(), self.unit(ty, 0));
        self.emit(Ins::Local { d, slot });
        self.emit(Ins::Copy { d, s: value, size, unit });
        d
    }

    /// The largest piece in which a machine of 64 bits moves an object of this type: no larger than its members, but a word of 32 bits.
    pub(super) fn unit(&self, ty: Ty, depth: u32) -> u8 {
        match *self.link.program.types.kind(ty) {
            TyKind::Array { of, .. } => self.unit(of, depth),
            TyKind::Record(record) if depth < 8 => {
                let fields = &resolve::record(self.link.program, record).fields;
                fields.iter().map(|field| self.unit(field.ty, depth + 1)).min().unwrap_or(8)
            }
            TyKind::Bool | TyKind::Enum(_) => 4,
            TyKind::Int { size, .. } | TyKind::Float { size } if size <= 4 => 4,
            _ => 8,
        }
    }

    fn unary(&mut self, op: UnOp, x: ExprId, ty: Ty) -> Reg {
        if op == UnOp::Not {
            return self.truth(x, true);
        }
        if op == UnOp::Neg && self.is_float(self.f.expr(x).ty) {
            let s = self.value(x);
            let single = self.num(self.f.expr(x).ty) == Num::F32;
            let sign = self.constant(if single { 1 << 31 } else { i64::MIN });
            let d = self.reg();
            self.emit(Ins::Bin { op: BinOp::Xor, d, a: s, b: sign, ty: IntTy { size: if single { 4 } else { 8 }, signed: false } });
            return d;
        }
        let s = self.value(x);
        let d = self.reg();
        let ty = self.int(ty);
        match op {
            UnOp::Neg => self.emit(Ins::Neg { d, s, ty }),
            UnOp::BitNot => self.emit(Ins::BitNot { d, s, ty }),
            _ => self.emit(Ins::Fit { d, s, ty }),
        }
        d
    }

    fn is_pointer(&self, ty: Ty) -> bool {
        matches!(self.link.program.types.kind(ty), TyKind::Pointer { .. } | TyKind::Array { .. } | TyKind::Function { .. })
    }

    fn binary(&mut self, op: BinOp, x: ExprId, y: ExprId, ty: Ty) -> Reg {
        let (tx, tyy) = (self.f.expr(x).ty, self.f.expr(y).ty);
        if self.is_float(tx) || self.is_float(tyy) {
            let wide = if self.num(tx) == Num::F64 || self.num(tyy) == Num::F64 || !self.is_float(tx) && !self.is_float(tyy) {
                self.double()
            } else if self.is_float(tx) {
                tx
            } else {
                tyy
            };
            let (a, b) = (self.converted(x, wide), self.converted(y, wide));
            let d = self.reg();
            self.emit(Ins::Float { op, d, a, b, single: self.num(wide) == Num::F32 });
            return d;
        }
        let (a, b) = (self.value(x), self.value(y));
        let d = self.reg();
        if self.is_pointer(tx) && matches!(op, BinOp::Add | BinOp::Sub) {
            let size = self.link.program.types.pointee(tx).map_or(1, |to| self.size(to)).max(1);
            if op == BinOp::Add {
                self.emit(Ins::Index { d, a, b, scale: size as i32 });
            } else if self.is_pointer(tyy) {
                self.emit(Ins::PtrDiff { d, a, b, size });
            } else {
                self.emit(Ins::Index { d, a, b, scale: -(size as i32) });
            }
            return d;
        }
        let (ix, iy) = (self.int(tx), self.int(tyy));
        match op {
            BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge | BinOp::Eq | BinOp::Ne => {
                let common = if self.is_pointer(tx) || self.is_pointer(tyy) { IntTy::ULONG } else { common(ix, iy) };
                let (a, b) = (self.fit(a, common), self.fit(b, common));
                self.emit(Ins::Cmp { op, d, a, b, ty: common });
            }
            BinOp::Shl | BinOp::Shr => self.emit(Ins::Bin { op, d, a, b, ty: self.int(ty) }),
            _ => {
                let to = self.int(ty);
                let (a, b) = (self.fit(a, to), self.fit(b, to));
                self.emit(Ins::Bin { op, d, a, b, ty: to });
            }
        }
        d
    }

    fn fit(&mut self, s: Reg, ty: IntTy) -> Reg {
        if ty.size == 8 || self.fits(s, ty) {
            return s;
        }
        let d = self.reg();
        self.emit(Ins::Fit { d, s, ty });
        d
    }

    /// Whether what a register holds is already as a type would hold it.
    fn fits(&self, s: Reg, ty: IntTy) -> bool {
        if let Some(held) = self.held.get(usize::from(s)) {
            return held.is_some_and(|held| held.within(ty));
        }
        // What is no local's is written once in an operation.
        match self.code.ins[self.begun..].iter().rev().find(|ins| ins.target() == Some(s)) {
            Some(&Ins::Const { v, .. }) => ty.fit(v) == v,
            Some(Ins::Truth { .. } | Ins::Cmp { .. }) => true,
            Some(Ins::Fit { ty: held, .. } | Ins::Neg { ty: held, .. } | Ins::BitNot { ty: held, .. } | Ins::Bin { ty: held, .. }) => {
                held.within(ty)
            }
            _ => false,
        }
    }

    fn cast(&mut self, x: ExprId, ty: Ty) -> Reg {
        let s = self.converted(x, ty);
        match self.shape(ty) {
            Shape::Int(int) if !self.is_float(ty) => self.fit(s, int),
            _ => s,
        }
    }
}

/// C's usual arithmetic conversion of two integer types.
fn common(a: IntTy, b: IntTy) -> IntTy {
    let promote = |t: IntTy| if t.size < 4 { IntTy { size: 4, signed: true } } else { t };
    let (a, b) = (promote(a), promote(b));
    let size = a.size.max(b.size);
    let unsigned = (a.size == size && !a.signed) || (b.size == size && !b.signed);
    IntTy { size, signed: !unsigned }
}
