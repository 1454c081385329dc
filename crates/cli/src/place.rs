//! Which folder is the tree, and which parts of it are meant.
//!
//! A PATH is relative to the current folder or, failing that, to the tree. Without `--tree`, the tree is the nearest kernel tree above the
//! first PATH, else what the PATHs have in common. Refuses PATHs that are nowhere, or in different trees.

use anyhow::{Context, Result, bail};
use std::path::{Component, Path, PathBuf};

/// A tree and parts of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub root: PathBuf,
    /// Relative to the root, with `/` between parts; empty: everything.
    pub paths: Vec<String>,
    /// The root is no kernel tree: nothing outside `paths` needs to be listed.
    pub bounded: bool,
}

/// Decides. `other_revision`: the files need not be there on disk (`--rev`, `--patch`).
pub fn locate(tree: Option<&Path>, paths: &[PathBuf], current: &Path, other_revision: bool) -> Result<Place> {
    let current = current.canonicalize().with_context(|| format!("cannot find the current folder {}", current.display()))?;
    let (root, bounded) = match tree {
        Some(tree) => {
            let root = current.join(tree);
            (
                root.canonicalize()
                    .with_context(|| format!("cannot open the tree {}; give an existing folder with --tree", root.display()))?,
                false,
            )
        }
        None => choose_root(paths, &current)?,
    };
    let folder = if root.is_file() { root.parent().unwrap_or(&root) } else { &root };
    let mut found = Vec::new();
    for path in paths {
        let relative = inside(path, folder, &current, other_revision)?;
        if relative.is_empty() {
            found.clear();
            break;
        }
        found.push(relative);
    }
    found.sort();
    found.dedup();
    Ok(Place { root, paths: found, bounded })
}

/// The tree for PATHs without `--tree`, and whether it is no kernel tree.
fn choose_root(paths: &[PathBuf], current: &Path) -> Result<(PathBuf, bool)> {
    let there: Vec<PathBuf> = paths.iter().filter_map(|path| current.join(path).canonicalize().ok()).collect();
    let start = there.first().map_or(current, PathBuf::as_path);
    if let Some(root) = cuthere_tree::find_kernel_root(start) {
        return Ok((root, false));
    }
    if let Some((missing, error)) = paths.iter().find_map(|path| Some((path, current.join(path).canonicalize().err()?))) {
        bail!("{}, and no kernel tree is above {}; give one with --tree", not_there(missing, &error), current.display());
    }
    let mut common = start.to_path_buf();
    while !there.iter().all(|path| path.starts_with(&common)) {
        if !common.pop() {
            break;
        }
    }
    Ok((common, true))
}

/// Why a PATH is none.
fn not_there(path: &Path, error: &std::io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        _ if path == Path::new("-") => {
            "standard input is not checked (`cuthere review -` reads a patch from it); nothing is called \"-\"".to_owned()
        }
        std::io::ErrorKind::NotFound => format!("there is no file or folder {shown}"),
        _ => format!("{shown} cannot be opened: {error}"),
    }
}

/// A PATH relative to the root's folder.
fn inside(path: &Path, root: &Path, current: &Path, other_revision: bool) -> Result<String> {
    let shown = path.display();
    if let Ok(here) = current.join(path).canonicalize()
        && let Ok(relative) = here.strip_prefix(root)
    {
        return spell(relative);
    }
    let relative = normal(path).with_context(|| format!("{shown} leads out of the tree {}", root.display()))?;
    if other_revision || root.join(&relative).exists() {
        return spell(&relative);
    }
    // Not on disk, but below the tree as far as names go: say which of the two places was tried.
    bail!(
        "{shown} is neither in {} nor in the tree {}; give a path in the tree, or its tree with --tree",
        current.display(),
        root.display()
    );
}

/// The path without `.` and `..`; `None` if it is absolute or leads upwards.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

fn spell(relative: &Path) -> Result<String> {
    let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/")).with_context(|| format!("the name {} is not UTF-8, and such files are not read", relative.display()))
}

/// Whether `file` is one of `paths` or below one; all files are below no paths.
pub fn covers(paths: &[String], file: &str) -> bool {
    paths.is_empty()
        || paths.iter().any(|path| file.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder with a kernel tree `linux` and a driver outside it.
    fn ground() -> tempfile::TempDir {
        let ground = tempfile::tempdir().expect("a temporary folder");
        for file in ["linux/include/linux/kernel.h", "linux/net/a/x.c", "linux/net/b/y.c", "out/driver/z.c", "out/other/w.c", "net/a/x.c"] {
            let path = ground.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        ground
    }

    fn at(tree: Option<&str>, paths: &[&str], folder: &str) -> Result<(String, Vec<String>, bool)> {
        let ground = ground();
        let base = ground.path().canonicalize().expect("there");
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let tree = tree.map(|tree| base.join(tree));
        let place = locate(tree.as_deref(), &paths, &base.join(folder), false)?;
        let root = place.root.strip_prefix(&base).expect("below").display().to_string();
        Ok((root, place.paths, place.bounded))
    }

    fn is(root: &str, paths: &[&str], bounded: bool) -> (String, Vec<String>, bool) {
        (root.into(), paths.iter().map(|path| path.to_string()).collect(), bounded)
    }

    #[test]
    fn the_nearest_kernel_tree_above_the_path() {
        assert_eq!(at(None, &["linux/net/a"], "").expect("found"), is("linux", &["net/a"], false));
        assert_eq!(at(None, &["x.c", "../b"], "linux/net/a").expect("found"), is("linux", &["net/a/x.c", "net/b"], false));
        assert_eq!(at(None, &[], "linux/net").expect("found"), is("linux", &[], false));
        assert_eq!(at(None, &["linux"], "").expect("found"), is("linux", &[], false));
    }

    #[test]
    fn else_the_path_itself() {
        assert_eq!(at(None, &["out/driver"], "").expect("found"), is("out/driver", &[], true));
        assert_eq!(at(None, &["out/driver/z.c", "out/other"], "").expect("found"), is("out", &["driver/z.c", "other"], true));
        let (root, paths, _) = at(None, &["out/driver/z.c"], "").expect("found");
        assert_eq!((root.as_str(), paths), ("out/driver/z.c", vec!["z.c".to_owned()]));
    }

    #[test]
    fn the_current_folder_first_then_the_tree() {
        assert_eq!(at(Some("linux"), &["net/a"], "linux").expect("found"), is("linux", &["net/a"], false));
        // `net/a` exists here too, but outside the tree that was named.
        assert_eq!(at(Some("linux"), &["net/a"], "").expect("found"), is("linux", &["net/a"], false));
        assert_eq!(at(None, &["net/a"], "linux/net/b").expect("found"), is("linux", &["net/a"], false));
    }

    #[test]
    fn nowhere_is_an_error_that_says_what_to_do() {
        for (tree, path) in [(Some("linux"), "net/none"), (None, "none"), (Some("linux"), "../out/driver"), (Some("nowhere"), "net")] {
            let error = format!("{:#}", at(tree, &[path], "").expect_err("nowhere"));
            assert!(error.contains("--tree") || error.contains("leads out of the tree"), "{error}");
        }
    }

    #[test]
    fn covering_is_by_whole_names() {
        let paths = vec!["net/a".to_owned()];
        assert!(covers(&paths, "net/a/x.c") && covers(&paths, "net/a") && covers(&[], "any"));
        assert!(!covers(&paths, "net/ab/x.c"));
    }
}
