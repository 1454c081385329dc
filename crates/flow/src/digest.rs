//! The part of a function body that the engine keeps: hash-consed expressions, the operations that can matter, blocks.
//!
//! A whole kernel has some 700,000 bodies; their full IR would not fit in memory. A [`Digest`] is made right after lowering and the
//! IR is dropped. What is lost: casts, floating point, types other than "is a pointer". What is gained beside size: equal
//! expressions have equal ids, so that a condition tested twice is known to be the same, and dereferences are operations.

use cuthere_base::{FileId, Loc, Symbol};
use cuthere_ir::{BinOp, UnOp};
use serde::{Deserialize, Serialize};

/// An expression of one digest.
pub type EId = u32;

/// A hash-consed expression. `Local`, `Global`, `Deref`, `Field` and `Index` are places, the rest values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum DExpr {
    Local(u32),
    Global(Symbol),
    Deref(EId),
    /// `record` is the declaring record's name; empty if unknown.
    Field {
        base: EId,
        record: Symbol,
        name: Symbol,
    },
    Index {
        base: EId,
        index: EId,
    },
    /// The second part says whether the value is a pointer.
    Load(EId, bool),
    Addr(EId),
    Function(Symbol),
    Int(i64),
    Str,
    Un(UnOp, EId),
    Bin(BinOp, EId, EId),
    Select(EId, EId, EId),
    ContainerOf {
        ptr: EId,
        record: Symbol,
        field: Symbol,
    },
    Opaque(u32),
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    /// By name.
    Name(Symbol),
    /// Through a pointer value.
    Pointer(EId),
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DOpKind {
    Store {
        place: EId,
        value: EId,
    },
    Zero {
        place: EId,
    },
    /// The pointer value is dereferenced here; the symbol is the member accessed, if any.
    Access {
        ptr: EId,
        member: Symbol,
    },
    Call {
        dst: Option<u32>,
        target: Target,
        args: (u32, u32),
        cleanup: bool,
    },
    /// The local's value is undefined from here.
    Declare(u32),
    LoopNext {
        name: Symbol,
        args: (u32, u32),
    },
    GuardEnter {
        class: Symbol,
        args: (u32, u32),
        id: u32,
    },
    GuardExit {
        class: Symbol,
        args: (u32, u32),
        id: u32,
    },
    /// A piece that could not be read: nothing is known of its effects.
    Gap,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DOp {
    pub kind: DOpKind,
    pub loc: Loc,
    pub origin: Symbol,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DTerm {
    Goto(u32),
    Branch { cond: EId, then: u32, els: u32 },
    LoopBranch { name: Symbol, args: (u32, u32), body: u32, exit: u32 },
    Switch { value: EId, cases: Box<[(i64, i64, u32)]>, default: u32 },
    Return(Option<EId>),
    Any(Box<[u32]>),
    Unreachable,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DBlock {
    pub ops: (u32, u32),
    pub term: DTerm,
    pub loc: Loc,
    pub origin: Symbol,
}

/// A function as the engine sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Digest {
    pub name: Symbol,
    /// Known from the context.
    #[serde(skip)]
    pub file: FileId,
    pub loc: Loc,
    pub params: u32,
    pub is_static: bool,
    pub is_inline: bool,
    /// Returns a pointer.
    pub ret_ptr: bool,
    /// Returns nothing.
    pub ret_void: bool,
    pub complete: bool,
    pub annotations: Box<[Symbol]>,
    /// Name of each local; empty for temporaries.
    pub locals: Box<[Symbol]>,
    pub exprs: Box<[DExpr]>,
    pub args: Box<[EId]>,
    pub ops: Box<[DOp]>,
    pub blocks: Box<[DBlock]>,
}

impl DTerm {
    /// Calls `f` with every successor.
    pub fn successors(&self, mut f: impl FnMut(u32)) {
        match self {
            DTerm::Goto(b) => f(*b),
            DTerm::Branch { then, els, .. } => {
                f(*then);
                f(*els);
            }
            DTerm::LoopBranch { body, exit, .. } => {
                f(*body);
                f(*exit);
            }
            DTerm::Switch { cases, default, .. } => {
                cases.iter().for_each(|c| f(c.2));
                f(*default);
            }
            DTerm::Any(all) => all.iter().for_each(|b| f(*b)),
            DTerm::Return(_) | DTerm::Unreachable => {}
        }
    }
}

impl Digest {
    /// The operations of a block, with the index of the first.
    pub fn block_ops(&self, block: &DBlock) -> (u32, &[DOp]) {
        (block.ops.0, &self.ops[block.ops.0 as usize..block.ops.1 as usize])
    }

    /// The arguments of a call.
    pub fn call_args(&self, range: (u32, u32)) -> &[EId] {
        &self.args[range.0 as usize..range.1 as usize]
    }

    /// The member at the end of the place that a called pointer was loaded from: `(record, field)` of `x->ops->field(…)`.
    pub fn ops_field(&self, pointer: EId) -> Option<(Symbol, Symbol)> {
        let mut at = pointer;
        for _ in 0..8 {
            match self.exprs[at as usize] {
                DExpr::Load(place, _) => at = place,
                DExpr::Deref(value) => at = value,
                DExpr::Index { base, .. } => at = base,
                DExpr::Field { record, name, .. } => return Some((record, name)),
                _ => return None,
            }
        }
        None
    }

    /// The expression as source text, shortened.
    pub fn text(&self, e: EId) -> String {
        let mut out = String::new();
        self.write(e, &mut out, 0);
        out
    }

    fn write(&self, e: EId, out: &mut String, depth: u32) {
        use std::fmt::Write;
        if depth > 12 || out.len() > 120 {
            out.push('…');
            return;
        }
        match self.exprs[e as usize] {
            DExpr::Local(l) => {
                let name = self.locals.get(l as usize).copied().unwrap_or_default();
                out.push_str(if name.is_empty() { "…" } else { name.as_str() });
            }
            DExpr::Global(name) | DExpr::Function(name) => out.push_str(name.as_str()),
            DExpr::Deref(value) => {
                out.push('*');
                self.write(value, out, depth + 1);
            }
            DExpr::Field { base, name, .. } => {
                match self.exprs[base as usize] {
                    DExpr::Deref(value) => {
                        self.write(value, out, depth + 1);
                        out.push_str("->");
                    }
                    _ => {
                        self.write(base, out, depth + 1);
                        out.push('.');
                    }
                }
                out.push_str(name.as_str());
            }
            DExpr::Index { base, index } => {
                self.write(base, out, depth + 1);
                out.push('[');
                self.write(index, out, depth + 1);
                out.push(']');
            }
            DExpr::Load(place, _) => self.write(place, out, depth + 1),
            DExpr::Addr(place) => {
                if !matches!(self.exprs[place as usize], DExpr::Index { .. }) {
                    out.push('&');
                }
                self.write(place, out, depth + 1);
            }
            DExpr::Int(value) => {
                let _ = write!(out, "{value}");
            }
            DExpr::Str => out.push_str("\"…\""),
            DExpr::Un(op, a) => {
                out.push_str(match op {
                    UnOp::Neg => "-",
                    UnOp::BitNot => "~",
                    UnOp::Not => "!",
                    _ => "+",
                });
                self.write(a, out, depth + 1);
            }
            DExpr::Bin(op, a, b) => {
                self.write(a, out, depth + 1);
                let _ = write!(out, " {} ", binop_text(op));
                self.write(b, out, depth + 1);
            }
            DExpr::Select(c, t, f) => {
                self.write(c, out, depth + 1);
                out.push_str(" ? ");
                self.write(t, out, depth + 1);
                out.push_str(" : ");
                self.write(f, out, depth + 1);
            }
            DExpr::ContainerOf { ptr, .. } => {
                out.push_str("container_of(");
                self.write(ptr, out, depth + 1);
                out.push(')');
            }
            DExpr::Opaque(_) => out.push('…'),
        }
    }
}

/// The operator as written.
pub fn binop_text(op: BinOp) -> &'static str {
    match op {
        BinOp::Add => "+",
        BinOp::Sub => "-",
        BinOp::Mul => "*",
        BinOp::Div => "/",
        BinOp::Rem => "%",
        BinOp::And => "&",
        BinOp::Or => "|",
        BinOp::Xor => "^",
        BinOp::Shl => "<<",
        BinOp::Shr => ">>",
        BinOp::Lt => "<",
        BinOp::Gt => ">",
        BinOp::Le => "<=",
        BinOp::Ge => ">=",
        BinOp::Eq => "==",
        BinOp::Ne => "!=",
        BinOp::LogAnd => "&&",
        BinOp::LogOr => "||",
    }
}
