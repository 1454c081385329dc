//! Calls through parameters and local variables: the functions that callers hand down, and those assigned in the body.
//!
//! Which functions reach a parameter is found by name alone, over direct calls, through up to [`ROUNDS_MAX`] functions that hand their own
//! parameter on. A parameter that more than [`TARGETS_MAX`] functions reach is unknown. Which of them a caller means is decided where
//! the call is run (`Test::Function`).

use super::link::TARGETS_MAX;
use crate::body::{Body, Expr, LocalId, OpId, OpKind, Target};
use crate::summary::FuncId;
use cuthere_base::Symbol;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

/// Functions that hand a parameter on, one below the other.
const ROUNDS_MAX: usize = 4;

/// A local variable or parameter of a function.
type Slot = (FuncId, LocalId);

/// The functions that each called local may hold.
pub struct Parameters(FxHashMap<Slot, Vec<FuncId>>);

/// One call site's contribution to a parameter.
enum Given {
    Function(Slot, FuncId),
    /// The second is handed on as the first.
    Slot(Slot, Slot),
}

impl Parameters {
    /// `direct`: per function, its calls by name. `resolve`: a function by its name, seen from another function.
    pub fn find(
        funcs: &[Body],
        direct: &[(u32, Vec<(OpId, FuncId)>)],
        resolve: impl Fn(FuncId, Symbol) -> Option<FuncId> + Sync,
    ) -> Parameters {
        let mut wanted: FxHashSet<Slot> = funcs.par_iter().enumerate().flat_map_iter(|(n, d)| called(FuncId(n as u32), d)).collect();
        let mut given: Vec<Given> = assigned(funcs, &wanted, &resolve);
        let mut fresh = wanted.clone();
        for _ in 0..ROUNDS_MAX {
            let found: Vec<Given> =
                direct.par_iter().flat_map_iter(|(n, calls)| at_calls(FuncId(*n), funcs, calls, &fresh, &resolve)).collect();
            fresh = found.iter().filter_map(|g| if let Given::Slot(_, from) = g { Some(*from) } else { None }).collect();
            fresh.retain(|slot| !wanted.contains(slot));
            wanted.extend(fresh.iter().copied());
            given.extend(found);
            if fresh.is_empty() {
                break;
            }
        }
        let mut reach: FxHashMap<Slot, Vec<FuncId>> = FxHashMap::default();
        for g in &given {
            if let Given::Function(slot, f) = g {
                reach.entry(*slot).or_default().push(*f);
            }
        }
        for _ in 0..ROUNDS_MAX {
            for g in &given {
                if let Given::Slot(to, from) = g
                    && let Some(more) = reach.get(from).cloned()
                {
                    let list = reach.entry(*to).or_default();
                    list.extend(more);
                    list.sort_unstable();
                    list.dedup();
                    // Enough to know that it is too many.
                    list.truncate(TARGETS_MAX + 1);
                }
            }
        }
        for list in reach.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        Parameters(reach)
    }

    /// What a call through a local may reach; `None`: unknown.
    pub fn targets(&self, func: FuncId, local: LocalId) -> Option<&[FuncId]> {
        self.0.get(&(func, local)).map(Vec::as_slice).filter(|list| !list.is_empty() && list.len() <= TARGETS_MAX)
    }
}

/// The locals that a function calls.
fn called(f: FuncId, d: &Body) -> impl Iterator<Item = Slot> {
    d.ops.iter().filter_map(move |op| match op.kind {
        OpKind::Call { target: Target::Pointer(e), .. } => d.loaded_local(e).map(|l| (f, l)),
        _ => None,
    })
}

/// Functions assigned to called locals by name.
fn assigned(funcs: &[Body], wanted: &FxHashSet<Slot>, resolve: &(impl Fn(FuncId, Symbol) -> Option<FuncId> + Sync)) -> Vec<Given> {
    let mut with: Vec<FuncId> = wanted.iter().map(|slot| slot.0).collect();
    with.sort_unstable();
    with.dedup();
    with.par_iter()
        .flat_map_iter(|&f| {
            let d = &funcs[f.index()];
            d.ops.iter().filter_map(move |op| {
                let OpKind::Store { place, value } = op.kind else { return None };
                let (Expr::Local(l), Expr::Function(name)) = (d.expr(place), d.expr(value)) else { return None };
                if !wanted.contains(&(f, l)) {
                    return None;
                }
                Some(Given::Function((f, l), resolve(f, name)?))
            })
        })
        .collect()
}

/// What the calls of a function hand to wanted parameters.
fn at_calls<'s>(
    f: FuncId,
    funcs: &'s [Body],
    calls: &'s [(OpId, FuncId)],
    wanted: &'s FxHashSet<Slot>,
    resolve: &'s impl Fn(FuncId, Symbol) -> Option<FuncId>,
) -> impl Iterator<Item = Given> + 's {
    let d = &funcs[f.index()];
    calls.iter().flat_map(move |&(op, callee)| {
        let args = match d.op(op).map(|op| op.kind) {
            Some(OpKind::Call { args, .. }) => d.call_args(args),
            _ => &[],
        };
        args.iter().enumerate().filter_map(move |(n, &e)| {
            let slot = (callee, LocalId::new(n as u32));
            match d.expr(e) {
                Expr::Function(name) if wanted.contains(&slot) => Some(Given::Function(slot, resolve(f, name)?)),
                Expr::Load(..) => {
                    let own = d.loaded_local(e).filter(|l| l.number() < d.params)?;
                    wanted.contains(&slot).then_some(Given::Slot(slot, (f, own)))
                }
                _ => None,
            }
        })
    })
}
