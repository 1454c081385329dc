//! What runs when a scope is left: guards, `__cleanup`, `__free`, `CLASS`.
//!
//! Clean-ups in force form a chain from the innermost outwards. Every way out of a scope runs those between it and its target, last declared
//! first, as its own copy of the operations. A goto out of such a scope waits until its label's place is known.

use crate::func::*;
use crate::lower::{At, Lower};
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A};
use smallvec::SmallVec;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cleanup {
    /// The next one outwards, `u32::MAX` for none.
    parent: u32,
    /// How many are in force with it.
    depth: u32,
    what: CleanupKind,
}

#[derive(Clone, Copy, Debug)]
enum CleanupKind {
    Variable { function: Symbol, local: LocalId },
    Guard { class: Symbol, args: (u32, u32), id: u32 },
}

/// A goto whose clean-ups are not known yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub stub: BlockId,
    /// Index into the labels.
    pub label: u32,
    pub from: u32,
    pub at: At,
}

impl Lower<'_> {
    fn push_cleanup(&mut self, what: CleanupKind) {
        let depth = self.s.cleanups.get(self.cleanup as usize).map_or(0, |c| c.depth) + 1;
        self.s.cleanups.push(Cleanup { parent: self.cleanup, depth, what });
        self.cleanup = self.s.cleanups.len() as u32 - 1;
    }

    pub fn push_variable_cleanup(&mut self, function: Symbol, local: LocalId) {
        self.push_cleanup(CleanupKind::Variable { function, local });
    }

    /// Emits the clean-ups from the innermost in force to `until`, which stays in force.
    pub fn run_cleanups(&mut self, until: u32, at: At) {
        self.run_from(self.cleanup, until, at);
    }

    fn run_from(&mut self, from: u32, until: u32, at: At) {
        let mut current = from;
        while current != until && self.cur.is_some() {
            let Some(&cleanup) = self.s.cleanups.get(current as usize) else { break };
            match cleanup.what {
                CleanupKind::Guard { class, args, id } => self.op(OpKind::GuardExit { class, args, id }, at),
                CleanupKind::Variable { function, local } => {
                    // `__free(name)` is handed the value, `__cleanup(f)` the address.
                    let place = self.local_place(local);
                    let arg = if function.as_str().starts_with("__free_") { self.load(place) } else { self.address(place) };
                    let args = self.push_args(&[arg]);
                    self.op(OpKind::Call { dst: None, callee: Callee::Direct(function), args, why: CallWhy::Cleanup }, at);
                }
            }
            current = cleanup.parent;
        }
    }

    /// `guard(class)(args);`
    pub fn guard(&mut self, name: Symbol, class: ast::List, args: ast::List, at: At) {
        let class = match self.ids(class) {
            &[first, ..] => self.class_name(ast::ExprId(first)).unwrap_or(name),
            [] => name,
        };
        let ids = self.ids(args);
        self.enter_guard(class, ids, at);
    }

    pub fn enter_guard(&mut self, class: Symbol, ids: &[u32], at: At) {
        let mut values: SmallVec<[ExprId; 4]> = SmallVec::new();
        for &id in ids {
            let mut value = self.value(ast::ExprId(id));
            // The same lock is released at the end, whatever happens to the variables it was reached through.
            if !self.stable(value, crate::flags::EFFECT) {
                value = self.spill(value, at);
            }
            values.push(value);
        }
        let args = self.push_args(&values);
        let id = self.guards;
        self.guards += 1;
        self.op(OpKind::GuardEnter { class, args, id }, at);
        self.push_cleanup(CleanupKind::Guard { class, args, id });
    }

    /// `scoped_guard(class, args) body`, `scoped_cond_guard(class, otherwise, args) body` and other scope macros: the class is the first
    /// argument if that is a bare name, else the macro's own name.
    pub fn model_scope(&mut self, name: Symbol, args: ast::List, body: ast::StmtId, at: At) {
        let ids = self.ids(args);
        let scope = self.open_scope();
        let (class, mut rest) = match ids {
            &[first, ref rest @ ..] => match self.class_name(ast::ExprId(first)) {
                Some(class) => (class, rest),
                None => (name, ids),
            },
            [] => (name, ids),
        };
        let exit = self.new_block();
        if name.as_str().contains("cond")
            && let [otherwise, more @ ..] = rest
        {
            rest = more;
            let (taken, failed) = (self.new_block(), self.new_block());
            let unknown = self.unknown_value();
            self.fork(unknown, taken, failed, at);
            self.start_wanted(failed);
            if self.cur.is_some() {
                let otherwise = ast::ExprId(*otherwise);
                match self.ast.exprs[otherwise.index()].kind {
                    A::StmtExpr(body) => self.stmt(body),
                    _ => self.effect(otherwise),
                }
            }
            self.goto(exit, at);
            self.start_wanted(taken);
        }
        self.enter_guard(class, rest, at);
        // It is a loop that runs once: `break` and `continue` leave it.
        let outer = scope.1;
        self.s.breaks.push(crate::lower::Jump { target: exit, cleanup: outer });
        self.s.continues.push(crate::lower::Jump { target: exit, cleanup: outer });
        self.stmt(body);
        self.s.breaks.pop();
        self.s.continues.pop();
        let end = self.body_end(body, at);
        self.close_scope(scope, end);
        self.flow_into(exit, end);
    }

    fn body_end(&self, body: ast::StmtId, at: At) -> At {
        match self.ast.stmts[body.index()].kind {
            ast::StmtKind::Block { end, .. } => At { loc: end, origin: at.origin },
            _ => at,
        }
    }

    /// Lowers the waiting gotos, now that all labels are placed, and gives labels that never came a gap.
    pub fn resolve_gotos(&mut self) {
        let pending = std::mem::take(&mut self.s.pending);
        for goto in &pending {
            self.start_wanted(goto.stub);
            let Some(&label) = self.s.labels.get(goto.label as usize) else { continue };
            let until = self.common_cleanup(goto.from, label.cleanup);
            self.run_from(goto.from, until, goto.at);
            self.goto(label.block, goto.at);
        }
        self.s.pending = pending;
        for index in 0..self.s.labels.len() {
            let label = self.s.labels[index];
            if !label.defined && self.s.wanted.get(label.block.index()).copied().unwrap_or(false) {
                self.start(label.block);
                let at = At { loc: self.f.loc, origin: Symbol::EMPTY };
                self.gap(at, "goto to a label that is not there");
                self.terminate(Term::Unreachable, at);
            }
        }
    }

    /// The innermost clean-up that is in force at both.
    fn common_cleanup(&self, mut a: u32, mut b: u32) -> u32 {
        let depth = |c: u32| self.s.cleanups.get(c as usize).map_or(0, |c| c.depth);
        let parent = |c: u32| self.s.cleanups.get(c as usize).map_or(u32::MAX, |c| c.parent);
        while a != b {
            if depth(a) >= depth(b) {
                if a == u32::MAX {
                    return u32::MAX;
                }
                a = parent(a);
            } else {
                b = parent(b);
            }
        }
        a
    }
}
