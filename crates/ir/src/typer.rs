//! Types of expressions without lowering them: for `sizeof`, `typeof`, `__auto_type` and `_Generic`.
//!
//! Remembered per node, so that nested `typeof`s of expanded macros cost once.

use crate::builtins::{Builtin, builtin};
use crate::front::Kind;
use crate::func::*;
use crate::lower::Lower;
use crate::scope::What;
use cuthere_cfront::ast::{self, ExprKind as A, StmtKind as S};
use cuthere_cfront::types::Ty;

impl Lower<'_> {
    /// The type of an expression before decay; `Ty(0)` if it is not known.
    pub fn type_of(&mut self, e: ast::ExprId) -> Ty {
        if let Some(&known) = self.s.expr_types.get(e.index())
            && known != u32::MAX
        {
            return Ty(known);
        }
        let ty = if self.enter() { self.type_of_inner(e) } else { Ty(0) };
        self.leave();
        if let Some(slot) = self.s.expr_types.get_mut(e.index()) {
            *slot = ty.0;
        }
        ty
    }

    /// A type as written.
    pub fn resolve(&mut self, id: ast::TypeId) -> Ty {
        if let Some(&known) = self.s.type_types.get(id.index())
            && known != u32::MAX
        {
            return Ty(known);
        }
        let ty = if self.enter() { self.resolve_written(id) } else { Ty(0) };
        self.leave();
        if let Some(slot) = self.s.type_types.get_mut(id.index()) {
            *slot = ty.0;
        }
        ty
    }

    fn type_of_inner(&mut self, e: ast::ExprId) -> Ty {
        match self.ast.exprs[e.index()].kind {
            A::Int { unsigned, long, .. } => self.literal_type(unsigned, long),
            A::Float { size, .. } => self.front.float(size),
            A::Str(text) => self.front.array_of(self.ty.char, Some(text.as_str().len() as u64 + 1)),
            A::Ident(name) => match self.lookup(name) {
                What::Local(local) => self.s.locals.get(local.index()).map_or(Ty(0), |l| l.ty),
                What::Global(ty) | What::Typed(ty) | What::Typedef(ty) | What::Function { ty, .. } => ty,
                What::Enumerator(_) => self.ty.int,
                What::Unknown if crate::builtins::known().func.contains(&name) => self.ty.char_ptr,
                What::Unknown if self.cx.program.shapes.constants.contains_key(&name) => self.ty.int,
                What::Unknown => Ty(0),
            },
            A::Unary(op, inner) => {
                let ty = self.type_of(inner);
                match op {
                    UnOp::Deref => match self.kind(ty) {
                        Kind::Function(_) => ty,
                        _ => self.pointee(ty),
                    },
                    UnOp::Addr if ty == Ty(0) => ty,
                    UnOp::Addr => self.front.pointer_to(ty),
                    UnOp::Not => self.ty.int,
                    UnOp::AddrLabel => self.ty.void_ptr,
                    UnOp::Neg | UnOp::Plus | UnOp::BitNot => match self.int_type(ty) {
                        Some(int) => self.int_ty(int.promote()),
                        None => ty,
                    },
                    UnOp::PreInc | UnOp::PreDec | UnOp::PostInc | UnOp::PostDec => ty,
                }
            }
            A::Binary(op, l, r) => self.binary_type(op, l, r),
            A::Assign(_, l, _) => self.type_of(l),
            A::Cond(c, t, els) => {
                let t = self.type_of(t.unwrap_or(c));
                let els_ty = self.type_of(els);
                // `c ? p : NULL` has the type of `p`; so does the kernel's test for constant expressions, which is 1 for none here.
                let (t, els_ty) = (self.decay(t), self.decay(els_ty));
                self.merge_types(t, els_ty)
            }
            A::Comma(_, r) => self.type_of(r),
            A::Call { callee, args } => self.call_type(callee, args),
            A::Member { base, name, arrow } => {
                let mut ty = self.type_of(base);
                if arrow {
                    ty = self.pointee(ty);
                }
                match self.kind(ty) {
                    Kind::Record(record) => self.find_field(record, name).map_or(Ty(0), |f| f.1),
                    _ => Ty(0),
                }
            }
            A::Index(array, index) => {
                let ty = self.type_of(array);
                if self.is_pointer(ty) || ty == Ty(0) {
                    return self.pointee(ty);
                }
                let ty = self.type_of(index);
                self.pointee(ty)
            }
            A::Cast(ty, _) | A::VaArg(_, ty) | A::TypeArg(ty) => self.resolve(ty),
            A::Compound(ty, init) => {
                let ty = self.resolve(ty);
                self.complete_array(ty, init)
            }
            A::SizeofType(_) | A::SizeofExpr(_) | A::AlignofType(_) | A::AlignofExpr(_) | A::Offsetof(..) => self.ty.ulong,
            A::StmtExpr(body) => self.stmt_expr_type(body),
            A::LabelAddr(_) => self.ty.void_ptr,
            A::TypesCompatible(..) => self.ty.int,
            A::Generic(..) => match self.generic_arm(e) {
                Some(arm) => self.type_of(arm),
                None => Ty(0),
            },
            A::BraceArg(_) | A::Gap(_) => Ty(0),
        }
    }

    fn binary_type(&mut self, op: BinOp, l: ast::ExprId, r: ast::ExprId) -> Ty {
        match op {
            BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge | BinOp::Eq | BinOp::Ne | BinOp::LogAnd | BinOp::LogOr => return self.ty.int,
            _ => {}
        }
        let (lt, rt) = (self.type_of(l), self.type_of(r));
        let (lp, rp) = (self.is_pointer(lt), self.is_pointer(rt));
        match (lp, rp) {
            (true, true) => return self.ty.long,
            (true, false) => return self.decay(lt),
            (false, true) => return self.decay(rt),
            _ => {}
        }
        match (self.int_type(lt), self.int_type(rt)) {
            (Some(a), Some(_)) if matches!(op, BinOp::Shl | BinOp::Shr) => self.int_ty(a.promote()),
            (Some(a), Some(b)) => self.int_ty(a.common(b)),
            _ if lt == Ty(0) => rt,
            _ => lt,
        }
    }

    fn call_type(&mut self, callee: ast::ExprId, args: ast::List) -> Ty {
        let ids = self.ids(args);
        if let A::Ident(name) = self.ast.exprs[callee.index()].kind {
            match builtin(name) {
                Some(Builtin::Expect) => return ids.first().map_or(Ty(0), |&id| self.type_of(ast::ExprId(id))),
                Some(Builtin::Likely | Builtin::Unlikely | Builtin::ConstantP) => return self.ty.int,
                Some(Builtin::ChooseExpr) => {
                    let &[c, t, e] = ids else { return Ty(0) };
                    return match self.const_value(ast::ExprId(c)) {
                        Some(0) => self.type_of(ast::ExprId(e)),
                        Some(_) => self.type_of(ast::ExprId(t)),
                        None => Ty(0),
                    };
                }
                Some(Builtin::ObjectSize | Builtin::Offsetof) => return self.ty.ulong,
                _ => {}
            }
            if let Some(&positions) = self.cx.tables.container_of.get(&name)
                && let Some(&ty) = ids.get(positions.ty as usize)
            {
                let ty = self.type_argument(ast::ExprId(ty));
                return if ty == Ty(0) { ty } else { self.front.pointer_to(ty) };
            }
            let mut ty = match self.lookup(name) {
                What::Local(local) => self.s.locals.get(local.index()).map_or(Ty(0), |l| l.ty),
                What::Global(ty) | What::Typed(ty) | What::Function { ty, .. } => ty,
                _ => return self.model_result_type(name, ids),
            };
            if let Kind::Pointer(to) = self.kind(ty) {
                ty = to;
            }
            return match self.kind(ty) {
                Kind::Function(ret) if ret != Ty(0) => ret,
                _ => self.model_result_type(name, ids),
            };
        }
        let mut ty = self.type_of(callee);
        if let Kind::Pointer(to) = self.kind(ty) {
            ty = to;
        }
        if let Kind::Function(ret) = self.kind(ty) { ret } else { Ty(0) }
    }

    /// Declares what the block declares, types its last expression, and forgets the names.
    fn stmt_expr_type(&mut self, body: ast::StmtId) -> Ty {
        let S::Block { body, .. } = self.ast.stmts[body.index()].kind else { return Ty(0) };
        let ids = self.ids(body);
        let Some((&last, before)) = ids.split_last() else { return self.ty.void };
        let scope = self.s.scope.len();
        for &id in before {
            let S::Decl(decls) = self.ast.stmts[id as usize].kind else { continue };
            for &id in self.ids(decls) {
                let decl = self.ast.decls[id as usize];
                let ty = match self.auto_initialiser(decl.ty, decl.init) {
                    Some(value) => {
                        let ty = self.type_of(value);
                        self.decay(ty)
                    }
                    None => self.resolve(decl.ty),
                };
                let what = if decl.storage.is_typedef { What::Typedef(ty) } else { What::Typed(ty) };
                if decl.storage.is_typedef {
                    self.s.memo.typedefs.insert(decl.name, ty);
                }
                self.bind(decl.name, what);
            }
        }
        let mut last = ast::StmtId(last);
        while let S::Label { body, .. } = self.ast.stmts[last.index()].kind {
            last = body;
        }
        let ty = match self.ast.stmts[last.index()].kind {
            S::Expr(e) => self.type_of(e),
            _ => self.ty.void,
        };
        self.s.scope.truncate(scope);
        self.decay(ty)
    }

    /// The arm of a `_Generic` that its operand's type picks; the only one if all are the same type; none if the type is not known.
    pub fn generic_arm(&mut self, e: ast::ExprId) -> Option<ast::ExprId> {
        let A::Generic(operand, arms) = self.ast.exprs[e.index()].kind else { return None };
        let ty = self.type_of(operand);
        let ty = self.decay(ty);
        let mut default = None;
        for arm in self.ids(arms).chunks_exact(2) {
            if arm[0] == u32::MAX {
                default = Some(ast::ExprId(arm[1]));
            } else if ty != Ty(0) && self.resolve(ast::TypeId(arm[0])) == ty {
                return Some(ast::ExprId(arm[1]));
            }
        }
        default
    }
}
