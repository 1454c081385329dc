//! Bodies of structures, unions and enumerations.

use super::decl::{Extra, Place, Specs};
use super::words::Kw;
use super::{K, P, Parser};
use crate::ast::*;
use crate::shapes::Shape;
use crate::token::Punct;
use cuthere_base::Symbol;

impl Parser<'_> {
    /// Attributes and annotations between `struct` and the tag or after the body.
    fn tag_attributes(&mut self, extra: &mut Extra) -> P<()> {
        loop {
            match self.k() {
                K::Kw(Kw::Attribute) => self.attribute(extra)?,
                K::P(Punct::LBracket) if self.is_at(self.pos + 1, Punct::LBracket) => self.skip_group("attribute")?,
                K::Ident if matches!(self.shape_at(self.pos), Some(Shape::Ignored | Shape::Annotation)) => self.annotation(extra)?,
                _ => return Ok(()),
            }
        }
    }

    /// `struct …` or `union …`.
    pub(super) fn record(&mut self, outer: &mut Extra) -> P<TypeNode> {
        let at = self.token();
        let kind = if self.k() == K::Kw(Kw::Union) { TagKind::Union } else { TagKind::Struct };
        self.bump();
        let mut extra = Extra::default();
        self.tag_attributes(&mut extra)?;
        let mut tag = Symbol::EMPTY;
        if self.k() == K::Ident {
            tag = self.token().text;
            self.bump();
        }
        if !self.is(Punct::LBrace) {
            if tag.is_empty() {
                return self.unexpected("structure");
            }
            outer.packed |= extra.packed;
            return Ok(TypeNode::Tag { kind, tag });
        }
        let fields = self.members()?;
        // Attributes after the brace belong to the type.
        loop {
            match self.k() {
                K::Kw(Kw::Attribute) => self.attribute(&mut extra)?,
                K::Ident if matches!(self.shape_at(self.pos), Some(Shape::Ignored | Shape::Annotation)) => self.annotation(&mut extra)?,
                // `struct x { … } __weird;`: unknown after an untagged body it is the variable.
                K::Ident if !tag.is_empty() && self.is_annotation_at(self.pos) && self.k_at(self.pos + 1) == K::Ident => {
                    self.annotation(&mut extra)?;
                }
                _ => break,
            }
        }
        outer.cleanup = if extra.cleanup.is_empty() { outer.cleanup } else { extra.cleanup };
        self.ast.records.push(RecordBody { kind, tag, fields, packed: extra.packed, align: extra.align, loc: at.loc });
        Ok(TypeNode::Record(self.ast.records.len() as u32 - 1))
    }

    fn members(&mut self) -> P<List> {
        let close = self.mate(self.pos);
        self.expect(Punct::LBrace, "structure")?;
        let base = self.ids.len();
        while !self.is(Punct::RBrace) {
            if self.k() == K::Eof {
                return self.unexpected("structure");
            }
            let start = self.pos;
            let before = self.before();
            if self.member().is_err() {
                if self.expr_depth >= super::MAX_EXPR_DEPTH {
                    return Err(super::Fail);
                }
                self.take_gap();
                self.restore(before);
                self.skip_statement(start);
            }
            if self.pos == start {
                self.bump();
            }
            if close.is_some_and(|close| self.pos > close) {
                return self.fail("unbalanced structure");
            }
        }
        self.bump();
        Ok(self.list_from(base))
    }

    fn member(&mut self) -> P<()> {
        match self.k() {
            K::P(Punct::Semi) => {
                self.bump();
                return Ok(());
            }
            K::Kw(Kw::StaticAssert) => {
                self.skip_to_semicolon();
                return Ok(());
            }
            // `NAME(…);`: members that an unexpanded macro declares.
            K::Ident if self.is_at(self.pos + 1, Punct::LParen) && self.is_type_at(self.pos) != Some(true) => {
                let end = self.mate(self.pos + 1).map(|m| self.k_at(m + 1));
                if matches!(end, Some(K::P(Punct::Semi | Punct::RBrace))) {
                    let at = self.pos;
                    if self.is_shape_at(at, Shape::Decl) {
                        let ty = self.type_node(TypeNode::Unknown);
                        let specs = Specs { ty, storage: Storage::default(), space: Space::Kernel, extra: Extra::default(), is_tag: false };
                        self.macro_declaration(&specs)?;
                    } else {
                        self.note(at, format!("members declared by `{}` are not known", self.text_at(at)));
                        self.bump();
                        self.skip_group("structure")?;
                    }
                    self.eat(Punct::Semi);
                    return Ok(());
                }
            }
            _ => {}
        }
        let at = self.token();
        let mut specs = self.specs(Place::Member)?;
        if self.is(Punct::Semi) {
            if specs.is_tag {
                let decl = self.finish_decl(Symbol::EMPTY, specs.ty, &specs, None, &at);
                self.ids.push(decl.0);
            }
            self.bump();
            return Ok(());
        }
        let common = specs.extra.clone();
        loop {
            let (name, ty, from) = if self.is(Punct::Colon) {
                (Symbol::EMPTY, specs.ty, self.token())
            } else {
                let declarator = self.declarator(&mut specs, false)?;
                (declarator.name, declarator.ty, declarator.at)
            };
            let bits = if self.eat(Punct::Colon) { Some(self.conditional()?) } else { None };
            self.after_declarator(&mut specs.extra)?;
            let id = self.finish_decl(name, ty, &specs, None, &from);
            if let Some(decl) = self.ast.decls.get_mut(id.index()) {
                decl.bits = bits;
            }
            self.ids.push(id.0);
            specs.extra = common.clone();
            if self.eat(Punct::Comma) {
                continue;
            }
            if self.is(Punct::RBrace) {
                return Ok(());
            }
            return self.expect(Punct::Semi, "structure");
        }
    }

    /// `enum …`.
    pub(super) fn enumeration(&mut self, outer: &mut Extra) -> P<TypeNode> {
        let at = self.token();
        self.bump();
        let mut extra = Extra::default();
        self.tag_attributes(&mut extra)?;
        let mut tag = Symbol::EMPTY;
        if self.k() == K::Ident {
            tag = self.token().text;
            self.bump();
        }
        // C23: `enum x : unsigned char { … }`; but `enum x name : 3` is a bit-field, whose name comes first.
        if self.is(Punct::Colon) && matches!(self.k_at(self.pos + 1), K::Kw(word) if word.starts_type()) {
            self.bump();
            self.specs(Place::TypeName)?;
        }
        if !self.is(Punct::LBrace) {
            if tag.is_empty() {
                return self.unexpected("enumeration");
            }
            return Ok(TypeNode::Tag { kind: TagKind::Enum, tag });
        }
        self.bump();
        let mut items = Vec::new();
        while !self.is(Punct::RBrace) {
            if self.k() != K::Ident {
                return self.unexpected("enumeration");
            }
            let name = self.token().text;
            self.bump();
            self.after_declarator(&mut Extra::default())?;
            let value = if self.eat(Punct::Eq) { Some(self.conditional()?) } else { None };
            self.declare(name, false);
            items.push((name, value));
            if !self.eat(Punct::Comma) && !self.is(Punct::RBrace) {
                return self.unexpected("enumeration");
            }
        }
        self.bump();
        while self.k() == K::Kw(Kw::Attribute) {
            self.attribute(outer)?;
        }
        self.ast.enums.push(EnumBody { tag, items, loc: at.loc });
        Ok(TypeNode::Enum(self.ast.enums.len() as u32 - 1))
    }
}
