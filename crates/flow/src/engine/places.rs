//! Places in terms of callers, and back.

use super::*;

impl Run<'_, '_> {
    /// The place in terms of parameters and globals.
    pub(super) fn relative(&self, place: ValueId, result: Option<ValueId>) -> Option<RelPlace> {
        let mut path: SmallVec<[RelStep; 2]> = SmallVec::new();
        let mut at = place;
        let done = |root, mut path: SmallVec<[RelStep; 2]>| {
            path.reverse();
            Some(RelPlace { root, path })
        };
        for _ in 0..12 {
            match self.values.get(at) {
                Value::PField(base, name, record) => {
                    path.push(RelStep::Field(name, record));
                    at = base;
                }
                Value::PGlobal(name) => return done(RelRoot::Global(name), path),
                Value::PDeref(v) => {
                    if Some(v) == result {
                        return done(RelRoot::Result, path);
                    }
                    let mut pointer = v;
                    while let Value::Container(inner, record, member) = self.values.get(pointer) {
                        path.push(RelStep::Around(record, member));
                        pointer = inner;
                    }
                    match self.values.get(pointer) {
                        Value::Addr(place) => at = place,
                        Value::Entry(p) => match self.values.get(p) {
                            Value::PLocal(l) if l.number() < self.body.params.min(255) => {
                                return done(RelRoot::Param(l.number() as u8), path);
                            }
                            Value::PLocal(_) => return None,
                            _ => {
                                path.push(RelStep::Deref);
                                at = p;
                            }
                        },
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        None
    }

    /// The place that a callee's relative place is here.
    pub(super) fn absolute(&mut self, rel: &RelPlace, args: &[ValueId], result: ValueId, state: &State) -> Option<ValueId> {
        let mut at = match rel.root {
            RelRoot::Param(i) => {
                let v = *args.get(i as usize)?;
                self.values.deref(v)
            }
            RelRoot::Global(name) => self.values.make(Value::PGlobal(name)),
            RelRoot::Result => self.values.deref(result),
            RelRoot::Unknown => return None,
        };
        for &step in &rel.path {
            at = match step {
                RelStep::Deref => {
                    let v = state.read(self.values, at);
                    self.values.deref(v)
                }
                RelStep::Field(name, record) => self.values.field(at, name, record),
                RelStep::Around(record, member) => {
                    let inner = self.values.addr(at);
                    let outer = self.values.container(inner, record, member);
                    self.values.deref(outer)
                }
            };
        }
        Some(at)
    }
}
