//! The textual IR of functions, for looking at what the front end made of them.

use crate::bodies::{lower_tables, noreturn};
use crate::options::Options;
use crate::tree::outline;
use cuthere_base::{FileId, Source, Symbol};
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_ir::{BodyReader, LowerCx};
use cuthere_kernel::Model;

/// The textual IR of every function of this name.
pub fn dump_ir(source: &dyn Source, model: &Model, options: &Options, function: &str) -> String {
    let program = outline(source, model, options);
    let tables = lower_tables(model);
    let noreturn = noreturn(model);
    let cx = LowerCx { program: &program, tables: &tables, noreturn: &noreturn };
    let mut reader = BodyReader::new(cx);
    let mut out = String::new();
    let Some(name) = Symbol::find(function) else { return out };
    for f in 0..program.files.len() as u32 {
        let file = FileId(f);
        for &item in program.functions(file) {
            let at = ItemRef { file, item };
            let it = program.item(at);
            if it.kind == ItemKind::Function && it.name == name {
                let func = reader.function(at);
                out.push_str(&format!("# {}\n", source.path(file)));
                let type_name = |ty| program.types.describe(ty);
                let options = cuthere_ir::dump::DumpOptions { annotate: None, type_name: Some(&type_name) };
                out.push_str(&cuthere_ir::dump::dump(&func, &options));
                out.push('\n');
            }
        }
    }
    out
}
