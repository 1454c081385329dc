//! The checks on fixtures and trees, in one binary: each would link the analysis again.

mod again;
mod faults;
mod fixtures;
mod kinds;
