//! # null-deref
//!
//! The result of a function that can return NULL is dereferenced without a test, here or in a callee; or a pointer is dereferenced on
//! a path on which it was found to be NULL.
//!
//! ## Why it matters
//!
//! A NULL dereference in the kernel is an oops; with a lock held or in interrupt context it takes the machine along. Look-ups that fail by a
//! value from outside (a netlink attribute, an ioctl argument, a device's answer) can be made to fail by whoever sends it.
//!
//! ## Example
//!
//! ```c
//! struct dom *d = dom_find(nla_get_u32(attr));
//! return dom_size(d);           /* dom_size() reads d->n */
//! ```
//!
//! Test the result, or say by the function's contract that it cannot be NULL.
//!
//! ## How it decides
//!
//! That a function may return NULL is learned from its body, with the conditions on its arguments (a look-up that fails for some keys, an
//! allocation without `__GFP_NOFAIL`), and from the kernel model for what has no body here.
//! `&p->field` is an address, not a dereference: the load counts, wherever it is made with an address computed from `p`.
//! How often other callers test the same function's result is counted over everything that was read.
//! Members count as well: one that is NULL in some states of its object, because most code tests it or because NULL is left there, and one
//! that is zero since the object was allocated.
//!
//! ## Confidence
//!
//! * **high**: an allocation, also one that a function of the tree hands on, if others who call it test it; a look-up whose key came from outside; a
//!   dereference right after a test of that pointer alone found NULL, where it lies in memory or a call gave it that may fail.
//! * **medium**: a look-up that most other callers test, or that only few others use; a function that returns NULL for want of memory and by its own code too, if
//!   others test for it; a test of that pointer alone, an argument or what no call can leave NULL, since such tests are made for safety's sake too, or one earlier on the path, with the
//!   dereference in the same function and only arguments decided in between; NULL by assignment on a path that the arguments alone decide, or that one condition leaves so, if the variable is tested behind the use; one part
//!   of a condition (`p && p->n`) as the last decision before the use; a result that
//!   may be NULL, or an RCU-protected pointer, that is dereferenced on every way to its test; a member of a new object that is used before this function
//!   sets it; an operation that a table called by its name leaves out.
//! * **low**: what was wrong more often than right when it was looked up. NULL that a body returns though few others test for it: most callers know
//!   that it cannot be. NULL by assignment behind loops, or behind decisions about memory or results, as these go together with it, or as the other arm
//!   of a conversion (`p ? to_x(p) : NULL`). A test that is one part of a larger condition, that only chooses a value, or that a macro makes, with the
//!   dereference later, or with decisions about anything but arguments since: such tests are made for safety's sake. A pointer that is tested after its use,
//!   for the same reason. New memory that is stored in an object and that the function does not look at: whether others ask is not seen. A variable, by a test of the memory that it was loaded from: that asks for what happened since. Members that most others test:
//!   each has its own reason to know. An argument of a static function whose every caller hands an object. A test that only warns (`WARN_ON(!p)`): it says that there is one. What is known of another release alone, if not nearly everybody here tests it. Other zeroed members: they were nearly always
//!   set through another name. Operations that tables reached through pointers leave out. What cannot fail here (room in a buffer made here, or in
//!   one that is filled further before the use; bytes that were pulled; a look-up that was made before; a reference to what the caller holds; elements that a
//!   loop takes as long as there are some). What a callee does only sometimes with a pointer that was found NULL. What the call told of otherwise too (a variable that it left its answer in was tested). Tests, and programs in user space.
//! * Boot code, look-ups in the firmware of one kind of machine (`arch/`), and look-ups by constants alone: one level less for a key from outside, else low.
//!
//! An argument of an operation counts as there if all who call the operation have looked into the object before, as `ep->ops->flush(ep)` does. `__free()` looks for
//! a pointer first.
//!
//! ## What it assumes and misses
//!
//! A result may be NULL whenever its function can return NULL with these arguments; what makes that impossible here and is not a
//! condition on arguments is not seen: a property that every device tree of a machine has, a device that exists because it is the one that
//! asks. Error pointers are another matter. Which element of an array holds NULL is not followed. Of pointers in memory that a callee dereferences, those
//! that its caller has just set or tested count, one call chain within a file deep.

