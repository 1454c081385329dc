//! The commits of a range `A..B` of a git repository, oldest first, each with its change as a unified diff.
//!
//! Merges have no diff of their own and are named instead. Renames are a deletion and a new file: what a change means is found by
//! comparing the trees, not by its form. Diffs are ours, so that no option of a user's or repository's changes them.

use crate::TreeError;
use crate::git::{Git, Id, Kind, Objects, entries};
use imara_diff::{Algorithm, Diff, Hunk, InternedInput};
use std::path::Path;

/// Commits of one range; a longer one is an error.
const MAX_COMMITS: usize = 512;
/// Files that one commit may change.
const MAX_FILES: usize = 20_000;
/// Bytes of one file that is compared.
const MAX_FILE: usize = 16 << 20;
/// Bytes of one object, and of a folder's.
const MAX_OBJECT: u64 = 256 << 20;
/// What git prints of each commit of a range, each field ended by a NUL, which a message cannot have.
const FORMAT: &str = "--format=%P%x00%an%x00%ae%x00%aD%x00%B%x00";
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
    let git = Git::discover(repo).map_err(|cause| TreeError::Repository { path: repo.to_path_buf(), cause })?;
    let end = |rev: &str| {
        git.resolve(rev, "commit").map_err(|cause| TreeError::Revision { path: repo.to_path_buf(), rev: rev.to_owned(), cause })
    };
    let (from, to) = (end(from)?.to_string(), end(to)?.to_string());
    let base = git.output(["merge-base", &from, &to]).map_err(|_| refused("its ends have no common ancestor".to_owned()))?;
    let mut range = Range { base: String::from_utf8_lossy(&base).trim().to_owned(), ..Range::default() };
    let most = format!("--max-count={}", MAX_COMMITS + 1);
    let (to, not_from) = (to.as_str(), format!("^{from}"));
    let listed =
        git.output(["rev-list", "--topo-order", "--reverse", "--encoding=UTF-8", &most, FORMAT, to, &not_from]).map_err(refused)?;
    let listed = String::from_utf8_lossy(&listed);
    let listed: Vec<Vec<&str>> = listed.split('\0').collect::<Vec<_>>().chunks_exact(5).map(<[&str]>::to_vec).collect();
    if listed.len() > MAX_COMMITS {
        return Err(refused(format!("the range has more than {MAX_COMMITS} commits; give a shorter one")));
    }
    let mut objects = git.objects().map_err(refused)?;
    for fields in listed {
        let [head, name, address, date, text] = fields[..] else { continue };
        // The first field stands behind the line that says which commit this is.
        let (id, parents) = head.trim_start().trim_start_matches("commit ").split_once('\n').unwrap_or((head, ""));
        let wrong = |cause: String| TreeError::Object { path: repo.to_path_buf(), object: id.to_owned(), cause };
        let before = match parents.split(' ').collect::<Vec<_>>()[..] {
            [] | [""] => None,
            [parent] => Some(objects.read(format!("{parent}^{{tree}}"), MAX_OBJECT).map_err(|e| wrong(e.to_string()))?.0),
            _ => {
                range.merges.push(id.to_owned());
                continue;
            }
        };
        let after = objects.read(format!("{id}^{{tree}}"), MAX_OBJECT).map_err(|e| wrong(e.to_string()))?.0;
        let mut files = Vec::new();
        changed(&mut objects, before, Some(after), "", &mut files).map_err(&wrong)?;
        files.sort();
        let mut diff = Vec::new();
        for file in &files {
            file.write(&mut objects, &mut diff).map_err(&wrong)?;
        }
        let (subject, body) = text.split_once("\n\n").unwrap_or((text, ""));
        range.commits.push(Commit {
            id: id.to_owned(),
            author: format!("{name} <{address}>"),
            date: date.to_owned(),
            subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
            body: body.trim_end().to_owned(),
            diff,
        });
    }
    Ok(range)
}

/// Where the repository of a folder comes from, as a URI, and the commit that `rev` (else `HEAD`) names. `None`: no repository, or no commit.
pub fn provenance(folder: &Path, rev: Option<&str>) -> Option<(String, String)> {
    let git = Git::discover(folder).ok()?;
    let id = git.resolve(rev.unwrap_or("HEAD"), "commit").ok()?;
    let remote = git.output(["config", "--get", "remote.origin.url"]).ok();
    let remote = remote.map(|url| String::from_utf8_lossy(&url).trim().to_owned()).filter(|url| url.contains("://"));
    // A password that stands in the address stays out.
    let remote = remote.map(|url| match url.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('/').and_then(|(host, _)| host.rsplit_once('@')) {
            Some((user, _)) => format!("{scheme}://{}", rest.get(user.len() + 1..).unwrap_or_default()),
            None => url,
        },
        None => url,
    });
    // The top of the work tree; a bare repository itself.
    let place = || {
        let above = git.inside.components().count();
        let top = folder.canonicalize().ok()?;
        let top = if top.starts_with(&git.dir) { git.dir.as_path() } else { top.ancestors().nth(above)? };
        Some(format!("file://{}", top.display()))
    };
    Some((remote.or_else(place)?.replace(' ', "%20"), id.to_string()))
}

/// A file that differs: its path, and what it was and is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Changed {
    path: String,
    before: Option<Id>,
    after: Option<Id>,
}

type Entries = std::collections::BTreeMap<Vec<u8>, (bool, Id)>;

fn folder(objects: &mut Objects, tree: Option<Id>) -> Result<Entries, String> {
    let Some(tree) = tree else { return Ok(Entries::new()) };
    let (_, data) = objects.read(tree, MAX_OBJECT).map_err(|e| e.to_string())?;
    let mut out = Entries::new();
    for entry in entries(tree, &data) {
        let entry = entry?;
        if matches!(entry.kind, Kind::Folder | Kind::File) {
            out.insert(entry.name.to_vec(), (entry.kind == Kind::Folder, entry.id));
        }
    }
    Ok(out)
}

/// Collects what differs between two trees; equal parts are not entered.
fn changed(objects: &mut Objects, before: Option<Id>, after: Option<Id>, inside: &str, out: &mut Vec<Changed>) -> Result<(), String> {
    if before == after {
        return Ok(());
    }
    let (old, new) = (folder(objects, before)?, folder(objects, after)?);
    let names: std::collections::BTreeSet<&Vec<u8>> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        if was == is {
            continue;
        }
        if out.len() > MAX_FILES || inside.len() > 4096 {
            return Err(format!("more than {MAX_FILES} files differ"));
        }
        let path = format!("{inside}{}", String::from_utf8_lossy(name));
        let of = |entry: Option<&(bool, Id)>, tree: bool| entry.filter(|e| e.0 == tree).map(|e| e.1);
        changed(objects, of(was, true), of(is, true), &format!("{path}/"), out)?;
        let (before, after) = (of(was, false), of(is, false));
        if before != after {
            out.push(Changed { path, before, after });
        }
    }
    Ok(())
}

impl Changed {
    fn write(&self, objects: &mut Objects, out: &mut Vec<u8>) -> Result<(), String> {
        let mut read = |id: Option<Id>| match id {
            Some(id) => objects.read(id, MAX_OBJECT).map(|(_, data)| data).map_err(|e| e.to_string()),
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
