//! What differs between two states of the tree: files, lines, and the functions that these lines are in.
//!
//! The two texts are compared rather than the patch read, so that offsets, fuzz, ignored blanks and reversed patches need no thought.

use crate::outline::{Function, Outliner};
use crate::words;
use cuthere_base::Finding;
use cuthere_tree::Tree;
use imara_diff::{Algorithm, Diff, InternedInput};
use std::collections::{BTreeMap, BTreeSet};

/// A file that differs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ChangedFile {
    /// Line ranges before and after, from 1, ends exclusive; either may be empty and then stands between lines.
    pub hunks: Vec<((u32, u32), (u32, u32))>,
    /// Names of the functions before and after.
    pub before: BTreeSet<String>,
    pub after: BTreeSet<String>,
    /// Those that the differing lines are in, by their names before and after.
    pub touched: BTreeSet<String>,
    /// Names of touched functions that other files can call.
    pub global: BTreeSet<String>,
    /// What the touched functions name now.
    pub names: BTreeMap<String, BTreeSet<String>>,
    /// Lines outside all functions differ: declarations, macros, tables.
    pub outside: bool,
}

/// Files that are gone and are compared with one that came.
const MOST_COMPARED: usize = 32;
/// Lines around a change that stand beside it.
const BESIDE: u32 = 3;
/// Bytes of a file that is compared with others.
const MAX_COMPARED: usize = 1 << 20;

/// All files that differ.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Changes {
    pub files: BTreeMap<String, ChangedFile>,
    /// Files that have another name now: the new one, and the one before.
    pub renamed: BTreeMap<String, String>,
}

