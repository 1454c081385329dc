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
//! no order, nor does a lock in memory that the function has just allocated. A callback object, an interrupt or a thread stands for what its function runs in. Circles
//! of any length count, unless one more lock is held at all of their orders, on every way in too. Each circle is told once, at the order
//! that fewest places share, with one thread for each order.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: a circle of two, or a callback that is waited for, with both orders plain: no condition left open, at most three direct calls down.
//! * **low**: longer circles, calls through pointers with several targets, conditions on arguments or on the state of objects, locks that are known by a pointer only,
//!   readers on both sides, a lock that a function only speaks of, classes that are told apart by nested variants elsewhere, both orders in one function,
//!   two drivers that have nothing to do with each other, a callback that nobody arms, code that runs at boot, tests.
//!
//! ## What it assumes and misses
//!
//! Two objects of a class are taken for one, as lockdep takes them: that they never meet in practice is seen of two drivers alone. Orders within one class are not looked at.
//! That two places never run at the same time is known only by a common lock. Subclasses given to a lock at run time are not known.

mod meet;

use cuthere_analysis::{Check, CheckInfo, Claim, Claims, Maturity, Tree, lock_steps, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::index::{Cycle, Example, LockGraph, Since};
use cuthere_flow::summary::FuncId;
use meet::{Armed, strangers};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "lock-order",
        summary: "locks are taken in orders that can wait for each other for ever",
        source: include_str!("lock_order.rs"),
        maturity: Maturity::Trial,
    },
    start: None,
    entered: false,
    tree: Some(circles),
};

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
    for cycle in graph.cycles(entered) {
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
    Some(claim.assume_all(assumes))
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
        sure &= example.depth <= DEPTH_SURE;
        sure &= !assume(graph.classes.info(*taken).subclassed, "code that tells locks of the class apart does not mean these");
        sure &= !assume(doubts.pointer, "locks that one pointer leads to are one");
        let callbacks = |class| graph.callbacks.get(class).map_or(0, Vec::len);
        sure &= !assume(graph.classes.info(*taken).in_file && callbacks(taken) > 1, "the interrupt is the one that this handler serves");
        sure &= !assume(example.since == Since::Asserted, "the caller holds what the function says it does");
        sure &= !words::is_boot_code(world.func(example.func)) && !words::is_test_code(world.path(example.func));
    }
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
    (if sure { Confidence::Medium } else { Confidence::Low }, assumes)
}
