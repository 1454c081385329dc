//! Makes a [`Digest`] of a lowered function.

use crate::digest::*;
use cuthere_base::Symbol;
use cuthere_cfront::types::{Ty, TyKind, Types};
use cuthere_ir::{CallWhy, Callee, ExprId, ExprKind, Func, OpKind, Term};
use cuthere_kernel::Model;
use rustc_hash::FxHashMap;

/// Buffers reused from one function to the next.
#[derive(Default)]
pub struct Digester {
    map: FxHashMap<DExpr, EId>,
    exprs: Vec<DExpr>,
    of: Vec<EId>,
    args: Vec<EId>,
    ops: Vec<DOp>,
    blocks: Vec<DBlock>,
    /// Pointers dereferenced since the last store or call in this block.
    accessed: Vec<EId>,
    pending: Vec<(EId, Symbol)>,
    pointers: FxHashMap<Ty, bool>,
}

impl Digester {
    /// The digest of `func`, whose types are in `types`.
    pub fn digest(&mut self, func: &Func, types: &Types, model: &Model) -> Digest {
        self.map.clear();
        self.exprs.clear();
        self.of.clear();
        self.args.clear();
        self.ops.clear();
        self.blocks.clear();
        for (index, expr) in func.exprs.iter().enumerate() {
            let id = self.convert(index as u32, expr.kind, expr.ty, types);
            self.of.push(id);
        }
        for block in &func.blocks {
            let start = self.ops.len() as u32;
            self.accessed.clear();
            for op in func.block_ops(block) {
                self.op(func, op, model);
            }
            let term = self.term(func, &block.term, block);
            self.blocks.push(DBlock { ops: (start, self.ops.len() as u32), term, loc: block.loc, origin: block.origin });
        }
        Digest {
            name: func.name,
            file: func.file,
            loc: func.loc,
            params: func.params,
            is_static: func.is_static,
            is_inline: func.is_inline,
            ret_ptr: matches!(*types.kind(func.ret), TyKind::Pointer { .. }),
            ret_void: matches!(*types.kind(func.ret), TyKind::Void),
            complete: func.is_complete(),
            annotations: func.annotations.clone().into_boxed_slice(),
            locals: func.locals.iter().map(|l| l.name).collect(),
            exprs: self.exprs.as_slice().into(),
            args: self.args.as_slice().into(),
            ops: self.ops.as_slice().into(),
            blocks: std::mem::take(&mut self.blocks).into_boxed_slice(),
        }
    }

    fn intern(&mut self, expr: DExpr) -> EId {
        if let Some(&id) = self.map.get(&expr) {
            return id;
        }
        let id = self.exprs.len() as EId;
        self.exprs.push(expr);
        self.map.insert(expr, id);
        id
    }

    fn is_pointer(&mut self, ty: Ty, types: &Types) -> bool {
        *self.pointers.entry(ty).or_insert_with(|| matches!(*types.kind(ty), TyKind::Pointer { .. }))
    }

