//! Outlines and bodies: any bytes are a file whose functions are read, with the reasons where one is not whole.
#![no_main]

use cuthere_base::{FileId, MemorySource};
use cuthere_cfront::ast::Ast;
use cuthere_cfront::expand::Part;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::parser::parse_function;
use cuthere_cfront::program::{Config, Program};
use cuthere_cfront::resolve::FileNames;
use cuthere_kernel::Model;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Read once: it costs more than most inputs.
static MODEL: LazyLock<Model> = LazyLock::new(Model::builtin);

fuzz_target!(|bytes: &[u8]| {
    let source = MemorySource::new([("a.c", bytes)]);
    let program = Program::build(&source, Config::default(), MODEL.shapes());
    let file = FileId(0);
    let text = program.text(file).expect("it is in memory");
    for (index, item) in program.outline(file).items.iter().enumerate() {
        assert!(item.lo <= item.hi && item.hi as usize <= bytes.len());
        if item.kind == ItemKind::Function {
            let (mut tokens, mut ast) = (Vec::new(), Ast::default());
            let _ = program.tokens(ItemRef { file, item: index as u32 }, Part::Whole, &text, &mut tokens);
            parse_function(&FileNames::new(&program, file), &tokens, &mut ast);
        }
    }
});
