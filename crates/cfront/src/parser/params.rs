//! Parameters of functions, in new and old style.

use super::decl::{Layer, Place};
use super::words::Kw;
use super::{K, P, Parser};
use crate::ast::*;
use crate::token::Punct;

impl Parser<'_> {
    pub(super) fn parameters(&mut self) -> P<Layer> {
        let close = self.mate(self.pos);
        self.expect(Punct::LParen, "parameters")?;
        if self.eat(Punct::RParen) {
            return Ok(Layer::Function { params: List::default(), variadic: false, old_style: true });
        }
        if self.k() == K::Kw(Kw::Void) && self.is_at(self.pos + 1, Punct::RParen) {
            self.pos += 2;
            return Ok(Layer::Function { params: List::default(), variadic: false, old_style: false });
        }
        let base = self.ids.len();
        if close.is_some_and(|close| self.is_identifier_list(close)) {
            while self.k() == K::Ident {
                let at = self.token();
                let ty = self.type_node(TypeNode::Int { size: 4, signed: true });
                let decl = self.plain_decl(at.text, ty, &at);
                let decl = self.add_decl(decl);
                self.ids.push(decl.0);
                self.bump();
                self.eat(Punct::Comma);
            }
            self.expect(Punct::RParen, "parameters")?;
            let params = self.list_from(base);
            return Ok(Layer::Function { params, variadic: false, old_style: true });
        }
        let mark = self.undo.len();
        let mut variadic = false;
        loop {
            if self.eat(Punct::Ellipsis) {
                variadic = true;
                break;
            }
            let param = match self.parameter() {
                Ok(param) => param,
                Err(fail) => {
                    self.close_scope(mark);
                    return Err(fail);
                }
            };
            self.ids.push(param.0);
            if !self.eat(Punct::Comma) {
                break;
            }
        }
        self.close_scope(mark);
        self.expect(Punct::RParen, "parameters")?;
        let params = self.list_from(base);
        Ok(Layer::Function { params, variadic, old_style: false })
    }

    /// K&R: plain names that are no types, and declarations or the body after them.
    fn is_identifier_list(&self, close: usize) -> bool {
        let mut at = self.pos;
        loop {
            if self.k_at(at) != K::Ident || self.is_type_at(at) == Some(true) {
                return false;
            }
            if at + 1 == close {
                break;
            }
            if !self.is_at(at + 1, Punct::Comma) {
                return false;
            }
            at += 2;
        }
        match self.k_at(close + 1) {
            K::P(Punct::LBrace) => true,
            K::Kw(word) => word.starts_decl(),
            // `f(a) T a; { … }`
            K::Ident => !self.is_annotation_at(close + 1) && matches!(self.k_at(close + 2), K::Ident | K::P(Punct::Star)),
            _ => false,
        }
    }

    fn parameter(&mut self) -> P<DeclId> {
        let at = self.token();
        let mut specs = self.specs(Place::Param)?;
        let declarator = self.declarator(&mut specs, true)?;
        self.after_declarator(&mut specs.extra)?;
        let ty = match self.ast.types.get(declarator.ty.index()).copied() {
            Some(TypeNode::Array { of, .. }) => self.type_node(TypeNode::Pointer { to: of, space: Space::Kernel }),
            Some(TypeNode::Function { .. }) => self.type_node(TypeNode::Pointer { to: declarator.ty, space: Space::Kernel }),
            _ => declarator.ty,
        };
        self.declare(declarator.name, false);
        let at = if declarator.name.is_empty() { at } else { declarator.at };
        Ok(self.finish_decl(declarator.name, ty, &specs, None, &at))
    }
}
