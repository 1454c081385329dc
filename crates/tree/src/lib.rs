//! The source files of one revision: a folder, a git revision, or either of them with patches laid over in memory.
//!
//! This crate decides which files there are, in which order, and what they hold; every later stage sees [`Tree`] alone
//! and cannot tell the three apart. It also reads unified diffs ([`diff`]) and applies them ([`apply`]), both tolerant of
//! what mail does to patches. It refuses to write anything, to follow links out of the tree, and to open what is not a
//! regular file.

pub mod apply;
mod beside;
pub mod commits;
pub mod diff;
mod disk;
mod error;
pub mod git;
mod input;
mod lines;
mod nearest;
mod overlay;
mod rev;
mod target;
mod tree;

pub use apply::{ApplyOptions, FailReason, HunkOutcome, HunkResult, Nearest};
pub use beside::{Gathered, Included, gather};
pub use error::TreeError;
pub use input::{read_input, read_small};
pub use overlay::{FileOutcome, PatchOutcome, PatchText};
pub use tree::{OpenOptions, SkipReason, Skipped, Tree, find_kernel_root};
