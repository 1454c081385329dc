//! Lock classes of the whole tree, by number.
//!
//! What a function calls a lock is made a class here: a variable belongs to the file if it is private to it, and a record that is embedded in several others
//! stands for as many classes as there are embeddings; a pointer to such a record has no class, since nothing says which it is.

use super::lock_facts::{LockFacts, LockUse};
use super::lock_place::LockPlace;
use crate::body::Record;
use crate::program::World;
use crate::summary::{EffectKind, FuncId, RelRoot, Way};
use cuthere_base::{FileId, Symbol};
use cuthere_kernel::LockKind;
use rustc_hash::{FxHashMap, FxHashSet};

/// A class of locks, or what the callbacks of one kind of object run in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LockClass(pub u32);

impl LockClass {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What identifies a class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    place: LockPlace,
    /// The file that it is private to.
    file: Option<FileId>,
    callback: bool,
    /// It is the ownership of a socket, which whoever takes the spinlock inside of it (`bh_lock_sock()`) does not wait for.
    socket: bool,
}

/// What is known of a class.
#[derive(Clone, Debug)]
pub struct ClassInfo {
    /// As findings name it.
    pub name: String,
    pub place: LockPlace,
    pub kind: LockKind,
    /// It is what callbacks of an object run in, not a lock.
    pub callback: bool,
    /// It is known by a pointer only: two of them may be one lock, and one may be several.
    pub pointer: bool,
    /// It is a member of a record of the whole kernel, which drivers share that have nothing to do with each other.
    pub common: bool,
    /// Somewhere locks of the class are told apart by a nested variant: which of them meet is not known.
    pub subclassed: bool,
    /// Nothing is known of it but the file that uses it.
    pub in_file: bool,
}

/// Embeddings of a record in different others from which on it is one of those that each embedder initialises.
const EMBEDDED_MIN: usize = 3;

/// Frames of a way down that are followed; functions that call each other in a circle have ways without end.
const WAY_MAX: usize = 16;

/// All classes.
#[derive(Default)]
pub struct LockClasses {
    numbers: FxHashMap<Key, LockClass>,
    pub infos: Vec<ClassInfo>,
    /// Members of records that each embedder initialises.
    parts: FxHashSet<(Record, Symbol)>,
    files: FxHashMap<(FileId, Symbol), Option<FileId>>,
}

impl LockClasses {
    pub(super) fn new(facts: &[(FuncId, Box<LockFacts>)]) -> LockClasses {
        let mut embedded: FxHashMap<(Record, Symbol), Vec<(Record, Symbol)>> = FxHashMap::default();
        let mut note = |place: &LockPlace| {
            if let LockPlace::Member { outer, record, member } = *place
                && !outer.0.is_unknown()
            {
                let all = embedded.entry((record, member)).or_default();
                if !all.contains(&outer) {
                    all.push(outer);
                }
            }
        };
        for u in facts.iter().flat_map(|(_, f)| &f.uses) {
            note(&u.place);
            u.held.iter().for_each(|h| note(&h.place));
        }
        let twice = |all: &[(Record, Symbol)]| all.iter().enumerate().any(|(i, a)| all[..i].iter().any(|b| a.0 == b.0));
        let parts = embedded.into_iter().filter(|(_, all)| all.len() >= EMBEDDED_MIN || twice(all)).map(|(inner, _)| inner).collect();
        LockClasses { parts, ..LockClasses::default() }
    }

    /// The class of what a function uses: a variable is that of the function that names it, which may be a callee.
    pub fn used(&mut self, world: &World<'_>, func: FuncId, u: &LockUse) -> Option<LockClass> {
        let mut owner = func;
        if let LockPlace::Global(name) = u.place {
            let mut way = u.way;
            for _ in 0..WAY_MAX {
                let Way::Callee(f, id) = way else { break };
                let Some(effect) = world.summary(f).and_then(|s| s.effect(id)) else { break };
                if !matches!(&effect.kind, EffectKind::Acquire { lock, .. } if lock.root == RelRoot::Global(name)) {
                    break;
                }
                (owner, way) = (f, effect.way);
            }
        }
        let class = self.of(world, owner, u.place, u.callback, u.kind)?;
        self.infos[class.index()].subclassed |= u.subclass;
        Some(class)
    }

