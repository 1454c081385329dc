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

/// A commit hook gets whatever git prints.
#[test]
fn a_diff_that_changes_no_c_is_no_error() {
    let folder = ground(&[("a.c", FINE), ("b.png", "x")]);
    let head = "diff --git a/b.png b/b.png\n";
    let binary = format!("{head}index 0123456..89abcde 100644\nBinary files a/b.png and b/b.png differ\n");
    let patch =
        format!("{head}index 0123456..89abcde 100644\nGIT binary patch\nliteral 1\nIcmZPo000310RR91\n\nliteral 1\nIcmZPo000310RR91\n\n");
    let c = "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1,4 +1,4 @@\n int f(int a)\n {\n-\treturn a;\n+\treturn a + 1;\n }\n";
    let commit = "commit 0123456789abcdef\nAuthor: A <a@example.org>\nDate:   Mon Jan 5 10:00:00 2026 +0000\n\n    two: second\n";
    let binary_c = "diff --git a/a.c b/a.c\nindex 0123456..89abcde 100644\nBinary files a/a.c and b/a.c differ\n";
    for (name, text, status, words) in [
        ("binary", binary.clone(), 0, "no text, and not looked at: b.png"),
        ("patch", patch.clone(), 0, "no text, and not looked at: b.png"),
        ("both", format!("{binary}{c}"), 0, "1 of 1 hunk in"),
        ("patch-and-c", format!("{patch}{c}"), 0, "1 of 1 hunk in"),
        ("mode", "diff --git a/a.c b/a.c\nold mode 100644\nnew mode 100755\n".to_owned(), 0, "no line is changed"),
        ("move", "diff --git a/a.c b/c.c\nsimilarity index 100%\nrename from a.c\nrename to c.c\n".to_owned(), 0, "no line is changed"),
        ("empty", commit.to_owned(), 0, "the commits change nothing"),
        (
            "merge",
            format!("{commit}\ndiff --cc a.c\nindex 1,2..3\n--- a/a.c\n+++ b/a.c\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n -b\n++c\n"),
            2,
            "--first-parent",
        ),
        ("binary-c", binary_c.to_owned(), 2, "nothing was looked at"),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
        let (out, error) = said(folder.path(), &["review", name, "--tree", "."], status);
        assert!(format!("{out}{error}").contains(words), "{name}: {out}{error}");
    }
    for name in ["both", "patch-and-c"] {
        let (_, error) = said(folder.path(), &["check", "--patch", name], 0);
        assert!(error.contains("no text, and not looked at: b.png"), "{error}");
    }
}

