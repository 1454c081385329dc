//! The data of the IR.

use cuthere_base::{FileId, Loc, Symbol};
use cuthere_cfront::ast::Gap;
pub use cuthere_cfront::ast::{BinOp, UnOp};
use cuthere_cfront::types::{RecordId, Ty};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $($(#[$doc])* #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)] pub struct $name(pub u32);
        impl $name { /// The position in its vector.
            pub fn index(self) -> usize { self.0 as usize } })*
    };
}
ids! {
    /// An expression of one function.
    ExprId,
    /// A basic block; block 0 is the entry.
    BlockId,
    /// A parameter, local variable or temporary.
    LocalId,
}

/// A function body.
#[derive(Clone, Debug, Default)]
pub struct Func {
    pub name: Symbol,
    pub file: FileId,
    pub loc: Loc,
    pub end_line: u32,
    pub ret: Ty,
    pub is_static: bool,
    pub is_inline: bool,
    pub is_variadic: bool,
    /// Annotations on the definition and visible declarations, as text: `__must_hold(&dev->lock)`, `__init`, `__acquires(x)`.
    pub annotations: Vec<Symbol>,
    /// Parameters come first.
    pub params: u32,
    pub locals: Vec<Local>,
    pub exprs: Vec<Expr>,
    /// Operations of all blocks, block by block.
    pub ops: Vec<Op>,
    pub blocks: Vec<Block>,
    /// Argument lists of calls.
    pub args: Vec<ExprId>,
    /// Initialisers of `static` locals, which are done before the program starts.
    pub statics: Vec<StaticInit>,
    /// Arrays of variable length, and the temporaries that hold their sizes in bytes.
    pub lengths: Vec<(LocalId, LocalId)>,
    /// Why the function is not complete; empty: complete.
    pub gaps: Vec<Gap>,
}

/// What a `static` local of a function starts with.
#[derive(Clone, PartialEq, Debug)]
pub struct StaticInit {
    pub local: LocalId,
    pub entries: Vec<crate::globals::InitEntry>,
}

#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// Empty for temporaries.
    pub name: Symbol,
    pub ty: Ty,
    pub loc: Loc,
    pub kind: LocalKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LocalKind {
    Param,
    Auto,
    /// `static` inside a function: lives as long as the program.
    Static,
    /// Made by lowering; assigned before every use.
    Temp,
}

/// An expression node with its type. Evaluation has no effect but loads; operands have smaller ids.
#[derive(Clone, Copy, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Ty,
}

