//! Lowering of one parsed function body: the state that its parts share, blocks, nodes, and the entry point.
//!
//! Blocks are filled one after the other and never taken up again, so their operations are contiguous. Code that control cannot reach
//! makes no blocks: after a jump the current block is none, and emitting into none does nothing. What cannot be lowered becomes
//! `OpKind::Gap`; nesting beyond a cap is such a gap, so that input cannot exhaust the stack.

use crate::cleanup::{Cleanup, Pending};
use crate::fold::IntType;
use crate::front::{Front, Kind, Name};
use crate::func::*;
use crate::scope::Binding;
use crate::switch::SwitchFrame;
use crate::tables::LowerTables;
use cuthere_base::{FileId, Loc, Symbol};
use cuthere_cfront::ast::{self, Ast};
use cuthere_cfront::outline::Item;
use cuthere_cfront::parser::ParsedFunction;
use cuthere_cfront::program::Program;
use cuthere_cfront::resolve::TypeMemo;
use cuthere_cfront::types::{RecordId, Ty};
use rustc_hash::FxHashMap;

/// How deep statements and expressions may nest.
const MAX_DEPTH: u32 = 400;
/// How many nodes a body may give before the rest of it is a gap.
const MAX_NODES: usize = 4_000_000;

/// What lowering needs besides the tree.
#[derive(Clone, Copy)]
pub struct LowerCx<'a> {
    pub program: &'a Program<'a>,
    pub tables: &'a LowerTables,
    /// Functions that do not return although no declaration says so (`BUG`, `do_exit`).
    pub noreturn: &'a (dyn Fn(Symbol) -> bool + Sync),
}

/// A position with the macro it came from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    pub loc: Loc,
    pub origin: Symbol,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub name: Symbol,
    pub block: BlockId,
    pub defined: bool,
    /// The scope that the label stands in, as its innermost clean-up.
    pub cleanup: u32,
    /// Its address is taken.
    pub address: bool,
}

/// Where `break` and `continue` go, and the clean-ups in force there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jump {
    pub target: BlockId,
    pub cleanup: u32,
}

/// Buffers that one lowering leaves to the next.
#[derive(Default)]
pub struct LowerScratch {
    pub(crate) flags: Vec<u8>,
    pub(crate) expr_types: Vec<u32>,
    pub(crate) type_types: Vec<u32>,
    pub(crate) memo: TypeMemo,
    pub(crate) scope: Vec<Binding>,
    pub(crate) labels: Vec<Label>,
    /// Ways out of the computed gotos so far.
    pub(crate) computed_edges: usize,
    pub(crate) cleanups: Vec<Cleanup>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) breaks: Vec<Jump>,
    pub(crate) continues: Vec<Jump>,
    pub(crate) switches: Vec<SwitchFrame>,
    /// Blocks in the order in which they were begun.
    pub(crate) order: Vec<BlockId>,
    /// Per block: whether something goes there.
    pub(crate) wanted: Vec<bool>,
    pub(crate) exprs: Vec<Expr>,
    pub(crate) ops: Vec<Op>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) args: Vec<ExprId>,
    pub(crate) locals: Vec<Local>,
    pub(crate) map: Vec<u32>,
    pub(crate) counts: Vec<u32>,
    /// File-level names and members already looked up, for `file`.
    file: Option<(usize, FileId)>,
    names: FxHashMap<Symbol, Name>,
    fields: FxHashMap<(RecordId, Symbol), Option<(RecordId, Ty)>>,
}

impl LowerScratch {
    fn reset(&mut self, program: &Program<'_>, file: FileId) {
        self.memo.clear();
        self.scope.clear();
        self.labels.clear();
        self.computed_edges = 0;
        self.cleanups.clear();
        self.pending.clear();
        self.breaks.clear();
        self.continues.clear();
        self.switches.clear();
        self.order.clear();
        self.wanted.clear();
        self.exprs.clear();
        self.ops.clear();
        self.blocks.clear();
        self.args.clear();
        self.locals.clear();
        let program = std::ptr::from_ref(program).addr();
        if self.file != Some((program, file)) {
            if self.file.is_none_or(|f| f.0 != program) {
                self.fields.clear();
            }
            self.file = Some((program, file));
            self.names.clear();
        }
        if self.fields.len() > 200_000 {
            self.fields.clear();
        }
    }
}

