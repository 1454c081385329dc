//! Lists that are walked without the lock under which others take elements off them.
//!
//! A walk reads the links of elements, so one that goes on while an element is freed uses freed memory, and one that goes on from an element that is off the list ends nowhere: of the latter it is told where
//! the walk may run at any time, with no lock at all. Lists are told apart by the link of their elements, and
//! only links that serve for one list count: those of which every element that is put on a list goes to the same head. Nothing is said of walks in functions that make the list's
//! owner or end it, of walkers that take elements off themselves, and where locks that some caller may hold are in common.

use super::parallel::HOPS_MAX;
use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, OpId, OpKind, Record};
use cuthere_flow::index::{Deed, ListLies, ListUse};
use cuthere_flow::program::contexts::Hop;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{ListOp, LockKind};
use rustc_hash::FxHashSet;
use std::collections::{BTreeSet, HashSet};

type Use = (FuncId, ListUse);

impl View<'_, '_> {
    pub(super) fn walkers(&self, told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let freed = self.freed();
        for uses in self.tree.rcu.lists() {
            // Freed here, or elsewhere when it is off the list.
            let ends = |u: &ListUse| u.freed || !u.private && freed.contains(&u.record);
            let taking = |(f, u): &&Use| u.op == ListOp::Remove && (ends(u) || !u.private) && u.locked && !u.rcu && self.parallel(*f, u);
            let mut removals: Vec<Use> = uses.iter().filter(taking).copied().collect();
            removals.sort_by_key(|(f, u)| (!u.freed, !ends(u), *f, u.at));
            let adds = || uses.iter().filter(|(_, u)| u.op == ListOp::Add);
            let Some(head) = adds().map(|(_, u)| u.head).next().filter(|h| !h.is_empty()) else { continue };
            if removals.is_empty() || !adds().all(|(_, u)| u.head == head && u.lies != ListLies::Here) || uses.iter().any(|(_, u)| u.rcu) {
                continue;
            }
            let walks: Vec<&Use> = uses.iter().filter(|(f, u)| u.op == ListOp::Walk && u.head == head && self.parallel(*f, u)).collect();
            for removal in &removals {
                let open: Vec<&Use> = walks.iter().filter(|w| self.apart(w, removal, &uses)).copied().collect();
                let Some(lock) = self.guard(removal, &uses, &open) else { continue };
                for walk in open {
                    let sure = match (removal.1.freed, ends(&removal.1)) {
                        (true, _) => Some(Confidence::Medium),
                        _ if self.walks_any_time(walk, removal, lock) => Some(Confidence::Medium),
                        (_, freed) => freed.then_some(Confidence::Low),
                    };
                    if let Some(sure) = sure.filter(|_| told.insert((walk.0, walk.1.at))) {
                        claims.add(self.walked(*walk, *removal, (lock, ends(&removal.1)), sure));
                    }
                }
            }
        }
    }

    /// Whether a walk is entered, with no lock held, by what anybody may ask for at any time, and not by what leads to the removal as well.
    fn walks_any_time(&self, walk: &Use, removal: &Use, lock: Symbol) -> bool {
        let owner = owner_of(self.tree.world.func(walk.0), walk.1.at).map(|o| o.0);
        let way = self.open_way(walk.0, owner, (lock, LockKind::SleepingOther));
        let entry = way.and_then(|hops| match hops.first() {
            Some(Hop::Entry(g, _)) => Some(*g),
            _ => None,
        });
        entry.is_some_and(|entry| !self.leads_to(entry, removal.0, 0))
    }

    /// Whether a function calls another, by a few calls.
    fn leads_to(&self, from: FuncId, f: FuncId, depth: usize) -> bool {
        from == f || depth < HOPS_MAX && self.lives.callers(f).any(|(g, ..)| g != f && self.leads_to(from, g, depth + 1))
    }

    /// The records of which objects are freed anywhere.
    fn freed(&self) -> FxHashSet<Record> {
        let lifetimes = self.lives.lifetimes;
        let of = |f: FuncId| lifetimes.own(f).iter().filter(|d| matches!(d.deed, Deed::Free | Deed::FreeLater)).map(|d| d.object);
        lifetimes.functions().into_iter().flat_map(of).filter(|r| !r.is_unknown()).collect()
    }

