//! What the whole tree says, added up from facts about single functions.

mod belief;
mod calls;
mod facts;
mod results;

pub use belief::Belief;
pub use calls::{CallRecorder, CallState, Calls, LockAt};
pub use facts::{Fact, Giver, MemberUse, Recorder, ResultUse};
pub use results::{Habit, Habits, Members};
