//! What functions do with data that RCU protects: lists by the link of their elements, pointers asked for outside of any section, callbacks after a grace
//! period and who waits for them.
//!
//! Noted per function; [`RcuUses`] adds it up over the tree. A list is known by its elements' link (record and member), since heads are hashed and handed
//! around. Whether a lock is held counts without saying which: whoever updates holds one.

use super::facts::Fact;
use crate::body::{OpId, OpKind, Record, Target};
use crate::domain::State;
use crate::engine::Path;
use crate::engine::event::{Event, EventKind};
use crate::summary::{FuncId, Way};
use crate::value::{Value, ValueId, Values};
use cuthere_base::Symbol;
use cuthere_kernel::{CallbackOp, ListOp, Section};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// One place at which a function does something with a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ListUse {
    pub record: Record,
    pub member: Symbol,
    /// The member or variable that is the list's head; empty: not known.
    pub head: Symbol,
    pub op: ListOp,
    /// By a primitive for lists that others walk meanwhile.
    pub rcu: bool,
    /// In a read-side section that begins here.
    pub section: bool,
    /// Here, with a lock held.
    pub locked: bool,
    /// The element is not on a list that others know: it was made here, or has been unlinked before.
    pub private: bool,
    pub at: OpId,
}

/// Something that a function does with what RCU protects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum RcuFact {
    List(ListUse),
    /// A pointer is asked for, or a list walked, with no section, lock or disabled context of this function's own.
    Unprotected {
        at: OpId,
        by: Symbol,
        strict: bool,
    },
    /// A callback is armed that runs after a grace period.
    Arms {
        at: OpId,
        function: Symbol,
    },
    /// It waits for such callbacks.
    Barrier {
        at: OpId,
    },
    /// It waits for a grace period.
    Grace {
        at: OpId,
    },
    /// Something is freed or destroyed at once.
    Frees {
        at: OpId,
        by: Symbol,
    },
}

impl RcuFact {
    fn at(&self) -> OpId {
        match *self {
            RcuFact::List(ListUse { at, .. })
            | RcuFact::Unprotected { at, .. }
            | RcuFact::Arms { at, .. }
            | RcuFact::Barrier { at }
            | RcuFact::Grace { at }
            | RcuFact::Frees { at, .. } => at,
        }
    }
}

/// Notes what one function does with RCU.
#[derive(Default)]
pub(super) struct RcuRecorder {
    pub facts: Vec<RcuFact>,
    /// Elements that were unlinked.
    unlinked: Vec<ValueId>,
}

/// More of one function are not kept.
const FACTS_MAX: usize = 48;

impl RcuRecorder {
    fn note(&mut self, fact: RcuFact) {
        let same = |f: &&mut RcuFact| std::mem::discriminant(*f) == std::mem::discriminant(&fact) && f.at() == fact.at();
        if let Some(old) = self.facts.iter_mut().find(same) {
            // What holds on every path.
            if let (RcuFact::List(old), RcuFact::List(new)) = (old, fact) {
                old.section |= new.section;
                old.locked |= new.locked;
                old.private &= new.private;
            }
        } else if self.facts.len() < FACTS_MAX {
            self.facts.push(fact);
        }
    }

