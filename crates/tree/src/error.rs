//! What can go wrong with a tree, each with its path, its cause and what to do.

use std::io;
use std::path::PathBuf;

/// An error of reading a tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The folder itself cannot be opened.
    #[error("cannot open the tree {}: {cause}; give an existing folder with --tree", path.display())]
    Open { path: PathBuf, cause: io::Error },
    /// One file cannot be read, for instance since it vanished after the tree was listed.
    #[error("cannot read {}: {cause}; if the tree is being changed, run again when it is at rest", path.display())]
    Read { path: PathBuf, cause: io::Error },
    /// A file changed its size while it was being read.
    #[error("{} changed while it was read; run again when the tree is at rest", path.display())]
    Changed { path: PathBuf },
    /// A file grew beyond the limit since the tree was listed, or is asked for by path and beyond it.
    #[error("{} has {size} bytes, more than the limit of {limit}; raise the limit to read it", path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    /// What is there now is not a regular file.
    #[error("{} is not a regular file and is not opened", path.display())]
    NotRegular { path: PathBuf },
    /// The id belongs to another tree.
    #[error("file number {index} is beyond this tree's {len} files")]
    NoSuchFile { index: usize, len: usize },
    /// A path that leads out of the tree, or is no path.
    #[error("the path {path:?} is refused: {reason}")]
    Refused { path: String, reason: String },
    /// There is no repository at the folder.
    #[error("no git repository at or above {}: {cause}; give one with --tree, or leave --rev out", path.display())]
    Repository { path: PathBuf, cause: String },
    /// The revision does not name a commit, a tag or a tree.
    #[error("cannot resolve the revision {rev:?} in {}: {cause}; `git -C {} rev-parse {rev}` should name it", path.display(), path.display())]
    Revision { path: PathBuf, rev: String, cause: String },
    /// An object of the revision cannot be read.
    #[error("cannot read {object} from the repository {}: {cause}; if the clone is partial or shallow, fetch the revision in full", path.display())]
    Object { path: PathBuf, object: String, cause: String },
    /// Files beside the tree that together need more memory than is kept.
    #[error("the files of {} have more bytes than are kept in memory; give a part of it", path.display())]
    TooMuch { path: PathBuf },
    /// Paths that together need more memory than any sane tree's.
    #[error("the names of files in {} have more than {limit} MiB; give a part of it", path.display())]
    TooManyNames { path: PathBuf, limit: usize },
    /// More files than ids, or than any sane tree.
    #[error("{} holds more than {limit} files or folders; give a part of it", path.display())]
    TooManyFiles { path: PathBuf, limit: usize },
}
