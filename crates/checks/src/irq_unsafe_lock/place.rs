//! The places that take a class: which are in the interrupting context, which can be interrupted by it, and how sure that is.
//!
//! What the code asks of its context, or masks by an interrupt's number, is not followed: such places are doubtful.

use super::{Interrupt, quiet};
use cuthere_analysis::{Tree, lock_steps, words};
use cuthere_flow::body::{OpKind, Target};
use cuthere_flow::index::{LockClass, LockUse};
use cuthere_flow::program::contexts::{Hop, OnEntry, Part, Sought};
use cuthere_flow::program::{Callees, World};
use cuthere_flow::summary::{FuncId, Way};
use cuthere_kernel::{CallbackOp, CtxPart, Level};
use std::cmp::Reverse;

/// A place that takes a class.
#[derive(Clone, Copy)]
pub(super) struct Place<'u> {
    pub(super) func: FuncId,
    pub(super) used: &'u LockUse,
    pub(super) certain: bool,
}

/// A place that takes a class with the context enabled.
pub(super) struct Unsafe<'u> {
    pub(super) func: FuncId,
    pub(super) used: &'u LockUse,
    pub(super) handler: Place<'u>,
    /// A certain way in leads here.
    pub(super) certain: bool,
    /// The function itself says that the context is enabled.
    pub(super) says: bool,
    pub(super) hops: Vec<Hop<'u>>,
    pub(super) comes: Vec<Hop<'u>>,
    pub(super) sure: bool,
    pub(super) assumes: Vec<String>,
}

/// Of longer ways in too much is not known.
const HOPS_SURE: usize = 6;

/// The place of which it is surest that it is in the context.
pub(super) fn surest<'p, 'u: 'p>(all: impl Iterator<Item = &'p Place<'u>>) -> Option<Place<'u>> {
    all.max_by_key(|p| (p.certain, Reverse(p.func), Reverse(p.used.op))).copied()
}

/// Whether a class is taken in the context.
pub(super) fn taken_inside<'u>(tree: &Tree<'_>, interrupt: Interrupt, func: FuncId, used: &'u LockUse) -> Option<Place<'u>> {
    let ins = tree.contexts().entered(func);
    // What has slept before is in no interrupt.
    if used.nested || used.slept || words::is_test_code(tree.world.path(func)) {
        return None;
    }
    let certain = ins.certain.reached() && ins.certain.level(interrupt.level);
    (certain || ins.perhaps.reached() && ins.perhaps.level(interrupt.level)).then_some(Place { func, used, certain })
}

/// Whether a disabled context is on all, and on some, of the paths to a use.
fn disabled(part: Part, u: &LockUse) -> (bool, bool) {
    match part {
        Part::Irq => (u.least.irq > 0, u.most.irq > 0),
        _ => (u.least.irq > 0 || u.least.bh > 0, u.most.irq > 0 || u.most.bh > 0),
    }
}

pub(super) fn unsafe_place<'u>(
    tree: &'u Tree<'_>,
    class: LockClass,
    interrupt: Interrupt,
    handler: Place<'u>,
    (f, u): (FuncId, &'u LockUse),
    uses: &[(FuncId, &LockUse)],
) -> Option<Unsafe<'u>> {
    let (world, contexts) = (tree.world, tree.contexts());
    let ins = contexts.entered(f);
    if disabled(interrupt.part, u).0 {
        return None;
    }
    // A way in on which nothing disables it; the certain ones say most.
    let open = |layer: &OnEntry| {
        let below = layer.level(Level::Task) || interrupt.level == Level::Hardirq && layer.level(Level::Softirq);
        layer.reached() && below && !layer.part(interrupt.part).0
    };
    let (certain, perhaps) = (open(&ins.certain), open(&ins.perhaps));
    if !certain && !perhaps {
        return None;
    }
    let body = world.func(f);
    let layer = if certain { &ins.certain } else { &ins.perhaps };
    let mixed = layer.part(interrupt.part).1 || disabled(interrupt.part, u).1;
    // Whoever takes it in both ways knows where he is; unless he comes from a task with nothing disabled, and disables for it alone the other time. One of two
    // ways, for what the caller says, is no other time.
    let from_task = certain && !ins.assumed;
    let in_turn = |other: &LockUse| body.leads(other.op, u.op) || body.leads(u.op, other.op);
    let alone = |other: &LockUse| disables_for(tree, other, interrupt.part) && in_turn(other);
    let both = |other: &LockUse| disabled(interrupt.part, other).0 && !(from_task && alone(other));
    let both = uses.iter().any(|(g, other)| *g == f && both(other));
    let says = disables_itself(tree, f, interrupt.part);
    let mut sure = handler.certain && (certain && !ins.assumed || u.slept || says) && !both;
    let mut assumes = Vec::new();
    if mixed {
        assumes.push(format!("some ways in disable {}, this one does not", interrupt.cure));
    }
    if u.asked {
        return None;
    }
    let masks = masks_interrupts(tree, f);
    if masks {
        assumes.push(format!("what `{}()` disables is another interrupt", body.name));
    }
    if !certain {
        assumes.push(format!("`{}()` is entered in a task with nothing disabled", body.name));
    }
    sure &= !masks && !words::is_boot_code(body) && !words::is_test_code(world.path(f));
    sure &= !tree.lock_graph().classes.info(class).pointer;
    // Where the function's own paths differ, a condition says so.
    sure &= !disabled(interrupt.part, u).1;
    // A helper in a header leaves it to its callers to disable what they have to, each for his own object.
    sure &= !(mixed && world.path(f).ends_with(".h"));
    let mut place = Unsafe { func: f, used: u, handler, certain, says, hops: Vec::new(), comes: Vec::new(), sure, assumes };
    // Ways are searched for where they may decide; else only for the place that is told.
    if sure {
        place.find_ways(tree, interrupt);
    }
    Some(place)
}

