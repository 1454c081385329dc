//! Directories, revisions, diffs and what is laid over them, in one binary: each would link the reading of git again.

mod apply;
mod diff;
mod mutated;
mod rev;
mod tree;
