//! What a patch claims to mend: read from its subject, its `Fixes:` trailers and the crash reports in its text.
//!
//! Only words are looked at, and only to know which findings the claim can be held to; a patch that claims nothing is not held to
//! anything. The table below knows sorts of defects, not checks: a sort stands for every check whose id has one of its parts.

use cuthere_mail::Patch;
use cuthere_splat::Kind;

/// What a patch says, before it is held to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Where: `subject`, `fixes`, `splat`.
    pub by: Vec<&'static str>,
    /// Sorts of defects it speaks of.
    pub kinds: Vec<&'static str>,
    /// Commits it fixes.
    pub fixes: Vec<String>,
}

/// Sort, phrases for it in lower case, parts of the ids of checks that find it.
const KINDS: &[(&str, &[&str], &[&str])] = &[
    ("null dereference", &["null", "nullptr", "null-ptr", "null-deref", "oops"], &["null"]),
    (
        "sleep in atomic context",
        &["sleep", "sleeping", "atomic", "might_sleep", "scheduling", "gfp_atomic", "gfp_kernel"],
        &["sleep", "atomic"],
    ),
    ("use after free", &["use-after-free", "use after free", "uaf", "dangling", "freed"], &["free", "race", "teardown", "life"]),
    ("race", &["race", "races", "racy", "teardown", "concurrent"], &["race", "teardown", "percpu"]),
    ("double free", &["double free", "double-free"], &["free"]),
    (
        "leak",
        &["leak", "leaks", "leaking", "leaked", "refcount", "refcnt", "imbalance", "unbalanced"],
        &["leak", "imbalance", "ref", "put"],
    ),
    (
        "locking",
        &["lock", "locks", "locking", "unlock", "deadlock", "deadlocks", "mutex", "spinlock", "lockdep", "rtnl"],
        &["lock", "sleep", "imbalance"],
    ),
    ("error pointer", &["err_ptr", "is_err", "ptr_err", "error pointer"], &["err"]),
    ("uninitialised value", &["uninitialized", "uninitialised", "uninit"], &["uninit"]),
    ("out of bounds", &["out-of-bounds", "out of bounds", "oob", "overflow", "overrun"], &["bound", "overflow"]),
    ("per-CPU data", &["per-cpu", "percpu", "preemptible", "preempt_rt", "preempt-rt"], &["percpu", "rt"]),
    ("missing release", &["error path", "error paths", "error handling"], &["leak", "imbalance", "err", "null"]),
];

/// Verbs with which a subject claims to mend something.
const VERBS: &[&str] = &[
    "fix",
    "fixes",
    "fixed",
    "fixing",
    "prevent",
    "prevents",
    "avoid",
    "avoids",
    "plug",
    "correct",
    "resolve",
    "repair",
    "don't",
    "dont",
    "do not",
    "never",
    "missing",
    "handle",
    "check for",
    "add missing",
    "guard",
    "protect",
    "close",
    "bug",
    "crash",
    "panic",
    "oops",
];

/// Reads the claim; `None` if the patch makes none.
pub fn read(patch: &Patch) -> Option<Said> {
    let mut said = Said { fixes: patch.fixes.iter().map(|f| f.commit.clone()).collect(), ..Said::default() };
    let subject = patch.subject.to_lowercase();
    if VERBS.iter().any(|verb| has_phrase(&subject, verb)) {
        said.by.push("subject");
    }
    if !said.fixes.is_empty() {
        said.by.push("fixes");
    }
    let splats = cuthere_splat::read(&patch.body);
    if !splats.is_empty() {
        said.by.push("splat");
    }
    if said.by.is_empty() {
        return None;
    }
    said.kinds = kinds(&subject);
    said.kinds.extend(splats.iter().filter_map(|s| kind_of(s.kind, &s.title)));
    if said.kinds.is_empty() {
        // The subject does not say what; the text may.
        said.kinds.extend(kinds(&patch.body.to_lowercase()));
    }
    said.kinds.sort_unstable();
    said.kinds.dedup();
    Some(said)
}