/// The types that lowering itself makes.
#[derive(Clone, Copy)]
pub(crate) struct BasicTypes {
    pub void: Ty,
    pub char: Ty,
    pub int: Ty,
    pub uint: Ty,
    pub long: Ty,
    pub ulong: Ty,
    pub void_ptr: Ty,
    pub char_ptr: Ty,
}

pub(crate) struct Lower<'a> {
    pub cx: &'a LowerCx<'a>,
    pub ast: &'a Ast,
    pub front: Front<'a>,
    pub ty: BasicTypes,
    pub s: &'a mut LowerScratch,
    pub f: Func,
    /// The block being filled; none: control does not come here.
    pub cur: Option<BlockId>,
    /// Innermost clean-up in force, `u32::MAX` for none.
    pub cleanup: u32,
    pub guards: u32,
    depth: u32,
}

/// Lowers one parsed function. Without a body, only its header is filled in and it says so in a gap.
pub fn lower_function(cx: &LowerCx<'_>, file: FileId, ast: &Ast, parsed: &ParsedFunction, item: &Item, scratch: &mut LowerScratch) -> Func {
    let mut lower = Lower::new(cx, file, ast, scratch);
    lower.f.name = item.name;
    lower.f.file = file;
    lower.f.loc = item.loc;
    lower.f.end_line = item.end_line;
    lower.f.is_static = item.is_static;
    lower.f.is_inline = item.is_inline;
    lower.f.gaps.extend(ast.gaps.iter().cloned());
    lower.header(parsed);
    let entry = lower.new_block();
    lower.start(entry);
    match parsed.body {
        Some(body) => lower.stmt(body),
        None => lower.gap(At { loc: item.loc, origin: Symbol::EMPTY }, "no body could be read"),
    }
    let end = At { loc: Loc::new(item.end_line, 1), origin: Symbol::EMPTY };
    lower.terminate(Term::Return(None), end);
    lower.resolve_gotos();
    lower.finish()
}

