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
mod branch;
mod call;
mod chance;
mod computed;
mod effects;
mod eval;
pub mod event;
mod exit;
mod found;
mod give_back;
mod given;
mod given_up;
mod guard;
mod havoc;
mod lift;
mod memory;
mod nulls;
mod ops;
mod path;
mod places;
pub(crate) mod references;
mod releases;
mod sharing;
mod sleeping;
mod unfinished;
mod written;

pub use access::null_return;
pub use event::{Event, Observer};
pub use path::{Decision, NullTest, Path, Variable, VariableOf};

use crate::body::control::ControlFlow;
use crate::body::{BlockId, Body, Expr, ExprId, LocalId, Op, OpId, OpKind, Record, Target, Term};
use crate::domain::{Freed, Held, Locks, Objects, State, Wait};
use crate::program::{Callees, World};
use crate::summary::*;
use crate::value::{Interval, MIN_ERR, Origin, Query, Value, ValueId, Values};
use access::{Site, never_null};
use cuthere_base::{Loc, Symbol};
use cuthere_ir::{BinOp, UnOp};
use cuthere_kernel::{
    ArgumentTest, Asks, Assert, CtxPart, Entry, FreeEffect, FreeHow, KernelLock, ListOp, LockEffect, LockKind, LockMode, LockRef,
    MemoryEffect, PlaceAccess, RefOp, Returns, Sleeps, Success, When,
};
use event::{Access, Acquire, CallEvent, EventKind, NullCause, SleepWay};
use given::is_mode;
use guard::Bits;
use smallvec::SmallVec;
use std::cell::OnceCell;

/// States move from operation to operation; what moves is a pointer.
type Boxed = Box<State>;

/// Buffers and tables of the engine, reused between functions.
#[derive(Default)]
pub struct Engine {
    values: Values,
    control: ControlFlow,
    trail: Vec<Decision>,
    pending: Vec<Vec<Boxed>>,
    kept: Kept,
    touched: Vec<(ExprId, ValueId)>,
}

/// One way out, as long as the function is run.
struct Exit {
    ret: Interval,
    value: Option<ValueId>,
    guard: Guard,
    loc: Loc,
    locks: Locks,
    objects: Objects,
    ctx: Ctx,
    checked_params: u64,
    /// What was written to where parameters point.
    written: SmallVec<[(u8, Interval); 1]>,
    /// Places that lead to what was freed, and were given that pointer here.
    left: SmallVec<[RelPlace; 1]>,
    /// Places that lead nowhere.
    vacant: SmallVec<[RelPlace; 1]>,
    null_from: Option<(NullWhy, Symbol)>,
}

/// An effect as long as the function is run: with the operation that makes it.
struct Made {
    op: OpId,
    effect: Effect,
}

pub(crate) struct Run<'r, 'a> {
    pub(crate) world: &'r World<'a>,
    pub(crate) func: FuncId,
    pub(crate) body: &'r Body,
    pub(crate) values: &'r mut Values,
    control: &'r ControlFlow,
    trail: &'r mut Vec<Decision>,
    pending: &'r mut Vec<Vec<Boxed>>,
    kept: &'r mut Kept,
    observer: Option<&'r mut dyn Observer>,
    /// The observer wants to see accesses to memory.
    watches: bool,
    /// What was loaded since the operation at hand began.
    touched: &'r mut Vec<(ExprId, ValueId)>,
    entry_ctx: Ctx,
    visits: u32,
    budget: u32,
    room: Room,
    truncated: bool,
    /// Some paths were not followed to their end.
    unfollowed: bool,
    made: Vec<Made>,
    /// Parameters of which callers are told that they are dereferenced, a bit each.
    dereferenced: u64,
    /// For ways to sleep, by position in `made`: the conditions on objects' state that hold on all paths to it.
    given: Vec<(usize, given::Given)>,
    exits: Vec<Exit>,
    /// Bit per parameter: compared with NULL or zero somewhere.
    tests: u64,
    /// Bit per parameter: others may have got to know it.
    keeps: u64,
    /// Bit per parameter: something is stored in what it points to.
    stores: u64,
    /// Local structures of which somebody else got to know a member by which they are found, and by which call.
    lent: SmallVec<[(ValueId, OpId); 1]>,
    /// Objects that were found under a protection.
    found: Vec<found::FoundObject>,
    /// One of them is returned after its protection ended.
    returned: Option<FoundResult>,
    /// Bit per parameter: it may have been taken off a list; all bits: anything may have been.
    unlinks: u64,
    /// The result of the call at hand, and what stands for the one that it gave in the round before.
    former: Option<(ValueId, ValueId)>,
    /// Whether the function frees anything, once that was asked for.
    frees: Option<bool>,
    /// Locals that say on which CPU, or as which task, it runs, once that was asked for.
    who_runs: OnceCell<SmallVec<[LocalId; 2]>>,
    /// Per block: it decides about the state of objects; once that was asked for.
    asking: OnceCell<Box<[OnceCell<bool>]>>,
}

