//! Results that are computed from arguments alone: told to callers, and worked out from theirs.

use super::*;

impl Run<'_, '_> {
    /// A value as a computation on parameters and constants, if it is one and not just one of these.
    pub(super) fn computed(&self, value: ValueId) -> Option<Computed> {
        let mut steps = SmallVec::new();
        self.steps_of(value, &mut steps)?;
        (steps.len() > 1).then(|| Computed(steps.into_vec().into_boxed_slice()))
    }

    fn steps_of(&self, value: ValueId, out: &mut SmallVec<[Step; 10]>) -> Option<()> {
        if out.len() >= Computed::STEPS_MAX {
            return None;
        }
        let step = match self.values.get(value) {
            Value::Int(v) => Step::Int(v),
            Value::Un(op, a) => {
                self.steps_of(a, out)?;
                Step::Un(op)
            }
            Value::Bin(op, a, b) => {
                self.steps_of(a, out)?;
                self.steps_of(b, out)?;
                Step::Bin(op)
            }
            Value::Truth(a) => {
                self.steps_of(a, out)?;
                Step::Truth
            }
            _ => Step::Param(self.values.param(value, self.body.params.min(255))? as u8),
        };
        out.push(step);
        Some(())
    }

    /// What a callee's computation gives for these arguments.
    pub(super) fn compute(&mut self, computed: &Computed, args: &[ValueId]) -> Option<ValueId> {
        let mut stack: SmallVec<[ValueId; 10]> = SmallVec::new();
        for step in &computed.0 {
            let value = match *step {
                Step::Param(p) => *args.get(p as usize)?,
                Step::Int(v) => self.values.int(v),
                Step::Un(op) => {
                    let a = stack.pop()?;
                    self.unary(op, a)
                }
                Step::Bin(op) => {
                    let (b, a) = (stack.pop()?, stack.pop()?);
                    self.values.bin(op, a, b)
                }
                Step::Truth => {
                    let a = stack.pop()?;
                    self.values.make(Value::Truth(a))
                }
            };
            stack.push(value);
        }
        stack.pop()
    }
}
