//! Texts that are nearly patches, changed at random: they are read and laid over the text itself, and every hunk has its outcome.

use cuthere_tree::{ApplyOptions, apply, diff};

const SEEDS: &[&str] = &[
    "diff --git a/f.c b/f.c\nindex 1..2 100644\n--- a/f.c\n+++ b/f.c\n@@ -1,3 +1,3 @@ int f(void)\n a\n-b\n+c\n d\n",
    "diff --git a/n.c b/n.c\nnew file mode 100644\n--- /dev/null\n+++ b/n.c\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n",
    "diff --git a/o.c b/o.c\ndeleted file mode 100644\n--- a/o.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n-- \n2.39.2\n",
    "diff --git a/p.c b/q.c\nsimilarity index 90%\ncopy from p.c\ncopy to q.c\n--- a/p.c\n+++ b/q.c\n@@ -3,0 +4 @@\n+y\n",
    "diff --git \"a/\\303\\274 x.c\" \"b/\\303\\274 x.c\"\nrename from a\nrename to b\nGIT binary patch\nliteral 0\nHcmV?d00001\n\n",
    "> --- linux/f.c\t2020-01-01 10:00:00 +0100\n> +++ new/f.c\tMon Jan 6 10:00:00 2020\n> @@ -1 +1 @@\n> -a\n> +b\n",
];

const PIECES: &[&str] = &[
    "\n",
    "\n\n",
    " ",
    "+",
    "-",
    "@@",
    "@@ -1,4294967295 +1,2 @@\n",
    "@@ -18446744073709551615 +0,0 @@\n",
    "--- ",
    "+++ ",
    "/dev/null",
    "diff --git ",
    "\\ No newline\n",
    "a/",
    "../",
    "\"",
    "\t",
    "\r\n",
    "> ",
    "0",
    "99999999999",
    "-- \n",
    "\0",
];

#[test]
fn changed_patches_are_read_and_applied() {
    cuthere_mutate::survive(SEEDS, PIECES, 50_000, |bytes| {
        for file in diff::parse(bytes).files {
            for options in [ApplyOptions::default(), ApplyOptions { reverse: true, ..ApplyOptions::default() }] {
                let applied = apply::apply(&file.hunks, bytes, &options);
                assert_eq!(applied.hunks.len(), file.hunks.len());
            }
        }
    });
}
