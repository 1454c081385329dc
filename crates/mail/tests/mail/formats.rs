//! The formats: what each gives for the same mail.

use crate::fixtures::{DIFF, PATCH_BODY, all, flat_page, header, html_page, mbox, mime, patch, series};
use cuthere_mail::{Hint, ReplyHeaders, SourceKind, Thread, read_messages, read_thread};
use std::io::Write;

fn read(text: &str) -> Thread {
    read_thread(text.as_bytes(), Hint::Auto)
}

#[test]
fn the_same_patch_from_every_format() {
    let plain = patch("p@x", "[PATCH 1/1] gadget: stop early", "");
    let formats = [
        (plain.clone(), SourceKind::Eml),
        (plain.replace('\n', "\r\n"), SourceKind::Eml),
        (mbox(std::slice::from_ref(&plain)), SourceKind::Mbox),
        (format!("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n{plain}"), SourceKind::Mbox),
        (format!("{PATCH_BODY}{DIFF}"), SourceKind::Diff),
        (DIFF.to_string(), SourceKind::Diff),
        (flat_page(), SourceKind::ArchiveText),
        (html_page(), SourceKind::ArchiveHtml),
    ];
    for (text, kind) in formats {
        let thread = read(&text);
        assert_eq!(thread.source_kind, kind);
        assert_eq!(thread.series.len(), 1, "{kind:?}: {:?}", thread.notes);
        let patch = &thread.series[0].patches[0];
        assert_eq!(patch.diff[0].text, DIFF, "{kind:?}");
        assert_eq!((patch.hunks, patch.diff[0].files.len()), (3, 2));
        assert!(patch.diff[0].damage.is_empty(), "{kind:?}: {:?}", patch.diff[0].damage);
        if text != DIFF {
            assert_eq!(patch.trailers.len(), 4, "{kind:?}");
            assert_eq!(patch.fixes[0].commit, "0123456789ab");
        }
    }
}

#[test]
fn gzip_is_undone_even_when_torn() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(series().as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let whole = read_thread(&bytes, Hint::Auto);
    assert_eq!(whole.messages, read(&series()).messages);
    let torn = read_thread(&bytes[..bytes.len() - 20], Hint::Auto);
    assert!(torn.notes.iter().any(|n| n.text.contains("gzip data is damaged")), "{:?}", torn.notes);
}

