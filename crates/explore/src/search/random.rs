//! Any enabled thread, with equal chances.

use super::{Generator, Strategy, View};
use crate::event::{Event, Footprint};
use crate::machine::THREADS_MAX;

pub struct Random {
    generator: Generator,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { generator: Generator::new(seed) }
    }
}

impl Strategy for Random {
    fn pick(&mut self, view: &View<'_>) -> Option<(usize, u16)> {
        let mut n = self.generator.below(view.enabled.count_ones());
        let thread = (0..THREADS_MAX).find(|t| {
            let here = view.enabled & (1 << t) != 0;
            if here && n == 0 {
                return true;
            }
            n -= u32::from(here);
            false
        })?;
        let choices = view.threads.get(thread)?.choices;
        Some((thread, self.generator.below(u32::from(choices)) as u16))
    }

    fn executed(&mut self, _: &Event, _: &View<'_>) {}

    fn end(&mut self, _: &[(usize, Footprint)]) -> bool {
        true
    }

    fn restart(&mut self) {}

    fn bounded(&self) -> bool {
        true
    }
}
