//! What a recorded execution keeps beside its steps, for its report: where objects and threads began and ended, and whom wake-ups found.
//!
//! Kept only while an execution is recorded, so that a search pays nothing for it.

use crate::memory::Site;

/// An object was freed.
pub struct Death {
    pub addr: u64,
    /// How many steps had been recorded by then; `usize::MAX`: it is freed later, by nobody's step.
    pub recorded: usize,
    /// The calls in which that was done, innermost first.
    pub stack: Vec<Site>,
    /// What its thread held: address (0: a section), name, and where taken.
    pub held: Vec<(u64, String, Site)>,
}

/// Those that waited on a queue were woken.
pub struct Wake {
    /// How many steps had been recorded by then, its own included.
    pub recorded: usize,
    /// Who was on the queue, and whether it slept.
    pub found: Vec<(usize, bool)>,
}

/// See the module.
#[derive(Default)]
pub struct Lives {
    /// Where objects were allocated, innermost call first.
    pub births: Vec<(u64, Vec<Site>)>,
    pub deaths: Vec<Death>,
    /// Where threads and callbacks were started, armed or requested, innermost call first.
    pub starts: Vec<(usize, Vec<Site>)>,
    pub wakes: Vec<Wake>,
}

impl Lives {
    /// Forgets an execution.
    pub fn clear(&mut self) {
        *self = Lives::default();
    }
}
