//! Which file of the tree a name in a patch means.
//!
//! Names come from strangers: what could lead out of the tree is refused, whatever the tree holds.

use crate::Tree;
use crate::diff::FileDiff;

/// Bytes of a path, as in Linux (PATH_MAX).
const MAX_PATH: usize = 4096;
/// Bytes of a name that a message shows.
const MAX_SHOWN: usize = 256;

/// A name for a message.
pub(crate) fn shown(name: &str) -> String {
    if name.len() <= MAX_PATH {
        return name.to_owned();
    }
    let end = (0..=MAX_SHOWN).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", name.get(..end).unwrap_or_default())
}

/// The path with empty and `.` parts dropped, or why it is refused.
pub(crate) fn clean(path: &str) -> Result<String, &'static str> {
    if path.len() > MAX_PATH {
        return Err("it is longer than a path can be");
    }
    if path.starts_with('/') || path.get(1..3).is_some_and(|drive| drive == ":\\" || drive == ":/") {
        return Err("it is absolute");
    }
    if path.contains('\0') || path.contains('\n') {
        return Err("it holds a control character");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") || path.contains("..\\") {
        return Err("it leads upwards");
    }
    if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err("it leads into the repository's own data");
    }
    if parts.is_empty() {
        return Err("it is empty");
    }
    Ok(parts.join("/"))
}

fn stripped(path: &str, parts: usize) -> Option<&str> {
    (0..parts).try_fold(path, |rest, _| rest.split_once('/').map(|(_, rest)| rest))
}

/// The ways to read a name, the likeliest first: with one part dropped, as it is, with more dropped.
fn readings(tree: &Tree, name: &str, strip: Option<usize>) -> Vec<String> {
    if let Some(strip) = strip {
        return stripped(name, strip).map(str::to_owned).into_iter().collect();
    }
    let mut readings: Vec<String> = [1, 0].iter().filter_map(|&strip| stripped(name, strip)).map(str::to_owned).collect();
    // `a/arch/x86/kernel/irq.c` must not become `kernel/irq.c`: more parts are dropped only if the tree itself is the folder
    // that the dropped parts name, or a whole kernel that has no such folder.
    let parts: Vec<&str> = name.split('/').collect();
    let base = tree.root().canonicalize().ok().and_then(|root| root.file_name().map(|name| name.to_string_lossy().into_owned()));
    for strip in 2..parts.len().min(32) {
        let names_root = parts.get(strip - 1).copied() == base.as_deref();
        let foreign = tree.is_kernel() && strip + 1 < parts.len() && parts.get(1).is_some_and(|part| !tree.has_dir(part));
        if let (true, Some(rest)) = (names_root || foreign, stripped(name, strip)) {
            readings.push(rest.to_owned());
        }
    }
    readings
}

/// All clean names of the diff, or the reason why one is refused.
fn names(diff: &FileDiff) -> Result<(Option<String>, Option<String>), String> {
    let cleaned =
        |name: &Option<String>| name.as_deref().map(|name| clean(name).map_err(|reason| format!("{}: {reason}", shown(name)))).transpose();
    Ok((cleaned(&diff.old_path)?, cleaned(&diff.new_path)?))
}

/// The existing file that the diff starts from, if there is one.
pub(crate) fn existing(tree: &Tree, diff: &FileDiff, strip: Option<usize>) -> Result<Option<String>, String> {
    let (old, new) = names(diff)?;
    Ok(old.iter().chain(&new).find_map(|name| find(tree, name, diff, strip)))
}

/// The existing file that a name means.
fn find(tree: &Tree, name: &str, diff: &FileDiff, strip: Option<usize>) -> Option<String> {
    let strip = if diff.bare_names { Some(0) } else { strip };
    readings(tree, name, strip).into_iter().find(|path| tree.size_of(path).is_some())
}

/// The file of the new name: as it exists, or as it should be called.
pub(crate) fn made(tree: &Tree, diff: &FileDiff, strip: Option<usize>) -> Result<Option<String>, String> {
    let (old, new) = names(diff)?;
    let Some(name) = new.or(old) else { return Ok(None) };
    if let Some(path) = find(tree, &name, diff, strip) {
        return Ok(Some(path));
    }
    let strip = if diff.bare_names { Some(0) } else { strip };
    let known = |path: &str| path.match_indices('/').take_while(|(at, _)| tree.has_dir(&path[..*at])).count();
    let mut best: Option<(usize, String)> = None;
    for path in readings(tree, &name, strip) {
        let score = known(&path);
        if best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((score, path));
        }
    }
    Ok(best.map(|(_, path)| path))
}
