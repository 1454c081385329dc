//! Graphs of constructs, of globals, of changed and of wrong programs, in one binary.

mod common;
mod constructs;
mod globals;
mod mutated;
mod planted;
