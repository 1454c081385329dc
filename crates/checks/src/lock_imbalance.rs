//! # lock-imbalance
//!
//! A function returns with a lock held that its other ways out give back, gives back a lock that it does not hold, or leaves interrupts, bottom
//! halves, preemption or an RCU read-side section as its other ways out do not.
//!
//! ## Why it matters
//!
//! A lock that stays held hangs whoever wants it next; one that is given back without being held opens a critical section of somebody else. Error paths
//! are where it happens, and they are seldom run. Lockdep reports it as "lock held when returning to user space" or "bad unlock balance detected".
//!
//! ## Example
//!
//! ```c
//! mutex_lock(&dev->lock);
//! if (n > dev->size)
//!     return -EINVAL;           /* dev->lock is still held */
//! dev->pos = n;
//! mutex_unlock(&dev->lock);
//! return 0;
//! ```
//!
//! Give the lock back on this way too (`goto unlock`), or hold it by `guard()`.
//!
//! ## How it decides
//!
//! Every way out is compared with the others: a lock that was taken here and is still held, where others have given it back and return the same
//! kind of result, is reported at the return; so is one that no way out gives back, and one that is given back where it was not taken. What a function leaves is right
//! if somebody does the other half: a caller of it, or of one that hands it on, or a function that ends with the opposite and that nobody completes
//! (`start` and `stop` of a table, a completion). Such a function has to do with it: it stands in the same file or in the folder whose own lock it is, is
//! called by it or with it, or one file puts both into tables; and it does not take on other ways what it gives back. Locks that callees take or give back for their callers count, told apart by result and arguments.
//! A caller's lock that is given back for a while, and what happens under one condition, as it is written, are left alone.
//! `__must_hold()`, `__acquires()`, `__releases()` and `__cond_acquires()` are taken at their word, and checked where they stand at a function that can
//! be seen to keep them on other ways.
//!
//! ## Confidence
//!
//! * **high**: nobody does the other half, and a return that fails keeps a lock that every way to it takes and that others give back, or a lock is given back twice on one path.
//! * **medium**: nobody does the other half, and a return that does not fail keeps it, or none gives it back; or it is given back untaken on a path that was followed from its beginning.
//!   Ways that answer otherwise are compared too, if their callers were seen.
//! * **low**: something is written for the caller that may tell of the lock; the ways meet again behind the unlock without the way having done anything of its own; the index of an SRCU section goes to the caller; the lock lies in an object that the same way frees; a flag that is asked for was cleared with the first unlock; somebody does the other half, or callers were not read; interrupts and preemption left off; annotations; a call on the way that may have given it back; tests.
//!
//! ## What it assumes and misses
//!
//! A function that takes a lock for one event and gives it back for another keeps it in between. A lock is known by its class, so that one partner of a class answers for all its locks. All locks of an array, taken in a loop, are left alone.

mod annotations;
mod judge;
mod names;
mod stray;
mod told;

use cuthere_analysis::ways::{self, Answer, PARTS, certainty, decided, parts};
use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Left, Maturity};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, OpId, Term};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::event::{EventKind, Match};
use cuthere_flow::engine::{Decision, Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::summary::{FuncId, Summary};
use cuthere_flow::value::{Interval, ValueId};
use cuthere_kernel::LockKind;
use names::written_alike;
use told::{handed_out, tells};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "lock-imbalance",
        summary: "a way out that keeps or gives back a lock that the others do not",
        source: include_str!("lock_imbalance.rs"),
        maturity: Maturity::Stable,
    },
    start: Some(|_, _| Box::<LockImbalance>::default()),
    entered: false,
    tree: None,
};

/// Decisions on a way out that are looked at.
const DECISIONS_MAX: usize = 8;

/// A way out.
struct Exit {
    block: BlockId,
    /// Where the last decisions were taken, the last one first, and the arms.
    decisions: Vec<(BlockId, Option<BlockId>)>,
    /// Something is written that may tell the caller which way it was.
    tells: bool,
    answer: Answer,
    /// What was taken here and is kept: by what, its name, and what to say of it.
    kept: Vec<(OpId, String, Claim)>,
    /// A lock is held under one name and another one given back: which is which is not known.
    unclear: bool,
    /// See [`ways::skipped`].
    skipped: Vec<BlockId>,
    /// The caller's locks that were given back.
    lost: Vec<(String, Option<OpId>)>,
    /// What can be said of it against an annotation.
    claim: Option<Claim>,
    /// What is known of the arguments.
    arguments: Vec<(u32, Interval)>,
}

