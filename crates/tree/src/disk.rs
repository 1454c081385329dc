//! Listing and reading a folder.
//!
//! Walks in parallel, follows no link to a folder (nothing is lost: what it leads to inside the tree is met under its own
//! name), opens regular files only, and reads without mapping, so that a file that shrinks is an error and never a fault.

use crate::TreeError;
use crate::tree::{Found, Listing, MAX_ENTRIES, OpenOptions, SkipReason, Skipped, Source, clean_only, is_source};
use parking_lot::Mutex;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) struct Disk {
    root: PathBuf,
    /// The root with all links resolved, to tell links that stay inside from links that leave.
    real_root: PathBuf,
    max_file: u64,
}

/// The source for `root`, the tree's root folder, and the paths to list.
pub(crate) fn open(root: &Path, options: &OpenOptions) -> Result<(Disk, PathBuf, Vec<String>), TreeError> {
    let error = |cause| TreeError::Open { path: root.to_path_buf(), cause };
    let metadata = fs::metadata(root).map_err(error)?;
    let (folder, only) = if metadata.is_dir() {
        (root.to_path_buf(), clean_only(&options.only)?)
    } else {
        let name = root.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| error(io::Error::new(io::ErrorKind::InvalidInput, "the name is not UTF-8")))?;
        let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        (parent.to_path_buf(), vec![name.to_owned()])
    };
    let real_root = folder.canonicalize().map_err(error)?;
    Ok((Disk { root: folder.clone(), real_root, max_file: options.max_file }, folder, only))
}

struct Walk<'a> {
    disk: &'a Disk,
    listing: Mutex<Listing>,
    links: Mutex<Vec<(String, String)>>,
    seen: AtomicUsize,
}

impl Disk {
    /// Lists what is below `only`, or everything.
    pub(crate) fn list(&self, only: &[String]) -> Result<Listing, TreeError> {
        let walk = Walk { disk: self, listing: Mutex::default(), links: Mutex::default(), seen: AtomicUsize::new(0) };
        rayon::scope(|scope| {
            let all = [String::new()];
            for path in if only.is_empty() { &all[..] } else { only } {
                let mut part = Listing::default();
                let mut links = Vec::new();
                match fs::metadata(self.join(path)) {
                    Ok(metadata) if metadata.is_dir() && self.stays_inside(path) => walk.folder(scope, path.clone()),
                    Ok(metadata) if metadata.is_file() && self.stays_inside(path) => walk.file(path.clone(), metadata.len(), &mut part),
                    Ok(metadata) if metadata.is_dir() || metadata.is_file() => part.skip(path.clone(), SkipReason::LinkOutside),
                    Ok(_) => part.skip(path.clone(), SkipReason::NotRegular),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => part.skip(path.clone(), SkipReason::Missing),
                    Err(error) => part.skip(path.clone(), SkipReason::Unreadable(error.to_string())),
                }
                walk.merge(part, &mut links);
            }
        });
        if walk.seen.load(Ordering::Relaxed) > MAX_ENTRIES {
            return Err(TreeError::TooManyFiles { path: self.root.clone(), limit: MAX_ENTRIES });
        }
        let mut listing = walk.listing.into_inner();
        let mut links = walk.links.into_inner();
        links.sort_unstable();
        self.settle_links(&mut listing, links);
        Ok(listing)
    }

    /// A link to a listed file is another name of it; of the links to a file with a name that is not listed, the first
    /// stands for it.
    fn settle_links(&self, listing: &mut Listing, links: Vec<(String, String)>) {
        let mut listed: rustc_hash::FxHashMap<String, String> = rustc_hash::FxHashMap::default();
        if !links.is_empty() {
            listed = listing.files.iter().map(|file| (file.path.clone(), file.path.clone())).collect();
        }
        for (link, target) in links {
            if let Some(file) = listed.get(&target) {
                listing.links.push((link, file.clone()));
            } else {
                match fs::metadata(self.join(&link)) {
                    Ok(metadata) if metadata.len() > self.max_file => listing.skip(link, SkipReason::TooLarge(metadata.len())),
                    Ok(metadata) => {
                        listing.files.push(Found { path: link.clone(), size: metadata.len(), key: 0 });
                        listed.insert(target, link);
                    }
                    Err(error) => listing.skip(link, SkipReason::Unreadable(error.to_string())),
                }
            }
        }
    }

    fn join(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// Where the path leads with all links resolved, relative to the root; `None` if it leaves the tree or breaks.
    fn resolve(&self, path: &str) -> Option<String> {
        let real = self.join(path).canonicalize().ok()?;
        real.strip_prefix(&self.real_root).ok()?.to_str().map(str::to_owned)
    }

    fn stays_inside(&self, path: &str) -> bool {
        self.resolve(path).is_some()
    }

    fn read_regular(&self, path: &Path) -> Result<Vec<u8>, TreeError> {
        let read = |cause| TreeError::Read { path: path.to_path_buf(), cause };
        // A pipe that took the file's place must not block the open.
        let mut options = fs::OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = options.open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if !metadata.is_file() {
            return Err(TreeError::NotRegular { path: path.to_path_buf() });
        }
        let size = metadata.len();
        if size > self.max_file {
            return Err(TreeError::TooLarge { path: path.to_path_buf(), size, limit: self.max_file });
        }
        let mut bytes = Vec::with_capacity(size as usize + 1);
        file.take(size + 1).read_to_end(&mut bytes).map_err(read)?;
        if bytes.len() as u64 != size {
            return Err(TreeError::Changed { path: path.to_path_buf() });
        }
        Ok(bytes)
    }
}

impl Source for Disk {
    fn read(&self, _key: u32, path: &str) -> Result<Vec<u8>, TreeError> {
        self.read_regular(&self.root.join(path))
    }

