//! The interpreter: a thread's operation, and all that it does by itself behind it.

use super::*;

/// Instructions between two looks at the clock.
const LOOK: u64 = 1 << 14;

impl Machine<'_> {
    /// Does a thread's pending operation and runs on to its next one.
    pub fn step(&mut self, t: usize, choice: u16) {
        self.events += 1;
        let thread = &mut self.threads[t];
        thread.steps += 1;
        thread.waits = true;
        let (event, pending) = (&mut self.event, thread.pending);
        (event.thread, event.spawned, event.killed, event.joined, event.follows) = (t, 0, 0, 0, None);
        event.footprint.clear();
        event.footprint.extend_from_slice(&thread.footprint);
        (event.choices, event.choice) = (std::mem::replace(&mut thread.choices, 1), choice);
        self.choosing = pending == Pending::Decide;
        thread.looped &= self.choosing;
        self.choice = choice;
        if pending == Pending::Call
            && let Some(at) = self.tries_in_vain(t)
        {
            self.event.footprint.iter_mut().filter(|a| a.at == at && a.mode == Mode::Write).for_each(|a| a.mode = Mode::Failed);
        }
        if let Some(races) = &mut self.races {
            races.executed(&self.event);
        }
        if self.options.memory == MemoryModel::Lkmm {
            for n in 0..self.event.footprint.len() {
                self.weak_sync(t, self.event.footprint[n]);
            }
        }
        self.switch_to(t);
        if self.events > self.options.events {
            self.bounds.insert("events");
            self.cut(t);
            return;
        }
        match pending {
            Pending::Start => {
                self.threads[t].ops += 1;
                self.start_callback(t);
                let (id, arg) = self.threads[t].entry;
                let arg2 = self.threads[t].entry2;
                self.begin(t, id, &[arg, arg2]);
                if self.threads[t].frames.is_empty() {
                    // A callback of the engine's own, such as the free after a grace period.
                    self.run_native(t, id, arg);
                    self.finish(t);
                    return;
                }
                self.advance(t, false);
            }
            Pending::Drain => self.drain_one(t),
            Pending::End => {
                self.after_drain(t);
                self.threads[t].ops += 1;
                self.end_callback(t);
                self.threads[t].status = Status::Finished;
            }
            Pending::Await => self.advance(t, false),
            Pending::Decide => {
                self.event.choices = 1;
                self.may_choose = true;
                self.advance(t, false);
                self.may_choose = false;
            }
            _ => self.advance(t, true),
        }
    }

    /// Runs a thread from where it is; `granted`: its next operation may be done.
    pub fn advance(&mut self, t: usize, granted: bool) {
        let mut granted = granted;
        let mut budget = self.options.instructions;
        loop {
            let Some(frame) = self.threads[t].frames.last() else {
                self.finish(t);
                return;
            };
            let (code, id, regs, slots) = (frame.code.clone(), frame.id, frame.regs as usize, frame.slots as usize);
            let mut pc = frame.pc as usize;
            // Within one frame, until a call or a return.
            loop {
                if budget == 0 {
                    self.bounds.insert("instructions");
                    self.save(t, pc);
                    self.cut(t);
                    return;
                }
                budget -= 1;
                if budget.is_multiple_of(LOOK) && self.spend(t, 1 << 18) {
                    self.save(t, pc);
                    return;
                }
                let Some(&(mut ins)) = code.ins.get(pc) else {
                    self.cut(t);
                    return;
                };
                macro_rules! r {
                    ($x:expr) => {
                        self.threads[t].regs[regs + $x as usize]
                    };
                }
                let quick = !self.any_open && !self.resting.any && !self.follows_reads();
                if self.any_open {
                    match self.lazily(t, pc, ins, regs) {
                        Lazily::Plain => {}
                        Lazily::Again => continue,
                        Lazily::Stop => return,
                        Lazily::Done => {
                            pc += 1;
                            continue;
                        }
                        Lazily::Jump(to) => {
                            if self.link.plain {
                                self.coverage.ran(id, pc);
                            }
                            pc = to;
                            continue;
                        }
                    }
                }
                if self.resting.any {
                    self.spread(t, ins, regs);
                }
                if self.follows_reads() {
                    self.depend(t, ins, regs);
                }
                // As many as there are before the clock is looked at again, where nothing is followed from one to the next.
                let most = if quick { 1 + ((budget + LOOK - 1) % LOOK).min(budget) } else { 1 };
                let thread = &mut self.threads[t];
                let coverage = self.link.plain.then_some((&mut self.coverage, id));
                let (to, done) = swift::compute(&code, pc, &mut thread.regs[regs..], &thread.slots[slots..], most, coverage);
                if done > 0 {
                    (pc, budget) = (to, budget + 1 - done);
                    // What it left does more than compute, if it was not the clock that ended it.
                    match code.ins.get(pc) {
                        Some(&next) if quick && done < most && budget > 0 && !(budget - 1).is_multiple_of(LOOK) => {
                            (ins, budget) = (next, budget - 1);
                        }
                        _ => continue,
                    }
                }
                match ins {
                    Ins::Const { .. }
                    | Ins::Mov { .. }
                    | Ins::Local { .. }
                    | Ins::Fit { .. }
                    | Ins::Truth { .. }
                    | Ins::Neg { .. }
                    | Ins::BitNot { .. }
                    | Ins::Cmp { .. }
                    | Ins::Float { .. }
                    | Ins::Convert { .. }
                    | Ins::Index { .. }
                    | Ins::AddConst { .. }
                    | Ins::PtrDiff { .. }
                    | Ins::Select { .. } => {}
                    Ins::Bin { .. } => {
                        self.save(t, pc);
                        self.fault(t, FaultKind::Assertion, 0, "division by zero");
                        return;
                    }
                    Ins::Guess { d, v, note } => {
                        r!(d) = v;
                        let id = code.notes.get(note as usize).map_or(0, |what| self.link.guesses.about(what));
                        self.set_guess(t, regs + usize::from(d), id);
                    }
                    Ins::Own { d, copies } => r!(d) = self.link.own_copy(copies, t) as i64,
                    Ins::Load { .. }
                    | Ins::Store { .. }
                    | Ins::LoadBits { .. }
                    | Ins::StoreBits { .. }
                    | Ins::Copy { .. }
                    | Ins::Zero { .. } => {
                        self.save(t, pc);
                        if !self.memory_ins(t, ins, regs, &mut granted) {
                            return;
                        }
                        if self.link.plain {
                            self.coverage.ran(id, pc);
                        }
                    }
                    Ins::Declare { slot } => {
                        let addr = self.threads[t].slots[slots + slot as usize];
                        let size = code.slots.get(slot as usize).map_or(0, |s| s.size);
                        if let Ok(at) = self.link.mem.check(addr, size)
                            && code.slots.get(slot as usize).is_some_and(|s| s.fixed == 0)
                        {
                            if self.concurrent() {
                                self.changes(t, at, addr, size);
                            }
                            self.link.mem.fill(at, size, POISON);
                            if self.spend(t, u64::from(size) / 16) {
                                self.save(t, pc);
                                return;
                            }
                        }
                    }
                    Ins::DeclareSized { slot, size } => {
                        let size = r!(size) as u64;
                        self.save(t, pc);
                        self.declare_sized(t, slots + slot as usize, size);
                        if !self.threads[t].active() {
                            return;
                        }
                        if self.link.plain {
                            self.coverage.ran(id, pc);
                        }
                    }
                    Ins::Open { d, ty } => r!(d) = self.anything(t, ty, crate::primitives::Any::Typed),
                    Ins::Jump { to } => {
                        if (to as usize) <= pc && !self.loop_again(t, pc, to as usize) {
                            return;
                        }
                        pc = to as usize;
                        continue;
                    }
                    Ins::Branch { c, then, els } => {
                        if self.link.plain {
                            self.coverage.ran(id, pc);
                        }
                        let to = if r!(c) != 0 { then } else { els } as usize;
                        if to <= pc && !self.loop_again(t, pc, to) {
                            return;
                        }
                        pc = to;
                        continue;
                    }
                    Ins::Switch { v, table } => {
                        if self.link.plain {
                            self.coverage.ran(id, pc);
                        }
                        let v = r!(v);
                        let (cases, default) = &code.switches[table as usize];
                        pc = cases.iter().find(|c| (c.0..=c.1).contains(&v)).map_or(*default, |c| c.2) as usize;
                        continue;
                    }
                    Ins::Call { site } => {
                        self.save(t, pc);
                        let site = &code.sites[site as usize];
                        match self.call(t, site, regs, &mut granted) {
                            Flow::Next(v) => {
                                if self.link.plain {
                                    self.coverage.ran(id, pc);
                                }
                                if let Some(d) = site.dst
                                    && site.dst_size == 0
                                {
                                    r!(d) = fitted(site.dst_ty, v);
                                    if self.resting.any {
                                        let id = self.resting.operand;
                                        self.set_guess(t, regs + usize::from(d), id);
                                    }
                                    if self.follows_reads() {
                                        self.depends_on_call(t, regs + usize::from(d));
                                    }
                                }
                                if !self.threads[t].active() {
                                    return;
                                }
                            }
                            Flow::Called => {
                                if self.link.plain {
                                    self.coverage.ran(id, pc);
                                }
                                if !self.threads[t].active() {
                                    return;
                                }
                                break;
                            }
                            Flow::Stop | Flow::Dead => return,
                        }
                    }
                    Ins::Ret { s, size } => {
                        self.save(t, pc);
                        let v = s.map_or(0, |s| r!(s));
                        if !self.leave(t, v, size, &mut granted) {
                            return;
                        }
                        break;
                    }
                    Ins::Unreachable => {
                        self.save(t, pc);
                        self.cut(t);
                        return;
                    }
                    Ins::Unsupported { note } => {
                        self.save(t, pc);
                        let note = code.notes.get(note as usize).map_or("", |n| n.as_str());
                        let line = code.locs.get(pc).map_or(0, |l| l.line);
                        let path = self.link.program.source.path(code.file);
                        self.unsupported.insert(format!("{path}:{line}: {note}"));
                        self.cut(t);
                        return;
                    }
                }
                pc += 1;
            }
        }
    }
}
