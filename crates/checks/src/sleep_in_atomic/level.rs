//! How sure it is that a way to sleep is taken where sleeping is forbidden. Every reason to lower a claim is one for which claims turned out wrong when they were looked up.

use super::around::{asked_before, left_around};
use super::{Because, grounds, open_conditions};
use cuthere_analysis::{Claim, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, Body, Op, OpId, OpKind, Target, Term};
use cuthere_flow::domain::Ground;
use cuthere_flow::engine::event::{CallEvent, SleepWay};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::{Callees, World};
use cuthere_flow::summary::chain::{Chain, chain, either, given};
use cuthere_flow::summary::{Effect, EffectKind, FuncId, Outcome};
use cuthere_kernel::{Custom, Entry, Level, Sleeps};

/// A claim with its confidence and what it rests on.
pub(super) fn judged(
    path: &Path<'_, '_>,
    event: &Event<'_>,
    call: &CallEvent<'_>,
    way: &SleepWay,
    because: Because<'_>,
    message: String,
) -> Claim {
    let customary = match because {
        Because::Here(_) => false,
        Because::Entered(entry) => entry.context.sometimes || matches!(grounds(path, way)[..], [Ground::Contract]),
    };
    let mut assumes = Vec::new();
    let mut confidence = match open_conditions(way) {
        0 => Confidence::High,
        1 => {
            assumes.push(format!("the arguments of `{}` allow this way", path.body.name));
            Confidence::Medium
        }
        _ => {
            assumes.push(format!("a caller of `{}` passes flags that allow sleeping", path.body.name));
            Confidence::Low
        }
    };
    if way.indirect > 0 || way.share.1 > 1 {
        confidence = confidence.min(if way.share.0 * 2 >= way.share.1 { Confidence::Medium } else { Confidence::Low });
        if let Some((record, field)) = call.table.filter(|_| way.share.1 > 1) {
            assumes.push(format!("`{record}.{field}` is one of the {} of {} implementations that may sleep", way.share.0, way.share.1));
        }
    }
    let given = if way.modes > 0 { given(path.world, way.way) } else { Vec::new() };
    if way.modes > 0 {
        assumes.extend(given.is_empty().then(|| "the state of the objects involved lets the called functions take this way".to_owned()));
        assumes.extend(given.iter().map(|g| g.text.clone()));
    }
    if let Some(first) = either(path.world, way.way).first() {
        confidence = confidence.min(Confidence::Medium);
        assumes.push(format!("{}, or what is asked beside it", first.text));
    }
    let chain = chain(path.world, way.way);
    let primitive = chain.primitive;
    let known = path.world.model.entry(primitive);
    let faults = !path.state.locks.spin() && known.is_some_and(|e| e.faults);
    let test = words::is_test_code(path.world.path(path.func));
    let arguments = way.condition.iter().all(|g| g.iter().any(|(subject, _)| subject.is_arg()));
    let chosen = chosen_by_state(path, because);
    // Of what was learned to happen on some way, the condition is not known.
    let learned = known.is_some_and(|e| e.learned && e.sleeps == Sleeps::Sometimes);
    let conditions = u32::from(arguments)
        + u32::from(way.modes)
        + u32::from(way.indirect > 0)
        + u32::from(customary)
        + u32::from(chosen)
        + u32::from(learned);
    if chosen {
        assumes.push("the lock is the one that spins".to_owned());
    }
    if conditions > u32::from(arguments) || way.depth > 5 || words::is_boot_code(path.body) || path.state.no_interrupt {
        confidence = confidence.min(Confidence::Medium);
    }
    // Looked up, whoever resumes a device under a lock mostly held a reference to it, taken elsewhere: then it is awake.
    if known.is_some_and(|e| e.excused_by.is_some()) {
        confidence = confidence.min(Confidence::Medium);
        assumes.push("no reference that is held elsewhere keeps the device awake".to_owned());
    }
    // Bodies outweigh what the model says of functions like these, so none was read: a run over the whole tree may know better.
    if let Some(entry) = known.filter(|e| !e.opaque) {
        confidence = confidence.min(Confidence::Medium);
        let said = if entry.learned { "in the release that the model was learned from" } else { "by the model's word" };
        assumes.push(format!("`{primitive}` sleeps as it does {said}: its body was not read"));
    }
    // Two things that have to come together seldom do. Flags say how an object is meant to be used, and so does the table that it has. With
    // preemption off a fault does not sleep, it fails. What nobody's body shows, but only the documentation of an operation allows, others
    // of the same kind do not do.
    let meant = given.iter().any(|g| g.flags) || way.indirect > 0;
    // Allocations are written with the flags of their context, so that wrong ones are wrong wherever they are reached.
    let allocates = known.is_some_and(|e| matches!(e.sleeps, Sleeps::Gfp(_)));
    if conditions > 1 + u32::from(allocates) || meant || faults || test || primitive.as_str().contains('.') {
        confidence = Confidence::Low;
    }
    // Where the code that sleeps is never entered otherwise, it makes no difference what has to be so for that.
    let sleeper = chain.frames.last().map_or(path.func, |frame| frame.func);
    let rare = way.indirect > 0 || way.share.0 * 2 < way.share.1;
    let callers_know = rare
        || open_conditions(way) > 1
        || given.iter().any(|g| g.flags)
        || chain.frames.iter().any(|frame| opens(path.world, frame.func))
        || is_told(path.world, sleeper);
    let sure = if callers_know || faults || test || primitive.as_str().contains('.') { Confidence::Low } else { Confidence::Medium };
    // What speaks against it whatever has to be so besides.
    let mut most = Confidence::High;
    if way.unlikely && of_the_dying(path.world, &chain, because) {
        most = Confidence::Medium;
        assumes.push("nobody else holds a reference when readers are done with what held this one".to_owned());
    } else if way.unlikely {
        most = Confidence::Low;
        assumes.push("an assertion has failed, or nobody else holds a reference".to_owned());
    }
    if let Some(name) = begun_in_a_circle(path, because) {
        most = Confidence::Low;
        assumes.push(format!("`{name}()`, one of functions that call each other in a circle, leaves it so"));
    }
    // The same state chooses the same way in both.
    if chosen && known.is_some_and(|e| !e.acquires.is_empty()) {
        most = Confidence::Low;
        assumes.push(format!("`{primitive}` is not chosen by what chose the lock here"));
    }
    if let Some(asked) = given.iter().find(|g| g.member.is_some_and(|member| asked_before(path, member))) {
        most = Confidence::Low;
        assumes.push(format!("{}, which was asked here and came out otherwise, is of another object", asked.text));
    }
    if let Because::Here(ground) = because
        && left_around(path, event.op, ground)
    {
        most = Confidence::Low;
        assumes.push("the section is not the one that is left around this call where it is open".to_owned());
    }
    if kept_over_a_round(path, event.op, because) {
        most = Confidence::Low;
        assumes.push("the lock that a round before took is still held in the next, which takes it too".to_owned());
    }
    for (at_most, why) in quiet(path, event.op, &chain, known, because) {
        most = most.min(at_most);
        assumes.push(why.to_owned());
    }
    let claim = Claim::here(path, event, confidence.min(most), message).unless_faults_are_off(known.is_some_and(|e| e.faults));
    claim.assume_all(assumes).or_always(sure.min(most)).rests_on(given.into_iter().map(|g| (g.text, g.func)))
}

