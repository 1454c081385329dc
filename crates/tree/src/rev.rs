//! Listing and reading a revision of a git repository.
//!
//! The work tree and the index are never looked at. Submodules are not entered. Trees that repeat one another are bounded
//! by the number of entries and by depth.

use crate::TreeError;
use crate::git::{Git, Id, Kind, Objects, Unread, entries};
use crate::tree::{Found, Listing, MAX_ENTRIES, SkipReason, Source, is_source, is_under};
use parking_lot::Mutex;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Longer paths are skipped: no system opens them.
const MAX_PATH: usize = 4096;
/// Bytes of all paths together: fifty times what the largest kernel tree has.
const MAX_NAMES: usize = 256 << 20;
/// Folders nested deeper than this are skipped.
const MAX_DEPTH: usize = 256;
/// Bytes of the object that holds one folder: a thousand times what the largest folder of a kernel tree has.
const MAX_FOLDER: u64 = 256 << 20;
/// Objects whose sizes one process is asked for.
const SIZES_AT_ONCE: usize = 20_000;

pub(crate) struct Rev {
    path: PathBuf,
    git: Git,
    /// Readers that no thread uses at the moment: starting one costs far more than reading an object.
    idle: Mutex<Vec<Objects>>,
    ids: Vec<Id>,
    tree: Id,
    max_file: u64,
}

/// Opens `rev` of the repository at or above `repo` and lists it. A folder inside the work tree stands for what the revision has there.
pub(crate) fn open(repo: &Path, rev: &str, max_file: u64, only: &[String]) -> Result<(Rev, Listing), TreeError> {
    let git = Git::discover(repo).map_err(|cause| TreeError::Repository { path: repo.to_path_buf(), cause })?;
    let refused = |cause: String| TreeError::Revision { path: repo.to_path_buf(), rev: rev.to_owned(), cause };
    let tree = git.resolve(rev, "tree").map_err(refused)?;
    let inside = git.inside.to_str().ok_or_else(|| refused("the folder's name is not UTF-8".to_owned()))?.trim_end_matches('/').to_owned();
    let mut source = Rev { path: repo.to_path_buf(), git, idle: Mutex::default(), ids: Vec::new(), tree, max_file };
    if !inside.is_empty() {
        source.tree = match source.lookup(&inside)? {
            Some((Kind::Folder, id)) => id,
            _ => return Err(refused(format!("it has no folder {inside}"))),
        };
    }
    let listing = source.list(source.tree, only)?;
    Ok((source, listing))
}

impl Rev {
    /// An object by name with its contents, if they have at most `limit` bytes.
    fn object(&self, id: Id, limit: u64) -> Result<Vec<u8>, Unread> {
        let idle = self.idle.lock().pop();
        let mut objects = idle.map_or_else(|| self.git.objects(), Ok).map_err(Unread::Cause)?;
        let read = objects.read(id, limit);
        if !objects.ended {
            self.idle.lock().push(objects);
        }
        read.map(|(_, data)| data)
    }

    fn error(&self, object: impl ToString, cause: impl ToString) -> TreeError {
        TreeError::Object { path: self.path.clone(), object: object.to_string(), cause: cause.to_string() }
    }

