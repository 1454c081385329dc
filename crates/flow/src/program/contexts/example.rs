//! Examples of ways in on which something holds.
//!
//! Levels and parts of the context are few and asked for often: for these one walk down from all beginnings finds the shortest way to every function. Locks are many, and for
//! these a search goes up from the function.

use super::{Contexts, OnEntry, Part, system_call};
use crate::body::OpId;
use crate::program::ways::{Edge, NO_INNER, NO_OP, Node};
use crate::program::{EntryPoint, Hub};
use crate::summary::FuncId;
use cuthere_base::Symbol;
use cuthere_kernel::{Level, LockKind};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// Something to give an example for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sought {
    Level(Level),
    Part(Part),
    /// A way in on which the part is not disabled.
    WithoutPart(Part),
    Lock(Symbol, LockKind),
    /// A way in on which the lock is not held.
    WithoutLock(Symbol, LockKind),
}

/// One step of a way in.
#[derive(Clone, Copy, Debug)]
pub enum Hop<'c> {
    /// It begins at an entry point of the function.
    Entry(FuncId, &'c EntryPoint),
    /// It begins at a function of which no way in is known, or which tasks call as well.
    Assumed(FuncId),
    /// It begins in a function, whatever that one was entered with, where the operation brings about what is sought; `None`: its absence.
    Begins(FuncId, Option<OpId>),
    /// The operation calls what comes next.
    Calls(FuncId, OpId),
    /// The operation passes what comes next to a function that calls it.
    CallsBack(FuncId, OpId),
    /// Through a member.
    Through(Hub),
}

/// No way on which it holds leads to the node.
const UNREACHED: u32 = u32::MAX;
/// The way begins with the node.
const BEGINS: u32 = u32::MAX - 1;
/// The way begins with a call of the node.
const BY_CALL: u32 = u32::MAX - 2;

/// Shortest ways that somebody has asked for: for each node the one before, or one of the words above.
#[derive(Default)]
pub(super) struct Shortest {
    all: [OnceLock<Vec<u32>>; SOUGHT * 2],
}

/// Things that are found for all functions at once.
const SOUGHT: usize = 16;

impl Sought {
    /// Its number among those; `None`: it is none of them.
    fn number(self) -> Option<usize> {
        match self {
            Sought::Level(level) => Some(match level {
                Level::Task | Level::Inherit => 0,
                Level::Softirq => 1,
                Level::Hardirq => 2,
                Level::Nmi => 3,
            }),
            Sought::Part(part) => Some(4 + part as usize),
            Sought::WithoutPart(part) => Some(10 + part as usize),
            Sought::Lock(..) | Sought::WithoutLock(..) => None,
        }
    }
}

