//! The items of a file: declarations in a row, and function definitions with their bodies.

use super::decl::{Extra, Layer, Specs};
use super::words::{Kw, looks_like_annotation};
use super::{K, P, ParsedFunction, Parser};
use crate::ast::*;
use crate::shapes::Shape;
use crate::token::Punct;
use cuthere_base::Symbol;

impl Parser<'_> {
    // --- the items of a file

    pub(super) fn declarations(&mut self) -> Vec<DeclId> {
        let base = self.ids.len();
        while self.k() != K::Eof {
            let start = self.pos;
            let before = self.before();
            match self.item() {
                Ok(true) => {
                    if self.skip_group("function").is_err() {
                        self.take_gap();
                        break;
                    }
                }
                Ok(false) => {}
                Err(_) => {
                    self.take_gap();
                    self.restore(before);
                    self.skip_statement(start);
                }
            }
            if self.pos == start {
                self.bump();
            }
        }
        self.ids.split_off(base).into_iter().map(DeclId).collect()
    }

    /// One item at file level; `true` as in [`Self::declaration`].
    fn item(&mut self) -> P<bool> {
        match self.k() {
            K::P(Punct::Semi) => {
                self.bump();
                Ok(false)
            }
            K::Kw(Kw::StaticAssert | Kw::Asm) => {
                self.skip_to_semicolon();
                Ok(false)
            }
            K::Ident if self.is_shape_at(self.pos, Shape::Decl) && self.is_at(self.pos + 1, Punct::LParen) => {
                let ty = self.type_node(TypeNode::Unknown);
                let specs = Specs { ty, storage: Storage::default(), space: Space::Kernel, extra: Extra::default(), is_tag: false };
                self.macro_declaration(&specs)?;
                self.eat(Punct::Semi);
                Ok(false)
            }
            // `NAME(…) {`: a function that an unknown macro defines. `NAME(…);`: a use that says nothing here.
            K::Ident
                if self.is_at(self.pos + 1, Punct::LParen)
                    && self.is_type_at(self.pos) != Some(true)
                    && self.shape_at(self.pos).is_none() =>
            {
                let after = self.mate(self.pos + 1).map(|m| self.k_at(m + 1));
                match after {
                    Some(K::P(Punct::Semi) | K::Eof) => {
                        self.bump();
                        self.skip_group("declaration")?;
                        self.bump();
                        Ok(false)
                    }
                    Some(K::P(Punct::LBrace)) => {
                        let at = self.token();
                        self.bump();
                        let ret = self.type_node(TypeNode::Int { size: 4, signed: true });
                        let open = self.pos;
                        let before = self.before();
                        let layer = match self.deeper(|p| p.parameters()) {
                            Ok(layer) => layer,
                            Err(_) => {
                                // Arguments of a macro rather than parameters.
                                self.restore(before);
                                self.error = None;
                                self.pos = open;
                                self.skip_group("declaration")?;
                                Layer::Function { params: List::default(), variadic: true, old_style: true }
                            }
                        };
                        let Layer::Function { params, variadic, old_style } = layer else { return self.unexpected("declaration") };
                        let ty = self.type_node(TypeNode::Function { ret, params, variadic, old_style });
                        let decl = self.plain_decl(at.text, ty, &at);
                        let decl = self.add_decl(decl);
                        self.ids.push(decl.0);
                        Ok(true)
                    }
                    // K&R definitions with implicit int, and annotations.
                    _ => {
                        if self.is_function_without_type() {
                            let at = self.token();
                            let ty = self.type_node(TypeNode::Int { size: 4, signed: true });
                            let mut specs =
                                Specs { ty, storage: Storage::default(), space: Space::Kernel, extra: Extra::default(), is_tag: false };
                            let _ = at;
                            return self.one_declaration(&mut specs);
                        }
                        self.declaration()
                    }
                }
            }
            _ => self.declaration(),
        }
    }

    /// `f(a, b) int a, b; {`.
    fn is_function_without_type(&self) -> bool {
        let Some(close) = self.mate(self.pos + 1) else { return false };
        let mut at = self.pos + 2;
        while at < close {
            if self.k_at(at) != K::Ident {
                return false;
            }
            at += 2;
        }
        !looks_like_annotation(self.text_at(self.pos)) && matches!(self.k_at(close + 1), K::Kw(word) if word.starts_type())
    }

    // --- functions

    pub(super) fn function(&mut self) -> ParsedFunction {
        let base = self.ids.len();
        let mut found = None;
        while self.k() != K::Eof {
            let start = self.pos;
            let before = self.before();
            match self.item() {
                Ok(true) => {
                    let open = self.pos;
                    let decl = self.ids.last().copied();
                    found = decl.map(|d| (DeclId(d), open));
                    match self.mate(open) {
                        Some(close) => self.pos = close + 1,
                        None => break,
                    }
                }
                Ok(false) => {}
                Err(_) => {
                    let body = self.body_after(start);
                    self.restore(before);
                    self.take_gap();
                    match body {
                        Some(open) => {
                            let at = self.token_at(start);
                            let ty = self.type_node(TypeNode::Unknown);
                            let name = self.name_before(open);
                            let decl = self.plain_decl(name, ty, &at);
                            found = Some((self.add_decl(decl), open));
                            self.pos = self.mate(open).map_or(self.tokens.len(), |m| m + 1);
                        }
                        None => self.skip_statement(start),
                    }
                }
            }
            if self.pos == start {
                self.bump();
            }
        }
        self.ids.truncate(base);
        let Some((decl, open)) = found else {
            let _ = self.fail::<()>("no function body");
            self.take_gap();
            let at = self.token_at(0);
            let ty = self.type_node(TypeNode::Unknown);
            let decl = self.plain_decl(Symbol::EMPTY, ty, &at);
            return ParsedFunction { decl: self.add_decl(decl), params: List::default(), variadic: false, body: None };
        };
        let ty = self.ast.decls.get(decl.index()).map(|d| d.ty);
        let (params, variadic) = match ty.and_then(|t| self.ast.types.get(t.index())) {
            Some(&TypeNode::Function { params, variadic, .. }) => (params, variadic),
            _ => (List::default(), false),
        };
        for at in params.start..params.start + params.len {
            let name = self.ast.lists.get(at as usize).and_then(|&d| self.ast.decls.get(d as usize)).map(|d| d.name);
            self.declare(name.unwrap_or_default(), false);
        }
        self.pos = open;
        let body = match self.block() {
            Ok(body) => body,
            Err(_) => {
                let gap = self.take_gap();
                let at = self.token_at(open);
                self.add_stmt(StmtKind::Gap(gap), &at)
            }
        };
        ParsedFunction { decl, params, variadic, body: Some(body) }
    }

    /// The last block at the outermost level after `start` that ends the tokens.
    fn body_after(&self, start: usize) -> Option<usize> {
        let mut at = start;
        let mut last = None;
        while at < self.tokens.len() {
            let close = self.mate(at);
            if self.is_at(at, Punct::LBrace) {
                last = Some(at);
            }
            at = close.unwrap_or(at) + 1;
        }
        last
    }

    /// The identifier before the parameter list that precedes the body at `open`.
    fn name_before(&self, open: usize) -> Symbol {
        (0..open)
            .rev()
            .find(|&at| self.k_at(at) == K::Ident && self.is_at(at + 1, Punct::LParen) && self.mate(at + 1).is_some_and(|m| m < open))
            .map_or(Symbol::EMPTY, |at| self.text_at(at))
    }
}
