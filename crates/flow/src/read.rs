//! Reads bodies and initialisers of files into digests, in parallel, file by file.

use crate::digest::Digest;
use crate::digester::Digester;
use crate::keep::{Keep, Kept, hash_of, pack_bodies};
use crate::link::Binding;
use cuthere_base::{FileId, Loc, Symbol};
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::Program;
use cuthere_ir::tables::{ContainerOf, LowerTables, PlaceMacro};
use cuthere_ir::{BodyReader, ConstValue, GlobalInit, LowerCx};
use cuthere_kernel::{Model, Test};
use rayon::prelude::*;

/// A function that could not be read whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incomplete {
    pub file: FileId,
    pub function: Symbol,
    pub loc: Loc,
    pub reason: String,
}

/// All bodies of a program. `funcs[n]` is the function with number `n`.
#[derive(Default)]
pub struct Bodies {
    pub funcs: Vec<Digest>,
    /// A hash of each, if they are kept for later runs.
    pub hashes: Vec<[u8; 16]>,
    pub bindings: Vec<Binding>,
    pub incomplete: Vec<Incomplete>,
}

/// The tables that lowering needs, from the model.
pub fn lower_tables(model: &Model) -> LowerTables {
    let mut tables = LowerTables::customary();
    let shapes = model.shapes();
    for &name in shapes.names.keys() {
        if let Some(c) = model.container_of(name) {
            tables.container_of.insert(name, ContainerOf { ptr: c.ptr, ty: c.record, member: c.member });
        }
        if let Some(access) = model.place_macro(name) {
            let access = match access {
                cuthere_kernel::PlaceAccess::Read => PlaceMacro::Read,
                cuthere_kernel::PlaceAccess::Write => PlaceMacro::Write,
            };
            tables.place_macros.insert(name, access);
        }
        if let Some(arg) = model.condition_arg(name) {
            tables.conditions.insert(name, arg as usize);
            if let Some(entry) = model.entry(name).filter(|e| !e.unevaluated.is_empty()) {
                tables.run_inside.insert(name, entry.unevaluated.iter().fold(0, |bits, i| bits | 1 << i));
            }
        }
    }
    tables
}

/// Whether the model knows that a function does not return.
pub fn noreturn(model: &Model) -> impl Fn(Symbol) -> bool + Sync + '_ {
    |name| model.entry(name).is_some_and(|e| e.noreturn && e.tests != Some(Test::BugOn))
}

/// Reads everything that the outlines list, but for what a former run has left.
pub fn read(program: &Program<'_>, model: &Model, keep: Option<&dyn Keep>, progress: &(dyn Fn(u64) + Sync)) -> Bodies {
    if keep.is_some() {
        program.note_questions();
    }
    let kept = keep.map(|keep| Kept::open(program, keep));
    let tables = lower_tables(model);
    let noreturn = noreturn(model);
    let cx = LowerCx { program, tables: &tables, noreturn: &noreturn };
    let files: Vec<FileId> = (0..program.files.len() as u32).map(FileId).filter(|f| !program.outline(*f).items.is_empty()).collect();
    let read: Vec<(Bodies, Option<Vec<u8>>)> = files
        .par_iter()
        .with_max_len(8)
        .map_init(
            || (BodyReader::new(cx), Digester::default()),
            |(reader, digester), &file| {
                let known = kept.as_ref().and_then(|kept| kept.bodies(file));
                let out = match known {
                    Some(bodies) => (bodies, None),
                    None => {
                        let mut bodies = read_file(program, model, reader, digester, file);
                        let packed = kept.as_ref().and_then(|_| {
                            bodies.hashes = bodies.funcs.iter().map(hash_of).collect();
                            pack_bodies(&bodies)
                        });
                        (bodies, packed)
                    }
                };
                progress(1);
                out
            },
        )
        .collect();
    let mut all = Bodies { funcs: Vec::with_capacity(program.function_count() as usize), ..Bodies::default() };
    let mut new = Vec::new();
    for ((part, packed), file) in read.into_iter().zip(&files) {
        new.extend(packed.map(|packed| (*file, packed)));
        all.funcs.extend(part.funcs);
        all.hashes.extend(part.hashes);
        all.bindings.extend(part.bindings);
        all.incomplete.extend(part.incomplete);
    }
    if let Some(kept) = kept {
        kept.close(program, new);
    }
    all
}

fn read_file(program: &Program<'_>, model: &Model, reader: &mut BodyReader<'_>, digester: &mut Digester, file: FileId) -> Bodies {
    let mut out = Bodies::default();
    let source = program.source.path(file).ends_with(".c");
    let mut last: Option<(u32, u32)> = None;
    for (i, item) in program.outline(file).items.iter().enumerate() {
        let at = ItemRef { file, item: i as u32 };
        match item.kind {
            ItemKind::Function => {
                let func = reader.function(at);
                if !func.is_complete() {
                    let reason = func.gaps.first().map_or(String::new(), |g| g.reason.clone());
                    let loc = func.gaps.first().map_or(item.loc, |g| g.loc);
                    out.incomplete.push(Incomplete { file, function: item.name, loc, reason });
                }
                let mut digest = digester.digest(&func, &program.types, model);
                // The outline's word counts: the numbering of functions rests on it.
                digest.name = item.name;
                digest.file = file;
                digest.loc = item.loc;
                out.funcs.push(digest);
            }
            // Headers' variables are declarations; only sources bind functions to members.
            ItemKind::Variable | ItemKind::MacroUse if source && item.active => {
                // `int a, b;` is one declaration with several items.
                if item.kind == ItemKind::Variable && last == Some((item.lo, item.hi)) {
                    // Each name is lowered by its own item.
                }
                last = Some((item.lo, item.hi));
                if item.kind == ItemKind::MacroUse || item.hi - item.lo > 24 {
                    for global in reader.item(at).globals {
                        bind(program, &global, file, &mut out.bindings);
                    }
                }
            }
            _ => {}
        }
    }
    out
}

fn bind(program: &Program<'_>, global: &GlobalInit, file: FileId, out: &mut Vec<Binding>) {
    for entry in &global.entries {
        if let ConstValue::Function(function) = entry.value
            && let Some((record, field)) = entry.slot()
        {
            out.push(Binding { record: program.types.record_name(record), field, function, file, loc: entry.loc });
        }
    }
}
