//! Makes a [`Body`] of a function's IR.

use crate::body::*;
use cuthere_base::Symbol;
use cuthere_cfront::ast::Space;
use cuthere_cfront::program::Program;
use cuthere_cfront::types::{RecordId, Ty, TyKind};
use cuthere_ir::{self as ir, CallWhy, Callee, ExprKind, Func};
use cuthere_kernel::Model;
use rustc_hash::FxHashMap;

/// Buffers reused from one function to the next.
#[derive(Default)]
pub struct BodyLowering {
    map: FxHashMap<Expr, ExprId>,
    exprs: Vec<Expr>,
    of: Vec<ExprId>,
    rcu: Vec<ExprId>,
    args: Vec<ExprId>,
    ops: Vec<Op>,
    blocks: Vec<Block>,
    /// Pointers dereferenced since the last store or call in this block.
    accessed: Vec<ExprId>,
    pending: Vec<(ExprId, Symbol)>,
    pointees: FxHashMap<Ty, Pointee>,
    records: FxHashMap<RecordId, Record>,
}

impl BodyLowering {
    /// The body of `func`, a function of `program`.
    pub fn lower(&mut self, func: &Func, program: &Program<'_>, model: &Model) -> Body {
        let types = &program.types;
        self.map.clear();
        self.exprs.clear();
        self.of.clear();
        self.rcu.clear();
        self.args.clear();
        self.ops.clear();
        self.blocks.clear();
        for (index, expr) in func.exprs.iter().enumerate() {
            let id = match never_equal(func, expr.kind, program) {
                Some(differs) => self.intern(Expr::Int(i64::from(differs))),
                None => self.convert(index as u32, expr.kind, expr.ty, program),
            };
            self.of.push(id);
            // Of places that get their value on another way than by a load, casts may have taken the annotation away.
            if matches!(self.exprs[id.index()], Expr::Field { .. } | Expr::Global(_) | Expr::Deref(_) | Expr::Index { .. })
                && matches!(*types.kind(expr.ty), TyKind::Pointer { space: Space::Rcu, .. })
            {
                self.rcu.push(id);
            }
        }
        self.rcu.sort_unstable();
        self.rcu.dedup();
        for block in &func.blocks {
            let start = self.ops.len() as u32;
            self.accessed.clear();
            for op in func.block_ops(block) {
                self.op(func, op, program, model);
            }
            let term = self.term(func, &block.term, block);
            self.blocks.push(Block { ops: OpRange(start, self.ops.len() as u32), term, loc: block.loc, origin: block.origin });
        }
        Body {
            name: func.name,
            file: func.file,
            loc: func.loc,
            params: func.params,
            is_static: func.is_static,
            is_inline: func.is_inline,
            ret_ptr: matches!(*types.kind(func.ret), TyKind::Pointer { .. }),
            ret_part: returns_part(func, program),
            ret_void: matches!(*types.kind(func.ret), TyKind::Void),
            complete: func.is_complete(),
            annotations: func.annotations.clone().into_boxed_slice(),
            locals: func.locals.iter().map(|l| l.name).collect(),
            exprs: self.exprs.as_slice().into(),
            rcu: self.rcu.as_slice().into(),
            args: self.args.as_slice().into(),
            ops: self.ops.as_slice().into(),
            blocks: std::mem::take(&mut self.blocks).into_boxed_slice(),
        }
    }

    fn intern(&mut self, expr: Expr) -> ExprId {
        if let Some(&id) = self.map.get(&expr) {
            return id;
        }
        let id = ExprId(self.exprs.len() as u32);
        self.exprs.push(expr);
        self.map.insert(expr, id);
        id
    }

    fn record(&mut self, id: RecordId, program: &Program<'_>) -> Record {
        *self.records.entry(id).or_insert_with(|| Record::of(program, id))
    }

    fn pointee(&mut self, ty: Ty, program: &Program<'_>) -> Pointee {
        if let Some(known) = self.pointees.get(&ty) {
            return *known;
        }
        let types = &program.types;
        let pointee = match *types.kind(ty) {
            TyKind::Pointer { to, .. } => match *types.kind(to) {
                TyKind::Record(id) => Pointee::Record(self.record(id, program)),
                _ => Pointee::Other,
            },
            _ => Pointee::Nothing,
        };
        self.pointees.insert(ty, pointee);
        pointee
    }

