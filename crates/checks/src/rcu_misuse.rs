//! # rcu-misuse
//!
//! Data that RCU protects is used outside of a read-side section, or past the end of the section it was found in; is changed or walked as if nobody read
//! it meanwhile; or is freed before its readers are done.
//!
//! ## Why it matters
//!
//! A reader of RCU holds nothing but its section: what it found may be unlinked at any time, and is freed as soon as all sections have ended that could have
//! found it. A pointer that outlives its section leads to freed memory; so does a free without a grace period, for every reader that is still on its way. Compilers and
//! CPUs may reorder plain accesses such that a reader sees an element before its contents. The rules are in
//! `Documentation/RCU/{checklist,rcu_dereference,listRCU,rcubarrier}.rst`.
//!
//! ## Example
//!
//! ```c
//! rcu_read_lock();
//! p = rcu_dereference(table->first);
//! rcu_read_unlock();
//! return p->size;                      /* may be freed by now */
//! ```
//!
//! Read what is needed before the section ends, or take a reference in it. Unlink, then `kfree_rcu()`, or `synchronize_rcu()` and `kfree()`. Use the `_rcu` form
//! of a list operation wherever readers walk the list. Call `rcu_barrier()` before what callbacks need goes away.
//!
//! ## How it decides
//!
//! * A pointer given by `rcu_dereference()`, or the element of a list walked by an `_rcu` loop, is dereferenced when the section that it was found in has ended,
//!   no reference was taken, and no lock is held that was held before; also where a callee found it and returned it, in a section of its own or in one that it leaves to its caller.
//! * `rcu_dereference()` is reached on a way in on which no section is open and nothing is held. `rcu_dereference_protected()`, `rcu_dereference_check()`, `rtnl_dereference()` and
//!   kin state their own condition and are believed.
//! * A pointer declared `__rcu` is loaded plainly in a read-side section, or where the function replaces it, and then followed or freed; or it is stored to plainly.
//! * Elements are added, removed or walked by the plain form of a list operation, while readers walk lists of these elements by the `_rcu` form, in a section of their own or of all
//!   their callers, with no lock that the writer holds as well. Lists are told apart by the member that links their elements; one that lies in an object just made has no readers yet.
//! * A list is walked by the `_rcu` form with no section open and none of the locks held that it is changed under, on any way in; or by the plain form with nothing held at all.
//! * What the kernel says has to be called in a section (`ieee80211_find_sta()`, `find_task_by_vpid()`) is called outside of any.
//! * What was unlinked by `list_del_rcu()` and kin, or replaced by `rcu_assign_pointer()`, is freed at once in the same function, with no grace period in between. So is what leads to the pointer that was cleared, if it was handed over.
//! * The callback that runs after a grace period takes its own object off a list that is walked under RCU, and frees it: whoever has found it since has had no grace period.
//! * An object that the function has made is put on a list by the `_rcu` form, and only then are its lock, timer, work item and the like set up, or its members stored to.
//! * A list head on the stack is put between the elements of a list by the `_rcu` form: readers take it for an element.
//! * `srcu_dereference()` names another domain than the one whose section is open.
//! * `synchronize_rcu()` where callbacks armed before, or by a timer or work item that was stopped before, have to be waited for: `rcu_barrier()` does that; and the exit function of a module whose own
//!   functions are such callbacks, if it does not wait for them, nor anybody in a folder that is one module. So where a cache of objects is destroyed that such a callback frees into.
//! * The element at hand of a walk by an `_rcu` loop is given up (`kref_put()` and kin) with no section open, and the walk goes on from it.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: a pointer past its section, or past that of the callee which found it, if such objects are taken off their list somewhere; `rcu_dereference()` outside of any section on a way in that is known, also through a table of its own folder; a plain load followed in a section; a walk without the lock of those who change the list; an element added by
//!   the plain form to a list that readers are known to walk, where most others use the `_rcu` form; an element removed by the plain form under a lock, and then freed; a free at once of what somebody reads; an object that its own callback takes off a list and frees; what is set up after readers can find it; a list head on the stack among the elements; mixed SRCU domains; missing `rcu_barrier()`, also where a cache is destroyed; the element of a walk given up outside of the section.
//! * **low**: a plain load where the pointer is replaced, or a walk by the plain form in a section; a lock that sleeps, set up late; what each round of a loop frees; a caller may hold a lock that keeps updaters away; a count raised in the section and lowered after the use; a member set up late that no reader of the list uses; initialisation and teardown, where there may be no readers; plain stores, those after an object was put on a list too; other removals by the plain form; a list that lies in an argument and is changed with no lock held; what a callee
//!   found, if its name speaks of a reference; walks of `_rcu` loops outside
//!   of any section that update-side locks may protect as well, or that most walkers of the list do; test code.
//!
//! ## What it assumes and misses
//!
//! Bottom halves, interrupts or preemption disabled count as a section, as they do since Linux 4.20. Objects are known by pointer: what is loaded from a protected object and
//! used later is not followed. Update-side locks of callers are known by class only.

