//! Reads the bodies and initialisers of files, in parallel, file by file.

use cuthere_base::{FileId, Symbol};
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::Program;
use cuthere_flow::body::{BodyLowering, Record};
use cuthere_flow::program::link::Binding;
use cuthere_flow::program::tables::Table;
use cuthere_incremental::{Bodies, Incomplete, Keep, Kept, hash_of, pack_bodies};
use cuthere_ir::tables::{ContainerOf, LowerTables, PlaceMacro};
use cuthere_ir::{BodyReader, ConstValue, GlobalInit, InitEntry, LowerCx, PathStep};
use cuthere_kernel::{Model, Test};
use rayon::prelude::*;

/// The tables that lowering needs, from the model.
pub fn lower_tables(model: &Model) -> LowerTables {
    let mut tables = LowerTables::customary();
    tables.guards.extend(model.guards().map(|guard| guard.class));
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
        }
        if let Some(entry) = model.entry(name).filter(|e| !e.unevaluated.is_empty()) {
            tables.unevaluated.insert(name, entry.unevaluated.iter().fold(0, |bits, i| bits | 1 << i));
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
            || (BodyReader::new(cx), BodyLowering::default()),
            |(reader, lowering), &file| {
                let known = kept.as_ref().and_then(|kept| kept.bodies(file));
                let out = match known {
                    Some(bodies) => (bodies, None),
                    None => {
                        let mut bodies = read_file(program, model, reader, lowering, file);
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
        all.tables.extend(part.tables);
        all.incomplete.extend(part.incomplete);
    }
    if let Some(kept) = kept {
        kept.close(program, new);
    }
    all
}

fn read_file(program: &Program<'_>, model: &Model, reader: &mut BodyReader<'_>, lowering: &mut BodyLowering, file: FileId) -> Bodies {
    let mut out = Bodies::default();
    let source = program.source.path(file).ends_with(".c");
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
                // A table may be written inside of the function that hands it over.
                if source && item.active {
                    func.statics.iter().for_each(|init| bind(program, &init.entries, file, &mut out.bindings));
                }
                let mut body = lowering.lower(&func, program, model);
                // The outline's word counts: the numbering of functions rests on it.
                body.name = item.name;
                body.file = file;
                body.loc = item.loc;
                out.funcs.push(body);
            }
            // Headers' variables are declarations; only sources bind functions to members.
            ItemKind::Variable | ItemKind::MacroUse
                if source && item.active && (item.kind == ItemKind::MacroUse || item.hi - item.lo > 24) =>
            {
                for global in reader.item(at).globals {
                    bind(program, &global.entries, file, &mut out.bindings);
                    out.tables.extend(table(program, &global, file));
                }
            }
            _ => {}
        }
    }
    out
}

fn bind(program: &Program<'_>, entries: &[InitEntry], file: FileId, out: &mut Vec<Binding>) {
    for entry in entries {
        if let ConstValue::Function(function) = entry.value
            && let Some((record, field)) = entry.slot()
        {
            out.push(Binding { record: Record::of(program, record), field, function, file, loc: entry.loc });
        }
    }
}

/// A variable whose own members hold functions, as a table.
fn table(program: &Program<'_>, global: &GlobalInit, file: FileId) -> Option<Table> {
    let mut record = None;
    let mut members: Vec<(Symbol, Option<Symbol>)> = Vec::with_capacity(global.entries.len());
    let mut holds = false;
    for entry in &global.entries {
        let Some(PathStep::Field { record: Some(id), name }) = entry.path.first() else { return None };
        let function = match entry.value {
            ConstValue::Function(function) if entry.path.len() == 1 => Some(function),
            _ => None,
        };
        holds |= function.is_some();
        record = record.or(Some(*id));
        members.push((*name, function));
    }
    let record = Record::of(program, record.filter(|_| holds)?);
    Some(Table { name: global.name, record, shared: !global.is_static, file, members: members.into() })
}
