//! Names declared inside a function, and declarations.

use crate::front::Kind;
use crate::func::*;
use crate::lower::{At, Lower};
use cuthere_base::Symbol;
use cuthere_cfront::ast::{self, Init, TypeNode};
use cuthere_cfront::types::Ty;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Unknown,
    Local(LocalId),
    /// A variable at file level.
    Global(Ty),
    Function {
        ty: Ty,
        noreturn: bool,
    },
    Enumerator(i64),
    Typedef(Ty),
    /// A variable of a statement expression that is only typed, not lowered.
    Typed(Ty),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub name: Symbol,
    pub what: What,
}

impl Lower<'_> {
    /// Innermost scope first, then the file.
    pub fn lookup(&mut self, name: Symbol) -> What {
        if let Some(found) = self.s.scope.iter().rev().find(|b| b.name == name) {
            return found.what;
        }
        if let Some(&value) = self.s.memo.enumerators.get(&name) {
            return What::Enumerator(value);
        }
        self.file_level(name)
    }

    pub fn bind(&mut self, name: Symbol, what: What) {
        if !name.is_empty() {
            self.s.scope.push(Binding { name, what });
        }
    }

    /// Return type, parameters and annotations of the function.
    pub fn header(&mut self, parsed: &cuthere_cfront::parser::ParsedFunction) {
        let decl = self.ast.decls[parsed.decl.index()];
        for &id in self.ids(decl.annotations) {
            let mut text = String::new();
            crate::print::annotation(self.ast, ast::ExprId(id), &mut text, 0);
            self.f.annotations.push(Symbol::intern(&text));
        }
        for &annotation in self.front.annotations(decl.name).iter() {
            if !self.f.annotations.contains(&annotation) {
                self.f.annotations.push(annotation);
            }
        }
        let ty = self.resolve(decl.ty);
        if let Kind::Function(ret) = self.kind(ty) {
            self.f.ret = ret;
        }
        self.f.is_variadic = parsed.variadic;
        for &id in self.ids(parsed.params) {
            let param = self.ast.decls[id as usize];
            let mut ty = self.resolve(param.ty);
            // A lone `void` is no parameter; arrays and functions are pointers here.
            match self.kind(ty) {
                Kind::Void => continue,
                Kind::Array(of, _) => ty = self.front.pointer_to(of),
                Kind::Function(_) => ty = self.front.pointer_to(ty),
                _ => {}
            }
            let local = self.local(param.name, ty, param.loc, LocalKind::Param);
            self.bind(param.name, What::Local(local));
        }
        self.f.params = self.s.locals.len() as u32;
    }

    /// One declared name inside the body.
    pub fn declare(&mut self, id: ast::DeclId) {
        let decl = self.ast.decls[id.index()];
        let at = At { loc: decl.loc, origin: decl.origin };
        if decl.storage.is_typedef {
            let ty = self.resolve(decl.ty);
            self.s.memo.typedefs.insert(decl.name, ty);
            self.bind(decl.name, What::Typedef(ty));
            return;
        }
        if decl.name.is_empty() {
            // `enum { A, B };` and `struct s { … };`: resolving enters their names.
            self.resolve(decl.ty);
            return;
        }
        let mut ty = match self.auto_initialiser(decl.ty, decl.init) {
            Some(value) => {
                let ty = self.type_of(value);
                self.decay(ty)
            }
            None => self.resolve(decl.ty),
        };
        if let Kind::Function(_) = self.kind(ty) {
            self.bind(decl.name, What::Function { ty, noreturn: decl.storage.noreturn || is_build_assertion(decl.name) });
            return;
        }
        if decl.storage.is_extern {
            self.bind(decl.name, What::Global(ty));
            return;
        }
        if let Some(init) = decl.init {
            ty = self.complete_array(ty, init);
        }
        let kind = if decl.storage.is_static { LocalKind::Static } else { LocalKind::Auto };
        let size = if kind == LocalKind::Auto && decl.init.is_none() { self.variable_size(decl.ty, ty, at) } else { None };
        let local = self.local(decl.name, ty, decl.loc, kind);
        self.f.lengths.extend(size.map(|size| (local, size)));
        // `int x = x;` names the new one; `__auto_type x = x` cannot occur.
        self.bind(decl.name, What::Local(local));
        if kind == LocalKind::Static {
            if let Some(init) = decl.init {
                let entries = self.entries(ty, init);
                self.f.statics.push(StaticInit { local, entries });
            }
            return;
        }
        if let Some(class) = self.lock_class(&decl) {
            self.op(OpKind::Declare(local), at);
            self.enter_guard(class, self.ids(decl.constructor_args), at);
            return;
        }
        if !decl.constructor.is_empty() {
            self.construct(local, &decl, at);
        } else {
            match decl.init {
                None => self.op(OpKind::Declare(local), at),
                Some(init) => match self.ast.inits[init.index()] {
                    Init::Expr(e) if !matches!(self.kind(ty), Kind::Array(..)) => {
                        if let Some(value) = self.value_for(e, local, ty) {
                            let place = self.local_place(local);
                            self.store(place, value, at);
                        }
                    }
                    _ => {
                        let place = self.local_place(local);
                        self.initialise(place, init, at);
                    }
                },
            }
        }
        if !decl.cleanup.is_empty() {
            self.push_variable_cleanup(decl.cleanup, local);
        }
    }

    /// The size of an array whose length is only known here, in a temporary.
    fn variable_size(&mut self, written: ast::TypeId, ty: Ty, at: At) -> Option<LocalId> {
        let Kind::Array(of, None) = self.kind(ty) else { return None };
        let TypeNode::Array { len: Some(len), .. } = self.ast.types[written.index()] else { return None };
        let size = self.front.size_of(of)?;
        if !self.varies(len, 16) {
            return None;
        }
        let len = self.value(len);
        let len = self.cast(len, self.ty.ulong);
        let size = self.int(size as i64, self.ty.ulong);
        let bytes = self.binary(BinOp::Mul, len, size);
        let temp = self.temp(self.ty.ulong, at);
        let place = self.local_place(temp);
        self.store(place, bytes, at);
        Some(temp)
    }

    /// Whether the expression reads a variable or calls something.
    fn varies(&mut self, e: ast::ExprId, fuel: u32) -> bool {
        let Some(fuel) = fuel.checked_sub(1) else { return false };
        match self.ast.exprs[e.index()].kind {
            ast::ExprKind::Ident(name) => matches!(self.lookup(name), What::Local(_) | What::Global(_)),
            ast::ExprKind::Call { .. } | ast::ExprKind::Member { .. } | ast::ExprKind::Index(..) => true,
            ast::ExprKind::Unary(UnOp::Deref, _) => true,
            ast::ExprKind::Unary(_, inner) | ast::ExprKind::Cast(_, inner) => self.varies(inner, fuel),
            ast::ExprKind::Binary(_, l, r) => self.varies(l, fuel) || self.varies(r, fuel),
            _ => false,
        }
    }

    /// The class of locks that a variable is of. Whether a class that may fail (`mutex_intr`) has the lock is not followed: where it has not, code
    /// returns.
    fn lock_class(&self, decl: &ast::Decl) -> Option<Symbol> {
        let class = decl.constructor.as_str().strip_prefix("class_")?.strip_suffix("_constructor")?;
        Symbol::find(class).filter(|class| !decl.cleanup.is_empty() && self.cx.tables.guards.contains(class))
    }

    /// `CLASS(name, var)(args)` calls the constructor; a declaration macro is called with the variable's address in the name's place.
    fn construct(&mut self, local: LocalId, decl: &ast::Decl, at: At) {
        let ids = self.ids(decl.constructor_args);
        let mut args: smallvec::SmallVec<[ExprId; 8]> = smallvec::SmallVec::new();
        let is_class = !decl.cleanup.is_empty();
        for (index, &id) in ids.iter().enumerate() {
            let e = ast::ExprId(id);
            let names_it = matches!(self.ast.exprs[e.index()].kind, ast::ExprKind::Ident(name) if name == decl.name);
            if !is_class && names_it {
                let place = self.local_place(local);
                args.push(self.address(place));
            } else {
                args.push(self.argument(decl.constructor, index, e));
            }
        }
        if is_class {
            let what = self.lookup(decl.constructor);
            if let What::Function { ty, .. } = what
                && let Kind::Function(ret) = self.kind(ty)
                && let Some(slot) = self.s.locals.get_mut(local.index())
            {
                slot.ty = ret;
            }
        } else {
            self.op(OpKind::Declare(local), at);
        }
        let args = self.push_args(&args);
        let dst = is_class.then_some(local);
        self.op(OpKind::Call { dst, callee: Callee::Direct(decl.constructor), args, why: CallWhy::Written }, at);
    }

    /// The initialiser that `__auto_type` takes its type from.
    pub fn auto_initialiser(&self, ty: ast::TypeId, init: Option<ast::InitId>) -> Option<ast::ExprId> {
        let mut ty = ty;
        for _ in 0..4 {
            match self.ast.types[ty.index()] {
                TypeNode::AutoType => {
                    return match self.ast.inits[init?.index()] {
                        Init::Expr(e) => Some(e),
                        _ => None,
                    };
                }
                TypeNode::Qualified { of, .. } => ty = of,
                _ => return None,
            }
        }
        None
    }

    /// Arrays and functions become pointers, as in a value.
    pub fn decay(&self, ty: Ty) -> Ty {
        match self.kind(ty) {
            Kind::Array(of, _) => self.front.pointer_to(of),
            Kind::Function(_) => self.front.pointer_to(ty),
            _ => ty,
        }
    }
}

/// Functions declared inside a body whose call means that the build fails: never reached in a program that was built.
fn is_build_assertion(name: Symbol) -> bool {
    name.as_str().starts_with("__compiletime_assert")
}
