//! Unified diffs as values, and the tolerant parser that makes them.
//!
//! Accepts what `git diff`, `git format-patch`, `diff -u` and people write: text around the diff, time stamps, quoted
//! names, missing counts, CRLF. What mail damaged (wrapped lines, lost leading blanks, cut hunks) is repaired where the
//! header's counts allow it, and noted. Follows git-apply(1) and POSIX diff -u. Refuses context diffs, combined diffs and
//! binary patches, with a note.

mod header;
mod parse;

pub use parse::parse;

/// Something that is wrong with the text of a diff.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Line of the patch's text, from 1.
    pub line: u32,
    /// One lowercase fact.
    pub text: String,
}

/// All diffs of a text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// In the order of the text.
    pub files: Vec<FileDiff>,
    /// What was wrong, in the order of the text.
    pub notes: Vec<Note>,
    /// More files are named than are read ([`MAX_FILES`]).
    pub cut: bool,
}

/// Files of one text: more than a step from one release of the kernel to the next changes.
pub const MAX_FILES: usize = 20_000;

/// What happens to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// Its text or mode changes.
    Modify,
    /// It is new.
    Create,
    /// It goes.
    Delete,
    /// It moves, perhaps with changes.
    Rename,
    /// A copy of it is made, perhaps with changes.
    Copy,
}

/// The changes to one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileDiff {
    /// The name before, as written, with its `a/`; `None` for `/dev/null` or if no name is given.
    pub old_path: Option<String>,
    /// The name after, as written, with its `b/`; `None` for `/dev/null` or if no name is given.
    pub new_path: Option<String>,
    pub kind: FileKind,
    pub hunks: Vec<Hunk>,
    /// The change is binary and cannot be applied.
    pub binary: bool,
    /// The names on git's `rename` and `copy` lines have no `a/` and `b/` in front.
    pub bare_names: bool,
    /// Line of the patch's text where the file's part starts, from 1.
    pub line: u32,
}

/// One hunk. The counts of the header are not kept: `lines` says what there is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hunk {
    /// First line before, from 1; if there are no old lines, the line after which the new ones go. `None` if not given.
    pub old_start: Option<u32>,
    /// First line after, likewise.
    pub new_start: Option<u32>,
    /// What stands behind the second `@@`: most often the function.
    pub section: String,
    pub lines: Vec<HunkLine>,
    /// Line of the patch's text where the hunk's header is, from 1.
    pub line: u32,
}

/// What a line of a hunk says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineKind {
    Context,
    Remove,
    Add,
}

/// A line of a hunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HunkLine {
    pub kind: LineKind,
    /// Without the marker and without the newline.
    pub text: Vec<u8>,
    /// The file ends here without a newline.
    pub no_newline: bool,
    /// Mail wrapped the line or ate its marker, so that its blanks cannot be relied on.
    pub damaged: bool,
}

impl Hunk {
    /// How many lines the hunk has before.
    pub fn old_count(&self) -> u32 {
        self.lines.iter().filter(|line| line.kind != LineKind::Add).count() as u32
    }

    /// How many lines the hunk has after.
    pub fn new_count(&self) -> u32 {
        self.lines.iter().filter(|line| line.kind != LineKind::Remove).count() as u32
    }

    /// The header as git writes it.
    pub fn header(&self) -> String {
        let number = |start: Option<u32>| start.map_or("?".to_owned(), |start| start.to_string());
        let (old, new) = (number(self.old_start), number(self.new_start));
        let text = format!("@@ -{old},{} +{new},{} @@ {}", self.old_count(), self.new_count(), self.section);
        text.trim_end().to_owned()
    }

    /// The hunk that undoes this one.
    pub fn reversed(&self) -> Hunk {
        let mut hunk = Hunk { old_start: self.new_start, new_start: self.old_start, ..self.clone() };
        for line in &mut hunk.lines {
            line.kind = match line.kind {
                LineKind::Context => LineKind::Context,
                LineKind::Remove => LineKind::Add,
                LineKind::Add => LineKind::Remove,
            };
        }
        hunk
    }
}

impl FileDiff {
    /// The diff that undoes this one. A copy is undone by deleting the copy.
    pub fn reversed(&self) -> FileDiff {
        let kind = match self.kind {
            FileKind::Create | FileKind::Copy => FileKind::Delete,
            FileKind::Delete => FileKind::Create,
            kind => kind,
        };
        let (old_path, new_path) = (self.new_path.clone(), if self.kind == FileKind::Copy { None } else { self.old_path.clone() });
        let hunks = if self.kind == FileKind::Copy { Vec::new() } else { self.hunks.iter().map(Hunk::reversed).collect() };
        FileDiff { old_path, new_path, kind, hunks, ..self.clone() }
    }
}