impl Engine {
    /// Runs a function from the given start state and returns its summary. `start` holds locks and context at entry, if any; `observer`: who is told of what
    /// happens.
    pub fn run<'o>(
        &'o mut self,
        world: &'o World<'o>,
        func: FuncId,
        start: &StartState,
        observer: Option<&'o mut (dyn Observer + 'o)>,
    ) -> Summary {
        let body = world.func(func);
        if body.blocks.is_empty() {
            return Summary::default();
        }
        self.values.clear();
        self.trail.clear();
        self.trail.push(Decision { parent: 0, block: BlockId(0), taken: false, tested: None });
        if !self.control.compute(body) {
            return Summary { truncated: true, ..Summary::default() };
        }
        let blocks = body.blocks.len();
        for p in &mut self.pending {
            p.clear();
        }
        if self.pending.len() < blocks {
            self.pending.resize_with(blocks, Vec::new);
        }
        let mut state = Box::new(State { ctx: start.ctx, contract: start.contract, ..State::default() });
        for (class, kind) in &start.locks {
            let place = self.values.make(Value::PGlobal(*class));
            state.locks.held.push(Held { place, class: *class, kind: *kind, mode: LockMode::Exclusive, op: None, guard: 0, sure: true });
        }
        for when in start.when.iter().filter(|when| u32::from(when.argument) < body.params) {
            let place = self.values.make(Value::PLocal(LocalId::new(u32::from(when.argument))));
            let argument = self.values.make(Value::Entry(place));
            let mut bits = |mask| {
                let mask = self.values.int(mask);
                self.values.bin(BinOp::And, argument, mask)
            };
            let (value, known) = match when.test {
                ArgumentTest::Named(_) => continue,
                ArgumentTest::Zero => (argument, Interval::ZERO),
                ArgumentTest::NotZero => (argument, Interval::NON_ZERO),
                ArgumentTest::Bit(mask) => (bits(mask), Interval::NON_ZERO),
                ArgumentTest::NoBit(mask) => (bits(mask), Interval::ZERO),
            };
            state.learn(value, known);
        }
        let mut run = Run {
            world,
            func,
            body,
            values: &mut self.values,
            control: &self.control,
            trail: &mut self.trail,
            pending: &mut self.pending,
            kept: &mut self.kept,
            watches: observer.as_ref().is_some_and(|o| o.sees_memory()),
            touched: &mut self.touched,
            observer,
            entry_ctx: start.ctx,
            visits: 0,
            budget: (300 + 10 * blocks as u32) * if start.closely { CLOSELY } else { 1 },
            room: Room::of(blocks, start.closely),
            truncated: false,
            unfollowed: false,
            made: Vec::new(),
            dereferenced: 0,
            given: Vec::new(),
            exits: Vec::new(),
            tests: 0,
            keeps: 0,
            stores: 0,
            lent: SmallVec::new(),
            found: Vec::new(),
            returned: None,
            unlinks: 0,
            former: None,
            frees: None,
            who_runs: OnceCell::new(),
            asking: OnceCell::new(),
        };
        run.pending[0].push(state);
        run.go();
        run.summarise()
    }
}

/// How many states a block may hold.
#[derive(Clone, Copy)]
struct Room {
    /// Of any kind.
    any: usize,
    /// While they hold other references.
    references: usize,
    /// While they differ in property.
    most: usize,
}

