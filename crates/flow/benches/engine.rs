//! Functions a second of the engine over the example tree: linking, and the paths of every function shown to an observer of nothing.
//! Measures and judges nothing.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use cuthere_base::MemorySource;
use cuthere_cfront::program::{Config, Program};
use cuthere_flow::analyse::{Watch, analyse};
use cuthere_flow::exec::Blind;
use cuthere_flow::link::link;
use cuthere_flow::read::read;
use cuthere_flow::summary::FuncId;
use cuthere_flow::world::World;
use cuthere_kernel::Model;
use std::path::Path;

struct Nothing;

impl Watch for Nothing {
    type Eye = Blind;
    type Report = ();
    fn start(&self, _: &World<'_>, _: FuncId) -> Blind {
        Blind
    }
    fn quotes(&self, _: &()) -> bool {
        false
    }
    fn finish(&self, _: &World<'_>, _: Blind) -> Vec<()> {
        Vec::new()
    }
}

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

fn world<'a>(program: &'a Program<'a>, model: &'a Model) -> World<'a> {
    let bodies = read(program, model, None, &|_| {});
    let links = link(program, model, &bodies.funcs, &bodies.bindings);
    World {
        program,
        model,
        summaries: bodies.funcs.iter().map(|_| Default::default()).collect(),
        funcs: bodies.funcs,
        callees: links.callees,
        drafts: Default::default(),
        entrances: links.entrances,
        gfp_reclaim: 0x400,
        gfp_nofail: 0x8000,
        preempt_rt: false,
    }
}

fn engine(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kernel");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    let source = MemorySource::new(files);
    let model = Model::builtin();
    let program = Program::build(&source, Config::default(), model.shapes());
    let bodies = read(&program, &model, None, &|_| {});
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(20).throughput(Throughput::Elements(bodies.funcs.len() as u64));
    group.bench_function("links", |b| b.iter(|| link(&program, &model, &bodies.funcs, &bodies.bindings).entrances.len()));
    group.bench_function("paths", |b| {
        b.iter_batched(|| world(&program, &model), |mut world| analyse(&mut world, &Nothing, None, &|_| {}).len(), BatchSize::SmallInput)
    });
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
