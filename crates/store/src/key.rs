//! What an entry is found by: what kind of thing it is, in which version of its form, made from which bytes.

use std::fmt;

/// The address of an entry: a 128-bit hash of namespace, version and everything that the entry was made from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub(crate) [u8; 16]);

impl Key {
    /// `namespace` says what is stored (`outline`, `summary`), `version` in which form: a new form needs a new number, and old entries
    /// then fall out of use. `inputs` are all the bytes that the entry is a pure function of; their number and lengths count.
    pub fn new(namespace: &str, version: u32, inputs: &[&[u8]]) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key("cuthere 2026 store entry key");
        for part in [namespace.as_bytes(), &version.to_le_bytes()].into_iter().chain(inputs.iter().copied()) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        Key(key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The content hash of a file's bytes, for use among the inputs of [`Key::new`].
pub fn content_hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// The checksum of stored bytes; it also covers the key, so that an entry cannot be taken for another.
pub(crate) fn checksum(key: &[u8], bytes: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key);
    hasher.update(bytes);
    let mut sum = [0; 16];
    hasher.finalize_xof().fill(&mut sum);
    sum
}
