//! A member that is accessed by `READ_ONCE()` and `WRITE_ONCE()` nearly everywhere, and stored plainly at one place.
//!
//! Who marks a load says that others store meanwhile; a plain store may then be torn, fused or repeated by the compiler, whatever lock the storing side holds (the
//! kernel's memory model, `access-marking.txt`). So the stores count, at places that are not set-up or the object's end: those of several functions are marked and one
//! function's are not. Plain loads are no finding: the side that stores may read what only it stores.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::Confidence;
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Target};
use cuthere_flow::index::MemberAccess;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::PlaceAccess;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::collections::{BTreeSet, HashSet};

/// Functions that store it with a mark, for the one that does without.
const MARKED_MIN: usize = 2;

/// Who accesses a member by marked primitives.
#[derive(Default)]
pub(super) struct Marks {
    pub stores: BTreeSet<FuncId>,
    loads: BTreeSet<FuncId>,
    example: Option<(FuncId, OpId)>,
}

impl Marks {
    /// Whether a plain store would be the odd one out.
    pub(super) fn usual(&self) -> bool {
        self.stores.len() >= MARKED_MIN && !self.loads.is_empty()
    }
}

impl View<'_, '_> {
    pub(super) fn marked(
        &self,
        member: Member,
        marks: &Marks,
        uses: &[(FuncId, MemberAccess)],
        told: &mut HashSet<(FuncId, OpId)>,
        claims: &mut Claims,
    ) {
        let world = self.tree.world;
        let plain: Vec<(FuncId, MemberAccess)> = uses
            .iter()
            .filter(|(f, u)| {
                u.store
                    && !u.list
                    && !self.alone(*f, member.0)
                    && !words::is_boot_code(world.func(*f))
                    && !words::is_test_code(world.path(*f))
                    && self.contexts.entered(*f).certain.reached()
            })
            .copied()
            .collect();
        let odd: BTreeSet<FuncId> = plain.iter().map(|p| p.0).collect();
        let (&[(f, access), ..], Some((g, at))) = (&plain[..], marks.example) else { return };
        if odd.len() == 1 && told.insert((f, access.op)) {
            let name = member.0.member_text(member.1);
            let (function, there) = (world.func(f).name, world.func(g).name);
            let message = format!(
                "`{function}()` stores `{name}` plainly, which `{there}()` reads with no lock, and which all others store by WRITE_ONCE()"
            );
            // Most of what is told of is set-up in a function of its own, before anybody reads.
            claims.add(
                Claim::new(access.op, (f, self.loc(f, access.op)), Confidence::Low, message)
                    .thread(format!("CPU 0: {function}()"))
                    .step(f, self.loc(f, access.op), format!("stores `{name}`, perhaps in parts or more than once"))
                    .thread(format!("CPU 1: {there}()"))
                    .step(g, self.loc(g, at), "reads it by READ_ONCE()")
                    .assume(format!("{} functions store it by WRITE_ONCE(), this one does not", marks.stores.len()))
                    .identity(format!("{name} marked")),
            );
        }
    }
}

/// The members that are accessed by marked primitives, and by whom.
pub(super) fn marks(tree: &cuthere_analysis::Tree<'_>) -> FxHashMap<Member, Marks> {
    let macros = tree.world.model.place_macros();
    let of = |(n, body): (usize, &Body)| -> Vec<(Member, FuncId, OpId, bool)> {
        let mut out = Vec::new();
        for (op, o) in body.all_ops() {
            let OpKind::Call { target: Target::Name(name), args, .. } = o.kind else { continue };
            let Some((_, access)) = macros.iter().find(|(m, _)| *m == name) else { continue };
            if let Some(member) = body.call_args(args).first().and_then(|&e| member_of(body, e)) {
                out.push((member, FuncId(n as u32), op, *access == PlaceAccess::Write));
            }
        }
        out
    };
    let all: Vec<_> = tree.world.funcs.par_iter().with_min_len(1024).enumerate().flat_map_iter(|(n, body)| of((n, body))).collect();
    let mut marks: FxHashMap<Member, Marks> = FxHashMap::default();
    for (member, f, op, store) in all {
        let m = marks.entry(member).or_default();
        if store {
            m.stores.insert(f);
        } else {
            m.loads.insert(f);
            m.example = m.example.or(Some((f, op)));
        }
    }
    marks.retain(|_, m| m.usual());
    marks
}

/// The member that an argument is, or is the address of.
fn member_of(body: &Body, e: ExprId) -> Option<Member> {
    let (Expr::Load(mut place, _) | Expr::Addr(mut place)) = body.expr(e) else { return None };
    while let Expr::Index { base, .. } = body.expr(place) {
        place = base;
    }
    match body.expr(place) {
        Expr::Field { record, name, .. } if !record.is_unknown() => Some((record, name)),
        _ => None,
    }
}
