//! # inconsistent-locking
//!
//! A member of a record is accessed under one lock nearly everywhere, and here without it.
//!
//! ## Why it matters
//!
//! A lock protects data only if everybody takes it. A list that is changed by two CPUs at once loses elements or loops for ever; a state that is tested
//! outside of the lock is another one when it is acted upon.
//!
//! ## Example
//!
//! ```c
//! mutex_lock(&d->lock);
//! list_add_tail(&b->node, &d->ready);   /* here, and in three other functions */
//! mutex_unlock(&d->lock);
//!
//! list_del(&b->node);                   /* and here? */
//! ```
//!
//! Take the lock, or say by `READ_ONCE()` and `WRITE_ONCE()` that the race is meant.
//!
//! ## How it decides
//!
//! For each member it is counted over the tree which functions access it under which lock, taken by themselves, asserted (`lockdep_assert_held()`), or held by all their callers. If
//! most do under one lock, and somebody stores under it, the others are the odd ones out. Linking, unlinking and walking lists counts as access to the head and the element. Left out are: functions
//! that make the object or free it, and those that only such functions call; set-up code; functions that some caller enters with the lock; accesses under another lock that
//! covers the member as well; marked accesses; objects that were just made.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! All is **low**: of sixteen of the surest (a store without the lock that four or more functions take, and one does not) that were looked up, two were right. In most
//! of the others nobody else could reach the object, and in some the lock was held where an unlock on another way was taken for one on this.
//!
//! ## What it assumes and misses
//!
//! Objects of a type are one, and so are their locks. Phases in which only one thread knows the object are recognised by who makes and frees it alone; members that are only counted for statistics are
//! reported at low.

use cuthere_analysis::{Check, CheckInfo, Claim, Claims, Maturity, Tree};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{LocalId, OpId, Record};
use cuthere_flow::index::{Deed, Lives, MemberAccess, accesses};
use cuthere_flow::program::contexts::Contexts;
use cuthere_flow::summary::FuncId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "inconsistent-locking",
        summary: "a member is accessed under one lock nearly everywhere, and here without it",
        source: include_str!("inconsistent_locking.rs"),
        maturity: Maturity::Trial,
    },
    start: None,
    entered: false,
    tree: Some(judge),
};

/// Functions under the lock for each one without it, at least.
const RATIO: usize = 3;
/// Findings for one member and lock.
const ODD_MAX: usize = 4;

type Member = (Record, Symbol);
/// Accesses to one member, by function.
type Accesses = Vec<(FuncId, MemberAccess)>;

/// A lock that a member is accessed under.
#[derive(Default)]
struct Cover {
    lock: Symbol,
    functions: BTreeSet<FuncId>,
    /// A store, or a load if there is none.
    example: Option<(FuncId, OpId, bool)>,
    stores: bool,
    list: bool,
}

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let mut covers: HashMap<Member, Vec<Cover>> = HashMap::new();
    for (member, lock, uses) in tree.locked.all() {
        let mut cover = Cover { lock, ..Cover::default() };
        for u in uses {
            cover.functions.insert(u.func);
            cover.stores |= u.store;
            cover.list |= u.list;
            if cover.example.is_none_or(|e| u.store && !e.2) {
                cover.example = Some((u.func, u.op, u.store));
            }
        }
        covers.entry(member).or_default().push(cover);
    }
    // A lock protects what it is a member of, or what its own file does.
    covers.retain(|_, all| {
        all.retain(|c| c.stores || c.list);
        all.sort_by_key(|c| (std::cmp::Reverse(c.functions.len()), c.lock.as_str()));
        !all.is_empty()
    });
    let mut found: BTreeMap<(&str, &str, &str), (Member, Accesses)> = BTreeMap::new();
    for (n, body) in tree.world.funcs.iter().enumerate() {
        for access in accesses(body, tree.world.model, |m| covers.contains_key(&m)) {
            let (record, member) = access.member;
            let key = (record.tag(), member.as_str(), record.file());
            found.entry(key).or_insert_with(|| (access.member, Vec::new())).1.push((FuncId(n as u32), access));
        }
    }
    let view = View { tree, lives: tree.lives(), contexts: tree.contexts(), covers: &covers };
    let mut told = HashSet::new();
    for (member, uses) in found.into_values() {
        view.member(member, &uses, &mut told, claims);
    }
}

struct View<'v, 't> {
    tree: &'v Tree<'t>,
    lives: &'t Lives<'t>,
    contexts: &'t Contexts<'t>,
    covers: &'v HashMap<Member, Vec<Cover>>,
}

