//! What a review says of patches over a small folder.

use crate::common::{CLEAN, FILE, Fake, Folder, bad, diff, helper, mail, run, thread, twice};
use cuthere_review::{Change, Options, Verdict, review, review_text};

#[test]
fn a_patch_that_adds_the_mistake_introduces_it() {
    let review = run(CLEAN, &[mail("[PATCH] gadget: count ticks under the config lock", "Why not.", &diff(FILE, CLEAN, &bad()))]);
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len(), review.nearby.len()), (1, 0, 0, 0));
    let remark = review.introduced.first().expect("one");
    assert_eq!((remark.finding.function.as_str(), remark.finding.line, remark.patch), ("gadget_tick", 12, 1));
    assert_eq!(remark.hunk.as_ref().map(|h| (h.file.as_str(), h.hunk)), Some((FILE, 1)));
    let patch = review.patches.first().expect("one");
    assert_eq!((patch.applied, patch.failed, patch.functions.as_slice()), (1, 0, &["gadget_tick".to_owned()][..]));
    assert_eq!(patch.claim, None);
    assert_eq!(review.scope.files, 1);
    let text = review_text(&review, false);
    assert!(text.contains("introduced:\n  error[sleep-in-atomic]: `mutex_lock()` may sleep"), "{text}");
    assert!(text.contains("= patch: 1, hunk 1 of drivers/gadget/gadget.c"), "{text}");
}

#[test]
fn a_patch_that_mends_it_fixes_it_and_is_believed() {
    let review = run(&bad(), &[mail("[PATCH] gadget: fix sleeping under the spinlock", "", &diff(FILE, &bad(), CLEAN))]);
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len()), (0, 1, 0));
    assert_eq!(review.fixed.first().and_then(|r| r.hunk.as_ref()).map(|h| h.hunk), Some(1));
    let claim = review.patches.first().and_then(|p| p.claim.as_ref()).expect("a claim");
    assert_eq!((claim.verdict, claim.siblings.len()), (Verdict::Fixed, 0));
    assert!(claim.kinds.contains(&"sleep in atomic context"));
}

#[test]
fn a_mend_is_told_of_the_sibling_that_keeps_the_mistake() {
    let (old, new) = (twice(&bad()), twice(CLEAN));
    let review = run(&old, &[mail("[PATCH] gadget: do not sleep in gadget_tick()", "", &diff(FILE, &old, &new))]);
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len(), review.nearby.len()), (0, 1, 0, 1));
    let claim = review.patches.first().and_then(|p| p.claim.as_ref()).expect("a claim");
    assert_eq!(claim.verdict, Verdict::Fixed);
    assert_eq!(claim.siblings.iter().map(|s| s.finding.function.as_str()).collect::<Vec<_>>(), ["gadget_reset"]);
}

/// Whoever gets the mail has the tree before the series: a mistake that an earlier patch brings is said there, not with the mend of another.
#[test]
fn what_an_earlier_patch_brings_is_no_sibling() {
    let one = format!("{}{}", bad(), CLEAN.replace("gadget_", "other_").replace("struct gadget", "struct other"));
    let two = format!("{}{}", bad(), bad().replace("gadget_", "other_").replace("struct gadget", "struct other"));
    let three = format!("{}{}", CLEAN, bad().replace("gadget_", "other_").replace("struct gadget", "struct other"));
    let mails = [
        mail("[PATCH 1/2] gadget: count more", "", &diff(FILE, &one, &two)),
        mail("[PATCH 2/2] gadget: do not sleep in gadget_tick()", "", &diff(FILE, &two, &three)),
    ];
    let review = run(&one, &mails);
    assert_eq!((review.introduced.len(), review.fixed.len()), (1, 1));
    let claim = review.patches.last().and_then(|p| p.claim.as_ref()).expect("a claim");
    assert_eq!((claim.verdict, claim.siblings.len()), (Verdict::Fixed, 0));
}

#[test]
fn a_mistake_that_moves_into_a_helper_is_still_there() {
    for subject in ["[PATCH] gadget: fix sleeping under the spinlock", "[PATCH] gadget: factor out the accounting"] {
        let review = run(&bad(), &[mail(subject, "", &diff(FILE, &bad(), &helper()))]);
        assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len()), (0, 0, 1), "{subject}");
        let remark = review.remaining.first().expect("one");
        assert_eq!(remark.finding.function, "gadget_account");
        assert_eq!(remark.moved_from.as_ref().map(|p| p.function.as_str()), Some("gadget_tick"));
    }
}