mod barrier;
mod below;
mod cache;
mod cursor;
mod early;
mod kept;
mod lists;
mod on_stack;
mod too_late;
mod tree;
mod unlink;
mod walks;

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Expr, OpId, OpKind, Target};
use cuthere_flow::engine::event::{CallEvent, EventKind, FoundObject, Memory, UnprotectedUse};
use cuthere_flow::engine::{Event, Path};
use cuthere_flow::program::World;
use cuthere_flow::summary::{FuncId, Summary, Way};
use cuthere_flow::value::{Value, ValueId};
use cuthere_kernel::{LockKind, Section};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "rcu-misuse",
        summary: "data under RCU is used past its read-side section, changed without the RCU form, or freed before readers are done",
        source: include_str!("rcu_misuse.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::new(RcuMisuse::default())),
    entered: false,
    tree: Some(tree::judge),
};

#[derive(Default)]
struct RcuMisuse {
    /// Values loaded plainly from places declared `__rcu`, with what is to be said if they are followed.
    plain: Vec<(ValueId, Claim)>,
    unlinks: unlink::Unlinks,
}

impl Checker for RcuMisuse {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        self.unlinks.event(path, event);
        claims.extend(early::set_up_late(path, event));
        claims.extend(cursor::given_up(path, event));
        claims.extend(on_stack::head_shown(path, event));
        match &event.kind {
            EventKind::Memory(memory) => self.memory(path, event, memory, claims),
            EventKind::Unprotected { pointer, found, access } if of_rcu(found) && *access != UnprotectedUse::Returned => {
                claims.add(past_section(path, event, *pointer, found, access));
            }
            EventKind::Free { object, .. } => {
                self.followed(path.values.pointer_root(*object), path, event, "frees what it leads to", claims)
            }
            EventKind::Call(call) => {
                if let Some(claim) = other_domain(path, event, call) {
                    claims.add(claim);
                }
            }
            _ => {}
        }
    }

    fn sees_memory(&self) -> bool {
        true
    }

    fn end(&mut self, world: &World<'_>, func: FuncId, _: &Summary, claims: &mut Claims) {
        std::mem::take(&mut self.unlinks).end(world, func, claims);
    }
}

/// Whether a read-side section protected an object, here or in the callee that found it.
fn of_rcu(found: &FoundObject) -> bool {
    found.section.is_some() || found.by.is_some_and(|(_, found)| found.rcu)
}

fn past_section(path: &Path<'_, '_>, event: &Event<'_>, pointer: ValueId, found: &FoundObject, access: &UnprotectedUse) -> Claim {
    let name = path.describe(pointer).unwrap_or_else(|| "the object".to_owned());
    let (world, op) = (path.world, path.body.op(found.op));
    let message = match found.by {
        Some((by, inner)) if !inner.open => {
            format!("`{name}`, which {}() found in a read-side section of its own, is used outside of any", world.func(by).name)
        }
        _ => format!("`{name}` is used after the read-side section that it was found in has ended"),
    };
    let named = found.by.is_some_and(|(_, found)| found.named);
    // Of what a callee found, those that were looked up were wrong where nobody ever frees such objects.
    let counted = kept::counted(path, found.op, event.op);
    let weak = words::is_test_code(world.path(path.func)) || path.state.merged || named || counted;
    let mut claim = Claim::here(path, event, if weak { Confidence::Low } else { Confidence::High }, message)
        .assume_all(named.then(|| "no reference comes with it, other than its name says".to_owned()))
        .assume_all(counted.then(|| "nobody waits for the count that is raised in the section and lowered after the use".to_owned()));
    claim = claim.step_at(path, found.section, "begins a read-side section");
    claim = match found.by {
        Some((by, inner)) => {
            let text = format!("calls {}(), which returns `{name}`", world.func(by).name);
            let where_found = match inner.open {
                true => "finds it, in a section that its caller has to begin",
                false => "finds it in a read-side section, which has ended on return",
            };
            claim.step_at(path, Some(found.op), text).step(by, inner.loc, where_found)
        }
        None => claim.step_at(path, op.map(|_| found.op), format!("`{name}` is found here")),
    };
    let text = match access {
        UnprotectedUse::Access { argument: Some(_), callee, .. } => format!("passes `{name}` to {callee}(), outside of the section"),
        UnprotectedUse::Access { member, .. } if !member.is_empty() => {
            format!("loads or stores `{name}->{member}`, outside of the section")
        }
        _ => format!("dereferences `{name}`, outside of the section"),
    };
    let way = if matches!(event.way, Way::Callee(..)) { event.way } else { Way::Here };
    let claim = claim
        .step(path.func, event.loc, text)
        .down(world, way)
        .identity(format!("past section {name}"))
        .cause(found.op)
        .unless_protected_by_callers();
    match found.by {
        Some((_, inner)) => claim.unless_never_unlinked(inner.record),
        None => claim,
    }
}

