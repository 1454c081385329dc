//! Types with their names resolved.
//!
//! A [`Ty`] is an id in a [`Types`] table; equal types have equal ids within one table. The table is shared between threads and only
//! grows. What records contain is filled in on first need by [`crate::resolve`]; this file knows nothing of source text.

use crate::ast::{Space, TagKind};
use crate::layout::Layout;
use crate::outline::ItemRef;
use crate::resolve::{EnumValues, FieldRef, Ordinary};
use cuthere_base::{FileId, Symbol};
use parking_lot::RwLock;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::cell::RefCell;
use std::fmt::Write;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A resolved type. Id 0 is `TyKind::Unknown` in every table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ty(pub u32);

impl Ty {
    /// Nothing known.
    pub const UNKNOWN: Ty = Ty(0);
}

/// A structure or union: one per definition, so two drivers' `struct priv` are two records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecordId(pub u32);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TyKind {
    /// Not known: a name without definition, or an expression that could not be typed.
    Unknown,
    Void,
    Bool,
    Int {
        size: u8,
        signed: bool,
        /// `_Atomic`: operators that read and write it do both at once.
        atomic: bool,
    },
    Float {
        size: u8,
    },
    Pointer {
        to: Ty,
        space: Space,
    },
    /// `None`: incomplete or not computable.
    Array {
        of: Ty,
        len: Option<u64>,
    },
    Function {
        ret: Ty,
        params: Arc<[Ty]>,
        variadic: bool,
    },
    Record(RecordId),
    /// Enumerations are ints that remember their tag.
    Enum(Symbol),
    /// `va_list` and other builtin types without structure.
    Builtin(Symbol),
}

/// A member of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Empty: an anonymous struct or union whose members are reached as the outer's own, or an unnamed bit-field.
    pub name: Symbol,
    pub ty: Ty,
    /// Bit-field width.
    pub bits: Option<u32>,
    /// `__attribute__((aligned(n)))` of the member, in bytes.
    pub align: Option<u32>,
    /// `__attribute__((packed))` of the member.
    pub packed: bool,
}

/// What is known of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub kind: TagKind,
    /// The tag, or for an untagged record its typedef's name; empty if neither.
    pub name: Symbol,
    /// Where it is defined; `None`: only declared, or known only from the model.
    pub file: Option<FileId>,
    pub fields: Vec<Field>,
    pub complete: bool,
    pub packed: bool,
    /// `__attribute__((aligned(n)))` of the record, in bytes.
    pub align: Option<u32>,
}

/// A record's place in the table.
pub(crate) struct Slot {
    pub(crate) kind: TagKind,
    pub(crate) name: Symbol,
    /// Where its definition is read from on first need.
    pub(crate) item: Option<ItemRef>,
    pub(crate) record: OnceLock<Record>,
    /// Members by name, those of anonymous members included.
    pub(crate) index: OnceLock<FxHashMap<Symbol, FieldRef>>,
    pub(crate) layout: OnceLock<Option<Layout>>,
}

impl Slot {
    pub(crate) fn new(kind: TagKind, name: Symbol, item: Option<ItemRef>) -> Slot {
        Slot { kind, name, item, record: OnceLock::new(), index: OnceLock::new(), layout: OnceLock::new() }
    }
}

/// A vector that many threads append to and read without locks.
struct Append<T> {
    /// Chunk `i` holds `CHUNK << i` elements.
    chunks: [OnceLock<Box<[OnceLock<T>]>>; 24],
    len: AtomicU32,
}

const CHUNK: u32 = 256;

fn chunk_of(index: u32) -> (usize, usize) {
    let shifted = (index / CHUNK) + 1;
    let chunk = shifted.ilog2();
    let first = ((1u32 << chunk) - 1) * CHUNK;
    (chunk as usize, (index - first) as usize)
}

impl<T> Append<T> {
    fn new() -> Append<T> {
        Append { chunks: [const { OnceLock::new() }; 24], len: AtomicU32::new(0) }
    }

    fn push(&self, value: T) -> u32 {
        let index = self.len.fetch_add(1, Ordering::Relaxed);
        let (chunk, offset) = chunk_of(index);
        if let Some(chunk) = self.chunks.get(chunk) {
            let size = (CHUNK as usize) << chunk_of(index).0;
            let slots = chunk.get_or_init(|| (0..size).map(|_| OnceLock::new()).collect());
            let _ = slots[offset].set(value);
        }
        index
    }

    fn get(&self, index: u32) -> Option<&T> {
        let (chunk, offset) = chunk_of(index);
        self.chunks.get(chunk)?.get()?.get(offset)?.get()
    }
}

const SHARDS: usize = 16;

/// A map that many threads read and add to.
pub(crate) struct Sharded<K, V>(Box<[RwLock<FxHashMap<K, V>>]>);

impl<K: Hash + Eq + Clone, V: Clone> Sharded<K, V> {
    pub(crate) fn new() -> Self {
        Sharded((0..SHARDS).map(|_| RwLock::new(FxHashMap::default())).collect())
    }

