//! The tree: a sorted list of C files and a way to their bytes.
//!
//! Decides which files belong to the list ([`is_source`]) and keeps the order that file ids rest on. Where the bytes come
//! from is a [`Source`]'s matter; what patches changed is kept in memory on top of it.

use crate::TreeError;
use cuthere_base::FileId;
use rayon::slice::ParallelSliceMut;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More entries than this are not listed: ten times the largest kernel tree.
pub(crate) const MAX_ENTRIES: usize = 2_000_000;

/// Bytes of all files that patches may leave behind: a change of every file below `fs/` has a tenth of it.
const MAX_LAID: u64 = 512 << 20;
/// Bytes that patches may copy from one file to another: a line of a patch can ask for megabytes.
const MAX_COPIED: u64 = 64 << 20;
/// Bytes of files that one patch may go through: a thousand times that of an ordinary one, and some seconds' work.
const MAX_GONE_THROUGH: u64 = 1 << 30;

/// How to open a tree.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Files with more bytes are not listed but named in [`Tree::skipped`].
    pub max_file: u64,
    /// Only these files and folders, relative to the root with `/` between parts; empty means all.
    pub only: Vec<String>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { max_file: 64 << 20, only: Vec::new() }
    }
}

/// Why something is not in the list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SkipReason {
    /// The folder or file cannot be read; the cause.
    Unreadable(String),
    /// The name is not UTF-8; the path shows it lossily.
    NotUtf8,
    /// A symbolic link that leads back to itself.
    LinkLoop,
    /// A symbolic link to nothing.
    LinkBroken,
    /// A symbolic link that leads out of the tree.
    LinkOutside,
    /// More bytes than [`OpenOptions::max_file`]; the number.
    TooLarge(u64),
    /// A socket, device or pipe.
    NotRegular,
    /// Asked for in [`OpenOptions::only`] and not there.
    Missing,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::Unreadable(cause) => write!(f, "unreadable: {cause}"),
            SkipReason::NotUtf8 => f.write_str("the name is not UTF-8"),
            SkipReason::LinkLoop => f.write_str("a symbolic link that leads back to itself"),
            SkipReason::LinkBroken => f.write_str("a symbolic link to nothing"),
            SkipReason::LinkOutside => f.write_str("a symbolic link out of the tree"),
            SkipReason::TooLarge(size) => write!(f, "too large: {size} bytes"),
            SkipReason::NotRegular => f.write_str("not a regular file"),
            SkipReason::Missing => f.write_str("no such file or folder"),
        }
    }
}

/// Something that might have been read and was not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Skipped {
    /// Relative to the root.
    pub path: String,
    pub reason: SkipReason,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The root itself has no name relative to itself.
        let path = if self.path.is_empty() { "the folder itself" } else { &self.path };
        write!(f, "{path}: {}", self.reason)
    }
}

/// What a source lists. `files` need not be sorted; a link is another name of a file.
#[derive(Default)]
pub(crate) struct Listing {
    pub files: Vec<Found>,
    /// (name of the link, path of the file it leads to), both relative to the root.
    pub links: Vec<(String, String)>,
    pub skipped: Vec<Skipped>,
}

pub(crate) struct Found {
    pub path: String,
    pub size: u64,
    /// The source's own number for the file, handed back to [`Source::read`].
    pub key: u32,
}

/// Where bytes come from when no patch changed them.
pub(crate) trait Source: Send + Sync {
    /// The bytes of a listed file.
    fn read(&self, key: u32, path: &str) -> Result<Vec<u8>, TreeError>;
    /// The bytes of any regular file by its clean relative path; `None` if there is none.
    fn read_path(&self, path: &str) -> Result<Option<Vec<u8>>, TreeError>;
    /// The bytes that a regular file has, by its clean relative path; `None` if there is none. Reads nothing.
    fn size(&self, path: &str) -> Option<u64>;
    /// Whether there is a folder of this clean relative path.
    fn is_dir(&self, path: &str) -> bool;
}

#[derive(Clone)]
pub(crate) enum Place {
    Source(u32),
    Memory(Arc<[u8]>),
}

#[derive(Clone)]
struct Entry {
    size: u64,
    place: Place,
}

