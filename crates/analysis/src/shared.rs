//! Weighs claims against each other: what many functions would get wrong in the same way is rather something that they know.
//!
//! A way into a defect may rest on a decision in a called function: how a condition on the state of objects comes out, which function of an
//! operations table is called. If many functions would run into the same defect by one such decision, it is more likely that it cannot
//! come out so for them (a mode that they set up, a table that their objects never have) than that all of them are wrong. This is belief
//! inference (Engler and others, SOSP 2001) turned on the checker's own claims.
//!
//! It is turned round where nobody may enter the function that decides without being wrong: then that function is what is odd, and the many are one defect, said once.

use crate::checker::Tree;
use crate::claim::Claim;
use cuthere_base::{Confidence, Loc};
use cuthere_flow::summary::FuncId;
use cuthere_flow::summary::chain::At;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Reverse;

/// So many functions are taken to know what they do.
const MANY: usize = 4;

/// A decision that claims of a check rest on.
type Decision = (u8, String);

/// Lowers claims that rest on a decision which many others rest on.
pub(crate) fn weigh(claims: &mut [Claim], tree: &Tree<'_>) {
    let mut users: FxHashMap<(u8, &str), (FuncId, FxHashSet<FuncId>)> = FxHashMap::default();
    for claim in claims.iter() {
        for (decision, at) in &claim.rests_on {
            users.entry((claim.check, decision)).or_insert_with(|| (*at, FxHashSet::default())).1.insert(claim.root());
        }
    }
    let crowds = users.into_iter().filter(|(_, (_, all))| all.len() >= MANY);
    let crowds: FxHashMap<Decision, (FuncId, usize)> =
        crowds.map(|((check, text), (at, all))| ((check, text.to_owned()), (at, all.len()))).collect();
    if crowds.is_empty() {
        return;
    }
    let odd: FxHashSet<FuncId> = crowds.values().map(|(at, _)| *at).filter(|at| always_wrong(tree, *at)).collect();
    let first = first_of_each(claims, tree, &crowds, &odd);
    for (n, claim) in claims.iter_mut().enumerate().filter(|(_, claim)| !claim.rests_on.is_empty()) {
        let most = claim
            .rests_on
            .iter()
            .filter_map(|(text, at)| Some((crowds.get(&(claim.check, text.clone()))?.1, *at, text)))
            .max_by_key(|most| most.0);
        let Some((most, at, text)) = most else { continue };
        match first.get(&(claim.check, text.clone())) {
            Some(&stays) if stays == n => {
                claim.assumes.push(format!(
                    "{}() is never entered otherwise: {} more functions do the same",
                    tree.world.func(at).name,
                    most - 1
                ));
            }
            Some(_) => {
                claim.confidence = Confidence::Low;
                claim.assumes.push(format!("{}() is what is wrong, of which another finding speaks", tree.world.func(at).name));
            }
            None => {
                claim.confidence = Confidence::Low;
                claim.assumes.push(format!("{} more functions would do the same: they may know that it cannot come so", most - 1));
            }
        }
    }
}

/// Conditions that may have to hold below the function that nobody may enter.
const BELOW_MAX: usize = 1;

/// Raises claims about what happens in, or below, a function that nobody may enter without being wrong: of those about one place the first in the tree.
pub(crate) fn raise(claims: &mut [Claim], tree: &Tree<'_>) {
    let mut first: FxHashMap<(u8, FuncId, Loc), usize> = FxHashMap::default();
    for (n, claim) in claims.iter().enumerate() {
        let Some((func, step)) = never_right(claim, tree) else { continue };
        let one = first.entry((claim.check, func, claim.steps[step].loc)).or_insert(n);
        if order(claims, tree, n) < order(claims, tree, *one) {
            *one = n;
        }
    }
    for ((_, func, _), n) in first {
        let claim = &mut claims[n];
        if let Some(sure) = claim.always.filter(|sure| claim.confidence < *sure) {
            claim.confidence = sure;
            claim.assumes.push(format!("sleeping is forbidden on every way into {}()", tree.world.func(func).name));
        }
    }
}

/// The innermost function on the way that nobody may enter, with its step, if next to nothing has to come true below it.
fn never_right(claim: &Claim, tree: &Tree<'_>) -> Option<(FuncId, usize)> {
    claim.always.filter(|sure| *sure > Confidence::Low)?;
    let below_root = |(_, step): &(usize, &At)| step.func != claim.root();
    let (step, at) = claim.steps.iter().enumerate().rev().filter(below_root).find(|(_, step)| always_wrong(tree, step.func))?;
    let outside = |g: FuncId| claim.steps[..=step].iter().any(|s| s.func == g);
    let below = claim.rests_on.iter().filter(|(_, g)| !outside(*g)).count();
    (below <= BELOW_MAX).then_some((at.func, step))
}

/// Whether sleeping is forbidden on every way into a function.
fn always_wrong(tree: &Tree<'_>, f: FuncId) -> bool {
    let entered = tree.contexts().entered(f);
    let mut ways = [&entered.certain, &entered.perhaps].into_iter().filter(|way| way.reached()).peekable();
    !entered.assumed && ways.peek().is_some() && ways.all(|way| way.atomic())
}

/// Which of several claims comes first: the surest, and of those the first in the tree.
fn order<'t>(claims: &[Claim], tree: &'t Tree<'_>, n: usize) -> (Reverse<Confidence>, &'t str, Loc, usize) {
    (Reverse(claims[n].confidence), tree.world.path(claims[n].at.0), claims[n].at.1, n)
}

/// Of the claims that rest on a decision in one of these functions, the surest, and of those the first in the tree.
fn first_of_each(
    claims: &[Claim],
    tree: &Tree<'_>,
    crowds: &FxHashMap<Decision, (FuncId, usize)>,
    odd: &FxHashSet<FuncId>,
) -> FxHashMap<Decision, usize> {
    let mut out: FxHashMap<Decision, usize> = FxHashMap::default();
    for (n, claim) in claims.iter().enumerate() {
        for (text, at) in claim.rests_on.iter().filter(|(_, at)| odd.contains(at)) {
            let key = (claim.check, text.clone());
            if crowds.contains_key(&key) && at.index() < tree.world.funcs.len() {
                let first = out.entry(key).or_insert(n);
                if order(claims, tree, n) < order(claims, tree, *first) {
                    *first = n;
                }
            }
        }
    }
    out
}
