//! # lock-order
//!
//! Locks are taken in orders that together let threads wait for each other for ever.
//!
//! ## Why it matters
//!
//! One thread holds A and waits for B, another one holds B and waits for A: both hang, and soon whoever needs either lock. Waiting for a callback counts too:
//! whoever cancels a work item synchronously, kills a timer or frees an interrupt under a lock that the callback takes waits for somebody who waits for
//! him. Lockdep says "possible circular locking dependency detected" once every order of the circle has run on the machine.
//! The rules are in `Documentation/locking/lockdep-design.rst`.
//!
//! ## Example
//!
//! ```c
//! static void poll_work(struct work_struct *work)
//! {
//!     struct unit *u = container_of(work, struct unit, work);
//!
//!     mutex_lock(&u->lock);
//!     ...
//! }
//!
//! mutex_lock(&u->lock);
//! cancel_work_sync(&u->work);     /* poll_work() may be waiting for u->lock */
//! mutex_unlock(&u->lock);
//! ```
//!
//! Take the locks in one order everywhere; cancel after the lock was given back.
//!
//! ## How it decides
//!
//! A class is a member of a record, whichever object it lies in, or a variable; the `struct priv` of two drivers are two records. Over the whole tree it is noted
//! which class is taken while which is held: in one function, in callees by way of arguments and globals with their conditions decided, and farther down by the
//! calls alone. Held is also what the function says of its caller (`lockdep_assert_held()`), and what the model says of an operation. Trylocks and nested variants make
//! no order, nor does a lock in memory that the function has just allocated. A callback object, an interrupt or a thread stands for what its function runs in, a workqueue for all work that is queued on it. Circles
//! of any length count, unless one more lock is held at all of their orders, on every way in too. Who ends a registration under a lock waits for the operations of the tables in its file.
//! Each circle is told once, at the order that fewest places share, with one thread for each order, of which the least has to be assumed and which do not run at
//! set-up alone, and with other places that show the same orders.
//! Locks of the kernel's own count where calls take and give them back (access to user memory takes `mmap_lock`, to fault the memory in), and where operations are
//! called with them held (`mmap`, `fault`, `open` of a disk); with these, only circles of two are looked for. So does waiting for a device to resume (`runtime_pm`), by its
//! first user on the path, and for a fence (`dma_fence_signalling`), which callbacks of the driver have to end.
//!
//! ## Confidence
//!
//! * **high**: a work item, timer, tasklet or thread is waited for under a lock that it takes, with both sides plain: no condition left open, at most three direct calls down.
//! * **medium**: another circle of two with both orders plain, also by an interrupt or a workqueue that is waited for, or a registration that is ended under a lock that its operations take.
//! * **low**: longer circles, calls through pointers with several targets, conditions on arguments or on the state of objects, locks that are known by a pointer only,
//!   readers on both sides, a lock that a function only speaks of, what members of one record, or of elements of an array, tell apart, callbacks that wait for each other, a semaphore
//!   that a callee leaves taken, classes that are told apart by nested variants elsewhere, both orders in one function,
//!   two drivers that have nothing to do with each other, two folders and a lock that calls take for a while, a callback that nobody arms, code that runs at boot, tests.
//!
//! ## What it assumes and misses
//!
//! Two objects of a class are taken for one, as lockdep takes them: that they never meet in practice is seen of two drivers alone. Orders within one class are not looked at.
//! That two places never run at the same time is known only by a common lock. Subclasses given to a lock at run time are not known.

mod meet;

use cuthere_analysis::{Check, CheckInfo, Claim, Claims, Maturity, Tree, lock_steps, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::index::{Cycle, Example, LockClass, LockGraph, Since};
use cuthere_flow::program::World;
use cuthere_flow::summary::{FuncId, Way};
use cuthere_kernel::{CallbackOp, LockKind};
use meet::{Armed, apart, seldom, strangers};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "lock-order",
        summary: "locks are taken in orders that can wait for each other for ever",
        source: include_str!("lock_order.rs"),
        maturity: Maturity::Stable,
    },
    start: None,
    entered: false,
    tree: Some(circles),
};

/// Other places that are shown of each order.
const OTHERS_MAX: usize = 2;
/// Of longer ways down too much is not known.
const DEPTH_SURE: u16 = 3;

fn circles(tree: &Tree<'_>, claims: &mut Claims) {
    let graph = tree.lock_graph();
    let contexts = tree.contexts();
    let entered = |f: FuncId| -> Vec<Symbol> {
        let held = |l: &&cuthere_flow::program::contexts::HeldOnEntry| l.always;
        contexts.entered(f).best().locks.iter().filter(held).map(|l| l.class).collect()
    };
    let armed = Armed::of(tree);
    for cycle in graph.cycles(entered, |f| seldom(tree.world, f, 0)) {
        if let Some(claim) = claim(tree, graph, cycle, &armed) {
            claims.add(claim);
        }
    }
}

