//! The mail that a review becomes.

use crate::common::{CLEAN, FILE, Fake, Folder, bad, diff, helper, mail, thread, twice};
use cuthere_mail::{Address, Hint, read_thread};
use cuthere_review::{Options, ReplyOptions, reply, review};

fn answer(old: &str, mails: &[String], options: &ReplyOptions) -> Option<String> {
    let folder = Folder::new(&[(FILE, old)]);
    let thread = thread(mails);
    reply(&review(&thread, folder.tree(), &Fake, &Options::default()).expect("a tree"), &thread, options)
}

fn columns(line: &str) -> usize {
    line.chars().fold(0, |column, c| if c == '\t' { column + 8 - column % 8 } else { column + 1 })
}

#[test]
fn the_reply_quotes_the_hunk_and_gives_the_evidence_below() {
    let me = Address { name: Some("Rita Reviewer".into()), email: Some("rita@example.net".into()) };
    let options = ReplyOptions { me: Some(me), arguments: vec!["--arch".into(), "powerpc".into()], ..ReplyOptions::default() };
    let text = answer(CLEAN, &[mail("[PATCH] gadget: count ticks", "", &diff(FILE, CLEAN, &bad()))], &options).expect("a reply");
    assert!(text.lines().all(|l| columns(l) <= 75), "{text}");
    for part in [
        "From: Rita Reviewer <rita@example.net>\n",
        "To: Ann Author <ann@example.org>\n",
        "Cc: linux-gadget@vger.example.org, Max Maintainer <max@example.org>\n",
        "Subject: Re: [PATCH] gadget: count ticks\n",
        "In-Reply-To: <",
        "References: <",
        "On Mon, 2 Mar 2026 10:00:00 +0000, Ann Author wrote:\n> --- a/drivers/gadget/gadget.c\n> +++ b/drivers/gadget/gadget.c\n> @@ -9,7 +9,9 @@ void gadget_tick(struct gadget *g)\n",
        "\n> +\tmutex_lock(&g->config);\n",
        "\nThis introduces a defect (sleep-in-atomic, confidence high):\n",
        "  2. gadget_tick(), line 12: `mutex_lock()` sleeps\n",
        "  Locks held: g->lock\n",
        "\n    cuthere check --patch this.patch --arch powerpc \\\n        --only sleep-in-atomic drivers/gadget\n",
        "Looked at: 1 file in drivers/gadget (4 of 4 functions read whole)",
        "  Reported-by: Rita Reviewer <rita@example.net>\n  Closes: https://lore.kernel.org/r/cuthere-",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let back = read_thread(text.as_bytes(), Hint::Message);
    let read = back.messages.first().expect("a mail");
    assert_eq!(read.in_reply_to.as_deref(), read.references.last().map(String::as_str));
    assert!(text.contains(&format!("Closes: https://lore.kernel.org/r/{}/\n", read.id)), "the report is what is linked");
}

#[test]
fn the_top_folder_has_a_name_and_a_plain_context_is_not_stated() {
    const TOP: &str = "gadget.c";
    let folder = Folder::new(&[(TOP, CLEAN)]);
    let thread = thread(&[mail("[PATCH] gadget: count ticks", "", &diff(TOP, CLEAN, &bad()))]);
    let text = reply(&review(&thread, folder.tree(), &Fake, &Options::default()).expect("a tree"), &thread, &ReplyOptions::default());
    let text = text.expect("a reply");
    assert!(text.contains("Looked at: 1 file in the top folder (") && !text.contains("Context: preemptible"), "{text}");
}

#[test]
fn nothing_to_say_is_no_mail() {
    let harmless = CLEAN.replace("\tg->count++;\n", "\tg->count += 1;\n");
    let mails = [mail("[PATCH] gadget: spell it out", "", &diff(FILE, CLEAN, &harmless))];
    assert_eq!(answer(CLEAN, &mails, &ReplyOptions::default()), None);
    let verbose = answer(CLEAN, &mails, &ReplyOptions { verbose: true, ..ReplyOptions::default() }).expect("a reply");
    let none = "No finding comes with this patch, and none stays in the functions that it\ntouches.\n\nLooked at: ";
    assert!(verbose.contains(none) && !verbose.contains(" wrote:"), "{verbose}");
    // What was there before is not the author's business.
    let (old, new) = (twice(&bad()), twice(&bad()).replace("\tg->count++;\n", "\tg->count += 1;\n"));
    assert_eq!(answer(&old, &[mail("[PATCH] gadget: spell it out", "", &diff(FILE, &old, &new))], &ReplyOptions::default()), None);
}

#[test]
fn a_defect_that_only_moves_and_a_sibling_are_worth_a_mail() {
    let moved = mail("[PATCH] gadget: fix sleeping under the lock", "", &diff(FILE, &bad(), &helper()));
    let text = answer(&bad(), &[moved], &ReplyOptions::default()).expect("a reply");
    assert!(text.contains("Still there, moved here from gadget_tick() (sleep-in-atomic"), "{text}");
    assert!(text.contains("only moved") && !text.contains("Reported-by"), "{text}");
    let (old, new) = (twice(&bad()), twice(CLEAN));
    let sibling = mail("[PATCH] gadget: fix sleeping in gadget_tick()", "", &diff(FILE, &old, &new));
    let text = answer(&old, &[sibling], &ReplyOptions::default()).expect("a reply");
    assert!(text.contains("Another function keeps the mistake that this patch mends:\n\n  - gadget_reset(), "), "{text}");
    assert!(!text.contains("This fixes"), "{text}");
}

#[test]
fn what_is_gone_with_a_patch_is_to_be_seen_without_it() {
    let verbose = ReplyOptions { verbose: true, ..ReplyOptions::default() };
    let mended = mail("[PATCH] gadget: fix sleeping under the lock", "", &diff(FILE, &bad(), CLEAN));
    let text = answer(&bad(), std::slice::from_ref(&mended), &verbose).expect("a reply");
    let recipe = "To see it, in the tree without this patch:\n\n    cuthere check --only sleep-in-atomic drivers/gadget\n";
    assert!(text.contains("This fixes (sleep-in-atomic") && text.contains(recipe), "{text}");
    // The tree that has the patch shows it no more.
    let text = answer(CLEAN, &[mended], &verbose).expect("a reply");
    assert!(text.contains("This fixes (sleep-in-atomic") && !text.contains("To see it"), "{text}");
    let (first, second) =
        (mail("[PATCH 1/2] gadget: count", "", &diff(FILE, CLEAN, &bad())), bad().replace("\tg->count = 0;\n", "\tg->count = 1;\n"));
    let second = mail(
        "[PATCH 2/2] gadget: fix sleeping",
        "",
        &diff(FILE, &bad(), &second.replace("\tmutex_lock(&g->config);\n\tg->ticks++;\n\tmutex_unlock(&g->config);\n", "\tg->ticks++;\n")),
    );
    let text = answer(CLEAN, &[first, second], &verbose).expect("replies");
    assert!(text.contains("To see it, in the tree, with patch 1 of the series saved in one file,\nseries.mbox:"), "{text}");
}

#[test]
fn several_patches_give_several_mails_in_one_mbox() {
    let other = "drivers/gadget/second.c";
    let first = mail("[PATCH 1/2] gadget: count", "", &diff(FILE, CLEAN, &bad()));
    let second = mail("[PATCH 2/2] gadget: count more", "", &diff(other, CLEAN, &bad()));
    let folder = Folder::new(&[(FILE, CLEAN), (other, CLEAN)]);
    let thread = thread(&[first, second]);
    let review = review(&thread, folder.tree(), &Fake, &Options::default()).expect("a tree");
    let text = reply(&review, &thread, &ReplyOptions::default()).expect("a reply");
    let back = read_thread(text.as_bytes(), Hint::Auto);
    let subjects: Vec<&str> = back.messages.iter().map(|m| m.subject.as_str()).collect();
    assert_eq!(subjects, ["Re: [PATCH 1/2] gadget: count", "Re: [PATCH 2/2] gadget: count more"]);
}

#[test]
fn hostile_text_cannot_begin_a_header_or_reach_a_terminal() {
    let evil = diff(FILE, CLEAN, &bad().replace("\tg->ticks++;\n", "\tg->ticks++; /* \u{1b}[2J \u{202e} */\n"));
    let subject = format!("[PATCH] gadget: {}", "very ".repeat(60));
    let text = answer(CLEAN, &[mail(&subject, "", &evil)], &ReplyOptions::default()).expect("a reply");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    let body = text.split_once("\n\n").expect("headers end").1;
    assert!(body.lines().all(|l| columns(l) <= 75), "{body}");
}
