//! Contexts top-down: at which level each function is entered, what is disabled, and which locks are held, on every way in and on some.
//!
//! A fixpoint from the entry points down the call graph (`ways`) over what holds at each call ([`crate::index::Calls`]). What holds on
//! every way only shrinks, what holds on some only grows, and both are small, so the time is linear in the graph. Locks are told apart by class, as
//! lockdep does it. Correlations between parts are not kept ("in softirq, or with the mutex held" says both of each).
//!
//! What is certain and what is not are kept apart. A way in is certain if it begins at an entry point and each call on it can mean one function
//! only. A way through a pointer that may hold several functions, or from a function that nobody is seen to call (task context with nothing
//! held is assumed there), may not be one: what holds on every certain way is said, with the ways that may break it beside.

mod brackets;
mod example;
mod on_entry;
mod work;

pub use example::{Hop, Sought};
pub use on_entry::{HeldOnEntry, LEVELS, OnEntry, PARTS, Part};

use crate::body::{OpId, Record};
use crate::index::{CallState, Calls};
use crate::program::ways::{Edge, NO_INNER, NO_OP, Node, Ways};
use crate::program::{EntryPoint, Hub, Taken, World};
use crate::summary::FuncId;
use brackets::Bracket;
use cuthere_base::Symbol;
use cuthere_kernel::{Context, Level, LockKind};
use example::Shortest;
use rustc_hash::FxHashMap;
use work::Work;

/// How a function is entered.
#[derive(Clone, Default, Debug)]
pub struct Ins {
    pub certain: OnEntry,
    /// On ways that may not be ones.
    pub perhaps: OnEntry,
    /// Nobody is seen to call it.
    pub assumed: bool,
}

impl Ins {
    fn reached(&self) -> bool {
        self.certain.reached || self.perhaps.reached
    }

    /// Whether a certain way in is known, and all that holds on the ways.
    pub fn is_known_whole(&self) -> bool {
        self.certain.reached && !self.certain.truncated && !self.perhaps.truncated
    }

    /// What is known best.
    pub fn best(&self) -> &OnEntry {
        if self.certain.reached { &self.certain } else { &self.perhaps }
    }

    fn join(&mut self, other: &Ins, certain: bool) -> bool {
        let new = if certain { self.certain.join(&other.certain) } else { self.perhaps.join(&other.certain) };
        self.perhaps.join(&other.perhaps) | new
    }

    fn through(&self, state: Option<&CallState>, inner: Option<&CallState>) -> Ins {
        let one = |way: &OnEntry| match inner {
            _ if !way.reached => OnEntry::default(),
            Some(_) => way.through(state).through(inner),
            None => way.through(state),
        };
        Ins { certain: one(&self.certain), perhaps: one(&self.perhaps), assumed: false }
    }
}

/// Calls of functions, by function.
pub type CallTable = FxHashMap<FuncId, Calls>;

/// The contexts of all functions of a program.
pub struct Contexts<'w> {
    world: &'w World<'w>,
    /// By function: one that is not there has nothing to say.
    calls: Vec<Option<&'w Calls>>,
    ways: Ways,
    entered: Vec<Ins>,
    shortest: Shortest,
    brackets: FxHashMap<(FuncId, u32), Bracket>,
}

