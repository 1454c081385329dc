//! The path engine: runs one function over symbolic states.
//!
//! Blocks are visited in reverse post-order. A state is a path's locks, context, written places and known facts; a branch whose condition is
//! decided by what is known follows one edge. States that meet in a block and agree in locks and context are merged when there are more of
//! them than a block may hold; what differs becomes unknown, so merging loses bugs, not truth. A loop body runs twice: as its first round, then, with everything that
//! the body writes made unknown but for being zero or not, as any later one. A budget bounds the visits; reaching it is recorded in the summary.
//!
//! Departures from soundness, chosen against noise: a call does not change memory that it was not given the address of, except that
//! pointers in memory known to be NULL may have been set; two different access paths are taken for different places.

mod access;
mod assume;
mod calls;
mod effects;
mod eval;
mod guards;
mod leave;
mod ops;
mod sleep;

use crate::digest::{DExpr, DOp, DOpKind, DTerm, Digest, EId, Target};
use crate::fact::Fact;
use crate::node::{Node, NodeId, Nodes, RESULT};
use crate::shape::Shape;
use crate::state::{AT_ENTRY, Held, State};
use crate::summary::*;
use crate::world::World;
pub use access::null_return;
use access::{NullSite, never_null};
use cuthere_base::{Loc, Symbol};
use cuthere_ir::{BinOp, UnOp};
use cuthere_kernel::{CtxPart, Entry, LockEffect, LockKind, LockRef, Returns, Sleeps, Success};
use guards::{Bits, add_guard, contradict, weaken};
use smallvec::SmallVec;

/// A way in which a call may sleep, in one state.
#[derive(Clone, Debug)]
pub struct SleepHit {
    pub via: SleepVia,
    /// Conditions on this function's own arguments that remain.
    pub guards: SmallVec<[Guard; 1]>,
    pub depth: u8,
    pub indirect: u8,
    /// See [`SleepSite::modes`].
    pub modes: u8,
    /// See [`SleepSite::defers`].
    pub defers: bool,
    /// Of how many possible targets how many sleep.
    pub share: (u16, u16),
}

/// A call as observers see it, before its effects.
pub struct CallEvent<'e> {
    pub op: u32,
    pub loc: Loc,
    pub origin: Symbol,
    /// The function's name, or the operations field's.
    pub name: Symbol,
    pub entry: Option<&'e Entry>,
    pub callees: &'e [FuncId],
    pub args: &'e [NodeId],
    pub sleeps: &'e [SleepHit],
}

/// A dereference of a pointer that may be NULL.
pub struct NullEvent {
    pub op: u32,
    pub loc: Loc,
    pub origin: Symbol,
    /// The pointer that may be NULL.
    pub value: NodeId,
    pub cause: NullCause,
    /// The member accessed, if any.
    pub member: Symbol,
    /// The pointer as written, where the access is in this function.
    pub text: Option<EId>,
    /// Where the access is in a callee: the callee, the entry in its summary's derefs, and the argument's number.
    pub callee: Option<(FuncId, u8)>,
    pub argument: Option<u8>,
    pub callee_name: Symbol,
}

/// Why a pointer may be NULL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NullCause {
    /// The call at this operation may return it.
    Call(u32),
    /// NULL was assigned, or a test found it to be NULL.
    Known,
    /// It is a member of something zeroed, and nothing was stored there since.
    Zeroed,
    /// Nothing is known of it but the member it was loaded from, as `(record, member)`.
    Field(Symbol, Symbol),
}

/// A test for NULL of a pointer that was dereferenced before.
pub struct LateTest {
    pub deref_op: u32,
    pub value: NodeId,
    pub loc: Loc,
    pub block: u32,
}

/// A way out of the function.
pub struct ExitEvent {
    pub block: u32,
    pub loc: Loc,
    pub value: Option<NodeId>,
}

