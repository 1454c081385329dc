//! Keeps what analyses found, so that one whose input is the same is not done again.
//!
//! A result is a function of the build, the kernel model, the options, the names of the tree's files, and the contents of those that
//! were read; which ones are read follows from these. So the list of files that were read is kept under the first four, and the result
//! under these, the list and its contents. A list that does not fit any more leads to no result, never to a wrong one. Nothing is kept
//! of a run in which a file could not be read, or was not the same when it was read again.

use crate::args::TreeArgs;
use crate::engine::Progress;
use crate::inputs::Inputs;
use cuthere_analysis::FunctionAnswer;
use cuthere_base::{FileId, Source};
use cuthere_cfront::program::Config;
use cuthere_checks::{Options, Outcome, Stats};
use cuthere_incremental::{Head, Keep};
use cuthere_store::{Key, Store, content_hash};
use cuthere_tree::Tree;
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::io::{Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes on disk at most.
const LIMIT: u64 = 2 << 30;
/// The form of the entries.
const VERSION: u32 = 1;
/// Lists of files that are tried. There is more than one after a change of which files include which.
const LISTS: u32 = 4;
/// A result that unpacks to more is not one of ours.
const MAX_UNPACKED: u64 = 1 << 30;

/// The cache, as runs use it.
pub struct Memo {
    store: Store,
    /// Whether the user asked for this folder.
    asked: bool,
}

type Contents = [u8; 32];

impl Memo {
    /// Opens the cache that the command line asks for. Never fails: without a folder nothing is kept.
    pub fn open(args: &TreeArgs) -> Memo {
        let folder = args.cache.clone().or_else(|| dirs::cache_dir().map(|folder| folder.join("cuthere")));
        let store = match folder {
            Some(folder) if !args.no_cache => Store::open(&folder, LIMIT),
            _ => Store::none(),
        };
        Memo { store, asked: args.cache.is_some() }
    }

    /// What [`cuthere_checks::run`] finds, from the cache if it was found before.
    pub fn run(&self, tree: &Tree, inputs: &Inputs, options: &Options, progress: &dyn Progress) -> Outcome {
        self.run_through(tree, tree, inputs, options, progress)
    }

    /// The same with a source through which the tree's files are read.
    pub fn run_through(&self, tree: &Tree, through: &dyn Source, inputs: &Inputs, options: &Options, progress: &dyn Progress) -> Outcome {
        if !self.store.keeps() {
            return cuthere_checks::run(through, &inputs.model, options, progress);
        }
        let (options_text, names) = (format!("{options:?}"), names(tree));
        let whole = options.whole();
        let recorder = Recorder { through, ..Recorder::new(tree) };
        let build = env!("CUTHERE_BUILD").as_bytes();
        let of_whole = if whole { of_whole(options) } else { self.index_for(&recorder, inputs, options) };
        let fixed = [build, inputs.model_hash.as_slice(), options_text.as_bytes()];
        let index = [build, inputs.model_hash.as_slice(), of_whole.as_bytes()];
        let former = self.former(&recorder, &fixed, &index);
        // A run over a part rests on what one over the whole has left.
        let index = if whole { None } else { Head::open(&former) }.map_or_else(Vec::new, |head| head.id.to_vec());
        let fixed: [&[u8]; 5] = [build, &inputs.model_hash, options_text.as_bytes(), &names, &index];
        progress.stage("cache", 1);
        let lists: Vec<Key> = (0..LISTS).map(|n| key("read", &fixed, &[&n.to_le_bytes()])).collect();
        let mut known = Known { source: tree, contents: FxHashMap::default() };
        let mut kept = Vec::new();
        for list in &lists {
            let Some(read) = self.store.get(list).and_then(|bytes| ids(&bytes, tree.len())) else { break };
            let outcome =
                known.contents(&read).and_then(|contents| self.store.get(&key("outcome", &fixed, &[&bytes_of(&read), &contents])));
            if let Some(outcome) = outcome.and_then(|bytes| unpack(&bytes)) {
                return outcome;
            }
            kept.push(read);
        }
        let outcome = cuthere_checks::run_keeping(&recorder, &inputs.model, options, progress, Some(&former));
        if let (Some((read, contents)), Some(packed)) = (recorder.read(), pack(&outcome)) {
            let bytes = bytes_of(&read);
            let mut entries = vec![(key("outcome", &fixed, &[&bytes, &contents]), packed)];
            if let Some(list) = lists.get(kept.len()).filter(|_| !kept.contains(&read)) {
                entries.push((*list, bytes));
            }
            self.store.put_many(entries);
        }
        outcome
    }

    /// What [`cuthere_checks::functions`] says, with what runs over the whole tree have left.
    pub fn functions(
        &self,
        tree: &Tree,
        inputs: &Inputs,
        options: &Options,
        progress: &dyn Progress,
        name: &str,
    ) -> (Vec<FunctionAnswer>, Stats) {
        if !self.store.keeps() {
            return cuthere_checks::functions(tree, &inputs.model, options, progress, None, name);
        }
        let build = env!("CUTHERE_BUILD").as_bytes();
        let recorder = Recorder::new(tree);
        let (options_text, of_whole) = (format!("{options:?}"), of_whole(options));
        let former = Former {
            store: &self.store,
            recorder: &recorder,
            fixed: &[build, &inputs.model_hash, options_text.as_bytes()],
            index: &[build, &inputs.model_hash, of_whole.as_bytes()],
            place: tree.root().to_string_lossy().into_owned(),
        };
        cuthere_checks::functions(&recorder, &inputs.model, options, progress, Some(&former), name)
    }

    /// What a run over the whole tree has left for runs over a part.
    pub fn index(&self, tree: &Tree, inputs: &Inputs, options: &Options) -> Option<Head> {
        let of_whole = of_whole(options);
        let recorder = Recorder::new(tree);
        let index = [env!("CUTHERE_BUILD").as_bytes(), inputs.model_hash.as_slice(), of_whole.as_bytes()];
        Head::open(&self.former(&recorder, &[], &index))
    }

    /// The options whose index a run over a part uses: its own, or where none was left under them, those without the folders and macros that
    /// are added for a module. Functions of the tree are read without these; a record of files that have changed does not count anyway.
    fn index_for(&self, recorder: &Recorder<'_>, inputs: &Inputs, options: &Options) -> String {
        let there = |of_whole: &String| {
            let index = [env!("CUTHERE_BUILD").as_bytes(), inputs.model_hash.as_slice(), of_whole.as_bytes()];
            Head::open(&self.former(recorder, &[], &index)).is_some()
        };
        let own = of_whole(options);
        if options.config.include.is_empty() && options.config.defines.is_empty() || there(&own) {
            return own;
        }
        let config = Config { include: Vec::new(), defines: Vec::new(), ..options.config.clone() };
        Some(of_whole(&Options { config, ..options.clone() })).filter(there).unwrap_or(own)
    }

    /// What earlier runs over the tree have left for one under these options; the index depends on less.
    fn former<'a>(&'a self, recorder: &'a Recorder<'a>, fixed: &'a [&'a [u8]], index: &'a [&'a [u8]]) -> Former<'a> {
        Former { store: &self.store, recorder, fixed, index, place: recorder.source.root().to_string_lossy().into_owned() }
    }

    /// Says what did not work, if the user counts on it.
    pub fn close(&self) -> cuthere_store::Stats {
        let stats = self.store.stats();
        if self.asked {
            for note in &stats.notes {
                crate::output::say(note);
            }
        }
        stats
    }
}

