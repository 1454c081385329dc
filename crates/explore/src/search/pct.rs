//! Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte: "A randomized scheduler with probabilistic guarantees of
//! finding bugs", ASPLOS 2010): random priorities, lowered at a few random points.

use super::{Generator, Strategy, View};
use crate::event::{Event, Footprint};
use crate::machine::THREADS_MAX;

pub struct Pct {
    generator: Generator,
    priorities: [u32; THREADS_MAX],
    changes: Vec<u32>,
    step: u32,
    longest: u32,
    depth: u32,
}

impl Pct {
    pub fn new(seed: u64, depth: u32) -> Pct {
        let mut pct =
            Pct { generator: Generator::new(seed), priorities: [0; THREADS_MAX], changes: Vec::new(), step: 0, longest: 16, depth };
        pct.shuffle();
        pct
    }

    fn shuffle(&mut self) {
        for priority in &mut self.priorities {
            *priority = 1000 + self.generator.below(1 << 20);
        }
        self.changes.clear();
        for _ in 0..self.depth {
            self.changes.push(self.generator.below(self.longest));
        }
        self.step = 0;
    }
}

impl Strategy for Pct {
    fn pick(&mut self, view: &View<'_>) -> Option<(usize, u16)> {
        let best = |p: &[u32; THREADS_MAX]| (0..THREADS_MAX).filter(|t| view.enabled & (1 << t) != 0).max_by_key(|&t: &usize| (p[t], t));
        let mut thread = best(&self.priorities)?;
        if let Some(at) = self.changes.iter().position(|&c| c == self.step) {
            self.priorities[thread] = at as u32;
            thread = best(&self.priorities)?;
        }
        self.step += 1;
        let choices = view.threads.get(thread)?.choices;
        Some((thread, self.generator.below(u32::from(choices)) as u16))
    }

    fn executed(&mut self, _: &Event, _: &View<'_>) {}

    fn end(&mut self, _: &[(usize, Footprint)]) -> bool {
        self.longest = self.longest.max(self.step);
        self.shuffle();
        true
    }

    fn restart(&mut self) {}

    fn bounded(&self) -> bool {
        true
    }
}
