//! What the whole tree says, added up from facts about single functions.

mod belief;
mod facts;
mod results;

pub use belief::Belief;
pub use facts::{Fact, Giver, MemberUse, Recorder, ResultUse};
pub use results::{Habit, Habits, Members};
