//! Runs the path engine over all functions, callees first.
//!
//! Functions that call each other in a circle are run twice, one after the other, as a depth-first walk leaves them: first with calls whose summary is
//! not there yet taken for harmless, then with the first round's summaries. Circles of more than `CIRCLE_MAX` functions run once. Levels of the graph are parallel; results do not depend on how many threads there are.

use crate::exec::{Engine, Observer, StartState};
use crate::summary::{Ctx, FuncId};
use crate::world::{Entrance, World};
use cuthere_kernel::{Context, Level};
use rayon::prelude::*;
use std::cell::RefCell;

/// Makes an observer for each function and takes its result.
pub trait Watch: Sync {
    type Eye: Observer;
    type Report: Send;
    fn start(&self, world: &World<'_>, func: FuncId) -> Self::Eye;
    fn finish(&self, world: &World<'_>, eye: Self::Eye) -> Vec<Self::Report>;
}

/// What running one function gave the observers.
pub type Reports<R> = Vec<(FuncId, Vec<R>)>;

/// Fills in all summaries and collects the observers' reports, sorted by function.
pub fn analyse<W: Watch>(world: &mut World<'_>, watch: &W, progress: &(dyn Fn(u64) + Sync)) -> Reports<W::Report> {
    let levels = levels(world);
    for component in levels.iter().flatten() {
        if circle(world, component) {
            world.drafts.extend(component.iter().map(|f| (*f, std::sync::OnceLock::new())));
        }
    }
    let world = &*world;
    let mut reports = Vec::new();
    thread_local! { static ENGINE: RefCell<Engine> = RefCell::default(); }
    for level in levels {
        let found: Vec<Reports<W::Report>> = level
            .par_iter()
            .with_max_len(64)
            .map(|component| {
                let mut out = Vec::new();
                if world.drafts.contains_key(&component[0]) {
                    for &f in component {
                        let summary =
                            ENGINE.with_borrow_mut(|engine| engine.run(world, f, &StartState::default(), &mut crate::exec::Blind));
                        if let Some(draft) = world.drafts.get(&f) {
                            let _ = draft.set(summary);
                        }
                    }
                }
                for &f in component {
                    let start =
                        world.entrances.get(&f).and_then(|e| strictest(e)).map_or_else(StartState::default, |e| start_state(&e.context));
                    let mut eye = watch.start(world, f);
                    let summary = ENGINE.with_borrow_mut(|engine| engine.run(world, f, &start, &mut eye));
                    let _ = world.summaries[f.index()].set(summary);
                    let found = watch.finish(world, eye);
                    if !found.is_empty() {
                        out.push((f, found));
                    }
                }
                progress(component.len() as u64);
                out
            })
            .collect();
        reports.extend(found.into_iter().flatten());
    }
    reports.sort_by_key(|r| r.0);
    reports
}

/// Larger circles are mostly chance meetings through function pointers.
const CIRCLE_MAX: usize = 64;

fn circle(world: &World<'_>, component: &[FuncId]) -> bool {
    match component {
        [one] => world.callees[one.index()].iter().any(|(_, c)| c.list().contains(one)),
        many => many.len() <= CIRCLE_MAX,
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

/// Strongly connected components of the call graph by distance from the leaves (Tarjan 1972, without recursion).
fn levels(world: &World<'_>) -> Vec<Vec<Vec<FuncId>>> {
    let n = world.funcs.len();
    let mut starts = Vec::with_capacity(n + 1);
    let mut edges: Vec<u32> = Vec::new();
    for all in &world.callees {
        starts.push(edges.len());
        for (_, callees) in all.iter() {
            edges.extend(callees.list().iter().map(|f| f.0));
        }
    }
    starts.push(edges.len());
    const NONE: u32 = u32::MAX;
    let mut index = vec![NONE; n];
    let mut low = vec![0u32; n];
    let mut on_stack = vec![false; n];
    let mut level = vec![0u32; n];
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
                let mut members = Vec::new();
                while let Some(w) = stack.pop() {
                    on_stack[w as usize] = false;
                    members.push(w);
                    if w as usize == v {
                        break;
                    }
                }
                let mut deepest = 0;
                for &m in &members {
                    for &e in &edges[starts[m as usize]..starts[m as usize + 1]] {
                        if !members.contains(&e) {
                            deepest = deepest.max(level[e as usize] + 1);
                        }
                    }
                    if members.len() > 4096 {
                        break;
                    }
                }
                members.sort_unstable_by_key(|&m| left[m as usize]);
                for &m in &members {
                    level[m as usize] = deepest;
                }
                while out.len() <= deepest as usize {
                    out.push(Vec::new());
                }
                out[deepest as usize].push(members.into_iter().map(FuncId).collect());
            }
        }
    }
    // Within a level the order is that of the first member, so that work is handed out the same way each time.
    for level in &mut out {
        level.sort_unstable();
    }
    out
}
