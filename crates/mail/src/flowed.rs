//! `format=flowed` (RFC 3676): joining the lines that a client broke, and removing the blank it put before others.
//!
//! Follows section 4.5 of the RFC; a line of another quote depth ends a paragraph even after a soft break, and `-- ` is never joined.
//! A line of blanks alone is not taken for the start of a paragraph: in a patch it is an empty line of context.

/// The text with soft line breaks undone. With `delsp`, the blank at a soft break belongs to the break.
pub(crate) fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        // In flowed text quote marks are contiguous: stuffing keeps apart what only looks like one.
        let depth = line.bytes().take_while(|b| *b == b'>').count();
        let rest = line.get(depth..).unwrap_or_default();
        let content = rest.strip_prefix(' ').unwrap_or(rest);
        if open != Some(depth) || content == "-- " {
            if open.is_some() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n('>', depth));
            if depth > 0 && !content.is_empty() {
                out.push(' ');
            }
        }
        let soft = content.ends_with(' ') && content != "-- " && !content.bytes().all(|b| b == b' ');
        out.push_str(if soft && delsp { content.strip_suffix(' ').unwrap_or(content) } else { content });
        open = soft.then_some(depth);
        if !soft {
            out.push('\n');
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_breaks_are_joined_and_stuffing_removed() {
        assert_eq!(unflow("a \nb\n  context\n+x \n y\n> q \n> r\n-- \nme\n", false), "a b\n context\n+x y\n> q r\n-- \nme\n");
        assert_eq!(unflow("ab \ncd\n", true), "abcd\n");
        assert_eq!(unflow("  a\n  \n  b\n", false), " a\n \n b\n");
        assert_eq!(unflow("> q \nown\n", false), "> q \nown\n");
    }
}
