//! The part of the kernel's memory model that code is written against (Alglave, Maranget, McKenney, Parri, Stern: "Frightening small children and disconcerting
//! grown-ups: concurrency in the Linux kernel", ASPLOS 2018), as far as it needs no speculation.
//!
//! Each location keeps all its values in their order, and each thread a view: how old a value it may still read. A read is a choice between values that
//! are not too old, a store a choice of its place among them. `smp_rmb()` and acquiring make what was read before, `smp_wmb()` and releasing what was written,
//! part of what follows; `smp_mb()` also joins a view that all full barriers share; an address that was read brings what came with it (as in Kang, Hur, Lahav,
//! Vafeiadis, Dreyer: "A promising semantics for relaxed-memory concurrency", POPL 2017, without promises). Refuses load buffering: no store
//! comes before a read that precedes it, though the model lets it where nothing orders the two. Places that are used with different sizes, copied or
//! filled are seen by all at once.

use super::*;
use rustc_hash::FxHashMap;

/// How a read or a store is ordered with what surrounds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ordering {
    #[default]
    Relaxed,
    /// What follows a read comes after it; what precedes a store comes before it.
    Ordered,
    /// Like a full barrier before and behind.
    Full,
}

/// Barriers that are operations of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barrier {
    Full,
    Read,
    Write,
    /// Full where atomic operations are not ordered by themselves.
    Atomic,
}

/// What stands for the order of all full barriers.
const BARRIERS: u32 = 0x6000_0000;
/// Room between two values of a location.
const GAP: u64 = 1 << 32;
/// Values of one location that a thread chooses from.
const CHOICES: usize = 16;
/// Pointers that a thread has read and may still follow.
const POINTERS: usize = 16;

/// Per location how old the oldest value is that may still be seen, by address.
#[derive(Clone, Default, Debug)]
struct View(Vec<(u64, u64)>);

impl View {
    fn of(&self, addr: u64) -> u64 {
        self.0.binary_search_by_key(&addr, |e| e.0).map_or(0, |n| self.0[n].1)
    }

    fn raise(&mut self, addr: u64, stamp: u64) {
        match self.0.binary_search_by_key(&addr, |e| e.0) {
            Ok(n) => self.0[n].1 = self.0[n].1.max(stamp),
            Err(n) => self.0.insert(n, (addr, stamp)),
        }
    }

    fn join(&mut self, other: &View) {
        other.0.iter().for_each(|&(addr, stamp)| self.raise(addr, stamp));
    }
}

#[derive(Clone, Debug)]
struct Message {
    stamp: u64,
    value: i64,
    view: View,
    /// Read and written at once: nothing comes between it and the one before.
    exchange: bool,
}

#[derive(Clone, Debug)]
struct Place {
    size: u8,
    /// In their order; the last is in memory.
    messages: Vec<Message>,
}

#[derive(Clone, Default, Debug)]
struct ThreadView {
    now: View,
    /// What came with the values that were read without ordering.
    seen: View,
    /// What stores without ordering bring along.
    released: View,
    own: View,
    /// What came before the last lock that it has given back.
    unlocked: View,
    /// Objects whose address was read, and what came with it.
    pointers: Vec<(u64, View)>,
}

/// All of one execution.
#[derive(Default, Debug)]
pub struct Weak {
    places: FxHashMap<u64, Place>,
    threads: Vec<ThreadView>,
    barriers: View,
    syncs: FxHashMap<u64, View>,
}

crate::thread::copied! {
    Weak: places threads barriers syncs;
}

impl Weak {
    fn thread(&mut self, t: usize) -> &mut ThreadView {
        if self.threads.len() <= t {
            self.threads.resize_with(t + 1, ThreadView::default);
        }
        &mut self.threads[t]
    }

    fn all(&mut self, t: usize) -> View {
        let thread = self.thread(t);
        let mut view = thread.now.clone();
        view.join(&thread.seen);
        view
    }
}

