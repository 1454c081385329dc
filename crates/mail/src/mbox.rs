//! Splitting an mbox into messages, in all its dialects.
//!
//! A separator is a line `From … date` at the start or after an empty line, with a date that has a time and a year, followed by
//! something that looks like a header; prose beginning with "From" is none. `Content-Length` (mboxcl, mboxcl2) is believed only
//! where it ends exactly at the next separator or the end. `>From ` loses one `>` (mboxrd; mboxo is read the same way, since no
//! reader can tell a quoted `>From ` from an escaped one) except where lengths were used.

use crate::limits::MAX_MESSAGES;
use std::borrow::Cow;

/// The messages, each without its separator line, and whether some were left out.
pub(crate) fn split(bytes: &[u8]) -> (Vec<Cow<'_, [u8]>>, bool) {
    let mut out = Vec::new();
    let mut at = match first_separator(bytes) {
        Some(at) => at,
        None => return (vec![Cow::Borrowed(bytes)], false),
    };
    while at < bytes.len() {
        if out.len() >= MAX_MESSAGES {
            return (out, true);
        }
        let start = line_end(bytes, at);
        let (end, by_length) = message_end(bytes, start);
        let body = bytes.get(start..end).unwrap_or_default();
        out.push(if by_length { Cow::Borrowed(body) } else { unescape(body) });
        at = end.max(at + 1);
        // Between a message and the next separator there may be empty lines.
        while bytes.get(at).is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            at += 1;
        }
    }
    (out, false)
}

/// The first line that is not empty is a separator.
pub(crate) fn first_separator(bytes: &[u8]) -> Option<usize> {
    let at = bytes.iter().position(|b| !matches!(b, b'\n' | b'\r' | b' ' | b'\t' | 0xef | 0xbb | 0xbf))?;
    is_separator(bytes, at).then_some(at)
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'\n')).map_or(bytes.len(), |n| at + n + 1)
}

fn message_end(bytes: &[u8], start: usize) -> (usize, bool) {
    if let Some(end) = end_by_length(bytes, start) {
        return (end, true);
    }
    let mut at = start;
    let mut after_empty = true;
    while at < bytes.len() {
        let next = line_end(bytes, at);
        let line = bytes.get(at..next).unwrap_or_default();
        if after_empty && line.starts_with(b"From ") && is_separator(bytes, at) && at > start {
            return (at, false);
        }
        after_empty = line.iter().all(|b| matches!(b, b'\n' | b'\r'));
        at = next;
    }
    (bytes.len(), false)
}

fn end_by_length(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut length = None;
    let limit = start.saturating_add(crate::limits::MAX_HEADERS);
    loop {
        let next = line_end(bytes, at);
        let line = bytes.get(at..next)?;
        if at >= limit || line.is_empty() {
            return None;
        }
        if line.iter().all(|b| matches!(b, b'\n' | b'\r')) {
            let length: usize = length?;
            let mut end = next.checked_add(length).filter(|end| *end <= bytes.len())?;
            if end == bytes.len() {
                return Some(end);
            }
            while bytes.get(end).is_some_and(|b| matches!(b, b'\n' | b'\r')) {
                end += 1;
            }
            return (end == bytes.len() || is_separator(bytes, end)).then_some(end);
        }
        if line.len() < 64 && line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case(b"content-length:")) {
            length = std::str::from_utf8(line.get(15..)?).ok().and_then(|v| v.trim().parse().ok());
        }
        at = next;
    }
}

/// `From someone Mon Jan  1 00:00:00 1970`, then a header.
fn is_separator(bytes: &[u8], at: usize) -> bool {
    let next = line_end(bytes, at);
    let Some(line) = bytes.get(at..next).filter(|line| line.len() < 512) else { return false };
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let rest = String::from_utf8_lossy(rest);
    let time = rest.split_whitespace().any(|w| {
        let mut parts = w.split(':');
        let two = |p: Option<&str>| p.is_some_and(|p| (1..=2).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
        two(parts.next()) && two(parts.next())
    });
    let year = rest
        .split_whitespace()
        .any(|w| w.len() == 4 && (w.starts_with("19") || w.starts_with("20")) && w.bytes().all(|b| b.is_ascii_digit()));
    if !time || !year {
        return false;
    }
    let following = bytes.get(next..line_end(bytes, next)).unwrap_or_default();
    following.is_empty() || is_header(following)
}

/// The line begins with a header's name and a colon.
pub(crate) fn is_header(line: &[u8]) -> bool {
    let line = line.strip_prefix(b">").unwrap_or(line);
    match line.iter().position(|b| *b == b':') {
        Some(n) if (1..=64).contains(&n) => {
            line.get(..n).unwrap_or_default().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        }
        _ => line.starts_with(b"From "),
    }
}

fn unescape(body: &[u8]) -> Cow<'_, [u8]> {
    let escaped = |line: &[u8]| {
        let marks = line.iter().take_while(|b| **b == b'>').count();
        marks > 0 && line.get(marks..).is_some_and(|rest| rest.starts_with(b"From "))
    };
    if !body.split(|b| *b == b'\n').any(escaped) {
        return Cow::Borrowed(body);
    }
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|b| *b == b'\n') {
        out.extend_from_slice(if escaped(line) { line.get(1..).unwrap_or_default() } else { line });
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "From a@example.org Mon Jan  1 00:00:00 2024\nSubject: one\n\n";

    #[test]
    fn prose_is_no_separator_and_escapes_are_undone() {
        let text = format!(
            "{HEAD}From here on it is prose.\n\n>From the start\n>>From x\n\nFrom b@example.org Mon Jan  1 00:00:00 2024\nSubject: two\n\nbody\n"
        );
        let (messages, cut) = split(text.as_bytes());
        assert_eq!((messages.len(), cut), (2, false));
        let first = String::from_utf8_lossy(&messages[0]);
        assert!(first.contains("\nFrom here on") && first.contains("\nFrom the start\n>From x\n"), "{first}");
    }

    #[test]
    fn a_length_that_fits_is_believed() {
        let body = "x\n\nFrom c@example.org Mon Jan  1 00:00:00 2024\nSubject: quoted\n";
        let text = format!("From a@example.org Mon Jan  1 00:00:00 2024\nContent-Length: {}\nSubject: one\n\n{body}", body.len());
        assert_eq!(split(text.as_bytes()).0.len(), 1);
        let wrong = text.replace(&format!("Length: {}", body.len()), "Length: 7");
        assert_eq!(split(wrong.as_bytes()).0.len(), 2);
    }
}
