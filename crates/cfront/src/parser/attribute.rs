//! Attributes and annotations: what of them matters is kept, the rest is passed over.

use super::decl::Extra;
use super::words::Kw;
use super::{K, P, Parser};
use crate::ast::*;
use crate::shapes::Shape;
use crate::token::Punct;
use cuthere_base::Symbol;

impl Parser<'_> {
    /// `__attribute__((…))`.
    pub(super) fn attribute(&mut self, extra: &mut Extra) -> P<()> {
        self.bump();
        let Some(end) = self.mate(self.pos).filter(|_| self.is(Punct::LParen)) else {
            return self.unexpected("attribute");
        };
        let mut at = self.pos + 1;
        if self.is_at(at, Punct::LParen) {
            at += 1;
        }
        while at < end {
            let name = self.text_at(at).as_str();
            let name = name.strip_prefix("__").and_then(|n| n.strip_suffix("__")).unwrap_or(name);
            let argument = self.is_at(at + 1, Punct::LParen);
            match name {
                "cleanup" if argument && self.k_at(at + 2) == K::Ident => extra.cleanup = self.text_at(at + 2),
                // What `__user` and its kin are to compilers that keep type tags.
                "btf_type_tag" if argument => {
                    extra.space = match self.text_at(at + 2).as_str() {
                        "\"user\"" => Some(Space::User),
                        "\"percpu\"" => Some(Space::Percpu),
                        "\"rcu\"" => Some(Space::Rcu),
                        _ => None,
                    };
                }
                "noreturn" => extra.noreturn = true,
                "packed" => extra.packed = true,
                "aligned" => {
                    extra.align = Some(if argument {
                        self.pos = at + 2;
                        self.conditional()?
                    } else {
                        let token = self.token_at(at);
                        self.add(ExprKind::Int { value: 16, unsigned: false, long: 0 }, &token)?
                    });
                }
                _ => {}
            }
            at += 1;
            if argument {
                match self.mate(at) {
                    Some(close) => at = close + 1,
                    None => break,
                }
            }
            while at < end && !self.is_at(at, Punct::Comma) {
                at += 1;
            }
            at += 1;
        }
        self.pos = end + 1;
        Ok(())
    }

    /// A name of the model, or an unknown one, that annotates: with or without arguments.
    pub(super) fn annotation(&mut self, extra: &mut Extra) -> P<()> {
        let at = self.token();
        let shape = self.shape_at(self.pos);
        self.bump();
        let has_args = self.is(Punct::LParen);
        match shape {
            Some(Shape::Cleanup) if has_args => {
                let argument = self.text_at(self.pos + 1);
                self.skip_group("annotation")?;
                extra.cleanup =
                    if at.text.as_str().contains("cleanup") { argument } else { Symbol::intern(&format!("{}_{argument}", at.text)) };
            }
            Some(Shape::Annotation) => {
                let name = self.add(ExprKind::Ident(at.text), &at)?;
                let annotation = if has_args {
                    let close = self.mate(self.pos);
                    let before = self.before();
                    match self.call_args(at.text) {
                        Ok(args) => self.add(ExprKind::Call { callee: name, args }, &at)?,
                        Err(fail) => match close {
                            // The arguments do not matter to control flow: keep the name.
                            Some(close) => {
                                self.restore(before);
                                self.error = None;
                                self.pos = close + 1;
                                name
                            }
                            None => return Err(fail),
                        },
                    }
                } else {
                    name
                };
                extra.annotations.push(annotation.0);
            }
            _ => {
                if has_args {
                    self.skip_group("annotation")?;
                }
            }
        }
        Ok(())
    }

    /// Attributes, annotations and `asm("name")` after a declarator.
    pub(super) fn after_declarator(&mut self, extra: &mut Extra) -> P<()> {
        loop {
            match self.k() {
                K::Kw(Kw::Attribute) => self.attribute(extra)?,
                K::Kw(Kw::Asm) => {
                    self.bump();
                    self.skip_group("asm label")?;
                }
                K::Kw(Kw::Space(_)) => self.bump(),
                K::P(Punct::LBracket) if self.is_at(self.pos + 1, Punct::LBracket) => self.skip_group("attribute")?,
                K::Ident if self.is_annotation_at(self.pos) => self.annotation(extra)?,
                _ => return Ok(()),
            }
        }
    }
}
