//! What names and written types mean: typedefs, tags, variables, functions, enumerators, members.
//!
//! Everything is found through [`Program::lookup`] from the file where the name stands, read on first need and kept per item in the
//! program's [`Types`](crate::types::Types). A tag without definition gives one opaque record per tag, so that its pointers still tell what they point to.
//! Definitions that refer to themselves end in unknown types, at a fixed depth.

use crate::ast::{self, Ast, DeclId, ExprId, Space, TagKind, TypeId, TypeNode};
use crate::expand::Part;
use crate::outline::{Item, ItemKind, ItemRef};
use crate::parser::{self, Names};
use crate::program::{FileText, NameSpace, Program};
use crate::shapes::{KnownType, Shape};
use crate::token::Token;
use crate::types::{Field, Record, RecordId, Slot, Ty, TyKind};
use crate::typing::Typer;
use cuthere_base::{FileId, Symbol};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

/// What an ordinary name stands for at file level.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ordinary {
    Variable {
        ty: Ty,
        item: ItemRef,
    },
    /// `annotations` are those of the declaration found, as text: `__must_hold(&dev->lock)`.
    Function {
        ty: Ty,
        item: ItemRef,
        noreturn: bool,
        annotations: Arc<[Symbol]>,
    },
    Enumerator(i64),
    Typedef(Ty),
}

/// A member found by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldRef {
    /// The record that declares it; for members of anonymous ones the named record around them.
    pub record: RecordId,
    /// Positions in the fields of the record asked, then of the anonymous members on the way.
    pub path: SmallVec<[u32; 4]>,
    pub ty: Ty,
    /// Bit-field width.
    pub bits: Option<u32>,
}

/// The values of one enumeration's names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EnumValues(pub FxHashMap<Symbol, i64>);

/// What one tree's types have been resolved to, and what the body around them declares.
#[derive(Clone, Debug, Default)]
pub struct TypeMemo {
    types: FxHashMap<u32, Ty>,
    records: FxHashMap<u32, RecordId>,
    enums: FxHashMap<u32, ()>,
    /// Typedefs of the body; whoever meets one enters it.
    pub typedefs: FxHashMap<Symbol, Ty>,
    /// Tags of the body; entered when a definition is resolved.
    pub tags: FxHashMap<Symbol, RecordId>,
    /// Enumerators of the body; entered when the enumeration is resolved.
    pub enumerators: FxHashMap<Symbol, i64>,
    /// The types are those of items at file level: tags with a definition are looked up rather than made anew.
    file_level: bool,
    /// Name for the next untagged record: the typedef's.
    name: Symbol,
}

impl TypeMemo {
    /// For a function body.
    pub fn new() -> TypeMemo {
        TypeMemo::default()
    }

    pub(crate) fn for_items() -> TypeMemo {
        TypeMemo { file_level: true, ..TypeMemo::default() }
    }

    /// Forgets everything, for the next tree.
    pub fn clear(&mut self) {
        let file_level = self.file_level;
        self.types.clear();
        self.records.clear();
        self.enums.clear();
        self.typedefs.clear();
        self.tags.clear();
        self.enumerators.clear();
        self.name = Symbol::EMPTY;
        self.file_level = file_level;
    }
}

/// Who knows the local names answers what types depend on: `typeof(expression)` and array lengths. [`Typer`] is one.
pub trait ExprTyper {
    fn type_of(&mut self, expr: ExprId) -> Ty;
    fn const_value(&mut self, expr: ExprId) -> Option<i64>;
    fn memo(&mut self) -> &mut TypeMemo;
}

const MAX_DEPTH: usize = 48;

#[derive(Default)]
struct Workshop {
    /// Trees and token lists for reuse; nested reading takes several.
    spare: RefCell<Vec<(Ast, Vec<Token>)>>,
    /// The source file read last: its declarations are asked for one after the other.
    text: RefCell<Option<(u64, FileId, FileText)>>,
    active: RefCell<Vec<Work>>,
}

