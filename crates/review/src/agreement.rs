//! What a report of lockdep says, held against the static findings: which of them agrees, or why none does.
//!
//! A finding agrees if it is of the report's sort, leads through a function of the report's stacks, and names its locks: two of them where the report
//! has two, by the member or variable that lockdep's class ends with. That it is of a low level does not matter then, since the kernel has seen it.
//! Where none agrees, the reasons are what the tree shows: functions, calls and locks of the stacks that it does not have, ways through pointers,
//! names that are no lock of the source, files that were not read. It refuses to call a report wrong.

use crate::culprit;
use crate::edge::{Borne, Callees, edge};
use crate::explain::{Found, plain};
use crate::words;
use cuthere_base::Finding;
use cuthere_splat::{Frame, Kind, Splat, StackKind};
use serde::Serialize;
use std::collections::BTreeSet;

/// What the static findings have to say about a report of lockdep.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Agreement {
    /// The classes of locks that the report is about, as it names them.
    pub locks: Vec<String>,
    /// The checks whose findings agree, with the level of each.
    pub findings: Vec<String>,
    /// Why none agrees, one fact each.
    pub none: Vec<String>,
}

/// Facts that are listed.
const MAX_REASONS: usize = 4;
/// Calls of one stack that are looked at.
const MAX_CALLS: usize = 12;

/// What a report of lockdep names.
pub(crate) struct Report<'s> {
    /// The checks that find what it is about.
    checks: &'static [&'static str],
    /// Classes, as printed.
    pub locks: Vec<String>,
    uses: Vec<Use<'s>>,
}

/// One of its stacks.
struct Use<'s> {
    /// The class that is taken at its end, where it says which.
    class: Option<String>,
    /// The function that takes it: the innermost that is no service of the kernel.
    taker: Option<&'s str>,
    /// Innermost frame first.
    stack: Vec<&'s Frame>,
}

/// Reads a report; `None` if it is not about locks in an order or a context, or about RCU's readers.
pub(crate) fn report(splat: &Splat) -> Option<Report<'_>> {
    let checks: &'static [&'static str] = match splat.kind {
        Kind::LockdepDeadlock => &["lock-order", "double-lock"],
        Kind::LockdepRecursive => &["double-lock", "lock-order"],
        Kind::LockdepIrqInversion | Kind::LockdepIrqOrder => &["irq-unsafe-lock", "lock-order"],
        Kind::LockdepInconsistentState => &["irq-unsafe-lock", "double-lock"],
        Kind::SuspiciousRcu if culprit::is_sleep(splat) => &["sleep-in-atomic"],
        Kind::SuspiciousRcu => &["rcu-misuse"],
        _ => return None,
    };
    let rcu = splat.kind == Kind::SuspiciousRcu;
    let mut locks: Vec<String> = Vec::new();
    let named = splat.other_locks.iter().filter(|_| !rcu).map(|lock| lock.class.clone());
    let chain = splat.other_stacks.iter().filter(|s| s.kind == StackKind::Dependency);
    for class in named.chain(chain.clone().filter_map(|s| class_of(&s.title))) {
        if !locks.contains(&class) {
            locks.push(class);
        }
    }
    let one = || locks.first().filter(|_| locks.len() == 1).cloned();
    let taken = splat.other_locks.first().filter(|_| !rcu);
    let main: Vec<&Frame> = splat.frames.iter().filter(|f| !f.unreliable).collect();
    let at = taken.and_then(|lock| lock.acquired_at.as_deref()).filter(|f| !is_service(f)).map(plain);
    let mut uses = vec![Use { class: taken.map(|lock| lock.class.clone()), taker: at.or_else(|| own(&main)), stack: main }];
    for stack in chain {
        let frames: Vec<&Frame> = stack.frames.iter().filter(|f| !f.unreliable).collect();
        // The last link of the chain is the stack that the report ends with.
        if !stack.title.starts_with("-> #0") && !frames.is_empty() {
            uses.push(Use { class: class_of(&stack.title).or_else(one), taker: own(&frames), stack: frames });
        }
    }
    Some(Report { checks, locks, uses })
}

/// The class in a heading such as `-> #1 (&b->lock){+.+.}-{3:3}:`.
fn class_of(title: &str) -> Option<String> {
    let from = title.find('(')? + 1;
    let to = title.rfind("){").or_else(|| title.rfind(')'))?;
    title.get(from..to).map(|class| class.trim().to_owned()).filter(|class| !class.is_empty())
}

