//! Memory: objects with a byte layout, and addresses that remember their object.
//!
//! An address is a number, as in the machine: base of the address space, then 8 bits of space (0: globals, n + 1: made by thread n), 18 bits
//! of slot and 20 bits of offset with a bias in the middle. So pointer arithmetic, casts to integers, tag bits in low bits and `container_of`
//! work without further ado, a pointer before or behind its object is still known to belong to it, and the address of an object does
//! not depend on what other threads do. Slots are never used twice in one execution, so every stale pointer is seen.

mod alike;
mod guessed;
mod open;
mod spaces;

use crate::code::IntTy;
pub use alike::Kinds;
pub use guessed::GuessId;
use guessed::GuessedRanges;
use open::OpenCells;
use rustc_hash::{FxHashMap, FxHashSet};
use spaces::Spaces;

const BASE: u64 = 0xffff_8000_0000_0000;
const SLOT_BITS: u32 = 20;
const SPACE_BITS: u32 = 38;
const BIAS: u64 = 1 << 19;
const SLOTS: u64 = 1 << (SPACE_BITS - SLOT_BITS);
/// The bytes that new memory holds when nothing else is said.
pub const POISON: u8 = 0x5a;
/// How many CPUs there are.
pub const CPUS: u32 = 4;
/// Places of globals that one without room takes up at most.
const MISSING_MAX: u64 = 1 << 12;
/// Slots between two globals: room for one copy per CPU.
const GLOBAL_SLOTS: u64 = 16;
/// The most bytes that one execution may allocate.
const ARENA_MAX: usize = 256 << 20;
/// The most bytes of all globals together, those that every thread has for itself counted for each.
const IMAGES_MAX: usize = 128 << 20;

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

/// What the search has learned so far about which memory threads share. Grows only; the search starts anew when it has grown.
#[derive(Default)]
pub struct Learned {
    index: FxHashMap<u64, u32>,
    objects: Vec<LearnedObject>,
    grown: bool,
    /// Nothing more is learned: what schedules mean depends on it.
    pub settled: bool,
}

/// Shared granules of one object that are told apart. Beyond, the object is shared as a whole: two threads that both fill megabytes would make
/// each operation as many accesses as there are words.
const TOLD_APART: usize = 4096;

#[derive(Default)]
struct LearnedObject {
    granules: FxHashSet<u32>,
    /// All of it, at one location.
    whole: bool,
    /// Freed while other threads use it: each access is an event.
    freed: bool,
}

impl Learned {
    fn at(&mut self, addr: u64) -> u32 {
        let next = self.objects.len() as u32;
        let id = *self.index.entry(addr).or_insert(next);
        if id == next {
            self.objects.push(LearnedObject::default());
        }
        id
    }

    /// Whether something was learned since the last call.
    pub fn take_grown(&mut self) -> bool {
        std::mem::take(&mut self.grown)
    }
}

/// How an access concerns the scheduler.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Visibility {
    /// Another thread also uses these bytes and one of the two writes.
    pub shared: bool,
    /// The object is freed while others use it.
    pub freed: bool,
}

/// Who has used a granule.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Touch {
    /// The first thread, counted from 1; 0: none.
    first: u8,
    /// Others as well.
    others: bool,
    /// Somebody wrote.
    written: bool,
}

impl Touch {
    /// Adds a use. Whether it is what makes this memory shared, which is told once.
    fn add(&mut self, thread: u8, write: bool) -> bool {
        let before = *self;
        match self.first {
            0 => self.first = thread + 1,
            first => self.others |= first != thread + 1,
        }
        self.written |= write;
        *self != before && self.others && self.written
    }

    fn by_others(self, thread: u8) -> bool {
        self.others || self.first != 0 && self.first != thread + 1
    }
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

/// See [`Memory::ever`].
#[derive(Default)]
pub struct Ever {
    used: FxHashMap<u64, Touch>,
    freed: FxHashMap<u64, Touch>,
}

/// A global's contents at the start.
pub struct Image {
    pub bytes: Vec<u8>,
    pub site: Site,
    /// Offset, size and guess of what is not known.
    pub guessed: Vec<(u32, u32, GuessId)>,
    /// There was no room for it: it has an address, and whatever uses that has reached the bound of memory.
    missing: bool,
}

/// A copy of all memory at one moment.
#[derive(Default)]
pub struct MemoryCopy {
    bytes: Vec<u8>,
    touched: Vec<Touch>,
    spaces: Spaces,
    open: OpenCells,
    guessed: GuessedRanges,
}

impl Memory {
    /// All that tells the contents from others: objects that live with their bytes, and which do not live any more. `threads`: the order of the threads.
    pub fn contents(&self, threads: &[usize], mut word: impl FnMut(u64)) {
        self.contents_in(0, &mut word);
        threads.iter().for_each(|t| self.contents_in(t + 1, &mut word));
    }