/// What is being read on this thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Item(ItemRef),
    Enum(FileId, u32),
    Record(RecordId),
    /// A record written inside another declaration: by itself it cannot contain itself.
    Inline,
    MacroUses(FileId),
    Layout(RecordId),
}

thread_local! {
    static WORKSHOP: Workshop = Workshop::default();
}

/// Runs `f` unless the same is being done already or work is nested too deeply: definitions that need themselves end here, and in
/// linear time.
pub(crate) fn nested<T>(work: Work, f: impl FnOnce() -> T) -> Option<T> {
    let enter = |w: &Workshop| {
        let mut active = w.active.borrow_mut();
        let refused = active.len() >= MAX_DEPTH || work != Work::Inline && active.contains(&work);
        if !refused {
            active.push(work);
        }
        !refused
    };
    if !WORKSHOP.with(enter) {
        return None;
    }
    let result = f();
    WORKSHOP.with(|w| w.active.borrow_mut().pop());
    Some(result)
}

/// Names as one file sees them, for the parser. Keep one per file and thread: it remembers answers.
pub struct FileNames<'a, 's> {
    program: &'a Program<'s>,
    file: FileId,
    known: RefCell<FxHashMap<Symbol, Option<bool>>>,
}

impl<'a, 's> FileNames<'a, 's> {
    pub fn new(program: &'a Program<'s>, file: FileId) -> Self {
        FileNames { program, file, known: RefCell::new(FxHashMap::default()) }
    }
}

impl Names for FileNames<'_, '_> {
    fn is_type(&self, name: Symbol) -> Option<bool> {
        if let Some(&known) = self.known.borrow().get(&name) {
            return known;
        }
        let found = match self.program.lookup(self.file, NameSpace::Ordinary, name).and_then(|i| item(self.program, i)) {
            Some(item) => Some(item.kind == ItemKind::Typedef),
            None if self.program.shapes.types.contains_key(&name) => Some(true),
            None if self.program.shapes.constants.contains_key(&name) => Some(false),
            None => None,
        };
        self.known.borrow_mut().insert(name, found);
        found
    }

    fn shape(&self, name: Symbol) -> Option<Shape> {
        self.program.shapes.get(name)
    }
}

fn item<'p>(program: &'p Program<'_>, at: ItemRef) -> Option<&'p Item> {
    program.files.get(at.file.index())?.items.get(at.item as usize)
}

/// Parses an item and hands its tree on.
fn with_item<T>(program: &Program<'_>, at: ItemRef, f: impl FnOnce(&Ast, &[DeclId]) -> T) -> T {
    let (mut ast, mut tokens) = WORKSHOP.with(|w| w.spare.borrow_mut().pop()).unwrap_or_default();
    ast.clear();
    tokens.clear();
    declaration_tokens(program, at, &mut tokens);
    let names = FileNames::new(program, at.file);
    let decls = parser::parse_declaration(&names, &tokens, &mut ast);
    let result = f(&ast, &decls);
    WORKSHOP.with(|w| w.spare.borrow_mut().push((ast, tokens)));
    result
}

