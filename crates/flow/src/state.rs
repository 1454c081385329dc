//! The state of one path: what places hold, what is known of values, locks held, context.

use crate::fact::Fact;
use crate::node::{Node, NodeId, Nodes};
use crate::summary::Ctx;
use cuthere_base::Symbol;
use cuthere_kernel::{LockKind, LockMode};
use smallvec::SmallVec;

/// A lock held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Held {
    /// The lock's place; for named locks a global place of that name.
    pub place: NodeId,
    /// `record.member`, or the name of a global or named lock.
    pub class: Symbol,
    pub kind: LockKind,
    pub mode: LockMode,
    /// The operation that took it; `u32::MAX`: held at entry.
    pub op: u32,
    /// Interrupts were disabled with it.
    pub guard: u32,
}

/// The operation index that stands for "at entry".
pub const AT_ENTRY: u32 = u32::MAX;

/// A path's state.
#[derive(Debug, Default)]
pub struct State {
    /// Places written since entry, sorted by place.
    pub env: SmallVec<[(NodeId, NodeId); 8]>,
    /// Sorted by value.
    pub facts: SmallVec<[(NodeId, Fact); 6]>,
    pub locks: SmallVec<[Held; 2]>,
    /// Locks of the caller that were released here.
    pub released: SmallVec<[Held; 1]>,
    pub ctx: Ctx,
    /// Operation that began each context part: preempt, bh, irq, rcu.
    pub since: [u32; 4],
    /// The code asked for its context (`in_interrupt()`), so it knows what it does.
    pub asked: bool,
    /// Pointers dereferenced so far that were not known to be non-NULL before, with the operation.
    pub derefs: SmallVec<[(NodeId, u32); 4]>,
    /// Paths that differed were merged into this one: what one knew of the other's choices is lost.
    pub merged: bool,
    /// The last decision taken; index into the trail.
    pub trail: u32,
    /// Loop heads whose later rounds this state stands for.
    pub rounds: SmallVec<[u32; 4]>,
}

// The derived one would copy the lists element by element.
impl Clone for State {
    fn clone(&self) -> State {
        State {
            env: SmallVec::from_slice(&self.env),
            facts: SmallVec::from_slice(&self.facts),
            locks: SmallVec::from_slice(&self.locks),
            released: SmallVec::from_slice(&self.released),
            ctx: self.ctx,
            since: self.since,
            asked: self.asked,
            derefs: SmallVec::from_slice(&self.derefs),
            merged: self.merged,
            trail: self.trail,
            rounds: SmallVec::from_slice(&self.rounds),
        }
    }
}

impl State {
    /// What was written to a place, if anything was.
    pub fn written(&self, place: NodeId) -> Option<NodeId> {
        self.env.binary_search_by_key(&place, |e| e.0).ok().map(|i| self.env[i].1)
    }

    /// The value a place holds.
    pub fn read(&self, nodes: &mut Nodes, place: NodeId) -> NodeId {
        if let Some(value) = self.written(place) {
            return value;
        }
        // A member of something zeroed or copied as a whole.
        let mut at = place;
        while let Node::PField(base, _, _) | Node::PIndex(base, _) = nodes.get(at) {
            at = base;
            if let Some(value) = self.written(at) {
                return if nodes.get(value) == Node::Int(0) { value } else { nodes.make(Node::Entry(place)) };
            }
        }
        nodes.make(Node::Entry(place))
    }

    /// Writes a place; members known before are forgotten.
    pub fn write(&mut self, nodes: &Nodes, place: NodeId, value: NodeId) {
        match self.env.binary_search_by_key(&place, |e| e.0) {
            Ok(i) => self.env[i].1 = value,
            Err(i) => self.env.insert(i, (place, value)),
        }
        if self.env.len() > 1 {
            self.env.retain(|e| e.0 == place || !inside(nodes, e.0, place));
        }
    }

