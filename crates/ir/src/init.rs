//! Initialisers: which part of an object each value is for, by C's rules for designators and left-out braces.
//!
//! One walk serves locals (stores) and globals (entries). After a designator of more than one step the next item without a designator goes
//! to the member after the outermost one; C goes on in the inner one, which kernel code does not use.

use crate::front::Kind;
use crate::func::*;
use crate::globals::PathStep;
use crate::lower::{At, Lower};
use cuthere_cfront::ast::{self, Init};
use cuthere_cfront::types::{RecordId, Ty};

/// How many values of one initialiser are looked at.
const MAX_VALUES: u32 = 200_000;

/// Takes the values of an initialiser.
pub(crate) trait InitSink {
    fn leaf(&mut self, lower: &mut Lower<'_>, path: &[PathStep], ty: Ty, value: ast::ExprId);
}

/// The items of one brace list.
struct Items<'l> {
    items: &'l [u32],
    next: usize,
}

impl Items<'_> {
    fn peek(&self) -> Option<ast::InitId> {
        self.items.get(self.next).map(|&id| ast::InitId(id))
    }
}

struct Walk<'s> {
    sink: &'s mut dyn InitSink,
    path: Vec<PathStep>,
    values: u32,
}

struct Stores {
    base: ExprId,
    at: At,
}

impl InitSink for Stores {
    fn leaf(&mut self, lower: &mut Lower<'_>, path: &[PathStep], _ty: Ty, value: ast::ExprId) {
        let v = lower.value(value);
        let mut place = self.base;
        for step in path {
            place = match *step {
                PathStep::Field { name, .. } => lower.field(place, name),
                PathStep::Index { lo, .. } => {
                    let of = lower.pointee(lower.type_of_node(place));
                    let index = lower.int(lo as i64, lower.ty.long);
                    lower.node(ExprKind::Index { base: place, index }, of)
                }
            };
        }
        let at = lower.at_expr(value);
        let at = if at.loc.line == 0 { self.at } else { at };
        lower.store(place, v, at);
    }
}