/// The tokens of a declaration; of a function only its signature. What cannot be read gives none.
fn declaration_tokens(program: &Program<'_>, at: ItemRef, tokens: &mut Vec<Token>) {
    // Headers' texts are kept by the program.
    let kept = WORKSHOP.with(|w| w.text.borrow().as_ref().filter(|t| t.0 == program.id && t.1 == at.file).map(|t| t.2.clone()));
    let text = match kept {
        Some(text) => text,
        None => {
            let Ok(text) = program.text(at.file) else { return };
            if program.source.path(at.file).ends_with(".c") {
                WORKSHOP.with(|w| *w.text.borrow_mut() = Some((program.id, at.file, text.clone())));
            }
            text
        }
    };
    let Some(found) = item(program, at) else { return };
    // A macro bomb ends early: what came before it is still good.
    let _ = match found.kind {
        ItemKind::Function => program.tokens(at, Part::Signature, &text, tokens),
        // The item ends at the brace, but attributes after it belong to the type.
        ItemKind::Record => {
            let hi = end_of_attributes(&text.bytes, found.hi);
            let outline = program.outline(at.file);
            if found.active {
                program.range_tokens(at.file, found.lo, hi, &outline.inactive, &text, tokens)
            } else {
                let inactive =
                    outline.inactive_for_item(&text.bytes, found, program.options(at.file), &|_| crate::condition::Lookup::Unknown);
                program.range_tokens(at.file, found.lo, hi, &inactive, &text, tokens)
            }
        }
        _ => program.tokens(at, Part::Whole, &text, tokens),
    };
}

/// Where the attributes that stand behind `at` end: before what ends or initialises a declarator.
fn end_of_attributes(bytes: &[u8], at: u32) -> u32 {
    let mut depth = 0u32;
    for (offset, byte) in bytes.iter().skip(at as usize).take(512).enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b';' | b'=' | b',' | b'{' | b'}' | b'#' if depth == 0 => return at + offset as u32,
            _ => {}
        }
    }
    at
}

// --- names at file level

/// Answers of [`ordinary`] for the file asked about last.
#[derive(Default)]
struct Answers {
    asked: Option<(u64, FileId)>,
    known: FxHashMap<Symbol, Option<Ordinary>>,
}

thread_local! {
    static ANSWERS: RefCell<Answers> = RefCell::default();
}

/// What an ordinary name means in a file; `None`: nobody knows it.
pub fn ordinary(program: &Program<'_>, from: FileId, name: Symbol) -> Option<Ordinary> {
    // In the middle of reading another item an answer may be cut short: it is not one to keep.
    if WORKSHOP.with(|w| !w.active.borrow().is_empty()) {
        return find_ordinary(program, from, name);
    }
    let asked = Some((program.id, from));
    let kept = ANSWERS.with_borrow(|a| if a.asked == asked { a.known.get(&name).cloned() } else { None });
    if let Some(kept) = kept {
        return kept;
    }
    let found = find_ordinary(program, from, name);
    ANSWERS.with_borrow_mut(|a| {
        if a.asked != asked {
            a.known.clear();
            a.asked = asked;
        }
        a.known.insert(name, found.clone());
    });
    found
}

fn find_ordinary(program: &Program<'_>, from: FileId, name: Symbol) -> Option<Ordinary> {
    let found = program.lookup(from, NameSpace::Ordinary, name);
    // What a file declares by a macro is nearer than what another file of the tree calls so.
    if found.is_none_or(|at| at.file != from)
        && let Some(own) = macro_declared(program, from).get(&name)
    {
        return Some(own.clone());
    }
    if let Some(at) = found {
        return ordinary_item(program, at);
    }
    if let Some(&known) = program.shapes.types.get(&name) {
        return Some(Ordinary::Typedef(known_type(program, name, known)));
    }
    if let Some(&value) = program.shapes.constants.get(&name) {
        return Some(Ordinary::Enumerator(value));
    }
    match name.as_str() {
        "true" => Some(Ordinary::Enumerator(1)),
        "false" => Some(Ordinary::Enumerator(0)),
        _ => None,
    }
}