impl Room {
    /// What a function gets that its budget does not suffice for: paths are told apart by property alone.
    const NARROW: Room = Room { any: 1, references: 2, most: 12 };

    fn of(blocks: usize, closely: bool) -> Room {
        let cap = match blocks {
            0..=40 => 12,
            41..=120 => 8,
            121..=400 => 4,
            _ => 2,
        };
        let cap = if closely { 4 * cap } else { cap };
        Room { any: cap, references: 2 * cap, most: 3 * cap }
    }
}

/// How many times the budget a function gets that is looked at closely.
const CLOSELY: u32 = 6;

/// Into how many one state may fall apart in one block.
const SPLIT_MAX: usize = 24;

/// How many times its budget a function may use, states being few once it is used up.
const NARROW: u32 = 3;

/// Context and locks at entry.
#[derive(Clone, Debug, Default)]
pub struct StartState {
    pub ctx: Ctx,
    pub locks: Vec<(Symbol, LockKind)>,
    /// It implements an operation that must not sleep.
    pub contract: bool,
    /// What the arguments are in this context.
    pub when: Vec<When>,
    /// Paths are told apart for longer before they are merged.
    pub closely: bool,
}

impl<'r, 'a> Run<'r, 'a> {
    fn go(&mut self) {
        // The lowest position in reverse post-order that has states waiting.
        let order = &self.control.order;
        let mut at = 0;
        while at < order.len() {
            let block = order[at];
            let mut states = std::mem::take(&mut self.pending[block.index()]);
            if states.is_empty() {
                self.pending[block.index()] = states;
                at += 1;
                continue;
            }
            let narrow = self.narrow();
            if narrow {
                // Many levels below where the function began are nonsense that rounds add up.
                states.iter_mut().for_each(|s| s.ctx = s.ctx.most(Ctx::DEEPEST));
            }
            self.prune(&mut states, block, if narrow { Room::NARROW } else { self.room });
            let mut lowest = at + 1;
            for state in states.drain(..) {
                self.visits += 1;
                if self.visits > NARROW * self.budget {
                    (self.truncated, self.unfollowed) = (true, true);
                    return;
                }
                let back = self.block(block, state);
                lowest = lowest.min(back);
            }
            // A block that goes back to itself has states waiting again.
            if self.pending[block.index()].is_empty() {
                self.pending[block.index()] = states;
            }
            at = lowest;
        }
    }

    /// Whether the budget is used up, and paths are told apart by property alone.
    fn narrow(&self) -> bool {
        self.visits > self.budget
    }

    /// Drops what no later code reads, equal states, and, above the cap, distinctions that are not locks or context.
    fn prune(&mut self, states: &mut Vec<Boxed>, block: BlockId, room: Room) {
        if states.len() < 2 {
            return;
        }
        // What tells paths of different typestate apart is what callers, or a later test of the same flag, can tell them apart by.
        let differ = states.iter().any(|s| !s.same_typestate(&states[0]));
        for s in states.iter_mut() {
            self.settle_references(s);
            let control = self.control;
            let values = &*self.values;
            s.env.retain(|e| match values.get(e.0) {
                Value::PLocal(l) => control.live_in(block, l),
                _ => true,
            });
            if !s.facts.is_empty() {
                let held = self.kept.mark(values, &s.env);
                s.facts.retain(|f| differ && reached(values, f.0) || matters(values, control, f.0, block, held, 0));
            }
            if !s.objects.is_empty() {
                // What neither a caller knows nor any place holds cannot be used again.
                let held = self.kept.mark(values, &s.env);
                s.objects.retain(|object| matches!(values.get(object), Value::Entry(_)) || held.has(object));
            }
        }
        let mut kept: Vec<Boxed> = Vec::with_capacity(states.len().min(room.most));
        for s in states.drain(..) {
            if let Some(same) = kept.iter_mut().find(|k| k.same(&s)) {
                same.locks.join(&s.locks);
                continue;
            }
            if kept.len() < room.any {
                kept.push(s);
                continue;
            }
            // Above the cap it is merged with the one that differs least; if none agrees in property, it may stay up to a point.
            let mut nearest = None;
            let mut least = usize::MAX;
            // With one that holds the same references; one that holds others than all may stay a little longer.
            for exact in [true, false] {
                if !exact && kept.len() < room.references && !s.objects.references.nothing() {
                    break;
                }
                let fits = |k: &Boxed| k.same_property(&s) && (!exact || k.objects.same_references(&s.objects));
                for (i, k) in kept.iter().enumerate().filter(|(_, k)| fits(k)) {
                    if let Some(distance) = k.distance(&s, self.values, least) {
                        (nearest, least) = (Some(i), distance);
                    }
                }
                if nearest.is_some() {
                    break;
                }
            }
            match nearest {
                Some(i) => kept[i].join(&s, self.values, block),
                None if kept.len() < room.most => kept.push(s),
                None => (self.truncated, self.unfollowed) = (true, true),
            }
        }
        *states = kept;
    }

