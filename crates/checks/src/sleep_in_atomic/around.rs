//! Whether a section is left around a call where a condition says so, and begun again behind it under the same one (`if (on) fp_end(); free(p); if (on)
//! fp_begin();`): who asks so keeps count of the section elsewhere, and the way on which it is open and not left is none. And whether what has to be set on the way down was asked for here
//! already.

use cuthere_base::Symbol;
use cuthere_flow::body::{BlockId, Body, Op, OpId, OpKind, Record, Target, Term};
use cuthere_flow::domain::Ground;
use cuthere_flow::engine::Path;
use cuthere_flow::program::Callees;
use cuthere_flow::summary::Ctx;

pub(super) fn left_around(path: &Path<'_, '_>, event: OpId, ground: &Ground) -> bool {
    let part = match ground {
        Ground::Preempt(_) => |ctx: Ctx| ctx.preempt,
        Ground::Bh(_) => |ctx: Ctx| ctx.bh,
        Ground::Irqs(_) => |ctx: Ctx| ctx.irq,
        _ => return false,
    };
    let body = path.body;
    let Some(at) = body.block_of(event) else { return false };
    let asked = |sign: i8| {
        let shifts = move |(id, op): &(OpId, &Op)| shifts(path, *id, op, part, sign);
        body.all_ops().filter(shifts).filter_map(|(id, _)| Some((body.block_of(id)?, condition(body, body.block_of(id)?)?)))
    };
    let ends: Vec<_> = asked(-1).filter(|(block, _)| body.reaches(*block, at, None)).collect();
    !ends.is_empty() && asked(1).any(|(block, asks)| body.reaches(at, block, None) && ends.iter().any(|end| end.1 == asks))
}

/// Whether an operation begins (1) or ends (-1) a part of the context, on some way at least.
fn shifts(path: &Path<'_, '_>, id: OpId, op: &Op, part: impl Fn(Ctx) -> i8, sign: i8) -> bool {
    let OpKind::Call { target: Target::Name(name), .. } = op.kind else { return false };
    let callee = path.world.callees(path.func, id);
    if let Some(entry) = path.world.entry(name, callee.is_some()) {
        return entry.context.iter().any(|e| part(Ctx::step(e.part, if e.enter { 1 } else { -1 })) == sign);
    }
    let Some(Callees::One(f)) = callee else { return false };
    path.world.summary(*f).is_some_and(|s| s.outcomes.iter().any(|o| part(o.ctx).signum() == sign))
}

/// What is asked right before a block, and how it comes out where this block is next.
fn condition(body: &Body, block: BlockId) -> Option<(String, bool)> {
    body.blocks.iter().find_map(|before| match before.term {
        Term::Branch { cond, then, els } if then != els && (then == block || els == block) => Some((body.text(cond), then == block)),
        _ => None,
    })
}

/// Whether this path asked for a member of such an object and was answered otherwise.
pub(super) fn asked_before(path: &Path<'_, '_>, (record, name, set): (Record, Symbol, bool)) -> bool {
    path.decisions().any(|d| match path.body.block(d.block).term {
        Term::Branch { cond, .. } => {
            path.body.asks_member(cond) == Some((record, name)) && (d.taken == path.body.asks_for_set(cond)) != set
        }
        _ => false,
    })
}
