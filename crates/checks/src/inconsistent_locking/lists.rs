//! Lists that are changed without the lock that the others take, and links that are asked before the lock is taken under which they are changed.
//!
//! A list says more than a member: whoever changes one that others change at the same time breaks it. So one function that does it with no lock at all, or under locks none of
//! which the others hold, is enough; locks that some caller may hold count as held. Who asks whether an element is on a list, and then takes the lock and takes it off, without
//! asking again, acts on what may have changed; but for what does nothing the second time.

use super::say::verb;
use super::{Member, View};
use cuthere_analysis::{Claim, Claims};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Body, Expr, ExprId, OpId, OpKind, Target};
use cuthere_flow::index::{ListLies, MemberAccess, RcuFact};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Custom;
use std::collections::HashSet;

/// An access to a list, with the locks that are held then, and those that may be.
struct Site {
    f: FuncId,
    access: MemberAccess,
    held: Vec<Symbol>,
    perhaps: Vec<Symbol>,
}

impl Site {
    fn may_hold(&self, lock: Symbol) -> bool {
        self.held.contains(&lock) || self.perhaps.contains(&lock)
    }
}

impl View<'_, '_> {
    pub(super) fn lists(&self, member: Member, uses: &[(FuncId, MemberAccess)], told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let list: Vec<(FuncId, MemberAccess)> = uses.iter().filter(|u| u.1.list).copied().collect();
        if !list.iter().any(|u| u.1.store) {
            return;
        }
        self.asked_before(member, &list, told, claims);
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
                claims.extend(lock_of(other).map(|lock| self.unlocked(member, site, (other, lock), against.len())));
            }
        }
    }

    /// An access that may race, with its locks.
    fn site(&self, member: Member, (f, access): (FuncId, MemberAccess)) -> Option<Site> {
        let world = self.tree.world;
        let body = world.func(f);
        let set_up = body.annotations.iter().any(|a| matches!(a.as_str(), "__init" | "__exit"));
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
            || self.alone(f, member.0, 0)
        {
            return None;
        }
        let covers = self.covers.get(&member)?;
        let own = covers.iter().map(|c| c.lock).filter(|&l| self.tree.locked.holds(member, l, f, access.op));
        let (always, perhaps) = self.entry_locks(f);
        Some(Site { f, access, held: own.chain(always).collect(), perhaps })
    }

    /// The locks that a function is entered with, on every way in and on some.
    fn entry_locks(&self, f: FuncId) -> (Vec<Symbol>, Vec<Symbol>) {
        let entered = self.contexts.entered(f);
        let ways = [&entered.certain, &entered.perhaps];
        let all = || ways.iter().filter(|way| way.reached()).flat_map(|way| &way.locks);
        (all().filter(|l| l.always).map(|l| l.class).collect(), all().filter(|l| !l.always).map(|l| l.class).collect())
    }

    /// Whether an access is to a list as a whole, rather than to an element's link.
    fn is_head(&self, f: FuncId, op: OpId, member: Member) -> bool {
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

    /// Who asks first and takes the lock then.
    fn asked_before(&self, member: Member, list: &[(FuncId, MemberAccess)], told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let model = self.tree.world.model;
        let locked = |f: FuncId, op: OpId| {
            let covers = self.covers.get(&member).into_iter().flatten();
            covers.map(|c| c.lock).find(|&l| self.tree.locked.holds(member, l, f, op))
        };
        for &(f, ask) in list.iter().filter(|u| !u.1.store) {
            let body = self.tree.world.func(f);
            let Some(place) = argument(body, ask.op, member) else { continue };
            if locked(f, ask.op).is_some() || model.names_alone(body.name) {
                continue;
            }
            let own = list.iter().filter(|u| u.0 == f).map(|u| u.1);
            let act = own.clone().find(|a| {
                a.store
                    && calls(body, a.op, |name| model.entry(name).is_some_and(|e| e.unlinks.is_some()))
                    && argument(body, a.op, member) == Some(place)
                    && !calls(body, a.op, |name| model.is_custom(Custom::Idempotent, name))
                    && self.lives.leads(f, ask.op, a.op)
                    && locked(f, a.op).is_some()
            });
            let Some(act) = act else { continue };
            let Some(lock) = locked(f, act.op) else { continue };
            let again = own.clone().any(|a| {
                !a.store
                    && a.op != ask.op
                    && locked(f, a.op) == Some(lock)
                    && self.lives.leads(f, ask.op, a.op)
                    && self.lives.leads(f, a.op, act.op)
            });
            let (always, perhaps) = self.entry_locks(f);
            if always.contains(&lock) || perhaps.contains(&lock) {
                continue;
            }
            let apart = |g: FuncId| {
                let there = self.entry_locks(g);
                !there.0.iter().chain(&there.1).any(|l| always.contains(l) || perhaps.contains(l))
            };
            let takes_off = |u: &(FuncId, MemberAccess)| {
                let body = self.tree.world.func(u.0);
                u.1.store && calls(body, u.1.op, |name| model.entry(name).is_some_and(|e| e.unlinks.is_some()))
            };
            let other = list.iter().find(|u| u.0 != f && takes_off(u) && self.tree.locked.holds(member, lock, u.0, u.1.op) && apart(u.0));
            if let (false, Some(other)) = (again, other)
                && told.insert((f, ask.op))
            {
                claims.add(self.asked(member, (f, ask, act), lock, *other));
            }
        }
    }

    fn asked(
        &self,
        member: Member,
        (f, ask, act): (FuncId, MemberAccess, MemberAccess),
        lock: Symbol,
        (g, other): (FuncId, MemberAccess),
    ) -> Claim {
        let world = self.tree.world;
        let (name, function, there) = (format!("{}.{}", member.0, member.1), world.func(f).name, world.func(g).name);
        let message = format!("`{function}()` asks for `{name}` before it takes `{lock}`, and changes it then without asking again");
        Claim::new(ask.op, (f, self.loc(f, ask.op)), Confidence::Low, message)
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, ask.op), format!("asks for `{name}` with no lock held"))
            .thread(format!("CPU 1: {there}()"))
            .step(g, self.loc(g, other.op), format!("changes it under `{lock}`"))
            .thread(format!("CPU 0: {function}()"))
            .step(f, self.loc(f, act.op), format!("changes it under `{lock}`, as if nothing had happened since"))
            .identity(format!("{name} {lock} asked"))
    }

    fn unlocked(&self, member: Member, site: &Site, (other, lock): (&Site, Symbol), n: usize) -> Claim {
        let world = self.tree.world;
        let (name, function, there) = (format!("{}.{}", member.0, member.1), world.func(site.f).name, world.func(other.f).name);
        let does = verb(&site.access);
        let under = match site.held.first() {
            Some(own) => format!("under `{own}` and not `{lock}`"),
            None => format!("without `{lock}`"),
        };
        let message = format!("`{function}()` {does} `{name}` {under}, which `{there}()` holds when it changes it");
        Claim::new(site.access.op, (site.f, self.loc(site.f, site.access.op)), Confidence::Low, message)
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
fn argument(body: &Body, op: OpId, member: Member) -> Option<ExprId> {
    let OpKind::Call { args, .. } = body.op(op)?.kind else { return None };
    body.call_args(args).iter().copied().find(|&e| is_member(body, e, member))
}

/// Whether an operation calls a function of which this holds.
fn calls(body: &Body, op: OpId, holds: impl Fn(Symbol) -> bool) -> bool {
    matches!(body.op(op).map(|o| o.kind), Some(OpKind::Call { target: Target::Name(name), .. }) if holds(name))
}
