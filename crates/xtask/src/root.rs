//! Where the project is.

use std::path::{Path, PathBuf};

/// The workspace's folder, from where this crate was built.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf()
}