/// Why nobody may notice that something sleeps here, and how sure a claim can be then.
fn quiet(path: &Path<'_, '_>, event: OpId, chain: &Chain, sleeps: Option<&Entry>, because: Because<'_>) -> Vec<(Confidence, &'static str)> {
    let world = path.world;
    let at = chain.frames.last().map_or(path.func, |frame| frame.func);
    let mut out = Vec::new();
    if let Because::Entered(entry) = because
        && entry.context.quiescent
    {
        // States of a clock change while the system runs too, now and then.
        let most = if entry.context.level == Level::Hardirq { Confidence::Medium } else { Confidence::Low };
        out.push((most, "it has to wait although tasks are frozen and one CPU runs, or none but this goes on"));
    }
    if !returns(path.body) {
        out.push((Confidence::Low, "it has to wait although the system goes down"));
    }
    let oops = |op: &Op| matches!(op.kind, OpKind::Call { target: Target::Name(name), .. } if world.model.is_custom(Custom::Oops, name));
    if path.body.all_ops().take_while(|(id, _)| *id < event).any(|(_, op)| oops(op)) {
        out.push((Confidence::Low, "it has to wait although the system reports that it has failed"));
    }
    if world.model.is_custom(Custom::Early, path.body.name) {
        out.push((Confidence::Low, "it has to wait although nothing else runs yet"));
    }
    if world.tolerant.contains(&(world.func(at).file, chain.primitive)) {
        out.push((Confidence::Low, "page faults are enabled, and the memory is a user's and not there"));
    }
    let counts = |entry: &Entry| entry.refs.iter().any(|r| !r.counter.is_empty() && world.kept_elsewhere(at, r.counter));
    if sleeps.is_some_and(|entry| entry.excused_by.is_some() && counts(entry)) {
        out.push((Confidence::Low, "what another function of the file takes for longer has been given back"));
    }
    out
}

