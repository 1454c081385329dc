//! Runs single operations.

use super::*;

impl<O: Observer> Run<'_, '_, O> {
    pub(super) fn op(&mut self, index: u32, op: &DOp, mut state: Boxed, out: &mut SmallVec<[Boxed; 4]>) {
        match op.kind {
            DOpKind::Store { place, value } => {
                let v = self.eval(value, &state);
                let p = self.place(place, &state);
                // Whoever reads the pointer there may fill in what it points to.
                if self.nodes.local_of(p).is_none() {
                    self.escape(v, false, &mut state);
                }
                self.unzero(p, &mut state);
                state.write(self.nodes, p, v);
                out.push(state);
            }
            DOpKind::Zero { place } => {
                let p = self.place(place, &state);
                let zero = self.nodes.int(0);
                state.write(self.nodes, p, zero);
                out.push(state);
            }
            DOpKind::Access { ptr, member } => {
                let v = self.eval(ptr, &state);
                let event = NullSite {
                    op: index,
                    loc: op.loc,
                    origin: op.origin,
                    member,
                    text: Some(ptr),
                    expr: Some(ptr),
                    callee: None,
                    argument: None,
                    name: Symbol::EMPTY,
                };
                if self.access(v, &mut state, &event) {
                    out.push(state);
                }
            }
            DOpKind::Call { dst, target, args, cleanup } => self.call(index, op, dst, target, args, cleanup, state, out),
            DOpKind::Declare(l) => {
                let p = self.nodes.make(Node::PLocal(l));
                let v = self.nodes.make(Node::Fresh(index, 1));
                state.write(self.nodes, p, v);
                out.push(state);
            }
            DOpKind::LoopNext { name, args } => {
                let cursor = self.world.model.loop_macro(name).map_or(0, |l| l.cursor);
                if let Some(p) = self.cursor(args, cursor, &state) {
                    let salt = 2 + state.rounds.len() as u32;
                    let v = self.nodes.make(Node::Fresh(index, salt));
                    state.learn(v, Fact::OBJECT);
                    state.write(self.nodes, p, v);
                }
                out.push(state);
            }
            DOpKind::GuardEnter { class, args, id } => {
                if let Some(guard) = self.world.model.guard(class)
                    && let Some(entry) = self.world.entry(guard.enter, false)
                {
                    let values = self.values(args, &state);
                    self.note_call(index, op, guard.enter, Some(entry), None, &values, &mut state);
                    let before = state.locks.len();
                    self.effects(index, entry, &values, &mut state);
                    for held in state.locks.iter_mut().skip(before) {
                        held.guard = id + 1;
                    }
                }
                out.push(state);
            }
            DOpKind::GuardExit { class, args, id } => {
                if let Some(guard) = self.world.model.guard(class)
                    && let Some(entry) = self.world.entry(guard.exit, false)
                {
                    let had = state.locks.len();
                    state.locks.retain(|l| l.guard != id + 1);
                    let values = self.values(args, &state);
                    if had == state.locks.len() {
                        self.effects(index, entry, &values, &mut state);
                    } else {
                        self.context_effects(index, entry, &mut state);
                    }
                }
                out.push(state);
            }
            DOpKind::Gap => {
                let nodes = &*self.nodes;
                state.env.retain(|e| nodes.get(e.1) != Node::Int(0) || nodes.local_of(e.0).is_some());
                out.push(state);
            }
        }
    }

    /// An element of something zeroed is written: which one is not known for sure, so that none is known to be zero.
    fn unzero(&self, place: NodeId, state: &mut State) {
        let mut at = place;
        let mut element = false;
        while let (Node::PField(base, _, _), same) | (Node::PIndex(base, _), same) = (self.nodes.get(at), element) {
            element = same || matches!(self.nodes.get(at), Node::PIndex(..));
            at = base;
            if element
                && let Some(value) = state.written(at)
                && self.nodes.get(value) == Node::Int(0)
            {
                state.env.retain(|e| e.0 != at);
            }
        }
    }

    pub(super) fn values(&mut self, args: (u32, u32), state: &State) -> SmallVec<[NodeId; 6]> {
        let d = self.d;
        d.call_args(args).iter().map(|&a| self.eval(a, state)).collect()
    }
}