    pub(super) fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        let at = event.op;
        match &event.kind {
            EventKind::List { op, link, head, rcu } => self.list(path, event, *op, (*link, *head), *rcu),
            EventKind::RcuPointer { .. } if !covered(path.state) => {
                let Way::Model(by) = event.way else { return };
                let strict = match path.world.model.entry(by) {
                    Some(entry) => match entry.needs {
                        Some(Section::Rcu | Section::Bh | Section::Sched) => true,
                        _ => return,
                    },
                    None => false,
                };
                self.note(RcuFact::Unprotected { at, by, strict });
            }
            EventKind::Callback { op, kind, function, .. } if kind.as_str() == "rcu" => match op {
                CallbackOp::Arm => {
                    if let Some(Value::Function(function)) = function.map(|f| path.values.get(f)) {
                        self.note(RcuFact::Arms { at, function });
                    }
                }
                CallbackOp::Flush => self.note(RcuFact::Barrier { at }),
                _ => {}
            },
            EventKind::Wait { object: None } if grace(path, at) => self.note(RcuFact::Grace { at }),
            EventKind::Free { freed, .. } if !freed.deferred && !freed.moved && matches!(event.way, Way::Model(_)) => {
                self.note(RcuFact::Frees { at, by: freed.by });
            }
            _ => {}
        }
    }

    fn list(&mut self, path: &Path<'_, '_>, event: &Event<'_>, op: ListOp, (link, head): (ValueId, Option<ValueId>), rcu: bool) {
        let Some((record, member, element)) = link_of(path.values, link) else { return };
        let made = |v: ValueId| {
            let call = path.values.call(v).and_then(|op| path.body.op(op));
            match call.map(|op| op.kind) {
                Some(OpKind::Call { target: Target::Name(name), .. }) => path.world.model.entry(name).is_some_and(|e| e.allocates),
                _ => false,
            }
        };
        // On the stack, or at file level: a head, or a list of this function's own.
        let stack = head.is_some_and(|h| matches!(path.values.get(h), Value::Addr(p) if path.values.local_of(p).is_some()));
        let head = head.and_then(|h| head_name(path.values, h)).unwrap_or_default();
        let private = stack || element.is_none_or(|v| self.unlinked.contains(&v) || op == ListOp::Remove && made(v));
        if let (ListOp::Remove, Some(v)) = (op, element) {
            self.unlinked.push(v);
        }
        let state = path.state;
        let section = state.ctx.rcu > 0;
        let locked = state.locks.held.iter().any(|l| l.op.is_some()) || !state.locks.asserted.is_empty();
        self.note(RcuFact::List(ListUse { record, member, head, op, rcu, section, locked, private, at: event.op }));
    }
}

/// The link's record and member, and the pointer to the element; `None` in its place: the element lies in a variable.
fn link_of(values: &Values, link: ValueId) -> Option<(Record, Symbol, Option<ValueId>)> {
    let mut at = link;
    let mut found = None;
    loop {
        match values.get(at) {
            Value::PField(base, name, record) => {
                found = (!record.is_unknown()).then_some((record, name)).or(found);
                at = base;
            }
            Value::PIndex(base, _) => at = base,
            Value::PDeref(v) => return found.map(|(r, m)| (r, m, Some(values.pointer_root(v)))),
            _ => return found.map(|(r, m)| (r, m, None)),
        }
    }
}

/// The member or variable that a list's head is, or lies in.
fn head_name(values: &Values, head: ValueId) -> Option<Symbol> {
    let Value::Addr(mut at) = values.get(head) else { return None };
    loop {
        at = match values.get(at) {
            Value::PField(_, name, _) | Value::PGlobal(name) => return Some(name),
            Value::PIndex(base, _) => base,
            _ => return None,
        };
    }
}

/// Whether something here keeps grace periods from ending, or updaters away.
fn covered(state: &State) -> bool {
    let c = state.ctx;
    c.rcu > 0
        || c.bh > 0
        || c.irq > 0
        || c.preempt > 0
        || !state.locks.held.is_empty()
        || !state.locks.asserted.is_empty()
        || state.locks.doubtful
}

fn grace(path: &Path<'_, '_>, at: OpId) -> bool {
    match path.body.op(at).map(|op| op.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => path.world.model.entry(name).is_some_and(|e| e.grace_period),
        _ => false,
    }
}

/// What the tree does with what RCU protects.
#[derive(Default)]
pub struct RcuUses {
    /// Sorted by function, as noted.
    pub all: Vec<(FuncId, RcuFact)>,
}

impl RcuUses {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        if let Fact::Rcu(fact) = fact {
            self.all.push((func, *fact));
        }
    }

    /// What one function does.
    pub fn of(&self, func: FuncId) -> impl Iterator<Item = &RcuFact> {
        let from = self.all.partition_point(|(f, _)| *f < func);
        self.all[from..].iter().take_while(move |(f, _)| *f == func).map(|(_, fact)| fact)
    }

    /// The uses of lists by the link of their elements, in order of the first one.
    pub fn lists(&self) -> Vec<Vec<(FuncId, ListUse)>> {
        let mut of: FxHashMap<(Record, Symbol), usize> = FxHashMap::default();
        let mut out: Vec<Vec<(FuncId, ListUse)>> = Vec::new();
        for (func, fact) in &self.all {
            if let RcuFact::List(u) = fact {
                let at = *of.entry((u.record, u.member)).or_insert_with(|| {
                    out.push(Vec::new());
                    out.len() - 1
                });
                out[at].push((*func, *u));
            }
        }
        out
    }
}
