//! Applies the hunks of one file to its bytes.
//!
//! Follows GNU patch (the place the header names, then the nearest other place, then with one and two lines of context
//! dropped at the ends) and departs from it in three points: whether a hunk is there already is asked before any context is
//! dropped, for each hunk; a file's end binds a hunk without trailing context only while no context is dropped; and a hunk
//! from which nothing telling would be left is not applied with dropped context. A hunk that fails leaves the others alone.

use crate::diff::{Hunk, HunkLine, LineKind};
use crate::lines::{Level, Lines, without_cr};
use crate::nearest::nearest;
use std::borrow::Cow;
use std::fmt;

/// How to apply a patch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplyOptions {
    /// Lines match if they differ in blanks alone, as in a mail whose tabs became spaces.
    pub ignore_blanks: bool,
    /// Undo the patch.
    pub reverse: bool,
    /// How many lines of context may be dropped at each end.
    pub max_fuzz: u32,
    /// How many leading parts of the names to drop; `None`: one, or what makes the file exist.
    pub strip: Option<usize>,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        ApplyOptions { ignore_blanks: false, reverse: false, max_fuzz: 2, strip: None }
    }
}

/// The place that a failed hunk fits best.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nearest {
    /// Line of the file before the patch, from 1.
    pub line: u32,
    /// How many of the hunk's old lines are there, in percent; blank lines and lone brackets do not count.
    pub similarity: u8,
    /// Some lines of the file from there.
    pub text: String,
}

/// Why a hunk or a file was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FailReason {
    /// The old lines stand nowhere in the file.
    NoMatch,
    /// The file is not in the tree.
    NoSuchFile,
    /// The file to be made is there with another content.
    FileExists,
    /// The file to be deleted holds more than the patch deletes.
    NotEmptied,
    /// The path is refused; why.
    Refused(String),
    /// The file cannot be read; why.
    Unreadable(String),
    /// The change is binary.
    Binary,
    /// The file is so repetitive that the search was given up.
    SearchLimit,
    /// The patches together would make more bytes than are kept.
    TooMuch,
    /// The patch has gone through more bytes of files before than one may.
    TooLong,
    /// It stands behind the last file of a patch that is read.
    TooMany,
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailReason::NoMatch => f.write_str("the lines it changes are not in the file"),
            FailReason::NoSuchFile => f.write_str("no such file in the tree"),
            FailReason::FileExists => f.write_str("the file exists already with other content"),
            FailReason::NotEmptied => f.write_str("the file to delete holds more than the patch deletes"),
            FailReason::Refused(why) => write!(f, "the path is refused: {why}"),
            FailReason::Unreadable(why) => write!(f, "the file cannot be read: {why}"),
            FailReason::Binary => f.write_str("binary changes are not applied"),
            FailReason::TooMuch => f.write_str("the patches make more text than is kept in memory"),
            FailReason::TooLong => f.write_str("the patch names so much text, or one text so often, that the rest was not looked at"),
            FailReason::TooMany => write!(f, "only the first {} files of the patch were read", crate::diff::MAX_FILES),
            FailReason::SearchLimit => f.write_str("the search was given up: the file repeats itself too much"),
        }
    }
}

/// What became of a hunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HunkResult {
    /// It is in.
    Applied {
        /// First line in the new text, from 1.
        line: u32,
        /// How many lines of the new text the hunk stands for, from `line` on.
        new_lines: u32,
        /// How many lines further down than its header says it was found.
        offset: i64,
        /// How many lines of context were dropped at each end at most.
        fuzz: u32,
        /// It matched only with blanks ignored.
        blanks_ignored: bool,
    },
    /// The text is as if it had been applied before.
    AlreadyApplied {
        /// First line in the new text, from 1.
        line: u32,
    },
    /// It is left out.
    Failed { reason: FailReason, nearest: Option<Nearest> },
}

/// A hunk and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HunkOutcome {
    /// The hunk's number in its file's diff, from 1.
    pub number: u32,
    /// Line of the patch's text where the hunk's header is, from 1.
    pub patch_line: u32,
    /// The header, with the function it names.
    pub header: String,
    pub result: HunkResult,
}

impl HunkOutcome {
    pub(crate) fn new(number: usize, hunk: &Hunk, result: HunkResult) -> HunkOutcome {
        HunkOutcome { number: number as u32 + 1, patch_line: hunk.line, header: hunk.header(), result }
    }

    /// Whether the hunk was left out.
    pub fn failed(&self) -> bool {
        matches!(self.result, HunkResult::Failed { .. })
    }
}

/// The new bytes of a file and what became of each hunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Application {
    pub new: Vec<u8>,
    pub hunks: Vec<HunkOutcome>,
}

