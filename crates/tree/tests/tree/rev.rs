//! Revisions of a repository that the `git` command makes.

use cuthere_tree::{OpenOptions, PatchText, Tree, TreeError};
use std::path::Path;
use std::process::Command;

fn git(folder: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdout(std::process::Stdio::null())
        .status()
        .expect("git runs");
    assert!(status.success(), "git {arguments:?}");
}

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |path: &str, content: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, content).expect("written");
    };
    git(folder.path(), &["init", "-q", "-b", "main"]);
    write("net/a.c", "first\n");
    write("net/b.h", "header\n");
    write("Makefile", "VERSION = 6\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink("../net/b.h", folder.path().join("net/link.h")).expect("linked");
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    git(folder.path(), &["tag", "-a", "v1", "-m", "one"]);
    write("net/a.c", "second\n");
    write("net/new.c", "new, and longer than the others\n");
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "two"]);
    write("net/a.c", "not committed\n");
    folder
}

fn list(tree: &Tree) -> Vec<&str> {
    tree.paths().iter().map(|path| &**path).collect()
}

fn read(tree: &Tree, path: &str) -> Vec<u8> {
    tree.read(tree.find(path).expect("listed")).expect("reads").into_owned()
}

#[test]
fn a_revision_is_read_from_its_objects() {
    let folder = repository();
    let open = |rev: &str, options: &OpenOptions| Tree::open_rev(folder.path(), rev, options);
    let all = OpenOptions::default();
    for rev in ["v1", "HEAD~1", "main^", "v1^{tree}"] {
        let tree = open(rev, &all).expect("opens");
        assert_eq!((list(&tree), read(&tree, "net/a.c")), (vec!["net/a.c", "net/b.h"], b"first\n".to_vec()), "{rev}");
    }
    let head = open("HEAD", &all).expect("opens");
    assert_eq!(list(&head), ["net/a.c", "net/b.h", "net/new.c"]);
    assert_eq!(head.find("net/link.h"), head.find("net/b.h"));
    assert_eq!(head.size_hint(head.find("net/b.h").expect("listed")), 7);
    assert_eq!(head.read_path("Makefile").expect("reads").as_deref(), Some(&b"VERSION = 6\n"[..]));
    let small = open("HEAD", &OpenOptions { max_file: 10, ..OpenOptions::default() }).expect("opens");
    assert_eq!((small.len(), small.skipped().len()), (2, 1));
    let part = open("HEAD", &OpenOptions { only: vec!["net/b.h".into(), "nope".into()], ..OpenOptions::default() }).expect("opens");
    assert_eq!((list(&part), part.skipped()[0].path.as_str()), (vec!["net/b.h"], "nope"));
    let below = Tree::open_rev(&folder.path().join("net"), "v1", &all).expect("opens");
    assert_eq!(list(&below), ["a.c", "b.h"]);
    assert!(matches!(open("nonsense", &all), Err(TreeError::Revision { .. })));
    let empty = tempfile::tempdir().expect("a folder");
    assert!(matches!(Tree::open_rev(empty.path(), "HEAD", &all), Err(TreeError::Repository { .. })));
}

#[test]
fn a_packed_bare_repository_reads_from_many_threads_and_takes_patches() {
    let folder = repository();
    git(folder.path(), &["gc", "-q"]);
    let bare = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["clone", "-q", "--bare", ".", &bare.path().to_string_lossy()]);
    let tree = Tree::open_rev(bare.path(), "main", &OpenOptions::default()).expect("opens");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..50).map(|_| read(&tree, "net/a.c")).collect::<Vec<_>>())).collect();
        for thread in threads {
            assert!(thread.join().expect("no panic").iter().all(|bytes| bytes == b"second\n"));
        }
    });
    let patch = PatchText::new("p", "--- a/net/a.c\n+++ b/net/a.c\n@@ -1 +1 @@\n-second\n+third\n");
    let (tree, outcomes) = tree.with_patches(&[patch]).expect("lays");
    assert!(outcomes[0].is_clean());
    assert_eq!(read(&tree, "net/a.c"), b"third\n");
}

