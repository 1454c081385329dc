//! Source positions.

use serde::{Deserialize, Serialize};

/// A file of a tree: its index in the tree's sorted list of paths, so that ids order as paths do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct FileId(pub u32);

impl FileId {
    /// The position in the tree's list.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A line (from 1) and a column in bytes (from 1; 65535 stands for anything beyond) of a file known from the context. Line 0: nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Loc {
    pub line: u32,
    pub col: u16,
}

impl Loc {
    /// No position.
    pub const NONE: Loc = Loc { line: 0, col: 0 };

    /// A position; both numbers count from 1.
    pub fn new(line: u32, col: u16) -> Loc {
        Loc { line, col }
    }
}
