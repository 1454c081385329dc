//! Circles in the graph of locks: orders that together let threads wait for each other for ever.
//!
//! Circles of two come first; of longer ones only those that share no order with a circle that is known already, shortest first, so that one wrong order
//! is one circle. A circle counts if examples can be chosen that exclude each other by no lock that all of them hold besides, and if somebody waits
//! at each lock of it: a reader waits for a reader only if a writer waits in between ([`Cycle::readers`]), an SRCU reader never.

use super::lock_classes::LockClass;
use super::lock_graph::{Example, LockGraph};
use crate::summary::FuncId;
use cuthere_base::Symbol;
use cuthere_kernel::{LockKind, LockMode};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;

/// Longer circles are not looked for.
const LENGTH_MAX: usize = 6;
/// What an example weighs more that runs only while a device comes or goes: more than a long way down, less than a doubt.
const SELDOM: u16 = 10;
/// Choices of examples that are tried for one circle.
const CHOICES_MAX: usize = 128;

/// A circle.
pub struct Cycle<'g> {
    /// What is held, what is taken, and the example; the class taken is the one held next.
    pub orders: Vec<(LockClass, LockClass, &'g Example)>,
    /// It takes a writer that waits in between two readers.
    pub readers: bool,
}

type Edges<'g> = FxHashMap<LockClass, Vec<(LockClass, &'g [Example])>>;

impl LockGraph<'_> {
    /// All circles that count. `entered`: the locks that are held exclusively on every way into a function; `seldom`: whether it runs only while a device or a module comes
    /// or goes, so that another example says more.
    pub fn cycles(&self, entered: impl Fn(FuncId) -> Vec<Symbol>, seldom: impl Fn(FuncId) -> bool) -> Vec<Cycle<'_>> {
        let all = self.edges();
        let component = components(&all);
        let same = |a: LockClass, b: LockClass| component.get(&a).is_some_and(|c| component.get(&b) == Some(c));
        let inside: Vec<_> = all.into_iter().filter(|(a, b, _)| same(*a, *b)).collect();
        let mut next: Edges<'_> = FxHashMap::default();
        for (a, b, examples) in &inside {
            next.entry(*a).or_default().push((*b, *examples));
        }
        let mut gates: FxHashMap<FuncId, Vec<Symbol>> = FxHashMap::default();
        let mut edges: FxHashMap<FuncId, bool> = FxHashMap::default();
        let mut weight = |e: &Example| e.cost + u16::from(*edges.entry(e.func).or_insert_with(|| seldom(e.func))) * SELDOM;
        let mut used: FxHashSet<(LockClass, LockClass)> = FxHashSet::default();
        let mut out: Vec<Cycle<'_>> = Vec::new();
        for longest in [1, 2, LENGTH_MAX] {
            // What calls everywhere take for a while lies on longer circles without number.
            if longest > 2 {
                used.extend(inside.iter().filter(|e| self.brief(e.2)).map(|e| (e.0, e.1)));
            }
            let mut starts: Vec<_> = inside.iter().filter(|e| !used.contains(&(e.0, e.1))).collect();
            starts.sort_by_key(|e| (e.2.first().map(|x| x.cost), e.0, e.1));
            for (a, b, _) in starts {
                if used.contains(&(*a, *b)) {
                    continue;
                }
                let Some(path) = shortest(&next, &used, *b, *a, longest) else { continue };
                let mut nodes = vec![*a];
                nodes.extend(path);
                let mut held = |f| gates.entry(f).or_insert_with(|| entered(f)).clone();
                if let Some(cycle) = self.choose(&next, &nodes, &mut held, &mut weight) {
                    used.extend(cycle.orders.iter().map(|o| (o.0, o.1)));
                    out.push(cycle);
                }
            }
        }
        out
    }

    /// Chooses an example for each order of a circle of classes, the plainest that do not exclude each other.
    fn choose<'g>(
        &'g self,
        next: &Edges<'g>,
        nodes: &[LockClass],
        entered: &mut dyn FnMut(FuncId) -> Vec<Symbol>,
        weight: &mut dyn FnMut(&Example) -> u16,
    ) -> Option<Cycle<'g>> {
        let orders: Vec<(LockClass, LockClass, &'g [Example])> = nodes
            .iter()
            .zip(nodes.iter().cycle().skip(1))
            .filter_map(|(a, b)| next.get(a)?.iter().find(|n| n.0 == *b).map(|n| (*a, *b, n.1)))
            .collect();
        let mut choice = vec![0usize; orders.len()];
        let mut best: Option<(Cycle<'g>, u16)> = None;
        for _ in 0..CHOICES_MAX {
            let chosen: Vec<_> = orders.iter().zip(&choice).map(|(o, &i)| (o.0, o.1, &o.2[i])).collect();
            if let Some(readers) = self.blocks(&chosen)
                && !excluded(&chosen, entered)
            {
                let cost: u16 = chosen.iter().map(|o| weight(o.2)).sum();
                if best.as_ref().is_none_or(|(b, least)| (readers, cost) < (b.readers, *least)) {
                    best = Some((Cycle { orders: chosen, readers }, cost));
                }
            }
            // The next choice, like counting.
            let mut at = 0;
            while at < choice.len() {
                choice[at] += 1;
                if choice[at] < orders[at].2.len() {
                    break;
                }
                choice[at] = 0;
                at += 1;
            }
            if at == choice.len() {
                break;
            }
        }
        best.map(|b| b.0)
    }

    /// Whether everybody waits; `Some(true)`: if a writer waits between readers.
    fn blocks(&self, chosen: &[(LockClass, LockClass, &Example)]) -> Option<bool> {
        let mut readers = false;
        for (i, (_, taken, example)) in chosen.iter().enumerate() {
            let holder = chosen[(i + 1) % chosen.len()].2;
            if example.taken_mode == LockMode::Shared && holder.held_mode == LockMode::Shared {
                if self.classes.info(*taken).kind == LockKind::Srcu {
                    return None;
                }
                readers = true;
            }
        }
        Some(readers)
    }
}

