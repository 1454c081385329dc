//! What was found out about functions, as long as what that rests on is the same.
//!
//! The paths of a function rest on its body, on how it is entered, and on the summaries of its callees. What the summary says of a callee's callees
//! is part of the summary, with one exception: which primitive an effect ends in. Claims quote all frames of a way, so a function with
//! claims must also find everything below it the same.

use super::{Id, Keep, finish, hash_of};
use cuthere_base::{Symbol, folder};
use cuthere_flow::body::{OpKind, Target};
use cuthere_flow::program::link::files;
use cuthere_flow::program::{World, packed};
use cuthere_flow::summary::chain::chain;
use cuthere_flow::summary::{FuncId, Summary};
use parking_lot::Mutex;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a function's result rests on, and what stands for it to callers.
#[derive(Clone, Copy)]
struct Done {
    input: Id,
    deep: Id,
    result: Id,
}

#[derive(Serialize, Deserialize)]
struct Record<S, L> {
    input: Id,
    /// The input with that of everything below.
    deep: Id,
    /// What callers see of it.
    result: Id,
    summary: S,
    reports: L,
}

/// The records of a file, by input.
type Records<R> = FxHashMap<Id, Record<Summary, Vec<R>>>;

/// Functions that are done together, and what that rests on: input and deep input of each.
pub struct Unit(Vec<(Id, Id)>);

/// Records by file: kept ones are taken out, new ones noted.
pub struct Results<'k, R> {
    keep: &'k dyn Keep,
    records: Vec<Mutex<Records<R>>>,
    /// Per function: what names it in all runs, that as a hash, and a hash of what it is by itself.
    references: Vec<Reference>,
    idents: Vec<Id>,
    own: Vec<Id>,
    done: Vec<OnceLock<Done>>,
    /// Per file: something in it was found out anew.
    fresh: Vec<AtomicBool>,
}

/// `(path, name, which of that name in the file)`
type Reference = (Symbol, Symbol, u32);

