//! The nodes that wait to be looked at, callers first.

use crate::program::ways::Node;

/// A set of positions: one bit for each, and above it one for each word that is not empty, up to a single word.
pub(super) struct Work {
    levels: Vec<Vec<u64>>,
    /// The position of each node, and the node at each position.
    position: Vec<u32>,
    node: Vec<Node>,
}

impl Work {
    pub fn new(position: Vec<u32>) -> Work {
        let mut node = vec![Node(0); position.len()];
        for (n, at) in position.iter().enumerate() {
            node[*at as usize] = Node(n as u32);
        }
        let mut levels = Vec::new();
        let mut len = position.len();
        loop {
            len = len.div_ceil(64).max(1);
            levels.push(vec![0; len]);
            if len == 1 {
                return Work { levels, position, node };
            }
        }
    }

    pub fn add(&mut self, node: Node) {
        let mut at = self.position[node.index()] as usize;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let was = std::mem::replace(word, *word | 1 << (at % 64));
            if was != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// The first of them, which waits no more.
    pub fn next(&mut self) -> Option<Node> {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let bits = level[at];
            if bits == 0 {
                return None;
            }
            at = at * 64 + bits.trailing_zeros() as usize;
        }
        let node = self.node[at];
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                break;
            }
            at /= 64;
        }
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_position_comes_first() {
        for n in [1_usize, 63, 64, 65, 4096, 5000] {
            // Position n - 1 - k for node k.
            let mut work = Work::new((0..n as u32).rev().collect());
            let nodes = [0, n / 2, n - 1, n / 3];
            nodes.iter().for_each(|k| work.add(Node(*k as u32)));
            let mut left: Vec<usize> = nodes.to_vec();
            left.sort_unstable();
            left.dedup();
            while let Some(k) = left.pop() {
                assert_eq!(work.next(), Some(Node(k as u32)), "{n}");
            }
            assert_eq!(work.next(), None);
        }
    }
}
