//! What functions do to the lives of objects, along calls: what has been done before an operation, what a call does, who calls.
//!
//! Facts are those of [`super::life`]; a callee's deeds to what its parameter points to are those of its caller to the argument. Nothing is said of paths:
//! "before" means that a way through the function leads from the one to the other. Callees are followed a few calls down, and not where the model has words
//! for the function.

use super::facts::Fact;
use super::life::{Deed, LifeUse, Spot};
use crate::body::{Body, Expr, ExprId, OpId, OpKind, Record, Target};
use crate::program::World;
use crate::summary::FuncId;
use cuthere_base::Symbol;
use parking_lot::Mutex;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Calls that are followed down.
const DEPTH_MAX: u8 = 4;
/// Deeds of one function, its callees' included, that are kept.
const DEEDS_MAX: usize = 256;
/// Targets of one call that are followed.
const TARGETS_MAX: usize = 8;
/// Callers of one function that are looked at.
const CALLERS_MAX: usize = 24;

/// The deeds of all functions.
#[derive(Default)]
pub struct Lifetimes {
    uses: FxHashMap<FuncId, Vec<LifeUse>>,
}

impl Lifetimes {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        if let Fact::Life(life) = fact {
            self.uses.entry(func).or_default().push(*life);
        }
    }

    /// A function's own deeds.
    pub fn own(&self, func: FuncId) -> &[LifeUse] {
        self.uses.get(&func).map_or(&[], Vec::as_slice)
    }

    /// All functions that do anything, in order.
    pub fn functions(&self) -> Vec<FuncId> {
        let mut all: Vec<FuncId> = self.uses.keys().copied().collect();
        all.sort_unstable();
        all
    }
}

/// A deed as one function sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Done {
    /// The operation of that function that does it, or the call that leads to it.
    pub at: OpId,
    /// With the object as that function knows it.
    pub life: LifeUse,
    /// Who does it, by which operation of its own.
    pub by: (FuncId, OpId),
    /// The call that leads there has this one target.
    pub sure: bool,
}

impl Done {
    /// A deed of a function's own.
    pub fn own(func: FuncId, life: LifeUse) -> Done {
        Done { at: life.op, life, by: (func, life.op), sure: true }
    }
}

/// What a function does with some number of calls followed down.
#[derive(Clone)]
struct Below {
    all: Arc<[Done]>,
    /// The calls below it, none of which was left out for its depth: more depth says no more. `None`: one was.
    height: Option<u8>,
}

/// What functions do, as far as it was asked for. Several threads ask: in as many parts.
type Known = [Mutex<FxHashMap<(FuncId, u8), Below>>; KNOWN_PARTS];

const KNOWN_PARTS: usize = 64;
/// In place of a depth: as deep as it takes.
const WHOLE: u8 = u8::MAX;

/// Deeds as they are collected, each once: what a function does itself, then what its calls do, in order.
#[derive(Default)]
struct Deeds {
    all: Vec<Done>,
    /// Those before this one may be at any operation.
    own: usize,
    /// Those of the call that is looked at begin here.
    begin: usize,
}

impl Deeds {
    fn add(&mut self, new: Done) {
        let same =
            |d: &Done| d.at == new.at && d.life.deed == new.life.deed && d.life.spot == new.life.spot && d.life.object == new.life.object;
        if self.all.len() < DEEDS_MAX && !self.all[..self.own].iter().chain(&self.all[self.begin..]).any(same) {
            self.all.push(new);
        }
    }

    /// The next call is looked at.
    fn next(&mut self) {
        self.begin = self.all.len();
    }
}

/// Asks about lives.
pub struct Lives<'w> {
    pub world: &'w World<'w>,
    pub lifetimes: &'w Lifetimes,
    inside: Known,
    /// Members that lead to what lies behind the object in its own memory, by the records on both sides.
    trailing: FxHashSet<(Record, Symbol)>,
    /// The records that live inside of others, by these.
    interior: FxHashMap<Record, Vec<Record>>,
    /// Of these, those that lie behind the other, whoever looks at it.
    behind: FxHashSet<(Record, Record)>,
    /// Functions bound to members, by member.
    bound: FxHashMap<Symbol, Vec<(FuncId, Record)>>,
}