    fn shard(&self, key: &K) -> &RwLock<FxHashMap<K, V>> {
        &self.0[(FxBuildHasher.hash_one(key) >> 59) as usize % SHARDS]
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.shard(key).read().get(key).cloned()
    }

    /// The value that was there first.
    pub(crate) fn get_or_insert(&self, key: K, value: impl FnOnce() -> V) -> V {
        let shard = self.shard(&key);
        if let Some(found) = shard.read().get(&key) {
            return found.clone();
        }
        shard.write().entry(key).or_insert_with(value).clone()
    }
}

const RECENT: usize = 1 << 10;
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// What this thread interned lately, with the table's number.
    static RECENTLY: RefCell<Vec<(u64, TyKind, Ty)>> = const { RefCell::new(Vec::new()) };
}

/// The table of types and records of one program; shared between threads.
pub struct Types {
    id: u64,
    kinds: Append<TyKind>,
    ids: Sharded<TyKind, Ty>,
    records: Append<Slot>,
    /// Caches of [`crate::resolve`].
    pub(crate) by_item: Sharded<ItemRef, RecordId>,
    pub(crate) opaque: Sharded<(TagKind, Symbol), RecordId>,
    pub(crate) nested: Sharded<(FileId, Symbol), RecordId>,
    pub(crate) ordinary: Sharded<ItemRef, Option<Ordinary>>,
    pub(crate) enums: Sharded<(FileId, u32), Arc<EnumValues>>,
    pub(crate) macro_declared: Sharded<FileId, Arc<FxHashMap<Symbol, Ordinary>>>,
}

impl Default for Types {
    fn default() -> Self {
        Types::new()
    }
}

impl Types {
    /// A table with nothing but the unknown type.
    pub fn new() -> Types {
        let types = Types {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            kinds: Append::new(),
            ids: Sharded::new(),
            records: Append::new(),
            by_item: Sharded::new(),
            opaque: Sharded::new(),
            nested: Sharded::new(),
            ordinary: Sharded::new(),
            enums: Sharded::new(),
            macro_declared: Sharded::new(),
        };
        types.intern(TyKind::Unknown);
        types
    }

    /// Gives back what names of files were found to mean, which only reading asks.
    pub(crate) fn release_names(&mut self) {
        self.ordinary = Sharded::new();
        self.enums = Sharded::new();
        self.macro_declared = Sharded::new();
    }

    /// The type of this kind.
    pub fn intern(&self, kind: TyKind) -> Ty {
        if matches!(kind, TyKind::Function { .. }) {
            return self.intern_shared(kind);
        }
        let slot = (FxBuildHasher.hash_one(&kind) >> 32) as usize % RECENT;
        let known = RECENTLY.with_borrow(|r| r.get(slot).filter(|r| r.0 == self.id && r.1 == kind).map(|r| r.2));
        known.unwrap_or_else(|| {
            let ty = self.intern_shared(kind.clone());
            RECENTLY.with_borrow_mut(|r| {
                if r.is_empty() {
                    r.resize(RECENT, (0, TyKind::Unknown, Ty::UNKNOWN));
                }
                r[slot] = (self.id, kind, ty);
            });
            ty
        })
    }

    fn intern_shared(&self, kind: TyKind) -> Ty {
        self.ids.get_or_insert(kind.clone(), || Ty(self.kinds.push(kind)))
    }

    /// What a type is; `Unknown` for an id of another table.
    pub fn kind(&self, ty: Ty) -> &TyKind {
        self.kinds.get(ty.0).unwrap_or(&TyKind::Unknown)
    }

    pub fn void(&self) -> Ty {
        self.intern(TyKind::Void)
    }

    pub fn bool(&self) -> Ty {
        self.intern(TyKind::Bool)
    }

    /// An integer of `size` bytes.
    pub fn int(&self, size: u8, signed: bool) -> Ty {
        self.intern(TyKind::Int { size, signed, atomic: false })
    }

    /// A pointer into the kernel's own memory.
    pub fn pointer_to(&self, to: Ty) -> Ty {
        self.intern(TyKind::Pointer { to, space: Space::Kernel })
    }

    pub fn array_of(&self, of: Ty, len: Option<u64>) -> Ty {
        self.intern(TyKind::Array { of, len })
    }

    pub fn record_type(&self, record: RecordId) -> Ty {
        self.intern(TyKind::Record(record))
    }

    /// What a pointer points to or an array consists of.
    pub fn pointee(&self, ty: Ty) -> Option<Ty> {
        match *self.kind(ty) {
            TyKind::Pointer { to, .. } => Some(to),
            TyKind::Array { of, .. } => Some(of),
            _ => None,
        }
    }

    pub(crate) fn add_record(&self, slot: Slot) -> RecordId {
        RecordId(self.records.push(slot))
    }

