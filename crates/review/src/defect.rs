//! The vocabulary of defects: one name for what a check finds, the explorer reaches, the kernel reports and a patch claims to mend.
//!
//! A sort names its checks and faults by their whole ids, and its phrases by meaning: a word that also means something else (`atomic`,
//! `sleep`, `leak`) counts only in phrases where it does not. It decides what belongs together, and refuses to judge any of it.

use cuthere_splat::{Kind, Splat};

/// A sort of defect.
#[derive(Debug)]
pub(crate) struct Defect {
    /// Its name, in JSON and in text.
    pub name: &'static str,
    /// Ids of the checks that find it.
    pub checks: &'static [&'static str],
    /// Ids of the explorer's faults that are it.
    pub faults: &'static [&'static str],
    /// Phrases that speak of it, in lower case, with word borders around them.
    pub phrases: &'static [&'static str],
}

pub(crate) const NULL: &str = "null dereference";
pub(crate) const SLEEP: &str = "sleep in atomic context";
pub(crate) const FREED: &str = "use after free";

/// Every sort.
pub(crate) const DEFECTS: &[Defect] = &[
    Defect {
        name: NULL,
        checks: &["null-deref"],
        faults: &["null-deref"],
        phrases: &[
            "null pointer",
            "null-pointer",
            "null ptr",
            "null dereference",
            "null deref",
            "before deref",
            "null check",
            "null-check",
            "null-ptr-deref",
            "null-deref",
            "null-ptr",
            "nullptr",
            "npd",
            "for null",
            "against null",
            "returns null",
            "return null",
            "is null",
            "be null",
        ],
    },
    Defect {
        name: SLEEP,
        checks: &["sleep-in-atomic", "rt-sleeping-lock"],
        faults: &["sleep-in-atomic"],
        phrases: &[
            "atomic context",
            "in atomic",
            "while atomic",
            "scheduling while atomic",
            "sleep in",
            "sleeping in",
            "sleeping function",
            "sleep while",
            "sleeping while",
            "sleep inside",
            "sleep under",
            "sleep with",
            "may sleep",
            "can sleep",
            "might sleep",
            "could sleep",
            "might_sleep",
            "may_sleep",
            "invalid context",
            "invalid wait context",
            "gfp_atomic",
            "under spinlock",
            "under a spinlock",
            "under spin_lock",
            "under the spinlock",
            "holding a spinlock",
            "holding spinlock",
            "sleeping lock",
            "sleepable",
        ],
    },
    Defect {
        name: FREED,
        checks: &["use-after-free", "teardown-race", "unlocked-lookup", "rcu-misuse"],
        faults: &["use-after-free"],
        phrases: &[
            "use-after-free",
            "use after free",
            "uaf",
            "dangling pointer",
            "after it is freed",
            "after free",
            "after being freed",
            "freed memory",
            "freed by previous",
            "already freed",
            "already been freed",
            "access after",
            "still in use",
            "pending work",
            "scheduled work",
            "scheduled delayed_work",
            "rcu_barrier",
            "stale pointer",
            "skb realloc",
            "skb reallocation",
        ],
    },
    Defect {
        name: "race",
        checks: &["teardown-race", "inconsistent-locking", "unlocked-lookup", "rcu-misuse", "rt-percpu"],
        faults: &["data-race"],
        phrases: &["race", "races", "racy", "race condition", "data race", "data-race", "concurrent", "concurrently"],
    },
    Defect {
        name: "double free",
        checks: &["double-free"],
        faults: &["double-free", "refcount-underflow"],
        phrases: &["double free", "double-free", "freed twice", "double put", "double kfree"],
    },
    Defect {
        name: "leak",
        checks: &["refcount-imbalance"],
        faults: &[],
        phrases: &[
            "memory leak",
            "memleak",
            "leak",
            "leaks",
            "leaking",
            "leaked",
            "refcount leak",
            "reference leak",
            "refcount imbalance",
            "refcnt leak",
            "missing put",
        ],
    },
    Defect {
        name: "reference count",
        checks: &["refcount-imbalance", "use-after-free", "double-free"],
        faults: &["refcount-underflow", "use-after-free"],
        phrases: &["refcount", "refcnt", "reference count", "refcounting", "reference counting", "kref", "kref_put", "kref_get"],
    },
    Defect {
        name: "deadlock",
        checks: &["double-lock", "lock-order", "irq-unsafe-lock", "lock-imbalance"],
        faults: &["deadlock", "lock-held-at-exit"],
        phrases: &[
            "deadlock",
            "deadlocks",
            "dead lock",
            "lock inversion",
            "lock order",
            "lock ordering",
            "abba",
            "ab-ba",
            "circular locking",
            "recursive locking",
            "self-deadlock",
            "lockup",
        ],
    },
    Defect {
        name: "unbalanced lock",
        checks: &["lock-imbalance", "double-lock"],
        faults: &["lock-held-at-exit", "lock-misuse"],
        phrases: &[
            "missing unlock",
            "missing mutex_unlock",
            "missing spin_unlock",
            "missing rcu_read_unlock",
            "unlock on error",
            "double unlock",
            "lock imbalance",
            "unbalanced lock",
            "unbalanced unlock",
            "unlock imbalance",
            "lock leak",
            "release lock",
            "unlock in",
            "unlock on",
        ],
    },
    Defect {
        name: "locking",
        checks: &[
            "lock-imbalance",
            "double-lock",
            "lock-order",
            "irq-unsafe-lock",
            "inconsistent-locking",
            "assert-held",
            "sleep-in-atomic",
            "rt-sleeping-lock",
        ],
        faults: &["deadlock", "lock-misuse", "lock-held-at-exit", "data-race"],
        phrases: &["locking", "lock", "locks", "unlock", "mutex", "spinlock", "spin lock", "lockdep", "rtnl", "rwsem", "raw_spinlock"],
    },
    Defect {
        name: "read-side section",
        checks: &["rcu-misuse"],
        faults: &[],
        phrases: &["suspicious rcu", "rcu usage", "rcu_dereference", "rcu read lock", "rcu_read_lock", "grace period"],
    },
    Defect {
        name: "error pointer",
        checks: &["null-deref"],
        faults: &["wild-access"],
        phrases: &["err_ptr", "is_err", "ptr_err", "error pointer", "error pointers"],
    },
    Defect {
        name: "uninitialised value",
        checks: &[],
        faults: &[],
        phrases: &["uninitialized", "uninitialised", "uninit", "uninit-value", "infoleak", "info leak", "information leak"],
    },
    Defect {
        name: "out of bounds",
        checks: &[],
        faults: &["out-of-bounds"],
        phrases: &[
            "out-of-bounds",
            "out of bounds",
            "oob",
            "buffer overflow",
            "integer overflow",
            "overflow",
            "overrun",
            "buffer overrun",
            "off-by-one",
            "off by one",
        ],
    },
    Defect {
        name: "list corruption",
        checks: &["use-after-free", "teardown-race", "inconsistent-locking"],
        faults: &["list-corruption"],
        phrases: &["list corruption", "list_del corruption", "list_add corruption", "list_add double add"],
    },
    Defect {
        name: "per-CPU data",
        checks: &["rt-percpu"],
        faults: &[],
        phrases: &["per-cpu", "percpu", "preemptible", "smp_processor_id", "this_cpu", "preempt_rt", "preempt-rt"],
    },
    Defect {
        name: "interrupted dump",
        checks: &["dump-restart"],
        faults: &[],
        phrases: &["netlink dump", "dump callback", "infinite dump", "dump loop", "endless dump"],
    },
    Defect {
        name: "missing release",
        checks: &["lock-imbalance", "refcount-imbalance"],
        faults: &["lock-held-at-exit"],
        phrases: &["error path", "error paths", "error handling", "cleanup on error", "unwind path"],
    },
];