    /// The same of what a thread has made.
    pub fn contents_of(&self, thread: usize, mut word: impl FnMut(u64)) {
        self.contents_in(thread + 1, &mut word);
    }

    fn contents_in(&self, space: usize, word: &mut impl FnMut(u64)) {
        for object in self.spaces.of(space).iter().filter(|object| object.kind != Kind::None) {
            word(object.addr);
            word(object.state as u64);
            if object.state == State::Live {
                let start = object.start as usize;
                let bytes = self.bytes.get(start..start + (object.size as usize).next_multiple_of(8)).unwrap_or(&[]);
                bytes.chunks_exact(8).for_each(|chunk| word(chunk.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b))));
            }
        }
    }

    /// Bytes of a copy.
    pub fn copy_size(&self) -> usize {
        self.bytes.len() + self.touched.len() * size_of::<Touch>() + self.spaces.all().count() * size_of::<Object>()
    }

    /// Remembers all contents in a copy that there is already.
    pub fn copy_to(&self, copy: &mut MemoryCopy) {
        copy.bytes.clone_from(&self.bytes);
        copy.touched.clone_from(&self.touched);
        copy.spaces.copy_from(&self.spaces);
        copy.open.clone_from(&self.open);
        copy.guessed.clone_from(&self.guessed);
    }

    /// Remembers all contents.
    pub fn copy_out(&self) -> MemoryCopy {
        let mut copy = MemoryCopy::default();
        self.copy_to(&mut copy);
        copy
    }

    /// Goes back to remembered contents.
    pub fn copy_in(&mut self, copy: &MemoryCopy) {
        self.bytes.clone_from(&copy.bytes);
        self.touched.clone_from(&copy.touched);
        self.spaces.copy_from(&copy.spaces);
        self.open.clone_from(&copy.open);
        self.guessed.clone_from(&copy.guessed);
    }

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
        let learned = if self.learned.index.is_empty() { u32::MAX } else { self.learned.index.get(&addr).copied().unwrap_or(u32::MAX) };
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

    fn materialise(&mut self, slot: u64) -> bool {
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

    /// Another value comes to a checked range, which may have held open ones.
    #[inline]
    fn overwrite(&mut self, at: Ref, size: u64) {
        if self.has_open() {
            self.open.clear(self.address_of(at), size);
        }
        if self.has_guessed() {
            self.guessed.clear(self.address_of(at), size);
        }
    }

    /// The object of a checked access.
    pub fn object_of(&self, at: Ref) -> Object {
        *self.object(at)
    }

    /// Whether the scheduler must decide before this access.
    #[inline]
    pub fn visibility(&self, at: Ref, size: u32) -> Visibility {
        let learned = self.object(at).learned;
        if learned == u32::MAX {
            return Visibility::default();
        }
        let known = &self.learned.objects[learned as usize];
        let (lo, hi) = (at.off / 8, (at.off + size.max(1) - 1) / 8);
        if known.whole {
            return Visibility { shared: true, freed: known.freed };
        }
        let shared =
            if hi - lo < 8 { (lo..=hi).any(|g| known.granules.contains(&g)) } else { known.granules.iter().any(|g| (lo..=hi).contains(g)) };
        Visibility { shared, freed: known.freed }
    }

    /// The shared granules of a range, as addresses; or whether the object is shared as a whole.
    pub fn shared_granules(&self, at: Ref, size: u32, out: &mut Vec<u64>) -> bool {
        let object = self.object(at);
        let Some(known) = self.learned.objects.get(object.learned as usize) else { return false };
        if known.whole {
            return true;
        }
        let (lo, hi) = (at.off / 8, (at.off + size.max(1) - 1) / 8);
        let first = out.len();
        if hi - lo < 64 {
            out.extend((lo..=hi).filter(|g| known.granules.contains(g)).map(|g| object.addr + u64::from(g) * 8));
        } else {
            out.extend(known.granules.iter().filter(|g| (lo..=hi).contains(*g)).map(|g| object.addr + u64::from(*g) * 8));
            out[first..].sort_unstable();
        }
        false
    }

    /// Remembers who touched what; learns what is shared.
    #[inline]
    pub fn touch(&mut self, at: Ref, size: u32, thread: u8, write: bool) {
        if !self.concurrent {
            return;
        }
        let object = self.spaces.of(at.space as usize)[at.slot as usize];
        let (lo, hi) = (at.off / 8, (at.off + size.max(1) - 1) / 8);
        for granule in lo..=hi {
            let Some(cell) = self.touched.get_mut(object.start as usize / 8 + granule as usize) else { return };
            let before = *cell;
            let shared = cell.add(thread, write);
            let changed = *cell != before;
            if shared {
                self.learn(object, granule);
            }
            if changed && self.ever.is_some() {
                self.touched_ever(object, granule, thread, write);
            }
        }
    }

    #[cold]
    fn touched_ever(&mut self, object: Object, granule: u32, thread: u8, write: bool) {
        let (own, users) = (self.kinds.address(object.addr), self.kinds.users(object.addr, thread));
        let Some(ever) = &mut self.ever else { return };
        let cell = ever.used.entry(own + u64::from(granule) * 8).or_default();
        let shared = users.map(|user| cell.add(user, write)).contains(&true);
        let freed = ever.freed.get(&own).is_some_and(|freed| users.iter().any(|&user| freed.by_others(user)));
        if shared {
            self.learn(object, granule);
        }
        if freed {
            self.learn_free(object.addr);
        }
    }

    #[cold]
    fn learn(&mut self, object: Object, granule: u32) {
        if self.learned.settled {
            return;
        }
        if self.ever.is_none() {
            return self.learn_at(object.addr, granule);
        }
        for addr in self.kinds.addresses(object.addr) {
            self.learn_at(addr, granule);
        }
    }

    fn learn_at(&mut self, addr: u64, granule: u32) {
        let id = self.learned.at(addr);
        let known = &mut self.learned.objects[id as usize];
        if !known.whole && known.granules.insert(granule) {
            self.learned.grown = true;
            if known.granules.len() > TOLD_APART {
                known.whole = true;
                known.granules = FxHashSet::default();
            }
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

    fn note_free(&mut self, object: Object, thread: u8) {
        let (start, count) = (object.start as usize / 8, object.size as usize / 8 + 1);
        let others = self.touched.iter().skip(start).take(count).any(|cell| cell.by_others(thread));
        let mut ever = false;
        let (own, users) = (self.kinds.address(object.addr), self.kinds.users(object.addr, thread));
        if let Some(known) = &mut self.ever {
            let freed = known.freed.entry(own).or_default();
            for user in users {
                freed.add(user, true);
            }
            let granules = (0..u64::from(object.size.div_ceil(8))).map(|n| own + n * 8);
            let by_others = |cell: &Touch| users.iter().any(|&user| cell.by_others(user));
            ever = granules.take(TOLD_APART).any(|granule| known.used.get(&granule).is_some_and(by_others));
        }
        if others || ever {
            self.learn_free(object.addr);
        }
    }

    /// Somebody used this object after another thread freed it.
    pub fn learn_free(&mut self, addr: u64) {
        if self.learned.settled {
            return;
        }
        let all = if self.ever.is_some() { self.kinds.addresses(addr) } else { vec![addr] };
        for addr in all {
            let id = self.learned.at(addr);
            if !std::mem::replace(&mut self.learned.objects[id as usize].freed, true) {
                self.learned.grown = true;
            }
        }
    }

    /// Reads an integer of a checked access.
    #[inline]
    pub fn read(&self, at: Ref, ty: IntTy) -> i64 {
        let start = self.object(at).start as usize + at.off as usize;
        let b = &self.bytes[start..start + usize::from(ty.size)];
        let raw = match *b {
            [a] => u64::from(a),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => 0,
        };
        ty.fit(raw as i64)
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

    /// A number at an address that was used before, for messages.
    pub fn peek_int(&self, addr: u64, size: u64) -> Option<i64> {
        let object = self.known(addr)?;
        let off = addr.wrapping_sub(object.addr);
        if size == 0 || size > 8 || off.checked_add(size)? > u64::from(object.size) {
            return None;
        }
        let start = object.start as usize + off as usize;
        let bytes = self.bytes.get(start..start + size as usize)?;
        let raw = bytes.iter().rev().fold(0u64, |v, b| v << 8 | u64::from(*b));
        let shift = 64 - 8 * size as u32;
        Some((raw << shift) as i64 >> shift)
    }

    /// Writes an integer of a checked access.
    #[inline]
    pub fn write(&mut self, at: Ref, ty: IntTy, v: i64) {
        self.overwrite(at, u64::from(ty.size));
        let start = self.object(at).start as usize + at.off as usize;
        let bytes = v.to_le_bytes();
        let size = usize::from(ty.size.min(8));
        self.bytes[start..start + size].copy_from_slice(&bytes[..size]);
    }

    /// The eight bytes at an aligned address, if they can be read; where one is open, what tells it from other contents.
    pub fn peek(&self, addr: u64) -> Option<u64> {
        let x = addr.wrapping_sub(BASE);
        let object = self.spaces.of((x >> SPACE_BITS) as usize).get(((x >> SLOT_BITS) & (SLOTS - 1)) as usize)?;
        if object.kind == Kind::None || object.state != State::Live {
            return None;
        }
        let start = object.start as usize + usize::try_from(addr.wrapping_sub(object.addr)).ok()?;
        let bytes = self.bytes.get(start..start.checked_add(8)?)?;
        let mark = if self.has_open() { self.open_mark(addr) } else { 0 };
        Some(bytes.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)) ^ mark)
    }

    /// Whether a number read here comes from memory that nobody has written, as far as its bytes tell: those of a word around it.
    pub fn unwritten(&self, at: Ref, size: u8) -> bool {
        let object = self.object(at);
        if !matches!(object.kind, Kind::Heap | Kind::Stack) {
            return false;
        }
        let (from, to) = (at.off & !3, (at.off + u32::from(size)).next_multiple_of(4).min(object.size));
        let start = object.start as usize;
        let bytes = self.bytes.get(start + from as usize..start + to as usize);
        bytes.is_some_and(|bytes| bytes.iter().all(|b| *b == POISON))
    }

    /// Copies between two checked ranges, which may overlap.
    pub fn copy(&mut self, dst: Ref, src: Ref, size: u32) {
        // An empty range may be of no object at all.
        if size == 0 {
            return;
        }
        if self.has_open() {
            self.copy_open(dst, src, size);
        }
        if self.has_guessed() {
            self.copy_guessed(dst, src, size);
        }
        let d = self.object(dst).start as usize + dst.off as usize;
        let s = self.object(src).start as usize + src.off as usize;
        self.bytes.copy_within(s..s + size as usize, d);
    }

    /// Up to eight bytes of a checked range.
    pub fn bytes(&self, at: Ref, size: u32) -> [u8; 8] {
        let start = self.object(at).start as usize + at.off as usize;
        let mut out = [0; 8];
        let size = size.min(8) as usize;
        out[..size].copy_from_slice(&self.bytes[start..start + size]);
        out
    }

    /// Writes up to eight bytes of a checked range.
    pub fn set_bytes(&mut self, at: Ref, size: u32, bytes: [u8; 8]) {
        self.overwrite(at, u64::from(size));
        let start = self.object(at).start as usize + at.off as usize;
        let size = size.min(8) as usize;
        self.bytes[start..start + size].copy_from_slice(&bytes[..size]);
    }

    /// Sets all bytes of a checked range.
    pub fn fill(&mut self, at: Ref, size: u32, byte: u8) {
        if size == 0 {
            return;
        }
        self.overwrite(at, u64::from(size));
        let d = self.object(at).start as usize + at.off as usize;
        self.bytes[d..d + size as usize].fill(byte);
    }
}

fn global_addr(id: u64, cpu: u64) -> u64 {
    BASE + ((id * GLOBAL_SLOTS + cpu * (GLOBAL_SLOTS / u64::from(CPUS))) << SLOT_BITS) + BIAS
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

    #[test]
    fn what_two_threads_touch_is_learned() {
        let mut m = Memory::default();
        let g = m.add_global(vec![0; 16]);
        m.concurrent = true;
        let at = m.check(g, 4).unwrap();
        m.touch(at, 4, 0, false);
        m.touch(at, 4, 1, false);
        assert!(!m.learned.take_grown(), "two readers share nothing");
        m.touch(at, 4, 1, true);
        assert!(m.learned.take_grown());
        m.reset();
        let at = m.check(g, 4).unwrap();
        assert!(m.visibility(at, 4).shared);
        let behind = m.check(g + 8, 4).unwrap();
        assert!(!m.visibility(behind, 4).shared);
    }
}
