//! Lowers every function under a folder and prints counts and speed: `lower_tree ROOT [PATH…] [--dump FUNCTION] [--gaps N] [--globals]`.
//!
//! For tuning only. PATHs restrict what is lowered, not what is read.

use cuthere_base::{FileId, Symbol};
use cuthere_cfront::ast::Gap;
use cuthere_cfront::outline::{ItemKind, ItemRef};
use cuthere_cfront::program::{Config, Program};
use cuthere_ir::dump::{DumpOptions, dump};
use cuthere_ir::tables::{ContainerOf, LowerTables};
use cuthere_ir::{BodyReader, LowerCx};
use cuthere_kernel::Model;
use cuthere_tree::{OpenOptions, Tree};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

#[derive(Default)]
struct Counts {
    functions: u64,
    complete: u64,
    ops: u64,
    exprs: u64,
    blocks: u64,
    globals: u64,
    entries: u64,
    pointers: u64,
    seconds: f64,
    reasons: BTreeMap<String, (u64, String)>,
    untyped: u64,
    text: String,
}

impl Counts {
    fn add(mut self, other: Counts) -> Counts {
        self.functions += other.functions;
        self.complete += other.complete;
        self.ops += other.ops;
        self.exprs += other.exprs;
        self.blocks += other.blocks;
        self.globals += other.globals;
        self.entries += other.entries;
        self.pointers += other.pointers;
        self.seconds += other.seconds;
        self.untyped += other.untyped;
        self.text.push_str(&other.text);
        for (reason, (count, place)) in other.reasons {
            self.reasons.entry(reason).or_insert((0, place)).0 += count;
        }
        self
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let Some(root) = args.next() else {
        eprintln!("usage: lower_tree ROOT [PATH…] [--dump FUNCTION] [--gaps N] [--globals]");
        std::process::exit(2);
    };
    let (mut paths, mut wanted, mut gaps, mut with_globals) = (Vec::new(), Vec::new(), 0, false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--dump" => wanted.extend(args.next().map(|name| Symbol::intern(&name))),
            "--gaps" => gaps = args.next().and_then(|n| n.parse().ok()).unwrap_or(20),
            "--globals" => with_globals = true,
            _ => paths.push(arg),
        }
    }
    let tree = match Tree::open_dir(Path::new(&root), &OpenOptions::default()) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    };
    let started = Instant::now();
    let model = Model::builtin();
    let program = Program::build(&tree, Config::default(), model.shapes());
    eprintln!("outline: {:.2} s", started.elapsed().as_secs_f64());
    let mut tables = LowerTables::customary();
    for &name in program.shapes.names.keys() {
        if let Some(c) = model.container_of(name).filter(|_| !tables.results.contains_key(&name)) {
            tables.container_of.insert(name, ContainerOf { ptr: c.ptr, ty: c.record, member: c.member });
        }
        if let Some(position) = model.condition_arg(name) {
            tables.conditions.insert(name, position as usize);
        }
    }
    let noreturn = |name: Symbol| model.entry(name).is_some_and(|e| e.noreturn);
    let cx = LowerCx { program: &program, tables: &tables, noreturn: &noreturn };
    let files: Vec<FileId> = (0..program.files.len() as u32)
        .map(FileId)
        .filter(|&f| paths.is_empty() || paths.iter().any(|p| program.source.path(f).starts_with(p.as_str())))
        .collect();
    let started = Instant::now();
    let total =
        files.par_iter().with_max_len(8).map(|&file| lower_file(cx, file, &wanted, with_globals)).reduce(Counts::default, Counts::add);
    let wall = started.elapsed().as_secs_f64();
    print!("{}", total.text);
    let per = |n: u64| n as f64 / total.functions.max(1) as f64;
    println!(
        "functions {} complete {} ({:.2}%) in {wall:.2} s wall, {:.2} core-s: {:.0}/core-s",
        total.functions,
        total.complete,
        100.0 * per(total.complete),
        total.seconds,
        total.functions as f64 / total.seconds.max(1e-9)
    );
    println!(
        "per function: {:.1} ops, {:.1} exprs ({:.1}% untyped), {:.1} blocks",
        per(total.ops),
        per(total.exprs),
        100.0 * total.untyped as f64 / total.exprs.max(1) as f64,
        per(total.blocks)
    );
    println!("globals {} entries {} function pointers {}", total.globals, total.entries, total.pointers);
    let mut reasons: Vec<_> = total.reasons.into_iter().collect();
    reasons.sort_by_key(|r| std::cmp::Reverse(r.1.0));
    for (reason, (count, place)) in reasons.iter().take(gaps) {
        println!("{count:>7} {reason}  ({place})");
    }
}

fn lower_file(cx: LowerCx<'_>, file: FileId, wanted: &[Symbol], with_globals: bool) -> Counts {
    let mut counts = Counts::default();
    let started = Instant::now();
    let mut reader = BodyReader::new(cx);
    let program = cx.program;
    let note = |counts: &mut Counts, gaps: &[Gap], name: Symbol| {
        for gap in gaps {
            let place = format!("{}:{} {name}", program.source.path(file), gap.loc.line);
            counts.reasons.entry(gap.reason.clone()).or_insert((0, place)).0 += 1;
        }
    };
    for (index, item) in program.outline(file).items.iter().enumerate() {
        let at = ItemRef { file, item: index as u32 };
        match item.kind {
            ItemKind::Function => {
                let func = reader.function(at);
                counts.functions += 1;
                counts.complete += u64::from(func.is_complete());
                counts.ops += func.ops.len() as u64;
                counts.exprs += func.exprs.len() as u64;
                counts.untyped += func.exprs.iter().filter(|e| e.ty.0 == 0).count() as u64;
                counts.blocks += func.blocks.len() as u64;
                note(&mut counts, &func.gaps, func.name);
                if wanted.contains(&func.name) {
                    let name = |ty| program.types.describe(ty);
                    counts.text.push_str(&dump(&func, &DumpOptions { annotate: None, type_name: Some(&name) }));
                }
            }
            ItemKind::Variable | ItemKind::MacroUse if with_globals => {
                let lowered = reader.item(at);
                for global in &lowered.globals {
                    counts.globals += 1;
                    counts.entries += global.entries.len() as u64;
                    let functions =
                        |e: &&cuthere_ir::InitEntry| matches!(e.value, cuthere_ir::ConstValue::Function(_)) && e.slot().is_some();
                    counts.pointers += global.entries.iter().filter(functions).count() as u64;
                }
                for func in &lowered.functions {
                    counts.functions += 1;
                    counts.complete += u64::from(func.is_complete());
                    note(&mut counts, &func.gaps, func.name);
                }
            }
            _ => {}
        }
    }
    counts.seconds = started.elapsed().as_secs_f64();
    counts
}
