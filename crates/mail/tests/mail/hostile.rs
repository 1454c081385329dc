//! Hostile and torn input: bounded, said, and no panic.

use crate::fixtures::{all, header};
use cuthere_mail::{Hint, ReplyHeaders, limits, printable, read_thread};
use std::io::Write;

fn exercise(bytes: &[u8]) {
    for hint in [Hint::Auto, Hint::Message] {
        let thread = read_thread(bytes, hint);
        assert!(!thread.summary().contains('\x1b'));
        if !thread.messages.is_empty() {
            assert!(ReplyHeaders::new(&thread, thread.messages.len() - 1, None).is_some());
        }
        assert!(thread.messages.iter().enumerate().all(|(n, m)| m.parent.is_none_or(|p| p != n && p < thread.messages.len())));
    }
}

#[test]
fn every_fixture_torn_at_many_points() {
    for text in all() {
        let bytes = text.as_bytes();
        let step = (bytes.len() / 150).max(1);
        for end in (0..bytes.len()).step_by(step) {
            exercise(&bytes[..end]);
            exercise(&bytes[end..]);
        }
    }
}

#[test]
fn every_fixture_with_bytes_changed() {
    // A fixed linear congruence: the same changes each run.
    let mut seed = 12345u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize
    };
    for text in all() {
        for _ in 0..60 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..20 {
                let at = next() % bytes.len();
                bytes[at] = b"\n >+-@\0\xff:[]/\x1b="[next() % 14];
            }
            exercise(&bytes);
        }
    }
}

#[test]
fn a_gzip_bomb_is_cut() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let block = vec![b'a'; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&block).unwrap();
    }
    let thread = read_thread(&encoder.finish().unwrap(), Hint::Auto);
    assert!(thread.notes.iter().any(|n| n.text.contains("unpacks to more than")), "{:?}", thread.notes);
    assert!(thread.messages.iter().all(|m| m.body.len() <= limits::MAX_BODY));
}

#[test]
fn what_is_left_out_of_the_whole_is_said_first() {
    let undated = "From a@x Fri Nov 20 10:00:00 2026\nFrom: a@x\nSubject: s\n\nbody\n\n".repeat(limits::MAX_MESSAGES + 5);
    let thread = read_thread(undated.as_bytes(), Hint::Auto);
    assert_eq!(thread.notes[0].text, format!("only the first {} messages were read", limits::MAX_MESSAGES));
    assert_eq!(thread.notes.last().map(|n| n.text.as_str()), Some("further notes are left out"));
}

#[test]
fn floods_are_bounded() {
    let many_headers = format!("{}{}\n\nbody\n", header("a@x", "s", "").trim_end(), "\nX-Flood: y".repeat(100_000));
    let thread = read_thread(many_headers.as_bytes(), Hint::Auto);
    assert_eq!(thread.messages[0].body, "body\n");
    assert!(thread.notes.iter().any(|n| n.text.contains("only the first 256 KiB")), "{:?}", thread.notes);

    let nested: String = (0..50_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect();
    let thread = read_thread(format!("From: a@x\nMIME-Version: 1.0\n{nested}").as_bytes(), Hint::Auto);
    assert!(thread.notes.iter().any(|n| n.text.contains("nested MIME")), "{:?}", thread.notes);

    let inner = "Content-Type: message/rfc822\n\n".repeat(100_000);
    exercise(format!("From: a@x\nMIME-Version: 1.0\n{inner}").as_bytes());
    exercise(format!("From: a@x\nSubject: {}\n\n", "Re: ".repeat(100_000)).as_bytes());
    exercise(format!("From: a@x\nTo: {}\n\n", "a@b, ".repeat(40_000)).as_bytes());
    exercise("--- a\n+++ b\n".repeat(50_000).as_bytes());
    exercise("@@ -1,4000000000 +1,4000000000 @@\n x\n".repeat(20_000).as_bytes());
    exercise("> @@ -1,9 +1,9 @@\n>> x\n".repeat(20_000).as_bytes());
    exercise(format!("diff --git {}", "a b/".repeat(50_000)).as_bytes());
    exercise(">".repeat(1_000_000).as_bytes());
}

#[test]
fn a_long_chain_is_no_recursion() {
    let mails: String = (0..5_000)
        .rev()
        .map(|n| {
            format!("From mboxrd@z Thu Jan  1 00:00:00 1970\nMessage-ID: <{n}@x>\nIn-Reply-To: <{}@x>\nSubject: s\n\nx\n\n", n as i64 - 1)
        })
        .collect();
    let thread = read_thread(mails.as_bytes(), Hint::Auto);
    assert_eq!(thread.messages.iter().map(|m| m.depth).max(), Some(4_999));
    let circle = mails.replace("<-1@x>", "<4999@x>");
    let thread = read_thread(circle.as_bytes(), Hint::Auto);
    assert_eq!(thread.messages.iter().filter(|m| m.parent.is_none()).count(), 1);
}

#[test]
fn escapes_and_header_tricks_do_nothing() {
    let mail = header("a@x", "[PATCH] \x1b[31mred\u{202e}", "").replace("Ann Author", "\"Ann\x1b]0;t\x07\"");
    let thread = read_thread(format!("{mail}x\x1b[2J\n").as_bytes(), Hint::Auto);
    assert!(!thread.summary().contains(['\x1b', '\x07', '\u{202e}']));
    assert_eq!(printable(&thread.messages[0].body), "x\\x1b[2J\n");
    let reply = ReplyHeaders::new(&thread, 0, None).unwrap().to_text();
    assert!(!reply.contains('\x1b'));
    let html = "<html><body><script>while(1){}</script><iframe src=x>y</iframe><img src=x onerror=z>text</body></html>";
    assert_eq!(read_thread(html.as_bytes(), Hint::Auto).messages[0].body.trim(), "text");
}
