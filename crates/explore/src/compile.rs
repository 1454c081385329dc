//! From a function's graph to instructions.
//!
//! Scalars whose address is never taken live in registers, everything else in memory objects. What cannot be expressed becomes
//! [`Ins::Unsupported`], which ends an execution as "unknown" only where it is reached.

use crate::code::*;
use crate::link::{FnKind, Linker};
use crate::open::open_locals;
use crate::primitives::Prim;
use crate::sizes::{field, size_of};
use cuthere_base::{Loc, Symbol};
use cuthere_cfront::ast::Space;
use cuthere_cfront::resolve;
use cuthere_cfront::types::{Ty, TyKind};
use cuthere_ir::func::*;

/// Elements that an array of variable length has room for: an access beside a shorter one is not found.
const VARIABLE_LENGTH: u32 = 256;

/// What a local holds before anything is assigned to it, where that is not explored.
const UNASSIGNED: i64 = 0x5a5a_5a5a;

/// What stands for an address that nothing is known about. Using it ends the execution as not understood, not as a fault.
pub const UNKNOWN_ADDRESS: u64 = 0xffff_c0de_0000_0000;

/// How a value of a type is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    Int(IntTy),
    Bool,
    /// By address; size in bytes.
    Aggregate(u32),
    Void,
}

/// Where a place is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Reg(Reg, IntTy),
    Mem { addr: Reg, off: i32 },
    Bits { addr: Reg, off: i32, bit: u8, width: u8 },
    Unknown,
}

/// What one compilation keeps.
struct Compiler<'a, 'l, 'p> {
    link: &'l mut Linker<'p>,
    f: &'a Func,
    code: Code,
    /// Register or slot of each local.
    locals: Vec<Home>,
    /// Locals whose address is taken.
    taken: Vec<bool>,
    next: Reg,
    at: Loc,
    origin: Symbol,
}

#[derive(Clone, Copy, Debug)]
enum Home {
    Reg(Reg),
    Slot(u16),
}

/// Compiles one function.
pub fn compile(link: &mut Linker<'_>, f: &Func) -> Code {
    let mut c =
        Compiler { link, f, code: Code::default(), locals: Vec::new(), taken: Vec::new(), next: 0, at: f.loc, origin: Symbol::EMPTY };
    c.code.name = f.name;
    c.code.file = f.file;
    c.code.loc = f.loc;
    c.place_locals();
    let fixed = c.next;
    c.blocks();
    c.code.regs = c.code.regs.max(c.next);
    c.close_locals(fixed);
    c.code
}

