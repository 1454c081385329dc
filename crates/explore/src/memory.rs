//! Memory: objects with a byte layout, and addresses that remember their object.
//!
//! An address is a number, as in the machine: base of the address space, then 8 bits of space (0: globals, n + 1: made by thread n), 18 bits
//! of slot and 20 bits of offset with a bias in the middle. So pointer arithmetic, casts to integers, tag bits in low bits and `container_of`
//! work without further ado, a pointer before or behind its object is still known to belong to it, and the address of an object does
//! not depend on what other threads do. Slots are never used twice in one execution, so every stale pointer is seen.

mod alike;
mod contents;
mod copies;
mod globals;
mod guessed;
mod open;
mod shared;
mod spaces;

pub use alike::Kinds;
pub use copies::MemoryCopy;
pub use globals::CPUS;
use globals::Image;
pub use guessed::GuessId;
use guessed::GuessedRanges;
use open::OpenCells;
use shared::Touch;
pub use shared::{Ever, Learned};
use spaces::Spaces;

const BASE: u64 = 0xffff_8000_0000_0000;
const SLOT_BITS: u32 = 20;
const SPACE_BITS: u32 = 38;
const BIAS: u64 = 1 << 19;
const SLOTS: u64 = 1 << (SPACE_BITS - SLOT_BITS);
/// The bytes that new memory holds when nothing else is said.
pub const POISON: u8 = 0x5a;
/// The most bytes that one execution may allocate.
const ARENA_MAX: usize = 256 << 20;

/// A place in the executed code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Site {
    pub function: u32,
    pub pc: u32,
    pub thread: u8,
    /// Position in the trace of executed events.
    pub event: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Live,
    Freed,
    /// A local of a function that has returned.
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Global,
    Stack,
    Heap,
    /// Never made: a slot between objects or the rest of a big one.
    None,
}

/// An object.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    pub addr: u64,
    start: u32,
    pub size: u32,
    /// What the search has learned of it, position in `Learned::objects`; `u32::MAX`: nothing.
    learned: u32,
    pub state: State,
    pub kind: Kind,
    pub alloc: Site,
    pub free: Site,
}

const NONE: Object = Object {
    addr: 0,
    start: 0,
    size: 0,
    learned: u32::MAX,
    state: State::Live,
    kind: Kind::None,
    alloc: Site { function: u32::MAX, pc: 0, thread: 0, event: 0 },
    free: Site { function: u32::MAX, pc: 0, thread: 0, event: 0 },
};

/// Why an access is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bad {
    Null,
    Wild,
    Bounds,
    Freed,
    Gone,
}

/// A checked access: where the object is, and the offset in it.
#[derive(Clone, Copy, Debug)]
pub struct Ref {
    pub space: u32,
    pub slot: u32,
    pub off: u32,
}

/// All memory of one execution.
#[derive(Default)]
pub struct Memory {
    bytes: Vec<u8>,
    /// Who has used each granule of eight bytes while several threads ran.
    touched: Vec<Touch>,
    spaces: Spaces,
    open: OpenCells,
    guessed: GuessedRanges,
    /// Contents of globals at the start, by number.
    images: Vec<Image>,
    /// Bytes of all images, and of those that there was no room for.
    image_bytes: usize,
    /// There was no room for some global.
    pub lacks: bool,
    pub learned: Learned,
    /// Who has used what in any execution, by address of the granule, and who has freed which object: what a search learns by that gives up
    /// executions where they meet others.
    pub ever: Option<Box<Ever>>,
    /// Which threads nothing tells apart.
    pub kinds: Kinds,
    /// Set while several threads run.
    pub concurrent: bool,
    pub exhausted: bool,
}

impl Memory {
    /// Everything as at the start.
    pub fn reset(&mut self) {
        self.bytes.clear();
        self.touched.clear();
        self.spaces.clear();
        self.kinds.clear();
        self.open.reset();
        self.guessed.reset();
        self.concurrent = false;
        self.exhausted = false;
    }

    /// Makes an object in a thread's space; filled with `fill`.
    pub fn allocate(&mut self, thread: u8, size: u64, fill: u8, kind: Kind, site: Site) -> Option<u64> {
        let space = usize::from(thread) + 1;
        let slot = self.spaces.of(space).len() as u64;
        let slots = (size >> SLOT_BITS) + if size > BIAS - 4096 { 2 } else { 1 };
        if slot + slots >= SLOTS || self.bytes.len() + size as usize > ARENA_MAX || size > ARENA_MAX as u64 {
            self.exhausted = true;
            return None;
        }
        let addr = BASE + ((space as u64) << SPACE_BITS) + (slot << SLOT_BITS) + BIAS;
        self.place(space, slot, addr, size, fill, kind, site);
        for _ in 1..slots {
            self.spaces.change(space).push(Object { addr, ..NONE });
        }
        Some(addr)
    }

