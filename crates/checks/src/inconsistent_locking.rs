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
//! Variables of file level, and members of them, are there once: who uses them beside others needs the lock, but for start and end of a module.
//!
//! Thirteen kinds need no statistics. A list that is changed with no lock, or under locks none of which the others hold. A list that is walked without the lock under which others take elements off it and free
//! them, or take them off at all while the walk may be asked for at any time; lists are told apart by the link of their elements. A member that others read by `READ_ONCE()`, that is stored by `WRITE_ONCE()` in several functions and plainly in one. An element that
//! is taken off a list without the lock under which all others add to it. A list that is used by a function all of whose callers hold the lock but one.
//! A function that is called with a lock held by all callers but one, or one of four, if the lock lies in what the function gets, and of that caller a way in is known that anybody may go at any time. A member that is
//! accessed under the lock of another object of its record, where others hold that of the object itself. An element that is looked for in one section, and added in another. A pointer whose old value
//! is freed, and a new one stored, with no lock, by an operation that anybody may ask for at any time. A pointer that is loaded before the lock is taken under
//! which others set it to NULL, and that is tested and followed under it. A counter that who opens a file or a mapping steps with no lock, and another function steps back. A list that is changed under the read side of a lock. A list in a record of
//! the kernel that is walked or changed without the lock which the kernel model names for it.
//!
//! ## Confidence
//!
//! * **medium**: a list at file level that is walked or changed without the lock, while others change it, and a variable stored so that three or more functions use under it; a list that is
//!   changed under locks of its own, none of which the others hold, or by an operation that only the kernel calls; one that is walked while others free its elements, or at any
//!   time while others take them off; one
//!   that elements are taken off under another lock than others add under; a caller without the lock that the other callers of a list's user hold; an
//!   element that is asked for before the lock and then replaced, or taken off for good, without asking again; a second section that does not look again; a call, without the lock that the other callers hold, of a function that walks a list which others change under it;
//!   a pointer that is freed and replaced with no lock; a counter of open files or mappings that is stepped with none; a pointer that is loaded before the lock under which others set it to NULL;
//!   a list that is changed under the read side of a lock; a list of the kernel's that is used without its lock.
//! * **low**: what statistics say, and plain stores where all others are marked: most of these are set-up. Of sixteen stores without the lock that four or more functions take, two were right: in most of the others nobody else could reach the object.
//!   Of lists changed with no lock at all, one in five: a tasklet, a phase of the hardware or the caller's lock kept the sides apart. The lock of another object: none of eighteen was right, since the
//!   two were one, or one was new; so it is medium only where the function itself asks whether they are one. Any other call without the lock that others hold: three of nine. A list of which the elements are freed later: two of seven.
//!
//! ## What it assumes and misses
//!
//! Objects of a type are one, and so are their locks. Phases in which only one thread knows the object are recognised by who makes and frees it alone; members that are only counted for statistics are
//! reported at low.

mod another;
mod asked;
mod counters;
mod documented;
mod exempt;
mod forgets;
mod globals;
mod habit;
mod lists;
mod marked;
mod parallel;
mod removers;
mod replaced;
mod say;
mod shared;
mod stale;
mod twice;
mod walkers;

use cuthere_analysis::{Check, CheckInfo, Claims, Maturity, Tree};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{OpId, Record};
use cuthere_flow::index::{Lives, MemberAccess, accesses, variable_of};
use cuthere_flow::program::contexts::Contexts;
use cuthere_flow::summary::FuncId;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
    let mut covers: FxHashMap<Member, Vec<Cover>> = FxHashMap::default();
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
    let marks = marked::marks(tree);
    let variables: FxHashSet<Symbol> = covers.keys().chain(marks.keys()).filter_map(|m| variable_of(*m)).collect();
    let of_function = |(n, _)| {
        let f = FuncId(n as u32);
        let all = accesses(tree.world, f, |name| variables.contains(&name), |m| covers.contains_key(&m) || marks.contains_key(&m));
        all.into_iter().map(move |access| (f, access))
    };
    let all: Accesses = tree.world.funcs.par_iter().with_min_len(256).enumerate().flat_map_iter(of_function).collect();
    let mut members: FxHashMap<Member, Accesses> = FxHashMap::default();
    for (f, access) in all {
        members.entry(access.member).or_default().push((f, access));
    }
    let named = |(member, uses): (Member, Accesses)| ((member.0.tag(), member.1.as_str(), member.0.file()), (member, uses));
    let found: BTreeMap<(&str, &str, &str), (Member, Accesses)> = members.into_iter().map(named).collect();
    let view = View { tree, lives: tree.lives(), contexts: tree.contexts(), covers: &covers };
    let mut told = HashSet::new();
    view.walkers(&mut told, claims);
    view.removers(&mut told, claims);
    view.replaced(&mut told, claims);
    view.counters(&mut told, claims);
    view.stale(&mut told, claims);
    view.documented(&mut told, claims);
    let lists = view.global_lists();
    view.habits(claims);
    view.looked_once(claims);
    for (member, uses) in found.values() {
        if member.0.is_file_level() {
            view.globals(*member, uses, &lists, &mut told, claims);
            continue;
        }
        view.lists(*member, uses, &mut told, claims);
        view.another(*member, claims);
        if let Some(marks) = marks.get(member) {
            view.marked(*member, marks, uses, &mut told, claims);
        }
    }
    for (member, uses) in found.into_values().filter(|f| !f.0.0.is_file_level()) {
        view.member(member, &uses, &mut told, claims);
    }
}

struct View<'v, 't> {
    tree: &'v Tree<'t>,
    lives: &'t Lives<'t>,
    contexts: &'t Contexts<'t>,
    covers: &'v FxHashMap<Member, Vec<Cover>>,
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
                // Looked up, two of sixteen of the surest were right: most objects were out of the others' reach.
                if access.store || access.list || n >= m * RATIO {
                    claims.add(self.claim(member, cover, (f, access), (n, m), Confidence::Low));
                }
            }
        }
    }
}