/// Applies hunks to `old`. [`ApplyOptions::reverse`] undoes them instead. Never fails as a whole; time is bounded.
pub fn apply(hunks: &[Hunk], old: &[u8], options: &ApplyOptions) -> Application {
    let reversed: Vec<Hunk>;
    let hunks = if options.reverse {
        reversed = hunks.iter().map(Hunk::reversed).collect();
        &reversed[..]
    } else {
        hunks
    };
    let lines = Lines::new(old);
    let mut applier = Applier { lines: &lines, options, out: Vec::new(), done: 0, drift: 0 };
    let outcomes = hunks.iter().enumerate().map(|(i, hunk)| HunkOutcome::new(i, hunk, applier.hunk(hunk))).collect();
    Application { new: applier.finish(), hunks: outcomes }
}

/// A line of the new text; the flag says that it has no newline if it is the last.
type OutLine<'a> = (Cow<'a, [u8]>, bool);

struct Applier<'a> {
    lines: &'a Lines<'a>,
    options: &'a ApplyOptions,
    out: Vec<OutLine<'a>>,
    /// Lines of the old text that are settled: no later hunk may reach before this.
    done: usize,
    /// How much further down than the headers say the last hunk ended.
    drift: i64,
}

struct Found {
    at: usize,
    fuzz: u32,
    level: Level,
    /// Lines of the hunk dropped at its start and end.
    dropped: (usize, usize),
}

fn count_while<'a>(lines: impl Iterator<Item = &'a HunkLine>) -> usize {
    lines.take_while(|line| line.kind == LineKind::Context).count()
}

fn is_telling(line: &HunkLine) -> bool {
    line.text.iter().any(u8::is_ascii_alphanumeric)
}

