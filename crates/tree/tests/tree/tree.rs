//! Listing folders and laying patches over them.

use cuthere_tree::{
    ApplyOptions, FailReason, HunkResult, OpenOptions, PatchOutcome, PatchText, SkipReason, Tree, TreeError, find_kernel_root,
};
use std::fs;
use std::path::Path;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, content).expect("written");
    }
    folder
}

fn open(root: &Path) -> Tree {
    Tree::open_dir(root, &OpenOptions::default()).expect("opens")
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.paths().iter().map(|path| &**path).collect()
}

fn content(tree: &Tree, path: &str) -> String {
    let id = tree.find(path).unwrap_or_else(|| panic!("{path} is listed"));
    String::from_utf8(tree.read(id).expect("reads").into_owned()).expect("UTF-8")
}

fn lay(tree: Tree, patch: &str) -> (Tree, PatchOutcome) {
    let (tree, mut outcomes) = tree.with_patches(&[PatchText::new("p", patch)]).expect("lays");
    (tree, outcomes.remove(0))
}

#[test]
fn files_are_sorted_bytewise_and_only_c() {
    let folder = folder(&[
        ("a/b.c", "1"),
        ("a-b.c", "22"),
        ("a.c", "333"),
        ("Makefile", "x"),
        (".git/x.c", ""),
        ("B.h", ""),
        ("z.txt", ""),
        ("r.h_shipped", "4"),
    ]);
    let tree = open(folder.path());
    assert_eq!(paths(&tree), ["B.h", "a-b.c", "a.c", "a/b.c", "r.h_shipped"]);
    assert_eq!((tree.len(), tree.is_kernel(), tree.skipped()), (5, false, &[][..]));
    let id = tree.find("a.c").expect("found");
    assert_eq!((id.0, tree.path(id), tree.size_hint(id)), (2, "a.c", 3));
    assert_eq!(content(&tree, "r.h"), "4");
    assert_eq!(tree.read_path("Makefile").expect("reads").as_deref(), Some(&b"x"[..]));
    assert!(tree.read_path("none").expect("no error").is_none());
    assert!(matches!(tree.read_path("../x"), Err(TreeError::Refused { .. })));
    assert!(matches!(tree.read(cuthere_base::FileId(99)), Err(TreeError::NoSuchFile { index: 99, len: 5 })));
}

#[test]
fn a_part_or_a_single_file_can_be_opened() {
    let folder = folder(&[("net/a.c", ""), ("net/b/c.c", ""), ("network/d.c", ""), ("e.c", "")]);
    let only = |only: &[&str]| {
        let options = OpenOptions { only: only.iter().map(|path| path.to_string()).collect(), ..OpenOptions::default() };
        Tree::open_dir(folder.path(), &options).expect("opens")
    };
    assert_eq!(paths(&only(&["net/b", "./net/", "e.c"])), ["e.c", "net/a.c", "net/b/c.c"]);
    let missing = only(&["nope"]);
    assert_eq!((missing.len(), &missing.skipped()[0].reason), (0, &SkipReason::Missing));
    assert_eq!(paths(&open(&folder.path().join("net/a.c"))), ["a.c"]);
    assert!(matches!(Tree::open_dir(&folder.path().join("nope"), &OpenOptions::default()), Err(TreeError::Open { .. })));
}

#[test]
fn large_files_are_named_and_vanished_ones_are_errors() {
    let folder = folder(&[("big.c", "12345678901"), ("gone.c", "x"), ("grown.c", "x")]);
    let options = OpenOptions { max_file: 10, ..OpenOptions::default() };
    let tree = Tree::open_dir(folder.path(), &options).expect("opens");
    assert_eq!(paths(&tree), ["gone.c", "grown.c"]);
    assert_eq!((tree.skipped()[0].path.as_str(), &tree.skipped()[0].reason), ("big.c", &SkipReason::TooLarge(11)));
    fs::remove_file(folder.path().join("gone.c")).expect("removed");
    fs::write(folder.path().join("grown.c"), "12345678901").expect("written");
    let read = |path: &str| tree.read(tree.find(path).expect("listed"));
    assert!(matches!(read("gone.c"), Err(TreeError::Read { .. })));
    assert!(matches!(read("grown.c"), Err(TreeError::TooLarge { size: 11, limit: 10, .. })));
}

