//! Evaluates expressions to symbolic places and arguments.

use super::*;
use crate::program::tables::Member;

impl Run<'_, '_> {
    /// The value that a member of a known operations table starts with, for what it held when the function was entered; all else is itself.
    pub(super) fn tabled(&mut self, value: ValueId) -> ValueId {
        let Value::Entry(place) = self.values.get(value) else { return value };
        let Value::PField(base, member, _) = self.values.get(place) else { return value };
        let Value::PGlobal(table) = self.values.get(base) else { return value };
        match self.world.tables.member(self.body.file, table, member) {
            Some(Member::Function(name)) => self.values.make(Value::Function(name)),
            Some(Member::Null) => self.values.int(0),
            None => value,
        }
    }

    pub(super) fn place(&mut self, e: ExprId, state: &State) -> ValueId {
        match self.body.expr(e) {
            Expr::Local(l) => self.values.make(Value::PLocal(l)),
            Expr::Global(g) => self.values.make(Value::PGlobal(g)),
            Expr::Deref(v) => {
                let v = self.eval(v, state);
                self.values.deref(v)
            }
            Expr::Field { base, record, name } => {
                let base = self.place(base, state);
                self.values.field(base, name, record)
            }
            Expr::Index { base, index } => {
                let base = self.place(base, state);
                let index = self.eval(index, state);
                self.values.make(Value::PIndex(base, index))
            }
            // A value where a place was expected (a struct returned by a call): its own memory.
            _ => {
                let v = self.eval(e, state);
                self.values.make(Value::PDeref(v))
            }
        }
    }

    pub(super) fn unary(&mut self, op: UnOp, a: ValueId) -> ValueId {
        match (op, self.values.get(a)) {
            (UnOp::Neg, Value::Int(v)) => self.values.int(v.wrapping_neg()),
            (UnOp::BitNot, Value::Int(v)) => self.values.int(!v),
            (UnOp::Not, Value::Int(v)) => self.values.int(i64::from(v == 0)),
            (UnOp::Plus, _) => a,
            (op, _) => self.values.make(Value::Un(op, a)),
        }
    }

    pub(super) fn eval(&mut self, e: ExprId, state: &State) -> ValueId {
        match self.body.expr(e) {
            Expr::Load(place, pointee) => {
                let p = self.place(place, state);
                if self.watches {
                    self.touch(place, p);
                }
                let value = state.read(self.values, p);
                if pointee.is_pointer() { self.tabled(value) } else { value }
            }
            Expr::Addr(place) => {
                let p = self.place(place, state);
                self.values.addr(p)
            }
            Expr::Function(name) => self.values.make(Value::Function(name)),
            Expr::Int(v) => self.values.int(v),
            Expr::Str => self.values.make(Value::Str),
            Expr::Un(op, a) => {
                let a = self.eval(a, state);
                self.unary(op, a)
            }
            Expr::Bin(op, a, b) => {
                let (a, b) = (self.eval(a, state), self.eval(b, state));
                self.values.bin(op, a, b)
            }
            Expr::Select(c, t, f) => {
                let c = self.eval(c, state);
                match state.known(self.values, c).truth() {
                    Some(true) => self.eval(t, state),
                    Some(false) => self.eval(f, state),
                    None => {
                        let (t, f) = (self.eval(t, state), self.eval(f, state));
                        if t == f {
                            t
                        } else if [c, t, f].iter().all(|&v| self.values.chooses_nothing(v, 4)) {
                            self.values.make(Value::Select(c, t, f))
                        } else {
                            self.values.fresh(Origin::Chosen(e, c))
                        }
                    }
                }
            }
            Expr::ContainerOf { ptr, record, field } => {
                let p = self.eval(ptr, state);
                self.values.container(p, record, field)
            }
            Expr::Opaque(n) => self.values.fresh(Origin::Opaque(n, state.rounds.len() as u32)),
            // A place used as a value (arrays as a whole, structs).
            Expr::Local(_) | Expr::Global(_) | Expr::Deref(_) | Expr::Field { .. } | Expr::Index { .. } => {
                let p = self.place(e, state);
                state.read(self.values, p)
            }
        }
    }
}