    pub(crate) fn slot(&self, record: RecordId) -> Option<&Slot> {
        self.records.get(record.0)
    }

    /// The tag of a record, or its typedef's name; known without its definition being read.
    pub fn record_name(&self, record: RecordId) -> Symbol {
        self.slot(record).map_or(Symbol::EMPTY, |s| s.name)
    }

    /// The file that defines a record, if that is known; known without its definition being read.
    pub fn record_file(&self, record: RecordId) -> Option<FileId> {
        self.slot(record)?.item.map(|item| item.file)
    }

    /// The type in C's words, for messages: `struct sk_buff *`, `int (*)(void)`.
    pub fn describe(&self, ty: Ty) -> String {
        let mut out = String::new();
        self.describe_into(ty, "", &mut out, 0);
        out
    }

    fn describe_into(&self, ty: Ty, declarator: &str, out: &mut String, depth: u32) {
        let finish = |out: &mut String| {
            if !declarator.is_empty() {
                if !declarator.starts_with('[') {
                    out.push(' ');
                }
                out.push_str(declarator);
            }
        };
        if depth > 32 {
            out.push('…');
            return;
        }
        match self.kind(ty) {
            TyKind::Pointer { to, space } => {
                let space = match space {
                    Space::Kernel => "",
                    Space::User => "__user ",
                    Space::Iomem => "__iomem ",
                    Space::Percpu => "__percpu ",
                    Space::Rcu => "__rcu ",
                    Space::Atomic => "_Atomic ",
                };
                let wrapped = match self.kind(*to) {
                    TyKind::Array { .. } | TyKind::Function { .. } => format!("({space}*{declarator})"),
                    _ => format!("{space}*{declarator}"),
                };
                self.describe_into(*to, &wrapped, out, depth + 1);
            }
            TyKind::Array { of, len } => {
                let len = len.map_or(String::new(), |l| l.to_string());
                self.describe_into(*of, &format!("{declarator}[{len}]"), out, depth + 1);
            }
            TyKind::Function { ret, params, variadic } => {
                let mut text = format!("{declarator}(");
                for (at, param) in params.iter().enumerate() {
                    if at > 0 {
                        text.push_str(", ");
                    }
                    self.describe_into(*param, "", &mut text, depth + 1);
                }
                if *variadic {
                    text.push_str(if params.is_empty() { "..." } else { ", ..." });
                } else if params.is_empty() {
                    text.push_str("void");
                }
                text.push(')');
                self.describe_into(*ret, &text, out, depth + 1);
            }
            plain => {
                match plain {
                    TyKind::Void => out.push_str("void"),
                    TyKind::Bool => out.push_str("bool"),
                    TyKind::Int { size, signed, atomic } => {
                        if *atomic {
                            out.push_str("_Atomic ");
                        }
                        if !signed {
                            out.push_str("unsigned ");
                        }
                        out.push_str(match size {
                            1 => "char",
                            2 => "short",
                            4 => "int",
                            16 => "__int128",
                            _ => "long",
                        });
                    }
                    TyKind::Float { size: 4 } => out.push_str("float"),
                    TyKind::Float { .. } => out.push_str("double"),
                    TyKind::Record(id) => {
                        let (kind, name) = self.slot(*id).map_or((TagKind::Struct, Symbol::EMPTY), |s| (s.kind, s.name));
                        out.push_str(if kind == TagKind::Union { "union " } else { "struct " });
                        out.push_str(if name.is_empty() { "{…}" } else { name.as_str() });
                    }
                    TyKind::Enum(tag) => {
                        let _ = write!(out, "enum {}", if tag.is_empty() { "{…}" } else { tag.as_str() });
                    }
                    TyKind::Builtin(name) => out.push_str(name.as_str()),
                    _ => out.push('?'),
                }
                finish(out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_types_have_equal_ids_from_any_thread() {
        let types = Types::new();
        let all: Vec<Vec<Ty>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut ty = types.int(4, true);
                        (0..2000)
                            .map(|i| {
                                ty = types.array_of(types.pointer_to(ty), Some(i));
                                ty
                            })
                            .collect()
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().expect("no panic")).collect()
        });
        assert!(all.iter().all(|t| *t == all[0]));
        assert_eq!(types.kind(Ty::UNKNOWN), &TyKind::Unknown);
        assert_eq!(types.kind(types.int(8, false)), &TyKind::Int { size: 8, signed: false, atomic: false });
    }

    #[test]
    fn types_read_as_c() {
        let types = Types::new();
        let int = types.int(4, true);
        let function = types.intern(TyKind::Function { ret: int, params: Arc::from([types.pointer_to(types.void())]), variadic: false });
        assert_eq!(types.describe(types.pointer_to(function)), "int (*)(void *)");
        assert_eq!(types.describe(types.array_of(types.pointer_to(int), Some(3))), "int *[3]");
        assert_eq!(types.describe(types.intern(TyKind::Pointer { to: types.int(1, true), space: Space::User })), "char __user *");
    }
}
