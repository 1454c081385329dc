//! Locals in registers that may be read before anything was assigned to them: a C program finds any value there.
//!
//! A forward pass over a function's instructions: a register is open if some path from the entry reads it first. A path that never runs may
//! be among them; then the open value is overwritten unseen.

use crate::code::{Code, Ins, Reg, Target};

/// The open ones among the first `locals` registers, in order. Parameters are assigned by the caller.
pub(crate) fn open_locals(code: &Code, locals: Reg, assigned: impl Iterator<Item = Reg>) -> Vec<Reg> {
    let words = usize::from(locals).div_ceil(64);
    let mut entry = vec![0u64; words];
    assigned.filter(|r| *r < locals).for_each(|r| add(&mut entry, r));
    // What is assigned on every path to an instruction; all bits, until one is known.
    let mut before: Vec<Vec<u64>> = vec![Vec::new(); code.ins.len()];
    let mut open = vec![0u64; words];
    let mut waiting = vec![(0usize, entry)];
    while let Some((at, state)) = waiting.pop() {
        let Some(known) = before.get_mut(at) else { continue };
        let merged: Vec<u64> = match known.is_empty() {
            true => state,
            false => known.iter().zip(&state).map(|(a, b)| a & b).collect(),
        };
        if *known == merged {
            continue;
        }
        known.clone_from(&merged);
        let mut state = merged;
        let ins = code.ins[at];
        reads(code, ins, |r| {
            if r < locals && !has(&state, r) {
                add(&mut open, r);
            }
        });
        match ins {
            Ins::Open { d, .. } => remove(&mut state, d),
            _ => written(code, ins).filter(|d| *d < locals).into_iter().for_each(|d| add(&mut state, d)),
        }
        match ins {
            Ins::Jump { to } => waiting.push((to as usize, state)),
            Ins::Branch { then, els, .. } => {
                waiting.push((then as usize, state.clone()));
                waiting.push((els as usize, state));
            }
            Ins::Switch { table, .. } => {
                let (cases, default) = &code.switches[table as usize];
                waiting.extend(cases.iter().map(|c| (c.2 as usize, state.clone())));
                waiting.push((*default as usize, state));
            }
            Ins::Ret { .. } | Ins::Unreachable | Ins::Unsupported { .. } => {}
            _ => waiting.push((at + 1, state)),
        }
    }
    (0..locals).filter(|r| has(&open, *r)).collect()
}

pub(crate) fn has(set: &[u64], r: Reg) -> bool {
    set.get(usize::from(r) / 64).is_some_and(|word| word >> (r % 64) & 1 != 0)
}

fn add(set: &mut [u64], r: Reg) {
    if let Some(word) = set.get_mut(usize::from(r) / 64) {
        *word |= 1 << (r % 64);
    }
}

fn remove(set: &mut [u64], r: Reg) {
    if let Some(word) = set.get_mut(usize::from(r) / 64) {
        *word &= !(1 << (r % 64));
    }
}

pub(crate) fn written(code: &Code, ins: Ins) -> Option<Reg> {
    match ins {
        Ins::Call { site } => code.sites.get(site as usize).filter(|s| s.dst_size == 0).and_then(|s| s.dst),
        _ => ins.target(),
    }
}

pub(crate) fn reads(code: &Code, ins: Ins, mut read: impl FnMut(Reg)) {
    ins.operands().into_iter().flatten().for_each(&mut read);
    if let Ins::Call { site } = ins
        && let Some(site) = code.sites.get(site as usize)
    {
        site.args.iter().copied().for_each(&mut read);
        if let Target::Pointer(r) = site.target {
            read(r);
        }
        if let Some(d) = site.dst.filter(|_| site.dst_size > 0) {
            read(d);
        }
    }
}
