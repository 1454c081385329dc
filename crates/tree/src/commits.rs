//! The commits of a range `A..B` of a git repository, oldest first, each with its change as a unified diff.
//!
//! Reads objects directly and runs no git. Merges have no diff of their own and are named instead. Renames are a deletion and a new
//! file: what a change means is found by comparing the trees, not by its form.

use crate::TreeError;
use imara_diff::{Algorithm, Diff, Hunk, InternedInput};
use std::path::Path;

/// Commits of one range; a longer one is an error.
const MAX_COMMITS: usize = 512;
/// Files that one commit may change.
const MAX_FILES: usize = 20_000;
/// Bytes of one file that is compared.
const MAX_FILE: usize = 16 << 20;
/// Lines of context.
const CONTEXT: u32 = 3;

/// A commit and what it changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Commit {
    pub id: String,
    /// `Name <address>`.
    pub author: String,
    /// As mail writes it.
    pub date: String,
    pub subject: String,
    /// The message without its subject.
    pub body: String,
    pub diff: Vec<u8>,
}

/// The commits of a range.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Range {
    /// The commit that the first one stands on: the common ancestor of both ends.
    pub base: String,
    pub commits: Vec<Commit>,
    /// Merges among them, which have no diff.
    pub merges: Vec<String>,
}

/// The ends of `A..B`; a missing one is `HEAD`. `None`: not a range.
pub fn range_ends(rev: &str) -> Option<(&str, &str)> {
    let (from, to) = rev.split_once("..")?;
    let or_head = |end: &'static str, given| if str::is_empty(given) { end } else { given };
    (!to.starts_with('.')).then(|| (or_head("HEAD", from), or_head("HEAD", to)))
}

/// Reads a range of the repository at or above `repo`.
pub fn read_range(repo: &Path, rev: &str) -> Result<Range, TreeError> {
    let refused = |cause: String| TreeError::Revision { path: repo.to_path_buf(), rev: rev.to_owned(), cause };
    let (from, to) = range_ends(rev).ok_or_else(|| refused("a range is written A..B".to_owned()))?;
    let repository = gix::discover(repo).map_err(|error| TreeError::Repository { path: repo.to_path_buf(), cause: error.to_string() })?;
    let end = |rev: &str| -> Result<gix::ObjectId, TreeError> {
        let refused = |cause: String| TreeError::Revision { path: repo.to_path_buf(), rev: rev.to_owned(), cause };
        let object = repository.rev_parse_single(rev).map_err(|e| refused(e.to_string()))?.object().map_err(|e| refused(e.to_string()))?;
        Ok(object.peel_to_commit().map_err(|e| refused(e.to_string()))?.id)
    };
    let (from, to) = (end(from)?, end(to)?);
    let base = repository.merge_base(from, to).map_err(|e| refused(e.to_string()))?;
    let base = base.ok_or_else(|| refused("its ends have no common ancestor".to_owned()))?.detach();
    let mut range = Range { base: base.to_string(), ..Range::default() };
    let walk = repository.rev_walk([to]).with_hidden([from]).all().map_err(|e| refused(e.to_string()))?;
    let mut ids: Vec<gix::ObjectId> = Vec::new();
    for step in walk {
        ids.push(step.map_err(|e| refused(e.to_string()))?.id);
        if ids.len() > MAX_COMMITS {
            return Err(refused(format!("the range has more than {MAX_COMMITS} commits; give a shorter one")));
        }
    }
    for id in in_order(&repository, ids) {
        let wrong = |cause: String| TreeError::Object { path: repo.to_path_buf(), object: id.to_string(), cause };
        let commit = repository.find_commit(id).map_err(|e| wrong(e.to_string()))?;
        let parents: Vec<gix::ObjectId> = commit.parent_ids().map(|p| p.detach()).collect();
        if parents.len() > 1 {
            range.merges.push(id.to_string());
            continue;
        }
        let tree = commit.tree_id().map_err(|e| wrong(e.to_string()))?.detach();
        let before = match parents.first() {
            Some(parent) => {
                let parent = repository.find_commit(*parent).map_err(|e| wrong(e.to_string()))?;
                Some(parent.tree_id().map_err(|e| wrong(e.to_string()))?.detach())
            }
            None => None,
        };
        let mut files = Vec::new();
        changed(&repository, before, Some(tree), "", &mut files).map_err(&wrong)?;
        files.sort();
        let mut diff = Vec::new();
        for file in &files {
            file.write(&repository, &mut diff).map_err(&wrong)?;
        }
        let signature = commit.author().map_err(|e| wrong(e.to_string()))?;
        let text = String::from_utf8_lossy(commit.message_raw_sloppy()).into_owned();
        let (subject, body) = text.split_once("\n\n").unwrap_or((text.as_str(), ""));
        range.commits.push(Commit {
            id: id.to_string(),
            author: format!("{} <{}>", String::from_utf8_lossy(signature.name), String::from_utf8_lossy(signature.email)),
            date: signature.time().map_or_else(|_| String::new(), |time| time.format_or_unix(gix::date::time::format::RFC2822)),
            subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
            body: body.trim_end().to_owned(),
            diff,
        });
    }
    Ok(range)
}