impl<'w> Lives<'w> {
    pub fn new(world: &'w World<'w>, lifetimes: &'w Lifetimes) -> Lives<'w> {
        let mut bound: FxHashMap<Symbol, Vec<(FuncId, Record)>> = FxHashMap::default();
        for b in &world.bound {
            bound.entry(b.field).or_default().push((b.func, b.record));
        }
        let mut lives = Lives {
            world,
            lifetimes,
            inside: std::array::from_fn(|_| Mutex::default()),
            trailing: FxHashSet::default(),
            interior: FxHashMap::default(),
            behind: FxHashSet::default(),
            bound,
        };
        lives.find_parts();
        lives
    }

    /// Which records are parts of the memory of others: behind it (`p->priv = &p[1]`), or by the model's word.
    fn find_parts(&mut self) {
        let trailing = |body: &'w Body| {
            body.ops.iter().filter_map(move |op| match op.kind {
                OpKind::Store { place, value } => match body.expr(place) {
                    Expr::Field { base, record, name } if !record.is_unknown() => match body.expr(base) {
                        Expr::Deref(owner) if behind(body, value, owner) => Some((record, name)),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            })
        };
        self.trailing = self.world.funcs.par_iter().with_min_len(1024).flat_map_iter(trailing).collect();
        let known = &self.trailing;
        let part = |body: &'w Body| {
            body.ops.iter().filter_map(move |op| match op.kind {
                OpKind::Store { place, value } => match (body.expr(place), body.expr(value)) {
                    (Expr::Local(local), Expr::Load(from, _)) => match body.expr(from) {
                        Expr::Field { record, name, .. } if known.contains(&(record, name)) => Some((record, body.local_pointee(local)?)),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            })
        };
        let mut interior: FxHashSet<(Record, Record)> = if known.is_empty() {
            FxHashSet::default()
        } else {
            self.world.funcs.par_iter().with_min_len(1024).flat_map_iter(part).collect()
        };
        self.behind.clone_from(&interior);
        for uses in self.lifetimes.uses.values() {
            for u in uses.iter().filter(|u| u.deed == Deed::Interior) {
                if let Spot::Object(part) = u.spot
                    && !u.object.is_unknown()
                {
                    interior.insert((u.object, part));
                }
            }
        }
        let mut interior: Vec<(Record, Record)> = interior.into_iter().collect();
        interior.sort_by_key(|(whole, part)| (whole.tag(), part.tag()));
        for (whole, part) in interior {
            self.interior.entry(whole).or_default().push(part);
        }
    }

    /// Whether a record lies behind another in its memory, whoever looks at it.
    pub fn lies_behind(&self, part: Record, whole: Record) -> bool {
        self.behind.contains(&(whole, part))
    }

    /// The records that lie in the memory of another.
    pub fn parts(&self, whole: Record) -> &[Record] {
        self.interior.get(&whole).map_or(&[], Vec::as_slice)
    }

    /// Who calls a function: who, by which operation, and whether that call has no other target.
    pub fn callers(&self, func: FuncId) -> impl Iterator<Item = (FuncId, OpId, bool)> + '_ {
        self.world.callers(func).iter().take(CALLERS_MAX).map(|c| (c.func, c.op, c.certain()))
    }

    /// The functions bound to a member of this name, with the record.
    pub fn bound_to(&self, field: Symbol) -> &[(FuncId, Record)] {
        self.bound.get(&field).map_or(&[], Vec::as_slice)
    }

    /// What a function does, its callees included, in the order of its operations.
    pub fn inside(&self, func: FuncId) -> Arc<[Done]> {
        self.down(func, DEPTH_MAX).all
    }

    fn down(&self, func: FuncId, depth: u8) -> Below {
        let part = &self.inside[func.index() % KNOWN_PARTS];
        let known = {
            let part = part.lock();
            let whole = part.get(&(func, WHOLE)).filter(|below| below.height <= Some(depth));
            whole.or_else(|| part.get(&(func, depth))).cloned()
        };
        if let Some(known) = known {
            return known;
        }
        let mut deeds = Deeds::default();
        for life in self.lifetimes.own(func) {
            deeds.add(Done::own(func, *life));
        }
        let body = self.world.func(func);
        let mut height = Some(0);
        let mut below = |callee: FuncId, op: OpId, sure: bool, deeds: &mut Deeds| {
            if depth == 0 {
                height = None;
                return;
            }
            let below = self.down(callee, depth - 1);
            height = height.zip(below.height).map(|(own, below)| own.max(below + 1));
            for d in below.all.iter() {
                let spot = match d.life.spot {
                    Spot::Param(i) => argument(body, op, i),
                    other => other,
                };
                let object = match d.life.spot {
                    Spot::Param(i) if d.life.object.is_unknown() => argument_object(body, op, i),
                    _ => d.life.object,
                };
                deeds.add(Done { at: op, life: LifeUse { spot, object, ..d.life }, by: d.by, sure: sure && d.sure });
            }
        };
        let called: Vec<(FuncId, OpId)> =
            deeds.all.iter().filter(|d| d.life.deed == Deed::Call).filter_map(|d| d.life.function.map(|f| (f, d.at))).collect();
        for (f, op) in called {
            below(f, op, false, &mut deeds);
        }
        deeds.own = deeds.all.len();
        for (op, callees) in self.world.callees[func.index()].iter() {
            let named = body.op(*op).and_then(|o| match o.kind {
                OpKind::Call { target: Target::Name(name), .. } => Some(name),
                _ => None,
            });
            if named.is_some_and(|name| self.told(name)) {
                continue;
            }
            deeds.next();
            let list = callees.list();
            for &f in list.iter().take(TARGETS_MAX) {
                below(f, *op, list.len() == 1, &mut deeds);
            }
        }
        let mut all = deeds.all;
        all.sort_by_key(|d| (d.at, d.life.op));
        let found = Below { all: all.into(), height };
        part.lock().insert((func, if height.is_some() { WHOLE } else { depth }), found.clone());
        found
    }

    /// Whether the model's words say what a function of this name does to lives.
    fn told(&self, name: Symbol) -> bool {
        self.world.model.entry(name).is_some_and(|e| {
            !e.callbacks.is_empty() || !e.frees.is_empty() || !e.refs.is_empty() || e.waits.is_some() || e.wakes.is_some() || e.grace_period
        })
    }

    /// Whether a way through a function leads from one of its operations to another.
    pub fn leads(&self, func: FuncId, from: OpId, to: OpId) -> bool {
        self.world.func(func).leads(from, to)
    }

    /// Whether every way from an operation to the end of the function passes another.
    pub fn always_after(&self, func: FuncId, from: OpId, then: OpId) -> bool {
        let body = self.world.func(func);
        let (Some(a), Some(b)) = (body.block_of(from), body.block_of(then)) else { return false };
        if a == b {
            return from < then;
        }
        let mut seen = vec![false; body.blocks.len()];
        let mut open = vec![a];
        while let Some(at) = open.pop() {
            if at == b || std::mem::replace(&mut seen[at.index()], true) {
                continue;
            }
            let mut end = true;
            body.block(at).term.successors(|s| {
                end = false;
                open.push(s);
            });
            if end {
                return false;
            }
        }
        true
    }

    /// What a function has done on some way to one of its operations.
    pub fn before(&self, func: FuncId, op: OpId) -> Vec<Done> {
        self.inside(func).iter().filter(|d| d.at != op && self.leads(func, d.at, op)).copied().collect()
    }
}

/// Whether a value is the address right behind what a pointer points to.
fn behind(body: &Body, value: ExprId, owner: ExprId) -> bool {
    match body.expr(value) {
        Expr::Addr(place) => match body.expr(place) {
            Expr::Index { base, index } => {
                body.expr(index) == Expr::Int(1) && matches!(body.expr(base), Expr::Deref(p) if p == owner) || {
                    body.expr(index) == Expr::Int(1) && base == owner
                }
            }
            _ => false,
        },
        Expr::Bin(cuthere_ir::BinOp::Add, p, n) => p == owner && body.expr(n) == Expr::Int(1),
        _ => false,
    }
}

/// What an argument of a call stands for, as far as its expression says.
fn argument(body: &Body, op: OpId, i: u8) -> Spot {
    let Some(OpKind::Call { args, .. }) = body.op(op).map(|o| o.kind) else { return Spot::Unknown };
    body.call_args(args).get(i as usize).map_or(Spot::Unknown, |&e| spot_of(body, e))
}

fn argument_object(body: &Body, op: OpId, i: u8) -> Record {
    let Some(OpKind::Call { args, .. }) = body.op(op).map(|o| o.kind) else { return Record::UNKNOWN };
    body.call_args(args).get(i as usize).and_then(|&e| body.pointee(e)).unwrap_or_default()
}

/// What a pointer expression stands for.
pub fn spot_of(body: &Body, e: ExprId) -> Spot {
    match body.expr(e) {
        Expr::Addr(place) => member_of(body, place, false),
        Expr::Load(place, _) => match body.expr(place) {
            Expr::Local(l) if l.number() < body.params => Spot::Param(l.number().min(255) as u8),
            Expr::Local(_) => Spot::Unknown,
            _ => member_of(body, place, true),
        },
        Expr::ContainerOf { record, .. } if !record.is_unknown() => Spot::Object(record),
        _ => Spot::Unknown,
    }
}

fn member_of(body: &Body, place: ExprId, through: bool) -> Spot {
    let mut at = place;
    let mut inner = None;
    let mut owner = Record::UNKNOWN;
    for _ in 0..12 {
        match body.expr(at) {
            Expr::Field { base, record, name } => {
                if !record.is_unknown() {
                    inner = inner.or(Some((record, name)));
                    owner = record;
                }
                at = base;
            }
            Expr::Index { base, .. } => at = base,
            Expr::Global(name) if inner.is_none() => return Spot::Global(name),
            _ => break,
        }
    }
    inner.map_or(Spot::Unknown, |(record, member)| Spot::Member { owner, record, member, through })
}
