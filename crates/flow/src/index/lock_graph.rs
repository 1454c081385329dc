//! The graph of locks of the whole tree: which class is taken while which is held, with examples.
//!
//! What a function takes while it holds something comes from its facts ([`LockFacts`]), what callees take that their callers cannot name is found
//! by following the calls upwards, shortest way first. A callback object stands for what its callbacks run in: waiting for the callback takes
//! it, and whatever the callback takes is taken inside it. So "cancels the work under the mutex that the work takes" is a cycle like any other.
//!
//! After lockdep (`Documentation/locking/lockdep-design.rst`) and RacerX (Engler and Ashcraft, SOSP 2003), from which it departs in that callees'
//! conditions on arguments are decided by the engine, not forgotten.

use super::calls::Calls;
use super::lock_classes::{LockClass, LockClasses};
use super::lock_facts::{HeldThen, LockFacts, LockUse};
use super::lock_place::{LockPlace, parts_differ};
use crate::body::{OpId, OpKind, Target};
use crate::program::contexts::CallTable;
use crate::program::link::BoundFunction;
use crate::program::{Callees, Caller, World};
use crate::summary::chain::chain;
use crate::summary::{Effect, EffectKind, FuncId, Guard, Way, asks_for_pointers};
use cuthere_base::{FileId, Symbol};
use cuthere_cfront::program::NameSpace;
use cuthere_kernel::{CallbackOp, LockKind, LockMode};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Calls between the function that holds and the one that takes.
const DEPTH_MAX: u16 = 8;
/// What a doubt weighs against a call more on the way.
const DOUBT: u16 = 16;
/// Classes taken below one function that are told apart.
const REACH_MAX: usize = 64;
/// Targets of a call through a pointer that are followed.
const TARGETS_MAX: usize = 4;
/// Functions whose calls are looked at before the orders that they show are sorted out.
const CALLERS_AT_ONCE: usize = 4096;
/// Examples that are kept of one order.
const EXAMPLES_MAX: usize = 6;

/// How the first lock of an order came to be held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// The function took it.
    Taken(OpId),
    /// It says that its caller holds it.
    Asserted,
    /// It is entered so: it is the callback, or the operation is called with it held.
    Entered,
}

/// What speaks against an example.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Doubts {
    /// Conditions on arguments or on the state of objects are left open.
    pub open: bool,
    /// A call on the way may mean several functions.
    pub perhaps: bool,
    /// One of the locks is known by a pointer only.
    pub pointer: bool,
}

impl Doubts {
    fn count(self) -> u16 {
        u16::from(self.open) + u16::from(self.perhaps) + u16::from(self.pointer)
    }
}

/// An example of a class that is taken while another is held.
#[derive(Clone, Debug)]
pub struct Example {
    pub func: FuncId,
    pub since: Since,
    pub held_mode: LockMode,
    /// Where it is taken, or what is called that takes it.
    pub op: OpId,
    pub taken_mode: LockMode,
    /// The calls that lead from `op` to the use, innermost last; empty: the use is at `op`.
    pub calls: CallList,
    /// The function that uses it, and which of its uses it is.
    pub end: (FuncId, u32),
    /// Other locks that are held on every path there, taken by the function itself or said to be its caller's.
    pub beside: SmallVec<[Symbol; 2]>,
    pub doubts: Doubts,
    /// Functions on the way from the one that holds to the one that takes.
    pub depth: u16,
    pub cost: u16,
}

/// Calls, innermost last.
type CallList = SmallVec<[(FuncId, OpId); 2]>;

/// A use, and how a function comes to it.
struct Down {
    op: OpId,
    calls: CallList,
    end: (FuncId, u32),
    open: bool,
    perhaps: bool,
}

impl Down {
    /// A use that the function makes itself, or is told of.
    fn own(world: &World<'_>, f: FuncId, n: usize, u: &LockUse) -> Down {
        Down { op: u.op, calls: CallList::new(), end: (f, n as u32), open: left_open(world, f, u), perhaps: false }
    }
}

/// What is taken below a function.
#[derive(Clone, Copy)]
struct Reach {
    class: LockClass,
    cost: u16,
    open: bool,
    perhaps: bool,
    /// The call by which, and the function that it calls; the function itself: its own use of this number.
    op: OpId,
    next: FuncId,
    used: u32,
}

