//! Sections of a lock that protects nothing of what is accessed in them.
//!
//! Where several functions access a member under the lock of the object that it lies in, and one takes another lock around its access, under which nobody else accesses anything that this section does,
//! it has taken the wrong one. A call may need that lock for something else: sections that may reach code which is not read, the hardware, or what others access under the lock, are left alone.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{OpId, OpKind, Target};
use cuthere_flow::index::{LockOf, LockedAccess, accesses};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::LockKind;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Functions that hold the lock of the object itself, at least.
const OWN_MIN: usize = 3;

/// What is accessed under a lock by a function, with the lock.
type Section<'t> = (Symbol, Vec<(Member, &'t LockedAccess)>);

impl View<'_, '_> {
    pub(super) fn wrong_sections(&self, told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let own = self.own_by_member();
        let mut sections: BTreeMap<(FuncId, &str), Section<'_>> = BTreeMap::new();
        for (member, lock, uses) in self.tree.locked.all() {
            let alone = uses.first().filter(|first| uses.iter().all(|u| u.func == first.func));
            if let Some(first) = alone.filter(|_| own.get(&member).is_some_and(|(right, _)| *right != lock)) {
                sections.entry((first.func, lock.as_str())).or_insert_with(|| (lock, Vec::new()));
            }
        }
        for (member, lock, uses) in self.tree.locked.all() {
            for used in uses {
                if let Some(section) = sections.get_mut(&(used.func, lock.as_str())) {
                    section.1.push((member, used));
                }
            }
        }
        for ((f, _), (lock, mut used)) in sections {
            used.sort_by_key(|(member, u)| (u.op, member.0.tag(), member.1.as_str()));
            claims.extend(self.wrong_section(f, lock, &used, &own).filter(|c| told.insert(c.0)).map(|c| c.1));
        }
    }

    /// The lock of its object that a member is accessed under by several functions, with their number.
    fn own_by_member(&self) -> FxHashMap<Member, (Symbol, usize)> {
        let mut out: FxHashMap<Member, (Symbol, usize)> = FxHashMap::default();
        for (member, lock, uses) in self.tree.locked.all() {
            let own = || uses.iter().filter(|u| u.of == LockOf::Own);
            let functions: BTreeSet<FuncId> = own().map(|u| u.func).collect();
            if member.0.is_file_level() || functions.len() < OWN_MIN || !own().any(|u| u.store) {
                continue;
            }
            let better = |old: &(Symbol, usize)| (functions.len(), Reverse(lock.as_str())) > (old.1, Reverse(old.0.as_str()));
            if out.get(&member).is_none_or(better) {
                out.insert(member, (lock, functions.len()));
            }
        }
        out
    }

    fn wrong_section(
        &self,
        f: FuncId,
        lock: Symbol,
        used: &[(Member, &LockedAccess)],
        own: &FxHashMap<Member, (Symbol, usize)>,
    ) -> Option<((FuncId, OpId), Claim)> {
        let locked = &self.tree.locked;
        let needless = |member: Member| locked.under(member, lock).iter().all(|u| u.func == f);
        let (_, first) = used.first()?;
        let cut = self.tree.world.summary(f).is_none_or(|s| s.truncated);
        let facts = self.tree.lock_graph().facts(f);
        let told = facts.is_some_and(|facts| facts.asserted.iter().any(|a| a.class == lock));
        let section = facts.is_some_and(|facts| facts.uses.iter().any(|u| u.class == lock && u.kind == LockKind::Srcu));
        if cut || told || section || !used.iter().all(|(member, _)| needless(*member)) || self.may_need(f, lock, first.op) {
            return None;
        }
        let (always, perhaps) = self.entry_locks(f);
        for &(member, access) in used {
            let Some(&(right, n)) = own.get(&member).filter(|(right, _)| *right != lock) else { continue };
            let there = locked.under(member, right);
            let held = there.iter().any(|u| u.func == f) || always.contains(&right) || perhaps.contains(&right);
            let others = self.own_locks(member, f, access.op).iter().any(|l| *l != lock);
            let quiet = self.quiet(f, Some(member.0)) || locked.is_doubtful(f, access.op) || !self.contexts.entered(f).is_known_whole();
            // Who stores may be called with that lock held.
            let covered = there.iter().filter(|u| u.store).any(|u| {
                let ins = self.entry_locks(u.func);
                ins.0.contains(&lock) || ins.1.contains(&lock)
            });
            let store = there.iter().filter(|u| u.of == LockOf::Own && u.store).min_by_key(|u| (u.func, u.op));
            if let Some(store) = store.filter(|_| !held && !others && !quiet && !covered) {
                return Some(((f, access.op), self.under_wrong(member, access, (lock, right), (store, n))));
            }
        }
        None
    }

    /// Whether what a function calls from an operation on may need a lock: it is not read, it is no matter of locks, or it accesses what others access under that lock.
    fn may_need(&self, f: FuncId, lock: Symbol, from: OpId) -> bool {
        let world = self.tree.world;
        let body = world.func(f);
        let guarded = |g: FuncId, member: Member| self.tree.locked.under(member, lock).iter().any(|u| u.func != f && u.func != g);
        body.all_ops().any(|(op, o)| {
            let OpKind::Call { target, .. } = o.kind else { return false };
            if op != from && !self.lives.leads(f, from, op) {
                return false;
            }
            match (world.callees(f, op), target) {
                (Some(callees), Target::Name(_)) => {
                    callees.list().iter().any(|&g| !accesses(world, g, |_| false, |m| guarded(g, m)).is_empty())
                }
                (_, Target::Name(name)) => world.model.entry(name).is_none_or(|e| {
                    e.acquires.is_empty() && e.releases.is_empty() && e.asserts.is_empty() && e.wakes.is_none() && e.links.is_none()
                }),
                (_, Target::Pointer(_)) => true,
            }
        })
    }

    fn under_wrong(
        &self,
        member: Member,
        access: &LockedAccess,
        (lock, right): (Symbol, Symbol),
        (store, n): (&LockedAccess, usize),
    ) -> Claim {
        let world = self.tree.world;
        let f = access.func;
        let (function, there, name) = (world.func(f).name, world.func(store.func).name, member.0.member_text(member.1));
        let does = if access.store { "stores" } else { "loads" };
        let message = format!("`{function}()` {does} `{name}` under `{lock}`, which nobody else holds there, and not under `{right}`");
        Claim::new(access.op, (f, self.loc(f, access.op)), Confidence::Medium, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, access.op), format!("{does} `{name}` under `{lock}`"))
            .thread(format!("CPU 1: {there}()"))
            .step(store.func, self.loc(store.func, store.op), format!("changes it under `{right}` of the object"))
            .assume(format!("{n} functions hold the lock of the object itself, and nothing in this section needs the other"))
            .identity(format!("{name} {lock} {right} wrong"))
    }
}
