//! References that members of records hold: who stores a counted pointer in a member, who gives up what a member leads to, and who is handed that.
//!
//! Noted where paths show it, by the value that the pointer has; whoever is called through a pointer with such a one, or not read and named for ending something, counts as giving it up. What only loads the
//! pointer is not noted.

use super::facts::Fact;
use crate::body::{Body, Expr, ExprId, OpId, OpKind, Record, Target};
use crate::domain::Source;
use crate::engine::Path;
use crate::engine::event::{CallEvent, Event, EventKind};
use crate::program::World;
use crate::program::naming::names_end;
use crate::summary::{FuncId, Way};
use crate::value::{Origin, Value, ValueId};
use cuthere_base::Symbol;
use cuthere_kernel::RefOp;
use serde::{Deserialize, Serialize};

/// Uses of one function that are kept.
const USES_MAX: usize = 24;

/// What is done with the reference that a member holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HeldSide {
    /// The pointer is stored there when the function returns, with the reference that the operation took.
    Stored,
    /// The reference is given up, or may be.
    GivenUp,
}

/// One such use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldUse {
    pub op: OpId,
    pub side: HeldSide,
    pub record: Record,
    pub member: Symbol,
}

/// Notes such uses of one function.
#[derive(Default)]
pub(super) struct HeldRecorder(pub Vec<HeldUse>);

impl HeldRecorder {
    pub(super) fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        match &event.kind {
            EventKind::Reference { op: RefOp::Put, object, pointer, .. } => {
                for v in [*object, *pointer] {
                    if let Some((record, member)) = member(path, v) {
                        self.note(HeldUse { op: event.op, side: HeldSide::GivenUp, record, member });
                    }
                }
            }
            EventKind::Call(call) => self.call(path, event.op, call),
            EventKind::Exit { .. } => {
                for t in path.state.objects.references.taken() {
                    // What a look-up gave; of what was at hand, others may hold the reference that is given up.
                    let result = t.source == Source::Result && matches!(t.way, Way::Model(_)) && t.counter.is_empty();
                    if !result || t.count == 0 || t.doubtful || t.lost.is_some() {
                        continue;
                    }
                    for &(place, value) in &path.state.env {
                        let same = value == t.pointer;
                        if let Value::PField(_, member, record) = path.values.get(place)
                            && same
                            && !record.is_unknown()
                            && path.values.root(place).is_some()
                        {
                            self.note(HeldUse { op: t.op, side: HeldSide::Stored, record, member });
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Who is handed what a member leads to, may give it up.
    fn call(&mut self, path: &Path<'_, '_>, op: OpId, call: &CallEvent<'_>) {
        let modelled = path.world.model.entry(call.name);
        // What the model has words for, and none of them of keeping, leaves the reference where it is.
        let keeps = |i: usize| match modelled {
            Some(entry) => {
                let i = i.min(255) as u8;
                let bound = entry.callbacks.iter().any(|c| c.object == Some(i) || c.data == Some(i));
                bound || entry.frees.iter().any(|f| f.argument == i) || entry.publishes == Some(i)
            }
            // Of what was not read, the name has to do.
            None if call.callees.is_empty() => call.table.is_some() || names_end(call.name),
            None => call.callees.iter().any(|f| may_give_up(path.world, *f, i)),
        };
        for (i, &v) in call.args.iter().enumerate() {
            if let Some((record, member)) = member(path, path.values.pointer_root(v))
                && keeps(i)
            {
                self.note(HeldUse { op, side: HeldSide::GivenUp, record, member });
            }
        }
    }

    fn note(&mut self, new: HeldUse) {
        let known = |u: &HeldUse| u.side == new.side && u.record == new.record && u.member == new.member;
        if self.0.len() < USES_MAX && !self.0.iter().any(known) {
            self.0.push(new);
        }
    }
}

/// Whether a function may give up a reference to what an argument points to, or keep the pointer.
fn may_give_up(world: &World<'_>, f: FuncId, i: usize) -> bool {
    use crate::summary::{EffectKind, RelRoot};
    let Some(summary) = world.summary(f) else { return true };
    let here = |root: &RelRoot| *root == RelRoot::Param(i.min(255) as u8);
    let gives_up = summary.effects().any(|(_, e)| match &e.kind {
        EffectKind::Reference { place, op: RefOp::Put, .. } | EffectKind::Free { place, .. } => here(&place.root),
        _ => false,
    });
    gives_up || summary.truncated || summary.keeps >> i.min(63) & 1 == 1
}

/// The member that a pointer was loaded from, also by what only reads it (`rtnl_dereference(x->dev)`).
fn member(path: &Path<'_, '_>, value: ValueId) -> Option<(Record, Symbol)> {
    let values = path.values;
    if let Some(op) = values.call(value) {
        return read_by(path, op);
    }
    let (Value::Entry(place) | Value::Fresh(Origin::Havoc(place, _) | Origin::LaterRound(_, place)) | Value::Phi(_, place)) =
        values.get(value)
    else {
        return None;
    };
    match values.get(place) {
        Value::PField(_, member, record) if !record.is_unknown() => Some((record, member)),
        _ => None,
    }
}

/// The member whose value a call gives that only reads its argument.
fn read_by(path: &Path<'_, '_>, op: OpId) -> Option<(Record, Symbol)> {
    let (name, args) = path.body.named_call(op)?;
    let reads = path.world.model.entry(name)?.accesses.iter().any(|a| a.argument == 0 && !a.store);
    loaded_member(path.body, *args.first().filter(|_| reads)?)
}

/// The member that an expression loads.
fn loaded_member(body: &Body, e: ExprId) -> Option<(Record, Symbol)> {
    let Expr::Load(place, _) = body.expr(e) else { return None };
    match body.expr(place) {
        Expr::Field { record, name, .. } if !record.is_unknown() => Some((record, name)),
        _ => None,
    }
}

/// Such uses over the tree, in order of functions.
#[derive(Default)]
pub struct HeldUses(pub Vec<(FuncId, HeldUse)>);

impl HeldUses {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        if let Fact::Held(u) = fact {
            self.0.push((func, *u));
        }
    }
}

/// Members whose value a body hands on in a way that paths do not show: stores elsewhere in memory, returns, or gives to what is called through a pointer.
pub fn handed_on(body: &Body) -> impl Iterator<Item = (Record, Symbol)> + '_ {
    let loaded = |e| loaded_member(body, e);
    let stored = body.ops.iter().filter_map(move |op| match op.kind {
        OpKind::Store { place, value } if !matches!(body.expr(place), Expr::Local(_)) => loaded(value),
        _ => None,
    });
    let given = body.ops.iter().flat_map(move |op| match op.kind {
        OpKind::Call { target: Target::Pointer(_), args, .. } => body.call_args(args),
        _ => &[],
    });
    let returned = body.blocks.iter().filter_map(move |b| match b.term {
        crate::body::Term::Return(Some(e)) => loaded(e),
        _ => None,
    });
    stored.chain(given.filter_map(move |&e| loaded(e))).chain(returned)
}
