//! Megabytes a second of the front end: outlines, bare tokens, and bodies preprocessed and parsed.
//!
//! The text is made here, in kernel style; with `CUTHERE_KERNEL_TREE` set, the files of one of that tree's folders are measured too
//! (`CUTHERE_BENCH_FOLDER`, by default `drivers/usb`). Measures and judges nothing.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cuthere_base::{FileId, MemorySource};
use cuthere_cfront::ast::Ast;
use cuthere_cfront::condition::Lookup;
use cuthere_cfront::config::Options;
use cuthere_cfront::expand::Part;
use cuthere_cfront::lexer::Lexer;
use cuthere_cfront::outline::ItemRef;
use cuthere_cfront::parser::parse_function;
use cuthere_cfront::program::{Config, Program};
use cuthere_cfront::resolve::FileNames;
use cuthere_cfront::scan::scan;
use cuthere_cfront::shapes::Shapes;
use cuthere_cfront::token::Tok;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

const HEADER: &str = "#define min_of(a, b) ((a) < (b) ? (a) : (b))\n#define HEATER_MAX 64\nstruct list { struct list *next, *prev; };\n\
                      struct heater {\n\tstruct list all;\n\tint level;\n\tunsigned long flags;\n\tchar name[16];\n};\n\
                      void take(struct heater *heater);\nvoid give(struct heater *heater);\n";

/// A driver of so many functions, none of them twice the same.
fn driver(functions: usize) -> String {
    let mut out = String::from("#include \"heater.h\"\n");
    for n in 0..functions {
        let _ = write!(
            out,
            "\n/* Raises the level of heater {n}, unless it is hot. */\nstatic int heater_raise_{n}(struct heater *heater, int by)\n{{\n\
             \tstruct list *pos;\n\tint level = heater->level, ret = -{n};\n\n\tif (!heater || by < 0)\n\t\treturn -22;\n\ttake(heater);\n\
             #ifdef CONFIG_HEATER_DEBUG\n\tgive(heater);\n#endif\n\
             \tfor (pos = heater->all.next; pos != &heater->all; pos = pos->next) {{\n\t\tif (level + by > HEATER_MAX)\n\t\t\tgoto out;\n\
             \t\tlevel = min_of(level + by, HEATER_MAX - {n});\n\t}}\n\tswitch (level & 3) {{\n\tcase 0:\n\t\theater->flags |= 1UL << {n} % 8;\n\
             \t\tbreak;\n\tdefault:\n\t\theater->flags &= ~0x{n:x}UL;\n\t}}\n\tret = heater->level = level;\nout:\n\tgive(heater);\n\treturn ret;\n}}\n"
        );
    }
    out
}

fn files() -> Vec<(&'static str, MemorySource)> {
    let mut out = vec![("made", MemorySource::new([("heater.c", driver(2000)), ("heater.h", HEADER.to_owned())]))];
    if let Some(tree) = std::env::var_os("CUTHERE_KERNEL_TREE") {
        let folder = std::env::var("CUTHERE_BENCH_FOLDER").unwrap_or_else(|_| "drivers/usb".to_owned());
        let mut texts = Vec::new();
        collect(&Path::new(&tree).join(folder), &mut texts);
        out.push(("real", MemorySource::new(texts)));
    }
    out
}

fn collect(folder: &Path, out: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "c" || extension == "h") {
            out.push((path.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
}

fn front(criterion: &mut Criterion) {
    for (name, source) in files() {
        let config = Config::default();
        let options = Options::new(&config, &config.arch);
        let shapes = Shapes::default();
        let program = Program::build(&source, config, Shapes::default());
        let texts: Vec<_> = (0..program.files.len() as u32).filter_map(|file| program.text(FileId(file)).ok()).collect();
        let bytes: usize = texts.iter().map(|text| text.bytes.len()).sum();
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).throughput(Throughput::Bytes(bytes as u64));
        group.bench_function("outline", |b| {
            b.iter(|| texts.iter().map(|text| scan(&text.bytes, &options, &shapes, &|_| Lookup::Unknown).items.len()).sum::<usize>())
        });
        group.bench_function("tokens", |b| b.iter(|| texts.iter().map(|text| count_tokens(&text.bytes)).sum::<usize>()));
        group.bench_function("bodies", |b| b.iter(|| black_box(parse(&program))));
        group.finish();
    }
}

fn count_tokens(text: &[u8]) -> usize {
    let mut lexer = Lexer::new(text, 0, text.len(), 1);
    std::iter::from_fn(|| Some(lexer.next())).take_while(|raw| raw.kind != Tok::Eof).count()
}

/// Preprocesses and parses every body; the number of functions.
fn parse(program: &Program<'_>) -> usize {
    let mut tokens = Vec::new();
    let mut ast = Ast::default();
    let mut parsed = 0;
    for file in (0..program.files.len() as u32).map(FileId) {
        let Ok(text) = program.text(file) else { continue };
        let names = FileNames::new(program, file);
        for &item in program.functions(file) {
            tokens.clear();
            ast.clear();
            if program.tokens(ItemRef { file, item }, Part::Whole, &text, &mut tokens).is_ok() {
                parsed += usize::from(parse_function(&names, &tokens, &mut ast).body.is_some());
            }
        }
    }
    parsed
}

criterion_group!(benches, front);
criterion_main!(benches);
