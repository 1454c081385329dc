//! Functions that for certain run beside others: they are reached, with no lock held, from what anybody may ask for at any time.
//!
//! Operations of many subsystems are called one after the other, under a lock of the core that is not always known. Not so those of files, attributes and sockets, timers, work items,
//! interrupts and threads.

use super::View;
use cuthere_analysis::words;
use cuthere_base::Symbol;
use cuthere_flow::body::Record;
use cuthere_flow::program::EntryPoint;
use cuthere_flow::program::contexts::{Hop, Sought};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{Custom, LockKind, Model};

/// Of longer ways in too much is not known.
pub(super) const HOPS_MAX: usize = 4;

impl View<'_, '_> {
    /// A way in from what runs at any time, on which a lock is not held, if nothing is held on any way in.
    pub(super) fn open_way(&self, f: FuncId, record: Option<Record>, (lock, kind): (Symbol, LockKind)) -> Option<Vec<Hop<'_>>> {
        let (always, perhaps) = self.entry_locks(f);
        if !always.is_empty() || !perhaps.is_empty() || !self.contexts.entered(f).is_known_whole() || self.quiet(f, record) {
            return None;
        }
        let hops = self.contexts.example(f, Sought::WithoutLock(lock, kind), true);
        let begins = match hops.first() {
            Some(Hop::Entry(g, entry)) => {
                entry.context.locks.is_empty() && any_time(self.tree.world.model, entry) && !self.quiet(*g, record)
            }
            _ => false,
        };
        let whole = hops.iter().all(|hop| matches!(*hop, Hop::Entry(g, _) | Hop::Calls(g, _) if !self.quiet(g, record)));
        (begins && whole && hops.len() <= HOPS_MAX).then_some(hops)
    }

    /// Whether a function runs, as far as is known, while nobody else has the object.
    pub(super) fn quiet(&self, f: FuncId, record: Option<Record>) -> bool {
        let world = self.tree.world;
        let body = world.func(f);
        body.is_init_or_exit()
            || words::is_boot_code(body)
            || words::is_test_code(world.path(f))
            || world.model.names_alone(body.name)
            || record.is_some_and(|r| self.alone(f, r))
    }
}

/// Whether an entry point is one that runs whatever else does.
fn any_time(model: &Model, entry: &EntryPoint) -> bool {
    match entry.how.split_once('.') {
        Some((_, "open" | "release" | "proc_open" | "proc_release" | "flush")) => false,
        Some((table, _)) => model.is_custom(Custom::AnyTime, Symbol::intern(table)),
        None => {
            let kinds = ["timer", "work", "tasklet", "irq", "interrupt", "kthread"];
            kinds.iter().any(|kind| entry.how.contains(kind))
        }
    }
}