/// Where the repository of a folder comes from, as a URI, and the commit that `rev` (else `HEAD`) names. `None`: no repository, or no commit.
pub fn provenance(folder: &Path, rev: Option<&str>) -> Option<(String, String)> {
    let repository = gix::discover(folder).ok()?;
    let rev = rev.unwrap_or("HEAD");
    let id = repository.rev_parse_single(rev).ok()?.object().ok()?.peel_to_commit().ok()?.id;
    let remote = repository.config_snapshot().string("remote.origin.url").map(|url| url.to_string()).filter(|url| url.contains("://"));
    // A password that stands in the address stays out.
    let remote = remote.map(|url| match url.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('/').and_then(|(host, _)| host.rsplit_once('@')) {
            Some((user, _)) => format!("{scheme}://{}", rest.get(user.len() + 1..).unwrap_or_default()),
            None => url,
        },
        None => url,
    });
    let place = || Some(format!("file://{}", repository.workdir().unwrap_or(repository.path()).canonicalize().ok()?.display()));
    Some((remote.or_else(place)?.replace(' ', "%20"), id.to_string()))
}

/// Parents before their children; of several, those that the walk met last come first.
fn in_order(repository: &gix::Repository, ids: Vec<gix::ObjectId>) -> Vec<gix::ObjectId> {
    let mut left: std::collections::BTreeSet<gix::ObjectId> = ids.iter().copied().collect();
    let mut waiting: Vec<(gix::ObjectId, Vec<gix::ObjectId>)> = ids
        .into_iter()
        .rev()
        .map(|id| {
            let parents = repository.find_commit(id).map(|c| c.parent_ids().map(|p| p.detach()).collect()).unwrap_or_default();
            (id, parents)
        })
        .collect();
    let mut out = Vec::with_capacity(waiting.len());
    while let Some(at) = waiting.iter().position(|(_, parents)| parents.iter().all(|p| !left.contains(p))) {
        let (id, _) = waiting.remove(at);
        left.remove(&id);
        out.push(id);
    }
    out
}

/// A file that differs: its path, and what it was and is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Changed {
    path: String,
    before: Option<gix::ObjectId>,
    after: Option<gix::ObjectId>,
}

type Entries = std::collections::BTreeMap<Vec<u8>, (bool, gix::ObjectId)>;

fn entries(repository: &gix::Repository, tree: Option<gix::ObjectId>) -> Result<Entries, String> {
    let Some(tree) = tree else { return Ok(Entries::new()) };
    let object = repository.find_object(tree).map_err(|e| e.to_string())?;
    let mut out = Entries::new();
    for entry in gix::objs::TreeRefIter::from_bytes(&object.data, tree.kind()) {
        let entry = entry.map_err(|e| e.to_string())?;
        if entry.mode.is_tree() || entry.mode.is_blob() {
            out.insert(entry.filename.to_vec(), (entry.mode.is_tree(), entry.oid.to_owned()));
        }
    }
    Ok(out)
}

