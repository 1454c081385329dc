//! Finding the diffs in a text: plain, quoted at any depth, indented, with comments in between.
//!
//! A diff starts at a file header or, in a quotation that was cut, at a hunk header. Its prefix (`> `, `> >> `, blanks) is that of
//! its first line. Lines of another depth are comments; their place is noted. The text that comes out is meant for a patch
//! applier: markers are restored where they were eaten and wrapped lines joined, all else stays as it is and the damage is said.
//! Paths are data here: none is opened, and those that leave the tree are marked.

use crate::hunk::{HunkHeader, Item, ItemKind, columns, parse_hunk_header, read_hunk, would_not_fit};
use crate::limits::{MAX_DAMAGE, MAX_DIFFS};
use crate::paths::{file_from_git_line, is_unsafe, strip_pair, strip_path};
use crate::quote;
use crate::types::{DiffComment, DiffFile, DiffPart};

/// The longest run of comment lines inside a diff.
const MAX_COMMENT_LINES: usize = 500;

/// All diffs of a text, in order.
pub fn find_diffs(text: &str) -> Vec<DiffPart> {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() && out.len() < MAX_DIFFS {
        match start(&lines, at) {
            Some(reader) => {
                let (part, next) = reader.read(at);
                if part.hunks > 0 || part.files.iter().any(|f| f.old != f.new) || says_more(&part) {
                    out.push(part);
                }
                at = next.max(at + 1);
            }
            None => at += 1,
        }
    }
    out
}

/// Whether a diff without hunks tells of a change all the same: of a mode, or of a binary file. In a quotation it is a piece of another one.
fn says_more(part: &DiffPart) -> bool {
    const MORE: &[&str] = &["new mode ", "Binary files ", "GIT binary patch", "rename to ", "copy to "];
    part.quoted_depth == 0 && part.text.lines().any(|l| MORE.iter().any(|m| l.starts_with(m)))
}

/// What a line is to a diff of one prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Own(&'a str),
    Foreign(&'a str),
}

struct Reader<'t, 'a> {
    lines: &'t [&'a str],
    prefix: &'a str,
    depth: u32,
}

fn start<'t, 'a>(lines: &'t [&'a str], at: usize) -> Option<Reader<'t, 'a>> {
    let line = lines.get(at)?;
    let (depth, mut offset) = quote::depth(line);
    if depth == 0 && line.starts_with([' ', '\t']) {
        // A diff pasted with an indent; only its unmistakable first line counts.
        let text = line.trim_start();
        if !text.starts_with("diff --git a/") {
            return None;
        }
        offset = line.len() - text.len();
    }
    let reader = Reader { lines, prefix: line.get(..offset)?, depth };
    (reader.is_file_start(at) || reader.own(at).and_then(parse_hunk_header).is_some()).then_some(reader)
}