    fn convert(&mut self, index: u32, kind: ExprKind, ty: Ty, types: &Types) -> EId {
        let of = |e: ExprId| e.index();
        let expr = match kind {
            ExprKind::Local(l) => DExpr::Local(l.0),
            ExprKind::Global(name) => DExpr::Global(name),
            ExprKind::Deref(v) => match self.exprs[self.of[of(v)] as usize] {
                DExpr::Addr(place) => return place,
                _ => DExpr::Deref(self.of[of(v)]),
            },
            ExprKind::Field { base, record, name } => {
                let record = record.map_or(Symbol::EMPTY, |r| types.record_name(r));
                DExpr::Field { base: self.of[of(base)], record, name }
            }
            ExprKind::Index { base, index } => DExpr::Index { base: self.of[of(base)], index: self.of[of(index)] },
            ExprKind::Load(p) => {
                let pointer = self.is_pointer(ty, types);
                DExpr::Load(self.of[of(p)], pointer)
            }
            ExprKind::Addr(p) => match self.exprs[self.of[of(p)] as usize] {
                DExpr::Deref(value) => return value,
                _ => DExpr::Addr(self.of[of(p)]),
            },
            ExprKind::Function(name) => DExpr::Function(name),
            // 32-bit constants are kept sign-extended, so that `-1` and `0xffffffff` are one value.
            ExprKind::Int(value) => match (types.kind(ty), u32::try_from(value)) {
                (TyKind::Int { size: 4, .. }, Ok(v)) => DExpr::Int(i64::from(v as i32)),
                _ => DExpr::Int(value),
            },
            ExprKind::Str(_) => DExpr::Str,
            ExprKind::Float | ExprKind::SizeOf(_) | ExprKind::Opaque => DExpr::Opaque(index),
            ExprKind::Unary(op, a) => DExpr::Un(op, self.of[of(a)]),
            ExprKind::Binary(op, a, b) => DExpr::Bin(op, self.of[of(a)], self.of[of(b)]),
            // A narrowing cast of a value is followed only where it cannot change it; pointers and long integers dominate.
            ExprKind::Cast(a) => return self.of[of(a)],
            ExprKind::Select(c, t, f) => DExpr::Select(self.of[of(c)], self.of[of(t)], self.of[of(f)]),
            ExprKind::ContainerOf { ptr, record, field } => {
                let record = record.map_or(Symbol::EMPTY, |r| types.record_name(r));
                DExpr::ContainerOf { ptr: self.of[of(ptr)], record, field }
            }
        };
        self.intern(expr)
    }

    fn push(&mut self, kind: DOpKind, from: &cuthere_ir::Op) {
        self.ops.push(DOp { kind, loc: from.loc, origin: from.origin });
    }

    /// The dereferences that evaluating `e` makes, inner ones first. A place is not loaded unless `Load` is around it.
    fn accesses(&mut self, e: EId, depth: u32) {
        if depth > 64 {
            return;
        }
        match self.exprs[e as usize] {
            DExpr::Load(place, _) => self.place_access(place, Symbol::EMPTY, depth + 1),
            DExpr::Addr(place) => self.address_operands(place, depth + 1),
            DExpr::Un(_, a) => self.accesses(a, depth + 1),
            DExpr::Bin(_, a, b) => {
                self.accesses(a, depth + 1);
                self.accesses(b, depth + 1);
            }
            DExpr::Select(c, _, _) => self.accesses(c, depth + 1),
            DExpr::ContainerOf { ptr, .. } => self.accesses(ptr, depth + 1),
            _ => {}
        }
    }

    /// The dereferences that reaching a place for a load or store makes.
    fn place_access(&mut self, place: EId, member: Symbol, depth: u32) {
        if depth > 64 {
            return;
        }
        match self.exprs[place as usize] {
            DExpr::Deref(value) => {
                self.accesses(value, depth + 1);
                self.pending.push((value, member));
            }
            DExpr::Field { base, name, .. } => self.place_access(base, if member.is_empty() { name } else { member }, depth + 1),
            DExpr::Index { base, index } => {
                self.accesses(index, depth + 1);
                self.place_access(base, member, depth + 1);
            }
            _ => {}
        }
    }

    /// Computing an address dereferences nothing but what its operands do.
    fn address_operands(&mut self, place: EId, depth: u32) {
        if depth > 64 {
            return;
        }
        match self.exprs[place as usize] {
            DExpr::Deref(value) => self.accesses(value, depth + 1),
            DExpr::Field { base, .. } => self.address_operands(base, depth + 1),
            DExpr::Index { base, index } => {
                self.accesses(index, depth + 1);
                self.address_operands(base, depth + 1);
            }
            _ => {}
        }
    }

    fn flush_accesses(&mut self, from: &cuthere_ir::Op) {
        let pending = std::mem::take(&mut self.pending);
        for &(ptr, member) in &pending {
            if !self.accessed.contains(&ptr) {
                self.accessed.push(ptr);
                self.push(DOpKind::Access { ptr, member }, from);
            }
        }
        self.pending = pending;
        self.pending.clear();
    }

    fn range(&mut self, func: &Func, args: (u32, u32)) -> (u32, u32) {
        let start = self.args.len() as u32;
        for a in func.call_args(args) {
            self.args.push(self.of[a.index()]);
        }
        (start, self.args.len() as u32)
    }

    fn eval_args(&mut self, range: (u32, u32)) {
        for i in range.0..range.1 {
            self.accesses(self.args[i as usize], 0);
        }
    }

