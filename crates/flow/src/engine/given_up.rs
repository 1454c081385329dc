//! What kinds of references functions give up to what they come to in memory, by whatever name it is reached.
//!
//! A pointer goes through members, getters and wrappers that are not all followed. A caller that holds a reference of such a kind may have given it back there. Modules and the
//! like, which one type counts for everybody, are no kind of their own.

use crate::body::{Body, Expr, ExprId, OpKind, Record, Target};
use crate::program::{Callees, World};
use crate::summary::FuncId;
use cuthere_base::Symbol;
use cuthere_kernel::RefOp;
use smallvec::SmallVec;

/// Calls that are followed, of one target each, to what goes by the member or the type.
const MEMBER_DEPTH_MAX: u8 = 3;
/// Calls that are followed to what goes by its kind.
const DEPTH_MAX: u8 = 4;
/// Operations that are looked at for one call.
const OPS_MAX: usize = 1500;
/// Targets of a call.
const TARGETS_MAX: usize = 3;
/// Members that are told of.
const MEMBERS_MAX: usize = 8;
/// Kinds that are told of.
const KINDS_MAX: usize = 8;

/// The record and member that counts; no member: the record that the pointer given up leads to.
pub(super) type Kind = (Record, Symbol);

/// A reference that is given up to what a member leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct GivenUp {
    pub(super) counter: Symbol,
    /// The pointer's type.
    pub(super) record: Record,
    pub(super) member: (Record, Symbol),
}

/// What functions and their callees give up of what they load from members.
pub(super) fn by_member(world: &World<'_>, functions: &[FuncId]) -> SmallVec<[GivenUp; 2]> {
    let (mut left, mut out) = (OPS_MAX, SmallVec::new());
    for f in functions {
        gives_up(world, *f, MEMBER_DEPTH_MAX, &mut left, &mut out);
    }
    out
}

/// What a function and its callees give up of what they find in memory.
fn gives_up(world: &World<'_>, f: FuncId, depth: u8, left: &mut usize, out: &mut SmallVec<[GivenUp; 2]>) {
    let body = world.func(f);
    if body.ops.len() > *left {
        return;
    }
    *left -= body.ops.len();
    for (id, op) in body.all_ops() {
        let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { continue };
        match (world.model.entry(name), world.callees(f, id)) {
            (Some(entry), _) => {
                for r in entry.refs.iter().filter(|r| r.op == RefOp::Put && r.member.is_empty()) {
                    let Some(&e) = body.call_args(args).get(r.argument as usize) else { continue };
                    let Expr::Load(place, _) = body.expr(e) else { continue };
                    let Expr::Field { record, name, .. } = body.expr(place) else { continue };
                    let new = GivenUp { counter: r.counter, record: body.pointee(e).unwrap_or_default(), member: (record, name) };
                    if out.len() < MEMBERS_MAX && !new.record.is_unknown() && !out.contains(&new) {
                        out.push(new);
                    }
                }
            }
            (None, Some(Callees::One(callee))) if depth > 0 && *callee != f => gives_up(world, *callee, depth - 1, left, out),
            _ => {}
        }
    }
}

/// The kinds of references that functions and their callees give up to what memory leads to.
pub(super) fn by_kind(world: &World<'_>, functions: &[FuncId]) -> SmallVec<[Kind; 2]> {
    let mut search = Search { world, left: OPS_MAX, kinds: SmallVec::new() };
    for f in functions {
        search.function(*f, 0, DEPTH_MAX);
    }
    search.kinds
}

struct Search<'a, 'p> {
    world: &'a World<'p>,
    left: usize,
    kinds: SmallVec<[Kind; 2]>,
}

impl Search<'_, '_> {
    /// `loaded`: the parameters for which the callers hand what they have loaded from memory.
    fn function(&mut self, f: FuncId, loaded: u64, depth: u8) {
        let world = self.world;
        let body = world.func(f);
        if body.ops.len() > self.left {
            return;
        }
        self.left -= body.ops.len();
        for (id, op) in body.all_ops() {
            let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { continue };
            let args = body.call_args(args);
            let callees = world.callees(f, id).map(Callees::list);
            // A body says more than what was learned from one.
            match (world.model.entry(name).filter(|e| !e.learned || callees.is_none()), callees) {
                (Some(entry), _) => {
                    let puts = entry.refs.iter().filter(|r| r.op == RefOp::Put && r.member.is_empty() && r.counter.is_empty());
                    for &e in puts.filter_map(|r| args.get(r.argument as usize)).filter(|&&e| is_loaded(body, e, loaded)) {
                        self.add(kind(body, e));
                    }
                }
                (None, Some(callees)) if depth > 0 && callees.len() <= TARGETS_MAX => {
                    let bits = args
                        .iter()
                        .take(64)
                        .enumerate()
                        .filter(|(_, e)| is_loaded(body, **e, loaded))
                        .fold(0, |bits, (i, _)| bits | 1 << i);
                    for callee in callees.iter().filter(|g| **g != f) {
                        self.function(*callee, bits, depth - 1);
                    }
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, kind: Kind) {
        if !kind.0.is_unknown() && self.kinds.len() < KINDS_MAX && !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }
}

/// What an argument that is given up counts.
fn kind(body: &Body, e: ExprId) -> Kind {
    if let Expr::Addr(place) = body.expr(e)
        && let Expr::Field { record, name, .. } = body.expr(place)
    {
        return (record, name);
    }
    (body.pointee(e).unwrap_or_default(), Symbol::EMPTY)
}

/// Whether an argument is, or lies in, what a pointer in memory leads to.
fn is_loaded(body: &Body, e: ExprId, loaded: u64) -> bool {
    let pointer = match body.expr(e) {
        Expr::Addr(place) => match body.expr(body.whole_of(place)) {
            Expr::Deref(pointer) => pointer,
            _ => return false,
        },
        _ => e,
    };
    match body.expr(pointer) {
        Expr::Load(place, _) => match body.expr(body.whole_of(place)) {
            Expr::Local(l) => l.number() < body.params.min(64) && loaded >> l.number() & 1 == 1,
            Expr::Deref(_) => true,
            _ => false,
        },
        _ => false,
    }
}
