//! Interned names.
//!
//! One process-wide table: a [`Symbol`] is four bytes, compares in one instruction and lives as long as the process.
//! Ids depend on the order in which threads met the names, so they never order anything that a user sees: sort by
//! [`Symbol::as_str`]. The type has no `Ord` for that reason.

use hashbrown::HashTable;
use parking_lot::RwLock;
use rustc_hash::FxHasher;
use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

const SHARD_BITS: u32 = 6;
const SHARDS: usize = 1 << SHARD_BITS;

/// An interned string. `Symbol::EMPTY` is the empty string and stands for "no name".
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

/// A kernel has five million names: the table of ids has no pointers of its own, only the middle of each name's hash.
#[derive(Default)]
struct Shard {
    ids: HashTable<(u32, u32)>,
    names: Vec<&'static str>,
    arena: Arena,
}

impl Shard {
    fn find(&self, name: &str, hash: u64) -> Option<(&'static str, Symbol)> {
        let part = middle(hash);
        let kept = |id: u32| self.names[(id >> SHARD_BITS) as usize];
        let &(_, id) = self.ids.find(spread(part), |&(known, id)| known == part && kept(id) == name)?;
        Some((kept(id), Symbol(id)))
    }

    fn add(&mut self, name: &'static str, hash: u64, shard: usize) -> Symbol {
        let id = ((self.names.len() as u32) << SHARD_BITS) | shard as u32;
        self.names.push(name);
        self.ids.insert_unique(spread(middle(hash)), (middle(hash), id), |entry| spread(entry.0));
        Symbol(id)
    }
}

/// The part of a hash that a shard keeps; the bits above say which shard it is.
fn middle(hash: u64) -> u32 {
    (hash >> (64 - SHARD_BITS - 32)) as u32
}

/// The table takes places from the lowest bits and tags from the highest.
fn spread(part: u32) -> u64 {
    u64::from(part) << 32 | u64::from(part)
}

/// Names are kept for the life of the process in blocks, so that a million names are not a million allocations.
#[derive(Default)]
struct Arena {
    free: &'static mut [u8],
}

impl Arena {
    fn keep(&mut self, name: &str) -> &'static str {
        if self.free.len() < name.len() {
            self.free = Box::leak(vec![0; name.len().max(1 << 14)].into_boxed_slice());
        }
        let free = std::mem::take(&mut self.free);
        let (kept, rest) = free.split_at_mut(name.len());
        kept.copy_from_slice(name.as_bytes());
        self.free = rest;
        std::str::from_utf8(kept).expect("copied from a string")
    }
}

static TABLE: LazyLock<Vec<RwLock<Shard>>> = LazyLock::new(|| {
    let table: Vec<RwLock<Shard>> = (0..SHARDS).map(|_| RwLock::new(Shard::default())).collect();
    // Shard 0 starts with the empty name, so that id 0 is always it.
    let mut first = table[0].write();
    first.add("", hash_of(""), 0);
    drop(first);
    table
});

fn hash_of(name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    name.hash(&mut hasher);
    hasher.finish()
}

fn shard_of(hash: u64) -> usize {
    (hash >> (64 - SHARD_BITS)) as usize
}

const RECENT: usize = 1 << 15;

/// A name of 1 to 16 bytes as numbers, for look-ups that compare no memory: its first and last eight bytes (fewer: four or one),
/// which overlap unless it has sixteen, and its length.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Short {
    first: u64,
    last: u64,
    len: u32,
}

impl Short {
    fn of(name: &[u8]) -> Option<Short> {
        fn ends<const N: usize>(name: &[u8], number: impl Fn([u8; N]) -> u64) -> Option<(u64, u64)> {
            Some((number(*name.first_chunk()?), number(*name.last_chunk()?)))
        }
        let (first, last) = match name.len() {
            8..=16 => ends(name, u64::from_le_bytes)?,
            4..=7 => ends(name, |b| u64::from(u32::from_le_bytes(b)))?,
            // Of three bytes the one between counts too.
            1..=3 => ends(name, |[b]| u64::from(b)).map(|(a, b)| (a | u64::from(name[name.len() / 2]) << 8, b))?,
            _ => return None,
        };
        Some(Short { first, last, len: name.len() as u32 })
    }

