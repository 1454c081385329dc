//! Declarations: specifiers, declarators, parameters, annotations, and the items of a file.

use super::words::{Kw, looks_like_annotation, looks_like_type};
use super::{K, P, Parser};
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
    /// Address space said by an attribute; whoever reads the attribute takes it.
    pub(super) space: Option<Space>,
    pub(super) annotations: SmallVec<[u32; 4]>,
}

/// One layer of a declarator, from the name outwards.
pub(super) enum Layer {
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
        let mut atomic = false;
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
                        space = extra.space.take().unwrap_or(space);
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
                        ty = Some(TypeNode::Atomic(inner));
                        continue;
                    }
                    Kw::Atomic => (qualified, atomic) = (true, true),
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
                                K::P(Punct::Star) => true,
                                K::P(Punct::RParen) => place == Place::TypeName,
                                K::P(Punct::LParen) => {
                                    self.mate(self.pos + 1).is_some_and(|m| self.k_at(m + 1) == K::Ident && !self.is_annotation_at(m + 1))
                                }
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
        let mut ty = self.type_node(node);
        if atomic {
            ty = self.type_node(TypeNode::Atomic(ty));
        }
        Ok(Specs { ty, storage, space, extra, is_tag })
    }

    /// Whether after `__attribute__((…))` at `at` an identifier follows.
    fn attribute_before_name(&self, at: usize) -> bool {
        self.mate(at + 1).is_some_and(|m| self.k_at(m + 1) == K::Ident)
    }

    /// An unknown name in specifiers before any type: is it an annotation macro?
    fn unknown_is_annotation(&self, place: Place) -> bool {
        let at = self.pos;
        // Outside of functions nothing but an annotation (`noinline`) stands before a type.
        let like = looks_like_annotation(self.text_at(at)) || place == Place::Declaration && self.stmt_depth == 0;
        match self.k_at(at + 1) {
            K::Kw(Kw::Const | Kw::Volatile | Kw::Restrict | Kw::Space(_)) if like => {
                // `ATTR const type` against `TYPE const *name`.
                let mut next = at + 2;
                while matches!(self.k_at(next), K::Kw(Kw::Const | Kw::Volatile | Kw::Restrict | Kw::Space(_))) {
                    next += 1;
                }
                match self.k_at(next) {
                    K::Kw(word) => word.starts_type(),
                    K::Ident => matches!(self.k_at(next + 1), K::Ident | K::P(Punct::Star)) && !self.is_annotation_at(next + 1),
                    _ => false,
                }
            }
            K::Kw(word) if word.starts_decl() && !matches!(word, Kw::Const | Kw::Volatile | Kw::Restrict | Kw::Space(_)) => like,
            K::Ident if like => {
                // `ATTR type name` against `TYPE name`: count what stands before the declared name.
                self.is_type_at(at + 1) == Some(true)
                    || match self.k_at(at + 2) {
                        K::Ident => !self.is_annotation_at(at + 2) || self.stmt_depth == 0 && self.k_at(at + 3) == K::Ident,
                        K::Kw(word) => word.starts_type(),
                        K::P(Punct::Star) => true,
                        _ => false,
                    }
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
            // An arm of `_Generic`.
            K::P(Punct::Colon) if place == Place::TypeName => true,
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
            // Of a name that nobody knows, what follows the parenthesis says nothing here.
            let alone = p.k_at(p.pos + 1) == K::Ident && p.is_at(p.pos + 2, Punct::RParen) && p.is_type_at(p.pos + 1).is_none();
            let is_type = if alone { looks_like_type(p.text_at(p.pos + 1)) } else { p.is_type_in_parens(p.pos) };
            p.bump();
            let node = if is_type { TypeNode::TypeofType(p.type_name()?) } else { TypeNode::TypeofExpr(p.expr()?) };
            p.expect(Punct::RParen, "typeof")?;
            Ok(node)
        })
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
                K::Kw(Kw::Attribute) => {
                    self.attribute(extra)?;
                    *pending = extra.space.take().unwrap_or(*pending);
                }
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

    pub(super) fn one_declaration(&mut self, specs: &mut Specs) -> P<bool> {
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
}
