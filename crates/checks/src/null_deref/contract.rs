//! Calls that can fail, but not here: by what was done with the same object before, or since.
//!
//! It is read off the function as written, not off the path: that two arguments are one is known by how they are written, so assignments in between are
//! not seen. Claims only become less sure by it.

use cuthere_flow::body::{BlockId, Body, Expr, ExprId, LocalId, OpId, OpKind, Target, Term};
use cuthere_flow::engine::{Path, null_return};
use cuthere_flow::program::Callees;
use cuthere_flow::summary::NullWhy;
use cuthere_flow::value::ValueId;
use cuthere_kernel::RefOp;

/// Why the result of the call `call` is there where it is used at `used`, if there is a reason.
pub(super) fn cannot_fail(path: &Path<'_, '_>, call: OpId, used: OpId) -> Option<String> {
    let body = path.body;
    let (name, args) = body.named_call(call)?;
    let allocates = null_return(path.world, path.func, call).is_some_and(|(why, _)| why == NullWhy::Allocation);
    if !allocates && in_loop_of_its_own(body, call, used) {
        return Some("the loop does not know how much there is to be found".to_owned());
    }
    let entry = path.world.model.entry(name)?;
    let object = *args.first()?;
    if entry.refs.iter().any(|r| r.op == RefOp::GetUnlessZero) {
        // Whoever has not found the object by itself holds a reference.
        return Some(format!("`{}` has a reference already", body.text(object)));
    }
    let room = entry.vouched_by.iter().any(|&by| path.world.model.entry(by).is_some_and(|e| e.allocates));
    if room && filled_since(body, object, call, used) {
        return Some(format!("what else is put into `{}` does not fail first", body.text(object)));
    }
    let vouches = |op: OpId| {
        let OpKind::Call { target: Target::Name(by), dst, args: given, .. } = body.op(op)?.kind else { return None };
        let given = body.call_args(given);
        let made = || dst.is_some() && dst == body.loaded_local(object);
        let same = || given.first().is_some_and(|&e| body.text(e) == body.text(object));
        // Strings are all alike here.
        let again = || entry.lookup && by == name && given == args && !args.iter().any(|&a| matches!(body.expr(a), Expr::Str));
        (op != call && (entry.vouched_by.contains(&by) && (made() || same()) || again()) && body.leads(op, call)).then_some(by)
    };
    let name = body.all_ops().find_map(|(op, _)| vouches(op))?;
    Some(format!("{name}() does not see to it"))
}

/// Whether everything that a call is given is a constant: what it looks for is a part of the machine, or of the program.
pub(super) fn asks_for_a_constant(body: &Body, call: OpId) -> bool {
    let args = body.named_call(call).map_or(&[][..], |(_, args)| args);
    !args.is_empty() && args.iter().all(|&a| constant(body, a, 0))
}

/// Whether more than its test says that a pointer may be NULL: it lies in memory and is asked for there, or a call gave it that may fail. Arguments, and what
/// calls that cannot fail gave, are tested for safety's sake too.
pub(super) fn may_be_null(path: &Path<'_, '_>, pointer: ValueId, in_memory: bool) -> bool {
    let unread = |call: OpId| {
        let model = || path.body.named_call(call).is_some_and(|(name, _)| path.world.model.entry(name).is_some());
        path.world.callees(path.func, call).is_none() && !model()
    };
    in_memory || path.values.call(pointer).is_some_and(|call| null_return(path.world, path.func, call).is_some() || unread(call))
}

/// Whether a test asks for another variable than the one that is dereferenced, which was chosen from several values.
pub(super) fn tests_another(body: &Body, cond: ExprId, used: ExprId) -> bool {
    let copied = |to: LocalId, from: LocalId| {
        body.ops.iter().any(|op| match op.kind {
            OpKind::Store { place, value } => {
                matches!(body.expr(place), Expr::Local(l) if l == to) && computed_from(body, value, 0) == Some(from)
            }
            _ => false,
        })
    };
    match (tested_local(body, cond), body.loaded_local(used)) {
        (Some(tested), Some(used)) if tested != used && !body.local_name(tested).is_empty() => {
            !copied(tested, used) && !copied(used, tested)
        }
        _ => false,
    }
}

