//! Statements, and recovery from what is none.

use super::decl::Extra;
use super::words::{Kw, looks_like_block_loop, looks_like_loop};
use super::{K, MAX_STMT_DEPTH, P, Parser};
use crate::ast::*;
use crate::shapes::Shape;
use crate::token::Punct;
use cuthere_base::Symbol;

/// More commas than this on one level are read as statements.
const MANY_COMMAS: u32 = 100;

/// The parser's state before something that may turn out not to be readable.
#[derive(Clone, Copy)]
pub(super) struct Before {
    start: usize,
    ids: usize,
    depths: (u32, u32, u32, u32),
    in_argument: bool,
}

impl Parser<'_> {
    /// One statement. What cannot be read becomes a gap, and parsing goes on after it.
    pub(super) fn stmt(&mut self) -> StmtId {
        let before = self.before();
        self.stmt_depth += 1;
        let result = if self.stmt_depth > MAX_STMT_DEPTH { self.fail("statements nested too deeply") } else { self.stmt_inner() };
        self.stmt_depth -= 1;
        match result {
            Ok(stmt) => stmt,
            Err(_) => self.gap_from(before),
        }
    }

    pub(super) fn before(&self) -> Before {
        Before {
            start: self.pos,
            ids: self.ids.len(),
            depths: (self.expr_depth, self.switch_depth, self.loop_depth, self.value_depth),
            in_argument: self.in_argument,
        }
    }

    /// Everything but the position as before: what was collected of lists that never ended must not end up in others.
    pub(super) fn restore(&mut self, before: Before) {
        self.ids.truncate(before.ids);
        (self.expr_depth, self.switch_depth, self.loop_depth, self.value_depth) = before.depths;
        self.in_argument = before.in_argument;
    }

    /// Goes back to before what could not be read, and over it.
    fn gap_from(&mut self, before: Before) -> StmtId {
        self.restore(before);
        let gap = self.take_gap();
        self.skip_statement(before.start);
        let at = self.token_at(before.start);
        self.add_stmt(StmtKind::Gap(gap), &at)
    }

    /// From the start of a statement that cannot be read: to behind its `;` or block, or before the `}` (for an argument: `)`) around it.
    pub(super) fn skip_statement(&mut self, start: usize) {
        let is_do = self.k_at(start) == K::Kw(Kw::Do);
        let mut at = start;
        while at < self.tokens.len() {
            match self.k_at(at) {
                K::P(Punct::Semi) => {
                    at += 1;
                    break;
                }
                K::P(Punct::RBrace) | K::Eof => break,
                K::P(Punct::RParen | Punct::Comma) if self.in_argument => break,
                K::P(Punct::LBrace) => {
                    at = self.mate(at).unwrap_or(at) + 1;
                    match self.k_at(at) {
                        K::Kw(Kw::Else) => {}
                        K::P(Punct::Semi) => {
                            at += 1;
                            break;
                        }
                        // An initialiser, an argument, or the condition of a `do`: the statement goes on.
                        K::P(Punct::RBrace) | K::Eof => break,
                        K::P(_) => {}
                        _ if is_do => {}
                        _ => break,
                    }
                    continue;
                }
                K::P(Punct::LParen | Punct::LBracket) => at = self.mate(at).unwrap_or(at),
                _ => {}
            }
            at += 1;
        }
        // Never back, and never out of the block.
        self.pos = at.max(start);
    }

    pub(super) fn skip_to_semicolon(&mut self) {
        let start = self.pos;
        self.skip_statement(start);
    }

    /// The semicolon that ends a statement; in an argument of a macro the argument's end does too.
    fn semicolon(&mut self) -> P<()> {
        if self.in_argument && matches!(self.k(), K::P(Punct::RParen | Punct::Comma)) {
            return Ok(());
        }
        self.expect(Punct::Semi, "statement")
    }

    /// `{ … }` with a scope of its own.
    pub(super) fn block(&mut self) -> P<StmtId> {
        let at = self.token();
        let open = self.pos;
        if !self.is(Punct::LBrace) {
            return self.unexpected("block");
        }
        let Some(close) = self.mate(open) else { return self.fail("unbalanced `{`") };
        self.bump();
        let mark = self.undo.len();
        let base = self.ids.len();
        let in_argument = std::mem::replace(&mut self.in_argument, false);
        while self.pos < close {
            let start = self.pos;
            let stmt = if self.is_label(start) { self.label_in_block() } else { self.stmt() };
            self.ids.push(stmt.0);
            if self.pos == start {
                let _ = self.unexpected::<()>("block");
                let gap = self.take_gap();
                let here = self.token();
                let stmt = self.add_stmt(StmtKind::Gap(gap), &here);
                self.ids.push(stmt.0);
                self.bump();
            }
        }
        self.in_argument = in_argument;
        let end = self.token_at(close).loc;
        self.pos = close + 1;
        self.close_scope(mark);
        let body = self.list_from(base);
        Ok(self.add_stmt(StmtKind::Block { body, end }, &at))
    }

    fn is_label(&self, at: usize) -> bool {
        match self.k_at(at) {
            K::Kw(Kw::Case | Kw::Default) => true,
            K::Ident => self.is_at(at + 1, Punct::Colon),
            _ => false,
        }
    }

    /// A label among the statements of a block. Stacked labels become neighbours, each with an empty statement, not a tower.
    fn label_in_block(&mut self) -> StmtId {
        let before = self.before();
        let at = self.token();
        match self.label() {
            Ok(kind) => {
                let stacked = self.is_label(self.pos) || self.is(Punct::RBrace);
                let body = if stacked { self.add_stmt(StmtKind::Empty, &at) } else { self.stmt() };
                self.add_stmt(with_body(kind, body), &at)
            }
            Err(_) => self.gap_from(before),
        }
    }

    /// A label up to behind its colon; the body is a placeholder.
    fn label(&mut self) -> P<StmtKind> {
        let body = StmtId(u32::MAX);
        let kind = match self.k() {
            K::Kw(Kw::Case) => {
                if self.switch_depth == 0 {
                    return self.fail("`case` outside a switch");
                }
                self.bump();
                let lo = self.conditional()?;
                let hi = if self.eat(Punct::Ellipsis) { Some(self.conditional()?) } else { None };
                StmtKind::Case { lo, hi, body }
            }
            K::Kw(Kw::Default) => {
                if self.switch_depth == 0 {
                    return self.fail("`default` outside a switch");
                }
                self.bump();
                StmtKind::Default { body }
            }
            _ => {
                let name = self.token().text;
                self.bump();
                StmtKind::Label { name, body }
            }
        };
        self.expect(Punct::Colon, "label")?;
        if matches!(kind, StmtKind::Label { .. }) {
            while self.k() == K::Kw(Kw::Attribute) && self.mate(self.pos + 1).is_some_and(|m| self.is_at(m + 1, Punct::Semi)) {
                self.attribute(&mut Extra::default())?;
            }
        }
        Ok(kind)
    }

    fn stmt_inner(&mut self) -> P<StmtId> {
        let at = self.token();
        loop {
            match self.k() {
                K::P(Punct::Semi) => {
                    self.bump();
                    return Ok(self.add_stmt(StmtKind::Empty, &at));
                }
                K::P(Punct::LBrace) => return self.block(),
                // `[[fallthrough]];`
                K::P(Punct::LBracket) if self.is_at(self.pos + 1, Punct::LBracket) => self.skip_group("attribute")?,
                K::Kw(Kw::Attribute) => {
                    let end = self.mate(self.pos + 1).map(|m| self.k_at(m + 1));
                    if !matches!(end, Some(K::P(_))) {
                        return self.declaration_stmt();
                    }
                    self.attribute(&mut Extra::default())?;
                }
                K::Kw(Kw::Extension) => match self.k_at(self.pos + 1) {
                    K::Kw(word) if word.starts_decl() => self.bump(),
                    K::Ident if self.starts_decl_at(self.pos + 1) => self.bump(),
                    _ => return self.expression_stmt(),
                },
                K::Kw(word) if word.starts_decl() => return self.declaration_stmt(),
                K::Kw(word) => return self.keyword_stmt(word),
                K::Ident => return self.ident_stmt(),
                _ => return self.expression_stmt(),
            }
        }
    }

    fn keyword_stmt(&mut self, word: Kw) -> P<StmtId> {
        let at = self.token();
        let kind = match word {
            Kw::If => {
                self.bump();
                let cond = self.parenthesised("if")?;
                let then = self.stmt();
                let els = if self.eat_kw(Kw::Else) { Some(self.stmt()) } else { None };
                StmtKind::If { cond, then, els }
            }
            Kw::While => {
                self.bump();
                let cond = self.parenthesised("while")?;
                let body = self.loop_body();
                StmtKind::While { cond, body }
            }
            Kw::Do => {
                self.bump();
                let body = self.loop_body();
                if !self.eat_kw(Kw::While) {
                    return self.unexpected("do … while");
                }
                let cond = self.parenthesised("while")?;
                self.semicolon()?;
                StmtKind::DoWhile { body, cond }
            }
            Kw::For => {
                let mark = self.undo.len();
                let kind = self.for_loop();
                self.close_scope(mark);
                kind?
            }
            Kw::Switch => {
                self.bump();
                let value = self.parenthesised("switch")?;
                self.switch_depth += 1;
                let body = self.stmt();
                self.switch_depth -= 1;
                StmtKind::Switch { value, body }
            }
            Kw::Case | Kw::Default => {
                let kind = self.label()?;
                let body = self.labelled()?;
                with_body(kind, body)
            }
            Kw::Goto => {
                self.bump();
                let kind = if self.eat(Punct::Star) {
                    StmtKind::GotoComputed(self.expr()?)
                } else if self.k() == K::Ident {
                    let name = self.token().text;
                    self.bump();
                    StmtKind::Goto(name)
                } else {
                    return self.unexpected("goto");
                };
                self.semicolon()?;
                kind
            }
            Kw::Break | Kw::Continue => {
                let is_break = word == Kw::Break;
                if self.loop_depth == 0 && !(is_break && self.switch_depth > 0) {
                    return self.fail(if is_break { "`break` outside a loop or switch" } else { "`continue` outside a loop" });
                }
                self.bump();
                self.semicolon()?;
                if is_break { StmtKind::Break } else { StmtKind::Continue }
            }
            Kw::Return => {
                self.bump();
                let ends = self.is(Punct::Semi) || self.in_argument && matches!(self.k(), K::P(Punct::RParen | Punct::Comma));
                let value = match ends {
                    true => None,
                    false if self.in_argument => Some(self.assign()?),
                    false => Some(self.expr()?),
                };
                self.semicolon()?;
                StmtKind::Return(value)
            }
            Kw::Asm => self.asm()?,
            Kw::Label | Kw::StaticAssert => {
                // `__label__ a, b;` and `_Static_assert(…);`
                let wanted = if word == Kw::Label { K::Ident } else { K::P(Punct::LParen) };
                self.bump();
                if self.k() != wanted {
                    return self.unexpected("statement");
                }
                while !matches!(self.k(), K::P(Punct::Semi) | K::Eof) {
                    match self.k() {
                        K::P(Punct::LParen) => self.skip_group("assertion")?,
                        K::Ident | K::P(Punct::Comma) if word == Kw::Label => self.bump(),
                        _ => return self.unexpected("statement"),
                    }
                }
                self.semicolon()?;
                StmtKind::Empty
            }
            Kw::Sizeof | Kw::Alignof | Kw::Generic | Kw::Offsetof | Kw::TypesCompatible | Kw::VaArg | Kw::RealImag => {
                return self.expression_stmt();
            }
            _ => return self.unexpected("statement"),
        };
        Ok(self.add_stmt(kind, &at))
    }

    fn parenthesised(&mut self, place: &str) -> P<ExprId> {
        self.expect(Punct::LParen, place)?;
        let value = self.expr()?;
        self.expect(Punct::RParen, place)?;
        Ok(value)
    }

    fn loop_body(&mut self) -> StmtId {
        self.loop_depth += 1;
        let body = self.stmt();
        self.loop_depth -= 1;
        body
    }

    fn labelled(&mut self) -> P<StmtId> {
        if matches!(self.k(), K::P(Punct::RBrace) | K::Eof) {
            let at = self.token();
            return Ok(self.add_stmt(StmtKind::Empty, &at));
        }
        Ok(self.stmt())
    }

    fn for_loop(&mut self) -> P<StmtKind> {
        self.bump();
        self.expect(Punct::LParen, "for")?;
        let at = self.token();
        let init = if self.eat(Punct::Semi) {
            self.add_stmt(StmtKind::Empty, &at)
        } else if self.starts_decl() {
            self.declaration_stmt()?
        } else {
            let value = self.expr()?;
            self.expect(Punct::Semi, "for")?;
            self.add_stmt(StmtKind::Expr(value), &at)
        };
        let cond = if self.is(Punct::Semi) { None } else { Some(self.expr()?) };
        self.expect(Punct::Semi, "for")?;
        let step = if self.is(Punct::RParen) { None } else { Some(self.expr()?) };
        self.expect(Punct::RParen, "for")?;
        let body = self.loop_body();
        Ok(StmtKind::For { init, cond, step, body })
    }

    fn asm(&mut self) -> P<StmtKind> {
        self.bump();
        while matches!(self.k(), K::Kw(Kw::Volatile | Kw::Goto | Kw::Inline | Kw::Const)) || self.k() == K::Ident {
            self.bump();
        }
        let Some(close) = self.mate(self.pos).filter(|_| self.is(Punct::LParen)) else {
            return self.unexpected("asm");
        };
        self.bump();
        // The template: literals, and macros that stand for some.
        let next = self.pos + 1;
        let empty = self.k() == K::Str && self.token().text.as_str() == "\"\"" && (next == close || self.is_at(next, Punct::Colon));
        self.skip_to_colon(close);
        let mut lists = [List::default(), List::default()];
        for list in &mut lists {
            let base = self.ids.len();
            if self.pos < close && self.eat(Punct::Colon) {
                while self.pos < close && !self.is(Punct::Colon) {
                    self.asm_operand()?;
                    if !self.eat(Punct::Comma) {
                        break;
                    }
                }
            }
            *list = self.list_from(base);
        }
        if self.pos < close && self.eat(Punct::Colon) {
            self.skip_to_colon(close);
        }
        let base = self.ids.len();
        if self.pos < close && self.eat(Punct::Colon) {
            while self.k() == K::Ident {
                let at = self.token();
                let label = self.add(ExprKind::Ident(at.text), &at)?;
                self.ids.push(label.0);
                self.bump();
                if !self.eat(Punct::Comma) {
                    break;
                }
            }
        }
        let labels = self.list_from(base);
        if self.pos != close {
            return self.unexpected("asm");
        }
        self.bump();
        self.semicolon()?;
        Ok(StmtKind::Asm { empty, outputs: lists[0], inputs: lists[1], labels })
    }

    fn skip_to_colon(&mut self, close: usize) {
        while self.pos < close && !self.is(Punct::Colon) {
            self.pos = self.mate(self.pos).unwrap_or(self.pos) + 1;
        }
    }

    /// `[name] "constraint" (expression)`, or an unexpanded macro that stands for one.
    fn asm_operand(&mut self) -> P<()> {
        if self.is(Punct::LBracket) {
            self.skip_group("asm")?;
        }
        while self.k() == K::Str || self.k() == K::Ident && self.k_at(self.pos + 1) == K::Str {
            self.bump();
        }
        if self.k() == K::Ident {
            self.bump();
            if !self.is(Punct::LParen) {
                return Ok(());
            }
            // `CC_OUT(c) (result)`.
            if self.mate(self.pos).is_some_and(|m| self.is_at(m + 1, Punct::LParen)) {
                self.skip_group("asm operand")?;
            }
        }
        let value = self.parenthesised("asm operand")?;
        self.ids.push(value.0);
        Ok(())
    }

    // --- declarations and expressions as statements

    fn declaration_stmt(&mut self) -> P<StmtId> {
        let at = self.token();
        let base = self.ids.len();
        let in_argument = std::mem::replace(&mut self.in_argument, false);
        let nested = self.declaration();
        self.in_argument = in_argument;
        if nested? {
            // A nested function. With a return type that nobody knows it is more likely not C at all.
            let known = self.is_definition_of_known_type(base);
            if !known {
                return self.unexpected("declaration");
            }
            self.ids.truncate(base);
            self.skip_group("nested function")?;
            return Ok(self.add_stmt(StmtKind::NestedFunction, &at));
        }
        let decls = self.list_from(base);
        Ok(self.add_stmt(StmtKind::Decl(decls), &at))
    }

    fn is_definition_of_known_type(&self, base: usize) -> bool {
        let decl = self.ids.get(base).and_then(|&d| self.ast.decls.get(d as usize));
        let Some(TypeNode::Function { mut ret, .. }) = decl.and_then(|d| self.ast.types.get(d.ty.index())).copied() else { return false };
        loop {
            match self.ast.types.get(ret.index()) {
                Some(&TypeNode::Pointer { to, .. }) => ret = to,
                Some(&TypeNode::Qualified { of, .. }) => ret = of,
                Some(&TypeNode::Named(name)) => return self.names.is_type(name) == Some(true) || super::words::is_builtin_type(name),
                other => return other.is_some(),
            }
        }
    }

    fn expression_stmt(&mut self) -> P<StmtId> {
        let at = self.token();
        let value = if self.in_argument {
            self.assign()?
        } else if let Some(block) = self.comma_stmt()? {
            return Ok(block);
        } else {
            self.expr()?
        };
        if let Some(expr) = self.ast.exprs.get(value.index()) {
            // `x <- y` is a comparison to C. Nobody writes one as a statement; as the value of `({ … })` it is fine.
            let compares = matches!(expr.kind, ExprKind::Binary(BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge | BinOp::Eq | BinOp::Ne, ..));
            let is_value = self.value_depth > 0 && self.is_at(self.pos + 1, Punct::RBrace);
            if compares && expr.origin.is_empty() && !is_value && self.is(Punct::Semi) {
                return self.fail("comparison without effect");
            }
        }
        self.semicolon()?;
        Ok(self.add_stmt(StmtKind::Expr(value), &at))
    }

    /// `(a, b, …);` with very many parts, as macros make them, is the same as a block of their statements, and no deep tree.
    fn comma_stmt(&mut self) -> P<Option<StmtId>> {
        let at = self.token();
        let Some(close) = self.mate(self.pos).filter(|&m| self.is(Punct::LParen) && self.is_at(m + 1, Punct::Semi)) else {
            return Ok(None);
        };
        let mut commas = 0;
        let mut next = self.pos + 1;
        while next < close && commas <= MANY_COMMAS {
            commas += u32::from(self.is_at(next, Punct::Comma));
            next = self.mate(next).unwrap_or(next) + 1;
        }
        if commas <= MANY_COMMAS {
            return Ok(None);
        }
        self.bump();
        let base = self.ids.len();
        loop {
            let here = self.token();
            let value = self.assign()?;
            let stmt = self.add_stmt(StmtKind::Expr(value), &here);
            self.ids.push(stmt.0);
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        self.expect(Punct::RParen, "expression")?;
        self.semicolon()?;
        let body = self.list_from(base);
        Ok(Some(self.add_stmt(StmtKind::Block { body, end: at.loc }, &at)))
    }

    /// A statement that begins with a name.
    fn ident_stmt(&mut self) -> P<StmtId> {
        let at = self.token();
        let here = self.pos;
        if self.is_at(here + 1, Punct::Colon) {
            let kind = self.label()?;
            let body = self.labelled()?;
            return Ok(self.add_stmt(with_body(kind, body), &at));
        }
        let open = self.is_at(here + 1, Punct::LParen);
        let shape = if self.scope.contains_key(&at.text) { None } else { self.names.shape(at.text) };
        match shape {
            Some(Shape::Loop) if open => return self.model_loop(),
            Some(Shape::Scope) if open => {
                self.bump();
                let args = self.call_args(at.text)?;
                let body = self.loop_body();
                return Ok(self.add_stmt(StmtKind::ModelScope { name: at.text, args, body }, &at));
            }
            Some(Shape::Guard) if open => {
                self.bump();
                let class = self.call_args(at.text)?;
                let args = if self.is(Punct::LParen) { self.call_args(at.text)? } else { List::default() };
                self.semicolon()?;
                return Ok(self.add_stmt(StmtKind::Guard { name: at.text, class, args }, &at));
            }
            Some(Shape::ClassDecl) if open => return self.class_decl(),
            Some(Shape::Decl) if open => return self.declared_by_macro(),
            Some(Shape::Ignored | Shape::Annotation | Shape::Cleanup) => {
                self.annotation(&mut Extra::default())?;
                if matches!(self.k(), K::P(Punct::RBrace)) {
                    return Ok(self.add_stmt(StmtKind::Empty, &at));
                }
                return self.stmt_inner();
            }
            _ => {}
        }
        if self.starts_decl() {
            return self.declaration_stmt();
        }
        if !open && !self.scope.contains_key(&at.text) && self.names.is_type(at.text) == Some(true) {
            return self.fail(format!("unexpected type name `{}` in expression", at.text));
        }
        if open && let Some(stmt) = self.macro_stmt(shape)? {
            return Ok(stmt);
        }
        self.expression_stmt()
    }

    /// A name with arguments and no semicolon: a loop, a call on a line of its own, or nothing that is known.
    fn macro_stmt(&mut self, shape: Option<Shape>) -> P<Option<StmtId>> {
        let at = self.token();
        let here = self.pos;
        let Some(close) = self.mate(here + 1) else { return Ok(None) };
        let block_follows = match self.k_at(close + 1) {
            K::P(Punct::LBrace) => true,
            K::Ident | K::P(Punct::RBrace | Punct::Inc | Punct::Dec) => false,
            K::Kw(word) if word.starts_stmt() || word.starts_decl() || matches!(word, Kw::Else | Kw::Extension) => false,
            K::P(Punct::Semi) if shape.is_none() && self.is_type(at.text).is_none() && looks_like_loop(at.text) => {
                return self.model_loop().map(Some);
            }
            K::P(Punct::Star) if self.token_at(close + 1).loc.line > self.token_at(close).loc.line => false,
            _ => return Ok(None),
        };
        let known = shape.is_none() && self.is_type(at.text).is_some();
        if !known && (looks_like_loop(at.text) || block_follows && looks_like_block_loop(at.text)) {
            return self.model_loop().map(Some);
        }
        if block_follows && !known && at.text.as_str().starts_with("scoped_") {
            self.bump();
            let args = self.call_args(at.text)?;
            let body = self.loop_body();
            return Ok(Some(self.add_stmt(StmtKind::ModelScope { name: at.text, args, body }, &at)));
        }
        if block_follows {
            return self.fail(format!("unexpected block after `{}(…)`", at.text));
        }
        // A macro from a header that is missing, or one that the model does not expand, written without semicolon.
        let line = |at: usize| self.token_at(at).loc.line;
        let alone = (here == 0 || line(here - 1) < line(here) || !at.origin.is_empty()) && line(close) < line(close + 1);
        if known || !alone {
            return Ok(None);
        }
        let value = self.assign()?;
        if self.pos != close + 1 {
            return self.unexpected("statement");
        }
        self.note(here, format!("`{}(…)` without semicolon read as a call", at.text));
        Ok(Some(self.add_stmt(StmtKind::Expr(value), &at)))
    }

    fn model_loop(&mut self) -> P<StmtId> {
        let at = self.token();
        self.bump();
        let args = self.call_args(at.text)?;
        let body = self.loop_body();
        Ok(self.add_stmt(StmtKind::ModelLoop { name: at.text, args, body }, &at))
    }

    /// `CLASS(name, variable)(args);`.
    fn class_decl(&mut self) -> P<StmtId> {
        let at = self.token();
        self.bump();
        let class = self.call_args(at.text)?;
        let names: smallvec::SmallVec<[Symbol; 2]> = self
            .ast
            .list(class)
            .iter()
            .filter_map(|&arg| match self.ast.exprs.get(arg as usize).map(|e| e.kind) {
                Some(ExprKind::Ident(name)) => Some(name),
                Some(ExprKind::TypeArg(ty)) => match self.ast.types.get(ty.index()) {
                    Some(&TypeNode::Named(name)) => Some(name),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let (Some(&class), Some(&name)) = (names.first(), names.get(1)) else {
            return self.unexpected("class declaration");
        };
        let args = if self.is(Punct::LParen) { self.call_args(at.text)? } else { List::default() };
        let ty = self.type_node(TypeNode::Named(Symbol::intern(&format!("class_{class}_t"))));
        let mut decl = self.plain_decl(name, ty, &at);
        decl.constructor = Symbol::intern(&format!("class_{class}_constructor"));
        decl.constructor_args = args;
        decl.cleanup = Symbol::intern(&format!("class_{class}_destructor"));
        let decl = self.add_decl(decl);
        self.declare(name, false);
        self.semicolon()?;
        let decls = self.ast.push_list(&[decl.0]);
        Ok(self.add_stmt(StmtKind::Decl(decls), &at))
    }

    fn declared_by_macro(&mut self) -> P<StmtId> {
        let at = self.token();
        let base = self.ids.len();
        let ty = self.type_node(TypeNode::Unknown);
        let specs = super::decl::Specs { ty, storage: Storage::default(), space: Space::Kernel, extra: Extra::default(), is_tag: false };
        self.macro_declaration(&specs)?;
        if !self.eat(Punct::Semi) && self.token().loc.line <= self.token_at(self.pos.saturating_sub(1)).loc.line {
            return self.unexpected("declaration");
        }
        let decls = self.list_from(base);
        Ok(self.add_stmt(StmtKind::Decl(decls), &at))
    }

    // --- declaration or expression

    /// Whether a declaration begins here.
    pub(super) fn starts_decl(&self) -> bool {
        self.starts_decl_at(self.pos)
    }

    fn starts_decl_at(&self, at: usize) -> bool {
        match self.k_at(at) {
            K::Kw(word) => word.starts_decl() || matches!(word, Kw::Attribute | Kw::Extension) && self.decl_follows(at, word),
            K::Ident => match self.is_type(self.text_at(at)) {
                Some(true) => match self.k_at(at + 1) {
                    K::Ident | K::Kw(_) | K::P(Punct::Star | Punct::Semi) => true,
                    K::P(Punct::LParen) => matches!(self.k_at(at + 2), K::P(Punct::Star | Punct::LParen) | K::Ident),
                    _ => false,
                },
                Some(false) => false,
                None => self.unknown_starts_decl(at),
            },
            _ => false,
        }
    }

    fn decl_follows(&self, at: usize, word: Kw) -> bool {
        let next = if word == Kw::Extension { Some(at + 1) } else { self.mate(at + 1).map(|m| m + 1) };
        next.is_some_and(|next| matches!(self.k_at(next), K::Kw(word) if word.starts_decl()) || self.is_type_at(next) == Some(true))
    }

    /// `T x …` or `T *x …` with an unknown T.
    fn unknown_starts_decl(&self, at: usize) -> bool {
        let after_name = |at: usize| match self.k_at(at) {
            K::P(Punct::Semi | Punct::Eq | Punct::Comma | Punct::LBracket) | K::Kw(Kw::Attribute | Kw::Asm) => true,
            K::P(Punct::LParen) => self
                .mate(at)
                .is_some_and(|m| matches!(self.k_at(m + 1), K::P(Punct::Semi | Punct::Comma | Punct::LBrace) | K::Kw(Kw::Attribute))),
            K::Ident => self.is_annotation_at(at),
            _ => false,
        };
        let annotation = || self.is_annotation_at(at);
        match self.k_at(at + 1) {
            K::Ident => {
                // Words that declare in other languages are no types here.
                let foreign = matches!(self.text_at(at).as_str(), "let" | "var" | "val" | "def" | "fn" | "func");
                if foreign {
                    return false;
                }
                // A call on a line of its own is no type.
                after_name(at + 2) && !self.is_annotation_at(at + 1)
                    || after_name(at + 2) && !self.is_annotation_at(at + 2)
                    || self.is_annotation_at(at + 1) && self.k_at(at + 2) == K::Ident && after_name(at + 3)
                    || annotation() && (self.k_at(at + 2) == K::Ident && after_name(at + 3) || self.starts_decl_at(at + 1))
            }
            K::P(Punct::Star) => {
                let mut name = at + 1;
                while matches!(self.k_at(name), K::P(Punct::Star) | K::Kw(Kw::Const | Kw::Volatile | Kw::Restrict | Kw::Space(_))) {
                    name += 1;
                }
                if self.k_at(name) == K::Ident && self.k_at(name + 1) == K::Ident && self.is_annotation_at(name) {
                    name += 1;
                }
                self.k_at(name) == K::Ident && after_name(name + 1)
            }
            K::Kw(Kw::Const | Kw::Volatile | Kw::Space(_)) => true,
            K::Kw(word) if word.starts_decl() => annotation(),
            K::P(Punct::LParen) if annotation() => self.mate(at + 1).is_some_and(|m| {
                let same_line = self.token_at(m).loc.line == self.token_at(m + 1).loc.line;
                same_line && matches!(self.k_at(m + 1), K::Kw(word) if word.starts_decl())
            }),
            _ => false,
        }
    }
}

fn with_body(kind: StmtKind, to: StmtId) -> StmtKind {
    match kind {
        StmtKind::Case { lo, hi, .. } => StmtKind::Case { lo, hi, body: to },
        StmtKind::Default { .. } => StmtKind::Default { body: to },
        StmtKind::Label { name, .. } => StmtKind::Label { name, body: to },
        other => other,
    }
}