    /// What is known of a value on this path.
    pub fn fact(&self, nodes: &Nodes, value: NodeId) -> Fact {
        let known = match nodes.get(value) {
            Node::Int(v) => return Fact::exactly(v),
            Node::Container(p, _, _) if matches!(nodes.get(p), Node::Fresh(_, crate::node::RESULT)) => return self.fact(nodes, p),
            Node::Str | Node::Function(_) | Node::Addr(_) | Node::Container(..) => return Fact::OBJECT,
            Node::IsErr(p) => match self.fact(nodes, p).is_err() {
                Some(b) => return Fact::exactly(i64::from(b)),
                None => Fact::range(0, 1),
            },
            Node::IsErrOrNull(p) => {
                let f = self.fact(nodes, p);
                match (f.is_err(), f.truth()) {
                    (Some(true), _) | (_, Some(false)) => return Fact::exactly(1),
                    (Some(false), Some(true)) => return Fact::ZERO,
                    _ => Fact::range(0, 1),
                }
            }
            Node::Truth(p) => match self.fact(nodes, p).truth() {
                Some(b) => return Fact::exactly(i64::from(b)),
                None => Fact::range(0, 1),
            },
            Node::Un(cuthere_ir::UnOp::Not, p) => match self.fact(nodes, p).truth() {
                Some(b) => return Fact::exactly(i64::from(!b)),
                None => Fact::range(0, 1),
            },
            Node::Bin(op, a, b) => self.bin_fact(nodes, op, a, b),
            Node::Select(c, t, f) => match self.fact(nodes, c).truth() {
                Some(true) => self.fact(nodes, t),
                Some(false) => self.fact(nodes, f),
                None => self.fact(nodes, t).join(self.fact(nodes, f)),
            },
            _ => Fact::TOP,
        };
        match self.facts.binary_search_by_key(&value, |f| f.0) {
            Ok(i) => self.facts[i].1.meet(known).unwrap_or(self.facts[i].1),
            Err(_) => known,
        }
    }

    /// What an operator gives for what is known of its operands.
    pub fn compare(&self, nodes: &Nodes, op: cuthere_ir::BinOp, a: NodeId, b: NodeId) -> Fact {
        self.bin_fact(nodes, op, a, b)
    }

    fn bin_fact(&self, nodes: &Nodes, op: cuthere_ir::BinOp, a: NodeId, b: NodeId) -> Fact {
        use cuthere_ir::BinOp::*;
        match op {
            Eq | Ne | Lt | Le | Gt | Ge => {
                let (x, y) = (self.fact(nodes, a), self.fact(nodes, b));
                let equal = if a == b {
                    Some(true)
                } else if let (Some(v), Some(w)) = (x.value(), y.value()) {
                    Some(v == w)
                } else if x.meet(y).is_none() {
                    Some(false)
                } else {
                    None
                };
                let less = if x.hi < y.lo {
                    Some(true)
                } else if x.lo >= y.hi {
                    Some(false)
                } else {
                    None
                };
                let greater = if x.lo > y.hi {
                    Some(true)
                } else if x.hi <= y.lo {
                    Some(false)
                } else {
                    None
                };
                let answer = match op {
                    Eq => equal,
                    Ne => equal.map(|e| !e),
                    Lt => less,
                    Ge => less.map(|l| !l),
                    Gt => greater,
                    _ => greater.map(|g| !g),
                };
                answer.map_or(Fact::range(0, 1), |b| Fact::exactly(i64::from(b)))
            }
            // A pointer moved by a little is still one.
            Add | Sub => match nodes.get(b) {
                Node::Int(by) if (-4095..=4095).contains(&by) => {
                    let x = self.fact(nodes, a);
                    let by = if op == Add { by } else { -by };
                    if x.lo > i64::MIN / 2 && x.hi < i64::MAX / 2 {
                        return Fact::range(x.lo + by, x.hi + by);
                    }
                    if x.not_zero && x.not_err && x.value().is_none() { Fact::NON_ZERO } else { Fact::TOP }
                }
                _ => Fact::TOP,
            },
            Mul if self.fact(nodes, a).is_zero() || self.fact(nodes, b).is_zero() => Fact::ZERO,
            And => match nodes.get(b) {
                Node::Int(mask) if mask >= 0 => Fact::range(0, mask),
                _ => Fact::TOP,
            },
            _ => Fact::TOP,
        }
    }

    /// Adds knowledge; false: the path is impossible.
    pub fn learn(&mut self, value: NodeId, fact: Fact) -> bool {
        match self.facts.binary_search_by_key(&value, |f| f.0) {
            Ok(i) => match self.facts[i].1.meet(fact) {
                Some(f) => {
                    self.facts[i].1 = f;
                    true
                }
                None => false,
            },
            Err(i) => {
                self.facts.insert(i, (value, fact));
                true
            }
        }
    }

    /// Whether preemption, bh or irqs are off, or an RCU read-side section is open, by locks or otherwise.
    pub fn atomic(&self) -> bool {
        self.ctx.atomic() || self.locks.iter().any(|l| l.kind.spins())
    }