#[test]
fn paths_that_no_system_opens_are_left_out() {
    let folder = repository();
    let run = |arguments: &[&str], input: &str| {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(folder.path())
            .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("git runs");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), input.as_bytes()).expect("written");
        let out = child.wait_with_output().expect("git ends");
        String::from_utf8(out.stdout).expect("an id").trim().to_owned()
    };
    let blob = run(&["hash-object", "-w", "--stdin"], "int x;\n");
    let mut tree = run(&["mktree"], &format!("100644 blob {blob}\ta.c\n"));
    let name = "n".repeat(3000);
    for _ in 0..3 {
        tree = run(&["mktree"], &format!("100644 blob {blob}\tb.c\n040000 tree {tree}\t{name}\n"));
    }
    let commit = run(&["commit-tree", &tree, "-m", "deep"], "");
    let opened = Tree::open_rev(folder.path(), &commit, &OpenOptions::default()).expect("opens");
    assert_eq!(opened.paths().iter().map(|p| p.len()).collect::<Vec<_>>(), [3, 3004]);
    let [skipped] = opened.skipped() else { panic!("{:?}", opened.skipped()) };
    assert!(skipped.path.len() < 300 && skipped.reason.to_string().contains("6001 bytes"), "{}", skipped.reason);
}

#[test]
fn a_range_gives_its_commits_with_diffs_that_apply() {
    use cuthere_tree::commits::{range_ends, read_range};
    let folder = repository();
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "three: last\n\nWhy it is.\n\nSigned-off-by: T <t@example.org>"]);
    let range = read_range(folder.path(), "v1..HEAD").expect("a range");
    let subjects: Vec<&str> = range.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(subjects, ["two", "three: last"]);
    let last = range.commits.last().expect("two");
    assert_eq!((last.author.as_str(), last.body.as_str()), ("T <t@example.org>", "Why it is.\n\nSigned-off-by: T <t@example.org>"));
    let tree = Tree::open_rev(folder.path(), &range.base, &OpenOptions::default()).expect("opens");
    let patches: Vec<PatchText> = range.commits.iter().map(|c| PatchText::new(c.subject.clone(), c.diff.clone())).collect();
    let (tree, outcomes) = tree.with_patches(&patches).expect("lays");
    assert!(outcomes.iter().all(|o| o.is_clean()), "{outcomes:#?}");
    assert_eq!(read(&tree, "net/a.c"), b"not committed\n");
    assert_eq!(read(&tree, "net/new.c"), b"new, and longer than the others\n");
    assert!(read_range(folder.path(), "HEAD..HEAD").expect("empty").commits.is_empty());
    for wrong in ["HEAD", "v1...HEAD", "none..HEAD"] {
        assert!(read_range(folder.path(), wrong).is_err(), "{wrong}");
    }
    assert_eq!((range_ends("..x"), range_ends("a.."), range_ends("a...b")), (Some(("HEAD", "x")), Some(("a", "HEAD")), None));
}

#[test]
fn diffs_of_commits_are_those_of_git() {
    use cuthere_tree::commits::read_range;
    let folder = tempfile::tempdir().expect("a folder");
    let lines = |from: u32, to: u32| (from..to).map(|n| format!("line {n}\n")).collect::<String>();
    git(folder.path(), &["init", "-q", "-b", "main"]);
    let write = |text: String| std::fs::write(folder.path().join("a.c"), text).expect("written");
    write(lines(0, 40));
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    let no_end = |text: String| text.trim_end().to_owned();
    for text in [
        lines(0, 3) + "new\n" + &lines(4, 20) + &lines(22, 40),
        String::from("top\n") + &lines(0, 30) + "end",
        String::new(),
        lines(5, 9),
        no_end(lines(5, 9)),
    ] {
        write(text);
        git(folder.path(), &["commit", "-q", "-a", "-m", "next"]);
        let own = read_range(folder.path(), "HEAD~1..HEAD").expect("a range").commits.pop().expect("one").diff;
        let out =
            Command::new("git").arg("-C").arg(folder.path()).args(["show", "--format=", "--histogram", "HEAD"]).output().expect("git runs");
        let hunks = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            let kept = |l: &&str| l.starts_with(['+', '-', ' ', '\\', '@']);
            // git leaves a count of one out.
            text.lines().filter(kept).map(|l| l.replace(",1 ", " ")).collect::<Vec<_>>()
        };
        assert_eq!(hunks(&own), hunks(&out.stdout));
    }
}
