//! Why a function returns NULL, of all its ways out.

use super::*;

impl Run<'_, '_> {
    /// The surest reason; the conditions of the ways with that reason.
    pub(super) fn null_of(&self, exits: &[Exit]) -> Option<NullReturn> {
        let mut out: Option<NullReturn> = None;
        for e in exits {
            let Some((why, from)) = e.null_from else { continue };
            let new = || NullReturn { loc: e.loc, why, from, condition: Condition::from_elem(e.guard.clone(), 1) };
            let Some(known) = &mut out else {
                out = Some(new());
                continue;
            };
            let either = |a: NullWhy, b: NullWhy| known.why == a && why == b;
            if why == known.why || known.why == NullWhy::Mixed && why != NullWhy::Model {
                add_guard(&mut known.condition, e.guard.clone());
            } else if why == NullWhy::Model || why == NullWhy::Mixed {
                *known = new();
            } else if either(NullWhy::Literal, NullWhy::Allocation) && self.fails_anyway(&e.guard) {
                (known.loc, known.from, known.why) = (e.loc, from, NullWhy::Mixed);
                add_guard(&mut known.condition, e.guard.clone());
            } else if either(NullWhy::Allocation, NullWhy::Literal) {
                if known.condition.iter().any(|guard| self.fails_anyway(guard)) {
                    known.why = NullWhy::Mixed;
                    add_guard(&mut known.condition, e.guard.clone());
                } else {
                    // Callers that say that it must not fail are told of the other ways.
                    *known = new();
                }
            }
        }
        out
    }

    /// Whether an allocation fails for want of memory whatever flags callers hand in.
    fn fails_anyway(&self, guard: &Guard) -> bool {
        guard.iter().all(|t| t.1 != Test::NoBit(self.world.gfp_nofail))
    }
}