impl<'w> Contexts<'w> {
    /// Finds them. Linear in the call graph.
    pub fn new(world: &'w World<'w>, calls: &'w CallTable) -> Contexts<'w> {
        let ways = Ways::new(world, calls);
        let calls = (0..ways.funcs as u32).map(|f| calls.get(&FuncId(f))).collect();
        let entered = vec![Ins::default(); ways.nodes()];
        let mut out = Contexts { world, calls, ways, entered, shortest: Shortest::default(), brackets: Bracket::all(world) };
        out.fill();
        out
    }

    fn fill(&mut self) {
        let mut work = Work::new(self.order());
        let nodes = |from: usize, to: usize| (from as u32..to as u32).map(Node);
        let (funcs, all) = (self.ways.funcs, self.ways.nodes());
        for node in nodes(0, funcs) {
            let f = FuncId(node.0);
            let mut new = false;
            for entry in self.entry_points(f) {
                let way = self.described(f, entry);
                new |= self.entered[node.index()].certain.join(&way);
                if entry.context.tasks_too {
                    new |= self.entered[node.index()].certain.join(&OnEntry::by_tasks(entry));
                }
                if entry.context.sometimes {
                    new |= self.entered[node.index()].perhaps.join(&OnEntry::task());
                }
            }
            if system_call(self.world.func(f).name) {
                new |= self.entered[node.index()].certain.join(&OnEntry::task());
            }
            if new {
                work.add(node);
            } else if self.ways.entering(node).is_empty() {
                self.assume(node, &mut work);
            }
        }
        self.run(&mut work);
        // Bound to members through which no call is seen.
        for hub in nodes(funcs, all) {
            if !self.ways.entering(hub).is_empty() {
                continue;
            }
            for n in 0..self.ways.leaving(hub).len() {
                let to = self.ways.leaving(hub)[n].node;
                if !self.entered[to.index()].reached() {
                    self.assume(to, &mut work);
                }
            }
        }
        self.run(&mut work);
        // Circles that nothing leads into, and what only dead code calls.
        for node in nodes(0, funcs) {
            if !self.entered[node.index()].reached() {
                self.assume(node, &mut work);
                self.run(&mut work);
            }
        }
    }

    fn assume(&mut self, node: Node, work: &mut Work) {
        self.entered[node.index()].perhaps.join(&OnEntry::task());
        self.entered[node.index()].assumed = true;
        work.add(node);
    }

    fn run(&mut self, work: &mut Work) {
        while let Some(node) = work.next() {
            let from = std::mem::take(&mut self.entered[node.index()]);
            let mut last: Option<(OpId, u32, Ins)> = None;
            for edge in self.ways.leaving(node) {
                // A function that calls itself adds no way in.
                let Some((state, inner)) = self.on(node, edge).filter(|_| edge.node != node) else { continue };
                let plain = state.is_none() && inner.is_none();
                let key = if plain { (NO_OP, NO_INNER) } else { (edge.op, edge.inner) };
                if last.as_ref().is_none_or(|l| (l.0, l.1) != key) {
                    last = Some((key.0, key.1, from.through(state, inner)));
                }
                if let Some((_, _, out)) = &last
                    && self.entered[edge.node.index()].join(out, edge.certain)
                {
                    work.add(edge.node);
                }
            }
            self.entered[node.index()] = from;
        }
    }

    /// What holds at the call that an edge is, and what is added inside it; `None`: it is not reached.
    fn on(&self, from: Node, edge: &Edge) -> Option<(Option<&CallState>, Option<&CallState>)> {
        let calls = self.calls.get(from.index()).copied().flatten().filter(|_| edge.op != NO_OP);
        if calls.is_some_and(|calls| !calls.reached(edge.op)) {
            return None;
        }
        let inner = if edge.inner == NO_INNER { None } else { self.ways.inner.get(edge.inner as usize) };
        Some((calls.and_then(|calls| calls.at(edge.op)), inner))
    }

    /// The position of each node in an order in which callers come before callees, circles aside.
    fn order(&self) -> Vec<u32> {
        let n = self.ways.nodes();
        let mut seen = vec![false; n];
        let mut left: Vec<u32> = vec![0; n];
        let mut count = 0u32;
        let mut stack: Vec<(Node, usize)> = Vec::new();
        let roots = (0..n as u32).map(Node).filter(|node| self.ways.entering(*node).is_empty());
        for root in roots.chain((0..n as u32).map(Node)) {
            if std::mem::replace(&mut seen[root.index()], true) {
                continue;
            }
            stack.push((root, 0));
            while let Some((node, at)) = stack.last_mut() {
                match self.ways.leaving(*node).get(*at) {
                    Some(edge) => {
                        *at += 1;
                        if !std::mem::replace(&mut seen[edge.node.index()], true) {
                            stack.push((edge.node, 0));
                        }
                    }
                    None => {
                        left[node.index()] = count;
                        count += 1;
                        stack.pop();
                    }
                }
            }
        }
        left.iter_mut().for_each(|l| *l = n as u32 - 1 - *l);
        left
    }

    /// The entry points that say something by themselves: not members of which the model knows no more than that they are called.
    fn entry_points(&self, f: FuncId) -> impl Iterator<Item = &'w EntryPoint> + use<'w> {
        let world = self.world;
        let from = world.bound.partition_point(|b| b.func < f);
        let member = move |e: &EntryPoint| {
            let mut bound = world.bound[from..].iter().take_while(|b| b.func == f);
            bound.find(|b| Some((b.at.0, b.at.1.line)) == e.bound)
        };
        // What may sleep is called in a task with nothing disabled.
        let free =
            move |record: Record, field| world.model.ops_field(record.tag_symbol(), field).is_some_and(|o| o.may_sleep == Some(true));
        let says = move |e: &&EntryPoint| {
            e.context.level != Level::Inherit && (e.context != Context::default() || member(e).is_none_or(|b| free(b.record, b.field)))
        };
        world.entry_points.get(&f).into_iter().flatten().filter(says)
    }

    /// The way in that an entry point of a function is.
    fn described(&self, f: FuncId, entry: &EntryPoint) -> OnEntry {
        let bracket = entry.bound.and_then(|(_, line)| self.brackets.get(&(f, line)));
        OnEntry::described(entry).within(bracket)
    }

    /// How a function is entered.
    pub fn entered(&self, f: FuncId) -> &Ins {
        &self.entered[f.index()]
    }

    /// What holds where a function calls others, whatever it was entered with.
    pub fn calls(&self, f: FuncId) -> Option<&'w Calls> {
        self.calls.get(f.index()).copied().flatten()
    }

