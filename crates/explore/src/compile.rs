//! From a function's graph to instructions.
//!
//! Scalars whose address is never taken live in registers, everything else in memory objects. What cannot be expressed becomes
//! [`Ins::Unsupported`], which ends an execution as "unknown" only where it is reached.

mod names;
mod places;
mod values;

use crate::classes;
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
    /// As what the registers of locals hold their values; none: as whoever calls gives them.
    held: Vec<Option<IntTy>>,
    /// Where the operation begins that is being compiled.
    begun: usize,
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
    let mut c = Compiler {
        link,
        f,
        code: Code::default(),
        locals: Vec::new(),
        taken: Vec::new(),
        held: Vec::new(),
        begun: 0,
        next: 0,
        at: f.loc,
        origin: Symbol::EMPTY,
    };
    c.code.name = f.name;
    c.code.file = f.file;
    c.code.loc = f.loc;
    c.code.header = c.link.program.source.path(f.file).ends_with(".h");
    let room = f.exprs.len() + f.blocks.len();
    c.code.ins.reserve(room);
    c.code.locs.reserve(room);
    c.code.origins.reserve(room);
    c.place_locals();
    c.name_variables();
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
        // What a call gives may be open, and is then of the called function's type.
        let given: Vec<LocalId> =
            self.f.ops.iter().filter_map(|op| if let OpKind::Call { dst, .. } = op.kind { dst } else { None }).collect();
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
                self.held.push(if is_param || given.contains(&LocalId(n as u32)) { None } else { Some(self.int(local.ty)) });
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
            if let Ins::Open { d, ty } = *ins
                && !open.contains(&d)
            {
                *ins = Ins::Const { d, v: ty.fit(UNASSIGNED) };
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
                (self.next, self.begun) = (fixed, self.code.ins.len());
                (self.at, self.origin) = (op.loc, op.origin);
                self.op(op);
                self.code.regs = self.code.regs.max(self.next);
            }
            (self.next, self.begun) = (fixed, self.code.ins.len());
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
            Place::Mem { .. } if self.is_unknown(ty) => {
                self.unsupported("a store of an unknown type");
            }
            Place::Mem { addr, off } => {
                self.mark_atomic(ty);
                self.name_access(place);
                self.emit(Ins::Store { a: addr, s, off, ty: self.int(ty) });
            }
            Place::Bits { addr, off, bit, width } => {
                self.name_access(place);
                self.emit(Ins::StoreBits { a: addr, s, off, bit, width });
            }
            Place::Unknown => {
                self.unsupported("a store to a member of an unknown type");
            }
        }
    }

    fn guard(&mut self, class: Symbol, args: (u32, u32), enter: bool) {
        let names = self.link.model.guard(class).map(|g| if enter { g.enter } else { g.exit });
        let Some(name) = names.or_else(|| self.own(&classes::section(class.as_str(), enter))) else {
            self.unsupported(&format!("guard({})", class.as_str()));
            return;
        };
        let args = self.f.call_args(args);
        // The argument may be a smart pointer's value; guards take at most one.
        self.call(None, Callee::Direct(name), args, CallWhy::Written);
    }

    /// The name of a function that the tree's own file defines.
    fn own(&mut self, name: &str) -> Option<Symbol> {
        let name = Symbol::find(name)?;
        let id = self.link.function(self.f.file, name);
        matches!(self.link.functions[id.0 as usize].kind, FnKind::Body(_)).then_some(name)
    }

    fn call(&mut self, dst: Option<LocalId>, callee: Callee, args: &[ExprId], why: CallWhy) {
        let mut name = Symbol::EMPTY;
        let target = match callee {
            Callee::Direct(symbol) => {
                name = symbol;
                if why == CallWhy::Cleanup
                    && let Some(class) = symbol.as_str().strip_prefix("__free_")
                {
                    let calls = self.link.model.free_class(Symbol::intern(class)).map(|class| class.calls);
                    match calls.or_else(|| self.own(&classes::release(class))) {
                        Some(calls) => name = calls,
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
        let given = args.iter().map(|&a| self.given(a)).collect();
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

    fn given(&self, e: ExprId) -> Given {
        let ty = self.f.expr(e).ty;
        let pointee = self.link.program.types.pointee(ty).map_or(IntTy::LONG, |to| self.scalar_inside(to));
        Given { ty: self.int(ty), pointee, output: self.output(ty), text: self.argument_text(e) }
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