    fn op(&mut self, func: &Func, op: &cuthere_ir::Op, model: &Model) {
        match op.kind {
            OpKind::Store { place, value } => {
                let (place, value) = (self.of[place.index()], self.of[value.index()]);
                self.accesses(value, 0);
                self.place_access(place, Symbol::EMPTY, 0);
                self.flush_accesses(op);
                self.accessed.clear();
                self.push(DOpKind::Store { place, value }, op);
            }
            OpKind::Zero { place } => {
                let place = self.of[place.index()];
                self.place_access(place, Symbol::EMPTY, 0);
                self.flush_accesses(op);
                self.accessed.clear();
                self.push(DOpKind::Zero { place }, op);
            }
            OpKind::Eval(e) => {
                let e = self.of[e.index()];
                self.accesses(e, 0);
                self.flush_accesses(op);
            }
            OpKind::Call { dst, callee, args, why } => {
                let args = self.range(func, args);
                match callee {
                    Callee::Direct(name) if model.entry(name).is_some_and(|e| !e.unevaluated.is_empty()) => {
                        let skipped = &model.entry(name).expect("just found").unevaluated;
                        for i in args.0..args.1 {
                            if !skipped.contains(&((i - args.0) as u8)) {
                                self.accesses(self.args[i as usize], 0);
                            }
                        }
                    }
                    _ => self.eval_args(args),
                }
                let target = match callee {
                    Callee::Direct(name) => Target::Name(name),
                    Callee::Indirect(e) => {
                        let e = self.of[e.index()];
                        self.accesses(e, 0);
                        match self.exprs[e as usize] {
                            DExpr::Function(name) => Target::Name(name),
                            _ => Target::Pointer(e),
                        }
                    }
                };
                self.flush_accesses(op);
                self.accessed.clear();
                self.push(DOpKind::Call { dst: dst.map(|d| d.0), target, args, cleanup: why == CallWhy::Cleanup }, op);
            }
            OpKind::Declare(l) => self.push(DOpKind::Declare(l.0), op),
            OpKind::Asm => {}
            OpKind::LoopNext { name, args } => {
                let args = self.range(func, args);
                self.accessed.clear();
                self.push(DOpKind::LoopNext { name, args }, op);
            }
            OpKind::GuardEnter { class, args, id } => {
                let args = self.range(func, args);
                self.eval_args(args);
                self.flush_accesses(op);
                self.push(DOpKind::GuardEnter { class, args, id }, op);
            }
            OpKind::GuardExit { class, args, id } => {
                let args = self.range(func, args);
                self.push(DOpKind::GuardExit { class, args, id }, op);
            }
            OpKind::Gap(_) => self.push(DOpKind::Gap, op),
        }
    }

    fn term(&mut self, func: &Func, term: &Term, block: &cuthere_ir::Block) -> DTerm {
        let from = cuthere_ir::Op { kind: OpKind::Asm, loc: block.loc, origin: block.origin };
        match term {
            Term::Goto(b) => DTerm::Goto(b.0),
            Term::Branch { cond, then, els } => {
                let cond = self.of[cond.index()];
                self.accesses(cond, 0);
                self.flush_accesses(&from);
                DTerm::Branch { cond, then: then.0, els: els.0 }
            }
            Term::LoopBranch { name, args, body, exit } => {
                let args = self.range(func, *args);
                DTerm::LoopBranch { name: *name, args, body: body.0, exit: exit.0 }
            }
            Term::Switch { value, cases, default } => {
                let value = self.of[value.index()];
                self.accesses(value, 0);
                self.flush_accesses(&from);
                DTerm::Switch { value, cases: cases.iter().map(|c| (c.0, c.1, c.2.0)).collect(), default: default.0 }
            }
            Term::Return(value) => {
                let value = value.map(|v| self.of[v.index()]);
                if let Some(v) = value {
                    self.accesses(v, 0);
                    self.flush_accesses(&from);
                }
                DTerm::Return(value)
            }
            Term::Any(all) => DTerm::Any(all.iter().map(|b| b.0).collect()),
            Term::Unreachable => DTerm::Unreachable,
        }
    }
}
