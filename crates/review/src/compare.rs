//! Which finding of the state before is which of the state after.
//!
//! In stages, each on what the ones before left: equal fingerprints, as multisets; the same claim at the same function with another
//! fingerprint; the same root cause at another place. The last makes "moved into a helper" one finding that is still there, not one
//! fixed and one introduced. It asks for the same check, for a called function or a member that both claims name, and for evidence in a
//! common function, a function that is gone, or a new one that the old one leads to: a new function that has nothing to do with it makes a
//! mistake of its own. It errs towards "still there": a mistake that is mended while its like is made anew in the same function, with the
//! same callee, is taken for the old one.

use crate::touched::Changes;
use crate::words;
use cuthere_base::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// How two findings were recognised as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// By fingerprint, by claim and function, or by root cause where the code that it was shown at is untouched.
    Same,
    /// By root cause: it is at another place now.
    Moved,
}

/// A finding that is in both states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub before: Finding,
    pub after: Finding,
    pub how: How,
}

/// Two states of findings, told apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    pub introduced: Vec<Finding>,
    pub fixed: Vec<Finding>,
    pub kept: Vec<Kept>,
}

/// More unmatched findings than this on a side are not compared pair by pair.
const MAX_PAIRED: usize = 2000;

/// Compares. The result is sorted by place.
pub(crate) fn compare(before: &[Finding], after: &[Finding], changes: &Changes) -> Comparison {
    let mut kept = Vec::new();
    let (old, new) = pair_up(before.iter().collect(), after.iter().collect(), &|f| f.fingerprint.clone(), &mut kept);
    // A file under another name holds what it held.
    let claim = |f: &Finding| format!("{}\0{}\0{}\0{}", f.check, changes.before(&f.file), f.function, without_numbers(&f.message));
    let (old, new) = pair_up(old, new, &claim, &mut kept);
    let (old, new) = moved(old, new, changes, &mut kept);
    kept.sort_by(|a, b| a.after.sort_key().cmp(&b.after.sort_key()));
    let sorted = |mut findings: Vec<&Finding>| {
        findings.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        findings.into_iter().cloned().collect()
    };
    Comparison { introduced: sorted(new), fixed: sorted(old), kept }
}

/// Pairs findings of equal keys in the order of their places; what is left over on each side comes back.
fn pair_up<'f>(
    before: Vec<&'f Finding>,
    after: Vec<&'f Finding>,
    key: &dyn Fn(&Finding) -> String,
    kept: &mut Vec<Kept>,
) -> (Vec<&'f Finding>, Vec<&'f Finding>) {
    let mut groups: BTreeMap<String, (Vec<&Finding>, Vec<&Finding>)> = BTreeMap::new();
    before.into_iter().for_each(|f| groups.entry(key(f)).or_default().0.push(f));
    after.into_iter().for_each(|f| groups.entry(key(f)).or_default().1.push(f));
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (mut olds, mut news) in groups.into_values() {
        olds.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        news.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        let both = olds.len().min(news.len());
        kept.extend(olds.iter().zip(&news).map(|(o, n)| Kept { before: (*o).clone(), after: (*n).clone(), how: How::Same }));
        old.extend(olds.into_iter().skip(both));
        new.extend(news.into_iter().skip(both));
    }
    (old, new)
}

fn moved<'f>(
    mut before: Vec<&'f Finding>,
    mut after: Vec<&'f Finding>,
    changes: &Changes,
    kept: &mut Vec<Kept>,
) -> (Vec<&'f Finding>, Vec<&'f Finding>) {
    if before.is_empty() || after.is_empty() || before.len() > MAX_PAIRED || after.len() > MAX_PAIRED {
        return (before, after);
    }
    before.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    after.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    let old: Vec<Traits> = before.iter().map(|f| Traits::of(f)).collect();
    let new: Vec<Traits> = after.iter().map(|f| Traits::of(f)).collect();
    let mut pairs: Vec<(std::cmp::Reverse<u32>, usize, usize)> = Vec::new();
    for (at, o) in old.iter().enumerate() {
        for (to, n) in new.iter().enumerate() {
            if let Some(score) = o.likeness(n, changes) {
                pairs.push((std::cmp::Reverse(score), at, to));
            }
        }
    }
    pairs.sort_unstable();
    let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
    for (_, at, to) in pairs {
        if gone.contains(&at) || come.contains(&to) {
            continue;
        }
        if let (Some(o), Some(n)) = (before.get(at), after.get(to)) {
            gone.insert(at);
            come.insert(to);
            // Code that nobody touched has not moved: the same thing is shown at another of its places.
            let file = changes.files.get(&n.file).filter(|_| changes.before(&n.file) == o.file).or_else(|| changes.files.get(&o.file));
            let left = file.is_some_and(|f| f.touched.contains(&o.function) || !f.after.contains(&o.function));
            kept.push(Kept { before: (*o).clone(), after: (*n).clone(), how: if left { How::Moved } else { How::Same } });
        }
    }
    let rest = |findings: Vec<&'f Finding>, taken: &BTreeSet<usize>| {
        findings.into_iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, f)| f).collect()
    };
    (rest(before, &gone), rest(after, &come))
}

