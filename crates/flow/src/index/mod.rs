//! What the whole tree says, added up from facts about single functions.

mod arguments;
mod belief;
mod calls;
mod counted;
mod facts;
mod handover;
mod held;
mod life;
mod lifetimes;
mod lock_classes;
mod lock_cycles;
mod lock_facts;
mod lock_graph;
mod lock_place;
mod locked;
mod percpu;
mod rcu;
mod results;

pub use arguments::Arguments;
pub use belief::Belief;
pub use calls::{CallRecorder, CallState, Calls, LockAt};
pub use counted::{CountedSide, CountedUse, CountedUses};
pub use facts::{ArgumentUse, Fact, Giver, Handed, MemberUse, Recorder, ResultUse};
pub use handover::{Handovers, LockHalf};
pub use held::{HeldSide, HeldUse, HeldUses, handed_on};
pub use life::{Deed, LifeUse, Spot};
pub use lifetimes::{Done, Lifetimes, Lives, spot_of};
pub use lock_classes::{ClassInfo, LockClass, LockClasses};
pub use lock_cycles::Cycle;
pub use lock_facts::{CallbackBound, HeldThen, LockAsserted, LockFacts, LockRecorder, LockUse};
pub use lock_graph::{Doubts, Example, LockGraph, Since};
pub use lock_place::LockPlace;
pub use locked::{Locked, LockedUse, MemberAccess, accesses};
pub use percpu::{PerCpuUse, PerCpuUses};
pub use rcu::{ListLies, ListUse, RcuFact, RcuUses, list_lies, list_link};
pub use results::{Habit, Habits, Members};