/// What the macros used at a file's own level declare: `static DEFINE_PER_CPU(int, x);`.
fn macro_declared(program: &Program<'_>, file: FileId) -> Arc<FxHashMap<Symbol, Ordinary>> {
    if let Some(done) = program.types.macro_declared.get(&file) {
        return done;
    }
    let read = nested(Work::MacroUses(file), || {
        let mut found = FxHashMap::default();
        let Some(outline) = program.files.get(file.index()) else { return found };
        for (index, used) in outline.items.iter().enumerate() {
            let name = used.name.as_str();
            // The commonest uses declare nothing that code refers to.
            if used.kind != ItemKind::MacroUse || !used.active || name.starts_with("EXPORT_") || name.starts_with("MODULE_") {
                continue;
            }
            let at = ItemRef { file, item: index as u32 };
            with_item(program, at, |ast, decls| {
                let mut typer = Typer::for_items(program, file, ast);
                for decl in decls.iter().filter_map(|d| ast.decls.get(d.index())).filter(|d| !d.name.is_empty()) {
                    if let Some(ordinary) = declared(&mut typer, decl, at) {
                        found.entry(decl.name).or_insert(ordinary);
                    }
                }
            });
        }
        found
    });
    match read {
        Some(read) => program.types.macro_declared.get_or_insert(file, || Arc::new(read)),
        None => Arc::default(),
    }
}

fn known_type(program: &Program<'_>, name: Symbol, known: KnownType) -> Ty {
    let types = &program.types;
    match known {
        KnownType::Int { size, signed } => types.int(size, signed),
        KnownType::Bool => types.bool(),
        KnownType::Struct => types.record_type(opaque(program, TagKind::Struct, name)),
        KnownType::Pointer => types.pointer_to(Ty::UNKNOWN),
    }
}

/// What an item declares, if it is an ordinary name.
pub fn ordinary_item(program: &Program<'_>, at: ItemRef) -> Option<Ordinary> {
    if let Some(done) = program.types.ordinary.get(&at) {
        return done;
    }
    let found = nested(Work::Item(at), || read_ordinary(program, at))?;
    program.types.ordinary.get_or_insert(at, || found)
}

fn read_ordinary(program: &Program<'_>, at: ItemRef) -> Option<Ordinary> {
    let item = item(program, at)?;
    if item.kind == ItemKind::Enumerator {
        return enum_values(program, at, item.lo).0.get(&item.name).map(|&v| Ordinary::Enumerator(v));
    }
    with_item(program, at, |ast, decls| {
        let wanted = |d: &&DeclId| ast.decls.get(d.index()).is_some_and(|d| d.name == item.name);
        let Some(decl) = decls.iter().rev().find(wanted).or(decls.last()) else {
            // `f() { … }`: old code leaves `int` out.
            let ret = program.types.int(4, true);
            let ty = program.types.intern(TyKind::Function { ret, params: Arc::from([]), variadic: true });
            let without_type =
                item.kind == ItemKind::Function && program.text(at.file).is_ok_and(|text| text.starts_with_word(item.lo, item.name));
            return without_type.then(|| Ordinary::Function { ty, item: at, noreturn: false, annotations: Arc::default() });
        };
        let decl = ast.decls.get(decl.index())?;
        declared(&mut Typer::for_items(program, at.file, ast), decl, at)
    })
}

/// What a declaration at file level declares.
fn declared(typer: &mut Typer<'_, '_>, decl: &ast::Decl, at: ItemRef) -> Option<Ordinary> {
    let (program, ast) = (typer.program, typer.ast);
    if decl.storage.is_typedef {
        typer.memo().name = decl.name;
    }
    let mut ty = typer.declared_type(decl);
    if decl.storage.is_typedef {
        return Some(Ordinary::Typedef(ty));
    }
    if matches!(program.types.kind(ty), TyKind::Function { .. }) {
        let annotations = ast.list(decl.annotations).iter().map(|&e| Symbol::intern(&expr_text(ast, ExprId(e)))).collect();
        return Some(Ordinary::Function { ty, item: at, noreturn: decl.storage.noreturn, annotations });
    }
    if let (TyKind::Array { of, len: None }, Some(init)) = (program.types.kind(ty), decl.init) {
        ty = program.types.array_of(*of, typer.initialiser_len(init));
    }
    Some(Ordinary::Variable { ty, item: at })
}

