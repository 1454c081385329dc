//! Store buffers: under x86-TSO others see a store when it leaves the buffer of its CPU, in the order of the stores, and its own CPU sees it at once (Owens,
//! Sarkar, Sewell: "A better x86 memory model: x86-TSO", TPHOLs 2009).
//!
//! To a search the way from a buffer to memory is a thread of its own, whose operations are the stores that arrive. A program's threads have a buffer
//! each, those of a kernel one per CPU. Barriers, exchanges, locks and whatever else synchronises wait until the buffer is empty. That is more than the machine
//! does where a lock is given back, and so are copies, bit-fields and reads of a part of what is buffered.

use super::*;

/// Stores that a buffer holds; one more waits.
const BUFFER_MAX: usize = 32;
/// The first of the locations that stand for the buffers of CPUs.
const BUFFER: u32 = 0x7000_0000;

/// How stores become visible to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemoryModel {
    /// At once: sequential consistency.
    #[default]
    Sc,
    /// Through store buffers, in order.
    Tso,
    /// As the kernel's own model lets them, where that needs no speculation.
    Lkmm,
}

/// A store on its way.
#[derive(Clone, Copy, Debug)]
pub struct Buffered {
    addr: u64,
    ty: IntTy,
    value: i64,
    /// Events done when it was buffered.
    follows: u32,
    site: Site,
    guess: crate::memory::GuessId,
}

/// The buffer of a CPU, or of a program's thread.
#[derive(Clone, Default, Debug)]
pub struct StoreBuffer {
    stores: Vec<Buffered>,
    /// The thread that empties it; 0: none so far.
    drain: usize,
}

impl StoreBuffer {
    /// Whether a store is on its way.
    pub fn pending(&self) -> bool {
        !self.stores.is_empty()
    }
}

