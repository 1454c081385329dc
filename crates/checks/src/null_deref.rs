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
//! * **high**: an allocation outside of boot code, also one that a function of the tree hands on, if others who call it test it; a look-up
//!   whose key came from outside; a look-up that nearly all other callers test; a dereference right after a test found NULL.
//! * **medium**: most other callers test it; a path on which NULL was found earlier; a pointer that is tested after it was dereferenced; a
//!   member that most others test; a call that also answers through a variable that was tested.
//! * **low**: others do not test it either; a zeroed member on a path that was merged with others.
//!
//! ## What it assumes and misses
//!
//! A result may be NULL whenever its function can return NULL with these arguments; what makes that impossible here and is not a
//! condition on arguments is not seen: a property that every device tree of a machine has, a device that exists because it is the one that
//! asks. Error pointers are another matter. Which element of an array holds NULL is not followed.

use crate::check::{Check, CheckInfo, Claim, Eye, Maturity, claim};
use crate::habits::{DIRECT, Giver, Use, Weigh};
use crate::words;
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::chain::{At, deref_chain};
use cuthere_flow::digest::{DExpr, DOpKind, DTerm, Digest, Target};
use cuthere_flow::exec::{CallEvent, ExitEvent, LateTest, NullCause, NullEvent, Path, null_return};
use cuthere_flow::node::{Node, RESULT};
use cuthere_flow::summary::FuncId;
use cuthere_flow::world::{Callees, World};
use cuthere_ir::{BinOp, UnOp};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo::new(
        "null-deref",
        "a result that may be NULL is dereferenced unchecked, here or in a callee",
        include_str!("null_deref.rs"),
        Maturity::Stable,
    ),
    start: |index, _, _| Box::new(NullDeref { index, uses: Vec::new() }),
};

struct NullDeref {
    index: usize,
    uses: Vec<Use>,
}

impl NullDeref {
    fn note(&mut self, world: &World<'_>, func: FuncId, op: u32, tested: bool) {
        match self.uses.iter_mut().find(|u| u.op == op && !matches!(u.giver, Giver::Field(..))) {
            Some(u) if tested => u.tested = true,
            Some(u) => u.dereferenced = true,
            None => {
                if let Some(giver) = giver(world, func, op) {
                    self.uses.push(Use { giver, op, argument: DIRECT, tested, dereferenced: !tested, left_null: false });
                }
            }
        }
    }

    /// The function's use of a member.
    fn member(&mut self, record: Symbol, field: Symbol) -> &mut Use {
        let giver = Giver::Field(record, field);
        let at = self.uses.iter().position(|u| u.giver == giver).unwrap_or_else(|| {
            self.uses.push(Use { giver, op: u32::MAX, argument: DIRECT, tested: false, dereferenced: false, left_null: false });
            self.uses.len() - 1
        });
        &mut self.uses[at]
    }
}

/// Whose result the call at an operation gives.
fn giver(world: &World<'_>, func: FuncId, op: u32) -> Option<Giver> {
    let DOpKind::Call { target, .. } = world.func(func).ops.get(op as usize)?.kind else { return None };
    let callees = world.callees(func, op);
    if let Target::Name(name) = target
        && world.entry(name, callees.is_some()).is_some()
    {
        return Some(Giver::Name(name));
    }
    match callees {
        Some(Callees::One(f)) => Some(Giver::Function(*f)),
        _ => None,
    }
}

impl Eye for NullDeref {
    fn tested(&mut self, path: &mut Path<'_, '_>, op: u32) {
        self.note(path.world, path.func, op, true);
    }

    fn null(&mut self, path: &mut Path<'_, '_>, event: &NullEvent, claims: &mut Vec<Claim>) {
        match event.cause {
            NullCause::Call(op) => {
                self.note(path.world, path.func, op, false);
                self.unchecked(path, event, op, claims);
            }
            NullCause::Known => self.known(path, event, claims),
            NullCause::Zeroed => self.zeroed(path, event, claims),
            NullCause::Field(record, field) => {
                let u = self.member(record, field);
                if !u.tested && event.origin.is_empty() && event.op < u.op {
                    (u.op, u.argument, u.dereferenced) = (event.op, event.argument.unwrap_or(DIRECT), true);
                }
            }
        }
    }

