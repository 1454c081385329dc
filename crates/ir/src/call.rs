//! Calls: of functions, of builtins, and of the names that stay calls because the kernel model knows them.

use crate::builtins::{Builtin, builtin};
use crate::expr::Want;
use crate::flags::EFFECT;
use crate::front::Kind;
use crate::func::*;
use crate::lower::{At, Lower};
use crate::scope::What;
use crate::tables::{PlaceMacro, ResultType, Take};
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A};
use cuthere_cfront::shapes::Shape;
use cuthere_cfront::types::Ty;
use smallvec::SmallVec;

type Args = SmallVec<[ExprId; 8]>;

impl Lower<'_> {
    /// Whether the name was left alone by preprocessing, or nothing in the tree defines it.
    pub fn is_model_call(&mut self, name: Symbol) -> bool {
        if self.cx.program.shapes.get(name) == Some(Shape::Call) {
            return true;
        }
        matches!(self.lookup(name), What::Unknown)
    }

    /// A call as a value.
    pub fn call(&mut self, e: ast::ExprId, callee: ast::ExprId, args: ast::List, want: Want) -> ExprId {
        let at = self.at_expr(e);
        let ids = self.ids(args);
        if let A::Ident(name) = self.ast.exprs[callee.index()].kind {
            if let Some(builtin) = builtin(name)
                && let Some(value) = self.builtin_call(builtin, ids, want, at)
            {
                return value;
            }
            let what = self.lookup(name);
            if !matches!(what, What::Local(_)) {
                return self.direct_call(name, what, ids, want, at);
            }
        }
        if let A::Cond(c, Some(t), els) = self.ast.exprs[callee.index()].kind
            && self.is_function(t)
            && self.is_function(els)
            && ids.iter().all(|&id| self.flags(ast::ExprId(id)) & EFFECT == 0)
        {
            return self.chosen_call(e, (c, [t, els]), args, want, at);
        }
        self.indirect_call(callee, ids, want, at)
    }

    /// Whether an expression is the name of a function.
    fn is_function(&mut self, e: ast::ExprId) -> bool {
        match self.ast.exprs[e.index()].kind {
            A::Ident(name) => matches!(self.lookup(name), What::Function { .. }) || self.is_model_call(name),
            _ => false,
        }
    }

    /// `(c ? f : g)(x)` is `c ? f(x) : g(x)`.
    fn chosen_call(
        &mut self,
        e: ast::ExprId,
        (c, functions): (ast::ExprId, [ast::ExprId; 2]),
        args: ast::List,
        want: Want,
        at: At,
    ) -> ExprId {
        let cond = self.value(c);
        if let Some(constant) = self.constant(cond) {
            return self.call(e, functions[usize::from(constant == 0)], args, want);
        }
        let (yes, no, done) = (self.new_block(), self.new_block(), self.new_block());
        self.fork(cond, yes, no, at);
        let ty = self.type_of(e);
        let result = match want {
            Want::Drop => None,
            _ if self.kind(ty) == Kind::Void => None,
            Want::Value | Want::Into(_) => Some(self.temp(ty, at)),
        };
        for (block, function) in [yes, no].into_iter().zip(functions) {
            self.start_wanted(block);
            if self.cur.is_none() {
                continue;
            }
            let value = self.call(e, function, args, if result.is_some() { Want::Value } else { Want::Drop });
            if let Some(local) = result {
                let place = self.local_place(local);
                self.store(place, value, at);
            }
            self.goto(done, at);
        }
        self.start_wanted(done);
        match result {
            Some(local) => self.local_value(local),
            None => self.opaque(ty),
        }
    }

    fn indirect_call(&mut self, callee: ast::ExprId, ids: &[u32], want: Want, at: At) -> ExprId {
        // `(*f)(x)` is `f(x)`: a function decays at once, which `value` knows when the type is known.
        let mut inner = callee;
        while let A::Unary(UnOp::Deref, operand) = self.ast.exprs[inner.index()].kind {
            if operand >= inner {
                break;
            }
            let ty = self.type_of(operand);
            let to = self.pointee(ty);
            if matches!(self.kind(to), Kind::Function(_) | Kind::Unknown) || matches!(self.kind(ty), Kind::Function(_)) {
                inner = operand;
            } else {
                break;
            }
        }
        // Not kept from the arguments' effects: what it is read from decides which functions it may be.
        let target = self.value(inner);
        let args = self.arguments(None, ids, at);
        let mut ty = self.type_of_node(target);
        if let Kind::Pointer(to) = self.kind(ty) {
            ty = to;
        }
        let ret = if let Kind::Function(ret) = self.kind(ty) { ret } else { Ty(0) };
        let callee = match self.kind_of(target) {
            ExprKind::Function(name) => Callee::Direct(name),
            _ => Callee::Indirect(target),
        };
        let value = self.emit_call(callee, &args, ret, want, at);
        if let Callee::Direct(name) = callee {
            self.after_call(name, false, at);
        }
        value
    }

    /// Emits the call and gives its result as `want` asks.
    pub fn emit_call(&mut self, callee: Callee, args: &[ExprId], ret: Ty, want: Want, at: At) -> ExprId {
        let args = self.push_args(args);
        let dst = match want {
            Want::Drop => None,
            _ if self.kind(ret) == Kind::Void => None,
            Want::Value => Some(self.temp(ret, at)),
            Want::Into(local) => Some(local),
        };
        self.op(OpKind::Call { dst, callee, args, why: CallWhy::Written }, at);
        match dst {
            Some(local) => self.local_value(local),
            None => self.opaque(ret),
        }
    }

    /// Ends the block after a call that does not return.
    pub fn after_call(&mut self, name: Symbol, noreturn: bool, at: At) {
        if noreturn || (self.cx.noreturn)(name) {
            self.terminate(Term::Unreachable, at);
        }
    }

    fn arguments(&mut self, name: Option<Symbol>, ids: &[u32], at: At) -> Args {
        let mut later: SmallVec<[u8; 16]> = SmallVec::from_elem(0, ids.len());
        let mut all = 0;
        for (slot, &id) in later.iter_mut().zip(ids).rev() {
            *slot = all;
            all |= self.s.flags.get(id as usize).copied().unwrap_or(0);
        }
        let mut values = Args::new();
        for (index, (&id, &later)) in ids.iter().zip(&later).enumerate() {
            let id = ast::ExprId(id);
            let mut value = match name {
                Some(name) => self.argument(name, index, id),
                None => self.value(id),
            };
            // A macro that names a place reads it by itself, when its other arguments are there.
            let named = index == 0 && name.is_some_and(|name| self.cx.tables.place_macros.contains_key(&name));
            if later & EFFECT != 0 && !named && !self.stable(value, later) {
                value = self.spill(value, at);
            }
            values.push(value);
        }
        values
    }

    /// One argument of a name: members and places as the tables say, all else as values.
    pub fn argument(&mut self, name: Symbol, index: usize, e: ast::ExprId) -> ExprId {
        if self.cx.tables.unevaluated.get(&name).is_some_and(|bits| index < 32 && bits >> index & 1 == 1) {
            return self.opaque(self.ty.int);
        }
        if let Some(&bits) = self.cx.tables.members.get(&name)
            && index < 32
            && bits & (1 << index) != 0
        {
            let member = self.outermost_member(e).unwrap_or(Symbol::EMPTY);
            return self.node(ExprKind::Str(member), Ty(0));
        }
        if index == 0
            && let Some(&place_macro) = self.cx.tables.place_macros.get(&name)
            && self.is_lvalue(e)
        {
            let place = self.place(e);
            return match place_macro {
                PlaceMacro::Read => {
                    let ty = self.type_of_node(place);
                    self.node(ExprKind::Load(place), ty)
                }
                PlaceMacro::Write => self.address(place),
            };
        }
        self.value(e)
    }

    fn is_lvalue(&self, e: ast::ExprId) -> bool {
        matches!(self.ast.exprs[e.index()].kind, A::Ident(_) | A::Unary(UnOp::Deref, _) | A::Member { .. } | A::Index(..))
    }

    fn direct_call(&mut self, name: Symbol, what: What, ids: &[u32], want: Want, at: At) -> ExprId {
        let tables = self.cx.tables;
        if let Some(&positions) = tables.container_of.get(&name)
            && let (Some(&ptr), Some(&ty), Some(&member)) =
                (ids.get(positions.ptr as usize), ids.get(positions.ty as usize), ids.get(positions.member as usize))
        {
            let ptr = self.value(ast::ExprId(ptr));
            let outer = self.type_argument(ast::ExprId(ty));
            return self.container_of(ptr, outer, ast::ExprId(member));
        }
        if let What::Global(_) = what {
            // A function pointer at file level.
            let place = self.node(ExprKind::Global(name), if let What::Global(ty) = what { ty } else { Ty(0) });
            let target = self.load(place);
            let args = self.arguments(None, ids, at);
            let mut ty = self.type_of_node(target);
            if let Kind::Pointer(to) = self.kind(ty) {
                ty = to;
            }
            let ret = if let Kind::Function(ret) = self.kind(ty) { ret } else { Ty(0) };
            return self.emit_call(Callee::Indirect(target), &args, ret, want, at);
        }
        let model = self.is_model_call(name);
        if model {
            if let Some(&position) = tables.conditions.get(&name)
                && position < ids.len()
            {
                return self.wait_call(name, ids, position, want, at);
            }
            if let Some(&position) = tables.asserts.get(&name)
                && let Some(&condition) = ids.get(position)
            {
                return self.assert_value(name, ids, position, ast::ExprId(condition), want, at);
            }
            if let Some(&take) = tables.takes.get(&name)
                && let [arg] = *ids
            {
                return self.take(name, take, ast::ExprId(arg), at);
            }
        }
        let args = self.arguments(Some(name), ids, at);
        let (ret, noreturn) = match what {
            What::Function { ty, noreturn } => (if let Kind::Function(ret) = self.kind(ty) { ret } else { Ty(0) }, noreturn),
            _ => (Ty(0), false),
        };
        let ret = if ret == Ty(0) { self.model_result(name, &args, ids) } else { ret };
        let value = self.emit_call(Callee::Direct(name), &args, ret, want, at);
        self.after_call(name, noreturn, at);
        value
    }

    /// The type that an argument names: a type, or what a pointer variable given in its place points to (`from_timer`).
    pub fn type_argument(&mut self, e: ast::ExprId) -> Ty {
        if let A::TypeArg(ty) = self.ast.exprs[e.index()].kind {
            return self.resolve(ty);
        }
        if let A::Ident(name) = self.ast.exprs[e.index()].kind
            && let What::Typedef(ty) = self.lookup(name)
        {
            return ty;
        }
        let ty = self.type_of(e);
        match self.kind(ty) {
            Kind::Pointer(to) => to,
            _ => ty,
        }
    }

    fn model_result(&mut self, name: Symbol, args: &[ExprId], ids: &[u32]) -> Ty {
        match self.cx.tables.results.get(&name) {
            None => Ty(0),
            Some(&ResultType::SameAs(i)) => args.get(i as usize).map_or(Ty(0), |&a| self.type_of_node(a)),
            Some(&ResultType::Pointee(i)) => args.get(i as usize).map_or(Ty(0), |&a| self.pointee(self.type_of_node(a))),
            Some(&ResultType::PointerTo(i)) => match ids.get(i as usize) {
                Some(&id) => {
                    let ty = self.type_argument(ast::ExprId(id));
                    if ty == Ty(0) { ty } else { self.front.pointer_to(ty) }
                }
                None => Ty(0),
            },
            Some(ResultType::VoidPointer) => self.ty.void_ptr,
            Some(ResultType::Int) => self.ty.int,
            Some(ResultType::Long) => self.ty.long,
            Some(ResultType::UnsignedLong) => self.ty.ulong,
            Some(ResultType::Void) => self.ty.void,
        }
    }

    /// The type that a kept name gives, for typing alone.
    pub fn model_result_type(&mut self, name: Symbol, ids: &[u32]) -> Ty {
        match self.cx.tables.results.get(&name) {
            Some(&ResultType::SameAs(i)) => ids.get(i as usize).map_or(Ty(0), |&id| self.type_of(ast::ExprId(id))),
            Some(&ResultType::Pointee(i)) => {
                let ty = ids.get(i as usize).map_or(Ty(0), |&id| self.type_of(ast::ExprId(id)));
                self.pointee(ty)
            }
            _ => self.model_result(name, &[], ids),
        }
    }

    /// `wait_event(queue, condition, …)`: the call, then the condition; false: wait again.
    fn wait_call(&mut self, name: Symbol, ids: &[u32], position: usize, want: Want, at: At) -> ExprId {
        let (again, done) = (self.new_block(), self.new_block());
        self.goto(again, at);
        self.start_wanted(again);
        let mut args = Args::new();
        for (index, &id) in ids.iter().enumerate() {
            let value = if index == position { self.opaque(self.ty.int) } else { self.argument(name, index, ast::ExprId(id)) };
            args.push(value);
        }
        let ret = self.model_result(name, &args, ids);
        let value = self.emit_call(Callee::Direct(name), &args, ret, want, at);
        let condition = ast::ExprId(ids[position]);
        if may_give_up(name.as_str()) {
            let (met, other) = (self.new_block(), self.new_block());
            self.branch(condition, met, other);
            // What the call returns says whether the condition held.
            let told = want != Want::Drop;
            self.start_wanted(met);
            if told {
                let nowhere = self.new_block();
                let says = self.says_met(name.as_str(), value, true);
                self.fork(says, done, nowhere, at);
                self.start_wanted(nowhere);
                self.terminate(Term::Unreachable, at);
            } else {
                self.goto(done, at);
            }
            self.start_wanted(other);
            let gives_up = if told { self.says_met(name.as_str(), value, false) } else { self.opaque(self.ty.int) };
            self.fork(gives_up, done, again, at);
        } else {
            self.branch(condition, done, again);
        }
        self.start_wanted(done);
        value
    }

    /// The comparison by which a result of waiting says that the condition held, or that it was given up: what waits for a time returns how much is left.
    fn says_met(&mut self, name: &str, value: ExprId, met: bool) -> ExprId {
        let zero = self.int(0, self.ty.long);
        let left = name.contains("timeout") && !name.contains("hrtimeout");
        let op = match (left, met) {
            (true, true) => BinOp::Gt,
            (true, false) => BinOp::Le,
            (false, true) => BinOp::Eq,
            (false, false) => BinOp::Ne,
        };
        self.node(ExprKind::Binary(op, value, zero), self.ty.int)
    }

    fn assert_value(&mut self, name: Symbol, ids: &[u32], position: usize, condition: ast::ExprId, want: Want, at: At) -> ExprId {
        let (bad, done) = (self.new_block(), self.new_block());
        if want == Want::Drop {
            self.branch(condition, bad, done);
            self.start_wanted(bad);
            self.assert_call(name, ids, position, at);
            self.goto(done, at);
            self.start_wanted(done);
            return self.opaque(self.ty.int);
        }
        let good = self.new_block();
        let temp = self.temp(self.ty.int, at);
        self.branch(condition, bad, good);
        self.start_wanted(bad);
        self.assert_call(name, ids, position, at);
        for (value, next) in [(1, good), (0, done)] {
            let place = self.local_place(temp);
            let constant = self.int(value, self.ty.int);
            self.store(place, constant, at);
            self.goto(done, at);
            if next == good {
                self.start_wanted(good);
            }
        }
        self.start_wanted(done);
        self.local_value(temp)
    }

    fn take(&mut self, name: Symbol, take: Take, arg: ast::ExprId, at: At) -> ExprId {
        let place = self.place(arg);
        let ty = self.type_of_node(place);
        let old = self.node(ExprKind::Load(place), ty);
        let want = if take == Take::Drop { Want::Drop } else { Want::Value };
        let value = self.emit_call(Callee::Direct(name), &[old], ty, want, at);
        let null = self.int(0, ty);
        self.store(place, null, at);
        if take == Take::Return {
            self.return_value(Some(value), at);
        }
        value
    }

    /// `None`: treat it as an ordinary call.
    fn builtin_call(&mut self, builtin: Builtin, ids: &[u32], want: Want, at: At) -> Option<ExprId> {
        let arg = |index: usize| ids.get(index).map(|&id| ast::ExprId(id));
        match builtin {
            Builtin::Expect => Some(self.value(arg(0)?)),
            Builtin::Likely | Builtin::Unlikely => {
                let value = self.value(arg(0)?);
                Some(self.as_bool(value))
            }
            Builtin::ConstantP => {
                let e = arg(0)?;
                let constant = self.literal(e) || self.const_value(e).is_some();
                Some(self.int(i64::from(constant), self.ty.int))
            }
            Builtin::ChooseExpr => {
                let chosen = match self.const_value(arg(0)?) {
                    Some(0) => arg(2)?,
                    Some(_) => arg(1)?,
                    None => return Some(self.opaque(Ty(0))),
                };
                if want == Want::Drop {
                    self.effect(chosen);
                    return Some(self.opaque(Ty(0)));
                }
                Some(self.value(chosen))
            }
            Builtin::Arithmetic(_) if self.cx.tables.keep_arithmetic => None,
            Builtin::Arithmetic(op) => {
                let [a, b, into] = [arg(0)?, arg(1)?, arg(2)?];
                let (a, b) = (self.value(a), self.value(b));
                let value = self.binary(op, a, b);
                let value = self.spill(value, at);
                let into = self.value(into);
                let place = self.deref(into);
                self.store(place, value, at);
                Some(self.opaque(self.ty.int))
            }
            Builtin::ObjectSize => Some(self.int(-1, self.ty.ulong)),
            Builtin::Unreachable => {
                self.terminate(Term::Unreachable, at);
                Some(self.opaque(self.ty.void))
            }
            Builtin::Trap => {
                let value = self.emit_call(Callee::Direct(Symbol::intern("__builtin_trap")), &[], self.ty.void, Want::Drop, at);
                self.terminate(Term::Unreachable, at);
                Some(value)
            }
            Builtin::Opaque => {
                for &id in ids {
                    if self.flags(ast::ExprId(id)) & EFFECT != 0 {
                        self.effect(ast::ExprId(id));
                    }
                }
                Some(self.opaque(self.ty.void_ptr))
            }
            Builtin::Offsetof => {
                let A::TypeArg(ty) = self.ast.exprs[arg(0)?.index()].kind else { return None };
                let ty = self.resolve(ty);
                let member = arg(1)?;
                Some(self.offset_of(ty, member))
            }
            Builtin::Alias(name) => {
                let name = Symbol::intern(name);
                let what = self.lookup(name);
                let what = if matches!(what, What::Local(_)) { What::Unknown } else { what };
                Some(self.direct_call(name, what, ids, want, at))
            }
        }
    }

    fn literal(&self, e: ast::ExprId) -> bool {
        matches!(self.ast.exprs[e.index()].kind, A::Int { .. } | A::Str(_) | A::Float { .. })
    }
}

/// Whether the wait may end although the condition is false.
fn may_give_up(name: &str) -> bool {
    ["timeout", "interruptible", "killable", "freezable", "_state"].iter().any(|part| name.contains(part))
}
