//! The command from outside, in one binary: each would link everything again.

mod cache;
mod command;
mod daily;
mod examples;
mod gaps;
mod readme;
mod robust;
mod series;