#[test]
fn a_flat_page_gives_tree_names_and_overview() {
    let thread = read(&flat_page());
    assert_eq!(thread.messages.len(), 3);
    assert_eq!(thread.messages.iter().map(|m| m.parent).collect::<Vec<_>>(), [None, Some(0), Some(1)]);
    assert_eq!(thread.messages.iter().map(|m| m.to.len() + m.cc.len()).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!(thread.messages[0].cc[0].name.as_deref(), Some("Example, Bob"));
    assert!(thread.messages[1].body.ends_with("> > older\n> newer\n"));
    assert_eq!((thread.overview.len(), thread.claimed), (3, Some(3)));
    assert!(thread.notes.iter().any(|n| n.text.contains("no Message-ID for 3")));
}

#[test]
fn a_nested_page_may_be_indented() {
    let flat = flat_page();
    let nested: String = flat
        .lines()
        .scan(0, |depth, line| {
            *depth = if line.starts_with("* Re:") || line.starts_with("end of thread") { *depth + 2 } else { *depth };
            let pad = if line.contains("end of thread") || line.starts_with("Thread") || line.starts_with("20") { 0 } else { *depth };
            Some(format!("{}{line}\n", " ".repeat(pad)))
        })
        .collect();
    let (a, b) = (read(&flat), read(&nested));
    assert_eq!(a.messages.iter().map(|m| &m.body).collect::<Vec<_>>(), b.messages.iter().map(|m| &m.body).collect::<Vec<_>>());
    assert_eq!(a.series, b.series);
}

#[test]
fn a_page_squeezed_in_copying_keeps_its_tree() {
    let squeezed: String = flat_page()
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|l| !l.is_empty())
        .map(|l| l + "\n")
        .collect();
    let thread = read(&squeezed);
    assert_eq!(thread.messages.iter().map(|m| m.parent).collect::<Vec<_>>(), [None, Some(0), Some(1)]);
    assert_eq!(thread.messages.iter().map(|m| m.to.len() + m.cc.len()).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!((thread.series[0].patches[0].hunks, thread.messages[2].body.as_str()), (3, "Thanks.\n"));
    assert!(thread.notes.iter().any(|n| n.text.contains("squeezed")));
}

#[test]
fn an_html_page_knows_ids_and_authors_from_links() {
    let thread = read(&html_page());
    let message = &thread.messages[0];
    assert_eq!((message.id.as_str(), message.in_reply_to.as_deref()), ("p1@x", Some("c@x")));
    assert_eq!(message.date.as_deref(), Some("2024-01-02T03:04:05+01:00"));
    assert!(!thread.messages[0].body.contains("steal"));
    assert_eq!(thread.overview[0].author, "Ann Author");
    assert_eq!(thread.overview[0].subject, "[PATCH 0/2] gadget: Van Helsing");
    assert_eq!(thread.overview[1].message, Some(0));
    assert_eq!(thread.series[0].missing, [2]);
}

#[test]
fn a_flat_html_page_has_ids_in_its_permalinks() {
    let html: String =
        flat_page().replace('&', "&amp;").replace('<', "&lt;").replace("(permalink", "(<a href=\"../a%2Bb@x/\">permalink</a>");
    let thread = read(&format!("<html><body><pre>{html}</pre></body></html>"));
    assert_eq!(thread.source_kind, SourceKind::ArchiveHtml);
    assert_eq!(thread.messages[0].id, "a+b@x");
}

#[test]
fn mime_parts_and_encoded_headers() {
    let thread = read(&mime());
    let message = &thread.messages[0];
    assert_eq!(message.from.name.as_deref(), Some("Jörg"));
    assert_eq!(message.subject, "[PATCH v3] für");
    assert_eq!(message.body, "Hello, wörld.\n");
    assert_eq!(message.attachments.len(), 2);
    assert!(message.text().contains("gadget_drain"));
    let patch = &thread.series[0].patches[0];
    assert_eq!((patch.version, patch.hunks, patch.diff[0].attachment), (3, 3, Some(0)));
    assert_eq!(patch.diff[0].text, DIFF);
}

#[test]
fn flowed_text_is_put_together() {
    let text = header("f@x", "[PATCH] x", "").replace("\n\n", "\nMIME-Version: 1.0\nContent-Type: text/plain; format=flowed\n\n");
    let stuffed: String = DIFF.lines().map(|l| if l.starts_with(' ') { format!(" {l}\n") } else { format!("{l}\n") }).collect();
    let broken = stuffed.replace("+void gadget_stop(struct gadget *g);", "+void gadget_stop(struct \ngadget *g);");
    let thread = read(&format!("{text}A line \nthat goes on.\n\n{broken}"));
    assert!(thread.messages[0].body.starts_with("A line that goes on.\n"));
    // The empty context line ends in a blank, which flowed text cannot carry.
    let diff = &thread.series[0].patches[0].diff[0];
    assert!(diff.text.contains("+void gadget_stop(struct gadget *g);\n"));
    assert_eq!(diff.hunks, 3);
}

#[test]
fn copies_missing_parents_and_circles_are_said() {
    let a = patch("a@x", "[PATCH] one", "b@x");
    let b = format!("{}text\n", header("b@x", "Re: two", "a@x"));
    let c = format!("{}text\n", header("c@x", "Re: gone", "nowhere@x"));
    let thread = read(&mbox(&[a.clone(), b, c, a]));
    assert_eq!(thread.messages.len(), 3);
    assert_eq!(thread.messages[0].duplicates, 1);
    assert!(thread.notes.iter().any(|n| n.text.contains("circle")));
    assert!(thread.notes.iter().any(|n| n.text.contains("<nowhere@x>, is not in the input")));
    let roots = thread.messages.iter().filter(|m| m.parent.is_none()).count();
    assert_eq!(roots, 2);
}

#[test]
fn a_reply_goes_to_everybody_once() {
    let thread = read(&series());
    let reply = ReplyHeaders::new(&thread, 3, None).unwrap();
    assert_eq!(reply.to.iter().map(|a| a.header()).collect::<Vec<_>>(), ["Bob Example <bob@example.org>"]);
    assert_eq!(reply.cc.iter().map(|a| a.header()).collect::<Vec<_>>(), ["Ann Author <ann@example.org>", "list@lists.example.org"]);
    assert_eq!(reply.in_reply_to.as_deref(), Some("r@x"));
    assert_eq!(reply.references, ["c@x", "p2@x", "r@x"]);
    assert_eq!(reply.subject, "Re: [PATCH net-next v2 2/2] gadget: free late");
    let own = ReplyHeaders::new(&thread, 1, Some("BOB@example.org")).unwrap();
    assert!(own.cc.iter().all(|a| a.email.as_deref() != Some("bob@example.org")));
    assert!(own.subject.starts_with("Re: [PATCH"));
    assert!(reply.to_text().lines().all(|l| l.len() <= 78), "{}", reply.to_text());
}

#[test]
fn folders_and_repositories_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for sub in ["cur", "new", "tmp"] {
        std::fs::create_dir(folder.path().join(sub)).unwrap();
    }
    std::fs::write(folder.path().join("cur/1"), patch("p1@x", "[PATCH 1/2] one", "")).unwrap();
    std::fs::write(folder.path().join("new/2"), patch("p2@x", "[PATCH 2/2] two", "p1@x")).unwrap();
    let thread = cuthere_mail::source::read_path(folder.path()).unwrap();
    assert_eq!((thread.source_kind, thread.messages.len(), thread.series[0].patches.len()), (SourceKind::Maildir, 2, 2));
    let blobs = [patch("p1@x", "[PATCH 1/2] one", ""), patch("p2@x", "[PATCH 2/2] two", "p1@x")];
    assert_eq!(read_messages(&blobs, SourceKind::Maildir, Hint::Message).series, thread.series);
    assert!(cuthere_mail::source::read_path(&folder.path().join("none")).unwrap_err().to_string().contains("none"));
}

