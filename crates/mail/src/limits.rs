//! The bounds within which anything is read. Mail is hostile input: what lies beyond a bound is cut and said, never followed.

/// Bytes of input, and of what gzip makes of it.
pub const MAX_INPUT: usize = 256 << 20;
/// Decompressed bytes per compressed byte, once more than [`MAX_RATIO_FREE`] came out.
pub const MAX_RATIO: usize = 200;
/// Decompressed bytes for which the ratio does not matter.
pub const MAX_RATIO_FREE: usize = 16 << 20;
/// Bytes of one message, headers included.
pub const MAX_MESSAGE: usize = 32 << 20;
/// Bytes of one message's headers.
pub const MAX_HEADERS: usize = 256 << 10;
/// Bytes of one decoded text.
pub const MAX_BODY: usize = 16 << 20;
/// Messages in one input.
pub const MAX_MESSAGES: usize = 20_000;
/// Multipart boundaries and nested messages in one message; beyond, MIME is not taken apart.
pub const MAX_MIME_NESTING: usize = 64;
/// Parts of one message that are listed.
pub const MAX_PARTS: usize = 256;
/// Addresses in one header, and references.
pub const MAX_ADDRESSES: usize = 2_000;
/// Lines of a thread overview.
pub const MAX_OVERVIEW: usize = 20_000;
/// Diffs in one message.
pub const MAX_DIFFS: usize = 1_000;
/// Facts about the damage of one diff.
pub const MAX_DAMAGE: usize = 50;
/// Notes about one input.
pub const MAX_NOTES: usize = 500;
/// Patches in a series that a subject may claim.
pub const MAX_TOTAL: u32 = 2_000;

/// The words of every note that something lies beyond a bound.
pub(crate) const CUT: &str = "only the first";

/// Cuts text at a character boundary at or below `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while end > 0 && !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
