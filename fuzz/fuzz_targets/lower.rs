//! Lowering: any bytes are a file whose functions and variables become graphs and initial values.
#![no_main]

use cuthere_base::{FileId, MemorySource};
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::{Config, Program};
use cuthere_ir::tables::LowerTables;
use cuthere_ir::{BodyReader, LowerCx};
use cuthere_kernel::Model;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Read once: it costs more than most inputs.
static MODEL: LazyLock<Model> = LazyLock::new(Model::builtin);

fuzz_target!(|bytes: &[u8]| {
    let source = MemorySource::new([("a.c", bytes)]);
    let program = Program::build(&source, Config::default(), MODEL.shapes());
    let tables = LowerTables::customary();
    let noreturn = |_| false;
    let mut reader = BodyReader::new(LowerCx { program: &program, tables: &tables, noreturn: &noreturn });
    for (index, item) in program.outline(FileId(0)).items.iter().enumerate() {
        let item_ref = ItemRef { file: FileId(0), item: index as u32 };
        match item.kind {
            ItemKind::Function => drop(reader.function(item_ref)),
            ItemKind::Variable | ItemKind::MacroUse => drop(reader.item(item_ref)),
            _ => {}
        }
    }
});
