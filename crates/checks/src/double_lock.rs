//! # double-lock
//!
//! A lock is taken again by the one who holds it, here or in a callee.
//!
//! ## Why it matters
//!
//! Spinlocks, mutexes and semaphores of the kernel are not recursive: their holder waits for itself, with preemption disabled under a spinlock, and the
//! CPU or the task hangs. Lockdep reports it as "possible recursive locking detected", if the path happens to run.
//! The rules are in `Documentation/locking/mutex-design.rst`, `Documentation/locking/spinlocks.rst` and `Documentation/locking/lockdep-design.rst`.
//!
//! ## Example
//!
//! ```c
//! mutex_lock(&dev->lock);
//! if (dev->broken)
//!     dev_reset(dev);           /* takes dev->lock itself */
//! mutex_unlock(&dev->lock);
//! ```
//!
//! Call a variant that expects the lock to be held, or give it back first.
//!
//! ## How it decides
//!
//! The engine knows which locks a path holds, by the object that they lie in, and which locks a callee takes, with the conditions on its
//! arguments. Only the very lock counts: two objects of one type are two locks, also where nothing says that they differ. Held is also what the function says
//! of its caller (`__must_hold()`, `lockdep_assert_held()`). Trylocks, nested variants (`mutex_lock_nested()`), readers that
//! may nest (`read_lock()`, SRCU, RCU) and counting semaphores are left alone. It is reported at the call in the function that holds the lock.
//! A lock that is a variable (`rtnl_lock()` among them) is also followed into operations that the kernel calls with it held, and into functions that are called back by who
//! holds it, where every way in that is known holds it.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence (of what it would call so, 3 of 7 held on a tree that nobody tuned on; the others were locks that a
//! further callee gives back, and flags).
//!
//! * **medium**: taken twice on one path by way of arguments and globals alone, with at most two direct calls and no condition on the state of objects in between; a variable that every
//!   way into a function holds, and that it takes whatever it is given.
//! * **low**: what was wrong more often than right when it was looked up: more than two calls lead to it; it is the same callee that left it held; a bit is asked for right before, which may stand for the lock; a loop takes it in some of its rounds; the function calls itself; a callee takes it
//!   after it was taken here under a condition; the object is found
//!   through memory that calls in between might have changed; the callee takes the lock only for some arguments, or in some states of its objects; paths were
//!   merged; a caller's lock that the function only speaks of; a reader inside a reader, which hangs only if a writer waits in between; tests.
//!
//! ## What it assumes and misses
//!
//! Memory keeps what it holds over calls that are not given its address. Members that callers hold without saying so, and calls through pointers with
//! several targets, are not followed.

mod entered;

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Left, Maturity, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Block, Expr, OpId, OpKind, Target, Term};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::event::{Acquire, EventKind};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::summary::chain::chain;
use cuthere_flow::summary::{Effect, EffectKind, FuncId, RelRoot, Way};
use cuthere_flow::value::{Value, ValueId};
use cuthere_kernel::{Custom, LockKind, LockMode};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "double-lock",
        summary: "a lock is taken again by its holder, here or in a callee",
        source: include_str!("double_lock.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::new(DoubleLock)),
    entered: false,
    tree: Some(entered::judge),
};

struct DoubleLock;

impl Checker for DoubleLock {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        if let EventKind::Acquire(acquire) = &event.kind
            && !acquire.nested
            && let Some(claim) = twice(path, event, acquire)
        {
            claims.add(claim);
        }
    }
}

fn twice(path: &Path<'_, '_>, event: &Event<'_>, acquire: &Acquire<'_>) -> Option<Claim> {
    let lock = acquire.lock;
    let locks = &path.state.locks;
    let name = path.describe_place(lock.place, 0).unwrap_or_else(|| lock.class.as_str().to_owned());
    let held = locks.held.iter().find(|h| h.place == lock.place && h.kind == lock.kind);
    let spoken = locks.asserted.contains(&lock.place) || must_hold(path, &name);
    let shared = lock.mode == LockMode::Shared && held.is_none_or(|h| h.mode == LockMode::Shared);
    if !excludes(lock.kind, shared) || held.is_none() && (!spoken || given_back(path, lock)) {
        return None;
    }
    let world = path.world;
    let funcs = chain(world, event.way).funcs;
    // Two files may each have a variable of this name.
    if let (Value::PGlobal(global), Some(&last)) = (path.values.get(lock.place), funcs.last()) {
        let holder = held.and_then(|h| h.op).and_then(|op| taker(path, op, global)).unwrap_or(path.func);
        if !world.shares(holder, last, global) && !world.shares(last, holder, global) {
            return None;
        }
    }
    let mut confidence = Confidence::High;
    let callee = funcs.first().map(|f| world.func(*f).name);
    let same_callee = callee.is_some() && held.and_then(|h| h.op).and_then(|op| callee_at(path, op)) == callee;
    // Taken again by one's own recursion, or by a callee after it was taken under a condition.
    let again = funcs.contains(&path.func);
    let first = matches!(event.way, Way::Model(_))
        || held.and_then(|h| h.op).is_some_and(|op| path.body.dominates(op, path.body.block_of(event.op)));
    // Under a condition, the next round takes it only if that holds again: whoever set the flag may have been told to give the lock back.
    let every_round = || path.body.every_round(event.op) || path.body.block_of(event.op).is_some_and(|b| path.body.is_head(b));
    let by_chance = held.is_some_and(|h| h.op == Some(event.op)) && !every_round();
    if held.is_none()
        || same_callee
        || asked_by_flag(path, event.op)
        || by_chance
        || again
        || !first
        || funcs.len() > 2
        || acquire.open
        || path.state.merged
        || locks.doubtful
        || through_memory(path, lock.place)
    {
        // Looked up, these were wrong far more often than right.
        confidence = Confidence::Low;
    }
    if acquire.modes > 0 || shared || words::is_test_code(world.path(path.func)) {
        confidence = Confidence::Low;
    }
    let message = match event.way {
        Way::Callee(f, _) => format!("`{}()` takes `{name}`, which is held here already", world.func(f).name),
        Way::Model(called) if acquire.brief => format!("`{called}()` takes `{name}`, which is held here already"),
        _ => format!("`{name}` is taken, but is held here already"),
    };
    let claim = Claim::here(path, event, confidence, message);
    let claim = match held.and_then(|h| h.op) {
        Some(op) => claim.step_at(path, Some(op), format!("takes `{name}`{}", by_callee(path, op))).cause(op),
        None => claim.step(path.func, path.body.loc, format!("`{}` is called with `{name}` held, as it says", path.body.name)),
    };
    // Each round of a loop takes it, and another function gives it back.
    let claim = match held {
        Some(h) if h.op == Some(event.op) => {
            claim.unless_completed(Left { class: lock.class, kept: true, falls: false, told: false, by: None })
        }
        _ => claim,
    };
    let claim = match event.way {
        Way::Callee(f, _) => claim.step(path.func, event.loc, format!("calls {}()", world.func(f).name)).down(world, event.way),
        _ => claim.step(path.func, event.loc, format!("takes `{name}` again")),
    };
    let state = (acquire.modes > 0).then(|| "the state of the objects involved lets the called functions take the lock".to_owned());
    let open = acquire.open.then(|| format!("the arguments of `{}` let the called function take the lock", path.body.name));
    let readers = shared.then(|| "a writer waits for the lock in between".to_owned());
    Some(claim.assume_all([state, open, readers].into_iter().flatten()).identity(format!("twice {}", lock.class)))
}

