//! How calls are ordered with what surrounds them, where memory is weak.

use super::*;
use crate::races::Atomically;

/// The order of C11 in which everything is ordered.
const SEQ_CST: i64 = 5;

/// Whether a store is one that everything is ordered with.
fn orders_all(site: &CallSite, m: &Machine<'_>, t: usize) -> bool {
    match site.name.as_str() {
        "smp_store_mb" | "set_mb" | "atomic_store" => true,
        "atomic_store_explicit" | "__atomic_store_n" => m.arg(t, site, 2) == SEQ_CST,
        _ => false,
    }
}

impl Machine<'_> {
    /// What a call stores that only stores a word: where and what.
    pub(super) fn buffered_call(&self, t: usize, prim: Prim, site: &CallSite) -> Option<((u64, IntTy), i64)> {
        match prim {
            Prim::StoreTo if !orders_all(site, self, t) => Some(((self.arg(t, site, 0) as u64, site.pointee), self.arg(t, site, 1))),
            Prim::Atomic(op) if op.change == atomic::Change::Set => {
                Some(((self.arg(t, site, op.pointer) as u64, op.word(site)), self.arg(t, site, op.operand)))
            }
            _ => None,
        }
    }

    /// How an operation on one word is ordered with others, by its name and the order it is given.
    pub(super) fn ordering(&self, t: usize, prim: Prim, site: &CallSite) -> Ordering {
        if !prim.is_atomic() {
            return if matches!(prim, Prim::Synchronize { .. }) { Ordering::Full } else { Ordering::Relaxed };
        }
        let name = site.name.as_str();
        let given = |n: u8| match self.arg(t, site, n) {
            0 => Ordering::Relaxed,
            SEQ_CST => Ordering::Full,
            _ => Ordering::Ordered,
        };
        let stores = matches!(prim, Prim::StoreTo | Prim::C11Load);
        match name {
            "smp_store_mb" | "set_mb" | "atomic_store" | "atomic_load" => Ordering::Full,
            "smp_store_release" | "rcu_assign_pointer" | "smp_load_acquire" => Ordering::Ordered,
            _ if name.ends_with("_explicit") || name.starts_with("__atomic_") => given((site.args.len() as u8).saturating_sub(1)),
            _ if stores => Ordering::Relaxed,
            _ if name.ends_with("_relaxed") => Ordering::Relaxed,
            _ if name.ends_with("_acquire") || name.ends_with("_release") => Ordering::Ordered,
            "clear_bit_unlock" | "__clear_bit_unlock" | "test_and_set_bit_lock" => Ordering::Ordered,
            _ if matches!(prim, Prim::Bit { .. }) && name.contains("__") => Ordering::Relaxed,
            // Of the kernel's operations, those that give a value are ordered with everything.
            _ => match prim {
                Prim::Atomic(op) if !op.writes() || op.change == atomic::Change::Set => Ordering::Relaxed,
                Prim::Atomic(op) if !self.link.plain && op.gives == atomic::Gives::Done && !op.is_conditional() => Ordering::Relaxed,
                Prim::Bit { test: false, .. } | Prim::Bit { change: None, .. } => Ordering::Relaxed,
                _ => Ordering::Full,
            },
        }
    }

    /// The order that C11 gives an operation: of exchanges that failed, that of their read.
    pub(super) fn c11_order(&self, t: usize, prim: Prim, site: &CallSite, write: bool) -> Atomically {
        let name = site.name.as_str();
        let given = name.ends_with("_explicit") || name.starts_with("__atomic_");
        let last = (site.args.len() as u8).saturating_sub(1);
        let order = match prim {
            _ if !given => SEQ_CST,
            Prim::C11Compare if write => self.arg(t, site, last.saturating_sub(1)),
            _ => self.arg(t, site, last),
        };
        Atomically { reads: true, writes: write, acquires: matches!(order, 1 | 2 | 4 | SEQ_CST), releases: order >= 3 }
    }

    /// Whether a call is done only when all that its CPU has stored is seen by others.
    pub(super) fn drains(&self, t: usize, prim: Prim, site: &CallSite) -> bool {
        let part = |addr: i64, size: u8| self.forwarded(t, addr as u64, size).is_err();
        match prim {
            Prim::Give(_) | Prim::Argument(_) | Prim::AnyValue(_) | Prim::Assert | Prim::Assume | Prim::Choose | Prim::Held(_) => false,
            Prim::ThisCpu
            | Prim::PerCpu(_)
            | Prim::CpuNumber
            | Prim::Current
            | Prim::StaticKey
            | Prim::Swap(_)
            | Prim::Scan(_)
            | Prim::Below => false,
            Prim::Warn | Prim::Bug | Prim::ThreadId | Prim::MaySleep(_) => false,
            Prim::C11Load => part(self.arg(t, site, 0), site.pointee.size),
            Prim::Atomic(op) if !op.writes() => part(self.arg(t, site, op.pointer), op.word(site).size),
            // A store goes behind the others into the buffer, or to where nobody else looks.
            _ => self.buffered_call(t, prim, site).is_none(),
        }
    }
}
