//! Makes text from files fit for a terminal: what would move the cursor, change colours or reorder the line is shown as an escape.

use std::fmt::Write;

/// The text with control characters as `\x1b` and characters that reorder or hide text as `\u{202e}`. Tabs are controls here: callers that
/// lay out source lines expand them first.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// Appends one character, escaped if need be.
pub fn push_escaped(out: &mut String, c: char) {
    // Writing to a `String` cannot fail.
    let _ = match c {
        '\0'..='\x1f' | '\x7f' => write!(out, "\\x{:02x}", c as u32),
        '\u{80}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
            write!(out, "\\u{{{:x}}}", c as u32)
        }
        _ => {
            out.push(c);
            Ok(())
        }
    };
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn only_what_acts_on_a_terminal_is_escaped() {
        assert_eq!(escape("plain, ä, →"), "plain, ä, →");
        assert_eq!(escape("a\x1b[2Jb\rc"), "a\\x1b[2Jb\\x0dc");
        assert_eq!(escape("x\u{202e}y\u{9b}"), "x\\u{202e}y\\u{9b}");
    }
}