/// Phrases in which the words of another sort mean something else: they are blanked before a text is looked at. The first name of a group
/// is what the text must be about, empty for any.
const ELSEWHERE: &[(&str, &[&str])] = &[
    // The display subsystem's atomic modesetting.
    ("drm", &["atomic"]),
    (
        "",
        &[
            "atomic_check",
            "atomic check",
            "atomic commit",
            "atomic_commit",
            "atomic state",
            "atomic modeset",
            "atomic modesetting",
            "atomic helper",
            "atomic helpers",
            "atomic update",
            "atomic_t",
            "atomic64_t",
            "atomic write",
            "atomic writes",
            "atomic file",
            "atomic replace",
        ],
    ),
    ("", &["deep sleep", "sleep mode", "sleep state", "system sleep", "sleep clock", "suspend to idle"]),
    ("", &["memory barrier", "block layer", "clock", "unlock key", "lockdown", "file lock", "file locks"]),
    ("", &["stack overflow", "integer overflow warning"]),
];

/// The sorts that a text in lower case speaks of.
pub(crate) fn spoken_of(text: &str) -> Vec<&'static str> {
    let mut text = text.to_owned();
    for (about, phrases) in ELSEWHERE {
        if !about.is_empty() && !crate::words::has_word(text.as_bytes(), about) {
            continue;
        }
        for phrase in *phrases {
            text = crate::words::blank(&text, phrase);
        }
    }
    let speaks = |defect: &&Defect| defect.phrases.iter().any(|phrase| crate::words::has_word(text.as_bytes(), phrase));
    let mut found: Vec<&'static str> = DEFECTS.iter().filter(speaks).map(|defect| defect.name).collect();
    // The general word beside the exact one adds nothing.
    let exact = |names: &[&str]| found.iter().any(|name| names.contains(name));
    let (locks, counts) = (exact(&["deadlock", "unbalanced lock", SLEEP, "race", FREED]), exact(&["leak", "double free", FREED]));
    found.retain(|name| !(*name == "locking" && locks || *name == "reference count" && counts));
    found
}

