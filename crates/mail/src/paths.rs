//! The paths in file headers: git's quoting, the `a/` and `b/` prefixes, and which paths leave the tree.

use crate::types::DiffFile;

/// The two paths of a `diff --git` line. Blanks in names make that line ambiguous; then both halves must agree.
pub(crate) fn file_from_git_line(line: &str) -> DiffFile {
    let rest = line.strip_prefix("diff --git ").unwrap_or_default().trim_end();
    let pair = if rest.starts_with('"') {
        split_quoted(rest)
    } else {
        let splits = rest.match_indices(" b/").map(|(n, _)| n).collect::<Vec<_>>();
        let same = splits.iter().copied().find(|n| rest.get(2..*n) == rest.get(n + 3..));
        same.or(splits.first().copied()).or(rest.find(' ')).and_then(|n| Some((rest.get(..n)?.to_string(), rest.get(n + 1..)?.to_string())))
    };
    let (old, new) = pair.unwrap_or_default();
    let (old, new) = strip_pair(&old, &new);
    DiffFile { old, new, ..DiffFile::default() }
}

fn split_quoted(rest: &str) -> Option<(String, String)> {
    let end = rest.match_indices('"').map(|(n, _)| n).find(|n| *n > 0 && !rest.get(..*n).is_some_and(|r| r.ends_with('\\')))?;
    Some((rest.get(..=end)?.to_string(), rest.get(end + 1..)?.trim_start().to_string()))
}

/// Both paths without their first component, where that is `a/`, `b/` or one of two different directories with the same content.
pub(crate) fn strip_pair(old: &str, new: &str) -> (Option<String>, Option<String>) {
    let (plain_old, plain_new) = (plain(old), plain(new));
    let tail = |p: &str| p.split_once('/').map(|(_, tail)| tail.to_string());
    if let (Some(a), Some(b)) = (tail(&plain_old), tail(&plain_new))
        && a == b
        && plain_old != plain_new
        && !plain_old.starts_with('/')
        && !plain_old.starts_with("..")
    {
        return (Some(a), Some(b));
    }
    (strip_path(old), strip_path(new))
}

/// A path without `a/` or `b/`; `None` for `/dev/null` and for nothing.
pub(crate) fn strip_path(path: &str) -> Option<String> {
    let path = plain(path);
    if path.is_empty() || path == "/dev/null" {
        return None;
    }
    let stripped = ["a/", "b/", "i/", "w/", "c/", "o/"].iter().find_map(|p| path.strip_prefix(p)).map(str::to_string);
    Some(stripped.unwrap_or(path))
}

/// Without quoting and time stamp.
fn plain(path: &str) -> String {
    let path = path.split('\t').next().unwrap_or_default().trim();
    match path.strip_prefix('"').map(|p| p.strip_suffix('"').unwrap_or(p)) {
        Some(quoted) => unescape(quoted),
        None => path.to_string(),
    }
}

fn unescape(quoted: &str) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(first @ b'0'..=b'7') => {
                let mut value = u32::from(first - b'0');
                for _ in 0..2 {
                    if let Some(digit) = bytes.next_if(|b| (b'0'..=b'7').contains(b)) {
                        value = value * 8 + u32::from(digit - b'0');
                    }
                }
                out.push((value & 0xff) as u8);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Absolute, climbing out, or with characters that no path of a tree has.
pub(crate) fn is_unsafe(path: &str) -> bool {
    path.starts_with(['/', '~'])
        || path.contains(['\\', '\0'])
        || path.chars().any(char::is_control)
        || path.split('/').any(|part| part == ".." || part.eq_ignore_ascii_case(".git"))
        || path.as_bytes().get(1) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_stripped_and_unquoted() {
        let pair = |a, b| strip_pair(a, b);
        assert_eq!(pair("a/x/y.c\t2020-01-01", "b/x/y.c"), (Some("x/y.c".into()), Some("x/y.c".into())));
        assert_eq!(pair("/dev/null", "b/x.c"), (None, Some("x.c".into())));
        assert_eq!(pair("linux.orig/x.c", "linux/x.c"), (Some("x.c".into()), Some("x.c".into())));
        assert_eq!(pair("\"a/\\303\\274.c\"", "\"b/\\303\\274.c\""), (Some("ü.c".into()), Some("ü.c".into())));
        let file = file_from_git_line("diff --git a/with b/x.c b/with b/x.c");
        assert_eq!(file.old.as_deref(), Some("with b/x.c"));
    }

    #[test]
    fn paths_that_leave_the_tree_are_known() {
        assert!(["../x", "/etc/x", "a/../../x", ".git/config", "C:x", "a\\b", "a\nb"].iter().all(|p| is_unsafe(p)));
        assert!(!is_unsafe("net/core/dev..c"));
    }
}
