//! Evaluates expressions to symbolic places and values.

use super::*;

impl<O: Observer> Run<'_, '_, O> {
    pub(super) fn place(&mut self, e: EId, state: &State) -> NodeId {
        match self.d.exprs[e as usize] {
            DExpr::Local(l) => self.nodes.make(Node::PLocal(l)),
            DExpr::Global(g) => self.nodes.make(Node::PGlobal(g)),
            DExpr::Deref(v) => {
                let v = self.eval(v, state);
                self.nodes.deref(v)
            }
            DExpr::Field { base, record, name } => {
                let base = self.place(base, state);
                self.nodes.field(base, name, record)
            }
            DExpr::Index { base, index } => {
                let base = self.place(base, state);
                let index = self.eval(index, state);
                self.nodes.make(Node::PIndex(base, index))
            }
            // A value where a place was expected (a struct returned by a call): its own memory.
            _ => {
                let v = self.eval(e, state);
                self.nodes.make(Node::PDeref(v))
            }
        }
    }

    pub(super) fn eval(&mut self, e: EId, state: &State) -> NodeId {
        match self.d.exprs[e as usize] {
            DExpr::Load(place, _) => {
                let p = self.place(place, state);
                state.read(self.nodes, p)
            }
            DExpr::Addr(place) => {
                let p = self.place(place, state);
                self.nodes.addr(p)
            }
            DExpr::Function(name) => self.nodes.make(Node::Function(name)),
            DExpr::Int(v) => self.nodes.int(v),
            DExpr::Str => self.nodes.make(Node::Str),
            DExpr::Un(op, a) => {
                let a = self.eval(a, state);
                match (op, self.nodes.get(a)) {
                    (UnOp::Neg, Node::Int(v)) => self.nodes.int(v.wrapping_neg()),
                    (UnOp::BitNot, Node::Int(v)) => self.nodes.int(!v),
                    (UnOp::Not, Node::Int(v)) => self.nodes.int(i64::from(v == 0)),
                    (UnOp::Plus, _) => a,
                    (op, _) => self.nodes.make(Node::Un(op, a)),
                }
            }
            DExpr::Bin(op, a, b) => {
                let (a, b) = (self.eval(a, state), self.eval(b, state));
                self.nodes.bin(op, a, b)
            }
            DExpr::Select(c, t, f) => {
                let c = self.eval(c, state);
                match state.fact(self.nodes, c).truth() {
                    Some(true) => self.eval(t, state),
                    Some(false) => self.eval(f, state),
                    None => {
                        let (t, f) = (self.eval(t, state), self.eval(f, state));
                        if t == f {
                            t
                        } else if [c, t, f].iter().all(|&v| self.nodes.chooses_nothing(v, 4)) {
                            self.nodes.make(Node::Select(c, t, f))
                        } else {
                            self.nodes.make(Node::Fresh(1 << 28 | e, c))
                        }
                    }
                }
            }
            DExpr::ContainerOf { ptr, record, field } => {
                let p = self.eval(ptr, state);
                self.nodes.container(p, record, field)
            }
            DExpr::Opaque(n) => self.nodes.make(Node::Fresh(1 << 27 | n, state.rounds.len() as u32)),
            // A place used as a value (arrays as a whole, structs).
            DExpr::Local(_) | DExpr::Global(_) | DExpr::Deref(_) | DExpr::Field { .. } | DExpr::Index { .. } => {
                let p = self.place(e, state);
                state.read(self.nodes, p)
            }
        }
    }
}
