//! What variables at file level start with: above all which function each member of an operations table points to.
//!
//! Values are constants or addresses; what is neither is [`ConstValue::Unknown`], never left out. Members without an initialiser are zero
//! and have no entry.

use crate::func::*;
use crate::init::InitSink;
use crate::lower::{Lower, LowerCx, LowerScratch};
use cuthere_base::{FileId, Loc, Symbol};
use cuthere_cfront::ast::{self, Ast};
use cuthere_cfront::types::{RecordId, Ty};

/// One step into an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PathStep {
    /// A member, with the record that declares it if known.
    Field { record: Option<RecordId>, name: Symbol },
    /// Elements of an array, both ends inclusive.
    Index { lo: u64, hi: u64 },
}

/// A constant initialiser.
#[derive(Clone, PartialEq, Debug)]
pub enum ConstValue {
    Int(i64),
    /// The bits of the number, as a `double` holds it.
    Float(u64),
    Function(Symbol),
    /// The address of a variable at file level, or of a part of it. A `static` local is named like one.
    Address {
        symbol: Symbol,
        path: Box<[PathStep]>,
    },
    Str(Symbol),
    /// The address of, or a copy of, an unnamed object `(type){ … }` with these entries.
    Compound {
        ty: Ty,
        entries: Box<[InitEntry]>,
    },
    Unknown,
}

/// One initialised scalar (or whole object given by one expression).
#[derive(Clone, PartialEq, Debug)]
pub struct InitEntry {
    /// From the variable to the part.
    pub path: Box<[PathStep]>,
    /// The part's type.
    pub ty: Ty,
    pub value: ConstValue,
    pub loc: Loc,
}

impl InitEntry {
    /// The member that the value is stored in: the innermost record and its field. Indirect calls are resolved by this pair.
    pub fn slot(&self) -> Option<(RecordId, Symbol)> {
        self.path.iter().rev().find_map(|step| match *step {
            PathStep::Field { record: Some(record), name } => Some((record, name)),
            _ => None,
        })
    }
}

/// A variable at file level.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct GlobalInit {
    pub name: Symbol,
    pub ty: Ty,
    pub file: FileId,
    pub loc: Loc,
    pub is_static: bool,
    /// Whether an initialiser is written; else the object is zero, or defined elsewhere if `is_extern`.
    pub initialised: bool,
    pub is_extern: bool,
    /// Each thread has one of its own.
    pub is_thread_local: bool,
    pub entries: Vec<InitEntry>,
}

/// The initial value of one declared variable; `None` for functions, typedefs and unnamed declarations.
pub fn lower_global(cx: &LowerCx<'_>, file: FileId, ast: &Ast, decl: ast::DeclId, scratch: &mut LowerScratch) -> Option<GlobalInit> {
    let mut lower = Lower::new(cx, file, ast, scratch);
    lower.global(file, decl)
}

/// The variables among these declarations.
pub(crate) fn lower_globals(
    cx: &LowerCx<'_>,
    file: FileId,
    ast: &Ast,
    decls: &[ast::DeclId],
    only: Option<Symbol>,
    scratch: &mut LowerScratch,
    out: &mut Vec<GlobalInit>,
) {
    if decls.is_empty() {
        return;
    }
    let mut lower = Lower::new(cx, file, ast, scratch);
    for &decl in decls {
        if only.is_none_or(|name| ast.decls[decl.index()].name == name) {
            out.extend(lower.global(file, decl));
        }
    }
}

#[derive(Default)]
struct Collect {
    entries: Vec<InitEntry>,
}

impl InitSink for Collect {
    fn leaf(&mut self, lower: &mut Lower<'_>, path: &[PathStep], ty: Ty, value: ast::ExprId) {
        let loc = lower.at_expr(value).loc;
        let mut constant = lower.const_initialiser(value);
        // A constant cannot read a variable: a bare name that nobody declares is a function, where one can stand.
        if constant == ConstValue::Unknown
            && let ast::ExprKind::Ident(name) = lower.ast.exprs[value.index()].kind
            && lower.lookup(name) == crate::scope::What::Unknown
            && lower.may_be_function(ty, name)
        {
            constant = ConstValue::Function(name);
        }
        self.entries.push(InitEntry { path: path.into(), ty, value: constant, loc });
    }
}

