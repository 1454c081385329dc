//! What functions hold where they do something: locks by class, and read-side sections.

use super::parts::Teardown;
use cuthere_base::Symbol;
use cuthere_flow::body::{OpId, OpKind, Record, Target};
use cuthere_flow::index::{Spot, spot_of};
use cuthere_flow::program::contexts::Part;
use cuthere_flow::summary::FuncId;
use cuthere_kernel::{CtxPart, Entry, LockKind, LockRef};

impl Teardown<'_> {
    /// Whether a function is in a read-side section of RCU or SRCU, its own or, on every way in, a caller's.
    pub fn in_read_side(&self, f: FuncId) -> bool {
        let own = self.world.func(f).ops.iter().any(|op| match op.kind {
            OpKind::Call { target: Target::Name(name), .. } => self.world.model.entry(name).is_some_and(reads),
            OpKind::GuardEnter { class, .. } => {
                self.world.model.guard(class).and_then(|g| self.world.model.entry(g.enter)).is_some_and(reads)
            }
            _ => false,
        });
        own || {
            let on_entry = self.contexts.entered(f).best();
            on_entry.part(Part::Rcu).0 || on_entry.locks.iter().any(|l| l.always && l.kind == LockKind::Srcu)
        }
    }

    /// Whether two functions hold a lock of one class where they do something, that does not lie in the object itself.
    pub fn common_lock(&self, (f, f_op): (FuncId, OpId), (g, g_op): (FuncId, OpId), object: Record) -> bool {
        let (a, b) = (self.locks(f, f_op), self.locks(g, g_op));
        a.iter().any(|class| b.contains(class) && !class.as_str().starts_with(&format!("{object}.")))
    }

    /// The locks held at an operation, by class: those of callers on every way in, and those that the function takes before.
    fn locks(&self, f: FuncId, op: OpId) -> Vec<Symbol> {
        let on_entry = self.contexts.entered(f).best();
        let mut out: Vec<Symbol> = on_entry.locks.iter().filter(|l| l.always && l.kind != LockKind::Srcu).map(|l| l.class).collect();
        let body = self.world.func(f);
        for (id, o) in body.all_ops().filter(|(id, _)| *id < op) {
            let (name, args) = match o.kind {
                OpKind::Call { target: Target::Name(name), args, .. } => (name, args),
                OpKind::GuardEnter { class, args, .. } => match self.world.model.guard(class) {
                    Some(g) => (g.enter, args),
                    None => continue,
                },
                _ => continue,
            };
            let Some(entry) = self.world.model.entry(name) else { continue };
            for lock in &entry.acquires {
                let class = match lock.lock {
                    LockRef::Named(name) => name,
                    LockRef::Arg(i) | LockRef::Through(i) => match body.call_args(args).get(i as usize).map(|&e| spot_of(body, e)) {
                        Some(Spot::Member { record, member, .. }) => Symbol::intern(&format!("{record}.{member}")),
                        Some(Spot::Global(name)) => name,
                        _ => continue,
                    },
                    LockRef::Member(_, record, member) => Symbol::intern(&format!("{record}.{member}")),
                };
                if self.lives.leads(f, id, op) {
                    out.push(class);
                }
            }
        }
        out
    }
}

/// Whether a primitive begins a read-side section.
fn reads(entry: &Entry) -> bool {
    entry.context.iter().any(|c| c.enter && matches!(c.part, CtxPart::Rcu | CtxPart::RcuBh | CtxPart::RcuSched))
        || entry.acquires.iter().any(|a| a.kind == LockKind::Srcu)
}
