//! Memory as threads use it: which accesses others could notice, what is wrong with one, and loops that wait for a change.

use super::*;
use smallvec::SmallVec;

/// Writes of a thread's own that are followed, to find that a round of a loop has changed nothing.
const OWN_MAX: usize = 64;
const OWN_BYTES: u32 = 64;

impl Machine<'_> {
    pub(crate) fn bad(&mut self, t: usize, bad: Bad, addr: u64, write: bool) {
        if self.link.mem.exhausted || self.link.mem.lacks && bad == Bad::Wild {
            // An address that could not be given is no fault of the program.
            self.bounds.insert("memory");
            self.cut(t);
            return;
        }
        let what = if write { "write to" } else { "read of" };
        if addr.wrapping_sub(UNKNOWN_ADDRESS - (1 << 24)) < 1 << 25 {
            let place = crate::told::place_of(self, self.site(t));
            self.unsupported.insert(format!("{}:{}: a value that nothing is known about is used as an address", place.file, place.line));
            self.cut(t);
            return;
        }
        match bad {
            Bad::Null => self.fault(t, FaultKind::NullDeref, addr, format!("{what} address {addr:#x}")),
            Bad::Wild => self.fault(t, FaultKind::WildAccess, addr, format!("{what} address {addr:#x}, where nothing is")),
            Bad::Bounds => self.fault(t, FaultKind::OutOfBounds, addr, format!("{what} memory beside its object")),
            Bad::Freed | Bad::Gone => {
                if self.concurrent()
                    && let Some(object) = self.link.mem.find(addr)
                    && usize::from(object.free.thread) != t
                {
                    self.link.mem.learn_free(object.addr);
                }
                let state = if bad == Bad::Freed { "freed" } else { "a returned function's" };
                self.fault(t, FaultKind::UseAfterFree, addr, format!("{what} {state} memory"));
            }
        }
    }

    /// Adds what an access to memory means for the scheduler; `Err`: the access is wrong.
    pub(crate) fn want(&mut self, t: usize, addr: u64, size: u32, write: bool) -> Result<Ref, Bad> {
        let at = match self.link.mem.check(addr, size) {
            Ok(at) => at,
            Err(bad) => {
                // That the object is gone depends on who freed it when.
                if let (Bad::Freed | Bad::Gone, Some(object)) = (bad, self.link.mem.find(addr)) {
                    self.threads[t].footprint.push(Access::new(Location::life(object.addr), Mode::Read));
                }
                return Err(bad);
            }
        };
        if let Some(granule) = self.link.mem.shared_granule(at, size) {
            let bytes = (u8::MAX >> (8 - size.clamp(1, 8))) << (addr & 7);
            let mode = if write { Mode::Write } else { Mode::Read };
            self.threads[t].footprint.push(Access { at: Location::granule(granule), mode, bytes });
            return Ok(at);
        }
        let seen = self.link.mem.visibility(at, size);
        if seen.shared || seen.freed {
            let mut granules = SmallVec::new();
            let whole = self.link.mem.shared_granules(at, size, &mut granules);
            let mode = if write { Mode::Write } else { Mode::Read };
            if whole {
                let object = self.link.mem.object_of(at).addr;
                self.threads[t].footprint.push(Access::new(Location::granule(object), mode));
            }
            let footprint = &mut self.threads[t].footprint;
            for g in granules {
                // Which bytes of the granule the access covers.
                let lo = addr.max(g) - g;
                let hi = (addr + u64::from(size.max(1))).min(g + 8) - g;
                let bytes = (u8::MAX >> (8 - (hi - lo).clamp(1, 8))) << lo;
                footprint.push(Access { at: Location::granule(g), mode, bytes });
            }
            if seen.freed {
                let life = Location::life(self.link.mem.object_of(at).addr);
                self.threads[t].footprint.push(Access::new(life, Mode::Read));
            }
        }
        Ok(at)
    }

    #[inline]
    pub(super) fn access(&mut self, t: usize, addr: u64, size: u32, write: bool, granted: &mut bool) -> Access_ {
        if !self.concurrent() {
            return match self.link.mem.check(addr, size) {
                Ok(at) => Access_::Go(at),
                Err(bad) => {
                    self.bad(t, bad, addr, write);
                    Access_::Dead
                }
            };
        }
        let checked = self.link.mem.check(addr, size);
        if !std::mem::take(granted) {
            let visible = match checked {
                Ok(at) => {
                    let seen = self.link.mem.visibility(at, size);
                    seen.shared || seen.freed
                }
                Err(Bad::Freed | Bad::Gone) => true,
                Err(_) => false,
            };
            let ops = self.threads[t].ops;
            let stop = match self.stop_at {
                Some(at) => ops >= at,
                None => visible,
            };
            if stop {
                self.threads[t].footprint.clear();
                let _ = self.want(t, addr, size, write);
                self.add_cpu(t, false);
                self.threads[t].pending = Pending::Memory;
                return Access_::Stop;
            }
        }
        self.threads[t].ops += 1;
        match checked {
            Ok(at) => {
                if write {
                    self.changes(t, at, addr, size);
                } else {
                    let granule = addr & !7;
                    if let Some(value) = self.link.mem.peek(granule) {
                        self.threads[t].has_read(granule, value);
                    }
                }
                self.link.mem.touch(at, size, t as u8, write);
                if self.races.is_some() && self.link.mem.visibility(at, size).shared {
                    self.judge_access(t, addr, size, write);
                }
                if self.record.is_some() {
                    self.note(t, addr, write);
                }
                Access_::Go(at)
            }
            Err(bad) => {
                self.note(t, addr, write);
                self.bad(t, bad, addr, write);
                Access_::Dead
            }
        }
    }

    /// Whether an address lies in a variable on another thread's stack.
    fn others_variable(&self, t: usize, addr: u64) -> bool {
        let object = self.link.mem.known(addr);
        object.is_some_and(|object| object.kind == Kind::Stack && usize::from(object.alloc.thread) != t)
    }

    pub(crate) fn note(&mut self, t: usize, addr: u64, write: bool) {
        if self.record.is_some() {
            self.record_step(t, Recorded { addr, write, visible: true, ..Recorded::default() });
        }
    }

    /// Adds a step to the record, with where the thread is.
    pub(crate) fn record_step(&mut self, t: usize, step: Recorded) {
        let site = self.site(t);
        let frames = &self.threads[t].frames;
        let inner = frames.last().is_some_and(|f| f.code.header);
        let own = frames.iter().rev().find(|f| !f.code.header).filter(|_| inner);
        let outer = own.map(|f| Site { function: f.id.0, pc: f.pc.saturating_sub(1), ..site });
        let (depth, setup) = (frames.len() as u16, !self.concurrent());
        if let Some(record) = &mut self.record
            && record.len() < 200_000
        {
            record.push(Recorded { site, outer, depth, setup, ..step });
        }
    }

    /// Says what the step that was recorded last has read or written.
    #[inline]
    pub(super) fn note_value(&mut self, size: u8, v: i64) {
        if let Some(step) = self.record.as_mut().and_then(|record| record.last_mut()) {
            (step.size, step.value) = (size, Some(v));
        }
    }

    /// A backward jump. `false`: the thread stopped or is cut off.
    pub(super) fn loop_again(&mut self, t: usize, pc: usize, to: usize) -> bool {
        self.threads[t].looped |= self.choosing;
        if !self.concurrent() {
            return true;
        }
        let limit = self.options.unroll;
        let (steps, effects, own) = (self.threads[t].steps, self.threads[t].effects, self.threads[t].own.len() as u32);
        let Some(frame) = self.threads[t].frames.last() else { return true };
        let state =
            self.threads[t].regs[frame.regs as usize..].iter().fold(0u64, |h, r| (h.rotate_left(5) ^ *r as u64).wrapping_mul(0x9e37_79b9));
        let reads = if self.threads[t].reads_since == effects { self.threads[t].reads.len() as u32 } else { 0 };
        let Some(frame) = self.threads[t].frames.last_mut() else { return true };
        let now = Loop { pc: pc as u32, count: 0, steps, effects, state, reads, own };
        let before = match frame.loops.iter_mut().find(|l| l.pc == pc as u32) {
            Some(entry) => {
                let count = entry.count + u32::from(entry.steps != steps);
                Some(std::mem::replace(entry, Loop { count, ..now }))
            }
            None => {
                frame.loops.push(now);
                None
            }
        };
        self.threads[t].own_from = own;
        let Some(before) = before else { return true };
        // A schedule is followed operation by operation, where the search went on to the next one that others could notice.
        let followed = self.threads[t].ops < self.awaits_from;
        if before.count + u32::from(before.steps != steps) > limit && !followed {
            self.save(t, pc);
            self.bounds.insert("unroll");
            self.cut(t);
            return false;
        }
        let idle = before.effects == effects && before.state == state && self.is_own_again(t, before.own as usize);
        // A search that knows states again goes round those that others could notice, and not those that nobody can.
        let waits = self.options.awaits || before.steps == steps;
        if idle && waits && !followed {
            self.save(t, to);
            let since = before.reads.min(reads) as usize;
            let thread = &mut self.threads[t];
            // What it has written itself in the round nobody else changes, and it is again what it was.
            let own = &thread.own[before.own as usize..];
            let others: Vec<_> = thread.reads[since..].iter().filter(|read| own.iter().all(|o| o.0 != read.0)).copied().collect();
            thread.reads.splice(since.., others);
            thread.awaits = since as u32;
            thread.footprint.clear();
            for (granule, _) in &thread.reads[since..] {
                let access = Access::new(Location::granule(*granule), Mode::Read);
                if !thread.footprint.contains(&access) {
                    thread.footprint.push(access);
                }
            }
            self.add_cpu(t, false);
            self.threads[t].pending = Pending::Await;
            return false;
        }
        true
    }

    /// A thread writes here: others may notice, or it is its own.
    pub(crate) fn changes(&mut self, t: usize, at: Ref, addr: u64, size: u32) {
        if size > OWN_BYTES || self.link.mem.visibility(at, size).shared {
            self.threads[t].effects += 1;
            return;
        }
        for granule in (addr & !7..addr.saturating_add(u64::from(size))).step_by(8) {
            let thread = &self.threads[t];
            if thread.own.get(thread.own_from as usize..).is_some_and(|own| own.iter().any(|o| o.0 == granule)) {
                continue;
            }
            if let Some(before) = self.link.mem.peek(granule)
                && !self.threads[t].note_own(granule, before, OWN_MAX)
            {
                return;
            }
        }
    }

    /// Whether what a thread has written of its own since then is again what it was.
    fn is_own_again(&self, t: usize, since: usize) -> bool {
        let Some(own) = self.threads[t].own.get(since..) else { return false };
        let first = |n: usize| own[..n].iter().all(|o| o.0 != own[n].0);
        own.iter().enumerate().all(|(n, o)| !first(n) || self.link.mem.peek(o.0).is_none_or(|now| now == o.1))
    }

    /// Whether something that an idle loop reads has changed.
    pub(crate) fn changed(&self, t: usize) -> bool {
        let thread = &self.threads[t];
        thread.reads.iter().skip(thread.awaits as usize).any(|&(at, was)| self.link.mem.peek(at) != Some(was))
    }

    pub(super) fn memory_ins(&mut self, t: usize, ins: Ins, regs: usize, granted: &mut bool) -> bool {
        let r = |m: &Self, x: Reg| m.threads[t].regs[regs + usize::from(x)];
        macro_rules! go {
            ($addr:expr, $size:expr, $write:expr) => {
                match self.access(t, $addr, $size, $write, granted) {
                    Access_::Go(at) => at,
                    Access_::Stop | Access_::Dead => return false,
                }
            };
        }
        match ins {
            Ins::Load { d, a, off, ty } => {
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                let waits = self.threads[t].draining || self.forwarded(t, addr, ty.size).is_err();
                if waits && !self.wait_drained(t, granted) {
                    return false;
                }
                let at = go!(addr, u32::from(ty.size), false);
                let mut v = self.link.mem.read(at, ty);
                if self.is_weak() && self.link.mem.visibility(at, u32::from(ty.size)).shared {
                    let atomic = self.threads[t].frames.last().is_some_and(|f| f.code.atomic.binary_search(&f.pc).is_ok());
                    let ordering = if atomic { Ordering::Ordered } else { Ordering::Relaxed };
                    let newest = v;
                    v = fitted(ty, self.weak_read(t, addr, ty.size, v, ordering));
                    if let Some(step) = self.record.as_mut().and_then(|record| record.last_mut()).filter(|_| v != newest) {
                        step.way = Way::Old;
                    }
                } else if let Ok(Some(stored)) = self.forwarded(t, addr, ty.size) {
                    v = fitted(ty, stored);
                } else if let Some(cell) = self.link.mem.open_in(addr, u64::from(ty.size)) {
                    v = cell.value;
                } else if v as u8 == POISON && self.link.plain && self.link.mem.unwritten(at, ty.size) {
                    if self.others_variable(t, addr) {
                        self.fault(t, FaultKind::UninitialisedRead, addr, "read of another thread's variable, which nobody has written");
                        return false;
                    }
                    // It could be any value.
                    if ty.size >= 4 && addr.is_multiple_of(u64::from(ty.size)) {
                        v = self.anything(t, ty, crate::primitives::Any::Typed);
                        self.link.mem.write_open(at, ty.size, v);
                    } else {
                        self.bounds.insert("uninitialised");
                    }
                }
                self.threads[t].regs[regs + usize::from(d)] = v;
                if self.concurrent() {
                    self.note_value(ty.size, v);
                }
                if self.resting.any || self.link.mem.has_guessed() || !self.world.locks.is_empty() && !self.link.plain {
                    let id = self.read_guess(addr, u64::from(ty.size));
                    self.set_guess(t, regs + usize::from(d), id);
                }
                if self.follows_reads() {
                    self.depends_on_read(t, regs + usize::from(d), addr);
                }
            }
            Ins::Store { a, s, off, ty } => {
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                let v = r(self, s);
                if self.buffers() {
                    let here = self.threads[t].frames.last().is_some_and(|f| f.code.atomic.binary_search(&f.pc).is_ok());
                    if here {
                        if !self.wait_drained(t, granted) {
                            return false;
                        }
                        if *granted {
                            self.after_drain(t);
                        }
                    } else if let Some(done) = self.store_buffered(t, (addr, ty), v, Pending::Memory, granted) {
                        return done;
                    }
                }
                let at = go!(addr, u32::from(ty.size), true);
                let mut last = true;
                if self.is_weak() && self.link.mem.visibility(at, u32::from(ty.size)).shared {
                    let atomic = self.threads[t].frames.last().is_some_and(|f| f.code.atomic.binary_search(&f.pc).is_ok());
                    let ordering = if atomic { Ordering::Ordered } else { Ordering::Relaxed };
                    let before = self.link.mem.read(at, ty);
                    last = self.weak_write(t, addr, ty.size, (before, fitted(ty, v)), ordering, false);
                }
                if self.follows_reads() {
                    self.keeps_dependencies(t, addr);
                }
                if last {
                    self.put(at, ty, v);
                }
                if self.concurrent() {
                    self.note_value(ty.size, fitted(ty, v));
                }
                if self.resting.value != 0 && self.resting.any {
                    self.link.mem.mark_guessed(addr, u64::from(ty.size), self.resting.value);
                }
            }
            _ if !self.wait_drained(t, granted) => return false,
            Ins::LoadBits { d, a, off, bit, width, signed } => {
                let size = bits_size(bit, width);
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                let at = go!(addr, u32::from(size), false);
                let word = self.link.mem.read(at, IntTy { size, signed: false }) as u64;
                let shift = 64 - u32::from(width.clamp(1, 64));
                let raw = (word >> bit) << shift;
                let v = if signed { (raw as i64) >> shift } else { (raw >> shift) as i64 };
                self.threads[t].regs[regs + usize::from(d)] = v;
                if self.concurrent() {
                    self.note_value(size, v);
                }
                if self.resting.any || self.link.mem.has_guessed() {
                    let id = self.read_bits_guess(addr, u64::from(size), bit);
                    self.set_guess(t, regs + usize::from(d), id);
                }
            }
            Ins::StoreBits { a, s, off, bit, width } => {
                let size = bits_size(bit, width);
                let v = r(self, s) as u64;
                let addr = r(self, a).wrapping_add(i64::from(off)) as u64;
                let ty = IntTy { size, signed: false };
                let mask = (u64::MAX >> (64 - u32::from(width.clamp(1, 64)))) << bit;
                // The bits beside it are read before and written back after.
                let whole = u16::from(width) == u16::from(size) * 8;
                if !whole && self.threads[t].copied == 0 {
                    let at = go!(addr, u32::from(size), false);
                    self.threads[t].carried = self.link.mem.bytes(at, u32::from(size));
                    self.threads[t].copied = 1;
                }
                let at = go!(addr, u32::from(size), true);
                self.threads[t].copied = 0;
                let word = u64::from_le_bytes(self.threads[t].carried);
                if self.concurrent() {
                    self.note_value(size, v as i64);
                }
                self.weak_forget(addr, u64::from(size));
                let before = if self.resting.value != 0 { self.resting.value } else { self.read_bits_guess(addr, u64::from(size), bit) };
                self.link.mem.write(at, ty, (word & !mask | (v << bit) & mask) as i64);
                if before != 0 && self.resting.any {
                    self.link.mem.mark_guessed(addr, u64::from(size), before);
                }
            }
            Ins::Copy { d, s, size, unit } => {
                let (to, from) = (r(self, d) as u64, r(self, s) as u64);
                return self.transfer(t, to, Filling::From(from), size, u32::from(unit), granted);
            }
            Ins::Zero { a, size, unit } => {
                let to = r(self, a) as u64;
                return self.transfer(t, to, Filling::With(0), size, u32::from(unit), granted);
            }
            _ => {}
        }
        true
    }

    /// Writes a number or an open value to a checked place.
    pub(crate) fn put(&mut self, at: Ref, ty: IntTy, v: i64) {
        if self.any_open && is_lazy(v) {
            self.link.mem.write_open(at, ty.size, v);
        } else {
            self.link.mem.write(at, ty, v);
        }
    }
}