/// The one is mended, and a function that has nothing to do with it comes with the same mistake: in one patch, and in two.
#[test]
fn a_new_function_makes_a_mistake_of_its_own() {
    let own = bad().replace("gadget_tick", "gadget_flush");
    let flush = own.split("}\n\n").find(|part| part.contains("gadget_flush")).map(|part| format!("{part}}}\n")).expect("a function");
    let both = format!("{CLEAN}\n{flush}");
    let functions = |remarks: &[cuthere_review::Remark]| remarks.iter().map(|r| r.finding.function.clone()).collect::<Vec<_>>();
    let mails = |one: &str| {
        [
            mail("[PATCH 1/2] gadget: do not sleep", "", &diff(FILE, &bad(), one)),
            mail("[PATCH 2/2] gadget: flush", "", &diff(FILE, one, &both)),
        ]
    };
    let at_once = [mail("[PATCH] gadget: flush", "", &diff(FILE, &bad(), &both))];
    for mails in [&mails(CLEAN)[..], &at_once] {
        let review = run(&bad(), mails);
        assert_eq!(
            (functions(&review.introduced), functions(&review.fixed)),
            (vec!["gadget_flush".to_owned()], vec!["gadget_tick".to_owned()])
        );
        assert!(!review_text(&review, false).contains("gone with a later patch"));
    }
}

#[test]
fn a_claimed_fix_that_changes_nothing_is_said_to_be_none() {
    let new = bad().replace("\tg->count++;\n", "\tg->count += 1;\n");
    let review = run(&bad(), &[mail("[PATCH] gadget: fix sleep in atomic context", "", &diff(FILE, &bad(), &new))]);
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len()), (0, 0, 1));
    assert_eq!(review.patches.first().and_then(|p| p.claim.as_ref()).map(|c| c.verdict), Some(Verdict::StillThere));
    assert!(review.remaining.first().is_some_and(|r| r.claimed));
}

/// Another mistake of the sort, elsewhere in the function, is not what the patch says that it mends.
#[test]
fn a_claim_is_not_held_to_what_stands_elsewhere_in_the_function() {
    let old = bad().replace(
        "\tspin_unlock(&g->lock);\n}\n\nvoid gadget_reset",
        &format!("{}\tspin_unlock(&g->lock);\n}}\n\nvoid gadget_reset", "\tg->idle++;\n".repeat(9)),
    );
    let at = old.rfind("\tg->idle++;\n").expect("there");
    let new = format!("{}\tg->idle += 2;\n{}", &old[..at], &old[at + "\tg->idle++;\n".len()..]);
    let review = run(&old, &[mail("[PATCH] gadget: fix sleep in atomic context", "", &diff(FILE, &old, &new))]);
    assert_eq!((review.introduced.len(), review.fixed.len(), review.remaining.len()), (0, 0, 1));
    assert_eq!(review.patches.first().and_then(|p| p.claim.as_ref()).map(|c| c.verdict), Some(Verdict::NotSeen));
    assert!(review.remaining.iter().all(|r| !r.claimed));
}

#[test]
fn what_was_there_before_is_told_apart_by_where_it_is() {
    let old = twice(&bad());
    let touching = old.replace("\tg->count++;\n", "\tg->count += 1;\n");
    let review = run(&old, &[mail("[PATCH] gadget: spell it out", "", &diff(FILE, &old, &touching))]);
    assert_eq!((review.introduced.len(), review.fixed.len()), (0, 0));
    let functions = |remarks: &[cuthere_review::Remark]| remarks.iter().map(|r| r.finding.function.clone()).collect::<Vec<_>>();
    assert_eq!(
        (functions(&review.remaining), functions(&review.nearby)),
        (vec!["gadget_tick".to_owned()], vec!["gadget_reset".to_owned()])
    );
    assert!(review.remaining.iter().all(|r| !r.claimed && r.moved_from.is_none()));
}

