//! Reviews, replies and explanations, in one binary: each would link the analysis again.

mod common;
mod engine;
mod explain;
mod lockdep;
mod reply;
mod review;
