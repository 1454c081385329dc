//! Where bytes come from, as the later stages see it.

use crate::FileId;
use std::borrow::Cow;

/// A set of files at one revision. Ids run from 0 to `len() - 1` in the bytewise order of the paths.
pub trait Source: Sync {
    /// How many files there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The path relative to the root, with `/` between its parts.
    fn path(&self, file: FileId) -> &str;
    /// The file at exactly this path.
    fn find(&self, path: &str) -> Option<FileId>;
    /// The bytes. An error (file gone, shrunk, unreadable) is the reason in words, without the path.
    fn read(&self, file: FileId) -> Result<Cow<'_, [u8]>, String>;
}

/// Files in memory, for tests and embedded examples.
#[derive(Default, Clone, Debug)]
pub struct MemorySource {
    files: Vec<(String, Vec<u8>)>,
}

impl MemorySource {
    /// A source of these `(path, text)` pairs; a later pair replaces an earlier one of the same path.
    pub fn new<P: Into<String>, T: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, T)>) -> MemorySource {
        let map: std::collections::BTreeMap<String, Vec<u8>> = files.into_iter().map(|(p, t)| (p.into(), t.into())).collect();
        MemorySource { files: map.into_iter().collect() }
    }
}

impl Source for MemorySource {
    fn len(&self) -> usize {
        self.files.len()
    }
    fn path(&self, file: FileId) -> &str {
        self.files.get(file.index()).map_or("", |f| &f.0)
    }
    fn find(&self, path: &str) -> Option<FileId> {
        self.files.binary_search_by(|f| f.0.as_str().cmp(path)).ok().map(|i| FileId(i as u32))
    }
    fn read(&self, file: FileId) -> Result<Cow<'_, [u8]>, String> {
        self.files.get(file.index()).map(|f| Cow::Borrowed(&f.1[..])).ok_or_else(|| "no such file".to_owned())
    }
}

/// The folder that a file is in, as a path of the tree; empty: the top.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
