//! Members of operations tables that are called between two others: what the one leaves is held in those that come before its opposite.
//!
//! Which members these are is data (`between` of the model's tables). Of several tables of one kind in a file, a function's is the one in which it stands.

use super::on_entry::{FOLLOWED, HeldOnEntry};
use crate::program::World;
use crate::program::link::BoundFunction;
use crate::summary::{FuncId, LockDelta, Outcome};
use rustc_hash::FxHashMap;

/// What a member of an operations table leaves until its opposite is called: what holds in the members that are called in between.
#[derive(Default)]
pub(super) struct Bracket {
    pub(super) parts: u8,
    pub(super) locks: Vec<HeldOnEntry>,
}

impl Bracket {
    /// What a function leaves on all ways on which it succeeds.
    fn left_by(world: &World<'_>, f: FuncId) -> Bracket {
        let works = |o: &&Outcome| !o.ret.is_zero() && o.ret.is_err() != Some(true);
        let ways: Vec<&Outcome> = world.summary(f).map_or(&[][..], |s| &s.outcomes).iter().filter(works).collect();
        let Some(first) = ways.first() else { return Bracket::default() };
        let parts = FOLLOWED.iter().filter(|part| ways.iter().all(|o| part.of(o.ctx) > 0)).fold(0, |bits, part| bits | part.bit());
        let always = |l: &&LockDelta| {
            l.taken && ways.iter().all(|o| o.locks.iter().any(|k| k.taken && k.sure && k.class == l.class && k.kind == l.kind))
        };
        let locks = first.locks.iter().filter(always).map(|l| HeldOnEntry { class: l.class, kind: l.kind, always: true }).collect();
        Bracket { parts, locks }
    }

    /// By function and the line where it was bound.
    pub(super) fn all(world: &World<'_>) -> FxHashMap<(FuncId, u32), Bracket> {
        let between: Vec<_> = world.model.ops_fields().filter_map(|o| Some((o.record, o.field, o.between?))).collect();
        let of = |b: &BoundFunction| between.iter().find(|o| o.0 == b.record.tag_symbol() && o.1 == b.field).map(|o| o.2);
        let opens = |b: &&BoundFunction| between.iter().any(|o| o.0 == b.record.tag_symbol() && o.2 == b.field);
        let openers: Vec<&BoundFunction> = world.bound.iter().filter(opens).collect();
        let mut out = FxHashMap::default();
        for b in &world.bound {
            let Some(opener) = of(b) else { continue };
            // Of several tables in a file, the one that stands next to it.
            let own = openers.iter().filter(|o| o.field == opener && o.record == b.record && o.at.0 == b.at.0);
            if let Some(o) = own.min_by_key(|o| (o.at.1.line.abs_diff(b.at.1.line), o.at.1.line)) {
                out.insert((b.func, b.at.1.line), Bracket::left_by(world, o.func));
            }
        }
        out
    }
}