impl Applier<'_> {
    fn hunk(&mut self, hunk: &Hunk) -> HunkResult {
        let old: Vec<&HunkLine> = hunk.lines.iter().filter(|line| line.kind != LineKind::Add).collect();
        let new: Vec<&HunkLine> = hunk.lines.iter().filter(|line| line.kind != LineKind::Remove).collect();
        let expected = self.expected(hunk.old_start, old.len());
        if let Some(found) = self.find_exact(hunk, &old, expected) {
            return self.put(hunk, old.len(), &found);
        }
        // Where the header says, and only then anywhere: what a patch adds may also stand elsewhere.
        let telling = new.len() > 1 && new.iter().any(|line| is_telling(line));
        if telling && self.levels().iter().any(|&level| self.lines.matches_at(expected, &new, level)) {
            return self.keep(hunk, expected, new.len());
        }
        if let Some(found) = self.find(hunk, &old, expected, 0) {
            return self.put(hunk, old.len(), &found);
        }
        let adds = hunk.lines.iter().any(|line| line.kind == LineKind::Add && is_telling(line));
        if let Some(at) = adds.then(|| self.find_new(&new, expected)).flatten() {
            return self.keep(hunk, at, new.len());
        }
        for fuzz in 1..=self.options.max_fuzz {
            if let Some(found) = self.find(hunk, &old, expected, fuzz) {
                return self.put(hunk, old.len(), &found);
            }
        }
        if let Some(at) = (!adds).then(|| self.find_new(&new, expected)).flatten() {
            return self.keep(hunk, at, new.len());
        }
        let reason = if self.lines.exhausted() { FailReason::SearchLimit } else { FailReason::NoMatch };
        HunkResult::Failed { reason, nearest: nearest(self.lines, &old, expected) }
    }

    /// The line (from 0) at which a side of `len` lines should start.
    fn expected(&self, start: Option<u32>, len: usize) -> usize {
        let start = i64::from(start.unwrap_or(1)) - i64::from(len > 0);
        let at = usize::try_from(start + self.drift).unwrap_or(0);
        at.clamp(self.done.min(self.lines.lines.len()), self.lines.lines.len())
    }

    fn levels(&self) -> &'static [Level] {
        if self.options.ignore_blanks { &[Level::Exact, Level::LineEnd, Level::Blanks] } else { &[Level::Exact, Level::LineEnd] }
    }

    fn find_exact(&self, hunk: &Hunk, old: &[&HunkLine], expected: usize) -> Option<Found> {
        let level = *self.levels().iter().find(|&&level| self.lines.matches_at(expected, old, level))?;
        (self.bound(hunk, old.len()).is_none_or(|at| at == expected)).then_some(Found { at: expected, fuzz: 0, level, dropped: (0, 0) })
    }

    /// The only place for a hunk that says it is at the file's start or end.
    fn bound(&self, hunk: &Hunk, len: usize) -> Option<usize> {
        let prefix = count_while(hunk.lines.iter());
        let suffix = count_while(hunk.lines.iter().rev());
        if prefix < suffix && hunk.old_start.is_some_and(|start| start <= 1) {
            Some(0)
        } else if suffix == 0 && prefix > 0 {
            self.lines.lines.len().checked_sub(len)
        } else {
            None
        }
    }

    fn find(&self, hunk: &Hunk, old: &[&HunkLine], expected: usize, fuzz: u32) -> Option<Found> {
        let prefix = count_while(hunk.lines.iter());
        let suffix = count_while(hunk.lines.iter().rev());
        let context = prefix.max(suffix);
        let fuzz_lines = fuzz as usize;
        if fuzz_lines > context {
            return None;
        }
        let drop = |lines: usize| (fuzz_lines + lines).saturating_sub(context);
        let dropped = (drop(prefix), drop(suffix));
        let run = old.get(dropped.0..old.len().saturating_sub(dropped.1))?;
        let telling = run.iter().filter(|line| is_telling(line)).count();
        if run.is_empty() || (fuzz > 0 && telling == 0) {
            return None;
        }
        let near = expected + dropped.0;
        for &level in self.levels() {
            let at = match self.bound(hunk, old.len()).filter(|_| fuzz == 0) {
                Some(at) => Some(at).filter(|&at| at >= self.done && self.lines.matches_at(at, run, level)),
                None => self.lines.find(run, level, near, self.done),
            };
            // A single telling line says little about the place when it stands far away.
            if let Some(at) = at.filter(|at| fuzz == 0 || telling > 1 || at.abs_diff(near) <= 100) {
                return Some(Found { at, fuzz, level, dropped });
            }
        }
        None
    }

    fn find_new(&self, new: &[&HunkLine], expected: usize) -> Option<usize> {
        let telling = new.iter().filter(|line| is_telling(line)).count();
        if telling < 2 {
            return None;
        }
        self.levels().iter().find_map(|&level| self.lines.find(new, level, expected, self.done))
    }

    fn copy_to(&mut self, at: usize) {
        let count = self.lines.lines.len();
        for line in self.done..at.min(count) {
            if let Some(text) = self.lines.lines.get(line) {
                self.out.push((Cow::Borrowed(*text), self.lines.unterminated && line + 1 == count));
            }
        }
        self.done = self.done.max(at);
    }

    fn put(&mut self, hunk: &Hunk, old_count: usize, found: &Found) -> HunkResult {
        let kept = hunk.lines.get(found.dropped.0..hunk.lines.len().saturating_sub(found.dropped.1)).unwrap_or(&[]);
        self.copy_to(found.at);
        let line = self.out.len() as u32 + 1;
        let (add_cr, drop_cr) = self.line_ends(kept, found.at);
        for want in kept {
            match want.kind {
                LineKind::Context => self.copy_to(self.done + 1),
                LineKind::Remove => self.done += 1,
                LineKind::Add => {
                    let mut text = want.text.clone();
                    if add_cr && !text.ends_with(b"\r") {
                        text.push(b'\r');
                    } else if drop_cr {
                        text.truncate(without_cr(&text).len());
                    }
                    self.out.push((Cow::Owned(text), want.no_newline));
                }
            }
        }
        let new_lines = self.out.len() as u32 + 1 - line;
        let start = found.at as i64 - found.dropped.0 as i64 + i64::from(old_count > 0);
        let offset = hunk.old_start.map_or(0, |old| start - i64::from(old));
        self.drift = offset;
        HunkResult::Applied { line, new_lines, offset, fuzz: found.fuzz, blanks_ignored: found.level == Level::Blanks }
    }

    /// Whether the file's lines have a CR that the hunk's have not, or the other way round.
    fn line_ends(&self, kept: &[HunkLine], at: usize) -> (bool, bool) {
        let pairs = kept.iter().filter(|line| line.kind != LineKind::Add).zip(self.lines.lines.iter().skip(at));
        let mut ends = pairs.map(|(want, have)| (have.ends_with(b"\r"), want.text.ends_with(b"\r")));
        match ends.find(|(have, want)| have != want) {
            Some((have, _)) => (have, !have),
            None => (false, false),
        }
    }

    fn keep(&mut self, hunk: &Hunk, at: usize, new_count: usize) -> HunkResult {
        self.copy_to(at);
        let line = self.out.len() as u32 + 1;
        self.copy_to(at + new_count);
        if let Some(old) = hunk.old_start {
            let (end, said) = ((at + new_count) as i64, i64::from(old) - 1 + i64::from(hunk.old_count()));
            self.drift = end - said;
        }
        HunkResult::AlreadyApplied { line }
    }

    fn finish(mut self) -> Vec<u8> {
        self.copy_to(self.lines.lines.len());
        let size = self.out.iter().map(|(text, _)| text.len() + 1).sum();
        let mut new = Vec::with_capacity(size);
        let last = self.out.len().saturating_sub(1);
        for (i, (text, unterminated)) in self.out.iter().enumerate() {
            new.extend_from_slice(text);
            if i != last || !unterminated {
                new.push(b'\n');
            }
        }
        new
    }
}
