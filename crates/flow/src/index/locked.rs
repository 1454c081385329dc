//! Under which locks members of records are accessed.
//!
//! Noted are the accesses under a lock, with every lock that is held on all paths to them: taken here, or asserted to be held. Who accesses the same member without one is looked
//! for when all is there ([`accesses`]), only for members of which that matters. Accesses by marked primitives, and to objects that the function has just made, do not
//! count.

use super::facts::Fact;
use super::lock_place::LockPlace;
use crate::body::{Body, Expr, ExprId, OpId, OpKind, Record, Target, Term};
use crate::engine::event::{CallEvent, Event, EventKind, Memory};
use crate::engine::{Path, VariableOf};
use crate::program::World;
use crate::summary::{FuncId, Way};
use crate::value::{Value, ValueId};
use cuthere_base::Symbol;
use cuthere_kernel::Assert;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Locks that are told apart at one access.
const LOCKS_MAX: usize = 4;
/// Accesses of one function that are kept.
const ACCESSES_MAX: usize = 400;

/// Steps of a way to an object that are followed.
const FROM_MAX: usize = 8;

/// A member of a record, or a variable of file level: a member of its file ([`Record::file_level`]).
pub type Member = (Record, Symbol);

/// A variable of file level, as one that a function names; `None`: nothing at file level is known to declare it.
pub fn file_level(world: &World<'_>, func: FuncId, name: Symbol) -> Option<Member> {
    let private = world.variable(world.func(func).file, name)?;
    Some((Record::file_level(private.map(|file| world.program.source.path(file))), name))
}

/// A member of a variable of file level, as one of a kind: `state.list` is there once, whatever other objects have such a member.
fn part_of(variable: Member, member: Symbol) -> Member {
    (variable.0, Symbol::intern(&format!("{}.{member}", variable.1)))
}

/// The name of the variable of file level that a member is, or is a part of.
pub fn variable_of(member: Member) -> Option<Symbol> {
    let name = member.1.as_str();
    member.0.is_file_level().then(|| Symbol::intern(name.split_once('.').map_or(name, |(variable, _)| variable)))
}

/// The variable of file level that a place lies in, without any pointer on the way.
fn variable_around(path: &Path<'_, '_>, place: ValueId) -> Option<Member> {
    let mut at = place;
    for _ in 0..12 {
        at = match path.values.get(at) {
            Value::PField(base, ..) | Value::PIndex(base, _) => base,
            Value::PGlobal(name) => return file_level(path.world, path.func, name),
            _ => return None,
        };
    }
    None
}

/// What is accessed at a place: a member of a record, and the same as a part of a variable of file level, or such a variable.
fn members(path: &Path<'_, '_>, place: ValueId) -> SmallVec<[Member; 2]> {
    let mut members = SmallVec::new();
    match path.variable_at(place).filter(|v| v.percpu.is_none()).map(|v| v.of) {
        Some(VariableOf::Member(record, member)) => {
            members.push((record, member));
            members.extend(variable_around(path, place).map(|v| part_of(v, member)));
        }
        Some(VariableOf::Global(name)) => members.extend(file_level(path.world, path.func, name)),
        None => {}
    }
    members
}

/// An access to a member under a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockedUse {
    pub op: OpId,
    pub record: Record,
    pub member: Symbol,
    /// The lock's class; empty: none was held. Then a record that is not known says that of whatever the operation accesses this is not certain, and only
    /// changes of lists, and variables of file level that are stored, or are lists, are noted besides.
    pub lock: Symbol,
    pub store: bool,
    /// A list is changed, walked or looked at as a whole.
    pub list: bool,
    /// Of which object the lock is.
    pub of: LockOf,
}

/// Of which object a lock is, as seen from what is accessed under it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum LockOf {
    /// Of that very object.
    Own,
    /// Of another object of the same record, which neither was reached from the other nor the other from it.
    Another,
    /// Of something else, or nothing is known.
    Else,
}

/// An access as long as the function is run.
struct Seen {
    op: OpId,
    member: Member,
    store: bool,
    list: bool,
    locks: SmallVec<[(Symbol, LockOf); 2]>,
}

/// Notes the accesses of one function.
#[derive(Default)]
pub struct LockedRecorder {
    seen: Vec<Seen>,
    asserted: SmallVec<[Symbol; 1]>,
    /// Operations that accessed memory with no lock held, a bit each.
    bare: Vec<u64>,
    /// Such where it is not certain that none was.
    doubtful: Vec<OpId>,
    /// Such that change a list, and such that store a variable of file level, or use it as a list.
    open: Vec<LockedUse>,
}