    fn convert(&mut self, index: u32, kind: ExprKind, ty: Ty, program: &Program<'_>) -> ExprId {
        let types = &program.types;
        let of = |e: ir::ExprId| e.index();
        let expr = match kind {
            ExprKind::Local(l) => Expr::Local(LocalId::new(l.0)),
            ExprKind::Global(name) => Expr::Global(name),
            ExprKind::Deref(v) => match self.exprs[self.of[of(v)].index()] {
                Expr::Addr(place) => return place,
                _ => Expr::Deref(self.of[of(v)]),
            },
            ExprKind::Field { base, record, name } => {
                let record = record.map_or(Record::UNKNOWN, |r| self.record(r, program));
                Expr::Field { base: self.of[of(base)], record, name }
            }
            ExprKind::Index { base, index } => Expr::Index { base: self.of[of(base)], index: self.of[of(index)] },
            ExprKind::Load(p) => {
                let pointee = self.pointee(ty, program);
                Expr::Load(self.of[of(p)], pointee)
            }
            ExprKind::Addr(p) => match self.exprs[self.of[of(p)].index()] {
                Expr::Deref(value) => return value,
                _ => Expr::Addr(self.of[of(p)]),
            },
            ExprKind::Function(name) => Expr::Function(name),
            // 32-bit constants are kept sign-extended, so that `-1` and `0xffffffff` are one value.
            ExprKind::Int(value) => match (types.kind(ty), u32::try_from(value)) {
                (TyKind::Int { size: 4, .. }, Ok(v)) => Expr::Int(i64::from(v as i32)),
                _ => Expr::Int(value),
            },
            ExprKind::Str(_) => Expr::Str,
            ExprKind::Float(_) | ExprKind::SizeOf(_) | ExprKind::Opaque => Expr::Opaque(index),
            ExprKind::Unary(op, a) => Expr::Un(op, self.of[of(a)]),
            ExprKind::Binary(op, a, b) => Expr::Bin(op, self.of[of(a)], self.of[of(b)]),
            // A narrowing cast of a value is followed only where it cannot change it; pointers and long integers dominate.
            ExprKind::Cast(a) => return self.of[of(a)],
            ExprKind::Select(c, t, f) => Expr::Select(self.of[of(c)], self.of[of(t)], self.of[of(f)]),
            ExprKind::ContainerOf { ptr, record, field } => {
                let record = record.map_or(Record::UNKNOWN, |r| self.record(r, program));
                Expr::ContainerOf { ptr: self.of[of(ptr)], record, field }
            }
        };
        self.intern(expr)
    }

    fn push(&mut self, kind: OpKind, from: &ir::Op) {
        self.ops.push(Op { kind, loc: from.loc, origin: from.origin });
    }

    /// The dereferences that evaluating `e` makes, inner ones first. A place is not loaded unless `Load` is around it.
    fn accesses(&mut self, e: ExprId, depth: u32) {
        if depth > 64 {
            return;
        }
        match self.exprs[e.index()] {
            Expr::Load(place, _) => self.place_access(place, Symbol::EMPTY, depth + 1),
            Expr::Addr(place) => self.address_operands(place, depth + 1),
            Expr::Un(_, a) => self.accesses(a, depth + 1),
            Expr::Bin(_, a, b) => {
                self.accesses(a, depth + 1);
                self.accesses(b, depth + 1);
            }
            Expr::Select(c, _, _) => self.accesses(c, depth + 1),
            Expr::ContainerOf { ptr, .. } => self.accesses(ptr, depth + 1),
            _ => {}
        }
    }

    /// The dereferences that reaching a place for a load or store makes.
    fn place_access(&mut self, place: ExprId, member: Symbol, depth: u32) {
        if depth > 64 {
            return;
        }
        match self.exprs[place.index()] {
            Expr::Deref(value) => {
                self.accesses(value, depth + 1);
                self.pending.push((value, member));
            }
            // Of `p->a.b`, the member of what `p` points to.
            Expr::Field { base, name, .. } => self.place_access(base, if name.is_empty() { member } else { name }, depth + 1),
            Expr::Index { base, index } => {
                self.accesses(index, depth + 1);
                self.place_access(base, member, depth + 1);
            }
            _ => {}
        }
    }

