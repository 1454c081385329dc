//! The one file of this crate that reads the file system: a file, a Maildir, a folder of patches or messages, a public-inbox
//! repository (v1: one file per message in the tree; v2: one commit per message, in epochs `git/0.git`, `git/1.git`).
//!
//! Only reads, and follows no symbolic links inside folders; what of git is run for a repository says `cuthere_tree::git`. A repository larger
//! than [`MAX_MESSAGES`] gives its newest messages.

use crate::limits::{MAX_INPUT, MAX_MESSAGE, MAX_MESSAGES};
use crate::types::{SourceKind, Thread};
use crate::{Hint, read_messages, read_thread};
use cuthere_tree::git::{Git, Kind, Objects, entries};
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

/// The messages of one repository, newest first.
fn read_repository(path: &Path, most: usize) -> Result<Vec<Vec<u8>>, String> {
    let git = Git::open(path);
    let mut objects = git.objects()?;
    let mut out = Vec::new();
    let mut total = 0usize;
    let mut keep = |bytes: &[u8], out: &mut Vec<Vec<u8>>| {
        total = total.saturating_add(bytes.len());
        out.push(bytes.get(..MAX_MESSAGE).unwrap_or(bytes).to_vec());
        total < MAX_INPUT
    };
    let read = |objects: &mut Objects, name: &str| objects.read(name, MAX_INPUT as u64);
    let (root, tree) = read(&mut objects, "HEAD^{tree}").map_err(|e| e.to_string())?;
    if entries(root, &tree).filter_map(Result::ok).any(|e| e.name == b"m" || e.name == b"d") {
        let newest = format!("--max-count={}", MAX_MESSAGES * 2);
        let commits = git.output(["rev-list", &newest, "HEAD"])?;
        for commit in String::from_utf8_lossy(&commits).lines() {
            // A commit that deletes a message has no `m`.
            let Ok((_, message)) = read(&mut objects, &format!("{commit}:m")) else { continue };
            if out.len() >= most || !keep(&message, &mut out) {
                break;
            }
        }
        return Ok(out);
    }
    // Version 1: two levels, `ab/cdef…`. The tree's order says nothing about time.
    for folder in entries(root, &tree).filter_map(Result::ok).filter(|e| e.kind == Kind::Folder) {
        let (_, inner) = read(&mut objects, &folder.id.to_string()).map_err(|e| e.to_string())?;
        for file in entries(folder.id, &inner).filter_map(Result::ok).filter(|e| e.kind == Kind::File) {
            let (_, message) = read(&mut objects, &file.id.to_string()).map_err(|e| e.to_string())?;
            if out.len() >= most || !keep(&message, &mut out) {
                return Ok(out);
            }
        }
    }
    Ok(out)
}