    /// Runs one state through a block; gives the lowest position of a back edge's target that got a state, or `usize::MAX`.
    fn block(&mut self, block: BlockId, state: Boxed) -> usize {
        let body = self.body;
        let mut states: SmallVec<[Boxed; 4]> = SmallVec::new();
        states.push(state);
        for (index, op) in body.numbered_ops(body.block(block)) {
            let mut next: SmallVec<[Boxed; 4]> = SmallVec::new();
            for s in states {
                self.op(index, op, s, &mut next);
            }
            states = next;
            if states.is_empty() {
                return usize::MAX;
            }
            if states.len() > SPLIT_MAX {
                (self.truncated, self.unfollowed) = (true, true);
                states.truncate(SPLIT_MAX);
            }
        }
        let mut lowest = usize::MAX;
        for s in states {
            lowest = lowest.min(self.terminate(block, s));
        }
        lowest
    }

    fn send(&mut self, from: BlockId, to: BlockId, mut state: Boxed) -> usize {
        let (from_at, to_at) = (self.control.position[from.index()], self.control.position[to.index()]);
        if to_at == u32::MAX {
            return usize::MAX;
        }
        if to_at <= from_at {
            self.next_round(to, &mut state);
            // A back edge: one later round stands for all.
            if state.rounds.contains(&to) {
                return usize::MAX;
            }
            state.rounds.push(to);
            state.round_trail = state.trail;
            self.end_round(to, &mut state);
            self.divide_references(to, &mut state);
            let control = self.control;
            for &place in control.written_in(to) {
                let p = self.place(place, &state);
                let before = state.read(self.values, p);
                // What leads to something freed at the end of a round leads there at the start of the next one.
                let gone = |f: &Freed| !f.put && !f.deferred && !f.moved && !f.handle;
                if self.values.local_of(p).is_some() && state.objects.freed(self.values.pointer_root(before)).is_some_and(gone) {
                    continue;
                }
                let value = self.values.fresh(Origin::LaterRound(to, p));
                let known = state.known(self.values, before);
                state.write(self.values, p, value);
                // Whether it is zero stays known, for what goes with it: `locked` is set if and only if the lock is held. What rounds count, or a number that is neither
                // a flag nor an error, comes to zero some day.
                state.facts.retain(|f| f.0 != value);
                let counted = matches!(self.body.expr(place), Expr::Local(l) if control.counter(to, l).is_some());
                let number = matches!(self.values.get(before), Value::Int(number) if number > 1);
                match known.truth().filter(|_| !counted && !number) {
                    Some(false) => state.learn(value, Interval::ZERO),
                    Some(true) => state.learn(value, Interval { not_err: known.not_err, ..Interval::NON_ZERO }),
                    None => true,
                };
                // What the rounds only count up is never again less than it was after the first.
                if let Expr::Local(l) = self.body.expr(place)
                    && let Some(sign) = control.counter(to, l)
                {
                    let (lo, hi) = if sign > 0 { (known.lo, i64::MAX) } else { (i64::MIN, known.hi) };
                    if lo > i64::MIN || hi < i64::MAX {
                        state.learn(value, Interval::range(lo, hi));
                    }
                }
                let (old_lock, new_lock) = (self.values.deref(before), self.values.deref(value));
                if !state.objects.references.is_empty() {
                    state.objects.references.rename(before, value);
                }
                for lock in state.locks.held.iter_mut().filter(|l| l.place == old_lock) {
                    lock.place = new_lock;
                }
            }
            self.settle_references(&mut state);
            // What a round was begun for still holds in it.
            if let Some((cond, holds)) = self.control.bound(to)
                && matches!(self.body.block(from).term, Term::Branch { cond: asked, .. } if asked == cond)
            {
                let within = self.eval(cond, &state);
                if !self.assume(&mut state, within, holds, 0) {
                    return usize::MAX;
                }
            }
            let values = &*self.values;
            if !state.facts.is_empty() {
                let held = self.kept.mark(values, &state.env);
                state.facts.retain(|f| !matches!(values.get(f.0), Value::Fresh(_) | Value::Phi(..)) || held.has(f.0));
            }
            self.pending[to.index()].push(state);
            return to_at as usize;
        }
        // Entering a loop from outside: its rounds begin anew.
        if !state.rounds.is_empty() {
            let control = self.control;
            state.rounds.retain(|head| control.in_loop(*head, to) && *head != to);
        }
        // A loop that counts is meant for one round at least.
        if let Some((cond, holds)) = self.control.bound(to).filter(|_| !self.control.in_loop(to, from)) {
            let within = self.eval(cond, &state);
            if state.known(self.values, within).truth().is_none() && !self.assume(&mut state, within, holds, 0) {
                return usize::MAX;
            }
        }
        self.pending[to.index()].push(state);
        usize::MAX
    }

