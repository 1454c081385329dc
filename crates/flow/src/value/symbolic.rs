//! Symbolic places and values of one function's paths, hash-consed.
//!
//! A value is what a path computes, in terms of the values at entry and of call results. Equal values have equal ids.

use crate::body::{BlockId, ExprId, LocalId, OpId, Record};
use cuthere_base::Symbol;
use cuthere_ir::{BinOp, UnOp};
use rustc_hash::FxHashMap;

/// A place or a value: a position in [`Values`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ValueId(u32);

impl ValueId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a value comes from of which nothing else is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// What the call made by this operation returned, this time.
    Result(OpId),
    /// What the same call returned in an earlier round; `.1` is what stood for it then.
    FormerResult(OpId, ValueId),
    /// What a local holds before anything was assigned to it.
    Declared(OpId),
    /// The cursor of a loop macro, in the round that so many later rounds precede.
    Cursor(OpId, u32),
    /// What the cursor points to when the loop has run out.
    Exhausted(BlockId, ValueId),
    /// What a place holds in a later round of the loop with this head.
    LaterRound(BlockId, ValueId),
    /// What a choice gave, of which the condition is known.
    Chosen(ExprId, ValueId),
    /// An expression that is not followed, in the round that so many later rounds precede.
    Opaque(u32, u32),
    /// What a call may have left in a place; `.1` tells calls apart.
    Havoc(ValueId, u32),
}

/// A symbolic place (`P…`) or value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    PLocal(LocalId),
    PGlobal(Symbol),
    PDeref(ValueId),
    /// A member: base place, member, record that declares it.
    PField(ValueId, Symbol, Record),
    PIndex(ValueId, ValueId),
    /// What the place held when the function was entered.
    Entry(ValueId),
    Fresh(Origin),
    Int(i64),
    Str,
    Addr(ValueId),
    Function(Symbol),
    Un(UnOp, ValueId),
    Bin(BinOp, ValueId, ValueId),
    /// `c ? t : f`.
    Select(ValueId, ValueId, ValueId),
    /// `container_of`: pointer, record, member.
    Container(ValueId, Record, Symbol),
    /// The place's value where paths met in a block.
    Phi(BlockId, ValueId),
    IsErr(ValueId),
    IsErrOrNull(ValueId),
    /// 1 if the value is not zero, else 0.
    Truth(ValueId),
    /// The answer to a question about the execution context.
    ContextQuery(Query),
}

/// Who was asked for the execution context (`in_atomic()`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Query {
    /// A primitive: asked twice it gives the same answer.
    Primitive(Symbol),
    /// A function of the tree, by the call at this operation.
    Call(OpId),
}

/// The table of one function's values.
#[derive(Default)]
pub struct Values {
    all: Vec<Value>,
    map: FxHashMap<Value, ValueId>,
}

impl Values {
    pub fn clear(&mut self) {
        self.all.clear();
        self.map.clear();
    }

