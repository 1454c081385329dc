//! The bodies of files, as long as what their reading rests on is the same.

use super::questions::Questions;
use super::{Id, Keep, pack, unpack};
use cuthere_base::{FileId, Loc, Symbol, folder};
use cuthere_cfront::program::Program;
use cuthere_cfront::rests::{Rests, rests};
use cuthere_flow::body::Body;
use cuthere_flow::program::link::Binding;
use cuthere_flow::program::tables::Table;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// A function that could not be read whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incomplete {
    pub file: FileId,
    pub function: Symbol,
    pub loc: Loc,
    pub reason: String,
}

/// All bodies of a program. `funcs[n]` is the function with number `n`.
#[derive(Default)]
pub struct Bodies {
    pub funcs: Vec<Body>,
    /// A hash of each, if they are kept for later runs.
    pub hashes: Vec<[u8; 16]>,
    pub bindings: Vec<Binding>,
    pub tables: Vec<Table>,
    pub incomplete: Vec<Incomplete>,
}

/// What is kept of a folder's files.
#[derive(Default, Serialize, Deserialize)]
struct KeptFolder {
    /// The questions that it rests on.
    under: Id,
    files: Vec<KeptFile>,
}

/// A file's bodies as they are kept.
#[derive(Serialize, Deserialize)]
struct KeptFile {
    path: String,
    rests: Rests,
    /// Packed [`KeptBodies`].
    bodies: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct KeptBodies {
    funcs: Vec<Body>,
    hashes: Vec<Id>,
    bindings: Vec<Binding>,
    tables: Vec<Table>,
    incomplete: Vec<(Symbol, Loc, String)>,
}

/// The bodies that a former run left and that still hold.
pub struct Kept<'k> {
    keep: &'k dyn Keep,
    questions: Questions,
    /// What each file rests on, by these questions.
    now: Vec<Option<Rests>>,
    /// Per folder, what is kept of its files.
    folders: FxHashMap<String, KeptFolder>,
    /// Where a file's bodies are: position in its folder's list.
    valid: FxHashMap<FileId, (String, usize)>,
}

impl<'k> Kept<'k> {
    /// Finds out what still holds.
    pub fn open(program: &Program<'_>, keep: &'k dyn Keep) -> Kept<'k> {
        let mut folders: Vec<&str> = (0..program.files.len() as u32).map(|n| folder(program.source.path(FileId(n)))).collect();
        folders.sort_unstable();
        folders.dedup();
        let questions = Questions::open(program, keep);
        let (now, folders) = rayon::join(
            || rests(program, &questions.list, &|file| keep.content(file)),
            || -> FxHashMap<String, KeptFolder> {
                let read = |name: &&str| {
                    let folder: Option<KeptFolder> = keep.get("bodies", name).and_then(|bytes| postcard::from_bytes(&bytes).ok());
                    ((*name).to_owned(), folder.filter(|f| questions.cover(&f.under)).unwrap_or_default())
                };
                folders.par_iter().map(read).collect()
            },
        );
        let mut valid = FxHashMap::default();
        for (name, kept) in &folders {
            for (n, file) in kept.files.iter().enumerate() {
                if let Some(id) = program.source.find(&file.path)
                    && now.get(id.index()).copied().flatten() == Some(file.rests)
                {
                    valid.insert(id, (name.clone(), n));
                }
            }
        }
        Kept { keep, questions, now, folders, valid }
    }

    /// The bodies of a file.
    pub fn bodies(&self, file: FileId) -> Option<Bodies> {
        let (folder, n) = self.valid.get(&file)?;
        let kept: KeptBodies = unpack(&self.folders.get(folder)?.files.get(*n)?.bodies)?;
        let mut out =
            Bodies { funcs: kept.funcs, hashes: kept.hashes, bindings: kept.bindings, tables: kept.tables, incomplete: Vec::new() };
        out.funcs.iter_mut().for_each(|d| d.file = file);
        out.bindings.iter_mut().for_each(|b| b.file = file);
        out.tables.iter_mut().for_each(|t| t.file = file);
        out.incomplete.extend(kept.incomplete.into_iter().map(|(function, loc, reason)| Incomplete { file, function, loc, reason }));
        (out.hashes.len() == out.funcs.len()).then_some(out)
    }

    /// Keeps what this run has read anew: packed bodies by file.
    pub fn close(mut self, program: &Program<'_>, new: Vec<(FileId, Vec<u8>)>) {
        let mut entries = Vec::new();
        let Some(grown) = self.questions.add(program) else { return };
        if let Some(bytes) = grown {
            entries.push(("questions", String::new(), bytes));
            self.now = rests(program, &self.questions.list, &|file| self.keep.content(file));
        }
        let mut new: FxHashMap<FileId, Vec<u8>> = new.into_iter().collect();
        let mut by_folder: FxHashMap<&str, Vec<FileId>> = FxHashMap::default();
        for n in 0..program.files.len() as u32 {
            let file = FileId(n);
            if new.contains_key(&file) || self.valid.contains_key(&file) {
                by_folder.entry(folder(program.source.path(file))).or_default().push(file);
            }
        }
        let mut by_folder: Vec<(&str, Vec<FileId>)> = by_folder.into_iter().collect();
        by_folder.sort_unstable();
        for (name, files) in by_folder {
            let mut old = self.folders.remove(name).unwrap_or_default().files;
            let mut same = old.len() == files.len();
            let mut kept = Vec::with_capacity(files.len());
            for file in files {
                let Some(rests) = self.now.get(file.index()).copied().flatten() else { continue };
                let bodies = match (new.remove(&file), self.valid.get(&file)) {
                    (Some(bodies), _) => {
                        same = false;
                        bodies
                    }
                    (None, Some((_, n))) => {
                        let Some(old) = old.get_mut(*n) else { continue };
                        same &= old.rests == rests;
                        std::mem::take(&mut old.bodies)
                    }
                    (None, None) => continue,
                };
                kept.push(KeptFile { path: program.source.path(file).to_owned(), rests, bodies });
            }
            if !same && let Ok(bytes) = postcard::to_allocvec(&KeptFolder { under: self.questions.id, files: kept }) {
                entries.push(("bodies", name.to_owned(), bytes));
            }
        }
        self.keep.put(entries);
    }
}

/// Packs a file's bodies.
pub fn pack_bodies(bodies: &Bodies) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    struct Borrowed<'b> {
        funcs: &'b [Body],
        hashes: &'b [Id],
        bindings: &'b [Binding],
        tables: &'b [Table],
        incomplete: Vec<(Symbol, Loc, &'b str)>,
    }
    let incomplete = bodies.incomplete.iter().map(|i| (i.function, i.loc, i.reason.as_str())).collect();
    pack(&Borrowed { funcs: &bodies.funcs, hashes: &bodies.hashes, bindings: &bodies.bindings, tables: &bodies.tables, incomplete })
}