/// What a check implements to see a function's paths.
pub trait Observer {
    fn call(&mut self, _path: &mut Path<'_, '_>, _event: &CallEvent<'_>) {}
    fn null(&mut self, _path: &mut Path<'_, '_>, _event: &NullEvent) {}
    fn late_test(&mut self, _path: &mut Path<'_, '_>, _event: &LateTest) {}
    fn exit(&mut self, _path: &mut Path<'_, '_>, _event: &ExitEvent) {}
    /// A call's result was compared with NULL or tested for an error.
    fn tested(&mut self, _path: &mut Path<'_, '_>, _op: u32) {}
    /// What a member held when the function was entered is compared with NULL at the end of a block.
    fn field_tested(&mut self, _path: &mut Path<'_, '_>, _record: Symbol, _field: Symbol, _block: u32) {}
}

/// An observer of nothing.
pub struct Blind;
impl Observer for Blind {}

/// One path at one moment, as observers see it.
pub struct Path<'p, 'a> {
    pub world: &'p World<'a>,
    pub func: FuncId,
    pub digest: &'p Digest,
    pub nodes: &'p mut Nodes,
    pub state: &'p State,
    pub trail: &'p [Decision],
}

/// States move from operation to operation; what moves is a pointer.
type Boxed = Box<State>;

/// A decision taken at a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    pub parent: u32,
    pub block: u32,
    pub taken: bool,
}

/// Buffers and tables of the engine, reused between functions.
#[derive(Default)]
pub struct Engine {
    nodes: Nodes,
    shape: Shape,
    trail: Vec<Decision>,
    pending: Vec<Vec<Boxed>>,
    kept: Kept,
}

struct Exit {
    ret: Fact,
    value: Option<NodeId>,
    guard: Guard,
    loc: Loc,
    locks: SmallVec<[Held; 2]>,
    released: SmallVec<[Held; 1]>,
    ctx: Ctx,
    checked_params: u64,
    null_from: Option<(NullWhy, Symbol)>,
}

pub(crate) struct Run<'r, 'a, O: Observer> {
    pub(crate) world: &'r World<'a>,
    pub(crate) func: FuncId,
    pub(crate) d: &'r Digest,
    pub(crate) nodes: &'r mut Nodes,
    shape: &'r Shape,
    trail: &'r mut Vec<Decision>,
    pending: &'r mut Vec<Vec<Boxed>>,
    kept: &'r mut Kept,
    observer: &'r mut O,
    entry_ctx: Ctx,
    entry_locks: usize,
    visits: u32,
    budget: u32,
    truncated: bool,
    sleeps: Vec<(u32, SleepSite)>,
    derefs: Vec<ParamDeref>,
    frees: Vec<ParamFree>,
    exits: Vec<Exit>,
}

impl Engine {
    /// Runs a function from the given start state and returns its summary. `start` holds locks and context at entry, if any.
    pub fn run<O: Observer>(&mut self, world: &World<'_>, func: FuncId, start: &StartState, observer: &mut O) -> Summary {
        let d = world.func(func);
        if d.blocks.is_empty() {
            return Summary::default();
        }
        self.nodes.clear();
        self.trail.clear();
        self.trail.push(Decision { parent: 0, block: 0, taken: false });
        self.shape.compute(d);
        let blocks = d.blocks.len();
        for p in &mut self.pending {
            p.clear();
        }
        if self.pending.len() < blocks {
            self.pending.resize_with(blocks, Vec::new);
        }
        let mut state = Box::new(State { ctx: start.ctx, since: [AT_ENTRY; 4], ..State::default() });
        for (class, kind) in &start.locks {
            let place = self.nodes.make(Node::PGlobal(*class));
            state.locks.push(Held { place, class: *class, kind: *kind, mode: cuthere_kernel::LockMode::Exclusive, op: AT_ENTRY, guard: 0 });
        }
        let mut run = Run {
            world,
            func,
            d,
            nodes: &mut self.nodes,
            shape: &self.shape,
            trail: &mut self.trail,
            pending: &mut self.pending,
            kept: &mut self.kept,
            observer,
            entry_ctx: start.ctx,
            entry_locks: start.locks.len(),
            visits: 0,
            budget: 300 + 10 * blocks as u32,
            truncated: false,
            sleeps: Vec::new(),
            derefs: Vec::new(),
            frees: Vec::new(),
            exits: Vec::new(),
        };
        run.pending[0].push(state);
        run.go();
        run.summarise()
    }
}

/// Context and locks at entry.
#[derive(Clone, Debug, Default)]
pub struct StartState {
    pub ctx: Ctx,
    pub locks: Vec<(Symbol, LockKind)>,
}

