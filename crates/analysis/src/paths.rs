//! Runs the path engine over all functions, callees first.
//!
//! A summary holds for every context, so the run that makes it starts from none. A function that is entered in an atomic context is run
//! once more in it, for the checks that ask for that.
//!
//! Functions that call each other in a circle are run twice, one after the other, as a depth-first walk leaves them: first with calls whose
//! summary is not there yet taken for harmless, then with the first round's summaries. A component of more than `RECURSION_MAX` functions is
//! made by calls through pointers: it is divided again by its direct calls alone, and these levels are run twice in order, where what a level finds
//! out is seen by the next one. Levels are parallel; results do not depend on how many threads there are.

use crate::checker::{Check, Checkers};
use crate::claim::Claim;
use cuthere_base::Confidence;
use cuthere_flow::engine::{Engine, Event, Observer, Path, StartState};
use cuthere_flow::index::{CallRecorder, Calls, Fact, LockFacts, LockRecorder, Recorder};
use cuthere_flow::program::components::{RECURSION_MAX, levels, levels_by_name, recursive};
use cuthere_flow::program::{World, start_state, strictest};
use cuthere_flow::summary::{FuncId, Summary};
use cuthere_incremental::{Id, Keep, Results, Unit};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::OnceLock;

/// What is left of running a function, beside its summary.
#[derive(Serialize, Deserialize)]
pub(crate) enum Report {
    Claim(Box<Claim>),
    Fact(Fact),
    Calls(Box<Calls>),
    Locks(Box<LockFacts>),
}

/// Reports by function.
pub(crate) type Reports = Vec<(FuncId, Vec<Report>)>;

thread_local! { static ENGINE: RefCell<Engine> = RefCell::default(); }

/// Fills in all summaries and collects the reports, sorted by function. `keep`: where former runs left theirs, and the hashes of the bodies; then
/// what the findings of each function rest on is told too.
pub(crate) fn analyse(
    world: &mut World<'_>,
    checks: &[(u8, &Check)],
    keep: Option<(&dyn Keep, &[Id])>,
    progress: &(dyn Fn(u64) + Sync),
) -> (Reports, Vec<Option<Id>>) {
    let levels = levels(world);
    for component in levels.iter().flatten() {
        if recursive(world, component) {
            world.drafts.extend(component.iter().map(|f| (*f, OnceLock::new())));
        }
    }
    let found = level_by_level(world, levels, checks, keep, progress);
    // Everything has its summary.
    world.drafts = Default::default();
    found
}

fn level_by_level(
    world: &World<'_>,
    levels: Vec<Vec<Vec<FuncId>>>,
    checks: &[(u8, &Check)],
    keep: Option<(&dyn Keep, &[Id])>,
    progress: &(dyn Fn(u64) + Sync),
) -> (Reports, Vec<Option<Id>>) {
    let results: Option<Results<'_, Report>> = keep.map(|(keep, hashes)| Results::open(world, hashes, keep));
    let run = Runner { world, checks, results: results.as_ref(), progress };
    let mut reports = Vec::new();
    for level in levels {
        let (big, small): (Vec<_>, Vec<_>) = level.into_iter().partition(|c| c.len() > RECURSION_MAX);
        let found: Vec<Reports> = small.par_iter().with_max_len(64).map(|component| run.kept(component, Runner::component)).collect();
        reports.extend(found.into_iter().flatten());
        for component in big {
            reports.extend(run.kept(&component, Runner::big_component));
        }
    }
    reports.sort_by_key(|r| r.0);
    let grounds = results.map(|results| results.close(world, &reports)).unwrap_or_default();
    (reports, grounds)
}

struct Runner<'r, 'a> {
    world: &'r World<'a>,
    checks: &'r [(u8, &'r Check)],
    results: Option<&'r Results<'r, Report>>,
    progress: &'r (dyn Fn(u64) + Sync),
}

impl Runner<'_, '_> {
    /// What a former run found out about these functions, if it still holds; else what `compute` finds, which is kept.
    fn kept(&self, members: &[FuncId], compute: fn(&Self, &[FuncId]) -> Reports) -> Reports {
        // Functions outside of what is read come with their summaries.
        if members.iter().all(|f| self.world.summaries[f.index()].get().is_some()) {
            return Vec::new();
        }
        let recursive = self.world.drafts.contains_key(&members[0]);
        let unit = self.results.map(|results| results.unit(self.world, members, recursive));
        if let Some(known) = self.former(members, unit.as_ref()) {
            (self.progress)(members.len() as u64);
            return known;
        }
        let out = compute(self, members);
        if let (Some(results), Some(unit)) = (self.results, unit) {
            results.note(self.world, members, &unit);
        }
        out
    }

    /// What a former run found out about these functions: their summaries are filled in.
    fn former(&self, members: &[FuncId], unit: Option<&Unit>) -> Option<Reports> {
        let known = self.results?.take(self.world, members, unit?, |report| matches!(report, Report::Claim(_)))?;
        let (summaries, found): (Vec<_>, Vec<_>) = known.into_iter().unzip();
        for (f, summary) in members.iter().zip(summaries) {
            let _ = self.world.summaries[f.index()].set(summary);
        }
        Some(members.iter().copied().zip(found).filter(|(_, found)| !found.is_empty()).collect())
    }

