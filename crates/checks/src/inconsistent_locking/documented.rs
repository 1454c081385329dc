//! Lists in records of the kernel that are walked or changed without the lock which the model names for them.
//!
//! Who gets a record from elsewhere sees nobody else take its lock: the kernel's own code does. Told of are uses with no lock at all on any way in, outside of read-side sections, by functions
//! of which the ways in are known.

use super::say::{is_walk, verb};
use super::{Member, View};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, OpId};
use cuthere_flow::index::{MemberAccess, accesses};
use cuthere_flow::program::contexts::Part;
use cuthere_flow::summary::FuncId;
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use std::collections::HashSet;

impl View<'_, '_> {
    pub(super) fn documented(&self, told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let world = self.tree.world;
        let names: FxHashSet<Symbol> = world.model.locked_members().map(|m| m.1).collect();
        let known = |(record, name): Member| {
            names.contains(&name) && record.is_common() && !world.model.locks_of(record.tag_symbol(), name).is_empty()
        };
        let speaks = |body: &Body| body.exprs.iter().any(|e| matches!(*e, Expr::Field { record, name, .. } if known((record, name))));
        let of = |(n, body): (usize, &Body)| {
            let f = FuncId(n as u32);
            let all = if speaks(body) { accesses(world, f, |_| false, known) } else { Vec::new() };
            all.into_iter().filter(|a| a.list).map(move |a| (f, a))
        };
        let all: Vec<(FuncId, MemberAccess)> = world.funcs.par_iter().with_min_len(256).enumerate().flat_map_iter(of).collect();
        for (f, access) in all {
            let locks = world.model.locks_of(access.member.0.tag_symbol(), access.member.1);
            let uses = access.store || is_walk(world.func(f), access.op);
            if let Some(&lock) = locks.first().filter(|_| uses && self.is_bare(f, access, locks))
                && told.insert((f, access.op))
            {
                claims.add(self.without_its_lock(f, access, lock));
            }
        }
    }

    /// Whether an access is made with no lock at all.
    fn is_bare(&self, f: FuncId, access: MemberAccess, locks: &[Symbol]) -> bool {
        let ins = self.contexts.entered(f);
        let section = ins.certain.part(Part::Rcu).1 || ins.perhaps.part(Part::Rcu).1;
        let held = locks.iter().any(|&l| self.tree.locked.holds(access.member, l, f, access.op));
        let free = || self.site(access.member, (f, access)).is_some_and(|s| s.held.is_empty() && !s.may_hold_more());
        !held && !section && ins.is_known_whole() && free() && !self.quiet(f, Some(access.member.0))
    }

    fn without_its_lock(&self, f: FuncId, access: MemberAccess, lock: Symbol) -> Claim {
        let (body, name) = (self.tree.world.func(f), access.member.0.member_text(access.member.1));
        let (function, does) = (body.name, verb(body, &access));
        let message = format!("`{function}()` {does} `{name}` without `{lock}`, under which the kernel changes it");
        Claim::new(access.op, (f, self.loc(f, access.op)), Confidence::Medium, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, access.op), format!("{does} `{name}` with no lock held"))
            .assume("others can reach the object at the same time")
            .identity(format!("{name} {lock} documented"))
    }
}
