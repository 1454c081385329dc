//! Functions that for certain run beside others: they are reached, with no lock held, from what anybody may ask for at any time.
//!
//! Operations of many subsystems are called one after the other, under a lock of the core that is not always known. Not so those of files, attributes and sockets, timers, work items,
//! interrupts and threads.

use super::View;
use cuthere_analysis::words;
use cuthere_base::Symbol;
use cuthere_flow::body::{OpId, Record};
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

    /// A way in from what opens a file or a mapping, or ends a mapping, on which no lock is held, whatever other callers hold.
    pub(super) fn opening_way(&self, f: FuncId, record: Option<Record>) -> Option<Vec<Hop<'_>>> {
        let model = self.tree.world.model;
        let begins = |hops: &[Hop<'_>]| matches!(hops.first(), Some(Hop::Entry(_, entry)) if opens(model, entry));
        let shared = |hop: &Hop<'_>| matches!(*hop, Hop::Entry(g, _) | Hop::Calls(g, _) if !self.quiet(g, record));
        let ways = if self.quiet(f, record) { Vec::new() } else { self.free_ways(f) };
        ways.into_iter().find(|hops| hops.len() <= HOPS_MAX && begins(hops) && hops.iter().all(shared))
    }

    /// Some ways into a function on which no lock is held.
    pub(super) fn free_ways(&self, f: FuncId) -> Vec<Vec<Hop<'_>>> {
        let ins = self.contexts.entered(f);
        if !ins.is_known_whole() || ins.certain.locks.iter().any(|l| l.always) {
            return Vec::new();
        }
        let holds = |g: FuncId, op: OpId| self.contexts.calls(g).and_then(|c| c.at(op)).is_some_and(|s| !s.held.is_empty());
        let free = |hop: &Hop<'_>| match *hop {
            Hop::Entry(_, entry) => entry.context.locks.is_empty(),
            Hop::Calls(g, op) => !holds(g, op),
            _ => false,
        };
        let without = ins.certain.locks.iter().map(|l| (l.class, l.kind));
        let sought = std::iter::once((Symbol::EMPTY, LockKind::SleepingOther)).chain(without);
        let ways = sought.map(|(lock, kind)| self.contexts.example(f, Sought::WithoutLock(lock, kind), true));
        ways.filter(|hops| !hops.is_empty() && hops.iter().all(free)).collect()
    }

    /// Whether a function is itself an operation that anybody may ask for at any time, or that opens a file or a mapping.
    pub(super) fn is_asked_for(&self, f: FuncId) -> bool {
        let model = self.tree.world.model;
        let asked = |e: &EntryPoint| e.how.contains('.') && (any_time(model, e) || opens(model, e));
        self.tree.world.entry_points.get(&f).is_some_and(|all| all.iter().any(asked))
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

/// Whether an entry point opens a file, or a mapping, or ends a mapping: what one user does, another does at the same time.
fn opens(model: &Model, entry: &EntryPoint) -> bool {
    match entry.how.split_once('.') {
        Some(("vm_operations_struct", operation)) => matches!(operation, "open" | "close"),
        Some((table, "open" | "proc_open")) => model.is_custom(Custom::AnyTime, Symbol::intern(table)),
        _ => false,
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
