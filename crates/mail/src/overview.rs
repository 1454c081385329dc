//! The thread overview of an archive page: who answered whom and when, also for messages that the page does not contain.
//!
//! In text, subject and author of a line run into each other. The author is told by names that stand alone elsewhere in the page,
//! by the links of an HTML page, or, failing both, taken to be the last two words. A closing `"` stands for words that are the
//! same as in the line before; how many is not said, so it stays.

use crate::html::Link;
use crate::limits::MAX_OVERVIEW;
use crate::types::OverviewEntry;
use std::collections::HashSet;

/// What the end of a page says.
#[derive(Default)]
pub(crate) struct Overview {
    pub entries: Vec<OverviewEntry>,
    pub claimed: Option<u32>,
    /// The indentation that shows depth was lost on the way.
    pub flattened: bool,
    pub cut: bool,
}

struct Row {
    date: Option<String>,
    text: String,
    depth: u32,
    reply: bool,
    this_message: bool,
    link: Option<String>,
}

/// The date and text of one line of an overview.
pub(crate) fn row_text(line: &str) -> Option<(String, String)> {
    read_row(line).and_then(|row| Some((row.date?, row.text)))
}

/// Whether an overview begins here.
pub(crate) fn is_overview_start(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Thread overview: ") && line.contains("message")
}

/// Reads the overview that begins at `start`. `names` are authors known from elsewhere.
pub(crate) fn read_overview(lines: &[&str], start: usize, links: &[Link], names: &[String]) -> Overview {
    let mut out = Overview { claimed: claimed(lines.get(start).copied().unwrap_or_default()), ..Overview::default() };
    let mut rows = Vec::new();
    for (nth, line) in lines.iter().enumerate().skip(start + 1) {
        if let Some(mut row) = read_row(line) {
            let first = links.partition_point(|l| l.line < nth);
            row.link = links.get(first).filter(|l| l.line == nth).map(|l| squeeze(&l.text));
            rows.push(row);
        } else if !line.trim().is_empty() && !is_aside(line) {
            break;
        }
        if rows.len() >= MAX_OVERVIEW {
            out.cut = true;
            break;
        }
    }
    out.flattened = rows.len() > 2 && rows.iter().filter(|r| r.reply).count() > 1 && !rows.iter().any(|r| r.depth > 1);
    let mut known: HashSet<String> = names.iter().cloned().collect();
    known.extend(rows.iter().filter(|r| r.reply && stands_alone(&r.text)).map(|r| r.text.clone()));
    let mut before = String::new();
    for row in rows {
        let (subject, author) = split_author(&row, &known);
        let own_subject = !subject.is_empty();
        let subject = if own_subject { subject } else { before.clone() };
        before.clone_from(&subject);
        out.entries.push(OverviewEntry {
            date: row.date,
            subject,
            own_subject,
            author,
            depth: row.depth,
            this_message: row.this_message,
            message: None,
        });
    }
    out
}

fn claimed(line: &str) -> Option<u32> {
    let rest = line.trim_start().strip_prefix("Thread overview: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn is_aside(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("-- ")
        || line.starts_with("(strict ")
        || line.starts_with("(loose ")
        || line.starts_with("[not found]")
        || line.starts_with("[parent not found]")
}

/// `2021-04-16  2:04   ` text`.
fn read_row(line: &str) -> Option<Row> {
    let line = line.trim_start();
    let (day, rest) = line.split_at_checked(10)?;
    let time_at = rest.len() - rest.trim_start().len();
    let rest = rest.get(time_at..)?;
    let end = rest.find([' ', '\t', '`']).unwrap_or(rest.len());
    let (time, rest) = rest.split_at(end);
    let date = minute(day, time)?;
    let text = rest.trim_start();
    let blanks = rest.len() - text.len();
    let (reply, text) = match text.strip_prefix('`') {
        Some(text) => (true, text.trim()),
        None => (false, text.trim()),
    };
    let depth = if reply { 1 + (blanks.saturating_sub(1) / 2) as u32 } else { 0 };
    let (text, this_message) = match text.strip_suffix("[this message]") {
        Some(text) => (text.trim(), true),
        None => (text, false),
    };
    Some(Row { date: Some(date), text: squeeze(text), depth, reply, this_message, link: None })
}

/// A page's date and time, which are in UTC.
pub(crate) fn minute(day: &str, time: &str) -> Option<String> {
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    let mut parts = day.split('-');
    let good = digits(parts.next()?, 4) && digits(parts.next()?, 2) && digits(parts.next()?, 2) && parts.next().is_none();
    let (hour, minute) = time.split_once(':')?;
    if !good || !(1..=2).contains(&hour.len()) || !digits(hour, hour.len()) || !digits(minute, 2) {
        return None;
    }
    Some(format!("{day}T{hour:0>2}:{minute}:00Z"))
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line with no more than a name on it.
fn stands_alone(text: &str) -> bool {
    !text.is_empty() && !text.contains(['[', ':', '"']) && text.split(' ').count() <= 5
}

fn split_author(row: &Row, known: &HashSet<String>) -> (String, String) {
    if let Some(link) = row.link.as_deref().filter(|l| !l.is_empty())
        && let Some(author) = row.text.strip_prefix(link).map(str::trim)
    {
        return if author.is_empty() { (String::new(), link.to_string()) } else { (link.to_string(), author.to_string()) };
    }
    if row.reply && stands_alone(&row.text) {
        return (String::new(), row.text.clone());
    }
    let starts: Vec<usize> = row.text.match_indices(' ').map(|(n, _)| n).collect();
    let mut guess = None;
    for (words, at) in starts.iter().rev().enumerate().take(7) {
        let (subject, author) = (row.text.get(..*at).unwrap_or_default(), row.text.get(at + 1..).unwrap_or_default());
        let initial = |a: &str| a.split(' ').next().is_some_and(|w| w.len() == 2 && w.ends_with('.'));
        let better = known.contains(author)
            || (words == 1 && guess.is_none())
            || (words == 2 && guess.is_some_and(|(_, a): (&str, &str)| !known.contains(a) && initial(a)));
        if better {
            guess = Some((subject, author));
        }
    }
    let (subject, author) = guess.unwrap_or((&row.text, ""));
    (subject.trim().to_string(), author.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_author_and_inherited_subject() {
        let text = "Thread overview: 4+ messages (download)\n-- links below --\n2024-01-02  3:04 [PATCH 0/1] foo: bar Ann B. Cee\n2024-01-02  3:05 ` [PATCH 1/1] foo: baz Ann B. Cee\n2024-01-02 13:05   ` Dee\n2024-01-02 13:06 ` Ann B. Cee [this message]\n\nReply instructions:\n2024-01-02 13:06 ` no entry\n";
        let lines: Vec<&str> = text.lines().collect();
        let read = read_overview(&lines, 0, &[], &[]);
        let rows: Vec<(u32, &str, &str)> = read.entries.iter().map(|e| (e.depth, e.subject.as_str(), e.author.as_str())).collect();
        assert_eq!(
            rows,
            [
                (0, "[PATCH 0/1] foo: bar", "Ann B. Cee"),
                (1, "[PATCH 1/1] foo: baz", "Ann B. Cee"),
                (2, "[PATCH 1/1] foo: baz", "Dee"),
                (1, "[PATCH 1/1] foo: baz", "Ann B. Cee")
            ]
        );
        assert_eq!((read.claimed, read.flattened, read.entries[3].this_message), (Some(4), false, true));
        assert_eq!(read.entries[0].date.as_deref(), Some("2024-01-02T03:04:00Z"));
    }
}
