//! Texts that are nearly mail or pages, changed at random: each gives a thread whose messages stand in order.

use cuthere_mail::{Hint, ReplyHeaders, read_thread};

const SEEDS: &[&str] = &[
    "From: A <a@example.org>\nTo: l@example.org\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <1@a>\nSubject: [PATCH v2 1/2] x: y\n\nWhy.\n\n\
     Fixes: 0123456789ab (\"a\nb\")\nSigned-off-by: A <a@example.org>\n---\n a.c | 2 +-\n\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-a\n+b\n-- \n2.39\n",
    "From a@b Mon Jan  1 00:00:00 2024\nFrom: A <a@b>\nSubject: =?utf-8?q?x=20y?=\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\n\
     Content-Transfer-Encoding: quoted-printable\n\na=3Db=\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nx\n--b--\n\nFrom c@d Mon Jan  1 00:00:01 2024\n\
     Subject: Re: x\nIn-Reply-To: <1@a>\nReferences: <0@a> <1@a>\n\nOn x, A wrote:\n> diff\n> --- a/a.c\n> +++ b/a.c\n> @@ -1 +1 @@\n> -a\n> +b\n",
    "<html><head><title>t</title></head><body><pre>From: A &lt;a@b&gt;\nSubject: x\n\n<a href=\"../1@a/\">permalink</a>\nbody\n</pre><script>x</script></body></html>",
    "Subject: x\nContent-Type: text/plain; charset=utf-16; format=flowed\nContent-Transfer-Encoding: base64\n\nYWJj\n",
];

const PIECES: &[&str] = &[
    "\n",
    "\n\n",
    "\r\n",
    "\n ",
    "<",
    ">",
    "</",
    "<!--",
    "-->",
    "<a href=",
    "<pre>",
    "&#0;",
    "&#x110000;",
    "&",
    "=",
    "=?",
    "?=",
    "?b?",
    "\"",
    "(",
    ")",
    ",",
    ";",
    ":",
    "@",
    "--b",
    "--b--\n",
    "\nFrom ",
    "\n>From ",
    "> ",
    "[PATCH ",
    "1/9999999999",
    "]",
    "\nMessage-ID: ",
    "\nReferences: ",
    "\n---\n",
    "\u{fffd}",
    "\0",
    "\x1b[2J",
];

#[test]
fn changed_mails_are_read() {
    cuthere_mutate::survive(SEEDS, PIECES, 6_000, |bytes| {
        for hint in [Hint::Auto, Hint::Message] {
            let thread = read_thread(bytes, hint);
            assert!(!thread.summary().contains('\x1b'));
            let count = thread.messages.len();
            assert!(thread.messages.iter().enumerate().all(|(n, m)| m.parent.is_none_or(|p| p != n && p < count)));
            if count > 0 {
                assert!(ReplyHeaders::new(&thread, count - 1, None).is_some());
            }
        }
    });
}
