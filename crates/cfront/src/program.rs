//! All outlines of a tree, and what a name means in a given file.
//!
//! Names are looked up as C would find them: the file's own declarations first, then those of the files it includes (nearest first), then,
//! where headers are missing, a definition that is unique in the tree. Files under `arch/X` see X's headers, all others those of
//! the chosen architecture; `tools/`, `scripts/` and other user-space folders do not mix with the kernel's.

use crate::outline::{FileOutline, ItemRef};
use crate::shapes::Shapes;
use crate::token::Token;
use crate::types::Types;
use cuthere_base::{FileId, Source, Symbol};

/// How conditionals are decided.
#[derive(Clone, Debug)]
pub struct Config {
    /// `--arch`, default `x86`.
    pub arch: String,
    /// Text of `--config FILE` (`CONFIG_X=y|m|value`, `# CONFIG_X is not set`), if given: then what it does not name is off.
    pub dotconfig: Option<String>,
    /// `--preempt rt`: `CONFIG_PREEMPT_RT` on.
    pub preempt_rt: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config { arch: "x86".to_owned(), dotconfig: None, preempt_rt: false }
    }
}

/// C's name spaces at file level.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NameSpace {
    /// Functions, variables, typedefs, enumerators.
    Ordinary,
    /// Tags of structs, unions and enums.
    Tag,
}

/// A tree read by outline.
pub struct Program<'s> {
    pub source: &'s dyn Source,
    pub config: Config,
    pub shapes: Shapes,
    pub files: Vec<FileOutline>,
    pub types: Types,
    // … private index: names to items, include graph, macro tables, header text cache
}
