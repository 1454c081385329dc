//! Ids, interned names, source positions and findings: the vocabulary that every other crate shares.
//!
//! No I/O, no knowledge of C or of the kernel.

mod escape;
mod finding;
mod loc;
pub mod packed;
mod source;
mod symbol;

pub use escape::{escape, push_escaped};
pub use finding::{Confidence, Finding, Step};
pub use loc::{FileId, Loc};
pub use source::{MemorySource, Source, folder};
pub use symbol::Symbol;