impl Lower<'_> {
    fn global(&mut self, file: FileId, id: ast::DeclId) -> Option<GlobalInit> {
        let decl = self.ast.decls[id.index()];
        if decl.name.is_empty() || decl.storage.is_typedef {
            return None;
        }
        let mut ty = match self.auto_initialiser(decl.ty, decl.init) {
            Some(value) => {
                let ty = self.type_of(value);
                self.decay(ty)
            }
            None => self.resolve(decl.ty),
        };
        // Everyone else's view of the variable, so that a record written in its declaration is one record.
        if let crate::front::Name::Variable(known) = self.global_name(decl.name)
            && known != Ty(0)
            && self.own_variable(decl.name)
        {
            ty = known;
        }
        if let crate::front::Kind::Function(_) = self.kind(ty) {
            return None;
        }
        let mut entries = Vec::new();
        if let Some(init) = decl.init {
            ty = self.complete_array(ty, init);
            entries = self.entries(ty, init);
        }
        Some(GlobalInit {
            name: decl.name,
            ty,
            file,
            loc: decl.loc,
            is_static: decl.storage.is_static,
            initialised: decl.init.is_some(),
            is_extern: decl.storage.is_extern,
            is_thread_local: decl.storage.is_thread_local,
            entries,
        })
    }

    /// Whether a function of this name may be stored in such a member. Names in capitals are macros that were not found.
    fn may_be_function(&self, ty: Ty, name: Symbol) -> bool {
        match self.kind(ty) {
            crate::front::Kind::Pointer(to) => matches!(self.kind(to), crate::front::Kind::Function(_)),
            crate::front::Kind::Unknown => name.as_str().bytes().any(|b| b.is_ascii_lowercase()),
            _ => false,
        }
    }

    fn own_variable(&self, name: Symbol) -> bool {
        let (program, file) = (self.front.program, self.front.file);
        program.lookup(file, cuthere_cfront::program::NameSpace::Ordinary, name).is_some_and(|item| item.file == file)
    }

    /// The entries of an initialiser. Nothing is emitted: constants have no operations.
    pub fn entries(&mut self, ty: Ty, init: ast::InitId) -> Vec<InitEntry> {
        let cur = self.cur.take();
        let mut collect = Collect::default();
        self.walk_init(ty, init, &mut collect);
        self.cur = cur;
        collect.entries
    }

    fn const_initialiser(&mut self, e: ast::ExprId) -> ConstValue {
        if !self.enter() {
            self.leave();
            return ConstValue::Unknown;
        }
        let value = self.const_initialiser_inner(e);
        self.leave();
        value
    }

    fn const_initialiser_inner(&mut self, e: ast::ExprId) -> ConstValue {
        match self.ast.exprs[e.index()].kind {
            ast::ExprKind::Unary(UnOp::Addr, inner) => {
                if let ast::ExprKind::Compound(..) = self.ast.exprs[inner.index()].kind {
                    return self.const_initialiser(inner);
                }
            }
            ast::ExprKind::Compound(ty, init) => {
                let ty = self.resolve(ty);
                let ty = self.complete_array(ty, init);
                let entries = self.entries(ty, init).into_boxed_slice();
                return ConstValue::Compound { ty, entries };
            }
            ast::ExprKind::Cast(_, inner) => {
                if let ast::ExprKind::Unary(UnOp::Addr, _) | ast::ExprKind::Compound(..) = self.ast.exprs[inner.index()].kind {
                    return self.const_initialiser(inner);
                }
            }
            _ => {}
        }
        // Large tables would keep a node per value: they are dropped at once.
        let (exprs, args) = (self.s.exprs.len(), self.s.args.len());
        let value = self.value(e);
        let constant = self.constant_of(value);
        if args == self.s.args.len() && self.cur.is_none() && self.f.blocks.is_empty() && self.s.blocks.is_empty() {
            self.s.exprs.truncate(exprs);
        }
        constant
    }

    fn constant_of(&self, value: ExprId) -> ConstValue {
        if self.kind(self.type_of_node(value)) == crate::front::Kind::Float {
            return self.float_constant(value, 64).map_or(ConstValue::Unknown, |v| ConstValue::Float(v.to_bits()));
        }
        let mut value = value;
        let mut offset = None;
        for _ in 0..64 {
            match self.kind_of(value) {
                ExprKind::Int(value) => return ConstValue::Int(value),
                ExprKind::Function(name) => return ConstValue::Function(name),
                ExprKind::Str(text) => return ConstValue::Str(text),
                ExprKind::Cast(inner) => value = inner,
                ExprKind::Binary(BinOp::Add, pointer, index) if offset.is_none() => match self.constant(index) {
                    Some(index) if index >= 0 => {
                        offset = Some(index as u64);
                        value = pointer;
                    }
                    _ => return ConstValue::Unknown,
                },
                ExprKind::Addr(place) => return self.address_constant(place, offset),
                _ => return ConstValue::Unknown,
            }
        }
        ConstValue::Unknown
    }

    fn float_constant(&self, value: ExprId, fuel: u32) -> Option<f64> {
        let fuel = fuel.checked_sub(1)?;
        Some(match self.kind_of(value) {
            ExprKind::Float(bits) => f64::from_bits(bits),
            ExprKind::Int(value) => value as f64,
            ExprKind::Unary(UnOp::Neg, inner) => -self.float_constant(inner, fuel)?,
            ExprKind::Unary(UnOp::Plus, inner) => self.float_constant(inner, fuel)?,
            ExprKind::Cast(inner) => self.float_constant(inner, fuel)?,
            ExprKind::Binary(op, l, r) => {
                let (l, r) = (self.float_constant(l, fuel)?, self.float_constant(r, fuel)?);
                match op {
                    BinOp::Add => l + r,
                    BinOp::Sub => l - r,
                    BinOp::Mul => l * r,
                    BinOp::Div => l / r,
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    fn address_constant(&self, place: ExprId, offset: Option<u64>) -> ConstValue {
        let mut path = Vec::new();
        if let Some(at) = offset {
            path.push(PathStep::Index { lo: at, hi: at });
        }
        let mut place = place;
        for _ in 0..64 {
            match self.kind_of(place) {
                ExprKind::Field { base, record, name } => {
                    path.push(PathStep::Field { record, name });
                    place = base;
                }
                ExprKind::Index { base, index } => {
                    let Some(at) = self.constant(index).and_then(|i| u64::try_from(i).ok()) else { return ConstValue::Unknown };
                    path.push(PathStep::Index { lo: at, hi: at });
                    place = base;
                }
                ExprKind::Global(symbol) => {
                    path.reverse();
                    return ConstValue::Address { symbol, path: path.into_boxed_slice() };
                }
                ExprKind::Local(local) => {
                    path.reverse();
                    let symbol = self.s.locals.get(local.index()).map_or(Symbol::EMPTY, |l| l.name);
                    return ConstValue::Address { symbol, path: path.into_boxed_slice() };
                }
                _ => return ConstValue::Unknown,
            }
        }
        ConstValue::Unknown
    }
}
