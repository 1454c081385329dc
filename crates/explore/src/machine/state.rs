//! What tells one state of a program from another, as a number of 128 bits.
//!
//! Two states with the same number have the same future, but for one pair in 10^38: same memory, same threads at the same instructions with the same
//! registers that still matter, same locks and queues. What only counts or records how a state was come to is no part of it. Open values have the
//! names that [`super::opened`] gives them. Where races are asked for, states of programs that order by less than acquisitions and releases have no number.
//!
//! States that differ only in which of several threads does what, where nothing tells these from each other (see `twins`), have one number: it is
//! that of the state in which such threads stand in the order of what each of them is in (Clarke, Enders, Filkorn, Jha: "Exploiting symmetry in
//! temporal logic model checking", 1996). Variables that each thread has for itself are not followed: programs with them have all their states.

use super::opened::Opened;
use super::*;
use crate::live::Live;
use crate::primitives::state::Lock;
use std::collections::BTreeMap;

/// Two running products.
struct Mix(u64, u64);

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

impl Mix {
    fn new() -> Mix {
        Mix(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344)
    }

    #[inline]
    fn add(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, 0xa076_1d64_78bd_642f) ^ self.1.rotate_left(17);
        self.1 = fold(self.1 ^ word.rotate_left(32), 0xe703_7ed1_a0b4_28db).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    fn end(mut self) -> u128 {
        self.add(0x5851_f42d_4c95_7f2d);
        u128::from(self.0) << 64 | u128::from(self.1)
    }
}

