//! What a run over a whole tree knows of its functions, for runs over a part of it.
//!
//! Of every function that other files can call there is a record that stands by itself: its summary, and of the functions below it as much as the
//! frames of its effects need. Records are found by name, in shards, so that a run over one directory reads only those it asks for. A record
//! holds as long as the files of all functions in it are what they were; that something farther below has changed and would make the summary another
//! one is not seen. How often callers test the results of functions is kept beside.
//!
//! Functions of header files and static ones are not in it: a run over a part reads these itself, or cannot call them. Neither are operations
//! tables: what is called through a pointer and lies outside the part stays unknown.

use super::{Id, Keep, decompress, finish};
use cuthere_base::packed::{packing, unpacking};
use cuthere_base::{FileId, Symbol};
use cuthere_cfront::program::Program;
use cuthere_flow::body::Body;
use cuthere_flow::index::{Giver, Habits};
use cuthere_flow::program::{World, packed};
use cuthere_flow::summary::{Effect, FuncId, Summary, Way};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Parts that the records are divided into, by name.
const SHARDS: u64 = 128;

/// What is known of an index without reading its records.
#[derive(Clone, Serialize, Deserialize)]
pub struct Head {
    /// Stands for everything in it.
    pub id: Id,
    /// Seconds since 1970.
    pub made: u64,
    pub functions: u64,
    /// The contents of the files, sorted by path.
    files: Vec<(String, [u8; 32])>,
}

impl Head {
    /// The head that was left, if one was.
    pub fn open(keep: &dyn Keep) -> Option<Head> {
        postcard::from_bytes(&part(keep, "head")?).ok()
    }
}

/// A function in a record: where it is, what is printed of it, what is known of it.
#[derive(Serialize, Deserialize)]
struct Stub {
    path: Symbol,
    body: Body,
    summary: Summary,
}

/// A record: the function itself first.
#[derive(Serialize, Deserialize)]
struct Record {
    /// Stubs by their place among the functions that the summaries name.
    table: Vec<u32>,
    /// Packed with that table.
    stubs: Vec<u8>,
}

/// `(name, what the record rests on, record)`, sorted by name.
type Shard<'s> = Vec<(&'s str, Id, &'s [u8])>;

/// How callers treat results: `(name, a function of the tree, tested, dereferenced untested)`.
type KeptHabits = Vec<(String, bool, u32, u32)>;

