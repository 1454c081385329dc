//! Crash reports in our own words, and changed ones, in one binary.

mod golden;
mod mutated;
