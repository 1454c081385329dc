//! Which lock, or which callback object, a place is: the classes of lockdep.
//!
//! A class is a member of a record, whichever object it lies in, a variable of the whole program, or what a pointer in a member leads to. The
//! record is known by its identity, so that the `struct priv` of two drivers are two. Locks on the stack have no class. Subclasses are not kept: who
//! takes a lock by a nested variant vouches for the order ([`super::LockUse::nested`]).
//!
//! Lockdep tells classes apart by where a lock is initialised. Most often that is once for a member. Records that others embed all over (`struct
//! sk_buff_head`) are initialised in each of them: [`LockPlace::Member`] has the member around it for that, and the graph decides.

use crate::body::{Body, OpKind, Record, Target};
use crate::engine::null_return;
use crate::program::World;
use crate::summary::{FuncId, NullWhy};
use crate::value::{Origin, Value, ValueId, Values};
use cuthere_base::Symbol;
use cuthere_kernel::KernelLock;
use serde::{Deserialize, Serialize};

/// A lock or a callback object, as far as objects are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum LockPlace {
    /// A member of a record; `outer`: the member of another record that this record is, unknown where it was reached by a pointer.
    Member { outer: (Record, Symbol), record: Record, member: Symbol },
    /// A variable of the whole program, or a lock that the model names.
    Global(Symbol),
    /// What a pointer in a member, or in a variable of the whole program, leads to; of an interrupt, the number that is there.
    Through(Record, Symbol),
    /// What a function gives.
    Given(Symbol),
    /// Nothing more is known than that it is used in a file.
    InFile,
}

/// Steps from a place to the record that it lies in.
const STEPS_MAX: usize = 8;

impl LockPlace {
    /// The class of a lock at a place.
    pub(super) fn of(values: &Values, body: &Body, place: ValueId) -> Option<LockPlace> {
        let mut at = place;
        let mut inner: Option<(Record, Symbol)> = None;
        for _ in 0..STEPS_MAX {
            match (values.get(at), inner) {
                (Value::PIndex(base, _), _) => at = base,
                (Value::PField(base, name, record), None) => {
                    inner = Some((record, name));
                    at = base;
                }
                (Value::PField(_, name, outer), Some((record, member))) => {
                    return Some(LockPlace::Member { outer: (outer, name), record, member });
                }
                (Value::PLocal(_), _) => return None,
                (Value::PGlobal(name), None) => return Some(LockPlace::Global(name)),
                (Value::PDeref(value), None) => return LockPlace::through(values, body, value),
                (_, Some((record, member))) => return Some(LockPlace::Member { outer: (Record::UNKNOWN, Symbol::EMPTY), record, member }),
                _ => return None,
            }
        }
        None
    }

    /// The class of the object that a pointer points to, or of what a number stands for.
    pub(super) fn through(values: &Values, body: &Body, value: ValueId) -> Option<LockPlace> {
        match values.get(value) {
            Value::Addr(place) => LockPlace::of(values, body, place),
            Value::Entry(place) => match values.get(place) {
                Value::PField(_, member, record) => Some(LockPlace::Through(record, member)),
                Value::PGlobal(name) => Some(LockPlace::Through(Record::UNKNOWN, name)),
                _ => None,
            },
            Value::Fresh(Origin::Result(op)) => match body.op(op)?.kind {
                OpKind::Call { target: Target::Name(name), .. } => Some(LockPlace::Given(name)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A lock of the kernel's own, as the model names it.
    pub(super) fn of_kernel(lock: &KernelLock) -> LockPlace {
        match lock.record.is_empty() {
            true => LockPlace::Global(lock.name),
            false => {
                let outer = (Record::UNKNOWN, Symbol::EMPTY);
                LockPlace::Member { outer, record: Record::new(lock.record, None), member: lock.name }
            }
        }
    }

    /// As findings name it.
    pub fn text(self) -> String {
        match self {
            LockPlace::Member { outer: (outer, name), record, member } if !outer.is_unknown() && record.is_unknown() => {
                format!("{outer}.{name}.{member}")
            }
            LockPlace::Member { record, member, .. } if record.is_unknown() => member.as_str().to_owned(),
            LockPlace::Member { record, member, .. } => format!("{record}.{member}"),
            LockPlace::Global(name) => name.as_str().to_owned(),
            LockPlace::Through(record, member) if record.is_unknown() => format!("*{member}"),
            LockPlace::Through(record, member) => format!("*{record}.{member}"),
            LockPlace::Given(name) => format!("{name}()"),
            LockPlace::InFile => "the interrupt".to_owned(),
        }
    }
}

/// Which of several a place lies in, where its class does not say: the member of the outermost record, or, of the elements of an array, the member whose value chooses one;
/// empty: nothing is known.
pub(super) fn part(values: &Values, place: ValueId) -> Symbol {
    let (mut at, mut outermost, mut steps) = (place, None, 0);
    for _ in 0..STEPS_MAX {
        match values.get(at) {
            Value::PField(base, name, record) => (at, outermost, steps) = (base, Some((record, name)), steps + 1),
            Value::PDeref(v) => match values.get(v) {
                Value::Addr(place) => at = place,
                _ => break,
            },
            Value::PIndex(_, index) => {
                let Value::Entry(from) = values.get(index) else { return Symbol::EMPTY };
                return match values.get(from) {
                    Value::PField(outer, member, _) => match values.get(outer) {
                        Value::PField(_, name, _) => Symbol::intern(&format!("[].{name}->{member}")),
                        _ => Symbol::intern(&format!("[].{member}")),
                    },
                    _ => Symbol::EMPTY,
                };
            }
            _ => break,
        }
    }
    match outermost {
        Some((record, name)) if steps > 1 && !record.is_unknown() => Symbol::intern(&format!("{record}.{name}")),
        _ => Symbol::EMPTY,
    }
}

/// Whether two [`part`]s are of one record, or choose elements of an array, and are not the same.
pub(super) fn parts_differ(a: Symbol, b: Symbol) -> bool {
    let of = |s: Symbol| s.as_str().rsplit_once('.').map(|p| p.0);
    a != b && of(a).is_some() && of(a) == of(b)
}

/// Whether a place lies in memory that this function has got from an allocator itself: nobody else can know of it yet.
pub(super) fn made_here(world: &World<'_>, func: FuncId, values: &Values, place: ValueId) -> bool {
    let Some(Value::Fresh(Origin::Result(op))) = values.root(place).map(|root| values.get(values.pointer_root(root))) else { return false };
    match world.func(func).op(op).map(|op| op.kind) {
        Some(OpKind::Call { target: Target::Name(name), .. }) => {
            let by_callee = || null_return(world, func, op).is_some_and(|(why, _)| why == NullWhy::Allocation);
            world.model.entry(name).is_some_and(|e| e.allocates) || by_callee()
        }
        _ => false,
    }
}
