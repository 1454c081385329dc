//! The questions that lowering asks of the front end, in one place.

use crate::fold::IntType;
use crate::lower::Lower;
use cuthere_base::{FileId, Symbol};
use cuthere_cfront::ast::{ExprId, TagKind, TypeId};
use cuthere_cfront::layout;
use cuthere_cfront::program::Program;
use cuthere_cfront::resolve::{self, ExprTyper, Ordinary, TypeMemo};
use cuthere_cfront::types::{Field, RecordId, Ty, TyKind};

/// A type's outermost layer, small enough to copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Unknown,
    Void,
    Int(IntType),
    Bool,
    Float,
    Pointer(Ty),
    Array(Ty, Option<u64>),
    /// What it returns.
    Function(Ty),
    Record(RecordId),
    Builtin,
}

/// What an ordinary name stands for at file level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    Unknown,
    Variable(Ty),
    Function { ty: Ty, noreturn: bool },
    Enumerator(i64),
    Typedef(Ty),
}

/// Program and file.
#[derive(Clone, Copy)]
pub(crate) struct Front<'a> {
    pub program: &'a Program<'a>,
    pub file: FileId,
}

impl<'a> Front<'a> {
    pub fn kind(self, ty: Ty) -> Kind {
        match *self.program.types.kind(ty) {
            TyKind::Unknown => Kind::Unknown,
            TyKind::Void => Kind::Void,
            TyKind::Bool => Kind::Bool,
            TyKind::Int { size, signed, .. } => Kind::Int(IntType { size, signed }),
            TyKind::Float { .. } => Kind::Float,
            TyKind::Pointer { to, .. } => Kind::Pointer(to),
            TyKind::Array { of, len } => Kind::Array(of, len),
            TyKind::Function { ret, .. } => Kind::Function(ret),
            TyKind::Record(record) => Kind::Record(record),
            TyKind::Enum(_) => Kind::Int(IntType { size: 4, signed: false }),
            TyKind::Builtin(_) => Kind::Builtin,
        }
    }

    pub fn int(self, size: u8, signed: bool) -> Ty {
        self.program.types.int(size, signed)
    }

    pub fn float(self, size: u8) -> Ty {
        self.program.types.intern(TyKind::Float { size })
    }

    pub fn void(self) -> Ty {
        self.program.types.void()
    }

    pub fn pointer_to(self, ty: Ty) -> Ty {
        self.program.types.pointer_to(ty)
    }

    pub fn array_of(self, ty: Ty, len: Option<u64>) -> Ty {
        self.program.types.array_of(ty, len)
    }

    pub fn size_of(self, ty: Ty) -> Option<u64> {
        match self.kind(ty) {
            Kind::Unknown | Kind::Builtin => None,
            Kind::Void | Kind::Function(_) => Some(1),
            _ => layout::size_of(self.program, ty),
        }
    }

    pub fn align_of(self, ty: Ty) -> Option<u64> {
        layout::align_of(self.program, ty)
    }

    /// The record that declares the member (the named record around anonymous ones) and its type.
    pub fn find_field(self, record: RecordId, name: Symbol) -> Option<(RecordId, Ty)> {
        resolve::find_field(self.program, record, name).map(|f| (f.record, f.ty))
    }

    pub fn field_offset(self, record: RecordId, name: Symbol) -> Option<(u64, Ty)> {
        let ty = self.find_field(record, name)?.1;
        Some((layout::field_offset(self.program, record, name)?, ty))
    }

    pub fn members(self, record: RecordId) -> &'a [Field] {
        &resolve::record(self.program, record).fields
    }

    pub fn is_union(self, record: RecordId) -> bool {
        resolve::record(self.program, record).kind == TagKind::Union
    }

    /// Which of the record's own members is the named one or holds it.
    pub fn member_position(self, record: RecordId, name: Symbol) -> Option<usize> {
        resolve::find_field(self.program, record, name)?.path.first().map(|&at| at as usize)
    }

    pub fn name(self, name: Symbol) -> Name {
        match resolve::ordinary(self.program, self.file, name) {
            None => Name::Unknown,
            Some(Ordinary::Variable { ty, .. }) => Name::Variable(ty),
            Some(Ordinary::Function { ty, noreturn, .. }) => Name::Function { ty, noreturn },
            Some(Ordinary::Enumerator(value)) => Name::Enumerator(value),
            Some(Ordinary::Typedef(ty)) => Name::Typedef(ty),
        }
    }

    /// The annotations of the function's visible declaration.
    pub fn annotations(self, name: Symbol) -> std::sync::Arc<[Symbol]> {
        match resolve::ordinary(self.program, self.file, name) {
            Some(Ordinary::Function { annotations, .. }) => annotations,
            _ => std::sync::Arc::default(),
        }
    }
}

impl ExprTyper for Lower<'_> {
    fn type_of(&mut self, expr: ExprId) -> Ty {
        Lower::type_of(self, expr)
    }

    fn const_value(&mut self, expr: ExprId) -> Option<i64> {
        Lower::const_value(self, expr)
    }

    fn memo(&mut self) -> &mut TypeMemo {
        &mut self.s.memo
    }
}

impl Lower<'_> {
    pub fn resolve_written(&mut self, id: TypeId) -> Ty {
        let (program, file, ast) = (self.front.program, self.front.file, self.ast);
        resolve::resolve_type(program, file, ast, id, self)
    }
}