#[cfg(unix)]
#[test]
fn links_names_and_special_files_are_told_apart() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    let outside = folder(&[("secret.c", "secret")]);
    let folder = folder(&[("d/real.c", "real"), ("text", "text"), ("locked/x.c", "")]);
    let root = folder.path();
    for (target, link) in [
        ("d/real.c", "alias.c"),
        ("..", "d/up"),
        ("loop2", "loop1"),
        ("loop1", "loop2"),
        ("nothing.c", "broken.c"),
        ("text", "text1.c"),
        ("text", "text2.c"),
        ("d", "dir.c"),
    ] {
        symlink(target, root.join(link)).expect("linked");
    }
    symlink(outside.path().join("secret.c"), root.join("leak.c")).expect("linked");
    symlink(outside.path(), root.join("leakdir")).expect("linked");
    fs::write(root.join(OsStr::from_bytes(b"bad\xff.c")), "").expect("written");
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.c")).expect("bound");
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o000)).expect("locked");
    // A privileged user reads everything.
    let privileged = fs::read_dir(root.join("locked")).is_ok();
    let tree = open(root);
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o700)).expect("unlocked");

    let mut expected = vec!["d/real.c"];
    expected.extend(privileged.then_some("locked/x.c"));
    expected.push("text1.c");
    assert_eq!(paths(&tree), expected);
    assert_eq!(tree.find("alias.c"), tree.find("d/real.c"));
    assert_eq!(tree.find("text2.c"), tree.find("text1.c"));
    assert_eq!(content(&tree, "text2.c"), "text");
    let skipped: Vec<_> = tree.skipped().iter().filter(|skipped| skipped.path != "locked").map(|s| (s.path.as_str(), &s.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("bad\u{fffd}.c", &SkipReason::NotUtf8),
            ("broken.c", &SkipReason::LinkBroken),
            ("leak.c", &SkipReason::LinkOutside),
            ("leakdir", &SkipReason::LinkOutside),
            ("loop1", &SkipReason::LinkLoop),
            ("loop2", &SkipReason::LinkLoop),
            ("socket.c", &SkipReason::NotRegular),
        ]
    );
    let unreadable = tree.skipped().iter().any(|s| s.path == "locked" && matches!(s.reason, SkipReason::Unreadable(_)));
    assert_ne!(unreadable, privileged);
    assert!(matches!(tree.read_path("leak.c"), Err(TreeError::Refused { .. })));
    let (patched, outcome) = lay(tree, "--- a/leakdir/secret.c\n+++ b/leakdir/secret.c\n@@ -1 +1 @@\n-secret\n+x\n");
    assert!(!outcome.is_clean());
    assert_eq!(patched.patched().count(), 0);
}

#[test]
fn a_kernel_tree_is_known_from_inside() {
    let folder = folder(&[("Kbuild", ""), ("MAINTAINERS", ""), ("net/core/dev.c", "")]);
    let root = folder.path().canonicalize().expect("real");
    assert_eq!(find_kernel_root(&folder.path().join("net/core")), Some(root.clone()));
    assert_eq!(find_kernel_root(&folder.path().join("net/core/dev.c")), Some(root));
    assert_eq!(find_kernel_root(Path::new("/")), None);
    assert!(open(folder.path()).is_kernel());
    assert!(!open(&folder.path().join("net")).is_kernel());
}