/// The variable that a pointer is, or is computed from (`container_of(p, …)`, `&p->m`).
fn computed_from(body: &Body, e: ExprId, depth: u32) -> Option<LocalId> {
    let next = match body.expr(e) {
        Expr::ContainerOf { ptr, .. } => ptr,
        Expr::Addr(inner) | Expr::Deref(inner) | Expr::Field { base: inner, .. } | Expr::Bin(_, inner, _) => inner,
        _ => return body.loaded_local(e),
    };
    if depth < 8 { computed_from(body, next, depth + 1) } else { None }
}

fn constant(body: &Body, e: ExprId, depth: u32) -> bool {
    depth < 6
        && match body.expr(e) {
            Expr::Int(_) | Expr::Str => true,
            Expr::Addr(place) => matches!(body.expr(place), Expr::Global(_)),
            Expr::Un(_, a) => constant(body, a, depth + 1),
            Expr::Bin(_, a, b) => constant(body, a, depth + 1) && constant(body, b, depth + 1),
            _ => false,
        }
}

/// Whether more was put into a buffer since, which would have failed as well.
fn filled_since(body: &Body, buffer: ExprId, call: OpId, used: OpId) -> bool {
    body.all_ops().any(|(id, op)| match op.kind {
        OpKind::Call { dst: Some(_), args, .. } => call < id && id < used && body.call_args(args).first() == Some(&buffer),
        _ => false,
    })
}

/// Whether the use is in a loop, and the call in none: it runs as often as there is something to be found.
fn in_loop_of_its_own(body: &Body, call: OpId, used: OpId) -> bool {
    let comes_back = |block: BlockId| {
        let mut next = Vec::new();
        body.block(block).term.successors(|s| next.push(s));
        next.into_iter().any(|s| s == block || body.reaches(s, block, None))
    };
    match (body.block_of(call), body.block_of(used)) {
        (Some(call), Some(used)) => {
            // A loop whose body runs once in any case asks too late.
            let leaves = |b: BlockId| matches!(body.block(b).term, Term::Return(..)) && body.reaches(call, b, Some(used));
            call != used && comes_back(used) && !comes_back(call) && body.blocks().any(|(id, _)| leaves(id))
        }
        _ => false,
    }
}

fn tested_local(body: &Body, cond: ExprId) -> Option<LocalId> {
    match body.expr(cond) {
        Expr::Un(_, a) => tested_local(body, a),
        Expr::Bin(_, a, b) if matches!(body.expr(b), Expr::Int(0)) => tested_local(body, a),
        Expr::Bin(_, a, b) if matches!(body.expr(a), Expr::Int(0)) => tested_local(body, b),
        _ => body.loaded_local(cond),
    }
}

/// Whether a member of an object that the callee was given, and may have written to, was asked for since: it tells of the failure too (`handler.error`).
pub(super) fn told_in_memory(path: &Path<'_, '_>, call: OpId, args: &[ExprId]) -> bool {
    let (body, world) = (path.body, path.world);
    let Some(&[callee]) = world.callees(path.func, call).map(Callees::list) else { return false };
    let stores = world.summary(callee).map_or(0, |s| s.stores);
    let given = |base: Expr| {
        args.iter().enumerate().filter(|(i, _)| *i < 64 && stores >> i & 1 == 1).any(|(_, &arg)| match body.expr(arg) {
            Expr::Addr(place) => body.expr(place) == base,
            _ => base == Expr::Deref(arg),
        })
    };
    path.decisions().any(|step| {
        let block = body.block(step.block);
        let Term::Branch { cond, .. } = block.term else { return false };
        let mut asks = false;
        body.walk(cond, &mut |e| asks |= matches!(e, Expr::Field { base, .. } if given(body.expr(base))));
        asks && call.0 < block.ops.1
    })
}