impl Said {
    /// Whether the claim is about what this check finds. A claim that does not say what it mends is about everything.
    pub fn is_about(&self, check: &str) -> bool {
        let parts = |kind: &&str| KINDS.iter().find(|k| k.0 == *kind).map_or(&[][..], |k| k.2);
        self.kinds.is_empty() || self.kinds.iter().flat_map(parts).any(|part| check.contains(part))
    }
}

/// The sort of defect that a crash report is.
pub(crate) fn kind_of(kind: Kind, title: &str) -> Option<&'static str> {
    let title = title.to_lowercase();
    Some(match kind {
        Kind::SleepingFunction | Kind::SchedulingWhileAtomic | Kind::LockdepWaitContext => "sleep in atomic context",
        Kind::SuspiciousRcu => "sleep in atomic context",
        // A general protection fault is most often a small offset from NULL, looked up in KASAN's shadow.
        Kind::OopsNull | Kind::GeneralProtectionFault => "null dereference",
        Kind::Kasan | Kind::OopsPaging | Kind::Kfence => {
            if title.contains("null") {
                "null dereference"
            } else if title.contains("double") {
                "double free"
            } else if title.contains("bounds") {
                "out of bounds"
            } else {
                "use after free"
            }
        }
        Kind::Kcsan => "race",
        Kind::Kmsan => "uninitialised value",
        Kind::MemoryLeak | Kind::Refcount => "leak",
        Kind::PreemptiblePercpu => "per-CPU data",
        Kind::LockdepDeadlock
        | Kind::LockdepRecursive
        | Kind::LockdepIrqInversion
        | Kind::LockdepIrqOrder
        | Kind::LockdepInconsistentState
        | Kind::LockdepUnlockImbalance
        | Kind::LockdepHeldFreed
        | Kind::LockdepHeldAtExit
        | Kind::LockdepOther => "locking",
        _ => return None,
    })
}

/// The sorts that a text in lower case speaks of.
fn kinds(text: &str) -> Vec<&'static str> {
    KINDS.iter().filter(|(_, phrases, _)| phrases.iter().any(|p| has_phrase(text, p))).map(|k| k.0).collect()
}

/// Whether a check finds this sort of defect.
pub(crate) fn finds(check: &str, kind: &str) -> bool {
    KINDS.iter().filter(|k| k.0 == kind).flat_map(|k| k.2).any(|part| check.contains(part))
}

/// Whether the phrase stands in the text with word borders around it.
fn has_phrase(text: &str, phrase: &str) -> bool {
    crate::words::has_word(text.as_bytes(), phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(subject: &str, body: &str) -> Option<Said> {
        read(&Patch { subject: subject.into(), body: body.into(), ..Patch::default() })
    }

    #[test]
    fn a_claim_is_read_from_subject_and_text() {
        let fix = said("net: foo: fix NULL pointer dereference in foo_get", "").expect("a claim");
        assert_eq!((fix.by.as_slice(), fix.kinds.as_slice()), (&["subject"][..], &["null dereference"][..]));
        assert!(fix.is_about("null-deref") && !fix.is_about("lock-imbalance"));
        let vague = said("foo: fix the probe", "It can sleep here.").expect("a claim");
        assert!(vague.is_about("sleep-in-atomic") && !vague.is_about("null-deref"));
        assert!(said("foo: fix the probe", "").expect("a claim").is_about("anything"));
    }

    #[test]
    fn a_patch_that_mends_nothing_claims_nothing() {
        assert_eq!(said("net: foo: add a counter", "Counts the locks."), None);
        assert_eq!(said("foo: prefix the names", ""), None);
    }

    #[test]
    fn a_crash_report_is_a_claim() {
        let log = "BUG: sleeping function called from invalid context at mm/x.c:1\nin_atomic(): 1, irqs_disabled(): 0\n\
                   Call Trace:\n foo_tx+0x1/0x2\n bar+0x1/0x2\n";
        let said = said("foo: rework transmission", log).expect("a claim");
        assert_eq!((said.by.as_slice(), said.kinds.as_slice()), (&["splat"][..], &["sleep in atomic context"][..]));
    }
}