/// The member or variable that a class ends with: `lock` of `&(&b->lock)->rlock`, `dwork` of `(work_completion)(&(&b->dwork)->work)`.
fn last_name(class: &str) -> Option<&str> {
    let class = class.split('#').next().unwrap_or_default();
    let inside = |part: &str| ["rlock", "wait_lock", "rwsem", "work", "timer"].contains(&part);
    let names: Vec<&str> = words::identifiers(class)
        .map(|(_, word)| word)
        .filter(|w| !["work_completion", "wq_completion", "completion"].contains(w))
        .collect();
    match names.as_slice() {
        [.., name, last] if inside(last) && class.contains(")->") => Some(name),
        [.., last] => Some(last),
        [] => None,
    }
}

/// A class that names no lock of the source, and what it stands for.
fn stands_for(class: &str) -> Option<&'static str> {
    const MAPS: &[(&str, &str)] = &[
        ("(wq_completion)", "waiting for a workqueue to be empty"),
        ("(work_completion)", "waiting for a work item"),
        ("(timer)", "waiting for a timer"),
    ];
    MAPS.iter().find(|(prefix, _)| class.starts_with(prefix)).map(|(_, what)| *what)
}

impl<'s> Use<'s> {
    /// Callers and callees from the function that takes the lock outwards.
    fn calls(&self) -> impl Iterator<Item = (&'s Frame, &'s Frame)> + use<'s> {
        let at = self.taker.and_then(|name| self.stack.iter().position(|f| plain(&f.function) == name)).unwrap_or(0);
        pairs(self.stack.get(at..).unwrap_or_default())
    }
}

impl<'s> Report<'s> {
    /// Functions that the report is about beside that of its own stack.
    pub fn takers(&self) -> impl Iterator<Item = &'s str> {
        self.uses.iter().filter_map(|u| u.taker)
    }

    /// Callers and callees of its further stacks, as they stand.
    pub fn pairs(&self) -> impl Iterator<Item = (&'s Frame, &'s Frame)> {
        self.uses.iter().skip(1).flat_map(Use::calls)
    }

    /// Whether a finding agrees.
    pub fn agrees(&self, finding: &Finding) -> bool {
        let through =
            |function: &str| self.uses.iter().any(|u| u.taker == Some(function) || u.stack.iter().any(|f| plain(&f.function) == function));
        let functions = || finding.steps.iter().map(|s| s.function.as_str()).chain([finding.function.as_str()]);
        if !self.checks.contains(&finding.check.as_str()) {
            return false;
        }
        if self.locks.is_empty() {
            // The function that uses the pointer, or sleeps, is the one the report is about.
            let about = self.uses.first().and_then(|u| u.taker);
            return about.is_some_and(|about| functions().any(|function| function == about));
        }
        let theirs: BTreeSet<&str> =
            finding.locks.iter().filter_map(|lock| last_name(lock.split(" (").next().unwrap_or_default())).collect();
        let ours: BTreeSet<&str> = self.locks.iter().filter_map(|class| last_name(class)).collect();
        let both = ours.intersection(&theirs).count();
        both > 0 && both >= ours.len().min(2) && functions().any(through)
    }

    /// The findings that agree, or why none does. `read` are the files that were analysed.
    pub fn judge(&self, found: &Found<'_>, callees: &Callees, findings: &[Finding], read: &BTreeSet<String>) -> Agreement {
        let agreeing: BTreeSet<String> =
            findings.iter().filter(|f| self.agrees(f)).map(|f| format!("{} ({})", f.check, f.confidence.as_str())).collect();
        let mut none = Vec::new();
        if agreeing.is_empty() {
            none = self.reasons(found, callees, read);
            none.truncate(MAX_REASONS);
        }
        Agreement { locks: self.locks.clone(), findings: agreeing.into_iter().collect(), none }
    }

    /// The surest first.
    fn reasons(&self, found: &Found<'_>, callees: &Callees, read: &BTreeSet<String>) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let (mut unnamed, mut calls) = (Vec::new(), Vec::new());
        let mut unread: BTreeSet<&str> = BTreeSet::new();
        for u in &self.uses {
            let Some(name) = u.taker else {
                out.push("one of its stacks has nothing but the kernel's services".to_owned());
                continue;
            };
            let Some(definition) = found.definition(name) else {
                let what = u.class.as_ref().map(|c| format!(", where `{c}` is taken,")).unwrap_or_default();
                out.push(format!("`{name}`{what} is not in this tree"));
                continue;
            };
            if !read.contains(&definition.file) {
                unread.insert(&definition.file);
            }
            if let Some(class) = u.class.as_ref().filter(|c| stands_for(c).is_none())
                && let Some(member) = last_name(class)
                && !words::has_word(definition.text.get(definition.function.span.clone()).unwrap_or_default(), member)
                && !callees.uses(definition, member)
            {
                let own_name = !class.contains(['&', '.', '(']);
                let what = if own_name { "a name that lockdep or a subsystem gives it; " } else { "" };
                let place = format!("{}:{}", definition.file, definition.function.name_line);
                unnamed.push(format!("`{class}`: {what}`{name}` ({place}) does not take it by this name"));
            }
            for (outer, inner) in u.calls() {
                let (a, b) = (plain(&outer.function), plain(&inner.function));
                match edge(outer, inner, found, callees).borne {
                    Borne::Absent => calls.push(format!("this tree does not show how `{a}` calls `{b}`")),
                    Borne::Pointer => calls.push(format!("`{a}` calls `{b}` through a pointer")),
                    Borne::Unknown => calls.push(format!("`{a}` calls `{b}`, as the report says, perhaps through a pointer")),
                    _ => {}
                }
            }
        }
        for class in &self.locks {
            if let Some(what) = stands_for(class) {
                out.push(format!("`{class}` stands for {what}, not for a lock; a check knows it only where it sees what is waited for"));
            }
        }
        out.append(&mut unnamed);
        let names: Vec<&str> = self.locks.iter().filter_map(|class| last_name(class)).collect();
        if names.len() > 1 && names.iter().all(|name| Some(name) == names.first()) {
            out.push("the locks are of one class, whose order among themselves is judged only where it is plain".to_owned());
        }
        if !unread.is_empty() {
            let files: Vec<&str> = unread.into_iter().take(3).collect();
            out.push(format!(
                "not read: {}; `cuthere index` on the whole tree makes what lies outside the folders known",
                files.join(", ")
            ));
        }
        out.append(&mut calls);
        if out.is_empty() {
            out.push(
                "the tree has its functions and calls, and no check finds them at fault: what they do may be allowed, or have been mended"
                    .to_owned(),
            );
        }
        let mut seen = BTreeSet::new();
        out.retain(|reason| seen.insert(reason.clone()));
        out
    }
}