/// A lock given back that is not held.
struct Stray {
    op: OpId,
    /// Where it was given back before, on this path.
    before: bool,
    /// On a path that was followed from its beginning, in the first round of each loop.
    plain: bool,
    claim: Claim,
}

/// What one function does with locks and context.
#[derive(Default)]
struct LockImbalance {
    exits: Vec<Exit>,
    /// Taken and given back: by which operations, and how sure it is that it was the same lock.
    pairs: Vec<(OpId, OpId, Match)>,
    /// Takes one lock after the other.
    collects: Vec<OpId>,
    strays: Vec<Stray>,
    /// Classes of locks that were given back and then taken again.
    retaken: Vec<Symbol>,
    /// Arguments that are returned as they are: numbers, not flags.
    returned: Vec<u32>,
}

impl Checker for LockImbalance {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, _: &mut Claims) {
        let locks = &path.state.locks;
        match &event.kind {
            // The caller's lock was given back for a while.
            EventKind::Acquire(a) if locks.released.iter().any(|r| r.class == a.lock.class) => self.retaken.push(a.lock.class),
            EventKind::Acquire(a) if locks.held.iter().any(|h| h.op == Some(event.op) && h.place != a.lock.place) => {
                self.collects.push(event.op);
            }
            EventKind::Release { lock, found: Some(how) } => {
                let held = locks.find(path.values, lock).map(|(i, _)| &locks.held[i]);
                let alike = *how == Match::Class && held.is_some_and(|h| written_alike(path, h.place, lock.place, 0));
                self.pair(held.and_then(|h| h.op), event.op, if alike { Match::Exact } else { *how });
            }
            EventKind::Release { lock, found: None } => self.stray(path, event, lock),
            EventKind::Context { part, enter: false } => {
                if let Some(i) = part.counter() {
                    self.pair(path.state.since[i].filter(|_| parts(path)[i] > 0), event.op, Match::Exact);
                }
            }
            EventKind::Exit { block, value } => self.exit(path, event, *block, *value),
            _ => {}
        }
    }

    fn end(&mut self, world: &World<'_>, func: FuncId, _: &Summary, claims: &mut Claims) {
        let body = world.func(func);
        for exit in &self.exits {
            for kept in &exit.kept {
                let forgotten = self.forgotten(body, kept);
                let judged = if forgotten { Some(Confidence::Medium) } else { self.judge(body, exit, kept) };
                if let Some(confidence) = judged {
                    let mut claim = kept.2.clone().sure(confidence.min(kept.2.confidence)).cause(kept.0);
                    if let Some(left) = &mut claim.left {
                        left.falls = forgotten;
                        left.told = self.differs(body, exit, kept);
                    }
                    claims.add(claim);
                }
            }
        }
        for stray in self.strays.iter().filter(|s| s.before || !self.was_held(&s.claim)) {
            // Those that gave back the same lock elsewhere say more than those of which only the kind is known.
            let mut pairs: Vec<_> = self.pairs.iter().filter(|p| p.1 == stray.op && !self.collects.contains(&p.0)).collect();
            pairs.sort_by_key(|p| p.2 == Match::Kind);
            let mut pairs = pairs.into_iter();
            // `WARN_ON(spin_trylock(…))` says that the lock is held.
            if pairs.clone().any(|p| ways::asserted(world, body, p.0) || !stray.before && ways::same_condition(body, p.0, p.1)) {
                continue;
            }
            // What is given back twice is plain. What is given back untaken on some ways goes with conditions that are not seen: looked up, most of
            // these were wrong.
            let confidence = match (stray.before, pairs.next()) {
                (true, _) => Confidence::High,
                // What other ways keep is held from one call to the next.
                (_, Some(p)) if stray.plain && p.2 != Match::Kind && !self.keeps(&stray.claim) => Confidence::Medium,
                (_, Some(_)) => Confidence::Low,
                _ => continue,
            };
            claims.add(stray.claim.clone().sure(confidence.min(stray.claim.confidence)));
        }
        self.contracts(body, claims);
    }
}

impl LockImbalance {
    fn pair(&mut self, taken: Option<OpId>, given: OpId, how: Match) {
        if let Some(taken) = taken
            && !self.pairs.contains(&(taken, given, how))
        {
            self.pairs.push((taken, given, how));
        }
    }

