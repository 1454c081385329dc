//! Lists that elements are taken off without the lock under which others are put on them.
//!
//! Lists are told apart by the link of their elements, whatever their heads are: a lock of the whole program protects one as well as a member beside it does. Who walks the head that
//! elements are put on, with the lock that lies beside it, counts as a user of the list too. Nothing is said of functions that share a lock with those that add, or may get one from their
//! callers, and of those that a caller hands the elements which it has moved to a list of its own.

use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::OpId;
use cuthere_flow::index::{ListLies, ListUse};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{ListOp, LockKind};
use rustc_hash::FxHashMap;
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
        let mut heads: FxHashMap<Symbol, Vec<Member>> = FxHashMap::default();
        for member in self.covers.keys() {
            heads.entry(member.1).or_default().push(*member);
        }
        for uses in self.tree.rcu.lists() {
            let handed = |f: FuncId| self.is_handed_moved(f, &uses);
            let counts = |(f, u): &&Use| u.lies != ListLies::Here && (u.op == ListOp::Add || !u.private && !handed(*f));
            let shared = uses.iter().filter(counts);
            let sites: Vec<Site> = shared.map(|u| self.link_site(u)).collect();
            let adds: Vec<&Site> = sites.iter().filter(|s| s.used.op == ListOp::Add).collect();
            let Some(first) = adds.first() else { continue };
            let everywhere = |l: &&Symbol| adds.iter().all(|s| s.held.contains(l));
            let Some(&lock) = first.held.iter().find(everywhere) else { continue };
            let of = |holds: bool, op: ListOp| sites.iter().filter(move |s| s.used.op == op && s.held.contains(&lock) == holds);
            let mut with: BTreeSet<FuncId> = sites.iter().filter(|s| s.held.contains(&lock)).map(|s| s.f).collect();
            let users = self.users_of_head(heads.get(&first.used.head), lock);
            let walks_without = of(false, ListOp::Walk).any(|s| !s.used.rcu && !s.perhaps.contains(&lock));
            // Who uses the list as a whole under the lock, and takes off elements without, has moved them to a list of its own.
            let odd: Vec<&Site> = of(false, ListOp::Remove).filter(|s| !users.contains(&s.f) && self.may_race(s, &adds)).collect();
            let without: BTreeSet<FuncId> = of(false, ListOp::Remove).map(|s| s.f).collect();
            let taken_off =
                of(true, ListOp::Remove).chain(of(true, ListOp::Walk)).map(|s| s.f).chain(users.iter().copied()).any(|f| f != first.f);
            with.extend(users);
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

    /// Who uses a list as a whole under a lock of the record that its head is a member of.
    fn users_of_head(&self, heads: Option<&Vec<Member>>, lock: Symbol) -> BTreeSet<FuncId> {
        let beside = |m: &&Member| lock.as_str().strip_prefix(m.0.tag()).is_some_and(|rest| rest.starts_with('.'));
        let covers = heads.into_iter().flatten().filter(beside).filter_map(|m| self.covers.get(m)).flatten();
        covers.filter(|c| c.list && c.lock == lock).flat_map(|c| c.functions.iter().copied()).collect()
    }

    /// Whether a caller moves elements to a list of its own before it calls a function.
    fn is_handed_moved(&self, f: FuncId, uses: &[Use]) -> bool {
        let moves = |g: FuncId| uses.iter().any(|(h, u)| *h == g && u.op == ListOp::Add && u.lies == ListLies::Here);
        self.lives.callers(f).any(|(g, ..)| g != f && moves(g))
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
        // Who takes a lock for it does not have the element for himself.
        let own = site.used.locks.iter().any(|l| !l.is_empty());
        !shared
            && !cut
            && !body.is_init_or_exit()
            && !words::is_boot_code(body)
            && !words::is_test_code(world.path(f))
            && !self.tree.locked.is_doubtful(f, site.used.at)
            && (own || !world.model.names_alone(body.name))
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
