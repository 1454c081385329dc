//! One hunk as it came through the mail: deciding which lines belong to it, and what a client did to them.
//!
//! A hunk header says how many lines follow; that is the measure. A line without a marker is either the rest of a wrapped line or a
//! context line whose blank was eaten: both readings are tried, and the one that meets the header's counts wins. Where neither
//! does, hunks with intact context are taken for wrapped and others for eaten. Refuses to invent lines: a hunk that is cut stays
//! cut, and says so.

/// A line that may belong to a hunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Item<'a> {
    pub kind: ItemKind,
    /// Without the quotation's prefix.
    pub content: &'a str,
    /// Columns of the whole line, prefix included and tabs expanded: what a client wraps by.
    pub width: usize,
    /// Line in the text, from 0.
    pub line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ItemKind {
    /// At the diff's own quote depth.
    Own,
    /// At another depth: somebody's comment.
    Foreign,
    /// At another depth, but the rest of the line before it.
    Wrapped,
}

/// A hunk header's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HunkHeader {
    pub old: u32,
    pub new: u32,
}

/// What became of a hunk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct HunkText {
    /// The header line first.
    pub lines: Vec<String>,
    /// How many of the items were used.
    pub used: usize,
    pub complete: bool,
    pub missing_old: u32,
    pub missing_new: u32,
    /// Lines (index in `lines`) that were put together.
    pub joined: Vec<usize>,
    pub eaten: usize,
    pub emptied: usize,
    pub hard_blanks: usize,
    /// Comments: index in `lines` before which they stand, and their text.
    pub comments: Vec<(usize, String)>,
}

/// Reads `@@ -1,2 +3,4 @@`.
pub(crate) fn parse_hunk_header(line: &str) -> Option<HunkHeader> {
    let rest = line.strip_prefix("@@ -")?;
    let (ranges, _) = rest.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let length = |range: &str| -> Option<u32> {
        let (start, len) = range.split_once(',').unwrap_or((range, "1"));
        // A number that no line has is a matter for whoever lays the patch, which says so; it ends no diff.
        let number = !start.is_empty() && start.bytes().all(|b| b.is_ascii_digit());
        len.parse().ok().filter(|_| number)
    };
    Some(HunkHeader { old: length(old)?, new: length(new)? })
}

