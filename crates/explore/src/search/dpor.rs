//! Dynamic partial-order reduction with source sets and sleep sets: each Mazurkiewicz trace is run to its end once (Abdulla, Aronis,
//! Jonsson, Sagonas: "Source sets: a foundation for optimal dynamic partial order reduction", JACM 2017).
//!
//! Departures. Races are looked for when the later operation is done, and at the end for operations that could not be done. A release
//! followed by an acquisition is ordered but no race; the search looks on behind it for the acquisition that the two really compete
//! for. For the rules of a CPU the later thread must have been allowed to run before the earlier operation, or not have existed. With a preemption bound there
//! are no sleep sets, and each race also adds a point at the start of the earlier thread's run, where switching costs nothing (Coons,
//! Musuvathi, McKinley: "Bounded partial-order reduction", OOPSLA 2013).

use super::{Strategy, View};
use crate::clocks::{Clocks, join};
use crate::event::{Event, Footprint, Location, Mode, ThreadSet, dependent};
use crate::thread::Thread;
use rustc_hash::{FxHashMap, FxHashSet};
use std::time::Instant;

/// Decisions between two states that are remembered where nobody is known to have competed, and where somebody has.
const FAR: usize = 20;
const NEAR: usize = 4;
/// Events that are looked at between two looks at the clock.
const LOOK: u64 = 1 << 20;

struct Node {
    thread: u8,
    choice: u16,
    choices: u16,
    enabled: ThreadSet,
    allowed: ThreadSet,
    backtrack: ThreadSet,
    done: ThreadSet,
    sleep: ThreadSet,
    /// Threads in whose place one that is alike begins.
    doubles: ThreadSet,
    /// Preemptions before this decision.
    preemptions: u16,
    /// The thread that ran before, and could go on.
    previous: u8,
    /// Threads that came into being by it.
    spawned: ThreadSet,
    /// All threads that have done something or came into being, up to it.
    known: ThreadSet,
}

/// See the module.
pub struct Dpor {
    nodes: Vec<Node>,
    depth: usize,
    /// Decisions before this one were made in an earlier execution, and so were their races.
    fresh: usize,
    sleep: ThreadSet,
    /// Clocks of events: how many events of each thread lie before or at it, as position + 1 of the last.
    clocks: Clocks,
    /// Those of threads.
    threads: Clocks,
    locations: FxHashMap<Location, u32>,
    /// Where two have competed in some execution: to operations there executions come back.
    contended: FxHashSet<Location>,
    history: Vec<Vec<(u32, Mode, u8)>>,
    /// The locations of all uses, in the order of their events.
    used: Vec<u32>,
    /// How many events of this execution lie before or at each thread's creation.
    born: Vec<u32>,
    /// Whom each thread is alike with, before the two have begun.
    twins: Vec<Option<u8>>,
    bound: Option<u16>,
    cut_by_bound: bool,
    diverged: bool,
    /// Events looked at since somebody asked.
    effort: u64,
    /// When all must end.
    until: Option<Instant>,
    /// Scratch: each thread's first event behind one, and clocks that grow.
    first: Vec<u32>,
    joined: Vec<u32>,
    cover: Vec<u32>,
    /// Where the last operation's accesses are, by number, and whether something lies there before it that its thread has not seen.
    places: Vec<(usize, bool)>,
}