impl<'a> Lower<'a> {
    pub fn new(cx: &'a LowerCx<'a>, file: FileId, ast: &'a Ast, s: &'a mut LowerScratch) -> Lower<'a> {
        let front = Front { program: cx.program, file };
        s.reset(cx.program, file);
        crate::flags::compute(ast, cx.tables, &mut s.flags);
        s.expr_types.clear();
        s.expr_types.resize(ast.exprs.len(), u32::MAX);
        s.type_types.clear();
        s.type_types.resize(ast.types.len(), u32::MAX);
        let (void, char) = (front.void(), front.int(1, true));
        let ty = BasicTypes {
            void,
            char,
            int: front.int(4, true),
            uint: front.int(4, false),
            long: front.int(8, true),
            ulong: front.int(8, false),
            void_ptr: front.pointer_to(void),
            char_ptr: front.pointer_to(char),
        };
        Lower { cx, ast, front, ty, s, f: Func::default(), cur: None, cleanup: u32::MAX, guards: 0, depth: 0 }
    }

    /// Goes one level deeper; `false`: too deep, the caller gives a gap instead.
    pub fn enter(&mut self) -> bool {
        self.depth += 1;
        self.depth <= MAX_DEPTH && self.s.exprs.len() < MAX_NODES
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    // ---- nodes ----

    pub fn node(&mut self, kind: ExprKind, ty: Ty) -> ExprId {
        self.s.exprs.push(Expr { kind, ty });
        ExprId(self.s.exprs.len() as u32 - 1)
    }

    pub fn int(&mut self, value: i64, ty: Ty) -> ExprId {
        self.node(ExprKind::Int(value), ty)
    }

    pub fn opaque(&mut self, ty: Ty) -> ExprId {
        self.node(ExprKind::Opaque, ty)
    }

    pub fn kind_of(&self, e: ExprId) -> ExprKind {
        self.s.exprs.get(e.index()).map_or(ExprKind::Opaque, |e| e.kind)
    }

    pub fn type_of_node(&self, e: ExprId) -> Ty {
        self.s.exprs.get(e.index()).map_or(Ty(0), |e| e.ty)
    }

    /// The constant, if the node is one.
    pub fn constant(&self, e: ExprId) -> Option<i64> {
        match self.kind_of(e) {
            ExprKind::Int(value) => Some(value),
            _ => None,
        }
    }

    pub fn kind(&self, ty: Ty) -> Kind {
        self.front.kind(ty)
    }

    /// What a pointer or array refers to.
    pub fn pointee(&self, ty: Ty) -> Ty {
        match self.kind(ty) {
            Kind::Pointer(to) | Kind::Array(to, _) => to,
            _ => Ty(0),
        }
    }

    pub fn is_pointer(&self, ty: Ty) -> bool {
        matches!(self.kind(ty), Kind::Pointer(_) | Kind::Array(..))
    }

    /// Integer type as arithmetic sees it; pointers are unsigned longs.
    pub fn int_type(&self, ty: Ty) -> Option<IntType> {
        match self.kind(ty) {
            Kind::Int(int) => Some(int),
            Kind::Bool => Some(IntType { size: 1, signed: false }),
            Kind::Pointer(_) | Kind::Array(..) => Some(IntType { size: 8, signed: false }),
            _ => None,
        }
    }

    pub fn int_ty(&self, int: IntType) -> Ty {
        match (int.size, int.signed) {
            (4, true) => self.ty.int,
            (4, false) => self.ty.uint,
            (8, true) => self.ty.long,
            (8, false) => self.ty.ulong,
            (size, signed) => self.front.int(size, signed),
        }
    }

    /// A file-level name, remembered per file.
    pub fn global_name(&mut self, name: Symbol) -> Name {
        if let Some(&found) = self.s.names.get(&name) {
            return found;
        }
        let found = self.front.name(name);
        self.s.names.insert(name, found);
        found
    }

    /// A member, remembered.
    pub fn find_field(&mut self, record: RecordId, name: Symbol) -> Option<(RecordId, Ty)> {
        if let Some(&found) = self.s.fields.get(&(record, name)) {
            return found;
        }
        let found = self.front.find_field(record, name);
        self.s.fields.insert((record, name), found);
        found
    }

    // ---- locals and operations ----

    pub fn local(&mut self, name: Symbol, ty: Ty, loc: Loc, kind: LocalKind) -> LocalId {
        self.s.locals.push(Local { name, ty, loc, kind });
        LocalId(self.s.locals.len() as u32 - 1)
    }

    pub fn temp(&mut self, ty: Ty, at: At) -> LocalId {
        self.local(Symbol::EMPTY, ty, at.loc, LocalKind::Temp)
    }

    pub fn local_place(&mut self, local: LocalId) -> ExprId {
        let ty = self.s.locals.get(local.index()).map_or(Ty(0), |l| l.ty);
        self.node(ExprKind::Local(local), ty)
    }

    /// The value of a local (its address if it is an array).
    pub fn local_value(&mut self, local: LocalId) -> ExprId {
        let place = self.local_place(local);
        self.load(place)
    }

    pub fn op(&mut self, kind: OpKind, at: At) {
        if self.cur.is_some() {
            self.s.ops.push(Op { kind, loc: at.loc, origin: at.origin });
        }
    }

    pub fn store(&mut self, place: ExprId, value: ExprId, at: At) {
        self.op(OpKind::Store { place, value }, at);
    }

    /// Puts a value into a temporary, so that later effects do not change it.
    pub fn spill(&mut self, value: ExprId, at: At) -> ExprId {
        let ty = self.type_of_node(value);
        let temp = self.temp(ty, at);
        let place = self.local_place(temp);
        self.store(place, value, at);
        self.node(ExprKind::Load(place), ty)
    }

    pub fn push_args(&mut self, args: &[ExprId]) -> (u32, u32) {
        let start = self.s.args.len() as u32;
        self.s.args.extend_from_slice(args);
        (start, self.s.args.len() as u32)
    }

    pub fn gap(&mut self, at: At, reason: &str) {
        let index = self.f.gaps.len() as u32;
        self.f.gaps.push(ast::Gap { loc: at.loc, reason: reason.to_owned() });
        self.op(OpKind::Gap(index), at);
    }

    // ---- blocks ----

    pub fn new_block(&mut self) -> BlockId {
        let ops = (u32::MAX, u32::MAX);
        self.s.blocks.push(Block { ops, term: Term::Unreachable, loc: Loc::NONE, origin: Symbol::EMPTY });
        self.s.wanted.push(false);
        BlockId(self.s.blocks.len() as u32 - 1)
    }

    /// Marks that something goes there.
    pub fn want(&mut self, block: BlockId) {
        if let Some(wanted) = self.s.wanted.get_mut(block.index()) {
            *wanted = true;
        }
    }

    /// Begins a block; the current one must have ended.
    pub fn start(&mut self, block: BlockId) {
        let at = self.s.ops.len() as u32;
        if let Some(b) = self.s.blocks.get_mut(block.index()) {
            b.ops = (at, at);
        }
        self.s.order.push(block);
        self.cur = Some(block);
    }

    /// Begins a block if anything goes there.
    pub fn start_wanted(&mut self, block: BlockId) {
        if self.s.wanted.get(block.index()).copied().unwrap_or(false) {
            self.start(block);
        } else {
            self.cur = None;
        }
    }

    /// Goes on in `block`: falls into it and begins it.
    pub fn flow_into(&mut self, block: BlockId, at: At) {
        self.goto(block, at);
        self.start_wanted(block);
    }

    pub fn goto(&mut self, block: BlockId, at: At) {
        if self.cur.is_some() {
            self.want(block);
            self.terminate(Term::Goto(block), at);
        }
    }

    /// Ends the current block. The targets inside `term` must have been wanted by the caller (`goto`, `fork` do).
    pub fn terminate(&mut self, term: Term, at: At) {
        let end = self.s.ops.len() as u32;
        if let Some(block) = self.cur.take().and_then(|cur| self.s.blocks.get_mut(cur.index())) {
            block.ops.1 = end;
            block.term = term;
            block.loc = at.loc;
            block.origin = at.origin;
        }
    }

    /// Ends the current block with a branch on a value; constants, `!`, `== 0` and `!= 0` decide or swap the targets.
    pub fn fork(&mut self, cond: ExprId, then: BlockId, els: BlockId, at: At) {
        if self.cur.is_none() {
            return;
        }
        let (mut cond, mut then, mut els) = (cond, then, els);
        loop {
            match self.kind_of(cond) {
                ExprKind::Int(value) => return self.goto(if value != 0 { then } else { els }, at),
                ExprKind::Str(_) | ExprKind::Function(_) => return self.goto(then, at),
                ExprKind::Unary(UnOp::Not, inner) => {
                    (then, els) = (els, then);
                    cond = inner;
                }
                ExprKind::Binary(op @ (BinOp::Eq | BinOp::Ne), l, r) => {
                    let inner = if self.constant(r) == Some(0) {
                        l
                    } else if self.constant(l) == Some(0) {
                        r
                    } else {
                        break;
                    };
                    if op == BinOp::Eq {
                        (then, els) = (els, then);
                    }
                    cond = inner;
                }
                _ => break,
            }
        }
        if then == els {
            self.op(OpKind::Eval(cond), at);
            return self.goto(then, at);
        }
        self.want(then);
        self.want(els);
        self.terminate(Term::Branch { cond, then, els }, at);
    }

    pub fn at_expr(&self, e: ast::ExprId) -> At {
        let e = &self.ast.exprs[e.index()];
        At { loc: e.loc, origin: e.origin }
    }

    pub fn flags(&self, e: ast::ExprId) -> u8 {
        self.s.flags.get(e.index()).copied().unwrap_or(u8::MAX)
    }

    pub fn ids(&self, list: ast::List) -> &'a [u32] {
        self.ast.list(list)
    }
}
