//! Never green where nothing was checked: what cannot be read is an error or a stated gap.

use assert_cmd::Command;
use std::fs;
use std::path::Path;

fn cuthere(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("cuthere").expect("built");
    command.env("XDG_CACHE_HOME", "/dev/null").env_remove("NO_COLOR").current_dir(folder);
    command
}

/// What a run that ends with this status says: standard output, standard error.
fn said(folder: &Path, args: &[&str], status: i32) -> (String, String) {
    let done = cuthere(folder).args(args).assert().code(status);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&done.get_output().stdout), text(&done.get_output().stderr))
}

const FINE: &str = "int f(int a)\n{\n\treturn a;\n}\n";

fn ground(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

#[test]
fn where_nothing_remains_the_status_is_two() {
    let folder =
        ground(&[("empty.c", ""), ("only.h", "struct s;\n"), ("none/readme.txt", "x"), ("fine.c", FINE), ("text", "nothing here\n")]);
    fs::create_dir(folder.path().join("bare")).expect("made");
    for (args, words) in [
        (vec!["check", "empty.c"], "no function in empty.c"),
        (vec!["check", "only.h"], "no function in only.h"),
        (vec!["check", "none"], "no C file"),
        (vec!["check", "bare"], "no C file"),
        (vec!["check", "fine.c", "--patch", "text"], "no diff in text"),
        (vec!["check", "fine.c", "--config", "text"], "no .config"),
        (vec!["check", "fine.c", "--config", "empty.c"], "no .config"),
        (vec!["check", "fine.c", "--config", "bare"], "folder"),
        (vec!["review", "text"], "no patch"),
        (vec!["review", "bare"], "no patch"),
        (vec!["review"], "--rev A..B"),
        (vec!["explain", "text"], "no crash report"),
        (vec!["splat", "text"], "no crash report"),
        (vec!["thread", "bare"], "no Maildir"),
    ] {
        let (out, error) = said(folder.path(), &args, 2);
        assert!(error.contains(words) && !error.contains("panicked"), "{args:?}: {error}");
        assert!(out.is_empty(), "{args:?}: {out}");
    }
    assert!(said(&folder.path().join("bare"), &["check"], 2).1.contains("nothing was looked at"));
    // Nothing at all is no change.
    for args in [["check", "fine.c", "--patch", "empty.c"].as_slice(), &["review", "empty.c"]] {
        said(folder.path(), args, 0);
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_what_links_lead_out_to_are_stated() {
    let folder = ground(&[("t/fine.c", FINE), ("out.c", FINE)]);
    let pipe = folder.path().join("t/pipe.c");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    std::os::unix::fs::symlink(folder.path().join("out.c"), folder.path().join("t/link.c")).expect("linked");
    let (out, _) = said(folder.path(), &["check", "t"], 0);
    assert!(out.contains("in 1 file, 2 files not read"), "{out}");
    assert!(out.contains("note: not read: pipe.c: not a regular file") && out.contains("link.c: a symbolic link out of the tree"), "{out}");
    let (_, error) = said(folder.path(), &["check", "t", "--format", "json"], 0);
    assert!(error.contains("not read: pipe.c"), "{error}");
    assert_eq!(said(folder.path(), &["check", "t", "--format", "json", "-q"], 0), (String::new(), String::new()));
    for args in [
        ["check", "t/pipe.c"].as_slice(),
        &["check", "t/fine.c", "--patch", "t/pipe.c"],
        &["check", "t/fine.c", "--config", "t/pipe.c"],
        &["check", "t/fine.c", "--baseline", "t/pipe.c"],
        &["review", "t/pipe.c"],
        &["splat", "t/pipe.c"],
        &["explain", "t/pipe.c"],
        &["thread", "t/pipe.c"],
        &["witness", "t/pipe.c"],
    ] {
        let (_, error) = said(folder.path(), args, 2);
        assert!(error.contains("pipe"), "{args:?}: {error}");
    }
}

#[test]
fn a_function_cut_short_does_not_count_as_read_whole() {
    let mut body = String::from("int f(int *p, int n)\n{\n");
    for i in 0..400 {
        body.push_str(&format!("\tif (p[{i}] > n)\n\t\tn += p[{}];\n\telse if (n == {i})\n\t\tspin_lock(&l{i});\n", i + 1));
    }
    body.push_str("\treturn n;\n}\n");
    let folder = ground(&[("a.c", &(body + FINE.replace("f(", "g(").as_str()))]);
    let stats = folder.path().join("stats.json");
    let _ = cuthere(folder.path()).args(["check", "a.c", "--stats"]).arg(&stats).output().expect("runs");
    let stats: serde_json::Value = serde_json::from_str(&fs::read_to_string(stats).expect("written")).expect("JSON");
    let number = |field: &str| stats[field].as_u64().expect("a number");
    assert_eq!(number("functions"), 2);
    assert_eq!(number("functions_complete"), 2 - number("functions_truncated"), "{stats:#}");
}

const OTHER: &str = "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1,3 +1,3 @@\n int other(void)\n {\n-\treturn 7;\n+\treturn 8;\n";
const FITS: &str =
    "diff --git a/fine.c b/fine.c\n--- a/fine.c\n+++ b/fine.c\n@@ -1,4 +1,4 @@\n int f(int a)\n {\n-\treturn a;\n+\treturn a + 1;\n }\n";

#[test]
fn hunks_that_failed_count() {
    let folder = ground(&[("fine.c", FINE), ("none.patch", OTHER), ("part.patch", &format!("{FITS}{OTHER}")), ("all.patch", FITS)]);
    fs::write(folder.path().join("a.c"), FINE).expect("written");
    let (out, error) = said(folder.path(), &["review", "none.patch"], 2);
    assert!(error.contains("nothing was looked at") && out.contains("nothing of it applied, so nothing is said of it"), "{out}{error}");
    assert!(out.contains("1 hunk not applied and not looked at"), "{out}");
    let (out, _) = said(folder.path(), &["review", "none.patch", "--format", "json"], 2);
    let review: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&review["patches"][0]["judged"], &review["patches"][0]["claim"]), (&false.into(), &serde_json::Value::Null));
    let (_, error) = said(folder.path(), &["review", "part.patch"], 2);
    assert!(error.contains("1 hunk did not apply"), "{error}");
    said(folder.path(), &["review", "all.patch"], 0);
}

#[test]
fn a_documentation_patch_says_that_there_was_nothing_to_analyse() {
    let patch = "diff --git a/doc.rst b/doc.rst\n--- a/doc.rst\n+++ b/doc.rst\n@@ -1 +1 @@\n-one\n+two\n";
    let folder = ground(&[("fine.c", FINE), ("doc.rst", "one\n"), ("doc.patch", patch)]);
    let (out, _) = said(folder.path(), &["review", "doc.patch"], 0);
    assert!(out.contains("no C file is changed"), "{out}");
}