    pub fn get(&self, id: ValueId) -> Value {
        self.all[id.index()]
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn make(&mut self, value: Value) -> ValueId {
        if let Some(&id) = self.map.get(&value) {
            return id;
        }
        let id = ValueId(self.all.len() as u32);
        self.all.push(value);
        self.map.insert(value, id);
        id
    }

    /// The id of a value, if it was made before.
    pub fn find(&self, value: Value) -> Option<ValueId> {
        self.map.get(&value).copied()
    }

    pub fn fresh(&mut self, origin: Origin) -> ValueId {
        self.make(Value::Fresh(origin))
    }

    /// The result of the call made by an operation.
    pub fn result(&mut self, op: OpId) -> ValueId {
        self.fresh(Origin::Result(op))
    }

    /// The call that gave this value, if it is the result of one.
    pub fn call(&self, value: ValueId) -> Option<OpId> {
        match self.get(value) {
            Value::Fresh(Origin::Result(op)) => Some(op),
            _ => None,
        }
    }

    pub fn int(&mut self, value: i64) -> ValueId {
        self.make(Value::Int(value))
    }

    /// The place a pointer value refers to.
    pub fn deref(&mut self, value: ValueId) -> ValueId {
        match self.get(value) {
            Value::Addr(place) => place,
            _ => self.make(Value::PDeref(value)),
        }
    }

    /// The place a pointer value refers to, if it was made before.
    pub fn find_deref(&self, value: ValueId) -> Option<ValueId> {
        match self.get(value) {
            Value::Addr(place) => Some(place),
            _ => self.find(Value::PDeref(value)),
        }
    }

    /// The address of a place.
    pub fn addr(&mut self, place: ValueId) -> ValueId {
        match self.get(place) {
            Value::PDeref(value) => value,
            _ => self.make(Value::Addr(place)),
        }
    }

    /// The pointer and the number that the address of an element is computed from.
    pub fn element(&self, value: ValueId) -> Option<(ValueId, ValueId)> {
        match self.get(value) {
            Value::Bin(BinOp::Add, pointer, number) => Some((pointer, number)),
            _ => None,
        }
    }

    /// A member of a place; the member that a `container_of` came from is the place it started at.
    pub fn field(&mut self, base: ValueId, name: Symbol, record: Record) -> ValueId {
        if let Value::PDeref(value) = self.get(base)
            && let Value::Container(inner, _, member) = self.get(value)
            && member == name
        {
            return self.deref(inner);
        }
        self.make(Value::PField(base, name, record))
    }

    /// `container_of`; of the address of that very member it is the outer object again.
    pub fn container(&mut self, ptr: ValueId, record: Record, member: Symbol) -> ValueId {
        if let Value::Addr(place) = self.get(ptr)
            && let Value::PField(base, name, _) = self.get(place)
            && name == member
            && !self.is_member_of_other(place, record, member)
        {
            return self.addr(base);
        }
        self.make(Value::Container(ptr, record, member))
    }

    /// The pointer value that a place is reached through: `p` for `p->a.b`; `None` for locals and globals.
    pub fn root(&self, place: ValueId) -> Option<ValueId> {
        let mut at = place;
        loop {
            match self.get(at) {
                Value::PField(base, _, _) | Value::PIndex(base, _) => at = base,
                Value::PDeref(value) => return Some(value),
                _ => return None,
            }
        }
    }

    /// The pointer that an address was computed from: `p` for `&p->a`, the value itself for anything else.
    pub fn pointer_root(&self, value: ValueId) -> ValueId {
        let mut at = value;
        for _ in 0..16 {
            match self.get(at) {
                Value::Addr(place) => match self.root(place) {
                    Some(root) => at = root,
                    None => return at,
                },
                // The structure around a NULL member pointer is as bad as NULL. A member of that name in another record: one list holds elements of
                // several kinds, and this is not the one that the pointer was made from.
                Value::Container(inner, record, member) => match self.get(inner) {
                    Value::Addr(place) if self.is_member_of_other(place, record, member) => return at,
                    _ => at = inner,
                },
                _ => return at,
            }
        }
        at
    }

    fn is_member_of_other(&self, place: ValueId, record: Record, member: Symbol) -> bool {
        matches!(self.get(place), Value::PField(_, name, other)
            if name == member && other != record && !other.is_unknown() && !record.is_unknown())
    }

    /// Whether a value was computed from one that `from` holds for: through members, memory, arithmetic and choices. What is deeper than a few
    /// dozen steps counts as computed from it.
    pub fn rests_on(&self, value: ValueId, from: &dyn Fn(Value) -> bool) -> bool {
        fn walk(values: &Values, value: ValueId, from: &dyn Fn(Value) -> bool, budget: &mut u32) -> bool {
            if *budget == 0 {
                return true;
            }
            *budget -= 1;
            let v = values.get(value);
            if from(v) {
                return true;
            }
            let mut any = |inner: &[ValueId]| inner.iter().any(|&i| walk(values, i, from, budget));
            match v {
                Value::PDeref(a)
                | Value::PField(a, _, _)
                | Value::Entry(a)
                | Value::Addr(a)
                | Value::Un(_, a)
                | Value::Container(a, _, _) => any(&[a]),
                Value::IsErr(a) | Value::IsErrOrNull(a) | Value::Truth(a) => any(&[a]),
                Value::PIndex(a, b) | Value::Bin(_, a, b) => any(&[a, b]),
                Value::Select(a, b, c) => any(&[a, b, c]),
                _ => false,
            }
        }
        walk(self, value, from, &mut 48)
    }

    /// The place that is reached through `to` as this one is through `from`.
    pub fn replace_root(&mut self, place: ValueId, from: ValueId, to: ValueId) -> ValueId {
        match self.get(place) {
            Value::PField(base, name, record) => {
                let base = self.replace_root(base, from, to);
                self.make(Value::PField(base, name, record))
            }
            Value::PIndex(base, index) => {
                let base = self.replace_root(base, from, to);
                self.make(Value::PIndex(base, index))
            }
            Value::PDeref(v) if v == from => self.make(Value::PDeref(to)),
            _ => place,
        }
    }

    /// The value that a condition asks about: `p` for `!p`, `p != NULL` and the like.
    pub fn tested(&self, cond: ValueId) -> ValueId {
        let mut at = cond;
        for _ in 0..6 {
            at = match self.get(at) {
                Value::Un(UnOp::Not, v) | Value::Truth(v) | Value::IsErr(v) | Value::IsErrOrNull(v) | Value::Container(v, _, _) => v,
                Value::Bin(BinOp::Eq | BinOp::Ne, a, b) => match (self.get(a), self.get(b)) {
                    (_, Value::Int(0)) => a,
                    (Value::Int(0), _) => b,
                    _ => return at,
                },
                _ => return at,
            };
        }
        at
    }

    /// Whether a condition asks for the result of a call, or compares it with a constant.
    pub fn asks_call(&self, cond: ValueId) -> bool {
        let tested = self.tested(cond);
        let value = match self.get(tested) {
            Value::Bin(_, a, b) if matches!(self.get(b), Value::Int(_)) => a,
            _ => tested,
        };
        self.call(value).is_some()
    }

    /// The parameter whose value at entry this is.
    pub fn param(&self, value: ValueId, params: u32) -> Option<u32> {
        if let Value::Entry(place) = self.get(value)
            && let Value::PLocal(l) = self.get(place)
            && l.number() < params
        {
            return Some(l.number());
        }
        None
    }

    /// The local that a place is, or is inside of.
    pub fn local_of(&self, place: ValueId) -> Option<LocalId> {
        let mut at = place;
        loop {
            match self.get(at) {
                Value::PField(base, _, _) | Value::PIndex(base, _) => at = base,
                Value::PLocal(l) => return Some(l),
                _ => return None,
            }
        }
    }

    /// Whether no choice is in a value, as far as `depth` operators down; values deeper than that do not count as free of choices. Keeps
    /// choices from being nested, so that what is known of one is found in bounded time.
    pub fn chooses_nothing(&self, value: ValueId, depth: u32) -> bool {
        let below = |v| depth > 0 && self.chooses_nothing(v, depth - 1);
        match self.get(value) {
            Value::Select(..) => false,
            Value::Un(_, v) | Value::IsErr(v) | Value::IsErrOrNull(v) | Value::Truth(v) => below(v),
            Value::Bin(_, a, b) => below(a) && below(b),
            _ => true,
        }
    }

    /// Folds an operator over constants and the simplest identities.
    pub fn bin(&mut self, op: BinOp, a: ValueId, b: ValueId) -> ValueId {
        if let (Value::Int(x), Value::Int(y)) = (self.get(a), self.get(b))
            && let Some(value) = fold(op, x, y)
        {
            return self.int(value);
        }
        // Constants stand on the right.
        let commutes = matches!(op, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Eq | BinOp::Ne);
        let (a, b) = if commutes && matches!(self.get(a), Value::Int(_)) { (b, a) } else { (a, b) };
        if let Value::Int(0) = self.get(b)
            && matches!(op, BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor | BinOp::Shl | BinOp::Shr)
        {
            return a;
        }
        self.make(Value::Bin(op, a, b))
    }
}

fn fold(op: BinOp, x: i64, y: i64) -> Option<i64> {
    Some(match op {
        BinOp::Add => x.wrapping_add(y),
        BinOp::Sub => x.wrapping_sub(y),
        BinOp::Mul => x.wrapping_mul(y),
        BinOp::Div => x.checked_div(y)?,
        BinOp::Rem => x.checked_rem(y)?,
        BinOp::And => x & y,
        BinOp::Or => x | y,
        BinOp::Xor => x ^ y,
        BinOp::Shl => x.checked_shl(u32::try_from(y).ok()?)?,
        BinOp::Shr => x.checked_shr(u32::try_from(y).ok()?)?,
        BinOp::Lt => i64::from(x < y),
        BinOp::Gt => i64::from(x > y),
        BinOp::Le => i64::from(x <= y),
        BinOp::Ge => i64::from(x >= y),
        BinOp::Eq => i64::from(x == y),
        BinOp::Ne => i64::from(x != y),
        BinOp::LogAnd => i64::from(x != 0 && y != 0),
        BinOp::LogOr => i64::from(x != 0 || y != 0),
    })
}
