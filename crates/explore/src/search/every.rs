//! Every schedule, one after the other, without any reduction: what the others are checked against. Refuses nothing and ends late.

use super::{Strategy, View};
use crate::event::{Event, Footprint, ThreadSet};

struct Node {
    thread: u8,
    choice: u16,
    choices: u16,
    left: ThreadSet,
}

/// See the module.
#[derive(Default)]
pub struct Every {
    nodes: Vec<Node>,
    depth: usize,
}

impl Every {
    /// Whether what is decided next was not decided before.
    pub(super) fn is_new(&self) -> bool {
        self.depth == self.nodes.len()
    }
}

impl Strategy for Every {
    fn pick(&mut self, view: &View<'_>) -> Option<(usize, u16)> {
        if self.is_new() {
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
        self.depth = 0;
    }
}
