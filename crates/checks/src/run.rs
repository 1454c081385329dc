//! The whole run: outlines, bodies, links, paths, findings.

use crate::check::{CHECKS, Claim, Eyes, finding};
use crate::habits::{Giver, Habits, Use, weigh};
use crate::learn::Learned;
use crate::null_field::unchecked_members;
use cuthere_base::{FileId, Finding, Source, Symbol};
use cuthere_cfront::outline::ItemKind;
use cuthere_cfront::program::{Config, Program};
use cuthere_flow::analyse::{Reports, Watch, analyse};
use cuthere_flow::keep::Keep;
use cuthere_flow::link::link;
use cuthere_flow::read::{Incomplete, lower_tables, noreturn, read};
use cuthere_flow::summary::FuncId;
use cuthere_flow::world::World;
use cuthere_ir::{BodyReader, LowerCx};
use cuthere_kernel::Model;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use std::time::Instant;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Ids of checks; empty: all.
    pub only: Vec<String>,
    /// Files or folders relative to the tree; empty: everything.
    pub paths: Vec<String>,
    pub config: Config,
    /// On PREEMPT_RT, disabled bh excludes other bh sections on the CPU.
    pub bh_lock: bool,
}

/// Told how far a run is.
pub trait Progress: Sync {
    /// A stage begins; `total` is what `advance` adds up to.
    fn stage(&self, name: &'static str, total: u64);
    fn advance(&self, n: u64);
}

/// Tells nobody.
pub struct Quiet;
impl Progress for Quiet {
    fn stage(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// What a run covered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    pub files: u64,
    pub bytes: u64,
    pub functions: u64,
    pub functions_complete: u64,
    /// Functions whose path budget was reached.
    pub functions_truncated: u64,
    /// Wall seconds by stage, in order; of a run that is read back, none.
    #[serde(skip)]
    pub seconds: Vec<(&'static str, f64)>,
    /// Functions that could not be read whole.
    pub incomplete: Vec<Gap>,
    /// Files that could not be read whole: path and reason.
    pub notes: Vec<(String, u32, String)>,
}

/// One function's first reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    pub file: String,
    pub line: u32,
    pub function: String,
    pub reason: String,
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Sorted by place.
    pub findings: Vec<Finding>,
    pub stats: Stats,
}

struct Watcher {
    checks: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
enum Report {
    Claim(Box<Claim>),
    Use(Use),
}

impl Watch for Watcher {
    type Eye = Eyes;
    type Report = Report;

    fn start(&self, world: &World<'_>, func: FuncId) -> Eyes {
        Eyes { eyes: self.checks.iter().map(|&i| (CHECKS[i].start)(i, world, func)).collect(), claims: Vec::new(), func }
    }

    fn quotes(&self, report: &Report) -> bool {
        matches!(report, Report::Claim(_))
    }

