//! Types of expressions, without evaluating anything: what `typeof` and `sizeof` need.
//!
//! Local names are those entered with [`Typer::declare`]; all others are looked up at file level.

use crate::ast::{self, Ast, BinOp, Decl, ExprId, ExprKind, Init, InitId, List, StmtId, StmtKind, TypeId, UnOp};
use crate::consteval;
use crate::program::Program;
use crate::resolve::{self, ExprTyper, Ordinary, TypeMemo, decayed, find_field, ordinary};
use crate::types::{Ty, TyKind};
use cuthere_base::{FileId, Symbol};

/// Types the expressions of one tree in one file.
pub struct Typer<'a, 's> {
    pub program: &'a Program<'s>,
    pub file: FileId,
    pub ast: &'a Ast,
    memo: TypeMemo,
    locals: Vec<(Symbol, Ty)>,
    pub(crate) depth: u32,
}

/// As deep as expressions may be high, and statement expressions nested in them.
const MAX_DEPTH: u32 = 1200;

impl ExprTyper for Typer<'_, '_> {
    fn type_of(&mut self, expr: ExprId) -> Ty {
        self.expr_type(expr)
    }
    fn const_value(&mut self, expr: ExprId) -> Option<i64> {
        consteval::eval(self, expr).map(|c| c.value)
    }
    fn memo(&mut self) -> &mut TypeMemo {
        &mut self.memo
    }
}

impl<'a, 's> Typer<'a, 's> {
    /// For a function body.
    pub fn new(program: &'a Program<'s>, file: FileId, ast: &'a Ast) -> Self {
        Typer { program, file, ast, memo: TypeMemo::new(), locals: Vec::new(), depth: 0 }
    }

    /// For items at file level.
    pub(crate) fn for_items(program: &'a Program<'s>, file: FileId, ast: &'a Ast) -> Self {
        Typer { program, file, ast, memo: TypeMemo::for_items(), locals: Vec::new(), depth: 0 }
    }

    /// Enters a local name; it hides earlier ones.
    pub fn declare(&mut self, name: Symbol, ty: Ty) {
        self.locals.push((name, ty));
    }

    /// How many names are entered, for [`Self::forget`].
    pub fn mark(&self) -> usize {
        self.locals.len()
    }

    /// Drops the names entered since the mark.
    pub fn forget(&mut self, mark: usize) {
        self.locals.truncate(mark);
    }

    pub fn resolve(&mut self, ty: TypeId) -> Ty {
        resolve::resolve_type(self.program, self.file, self.ast, ty, self)
    }

    /// The type of a declared name; `__auto_type` takes it from the initialiser.
    pub fn declared_type(&mut self, decl: &Decl) -> Ty {
        if matches!(self.ast.types.get(decl.ty.index()), Some(ast::TypeNode::AutoType)) {
            let init = decl.init.and_then(|i| self.ast.inits.get(i.index()));
            return match init {
                Some(&Init::Expr(e)) => {
                    let ty = self.expr_type(e);
                    decayed(self.program, ty)
                }
                _ => Ty::UNKNOWN,
            };
        }
        self.resolve(decl.ty)
    }

    /// How many elements an array gets from its initialiser.
    pub fn initialiser_len(&mut self, init: InitId) -> Option<u64> {
        match *self.ast.inits.get(init.index())? {
            Init::Expr(e) => match self.ast.exprs.get(e.index())?.kind {
                ExprKind::Str(text) => Some(text.as_str().len() as u64 + 1),
                _ => None,
            },
            Init::Brace { items, .. } => {
                let (mut next, mut len) = (0u64, 0u64);
                for &item in self.ast.list(items) {
                    if let Some(&Init::Item { path, .. }) = self.ast.inits.get(item as usize)
                        && let Some(&Init::At(lo, hi)) = self.ast.list(path).first().and_then(|&d| self.ast.inits.get(d as usize))
                    {
                        next = u64::try_from(self.const_value(hi.unwrap_or(lo))?).ok()?;
                    }
                    next = next.checked_add(1)?;
                    len = len.max(next);
                }
                Some(len)
            }
            _ => None,
        }
    }

