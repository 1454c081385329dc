//! Declarations: specifiers, declarators, parameters, annotations, and the items of a file.

use super::words::{Kw, looks_like_annotation};
use super::{K, P, ParsedFunction, Parser};
use crate::ast::*;
use crate::shapes::Shape;
use crate::token::{Punct, Token};
use cuthere_base::Symbol;
use smallvec::SmallVec;

/// What the specifiers before the declarators say.
#[derive(Clone, Debug)]
pub(super) struct Specs {
    pub(super) ty: TypeId,
    pub(super) storage: Storage,
    pub(super) space: Space,
    pub(super) extra: Extra,
    /// `struct x { … }`, `struct x` or `enum …`: may stand without declarator.
    pub(super) is_tag: bool,
}

/// What attributes and annotations say, wherever they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    pub(super) cleanup: Symbol,
    pub(super) align: Option<ExprId>,
    pub(super) noreturn: bool,
    pub(super) packed: bool,
    pub(super) annotations: SmallVec<[u32; 4]>,
}

/// One layer of a declarator, from the name outwards.
enum Layer {
    Pointer(Space),
    Array(Option<ExprId>),
    Function { params: List, variadic: bool, old_style: bool },
}

/// A declarator read.
pub(super) struct Declarator {
    pub(super) name: Symbol,
    pub(super) at: Token,
    pub(super) ty: TypeId,
}

/// Which specifiers may stand here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Declaration,
    Param,
    Member,
    TypeName,
}

#[derive(Default)]
struct Basic {
    seen: bool,
    word: Option<Kw>,
    long: u8,
    short: bool,
    signed: Option<bool>,
}

type Layers = SmallVec<[Layer; 4]>;

