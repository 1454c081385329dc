//! The whole run: outlines, bodies, links, paths, findings.

use crate::bodies::read;
use crate::checker::Check;
use crate::claim::{Claim, Claims};
use crate::gathered::{Gathered, Late};
use crate::learn::Learned;
use crate::options::{IndexUse, Options, Outcome, Progress, Stats};
use crate::paths::{Report, Reports, analyse};
use crate::question::{self, FunctionAnswer};
use crate::scales::Scales;
use crate::shared;
use crate::tree::{gap, gfp, outline, tolerant};
use cuthere_base::{FileId, Finding, Source, Symbol};
use cuthere_flow::domain::Preemption;
use cuthere_flow::index::Habits;
use cuthere_flow::program::World;
use cuthere_flow::program::contexts::CallTable;
use cuthere_flow::program::link::{link, undefined};
use cuthere_flow::program::tables::Tables;
use cuthere_flow::summary::Summary;
use cuthere_incremental::{Keep, Outside, leave};
use cuthere_kernel::Model;
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Instant;

/// Times the stages.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self, stats: &mut Stats, name: &'static str) {
        stats.seconds.push((name, self.0.elapsed().as_secs_f64()));
        self.0 = Instant::now();
    }
}

/// Runs checks over a tree: those that the options select.
pub fn run(source: &dyn Source, model: &Model, checks: &[Check], options: &Options, progress: &dyn Progress) -> Outcome {
    run_keeping(source, model, checks, options, progress, None)
}

/// The same, with what former runs over the whole tree have left. A run over the whole tree leaves the same for the next one.
pub fn run_keeping(
    source: &dyn Source,
    model: &Model,
    checks: &[Check],
    options: &Options,
    progress: &dyn Progress,
    keep: Option<&dyn Keep>,
) -> Outcome {
    let selected = selected(checks, options);
    with_reports(source, model, &selected, options, progress, keep, |world, reports, outside, stats, clock| {
        progress.stage("findings", 1);
        let findings = findings(world, reports, &selected, options, outside);
        clock.lap(stats, "findings");
        Outcome { findings, stats: std::mem::take(stats) }
    })
}

/// What the bodies of a tree say about the functions that its headers declare, for trees without them.
pub fn learn(source: &dyn Source, model: &Model, options: &Options, progress: &dyn Progress) -> Vec<Learned> {
    with_reports(source, model, &[], options, progress, None, |world, reports, _, _, _| {
        let mut habits = Habits::default();
        for report in reports.iter().flat_map(|(_, list)| list) {
            if let Report::Fact(fact) = report {
                habits.add(fact);
            }
        }
        crate::learn::learn(world, &habits)
    })
}

/// What is known of the functions of this name: how they are entered, whether they may sleep, what they do.
pub fn functions(
    source: &dyn Source,
    model: &Model,
    checks: &[Check],
    options: &Options,
    progress: &dyn Progress,
    keep: Option<&dyn Keep>,
    name: &str,
) -> (Vec<FunctionAnswer>, Stats) {
    let selected = selected(checks, options);
    with_reports(source, model, &selected, options, progress, keep, |world, reports, _, stats, clock| {
        progress.stage("contexts", 1);
        let calls: CallTable = reports
            .into_iter()
            .flat_map(|(f, list)| list.into_iter().map(move |report| (f, report)))
            .filter_map(|(f, report)| if let Report::Calls(calls) = report { Some((f, *calls)) } else { None })
            .collect();
        let answers = Symbol::find(name).map_or_else(Vec::new, |name| question::functions(world, &calls, name));
        clock.lap(stats, "contexts");
        (answers, std::mem::take(stats))
    })
}

/// The checks that the options name, with their numbers.
fn selected<'c>(checks: &'c [Check], options: &Options) -> Vec<(u8, &'c Check)> {
    let wanted = |id: &str| options.only.is_empty() || options.only.iter().any(|o| o == id);
    checks.iter().enumerate().filter(|(_, check)| wanted(check.info.id)).map(|(n, check)| (n as u8, check)).collect()
}