#[test]
fn a_series_is_followed_patch_by_patch() {
    let first = mail("[PATCH v2 1/2] gadget: count ticks under the config lock", "", &diff(FILE, CLEAN, &bad()));
    let second = mail("[PATCH v2 2/2] gadget: fix sleeping", "", &diff(FILE, &bad(), CLEAN));
    let old = mail("[PATCH 1/1] gadget: older", "", &diff(FILE, CLEAN, &twice(CLEAN)));
    let review = run(CLEAN, &[old, first, second]);
    assert_eq!((review.version, review.patches.len(), review.introduced.len(), review.fixed.len()), (2, 2, 0, 0));
    let changes: Vec<Vec<Change>> = review.patches.iter().map(|p| p.findings.iter().map(|r| r.change).collect()).collect();
    assert_eq!(changes, [vec![Change::Introduced], vec![Change::Fixed]]);
    assert!(review_text(&review, false).contains("introduced, and gone with patch "));
}

#[test]
fn the_version_asked_for_is_the_one_reviewed() {
    let old = mail("[PATCH] gadget: count", "", &diff(FILE, CLEAN, &bad()));
    let new = mail("[PATCH v2] gadget: count", "", &diff(FILE, CLEAN, &CLEAN.replace("ticks++", "ticks += 1")));
    let folder = Folder::new(&[(FILE, CLEAN)]);
    let thread = thread(&[old, new]);
    let count = |version| {
        let options = Options { version, ..Options::default() };
        review(&thread, folder.tree(), &Fake, &options).expect("a tree").introduced.len()
    };
    assert_eq!((count(None), count(Some(1)), count(Some(7))), (0, 1, 0));
}

#[test]
fn a_series_that_is_in_the_tree_is_compared_with_the_tree_without_it() {
    let review = run(&bad(), &[mail("[PATCH] gadget: count", "", &diff(FILE, CLEAN, &bad()))]);
    assert!(review.already_applied);
    assert_eq!((review.introduced.len(), review.fixed.len(), review.failed_hunks.len()), (1, 0, 0));
    assert!(review.notes.iter().any(|n| n.contains("in the tree already")), "{:?}", review.notes);
    assert_eq!(review.patches.first().and_then(|p| p.hunks.first()).map(|h| (h.result, h.line)), Some(("already-applied", 9)));
}

#[test]
fn a_hunk_that_fails_is_named_with_its_missing_function_and_the_rest_goes_on() {
    let newer = CLEAN.replace("gadget_count", "gadget_total").replace("\tcount = g->count;\n", "\tcount = g->total;\n\tcount += 2;\n");
    let further = twice(CLEAN);
    let patch = format!("{}{}", diff(FILE, CLEAN, &further), {
        let broken = newer.replace("\tcount += 2;\n", "\tcount += 3;\n");
        diff(FILE, &newer, &broken).lines().skip(3).map(|l| format!("{l}\n")).collect::<String>()
    });
    let review = run(CLEAN, &[mail("[PATCH] gadget: count", "", &patch)]);
    let failed: Vec<_> = review.failed_hunks.iter().map(|f| (f.patch, f.file.as_str(), f.hunk, f.missing_function.as_deref())).collect();
    assert_eq!(failed, [(1, FILE, 2, Some("gadget_total"))]);
    let first = review.failed_hunks.first().expect("one");
    assert!(first.reason.ends_with("the file has no function `gadget_total`"), "{}", first.reason);
    assert!(first.nearest.is_some());
    assert_eq!((review.introduced.len(), review.patches.first().map(|p| p.applied)), (1, Some(1)));
    assert!(review.notes.iter().any(|n| n.starts_with("1 of 2 hunks did not apply")), "{:?}", review.notes);
}

#[test]
fn lost_tabs_are_seen_and_blanks_ignored() {
    let spaces = diff(FILE, CLEAN, &bad()).replace('\t', "        ");
    let review = run(CLEAN, &[mail("[PATCH] gadget: count", "", &spaces)]);
    let patch = review.patches.first().expect("one");
    assert!(patch.blanks_ignored && patch.failed == 0, "{patch:?}");
    assert!(patch.notes.iter().any(|n| n.contains("blanks ignored")), "{:?}", patch.notes);
    assert_eq!(review.introduced.len(), 1);
}

#[test]
fn a_thread_without_a_patch_says_so() {
    let review = run(CLEAN, &[mail("gadget: a question", "Does it tick?", "")]);
    assert!(review.patches.is_empty() && !review.has_remarks());
    assert_eq!(review.notes, ["no patch is in the thread"]);
}