impl Compiler<'_, '_, '_> {
    fn shape(&self, ty: Ty) -> Shape {
        shape_of(self.link, ty)
    }

    fn int(&self, ty: Ty) -> IntTy {
        match self.shape(ty) {
            Shape::Int(int) => int,
            Shape::Bool => IntTy { size: 1, signed: false },
            _ => IntTy::LONG,
        }
    }

    fn size(&self, ty: Ty) -> u32 {
        size_of(self.link.program, ty) as u32
    }

    fn place_locals(&mut self) {
        let mut taken = vec![false; self.f.locals.len()];
        for e in &self.f.exprs {
            if let ExprKind::Addr(p) = e.kind
                && let ExprKind::Local(l) = self.f.expr(p).kind
                && let Some(t) = taken.get_mut(l.index())
            {
                *t = true;
            }
        }
        for (n, local) in self.f.locals.iter().enumerate() {
            let shape = self.shape(local.ty);
            let is_param = (n as u32) < self.f.params;
            let in_memory = taken[n] || matches!(shape, Shape::Aggregate(_)) || local.kind == LocalKind::Static;
            let home = if in_memory {
                let size = match self.link.program.types.kind(local.ty) {
                    // Its length is only known when it runs.
                    &TyKind::Array { of, len: None } => self.size(of).saturating_mul(VARIABLE_LENGTH).min(1 << 16),
                    _ => self.size(local.ty).max(if matches!(shape, Shape::Aggregate(_)) { 0 } else { 8 }),
                };
                let fixed = if local.kind == LocalKind::Static { self.link.static_local(self.f, LocalId(n as u32), size) } else { 0 };
                self.code.slots.push(Slot { size: size.max(1), fixed });
                Home::Slot((self.code.slots.len() as u16).wrapping_sub(1))
            } else {
                self.next += 1;
                Home::Reg(self.next - 1)
            };
            if is_param {
                self.code.params.push(match (home, shape) {
                    (Home::Reg(r), _) => Param::Reg(r),
                    (Home::Slot(slot), Shape::Aggregate(size)) => Param::Aggregate { slot, size },
                    (Home::Slot(slot), _) => Param::Scalar { slot, ty: self.int(local.ty) },
                });
            }
            self.locals.push(home);
        }
        self.taken = taken;
    }

    /// Leaves open only what some path of a program reads so; nobody sees the others.
    fn close_locals(&mut self, fixed: Reg) {
        let given = self.code.params.iter().filter_map(|p| if let Param::Reg(r) = p { Some(*r) } else { None });
        let open = if self.link.plain { open_locals(&self.code, fixed, given) } else { Vec::new() };
        for ins in &mut self.code.ins {
            if let Ins::Open { d, .. } = *ins
                && !open.contains(&d)
            {
                *ins = Ins::Const { d, v: UNASSIGNED };
            }
        }
    }

    fn blocks(&mut self) {
        let f = self.f;
        let fixed = self.next;
        let mut starts = Vec::with_capacity(f.blocks.len());
        for block in &f.blocks {
            starts.push(self.code.ins.len() as u32);
            for op in f.block_ops(block) {
                self.next = fixed;
                (self.at, self.origin) = (op.loc, op.origin);
                self.op(op);
                self.code.regs = self.code.regs.max(self.next);
            }
            self.next = fixed;
            (self.at, self.origin) = (block.loc, block.origin);
            self.term(&block.term);
            self.code.regs = self.code.regs.max(self.next);
        }
        let of = |b: u32| starts.get(b as usize).copied().unwrap_or(0);
        for ins in &mut self.code.ins {
            match ins {
                Ins::Jump { to } => *to = of(*to),
                Ins::Branch { then, els, .. } => (*then, *els) = (of(*then), of(*els)),
                _ => {}
            }
        }
        for (cases, default) in &mut self.code.switches {
            cases.iter_mut().for_each(|c| c.2 = of(c.2));
            *default = of(*default);
        }
        self.emit(Ins::Unreachable);
    }

    fn emit(&mut self, ins: Ins) {
        self.code.ins.push(ins);
        self.code.locs.push(self.at);
        self.code.origins.push(self.origin);
    }

    /// Remembers that the instruction that comes next works on an `_Atomic` object, if it does.
    fn mark_atomic(&mut self, ty: Ty) {
        if matches!(self.link.program.types.kind(ty), TyKind::Int { atomic: true, .. } | TyKind::Pointer { space: Space::Atomic, .. }) {
            self.code.atomic.push(self.code.ins.len() as u32);
        }
    }

    fn reg(&mut self) -> Reg {
        if self.next < Reg::MAX - 1 {
            self.next += 1;
        }
        self.next - 1
    }

    fn constant(&mut self, v: i64) -> Reg {
        let d = self.reg();
        self.emit(Ins::Const { d, v });
        d
    }

    fn unsupported(&mut self, what: &str) -> Reg {
        let note = self.code.notes.len() as u32;
        self.code.notes.push(what.to_owned());
        self.emit(Ins::Unsupported { note });
        self.constant(0)
    }

    // ---- operations ----

    fn op(&mut self, op: &Op) {
        match op.kind {
            OpKind::Store { place, value } => self.store(place, value),
            OpKind::Zero { place } => {
                let size = self.size(self.f.expr(place).ty);
                match self.place(place) {
                    Place::Reg(d, _) => self.emit(Ins::Const { d, v: 0 }),
                    Place::Mem { addr, off } => {
                        let a = self.offset(addr, off);
                        let unit = self.unit(self.f.expr(place).ty, 0);
                        self.emit(Ins::Zero { a, size, unit });
                    }
                    Place::Bits { addr, off, bit, width } => {
                        let s = self.constant(0);
                        self.emit(Ins::StoreBits { a: addr, s, off, bit, width });
                    }
                    Place::Unknown => {}
                }
            }
            OpKind::Eval(e) => {
                self.value(e);
            }
            OpKind::Call { dst, callee, args, why } => self.call(dst, callee, self.f.call_args(args), why),
            OpKind::Declare(local) => match self.locals.get(local.index()) {
                Some(&Home::Slot(slot)) => match self.f.lengths.iter().find(|l| l.0 == local).map(|l| self.locals[l.1.index()]) {
                    Some(Home::Reg(size)) => self.emit(Ins::DeclareSized { slot, size }),
                    _ => self.emit(Ins::Declare { slot }),
                },
                Some(&Home::Reg(d)) => self.emit(Ins::Open { d, ty: self.int(self.f.locals[local.index()].ty) }),
                None => {}
            },
            OpKind::Asm => {}
            OpKind::GuardEnter { class, args, .. } => self.guard(class, args, true),
            OpKind::GuardExit { class, args, .. } => self.guard(class, args, false),
            OpKind::LoopNext { name, .. } => {
                self.unsupported(&format!("the loop macro {}", name.as_str()));
            }
            OpKind::Gap(n) => {
                let reason = self.f.gaps.get(n as usize).map_or(String::new(), |g| g.reason.clone());
                self.unsupported(&reason);
            }
        }
    }

    fn store(&mut self, place: ExprId, value: ExprId) {
        let ty = self.f.expr(place).ty;
        if let Shape::Aggregate(size) = self.shape(ty) {
            let s = self.value(value);
            if let Place::Mem { addr, off } = self.place(place)
                && !matches!(self.f.expr(value).kind, ExprKind::Opaque)
            {
                let d = self.offset(addr, off);
                let unit = self.unit(ty, 0);
                self.emit(Ins::Copy { d, s, size, unit });
            }
            return;
        }
        let s = self.converted(value, ty);
        match self.place(place) {
            Place::Reg(d, int) => {
                if int.size == 8 {
                    self.emit(Ins::Mov { d, s });
                } else {
                    self.emit(Ins::Fit { d, s, ty: int });
                }
            }
            Place::Mem { addr, off } => {
                self.mark_atomic(ty);
                self.emit(Ins::Store { a: addr, s, off, ty: self.int(ty) });
            }
            Place::Bits { addr, off, bit, width } => self.emit(Ins::StoreBits { a: addr, s, off, bit, width }),
            Place::Unknown => {
                self.unsupported("a store to a member of an unknown type");
            }
        }
    }

    fn guard(&mut self, class: Symbol, args: (u32, u32), enter: bool) {
        let names = self.link.model.guard(class).map(|g| if enter { g.enter } else { g.exit });
        let Some(name) = names else {
            self.unsupported(&format!("guard({})", class.as_str()));
            return;
        };
        let args = self.f.call_args(args);
        // The argument may be a smart pointer's value; guards take at most one.
        self.call(None, Callee::Direct(name), args, CallWhy::Written);
    }

    fn call(&mut self, dst: Option<LocalId>, callee: Callee, args: &[ExprId], why: CallWhy) {
        let mut name = Symbol::EMPTY;
        let target = match callee {
            Callee::Direct(symbol) => {
                name = symbol;
                if why == CallWhy::Cleanup
                    && let Some(class) = symbol.as_str().strip_prefix("__free_")
                {
                    match self.link.model.free_class(Symbol::intern(class)) {
                        Some(class) => name = class.calls,
                        None => {
                            self.unsupported(&format!("__free({class})"));
                            return;
                        }
                    }
                }
                Target::Function(self.link.function(self.f.file, name))
            }
            Callee::Indirect(e) => Target::Pointer(self.value(e)),
        };
        let params = self.parameters(callee);
        let unseen =
            matches!(target, Target::Function(id) if matches!(self.link.functions[id.0 as usize].kind, FnKind::Prim(Prim::Give(_))));
        let mut regs = Vec::with_capacity(args.len());
        for (n, &arg) in args.iter().enumerate() {
            let ty = self.f.expr(arg).ty;
            // Beyond the parameters, a `float` becomes a `double`.
            let to =
                params.as_ref().map(|params| params.get(n).copied().unwrap_or(if self.num(ty) == Num::F32 { self.double() } else { ty }));
            // Whoever looks at nothing does not need to know where it is.
            if unseen && matches!(self.f.expr(arg).kind, ExprKind::Addr(_)) {
                regs.push(self.constant(0));
                continue;
            }
            let value = match to {
                Some(to) => self.converted(arg, to),
                None => self.value(arg),
            };
            regs.push(self.kept(arg, value));
        }
        let types = &self.link.program.types;
        let object = args.first().and_then(|&a| types.pointee(self.f.expr(a).ty));
        let pointee = object.map_or(IntTy::LONG, |ty| self.scalar_inside(ty));
        let scale = object.and_then(|ty| types.pointee(ty)).map_or(1, |to| self.size(to)).max(1);
        let given = args.iter().map(|&a| self.given(self.f.expr(a).ty)).collect();
        let mut site = CallSite { given, target, args: regs, dst: None, dst_size: 0, dst_ty: IntTy::LONG, pointee, scale, name };
        let mut after = None;
        if let Some(local) = dst {
            let ty = self.f.locals[local.index()].ty;
            match (self.locals[local.index()], self.shape(ty)) {
                (Home::Slot(slot), Shape::Aggregate(size)) => {
                    let d = self.reg();
                    self.emit(Ins::Local { d, slot });
                    (site.dst, site.dst_size) = (Some(d), size);
                }
                (Home::Slot(slot), _) => {
                    let d = self.reg();
                    (site.dst, site.dst_ty) = (Some(d), self.int(ty));
                    after = Some((slot, d, self.int(ty)));
                }
                (Home::Reg(d), _) => (site.dst, site.dst_ty) = (Some(d), self.int(ty)),
            }
        }
        let n = self.code.sites.len() as u32;
        self.code.sites.push(site);
        self.emit(Ins::Call { site: n });
        if let Some((slot, s, ty)) = after {
            let a = self.reg();
            self.emit(Ins::Local { d: a, slot });
            self.emit(Ins::Store { a, s, off: 0, ty });
        }
    }

    fn given(&self, ty: Ty) -> Given {
        let pointee = self.link.program.types.pointee(ty).map_or(IntTy::LONG, |to| self.scalar_inside(to));
        Given { ty: self.int(ty), pointee, output: self.output(ty) }
    }

    /// How many bytes a function may write that is given a pointer of this type: the object, or all behind it where the type does not say.
    fn output(&self, ty: Ty) -> u32 {
        match *self.link.program.types.kind(ty) {
            TyKind::Pointer { to, .. } => match self.link.program.types.kind(to) {
                TyKind::Function { .. } => 0,
                TyKind::Void | TyKind::Unknown => u32::MAX,
                TyKind::Int { size: 1, .. } => u32::MAX,
                _ => self.size(to),
            },
            _ => 0,
        }
    }

    /// An integer type, or that of the first scalar inside a wrapper such as `atomic_t`.
    fn scalar_inside(&self, mut ty: Ty) -> IntTy {
        for _ in 0..4 {
            match self.link.program.types.kind(ty) {
                TyKind::Record(id) => match resolve::record(self.link.program, *id).fields.first() {
                    Some(field) => ty = field.ty,
                    None => break,
                },
                TyKind::Array { of, .. } => ty = *of,
                _ => break,
            }
        }
        self.int(ty)
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Goto(to) => self.emit(Ins::Jump { to: to.0 }),
            Term::Branch { cond, then, els } => {
                let c = self.tested(*cond);
                self.emit(Ins::Branch { c, then: then.0, els: els.0 });
            }
            Term::LoopBranch { name, .. } => {
                self.unsupported(&format!("the loop macro {}", name.as_str()));
            }
            Term::Switch { value, cases, default } => {
                let v = self.value(*value);
                let table = self.code.switches.len() as u32;
                self.code.switches.push((cases.iter().map(|c| (c.0, c.1, c.2.0)).collect(), default.0));
                self.emit(Ins::Switch { v, table });
            }
            Term::Return(value) => {
                let (s, size) = match *value {
                    None => (None, 0),
                    Some(e) => match self.shape(self.f.ret) {
                        Shape::Aggregate(size) => {
                            let s = self.value(e);
                            (Some(self.kept(e, s)), size)
                        }
                        Shape::Bool => (Some(self.converted(e, self.f.ret)), 0),
                        Shape::Int(ty) => {
                            let s = self.converted(e, self.f.ret);
                            let d = self.reg();
                            self.emit(Ins::Fit { d, s, ty });
                            (Some(d), 0)
                        }
                        Shape::Void => {
                            self.value(e);
                            (None, 0)
                        }
                    },
                };
                self.emit(Ins::Ret { s, size });
            }
            Term::Any(targets) => {
                if targets.len() != 1 {
                    self.unsupported("a computed goto");
                }
                self.emit(Ins::Jump { to: targets.first().map_or(0, |t| t.0) });
            }
            Term::Unreachable => self.emit(Ins::Unreachable),
        }
    }

    // ---- places ----

    fn offset(&mut self, addr: Reg, off: i32) -> Reg {
        if off == 0 {
            return addr;
        }
        let d = self.reg();
        self.emit(Ins::AddConst { d, a: addr, v: off });
        d
    }

    fn place(&mut self, e: ExprId) -> Place {
        let expr = *self.f.expr(e);
        match expr.kind {
            ExprKind::Local(l) => match self.locals.get(l.index()) {
                Some(&Home::Reg(r)) => Place::Reg(r, self.int(expr.ty)),
                Some(&Home::Slot(slot)) => {
                    let addr = self.reg();
                    self.emit(Ins::Local { d: addr, slot });
                    Place::Mem { addr, off: 0 }
                }
                None => Place::Unknown,
            },
            ExprKind::Global(name) => {
                let v = self.link.global(self.f.file, name, self.size(expr.ty));
                if self.link.is_undeclared(name) {
                    self.unsupported(&format!("no declaration of `{name}`"));
                }
                let addr = match self.link.copies(v) {
                    Some(copies) => {
                        let d = self.reg();
                        self.emit(Ins::Own { d, copies });
                        d
                    }
                    None => self.constant(v as i64),
                };
                Place::Mem { addr, off: 0 }
            }
            ExprKind::Deref(p) => {
                // `*(&x->a + 3)` and the like keep their offset in the instruction.
                Place::Mem { addr: self.value(p), off: 0 }
            }
            ExprKind::Field { base, record, name } => {
                let place = self.place(base);
                let Place::Mem { addr, off } = place else { return Place::Unknown };
                let record = record.or_else(|| match self.link.program.types.kind(self.f.expr(base).ty) {
                    TyKind::Record(id) => Some(*id),
                    _ => None,
                });
                let Some((bits, width)) = record.and_then(|r| field(self.link.program, r, name)) else { return Place::Unknown };
                match width {
                    None => Place::Mem { addr, off: off.saturating_add((bits / 8) as i32) },
                    Some(width) => {
                        let unit = u64::from(self.int(expr.ty).size.max(1)) * 8;
                        let start = bits / unit * unit;
                        let start = if bits - start + u64::from(width) > unit { bits / 8 * 8 } else { start };
                        Place::Bits {
                            addr,
                            off: off.saturating_add((start / 8) as i32),
                            bit: (bits - start) as u8,
                            width: width.min(64) as u8,
                        }
                    }
                }
            }
            ExprKind::Index { base, index } => {
                let Place::Mem { addr, off } = self.place(base) else { return Place::Unknown };
                let scale = self.size(expr.ty) as i32;
                if scale == 0 && matches!(self.link.program.types.kind(expr.ty), TyKind::Array { len: None, .. }) {
                    self.unsupported("an array of arrays of variable length");
                }
                if let ExprKind::Int(v) = self.f.expr(index).kind
                    && let Ok(v) = i32::try_from(v.saturating_mul(i64::from(scale)))
                {
                    return Place::Mem { addr, off: off.saturating_add(v) };
                }
                let b = self.value(index);
                let d = self.reg();
                self.emit(Ins::Index { d, a: addr, b, scale });
                Place::Mem { addr: d, off }
            }
            _ => {
                // A value of aggregate type is its address.
                if matches!(self.shape(expr.ty), Shape::Aggregate(_)) && !matches!(expr.kind, ExprKind::Opaque) {
                    let addr = self.value(e);
                    return Place::Mem { addr, off: 0 };
                }
                Place::Unknown
            }
        }
    }

    // ---- values ----

    fn value(&mut self, e: ExprId) -> Reg {
        let expr = *self.f.expr(e);
        match expr.kind {
            ExprKind::Local(_) | ExprKind::Global(_) | ExprKind::Deref(_) | ExprKind::Field { .. } | ExprKind::Index { .. } => {
                self.address(e)
            }
            ExprKind::Load(p) => self.load(p, expr.ty),
            ExprKind::Addr(p) => self.address(p),
            ExprKind::Function(name) => {
                let id = self.link.function(self.f.file, name);
                self.constant(Linker::function_address(id) as i64)
            }
            ExprKind::Int(v) => match self.num(expr.ty) {
                Num::Int(_) => self.constant(v),
                to => self.constant(crate::machine::converted(v, Num::Int(IntTy::LONG), to)),
            },
            ExprKind::Str(text) => {
                let addr = self.link.string(text);
                self.constant(addr as i64)
            }
            ExprKind::Float(bits) => self.constant(crate::machine::converted(bits as i64, Num::F64, self.num(expr.ty))),
            ExprKind::Unary(op, x) => self.unary(op, x, expr.ty),
            ExprKind::Binary(op, a, b) => self.binary(op, a, b, expr.ty),
            ExprKind::Cast(x) => self.cast(x, expr.ty),
            ExprKind::Select(c, t, e) => {
                let c = self.tested(c);
                let (t, e) = (self.matched(t, expr.ty), self.matched(e, expr.ty));
                let d = self.reg();
                self.emit(Ins::Select { d, c, t, e });
                d
            }
            ExprKind::ContainerOf { ptr, record, field: name } => {
                let a = self.value(ptr);
                match record.and_then(|r| field(self.link.program, r, name)) {
                    Some((bits, _)) => self.offset(a, -((bits / 8) as i32)),
                    None => self.unsupported("container_of with an unknown type"),
                }
            }
            ExprKind::SizeOf(ty) => {
                let size = i64::from(self.size(ty));
                self.constant(size)
            }
            ExprKind::Opaque => {
                let pointer =
                    matches!(self.link.program.types.kind(expr.ty), TyKind::Pointer { .. } | TyKind::Unknown | TyKind::Function { .. });
                let path = self.link.program.source.path(self.f.file);
                let origin = self.origin.as_str();
                let of = if origin.is_empty() { String::new() } else { format!(", of the macro {origin}") };
                let note = self.code.notes.len() as u32;
                self.code.notes.push(format!("what cannot be executed at {path}:{}{of}", self.at.line));
                let d = self.reg();
                self.emit(Ins::Guess { d, v: if pointer { UNKNOWN_ADDRESS as i64 } else { 0 }, note });
                d
            }
        }
    }

    fn address(&mut self, p: ExprId) -> Reg {
        match self.place(p) {
            Place::Mem { addr, off } | Place::Bits { addr, off, .. } => self.offset(addr, off),
            Place::Reg(r, _) => r,
            Place::Unknown => self.unsupported("the address of a member of an unknown type"),
        }
    }

    fn load(&mut self, p: ExprId, ty: Ty) -> Reg {
        match (self.place(p), self.shape(ty)) {
            (Place::Reg(r, _), _) => r,
            (Place::Mem { addr, off }, Shape::Aggregate(_)) => self.offset(addr, off),
            (Place::Mem { addr, off }, _) => {
                let (d, int) = (self.reg(), self.int(ty));
                self.mark_atomic(ty);
                self.emit(Ins::Load { d, a: addr, off, ty: int });
                d
            }
            (Place::Bits { addr, off, bit, width }, _) => {
                let (d, signed) = (self.reg(), self.int(ty).signed);
                self.emit(Ins::LoadBits { d, a: addr, off, bit, width, signed });
                d
            }
            (Place::Unknown, _) => self.unsupported("a load of a member of an unknown type"),
        }
    }

    /// The type's numbers. A `long double` is kept as a `double`.
    fn num(&self, ty: Ty) -> Num {
        match *self.link.program.types.kind(ty) {
            TyKind::Float { size: 4 } => Num::F32,
            TyKind::Float { .. } => Num::F64,
            _ => Num::Int(self.int(ty)),
        }
    }

    fn is_float(&self, ty: Ty) -> bool {
        matches!(self.link.program.types.kind(ty), TyKind::Float { .. })
    }

    fn double(&self) -> Ty {
        self.link.program.types.intern(TyKind::Float { size: 8 })
    }

    /// A value of a floating type if the other one is; as it is otherwise.
    fn matched(&mut self, e: ExprId, ty: Ty) -> Reg {
        if self.is_float(ty) || self.is_float(self.f.expr(e).ty) { self.converted(e, ty) } else { self.value(e) }
    }

    /// A value as another type holds it, where floating numbers or truths are concerned; integers are made to fit where they are stored.
    fn converted(&mut self, e: ExprId, ty: Ty) -> Reg {
        if self.shape(ty) == Shape::Bool {
            return self.truth(e, false);
        }
        let of = self.f.expr(e).ty;
        let s = self.value(e);
        if !self.is_float(of) && !self.is_float(ty) || of == Ty::UNKNOWN || ty == Ty::UNKNOWN {
            return s;
        }
        let (from, to) = (self.num(of), self.num(ty));
        if from == to {
            return s;
        }
        let d = self.reg();
        self.emit(Ins::Convert { d, s, from, to });
        d
    }

    /// A value of which only matters whether it is nought.
    fn tested(&mut self, e: ExprId) -> Reg {
        if self.is_float(self.f.expr(e).ty) { self.truth(e, false) } else { self.value(e) }
    }

    /// Whether a value is not nought, or is, as a register that holds 0 or 1.
    fn truth(&mut self, e: ExprId, not: bool) -> Reg {
        let ty = self.f.expr(e).ty;
        let s = self.value(e);
        let d;
        if self.is_float(ty) {
            let b = self.constant(0);
            d = self.reg();
            let op = if not { BinOp::Eq } else { BinOp::Ne };
            self.emit(Ins::Float { op, d, a: s, b, single: self.num(ty) == Num::F32 });
        } else {
            d = self.reg();
            self.emit(Ins::Truth { d, s, not });
        }
        d
    }

    /// The types of a called function's parameters, if any of them or of the arguments may be a floating one.
    fn parameters(&self, callee: Callee) -> Option<std::sync::Arc<[Ty]>> {
        let types = &self.link.program.types;
        let ty = match callee {
            Callee::Direct(name) => match resolve::ordinary(self.link.program, self.f.file, name) {
                Some(resolve::Ordinary::Function { ty, .. }) => ty,
                _ => return None,
            },
            Callee::Indirect(e) => types.pointee(self.f.expr(e).ty)?,
        };
        match types.kind(ty) {
            TyKind::Function { params, .. } => Some(params.clone()),
            _ => None,
        }
    }

    /// A copy of an aggregate that others might change before the callee has it; all other values as they are.
    fn kept(&mut self, e: ExprId, value: Reg) -> Reg {
        let ty = self.f.expr(e).ty;
        let Shape::Aggregate(size) = self.shape(ty) else { return value };
        let ExprKind::Load(place) = self.f.expr(e).kind else { return value };
        if let ExprKind::Local(local) = self.f.expr(place).kind
            && self.taken.get(local.index()) == Some(&false)
        {
            return value;
        }
        self.code.slots.push(Slot { size: size.max(1), fixed: 0 });
        let slot = (self.code.slots.len() as u16).wrapping_sub(1);
        let (d, unit) = (self.reg(), self.unit(ty, 0));
        self.emit(Ins::Local { d, slot });
        self.emit(Ins::Copy { d, s: value, size, unit });
        d
    }

    /// The largest piece in which a machine of 64 bits moves an object of this type: no larger than its members, but a word of 32 bits.
    fn unit(&self, ty: Ty, depth: u32) -> u8 {
        match *self.link.program.types.kind(ty) {
            TyKind::Array { of, .. } => self.unit(of, depth),
            TyKind::Record(record) if depth < 8 => {
                let fields = &resolve::record(self.link.program, record).fields;
                fields.iter().map(|field| self.unit(field.ty, depth + 1)).min().unwrap_or(8)
            }
            TyKind::Bool | TyKind::Enum(_) => 4,
            TyKind::Int { size, .. } | TyKind::Float { size } if size <= 4 => 4,
            _ => 8,
        }
    }

    fn unary(&mut self, op: UnOp, x: ExprId, ty: Ty) -> Reg {
        if op == UnOp::Not {
            return self.truth(x, true);
        }
        if op == UnOp::Neg && self.is_float(self.f.expr(x).ty) {
            let s = self.value(x);
            let single = self.num(self.f.expr(x).ty) == Num::F32;
            let sign = self.constant(if single { 1 << 31 } else { i64::MIN });
            let d = self.reg();
            self.emit(Ins::Bin { op: BinOp::Xor, d, a: s, b: sign, ty: IntTy { size: if single { 4 } else { 8 }, signed: false } });
            return d;
        }
        let s = self.value(x);
        let d = self.reg();
        let ty = self.int(ty);
        match op {
            UnOp::Neg => self.emit(Ins::Neg { d, s, ty }),
            UnOp::BitNot => self.emit(Ins::BitNot { d, s, ty }),
            _ => self.emit(Ins::Fit { d, s, ty }),
        }
        d
    }

    fn is_pointer(&self, ty: Ty) -> bool {
        matches!(self.link.program.types.kind(ty), TyKind::Pointer { .. } | TyKind::Array { .. } | TyKind::Function { .. })
    }

    fn binary(&mut self, op: BinOp, x: ExprId, y: ExprId, ty: Ty) -> Reg {
        let (tx, tyy) = (self.f.expr(x).ty, self.f.expr(y).ty);
        if self.is_float(tx) || self.is_float(tyy) {
            let wide = if self.num(tx) == Num::F64 || self.num(tyy) == Num::F64 || !self.is_float(tx) && !self.is_float(tyy) {
                self.double()
            } else if self.is_float(tx) {
                tx
            } else {
                tyy
            };
            let (a, b) = (self.converted(x, wide), self.converted(y, wide));
            let d = self.reg();
            self.emit(Ins::Float { op, d, a, b, single: self.num(wide) == Num::F32 });
            return d;
        }
        let (a, b) = (self.value(x), self.value(y));
        let d = self.reg();
        if self.is_pointer(tx) && matches!(op, BinOp::Add | BinOp::Sub) {
            let size = self.link.program.types.pointee(tx).map_or(1, |to| self.size(to)).max(1);
            if op == BinOp::Add {
                self.emit(Ins::Index { d, a, b, scale: size as i32 });
            } else if self.is_pointer(tyy) {
                self.emit(Ins::PtrDiff { d, a, b, size });
            } else {
                self.emit(Ins::Index { d, a, b, scale: -(size as i32) });
            }
            return d;
        }
        let (ix, iy) = (self.int(tx), self.int(tyy));
        match op {
            BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge | BinOp::Eq | BinOp::Ne => {
                let common = if self.is_pointer(tx) || self.is_pointer(tyy) { IntTy::ULONG } else { common(ix, iy) };
                let (a, b) = (self.fit(a, common), self.fit(b, common));
                self.emit(Ins::Cmp { op, d, a, b, ty: common });
            }
            BinOp::Shl | BinOp::Shr => self.emit(Ins::Bin { op, d, a, b, ty: self.int(ty) }),
            _ => {
                let to = self.int(ty);
                let (a, b) = (self.fit(a, to), self.fit(b, to));
                self.emit(Ins::Bin { op, d, a, b, ty: to });
            }
        }
        d
    }

    fn fit(&mut self, s: Reg, ty: IntTy) -> Reg {
        if ty.size == 8 {
            return s;
        }
        let d = self.reg();
        self.emit(Ins::Fit { d, s, ty });
        d
    }

    fn cast(&mut self, x: ExprId, ty: Ty) -> Reg {
        let s = self.converted(x, ty);
        match self.shape(ty) {
            Shape::Int(int) if !self.is_float(ty) => self.fit(s, int),
            _ => s,
        }
    }
}

