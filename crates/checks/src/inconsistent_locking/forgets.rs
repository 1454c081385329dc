//! Lists that are used by functions whose callers take the lock, where one caller does not.
//!
//! Every use of the list is under the lock, taken by the function itself or by who calls it, but for one way in that is known from its beginning. Ways through functions that
//! make the list's owner or end it, and through start and end of a module, are left alone.

use super::parallel::HOPS_MAX;
use super::{Member, View};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{OpId, Record};
use cuthere_flow::index::MemberAccess;
use cuthere_flow::program::contexts::{Hop, Sought};
use cuthere_flow::summary::FuncId;
use std::collections::{BTreeSet, HashSet};

impl View<'_, '_> {
    pub(super) fn forgets(&self, member: Member, list: &[(FuncId, MemberAccess)], told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let Some(covers) = self.covers.get(&member) else { return };
        let own = format!("{}.", member.0);
        let Some(cover) = covers.iter().find(|c| c.list && (c.lock.as_str().starts_with(&own) || !c.lock.as_str().contains('.'))) else {
            return;
        };
        let lock = cover.lock;
        let sites: Vec<_> = list.iter().filter(|u| self.is_head(u.0, u.1.op, member)).filter_map(|u| self.site(member, *u)).collect();
        if !sites.iter().all(|s| s.may_hold(lock)) {
            return;
        }
        let sure: BTreeSet<FuncId> = sites.iter().filter(|s| s.held.contains(&lock)).map(|s| s.f).collect();
        let mut seen = HashSet::new();
        for site in sites.iter().filter(|s| !s.held.contains(&lock) && s.held.is_empty()) {
            if !seen.insert(site.f) || !self.contexts.entered(site.f).is_known_whole() {
                continue;
            }
            let Some((hops, caller, op)) = self.without(site.f, member.0, lock) else { continue };
            let others: BTreeSet<FuncId> = self.tree.world.callers(site.f).iter().map(|c| c.func).filter(|g| *g != caller).collect();
            if others.is_empty() || sure.len() + others.len() < 2 || !told.insert((caller, op)) {
                continue;
            }
            claims.add(self.forgotten(member, lock, (site.f, site.access), (&hops, caller, op)));
        }
    }

    /// A way into a function on which a lock is not held, with its last call.
    fn without(&self, f: FuncId, record: Record, lock: Symbol) -> Option<(Vec<Hop<'_>>, FuncId, OpId)> {
        let kind = self.contexts.entered(f).certain.locks.iter().find(|l| l.class == lock && !l.always)?.kind;
        let hops = self.contexts.example(f, Sought::WithoutLock(lock, kind), true);
        // A lock that the kernel holds around the operation may be what the others hold as well, by another name.
        let begins = matches!(hops.first(), Some(Hop::Entry(_, entry)) if entry.context.locks.is_empty()) && hops.len() <= HOPS_MAX;
        let whole = hops.iter().all(|hop| matches!(*hop, Hop::Entry(g, _) | Hop::Calls(g, _) if !self.quiet(g, Some(record))));
        let last = hops.last().copied();
        match last {
            Some(Hop::Calls(g, op)) if begins && whole => Some((hops, g, op)),
            _ => None,
        }
    }

    fn forgotten(&self, member: Member, lock: Symbol, (f, access): (FuncId, MemberAccess), way: (&[Hop<'_>], FuncId, OpId)) -> Claim {
        let world = self.tree.world;
        let (hops, caller, op) = way;
        let (name, function, from) = (member.0.member_text(member.1), world.func(f).name, world.func(caller).name);
        let verb = super::say::verb(world.func(f), &access);
        let message = format!("`{from}()` calls `{function}()`, which {verb} `{name}`, without `{lock}`, which its other callers hold");
        let claim = Claim::new(op, (caller, self.loc(caller, op)), Confidence::Medium, message);
        let claim = cuthere_analysis::lock_steps::way_in(claim, world, f, hops);
        claim
            .step(f, self.loc(f, access.op), format!("{verb} `{name}`"))
            .assume("nobody else uses the list then")
            .identity(format!("{name} {lock} forgotten"))
    }
}
