//! Strategies: who goes on at each scheduling point. Each is one file behind one trait of three methods.

mod dpor;
mod every;
mod pct;
mod random;
mod states;

pub use dpor::Dpor;
pub use every::Every;
pub use pct::Pct;
pub use random::Random;
pub use states::States;

use crate::event::{Event, Footprint, ThreadSet};
use crate::thread::Thread;
use crate::threads::Threads;
use std::time::Instant;

/// What a strategy sees before a decision.
pub struct View<'a> {
    /// Threads whose next operation can be done now.
    pub enabled: ThreadSet,
    /// Threads that the rules of their CPUs let run.
    pub allowed: ThreadSet,
    pub threads: &'a Threads,
    /// Threads that would only do what another one that is alike can do first as well.
    pub doubles: ThreadSet,
    /// What tells this state from others, if the strategy wants to know.
    pub state: Option<u128>,
}

/// Which operation comes next, in each execution anew.
pub trait Strategy {
    /// The thread that goes on, and which of its operation's ways it takes. `None`: this execution leads nowhere new.
    fn pick(&mut self, view: &View<'_>) -> Option<(usize, u16)>;
    /// The operation was done.
    fn executed(&mut self, event: &Event, view: &View<'_>);
    /// The execution is over; these threads could not go on. `false`: there is nothing left to explore.
    fn end(&mut self, blocked: &[(usize, Footprint)]) -> bool;
    /// How many decisions the next execution shares with the last one. `None`: executions have nothing to do with each other.
    fn shared(&self) -> Option<usize> {
        None
    }
    /// How many decisions lie between a state that is remembered for executions to begin from and one before it, at least, if `thread` goes on now.
    fn distance(&self, _thread: &Thread) -> usize {
        10
    }
    /// An execution begins, after so many decisions that it shares with the last one.
    fn begin(&mut self, _decisions: usize) {}
    /// When it must end, which it need not do well then.
    fn until(&mut self, _deadline: Instant) {}
    /// How much it has done since it was last asked, in nanoseconds or so.
    fn effort(&mut self) -> u64 {
        0
    }
    /// Forgets everything: the programs's scheduling points have changed.
    fn restart(&mut self);
    /// Whether it asks for the number of the state before this decision.
    fn wants_state(&self) -> bool {
        false
    }
    /// Whether of threads that are alike the first begins.
    fn begins_alike(&self) -> bool {
        false
    }
    /// Whether an execution is over where an assumption has stopped a thread that had only read: what others then do, they could have done before.
    fn ends_with_assumption(&self) -> bool {
        false
    }
    /// Whether it cannot come to its end.
    fn is_lost(&self) -> bool {
        false
    }
    /// Whether some execution was left out because of a bound.
    fn bounded(&self) -> bool {
        false
    }
    /// Whether the machine did not repeat itself.
    fn diverged(&self) -> bool {
        false
    }
}

/// A small generator, the same on every machine.
pub(crate) struct Generator(u64);

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(n.max(1))) as u32
    }
}