    /// The class of a place in a function, made if there is none yet; `None`: it has none.
    pub fn of(&mut self, world: &World<'_>, func: FuncId, place: LockPlace, callback: bool, kind: LockKind) -> Option<LockClass> {
        if let LockPlace::Global(name) | LockPlace::Through(_, name) = place {
            let from = world.func(func).file;
            self.files.entry((from, name)).or_insert_with(|| world.private_to(from, name));
        }
        let key = self.key(world, func, place, callback, kind)?;
        if let Some(&known) = self.numbers.get(&key) {
            return Some(known);
        }
        let new = LockClass(self.infos.len() as u32);
        let place = key.place;
        let name = match place {
            LockPlace::Member { outer, record, member } if !outer.0.is_unknown() && !record.is_unknown() => {
                format!("{}.{}.{member}", outer.0, outer.1)
            }
            _ => place.text(),
        };
        let pointer = matches!(place, LockPlace::Through(..)) && !callback;
        let common = matches!(place, LockPlace::Member { record, .. } if record.is_common());
        self.infos.push(ClassInfo { name, place, kind, callback, pointer, common, subclassed: false, in_file: place == LockPlace::InFile });
        self.numbers.insert(key, new);
        Some(new)
    }

    /// The class of a place in a function, if it was made before.
    pub fn find(&self, world: &World<'_>, func: FuncId, place: LockPlace, kind: LockKind) -> Option<LockClass> {
        self.numbers.get(&self.key(world, func, place, false, kind)?).copied()
    }

    /// What identifies the class of a place.
    fn key(&self, world: &World<'_>, func: FuncId, place: LockPlace, callback: bool, kind: LockKind) -> Option<Key> {
        // A bit of a word, and what only marks somebody as busy, is no lock of lockdep's, but if it is one for the whole kernel.
        if kind == LockKind::Bit || kind == LockKind::SleepingOther && !callback && !matches!(place, LockPlace::Global(_)) {
            return None;
        }
        let own = world.func(func).file;
        let none = (Record::UNKNOWN, Symbol::EMPTY);
        let (place, file) = match place {
            // What lies in another record is known by that.
            LockPlace::Member { outer, record, member } if record.is_unknown() && !outer.0.is_unknown() => {
                (LockPlace::Member { outer, record, member }, None)
            }
            // Only a name that tells something can stand for a record that is not known.
            LockPlace::Member { record, member, .. } if record.is_unknown() => {
                if !member.as_str().contains('_') {
                    return None;
                }
                (LockPlace::Member { outer: none, record, member }, None)
            }
            LockPlace::Member { outer, record, member } if self.parts.contains(&(record, member)) => {
                if outer.0.is_unknown() {
                    return None;
                }
                (LockPlace::Member { outer, record, member }, None)
            }
            LockPlace::Member { record, member, .. } => (LockPlace::Member { outer: none, record, member }, None),
            LockPlace::Global(name) => (place, self.file_of(world, own, name)),
            LockPlace::Through(record, name) if record.is_unknown() => (place, self.file_of(world, own, name)),
            LockPlace::Through(..) => (place, None),
            LockPlace::Given(_) => return None,
            LockPlace::InFile => (place, Some(own)),
        };
        Some(Key { place, file, callback, socket: kind == LockKind::Sock })
    }

    pub fn info(&self, class: LockClass) -> &ClassInfo {
        &self.infos[class.index()]
    }

    /// The file that a variable is private to, as seen from a file.
    fn file_of(&self, world: &World<'_>, from: FileId, name: Symbol) -> Option<FileId> {
        self.files.get(&(from, name)).copied().unwrap_or_else(|| world.private_to(from, name))
    }
}
