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
//! kind of result, is reported at the return; so is one that no way out gives back, and one that is given back where it was not taken. Read-side sections of RCU, and preemption or
//! bottom halves disabled, are followed in the same way. A lock that was taken for writing is not to be given back as if for reading, nor with interrupts or bottom halves enabled
//! that taking it did not disable, nor without those that it did, if nothing else does that before the return. What a function leaves is right
//! if somebody does the other half: a caller of it, or of one that hands it on, or a function that ends with the opposite and that nobody completes
//! (`start` and `stop` of a table, a completion). Such a function has to do with it: it stands in the same file or in the folder whose own lock it is, is
//! called by it or with it, or one file puts both into tables; and it does not take on other ways what it gives back. Locks that callees take or give back for their callers count, told apart by result and arguments.
//! Interrupts' state that is saved where a lock that is held has saved it already is lost, and they stay off.
//! A caller's lock that is given back for a while, and what happens under one condition, as it is written, are left alone.
//! `__must_hold()`, `__acquires()`, `__releases()` and `__cond_acquires()` are taken at their word, and checked where they stand at a function that can
//! be seen to keep them on other ways.
//!
//! ## Confidence
//!
//! * **high**: nobody does the other half, and a return that fails keeps a lock that every way to it takes and that others give back, or a lock is given back twice on one path.
//! * **medium**: nobody does the other half, and a return that does not fail keeps it, or none gives it back; or it is given back untaken on a path that was followed from its beginning,
//!   or to which no way leads that has taken it, with nothing decided in between. Ways that answer otherwise are compared too, if their callers were seen. A counting semaphore
//!   that a failing return keeps, or that is given back where waiting for it has failed, a section of RCU left open, a lock given back by another form than it was taken by, and saved flags that are overwritten.
//! * **low**: something is written for the caller that may tell of the lock; the ways meet again behind the unlock without the way having done anything of its own; the index of an SRCU section goes to the caller; the lock lies in an object that the same way frees; a flag that is asked for was cleared with the first unlock; somebody does the other half, or callers were not read; interrupts and preemption left off, other than by a lock's form; annotations; a call on the way that may have given it back; tests.
//!
//! ## What it assumes and misses
//!
//! A function that takes a lock for one event and gives it back for another keeps it in between, unless it fails on a way out that leaves the lock as it is for either of them. A lock is known by its class, so that one partner of a class answers for all its locks. All locks of an array, taken in a loop, are left alone.

mod annotations;
mod flags;
mod judge;
mod names;
mod stray;
mod told;
mod variant;
mod way_out;

use cuthere_analysis::ways::{Answer, parts};
use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, OpId};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::event::{EventKind, Match};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::summary::{FuncId, Summary};
use cuthere_flow::value::Interval;
use cuthere_kernel::{LockKind, LockMode};
use names::written_alike;
use stray::Stray;
use variant::Variant;

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
    /// See [`cuthere_analysis::ways::skipped`].
    skipped: Vec<BlockId>,
    /// The caller's locks that were given back.
    lost: Vec<(String, Option<OpId>)>,
    /// What can be said of it against an annotation.
    claim: Option<Claim>,
    /// Which parts of the context are still entered.
    open: [bool; 4],
    /// What is known of the arguments.
    arguments: Vec<(u32, Interval)>,
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
    /// Given back by another primitive than the one for how it was taken.
    variants: Vec<Variant>,
    /// Taken and given back: by which operations, how it was held, and how it is given back.
    modes: Vec<(OpId, OpId, LockMode, LockMode)>,
    /// A part of the context that the caller had begun was ended for a while.
    resumed: bool,
    /// Classes of locks that were given back and then taken again.
    retaken: Vec<Symbol>,
    /// Arguments that are returned as they are: numbers, not flags.
    returned: Vec<u32>,
}

impl Checker for LockImbalance {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        let locks = &path.state.locks;
        match &event.kind {
            EventKind::Acquire(a) if a.brief => {}
            // The caller's lock was given back for a while.
            EventKind::Acquire(a) if locks.released.iter().any(|r| r.class == a.lock.class) => self.retaken.push(a.lock.class),
            EventKind::Acquire(a) if locks.held.iter().any(|h| h.op == Some(event.op) && h.place != a.lock.place) => {
                self.collects.push(event.op);
            }
            EventKind::Release { lock, found: Some(how) } => {
                let held = locks.find(path.values, lock).map(|(i, _)| &locks.held[i]);
                let alike = *how == Match::Class && held.is_some_and(|h| written_alike(path, h.place, lock.place, 0));
                self.pair(held.and_then(|h| h.op), event.op, if alike { Match::Exact } else { *how });
                if let Some(held) = held.filter(|_| alike || *how == Match::Exact) {
                    self.variant(path, event, held, lock);
                }
            }
            EventKind::Release { lock, found: None } => self.stray(path, event, lock),
            EventKind::Context { part, enter } => {
                let Some(i) = part.counter() else { return };
                match enter {
                    true => {
                        self.resumed |= parts(path)[i] < 0;
                        claims.extend(flags::overwritten(path, event));
                    }
                    false if parts(path)[i] > 0 => self.pair(path.state.since[i], event.op, Match::Exact),
                    false => self.stray_part(path, event, i),
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
                let stuck = !forgotten && self.stuck(body, exit, kept);
                let judged = if forgotten || stuck { Some(Confidence::Medium) } else { self.judge(body, exit, kept) };
                if let Some(confidence) = judged {
                    let mut claim = kept.2.clone().sure(confidence.min(kept.2.confidence)).cause(kept.0);
                    // That the function gives it back itself, for another event, is what is told of.
                    claim.left = claim.left.filter(|_| !stuck);
                    if let Some(left) = &mut claim.left {
                        left.falls = forgotten;
                        left.told = self.differs(body, exit, kept);
                    }
                    claims.add(claim);
                }
            }
        }
        self.judge_strays(world, func, claims);
        self.judge_variants(body, claims);
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
}

/// Locks of which the one who takes them gives them back.
fn judged(kind: LockKind) -> bool {
    !matches!(kind, LockKind::Bit | LockKind::SleepingOther)
}

fn name(path: &Path<'_, '_>, lock: &Held) -> String {
    path.describe_place(lock.place, 0).unwrap_or_else(|| lock.class.as_str().to_owned())
}
