//! Commits as `git show` and `git log -p` print them: a header that is no mail's, the message moved right by four columns, the diff.
//!
//! Decides where one commit ends and the next begins, and their order: a log has the newest first. Refuses anything whose first line
//! is not `commit` and an object name, so that text which merely mentions a commit is left alone.

use crate::limits::MAX_MESSAGES;
use crate::mime::{normalise, parse_addresses, parse_date};
use crate::subject::parse_subject;
use crate::types::Message;

/// How far git moves a commit's message to the right.
const INDENT: &str = "    ";

/// The commits in the order in which they were made, as messages; empty if the text is none of git's.
pub(crate) fn read(text: &str) -> Vec<Message> {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|l| !l.trim().is_empty()).unwrap_or(0);
    if !lines.get(first).is_some_and(|l| is_head(l)) {
        return Vec::new();
    }
    // A line of a message or of a diff that reads like a head is moved right or has a mark before it.
    let mut heads: Vec<usize> = (first..lines.len()).filter(|at| lines.get(*at).is_some_and(|l| is_head(l))).take(MAX_MESSAGES).collect();
    heads.push(lines.len());
    let mut out: Vec<Message> = heads.windows(2).filter_map(|pair| Some(commit(lines.get(*pair.first()?..*pair.last()?)?))).collect();
    // By the commits' own dates, where they tell; several of one second stand as a log prints them.
    let newest_first = match (out.first(), out.last()) {
        (Some(first), Some(last)) => seconds(first) >= seconds(last),
        _ => false,
    };
    if newest_first {
        out.reverse();
    }
    out
}

fn seconds(message: &Message) -> Option<i64> {
    mail_parser::DateTime::parse_rfc3339(message.date.as_deref()?).map(|d| d.to_timestamp())
}

fn is_head(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("commit ") else { return false };
    let name = rest.split([' ', '(']).next().unwrap_or_default();
    (7..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// One commit from its head to its last line.
fn commit(lines: &[&str]) -> Message {
    let mut message = Message::default();
    let mut at = 1;
    while let Some(line) = lines.get(at).filter(|l| !l.trim().is_empty() && !l.starts_with("diff ")) {
        if let Some((key, value)) = line.split_once(':') {
            match key {
                "Author" => message.from = parse_addresses(value.trim()).into_iter().next().unwrap_or_default(),
                // The committer's date says when it came to be where it is.
                "CommitDate" => message.date_raw = value.trim().to_owned(),
                "AuthorDate" | "Date" if message.date_raw.is_empty() => message.date_raw = value.trim().to_owned(),
                _ => {}
            }
        }
        at += 1;
    }
    message.date = date(&message.date_raw);
    let mut text: Vec<&str> = Vec::new();
    while let Some(line) = lines.get(at).filter(|l| l.trim().is_empty() || l.starts_with(INDENT)) {
        text.push(line.strip_prefix(INDENT).unwrap_or_default());
        at += 1;
    }
    let text = text.join("\n");
    let (subject, body) = text.trim_start_matches('\n').split_once('\n').unwrap_or((text.trim(), ""));
    message.subject = subject.trim().to_owned();
    message.subject_info = parse_subject(&message.subject);
    // A subject in brackets is a commit's own: what stands here is no mail.
    message.subject_info.patch = false;
    let diff = lines.get(at..).unwrap_or_default().join("\n");
    message.body = normalise(&format!("{}\n---\n{diff}\n", body.trim_matches('\n')));
    message
}

/// A date as git prints it by default (`Mon Jan 5 10:00:00 2026 +0100`), in ISO form, or as mail has it.
fn date(raw: &str) -> Option<String> {
    let words: Vec<&str> = raw.split_whitespace().collect();
    let rfc = match words.as_slice() {
        [week, month, day, time, year, zone] if week.len() == 3 && time.contains(':') && !week.contains(',') => {
            format!("{week}, {day} {month} {year} {time} {zone}")
        }
        [day, time, zone] if zone.len() == 5 && zone.is_char_boundary(3) => {
            let (hours, minutes) = zone.split_at(3);
            return Some(format!("{day}T{time}{hours}:{minutes}"));
        }
        _ => raw.to_owned(),
    };
    parse_date(&rfc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, day: u32, subject: &str, diff: &str) -> String {
        format!(
            "commit {name}\nAuthor: A Person <a@example.org>\nDate:   Mon Jan {day} 10:00:00 2026 +0000\n\n    {subject}\n    \n    Why.\n    \n    commit 0123456\n    \n    Signed-off-by: A Person <a@example.org>\n\n{diff}"
        )
    }

    #[test]
    fn a_log_is_read_in_the_order_of_the_commits() {
        let text =
            shown("0123456789abcdef", 6, "two: second", "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+commit 0123456\n\n")
                + &shown("fedcba9876543210", 5, "one: first", "");
        let got = read(&text);
        let subjects: Vec<&str> = got.iter().map(|m| m.subject.as_str()).collect();
        assert_eq!(subjects, ["one: first", "two: second"]);
        let last = got.last().expect("two");
        assert_eq!(last.from.email.as_deref(), Some("a@example.org"));
        assert!(last.body.starts_with("Why.\n\ncommit 0123456\n") && last.body.contains("\n---\ndiff --git"), "{}", last.body);
    }

    #[test]
    fn other_text_is_left_alone() {
        assert!(read("commit the changes\n\ndiff --git a/x b/x\n").is_empty());
        assert!(read("From: x\n\ncommit 0123456\n").is_empty());
    }
}
