//! Weighs claims against each other: what many functions would get wrong in the same way is rather something that they know.
//!
//! A way into a defect may rest on a decision in a called function: how a condition on the state of objects comes out, which function of an
//! operations table is called. If many functions would run into the same defect by one such decision, it is more likely that it cannot
//! come out so for them (a mode that they set up, a table that their objects never have) than that all of them are wrong. This is belief
//! inference (Engler and others, SOSP 2001) turned on the checker's own claims.

use crate::claim::Claim;
use cuthere_base::Confidence;
use cuthere_flow::summary::FuncId;
use rustc_hash::{FxHashMap, FxHashSet};

/// So many functions are taken to know what they do.
const MANY: usize = 4;

/// Lowers claims that rest on a decision which many others rest on.
pub(crate) fn weigh(claims: &mut [Claim]) {
    let mut users: FxHashMap<(u8, &str), FxHashSet<FuncId>> = FxHashMap::default();
    for claim in claims.iter() {
        for decision in &claim.rests_on {
            users.entry((claim.check, decision)).or_default().insert(claim.root());
        }
    }
    let users: FxHashMap<(u8, String), usize> =
        users.into_iter().map(|((check, text), all)| ((check, text.to_owned()), all.len())).filter(|(_, n)| *n >= MANY).collect();
    for claim in claims.iter_mut().filter(|claim| !claim.rests_on.is_empty()) {
        let most = claim.rests_on.iter().filter_map(|text| users.get(&(claim.check, text.clone()))).max();
        if let Some(most) = most {
            claim.confidence = Confidence::Low;
            claim.assumes.push(format!("{} more functions would do the same: they may know that it cannot come so", most - 1));
        }
    }
}
