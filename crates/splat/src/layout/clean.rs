//! Characters that are no part of a kernel's line: carriage returns (also spelled `^M`, `#015`), colours of a terminal, mark-up entities,
//! no-break blanks, the letters that a terminal of another code page shows for brackets.

use std::borrow::Cow;

/// Hands on each line that a raw line holds; a carriage return inside one begins another.
pub fn each<'a>(raw: &'a str, mut take: impl FnMut(Cow<'a, str>)) {
    let raw = raw.trim_end_matches(['\r', '\n']);
    if !needs(raw) {
        return take(Cow::Borrowed(raw));
    }
    let text = plain(raw);
    let mut any = false;
    for part in text.split('\r').filter(|part| !part.trim().is_empty()) {
        any = true;
        take(Cow::Owned(part.to_owned()));
    }
    if !any {
        take(Cow::Borrowed(""));
    }
}

/// Whether anything may have to be changed.
fn needs(raw: &str) -> bool {
    raw.bytes().any(|b| matches!(b, b'\r' | 0x1b | 0 | 7 | 8 | b'&' | 0x80..))
        || raw.ends_with("^M")
        || raw.contains("#015")
        || raw.contains("#011")
        || raw.contains("#033")
}

fn plain(raw: &str) -> String {
    let mut text = raw.replace("#033", "\u{1b}").replace("#015", "\r").replace("#011", "\t");
    while let Some(rest) = text.strip_suffix("^M").or_else(|| text.strip_suffix('\r')) {
        text.truncate(rest.len());
    }
    // A console's `\r\n` shows as `^M` at the end of a line; inside one it is where two were joined.
    if text.contains("^M[") || text.contains("^M ") {
        text = text.replace("^M[", "\r[").replace("^M ", "\r ");
    }
    let text = without_escapes(&text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let entity = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&nbsp;", ' '), ("&quot;", '"'), ("&#39;", '\'')];
        if c == '&'
            && let Some((name, plain)) = entity.iter().find(|(name, _)| rest.starts_with(name))
        {
            out.push(*plain);
            rest = rest.get(name.len()..).unwrap_or("");
            continue;
        }
        match c {
            '\u{a0}' | '\u{2007}' | '\u{202f}' => out.push(' '),
            '\u{200b}' | '\u{feff}' | '\u{200e}' | '\u{200f}' | '\0' | '\u{7}' | '\u{8}' => {}
            // Code page 037 shown as another: the brackets of a mainframe's console.
            'Ý' => out.push('['),
            '¨' => out.push(']'),
            c => out.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    out
}

/// Without the escape sequences of a terminal: `ESC [ … letter`, `ESC ] … BEL`, `ESC letter`.
fn without_escapes(text: &str) -> String {
    if !text.contains('\u{1b}') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        match chars.peek() {
            Some('[') => {
                chars.next();
                // Parameters, then one final letter.
                while chars.next_if(|c| matches!(c, '\u{20}'..='\u{3f}')).is_some() {}
                chars.next_if(|c| matches!(c, '\u{40}'..='\u{7e}'));
            }
            Some(']') => while chars.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}')).is_some() {},
            Some(_) => {
                chars.next();
            }
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_carriers_add_comes_off() {
        let cases: &[(&str, &[&str])] = &[
            ("plain \r", &["plain "]),
            ("[    1.000000] one^M", &["[    1.000000] one"]),
            ("one#015", &["one"]),
            ("one^M[    1.000000] two^M", &["one", "[    1.000000] two"]),
            ("\u{1b}[1;31m[ 1.000000] red\u{1b}[0m", &["[ 1.000000] red"]),
            ("[&lt;c0100000&gt;] (f) from", &["[<c0100000>] (f) from"]),
            ("Ý    1.000000¨ text", &["[    1.000000] text"]),
            ("a\u{a0}b", &["a b"]),
            ("\r", &[""]),
        ];
        for (raw, expected) in cases {
            let mut got = Vec::new();
            each(raw, |part| got.push(part.into_owned()));
            assert_eq!(got, *expected, "{raw:?}");
        }
    }
}
