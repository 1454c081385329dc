//! What names mean in an execution: functions by number, the addresses and first contents of globals, strings.
//!
//! A function is read, lowered and compiled when it is first called. A name means, in this order: a function that the scenario defines (so a
//! scenario may replace one of the tree), a primitive of the engine, one that the kernel model describes, the tree's own body, or nothing
//! known. In a plain C program its own functions come before everything else, and the kernel's names mean nothing.

use crate::bodies::Bodies;
use crate::code::{Code, FnId, IntTy, Num};
use crate::compile::compile;
use crate::guess::Guesses;
use crate::machine::{THREADS_MAX, converted};
use crate::memory::{CPUS, Memory};
use crate::primitives::Prim;
use crate::sizes::{field, size_of};
use cuthere_base::{FileId, Symbol};
use cuthere_cfront::ast::{Ast, DeclId};
use cuthere_cfront::expand::Part;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::parser;
use cuthere_cfront::program::{NameSpace, Program};
use cuthere_cfront::resolve::FileNames;
use cuthere_cfront::types::{Ty, TyKind};
use cuthere_ir::func::{Func, LocalId};
use cuthere_ir::globals::{ConstValue, InitEntry, PathStep, lower_global};
use cuthere_ir::tables::{LowerTables, PlaceMacro};
use cuthere_ir::{BodyReader, GlobalInit, LowerCx, LowerScratch, lower_function};
use cuthere_kernel::Model;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

/// Variables of the kernel's own start, and the enumerators that they hold when it is over.
const RUNNING: [(&str, &str); 1] = [("system_state", "SYSTEM_RUNNING")];

/// Function addresses lie apart from all objects.
const FUNCTIONS: u64 = 0xffff_ffff_8100_0000;

/// What a function is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FnKind {
    Prim(Prim),
    Body(ItemRef),
    Unknown,
}

/// A function by number.
pub struct FnInfo {
    pub name: Symbol,
    pub kind: FnKind,
    /// A header's stand-in for the case that an option is off, which it is not.
    pub stub: bool,
    code: Option<Rc<Code>>,
}

/// Names and what they stand for. Grows while code is first met; never changes otherwise.
pub struct Linker<'p> {
    pub program: &'p Program<'p>,
    pub model: &'p Model,
    bodies: &'p Bodies,
    pub mem: Memory,
    pub guesses: Guesses,
    pub scenario: FileId,
    /// Source files that the scenario includes.
    scope: Vec<FileId>,
    /// The scenario is a C program of its own.
    pub plain: bool,
    undeclared: FxHashSet<Symbol>,
    /// The program uses the names of the verification suites.
    verified: bool,
    pub functions: Vec<FnInfo>,
    /// Globals by the address of their first copy.
    pub named_globals: FxHashMap<u64, (Symbol, Option<Ty>)>,
    /// By item and name: a macro may define several.
    by_item: FxHashMap<(ItemRef, Symbol), FnId>,
    /// Thread-local variables of a program, by the address of the first copy, and the copies by thread.
    own: FxHashMap<u64, u32>,
    own_copies: Vec<Vec<u64>>,
    /// What the macros used at a file's own level define.
    made: RefCell<FxHashMap<FileId, FxHashMap<Symbol, ItemRef>>>,
    by_name: FxHashMap<(FileId, Symbol), FnId>,
    unnamed: FxHashMap<Symbol, FnId>,
    globals: FxHashMap<(FileId, Symbol), u64>,
    by_global: FxHashMap<(Option<FileId>, Symbol), u64>,
    strings: FxHashMap<Symbol, u64>,
    statics: FxHashMap<(FileId, Symbol, u32, u32), u64>,
    tables: &'static LowerTables,
    scratch: LowerScratch,
}

/// Whether a program uses the names by which verification suites state errors and assumptions.
fn of_a_suite(program: &Program<'_>, file: FileId) -> bool {
    let Ok(text) = program.text(file) else { return false };
    [&b"reach_error"[..], b"__VERIFIER_"].iter().any(|word| memchr::memmem::find(&text.bytes, word).is_some())
}

