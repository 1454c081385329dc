//! What annotations promise (`__acquires()`, `__releases()`, `__must_hold()` and kin), and some way out does not keep.

use super::{Exit, LockImbalance};
use cuthere_analysis::Claims;
use cuthere_analysis::ways::Answer;
use cuthere_base::Confidence;
use cuthere_flow::body::Body;

impl LockImbalance {
    /// What annotations promise, and other ways out keep.
    pub(super) fn contracts(&self, body: &Body, claims: &mut Claims) {
        let words: Vec<(&str, &str)> = body.annotations.iter().filter_map(|a| a.as_str().strip_suffix(')')?.split_once('(')).collect();
        let both = |lock: &str| ["__acquires", "__releases"].iter().all(|word| words.contains(&(*word, lock)));
        for &(word, argument) in &words {
            let (condition, lock) = argument.split_once(", ").unwrap_or(("", argument));
            let named = |name: &str| plain(name) == plain(lock);
            let keeps = |e: &Exit| e.kept.iter().any(|k| named(&k.1));
            let loses = |e: &Exit| e.lost.iter().any(|l| named(&l.0));
            let meant = |e: &Exit| match condition {
                "" => true,
                "true" | "nonzero" | "nonnull" | "1" => matches!(e.answer, Answer::Positive | Answer::NotZero),
                _ => e.answer == Answer::Zero,
            };
            let (kept, what): (&dyn Fn(&Exit) -> bool, &str) = match word {
                "__must_hold" | "__acquires" if word == "__must_hold" || both(argument) => (&|e| !loses(e), "without"),
                "__acquires" | "__cond_acquires" if word == "__acquires" || !condition.is_empty() => (&keeps, "without having taken"),
                "__releases" if !both(argument) => (&loses, "without having given back"),
                _ => continue,
            };
            if self.exits.iter().any(|e| meant(e) && kept(e)) {
                // What some ways do under a condition, or tell by the result, is a contract of its own.
                let by = |e: &Exit| {
                    let kept = e.kept.iter().filter(|k| named(&k.1)).map(|k| k.0);
                    kept.chain(e.lost.iter().filter(|l| named(&l.0)).filter_map(|l| l.1)).any(|op| body.dominates(op, Some(e.block)))
                };
                let like = |e: &Exit, k: &Exit| k.block != e.block && by(k) && (e.answer == Answer::Failure || e.answer == k.answer);
                let plainly =
                    |e: &Exit| what == "without" || e.lost.is_empty() && self.exits.iter().any(|k| meant(k) && kept(k) && like(e, k));
                for (exit, mut claim) in self.exits.iter().filter(|e| meant(e) && !kept(e)).filter_map(|e| Some((e, e.claim.clone()?))) {
                    if !plainly(exit) && condition.is_empty() {
                        claim.confidence = Confidence::Low;
                    }
                    claim.message = format!("`{}` returns {what} `{}`, against its `{word}()`", body.name, plain(lock));
                    claims.add(claim.identity(format!("{word} {}", plain(lock))));
                }
            }
        }
    }
}

/// A lock without the signs that make an address of it.
pub(super) fn plain(text: &str) -> &str {
    text.trim_start_matches(['&', '*', '(']).trim_end_matches(')')
}