    fn read_path(&self, path: &str) -> Result<Option<Vec<u8>>, TreeError> {
        let full = self.join(path);
        match fs::metadata(&full) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            Err(cause) => return Err(TreeError::Read { path: full, cause }),
        }
        if !self.stays_inside(path) {
            return Err(TreeError::Refused { path: path.to_owned(), reason: "a link leads out of the tree".to_owned() });
        }
        self.read_regular(&full).map(Some)
    }

    fn size(&self, path: &str) -> Option<u64> {
        let metadata = fs::metadata(self.join(path)).ok()?;
        (metadata.is_file() && self.stays_inside(path)).then_some(metadata.len())
    }

    fn is_dir(&self, path: &str) -> bool {
        self.join(path).is_dir() && self.stays_inside(path)
    }
}

impl Listing {
    pub(crate) fn skip(&mut self, path: String, reason: SkipReason) {
        self.skipped.push(Skipped { path, reason });
    }
}

impl<'a> Walk<'a> {
    fn merge(&self, part: Listing, links: &mut Vec<(String, String)>) {
        let mut listing = self.listing.lock();
        listing.files.extend(part.files);
        listing.skipped.extend(part.skipped);
        drop(listing);
        if !links.is_empty() {
            self.links.lock().append(links);
        }
    }

    fn file(&self, path: String, size: u64, part: &mut Listing) {
        if !is_source(&path) {
            return;
        }
        if size > self.disk.max_file {
            part.skip(path, SkipReason::TooLarge(size));
        } else {
            part.files.push(Found { path, size, key: 0 });
        }
    }

    fn folder<'s>(&'s self, scope: &rayon::Scope<'s>, path: String) {
        scope.spawn(move |scope| {
            let mut part = Listing::default();
            let mut links = Vec::new();
            match fs::read_dir(self.disk.join(&path)) {
                Err(error) => part.skip(path, SkipReason::Unreadable(error.to_string())),
                Ok(entries) => {
                    for entry in entries {
                        if self.seen.fetch_add(1, Ordering::Relaxed) > MAX_ENTRIES {
                            break;
                        }
                        match entry {
                            Ok(entry) => self.entry(scope, &path, &entry, &mut part, &mut links),
                            Err(error) => part.skip(path.clone(), SkipReason::Unreadable(error.to_string())),
                        }
                    }
                }
            }
            self.merge(part, &mut links);
        });
    }

    fn entry<'s>(
        &'s self,
        scope: &rayon::Scope<'s>,
        folder: &str,
        entry: &fs::DirEntry,
        part: &mut Listing,
        links: &mut Vec<(String, String)>,
    ) {
        let name = entry.file_name();
        let (name, utf8) = match name.to_str() {
            Some(name) => (name.to_owned(), true),
            None => (name.to_string_lossy().into_owned(), false),
        };
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return part.skip(path, SkipReason::Unreadable(error.to_string())),
        };
        if name == ".git" || !(kind.is_dir() || kind.is_symlink() || is_source(&name)) {
            return;
        }
        if !utf8 {
            if kind.is_dir() || is_source(&name) {
                part.skip(path, SkipReason::NotUtf8);
            }
        } else if kind.is_dir() {
            self.folder(scope, path);
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(metadata) => self.file(path, metadata.len(), part),
                Err(error) => part.skip(path, SkipReason::Unreadable(error.to_string())),
            }
        } else if kind.is_symlink() {
            self.link(path, part, links);
        } else {
            part.skip(path, SkipReason::NotRegular);
        }
    }

    fn link(&self, path: String, part: &mut Listing, links: &mut Vec<(String, String)>) {
        match fs::metadata(self.disk.join(&path)) {
            Ok(metadata) => match self.disk.resolve(&path) {
                Some(target) if metadata.is_file() && is_source(&path) => links.push((path, target)),
                Some(_) if metadata.is_file() || metadata.is_dir() => {}
                None if metadata.is_dir() || is_source(&path) => part.skip(path, SkipReason::LinkOutside),
                Some(_) if is_source(&path) => part.skip(path, SkipReason::NotRegular),
                _ => {}
            },
            #[cfg(unix)]
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => part.skip(path, SkipReason::LinkLoop),
            Err(_) if !is_source(&path) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => part.skip(path, SkipReason::LinkBroken),
            Err(error) => part.skip(path, SkipReason::Unreadable(error.to_string())),
        }
    }
}
