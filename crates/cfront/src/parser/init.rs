//! Initialisers.

use super::{K, P, Parser};
use crate::ast::*;
use crate::token::Punct;

impl Parser<'_> {
    /// What follows `=`.
    pub(super) fn initialiser(&mut self) -> P<InitId> {
        if self.is(Punct::LBrace) {
            return self.braces();
        }
        let value = self.assign()?;
        Ok(self.add_init(Init::Expr(value)))
    }

    /// `{ … }`.
    pub(super) fn braces(&mut self) -> P<InitId> {
        self.deeper(|p| {
            let at = p.token();
            p.expect(Punct::LBrace, "initialiser")?;
            let base = p.ids.len();
            while !p.is(Punct::RBrace) {
                let item = p.initialiser_item()?;
                p.ids.push(item.0);
                if !p.eat(Punct::Comma) && !p.is(Punct::RBrace) {
                    return p.unexpected("initialiser");
                }
            }
            p.bump();
            let items = p.list_from(base);
            Ok(p.add_init(Init::Brace { items, loc: at.loc }))
        })
    }

    fn initialiser_item(&mut self) -> P<InitId> {
        let base = self.ids.len();
        // Old GNU form `field: value`.
        if self.k() == K::Ident && self.is_at(self.pos + 1, Punct::Colon) {
            let field = Init::Field(self.token().text);
            self.pos += 2;
            let field = self.add_init(field);
            self.ids.push(field.0);
        } else {
            while matches!(self.k(), K::P(Punct::Dot | Punct::LBracket)) {
                let designator = if self.eat(Punct::Dot) {
                    if self.k() != K::Ident {
                        return self.unexpected("designator");
                    }
                    let name = self.token().text;
                    self.bump();
                    Init::Field(name)
                } else {
                    self.bump();
                    let lo = self.conditional()?;
                    let hi = if self.eat(Punct::Ellipsis) { Some(self.conditional()?) } else { None };
                    self.expect(Punct::RBracket, "designator")?;
                    Init::At(lo, hi)
                };
                let designator = self.add_init(designator);
                self.ids.push(designator.0);
            }
            if self.ids.len() > base && !self.eat(Punct::Eq) && !self.is(Punct::LBrace) {
                // Very old GNU form `[3] value`.
                let after_index = self.ids.last().and_then(|&i| self.ast.inits.get(i as usize));
                if !matches!(after_index, Some(Init::At(..))) {
                    return self.unexpected("designator");
                }
            }
        }
        let path = self.list_from(base);
        let value = self.initialiser()?;
        Ok(self.add_init(Init::Item { path, value }))
    }
}