/// The graph.
pub struct LockGraph<'t> {
    pub classes: LockClasses,
    facts: &'t [(FuncId, Box<LockFacts>)],
    calls: &'t CallTable,
    edges: FxHashMap<(LockClass, LockClass), Vec<Example>>,
    /// The class of each use, in order of functions and uses.
    used: Vec<Vec<Option<LockClass>>>,
    /// The functions that run as callbacks of a class.
    pub callbacks: FxHashMap<LockClass, Vec<FuncId>>,
    /// The part that a function is the callback of, of those that its class does not tell apart; empty: of several.
    bound_as: FxHashMap<(LockClass, FuncId), Symbol>,
}

/// What is taken below each function, by its number.
type Reaches = [Vec<Reach>];

/// A call that leads to a function, and whether it is certain to.
type Calling = (FuncId, OpId, bool);

/// An order that a function shows.
type Shown = (LockClass, LockClass, Example);

impl<'t> LockGraph<'t> {
    pub fn new(world: &World<'_>, facts: &'t [(FuncId, Box<LockFacts>)], calls: &'t CallTable) -> LockGraph<'t> {
        let mut classes = LockClasses::new(facts);
        let used = facts.iter().map(|(f, all)| all.uses.iter().map(|u| classes.used(world, *f, u)).collect()).collect();
        // Orders are found by several threads, which ask for classes and make none.
        for (f, h) in facts.iter().flat_map(|(f, all)| all.uses.iter().flat_map(|u| &u.held).map(move |h| (*f, h))) {
            classes.of(world, f, h.place, false, h.kind);
        }
        let mut graph = LockGraph {
            classes,
            facts,
            calls,
            edges: FxHashMap::default(),
            used,
            callbacks: FxHashMap::default(),
            bound_as: FxHashMap::default(),
        };
        let reach = graph.reach(world);
        let own: Vec<Vec<Shown>> = (0..facts.len()).into_par_iter().with_min_len(64).map(|i| graph.own_edges(world, i)).collect();
        let mut callers: Vec<(&FuncId, &Calls)> = calls.iter().filter(|(_, c)| c.states.iter().any(|s| !s.held.is_empty())).collect();
        callers.sort_by_key(|c| *c.0);
        graph.keep_all(own);
        // Far more is shown than is kept.
        for part in callers.chunks(CALLERS_AT_ONCE) {
            let called: Vec<Vec<Shown>> =
                part.par_iter().with_min_len(16).map(|(f, calls)| graph.call_edges(world, **f, calls, &reach)).collect();
            graph.keep_all(called);
        }
        graph.entered_edges(world, &reach);
        for examples in graph.edges.values_mut() {
            examples.sort_by_key(|e| (e.cost, e.func, e.op));
            examples.dedup_by_key(|e| (e.func, e.op));
            examples.truncate(EXAMPLES_MAX);
        }
        graph
    }

    /// All orders, sorted by class.
    pub fn edges(&self) -> Vec<(LockClass, LockClass, &[Example])> {
        let mut out: Vec<_> = self.edges.iter().map(|((a, b), all)| (*a, *b, all.as_slice())).collect();
        out.sort_by_key(|e| (e.0, e.1));
        out
    }

    /// The examples of one order.
    pub fn examples(&self, held: LockClass, taken: LockClass) -> &[Example] {
        self.edges.get(&(held, taken)).map_or(&[], Vec::as_slice)
    }

    /// The facts of a function.
    pub fn facts(&self, f: FuncId) -> Option<&'t LockFacts> {
        self.position(f).map(|i| &*self.facts[i].1)
    }