/// Whether a check finds this sort of defect.
pub(crate) fn finds(check: &str, name: &str) -> bool {
    DEFECTS.iter().any(|defect| defect.name == name && defect.checks.contains(&check))
}

/// Whether a fault of the explorer is of this sort.
pub(crate) fn reaches(fault: &str, name: &str) -> bool {
    DEFECTS.iter().any(|defect| defect.name == name && defect.faults.contains(&fault))
}

/// The sort of defect that a crash report is; `None` where it does not show. An address without a mapping alone shows nothing.
pub(crate) fn of_splat(splat: &Splat) -> Option<&'static str> {
    let title = splat.title.to_lowercase();
    let null = splat.access.as_ref().is_some_and(|access| access.null_offset.is_some());
    let poisoned = splat.access.as_ref().is_some_and(|access| access.poison.as_ref().is_some_and(|what| !what.contains("never set")));
    Some(match splat.kind {
        Kind::SleepingFunction | Kind::SchedulingWhileAtomic | Kind::LockdepWaitContext => SLEEP,
        Kind::SuspiciousRcu if splat.notes.iter().any(|note| note.contains("context switch")) => SLEEP,
        Kind::SuspiciousRcu => "read-side section",
        Kind::OopsNull => NULL,
        Kind::OopsPaging | Kind::GeneralProtectionFault | Kind::OopsUserAccess if null => NULL,
        Kind::OopsPaging | Kind::GeneralProtectionFault if poisoned => FREED,
        Kind::Kasan | Kind::Kfence => {
            if title.contains("null") {
                NULL
            } else if title.contains("double") || title.contains("invalid-free") {
                "double free"
            } else if title.contains("bounds") || title.contains("out-of") {
                "out of bounds"
            } else if title.contains("use-after") {
                FREED
            } else {
                return None;
            }
        }
        Kind::Kcsan => "race",
        Kind::Kmsan => "uninitialised value",
        Kind::MemoryLeak => "leak",
        Kind::Refcount => "reference count",
        Kind::ListCorruption => "list corruption",
        Kind::PreemptiblePercpu => "per-CPU data",
        Kind::LockdepDeadlock
        | Kind::LockdepRecursive
        | Kind::LockdepIrqInversion
        | Kind::LockdepIrqOrder
        | Kind::LockdepInconsistentState => "deadlock",
        Kind::LockdepUnlockImbalance | Kind::LockdepHeldAtExit => "unbalanced lock",
        Kind::LockdepHeldFreed | Kind::LockdepOther | Kind::SpinlockBug => "locking",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_by_what_they_mean() {
        let cases: &[(&str, &[&str])] = &[
            ("fix null pointer dereference in probe", &[NULL]),
            ("drm/foo: fix atomic commit of a disabled plane", &[]),
            ("drm/foo: fix sleeping in atomic context", &[SLEEP]),
            ("foo: fix sleeping function called from invalid context", &[SLEEP]),
            ("foo: fix sleep in atomic context", &[SLEEP]),
            ("foo: enter deep sleep mode", &[]),
            ("foo: fix memory leak in error path", &["leak", "missing release"]),
            ("foo: fix deadlock on the config mutex", &["deadlock"]),
            ("foo: fix missing unlock on error", &["unbalanced lock"]),
            ("foo: fix locking", &["locking"]),
            ("foo: nullify the pointer", &[]),
        ];
        for (text, expected) in cases {
            let got = spoken_of(text);
            assert_eq!(got, *expected, "{text}");
        }
    }

    #[test]
    fn a_leak_is_no_null_pointer() {
        assert!(!finds("null-deref", "leak") && finds("refcount-imbalance", "leak"));
        assert!(finds("null-deref", NULL) && !finds("null-deref", SLEEP));
        assert!(reaches("double-free", "double free") && !reaches("double-free", NULL));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = DEFECTS.iter().map(|d| d.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DEFECTS.len());
    }
}
