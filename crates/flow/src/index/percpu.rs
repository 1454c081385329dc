//! What functions do with per-CPU data, and what excludes others of the same CPU meanwhile; asked on PREEMPT_RT alone.
//!
//! A per-CPU object is reached by `this_cpu_ptr()` and kin, or it is handed to a callback that was armed on its CPU: there it is known by its record, of which other
//! code shows that it lies in per-CPU memory. Handing a part of it to a function that stores there counts as a store.

use super::facts::Fact;
use crate::body::OpId;
use crate::engine::event::{Event, EventKind};
use crate::engine::{Path, Variable, VariableOf};
use crate::summary::{EffectKind, FuncId, RelRoot, Summary};
use cuthere_kernel::PerCpu;
use serde::{Deserialize, Serialize};

/// An access to a variable that may be a per-CPU one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PerCpuUse {
    pub of: VariableOf,
    /// It is reached as this CPU's copy, or as any CPU's; neither: by a pointer of which that is not known.
    pub this: bool,
    pub any: bool,
    pub store: bool,
    /// It is handed as a whole to a function that changes it.
    pub handed: bool,
    /// A lock is held, or preemption or interrupts are disabled by hand.
    pub excluded: bool,
    /// Bottom halves are disabled here.
    pub bh: bool,
    pub at: OpId,
}

/// Notes what one function does with per-CPU data.
#[derive(Default)]
pub(super) struct PerCpuRecorder {
    pub uses: Vec<PerCpuUse>,
}

/// More of one function are not kept.
const USES_MAX: usize = 24;

impl PerCpuRecorder {
    pub(super) fn event(&mut self, path: &Path<'_, '_>, event: &Event<'_>) {
        if !path.world.preemption.rt {
            return;
        }
        match &event.kind {
            EventKind::Memory(m) if m.percpu.is_none() || !m.marked => {
                if let Some(v) = path.variable_at(m.place) {
                    self.note(path, event.op, Variable { percpu: m.percpu.or(v.percpu), ..v }, m.store, false);
                }
            }
            EventKind::Call(call) => {
                let &[callee] = call.callees else { return };
                let Some(summary) = path.world.summary(callee).filter(|s| s.stores != 0) else { return };
                for (i, &v) in call.args.iter().enumerate().filter(|(i, _)| *i < 64 && summary.stores >> i & 1 == 1) {
                    if let Some(variable) = path.variable_behind(v).filter(|_| !locks(summary, i as u8)) {
                        self.note(path, event.op, variable, true, true);
                    }
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, path: &Path<'_, '_>, at: OpId, variable: Variable, store: bool, handed: bool) {
        let percpu = variable.percpu;
        // What callbacks are handed; of other pointers nothing speaks for per-CPU memory.
        if percpu.is_none() && !(matches!(variable.of, VariableOf::Member(..)) && path.world.entry_points.contains_key(&path.func)) {
            return;
        }
        let state = path.state;
        let excluded = state.ctx.irq > 0
            || state.ctx.preempt > 0
            || !state.locks.held.is_empty()
            || !state.locks.asserted.is_empty()
            || state.locks.doubtful;
        let (this, any) = (percpu == Some(PerCpu::This), percpu == Some(PerCpu::Any));
        let new = PerCpuUse { of: variable.of, this, any, store, handed, excluded, bh: state.ctx.bh > 0, at };
        if let Some(old) = self.uses.iter_mut().find(|u| u.of == new.of && u.at == at) {
            // The least that excludes others on some path.
            old.excluded &= excluded;
            old.bh &= new.bh;
            old.store |= store;
            old.handed |= handed;
        } else if self.uses.len() < USES_MAX {
            self.uses.push(new);
        }
    }
}

/// Whether a function takes a lock in what an argument points to.
fn locks(summary: &Summary, param: u8) -> bool {
    summary.effects().any(|(_, e)| matches!(&e.kind, EffectKind::Acquire { lock, .. } if lock.root == RelRoot::Param(param)))
}

/// What the tree does with per-CPU data, sorted by function.
#[derive(Default)]
pub struct PerCpuUses(pub Vec<(FuncId, PerCpuUse)>);

impl PerCpuUses {
    pub fn add(&mut self, func: FuncId, fact: &Fact) {
        if let Fact::PerCpu(u) = fact {
            self.0.push((func, *u));
        }
    }
}