    /// Computing an address dereferences nothing but what its operands do.
    fn address_operands(&mut self, place: ExprId, depth: u32) {
        if depth > 64 {
            return;
        }
        match self.exprs[place.index()] {
            Expr::Deref(value) => self.accesses(value, depth + 1),
            Expr::Field { base, .. } => self.address_operands(base, depth + 1),
            Expr::Index { base, index } => {
                self.accesses(index, depth + 1);
                self.address_operands(base, depth + 1);
            }
            _ => {}
        }
    }

    fn flush_accesses(&mut self, from: &ir::Op) {
        let pending = std::mem::take(&mut self.pending);
        for &(ptr, member) in &pending {
            if !self.accessed.contains(&ptr) {
                self.accessed.push(ptr);
                self.push(OpKind::Access { ptr, member }, from);
            }
        }
        self.pending = pending;
        self.pending.clear();
    }

    fn range(&mut self, func: &Func, args: (u32, u32)) -> ArgRange {
        let start = self.args.len() as u32;
        for a in func.call_args(args) {
            self.args.push(self.of[a.index()]);
        }
        ArgRange(start, self.args.len() as u32)
    }

    fn eval_args(&mut self, range: ArgRange) {
        for i in range.0..range.1 {
            self.accesses(self.args[i as usize], 0);
        }
    }

    fn op(&mut self, func: &Func, op: &ir::Op, program: &Program<'_>, model: &Model) {
        match op.kind {
            ir::OpKind::Store { place, value } => {
                let (place, value) = (self.of[place.index()], self.of[value.index()]);
                self.accesses(value, 0);
                self.place_access(place, Symbol::EMPTY, 0);
                self.flush_accesses(op);
                self.accessed.clear();
                self.push(OpKind::Store { place, value }, op);
            }
            ir::OpKind::Zero { place } => {
                let place = self.of[place.index()];
                self.place_access(place, Symbol::EMPTY, 0);
                self.flush_accesses(op);
                self.accessed.clear();
                self.push(OpKind::Zero { place }, op);
            }
            ir::OpKind::Eval(e) => {
                let e = self.of[e.index()];
                self.accesses(e, 0);
                self.flush_accesses(op);
            }
            ir::OpKind::Call { dst, callee, args, why } => {
                let args = self.range(func, args);
                self.eval_args(args);
                let target = match callee {
                    Callee::Direct(name) => Target::Name(name),
                    Callee::Indirect(e) => {
                        let e = self.of[e.index()];
                        self.accesses(e, 0);
                        match self.exprs[e.index()] {
                            Expr::Function(name) => Target::Name(name),
                            _ => Target::Pointer(e),
                        }
                    }
                };
                self.flush_accesses(op);
                self.accessed.clear();
                self.push(OpKind::Call { dst: dst.map(|d| LocalId::new(d.0)), target, args, cleanup: why == CallWhy::Cleanup }, op);
            }
            ir::OpKind::Declare(l) => self.push(OpKind::Declare(LocalId::new(l.0)), op),
            ir::OpKind::Asm => {}
            ir::OpKind::LoopNext { name, args } => {
                let link = self.link(func, name, args, program, model);
                let mut args = self.range(func, args);
                if let Some(link) = link {
                    self.args.push(link);
                    args.1 += 1;
                }
                self.accessed.clear();
                self.push(OpKind::LoopNext { name, args }, op);
            }
            ir::OpKind::GuardEnter { class, args, id } => {
                let args = self.range(func, args);
                self.eval_args(args);
                self.flush_accesses(op);
                self.push(OpKind::GuardEnter { class, args, id }, op);
            }
            ir::OpKind::GuardExit { class, args, id } => {
                let args = self.range(func, args);
                self.push(OpKind::GuardExit { class, args, id }, op);
            }
            ir::OpKind::Gap(_) => self.push(OpKind::Gap, op),
        }
    }

