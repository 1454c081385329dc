//! Functions a second of the whole analysis over the example tree, with all checks and with none. Measures and judges nothing.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cuthere_analysis::{Check, Options, Quiet, run};
use cuthere_base::MemorySource;
use cuthere_checks::CHECKS;
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

fn engine(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kernel");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    let source = MemorySource::new(files);
    let model = Model::builtin();
    let analyse = |checks: &[Check]| run(&source, &model, checks, &Options::default(), &Quiet);
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(20).throughput(Throughput::Elements(analyse(&[]).stats.functions));
    group.bench_function("no checks", |b| b.iter(|| analyse(&[]).findings.len()));
    group.bench_function("all checks", |b| b.iter(|| analyse(CHECKS).findings.len()));
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
