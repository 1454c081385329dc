//! The commit message of a patch: where it ends, and the trailers at its end.
//!
//! A trailer block is the last paragraph that has at least one `Something-by:` or otherwise known key, as `git interpret-trailers`
//! sees it; `base-commit:` and `change-id:` stand after the diff and are found anywhere.

use crate::types::{Fixes, Trailer};

/// Keys that make a paragraph a trailer block although they do not end in `-by`.
const KNOWN: &[&str] =
    &["fixes", "closes", "link", "cc", "bugzilla", "reported-and-tested-by", "message-id", "message-link", "depends-on", "references"];

/// A subject in `Fixes:` is shorter than this, however often it was wrapped.
const MAX_FIXES: usize = 1024;

/// The trailers of a commit message, folded lines joined.
pub fn trailers(message: &str) -> Vec<Trailer> {
    let mut blocks: Vec<Vec<Trailer>> = Vec::new();
    for paragraph in message.trim_end().rsplit("\n\n").map(|p| p.trim_matches('\n')) {
        if paragraph.trim().is_empty() {
            continue;
        }
        let (block, good) = read_paragraph(paragraph);
        if !good {
            break;
        }
        blocks.push(block);
    }
    blocks.into_iter().rev().flatten().collect()
}

/// Whether a wrapped `Fixes:` line goes on: its subject has begun and not ended.
fn is_open(trailer: &Trailer) -> bool {
    let value = &trailer.value;
    value.len() < MAX_FIXES && trailer.key.eq_ignore_ascii_case("fixes") && value.contains("(\"") && !value.ends_with("\")")
}

fn read_paragraph(paragraph: &str) -> (Vec<Trailer>, bool) {
    let mut out: Vec<Trailer> = Vec::new();
    let (mut known, mut other) = (false, 0usize);
    for line in paragraph.lines() {
        if let Some((key, value)) = split(line) {
            known |= is_known(key);
            out.push(Trailer { key: key.to_string(), value: value.to_string() });
        } else if let Some(last) = out.last_mut().filter(|last| line.starts_with([' ', '\t']) || is_open(last)) {
            last.value.push(' ');
            last.value.push_str(line.trim());
        } else if !(line.starts_with('#') || line.starts_with('[') && line.trim_end().ends_with(']')) {
            other += 1;
        }
    }
    let good = known && (other == 0 || out.iter().any(|t| is_known(&t.key)) && other <= out.len() * 3);
    if other > 0 {
        out.retain(|t| is_known(&t.key));
    }
    (out, good)
}

fn is_known(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.ends_with("-by") || KNOWN.contains(&key.as_str())
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let good = key.len() >= 2
        && key.len() <= 40
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && (value.is_empty() || value.starts_with([' ', '\t']));
    good.then(|| (key, value.trim()))
}

/// The `Fixes:` trailers, taken apart; those without a commit id are left out.
pub fn fixes(trailers: &[Trailer]) -> Vec<Fixes> {
    let mut out = Vec::new();
    for trailer in trailers.iter().filter(|t| t.key.eq_ignore_ascii_case("fixes")) {
        let value = trailer.value.trim().trim_start_matches("commit ").trim();
        let end = value.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(value.len());
        let (commit, rest) = value.split_at(end);
        if (7..=64).contains(&commit.len()) {
            let subject = rest.trim().trim_start_matches('(').trim_end_matches(')').trim_matches('"').to_string();
            out.push(Fixes { commit: commit.to_ascii_lowercase(), subject });
        }
    }
    out
}

/// The value of a line such as `base-commit: 0123…` anywhere in the text.
pub(crate) fn base_commit(text: &str) -> Option<String> {
    let hex = |line: &str| {
        let value = line.strip_prefix("base-commit:")?.trim();
        ((7..=64).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_hexdigit())).then(|| value.to_ascii_lowercase())
    };
    text.lines().find_map(hex)
}

/// Takes the commit message from a mail's text before its diff: up to the line `---`, without a `From:` line at its head, which names
/// the author if it is not the sender.
pub(crate) fn commit_message(text: &str) -> (String, Option<String>) {
    let mut author = None;
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let end = line.trim_end();
        if end == "---" || (end == "-- " || line == "-- ") {
            break;
        }
        if lines.is_empty() && end.is_empty() {
            continue;
        }
        if lines.is_empty()
            && author.is_none()
            && let Some(name) = line.strip_prefix("From: ")
        {
            author = Some(name.trim().to_string());
            continue;
        }
        if end == "-- >8 --" || (end.starts_with("--") && end.contains(">8")) {
            lines.clear();
            continue;
        }
        lines.push(end);
    }
    (lines.join("\n").trim_end().to_string(), author)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_the_end_of_the_message() {
        let message = "Note: this is prose.\n\nMore text.\n\nFixes: 0123456789ab (\"foo: a long\nsubject\")\nReported-by: A <a@example.org>\nCloses: https://example.org/\n  continued\n[b: fixed a typo]\nSigned-off-by: B <b@example.org>";
        let found = trailers(message);
        let keys: Vec<&str> = found.iter().map(|t| t.key.as_str()).collect();
        assert_eq!(keys, ["Fixes", "Reported-by", "Closes", "Signed-off-by"]);
        assert_eq!(found[2].value, "https://example.org/ continued");
        assert_eq!(fixes(&found), [Fixes { commit: "0123456789ab".into(), subject: "foo: a long subject".into() }]);
        assert!(trailers("Note: prose only").is_empty());
    }

    #[test]
    fn the_message_ends_at_three_dashes() {
        let (text, author) = commit_message("From: C <c@example.org>\n\nWhy.\n\nSigned-off-by: C\n---\n v2: changed\n");
        assert_eq!(text, "Why.\n\nSigned-off-by: C");
        assert_eq!(author.as_deref(), Some("C <c@example.org>"));
        assert_eq!(base_commit("x\nbase-commit: 0123456789ABCDEF\n").as_deref(), Some("0123456789abcdef"));
    }
}
