//! Symbolic places and values of one function's paths, hash-consed.
//!
//! A value is what a path computes, in terms of the values at entry and of call results. Equal nodes are equal values.

use cuthere_base::Symbol;
use cuthere_ir::{BinOp, UnOp};
use rustc_hash::FxHashMap;

/// A place or a value; an index into [`Nodes`].
pub type NodeId = u32;

/// A symbolic place (`P…`) or value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Node {
    PLocal(u32),
    PGlobal(Symbol),
    PDeref(NodeId),
    /// A member: base place, member, record that declares it.
    PField(NodeId, Symbol, Symbol),
    PIndex(NodeId, NodeId),
    /// What the place held when the function was entered.
    Entry(NodeId),
    /// A value made by operation `.0`: a call's result, an unknown assignment, a loop's later rounds. `.1` tells apart what one operation makes.
    Fresh(u32, u32),
    Int(i64),
    Str,
    Addr(NodeId),
    Function(Symbol),
    Un(UnOp, NodeId),
    Bin(BinOp, NodeId, NodeId),
    /// `c ? t : f`.
    Select(NodeId, NodeId, NodeId),
    /// `container_of`: pointer, record, member.
    Container(NodeId, Symbol, Symbol),
    /// The place's value where paths met in a block.
    Phi(u32, NodeId),
    IsErr(NodeId),
    IsErrOrNull(NodeId),
    /// 1 if the value is not zero, else 0.
    Truth(NodeId),
    /// The answer to a question about the execution context (`in_atomic()`).
    ContextQuery(u32),
}

/// Salt of a call's result in `Node::Fresh`.
pub const RESULT: u32 = 0;

/// The table of one function's nodes.
#[derive(Default)]
pub struct Nodes {
    all: Vec<Node>,
    map: FxHashMap<Node, NodeId>,
}

impl Nodes {
    pub fn clear(&mut self) {
        self.all.clear();
        self.map.clear();
    }

    pub fn get(&self, id: NodeId) -> Node {
        self.all[id as usize]
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn make(&mut self, node: Node) -> NodeId {
        if let Some(&id) = self.map.get(&node) {
            return id;
        }
        let id = self.all.len() as NodeId;
        self.all.push(node);
        self.map.insert(node, id);
        id
    }

    pub fn int(&mut self, value: i64) -> NodeId {
        self.make(Node::Int(value))
    }

    /// The place a pointer value refers to.
    pub fn deref(&mut self, value: NodeId) -> NodeId {
        match self.get(value) {
            Node::Addr(place) => place,
            _ => self.make(Node::PDeref(value)),
        }
    }

    /// The address of a place.
    pub fn addr(&mut self, place: NodeId) -> NodeId {
        match self.get(place) {
            Node::PDeref(value) => value,
            _ => self.make(Node::Addr(place)),
        }
    }

    /// A member of a place; the member that a `container_of` came from is the place it started at.
    pub fn field(&mut self, base: NodeId, name: Symbol, record: Symbol) -> NodeId {
        if let Node::PDeref(value) = self.get(base)
            && let Node::Container(inner, _, member) = self.get(value)
            && member == name
        {
            return self.deref(inner);
        }
        self.make(Node::PField(base, name, record))
    }

    /// `container_of`; of the address of that very member it is the outer object again.
    pub fn container(&mut self, ptr: NodeId, record: Symbol, member: Symbol) -> NodeId {
        if let Node::Addr(place) = self.get(ptr)
            && let Node::PField(base, name, _) = self.get(place)
            && name == member
        {
            return self.addr(base);
        }
        self.make(Node::Container(ptr, record, member))
    }

    /// The pointer value that a place is reached through: `p` for `p->a.b`; `None` for locals and globals.
    pub fn root(&self, place: NodeId) -> Option<NodeId> {
        let mut at = place;
        loop {
            match self.get(at) {
                Node::PField(base, _, _) | Node::PIndex(base, _) => at = base,
                Node::PDeref(value) => return Some(value),
                _ => return None,
            }
        }
    }

    /// The pointer that an address was computed from: `p` for `&p->a`, the value itself for anything else.
    pub fn pointer_root(&self, value: NodeId) -> NodeId {
        let mut at = value;
        for _ in 0..16 {
            match self.get(at) {
                Node::Addr(place) => match self.root(place) {
                    Some(root) => at = root,
                    None => return at,
                },
                // The structure around a NULL member pointer is as bad as NULL.
                Node::Container(inner, _, _) => at = inner,
                _ => return at,
            }
        }
        at
    }

    /// The value that a condition asks about: `p` for `!p`, `p != NULL` and the like.
    pub fn tested(&self, cond: NodeId) -> NodeId {
        let mut at = cond;
        for _ in 0..6 {
            at = match self.get(at) {
                Node::Un(UnOp::Not, v) | Node::Truth(v) | Node::IsErr(v) | Node::IsErrOrNull(v) | Node::Container(v, _, _) => v,
                Node::Bin(BinOp::Eq | BinOp::Ne, a, b) => match (self.get(a), self.get(b)) {
                    (_, Node::Int(0)) => a,
                    (Node::Int(0), _) => b,
                    _ => return at,
                },
                _ => return at,
            };
        }
        at
    }

    /// The parameter whose value at entry this is.
    pub fn param(&self, value: NodeId, params: u32) -> Option<u32> {
        if let Node::Entry(place) = self.get(value)
            && let Node::PLocal(l) = self.get(place)
            && l < params
        {
            return Some(l);
        }
        None
    }

    /// The local that a place is, or is inside of.
    pub fn local_of(&self, place: NodeId) -> Option<u32> {
        let mut at = place;
        loop {
            match self.get(at) {
                Node::PField(base, _, _) | Node::PIndex(base, _) => at = base,
                Node::PLocal(l) => return Some(l),
                _ => return None,
            }
        }
    }

    /// Whether no choice is in a value, as far as `depth` operators down; values deeper than that do not count as free of choices. Keeps
    /// choices from being nested, so that what is known of one is found in bounded time.
    pub fn chooses_nothing(&self, value: NodeId, depth: u32) -> bool {
        let below = |v| depth > 0 && self.chooses_nothing(v, depth - 1);
        match self.get(value) {
            Node::Select(..) => false,
            Node::Un(_, v) | Node::IsErr(v) | Node::IsErrOrNull(v) | Node::Truth(v) => below(v),
            Node::Bin(_, a, b) => below(a) && below(b),
            _ => true,
        }
    }

    /// Folds an operator over constants and the simplest identities.
    pub fn bin(&mut self, op: BinOp, a: NodeId, b: NodeId) -> NodeId {
        if let (Node::Int(x), Node::Int(y)) = (self.get(a), self.get(b))
            && let Some(value) = fold(op, x, y)
        {
            return self.int(value);
        }
        // Constants stand on the right.
        let commutes = matches!(op, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Eq | BinOp::Ne);
        let (a, b) = if commutes && matches!(self.get(a), Node::Int(_)) { (b, a) } else { (a, b) };
        if let Node::Int(0) = self.get(b)
            && matches!(op, BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor | BinOp::Shl | BinOp::Shr)
        {
            return a;
        }
        self.make(Node::Bin(op, a, b))
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
