//! Which members a function writes, here or in callees: what a call cannot have replaced behind its caller's back.
//!
//! Members and variables are told apart by name alone, as one of 64 bits, so that two may share one: that makes more seem written than is. What is stored through a plain
//! pointer may be any of them, and what is not read may write all.

use super::*;

/// Targets of a call through a pointer beyond which it may write anything.
const TARGETS_MAX: usize = 8;

/// The bit of a member or a variable.
fn bit(name: Symbol) -> u64 {
    let hash = name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    1 << (hash >> 58)
}

/// The bits of a place, and of what it lies in.
pub(super) fn bits_of(values: &Values, place: ValueId) -> u64 {
    match values.get(place) {
        Value::PField(base, name, _) => {
            let around = if matches!(values.get(base), Value::PField(..) | Value::PIndex(..)) { bits_of(values, base) } else { 0 };
            around | bit(name)
        }
        Value::PIndex(base, _) => bits_of(values, base),
        Value::PGlobal(name) => bit(name),
        _ => u64::MAX,
    }
}

impl Run<'_, '_> {
    /// What a call may write.
    pub(super) fn writes_by(&self, call: OpId, entry: Option<&Entry>) -> u64 {
        let world = self.world;
        match (entry, world.callees(self.func, call)) {
            (Some(_), _) | (None, None) => u64::MAX,
            (None, Some(callees)) if callees.list().len() > TARGETS_MAX => u64::MAX,
            (None, Some(callees)) => callees.list().iter().fold(0, |bits, f| bits | world.summary(*f).map_or(u64::MAX, |s| s.writes)),
        }
    }

    /// The members that this function writes, for its callers.
    pub(super) fn members_written(&self) -> u64 {
        let world = self.world;
        let mut bits = 0;
        for (id, op) in self.body.all_ops() {
            bits |= match op.kind {
                OpKind::Store { place, .. } | OpKind::Zero { place } => self.stored_bits(place),
                OpKind::Call { target: Target::Name(name), args, .. } => match world.entry(name, world.callees(self.func, id).is_some()) {
                    Some(entry) => self.primitive_writes(entry, self.body.call_args(args)),
                    None => self.writes_by(id, None),
                },
                OpKind::Call { .. } => self.writes_by(id, None),
                _ => 0,
            };
            if bits == u64::MAX {
                break;
            }
        }
        bits
    }

    /// A primitive that works on its arguments alone writes no more than what these lead to; others may let anybody run.
    fn primitive_writes(&self, entry: &Entry, args: &[ExprId]) -> u64 {
        if !havoc::is_local(entry) {
            let quiet =
                entry.callbacks.is_empty() && entry.waits.is_none() && (entry.sleeps == Sleeps::Never || !entry.acquires.is_empty());
            return if quiet || !entry.releases.is_empty() { 0 } else { u64::MAX };
        }
        if entry.allocates || !entry.frees.is_empty() {
            return 0;
        }
        let through = |&e: &ExprId| match self.body.expr(e) {
            Expr::Addr(place) => self.stored_bits(place),
            Expr::Load(..) if !self.body.pointee(e).unwrap_or_default().is_unknown() => u64::MAX,
            _ => 0,
        };
        if entry.accesses.iter().any(|a| a.store) || entry.length.is_some() {
            args.iter().take(1).fold(0, |bits, e| bits | through(e))
        } else {
            0
        }
    }

    fn stored_bits(&self, place: ExprId) -> u64 {
        let mut bits = 0;
        let mut at = place;
        loop {
            at = match self.body.expr(at) {
                Expr::Field { base, name, .. } => {
                    bits |= bit(name);
                    base
                }
                Expr::Index { base, .. } => base,
                Expr::Local(_) => return 0,
                Expr::Global(name) => return bits | bit(name),
                // The member that is nearest to the pointer names the place.
                _ => return if bits == 0 { u64::MAX } else { bits },
            };
        }
    }
}
