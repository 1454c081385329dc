//! Tags of HTML that are longer than anybody writes, made short before the tokenizer sees them.
//!
//! The tokenizer calls itself from one attribute to the next, so a tag with some hundred thousand of them would use up the stack. What is known of
//! such a tag afterwards is its name and its first `href`, which is all that is asked of any tag here: nothing is lost. Follows the HTML
//! standard (13.2.5) where it says what ends a tag, a comment and the text of a script. Linear in the text.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a tag that the tokenizer may see as they are.
const MAX_TAG: usize = 4096;
/// Bytes of an `href` that are kept.
const MAX_HREF: usize = 2048;

/// The text with its long tags made short.
pub(crate) fn shorten(html: &str) -> Cow<'_, str> {
    let bytes = html.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'<', bytes.get(at..).unwrap_or_default()).map(|n| at + n) {
        let rest = bytes.get(open..).unwrap_or_default();
        if rest.starts_with(b"<!--") {
            at = memchr::memmem::find(rest.get(4..).unwrap_or_default(), b"-->").map_or(bytes.len(), |n| open + 4 + n);
            continue;
        }
        let closing = rest.get(1) == Some(&b'/');
        let name = open + 1 + usize::from(closing);
        if !bytes.get(name).is_some_and(u8::is_ascii_alphabetic) {
            // Declarations end at the first `>`, whatever stands in quotes.
            at = open + 1;
            continue;
        }
        let tag = read(bytes, name);
        if tag.end - open > MAX_TAG {
            out.push_str(html.get(copied..open).unwrap_or_default());
            out.push_str(if closing { "</" } else { "<" });
            out.push_str(crate::limits::cut(html.get(tag.name.clone()).unwrap_or_default(), 64));
            if let Some(href) = tag.href.and_then(|range| html.get(range)) {
                let href = crate::limits::cut(href, MAX_HREF).replace('"', "&quot;");
                out.push_str(&format!(" href=\"{href}\""));
            }
            out.push('>');
            copied = tag.end;
        }
        at = tag.end.max(open + 1);
        let name = html.get(tag.name).unwrap_or_default();
        if !closing && ["script", "style"].iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
            at = raw_end(bytes, at, name.as_bytes());
        }
    }
    if copied == 0 {
        return Cow::Borrowed(html);
    }
    out.push_str(html.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

struct Tag {
    name: Range<usize>,
    /// The value of the first `href`.
    href: Option<Range<usize>>,
    /// Behind the `>`, or the end of the text.
    end: usize,
}

/// Reads a tag from its name on.
fn read(bytes: &[u8], name: usize) -> Tag {
    let byte = |at: usize| bytes.get(at).copied();
    let run = |mut at: usize, more: &dyn Fn(u8) -> bool| {
        while byte(at).is_some_and(more) {
            at += 1;
        }
        at
    };
    let blank = |b: u8| b.is_ascii_whitespace();
    let name_end = run(name, &|b| !blank(b) && b != b'/' && b != b'>');
    let mut tag = Tag { name: name..name_end, href: None, end: bytes.len() };
    let mut at = name_end;
    loop {
        at = run(at, &|b| blank(b) || b == b'/');
        match byte(at) {
            None => return tag,
            Some(b'>') => {
                tag.end = at + 1;
                return tag;
            }
            Some(_) => {}
        }
        // A first `=` belongs to the name.
        let start = at;
        at = run(at + 1, &|b| !blank(b) && b != b'/' && b != b'>' && b != b'=');
        let attribute = start..at;
        let equals = run(at, &blank);
        if byte(equals) != Some(b'=') {
            continue;
        }
        at = run(equals + 1, &blank);
        let value = match byte(at) {
            Some(quote @ (b'"' | b'\'')) => {
                let end = memchr::memchr(quote, bytes.get(at + 1..).unwrap_or_default()).map_or(bytes.len(), |n| at + 1 + n);
                let value = at + 1..end;
                at = end + 1;
                value
            }
            _ => {
                let start = at;
                at = run(at, &|b| !blank(b) && b != b'>');
                start..at
            }
        };
        if tag.href.is_none() && bytes.get(attribute).is_some_and(|name| name.eq_ignore_ascii_case(b"href")) {
            tag.href = Some(value);
        }
    }
}

/// Where the end tag of a script or style begins.
fn raw_end(bytes: &[u8], from: usize, name: &[u8]) -> usize {
    let mut at = from;
    while let Some(open) = memchr::memmem::find(bytes.get(at..).unwrap_or_default(), b"</").map(|n| at + n) {
        if bytes.get(open + 2..open + 2 + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return open;
        }
        at = open + 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tags_keep_their_name_and_first_link() {
        let many = "x=\"a>b\" y='>' z ".repeat(1000);
        for (text, expected) in [
            (format!("a<A {many}HREF='\"u\"'{many} href=v>b</a>"), "a<A href=\"&quot;u&quot;\">b</a>"),
            (format!("a<pre {many}>b</pre {many}>c"), "a<pre>b</pre>c"),
            (format!("a<b {many}"), "a<b>"),
        ] {
            assert_eq!(shorten(&text), expected);
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        let long = "word \" ".repeat(1001);
        for text in [
            format!("<p>a < b {long}</p>"),
            format!("<!-- <a {long} --><b>"),
            format!("<script>if (a <b \"{long})</script><a href=x>"),
            "<a href=\"x\">y</a>".to_owned(),
        ] {
            assert!(matches!(shorten(&text), Cow::Borrowed(_)), "{text:.80}");
        }
    }
}