impl<'r, 'a, O: Observer> Run<'r, 'a, O> {
    fn go(&mut self) {
        let cap = match self.d.blocks.len() {
            0..=40 => 12,
            41..=120 => 8,
            121..=400 => 4,
            _ => 2,
        };
        // The lowest position in reverse post-order that has states waiting.
        let order = &self.shape.order;
        let mut at = 0;
        while at < order.len() {
            let block = order[at];
            let mut states = std::mem::take(&mut self.pending[block as usize]);
            if states.is_empty() {
                self.pending[block as usize] = states;
                at += 1;
                continue;
            }
            self.prune(&mut states, block, cap);
            let mut lowest = at + 1;
            for state in states.drain(..) {
                self.visits += 1;
                if self.visits > self.budget {
                    self.truncated = true;
                    return;
                }
                let back = self.block(block, state);
                lowest = lowest.min(back);
            }
            self.pending[block as usize] = states;
            at = lowest;
        }
    }

    /// Drops what no later code reads, equal states, and, above the cap, distinctions that are not locks or context.
    fn prune(&mut self, states: &mut Vec<Boxed>, block: u32, cap: usize) {
        if states.len() < 2 {
            return;
        }
        for s in states.iter_mut() {
            let shape = self.shape;
            let nodes = &*self.nodes;
            s.env.retain(|e| match nodes.get(e.0) {
                Node::PLocal(l) => shape.live_in(block, l),
                _ => true,
            });
            if !s.facts.is_empty() {
                let held = self.kept.mark(nodes, &s.env);
                s.facts.retain(|f| matters(nodes, shape, f.0, block, held, 0));
            }
        }
        let mut kept: Vec<Boxed> = Vec::with_capacity(states.len().min(3 * cap));
        for s in states.drain(..) {
            if kept.iter().any(|k| k.same(&s)) {
                continue;
            }
            if kept.len() < cap {
                kept.push(s);
                continue;
            }
            // Above the cap it is merged with the one that differs least; if none agrees in property, it may stay up to a point.
            let mut nearest = None;
            let mut least = usize::MAX;
            for (i, k) in kept.iter().enumerate().filter(|(_, k)| k.same_property(&s)) {
                if let Some(distance) = k.distance(&s, self.nodes, least) {
                    (nearest, least) = (Some(i), distance);
                }
            }
            match nearest {
                Some(i) => kept[i].join(&s, self.nodes, block),
                None if kept.len() < 3 * cap => kept.push(s),
                None => self.truncated = true,
            }
        }
        *states = kept;
    }

    /// Runs one state through a block; gives the lowest position of a back edge's target that got a state, or `usize::MAX`.
    fn block(&mut self, block: u32, state: Boxed) -> usize {
        let b = &self.d.blocks[block as usize];
        let (first, ops) = self.d.block_ops(b);
        let mut states: SmallVec<[Boxed; 4]> = SmallVec::new();
        states.push(state);
        for (i, op) in ops.iter().enumerate() {
            let index = first + i as u32;
            let mut next: SmallVec<[Boxed; 4]> = SmallVec::new();
            for s in states {
                self.op(index, op, s, &mut next);
            }
            states = next;
            if states.is_empty() {
                return usize::MAX;
            }
            if states.len() > 8 {
                self.truncated = true;
                states.truncate(8);
            }
        }
        let mut lowest = usize::MAX;
        for s in states {
            lowest = lowest.min(self.terminate(block, s));
        }
        lowest
    }

