//! Listing and reading a revision of a git repository.
//!
//! Reads objects directly; the work tree and the index are never looked at. Submodules are not entered. Trees that
//! repeat one another are bounded by the number of entries and by depth.

use crate::TreeError;
use crate::tree::{Found, Listing, MAX_ENTRIES, SkipReason, Source, is_source, is_under};
use parking_lot::Mutex;
use rayon::prelude::*;
use std::path::{Component, Path, PathBuf};

/// Longer paths are skipped: no system opens them.
const MAX_PATH: usize = 4096;
/// Bytes of all paths together: fifty times what the largest kernel tree has.
const MAX_NAMES: usize = 256 << 20;
/// Folders nested deeper than this are skipped.
const MAX_DEPTH: usize = 256;

pub(crate) struct Rev {
    path: PathBuf,
    shared: gix::ThreadSafeRepository,
    /// Handles that no thread uses at the moment: making one costs far more than reading an object.
    idle: Mutex<Vec<gix::Repository>>,
    ids: Vec<gix::ObjectId>,
    tree: gix::ObjectId,
    max_file: u64,
}

/// Opens `rev` of the repository at or above `repo` and lists it.
pub(crate) fn open(repo: &Path, rev: &str, max_file: u64, only: &[String]) -> Result<(Rev, Listing), TreeError> {
    let shared = gix::ThreadSafeRepository::discover(repo)
        .map_err(|error| TreeError::Repository { path: repo.to_path_buf(), cause: error.to_string() })?;
    let handle = shared.to_thread_local();
    let refused = |cause: String| TreeError::Revision { path: repo.to_path_buf(), rev: rev.to_owned(), cause };
    let tree = handle.rev_parse_single(rev).map_err(|error| refused(error.to_string()))?;
    let tree = tree.object().map_err(|error| refused(error.to_string()))?;
    let mut tree = tree.peel_to_tree().map_err(|error| refused(error.to_string()))?;
    if let Some(inside) = inside_work_tree(&handle, repo) {
        let found = tree.lookup_entry_by_path(&inside).map_err(|error| refused(error.to_string()))?;
        let found = found.ok_or_else(|| refused(format!("it has no folder {}", inside.display())))?;
        let object = found.object().map_err(|error| refused(error.to_string()))?;
        tree = object.peel_to_tree().map_err(|error| refused(error.to_string()))?;
    }
    let root = tree.id;
    drop(tree);
    let mut source = Rev { path: repo.to_path_buf(), shared, idle: Mutex::new(vec![handle]), ids: Vec::new(), tree: root, max_file };
    let listing = source.list(root, only)?;
    Ok((source, listing))
}

/// The part of the work tree that `repo` stands for, if it is not the whole.
fn inside_work_tree(handle: &gix::Repository, repo: &Path) -> Option<PathBuf> {
    let work = handle.workdir()?.canonicalize().ok()?;
    let inside = repo.canonicalize().ok()?.strip_prefix(&work).ok()?.to_path_buf();
    let first = inside.components().next()?;
    (first != Component::Normal(".git".as_ref())).then_some(inside)
}

impl Rev {
    fn with<T>(&self, work: impl FnOnce(&gix::Repository) -> T) -> T {
        let handle = self.idle.lock().pop().unwrap_or_else(|| self.shared.to_thread_local());
        let result = work(&handle);
        self.idle.lock().push(handle);
        result
    }

    fn error(&self, object: impl ToString, cause: impl ToString) -> TreeError {
        TreeError::Object { path: self.path.clone(), object: object.to_string(), cause: cause.to_string() }
    }

