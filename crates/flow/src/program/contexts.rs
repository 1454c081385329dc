//! Contexts top-down: at which level each function is entered, what is disabled, and which locks are held, on every way in and on some.
//!
//! A fixpoint from the entry points down the call graph (`ways`) over what holds at each call ([`crate::index::Calls`]). What holds on
//! every way only shrinks, what holds on some only grows, and both are small, so the time is linear in the graph. Locks are told apart by class, as
//! lockdep does it. Correlations between parts are not kept ("in softirq, or with the mutex held" says both of each).
//!
//! What is certain and what is not are kept apart. A way in is certain if it begins at an entry point and each call on it can mean one function
//! only. A way through a pointer that may hold several functions, or from a function that nobody is seen to call (task context with nothing
//! held is assumed there), may not be one: what holds on every certain way is said, with the ways that may break it beside.

use crate::body::{OpId, Record};
use crate::index::{CallState, Calls};
use crate::program::ways::{Edge, NO_INNER, NO_OP, Node, Ways};
use crate::program::{EntryPoint, Hub, Taken, World};
use crate::summary::{Ctx, FuncId};
use cuthere_base::Symbol;
use cuthere_kernel::{Context, Level, LockKind};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Locks that may be held on entry are told apart up to this number.
const LOCKS_MAX: usize = 16;

/// A lock that is held on entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldOnEntry {
    pub class: Symbol,
    pub kind: LockKind,
    /// On every way in.
    pub always: bool,
}

/// A part of the context that can be disabled, or a read-side section.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    Preempt,
    Bh,
    Irq,
    Rcu,
    Pagefault,
    /// No softirq runs: bh or interrupts are disabled, one or the other.
    Softirq,
}

/// All that are entered and left by themselves.
pub const PARTS: [Part; 5] = [Part::Preempt, Part::Bh, Part::Irq, Part::Rcu, Part::Pagefault];
/// All that are followed.
const FOLLOWED: [Part; 6] = [Part::Preempt, Part::Bh, Part::Irq, Part::Rcu, Part::Pagefault, Part::Softirq];
/// All levels, lowest first.
pub const LEVELS: [Level; 4] = [Level::Task, Level::Softirq, Level::Hardirq, Level::Nmi];

impl Part {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    fn of(self, ctx: Ctx) -> i8 {
        match self {
            Part::Preempt => ctx.preempt,
            Part::Bh => ctx.bh,
            Part::Irq => ctx.irq,
            Part::Rcu => ctx.rcu,
            Part::Pagefault => ctx.pagefault,
            // What enables the one leaves the other as it was.
            Part::Softirq => ctx.bh.max(ctx.irq),
        }
    }
}

fn level_bit(level: Level) -> u8 {
    match level {
        Level::Task | Level::Inherit => 1,
        Level::Softirq => 2,
        Level::Hardirq => 4,
        Level::Nmi => 8,
    }
}

/// How a function is entered on some ways.
#[derive(Clone, Default, Debug)]
pub struct OnEntry {
    reached: bool,
    /// More locks than are told apart may be held.
    pub truncated: bool,
    levels: u8,
    all: u8,
    some: u8,
    pub locks: Vec<HeldOnEntry>,
}

impl OnEntry {
    /// Whether there is such a way.
    pub fn reached(&self) -> bool {
        self.reached
    }

    /// Whether it is entered at this level.
    pub fn level(&self, level: Level) -> bool {
        self.levels & level_bit(level) != 0
    }

    /// Whether a part is disabled on every way in, and on some.
    pub fn part(&self, part: Part) -> (bool, bool) {
        (self.all & part.bit() != 0, self.some & part.bit() != 0)
    }

    /// Whether a lock is held on every way in, and on some.
    pub fn held(&self, class: Symbol, kind: LockKind) -> (bool, bool) {
        self.lock(class, kind).map_or((false, false), |l| (l.always, true))
    }

    fn lock(&self, class: Symbol, kind: LockKind) -> Option<&HeldOnEntry> {
        self.locks.iter().find(|l| l.class == class && l.kind == kind)
    }

    /// Adds another way in; true: something is new.
    fn join(&mut self, other: &OnEntry) -> bool {
        if !other.reached {
            return false;
        }
        if !self.reached {
            *self = other.clone();
            return true;
        }
        let mut new = false;
        let levels = self.levels | other.levels;
        let (all, some) = (self.all & other.all, self.some | other.some);
        new |= (levels, all, some) != (self.levels, self.all, self.some);
        (self.levels, self.all, self.some) = (levels, all, some);
        for lock in self.locks.iter_mut().filter(|l| l.always) {
            if !other.lock(lock.class, lock.kind).is_some_and(|l| l.always) {
                lock.always = false;
                new = true;
            }
        }
        for lock in &other.locks {
            if self.lock(lock.class, lock.kind).is_some() {
                continue;
            }
            if self.locks.len() >= LOCKS_MAX {
                self.truncated = true;
                continue;
            }
            self.locks.push(HeldOnEntry { always: false, ..*lock });
            new = true;
        }
        self.truncated |= other.truncated;
        new
    }

    /// What holds where a function that is entered so calls another.
    fn through(&self, call: Option<&CallState>) -> OnEntry {
        let mut out = self.clone();
        let Some(call) = call else { return out };
        for part in FOLLOWED {
            let (least, most) = (part.of(call.least), part.of(call.most));
            let bit = part.bit();
            if least != 0 {
                out.all = if least > 0 { out.all | bit } else { out.all & !bit };
            }
            if most != 0 {
                out.some = if most > 0 { out.some | bit } else { out.some & !bit };
            }
        }
        out.locks.retain_mut(|l| match call.released.iter().find(|r| r.0 == l.class) {
            Some((_, always)) => {
                l.always = false;
                !always
            }
            None => true,
        });
        for lock in &call.held {
            let lock = HeldOnEntry { class: lock.class, kind: lock.kind, always: lock.always };
            match out.locks.iter_mut().find(|l| l.class == lock.class && l.kind == lock.kind) {
                Some(l) => l.always |= lock.always,
                None => out.locks.push(lock),
            }
        }
        out
    }

