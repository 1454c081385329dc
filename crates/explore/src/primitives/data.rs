//! Allocation, freeing and bulk memory, and the list debugging assertions.

use super::{Prim, Size, Wrong};
use crate::code::{CallSite, IntTy};
use crate::event::{Access, Location, Mode};
use crate::fault::FaultKind;
use crate::lives::Death;
use crate::machine::{Flow, Machine};
use crate::memory::{Bad, Kind, POISON, State};

const STRING_MAX: u64 = 1 << 16;

/// What `kfree()` and its kin do nothing for.
fn is_null_or_error(addr: u64) -> bool {
    !(4096..=u64::MAX - 4096).contains(&addr)
}

impl Machine<'_> {
    pub(super) fn allocate(&mut self, t: usize, site: &CallSite, zero: bool, size: Size) -> Flow {
        let a = |m: &Self, n: u8| m.arg(t, site, n) as u64;
        let bytes = match size {
            Size::Argument(n) => a(self, n),
            Size::Product(n, m) => a(self, n).saturating_mul(a(self, m)),
            Size::Cache(n) => {
                let cache = a(self, n);
                match self.world.caches.get(&cache) {
                    Some(&size) => size,
                    None => self.link.mem.find(cache).map_or(1024, |_| 1024),
                }
            }
            Size::Copy(_, n) => a(self, n),
            Size::Fixed(n) => u64::from(n),
        };
        if !self.link.plain
            && self.concurrent()
            && let Some(entry) = self.link.model.entry(site.name)
            && let cuthere_kernel::Sleeps::Gfp(n) = entry.sleeps
            && self.arg(t, site, n) & 0x400 != 0
            && !self.may_sleep(t, site.name.as_str())
        {
            return Flow::Dead;
        }
        let flow = self.allocate_bytes(t, bytes, zero.then_some(0));
        if let (Size::Copy(from, _), Flow::Next(to)) = (size, flow) {
            let n = bytes.min(1 << 24) as u32;
            let from = a(self, from);
            match (self.link.mem.check(to as u64, n), self.link.mem.check(from, n)) {
                (Ok(d), Ok(s)) => self.link.mem.copy(d, s, n),
                (_, Err(bad)) => {
                    self.bad(t, bad, from, false);
                    return Flow::Dead;
                }
                _ => {}
            }
        }
        flow
    }

    pub(super) fn allocate_bytes(&mut self, t: usize, size: u64, fill: Option<u8>) -> Flow {
        let here = self.site(t);
        if self.spend(t, size / 8) {
            return Flow::Dead;
        }
        match self.link.mem.allocate(t as u8, size, fill.unwrap_or(POISON), Kind::Heap, here) {
            Some(addr) => {
                if self.record.is_some() {
                    self.lives.births.push((addr, self.stack(t)));
                }
                Flow::Next(addr as i64)
            }
            None => {
                // There is no room for it here, which is no failure of the program's: those do not happen.
                self.bounds.insert("memory");
                self.cut(t);
                Flow::Dead
            }
        }
    }

    /// `realloc()`: what both sizes have room for is kept.
    pub(super) fn reallocate(&mut self, t: usize, old: u64, size: u64) -> Flow {
        let Flow::Next(new) = self.allocate_bytes(t, size, None) else { return Flow::Dead };
        if is_null_or_error(old) || new == 0 {
            return Flow::Next(new);
        }
        if let (Some(object), true) = (self.link.mem.find(old), new != 0) {
            let n = u64::from(object.size).min(size) as u32;
            if let (Ok(d), Ok(s)) = (self.link.mem.check(new as u64, n), self.link.mem.check(old, n)) {
                self.link.mem.touch(s, n, t as u8, false);
                self.link.mem.copy(d, s, n);
            }
        }
        self.free_now(t, old);
        Flow::Next(new)
    }

    pub(crate) fn free_footprint(&mut self, t: usize, addr: u64) -> Result<(), Wrong> {
        if is_null_or_error(addr) {
            return Ok(());
        }
        match self.link.mem.check(addr, 0) {
            Ok(at) => {
                let object = self.link.mem.object_of(at);
                if self.link.mem.visibility(at, 1).freed {
                    self.threads[t].footprint.push(Access::new(Location::life(object.addr), Mode::Write));
                    self.add_cpu(t, false);
                }
                Ok(())
            }
            Err(bad) => {
                if let (Bad::Freed | Bad::Gone, Some(object)) = (bad, self.link.mem.find(addr)) {
                    self.threads[t].footprint.push(Access::new(Location::life(object.addr), Mode::Write));
                }
                Err(Wrong::Access(bad, addr, true))
            }
        }
    }

    /// Frees an object; wrong frees are faults.
    pub(crate) fn free_now(&mut self, t: usize, addr: u64) {
        if is_null_or_error(addr) {
            return;
        }
        match self.link.mem.check(addr, 0) {
            Ok(at) => {
                let object = self.link.mem.object_of(at);
                let site = self.site(t);
                if object.kind != Kind::Heap || object.addr != addr {
                    self.fault(t, FaultKind::WildAccess, addr, "free of memory that no allocation gave");
                    return;
                }
                self.link.mem.release(at, t as u8, State::Freed, site);
                if self.record.is_some() {
                    let stack = self.stack(t);
                    if !stack.is_empty() {
                        let recorded = self.record.as_ref().map_or(0, Vec::len);
                        self.lives.deaths.push(Death { addr, recorded, stack, held: self.held_there(t) });
                    }
                }
            }
            Err(bad) => self.wrong_access(t, Prim::Free(0), bad, addr, true),
        }
    }

    pub(super) fn data_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let a = |m: &Self, n: u8| m.arg(t, site, n) as u64;
        let byte = IntTy { size: 1, signed: false };
        match prim {
            Prim::CompareMemory | Prim::StringCompare { .. } => {
                let strings = prim != Prim::CompareMemory;
                let max = if matches!(prim, Prim::StringCompare { bounded: false }) { STRING_MAX } else { a(self, 2).min(STRING_MAX) };
                for n in 0..max {
                    let (x, y) = (a(self, 0).wrapping_add(n), a(self, 1).wrapping_add(n));
                    let (Some(p), Some(q)) = (self.read_int(x, byte), self.read_int(y, byte)) else {
                        self.bad_at(t, x, y);
                        return Flow::Dead;
                    };
                    if self.spend(t, 16) {
                        return Flow::Dead;
                    }
                    if p != q {
                        return Flow::Next(p - q);
                    }
                    if strings && p == 0 {
                        break;
                    }
                }
                Flow::Next(0)
            }
            _ => {
                for n in 0..STRING_MAX {
                    let x = a(self, 0).wrapping_add(n);
                    if self.spend(t, 8) {
                        return Flow::Dead;
                    }
                    match self.read_int(x, byte) {
                        Some(0) => return Flow::Next(n as i64),
                        Some(_) => {}
                        None => {
                            self.bad_at(t, x, x);
                            return Flow::Dead;
                        }
                    }
                }
                Flow::Next(0)
            }
        }
    }

    fn bad_at(&mut self, t: usize, x: u64, y: u64) {
        for addr in [x, y] {
            if let Err(bad) = self.link.mem.check(addr, 1) {
                self.bad(t, bad, addr, false);
                return;
            }
        }
    }

    // `__list_add_valid(new, prev, next)` and `__list_del_entry_valid(entry)`; `next` is a list head's first word, `prev` its second.

    pub(super) fn list_footprint(&mut self, t: usize, prim: Prim, site: &CallSite) -> Result<(), Wrong> {
        let a = |m: &Self, n: u8| m.arg(t, site, n) as u64;
        if prim == Prim::ListAddValid {
            self.uses(t, a(self, 1), 8, false)?;
            return self.uses(t, a(self, 2).wrapping_add(8), 8, false);
        }
        let entry = a(self, 0);
        self.uses(t, entry, 16, false)?;
        let next = self.read_int(entry, IntTy::ULONG).unwrap_or(0) as u64;
        let prev = self.read_int(entry.wrapping_add(8), IntTy::ULONG).unwrap_or(0) as u64;
        let _ = self.uses(t, prev, 8, false);
        let _ = self.uses(t, next.wrapping_add(8), 8, false);
        Ok(())
    }

    pub(super) fn list_perform(&mut self, t: usize, prim: Prim, site: &CallSite) -> Flow {
        let a = |m: &Self, n: u8| m.arg(t, site, n) as u64;
        let load = |m: &mut Self, addr: u64| -> Option<u64> {
            match m.link.mem.check(addr, 8) {
                Ok(at) => {
                    m.link.mem.touch(at, 8, t as u8, false);
                    Some(m.link.mem.read(at, IntTy::ULONG) as u64)
                }
                Err(bad) => {
                    m.bad(t, bad, addr, false);
                    None
                }
            }
        };
        let mut words = Vec::new();
        let problem = if prim == Prim::ListAddValid {
            let (new, prev, next) = (a(self, 0), a(self, 1), a(self, 2));
            words.extend([prev, next.wrapping_add(8)]);
            let (Some(forward), Some(back)) = (load(self, prev), load(self, next.wrapping_add(8))) else { return Flow::Dead };
            if back != prev {
                Some("list_add: next->prev is not prev")
            } else if forward != next {
                Some("list_add: prev->next is not next")
            } else if new == prev || new == next {
                Some("list_add: the entry is added twice")
            } else {
                None
            }
        } else {
            let entry = a(self, 0);
            words.extend([entry, entry.wrapping_add(8)]);
            let (Some(next), Some(prev)) = (load(self, entry), load(self, entry.wrapping_add(8))) else { return Flow::Dead };
            if next == 0 || prev == 0 {
                Some("list_del: the entry is on no list")
            } else if next & 0xfff == 0x100 && next >> 32 == 0xdead_0000 || prev & 0xfff == 0x122 && prev >> 32 == 0xdead_0000 {
                Some("list_del: the entry was deleted before")
            } else {
                words.extend([prev, next.wrapping_add(8)]);
                let (Some(x), Some(y)) = (load(self, prev), load(self, next.wrapping_add(8))) else { return Flow::Dead };
                if x != entry {
                    Some("list_del: prev->next is not the entry")
                } else if y != entry {
                    Some("list_del: next->prev is not the entry")
                } else {
                    None
                }
            }
        };
        match problem {
            Some(detail) => {
                self.fault(t, FaultKind::ListCorruption, a(self, 0), detail);
                if let Some(fault) = self.faults.last_mut() {
                    fault.words = words;
                }
                Flow::Dead
            }
            None => Flow::Next(1),
        }
    }
}