    /// The address of the link by which the elements of a list hang together (`&p->node` of `list_for_each_entry(p, head, node)`): the loop's own
    /// arguments have no more than its name.
    fn link(&mut self, func: &Func, name: Symbol, args: (u32, u32), program: &Program<'_>, model: &Model) -> Option<ExprId> {
        let args = func.call_args(args);
        let cursor = *args.get(model.loop_macro(name)?.cursor as usize)?;
        let member = args.iter().find_map(|a| match func.exprs[a.index()].kind {
            ExprKind::Str(member) if !member.is_empty() => Some(member),
            _ => None,
        })?;
        let types = &program.types;
        let TyKind::Pointer { to, .. } = *types.kind(func.exprs[cursor.index()].ty) else { return None };
        let TyKind::Record(record) = *types.kind(to) else { return None };
        let record = self.record(record, program);
        let base = self.intern(Expr::Deref(self.of[cursor.index()]));
        let field = self.intern(Expr::Field { base, record, name: member });
        Some(self.intern(Expr::Addr(field)))
    }

    fn term(&mut self, func: &Func, term: &ir::Term, block: &ir::Block) -> Term {
        let from = ir::Op { kind: ir::OpKind::Asm, loc: block.loc, origin: block.origin };
        match term {
            ir::Term::Goto(b) => Term::Goto(BlockId(b.0)),
            ir::Term::Branch { cond, then, els } => {
                let cond = self.of[cond.index()];
                self.accesses(cond, 0);
                self.flush_accesses(&from);
                Term::Branch { cond, then: BlockId(then.0), els: BlockId(els.0) }
            }
            ir::Term::LoopBranch { name, args, body, exit } => {
                let args = self.range(func, *args);
                Term::LoopBranch { name: *name, args, body: BlockId(body.0), exit: BlockId(exit.0) }
            }
            ir::Term::Switch { value, cases, default } => {
                let value = self.of[value.index()];
                self.accesses(value, 0);
                self.flush_accesses(&from);
                let cases = Box::new(cases.iter().map(|c| (c.0, c.1, BlockId(c.2.0))).collect());
                Term::Switch { value, cases, default: BlockId(default.0) }
            }
            ir::Term::Return(value) => {
                let value = value.map(|v| self.of[v.index()]);
                if let Some(v) = value {
                    self.accesses(v, 0);
                    self.flush_accesses(&from);
                }
                Term::Return(value)
            }
            ir::Term::Any(all) => Term::Any(Box::new(all.iter().map(|b| BlockId(b.0)).collect())),
            ir::Term::Unreachable => Term::Unreachable,
        }
    }
}

/// Whether a function returns nothing but addresses of places that hold records, without a cast.
fn returns_part(func: &ir::Func, program: &Program<'_>) -> bool {
    let part = |v: ir::ExprId| match func.exprs[v.index()].kind {
        ExprKind::Addr(place) => matches!(*program.types.kind(func.exprs[place.index()].ty), TyKind::Record(_)),
        _ => false,
    };
    let mut values = func.blocks.iter().filter_map(|block| match block.term {
        ir::Term::Return(value) => Some(value),
        _ => None,
    });
    let first = values.next();
    first.is_some() && first.into_iter().chain(values).all(|value| value.is_some_and(part))
}

/// What a comparison gives that its types decide: a byte or a short without sign holds no negative constant (`u16 n = read(); if (n == -EINVAL)`).
fn never_equal(func: &Func, kind: ExprKind, program: &Program<'_>) -> Option<bool> {
    let ExprKind::Binary(op @ (BinOp::Eq | BinOp::Ne), a, b) = kind else { return None };
    let value = |e: ir::ExprId| match func.exprs[e.index()].kind {
        ExprKind::Int(value) => Some(value),
        _ => None,
    };
    let (constant, other) = value(b).map(|v| (v, a)).or_else(|| value(a).map(|v| (v, b)))?;
    let narrow = |e: ir::ExprId| match *program.types.kind(func.exprs[e.index()].ty) {
        TyKind::Int { size, signed: false, .. } if size < 4 => Some(1i64 << (8 * u32::from(size))),
        _ => None,
    };
    // What the comparison widens to an `int` is as it was.
    let limit = narrow(other).or_else(|| match func.exprs[other.index()].kind {
        ExprKind::Cast(inner) if matches!(*program.types.kind(func.exprs[other.index()].ty), TyKind::Int { size: 4.., .. }) => {
            narrow(inner)
        }
        _ => None,
    })?;
    (!(0..limit).contains(&constant)).then_some(op == BinOp::Ne)
}
