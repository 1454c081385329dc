//! What a patch series does to a tree, and where a crash report leads in one.
//!
//! [`review`] lays a series patch by patch over a tree, has what it touches analysed before and after, and says what was introduced,
//! fixed, or is still there; [`reply()`] writes that down as mail. [`explain()`] maps crash reports to the tree's source and says which call
//! is to blame. The analysis itself is behind [`Analyser`]; nothing here knows a check. This crate decides how findings of two states
//! belong together ([`compare`]) and what a patch claims ([`claim`]). It refuses to send anything, to write files, and to fail on
//! damaged mail: what could not be done is said in the result, and the rest goes on.

pub mod agreement;
mod analyser;
mod body;
pub mod claim;
pub mod compare;
mod culprit;
mod defect;
mod edge;
pub mod explain;
mod lay;
mod locate;
pub mod maintainers;
mod outline;
mod quote;
mod reply;
mod review;
mod scope;
mod seek;
mod text;
mod touched;
mod types;
mod words;
mod wrap;

pub use analyser::{Analyser, Analysis, Engine};
pub use explain::{Explanation, explain};
pub use maintainers::{Maintainers, Recipients};
pub use reply::{ReplyOptions, reply};
pub use review::{Options, join, review, select};
pub use text::{explanation_text, review_text};
pub use types::{
    Change, Claim, FailedHunk, HunkReport, PatchReview, Remark, Review, ScenarioResult, ScenarioRun, Scope, Sibling, Spot, StateRun,
    Verdict,
};