/// Reads and analyses a tree, and hands over everything that was found out.
fn with_reports<R>(
    source: &dyn Source,
    model: &Model,
    checks: &[(u8, &Check)],
    options: &Options,
    progress: &dyn Progress,
    keep: Option<&dyn Keep>,
    then: impl FnOnce(&World<'_>, Reports, Option<&Outside>, &mut Stats, &mut Clock) -> R,
) -> R {
    let mut stats = Stats::default();
    let mut clock = Clock(Instant::now());
    let whole = options.whole();
    let (keep, index) = if whole { (keep, None) } else { (None, keep) };

    progress.stage("outline", source.len() as u64);
    let mut program = outline(source, model, options);
    let older = model.for_tree(|name| program.defines(name));
    let kept_for = keep.zip(older.as_ref()).map(|(keep, (_, changes))| KeptFor { keep, changes });
    let keep = kept_for.as_ref().map(|kept| kept as &dyn Keep).or(keep);
    let model = older.as_ref().map_or(model, |(model, _)| model);
    clock.lap(&mut stats, "outline");

    progress.stage("bodies", program.files.iter().filter(|f| !f.items.is_empty()).count() as u64);
    let bodies = read(&program, model, keep, &|n| progress.advance(n));
    clock.lap(&mut stats, "bodies");

    progress.stage("links", 1);
    let preemption = Preemption { rt: options.config.preempt_rt, bh_lock: options.bh_lock };
    let mut funcs = bodies.funcs;
    let own = funcs.len();
    let outside = index.and_then(|keep| Outside::open(&program, keep, &undefined(&program, model, &funcs), own as u32));
    let mut summaries: Vec<OnceLock<Summary>> = funcs.iter().map(|_| OnceLock::new()).collect();
    let outside = outside.map(|mut outside| {
        for (body, summary) in std::mem::take(&mut outside.funcs) {
            funcs.push(body);
            summaries.push(OnceLock::from(summary));
        }
        outside
    });
    stats.part = !whole;
    stats.index = outside.as_ref().map(|o| IndexUse { made: o.made, functions: o.used, stale: o.stale });
    let mut tables = Tables::new(bodies.tables, &funcs);
    let links = link(&program, model, preemption, &funcs, &bodies.bindings, outside.as_ref().map(|o| &o.by_name));
    tables.note_bound(&links.bound);
    clock.lap(&mut stats, "links");

    for (i, outline) in program.files.iter().enumerate() {
        stats.files += u64::from(outline.size > 0 || !outline.notes.is_empty());
        stats.bytes += u64::from(outline.size);
        let path = program.source.path(FileId(i as u32));
        stats.notes.extend(outline.notes.iter().map(|(loc, reason)| (path.to_owned(), loc.line, reason.clone())));
    }
    stats.functions = own as u64;
    let asked = |file: &FileId| options.covers(program.source.path(*file));
    let mut missing: BTreeMap<String, u64> = BTreeMap::new();
    for file in (0..program.files.len() as u32).map(FileId).filter(asked) {
        let functions = program.functions(file).len() as u32;
        if functions > 0 {
            stats.functions_asked += u64::from(functions);
            stats.functions_by_file.push((program.source.path(file).to_owned(), functions));
        }
        program.missing_headers(file).iter().for_each(|header| *missing.entry(header.as_str().to_owned()).or_default() += 1);
    }
    stats.missing = missing.into_iter().collect();
    stats.incomplete = bodies.incomplete.iter().map(|i| gap(&program, i)).collect();

    let gfp_reclaim = gfp(&program, model, &["__GFP_DIRECT_RECLAIM", "___GFP_DIRECT_RECLAIM", "__GFP_WAIT"]);
    let gfp_nofail = gfp(&program, model, &["__GFP_NOFAIL", "___GFP_NOFAIL"]);
    let tolerant = tolerant(&program, model, &funcs);
    // Nothing is preprocessed any more.
    program.release_texts();

    progress.stage("paths", own as u64);
    let mut world = World {
        program: &program,
        model,
        funcs,
        callees: links.callees,
        upwards: OnceLock::new(),
        summaries,
        drafts: Default::default(),
        entry_points: links.entry_points,
        releases: links.releases,
        owners: links.owners,
        counts: links.counts,
        bound: links.bound,
        tables,
        excused: links.excused,
        keepers: links.keepers,
        narrowed: links.narrowed,
        tolerant,
        gfp_reclaim,
        gfp_nofail,
        preemption,
    };
    let (reports, grounds) = analyse(&mut world, checks, keep.map(|keep| (keep, &bodies.hashes[..])), &|n| progress.advance(n));
    let gaps: FxHashSet<(FileId, Symbol)> = bodies.incomplete.iter().map(|i| (i.file, i.function)).collect();
    let truncated = || world.funcs.iter().zip(&world.summaries).take(own).filter(|(_, s)| s.get().is_some_and(|s| s.truncated));
    stats.functions_truncated = truncated().count() as u64;
    let cut = truncated().filter(|(f, _)| !gaps.contains(&(f.file, f.name))).count();
    stats.functions_complete = stats.functions - (bodies.incomplete.len() + cut) as u64;
    clock.lap(&mut stats, "paths");
    if let Some(keep) = keep {
        let mut habits = Habits::default();
        for report in reports.iter().flat_map(|(_, list)| list) {
            if let Report::Fact(fact) = report {
                habits.add(fact);
            }
        }
        leave(&world, &grounds, &habits, keep, keep.now());
        clock.lap(&mut stats, "index");
    }
    let result = then(&world, reports, outside.as_ref(), &mut stats, &mut clock);
    if options.last {
        std::mem::forget(world);
        std::mem::forget(program);
        return result;
    }
    // Millions of small things: freed by all threads, not by the last one alone.
    let World { funcs, summaries, callees, .. } = world;
    rayon::join(|| funcs.into_par_iter().for_each(drop), || rayon::join(|| summaries.into_par_iter().for_each(drop), || drop(callees)));
    result
}

/// What the checks claim, on paths and of the whole tree, weighed against the rest of the program.
fn findings(world: &World<'_>, reports: Reports, checks: &[(u8, &Check)], options: &Options, outside: Option<&Outside>) -> Vec<Finding> {
    let mut known = Gathered::of(reports);
    if let Some(outside) = outside {
        outside.habits(world, &mut known.habits);
    }
    let mut claims = std::mem::take(&mut known.claims);
    let mut place = None;
    let gathered = (known, Late::default());
    let (known, late) = if options.last { Box::leak(Box::new(gathered)) } else { place.insert(gathered) };
    let tree = known.tree(world, options.whole(), late);
    let judged = |(n, check): &(u8, &Check)| {
        let mut late = Claims::of(*n);
        if let Some(judge) = check.tree {
            judge(&tree, &mut late);
        }
        late.take_all()
    };
    if checks.iter().any(|(_, check)| check.tree.is_some()) {
        tree.prepare();
    }
    claims.extend(checks.par_iter().map(judged).collect::<Vec<_>>().into_iter().flatten());
    shared::raise(&mut claims, &tree);
    shared::weigh(&mut claims, &tree);
    let scales = Scales::new(&tree, &known.handovers, options, outside.is_some());
    scales.prepare(&claims);
    let weighed = |mut claim: Claim| {
        let (_, check) = checks.iter().find(|(n, _)| *n == claim.check)?;
        (scales.asked(&claim) && scales.weigh(&mut claim, check.info.maturity)).then(|| claim.finding(world, check.info.id))
    };
    let mut findings: Vec<Finding> = claims.into_par_iter().filter_map(weighed).collect();
    one_each(&mut findings);
    findings
}

/// Several paths to the same defect are one finding: the surest is kept. What remains is in the order that users see.
fn one_each(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| {
        (a.sort_key().0, a.line, a.column, &a.fingerprint)
            .cmp(&(b.sort_key().0, b.line, b.column, &b.fingerprint))
            .then(b.confidence.cmp(&a.confidence))
    });
    findings.dedup_by(|later, earlier| {
        later.fingerprint == earlier.fingerprint && later.line == earlier.line && later.column == earlier.column
    });
    findings.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
}

/// What is kept for a tree that the model was changed for: apart from what was kept without, since the same place may have held another release. The index is for runs over parts
/// too, which may not see what the changes are known by; its records say themselves what they rest on.
struct KeptFor<'k> {
    keep: &'k dyn Keep,
    changes: &'k str,
}

impl KeptFor<'_> {
    fn under(&self, what: &str, part: &str) -> String {
        if what == "index" { part.to_owned() } else { format!("{}\0{part}", self.changes) }
    }
}

impl Keep for KeptFor<'_> {
    fn content(&self, file: FileId) -> Option<[u8; 32]> {
        self.keep.content(file)
    }

    fn get(&self, what: &'static str, part: &str) -> Option<Vec<u8>> {
        self.keep.get(what, &self.under(what, part))
    }

    fn put(&self, entries: Vec<(&'static str, String, Vec<u8>)>) {
        self.keep.put(entries.into_iter().map(|(what, part, bytes)| (what, self.under(what, &part), bytes)).collect());
    }

    fn now(&self) -> u64 {
        self.keep.now()
    }
}