impl Machine<'_> {
    /// The number of the state that the machine is in; `None`: it has none. `alike`: it is that of all states that differ in names of threads only.
    pub(crate) fn state(&self, alike: bool) -> Option<u128> {
        if self.adjacent && (self.unordered || self.world.sections_used) {
            return None;
        }
        let opened = Opened::default();
        let order = if alike { self.order_of_threads() } else { (0..self.threads.len()).collect() };
        let mut numbers: Vec<u8> = (0..self.threads.len() as u8).collect();
        for (to, from) in order.iter().enumerate() {
            numbers[*from] = to as u8;
        }
        let renamed = order.iter().enumerate().any(|(to, from)| to != *from);
        let name = |word: u64| match word {
            _ if self.any_open && is_lazy(word as i64) => self.open_name(&opened, word as i64),
            _ if renamed => self.link.mem.renamed(word, &numbers),
            _ => word,
        };
        let number = |t: usize| numbers.get(t).map_or(t as u64, |n| u64::from(*n)) + 1;
        let mut mix = Mix::new();
        self.link.mem.contents(&order, |word| mix.add(name(word)));
        mix.add(self.threads.len() as u64);
        for &t in &order {
            self.thread_state(&self.threads[t], &mut mix, name);
        }
        let world = &self.world;
        let mut sum = 0u128;
        for (&key, lock) in &world.locks {
            let Lock { owner, readers, taken, initial, again, depth, destroyed, of_object: _ } = *lock;
            let mut own = Mix::new();
            own.add(name(key));
            own.add(owner.map_or(0, |t| number(usize::from(t))) | u64::from(readers) << 8 | u64::from(depth) << 40);
            own.add(taken as u32 as u64 | u64::from(initial as u32) << 32);
            own.add(again as u64 | u64::from(destroyed) << 8);
            sum = sum.wrapping_add(own.end());
        }
        for (&key, queue) in world.queues.iter().filter(|(_, queue)| !queue.is_empty()) {
            let mut own = Mix::new();
            own.add(name(key));
            queue.iter().for_each(|waiter| own.add(number(waiter.thread)));
            sum = sum.wrapping_add(own.end());
        }
        mix.add(sum as u64);
        mix.add((sum >> 64) as u64);
        mix.add(world.atomic_section.map_or(0, number) | u64::from(world.atomic_depth) << 16 | u64::from(world.idlers) << 40);
        mix.add(u64::from(self.exited) | u64::from(self.returned) << 1 | u64::from(self.link.mem.concurrent) << 2);
        if self.any_open {
            self.open_contents(&opened, &order, |word| mix.add(word));
        }
        Some(mix.end())
    }

    /// The threads, those that nothing tells apart in the order of what each of them is in.
    fn order_of_threads(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.threads.len()).collect();
        if self.distinct || self.link.has_own_copies() || self.threads.iter().all(|thread| thread.twin.is_none()) {
            return order;
        }
        let mut kinds: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for t in 0..self.threads.len() {
            kinds.entry(self.eldest(t)).or_default().push(t);
        }
        for kind in kinds.into_values().filter(|kind| kind.len() > 1) {
            let mut sorted: Vec<(u128, usize)> = kind.iter().map(|&t| (self.seen_alone(t), t)).collect();
            sorted.sort_unstable();
            for (&place, (_, t)) in kind.iter().zip(sorted) {
                order[place] = t;
            }
        }
        order
    }

    /// What a thread is in, but for its own number.
    fn seen_alone(&self, t: usize) -> u128 {
        let opened = Opened::default();
        let name = |word: u64| match word {
            _ if self.any_open && is_lazy(word as i64) => self.open_name(&opened, word as i64),
            _ => self.link.mem.in_space(word, t).1,
        };
        let mut mix = Mix::new();
        self.thread_state(&self.threads[t], &mut mix, name);
        self.link.mem.contents_of(t, |word| mix.add(name(word)));
        let mut sum = u64::from(self.world.atomic_section == Some(t));
        for (&key, queue) in &self.world.queues {
            let places = queue.iter().enumerate().filter(|(_, waiter)| waiter.thread == t);
            sum = places.fold(sum, |sum, (place, _)| sum.wrapping_add(fold(name(key), place as u64 + 3)));
        }
        mix.add(sum);
        if self.any_open {
            self.open_contents(&opened, &[t], |word| mix.add(word));
        }
        mix.end()
    }

    /// The open values that something live holds, and what hangs together with these.
    pub(super) fn open_in_use(&self) -> Opened {
        let opened = Opened::default();
        let name = |word: u64| {
            if is_lazy(word as i64) {
                opened.number(word as i64);
            }
            word
        };
        let order: Vec<usize> = (0..self.threads.len()).collect();
        self.link.mem.contents(&order, |word| {
            name(word);
        });
        let mut mix = Mix::new();
        self.threads.iter().for_each(|thread| self.thread_state(thread, &mut mix, name));
        self.open_contents(&opened, &order, |_| {});
        self.with_operands(&opened);
        opened
    }

    fn thread_state(&self, thread: &Thread, mix: &mut Mix, name: impl Fn(u64) -> u64) {
        mix.add(thread.status as u64 | (thread.pending as u64) << 8 | u64::from(thread.phase) << 16 | u64::from(thread.sleeping) << 24);
        if thread.pending == Pending::Decide {
            mix.add(u64::from(thread.looped));
        }
        mix.add(u64::from(thread.assumed) | u64::from(thread.copied) << 8 | u64::from(thread.ending) << 16);
        if thread.ending {
            mix.add(name(thread.result as u64));
        }
        if thread.copied > 0 {
            mix.add(name(u64::from_le_bytes(thread.carried)));
            for &(at, value, size) in &thread.carried_open {
                mix.add(at << 8 | u64::from(size));
                mix.add(name(value as u64));
            }
        }
        if !thread.alive() {
            mix.add(name(thread.result as u64));
            return;
        }
        let mut inner: Option<&Frame> = None;
        for frame in thread.frames.iter().rev() {
            let live = frame.code.live.get_or_init(|| Live::of(&frame.code));
            let awaited = inner.and_then(|inner| inner.dst.filter(|_| inner.dst_size == 0));
            mix.add(u64::from(frame.id.0) << 32 | u64::from(frame.pc));
            let regs = thread.regs.get(frame.regs as usize..).unwrap_or(&[]);
            for (r, v) in regs.iter().enumerate().take(usize::from(frame.code.regs)) {
                if live.has(frame.pc as usize, r as Reg) && Some(r as Reg) != awaited {
                    mix.add(name(*v as u64));
                }
            }
            if self.options.unroll < u32::MAX {
                let round = |l: &Loop| fold(u64::from(l.pc) << 32 | u64::from(l.count), 2 + u64::from(l.steps != thread.steps));
                mix.add(frame.loops.iter().fold(0, |sum, l| sum.wrapping_add(round(l))));
            }
            inner = Some(frame);
        }
        thread.slots.iter().for_each(|addr| mix.add(name(*addr)));
        // Who reads, a lock only counts.
        let held = |sum: u64, held: &Held| sum.wrapping_add(fold(name(held.key) | u64::from(held.shared), 0x8bb8_4b93_962e_acc9));
        mix.add(thread.held.iter().fold(0, held));
    }
}
