//! Patches laid over a tree in memory. Nothing is ever written to disk.

use crate::apply::{ApplyOptions, FailReason, HunkOutcome, HunkResult, apply};
use crate::diff::{self, FileDiff, FileKind, Note};
use crate::{Tree, TreeError, target};
use std::sync::Arc;

/// A patch: any text with unified diffs in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PatchText {
    /// What to call it in messages: the file's name or the mail's subject.
    pub name: String,
    pub text: Vec<u8>,
    pub options: ApplyOptions,
}

impl PatchText {
    /// A patch to be applied in the usual way.
    pub fn new(name: impl Into<String>, text: impl Into<Vec<u8>>) -> PatchText {
        PatchText { name: name.into(), text: text.into(), options: ApplyOptions::default() }
    }
}

/// What became of a patch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatchOutcome {
    pub name: String,
    /// In the order in which they were applied.
    pub files: Vec<FileOutcome>,
    /// What was wrong with the text.
    pub notes: Vec<Note>,
}

/// What became of the changes to one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileOutcome {
    /// The file in the tree after the patch, or the name in the patch if there is none.
    pub path: String,
    /// The file in the tree before the patch, if it had another name.
    pub old_path: Option<String>,
    pub kind: FileKind,
    pub hunks: Vec<HunkOutcome>,
    /// Why the file as a whole was left out.
    pub problem: Option<FailReason>,
}

impl FileOutcome {
    /// Whether the file was left out because its change is binary, and is no C.
    pub fn is_binary(&self) -> bool {
        self.problem == Some(FailReason::Binary) && !crate::tree::is_source(&self.path)
    }
}

impl PatchOutcome {
    /// The hunks that were left out, with their file.
    pub fn failed(&self) -> impl Iterator<Item = (&FileOutcome, &HunkOutcome)> {
        self.files.iter().flat_map(|file| file.hunks.iter().filter(|hunk| hunk.failed()).map(move |hunk| (file, hunk)))
    }

    /// Whether nothing was left out.
    pub fn is_clean(&self) -> bool {
        self.failed().next().is_none() && self.files.iter().all(|file| file.problem.is_none() || file.is_binary())
    }

    /// Files whose change is binary, and which are no C: nothing is lost by not laying them.
    pub fn binary(&self) -> impl Iterator<Item = &FileOutcome> {
        self.files.iter().filter(|file| file.is_binary())
    }

    /// How many hunks there are, and how many of them are in (already or now).
    pub fn hunk_counts(&self) -> (usize, usize) {
        let hunks = || self.files.iter().flat_map(|file| &file.hunks);
        (hunks().count(), hunks().filter(|hunk| !hunk.failed()).count())
    }
}

impl Tree {
    /// Lays patches over the tree, in order. What does not apply is reported and left out; the rest goes in. Ids are
    /// given anew, since patches make and delete files.
    pub fn with_patches(self, patches: &[PatchText]) -> Result<(Tree, Vec<PatchOutcome>), TreeError> {
        let mut tree = self;
        let mut outcomes = Vec::with_capacity(patches.len());
        for patch in patches {
            let diff = diff::parse(&patch.text);
            let mut files = diff.files;
            if patch.options.reverse {
                files = files.iter().rev().map(FileDiff::reversed).collect();
            }
            let options = ApplyOptions { reverse: false, ..patch.options.clone() };
            tree.next_patch();
            let mut files: Vec<FileOutcome> = files.iter().map(|file| tree.lay(file, &options)).collect();
            if diff.cut {
                let path = "further files".to_owned();
                let kind = FileKind::Modify;
                files.push(FileOutcome { path, old_path: None, kind, hunks: Vec::new(), problem: Some(FailReason::TooMany) });
            }
            outcomes.push(PatchOutcome { name: patch.name.clone(), files, notes: diff.notes });
        }
        Ok((tree.relist()?, outcomes))
    }

    fn lay(&mut self, diff: &FileDiff, options: &ApplyOptions) -> FileOutcome {
        let name = target::shown(diff.new_path.as_ref().or(diff.old_path.as_ref()).map_or("", String::as_str));
        let outcome = FileOutcome { path: name, old_path: None, kind: diff.kind, hunks: Vec::new(), problem: None };
        match self.try_lay(diff, options, outcome.clone()) {
            Ok(outcome) => outcome,
            Err((path, reason)) => {
                let failed = || HunkResult::Failed { reason: reason.clone(), nearest: None };
                let hunks = diff.hunks.iter().enumerate().map(|(i, hunk)| HunkOutcome::new(i, hunk, failed())).collect();
                FileOutcome { path: path.unwrap_or(outcome.path), hunks, problem: Some(reason), ..outcome }
            }
        }
    }

