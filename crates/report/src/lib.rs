//! Writes findings: text for people, JSON Lines for programs, SARIF for forges, one HTML page for reports; and leaves out those of a baseline.
//!
//! Invariants: the only crate that knows an output format; no I/O (callers hand in a writer and a way to look at source lines); the same
//! findings give the same bytes. It refuses to judge: which findings are shown is the caller's decision, the order is [`sort`]'s.

pub mod baseline;
mod compiler;
mod excerpt;
mod forge;
mod group;
mod html;
mod json;
mod order;
mod point;
mod sarif;
mod summary;
mod text;

pub use baseline::Baseline;
pub use compiler::gcc;
pub use cuthere_base::escape;
pub use forge::{gitlab, junit};
pub use group::{Group, group};
pub use html::{About, Page, html, pages};
pub use json::{json_lines, json_lines_for};
pub use order::{Tally, sort};
pub use point::point;
pub use sarif::{Origin, sarif};
pub use text::{Palette, Shown, recipients, text};

/// How a renderer looks at source: the bytes of a line (from 1) of a file of the tree, without its line ending; `None` if it is not there.
pub type Lines<'a> = dyn Fn(&str, u32) -> Option<Vec<u8>> + 'a;

/// What the formats that explain themselves say about a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule<'a> {
    /// The check's id, in kebab-case.
    pub id: &'a str,
    /// One line.
    pub summary: &'a str,
    /// The check's page, in Markdown.
    pub page: &'a str,
    /// Its precision was not measured yet, or is not good enough.
    pub trial: bool,
}

/// What a report covered, for the formats that state it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    pub files: u64,
    pub functions: u64,
    /// Functions read whole.
    pub functions_complete: u64,
    /// Functions of which not everything was followed.
    pub functions_truncated: u64,
    /// Of a run over a part: what is known of the rest of the tree, in words.
    pub rest: Option<String>,
    /// Ids of the checks that ran, sorted.
    pub checks: Vec<String>,
    /// These are all there are.
    pub all_checks: bool,
    /// Files that could not be read.
    pub unread: u64,
    /// What is found but not shown: in words, and how much of it.
    pub left_out: Vec<(String, u64)>,
    /// Further facts about the run, a sentence each.
    pub notes: Vec<String>,
}
