//! Threads that nothing tells apart: made in one go by the same thread, with the same function and argument, and at the same first operation.
//!
//! Until one of them has done something, whatever the one can do first the other can, and what follows is the same but for their numbers. So
//! a search lets the first of them begin (as GenMC does: Kokologiannakis, Marmanis, Vafeiadis: "Spore: combining symmetry and partial order
//! reduction", PLDI 2024). Numbers of threads must then mean nothing: as soon as one is asked for, is stored where others look, or threads
//! of one kind are waited for in other ways than one directly after the other, or give different results to who asks for them, it is learned that they do, and the search
//! begins anew. Refuses store buffers and the kernel's model, where threads have more than themselves.

use super::*;
use crate::primitives::Prim;
use rustc_hash::FxHashMap;

/// So many threads of one function, if there are fewer in other executions, are a number that nothing bounds.
const CROWD: usize = 4;

impl Machine<'_> {
    /// Finds whose twin a new thread is, when it has come to its first operation.
    pub(crate) fn find_twin(&mut self, new: usize) {
        if self.distinct || !self.link.plain || self.options.memory != MemoryModel::Sc || self.any_open {
            return;
        }
        self.threads[new].born = self.events;
        let twin = (0..new).rev().find(|&t| self.threads[t].entry == self.threads[new].entry);
        let twin = twin.filter(|&t| self.are_twins(t, new));
        self.threads[new].twin = twin.map(|t| t as u8);
        self.threads[new].eldest = twin.map_or(new as u8, |t| self.threads[t].eldest);
        self.link.mem.kinds.set(new, self.threads[new].eldest);
    }

    fn are_twins(&self, t: usize, u: usize) -> bool {
        let (a, b) = (&self.threads[t], &self.threads[u]);
        let same = |x: i64, y: i64| self.link.mem.in_space(x as u64, t) == self.link.mem.in_space(y as u64, u);
        let frames = a.frames.len() == b.frames.len()
            && a.frames.iter().zip(&b.frames).all(|(x, y)| (x.id, x.pc, x.regs, x.slots) == (y.id, y.pc, y.regs, y.slots));
        (a.creator.0, a.born, a.steps, a.ops, a.status, a.pending, a.children, a.phase)
            == (b.creator.0, b.born, 0, b.ops, b.status, b.pending, b.children, b.phase)
            && a.status == Status::Ready
            && b.steps == 0
            && frames
            && a.footprint == b.footprint
            && a.held.is_empty()
            && b.held.is_empty()
            && a.regs.len() == b.regs.len()
            && a.regs.iter().zip(&b.regs).all(|(x, y)| same(*x, *y))
            && a.slots.len() == b.slots.len()
            && a.slots.iter().zip(&b.slots).all(|(x, y)| same(*x as i64, *y as i64))
            && self.link.mem.alike(t, u)
    }

    /// Threads that could begin now, and of which an earlier one could as well that nothing tells from them.
    pub(crate) fn doubles(&self, enabled: ThreadSet) -> ThreadSet {
        let fresh = |t: u8| self.threads[usize::from(t)].steps == 0 && enabled & 1 << t != 0;
        let mut out = 0;
        for (u, thread) in self.threads.iter().enumerate().filter(|(_, thread)| thread.twin.is_some()) {
            let mut before = thread.twin.filter(|_| fresh(u as u8));
            while let Some(t) = before {
                if fresh(t) {
                    out |= 1 << u;
                    break;
                }
                before = self.threads[usize::from(t)].twin;
            }
        }
        out
    }

    /// Whether threads of one kind are made on and on: as many as there is room for, or as an open value says.
    pub(crate) fn is_crowded(&self) -> bool {
        self.bounds.contains("threads") || self.made_openly.is_some_and(|(least, most)| least < most && most >= CROWD)
    }

    /// An execution has ended: how many threads it made.
    pub(crate) fn count_made(&mut self) {
        if !self.returned || !self.any_open {
            return;
        }
        let of = |id| self.threads.iter().filter(|thread| thread.entry.0 == id).count();
        let most = self.threads.iter().skip(1).map(|thread| of(thread.entry.0)).max().unwrap_or(0);
        let (least, before) = self.made_openly.unwrap_or((most, most));
        self.made_openly = Some((least.min(most), before.max(most)));
    }

    /// The first of the threads that a thread was made alike with.
    pub(crate) fn eldest(&self, t: usize) -> usize {
        self.threads.get(t).filter(|thread| thread.twin.is_some()).map_or(t, |thread| usize::from(thread.eldest))
    }

    /// Numbers of threads mean something.
    pub(crate) fn tell_apart(&mut self) {
        if !self.distinct && self.threads.iter().any(|thread| thread.twin.is_some()) {
            self.distinct = true;
            self.world.grown = true;
        }
    }

    /// A thread was waited for; `out`: where its result goes. Results that are all the same tell nobody apart.
    pub(crate) fn joins(&mut self, target: usize, out: u64) {
        self.threads[target].joined = true;
        self.threads[target].asked |= out != 0;
        let eldest = self.eldest(target);
        let joined = || self.threads.iter().enumerate().filter(|(u, thread)| thread.joined && self.eldest(*u) == eldest);
        let result = self.threads[target].result;
        if joined().any(|(_, thread)| thread.asked) && joined().any(|(_, thread)| thread.result != result) {
            self.tell_apart();
        }
    }

    /// Behind an operation of a thread: if it has waited for one of several that are alike, it waits for the others next.
    pub(crate) fn check_joins(&mut self, t: usize) {
        if self.distinct {
            return;
        }
        // Threads of each kind, and those of them that were waited for.
        let mut kinds: FxHashMap<usize, (u32, u32)> = FxHashMap::default();
        for u in 0..self.threads.len() {
            let kind = kinds.entry(self.eldest(u)).or_default();
            kind.0 += 1;
            kind.1 += u32::from(self.threads[u].joined);
        }
        let next = self.next_join(t).map(|target| self.eldest(target));
        if kinds.iter().any(|(kind, (all, joined))| *joined > 0 && joined < all && next != Some(*kind)) {
            self.tell_apart();
        }
    }

    /// The thread that a thread is about to wait for.
    pub(crate) fn next_join(&self, t: usize) -> Option<usize> {
        let thread = self.threads.get(t).filter(|thread| thread.status == Status::Ready && thread.pending == Pending::Call)?;
        let frame = thread.frames.last()?;
        let Some(&Ins::Call { site }) = frame.code.ins.get(frame.pc as usize) else { return None };
        let site = frame.code.sites.get(site as usize)?;
        let target = self.arg(t, site, 0) as usize;
        (self.prim_of(t, site) == Some(Prim::PthreadJoin) && target < self.threads.len()).then_some(target)
    }
}
