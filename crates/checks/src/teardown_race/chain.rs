//! Ways into functions, from where the kernel enters: which of them end the owner of a pointer, and which stand in one table.

use super::parts::Teardown;
use cuthere_base::Symbol;
use cuthere_flow::body::{OpId, Record};
use cuthere_flow::index::Deed;
use cuthere_flow::summary::FuncId;
use std::collections::HashSet;

/// Calls between an entry point and the function.
const CHAIN_MAX: usize = 8;

/// A way into a function: callers with their calls, outermost first.
pub type Chain = Vec<(FuncId, OpId)>;

/// Ways into a function from where the kernel enters.
pub fn chains(all: &Teardown<'_>, f: FuncId) -> Vec<Chain> {
    let mut out = Vec::new();
    let mut open: Vec<(FuncId, Chain)> = vec![(f, Vec::new())];
    let mut seen = HashSet::from([f]);
    while let Some((at, chain)) = open.pop() {
        let callers: Vec<(FuncId, OpId, bool)> = all.lives.callers(at).collect();
        if callers.is_empty() || chain.len() >= CHAIN_MAX {
            out.push(chain);
            continue;
        }
        for (caller, op, _) in callers {
            if seen.insert(caller) {
                let mut next = vec![(caller, op)];
                next.extend_from_slice(&chain);
                open.push((caller, next));
            }
        }
        if out.len() > 32 {
            break;
        }
    }
    out.sort_by_key(|c| (c.len(), c.first().copied()));
    out
}

/// The members that a function is bound to, with file and line.
pub fn entered(all: &Teardown<'_>, f: FuncId) -> Vec<(Record, Symbol, (cuthere_base::FileId, u32))> {
    all.bindings(f).map(|b| (b.record, b.field, (b.at.0, b.at.1.line))).collect()
}

/// A way to the free on which nobody ends the owner of the pointer, nor has made the object.
pub fn unsafe_chain(all: &Teardown<'_>, f: FuncId, owner: Record, object: Record) -> Option<Chain> {
    let ends = |g: FuncId| {
        all.lives
            .inside(g)
            .iter()
            .any(|d| matches!(d.life.deed, Deed::Free | Deed::FreeLater) && d.life.object == owner && !counted(all, g, d.at, owner))
    };
    let makes = |g: FuncId| all.lives.inside(g).iter().any(|d| matches!(d.life.deed, Deed::Allocate { .. }) && d.life.object == object);
    if ends(f) || makes(f) {
        return None;
    }
    chains(all, f).into_iter().find(|chain| !chain.is_empty() && !chain.iter().any(|&(g, _)| ends(g) || makes(g)))
}

/// Whether a call only gives up a reference to the owner.
pub fn counted(all: &Teardown<'_>, g: FuncId, at: OpId, owner: Record) -> bool {
    all.lives.inside(g).iter().any(|d| d.at == at && d.life.deed == Deed::Put && all.concerns(&d.life, owner))
}

/// Tables of functions stand in a file one after the other, a line or two for a member.
const TABLE_GAP: u32 = 2;

/// Whether two functions stand in one operations table.
pub fn one_table(all: &Teardown<'_>, f: FuncId, g: FuncId) -> bool {
    entered(all, f).iter().any(|(record, _, (file, line))| {
        entered(all, g).iter().any(|(other, _, (at, there))| {
            if record != other || file != at {
                return false;
            }
            let (low, high) = (*line.min(there), *line.max(there));
            let mut lines: Vec<u32> = all
                .world
                .bound
                .iter()
                .filter(|b| b.record == *record && b.at.0 == *file)
                .map(|b| b.at.1.line)
                .filter(|l| (low..=high).contains(l))
                .collect();
            lines.sort_unstable();
            lines.windows(2).all(|w| w[1] - w[0] <= TABLE_GAP)
        })
    })
}
