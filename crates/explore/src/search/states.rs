//! Every state once: where executions meet in a state that was seen, they have one future.
//!
//! Depth first, without any other reduction. Where many orders lead to few states (sections of few locks, loops that go round between some
//! states) it ends long before a search through executions does, or at all. States are known by hashes of 128 bits.

use super::{Strategy, View};
use crate::event::{Event, Footprint, ThreadSet};
use rustc_hash::FxHashSet;

/// States that are remembered at most.
const STATES_MAX: usize = 8 << 20;

struct Node {
    thread: u8,
    choice: u16,
    choices: u16,
    left: ThreadSet,
}

/// See the module.
#[derive(Default)]
pub struct States {
    nodes: Vec<Node>,
    depth: usize,
    seen: FxHashSet<u128>,
    /// It came to a state that cannot be told from others, or there were too many.
    lost: bool,
}

impl States {
    /// How many states were seen.
    pub fn count(&self) -> usize {
        self.seen.len()
    }
}

impl Strategy for States {
    fn pick(&mut self, view: &View<'_>) -> Option<(usize, u16)> {
        if self.depth == self.nodes.len() {
            let Some(state) = view.state.filter(|_| self.seen.len() < STATES_MAX) else {
                self.lost = true;
                return None;
            };
            if !self.seen.insert(state) {
                return None;
            }
            let thread = view.enabled.trailing_zeros();
            self.nodes.push(Node { thread: thread as u8, choice: 0, choices: 1, left: view.enabled & !(1 << thread) });
        }
        let node = self.nodes.get(self.depth)?;
        Some((usize::from(node.thread), node.choice))
    }

    fn executed(&mut self, event: &Event, _: &View<'_>) {
        if let Some(node) = self.nodes.get_mut(self.depth) {
            node.choices = event.choices;
        }
        self.depth += 1;
    }

    fn end(&mut self, _: &[(usize, Footprint)]) -> bool {
        self.nodes.truncate(self.depth);
        while let Some(node) = self.nodes.last_mut() {
            if node.choice + 1 < node.choices {
                node.choice += 1;
                return true;
            }
            if node.left != 0 {
                let thread = node.left.trailing_zeros();
                node.left &= node.left - 1;
                (node.thread, node.choice, node.choices) = (thread as u8, 0, 1);
                return true;
            }
            self.nodes.pop();
        }
        false
    }

    fn shared(&self) -> Option<usize> {
        Some(self.nodes.len().saturating_sub(1))
    }

    fn begin(&mut self, decisions: usize) {
        self.depth = decisions;
    }

    fn restart(&mut self) {
        self.nodes.clear();
        self.seen.clear();
        self.depth = 0;
    }

    fn wants_state(&self) -> bool {
        self.depth == self.nodes.len()
    }

    fn is_lost(&self) -> bool {
        self.lost
    }
}