/// The C files of one revision. Cloning is cheap in memory: clones share the source and the patched bytes.
#[derive(Clone)]
pub struct Tree {
    root: PathBuf,
    kernel: bool,
    source: Arc<dyn Source>,
    paths: Vec<Arc<str>>,
    entries: Vec<Entry>,
    index: FxHashMap<Arc<str>, FileId>,
    /// Other names of files: links, and `x.h` for `x.h_shipped`, which the build would copy.
    aliases: Vec<(String, String)>,
    skipped: Vec<Skipped>,
    only: Vec<String>,
    /// Every file that patches changed, C or not; `None` for a deleted one.
    overlay: BTreeMap<String, Option<Arc<[u8]>>>,
    /// Bytes in `overlay`, and bytes that patches asked to copy so far.
    laid: u64,
    copied: u64,
    /// Bytes of files that the patch at hand went through.
    gone_through: u64,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("root", &self.root).field("files", &self.paths.len()).finish_non_exhaustive()
    }
}

/// Whether a file of this name is listed: C sources, headers, and what kernel code includes under other names.
pub(crate) fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name.rsplit_once('.'), Some((_, "c" | "h" | "inc" | "inl" | "c_shipped" | "h_shipped")))
}

impl Tree {
    /// Lists the C files of a folder. A file instead of a folder is a tree of that one file. Reads no content.
    pub fn open_dir(root: &Path, options: &OpenOptions) -> Result<Tree, TreeError> {
        let (source, root, only) = crate::disk::open(root, options)?;
        let listing = source.list(&only)?;
        Tree::build(root, Arc::new(source), listing, only)
    }

    /// Lists the C files of a revision of the git repository at `repo` (its work tree, a folder inside that, or a bare
    /// repository). A folder inside the work tree gives the part of the revision below it.
    pub fn open_rev(repo: &Path, rev: &str, options: &OpenOptions) -> Result<Tree, TreeError> {
        let only = clean_only(&options.only)?;
        let (source, listing) = crate::rev::open(repo, rev, options.max_file, &only)?;
        Tree::build(repo.to_path_buf(), Arc::new(source), listing, only)
    }

    fn build(root: PathBuf, source: Arc<dyn Source>, listing: Listing, only: Vec<String>) -> Result<Tree, TreeError> {
        let Listing { mut files, mut links, mut skipped } = listing;
        if files.len() > MAX_ENTRIES {
            return Err(TreeError::TooManyFiles { path: root, limit: MAX_ENTRIES });
        }
        files.par_sort_unstable_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        links.sort_unstable();
        skipped.sort_unstable();
        skipped.dedup();
        let mut tree = Tree {
            root,
            kernel: false,
            source,
            paths: Vec::with_capacity(files.len()),
            entries: Vec::with_capacity(files.len()),
            index: FxHashMap::default(),
            aliases: links,
            skipped,
            only,
            overlay: BTreeMap::new(),
            laid: 0,
            copied: 0,
            gone_through: 0,
        };
        for file in files {
            tree.paths.push(file.path.into());
            tree.entries.push(Entry { size: file.size, place: Place::Source(file.key) });
        }
        tree.rebuild_index();
        let there = |path: &str| tree.source.read_path(path).is_ok_and(|found| found.is_some());
        tree.kernel =
            tree.find("include/linux/kernel.h").is_some() || (there("Kbuild") && there("MAINTAINERS")) || there("include/linux/kernel.h");
        Ok(tree)
    }

    fn rebuild_index(&mut self) {
        self.index = self.paths.iter().enumerate().map(|(i, path)| (path.clone(), FileId(i as u32))).collect();
        let shipped: Vec<(Arc<str>, FileId)> = self
            .paths
            .iter()
            .enumerate()
            .filter_map(|(i, path)| path.strip_suffix("_shipped").map(|plain| (Arc::from(plain), FileId(i as u32))))
            .collect();
        for (plain, id) in shipped {
            self.index.entry(plain).or_insert(id);
        }
        for (link, target) in &self.aliases {
            if let Some(&id) = self.index.get(target.as_str()) {
                self.index.entry(Arc::from(link.as_str())).or_insert(id);
            }
        }
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is no file at all.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths relative to the root, with `/` between parts, sorted bytewise. A [`FileId`] is an index into this.
    pub fn paths(&self) -> &[Arc<str>] {
        &self.paths
    }

    /// The path of a file; empty for an id of another tree.
    pub fn path(&self, id: FileId) -> &str {
        self.paths.get(id.index()).map_or("", |path| path)
    }

    /// The file of a clean relative path. A symbolic link finds the file it leads to, and `x.h` finds `x.h_shipped`.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.index.get(path).copied()
    }