#[test]
fn public_inbox_repositories_of_both_layouts() {
    let git = |dir: &std::path::Path, args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.current_dir(dir).args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().is_ok_and(|o| o.status.success())
    };
    let folder = tempfile::tempdir().unwrap();
    if !git(folder.path(), &["--version"]) {
        println!("skipped: no git to make a repository with");
        return;
    }
    let mails = [patch("p1@x", "[PATCH 1/2] one", ""), patch("p2@x", "[PATCH 2/2] two", "p1@x")];
    // v2: one commit per message, in git/0.git.
    let work = folder.path().join("v2");
    std::fs::create_dir_all(work.join("git")).unwrap();
    assert!(git(&work, &["init", "-q", "w"]));
    for mail in &mails {
        std::fs::write(work.join("w/m"), mail).unwrap();
        assert!(git(&work.join("w"), &["add", "m"]) && git(&work.join("w"), &["commit", "-q", "-m", "x"]));
    }
    assert!(git(&work, &["clone", "-q", "--bare", "w", "git/0.git"]));
    // v1: one file per message.
    let first = folder.path().join("v1");
    std::fs::create_dir_all(first.join("ab")).unwrap();
    assert!(git(&first, &["init", "-q", "."]));
    for (nth, mail) in mails.iter().enumerate() {
        std::fs::write(first.join(format!("ab/{nth}cdef")), mail).unwrap();
    }
    assert!(git(&first, &["add", "ab"]) && git(&first, &["commit", "-q", "-m", "x"]));
    for path in [work, first] {
        let thread = cuthere_mail::source::read_path(&path).unwrap();
        let ids: Vec<&str> = thread.messages.iter().map(|m| m.id.as_str()).collect();
        assert_eq!(thread.source_kind, SourceKind::PublicInbox);
        assert!(ids.contains(&"p1@x") && ids.contains(&"p2@x") && ids.len() == 2, "{ids:?}");
        assert_eq!(thread.series[0].patches.len(), 2);
    }
}

#[test]
fn an_index_line_and_what_follows_it_are_one_file() {
    let heads = ["", "diff --git a/a.c b/a.c\n", "diff -Nurp old/a.c new/a.c\n"];
    let text: String = heads
        .iter()
        .map(|head| format!("Index: b/a.c\n{}\n{head}--- a/a.c\n+++ b/a.c\n@@ -1,1 +1,1 @@\n-int a;\n+int b;\n", "=".repeat(67)))
        .collect();
    for all in [text.clone(), patch("q@x", "[PATCH] gadget: quilted", "").replace(DIFF, &text)] {
        let diff = &read(&all).series[0].patches[0].diff[0];
        assert_eq!(diff.files.len(), heads.len(), "{:?}", diff.files);
        assert!(diff.files.iter().all(|f| f.new.as_deref() == Some("a.c") && f.hunks == 1), "{:?}", diff.files);
    }
}

#[test]
fn json_has_the_documented_names() {
    let value = serde_json::to_value(read(&series())).unwrap();
    for name in ["id", "from", "date", "subject", "in_reply_to", "references", "to", "cc", "duplicates", "parent", "depth"] {
        assert!(value["messages"][0].get(name).is_some(), "{name}");
    }
    assert_eq!(value["series"][0]["version"], 2);
    assert_eq!(value["series"][0]["patches"][1]["hunks"], 3);
    assert!(all().iter().all(|text| !read(text).summary().contains('\x1b')));
}
