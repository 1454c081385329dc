//! Syntax trees of one declaration or one function body.
//!
//! An [`Ast`] is an arena: nodes are indices into its vectors, so one `Ast` can be cleared and reused for the next body without
//! allocating. A tree is always whole: what could not be parsed is [`StmtKind::Gap`] or [`ExprKind::Gap`] with its reason.

use crate::token::Token;
use cuthere_base::{Loc, Symbol};
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $($(#[$doc])* #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)] pub struct $name(pub u32);
        impl $name { /// The position in its vector.
            pub fn index(self) -> usize { self.0 as usize } })*
    };
}
ids! {
    /// An expression.
    ExprId,
    /// A statement.
    StmtId,
    /// A type as written: specifiers plus declarator.
    TypeId,
    /// A declared name with its type and initialiser.
    DeclId,
    /// An initialiser.
    InitId,
}

/// A run of ids in `Ast::lists` (arguments, statements, declarators …).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct List {
    pub start: u32,
    pub len: u32,
}

/// The arena.
#[derive(Clone, Debug, Default)]
pub struct Ast {
    pub exprs: Vec<Expr>,
    pub stmts: Vec<Stmt>,
    pub types: Vec<TypeNode>,
    pub decls: Vec<Decl>,
    pub inits: Vec<Init>,
    /// Raw ids; what they index follows from the node that owns the list.
    pub lists: Vec<u32>,
    /// Record and enum bodies written inside this declaration or body.
    pub records: Vec<RecordBody>,
    pub enums: Vec<EnumBody>,
    /// What could not be parsed, in source order. Empty: complete.
    pub gaps: Vec<Gap>,
    /// What was read by a guess that may be wrong but loses nothing, such as a macro used without a semicolon.
    pub notes: Vec<Gap>,
}

/// Why a piece is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    pub loc: Loc,
    pub reason: String,
}

#[derive(Clone, Copy, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub loc: Loc,
    /// Outermost macro the operator or first token came from; empty if none.
    pub origin: Symbol,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum UnOp {
    Neg,
    Plus,
    BitNot,
    Not,
    Deref,
    Addr,
    PreInc,
    PreDec,
    PostInc,
    PostDec,
    /// GNU `__real__`, `__imag__`, `__extension__` are dropped by the parser.
    AddrLabel,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Lt,
    Gt,
    Le,
    Ge,
    Eq,
    Ne,
    /// Short-circuit.
    LogAnd,
    LogOr,
}

#[derive(Clone, Copy, Debug)]
pub enum ExprKind {
    /// Value bits; `unsigned` and `long` (0, 1, 2) from the suffix and, as C has it, from the size of the value.
    Int {
        value: u64,
        unsigned: bool,
        long: u8,
    },
    /// A floating constant: the value does not matter.
    /// The bits of the number as a `double` holds it, and the size of its own type.
    Float {
        bits: u64,
        size: u8,
    },
    /// The joined text of neighbouring literals, escapes decoded (lossy UTF-8).
    Str(Symbol),
    /// A name. `__func__` and its kin too.
    Ident(Symbol),
    Unary(UnOp, ExprId),
    Binary(BinOp, ExprId, ExprId),
    /// `l = r`, or `l op= r`.
    Assign(Option<BinOp>, ExprId, ExprId),
    /// `c ? t : e`; GNU `c ?: e` has no `t`.
    Cond(ExprId, Option<ExprId>, ExprId),
    Comma(ExprId, ExprId),
    /// A call; `args` lists ExprIds. Uses of names with `Shape::Call` look like this too, with `ExprKind::TypeArg` where a type stands.
    Call {
        callee: ExprId,
        args: List,
    },
    /// `base.name`, or with `arrow` `base->name`.
    Member {
        base: ExprId,
        name: Symbol,
        arrow: bool,
    },
    Index(ExprId, ExprId),
    Cast(TypeId, ExprId),
    /// `(type){ … }`.
    Compound(TypeId, InitId),
    SizeofType(TypeId),
    SizeofExpr(ExprId),
    AlignofType(TypeId),
    AlignofExpr(ExprId),
    /// `({ … })`; the value is the last expression statement's.
    StmtExpr(StmtId),
    /// `&&label`.
    LabelAddr(Symbol),
    /// A type where an expression may stand (arguments of model names and builtins).
    TypeArg(TypeId),
    /// `__builtin_offsetof(type, member)`; the member path as an expression over `Ident`.
    Offsetof(TypeId, ExprId),
    /// `__builtin_types_compatible_p(a, b)`.
    TypesCompatible(TypeId, TypeId),
    /// `_Generic`: `arms` lists pairs (TypeId or u32::MAX for default, ExprId).
    Generic(ExprId, List),
    /// `__builtin_va_arg(ap, type)`.
    VaArg(ExprId, TypeId),
    /// A brace initialiser given as an argument of a model macro.
    BraceArg(InitId),
    /// A piece that could not be parsed; index into `Ast::gaps`.
    Gap(u32),
}

