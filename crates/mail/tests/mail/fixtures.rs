//! Mail written for these tests.

/// A patch's commit message and diff, two files, three hunks.
pub const PATCH_BODY: &str = "The queue is emptied while the timer may still run.

Stop the timer first.

Fixes: 0123456789ab (\"gadget: add a queue\")
Reported-by: Dora Example <dora@example.org>
Closes: https://lore.example.org/r/1
Signed-off-by: Ann Author <ann@example.org>
---
 v2: stop the timer in both places

 drivers/gadget/queue.c | 3 ++-
 1 file changed

";

pub const DIFF: &str = "diff --git a/drivers/gadget/queue.c b/drivers/gadget/queue.c
index 1111111..2222222 100644
--- a/drivers/gadget/queue.c
+++ b/drivers/gadget/queue.c
@@ -10,5 +10,6 @@ static void gadget_stop(struct gadget *g)
 \tstruct gadget_queue *q = g->queue;
 
+\ttimer_shutdown_sync(&g->timer);
 \tgadget_drain(q);
 \tg->queue = NULL;
 }
@@ -40,4 +41,4 @@ static void gadget_free(struct gadget *g)
 {
-\tkfree(g->queue);
+\tgadget_stop(g);
 \tkfree(g);
 }
diff --git a/drivers/gadget/queue.h b/drivers/gadget/queue.h
index 3333333..4444444 100644
--- a/drivers/gadget/queue.h
+++ b/drivers/gadget/queue.h
@@ -3,2 +3,3 @@
 struct gadget;
+void gadget_stop(struct gadget *g);
 void gadget_free(struct gadget *g);
";

pub fn header(id: &str, subject: &str, irt: &str) -> String {
    let irt = if irt.is_empty() { String::new() } else { format!("In-Reply-To: <{irt}>\nReferences: <{irt}>\n") };
    format!(
        "From: Ann Author <ann@example.org>\nTo: Maint Ainer <maint@example.org>\nCc: list@lists.example.org,\n\t\"Example, Bob\" <bob@example.org>\nSubject: {subject}\nDate: Tue, 2 Jan 2024 03:04:05 +0100\nMessage-ID: <{id}>\n{irt}\n"
    )
}

pub fn mbox(messages: &[String]) -> String {
    let escape = |m: &String| {
        m.lines()
            .map(|l| if l.trim_start_matches('>').starts_with("From ") { format!(">{l}\n") } else { format!("{l}\n") })
            .collect::<String>()
    };
    messages.iter().map(|m| format!("From mboxrd@z Thu Jan  1 00:00:00 1970\n{}\n", escape(m))).collect()
}

pub fn patch(id: &str, subject: &str, irt: &str) -> String {
    format!("{}{PATCH_BODY}{DIFF}-- \n2.43.0\n", header(id, subject, irt))
}

/// A series of two with cover letter, and a review of the second patch.
pub fn series() -> String {
    let cover = format!(
        "{}Two patches.\n\nbase-commit: 0123456789abcdef0123456789abcdef01234567\n",
        header("c@x", "[PATCH net-next v2 0/2] gadget: stop the timer", "")
    );
    let quoted: String = DIFF.lines().map(|l| format!("> {l}\n")).collect();
    let quoted = quoted.replace("> +\tgadget_stop(g);\n", "> +\tgadget_stop(g);\n\nDoes this sleep?\n\n");
    let reply = format!(
        "From: Bob Example <bob@example.org>\nTo: Ann Author <ann@example.org>\nCc: list@lists.example.org, ANN@example.org\nSubject: Re: [PATCH net-next v2 2/2] gadget: free late\nDate: Tue, 2 Jan 2024 05:04:05 +0000\nMessage-ID: <r@x>\nIn-Reply-To: <p2@x>\nReferences: <c@x> <p2@x>\n\nOn Tue, Ann wrote:\n{quoted}\nThanks\n"
    );
    mbox(&[
        cover,
        patch("p1@x", "[PATCH net-next v2 1/2] gadget: stop early", "c@x"),
        patch("p2@x", "[PATCH net-next v2 2/2] gadget: free late", "c@x"),
        reply,
    ])
}

