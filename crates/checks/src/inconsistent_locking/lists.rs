//! Lists that are changed without the lock that the others take.
//!
//! A list says more than a member: whoever changes one that others change at the same time breaks it. So one function that does it with no lock at all, or under locks none of
//! which the others hold, is enough; locks that some caller may hold count as held.

use super::say::verb;
use super::{Member, View};
use cuthere_analysis::{Claim, Claims, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Target};
use cuthere_flow::index::{ListLies, MemberAccess, RcuFact};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{Custom, Level, LockKind};
use std::collections::HashSet;

/// An access that others may make at the same time, with the locks that are held then, and those that may be.
pub(super) struct Site {
    pub(super) f: FuncId,
    pub(super) access: MemberAccess,
    pub(super) held: Vec<Symbol>,
    perhaps: Vec<Symbol>,
}

impl Site {
    pub(super) fn may_hold(&self, lock: Symbol) -> bool {
        self.held.contains(&lock) || self.perhaps.contains(&lock)
    }

    /// Whether some caller may hold a lock that is not held always.
    pub(super) fn may_hold_more(&self) -> bool {
        !self.perhaps.is_empty()
    }
}

impl View<'_, '_> {
    pub(super) fn lists(&self, member: Member, uses: &[(FuncId, MemberAccess)], told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let list: Vec<(FuncId, MemberAccess)> = uses.iter().filter(|u| u.1.list).copied().collect();
        if !list.iter().any(|u| u.1.store) {
            return;
        }
        self.asked_before(member, &list, told, claims);
        self.forgets(member, &list, told, claims);
        self.under_read_side(member, &list, told, claims);
        let sites: Vec<Site> = list.iter().filter(|u| self.is_head(u.0, u.1.op, member)).filter_map(|u| self.site(member, *u)).collect();
        // A lock protects what it is a member of; what others hold besides is another matter.
        let own = format!("{}.", member.0);
        let lock_of = |s: &Site| s.held.iter().copied().find(|l| l.as_str().starts_with(&own));
        let changers: Vec<&Site> = sites.iter().filter(|s| s.access.store && lock_of(s).is_some()).collect();
        let mut seen = HashSet::new();
        for site in sites.iter().filter(|s| s.access.store) {
            let apart = |c: &&&Site| !c.held.iter().any(|&l| site.may_hold(l)) && !site.held.iter().any(|&l| c.may_hold(l));
            let others = || changers.iter().filter(|c| c.f != site.f);
            let against: HashSet<FuncId> = others().filter(apart).map(|c| c.f).collect();
            let alike: HashSet<FuncId> = others().filter(|c| !apart(c)).map(|c| c.f).collect();
            let Some(other) = others().find(apart).filter(|_| against.len() > alike.len()) else { continue };
            // Of two that change it each under a lock of its own, the later one is told of. A lock that is no member may be any.
            let later = site.held.is_empty() || against.len() > 1 || site.f > other.f;
            let named = site.held.iter().all(|l| l.as_str().contains('.')) && (!site.held.is_empty() || site.perhaps.is_empty());
            if later && named && seen.insert(site.f) && told.insert((site.f, site.access.op)) {
                let sure = if self.surely_apart(member, site, other) { Confidence::Medium } else { Confidence::Low };
                claims.extend(lock_of(other).map(|lock| self.unlocked(member, site, (other, lock), (against.len(), sure))));
            }
        }
    }

    /// Whether a change of a list runs beside another for certain: under a lock of its own, or in an operation that only the kernel calls, with no lock. Who makes
    /// a list anew is in a phase of its own.
    fn surely_apart(&self, member: Member, site: &Site, other: &Site) -> bool {
        let world = self.tree.world;
        let body = world.func(site.f);
        let known = |f: FuncId| self.contexts.entered(f).is_known_whole();
        let anew = body.all_ops().any(|(op, _)| self.sets_up(site.f, op, member) || self.found_empty(site, op, member));
        let entry = || {
            world.callers(site.f).is_empty()
                && world.entry_points.get(&site.f).is_some_and(|e| e.iter().all(|e| e.bound.is_some() && e.context.level == Level::Task))
        };
        // Code that no path was seen to reach holds no lock that is known.
        let reached = !site.held.is_empty() || self.tree.locked.is_open(member, site.f, site.access.op);
        let weak = words::is_test_code(world.path(site.f)) || words::is_test_code(world.path(other.f));
        let open = || {
            let lock = other.held.first().copied().unwrap_or_default();
            self.open_way(site.f, Some(member.0), (lock, LockKind::SleepingOther)).is_some()
        };
        reached && !weak && !anew && known(site.f) && known(other.f) && (!site.held.is_empty() || entry() || open())
    }

    /// Whether an operation asks whether the list is empty, before it is filled.
    fn found_empty(&self, site: &Site, op: OpId, member: Member) -> bool {
        let model = self.tree.world.model;
        let body = self.tree.world.func(site.f);
        let fills = calls(body, site.access.op, |name| model.entry(name).is_some_and(|e| e.links == Some(0) && e.unlinks.is_none()));
        let asks = |name| model.entry(name).is_some_and(|e| !e.accesses.is_empty() && e.accesses.iter().all(|a| !a.store));
        fills
            && op < site.access.op
            && calls(body, op, asks)
            && argument(body, op, member).is_some()
            && body.dominates(op, body.block_of(site.access.op))
    }