impl Lower<'_> {
    /// Stores an initialiser into a place.
    pub fn initialise(&mut self, place: ExprId, init: ast::InitId, at: At) {
        let ty = self.type_of_node(place);
        match self.ast.inits[init.index()] {
            Init::Expr(e) => {
                let value = self.value(e);
                self.store(place, value, at);
            }
            _ => {
                if matches!(self.kind(ty), Kind::Record(_) | Kind::Array(..) | Kind::Unknown) {
                    self.op(OpKind::Zero { place }, at);
                }
                let mut sink = Stores { base: place, at };
                self.walk_init(ty, init, &mut sink);
            }
        }
    }

    pub fn walk_init(&mut self, ty: Ty, init: ast::InitId, sink: &mut dyn InitSink) {
        let mut walk = Walk { sink, path: Vec::new(), values: 0 };
        self.init_value(&mut walk, ty, init);
    }

    fn init_value(&mut self, walk: &mut Walk<'_>, ty: Ty, init: ast::InitId) {
        if !self.enter() || walk.values > MAX_VALUES {
            self.leave();
            return;
        }
        match self.ast.inits[init.index()] {
            Init::Expr(e) => {
                walk.values += 1;
                let path = std::mem::take(&mut walk.path);
                walk.sink.leaf(self, &path, ty, e);
                walk.path = path;
            }
            Init::Brace { items, .. } => {
                let mut items = Items { items: self.ids(items), next: 0 };
                match self.kind(ty) {
                    Kind::Record(_) | Kind::Array(..) => self.init_object(walk, ty, &mut items, true),
                    Kind::Unknown => self.init_unknown(walk, &items),
                    _ => {
                        // `{ 0 }` for a scalar.
                        if let Some(first) = items.peek() {
                            let value = self.item_value(first);
                            self.init_value(walk, ty, value);
                        }
                    }
                }
            }
            Init::Item { value, .. } => self.init_value(walk, ty, value),
            Init::Field(_) | Init::At(..) => {}
        }
        self.leave();
    }

    fn item_value(&self, item: ast::InitId) -> ast::InitId {
        match self.ast.inits[item.index()] {
            Init::Item { value, .. } => value,
            _ => item,
        }
    }

    /// A brace list for an object of unknown type: designated members by name, elements by position.
    fn init_unknown(&mut self, walk: &mut Walk<'_>, items: &Items<'_>) {
        for (position, &id) in items.items.iter().enumerate() {
            let item = ast::InitId(id);
            if let Init::Item { path, value } = self.ast.inits[item.index()] {
                let depth = walk.path.len();
                let designators = self.ids(path);
                for &designator in designators {
                    match self.ast.inits[designator as usize] {
                        Init::Field(name) => walk.path.push(PathStep::Field { record: None, name }),
                        Init::At(lo, hi) => {
                            let (lo, hi) = self.range(lo, hi);
                            walk.path.push(PathStep::Index { lo, hi });
                        }
                        _ => {}
                    }
                }
                if designators.is_empty() {
                    walk.path.push(PathStep::Index { lo: position as u64, hi: position as u64 });
                }
                self.init_value(walk, Ty(0), value);
                walk.path.truncate(depth);
            }
        }
    }

    fn range(&mut self, lo: ast::ExprId, hi: Option<ast::ExprId>) -> (u64, u64) {
        let lo = self.const_value(lo).map_or(0, |v| v.max(0) as u64);
        let hi = hi.and_then(|hi| self.const_value(hi)).map_or(lo, |v| v.max(0) as u64);
        (lo, hi.max(lo))
    }

    /// Fills an object from the items; without braces of its own it takes as many as it needs.
    fn init_object(&mut self, walk: &mut Walk<'_>, ty: Ty, items: &mut Items<'_>, braced: bool) {
        if !self.enter() {
            self.leave();
            return;
        }
        match self.kind(ty) {
            Kind::Record(record) => self.init_record(walk, record, items, braced),
            Kind::Array(of, len) => self.init_array(walk, of, len, items, braced),
            _ => {}
        }
        self.leave();
    }

    fn init_record(&mut self, walk: &mut Walk<'_>, record: RecordId, items: &mut Items<'_>, braced: bool) {
        let fields: &[cuthere_cfront::types::Field] = self.front.members(record);
        let is_union = self.front.is_union(record);
        let mut position = 0;
        while let Some(item) = items.peek() {
            let Init::Item { path, value } = self.ast.inits[item.index()] else {
                items.next += 1;
                continue;
            };
            let designators = self.ids(path);
            if let Some(&first) = designators.first() {
                if !braced {
                    return;
                }
                items.next += 1;
                let Init::Field(name) = self.ast.inits[first as usize] else { continue };
                let depth = walk.path.len();
                let found = self.find_field(record, name);
                walk.path.push(PathStep::Field { record: Some(found.map_or(record, |f| f.0)), name });
                self.init_designated(walk, found.map_or(Ty(0), |f| f.1), &designators[1..], value);
                walk.path.truncate(depth);
                if let Some(at) = self.front.member_position(record, name) {
                    position = at + 1;
                }
                continue;
            }
            // Members that cannot be initialised by position: unnamed bit-fields.
            while fields.get(position).is_some_and(|f| f.name.is_empty() && f.bits.is_some()) {
                position += 1;
            }
            let Some(field) = fields.get(position) else {
                if !braced {
                    return;
                }
                items.next += 1;
                continue;
            };
            let (name, field_ty) = (field.name, field.ty);
            let depth = walk.path.len();
            if !name.is_empty() {
                walk.path.push(PathStep::Field { record: Some(record), name });
            }
            self.init_member(walk, field_ty, items, value);
            walk.path.truncate(depth);
            position = if is_union { fields.len() } else { position + 1 };
            if !braced && position >= fields.len() {
                return;
            }
        }
    }

    fn init_array(&mut self, walk: &mut Walk<'_>, of: Ty, len: Option<u64>, items: &mut Items<'_>, braced: bool) {
        let mut position = 0u64;
        while let Some(item) = items.peek() {
            if !braced && len.is_some_and(|len| position >= len) {
                return;
            }
            let Init::Item { path, value } = self.ast.inits[item.index()] else {
                items.next += 1;
                continue;
            };
            let depth = walk.path.len();
            let designators = self.ids(path);
            if let Some(&first) = designators.first() {
                if !braced {
                    return;
                }
                items.next += 1;
                let Init::At(lo, hi) = self.ast.inits[first as usize] else { continue };
                let (lo, hi) = self.range(lo, hi);
                walk.path.push(PathStep::Index { lo, hi });
                self.init_designated(walk, of, &designators[1..], value);
                walk.path.truncate(depth);
                position = hi.saturating_add(1);
                continue;
            }
            walk.path.push(PathStep::Index { lo: position, hi: position });
            self.init_member(walk, of, items, value);
            walk.path.truncate(depth);
            position += 1;
        }
    }

    /// The next item for a member or element: whole, or spread over its parts if braces were left out.
    fn init_member(&mut self, walk: &mut Walk<'_>, ty: Ty, items: &mut Items<'_>, value: ast::InitId) {
        if let Init::Expr(e) = self.ast.inits[value.index()] {
            let spread = match self.kind(ty) {
                Kind::Record(_) => {
                    let given = self.type_of(e);
                    !matches!(self.kind(given), Kind::Record(_) | Kind::Unknown)
                }
                Kind::Array(..) => !matches!(self.ast.exprs[e.index()].kind, ast::ExprKind::Str(_) | ast::ExprKind::Compound(..)),
                _ => false,
            };
            if spread {
                let before = items.next;
                self.init_object(walk, ty, items, false);
                if items.next > before {
                    return;
                }
            }
        }
        items.next += 1;
        self.init_value(walk, ty, value);
    }

    /// `.a.b[2] = value` after the first step.
    fn init_designated(&mut self, walk: &mut Walk<'_>, ty: Ty, designators: &[u32], value: ast::InitId) {
        let mut ty = ty;
        for &designator in designators {
            match self.ast.inits[designator as usize] {
                Init::Field(name) => {
                    let found = match self.kind(ty) {
                        Kind::Record(record) => Some(self.find_field(record, name).unwrap_or((record, Ty(0)))),
                        _ => None,
                    };
                    walk.path.push(PathStep::Field { record: found.map(|f| f.0), name });
                    ty = found.map_or(Ty(0), |f| f.1);
                }
                Init::At(lo, hi) => {
                    let (lo, hi) = self.range(lo, hi);
                    walk.path.push(PathStep::Index { lo, hi });
                    ty = self.pointee(ty);
                }
                _ => {}
            }
        }
        self.init_value(walk, ty, value);
    }

    /// The length of `int a[] = { … }` from its initialiser.
    pub fn complete_array(&mut self, ty: Ty, init: ast::InitId) -> Ty {
        let Kind::Array(of, None) = self.kind(ty) else { return ty };
        let len = match self.ast.inits[init.index()] {
            Init::Expr(e) => match self.ast.exprs[e.index()].kind {
                ast::ExprKind::Str(text) => text.as_str().len() as u64 + 1,
                _ => return ty,
            },
            Init::Brace { items, .. } => {
                let (mut next, mut len) = (0u64, 0u64);
                let spread = self.elements_without_braces(of, items);
                for &id in self.ids(items) {
                    if let Init::Item { path, .. } = self.ast.inits[id as usize]
                        && let Some(&first) = self.ids(path).first()
                        && let Init::At(lo, hi) = self.ast.inits[first as usize]
                    {
                        next = self.range(lo, hi).1;
                    }
                    next = next.saturating_add(1);
                    len = len.max(next);
                }
                if spread {
                    return ty;
                }
                len
            }
            _ => return ty,
        };
        self.front.array_of(of, Some(len))
    }

    /// Whether elements that are objects are given without braces of their own.
    fn elements_without_braces(&mut self, of: Ty, items: ast::List) -> bool {
        if !matches!(self.kind(of), Kind::Record(_) | Kind::Array(..)) {
            return false;
        }
        let Some(&first) = self.ids(items).first() else { return false };
        let value = self.item_value(ast::InitId(first));
        match self.ast.inits[value.index()] {
            Init::Expr(e) => {
                !matches!(self.ast.exprs[e.index()].kind, ast::ExprKind::Str(_) | ast::ExprKind::Compound(..)) && {
                    let ty = self.type_of(e);
                    !matches!(self.kind(ty), Kind::Record(_))
                }
            }
            _ => false,
        }
    }
}