/// The values of the enumeration whose text starts at byte `lo` of the item's file.
fn enum_values(program: &Program<'_>, at: ItemRef, lo: u32) -> Arc<EnumValues> {
    let key = (at.file, lo);
    if let Some(done) = program.types.enums.get(&key) {
        return done;
    }
    let values = nested(Work::Enum(at.file, lo), || {
        with_item(program, at, |ast, _| {
            let mut typer = Typer::for_items(program, at.file, ast);
            for index in 0..ast.enums.len() {
                enter_enumerators(ast, index as u32, &mut typer);
            }
            let mut values = std::mem::take(&mut typer.memo().enumerators);
            for name in behind_include(program, at.file, lo) {
                values.remove(&name);
            }
            EnumValues(values)
        })
    });
    match values {
        Some(values) => program.types.enums.get_or_insert(key, || Arc::new(values)),
        None => Arc::default(),
    }
}

/// The names of an enumeration that come after an `#include` in it: how many there are before them is not known.
fn behind_include(program: &Program<'_>, file: FileId, lo: u32) -> Vec<Symbol> {
    let outline = program.outline(file);
    let names = || outline.items.iter().filter(|i| i.lo == lo && matches!(i.kind, ItemKind::Enum | ItemKind::Enumerator));
    let Some(whole) = names().next() else { return Vec::new() };
    let inside = |line: u32| line > whole.loc.line && line <= whole.end_line;
    let Some(first) = outline.includes.iter().filter(|i| i.active).map(|i| i.loc.line).filter(|line| inside(*line)).min() else {
        return Vec::new();
    };
    names().filter(|i| i.kind == ItemKind::Enumerator && i.loc.line > first).map(|i| i.name).collect()
}

/// Evaluates the names of an enumeration written in this tree into the memo.
fn enter_enumerators(ast: &Ast, index: u32, typer: &mut dyn ExprTyper) {
    if typer.memo().enums.insert(index, ()).is_some() {
        return;
    }
    let Some(body) = ast.enums.get(index as usize) else { return };
    let mut next = Some(0i64);
    for &(name, value) in &body.items {
        let value = match value {
            Some(expr) => typer.const_value(expr),
            None => next,
        };
        if let Some(value) = value {
            typer.memo().enumerators.insert(name, value);
        }
        next = value.map(|v| v.wrapping_add(1));
    }
}

// --- records

fn opaque(program: &Program<'_>, kind: TagKind, tag: Symbol) -> RecordId {
    program.types.opaque.get_or_insert((kind, tag), || program.types.add_record(Slot::new(kind, tag, None)))
}

/// The record that a tag means in a file: one per definition; without any, an opaque one per tag. Does not read the definition.
pub fn record_for_tag(program: &Program<'_>, from: FileId, kind: TagKind, tag: Symbol) -> RecordId {
    match program.lookup(from, NameSpace::Tag, tag) {
        Some(at) if item(program, at).is_some_and(|i| i.kind == ItemKind::Record) => {
            program.types.by_item.get_or_insert(at, || program.types.add_record(Slot::new(kind, tag, Some(at))))
        }
        _ => match program.types.nested.get(&(from, tag)) {
            Some(found) => found,
            None => opaque(program, kind, tag),
        },
    }
}

static NO_RECORD: LazyLock<Record> = LazyLock::new(|| empty_record(TagKind::Struct, Symbol::EMPTY));

fn empty_record(kind: TagKind, name: Symbol) -> Record {
    Record { kind, name, file: None, fields: Vec::new(), complete: false, packed: false, align: None }
}

