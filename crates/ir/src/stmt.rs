//! Statements.

use crate::front::Kind;
use crate::func::*;
use crate::lower::{At, Jump, Label, Lower};
use crate::scope::What;
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A, StmtKind as S};
use cuthere_cfront::types::Ty;
use smallvec::SmallVec;

/// Ways out of all computed gotos of a function together: each leads to every label whose address is taken.
const MAX_COMPUTED_EDGES: usize = 16_384;

impl Lower<'_> {
    fn at_stmt(&self, s: ast::StmtId) -> At {
        let s = &self.ast.stmts[s.index()];
        At { loc: s.loc, origin: s.origin }
    }

    pub fn stmt(&mut self, id: ast::StmtId) {
        if !self.enter() {
            self.leave();
            let at = self.at_stmt(id);
            self.gap(at, "statements nested too deeply or body too large");
            return;
        }
        self.stmt_inner(id);
        self.leave();
    }

    fn stmt_inner(&mut self, id: ast::StmtId) {
        // Labels before a statement, `case 1: case 2:` chains included, are taken off in a loop: there may be hundreds.
        let mut id = id;
        loop {
            let at = self.at_stmt(id);
            match self.ast.stmts[id.index()].kind {
                S::Label { name, body } => {
                    self.define_label(name, at);
                    id = body;
                }
                S::Case { lo, hi, body } => {
                    self.case(lo, hi, at);
                    id = body;
                }
                S::Default { body } => {
                    self.default_case(at);
                    id = body;
                }
                _ => break,
            }
        }
        let at = self.at_stmt(id);
        if self.cur.is_none() && !self.may_hold_labels(id) {
            return;
        }
        match self.ast.stmts[id.index()].kind {
            S::Empty | S::Label { .. } | S::Case { .. } | S::Default { .. } => {}
            S::Expr(e) => {
                if !self.leaves_by_macro(e, at) {
                    self.effect(e);
                }
            }
            S::Block { body, end } => {
                let scope = self.open_scope();
                for &stmt in self.ids(body) {
                    self.stmt(ast::StmtId(stmt));
                }
                self.close_scope(scope, At { loc: end, origin: at.origin });
            }
            S::Decl(decls) => {
                for &decl in self.ids(decls) {
                    self.declare(ast::DeclId(decl));
                }
            }
            S::If { .. } => self.if_chain(id),
            S::While { cond, body } => self.while_loop(cond, body, at),
            S::DoWhile { body, cond } => self.do_loop(body, cond, at),
            S::For { init, cond, step, body } => self.for_loop(init, cond, step, body, at),
            S::Switch { value, body } => self.switch(value, body, at),
            S::Goto(name) => self.goto_label(name, at),
            S::GotoComputed(target) => {
                self.effect(target);
                self.computed_goto(at);
            }
            S::Break => {
                let jump = self.s.breaks.last().copied();
                self.jump(jump, at, "`break` outside a loop or switch");
            }
            S::Continue => {
                let jump = self.s.continues.last().copied();
                self.jump(jump, at, "`continue` outside a loop");
            }
            S::Return(value) => self.return_stmt(value, at),
            S::Asm { empty: true, outputs, inputs, labels } if labels.len == 0 => self.empty_asm(outputs, inputs, at),
            S::Asm { outputs, inputs, labels, .. } => self.asm(outputs, inputs, labels, at),
            S::ModelLoop { name, args, body } => self.model_loop(name, args, body, at),
            S::ModelScope { name, args, body } => self.model_scope(name, args, body, at),
            S::Guard { name, class, args } => self.guard(name, class, args, at),
            S::NestedFunction => self.gap(at, "nested function definition"),
            S::Gap(index) => self.op(OpKind::Gap(index), at),
        }
    }

    /// A macro that nothing defines and that is written as those are which hide control flow: one that returns, or that is handed a label of this function to go to.
    /// False: it is an expression like others.
    fn leaves_by_macro(&mut self, e: ast::ExprId, at: At) -> bool {
        let (callee, args) = match self.ast.exprs[e.index()].kind {
            A::Call { callee, args } => (callee, self.ids(args)),
            A::Ident(_) => (e, &[][..]),
            _ => return false,
        };
        let A::Ident(name) = self.ast.exprs[callee.index()].kind else { return false };
        let capitals = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
        if !name.as_str().bytes().all(capitals) || self.lookup(name) != What::Unknown {
            return false;
        }
        if self.cx.program.shapes.returns.contains(&name) {
            self.return_stmt(args.first().map(|&arg| ast::ExprId(arg)), at);
            return true;
        }
        let Some((place, label)) = args.iter().enumerate().find_map(|(i, &arg)| Some((i, self.label_named_by(ast::ExprId(arg))?))) else {
            return false;
        };
        for (_, &arg) in args.iter().enumerate().filter(|(i, _)| *i != place) {
            self.effect(ast::ExprId(arg));
        }
        if place == 0 {
            self.goto_label(label, at);
            return true;
        }
        // Behind what it asks for (`CHECK(p, out)`): which answer makes it go there is not known.
        let (leaves, stays) = (self.new_block(), self.new_block());
        let int = self.ty.int;
        let unknown = self.opaque(int);
        self.fork(unknown, leaves, stays, at);
        self.start_wanted(leaves);
        self.goto_label(label, at);
        self.start_wanted(stays);
        true
    }

    /// The label of this function that an expression names, if nothing else goes by that name.
    fn label_named_by(&mut self, e: ast::ExprId) -> Option<Symbol> {
        let A::Ident(name) = self.ast.exprs[e.index()].kind else { return None };
        let names = |s: &ast::Stmt| matches!(s.kind, S::Label { name: label, .. } if label == name);
        (self.lookup(name) == What::Unknown && self.ast.stmts.iter().any(names)).then_some(name)
    }

    /// Whether control may enter the statement other than at its start, or it declares names that later statements use.
    fn may_hold_labels(&self, id: ast::StmtId) -> bool {
        !matches!(
            self.ast.stmts[id.index()].kind,
            S::Empty
                | S::Expr(_)
                | S::Goto(_)
                | S::GotoComputed(_)
                | S::Break
                | S::Continue
                | S::Return(_)
                | S::Asm { .. }
                | S::Guard { .. }
                | S::Gap(_)
        )
    }

    pub fn open_scope(&self) -> (usize, u32) {
        (self.s.scope.len(), self.cleanup)
    }

    pub fn close_scope(&mut self, scope: (usize, u32), at: At) {
        if self.cleanup != scope.1 {
            self.run_cleanups(scope.1, at);
            self.cleanup = scope.1;
        }
        self.s.scope.truncate(scope.0);
    }

    fn if_chain(&mut self, id: ast::StmtId) {
        // `else if` chains are followed in a loop.
        let mut id = id;
        let mut done = None;
        loop {
            let at = self.at_stmt(id);
            let S::If { cond, then, els } = self.ast.stmts[id.index()].kind else {
                self.stmt(id);
                break;
            };
            let (yes, no) = (self.new_block(), self.new_block());
            self.branch(cond, yes, no);
            self.start_wanted(yes);
            self.stmt(then);
            match els {
                None => {
                    self.goto(no, at);
                    self.start_wanted(no);
                    break;
                }
                Some(els) => {
                    if self.cur.is_some() {
                        let done = match done {
                            Some(done) => done,
                            None => *done.insert(self.new_block()),
                        };
                        self.goto(done, at);
                    }
                    self.start_wanted(no);
                    id = els;
                    if self.cur.is_none() {
                        self.stmt(id);
                        break;
                    }
                }
            }
        }
        if let Some(done) = done {
            let at = self.at_stmt(id);
            self.flow_into(done, at);
        }
    }

    fn push_loop(&mut self, exit: BlockId, next: BlockId) {
        self.s.breaks.push(Jump { target: exit, cleanup: self.cleanup });
        self.s.continues.push(Jump { target: next, cleanup: self.cleanup });
    }

    fn pop_loop(&mut self) {
        self.s.breaks.pop();
        self.s.continues.pop();
    }

    fn while_loop(&mut self, cond: ast::ExprId, body: ast::StmtId, at: At) {
        let (head, inner, exit) = (self.new_block(), self.new_block(), self.new_block());
        self.goto(head, at);
        self.start_wanted(head);
        self.branch(cond, inner, exit);
        self.start_wanted(inner);
        self.push_loop(exit, head);
        self.stmt(body);
        self.pop_loop();
        self.goto(head, at);
        self.start_wanted(exit);
    }

    fn do_loop(&mut self, body: ast::StmtId, cond: ast::ExprId, at: At) {
        if let A::Int { value: 0, .. } = self.ast.exprs[cond.index()].kind {
            // Runs once.
            let exit = self.new_block();
            self.push_loop(exit, exit);
            self.stmt(body);
            self.pop_loop();
            let at = self.at_expr(cond);
            self.flow_into(exit, at);
            return;
        }
        let (inner, next, exit) = (self.new_block(), self.new_block(), self.new_block());
        self.goto(inner, at);
        self.start_wanted(inner);
        self.push_loop(exit, next);
        self.stmt(body);
        self.pop_loop();
        let end = self.at_expr(cond);
        self.flow_into(next, end);
        self.branch(cond, inner, exit);
        self.start_wanted(exit);
    }

    fn for_loop(&mut self, init: ast::StmtId, cond: Option<ast::ExprId>, step: Option<ast::ExprId>, body: ast::StmtId, at: At) {
        let scope = self.open_scope();
        self.stmt(init);
        let (head, inner, next, exit) = (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        self.goto(head, at);
        self.start_wanted(head);
        match cond {
            Some(cond) => self.branch(cond, inner, exit),
            None => self.goto(inner, at),
        }
        self.start_wanted(inner);
        self.push_loop(exit, next);
        self.stmt(body);
        self.pop_loop();
        self.flow_into(next, at);
        if let Some(step) = step
            && self.cur.is_some()
        {
            self.effect(step);
        }
        self.goto(head, at);
        self.start_wanted(exit);
        self.close_scope(scope, at);
    }

    fn model_args(&mut self, name: Symbol, args: &[u32]) -> (u32, u32) {
        let mut values: SmallVec<[ExprId; 8]> = SmallVec::new();
        for (index, &arg) in args.iter().enumerate() {
            values.push(self.argument(name, index, ast::ExprId(arg)));
        }
        self.push_args(&values)
    }

    fn model_loop(&mut self, name: Symbol, args: ast::List, body: ast::StmtId, at: At) {
        let scope = self.open_scope();
        let ids = self.ids(args);
        let args = self.model_args(name, ids);
        let (head, inner, exit) = (self.new_block(), self.new_block(), self.new_block());
        self.goto(head, at);
        self.start_wanted(head);
        if self.cur.is_some() {
            self.want(inner);
            self.want(exit);
            self.terminate(Term::LoopBranch { name, args, body: inner, exit }, at);
        }
        self.start_wanted(inner);
        self.op(OpKind::LoopNext { name, args }, at);
        self.push_loop(exit, head);
        self.stmt(body);
        self.pop_loop();
        self.goto(head, at);
        self.start_wanted(exit);
        self.close_scope(scope, at);
    }

    // ---- jumps ----

    fn jump(&mut self, jump: Option<Jump>, at: At, otherwise: &str) {
        match jump {
            Some(jump) => {
                self.run_cleanups(jump.cleanup, at);
                self.goto(jump.target, at);
            }
            None => {
                self.gap(at, otherwise);
                self.terminate(Term::Unreachable, at);
            }
        }
    }

    fn return_stmt(&mut self, value: Option<ast::ExprId>, at: At) {
        let value = match value {
            Some(e) if self.kind(self.f.ret) == Kind::Void => {
                self.effect(e);
                None
            }
            Some(e) => {
                // Arms that are blocks anyway return by themselves: what each returns stays known.
                if let A::Cond(c, Some(t), els) = self.ast.exprs[e.index()].kind
                    && (self.flags(t) | self.flags(els)) & (crate::flags::EFFECT | crate::flags::DEREF) != 0
                {
                    if !self.enter() {
                        self.leave();
                        return self.gap(at, "return value nested too deeply");
                    }
                    let (yes, no) = (self.new_block(), self.new_block());
                    self.branch(c, yes, no);
                    for (block, arm) in [(yes, t), (no, els)] {
                        self.start_wanted(block);
                        if self.cur.is_some() {
                            self.return_stmt(Some(arm), at);
                        }
                    }
                    self.leave();
                    return;
                }
                if let A::Binary(BinOp::LogAnd | BinOp::LogOr, _, r) = self.ast.exprs[e.index()].kind
                    && self.flags(r) & (crate::flags::EFFECT | crate::flags::DEREF) != 0
                {
                    let (yes, no) = (self.new_block(), self.new_block());
                    self.branch(e, yes, no);
                    for (block, truth) in [(yes, 1), (no, 0)] {
                        self.start_wanted(block);
                        let value = self.int(truth, self.ty.int);
                        self.return_value(Some(value), at);
                    }
                    return;
                }
                Some(self.value(e))
            }
            None => None,
        };
        self.return_value(value, at);
    }

    /// Clean-ups of all scopes, then the return; the value is kept from their effects.
    pub fn return_value(&mut self, value: Option<ExprId>, at: At) {
        let value = match value {
            Some(value) if self.cleanup != u32::MAX && !self.stable(value, crate::flags::EFFECT | crate::flags::ASSIGN) => {
                Some(self.spill(value, at))
            }
            value => value,
        };
        self.run_cleanups(u32::MAX, at);
        self.terminate(Term::Return(value), at);
    }

    pub fn label(&mut self, name: Symbol) -> usize {
        if let Some(index) = self.s.labels.iter().rposition(|l| l.name == name) {
            return index;
        }
        let block = self.new_block();
        self.s.labels.push(Label { name, block, defined: false, cleanup: u32::MAX, address: false });
        self.s.labels.len() - 1
    }

    pub fn label_address(&mut self, name: Symbol) {
        let index = self.label(name);
        // `&&label` alone (`_THIS_IP_`) makes no edge: only a computed goto does.
        self.s.labels[index].address = true;
    }

    fn define_label(&mut self, name: Symbol, at: At) {
        let mut index = self.label(name);
        if self.s.labels[index].defined {
            // A label of a macro used twice in one function.
            let block = self.new_block();
            self.s.labels.push(Label { name, block, defined: false, cleanup: u32::MAX, address: false });
            index = self.s.labels.len() - 1;
        }
        let cleanup = self.cleanup;
        let label = &mut self.s.labels[index];
        label.defined = true;
        label.cleanup = cleanup;
        let block = label.block;
        self.goto(block, at);
        // A goto may still come: pruned at the end if none does.
        self.start(block);
    }

    fn goto_label(&mut self, name: Symbol, at: At) {
        let index = self.label(name);
        self.goto_label_index(index, at);
    }

    fn goto_label_index(&mut self, index: usize, at: At) {
        if self.cur.is_none() {
            return;
        }
        let label = self.s.labels[index];
        if self.cleanup == u32::MAX || (label.defined && label.cleanup == self.cleanup) {
            self.goto(label.block, at);
        } else {
            // Which clean-ups run is known once the label's scope is.
            let stub = self.new_block();
            self.s.pending.push(crate::cleanup::Pending { stub, label: index as u32, from: self.cleanup, at });
            self.goto(stub, at);
        }
    }

    fn computed_goto(&mut self, at: At) {
        let targets: Vec<BlockId> = self.s.labels.iter().filter(|l| l.address).map(|l| l.block).collect();
        if self.cur.is_none() {
            return;
        }
        self.s.computed_edges += targets.len();
        if self.s.computed_edges > MAX_COMPUTED_EDGES {
            self.gap(at, "too many targets of computed gotos");
            return self.terminate(Term::Unreachable, at);
        }
        for &target in &targets {
            self.want(target);
        }
        self.terminate(Term::Any(targets.into_boxed_slice()), at);
    }

    // ---- assembly ----

    /// Without an instruction, an output has the register that its input was in, and its value.
    fn empty_asm(&mut self, outputs: ast::List, inputs: ast::List, at: At) {
        let values: SmallVec<[ExprId; 4]> = self.ids(inputs).iter().map(|&id| self.value(ast::ExprId(id))).collect();
        self.op(OpKind::Asm, at);
        for (n, &id) in self.ids(outputs).iter().enumerate() {
            if let Some(&value) = values.get(n) {
                let place = self.place(ast::ExprId(id));
                self.store(place, value, at);
            }
        }
    }

    fn asm(&mut self, outputs: ast::List, inputs: ast::List, labels: ast::List, at: At) {
        for &id in self.ids(inputs) {
            let value = self.value(ast::ExprId(id));
            if self.constant(value).is_none() {
                self.op(OpKind::Eval(value), at);
            }
        }
        let places: SmallVec<[ExprId; 4]> = self.ids(outputs).iter().map(|&id| ast::ExprId(id)).map(|e| self.place(e)).collect();
        self.op(OpKind::Asm, at);
        for place in places {
            let ty = self.type_of_node(place);
            let value = self.opaque(ty);
            self.store(place, value, at);
        }
        if labels.len > 0 && self.cur.is_some() {
            let next = self.new_block();
            let mut targets = vec![next];
            self.want(next);
            for &id in self.ids(labels) {
                if let A::Ident(name) = self.ast.exprs[id as usize].kind {
                    let index = self.label(name);
                    let block = self.s.labels[index].block;
                    self.want(block);
                    targets.push(block);
                }
            }
            self.terminate(Term::Any(targets.into_boxed_slice()), at);
            self.start(next);
        }
    }

    // ---- statement expressions ----

    /// `({ … })`: the value is that of the last expression statement.
    pub fn stmt_expr(&mut self, body: ast::StmtId, at: At, want: bool) -> ExprId {
        let S::Block { body, end } = self.ast.stmts[body.index()].kind else {
            self.stmt(body);
            return self.opaque(self.ty.void);
        };
        let ids = self.ids(body);
        if let Some(value) = self.expanded_container_of(ids) {
            return value;
        }
        let scope = self.open_scope();
        let labels = self.s.labels.len();
        // The last statement, behind labels, is the value.
        let (last, before) = match ids.split_last() {
            Some((&last, before)) => (Some(ast::StmtId(last)), before),
            None => (None, ids),
        };
        for &id in before {
            self.stmt(ast::StmtId(id));
        }
        let mut value = None;
        if let Some(mut last) = last {
            while let S::Label { name, body } = self.ast.stmts[last.index()].kind {
                let at = self.at_stmt(last);
                self.define_label(name, at);
                last = body;
            }
            match self.ast.stmts[last.index()].kind {
                S::Expr(e) if want => {
                    let mut result = self.value(e);
                    if self.cleanup != scope.1 && !self.simple(result) {
                        result = self.spill(result, at);
                    }
                    value = Some(result);
                }
                _ => self.stmt(last),
            }
        }
        self.close_scope(scope, At { loc: end, origin: at.origin });
        // Nothing outside can jump to labels in here; the next use of the macro has its own.
        for label in &mut self.s.labels[labels..] {
            if label.defined {
                label.name = Symbol::EMPTY;
            }
        }
        match value {
            Some(value) => value,
            None => self.opaque(self.ty.void),
        }
    }

    /// `({ void *__mptr = (void *)(ptr); …; ((type *)(__mptr - offsetof(type, member))); })`.
    fn expanded_container_of(&mut self, ids: &[u32]) -> Option<ExprId> {
        let (&first, rest) = ids.split_first()?;
        let &last = rest.last()?;
        let S::Decl(decls) = self.ast.stmts[first as usize].kind else { return None };
        let &[decl] = self.ids(decls) else { return None };
        let decl = self.ast.decls[decl as usize];
        if decl.name != crate::builtins::known().mptr {
            return None;
        }
        let S::Expr(mut e) = self.ast.stmts[last as usize].kind else { return None };
        while let A::Cast(_, inner) = self.ast.exprs[e.index()].kind {
            e = inner;
        }
        let A::Binary(BinOp::Sub, _, offset) = self.ast.exprs[e.index()].kind else { return None };
        let ast::Init::Expr(init) = self.ast.inits[decl.init?.index()] else { return None };
        let (outer, member) = self.offsetof_parts(offset)?;
        let ptr = self.value(init);
        Some(self.container_of(ptr, outer, member))
    }

    /// Whether an expression names a class of guards rather than a variable.
    pub fn class_name(&mut self, e: ast::ExprId) -> Option<Symbol> {
        match self.ast.exprs[e.index()].kind {
            A::Ident(name) if !matches!(self.lookup(name), What::Local(_)) => Some(name),
            A::TypeArg(ty) => match self.ast.types[ty.index()] {
                ast::TypeNode::Named(name) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }

    pub fn unknown_value(&mut self) -> ExprId {
        self.opaque(Ty(0))
    }
}
