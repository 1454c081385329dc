//! Words in C code and in messages: identifiers, and which of them are called.

/// Whether a byte can be part of an identifier.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The identifiers of a text with their offsets, in order.
pub(crate) fn identifiers(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(|b| is_word(*b))?;
            let len = bytes.get(start..)?.iter().take_while(|b| is_word(**b)).count();
            at = start + len;
            if !bytes.get(start).is_some_and(u8::is_ascii_digit) {
                return Some((start, text.get(start..at)?));
            }
        }
    })
}

/// The identifiers that a `(` follows, in order. Keywords are not among them.
pub(crate) fn called(text: &str) -> impl Iterator<Item = (usize, &str)> {
    const KEYWORDS: &[&str] = &[
        "if",
        "while",
        "for",
        "switch",
        "return",
        "sizeof",
        "typeof",
        "__typeof__",
        "__attribute__",
        "defined",
        "do",
        "else",
        "case",
        "alignof",
    ];
    identifiers(text).filter(|(at, word)| {
        let rest = text.get(at + word.len()..).unwrap_or_default();
        rest.trim_start_matches([' ', '\t']).starts_with('(') && !KEYWORDS.contains(word)
    })
}

/// Whether `word` stands in `text` by itself.
pub(crate) fn has_word(text: &[u8], word: &str) -> bool {
    if word.is_empty() {
        return false;
    }
    let outside = |at: Option<usize>| at.and_then(|at| text.get(at)).is_none_or(|b| !is_word(*b));
    memchr::memmem::find_iter(text, word).any(|at| outside(at.checked_sub(1)) && outside(Some(at + word.len())))
}

/// The text with every `word` that stands by itself made blanks.
pub(crate) fn blank(text: &str, word: &str) -> String {
    let bytes = text.as_bytes();
    let outside = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(|b| !is_word(*b));
    let mut out = text.to_owned();
    for (at, _) in text.match_indices(word).filter(|_| !word.is_empty()) {
        if outside(at.checked_sub(1)) && outside(Some(at + word.len())) {
            out.replace_range(at..at + word.len(), &" ".repeat(word.len()));
        }
    }
    out
}

/// Last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `1 hunk`, `2 hunks`.
pub(crate) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Numbers in ascending order as people write them: `1-3, 7`.
pub(crate) fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &n in numbers {
        match runs.last_mut() {
            Some((_, to)) if *to + 1 == n => *to = n,
            _ => runs.push((n, n)),
        }
    }
    let run = |(from, to): &(u32, u32)| match to - from {
        0 => from.to_string(),
        1 => format!("{from}, {to}"),
        _ => format!("{from}-{to}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_base::folder;

    #[test]
    fn words_are_found_whole() {
        assert_eq!(identifiers("a->b + 0x1f, c1").map(|w| w.1).collect::<Vec<_>>(), ["a", "b", "c1"]);
        assert_eq!(called("if (f (x)) g(h)").map(|w| w.1).collect::<Vec<_>>(), ["f", "g"]);
        assert!(has_word(b"foo_bar(x)", "foo_bar") && !has_word(b"foo_bars", "foo_bar") && !has_word(b"a_foo_bar", "foo_bar"));
        assert_eq!(blank("an atom, atoms", "atom"), "an     , atoms");
        assert_eq!((ranges(&[1, 2, 3, 5, 7, 8]), ranges(&[4])), ("1-3, 5, 7, 8".to_owned(), "4".to_owned()));
        assert_eq!((folder("a/b.c"), folder("b.c"), file_name("a/b.c")), ("a", "", "b.c"));
    }
}
