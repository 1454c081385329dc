//! Which lines of a hunk a remark quotes: those it is about with a little around them, never the whole of a long hunk.

use crate::types::HunkReport;
use cuthere_base::Finding;
use std::collections::BTreeSet;

/// Lines kept on each side of one that matters.
const AROUND: usize = 2;
/// Lines quoted at most.
const MOST: usize = 18;

/// The lines to quote, in order; `None` stands for some that are left out.
pub(crate) fn excerpt<'h>(hunk: &'h HunkReport, findings: &[&Finding]) -> Vec<Option<&'h str>> {
    let keep = kept(hunk, findings);
    let mut out = Vec::new();
    let mut last = None;
    for at in &keep {
        if *at > 0 && last != at.checked_sub(1) {
            out.push(None);
        }
        out.extend(hunk.lines.get(*at).map(|line| Some(line.as_str())));
        last = Some(*at);
    }
    if last.is_some_and(|at| at + 1 < hunk.lines.len()) {
        out.push(None);
    }
    out
}

fn kept(hunk: &HunkReport, findings: &[&Finding]) -> BTreeSet<usize> {
    let is_change = |at: &usize| hunk.lines.get(*at).is_some_and(|l| !l.starts_with(' '));
    let changed: Vec<usize> = (0..hunk.lines.len()).filter(is_change).collect();
    let mut named: BTreeSet<u32> = BTreeSet::new();
    for finding in findings {
        let steps = finding.steps.iter().map(|s| (s.file.as_str(), s.line)).chain([(finding.file.as_str(), finding.line)]);
        named.extend(steps.filter(|(file, _)| *file == hunk.file).map(|(_, line)| line));
    }
    let mut line = hunk.line;
    let mut focus: Vec<usize> = Vec::new();
    for (at, text) in hunk.lines.iter().enumerate() {
        if text.starts_with('-') {
            continue;
        }
        if named.contains(&line) {
            focus.push(at);
        }
        line = line.saturating_add(1);
    }
    // Changed lines that matter come first, then the other lines that matter, then whatever is changed.
    let (mut first, second): (Vec<usize>, Vec<usize>) = focus.into_iter().partition(|at| is_change(at));
    first.extend(second);
    first.extend(changed);
    let mut keep = BTreeSet::new();
    for at in first {
        let window = at.saturating_sub(AROUND)..=(at + AROUND).min(hunk.lines.len().saturating_sub(1));
        let more: Vec<usize> = window.filter(|at| !keep.contains(at)).collect();
        if keep.len() + more.len() > MOST {
            break;
        }
        keep.extend(more);
    }
    keep
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_base::Confidence;

    #[test]
    fn a_long_hunk_is_quoted_around_what_matters() {
        let mut lines: Vec<String> = (0..60).map(|n| format!(" context {n}")).collect();
        lines.insert(5, "+first".into());
        lines.insert(40, "+second".into());
        let hunk = HunkReport {
            file: "a.c".into(),
            hunk: 1,
            header: "@@ -1,60 +1,62 @@ f()".into(),
            result: "applied",
            line: 1,
            offset: 0,
            fuzz: 0,
            blanks_ignored: false,
            new_lines: 62,
            lines,
        };
        let finding = Finding {
            check: "x".into(),
            confidence: Confidence::High,
            file: "a.c".into(),
            line: 41,
            column: 1,
            function: "f".into(),
            message: String::new(),
            steps: Vec::new(),
            assumes: Vec::new(),
            locks: Vec::new(),
            context: String::new(),
            fingerprint: String::new(),
        };
        let quoted = excerpt(&hunk, &[&finding]);
        assert_eq!(quoted.first(), Some(&None));
        assert!(quoted.contains(&Some("+second")) && quoted.contains(&Some("+first")));
        assert!(quoted.len() < 16, "{quoted:?}");
    }
}
