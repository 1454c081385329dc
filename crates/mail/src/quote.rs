//! Quoting: recognising `> ` before lines and putting it there.

/// How deep a line is quoted, and where its own text begins: any number of `>` with at most one blank before each, then at
/// most one blank.
pub(crate) fn depth(line: &str) -> (u32, usize) {
    let bytes = line.as_bytes();
    let (mut depth, mut at) = (0u32, 0usize);
    loop {
        match bytes.get(at) {
            Some(b'>') => {
                depth += 1;
                at += 1;
            }
            Some(b' ') if bytes.get(at + 1) == Some(&b'>') && depth > 0 => {
                depth += 1;
                at += 2;
            }
            Some(b' ') if depth > 0 => return (depth, at + 1),
            _ => return (depth, at),
        }
    }
}

/// The text as quoted in a reply: `> ` before each line, `>` alone before empty and already quoted ones.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16 + 2);
    for line in text.lines() {
        out.push_str(if line.is_empty() || line.starts_with('>') { ">" } else { "> " });
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_marks_in_every_spacing() {
        assert_eq!(depth("> >> >>> x"), (6, 9));
        assert_eq!(depth(">  context"), (1, 2));
        assert_eq!(depth(">"), (1, 1));
        assert_eq!(depth(" > text"), (0, 0));
        assert_eq!(depth("a > b"), (0, 0));
    }

    #[test]
    fn quoting_adds_one_level() {
        assert_eq!(quote("a\n\n> b\n c"), "> a\n>\n>> b\n>  c\n");
    }
}