#[derive(Clone, Copy, Debug)]
pub struct Stmt {
    pub kind: StmtKind,
    pub loc: Loc,
    pub origin: Symbol,
}

#[derive(Clone, Copy, Debug)]
pub enum StmtKind {
    Empty,
    Expr(ExprId),
    /// Statements; `end` is the closing brace, where clean-ups run.
    Block {
        body: List,
        end: Loc,
    },
    /// Declarations of variables, each a DeclId (typedefs and tags inside bodies too).
    Decl(List),
    If {
        cond: ExprId,
        then: StmtId,
        els: Option<StmtId>,
    },
    While {
        cond: ExprId,
        body: StmtId,
    },
    DoWhile {
        body: StmtId,
        cond: ExprId,
    },
    /// `init` is a StmtId (Expr, Decl or Empty).
    For {
        init: StmtId,
        cond: Option<ExprId>,
        step: Option<ExprId>,
        body: StmtId,
    },
    Switch {
        value: ExprId,
        body: StmtId,
    },
    /// `case lo:` or GNU `case lo ... hi:`, with the statement it labels.
    Case {
        lo: ExprId,
        hi: Option<ExprId>,
        body: StmtId,
    },
    Default {
        body: StmtId,
    },
    Label {
        name: Symbol,
        body: StmtId,
    },
    Goto(Symbol),
    /// `goto *e`.
    GotoComputed(ExprId),
    Break,
    Continue,
    Return(Option<ExprId>),
    /// Outputs, inputs: ExprIds; labels (asm goto): Symbols' ids are not kept, labels are in `labels` as StmtKind-free list of Ident ExprIds.
    Asm {
        /// The template has no instruction: outputs hold what the inputs at their places held, or what they held themselves.
        empty: bool,
        outputs: List,
        inputs: List,
        labels: List,
    },
    /// `name(args) body` with `Shape::Loop`, or an unknown name in that form.
    ModelLoop {
        name: Symbol,
        args: List,
        body: StmtId,
    },
    /// `name(args) body` with `Shape::Scope`.
    ModelScope {
        name: Symbol,
        args: List,
        body: StmtId,
    },
    /// `name(class_args)(args);` with `Shape::Guard`.
    Guard {
        name: Symbol,
        class: List,
        args: List,
    },
    /// A nested function definition (GNU); not entered.
    NestedFunction,
    /// What could not be parsed; index into `Ast::gaps`.
    Gap(u32),
}