    /// The use that an example ends with.
    pub fn end(&self, example: &Example) -> Option<&'t LockUse> {
        self.facts(example.end.0)?.uses.get(example.end.1 as usize)
    }

    /// Whether an order is shown by calls alone that take the lock and give it back.
    pub(super) fn brief(&self, examples: &[Example]) -> bool {
        examples.iter().all(|e| self.end(e).is_some_and(|u| u.brief))
    }

    /// Whether what an example takes is another part than what the next one in the circle holds: two members of one record, or elements that two members choose.
    pub fn parts_differ(&self, world: &World<'_>, taken: LockClass, example: &Example, next: &Example) -> bool {
        let held = match next.since {
            Since::Taken(op) => {
                let by = self.facts(next.func).and_then(|all| all.uses.iter().find(|u| u.op == op && !u.callback));
                by.map_or(Symbol::EMPTY, |u| u.part)
            }
            Since::Entered => self.bound_as.get(&(taken, next.func)).copied().unwrap_or(Symbol::EMPTY),
            Since::Asserted => Symbol::EMPTY,
        };
        // The function that takes it itself knows it best.
        let mut used = self.end(example);
        let mut way = used.map_or(Way::Here, |u| u.way);
        for _ in 0..DEPTH_MAX {
            let Way::Callee(g, id) = way else { break };
            let Some(effect) = world.summary(g).and_then(|s| s.effect(id)) else { break };
            let body = world.func(g);
            let same = |v: &&LockUse| v.way == effect.way && body.op(v.op).is_some_and(|op| op.loc == effect.loc);
            used = self.facts(g).and_then(|all| all.uses.iter().find(same));
            way = effect.way;
        }
        used.is_some_and(|u| parts_differ(u.part, held))
    }

    /// All uses with their functions and classes.
    pub fn uses(&self) -> impl Iterator<Item = (FuncId, &'t LockUse, LockClass)> + '_ {
        let facts = self.facts.iter().zip(&self.used);
        facts.flat_map(|((f, all), used)| all.uses.iter().zip(used).filter_map(|(u, class)| Some((*f, u, (*class)?))))
    }

    fn position(&self, f: FuncId) -> Option<usize> {
        self.facts.binary_search_by_key(&f, |e| e.0).ok()
    }

    /// What is taken below each function that its callers are not told of.
    fn reach(&self, world: &World<'_>) -> Vec<Vec<Reach>> {
        let mut front = Front { reach: vec![Vec::new(); world.funcs.len()], waves: Vec::new() };
        for (i, (f, all)) in self.facts.iter().enumerate() {
            for (n, u) in all.uses.iter().enumerate() {
                let Some(class) = self.used[i][n].filter(|_| !u.told && !u.nested && !u.private) else { continue };
                let open = left_open(world, *f, u);
                front.add(*f, Reach { class, cost: u16::from(open) * DOUBT, open, perhaps: false, op: u.op, next: *f, used: n as u32 });
            }
        }
        let mut callers: FxHashMap<FuncId, Box<[Calling]>> = FxHashMap::default();
        let mut cost = 0;
        while usize::from(cost) < front.waves.len() {
            let mut wave = std::mem::take(&mut front.waves[usize::from(cost)]);
            if cost % DOUBT < DEPTH_MAX {
                wave.sort_unstable();
                for (f, class) in wave {
                    let Some(&known) = front.reach[f.index()].iter().find(|r| r.class == class && r.cost == cost) else { continue };
                    for &mut (caller, op, certain) in callers.entry(f).or_insert_with(|| self.callers(world, f)) {
                        let cost = cost + 1 + u16::from(!certain) * DOUBT;
                        front.add(caller, Reach { cost, perhaps: known.perhaps || !certain, op, next: f, ..known });
                    }
                }
            }
            cost += 1;
        }
        front.reach
    }

    /// The calls that lead to a function, and whether each is certain to.
    fn callers(&self, world: &World<'_>, f: FuncId) -> Box<[Calling]> {
        let reached = |call: &&Caller| self.calls.get(&call.func).is_none_or(|c| c.reached(call.op));
        let calls = world.callers(f).iter().filter(|c| c.targets() <= TARGETS_MAX && !is_primitive(world, c.func, c.op));
        calls.filter(reached).map(|c| (c.func, c.op, c.certain())).collect()
    }

    /// What a function takes while it holds something, by its own code or in callees that it is told of.
    fn own_edges(&self, world: &World<'_>, i: usize) -> Vec<Shown> {
        let (f, all) = &self.facts[i];
        let mut out = Vec::new();
        for (n, u) in all.uses.iter().enumerate() {
            let Some(taken) = self.used[i][n].filter(|_| !u.nested && !u.private) else { continue };
            let down = Down::own(world, *f, n, u);
            for h in &u.held {
                if !self.gives_back(world, u, h.class) {
                    out.extend(self.edge(world, *f, h, &u.held, taken, &down));
                }
            }
        }
        out
    }

    /// Whether a callee gives its caller's lock back before it takes what it tells of.
    fn gives_back(&self, world: &World<'_>, u: &LockUse, held: Symbol) -> bool {
        let mut way = u.way;
        for _ in 0..DEPTH_MAX {
            let Way::Callee(f, id) = way else { return false };
            let Some(effect) = world.summary(f).and_then(|s| s.effect(id)) else { return false };
            let EffectKind::Acquire { class, nested, .. } = effect.kind else { return false };
            let body = world.func(f);
            let same = |v: &&LockUse| {
                v.class == class && v.nested == nested && v.way == effect.way && body.op(v.op).is_some_and(|op| op.loc == effect.loc)
            };
            if self.facts(f).is_some_and(|all| all.uses.iter().filter(same).any(|v| v.released.contains(&held))) {
                return true;
            }
            way = effect.way;
        }
        false
    }

    /// What callees take that they do not tell, while the caller holds something.
    fn call_edges(&self, world: &World<'_>, f: FuncId, calls: &Calls, reach: &Reaches) -> Vec<Shown> {
        let mut out = Vec::new();
        let Some(own) = self.facts(f) else { return out };
        for state in calls.states.iter().filter(|s| !s.held.is_empty()) {
            let Some(callees) = world.callees(f, state.op).filter(|_| !is_primitive(world, f, state.op)) else { continue };
            let held: SmallVec<[HeldThen; 4]> = state.held.iter().filter_map(|l| holder(own, l)).collect();
            let certain = matches!(callees, Callees::One(_));
            for &callee in callees.list().iter().take(TARGETS_MAX) {
                for r in reach.get(callee.index()).map_or(&[][..], Vec::as_slice) {
                    let Some((way, end)) = self.follow(callee, r, reach) else { continue };
                    let Some(u) = self.facts(end.0).and_then(|all| all.uses.get(end.1 as usize)) else { continue };
                    let down = Down { op: state.op, calls: way, end, open: r.open, perhaps: r.perhaps || !certain };
                    for h in &held {
                        let given_back = u.released.contains(&h.class)
                            || down.calls.iter().any(|(g, op)| {
                                let at = self.calls.get(g).and_then(|c| c.at(*op));
                                at.is_some_and(|s| s.released.contains(&(h.class, true)))
                            });
                        if !given_back {
                            out.extend(self.edge(world, f, h, &held, r.class, &down));
                        }
                    }
                }
            }
        }
        out
    }

    /// What callbacks take, and what operations take that are called with a lock held.
    fn entered_edges(&mut self, world: &World<'_>, reach: &Reaches) {
        let mut entered: Vec<(FuncId, HeldThen, LockClass)> = Vec::new();
        for (object, f) in self.bound(world) {
            let kind = LockKind::SleepingOther;
            let text = Symbol::intern(&self.classes.info(object).name);
            let place = LockPlace::InFile;
            entered.push((f, HeldThen { place, class: text, kind, mode: LockMode::Exclusive, taken: None, always: true }, object));
            self.callbacks.entry(object).or_default().push(f);
        }
        let mut points: Vec<_> = world.entry_points.iter().collect();
        points.sort_by_key(|p| *p.0);
        for (&f, points) in points {
            for (name, kind) in points.iter().filter(|p| !p.context.sometimes).flat_map(|p| &p.context.locks) {
                // Only locks of the whole kernel can be named without an object.
                let place = LockPlace::Global(*name);
                if let Some(class) = self.classes.of(world, f, place, false, *kind) {
                    let held = HeldThen { place, class: *name, kind: *kind, mode: LockMode::Exclusive, taken: None, always: true };
                    entered.push((f, held, class));
                }
            }
        }
        for b in &world.bound {
            for lock in world.model.around(b.record.tag_symbol(), b.field) {
                let (place, mode) = (LockPlace::of_kernel(lock), LockMode::Exclusive);
                // What nobody takes closes no circle.
                let Some(class) = self.classes.find(world, b.func, place, lock.kind) else { continue };
                if entered.last().is_none_or(|e| (e.0, e.2) != (b.func, class)) {
                    let name = Symbol::intern(&self.classes.info(class).name);
                    entered.push((b.func, HeldThen { place, class: name, kind: lock.kind, mode, taken: None, always: true }, class));
                }
            }
        }
        for (f, h, class) in entered {
            let mut ends: Vec<(LockClass, Down)> = Vec::new();
            if let Some(i) = self.position(f) {
                for (n, u) in self.facts[i].1.uses.iter().enumerate().filter(|(_, u)| !u.nested && !u.private) {
                    if let Some(taken) = self.used[i][n] {
                        ends.push((taken, Down::own(world, f, n, u)));
                    }
                }
            }
            for r in reach.get(f.index()).map_or(&[][..], Vec::as_slice).iter().filter(|r| r.next != f) {
                if let Some((way, end)) = self.follow(f, r, reach) {
                    let calls = way.into_iter().skip(1).collect();
                    ends.push((r.class, Down { op: r.op, calls, end, open: r.open, perhaps: r.perhaps }));
                }
            }
            for (taken, down) in self.told(world, f) {
                if !ends.iter().any(|(known, other)| *known == taken && other.op == down.op) {
                    ends.push((taken, down));
                }
            }
            for (taken, down) in ends {
                let Some(u) = self.facts(down.end.0).and_then(|all| all.uses.get(down.end.1 as usize)) else { continue };
                // What it was called with it may have given back before.
                if u.released.contains(&h.class) {
                    continue;
                }
                let doubts = Doubts { open: down.open, perhaps: down.perhaps, pointer: self.classes.info(taken).pointer };
                let example = Example {
                    func: f,
                    since: Since::Entered,
                    held_mode: h.mode,
                    op: down.op,
                    taken_mode: u.mode,
                    calls: down.calls,
                    end: down.end,
                    beside: SmallVec::new(),
                    doubts,
                    depth: 0,
                    cost: 0,
                };
                if let Some((held, taken, example)) = self.shown(world, class, taken, example) {
                    self.keep(held, taken, example);
                }
            }
        }
    }

    /// What callees take that they tell a function of: where it holds nothing itself, its own facts have no entry for it.
    fn told(&self, world: &World<'_>, f: FuncId) -> Vec<(LockClass, Down)> {
        let effects = world.summary(f).into_iter().flat_map(|s| s.effects());
        let plain =
            effects.filter(|(_, e)| matches!(e.kind, EffectKind::Acquire { nested: false, .. }) && matches!(e.way, Way::Callee(..)));
        plain.filter_map(|(_, e)| self.told_of(world, f, e)).collect()
    }

    /// One effect of them, with the calls down to the use.
    fn told_of(&self, world: &World<'_>, f: FuncId, effect: &Effect) -> Option<(LockClass, Down)> {
        let at = |g: FuncId, e: &Effect| {
            let mut ops = world.func(g).all_ops().filter(|(_, op)| op.loc == e.loc);
            ops.find(|(_, op)| matches!(op.kind, OpKind::Call { .. })).map(|(id, _)| id)
        };
        let op = at(f, effect)?;
        let (mut calls, mut e) = (CallList::new(), effect);
        while let Way::Callee(g, id) = e.way {
            if calls.len() > usize::from(DEPTH_MAX) {
                return None;
            }
            e = world.summary(g)?.effect(id)?;
            if !matches!(e.way, Way::Callee(..)) {
                let i = self.position(g)?;
                let uses = &self.facts[i].1.uses;
                let same =
                    |u: &LockUse| !u.nested && !u.private && u.way == e.way && world.func(g).op(u.op).is_some_and(|op| op.loc == e.loc);
                let n = uses.iter().position(same)?;
                calls.push((g, uses[n].op));
                // Conditions on arguments are in those of the effect.
                let EffectKind::Acquire { lock, .. } = &effect.kind else { return None };
                let given = |g: &Guard| g.is_empty() || asks_for_pointers(g, world.func(f), Some(&**lock));
                let open = effect.modes > 0 || !effect.condition.iter().any(given);
                return Some((self.used[i][n]?, Down { op, calls, end: (g, n as u32), open, perhaps: effect.indirect > 0 }));
            }
            calls.push((g, at(g, e)?));
        }
        None
    }

    /// An order that a function shows. `all`: everything that is held there.
    fn edge(&self, world: &World<'_>, f: FuncId, h: &HeldThen, all: &[HeldThen], taken: LockClass, down: &Down) -> Option<Shown> {
        let own = self.position(f).map(|i| (&*self.facts[i].1, i));
        // The use by which it was taken knows best what it is.
        let class = |h: &HeldThen| {
            let by = own.and_then(|(facts, i)| {
                let at = facts.uses.iter().position(|u| Some(u.op) == h.taken && u.place == h.place && !u.callback)?;
                self.used[i][at]
            });
            by.or_else(|| self.classes.find(world, f, h.place, h.kind))
        };
        let held = class(h)?;
        // Whoever holds one of the class already orders objects, not classes.
        if all.iter().any(|other| class(other) == Some(taken)) {
            return None;
        }
        let beside = all.iter().filter(|o| o.always && o.place != h.place && o.mode == LockMode::Exclusive).map(|o| o.class).collect();
        let pointer = self.classes.info(held).pointer || self.classes.info(taken).pointer;
        let since = h.taken.map_or(Since::Asserted, Since::Taken);
        let u = self.facts(down.end.0).and_then(|all| all.uses.get(down.end.1 as usize))?;
        let example = Example {
            func: f,
            since,
            held_mode: h.mode,
            op: down.op,
            taken_mode: u.mode,
            calls: down.calls.clone(),
            end: down.end,
            beside,
            doubts: Doubts { open: down.open, perhaps: down.perhaps, pointer },
            depth: 0,
            cost: 0,
        };
        self.shown(world, held, taken, example)
    }

    /// An example with its cost; `None`: it is no order of two classes.
    fn shown(&self, world: &World<'_>, held: LockClass, taken: LockClass, mut example: Example) -> Option<Shown> {
        if held == taken && !self.classes.info(held).callback {
            return None;
        }
        let below = self.end(&example).map_or(0, |u| chain(world, u.way).funcs.len());
        example.depth = (example.calls.len() + below) as u16;
        example.cost = example.depth + example.doubts.count() * DOUBT;
        Some((held, taken, example))
    }

    fn keep_all(&mut self, shown: Vec<Vec<Shown>>) {
        for (held, taken, example) in shown.into_iter().flatten() {
            self.keep(held, taken, example);
        }
    }

    fn keep(&mut self, held: LockClass, taken: LockClass, example: Example) {
        let all = self.edges.entry((held, taken)).or_default();
        if all.len() < 8 * EXAMPLES_MAX {
            all.push(example);
        }
    }

    /// The calls from a function down to a use, and the use.
    fn follow(&self, f: FuncId, first: &Reach, reach: &Reaches) -> Option<(CallList, (FuncId, u32))> {
        let mut way = SmallVec::new();
        let (mut at, mut r) = (f, *first);
        for _ in 0..=2 * DEPTH_MAX {
            way.push((at, r.op));
            if r.next == at {
                return Some((way, (at, r.used)));
            }
            at = r.next;
            r = *reach.get(at.index())?.iter().find(|n| n.class == r.class)?;
        }
        None
    }

    /// The functions that callback objects are given, for objects that somebody waits for.
    fn bound(&mut self, world: &World<'_>) -> Vec<(LockClass, FuncId)> {
        let waited = self.classes.infos.len();
        let mut out = Vec::new();
        let mut items: FxHashMap<LockClass, Vec<FuncId>> = FxHashMap::default();
        for (f, all) in self.facts {
            for b in &all.callbacks {
                let Some(class) = self.classes.of(world, *f, b.object, true, LockKind::SleepingOther) else { continue };
                let resolved = world.program.resolve_call(world.func(*f).file, b.function).and_then(|r| world.program.function_number(r));
                let Some(callback) = resolved.map(FuncId) else { continue };
                items.entry(class).or_default().push(callback);
                if class.index() < waited {
                    out.push((class, callback));
                    let part = self.bound_as.entry((class, callback)).or_insert(b.part);
                    if *part != b.part {
                        *part = Symbol::EMPTY;
                    }
                }
            }
        }
        // Who waits for a queue waits for the items that are put on it.
        for (f, all) in self.facts {
            for q in &all.queued {
                let queue = self.classes.of(world, *f, q.queue, true, LockKind::SleepingOther).filter(|c| c.index() < waited);
                let work = self.classes.of(world, *f, q.work, true, LockKind::SleepingOther);
                if let (Some(queue), Some(work)) = (queue, work) {
                    out.extend(items.get(&work).into_iter().flatten().map(|callback| (queue, *callback)));
                }
            }
        }
        // Objects that are set up where they are defined: `DECLARE_WORK(name, function)`.
        for (f, all) in self.facts {
            for u in all.uses.iter().filter(|u| u.callback) {
                let LockPlace::Global(name) = u.place else { continue };
                let Some(item) = world.program.lookup(world.func(*f).file, NameSpace::Ordinary, name) else { continue };
                let lines = {
                    let found = world.program.item(item);
                    found.loc.line..=found.end_line.max(found.loc.line)
                };
                let Some(class) = self.classes.of(world, *f, u.place, true, u.kind) else { continue };
                for b in world.bound.iter().filter(|b| b.at.0 == item.file && lines.contains(&b.at.1.line)) {
                    out.push((class, b.func));
                }
            }
        }
        out.extend(self.ended_operations(world));
        out.sort_unstable();
        out.dedup();
        out
    }

    /// The operations that a registration is ended of under a lock: who ends it waits for those that run. Only the tables of the same file are taken for its own.
    fn ended_operations(&self, world: &World<'_>) -> Vec<(LockClass, FuncId)> {
        let mut ended: FxHashMap<FileId, Vec<(LockClass, &[Symbol])>> = FxHashMap::default();
        for ((f, all), used) in self.facts.iter().zip(&self.used) {
            for (u, class) in all.uses.iter().zip(used).filter(|(u, _)| u.callback && !u.held.is_empty()) {
                let Way::Model(name) = u.way else { continue };
                let rows = world.model.entry(name).map_or(&[][..], |e| &e.callbacks[..]);
                let tables = rows.iter().find(|c| c.op == CallbackOp::CancelSync && !c.tables.is_empty()).map(|c| &c.tables[..]);
                if let (Some(tables), Some(class)) = (tables, *class) {
                    ended.entry(world.func(*f).file).or_default().push((class, tables));
                }
            }
        }
        let of = |b: &BoundFunction| -> SmallVec<[(LockClass, FuncId); 1]> {
            let here = ended.get(&b.at.0).map_or(&[][..], Vec::as_slice);
            here.iter().filter(|(_, tables)| tables.contains(&b.record.tag_symbol())).map(|(class, _)| (*class, b.func)).collect()
        };
        if ended.is_empty() { Vec::new() } else { world.bound.iter().flat_map(of).collect() }
    }
}