    /// A round of a loop ends: a loop macro reads the way to the next element, and others may have changed memory.
    fn next_round(&mut self, head: BlockId, state: &mut State) {
        if state.objects.is_empty() && state.objects.references.is_empty() {
            return;
        }
        let body = self.body;
        let block = body.block(head);
        if let Term::LoopBranch { name, args, .. } = block.term
            && let Some(l) = self.world.model.loop_macro(name)
            && l.holds_ref
            && let Some(&cursor) = body.call_args(args).get(l.cursor as usize)
        {
            let value = self.eval(cursor, state);
            state.objects.references.give_back(value, value, Symbol::EMPTY);
        }
        if state.objects.is_empty() {
            return;
        }
        if let Term::LoopBranch { name, args, .. } = block.term
            && let Some(l) = self.world.model.loop_macro(name)
            && l.reads_cursor
            && let Some(&cursor) = body.call_args(args).get(l.cursor as usize)
        {
            let value = self.eval(cursor, state);
            let root = self.values.pointer_root(value);
            let site = Site {
                op: OpId(block.ops.1),
                loc: block.loc,
                origin: block.origin,
                member: Symbol::EMPTY,
                text: Some(cursor),
                expr: Some(cursor),
                way: Way::Model(name),
                argument: None,
                callee: Symbol::EMPTY,
                tested: true,
            };
            self.access_freed(root, state, &site);
        }
        self.disturb_freed(state, |_, _| true);
        // What a round computes anew goes by the same name in the next one.
        let values = &*self.values;
        let again = |v: Value| {
            let fresh = |o| matches!(o, Origin::Chosen(..) | Origin::Opaque(..) | Origin::LaterRound(..) | Origin::Cursor(..));
            matches!(v, Value::Select(..) | Value::Phi(..)) || matches!(v, Value::Fresh(o) if fresh(o))
        };
        state.objects.retain(|object| !values.rests_on(object, &again));
    }

    fn decide(&mut self, state: &mut State, block: BlockId, taken: bool, about: Option<ValueId>) {
        let tested = about.map(|value| self.values.pointer_root(self.values.tested(value)));
        self.trail.push(Decision { parent: state.trail, block, taken, tested });
        state.trail = self.trail.len() as u32 - 1;
    }

