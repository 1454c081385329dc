//! What of a program has run, and what a bound has kept from running.
//!
//! A program that a bound has stopped is known as far as all that it could have come to has run in some execution. Behind the loop that was
//! cut, and behind the join of a thread that never ran, every instruction must have run that could do harm. Within that loop, what reports an error
//! need not have, if what decides about it has: whether it comes to one in a later round is what the bound leaves open. Nothing is said of the values that later rounds have.

use crate::code::{Code, FnId, Ins, Reg, Target};
use crate::link::{FnKind, Linker};
use crate::primitives::Prim;
use cuthere_ir::BinOp;
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;

/// See the module.
#[derive(Default)]
pub struct Coverage {
    /// By function, a bit for each instruction that reads or writes memory, calls or decides.
    ran: Vec<Vec<u64>>,
    /// Where threads were when they could not go on.
    stops: FxHashSet<(FnId, u32)>,
}

impl Coverage {
    /// An instruction has run.
    #[inline]
    pub fn ran(&mut self, id: FnId, pc: usize) {
        let (function, word) = (id.0 as usize, pc / 64);
        if let Some(bits) = self.ran.get_mut(function).and_then(|bits| bits.get_mut(word)) {
            *bits |= 1 << (pc % 64);
        } else {
            self.grow(function, word);
            self.ran[function][word] |= 1 << (pc % 64);
        }
    }

    #[cold]
    fn grow(&mut self, function: usize, word: usize) {
        if self.ran.len() <= function {
            self.ran.resize_with(function + 1, Vec::new);
        }
        if self.ran[function].len() <= word {
            self.ran[function].resize(word + 1, 0);
        }
    }

    /// A bound stopped a thread in this function, before this instruction.
    pub fn stop(&mut self, id: FnId, pc: u32) {
        self.stops.insert((id, pc));
    }

    fn has_run(&self, id: FnId, pc: usize) -> bool {
        self.ran.get(id.0 as usize).and_then(|bits| bits.get(pc / 64)).is_some_and(|bits| bits & 1 << (pc % 64) != 0)
    }

    /// Instructions that nothing has executed and that bounds have kept from running, by function.
    pub fn missing(&self, link: &Linker<'_>) -> BTreeSet<(FnId, usize)> {
        let mut out = BTreeSet::new();
        for &(id, pc) in &self.stops {
            let Some(code) = link.compiled(id.0) else { continue };
            let round = round(code, pc as usize);
            let own = own(code);
            for at in reached(code, pc as usize) {
                let harmless = self.has_run(id, at)
                    || harmless(code, at, &own, link)
                    || round.contains(&at) && is_error(code, at, link) && self.decided(id, code, &round, at);
                if !harmless {
                    out.insert((id, at));
                }
            }
        }
        out
    }

    /// Whether what decides that a loop comes to this instruction has run.
    fn decided(&self, id: FnId, code: &Code, round: &BTreeSet<usize>, at: usize) -> bool {
        let from = origins(code, round);
        let (mut seen, mut waiting) = (BTreeSet::new(), from[at].clone());
        while let Some(pc) = waiting.pop() {
            if !seen.insert(pc) {
                continue;
            }
            match code.ins[pc] {
                Ins::Branch { .. } | Ins::Switch { .. } if !self.has_run(id, pc) => return false,
                Ins::Branch { .. } | Ins::Switch { .. } => {}
                _ => waiting.extend(&from[pc]),
            }
        }
        true
    }
}

/// Whether an instruction only reports an error.
fn is_error(code: &Code, pc: usize, link: &Linker<'_>) -> bool {
    let Some(&Ins::Call { site }) = code.ins.get(pc) else { return false };
    let Target::Function(id) = code.sites[site as usize].target else { return false };
    link.functions.get(id.0 as usize).is_some_and(|info| info.kind == FnKind::Prim(Prim::Bug))
}

fn successors(code: &Code, pc: usize) -> Vec<usize> {
    match code.ins.get(pc) {
        Some(&Ins::Jump { to }) => vec![to as usize],
        Some(&Ins::Branch { then, els, .. }) => vec![then as usize, els as usize],
        Some(&Ins::Switch { table, .. }) => {
            let (cases, default) = &code.switches[table as usize];
            cases.iter().map(|case| case.2 as usize).chain([*default as usize]).collect()
        }
        Some(Ins::Ret { .. } | Ins::Unreachable | Ins::Unsupported { .. }) | None => Vec::new(),
        Some(_) => vec![pc + 1],
    }
}

fn reached(code: &Code, from: usize) -> BTreeSet<usize> {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(pc) = waiting.pop() {
        if pc < code.ins.len() && seen.insert(pc) {
            waiting.extend(successors(code, pc));
        }
    }
    seen
}

/// From where each of these instructions is come to.
fn origins(code: &Code, of: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let mut from = vec![Vec::new(); code.ins.len() + 1];
    for &pc in of {
        for next in successors(code, pc) {
            if let Some(list) = from.get_mut(next) {
                list.push(pc);
            }
        }
    }
    from
}

/// The instructions of the loop that a backward jump ends: those on ways from it to itself.
fn round(code: &Code, jump: usize) -> BTreeSet<usize> {
    let back = match code.ins.get(jump) {
        Some(&Ins::Jump { to }) => to as usize <= jump,
        Some(&Ins::Branch { then, els, .. }) => then.min(els) as usize <= jump,
        _ => false,
    };
    if !back {
        return BTreeSet::new();
    }
    let from = origins(code, &reached(code, jump));
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![jump]);
    while let Some(pc) = waiting.pop() {
        if seen.insert(pc) {
            waiting.extend(&from[pc]);
        }
    }
    seen
}

/// Registers that only ever hold addresses of the function's own variables.
fn own(code: &Code) -> FxHashSet<Reg> {
    let derived = |own: &FxHashSet<Reg>, ins: Ins| match ins {
        Ins::Local { d, .. } => Some((d, true)),
        Ins::Mov { d, s } | Ins::AddConst { d, a: s, .. } | Ins::Index { d, a: s, .. } => Some((d, own.contains(&s))),
        _ => ins.target().map(|d| (d, false)),
    };
    let mut own: FxHashSet<Reg> = code.ins.iter().filter_map(|ins| ins.target()).collect();
    loop {
        let before = own.len();
        for &ins in &code.ins {
            if let Some((d, false)) = derived(&own, ins) {
                own.remove(&d);
            }
        }
        for site in &code.sites {
            own.retain(|r| Some(*r) != site.dst);
        }
        if own.len() == before {
            return own;
        }
    }
}

/// Whether an instruction that never ran could not have been a fault, nor have made others one.
fn harmless(code: &Code, pc: usize, own: &FxHashSet<Reg>, link: &Linker<'_>) -> bool {
    match code.ins[pc] {
        Ins::Load { a, .. } | Ins::Store { a, .. } => own.contains(&a),
        Ins::LoadBits { .. } | Ins::StoreBits { .. } | Ins::Copy { .. } | Ins::Zero { .. } | Ins::DeclareSized { .. } => false,
        Ins::Unsupported { .. } => false,
        Ins::Bin { op: BinOp::Div | BinOp::Rem, .. } => false,
        Ins::Call { site } => {
            let Target::Function(id) = code.sites[site as usize].target else { return false };
            let kind = link.functions.get(id.0 as usize).map(|info| info.kind);
            matches!(kind, Some(FnKind::Prim(Prim::Give(_) | Prim::Argument(_) | Prim::PthreadJoin | Prim::Assume | Prim::Exit(true))))
        }
        _ => true,
    }
}