    fn exit(&mut self, path: &mut Path<'_, '_>, _event: &ExitEvent, _claims: &mut Vec<Claim>) {
        for &(place, value) in &path.state.env {
            if let Node::PField(_, field, record) = path.nodes.get(place)
                && !record.is_empty()
                && path.nodes.param(value, path.digest.params).is_some()
                && path.state.fact(path.nodes, value).is_zero()
            {
                self.member(record, field).left_null = true;
            }
        }
    }

    fn field_tested(&mut self, _path: &mut Path<'_, '_>, record: Symbol, field: Symbol, block: u32) {
        let u = self.member(record, field);
        if !u.tested {
            (u.tested, u.op) = (true, block);
        }
    }

    fn late_test(&mut self, path: &mut Path<'_, '_>, event: &LateTest, claims: &mut Vec<Claim>) {
        let d = path.digest;
        let Some(op) = d.ops.get(event.deref_op as usize) else { return };
        let DOpKind::Access { ptr, member } = op.kind else { return };
        let text = d.text(ptr);
        let steps = vec![
            At { func: path.func, loc: op.loc, text: access_text(&text, member) },
            At { func: path.func, loc: event.loc, text: format!("tests `{text}` for NULL") },
        ];
        claim(
            claims,
            Claim {
                check: self.index,
                confidence: Confidence::Medium,
                op: event.deref_op,
                cause: u32::MAX,
                merged: path.state.merged,
                at: (path.func, op.loc),
                message: format!("`{text}` is dereferenced before it is tested for NULL"),
                steps,
                assumes: vec![format!("the test of `{text}` at line {} is needed", event.loc.line)],
                locks: words::locks(path.state),
                context: words::context(path.state),
                identity: format!("late {text}"),
                weigh: None,
            },
        );
    }

    fn call(&mut self, _path: &mut Path<'_, '_>, _event: &CallEvent<'_>, _claims: &mut Vec<Claim>) {}

    fn uses(&mut self, _world: &World<'_>, _func: FuncId) -> Vec<Use> {
        std::mem::take(&mut self.uses)
    }
}

fn access_text(pointer: &str, member: Symbol) -> String {
    if member.is_empty() { format!("dereferences `{pointer}`") } else { format!("loads or stores `{pointer}->{member}`") }
}

impl NullDeref {
    /// The steps from the place of the access in this function on.
    fn access_steps(&self, path: &Path<'_, '_>, event: &NullEvent, name: &str) -> Vec<At> {
        let mut steps = Vec::new();
        match (event.callee, event.argument) {
            (Some((f, i)), _) => {
                steps.push(At { func: path.func, loc: event.loc, text: format!("passes `{name}` to {}()", path.world.func(f).name) });
                steps.extend(deref_chain(path.world, f, i).0);
            }
            (None, Some(_)) => {
                steps.push(At {
                    func: path.func,
                    loc: event.loc,
                    text: format!("passes `{name}` to {}(), which dereferences it", event.callee_name),
                });
            }
            _ => steps.push(At { func: path.func, loc: event.loc, text: access_text(name, event.member) }),
        }
        steps
    }

