//! Functions in stored data, by place in a table of them, as functions are numbered anew in each run.

use crate::summary::FuncId;
use cuthere_base::packed::Places;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;

thread_local! { static FUNCTIONS: RefCell<Places<FuncId>> = RefCell::default(); }

/// Serialises with places in a table; gives the table too.
pub fn packing<R>(serialise: impl FnOnce() -> R) -> (R, Vec<FuncId>) {
    Places::packing(&FUNCTIONS, serialise)
}

/// Deserialises what [`packing`] made, with what the table's functions are called now.
pub fn unpacking<R>(table: Vec<FuncId>, deserialise: impl FnOnce() -> R) -> R {
    Places::unpacking(&FUNCTIONS, table, deserialise)
}

impl Serialize for FuncId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(FUNCTIONS.with_borrow_mut(|table| table.place(*self)).unwrap_or(self.0))
    }
}

impl<'de> Deserialize<'de> for FuncId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FuncId, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if !FUNCTIONS.with_borrow(Places::unpacks) {
            return Ok(FuncId(number));
        }
        FUNCTIONS.with_borrow(|table| table.at(number)).ok_or_else(|| D::Error::custom("a function that is not in the table"))
    }
}
