//! Which registers of a function still matter at an instruction: those that some way from it reads before it writes them.
//!
//! The usual pass backwards over the instructions, made once for each function that asks. What the others hold is no part of a state.

use crate::code::{Code, Ins, Reg};
use crate::open::{has, reads, written};

/// By instruction, a bit for each register.
#[derive(Clone, Debug, Default)]
pub struct Live {
    words: usize,
    bits: Vec<u64>,
}

impl Live {
    pub fn of(code: &Code) -> Live {
        let words = usize::from(code.regs).div_ceil(64).max(1);
        let mut live = Live { words, bits: vec![0; words * code.ins.len()] };
        let mut changed = true;
        while changed {
            changed = false;
            for pc in (0..code.ins.len()).rev() {
                let ins = code.ins[pc];
                let mut now = vec![0u64; words];
                let mut join = |to: usize| {
                    for (word, more) in now.iter_mut().zip(live.at(to)) {
                        *word |= more;
                    }
                };
                match ins {
                    Ins::Jump { to } => join(to as usize),
                    Ins::Branch { then, els, .. } => {
                        join(then as usize);
                        join(els as usize);
                    }
                    Ins::Switch { table, .. } => {
                        let (cases, default) = &code.switches[table as usize];
                        cases.iter().for_each(|case| join(case.2 as usize));
                        join(*default as usize);
                    }
                    Ins::Ret { .. } | Ins::Unreachable | Ins::Unsupported { .. } => {}
                    _ => join(pc + 1),
                }
                if let Some(d) = written(code, ins) {
                    now[usize::from(d) / 64] &= !(1 << (d % 64));
                }
                reads(code, ins, |r| now[usize::from(r) / 64] |= 1 << (r % 64));
                let old = &mut live.bits[pc * words..(pc + 1) * words];
                if *old != now[..] {
                    old.copy_from_slice(&now);
                    changed = true;
                }
            }
        }
        live
    }

    fn at(&self, pc: usize) -> &[u64] {
        self.bits.get(pc * self.words..(pc + 1) * self.words).unwrap_or(&[])
    }

    /// Whether a register matters before an instruction.
    #[inline]
    pub fn has(&self, pc: usize, r: Reg) -> bool {
        has(self.at(pc), r)
    }
}