    /// Whether a use may run at the same time as others of the list.
    fn parallel(&self, f: FuncId, u: &ListUse) -> bool {
        let world = self.tree.world;
        let body = world.func(f);
        let cut = world.summary(f).is_none_or(|s| s.truncated);
        let owner = owner_of(body, u.at);
        let alone =
            u.op == ListOp::Walk && self.named_alone(body, owner.map(|o| o.0)) || owner.is_some_and(|(record, _)| self.ends(f, record));
        u.lies != ListLies::Here && !alone && !cut && !words::is_boot_code(body) && !words::is_test_code(world.path(f))
    }

    /// Whether a walk holds nothing that keeps it from a removal, and ends nothing itself.
    fn apart(&self, walk: &Use, removal: &Use, uses: &[Use]) -> bool {
        let (f, u) = *walk;
        let (g, r) = *removal;
        let known = self.contexts.entered(f).is_known_whole();
        let (always, perhaps) = self.entry_locks(f);
        let own = |l: &Symbol| u.locks.contains(l) || always.contains(l) || perhaps.contains(l);
        let (there, there_perhaps) = self.entry_locks(g);
        let removes = uses.iter().any(|(h, x)| *h == f && x.op == ListOp::Remove);
        let shared = r.locks.iter().filter(|l| !l.is_empty()).chain(&there).chain(&there_perhaps).any(own);
        // With the owner of the list, whose last user that is.
        let ends = owner_of(self.tree.world.func(f), u.at).is_some_and(|(record, _)| self.ends(g, record));
        f != g && known && !removes && !shared && !ends && !self.tree.locked.is_doubtful(f, u.at)
    }

    /// The lock of a removal, if it is the one that most others hold at the list.
    fn guard(&self, removal: &Use, uses: &[Use], open: &[&Use]) -> Option<Symbol> {
        let holds = |u: &Use, lock: Symbol| u.1.locks.contains(&lock) || self.entry_locks(u.0).0.contains(&lock);
        let odd: BTreeSet<FuncId> = open.iter().map(|u| u.0).collect();
        removal.1.locks.iter().copied().filter(|l| !l.is_empty()).find(|&lock| {
            let with: BTreeSet<FuncId> = uses.iter().filter(|u| holds(u, lock)).map(|u| u.0).collect();
            let without: BTreeSet<FuncId> =
                uses.iter().filter(|u| u.1.op != ListOp::Walk && !u.1.private && !holds(u, lock)).map(|u| u.0).collect();
            with.len() > odd.len().max(without.len()) && without.is_empty()
        })
    }

    fn walked(&self, (f, walk): Use, (g, removal): Use, (lock, ends): (Symbol, bool), sure: Confidence) -> Claim {
        let world = self.tree.world;
        let (function, there) = (world.func(f).name, world.func(g).name);
        let link = format!("{}.{}", walk.record, walk.member);
        let message = format!(
            "`{function}()` walks a list (`{link}`) without `{lock}`, under which `{there}()` takes elements off it{}",
            if removal.freed { " and frees them" } else { "" }
        );
        let then = match (removal.freed, ends) {
            (true, _) => "and frees it then",
            (_, true) => "and it is freed later",
            _ => "so that its links lead elsewhere",
        };
        Claim::new(walk.at, (f, self.loc(f, walk.at)), sure, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, walk.at), format!("reads the next element of the list `{}`", walk.head))
            .thread(format!("CPU 1: {there}()"))
            .step(g, self.loc(g, removal.at), format!("takes that element off under `{lock}`, {then}"))
            .assume("they are not kept apart in another way")
            .identity(format!("{link} {lock} walked"))
    }
}

/// The member that the head of a walked list is.
fn owner_of(body: &Body, op: OpId) -> Option<Member> {
    let OpKind::LoopNext { args, .. } = body.op(op)?.kind else { return None };
    body.call_args(args).iter().find_map(|&e| {
        let Expr::Addr(mut place) = body.expr(e) else { return None };
        while let Expr::Index { base, .. } = body.expr(place) {
            place = base;
        }
        match body.expr(place) {
            Expr::Field { record, name, .. } if !record.is_unknown() => Some((record, name)),
            _ => None,
        }
    })
}