    fn int(&self) -> Ty {
        self.program.types.int(4, true)
    }

    fn ulong(&self) -> Ty {
        self.program.types.int(8, false)
    }

    /// The type of an expression; `Ty::UNKNOWN` if it depends on something unknown. Arrays and functions do not decay.
    pub fn expr_type(&mut self, expr: ExprId) -> Ty {
        if self.depth >= MAX_DEPTH {
            return Ty::UNKNOWN;
        }
        self.depth += 1;
        let ty = self.expr_type_inner(expr);
        self.depth -= 1;
        ty
    }

    /// The type of a name.
    pub fn name_type(&self, name: Symbol) -> Ty {
        if let Some(&(_, ty)) = self.locals.iter().rev().find(|l| l.0 == name) {
            return ty;
        }
        if self.memo.enumerators.contains_key(&name) {
            return self.int();
        }
        match ordinary(self.program, self.file, name) {
            Some(Ordinary::Variable { ty, .. } | Ordinary::Function { ty, .. }) => ty,
            Some(Ordinary::Enumerator(_)) => self.int(),
            Some(Ordinary::Typedef(_)) => Ty::UNKNOWN,
            None => match name.as_str() {
                "__func__" | "__FUNCTION__" | "__PRETTY_FUNCTION__" => self.program.types.pointer_to(self.program.types.int(1, true)),
                _ => Ty::UNKNOWN,
            },
        }
    }

    fn value_type(&mut self, expr: ExprId) -> Ty {
        let ty = self.expr_type(expr);
        decayed(self.program, ty)
    }

    fn expr_type_inner(&mut self, expr: ExprId) -> Ty {
        let Some(node) = self.ast.exprs.get(expr.index()) else { return Ty::UNKNOWN };
        let types = &self.program.types;
        match node.kind {
            ExprKind::Int { unsigned, long, .. } => types.int(if long > 0 { 8 } else { 4 }, !unsigned),
            ExprKind::Float { size, .. } => types.intern(TyKind::Float { size }),
            ExprKind::Str(text) => types.array_of(types.int(1, true), Some(text.as_str().len() as u64 + 1)),
            ExprKind::Ident(name) => self.name_type(name),
            ExprKind::Unary(op, e) => match op {
                UnOp::Deref => {
                    let ty = self.expr_type(e);
                    match types.kind(ty) {
                        TyKind::Function { .. } => ty,
                        _ => types.pointee(ty).unwrap_or_default(),
                    }
                }
                UnOp::Addr => {
                    let ty = self.expr_type(e);
                    types.pointer_to(ty)
                }
                UnOp::Not => self.int(),
                UnOp::Neg | UnOp::Plus | UnOp::BitNot => {
                    let ty = self.value_type(e);
                    promoted(self.program, ty)
                }
                UnOp::PreInc | UnOp::PreDec | UnOp::PostInc | UnOp::PostDec => self.value_type(e),
                UnOp::AddrLabel => types.pointer_to(types.void()),
            },
            ExprKind::Binary(op, a, b) => match op {
                BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge | BinOp::Eq | BinOp::Ne | BinOp::LogAnd | BinOp::LogOr => self.int(),
                BinOp::Shl | BinOp::Shr => {
                    let ty = self.value_type(a);
                    promoted(self.program, ty)
                }
                _ => {
                    let left = self.value_type(a);
                    let right = self.value_type(b);
                    match (types.pointee(left).is_some(), types.pointee(right).is_some(), op) {
                        (true, true, BinOp::Sub) => types.int(8, true),
                        (true, _, _) => left,
                        (_, true, _) => right,
                        _ => common(self.program, left, right),
                    }
                }
            },
            ExprKind::Assign(_, left, _) => self.value_type(left),
            ExprKind::Cond(cond, then, els) => {
                let left = self.value_type(then.unwrap_or(cond));
                let right = self.value_type(els);
                self.joined(left, right)
            }
            ExprKind::Comma(_, right) => self.value_type(right),
            ExprKind::Call { callee, args } => self.call_type(callee, args),
            ExprKind::Member { base, name, arrow } => {
                let mut ty = self.expr_type(base);
                if arrow {
                    ty = types.pointee(ty).unwrap_or_default();
                }
                match *types.kind(ty) {
                    TyKind::Record(record) => find_field(self.program, record, name).map_or(Ty::UNKNOWN, |f| f.ty),
                    _ => Ty::UNKNOWN,
                }
            }
            ExprKind::Index(base, index) => {
                let ty = self.expr_type(base);
                match types.pointee(ty) {
                    Some(to) => to,
                    None => {
                        let ty = self.expr_type(index);
                        types.pointee(ty).unwrap_or_default()
                    }
                }
            }
            ExprKind::Cast(ty, _) | ExprKind::Compound(ty, _) | ExprKind::VaArg(_, ty) | ExprKind::TypeArg(ty) => self.resolve(ty),
            ExprKind::SizeofType(_) | ExprKind::SizeofExpr(_) | ExprKind::AlignofType(_) | ExprKind::AlignofExpr(_) => self.ulong(),
            ExprKind::Offsetof(..) => self.ulong(),
            ExprKind::StmtExpr(block) => self.block_type(block),
            ExprKind::LabelAddr(_) => types.pointer_to(types.void()),
            ExprKind::TypesCompatible(..) => self.int(),
            ExprKind::Generic(value, arms) => match self.generic_arm(value, arms) {
                Some(arm) => self.expr_type(arm),
                None => Ty::UNKNOWN,
            },
            ExprKind::BraceArg(_) | ExprKind::Gap(_) => Ty::UNKNOWN,
        }
    }

