//! Text in columns. Whatever comes from mail or source has its controls and escapes made visible.

use cuthere_mail::printable_line;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a mail.
pub(crate) const WIDTH: usize = 75;
/// Tabs stop here in a mail.
const TAB: usize = 8;

/// Appends `text` wrapped to [`WIDTH`], the first line after `first`, the others after `rest`.
pub(crate) fn fill(out: &mut String, first: &str, rest: &str, text: &str) {
    let clean = printable_line(text);
    // Code breaks at blanks alone; a word that is longer than a line is broken wherever the line ends.
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    for line in textwrap::wrap(&clean, options) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Appends a line cut to [`WIDTH`], counting tabs as a terminal shows them.
pub(crate) fn cut_line(out: &mut String, line: &str) {
    let mut column = 0;
    let mut fitting = line.len();
    let mut short = line.len();
    for (at, c) in line.char_indices() {
        let next = if c == '\t' { column + TAB - column % TAB } else { column + c.width().unwrap_or(0) };
        if next >= WIDTH && short == line.len() {
            short = at;
        }
        if next > WIDTH {
            fitting = at;
            break;
        }
        column = next;
    }
    if fitting == line.len() {
        out.push_str(line);
    } else {
        out.push_str(line.get(..short).unwrap_or_default());
        out.push('…');
    }
    out.push('\n');
}

/// The widest line in columns; for tests and for choosing a layout.
#[cfg(test)]
pub(crate) fn widest(text: &str) -> usize {
    let expanded = |line: &str| {
        line.chars().fold(0, |column, c| if c == '\t' { column + TAB - column % TAB } else { column + c.width().unwrap_or(0) })
    };
    text.lines().map(expanded).max().unwrap_or(0)
}

/// Columns of a text without tabs.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wider_than_a_mail() {
        let mut out = String::new();
        fill(&mut out, "  1. ", "     ", &format!("in `{}` word {}", "x".repeat(200), "ä ".repeat(80)));
        for line in ["\t\t\t\t\t\t\t\t\t\tdeep", &"y".repeat(76), &"y".repeat(75), "short", &format!("> +{}", "\tä".repeat(30))] {
            cut_line(&mut out, line);
        }
        assert!(widest(&out) <= WIDTH, "{out}");
        assert!(out.contains(&format!("\n{}\n", "y".repeat(75))) && out.contains(&format!("\n{}…\n", "y".repeat(74))));
        assert!(out.contains("\nshort\n"));
    }

    #[test]
    fn escapes_become_text() {
        let mut out = String::new();
        fill(&mut out, "", "", "a\x1b[2Jb");
        assert!(!out.contains('\x1b'), "{out:?}");
    }
}