/// The options that what is left of a whole tree depends on.
fn of_whole(options: &Options) -> String {
    format!("{:?}", Options { only: Vec::new(), paths: Vec::new(), last: false, ..options.clone() })
}

/// What runs over the whole of one tree leave for each other.
struct Former<'a> {
    store: &'a Store,
    recorder: &'a Recorder<'a>,
    fixed: &'a [&'a [u8]],
    /// The same for the index, which does not depend on which checks are run on what.
    index: &'a [&'a [u8]],
    /// Where the tree is.
    place: String,
}

impl Former<'_> {
    fn key(&self, what: &str, part: &str) -> Key {
        let fixed = if what == "index" { self.index } else { self.fixed };
        key(what, fixed, &[self.place.as_bytes(), part.as_bytes()])
    }
}

impl Keep for Former<'_> {
    fn now(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn content(&self, file: FileId) -> Option<Contents> {
        self.recorder.contents.get(file.index())?.get().copied()
    }

    fn get(&self, what: &'static str, part: &str) -> Option<Vec<u8>> {
        self.store.get(&self.key(what, part))
    }

    fn put(&self, entries: Vec<(&'static str, String, Vec<u8>)>) {
        if !self.recorder.spoilt.load(Ordering::Relaxed) {
            self.store.replace_many(entries.into_iter().map(|(what, part, bytes)| (self.key(what, &part), bytes)));
        }
    }
}

fn key(what: &str, fixed: &[&[u8]], more: &[&[u8]]) -> Key {
    Key::new(what, VERSION, &[fixed, more].concat())
}

/// All names under which files are found.
fn names(tree: &Tree) -> Contents {
    let mut text = tree.paths().join("\0");
    for (name, target) in tree.aliases() {
        text.extend(["\0\0", name, "\0", target]);
    }
    content_hash(text.as_bytes())
}

fn bytes_of(ids: &[FileId]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.0.to_le_bytes()).collect()
}