impl Machine<'_> {
    /// Whether values may be old.
    #[inline]
    pub(crate) fn is_weak(&self) -> bool {
        self.options.memory == MemoryModel::Lkmm && self.concurrent()
    }

    /// What a thread's CPU has seen: whatever runs on it sees that in its order.
    fn view(&mut self, t: usize) -> &mut ThreadView {
        let own = self.processor(t);
        self.world.weak.thread(own)
    }

    fn all_seen(&mut self, t: usize) -> View {
        let own = self.processor(t);
        self.world.weak.all(own)
    }

    fn choose(&mut self, n: usize) -> usize {
        if n < 2 {
            return 0;
        }
        self.event.choices = n as u16;
        usize::from(self.choice).min(n - 1)
    }

    /// Following an address that was read comes after what came with it.
    fn follow(&mut self, t: usize, addr: u64) {
        let Some(object) = self.link.mem.known(addr).map(|o| o.addr) else { return };
        let thread = self.view(t);
        for n in 0..thread.pointers.len() {
            if thread.pointers[n].0 == object {
                let view = std::mem::take(&mut thread.pointers[n].1);
                thread.now.join(&view);
                thread.pointers[n].1 = view;
            }
        }
    }

    /// The value that a read gives; `newest`: what is in memory.
    pub(crate) fn weak_read(&mut self, t: usize, addr: u64, size: u8, newest: i64, ordering: Ordering) -> i64 {
        self.follow(t, addr);
        self.follows_read(t, addr, ordering != Ordering::Relaxed);
        let oldest = self.view(t).now.of(addr);
        let Some(place) = self.world.weak.places.get(&addr).filter(|p| p.size == size) else { return newest };
        let n = place.messages.iter().rev().take_while(|m| m.stamp >= oldest).count().min(CHOICES);
        if n == CHOICES {
            self.bounds.insert("old values");
        }
        let k = self.choose(n.max(1));
        let Some(message) = self.world.weak.places.get(&addr).and_then(|p| p.messages.iter().rev().nth(k)).cloned() else { return newest };
        let object = self.link.mem.known(message.value as u64).map(|o| o.addr);
        if self.view(t).own.of(addr) != message.stamp {
            self.reads_from_another(t, addr);
        }
        let thread = self.view(t);
        thread.now.raise(addr, message.stamp);
        thread.seen.join(&message.view);
        if ordering != Ordering::Relaxed {
            thread.now.join(&message.view);
        }
        if let Some(object) = object {
            if thread.pointers.len() >= POINTERS {
                thread.pointers.remove(0);
            }
            thread.pointers.push((object, message.view));
        }
        message.value
    }

    /// Places a store. Whether it is the last one, which memory holds; `before`: what memory held until now.
    pub(crate) fn weak_write(&mut self, t: usize, addr: u64, size: u8, values: (i64, i64), ordering: Ordering, exchange: bool) -> bool {
        self.follow(t, addr);
        self.follows_store(t, addr, ordering != Ordering::Relaxed);
        let (before, value) = values;
        let oldest = self.view(t).now.of(addr);
        let first = Message { stamp: GAP, value: before, view: View::default(), exchange: false };
        let place = self.world.weak.places.entry(addr).or_insert(Place { size, messages: vec![first] });
        if place.size != size {
            self.world.weak.places.remove(&addr);
            return true;
        }
        // Behind which of the values: the last, the one before it, …
        let mut behind: Vec<usize> = Vec::new();
        for (n, message) in place.messages.iter().enumerate().rev() {
            if message.stamp < oldest || behind.len() >= CHOICES {
                break;
            }
            if place.messages.get(n + 1).is_none_or(|next| !next.exchange && next.stamp - message.stamp > 1) {
                behind.push(n);
            }
        }
        let k = if exchange { 0 } else { self.choose(behind.len()) };
        let view = match ordering {
            Ordering::Relaxed => self.view(t).released.clone(),
            _ => self.all_seen(t),
        };
        let Some(place) = self.world.weak.places.get_mut(&addr) else { return true };
        let n = behind.get(k).copied().unwrap_or(place.messages.len() - 1);
        let stamp = match place.messages.get(n + 1) {
            Some(next) => place.messages[n].stamp.midpoint(next.stamp),
            None => place.messages[n].stamp + GAP,
        };
        let mut view = view;
        view.raise(addr, stamp);
        place.messages.insert(n + 1, Message { stamp, value, view, exchange });
        let last = n + 2 == place.messages.len();
        let thread = self.view(t);
        thread.now.raise(addr, stamp);
        thread.own.raise(addr, stamp);
        last
    }

    /// An operation that reads and writes at once has read the last value.
    pub(crate) fn weak_exchange(&mut self, t: usize, addr: u64, size: u8, values: (i64, i64), wrote: bool, ordering: Ordering) {
        // One that failed orders nothing.
        let ordering = if wrote { ordering } else { Ordering::Relaxed };
        if ordering == Ordering::Full {
            self.barrier(t, Barrier::Full);
        }
        self.follows_read(t, addr, ordering != Ordering::Relaxed);
        let view = self.world.weak.places.get(&addr).and_then(|p| p.messages.last()).map(|m| (m.stamp, m.view.clone()));
        if let Some((stamp, view)) = view {
            let thread = self.view(t);
            thread.now.raise(addr, stamp);
            thread.seen.join(&view);
            if ordering != Ordering::Relaxed {
                thread.now.join(&view);
            }
        }
        if wrote {
            self.weak_write(t, addr, size, values, ordering, true);
        }
        if ordering == Ordering::Full {
            self.barrier(t, Barrier::Full);
        }
    }

    /// A barrier of a thread.
    pub(crate) fn barrier(&mut self, t: usize, barrier: Barrier) {
        let own = self.processor(t);
        if matches!(barrier, Barrier::Full | Barrier::Atomic) {
            self.orders_reads(t);
        }
        let weak = &mut self.world.weak;
        let barriers = std::mem::take(&mut weak.barriers);
        let thread = weak.thread(own);
        match barrier {
            Barrier::Read => {
                let seen = std::mem::take(&mut thread.seen);
                thread.now.join(&seen);
                weak.barriers = barriers;
            }
            Barrier::Write => {
                let own = thread.own.clone();
                thread.released.join(&own);
                weak.barriers = barriers;
            }
            Barrier::Full | Barrier::Atomic => {
                let seen = std::mem::take(&mut thread.seen);
                thread.now.join(&seen);
                thread.now.join(&barriers);
                thread.released = thread.now.clone();
                weak.barriers = weak.threads[own].now.clone();
            }
        }
    }

    /// What others must know of a full barrier.
    pub(crate) fn barrier_access() -> Access {
        Access::new(Location::named(BARRIERS), Mode::Write)
    }

    /// What an operation on a lock or the like orders.
    pub(crate) fn weak_sync(&mut self, t: usize, access: Access) {
        if !self.is_weak() || matches!(access.at.0 & 7, 0 | 1 | 3) || access.mode == Mode::Failed {
            return;
        }
        if !matches!(access.mode, Mode::Acquire | Mode::AcquireShared) {
            self.follows_store(t, access.at.0, true);
            self.follows_unlock(t);
        }
        if !matches!(access.mode, Mode::Release | Mode::ReleaseShared) {
            self.follows_read(t, access.at.0, true);
            self.follows_lock(t);
        }
        let own = self.processor(t);
        let weak = &mut self.world.weak;
        if !matches!(access.mode, Mode::Release | Mode::ReleaseShared) {
            let from = weak.syncs.get(&access.at.0).cloned().unwrap_or_default();
            let thread = weak.thread(own);
            thread.now.join(&from);
            if matches!(access.mode, Mode::Acquire | Mode::AcquireShared) {
                // What came before a lock was given back comes before what is done in the next section, for all.
                let before = std::mem::take(&mut thread.unlocked);
                thread.now.join(&before);
                thread.released.join(&before);
                thread.released.join(&from);
                thread.unlocked = before;
            }
        }
        if !matches!(access.mode, Mode::Acquire | Mode::AcquireShared) {
            let all = weak.all(own);
            weak.thread(own).unlocked.join(&all);
            weak.syncs.entry(access.at.0).or_default().join(&all);
        }
    }

    /// A thread knows all that another does.
    pub(crate) fn weak_hand_on(&mut self, from: usize, to: usize) {
        if self.options.memory == MemoryModel::Lkmm {
            let view = self.world.weak.all(from);
            self.world.weak.thread(to).now.join(&view);
        }
    }

    /// Memory that is copied or filled is the same for all.
    pub(super) fn weak_forget(&mut self, addr: u64, size: u64) {
        if !self.world.weak.places.is_empty() {
            self.world.weak.places.retain(|&at, p| at + u64::from(p.size) <= addr || at >= addr + size);
        }
    }
}