#[test]
fn what_lies_beyond_a_bound_of_a_patch_is_stated() {
    let folder = ground(&[("a.c", FINE)]);
    let file = |n: usize| format!("diff --git a/d{n}.c b/d{n}.c\nold mode 100644\nnew mode 100755\n");
    let many: String = (0..20_100).map(file).collect();
    let new = |n: usize| {
        format!(
            "diff --git a/{0}{n}.h b/{0}{n}.h\nnew file mode 100644\n--- /dev/null\n+++ b/{0}{n}.h\n@@ -0,0 +1 @@\n+struct s;\n",
            "d".repeat(200)
        )
    };
    let long: String = (0..20_001).map(new).collect();
    let path = "d/".repeat(1 << 20);
    let deep = format!("diff --git a/{path}a.c b/{path}a.c\n--- a/{path}a.c\n+++ b/{path}a.c\n@@ -1 +1 @@\n-a\n+b\n");
    for (name, text) in [("many", many), ("long", long), ("deep", deep)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let (_, error) = said(folder.path(), &["check", "--patch", "many"], 2);
    assert!(error.contains("and 19996 more did not apply") && error.lines().count() == 7, "{error}");
    let (out, error) = said(folder.path(), &["review", "long", "--tree", "."], 2);
    assert!(error.contains("not looked at") && out.contains("only the first 20000 files of the patch were read"), "{out}{error}");
    for args in [["check", "--patch", "deep"].as_slice(), &["review", "deep", "--tree", "."]] {
        let (out, error) = said(folder.path(), args, 2);
        assert!(format!("{out}{error}").contains("longer than a path can be") && out.len() + error.len() < 8000, "{out}{error}");
    }
}

#[test]
fn nothing_read_whole_and_nothing_left_are_errors() {
    let deep = format!("int f(int x) {{ return {}x{}; }}\n", "(".repeat(50_000), ")".repeat(50_000));
    let folder = ground(&[("deep/a.c", &deep), ("fine/b.c", FINE), ("fine/c.c", FINE), ("readme", "x")]);
    for (args, words) in [
        (["check", "deep"].as_slice(), "no function in deep could be read whole; not read whole: a.c:1: `f`: "),
        (&["check", "fine", "--exclude", "*"], "--exclude leaves no file of fine"),
        (&["check", "--tree", "readme"], "readme is no C file"),
        (&["function", "g", "--tree", "fine"], "no function is called g"),
        (&["check", "fine", "--only", "nul-deref"], "'null-deref'"),
    ] {
        let (out, error) = said(folder.path(), args, 2);
        assert!(error.contains(words) && out.is_empty(), "{args:?}: {out}{error}");
    }
    let (out, _) = said(folder.path(), &["check", "fine", "--exclude", "c.c", "--exclude", "d.c"], 0);
    assert!(out.contains("in 1 file,") && out.contains("1 file is excluded") && out.contains("--exclude d.c fits no file"), "{out}");
    let (out, _) = said(folder.path(), &["check", "deep", "fine", "-v"], 0);
    assert!(out.contains("note: not read whole: deep/a.c:1: `f`: "), "{out}");
    let (out, _) = said(folder.path(), &["function", "msleep", "--tree", "fine"], 0);
    assert!(out.contains("the kernel model says:\n  may sleep\n"), "{out}");
    let (out, _) = said(folder.path(), &["help", "check"], 0);
    assert!(out.contains("Find defects"), "{out}");
    fs::write(
        folder.path().join("log"),
        "BUG: kernel NULL pointer dereference, address: 0000000000000008\nRIP: 0010:gone_away+0x1/0x2\nCall Trace:\n gone_before+0x1/0x2\n",
    )
    .expect("written");
    let (_, error) = said(folder.path(), &["explain", "log", "--tree", "fine"], 2);
    assert!(error.contains("no function of the report is in"), "{error}");
}

#[test]
fn headers_that_are_not_there_are_said() {
    let folder = ground(&[
        ("Kbuild", ""),
        ("drivers/here.h", "struct here { int a; };\n"),
        ("drivers/a.c", "#include \"here.h\"\n#include \"nowhere.h\"\n#include <generated/made.h>\nint a(void) { return 1; }\n"),
        ("drivers/b.c", "#include \"nowhere.h\"\nint b(void) { return 1; }\nint c(void) { return 1; }\n"),
    ]);
    let (out, _) = said(folder.path(), &["check", "drivers"], 0);
    assert!(out.contains("in 3 files, 3 functions (3 read whole)"), "{out}");
    assert!(
        out.contains("note: a header that is included is not there: nowhere.h (2 files); what it declares is guessed from its use\n"),
        "{out}"
    );
    let module = ground(&[("m.c", "#include <linux/module.h>\nint m(void) { return 1; }\n")]);
    let (out, _) = said(module.path(), &["check", "."], 0);
    assert!(out.contains("guessed from its use (`--tree DIR` names a kernel's source that has them)\n"), "{out}");
    let (out, _) = said(folder.path(), &["check", "drivers", "--tree", ".", "--exclude", "drivers/b.c"], 0);
    assert!(out.contains("in 2 files, 1 function (1 read whole)"), "{out}");
}

#[test]
fn a_misspelt_check_is_blamed_on_the_file_that_names_it() {
    let folder = ground(&[("Kbuild", ""), ("a.c", "int a(void) { return 1; }\n"), ("cuthere.toml", "checks = [\"null-dref\"]\n")]);
    let (_, error) = said(folder.path(), &["check"], 2);
    assert!(error.contains("cuthere.toml: no check is called null-dref; null-deref is one (checks)"), "{error}");
}

#[test]
fn a_file_that_only_gets_another_name_holds_what_it_held() {
    let text = "#include <linux/spinlock.h>\nstruct t { spinlock_t lock; };\nvoid f(struct t *t)\n{\n\tspin_lock(&t->lock);\n\tmsleep(20);\n\tspin_unlock(&t->lock);\n}\n";
    let rename =
        "diff --git a/drivers/t/old.c b/drivers/t/new.c\nsimilarity index 100%\nrename from drivers/t/old.c\nrename to drivers/t/new.c\n";
    let edit = "diff --git a/drivers/t/old.c b/drivers/t/new.c\nsimilarity index 90%\nrename from drivers/t/old.c\nrename to drivers/t/new.c\n--- a/drivers/t/old.c\n+++ b/drivers/t/new.c\n@@ -7,2 +7,8 @@\n \tspin_unlock(&t->lock);\n }\n+void g(struct t *t)\n+{\n+\tspin_lock(&t->lock);\n+\tmsleep(20);\n+\tspin_unlock(&t->lock);\n+}\n";
    let folder = ground(&[("Kbuild", ""), ("drivers/t/old.c", text), ("rename", rename), ("edit", edit)]);
    let (out, _) = said(folder.path(), &["review", "rename", "--tree", "."], 0);
    assert!(out.contains("patch: a diff without a subject\n  hunks: none\n"), "{out}");
    let (out, _) = said(folder.path(), &["review", "edit", "--tree", "."], 1);
    assert!(out.contains("1 introduced, 0 fixed, 0 still there"), "{out}");
}
