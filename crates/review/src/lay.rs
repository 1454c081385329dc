//! Laying the patches of a series over a tree: strictly first, then with blanks ignored where mail damaged them, and backwards where the
//! tree has them already. Decides which attempt counts and says so in notes; what does not apply is left out and the rest goes on.

use crate::types::{FailedHunk, HunkReport, NearestMatch};
use crate::words;
use cuthere_mail::Patch;
use cuthere_tree::diff::{self, Diff, LineKind};
use cuthere_tree::{ApplyOptions, FailReason, HunkOutcome, HunkResult, PatchOutcome, PatchText, Tree, TreeError};
use std::borrow::Cow;

/// More of a hunk's lines than this are never quoted.
const MAX_LINES: usize = 2000;
/// Bytes of files that are searched for the functions that failed hunks are in.
const MAX_SEARCHED: u64 = 256 << 20;

/// The text of a patch and how it is to be applied.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub index: u32,
    pub subject: String,
    pub text: String,
    /// The mail's blanks are not what they were.
    pub damaged: bool,
    pub ignore_blanks: bool,
    /// Files that it changes have tabs in this tree.
    pub tabs: bool,
    pub diff: Diff,
}

/// A tree with one more patch, and what became of that.
#[derive(Clone, Debug)]
pub(crate) struct Laid {
    pub tree: Tree,
    pub outcome: PatchOutcome,
}

impl Sheet {
    pub fn new(patch: &Patch, index: u32) -> Sheet {
        let text: String = patch.diff.iter().map(|part| part.text.as_str()).collect();
        let damage = || patch.diff.iter().flat_map(|part| &part.damage);
        let damaged = damage().any(|d| d.contains("tabs were") || d.contains("white space") || d.contains("non-breaking"));
        let diff = diff::parse(text.as_bytes());
        Sheet { index, subject: patch.subject.clone(), text, damaged, ignore_blanks: false, tabs: false, diff }
    }

    fn lay_with(&self, tree: &Tree, reverse: bool, ignore_blanks: bool) -> Result<Laid, TreeError> {
        let options = ApplyOptions { reverse, ignore_blanks, ..ApplyOptions::default() };
        let text = PatchText { name: self.subject.clone(), text: self.text.clone().into_bytes(), options };
        let (tree, mut outcomes) = tree.clone().with_patches(std::slice::from_ref(&text))?;
        let empty = || PatchOutcome { name: String::new(), files: Vec::new(), notes: Vec::new() };
        Ok(Laid { tree, outcome: outcomes.pop().unwrap_or_else(empty) })
    }

    /// Lays the patch. Remembers whether blanks had to be ignored.
    pub fn lay(&mut self, tree: &Tree) -> Result<Laid, TreeError> {
        let strict = self.lay_with(tree, false, self.ignore_blanks)?;
        let has_tabs = |path: &String| tree.read_path(path).ok().flatten().is_some_and(|text| memchr::memchr(b'\t', &text).is_some());
        // One file may be copied a thousand times.
        let files: std::collections::BTreeSet<&String> =
            strict.outcome.files.iter().map(|file| file.old_path.as_ref().unwrap_or(&file.path)).collect();
        self.tabs = self.tabs || files.into_iter().any(has_tabs);
        let (all, fit) = strict.outcome.hunk_counts();
        let failed = all - fit;
        if self.ignore_blanks || failed == 0 || !(self.damaged || failed * 2 > all) {
            return Ok(strict);
        }
        let loose = self.lay_with(tree, false, true)?;
        let (all, fit) = loose.outcome.hunk_counts();
        // A mail whose tabs are gone can only be laid so, even if that does not help every hunk.
        if all - fit < failed {
            self.ignore_blanks = true;
            return Ok(loose);
        }
        Ok(strict)
    }

    /// Takes the patch back.
    pub fn take_back(&self, tree: &Tree) -> Result<Laid, TreeError> {
        self.lay_with(tree, true, self.ignore_blanks)
    }

    /// What became of each hunk. `outcome` says whether it is in, `lines` is the same patch laid where it was not in before, and says
    /// where.
    pub fn reports(&self, outcome: &PatchOutcome, places: &PatchOutcome) -> Vec<HunkReport> {
        let mut out = Vec::new();
        for (nth, file) in outcome.files.iter().enumerate() {
            let placed = places.files.get(nth);
            for (at, hunk) in file.hunks.iter().enumerate() {
                let place = placed.and_then(|f| f.hunks.get(at)).unwrap_or(hunk);
                let path = placed.map_or(&file.path, |f| &f.path);
                out.push(self.report(path, hunk, &place.result, nth, at));
            }
        }
        out
    }