impl LockedRecorder {
    pub fn uses(self) -> impl Iterator<Item = LockedUse> {
        let bare = self.bare;
        let doubtful = self.doubtful.into_iter().map(|op| LockedUse {
            op,
            record: Record::UNKNOWN,
            member: Symbol::EMPTY,
            lock: Symbol::EMPTY,
            store: false,
            list: false,
            of: LockOf::Else,
        });
        let locked = move |s: &Seen| bare.get(s.op.index() / 64).is_none_or(|bits| bits >> (s.op.index() % 64) & 1 == 0);
        let seen = self.seen.into_iter().filter(locked).flat_map(|s| {
            let (op, (record, member), store, list) = (s.op, s.member, s.store, s.list);
            s.locks.into_iter().map(move |(lock, of)| LockedUse { op, record, member, lock, store, list, of })
        });
        seen.chain(doubtful).chain(self.open)
    }

    pub fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        match &event.kind {
            EventKind::Memory(memory) => self.memory(path, event, memory),
            EventKind::Call(call) if call.entry.is_none() => self.call(path, event.op, call),
            EventKind::Assert { claim: Assert::Held(_), lock: Some(place) } => {
                if let Some(VariableOf::Member(record, member)) = path.variable_at(*place).map(|v| v.of) {
                    let class = Symbol::intern(&format!("{record}.{member}"));
                    if !self.asserted.contains(&class) && self.asserted.len() < LOCKS_MAX {
                        self.asserted.push(class);
                    }
                }
            }
            _ => {}
        }
    }

    /// Functions whose bodies are at hand, and of which the model says more plainly what they access.
    fn call(&mut self, path: &Path<'_, '_>, op: OpId, call: &CallEvent<'_>) {
        let Some(entry) = path.world.model.entry(call.name) else { return };
        for effect in entry.accesses.iter().filter(|e| !e.marked) {
            let Some(&value) = call.args.get(effect.argument as usize) else { continue };
            if let Value::Addr(place) = path.values.get(value) {
                self.note(path, op, place, effect.store, true);
            }
        }
    }

    fn memory(&mut self, path: &Path<'_, '_>, event: &Event<'_>, memory: &Memory) {
        if !memory.marked && memory.percpu.is_none() {
            self.note(path, event.op, memory.place, memory.store, matches!(event.way, Way::Model(_)));
        }
    }

    fn note(&mut self, path: &Path<'_, '_>, op: OpId, place: ValueId, store: bool, list: bool) {
        let locks = &path.state.locks;
        let held = &locks.held;
        if held.is_empty() && self.asserted.is_empty() && locks.asserted.is_empty() {
            // A lock may have been taken for one that was given back.
            if path.state.locks.doubtful && self.doubtful.len() < ACCESSES_MAX && !self.doubtful.contains(&op) {
                self.doubtful.push(op);
            }
            let (word, bit) = (op.index() / 64, op.index() % 64);
            if self.bare.len() <= word {
                self.bare.resize(word + 1, 0);
            }
            self.bare[word] |= 1 << bit;
            if store || list {
                self.open(path, op, place, store, list);
            }
            return;
        }
        for member in members(path, place) {
            self.note_member(path, (op, place), member, store, list);
        }
    }

    fn note_member(&mut self, path: &Path<'_, '_>, (op, place): (OpId, ValueId), member: Member, store: bool, list: bool) {
        let locks = &path.state.locks;
        let held = &locks.held;
        // What was given back, and taken again, is the caller's again.
        let own = locks.asserted.iter().filter_map(|lock| LockPlace::of(path.values, path.body, *lock));
        let own: SmallVec<[Symbol; 2]> = own.map(|lock| Symbol::intern(&lock.text())).collect();
        let has = |class: Symbol| held.iter().any(|l| l.class == class) || self.asserted.contains(&class) || own.contains(&class);
        if let Some(seen) = self.seen.iter_mut().find(|s| s.op == op && s.member == member && s.store == store) {
            for (class, of) in &mut seen.locks {
                if let Some(lock) = held.iter().find(|l| l.class == *class) {
                    let now = lock_of(path, lock.place, place);
                    *of = if *of == now { now } else { LockOf::Else };
                }
            }
            seen.locks.retain(|lock| has(lock.0));
            return;
        }
        if self.seen.len() >= ACCESSES_MAX {
            return;
        }
        let mut locks: SmallVec<[(Symbol, LockOf); 2]> = SmallVec::new();
        let told = self.asserted.iter().copied().chain(own).map(|class| (class, LockOf::Else));
        for (class, of) in held.iter().map(|l| (l.class, lock_of(path, l.place, place))).chain(told) {
            // Of two locks of a class one may be the right one.
            if let Some(known) = locks.iter_mut().find(|l| l.0 == class) {
                known.1 = if known.1 == LockOf::Own || of == LockOf::Own { LockOf::Own } else { LockOf::Else };
            } else if locks.len() < LOCKS_MAX {
                locks.push((class, of));
            }
        }
        self.seen.push(Seen { op, member, store, list, locks });
    }

    /// A change of a list, or a use of a variable of file level, with no lock held.
    fn open(&mut self, path: &Path<'_, '_>, op: OpId, place: ValueId, store: bool, list: bool) {
        if self.open.iter().any(|u| u.op == op) || self.open.len() >= ACCESSES_MAX {
            return;
        }
        let counts = |m: &Member| m.0.is_file_level() || store && list;
        let noted = |(record, member)| LockedUse { op, record, member, lock: Symbol::EMPTY, store, list, of: LockOf::Else };
        self.open.extend(members(path, place).into_iter().filter(counts).map(noted));
    }
}