/// What a record contains, read on first need.
pub fn record<'p>(program: &'p Program<'_>, id: RecordId) -> &'p Record {
    let Some(slot) = program.types.slot(id) else { return &NO_RECORD };
    if let Some(record) = slot.record.get() {
        return record;
    }
    let Some(at) = slot.item else {
        return slot.record.get_or_init(|| empty_record(slot.kind, slot.name));
    };
    let read = nested(Work::Record(id), || {
        with_item(program, at, |ast, _| {
            let index = ast.records.iter().rposition(|r| r.tag == slot.name)?;
            let mut typer = Typer::for_items(program, at.file, ast);
            Some(record_from_body(program, at.file, ast, index as u32, slot.name, &mut typer))
        })
    });
    match read {
        // Nested too deeply: an answer for now, not for ever.
        None => &NO_RECORD,
        Some(read) => slot.record.get_or_init(|| read.unwrap_or_else(|| empty_record(slot.kind, slot.name))),
    }
}

fn record_from_body(program: &Program<'_>, file: FileId, ast: &Ast, index: u32, name: Symbol, typer: &mut dyn ExprTyper) -> Record {
    let Some(body) = ast.records.get(index as usize) else { return empty_record(TagKind::Struct, name) };
    let mut fields = Vec::with_capacity(body.fields.len as usize);
    for &field in ast.list(body.fields) {
        let Some(decl) = ast.decls.get(field as usize) else { continue };
        let ty = resolve_type(program, file, ast, decl.ty, typer);
        // `enum { … };` and `struct tag { … };` with a tag declare nothing, unless the tagged record is meant as anonymous member.
        if decl.name.is_empty() && decl.bits.is_none() && !matches!(program.types.kind(ty), TyKind::Record(_)) {
            continue;
        }
        let bits = decl.bits.map(|e| typer.const_value(e).and_then(|v| u32::try_from(v).ok()).unwrap_or(1));
        let align = decl.align.and_then(|e| typer.const_value(e)).and_then(|v| u32::try_from(v).ok());
        fields.push(Field { name: decl.name, ty, bits, align, packed: decl.storage.packed });
    }
    let align = body.align.and_then(|e| typer.const_value(e)).and_then(|v| u32::try_from(v).ok());
    Record { kind: body.kind, name, file: Some(file), fields, complete: true, packed: body.packed, align }
}

/// The record for `struct … { … }` written in this tree.
fn record_of_body(program: &Program<'_>, file: FileId, ast: &Ast, index: u32, typer: &mut dyn ExprTyper) -> RecordId {
    if let Some(&done) = typer.memo().records.get(&index) {
        return done;
    }
    let Some(body) = ast.records.get(index as usize) else { return opaque(program, TagKind::Struct, Symbol::EMPTY) };
    let file_level = typer.memo().file_level;
    if file_level && !body.tag.is_empty() {
        let found = record_for_tag(program, file, body.kind, body.tag);
        if program.types.slot(found).is_some_and(|s| s.item.is_some_and(|i| i.file == file)) {
            typer.memo().records.insert(index, found);
            return found;
        }
    }
    let hint = std::mem::take(&mut typer.memo().name);
    let name = if body.tag.is_empty() { hint } else { body.tag };
    let add = || program.types.add_record(Slot::new(body.kind, name, None));
    let id = if file_level && !body.tag.is_empty() { program.types.nested.get_or_insert((file, body.tag), add) } else { add() };
    typer.memo().records.insert(index, id);
    if !file_level && !body.tag.is_empty() {
        typer.memo().tags.insert(body.tag, id);
    }
    let record = record_from_body(program, file, ast, index, name, typer);
    if let Some(slot) = program.types.slot(id) {
        let _ = slot.record.set(record);
    }
    id
}

/// A member by name, through anonymous members too.
pub fn find_field(program: &Program<'_>, id: RecordId, name: Symbol) -> Option<FieldRef> {
    field_index(program, id, 0)?.get(&name).cloned()
}