    fn try_lay(
        &mut self,
        diff: &FileDiff,
        options: &ApplyOptions,
        outcome: FileOutcome,
    ) -> Result<FileOutcome, (Option<String>, FailReason)> {
        let refused = |why| (None, FailReason::Refused(why));
        let from = target::existing(self, diff, options.strip).map_err(refused)?;
        let to = target::made(self, diff, options.strip).map_err(refused)?;
        if diff.binary && diff.hunks.is_empty() {
            return Err((from.or(to), FailReason::Binary));
        }
        if diff.kind == FileKind::Copy && !self.may_copy(0) {
            return Err((to.or(from), FailReason::TooMuch));
        }
        let content = match &from {
            Some(path) => {
                let size = self.size_of(path).unwrap_or(0);
                if !self.may_go_through(size) {
                    return Err((Some(path.clone()), FailReason::TooLong));
                }
                let bytes = self.read_path(path).map_err(|error| (Some(path.clone()), FailReason::Unreadable(error.to_string())))?;
                bytes.map(|bytes| bytes.into_owned())
            }
            None => None,
        };
        let only_adds = diff.hunks.len() == 1 && diff.hunks.iter().all(|hunk| hunk.old_count() == 0 && hunk.old_start == Some(0));
        let kind = if diff.kind == FileKind::Modify && content.is_none() && only_adds { FileKind::Create } else { diff.kind };
        match (kind, from, content) {
            (FileKind::Create, from, content) => {
                let path = from.or(to).ok_or((None, FailReason::NoSuchFile))?;
                self.create(diff, path, content.as_deref(), options, outcome)
            }
            (FileKind::Delete, None, _) | (FileKind::Delete, _, None) => {
                let line = 1;
                let gone = |(i, hunk)| HunkOutcome::new(i, hunk, HunkResult::AlreadyApplied { line });
                Ok(FileOutcome { path: to.unwrap_or_default(), hunks: diff.hunks.iter().enumerate().map(gone).collect(), ..outcome })
            }
            (_, Some(from), Some(content)) => self.change(diff, from, to, &content, options, outcome),
            _ => Err((to, FailReason::NoSuchFile)),
        }
    }

    fn create(
        &mut self,
        diff: &FileDiff,
        path: String,
        there: Option<&[u8]>,
        options: &ApplyOptions,
        outcome: FileOutcome,
    ) -> Result<FileOutcome, (Option<String>, FailReason)> {
        let made = apply(&diff.hunks, b"", options);
        let mut hunks = made.hunks;
        match there {
            Some(there) if there == made.new => {
                for hunk in &mut hunks {
                    hunk.result = HunkResult::AlreadyApplied { line: 1 };
                }
            }
            Some(there) if !there.is_empty() => return Err((Some(path), FailReason::FileExists)),
            _ if !self.set_file(path.clone(), Some(Arc::from(made.new))) => return Err((Some(path), FailReason::TooMuch)),
            _ => {}
        }
        Ok(FileOutcome { path, kind: FileKind::Create, hunks, ..outcome })
    }

    fn change(
        &mut self,
        diff: &FileDiff,
        from: String,
        to: Option<String>,
        content: &[u8],
        options: &ApplyOptions,
        outcome: FileOutcome,
    ) -> Result<FileOutcome, (Option<String>, FailReason)> {
        if diff.kind == FileKind::Copy && !self.may_copy(content.len()) {
            return Err((to.or(Some(from)), FailReason::TooMuch));
        }
        let changed = apply(&diff.hunks, content, options);
        let mut outcome = FileOutcome { path: from.clone(), hunks: changed.hunks, ..outcome };
        match diff.kind {
            FileKind::Delete => {
                if diff.hunks.is_empty() || changed.new.is_empty() {
                    // What goes away needs no room.
                    let _ = self.set_file(from, None);
                } else {
                    outcome.problem = Some(FailReason::NotEmptied);
                }
            }
            FileKind::Rename | FileKind::Copy => {
                let to = to.unwrap_or_else(|| from.clone());
                if to != from {
                    if self.size_of(&to).is_some() {
                        return Err((Some(to), FailReason::FileExists));
                    }
                    outcome.old_path = Some(from.clone());
                    outcome.path = to.clone();
                }
                if !self.set_file(to.clone(), Some(Arc::from(changed.new))) {
                    return Err((Some(to), FailReason::TooMuch));
                }
                if to != from && diff.kind == FileKind::Rename {
                    let _ = self.set_file(from, None);
                }
            }
            FileKind::Modify | FileKind::Create => {
                if changed.new != content && !self.set_file(from.clone(), Some(Arc::from(changed.new))) {
                    return Err((Some(from), FailReason::TooMuch));
                }
            }
        }
        Ok(outcome)
    }
}