/// Places denote memory, values are computed. Places: `Local`, `Global`, `Deref`, `Field`, `Index`. All others are values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExprKind {
    /// Place: a local.
    Local(LocalId),
    /// Place: a variable at file level, as named at the use.
    Global(Symbol),
    /// Place: what the pointer value refers to.
    Deref(ExprId),
    /// Place: a member of a place. `record` is the record that declares the member (for members of anonymous ones, the
    /// named record around them); `None` where the type is unknown.
    Field {
        base: ExprId,
        record: Option<RecordId>,
        name: Symbol,
    },
    /// Place: an element; `base` is a place of array type (a pointer's element is `Deref(Binary(Add, p, i))`).
    Index {
        base: ExprId,
        index: ExprId,
    },
    /// Value: what a place holds.
    Load(ExprId),
    /// Value: the address of a place. Arrays and functions decay to this.
    Addr(ExprId),
    /// Value: a function's address.
    Function(Symbol),
    Int(i64),
    Str(Symbol),
    /// The bits of the number, as a `double` holds it.
    Float(u64),
    /// `op` is one of Neg, Plus, BitNot, Not.
    Unary(UnOp, ExprId),
    /// Never LogAnd or LogOr. Pointer arithmetic counts elements, the pointer stands left. Integer operands are converted as C does it:
    /// to the node's type, for comparisons to the common type of both, for shifts each by itself.
    Binary(BinOp, ExprId, ExprId),
    /// To the node's type.
    Cast(ExprId),
    /// `c ? t : e` where neither arm has an effect or a dereference; else it is blocks.
    Select(ExprId, ExprId, ExprId),
    /// `container_of(ptr, record type, path)`: the node's type is a pointer to the outer record; `field` is the outermost member's name, `record` its record.
    ContainerOf {
        ptr: ExprId,
        record: Option<RecordId>,
        field: Symbol,
    },
    /// The size of a type in bytes, where it could not be computed.
    SizeOf(Ty),
    /// A value that nothing is known about (inline assembly, `va_arg`, label addresses, gaps). Each node is a value of its own.
    Opaque,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    pub kind: OpKind,
    /// Where a reader finds it in the function's file.
    pub loc: Loc,
    /// The outermost macro it came from; empty if it stands in the source itself.
    pub origin: Symbol,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OpKind {
    /// `*place = value`. An initialiser of an aggregate is one store per named member after `Zero` of the whole.
    Store { place: ExprId, value: ExprId },
    /// All bytes of the place become zero (`= { … }`, `= {}`).
    Zero { place: ExprId },
    /// The expression is evaluated and its value dropped.
    Eval(ExprId),
    /// `dst = callee(args)`; `args` is a range of `Func::args`. A model macro that takes types has `SizeOf(type)` in their place.
    Call { dst: Option<LocalId>, callee: Callee, args: (u32, u32), why: CallWhy },
    /// A local's storage starts anew with an undefined value (its declaration without initialiser is reached).
    Declare(LocalId),
    /// Inline assembly: its operands are loaded before (`Eval`) and stored after; memory may change.
    Asm,
    /// The body between the matching pair is one run of a loop written with a model macro, e.g. `list_for_each_entry(pos, head, member)`:
    /// `name` is the macro, `args` as in Call. Starts each iteration and gives the cursor its next element.
    LoopNext { name: Symbol, args: (u32, u32) },
    /// `guard(class)(args)` and `scoped_guard(class, args)` begin (`name` is the class) …
    GuardEnter { class: Symbol, args: (u32, u32), id: u32 },
    /// … and end, on every way out of the scope, with the same `id`.
    GuardExit { class: Symbol, args: (u32, u32), id: u32 },
    /// Something that could not be parsed or lowered stands here; index into `Func::gaps`.
    Gap(u32),
}

/// Why a call is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallWhy {
    /// Written as a call.
    Written,
    /// `__cleanup(f)` or `__free(name)`: run when the variable's scope is left; the argument is the variable's address
    /// (`__cleanup`) or its value (`__free(name)`, callee `__free_name`).
    Cleanup,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Callee {
    Direct(Symbol),
    /// Through a function pointer value.
    Indirect(ExprId),
}

/// A basic block: operations `ops.0 .. ops.1` of `Func::ops`, then the terminator.
#[derive(Clone, Debug)]
pub struct Block {
    pub ops: (u32, u32),
    pub term: Term,
    /// Where the terminator stands.
    pub loc: Loc,
    pub origin: Symbol,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Term {
    Goto(BlockId),
    /// `cond` is a value, compared with zero. Never a short-circuit operator; `!` is already turned into swapped targets.
    /// `likely` and `unlikely` are stripped.
    Branch {
        cond: ExprId,
        then: BlockId,
        els: BlockId,
    },
    /// Whether a loop written with a model macro has another element.
    LoopBranch {
        name: Symbol,
        args: (u32, u32),
        body: BlockId,
        exit: BlockId,
    },
    /// Case ranges inclusive, in source order; `default` is the block after the switch if none is written. A label whose value is not
    /// known has one of the values `i64::MIN + 1`, `i64::MIN + 2` …, each of its own.
    Switch {
        value: ExprId,
        cases: Box<[(i64, i64, BlockId)]>,
        default: BlockId,
    },
    Return(Option<ExprId>),
    /// Computed goto: any of these.
    Any(Box<[BlockId]>),
    /// Control does not come here (after a call that does not return, `unreachable()`).
    #[default]
    Unreachable,
}

impl Func {
    /// The operations of a block.
    pub fn block_ops(&self, block: &Block) -> &[Op] {
        &self.ops[block.ops.0 as usize..block.ops.1 as usize]
    }

    /// The arguments of a call.
    pub fn call_args(&self, range: (u32, u32)) -> &[ExprId] {
        &self.args[range.0 as usize..range.1 as usize]
    }

    /// The node.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.index()]
    }

    /// Whether every piece was parsed and lowered.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }
}
