//! Guesses: values that the explorer had to make up, and what rests on them.
//!
//! What an unknown function gives, what the stub of a switched-off option gives, what inline assembly computes and what a variable holds that is
//! defined nowhere in sight, is nought here and may be anything in the machine. Such values are marked, in registers and in memory,
//! and so is what is computed from them. Once one has decided a branch, all that the execution does later rests on it: a fault is then no fault of the
//! code's, as far as is known. Refuses to weigh: a branch whose ways come together again counts too.

use crate::code::{Ins, Reg};
use crate::fault::FaultKind;
use crate::machine::Machine;
use crate::memory::GuessId;
use rustc_hash::FxHashMap;

/// What a thread's own task structure holds: the kernel has filled it in long ago, here nothing has.
pub const CURRENT: &str = "what `current` points to";

/// All guesses of one search, by what they are about.
#[derive(Default)]
pub struct Guesses {
    names: Vec<String>,
    by_name: FxHashMap<String, GuessId>,
}

impl Guesses {
    /// The number of the guess about this.
    pub fn about(&mut self, what: &str) -> GuessId {
        if let Some(&id) = self.by_name.get(what) {
            return id;
        }
        self.names.push(what.to_owned());
        let id = self.names.len() as GuessId;
        self.by_name.insert(what.to_owned(), id);
        id
    }

    /// What a guess is about.
    pub fn name(&self, id: GuessId) -> Option<&str> {
        self.names.get((id as usize).checked_sub(1)?).map(String::as_str)
    }
}

/// What an execution has made of guesses so far.
#[derive(Clone, Copy, Default)]
pub struct Resting {
    /// Some value is a guess.
    pub any: bool,
    /// The first guess that decided a branch.
    pub decided: GuessId,
    /// The first function whose work was not done.
    pub skipped: GuessId,
    /// What the instruction being executed works with.
    pub operand: GuessId,
    /// What the value that it stores rests on.
    pub value: GuessId,
    /// What the value that is being returned rests on.
    pub result: GuessId,
}

impl Machine<'_> {
    fn guess_of(&self, t: usize, register: usize) -> GuessId {
        self.threads[t].guesses.get(register).copied().unwrap_or(0)
    }

    /// Says what a register's value rests on.
    pub(crate) fn set_guess(&mut self, t: usize, register: usize, id: GuessId) {
        let guesses = &mut self.threads[t].guesses;
        if let Some(slot) = guesses.get_mut(register) {
            *slot = id;
        } else if id != 0 {
            guesses.resize(register + 1, 0);
            guesses[register] = id;
        }
        self.resting.any |= id != 0;
    }

    fn first_of(&self, t: usize, regs: usize, operands: impl IntoIterator<Item = Reg>) -> GuessId {
        operands.into_iter().map(|r| self.guess_of(t, regs + usize::from(r))).find(|id| *id != 0).unwrap_or(0)
    }

    /// Before an instruction: what it works with, and what its result rests on as far as no memory is concerned.
    pub(crate) fn spread(&mut self, t: usize, ins: Ins, regs: usize) {
        let operands = ins.operands().into_iter().flatten();
        let id = self.first_of(t, regs, operands);
        self.resting.operand = id;
        match ins {
            Ins::Branch { .. } | Ins::Switch { .. } => self.decides(id),
            Ins::Store { a, .. } | Ins::StoreBits { a, .. } => {
                // That a wrong address is used does not rest on the value.
                (self.resting.value, self.resting.operand) = (id, self.first_of(t, regs, [a]));
            }
            Ins::Call { site } => {
                let Some(code) = self.threads[t].frames.last().map(|f| f.code.clone()) else { return };
                let Some(site) = code.sites.get(site as usize) else { return };
                let target = match site.target {
                    crate::code::Target::Pointer(r) => Some(r),
                    crate::code::Target::Function(_) => None,
                };
                self.resting.operand = self.first_of(t, regs, site.args.iter().copied().chain(target));
                // Which function runs is a branch as well.
                let target = self.first_of(t, regs, target);
                self.decides(target);
            }
            Ins::Ret { .. } => {
                let own = self.threads[t].frames.last().map_or(0, |f| f.guess);
                self.resting.result = if own != 0 { own } else { id };
            }
            _ => {
                if let Some(d) = ins.target() {
                    self.set_guess(t, regs + usize::from(d), id);
                }
            }
        }
    }

    fn decides(&mut self, id: GuessId) {
        if self.resting.decided == 0 {
            self.resting.decided = id;
        }
    }

    /// What a value rests on that was read here, with an address that may be a guess itself. How a lock's own memory looks, the engine does not
    /// know: it keeps locks elsewhere.
    pub(crate) fn read_guess(&mut self, addr: u64, size: u64) -> GuessId {
        self.read_bits_guess(addr, size, 0)
    }

    /// The same of a bit-field that begins with this bit.
    pub(crate) fn read_bits_guess(&mut self, addr: u64, size: u64, bit: u8) -> GuessId {
        if !self.link.plain && self.world.locks.get(&addr).is_some_and(|lock| !lock.of_object) {
            return self.link.guesses.about("the inside of a lock");
        }
        match self.resting.operand {
            0 if self.link.mem.has_guessed() => {
                let id = self.link.mem.guess_in(addr, size).unwrap_or(0);
                if self.link.guesses.name(id) == Some(CURRENT) { self.member_of_current(addr, bit).unwrap_or(id) } else { id }
            }
            id => id,
        }
    }

    /// The guess about the one member of a task's structure that lies here, so that it is named what has to be set.
    fn member_of_current(&mut self, addr: u64, bit: u8) -> Option<GuessId> {
        let (size, ty) = self.link.record("task_struct")?;
        let off = self.threads.iter().filter(|t| t.task != 0).map(|t| addr.wrapping_sub(t.task)).find(|off| *off < size)?;
        let (member, _) = crate::sizes::member_with_bit(self.link.program, ty, (off, u64::from(bit)), None);
        let member = format!("current->{}", member.trim_start_matches('.'));
        Some(self.link.guesses.about(&format!("`{member}`, which nothing has set: where the thread begins, write `{member} = …;`")))
    }

    /// What a fault rests on that is about this address.
    pub(crate) fn rests_on(&self, addr: u64) -> GuessId {
        let r = &self.resting;
        let about = if self.link.mem.has_guessed() { self.link.mem.guess_in(addr, 1).unwrap_or(0) } else { 0 };
        [r.decided, r.operand, about].into_iter().find(|id| *id != 0).unwrap_or(0)
    }

    /// The same of faults that say that something was not done: what was skipped might have done it.
    pub(crate) fn fault_guess(&self, kind: FaultKind, addr: u64) -> GuessId {
        match self.rests_on(addr) {
            0 if kind.says_what_is_missing() => self.resting.skipped,
            id => id,
        }
    }

    /// A function is called of which nothing is known: its result is a guess, and so is what it could have written through its arguments.
    pub(crate) fn skip(&mut self, t: usize, name: &str, site: &crate::code::CallSite) {
        let id = self.link.guesses.about(name);
        self.resting.any = true;
        if self.resting.skipped == 0 {
            self.resting.skipped = id;
        }
        for n in 0..site.args.len().min(8) {
            let size = site.given.get(n).map_or(0, |given| given.output);
            if size > 0 {
                let addr = self.arg(t, site, n as u8) as u64;
                self.link.mem.mark_guessed(addr, u64::from(size), id);
            }
        }
        self.resting.operand = id;
    }
}