    /// Other names of files, links and such, each with the name in [`Tree::paths`] that it stands for; sorted.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.aliases.iter().map(|(name, target)| (name.as_str(), target.as_str()))
    }

    /// The bytes of a file as they are now: patched ones from memory, others from disk or the repository.
    pub fn read(&self, id: FileId) -> Result<Cow<'_, [u8]>, TreeError> {
        let (Some(entry), Some(path)) = (self.entries.get(id.index()), self.paths.get(id.index())) else {
            return Err(TreeError::NoSuchFile { index: id.index(), len: self.len() });
        };
        match &entry.place {
            Place::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Place::Source(key) => self.source.read(*key, path).map(Cow::Owned),
        }
    }

    /// The bytes of any regular file of the revision, listed or not (`Makefile`, `MAINTAINERS`), patches included;
    /// `None` if there is none.
    pub fn read_path(&self, path: &str) -> Result<Option<Cow<'_, [u8]>>, TreeError> {
        let clean = crate::target::clean(path).map_err(|reason| TreeError::Refused { path: path.to_owned(), reason: reason.to_owned() })?;
        match self.overlay.get(&clean) {
            Some(changed) => Ok(changed.as_deref().map(Cow::Borrowed)),
            None => Ok(self.source.read_path(&clean)?.map(Cow::Owned)),
        }
    }

    /// The bytes that [`Tree::read_path`] would give, found without reading them; `None` if there is no such file.
    pub fn size_of(&self, path: &str) -> Option<u64> {
        let clean = crate::target::clean(path).ok()?;
        match self.overlay.get(&clean) {
            Some(changed) => changed.as_ref().map(|bytes| bytes.len() as u64),
            None => self.source.size(&clean),
        }
    }

    /// The size in bytes when the tree was opened; 0 for an id of another tree.
    pub fn size_hint(&self, id: FileId) -> u64 {
        self.entries.get(id.index()).map_or(0, |entry| entry.size)
    }

    /// The same tree with more files, which lie elsewhere: each with its path in the tree from now on.
    pub fn with_files(mut self, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Tree, TreeError> {
        for (path, bytes) in files {
            let clean =
                crate::target::clean(&path).map_err(|reason| TreeError::Refused { path: path.clone(), reason: reason.to_owned() })?;
            if !self.only.is_empty() {
                self.only.push(clean.clone());
            }
            if !self.set_file(clean, Some(Arc::from(bytes))) {
                return Err(TreeError::TooMuch { path: PathBuf::from(path) });
            }
        }
        self.relist()
    }

    /// Whether there is a folder of this path.
    pub fn is_folder(&self, path: &str) -> bool {
        crate::target::clean(path).is_ok_and(|clean| self.has_dir(&clean))
    }

    /// What was left out, sorted by path.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The folder (or repository) that was opened.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this looks like a whole kernel tree.
    pub fn is_kernel(&self) -> bool {
        self.kernel
    }

    /// The paths of all files that patches changed, made or deleted, sorted.
    pub fn patched(&self) -> impl Iterator<Item = &str> {
        self.overlay.keys().map(String::as_str)
    }

    pub(crate) fn has_dir(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        let at = self.paths.partition_point(|listed| **listed < *inside);
        self.paths.get(at).is_some_and(|listed| listed.starts_with(&inside)) || self.source.is_dir(path)
    }

    /// What the path holds from now on (`None`: nothing). False, and nothing changed: the overlay would hold too much.
    #[must_use]
    pub(crate) fn set_file(&mut self, path: String, content: Option<Arc<[u8]>>) -> bool {
        let size = |content: &Option<Arc<[u8]>>| content.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let laid = self.laid + size(&content) - self.overlay.get(&path).map_or(0, size);
        if laid > MAX_LAID {
            return false;
        }
        self.laid = laid;
        self.overlay.insert(path, content);
        true
    }

    /// Whether so many bytes more may be copied. Once the answer was no, it stays so, and asking with 0 costs nothing.
    pub(crate) fn may_copy(&mut self, bytes: usize) -> bool {
        self.copied = self.copied.saturating_add(bytes as u64);
        self.copied <= MAX_COPIED
    }

    /// Begins with the next patch.
    pub(crate) fn next_patch(&mut self) {
        self.gone_through = 0;
    }

    /// Whether the patch at hand may go through so many bytes more: one file can be named in it ten thousand times.
    pub(crate) fn may_go_through(&mut self, bytes: u64) -> bool {
        self.gone_through = self.gone_through.saturating_add(bytes);
        self.gone_through <= MAX_GONE_THROUGH
    }

    /// Brings the list in line with the overlay. Called once after all patches: ids are given here.
    pub(crate) fn relist(mut self) -> Result<Tree, TreeError> {
        if self.overlay.is_empty() {
            return Ok(self);
        }
        let mut made: Vec<(Arc<str>, Entry)> = Vec::new();
        let mut gone = false;
        for (path, content) in &self.overlay {
            let listed = self.paths.binary_search_by(|listed| (**listed).cmp(path)).ok();
            let wanted = is_source(path) && (self.only.is_empty() || self.only.iter().any(|only| is_under(path, only)));
            let entry = content.as_ref().map(|bytes| Entry { size: bytes.len() as u64, place: Place::Memory(bytes.clone()) });
            match (listed, entry) {
                (Some(at), Some(entry)) => self.entries[at] = entry,
                (Some(_), None) => gone = true,
                (None, Some(entry)) if wanted => made.push((Arc::from(path.as_str()), entry)),
                _ => {}
            }
        }
        if made.is_empty() && !gone {
            return Ok(self);
        }
        let old = std::mem::take(&mut self.paths).into_iter().zip(std::mem::take(&mut self.entries));
        let mut listed: Vec<(Arc<str>, Entry)> = old.filter(|(path, _)| !matches!(self.overlay.get(&**path), Some(None))).collect();
        listed.extend(made);
        listed.sort_by(|a, b| a.0.cmp(&b.0));
        if listed.len() > MAX_ENTRIES {
            return Err(TreeError::TooManyFiles { path: self.root, limit: MAX_ENTRIES });
        }
        (self.paths, self.entries) = listed.into_iter().unzip();
        self.rebuild_index();
        Ok(self)
    }
}

