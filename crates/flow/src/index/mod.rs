//! What the whole tree says, added up from facts about single functions.

mod arguments;
mod belief;
mod calls;
mod facts;
mod life;
mod lifetimes;
mod results;

pub use arguments::Arguments;
pub use belief::Belief;
pub use calls::{CallRecorder, CallState, Calls, LockAt};
pub use facts::{ArgumentUse, Fact, Giver, Handed, MemberUse, Recorder, ResultUse};
pub use life::{Deed, LifeUse, Spot};
pub use lifetimes::{Done, Lifetimes, Lives, spot_of};
pub use results::{Habit, Habits, Members};