mod contract;
mod kept;
mod late;
mod left_out;
mod members;
mod unset;

use cuthere_analysis::{Check, CheckInfo, Checker, Claim, Claims, Maturity, words};
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{BlockId, Expr, ExprId, OpId, OpKind, Target};
use cuthere_flow::engine::event::{Access, EventKind, NullCause};
use cuthere_flow::engine::{Event, Path, null_return};
use cuthere_flow::index::{Belief, Giver};
use cuthere_flow::program::World;
use cuthere_flow::summary::{FuncId, NullWhy, Summary, Way};
use cuthere_flow::value::Value;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "null-deref",
        summary: "a result that may be NULL is dereferenced unchecked, here or in a callee",
        source: include_str!("null_deref.rs"),
        maturity: Maturity::Stable,
    },
    start: Some(|_, _| Box::<NullDeref>::default()),
    entered: false,
    tree: Some(members::judge),
};

#[derive(Default)]
struct NullDeref {
    /// Tests that came after a dereference of the same value on some path, by the test's block.
    late: Vec<(BlockId, Claim)>,
    /// Tests that some path reaches without a dereference before it.
    needed: Vec<BlockId>,
}

impl Checker for NullDeref {
    fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>, claims: &mut Claims) {
        let claim = match &event.kind {
            EventKind::Access(access) => match access.null {
                Some(NullCause::Call(call)) => unchecked(path, event, access, call),
                Some(NullCause::Known) => known(path, event, access),
                Some(NullCause::Zeroed) => zeroed(path, event, access),
                Some(NullCause::LeftOut { table, known, own }) => {
                    // Of objects that other files make, these know which operations they have.
                    left_out::left_out(path, event, access, table, known, own)
                }
                Some(NullCause::Field(..)) | None => None,
            },
            EventKind::Test { value, block, .. } if event.origin.is_empty() => {
                match late::tested_late(path, event, *value, *block) {
                    Some(claim) => self.late.push((*block, claim)),
                    None if !self.needed.contains(block) => self.needed.push(*block),
                    None => {}
                }
                None
            }
            _ => None,
        };
        if let Some(claim) = claim {
            claims.add(claim);
        }
    }

    fn end(&mut self, world: &World<'_>, func: FuncId, _: &Summary, claims: &mut Claims) {
        claims.extend(kept::kept(world, func));
        let needed = &self.needed;
        self.late.drain(..).filter(|(block, _)| !needed.contains(block)).for_each(|(_, claim)| claims.add(claim));
    }
}

