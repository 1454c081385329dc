//! The kernel model: what primitives lock, allow, forbid, allocate, free and call back, as data.
//!
//! The tables are TOML files under `models/`, compiled in and extended with `--model FILE`. Nothing here analyses code.

pub mod entry;
mod error;
mod load;
mod model;
mod schema;
mod words;

pub use entry::*;
pub use error::ModelError;
pub use model::Model;

#[cfg(test)]
mod tests;
