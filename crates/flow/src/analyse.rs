//! Runs the path engine over all functions, callees first.
//!
//! Functions that call each other in a circle are run twice, one after the other, as a depth-first walk leaves them: first with calls whose
//! summary is not there yet taken for harmless, then with the first round's summaries. A circle of more than `CIRCLE_MAX` functions is made by calls
//! through pointers: it is divided again by its direct calls alone, and these levels are run twice in order, where what a level finds out is
//! seen by the next one. Levels are parallel; results do not depend on how many threads there are.

use crate::digest::{DOpKind, Target};
use crate::exec::{Engine, Observer, StartState};
use crate::keep::{Keep, Results, Unit};
use crate::summary::{Ctx, FuncId, Summary};
use crate::world::{Entrance, World};
use cuthere_kernel::{Context, Level};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;

/// Makes an observer for each function and takes its result.
pub trait Watch: Sync {
    type Eye: Observer;
    type Report: Send + Sync + Serialize + DeserializeOwned;
    fn start(&self, world: &World<'_>, func: FuncId) -> Self::Eye;
    fn finish(&self, world: &World<'_>, eye: Self::Eye) -> Vec<Self::Report>;
    /// Whether a report quotes what lies below the function's callees.
    fn quotes(&self, report: &Self::Report) -> bool;
}

/// What running one function gave the observers.
pub type Reports<R> = Vec<(FuncId, Vec<R>)>;

thread_local! { static ENGINE: RefCell<Engine> = RefCell::default(); }

/// Fills in all summaries and collects the observers' reports, sorted by function. `keep`: where former runs left theirs, and the hashes of
/// the digests.
pub fn analyse<W: Watch>(
    world: &mut World<'_>,
    watch: &W,
    keep: Option<(&dyn Keep, &[[u8; 16]])>,
    progress: &(dyn Fn(u64) + Sync),
) -> Reports<W::Report> {
    let all: Vec<FuncId> = (0..world.funcs.len() as u32).map(FuncId).collect();
    let levels = levels(&Graph::new(world, &all, false));
    for component in levels.iter().flatten() {
        if circle(world, component) {
            world.drafts.extend(component.iter().map(|f| (*f, std::sync::OnceLock::new())));
        }
    }
    let world = &*world;
    let results: Option<Results<'_, W::Report>> = keep.map(|(keep, hashes)| Results::open(world, hashes, keep));
    let whole = results;
    let results = whole.as_ref();
    let mut reports = Vec::new();
    for level in levels {
        let (big, small): (Vec<_>, Vec<_>) = level.into_iter().partition(|c| c.len() > CIRCLE_MAX);
        let found: Vec<Reports<W::Report>> = small
            .par_iter()
            .with_max_len(64)
            .map(|component| {
                let circle = world.drafts.contains_key(&component[0]);
                let unit = results.map(|results| results.unit(world, component, circle));
                if let Some(known) = former(world, watch, results, component, unit.as_ref()) {
                    progress(component.len() as u64);
                    return known;
                }
                let mut out = Vec::new();
                if circle {
                    for &f in component {
                        if let Some(draft) = world.drafts.get(&f) {
                            let _ = draft.set(draft_of(world, f));
                        }
                    }
                }
                for &f in component {
                    let (summary, found) = last_round(world, watch, f);
                    let _ = world.summaries[f.index()].set(summary);
                    if !found.is_empty() {
                        out.push((f, found));
                    }
                }
                if let (Some(results), Some(unit)) = (results, unit) {
                    results.note(world, component, &unit);
                }
                progress(component.len() as u64);
                out
            })
            .collect();
        reports.extend(found.into_iter().flatten());
        for component in big {
            let unit = results.map(|results| results.unit(world, &component, true));
            if let Some(known) = former(world, watch, results, &component, unit.as_ref()) {
                progress(component.len() as u64);
                reports.extend(known);
                continue;
            }
            reports.extend(big_circle(world, watch, &component, progress));
            if let (Some(results), Some(unit)) = (results, unit) {
                results.note(world, &component, &unit);
            }
        }
    }
    reports.sort_by_key(|r| r.0);
    if let Some(results) = whole {
        results.close(world, &reports);
    }
    reports
}

/// What a former run found out about these functions: their summaries are filled in.
fn former<W: Watch>(
    world: &World<'_>,
    watch: &W,
    results: Option<&Results<'_, W::Report>>,
    members: &[FuncId],
    unit: Option<&Unit>,
) -> Option<Reports<W::Report>> {
    let known = results?.take(world, members, unit?, |report| watch.quotes(report))?;
    let mut reports = Vec::new();
    for (&f, (summary, found)) in members.iter().zip(known) {
        let _ = world.summaries[f.index()].set(summary);
        if !found.is_empty() {
            reports.push((f, found));
        }
    }
    Some(reports)
}

/// The first approximation to a function of a circle.
fn draft_of(world: &World<'_>, f: FuncId) -> Summary {
    ENGINE.with_borrow_mut(|engine| engine.run(world, f, &StartState::default(), &mut crate::exec::Blind))
}

/// The run of a function that counts.
fn last_round<W: Watch>(world: &World<'_>, watch: &W, f: FuncId) -> (Summary, Vec<W::Report>) {
    let start = world.entrances.get(&f).and_then(|e| strictest(e)).map_or_else(StartState::default, |e| start_state(&e.context));
    let mut eye = watch.start(world, f);
    let summary = ENGINE.with_borrow_mut(|engine| engine.run(world, f, &start, &mut eye));
    (summary, watch.finish(world, eye))
}

/// Runs a circle that is too large to be one in earnest. Summaries are published level by level, so that nobody sees half of one.
fn big_circle<W: Watch>(world: &World<'_>, watch: &W, members: &[FuncId], progress: &(dyn Fn(u64) + Sync)) -> Reports<W::Report> {
    let levels: Vec<Vec<FuncId>> =
        levels(&Graph::new(world, members, true)).into_iter().map(|level| level.into_iter().flatten().collect()).collect();
    for level in &levels {
        let drafts: Vec<Summary> = level.par_iter().with_max_len(64).map(|&f| draft_of(world, f)).collect();
        for (f, summary) in level.iter().zip(drafts) {
            if let Some(draft) = world.drafts.get(f) {
                let _ = draft.set(summary);
            }
        }
    }
    let mut reports = Vec::new();
    for level in &levels {
        let done: Vec<(Summary, Vec<W::Report>)> = level.par_iter().with_max_len(64).map(|&f| last_round(world, watch, f)).collect();
        for (&f, (summary, found)) in level.iter().zip(done) {
            let _ = world.summaries[f.index()].set(summary);
            if !found.is_empty() {
                reports.push((f, found));
            }
        }
        progress(level.len() as u64);
    }
    reports
}

/// Larger circles are mostly chance meetings through function pointers.
const CIRCLE_MAX: usize = 64;

fn circle(world: &World<'_>, component: &[FuncId]) -> bool {
    match component {
        [one] => world.callees[one.index()].iter().any(|(_, c)| c.list().contains(one)),
        _ => true,
    }
}

/// The entrance that forbids most; certain ones before those that are only sometimes so.
pub fn strictest(all: &[Entrance]) -> Option<&Entrance> {
    all.iter().filter(|e| e.context.atomic()).min_by_key(|e| e.context.sometimes)
}

/// The state at entry that a context means.
pub fn start_state(context: &Context) -> StartState {
    let mut ctx = Ctx::default();
    match context.level {
        Level::Softirq => ctx.bh = 1,
        Level::Hardirq | Level::Nmi => ctx.irq = 1,
        Level::Task | Level::Inherit => {}
    }
    ctx.preempt = ctx.preempt.max(i8::from(context.preempt_off));
    ctx.bh = ctx.bh.max(i8::from(context.bh_off));
    ctx.irq = ctx.irq.max(i8::from(context.irq_off));
    ctx.rcu = ctx.rcu.max(i8::from(context.rcu));
    StartState { ctx, locks: context.locks.clone() }
}

/// Who calls whom among some functions, by their position in `members`.
struct Graph<'m> {
    members: &'m [FuncId],
    /// Where each function's edges start; one more at the end.
    starts: Vec<usize>,
    edges: Vec<u32>,
}

impl<'m> Graph<'m> {
    /// `members` must be sorted by id or be every function. `direct`: without calls through pointers.
    fn new(world: &World<'_>, members: &'m [FuncId], direct: bool) -> Graph<'m> {
        let mut position: Vec<u32> = Vec::new();
        if members.len() < world.funcs.len() {
            position.resize(world.funcs.len(), u32::MAX);
            for (i, f) in members.iter().enumerate() {
                position[f.index()] = i as u32;
            }
        }
        let mut starts = Vec::with_capacity(members.len() + 1);
        let mut edges: Vec<u32> = Vec::new();
        for f in members {
            starts.push(edges.len());
            for (op, callees) in world.callees[f.index()].iter() {
                if direct && !by_name(world, *f, *op) {
                    continue;
                }
                let known = |f: &FuncId| if position.is_empty() { f.0 } else { position[f.index()] };
                edges.extend(callees.list().iter().map(known).filter(|p| *p != u32::MAX));
            }
        }
        starts.push(edges.len());
        Graph { members, starts, edges }
    }
}