/// Whether the function asks for a bit right before an operation: it may stand for the lock.
fn asked_by_flag(path: &Path<'_, '_>, op: OpId) -> bool {
    let (body, model) = (path.body, path.world.model);
    let Some(at) = body.block_of(op) else { return false };
    let flag = |name| model.is_custom(Custom::AsksBit, name) || model.is_custom(Custom::SetsFlag, name);
    let asks = |block: &Block| match block.term {
        Term::Branch { cond, then, els } if then == at || els == at => {
            let asked = if let Expr::Un(_, inner) = body.expr(cond) { inner } else { cond };
            body.asked_call(block, asked).is_some_and(|(name, _)| flag(name))
        }
        _ => false,
    };
    body.blocks.iter().any(asks)
}

/// Whether the holder of such a lock cannot take it again.
fn excludes(kind: LockKind, shared: bool) -> bool {
    match kind {
        LockKind::Spin | LockKind::RawSpin | LockKind::Mutex | LockKind::RtMutex | LockKind::Local => true,
        LockKind::Seqlock | LockKind::RwSpin | LockKind::Percpurwsem => !shared,
        LockKind::RwSem => true,
        // Counting, recursive, with bits of a word as places, or with an owner in two senses.
        LockKind::Semaphore | LockKind::WwMutex | LockKind::Bit | LockKind::Sock | LockKind::Srcu | LockKind::SleepingOther => false,
    }
}

/// Whether the function's annotations say that its caller holds the lock.
fn must_hold(path: &Path<'_, '_>, name: &str) -> bool {
    let plain = |text: &str| text.trim_start_matches(['&', '*', '(']).trim_end_matches(')').to_owned();
    path.body.annotations.iter().filter_map(|a| a.as_str().strip_prefix("__must_hold(")).any(|arg| plain(arg) == plain(name))
}

/// Whether a caller's lock was given back on this path.
fn given_back(path: &Path<'_, '_>, lock: &Held) -> bool {
    path.state.locks.released.iter().any(|r| r.class == lock.class)
}

/// Whether the lock's object was found through memory, or by a call.
fn through_memory(path: &Path<'_, '_>, place: ValueId) -> bool {
    let values = path.values;
    match values.root(place).map(|root| values.get(values.pointer_root(root))) {
        Some(Value::Entry(p)) => !matches!(values.get(p), Value::PLocal(_)),
        Some(_) => true,
        None => false,
    }
}

/// The function below a call that takes a variable for its caller: whose variable it is.
fn taker(path: &Path<'_, '_>, op: OpId, variable: Symbol) -> Option<FuncId> {
    let world = path.world;
    world.callees(path.func, op)?.list().iter().find_map(|&f| {
        let of = |e: &Effect| matches!(&e.kind, EffectKind::Acquire { lock, .. } if lock.root == RelRoot::Global(variable));
        let (id, _) = world.summary(f)?.effects().find(|(_, e)| of(e))?;
        chain(world, Way::Callee(f, id)).funcs.last().copied()
    })
}

/// The callee that took a lock for its caller, in words.
fn by_callee(path: &Path<'_, '_>, op: OpId) -> String {
    callee_at(path, op).map_or(String::new(), |name| format!(" by {name}()"))
}

/// The function of the tree that an operation calls by name.
fn callee_at(path: &Path<'_, '_>, op: OpId) -> Option<Symbol> {
    match path.body.op(op)?.kind {
        OpKind::Call { target: Target::Name(name), .. } if path.world.entry(name, true).is_none() => Some(name),
        _ => None,
    }
}
