//! Headers whose definitions come from macros, written out so that an outline sees them: it reads declarations without expanding anything.
//!
//! Lines stay where they are. Only what stands on one line is changed, and only by macros of the same file.

use memchr::memmem;
use std::borrow::Cow;

/// `struct kfifo MACRO(…);`, whose braces come from the macro, becomes `struct kfifo { struct MACRO(…); };`: the same members, in a form
/// in which an outline sees a definition. Lines stay where they are.
pub(crate) fn braced(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let is_one = |line: &[u8]| -> Option<(usize, usize)> {
        let rest = line.strip_prefix(b"struct ")?;
        let name = rest.iter().position(|b| *b == b' ')?;
        let word = rest.get(name + 1..)?;
        let open = word.iter().position(|b| *b == b'(')?;
        let upper = open > 2 && word[..open].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
        (upper && line.trim_ascii_end().ends_with(b");")).then_some((7 + name, line.trim_ascii_end().len()))
    };
    if !bytes.split(|b| *b == b'\n').any(|l| is_one(l).is_some()) {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if n > 0 {
            out.push(b'\n');
        }
        match is_one(line) {
            Some((name, end)) => {
                out.extend_from_slice(&line[..name]);
                out.extend_from_slice(b" { struct");
                out.extend_from_slice(&line[name..end]);
                out.extend_from_slice(b" };");
            }
            None => out.extend_from_slice(line),
        }
    }
    Cow::Owned(out)
}

/// `lock_struct(spinlock) { … };`, where a macro stands for the keyword, becomes `struct spinlock { … };`. A function's body has no semicolon.
pub(crate) fn tagged(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let head = |line: &[u8]| -> Option<(usize, usize)> {
        let open = line.iter().position(|b| *b == b'(')?;
        let word = &line[..open];
        let close = open + line[open..].iter().position(|b| *b == b')')?;
        let end = line[open + 1..close].iter().position(|b| *b == b',').map_or(close, |at| open + 1 + at);
        let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_');
        let whole = line[close + 1..].trim_ascii() == b"{";
        (whole && word.ends_with(b"_struct") && is_name(word) && is_name(line[open + 1..end].trim_ascii())).then_some((open + 1, end))
    };
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let ends = |from: usize| lines[from..].iter().find(|l| l.starts_with(b"}")).is_some_and(|l| l.starts_with(b"};") || l.ends_with(b";"));
    let heads: Vec<Option<(usize, usize)>> = lines.iter().enumerate().map(|(n, l)| head(l).filter(|_| ends(n))).collect();
    if heads.iter().all(Option::is_none) {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    for (n, (line, head)) in lines.iter().zip(heads).enumerate() {
        if n > 0 {
            out.push(b'\n');
        }
        match head {
            Some((from, to)) => {
                out.extend_from_slice(b"struct ");
                out.extend_from_slice(line[from..to].trim_ascii());
                out.extend_from_slice(b" {");
            }
            None => out.extend_from_slice(line),
        }
    }
    Cow::Owned(out)
}

/// A macro of the file whose body is a definition with braces.
struct Maker<'t> {
    name: &'t str,
    params: Vec<&'t str>,
    body: String,
}

/// `LOCKNAME(spinlock, spinlock_t)` on a line of its own, by a macro of this file that defines types or functions, becomes what it stands for.
pub(crate) fn expanded(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memmem::find(&bytes, b"##").is_none() {
        return bytes;
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    let makers = makers(text);
    if makers.is_empty() {
        return bytes;
    }
    let mut out = String::with_capacity(text.len() + 4096);
    let mut continued = false;
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let use_of = makers.iter().find_map(|maker| Some((maker, arguments(line.strip_prefix(maker.name)?)?)));
        match use_of {
            Some((maker, args)) if !continued && args.len() == maker.params.len() => out.push_str(&maker.with(&args)),
            _ => out.push_str(line),
        }
        continued = line.trim_end().ends_with('\\');
    }
    Cow::Owned(out.into_bytes())
}