/// Whether `path` is `folder` or below it.
pub(crate) fn is_under(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The clean, sorted form of [`OpenOptions::only`] in which no entry is below another. `.` means everything.
pub(crate) fn clean_only(only: &[String]) -> Result<Vec<String>, TreeError> {
    let mut clean = Vec::new();
    for path in only {
        let path = path.trim_end_matches('/');
        if path.is_empty() || path == "." {
            return Ok(Vec::new());
        }
        clean.push(crate::target::clean(path).map_err(|reason| TreeError::Refused { path: path.to_owned(), reason: reason.to_owned() })?);
    }
    clean.sort_unstable();
    let mut kept: Vec<String> = Vec::new();
    for path in clean {
        if !kept.iter().any(|folder| is_under(&path, folder)) {
            kept.push(path);
        }
    }
    Ok(kept)
}

impl cuthere_base::Source for Tree {
    fn len(&self) -> usize {
        Tree::len(self)
    }
    fn path(&self, file: FileId) -> &str {
        Tree::path(self, file)
    }
    fn find(&self, path: &str) -> Option<FileId> {
        Tree::find(self, path)
    }
    fn read(&self, file: FileId) -> Result<Cow<'_, [u8]>, String> {
        Tree::read(self, file).map_err(|error| error.to_string())
    }
}

/// The nearest folder at or above `path` that is a kernel tree: it has `Kbuild` and `MAINTAINERS`, or
/// `include/linux/kernel.h`. The path need not exist; links in it are resolved if it does.
pub fn find_kernel_root(path: &Path) -> Option<PathBuf> {
    let start = path.canonicalize().or_else(|_| std::path::absolute(path)).ok()?;
    start
        .ancestors()
        .find(|folder| {
            let there = |name: &str| folder.join(name).is_file();
            (there("Kbuild") && there("MAINTAINERS")) || there("include/linux/kernel.h")
        })
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_goes_through_so_much_text_and_the_next_one_again() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.c"), "int a;\n").expect("written");
        let mut tree = Tree::open_dir(folder.path(), &OpenOptions::default()).expect("a folder");
        assert_eq!((tree.size_of("a.c"), tree.size_of("b.c"), tree.size_of("../a.c")), (Some(7), None, None));
        assert!(tree.may_go_through(MAX_GONE_THROUGH) && !tree.may_go_through(1));
        tree.next_patch();
        assert!(tree.may_go_through(1));
    }
}
