//! How functions are entered from outside the code that calls them by name.

use crate::engine::StartState;
use crate::summary::Ctx;
use cuthere_kernel::{Context, Level, When};

/// How a function is entered from outside: an operations table's field, a callback, a known entry point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryPoint {
    pub context: Context,
    /// The operation's documentation forbids it to sleep.
    pub contract: bool,
    /// What the arguments are where the context is this one.
    pub when: Vec<When>,
    /// In words: `net_device_ops.ndo_start_xmit`, `timer callback`.
    pub how: String,
    /// Where the function was bound, as `(file, line)`.
    pub bound: Option<(cuthere_base::FileId, u32)>,
}

/// The entry point that forbids most: atomic contexts before contracts, certain ones before those that are only sometimes so.
pub fn strictest(all: &[EntryPoint]) -> Option<&EntryPoint> {
    all.iter().filter(|e| e.context.atomic() || e.contract).min_by_key(|e| (!e.context.atomic(), e.context.sometimes))
}

/// The state at entry that an entry point means.
pub fn start_state(entry_point: &EntryPoint) -> StartState {
    let context = &entry_point.context;
    let mut ctx = Ctx::default();
    match context.level {
        Level::Softirq => ctx.bh = 1,
        Level::Hardirq | Level::Nmi => ctx.irq = 1,
        Level::Task | Level::Inherit => {}
    }
    ctx.preempt = ctx.preempt.max(i8::from(context.preempt_off));
    ctx.bh = ctx.bh.max(i8::from(context.bh_off));
    ctx.irq = ctx.irq.max(i8::from(context.irq_off));
    ctx.rcu = ctx.rcu.max(i8::from(context.rcu));
    // Where a lock is what forbids it, giving that back allows it.
    let contract = entry_point.contract && !context.atomic();
    StartState { ctx, locks: context.locks.clone(), contract, when: entry_point.when.clone(), closely: false }
}
