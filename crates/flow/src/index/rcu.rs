//! What functions do with data that RCU protects: lists by the link of their elements, pointers asked for outside of any section, callbacks after a grace
//! period and who waits for them.
//!
//! Noted per function; [`RcuUses`] adds it up over the tree. A list is known by its elements' link (record and member), since heads are hashed and handed
//! around. Whether a lock is held counts without saying which: whoever updates holds one.

use super::facts::Fact;
use super::lock_place::{LockPlace, made_here};
use crate::body::{OpId, OpKind, Record, Target};
use crate::domain::State;
use crate::engine::Path;
use crate::engine::event::{Event, EventKind};
use crate::program::naming::names_maker;
use crate::summary::{FuncId, Way};
use crate::value::{Origin, Value, ValueId, Values};
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
    /// Where the list lies.
    pub lies: ListLies,
    /// The element is freed here, after it was taken off.
    pub freed: bool,
    /// The classes of locks that are held or asserted on every path.
    pub locks: [Symbol; LOCKS_MAX],
    pub at: OpId,
}

/// Where a list lies, as the function that changes it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ListLies {
    /// In an object that this function has made, or on its stack: nobody else need know of it yet.
    Here,
    /// In what an argument points to, which the caller may have made.
    Argument,
    /// In a variable of the whole program, or in an object that was reached by way of another.
    Known,
    Unknown,
}

/// Classes of locks that are told apart at one use.
const LOCKS_MAX: usize = 3;

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
    /// Elements that were unlinked, and by which operation.
    unlinked: Vec<(ValueId, OpId)>,
    /// Elements that were met, and where their list lies.
    met: Vec<(ValueId, ListLies)>,
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
                old.freed |= new.freed;
                for class in &mut old.locks {
                    if !new.locks.contains(class) {
                        *class = Symbol::EMPTY;
                    }
                }
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
            EventKind::Free { object, freed, .. } if !freed.deferred && !freed.moved => {
                if !(freed.last || freed.put || freed.handle || freed.by_state) {
                    self.freed(path.values.pointer_root(*object));
                }
                if matches!(event.way, Way::Model(_)) {
                    self.note(RcuFact::Frees { at, by: freed.by });
                }
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
        let met = element.and_then(|v| self.met.iter().find(|m| m.0 == v)).map(|m| m.1);
        let lies = head.map(|h| list_lies(path, h)).or(met).unwrap_or(match element {
            // What a caller hands over to be taken off is on a list that he knows.
            Some(v) if path.values.param(v, path.body.params).is_some() => ListLies::Known,
            _ => ListLies::Unknown,
        });
        if let (Some(element), true) = (element, head.is_some() && met.is_none() && self.met.len() < FACTS_MAX) {
            self.met.push((element, lies));
        }
        let stack = head.is_some_and(|h| matches!(path.values.get(h), Value::Addr(p) if path.values.local_of(p).is_some()));
        let head = head.and_then(|h| head_name(path.values, h)).unwrap_or_default();
        let private = stack || element.is_none_or(|v| self.unlinked.iter().any(|u| u.0 == v) || op == ListOp::Remove && made(v));
        if let (ListOp::Remove, Some(v)) = (op, element) {
            self.unlinked.push((v, event.op));
        }
        let state = path.state;
        let section = state.ctx.rcu > 0;
        let locked = state.locks.held.iter().any(|l| l.op.is_some()) || !state.locks.asserted.is_empty();
        let locks = classes(path);
        let (freed, at) = (false, event.op);
        self.note(RcuFact::List(ListUse { record, member, head, op, rcu, section, locked, private, lies, freed, locks, at }));
    }

    /// An element is freed: it was taken off a list for that.
    fn freed(&mut self, object: ValueId) {
        for &(_, op) in self.unlinked.iter().filter(|u| u.0 == object) {
            for fact in &mut self.facts {
                if let RcuFact::List(ListUse { op: ListOp::Remove, freed, at, .. }) = fact
                    && *at == op
                {
                    *freed = true;
                }
            }
        }
    }
}

/// The link's record and member, and the pointer to the element; `None` in its place: the element lies in a variable.
fn link_of(values: &Values, link: ValueId) -> Option<(Record, Symbol, Option<ValueId>)> {
    let mut at = link;
    let mut found: Option<(Record, Symbol)> = None;
    // The outermost one with a name, where the element's own record has none.
    let mut named: Option<(Record, Symbol)> = None;
    loop {
        match values.get(at) {
            // The whole way from the element's record: one that embeds several, or a union of them, serves for several lists.
            Value::PField(base, name, record) => {
                let way = found.map_or(name, |(_, member)| Symbol::intern(&format!("{name}.{member}")));
                found = Some((record, way));
                named = found.filter(|f| !f.0.is_unknown()).or(named);
                at = base;
            }
            Value::PIndex(base, _) => at = base,
            Value::PDeref(v) => return named.map(|(r, m)| (r, m, Some(values.pointer_root(v)))),
            _ => return named.map(|(r, m)| (r, m, None)),
        }
    }
}

/// The link's record and member, and the pointer that the element is reached through.
pub(super) fn list_element(values: &Values, link: ValueId) -> Option<(Record, Symbol, ValueId)> {
    let (record, member, _) = link_of(values, link)?;
    Some((record, member, values.root(link)?))
}

/// The link's record and member.
pub fn list_link(values: &Values, link: ValueId) -> Option<(Record, Symbol)> {
    link_of(values, link).map(|(record, member, _)| (record, member))
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

/// The classes of the locks that are held, or said to be held.
fn classes(path: &Path<'_, '_>) -> [Symbol; LOCKS_MAX] {
    let locks = &path.state.locks;
    let asserted = locks.asserted.iter().filter_map(|place| Some(Symbol::intern(&LockPlace::of(path.values, path.body, *place)?.text())));
    let mut out = [Symbol::EMPTY; LOCKS_MAX];
    // The innermost ones are taken for the list.
    for (slot, class) in out.iter_mut().zip(asserted.chain(locks.held.iter().rev().map(|l| l.class))) {
        *slot = class;
    }
    out
}

/// Where the list with this head lies.
pub fn list_lies(path: &Path<'_, '_>, head: ValueId) -> ListLies {
    let values = path.values;
    if values.param(head, path.body.params).is_some() {
        return ListLies::Argument;
    }
    let Value::Addr(place) = values.get(head) else { return ListLies::Unknown };
    let Some(root) = values.root(place).map(|root| values.pointer_root(root)) else {
        return if values.local_of(place).is_some() { ListLies::Here } else { ListLies::Known };
    };
    let by_maker = || match values.get(root) {
        Value::Fresh(Origin::Result(op)) => {
            path.world.callees(path.func, op).is_some_and(|c| c.list().iter().any(|&f| names_maker(path.world.func(f).name)))
        }
        _ => false,
    };
    if made_here(path.world, path.func, values, place) || by_maker() {
        ListLies::Here
    } else if values.param(root, path.body.params).is_some() {
        ListLies::Argument
    } else {
        ListLies::Known
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