impl Dpor {
    /// `bound`: the most preemptions of one execution.
    pub fn new(bound: Option<u16>) -> Dpor {
        Dpor {
            nodes: Vec::new(),
            depth: 0,
            fresh: 0,
            sleep: 0,
            clocks: Clocks::new(),
            threads: Clocks::new(),
            locations: FxHashMap::default(),
            contended: FxHashSet::default(),
            history: Vec::new(),
            used: Vec::new(),
            born: Vec::new(),
            twins: Vec::new(),
            bound,
            cut_by_bound: false,
            diverged: false,
            effort: 0,
            until: None,
            first: Vec::new(),
            joined: Vec::new(),
            cover: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Makes room for this many threads.
    fn widen(&mut self, threads: usize) {
        if threads <= self.threads.width() && !self.threads.row(0).is_empty() {
            return;
        }
        let known = if self.threads.row(0).is_empty() { 0 } else { self.threads.width() };
        self.clocks.widen(threads);
        self.threads.widen(threads);
        for _ in known..self.threads.width() {
            self.threads.push(&[0]);
        }
    }

    fn location(&mut self, at: Location) -> usize {
        let next = self.history.len() as u32;
        let id = *self.locations.entry(at).or_insert(next);
        if id == next {
            self.history.push(Vec::new());
        }
        id as usize
    }

    fn costs(&self, node: &Node, thread: usize) -> bool {
        node.previous != u8::MAX && usize::from(node.previous) != thread && node.enabled & (1 << node.previous) != 0
    }

    fn affordable(&self, node: &Node, thread: usize) -> bool {
        self.bound.is_none_or(|bound| node.preemptions + u16::from(self.costs(node, thread)) <= bound)
    }

    /// Finds the races of an operation of `thread` with what lies before it. The clock is joined with all it depends on.
    fn races(&mut self, thread: usize, footprint: &[crate::event::Access], position: usize, search: bool) {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        places.extend(footprint.iter().map(|access| (self.location(access.at), false)));
        let mut joined = std::mem::take(&mut self.joined);
        let mut any = false;
        for (access, (id, open)) in footprint.iter().zip(&mut places) {
            for &(event, mode, bytes) in self.history[*id].iter().rev() {
                if access.conflicts(mode, bytes) {
                    // What the thread has seen already, it has seen with all that lies before it.
                    if self.threads.row(thread)[usize::from(self.nodes[event as usize].thread)] <= event {
                        *open = true;
                        if !std::mem::replace(&mut any, true) {
                            joined.clear();
                            joined.extend_from_slice(self.threads.row(thread));
                        }
                        join(&mut joined, self.clocks.row(event as usize));
                    }
                    if mode.covers() && bytes & access.bytes == access.bytes {
                        break;
                    }
                }
            }
        }
        if !any {
            (self.joined, self.places) = (joined, places);
            return;
        }
        let mut cover = std::mem::take(&mut self.cover);
        for (access, &(id, _)) in footprint.iter().zip(&places).filter(|(_, place)| search && place.1) {
            cover.clear();
            cover.extend_from_slice(self.threads.row(thread));
            // What waits until somebody gives (a semaphore's count, a completion) may have had to wait before the last one gave, although its
            // thread could do something else then: what it competes with lies further back as well. The rules of a CPU keep a thread from
            // doing anything.
            let waits = access.mode == Mode::Write && !is_memory(access.at) && !is_cpu(access.at);
            for at in (0..self.history[id].len()).rev() {
                let (event, mode, bytes) = self.history[id][at];
                if !access.conflicts(mode, bytes) {
                    continue;
                }
                let owner = usize::from(self.nodes[event as usize].thread);
                if cover[owner] > event || owner == thread {
                    if mode.covers() && bytes & access.bytes == access.bytes {
                        break;
                    }
                } else if (mode.reversible(access.mode) || is_grace(access.at)) && (!is_cpu(access.at) || self.may_run(event, thread)) {
                    self.contended.insert(access.at);
                    if !self.race(event as usize, thread, position, &joined) || waits {
                        continue;
                    }
                    join(&mut cover, self.clocks.row(event as usize));
                    if mode.covers() && bytes & access.bytes == access.bytes {
                        break;
                    }
                }
            }
        }
        self.threads.row_mut(thread).copy_from_slice(&joined);
        (self.joined, self.cover, self.places) = (joined, cover, places);
    }

    /// Whether the rules of the CPUs could have let a thread run before an event. One that did not exist then, its creator could have made before.
    fn may_run(&self, event: u32, thread: usize) -> bool {
        self.nodes[event as usize].allowed & (1 << thread) != 0 || self.born.get(thread).is_some_and(|born| *born > event)
    }

    /// The events between, and the operation of `thread` itself, can be run before `event`: let one that can begin do so. `false`: the
    /// operation had to wait for `event` or for something before it, so what it competes with lies further back.
    fn race(&mut self, event: usize, thread: usize, position: usize, clock: &[u32]) -> bool {
        let owner = usize::from(self.nodes[event].thread);
        self.effort += (position - event) as u64;
        self.first.clear();
        self.first.resize(self.threads.width(), u32::MAX);
        let mut initials: ThreadSet = 0;
        let mut seen: ThreadSet = 0;
        for k in event + 1..position {
            let other = usize::from(self.nodes[k].thread);
            if self.clocks.row(k)[owner] > event as u32 || seen & (1 << other) != 0 {
                continue;
            }
            let after_another = self.after(seen, self.clocks.row(k));
            seen |= 1 << other;
            self.first[other] = k as u32;
            if !after_another {
                initials |= 1 << other;
            }
        }
        if seen & (1 << thread) == 0 && !self.after(seen, clock) {
            initials |= 1 << thread;
        }
        let waits = initials & 1 << thread != 0 && self.nodes[event].enabled & 1 << thread == 0;
        if waits && seen == 0 {
            return false;
        }
        let starts = if self.bound.is_some() {
            let mut start = event;
            while start > 0 && self.nodes[start - 1].thread == self.nodes[event].thread {
                start -= 1;
            }
            [event, start]
        } else {
            [event, event]
        };
        for at in starts {
            let initials = self.beginning(initials, at);
            let node = &mut self.nodes[at];
            let wanted = initials & node.enabled;
            if wanted == 0 {
                // Not before this very operation, but before what keeps the others from running now.
                if let Some(before) = self.nodes[..at].iter().rposition(|n| n.enabled & initials != 0) {
                    let wanted = self.beginning(initials & self.nodes[before].enabled, before);
                    self.nodes[before].backtrack |= wanted;
                }
            } else if self.bound.is_some() {
                node.backtrack |= wanted;
            } else if node.backtrack & wanted == 0 {
                let own = wanted & (1 << thread);
                node.backtrack |= if own != 0 { own } else { 1 << wanted.trailing_zeros() };
            }
        }
        !waits
    }

    /// The threads that begin in the place of these before a decision.
    fn beginning(&self, threads: ThreadSet, at: usize) -> ThreadSet {
        let doubles = self.nodes[at].doubles;
        let mut rest = threads & doubles;
        let mut out = threads & !doubles;
        while rest != 0 {
            let u = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            // The first that is alike and has done nothing yet: that one is no double, and those between are.
            let mut at_hand = u;
            while doubles & 1 << at_hand != 0
                && let Some(t) = self.twins.get(at_hand).copied().flatten()
            {
                at_hand = usize::from(t);
            }
            out |= 1 << at_hand;
        }
        out
    }

    /// Whether an event with this clock lies after the first event of one of these threads.
    fn after(&self, threads: ThreadSet, clock: &[u32]) -> bool {
        let mut rest = threads;
        while rest != 0 {
            let r = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            if clock[r] > self.first[r] {
                return true;
            }
        }
        false
    }
}

/// Bytes of memory, or whether an object lives.
fn is_memory(at: Location) -> bool {
    at.0 & 7 < 2
}

fn is_cpu(at: Location) -> bool {
    at.0 & 7 == 3
}

/// An end of a grace period: it waits for the end of some readers' sections, and others end before or behind it.
fn is_grace(at: Location) -> bool {
    at.0 & 7 == 6
}

impl Strategy for Dpor {
    fn pick(&mut self, view: &View<'_>) -> Option<(usize, u16)> {
        if let Some(node) = self.nodes.get(self.depth) {
            self.diverged |= node.enabled != view.enabled;
            return (view.enabled & (1 << node.thread) != 0).then_some((usize::from(node.thread), node.choice));
        }
        let previous = self.depth.checked_sub(1).map_or(u8::MAX, |d| self.nodes[d].thread);
        let preemptions = match self.depth.checked_sub(1).map(|d| &self.nodes[d]) {
            Some(node) => node.preemptions + u16::from(self.costs(node, usize::from(node.thread))),
            None => 0,
        };
        let mut node = Node {
            thread: 0,
            choice: 0,
            choices: 1,
            enabled: view.enabled,
            allowed: view.allowed,
            backtrack: 0,
            done: 0,
            sleep: if self.bound.is_some() { 0 } else { self.sleep },
            doubles: view.doubles,
            preemptions,
            previous,
            spawned: 0,
            known: 0,
        };
        let candidates = view.enabled & !node.sleep & !node.doubles;
        if candidates == 0 {
            return None;
        }
        let thread =
            if previous != u8::MAX && candidates & (1 << previous) != 0 { u32::from(previous) } else { candidates.trailing_zeros() };
        node.thread = thread as u8;
        node.backtrack = 1 << thread;
        self.nodes.push(node);
        Some((thread as usize, 0))
    }

    fn executed(&mut self, event: &Event, view: &View<'_>) {
        let position = self.depth;
        let t = event.thread;
        let search = position >= self.fresh;
        self.widen(view.threads.len());
        if self.twins.len() != view.threads.len() {
            self.twins.clear();
            self.twins.extend(view.threads.iter().map(|thread| thread.twin));
        }
        if let Some(k) = event.follows {
            let (row, clock) = (self.threads.row_mut(t), self.clocks.row(k as usize));
            join(row, clock);
        }
        self.races(t, &event.footprint, position, search);
        let mut joined = event.joined;
        while joined != 0 {
            let other = joined.trailing_zeros() as usize;
            joined &= joined - 1;
            self.joined.clear();
            self.joined.extend_from_slice(self.threads.row(other));
            join(self.threads.row_mut(t), &self.joined);
        }
        let clock = self.threads.row_mut(t);
        clock[t] = position as u32 + 1;
        self.clocks.push(clock);
        let mut spawned = event.spawned;
        while spawned != 0 {
            let child = spawned.trailing_zeros() as usize;
            spawned &= spawned - 1;
            join(self.threads.row_mut(child), self.clocks.row(position));
            if self.born.len() <= child {
                self.born.resize(child + 1, 0);
            }
            self.born[child] = position as u32 + 1;
        }
        for (access, &(id, _)) in event.footprint.iter().zip(&self.places) {
            self.used.push(id as u32);
            self.history[id].push((position as u32, access.mode, access.bytes));
        }
        let last = position + 1 == self.nodes.len();
        let before = position.checked_sub(1).map_or(0, |before| self.nodes[before].known);
        let node = &mut self.nodes[position];
        node.known = before | 1 << t | event.spawned;
        node.choices = event.choices;
        node.spawned = event.spawned;
        node.backtrack |= event.killed & node.enabled;
        if last {
            let mut sleep = node.sleep & !(1 << t);
            let mut rest = sleep;
            while rest != 0 {
                let q = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if view.threads.get(q).is_none_or(|u| dependent(&u.footprint, &event.footprint)) {
                    sleep &= !(1 << q);
                }
            }
            self.sleep = sleep;
        }
        self.depth += 1;
    }

    fn end(&mut self, blocked: &[(usize, Footprint)]) -> bool {
        let position = self.depth;
        self.widen(blocked.iter().map(|b| b.0 + 1).max().unwrap_or(0));
        let mut late = false;
        for (thread, footprint) in blocked {
            // What is left out when time is over makes the search one that has not come to its end.
            if self.effort > LOOK && std::mem::take(&mut self.effort) > 0 && self.until.is_some_and(|until| Instant::now() >= until) {
                late = true;
                break;
            }
            self.races(*thread, footprint, position, true);
        }
        self.nodes.truncate(self.depth);
        if late {
            return true;
        }
        while let Some(mut node) = self.nodes.pop() {
            if node.choice + 1 < node.choices {
                node.choice += 1;
            } else {
                node.done |= 1 << node.thread;
                if self.bound.is_none() {
                    node.sleep |= 1 << node.thread;
                }
                let mut left = node.backtrack & !node.done & !node.sleep;
                let mut found = None;
                while left != 0 {
                    let t = left.trailing_zeros() as usize;
                    left &= left - 1;
                    if self.affordable(&node, t) {
                        found = Some(t);
                        break;
                    }
                    self.cut_by_bound = true;
                    node.done |= 1 << t;
                }
                let Some(t) = found else { continue };
                node.thread = t as u8;
                (node.choice, node.choices) = (0, 1);
            }
            self.nodes.push(node);
            self.fresh = self.nodes.len() - 1;
            return true;
        }
        self.fresh = 0;
        false
    }

    fn distance(&self, thread: &Thread) -> usize {
        if thread.footprint.iter().any(|access| self.contended.contains(&access.at)) { NEAR } else { FAR }
    }

    fn begins_alike(&self) -> bool {
        true
    }

    fn until(&mut self, deadline: Instant) {
        self.until = Some(deadline);
    }

    fn effort(&mut self) -> u64 {
        std::mem::take(&mut self.effort)
    }

    fn shared(&self) -> Option<usize> {
        Some(self.nodes.len().saturating_sub(1))
    }

    fn begin(&mut self, decisions: usize) {
        self.depth = decisions;
        self.sleep = 0;
        self.twins.clear();
        self.clocks.truncate(decisions);
        while let Some(&id) = self.used.last() {
            let history = &mut self.history[id as usize];
            if history.last().is_some_and(|last| (last.0 as usize) < decisions) {
                break;
            }
            history.pop();
            self.used.pop();
        }
        self.threads.restart(self.threads.width());
        // What a thread knows is what its last operation knew, or if it has done nothing, what made it.
        let mut rest = decisions.checked_sub(1).map_or(0, |last| self.nodes[last].known);
        for (k, node) in self.nodes.iter().enumerate().take(decisions).rev() {
            if rest & 1 << node.thread != 0 {
                self.threads.row_mut(usize::from(node.thread)).copy_from_slice(self.clocks.row(k));
            }
            let mut made = node.spawned & rest;
            rest &= !(node.spawned | 1 << node.thread);
            while made != 0 {
                self.threads.row_mut(made.trailing_zeros() as usize).copy_from_slice(self.clocks.row(k));
                made &= made - 1;
            }
            if rest == 0 {
                break;
            }
        }
    }

    fn restart(&mut self) {
        self.nodes.clear();
        self.fresh = 0;
        self.begin(0);
        self.cut_by_bound = false;
    }

    fn bounded(&self) -> bool {
        self.cut_by_bound
    }

    fn diverged(&self) -> bool {
        self.diverged
    }
}