fn field_index<'p>(program: &'p Program<'_>, id: RecordId, depth: u32) -> Option<&'p FxHashMap<Symbol, FieldRef>> {
    let slot = program.types.slot(id)?;
    if let Some(done) = slot.index.get() {
        return Some(done);
    }
    let body = record(program, id);
    if std::ptr::eq(body, &*NO_RECORD) {
        return None;
    }
    let mut index = FxHashMap::default();
    for (at, field) in body.fields.iter().enumerate() {
        let at = at as u32;
        if !field.name.is_empty() {
            let found = FieldRef { record: id, path: SmallVec::from_slice(&[at]), ty: field.ty, bits: field.bits };
            index.entry(field.name).or_insert(found);
        } else if let TyKind::Record(inner) = *program.types.kind(field.ty) {
            if depth >= 16 {
                continue;
            }
            let named = !program.types.record_name(inner).is_empty();
            for (&name, found) in field_index(program, inner, depth + 1).into_iter().flatten() {
                let mut path: SmallVec<[u32; 4]> = SmallVec::from_slice(&[at]);
                path.extend_from_slice(&found.path);
                let owner = if named || found.record != inner { found.record } else { id };
                index.entry(name).or_insert(FieldRef { record: owner, path, ty: found.ty, bits: found.bits });
            }
        }
    }
    Some(slot.index.get_or_init(|| index))
}

// --- types as written

/// The type that a written type means in a file.
pub fn resolve_type(program: &Program<'_>, file: FileId, ast: &Ast, ty: TypeId, typer: &mut dyn ExprTyper) -> Ty {
    if let Some(&done) = typer.memo().types.get(&ty.0) {
        return done;
    }
    let Some(&node) = ast.types.get(ty.index()) else { return Ty::UNKNOWN };
    let types = &program.types;
    let resolved = match node {
        TypeNode::Unknown | TypeNode::AutoType => return Ty::UNKNOWN,
        TypeNode::Void => types.void(),
        TypeNode::Bool => types.bool(),
        TypeNode::Int { size, signed } => types.int(size, signed),
        TypeNode::Char => types.int(1, true),
        TypeNode::Float { size } => types.intern(TyKind::Float { size }),
        TypeNode::Named(name) => named(program, file, name, typer),
        TypeNode::Tag { kind: TagKind::Enum, tag } => types.intern(TyKind::Enum(tag)),
        TypeNode::Tag { kind, tag } => match typer.memo().tags.get(&tag) {
            Some(&local) => types.record_type(local),
            None => types.record_type(record_for_tag(program, file, kind, tag)),
        },
        TypeNode::Record(index) => match nested(Work::Inline, || record_of_body(program, file, ast, index, typer)) {
            Some(record) => types.record_type(record),
            None => Ty::UNKNOWN,
        },
        TypeNode::Enum(index) => {
            if !typer.memo().file_level {
                enter_enumerators(ast, index, typer);
            }
            types.intern(TyKind::Enum(ast.enums.get(index as usize).map_or(Symbol::EMPTY, |e| e.tag)))
        }
        TypeNode::Pointer { to, space } => {
            let mut space = space;
            if space == Space::Kernel
                && let Some(&TypeNode::Qualified { space: inner, .. }) = ast.types.get(to.index())
            {
                space = inner;
            }
            let to = resolve_type(program, file, ast, to, typer);
            types.intern(TyKind::Pointer { to, space })
        }
        TypeNode::Array { of, len } => {
            let of = resolve_type(program, file, ast, of, typer);
            let len = len.and_then(|e| typer.const_value(e)).and_then(|v| u64::try_from(v).ok());
            types.array_of(of, len)
        }
        TypeNode::Function { ret, params, variadic, .. } => {
            let ret = resolve_type(program, file, ast, ret, typer);
            let mut resolved: SmallVec<[Ty; 8]> = SmallVec::new();
            for &param in ast.list(params) {
                let ty = ast.decls.get(param as usize).map_or(Ty::UNKNOWN, |d| resolve_type(program, file, ast, d.ty, typer));
                resolved.push(decayed(program, ty));
            }
            types.intern(TyKind::Function { ret, params: resolved.as_slice().into(), variadic })
        }
        TypeNode::TypeofExpr(expr) => typer.type_of(expr),
        TypeNode::Atomic(of) => {
            let of = resolve_type(program, file, ast, of, typer);
            match *types.kind(of) {
                TyKind::Int { size, signed, .. } => types.intern(TyKind::Int { size, signed, atomic: true }),
                TyKind::Enum(_) => types.intern(TyKind::Int { size: 4, signed: true, atomic: true }),
                TyKind::Pointer { to, .. } => types.intern(TyKind::Pointer { to, space: Space::Atomic }),
                _ => of,
            }
        }
        TypeNode::TypeofType(of) | TypeNode::Qualified { of, .. } => resolve_type(program, file, ast, of, typer),
    };
    typer.memo().types.insert(ty.0, resolved);
    resolved
}