/// A result that may be NULL is used without a test.
fn unchecked(path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>, call: OpId) -> Option<Claim> {
    let world = path.world;
    let (why, from) = null_return(world, path.func, call)?;
    let giver = Giver::of(world, path.func, call)?;
    let op = path.body.op(call)?;
    let OpKind::Call { target: Target::Name(callee), dst, args, .. } = op.kind else { return None };
    let result = dst.map(|l| path.body.local_name(l)).filter(|n| !n.is_empty());
    let name = path.pointer_name(access, result, callee);
    let taker = dst.and_then(|l| kept::taker(path.body, call, l));
    let assumed = match giver {
        Giver::Function(f) if let Some(null) = world.summary(f).and_then(|s| s.ret.null.as_ref()) => {
            let what = match null.from {
                Symbol::EMPTY => "returns NULL".to_owned(),
                from => format!("returns what {from}() gave, which may be NULL"),
            };
            format!("`{callee}` {what} ({}:{})", world.path(f), null.loc.line)
        }
        _ => format!("`{from}` may return NULL"),
    };
    let args = path.body.call_args(args);
    let place = words::weak_place(world, path.func);
    // What a part of the machine, or of the program, is asked for by a constant is there on those that run this.
    let fixed = why != NullWhy::Allocation && contract::asks_for_a_constant(path.body, call);
    let lookup = world.model.entry(giver.name(world)).is_some_and(|e| e.lookup);
    let belief = Belief {
        giver,
        why,
        outside: args.iter().any(|&a| path.body.loaded_local(a).is_some_and(|l| path.from_outside(l))),
        lookup,
        weak: place.is_some() || fixed || lookup && words::of_one_machine(path),
        // What the call left in a variable whose address it got (`err`, a length, a second pointer) tells of the failure too.
        excused: words::is_test_code(world.path(path.func))
            || path.decided_by(call, &path.locals_given(args))
            || contract::told_in_memory(path, call, args),
        learned: matches!(giver, Giver::Name(name) if world.model.entry(name).is_some_and(|e| e.learned)),
        tested_here: false,
    };
    let message = match (event.way, access.argument) {
        (Way::Callee(f, _), _) => format!("`{name}` may be NULL (from `{callee}()`) and is dereferenced in `{}()`", world.func(f).name),
        (_, Some(_)) => format!("`{name}` may be NULL (from `{callee}()`) and is dereferenced in `{}()`", access.callee),
        _ => format!("`{name}` may be NULL (from `{callee}()`) and is dereferenced"),
    };
    let claim = Claim::here(path, event, Confidence::Medium, message)
        .step(path.func, op.loc, format!("`{}` = {callee}(), which may be NULL", taker.as_ref().unwrap_or(&name)))
        .access(path, event, access, &name)
        .assume(assumed)
        .assume_all(place.map(str::to_owned));
    let claim = claim.identity(format!("{callee} {name}")).cause(call);
    match contract::cannot_fail(path, call, event.op) {
        Some(why) => Some(claim.sure(Confidence::Low).assume(why)),
        None if fixed && (place.is_some() || words::of_one_machine(path)) => Some(claim.sure(Confidence::Low)),
        None => Some(claim.believe(belief)),
    }
}

