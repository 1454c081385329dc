//! Functions a second from outlines to IR, over the example tree. Measures and judges nothing.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cuthere_base::{FileId, MemorySource};
use cuthere_cfront::outline::ItemRef;
use cuthere_cfront::program::{Config, Program};
use cuthere_ir::tables::LowerTables;
use cuthere_ir::{BodyReader, LowerCx};
use cuthere_kernel::Model;
use std::path::Path;

fn collect(folder: &Path, root: &Path, out: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, root, out);
        } else if let Ok(name) = path.strip_prefix(root) {
            out.push((name.display().to_string(), std::fs::read(&path).unwrap_or_default()));
        }
    }
}

fn lower(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kernel");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    let source = MemorySource::new(files);
    let program = Program::build(&source, Config::default(), Model::builtin().shapes());
    let all: Vec<ItemRef> = (0..program.files.len() as u32)
        .flat_map(|file| program.functions(FileId(file)).iter().map(move |&item| ItemRef { file: FileId(file), item }))
        .collect();
    let tables = LowerTables::customary();
    let cx = LowerCx { program: &program, tables: &tables, noreturn: &|_| false };
    let mut group = criterion.benchmark_group("lower");
    group.sample_size(20).throughput(Throughput::Elements(all.len() as u64));
    group.bench_function("examples", |b| {
        b.iter(|| {
            let mut reader = BodyReader::new(cx);
            all.iter().map(|at| reader.function(*at).blocks.len()).sum::<usize>()
        })
    });
    group.finish();
}

criterion_group!(benches, lower);
criterion_main!(benches);
