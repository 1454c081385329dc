//! Which files are analysed for a patch: those it touches, what stands beside them, and what calls or includes what it changes.
//!
//! Bounded in files and bytes, so that a review takes seconds: a change to a header that half of the tree includes is looked at through
//! a sample. Chosen in a fixed order, the likeliest first; the bound is stated by the review.

use crate::touched::Changes;
use crate::words;
use aho_corasick::AhoCorasick;
use cuthere_base::FileId;
use cuthere_tree::Tree;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// The bounds of one scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    /// Files beside the touched ones.
    pub beside: usize,
    /// Bytes of those.
    pub beside_bytes: u64,
    /// Files that call or include what changes.
    pub users: usize,
    /// Bytes searched for them.
    pub search_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { beside: 40, beside_bytes: 3 << 19, users: 12, search_bytes: 96 << 20 }
    }
}

/// The files to analyse in either tree, sorted, and whether a bound was met.
pub(crate) fn scope(before: &Tree, after: &Tree, changes: &Changes, bounds: Bounds) -> (Vec<String>, bool) {
    let is_code = |path: &str| path.ends_with(".c") || path.ends_with(".h");
    let touched: BTreeSet<&str> = changes.files.keys().map(String::as_str).filter(|p| is_code(p)).collect();
    let mut out: BTreeSet<String> = touched.iter().map(|p| (*p).to_owned()).collect();
    if touched.is_empty() {
        return (Vec::new(), false);
    }
    let users = users_of(changes, &touched);
    let (mut cut, mut bytes) = (false, 0);
    // Beside: the sources of the touched files' folders, those that use what changes first.
    let folders: BTreeSet<&str> = touched.iter().filter(|p| p.ends_with(".c")).map(|p| cuthere_base::folder(p)).collect();
    let here = sources(after, |path| folders.contains(cuthere_base::folder(path)) && !touched.contains(path));
    let (using, others): (Vec<FileId>, Vec<FileId>) = partition(after, here, users.as_ref());
    // Of the others, those named like a touched file come first.
    let stems: BTreeSet<&str> = touched.iter().map(|p| stem(p)).collect();
    let (alike, rest): (Vec<FileId>, Vec<FileId>) = others.into_iter().partition(|id| stems.contains(stem(after.path(*id))));
    let must = using.len();
    for (nth, id) in using.into_iter().chain(alike).chain(rest).enumerate() {
        if out.len() >= touched.len() + bounds.beside || bytes + after.size_hint(id) > bounds.beside_bytes {
            // Files that use nothing of what changes are only there for the comparison.
            cut |= nth < must;
            break;
        }
        bytes += after.size_hint(id);
        out.insert(after.path(id).to_owned());
    }
    // Users elsewhere in the subsystem.
    if let Some(users) = &users {
        let parts = subsystems(&touched);
        let inside = |path: &str| parts.iter().any(|part| path.strip_prefix(part.as_str()).is_some_and(|rest| rest.starts_with('/')));
        let mut candidates = sources(after, |path| inside(path) && !folders.contains(cuthere_base::folder(path)));
        let mut searched = 0;
        candidates.retain(|id| {
            searched += after.size_hint(*id);
            searched <= bounds.search_bytes
        });
        cut |= searched > bounds.search_bytes;
        let (using, _) = partition(after, candidates, Some(users));
        cut |= using.len() > bounds.users;
        out.extend(using.into_iter().take(bounds.users).map(|id| after.path(id).to_owned()));
    }
    out.retain(|path| after.find(path).is_some() || before.find(path).is_some());
    (out.into_iter().collect(), cut)
}

/// The first word of a file's name.
fn stem(path: &str) -> &str {
    words::file_name(path).split(['_', '-', '.']).next().unwrap_or_default()
}

fn sources(tree: &Tree, wanted: impl Fn(&str) -> bool) -> Vec<FileId> {
    let paths = tree.paths().iter().enumerate();
    paths.filter(|(_, path)| path.ends_with(".c") && wanted(path)).map(|(id, _)| FileId(id as u32)).collect()
}

/// Searches for what changes and can be seen elsewhere: functions that are not static, and headers.
fn users_of(changes: &Changes, touched: &BTreeSet<&str>) -> Option<AhoCorasick> {
    let mut patterns: BTreeSet<String> = BTreeSet::new();
    for path in touched {
        let Some(file) = changes.files.get(*path) else { continue };
        if path.ends_with(".h") {
            if let Some((_, seen)) = path.rsplit_once("include/") {
                patterns.insert(format!("{seen}>"));
            }
            patterns.insert(format!("{}\"", words::file_name(path)));
        }
        patterns.extend(file.global.iter().filter(|name| name.len() > 3).map(|name| format!("{name}(")));
    }
    let patterns: Vec<String> = patterns.into_iter().take(256).collect();
    if patterns.is_empty() { None } else { AhoCorasick::new(patterns).ok() }
}

fn partition(tree: &Tree, files: Vec<FileId>, users: Option<&AhoCorasick>) -> (Vec<FileId>, Vec<FileId>) {
    let Some(users) = users else { return (Vec::new(), files) };
    let marked: Vec<(FileId, bool)> =
        files.into_par_iter().map(|id| (id, tree.read(id).is_ok_and(|text| users.is_match(&text[..])))).collect();
    let (using, others): (Vec<_>, Vec<_>) = marked.into_iter().partition(|(_, uses)| *uses);
    (using.into_iter().map(|f| f.0).collect(), others.into_iter().map(|f| f.0).collect())
}

/// The parts of the tree in which users are looked for. A header alone says by its folder which part it belongs to.
fn subsystems(touched: &BTreeSet<&str>) -> BTreeSet<String> {
    const HEADERS: &[(&str, &str)] = &[
        ("include/net/", "net"),
        ("include/sound/", "sound"),
        ("include/scsi/", "drivers/scsi"),
        ("include/drm/", "drivers/gpu/drm"),
        ("include/rdma/", "drivers/infiniband"),
        ("include/media/", "drivers/media"),
        ("include/crypto/", "crypto"),
        ("include/kvm/", "virt"),
    ];
    let mut out = BTreeSet::new();
    for path in touched {
        let mut parts = path.split('/');
        let first = parts.next().unwrap_or_default();
        match HEADERS.iter().find(|(prefix, _)| path.starts_with(prefix)) {
            Some((_, part)) => out.insert((*part).to_owned()),
            None if first == "include" => {
                out.extend(["kernel", "mm", "net/core", "fs"].map(str::to_owned));
                let stem = words::file_name(path).trim_end_matches(".h");
                out.insert(format!("drivers/{stem}"));
                out.insert(format!("net/{stem}"));
                out.insert(format!("fs/{stem}"))
            }
            None if matches!(first, "drivers" | "net" | "fs" | "sound" | "arch") => match (parts.next(), parts.next()) {
                (Some(second), Some(_)) => out.insert(format!("{first}/{second}")),
                _ => out.insert(first.to_owned()),
            },
            None => out.insert(first.to_owned()),
        };
    }
    out
}