/// Whether it rests on arguments or on the state of objects that a function comes to a use. An operation that nobody calls for certain, but the kernel for whoever
/// asks, is called with everything that it decides by (`cmd` of an ioctl).
fn left_open(world: &World<'_>, f: FuncId, u: &LockUse) -> bool {
    let operation = || !world.bindings(f).is_empty() && world.callers(f).iter().all(|c| !c.certain());
    u.modes > 0 || u.open && !(u.chosen && operation())
}

/// Whether a call is one of a primitive that takes or gives back a lock: what its body does besides (`rtnl_unlock()` may take the lock again) is not meant.
fn is_primitive(world: &World<'_>, f: FuncId, op: OpId) -> bool {
    match world.func(f).op(op).map(|op| op.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => {
            world.entry(name, true).is_some_and(|e| !e.acquires.is_empty() || !e.releases.is_empty())
        }
        _ => false,
    }
}

/// A lock that is held at a call, as the function's facts know it.
fn holder(own: &LockFacts, lock: &super::calls::LockAt) -> Option<HeldThen> {
    let used = own.uses.iter().find(|u| u.op == lock.taken && u.class == lock.class && !u.callback);
    let place = match used {
        Some(u) if u.private => return None,
        Some(u) => u.place,
        None => own.uses.iter().flat_map(|u| &u.held).find(|h| h.class == lock.class && h.taken == Some(lock.taken))?.place,
    };
    Some(HeldThen { place, class: lock.class, kind: lock.kind, mode: lock.mode, taken: Some(lock.taken), always: lock.always })
}

/// What is still to be told upwards, by its cost: the cheapest first.
struct Front {
    reach: Vec<Vec<Reach>>,
    waves: Vec<Vec<(FuncId, LockClass)>>,
}

impl Front {
    /// Adds what is taken below a function, unless a way as cheap is known.
    fn add(&mut self, f: FuncId, new: Reach) {
        let Some(all) = self.reach.get_mut(f.index()) else { return };
        match all.iter().position(|r| r.class == new.class) {
            Some(i) if all[i].cost <= new.cost => return,
            Some(i) => all[i] = new,
            None if all.len() < REACH_MAX => all.push(new),
            None => return,
        }
        let cost = usize::from(new.cost);
        if self.waves.len() <= cost {
            self.waves.resize(cost + 1, Vec::new());
        }
        self.waves[cost].push((f, new.class));
    }
}