/// Whether an operation calls by name.
fn by_name(world: &World<'_>, f: FuncId, op: u32) -> bool {
    matches!(world.func(f).ops.get(op as usize).map(|o| o.kind), Some(DOpKind::Call { target: Target::Name(_), .. }))
}

/// Strongly connected components of a call graph by distance from the leaves (Tarjan 1972, without recursion).
fn levels(graph: &Graph<'_>) -> Vec<Vec<Vec<FuncId>>> {
    let Graph { members, starts, edges } = graph;
    let n = members.len();
    const NONE: u32 = u32::MAX;
    let mut index = vec![NONE; n];
    let mut low = vec![0u32; n];
    let mut on_stack = vec![false; n];
    let mut level = vec![0u32; n];
    let mut component = vec![NONE; n];
    let mut stack: Vec<u32> = Vec::new();
    let mut work: Vec<(u32, usize)> = Vec::new();
    let mut next = 0u32;
    // The order in which functions are left: callees before callers wherever there is no circle.
    let mut left = vec![0u32; n];
    let mut count = 0u32;
    let mut out: Vec<Vec<Vec<FuncId>>> = Vec::new();
    for root in 0..n as u32 {
        if index[root as usize] != NONE {
            continue;
        }
        work.push((root, starts[root as usize]));
        index[root as usize] = next;
        low[root as usize] = next;
        next += 1;
        stack.push(root);
        on_stack[root as usize] = true;
        while let Some(&mut (v, ref mut at)) = work.last_mut() {
            let v = v as usize;
            if *at < starts[v + 1] {
                let w = edges[*at] as usize;
                *at += 1;
                if index[w] == NONE {
                    index[w] = next;
                    low[w] = next;
                    next += 1;
                    stack.push(w as u32);
                    on_stack[w] = true;
                    work.push((w as u32, starts[w]));
                } else if on_stack[w] {
                    low[v] = low[v].min(index[w]);
                }
                continue;
            }
            work.pop();
            left[v] = count;
            count += 1;
            if let Some(&(parent, _)) = work.last() {
                low[parent as usize] = low[parent as usize].min(low[v]);
            }
            if low[v] == index[v] {
                let mut together = Vec::new();
                while let Some(w) = stack.pop() {
                    on_stack[w as usize] = false;
                    component[w as usize] = v as u32;
                    together.push(w);
                    if w as usize == v {
                        break;
                    }
                }
                let mut deepest = 0;
                for &m in &together {
                    for &e in &edges[starts[m as usize]..starts[m as usize + 1]] {
                        if component[e as usize] != v as u32 {
                            deepest = deepest.max(level[e as usize] + 1);
                        }
                    }
                }
                together.sort_unstable_by_key(|&m| left[m as usize]);
                for &m in &together {
                    level[m as usize] = deepest;
                }
                while out.len() <= deepest as usize {
                    out.push(Vec::new());
                }
                out[deepest as usize].push(together.into_iter().map(|m| members[m as usize]).collect());
            }
        }
    }
    // Within a level the order is that of the first member, so that work is handed out the same way each time.
    for level in &mut out {
        level.sort_unstable();
    }
    out
}