    fn slot(self) -> usize {
        let mixed = (self.first ^ self.last.rotate_left(29) ^ u64::from(self.len)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as usize % RECENT
    }
}

// What this thread looked up lately, so that most look-ups touch no shared memory.
thread_local! {
    static BY_SHORT: RefCell<Vec<(Short, Symbol)>> = RefCell::new(vec![(Short::default(), Symbol(0)); RECENT]);
    static BY_NAME: RefCell<Vec<(&'static str, Symbol)>> = RefCell::new(vec![("", Symbol(0)); RECENT]);
    static BY_ID: RefCell<Vec<(u32, &'static str)>> = RefCell::new(vec![(0, ""); RECENT]);
}

impl Symbol {
    /// The empty name.
    pub const EMPTY: Symbol = Symbol(0);

    /// The symbol of `name`; the same for the same bytes, from any thread.
    pub fn intern(name: &str) -> Symbol {
        if name.is_empty() {
            return Symbol::EMPTY;
        }
        if let Some(short) = Short::of(name.as_bytes()) {
            return BY_SHORT.with_borrow_mut(|recent| {
                let entry = &mut recent[short.slot()];
                if entry.0 != short {
                    *entry = (short, Symbol::intern_shared(name, hash_of(name)).1);
                }
                entry.1
            });
        }
        let hash = hash_of(name);
        let slot = (hash >> 20) as usize % RECENT;
        let recent = BY_NAME.with_borrow(|r| r[slot]);
        if recent.0 == name {
            return recent.1;
        }
        let (kept, symbol) = Symbol::intern_shared(name, hash);
        BY_NAME.with_borrow_mut(|r| r[slot] = (kept, symbol));
        symbol
    }

    fn intern_shared(name: &str, hash: u64) -> (&'static str, Symbol) {
        let index = shard_of(hash);
        let shard = &TABLE[index];
        if let Some(known) = shard.read().find(name, hash) {
            return known;
        }
        let mut shard = shard.write();
        if let Some(known) = shard.find(name, hash) {
            return known;
        }
        let kept = shard.arena.keep(name);
        (kept, shard.add(kept, hash, index))
    }

    /// The symbol of `name` if anything interned it before.
    pub fn find(name: &str) -> Option<Symbol> {
        if name.is_empty() {
            return Some(Symbol::EMPTY);
        }
        let hash = hash_of(name);
        TABLE[shard_of(hash)].read().find(name, hash).map(|known| known.1)
    }

    /// The name itself.
    pub fn as_str(self) -> &'static str {
        if self.0 == 0 {
            return "";
        }
        let slot = (self.0 >> SHARD_BITS) as usize % RECENT;
        let recent = BY_ID.with_borrow(|r| r[slot]);
        if recent.0 == self.0 {
            return recent.1;
        }
        let name = TABLE[self.0 as usize & (SHARDS - 1)].read().names[(self.0 >> SHARD_BITS) as usize];
        BY_ID.with_borrow_mut(|r| r[slot] = (self.0, name));
        name
    }

    /// Whether this is the empty name.
    pub fn is_empty(self) -> bool {
        self == Symbol::EMPTY
    }

    /// The id as a number: dense enough for a table index, different from run to run.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Default for Symbol {
    fn default() -> Self {
        Symbol::EMPTY
    }
}

impl From<&str> for Symbol {
    fn from(name: &str) -> Self {
        Symbol::intern(name)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Symbol;

    #[test]
    fn same_name_same_symbol() {
        let a = Symbol::intern("spin_lock");
        assert_eq!(a, Symbol::intern("spin_lock"));
        assert_ne!(a, Symbol::intern("spin_unlock"));
        assert_eq!(a.as_str(), "spin_lock");
        assert_eq!(Symbol::find("spin_lock"), Some(a));
        assert_eq!(Symbol::intern(""), Symbol::EMPTY);
        assert_eq!(Symbol::EMPTY.as_str(), "");
    }

    #[test]
    fn long_names_and_many_threads_agree() {
        let long = "x".repeat(100_000);
        assert_eq!(Symbol::intern(&long).as_str().len(), 100_000);
        let symbols: Vec<Vec<Symbol>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1000).map(|i| Symbol::intern(&format!("name_{i}"))).collect())).collect();
            threads.into_iter().map(|t| t.join().expect("no panic")).collect()
        });
        assert!(symbols.iter().all(|s| *s == symbols[0]));
        assert_eq!(symbols[0][7].as_str(), "name_7");
    }
}