    /// Task context with nothing held.
    fn task() -> OnEntry {
        OnEntry { reached: true, levels: level_bit(Level::Task), ..OnEntry::default() }
    }

    /// The way in that the model or an entry point describes. That some callers do otherwise is a way that may not be one.
    fn described(entry: &EntryPoint) -> OnEntry {
        let c = &entry.context;
        let mut parts = 0;
        let softirqs = c.bh_off || c.irq_off || c.level != Level::Task && c.level != Level::Inherit;
        let parts_off =
            [(Part::Preempt, c.preempt_off), (Part::Bh, c.bh_off), (Part::Irq, c.irq_off), (Part::Rcu, c.rcu), (Part::Softirq, softirqs)];
        for (part, set) in parts_off {
            parts |= if set { part.bit() } else { 0 };
        }
        let locks = c.locks.iter().map(|(class, kind)| HeldOnEntry { class: *class, kind: *kind, always: true }).collect();
        OnEntry { reached: true, levels: level_bit(c.level), all: parts, some: parts, locks, ..OnEntry::default() }
    }
}

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
    /// It begins at a function of which no way in is known.
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

/// Calls of functions, by function.
pub type CallTable = FxHashMap<FuncId, Calls>;

/// The contexts of all functions of a program.
pub struct Contexts<'w> {
    world: &'w World<'w>,
    calls: &'w CallTable,
    ways: Ways,
    entered: Vec<Ins>,
}

impl<'w> Contexts<'w> {
    /// Finds them. Linear in the call graph.
    pub fn new(world: &'w World<'w>, calls: &'w CallTable) -> Contexts<'w> {
        let ways = Ways::new(world, calls);
        let entered = vec![Ins::default(); ways.nodes()];
        let mut out = Contexts { world, calls, ways, entered };
        out.fill();
        out
    }

    fn fill(&mut self) {
        let position = self.order();
        let mut work = Work { heap: BinaryHeap::new(), waits: vec![false; self.ways.nodes()], position };
        let nodes = |from: usize, to: usize| (from as u32..to as u32).map(Node);
        let (funcs, all) = (self.ways.funcs, self.ways.nodes());
        for node in nodes(0, funcs) {
            let f = FuncId(node.0);
            let mut new = false;
            for entry in self.entry_points(f) {
                new |= self.entered[node.index()].certain.join(&OnEntry::described(entry));
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
        let calls = self.ways.function(from).ok().and_then(|f| self.calls.get(&f)).filter(|_| edge.op != NO_OP);
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

    /// How a function is entered.
    pub fn entered(&self, f: FuncId) -> &Ins {
        &self.entered[f.index()]
    }

    /// What holds where a function calls others, whatever it was entered with.
    pub fn calls(&self, f: FuncId) -> Option<&'w Calls> {
        self.calls.get(&f)
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
        let entries: Vec<OnEntry> = self.entry_points(f).map(OnEntry::described).collect();
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

    /// The shortest way in on which something holds, outermost first; empty: none was found. `certain`: only by certain ways.
    pub fn example(&self, f: FuncId, sought: Sought, certain: bool) -> Vec<Hop<'w>> {
        // Breadth first, against the calls, with the step by which a node was found.
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
        if let Some(entry) = self.entry_points(f).find(|e| holds(&OnEntry::described(e))) {
            return Some(Hop::Entry(f, entry));
        }
        if !certain && holds(&OnEntry::task()) && self.entry_points(f).any(|e| e.context.sometimes) {
            return Some(Hop::Assumed(f));
        }
        let assumed = self.entered(f).assumed && !certain || system_call(self.world.func(f).name);
        (assumed && holds(&OnEntry::task())).then_some(Hop::Assumed(f))
    }

    /// Whether a way on which something holds comes by this call.
    fn follow(&self, edge: &Edge, sought: Sought, certain: bool) -> Follow {
        let ins = &self.entered[edge.node.index()];
        let Some((state, inner)) = self.on(edge.node, edge) else { return Follow::No };
        let layers = [Some(&ins.certain), (!certain).then_some(&ins.perhaps)].map(|layer| layer.filter(|l| l.reached));
        let any = |holds: &dyn Fn(&OnEntry) -> bool| layers.iter().flatten().any(|l| holds(l));
        let on = |holds: bool| if holds { Follow::On } else { Follow::No };
        if !any(&|_| true) {
            return Follow::No;
        }
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

/// Whether a function of this name is entered by user space: the front end gives these names to functions that are defined as system calls.
fn system_call(name: Symbol) -> bool {
    let name = name.as_str();
    name.starts_with("sys_") || name.starts_with("compat_sys_")
}

/// Whether a call is part of a way in on which something holds.
enum Follow {
    No,
    /// The way begins here, with this operation.
    Begins(Option<OpId>),
    On,
}

/// Nodes to look at, callers first.
struct Work {
    heap: BinaryHeap<Reverse<(u32, Node)>>,
    waits: Vec<bool>,
    position: Vec<u32>,
}

impl Work {
    fn add(&mut self, node: Node) {
        if !std::mem::replace(&mut self.waits[node.index()], true) {
            self.heap.push(Reverse((self.position[node.index()], node)));
        }
    }

    fn next(&mut self) -> Option<Node> {
        let Reverse((_, node)) = self.heap.pop()?;
        self.waits[node.index()] = false;
        Some(node)
    }
}
