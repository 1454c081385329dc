//! The cache: bytes found by the content that they were made from.
//!
//! Decides how entries survive kill, concurrent runs, full disks and flipped bits: they stand in immutable packs (`pack`), each written
//! once and renamed into place, each entry with its checksum. What is damaged is dropped and made again by the caller. It refuses to
//! fail: a cache that cannot be read or written is an empty one, and [`Stats::notes`] says why. It knows nothing of what it stores, and
//! an entry under a key must be a pure function of that key's inputs, so that it does not matter which run wrote it.
//!
//! The folder is bounded: packs that no run has used for longest go first. Small packs are merged, so that a folder has few of them.

mod key;
mod pack;
#[cfg(test)]
mod tests;

pub use key::{Key, content_hash};

use pack::{Pack, Row, SUFFIX, TEMPORARY};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The size of a pack that is not merged any more, and the most that one is made of, in bytes.
const FULL_PACK: u64 = 64 << 20;
/// With more small packs than this they are merged.
const MAX_SMALL: usize = 16;
/// A temporary file older than this has no writer any more.
const ABANDONED: Duration = Duration::from_secs(3600);
/// Entries larger than this are not kept.
const MAX_ENTRY: usize = 32 << 20;
/// Packs looked at; a folder with more is somebody's mistake.
const MAX_PACKS: usize = 4096;

/// Numbers about a store and what it did in this run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    pub packs: u64,
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
    pub hits: u64,
    pub misses: u64,
    /// Entries written by this run.
    pub written: u64,
    /// Packs removed to stay within the limit.
    pub evicted: u64,
    /// Packs and entries whose checksum was wrong.
    pub corrupted: u64,
    /// What did not work, one sentence each. Never a reason to stop.
    pub notes: Vec<String>,
}

#[derive(Default)]
struct Packs {
    packs: Vec<(Pack, AtomicBool)>,
    /// The newest place of each key.
    index: FxHashMap<Key, (u32, Row)>,
}

