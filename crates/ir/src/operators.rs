//! Operators on values: arithmetic with C's types, casts, `container_of` and `offsetof`.
//!
//! Also what keeps an operand safe from the effects of a later one.

use crate::flags::{ASSIGN, EFFECT};
use crate::fold::{IntType, fold};
use crate::front::Kind;
use crate::func::*;
use crate::lower::{At, Lower};
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A};
use cuthere_cfront::types::Ty;

impl Lower<'_> {
    /// Both operands, the left one kept safe from the right one's effects.
    pub(crate) fn pair(&mut self, l: ast::ExprId, r: ast::ExprId, at: At) -> (ExprId, ExprId) {
        let mut left = self.value(l);
        let later = self.flags(r);
        if !self.stable(left, later) {
            left = self.spill(left, at);
        }
        (left, self.value(r))
    }

    /// Whether the value stays the same when something with these flags is evaluated after it.
    pub fn stable(&self, value: ExprId, later: u8) -> bool {
        if later & EFFECT == 0 {
            return true;
        }
        let mut fuel = 24;
        self.stable_node(value, later & ASSIGN != 0, &mut fuel)
    }

    pub(crate) fn stable_node(&self, e: ExprId, assigns: bool, fuel: &mut u32) -> bool {
        if *fuel == 0 {
            return false;
        }
        *fuel -= 1;
        match self.kind_of(e) {
            ExprKind::Load(place) => match self.kind_of(place) {
                ExprKind::Local(local) => {
                    !assigns || self.s.locals.get(local.index()).is_some_and(|l| l.kind == LocalKind::Temp && l.name.is_empty())
                }
                _ => false,
            },
            ExprKind::Deref(inner) | ExprKind::Addr(inner) | ExprKind::Unary(_, inner) | ExprKind::Cast(inner) => {
                self.stable_node(inner, assigns, fuel)
            }
            ExprKind::Field { base, .. } => self.stable_node(base, assigns, fuel),
            ExprKind::Index { base, index } => self.stable_node(base, assigns, fuel) && self.stable_node(index, assigns, fuel),
            ExprKind::Binary(_, l, r) => self.stable_node(l, assigns, fuel) && self.stable_node(r, assigns, fuel),
            ExprKind::Select(c, t, f) => {
                self.stable_node(c, assigns, fuel) && self.stable_node(t, assigns, fuel) && self.stable_node(f, assigns, fuel)
            }
            ExprKind::ContainerOf { ptr, .. } => self.stable_node(ptr, assigns, fuel),
            _ => true,
        }
    }

    pub fn unary(&mut self, op: UnOp, value: ExprId) -> ExprId {
        let ty = self.type_of_node(value);
        let int = self.int_type(ty).map(IntType::promote);
        if let (Some(constant), Some(int)) = (self.constant(value), int) {
            let folded = match op {
                UnOp::Neg => constant.wrapping_neg(),
                UnOp::BitNot => !constant,
                UnOp::Not => return self.int(i64::from(constant == 0), self.ty.int),
                _ => constant,
            };
            let ty = self.int_ty(int);
            return self.int(int.wrap(folded), ty);
        }
        if op == UnOp::Not {
            // `!!x` is `x != 0`.
            if let ExprKind::Unary(UnOp::Not, inner) = self.kind_of(value) {
                let inner_ty = self.type_of_node(inner);
                let zero = self.int(0, inner_ty);
                return self.node(ExprKind::Binary(BinOp::Ne, inner, zero), self.ty.int);
            }
            return self.node(ExprKind::Unary(op, value), self.ty.int);
        }
        let ty = int.map_or(ty, |int| self.int_ty(int));
        self.node(ExprKind::Unary(op, value), ty)
    }

    pub fn binary(&mut self, op: BinOp, mut l: ExprId, mut r: ExprId) -> ExprId {
        let (lt, rt) = (self.type_of_node(l), self.type_of_node(r));
        let (lp, rp) = (self.is_pointer(lt), self.is_pointer(rt));
        let comparison = matches!(op, BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge | BinOp::Eq | BinOp::Ne);
        if (lp || rp) && !comparison && matches!(op, BinOp::Add | BinOp::Sub) {
            if op == BinOp::Add && rp && !lp {
                (l, r) = (r, l);
            }
            if lp && rp {
                return self.node(ExprKind::Binary(op, l, r), self.ty.long);
            }
            if self.constant(r) == Some(0) {
                return l;
            }
            let ty = self.type_of_node(l);
            return self.node(ExprKind::Binary(op, l, r), ty);
        }
        let (li, ri) = (self.int_type(lt), self.int_type(rt));
        let common = match (li, ri) {
            (Some(li), Some(_)) if matches!(op, BinOp::Shl | BinOp::Shr) => Some(li.promote()),
            (Some(li), Some(ri)) => Some(li.common(ri)),
            _ => None,
        };
        if let (Some(common), Some(a), Some(b)) = (common, self.constant(l), self.constant(r))
            && let Some(value) = fold(op, a, b, common)
        {
            let ty = if comparison { self.ty.int } else { self.int_ty(common) };
            return self.int(value, ty);
        }
        let float = self.kind(lt) == Kind::Float || self.kind(rt) == Kind::Float;
        let ty = match common {
            _ if comparison => self.ty.int,
            Some(common) => self.int_ty(common),
            None if float => cuthere_cfront::typing::common(self.front.program, lt, rt),
            None if lt == Ty(0) => rt,
            None => lt,
        };
        self.node(ExprKind::Binary(op, l, r), ty)
    }

    pub(crate) fn cast_expr(&mut self, ty: ast::TypeId, inner: ast::ExprId) -> ExprId {
        let ty = self.resolve(ty);
        // `(type *)((char *)p - offsetof(type, member))`.
        if let A::Binary(BinOp::Sub, l, r) = self.ast.exprs[inner.index()].kind
            && let Some((record, member)) = self.offsetof_parts(r)
        {
            let ptr = self.value(l);
            return self.container_of(ptr, record, member);
        }
        if self.kind(ty) == Kind::Void {
            self.effect(inner);
            return self.opaque(ty);
        }
        let value = self.value(inner);
        self.cast(value, ty)
    }

    /// The type and member path of an `offsetof`.
    pub fn offsetof_parts(&mut self, e: ast::ExprId) -> Option<(Ty, ast::ExprId)> {
        match self.ast.exprs[e.index()].kind {
            A::Offsetof(ty, member) => {
                let ty = self.resolve(ty);
                self.outermost_member(member)?;
                Some((ty, member))
            }
            A::Call { callee, args } => {
                let A::Ident(name) = self.ast.exprs[callee.index()].kind else { return None };
                if crate::builtins::builtin(name) != Some(crate::builtins::Builtin::Offsetof) {
                    return None;
                }
                let &[ty, member] = self.ids(args) else { return None };
                let A::TypeArg(ty) = self.ast.exprs[ty as usize].kind else { return None };
                let ty = self.resolve(ty);
                let member = ast::ExprId(member);
                self.outermost_member(member)?;
                Some((ty, member))
            }
            A::Cast(_, inner) => self.offsetof_parts(inner),
            _ => None,
        }
    }

    /// `a` of the member path `a.b[i].c`.
    pub fn outermost_member(&self, mut e: ast::ExprId) -> Option<Symbol> {
        loop {
            match self.ast.exprs[e.index()].kind {
                A::Ident(name) => return Some(name),
                A::Member { base, .. } if base < e => e = base,
                A::Index(base, _) if base < e => e = base,
                _ => return None,
            }
        }
    }

    /// `path`: `a.b[2].c` of the outer record.
    pub fn container_of(&mut self, ptr: ExprId, outer: Ty, path: ast::ExprId) -> ExprId {
        let member = self.outermost_member(path).unwrap_or(Symbol::EMPTY);
        let mut ptr = ptr;
        while let ExprKind::Cast(inner) = self.kind_of(ptr) {
            if !self.is_pointer(self.type_of_node(inner)) && self.type_of_node(inner) != Ty(0) {
                break;
            }
            ptr = inner;
        }
        // Who executes it needs the whole way; who only reads knows the object by its outermost member.
        if self.cx.tables.keep_arithmetic && !matches!(self.ast.exprs[path.index()].kind, A::Ident(_)) {
            let whole = self.path_offset(outer, path).map(|(offset, _)| offset);
            let Some((whole, (first, _))) = whole.zip(self.field_offset(outer, member)) else {
                return self.opaque(self.ty.void_ptr);
            };
            let bytes = self.front.pointer_to(self.ty.char);
            let start = self.node(ExprKind::Cast(ptr), bytes);
            let first = self.int(first as i64, self.ty.long);
            let deeper = self.binary(BinOp::Sub, whole, first);
            ptr = self.node(ExprKind::Binary(BinOp::Sub, start, deeper), bytes);
        }
        let record = match self.kind(outer) {
            Kind::Record(record) => Some(self.find_field(record, member).map_or(record, |(owner, _)| owner)),
            _ => None,
        };
        let ty = if outer == Ty(0) { Ty(0) } else { self.front.pointer_to(outer) };
        self.node(ExprKind::ContainerOf { ptr, record, field: member }, ty)
    }

    /// Conversion to a type; none if it changes nothing.
    pub fn cast(&mut self, value: ExprId, ty: Ty) -> ExprId {
        let from = self.type_of_node(value);
        if from == ty && ty != Ty(0) {
            return value;
        }
        if let Some(constant) = self.constant(value) {
            match self.kind(ty) {
                Kind::Bool => return self.int(i64::from(constant != 0), ty),
                Kind::Int(int) => return self.int(int.wrap(constant), ty),
                Kind::Pointer(_) => return self.int(constant, ty),
                _ => {}
            }
        }
        if let ExprKind::Cast(inner) = self.kind_of(value)
            && self.is_pointer(from)
            && self.is_pointer(ty)
            && self.is_pointer(self.type_of_node(inner))
        {
            return if self.type_of_node(inner) == ty { inner } else { self.node(ExprKind::Cast(inner), ty) };
        }
        self.node(ExprKind::Cast(value), ty)
    }

    pub fn offset_of(&mut self, ty: Ty, member: ast::ExprId) -> ExprId {
        let offset = self.member_offset(ty, member).map(|(offset, _)| offset);
        match offset {
            Some(offset) => self.int(offset as i64, self.ty.ulong),
            None if self.cx.tables.keep_arithmetic => match self.path_offset(ty, member) {
                Some((offset, _)) => self.cast(offset, self.ty.ulong),
                None => self.opaque(self.ty.ulong),
            },
            None => self.opaque(self.ty.ulong),
        }
    }

    pub(crate) fn member_offset(&mut self, ty: Ty, member: ast::ExprId) -> Option<(u64, Ty)> {
        if !self.enter() {
            self.leave();
            return None;
        }
        let found = match self.ast.exprs[member.index()].kind {
            A::Ident(name) => self.field_offset(ty, name),
            A::Member { base, name, .. } => self.member_offset(ty, base).and_then(|(at, inner)| {
                let (offset, ty) = self.field_offset(inner, name)?;
                Some((at.checked_add(offset)?, ty))
            }),
            A::Index(base, index) => self.member_offset(ty, base).and_then(|(at, inner)| {
                let of = self.pointee(inner);
                let index = self.const_value(index)?;
                let step = self.front.size_of(of)?.checked_mul(u64::try_from(index).ok()?)?;
                Some((at.checked_add(step)?, of))
            }),
            _ => None,
        };
        self.leave();
        found
    }

    /// The same as a value, for paths whose index is none of the compiler's: `links[type]`.
    fn path_offset(&mut self, ty: Ty, member: ast::ExprId) -> Option<(ExprId, Ty)> {
        if let Some((offset, ty)) = self.member_offset(ty, member) {
            return Some((self.int(offset as i64, self.ty.long), ty));
        }
        if !self.enter() {
            self.leave();
            return None;
        }
        let long = self.ty.long;
        let found = match self.ast.exprs[member.index()].kind {
            A::Member { base, name, .. } => self.path_offset(ty, base).and_then(|(at, inner)| {
                let (offset, ty) = self.field_offset(inner, name)?;
                let offset = self.int(offset as i64, long);
                Some((self.binary(BinOp::Add, at, offset), ty))
            }),
            A::Index(base, index) => self.path_offset(ty, base).and_then(|(at, inner)| {
                let of = self.pointee(inner);
                let size = self.front.size_of(of)?;
                let (index, size) = (self.value(index), self.int(size as i64, long));
                let index = self.cast(index, long);
                let step = self.binary(BinOp::Mul, index, size);
                Some((self.binary(BinOp::Add, at, step), of))
            }),
            _ => None,
        };
        self.leave();
        found
    }

    pub(crate) fn field_offset(&mut self, ty: Ty, name: Symbol) -> Option<(u64, Ty)> {
        let Kind::Record(record) = self.kind(ty) else { return None };
        self.front.field_offset(record, name)
    }

    /// The value of a constant expression; `None` if it is not constant.
    pub fn const_value(&mut self, e: ast::ExprId) -> Option<i64> {
        if self.flags(e) & EFFECT != 0 {
            return None;
        }
        let value = self.value(e);
        self.constant(value)
    }
}