    fn terminate(&mut self, block: BlockId, mut state: Boxed) -> usize {
        let body = self.body;
        let b = body.block(block);
        match &b.term {
            Term::Goto(to) => self.send(block, *to, state),
            Term::Branch { cond, then, els } => {
                let value = self.eval_end(*cond, block, &state);
                // A warning that changes nothing is an assertion: what follows is judged as if it held.
                for (warns, other, truth) in [(*then, *els, false), (*els, *then, true)] {
                    if only_warns(self.world, body, warns) {
                        let mut held = state.clone();
                        if self.assume(&mut held, value, truth, 0) {
                            return self.send(block, other, held);
                        }
                    }
                }
                self.note_tests(block, value, &state);
                match state.known(self.values, value).truth() {
                    Some(truth) => {
                        // How a call returned may be known from the call on; that the path asked is still of interest.
                        if self.values.asks_call(value) {
                            self.decide(&mut state, block, truth, Some(value));
                        }
                        self.send(block, if truth { *then } else { *els }, state)
                    }
                    None => {
                        let mut other = state.clone();
                        let mut lowest = usize::MAX;
                        if self.assume(&mut state, value, true, 0) {
                            self.decide(&mut state, block, true, Some(value));
                            lowest = self.send(block, *then, state);
                        }
                        if self.assume(&mut other, value, false, 0) {
                            self.decide(&mut other, block, false, Some(value));
                            lowest = lowest.min(self.send(block, *els, other));
                        }
                        lowest
                    }
                }
            }
            Term::LoopBranch { name, args, body, exit } => {
                let (name, args, body, exit) = (*name, *args, *body, *exit);
                let mut out = state.clone();
                self.decide(&mut state, block, true, None);
                self.decide(&mut out, block, false, None);
                if let Some(l) = self.world.model.loop_macro(name)
                    && let Some(place) = self.cursor(args, l.cursor, &out)
                {
                    let value = if l.null_after {
                        self.values.int(0)
                    } else {
                        let v = self.values.fresh(Origin::Exhausted(block, place));
                        out.learn(v, Interval::OBJECT);
                        v
                    };
                    self.overwrite(place, OpId(self.body.block(block).ops.1), Some(block), &mut out);
                    out.write(self.values, place, value);
                }
                let a = self.send(block, body, state);
                a.min(self.send(block, exit, out))
            }
            Term::Switch { value, cases, default } => {
                let v = self.eval_end(*value, block, &state);
                let mut lowest = usize::MAX;
                let mut rest = Some(state.known(self.values, v));
                let default = *default;
                // Cases that lead to the same block are one state.
                let mut done: SmallVec<[BlockId; 8]> = SmallVec::new();
                for &(lo, hi, to) in cases.iter() {
                    let fact = state.known(self.values, v);
                    if fact.meet(Interval::range(lo, hi)).is_none() {
                        continue;
                    }
                    if lo == hi {
                        rest = rest.and_then(|r| r.without(lo));
                    }
                    if done.contains(&to) {
                        continue;
                    }
                    done.push(to);
                    let group = cases
                        .iter()
                        .filter(|c| c.2 == to)
                        .map(|c| Interval::range(c.0, c.1))
                        .reduce(Interval::join)
                        .unwrap_or(Interval::TOP);
                    let mut s = state.clone();
                    if s.learn(v, group) {
                        self.decide(&mut s, block, true, Some(v));
                        lowest = lowest.min(self.send(block, to, s));
                    }
                }
                if let Some(rest) = rest {
                    let mut s = state;
                    if matches!(self.values.get(v), Value::Int(_)) || s.learn(v, rest) {
                        self.decide(&mut s, block, false, Some(v));
                        lowest = lowest.min(self.send(block, default, s));
                    }
                }
                lowest
            }
            Term::Return(value) => {
                self.exit(block, b.loc, *value, state);
                usize::MAX
            }
            Term::Any(all) => {
                let mut lowest = usize::MAX;
                // Each way out is a state: where every label leads to every other, they count like visits.
                self.visits = self.visits.saturating_add(all.len() as u32 / 4);
                for &to in all.iter() {
                    lowest = lowest.min(self.send(block, to, state.clone()));
                }
                lowest
            }
            Term::Unreachable => usize::MAX,
        }
    }

    fn cursor(&mut self, args: crate::body::ArgRange, index: u8, state: &State) -> Option<ValueId> {
        let e = *self.body.call_args(args).get(index as usize)?;
        match self.body.expr(e) {
            Expr::Load(place, _) => Some(self.place(place, state)),
            _ => None,
        }
    }
}