    #[allow(clippy::too_many_arguments)]
    fn place(&mut self, space: usize, slot: u64, addr: u64, size: u64, fill: u8, kind: Kind, site: Site) {
        let start = self.bytes.len();
        let rounded = (size as usize).next_multiple_of(8);
        self.bytes.resize(start + rounded, fill);
        self.touched.resize((start + rounded) / 8, Touch::default());
        let learned = self.learned.position(addr);
        let object =
            Object { addr, start: start as u32, size: size as u32, learned, state: State::Live, kind, alloc: site, free: NONE.free };
        let objects = self.spaces.change(space);
        if objects.len() == slot as usize {
            objects.push(object);
        } else {
            while objects.len() <= slot as usize {
                objects.push(NONE);
            }
            objects[slot as usize] = object;
        }
    }

    /// The object that an address belongs to.
    pub fn find(&mut self, addr: u64) -> Option<Object> {
        self.locate(addr).map(|(space, slot)| self.spaces.of(space as usize)[slot as usize])
    }

    #[inline]
    fn locate(&mut self, addr: u64) -> Option<(u32, u32)> {
        let x = addr.wrapping_sub(BASE);
        let space = x >> SPACE_BITS;
        if space >= 256 {
            return None;
        }
        let slot = (x >> SLOT_BITS) & (SLOTS - 1);
        let object = self.spaces.of(space as usize).get(slot as usize).copied().unwrap_or(NONE);
        if object.kind != Kind::None {
            return Some((space as u32, slot as u32));
        }
        if object.addr != 0 {
            return Some((space as u32, ((object.addr - BASE) >> SLOT_BITS & (SLOTS - 1)) as u32));
        }
        if space == 0 && self.materialise(slot) { self.locate(addr) } else { None }
    }

    /// Checks an access of `size` bytes.
    #[inline]
    pub fn check(&mut self, addr: u64, size: u32) -> Result<Ref, Bad> {
        let Some((space, slot)) = self.locate(addr) else {
            return Err(if addr < 1 << 16 { Bad::Null } else { Bad::Wild });
        };
        let object = &self.spaces.of(space as usize)[slot as usize];
        match object.state {
            State::Live => {}
            State::Freed => return Err(Bad::Freed),
            State::Gone => return Err(Bad::Gone),
        }
        let off = addr.wrapping_sub(object.addr);
        if off.checked_add(u64::from(size)).is_none_or(|end| end > u64::from(object.size)) {
            return Err(Bad::Bounds);
        }
        Ok(Ref { space, slot, off: off as u32 })
    }

    #[inline]
    fn object(&self, at: Ref) -> &Object {
        &self.spaces.of(at.space as usize)[at.slot as usize]
    }

    fn address_of(&self, at: Ref) -> u64 {
        self.object(at).addr.wrapping_add(u64::from(at.off))
    }

    /// The object of a checked access.
    pub fn object_of(&self, at: Ref) -> Object {
        *self.object(at)
    }

    /// The object at an address, as far as it has been used.
    pub fn known(&self, addr: u64) -> Option<Object> {
        let x = addr.wrapping_sub(BASE);
        let space = self.spaces.of((x >> SPACE_BITS) as usize);
        let object = *space.get(((x >> SLOT_BITS) & (SLOTS - 1)) as usize)?;
        match object.kind {
            Kind::None if object.addr != 0 => space.get(((object.addr - BASE) >> SLOT_BITS & (SLOTS - 1)) as usize).copied(),
            Kind::None => None,
            _ => Some(object),
        }
    }

    /// Ends an object's life; learns who else used it.
    pub fn release(&mut self, at: Ref, thread: u8, state: State, site: Site) {
        let object = self.object_of(at);
        if self.concurrent && state != State::Live {
            self.note_free(object, thread);
        }
        let object = &mut self.spaces.change(at.space as usize)[at.slot as usize];
        object.state = state;
        object.free = site;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_remember_their_object() {
        let mut m = Memory::default();
        let a = m.allocate(0, 24, 0, Kind::Heap, Site::default()).unwrap();
        let b = m.allocate(0, 24, 0, Kind::Heap, Site::default()).unwrap();
        assert!(m.check(a + 16, 8).is_ok());
        assert_eq!(m.check(a + 17, 8).unwrap_err(), Bad::Bounds);
        assert_eq!(m.check(b - 8, 8).unwrap_err(), Bad::Bounds, "a pointer before an object is not one into its neighbour");
        assert_eq!(m.check(0x30, 8).unwrap_err(), Bad::Null);
        assert_eq!(m.check(0xdead_0000_0000, 8).unwrap_err(), Bad::Wild);
        let at = m.check(a, 8).unwrap();
        m.release(at, 0, State::Freed, Site::default());
        assert_eq!(m.check(a, 1).unwrap_err(), Bad::Freed);
    }
}
