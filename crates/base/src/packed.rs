//! Names, and what else is numbered anew in each run, in stored data: by place in a table that is stored beside.

use crate::Symbol;
use rustc_hash::FxHashMap;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;
use std::fmt;
use std::hash::Hash;
use std::thread::LocalKey;

/// What stands for values of a type while data is written or read: the value itself, or its place in a table that is stored beside.
#[derive(Default)]
pub enum Places<T> {
    #[default]
    Off,
    Pack(FxHashMap<T, u32>, Vec<T>),
    Unpack(Vec<T>),
}

/// Where a thread keeps the places of one type.
pub type Key<T> = LocalKey<RefCell<Places<T>>>;

impl<T: Copy + Eq + Hash> Places<T> {
    /// The value's place while packing.
    pub fn place(&mut self, value: T) -> Option<u32> {
        let Places::Pack(places, table) = self else { return None };
        Some(*places.entry(value).or_insert_with(|| {
            table.push(value);
            table.len() as u32 - 1
        }))
    }

    /// The value at a place while unpacking.
    pub fn at(&self, place: u32) -> Option<T> {
        match self {
            Places::Unpack(table) => table.get(place as usize).copied(),
            _ => None,
        }
    }

    /// Whether values are read by place.
    pub fn unpacks(&self) -> bool {
        matches!(self, Places::Unpack(_))
    }

    /// Serialises with places; gives the table too.
    pub fn packing<R>(key: &'static Key<T>, serialise: impl FnOnce() -> R) -> (R, Vec<T>) {
        key.set(Places::Pack(FxHashMap::default(), Vec::new()));
        let out = serialise();
        match key.take() {
            Places::Pack(_, table) => (out, table),
            _ => (out, Vec::new()),
        }
    }

    /// Deserialises what [`Places::packing`] made, with its table.
    pub fn unpacking<R>(key: &'static Key<T>, table: Vec<T>, deserialise: impl FnOnce() -> R) -> R {
        key.set(Places::Unpack(table));
        let out = deserialise();
        key.take();
        out
    }
}

thread_local! { static NAMES: RefCell<Places<Symbol>> = RefCell::default(); }

/// Serialises with names as places in a table; gives the table too.
pub fn packing<R>(serialise: impl FnOnce() -> R) -> (R, Vec<Symbol>) {
    Places::packing(&NAMES, serialise)
}

/// Deserialises what [`packing`] made, with its table.
pub fn unpacking<R>(names: Vec<Symbol>, deserialise: impl FnOnce() -> R) -> R {
    Places::unpacking(&NAMES, names, deserialise)
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match NAMES.with_borrow_mut(|names| names.place(*self)) {
            Some(n) => serializer.serialize_u32(n),
            None => serializer.serialize_str(self.as_str()),
        }
    }
}

struct Name;

impl Visitor<'_> for Name {
    type Value = Symbol;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_u32<E: Error>(self, n: u32) -> Result<Symbol, E> {
        NAMES.with_borrow(|names| names.at(n)).ok_or_else(|| E::custom("a name that is not in the table"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Symbol, E> {
        Ok(Symbol::intern(text))
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Symbol, D::Error> {
        if NAMES.with_borrow(Places::unpacks) { deserializer.deserialize_u32(Name) } else { deserializer.deserialize_str(Name) }
    }
}
