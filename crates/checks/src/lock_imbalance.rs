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
//! (`start` and `stop` of a table, a completion). Locks that callees take or give back for their callers count, told apart by result and arguments.
//! A caller's lock that is given back for a while, and what happens under one condition, as it is written, are left alone.
//! `__must_hold()`, `__acquires()`, `__releases()` and `__cond_acquires()` are taken at their word, and checked where they stand at a function that can
//! be seen to keep them on other ways.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: nobody does the other half, and: a return that fails keeps a lock that every way to it takes; a return that does not fail keeps it, or none gives it
//!   back; a lock is given back twice on one path; or untaken on a path that was followed from its beginning.
//! * **low**: somebody does the other half, or callers were not read; interrupts and preemption left off; annotations; a call on the way that may have given it back; tests.
//!
//! ## What it assumes and misses
//!
//! A lock is known by its class, so that one partner of a class answers for all its locks. All locks of an array, taken in a loop, are left alone.

use cuthere_analysis::ways::{self, Answer, PARTS, certainty, decided, parts};
use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Left, Maturity};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, Body, OpId};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::event::{EventKind, Match};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::program::naming::{names_lock, names_unlock};
use cuthere_flow::summary::{FuncId, Summary};
use cuthere_flow::value::{Interval, ValueId};
use cuthere_kernel::LockKind;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "lock-imbalance",
        summary: "a way out that keeps or gives back a lock that the others do not",
        source: include_str!("lock_imbalance.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::<LockImbalance>::default()),
    entered: false,
    tree: None,
};

