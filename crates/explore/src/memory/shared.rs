//! Which memory threads share, as the search learns it: only that makes operations that others could notice. Refuses to say who comes first.

use super::{Memory, Object, Ref};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

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

/// A set of granules of one object, by number: a bit for each of the first, which are most there are.
#[derive(Default)]
struct Granules {
    first: Vec<u64>,
    others: FxHashSet<u32>,
    len: usize,
}

/// How many granules have a bit of their own.
const BITS: u32 = 1 << 15;

impl Granules {
    #[inline]
    fn contains(&self, granule: u32) -> bool {
        match self.first.get(granule as usize / 64) {
            Some(word) => word >> (granule % 64) & 1 != 0,
            None => !self.others.is_empty() && self.others.contains(&granule),
        }
    }

    /// Whether it is new.
    fn insert(&mut self, granule: u32) -> bool {
        let new = !self.contains(granule);
        self.len += usize::from(new);
        if granule >= BITS {
            self.others.insert(granule);
            return new;
        }
        let word = granule as usize / 64;
        if self.first.len() <= word {
            self.first.resize(word + 1, 0);
        }
        self.first[word] |= 1 << (granule % 64);
        new
    }

    /// Those of a range, in order.
    fn within(&self, lo: u32, hi: u32) -> Vec<u32> {
        let end = hi.min(self.first.len() as u32 * 64);
        let mut out: Vec<u32> = (lo..=end).filter(|granule| *granule < BITS && self.contains(*granule)).collect();
        let behind = out.len();
        out.extend(self.others.iter().filter(|granule| (lo..=hi).contains(*granule)));
        out[behind..].sort_unstable();
        out
    }
}

#[derive(Default)]
struct LearnedObject {
    granules: Granules,
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

    /// What is known of the object that has this address in every execution; `u32::MAX`: nothing.
    pub(super) fn position(&self, addr: u64) -> u32 {
        if self.index.is_empty() { u32::MAX } else { self.index.get(&addr).copied().unwrap_or(u32::MAX) }
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
pub(super) struct Touch {
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

/// See [`Memory::ever`].
#[derive(Default)]
pub struct Ever {
    used: FxHashMap<u64, Touch>,
    freed: FxHashMap<u64, Touch>,
}

impl Memory {
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
        let shared = if hi - lo < 8 {
            (lo..=hi).any(|g| known.granules.contains(g))
        } else {
            known.granules.len > 0 && !known.granules.within(lo, hi).is_empty()
        };
        Visibility { shared, freed: known.freed }
    }

    /// The one shared granule that an access lies in, which is all that others could notice of it; none: there is more to say.
    #[inline]
    pub fn shared_granule(&self, at: Ref, size: u32) -> Option<u64> {
        let object = self.object(at);
        let known = self.learned.objects.get(object.learned as usize).filter(|known| !known.whole && !known.freed)?;
        let (lo, hi) = (at.off / 8, (at.off + size.max(1) - 1) / 8);
        (lo == hi && known.granules.contains(lo)).then(|| object.addr + u64::from(lo) * 8)
    }

    /// The shared granules of a range, as addresses; or whether the object is shared as a whole.
    pub fn shared_granules(&self, at: Ref, size: u32, out: &mut SmallVec<[u64; 2]>) -> bool {
        let object = self.object(at);
        let Some(known) = self.learned.objects.get(object.learned as usize) else { return false };
        if known.whole {
            return true;
        }
        let (lo, hi) = (at.off / 8, (at.off + size.max(1) - 1) / 8);
        out.extend(known.granules.within(lo, hi).into_iter().map(|g| object.addr + u64::from(g) * 8));
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
            if known.granules.len > TOLD_APART {
                known.whole = true;
                known.granules = Granules::default();
            }
        }
    }

    pub(super) fn note_free(&mut self, object: Object, thread: u8) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_granules_are_in_order() {
        let mut set = Granules::default();
        for granule in [BITS + 9, 70, 3, BITS - 1, BITS, 70] {
            let new = !set.contains(granule);
            assert_eq!(set.insert(granule), new);
        }
        assert_eq!((set.len, set.contains(3), set.contains(4), set.contains(BITS + 8)), (5, true, false, false));
        assert_eq!(set.within(0, u32::MAX), [3, 70, BITS - 1, BITS, BITS + 9]);
        assert_eq!(set.within(4, BITS), [70, BITS - 1, BITS]);
        assert!(set.within(71, 200).is_empty());
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