/// Whether a function is a service of the kernel, which takes what its caller names.
fn is_service(function: &str) -> bool {
    cuthere_splat::is_skipped(function, &["rcu", "spinlock"])
}

/// The innermost function that is no service.
fn own<'s>(stack: &[&'s Frame]) -> Option<&'s str> {
    stack.iter().map(|f| f.function.as_str()).find(|f| !is_service(f)).map(plain)
}

/// Callers and callees up to where the kernel dispatches: system calls, work, interrupts.
fn pairs<'s>(stack: &[&'s Frame]) -> impl Iterator<Item = (&'s Frame, &'s Frame)> + use<'s> {
    let dispatched = |f: &&&Frame| cuthere_splat::is_skipped(&f.function, &["dispatch"]) && !is_service(&f.function);
    let upto = stack.iter().position(|f| dispatched(&f)).unwrap_or(stack.len());
    let two = |two: &[&'s Frame]| Some((*two.get(1)?, *two.first()?));
    let pairs: Vec<(&Frame, &Frame)> = stack.get(..upto).unwrap_or_default().windows(2).take(MAX_CALLS).filter_map(two).collect();
    pairs.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_end_with_a_member_or_a_variable() {
        for (class, name) in [
            ("&b->lock", Some("lock")),
            ("&(&b->lock)->rlock", Some("lock")),
            ("&sb->s_type->i_mutex_key#13/1", Some("i_mutex_key")),
            ("rtnl_mutex", Some("rtnl_mutex")),
            ("(work_completion)(&(&b->dwork)->work)", Some("dwork")),
            ("(work_completion)(&b->job)", Some("job")),
            ("box.item_lock", Some("item_lock")),
            ("", None),
        ] {
            assert_eq!(last_name(class), name, "{class}");
        }
        assert_eq!(class_of("-> #1 (&b->lock){+.+.}-{3:3}:").as_deref(), Some("&b->lock"));
        assert_eq!(class_of("-> #2 ((work_completion)(&b->job)){+.+.}-{0:0}:").as_deref(), Some("(work_completion)(&b->job)"));
        assert_eq!(class_of("{SOFTIRQ-ON-W} state was registered at:"), None);
    }
}