/// A pointer that this path has found to be NULL, or set to it.
fn known(path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>) -> Option<Claim> {
    let handed = || access.argument.and_then(|i| path.argument_text(event.op, i)).filter(|text| !text.contains('…'));
    let written = access.text.map(|e| path.body.text(e)).or_else(handed);
    let name = written.unwrap_or_else(|| path.pointer_name(access, None, Symbol::EMPTY));
    let literal = matches!(path.values.get(access.pointer), Value::Int(_));
    if access.text.is_some_and(|e| matches!(path.body.expr(e), Expr::Int(_))) {
        // Written so: to learn where a member lies.
        return None;
    }
    let test = path.null_test(access.pointer);
    if test.as_ref().is_none_or(|test| test.asserts)
        && let Some(call) = path.values.call(access.pointer)
    {
        // One of the ways in which a call returns, and nobody asked which.
        return unchecked(path, event, access, call);
    }
    let weak = words::weak_place(path.world, path.func);
    // Decisions in between may be tied to the test in ways that are not seen.
    let indirect = access.argument.is_some() || event.way != Way::Here || path.left_loop() || path.state.merged;
    let claim = known_claim(path, event, &name).unless_handed(path.handed_by_callers(access.pointer));
    let Some(test) = test else {
        // NULL by assignment only. Behind a loop that may have run zero times it is most often a search that finds something, and other
        // decisions most often go together with it.
        let local = access.text.and_then(|e| path.body.loaded_local(e));
        let always = local.is_some_and(|l| path.always_null(l));
        // What a conversion gives for NULL (`p ? to_x(p) : NULL`) is there for others; it has no name.
        let decided = !indirect && path.decided_by_arguments() && local.is_some_and(|l| path.set_to_null(l));
        let unset = || unset::never_set(path, event, access.text.or_else(|| handed_expr(path, event, access)));
        let confidence = if always || decided || unset() { Confidence::Medium } else { Confidence::Low };
        let claim = claim.access(path, event, access, &name).assume(format!("`{name}` was set to NULL and not since"));
        return literal.then(|| claim.sure(confidence).weakness(weak));
    };
    // Loops that were left before the test, and paths that met before it, say nothing of what it found.
    let plain = !test.left_loop && (test.fresh || !path.state.merged) && event.unconditional(path.world);
    let indirect = access.argument.is_some() || event.way != Way::Here || !plain;
    let (sure, tied) = (test.fresh && plain && event.certain(path.world), indirect && !(test.independent && plain));
    // What a callee does with it only sometimes, or with an argument that was found NULL before, goes together with other arguments and conditions.
    let argument = path.values.param(access.pointer, path.body.params).is_some();
    let handed = !sure && event.way != Way::Here && (argument || !event.certain(path.world));
    // A variable that was loaded before is not asked for by looking at the memory again: that asks for what happened in between.
    let elsewhere = test.in_memory && access.text.is_some_and(|e| path.body.loaded_local(e).is_some())
        || !matches!(path.values.get(access.pointer), Value::Select(..))
            && access.text.or_else(|| handed_expr(path, event, access)).is_some_and(|e| contract::tests_another(path.body, test.cond, e));
    // What was decided since about anything but arguments goes together with the test more often than not.
    let since = !sure && !test.independent;
    let chosen = matches!(path.values.get(access.pointer), Value::Select(..));
    let confidence = if test.in_macro
        || test.asserts
        || literal
        || test.chooses_value
        || test.compound && !(sure && test.alone && !chosen)
        || tied
        || since
        || handed
        || elsewhere
    {
        Confidence::Low
    } else if !sure
        || test.compound
        || path.handed_by_callers(access.pointer).is_some()
        || !contract::may_be_null(path, access.pointer, test.in_memory)
    {
        Confidence::Medium
    } else {
        Confidence::High
    };
    let text = format!("`{}` is {}", test.text, test.taken);
    Some(claim.sure(confidence).step(path.func, test.loc, text).access(path, event, access, &name).weakness(weak))
}

/// What is handed to the callee that dereferences it.
fn handed_expr(path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>) -> Option<ExprId> {
    match path.body.op(event.op)?.kind {
        OpKind::Call { args, .. } => path.body.call_args(args).get(access.argument? as usize).copied(),
        _ => None,
    }
}

/// A member of a new object, used before anything was stored there.
fn zeroed(path: &Path<'_, '_>, event: &Event<'_>, access: &Access<'_>) -> Option<Claim> {
    if let Some(OpKind::Call { target: Target::Name(name), .. }) = path.body.op(event.op).map(|op| op.kind)
        && path.world.model.entry(name).is_some_and(|e| e.allocates)
    {
        // An allocation asks for the size of what it makes.
        return None;
    }
    // A library function given no bytes to work on does not look.
    let argument = || handed_expr(path, event, access).filter(|_| matches!(event.way, Way::Callee(..)));
    let name = path.body.text(access.text.or_else(argument)?);
    // Looked up, it was nearly always stored through another name of the object, or by a callee that was told where: unless it is stored later.
    let later = path.body.all_ops().any(|(op, o)| match o.kind {
        OpKind::Store { place, .. } => op > event.op && path.body.text(place) == name,
        _ => false,
    });
    let confidence = if later && !path.state.merged { Confidence::Medium } else { Confidence::Low };
    let claim = known_claim(path, event, &name).access(path, event, access, &name).sure(confidence);
    let claim = claim.assume(format!("`{name}` is zero from the allocation on, and nothing was stored there"));
    Some(claim.weakness(words::weak_place(path.world, path.func)))
}

fn known_claim(path: &Path<'_, '_>, event: &Event<'_>, name: &str) -> Claim {
    Claim::here(path, event, Confidence::Medium, format!("`{name}` is NULL on this path and is dereferenced"))
        .identity(format!("known {name}"))
}
