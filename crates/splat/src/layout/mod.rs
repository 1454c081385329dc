//! The text of a log as the kernel wrote it, line by line, as far as what carried it can be undone: characters that terminals and relays
//! left behind ([`clean`]), objects that a program wrote about them ([`json`]), lines that mail software joined or wrapped ([`reflow`]), lines printed twice or newest first ([`order`]),
//! messages shouted into terminals ([`wall`]).
//! It decides which text stands in which line and says what it mended; it refuses to guess what was lost, and knows nothing of reports.
//!
//! Time and memory are linear in the text.

mod clean;
mod json;
mod order;
mod reflow;
mod wall;

use crate::line;
use crate::types::Lines;
use std::borrow::Cow;

/// No console is narrower than this.
const MIN_CUT: usize = 60;

/// One line after mending.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Its first and last line in the text, from 1.
    pub number: usize,
    /// See `number`.
    pub end: usize,
    /// How many `>` of quoting stood before it.
    pub quotes: u8,
    /// Length of the line as found, without quoting; 0 where it was cut out of a longer one, so that nothing is taken for its rest.
    pub width: usize,
    /// The text without quoting.
    pub text: Cow<'a, str>,
    /// What was done to it.
    pub mended: Mended,
}

/// What was done to a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// The rest of it stood in a further line.
    pub joined: bool,
    /// It stood in one line with another.
    pub cut: bool,
    /// It was printed again, and the copy was dropped.
    pub doubled: bool,
}

/// A text in lines.
#[derive(Debug, Default)]
pub struct Layout<'a> {
    /// The lines, oldest first.
    pub rows: Vec<Row<'a>>,
    /// Whether the text has the newest line first.
    pub reversed: bool,
}

/// Reads a text.
pub fn read(text: &str) -> Layout<'_> {
    let mut rows = Vec::new();
    let listing = json::is_listing(text);
    for (index, raw) in text.split('\n').enumerate() {
        let number = index + 1;
        if let Some(messages) = json::messages(raw, listing) {
            for message in messages.iter().flat_map(|m| m.lines()) {
                clean::each(message, |part| {
                    let text = Cow::Owned(part.into_owned());
                    rows.push(Row { number, end: number, quotes: line::quoting(raw).0, width: 0, text, mended: Mended::default() });
                });
            }
            continue;
        }
        clean::each(raw, |part| {
            let (quotes, start) = line::quoting(&part);
            let text = cut_front(part, start);
            rows.push(Row { number, end: number, quotes, width: text.len(), text, mended: Mended::default() });
        });
    }
    let rows = wall::without(reflow::rows(rows));
    let (rows, reversed) = order::oldest_first(rows);
    Layout { rows: order::once(rows), reversed }
}

fn cut_front(text: Cow<'_, str>, start: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(t) => Cow::Borrowed(t.get(start..).unwrap_or("")),
        Cow::Owned(t) => Cow::Owned(t.get(start..).unwrap_or("").to_owned()),
    }
}

impl Layout<'_> {
    /// Where the rows from one to another stand in the text. Rows are counted from 1.
    pub fn lines(&self, first: usize, last: usize) -> Lines {
        let rows = self.rows.get(first.saturating_sub(1)..last.min(self.rows.len())).unwrap_or(&[]);
        let start = rows.iter().map(|row| row.number).min().unwrap_or(first);
        Lines { start, end: rows.iter().map(|row| row.end).max().unwrap_or(start) }
    }

    /// What was cut off at the right in the rows from one to another, a phrase. A pager marks it with `>`; a console of fixed width does not, so
    /// several lines as wide as the widest must break off, one of them inside brackets. Rows are counted from 1.
    pub fn torn(&self, first: usize, last: usize) -> Option<String> {
        let rows = self.rows.get(first.saturating_sub(1)..last.min(self.rows.len())).unwrap_or(&[]);
        let count = |text: &str, c: char| text.matches(c).count();
        let marked = rows.iter().filter(|row| row.text.ends_with('>') && count(&row.text, '>') > count(&row.text, '<')).count();
        if marked > 0 {
            let lines = if marked == 1 { "1 line was".to_owned() } else { format!("{marked} lines were") };
            return Some(format!("{lines} cut off at the right, where a pager put `>`"));
        }
        let width = rows.iter().map(|row| row.text.trim_end().len()).max().unwrap_or(0);
        let full = rows.iter().filter(|row| row.text.len() + 1 >= width && row.width > 0);
        let (mut lines, mut open) = (0usize, false);
        for row in full {
            lines += 1;
            let tail = row.text.rsplit(' ').next().unwrap_or("");
            open |= count(&row.text, '[') > count(&row.text, ']') && tail.contains('[') || crate::frame::torn(&row.text).is_some();
        }
        (width >= MIN_CUT && lines >= 3 && open).then(|| format!("{lines} lines were cut off at column {width}"))
    }

    /// What was mended in the rows from one to another, a phrase each. Rows are counted from 1.
    pub fn damage(&self, first: usize, last: usize) -> Vec<String> {
        let rows = self.rows.get(first.saturating_sub(1)..last.min(self.rows.len())).unwrap_or(&[]);
        let count = |what: fn(&Mended) -> bool| rows.iter().filter(|row| what(&row.mended)).count();
        let lines = |n: usize| if n == 1 { "1 line".to_owned() } else { format!("{n} lines") };
        let mut out = Vec::new();
        if self.reversed {
            out.push("the newest line stood first; read from the end".to_owned());
        }
        match count(|m| m.joined) {
            0 => {}
            n => out.push(format!("{} had been wrapped and were put together again", lines(n))),
        }
        match count(|m| m.cut) {
            0 => {}
            n => out.push(format!("{} had been joined with others and were taken apart", lines(n))),
        }
        match count(|m| m.doubled) {
            0 => {}
            n => out.push(format!("{} had been printed twice; one copy was read", lines(n))),
        }
        out
    }
}