/// Whether a block does nothing but report a failed assertion (`WARN_ON`) and goes on.
fn only_warns(world: &World<'_>, body: &Body, block: BlockId) -> bool {
    let b = body.block(block);
    let ops = body.block_ops(b);
    let warns = |op: &Op| warns(world, op);
    matches!(b.term, Term::Goto(_)) && ops.iter().any(warns) && ops.iter().all(|op| warns(op) || matches!(op.kind, OpKind::Access { .. }))
}

/// Whether a block reports a failed assertion (the arm of `if (WARN_ON(…))`).
fn reports_failure(world: &World<'_>, body: &Body, block: BlockId) -> bool {
    body.block_ops(body.block(block)).iter().any(|op| warns(world, op))
}

/// Whether an operation reports a failed assertion.
fn warns(world: &World<'_>, op: &Op) -> bool {
    match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => {
            world.model.entry(name).is_some_and(|e| e.tests == Some(cuthere_kernel::Test::Warning))
        }
        _ => false,
    }
}

/// The arguments that places hold, and the pointers that these or the places themselves were computed from, marked by number.
#[derive(Default)]
struct Kept {
    /// The turn in which a value was marked last.
    marks: Vec<u32>,
    turn: u32,
}

impl Kept {
    /// Forgets what was marked before.
    fn mark(&mut self, values: &Values, env: &[(ValueId, ValueId)]) -> &Kept {
        if self.marks.len() < values.len() {
            self.marks.resize(2 * values.len(), self.turn);
        }
        self.turn = self.turn.checked_add(1).unwrap_or_else(|| {
            self.marks.fill(0);
            1
        });
        for &(place, value) in env {
            self.mark_parts(values, value, 3);
            self.marks[values.pointer_root(value).index()] = self.turn;
            if let Some(root) = values.root(place) {
                self.marks[root.index()] = self.turn;
            }
        }
        self
    }

    /// A value and what it was computed from: what is known of the parts decides the whole.
    fn mark_parts(&mut self, values: &Values, value: ValueId, depth: u32) {
        self.marks[value.index()] = self.turn;
        if depth > 0 {
            match values.get(value) {
                Value::Un(_, a) | Value::Truth(a) | Value::IsErr(a) | Value::IsErrOrNull(a) => {
                    self.mark_parts(values, a, depth - 1);
                }
                Value::Bin(_, a, b) => {
                    self.mark_parts(values, a, depth - 1);
                    self.mark_parts(values, b, depth - 1);
                }
                _ => {}
            }
        }
    }

    fn has(&self, value: ValueId) -> bool {
        self.marks.get(value.index()) == Some(&self.turn)
    }
}

/// Whether a value is what memory reached directly from an argument held at entry, or bits of it.
fn reached(values: &Values, value: ValueId) -> bool {
    let of = match values.get(value) {
        Value::Bin(BinOp::And, a, _) => a,
        _ => value,
    };
    let Value::Entry(place) = values.get(of) else { return false };
    matches!(values.get(place), Value::PField(base, ..) if matches!(values.get(base), Value::PDeref(_)))
}

/// Whether knowledge of a value can still matter in or after a block.
fn matters(values: &Values, control: &ControlFlow, value: ValueId, block: BlockId, held: &Kept, depth: u32) -> bool {
    if depth > 6 || held.has(value) {
        return true;
    }
    match values.get(value) {
        Value::Entry(place) => {
            let mut at = place;
            loop {
                match values.get(at) {
                    // Read again from memory, or still in a local.
                    Value::PField(_, name, _) | Value::PGlobal(name) => {
                        return control.read_later(name, block);
                    }
                    Value::PIndex(base, _) => at = base,
                    _ => return true,
                }
            }
        }
        Value::Un(_, v) | Value::IsErr(v) | Value::IsErrOrNull(v) | Value::Truth(v) => matters(values, control, v, block, held, depth + 1),
        Value::Bin(_, a, b) => matters(values, control, a, block, held, depth + 1) || matters(values, control, b, block, held, depth + 1),
        Value::Fresh(_) | Value::Phi(..) => false,
        Value::Int(_) | Value::Str | Value::Addr(_) | Value::Function(_) => false,
        _ => true,
    }
}