    /// The calls that lead to a function, in order; `true`: to no other.
    pub fn callers(&self, f: FuncId) -> impl Iterator<Item = (FuncId, OpId, bool)> + '_ {
        self.ways.entering(Node(f.0)).iter().filter(|e| e.op != NO_OP).map(|e| (FuncId(e.node.0), e.op, e.certain))
    }

    /// The members through which a function is called, each with the number of calls through it.
    pub fn hubs(&self, f: FuncId) -> impl Iterator<Item = (Hub, usize)> + '_ {
        let into = self.ways.entering(Node(f.0)).iter().filter(|e| e.op == NO_OP);
        into.filter_map(|e| Some((self.ways.function(e.node).err()?, self.ways.entering(e.node).len())))
    }

    /// The places at which the function's address goes where no call is seen.
    pub fn unknown(&self, f: FuncId) -> &[Taken] {
        let taken = &self.ways.taken;
        let from = taken.partition_point(|t| t.func < f);
        &taken[from..from + taken[from..].partition_point(|t| t.func == f)]
    }

    /// The calls and entry points of a function at which a lock is held, of all of them, and the calls at which it is not known to be.
    pub fn held_at(&self, f: FuncId, class: Symbol, kind: LockKind) -> (usize, usize, Vec<(FuncId, OpId)>) {
        let entries: Vec<OnEntry> = self.entry_points(f).map(|e| self.described(f, e)).collect();
        let mut held = entries.iter().filter(|e| e.held(class, kind).0).count();
        let mut total = entries.len();
        let mut without = Vec::new();
        for edge in self.ways.entering(Node(f.0)) {
            let from = self.entered[edge.node.index()].best();
            let Some((state, inner)) = self.on(edge.node, edge).filter(|_| from.reached) else { continue };
            total += 1;
            if from.through(state).through(inner).held(class, kind).0 {
                held += 1;
            } else if let Ok(g) = self.ways.function(edge.node) {
                without.push((g, edge.op));
            }
        }
        (held, total, without)
    }
}

/// Whether a function of this name is entered by user space: the front end gives these names to functions that are defined as system calls.
fn system_call(name: Symbol) -> bool {
    let name = name.as_str();
    name.starts_with("sys_") || name.starts_with("compat_sys_")
}