    /// Whether an operation makes a list empty, whatever was on it.
    fn sets_up(&self, f: FuncId, op: OpId, member: Member) -> bool {
        let body = self.tree.world.func(f);
        calls(body, op, |name| self.tree.world.model.is_custom(Custom::MakesList, name)) && argument(body, op, member).is_some()
    }

    /// An access that may race, with its locks.
    pub(super) fn site(&self, member: Member, (f, access): (FuncId, MemberAccess)) -> Option<Site> {
        let world = self.tree.world;
        let body = world.func(f);
        let set_up = body.is_init_or_exit();
        let cut = world.summary(f).is_none_or(|s| s.truncated);
        let own = self.tree.rcu.of(f).any(|fact| match fact {
            RcuFact::List(u) => u.at == access.op && (u.private || u.lies == ListLies::Here || u.rcu || u.section),
            _ => false,
        });
        if set_up
            || cut
            || own
            || self.tree.locked.is_doubtful(f, access.op)
            || world.model.names_alone(body.name)
            || self.alone(f, member.0)
        {
            return None;
        }
        Some(self.site_with(f, access, self.own_locks(member, f, access.op)))
    }

    /// The locks that a function takes itself, or asserts, around an access to a member.
    pub(super) fn own_locks(&self, member: Member, f: FuncId, op: OpId) -> Vec<Symbol> {
        let covers = self.covers.get(&member).into_iter().flatten();
        covers.map(|c| c.lock).filter(|&l| self.tree.locked.holds(member, l, f, op)).collect()
    }

    /// An access under a function's own locks, with those that it is entered with.
    pub(super) fn site_with(&self, f: FuncId, access: MemberAccess, own: Vec<Symbol>) -> Site {
        let (always, perhaps) = self.entry_locks(f);
        Site { f, access, held: own.into_iter().chain(always).collect(), perhaps }
    }

    /// The locks that a function is entered with, on every way in and on some.
    pub(super) fn entry_locks(&self, f: FuncId) -> (Vec<Symbol>, Vec<Symbol>) {
        let entered = self.contexts.entered(f);
        let ways = [&entered.certain, &entered.perhaps];
        let all = || ways.iter().filter(|way| way.reached()).flat_map(|way| &way.locks);
        (all().filter(|l| l.always).map(|l| l.class).collect(), all().filter(|l| !l.always).map(|l| l.class).collect())
    }

    /// Whether an access is to a list as a whole, rather than to an element's link.
    pub(super) fn is_head(&self, f: FuncId, op: OpId, member: Member) -> bool {
        let body = self.tree.world.func(f);
        match body.op(op).map(|o| o.kind) {
            Some(OpKind::LoopNext { .. }) => true,
            Some(OpKind::Call { target: Target::Name(name), args, .. }) => {
                let links = self.tree.world.model.entry(name).is_some_and(|e| e.links == Some(0));
                links && body.call_args(args).get(1).is_some_and(|&e| is_member(body, e, member))
            }
            _ => false,
        }
    }

    fn unlocked(&self, member: Member, site: &Site, (other, lock): (&Site, Symbol), (n, sure): (usize, Confidence)) -> Claim {
        let world = self.tree.world;
        let (name, function, there) = (member.0.member_text(member.1), world.func(site.f).name, world.func(other.f).name);
        let does = verb(world.func(site.f), &site.access);
        let under = match site.held.first() {
            Some(own) => format!("under `{own}` and not `{lock}`"),
            None => format!("without `{lock}`"),
        };
        let message = format!("`{function}()` {does} `{name}` {under}, which `{there}()` holds when it changes it");
        Claim::new(site.access.op, (site.f, self.loc(site.f, site.access.op)), sure, message)
            .thread(format!("CPU 0: {function}()"))
            .step(site.f, self.loc(site.f, site.access.op), format!("{does} `{name}`"))
            .thread(format!("CPU 1: {there}()"))
            .step(other.f, self.loc(other.f, other.access.op), format!("changes it under `{lock}`"))
            .assume(match n {
                1 => "they are not kept apart in another way".to_owned(),
                n => format!("{n} functions change it under locks that are not held here"),
            })
            .identity(format!("{name} {lock}"))
    }
}

/// Whether an expression is the address of a member.
fn is_member(body: &Body, e: ExprId, (record, member): Member) -> bool {
    let Expr::Addr(place) = body.expr(e) else { return false };
    let mut at = place;
    while let Expr::Index { base, .. } = body.expr(at) {
        at = base;
    }
    matches!(body.expr(at), Expr::Field { record: r, name, .. } if r == record && name == member)
}

/// The argument of a call that is the address of a member.
pub(super) fn argument(body: &Body, op: OpId, member: Member) -> Option<ExprId> {
    let OpKind::Call { args, .. } = body.op(op)?.kind else { return None };
    body.call_args(args).iter().copied().find(|&e| is_member(body, e, member))
}

/// Whether an operation calls a function of which this holds.
pub(super) fn calls(body: &Body, op: OpId, holds: impl Fn(Symbol) -> bool) -> bool {
    body.named_call(op).is_some_and(|(name, _)| holds(name))
}