    fn exit(&mut self, path: &Path<'_, '_>, event: &Event<'_>, block: BlockId, value: Option<ValueId>) {
        let locks = &path.state.locks;
        let answer = value.map_or(Answer::Nothing, |v| Answer::of(path.known(v), path.body.ret_ptr));
        self.returned.extend(value.and_then(|v| path.values.param(v, path.body.params)));
        let arguments = path.state.facts.iter().filter_map(|f| Some((path.values.param(f.0, path.body.params)?, f.1)));
        let mut exit = Exit {
            block,
            decisions: path.decisions().take(DECISIONS_MAX).map(|d| (d.block, arm(path, d))).collect(),
            tells: tells(path),
            answer,
            kept: Vec::new(),
            unclear: false,
            skipped: ways::skipped(path),
            lost: Vec::new(),
            claim: None,
            arguments: arguments.collect(),
        };
        for lock in locks.held.iter().filter(|l| l.guard == 0 && judged(l.kind)) {
            exit.unclear |= locks.released.iter().any(|r| r.kind == lock.kind);
            // Whoever gets an object may get it locked.
            let object = value.map(|v| path.values.get(v));
            exit.tells |= object.is_some_and(|object| path.body.ret_ptr && path.values.rests_on(lock.place, &|v| v == object));
            if let (Some(op), Some(name)) = (lock.op, ways::lock_name(path, lock)) {
                let claim = keeps(path, event, op, &format!("`{name}` held"), &format!("takes `{name}`"));
                let most = match lock.kind {
                    // Given back by whoever is done, not by whoever took it.
                    LockKind::Semaphore | LockKind::WwMutex => Confidence::Low,
                    // Whoever gets the index gives the section back.
                    LockKind::Srcu if handed_out(path, op, value) => Confidence::Low,
                    LockKind::Srcu => Confidence::Medium,
                    _ => Confidence::High,
                };
                // Taken by a function of its own, it is given back by one. What the model says takes a lock is none.
                let takes = |name: Symbol| path.world.model.entry(name).is_some_and(|e| !e.acquires.is_empty());
                let by = path.world.callees(path.func, op).filter(|_| !path.called(op).is_some_and(takes));
                let by = by.and_then(|c| c.list().first().copied());
                let most = if by.is_some() && path.unread_since(op).is_some() { Confidence::Low } else { most.min(claim.confidence) };
                // Nobody can wait for a lock that is gone.
                let object = path.values.root(lock.place).map(|root| path.values.pointer_root(root));
                let gone = object.is_some_and(|object| path.state.objects.freed(object).is_some());
                let claim =
                    claim.assume_all(gone.then(|| "somebody still has the object that the lock lies in, which is freed".to_owned()));
                let most = if gone { Confidence::Low } else { most };
                let left = Left { class: lock.class, kept: true, falls: false, told: false, by };
                exit.kept.push((op, name, claim.sure(most).unless_completed(left).identity(format!("keeps {}", lock.class))));
            }
        }
        for (i, part) in PARTS.iter().enumerate().filter(|(i, _)| parts(path)[*i] > 0) {
            if let Some(op) = path.state.since[i].filter(|op| locks.held.iter().all(|l| l.op != Some(*op))) {
                exit.kept.push((op, String::new(), keeps(path, event, op, part, "begins here").identity(format!("keeps {part}"))));
            }
        }
        exit.lost = locks.released.iter().map(|l| (name(path, l), l.op)).collect();
        if path.body.annotations.iter().any(|a| a.as_str().contains('(')) {
            let claim = Claim::here(path, event, Confidence::Low, String::new());
            let claim = locks.released.iter().fold(claim, |c, l| c.step_at(path, l.op, format!("gives `{}` back", name(path, l))));
            exit.claim = Some(decided(path, claim).step(path.func, event.loc, "returns"));
        }
        self.exits.push(exit);
    }
}

/// The arm that a decision took.
fn arm(path: &Path<'_, '_>, decision: Decision) -> Option<BlockId> {
    match path.body.block(decision.block).term {
        Term::Branch { then, els, .. } => Some(if decision.taken { then } else { els }),
        _ => None,
    }
}

/// What the function itself keeps, and the place where it began.
fn keeps(path: &Path<'_, '_>, event: &Event<'_>, op: OpId, what: &str, began: &str) -> Claim {
    let claim = Claim::here(path, event, certainty(path), format!("`{}` returns with {what}", path.body.name));
    decided(path, claim.step_at(path, Some(op), began)).step(path.func, event.loc, format!("returns with {what}"))
}

/// Locks of which the one who takes them gives them back.
fn judged(kind: LockKind) -> bool {
    !matches!(kind, LockKind::Bit | LockKind::SleepingOther)
}

fn name(path: &Path<'_, '_>, lock: &Held) -> String {
    path.describe_place(lock.place, 0).unwrap_or_else(|| lock.class.as_str().to_owned())
}