    fn list(&mut self, root: gix::ObjectId, only: &[String]) -> Result<Listing, TreeError> {
        let mut listing = Listing::default();
        let mut blobs: Vec<(String, gix::ObjectId)> = Vec::new();
        let mut links: Vec<(String, gix::ObjectId)> = Vec::new();
        let (mut seen, mut named) = (0usize, 0usize);
        let mut folders = vec![(String::new(), root, 0usize)];
        while let Some((folder, id, depth)) = folders.pop() {
            let data = self.with(|repo| repo.find_object(id).map(|object| object.detach().data));
            let data = match data {
                Ok(data) => data,
                Err(error) if folder.is_empty() => return Err(self.error(id, error)),
                Err(error) => {
                    listing.skip(folder, SkipReason::Unreadable(error.to_string()));
                    continue;
                }
            };
            for entry in gix::objs::TreeRefIter::from_bytes(&data, id.kind()) {
                seen += 1;
                if seen > MAX_ENTRIES {
                    return Err(TreeError::TooManyFiles { path: self.path.clone(), limit: MAX_ENTRIES });
                }
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        listing.skip(folder.clone(), SkipReason::Unreadable(error.to_string()));
                        break;
                    }
                };
                let bytes: &[u8] = entry.filename.as_ref();
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
                let is_tree = entry.mode.is_tree();
                let wanted = only.is_empty() || only.iter().any(|only| is_under(&path, only) || (is_tree && is_under(only, &path)));
                if !wanted || entry.mode.is_commit() || !(is_tree || is_source(&path)) {
                    continue;
                }
                if std::str::from_utf8(bytes).is_err() {
                    listing.skip(path, SkipReason::NotUtf8);
                } else if crate::target::clean(&path).is_err() {
                    listing.skip(path, SkipReason::Unreadable("the name is not valid in a tree".to_owned()));
                } else if is_tree && depth >= MAX_DEPTH {
                    listing.skip(path, SkipReason::Unreadable("folders are nested too deeply".to_owned()));
                } else if is_tree {
                    folders.push((path, entry.oid.to_owned(), depth + 1));
                } else if entry.mode.is_link() {
                    links.push((path, entry.oid.to_owned()));
                } else {
                    blobs.push((path, entry.oid.to_owned()));
                }
            }
        }
        for only in only {
            let there = blobs.iter().chain(&links).map(|(path, _)| path).chain(listing.skipped.iter().map(|skipped| &skipped.path));
            if !there.into_iter().any(|path| is_under(path, only)) && !self.is_dir(only) {
                listing.skip(only.clone(), SkipReason::Missing);
            }
        }
        let sizes: Vec<Result<u64, String>> = blobs
            .par_iter()
            .map(|(_, id)| self.with(|repo| repo.find_header(*id).map(|header| header.size()).map_err(|error| error.to_string())))
            .collect();
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
    fn links(&self, listing: &mut Listing, links: Vec<(String, gix::ObjectId)>) {
        for (path, id) in links {
            let target = self.blob(id, &path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            match target.and_then(|target| join_link(cuthere_base::folder(&path), &target)) {
                Some(target) => listing.links.push((path, target)),
                None => listing.skip(path, SkipReason::LinkOutside),
            }
        }
    }

    fn blob(&self, id: gix::ObjectId, path: &str) -> Result<Vec<u8>, TreeError> {
        self.with(|repo| {
            let size = repo.find_header(id).map_err(|error| self.error(format!("{path} ({id})"), error))?.size();
            if size > self.max_file {
                return Err(TreeError::TooLarge { path: PathBuf::from(path), size, limit: self.max_file });
            }
            repo.find_object(id).map(|object| object.detach().data).map_err(|error| self.error(format!("{path} ({id})"), error))
        })
    }

    /// The kind and id of what the revision has at a path.
    fn lookup(&self, path: &str) -> Result<Option<(gix::objs::tree::EntryMode, gix::ObjectId)>, TreeError> {
        self.with(|repo| {
            let tree = repo.find_object(self.tree).map_err(|error| self.error(self.tree, error))?;
            let tree = tree.try_into_tree().map_err(|error| self.error(self.tree, error))?;
            let entry = tree.lookup_entry_by_path(path).map_err(|error| self.error(path, error))?;
            Ok(entry.map(|entry| (entry.mode(), entry.object_id())))
        })
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
            Some((mode, id)) if mode.is_blob() => self.blob(id, path).map(Some),
            _ => Ok(None),
        }
    }

    fn size(&self, path: &str) -> Option<u64> {
        let (mode, id) = self.lookup(path).ok()??;
        let size = || self.with(|repo| repo.find_header(id).ok().map(|header| header.size()));
        if mode.is_blob() { size() } else { None }
    }

    fn is_dir(&self, path: &str) -> bool {
        matches!(self.lookup(path), Ok(Some((mode, _))) if mode.is_tree())
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
