//! Globals: their contents at the start, the copy that each CPU has, and their addresses, which hold for all executions. One becomes an object when it
//! is used first.

use super::{ARENA_MAX, BASE, BIAS, GuessId, Kind, Memory, NONE, Object, SLOT_BITS, SPACE_BITS, Site};

/// How many CPUs there are.
pub const CPUS: u32 = 4;
/// Places of globals that one without room takes up at most.
const MISSING_MAX: u64 = 1 << 12;
/// Slots between two globals: room for one copy per CPU.
const GLOBAL_SLOTS: u64 = 16;
/// The most bytes of all globals together, those that every thread has for itself counted for each.
const IMAGES_MAX: usize = 128 << 20;

/// A global's contents at the start.
pub struct Image {
    pub bytes: Vec<u8>,
    pub site: Site,
    /// Offset, size and guess of what is not known.
    pub guessed: Vec<(u32, u32, GuessId)>,
    /// There was no room for it: it has an address, and whatever uses that has reached the bound of memory.
    missing: bool,
}

impl Memory {
    /// Adds a global that is all zero; its address holds for all executions.
    pub fn add_zeroed_global(&mut self, size: u64) -> u64 {
        // What there is no room for is not made either.
        let room = if size > ARENA_MAX as u64 { ARENA_MAX + 1 } else { size as usize };
        self.image_bytes += room;
        let missing = room > ARENA_MAX || self.image_bytes > IMAGES_MAX;
        let bytes = if missing { Vec::new() } else { vec![0; room] };
        let id = self.images.len() as u64;
        self.images.push(Image { bytes, site: NONE.alloc, missing, guessed: Vec::new() });
        if missing {
            // Nothing else lies where it would.
            let more = (size >> SLOT_BITS).div_ceil(GLOBAL_SLOTS).min(MISSING_MAX);
            self.images.extend((0..more).map(|_| Image { bytes: Vec::new(), site: NONE.alloc, missing, guessed: Vec::new() }));
            self.lacks = true;
        }
        global_addr(id, 0)
    }

    /// Adds a global; its address holds for all executions.
    pub fn add_global(&mut self, bytes: Vec<u8>) -> u64 {
        self.image_bytes += bytes.len();
        let missing = bytes.len() > ARENA_MAX || self.image_bytes > IMAGES_MAX;
        let bytes = if missing { Vec::new() } else { bytes };
        self.images.push(Image { bytes, site: NONE.alloc, missing, guessed: Vec::new() });
        global_addr(self.images.len() as u64 - 1, 0)
    }

    /// Contents at the start of the global at this address, to be filled in while linking.
    pub fn image_mut(&mut self, addr: u64) -> Option<&mut Vec<u8>> {
        let at = (addr.wrapping_sub(BASE) >> SLOT_BITS) / GLOBAL_SLOTS;
        self.images.get_mut(at as usize).filter(|i| !i.missing).map(|i| &mut i.bytes)
    }

    /// Says that a part of a global's contents at the start is not known.
    pub fn guess_image(&mut self, addr: u64, off: u32, size: u32, id: GuessId) {
        let at = (addr.wrapping_sub(BASE) >> SLOT_BITS) / GLOBAL_SLOTS;
        if let Some(image) = self.images.get_mut(at as usize) {
            image.guessed.push((off, size, id));
        }
    }

    /// The address of a CPU's copy of what a pointer to per-CPU data refers to.
    pub fn percpu(&mut self, addr: u64, cpu: u32) -> u64 {
        if cpu == 0 || addr.wrapping_sub(BASE) >= 1 << SPACE_BITS {
            // Allocated per-CPU memory lies CPU after CPU in one object.
            return match self.find(addr) {
                Some(object) if object.kind == Kind::Heap => addr.wrapping_add(u64::from(cpu) * u64::from(object.size / CPUS)),
                _ => addr,
            };
        }
        addr.wrapping_add((u64::from(cpu) * (GLOBAL_SLOTS / u64::from(CPUS))) << SLOT_BITS)
    }

    pub(super) fn materialise(&mut self, slot: u64) -> bool {
        let (id, within) = (slot / GLOBAL_SLOTS, slot % GLOBAL_SLOTS);
        let per_cpu = GLOBAL_SLOTS / u64::from(CPUS);
        let cpu = within / per_cpu;
        let Some(image) = self.images.get(id as usize) else { return false };
        let (size, site) = (image.bytes.len(), image.site);
        let first = id * GLOBAL_SLOTS + cpu * per_cpu;
        if image.missing || size as u64 > (per_cpu << SLOT_BITS) - BIAS || self.bytes.len() + size > ARENA_MAX {
            self.exhausted = true;
            return false;
        }
        if self.spaces.of(0).get(first as usize).is_some_and(|o| o.kind != Kind::None) {
            return false;
        }
        let addr = global_addr(id, cpu);
        self.place(0, first, addr, size as u64, 0, Kind::Global, site);
        let start = self.spaces.of(0)[first as usize].start as usize;
        let image = &self.images[id as usize].bytes;
        self.bytes[start..start + size].copy_from_slice(image);
        for &(off, size, id) in &self.images[id as usize].guessed {
            self.guessed.mark(addr + u64::from(off), u64::from(size), id);
        }
        for next in first + 1..first + per_cpu {
            let objects = self.spaces.change(0);
            while objects.len() <= next as usize {
                objects.push(NONE);
            }
            objects[next as usize] = Object { addr, ..NONE };
        }
        true
    }

    /// The global that an address belongs to: the address of its first copy, whose CPU's copy it is, and the offset in it.
    pub fn global_at(&self, addr: u64) -> Option<(u64, u32, u64)> {
        let x = addr.wrapping_sub(BASE);
        let slot = x >> SLOT_BITS;
        let (id, cpu) = (slot / GLOBAL_SLOTS, slot % GLOBAL_SLOTS / (GLOBAL_SLOTS / u64::from(CPUS)));
        if x >> SPACE_BITS != 0 || id as usize >= self.images.len() {
            return None;
        }
        let off = addr.wrapping_sub(global_addr(id, cpu));
        (off < 1 << SLOT_BITS << 2).then_some((global_addr(id, 0), cpu as u32, off))
    }
}

fn global_addr(id: u64, cpu: u64) -> u64 {
    BASE + ((id * GLOBAL_SLOTS + cpu * (GLOBAL_SLOTS / u64::from(CPUS))) << SLOT_BITS) + BIAS
}

#[cfg(test)]
mod tests {
    use crate::code::IntTy;
    use crate::memory::Memory;

    #[test]
    fn globals_have_one_copy_per_cpu() {
        let mut m = Memory::default();
        let g = m.add_global(vec![7, 0, 0, 0, 0, 0, 0, 0]);
        let other = m.percpu(g, 1);
        let at = m.check(other, 8).unwrap();
        assert_eq!(m.read(at, IntTy::LONG), 7);
        m.write(at, IntTy::LONG, 9);
        let first = m.check(g, 8).unwrap();
        assert_eq!(m.read(first, IntTy::LONG), 7);
        m.reset();
        let at = m.check(other, 8).unwrap();
        assert_eq!(m.read(at, IntTy::LONG), 7);
    }
}