/// A type as written.
#[derive(Clone, Copy, Debug)]
pub enum TypeNode {
    /// Nothing known (implicit int of old code is `Int`).
    Unknown,
    Void,
    Bool,
    Int {
        size: u8,
        signed: bool,
    },
    /// `char` without sign, told apart for nothing but printing.
    Char,
    Float {
        size: u8,
    },
    /// A typedef's name.
    Named(Symbol),
    /// `struct tag`, without body.
    Tag {
        kind: TagKind,
        tag: Symbol,
    },
    /// `struct [tag] { … }`: index into `Ast::records`.
    Record(u32),
    /// `enum [tag] { … }`: index into `Ast::enums`.
    Enum(u32),
    /// `attrs` are annotations of the pointer itself.
    Pointer {
        to: TypeId,
        space: Space,
    },
    Array {
        of: TypeId,
        len: Option<ExprId>,
    },
    /// Parameters: DeclIds.
    Function {
        ret: TypeId,
        params: List,
        variadic: bool,
        old_style: bool,
    },
    /// `typeof(expression)`, also `__auto_type` (the initialiser is the expression).
    TypeofExpr(ExprId),
    TypeofType(TypeId),
    /// `_Atomic(T)` or `_Atomic T`.
    Atomic(TypeId),
    AutoType,
    /// `const`, `volatile`, sparse address space on a non-pointer: only what matters is kept.
    Qualified {
        of: TypeId,
        space: Space,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TagKind {
    Struct,
    Union,
    Enum,
}

/// Sparse's address spaces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Space {
    #[default]
    Kernel,
    User,
    Iomem,
    Percpu,
    Rcu,
    /// Not of the object pointed to: the pointer itself is `_Atomic`.
    Atomic,
}

/// One declared name.
#[derive(Clone, Copy, Debug)]
pub struct Decl {
    /// Empty for abstract declarators and unnamed bit-fields.
    pub name: Symbol,
    pub ty: TypeId,
    pub storage: Storage,
    pub init: Option<InitId>,
    /// `__cleanup(f)` as `f`; `__free(name)` as `__free_name`; `CLASS(name, var)` as `class_name_destructor`.
    pub cleanup: Symbol,
    /// For `CLASS(name, var)(args)`: `class_name_constructor` is called with these ExprIds. For `Shape::Decl` the macro's name with all its
    /// arguments (the type is then unknown). Empty list and empty symbol otherwise.
    pub constructor: Symbol,
    pub constructor_args: List,
    /// Bit-field width.
    pub bits: Option<ExprId>,
    /// `__attribute__((aligned(n)))`; without a number 16.
    pub align: Option<ExprId>,
    /// Annotations met on the declaration: Symbols' `index()` are not stable, so these are `Ident`/`Call` ExprIds.
    pub annotations: List,
    pub loc: Loc,
    pub origin: Symbol,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Storage {
    pub is_static: bool,
    pub is_extern: bool,
    pub is_typedef: bool,
    pub is_inline: bool,
    pub is_thread_local: bool,
    pub is_register: bool,
    pub noreturn: bool,
    pub packed: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Init {
    Expr(ExprId),
    /// `{ … }`: `items` lists pairs (designator list index into `lists` via `DesignatedInit`), see `Item`.
    Brace {
        items: List,
        loc: Loc,
    },
    /// One item of a brace list: a path of designators, then the value (an InitId).
    Item {
        path: List,
        value: InitId,
    },
    /// A designator `.name` (in a path list).
    Field(Symbol),
    /// A designator `[lo]` or `[lo ... hi]`.
    At(ExprId, Option<ExprId>),
}

/// `struct { … }` or `union { … }`.
#[derive(Clone, Debug)]
pub struct RecordBody {
    pub kind: TagKind,
    pub tag: Symbol,
    /// Fields in order: DeclIds; anonymous members have an empty name.
    pub fields: List,
    pub packed: bool,
    pub align: Option<ExprId>,
    pub loc: Loc,
}

/// `enum { … }`: names with their value expressions.
#[derive(Clone, Debug)]
pub struct EnumBody {
    pub tag: Symbol,
    pub items: Vec<(Symbol, Option<ExprId>)>,
    pub loc: Loc,
}

impl Ast {
    /// Empties the arena and keeps its memory.
    pub fn clear(&mut self) {
        self.exprs.clear();
        self.stmts.clear();
        self.types.clear();
        self.decls.clear();
        self.inits.clear();
        self.lists.clear();
        self.records.clear();
        self.enums.clear();
        self.gaps.clear();
        self.notes.clear();
    }

    /// The raw ids of a list.
    pub fn list(&self, list: List) -> &[u32] {
        &self.lists[list.start as usize..(list.start + list.len) as usize]
    }

    /// Stores a list of raw ids.
    pub fn push_list(&mut self, ids: &[u32]) -> List {
        let start = self.lists.len() as u32;
        self.lists.extend_from_slice(ids);
        List { start, len: ids.len() as u32 }
    }

    /// Records a piece that could not be parsed.
    pub fn gap(&mut self, at: &Token, reason: impl Into<String>) -> u32 {
        self.gaps.push(Gap { loc: at.loc, reason: reason.into() });
        self.gaps.len() as u32 - 1
    }
}
