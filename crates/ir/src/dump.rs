//! A function as text: one operation per line with its source line, for `--dump-ir` and for tests.
//!
//! Stable: the same function gives the same text, whatever the ids were. Locals of the same name are told apart by a number, temporaries
//! are `%0`, `%1` … in order of their making.

use crate::func::*;
use crate::print;
use cuthere_base::{Loc, Symbol};
use std::fmt::Write;

/// What the caller has to say about an operation.
pub type Annotate<'a> = &'a dyn Fn(&Func, &Op) -> Option<String>;

/// What the dump asks of its caller.
#[derive(Clone, Copy, Default)]
pub struct DumpOptions<'a> {
    /// What a call means, written after it: the kernel model's view.
    pub annotate: Option<Annotate<'a>>,
    /// The name of a type, for `sizeof`, casts and locals.
    pub type_name: Option<&'a dyn Fn(cuthere_cfront::types::Ty) -> String>,
}

/// The text of a function.
pub fn dump(f: &Func, options: &DumpOptions<'_>) -> String {
    let mut dump = Dump { f, options, out: String::new(), names: local_names(f) };
    dump.function();
    dump.out
}

fn local_names(f: &Func) -> Vec<String> {
    let mut names = Vec::with_capacity(f.locals.len());
    let mut seen: rustc_hash::FxHashMap<Symbol, u32> = rustc_hash::FxHashMap::default();
    let mut temps = 0;
    for local in &f.locals {
        if local.name.is_empty() {
            names.push(format!("%{temps}"));
            temps += 1;
            continue;
        }
        let count = seen.entry(local.name).or_insert(0);
        *count += 1;
        names.push(if *count == 1 { local.name.to_string() } else { format!("{}.{}", local.name, count) });
    }
    names
}

struct Dump<'a> {
    f: &'a Func,
    options: &'a DumpOptions<'a>,
    out: String,
    names: Vec<String>,
}

