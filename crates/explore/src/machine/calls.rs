//! Functions entered and left, and the objects on a thread's stack.

use super::*;

impl Machine<'_> {
    pub(super) fn begin(&mut self, t: usize, id: FnId, args: &[i64]) {
        self.threads[t].status = Status::Ready;
        if !self.push_frame(t, id, args, None, 0)
            && let Some(info) = self.link.functions.get(id.0 as usize)
            && info.kind == FnKind::Unknown
        {
            self.unknown_calls.insert(info.name.as_str());
        }
    }

    /// Enters a function. `false`: it has no body; its result is 0.
    pub fn push_frame(&mut self, t: usize, id: FnId, args: &[i64], dst: Option<Reg>, dst_size: u32) -> bool {
        let Some(code) = self.link.code(id) else { return false };
        if self.threads[t].frames.len() >= FRAMES_MAX {
            self.bounds.insert("recursion");
            self.cut(t);
            return true;
        }
        let site = self.site(t);
        let thread = &mut self.threads[t];
        let regs = thread.regs.len() as u32;
        let slots = thread.slots.len() as u32;
        thread.regs.resize(regs as usize + usize::from(code.regs), 0);
        for slot in &code.slots {
            let addr = if slot.fixed != 0 {
                slot.fixed
            } else {
                match self.link.mem.allocate(t as u8, u64::from(slot.size), POISON, Kind::Stack, site) {
                    Some(addr) => addr,
                    None => {
                        self.bounds.insert("memory");
                        0
                    }
                }
            };
            self.threads[t].slots.push(addr);
        }
        for (n, param) in code.params.iter().enumerate() {
            let v = args.get(n).copied().unwrap_or(0);
            match *param {
                Param::Reg(r) => self.threads[t].regs[regs as usize + usize::from(r)] = v,
                Param::Scalar { slot, ty } => {
                    let addr = self.threads[t].slots[slots as usize + usize::from(slot)];
                    if let Ok(at) = self.link.mem.check(addr, u32::from(ty.size)) {
                        self.put(at, ty, v);
                    }
                }
                Param::Aggregate { slot, size } => {
                    let addr = self.threads[t].slots[slots as usize + usize::from(slot)];
                    if let (Ok(to), Ok(from)) = (self.link.mem.check(addr, size), self.link.mem.check(v as u64, size)) {
                        self.link.mem.copy(to, from, size);
                    }
                }
            }
        }
        self.threads[t].frames.push(Frame { code, id, pc: 0, regs, slots, dst, dst_size, loops: Vec::new(), atomic: false, guess: 0 });
        true
    }

    /// The storage of an array of variable length: what it had in an earlier round of a loop has ended.
    pub(super) fn declare_sized(&mut self, t: usize, slot: usize, size: u64) {
        let old = self.threads[t].slots[slot];
        self.end_objects(t, &[old]);
        let site = self.site(t);
        match self.link.mem.allocate(t as u8, size.max(1), POISON, Kind::Stack, site) {
            Some(addr) => self.threads[t].slots[slot] = addr,
            None => {
                self.bounds.insert("memory");
                self.cut(t);
            }
        }
    }

    /// The last function of a thread has returned, or there is none.
    pub(crate) fn finish(&mut self, t: usize) {
        if self.threads[t].callback != 0 && self.concurrent() {
            let thread = &mut self.threads[t];
            thread.pending = Pending::End;
            thread.footprint.clear();
            thread.footprint.push(Access::new(Location::sync(thread.callback), Mode::Release));
            self.ends_handler(t);
            self.add_bh_lock(t, Mode::Release);
            self.add_buffer(t, Mode::Read);
            self.add_cpu(t, true);
            return;
        }
        if self.threads[t].level != Level::Task && self.concurrent() && (self.cpu_shared(self.threads[t].cpu) || self.world.rcu_used) {
            let thread = &mut self.threads[t];
            thread.pending = Pending::End;
            thread.footprint.clear();
            self.ends_handler(t);
            self.add_bh_lock(t, Mode::Release);
            self.add_buffer(t, Mode::Read);
            self.add_cpu(t, true);
            return;
        }
        self.threads[t].status = Status::Finished;
        self.quiesce(t);
        self.check_exit(t);
    }

    /// Grace periods wait for the end of a handler.
    fn ends_handler(&mut self, t: usize) {
        if self.world.rcu_used && self.threads[t].level != Level::Task {
            self.threads[t].footprint.push(Access::new(Location::rcu(0, true), Mode::Release));
        }
    }

    pub(super) fn check_exit(&mut self, t: usize) {
        if self.link.plain || !self.concurrent() {
            return;
        }
        if let Some(held) = self.threads[t].held.last().copied() {
            let detail = format!("{} still held when the thread ends", held.name.as_str());
            self.fault(t, FaultKind::LockHeldAtExit, held.key, detail);
            if let Some(fault) = self.faults.last_mut() {
                fault.other = Some(held.site);
            }
        }
    }

    pub(super) fn call(&mut self, t: usize, site: &CallSite, regs: usize, granted: &mut bool) -> Flow {
        let id = match site.target {
            Target::Function(id) => id,
            Target::Pointer(r) => {
                let addr = self.threads[t].regs[regs + usize::from(r)] as u64;
                match self.link.function_at(addr) {
                    Some(id) => id,
                    None if addr == UNKNOWN_ADDRESS => {
                        self.unknown_calls.insert("an unknown function pointer");
                        self.skip(t, "an unknown function pointer", site);
                        return Flow::Next(0);
                    }
                    None => {
                        let kind = if addr < 4096 { FaultKind::NullDeref } else { FaultKind::WildAccess };
                        self.fault(t, kind, addr, format!("call of address {addr:#x}"));
                        return Flow::Dead;
                    }
                }
            }
        };
        let info = &self.link.functions[id.0 as usize];
        match info.kind {
            FnKind::Prim(prim) => self.primitive(t, prim, site, regs, granted),
            FnKind::Unknown => {
                let name = info.name.as_str();
                // Tracing changes nothing.
                if !name.starts_with("trace_") {
                    self.unknown_calls.insert(name);
                    self.skip(t, name, site);
                }
                Flow::Next(0)
            }
            FnKind::Body(_) => {
                let stub = info.stub.then_some(info.name.as_str());
                if self.record.is_some() {
                    self.note_call(t);
                }
                let mut args = [0i64; 16];
                for (to, &from) in args.iter_mut().zip(&site.args) {
                    *to = self.threads[t].regs[regs + usize::from(from)];
                }
                self.advance_past(t);
                let n = site.args.len().min(16);
                let atomic = self.link.plain && self.link.functions[id.0 as usize].name.as_str().starts_with("__VERIFIER_atomic_");
                if atomic && !self.enter_atomic(t, granted) {
                    self.unadvance(t);
                    return Flow::Stop;
                }
                if self.push_frame(t, id, &args[..n], site.dst, site.dst_size) {
                    if atomic && let Some(frame) = self.threads[t].frames.last_mut() {
                        frame.atomic = true;
                    }
                    if let Some(stub) = stub {
                        let id = self.link.guesses.about(stub);
                        self.resting.any = true;
                        if let Some(frame) = self.threads[t].frames.last_mut() {
                            frame.guess = id;
                        }
                    }
                    if self.resting.any {
                        self.hand_over(t, site, regs);
                    }
                    if self.follows_reads() {
                        self.hand_dependencies(t, site, regs);
                    }
                    Flow::Called
                } else {
                    self.unadvance(t);
                    Flow::Next(0)
                }
            }
        }
    }

    /// The guesses that a call's arguments rest on, as its parameters have them.
    fn hand_over(&mut self, t: usize, site: &CallSite, regs: usize) {
        let Some((code, base, slots)) = self.threads[t].frames.last().map(|f| (f.code.clone(), f.regs as usize, f.slots as usize)) else {
            return;
        };
        for (n, param) in code.params.iter().enumerate() {
            let id = site.args.get(n).map_or(0, |&r| self.threads[t].guesses.get(regs + usize::from(r)).copied().unwrap_or(0));
            match *param {
                Param::Reg(r) => self.set_guess(t, base + usize::from(r), id),
                Param::Scalar { slot, ty } if id != 0 => {
                    let addr = self.threads[t].slots[slots + usize::from(slot)];
                    self.link.mem.mark_guessed(addr, u64::from(ty.size), id);
                }
                _ => {}
            }
        }
    }

    /// The call of a function that runs as one: a scheduling point. `false`: the thread stopped before it.
    pub(super) fn enter_atomic(&mut self, t: usize, granted: &mut bool) -> bool {
        if !self.world.sections_used {
            self.world.sections_used = true;
            self.world.shared_cpus |= 1;
            self.world.grown = true;
        }
        if !self.concurrent() {
            // Its end is counted.
            self.world.section(t, true);
            return true;
        }
        if !std::mem::take(granted) && self.stop_at.is_none_or(|at| self.threads[t].ops >= at) {
            self.threads[t].footprint.clear();
            self.add_cpu(t, true);
            self.threads[t].pending = Pending::Memory;
            return false;
        }
        self.threads[t].ops += 1;
        if self.world.section(t, true) {
            self.order_section(t, true);
        }
        true
    }

    pub(super) fn note_call(&mut self, t: usize) {
        self.record_step(t, Recorded::default());
    }

    /// The frame below goes on behind the call.
    pub(crate) fn advance_past(&mut self, t: usize) {
        if let Some(frame) = self.threads[t].frames.last_mut() {
            frame.pc += 1;
        }
    }

    pub(crate) fn unadvance(&mut self, t: usize) {
        if let Some(frame) = self.threads[t].frames.last_mut() {
            frame.pc -= 1;
        }
    }

    /// The addresses of all objects on a thread's stack.
    pub(crate) fn stack_objects(&self, t: usize) -> Vec<u64> {
        self.threads[t].frames.iter().flat_map(|frame| self.frame_objects(t, frame)).collect()
    }

    /// Of one frame: static locals outlive it.
    fn frame_objects(&self, t: usize, frame: &Frame) -> Vec<u64> {
        let slots = self.threads[t].slots.iter().skip(frame.slots as usize).zip(&frame.code.slots);
        slots.filter(|(_, slot)| slot.fixed == 0).map(|(&addr, _)| addr).collect()
    }

    /// Puts the end of objects into the thread's footprint, as far as others could notice it.
    pub(crate) fn ends(&mut self, t: usize, objects: &[u64]) {
        for &addr in objects {
            if let Ok(at) = self.link.mem.check(addr, 1)
                && self.link.mem.visibility(at, 1).freed
            {
                self.threads[t].footprint.push(Access::new(Location::life(addr), Mode::Write));
            }
        }
    }

    /// Ends objects on a thread's stack.
    pub(crate) fn end_objects(&mut self, t: usize, objects: &[u64]) {
        let site = self.site(t);
        for &addr in objects {
            if let Ok(at) = self.link.mem.check(addr, 1) {
                self.link.mem.release(at, t as u8, State::Gone, site);
            }
        }
    }

    /// Returns from a function. `false`: the thread stopped or ended.
    pub(super) fn leave(&mut self, t: usize, v: i64, size: u32, granted: &mut bool) -> bool {
        let Some(frame) = self.threads[t].frames.last() else { return false };
        let (slots, regs, dst, dst_size) = (frame.slots as usize, frame.regs as usize, frame.dst, frame.dst_size);
        // The end of main() is the end of the program: nothing of it goes away before.
        let last = self.link.plain && t == 0 && self.threads[t].frames.len() == 1;
        let counts = self.concurrent() && !frame.code.slots.is_empty() && !last;
        let own = if last { Vec::new() } else { self.frame_objects(t, frame) };
        self.returned |= last;
        if counts && !*granted && self.stop_at.is_none() {
            self.threads[t].footprint.clear();
            self.ends(t, &own);
            if !self.threads[t].footprint.is_empty() {
                self.add_cpu(t, false);
                self.threads[t].pending = Pending::Memory;
                return false;
            }
        }
        if counts {
            // Counted alike whether it was a scheduling point or not, so that schedules replay.
            if self.stop_at.is_some_and(|at| self.threads[t].ops >= at) && !*granted {
                self.threads[t].pending = Pending::Memory;
                self.threads[t].footprint.clear();
                return false;
            }
            self.threads[t].ops += 1;
        }
        *granted = false;
        if size > 0 && dst.is_some() && dst_size == size {
            let base =
                self.threads[t].frames.len().checked_sub(2).and_then(|n| self.threads[t].frames.get(n)).map_or(0, |f| f.regs as usize);
            let to = dst.map_or(0, |d| self.threads[t].regs[base + usize::from(d)]) as u64;
            if let (Ok(to), Ok(from)) = (self.link.mem.check(to, size), self.link.mem.check(v as u64, size)) {
                self.link.mem.copy(to, from, size);
            }
        }
        self.end_objects(t, &own);
        if self.threads[t].frames.last().is_some_and(|f| f.atomic) && self.world.section(t, false) {
            self.order_section(t, false);
        }
        let thread = &mut self.threads[t];
        thread.frames.pop();
        thread.regs.truncate(regs);
        thread.guesses.truncate(regs);
        thread.slots.truncate(slots);
        if self.follows_reads() {
            let caller = self.threads[t].frames.last().map(|f| f.regs as usize);
            self.return_dependencies(t, regs, caller.zip(dst).filter(|_| size == 0).map(|(base, d)| base + usize::from(d)));
        }
        match self.threads[t].frames.last() {
            Some(caller) => {
                if let Some(d) = dst
                    && size == 0
                {
                    let at = caller.regs as usize + usize::from(d);
                    let site = caller.code.ins.get(caller.pc as usize - 1).copied();
                    let ty = match site {
                        Some(Ins::Call { site }) => caller.code.sites[site as usize].dst_ty,
                        _ => IntTy::LONG,
                    };
                    self.threads[t].regs[at] = fitted(ty, v);
                    if self.resting.any {
                        let id = std::mem::take(&mut self.resting.result);
                        self.set_guess(t, at, id);
                    }
                }
                true
            }
            None => {
                // What runs at the end of each thread has no say in its result.
                let ending = std::mem::replace(&mut self.threads[t].ending, true);
                if !ending {
                    self.threads[t].result = v;
                    // The end of main() is that of the program.
                    if t != 0
                        && let Some(id) = self.world.at_end
                        && self.push_frame(t, id, &[], None, 0)
                    {
                        return self.threads[t].alive();
                    }
                }
                self.finish(t);
                false
            }
        }
    }

    #[inline]
    pub(super) fn save(&mut self, t: usize, pc: usize) {
        if let Some(frame) = self.threads[t].frames.last_mut() {
            frame.pc = pc as u32;
        }
    }
}