impl<'u> Unsafe<'u> {
    /// Looks for the ways in, and doubts the place if they are doubtful.
    pub(super) fn find_ways(&mut self, tree: &'u Tree<'_>, interrupt: Interrupt) {
        let (world, contexts) = (tree.world, tree.contexts());
        let hops = contexts.example(self.func, Sought::WithoutPart(interrupt.part), self.certain);
        let comes = contexts.example(self.handler.func, Sought::Level(interrupt.level), self.handler.certain);
        let asks = hops.iter().chain(&comes).any(|hop| matches!(*hop, Hop::Calls(g, _) | Hop::CallsBack(g, _) if asks_context(tree, g)));
        if asks {
            self.sure = false;
            self.assumes.push("what the code asks of its context does not decide".to_owned());
        }
        self.sure &= hops.len() <= HOPS_SURE && comes.len() <= HOPS_SURE;
        // Looked up, none was right where both sides are one statement: what keeps the interrupt away is beside it. But an operation that is known for both does that itself.
        let for_both = matches!(hops.first(), Some(Hop::Assumed(f)) if by_tasks_too(world, *f));
        self.sure &= for_both || (self.func, self.used.op) != (self.handler.func, self.handler.used.op);
        if let Some(why) = quiet::kept_away(tree, &hops, &comes, (self.func, self.used.op)) {
            self.sure = false;
            self.assumes.push(why);
        }
        let part = interrupt.part;
        if quiet::beside_registration(&hops, &comes, disabled(part, self.handler.used).0) {
            self.sure = false;
            self.assumes.push("operations are called while the driver takes or gives up the device".to_owned());
        }
        // Nor were those of which it is not known how the function is entered.
        self.sure &= self.used.slept || self.says || for_both || matches!(hops.first(), Some(Hop::Entry(..)));
        if !lock_steps::one_driver(world, (self.func, &hops), (self.handler.func, &comes)) {
            self.sure = false;
            self.assumes.push("the drivers that lead there share the object".to_owned());
        }
        (self.hops, self.comes) = (hops, comes);
    }
}

/// Whether a function is an operation that softirqs and tasks call.
fn by_tasks_too(world: &World<'_>, f: FuncId) -> bool {
    world.entry_points.get(&f).is_some_and(|all| all.iter().any(|entry| entry.context.tasks_too))
}

/// Whether a function disables the context for something else, without asking what it was: so it is entered with it enabled.
fn disables_itself(tree: &Tree<'_>, f: FuncId, part: Part) -> bool {
    let own = if part == Part::Irq { CtxPart::Irq } else { CtxPart::Bh };
    tree.world.func(f).all_ops().any(|(_, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => {
            tree.world.model.entry(name).is_some_and(|e| e.context.iter().any(|c| c.enter && c.part == own))
        }
        _ => false,
    })
}

/// Whether a lock is taken by a form that disables the context.
fn disables_for(tree: &Tree<'_>, u: &LockUse, part: Part) -> bool {
    let own: &[CtxPart] = if part == Part::Irq { &[CtxPart::Irq, CtxPart::IrqSave] } else { &[CtxPart::Bh] };
    let Way::Model(by) = u.way else { return false };
    tree.world.model.entry(by).is_some_and(|e| e.context.iter().any(|c| c.enter && own.contains(&c.part)))
}

/// Whether a function asks in which context it runs.
pub(super) fn asks_context(tree: &Tree<'_>, f: FuncId) -> bool {
    tree.world.func(f).all_ops().any(|(id, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => {
            let callee = || match tree.world.callees(f, id)? {
                Callees::One(g) => tree.world.summary(*g),
                Callees::Many(_) => None,
            };
            tree.world.model.entry(name).is_some_and(|e| e.asks.is_some()) || callee().is_some_and(|s| s.ret.asks)
        }
        _ => false,
    })
}

/// Whether a function keeps an interrupt from coming by its number.
fn masks_interrupts(tree: &Tree<'_>, f: FuncId) -> bool {
    tree.world.func(f).all_ops().any(|(_, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } => tree.world.model.entry(name).is_some_and(|e| {
            e.callbacks.iter().any(|c| c.kind.as_str() == "irq" && matches!(c.op, CallbackOp::Flush | CallbackOp::CancelSync))
        }),
        _ => false,
    })
}
