//! Names in stored data: a number that says where in a table of names it stands, which is stored beside.

use crate::Symbol;
use rustc_hash::FxHashMap;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;
use std::fmt;

#[derive(Default)]
enum Mode {
    /// Names stand for themselves.
    #[default]
    Text,
    Pack(FxHashMap<Symbol, u32>, Vec<Symbol>),
    Unpack(Vec<Symbol>),
}

thread_local! { static MODE: RefCell<Mode> = RefCell::default(); }

/// Serialises with names as numbers; gives the table too.
pub fn packing<R>(serialise: impl FnOnce() -> R) -> (R, Vec<Symbol>) {
    MODE.set(Mode::Pack(FxHashMap::default(), Vec::new()));
    let out = serialise();
    match MODE.take() {
        Mode::Pack(_, names) => (out, names),
        _ => (out, Vec::new()),
    }
}

/// Deserialises what [`packing`] made, with its table.
pub fn unpacking<R>(names: Vec<Symbol>, deserialise: impl FnOnce() -> R) -> R {
    MODE.set(Mode::Unpack(names));
    let out = deserialise();
    MODE.take();
    out
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = MODE.with_borrow_mut(|mode| match mode {
            Mode::Pack(numbers, names) => Some(*numbers.entry(*self).or_insert_with(|| {
                names.push(*self);
                names.len() as u32 - 1
            })),
            _ => None,
        });
        match number {
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
        let name = MODE.with_borrow(|mode| match mode {
            Mode::Unpack(names) => names.get(n as usize).copied(),
            _ => None,
        });
        name.ok_or_else(|| E::custom("a name that is not in the table"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Symbol, E> {
        Ok(Symbol::intern(text))
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Symbol, D::Error> {
        let packed = MODE.with_borrow(|mode| matches!(mode, Mode::Unpack(_)));
        if packed { deserializer.deserialize_u32(Name) } else { deserializer.deserialize_str(Name) }
    }
}
