//! One path at one moment, as observers see it.

use super::chance::behind_warning;
use super::event::Access;
use super::only_warns;
use crate::body::{Block, BlockId, Body, Expr, ExprId, LocalId, OpId, OpKind, Record, Target, Term};
use crate::domain::{Freed, State, Taken};
use crate::program::World;
use crate::summary::{EffectKind, FuncId, RelRoot, RelStep, Way};
use crate::value::{Interval, Origin, Value, ValueId, Values};
use cuthere_base::{Loc, Symbol};
use cuthere_ir::{BinOp, UnOp};
use cuthere_kernel::PerCpu;
use serde::{Deserialize, Serialize};

/// A decision taken at a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    pub(super) parent: u32,
    pub block: BlockId,
    pub taken: bool,
    /// What the condition asked about, as the pointer that it was computed from.
    pub tested: Option<ValueId>,
}

/// Memory that has a name of its own over the whole tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Variable {
    pub of: VariableOf,
    /// It lies in one of the copies of a per-CPU variable: in which.
    pub percpu: Option<PerCpu>,
}

/// What names memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum VariableOf {
    /// A member of a record, the innermost one that is known.
    Member(Record, Symbol),
    /// A variable at file level, as a whole or an element of it.
    Global(Symbol),
}

impl From<(Record, Symbol)> for VariableOf {
    fn from((record, member): (Record, Symbol)) -> VariableOf {
        VariableOf::Member(record, member)
    }
}

/// The decision by which a path knows a pointer to be NULL.
pub struct NullTest {
    pub loc: Loc,
    pub cond: ExprId,
    /// The condition as written, and how it came out.
    pub text: String,
    pub taken: bool,
    /// It was written by a macro.
    pub in_macro: bool,
    /// It is the last decision of the path.
    pub fresh: bool,
    /// It only chooses the value of an expression (`p ? p->x : 0`): such tests are made for safety's sake more often than those that choose what
    /// is done.
    pub chooses_value: bool,
    /// It is a part of a larger condition (`p && n`), or asks for something else that the pointer follows from.
    pub compound: bool,
    /// What was asked there is whether the pointer is NULL, and nothing else.
    pub alone: bool,
    /// Whatever was decided since concerns arguments as they were handed.
    pub independent: bool,
    /// It is the head of a loop, or one came after it: what went before says nothing of the pointer any more.
    pub left_loop: bool,
    /// What was asked is a place in memory, not a variable.
    pub in_memory: bool,
    /// All that comes of it is a warning: it is an assertion, and says that there is an object.
    pub asserts: bool,
}

/// One path at one moment.
pub struct Path<'p, 'a> {
    pub world: &'p World<'a>,
    pub func: FuncId,
    pub body: &'p Body,
    pub values: &'p Values,
    pub state: &'p State,
    /// The function has no room left to tell its paths apart by more than locks, context and objects.
    pub narrow: bool,
    pub(super) trail: &'p [Decision],
}