    fn list(&mut self, root: Id, only: &[String]) -> Result<Listing, TreeError> {
        let mut listing = Listing::default();
        let mut blobs: Vec<(String, Id)> = Vec::new();
        let mut links: Vec<(String, Id)> = Vec::new();
        let (mut seen, mut named) = (0usize, 0usize);
        let mut folders = vec![(String::new(), root, 0usize)];
        while let Some((folder, id, depth)) = folders.pop() {
            let data = match self.object(id, MAX_FOLDER) {
                Ok(data) => data,
                Err(error) if folder.is_empty() => return Err(self.error(id, error)),
                Err(error) => {
                    listing.skip(folder, SkipReason::Unreadable(error.to_string()));
                    continue;
                }
            };
            for entry in entries(id, &data) {
                seen += 1;
                if seen > MAX_ENTRIES {
                    return Err(TreeError::TooManyFiles { path: self.path.clone(), limit: MAX_ENTRIES });
                }
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        listing.skip(folder.clone(), SkipReason::Unreadable(error));
                        break;
                    }
                };
                let bytes = entry.name;
                let name = String::from_utf8_lossy(bytes);
                let long = folder.len() + 1 + name.len();
                if long > MAX_PATH {
                    let slash = if folder.is_empty() { "" } else { "/" };
                    let shown: String = folder.chars().chain(slash.chars()).chain(name.chars()).take(200).collect();
                    named += shown.len();
                    listing.skip(shown + "…", SkipReason::Unreadable(format!("the path has {long} bytes, more than {MAX_PATH}")));
                } else {
                    named += long;
                }
                if named > MAX_NAMES {
                    return Err(TreeError::TooManyNames { path: self.path.clone(), limit: MAX_NAMES >> 20 });
                }
                if long > MAX_PATH {
                    continue;
                }
                let path = if folder.is_empty() { name.clone().into_owned() } else { format!("{folder}/{name}") };
                let is_tree = entry.kind == Kind::Folder;
                let wanted = only.is_empty() || only.iter().any(|only| is_under(&path, only) || (is_tree && is_under(only, &path)));
                if !wanted || entry.kind == Kind::Submodule || !(is_tree || is_source(&path)) {
                    continue;
                }
                if std::str::from_utf8(bytes).is_err() {
                    listing.skip(path, SkipReason::NotUtf8);
                } else if crate::target::clean(&path).is_err() {
                    listing.skip(path, SkipReason::Unreadable("the name is not valid in a tree".to_owned()));
                } else if is_tree && depth >= MAX_DEPTH {
                    listing.skip(path, SkipReason::Unreadable("folders are nested too deeply".to_owned()));
                } else if is_tree {
                    folders.push((path, entry.id, depth + 1));
                } else if entry.kind == Kind::Link {
                    links.push((path, entry.id));
                } else {
                    blobs.push((path, entry.id));
                }
            }
        }
        for only in only {
            let there = blobs.iter().chain(&links).map(|(path, _)| path).chain(listing.skipped.iter().map(|skipped| &skipped.path));
            if !there.into_iter().any(|path| is_under(path, only)) && !self.is_dir(only) {
                listing.skip(only.clone(), SkipReason::Missing);
            }
        }
        let ids: Vec<Id> = blobs.iter().map(|(_, id)| *id).collect();
        let sizes: Result<Vec<_>, String> = ids.par_chunks(SIZES_AT_ONCE).map(|ids| self.git.sizes(ids)).collect();
        let sizes = sizes.map_err(|cause| self.error("the sizes of files", cause))?.into_iter().flatten();
        for ((path, id), size) in blobs.into_iter().zip(sizes) {
            match size {
                Ok(size) if size > self.max_file => listing.skip(path, SkipReason::TooLarge(size)),
                Ok(size) => {
                    listing.files.push(Found { path, size, key: self.ids.len() as u32 });
                    self.ids.push(id);
                }
                Err(cause) => listing.skip(path, SkipReason::Unreadable(cause)),
            }
        }
        self.links(&mut listing, links);
        Ok(listing)
    }

    /// A link to a file of the revision is another name of it.
    fn links(&self, listing: &mut Listing, links: Vec<(String, Id)>) {
        for (path, id) in links {
            let target = self.blob(id, &path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            match target.and_then(|target| join_link(cuthere_base::folder(&path), &target)) {
                Some(target) => listing.links.push((path, target)),
                None => listing.skip(path, SkipReason::LinkOutside),
            }
        }
    }

    fn blob(&self, id: Id, path: &str) -> Result<Vec<u8>, TreeError> {
        self.object(id, self.max_file).map_err(|unread| match unread {
            Unread::Large(size) => TreeError::TooLarge { path: PathBuf::from(path), size, limit: self.max_file },
            Unread::Cause(cause) => self.error(format!("{path} ({id})"), cause),
        })
    }

    /// The kind and id of what the revision has at a path.
    fn lookup(&self, path: &str) -> Result<Option<(Kind, Id)>, TreeError> {
        let mut at = (Kind::Folder, self.tree);
        for part in path.split('/') {
            if at.0 != Kind::Folder {
                return Ok(None);
            }
            let data = self.object(at.1, MAX_FOLDER).map_err(|error| self.error(path, error))?;
            let found = entries(at.1, &data).filter_map(Result::ok).find(|entry| entry.name == part.as_bytes());
            match found {
                Some(entry) => at = (entry.kind, entry.id),
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

impl Source for Rev {
    fn read(&self, key: u32, path: &str) -> Result<Vec<u8>, TreeError> {
        match self.ids.get(key as usize) {
            Some(&id) => self.blob(id, path),
            None => Err(TreeError::NoSuchFile { index: key as usize, len: self.ids.len() }),
        }
    }

    fn read_path(&self, path: &str) -> Result<Option<Vec<u8>>, TreeError> {
        match self.lookup(path)? {
            Some((Kind::File, id)) => self.blob(id, path).map(Some),
            _ => Ok(None),
        }
    }

    fn size(&self, path: &str) -> Option<u64> {
        match self.lookup(path).ok()?? {
            (Kind::File, id) => self.git.sizes(&[id]).ok()?.pop()?.ok(),
            _ => None,
        }
    }

    fn is_dir(&self, path: &str) -> bool {
        matches!(self.lookup(path), Ok(Some((Kind::Folder, _))))
    }
}

/// The clean path of a link's target; `None` if it leaves the tree.
fn join_link(folder: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.trim_end_matches(['\n', '\0']).split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}