    fn unchecked(&self, path: &mut Path<'_, '_>, event: &NullEvent, op: u32, claims: &mut Vec<Claim>) {
        let world = path.world;
        let Some((why, from)) = null_return(world, path.func, op) else { return };
        let Some(giver) = giver(world, path.func, op) else { return };
        let Some(call) = path.digest.ops.get(op as usize) else { return };
        let DOpKind::Call { target: Target::Name(callee), dst, args, .. } = call.kind else { return };
        let name = pointer_name(path, event, dst, callee);
        let mut steps = vec![At { func: path.func, loc: call.loc, text: format!("`{name}` = {callee}(), which may be NULL") }];
        let mut assumes = Vec::new();
        if let Giver::Function(f) = giver
            && let Some(null) = world.summary(f).and_then(|s| s.ret.null.as_ref())
        {
            let what = if null.from.is_empty() {
                "returns NULL".to_owned()
            } else {
                format!("returns what {}() gave, which may be NULL", null.from)
            };
            assumes.push(format!("`{callee}` {what} ({}:{})", world.path(f), null.loc.line));
        } else {
            assumes.push(format!("`{from}` may return NULL"));
        }
        steps.extend(self.access_steps(path, event, &name));
        let giver_name = match giver {
            Giver::Function(f) => world.func(f).name,
            Giver::Name(name) => name,
            Giver::Field(..) => Symbol::EMPTY,
        };
        let lookup = world.model.entry(giver_name).is_some_and(|e| e.lookup);
        let outside = args_from_outside(path, args);
        let boot = words::is_test_code(world.path(path.func)) || path.digest.annotations.iter().any(|a| a.as_str().starts_with("__init"));
        let message = match event.callee.map(|(f, _)| world.func(f).name).or((!event.callee_name.is_empty()).then_some(event.callee_name)) {
            Some(into) => format!("`{name}` may be NULL (from `{callee}()`) and is dereferenced in `{into}()`"),
            None => format!("`{name}` may be NULL (from `{callee}()`) and is dereferenced"),
        };
        claim(
            claims,
            Claim {
                check: self.index,
                confidence: Confidence::Medium,
                op: event.op,
                cause: op,
                merged: path.state.merged,
                at: (path.func, event.loc),
                message,
                steps,
                assumes,
                locks: words::locks(path.state),
                context: words::context(path.state),
                identity: format!("{callee} {name}"),
                weigh: Some(Weigh { giver, why, outside, lookup, boot: boot || other_answer_tested(path, op, args), tested_here: false }),
            },
        );
    }

    fn known(&mut self, path: &mut Path<'_, '_>, event: &NullEvent, claims: &mut Vec<Claim>) {
        // The decision that made it NULL: the last branch on this path whose condition is about it.
        let d = path.digest;
        let name = match event.text {
            Some(e) => d.text(e),
            None => pointer_name(path, event, None, Symbol::EMPTY),
        };
        let mut at = path.state.trail;
        let last = at;
        let mut tested = None;
        let mut in_expression = false;
        // A branch before the call that gave the value was about another one.
        let made = match path.nodes.get(event.value) {
            Node::Fresh(op, RESULT) if (op as usize) < d.ops.len() => op,
            _ => 0,
        };
        while at != 0 {
            let step = path.trail[at as usize];
            let block = &d.blocks[step.block as usize];
            if let cuthere_flow::digest::DTerm::Branch { cond, .. } = block.term
                && made < block.ops.1
                && tests_null(d, cond, &name)
            {
                tested = Some((block.loc, d.text(cond), step.taken, block.origin, at == last));
                in_expression = chooses_value(d, step.block);
                break;
            }
            at = step.parent;
        }
        let literal = matches!(path.nodes.get(event.value), Node::Int(_));
        let Some((loc, text, taken, origin, fresh)) = tested else {
            // One of the ways in which a call returns, and nobody asked which.
            if let Node::Fresh(op, RESULT) = path.nodes.get(event.value)
                && op == made
            {
                self.note(path.world, path.func, op, false);
                self.unchecked(path, event, op, claims);
                return;
            }
            // NULL by assignment only: the path decides, and the engine merges paths.
            if !literal {
                return;
            }
            let steps = self.access_steps(path, event, &name);
            // Behind a loop that may have run zero times it is most often a search that is known to find something.
            let confidence = if passes_loop(path) || event.callee.is_some() || words::is_test_code(path.world.path(path.func)) {
                Confidence::Low
            } else {
                Confidence::Medium
            };
            claim(claims, self.known_claim(path, event, &name, confidence, steps, vec![format!("`{name}` was set to NULL and not since")]));
            return;
        };
        let mut steps = vec![At { func: path.func, loc, text: format!("`{text}` is {}", if taken { "true" } else { "false" }) }];
        steps.extend(self.access_steps(path, event, &name));
        let confidence = if !origin.is_empty() || literal || words::is_test_code(path.world.path(path.func)) {
            Confidence::Low
        } else if event.callee.is_some()
            || event.argument.is_some()
            || !fresh
            || path.state.merged
            || asks_callers(path, event.value)
            || in_expression
            || passes_loop(path)
        {
            // Decisions in between may be tied to the test in ways that are not seen; callers of a static function may all hand a pointer.
            Confidence::Medium
        } else {
            Confidence::High
        };
        claim(claims, self.known_claim(path, event, &name, confidence, steps, Vec::new()));
    }

