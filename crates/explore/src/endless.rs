//! Which states of a program it can go on among for ever, with each thread going on that can: what the search through states, which never comes to
//! an end there, has to know of threads that wait for each other beside others that go round.
//!
//! Kept are the states in which some threads wait for each other and nothing else has gone wrong, with all the ways between them. Threads that wait
//! so never stop waiting, so these states are few. A run for ever stays among states each of which leads to each other one; it is one that can
//! come about only if a thread that could go on again and again also does (strong fairness). Where one does not, what is left without the states in
//! which it could is looked at again (Emerson, Lei: "Modalities for model checking: branching time logic strikes back", 1987).

use crate::event::ThreadSet;
use crate::run::Step;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::FxHashMap;

/// Steps of ways that are kept at most.
const ROOM: usize = 8 << 20;

struct State {
    /// Threads that can go on.
    enabled: ThreadSet,
    /// Those that wait for each other.
    circle: ThreadSet,
    /// The states behind it, by who goes on.
    next: Vec<(u32, u8)>,
    /// How it was come to first.
    way: Way,
}

enum Way {
    /// By these steps.
    From(Box<[Step]>),
    /// By this one from another such state.
    After(u32, Step),
}

/// See the module.
#[derive(Default)]
pub(crate) struct Endless {
    states: Vec<State>,
    numbers: FxHashMap<u128, u32>,
    /// Those that the search's execution has come to, with the number of steps before each.
    path: Vec<(usize, u32)>,
    /// Steps and ways that are kept.
    size: usize,
}

impl Endless {
    pub fn clear(&mut self) {
        *self = Endless::default();
    }

    /// Whether there was room for all states.
    pub fn knows_all(&self) -> bool {
        self.size < ROOM
    }

    /// An execution has come to a state where threads wait for each other.
    pub fn arrive(&mut self, state: u128, enabled: ThreadSet, circle: ThreadSet, steps: &[Step]) {
        if !self.knows_all() {
            return;
        }
        let depth = steps.len();
        while self.path.last().is_some_and(|at| at.0 >= depth) {
            self.path.pop();
        }
        let before = self.path.last().filter(|at| at.0 + 1 == depth).map(|at| at.1).zip(steps.last());
        let next = self.states.len() as u32;
        let number = *self.numbers.entry(state).or_insert(next);
        if number == next {
            let way = match before {
                Some((from, step)) => Way::After(from, *step),
                None => Way::From(steps.into()),
            };
            self.size += if before.is_some() { 1 } else { depth };
            self.states.push(State { enabled, circle, next: Vec::new(), way });
        }
        if let Some((from, step)) = before
            && let Some(from) = self.states.get_mut(from as usize)
        {
            from.next.push((number, step.0));
            self.size += 1;
        }
        self.path.push((depth, number));
    }

    /// For each set of threads that wait for each other while the others go on for ever: steps that lead there.
    pub fn ways(&self) -> Vec<Vec<Step>> {
        let mut told: Vec<ThreadSet> = Vec::new();
        let mut found: Vec<u32> = self.for_ever();
        found.sort_unstable();
        found.retain(|&number| {
            let circle = self.states[number as usize].circle;
            let new = !told.contains(&circle);
            told.push(circle);
            new
        });
        found.into_iter().map(|number| self.way(number)).collect()
    }

    fn way(&self, mut number: u32) -> Vec<Step> {
        let mut back = Vec::new();
        loop {
            match &self.states[number as usize].way {
                Way::After(from, step) => {
                    back.push(*step);
                    number = *from;
                }
                Way::From(steps) => return steps.iter().copied().chain(back.into_iter().rev()).collect(),
            }
        }
    }

    /// Of each set of states among which there is a run for ever, the first one that was come to.
    fn for_ever(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut left: Vec<Vec<u32>> = vec![(0..self.states.len() as u32).collect()];
        while let Some(among) = left.pop() {
            for part in self.parts(&among) {
                let within = |to: &u32| part.binary_search(to).is_ok();
                let going = part.iter().flat_map(|&n| &self.states[n as usize].next).filter(|way| within(&way.0));
                let moved = going.fold(0, |set: ThreadSet, way| set | 1 << way.1);
                let kept = part.iter().fold(0, |set: ThreadSet, &n| set | self.states[n as usize].enabled) & !moved;
                if moved != 0 && kept == 0 {
                    found.push(part[0]);
                } else if moved != 0 {
                    left.push(part.into_iter().filter(|&n| self.states[n as usize].enabled & kept == 0).collect());
                }
            }
        }
        found
    }

    /// These states, by which of them lead to each other; the numbers of each part are in order.
    fn parts(&self, among: &[u32]) -> Vec<Vec<u32>> {
        let mut graph = DiGraph::<u32, ()>::with_capacity(among.len(), among.len());
        for &number in among {
            graph.add_node(number);
        }
        for (at, &number) in among.iter().enumerate() {
            for (to, _) in &self.states[number as usize].next {
                if let Ok(to) = among.binary_search(to) {
                    graph.add_edge(NodeIndex::new(at), NodeIndex::new(to), ());
                }
            }
        }
        let mut parts: Vec<Vec<u32>> = tarjan_scc(&graph).into_iter().map(|part| part.into_iter().map(|n| graph[n]).collect()).collect();
        parts.iter_mut().for_each(|part| part.sort_unstable());
        parts
    }
}