impl<'w> Contexts<'w> {
    /// The shortest way in on which something holds, outermost first; empty: none was found. `certain`: only by certain ways.
    pub fn example(&self, f: FuncId, sought: Sought, certain: bool) -> Vec<Hop<'w>> {
        match sought.number() {
            Some(n) => self.by_table(f, sought, certain, self.table(n, sought, certain)),
            None => self.search(f, sought, certain),
        }
    }

    /// Finds these, by certain ways and by any, before somebody asks for one after the other.
    pub fn prepare(&self, all: &[Sought]) {
        let asked: Vec<(Sought, bool)> = all.iter().flat_map(|sought| [(*sought, true), (*sought, false)]).collect();
        asked.par_iter().for_each(|&(sought, certain)| {
            if let Some(n) = sought.number() {
                self.table(n, sought, certain);
            }
        });
    }

    fn table(&self, n: usize, sought: Sought, certain: bool) -> &[u32] {
        self.shortest.all[n * 2 + usize::from(certain)].get_or_init(|| self.shortest(sought, certain))
    }

    /// For every node, how it is reached on the shortest way on which something holds. A way that begins with an entry point is as long as it has hops; one
    /// that begins with a call, half a hop longer: so two kinds of rounds take turns.
    fn shortest(&self, sought: Sought, certain: bool) -> Vec<u32> {
        let mut from = vec![UNREACHED; self.ways.nodes()];
        let (mut now, mut then) = (Vec::new(), Vec::new());
        for node in (0..self.ways.nodes() as u32).map(Node) {
            if self.ways.function(node).is_ok_and(|f| self.begins(f, sought, certain).is_some()) {
                from[node.index()] = BEGINS;
                now.push(node);
            } else if !matches!(sought, Sought::Level(_)) && self.first_call(node, sought, certain).is_some() {
                from[node.index()] = BY_CALL;
                then.push(node);
            }
        }
        while !now.is_empty() || !then.is_empty() {
            let mut later = Vec::new();
            for node in now {
                for edge in self.ways.leaving(node).iter().filter(|e| !certain || e.certain) {
                    let to = &mut from[edge.node.index()];
                    if *to == UNREACHED && matches!(self.follow(&Edge { node, ..*edge }, sought, certain), Follow::On) {
                        *to = node.0;
                        later.push(edge.node);
                    }
                }
            }
            (now, then) = (then, later);
        }
        from
    }

    /// The first call of a node that brings about what is sought, with the operation that does it.
    fn first_call(&self, node: Node, sought: Sought, certain: bool) -> Option<(&Edge, Option<OpId>)> {
        let edges = self.ways.entering(node).iter().filter(|e| !certain || e.certain);
        edges.filter_map(|e| if let Follow::Begins(at) = self.follow(e, sought, certain) { Some((e, at)) } else { None }).next()
    }

    fn by_table(&self, f: FuncId, sought: Sought, certain: bool, from: &[u32]) -> Vec<Hop<'w>> {
        let mut nodes = vec![Node(f.0)];
        let mut hops: Vec<Hop<'w>> = loop {
            let node = nodes[nodes.len() - 1];
            match from[node.index()] {
                UNREACHED => return Vec::new(),
                BEGINS => break self.ways.function(node).ok().and_then(|f| self.begins(f, sought, certain)).into_iter().collect(),
                BY_CALL => {
                    let Some((edge, at)) = self.first_call(node, sought, certain) else { return Vec::new() };
                    let from = FuncId(edge.node.0);
                    break vec![Hop::Begins(from, at), calls(from, edge)];
                }
                before => nodes.push(Node(before)),
            }
        };
        for (n, &node) in nodes.iter().enumerate().rev() {
            let follows = |to: Node| {
                let mut edges = self.ways.entering(to).iter().filter(|e| e.node == node && (!certain || e.certain));
                edges.find(|e| matches!(self.follow(e, sought, certain), Follow::On))
            };
            match self.ways.function(node) {
                Err(hub) => hops.push(Hop::Through(hub)),
                Ok(f) => hops.extend(n.checked_sub(1).and_then(|n| follows(nodes[n])).map(|edge| calls(f, edge))),
            }
        }
        hops
    }

    /// The same for what few ask for: breadth first, against the calls.
    fn search(&self, f: FuncId, sought: Sought, certain: bool) -> Vec<Hop<'w>> {
        // With the step by which a node was found.
        let mut next: FxHashMap<Node, (Node, Edge)> = FxHashMap::default();
        let mut queue = std::collections::VecDeque::from([Node(f.0)]);
        let start = Edge { op: NO_OP, node: Node(f.0), inner: NO_INNER, certain: true };
        next.insert(Node(f.0), (Node(f.0), start));
        while let Some(node) = queue.pop_front() {
            if let Ok(f) = self.ways.function(node)
                && let Some(begin) = self.begins(f, sought, certain)
            {
                return self.path(vec![begin], node, &next);
            }
            for edge in self.ways.entering(node) {
                if certain && !edge.certain {
                    continue;
                }
                match self.follow(edge, sought, certain) {
                    Follow::No => {}
                    Follow::Begins(at) => {
                        let from = FuncId(edge.node.0);
                        return self.path(vec![Hop::Begins(from, at), calls(from, edge)], node, &next);
                    }
                    Follow::On => {
                        if let std::collections::hash_map::Entry::Vacant(slot) = next.entry(edge.node) {
                            slot.insert((node, *edge));
                            queue.push_back(edge.node);
                        }
                    }
                }
            }
        }
        Vec::new()
    }

    /// The hops from a node on.
    fn path(&self, mut hops: Vec<Hop<'w>>, mut node: Node, next: &FxHashMap<Node, (Node, Edge)>) -> Vec<Hop<'w>> {
        loop {
            let function = self.ways.function(node);
            if let Err(hub) = function {
                hops.push(Hop::Through(hub));
            }
            match next.get(&node) {
                Some((to, edge)) if *to != node => {
                    if let Ok(f) = function {
                        hops.push(calls(f, edge));
                    }
                    node = *to;
                }
                _ => return hops,
            }
        }
    }

    /// Whether a way on which something holds begins with this function.
    fn begins(&self, f: FuncId, sought: Sought, certain: bool) -> Option<Hop<'w>> {
        let holds = |way: &OnEntry| match sought {
            Sought::Level(level) => way.level(level),
            Sought::Part(part) => way.part(part).1,
            Sought::WithoutPart(part) => !way.part(part).0,
            Sought::Lock(class, kind) => way.held(class, kind).1,
            Sought::WithoutLock(class, kind) => !way.held(class, kind).0,
        };
        let ins = &self.entered[f.index()];
        let layers = [Some(&ins.certain), (!certain).then_some(&ins.perhaps)];
        if !layers.into_iter().flatten().any(|layer| layer.reached && holds(layer)) {
            return None;
        }
        if let Some(entry) = self.entry_points(f).find(|e| holds(&self.described(f, e))) {
            return Some(Hop::Entry(f, entry));
        }
        if self.entry_points(f).any(|e| e.context.tasks_too && holds(&OnEntry::by_tasks(e))) {
            return Some(Hop::Assumed(f));
        }
        if !certain && holds(&OnEntry::task()) && self.entry_points(f).any(|e| e.context.sometimes) {
            return Some(Hop::Assumed(f));
        }
        let assumed = || self.entered(f).assumed && !certain || system_call(self.world.func(f).name);
        (holds(&OnEntry::task()) && assumed()).then_some(Hop::Assumed(f))
    }

    /// Whether a way on which something holds comes by this call.
    fn follow(&self, edge: &Edge, sought: Sought, certain: bool) -> Follow {
        let ins = &self.entered[edge.node.index()];
        let layers = [Some(&ins.certain), (!certain).then_some(&ins.perhaps)].map(|layer| layer.filter(|l| l.reached));
        let any = |holds: &dyn Fn(&OnEntry) -> bool| layers.iter().flatten().any(|l| holds(l));
        let on = |holds: bool| if holds { Follow::On } else { Follow::No };
        if !any(&|_| true) {
            return Follow::No;
        }
        let Some((state, inner)) = self.on(edge.node, edge) else { return Follow::No };
        // What is done last counts: inside the call, then before it.
        let done = [inner, state];
        match sought {
            Sought::Level(level) => on(any(&|l| l.level(level))),
            Sought::Part(part) => match done.iter().flatten().map(|s| part.of(s.most)).find(|n| *n != 0) {
                None => on(any(&|l| l.part(part).1)),
                Some(n) if n > 0 => Follow::Begins(None),
                Some(_) => Follow::No,
            },
            Sought::WithoutPart(part) => match done.iter().flatten().map(|s| part.of(s.least)).find(|n| *n != 0) {
                None => on(any(&|l| !l.part(part).0)),
                Some(n) if n < 0 => Follow::Begins(None),
                Some(_) => Follow::No,
            },
            Sought::Lock(class, kind) => {
                let mut by = None;
                for (s, here) in done.iter().zip([false, true]).filter_map(|(s, here)| Some(((*s)?, here))) {
                    if let Some(lock) = s.held.iter().find(|l| l.class == class && l.kind == kind) {
                        by = Some(Follow::Begins(here.then_some(lock.taken)));
                    } else if s.released.contains(&(class, true)) {
                        by = Some(Follow::No);
                    }
                    if by.is_some() {
                        break;
                    }
                }
                by.unwrap_or_else(|| on(any(&|l| l.held(class, kind).1)))
            }
            Sought::WithoutLock(class, kind) => {
                for s in done.iter().flatten() {
                    if s.held.iter().any(|l| l.class == class && l.kind == kind && l.always) {
                        return Follow::No;
                    }
                    if s.released.iter().any(|r| r.0 == class) && any(&|l| l.held(class, kind).1) {
                        return Follow::Begins(None);
                    }
                }
                on(any(&|l| !l.held(class, kind).0))
            }
        }
    }
}

fn calls<'c>(from: FuncId, edge: &Edge) -> Hop<'c> {
    if edge.inner == NO_INNER { Hop::Calls(from, edge.op) } else { Hop::CallsBack(from, edge.op) }
}

/// Whether a call is part of a way in on which something holds.
enum Follow {
    No,
    /// The way begins here, with this operation.
    Begins(Option<OpId>),
    On,
}
