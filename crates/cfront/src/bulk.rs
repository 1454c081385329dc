//! Macros of files that hold almost nothing else: found by hash in the text, never interned in bulk.
//!
//! Register headers with hundreds of thousands of `#define`s are a large share of the kernel's bytes, and hardly any of their
//! names is ever asked for.

use crate::lexer::is_ident;
use crate::outline::MacroDef;
use cuthere_base::{Loc, Symbol};

/// The hash under which [`BulkMacros`] keeps a name.
pub fn name_hash(name: &[u8]) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = name.len() as u64;
    let mut chunks = name.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7]]);
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER);
    }
    let mut last = 0u64;
    for &b in chunks.remainder() {
        last = (last << 8) | u64::from(b);
    }
    hash = (hash.rotate_left(5) ^ last).wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 32)) as u32
}

/// The macros of a file that is nearly only `#define`s: hash of the name and offset of the name, sorted.
#[derive(Clone, Debug, Default)]
pub struct BulkMacros {
    pub(crate) entries: Vec<(u32, u32)>,
    /// Offsets of names that the configuration excludes, sorted.
    pub(crate) inactive: Vec<u32>,
}

impl BulkMacros {
    /// How many definitions there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Hashes and offsets of the names in `text`, by hash, then place.
    pub fn entries(&self) -> &[(u32, u32)] {
        &self.entries
    }

    /// The definition of `name`: the last active one, or else the first one. `text` is the file's.
    pub fn find(&self, text: &[u8], name: &str) -> Option<MacroDef> {
        let (lo, hi, active) = self.place(text, name)?;
        let end = crate::scan::directive_end(text, hi, text.len());
        let line = memchr::memchr_iter(b'\n', &text[..lo]).count() as u32 + 1;
        let line_start = memchr::memrchr(b'\n', &text[..lo]).map_or(0, |p| p + 1);
        Some(MacroDef {
            name: Symbol::intern(name),
            lo: hi as u32,
            hi: end as u32,
            function_like: text.get(hi) == Some(&b'('),
            active,
            loc: Loc::new(line, (lo - line_start + 1).min(65535) as u16),
        })
    }

    /// Where the definition that [`BulkMacros::find`] gives has its name: start, end, and whether it is active. Counts no lines, so it is the one
    /// to ask whether there is a definition at all.
    pub fn place(&self, text: &[u8], name: &str) -> Option<(usize, usize, bool)> {
        let hash = name_hash(name.as_bytes());
        let from = self.entries.partition_point(|e| e.0 < hash);
        let mut found = None;
        for &(_, offset) in self.entries[from..].iter().take_while(|e| e.0 == hash) {
            let lo = offset as usize;
            let hi = lo.saturating_add(name.len());
            if text.get(lo..hi) != Some(name.as_bytes()) || text.get(hi).is_some_and(|&b| is_ident(b)) {
                continue;
            }
            let active = self.inactive.binary_search(&offset).is_err();
            if active || found.is_none() {
                found = Some((lo, hi, active));
            }
        }
        found
    }
}
