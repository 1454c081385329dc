//! Plain integers that count references, by what is done with them: whoever brings the member of a record to zero (`atomic_dec_and_test(&p->users)`)
//! frees the record then, or hands it to what ends it by its name.
//!
//! Counts that the kernel has types for (`kref`, `refcount_t`) need none of this, and members whose name says so neither. One such function in the tree is enough: what is
//! freed at zero is kept by what is above zero. A count of something else at the end of which its record is freed (requests in flight) is one of users too.

use crate::body::{BlockId, Body, Expr, ExprId, LocalId, OpId, OpKind, Record, Target, Term};
use crate::engine::references::COUNTED;
use crate::program::naming::names_end;
use crate::summary::FuncId;
use cuthere_base::Symbol;
use cuthere_ir::{BinOp, UnOp};
use cuthere_kernel::{Model, RefOp};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

/// A member, by the record that declares it.
type Member = (Record, Symbol);

/// For each function: the members of this kind that it counts with.
pub(super) fn find(model: &Model, funcs: &[Body]) -> FxHashMap<FuncId, Box<[Member]>> {
    let ended: FxHashSet<Member> = funcs.par_iter().with_min_len(256).flat_map_iter(|body| brought_to_zero(model, body)).collect();
    if ended.is_empty() {
        return FxHashMap::default();
    }
    let spoken_of = |(n, body): (usize, &Body)| {
        let mut list: Vec<Member> = counted(model, body).map(|c| c.member).filter(|m| ended.contains(m)).collect();
        list.sort_unstable_by_key(|(record, name)| (record.tag_symbol().as_str(), name.as_str()));
        list.dedup();
        (!list.is_empty()).then(|| (FuncId(n as u32), list.into_boxed_slice()))
    };
    funcs.par_iter().with_min_len(256).enumerate().filter_map(spoken_of).collect()
}

/// A plain integer is counted up or down.
struct Counted {
    op: OpId,
    put: bool,
    dst: Option<LocalId>,
    /// The pointer to the record.
    owner: ExprId,
    member: Member,
}

fn counted<'b>(model: &'b Model, body: &'b Body) -> impl Iterator<Item = Counted> + 'b {
    body.all_ops().filter_map(move |(op, o)| {
        let OpKind::Call { dst, target: Target::Name(name), args, .. } = o.kind else { return None };
        let effect = model.entry(name)?.refs.iter().find(|r| r.counter.as_str() == COUNTED)?;
        let Expr::Addr(place) = body.expr(*body.call_args(args).get(effect.argument as usize)?) else { return None };
        let Expr::Field { base, record, name } = body.expr(place) else { return None };
        let Expr::Deref(owner) = body.expr(base) else { return None };
        (!record.is_unknown()).then_some(Counted { op, put: effect.op == RefOp::Put, dst, owner, member: (record, name) })
    })
}

/// The members that a function brings to zero, to end their record then.
fn brought_to_zero(model: &Model, body: &Body) -> Vec<Member> {
    let mut out = Vec::new();
    for c in counted(model, body).filter(|c| c.put) {
        let (Some(result), Some(block)) = (c.dst, body.block_of(c.op)) else { continue };
        let Term::Branch { cond, then, els } = body.block(block).term else { continue };
        let Some(zero) = at_zero(model, body, c.op, cond, result) else { continue };
        let (zero, other) = if zero { (then, els) } else { (els, then) };
        if ends(model, body, c.owner, zero, other) {
            out.push(c.member);
        }
    }
    out
}

/// Whether a condition on the result of counting down is true where zero was reached.
fn at_zero(model: &Model, body: &Body, op: OpId, cond: ExprId, result: LocalId) -> Option<bool> {
    // `atomic_dec_return()` gives what is left, `atomic_dec_and_test()` whether nothing is.
    let left = matches!(body.op(op)?.kind, OpKind::Call { target: Target::Name(name), .. }
        if model.entry(name).is_some_and(|_| name.as_str().contains("return")));
    let (mut at, mut truth) = (cond, !left);
    for _ in 0..6 {
        match body.expr(at) {
            Expr::Un(UnOp::Not, a) => (at, truth) = (a, !truth),
            Expr::Bin(BinOp::Ne, a, b) if body.expr(b) == Expr::Int(0) => at = a,
            Expr::Bin(BinOp::Eq, a, b) if body.expr(b) == Expr::Int(0) => (at, truth) = (a, !truth),
            _ => break,
        }
    }
    (body.loaded_local(at) == Some(result)).then_some(truth)
}

/// Whether what is done only at zero ends the record.
fn ends(model: &Model, body: &Body, owner: ExprId, zero: BlockId, other: BlockId) -> bool {
    body.blocks().any(|(id, block)| {
        let calls = body.block_ops(block).iter().any(|op| match op.kind {
            OpKind::Call { target: Target::Name(name), args, .. } => {
                let args = body.call_args(args);
                match model.entry(name) {
                    Some(entry) => entry.frees.iter().any(|f| args.get(f.argument as usize).is_some_and(|&a| is_of(body, a, owner))),
                    None => names_end(name) && args.iter().any(|&a| is_of(body, a, owner)),
                }
            }
            _ => false,
        });
        calls && body.reaches(zero, id, None) && !body.reaches(other, id, Some(zero))
    })
}

/// Whether an argument is the pointer to the record, or the address of a part of it.
fn is_of(body: &Body, argument: ExprId, owner: ExprId) -> bool {
    let mut at = argument;
    for _ in 0..4 {
        if at == owner {
            return true;
        }
        at = match body.expr(at) {
            Expr::Addr(place) => place,
            Expr::Field { base, .. } => base,
            Expr::Deref(pointer) => pointer,
            _ => return false,
        };
    }
    at == owner
}
