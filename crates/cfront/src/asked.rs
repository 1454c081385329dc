//! Questions whose answer does not follow from the file that asks and what it includes.
//!
//! A name that no visible file declares may be declared anywhere in the tree, or some day be. Which names a file asked for so is noted, if a
//! run wants to know what its result rests on.

use crate::program::NameSpace;
use cuthere_base::{FileId, Symbol};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Space {
    Named(NameSpace),
    Macro,
}

impl Space {
    /// By number.
    pub const ALL: [Space; 3] = [Space::Named(NameSpace::Ordinary), Space::Named(NameSpace::Tag), Space::Macro];

    /// Its place in [`Space::ALL`].
    pub fn number(self) -> u8 {
        match self {
            Space::Named(NameSpace::Ordinary) => 0,
            Space::Named(NameSpace::Tag) => 1,
            Space::Macro => 2,
        }
    }
}

/// A question: the file that asks, for what.
pub type Question = (FileId, Space, Symbol);

/// The questions of one run, divided by file.
pub(crate) struct Asked(Box<[Mutex<FxHashSet<Question>>]>);

impl Asked {
    pub fn new() -> Asked {
        Asked((0..256).map(|_| Mutex::default()).collect())
    }

    pub fn note(&self, from: FileId, space: Space, name: Symbol) {
        if let Some(shard) = self.0.get(from.index() % self.0.len().max(1)) {
            shard.lock().insert((from, space, name));
        }
    }

    /// All questions, in no order.
    pub fn take(&self) -> Vec<Question> {
        self.0.iter().flat_map(|shard| std::mem::take(&mut *shard.lock())).collect()
    }
}
