//! Call graph, summaries, contexts and the path engine.
//!
//! Bodies become [`digest::Digest`]s as they are read; [`link`] resolves calls, operations tables and callbacks; [`analyse`] runs the path
//! engine from callees to callers, in parallel over levels of the call graph, and shows every path to the checks' observers.
//! Nothing here knows what a defect is, and nothing here names a kernel primitive that the model does not name.

pub mod analyse;
pub mod chain;
pub mod digest;
pub mod digester;
pub mod exec;
pub mod fact;
mod funcref;
pub mod keep;
pub mod link;
pub mod node;
pub mod read;
mod shape;
pub mod state;
pub mod summary;
mod words;
pub mod world;