    fn send(&mut self, from: u32, to: u32, mut state: Boxed) -> usize {
        let (from_at, to_at) = (self.shape.position[from as usize], self.shape.position[to as usize]);
        if to_at == u32::MAX {
            return usize::MAX;
        }
        if to_at <= from_at {
            // A back edge: one later round stands for all.
            if state.rounds.contains(&to) {
                return usize::MAX;
            }
            state.rounds.push(to);
            let shape = self.shape;
            for &place in shape.written_in(to) {
                let p = self.place(place, &state);
                let before = state.read(self.nodes, p);
                let value = self.nodes.make(Node::Fresh(1 << 30 | to, p));
                let known = state.fact(self.nodes, before);
                state.write(self.nodes, p, value);
                // Whether it is zero stays known, for what goes with it: `locked` is set if and only if the lock is held.
                state.facts.retain(|f| f.0 != value);
                match known.truth() {
                    Some(false) => state.learn(value, Fact::ZERO),
                    Some(true) => state.learn(value, Fact { not_err: known.not_err, ..Fact::NON_ZERO }),
                    None => true,
                };
                let (old_lock, new_lock) = (self.nodes.deref(before), self.nodes.deref(value));
                for lock in state.locks.iter_mut().filter(|l| l.place == old_lock) {
                    lock.place = new_lock;
                }
            }
            let nodes = &*self.nodes;
            if !state.facts.is_empty() {
                let held = self.kept.mark(nodes, &state.env);
                state.facts.retain(|f| !matches!(nodes.get(f.0), Node::Fresh(..) | Node::Phi(..)) || held.has(f.0));
            }
            self.pending[to as usize].push(state);
            return to_at as usize;
        }
        // Entering a loop from outside: its rounds begin anew.
        if !state.rounds.is_empty() {
            let shape = self.shape;
            state.rounds.retain(|head| shape.in_loop(*head, to) && *head != to);
        }
        self.pending[to as usize].push(state);
        usize::MAX
    }

    fn decide(&mut self, state: &mut State, block: u32, taken: bool) {
        self.trail.push(Decision { parent: state.trail, block, taken });
        state.trail = self.trail.len() as u32 - 1;
    }

    fn terminate(&mut self, block: u32, mut state: Boxed) -> usize {
        let d = self.d;
        let b = &d.blocks[block as usize];
        match &b.term {
            DTerm::Goto(to) => self.send(block, *to, state),
            DTerm::Branch { cond, then, els } => {
                let value = self.eval(*cond, &state);
                // A warning that changes nothing is an assertion: what follows is judged as if it held.
                for (warns, other, truth) in [(*then, *els, false), (*els, *then, true)] {
                    if self.only_warns(warns) {
                        let mut held = state.clone();
                        if self.assume(&mut held, value, truth, 0) {
                            return self.send(block, other, held);
                        }
                    }
                }
                self.note_tests(block, value, &state);
                match state.fact(self.nodes, value).truth() {
                    Some(truth) => {
                        // How a call returned may be known from the call on; that the path asked is still of interest.
                        if matches!(self.nodes.get(self.nodes.tested(value)), Node::Fresh(_, RESULT)) {
                            self.decide(&mut state, block, truth);
                        }
                        self.send(block, if truth { *then } else { *els }, state)
                    }
                    None => {
                        let mut other = state.clone();
                        let mut lowest = usize::MAX;
                        if self.assume(&mut state, value, true, 0) {
                            self.decide(&mut state, block, true);
                            lowest = self.send(block, *then, state);
                        }
                        if self.assume(&mut other, value, false, 0) {
                            self.decide(&mut other, block, false);
                            lowest = lowest.min(self.send(block, *els, other));
                        }
                        lowest
                    }
                }
            }
            DTerm::LoopBranch { name, args, body, exit } => {
                let (name, args, body, exit) = (*name, *args, *body, *exit);
                let mut out = state.clone();
                self.decide(&mut state, block, true);
                self.decide(&mut out, block, false);
                if let Some(l) = self.world.model.loop_macro(name)
                    && let Some(place) = self.cursor(args, l.cursor, &out)
                {
                    let value = if l.null_after {
                        self.nodes.int(0)
                    } else {
                        let v = self.nodes.make(Node::Fresh(1 << 29 | block, place));
                        out.learn(v, Fact::OBJECT);
                        v
                    };
                    out.write(self.nodes, place, value);
                }
                let a = self.send(block, body, state);
                a.min(self.send(block, exit, out))
            }
            DTerm::Switch { value, cases, default } => {
                let v = self.eval(*value, &state);
                let mut lowest = usize::MAX;
                let mut rest = Some(state.fact(self.nodes, v));
                let default = *default;
                // Cases that lead to the same block are one state.
                let mut done: SmallVec<[u32; 8]> = SmallVec::new();
                for &(lo, hi, to) in cases.iter() {
                    let fact = state.fact(self.nodes, v);
                    if fact.meet(Fact::range(lo, hi)).is_none() {
                        continue;
                    }
                    if lo == hi {
                        rest = rest.and_then(|r| r.without(lo));
                    }
                    if done.contains(&to) {
                        continue;
                    }
                    done.push(to);
                    let group = cases.iter().filter(|c| c.2 == to).map(|c| Fact::range(c.0, c.1)).reduce(Fact::join).unwrap_or(Fact::TOP);
                    let mut s = state.clone();
                    if s.learn(v, group) {
                        self.decide(&mut s, block, true);
                        lowest = lowest.min(self.send(block, to, s));
                    }
                }
                if let Some(rest) = rest {
                    let mut s = state;
                    if matches!(self.nodes.get(v), Node::Int(_)) || s.learn(v, rest) {
                        self.decide(&mut s, block, false);
                        lowest = lowest.min(self.send(block, default, s));
                    }
                }
                lowest
            }
            DTerm::Return(value) => {
                self.exit(block, b.loc, *value, state);
                usize::MAX
            }
            DTerm::Any(all) => {
                let mut lowest = usize::MAX;
                for &to in all.iter() {
                    lowest = lowest.min(self.send(block, to, state.clone()));
                }
                lowest
            }
            DTerm::Unreachable => usize::MAX,
        }
    }