fn claim(tree: &Tree<'_>, graph: &LockGraph<'_>, mut cycle: Cycle<'_>, armed: &Armed<'_>) -> Option<Claim> {
    let world = tree.world;
    // It is told where the fix most likely goes: at the wait for a callback, or at the order that fewest places share.
    let waits = |order: &(_, _, &Example)| graph.end(order.2).is_some_and(|u| u.callback);
    let rank = |order: &(_, _, &Example)| (!waits(order), order.2.since == Since::Entered, graph.examples(order.0, order.1).len());
    let first = (0..cycle.orders.len()).min_by_key(|&i| rank(&cycle.orders[i]))?;
    cycle.orders.rotate_left(first);
    let (held, taken, example) = *cycle.orders.first()?;
    let (confidence, assumes) = weigh(tree, graph, &cycle, armed);
    let name = |class| &graph.classes.info(class).name;
    let body = world.func(example.func);
    let loc = body.op(example.op).map_or(body.loc, |op| op.loc);
    let message = match graph.classes.info(taken).callback {
        true if held == taken => format!("the callback of `{}` waits for itself", name(taken)),
        true => format!("waits for the callback of `{}` with `{}` held, which the callback waits for", name(taken), name(held)),
        false if cycle.orders.len() == 2 => {
            format!("`{}` is taken with `{}` held, and elsewhere it is the other way round", name(taken), name(held))
        }
        false => {
            let circle: Vec<String> = cycle.orders.iter().map(|o| format!("`{}`", name(o.0))).collect();
            format!("`{}` is taken with `{}` held, which closes a circle: {}", name(taken), name(held), circle.join(", "))
        }
    };
    let mut names: Vec<&str> = cycle.orders.iter().map(|o| name(o.0).as_str()).collect();
    names.sort_unstable();
    let mut claim = Claim::new(example.op, (example.func, loc), confidence, message).identity(format!("order {}", names.join(" ")));
    claim.locks = cycle.orders.iter().map(|o| words::lock(Symbol::intern(name(o.0)), graph.classes.info(o.0).kind)).collect();
    for (n, (held, _, example)) in cycle.orders.iter().enumerate() {
        claim = claim.thread(format!("CPU {n}: {}()", world.func(example.func).name));
        claim = lock_steps::order(claim, tree, graph, *held, example);
    }
    Some(others(claim, tree, graph, &cycle).assume_all(assumes))
}

/// Adds other places that show the same orders with as little left open: what excludes one side from the other does not exclude them all.
fn others(mut claim: Claim, tree: &Tree<'_>, graph: &LockGraph<'_>, cycle: &Cycle<'_>) -> Claim {
    let (world, mut told) = (tree.world, false);
    for &(held, taken, chosen) in &cycle.orders {
        let as_plain = |e: &&Example| {
            let open = e.doubts.open || e.doubts.perhaps || e.doubts.pointer;
            !open && e.depth <= DEPTH_SURE && e.func != chosen.func && e.since != Since::Entered
        };
        for e in graph.examples(held, taken).iter().filter(as_plain).take(OTHERS_MAX) {
            if !std::mem::replace(&mut told, true) {
                claim = claim.thread("elsewhere");
            }
            let name = |class| &graph.classes.info(class).name;
            let loc = world.func(e.func).op(e.op).map_or(world.func(e.func).loc, |op| op.loc);
            let does = if graph.classes.info(taken).callback { "waits for the callback of" } else { "takes" };
            claim = claim.step(e.func, loc, format!("{does} `{}` with `{}` held, too", name(taken), name(held)));
        }
    }
    claim
}

/// Whether some lock of a circle is taken as one part of a record and held as another.
fn parts_differ(world: &World<'_>, graph: &LockGraph<'_>, cycle: &Cycle<'_>) -> bool {
    let next = |n: usize| cycle.orders[(n + 1) % cycle.orders.len()].2;
    cycle.orders.iter().enumerate().any(|(n, o)| graph.parts_differ(world, o.1, o.2, next(n)))
}

