//! Making text from mail safe to show on a terminal.

use std::borrow::Cow;

/// The text with control characters, terminal escapes and characters that reorder or hide text shown as `\x1b` or `\u{202e}`.
///
/// Line feeds and tabs stay, so that a body remains readable.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !is_hidden(c) {
            out.push(c);
        } else if (c as u32) < 0x100 {
            out.push_str(&format!("\\x{:02x}", c as u32));
        } else {
            out.push_str(&format!("\\u{{{:x}}}", c as u32));
        }
    }
    Cow::Owned(out)
}

/// As [`printable`], for places where a line break would be taken for the tool's own: line feeds and tabs become blanks.
pub fn printable_line(text: &str) -> String {
    printable(&text.replace(['\n', '\t'], " ")).into_owned()
}

fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_as_text() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\u{9b}\td\n"), "a\\x1b[2Jb\\u{202e}c\\x9b\td\n");
        assert_eq!(printable_line("a\nb\r"), "a b\\x0d");
        assert!(matches!(printable("plain ünïcode"), Cow::Borrowed(_)));
    }
}
