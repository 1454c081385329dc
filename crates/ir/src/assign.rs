//! Assignments, increments, and expressions evaluated for their effect alone.

use crate::expr::Want;
use crate::flags::{DEREF, EFFECT};
use crate::front::Kind;
use crate::func::*;
use crate::lower::{At, Lower};
use crate::scope::What;
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A};
use cuthere_cfront::types::{Ty, TyKind};

impl Lower<'_> {
    /// `l = r` and `l op= r`; gives the value of `l` after it if wanted.
    pub fn assign(&mut self, op: Option<BinOp>, l: ast::ExprId, r: ast::ExprId, at: At, want: bool) -> ExprId {
        if op.is_none()
            && let Some(local) = self.plain_local(l)
        {
            let ty = self.s.locals.get(local.index()).map_or(Ty(0), |l| l.ty);
            let value = self.value_for(r, local, ty);
            if let Some(value) = value {
                let place = self.local_place(local);
                self.store(place, value, at);
            }
            return self.local_value(local);
        }
        let (place, value) = if self.flags(l) & EFFECT != 0 {
            let place = self.place(l);
            (place, self.value(r))
        } else {
            let value = self.value(r);
            (self.place(l), value)
        };
        let ty = self.type_of_node(place);
        if let Some(op) = op
            && let Some(old) = self.atomic(op, place, value, want, at)
        {
            return if want { self.binary(op, old, value) } else { old };
        }
        let mut value = match op {
            None => value,
            Some(op) => {
                let old = self.node(ExprKind::Load(place), ty);
                self.binary(op, old, value)
            }
        };
        if want && !self.simple(value) {
            value = self.spill(value, at);
        }
        self.store(place, value, at);
        value
    }

    /// The value to store into a local, or `None` if a call has put it there itself.
    pub fn value_for(&mut self, r: ast::ExprId, local: LocalId, ty: Ty) -> Option<ExprId> {
        let mut inner = r;
        while let A::Cast(to, operand) = self.ast.exprs[inner.index()].kind {
            let to = self.resolve(to);
            if !(self.is_pointer(to) && self.is_pointer(ty)) || operand >= inner {
                break;
            }
            inner = operand;
        }
        if let A::Call { callee, args } = self.ast.exprs[inner.index()].kind {
            let value = self.call(inner, callee, args, Want::Into(local));
            if matches!(self.kind_of(value), ExprKind::Load(place) if self.kind_of(place) == ExprKind::Local(local)) {
                return None;
            }
            return Some(if inner == r { value } else { self.cast(value, ty) });
        }
        Some(self.value(r))
    }

    /// A local of scalar or unknown type that the expression names.
    pub(crate) fn plain_local(&mut self, e: ast::ExprId) -> Option<LocalId> {
        let A::Ident(name) = self.ast.exprs[e.index()].kind else { return None };
        match self.lookup(name) {
            What::Local(local) => {
                let ty = self.s.locals.get(local.index())?.ty;
                (!matches!(self.kind(ty), Kind::Array(..))).then_some(local)
            }
            _ => None,
        }
    }

    /// A value that is as cheap as a name and does not change with memory.
    pub fn simple(&self, value: ExprId) -> bool {
        match self.kind_of(value) {
            ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Function(_) | ExprKind::Float(_) => true,
            ExprKind::Load(place) => {
                matches!(self.kind_of(place), ExprKind::Local(local) if self.s.locals.get(local.index()).is_some_and(|l| l.kind != LocalKind::Static))
            }
            ExprKind::Addr(place) => matches!(self.kind_of(place), ExprKind::Local(_) | ExprKind::Global(_)),
            _ => false,
        }
    }

    /// An operator that reads and writes an `_Atomic` object (C11 6.5.16.2) as the function that does the same. Gives the value before.
    fn atomic(&mut self, op: BinOp, place: ExprId, value: ExprId, want: bool, at: At) -> Option<ExprId> {
        let ty = self.type_of_node(place);
        let types = &self.front.program.types;
        let plain = match *types.kind(ty) {
            TyKind::Int { size, signed, atomic: true } => types.int(size, signed),
            TyKind::Pointer { to, space: ast::Space::Atomic } => types.pointer_to(to),
            _ => return None,
        };
        let name = match op {
            BinOp::Add => "atomic_fetch_add",
            BinOp::Sub => "atomic_fetch_sub",
            BinOp::And => "atomic_fetch_and",
            BinOp::Or => "atomic_fetch_or",
            BinOp::Xor => "atomic_fetch_xor",
            _ => return None,
        };
        let pointer = self.front.program.types.pointer_to(ty);
        let object = self.node(ExprKind::Addr(place), pointer);
        let how = if want { Want::Value } else { Want::Drop };
        Some(self.emit_call(Callee::Direct(Symbol::intern(name)), &[object, value], plain, how, at))
    }

    pub fn increment(&mut self, op: UnOp, e: ast::ExprId, at: At, want: bool) -> ExprId {
        let place = self.place(e);
        let ty = self.type_of_node(place);
        let post = matches!(op, UnOp::PostInc | UnOp::PostDec);
        let step = if matches!(op, UnOp::PreInc | UnOp::PostInc) { BinOp::Add } else { BinOp::Sub };
        let one = self.int(1, self.ty.int);
        if let Some(old) = self.atomic(step, place, one, want, at) {
            return if want && !post { self.binary(step, old, one) } else { old };
        }
        let mut old = self.node(ExprKind::Load(place), ty);
        if post && want {
            old = self.spill(old, at);
        }
        let mut new = self.binary(step, old, one);
        let is_local = matches!(self.kind_of(place), ExprKind::Local(_));
        if want && !post && !is_local {
            new = self.spill(new, at);
        }
        self.store(place, new, at);
        match (want, post) {
            (true, true) => old,
            (true, false) if is_local => self.load(place),
            _ => new,
        }
    }

    /// What stands before the last operand of a comma expression. Chains lean left and may be hundreds long: no recursion.
    pub(crate) fn effects_before(&mut self, e: ast::ExprId) {
        let mut parts: smallvec::SmallVec<[ast::ExprId; 8]> = smallvec::SmallVec::new();
        let mut left = e;
        let mut last = true;
        while let A::Comma(l, r) = self.ast.exprs[left.index()].kind {
            if !last {
                parts.push(r);
            }
            last = false;
            left = l;
        }
        parts.push(left);
        for &part in parts.iter().rev() {
            self.effect(part);
        }
    }

    /// The expression for its effect; its value is dropped.
    pub fn effect(&mut self, e: ast::ExprId) {
        if !self.enter() {
            self.leave();
            self.too_deep(e);
            return;
        }
        self.effect_inner(e);
        self.leave();
    }

    pub(crate) fn effect_inner(&mut self, e: ast::ExprId) {
        let at = self.at_expr(e);
        match self.ast.exprs[e.index()].kind {
            A::Call { callee, args } => {
                self.call(e, callee, args, Want::Drop);
            }
            A::Assign(op, l, r) => {
                self.assign(op, l, r, at, false);
            }
            A::Unary(op @ (UnOp::PreInc | UnOp::PreDec | UnOp::PostInc | UnOp::PostDec), inner) => {
                self.increment(op, inner, at, false);
            }
            A::Comma(_, r) => {
                self.effects_before(e);
                self.effect(r);
            }
            A::StmtExpr(body) => {
                self.stmt_expr(body, at, false);
            }
            A::Cast(_, inner) if self.flags(inner) & (EFFECT | DEREF) != 0 => self.effect(inner),
            A::Unary(UnOp::Not | UnOp::Neg | UnOp::Plus | UnOp::BitNot, inner) if self.flags(inner) & EFFECT != 0 => self.effect(inner),
            A::Cond(c, t, els) if (t.map_or(0, |t| self.flags(t)) | self.flags(els)) & EFFECT != 0 => {
                let (yes, no, done) = (self.new_block(), self.new_block(), self.new_block());
                self.branch(c, yes, no);
                self.start_wanted(yes);
                if let Some(t) = t
                    && self.cur.is_some()
                {
                    self.effect(t);
                }
                self.goto(done, at);
                self.start_wanted(no);
                if self.cur.is_some() {
                    self.effect(els);
                }
                self.goto(done, at);
                self.start_wanted(done);
            }
            A::Binary(op @ (BinOp::LogAnd | BinOp::LogOr), l, r) if self.flags(r) & (EFFECT | DEREF) != 0 => {
                let (more, done) = (self.new_block(), self.new_block());
                if op == BinOp::LogAnd {
                    self.branch(l, more, done);
                } else {
                    self.branch(l, done, more);
                }
                self.start_wanted(more);
                if self.cur.is_some() {
                    self.effect(r);
                }
                self.goto(done, at);
                self.start_wanted(done);
            }
            A::Binary(_, l, r) if (self.flags(l) | self.flags(r)) & EFFECT != 0 => {
                self.effect(l);
                self.effect(r);
            }
            A::Generic(..) => {
                if let Some(arm) = self.generic_arm(e) {
                    self.effect(arm);
                }
            }
            A::Gap(_) => self.parser_gap(e, at),
            A::Ident(name) if matches!(self.lookup(name), What::Global(_)) => {
                let value = self.value(e);
                self.op(OpKind::Eval(value), at);
            }
            A::Cast(_, inner) if self.flags(inner) & (EFFECT | DEREF) == 0 => self.effect(inner),
            // A statement that only reads: nobody needs the value, but others may see the read.
            A::Unary(..) | A::Binary(..) | A::Member { .. } | A::Index(..) | A::Cond(..) if self.flags(e) & (EFFECT | DEREF) == 0 => {
                let value = self.value(e);
                if self.reads_memory(value, 32) {
                    self.op(OpKind::Eval(value), at);
                }
            }
            _ if self.flags(e) & (EFFECT | DEREF) != 0 => {
                let value = self.value(e);
                if self.flags(e) & DEREF != 0 || matches!(self.kind_of(value), ExprKind::Load(_)) {
                    self.op(OpKind::Eval(value), at);
                }
            }
            _ => {}
        }
    }
}
