//! Instructions that only compute, many in a row: registers and addresses of locals are all that they need, so that they go by much faster than
//! one by one. Refuses backward jumps, divisions by zero and whatever else has to do with more than the frame: those stay with who asked.

use super::arithmetic::{arithmetic, compare, converted, float};
use crate::code::{Code, FnId, Ins};
use crate::coverage::Coverage;

/// Goes on from `pc` for at most `most` instructions, to the first one that does more than compute. Gives where that is, and how many were done.
/// `coverage`: which function it is, where it matters what has run.
pub(super) fn compute(
    code: &Code,
    mut pc: usize,
    regs: &mut [i64],
    slots: &[u64],
    most: u64,
    mut coverage: Option<(&mut Coverage, FnId)>,
) -> (usize, u64) {
    let ins = code.ins.as_slice();
    let mut done = 0;
    macro_rules! r {
        ($x:expr) => {
            regs[usize::from($x)]
        };
    }
    while done < most
        && let Some(&now) = ins.get(pc)
    {
        match now {
            Ins::Const { d, v } => r!(d) = v,
            Ins::Mov { d, s } => r!(d) = r!(s),
            Ins::Local { d, slot } => r!(d) = slots[usize::from(slot)] as i64,
            Ins::Fit { d, s, ty } => r!(d) = ty.fit(r!(s)),
            Ins::Truth { d, s, not } => r!(d) = i64::from((r!(s) != 0) != not),
            Ins::Neg { d, s, ty } => r!(d) = ty.fit(r!(s).wrapping_neg()),
            Ins::BitNot { d, s, ty } => r!(d) = ty.fit(!r!(s)),
            Ins::Cmp { op, d, a, b, ty } => r!(d) = compare(op, r!(a), r!(b), ty),
            Ins::Bin { op, d, a, b, ty } => match arithmetic(op, r!(a), r!(b), ty) {
                Some(v) => r!(d) = v,
                None => break,
            },
            Ins::Float { op, d, a, b, single } => r!(d) = float(op, r!(a), r!(b), single),
            Ins::Convert { d, s, from, to } => r!(d) = converted(r!(s), from, to),
            Ins::Index { d, a, b, scale } => r!(d) = r!(a).wrapping_add(r!(b).wrapping_mul(i64::from(scale))),
            Ins::AddConst { d, a, v } => r!(d) = r!(a).wrapping_add(i64::from(v)),
            Ins::PtrDiff { d, a, b, size } => r!(d) = r!(a).wrapping_sub(r!(b)) / i64::from(size.max(1)),
            Ins::Select { d, c, t, e } => r!(d) = if r!(c) != 0 { r!(t) } else { r!(e) },
            Ins::Jump { to } if to as usize > pc => {
                done += 1;
                pc = to as usize;
                continue;
            }
            Ins::Branch { c, then, els } => {
                let to = if r!(c) != 0 { then } else { els } as usize;
                if to <= pc {
                    break;
                }
                if let Some((coverage, id)) = &mut coverage {
                    coverage.ran(*id, pc);
                }
                done += 1;
                pc = to;
                continue;
            }
            _ => break,
        }
        done += 1;
        pc += 1;
    }
    (pc, done)
}