/// Whether a callback after a grace period gives up the reference that its object held, and may so run the function that is handed for the last one: when the others are
/// given up has nothing to do with readers.
fn of_the_dying(world: &World<'_>, chain: &Chain, because: Because<'_>) -> bool {
    let Because::Entered(entry) = because else { return false };
    let handed = |f: &FuncId| world.releases.values().any(|all| all.iter().any(|r| r.record.is_unknown() && r.func == *f));
    entry.how == "rcu callback" && chain.funcs.iter().any(handed)
}

/// Whether a function gives back a lock before it takes one: it may be its caller's.
fn opens(world: &World<'_>, f: FuncId) -> bool {
    let locks = |op: &Op| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => {
            world.model.entry(name).and_then(|e| match (e.acquires.is_empty(), e.releases.is_empty()) {
                (true, true) => None,
                (takes_none, _) => Some(takes_none),
            })
        }
        _ => None,
    };
    world.func(f).all_ops().find_map(|(_, op)| locks(op)).unwrap_or(false)
}

/// Whether a function sleeps only if its arguments say so: then its callers know.
fn is_told(world: &World<'_>, f: FuncId) -> bool {
    let sleeps = |e: &&Effect| matches!(e.kind, EffectKind::Sleep(_));
    let told = |e: &Effect| !e.condition.is_empty() && e.condition.iter().all(|all| all.iter().any(|(subject, _)| subject.is_arg()));
    world.summary(f).is_some_and(|s| s.effects.iter().filter(sleeps).any(told))
}

/// Whether some way through a function leads back to its caller.
fn returns(body: &Body) -> bool {
    let (mut seen, mut open) = (vec![false; body.blocks.len()], vec![BlockId(0)]);
    while let Some(block) = open.pop() {
        if std::mem::replace(&mut seen[block.index()], true) {
            continue;
        }
        match &body.block(block).term {
            Term::Return(_) => return true,
            term => term.successors(|to| open.push(to)),
        }
    }
    false
}

/// Whether the lock is one that a callee takes in one state of its objects, where in another it takes a lock under which sleeping is allowed: who made the state so knows why.
fn chosen_by_state(path: &Path<'_, '_>, because: Because<'_>) -> bool {
    let Because::Here(ground) = because else { return false };
    let Some(Callees::One(f)) = ground.since().and_then(|op| path.world.callees(path.func, op)) else { return false };
    let section = |o: &Outcome, spins: bool| spins && !matches!(ground, Ground::Lock(_)) && !o.ctx.is_zero();
    let takes = |o: &Outcome, spins: bool| section(o, spins) || o.locks.iter().any(|l| l.taken && l.sure && l.kind.spins() == spins);
    let all = path.world.summary(*f).map_or(&[][..], |s| &s.outcomes);
    all.iter().any(|o| takes(o, true)) && all.iter().any(|o| takes(o, false) && !takes(o, true))
}

/// Whether a loop brought the path back from where it took the lock: it would wait for itself there. Ways of giving a lock back that are not
/// followed are much more frequent.
fn kept_over_a_round(path: &Path<'_, '_>, event: OpId, because: Because<'_>) -> bool {
    let Because::Here(Ground::Lock(lock)) = because else { return false };
    let again = |op: OpId| path.state.locks.held.iter().filter(|h| h.op == Some(op)).count() > 1;
    lock.op.is_some_and(|op| op > event || again(op))
}

/// The callee that leaves the context forbidden, without a lock, if it is one of those that call each other in a circle, or has it from one: of these a first
/// approximation may have been taken.
fn begun_in_a_circle(path: &Path<'_, '_>, because: Because<'_>) -> Option<Symbol> {
    let Because::Here(ground) = because else { return None };
    if matches!(ground, Ground::Lock(_)) {
        return None;
    }
    let Some(Callees::One(f)) = path.world.callees(path.func, ground.since()?) else { return None };
    from_a_circle(path.world, *f, CIRCLE_DEPTH)
}

/// Calls between a function that leaves a context and the one that begins it.
const CIRCLE_DEPTH: u32 = 3;

/// The function of a circle that this one is, or has what it leaves from.
fn from_a_circle(world: &World<'_>, f: FuncId, depth: u32) -> Option<Symbol> {
    if world.drafts.contains_key(&f) {
        return Some(world.func(f).name);
    }
    let leaves = |f: FuncId| world.summary(f).is_some_and(|s| s.outcomes.iter().any(|o| !o.ctx.is_zero()));
    let ways = &world.callees[f.index()];
    let inside = |callees: &Callees| match callees {
        Callees::One(callee) if depth > 0 && leaves(*callee) => from_a_circle(world, *callee, depth - 1),
        _ => None,
    };
    ways.iter().find_map(|(_, callees)| inside(callees))
}