impl Machine<'_> {
    /// Whether stores are buffered now.
    #[inline]
    pub(crate) fn buffers(&self) -> bool {
        self.options.memory == MemoryModel::Tso && self.concurrent()
    }

    /// What has a buffer, and sees memory in an order of its own: a thread's CPU, in a program the thread.
    pub(crate) fn processor(&self, t: usize) -> usize {
        if self.link.plain { t } else { self.threads[t].cpu as usize }
    }

    /// A store by one thread of a CPU is what another waits for until it has left the buffer.
    pub(crate) fn add_buffer(&mut self, t: usize, mode: Mode) {
        let cpu = self.threads[t].cpu;
        if self.buffers() && !self.link.plain && self.cpu_shared(cpu) {
            self.threads[t].footprint.push(Access::new(Location::named(BUFFER + cpu), mode));
        }
    }

    fn buffer(&self, t: usize) -> Option<&StoreBuffer> {
        self.world.buffers.get(self.processor(t))
    }

    /// The thread that empties a thread's buffer, if stores went through it.
    pub(crate) fn drain_of(&self, t: usize) -> Option<usize> {
        self.buffer(t).map(|b| b.drain).filter(|d| *d != 0)
    }

    /// Whether nothing of what a thread has stored is on its way.
    #[inline]
    pub(crate) fn drained(&self, t: usize) -> bool {
        self.world.buffers.is_empty() || self.buffer(t).is_none_or(|b| b.stores.is_empty())
    }

    /// What its own CPU reads at an address, of what is on its way. `Err`: a part of it.
    pub(crate) fn forwarded(&self, t: usize, addr: u64, size: u8) -> Result<Option<i64>, ()> {
        if self.world.buffers.is_empty() {
            return Ok(None);
        }
        let Some(buffer) = self.buffer(t) else { return Ok(None) };
        let end = addr.saturating_add(u64::from(size));
        let last = buffer.stores.iter().rev().find(|s| s.addr < end && addr < s.addr + u64::from(s.ty.size));
        match last {
            None => Ok(None),
            Some(s) if s.addr == addr && s.ty.size == size => Ok(Some(s.value)),
            Some(_) => Err(()),
        }
    }

    /// Whether a store to this place goes through the buffer: others may see it, and it is right.
    fn is_buffered(&mut self, addr: u64, size: u8) -> bool {
        match self.link.mem.check(addr, u32::from(size)) {
            Ok(at) => self.link.mem.visibility(at, u32::from(size)).shared,
            Err(_) => false,
        }
    }

    /// A store of a thread, if it goes through the buffer. `None`: it does not; else whether the thread goes on.
    pub(crate) fn store_buffered(&mut self, t: usize, place: (u64, IntTy), v: i64, pending: Pending, granted: &mut bool) -> Option<bool> {
        let (addr, ty) = place;
        if !self.buffers() || !self.is_buffered(addr, ty.size) {
            return None;
        }
        let full = self.buffer(t).is_some_and(|b| b.stores.len() >= BUFFER_MAX);
        // Others on the CPU see it at once.
        let visible = !self.link.plain && self.cpu_shared(self.threads[t].cpu);
        let stop = self.stop_at.map_or(visible || full, |at| self.threads[t].ops >= at || full);
        if !std::mem::take(granted) && stop {
            self.threads[t].footprint.clear();
            if visible {
                let _ = self.want(t, addr, u32::from(ty.size), true);
                self.add_buffer(t, Mode::Write);
                self.add_cpu(t, false);
            }
            self.threads[t].draining = full;
            self.threads[t].pending = pending;
            return Some(false);
        }
        self.threads[t].draining = false;
        let at = self.processor(t);
        if self.world.buffers.len() <= at {
            self.world.buffers.resize_with(at + 1, StoreBuffer::default);
        }
        if self.world.buffers[at].drain == 0 {
            let (cpu, name) = (self.threads[t].cpu, self.threads[t].name);
            let new = self.spawn(t, Level::Task, cpu, (FnId(u32::MAX), 0), name)?;
            let drain = &mut self.threads[new];
            (drain.status, drain.pending, drain.drains, drain.daemon) = (Status::Ready, Pending::Drain, Some(at), true);
            self.world.buffers[at].drain = new;
        }
        self.threads[t].ops += 1;
        self.threads[t].effects += 1;
        if let Ok(place) = self.link.mem.check(addr, u32::from(ty.size)) {
            self.link.mem.touch(place, u32::from(ty.size), t as u8, true);
        }
        let (site, guess) = (self.site(t), if self.resting.any { self.resting.value } else { 0 });
        if self.record.is_some() {
            let value = Some(fitted(ty, v));
            self.record_step(
                t,
                Recorded { addr, size: ty.size, write: true, visible: true, value, way: Way::Buffered, ..Recorded::default() },
            );
        }
        self.world.buffers[at].stores.push(Buffered { addr, ty, value: fitted(ty, v), follows: self.events, site, guess });
        if self.world.buffers[at].stores.len() == 1 {
            self.next_store(at);
        }
        Some(true)
    }

    /// What the thread that empties a buffer does next.
    fn next_store(&mut self, at: usize) {
        let drain = self.world.buffers[at].drain;
        self.threads[drain].footprint.clear();
        if let Some(&store) = self.world.buffers[at].stores.first() {
            // What is gone by then, nobody can see.
            let _ = self.want(drain, store.addr, u32::from(store.ty.size), true);
        }
    }

    /// The oldest store of a buffer reaches memory.
    pub(super) fn drain_one(&mut self, drain: usize) {
        self.threads[drain].ops += 1;
        let Some(at) = self.threads[drain].drains else { return };
        if self.world.buffers.get(at).is_none_or(|b| b.stores.is_empty()) {
            return;
        }
        let store = self.world.buffers[at].stores.remove(0);
        self.event.follows = store.follows.checked_sub(1);
        if let Ok(place) = self.link.mem.check(store.addr, u32::from(store.ty.size)) {
            self.put(place, store.ty, store.value);
            if store.guess != 0 {
                self.link.mem.mark_guessed(store.addr, u64::from(store.ty.size), store.guess);
            }
            self.link.mem.touch(place, u32::from(store.ty.size), store.site.thread, true);
            if let Some(record) = &mut self.record {
                let (addr, size, value) = (store.addr, store.ty.size, Some(store.value));
                let site = Site { event: self.events, ..store.site };
                record.push(Recorded { site, addr, size, write: true, visible: true, value, way: Way::Arrived, ..Recorded::default() });
            }
        }
        self.next_store(at);
    }

    /// Waits until a thread's buffer is empty. `false`: it stopped to.
    pub(super) fn wait_drained(&mut self, t: usize, granted: &mut bool) -> bool {
        if self.drained(t) {
            if std::mem::take(&mut self.threads[t].draining) {
                *granted = false;
                self.threads[t].ops += 1;
                self.after_drain(t);
            }
            return true;
        }
        self.threads[t].footprint.clear();
        self.threads[t].draining = true;
        self.threads[t].pending = Pending::Memory;
        false
    }

    /// What a thread does from here on comes after all of its stores.
    pub(crate) fn after_drain(&mut self, t: usize) {
        if let Some(drain) = self.drain_of(t) {
            self.event.joined |= 1 << drain;
        }
    }

    /// A choice about an open value concerns what is on its way as well.
    pub(super) fn close_buffered(&mut self, open: i64, v: i64) {
        for store in self.world.buffers.iter_mut().flat_map(|b| &mut b.stores) {
            if store.value == open {
                store.value = v;
            }
        }
    }
}