#[test]
fn a_path_that_leads_out_of_the_tree_is_refused_and_nothing_is_read_there() {
    let patch = diff("../../../etc/passwd", "root\n", "toor\n") + &diff(FILE, CLEAN, &bad());
    let review = run(CLEAN, &[mail("[PATCH] gadget: count", "", &patch)]);
    assert_eq!(review.introduced.len(), 1);
    assert!(review.failed_hunks.iter().any(|f| f.reason.contains("leads upwards")), "{:?}", review.failed_hunks);
}

#[test]
fn a_change_to_a_header_brings_in_who_includes_it() {
    let header = "drivers/gadget/gadget.h";
    let (old, new) = ("#define GADGET_MAX 4\n", "#define GADGET_MAX 5\n");
    let user = bad().replace("linux/gadget.h", "../gadget/gadget.h").replace(['<', '>'], "\"");
    let folder = Folder::new(&[(header, old), ("drivers/gadget/deep/user.c", &user), ("drivers/gadget/deep/other.c", &bad())]);
    let review = review(&thread(&[mail("[PATCH] gadget: more", "", &diff(header, old, new))]), folder.tree(), &Fake, &Options::default())
        .expect("a tree");
    assert_eq!(review.scope.files, 2, "{:?}", review.scope);
    assert_eq!((review.introduced.len(), review.remaining.len()), (0, 0));
}

#[test]
fn json_has_the_promised_names() {
    let review = run(CLEAN, &[mail("[PATCH] gadget: count", "", &diff(FILE, CLEAN, &bad()))]);
    let json = serde_json::to_value(&review).expect("plain data");
    for name in ["patches", "introduced", "fixed", "remaining", "failed_hunks", "scenarios"] {
        assert!(json.get(name).is_some_and(serde_json::Value::is_array), "{name}");
    }
    let patch = json.pointer("/patches/0").expect("one patch");
    assert_eq!(patch.pointer("/subject").and_then(|s| s.as_str()), Some("gadget: count"));
    assert_eq!(patch.pointer("/hunks/0/result").and_then(|s| s.as_str()), Some("applied"));
    assert_eq!(patch.pointer("/findings/0/check").and_then(|s| s.as_str()), Some("sleep-in-atomic"));
    assert_eq!(json.pointer("/introduced/0/fingerprint").and_then(|s| s.as_str()), Some("drivers/gadget/gadget.c:gadget_tick:mutex_lock"));
}

#[test]
fn a_long_series_is_looked_at_as_a_whole() {
    let first = mail("[PATCH 1/2] gadget: count ticks", "", &diff(FILE, CLEAN, &bad()));
    let second = mail("[PATCH 2/2] gadget: count more", "", &diff(FILE, &bad(), &twice(&bad())));
    let folder = Folder::new(&[(FILE, CLEAN)]);
    let options = Options { max_states: 2, ..Options::default() };
    let review = review(&thread(&[first, second]), folder.tree(), &Fake, &options).expect("a tree");
    assert_eq!(review.introduced.len(), 2);
    assert!(review.notes.iter().any(|n| n.contains("as a whole")), "{:?}", review.notes);
}

#[test]
fn a_finding_that_the_change_cannot_explain_is_not_blamed_on_it() {
    /// Sees more the more often `count` is written.
    struct Custom;
    impl cuthere_review::Analyser for Custom {
        fn analyse(&self, tree: &cuthere_tree::Tree, paths: &[String]) -> cuthere_review::Analysis {
            let text = tree.read_path(FILE).expect("readable").expect("there").into_owned();
            let all = Fake.analyse(tree, paths);
            if String::from_utf8_lossy(&text).contains("+= 1") { all } else { Default::default() }
        }
    }
    let old = twice(CLEAN);
    let new = old.replace("\tg->count++;\n", "\tg->count += 1;\n");
    let folder = Folder::new(&[(FILE, &old)]);
    let thread = thread(&[mail("[PATCH] gadget: spell it out", "", &diff(FILE, &old, &new))]);
    let review = review(&thread, folder.tree(), &Custom, &Options::default()).expect("a tree");
    assert_eq!((review.introduced.len(), review.patches.first().map(|p| p.functions.clone())), (0, Some(vec!["gadget_tick".to_owned()])));
}
