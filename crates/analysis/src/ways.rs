//! Ways through a function, as checks weigh them: what the result says, what decided last, and how sure anything on a path can be.

use crate::claim::Claim;
use crate::words;
use cuthere_base::{Confidence, Symbol};
use cuthere_flow::body::{Block, BlockId, Body, Expr, ExprId, LocalId, OpId, OpKind, Target, Term};
use cuthere_flow::domain::Held;
use cuthere_flow::engine::{Decision, Path};
use cuthere_flow::program::World;
use cuthere_flow::value::{Interval, Value};
use cuthere_kernel::Test;

/// Results that say that an operation was begun and goes on: `-EINPROGRESS`, `-EIOCBQUEUED`.
pub const PENDING: [i64; 2] = [-115, -529];
/// `-EBUSY`: what a callee answers so, and is asked for it, may go on too.
pub const BUSY: i64 = -16;

/// What a result says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The function returns nothing.
    Nothing,
    /// A negative number, an error pointer, NULL.
    Failure,
    Zero,
    Positive,
    NotZero,
    /// It may be anything.
    Open,
}

impl Answer {
    /// What a value says, of a function that returns pointers or one that does not.
    pub fn of(value: Interval, pointer: bool) -> Answer {
        match value {
            v if v.is_err() == Some(true) || v.hi < 0 || pointer && v.is_zero() => Answer::Failure,
            v if v.is_zero() => Answer::Zero,
            v if v.lo > 0 || pointer && v.not_zero => Answer::Positive,
            v if v.not_zero => Answer::NotZero,
            _ => Answer::Open,
        }
    }
}

/// The parts of the context that a function may leave changed, as findings name them: preemption, bottom halves, interrupts, RCU.
pub const PARTS: [&str; 4] = ["preemption disabled", "bottom halves disabled", "interrupts disabled", "the RCU read-side section open"];

/// How often each of [`PARTS`] is entered.
pub fn parts(path: &Path<'_, '_>) -> [i8; 4] {
    let ctx = path.state.ctx;
    [ctx.preempt, ctx.bh, ctx.irq, ctx.rcu]
}

/// Adds the last decision that led here.
pub fn decided(path: &Path<'_, '_>, claim: Claim) -> Claim {
    let Some((block, taken)) = last_decision(path) else { return claim };
    match block.term {
        Term::Branch { cond, .. } => claim.step(path.func, block.loc, format!("`{}` is {taken}", path.body.text(cond))),
        _ => claim,
    }
}

/// The blocks that decisions on this path passed by because of a variable that callees may write: what is done there, a callee may have said not
/// to do.
pub fn skipped(path: &Path<'_, '_>) -> Vec<BlockId> {
    let body = path.body;
    let given = |l: LocalId| body.exprs.iter().any(|e| matches!(*e, Expr::Addr(place) if body.expr(place) == Expr::Local(l)));
    let skip = |d: Decision| match body.block(d.block).term {
        Term::Branch { cond, then, els } => {
            let told = (0..body.locals.len() as u32).map(LocalId::new).any(|l| body.mentions_local(cond, l) && given(l));
            told.then_some(if d.taken { els } else { then })
        }
        _ => None,
    };
    path.decisions().take(SKIPPED_MAX).filter_map(skip).collect()
}

/// The blocks that a path passes by because of a variable that it has set to a constant itself.
pub fn passed_by(path: &Path<'_, '_>) -> Vec<BlockId> {
    let body = path.body;
    let set = |l: LocalId| {
        let place = path.values.find(Value::PLocal(l)).and_then(|p| path.state.written(p))?;
        matches!(path.values.get(place), Value::Int(_)).then(|| path.known(place).truth())?
    };
    let pass = |block: &Block| match block.term {
        Term::Branch { cond, then, els } => {
            let (local, truth) = match body.expr(cond) {
                Expr::Un(cuthere_ir::UnOp::Not, inner) => (body.loaded_local(inner)?, false),
                _ => (body.loaded_local(cond)?, true),
            };
            Some(if set(local)? == truth { els } else { then })
        }
        _ => None,
    };
    body.blocks().filter_map(|(_, block)| pass(block)).take(SKIPPED_MAX).collect()
}

/// Decisions looked at.
const SKIPPED_MAX: usize = 12;

/// Whether the answer of a call is what a warning is about: `WARN_ON(spin_trylock(…))`.
pub fn asserted(world: &World<'_>, body: &Body, call: OpId) -> bool {
    let Some(line) = body.op(call).map(|op| op.loc.line) else { return false };
    body.all_ops().any(|(_, op)| match op.kind {
        OpKind::Call { target: Target::Name(name), .. } if op.loc.line == line => {
            world.model.entry(name).is_some_and(|e| matches!(e.tests, Some(Test::Warning | Test::BugOn)))
        }
        _ => false,
    })
}

/// Whether two operations happen under the same condition, as it is written, that is asked for each of them: what is known of its value may be lost in between.
/// What is decided before both of them is no reason why the one should go with the other.
pub fn same_condition(body: &Body, a: OpId, b: OpId) -> bool {
    let (Some(a), Some(b)) = (body.block_of(a), body.block_of(b)) else { return false };
    let start = BlockId(0);
    let arms = |to: BlockId| {
        let arms = body.blocks().flat_map(|(at, block)| match block.term {
            Term::Branch { cond, then, els } if then != els => vec![(at, cond, true, then), (at, cond, false, els)],
            _ => Vec::new(),
        });
        let arms =
            arms.filter(move |arm| arm.3 == to || !body.reaches(start, to, Some(arm.3))).map(|(at, cond, taken, _)| (at, cond, taken));
        arms.collect::<Vec<_>>()
    };
    let (first, second) = (arms(a), arms(b));
    let own = |arm: &&(BlockId, ExprId, bool)| !second.contains(arm);
    let same = |arm: &(BlockId, ExprId, bool)| second.iter().any(|other| !first.contains(other) && (other.1, other.2) == (arm.1, arm.2));
    first.iter().filter(own).any(same)
}

/// A lock in the source's words; `None`: it has no name here.
pub fn lock_name(path: &Path<'_, '_>, lock: &Held) -> Option<String> {
    // A callee's lock that could not be named stands for itself by the name of its class.
    let class = |name: Symbol| name.as_str().contains('.') || path.world.model.entry(name).is_some();
    match path.values.get(lock.place) {
        Value::PGlobal(name) if class(name) => None,
        _ => path.describe_place(lock.place, 0),
    }
}

/// How sure anything about locks on this path can be.
pub fn certainty(path: &Path<'_, '_>) -> Confidence {
    // An arm under a warning is not meant to be taken.
    let warned = last_decision(path).is_some_and(|(b, _)| b.is_warning());
    if path.state.locks.doubtful || warned || words::is_test_code(path.world.path(path.func)) {
        Confidence::Low
    } else if path.state.merged {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

fn last_decision<'p>(path: &Path<'p, '_>) -> Option<(&'p Block, bool)> {
    path.decisions().next().map(|d| (path.body.block(d.block), d.taken))
}