    /// A member of a new object, used before anything was stored there.
    fn zeroed(&self, path: &mut Path<'_, '_>, event: &NullEvent, claims: &mut Vec<Claim>) {
        let d = path.digest;
        let argument = || match (d.ops.get(event.op as usize)?.kind, event.argument) {
            (DOpKind::Call { args, .. }, Some(i)) => d.call_args(args).get(i as usize).copied(),
            _ => None,
        };
        // A library function given no bytes to work on does not look.
        let Some(e) = event.text.or_else(|| event.callee.and_then(|_| argument())) else { return };
        let name = d.text(e);
        let steps = self.access_steps(path, event, &name);
        let confidence =
            if path.state.merged || words::is_test_code(path.world.path(path.func)) { Confidence::Low } else { Confidence::Medium };
        let assumes = vec![format!("`{name}` is zero from the allocation on, and nothing was stored there")];
        claim(claims, self.known_claim(path, event, &name, confidence, steps, assumes));
    }

    fn known_claim(
        &self,
        path: &Path<'_, '_>,
        event: &NullEvent,
        name: &str,
        confidence: Confidence,
        steps: Vec<At>,
        assumes: Vec<String>,
    ) -> Claim {
        Claim {
            check: self.index,
            confidence,
            op: event.op,
            cause: u32::MAX,
            merged: path.state.merged,
            at: (path.func, event.loc),
            message: format!("`{name}` is NULL on this path and is dereferenced"),
            steps,
            assumes,
            locks: words::locks(path.state),
            context: words::context(path.state),
            identity: format!("known {name}"),
            weigh: None,
        }
    }
}

/// Whether a branch only chooses the value of an expression (`p ? p->x : 0`, an argument of a debug message): such tests are made for safety's
/// sake more often than those that choose what is done.
fn chooses_value(d: &Digest, block: u32) -> bool {
    let DTerm::Branch { then, els, .. } = d.blocks[block as usize].term else { return false };
    let unnamed = |b: u32| {
        let b = &d.blocks[b as usize];
        let (_, ops) = d.block_ops(b);
        matches!(b.term, DTerm::Goto(_))
            && ops.last().is_some_and(|op| match op.kind {
                DOpKind::Store { place, .. } | DOpKind::Zero { place } => {
                    matches!(d.exprs[place as usize], DExpr::Local(l) if d.locals.get(l as usize).is_none_or(|n| n.is_empty()))
                }
                DOpKind::Call { dst: Some(l), .. } => d.locals.get(l as usize).is_none_or(|n| n.is_empty()),
                _ => false,
            })
    };
    unnamed(then) || unnamed(els)
}

/// Whether the path was decided by what the call left in a variable whose address it got (`err`, a length): it may tell of the failure too.
fn other_answer_tested(path: &Path<'_, '_>, op: u32, args: (u32, u32)) -> bool {
    let d = path.digest;
    let left: Vec<u32> = d
        .call_args(args)
        .iter()
        .filter_map(|&a| match d.exprs[a as usize] {
            DExpr::Addr(place) => match d.exprs[place as usize] {
                DExpr::Local(l) => Some(l),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let mut at = path.state.trail;
    while at != 0 && !left.is_empty() {
        let step = path.trail[at as usize];
        let block = &d.blocks[step.block as usize];
        if let DTerm::Branch { cond, .. } = block.term
            && op < block.ops.1
            && left.iter().any(|&l| reads_local(d, cond, l))
        {
            return true;
        }
        at = step.parent;
    }
    false
}

fn reads_local(d: &Digest, e: u32, local: u32) -> bool {
    match d.exprs[e as usize] {
        DExpr::Local(l) => l == local,
        DExpr::Load(a, _) | DExpr::Deref(a) | DExpr::Un(_, a) | DExpr::Field { base: a, .. } => reads_local(d, a, local),
        DExpr::Bin(_, a, b) | DExpr::Index { base: a, index: b } => reads_local(d, a, local) || reads_local(d, b, local),
        DExpr::Select(a, b, c) => [a, b, c].iter().any(|&x| reads_local(d, x, local)),
        _ => false,
    }
}

/// Whether a value is a parameter of a function that only its own file calls.
fn asks_callers(path: &Path<'_, '_>, value: u32) -> bool {
    path.digest.is_static && path.nodes.param(value, path.digest.params).is_some() && !path.world.entrances.contains_key(&path.func)
}

/// Whether the path left a loop.
fn passes_loop(path: &Path<'_, '_>) -> bool {
    let d = path.digest;
    let mut at = path.state.trail;
    while at != 0 {
        let step = path.trail[at as usize];
        let mut head = matches!(d.blocks[step.block as usize].term, cuthere_flow::digest::DTerm::LoopBranch { .. });
        for later in &d.blocks[step.block as usize..] {
            later.term.successors(|s| head |= s == step.block);
        }
        if head {
            return true;
        }
        at = step.parent;
    }
    false
}

/// Whether a condition asks if the pointer of that name is NULL. A comparison with something else does not, nor does one for error pointers.
fn tests_null(d: &Digest, cond: u32, name: &str) -> bool {
    let other = |e: u32| !matches!(d.exprs[e as usize], DExpr::Int(0));
    match d.exprs[cond as usize] {
        DExpr::Un(UnOp::Not, e) => tests_null(d, e, name),
        DExpr::Bin(BinOp::LogAnd | BinOp::LogOr, a, b) => tests_null(d, a, name) || tests_null(d, b, name),
        DExpr::Bin(BinOp::Eq | BinOp::Ne, a, b) if other(a) && other(b) => false,
        _ => {
            let text = d.text(cond);
            name != "…" && !text.starts_with("IS_ERR(") && mentions(&text, name)
        }
    }
}

/// Whether the text names the pointer as a whole word.
fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty()
        && text.match_indices(name).any(|(i, _)| {
            !text[..i].chars().next_back().is_some_and(|c| word(c) || c == '.' || c == '>')
                && !text[i + name.len()..].chars().next().is_some_and(|c| word(c) || c == '.' || c == '-')
        })
}

/// The pointer as the reader knows it: as written, or the variable that took the result.
fn pointer_name(path: &Path<'_, '_>, event: &NullEvent, dst: Option<u32>, callee: Symbol) -> String {
    let d = path.digest;
    let local = |value| {
        path.state.env.iter().find_map(|&(place, v)| match path.nodes.get(place) {
            Node::PLocal(l) if v == value => d.locals.get(l as usize).filter(|n| !n.is_empty()).map(|n| n.as_str().to_owned()),
            _ => None,
        })
    };
    if let Some(name) = local(event.value) {
        return name;
    }
    if let Some(e) = event.text {
        let text = d.text(e);
        if text != "…" {
            return text;
        }
    }
    if let Some(name) = dst.and_then(|l| d.locals.get(l as usize)).filter(|n| !n.is_empty()) {
        return name.as_str().to_owned();
    }
    if callee.is_empty() { "the pointer".to_owned() } else { format!("{callee}()") }
}

/// Whether an argument of a look-up was read from something that comes from outside.
fn args_from_outside(path: &mut Path<'_, '_>, args: (u32, u32)) -> bool {
    let d = path.digest;
    let world = path.world;
    let list: Vec<u32> = d.call_args(args).to_vec();
    list.iter().any(|&a| {
        let cuthere_flow::digest::DExpr::Load(place, _) = d.exprs[a as usize] else { return false };
        let cuthere_flow::digest::DExpr::Local(l) = d.exprs[place as usize] else { return false };
        let Some(value) = path.state.env.iter().find(|e| path.nodes.get(e.0) == Node::PLocal(l)).map(|e| e.1) else { return false };
        match path.nodes.get(value) {
            Node::Fresh(op, RESULT) => match d.ops.get(op as usize).map(|o| o.kind) {
                Some(DOpKind::Call { target: Target::Name(name), .. }) => world.model.entry(name).is_some_and(|e| e.outside),
                _ => false,
            },
            _ => false,
        }
    })
}