impl<'k, R: Serialize + DeserializeOwned + Send> Results<'k, R> {
    /// `hashes` are those of the functions' bodies.
    pub fn open(world: &World<'_>, hashes: &[Id], keep: &'k dyn Keep) -> Results<'k, R> {
        let references = references(world);
        let number: FxHashMap<Reference, FuncId> = references.iter().enumerate().map(|(n, r)| (*r, FuncId(n as u32))).collect();
        let idents: Vec<Id> = references
            .par_iter()
            .with_min_len(1024)
            .map(|(path, name, nth)| short(&[path.as_str().as_bytes(), name.as_str().as_bytes(), &nth.to_le_bytes()]))
            .collect();
        let excuses: rustc_hash::FxHashSet<Symbol> = world.model.entries().filter_map(|entry| entry.excused_by).collect();
        let own = (0..world.funcs.len()).into_par_iter().with_min_len(1024).map(|n| {
            let mut text = format!("{} {}\n", world.gfp_reclaim, world.gfp_nofail);
            for e in world.entry_points.get(&FuncId(n as u32)).into_iter().flatten() {
                let bound = e.bound.map(|(file, line)| (world.program.source.path(file), line));
                text += &format!("{:?} {} {} {bound:?}\n", e.context, e.contract, e.how);
            }
            let body = &world.funcs[n];
            text += &world.tables.named(body);
            for (record, member) in world.owners.get(&FuncId(n as u32)).into_iter().flatten() {
                text += &format!("{record}.{member} ");
            }
            for (record, member) in world.counts.get(&FuncId(n as u32)).into_iter().flatten() {
                text += &format!("{record}.{member} counts ");
            }
            let mut excuses: Vec<&str> =
                excuses.iter().filter(|by| world.excused.contains(&(body.file, **by))).map(|by| by.as_str()).collect();
            excuses.sort_unstable();
            text += &excuses.join(" ");
            for op in world.narrowed.get(&FuncId(n as u32)).into_iter().flatten() {
                text += &format!(" {}", op.0);
            }
            text += &settled(world, FuncId(n as u32));
            short(&[hashes.get(n).map_or(&[][..], |h| &h[..]), idents.get(n).map_or(&[][..], |id| &id[..]), text.as_bytes()])
        });
        let own = own.collect();
        let files = world.program.files.len();
        let mut records: Vec<Mutex<Records<R>>> = Vec::with_capacity(files);
        records.resize_with(files, Mutex::default);
        folders(world).par_iter().for_each(|(name, _)| {
            for (path, list) in load(keep, name, &number).into_iter().flatten() {
                if let Some(slot) = world.program.source.find(&path).and_then(|file| records.get(file.index())) {
                    slot.lock().extend(list.into_iter().map(|record| (record.input, record)));
                }
            }
        });
        let done = world.funcs.iter().map(|_| OnceLock::new()).collect();
        let fresh = (0..files).map(|_| AtomicBool::new(false)).collect();
        Results { keep, records, references, idents, own, done, fresh }
    }

    /// What doing these functions rests on. `circle`: they are in circles.
    pub fn unit(&self, world: &World<'_>, members: &[FuncId], circle: bool) -> Unit {
        let inside: rustc_hash::FxHashSet<FuncId> = if circle { members.iter().copied().collect() } else { Default::default() };
        let (mut input, mut deep) = (blake3::Hasher::new(), blake3::Hasher::new());
        for f in members {
            input.update(&self.own[f.index()]);
            for (op, callees) in world.callees[f.index()].iter() {
                input.update(&op.0.to_le_bytes());
                for callee in callees.list() {
                    input.update(&self.idents[callee.index()]);
                    if !inside.contains(callee)
                        && let Some(done) = self.done[callee.index()].get()
                    {
                        input.update(&done.result);
                        deep.update(&done.deep);
                    }
                }
            }
            for release in world.releases.get(f).into_iter().flatten() {
                input.update(release.member.as_str().as_bytes()).update(&self.idents[release.func.index()]);
                if !inside.contains(&release.func)
                    && let Some(done) = self.done[release.func.index()].get()
                {
                    input.update(&done.result);
                    deep.update(&done.deep);
                }
            }
        }
        let input = finish(&input);
        let deep = finish(deep.update(&input));
        Unit(match members {
            [_] => vec![(input, deep)],
            _ => members.iter().map(|f| (short(&[&input, &self.idents[f.index()]]), deep)).collect(),
        })
    }

    /// What a former run has found out about all of these, if that still holds.
    pub fn take(&self, world: &World<'_>, members: &[FuncId], unit: &Unit, quotes: impl Fn(&R) -> bool) -> Option<Vec<(Summary, Vec<R>)>> {
        let slot = |f: &FuncId| &self.records[world.func(*f).file.index()];
        let holds = members.iter().zip(&unit.0).all(|(f, (input, deep))| {
            slot(f).lock().get(input).is_some_and(|kept| kept.deep == *deep || !kept.reports.iter().any(&quotes))
        });
        if !holds {
            return None;
        }
        let mut out = Vec::with_capacity(members.len());
        for (f, (input, deep)) in members.iter().zip(&unit.0) {
            let kept = slot(f).lock().remove(input)?;
            // If it holds on another ground below, it quotes nothing from there: it stays as it is kept.
            let _ = self.done[f.index()].set(Done { input: *input, deep: *deep, result: kept.result });
            out.push((kept.summary, kept.reports));
        }
        Some(out)
    }

    /// Notes what was found out about these; their summaries are there.
    pub fn note(&self, world: &World<'_>, members: &[FuncId], unit: &Unit) {
        for (f, (input, deep)) in members.iter().zip(&unit.0) {
            let result = world.summaries[f.index()].get().map_or([0; 16], |summary| self.result(world, summary));
            let _ = self.done[f.index()].set(Done { input: *input, deep: *deep, result });
            self.fresh[world.func(*f).file.index()].store(true, Ordering::Relaxed);
        }
    }

    /// What callers see of a summary.
    fn result(&self, world: &World<'_>, summary: &Summary) -> Id {
        let (hash, table) = packed::packing(|| hash_of(summary));
        let mut hasher = blake3::Hasher::new();
        hasher.update(&hash);
        for f in table {
            hasher.update(&self.idents[f.index()]);
        }
        for effect in &summary.effects {
            hasher.update(chain(world, effect.way).primitive.as_str().as_bytes()).update(&[0]);
        }
        finish(&hasher)
    }

    /// Keeps everything of the folders in which something is new. Gives what all that is known of each function rests on.
    pub fn close(self, world: &World<'_>, reports: &[(FuncId, Vec<R>)]) -> Vec<Option<Id>>
    where
        R: Sync,
    {
        let none: Vec<R> = Vec::new();
        let (references, done, fresh) = (&self.references, &self.done, &self.fresh);
        let pack = |(name, files): &(String, Vec<std::ops::Range<u32>>)| {
            let new = |range: &std::ops::Range<u32>| {
                world.funcs.get(range.start as usize).is_some_and(|d| fresh[d.file.index()].load(Ordering::Relaxed))
            };
            if !files.iter().any(new) {
                return None;
            }
            let list = |range: &std::ops::Range<u32>| {
                let record = |n: u32| {
                    let done = done[n as usize].get()?;
                    let at = reports.binary_search_by_key(&FuncId(n), |r| r.0).ok();
                    let reports = at.map_or(&none, |at| &reports[at].1);
                    let summary = world.summaries[n as usize].get()?;
                    Some(Record { input: done.input, deep: done.deep, result: done.result, summary, reports })
                };
                let path = world.path(FuncId(range.start)).to_owned();
                (path, range.clone().filter_map(record).collect::<Vec<_>>())
            };
            let files: Vec<_> = files.iter().map(list).collect();
            let (bytes, table) = packed::packing(|| super::pack(&files));
            let table: Vec<Reference> = table.iter().filter_map(|f| references.get(f.index()).copied()).collect();
            Some(("results", name.clone(), super::pack(&(table, bytes?))?))
        };
        let entries: Vec<_> = folders(world).par_iter().filter_map(pack).collect();
        self.keep.put(entries);
        done.iter().map(|done| done.get().map(|done| done.deep)).collect()
    }
}