    /// Runs functions one after the other.
    fn component(&self, members: &[FuncId]) -> Reports {
        for f in members {
            if let Some(draft) = self.world.drafts.get(f) {
                let _ = draft.set(self.draft(*f));
            }
        }
        let mut out = Vec::new();
        for &f in members {
            let (summary, found) = self.function(f);
            let _ = self.world.summaries[f.index()].set(summary);
            if !found.is_empty() {
                out.push((f, found));
            }
        }
        (self.progress)(members.len() as u64);
        out
    }

    /// Runs a component that is too large to be one in earnest. Summaries are published level by level, so that nobody sees half of one.
    fn big_component(&self, members: &[FuncId]) -> Reports {
        let world = self.world;
        let levels = levels_by_name(world, members);
        for level in &levels {
            let drafts: Vec<Summary> = level.par_iter().with_max_len(64).map(|&f| self.draft(f)).collect();
            for (f, summary) in level.iter().zip(drafts) {
                if let Some(draft) = world.drafts.get(f) {
                    let _ = draft.set(summary);
                }
            }
        }
        let mut reports = Vec::new();
        for level in &levels {
            let done: Vec<(Summary, Vec<Report>)> = level.par_iter().with_max_len(64).map(|&f| self.function(f)).collect();
            for (&f, (summary, found)) in level.iter().zip(done) {
                let _ = world.summaries[f.index()].set(summary);
                if !found.is_empty() {
                    reports.push((f, found));
                }
            }
            (self.progress)(level.len() as u64);
        }
        reports
    }

    /// The first approximation to a function of a circle.
    fn draft(&self, f: FuncId) -> Summary {
        ENGINE.with_borrow_mut(|engine| engine.run(self.world, f, &StartState::default(), None))
    }

    /// What the checks say of a function where paths are told apart for longer, if all were followed to their ends: what they said of paths that were merged may hold of
    /// none of them.
    fn closely(&self, f: FuncId) -> Option<Vec<Claim>> {
        let mut checkers = Checkers::start(self.checks, self.world, f);
        let start = StartState { closely: true, ..StartState::default() };
        let summary = ENGINE.with_borrow_mut(|engine| engine.run(self.world, f, &start, Some(&mut checkers)));
        (!summary.truncated).then(|| checkers.end(self.world, f, &summary))
    }

    /// The run of a function that counts, and the one in its context.
    fn function(&self, f: FuncId) -> (Summary, Vec<Report>) {
        let world = self.world;
        let mut eyes = Eyes {
            recorder: Recorder::default(),
            calls: CallRecorder::default(),
            locks: LockRecorder::default(),
            checkers: Checkers::start(self.checks, world, f),
        };
        let summary = ENGINE.with_borrow_mut(|engine| engine.run(world, f, &StartState::default(), Some(&mut eyes)));
        let Eyes { recorder, calls, locks, checkers } = eyes;
        let calls = calls.finish(world.func(f), summary.truncated, |op| world.callees(f, op).is_some());
        let mut claims = checkers.end(world, f, &summary);
        if claims.iter().any(|c| c.merged && c.belief.is_none())
            && let Some(closely) = self.closely(f)
        {
            claims = closely;
        }
        for c in claims.iter_mut().filter(|c| c.merged) {
            if let Some(belief) = &mut c.belief {
                belief.tested_here = recorder.results.iter().any(|u| Some(u.call) == c.cause && u.tested);
            }
        }
        if let Some(entry) = world.entry_points.get(&f).and_then(|e| strictest(e)) {
            let again: Vec<(u8, &Check)> = self.checks.iter().copied().filter(|(_, c)| c.entered).collect();
            if !again.is_empty() {
                let mut checkers = Checkers::start(&again, world, f);
                let entered = ENGINE.with_borrow_mut(|engine| engine.run(world, f, &start_state(entry), Some(&mut checkers)));
                claims.extend(checkers.end(world, f, &entered));
            }
        }
        for c in claims.iter_mut().filter(|c| c.narrow) {
            c.confidence = Confidence::Low;
            c.always = None;
            c.assumes.push(format!("of the paths of `{}`, which were too many to be told apart, one does all of this", world.func(f).name));
        }
        let mut out: Vec<Report> = claims.into_iter().map(|c| Report::Claim(Box::new(c))).collect();
        out.extend(recorder.facts().map(Report::Fact));
        if !calls.is_empty() {
            out.push(Report::Calls(Box::new(calls)));
        }
        if let Some(locks) = locks.finish(world, f, &summary) {
            out.push(Report::Locks(Box::new(locks)));
        }
        out.shrink_to_fit();
        (summary, out)
    }
}

/// Everybody who sees the paths of a function.
struct Eyes {
    recorder: Recorder,
    calls: CallRecorder,
    locks: LockRecorder,
    checkers: Checkers,
}

impl Observer for Eyes {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        self.recorder.event(path, event);
        self.calls.event(path, event);
        self.locks.event(path, event);
        self.checkers.event(path, event);
    }

    fn sees_memory(&self) -> bool {
        self.recorder.sees_memory() || self.checkers.sees_memory()
    }
}
