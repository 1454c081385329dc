//! Every state once: where executions meet in a state that was seen, they have one future.
//!
//! Depth first, without any other reduction. Where many orders lead to few states (sections of few locks, loops that go round between some
//! states) it ends long before a search through executions does, or at all. States are known by hashes of 128 bits.

use super::every::Every;
use super::{Strategy, View};
use crate::event::{Event, Footprint};
use crate::thread::Thread;
use rustc_hash::FxHashSet;

/// States that are remembered at most.
const STATES_MAX: usize = 8 << 20;

/// See the module.
#[derive(Default)]
pub struct States {
    /// The decisions, as the search through every schedule keeps them.
    tree: Every,
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
        if self.tree.is_new() {
            let Some(state) = view.state.filter(|_| self.seen.len() < STATES_MAX) else {
                self.lost = true;
                return None;
            };
            if !self.seen.insert(state) {
                return None;
            }
        }
        self.tree.pick(view)
    }

    fn executed(&mut self, event: &Event, view: &View<'_>) {
        self.tree.executed(event, view);
    }

    fn end(&mut self, last: &[(usize, Footprint)]) -> bool {
        self.tree.end(last)
    }

    fn shared(&self) -> Option<usize> {
        self.tree.shared()
    }

    // Nearly every execution is one step from a state that was seen.
    fn distance(&self, _thread: &Thread) -> usize {
        1
    }

    fn begin(&mut self, decisions: usize) {
        self.tree.begin(decisions);
    }

    fn restart(&mut self) {
        self.tree.restart();
        self.seen.clear();
    }

    fn wants_state(&self) -> bool {
        self.tree.is_new()
    }

    fn ends_with_assumption(&self) -> bool {
        true
    }

    fn is_lost(&self) -> bool {
        self.lost
    }
}
