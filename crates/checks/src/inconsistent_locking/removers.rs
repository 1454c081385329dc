//! Lists that elements are taken off without the lock under which others are put on them.
//!
//! Lists are told apart by the link of their elements, whatever their heads are: a lock of the whole program protects one as well as a member beside it does. Nothing is said
//! of functions that share a lock with those that add, or may get one from their callers.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::OpId;
use cuthere_flow::index::{ListLies, ListUse};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{ListOp, LockKind};
use std::collections::{BTreeSet, HashSet};

type Use = (FuncId, ListUse);

/// A use of a list, with the locks that are held then, and those that may be.
struct Site {
    f: FuncId,
    used: ListUse,
    held: Vec<Symbol>,
    perhaps: Vec<Symbol>,
}

impl View<'_, '_> {
    pub(super) fn removers(&self, told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        for uses in self.tree.rcu.lists() {
            let shared = uses.iter().filter(|(_, u)| u.lies != ListLies::Here && (u.op == ListOp::Add || !u.private));
            let sites: Vec<Site> = shared.map(|u| self.link_site(u)).collect();
            let adds: Vec<&Site> = sites.iter().filter(|s| s.used.op == ListOp::Add).collect();
            let Some(first) = adds.first() else { continue };
            let everywhere = |l: &&Symbol| adds.iter().all(|s| s.held.contains(l));
            let Some(&lock) = first.held.iter().find(everywhere) else { continue };
            let of = |holds: bool, op: ListOp| sites.iter().filter(move |s| s.used.op == op && s.held.contains(&lock) == holds);
            let with: BTreeSet<FuncId> = sites.iter().filter(|s| s.held.contains(&lock)).map(|s| s.f).collect();
            let walks_without = of(false, ListOp::Walk).any(|s| !s.used.rcu && !s.perhaps.contains(&lock));
            let odd: Vec<&Site> = of(false, ListOp::Remove).filter(|s| self.may_race(s, &adds)).collect();
            let without: BTreeSet<FuncId> = of(false, ListOp::Remove).map(|s| s.f).collect();
            let taken_off = of(true, ListOp::Remove).chain(of(true, ListOp::Walk)).any(|s| s.f != first.f);
            if walks_without || !taken_off || with.len() <= without.len() {
                continue;
            }
            for site in odd {
                if told.insert((site.f, site.used.at)) {
                    claims.add(self.taken_off((site.f, site.used), (first.f, first.used), lock, self.sure_of(site, lock)));
                }
            }
        }
    }

    fn link_site(&self, &(f, used): &Use) -> Site {
        let (always, perhaps) = self.entry_locks(f);
        let own = used.locks.into_iter().filter(|l| !l.is_empty());
        Site { f, used, held: own.chain(always).collect(), perhaps }
    }

    /// Whether nothing is seen that keeps a removal from those that add.
    fn may_race(&self, site: &Site, adds: &[&Site]) -> bool {
        let (world, f) = (self.tree.world, site.f);
        let body = world.func(f);
        let cut = world.summary(f).is_none_or(|s| s.truncated);
        let may_hold = |l: &Symbol| site.held.contains(l) || site.perhaps.contains(l);
        let shared = adds.iter().any(|a| a.f == f || a.held.iter().chain(&a.perhaps).any(may_hold));
        !shared
            && !cut
            && !body.is_init_or_exit()
            && !words::is_boot_code(body)
            && !words::is_test_code(world.path(f))
            && !self.tree.locked.is_doubtful(f, site.used.at)
            && !world.model.names_alone(body.name)
            && self.contexts.entered(f).is_known_whole()
    }

    /// Under a lock of its own it runs beside the others for certain, and where anybody may go at any time; what a notifier or the like holds is not known.
    fn sure_of(&self, site: &Site, lock: Symbol) -> Confidence {
        let apart = !site.held.is_empty() || self.open_way(site.f, None, (lock, LockKind::SleepingOther)).is_some();
        if apart { Confidence::Medium } else { Confidence::Low }
    }

    fn taken_off(&self, (f, removal): Use, (g, add): Use, lock: Symbol, sure: Confidence) -> Claim {
        let world = self.tree.world;
        let (function, there) = (world.func(f).name, world.func(g).name);
        let link: Member = (removal.record, removal.member);
        let link = format!("{}.{}", link.0, link.1);
        let message = format!("`{function}()` takes an element off a list (`{link}`) without `{lock}`, under which `{there}()` adds to it");
        Claim::new(removal.at, (f, self.loc(f, removal.at)), sure, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, removal.at), "changes the links of its neighbours")
            .thread(format!("CPU 1: {there}()"))
            .step(g, self.loc(g, add.at), format!("changes the same links under `{lock}`"))
            .assume("they are not kept apart in another way")
            .identity(format!("{link} {lock} taken off"))
    }
}