impl Parser<'_> {
    /// A type name, as in a cast.
    pub(super) fn type_name(&mut self) -> P<TypeId> {
        let mut specs = self.specs(Place::TypeName)?;
        Ok(self.declarator(&mut specs, true)?.ty)
    }

    // --- specifiers

    pub(super) fn specs(&mut self, place: Place) -> P<Specs> {
        let mut storage = Storage::default();
        let mut space = Space::Kernel;
        let mut extra = Extra::default();
        let mut basic = Basic::default();
        let mut ty: Option<TypeNode> = None;
        let mut is_tag = false;
        let mut qualified = false;
        let mut auto = false;
        let start = self.pos;
        loop {
            let typed = ty.is_some() || basic.seen;
            match self.k() {
                K::Kw(word) => match word {
                    Kw::Static => storage.is_static = true,
                    Kw::Extern => storage.is_extern = true,
                    Kw::Typedef => storage.is_typedef = true,
                    Kw::Inline => storage.is_inline = true,
                    Kw::Register => storage.is_register = true,
                    Kw::ThreadLocal => storage.is_thread_local = true,
                    Kw::Noreturn => extra.noreturn = true,
                    Kw::Auto => auto = true,
                    Kw::Const | Kw::Volatile | Kw::Restrict => qualified = true,
                    Kw::Extension | Kw::Complex => {}
                    Kw::Space(s) => space = s,
                    Kw::Attribute => {
                        self.attribute(&mut extra)?;
                        continue;
                    }
                    Kw::Alignas => {
                        self.bump();
                        self.skip_group("alignment")?;
                        continue;
                    }
                    Kw::Atomic if self.is_at(self.pos + 1, Punct::LParen) && !typed => {
                        self.pos += 2;
                        let inner = self.deeper(|p| p.type_name())?;
                        self.expect(Punct::RParen, "type")?;
                        ty = Some(TypeNode::TypeofType(inner));
                        continue;
                    }
                    Kw::Atomic => qualified = true,
                    Kw::Struct | Kw::Union => {
                        if typed {
                            return self.unexpected("type");
                        }
                        ty = Some(self.deeper(|p| p.record(&mut extra))?);
                        is_tag = true;
                        continue;
                    }
                    Kw::Enum => {
                        if typed {
                            return self.unexpected("type");
                        }
                        ty = Some(self.deeper(|p| p.enumeration(&mut extra))?);
                        is_tag = true;
                        continue;
                    }
                    Kw::Typeof => {
                        if typed {
                            return self.unexpected("type");
                        }
                        ty = Some(self.type_of()?);
                        continue;
                    }
                    Kw::AutoType => {
                        if typed {
                            return self.unexpected("type");
                        }
                        ty = Some(TypeNode::AutoType);
                    }
                    Kw::Signed | Kw::Unsigned => {
                        if ty.is_some() || basic.signed.is_some() {
                            return self.unexpected("type");
                        }
                        basic.seen = true;
                        basic.signed = Some(word == Kw::Signed);
                    }
                    Kw::Long => {
                        if ty.is_some() || basic.long == 2 || basic.short {
                            return self.unexpected("type");
                        }
                        basic.seen = true;
                        basic.long += 1;
                    }
                    Kw::Short => {
                        if ty.is_some() || basic.long > 0 || basic.short {
                            return self.unexpected("type");
                        }
                        basic.seen = true;
                        basic.short = true;
                    }
                    Kw::Void | Kw::Char | Kw::Int | Kw::Float | Kw::Double | Kw::Bool | Kw::Int128 => {
                        if ty.is_some() || basic.word.is_some() {
                            return self.unexpected("type");
                        }
                        basic.seen = true;
                        basic.word = Some(word);
                    }
                    _ => break,
                },
                K::P(Punct::LBracket) if self.is_at(self.pos + 1, Punct::LBracket) => {
                    self.skip_group("attribute")?;
                    continue;
                }
                K::Ident => {
                    match self.shape_at(self.pos) {
                        Some(Shape::Ignored | Shape::Annotation | Shape::Cleanup) => {
                            self.annotation(&mut extra)?;
                            continue;
                        }
                        _ if typed => {
                            // `int noinline f(void)`: an annotation, if the declared name is still to come.
                            let name_follows = match self.k_at(self.pos + 1) {
                                K::Ident => true,
                                K::P(Punct::Star) => place != Place::TypeName,
                                K::P(Punct::LParen) => self.mate(self.pos + 1).is_some_and(|m| self.k_at(m + 1) == K::Ident),
                                K::Kw(word) => {
                                    word.starts_decl()
                                        || word == Kw::Attribute && place != Place::Member && self.attribute_before_name(self.pos + 1)
                                }
                                _ => false,
                            };
                            if name_follows && self.is_annotation_at(self.pos) {
                                self.annotation(&mut extra)?;
                                continue;
                            }
                            break;
                        }
                        Some(Shape::Decl | Shape::ClassDecl) if self.is_at(self.pos + 1, Punct::LParen) => break,
                        _ => {}
                    }
                    let name = self.text_at(self.pos);
                    match self.is_type(name) {
                        Some(true) => {}
                        Some(false) => break,
                        None => {
                            if self.unknown_is_annotation(place) {
                                self.annotation(&mut extra)?;
                                continue;
                            }
                            if !self.unknown_is_type(place, auto || qualified || storage != Storage::default()) {
                                break;
                            }
                            self.scope.entry(name).or_insert(true);
                        }
                    }
                    ty = Some(TypeNode::Named(name));
                }
                _ => break,
            }
            self.bump();
        }
        let node = match ty {
            Some(node) => node,
            None if basic.seen => self.basic_type(&basic)?,
            None if auto && self.is_at(self.pos + 1, Punct::Eq) => TypeNode::AutoType,
            // Implicit int.
            None if self.pos > start => TypeNode::Int { size: 4, signed: true },
            None => return self.unexpected(if place == Place::Declaration { "declaration" } else { "type" }),
        };
        storage.noreturn |= extra.noreturn;
        storage.packed |= extra.packed;
        let ty = self.type_node(node);
        Ok(Specs { ty, storage, space, extra, is_tag })
    }

    /// Whether after `__attribute__((…))` at `at` an identifier follows.
    fn attribute_before_name(&self, at: usize) -> bool {
        self.mate(at + 1).is_some_and(|m| self.k_at(m + 1) == K::Ident)
    }

    /// An unknown name in specifiers before any type: is it an annotation macro?
    fn unknown_is_annotation(&self, place: Place) -> bool {
        let at = self.pos;
        let like = looks_like_annotation(self.text_at(at));
        match self.k_at(at + 1) {
            K::Kw(word) if word.starts_decl() && !matches!(word, Kw::Const | Kw::Volatile | Kw::Restrict | Kw::Space(_)) => like,
            K::Ident if like => {
                // `ATTR type name` against `TYPE name`: count what stands before the declared name.
                self.is_type_at(at + 1) == Some(true)
                    || matches!(self.k_at(at + 2), K::Ident) && !self.is_annotation_at(at + 2)
                    || self.is_at(at + 2, Punct::Star)
            }
            K::P(Punct::LParen) if like && place != Place::TypeName => self.mate(at + 1).is_some_and(|m| match self.k_at(m + 1) {
                K::Ident => true,
                K::Kw(word) => word.starts_decl(),
                _ => false,
            }),
            _ => false,
        }
    }

    /// An unknown name in specifiers before any type: is it the type?
    fn unknown_is_type(&self, place: Place, specified: bool) -> bool {
        let at = self.pos;
        match self.k_at(at + 1) {
            K::Ident | K::P(Punct::Star) | K::Kw(_) => true,
            K::P(Punct::LParen) => match place {
                // `T (*name)(…)`, but `static f(void)` is an implicit int.
                Place::Param | Place::TypeName | Place::Member => true,
                Place::Declaration => self.is_at(at + 2, Punct::Star),
            },
            K::P(Punct::Comma | Punct::RParen | Punct::LBracket) => matches!(place, Place::Param | Place::TypeName),
            K::P(Punct::Colon | Punct::Semi) => place == Place::Member && !specified,
            K::Eof => place == Place::TypeName,
            _ => false,
        }
    }

    fn basic_type(&mut self, basic: &Basic) -> P<TypeNode> {
        let signed = basic.signed.unwrap_or(true);
        let sized = |size| TypeNode::Int { size, signed };
        let plain = basic.long == 0 && !basic.short;
        Ok(match basic.word {
            None | Some(Kw::Int) => sized(match (basic.short, basic.long) {
                (true, _) => 2,
                (_, 0) => 4,
                _ => 8,
            }),
            Some(Kw::Char) if plain => match basic.signed {
                None => TypeNode::Char,
                Some(_) => sized(1),
            },
            Some(Kw::Int128) if plain => sized(16),
            Some(Kw::Void) if plain && basic.signed.is_none() => TypeNode::Void,
            Some(Kw::Bool) if plain && basic.signed.is_none() => TypeNode::Bool,
            Some(Kw::Float) if plain && basic.signed.is_none() => TypeNode::Float { size: 4 },
            Some(Kw::Double) if !basic.short && basic.signed.is_none() => TypeNode::Float { size: if basic.long > 0 { 16 } else { 8 } },
            _ => return self.fail("words of a type that do not go together"),
        })
    }

    fn type_of(&mut self) -> P<TypeNode> {
        self.bump();
        if !self.is(Punct::LParen) {
            return self.unexpected("typeof");
        }
        self.deeper(|p| {
            let is_type = p.is_type_in_parens(p.pos);
            p.bump();
            let node = if is_type { TypeNode::TypeofType(p.type_name()?) } else { TypeNode::TypeofExpr(p.expr()?) };
            p.expect(Punct::RParen, "typeof")?;
            Ok(node)
        })
    }

    // --- attributes and annotations

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
                    match self.call_args(at.text) {
                        Ok(args) => self.add(ExprKind::Call { callee: name, args }, &at)?,
                        Err(fail) => match close {
                            // The arguments do not matter to control flow: keep the name.
                            Some(close) => {
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

    // --- declarators

    /// A declarator; with `may_be_abstract` it may lack a name. What the attributes inside say goes to `specs.extra`.
    pub(super) fn declarator(&mut self, specs: &mut Specs, may_be_abstract: bool) -> P<Declarator> {
        let mut layers = Layers::new();
        let mut pending = specs.space;
        let at = self.token();
        let (name, at) =
            self.declarator_layers(&mut layers, &mut pending, &mut specs.extra, may_be_abstract)?.unwrap_or((Symbol::EMPTY, at));
        let mut ty = specs.ty;
        if pending != Space::Kernel {
            ty = self.type_node(TypeNode::Qualified { of: ty, space: pending });
        }
        for layer in layers.into_iter().rev() {
            ty = self.type_node(match layer {
                Layer::Pointer(space) => TypeNode::Pointer { to: ty, space },
                Layer::Array(len) => TypeNode::Array { of: ty, len },
                Layer::Function { params, variadic, old_style } => TypeNode::Function { ret: ty, params, variadic, old_style },
            });
        }
        Ok(Declarator { name, at, ty })
    }

    /// Gives the name and its token; `layers` runs from the name outwards. `pending` is the address space written before the next `*`.
    fn declarator_layers(
        &mut self,
        layers: &mut Layers,
        pending: &mut Space,
        extra: &mut Extra,
        may_be_abstract: bool,
    ) -> P<Option<(Symbol, Token)>> {
        let mut pointers: SmallVec<[Space; 4]> = SmallVec::new();
        loop {
            match self.k() {
                K::P(Punct::Star) => {
                    if pointers.len() as u32 >= super::MAX_EXPR_DEPTH {
                        return self.fail("type nested too deeply");
                    }
                    self.bump();
                    pointers.push(std::mem::take(pending));
                }
                K::Kw(Kw::Const | Kw::Volatile | Kw::Restrict | Kw::Atomic | Kw::Extension) => self.bump(),
                K::Kw(Kw::Space(space)) => {
                    *pending = space;
                    self.bump();
                }
                K::Kw(Kw::Attribute) => self.attribute(extra)?,
                K::Ident if self.annotates_declarator(may_be_abstract) => self.annotation(extra)?,
                _ => break,
            }
        }
        let mut name = None;
        match self.k() {
            K::Ident => {
                name = Some((self.token().text, self.token()));
                self.bump();
            }
            K::P(Punct::LParen) if self.is_nested_declarator(may_be_abstract) => {
                self.bump();
                name = self.deeper(|p| p.declarator_layers(layers, &mut Space::default(), extra, may_be_abstract))?;
                self.expect(Punct::RParen, "declarator")?;
            }
            _ if may_be_abstract => {}
            _ => return self.unexpected("declaration"),
        }
        loop {
            match self.k() {
                K::P(Punct::LParen) => {
                    let layer = self.deeper(|p| p.parameters())?;
                    layers.push(layer);
                }
                K::P(Punct::LBracket) if !self.is_at(self.pos + 1, Punct::LBracket) => {
                    self.bump();
                    while matches!(self.k(), K::Kw(Kw::Static | Kw::Const | Kw::Volatile | Kw::Restrict)) {
                        self.bump();
                    }
                    let unsized_array = self.is(Punct::RBracket) || self.is(Punct::Star) && self.is_at(self.pos + 1, Punct::RBracket);
                    let len = if unsized_array {
                        self.eat(Punct::Star);
                        None
                    } else {
                        Some(self.assign()?)
                    };
                    self.expect(Punct::RBracket, "array")?;
                    layers.push(Layer::Array(len));
                }
                _ => break,
            }
            if layers.len() as u32 > super::MAX_EXPR_DEPTH {
                return self.fail("type nested too deeply");
            }
        }
        layers.extend(pointers.into_iter().rev().map(Layer::Pointer));
        Ok(name)
    }

    /// An identifier among the stars of a declarator that is not the declared name.
    fn annotates_declarator(&self, may_be_abstract: bool) -> bool {
        match self.shape_at(self.pos) {
            Some(Shape::Ignored | Shape::Annotation) => true,
            Some(_) => false,
            None => {
                let before_name = match self.k_at(self.pos + 1) {
                    K::Ident => !self.is_annotation_at(self.pos + 1) || matches!(self.k_at(self.pos + 2), K::Ident),
                    K::P(Punct::Star) => !may_be_abstract,
                    K::P(Punct::LParen) => {
                        self.mate(self.pos + 1).is_some_and(|m| self.k_at(m + 1) == K::Ident && !self.is_annotation_at(m + 1))
                    }
                    _ => false,
                };
                before_name && self.is_annotation_at(self.pos)
            }
        }
    }

    /// Whether a parenthesis at a declarator's place encloses a declarator rather than parameters.
    fn is_nested_declarator(&self, may_be_abstract: bool) -> bool {
        match self.k_at(self.pos + 1) {
            K::P(Punct::Star | Punct::LParen | Punct::LBracket | Punct::Caret) => true,
            K::Kw(Kw::Attribute) => true,
            K::Ident => {
                !may_be_abstract || self.is_type_at(self.pos + 1) == Some(false) || {
                    // `int (name)` and `int (NAME *p)(…)` against `int (T)`.
                    let next = self.k_at(self.pos + 2);
                    self.is_type_at(self.pos + 1).is_none()
                        && matches!(next, K::P(Punct::RParen | Punct::LParen | Punct::LBracket | Punct::Star))
                }
            }
            _ => false,
        }
    }

    // --- parameters

    fn parameters(&mut self) -> P<Layer> {
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

    // --- declared names

    pub(super) fn plain_decl(&self, name: Symbol, ty: TypeId, at: &Token) -> Decl {
        Decl {
            name,
            ty,
            storage: Storage::default(),
            init: None,
            cleanup: Symbol::EMPTY,
            constructor: Symbol::EMPTY,
            constructor_args: List::default(),
            bits: None,
            align: None,
            annotations: List::default(),
            loc: at.loc,
            origin: at.origin,
        }
    }

    pub(super) fn finish_decl(&mut self, name: Symbol, ty: TypeId, specs: &Specs, init: Option<InitId>, at: &Token) -> DeclId {
        let mut decl = self.plain_decl(name, ty, at);
        decl.storage = specs.storage;
        decl.storage.noreturn |= specs.extra.noreturn;
        decl.storage.packed |= specs.extra.packed;
        decl.cleanup = specs.extra.cleanup;
        decl.align = specs.extra.align;
        decl.init = init;
        if !specs.extra.annotations.is_empty() {
            decl.annotations = self.ast.push_list(&specs.extra.annotations);
        }
        self.add_decl(decl)
    }

    /// A declaration with its semicolon, at file level or in a body; its DeclIds are pushed on `self.ids`. Gives `true` if it turned out to
    /// be a function definition: then the position is at its `{`.
    pub(super) fn declaration(&mut self) -> P<bool> {
        let mut specs = self.specs(Place::Declaration)?;
        if matches!(self.k(), K::P(Punct::Semi) | K::Eof) {
            if !specs.is_tag {
                return self.fail("declaration that declares nothing");
            }
            let at = self.token();
            let decl = self.finish_decl(Symbol::EMPTY, specs.ty, &specs, None, &at);
            self.ids.push(decl.0);
            self.bump();
            return Ok(false);
        }
        let common = specs.extra.clone();
        loop {
            if self.is_shape_at(self.pos, Shape::Decl) && self.is_at(self.pos + 1, Punct::LParen) {
                self.macro_declaration(&specs)?;
            } else if self.one_declaration(&mut specs)? {
                return Ok(true);
            }
            specs.extra = common.clone();
            if self.eat(Punct::Comma) {
                if self.k() == K::Kw(Kw::Attribute) {
                    self.attribute(&mut specs.extra)?;
                }
                continue;
            }
            if self.k() == K::Eof && self.stmt_depth == 0 {
                return Ok(false);
            }
            self.expect(Punct::Semi, "declaration")?;
            return Ok(false);
        }
    }

    fn one_declaration(&mut self, specs: &mut Specs) -> P<bool> {
        let declarator = self.declarator(specs, false)?;
        self.after_declarator(&mut specs.extra)?;
        self.declare(declarator.name, specs.storage.is_typedef);
        let is_function = matches!(self.ast.types.get(declarator.ty.index()), Some(TypeNode::Function { .. }));
        if is_function && !self.is(Punct::Eq) {
            let decl = self.finish_decl(declarator.name, declarator.ty, specs, None, &declarator.at);
            self.ids.push(decl.0);
            return Ok(self.is(Punct::LBrace) || self.old_style_declarations(declarator.ty)?);
        }
        // The name is in scope in its own initialiser, and is declared even if that cannot be read.
        let decl = self.finish_decl(declarator.name, declarator.ty, specs, None, &declarator.at);
        self.ids.push(decl.0);
        if self.eat(Punct::Eq) {
            let init = self.initialiser()?;
            if let Some(decl) = self.ast.decls.get_mut(decl.index()) {
                decl.init = Some(init);
            }
        }
        Ok(false)
    }

    /// The parameter declarations of a K&R definition. Whether there is a body after them.
    fn old_style_declarations(&mut self, function: TypeId) -> P<bool> {
        let Some(TypeNode::Function { params, old_style: true, .. }) = self.ast.types.get(function.index()).copied() else {
            return Ok(false);
        };
        let base = self.ids.len();
        while self.starts_decl() {
            self.declaration()?;
        }
        let declared: SmallVec<[u32; 8]> = self.ids.drain(base..).collect();
        for id in declared {
            let Some(decl) = self.ast.decls.get(id as usize).copied() else { continue };
            let old = self.ast.list(params).iter().find(|&&p| self.ast.decls.get(p as usize).is_some_and(|d| d.name == decl.name)).copied();
            if let Some(param) = old.and_then(|p| self.ast.decls.get_mut(p as usize)) {
                *param = decl;
            }
        }
        Ok(self.is(Punct::LBrace))
    }

    /// `NAME(variable, …)` with `Shape::Decl`.
    pub(super) fn macro_declaration(&mut self, specs: &Specs) -> P<()> {
        let at = self.token();
        self.bump();
        let args = self.call_args(at.text)?;
        let name = self.ast.list(args).iter().find_map(|&arg| match self.ast.exprs.get(arg as usize).map(|e| e.kind) {
            Some(ExprKind::Ident(name)) => Some(name),
            _ => None,
        });
        let ty = self.type_node(TypeNode::Unknown);
        let mut specs = specs.clone();
        self.after_declarator(&mut specs.extra)?;
        let init = if self.eat(Punct::Eq) { Some(self.initialiser()?) } else { None };
        let id = self.finish_decl(name.unwrap_or_default(), ty, &specs, init, &at);
        if let Some(decl) = self.ast.decls.get_mut(id.index()) {
            decl.constructor = at.text;
            decl.constructor_args = args;
        }
        self.declare(name.unwrap_or_default(), false);
        self.ids.push(id.0);
        Ok(())
    }

    // --- the items of a file

    pub(super) fn declarations(&mut self) -> Vec<DeclId> {
        let base = self.ids.len();
        while self.k() != K::Eof {
            let start = self.pos;
            let kept = self.ids.len();
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
                    self.ids.truncate(kept.max(base));
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
                        let layer = match self.deeper(|p| p.parameters()) {
                            Ok(layer) => layer,
                            Err(_) => {
                                // Arguments of a macro rather than parameters.
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
            let kept = self.ids.len();
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
                    self.ids.truncate(kept.max(base));
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
