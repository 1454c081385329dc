//! One source line laid out for display, and the part of it that a column points at.
//!
//! A step knows where it begins, not where it ends; the end is guessed from the text: a statement that starts with a keyword runs to its
//! semicolon, anything else to the first blank, comma or semicolon outside parentheses. A wrong guess costs a caret, never a finding.

use cuthere_base::push_escaped;
use unicode_width::UnicodeWidthStr;

/// Tabs stop here, as everywhere in the kernel.
const TAB: usize = 8;
/// Longer lines (generated tables, hostile input) are shown in part.
const LONGEST: usize = 240;
/// How much of a long line is kept before the column.
const BEFORE: usize = 80;

/// A line ready to be printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Excerpt {
    /// Tabs expanded, controls escaped, no trailing blanks.
    pub text: String,
    /// Columns of blanks that it begins with.
    pub indent: usize,
    raw: String,
    /// Bytes of the line that `raw` leaves out at its front.
    skipped: usize,
}

/// Where carets go: display columns, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub start: usize,
    pub len: usize,
}

impl Excerpt {
    /// Lays out a line; `column` (bytes, from 1; 0 for none) decides which part of an overlong one is shown.
    pub fn new(line: &[u8], column: u32) -> Excerpt {
        let skipped = if line.len() <= LONGEST { 0 } else { (column as usize).saturating_sub(BEFORE).min(line.len() - LONGEST) };
        let end = line.len().min(skipped + LONGEST);
        let raw = String::from_utf8_lossy(line.get(skipped..end).unwrap_or_default()).trim_end().to_owned();
        let mut text = layout(&raw);
        if skipped > 0 {
            text.insert(0, '…');
        }
        if end < line.len() {
            text.push('…');
        }
        let indent = text.len() - text.trim_start_matches(' ').len();
        Excerpt { text, indent, raw, skipped }
    }

    /// What a step at this column (bytes, from 1) is about; the whole line for column 0 or one beyond the end.
    pub fn extent(&self, column: u32) -> Extent {
        let whole = Extent { start: self.indent, len: self.text.trim().width().max(1) };
        let Some(at) = (column as usize).checked_sub(1 + self.skipped) else { return whole };
        let Some(rest) = self.raw.get(at..).filter(|rest| !rest.is_empty()) else { return whole };
        let end = at + span(rest);
        let lead = usize::from(self.skipped > 0);
        let start = layout(self.raw.get(..at).unwrap_or_default()).width();
        let stop = layout(self.raw.get(..end).unwrap_or_default()).width();
        Extent { start: start + lead, len: stop.saturating_sub(start).max(1) }
    }
}

fn layout(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + 16);
    for c in raw.chars() {
        if c == '\t' {
            let stop = TAB - out.width() % TAB;
            out.extend(std::iter::repeat_n(' ', stop));
        } else {
            push_escaped(&mut out, c);
        }
    }
    out
}

/// The column (bytes, from 1) behind the piece of C that begins at a column of a line.
pub(crate) fn end_column(line: &[u8], column: u32) -> Option<u32> {
    let at = (column as usize).checked_sub(1)?;
    let rest = line.get(at..).filter(|rest| !rest.is_empty())?;
    let rest = std::str::from_utf8(rest.get(..rest.len().min(4096))?).ok()?;
    u32::try_from(at + span(rest).max(1) + 1).ok()
}

/// The length in bytes of the piece of C at the start of `rest`; ends at a character boundary.
fn span(rest: &str) -> usize {
    let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(rest, |end| &rest[..end]);
    let statement = matches!(word, "return" | "goto" | "break" | "continue" | "case" | "do" | "else" | "if" | "while" | "for" | "switch");
    // A position on an assignment stands for what is assigned.
    let statement = statement || (rest.starts_with('=') && !rest.starts_with("=="));
    let mut depth = 0u32;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return at,
            ')' | ']' => depth -= 1,
            ';' | '{' | '}' if depth == 0 => return rest.get(..at).map_or(at, |s| s.trim_end().len()).max(1),
            ',' if depth == 0 && at > 0 => return at,
            c if c.is_whitespace() && depth == 0 && !statement && at > 0 => return at,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(line: &str, column: u32) -> String {
        let excerpt = Excerpt::new(line.as_bytes(), column);
        let Extent { start, len } = excerpt.extent(column);
        excerpt.text.chars().skip(start).take(len).collect()
    }

    #[test]
    fn the_marked_piece_is_the_call_the_operand_or_the_statement() {
        assert_eq!(marked("\tspin_lock(&dev->lock);", 2), "spin_lock(&dev->lock)");
        assert_eq!(marked("\treturn -ENOMEM;", 2), "return -ENOMEM");
        assert_eq!(marked("\tif (p->len > 3 && q)", 6), "p->len");
        assert_eq!(marked("\tif (get(a, b))", 6), "get(a, b)");
        assert_eq!(marked("\tx->id = y->id;", 8), "= y->id");
        assert_eq!(marked("\tx->id == y->id;", 8), "==");
        assert_eq!(marked("\tfoo(bar(\")\", 1), x);", 6), "bar(\")\", 1)");
        assert_eq!(marked("\tkmalloc(sizeof(*p),", 2), "kmalloc(sizeof(*p),");
        assert_eq!(marked("\twhole line;", 0), "whole line;");
        assert_eq!(marked("\tshort;", 400), "short;");
    }

    #[test]
    fn tabs_stop_every_eight_columns_and_controls_show() {
        assert_eq!(Excerpt::new(b"ab\tc\x1b[1m \t", 1).text, "ab      c\\x1b[1m");
        assert_eq!(Excerpt::new(b"\t\tx", 3).indent, 16);
        assert_eq!(Excerpt::new(b"", 1).extent(1), Extent { start: 0, len: 1 });
    }

    #[test]
    fn a_column_inside_a_character_and_a_huge_line_are_survived() {
        assert_eq!(marked("\"ä\" + x", 3), "\"ä\" + x");
        let mut long = vec![b' '; 1_000_000];
        long[700_000] = b'x';
        let excerpt = Excerpt::new(&long, 700_001);
        assert!(excerpt.text.chars().count() <= LONGEST + 2);
        assert_eq!(marked(std::str::from_utf8(&long).expect("ASCII"), 700_001), "x");
    }
}