impl Changes {
    /// Compares these files of two trees.
    pub fn between<'p>(before: &Tree, after: &Tree, paths: impl IntoIterator<Item = &'p str>, outliner: &Outliner) -> Changes {
        let mut files = BTreeMap::new();
        let (mut gone, mut come) = (BTreeMap::new(), BTreeMap::new());
        for path in paths {
            let text = |tree: &Tree| tree.read_path(path).ok().flatten().map(|bytes| bytes.into_owned());
            match (text(before), text(after)) {
                (Some(old), Some(new)) if old != new => {
                    files.insert(path.to_owned(), changed(&old, &new, outliner));
                }
                (Some(old), None) => {
                    gone.insert(path.to_owned(), old);
                }
                (None, Some(new)) => {
                    come.insert(path.to_owned(), new);
                }
                _ => {}
            }
        }
        let mut renamed = BTreeMap::new();
        for (path, new) in come {
            let equal = gone.iter().find(|(_, old)| **old == new);
            let alike = || gone.iter().take(MOST_COMPARED).find(|(_, old)| same_file(old, &new));
            let from = equal.or_else(alike).map(|(from, _)| from.clone());
            let old = from.as_ref().and_then(|from| gone.remove(from)).unwrap_or_default();
            files.insert(path.clone(), changed(&old, &new, outliner));
            if let Some(from) = from {
                renamed.insert(path, from);
            }
        }
        files.extend(gone.into_iter().map(|(path, old)| (path, changed(&old, &[], outliner))));
        Changes { files, renamed }
    }

    /// The name that a file had before.
    pub fn before<'p>(&'p self, file: &'p str) -> &'p str {
        self.renamed.get(file).map_or(file, String::as_str)
    }

    /// Adds what another change touches; lines are not kept up to date.
    pub fn merge(&mut self, other: &Changes) {
        for (path, file) in &other.files {
            let own = self.files.entry(path.clone()).or_default();
            own.touched.extend(file.touched.iter().cloned());
            own.global.extend(file.global.iter().cloned());
            for (function, names) in &file.names {
                own.names.entry(function.clone()).or_default().extend(names.iter().cloned());
            }
            own.outside |= file.outside;
        }
        for (new, old) in &other.renamed {
            let first = self.renamed.remove(old).unwrap_or_else(|| old.clone());
            self.renamed.insert(new.clone(), first);
        }
    }

    pub fn touches(&self, file: &str, function: &str) -> bool {
        self.files.get(file).is_some_and(|f| f.touched.contains(function))
    }

    /// Whether the finding can have come or gone by this change: its evidence passes through, or names, a function that is touched, or
    /// more than functions changed. Else it is an accident of the analysis, such as a custom that is now a little more or less common.
    pub fn explains(&self, finding: &Finding) -> bool {
        if self.files.values().any(|f| f.outside) {
            return true;
        }
        let names = self.functions();
        let functions = finding.steps.iter().map(|s| s.function.as_str()).chain([finding.function.as_str()]);
        let texts = finding
            .steps
            .iter()
            .map(|s| s.text.as_str())
            .chain([finding.message.as_str()])
            .chain(finding.assumes.iter().map(String::as_str));
        functions.into_iter().any(|f| names.contains(f)) || texts.into_iter().any(|t| words::identifiers(t).any(|(_, w)| names.contains(w)))
    }

    /// Whether a line of the change stands beside one that a finding of the state before names.
    pub fn is_beside(&self, finding: &Finding) -> bool {
        let places = finding.steps.iter().map(|s| (s.file.as_str(), s.line)).chain([(finding.file.as_str(), finding.line)]);
        let beside = |(file, line): (&str, u32)| {
            let of = |f: &ChangedFile| f.hunks.iter().any(|((from, to), _)| (from.saturating_sub(BESIDE)..to + BESIDE).contains(&line));
            self.files.iter().any(|(path, changed)| self.before(path) == file && of(changed))
        };
        places.into_iter().any(beside)
    }

    /// The line after the change that a line before it has become, or where it was.
    pub fn new_line(&self, file: &str, line: u32) -> u32 {
        let Some(changed) = self.files.get(file) else { return line };
        let mut shift = 0i64;
        for ((old_from, old_to), (new_from, new_to)) in &changed.hunks {
            if line < *old_from {
                break;
            }
            if line < *old_to {
                return (*new_from).max(1);
            }
            shift = i64::from(*new_to) - i64::from(*old_to);
        }
        (i64::from(line) + shift).clamp(1, i64::from(u32::MAX)) as u32
    }

    /// Whether the line is one that the change made.
    pub fn is_new(&self, file: &str, line: u32) -> bool {
        self.files.get(file).is_some_and(|f| f.hunks.iter().any(|(_, (from, to))| (*from..*to).contains(&line)))
    }

    /// Whether a touched function leads to another one now: it names it, or a touched function that does.
    pub fn leads_to(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(function) = open.pop() {
            for named in self.files.values().filter_map(|f| f.names.get(function)) {
                if named.contains(to) {
                    return true;
                }
                let touched = self.files.values().flat_map(|f| f.names.keys()).filter(|other| named.contains(*other));
                open.extend(touched.map(String::as_str).filter(|other| seen.insert(other)));
            }
        }
        false
    }

    pub fn functions(&self) -> BTreeSet<&str> {
        self.files.values().flat_map(|f| f.touched.iter().map(String::as_str)).collect()
    }
}

/// Whether a file that came is one that went: at least half of the longer one's lines are in the other, as git counts renames.
fn same_file(old: &[u8], new: &[u8]) -> bool {
    if old.len().max(new.len()) > MAX_COMPARED {
        return false;
    }
    let input = InternedInput::new(old, new);
    let diff = Diff::compute(Algorithm::Histogram, &input);
    let gone: u32 = diff.hunks().map(|hunk| hunk.before.end - hunk.before.start).sum();
    let (before, after) = (input.before.len() as u32, input.after.len() as u32);
    before.saturating_sub(gone) * 2 >= before.max(after) && before > 0
}