/// Arrays and functions as values.
pub fn decayed(program: &Program<'_>, ty: Ty) -> Ty {
    match *program.types.kind(ty) {
        TyKind::Array { of, .. } => program.types.pointer_to(of),
        TyKind::Function { .. } => program.types.pointer_to(ty),
        _ => ty,
    }
}

fn named(program: &Program<'_>, file: FileId, name: Symbol, typer: &mut dyn ExprTyper) -> Ty {
    if let Some(&local) = typer.memo().typedefs.get(&name) {
        return local;
    }
    let types = &program.types;
    if let Some(Ordinary::Typedef(ty)) = ordinary(program, file, name) {
        return ty;
    }
    match name.as_str() {
        "bool" => types.bool(),
        "__int128_t" => types.int(16, true),
        "__uint128_t" => types.int(16, false),
        "_Float16" => types.intern(TyKind::Float { size: 2 }),
        "_Float32" => types.intern(TyKind::Float { size: 4 }),
        "_Float64" => types.intern(TyKind::Float { size: 8 }),
        "_Float128" | "__float128" => types.intern(TyKind::Float { size: 16 }),
        "__builtin_va_list" => types.intern(TyKind::Builtin(name)),
        // What the classes of `guard()` and `CLASS()` would have been called, and other names that nobody knows.
        _ => Ty::UNKNOWN,
    }
}

/// An annotation as text.
pub fn expr_text(ast: &Ast, expr: ExprId) -> String {
    let mut out = String::new();
    write_expr(ast, expr, &mut out, 0);
    out
}

fn write_expr(ast: &Ast, expr: ExprId, out: &mut String, depth: u32) {
    use ast::ExprKind::*;
    let Some(node) = ast.exprs.get(expr.index()).filter(|_| depth < 16) else {
        out.push('…');
        return;
    };
    match node.kind {
        Ident(name) => out.push_str(name.as_str()),
        Int { value, .. } => out.push_str(&(value as i64).to_string()),
        Str(text) => {
            out.push('"');
            out.push_str(text.as_str());
            out.push('"');
        }
        Call { callee, args } => {
            write_expr(ast, callee, out, depth + 1);
            out.push('(');
            for (at, &arg) in ast.list(args).iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_expr(ast, ExprId(arg), out, depth + 1);
            }
            out.push(')');
        }
        Member { base, name, arrow } => {
            write_expr(ast, base, out, depth + 1);
            out.push_str(if arrow { "->" } else { "." });
            out.push_str(name.as_str());
        }
        Index(base, index) => {
            write_expr(ast, base, out, depth + 1);
            out.push('[');
            write_expr(ast, index, out, depth + 1);
            out.push(']');
        }
        Unary(op @ (ast::UnOp::Addr | ast::UnOp::Deref | ast::UnOp::Not | ast::UnOp::Neg), inner) => {
            out.push(match op {
                ast::UnOp::Addr => '&',
                ast::UnOp::Deref => '*',
                ast::UnOp::Not => '!',
                _ => '-',
            });
            write_expr(ast, inner, out, depth + 1);
        }
        Cast(_, inner) => write_expr(ast, inner, out, depth + 1),
        _ => out.push('…'),
    }
}