/// What of a finding survives when code moves.
struct Traits<'f> {
    finding: &'f Finding,
    /// Functions that the evidence passes through.
    functions: BTreeSet<&'f str>,
    /// Called functions and members that the message names.
    claimed: BTreeSet<&'f str>,
    /// Those that message or steps name.
    named: BTreeSet<&'f str>,
}

impl<'f> Traits<'f> {
    fn of(finding: &'f Finding) -> Traits<'f> {
        let functions = finding.steps.iter().map(|s| s.function.as_str()).chain([finding.function.as_str()]).collect();
        let claimed: BTreeSet<&str> = subjects(&finding.message).filter(|w| *w != finding.function).collect();
        let steps = finding.steps.iter().flat_map(|s| subjects(&s.text));
        Traits { finding, functions, named: claimed.iter().copied().chain(steps).collect(), claimed }
    }

    /// How alike two findings are, if they may be the same.
    fn likeness(&self, new: &Traits<'_>, changes: &Changes) -> Option<u32> {
        let (old_finding, new_finding) = (self.finding, new.finding);
        if old_finding.check != new_finding.check {
            return None;
        }
        let claimed = self.claimed.intersection(&new.claimed).count() as u32;
        let named =
            self.named.intersection(&new.named).filter(|w| !self.functions.contains(*w) && !new.functions.contains(*w)).count() as u32;
        let bare = self.named.is_empty() && new.named.is_empty();
        let cause = claimed > 0 || named > 0 || (bare && shape(old_finding) == shape(new_finding));
        let common = self.functions.intersection(&new.functions).count() as u32;
        let made = changes.files.get(&new_finding.file).is_some_and(|f| !f.before.contains(&new_finding.function));
        let gone = changes.files.get(&old_finding.file).is_some_and(|f| !f.after.contains(&old_finding.function));
        let near = cuthere_base::folder(&old_finding.file) == cuthere_base::folder(&new_finding.file);
        let outlined = || made && changes.leads_to(&old_finding.function, &new_finding.function);
        if !cause || !(common > 0 || (near && (gone || outlined()))) {
            return None;
        }
        let same_message = u32::from(shape(old_finding) == shape(new_finding));
        Some(8 * claimed + 4 * common + 2 * named + 2 * same_message + u32::from(old_finding.file == new_finding.file))
    }
}

/// The function calls and members that a text names in backticks or with parentheses.
pub(crate) fn subjects(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let members = quoted.filter_map(|code| {
        let code = code.trim_end_matches(')').trim_end_matches('(');
        let at = code.rfind("->").map(|at| at + 2).into_iter().chain(code.rfind('.').map(|at| at + 1)).max()?;
        words::identifiers(code.get(at..)?).next().map(|w| w.1)
    });
    words::called(text).map(|w| w.1).chain(members)
}

/// The message with the function's own name and all numbers taken out.
fn shape(finding: &Finding) -> String {
    without_numbers(&finding.message.replace(finding.function.as_str(), "_"))
}

/// Line numbers change when lines move.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if c.is_ascii_digit() && !inside {
            continue;
        }
        inside = c.is_alphanumeric() || c == '_';
        out.push(c);
    }
    out
}

/// Whether two findings are the same mistake at different places: of the same check, in the same folder, about the same functions
/// beside those that they are in.
pub(crate) fn same_mistake(a: &Finding, b: &Finding) -> bool {
    let sources = |f: &Finding| -> BTreeSet<String> {
        words::called(&f.message).map(|w| w.1).filter(|w| *w != f.function).map(str::to_owned).collect()
    };
    let own = sources(a);
    a.check == b.check && cuthere_base::folder(&a.file) == cuthere_base::folder(&b.file) && !own.is_empty() && own == sources(b)
}
