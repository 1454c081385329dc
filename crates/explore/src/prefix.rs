//! States of the last execution that the next one may begin from: executions that follow one another mostly share their beginning.
//!
//! States are kept at distances, so that at most a few operations are done again, and only as many as there is room for. Without any, everything is
//! as if executions began anew each time.

use crate::machine::{Machine, Snapshot};

/// Bytes that all states together take.
const ROOM: usize = 64 << 20;
/// Bytes that are copied while an operation's unit of work is done.
const COPIED: u64 = 2;
/// States that are kept for their allocations.
const SPARE: usize = 16;

/// See the module.
#[derive(Default)]
pub(crate) struct Prefixes {
    /// By the number of decisions before them.
    states: Vec<(usize, Snapshot, usize)>,
    spare: Vec<Snapshot>,
    size: usize,
}

impl Prefixes {
    /// Nothing that is remembered holds any more.
    pub fn clear(&mut self) {
        *self = Prefixes::default();
    }

    /// Puts the machine at a state with at most so many decisions before it. `None`: there is no such state. What it costs counts as work.
    pub fn resume(&mut self, m: &mut Machine<'_>, shared: usize) -> Option<usize> {
        while self.states.last().is_some_and(|s| s.0 > shared) {
            if let Some((_, state, size)) = self.states.pop() {
                self.size -= size;
                self.spare.push(state);
            }
        }
        let (depth, state, size) = self.states.last()?;
        m.go_back(state);
        m.patience.spend(*size as u64 / COPIED);
        Some(*depth)
    }

    /// Remembers the state after so many decisions, if the last one is at a distance. What it costs counts as work.
    #[inline]
    pub fn remember(&mut self, m: &mut Machine<'_>, depth: usize, distance: usize) {
        if self.states.last().is_none_or(|s| s.0 + distance <= depth) {
            self.push(m, depth);
        }
    }

    fn push(&mut self, m: &mut Machine<'_>, depth: usize) {
        let size = m.snapshot_size();
        while self.size + size > ROOM && self.thin() {}
        if self.size + size > ROOM {
            return;
        }
        let mut state = self.spare.pop().unwrap_or_default();
        m.take_snapshot(&mut state);
        m.patience.spend(size as u64 / COPIED);
        self.size += size;
        self.states.push((depth, state, size));
    }

    /// Makes room: of the earlier states every second one goes, for it is the last ones that a search comes back to first. `false`: there are too few.
    fn thin(&mut self) -> bool {
        let earlier = self.states.len() - self.states.len() / 4;
        if earlier < 8 {
            return false;
        }
        let mut at = 0;
        let (size, spare) = (&mut self.size, &mut self.spare);
        let goes = |state: &mut (usize, Snapshot, usize)| {
            at += 1;
            let gone = at <= earlier && at % 2 == 0;
            if gone {
                *size -= state.2;
            }
            gone
        };
        let gone: Vec<Snapshot> = self.states.extract_if(.., goes).map(|state| state.1).collect();
        // What was kept to be used again takes room as well.
        spare.clear();
        spare.extend(gone.into_iter().take(SPARE));
        true
    }
}