impl<'a> Reader<'_, 'a> {
    fn line(&self, at: usize) -> Option<Line<'a>> {
        let line = *self.lines.get(at)?;
        if self.prefix.is_empty() {
            return Some(Line::Own(line));
        }
        if let Some(rest) = line.strip_prefix(self.prefix) {
            return Some(if self.depth > 0 && rest.starts_with('>') { Line::Foreign(line) } else { Line::Own(rest) });
        }
        if line.trim_end() == self.prefix.trim_end() && (self.depth > 0 || line.is_empty()) {
            return Some(Line::Own(""));
        }
        let (depth, offset) = quote::depth(line);
        if self.depth > 0 && depth == self.depth {
            return Some(Line::Own(line.get(offset..).unwrap_or_default()));
        }
        Some(Line::Foreign(line))
    }

    fn own(&self, at: usize) -> Option<&'a str> {
        match self.line(at)? {
            Line::Own(content) => Some(content),
            Line::Foreign(_) => None,
        }
    }

    fn is_file_start(&self, at: usize) -> bool {
        let Some(content) = self.own(at) else { return false };
        let soon = |prefix: &str| (at + 1..at + 4).any(|n| self.own(n).is_some_and(|c| c.starts_with(prefix)));
        if content.starts_with("--- ") {
            return self.own(at + 1).is_some_and(|c| c.starts_with("+++ "));
        }
        content.starts_with("diff --git ") || (content.starts_with("diff -") || content.starts_with("Index: ")) && soon("--- ")
    }

    fn is_hunk_start(&self, at: usize) -> bool {
        self.own(at).and_then(parse_hunk_header).is_some()
    }

    fn read(&self, first: usize) -> (DiffPart, usize) {
        let mut build = Build::default();
        let mut at = first;
        let mut end = first;
        if self.is_hunk_start(at) {
            build.damage("the file header is missing: which file this changes is not said".into());
        }
        while let Some(line) = self.line(at) {
            let content = match line {
                Line::Own(content) => content,
                Line::Foreign(_) => match self.after_comment(at) {
                    Some(next) => {
                        let text: Vec<&str> = self.lines.get(at..next).unwrap_or_default().to_vec();
                        build.comment(build.lines.len(), text.join("\n").trim_matches('\n'));
                        at = next;
                        continue;
                    }
                    None => break,
                },
            };
            if let Some(header) = parse_hunk_header(content) {
                at = self.hunk(at, content, header, &mut build);
            } else if let Some(next) = self.file_header(at, content, &mut build) {
                at = next;
            } else if content.starts_with('\\') && !build.lines.is_empty() {
                build.lines.push(content.to_string());
                at += 1;
            } else if let Some(next) = self.resumes(at, content) {
                if !content.trim().is_empty() {
                    build.damage(format!("lines are left out after line {}", build.lines.len()));
                }
                at = next;
                continue;
            } else {
                break;
            }
            end = at;
        }
        let mut part = build.finish();
        part.quoted_depth = self.depth;
        part.line = u32::try_from(first + 1).unwrap_or(u32::MAX);
        (part, end)
    }

    /// The line at which the diff goes on after a comment, if it does.
    fn after_comment(&self, at: usize) -> Option<usize> {
        let own = (at..at + MAX_COMMENT_LINES).find(|n| self.own(*n).is_some_and(|c| !c.trim().is_empty()))?;
        (self.is_hunk_start(own) || self.is_file_start(own)).then_some(own)
    }

    /// After a line that is no part of a diff: where the diff goes on, within a few lines.
    fn resumes(&self, at: usize, content: &str) -> Option<usize> {
        let reach = if content.trim().is_empty() || self.depth > 0 || content.starts_with(['[', '.']) { 4 } else { return None };
        if content.starts_with("-- ") || content == "--" {
            return None;
        }
        (at + 1..at + reach).find(|n| self.is_hunk_start(*n) || self.is_file_start(*n))
    }

    fn hunk(&self, at: usize, header_line: &str, header: HunkHeader, build: &mut Build) -> usize {
        let items = self.gather(at + 1, header);
        let read = read_hunk(header_line, header, &items);
        let next = match read.used.checked_sub(1).and_then(|n| items.get(n)) {
            Some(last) => last.line + 1,
            None => at + 1,
        };
        build.hunk(read);
        next
    }

    /// The lines that may belong to a hunk: up to the next header.
    fn gather(&self, first: usize, header: HunkHeader) -> Vec<Item<'a>> {
        let most = (header.old as usize).saturating_add(header.new as usize).saturating_mul(2).saturating_add(64);
        let mut items: Vec<Item<'a>> = Vec::new();
        let mut foreign = 0;
        for at in first..self.lines.len() {
            let Some(line) = self.line(at) else { break };
            let width = self.lines.get(at).map_or(0, |l| columns(l));
            match line {
                Line::Own(content) => {
                    let long_header = content.starts_with("diff --git ") || parse_hunk_header(content).is_some();
                    if long_header || items.len() >= most {
                        break;
                    }
                    foreign = 0;
                    items.push(Item { kind: ItemKind::Own, content, width, line: at });
                }
                Line::Foreign(content) => {
                    foreign += 1;
                    if foreign > MAX_COMMENT_LINES {
                        break;
                    }
                    let rest = foreign == 1
                        && quote::depth(content).0 == 0
                        && !content.trim().is_empty()
                        && items.last().is_some_and(|before| would_not_fit(before.width, content))
                        && self.own(at + 1).is_some_and(|c| c.starts_with([' ', '+', '-', '\\']) || c.is_empty());
                    let kind = if rest { ItemKind::Wrapped } else { ItemKind::Foreign };
                    items.push(Item { kind, content, width, line: at });
                }
            }
        }
        items
    }

    /// Takes a line of a file header; the next line's number if it was one.
    fn file_header(&self, at: usize, content: &str, build: &mut Build) -> Option<usize> {
        const EXTENDED: &[&str] = &[
            "index ",
            "new file mode ",
            "deleted file mode ",
            "old mode ",
            "new mode ",
            "similarity ",
            "dissimilarity ",
            "rename ",
            "copy ",
            "Binary files ",
            "=====",
        ];
        if content.starts_with("diff --git ") {
            let mut line = content.to_string();
            let mut next = at + 1;
            if let Some(rest) = self.own(next).filter(|c| !content.contains(" b/") && c.starts_with("b/")) {
                line = format!("{} {rest}", content.trim_end());
                build.damage("a file header was wrapped and has been rejoined".into());
                next += 1;
            }
            build.begin(file_from_git_line(&line), false);
            build.lines.push(line);
            return Some(next);
        }
        if self.is_file_start(at) && !content.starts_with("--- ") {
            build.begin(DiffFile::default(), content.starts_with("Index: "));
        } else if content.starts_with("--- ") && self.own(at + 1).is_some_and(|c| c.starts_with("+++ ")) {
            if !build.open || build.files.is_empty() {
                build.files.push(DiffFile::default());
            }
            build.open = false;
            let new = self.own(at + 1).unwrap_or_default();
            build.lines.push(content.to_string());
            build.lines.push(new.to_string());
            let (old, new) = strip_pair(content.get(4..).unwrap_or_default(), new.get(4..).unwrap_or_default());
            if let Some(file) = build.files.last_mut() {
                (file.old, file.new) = (old, new);
            }
            return Some(at + 2);
        } else if content.starts_with("GIT binary patch") {
            build.damage("a binary patch is not read".into());
            build.lines.push(content.to_string());
            return (at + 1..self.lines.len())
                .find(|n| self.own(*n).is_none_or(|c| c.starts_with("diff --git ") || c.starts_with("-- ")))
                .or(Some(self.lines.len()));
        } else if !build.open || !EXTENDED.iter().any(|e| content.starts_with(e)) {
            return None;
        }
        if let Some(file) = build.files.last_mut() {
            match content {
                c if c.starts_with("new file mode ") => file.old = None,
                c if c.starts_with("deleted file mode ") => file.new = None,
                c if c.starts_with("rename from ") || c.starts_with("copy from ") => {
                    file.old = c.split_once(" from ").and_then(|(_, p)| strip_path(p))
                }
                c if c.starts_with("rename to ") || c.starts_with("copy to ") => {
                    file.new = c.split_once(" to ").and_then(|(_, p)| strip_path(p))
                }
                _ => {}
            }
        }
        build.lines.push(content.to_string());
        Some(at + 1)
    }
}

