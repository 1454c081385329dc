//! Undoing gzip, within bounds. Decides what is compressed by its first bytes, not by a name.
//!
//! Refuses to go on beyond [`MAX_INPUT`] bytes, or beyond [`MAX_RATIO`] times the input, which no mail reaches.

use crate::limits::{MAX_INPUT, MAX_RATIO, MAX_RATIO_FREE};
use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::io::Read;

/// The bytes themselves, or what gzip had made of them, with a sentence about what was cut.
pub(crate) fn unpack(bytes: &[u8]) -> (Cow<'_, [u8]>, Option<String>) {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        if let Some(head) = bytes.get(..MAX_INPUT).filter(|_| bytes.len() > MAX_INPUT) {
            return (Cow::Borrowed(head), Some(format!("only the first {} MiB were read", MAX_INPUT >> 20)));
        }
        return (Cow::Borrowed(bytes), None);
    }
    let cap = MAX_INPUT.min(bytes.len().saturating_mul(MAX_RATIO).max(MAX_RATIO_FREE));
    let mut out = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(cap as u64 + 1);
    let note = match decoder.read_to_end(&mut out) {
        Err(error) => Some(format!("the gzip data is damaged after {} bytes: {error}", out.len())),
        Ok(_) if out.len() > cap => {
            out.truncate(cap);
            Some(format!("the gzip data unpacks to more than {} MiB; the rest was left out", cap >> 20))
        }
        Ok(_) => None,
    };
    (Cow::Owned(out), note)
}
