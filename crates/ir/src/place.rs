//! Expressions as places, and the way between places, addresses and values.

use crate::front::Kind;
use crate::func::*;
use crate::lower::{At, Lower};
use crate::scope::What;
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, ExprKind as A};
use cuthere_cfront::types::Ty;

impl Lower<'_> {
    /// The expression as a place. What is no lvalue is put into a temporary.
    pub fn place(&mut self, e: ast::ExprId) -> ExprId {
        if !self.enter() {
            self.leave();
            let pointer = self.too_deep(e);
            return self.node(ExprKind::Deref(pointer), Ty(0));
        }
        let place = self.place_inner(e);
        self.leave();
        place
    }

    pub(crate) fn place_inner(&mut self, e: ast::ExprId) -> ExprId {
        let at = self.at_expr(e);
        match self.ast.exprs[e.index()].kind {
            A::Ident(name) => match self.lookup(name) {
                What::Unknown | What::Enumerator(_) => {
                    let value = self.ident(name);
                    self.place_of(value, at)
                }
                _ => self.ident_place(name),
            },
            A::Unary(UnOp::Deref, inner) => {
                let pointer = self.value(inner);
                self.deref(pointer)
            }
            A::Member { base, name, arrow } => {
                let base = if arrow {
                    let pointer = self.value(base);
                    self.deref(pointer)
                } else {
                    self.place(base)
                };
                self.field(base, name)
            }
            A::Index(array, index) => {
                let (array, index) = self.pair(array, index, at);
                // `2[array]` is the same element.
                let swapped = !self.is_pointer(self.type_of_node(array)) && self.is_pointer(self.type_of_node(index));
                if swapped { self.element(index, array) } else { self.element(array, index) }
            }
            A::Compound(ty, init) => {
                let ty = self.resolve(ty);
                let ty = self.complete_array(ty, init);
                let local = self.temp(ty, at);
                let place = self.local_place(local);
                self.initialise(place, init, at);
                place
            }
            A::Generic(..) => match self.generic_arm(e) {
                Some(arm) => self.place(arm),
                None => {
                    let value = self.opaque(Ty(0));
                    self.place_of(value, at)
                }
            },
            A::Comma(l, r) => {
                self.effect(l);
                self.place(r)
            }
            _ => {
                let value = self.value(e);
                self.place_of(value, at)
            }
        }
    }

    /// A place that holds the value.
    pub(crate) fn place_of(&mut self, value: ExprId, at: At) -> ExprId {
        match self.kind_of(value) {
            ExprKind::Load(place) => place,
            _ => {
                let loaded = self.spill(value, at);
                match self.kind_of(loaded) {
                    ExprKind::Load(place) => place,
                    _ => loaded,
                }
            }
        }
    }

    /// What the pointer refers to; `*&x` is `x`.
    pub fn deref(&mut self, pointer: ExprId) -> ExprId {
        let to = self.pointee(self.type_of_node(pointer));
        match self.kind_of(pointer) {
            ExprKind::Addr(place) => {
                let ty = self.type_of_node(place);
                if ty == to {
                    return place;
                }
                if matches!(self.kind(ty), Kind::Array(of, _) if of == to) {
                    let zero = self.int(0, self.ty.long);
                    return self.node(ExprKind::Index { base: place, index: zero }, to);
                }
            }
            ExprKind::Binary(BinOp::Add, base, index) => {
                if let ExprKind::Addr(place) = self.kind_of(base)
                    && matches!(self.kind(self.type_of_node(place)), Kind::Array(of, _) if of == to)
                {
                    return self.node(ExprKind::Index { base: place, index }, to);
                }
            }
            _ => {}
        }
        self.node(ExprKind::Deref(pointer), to)
    }

    pub(crate) fn element(&mut self, pointer: ExprId, index: ExprId) -> ExprId {
        if let ExprKind::Addr(place) = self.kind_of(pointer)
            && let Kind::Array(of, _) = self.kind(self.type_of_node(place))
            && self.pointee(self.type_of_node(pointer)) == of
        {
            return self.node(ExprKind::Index { base: place, index }, of);
        }
        let pointer = if self.constant(index) == Some(0) {
            pointer
        } else {
            let ty = self.type_of_node(pointer);
            self.node(ExprKind::Binary(BinOp::Add, pointer, index), ty)
        };
        self.deref(pointer)
    }

    pub fn field(&mut self, base: ExprId, name: Symbol) -> ExprId {
        // A record without a visible definition still says whose member it is.
        let (record, ty) = match self.kind(self.type_of_node(base)) {
            Kind::Record(record) => self.find_field(record, name).map_or((Some(record), Ty(0)), |(owner, ty)| (Some(owner), ty)),
            _ => (None, Ty(0)),
        };
        self.node(ExprKind::Field { base, record, name }, ty)
    }

    /// What the place holds; arrays and functions decay to their address.
    pub fn load(&mut self, place: ExprId) -> ExprId {
        let ty = self.type_of_node(place);
        match self.kind(ty) {
            Kind::Array(of, _) => {
                let ty = self.front.pointer_to(of);
                self.node(ExprKind::Addr(place), ty)
            }
            Kind::Function(_) => match self.kind_of(place) {
                ExprKind::Deref(pointer) => pointer,
                ExprKind::Global(name) => {
                    let ty = self.front.pointer_to(ty);
                    self.node(ExprKind::Function(name), ty)
                }
                _ => self.node(ExprKind::Load(place), ty),
            },
            _ => self.node(ExprKind::Load(place), ty),
        }
    }

    /// `&e`.
    pub(crate) fn address_of(&mut self, e: ast::ExprId) -> ExprId {
        if let A::Ident(name) = self.ast.exprs[e.index()].kind
            && let What::Function { .. } = self.lookup(name)
        {
            return self.ident(name);
        }
        let place = self.place(e);
        self.address(place)
    }

    pub fn address(&mut self, place: ExprId) -> ExprId {
        if let ExprKind::Deref(pointer) = self.kind_of(place) {
            return pointer;
        }
        let ty = self.type_of_node(place);
        let ty = if ty == Ty(0) { Ty(0) } else { self.front.pointer_to(ty) };
        self.node(ExprKind::Addr(place), ty)
    }
}