impl View<'_, '_> {
    fn member(&self, member: Member, uses: &[(FuncId, MemberAccess)], told: &mut HashSet<(FuncId, OpId)>, claims: &mut Claims) {
        let Some(covers) = self.covers.get(&member) else { return };
        let cover = &covers[0];
        let lock = cover.lock;
        let list = uses.iter().any(|u| u.1.list);
        let mut with: BTreeSet<FuncId> = cover.functions.clone();
        let mut without: Vec<(FuncId, MemberAccess)> = Vec::new();
        for &(f, access) in uses {
            if self.tree.locked.holds(member, lock, f, access.op) {
                continue;
            }
            match self.entered_with(f, lock) {
                (true, _) => drop(with.insert(f)),
                (false, true) => {}
                (false, false) if !self.exempt(f, member, lock, &access) => without.push((f, access)),
                _ => {}
            }
        }
        let odd: BTreeSet<FuncId> = without.iter().map(|w| w.0).collect();
        with.retain(|f| !odd.contains(f) || cover.functions.contains(f));
        let (n, m) = (with.len(), odd.len());
        if m == 0 || n < m * RATIO && !(list && n >= m) {
            return;
        }
        // Who only reads races with nobody who only reads.
        if !cover.stores {
            without.retain(|w| w.1.store);
        }
        let mut seen = HashSet::new();
        without.sort_by_key(|(f, a)| (!a.store, *f, a.op));
        for (f, access) in without {
            // Element and head of one call are one finding.
            if seen.len() < ODD_MAX && seen.insert(f) && told.insert((f, access.op)) {
                let changes = access.store || access.list;
                let name = self.tree.world.func(f).name;
                // Looked up, two of sixteen of the surest were right: most objects were out of the others' reach.
                let odd = access.store && n >= 4 && m == 1 && !statistic(member) && !phase(name.as_str());
                let sure = if odd || changes || n >= m * RATIO {
                    Confidence::Low
                } else {
                    continue;
                };
                claims.add(self.claim(member, cover, (f, access), (n, m), sure));
            }
        }
    }

    /// Whether a function is entered with a lock of this class on every way in, and on some.
    fn entered_with(&self, f: FuncId, lock: Symbol) -> (bool, bool) {
        let ins = self.contexts.entered(f).best();
        let held = ins.locks.iter().find(|l| l.class == lock);
        (held.is_some_and(|l| l.always), held.is_some())
    }

    /// Whether an access without the lock is none that could race.
    fn exempt(&self, f: FuncId, member: Member, lock: Symbol, access: &MemberAccess) -> bool {
        let body = self.tree.world.func(f);
        let cut = self.tree.world.summary(f).is_none_or(|s| s.truncated);
        let set_up = body.annotations.iter().any(|a| matches!(a.as_str(), "__init" | "__exit"));
        let another = self.covers.get(&member).is_some_and(|all| {
            let most = all[0].functions.len();
            all.iter().any(|c| {
                c.lock != lock
                    && c.functions.intersection(&all[0].functions).count() * 4 >= most * 3
                    && (self.tree.locked.holds(member, c.lock, f, access.op) || self.entered_with(f, c.lock).1)
            })
        });
        cut || set_up || another || self.alone(f, member.0, 0)
    }

    /// Whether a function makes or ends the object, or is called only by such functions.
    fn alone(&self, f: FuncId, record: Record, depth: u32) -> bool {
        let own = self.lives.inside(f).iter().any(|d| match d.life.deed {
            Deed::Allocate { .. } | Deed::Free | Deed::FreeLater => d.life.object.may_be(record) && (d.by.0 == f || depth > 0),
            _ => false,
        });
        let body = self.tree.world.func(f);
        let other = |l| body.local_pointee(l).is_some_and(|r: Record| !r.may_be(record));
        if own || phase(body.name.as_str()) && !(body.params == 1 && other(LocalId(0))) {
            return true;
        }
        let callers: Vec<FuncId> = self.lives.callers(f).map(|c| c.0).collect();
        depth < 3 && !callers.is_empty() && callers.iter().all(|&g| g != f && self.alone(g, record, depth + 1))
    }

    fn claim(&self, member: Member, cover: &Cover, (f, access): (FuncId, MemberAccess), (n, m): (usize, usize), sure: Confidence) -> Claim {
        let world = self.tree.world;
        let name = format!("{}.{}", member.0, member.1);
        let verb = match (access.store, access.list) {
            (true, true) => "changes the list",
            (true, false) => "stores",
            (false, true) => "walks the list",
            (false, false) => "loads",
        };
        let (lock, function) = (cover.lock, world.func(f).name);
        let loc = |g: FuncId, op: OpId| {
            let body = world.func(g);
            body.op(op).map(|o| o.loc).or_else(|| body.blocks().find(|(_, b)| b.ops.1 == op.0).map(|(_, b)| b.loc)).unwrap_or(body.loc)
        };
        let message = format!("`{function}()` {verb} `{name}` without `{lock}`, under which {n} functions access it");
        let claim = Claim::new(access.op, (f, loc(f, access.op)), sure, message).thread(format!("CPU 0: {function}()")).step(
            f,
            loc(f, access.op),
            format!("{verb} `{name}`"),
        );
        let claim = match cover.example {
            Some((g, op, store)) => {
                let other = world.func(g).name;
                let verb = if store { "changes" } else { "reads" };
                claim.thread(format!("CPU 1: {other}()")).step(g, loc(g, op), format!("{verb} `{name}` under `{lock}`"))
            }
            None => claim,
        };
        claim.assume(format!("{n} functions access it under the lock, {m} without")).identity(format!("{name} {lock}"))
    }
}

/// Whether a function's name says that the object is not yet, or no more, known to others.
fn phase(name: &str) -> bool {
    let says = |word: &str| {
        matches!(
            word,
            "init"
                | "probe"
                | "alloc"
                | "create"
                | "new"
                | "setup"
                | "exit"
                | "remove"
                | "free"
                | "destroy"
                | "release"
                | "cleanup"
                | "fini"
                | "attach"
                | "detach"
                | "disconnect"
        )
    };
    name.split('_').any(says)
}

/// Whether a member is named for something that is only counted.
fn statistic((record, member): Member) -> bool {
    let says = |word: &str| ["stat", "count", "cnt", "err", "bytes", "packets", "total", "num", "jiffies"].iter().any(|w| word.contains(w));
    says(member.as_str()) || record.tag().contains("stat")
}