impl RcuMisuse {
    /// What a plain load gave is used.
    fn followed(&mut self, pointer: ValueId, path: &Path<'_, '_>, event: &Event<'_>, how: &str, claims: &mut Claims) {
        if let Some(at) = self.plain.iter().position(|p| p.0 == pointer) {
            let (_, claim) = self.plain.swap_remove(at);
            claims.add(claim.step(path.func, event.loc, how));
        }
    }

    /// Plain accesses to what is declared `__rcu`.
    fn memory(&mut self, path: &Path<'_, '_>, event: &Event<'_>, memory: &Memory, claims: &mut Claims) {
        if let Some(root) = path.values.root(memory.place) {
            self.followed(root, path, event, "follows the pointer", claims);
        }
        if !memory.rcu || memory.marked || !event.origin.is_empty() {
            return;
        }
        let name = path.describe_place(memory.place, 0).unwrap_or_else(|| "the pointer".to_owned());
        if !memory.store {
            let free = path.state.locks.held.is_empty() && path.state.locks.asserted.is_empty();
            let reads = path.state.ctx.rcu > 0 && free;
            let replaces = !reads && free && path.state.ctx.rcu <= 0 && !made_here(path, memory.place) && replaces(path, event.op, memory);
            if let Some(value) = path.values.find(Value::Entry(memory.place)).filter(|_| reads || replaces)
                && !self.plain.iter().any(|p| p.0 == value)
            {
                let message = match reads {
                    true => format!("`{name}` is declared __rcu, and loaded without rcu_dereference() in a read-side section"),
                    false => format!("`{name}` is declared __rcu, and loaded plainly where it is replaced"),
                };
                // Whoever replaces a pointer may be the only one who does.
                let sure = if reads { Confidence::Medium } else { Confidence::Low };
                let claim = Claim::here(path, event, sure, message)
                    .assume_all((!reads).then(|| "somebody else replaces the pointer, too".to_owned()))
                    .step_at(path, path.state.since[3], "begins a read-side section")
                    .step(path.func, event.loc, format!("loads `{name}` plainly"))
                    .identity(format!("plain load {name}"));
                // A lock of the callers is no excuse for replacing what is not marked.
                let claim = if reads { claim.unless_protected_by_callers() } else { claim };
                self.plain.push((value, claim));
            }
        } else if !made_here(path, memory.place) {
            let message = format!("`{name}` is declared __rcu, and stored to without rcu_assign_pointer()");
            let claim = Claim::here(path, event, Confidence::Low, message).assume(format!("readers can reach `{name}` already"));
            claims.add(claim.step(path.func, event.loc, format!("stores to `{name}` plainly")).identity(format!("plain store {name}")));
        }
    }
}

/// Whether the function goes on to make the pointer that is loaded here lead elsewhere, by a primitive for that.
fn replaces(path: &Path<'_, '_>, at: OpId, memory: &Memory) -> bool {
    let (body, Some(place)) = (path.body, memory.text) else { return false };
    let stores =
        |name: Symbol| path.world.model.entry(name).is_some_and(|e| e.percpu.is_none() && e.accesses.iter().any(|a| a.store && a.named));
    body.all_ops().any(|(id, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), args, .. } if id > at && stores(name) => {
            body.call_args(args).first().is_some_and(|&e| matches!(body.expr(e), Expr::Addr(p) | Expr::Load(p, _) if p == place))
        }
        _ => false,
    })
}

/// Whether a place lies in memory that this function has allocated, or in a local variable.
fn made_here(path: &Path<'_, '_>, place: ValueId) -> bool {
    let Some(root) = path.values.root(place).map(|p| path.values.pointer_root(p)) else { return false };
    path.values.call(root).is_some() || matches!(path.values.get(root), Value::Addr(p) if path.values.local_of(p).is_some())
}

/// The domain that a pointer is asked for by is not one whose section is open.
fn other_domain(path: &Path<'_, '_>, event: &Event<'_>, call: &CallEvent<'_>) -> Option<Claim> {
    let Some(Section::Srcu(argument)) = call.entry?.needs else { return None };
    let wanted = *call.args.get(argument as usize)?;
    let open: Vec<_> = path.state.locks.held.iter().filter(|l| l.kind == LockKind::Srcu).collect();
    let place = match path.values.get(wanted) {
        Value::Addr(place) => Some(place),
        _ => path.values.find(Value::PDeref(wanted)),
    }?;
    // Of the same member of another object more is not known than that the names differ.
    let name = path.describe(wanted)?;
    let other = open.iter().find(|l| l.place != place).filter(|_| open.iter().all(|l| l.place != place))?;
    let held = path.describe_place(other.place, 0)?;
    let name = name.trim_start_matches('&');
    if held == name {
        return None;
    }
    let message = format!("{}() is told of the domain `{name}`, but the section that is open is one of `{held}`", call.name);
    let claim = Claim::here(path, event, Confidence::High, message).step_at(path, other.op, format!("enters a section of `{held}`"));
    Some(claim.step(path.func, event.loc, format!("asks for a pointer that `{name}` protects")).identity(format!("srcu {name} {held}")))
}