/// Whether one lock is held in all examples besides those of the circle.
fn excluded(chosen: &[(LockClass, LockClass, &Example)], entered: &mut dyn FnMut(FuncId) -> Vec<Symbol>) -> bool {
    let mut common: Option<Vec<Symbol>> = None;
    for (_, _, example) in chosen {
        let mut held = entered(example.func);
        held.extend(example.beside.iter().copied());
        common = Some(match common {
            None => held,
            Some(before) => before.into_iter().filter(|c| held.contains(c)).collect(),
        });
        if common.as_ref().is_some_and(Vec::is_empty) {
            return false;
        }
    }
    chosen.len() > 1
}

/// The strongly connected component of each class that is in one of several, or leads to itself.
fn components(edges: &[(LockClass, LockClass, &[Example])]) -> FxHashMap<LockClass, usize> {
    let mut graph = DiGraph::<LockClass, ()>::new();
    let mut nodes: FxHashMap<LockClass, NodeIndex> = FxHashMap::default();
    for (a, b, _) in edges {
        let a = *nodes.entry(*a).or_insert_with(|| graph.add_node(*a));
        let b = *nodes.entry(*b).or_insert_with(|| graph.add_node(*b));
        graph.add_edge(a, b, ());
    }
    tarjan_scc(&graph)
        .into_iter()
        .enumerate()
        .flat_map(|(n, all)| all.into_iter().map(move |node| (node, n)))
        .map(|(node, n)| (graph[node], n))
        .collect()
}

/// The classes on the shortest way from one class to another, without the last; the way back to where the circle began.
fn shortest(
    next: &Edges<'_>,
    used: &FxHashSet<(LockClass, LockClass)>,
    from: LockClass,
    to: LockClass,
    longest: usize,
) -> Option<Vec<LockClass>> {
    if from == to {
        return Some(Vec::new());
    }
    let mut before: FxHashMap<LockClass, LockClass> = FxHashMap::default();
    let mut queue = VecDeque::from([(from, 1usize)]);
    before.insert(from, from);
    while let Some((at, length)) = queue.pop_front() {
        if length >= longest {
            continue;
        }
        for (class, _) in next.get(&at).map_or(&[][..], Vec::as_slice) {
            if used.contains(&(at, *class)) {
                continue;
            }
            if *class == to {
                let mut path = vec![at];
                let mut back = at;
                while before[&back] != back {
                    back = before[&back];
                    path.push(back);
                }
                path.reverse();
                return Some(path);
            }
            if !before.contains_key(class) {
                before.insert(*class, at);
                queue.push_back((*class, length + 1));
            }
        }
    }
    None
}