fn ids(bytes: &[u8], files: usize) -> Option<Vec<FileId>> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    let ids: Vec<FileId> = chunks.iter().map(|id| FileId(u32::from_le_bytes(*id))).collect();
    (rest.is_empty() && ids.iter().all(|id| id.index() < files)).then_some(ids)
}

/// The contents of files as they are now.
struct Known<'a> {
    source: &'a Tree,
    contents: FxHashMap<FileId, Contents>,
}

impl Known<'_> {
    /// Of all these files in order; `None`: one cannot be read.
    fn contents(&mut self, files: &[FileId]) -> Option<Vec<u8>> {
        let new: Vec<FileId> = files.iter().copied().filter(|id| !self.contents.contains_key(id)).collect();
        let hashes: Option<Vec<Contents>> = new.par_iter().map(|id| Some(content_hash(&self.source.read(*id).ok()?))).collect();
        self.contents.extend(new.into_iter().zip(hashes?));
        files.iter().map(|id| self.contents.get(id)).collect::<Option<Vec<_>>>().map(|all| all.into_iter().flatten().copied().collect())
    }
}

/// Notes what is read through it.
struct Recorder<'a> {
    source: &'a Tree,
    /// Its files are read through it.
    through: &'a dyn Source,
    contents: Vec<OnceLock<Contents>>,
    /// Something could not be read, or changed meanwhile.
    spoilt: AtomicBool,
}

impl<'a> Recorder<'a> {
    fn new(source: &'a Tree) -> Recorder<'a> {
        Recorder { source, through: source, contents: (0..source.len()).map(|_| OnceLock::new()).collect(), spoilt: AtomicBool::new(false) }
    }

    /// The files that were read, sorted, and their contents; `None`: the run saw no one state of the tree.
    fn read(self) -> Option<(Vec<FileId>, Vec<u8>)> {
        if self.spoilt.into_inner() {
            return None;
        }
        let read = self.contents.iter().enumerate().filter_map(|(i, contents)| Some((FileId(i as u32), contents.get()?)));
        let (ids, contents): (Vec<FileId>, Vec<&Contents>) = read.unzip();
        Some((ids, contents.into_iter().flatten().copied().collect()))
    }
}

impl Source for Recorder<'_> {
    fn len(&self) -> usize {
        self.source.len()
    }
    fn path(&self, file: FileId) -> &str {
        self.source.path(file)
    }
    fn find(&self, path: &str) -> Option<FileId> {
        self.source.find(path)
    }
    fn read(&self, file: FileId) -> Result<Cow<'_, [u8]>, String> {
        let read = self.through.read(file);
        let same = match (&read, self.contents.get(file.index())) {
            (Ok(bytes), Some(seen)) => {
                let now = content_hash(bytes);
                *seen.get_or_init(|| now) == now
            }
            _ => false,
        };
        if !same {
            self.spoilt.store(true, Ordering::Relaxed);
        }
        read
    }
}

fn pack(outcome: &Outcome) -> Option<Vec<u8>> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::fast());
    out.write_all(&serde_json::to_vec(outcome).ok()?).ok()?;
    out.finish().ok()
}

fn unpack(bytes: &[u8]) -> Option<Outcome> {
    let mut json = Vec::new();
    ZlibDecoder::new(bytes).take(MAX_UNPACKED).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}