/// Of which object a lock is, as seen from a place.
fn lock_of(path: &Path<'_, '_>, lock: ValueId, place: ValueId) -> LockOf {
    let (Some((a, of)), Some((b, record))) = (object(path, lock), object(path, place)) else { return LockOf::Else };
    if a == b {
        return LockOf::Own;
    }
    // An element of a list, or a parent, may be under the lock of the whole.
    let from = |x: ValueId| {
        let mut at = x;
        std::iter::from_fn(move || match path.values.get(at) {
            Value::Entry(place) => {
                at = path.values.pointer_root(path.values.root(place)?);
                Some(at)
            }
            _ => None,
        })
    };
    let apart = || !from(a).take(FROM_MAX).any(|x| x == b) && !from(b).take(FROM_MAX).any(|x| x == a);
    if of == record && !record.is_unknown() && apart() { LockOf::Another } else { LockOf::Else }
}

/// The pointer to the object that a place lies in, and its record.
fn object(path: &Path<'_, '_>, place: ValueId) -> Option<(ValueId, Record)> {
    let mut at = place;
    let mut record = Record::UNKNOWN;
    for _ in 0..FROM_MAX {
        at = match path.values.get(at) {
            Value::PField(base, _, of) => {
                record = of;
                base
            }
            Value::PIndex(base, _) => base,
            Value::PDeref(v) => return Some((path.values.pointer_root(v), record)),
            _ => return None,
        };
    }
    None
}

/// An access under a lock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Access {
    pub func: FuncId,
    pub op: OpId,
    pub store: bool,
    pub list: bool,
    pub of: LockOf,
}

/// Accesses under locks, by member and lock.
#[derive(Default)]
pub struct Locked {
    by: FxHashMap<(Member, Symbol), Vec<Access>>,
    /// Operations with accesses of which it is not certain that no lock was held.
    doubtful: FxHashSet<(FuncId, OpId)>,
    /// Changes of lists, and uses of variables of file level, with no lock held.
    open: FxHashSet<(FuncId, OpId, Member)>,
}

impl Locked {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        if let Fact::Locked(u) = fact {
            if u.lock.is_empty() && u.record.is_unknown() {
                self.doubtful.insert((func, u.op));
                return;
            }
            if u.lock.is_empty() {
                self.open.insert((func, u.op, (u.record, u.member)));
                return;
            }
            self.by.entry(((u.record, u.member), u.lock)).or_default().push(Access {
                func,
                op: u.op,
                store: u.store,
                list: u.list,
                of: u.of,
            });
        }
    }

    /// Members with the locks that they are accessed under, and by whom; in no order.
    pub fn all(&self) -> impl Iterator<Item = (Member, Symbol, &[Access])> {
        self.by.iter().map(|((member, lock), uses)| (*member, *lock, uses.as_slice()))
    }

    /// The accesses to a member under a lock.
    pub fn under(&self, member: Member, lock: Symbol) -> &[Access] {
        self.by.get(&(member, lock)).map_or(&[], Vec::as_slice)
    }

    /// Whether it is not certain that an operation was made with no lock held.
    pub fn is_doubtful(&self, func: FuncId, op: OpId) -> bool {
        self.doubtful.contains(&(func, op))
    }

    /// Whether a list is changed, or a variable of file level stored or used as a list, on some path with no lock held.
    pub fn is_open(&self, member: Member, func: FuncId, op: OpId) -> bool {
        self.open.contains(&(func, op, member))
    }

    /// Whether an access is made under a lock of this class.
    pub fn holds(&self, member: Member, lock: Symbol, func: FuncId, op: OpId) -> bool {
        self.by.get(&(member, lock)).is_some_and(|all| all.iter().any(|u| u.func == func && u.op == op))
    }
}

/// One access in a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemberAccess {
    pub op: OpId,
    pub member: Member,
    pub store: bool,
    /// By a function that links or unlinks elements, or by walking a list.
    pub list: bool,
}