    /// The arm of `_Generic` that the type of `value` chooses.
    pub fn generic_arm(&mut self, value: ExprId, arms: List) -> Option<ExprId> {
        let ty = self.value_type(value);
        let mut default = None;
        for pair in self.ast.list(arms).chunks_exact(2) {
            if pair[0] == u32::MAX {
                default = Some(ExprId(pair[1]));
            } else if ty != Ty::UNKNOWN && self.resolve(TypeId(pair[0])) == ty {
                return Some(ExprId(pair[1]));
            }
        }
        default
    }

    fn joined(&self, left: Ty, right: Ty) -> Ty {
        let types = &self.program.types;
        if left == right {
            return left;
        }
        match (types.kind(left), types.kind(right)) {
            // `cond ? p : NULL`.
            (TyKind::Pointer { to, .. }, TyKind::Pointer { .. }) if *types.kind(*to) == TyKind::Void => right,
            (TyKind::Pointer { .. }, _) => left,
            (_, TyKind::Pointer { .. }) => right,
            (TyKind::Unknown, _) => right,
            (_, TyKind::Unknown) => left,
            (TyKind::Record(_) | TyKind::Void, _) => left,
            (_, TyKind::Void) => right,
            _ => common(self.program, left, right),
        }
    }

    fn call_type(&mut self, callee: ExprId, args: List) -> Ty {
        let types = &self.program.types;
        if let Some(ExprKind::Ident(name)) = self.ast.exprs.get(callee.index()).map(|e| e.kind) {
            let text = name.as_str();
            if text.starts_with("__builtin_") {
                let arg = |at: usize| self.ast.list(args).get(at).copied().map(ExprId);
                match text {
                    "__builtin_choose_expr" => {
                        let (Some(cond), Some(then), Some(els)) = (arg(0), arg(1), arg(2)) else { return Ty::UNKNOWN };
                        return match self.const_value(cond) {
                            Some(0) => self.expr_type(els),
                            Some(_) => self.expr_type(then),
                            None => Ty::UNKNOWN,
                        };
                    }
                    "__builtin_expect" | "__builtin_expect_with_probability" => return types.int(8, true),
                    "__builtin_object_size" | "__builtin_dynamic_object_size" | "__builtin_strlen" => return self.ulong(),
                    "__builtin_memcpy"
                    | "__builtin_memset"
                    | "__builtin_memmove"
                    | "__builtin_alloca"
                    | "__builtin_return_address"
                    | "__builtin_frame_address" => {
                        return types.pointer_to(types.void());
                    }
                    "__builtin_bswap64" => return self.ulong(),
                    "__builtin_bswap32" => return types.int(4, false),
                    "__builtin_bswap16" => return types.int(2, false),
                    "__builtin_unreachable" | "__builtin_trap" | "__builtin_va_start" | "__builtin_va_end" | "__builtin_va_copy" => {
                        return types.void();
                    }
                    _ if ordinary(self.program, self.file, name).is_none() => return self.int(),
                    _ => {}
                }
            }
        }
        let mut ty = self.expr_type(callee);
        if let TyKind::Pointer { to, .. } = *types.kind(ty) {
            ty = to;
        }
        match *types.kind(ty) {
            TyKind::Function { ret, .. } => ret,
            _ => Ty::UNKNOWN,
        }
    }

