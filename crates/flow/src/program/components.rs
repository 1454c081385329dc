//! The call graph's strongly connected components, callees first.
//!
//! Calls through pointers tie functions together that never call each other: components of more than [`RECURSION_MAX`] functions are mostly
//! made by those, and can be divided again by their direct calls alone.

use crate::body::{OpId, OpKind, Target};
use crate::program::World;
use crate::summary::FuncId;

/// A larger component is mostly a chance meeting through function pointers.
pub const RECURSION_MAX: usize = 64;

/// Components by distance from the leaves, over all calls.
pub fn levels(world: &World<'_>) -> Vec<Vec<Vec<FuncId>>> {
    let all: Vec<FuncId> = (0..world.funcs.len() as u32).map(FuncId).collect();
    ordered(&Graph::new(world, &all, false))
}

/// Some functions by distance from the leaves, over calls by name alone. `members` must be sorted.
pub fn levels_by_name(world: &World<'_>, members: &[FuncId]) -> Vec<Vec<FuncId>> {
    ordered(&Graph::new(world, members, true)).into_iter().map(|level| level.into_iter().flatten().collect()).collect()
}

/// Whether the functions of a component call each other, or one itself.
pub fn recursive(world: &World<'_>, component: &[FuncId]) -> bool {
    match component {
        [one] => {
            world.callees[one.index()].iter().any(|(_, c)| c.list().contains(one))
                || world.releases.get(one).is_some_and(|list| list.iter().any(|r| r.func == *one))
        }
        _ => true,
    }
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
            // What a put comes to is done before it, but is no reason to call distant functions a circle.
            if !direct {
                edges.extend(world.releases.get(f).into_iter().flatten().map(|r| r.func.0));
            }
        }
        starts.push(edges.len());
        Graph { members, starts, edges }
    }
}

/// Whether an operation calls by name.
fn by_name(world: &World<'_>, f: FuncId, op: OpId) -> bool {
    matches!(world.func(f).op(op).map(|o| o.kind), Some(OpKind::Call { target: Target::Name(_), .. }))
}

/// Strongly connected components of a call graph by distance from the leaves (Tarjan 1972, without recursion).
fn ordered(graph: &Graph<'_>) -> Vec<Vec<Vec<FuncId>>> {
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
