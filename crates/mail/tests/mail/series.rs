//! Series, versions, quotations.

use crate::fixtures::{DIFF, mbox, patch, series};
use cuthere_mail::{Hint, Thread, read_thread};

fn read(text: &str) -> Thread {
    read_thread(text.as_bytes(), Hint::Auto)
}

#[test]
fn a_series_with_cover_and_review() {
    let thread = read(&series());
    assert_eq!(thread.messages.iter().map(|m| m.depth).collect::<Vec<_>>(), [0, 1, 1, 2]);
    assert_eq!(thread.series.len(), 1);
    let series = &thread.series[0];
    assert_eq!((series.version, series.total, series.cover, series.newest), (2, 2, Some(0), true));
    assert_eq!(series.tags, ["net-next"]);
    assert_eq!(series.subject, "gadget: stop the timer");
    assert_eq!(series.base_commit.as_deref(), Some("0123456789abcdef0123456789abcdef01234567"));
    assert!(series.missing.is_empty());
    assert_eq!(series.patches[0].trailers[1].key, "Reported-by");
    // The review's quotation stays with the review, its question noted where it stands.
    let quoted = &thread.messages[3].diffs[0];
    assert_eq!((quoted.text.as_str(), quoted.quoted_depth, quoted.hunks), (DIFF, 1, 3));
    assert_eq!(quoted.comments.len(), 1);
    assert_eq!(quoted.comments[0].text, "Does this sleep?");
    assert_eq!(DIFF.lines().nth(quoted.comments[0].after_line as usize - 1), Some("+\tgadget_stop(g);"));
}

#[test]
fn versions_resends_and_gaps() {
    let mails = [
        patch("a1@x", "[PATCH 1/3] gadget: one", ""),
        patch("a3@x", "[PATCH 3/3] gadget: three", "a1@x"),
        patch("b1@x", "[PATCH v2 1/2] gadget: one", ""),
        patch("b2@x", "[PATCH v2 2/2] gadget: two", ""),
        patch("c1@x", "[PATCH RESEND v2 1/2] gadget: one", ""),
        patch("d@x", "[RFC PATCH] other: thing", ""),
    ];
    let thread = read(&mbox(&mails));
    let rows: Vec<_> = thread.series.iter().map(|s| (s.version, s.patches.len(), s.missing.clone(), s.newest)).collect();
    assert_eq!(rows, [(1, 2, vec![2], false), (2, 2, vec![], false), (2, 1, vec![2], true), (1, 1, vec![], true)]);
    assert_eq!(thread.series[2].tags, ["RESEND"]);
    assert_eq!(thread.series[3].tags, ["RFC"]);
}

#[test]
fn a_patch_known_only_from_a_quotation() {
    let text = series();
    let reply = text.split("From mboxrd@z").last().map(|m| format!("From mboxrd@z{m}")).unwrap();
    let thread = read(&reply);
    let series = &thread.series[0];
    assert_eq!((series.total, series.missing.clone(), series.patches.len()), (2, vec![1], 1));
    assert!(series.patches[0].quoted);
    assert_eq!(series.patches[0].diff[0].text, DIFF);
    assert!(thread.notes.iter().any(|n| n.text.contains("quotation")));
}

#[test]
fn damage_is_said_and_bounded() {
    let tabs = DIFF.replace('\t', "        ").replace("\n \n", "\n\n");
    let damage = |text: &str| cuthere_mail::find_diffs(text)[0].damage.join("; ");
    assert!(damage(&tabs).contains("tabs were turned into blanks") && damage(&tabs).contains("1 empty context lines"), "{}", damage(&tabs));
    let nbsp = DIFF.replace(" \tgadget_drain(q);", "\u{a0}\tgadget_drain(q);");
    assert!(damage(&nbsp).contains("non-breaking"));
    let climbing = DIFF.replace("drivers/gadget/queue.h", "../../etc/passwd");
    assert!(damage(&climbing).contains("leaves the tree"));
    assert!(cuthere_mail::find_diffs(&climbing)[0].files[1].unsafe_path);
    let cut: String = DIFF.lines().take(8).map(|l| format!("{l}\n")).collect();
    assert!(damage(&cut).contains("hunk 1"), "{}", damage(&cut));
    let eaten: String =
        DIFF.lines().map(|l| format!("{}\n", l.strip_prefix(' ').unwrap_or(l).replace('\t', ""))).filter(|l| l != "\n").collect();
    assert!(damage(&eaten).contains("context lines was eaten"), "{}", damage(&eaten));
    assert_eq!(cuthere_mail::find_diffs(&eaten)[0].hunks, 3);
}