/// A diff as it grows.
#[derive(Default)]
struct Build {
    lines: Vec<String>,
    files: Vec<DiffFile>,
    hunks: u32,
    damage: Vec<String>,
    comments: Vec<DiffComment>,
    /// Within the header of the last file.
    open: bool,
    /// The last file's header has had no more than an `Index:` line so far, which quilt and CVS write before a `diff` line of the same file.
    indexed: bool,
    eaten: usize,
    emptied: usize,
    hard_blanks: usize,
    tabs: bool,
    blank_indents: usize,
    any_indent: bool,
}

impl Build {
    fn damage(&mut self, text: String) {
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(text);
        }
    }

    /// Begins a file, which is the one that an `Index:` line has just begun.
    fn begin(&mut self, file: DiffFile, by_index: bool) {
        if self.open && self.indexed {
            self.files.pop();
        }
        self.files.push(file);
        self.open = true;
        self.indexed = by_index;
    }

    fn comment(&mut self, after: usize, text: &str) {
        if !text.trim().is_empty() {
            self.comments.push(DiffComment { after_line: u32::try_from(after).unwrap_or(u32::MAX), text: text.to_string() });
        }
    }

    fn hunk(&mut self, read: crate::hunk::HunkText) {
        self.open = false;
        self.hunks += 1;
        if let Some(file) = self.files.last_mut() {
            file.hunks += 1;
        }
        let base = self.lines.len();
        let number = self.hunks;
        for line in &read.joined {
            self.damage(format!("line {} was wrapped and has been rejoined; the blank at the seam is a guess", base + line + 1));
        }
        if !read.complete {
            let (old, new) = (read.missing_old, read.missing_new);
            self.damage(format!("hunk {number}: {old} old and {new} new lines of those its header counts are not there"));
        }
        for (before, text) in &read.comments {
            self.comment(base + before, text);
        }
        let tabbed = self.files.last().and_then(|f| f.new.as_deref().or(f.old.as_deref())).is_none_or(uses_tabs);
        for line in read.lines.iter().skip(1) {
            let text = line.get(1..).unwrap_or_default();
            self.tabs |= text.contains('\t');
            self.any_indent |= (text.starts_with('\t') || text.starts_with("  ")) && !text.trim().is_empty();
            self.blank_indents += usize::from(tabbed && text.starts_with("    ") && !text.trim().is_empty());
        }
        self.eaten += read.eaten;
        self.emptied += read.emptied;
        self.hard_blanks += read.hard_blanks;
        self.lines.extend(read.lines);
    }

    fn finish(mut self) -> DiffPart {
        if self.eaten > 0 {
            self.damage(format!("the leading blank of {} context lines was eaten; it has been put back", self.eaten));
            if !self.any_indent {
                self.damage("all leading white space is lost".into());
            }
        }
        if self.emptied > 0 {
            self.damage(format!("{} empty context lines had lost their blank; it has been put back", self.emptied));
        }
        if self.hard_blanks > 0 {
            self.damage(format!("{} lines have non-breaking spaces", self.hard_blanks));
        }
        if !self.tabs && self.blank_indents > 0 {
            self.damage("tabs were turned into blanks".into());
        }
        for file in &mut self.files {
            file.unsafe_path = [&file.old, &file.new].into_iter().flatten().any(|p| is_unsafe(p));
        }
        let outside: Vec<String> = self
            .files
            .iter()
            .filter(|f| f.unsafe_path)
            .filter_map(|f| f.new.clone().or(f.old.clone()))
            .map(|p| format!("the path `{p}` leaves the tree"))
            .collect();
        outside.into_iter().for_each(|text| self.damage(text));
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        DiffPart { text, damage: self.damage, files: self.files, hunks: self.hunks, comments: self.comments, ..DiffPart::default() }
    }
}

/// Files that the kernel indents with tabs.
fn uses_tabs(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    [".c", ".h", ".S"].iter().any(|end| name.ends_with(end)) || name.starts_with("Makefile") || name.starts_with("Kconfig")
}