/// A thread page as text, flat, with a nested quotation.
pub fn flat_page() -> String {
    let first = format!(
        "* [PATCH 1/1] gadget: stop early\n@ 2024-01-02  3:04 Ann Author\n  2024-01-02  5:04 ` Example, Bob\n  0 siblings, 1 reply; 3+ messages in thread\nFrom: Ann Author @ 2024-01-02  3:04 UTC (permalink / raw)\n  To: maint, list; +Cc: Example, Bob\n\n{PATCH_BODY}{DIFF}-- \n2.43.0\n\n\n^ permalink raw reply\t[flat|nested] 3+ messages in thread\n\n"
    );
    let reply = |name: &str, at: &str, answers: &str, text: &str| {
        format!(
            "* Re: [PATCH 1/1] gadget: stop early\n  {answers}\n@ {at} ` {name}\nFrom: {name} @ {at} UTC (permalink / raw)\n  To: Ann Author\n  Cc: maint, list\n\n{text}\n\n^ permalink raw reply\t[flat|nested] 3+ messages in thread\n\n"
        )
    };
    format!(
        "All of the archive\n help / color\n{first}{}{}end of thread, other threads:[~2024-01-02  6:00 UTC | newest]\n\nThread overview: 3+ messages (download: mbox.gz)\n-- links below jump to the message on this page --\n2024-01-02  3:04 [PATCH 1/1] gadget: stop early Ann Author\n2024-01-02  5:04 ` Example, Bob\n2024-01-02  5:30   ` Ann Author\n\nThis is an index.\n",
        reply(
            "Example, Bob",
            "2024-01-02  5:04",
            "2024-01-02  3:04 [PATCH 1/1] gadget: stop early Ann Author",
            "Looks right.\n\nOn Tue, Ann wrote:\n> > older\n> newer"
        ),
        reply("Ann Author", "2024-01-02  5:30", "2024-01-02  5:04 ` Example, Bob", "Thanks.")
    )
}

pub fn html_page() -> String {
    let escape = |t: &str| t.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<html><head><title>x</title><script>steal('<pre>')</script></head><body><pre><a href=\"..\">archive</a></pre><pre\nid=b>From: Ann Author &lt;ann@example.org&gt;\nTo: Maint &lt;maint@example.org&gt;\nSubject: [PATCH 1/2] gadget: stop early\nDate: Tue, 2 Jan 2024 03:04:05 +0100\t[<a href=\"#r\">thread overview</a>]\nMessage-ID: &lt;p1@x&gt; (<a href=raw>raw</a>)\nIn-Reply-To: &lt;<a href=\"../c@x/\">c@x</a>&gt;\n\n{}{}-- \n2.43.0\n\n</pre><hr><pre>next             reply\tother threads:[<a href=\"?t\">~2024</a>]\n\nThread overview: 2+ messages / expand\n2024-01-02  2:04 <a href=\"../c@x/\">[PATCH 0/2] gadget: Van Helsing</a> Ann Author\n2024-01-02  2:04 ` Ann Author [this message]\n</pre></body></html>",
        escape(PATCH_BODY),
        escape(DIFF)
    )
}

/// Every fixture, for tests that must hold for any input.
pub fn all() -> Vec<String> {
    vec![series(), patch("p@x", "[PATCH] x", ""), flat_page(), html_page(), format!("{PATCH_BODY}{DIFF}"), mime()]
}

pub fn mime() -> String {
    let encoded = "SGVsbG8sIHfDtnJsZC4K";
    format!(
        "From: =?utf-8?Q?J=C3=B6rg?= <j@example.org>\r\nTo: undisclosed-recipients:;\r\nSubject: =?iso-8859-1?Q?[PATCH_v3]_f=FCr?=\r\nDate: Tue, 2 Jan 2024 03:04:05 +0000\r\nMessage-ID: <m@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b\r\nContent-Type: text/x-patch; name=fix.patch\r\nContent-Disposition: attachment; filename=fix.patch\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n--b\r\nContent-Type: application/pgp-signature; name=s.asc\r\n\r\nx\r\n--b--\r\n",
        DIFF.replace('=', "=3D").replace('\t', "=09").replace('\n', "\r\n")
    )
}