    /// Whether two states may be merged without loss of the property state.
    pub fn same_property(&self, other: &State) -> bool {
        self.ctx == other.ctx
            && self.asked == other.asked
            && self.rounds == other.rounds
            && self.locks.len() == other.locks.len()
            && self.locks.iter().zip(&other.locks).all(|(a, b)| a.place == b.place && a.class == b.class)
            && self.released.len() == other.released.len()
            && self.released.iter().zip(&other.released).all(|(a, b)| a.class == b.class)
    }

    /// In how many places and facts two states differ, if that is less than `bound`.
    /// A place that holds a constant in one of them, and a value that is zero in one only, weigh more: they are what later tests ask for.
    pub fn distance(&self, other: &State, nodes: &Nodes, bound: usize) -> Option<usize> {
        /// Adds up to `limit` over the two sorted lists, an element of one list only counting `alone`.
        fn differ<V: PartialEq + Copy>(
            a: &[(NodeId, V)],
            b: &[(NodeId, V)],
            alone: usize,
            both: impl Fn(V, V) -> usize,
            mut sum: usize,
            limit: usize,
        ) -> usize {
            let (mut i, mut j) = (0, 0);
            while i < a.len() && j < b.len() && sum < limit {
                match a[i].0.cmp(&b[j].0) {
                    std::cmp::Ordering::Less => (i, sum) = (i + 1, sum + alone),
                    std::cmp::Ordering::Greater => (j, sum) = (j + 1, sum + alone),
                    std::cmp::Ordering::Equal => {
                        if a[i].1 != b[j].1 {
                            sum += both(a[i].1, b[j].1);
                        }
                        (i, j) = (i + 1, j + 1);
                    }
                }
            }
            sum + alone * ((a.len() - i) + (b.len() - j))
        }
        let constant = |v| matches!(nodes.get(v), Node::Int(_));
        let values = |a: NodeId, b: NodeId| if constant(a) || constant(b) { 8 } else { 2 };
        let zeros = |a: Fact, b: Fact| if a.is_zero() != b.is_zero() { 7 } else { 1 };
        let sum = differ(&self.facts, &other.facts, 1, zeros, 0, bound);
        let sum = if sum < bound { differ(&self.env, &other.env, 2, values, sum, bound) } else { sum };
        (sum < bound).then_some(sum)
    }

    /// Equal but for evidence.
    pub fn same(&self, other: &State) -> bool {
        self.same_property(other) && self.env == other.env && self.facts == other.facts
    }

    /// The union of both: places that differ get a value of their own with the union of what is known.
    pub fn join(&mut self, other: &State, nodes: &mut Nodes, block: u32) {
        let mut env: SmallVec<[(NodeId, NodeId); 8]> = SmallVec::new();
        let mut facts: SmallVec<[(NodeId, Fact); 6]> = SmallVec::new();
        for f in &self.facts {
            if let Ok(i) = other.facts.binary_search_by_key(&f.0, |g| g.0) {
                let joined = f.1.join(other.facts[i].1);
                if joined != Fact::TOP {
                    facts.push((f.0, joined));
                }
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < self.env.len() || j < other.env.len() {
            let left = self.env.get(i).map(|e| e.0);
            let right = other.env.get(j).map(|e| e.0);
            let place = match (left, right) {
                (Some(a), Some(b)) => a.min(b),
                (Some(a), None) => a,
                (None, Some(b)) => b,
                (None, None) => break,
            };
            let a = if left == Some(place) {
                i += 1;
                self.env[i - 1].1
            } else {
                self.read(nodes, place)
            };
            let b = if right == Some(place) {
                j += 1;
                other.env[j - 1].1
            } else {
                other.read(nodes, place)
            };
            if a == b {
                env.push((place, a));
            } else {
                let phi = nodes.make(Node::Phi(block, place));
                let fact = self.fact(nodes, a).join(other.fact(nodes, b));
                if fact != Fact::TOP {
                    facts.push((phi, fact));
                }
                env.push((place, phi));
            }
        }
        self.derefs.retain(|d| other.derefs.contains(d));
        facts.sort_unstable_by_key(|f| f.0);
        facts.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = earlier.1.join(later.1);
            }
            same
        });
        self.env = env;
        self.facts = facts;
        self.merged = true;
    }
}

/// Whether a place lies inside another.
pub fn inside(nodes: &Nodes, place: NodeId, outer: NodeId) -> bool {
    let mut at = place;
    while let Node::PField(base, _, _) | Node::PIndex(base, _) = nodes.get(at) {
        if base == outer {
            return true;
        }
        at = base;
    }
    false
}