/// Leaves the index of a whole tree, unless the one that is there is of the same files; records of functions below which nothing has changed are
/// taken from it. `grounds`: what all that is known of each function rests on. `made`: the time now. Gives the number of functions.
pub fn leave(world: &World<'_>, grounds: &[Option<Id>], habits: &Habits, keep: &dyn Keep, made: u64) -> Option<u64> {
    let program = world.program;
    let files = program.files.len() as u32;
    let mut contents: Vec<(String, [u8; 32])> =
        (0..files).map(FileId).filter_map(|f| Some((program.source.path(f).to_owned(), keep.content(f)?))).collect();
    contents.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (path, content) in &contents {
        hasher.update(path.as_bytes()).update(&[0]).update(content);
    }
    let id = finish(&hasher);
    let old = Head::open(keep);
    if let Some(old) = old.filter(|old| old.id == id) {
        return Some(old.functions);
    }
    let mut shards: Vec<Vec<FuncId>> = vec![Vec::new(); SHARDS as usize];
    let mut functions = 0;
    for (n, body) in world.funcs.iter().enumerate() {
        let active = program.function_ref(n as u32).is_none_or(|r| program.item(r).active);
        if !body.is_static && active && world.path(FuncId(n as u32)).ends_with(".c") {
            shards[shard(body.name) as usize].push(FuncId(n as u32));
            functions += 1;
        }
    }
    let mut entries: Vec<(&'static str, String, Vec<u8>)> = shards
        .par_iter_mut()
        .enumerate()
        .filter_map(|(n, funcs)| {
            funcs.sort_by_key(|f| (world.func(*f).name.as_str(), *f));
            let bytes = part(keep, &n.to_string()).unwrap_or_default();
            let before: Shard<'_> = postcard::from_bytes(&bytes).unwrap_or_default();
            let known: FxHashMap<Id, &[u8]> = before.iter().map(|(_, ground, record)| (*ground, *record)).collect();
            let entry = |f: &FuncId| {
                let ground = (*grounds.get(f.index())?)?;
                let record = match known.get(&ground) {
                    Some(record) => Cow::Borrowed(*record),
                    None => Cow::Owned(record(world, *f)?),
                };
                Some((world.func(*f).name.as_str(), ground, record))
            };
            let list: Vec<(&str, Id, Cow<'_, [u8]>)> = funcs.iter().filter_map(entry).collect();
            // What rests on the same is the same record.
            if list.iter().map(|e| (e.0, e.1)).eq(before.iter().map(|e| (e.0, e.1))) {
                return None;
            }
            Some(("index", n.to_string(), lz4_flex::compress_prepend_size(&postcard::to_allocvec(&list).ok()?)))
        })
        .collect();
    let mut kept: FxHashMap<(Symbol, bool), (u32, u32)> = FxHashMap::default();
    for (giver, (tested, untested)) in habits.all() {
        let key = match giver {
            Giver::Name(name) => (name, false),
            Giver::Function(f) if !world.func(f).is_static => (world.func(f).name, true),
            Giver::Function(_) => continue,
        };
        let sum = kept.entry(key).or_default();
        *sum = (sum.0 + tested, sum.1 + untested);
    }
    let mut kept: KeptHabits = kept.into_iter().map(|((name, tree), (t, u))| (name.as_str().to_owned(), tree, t, u)).collect();
    kept.sort_unstable();
    let head = Head { id, made, functions, files: contents };
    for (part, bytes) in [("habits", postcard::to_allocvec(&kept)), ("head", postcard::to_allocvec(&head))] {
        entries.push(("index", part.to_owned(), lz4_flex::compress_prepend_size(&bytes.ok()?)));
    }
    keep.put(entries);
    Some(functions)
}

/// A part of what was left, unpacked.
fn part(keep: &dyn Keep, name: &str) -> Option<Vec<u8>> {
    decompress(&keep.get("index", name)?)
}

/// Which part of the records a name is in.
fn shard(name: Symbol) -> u64 {
    let hash = name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (hash >> 32) % SHARDS
}

/// Functions below one in a record at most; what needs more frames is told without them.
const STUBS_MAX: usize = 256;

/// The record of a function.
fn record(world: &World<'_>, root: FuncId) -> Option<Vec<u8>> {
    // Which effects of which functions the frames need.
    let mut order: Vec<FuncId> = vec![root];
    let mut needed: FxHashMap<FuncId, FxHashSet<usize>> = FxHashMap::default();
    needed.insert(root, (0..world.summary(root)?.effects.len()).collect());
    let mut work: Vec<Way> = world.summary(root)?.effects.iter().map(|e| e.way).collect();
    while let Some(way) = work.pop() {
        let Way::Callee(f, id) = way else { continue };
        let Some((summary, effect)) = world.summary(f).and_then(|s| Some((s, s.effect(id)?))) else { continue };
        let Some(at) = summary.effects.iter().position(|e| std::ptr::eq(e, effect)) else { continue };
        if !needed.contains_key(&f) {
            if order.len() >= STUBS_MAX {
                continue;
            }
            order.push(f);
        }
        if needed.entry(f).or_default().insert(at) {
            work.push(effect.way);
        }
    }
    let stub = |f: FuncId| {
        let mut summary = world.summary(f).cloned().unwrap_or_default();
        if f != root {
            let needed = needed.get(&f);
            let last = needed.and_then(|n| n.iter().max()).map_or(0, |n| n + 1);
            summary = Summary { effects: summary.effects, truncated: summary.truncated, ..Summary::default() };
            summary.effects.truncate(last);
            for (at, effect) in summary.effects.iter_mut().enumerate() {
                if !needed.is_some_and(|n| n.contains(&at)) {
                    *effect = unneeded(effect);
                }
            }
        }
        Stub { path: Symbol::intern(world.path(f)), body: header(world.func(f)), summary }
    };
    let mut stubs: Vec<Stub> = order.iter().map(|f| stub(*f)).collect();
    // What else the summaries name stands there by name alone.
    let (_, named) = packed::packing(|| postcard::to_allocvec(&stubs));
    for f in &named {
        if !needed.contains_key(f) {
            order.push(*f);
            stubs.push(Stub { path: Symbol::intern(world.path(*f)), body: header(world.func(*f)), summary: Summary::default() });
        }
    }
    let ((bytes, table), names) = packing(|| packed::packing(|| postcard::to_allocvec(&stubs)));
    let place: FxHashMap<FuncId, u32> = order.iter().enumerate().map(|(n, f)| (*f, n as u32)).collect();
    let table: Vec<u32> = table.iter().filter_map(|f| place.get(f).copied()).collect();
    let names: Vec<&str> = names.iter().map(|n| n.as_str()).collect();
    postcard::to_allocvec(&(names, Record { table, stubs: bytes.ok()? })).ok()
}

/// An effect that only keeps its place.
fn unneeded(effect: &Effect) -> Effect {
    Effect { way: Way::Here, condition: Default::default(), ..effect.clone() }
}

/// What findings print of a function.
fn header(body: &Body) -> Body {
    Body {
        name: body.name,
        loc: body.loc,
        params: body.params,
        is_static: body.is_static,
        is_inline: body.is_inline,
        ret_ptr: body.ret_ptr,
        ret_void: body.ret_void,
        complete: body.complete,
        annotations: body.annotations.clone(),
        locals: body.locals.iter().take(body.params as usize).copied().collect(),
        ..Body::default()
    }
}

/// Functions outside of what a run reads.
#[derive(Default)]
pub struct Outside {
    /// To be appended to the run's own functions, with what is known of them.
    pub funcs: Vec<(Body, Summary)>,
    /// The ones that were asked for, by name.
    pub by_name: FxHashMap<Symbol, Vec<(FuncId, FileId)>>,
    habits: FxHashMap<(Symbol, bool), (u32, u32)>,
    pub used: u64,
    /// Records that hold no more.
    pub stale: u64,
    pub made: u64,
}

impl Outside {
    /// What an index says of these names. `first`: the number that the first function gets.
    pub fn open(program: &Program<'_>, keep: &dyn Keep, names: &FxHashSet<Symbol>, first: u32) -> Option<Outside> {
        let head = Head::open(keep)?;
        let mut out = Outside { made: head.made, ..Outside::default() };
        let mut by_shard: Vec<Vec<Symbol>> = vec![Vec::new(); SHARDS as usize];
        for name in names {
            by_shard[shard(*name) as usize].push(*name);
        }
        by_shard.iter_mut().for_each(|names| names.sort_unstable_by_key(|n| n.as_str()));
        let found: Vec<Vec<(Symbol, Vec<u8>)>> = by_shard
            .par_iter()
            .enumerate()
            .filter(|(_, names)| !names.is_empty())
            .map(|(n, names)| {
                let bytes = part(keep, &n.to_string())?;
                let list: Shard<'_> = postcard::from_bytes(&bytes).ok()?;
                let all = |name: &Symbol| {
                    let from = list.partition_point(|(n, ..)| *n < name.as_str());
                    let name = *name;
                    list[from..].iter().take_while(move |(n, ..)| *n == name.as_str()).map(move |(.., record)| (name, record.to_vec()))
                };
                Some(names.iter().flat_map(all).collect())
            })
            .map(Option::unwrap_or_default)
            .collect();
        let mut records: Vec<(Symbol, Vec<u8>)> = found.into_iter().flatten().collect();
        records.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        let mut same: FxHashMap<Symbol, Option<FileId>> = FxHashMap::default();
        let mut unchanged = |path: Symbol| {
            *same.entry(path).or_insert_with(|| {
                let then = head.files.binary_search_by(|f| f.0.as_str().cmp(path.as_str())).ok().map(|i| head.files[i].1)?;
                let file = program.source.find(path.as_str())?;
                if keep.content(file).is_none() {
                    program.source.read(file).ok()?;
                }
                (keep.content(file) == Some(then)).then_some(file)
            })
        };
        for (name, bytes) in records {
            let start = first + out.funcs.len() as u32;
            let Some(stubs) = stubs(&bytes, start) else { continue };
            let files: Option<Vec<FileId>> = stubs.iter().map(|s| unchanged(s.path)).collect();
            let Some(files) = files else {
                out.stale += 1;
                continue;
            };
            let Some(own) = files.first() else { continue };
            out.by_name.entry(name).or_default().push((FuncId(start), *own));
            out.used += 1;
            for (stub, file) in stubs.into_iter().zip(files) {
                out.funcs.push((Body { file, ..stub.body }, stub.summary));
            }
        }
        if let Some(list) = part(keep, "habits").and_then(|bytes| postcard::from_bytes::<KeptHabits>(&bytes).ok()) {
            out.habits.extend(list.into_iter().filter_map(|(name, tree, t, u)| Some(((Symbol::find(&name)?, tree), (t, u)))));
        }
        Some(out)
    }

    /// What the whole tree does with the results of functions that this run sees a part of.
    pub fn habits(&self, world: &World<'_>, habits: &mut Habits) {
        habits.raise(|giver| match giver {
            Giver::Name(name) => self.habits.get(&(name, false)).copied(),
            Giver::Function(f) if !world.func(f).is_static => self.habits.get(&(world.func(f).name, true)).copied(),
            Giver::Function(_) => None,
        });
    }
}

/// The functions of a record, numbered from `start`.
fn stubs(bytes: &[u8], start: u32) -> Option<Vec<Stub>> {
    let (names, record): (Vec<&str>, Record) = postcard::from_bytes(bytes).ok()?;
    let names = names.into_iter().map(Symbol::intern).collect();
    let table = record.table.iter().map(|n| FuncId(start + n)).collect();
    unpacking(names, || packed::unpacking(table, || postcard::from_bytes(&record.stubs).ok()))
}