impl<'p> Path<'p, '_> {
    /// What is known of a value.
    pub fn known(&self, value: ValueId) -> Interval {
        self.state.known(self.values, value)
    }

    /// The decisions that led here, the last one first.
    pub fn decisions(&self) -> impl Iterator<Item = Decision> + use<'p> {
        let trail = self.trail;
        let mut at = self.state.trail;
        std::iter::from_fn(move || {
            let step = (at != 0).then(|| trail[at as usize])?;
            at = step.parent;
            Some(step)
        })
    }

    /// Whether the path leads behind a warning: its author says that this does not happen.
    pub fn warned(&self) -> bool {
        self.decisions().any(|step| behind_warning(self.world, self.body, step))
    }

    /// The decision that found a pointer to be NULL, if one did.
    pub fn null_test(&self, pointer: ValueId) -> Option<NullTest> {
        let mut decisions = self.decisions();
        let last = decisions.next()?;
        // What a choice gave is NULL by the condition it was chosen by.
        let pointer = match self.values.get(pointer) {
            Value::Select(cond, ..) => self.values.pointer_root(self.values.tested(cond)),
            _ => pointer,
        };
        let step = std::iter::once(last).chain(decisions).find(|d| d.tested == Some(pointer))?;
        let block = self.body.block(step.block);
        let Term::Branch { cond, then, els } = block.term else { return None };
        Some(NullTest {
            loc: block.loc,
            cond,
            text: self.body.text(cond),
            taken: step.taken,
            in_macro: !block.origin.is_empty(),
            fresh: last == step,
            independent: self.decisions().take_while(|d| *d != step).all(|d| self.about_argument(d)),
            left_loop: self.decisions().take_while(|d| *d != step).chain([step]).any(|d| self.is_loop_head(d.block)),
            chooses_value: self.yields_temporary(then) || self.yields_temporary(els),
            compound: self.part_of_condition(step.block, [then, els]) || !self.asks_alone(cond),
            alone: self.asks_alone(cond),
            in_memory: self.asks_memory(cond),
            asserts: only_warns(self.world, self.body, if step.taken { then } else { els }),
        })
    }

    /// Whether a condition asks for what lies in memory, and for nothing else.
    fn asks_memory(&self, cond: ExprId) -> bool {
        match self.body.expr(cond) {
            Expr::Load(place, _) => !matches!(self.body.expr(place), Expr::Local(_)),
            Expr::Un(UnOp::Not, a) => self.asks_memory(a),
            Expr::Bin(BinOp::Eq | BinOp::Ne, a, b) => self.asks_memory(a) || self.asks_memory(b),
            _ => false,
        }
    }

    /// Whether a block ends in nothing but a test of one pointer.
    pub fn tests_pointer(&self, block: BlockId) -> bool {
        matches!(self.body.block(block).term, Term::Branch { cond, .. } if self.asks_alone(cond))
    }

    /// Whether a local is only ever NULL.
    pub fn always_null(&self, local: LocalId) -> bool {
        let own = |e: ExprId| matches!(self.body.expr(e), Expr::Local(l) if l == local);
        let address = self.body.exprs.iter().any(|e| matches!(e, Expr::Addr(p) if own(*p)));
        !address
            && local.number() >= self.body.params
            && self.body.ops.iter().all(|op| match op.kind {
                OpKind::Store { place, value } => !own(place) || matches!(self.body.expr(value), Expr::Int(0)),
                OpKind::Call { dst, .. } => dst != Some(local),
                OpKind::LoopNext { args, .. } => !self.body.call_args(args).iter().any(|&a| self.body.mentions_local(a, local)),
                _ => true,
            })
    }

    /// Whether NULL is written to a local as such, rather than as one arm of a choice.
    pub fn set_to_null(&self, local: LocalId) -> bool {
        self.body.ops.iter().any(|op| match op.kind {
            OpKind::Store { place, value } => {
                matches!(self.body.expr(place), Expr::Local(l) if l == local) && matches!(self.body.expr(value), Expr::Int(0))
            }
            OpKind::Zero { place } => matches!(self.body.expr(place), Expr::Local(l) if l == local),
            _ => false,
        })
    }

    /// Whether a condition is nothing but a test of one pointer.
    fn asks_alone(&self, cond: ExprId) -> bool {
        match self.body.expr(cond) {
            Expr::Load(_, pointee) => pointee.is_pointer(),
            Expr::Un(UnOp::Not, a) => self.asks_alone(a),
            Expr::Bin(BinOp::Eq | BinOp::Ne, a, b) => match (self.body.expr(a), self.body.expr(b)) {
                (Expr::Int(0), _) => self.asks_alone(b),
                (_, Expr::Int(0)) => self.asks_alone(a),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a branch is one of several that decide between the same two blocks.
    fn part_of_condition(&self, block: BlockId, to: [BlockId; 2]) -> bool {
        let arms = |b: BlockId| match self.body.block(b).term {
            Term::Branch { then, els, .. } => Some([then, els]),
            _ => None,
        };
        let shares = |a: [BlockId; 2], b: [BlockId; 2]| a.iter().any(|x| b.contains(x));
        let unnamed = |l: LocalId| self.body.local_name(l).is_empty();
        let asks_only = |b: BlockId| {
            self.body.block_ops(self.body.block(b)).iter().all(|op| match op.kind {
                OpKind::Access { .. } => true,
                OpKind::Call { dst, .. } => dst.is_some_and(unnamed),
                OpKind::Store { place, .. } => matches!(self.body.expr(place), Expr::Local(l) if unnamed(l)),
                _ => false,
            })
        };
        let next = |t: BlockId| arms(t).filter(|_| asks_only(t));
        to.iter().any(|&t| next(t).is_some_and(|next| shares(next, to)))
            || asks_only(block)
                && (0..self.body.blocks.len() as u32)
                    .map(BlockId)
                    .any(|b| b != block && arms(b).is_some_and(|before| before.contains(&block) && shares(before, to)))
    }

    /// Whether everything this path has decided concerns parameters as they were handed, so that a caller can have it so.
    pub fn decided_by_arguments(&self) -> bool {
        self.decisions().all(|d| self.about_argument(d))
    }

    fn about_argument(&self, decision: Decision) -> bool {
        decision.tested.is_some_and(|v| self.values.param(v, self.body.params).is_some())
    }

    /// Whether a block does nothing more than give a value to something without a name.
    fn yields_temporary(&self, block: BlockId) -> bool {
        let b = self.body.block(block);
        let unnamed = |l: LocalId| self.body.local_name(l).is_empty();
        matches!(b.term, Term::Goto(_))
            && self.body.block_ops(b).last().is_some_and(|op| match op.kind {
                OpKind::Store { place, .. } | OpKind::Zero { place } => matches!(self.body.expr(place), Expr::Local(l) if unnamed(l)),
                OpKind::Call { dst: Some(l), .. } => unnamed(l),
                _ => false,
            })
    }

    /// The member that a value was loaded from when the function was entered.
    pub fn member(&self, value: ValueId) -> Option<(Record, Symbol)> {
        match self.values.get(value) {
            Value::Entry(place) => match self.values.get(place) {
                Value::PField(_, field, record) if !record.is_unknown() => Some((record, field)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The variable that a place in memory belongs to; `None`: it is a local one, or not known.
    pub fn variable_at(&self, place: ValueId) -> Option<Variable> {
        let mut at = place;
        let mut member = None;
        loop {
            at = match self.values.get(at) {
                Value::PField(base, name, record) => {
                    member = member.or_else(|| (!record.is_unknown()).then_some((record, name)));
                    base
                }
                Value::PIndex(base, _) => base,
                Value::PGlobal(name) => {
                    return Some(Variable { of: member.map_or(VariableOf::Global(name), VariableOf::from), percpu: None });
                }
                Value::PDeref(v) => {
                    let percpu = self.percpu(v);
                    let of = member.map(VariableOf::from).or_else(|| percpu.and_then(|p| p.1));
                    return of.map(|of| Variable { of, percpu: percpu.map(|p| p.0) });
                }
                _ => return None,
            };
        }
    }

    /// The variable that a pointer leads to, as far as that is known.
    pub fn variable_behind(&self, pointer: ValueId) -> Option<Variable> {
        match self.values.get(pointer) {
            Value::Addr(place) => self.variable_at(place),
            _ => self.percpu(pointer).and_then(|(percpu, of)| Some(Variable { of: of?, percpu: Some(percpu) })),
        }
    }

    /// Of which per-CPU variable this value points to a copy.
    fn percpu(&self, value: ValueId) -> Option<(PerCpu, Option<VariableOf>)> {
        let OpKind::Call { target: Target::Name(name), args, .. } = self.body.op(self.values.call(value)?)?.kind else { return None };
        let of = self.world.model.entry(name)?.percpu?;
        let mut at = *self.body.call_args(args).first()?;
        for _ in 0..8 {
            at = match self.body.expr(at) {
                Expr::Addr(inner) | Expr::Load(inner, _) | Expr::Deref(inner) | Expr::Index { base: inner, .. } => inner,
                Expr::Global(name) => return Some((of, Some(VariableOf::Global(name)))),
                Expr::Field { record, name, .. } if !record.is_unknown() => return Some((of, Some(VariableOf::Member(record, name)))),
                Expr::Field { base, .. } => base,
                _ => break,
            };
        }
        Some((of, None))
    }

    /// The variable that holds a value.
    pub fn variable(&self, value: ValueId) -> Option<LocalId> {
        self.state.env.iter().find_map(|&(place, v)| match self.values.get(place) {
            Value::PLocal(l) if v == value && !self.body.local_name(l).is_empty() => Some(l),
            _ => None,
        })
    }

    /// The pointer of an access as the reader knows it: as written, or the variable that took the call's result.
    pub fn pointer_name(&self, access: &Access<'_>, result: Option<Symbol>, callee: Symbol) -> String {
        if let Some(l) = self.variable(access.pointer) {
            return self.body.local_name(l).as_str().to_owned();
        }
        let written = access.text.map(|e| self.body.text(e)).filter(|text| text != "…").or_else(|| {
            let place = self.state.env.iter().find(|e| e.1 == access.pointer && self.values.local_of(e.0).is_none())?.0;
            self.describe_place(place, 0)
        });
        written.or_else(|| result.map(|n| n.as_str().to_owned())).unwrap_or_else(|| match callee {
            Symbol::EMPTY => "the pointer".to_owned(),
            callee => format!("{callee}()"),
        })
    }

    /// The parameter of a static function that a value is: all its callers may hand a pointer.
    pub fn handed_by_callers(&self, value: ValueId) -> Option<u32> {
        let bound = || !self.world.bindings(self.func).is_empty();
        let asks_callers = self.body.is_static && (!self.world.entry_points.contains_key(&self.func) || bound());
        self.values.param(value, self.body.params).filter(|_| asks_callers)
    }

    /// The member of an operations table that a pointer is, and another member of the same table that this path has tested.
    pub fn sibling_tested(&self, pointer: ValueId) -> Option<(Symbol, Option<Symbol>)> {
        let place = |v: ValueId| match self.values.get(v) {
            Value::Entry(place) => match self.values.get(place) {
                Value::PField(base, member, _) => Some((base, member)),
                _ => None,
            },
            _ => None,
        };
        let (base, member) = place(pointer)?;
        let sibling = self.decisions().filter_map(|d| place(d.tested?)).find(|p| p.0 == base && p.1 != member);
        Some((member, sibling.map(|p| p.1)))
    }

    /// A value in the source's words, as far as there are any: the variable that holds it, or what it is.
    pub fn describe(&self, value: ValueId) -> Option<String> {
        if let Some(l) = self.variable(value) {
            return Some(self.body.local_name(l).as_str().to_owned());
        }
        match self.values.get(value) {
            Value::Entry(place) => self.describe_place(place, 0),
            Value::Addr(place) => self.describe_place(place, 0).map(|text| format!("&{text}")),
            Value::Fresh(Origin::Cursor(op, _)) => {
                let OpKind::LoopNext { name, args } = self.body.op(op)?.kind else { return None };
                let cursor = self.world.model.loop_macro(name)?.cursor;
                self.body.call_args(args).get(cursor as usize).map(|&e| self.body.text(e))
            }
            Value::Fresh(Origin::LaterRound(_, place)) => self.describe_place(place, 0),
            Value::Fresh(_) => match self.body.op(self.values.call(value)?)?.kind {
                OpKind::Call { dst: Some(l), .. } if !self.body.local_name(l).is_empty() => {
                    Some(self.body.local_name(l).as_str().to_owned())
                }
                OpKind::Call { target: Target::Name(name), .. } => Some(format!("{name}()")),
                _ => None,
            },
            Value::Container(p, ..) => self.describe(p),
            _ => None,
        }
    }

    /// A place in the source's words.
    pub fn describe_place(&self, place: ValueId, depth: u32) -> Option<String> {
        if depth > 8 {
            return None;
        }
        match self.values.get(place) {
            Value::PLocal(l) => Some(self.body.local_name(l)).filter(|n| !n.is_empty()).map(|n| n.as_str().to_owned()),
            Value::PGlobal(name) => Some(name.as_str().to_owned()),
            Value::PField(base, name, _) => match self.values.get(base) {
                Value::PDeref(v) => Some(format!("{}->{name}", self.describe(v)?)),
                _ => Some(format!("{}.{name}", self.describe_place(base, depth + 1)?)),
            },
            Value::PDeref(v) => Some(format!("*{}", self.describe(v)?)),
            Value::PIndex(base, _) => Some(format!("{}[…]", self.describe_place(base, depth + 1)?)),
            _ => None,
        }
    }

    /// Whether the path left a loop.
    pub fn left_loop(&self) -> bool {
        self.decisions().any(|step| self.is_loop_head(step.block))
    }

    /// Whether a later block leads back to one.
    fn is_loop_head(&self, block: BlockId) -> bool {
        let mut head = matches!(self.body.block(block).term, Term::LoopBranch { .. });
        for later in &self.body.blocks[block.index()..] {
            later.term.successors(|s| head |= s == block);
        }
        head
    }

    /// Whether a condition decided on this path after an operation reads one of these locals.
    pub fn decided_by(&self, since: OpId, locals: &[LocalId]) -> bool {
        !locals.is_empty()
            && self.decisions().any(|step| match self.body.block(step.block) {
                b if since.0 < b.ops.1 => match b.term {
                    Term::Branch { cond, .. } => locals.iter().any(|&l| self.body.mentions_local(cond, l)),
                    _ => false,
                },
                _ => false,
            })
    }

    /// Whether a local holds what somebody outside the kernel has chosen.
    pub fn from_outside(&self, local: LocalId) -> bool {
        let value = self.state.env.iter().find(|e| self.values.get(e.0) == Value::PLocal(local)).map(|e| e.1);
        match value.and_then(|v| self.values.call(v)).and_then(|op| self.body.op(op)).map(|op| op.kind) {
            Some(OpKind::Call { target: Target::Name(name), .. }) => self.world.model.entry(name).is_some_and(|e| e.outside),
            _ => false,
        }
    }

    /// The function that this path has called since an operation without its body having been read, if there is one.
    pub fn unread_since(&self, since: OpId) -> Option<Symbol> {
        let op = self.state.unread.iter().rev().find(|op| **op > since)?;
        match self.body.op(*op)?.kind {
            OpKind::Call { target: Target::Name(name), .. } => Some(name),
            _ => None,
        }
    }

    /// Whether it is only assumed that a call returned in the way that frees: the path did not ask for the result.
    pub fn assumes_free(&self, freed: &Freed) -> bool {
        let Some(result) = freed.result else { return false };
        let made = self.values.get(result);
        !self.decisions().any(|d| d.tested.is_some_and(|t| self.values.rests_on(t, &|v| v == made)))
    }

    /// Whether merged paths may make it impossible that what was freed is met again: they were merged since, or what was decided since may go together with what they
    /// differed in before.
    pub fn merged_around(&self, freed: &Freed) -> bool {
        let own = |asked: ValueId| self.state.objects.freed(asked).is_some();
        self.merged_since(freed.merged, freed.trail, freed.op, &own)
    }

    /// The same of a reference that is asked for after it was taken.
    pub fn merged_around_reference(&self, taken: &Taken) -> bool {
        self.merged_since(taken.merged, taken.trail, taken.op, &|asked| asked == taken.object)
    }

    /// Whether paths were merged since an operation, or before it and what was asked since may go together with what they differed in. `own`: what asks for the object itself.
    fn merged_since(&self, merged: bool, trail: u32, op: OpId, own: &dyn Fn(ValueId) -> bool) -> bool {
        if !self.state.merged || merged {
            return self.state.merged;
        }
        let mut at = self.state.trail;
        while at != 0 && at != trail {
            let Some(step) = self.trail.get(at as usize) else { return true };
            if !step.tested.is_some_and(|tested| self.asked_anew(tested, op, own)) {
                return true;
            }
            at = step.parent;
        }
        false
    }

    /// Whether a later round of a loop may be another than is known here: something was decided since it began, which may go together with what rounds change.
    pub fn deep_in_round(&self) -> bool {
        let state = self.state;
        state.rounds.len() > 1 || !state.rounds.is_empty() && state.trail != state.round_trail
    }

    /// Whether what was tested says nothing of what went before an operation: the answer of a later call, an argument that is asked for nowhere else, or the object of the
    /// operation.
    fn asked_anew(&self, tested: ValueId, since: OpId, own: &dyn Fn(ValueId) -> bool) -> bool {
        let asked = match self.values.get(tested) {
            Value::Bin(_, a, b) if matches!(self.values.get(b), Value::Int(_)) => a,
            _ => tested,
        };
        let later = self.values.call(asked).is_some_and(|op| op > since);
        let once = || self.values.param(asked, self.body.params).is_some_and(|p| self.asked_once(LocalId::new(p)));
        later || own(asked) || once()
    }

    /// Whether one branch of the function alone asks for a local.
    fn asked_once(&self, local: LocalId) -> bool {
        let asks = |block: &&Block| match block.term {
            Term::Branch { cond, .. } | Term::Switch { value: cond, .. } => self.body.mentions_local(cond, local),
            _ => false,
        };
        self.body.blocks.iter().filter(asks).count() == 1
    }

    /// What a callee frees, as its caller would write it.
    pub fn freed_text(&self, freed: &Freed) -> Option<String> {
        if let Some(e) = freed.written {
            return Some(self.body.text(e)).filter(|text| text != "…");
        }
        let Way::Callee(f, id) = freed.way else { return None };
        let EffectKind::Free { place, .. } = &self.world.summary(f)?.effect(id)?.kind else { return None };
        let RelRoot::Param(param) = place.root else { return None };
        let mut text = self.argument_text(freed.op, param)?;
        let mut pointer = true;
        for step in &place.path {
            match step {
                RelStep::Deref => {
                    text = text.strip_prefix('&').map_or_else(|| text.clone(), str::to_owned);
                    pointer = true;
                }
                RelStep::Field(name, _) => {
                    text = match text.strip_prefix('&') {
                        Some(place) if pointer => format!("{place}.{name}"),
                        _ => format!("{text}{}{name}", if pointer { "->" } else { "." }),
                    };
                    pointer = false;
                }
                RelStep::Around(..) => return None,
            }
        }
        Some(text)
    }

    /// What the operation calls, or the loop macro that it steps.
    pub fn called(&self, op: OpId) -> Option<Symbol> {
        match self.body.op(op)?.kind {
            OpKind::Call { target: Target::Name(name), .. } | OpKind::LoopNext { name, .. } => Some(name),
            OpKind::Call { target: Target::Pointer(e), .. } => self.body.ops_field(e).map(|f| f.1),
            _ => None,
        }
    }

    /// An argument of the call at an operation, as written.
    pub fn argument_text(&self, op: OpId, argument: u8) -> Option<String> {
        let OpKind::Call { args, .. } = self.body.op(op)?.kind else { return None };
        Some(self.body.text(*self.body.call_args(args).get(argument as usize)?))
    }

    /// The locals whose addresses a call gets.
    pub fn locals_given(&self, args: &[ExprId]) -> Vec<LocalId> {
        let local = |&a: &ExprId| match self.body.expr(a) {
            Expr::Addr(place) => match self.body.expr(place) {
                Expr::Local(l) => Some(l),
                _ => None,
            },
            _ => None,
        };
        args.iter().filter_map(local).collect()
    }
}