    /// The type of `({ … })`: that of the last statement, if it is an expression.
    fn block_type(&mut self, block: StmtId) -> Ty {
        let ast = self.ast;
        let Some(StmtKind::Block { body, .. }) = ast.stmts.get(block.index()).map(|s| s.kind) else { return Ty::UNKNOWN };
        let mark = self.mark();
        let mut last = None;
        for &stmt in ast.list(body) {
            let mut kind = ast.stmts.get(stmt as usize).map(|s| s.kind);
            while let Some(StmtKind::Label { body, .. }) = kind {
                kind = ast.stmts.get(body.index()).map(|s| s.kind);
            }
            last = None;
            match kind {
                Some(StmtKind::Decl(decls)) => {
                    for &decl in ast.list(decls) {
                        let Some(decl) = ast.decls.get(decl as usize) else { continue };
                        let ty = self.declared_type(decl);
                        if decl.storage.is_typedef {
                            self.memo.typedefs.insert(decl.name, ty);
                        } else {
                            self.declare(decl.name, ty);
                        }
                    }
                }
                Some(StmtKind::Expr(e)) => last = Some(e),
                _ => {}
            }
        }
        let ty = match last {
            Some(e) => self.value_type(e),
            None => self.program.types.void(),
        };
        self.forget(mark);
        ty
    }
}

/// Integer promotion.
pub fn promoted(program: &Program<'_>, ty: Ty) -> Ty {
    match *program.types.kind(ty) {
        TyKind::Bool | TyKind::Enum(_) => program.types.int(4, true),
        TyKind::Int { size, .. } if size < 4 => program.types.int(4, true),
        // Qualifiers belong to objects, not to their values.
        TyKind::Int { size, signed, atomic: true } => program.types.int(size, signed),
        _ => ty,
    }
}

/// The usual arithmetic conversions.
pub fn common(program: &Program<'_>, left: Ty, right: Ty) -> Ty {
    let types = &program.types;
    let (left, right) = (promoted(program, left), promoted(program, right));
    match (types.kind(left), types.kind(right)) {
        (&TyKind::Float { size: a }, &TyKind::Float { size: b }) => types.intern(TyKind::Float { size: a.max(b) }),
        (TyKind::Float { .. }, _) => left,
        (_, TyKind::Float { .. }) => right,
        (&TyKind::Int { size: a, signed: s, .. }, &TyKind::Int { size: b, signed: t, .. }) => match a.cmp(&b) {
            std::cmp::Ordering::Greater => left,
            std::cmp::Ordering::Less => right,
            std::cmp::Ordering::Equal => types.int(a, s && t),
        },
        _ => Ty::UNKNOWN,
    }
}