#[test]
fn a_quoted_hunk_without_file_header() {
    let hunk: String = DIFF.lines().skip(4).take(7).map(|l| format!(">> {l}\n")).collect();
    let found = cuthere_mail::find_diffs(&format!("> text\n{hunk}> more\n"));
    assert_eq!((found.len(), found[0].hunks, found[0].quoted_depth), (1, 1, 2));
    assert!(found[0].damage[0].contains("file header is missing"));
}

#[test]
fn a_version_on_the_cover_alone_holds_for_the_series() {
    let cover = crate::fixtures::header("c@x", "[PATCH v3 0/2] gadget: all", "") + "What it does.\n";
    let thread = read(&mbox(&[cover, patch("p1@x", "[PATCH 1/2] gadget: one", "c@x"), patch("p2@x", "[PATCH 2/2] gadget: two", "c@x")]));
    let rows: Vec<_> = thread.series.iter().map(|s| (s.version, s.patches.len(), s.cover, s.subject.as_str())).collect();
    assert_eq!(rows, [(3, 2, Some(0), "gadget: all")]);
    assert!(thread.series[0].missing.is_empty() && thread.series[0].newest);
}

#[test]
fn patches_of_several_authors_in_one_file_are_one_series() {
    let from = |mail: String, who: &str| mail.replace("From: Ann Author <ann@example.org>", &format!("From: {who} <{who}@example.org>"));
    let mails = [
        from(patch("1@x", "[PATCH 1/3] gadget: one", ""), "ann"),
        from(patch("2@x", "[PATCH 2/3] gadget: two", ""), "bob"),
        from(patch("3@x", "[PATCH 3/3] gadget: three", ""), "ann"),
        from(patch("4@x", "[PATCH 2/3] other: two", ""), "cee"),
    ];
    let thread = read(&mbox(&mails));
    let rows: Vec<_> = thread.series.iter().map(|s| (s.patches.len(), s.missing.clone())).collect();
    assert_eq!(rows, [(3, vec![]), (1, vec![1, 3])]);
}

#[test]
fn what_git_shows_is_a_commit() {
    let shown = format!(
        "commit 0123456789abcdef0123456789abcdef01234567\nAuthor: Ann Author <ann@example.org>\nDate:   Tue Jan 2 03:04:05 2024 +0100\n\n    gadget: stop the timer\n    \n    \
         Why.\n    \n    Fixes: 0123456789ab (\"gadget: add a queue\")\n\n{DIFF}"
    );
    let thread = read(&shown);
    let patch = &thread.series[0].patches[0];
    assert_eq!((patch.subject.as_str(), patch.hunks, patch.fixes.len()), ("gadget: stop the timer", 3, 1));
    assert_eq!(thread.messages[0].date.as_deref(), Some("2024-01-02T03:04:05+01:00"));
    assert_eq!(patch.author.email.as_deref(), Some("ann@example.org"));
    let twice = format!("{shown}\n{}", shown.replace("stop the timer", "start the timer"));
    assert_eq!(read(&twice).series.len(), 2, "commits are not numbered, and no newer versions of one another");
}

#[test]
fn formatted_patches_in_one_file_need_no_mark_in_the_subject() {
    let one = |nth: u32, subject: &str| {
        format!(
            "From 0000 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: {subject}\n\n---\n gadget.c | 2 +-\n\n{DIFF}\n-- \n{nth}\n\n"
        )
    };
    let thread = read(&[one(1, "gadget: one"), one(2, "gadget: two")].concat());
    let subjects: Vec<&str> = thread.series.iter().map(|s| s.subject.as_str()).collect();
    assert_eq!((subjects, thread.messages.len()), (vec!["gadget: one", "gadget: two"], 2));
    // A mail that merely has a diff in it is none.
    let tried = one(2, "does this help?").replace("\n---\n gadget.c | 2 +-\n", "\n");
    assert_eq!(read(&[one(1, "gadget: one"), tried].concat()).series.len(), 1);
}