fn changed(old: &[u8], new: &[u8], outliner: &Outliner) -> ChangedFile {
    let input = InternedInput::new(old, new);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let line = |index: u32| index.saturating_add(1);
    let hunks: Vec<_> = diff
        .hunks()
        .map(|hunk| ((line(hunk.before.start), line(hunk.before.end)), (line(hunk.after.start), line(hunk.after.end))))
        .collect();
    let (before, after) = (outliner.functions(old), outliner.functions(new));
    let mut result = ChangedFile {
        before: before.iter().map(|f| f.name.clone()).collect(),
        after: after.iter().map(|f| f.name.clone()).collect(),
        ..ChangedFile::default()
    };
    for (old_range, new_range) in &hunks {
        let inside =
            |functions: &[Function], (from, to): (u32, u32)| from == to || functions.iter().any(|f| f.line <= from && to <= f.end_line + 1);
        result.outside |= !inside(&before, *old_range) || !inside(&after, *new_range);
        for function in within(&before, *old_range).chain(within(&after, *new_range)) {
            result.touched.insert(function.name.clone());
            if !function.is_static {
                result.global.insert(function.name.clone());
            }
        }
    }
    for function in after.iter().filter(|f| result.touched.contains(&f.name)) {
        let body = String::from_utf8_lossy(new.get(function.body.clone()).unwrap_or_default());
        let words = words::identifiers(&body).map(|(_, word)| word.to_owned());
        result.names.entry(function.name.clone()).or_default().extend(words);
    }
    result.hunks = hunks;
    result
}

/// The functions that a range of lines overlaps. An empty range stands before its line and touches only what it is inside of.
fn within(functions: &[Function], (from, to): (u32, u32)) -> impl Iterator<Item = &Function> {
    functions.iter().filter(move |f| if from == to { f.line < from && from <= f.end_line } else { f.line < to && from <= f.end_line })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_cfront::shapes::Shapes;

    const OLD: &str = "int a(void)\n{\n\treturn 1;\n}\n\nstatic int b(void)\n{\n\tone();\n\treturn 2;\n}\n";
    const NEW: &str = "int a(void)\n{\n\treturn 1;\n}\n\nstatic int c(void)\n{\n\tfour();\n}\n\nstatic int b(void)\n{\n\treturn 2;\n}\n";

    #[test]
    fn only_functions_with_changed_lines_are_touched() {
        let changed = changed(OLD.as_bytes(), NEW.as_bytes(), &Outliner::new(Shapes::default()));
        assert_eq!(changed.touched.iter().map(String::as_str).collect::<Vec<_>>(), ["b", "c"]);
        assert!(changed.global.is_empty());
        assert!(changed.after.contains("c") && !changed.before.contains("c"));
    }

    #[test]
    fn a_change_stands_beside_the_lines_near_it() {
        let lines: String = (0..40).map(|n| format!("\tstep{n}();\n")).collect();
        let old = format!("int a(void)\n{{\n{lines}}}\n");
        let file = changed(old.as_bytes(), old.replace("\tstep20();\n", "").as_bytes(), &Outliner::new(Shapes::default()));
        let changes = Changes { files: [("x.c".to_owned(), file)].into(), ..Changes::default() };
        let at = |line| Finding {
            check: "null-deref".to_owned(),
            confidence: cuthere_base::Confidence::Low,
            file: "x.c".to_owned(),
            line,
            function: "a".to_owned(),
            column: 1,
            message: String::new(),
            steps: Vec::new(),
            assumes: Vec::new(),
            locks: Vec::new(),
            context: String::new(),
            fingerprint: String::new(),
        };
        // Line 23 is the one that went.
        assert!([20, 23, 26].into_iter().all(|line| changes.is_beside(&at(line))));
        assert!([3, 19, 27, 40].into_iter().all(|line| !changes.is_beside(&at(line))));
    }

    #[test]
    fn lines_are_followed_through_the_change() {
        let file = changed(OLD.as_bytes(), NEW.as_bytes(), &Outliner::new(Shapes::default()));
        let changes = Changes { files: [("x.c".to_owned(), file)].into(), ..Changes::default() };
        assert_eq!((changes.new_line("x.c", 3), changes.new_line("x.c", 9), changes.new_line("y.c", 9)), (3, 13, 9));
        assert!(changes.is_new("x.c", 8) && !changes.is_new("x.c", 13));
    }
}
