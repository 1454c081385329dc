//! Gives the command a name for what it was built from, so that a cache knows whose results it holds.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crates = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    println!("cargo:rerun-if-changed={}", crates.display());
    let mut files = BTreeSet::new();
    collect(&crates, &mut files)?;
    let mut hasher = DefaultHasher::new();
    for path in files {
        let bytes = fs::read(&path)?;
        hasher.write(path.strip_prefix(&crates).unwrap_or(&path).to_string_lossy().as_bytes());
        hasher.write_usize(bytes.len());
        hasher.write(&bytes);
    }
    println!("cargo:rustc-env=CUTHERE_BUILD={:016x}", hasher.finish());
    Ok(())
}

/// The sources and tables below a folder, but for tests and benches.
fn collect(folder: &Path, out: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if !["tests", "benches", "examples", "target", "fuzz", "xtask"].iter().any(|other| name == *other) {
                collect(&path, out)?;
            }
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "toml") {
            out.insert(path);
        }
    }
    Ok(())
}