impl Dump<'_> {
    fn function(&mut self) {
        let f = self.f;
        let _ = write!(self.out, "function {}(", f.name);
        for index in 0..f.params {
            if index > 0 {
                self.out.push_str(", ");
            }
            let name = self.local_name(LocalId(index));
            self.out.push_str(&name);
        }
        if f.is_variadic {
            self.out.push_str(", ...");
        }
        self.out.push(')');
        for annotation in &f.annotations {
            let _ = write!(self.out, " {annotation}");
        }
        let _ = writeln!(self.out, " @{}", f.loc.line);
        for (index, block) in f.blocks.iter().enumerate() {
            let _ = writeln!(self.out, "b{index}:");
            for op in f.block_ops(block) {
                self.op(op);
            }
            let mut text = String::new();
            self.term(&block.term, &mut text);
            self.line(block.loc, block.origin, &text, None);
        }
        for gap in &f.gaps {
            let _ = writeln!(self.out, "gap @{}: {}", gap.loc.line, gap.reason);
        }
    }

    fn line(&mut self, loc: Loc, origin: Symbol, text: &str, note: Option<String>) {
        let _ = write!(self.out, "{:>5}  {text}", loc.line);
        if !origin.is_empty() {
            let _ = write!(self.out, "  [{origin}]");
        }
        if let Some(note) = note {
            let _ = write!(self.out, "  ; {note}");
        }
        self.out.push('\n');
    }

    fn local_name(&self, id: LocalId) -> String {
        match self.names.get(id.index()) {
            Some(name) => name.clone(),
            None => "%?".to_owned(),
        }
    }

    fn op(&mut self, op: &Op) {
        let mut t = String::new();
        match op.kind {
            OpKind::Store { place, value } => {
                self.expr(place, &mut t, 0);
                t.push_str(" = ");
                self.expr(value, &mut t, 0);
            }
            OpKind::Zero { place } => {
                t.push_str("zero ");
                self.expr(place, &mut t, 0);
            }
            OpKind::Eval(value) => {
                t.push_str("eval ");
                self.expr(value, &mut t, 0);
            }
            OpKind::Call { dst, callee, args, why } => {
                if let Some(dst) = dst {
                    t.push_str(&self.local_name(dst));
                    t.push_str(" = ");
                }
                if why == CallWhy::Cleanup {
                    t.push_str("cleanup ");
                }
                match callee {
                    Callee::Direct(name) => t.push_str(name.as_str()),
                    Callee::Indirect(target) => {
                        t.push_str("(*");
                        self.expr(target, &mut t, 0);
                        t.push(')');
                    }
                }
                self.args(args, &mut t);
            }
            OpKind::Declare(local) => {
                t.push_str("declare ");
                t.push_str(&self.local_name(local));
            }
            OpKind::Asm => t.push_str("asm"),
            OpKind::LoopNext { name, args } => {
                let _ = write!(t, "next {name}");
                self.args(args, &mut t);
            }
            OpKind::GuardEnter { class, args, id } => {
                let _ = write!(t, "enter #{id} {class}");
                self.args(args, &mut t);
            }
            OpKind::GuardExit { class, args, id } => {
                let _ = write!(t, "exit #{id} {class}");
                self.args(args, &mut t);
            }
            OpKind::Gap(index) => {
                let reason = self.f.gaps.get(index as usize).map_or("", |g| g.reason.as_str());
                let _ = write!(t, "gap: {reason}");
            }
        }
        let note = self.options.annotate.and_then(|annotate| annotate(self.f, op));
        self.line(op.loc, op.origin, &t, note);
    }

    fn args(&self, args: (u32, u32), t: &mut String) {
        t.push('(');
        for (index, &arg) in self.f.call_args(args).iter().enumerate() {
            if index > 0 {
                t.push_str(", ");
            }
            self.expr(arg, t, 0);
        }
        t.push(')');
    }

    fn term(&self, term: &Term, t: &mut String) {
        let _ = match term {
            Term::Goto(to) => write!(t, "goto b{}", to.0),
            Term::Branch { cond, then, els } => {
                t.push_str("if ");
                self.expr(*cond, t, 0);
                write!(t, " then b{} else b{}", then.0, els.0)
            }
            Term::LoopBranch { name, args, body, exit } => {
                let _ = write!(t, "loop {name}");
                self.args(*args, t);
                write!(t, " body b{} exit b{}", body.0, exit.0)
            }
            Term::Switch { value, cases, default } => {
                t.push_str("switch ");
                self.expr(*value, t, 0);
                for &(lo, hi, to) in cases {
                    let _ = if lo == hi { write!(t, " {lo}:b{}", to.0) } else { write!(t, " {lo}...{hi}:b{}", to.0) };
                }
                write!(t, " default:b{}", default.0)
            }
            Term::Return(None) => write!(t, "return"),
            Term::Return(Some(value)) => {
                t.push_str("return ");
                self.expr(*value, t, 0);
                Ok(())
            }
            Term::Any(targets) => {
                t.push_str("any");
                targets.iter().try_for_each(|b| write!(t, " b{}", b.0))
            }
            Term::Unreachable => write!(t, "unreachable"),
        };
    }

    fn type_name(&self, ty: cuthere_cfront::types::Ty) -> String {
        match self.options.type_name {
            Some(name) => name(ty),
            None => "type".to_owned(),
        }
    }

    /// Writes an expression; loads are not shown, addresses are, so that it reads as C does.
    fn expr(&self, id: ExprId, t: &mut String, depth: u32) {
        if depth > 200 {
            t.push('…');
            return;
        }
        let depth = depth + 1;
        match self.f.expr(id).kind {
            ExprKind::Local(local) => t.push_str(&self.local_name(local)),
            ExprKind::Global(name) => {
                t.push('@');
                t.push_str(name.as_str());
            }
            ExprKind::Deref(pointer) => {
                t.push('*');
                self.operand(pointer, t, depth);
            }
            ExprKind::Field { base, name, .. } => match self.f.expr(base).kind {
                ExprKind::Deref(pointer) => {
                    self.operand(pointer, t, depth);
                    let _ = write!(t, "->{name}");
                }
                _ => {
                    self.expr(base, t, depth);
                    let _ = write!(t, ".{name}");
                }
            },
            ExprKind::Index { base, index } => {
                self.operand(base, t, depth);
                t.push('[');
                self.expr(index, t, depth);
                t.push(']');
            }
            ExprKind::Load(place) => self.expr(place, t, depth),
            ExprKind::Addr(place) => {
                t.push('&');
                self.expr(place, t, depth);
            }
            ExprKind::Function(name) => t.push_str(name.as_str()),
            ExprKind::Int(value) => {
                let _ = write!(t, "{value}");
            }
            ExprKind::Str(text) => {
                let _ = write!(t, "{:?}", text.as_str());
            }
            ExprKind::Float(_) => t.push_str("<float>"),
            ExprKind::Unary(op, inner) => {
                t.push_str(print::unary(op));
                self.operand(inner, t, depth);
            }
            ExprKind::Binary(op, l, r) => {
                self.operand(l, t, depth);
                let _ = write!(t, " {} ", print::binary(op));
                self.operand(r, t, depth);
            }
            ExprKind::Cast(inner) => {
                let _ = write!(t, "({})", self.type_name(self.f.expr(id).ty));
                self.operand(inner, t, depth);
            }
            ExprKind::Select(c, yes, no) => {
                t.push('(');
                self.operand(c, t, depth);
                t.push_str(" ? ");
                self.operand(yes, t, depth);
                t.push_str(" : ");
                self.operand(no, t, depth);
                t.push(')');
            }
            ExprKind::ContainerOf { ptr, field, .. } => {
                t.push_str("container_of(");
                self.expr(ptr, t, depth);
                let _ = write!(t, ", {}, {field})", self.type_name(self.f.expr(id).ty));
            }
            ExprKind::SizeOf(ty) => {
                let _ = write!(t, "sizeof({})", self.type_name(ty));
            }
            ExprKind::Opaque => t.push('?'),
        }
    }

    fn operand(&self, id: ExprId, t: &mut String, depth: u32) {
        let mut inner = id;
        while let ExprKind::Load(place) = self.f.expr(inner).kind {
            inner = place;
        }
        let brackets = matches!(self.f.expr(inner).kind, ExprKind::Binary(..) | ExprKind::Cast(_) | ExprKind::Deref(_) | ExprKind::Addr(_));
        if brackets {
            t.push('(');
        }
        self.expr(id, t, depth);
        if brackets {
            t.push(')');
        }
    }
}