    fn report(&self, path: &str, hunk: &HunkOutcome, place: &HunkResult, file: usize, at: usize) -> HunkReport {
        let source = self.diff.files.get(file).and_then(|f| f.hunks.get(at));
        let lines = source.map_or_else(Vec::new, |h| h.lines.iter().take(MAX_LINES).map(|l| marked(l.kind, &l.text)).collect());
        let mut report = HunkReport {
            file: path.to_owned(),
            hunk: hunk.number,
            header: hunk.header.clone(),
            result: match hunk.result {
                HunkResult::Applied { .. } => "applied",
                HunkResult::AlreadyApplied { .. } => "already-applied",
                HunkResult::Failed { .. } => "failed",
            },
            line: 0,
            offset: 0,
            fuzz: 0,
            blanks_ignored: false,
            new_lines: source.map_or(0, |h| h.new_count()),
            lines,
        };
        match *place {
            HunkResult::Applied { line, new_lines, offset, fuzz, blanks_ignored } => {
                (report.line, report.new_lines, report.offset, report.fuzz) = (line, new_lines, offset, fuzz);
                report.blanks_ignored = blanks_ignored;
            }
            HunkResult::AlreadyApplied { line } => report.line = line,
            HunkResult::Failed { .. } => {}
        }
        report
    }

    /// What was left out.
    pub fn failures(&self, tree: &Tree, outcome: &PatchOutcome) -> Vec<FailedHunk> {
        let mut out = Vec::new();
        // The file that was read last: a patch may name one many times.
        let mut text: Option<(&String, Cow<'_, [u8]>)> = None;
        let mut searched = 0;
        for (nth, file) in outcome.files.iter().enumerate().filter(|(_, file)| !file.is_binary()) {
            let failed = |hunk: u32, header: String, reason: String| FailedHunk {
                patch: self.index,
                subject: self.subject.clone(),
                file: file.path.clone(),
                hunk,
                header,
                reason,
                missing_function: None,
                nearest: None,
            };
            if let (Some(problem), true) = (&file.problem, file.hunks.is_empty()) {
                out.push(failed(0, String::new(), problem.to_string()));
            }
            for (at, hunk) in file.hunks.iter().enumerate() {
                let HunkResult::Failed { reason, nearest } = &hunk.result else { continue };
                let source = self.diff.files.get(nth).and_then(|f| f.hunks.get(at));
                let source = source.filter(|_| *reason == FailReason::NoMatch);
                if source.is_some() && text.as_ref().is_none_or(|(path, _)| *path != &file.path) {
                    let size = tree.size_of(&file.path).unwrap_or(0);
                    searched += size;
                    let read = || tree.read_path(&file.path).ok().flatten().unwrap_or_default();
                    text = Some((&file.path, if searched <= MAX_SEARCHED { read() } else { Cow::default() }));
                }
                let missing = source.zip(text.as_ref()).filter(|(_, t)| !t.1.is_empty()).and_then(|(h, t)| missing_function(h, &t.1));
                let mut words = reason.to_string();
                if let Some(function) = &missing {
                    words = format!("{words}; the file has no function `{function}`");
                }
                let nearest = nearest.as_ref().map(|n| NearestMatch { line: n.line, similarity: n.similarity, text: n.text.clone() });
                out.push(FailedHunk { missing_function: missing, nearest, ..failed(hunk.number, hunk.header.clone(), words) });
            }
        }
        out
    }
}

fn marked(kind: LineKind, text: &[u8]) -> String {
    let mark = match kind {
        LineKind::Context => ' ',
        LineKind::Remove => '-',
        LineKind::Add => '+',
    };
    format!("{mark}{}", String::from_utf8_lossy(text))
}

/// The function that a hunk is in or defines, if its file has no such word. What the hunk itself adds does not count.
fn missing_function(hunk: &diff::Hunk, file: &[u8]) -> Option<String> {
    let old = hunk.lines.iter().filter(|l| l.kind != LineKind::Add).map(|l| String::from_utf8_lossy(&l.text).into_owned());
    let heads = old.filter(|l| l.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !l.contains(';') && !l.contains(':'));
    // A definition among the old lines says more than the header's guess, which names the function before.
    let names = heads.chain([hunk.section.clone()]).filter_map(|head| words::called(&head).next().map(|w| w.1.to_owned()));
    names.into_iter().find(|name| !words::has_word(file, name))
}

/// Whether the tree has the patch already: nothing new went in, and something was there.
pub(crate) fn is_in(outcome: &PatchOutcome) -> bool {
    let hunks = || outcome.files.iter().flat_map(|f| &f.hunks);
    let there = hunks().filter(|h| matches!(h.result, HunkResult::AlreadyApplied { .. })).count();
    let new = hunks().filter(|h| matches!(h.result, HunkResult::Applied { .. })).count();
    let moved = outcome.files.iter().any(|f| f.problem.is_none() && f.hunks.is_empty());
    // A third of the hunks may have been changed again since.
    there > 0 && new == 0 && !moved && there * 3 >= hunks().count() * 2
}