type Loaded<R> = Vec<(String, Vec<Record<Summary, Vec<R>>>)>;

fn load<R: DeserializeOwned>(keep: &dyn Keep, name: &str, number: &FxHashMap<Reference, FuncId>) -> Option<Loaded<R>> {
    let bytes = keep.get("results", name)?;
    let (table, bytes): (Vec<Reference>, Vec<u8>) = super::unpack(&bytes)?;
    // A function that is gone may be in something that holds no more; nothing is lost but time.
    let table: Option<Vec<FuncId>> = table.iter().map(|r| number.get(r).copied()).collect();
    packed::unpacking(table?, || super::unpack(&bytes))
}

/// Folders with the ranges of function numbers of their files, in order.
fn folders(world: &World<'_>) -> Vec<(String, Vec<std::ops::Range<u32>>)> {
    let mut out: std::collections::BTreeMap<&str, Vec<std::ops::Range<u32>>> = Default::default();
    for (start, end) in files(&world.funcs) {
        out.entry(folder(world.path(FuncId(start as u32)))).or_default().push(start as u32..end as u32);
    }
    out.into_iter().map(|(name, ranges)| (name.to_owned(), ranges)).collect()
}

fn references(world: &World<'_>) -> Vec<Reference> {
    let mut seen: FxHashMap<Symbol, u32> = FxHashMap::default();
    let mut last = None;
    let mut path = Symbol::EMPTY;
    let mut out = Vec::with_capacity(world.funcs.len());
    for d in &world.funcs {
        if last != Some(d.file) {
            seen.clear();
            last = Some(d.file);
            path = Symbol::intern(world.program.source.path(d.file));
        }
        let nth = seen.entry(d.name).or_default();
        out.push((path, d.name, *nth));
        *nth += 1;
    }
    out
}

fn short(parts: &[&[u8]]) -> Id {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    finish(&hasher)
}

/// What is known of the calls of a function by what else its file does and includes.
fn settled(world: &World<'_>, f: FuncId) -> String {
    let body = world.func(f);
    let mut out = String::new();
    for op in body.ops.iter() {
        let OpKind::Call { target: Target::Name(name), .. } = op.kind else { continue };
        let Some(entry) = world.model.entry(name).filter(|e| e.faults || e.excused_by.is_some()) else { continue };
        let kept = entry.refs.iter().any(|r| !r.counter.is_empty() && world.kept_elsewhere(f, r.counter));
        out += &format!(" {}{}", u8::from(kept), u8::from(world.tolerant.contains(&(body.file, name))));
    }
    out
}
