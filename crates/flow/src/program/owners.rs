//! Members that lead back from the private part of an object to the object: `priv = netdev_priv(dev); priv->dev = dev;`.
//!
//! Who frees the object by such a member frees what the member lies in. Known is what some function of the tree stores so, where it has just asked the model's function for the
//! private part; a record that is made in another way elsewhere counts too.

use crate::body::{Body, Expr, OpKind, Record, Target};
use crate::summary::FuncId;
use cuthere_base::Symbol;
use cuthere_kernel::Model;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

/// A member, by the record that declares it.
type Member = (Record, Symbol);

/// For each function that frees something: the members of this kind that it speaks of.
pub(super) fn find(model: &Model, funcs: &[Body]) -> FxHashMap<FuncId, Box<[Member]>> {
    let back: FxHashSet<Member> = funcs.par_iter().flat_map_iter(|body| stored(model, body)).collect();
    if back.is_empty() {
        return FxHashMap::default();
    }
    let frees = |body: &Body| {
        body.ops.iter().any(|op| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => model.entry(name).is_some_and(|e| !e.frees.is_empty()),
            _ => false,
        })
    };
    let spoken_of = |(n, body): (usize, &Body)| {
        let mut list: Vec<Member> = Vec::new();
        if frees(body) {
            let members = body.exprs.iter().filter_map(|e| match *e {
                Expr::Field { record, name, .. } if back.contains(&(record, name)) => Some((record, name)),
                _ => None,
            });
            list.extend(members);
            list.sort_unstable_by_key(|(record, name)| (record.tag_symbol().as_str(), name.as_str()));
            list.dedup();
        }
        (!list.is_empty()).then(|| (FuncId(n as u32), list.into_boxed_slice()))
    };
    funcs.par_iter().enumerate().filter_map(spoken_of).collect()
}

/// The members in which a function stores an object, in the object's own private part.
fn stored(model: &Model, body: &Body) -> Vec<Member> {
    let mut parts = Vec::new();
    for op in &body.ops {
        if let OpKind::Call { target: Target::Name(name), args, dst: Some(part), .. } = op.kind
            && let Some(entry) = model.entry(name).filter(|e| e.interior_of.is_none())
            && let Some(&whole) = entry.interior.and_then(|i| body.call_args(args).get(i as usize))
        {
            parts.push((part, whole));
        }
    }
    let mut out = Vec::new();
    for op in body.ops.iter().filter(|_| !parts.is_empty()) {
        if let OpKind::Store { place, value } = op.kind
            && let Expr::Field { base, record, name } = body.expr(place)
            && let Expr::Deref(pointer) = body.expr(base)
            && !record.is_unknown()
            && parts.iter().any(|&(part, whole)| whole == value && body.loaded_local(pointer) == Some(part))
        {
            out.push((record, name));
        }
    }
    out
}