    fn finish(&self, world: &World<'_>, mut eyes: Eyes) -> Vec<Report> {
        let mut claims = std::mem::take(&mut eyes.claims);
        let uses: Vec<Use> = eyes.eyes.iter_mut().flat_map(|eye| eye.uses(world, eyes.func)).collect();
        for c in claims.iter_mut().filter(|c| c.merged) {
            if let Some(w) = &mut c.weigh {
                w.tested_here = uses.iter().any(|u| u.op == c.cause && u.tested);
            }
        }
        claims.sort_by_key(|c| (c.check, c.cause, c.at.1, c.op));
        claims.dedup_by(|later, first| later.cause != u32::MAX && later.check == first.check && later.cause == first.cause);
        let mut out: Vec<Report> = claims.into_iter().map(|c| Report::Claim(Box::new(c))).collect();
        out.extend(uses.into_iter().map(Report::Use));
        out
    }
}

/// Times the stages.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self, stats: &mut Stats, name: &'static str) {
        stats.seconds.push((name, self.0.elapsed().as_secs_f64()));
        self.0 = Instant::now();
    }
}

/// Runs the selected checks over a tree.
pub fn run(source: &dyn Source, model: &Model, options: &Options, progress: &dyn Progress) -> Outcome {
    run_keeping(source, model, options, progress, None)
}

/// The same, with what a former run has left, and leaving something for the next one.
pub fn run_keeping(source: &dyn Source, model: &Model, options: &Options, progress: &dyn Progress, keep: Option<&dyn Keep>) -> Outcome {
    with_reports(source, model, options, progress, keep, |world, reports, watcher, stats, clock| {
        let findings = findings(world, reports, watcher, options);
        clock.lap(stats, "findings");
        Outcome { findings, stats: std::mem::take(stats) }
    })
}

/// Reads and analyses a tree, and hands over everything that was found out.
fn with_reports<R>(
    source: &dyn Source,
    model: &Model,
    options: &Options,
    progress: &dyn Progress,
    keep: Option<&dyn Keep>,
    then: impl FnOnce(&World<'_>, Reports<Report>, &Watcher, &mut Stats, &mut Clock) -> R,
) -> R {
    let mut stats = Stats::default();
    let mut clock = Clock(Instant::now());

    progress.stage("outline", source.len() as u64);
    let program = outline(source, model, options);
    clock.lap(&mut stats, "outline");

    progress.stage("bodies", program.files.len() as u64);
    let bodies = read(&program, model, keep, &|n| progress.advance(n));
    clock.lap(&mut stats, "bodies");

    progress.stage("links", 1);
    let links = link(&program, model, &bodies.funcs, &bodies.bindings);
    clock.lap(&mut stats, "links");

    for (i, outline) in program.files.iter().enumerate() {
        stats.files += u64::from(outline.size > 0 || !outline.notes.is_empty());
        stats.bytes += u64::from(outline.size);
        let path = program.source.path(FileId(i as u32));
        stats.notes.extend(outline.notes.iter().map(|(loc, reason)| (path.to_owned(), loc.line, reason.clone())));
    }
    stats.functions = bodies.funcs.len() as u64;
    stats.functions_complete = stats.functions - bodies.incomplete.len() as u64;
    stats.incomplete = bodies.incomplete.iter().map(|i| gap(&program, i)).collect();

    progress.stage("paths", bodies.funcs.len() as u64);
    let summaries = bodies.funcs.iter().map(|_| OnceLock::new()).collect();
    let mut world = World {
        program: &program,
        model,
        funcs: bodies.funcs,
        callees: links.callees,
        summaries,
        drafts: Default::default(),
        entrances: links.entrances,
        gfp_reclaim: gfp(&program, model, &["__GFP_DIRECT_RECLAIM", "___GFP_DIRECT_RECLAIM", "__GFP_WAIT"]),
        gfp_nofail: gfp(&program, model, &["__GFP_NOFAIL", "___GFP_NOFAIL"]),
        preempt_rt: options.config.preempt_rt,
    };
    let watcher = Watcher {
        checks: (0..CHECKS.len()).filter(|&i| options.only.is_empty() || options.only.iter().any(|o| o == CHECKS[i].info.id)).collect(),
    };
    let reports = analyse(&mut world, &watcher, keep.map(|keep| (keep, &bodies.hashes[..])), &|n| progress.advance(n));
    stats.functions_truncated = world.summaries.iter().filter(|s| s.get().is_some_and(|s| s.truncated)).count() as u64;
    clock.lap(&mut stats, "paths");
    let result = then(&world, reports, &watcher, &mut stats, &mut clock);
    // Millions of small things: freed by all threads, not by the last one alone.
    let World { funcs, summaries, callees, .. } = world;
    rayon::join(|| funcs.into_par_iter().for_each(drop), || rayon::join(|| summaries.into_par_iter().for_each(drop), || drop(callees)));
    result
}

/// Weighs what was claimed against the rest of the program.
fn findings(world: &World<'_>, reports: Reports<Report>, watcher: &Watcher, options: &Options) -> Vec<Finding> {
    let program = world.program;
    let mut habits = Habits::default();
    let mut members: Vec<(FuncId, Use)> = Vec::new();
    for (func, list) in &reports {
        for report in list {
            if let Report::Use(u) = report {
                habits.add(u);
                if matches!(u.giver, Giver::Field(..)) {
                    members.push((*func, *u));
                }
            }
        }
    }
    let late = watcher.checks.iter().find(|&&i| CHECKS[i].info.id == "null-deref").map(|&i| unchecked_members(world, &members, i));
    drop(members);
    let wanted = |path: &str| {
        options.paths.is_empty()
            || options
                .paths
                .iter()
                .any(|p| p.is_empty() || path == p || (path.starts_with(p.as_str()) && path.as_bytes().get(p.len()) == Some(&b'/')))
    };
    let active = |f: FuncId| program.function_ref(f.0).is_none_or(|r| program.item(r).active);
    let mut findings = Vec::new();
    let claims = reports.into_iter().flat_map(|(_, list)| list).filter_map(|report| match report {
        Report::Claim(claim) => Some(*claim),
        Report::Use(_) => None,
    });
    for mut claim in claims.chain(late.into_iter().flatten()) {
        if !wanted(world.path(claim.at.0)) {
            continue;
        }
        if !active(claim.at.0) && in_no_setting(program, world.func(claim.at.0)) {
            continue;
        }
        if two_architectures(claim.steps.iter().map(|s| world.path(s.func))) {
            continue;
        }
        if let Some(w) = &claim.weigh {
            let (confidence, said) = weigh(w, &habits);
            claim.confidence = confidence;
            claim.assumes.extend(said);
        }
        findings.push(finding(world, &claim));
    }
    // Several paths to the same defect are one finding: the surest is kept.
    findings.sort_by(|a, b| {
        (a.sort_key().0, a.line, a.column, &a.fingerprint)
            .cmp(&(b.sort_key().0, b.line, b.column, &b.fingerprint))
            .then(b.confidence.cmp(&a.confidence))
    });
    findings.dedup_by(|later, earlier| {
        later.fingerprint == earlier.fingerprint && later.line == earlier.line && later.column == earlier.column
    });
    findings.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    findings
}

/// What the bodies of a tree say about the functions that its headers declare, for trees without them.
pub fn learn(source: &dyn Source, model: &Model, options: &Options, progress: &dyn Progress) -> Vec<Learned> {
    with_reports(source, model, options, progress, None, |world, reports, _, _, _| {
        let mut habits = Habits::default();
        for report in reports.iter().flat_map(|(_, list)| list) {
            if let Report::Use(u) = report {
                habits.add(u);
            }
        }
        crate::learn::learn(world, &habits)
    })
}

fn outline<'s>(source: &'s dyn Source, model: &Model, options: &Options) -> Program<'s> {
    let shapes = model.shapes();
    let config = options.config.clone();
    if options.paths.is_empty() || options.paths.iter().any(|p| p.is_empty()) {
        return Program::build(source, config, shapes);
    }
    let roots: Vec<FileId> = (0..source.len() as u32)
        .map(FileId)
        .filter(|f| {
            let path = source.path(*f);
            options.paths.iter().any(|p| path == p || (path.starts_with(p.as_str()) && path.as_bytes().get(p.len()) == Some(&b'/')))
        })
        .collect();
    Program::build_partial(source, config, shapes, &roots)
}

