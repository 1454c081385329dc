//! Marks in the source that allow a finding: `/* cuthere: allow(sleep-in-atomic) the reset waits with the device stopped */`.
//!
//! A mark counts for the line it stands on, or for the next line that is no mark, comment or blank. It must name checks and give a reason. One that
//! allows nothing is reported, so that it goes when its cause has gone; so is one that is not understood.

use cuthere_base::{FileId, Finding, Source};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

const WORD: &[u8] = b"cuthere:";
/// Marks of one file.
const MAX_MARKS: usize = 10_000;

/// A mark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    pub file: String,
    /// Where it stands, from 1.
    pub line: u32,
    /// The line that it is about.
    pub about: u32,
    pub checks: Vec<String>,
}

/// What the marks of a tree are.
#[derive(Default, Debug)]
pub struct Marks {
    all: Vec<Mark>,
    /// Marks that cannot be used: where and why.
    bad: Vec<String>,
}

/// A source that notes which of the files that are read have no marks: these need not be read again to find them.
pub struct Noting<'s> {
    source: &'s dyn Source,
    /// By file: it was read, and has none.
    without: Vec<AtomicBool>,
}

impl<'s> Noting<'s> {
    pub fn new(source: &'s dyn Source) -> Noting<'s> {
        Noting { source, without: (0..source.len()).map(|_| AtomicBool::new(false)).collect() }
    }

    fn without(&self, file: FileId) -> bool {
        self.without.get(file.index()).is_some_and(|without| without.load(Ordering::Relaxed))
    }
}

impl Source for Noting<'_> {
    fn len(&self) -> usize {
        self.source.len()
    }
    fn path(&self, file: FileId) -> &str {
        self.source.path(file)
    }
    fn find(&self, path: &str) -> Option<FileId> {
        self.source.find(path)
    }
    fn read(&self, file: FileId) -> Result<Cow<'_, [u8]>, String> {
        let text = self.source.read(file)?;
        if let Some(without) = self.without.get(file.index()).filter(|without| !without.load(Ordering::Relaxed)) {
            without.store(memchr::memmem::find(&text, WORD).is_none(), Ordering::Relaxed);
        }
        Ok(text)
    }
}

impl Marks {
    /// Reads the marks of the files that `wanted` names.
    pub fn read(source: &Noting<'_>, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Marks {
        let found: Vec<Marks> = (0..source.len() as u32)
            .into_par_iter()
            .map(FileId)
            .filter(|id| !source.without(*id) && wanted(source.path(*id)))
            .filter_map(|id| {
                let text = source.read(id).ok()?;
                memchr::memmem::find(&text, WORD)?;
                Some(of_file(source.path(id), &text))
            })
            .collect();
        let mut out = Marks::default();
        for part in found {
            out.all.extend(part.all);
            out.bad.extend(part.bad);
        }
        out
    }

    /// Takes out the findings that a mark allows. Gives how many these are, and what is wrong with the marks: unknown checks, no reason,
    /// nothing to allow. `ran` says which checks were run, `known` which there are.
    pub fn apply(&self, findings: &mut Vec<Finding>, ran: &[String], known: &[&str]) -> (u64, Vec<String>) {
        let mut by: BTreeMap<(&str, u32), Vec<usize>> = BTreeMap::new();
        for (nth, mark) in self.all.iter().enumerate() {
            by.entry((&mark.file, mark.about)).or_default().push(nth);
        }
        let mut used: BTreeMap<(usize, &str), u64> = BTreeMap::new();
        let before = findings.len();
        findings.retain(|finding| {
            let marks = by.get(&(finding.file.as_str(), finding.line)).map_or(&[][..], Vec::as_slice);
            let allowed = marks.iter().find_map(|nth| {
                let mark = self.all.get(*nth)?;
                let check = mark.checks.iter().find(|check| **check == finding.check)?;
                Some((*nth, check.as_str()))
            });
            if let Some(key) = allowed {
                *used.entry(key).or_default() += 1;
            }
            allowed.is_none()
        });
        let mut wrong = self.bad.clone();
        for (nth, mark) in self.all.iter().enumerate() {
            for check in &mark.checks {
                let place = format!("{}:{}", mark.file, mark.line);
                if !known.contains(&check.as_str()) {
                    let near = crate::nearest(check, known).map_or_else(String::new, |near| format!("; {near} is one"));
                    wrong.push(format!("{place}: allow({check}): no check is called so{near}"));
                } else if ran.contains(check) && !used.contains_key(&(nth, check.as_str())) {
                    wrong.push(format!("{place}: allow({check}) is not used: nothing is found there"));
                }
            }
        }
        wrong.sort();
        ((before - findings.len()) as u64, wrong)
    }
}

