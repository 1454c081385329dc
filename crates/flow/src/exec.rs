//! The path engine: runs one function over symbolic states.
//!
//! Blocks are visited in reverse post-order. A state is a path's locks, context, written places and known facts; a branch whose condition is
//! decided by what is known follows one edge. States that meet in a block and agree in locks and context are merged when there are more of
//! them than a block may hold; what differs becomes unknown, so merging loses bugs, not truth. A loop body runs twice: as its first round, then, with everything that
//! the body writes made unknown, as any later one. A budget bounds the visits; reaching it is recorded in the summary.
//!
//! Departures from soundness, chosen against noise: a call does not change memory that it was not given the address of, except that
//! pointers in memory known to be NULL may have been set; two different access paths are taken for different places.

use crate::digest::{DExpr, DOp, DOpKind, DTerm, Digest, EId, Target};
use crate::fact::Fact;
use crate::node::{Node, NodeId, Nodes, RESULT};
use crate::shape::Shape;
use crate::state::{AT_ENTRY, Held, State};
use crate::summary::*;
use crate::world::World;
use cuthere_base::{Loc, Symbol};
use cuthere_ir::{BinOp, UnOp};
use cuthere_kernel::{CtxPart, Entry, LockEffect, LockKind, LockRef, Returns, Sleeps, Success};
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
    pending: Vec<Vec<State>>,
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
    pending: &'r mut Vec<Vec<State>>,
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
        let mut state = State { ctx: start.ctx, since: [AT_ENTRY; 4], ..State::default() };
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
    fn prune(&mut self, states: &mut Vec<State>, block: u32, cap: usize) {
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
            let env = &s.env;
            s.facts.retain(|f| match nodes.get(f.0) {
                Node::Fresh(..) | Node::Phi(..) => holds(nodes, env, f.0),
                _ => matters(nodes, shape, f.0, block, env, 0),
            });
        }
        let mut kept: Vec<State> = Vec::with_capacity(states.len().min(3 * cap));
        for s in states.drain(..) {
            if kept.iter().any(|k| k.same(&s)) {
                continue;
            }
            if kept.len() < cap {
                kept.push(s);
                continue;
            }
            // Above the cap it is merged with the one that differs least; if none agrees in property, it may stay up to a point.
            let nearest = (0..kept.len()).filter(|&i| kept[i].same_property(&s)).min_by_key(|&i| kept[i].distance(&s, self.nodes));
            match nearest {
                Some(i) => kept[i].join(&s, self.nodes, block),
                None if kept.len() < 3 * cap => kept.push(s),
                None => self.truncated = true,
            }
        }
        *states = kept;
    }

    /// Runs one state through a block; gives the lowest position of a back edge's target that got a state, or `usize::MAX`.
    fn block(&mut self, block: u32, state: State) -> usize {
        let b = &self.d.blocks[block as usize];
        let (first, ops) = self.d.block_ops(b);
        let mut states: SmallVec<[State; 2]> = SmallVec::new();
        states.push(state);
        for (i, op) in ops.iter().enumerate() {
            let index = first + i as u32;
            let mut next: SmallVec<[State; 2]> = SmallVec::new();
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

    fn send(&mut self, from: u32, to: u32, mut state: State) -> usize {
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
                let value = self.nodes.make(Node::Fresh(1 << 30 | to, p));
                state.write(self.nodes, p, value);
            }
            let nodes = &*self.nodes;
            let env = &state.env;
            state.facts.retain(|f| match nodes.get(f.0) {
                Node::Fresh(..) | Node::Phi(..) => holds(nodes, env, f.0),
                _ => true,
            });
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

    fn terminate(&mut self, block: u32, mut state: State) -> usize {
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
                    Some(true) => self.send(block, *then, state),
                    Some(false) => self.send(block, *els, state),
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
            DOpKind::Call { target: Target::Name(name), .. } => self.world.model.entry(name).is_some_and(|e| e.tests == Some(cuthere_kernel::Test::Truth)),
            _ => false,
        };
        matches!(b.term, DTerm::Goto(_)) && ops.iter().any(warns) && ops.iter().all(|op| warns(op) || matches!(op.kind, DOpKind::Access { .. }))
    }

    fn cursor(&mut self, args: (u32, u32), index: u8, state: &State) -> Option<NodeId> {
        let e = *self.d.call_args(args).get(index as usize)?;
        match self.d.exprs[e as usize] {
            DExpr::Load(place, _) => Some(self.place(place, state)),
            _ => None,
        }
    }

    /// Tells observers about tests of call results and of pointers dereferenced earlier.
    fn note_tests(&mut self, block: u32, cond: NodeId, state: &State) {
        let mut value = cond;
        let mut direct = false;
        for _ in 0..6 {
            match self.nodes.get(value) {
                Node::Un(UnOp::Not, v) | Node::Truth(v) => value = v,
                Node::IsErr(v) | Node::IsErrOrNull(v) => {
                    value = v;
                }
                Node::Bin(BinOp::Eq | BinOp::Ne, a, b) => match (self.nodes.get(a), self.nodes.get(b)) {
                    (_, Node::Int(0)) => value = a,
                    (Node::Int(0), _) => value = b,
                    _ => return,
                },
                _ => {
                    direct = true;
                    break;
                }
            }
        }
        if !direct {
            return;
        }
        if let Node::Fresh(op, RESULT) = self.nodes.get(value) {
            self.with_path(state, |o, p| o.tested(p, op));
        }
        let b = &self.d.blocks[block as usize];
        if b.origin.is_empty()
            && let Some(&(_, deref_op)) = self.shape_derefs(state).iter().find(|x| x.0 == value)
        {
            let loc = b.loc;
            self.with_path(state, |o, p| o.late_test(p, &LateTest { deref_op, value, loc, block }));
        }
    }

    fn shape_derefs<'s>(&self, state: &'s State) -> &'s [(NodeId, u32)] {
        &state.derefs
    }

    fn with_path(&mut self, state: &State, f: impl FnOnce(&mut O, &mut Path<'_, 'a>)) {
        let mut path = Path { world: self.world, func: self.func, digest: self.d, nodes: self.nodes, state, trail: self.trail };
        f(self.observer, &mut path);
    }

    /// Makes a condition true or false; false: impossible.
    fn assume(&mut self, state: &mut State, value: NodeId, truth: bool, depth: u32) -> bool {
        if depth > 16 {
            return true;
        }
        match self.nodes.get(value) {
            Node::Int(v) => (v != 0) == truth,
            Node::Un(UnOp::Not, v) => self.assume(state, v, !truth, depth + 1),
            Node::Truth(v) => self.assume(state, v, truth, depth + 1),
            Node::IsErr(p) => self.refine(state, p, if truth { Fact::ERR } else { Fact { not_err: true, ..Fact::TOP } }),
            Node::IsErrOrNull(p) => {
                if truth {
                    self.refine(state, p, Fact { lo: crate::fact::MIN_ERR, hi: 0, not_zero: false, not_err: false })
                } else {
                    self.refine(state, p, Fact::OBJECT)
                }
            }
            Node::ContextQuery(_) => {
                state.asked = true;
                state.learn(value, if truth { Fact::NON_ZERO } else { Fact::ZERO })
            }
            Node::Bin(op, a, b) => {
                let (x, y) = (state.fact(self.nodes, a), state.fact(self.nodes, b));
                let op = if truth { op } else { negate(op) };
                match op {
                    BinOp::Eq => match (x.value(), y.value()) {
                        (_, Some(v)) => self.assume_equal(state, a, v, depth),
                        (Some(v), _) => self.assume_equal(state, b, v, depth),
                        _ => self.keep(state, value, truth),
                    },
                    BinOp::Ne => match (x.value(), y.value()) {
                        (_, Some(v)) => self.assume_differs(state, a, v, depth),
                        (Some(v), _) => self.assume_differs(state, b, v, depth),
                        _ => self.keep(state, value, truth),
                    },
                    // Unsigned comparisons look the same here: only bounds that hold for both readings are kept.
                    BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                        let strict = matches!(op, BinOp::Lt | BinOp::Gt);
                        let (small, large) = if matches!(op, BinOp::Lt | BinOp::Le) { (a, b) } else { (b, a) };
                        let (fs, fl) = (state.fact(self.nodes, small), state.fact(self.nodes, large));
                        let mut ok = true;
                        if let Some(v) = fl.value() {
                            ok &= match v.checked_sub(i64::from(strict)) {
                                Some(v) => self.refine(state, small, Fact { hi: v, ..Fact::TOP }),
                                None => false,
                            };
                        } else if let Some(v) = fs.value() {
                            ok &= match v.checked_add(i64::from(strict)) {
                                Some(v) => self.refine(state, large, Fact { lo: v, ..Fact::TOP }),
                                None => false,
                            };
                        } else {
                            ok &= self.keep(state, value, truth);
                        }
                        ok
                    }
                    BinOp::And if truth => {
                        let mut ok = state.learn(value, Fact::NON_ZERO);
                        // A set bit means that the whole is not zero.
                        ok &= self.refine(state, a, Fact::NON_ZERO);
                        ok
                    }
                    _ => self.keep(state, value, truth),
                }
            }
            _ => self.refine(state, value, if truth { Fact::NON_ZERO } else { Fact::ZERO }),
        }
    }

    fn assume_equal(&mut self, state: &mut State, value: NodeId, constant: i64, depth: u32) -> bool {
        match self.nodes.get(value) {
            Node::IsErr(_) | Node::IsErrOrNull(_) | Node::Truth(_) | Node::Un(UnOp::Not, _) => match constant {
                0 => self.assume(state, value, false, depth + 1),
                1 => self.assume(state, value, true, depth + 1),
                _ => false,
            },
            Node::Bin(BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge, _, _) if constant == 0 => {
                self.assume(state, value, false, depth + 1)
            }
            _ => self.refine(state, value, Fact::exactly(constant)),
        }
    }

    fn assume_differs(&mut self, state: &mut State, value: NodeId, constant: i64, depth: u32) -> bool {
        if constant == 0 {
            return match self.nodes.get(value) {
                Node::IsErr(_) | Node::IsErrOrNull(_) | Node::Truth(_) | Node::Un(UnOp::Not, _) | Node::Bin(..) => {
                    self.assume(state, value, true, depth + 1)
                }
                _ => self.refine(state, value, Fact::NON_ZERO),
            };
        }
        match state.fact(self.nodes, value).without(constant) {
            Some(fact) => self.refine(state, value, fact),
            None => false,
        }
    }

    fn keep(&mut self, state: &mut State, value: NodeId, truth: bool) -> bool {
        let fact = if truth { Fact::NON_ZERO } else { Fact::ZERO };
        match self.nodes.get(value) {
            // The stored node is the untruncated comparison, read back by `fact`.
            Node::Bin(..) => state.learn(value, fact),
            _ => self.refine(state, value, fact),
        }
    }

    fn refine(&mut self, state: &mut State, value: NodeId, fact: Fact) -> bool {
        match state.fact(self.nodes, value).meet(fact) {
            None => false,
            Some(_) if matches!(self.nodes.get(value), Node::Int(_) | Node::Str | Node::Addr(_) | Node::Function(_)) => true,
            Some(_) => {
                if !state.learn(value, fact) {
                    return false;
                }
                // Comparisons known to be true or false must still hold.
                let nodes = &*self.nodes;
                state.facts.iter().all(|&(node, known)| match nodes.get(node) {
                    Node::Bin(op, a, b) if a == value || b == value => state.compare(nodes, op, a, b).meet(known).is_some(),
                    _ => true,
                })
            }
        }
    }

    // ---- evaluation ----

    pub(crate) fn place(&mut self, e: EId, state: &State) -> NodeId {
        match self.d.exprs[e as usize] {
            DExpr::Local(l) => self.nodes.make(Node::PLocal(l)),
            DExpr::Global(g) => self.nodes.make(Node::PGlobal(g)),
            DExpr::Deref(v) => {
                let v = self.eval(v, state);
                self.nodes.deref(v)
            }
            DExpr::Field { base, record, name } => {
                let base = self.place(base, state);
                self.nodes.field(base, name, record)
            }
            DExpr::Index { base, index } => {
                let base = self.place(base, state);
                let index = self.eval(index, state);
                self.nodes.make(Node::PIndex(base, index))
            }
            // A value where a place was expected (a struct returned by a call): its own memory.
            _ => {
                let v = self.eval(e, state);
                self.nodes.make(Node::PDeref(v))
            }
        }
    }

    pub(crate) fn eval(&mut self, e: EId, state: &State) -> NodeId {
        match self.d.exprs[e as usize] {
            DExpr::Load(place, _) => {
                let p = self.place(place, state);
                state.read(self.nodes, p)
            }
            DExpr::Addr(place) => {
                let p = self.place(place, state);
                self.nodes.addr(p)
            }
            DExpr::Function(name) => self.nodes.make(Node::Function(name)),
            DExpr::Int(v) => self.nodes.int(v),
            DExpr::Str => self.nodes.make(Node::Str),
            DExpr::Un(op, a) => {
                let a = self.eval(a, state);
                match (op, self.nodes.get(a)) {
                    (UnOp::Neg, Node::Int(v)) => self.nodes.int(v.wrapping_neg()),
                    (UnOp::BitNot, Node::Int(v)) => self.nodes.int(!v),
                    (UnOp::Not, Node::Int(v)) => self.nodes.int(i64::from(v == 0)),
                    (UnOp::Plus, _) => a,
                    (op, _) => self.nodes.make(Node::Un(op, a)),
                }
            }
            DExpr::Bin(op, a, b) => {
                let (a, b) = (self.eval(a, state), self.eval(b, state));
                self.nodes.bin(op, a, b)
            }
            DExpr::Select(c, t, f) => {
                let c = self.eval(c, state);
                match state.fact(self.nodes, c).truth() {
                    Some(true) => self.eval(t, state),
                    Some(false) => self.eval(f, state),
                    None => {
                        let (t, f) = (self.eval(t, state), self.eval(f, state));
                        if t == f { t } else { self.nodes.make(Node::Fresh(1 << 28 | e, c)) }
                    }
                }
            }
            DExpr::ContainerOf { ptr, record, field } => {
                let p = self.eval(ptr, state);
                self.nodes.container(p, record, field)
            }
            DExpr::Opaque(n) => self.nodes.make(Node::Fresh(1 << 27 | n, state.rounds.len() as u32)),
            // A place used as a value (arrays as a whole, structs).
            DExpr::Local(_) | DExpr::Global(_) | DExpr::Deref(_) | DExpr::Field { .. } | DExpr::Index { .. } => {
                let p = self.place(e, state);
                state.read(self.nodes, p)
            }
        }
    }

    // ---- operations ----

    fn op(&mut self, index: u32, op: &DOp, mut state: State, out: &mut SmallVec<[State; 2]>) {
        match op.kind {
            DOpKind::Store { place, value } => {
                let v = self.eval(value, &state);
                let p = self.place(place, &state);
                state.write(self.nodes, p, v);
                out.push(state);
            }
            DOpKind::Zero { place } => {
                let p = self.place(place, &state);
                let zero = self.nodes.int(0);
                state.write(self.nodes, p, zero);
                out.push(state);
            }
            DOpKind::Access { ptr, member } => {
                let v = self.eval(ptr, &state);
                let event = NullSite { op: index, loc: op.loc, origin: op.origin, member, text: Some(ptr), callee: None, argument: None, name: Symbol::EMPTY };
                if self.access(v, &mut state, &event) {
                    out.push(state);
                }
            }
            DOpKind::Call { dst, target, args, cleanup } => self.call(index, op, dst, target, args, cleanup, state, out),
            DOpKind::Declare(l) => {
                let p = self.nodes.make(Node::PLocal(l));
                let v = self.nodes.make(Node::Fresh(index, 1));
                state.write(self.nodes, p, v);
                out.push(state);
            }
            DOpKind::LoopNext { name, args } => {
                let cursor = self.world.model.loop_macro(name).map_or(0, |l| l.cursor);
                if let Some(p) = self.cursor(args, cursor, &state) {
                    let salt = 2 + state.rounds.len() as u32;
                    let v = self.nodes.make(Node::Fresh(index, salt));
                    state.learn(v, Fact::OBJECT);
                    state.write(self.nodes, p, v);
                }
                out.push(state);
            }
            DOpKind::GuardEnter { class, args, id } => {
                if let Some(guard) = self.world.model.guard(class)
                    && let Some(entry) = self.world.entry(guard.enter, false)
                {
                    let values = self.values(args, &state);
                    self.note_call(index, op, guard.enter, Some(entry), None, &values, &mut state);
                    let before = state.locks.len();
                    self.effects(index, entry, &values, &mut state);
                    for held in state.locks.iter_mut().skip(before) {
                        held.guard = id + 1;
                    }
                }
                out.push(state);
            }
            DOpKind::GuardExit { class, args, id } => {
                if let Some(guard) = self.world.model.guard(class)
                    && let Some(entry) = self.world.entry(guard.exit, false)
                {
                    let had = state.locks.len();
                    state.locks.retain(|l| l.guard != id + 1);
                    let values = self.values(args, &state);
                    if had == state.locks.len() {
                        self.effects(index, entry, &values, &mut state);
                    } else {
                        self.context_effects(index, entry, &mut state);
                    }
                }
                out.push(state);
            }
            DOpKind::Gap => out.push(state),
        }
    }

    pub(crate) fn values(&mut self, args: (u32, u32), state: &State) -> SmallVec<[NodeId; 6]> {
        let d = self.d;
        d.call_args(args).iter().map(|&a| self.eval(a, state)).collect()
    }

    /// A pointer value is dereferenced; false: the path ends here.
    fn access(&mut self, value: NodeId, state: &mut State, site: &NullSite) -> bool {
        let root = self.nodes.pointer_root(value);
        let fact = state.fact(self.nodes, root);
        if !fact.may_be_zero() {
            return true;
        }
        if fact.is_zero() {
            if !matches!(self.nodes.get(root), Node::Entry(p) if !matches!(self.nodes.get(p), Node::PLocal(_))) || fact.is_zero() {
                self.emit_null(root, NullCause::Known, state, site);
            }
            return false;
        }
        match self.nodes.get(root) {
            Node::Fresh(op, RESULT) if (op as usize) < self.d.ops.len() && self.may_return_null(op) => {
                self.emit_null(root, NullCause::Call(op), state, site);
            }
            _ => {}
        }
        if let Some(param) = self.nodes.param(root, self.d.params)
            && param < 64
        {
            self.param_deref(param as u8, state, site);
        }
        if state.derefs.len() < 24 && site.origin.is_empty() && site.callee.is_none() {
            state.derefs.push((root, site.op));
        }
        state.learn(root, Fact::NON_ZERO)
    }

    fn emit_null(&mut self, value: NodeId, cause: NullCause, state: &State, site: &NullSite) {
        let event = NullEvent {
            op: site.op,
            loc: site.loc,
            origin: site.origin,
            value,
            cause,
            member: site.member,
            text: site.text,
            callee: site.callee,
            argument: site.argument,
            callee_name: site.name,
        };
        self.with_path(state, |o, p| o.null(p, &event));
    }

    /// Whether the call may return NULL by what is known of its target (conditions on arguments were decided at the call).
    fn may_return_null(&self, op: u32) -> bool {
        self.null_return(op).is_some()
    }

    fn null_return(&self, op: u32) -> Option<(NullWhy, Symbol)> {
        null_return(self.world, self.func, op)
    }

    fn param_deref(&mut self, param: u8, state: &State, site: &NullSite) {
        let guard = self.guard(state, Some(param));
        let (always, depth) = (false, site.callee.map_or(0, |(f, i)| self.world.summary(f).and_then(|s| s.derefs.get(i as usize)).map_or(0, |d| d.depth + 1)));
        if depth > 8 {
            return;
        }
        if let Some(known) = self.derefs.iter_mut().find(|d| d.param == param) {
            // The weakest condition is kept, with the place it belongs to.
            if known.guard.len() > guard.len() {
                known.guard = guard;
                known.loc = site.loc;
                known.member = site.member;
                known.via = site.callee;
                known.primitive = if site.callee.is_none() { site.name } else { Symbol::EMPTY };
                known.depth = depth;
            }
            return;
        }
        self.derefs.push(ParamDeref {
            param,
            loc: site.loc,
            member: site.member,
            via: site.callee,
            primitive: if site.callee.is_none() { site.name } else { Symbol::EMPTY },
            guard,
            always,
            depth,
        });
    }

    /// What this path has learned about the arguments, as a condition for callers.
    fn guard(&self, state: &State, except: Option<u8>) -> Guard {
        let mut guard = Guard::new();
        for &(value, fact) in &state.facts {
            if let Some(p) = self.nodes.param(value, self.d.params) {
                if p < 255 && Some(p as u8) != except && fact != Fact::TOP && !(fact == Fact::NON_ZERO && state.derefs.iter().any(|d| d.0 == value)) {
                    guard.push((p as u8, Test::Fact(fact)));
                }
            } else if let Node::Bin(BinOp::And, a, b) = self.nodes.get(value)
                && let Node::Int(mask) = self.nodes.get(b)
                && let Some(p) = self.nodes.param(a, self.d.params)
                && p < 255
                && let Some(truth) = fact.truth()
            {
                guard.push((p as u8, if truth { Test::AnyBit(mask) } else { Test::NoBit(mask) }));
            }
        }
        guard.sort_unstable_by_key(|g| g.0);
        guard
    }

    /// Whether the mask's bits are set in a value.
    fn bits(&mut self, value: NodeId, mask: i64, state: &State, depth: u32) -> Bits {
        if depth > 8 {
            return Bits::Unknown;
        }
        if let Some(v) = state.fact(self.nodes, value).value() {
            return if v & mask != 0 { Bits::Set } else { Bits::Clear };
        }
        let and = self.nodes.int(mask);
        let masked = self.nodes.bin(BinOp::And, value, and);
        match state.fact(self.nodes, masked).truth() {
            Some(true) => return Bits::Set,
            Some(false) => return Bits::Clear,
            None => {}
        }
        match self.nodes.get(value) {
            Node::Bin(BinOp::Or, a, b) => match (self.bits(a, mask, state, depth + 1), self.bits(b, mask, state, depth + 1)) {
                (Bits::Set, _) | (_, Bits::Set) => Bits::Set,
                (Bits::Clear, other) | (other, Bits::Clear) => other,
                _ => Bits::Unknown,
            },
            Node::Bin(BinOp::And, a, b) => match (self.bits(a, mask, state, depth + 1), self.bits(b, mask, state, depth + 1)) {
                (Bits::Clear, _) | (_, Bits::Clear) => Bits::Clear,
                (Bits::Set, other) | (other, Bits::Set) => other,
                _ => Bits::Unknown,
            },
            _ => match self.nodes.param(value, self.d.params) {
                Some(p) if p < 255 => Bits::Param(p as u8),
                _ => Bits::Unknown,
            },
        }
    }

    /// A callee's condition in terms of this call: `None` if it cannot hold, else what remains as a condition on own arguments.
    fn translate(&mut self, guard: &Guard, args: &[NodeId], state: &State) -> Option<Guard> {
        let mut own = Guard::new();
        for &(param, test) in guard {
            let Some(&arg) = args.get(param as usize) else { continue };
            match test {
                Test::Fact(fact) => {
                    let known = state.fact(self.nodes, arg);
                    known.meet(fact)?;
                    if let Some(p) = self.nodes.param(arg, self.d.params)
                        && p < 255
                        && known.meet(fact) != Some(known)
                    {
                        own.push((p as u8, test));
                    }
                }
                Test::AnyBit(mask) => match self.bits(arg, mask, state, 0) {
                    Bits::Clear => return None,
                    Bits::Param(p) => own.push((p, test)),
                    Bits::Set => {}
                    Bits::Unknown => {
                        if mask == self.world.gfp_reclaim {
                            return None;
                        }
                    }
                },
                Test::NoBit(mask) => match self.bits(arg, mask, state, 0) {
                    Bits::Set => return None,
                    Bits::Param(p) => own.push((p, test)),
                    _ => {}
                },
            }
        }
        Some(own)
    }

    /// Whether the conditions of a guard that name one value are known to hold, not only possible.
    fn proven(&self, guard: &Guard, args: &[NodeId], state: &State) -> bool {
        guard.iter().all(|(param, test)| match (test, args.get(*param as usize)) {
            (Test::Fact(fact), Some(&arg)) if fact.value().is_some() => state.fact(self.nodes, arg).value() == fact.value(),
            _ => true,
        })
    }

    // ---- calls ----

    #[allow(clippy::too_many_arguments)]
    fn call(
        &mut self,
        index: u32,
        op: &DOp,
        dst: Option<u32>,
        target: Target,
        args: (u32, u32),
        cleanup: bool,
        mut state: State,
        out: &mut SmallVec<[State; 2]>,
    ) {
        let world = self.world;
        let values = self.values(args, &state);
        let callees = world.callees(self.func, index);
        let (name, entry) = match target {
            Target::Name(name) => {
                let name = if cleanup { self.freeing(name) } else { name };
                (name, world.entry(name, callees.is_some()))
            }
            Target::Pointer(e) => (self.d.ops_field(e).map_or(Symbol::EMPTY, |f| f.1), None),
        };
        let ops = match target {
            Target::Pointer(e) => self.d.ops_field(e),
            Target::Name(_) => None,
        };
        self.note_call(index, op, name, entry, ops, &values, &mut state);

        // Dereferences inside the callee.
        if let Some(entry) = entry {
            for &arg in &entry.derefs {
                if let Some(&v) = values.get(arg as usize) {
                    let site = NullSite { op: index, loc: op.loc, origin: op.origin, member: Symbol::EMPTY, text: None, callee: None, argument: Some(arg), name };
                    if !self.access(v, &mut state, &site) {
                        return;
                    }
                }
            }
        } else if let Some(crate::world::Callees::One(f)) = callees
            && let Some(summary) = world.summary(*f)
        {
            for (i, deref) in summary.derefs.iter().enumerate() {
                if let Some(&v) = values.get(deref.param as usize) {
                    let Some(_) = self.translate(&deref.guard, &values, &state) else { continue };
                    let site = NullSite { op: index, loc: op.loc, origin: op.origin, member: deref.member, text: None, callee: Some((*f, i as u8)), argument: Some(deref.param), name };
                    if !self.access(v, &mut state, &site) {
                        return;
                    }
                }
            }
        }
        self.forget(&values, &mut state);

        let result = self.nodes.make(Node::Fresh(index, RESULT));
        // Another round of the same call is another value.
        state.facts.retain(|f| f.0 != result);
        if dst.is_none() {
            // Nothing refers to the result.
        }

        if let Some(entry) = entry {
            self.model_call(index, entry, &values, result, dst, state, out);
            return;
        }
        match callees {
            Some(crate::world::Callees::One(f)) => match world.summary(*f) {
                Some(summary) => {
                    // What the model says of a result outweighs what paths through the body seem to allow.
                    if never_null(world, name) {
                        state.learn(result, Fact::NON_ZERO);
                    }
                    self.tree_call(index, summary, &values, result, dst, state, out);
                }
                None => {
                    self.assign(dst, result, &mut state);
                    out.push(state);
                }
            },
            _ => {
                self.assign(dst, result, &mut state);
                out.push(state);
            }
        }
    }

    fn freeing(&self, name: Symbol) -> Symbol {
        name.as_str().strip_prefix("__free_").and_then(Symbol::find).and_then(|n| self.world.model.free_class(n)).map_or(name, |c| c.calls)
    }

    fn assign(&mut self, dst: Option<u32>, value: NodeId, state: &mut State) {
        if let Some(l) = dst {
            let p = self.nodes.make(Node::PLocal(l));
            state.write(self.nodes, p, value);
        }
    }

    /// What a call may change: locals whose address it gets, and pointers in memory known to be NULL.
    fn forget(&mut self, args: &[NodeId], state: &mut State) {
        for &a in args {
            if let Node::Addr(place) = self.nodes.get(a)
                && self.nodes.local_of(place).is_some()
            {
                let salt = self.nodes.len() as u32 | 1 << 31;
                let v = self.nodes.make(Node::Fresh(1 << 26 | place, salt));
                state.write(self.nodes, place, v);
            }
        }
        let nodes = &*self.nodes;
        let stale: SmallVec<[NodeId; 4]> = state
            .facts
            .iter()
            .filter(|f| f.1.is_zero() && matches!(nodes.get(f.0), Node::Entry(p) if !matches!(nodes.get(p), Node::PLocal(_))))
            .map(|f| f.0)
            .collect();
        state.facts.retain(|f| !stale.contains(&f.0));
        // Written memory that holds NULL.
        for e in state.env.iter_mut() {
            if nodes.get(e.1) == Node::Int(0) && nodes.local_of(e.0).is_none() {
                e.1 = u32::MAX;
            }
        }
        state.env.retain(|e| e.1 != u32::MAX);
    }

    fn model_call(&mut self, index: u32, entry: &Entry, values: &[NodeId], result: NodeId, dst: Option<u32>, mut state: State, out: &mut SmallVec<[State; 2]>) {
        use cuthere_kernel::Test as T;
        if entry.noreturn {
            return;
        }
        let mut value = result;
        match (entry.tests, values.first()) {
            (Some(T::IsErr | T::PtrErrOrZero), Some(&v)) => value = self.nodes.make(Node::IsErr(v)),
            (Some(T::IsErrOrNull), Some(&v)) => value = self.nodes.make(Node::IsErrOrNull(v)),
            (Some(T::Truth), Some(&v)) => value = self.nodes.make(Node::Truth(v)),
            (Some(T::BugOn), Some(&v)) => {
                if !self.assume(&mut state, v, false, 0) {
                    return;
                }
            }
            _ => {}
        }
        match entry.returns {
            Returns::Arg(i) => value = values.get(i as usize).copied().unwrap_or(result),
            Returns::NonNull | Returns::RarelyNull => {
                state.learn(result, Fact::OBJECT);
            }
            Returns::ErrPtr => {
                state.learn(result, Fact::NON_ZERO);
            }
            Returns::MayNull => {
                let never_fails = matches!(entry.sleeps, Sleeps::Gfp(i) if values.get(i as usize).is_some_and(|&v| self.bits(v, self.world.gfp_nofail, &state, 0) == Bits::Set));
                state.learn(result, if never_fails { Fact::OBJECT } else { Fact { not_err: true, ..Fact::TOP } });
            }
            _ => {}
        }
        if crate::words::asks_context(entry.name) {
            value = self.nodes.make(Node::ContextQuery(entry.name.index() as u32));
        }
        for &(arg, deferred) in &entry.frees {
            if let Some(&v) = values.get(arg as usize) {
                self.free(v, deferred, entry.name, index, &state);
            }
        }
        let conditional = entry.acquires.iter().find(|a| a.success != Success::Always).map(|a| a.success);
        match conditional {
            Some(success) if dst.is_some() => {
                let (ok, failed) = match success {
                    Success::NonZero => (Fact::NON_ZERO, Fact::ZERO),
                    Success::Zero => (Fact::ZERO, Fact::NON_ZERO),
                    Success::Pointer | Success::Always => (Fact::OBJECT, Fact::TOP),
                };
                let mut taken = state.clone();
                self.effects(index, entry, values, &mut taken);
                if taken.learn(result, ok) {
                    self.assign(dst, value, &mut taken);
                    out.push(taken);
                }
                if success == Success::Pointer {
                    state.learn(result, Fact { lo: crate::fact::MIN_ERR, hi: 0, not_zero: false, not_err: false });
                } else {
                    state.learn(result, failed);
                }
                self.assign(dst, value, &mut state);
                out.push(state);
            }
            _ => {
                self.effects(index, entry, values, &mut state);
                self.assign(dst, value, &mut state);
                out.push(state);
            }
        }
    }

    fn tree_call(&mut self, index: u32, summary: &Summary, values: &[NodeId], result: NodeId, dst: Option<u32>, mut state: State, out: &mut SmallVec<[State; 2]>) {
        if summary.noreturn {
            return;
        }
        let mut value = result;
        if let Some(arg) = summary.ret.arg
            && let Some(&v) = values.get(arg as usize)
        {
            value = v;
        }
        if let Some(fact) = summary.ret.fact
            && fact != Fact::TOP
        {
            state.learn(result, fact);
        }
        if let Some(null) = &summary.ret.null {
            let possible = null.guards.iter().any(|g| self.proven(g, values, &state) && self.translate(g, values, &state).is_some());
            if !possible {
                state.learn(result, Fact::NON_ZERO);
            }
        }
        for free in &summary.frees {
            if self.translate(&free.guard, values, &state).is_some()
                && let Some(place) = self.absolute(&free.place, values, result, &state)
            {
                let v = self.nodes.addr(place);
                self.free(v, free.deferred, free.by, index, &state);
            }
        }
        if summary.outcomes.is_empty() {
            self.assign(dst, value, &mut state);
            out.push(state);
            return;
        }
        let mut any = false;
        for outcome in &summary.outcomes {
            if self.translate(&outcome.guard, values, &state).is_none() {
                continue;
            }
            let mut s = state.clone();
            if dst.is_some() && outcome.ret != Fact::TOP && !s.learn(result, outcome.ret) {
                continue;
            }
            if !outcome.guard.iter().all(|(p, test)| match (test, values.get(*p as usize)) {
                (Test::Fact(fact), Some(&v)) => self.refine(&mut s, v, *fact),
                _ => true,
            }) {
                continue;
            }
            any = true;
            for delta in &outcome.locks {
                let place = self.absolute(&delta.place, values, result, &s);
                let (place, class) = match place {
                    Some(p) => (p, self.class_of(p, delta.class)),
                    None => (self.nodes.make(Node::PGlobal(delta.class)), delta.class),
                };
                if delta.taken {
                    self.acquire(Held { place, class, kind: delta.kind, mode: delta.mode, op: index, guard: 0 }, &mut s);
                } else {
                    self.release(place, class, delta.kind, delta.mode, index, &mut s);
                }
            }
            self.shift(outcome.ctx, index, &mut s);
            self.assign(dst, value, &mut s);
            out.push(s);
        }
        if !any {
            self.assign(dst, value, &mut state);
            out.push(state);
        }
    }

    fn shift(&mut self, by: Ctx, op: u32, state: &mut State) {
        for (i, (before, d)) in
            [(state.ctx.preempt, by.preempt), (state.ctx.bh, by.bh), (state.ctx.irq, by.irq), (state.ctx.rcu, by.rcu)].into_iter().enumerate()
        {
            if before <= 0 && d > 0 {
                state.since[i] = op;
            }
        }
        state.ctx = state.ctx.plus(by);
    }

    fn free(&mut self, value: NodeId, deferred: bool, by: Symbol, index: u32, state: &State) {
        let place = self.nodes.deref(value);
        if let Some(rel) = self.relative(place, None)
            && matches!(rel.root, RelRoot::Param(_))
            && self.frees.len() < 8
            && !self.frees.iter().any(|f| f.place == rel)
        {
            let loc = self.d.ops.get(index as usize).map_or(Loc::NONE, |o| o.loc);
            let guard = self.guard(state, None);
            self.frees.push(ParamFree { place: rel, loc, by, deferred, guard });
        }
    }

    fn lock_place(&mut self, lock: LockRef, values: &[NodeId]) -> Option<NodeId> {
        Some(match lock {
            LockRef::Arg(i) => {
                let v = *values.get(i as usize)?;
                self.nodes.deref(v)
            }
            LockRef::Named(name) => self.nodes.make(Node::PGlobal(name)),
            LockRef::Member(i, member) => {
                let v = *values.get(i as usize)?;
                let base = self.nodes.deref(v);
                self.nodes.field(base, member, Symbol::EMPTY)
            }
            LockRef::Through(i) => {
                let v = *values.get(i as usize)?;
                self.nodes.deref(v)
            }
        })
    }

    /// The lock's class as findings name it.
    fn class_of(&self, place: NodeId, fallback: Symbol) -> Symbol {
        let mut at = place;
        loop {
            match self.nodes.get(at) {
                Node::PField(_, name, record) => {
                    return if record.is_empty() { name } else { Symbol::intern(&format!("{record}.{name}")) };
                }
                Node::PIndex(base, _) => at = base,
                Node::PGlobal(name) => return name,
                Node::PLocal(l) => return self.d.locals.get(l as usize).copied().unwrap_or(fallback),
                Node::PDeref(v) => match self.nodes.get(v) {
                    Node::Entry(p) => match self.nodes.get(p) {
                        Node::PLocal(l) => return self.d.locals.get(l as usize).copied().unwrap_or(fallback),
                        _ => at = p,
                    },
                    _ => return fallback,
                },
                _ => return fallback,
            }
        }
    }

    fn effects(&mut self, index: u32, entry: &Entry, values: &[NodeId], state: &mut State) {
        for effect in &entry.releases {
            let LockEffect { lock, kind, mode, .. } = *effect;
            if let Some(place) = self.lock_place(lock, values) {
                let class = self.class_of(place, entry.name);
                self.release(place, class, kind, mode, index, state);
            }
        }
        for effect in &entry.acquires {
            let LockEffect { lock, kind, mode, .. } = *effect;
            if let Some(place) = self.lock_place(lock, values) {
                let class = self.class_of(place, entry.name);
                self.acquire(Held { place, class, kind, mode, op: index, guard: 0 }, state);
            }
        }
        self.context_effects(index, entry, state);
    }

    fn context_effects(&mut self, index: u32, entry: &Entry, state: &mut State) {
        for effect in &entry.context {
            let mut by = Ctx::default();
            let step = if effect.enter { 1 } else { -1 };
            match effect.part {
                CtxPart::Preempt => by.preempt = step,
                CtxPart::Bh => by.bh = step,
                CtxPart::IrqSave => by.irq = step,
                CtxPart::Irq => {
                    if effect.enter && state.ctx.irq > 0 {
                        continue;
                    }
                    // Enabling ends every nesting at once.
                    by.irq = if effect.enter { 1 } else if state.ctx.irq > 0 { -state.ctx.irq } else { -1 };
                }
                CtxPart::Rcu | CtxPart::RcuSched => by.rcu = step,
                CtxPart::RcuBh => {
                    by.rcu = step;
                    by.bh = step;
                }
                CtxPart::PagefaultOff => by.pagefault = step,
            }
            self.shift(by, index, state);
        }
    }

    fn acquire(&mut self, held: Held, state: &mut State) {
        if let Some(i) = state.released.iter().position(|r| r.place == held.place || (r.class == held.class && r.kind == held.kind)) {
            state.released.remove(i);
            return;
        }
        if state.locks.len() < 12 {
            state.locks.push(held);
        }
    }

    fn release(&mut self, place: NodeId, class: Symbol, kind: LockKind, mode: cuthere_kernel::LockMode, op: u32, state: &mut State) {
        let found = state
            .locks
            .iter()
            .rposition(|l| l.place == place)
            .or_else(|| state.locks.iter().rposition(|l| l.class == class && l.kind == kind))
            // A pointer to the lock that went through memory: the only one of its kind must be it.
            .or_else(|| {
                let mut same = state.locks.iter().enumerate().filter(|(_, l)| l.kind == kind && l.op != AT_ENTRY);
                match (same.next(), same.next()) {
                    (Some((i, _)), None) => Some(i),
                    _ => None,
                }
            });
        match found {
            Some(i) => {
                state.locks.remove(i);
            }
            None if state.released.len() < 8 => state.released.push(Held { place, class, kind, mode, op, guard: 0 }),
            None => {}
        }
    }

    /// Finds out how the call may sleep, records it for callers, and shows the call to the observers.
    #[allow(clippy::too_many_arguments)]
    fn note_call(&mut self, index: u32, op: &DOp, name: Symbol, entry: Option<&Entry>, ops: Option<(Symbol, Symbol)>, values: &[NodeId], state: &mut State) {
        let world = self.world;
        let mut hits: SmallVec<[SleepHit; 2]> = SmallVec::new();
        let callees = world.callees(self.func, index);
        if !state.asked && (state.ctx.pagefault <= 0 || entry.is_some_and(|e| !e.faults)) {
            if let Some(entry) = entry {
                self.entry_sleep(entry, values, state, &mut hits);
            } else if let Some(callees) = callees {
                self.tree_sleep(callees, values, state, &mut hits);
            }
            if let Some((record, field)) = ops
                && hits.is_empty()
                && let Some(known) = world.model.ops_field(record, field)
                && known.may_sleep == Some(true)
            {
                hits.push(SleepHit { via: SleepVia::Ops(record, field), guards: SmallVec::from_elem(Guard::new(), 1), depth: 0, indirect: 1, modes: 0, defers: false, share: (1, 1) });
            }
        }
        hits.retain(|h| !(h.defers && (state.ctx.bh > 0 || state.ctx.irq > 0)));
        // The state a call is seen in decides whether callers may be told: a lock of theirs that was dropped first is none.
        let dropped = state.released.iter().any(|r| r.kind.spins())
            || state.ctx.preempt < self.entry_ctx.preempt
            || state.ctx.bh < self.entry_ctx.bh
            || state.ctx.irq < self.entry_ctx.irq
            || state.ctx.rcu < self.entry_ctx.rcu;
        if !dropped {
            for hit in &hits {
                self.record_sleep(index, op.loc, hit, state);
            }
        }
        if dropped && !state.atomic() {
            hits.clear();
        }
        let list = callees.map_or(&[][..], |c| c.list());
        let event = CallEvent { op: index, loc: op.loc, origin: op.origin, name, entry, callees: list, args: values, sleeps: &hits };
        self.with_path(state, |o, p| o.call(p, &event));
    }

    fn entry_sleep(&mut self, entry: &Entry, values: &[NodeId], state: &State, hits: &mut SmallVec<[SleepHit; 2]>) {
        // What ends a section is not where it went wrong.
        if !entry.releases.is_empty() {
            return;
        }
        let mut guard = Guard::new();
        let arg = |i: u8| values.get(i as usize).copied();
        let sleeps = match entry.sleeps {
            Sleeps::Always => true,
            Sleeps::OnRt => self.world.preempt_rt,
            Sleeps::Gfp(i) => match arg(i).map(|v| self.bits(v, self.world.gfp_reclaim, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Param(p)) => {
                    guard.push((p, Test::AnyBit(self.world.gfp_reclaim)));
                    true
                }
                // A mask left out is GFP_KERNEL.
                None => true,
                _ => false,
            },
            Sleeps::IfBit(i, mask) => match arg(i).map(|v| self.bits(v, mask, state, 0)) {
                Some(Bits::Set) => true,
                Some(Bits::Param(p)) => {
                    guard.push((p, Test::AnyBit(mask)));
                    true
                }
                _ => false,
            },
            Sleeps::IfTrue(i) | Sleeps::IfFalse(i) => {
                let wanted = matches!(entry.sleeps, Sleeps::IfTrue(_));
                match arg(i) {
                    None => false,
                    Some(v) => match state.fact(self.nodes, v).truth() {
                        Some(truth) => truth == wanted,
                        None => match self.nodes.param(v, self.d.params) {
                            Some(p) if p < 255 => {
                                guard.push((p as u8, Test::Fact(if wanted { Fact::NON_ZERO } else { Fact::ZERO })));
                                true
                            }
                            _ => false,
                        },
                    },
                }
            }
            Sleeps::Unknown | Sleeps::Never => false,
        };
        if sleeps {
            hits.push(SleepHit { via: SleepVia::Primitive(entry.name), guards: SmallVec::from_elem(guard, 1), depth: 0, indirect: 0, modes: 0, defers: entry.defers_in_interrupt, share: (1, 1) });
        }
    }

    fn tree_sleep(&mut self, callees: &crate::world::Callees, values: &[NodeId], state: &State, hits: &mut SmallVec<[SleepHit; 2]>) {
        let world = self.world;
        let list = callees.list();
        let mut sleeping = 0u16;
        let indirect = u8::from(list.len() > 1);
        for &f in list {
            let Some(summary) = world.summary(f) else { continue };
            let mut first = true;
            for (i, site) in summary.sleeps.iter().enumerate() {
                if site.depth >= 10 {
                    continue;
                }
                let guards: SmallVec<[Guard; 1]> = site.guards.iter().filter_map(|g| self.translate(g, values, state)).collect();
                if guards.is_empty() {
                    continue;
                }
                if first {
                    sleeping += 1;
                    first = false;
                }
                // Through a pointer one way per call is enough.
                if list.len() > 1 && !hits.is_empty() {
                    break;
                }
                hits.push(SleepHit { via: SleepVia::Function(f, i as u8), guards, depth: site.depth + 1, indirect: site.indirect + indirect, modes: site.modes, defers: site.defers, share: (0, 0) });
                if hits.len() >= 4 {
                    break;
                }
            }
        }
        for hit in hits.iter_mut() {
            hit.share = (sleeping, list.len() as u16);
        }
    }

    fn record_sleep(&mut self, index: u32, loc: Loc, hit: &SleepHit, state: &State) {
        // Through a table of operations, callers hear of it only if most of its implementations do it.
        if hit.share.1 > 1 && hit.share.0 * 2 < hit.share.1 || hit.indirect > 1 {
            return;
        }
        let own = self.guard(state, None);
        let mut guards: SmallVec<[Guard; 1]> = SmallVec::new();
        for g in &hit.guards {
            let mut all = own.clone();
            for item in g {
                if !all.contains(item) {
                    all.push(*item);
                }
            }
            guards.push(all);
        }
        let modes = hit.modes.saturating_add(self.modes(state));
        if let Some((_, site)) = self.sleeps.iter_mut().find(|(op, s)| *op == index && s.via == hit.via) {
            for g in guards {
                add_guard(&mut site.guards, g);
            }
            site.modes = site.modes.min(modes);
            return;
        }
        if self.sleeps.len() < 24 {
            self.sleeps.push((index, SleepSite { loc, via: hit.via, guards, depth: hit.depth, indirect: hit.indirect, modes, defers: hit.defers }));
        }
    }

    /// How many decisions on this path were about flags, modes and counters in memory, rather than about results, pointers or arguments.
    fn modes(&self, state: &State) -> u8 {
        let mut at = state.trail;
        let mut count = 0u8;
        let mut steps = 0;
        while at != 0 && steps < 200 {
            let step = self.trail[at as usize];
            if let DTerm::Branch { cond, .. } | DTerm::Switch { value: cond, .. } = &self.d.blocks[step.block as usize].term
                && is_mode(self.d, *cond, 0)
            {
                count = count.saturating_add(1);
            }
            at = step.parent;
            steps += 1;
        }
        count
    }

    // ---- leaving ----

    fn exit(&mut self, block: u32, loc: Loc, value: Option<EId>, state: State) {
        let v = value.map(|e| self.eval(e, &state));
        self.with_path(&state, |o, p| o.exit(p, &ExitEvent { block, loc, value: v }));
        if self.exits.len() >= 64 {
            self.truncated = true;
            return;
        }
        let ret = v.map_or(Fact::TOP, |v| state.fact(self.nodes, v));
        let mut null_from = None;
        if self.d.ret_ptr
            && let Some(v) = v
        {
            if ret.is_zero() {
                null_from = Some((NullWhy::Literal, Symbol::EMPTY));
                if let Node::Fresh(op, RESULT) = self.nodes.get(v)
                    && let Some((why, name)) = self.null_return(op)
                {
                    null_from = Some((why, name));
                }
            } else if ret.may_be_zero()
                && let Node::Fresh(op, RESULT) = self.nodes.get(v)
                && (op as usize) < self.d.ops.len()
            {
                null_from = self.null_return(op);
            }
        }
        let mut checked_params = 0u64;
        for &(value, fact) in &state.facts {
            if let Some(p) = self.nodes.param(value, self.d.params.min(64))
                && fact.not_zero
            {
                checked_params |= 1 << p;
            }
        }
        let guard = self.guard(&state, None);
        let locks = state.locks.iter().skip(self.entry_locks.min(state.locks.len())).copied().filter(|l| l.op != AT_ENTRY).collect();
        self.exits.push(Exit {
            ret,
            value: v,
            guard,
            loc,
            locks,
            released: state.released,
            ctx: state.ctx.minus(self.entry_ctx),
            checked_params,
            null_from,
        });
    }

    /// The place in terms of parameters and globals.
    fn relative(&self, place: NodeId, result: Option<NodeId>) -> Option<RelPlace> {
        let mut path: SmallVec<[(Symbol, Symbol); 3]> = SmallVec::new();
        let mut at = place;
        for _ in 0..12 {
            match self.nodes.get(at) {
                Node::PField(base, name, record) => {
                    path.push((name, record));
                    at = base;
                }
                Node::PGlobal(name) => {
                    path.reverse();
                    return Some(RelPlace { root: RelRoot::Global(name), path });
                }
                Node::PDeref(v) => {
                    if Some(v) == result {
                        path.reverse();
                        return Some(RelPlace { root: RelRoot::Result, path });
                    }
                    match self.nodes.get(v) {
                        Node::Entry(p) => match self.nodes.get(p) {
                            Node::PLocal(l) if l < self.d.params.min(255) => {
                                path.reverse();
                                return Some(RelPlace { root: RelRoot::Param(l as u8), path });
                            }
                            Node::PLocal(_) => return None,
                            _ => {
                                path.push((Symbol::EMPTY, Symbol::EMPTY));
                                at = p;
                            }
                        },
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        None
    }

    /// The place that a callee's relative place is here.
    fn absolute(&mut self, rel: &RelPlace, values: &[NodeId], result: NodeId, state: &State) -> Option<NodeId> {
        let mut at = match rel.root {
            RelRoot::Param(i) => {
                let v = *values.get(i as usize)?;
                self.nodes.deref(v)
            }
            RelRoot::Global(name) => self.nodes.make(Node::PGlobal(name)),
            RelRoot::Result => self.nodes.deref(result),
            RelRoot::Unknown => return None,
        };
        for &(name, record) in &rel.path {
            at = if name.is_empty() {
                let v = state.read(self.nodes, at);
                self.nodes.deref(v)
            } else {
                self.nodes.field(at, name, record)
            };
        }
        Some(at)
    }

    fn summarise(mut self) -> Summary {
        let mut summary = Summary { truncated: self.truncated, ..Summary::default() };
        summary.noreturn = self.exits.is_empty() && !self.truncated && self.d.complete;

        // Sleep sites: unconditional and shallow ones first, but in a fixed order.
        let mut sites = std::mem::take(&mut self.sleeps);
        sites.sort_by_key(|(op, s)| (s.guards.iter().all(|g| !g.is_empty()), s.indirect, s.modes.min(3), s.depth, *op));
        sites.truncate(6);
        summary.sleeps = sites.into_iter().map(|(_, s)| s).collect();

        let exits = std::mem::take(&mut self.exits);
        let all_checked = exits.iter().fold(u64::MAX, |all, e| all & e.checked_params);
        summary.derefs = std::mem::take(&mut self.derefs);
        for d in &mut summary.derefs {
            d.always = all_checked >> d.param & 1 == 1;
        }
        summary.frees = std::mem::take(&mut self.frees);

        // The result.
        if !exits.is_empty() && self.d.ret_void {
            summary.ret.fact = None;
        } else if let Some(fact) = exits.iter().map(|e| e.ret).reduce(Fact::join) {
            summary.ret.fact = Some(fact);
            summary.ret.err = exits.iter().any(|e| e.ret.is_err() == Some(true));
            let first = exits[0].value.and_then(|v| self.nodes.param(v, self.d.params));
            if let Some(p) = first
                && p < 255
                && exits.iter().all(|e| e.value == exits[0].value)
            {
                summary.ret.arg = Some(p as u8);
            }
        }
        for e in &exits {
            let Some((why, from)) = e.null_from else { continue };
            match &mut summary.ret.null {
                None => summary.ret.null = Some(NullReturn { loc: e.loc, why, from, guards: SmallVec::from_elem(e.guard.clone(), 1) }),
                Some(null) => {
                    if why > null.why {
                        (null.why, null.from, null.loc) = (why, from, e.loc);
                    }
                    add_guard(&mut null.guards, e.guard.clone());
                }
            }
        }

        // Locks and context.
        if exits.iter().any(|e| !e.locks.is_empty() || !e.released.is_empty() || !e.ctx.is_zero()) {
            let mut outcomes: Vec<Outcome> = Vec::new();
            for e in &exits {
                let mut locks: SmallVec<[LockDelta; 1]> = SmallVec::new();
                for (held, taken) in e.locks.iter().map(|l| (l, true)).chain(e.released.iter().map(|l| (l, false))) {
                    let place = self.relative(held.place, e.value).unwrap_or(RelPlace { root: RelRoot::Unknown, path: SmallVec::new() });
                    let loc = self.d.ops.get(held.op as usize).map_or(self.d.loc, |o| o.loc);
                    locks.push(LockDelta { place, class: held.class, kind: held.kind, mode: held.mode, taken, loc });
                }
                let key = |o: &Outcome| o.ctx == e.ctx && o.locks.len() == locks.len() && o.locks.iter().zip(&locks).all(|(a, b)| a.place == b.place && a.taken == b.taken && a.kind == b.kind);
                match outcomes.iter_mut().find(|o| key(o)) {
                    Some(o) => {
                        o.ret = o.ret.join(e.ret);
                        weaken(&mut o.guard, &e.guard);
                    }
                    None => outcomes.push(Outcome { ret: e.ret, guard: e.guard.clone(), locks, ctx: e.ctx }),
                }
            }
            // A caller can only tell the ways apart by the result or by its own arguments. Where neither does it, the difference is most
            // likely a correlation that was lost here: the function is taken for balanced.
            let told_apart = outcomes.iter().enumerate().all(|(i, a)| outcomes[..i].iter().all(|b| a.ret.meet(b.ret).is_none() || contradict(&a.guard, &b.guard)));
            if outcomes.len() > 4 || !told_apart {
                // What some way gives back is taken for given back, what only some way takes for not taken: callers are left with less to hold.
                let mut locks: SmallVec<[LockDelta; 1]> = SmallVec::new();
                let mut ctx = Ctx::default();
                for o in &outcomes {
                    for l in o.locks.iter().filter(|l| !l.taken) {
                        if !locks.iter().any(|k| k.place == l.place && k.class == l.class) {
                            locks.push(l.clone());
                        }
                    }
                    ctx = Ctx {
                        preempt: ctx.preempt.min(o.ctx.preempt),
                        bh: ctx.bh.min(o.ctx.bh),
                        irq: ctx.irq.min(o.ctx.irq),
                        rcu: ctx.rcu.min(o.ctx.rcu),
                        pagefault: ctx.pagefault.min(o.ctx.pagefault),
                    };
                }
                outcomes.clear();
                if !locks.is_empty() || !ctx.is_zero() {
                    outcomes.push(Outcome { ret: Fact::TOP, guard: Guard::new(), locks, ctx });
                }
            }
            summary.outcomes = outcomes;
        } else if !self.d.ret_void && !self.d.ret_ptr && !self.truncated {
            summary.outcomes = answers(&exits);
        }
        summary
    }
}

/// Whether a condition asks for a flag, mode or counter in memory.
fn is_mode(d: &Digest, e: EId, depth: u32) -> bool {
    if depth > 8 {
        return false;
    }
    match d.exprs[e as usize] {
        // A pointer's presence is no mode.
        DExpr::Load(place, pointer) => !pointer && !matches!(d.exprs[place as usize], DExpr::Local(_)),
        DExpr::Un(_, a) => is_mode(d, a, depth + 1),
        DExpr::Bin(_, a, b) => is_mode(d, a, depth + 1) || is_mode(d, b, depth + 1),
        _ => false,
    }
}

/// Ways of returning that a caller tells apart by the result and that say something of the arguments: a function that answers whether a
/// pointer is good. Empty if the results say nothing.
fn answers(exits: &[Exit]) -> Vec<Outcome> {
    let class = |f: Fact| match f.truth() {
        Some(false) => Some(0),
        Some(true) if f.hi < 0 => Some(1),
        Some(true) => Some(2),
        None => None,
    };
    let mut groups: [Option<(Fact, u64)>; 3] = [None; 3];
    for e in exits {
        let Some(c) = class(e.ret) else { return Vec::new() };
        let group = &mut groups[c];
        *group = Some(match *group {
            None => (e.ret, e.checked_params),
            Some((ret, checked)) => (ret.join(e.ret), checked & e.checked_params),
        });
    }
    let present: SmallVec<[(Fact, u64); 3]> = groups.into_iter().flatten().collect();
    if present.len() < 2 || present.iter().all(|g| g.1 == present[0].1) {
        return Vec::new();
    }
    present
        .into_iter()
        .map(|(ret, checked)| {
            let guard = (0..16u8).filter(|p| checked >> p & 1 == 1).map(|p| (p, Test::Fact(Fact::NON_ZERO))).collect();
            Outcome { ret, guard, locks: SmallVec::new(), ctx: Ctx::default() }
        })
        .collect()
}

/// Why the call at an operation may return NULL, by its target.
pub fn null_return(world: &World<'_>, func: FuncId, op: u32) -> Option<(NullWhy, Symbol)> {
    let d = world.func(func);
    let DOpKind::Call { target, .. } = d.ops.get(op as usize)?.kind else { return None };
    let callees = world.callees(func, op);
    if let Target::Name(name) = target
        && let Some(entry) = world.entry(name, callees.is_some())
    {
        return match entry.returns {
            Returns::MayNull | Returns::NullOrErrPtr => Some((if entry.allocates { NullWhy::Allocation } else { NullWhy::Model }, name)),
            _ => None,
        };
    }
    let Some(crate::world::Callees::One(f)) = callees else { return None };
    if never_null(world, world.func(*f).name) {
        return None;
    }
    let null = world.summary(*f)?.ret.null.as_ref()?;
    Some((null.why, world.func(*f).name))
}

/// Whether the model says that a function does not return NULL.
fn never_null(world: &World<'_>, name: Symbol) -> bool {
    world.model.entry(name).is_some_and(|e| matches!(e.returns, Returns::NonNull | Returns::ErrPtr | Returns::RarelyNull))
}

fn add_guard(guards: &mut SmallVec<[Guard; 1]>, guard: Guard) {
    if guards.iter().any(|g| g.is_empty() || *g == guard) {
        return;
    }
    if guard.is_empty() {
        guards.clear();
        guards.push(guard);
        return;
    }
    // One that implies another adds nothing.
    if guards.iter().any(|g| g.iter().all(|i| guard.contains(i))) {
        return;
    }
    guards.retain(|g| !guard.iter().all(|i| g.contains(i)));
    if guards.len() >= 3 {
        // What all of them ask for remains.
        let mut common = guard;
        for g in guards.iter() {
            weaken(&mut common, g);
        }
        guards.clear();
        guards.push(common);
    } else {
        guards.push(guard);
    }
}

/// Whether some place holds the value, or a pointer computed from it.
fn holds(nodes: &Nodes, env: &[(NodeId, NodeId)], value: NodeId) -> bool {
    env.iter().any(|e| e.1 == value || nodes.pointer_root(e.1) == value || nodes.root(e.0) == Some(value))
}

/// Whether knowledge of a value can still matter in or after a block.
fn matters(nodes: &Nodes, shape: &Shape, value: NodeId, block: u32, env: &[(NodeId, NodeId)], depth: u32) -> bool {
    if depth > 6 {
        return true;
    }
    match nodes.get(value) {
        Node::Entry(place) => {
            let mut at = place;
            loop {
                match nodes.get(at) {
                    Node::PField(_, name, _) => return shape.read_later(name, block),
                    Node::PGlobal(name) => return shape.read_later(name, block),
                    Node::PIndex(base, _) => at = base,
                    _ => return true,
                }
            }
        }
        Node::Un(_, v) | Node::IsErr(v) | Node::IsErrOrNull(v) | Node::Truth(v) => matters(nodes, shape, v, block, env, depth + 1),
        Node::Bin(_, a, b) => matters(nodes, shape, a, block, env, depth + 1) || matters(nodes, shape, b, block, env, depth + 1),
        Node::Fresh(..) | Node::Phi(..) => holds(nodes, env, value),
        Node::Int(_) | Node::Str | Node::Addr(_) | Node::Function(_) => false,
        _ => true,
    }
}

/// Keeps what holds in both.
fn weaken(guard: &mut Guard, other: &Guard) {
    guard.retain(|(p, t)| match t {
        Test::Fact(x) => other.iter().any(|(q, u)| match u {
            Test::Fact(y) if q == p => {
                *x = x.join(*y);
                *x != Fact::TOP
            }
            _ => false,
        }),
        _ => other.contains(&(*p, *t)),
    });
}

/// Whether no arguments satisfy both.
fn contradict(a: &Guard, b: &Guard) -> bool {
    a.iter().any(|(p, t)| {
        b.iter().any(|(q, u)| {
            p == q
                && match (t, u) {
                    (Test::Fact(x), Test::Fact(y)) => x.meet(*y).is_none(),
                    (Test::AnyBit(x), Test::NoBit(y)) | (Test::NoBit(y), Test::AnyBit(x)) => x & !y == 0,
                    _ => false,
                }
        })
    })
}

fn negate(op: BinOp) -> BinOp {
    match op {
        BinOp::Eq => BinOp::Ne,
        BinOp::Ne => BinOp::Eq,
        BinOp::Lt => BinOp::Ge,
        BinOp::Ge => BinOp::Lt,
        BinOp::Gt => BinOp::Le,
        BinOp::Le => BinOp::Gt,
        other => other,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bits {
    Set,
    Clear,
    Param(u8),
    Unknown,
}

struct NullSite {
    op: u32,
    loc: Loc,
    origin: Symbol,
    member: Symbol,
    text: Option<EId>,
    callee: Option<(FuncId, u8)>,
    argument: Option<u8>,
    name: Symbol,
}
