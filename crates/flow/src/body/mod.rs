//! What the engine keeps of a function: hash-consed expressions, the operations that can matter, blocks.
//!
//! A whole kernel has some 700,000 bodies; their full IR would not fit in memory. A [`Body`] is made right after lowering and the
//! IR is dropped. What is lost: casts, floating point, types other than "is a pointer". What is gained beside size: equal
//! expressions have equal ids, so that a condition tested twice is known to be the same, and dereferences are operations.

pub(crate) mod control;
mod failed;
mod ids;
mod lower;
mod text;
mod visit;

pub use ids::{BlockId, ExprId, LocalId, OpId, Pointee, Record};
pub use lower::BodyLowering;

use cuthere_base::{FileId, Loc, Symbol};
use cuthere_ir::{BinOp, UnOp};
use serde::{Deserialize, Serialize};

/// Arguments of a call: a range of [`Body::args`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ArgRange(pub u32, pub u32);

/// Operations of a block: a range of [`Body::ops`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpRange(pub u32, pub u32);

/// A hash-consed expression. `Local`, `Global`, `Deref`, `Field` and `Index` are places, the rest arguments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Expr {
    Local(LocalId),
    Global(Symbol),
    Deref(ExprId),
    Field {
        base: ExprId,
        record: Record,
        name: Symbol,
    },
    Index {
        base: ExprId,
        index: ExprId,
    },
    /// What a place holds, and what that points to.
    Load(ExprId, Pointee),
    Addr(ExprId),
    Function(Symbol),
    Int(i64),
    Str,
    Un(UnOp, ExprId),
    Bin(BinOp, ExprId, ExprId),
    Select(ExprId, ExprId, ExprId),
    ContainerOf {
        ptr: ExprId,
        record: Record,
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
    Pointer(ExprId),
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum OpKind {
    Store {
        place: ExprId,
        value: ExprId,
    },
    Zero {
        place: ExprId,
    },
    /// The pointer value is dereferenced here; the symbol is the member accessed, if any.
    Access {
        ptr: ExprId,
        member: Symbol,
    },
    Call {
        dst: Option<LocalId>,
        target: Target,
        args: ArgRange,
        cleanup: bool,
    },
    /// The local's value is undefined from here.
    Declare(LocalId),
    /// The arguments of a loop over a list end with the address of the link in the element at hand.
    LoopNext {
        name: Symbol,
        args: ArgRange,
    },
    GuardEnter {
        class: Symbol,
        args: ArgRange,
        id: u32,
    },
    GuardExit {
        class: Symbol,
        args: ArgRange,
        id: u32,
    },
    /// A piece that could not be read: nothing is known of its effects.
    Gap,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Op {
    pub kind: OpKind,
    pub loc: Loc,
    pub origin: Symbol,
}

/// How a block ends. There are millions: what is long and seldom stands elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Term {
    Goto(BlockId),
    Branch { cond: ExprId, then: BlockId, els: BlockId },
    LoopBranch { name: Symbol, args: ArgRange, body: BlockId, exit: BlockId },
    Switch { value: ExprId, cases: Box<Box<[(i64, i64, BlockId)]>>, default: BlockId },
    Return(Option<ExprId>),
    Any(Box<Box<[BlockId]>>),
    Unreachable,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Block {
    pub ops: OpRange,
    pub term: Term,
    pub loc: Loc,
    pub origin: Symbol,
}

/// A function as the engine sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Body {
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
    /// Returns the address of a place that holds a record, as it is written: `&card->core`, and not an array's, or one that is cast.
    pub ret_part: bool,
    /// Returns nothing.
    pub ret_void: bool,
    pub complete: bool,
    pub annotations: Box<[Symbol]>,
    /// Name of each local; empty for temporaries.
    pub locals: Box<[Symbol]>,
    pub exprs: Box<[Expr]>,
    /// Of `exprs`, the places that hold pointers which are declared to be protected by RCU; sorted.
    pub rcu: Box<[ExprId]>,
    pub args: Box<[ExprId]>,
    pub ops: Box<[Op]>,
    pub blocks: Box<[Block]>,
}

impl Term {
    /// Calls `f` with every successor.
    pub fn successors(&self, mut f: impl FnMut(BlockId)) {
        match self {
            Term::Goto(b) => f(*b),
            Term::Branch { then, els, .. } => {
                f(*then);
                f(*els);
            }
            Term::LoopBranch { body, exit, .. } => {
                f(*body);
                f(*exit);
            }
            Term::Switch { cases, default, .. } => {
                cases.iter().for_each(|c| f(c.2));
                f(*default);
            }
            Term::Any(all) => all.iter().for_each(|b| f(*b)),
            Term::Return(_) | Term::Unreachable => {}
        }
    }
}

impl Block {
    /// Whether it was made by a macro that warns: where its condition fails, something is wrong already.
    pub fn is_warning(&self) -> bool {
        ["WARN", "BUG", "VM_"].iter().any(|word| self.origin.as_str().starts_with(word))
    }
}

impl Body {
    /// Whether it runs only when its module is loaded or unloaded.
    pub fn is_init_or_exit(&self) -> bool {
        self.annotations.iter().any(|a| matches!(a.as_str(), "__init" | "__exit"))
    }

    pub fn expr(&self, e: ExprId) -> Expr {
        self.exprs[e.index()]
    }

    /// The operation; `None`: there is none of this number.
    pub fn op(&self, op: OpId) -> Option<&Op> {
        self.ops.get(op.index())
    }

    /// What an operation calls by name, and with what; `None`: it is no such call.
    pub fn named_call(&self, op: OpId) -> Option<(Symbol, &[ExprId])> {
        match self.op(op)?.kind {
            OpKind::Call { target: Target::Name(name), args, .. } => Some((name, self.call_args(args))),
            _ => None,
        }
    }

    pub fn block(&self, block: BlockId) -> &Block {
        &self.blocks[block.index()]
    }

    /// The blocks with their ids.
    pub fn blocks(&self) -> impl Iterator<Item = (BlockId, &Block)> {
        self.blocks.iter().enumerate().map(|(n, b)| (BlockId(n as u32), b))
    }

    /// The operations of a block.
    pub fn block_ops(&self, block: &Block) -> &[Op] {
        &self.ops[block.ops.0 as usize..block.ops.1 as usize]
    }

    /// The operations of a block with their ids.
    pub fn numbered_ops(&self, block: &Block) -> impl Iterator<Item = (OpId, &Op)> {
        let first = block.ops.0;
        self.block_ops(block).iter().enumerate().map(move |(n, op)| (OpId(first + n as u32), op))
    }

    /// All operations with their ids.
    pub fn all_ops(&self) -> impl Iterator<Item = (OpId, &Op)> {
        self.ops.iter().enumerate().map(|(n, op)| (OpId(n as u32), op))
    }

    /// The named call in a block whose result an expression loads, and what it was given.
    pub fn asked_call(&self, block: &Block, e: ExprId) -> Option<(Symbol, &[ExprId])> {
        let local = self.loaded_local(e)?;
        self.block_ops(block).iter().rev().find_map(|op| match op.kind {
            OpKind::Call { dst: Some(l), target: Target::Name(name), args, .. } if l == local => Some((name, self.call_args(args))),
            _ => None,
        })
    }

    /// The member whose value a condition asks for (`x->f`, `x->f == NULL`).
    pub fn asks_member(&self, cond: ExprId) -> Option<(Record, Symbol)> {
        match self.expr(cond) {
            Expr::Load(place, _) => match self.expr(place) {
                Expr::Field { record, name, .. } => Some((record, name)),
                _ => None,
            },
            Expr::Un(UnOp::Not, inner) => self.asks_member(inner),
            Expr::Bin(BinOp::Eq | BinOp::Ne, inner, other) if self.expr(other) == Expr::Int(0) => self.asks_member(inner),
            _ => None,
        }
    }

    /// Whether such a condition holds where the member is not zero.
    pub fn asks_for_set(&self, cond: ExprId) -> bool {
        match self.expr(cond) {
            Expr::Un(UnOp::Not, inner) | Expr::Bin(BinOp::Eq, inner, _) => !self.asks_for_set(inner),
            Expr::Bin(BinOp::Ne, inner, _) => self.asks_for_set(inner),
            _ => true,
        }
    }

    /// Whether an operation gives a local a value.
    pub fn sets_local(&self, kind: OpKind, local: LocalId) -> bool {
        match kind {
            OpKind::Store { place, .. } | OpKind::Zero { place } => self.expr(place) == Expr::Local(local),
            OpKind::Call { dst, .. } => dst == Some(local),
            _ => false,
        }
    }

    /// The block that an operation is in.
    pub fn block_of(&self, op: OpId) -> Option<BlockId> {
        self.blocks().find(|(_, b)| b.ops.0 <= op.0 && op.0 < b.ops.1).map(|(id, _)| id)
    }

    /// Whether a way leads from one block to another, themselves included, that does not pass a third one.
    pub fn reaches(&self, from: BlockId, to: BlockId, without: Option<BlockId>) -> bool {
        let mut seen = vec![false; self.blocks.len()];
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if Some(at) == without || at.index() >= seen.len() || std::mem::replace(&mut seen[at.index()], true) {
                continue;
            }
            if at == to {
                return true;
            }
            self.block(at).term.successors(|s| open.push(s));
        }
        false
    }

    /// Whether a way leads from one operation to another.
    pub fn leads(&self, from: OpId, to: OpId) -> bool {
        match (self.block_of(from), self.block_of(to)) {
            (Some(a), Some(b)) if a != b => self.reaches(a, b, None),
            _ => from < to,
        }
    }

    /// Whether every way to a block passes the one that an operation is in.
    pub fn dominates(&self, op: OpId, to: Option<BlockId>) -> bool {
        let (Some(block), Some(to)) = (self.block_of(op), to) else { return false };
        block == to || !self.reaches(BlockId(0), to, Some(block))
    }

    /// Whether a block is the head of a loop: a later one goes back to it.
    pub fn is_head(&self, block: BlockId) -> bool {
        let mut back = false;
        for later in &self.blocks[block.index()..] {
            later.term.successors(|s| back |= s == block);
        }
        back
    }

    /// Whether an operation is made in every round of the innermost loop around it; of what is in no loop, no.
    pub fn every_round(&self, op: OpId) -> bool {
        let Some(block) = self.block_of(op) else { return false };
        // The innermost head is the last.
        let around =
            |head: &BlockId| *head != block && self.is_head(*head) && self.reaches(*head, block, None) && self.reaches(block, *head, None);
        let Some(head) = (0..=block.0).rev().map(BlockId).find(around) else { return false };
        let mut skipped = false;
        self.block(head).term.successors(|s| skipped |= s == head || self.reaches(s, head, Some(block)));
        !skipped
    }

    /// Whether a block is reached from an operation.
    pub fn follows(&self, op: OpId, to: BlockId) -> bool {
        self.block_of(op).is_some_and(|block| self.reaches(block, to, None))
    }

    /// Whether a place holds a pointer that is declared to be protected by RCU (`__rcu`).
    pub fn is_rcu(&self, place: ExprId) -> bool {
        !self.rcu.is_empty() && self.rcu.binary_search(&place).is_ok()
    }

    /// The arguments of a call.
    pub fn call_args(&self, range: ArgRange) -> &[ExprId] {
        &self.args[range.0 as usize..range.1 as usize]
    }

    /// A local's name; empty for temporaries.
    pub fn local_name(&self, local: LocalId) -> Symbol {
        self.locals.get(local.index()).copied().unwrap_or_default()
    }

    /// The local whose value an expression is.
    pub fn loaded_local(&self, e: ExprId) -> Option<LocalId> {
        match self.expr(e) {
            Expr::Load(place, _) => match self.expr(place) {
                Expr::Local(l) => Some(l),
                _ => None,
            },
            _ => None,
        }
    }

    /// The place that a member, or an element, lies in as a whole.
    pub fn whole_of(&self, place: ExprId) -> ExprId {
        let mut at = place;
        while let Expr::Field { base, .. } | Expr::Index { base, .. } = self.expr(at) {
            at = base;
        }
        at
    }

    /// The record that an expression points to, by its type.
    pub fn pointee(&self, e: ExprId) -> Option<Record> {
        match self.expr(e) {
            Expr::Load(_, pointee) => pointee.record(),
            Expr::ContainerOf { record, .. } if !record.is_unknown() => Some(record),
            _ => None,
        }
    }

    /// The record that a local points to, by its type, if its value is ever used.
    pub fn local_pointee(&self, local: LocalId) -> Option<Record> {
        self.exprs.iter().find_map(|e| match *e {
            Expr::Load(place, pointee) if self.expr(place) == Expr::Local(local) => Some(pointee.record()),
            _ => None,
        })?
    }

    /// The record that what a place holds points to, by its type, if this function ever reads it there.
    pub fn place_pointee(&self, place: ExprId) -> Option<Record> {
        self.exprs.iter().find_map(|e| match *e {
            Expr::Load(from, pointee) if from == place => Some(pointee.record()),
            _ => None,
        })?
    }

    /// The member at the end of the place that a called pointer was loaded from: `(record, field)` of `x->ops->field(…)`.
    pub fn ops_field(&self, pointer: ExprId) -> Option<(Record, Symbol)> {
        let mut at = pointer;
        for _ in 0..8 {
            match self.expr(at) {
                Expr::Load(place, _) => at = place,
                Expr::Deref(value) => at = value,
                Expr::Index { base, .. } => at = base,
                Expr::Field { record, name, .. } => return Some((record, name)),
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod sizes {
    use super::{Block, Expr, Op};

    #[test]
    fn what_a_kernel_has_millions_of_stays_small() {
        assert_eq!([size_of::<Expr>(), size_of::<Op>(), size_of::<Block>()], [16, 36, 48]);
    }
}