/// Whether files belong to architectures that no kernel is built for at once. User-mode Linux runs on x86 code, 64-bit Arm shares some of
/// 32-bit's.
fn two_architectures<'p>(paths: impl Iterator<Item = &'p str>) -> bool {
    let mut first = None;
    paths.filter_map(|p| p.strip_prefix("arch/")?.split('/').next()).filter(|a| *a != "um").any(|arch| {
        let arch = if arch == "arm64" { "arm" } else { arch };
        *first.get_or_insert(arch) != arch
    })
}

/// Whether a function stands inside `#if 0`: it exists under no setting at all.
fn in_no_setting(program: &Program<'_>, func: &cuthere_flow::digest::Digest) -> bool {
    let Ok(text) = program.text(func.file) else { return false };
    let mut open: Vec<bool> = Vec::new();
    for line in text.bytes.split(|b| *b == b'\n').take(func.loc.line as usize) {
        let line = line.trim_ascii();
        let Some(directive) = line.strip_prefix(b"#").map(<[u8]>::trim_ascii) else { continue };
        if directive.starts_with(b"if") {
            open.push(directive.strip_prefix(b"if").is_some_and(|c| c.trim_ascii().first() == Some(&b'0')));
        } else if directive.starts_with(b"el") {
            if let Some(last) = open.last_mut() {
                *last = false;
            }
        } else if directive.starts_with(b"endif") {
            open.pop();
        }
    }
    open.contains(&true)
}

fn gap(program: &Program<'_>, i: &Incomplete) -> Gap {
    Gap {
        file: program.source.path(i.file).to_owned(),
        line: i.loc.line,
        function: i.function.as_str().to_owned(),
        reason: i.reason.clone(),
    }
}

/// A GFP bit's value: the tree's own if it defines one, else the model's.
fn gfp(program: &Program<'_>, model: &Model, names: &[&str]) -> i64 {
    for path in ["include/linux/gfp_types.h", "include/linux/gfp.h"] {
        if let Some(file) = program.source.find(path)
            && !program.outline(file).macros.is_empty()
        {
            for name in names {
                if let Some(value) = program.macro_constant(file, Symbol::intern(name))
                    && value != 0
                {
                    return value;
                }
            }
        }
    }
    names.iter().find_map(|n| model.constant(Symbol::intern(n))).unwrap_or(0)
}

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
            let at = cuthere_cfront::outline::ItemRef { file, item };
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