/// Reads a hunk in the way that fits its header best.
pub(crate) fn read_hunk(header_line: &str, header: HunkHeader, items: &[Item<'_>]) -> HunkText {
    let wrapped = interpret(header_line, header, items, true);
    if wrapped.complete && wrapped.joined.is_empty() && wrapped.eaten == 0 {
        return wrapped;
    }
    let eaten = interpret(header_line, header, items, false);
    let has_context = eaten.lines.iter().skip(1).filter(|l| l.starts_with(' ')).count() > eaten.eaten + eaten.emptied;
    match (wrapped.complete, eaten.complete) {
        (true, false) => wrapped,
        (false, true) => eaten,
        _ if has_context => wrapped,
        _ => eaten,
    }
}

fn interpret(header_line: &str, header: HunkHeader, items: &[Item<'_>], join: bool) -> HunkText {
    let mut out = HunkText { lines: vec![header_line.to_string()], ..HunkText::default() };
    let (mut old, mut new) = (header.old, header.new);
    let mut width = columns(header_line);
    let mut comment = String::new();
    let mut solid = 0usize;
    for (nth, item) in items.iter().enumerate() {
        if item.kind == ItemKind::Foreign {
            if old == 0 && new == 0 {
                break;
            }
            comment.push_str(item.content);
            comment.push('\n');
            continue;
        }
        let rejoin = item.kind == ItemKind::Wrapped || (join && unmarked(item.content) && would_not_fit(width, item.content));
        if old == 0 && new == 0 && !(rejoin && item.line == items.get(nth.wrapping_sub(1)).map_or(item.line, |before| before.line + 1)) {
            break;
        }
        if rejoin {
            join_last(&mut out, item.content);
        } else if !take(&mut out, item.content, items.get(nth + 1), &mut old, &mut new, join) {
            break;
        } else if !comment.trim().is_empty() {
            let before = out.lines.len().saturating_sub(1);
            out.comments.push((before, comment.trim_matches('\n').to_string()));
        }
        comment.clear();
        width = item.width;
        out.used = nth + 1;
        if !item.content.is_empty() {
            solid = out.lines.len();
        }
    }
    out.complete = old == 0 && new == 0;
    if !out.complete {
        // Empty lines at the end of a cut hunk are the mail's, not the file's.
        let extra = out.lines.len().saturating_sub(solid.max(1));
        out.lines.truncate(solid.max(1));
        out.emptied = out.emptied.saturating_sub(extra);
        (old, new) = (old.saturating_add(extra as u32), new.saturating_add(extra as u32));
    }
    (out.missing_old, out.missing_new) = (old, new);
    out
}

/// Takes a line into the hunk; false where the hunk ends.
fn take(out: &mut HunkText, content: &str, next: Option<&Item<'_>>, old: &mut u32, new: &mut u32, join: bool) -> bool {
    let both = *old > 0 && *new > 0;
    let mut first = content.chars();
    match first.next() {
        Some('\\') => {
            out.lines.push(content.to_string());
            return true;
        }
        Some('-') if *old > 0 && !is_signature(content, next) => *old -= 1,
        Some('+') if *new > 0 => *new -= 1,
        Some(' ') if both => {
            *old -= 1;
            *new -= 1;
        }
        Some('\u{a0}') if both => {
            *old -= 1;
            *new -= 1;
            out.hard_blanks += 1;
            out.lines.push(format!(" {}", first.as_str()));
            return true;
        }
        None if both => {
            *old -= 1;
            *new -= 1;
            out.emptied += 1;
            out.lines.push(" ".into());
            return true;
        }
        Some(c) if both && !matches!(c, '+' | '-' | ' ' | '\u{a0}') && (c == '\t' || !join) => {
            *old -= 1;
            *new -= 1;
            out.eaten += 1;
            out.lines.push(format!(" {content}"));
            return true;
        }
        _ => return false,
    }
    if content.contains('\u{a0}') {
        out.hard_blanks += 1;
    }
    out.lines.push(content.to_string());
    true
}

/// `-- ` and then a version or nothing: the end of a mail rather than a removed line.
fn is_signature(content: &str, next: Option<&Item<'_>>) -> bool {
    (content == "-- " || content == "--")
        && next.is_none_or(|n| n.content.trim().is_empty() || n.content.starts_with(|c: char| c.is_ascii_digit()))
}

fn unmarked(content: &str) -> bool {
    !content.is_empty() && !content.starts_with([' ', '+', '-', '\\', '\t', '\u{a0}'])
}

/// How wide a line is on a screen with a tab stop every eight columns.
pub(crate) fn columns(line: &str) -> usize {
    line.chars().fold(0, |width, c| if c == '\t' { width / 8 * 8 + 8 } else { width + 1 })
}

/// The text's first word had no room on a line of this width, as far as clients wrap (72 columns or more).
pub(crate) fn would_not_fit(width: usize, content: &str) -> bool {
    let word = content.split([' ', '\t']).next().unwrap_or_default().chars().count();
    width >= 40 && width + 1 + word > 68
}

fn join_last(out: &mut HunkText, content: &str) {
    let index = out.lines.len().saturating_sub(1);
    if let Some(last) = out.lines.last_mut() {
        if !last.ends_with([' ', '\t']) {
            last.push(' ');
        }
        last.push_str(content);
        out.joined.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items<'a>(lines: &[&'a str]) -> Vec<Item<'a>> {
        lines.iter().enumerate().map(|(line, content)| Item { kind: ItemKind::Own, content, width: columns(content), line }).collect()
    }

    #[test]
    fn headers() {
        assert_eq!(parse_hunk_header("@@ -1,2 +3,4 @@ f"), Some(HunkHeader { old: 2, new: 4 }));
        assert_eq!(parse_hunk_header("@@ -1 +0,0 @@"), Some(HunkHeader { old: 1, new: 0 }));
        assert_eq!(parse_hunk_header("@@ -x +3,4 @@"), None);
    }

    #[test]
    fn a_wrapped_line_is_rejoined_and_an_eaten_blank_restored() {
        let long = "+this added line is long enough that a mail client has broken it at its";
        let read = read_hunk("@@ -1,1 +1,2 @@", HunkHeader { old: 1, new: 2 }, &items(&[" a", long, "end", "prose"]));
        assert_eq!(read.lines, ["@@ -1,1 +1,2 @@", " a", &format!("{long} end")]);
        assert!(read.complete && read.used == 3 && read.joined == [2]);
        let tabs = "+\t.a_member_with_a_name\t\t\t=";
        let read = read_hunk("@@ -1,1 +1,2 @@", HunkHeader { old: 1, new: 2 }, &items(&[" a", tabs, "a_function_with_a_name(\"text\"),"]));
        assert_eq!((read.joined, read.eaten), (vec![2], 0));
        let read = read_hunk("@@ -1,2 +1,3 @@", HunkHeader { old: 2, new: 3 }, &items(&["a", "+b", "c"]));
        assert_eq!(read.lines, ["@@ -1,2 +1,3 @@", " a", "+b", " c"]);
        assert_eq!((read.complete, read.eaten), (true, 2));
    }

    #[test]
    fn a_cut_hunk_says_what_is_missing() {
        let read = read_hunk("@@ -1,6 +1,7 @@", HunkHeader { old: 6, new: 7 }, &items(&[" a", "+b", " c", "", "-- ", "2.1"]));
        assert_eq!((read.complete, read.missing_old, read.missing_new, read.lines.len()), (false, 4, 4, 4));
    }
}