/// The accesses of a body to members that are wanted, outside of locals, by operation. `variables`: names of those of file level of which any is, or a part.
pub fn accesses(world: &World<'_>, func: FuncId, variables: impl Fn(Symbol) -> bool, wanted: impl Fn(Member) -> bool) -> Vec<MemberAccess> {
    let mut out = Vec::new();
    let (body, model) = (world.func(func), world.model);
    let mut walk = Walk { world, func, body, variables: &variables, wanted: &wanted, out: &mut out };
    for (id, block) in body.blocks() {
        for (op, o) in body.numbered_ops(block) {
            match o.kind {
                OpKind::Store { place, value } => {
                    walk.loads(op, value, 0);
                    walk.place(op, place, true, false);
                }
                OpKind::Zero { place } => walk.place(op, place, true, false),
                OpKind::Call { target, args, .. } => {
                    let entry = match target {
                        Target::Name(name) if model.place_macro(name).is_some() => continue,
                        Target::Name(name) => model.entry(name),
                        Target::Pointer(_) => None,
                    };
                    for (i, &a) in body.call_args(args).iter().enumerate() {
                        let effect = entry.and_then(|e| e.accesses.iter().find(|x| x.argument as usize == i));
                        match (body.expr(a), effect) {
                            (Expr::Addr(place), Some(x)) if !x.marked => walk.place(op, place, x.store, true),
                            (_, Some(x)) if x.named => {}
                            _ => walk.loads(op, a, 0),
                        }
                    }
                }
                OpKind::LoopNext { name, args } => {
                    let head = model.loop_macro(name).and_then(|l| l.head);
                    if let Some(&e) = head.and_then(|i| body.call_args(args).get(i as usize))
                        && let Expr::Addr(place) = body.expr(e)
                    {
                        walk.place(op, place, false, true);
                    }
                }
                _ => {}
            }
        }
        let end = OpId(body.block(id).ops.1);
        match &block.term {
            Term::Branch { cond, .. } => walk.loads(end, *cond, 0),
            Term::Switch { value, .. } => walk.loads(end, *value, 0),
            Term::Return(Some(value)) => walk.loads(end, *value, 0),
            _ => {}
        }
    }
    out
}

struct Walk<'w, V, W> {
    world: &'w World<'w>,
    func: FuncId,
    body: &'w Body,
    variables: &'w V,
    wanted: &'w W,
    out: &'w mut Vec<MemberAccess>,
}

impl<V: Fn(Symbol) -> bool, W: Fn(Member) -> bool> Walk<'_, V, W> {
    /// The loads that evaluating an expression makes.
    fn loads(&mut self, op: OpId, e: ExprId, depth: u32) {
        if depth > 24 {
            return;
        }
        match self.body.expr(e) {
            Expr::Load(place, _) => {
                self.place(op, place, false, false);
                self.inner(op, place, depth + 1);
            }
            Expr::Addr(place) => self.inner(op, place, depth + 1),
            Expr::Un(_, a) | Expr::ContainerOf { ptr: a, .. } => self.loads(op, a, depth + 1),
            Expr::Bin(_, a, b) => {
                self.loads(op, a, depth + 1);
                self.loads(op, b, depth + 1);
            }
            Expr::Select(a, b, c) => {
                self.loads(op, a, depth + 1);
                self.loads(op, b, depth + 1);
                self.loads(op, c, depth + 1);
            }
            _ => {}
        }
    }

    /// The loads on the way to a place.
    fn inner(&mut self, op: OpId, place: ExprId, depth: u32) {
        match self.body.expr(place) {
            Expr::Deref(value) => self.loads(op, value, depth + 1),
            Expr::Field { base, .. } if depth < 24 => self.inner(op, base, depth + 1),
            Expr::Index { base, index } if depth < 24 => {
                self.loads(op, index, depth + 1);
                self.inner(op, base, depth + 1);
            }
            _ => {}
        }
    }

    fn place(&mut self, op: OpId, place: ExprId, store: bool, list: bool) {
        let mut at = place;
        let (mut member, mut variable) = (None, None);
        for _ in 0..12 {
            at = match self.body.expr(at) {
                Expr::Field { base, record, name } => {
                    member = member.or_else(|| (!record.is_unknown()).then_some((record, name)));
                    base
                }
                Expr::Index { base, .. } => base,
                Expr::Local(_) => return,
                Expr::Global(name) if (self.variables)(name) => {
                    variable = file_level(self.world, self.func, name);
                    break;
                }
                _ => break,
            };
        }
        let part = member.zip(variable).map(|(m, v)| part_of(v, m.1));
        for member in member.or(variable).into_iter().chain(part).filter(|m| (self.wanted)(*m)) {
            let new = MemberAccess { op, member, store, list };
            if !self.out.contains(&new) {
                self.out.push(new);
            }
        }
    }
}
