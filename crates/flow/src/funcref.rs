//! Functions in stored data: numbers in a table that is stored beside, as functions are numbered anew in each run.

use crate::summary::FuncId;
use rustc_hash::FxHashMap;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;

#[derive(Default)]
enum Mode {
    /// Numbers of this run.
    #[default]
    Own,
    Pack(FxHashMap<FuncId, u32>, Vec<FuncId>),
    Unpack(Vec<FuncId>),
}

thread_local! { static MODE: RefCell<Mode> = RefCell::default(); }

/// Serialises with places in a table; gives the table too.
pub(crate) fn packing<R>(serialise: impl FnOnce() -> R) -> (R, Vec<FuncId>) {
    MODE.set(Mode::Pack(FxHashMap::default(), Vec::new()));
    let out = serialise();
    match MODE.take() {
        Mode::Pack(_, table) => (out, table),
        _ => (out, Vec::new()),
    }
}

/// Deserialises what [`packing`] made, with what the table's functions are called now.
pub(crate) fn unpacking<R>(table: Vec<FuncId>, deserialise: impl FnOnce() -> R) -> R {
    MODE.set(Mode::Unpack(table));
    let out = deserialise();
    MODE.take();
    out
}

impl Serialize for FuncId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = MODE.with_borrow_mut(|mode| match mode {
            Mode::Pack(numbers, table) => *numbers.entry(*self).or_insert_with(|| {
                table.push(*self);
                table.len() as u32 - 1
            }),
            _ => self.0,
        });
        serializer.serialize_u32(number)
    }
}

impl<'de> Deserialize<'de> for FuncId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FuncId, D::Error> {
        let number = u32::deserialize(deserializer)?;
        MODE.with_borrow(|mode| match mode {
            Mode::Unpack(table) => {
                table.get(number as usize).copied().ok_or_else(|| D::Error::custom("a function that is not in the table"))
            }
            _ => Ok(FuncId(number)),
        })
    }
}
