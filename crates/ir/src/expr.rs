//! Expressions as values, as places and for their effect alone.
//!
//! Effects become operations in C's order, left to right. A value read before a later effect that may change it is kept in a temporary;
//! a read of a plain local is not, unless the later operand assigns.

use crate::builtins::known;
use crate::flags::{DEREF, EFFECT};
use crate::front::{Kind, Name};
use crate::func::*;
use crate::lower::{At, Lower};
use crate::scope::What;
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A};
use cuthere_cfront::types::Ty;

/// What becomes of a call's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    Drop,
    Value,
    Into(LocalId),
}

impl Lower<'_> {
    /// The expression as a value; arrays and functions decay.
    pub fn value(&mut self, e: ast::ExprId) -> ExprId {
        if !self.enter() {
            self.leave();
            return self.too_deep(e);
        }
        let value = self.value_inner(e);
        self.leave();
        value
    }

    pub(crate) fn too_deep(&mut self, e: ast::ExprId) -> ExprId {
        let at = self.at_expr(e);
        self.gap(at, "expression nested too deeply or body too large");
        self.opaque(Ty(0))
    }

    pub(crate) fn value_inner(&mut self, e: ast::ExprId) -> ExprId {
        let at = self.at_expr(e);
        match self.ast.exprs[e.index()].kind {
            A::Int { value, unsigned, long } => {
                let ty = self.literal_type(unsigned, long);
                self.int(value as i64, ty)
            }
            A::Float { bits, size } => {
                let ty = self.front.float(size);
                self.node(ExprKind::Float(bits), ty)
            }
            A::Str(text) => self.node(ExprKind::Str(text), self.ty.char_ptr),
            A::Ident(name) => self.ident(name),
            A::Unary(op, inner) => match op {
                UnOp::Neg | UnOp::Plus | UnOp::BitNot => {
                    let value = self.value(inner);
                    self.unary(op, value)
                }
                UnOp::Not => self.truth(e, at),
                UnOp::Deref => {
                    let place = self.place(e);
                    self.load(place)
                }
                UnOp::Addr => self.address_of(inner),
                UnOp::PreInc | UnOp::PreDec | UnOp::PostInc | UnOp::PostDec => self.increment(op, inner, at, true),
                UnOp::AddrLabel => self.opaque(self.ty.void_ptr),
            },
            A::Binary(BinOp::LogAnd | BinOp::LogOr, ..) => self.truth(e, at),
            A::Binary(op, l, r) => {
                let (lv, rv) = self.pair(l, r, at);
                self.binary(op, lv, rv)
            }
            A::Assign(op, l, r) => self.assign(op, l, r, at, true),
            A::Cond(c, t, els) => self.conditional(e, c, t, els, at),
            A::Comma(_, r) => {
                self.effects_before(e);
                self.value(r)
            }
            A::Call { callee, args } => self.call(e, callee, args, Want::Value),
            A::Member { .. } | A::Index(..) | A::Compound(..) => {
                let place = self.place(e);
                self.load(place)
            }
            A::Cast(ty, inner) => self.cast_expr(ty, inner),
            A::SizeofType(ty) => {
                let ty = self.resolve(ty);
                self.size_of(ty)
            }
            A::SizeofExpr(inner) => {
                if let A::Ident(name) = self.ast.exprs[inner.index()].kind
                    && let What::Local(local) = self.lookup(name)
                    && let Some(&(_, size)) = self.f.lengths.iter().find(|l| l.0 == local)
                {
                    return self.local_value(size);
                }
                let ty = self.type_of(inner);
                self.size_of(ty)
            }
            A::AlignofType(ty) => {
                let ty = self.resolve(ty);
                let align = self.front.align_of(ty).unwrap_or(8);
                self.int(align as i64, self.ty.ulong)
            }
            A::AlignofExpr(inner) => {
                let ty = self.type_of(inner);
                let align = self.front.align_of(ty).unwrap_or(8);
                self.int(align as i64, self.ty.ulong)
            }
            A::StmtExpr(body) => self.stmt_expr(body, at, true),
            A::LabelAddr(name) => {
                self.label_address(name);
                self.opaque(self.ty.void_ptr)
            }
            A::TypeArg(ty) => {
                let ty = self.resolve(ty);
                self.node(ExprKind::SizeOf(ty), self.ty.ulong)
            }
            A::Offsetof(ty, member) => {
                let ty = self.resolve(ty);
                self.offset_of(ty, member)
            }
            A::TypesCompatible(a, b) => {
                let (a, b) = (self.resolve(a), self.resolve(b));
                self.int(i64::from(a == b && a != Ty(0)), self.ty.int)
            }
            A::Generic(..) => match self.generic_arm(e) {
                Some(arm) => self.value(arm),
                None => self.opaque(Ty(0)),
            },
            A::VaArg(list, ty) => {
                let place = self.place(list);
                let list = self.node(ExprKind::Addr(place), Ty(0));
                self.op(OpKind::Eval(list), at);
                let ty = self.resolve(ty);
                self.opaque(ty)
            }
            A::BraceArg(_) => self.opaque(Ty(0)),
            A::Gap(_) => {
                self.parser_gap(e, at);
                self.opaque(Ty(0))
            }
        }
    }

    pub(crate) fn parser_gap(&mut self, e: ast::ExprId, at: At) {
        if let A::Gap(index) = self.ast.exprs[e.index()].kind {
            self.op(OpKind::Gap(index), at);
        }
    }

    pub fn literal_type(&self, unsigned: bool, long: u8) -> Ty {
        match (unsigned, long > 0) {
            (false, false) => self.ty.int,
            (true, false) => self.ty.uint,
            (false, true) => self.ty.long,
            (true, true) => self.ty.ulong,
        }
    }

    pub fn size_of(&mut self, ty: Ty) -> ExprId {
        match self.front.size_of(ty) {
            Some(size) => self.int(size as i64, self.ty.ulong),
            None => self.node(ExprKind::SizeOf(ty), self.ty.ulong),
        }
    }

    pub(crate) fn ident(&mut self, name: Symbol) -> ExprId {
        match self.lookup(name) {
            What::Local(local) => self.local_value(local),
            What::Global(_) => {
                let place = self.ident_place(name);
                self.load(place)
            }
            What::Function { ty, .. } => {
                let ty = self.front.pointer_to(ty);
                self.node(ExprKind::Function(name), ty)
            }
            What::Enumerator(value) => {
                let ty = if i64::from(value as i32) == value { self.ty.int } else { self.ty.long };
                self.int(value, ty)
            }
            What::Typedef(ty) | What::Typed(ty) => self.opaque(ty),
            What::Unknown => {
                if known().func.contains(&name) {
                    return self.node(ExprKind::Str(self.f.name), self.ty.char_ptr);
                }
                if let Some(&value) = self.cx.program.shapes.constants.get(&name) {
                    let ty = if i64::from(value as i32) == value { self.ty.int } else { self.ty.long };
                    return self.int(value, ty);
                }
                let place = self.node(ExprKind::Global(name), Ty(0));
                self.node(ExprKind::Load(place), Ty(0))
            }
        }
    }

    pub(crate) fn ident_place(&mut self, name: Symbol) -> ExprId {
        match self.lookup(name) {
            What::Local(local) => self.local_place(local),
            What::Global(ty) | What::Typed(ty) => self.node(ExprKind::Global(name), ty),
            What::Function { ty, .. } => self.node(ExprKind::Global(name), ty),
            _ => self.node(ExprKind::Global(name), Ty(0)),
        }
    }

    pub(crate) fn truth(&mut self, e: ast::ExprId, at: At) -> ExprId {
        // Without effects or dereferences in what may be skipped, a value will do.
        if let A::Unary(UnOp::Not, inner) = self.ast.exprs[e.index()].kind
            && !self.short_circuits(inner)
        {
            let value = self.value(inner);
            return self.unary(UnOp::Not, value);
        }
        if let A::Binary(op, l, r) = self.ast.exprs[e.index()].kind
            && self.flags(r) & (EFFECT | DEREF) == 0
        {
            let left = self.value(l);
            let is_and = op == BinOp::LogAnd;
            if let Some(constant) = self.constant(left) {
                if (constant != 0) != is_and {
                    return self.int(i64::from(!is_and), self.ty.int);
                }
                let right = self.value(r);
                return self.as_bool(right);
            }
            let right = self.value(r);
            let right = self.as_bool(right);
            if let Some(constant) = self.constant(right) {
                if (constant != 0) == is_and {
                    return self.as_bool(left);
                }
                if self.flags(l) & DEREF == 0 {
                    return self.int(i64::from(constant != 0), self.ty.int);
                }
            }
            let constant = self.int(i64::from(!is_and), self.ty.int);
            let (t, f) = if is_and { (right, constant) } else { (constant, right) };
            return self.node(ExprKind::Select(left, t, f), self.ty.int);
        }
        let (yes, no, done) = (self.new_block(), self.new_block(), self.new_block());
        let temp = self.temp(self.ty.int, at);
        self.branch(e, yes, no);
        let mut arms = 0;
        let mut last = 0;
        for (block, value) in [(yes, 1), (no, 0)] {
            self.start_wanted(block);
            if self.cur.is_some() {
                arms += 1;
                last = value;
            }
            let place = self.local_place(temp);
            let constant = self.int(value, self.ty.int);
            self.store(place, constant, at);
            self.goto(done, at);
        }
        self.start_wanted(done);
        if arms == 1 {
            return self.int(last, self.ty.int);
        }
        self.local_value(temp)
    }

    pub(crate) fn short_circuits(&self, e: ast::ExprId) -> bool {
        match self.ast.exprs[e.index()].kind {
            A::Binary(BinOp::LogAnd | BinOp::LogOr, ..) => true,
            A::Unary(UnOp::Not, inner) if inner < e => self.short_circuits_limited(inner, 16),
            _ => false,
        }
    }

    pub(crate) fn short_circuits_limited(&self, e: ast::ExprId, fuel: u32) -> bool {
        match self.ast.exprs[e.index()].kind {
            A::Binary(BinOp::LogAnd | BinOp::LogOr, ..) => true,
            A::Unary(UnOp::Not, inner) if fuel > 0 => self.short_circuits_limited(inner, fuel - 1),
            _ => false,
        }
    }

    /// The value as 0 or 1.
    pub fn as_bool(&mut self, value: ExprId) -> ExprId {
        let boolean = match self.kind_of(value) {
            ExprKind::Int(constant) => return self.int(i64::from(constant != 0), self.ty.int),
            ExprKind::Unary(UnOp::Not, _) => true,
            ExprKind::Binary(op, ..) => matches!(op, BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge | BinOp::Eq | BinOp::Ne),
            _ => self.kind(self.type_of_node(value)) == Kind::Bool,
        };
        if boolean {
            return value;
        }
        let ty = self.type_of_node(value);
        let zero = self.int(0, ty);
        self.node(ExprKind::Binary(BinOp::Ne, value, zero), self.ty.int)
    }

    pub(crate) fn conditional(&mut self, e: ast::ExprId, c: ast::ExprId, t: Option<ast::ExprId>, els: ast::ExprId, at: At) -> ExprId {
        let arms = t.map_or(0, |t| self.flags(t)) | self.flags(els);
        let Some(t) = t else {
            // `c ?: e`.
            let value = self.value(c);
            if let Some(constant) = self.constant(value) {
                return if constant != 0 { value } else { self.value(els) };
            }
            if arms & (EFFECT | DEREF) == 0 {
                let other = self.value(els);
                let ty = self.common_type(value, other);
                return self.node(ExprKind::Select(value, value, other), ty);
            }
            let ty = self.type_of(e);
            let ty = if ty == Ty(0) { self.type_of_node(value) } else { ty };
            let temp = self.temp(ty, at);
            let place = self.local_place(temp);
            self.store(place, value, at);
            let (other, done) = (self.new_block(), self.new_block());
            let cond = self.local_value(temp);
            self.fork(cond, done, other, at);
            self.start_wanted(other);
            let value = self.value(els);
            let place = self.local_place(temp);
            self.store(place, value, at);
            self.goto(done, at);
            self.start_wanted(done);
            return self.local_value(temp);
        };
        let branches = self.short_circuits(c) && self.flags(c) & (EFFECT | DEREF) != 0;
        let (yes, no, done) = (self.new_block(), self.new_block(), self.new_block());
        if branches {
            self.branch(c, yes, no);
        } else {
            let cond = self.value(c);
            if let Some(constant) = self.constant(cond) {
                return self.value(if constant != 0 { t } else { els });
            }
            if arms & (EFFECT | DEREF) == 0 {
                let (tv, ev) = (self.value(t), self.value(els));
                let ty = self.common_type(tv, ev);
                return self.node(ExprKind::Select(cond, tv, ev), ty);
            }
            self.fork(cond, yes, no, at);
        }
        let wanted = |s: &Self, block: BlockId| s.s.wanted.get(block.index()).copied().unwrap_or(false);
        match (wanted(self, yes), wanted(self, no)) {
            (true, false) => {
                self.start(yes);
                return self.value(t);
            }
            (false, true) => {
                self.start(no);
                return self.value(els);
            }
            _ => {}
        }
        let ty = self.type_of(e);
        let temp = self.temp(ty, at);
        for (block, arm) in [(yes, t), (no, els)] {
            self.start_wanted(block);
            if self.cur.is_none() {
                continue;
            }
            let value = self.value(arm);
            if self.kind(ty) != Kind::Void {
                let place = self.local_place(temp);
                self.store(place, value, at);
            }
            self.goto(done, at);
        }
        self.start_wanted(done);
        self.local_value(temp)
    }

    pub(crate) fn common_type(&mut self, a: ExprId, b: ExprId) -> Ty {
        let (at, bt) = (self.type_of_node(a), self.type_of_node(b));
        self.merge_types(at, bt)
    }

    /// The type of `c ? a : b`.
    pub fn merge_types(&mut self, a: Ty, b: Ty) -> Ty {
        if a == b || b == Ty(0) {
            return a;
        }
        if a == Ty(0) {
            return b;
        }
        match (self.kind(a), self.kind(b)) {
            (Kind::Pointer(to), Kind::Pointer(_)) => {
                if self.kind(to) == Kind::Void {
                    b
                } else {
                    a
                }
            }
            (Kind::Pointer(_), _) => a,
            (_, Kind::Pointer(_)) => b,
            (Kind::Float, Kind::Float) => cuthere_cfront::typing::common(self.front.program, a, b),
            (_, Kind::Float) => b,
            _ => match (self.int_type(a), self.int_type(b)) {
                (Some(a), Some(b)) => self.int_ty(a.common(b)),
                _ => a,
            },
        }
    }

    /// What `name` is at file level, for callers outside scopes.
    pub fn file_level(&mut self, name: Symbol) -> What {
        match self.global_name(name) {
            Name::Unknown => What::Unknown,
            Name::Variable(ty) => What::Global(ty),
            Name::Function { ty, noreturn } => What::Function { ty, noreturn },
            Name::Enumerator(value) => What::Enumerator(value),
            Name::Typedef(ty) => What::Typedef(ty),
        }
    }
}
