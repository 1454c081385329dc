//! The lines that name files and places: `diff --git`, `---`, `+++`, `@@`.

use super::Hunk;

/// A name from a `---` or `+++` line.
pub(super) struct Name {
    /// `None` for `/dev/null` or nothing.
    pub path: Option<String>,
    /// The time stamp is the epoch, by which diff -N says that the file is not there.
    pub epoch: bool,
}

/// Reads what follows `--- ` or `+++ `: a name, perhaps quoted, perhaps with a time stamp behind it.
pub(super) fn file_name(text: &[u8]) -> Name {
    let text = trim(text);
    if text.first() == Some(&b'"')
        && let Some((name, rest)) = unquote(text)
    {
        return Name { path: not_null(name), epoch: is_epoch(rest) };
    }
    let (name, stamp) = match text.iter().position(|&byte| byte == b'\t') {
        Some(at) => text.split_at(at),
        None => split_stamp(text),
    };
    Name { path: not_null(String::from_utf8_lossy(trim(name)).into_owned()), epoch: is_epoch(stamp) }
}

fn not_null(name: String) -> Option<String> {
    (!name.is_empty() && name != "/dev/null").then_some(name)
}

pub(super) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

fn is_epoch(stamp: &[u8]) -> bool {
    let stamp = trim(stamp);
    stamp.starts_with(b"1970-01-01 ") || stamp.starts_with(b"1969-12-31 ")
}

/// Splits a name from a time stamp whose tab became blanks.
fn split_stamp(text: &[u8]) -> (&[u8], &[u8]) {
    for at in text.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at) {
        let rest = trim(&text[at..]);
        let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        let date = rest.len() >= 10 && digits(&rest[..4]) && rest[4] == b'-' && digits(&rest[5..7]) && rest[7] == b'-';
        let day = [&b"Mon "[..], b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "].iter().any(|day| rest.starts_with(day));
        if date || day || rest.starts_with(b"(revision ") || rest.starts_with(b"(working copy)") {
            return text.split_at(at);
        }
    }
    (text, b"")
}

/// Reads a C-quoted name as git writes it. Gives the name and what follows the closing quote.
fn unquote(text: &[u8]) -> Option<(String, &[u8])> {
    let mut bytes = Vec::new();
    let mut at = 1;
    loop {
        match *text.get(at)? {
            b'"' => return Some((String::from_utf8_lossy(&bytes).into_owned(), text.get(at + 1..)?)),
            b'\\' => {
                at += 1;
                let escape = *text.get(at)?;
                bytes.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'0'..=b'7' => {
                        let octal = text.get(at..at + 3)?;
                        at += 2;
                        octal.iter().try_fold(0u8, |value, digit| match digit {
                            b'0'..=b'7' => Some(value.wrapping_mul(8).wrapping_add(digit - b'0')),
                            _ => None,
                        })?
                    }
                    other => other,
                });
            }
            byte => bytes.push(byte),
        }
        at += 1;
    }
}

/// The two names of a `diff --git` line. Without quotes, a name with blanks is found since both names are the same.
pub(super) fn git_names(text: &[u8]) -> Option<(String, String)> {
    let text = trim(text);
    if text.first() == Some(&b'"') {
        let (old, rest) = unquote(text)?;
        let rest = trim(rest);
        let new = if rest.first() == Some(&b'"') { unquote(rest)?.0 } else { String::from_utf8_lossy(rest).into_owned() };
        return Some((old, new));
    }
    if text.last() == Some(&b'"') {
        let at = text.windows(2).position(|pair| pair == b" \"")?;
        return Some((String::from_utf8_lossy(&text[..at]).into_owned(), unquote(&text[at + 1..])?.0));
    }
    let text = String::from_utf8_lossy(text);
    let bare = |name: &str| name.split_once('/').map_or_else(|| name.to_owned(), |(_, rest)| rest.to_owned());
    let mut first = None;
    for (at, _) in text.match_indices(' ').take(64) {
        let (old, new) = (text[..at].trim(), text[at..].trim());
        if bare(old) == bare(new) {
            return Some((old.to_owned(), new.to_owned()));
        }
        first = first.or(Some((old.to_owned(), new.to_owned())));
    }
    first
}

/// Reads `@@ -a,b +c,d @@ section`. Gives the hunk without its lines and the two counts.
pub(super) fn hunk(text: &[u8]) -> Option<(Hunk, u32, u32)> {
    let text = String::from_utf8_lossy(text);
    let rest = text.strip_prefix("@@ ")?.trim_start().strip_prefix('-')?;
    let (old, rest) = rest.split_once(char::is_whitespace)?;
    let rest = rest.trim_start().strip_prefix('+')?;
    let (new, rest) = rest.split_once(|c: char| c.is_whitespace() || c == '@').unwrap_or((rest, ""));
    let range = |range: &str| -> Option<(u32, u32)> {
        let (start, count) = range.split_once(',').unwrap_or((range, "1"));
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    let ((old_start, old_count), (new_start, new_count)) = (range(old)?, range(new)?);
    let section = rest.trim_start().trim_start_matches('@').trim().to_owned();
    let hunk = Hunk { old_start: Some(old_start), new_start: Some(new_start), section, ..Hunk::default() };
    Some((hunk, old_count, new_count))
}