/// A way out.
struct Exit {
    block: BlockId,
    /// Where the last decision was taken.
    decided: Option<BlockId>,
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
                let taken = locks.find(path.values, lock).and_then(|(i, _)| locks.held[i].op);
                self.pair(taken, event.op, *how);
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
                    }
                    claims.add(claim);
                }
            }
        }
        for stray in self.strays.iter().filter(|s| !self.was_held(&s.claim)) {
            let mut pairs = self.pairs.iter().filter(|p| p.1 == stray.op && !self.collects.contains(&p.0));
            // `WARN_ON(spin_trylock(…))` says that the lock is held.
            if pairs.clone().any(|p| ways::asserted(world, body, p.0) || !stray.before && ways::same_condition(body, p.0, p.1)) {
                continue;
            }
            // What is given back twice is plain. What is given back untaken on some ways goes with conditions that are not seen: looked up, most of
            // these were wrong.
            let confidence = match (stray.before, pairs.next()) {
                (true, _) => Confidence::High,
                // What other ways keep is held from one call to the next.
                (_, Some(_)) if stray.plain && !self.keeps(&stray.claim) => Confidence::Medium,
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

    fn stray(&mut self, path: &Path<'_, '_>, event: &Event<'_>, lock: &Held) {
        let locks = &path.state.locks;
        if locks.asserted.contains(&lock.place) || !judged(lock.kind) || lock.kind == LockKind::Semaphore {
            return;
        }
        let Some(name) = ways::lock_name(path, lock) else { return };
        let annotated = |a: &Symbol| a.as_str().split_once('(').is_some_and(|a| plain(a.1) == plain(&name));
        if path.body.annotations.iter().any(annotated) {
            return;
        }
        let past = locks.past.iter().find(|p| p.place == lock.place);
        // By the same call, or by another name: which lock was meant before is not sure.
        if past.is_some_and(|p| p.given == event.op || !p.exact) {
            return;
        }
        let message = format!("`{name}` is given back, but is not held here");
        let claim = Claim::here(path, event, certainty(path), message).step_at(path, past.map(|p| p.taken), format!("takes `{name}`"));
        let claim = claim.step_at(path, past.map(|p| p.given), format!("gives `{name}` back"));
        let claim = decided(path, claim).step(path.func, event.loc, format!("gives `{name}` back, which is not held"));
        let claim = claim.unless_completed(Left { class: lock.class, kept: false, falls: false, by: None });
        let plain = past.is_some() || path.state.rounds.is_empty() && !path.state.merged;
        self.strays.push(Stray { op: event.op, before: past.is_some(), plain, claim: claim.identity(format!("stray {}", lock.class)) });
    }

    fn exit(&mut self, path: &Path<'_, '_>, event: &Event<'_>, block: BlockId, value: Option<ValueId>) {
        let locks = &path.state.locks;
        let answer = value.map_or(Answer::Nothing, |v| Answer::of(path.known(v), path.body.ret_ptr));
        self.returned.extend(value.and_then(|v| path.values.param(v, path.body.params)));
        let arguments = path.state.facts.iter().filter_map(|f| Some((path.values.param(f.0, path.body.params)?, f.1)));
        let last = path.decisions().next().map(|d| d.block);
        let mut exit = Exit {
            block,
            decided: last,
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
            if let (Some(op), Some(name)) = (lock.op, ways::lock_name(path, lock)) {
                let claim = keeps(path, event, op, &format!("`{name}` held"), &format!("takes `{name}`"));
                let most = match lock.kind {
                    // Given back by whoever is done, not by whoever took it.
                    LockKind::Semaphore | LockKind::WwMutex => Confidence::Low,
                    LockKind::Srcu => Confidence::Medium,
                    _ => Confidence::High,
                };
                // Taken by a function of its own, it is given back by one.
                let by = path.world.callees(path.func, op).and_then(|c| c.list().first().copied());
                let most = if by.is_some() && path.unread_since(op).is_some() { Confidence::Low } else { most.min(claim.confidence) };
                let left = Left { class: lock.class, kept: true, falls: false, by };
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

    /// Whether the lock that a claim is about is the caller's, given back for a while.
    fn was_held(&self, claim: &Claim) -> bool {
        claim.left.is_some_and(|l| self.retaken.contains(&l.class))
    }

    /// Whether some way out keeps a lock of the class that a claim is about.
    fn keeps(&self, claim: &Claim) -> bool {
        let class = claim.left.map(|l| l.class);
        self.exits.iter().flat_map(|e| &e.kept).any(|k| k.2.left.map(|l| l.class) == class)
    }

    /// Whether a lock is taken here and no way out gives it back.
    fn forgotten(&self, body: &Body, (taken, name, claim): &(OpId, String, Claim)) -> bool {
        let one = claim.left.is_some_and(|l| l.class.as_str().contains('.'));
        let told = body.annotations.iter().any(|a| a.as_str().contains('('));
        one && !name.is_empty()
            && !told
            && !self.collects.contains(taken)
            && self.pairs.iter().all(|p| p.0 != *taken)
            && !names_lock(body.name)
    }

    /// How sure it is that a way out keeps what it should not.
    fn judge(&self, body: &Body, exit: &Exit, (taken, name, claim): &(OpId, String, Claim)) -> Option<Confidence> {
        let taken = *taken;
        let given: Vec<&(OpId, OpId, Match)> = self.pairs.iter().filter(|p| p.0 == taken).collect();
        // Whoever gets an object may get it locked.
        let object = body.ret_ptr && exit.answer == Answer::Open;
        if given.is_empty() || exit.unclear || object || self.was_held(claim) || self.collects.contains(&taken) {
            return None;
        }
        let free = |e: &&Exit| !e.unclear && e.kept.iter().all(|k| k.0 != taken && (k.1 != *name || name.is_empty()));
        let passed = |e: &&Exit| given.iter().any(|p| body.follows(p.1, e.block));
        let siblings: Vec<&Exit> = self.exits.iter().filter(free).collect();
        let count = |e: &Exit| !self.returned.is_empty() && matches!(e.answer, Answer::Zero | Answer::Positive | Answer::NotZero);
        let open = |e: &Exit| e.answer == Answer::Open;
        let alike = |e: &&&Exit| exit.answer == e.answer || open(exit) || open(e) || count(exit) && count(e);
        // `return spin_trylock(…)` succeeds by not being zero.
        let locker = names_lock(body.name) && !names_unlock(body.name);
        let fails = exit.answer == Answer::Failure || exit.answer == Answer::NotZero && !locker;
        if !siblings.iter().any(|e| passed(e) && (fails || alike(&e))) {
            return None;
        }
        // An argument that says whether the lock is to be kept.
        let apart = |&(n, at): &(u32, Interval)| {
            let mut known = siblings.iter().filter(|e| alike(e)).map(|e| e.arguments.iter().find(|a| a.0 == n)).peekable();
            known.peek().is_some() && known.all(|a| a.is_some_and(|a| a.1.meet(at).is_none()))
        };
        if exit.arguments.iter().any(|a| !self.returned.contains(&a.0) && apart(a)) {
            return None;
        }
        if exit.skipped.iter().any(|s| given.iter().any(|p| body.block_of(p.1) == Some(*s))) {
            return Some(Confidence::Low);
        }
        let always = body.dominates(taken, Some(exit.block)) || body.dominates(taken, exit.decided);
        // The ways meet again where the function ends: what is skipped may have its reason.
        let joined = !fails && given.iter().any(|p| body.follows(p.1, exit.block));
        let sure = always && !joined && exit.answer != Answer::Open && given.iter().any(|p| p.2 == Match::Exact);
        // A part of the context has its other half elsewhere (single-stepping).
        Some(match sure && !name.is_empty() {
            true if fails => Confidence::High,
            true if !locker => Confidence::Medium,
            _ => Confidence::Low,
        })
    }
}

impl LockImbalance {
    /// What annotations promise, and other ways out keep.
    fn contracts(&self, body: &Body, claims: &mut Claims) {
        let words: Vec<(&str, &str)> = body.annotations.iter().filter_map(|a| a.as_str().strip_suffix(')')?.split_once('(')).collect();
        let both = |lock: &str| ["__acquires", "__releases"].iter().all(|word| words.contains(&(*word, lock)));
        for &(word, argument) in &words {
            let (condition, lock) = argument.split_once(", ").unwrap_or(("", argument));
            let named = |name: &str| plain(name) == plain(lock);
            let keeps = |e: &Exit| e.kept.iter().any(|k| named(&k.1));
            let loses = |e: &Exit| e.lost.iter().any(|l| named(&l.0));
            let meant = |e: &Exit| match condition {
                "" => true,
                "true" | "nonzero" | "nonnull" | "1" => matches!(e.answer, Answer::Positive | Answer::NotZero),
                _ => e.answer == Answer::Zero,
            };
            let (kept, what): (&dyn Fn(&Exit) -> bool, &str) = match word {
                "__must_hold" | "__acquires" if word == "__must_hold" || both(argument) => (&|e| !loses(e), "without"),
                "__acquires" | "__cond_acquires" if word == "__acquires" || !condition.is_empty() => (&keeps, "without having taken"),
                "__releases" if !both(argument) => (&loses, "without having given back"),
                _ => continue,
            };
            if self.exits.iter().any(|e| meant(e) && kept(e)) {
                // What some ways do under a condition, or tell by the result, is a contract of its own.
                let by = |e: &Exit| {
                    let kept = e.kept.iter().filter(|k| named(&k.1)).map(|k| k.0);
                    kept.chain(e.lost.iter().filter(|l| named(&l.0)).filter_map(|l| l.1)).any(|op| body.dominates(op, Some(e.block)))
                };
                let like = |e: &Exit, k: &Exit| k.block != e.block && by(k) && (e.answer == Answer::Failure || e.answer == k.answer);
                let plainly =
                    |e: &Exit| what == "without" || e.lost.is_empty() && self.exits.iter().any(|k| meant(k) && kept(k) && like(e, k));
                for (exit, mut claim) in self.exits.iter().filter(|e| meant(e) && !kept(e)).filter_map(|e| Some((e, e.claim.clone()?))) {
                    if !plainly(exit) && condition.is_empty() {
                        claim.confidence = Confidence::Low;
                    }
                    claim.message = format!("`{}` returns {what} `{}`, against its `{word}()`", body.name, plain(lock));
                    claims.add(claim.identity(format!("{word} {}", plain(lock))));
                }
            }
        }
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

/// A lock without the signs that make an address of it.
fn plain(text: &str) -> &str {
    text.trim_start_matches(['&', '*', '(']).trim_end_matches(')')
}
