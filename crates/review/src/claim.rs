//! What a patch claims to mend: read from its subject, its `Fixes:` trailers and the crash reports in its text.
//!
//! Only words are looked at, and only to know which findings the claim can be held to; a patch that claims nothing is not held to
//! anything. Which words speak of which sort of defect, and which checks find it, is the vocabulary of `defect.rs`.

use crate::defect;
use cuthere_mail::Patch;

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
    "oopses",
    "before deref",
    "before dereferencing",
    "drop double",
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
    said.kinds = defect::spoken_of(&subject);
    said.kinds.extend(splats.iter().filter_map(defect::of_splat));
    if said.kinds.is_empty() {
        // The subject does not say what; the text may. Titles of other commits speak of what these did.
        said.kinds.extend(defect::spoken_of(&without_titles(&patch.body).to_lowercase()));
    }
    said.kinds.sort_unstable();
    said.kinds.dedup();
    Some(said)
}

impl Said {
    /// Whether the claim says what it is about, and what this check finds is that or its cause.
    pub fn names(&self, check: &str) -> bool {
        !self.kinds.is_empty() && self.may_mend(check)
    }

    /// Whether what this check finds is what the claim is about, or its cause: what is given back once too often is used after it was freed. Asked of what is gone;
    /// what is still there is held against a claim only if it is what that is about.
    pub fn may_mend(&self, check: &str) -> bool {
        self.is_about(check) || self.kinds.contains(&defect::FREED) && matches!(check, "double-free" | "refcount-imbalance")
    }

    /// Whether the claim is about what this check finds. A claim that does not say what it mends is about everything.
    pub fn is_about(&self, check: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| defect::finds(check, kind))
    }
}

/// A text without the titles that it quotes behind the names of commits: `Fixes: 0123456789ab ("foo: a title")`, in one line or in several.
fn without_titles(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("(\"") {
        let (before, quoted) = rest.split_at(at);
        out.push_str(before);
        let commit = before.split_whitespace().next_back().unwrap_or_default();
        let named = commit.len() >= 7 && commit.bytes().all(|b| b.is_ascii_hexdigit());
        match quoted.find("\")").filter(|_| named) {
            Some(end) => rest = &quoted[end + 2..],
            None => {
                out.push_str("(\"");
                rest = &quoted[2..];
            }
        }
    }
    out.push_str(rest);
    out
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
        let leak = said("foo: fix memory leak in foo_probe", "").expect("a claim");
        assert!(leak.is_about("refcount-imbalance") && !leak.is_about("null-deref"));
        let freed = said("foo: fix use-after-free in foo_ack", "").expect("a claim");
        assert!(freed.may_mend("refcount-imbalance") && !freed.is_about("refcount-imbalance") && !freed.may_mend("null-deref"));
        let vague = said("foo: fix the probe", "It can sleep here.").expect("a claim");
        assert!(vague.is_about("sleep-in-atomic") && !vague.is_about("null-deref"));
        assert!(said("foo: fix the probe", "").expect("a claim").is_about("anything"));
    }

    #[test]
    fn titles_of_other_commits_say_nothing_of_this_one() {
        let body = "The length was read twice.\n\nSee commit 0123456789ab (\"foo: fix a\ndouble free\") for more.\n\n\
                    Fixes: 21a4e47cafe0 (\"foo: fix use-after-free in foo_put\")\n";
        let fix = said("foo: fix the length of a reply", body).expect("a claim");
        assert_eq!(fix.kinds, Vec::<&str>::new());
        let own = said("foo: fix the reply", "It is used after free (\"late\").").expect("a claim");
        assert!(own.is_about("use-after-free") && !own.is_about("null-deref"));
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