fn of_file(file: &str, text: &[u8]) -> Marks {
    let mut out = Marks::default();
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    for (nth, line) in lines.iter().enumerate() {
        let Some(at) = memchr::memmem::find(line, WORD) else { continue };
        // Only comments hold marks; strings and code do not.
        let before = line.get(..at).unwrap_or_default();
        let comment = memchr::memmem::rfind(before, b"/*").into_iter().chain(memchr::memmem::rfind(before, b"//")).max();
        let Some(open) = comment else { continue };
        let rest = String::from_utf8_lossy(line.get(at + WORD.len()..).unwrap_or_default()).into_owned();
        let rest = rest.split("*/").next().unwrap_or_default().trim().to_owned();
        let number = nth as u32 + 1;
        let place = format!("{file}:{number}");
        let Some(rest) = rest.strip_prefix("allow") else {
            // A word and a bracket is meant for this program; prose is not.
            if let Some((word, _)) = rest.split_once('(').filter(|(word, _)| word.trim().bytes().all(|b| b.is_ascii_alphanumeric())) {
                out.bad.push(format!("{place}: {}(…) is no mark; one is written allow(CHECK) and a reason", word.trim()));
            }
            continue;
        };
        let Some((checks, reason)) = rest.trim_start().strip_prefix('(').and_then(|r| r.split_once(')')) else {
            out.bad.push(format!("{place}: a mark is written allow(CHECK) and a reason"));
            continue;
        };
        if reason.trim().is_empty() {
            out.bad.push(format!("{place}: allow({checks}) has no reason, and allows nothing without one"));
            continue;
        }
        let alone = line.get(..open).is_some_and(|code| code.trim_ascii().is_empty());
        let about = if alone { next_code(&lines, nth) } else { number };
        let checks = checks.split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
        if out.all.len() < MAX_MARKS {
            out.all.push(Mark { file: file.to_owned(), line: number, about, checks });
        }
    }
    out
}

/// The next line of code behind a comment line, from 1.
fn next_code(lines: &[&[u8]], mark: usize) -> u32 {
    let mut open =
        lines.get(mark).is_some_and(|line| memchr::memmem::find(line, b"*/").is_none() && memchr::memmem::find(line, b"/*").is_some());
    let mut at = mark + 1;
    while let Some(line) = lines.get(at) {
        let line = line.trim_ascii();
        if open || line.starts_with(b"/*") {
            open = memchr::memmem::find(line, b"*/").is_none();
        } else if !line.is_empty() && !line.starts_with(b"//") {
            break;
        }
        at += 1;
    }
    at as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_base::{Confidence, MemorySource};

    fn finding(line: u32, check: &str) -> Finding {
        Finding {
            check: check.into(),
            confidence: Confidence::Medium,
            file: "a.c".into(),
            line,
            column: 1,
            function: "f".into(),
            message: "wrong".into(),
            steps: vec![],
            assumes: vec![],
            locks: vec![],
            context: String::new(),
            fingerprint: "1".into(),
        }
    }

    #[test]
    fn a_mark_allows_what_it_names_on_its_line_or_the_next() {
        let text = "int f(void)\n{\n\t/* cuthere: allow(one, two) it is stopped\n\t * and stays so */\n\n\tone();\n\tx(); // cuthere: allow(one) again\n\
                    \ty(); /* cuthere: allow(one) */\n\tchar *s = \"cuthere: allow(one) no\";\n\t/* cuthere: allow(three) gone */\n\tz();\n\t/* cuthere: allow(tow) why */\n\t/* cuthere: alow(one) it is */\n\t/* cuthere: so it was (long ago) */\n}\n";
        let source = MemorySource::new([("a.c", text), ("b.c", "/* cuthere: allow(one) elsewhere */\n"), ("c.c", "int c;\n")]);
        let noting = Noting::new(&source);
        // That a file was read before, and by whom, changes nothing.
        assert!(noting.read(FileId(0)).is_ok() && noting.read(FileId(2)).is_ok());
        assert_eq!([0, 1, 2].map(|n| noting.without(FileId(n))), [false, false, true]);
        let marks = Marks::read(&noting, &|path| path == "a.c");
        let mut findings =
            vec![finding(6, "one"), finding(6, "two"), finding(6, "three"), finding(7, "one"), finding(8, "one"), finding(9, "one")];
        let ran: Vec<String> = ["one", "two", "three"].map(str::to_owned).to_vec();
        let (allowed, wrong) = marks.apply(&mut findings, &ran, &["one", "two", "three"]);
        assert_eq!(findings.iter().map(|f| (f.line, f.check.as_str())).collect::<Vec<_>>(), [(6, "three"), (8, "one"), (9, "one")]);
        assert_eq!(allowed, 3);
        assert_eq!(
            wrong,
            [
                "a.c:10: allow(three) is not used: nothing is found there",
                "a.c:12: allow(tow): no check is called so; two is one",
                "a.c:13: alow(…) is no mark; one is written allow(CHECK) and a reason",
                "a.c:8: allow(one) has no reason, and allows nothing without one",
            ]
        );
    }
}