/// The macros of a text that define something with braces by pasting names together.
fn makers(text: &str) -> Vec<Maker<'_>> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((name, rest)) = line.strip_prefix("#define ").and_then(|rest| rest.trim_start().split_once('(')) else { continue };
        let Some((params, first)) = rest.split_once(')') else { continue };
        let mut body = String::new();
        let mut part = first;
        while let Some(more) = part.trim_end().strip_suffix('\\') {
            body.push_str(more);
            body.push(' ');
            part = lines.next().unwrap_or("");
        }
        body.push_str(part);
        let body = without_comments(&body);
        let params: Vec<&str> = params.split(',').map(str::trim).collect();
        let stringifies = body.replace("##", "").contains('#');
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        // A statement or an expression is no definition.
        let defines = body.contains("##")
            && body.contains('{')
            && !body.trim_start().starts_with(['(', '{', '_'])
            && !body.trim_start().starts_with("do ");
        if is_name && defines && !stringifies && !params.iter().any(|p| p.is_empty() || p.contains("...")) {
            out.push(Maker { name, params, body });
        }
    }
    out
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        out.push(' ');
        rest = after.split_once("*/").map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    out
}

/// The arguments of a use that is alone on its line.
fn arguments(rest: &str) -> Option<Vec<&str>> {
    let inside = rest.strip_prefix('(')?;
    let (mut depth, mut start, mut out) = (0, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => {
                out.push(inside[start..at].trim());
                let behind = inside[at + 1..].trim_start_matches([';', ' ', '\t']);
                return (behind.is_empty() || behind.starts_with("/*")).then_some(out);
            }
            ')' => depth -= 1,
            ',' if depth == 0 => {
                out.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

impl Maker<'_> {
    /// The body with these arguments, names pasted.
    fn with(&self, args: &[&str]) -> String {
        let mut out = String::with_capacity(self.body.len());
        let mut rest = self.body.as_str();
        while let Some(first) = rest.chars().next() {
            if let Some(behind) = rest.strip_prefix("##") {
                out.truncate(out.trim_end().len());
                rest = behind.trim_start();
            } else if first.is_ascii_alphabetic() || first == '_' {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let word = &rest[..end];
                out.push_str(self.params.iter().position(|p| *p == word).map_or(word, |n| args[n]));
                rest = &rest[end..];
            } else {
                let end = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
                // A number is one token with its letters.
                let end = if first.is_ascii_digit() { rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len()) } else { end };
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_may_be_the_keyword() {
        let text = "guarded_struct(pump, noreturn) {\n\tint level;\n};\nint pump_struct(int a) {\n\treturn a;\n}\n";
        let out = tagged(Cow::Borrowed(text.as_bytes())).into_owned();
        assert_eq!(String::from_utf8(out).unwrap(), text.replace("guarded_struct(pump, noreturn) {", "struct pump {"));
        assert_eq!(tagged(Cow::Borrowed(&b")(_struct() {\n"[..])).len(), 14);
    }

    #[test]
    fn macros_that_define_are_written_out() {
        let text = "#define MAKE(name, type)\t\\\n\ttypedef struct x_##name { type a; } x_##name##_t;\t/* one */ \\\n\tstatic inline int get_##name(x_##name##_t *x) { return x->a; }\n\
                    #define STEP(x) do { a_##x++; } while (0)\nMAKE(small, short)\nSTEP(y)\nint MAKE(no, no);\n";
        let out = String::from_utf8(expanded(Cow::Borrowed(text.as_bytes())).into_owned()).unwrap();
        assert!(out.contains("typedef struct x_small { short a; } x_small_t;"), "{out}");
        assert!(out.contains("static inline int get_small(x_small_t *x) { return x->a; }"), "{out}");
        assert!(out.contains("\nSTEP(y)\nint MAKE(no, no);\n"), "{out}");
        assert_eq!(out.lines().count(), text.lines().count());
    }
}
