//! What frees an object when its last reference is given up: the function that a call is handed (`kref_put()`), or the one that is known for the
//! counted member of a record.
//!
//! `put_device(&x->dev)` names no function. That `x` is freed is known from a function that is stored where the model says that release functions are
//! (`device_type.release`), and that computes the record around its argument: it stands for the member of that record, in whatever instance. Two such functions for one
//! member leave it unknown.
//!
//! What a call that fails calls itself (`devm_add_action_or_reset()`), and what one calls when readers are done (`call_rcu()`), stands among them: it is done before its caller, too.

use crate::body::{Body, Expr, ExprId, OpKind, Record, Target};
use crate::program::link::BoundFunction;
use crate::summary::FuncId;
use cuthere_base::Symbol;
use cuthere_kernel::{FreeHow, Model, RefOp};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

/// A function that frees what a counted member lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Release {
    /// Unknown: the function is handed over by name.
    pub record: Record,
    /// The member; of what is handed over, the function's name.
    pub member: Symbol,
    pub func: FuncId,
}

/// Finds the release functions that each function's puts may come to. `resolve`: a function by its name, seen from another function.
pub(super) fn find(
    model: &Model,
    funcs: &[Body],
    stored: &[BoundFunction],
    resolve: impl Fn(FuncId, Symbol) -> Option<FuncId> + Sync,
) -> FxHashMap<FuncId, Box<[Release]>> {
    let mut of_member: FxHashMap<(Record, Symbol), Option<FuncId>> = FxHashMap::default();
    for b in stored.iter().filter(|b| model.is_release(b.record.tag_symbol(), b.field)) {
        for around in around_argument(funcs, b.func, &resolve) {
            let known = of_member.entry(around).or_insert(Some(b.func));
            if *known != Some(b.func) {
                *known = None;
            }
        }
    }
    let found = |(n, d): (usize, &Body)| {
        let id = FuncId(n as u32);
        let mut list: Vec<Release> = Vec::new();
        let mut puts = false;
        for (_, op) in d.all_ops() {
            let OpKind::Call { target: Target::Name(name), args, .. } = op.kind else { continue };
            let Some(entry) = model.entry(name) else { continue };
            let frees = entry.frees.iter().any(|f| f.how == FreeHow::Put);
            if !frees
                && !entry.refs.iter().any(|r| r.op == RefOp::Put)
                && !entry.callbacks.iter().any(|c| c.or_now || c.ends_grace_period())
            {
                continue;
            }
            puts |= frees;
            for &e in d.call_args(args) {
                if let Expr::Function(name) = d.expr(e)
                    && let Some(func) = resolve(id, name)
                {
                    list.push(Release { record: Record::UNKNOWN, member: name, func });
                }
            }
        }
        if puts {
            for e in d.exprs.iter() {
                if let Expr::Addr(place) = *e
                    && let Expr::Field { record, name, .. } = d.expr(place)
                    && let Some(Some(func)) = of_member.get(&(record, name))
                {
                    list.push(Release { record, member: name, func: *func });
                }
            }
        }
        list.dedup();
        (!list.is_empty()).then(|| (id, list.into_boxed_slice()))
    };
    funcs.par_iter().enumerate().filter_map(found).collect()
}

/// The records, with the member, that a function computes around its first argument, by itself or by one that does nothing else.
fn around_argument(funcs: &[Body], func: FuncId, resolve: &impl Fn(FuncId, Symbol) -> Option<FuncId>) -> Vec<(Record, Symbol)> {
    let d = &funcs[func.index()];
    let mut out = containers(d);
    for (_, op) in d.all_ops() {
        if let OpKind::Call { target: Target::Name(name), args, .. } = op.kind
            && d.call_args(args).first().is_some_and(|&e| is_first(d, e))
            && let Some(callee) = resolve(func, name).map(|f| &funcs[f.index()])
            && callee.blocks.len() <= 2
            && callee.ops.len() <= 4
        {
            out.extend(containers(callee));
        }
    }
    out.sort_unstable_by_key(|(record, member)| (record.tag_symbol().as_str(), member.as_str()));
    out.dedup();
    out
}

fn containers(d: &Body) -> Vec<(Record, Symbol)> {
    let around = |e: &Expr| match *e {
        Expr::ContainerOf { ptr, record, field } if is_first(d, ptr) && !record.is_unknown() => Some((record, field)),
        _ => None,
    };
    d.exprs.iter().filter_map(around).collect()
}

/// Whether an expression is the value of the first parameter.
fn is_first(d: &Body, e: ExprId) -> bool {
    d.params > 0 && d.loaded_local(e).is_some_and(|l| l.number() == 0)
}
