//! The parser: finds file headers and hunks in any text, and hands out what it found with notes on what was wrong.

use super::header::{self, trim};
use super::{Diff, FileDiff, FileKind, Hunk, HunkLine, LineKind, MAX_FILES, Note};

/// A line at least this long may have been wrapped by mail.
const WRAP_FROM: usize = 55;

/// Reads every unified diff in `text`. Never fails: what cannot be read is noted. Linear in the text.
pub fn parse(text: &[u8]) -> Diff {
    let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let mut parser = Parser { lines, at: 0, diff: Diff::default(), current: None };
    parser.run();
    parser.diff
}

struct Current {
    file: FileDiff,
    /// Still among the extended header lines of `diff --git`.
    in_header: bool,
    /// `---` and `+++` were seen.
    named: bool,
    /// The header lines end with CR, so that the CR of the hunks' lines is the mail's.
    crlf: bool,
    /// Extended header lines that alone are a change.
    mode: bool,
    /// A submodule.
    link: bool,
}

struct Parser<'a> {
    lines: Vec<&'a [u8]>,
    at: usize,
    diff: Diff,
    current: Option<Current>,
}

/// How far a hunk's body goes by its header.
struct Left {
    old: u32,
    new: u32,
}

impl<'a> Parser<'a> {
    fn line(&self, at: usize) -> &'a [u8] {
        self.lines.get(at).copied().unwrap_or(b"")
    }

    fn note(&mut self, at: usize, text: impl Into<String>) {
        self.diff.notes.push(Note { line: at as u32 + 1, text: text.into() });
    }

    fn run(&mut self) {
        while self.at < self.lines.len() {
            if self.diff.files.len() >= MAX_FILES {
                self.note(self.at, format!("only the first {MAX_FILES} files of the patch were read"));
                self.diff.cut = true;
                self.current = None;
                return;
            }
            let line = self.line(self.at);
            if let Some(names) = line.strip_prefix(b"diff --git ") {
                self.start_git(names);
            } else if self.is_file_header(self.at) {
                self.file_header();
                continue;
            } else if line.starts_with(b"@@ -") || (line.starts_with(b"@@ ") && self.current.is_some()) {
                self.hunk();
                continue;
            } else if line.starts_with(b"@@@ -") {
                self.note(self.at, "combined diffs of merges are not read");
            } else if line.starts_with(b"***************") {
                self.note(self.at, "context diffs are not read, only unified ones");
            } else if line.starts_with(b"GIT binary patch") || (line.starts_with(b"Binary files ") && trim(line).ends_with(b" differ")) {
                self.binary();
            } else if line.starts_with(b"diff -") || line.starts_with(b"Index: ") {
                self.finish();
            } else {
                self.extended_header(line);
            }
            self.at += 1;
        }
        self.finish();
    }

    fn start(&mut self) -> &mut Current {
        self.finish();
        let file = FileDiff {
            old_path: None,
            new_path: None,
            kind: FileKind::Modify,
            hunks: Vec::new(),
            binary: false,
            bare_names: false,
            line: self.at as u32 + 1,
        };
        self.current.insert(Current { file, in_header: false, named: false, crlf: false, mode: false, link: false })
    }

    fn start_git(&mut self, names: &[u8]) {
        let names = header::git_names(names);
        let current = self.start();
        current.in_header = true;
        if let Some((old, new)) = names {
            current.file.old_path = Some(old).filter(|name| name != "/dev/null");
            current.file.new_path = Some(new).filter(|name| name != "/dev/null");
        }
    }

    fn is_file_header(&self, at: usize) -> bool {
        self.line(at).starts_with(b"--- ") && self.line(at + 1).starts_with(b"+++ ")
    }

    fn file_header(&mut self) {
        let (old_line, new_line) = (self.line(self.at), self.line(self.at + 1));
        let old = header::file_name(&old_line[4..]);
        let new = header::file_name(&new_line[4..]);
        if !self.current.as_ref().is_some_and(|current| current.in_header && !current.named) {
            self.start();
        }
        if let Some(current) = &mut self.current {
            let absent = |name: &header::Name| name.path.is_none() || name.epoch;
            if current.file.kind == FileKind::Modify {
                current.file.kind = match (absent(&old), absent(&new)) {
                    (true, false) => FileKind::Create,
                    (false, true) => FileKind::Delete,
                    _ => FileKind::Modify,
                };
            }
            if !current.file.bare_names {
                current.file.old_path = old.path;
                current.file.new_path = new.path;
            }
            current.named = true;
            current.in_header = false;
            current.crlf = old_line.ends_with(b"\r") && new_line.ends_with(b"\r");
        }
        self.at += 2;
    }

    fn extended_header(&mut self, line: &[u8]) {
        let Some(current) = self.current.as_mut().filter(|current| current.in_header) else { return };
        let name = |prefix: &[u8]| line.strip_prefix(prefix).map(|rest| header::file_name(rest).path);
        // A submodule: its hunk is a line with the revision of another repository.
        current.link |= line.starts_with(b"index ") && trim(line).ends_with(b" 160000") || trim(line).ends_with(b" file mode 160000");
        if line.starts_with(b"new file mode ") {
            current.file.kind = FileKind::Create;
            current.file.old_path = None;
        } else if line.starts_with(b"deleted file mode ") {
            current.file.kind = FileKind::Delete;
            current.file.new_path = None;
        } else if line.starts_with(b"old mode ") || line.starts_with(b"new mode ") {
            current.mode = true;
        } else if let Some(path) = name(b"rename from ") {
            (current.file.kind, current.file.old_path, current.file.bare_names) = (FileKind::Rename, path, true);
        } else if let Some(path) = name(b"rename to ") {
            (current.file.kind, current.file.new_path, current.file.bare_names) = (FileKind::Rename, path, true);
        } else if let Some(path) = name(b"copy from ") {
            (current.file.kind, current.file.old_path, current.file.bare_names) = (FileKind::Copy, path, true);
        } else if let Some(path) = name(b"copy to ") {
            (current.file.kind, current.file.new_path, current.file.bare_names) = (FileKind::Copy, path, true);
        } else if !(line.starts_with(b"index ") || line.starts_with(b"similarity index ") || line.starts_with(b"dissimilarity index ")) {
            current.in_header = false;
        }
    }

    fn binary(&mut self) {
        if let Some(current) = &mut self.current {
            current.file.binary = true;
            self.note(self.at, "a binary change is not applied");
        }
    }

    fn finish(&mut self) {
        let Some(Current { mut file, mode, link, .. }) = self.current.take() else { return };
        if link {
            self.note(file.line as usize - 1, "a submodule's revision is not followed");
            file.hunks.clear();
            file.binary = true;
        }
        if file.hunks.is_empty() && !file.binary && !mode && file.kind == FileKind::Modify {
            self.note(file.line as usize - 1, "a file is named and no hunk follows");
        }
        if file.kind == FileKind::Create {
            file.old_path = None;
        } else if file.kind == FileKind::Delete {
            file.new_path = None;
        }
        self.diff.files.push(file);
    }

    fn hunk(&mut self) {
        let start = self.at;
        let header = header::hunk(self.line(start));
        if self.current.is_none() {
            self.note(start, "a hunk without a file's name before it");
            self.start();
        }
        let crlf = self.current.as_ref().is_some_and(|current| current.crlf);
        self.at += 1;
        let hunk = match header {
            Some((mut hunk, old, new)) => {
                self.body(&mut hunk, Left { old, new }, crlf);
                if (hunk.old_count(), hunk.new_count()) != (old, new) {
                    let (has_old, has_new) = (hunk.old_count(), hunk.new_count());
                    self.note(start, format!("the hunk's header says {old} and {new} lines, the body has {has_old} and {has_new}"));
                }
                hunk
            }
            None => {
                self.note(start, "the hunk's header gives no line numbers");
                let mut hunk =
                    Hunk { section: String::from_utf8_lossy(self.line(start)).trim_matches(['@', ' ', '\r']).into(), ..Hunk::default() };
                self.body_without_counts(&mut hunk, crlf);
                hunk
            }
        };
        if let Some(current) = &mut self.current {
            current.in_header = false;
            if !hunk.lines.is_empty() {
                current.file.hunks.push(Hunk { line: start as u32 + 1, ..hunk });
            }
        }
    }

    fn body(&mut self, hunk: &mut Hunk, mut left: Left, crlf: bool) {
        while self.at < self.lines.len() {
            let raw = self.line(self.at);
            let line = if crlf { raw.strip_suffix(b"\r").unwrap_or(raw) } else { raw };
            if let Some(b'\\') = line.first() {
                if let Some(last) = hunk.lines.last_mut() {
                    last.no_newline = true;
                }
                self.at += 1;
                continue;
            }
            if left.old == 0 && left.new == 0 {
                if !self.runs_on(line) {
                    break;
                }
                self.take(hunk, &mut left, line);
            } else if self.ends_hunk(&left) {
                break;
            } else {
                match line.first() {
                    Some(b' ' | b'+' | b'-') => self.take(hunk, &mut left, line),
                    None | Some(b'\r') => {
                        if left.old == 0 || left.new == 0 || self.rest_is_blank(&left) {
                            break;
                        }
                        push(hunk, &mut left, LineKind::Context, b"", false);
                    }
                    Some(_) => {
                        if !self.repair(hunk, &mut left, line) {
                            break;
                        }
                    }
                }
            }
            self.at += 1;
        }
        if left.old > 0 || left.new > 0 {
            self.note(self.at.saturating_sub(1), "the hunk is cut short");
        }
    }

    fn take(&self, hunk: &mut Hunk, left: &mut Left, line: &[u8]) {
        let kind = match line.first() {
            Some(b'+') => LineKind::Add,
            Some(b'-') => LineKind::Remove,
            _ => LineKind::Context,
        };
        push(hunk, left, kind, line.get(1..).unwrap_or(b""), false);
    }

    /// Whether added or removed lines go on although the counts are used up: somebody edited the hunk by hand. A line
    /// with two dashes is a signature or a boundary between parts of the mail.
    fn runs_on(&self, line: &[u8]) -> bool {
        match line.first() {
            Some(b'+') => !line.starts_with(b"+++ "),
            Some(b'-') => !line.starts_with(b"--") && trim(line).len() > 1,
            _ => false,
        }
    }

    /// Whether the line cannot belong to a hunk that still misses lines.
    fn ends_hunk(&self, left: &Left) -> bool {
        let line = self.line(self.at);
        // A removed `-- x` and an added `++ y` look like a header, but only as the last two lines that the counts want.
        let next_file = self.is_file_header(self.at) && self.line(self.at + 2).starts_with(b"@@ -") && (left.old, left.new) != (1, 1);
        let version = self.line(self.at + 1).first().is_some_and(u8::is_ascii_digit);
        let cut = self.at + 1 >= self.lines.len() && (left.old, left.new) != (1, 0);
        let signature = line.starts_with(b"--") && trim(line) == b"--" && (left.old == 0 || version || cut);
        line.starts_with(b"@@ ") || line.starts_with(b"diff --git ") || next_file || signature
    }

    /// Whether only blank lines, fewer than the hunk misses, and then the end or the next header follow: it was cut here.
    fn rest_is_blank(&self, left: &Left) -> bool {
        let missing = left.old.max(left.new) as usize;
        let rest = || self.lines.iter().skip(self.at);
        let blank = rest().take(missing).take_while(|line| trim(line).is_empty()).count();
        let header =
            |line: &&[u8]| trim(line) == b"--" || [&b"diff --git "[..], b"@@ ", b"From "].iter().any(|start| line.starts_with(start));
        blank < missing && rest().nth(blank).is_none_or(header)
    }

    /// A line without a marker inside a hunk: the tail of a wrapped line, or a context line that lost its blank.
    fn repair(&mut self, hunk: &mut Hunk, left: &mut Left, line: &[u8]) -> bool {
        let both = left.old > 0 && left.new > 0;
        if let Some(last) = hunk.lines.last_mut().filter(|last| last.text.len() >= WRAP_FROM && line.first() != Some(&b'\t')) {
            last.text.push(b' ');
            last.text.extend_from_slice(line);
            last.damaged = true;
            self.note(self.at, "a wrapped line is joined to the one before");
        } else if both {
            push(hunk, left, LineKind::Context, line, true);
            self.note(self.at, "a line without a marker is taken for context");
        } else {
            return false;
        }
        true
    }

    fn body_without_counts(&mut self, hunk: &mut Hunk, crlf: bool) {
        let mut left = Left { old: u32::MAX, new: u32::MAX };
        while self.at < self.lines.len() && !self.ends_hunk(&left) {
            let raw = self.line(self.at);
            let line = if crlf { raw.strip_suffix(b"\r").unwrap_or(raw) } else { raw };
            match line.first() {
                Some(b' ' | b'+' | b'-') => self.take(hunk, &mut left, line),
                Some(b'\\') => hunk.lines.iter_mut().last().into_iter().for_each(|last| last.no_newline = true),
                _ => break,
            }
            self.at += 1;
        }
    }
}

fn push(hunk: &mut Hunk, left: &mut Left, kind: LineKind, text: &[u8], damaged: bool) {
    if kind != LineKind::Add {
        left.old = left.old.saturating_sub(1);
    }
    if kind != LineKind::Remove {
        left.new = left.new.saturating_sub(1);
    }
    hunk.lines.push(HunkLine { kind, text: text.to_vec(), no_newline: false, damaged });
}
