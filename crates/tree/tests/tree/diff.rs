//! The parser: all forms of headers, and what mail does to hunks.

use cuthere_tree::diff::{FileDiff, FileKind, LineKind, parse};

fn one(text: &str) -> FileDiff {
    let mut files = parse(text.as_bytes()).files;
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn names(file: &FileDiff) -> (Option<&str>, Option<&str>) {
    (file.old_path.as_deref(), file.new_path.as_deref())
}

#[test]
fn gits_headers_are_read() {
    let text = "From: A <a@example.org>\nSubject: x\n\nWhy.\n---\n f.c | 2 +-\n\n\
        diff --git a/f.c b/f.c\nindex 1..2 100644\n--- a/f.c\n+++ b/f.c\n@@ -1 +1 @@ int f(void)\n-a\n+b\n\
        diff --git a/new.c b/new.c\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+x\n\
        diff --git a/old.c b/old.c\ndeleted file mode 100644\nindex 1..0\n--- a/old.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
        diff --git a/p.c b/q.c\nsimilarity index 100%\nrename from p.c\nrename to q.c\n\
        diff --git a/s.sh b/s.sh\nold mode 100644\nnew mode 100755\n\
        diff --git a/p.c b/r.c\nsimilarity index 90%\ncopy from p.c\ncopy to r.c\nindex 1..2\n--- a/p.c\n+++ b/r.c\n@@ -3,0 +4 @@\n+y\n\
        diff --git a/empty.h b/empty.h\nnew file mode 100644\nindex 0..0\n\
        -- \n2.39.2\n";
    let diff = parse(text.as_bytes());
    assert_eq!(diff.notes, []);
    let seen: Vec<_> = diff.files.iter().map(|file| (file.kind, names(file), file.hunks.len())).collect();
    assert_eq!(
        seen,
        [
            (FileKind::Modify, (Some("a/f.c"), Some("b/f.c")), 1),
            (FileKind::Create, (None, Some("b/new.c")), 1),
            (FileKind::Delete, (Some("a/old.c"), None), 1),
            (FileKind::Rename, (Some("p.c"), Some("q.c")), 0),
            (FileKind::Modify, (Some("a/s.sh"), Some("b/s.sh")), 0),
            (FileKind::Copy, (Some("p.c"), Some("r.c")), 1),
            (FileKind::Create, (None, Some("b/empty.h")), 0),
        ]
    );
    assert_eq!(diff.files[0].hunks[0].section, "int f(void)");
    assert_eq!((diff.files[0].hunks[0].old_count(), diff.files[0].hunks[0].line), (1, 12));
}

#[test]
fn names_come_quoted_and_with_time_stamps() {
    let body = "@@ -1 +1 @@\n-a\n+b\n";
    let quoted = one(&format!(
        "diff --git \"a/\\303\\274 \\\"x\\\".c\" \"b/\\303\\274 \\\"x\\\".c\"\n--- \"a/\\303\\274 \\\"x\\\".c\"\n+++ \"b/\\303\\274 \\\"x\\\".c\"\n{body}"
    ));
    assert_eq!(names(&quoted), (Some("a/ü \"x\".c"), Some("b/ü \"x\".c")));
    let tab = one(&format!("--- linux/f.c\t2020-01-01 10:00:00.000 +0100\n+++ new/f.c\tMon Jan  6 10:00:00 2020\n{body}"));
    assert_eq!(names(&tab), (Some("linux/f.c"), Some("new/f.c")));
    let blanks = one(&format!("--- linux/f.c     2020-01-01 10:00:00\n+++ new/f.c     Mon Jan  6 10:00:00 2020\n{body}"));
    assert_eq!(names(&blanks), (Some("linux/f.c"), Some("new/f.c")));
    let blank = one("diff --git a/a b.c b/a b.c\nold mode 100644\nnew mode 100755\n");
    assert_eq!(names(&blank), (Some("a/a b.c"), Some("b/a b.c")));
    let epoch = one("--- a/n.c\t1970-01-01 00:00:00.000000000 +0000\n+++ b/n.c\t2020-01-01 10:00:00\n@@ -0,0 +1 @@\n+x\n");
    assert_eq!((epoch.kind, names(&epoch)), (FileKind::Create, (None, Some("b/n.c"))));
}

#[test]
fn wrapped_and_stripped_lines_are_repaired_and_noted() {
    let text = "--- a/f.c\n+++ b/f.c\n@@ -1,4 +1,4 @@\n static int a_function_with_a_long_name(struct first_argument *first,\nstruct second *s)\n {\n\n-\ta\n+\tb\n";
    let diff = parse(text.as_bytes());
    let hunk = &diff.files[0].hunks[0];
    assert_eq!((hunk.old_count(), hunk.new_count()), (4, 4));
    assert!(hunk.lines[0].damaged && hunk.lines[0].text.ends_with(b"*first, struct second *s)"));
    assert_eq!((hunk.lines[2].kind, hunk.lines[2].text.len()), (LineKind::Context, 0));
    assert!(diff.notes.iter().any(|note| note.line == 5 && note.text.contains("wrapped")), "{:?}", diff.notes);
    let lost = parse(b"--- a/f.c\n+++ b/f.c\n@@ -1,3 +1,2 @@\n{\n-\ta\n\treturn;\n");
    assert_eq!(lost.files[0].hunks[0].old_count(), 3);
    assert!(lost.files[0].hunks[0].lines[2].damaged);
}

#[test]
fn cut_and_miscounted_hunks_are_kept_and_noted() {
    let cut = parse(b"--- a/f.c\n+++ b/f.c\n@@ -1,9 +1,9 @@\n a\n-b\n+c\n\n\n-- \n2.1\n");
    assert_eq!(cut.files[0].hunks[0].lines.len(), 3);
    assert!(cut.notes.iter().any(|note| note.text.contains("cut short")));
    let long = parse(b"--- a/f.c\n+++ b/f.c\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n+d\n-- \n2.1\n");
    assert_eq!(long.files[0].hunks[0].new_count(), 3);
    assert!(long.notes.iter().any(|note| note.text.contains("header says 2 and 2 lines, the body has 2 and 3")));
    let bare = parse(b"--- a/f.c\n+++ b/f.c\n@@ ... @@\n a\n-b\n\nBye\n");
    assert_eq!((bare.files[0].hunks[0].old_start, bare.files[0].hunks[0].lines.len()), (None, 2));
    let boundary = parse(b"--- a/f.c\n+++ b/f.c\n@@ -1 +1 @@\n-b\n+c\n--0000b5gN--\n");
    assert_eq!((boundary.files[0].hunks[0].lines.len(), boundary.notes.len()), (2, 0));
}

#[test]
fn what_is_not_read_is_noted() {
    for text in ["@@@ -1,2 -1,2 +1,2 @@@\n", "*** a/f.c\n--- b/f.c\n***************\n*** 1,2 ****\n"] {
        let diff = parse(text.as_bytes());
        assert!(diff.files.is_empty() && diff.notes.len() == 1, "{diff:?}");
    }
    let binary = parse(b"diff --git a/x.bin b/x.bin\nindex 1..2 100644\nBinary files a/x.bin and b/x.bin differ\n");
    assert!(binary.files[0].binary);
    // A submodule's new revision is no text of this tree.
    let text = b"diff --git a/lib b/lib\nindex 1..2 160000\n--- a/lib\n+++ b/lib\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\ndiff --git a/x.c b/x.c\nindex 1..2 100644\n--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-a\n+b\n";
    let linked = parse(text);
    assert!(linked.files[0].binary && linked.files[0].hunks.is_empty());
    assert_eq!((linked.files[1].binary, linked.files[1].hunks.len()), (false, 1));
    assert_eq!(parse(b""), Default::default());
    assert_eq!(parse(b"@@ -1 +1 @@\n-a\n+b\n").files[0].hunks.len(), 1);
}

#[test]
fn no_text_makes_it_panic() {
    let seed = b"diff --git \"a/\\3\" b/x\n--- a/f.c\t19\n+++ b/f.c\n@@ -1,3 +1,9999999999 @@\n a\r\n\\ No\n-b\n+c\n\xff\n@@ -4294967295,2 +0 @@\n-\n-- \n@@\n";
    let mut state = 1u64;
    for _ in 0..3000 {
        let mut text = seed.to_vec();
        for _ in 0..4 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (at, with) = ((state >> 33) as usize % text.len(), (state >> 20) as usize % seed.len());
            match state % 3 {
                0 => text[at] = seed[with],
                1 => drop(text.remove(at)),
                _ => text.truncate(at.max(8)),
            }
        }
        for file in parse(&text).files {
            let all: usize = file.hunks.iter().map(|hunk| hunk.lines.len()).sum();
            assert!(all <= text.len());
            let applied = cuthere_tree::apply::apply(&file.hunks, b"a\nb\n", &Default::default());
            assert_eq!(applied.hunks.len(), file.hunks.len());
        }
    }
}