/// Collects what differs between two trees; equal parts are not entered.
fn changed(
    repository: &gix::Repository,
    before: Option<gix::ObjectId>,
    after: Option<gix::ObjectId>,
    folder: &str,
    out: &mut Vec<Changed>,
) -> Result<(), String> {
    if before == after {
        return Ok(());
    }
    let (old, new) = (entries(repository, before)?, entries(repository, after)?);
    let names: std::collections::BTreeSet<&Vec<u8>> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if was == is {
            continue;
        }
        if out.len() > MAX_FILES || folder.len() > 4096 {
            return Err(format!("more than {MAX_FILES} files differ"));
        }
        let path = format!("{folder}{}", String::from_utf8_lossy(name));
        let of = |entry: Option<&(bool, gix::ObjectId)>, tree: bool| entry.filter(|e| e.0 == tree).map(|e| e.1);
        changed(repository, of(was, true), of(is, true), &format!("{path}/"), out)?;
        let (before, after) = (of(was, false), of(is, false));
        if before != after {
            out.push(Changed { path, before, after });
        }
    }
    Ok(())
}

impl Changed {
    fn write(&self, repository: &gix::Repository, out: &mut Vec<u8>) -> Result<(), String> {
        let read = |id: Option<gix::ObjectId>| match id {
            Some(id) => repository.find_object(id).map(|object| object.detach().data).map_err(|e| e.to_string()),
            None => Ok(Vec::new()),
        };
        let (old, new) = (read(self.before)?, read(self.after)?);
        let path = &self.path;
        out.extend(format!("diff --git a/{path} b/{path}\n").bytes());
        match (self.before, self.after) {
            (None, _) => out.extend(b"new file mode 100644\n"),
            (_, None) => out.extend(b"deleted file mode 100644\n"),
            _ => {}
        }
        let binary = |text: &[u8]| text.len() > MAX_FILE || text.get(..text.len().min(8000)).is_some_and(|head| head.contains(&0));
        if binary(&old) || binary(&new) {
            out.extend(format!("Binary files a/{path} and b/{path} differ\n").bytes());
            return Ok(());
        }
        let name = |there: bool, side: &str| if there { format!("{side}/{path}") } else { "/dev/null".to_owned() };
        out.extend(format!("--- {}\n+++ {}\n", name(self.before.is_some(), "a"), name(self.after.is_some(), "b")).bytes());
        hunks(&old, &new, out);
        Ok(())
    }
}

/// Writes the hunks of two texts.
fn hunks(old: &[u8], new: &[u8], out: &mut Vec<u8>) {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let lines = |text: &'_ [u8]| -> Vec<Vec<u8>> { text.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect() };
    let (old, new) = (lines(old), lines(new));
    let mut groups: Vec<Vec<Hunk>> = Vec::new();
    for hunk in diff.hunks() {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| hunk.before.start <= last.before.end + 2 * CONTEXT) => group.push(hunk),
            _ => groups.push(vec![hunk]),
        }
    }
    for group in groups {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let lead = CONTEXT.min(first.before.start).min(first.after.start);
        let tail = CONTEXT.min(old.len() as u32 - last.before.end);
        let (from, to) = (first.before.start - lead, last.before.end + tail);
        let (new_from, new_to) = (first.after.start - lead, last.after.end + tail);
        let start = |from: u32, to: u32| from + u32::from(from < to);
        let section = section(&old, from);
        let (len, new_len) = (to - from, new_to - new_from);
        out.extend(format!("@@ -{},{len} +{},{new_len} @@{section}\n", start(from, to), start(new_from, new_to)).bytes());
        let mut put = |mark: u8, line: Option<&Vec<u8>>| {
            let Some(line) = line else { return };
            out.push(mark);
            out.extend(line);
            if !line.ends_with(b"\n") {
                out.extend(b"\n\\ No newline at end of file\n");
            }
        };
        let mut at = from;
        for hunk in &group {
            (at..hunk.before.start).for_each(|n| put(b' ', old.get(n as usize)));
            hunk.before.clone().for_each(|n| put(b'-', old.get(n as usize)));
            hunk.after.clone().for_each(|n| put(b'+', new.get(n as usize)));
            at = hunk.before.end;
        }
        (at..to).for_each(|n| put(b' ', old.get(n as usize)));
    }
}

/// The function that a hunk is in, as git guesses it: the last line before it that begins with a letter.
fn section(lines: &[Vec<u8>], from: u32) -> String {
    let before = lines.get(..from as usize).unwrap_or_default().iter().rev().take(4000);
    let head = before
        .into_iter()
        .find(|l| l.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') && !l.trim_ascii_end().ends_with(b":"));
    head.map_or_else(String::new, |line| {
        let text: String = String::from_utf8_lossy(line).trim_end().chars().take(80).collect();
        format!(" {text}")
    })
}