const SERIES: &str = "diff --git a/x/a.c b/x/a.c\n--- a/x/a.c\n+++ b/x/a.c\n@@ -1,2 +1,3 @@\n one\n+two\n three\n\
    diff --git a/x/b.c b/x/b.c\ndeleted file mode 100644\n--- a/x/b.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n\
    diff --git a/x/0.c b/x/0.c\nnew file mode 100644\n--- /dev/null\n+++ b/x/0.c\n@@ -0,0 +1 @@\n+new\n\
    diff --git a/x/m.c b/y/m.c\nrename from x/m.c\nrename to y/m.c\n--- a/x/m.c\n+++ b/y/m.c\n@@ -1 +1 @@\n-m\n+n\n\
    diff --git a/Kconfig b/Kconfig\n--- a/Kconfig\n+++ b/Kconfig\n@@ -1 +1 @@\n-k\n+l\n\
    diff --git a/x/c.c b/x/d.c\ncopy from x/c.c\ncopy to x/d.c\n";

fn series_folder() -> tempfile::TempDir {
    folder(&[("x/a.c", "one\nthree\n"), ("x/b.c", "gone\n"), ("x/m.c", "m\n"), ("Kconfig", "k\n"), ("x/c.c", "c\n")])
}

#[test]
fn patches_change_the_list_and_nothing_on_disk() {
    let folder = series_folder();
    let before = open(folder.path());
    let (tree, outcome) = lay(before.clone(), SERIES);
    assert!(outcome.is_clean(), "{outcome:?}");
    assert_eq!(outcome.hunk_counts(), (5, 5));
    assert_eq!(paths(&tree), ["x/0.c", "x/a.c", "x/c.c", "x/d.c", "y/m.c"]);
    assert_eq!(
        (content(&tree, "x/a.c"), content(&tree, "x/0.c"), content(&tree, "y/m.c")),
        ("one\ntwo\nthree\n".into(), "new\n".into(), "n\n".into())
    );
    assert_eq!(tree.read_path("Kconfig").expect("reads").as_deref(), Some(&b"l\n"[..]));
    assert_eq!(tree.patched().collect::<Vec<_>>(), ["Kconfig", "x/0.c", "x/a.c", "x/b.c", "x/d.c", "x/m.c", "y/m.c"]);
    assert_eq!(paths(&before), ["x/a.c", "x/b.c", "x/c.c", "x/m.c"]);
    assert_eq!(paths(&open(folder.path())), paths(&before));
    assert_eq!(fs::read(folder.path().join("x/a.c")).expect("reads"), b"one\nthree\n");

    // Again: everything is in.
    let (again, outcome) = lay(tree.clone(), SERIES);
    assert_eq!(paths(&again), paths(&tree));
    let results: Vec<_> = outcome.files.iter().flat_map(|file| &file.hunks).map(|hunk| &hunk.result).collect();
    assert!(results.iter().filter(|result| matches!(result, HunkResult::AlreadyApplied { .. })).count() >= 3, "{results:?}");

    // Undone: as before.
    let undo = PatchText { options: ApplyOptions { reverse: true, ..ApplyOptions::default() }, ..PatchText::new("p", SERIES) };
    let (back, outcomes) = tree.with_patches(&[undo]).expect("lays");
    assert!(outcomes[0].is_clean(), "{outcomes:?}");
    assert_eq!(paths(&back), paths(&before));
    assert_eq!(content(&back, "x/m.c"), "m\n");
}

#[test]
fn an_empty_patch_is_no_change() {
    let folder = series_folder();
    let (tree, outcome) = lay(open(folder.path()), "");
    assert!(outcome.is_clean() && outcome.files.is_empty());
    assert_eq!((tree.len(), tree.patched().count()), (4, 0));
}

