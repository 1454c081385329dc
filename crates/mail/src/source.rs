//! The one file of this crate that reads the file system: a file, a Maildir, a folder of patches or messages, a public-inbox
//! repository (v1: one file per message in the tree; v2: one commit per message, in epochs `git/0.git`, `git/1.git`).
//!
//! Only reads, follows no symbolic links inside folders, runs no git and none of a repository's configuration. A repository larger
//! than [`MAX_MESSAGES`] gives its newest messages.

use crate::limits::{MAX_INPUT, MAX_MESSAGE, MAX_MESSAGES};
use crate::types::{SourceKind, Thread};
use crate::{Hint, read_messages, read_thread};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Reads a path of any of these kinds. The error names what could not be read.
pub fn read_path(path: &Path) -> io::Result<Thread> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if !path.is_dir() {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(read_thread(&read_file(path).map_err(named)?, Hint::from_name(&name)));
    }
    if let Some(repositories) = repositories(path) {
        let mut blobs = Vec::new();
        // The newest epoch first, so that the cap keeps what is recent.
        for repository in repositories.iter().rev() {
            let more = read_repository(repository, MAX_MESSAGES.saturating_sub(blobs.len()))
                .map_err(|e| io::Error::other(format!("{}: {e}", repository.display())))?;
            blobs.extend(more);
        }
        blobs.reverse();
        let full = blobs.len() >= MAX_MESSAGES;
        let mut thread = read_messages(blobs, SourceKind::PublicInbox, Hint::Message);
        if full {
            thread.note(None, format!("the archive is large; only its newest {MAX_MESSAGES} messages were read"));
        }
        return Ok(thread);
    }
    let (folders, kind, hint) = if path.join("cur").is_dir() || path.join("new").is_dir() {
        (vec![path.join("cur"), path.join("new")], SourceKind::Maildir, Hint::Message)
    } else {
        (vec![path.to_path_buf()], SourceKind::Several, Hint::Auto)
    };
    let mut files = Vec::new();
    for folder in folders.iter().filter(|f| f.is_dir()) {
        files.extend(files_in(folder).map_err(named)?);
    }
    if kind == SourceKind::Several {
        const ENDS: &[&str] = &[".patch", ".eml", ".mbox", ".mbx", ".txt", ".html", ".diff", ".gz"];
        files.retain(|f| f.file_name().is_some_and(|n| ENDS.iter().any(|e| n.to_string_lossy().to_lowercase().ends_with(e))));
    }
    let mut blobs = Vec::new();
    let mut total = 0usize;
    for file in files.into_iter().take(MAX_MESSAGES) {
        let bytes = read_file(&file).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", file.display())))?;
        total = total.saturating_add(bytes.len());
        if total > MAX_INPUT {
            break;
        }
        blobs.push(bytes);
    }
    let mut thread = read_messages(blobs, kind, hint);
    if total > MAX_INPUT {
        thread.note(None, format!("only the first {} MiB of the folder were read", MAX_INPUT >> 20));
    }
    Ok(thread)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    cuthere_tree::read_input(path, MAX_INPUT as u64)
}

/// Regular files, sorted by name.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The repositories of a public-inbox, oldest epoch first.
fn repositories(path: &Path) -> Option<Vec<PathBuf>> {
    let is_repository = |p: &Path| p.join("HEAD").is_file() && p.join("objects").is_dir();
    for folder in [path.join("git"), path.to_path_buf()] {
        let epochs: Vec<PathBuf> = (0..1000).map(|n| folder.join(format!("{n}.git"))).take_while(|p| is_repository(p)).collect();
        if !epochs.is_empty() {
            return Some(epochs);
        }
    }
    let dot_git = path.join(".git");
    [path.to_path_buf(), dot_git].into_iter().find(|p| is_repository(p)).map(|p| vec![p])
}

type Failure = Box<dyn std::error::Error>;

/// The messages of one repository, newest first.
fn read_repository(path: &Path, most: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let repository = gix::open_opts(path, gix::open::Options::isolated())?;
    let head = repository.head_commit()?;
    let mut out = Vec::new();
    let mut total = 0usize;
    let mut keep = |bytes: &[u8], out: &mut Vec<Vec<u8>>| {
        total = total.saturating_add(bytes.len());
        out.push(bytes.get(..MAX_MESSAGE).unwrap_or(bytes).to_vec());
        total < MAX_INPUT
    };
    let tree = head.tree()?;
    let by_commit = tree.iter().filter_map(Result::ok).any(|e| e.filename() == "m" || e.filename() == "d");
    if by_commit {
        for step in repository.rev_walk([head.id]).all()?.take(MAX_MESSAGES * 2) {
            let commit = repository.find_commit(step?.id)?;
            let Some(entry) = commit.tree()?.find_entry("m").map(|e| e.object_id()) else { continue };
            if out.len() >= most || !keep(&repository.find_object(entry)?.data, &mut out) {
                break;
            }
        }
        return Ok(out);
    }
    // Version 1: two levels, `ab/cdef…`. The tree's order says nothing about time.
    for folder in tree.iter().filter_map(Result::ok).filter(|e| e.mode().is_tree()) {
        let inner = repository.find_tree(folder.object_id())?;
        for file in inner.iter().filter_map(Result::ok).filter(|e| e.mode().is_blob()) {
            if out.len() >= most || !keep(&repository.find_object(file.object_id())?.data, &mut out) {
                return Ok(out);
            }
        }
    }
    Ok(out)
}
