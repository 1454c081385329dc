//! Findings of one root cause, taken together.
//!
//! A chain of calls that ends in another function is caused there: all that end at one place are one group. A claim about what another
//! function gives or does is caused by that function, within one folder, unless it is about what holds at the call: that is caused where it was
//! made so, by whoever took the lock. Anything else stands by itself. Refuses to merge findings of
//! different checks. What is grouped is only shown together: every finding still counts.

use cuthere_base::{Finding, folder};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Findings with one cause: the surest, and the others in the order of their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group<'f> {
    pub lead: &'f Finding,
    pub others: Vec<&'f Finding>,
}

impl Group<'_> {
    /// How many findings there are.
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Never: there is always one.
    pub fn is_empty(&self) -> bool {
        false
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Cause<'f> {
    /// The deepest function of the evidence.
    Below(&'f str, &'f str, &'f str),
    /// A function that the claim names, in one folder.
    Named(&'f str, &'f str, &'f str),
    Itself(&'f str, usize),
}

/// The groups, highest level first, then by place.
pub fn group(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut causes: BTreeMap<Cause<'_>, Vec<&Finding>> = BTreeMap::new();
    for (nth, finding) in findings.iter().enumerate() {
        causes.entry(cause(finding, nth)).or_default().push(finding);
    }
    let mut groups: Vec<Group<'_>> = causes
        .into_values()
        .filter_map(|mut all| {
            all.sort_by(|a, b| {
                (Reverse(a.confidence), a.steps.len(), a.sort_key()).cmp(&(Reverse(b.confidence), b.steps.len(), b.sort_key()))
            });
            let (lead, others) = all.split_first()?;
            let mut others = others.to_vec();
            others.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
            Some(Group { lead, others })
        })
        .collect();
    groups.sort_by(|a, b| (Reverse(a.lead.confidence), a.lead.sort_key()).cmp(&(Reverse(b.lead.confidence), b.lead.sort_key())));
    groups
}

fn cause(finding: &Finding, nth: usize) -> Cause<'_> {
    let sides = finding.steps.iter().any(|s| s.thread.is_some());
    let last = finding.steps.last().filter(|s| s.function != finding.function && !s.function.is_empty() && !sides);
    if let Some(last) = last {
        return Cause::Below(&finding.check, &last.file, &last.function);
    }
    let named = called(&finding.message).find(|name| *name != finding.function);
    match named {
        Some(name) if !sides && finding.locks.is_empty() => Cause::Named(&finding.check, folder(&finding.file), name),
        _ => Cause::Itself(&finding.check, nth),
    }
}

/// The functions that a text names as `` `f()` ``.
fn called(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter_map(|code| code.strip_suffix("()"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuthere_base::{Confidence, Step};

    fn finding(check: &str, file: &str, line: u32, message: &str, confidence: Confidence, last: Option<&str>) -> Finding {
        let step = |function: &str| Step {
            file: "lib/x.c".into(),
            line: 1,
            column: 1,
            function: function.into(),
            thread: None,
            text: "sleeps".into(),
        };
        Finding {
            check: check.into(),
            confidence,
            file: file.into(),
            line,
            column: 1,
            function: format!("f{line}"),
            message: message.into(),
            steps: last.map(step).into_iter().collect(),
            assumes: vec![],
            locks: vec![],
            context: String::new(),
            fingerprint: format!("{line}"),
        }
    }

    #[test]
    fn what_ends_in_one_place_or_names_one_function_is_one_group() {
        use Confidence::{High, Low, Medium};
        let all = [
            finding("a", "x/1.c", 1, "sleeps", Medium, Some("deep")),
            finding("a", "y/2.c", 2, "sleeps", High, Some("deep")),
            finding("b", "x/3.c", 3, "from `get()`", Low, None),
            finding("b", "x/4.c", 4, "from `get()`", Low, None),
            finding("b", "z/5.c", 5, "from `get()`", Low, None),
            finding("c", "x/6.c", 6, "by itself", Low, None),
            finding("c", "x/7.c", 7, "by itself", Low, None),
        ];
        let mut all = all.to_vec();
        // Two functions that each call something with a lock held have nothing in common.
        for line in [8, 9] {
            let locks = vec!["lock".to_owned()];
            all.push(Finding { locks, ..finding("d", "x/8.c", line, "`wait()` with the lock held", Low, None) });
        }
        let got: Vec<(u32, Vec<u32>)> = group(&all).iter().map(|g| (g.lead.line, g.others.iter().map(|f| f.line).collect())).collect();
        assert_eq!(got, [(2, vec![1]), (3, vec![4]), (6, vec![]), (7, vec![]), (8, vec![]), (9, vec![]), (5, vec![])]);
    }
}