/// The sources that a file includes, directly or through each other, nearest first.
fn included_sources(program: &Program<'_>, from: FileId) -> Vec<FileId> {
    let mut all = vec![from];
    let mut next = 0;
    while let Some(&file) = all.get(next) {
        next += 1;
        for &included in program.includes(file).iter() {
            if program.source.path(included).ends_with(".c") && !all.contains(&included) {
                all.push(included);
            }
        }
    }
    all.remove(0);
    all
}

/// What lowering is told, made once for scenarios and once for programs.
fn tables(plain: bool) -> &'static LowerTables {
    static TABLES: [OnceLock<LowerTables>; 2] = [OnceLock::new(), OnceLock::new()];
    TABLES[usize::from(plain)].get_or_init(|| {
        let mut tables = LowerTables::customary();
        // The macros' own loops are executed; only what is read as a call keeps its special arguments.
        tables.conditions.clear();
        tables.keep_arithmetic = true;
        for name in ["get_user", "__get_user", "unsafe_get_user"] {
            tables.place_macros.insert(Symbol::intern(name), PlaceMacro::Write);
        }
        if plain {
            tables.asserts.clear();
        }
        tables
    })
}

impl<'p> Linker<'p> {
    pub fn new(program: &'p Program<'p>, model: &'p Model, bodies: &'p Bodies, scenario: FileId, plain: bool) -> Linker<'p> {
        let scope = included_sources(program, scenario);
        Linker {
            program,
            model,
            bodies,
            mem: Memory::default(),
            guesses: Guesses::default(),
            scenario,
            scope,
            plain,
            undeclared: FxHashSet::default(),
            verified: plain && of_a_suite(program, scenario),
            functions: Vec::new(),
            by_item: FxHashMap::default(),
            made: RefCell::default(),
            own: FxHashMap::default(),
            own_copies: Vec::new(),
            by_name: FxHashMap::default(),
            unnamed: FxHashMap::default(),
            globals: FxHashMap::default(),
            named_globals: FxHashMap::default(),
            by_global: FxHashMap::default(),
            strings: FxHashMap::default(),
            statics: FxHashMap::default(),
            tables: tables(plain),
            scratch: LowerScratch::default(),
        }
    }

    pub fn function_address(id: FnId) -> u64 {
        FUNCTIONS + u64::from(id.0) * 16
    }

    /// The function at an address.
    pub fn function_at(&self, addr: u64) -> Option<FnId> {
        let n = addr.checked_sub(FUNCTIONS)?;
        let id = n / 16;
        (n % 16 == 0 && (id as usize) < self.functions.len()).then_some(FnId(id as u32))
    }

    /// What a name stands for when called or taken the address of in a file.
    pub fn function(&mut self, from: FileId, name: Symbol) -> FnId {
        if let Some(&id) = self.by_name.get(&(from, name)) {
            return id;
        }
        let id = match self.resolve(from, name) {
            FnKind::Body(item) => match self.by_item.get(&(item, name)) {
                Some(&id) => id,
                None => {
                    let id = self.add(name, FnKind::Body(item));
                    self.by_item.insert((item, name), id);
                    id
                }
            },
            kind => match self.unnamed.get(&name) {
                Some(&id) => id,
                None => {
                    let id = self.add(name, kind);
                    self.unnamed.insert(name, id);
                    id
                }
            },
        };
        self.by_name.insert((from, name), id);
        id
    }

    fn add(&mut self, name: Symbol, kind: FnKind) -> FnId {
        let stub = match kind {
            FnKind::Body(item) => !self.program.item(item).active && self.program.source.path(item.file).ends_with(".h"),
            _ => false,
        };
        self.functions.push(FnInfo { name, kind, stub, code: None });
        FnId(self.functions.len() as u32 - 1)
    }

    /// A function of the scenario file itself, or of a file that a program includes.
    pub fn own_function(&mut self, name: &str) -> Option<FnId> {
        let name = Symbol::find(name)?;
        let others = (0..self.program.source.len() as u32).map(FileId).filter(|_| self.plain);
        let file = [self.scenario].into_iter().chain(others).find(|&file| self.defined_in(file, name).is_some())?;
        Some(self.function(file, name))
    }

    /// Whether there are variables that each thread has for itself.
    pub fn has_own_copies(&self) -> bool {
        !self.own_copies.is_empty()
    }

    fn defined_in(&self, file: FileId, name: Symbol) -> Option<ItemRef> {
        let outline = self.program.outline(file);
        let functions = self.program.functions(file).iter();
        let mut found = functions.filter(|&&i| outline.items.get(i as usize).is_some_and(|item| item.name == name));
        let first = found.clone().find(|&&i| outline.items.get(i as usize).is_some_and(|item| item.active));
        first.or(found.next()).map(|&item| ItemRef { file, item })
    }

    fn resolve(&self, from: FileId, name: Symbol) -> FnKind {
        if self.verified
            && let Some(prim) = Prim::of_suites(name.as_str())
        {
            return FnKind::Prim(prim);
        }
        if let Some(item) = self.defined_in(self.scenario, name) {
            return FnKind::Body(item);
        }
        if let Some(prim) = Prim::named(name.as_str(), self.plain)
            && !(prim.yields() && self.has_source(from, name))
        {
            return FnKind::Prim(prim);
        }
        let described = if self.plain { None } else { self.model.entry(name).and_then(Prim::of_entry) };
        if let Some(prim) = described
            && !(prim.yields() && self.has_body(from, name))
        {
            return FnKind::Prim(prim);
        }
        let own = self.defined_in(from, name).or_else(|| self.program.resolve_call_or_stub(from, name));
        let found = match own {
            Some(item) if self.program.item(item).active || from != self.scenario => Some(item),
            other => self.scope.iter().find_map(|&f| self.defined_in(f, name)).or(other),
        };
        let files = || [from, self.scenario].into_iter().chain(self.scope.iter().copied());
        let found = found.or_else(|| files().find_map(|file| self.made_by_macro(file, name)));
        match found {
            Some(item) => FnKind::Body(item),
            None if self.plain => FnKind::Unknown,
            None => Prim::without_body(name.as_str()).map_or(FnKind::Unknown, FnKind::Prim),
        }
    }

    /// Whether there is a body to run that is no stub.
    fn has_body(&self, from: FileId, name: Symbol) -> bool {
        let found = self.defined_in(from, name).or_else(|| self.program.resolve_call(from, name));
        let found = found.or_else(|| self.scope.iter().find_map(|&f| self.defined_in(f, name)));
        found.is_some_and(|item| self.program.item(item).active)
    }

    /// Whether a source file that the scenario includes says how it is done: by itself, or by what a header's wrapper calls.
    fn has_source(&self, from: FileId, name: Symbol) -> bool {
        let own = |name: Symbol| self.scope.iter().any(|&f| self.defined_in(f, name).is_some_and(|item| self.program.item(item).active));
        let managed = Symbol::find("devm_kmalloc").is_some_and(own);
        own(name) || managed && name.as_str().starts_with("devm_") && self.has_body(from, name)
    }

    /// With a reader of what items define.
    fn reading<R>(&self, with: impl FnOnce(&mut BodyReader<'_>) -> R) -> R {
        let noreturn = |name: Symbol| self.model.entry(name).is_some_and(|e| e.noreturn);
        with(&mut BodyReader::new(LowerCx { program: self.program, tables: self.tables, noreturn: &noreturn }))
    }

    /// The macro use at a file's own level that defines a function.
    fn made_by_macro(&self, file: FileId, name: Symbol) -> Option<ItemRef> {
        if let Some(made) = self.made.borrow().get(&file) {
            return made.get(&name).copied();
        }
        let mut made = FxHashMap::default();
        self.reading(|reader| {
            for (n, item) in self.program.outline(file).items.iter().enumerate() {
                let at = ItemRef { file, item: n as u32 };
                let plain = ["EXPORT_", "MODULE_"].iter().any(|p| item.name.as_str().starts_with(p));
                if item.kind == ItemKind::MacroUse && item.active && !plain {
                    for func in reader.item(at).functions {
                        made.entry(func.name).or_insert(at);
                    }
                }
            }
        });
        let found = made.get(&name).copied();
        self.made.borrow_mut().insert(file, made);
        found
    }

    /// The instructions of a function with a body.
    pub fn code(&mut self, id: FnId) -> Option<Rc<Code>> {
        let info = self.functions.get(id.0 as usize)?;
        if let Some(code) = &info.code {
            return Some(code.clone());
        }
        let FnKind::Body(item) = info.kind else { return None };
        let (bodies, name) = (self.bodies, info.name);
        let func = bodies.function(item, name, || self.read(item, name))?;
        let code = Rc::new(compile(self, &func));
        self.functions[id.0 as usize].code = Some(code.clone());
        Some(code)
    }

    /// The instructions of a function already compiled.
    pub fn compiled(&self, id: u32) -> Option<&Rc<Code>> {
        self.functions.get(id as usize)?.code.as_ref()
    }

    fn read(&mut self, item: ItemRef, name: Symbol) -> Option<Func> {
        if self.program.item(item).kind == ItemKind::MacroUse {
            return self.reading(|reader| reader.item(item).functions.into_iter().find(|func| func.name == name));
        }
        let text = self.program.text(item.file).ok()?;
        let mut tokens = Vec::new();
        let _ = self.program.tokens(item, Part::Whole, &text, &mut tokens);
        let mut ast = Ast::default();
        let names = FileNames::new(self.program, item.file);
        let parsed = parser::parse_function(&names, &tokens, &mut ast);
        let model = self.model;
        let noreturn = |name: Symbol| model.entry(name).is_some_and(|e| e.noreturn);
        let cx = LowerCx { program: self.program, tables: self.tables, noreturn: &noreturn };
        Some(lower_function(&cx, item.file, &ast, &parsed, self.program.item(item), &mut self.scratch))
    }

    // ---- data ----

    /// The address of a string literal.
    pub fn string(&mut self, text: Symbol) -> u64 {
        if let Some(&addr) = self.strings.get(&text) {
            return addr;
        }
        let mut bytes = text.as_str().as_bytes().to_vec();
        bytes.push(0);
        let addr = self.mem.add_global(bytes);
        self.strings.insert(text, addr);
        addr
    }

    /// Whether a plain C program names something that it nowhere declares. In a tree, a macro may have declared it.
    pub fn is_undeclared(&self, name: Symbol) -> bool {
        self.undeclared.contains(&name)
    }

    /// The address of a variable at file level, as named in a file.
    pub fn global(&mut self, from: FileId, name: Symbol, size: u32) -> u64 {
        if let Some(&addr) = self.globals.get(&(from, name)) {
            return addr;
        }
        if from == self.scenario && !self.program.outline(from).items.iter().any(|i| i.name == name && i.kind == ItemKind::Variable) {
            let owner = self.scope.iter().copied().find(|&f| !self.variables(f, name).is_empty());
            if let Some(owner) = owner {
                let addr = self.global(owner, name, size);
                self.globals.insert((from, name), addr);
                return addr;
            }
        }
        let init = self.definition(from, name);
        if init.is_none() && self.plain {
            self.undeclared.insert(name);
        }
        let key = (init.as_ref().filter(|i| i.is_static).map(|i| i.file), name);
        let addr = match self.by_global.get(&key) {
            Some(&addr) => addr,
            None => {
                let size = init.as_ref().map_or(u64::from(size), |i| size_of(self.program, i.ty)).max(u64::from(size));
                let size = if size == 0 { 256 } else { size };
                let own = init.as_ref().is_some_and(|i| i.is_thread_local) && self.plain;
                let copies: Vec<u64> = (0..if own { THREADS_MAX } else { 1 }).map(|_| self.mem.add_zeroed_global(size)).collect();
                let addr = copies.first().copied().unwrap_or(0);
                self.by_global.insert(key, addr);
                copies.iter().for_each(|&copy| self.name_global(copy, name, init.as_ref().map(|i| i.ty)));
                // The linker's own symbols, and what is defined in files that nobody reads.
                if !self.plain && init.as_ref().is_none_or(|i| i.is_extern) && !self.is_known(name) {
                    let id = self.guesses.about(name.as_str());
                    copies.iter().for_each(|&copy| self.mem.guess_image(copy, 0, u32::try_from(size).unwrap_or(u32::MAX), id));
                }
                if let Some(value) = self.customary(from, name)
                    && let Some(image) = self.mem.image_mut(addr)
                    && image.len() >= 4
                {
                    image[..4].copy_from_slice(&(value as i32).to_le_bytes());
                }
                if let Some(init) = &init {
                    copies.iter().for_each(|&copy| self.fill(copy, init.file, init.ty, &init.entries));
                }
                if own {
                    self.own.insert(addr, self.own_copies.len() as u32);
                    self.own_copies.push(copies);
                }
                addr
            }
        };
        self.globals.insert((from, name), addr);
        addr
    }

    /// Whether what an undefined variable holds matters to nobody: clocks, and objects that the engine keeps elsewhere.
    fn is_known(&self, name: Symbol) -> bool {
        let name = name.as_str();
        RUNNING.iter().any(|known| known.0 == name) || name.starts_with("jiffies") || name.starts_with("system_") && name.ends_with("_wq")
    }

    /// What an undefined variable holds while the kernel runs.
    fn customary(&self, from: FileId, name: Symbol) -> Option<i64> {
        let enumerator = RUNNING.iter().find(|known| known.0 == name.as_str()).filter(|_| !self.plain)?.1;
        match cuthere_cfront::resolve::ordinary(self.program, from, Symbol::find(enumerator)?)? {
            cuthere_cfront::resolve::Ordinary::Enumerator(value) => Some(value),
            _ => None,
        }
    }

    /// Of a variable that every thread has for itself: which.
    pub fn copies(&self, addr: u64) -> Option<u32> {
        self.own.get(&addr).copied()
    }

    /// A thread's copy of such a variable.
    pub fn own_copy(&self, copies: u32, thread: usize) -> u64 {
        self.own_copies.get(copies as usize).and_then(|copies| copies.get(thread)).copied().unwrap_or(0)
    }

    /// The one object of a `static` local.
    pub fn static_local(&mut self, f: &Func, local: LocalId, size: u32) -> u64 {
        let key = (f.file, f.name, f.loc.line, local.0);
        if let Some(&addr) = self.statics.get(&key) {
            return addr;
        }
        let addr = self.mem.add_global(vec![0; size.max(1) as usize]);
        self.statics.insert(key, addr);
        if let (Some(init), Some(l)) = (f.statics.iter().find(|s| s.local == local), f.locals.get(local.index())) {
            self.fill(addr, f.file, l.ty, &init.entries);
        }
        addr
    }

    /// The variable's definition with its initialiser, else a declaration of it.
    fn definition(&mut self, from: FileId, name: Symbol) -> Option<Arc<GlobalInit>> {
        let (mut declared, mut tentative) = (None, None);
        let seen = self.program.lookup(from, NameSpace::Ordinary, name).filter(|r| self.program.item(*r).kind == ItemKind::Variable);
        let mut tries: Vec<ItemRef> = seen.into_iter().collect();
        let files: Vec<FileId> = [from, self.scenario].into_iter().chain(self.scope.iter().copied()).collect();
        for file in files {
            tries.extend(self.variables(file, name));
        }
        for item in tries {
            if let Some(init) = self.variable(item, name) {
                // `int x; … int x = 1;` is one variable, whatever its first definition says.
                match (init.is_extern, init.initialised) {
                    (_, true) => return Some(init),
                    (false, false) => tentative = tentative.filter(|t: &Arc<GlobalInit>| self.larger(t, &init)).or(Some(init)),
                    (true, false) => drop(declared.get_or_insert(init)),
                }
            }
        }
        if tentative.is_some() {
            return tentative;
        }
        if declared.is_some() {
            for n in 0..self.program.files.len() as u32 {
                for item in self.variables(FileId(n), name) {
                    if let Some(init) = self.variable(item, name).filter(|i| !i.is_extern) {
                        return Some(init);
                    }
                }
            }
        }
        declared
    }

    /// Whether the first is no smaller: an array's length may be in one definition only.
    fn larger(&self, a: &GlobalInit, b: &GlobalInit) -> bool {
        size_of(self.program, a.ty) >= size_of(self.program, b.ty)
    }

    fn variables(&self, file: FileId, name: Symbol) -> Vec<ItemRef> {
        let items = self.program.outline(file).items.iter().enumerate();
        items
            .filter(|(_, i)| {
                i.active
                    && (i.name == name && i.kind == ItemKind::Variable
                        || i.kind == ItemKind::MacroUse && self.mentions(file, i.lo, i.hi, name))
            })
            .map(|(n, _)| ItemRef { file, item: n as u32 })
            .collect()
    }

    fn mentions(&self, file: FileId, lo: u32, hi: u32, name: Symbol) -> bool {
        let Ok(text) = self.program.text(file) else { return false };
        let bytes = text.bytes.get(lo as usize..hi as usize).unwrap_or(&[]);
        bytes.windows(name.as_str().len().max(1)).any(|w| w == name.as_str().as_bytes())
    }

    fn variable(&mut self, item: ItemRef, name: Symbol) -> Option<Arc<GlobalInit>> {
        let bodies = self.bodies;
        bodies.variable(item, name, || self.read_global(item, name))
    }

    fn read_global(&mut self, item: ItemRef, name: Symbol) -> Option<GlobalInit> {
        let text = self.program.text(item.file).ok()?;
        let mut tokens = Vec::new();
        self.program.tokens(item, Part::Whole, &text, &mut tokens).ok()?;
        let mut ast = Ast::default();
        let names = FileNames::new(self.program, item.file);
        let decls = parser::parse_declaration(&names, &tokens, &mut ast);
        let decl: DeclId = decls.into_iter().find(|d| ast.decls.get(d.index()).is_some_and(|d| d.name == name))?;
        let model = self.model;
        let noreturn = |name: Symbol| model.entry(name).is_some_and(|e| e.noreturn);
        let cx = LowerCx { program: self.program, tables: self.tables, noreturn: &noreturn };
        lower_global(&cx, item.file, &ast, decl, &mut self.scratch)
    }

    /// Writes constant initialisers into a global's first contents.
    fn fill(&mut self, addr: u64, file: FileId, ty: Ty, entries: &[InitEntry]) {
        for entry in entries {
            let Some(places) = self.offsets(ty, &entry.path) else { continue };
            if entry.value == ConstValue::Unknown {
                let what = format!("an initialiser at {}:{}", self.program.source.path(file), entry.loc.line);
                let (id, size) = (self.guesses.about(&what), size_of(self.program, entry.ty).min(1 << 24) as u32);
                for (off, _) in places {
                    self.mem.guess_image(addr, off as u32, size, id);
                }
                continue;
            }
            let Some(v) = self.constant(file, entry, addr, &places) else { continue };
            for (off, bits) in places {
                let size = match bits {
                    Some(_) => 8,
                    None => size_of(self.program, entry.ty).min(8) as usize,
                };
                let Some(image) = self.mem.image_mut(addr) else { return };
                if image.len() < off + size {
                    if off + size > 1 << 24 {
                        return;
                    }
                    image.resize(off + size, 0);
                }
                match bits {
                    None => image[off..off + size].copy_from_slice(&v.to_le_bytes()[..size]),
                    Some((bit, width)) => {
                        let mut word = [0u8; 8];
                        word.copy_from_slice(&image[off..off + 8]);
                        let mask = (if width >= 64 { u64::MAX } else { (1 << width) - 1 }) << bit;
                        let word = u64::from_le_bytes(word) & !mask | ((v as u64) << bit) & mask;
                        image[off..off + 8].copy_from_slice(&word.to_le_bytes());
                    }
                }
            }
        }
    }

    fn constant(&mut self, file: FileId, entry: &InitEntry, addr: u64, places: &[(usize, Option<(u32, u32)>)]) -> Option<i64> {
        Some(match &entry.value {
            ConstValue::Int(v) => match self.floating(entry.ty) {
                Some(to) => converted(*v, Num::Int(IntTy::LONG), to),
                None => *v,
            },
            ConstValue::Float(bits) => {
                let int = Num::Int(IntTy { size: size_of(self.program, entry.ty).clamp(1, 8) as u8, signed: true });
                converted(*bits as i64, Num::F64, self.floating(entry.ty).unwrap_or(int))
            }
            ConstValue::Function(name) => Linker::function_address(self.function(file, *name)) as i64,
            ConstValue::Str(text) => {
                if let TyKind::Array { .. } = self.program.types.kind(entry.ty) {
                    let (off, _) = *places.first()?;
                    let bytes = text.as_str().as_bytes();
                    let image = self.mem.image_mut(addr)?;
                    for (n, b) in bytes.iter().enumerate() {
                        if let Some(cell) = image.get_mut(off + n) {
                            *cell = *b;
                        }
                    }
                    return None;
                }
                self.string(*text) as i64
            }
            ConstValue::Address { symbol, path } => {
                let base = self.global(file, *symbol, 0);
                let ty = self.definition(file, *symbol).map_or(Ty::UNKNOWN, |i| i.ty);
                let off = self.offsets(ty, path).and_then(|p| p.first().map(|p| p.0)).unwrap_or(0);
                base.wrapping_add(off as u64) as i64
            }
            ConstValue::Compound { ty, entries } => {
                let object = self.mem.add_zeroed_global(size_of(self.program, *ty).max(1));
                self.fill(object, file, *ty, entries);
                if matches!(self.program.types.kind(entry.ty), TyKind::Record(_) | TyKind::Array { .. }) {
                    let bytes = self.mem.image_mut(object)?.clone();
                    let (off, _) = *places.first()?;
                    let image = self.mem.image_mut(addr)?;
                    for (n, b) in bytes.iter().enumerate() {
                        if let Some(cell) = image.get_mut(off + n) {
                            *cell = *b;
                        }
                    }
                    return None;
                }
                object as i64
            }
            ConstValue::Unknown => return None,
        })
    }

    fn floating(&self, ty: Ty) -> Option<Num> {
        match *self.program.types.kind(ty) {
            TyKind::Float { size: 4 } => Some(Num::F32),
            TyKind::Float { .. } => Some(Num::F64),
            _ => None,
        }
    }

    /// Byte offsets that a path denotes, with position and width for bit-fields.
    #[allow(clippy::type_complexity)]
    fn offsets(&self, ty: Ty, path: &[PathStep]) -> Option<Vec<(usize, Option<(u32, u32)>)>> {
        let mut all: Vec<(usize, Option<(u32, u32)>)> = vec![(0, None)];
        let mut ty = ty;
        for step in path {
            match *step {
                PathStep::Field { record, name } => {
                    let record = match self.program.types.kind(ty) {
                        TyKind::Record(id) => *id,
                        _ => record?,
                    };
                    let (bits, width) = field(self.program, record, name)?;
                    ty = cuthere_cfront::resolve::find_field(self.program, record, name)?.ty;
                    for at in &mut all {
                        at.0 += (bits / 8) as usize;
                        at.1 = width.map(|w| ((bits % 8) as u32, w));
                    }
                }
                PathStep::Index { lo, hi } => {
                    ty = self.program.types.pointee(ty)?;
                    let size = size_of(self.program, ty);
                    if hi.saturating_sub(lo) > 4096 || all.len() > 4096 {
                        return None;
                    }
                    all = all.iter().flat_map(|at| (lo..=hi).map(move |i| (at.0 + (i * size) as usize, at.1))).collect();
                }
            }
        }
        Some(all)
    }

    /// Offset and integer type of a member of a structure known by tag, as the scenario's files see it.
    pub fn member(&self, tag: &str, name: &str) -> Option<(u64, IntTy)> {
        let (tag, name) = (Symbol::find(tag)?, Symbol::find(name)?);
        let files = self.scope.iter().copied().chain([self.scenario]);
        for file in files {
            let record = cuthere_cfront::resolve::record_for_tag(self.program, file, cuthere_cfront::ast::TagKind::Struct, tag);
            if let Some((bits, _)) = field(self.program, record, name) {
                let ty = cuthere_cfront::resolve::find_field(self.program, record, name)?.ty;
                let size = size_of(self.program, ty).min(8) as u8;
                return Some((bits / 8, IntTy { size, signed: false }));
            }
        }
        None
    }

    /// The size of a structure known by tag.
    pub fn record_size(&self, tag: &str) -> Option<u64> {
        self.record(tag).map(|r| r.0)
    }

    /// The size of a structure known by tag, and its type.
    pub fn record(&self, tag: &str) -> Option<(u64, Ty)> {
        let tag = Symbol::find(tag)?;
        let mut files = self.scope.iter().copied().chain([self.scenario]);
        files.find_map(|file| {
            let record = cuthere_cfront::resolve::record_for_tag(self.program, file, cuthere_cfront::ast::TagKind::Struct, tag);
            let size = cuthere_cfront::layout::layout(self.program, record)?.size;
            Some((size, self.program.types.record_type(record)))
        })
    }

    /// Room for one copy per CPU.
    pub fn percpu_size(size: u64) -> u64 {
        size.next_multiple_of(8) * u64::from(CPUS)
    }
}