/// An open store. Shared by threads; any number of processes may use one folder at a time.
pub struct Store {
    /// `None`: nothing can be kept.
    folder: Option<PathBuf>,
    /// Bytes on disk at most.
    limit: u64,
    packs: RwLock<Packs>,
    hits: AtomicU64,
    misses: AtomicU64,
    corrupted: AtomicU64,
    written: AtomicU64,
    evicted: AtomicU64,
    notes: Mutex<BTreeSet<String>>,
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl Store {
    /// Opens the store in `folder`, made if need be, of `limit` bytes at most. Never fails: see [`Stats::notes`].
    pub fn open(folder: &Path, limit: u64) -> Store {
        let mut store = Store { limit, ..Store::none() };
        let folder = folder.join("v1");
        match fs::create_dir_all(&folder) {
            Ok(()) => {
                store.folder = Some(folder);
                store.load();
            }
            Err(error) => store.note(format!("cannot make the cache folder {}: {error}; nothing is kept", folder.display())),
        }
        store
    }

    /// A store that keeps nothing.
    pub fn none() -> Store {
        Store {
            folder: None,
            limit: 0,
            packs: RwLock::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            corrupted: AtomicU64::new(0),
            written: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            notes: Mutex::default(),
        }
    }

    /// Whether anything can be kept.
    pub fn keeps(&self) -> bool {
        self.folder.is_some()
    }

    /// The entry, if it is there and whole.
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let found = {
            let packs = self.packs.read();
            packs.index.get(key).and_then(|(at, row)| {
                let (pack, used) = packs.packs.get(*at as usize)?;
                if !used.swap(true, Ordering::Relaxed) {
                    pack.touch();
                }
                Some(pack.read(row))
            })
        };
        match found {
            Some(Some(bytes)) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                return Some(bytes);
            }
            Some(None) => {
                self.corrupted.fetch_add(1, Ordering::Relaxed);
                self.packs.write().index.remove(key);
            }
            None => {}
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Whether an entry is there; whether it is whole shows when it is read.
    pub fn contains(&self, key: &Key) -> bool {
        self.packs.read().index.contains_key(key)
    }

    /// Keeps entries, those that are there already left out. Best called once with all that a run has made: each call makes a pack.
    pub fn put_many(&self, entries: impl IntoIterator<Item = (Key, Vec<u8>)>) {
        self.keep(entries, false);
    }

    /// The same for entries that say themselves what they hold good for: the latest of a key counts.
    pub fn replace_many(&self, entries: impl IntoIterator<Item = (Key, Vec<u8>)>) {
        self.keep(entries, true);
    }

    fn keep(&self, entries: impl IntoIterator<Item = (Key, Vec<u8>)>, replace: bool) {
        let Some(folder) = &self.folder else { return };
        let mut batch: Vec<(Key, Vec<u8>)> = Vec::new();
        let mut bytes = 0u64;
        let mut seen = rustc_hash::FxHashSet::default();
        for (key, value) in entries {
            if value.len() > MAX_ENTRY || !replace && self.contains(&key) || !seen.insert(key) {
                continue;
            }
            bytes += value.len() as u64;
            batch.push((key, value));
            if bytes >= FULL_PACK {
                self.write(folder, &std::mem::take(&mut batch));
                bytes = 0;
            }
        }
        if !batch.is_empty() {
            self.write(folder, &batch);
        }
        self.merge(folder);
        self.evict();
    }

    /// Numbers so far.
    pub fn stats(&self) -> Stats {
        let packs = self.packs.read();
        Stats {
            packs: packs.packs.len() as u64,
            entries: packs.index.len() as u64,
            bytes: packs.packs.iter().map(|(pack, _)| pack.size).sum(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
            corrupted: self.corrupted.load(Ordering::Relaxed),
            notes: self.notes.lock().iter().cloned().collect(),
        }
    }

    fn note(&self, text: String) {
        self.notes.lock().insert(text);
    }

    fn load(&self) {
        let Some(folder) = &self.folder else { return };
        let tag = folder.parent().map(|parent| parent.join("CACHEDIR.TAG"));
        if let Some(tag) = tag.filter(|tag| !tag.exists()) {
            // The form that backup programs know.
            let _ = fs::write(tag, "Signature: 8a477f597d28d172789f06886806bc55\n# Made by cuthere; may be removed at any time.\n");
        }
        let (mut found, abandoned) = match list(folder) {
            Ok(found) => found,
            Err(error) => {
                self.note(format!("cannot list the cache folder {}: {error}; nothing is kept", folder.display()));
                return;
            }
        };
        for path in abandoned {
            let _ = fs::remove_file(path);
        }
        // Oldest first by name, so that the newest place of a key is the one that stays.
        found.sort_by(|a, b| a.1.cmp(&b.1));
        let skip = found.len().saturating_sub(MAX_PACKS);
        for (_, path) in found.drain(..).skip(skip) {
            match Pack::open(&path) {
                Ok((pack, rows)) => self.adopt(pack, rows),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.corrupted.fetch_add(1, Ordering::Relaxed);
                    let _ = fs::remove_file(&path);
                }
                // Another run may have removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.note(format!("cannot read {}: {error}", path.display())),
            }
        }
        self.evict();
    }

    fn adopt(&self, pack: Pack, rows: Vec<Row>) {
        let mut packs = self.packs.write();
        let at = packs.packs.len() as u32;
        packs.packs.push((pack, AtomicBool::new(false)));
        packs.index.extend(rows.into_iter().map(|row| (row.key, (at, row))));
    }

    fn write(&self, folder: &Path, entries: &[(Key, Vec<u8>)]) -> bool {
        match Pack::write(folder, &unique(), entries) {
            Ok((pack, rows)) => {
                self.written.fetch_add(rows.len() as u64, Ordering::Relaxed);
                self.adopt(pack, rows);
                true
            }
            Err(error) => {
                self.note(format!("cannot write to the cache {}: {error}; the results of this run are not kept", folder.display()));
                false
            }
        }
    }

    /// Writes the small packs' entries into one and removes them. Another process may do the same at the same time: entries are then
    /// there twice until the next time.
    fn merge(&self, folder: &Path) {
        let small: Vec<u32> = {
            let packs = self.packs.read();
            (0..packs.packs.len() as u32).filter(|at| packs.packs.get(*at as usize).is_some_and(|(p, _)| p.size < FULL_PACK / 2)).collect()
        };
        if small.len() <= MAX_SMALL {
            return;
        }
        let mut entries = Vec::new();
        let mut bytes = 0u64;
        let mut merged = BTreeSet::new();
        {
            let packs = self.packs.read();
            let mut rows: Vec<&(u32, Row)> = packs.index.values().collect();
            rows.sort_unstable_by_key(|(at, row)| (*at, row.offset));
            for at in small {
                let Some((pack, _)) = packs.packs.get(at as usize) else { continue };
                if bytes + pack.size > FULL_PACK {
                    break;
                }
                bytes += pack.size;
                merged.insert(at);
                let from = rows.partition_point(|(a, _)| *a < at);
                let own = rows.iter().skip(from).take_while(|(a, _)| *a == at);
                entries.extend(own.filter_map(|(_, row)| Some((row.key, pack.read(row)?))));
            }
        }
        let before = self.written.load(Ordering::Relaxed);
        if merged.len() > 1 && self.write(folder, &entries) {
            self.written.store(before, Ordering::Relaxed);
            self.remove(&merged);
        }
    }

    /// Removes the packs that were used longest ago until the rest is within the limit.
    fn evict(&self) {
        let mut total: u64 = self.packs.read().packs.iter().map(|(pack, _)| pack.size).sum();
        if total <= self.limit {
            return;
        }
        let mut by_age: Vec<(SystemTime, u32, u64)> = {
            let packs = self.packs.read();
            let age = |pack: &Pack| fs::metadata(&pack.path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            packs.packs.iter().enumerate().map(|(at, (pack, _))| (age(pack), at as u32, pack.size)).collect()
        };
        by_age.sort_unstable();
        let mut gone = BTreeSet::new();
        for (_, at, size) in by_age {
            if total <= self.limit {
                break;
            }
            total -= size;
            gone.insert(at);
        }
        self.evicted.fetch_add(gone.len() as u64, Ordering::Relaxed);
        self.remove(&gone);
    }

    fn remove(&self, gone: &BTreeSet<u32>) {
        let mut guard = self.packs.write();
        let packs = std::mem::take(&mut *guard);
        let mut moved: Vec<Option<u32>> = Vec::with_capacity(packs.packs.len());
        for (at, entry) in packs.packs.into_iter().enumerate() {
            if gone.contains(&(at as u32)) {
                moved.push(None);
                let path = entry.0.path.clone();
                drop(entry);
                if let Err(error) = fs::remove_file(&path)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    self.note(format!("cannot remove {}: {error}; the cache may grow beyond its limit", path.display()));
                }
            } else {
                moved.push(Some(guard.packs.len() as u32));
                guard.packs.push(entry);
            }
        }
        let place = |at: u32| moved.get(at as usize).copied().flatten();
        guard.index = packs.index.into_iter().filter_map(|(key, (at, row))| Some((key, (place(at)?, row)))).collect();
    }
}

/// The packs with their age, and temporary files whose writer is gone.
type Listing = (Vec<(SystemTime, PathBuf)>, Vec<PathBuf>);

fn list(folder: &Path) -> io::Result<Listing> {
    let (mut packs, mut abandoned) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        let Ok(meta) = entry.metadata() else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        let age = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if !meta.is_file() {
            continue;
        }
        if name.starts_with(TEMPORARY) {
            if age.elapsed().is_ok_and(|age| age > ABANDONED) {
                abandoned.push(entry.path());
            }
        } else if name.ends_with(SUFFIX) {
            packs.push((age, entry.path()));
        }
    }
    Ok((packs, abandoned))
}

/// A name that no other writer takes.
/// A name that no other pack has; later ones sort behind.
fn unique() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let seed = format!("{} {now} {}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let hash: String = blake3::hash(seed.as_bytes()).to_hex().chars().take(16).collect();
    format!("{now:024x}{hash}")
}
