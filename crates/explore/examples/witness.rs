//! Runs a scenario file: `witness FILE [--tree DIR] [--patch FILE]… [-I DIR]… [-D NAME]… [options]`.

use cuthere_base::Source;
use cuthere_cfront::program::{Config, Program};
use cuthere_explore::{
    MemoryModel, Options, Preemption, Schedule, StrategyKind, WithScenario, explore, included, included_from_folders, may_be_plain,
    shapes_for, witness,
};
use cuthere_kernel::Model;
use cuthere_tree::{Gathered, Included, OpenOptions, PatchText, Tree, gather};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn main() {
    let mut args = std::env::args().skip(1);
    let (mut file, mut tree, mut patches, mut format) = (String::new(), None, Vec::new(), "text".to_owned());
    let mut options = Options::default();
    let mut arch = None;
    let mut quiet = false;
    let (mut folders, mut defines, mut unroll) = (Vec::new(), Vec::new(), None);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_default();
        match arg.as_str() {
            "--tree" => tree = Some(value()),
            "--patch" => patches.push(value()),
            "--arch" => arch = Some(value()),
            "--preempt" => {
                options.preemption = match value().as_str() {
                    "none" => Preemption::None,
                    "voluntary" => Preemption::Voluntary,
                    "rt" => Preemption::Rt,
                    _ => Preemption::Full,
                }
            }
            "--bh-lock" => options.bh_lock = true,
            "--races" => options.races = true,
            "--quiet" => quiet = true,
            "--preemptions" => options.preemptions = value().parse().unwrap_or(2),
            "--interrupts" => options.interrupts = value().parse().unwrap_or(2),
            "--unroll" => unroll = value().parse().ok(),
            "--memory" => {
                options.memory = match value().as_str() {
                    "tso" => MemoryModel::Tso,
                    "lkmm" => MemoryModel::Lkmm,
                    _ => MemoryModel::Sc,
                }
            }
            "--alike" => options.alike = value().parse().unwrap_or(u32::MAX),
            "-I" => folders.push(PathBuf::from(value())),
            "-D" => {
                let text = value();
                let (name, value) = text.split_once('=').unwrap_or((&text, "1"));
                defines.push((name.to_owned(), value.to_owned()));
            }
            "--time" => options.time = Duration::from_secs(value().parse().unwrap_or(60)),
            "--executions" => options.executions = value().parse().unwrap_or(u64::MAX),
            "--seed" => options.seed = value().parse().unwrap_or(1),
            "--strategy" => {
                options.strategy = match value().as_str() {
                    "states" => StrategyKind::States,
                    "pct" => StrategyKind::Pct,
                    "random" => StrategyKind::Random,
                    _ => StrategyKind::Dpor,
                }
            }
            "--replay" => match Schedule::decode(&value()) {
                Ok(schedule) => options.replay = Some(schedule),
                Err(error) => return eprintln!("error: {error}"),
            },
            "--format" => format = value(),
            _ => file = arg,
        }
    }
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => return eprintln!("{file}: {error}"),
    };
    let base = match &tree {
        Some(dir) => {
            let opened = Tree::open_dir(Path::new(dir), &OpenOptions::default());
            let patches: Vec<PatchText> = patches.iter().map(|p| PatchText::new(p.clone(), std::fs::read(p).unwrap_or_default())).collect();
            match opened.and_then(|t| t.with_patches(&patches)) {
                Ok((tree, _)) => Some(tree),
                Err(error) => return eprintln!("{dir}: {error}"),
            }
        }
        None => None,
    };
    let started = Instant::now();
    let inclusion = |line: &str| {
        let beside = included(line).map(|name| Included { name: name.to_owned(), beside: true });
        beside.or_else(|| included_from_folders(line).map(|name| Included { name: name.to_owned(), beside: false }))
    };
    let mut gathered = Gathered { program: file.rsplit('/').next().unwrap_or(&file).to_owned(), ..Gathered::default() };
    if may_be_plain(&text)
        && let Ok(path) = Path::new(&file).canonicalize()
    {
        gathered = gather(&path, text.as_bytes(), &folders, &inclusion);
    }
    let base = base.as_ref().map(|t| t as &dyn Source);
    let source = WithScenario::beside(base, &gathered.program, &text, &gathered.files, &defines);
    let scenario = source.scenario();
    options.unroll = unroll.unwrap_or(if scenario.plain { 200 } else { 20 });
    options.deepens = scenario.plain && unroll.is_none();
    let model = Model::builtin();
    let mut config = Config { preempt_rt: options.preemption == Preemption::Rt, ..Config::default() };
    config.include = gathered.folders;
    config.defines.extend(defines.iter().map(|(name, value)| (name.clone(), value.parse().unwrap_or(1))));
    if let Some(arch) = arch {
        config.arch = arch;
    }
    let program = Program::build_partial(&source, config, shapes_for(&model, scenario.plain), &[scenario.file]);
    let read = started.elapsed();
    let outcome = explore(&program, &model, &scenario, &options);
    match format.as_str() {
        "json" => println!("{}", witness::json(&outcome, &options)),
        "html" => println!("{}", witness::html(&outcome, &options)),
        "trace" => {
            for step in &outcome.trace {
                let mark = if step.write { 'w' } else { 'r' };
                println!(
                    "{} {:>3} {:x} {mark} {}:{} {}",
                    step.thread, step.event, step.addr, step.place.function, step.place.line, step.text
                );
            }
        }
        _ if quiet => {}
        _ => print!("{}", witness::text(&outcome, &options)),
    }
    eprintln!(
        "{:?}: {} executions ({} redundant), {} events, {:.3} s reading, {:.3} s exploring, {:.0} executions/s",
        outcome.kind,
        outcome.executions,
        outcome.redundant,
        outcome.events,
        read.as_secs_f64(),
        outcome.seconds,
        (outcome.executions + outcome.redundant) as f64 / outcome.seconds
    );
}