#[test]
fn names_that_lead_out_are_refused() {
    let folder = series_folder();
    for name in ["a/../../etc/passwd", "/etc/passwd", "a/x/../../../f.c", "a/.git/config"] {
        for text in [
            format!("--- {name}\n+++ {name}\n@@ -1 +1,2 @@\n root\n+x\n"),
            format!("--- /dev/null\n+++ {name}\n@@ -0,0 +1 @@\n+x\n"),
            format!("diff --git a/x/a.c b/x/a.c\nrename from x/a.c\nrename to {name}\n"),
        ] {
            let (tree, outcome) = lay(open(folder.path()), &text);
            assert!(matches!(outcome.files[0].problem, Some(FailReason::Refused(_))), "{text}{outcome:?}");
            assert_eq!(tree.patched().count(), 0);
        }
    }
}

#[test]
fn missing_files_and_false_deletions_are_reported_and_the_rest_goes_in() {
    let folder = series_folder();
    let text = "--- a/x/none.c\n+++ b/x/none.c\n@@ -1 +1 @@\n-a\n+b\n--- a/x/c.c\n+++ b/x/c.c\n@@ -1 +1 @@\n-c\n+d\n\
        --- a/x/a.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n--- /dev/null\n+++ b/x/m.c\n@@ -0,0 +1 @@\n+other\n";
    let (tree, outcome) = lay(open(folder.path()), text);
    let problems: Vec<_> = outcome.files.iter().map(|file| (file.path.as_str(), file.problem.as_ref())).collect();
    assert_eq!(
        problems,
        [
            ("x/none.c", Some(&FailReason::NoSuchFile)),
            ("x/c.c", None),
            ("x/a.c", Some(&FailReason::NotEmptied)),
            ("x/m.c", Some(&FailReason::FileExists))
        ]
    );
    assert_eq!(outcome.failed().map(|(file, hunk)| (file.path.as_str(), hunk.number)).collect::<Vec<_>>(), [("x/none.c", 1), ("x/m.c", 1)]);
    assert_eq!((content(&tree, "x/c.c"), content(&tree, "x/a.c")), ("d\n".into(), "one\nthree\n".into()));
}

#[test]
fn leading_parts_are_dropped_as_the_tree_asks() {
    let parent = folder(&[("arch/kernel/irq.c", "a\n"), ("kernel/irq.c", "a\n"), ("net/foo/main.c", "a\n")]);
    let change = |name: &str| format!("--- {name}\n+++ {name}\n@@ -1 +1 @@\n-a\n+b\n");
    let path = |root: &Path, name: &str| lay(open(root), &change(name)).1.files.remove(0);
    assert_eq!(path(parent.path(), "net/foo/main.c").path, "net/foo/main.c");
    assert_eq!(path(parent.path(), "b/net/foo/main.c").path, "net/foo/main.c");
    assert_eq!(path(&parent.path().join("net/foo"), "b/net/foo/main.c").path, "main.c");
    assert_eq!(path(parent.path(), "a/arch/x86/kernel/irq.c").problem, Some(FailReason::NoSuchFile));
    let new = "--- /dev/null\n+++ b/net/bar/x.c\n@@ -0,0 +1 @@\n+x\n";
    assert_eq!(lay(open(parent.path()), new).1.files[0].path, "net/bar/x.c");
    assert_eq!(lay(open(parent.path()), &new.replace("b/net", "net")).1.files[0].path, "net/bar/x.c");
}

#[test]
fn copies_without_number_are_refused_and_the_rest_goes_in() {
    let big = "int x;\n".repeat(1 << 20);
    let folder = folder(&[("big.c", &big), ("a.c", "a\n")]);
    let mut patch = String::new();
    for n in 0..1000 {
        patch += &format!("diff --git a/big.c b/c{n}.c\nsimilarity index 100%\ncopy from big.c\ncopy to c{n}.c\n");
    }
    patch += "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-a\n+b\n";
    let (tree, outcome) = lay(open(folder.path()), &patch);
    let refused = outcome.files.iter().filter(|f| f.problem == Some(FailReason::TooMuch)).count();
    assert!((980..1000).contains(&refused), "{refused}");
    assert_eq!(tree.len(), 2 + 1000 - refused);
    assert_eq!(content(&tree, "a.c"), "b\n");
}