/// C's usual arithmetic conversion of two integer types.
fn common(a: IntTy, b: IntTy) -> IntTy {
    let promote = |t: IntTy| if t.size < 4 { IntTy { size: 4, signed: true } } else { t };
    let (a, b) = (promote(a), promote(b));
    let size = a.size.max(b.size);
    let unsigned = (a.size == size && !a.signed) || (b.size == size && !b.signed);
    IntTy { size, signed: !unsigned }
}

fn shape_of(link: &Linker<'_>, ty: Ty) -> Shape {
    match *link.program.types.kind(ty) {
        TyKind::Void => Shape::Void,
        TyKind::Bool => Shape::Bool,
        TyKind::Int { size, signed, .. } if size <= 8 => Shape::Int(IntTy { size, signed }),
        TyKind::Int { size, .. } => Shape::Aggregate(u32::from(size)),
        // Its bits; a `long double` is kept as a `double`.
        TyKind::Float { size } => Shape::Int(IntTy { size: size.min(8), signed: true }),
        TyKind::Pointer { .. } | TyKind::Function { .. } => Shape::Int(IntTy::ULONG),
        TyKind::Enum(_) => Shape::Int(IntTy { size: 4, signed: true }),
        TyKind::Array { .. } | TyKind::Record(_) => Shape::Aggregate(size_of(link.program, ty) as u32),
        TyKind::Builtin(_) => Shape::Aggregate(24),
        TyKind::Unknown => Shape::Int(IntTy::LONG),
    }
}