/// How sure a circle is, and what it assumes.
fn weigh(tree: &Tree<'_>, graph: &LockGraph<'_>, cycle: &Cycle<'_>, armed: &Armed<'_>) -> (Confidence, Vec<String>) {
    let world = tree.world;
    let mut sure = cycle.orders.len() <= 2;
    let mut assumes = Vec::new();
    let mut assume = |holds: bool, text: &str| {
        if holds && !assumes.iter().any(|a| a == text) {
            assumes.push(text.to_owned());
        }
        holds
    };
    for (_, taken, example) in &cycle.orders {
        let doubts = example.doubts;
        sure &= !assume(doubts.open, "arguments and the state of the objects let the called functions take the lock");
        sure &= !assume(doubts.perhaps, "the calls through pointers lead there");
        sure &= !assume(ends_queue(world, graph, example), "work that takes the lock is still on the queue");
        sure &= example.depth <= DEPTH_SURE;
        sure &= !assume(graph.classes.info(*taken).subclassed, "code that tells locks of the class apart does not mean these");
        sure &= !assume(doubts.pointer, "locks that one pointer leads to are one");
        let callbacks = |class| graph.callbacks.get(class).map_or(0, Vec::len);
        sure &= !assume(graph.classes.info(*taken).in_file && callbacks(taken) > 1, "the interrupt is the one that this handler serves");
        sure &= !assume(example.since == Since::Asserted, "the caller holds what the function says it does");
        sure &= !words::is_boot_code(world.func(example.func)) && !words::is_test_code(world.path(example.func));
    }
    sure &= !assume(parts_differ(world, graph, cycle), "the parts of the object that are meant are the same");
    // What everybody's calls take is taken with locks of many kinds, which two modules do not share.
    let brief = cycle.orders.iter().any(|o| graph.end(o.2).is_some_and(|u| u.brief));
    sure &= !assume(brief && apart(world, cycle), "the objects of one module are those of the other");
    // Whoever waits for another callback that waits for him was told to, or runs on one queue with it.
    let callbacks = cycle.orders.iter().all(|o| graph.classes.info(o.0).callback);
    sure &= !assume(callbacks && cycle.orders.len() > 1, "the callbacks run at the same time");
    // A semaphore that a callee leaves taken is given back by whoever finishes what was begun.
    let left = cycle.orders.iter().any(|o| {
        let by = |op| graph.facts(o.2.func).and_then(|all| all.uses.iter().find(|u| u.op == op && !u.callback)).map(|u| u.way);
        graph.classes.info(o.0).kind == LockKind::Semaphore
            && matches!(o.2.since, Since::Taken(op) if matches!(by(op), Some(Way::Callee(..))))
    });
    sure &= !assume(left, "the semaphore is still held when what it was taken for has finished");
    if sure {
        let never = cycle.orders.iter().any(|o| armed.never(tree, graph, o.1));
        sure &= !assume(never, "somebody arms the callback, which was not seen");
        sure &= !assume(strangers(world, graph, cycle), "the objects of one driver are those of the other");
    }
    sure &= !assume(cycle.readers, "a writer waits in between");
    sure &= cycle.orders.len() < 2 || cycle.orders[0].2.func != cycle.orders[1].2.func;
    // Whoever waits for himself does so under a condition, or he would always hang.
    if let [(_, _, example)] = cycle.orders.as_slice() {
        let plain = example.calls.len() <= 1 && graph.end(example).is_some_and(|u| !u.decided);
        sure &= !assume(!plain, "what was decided on the way does not keep the callback from waiting for itself");
    }
    assume(true, "the objects meet: locks of one class are taken for one");
    let level = match sure {
        true if cycle.orders.iter().any(|o| awaited(world, graph, o)) => Confidence::High,
        true => Confidence::Medium,
        false => Confidence::Low,
    };
    (level, assumes)
}

/// Whether a callback other than an interrupt's is waited for, by the object that it belongs to: no two objects have to be one, as of two locks.
fn awaited(world: &World<'_>, graph: &LockGraph<'_>, (held, taken, example): &(LockClass, LockClass, &Example)) -> bool {
    let kind = |name| world.model.entry(name).and_then(|e| e.callbacks.first()).filter(|c| c.tables.is_empty()).map(|c| c.kind);
    let by = match graph.end(example).map(|u| u.way) {
        Some(Way::Model(name)) => kind(name),
        _ => None,
    };
    // Of a queue, which of its items runs is not known.
    let other = by.is_none_or(|kind| matches!(kind.as_str(), "irq" | "threaded-irq" | "workqueue"));
    graph.classes.info(*taken).callback && !graph.classes.info(*held).callback && !other
}

/// Whether an order ends with a queue of work that is destroyed, from which its items were most often taken before.
fn ends_queue(world: &World<'_>, graph: &LockGraph<'_>, example: &Example) -> bool {
    let Some(Way::Model(name)) = graph.end(example).map(|u| u.way) else { return false };
    let rows = world.model.entry(name).map_or(&[][..], |e| &e.callbacks[..]);
    rows.iter().any(|c| c.op == CallbackOp::CancelSync && c.kind.as_str() == "workqueue")
}
