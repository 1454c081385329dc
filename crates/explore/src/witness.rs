//! How an outcome is told.

use crate::run::{Options, Outcome};

/// A first plain text.
pub fn text(outcome: &Outcome, _: &Options) -> String {
    format!("{outcome:#?}\n")
}
pub fn json(outcome: &Outcome, _: &Options) -> String {
    format!("{outcome:#?}")
}
pub fn html(outcome: &Outcome, _: &Options) -> String {
    format!("{outcome:#?}")
}
