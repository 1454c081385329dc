//! Variables of file level that are used without the lock that the others take.
//!
//! There is one of each, so nobody has one of his own: whoever uses it beside others needs their lock, but for start and end of a module, and for what only these call.
//! A list is changed by others, or walked while others take elements off it; a plain variable is stored. A member of such a variable counts as one, too.

use super::lists::Site;
use super::say::is_walk;
use super::{Member, RATIO, View};
use cuthere_analysis::{Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::OpId;
use cuthere_flow::index::{MemberAccess, RcuFact};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::ListOp;
use rustc_hash::FxHashMap;
use std::collections::{BTreeSet, HashSet};

/// Callers of callers that are asked whether all of them are set-up code.
const CALLERS_MAX: u32 = 3;

/// Who takes elements off a list, by its name and who adds to it.
pub(super) type Removers = FxHashMap<(Symbol, FuncId), BTreeSet<FuncId>>;

impl View<'_, '_> {
    /// By the name of a list and who puts elements on it: who takes them off again, outside of set-up code.
    pub(super) fn global_lists(&self) -> Removers {
        let mut out = Removers::default();
        for uses in self.tree.rcu.lists() {
            let removers = || uses.iter().filter(|(f, u)| u.op == ListOp::Remove && !self.is_set_up(*f, 0)).map(|u| u.0);
            for (f, used) in uses.iter().filter(|(_, u)| u.op == ListOp::Add) {
                out.entry((used.head, *f)).or_default().extend(removers());
            }
        }
        out
    }

    pub(super) fn globals(
        &self,
        member: Member,
        uses: &[(FuncId, MemberAccess)],
        removers: &Removers,
        told: &mut HashSet<(FuncId, OpId)>,
        claims: &mut Claims,
    ) {
        let sites: Vec<Site> = uses.iter().filter_map(|u| self.global_site(member, *u)).collect();
        let removers: BTreeSet<FuncId> = uses.iter().filter_map(|u| removers.get(&(member.1, u.0))).flatten().copied().collect();
        let covers = self.covers.get(&member).into_iter().flatten();
        let of = |lock: Symbol| sites.iter().filter(move |s| s.held.contains(&lock));
        let functions = |lock: Symbol| of(lock).map(|s| s.f).collect::<BTreeSet<FuncId>>().len();
        let Some(cover) =
            covers.filter(|c| of(c.lock).any(|s| s.access.store)).max_by_key(|c| (functions(c.lock), std::cmp::Reverse(c.lock.as_str())))
        else {
            return;
        };
        let with: BTreeSet<FuncId> = of(cover.lock).map(|s| s.f).chain(removers.iter().copied()).collect();
        let odd: Vec<&Site> = sites.iter().filter(|s| !s.may_hold(cover.lock)).collect();
        let without: BTreeSet<FuncId> = odd.iter().map(|s| s.f).collect();
        let stored = odd.iter().any(|s| s.access.store);
        if with.len() < 2 || with.len() < without.len() + usize::from(stored) {
            return;
        }
        let mut seen = HashSet::new();
        for site in odd {
            // What it shares with all who store keeps them apart.
            let apart = |other: &Site| !other.held.iter().any(|&l| site.may_hold(l));
            let races =
                of(cover.lock).any(|s| s.f != site.f && s.access.store && apart(s)) && self.contexts.entered(site.f).is_known_whole();
            let Some(sure) = self.global_sure(site, !removers.is_empty(), with.len()).filter(|_| races) else { continue };
            if seen.insert(site.f) && told.insert((site.f, site.access.op)) {
                claims.add(self.claim(member, cover, (site.f, site.access), (with.len(), without.len()), sure));
            }
        }
    }

    /// How sure it is that an access without the lock does harm.
    fn global_sure(&self, site: &Site, taken_off: bool, with: usize) -> Option<Confidence> {
        let body = self.tree.world.func(site.f);
        let walks = || is_walk(body, site.access.op);
        match (site.access.list, site.access.store) {
            (true, true) => Some(Confidence::Medium),
            (true, false) if walks() && taken_off => Some(Confidence::Medium),
            (true, false) => walks().then_some(Confidence::Low),
            (false, true) if with >= RATIO && !self.tree.world.model.names_alone(body.name) => Some(Confidence::Medium),
            (false, true) => Some(Confidence::Low),
            (false, false) => None,
        }
    }

    fn global_site(&self, member: Member, (f, access): (FuncId, MemberAccess)) -> Option<Site> {
        let world = self.tree.world;
        let cut = world.summary(f).is_none_or(|s| s.truncated);
        let by_rcu = self.tree.rcu.of(f).any(|fact| matches!(fact, RcuFact::List(u) if u.at == access.op && (u.rcu || u.section)));
        if cut || by_rcu || self.tree.locked.is_doubtful(f, access.op) || words::is_test_code(world.path(f)) || self.is_set_up(f, 0) {
            return None;
        }
        let own = self.own_locks(member, f, access.op);
        let seen = !own.is_empty() || self.tree.locked.is_open(member, f, access.op);
        seen.then(|| self.site_with(f, access, own))
    }

    /// Whether a function runs only when its module starts or ends. What other files call then runs beside everything else: they may be other modules.
    fn is_set_up(&self, f: FuncId, depth: u32) -> bool {
        let body = self.tree.world.func(f);
        if body.is_init_or_exit() || words::is_boot_code(body) || self.tree.world.model.names_phase(body.name) {
            return true;
        }
        let callers: Vec<FuncId> = self.lives.callers(f).map(|c| c.0).collect();
        let own = |g: FuncId| g != f && self.tree.world.func(g).file == body.file && self.is_set_up(g, depth + 1);
        depth < CALLERS_MAX && !callers.is_empty() && callers.iter().all(|&g| own(g))
    }
}
