//! When an execution has gone on for too long: the limit of time, looked at every so much work.
//!
//! Work is counted in operations and bytes, roughly a nanosecond each, so that one `memset()` of megabytes and a million steps are both seen. The
//! clock ends a search and never steers it: two runs that are not ended by it are the same.

use std::time::Instant;

/// Work between two looks at the clock: some milliseconds.
const QUANTUM: u64 = 1 << 22;

/// See the module.
#[derive(Default)]
pub struct Patience {
    deadline: Option<Instant>,
    work: u64,
    over: bool,
}

impl Patience {
    /// Until when work may go on; `None`: for ever.
    pub fn until(&mut self, deadline: Option<Instant>) {
        *self = Patience { deadline, ..Patience::default() };
    }

    /// Until when it may go on.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Counts work; whether it must end.
    #[inline]
    pub fn spend(&mut self, work: u64) -> bool {
        self.work += work;
        if self.work >= QUANTUM {
            self.look();
        }
        self.over
    }

    #[cold]
    fn look(&mut self) {
        self.work = 0;
        self.over |= self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
    }

    /// Whether the time was over at the last look.
    pub fn is_over(&self) -> bool {
        self.over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_over_after_the_deadline_and_only_then() {
        let mut patience = Patience::default();
        assert!(!patience.spend(QUANTUM));
        patience.until(Some(Instant::now()));
        assert!(!patience.spend(1), "the clock is not looked at for so little");
        assert!(patience.spend(QUANTUM));
        assert!(patience.is_over() && patience.spend(1));
        patience.until(None);
        assert!(!patience.spend(10 * QUANTUM));
    }
}