    /// Whether a block does nothing but report a failed assertion (`WARN_ON`) and goes on.
    fn only_warns(&self, block: u32) -> bool {
        let b = &self.d.blocks[block as usize];
        let (_, ops) = self.d.block_ops(b);
        let warns = |op: &DOp| match op.kind {
            DOpKind::Call { target: Target::Name(name), .. } => {
                self.world.model.entry(name).is_some_and(|e| e.tests == Some(cuthere_kernel::Test::Truth))
            }
            _ => false,
        };
        matches!(b.term, DTerm::Goto(_))
            && ops.iter().any(warns)
            && ops.iter().all(|op| warns(op) || matches!(op.kind, DOpKind::Access { .. }))
    }

    fn cursor(&mut self, args: (u32, u32), index: u8, state: &State) -> Option<NodeId> {
        let e = *self.d.call_args(args).get(index as usize)?;
        match self.d.exprs[e as usize] {
            DExpr::Load(place, _) => Some(self.place(place, state)),
            _ => None,
        }
    }
}

/// The values that places hold, and the pointers that these or the places themselves were computed from, marked by number.
#[derive(Default)]
struct Kept {
    /// The turn in which a value was marked last.
    marks: Vec<u32>,
    turn: u32,
}

impl Kept {
    /// Forgets what was marked before.
    fn mark(&mut self, nodes: &Nodes, env: &[(NodeId, NodeId)]) -> &Kept {
        if self.marks.len() < nodes.len() {
            self.marks.resize(2 * nodes.len(), self.turn);
        }
        self.turn = self.turn.checked_add(1).unwrap_or_else(|| {
            self.marks.fill(0);
            1
        });
        for &(place, value) in env {
            self.marks[value as usize] = self.turn;
            self.marks[nodes.pointer_root(value) as usize] = self.turn;
            if let Some(root) = nodes.root(place) {
                self.marks[root as usize] = self.turn;
            }
        }
        self
    }

    fn has(&self, value: NodeId) -> bool {
        self.marks.get(value as usize) == Some(&self.turn)
    }
}

/// Whether knowledge of a value can still matter in or after a block.
fn matters(nodes: &Nodes, shape: &Shape, value: NodeId, block: u32, held: &Kept, depth: u32) -> bool {
    if depth > 6 {
        return true;
    }
    match nodes.get(value) {
        Node::Entry(place) => {
            let mut at = place;
            loop {
                match nodes.get(at) {
                    // Read again from memory, or still in a local.
                    Node::PField(_, name, _) | Node::PGlobal(name) => {
                        return shape.read_later(name, block) || held.has(value);
                    }
                    Node::PIndex(base, _) => at = base,
                    _ => return true,
                }
            }
        }
        Node::Un(_, v) | Node::IsErr(v) | Node::IsErrOrNull(v) | Node::Truth(v) => matters(nodes, shape, v, block, held, depth + 1),
        Node::Bin(_, a, b) => matters(nodes, shape, a, block, held, depth + 1) || matters(nodes, shape, b, block, held, depth + 1),
        Node::Fresh(..) | Node::Phi(..) => held.has(value),
        Node::Int(_) | Node::Str | Node::Addr(_) | Node::Function(_) => false,
        _ => true,
    }
}
