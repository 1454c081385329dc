//! What a run over a whole tree leaves for the next one.
//!
//! Two things are kept, folder by folder: the bodies of files with the hash of what their reading rests on (`bodies`,
//! [`cuthere_cfront::rests`]), and what was found out about functions with the hash of what that rests on (`results`). What does not fit any
//! more is done again, and only that. Nothing here analyses: it keeps, finds again, and says what still holds.

mod bodies;
mod index;
mod questions;
mod results;

pub use bodies::{Bodies, Incomplete, Kept, pack_bodies};
pub use index::{Head, Outside, leave};
pub use results::{Results, Unit};

use cuthere_base::packed::{packing, unpacking};
use cuthere_base::{FileId, Symbol};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where things are kept between runs over one tree with the same options. An entry may be anything that was put there before, or
/// nothing; what it is good for is said in it.
pub trait Keep: Sync {
    /// The hash of a file's text as this run has read it.
    fn content(&self, file: FileId) -> Option<[u8; 32]>;
    fn get(&self, what: &'static str, part: &str) -> Option<Vec<u8>>;
    fn put(&self, entries: Vec<(&'static str, String, Vec<u8>)>);
    /// The time now, in seconds since 1970, for who wants to know how old something is.
    fn now(&self) -> u64 {
        0
    }
}

/// Something packed: names apart, compressed.
pub(crate) fn pack<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let (bytes, names) = packing(|| postcard::to_allocvec(value));
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let whole = postcard::to_allocvec(&(names, bytes.ok()?)).ok()?;
    Some(lz4_flex::compress_prepend_size(&whole))
}

/// What [`pack`] made; `None`: it is something else.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let whole = decompress(bytes)?;
    let (names, bytes): (Vec<&str>, &[u8]) = postcard::from_bytes(&whole).ok()?;
    let names = names.into_iter().map(Symbol::intern).collect();
    unpacking(names, || postcard::from_bytes(bytes).ok())
}

fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let (size, _) = lz4_flex::block::uncompressed_size(bytes).ok()?;
    if size > MOST { None } else { lz4_flex::decompress_size_prepended(bytes).ok() }
}

/// Nothing of ours unpacks to more bytes.
const MOST: usize = 1 << 30;

/// A hash that stands for something.
pub type Id = [u8; 16];

/// The hash of everything that a value says: names count, not their numbers.
pub fn hash_of<T: Serialize>(value: &T) -> Id {
    let (bytes, names) = packing(|| postcard::to_allocvec(value));
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes.unwrap_or_default());
    for name in names {
        hasher.update(&[0]).update(name.as_str().as_bytes());
    }
    finish(&hasher)
}

/// The end of a hash.
pub(crate) fn finish(hasher: &blake3::Hasher) -> Id {
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    id
}
