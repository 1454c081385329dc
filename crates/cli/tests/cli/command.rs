//! The command from outside: exit status, what goes where, and what errors say.

use assert_cmd::Command;
use std::fs;
use std::io::Write;

fn cuthere() -> Command {
    let mut command = Command::cargo_bin("cuthere").expect("built");
    command.env("XDG_CACHE_HOME", "/dev/null").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn stdout(command: &mut Command, status: i32) -> String {
    let done = command.assert().code(status);
    String::from_utf8(done.get_output().stdout.clone()).expect("UTF-8")
}

fn stderr(command: &mut Command) -> String {
    let done = command.assert().code(2);
    assert!(done.get_output().stdout.is_empty(), "an error writes no report");
    String::from_utf8(done.get_output().stderr.clone()).expect("UTF-8")
}

#[test]
fn errors_have_status_two_and_say_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("a.c"), "int f(void)\n{\n\treturn 0;\n}\n").expect("written");
    fs::write(folder.path().join("bad.patch"), "--- a/a.c\n+++ b/a.c\n@@ -1,2 +1,2 @@\n int g(void)\n-nothing like it;\n+at all;\n")
        .expect("written");
    fs::write(folder.path().join("bad.toml"), "[[entry]]\nnam = \"f\"\n").expect("written");
    fs::write(folder.path().join("bad.jsonl"), "\nnot json\n").expect("written");
    for (args, said) in [
        (vec!["check", "nowhere"], "--tree"),
        (vec!["check", "--tree", "nowhere"], "--tree"),
        (vec!["check", "--only", "no-such-check"], "no-such-check"),
        (vec!["check", "--jobs", "0"], "--jobs"),
        (vec!["check", "--baseline", "bad.jsonl"], "line 2"),
        (vec!["check", "--model", "bad.toml"], "bad.toml:"),
        (vec!["check", "--config", "none"], "--config"),
        (vec!["check", "--patch", "bad.patch"], "a.c: hunk 1"),
        (vec!["check", "--patch", "none.patch"], "none.patch"),
        (vec!["checks", "no-such-check"], "no-such-check"),
        (vec!["man", "no-such-command"], "no-such-command"),
        (vec!["splat", "none"], "none"),
        (vec!["function", "no_such_function"], "no function is called no_such_function"),
        (vec!["frobnicate"], "frobnicate"),
    ] {
        let error = stderr(cuthere().current_dir(folder.path()).args(&args));
        assert!(error.contains(said), "{args:?} says: {error}");
        assert!(!error.contains("panicked"), "{args:?} says: {error}");
    }
}

#[test]
fn a_failed_hunk_names_patch_file_hunk_and_nearest_match() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("a.c"), "int one;\nint two;\nint three;\nint four;\nint five;\n").expect("written");
    let patch = "--- a/a.c\n+++ b/a.c\n@@ -1,4 +1,4 @@\n int two;\n int three;\n-int for;\n+int fore;\n int five;\n";
    fs::write(folder.path().join("x.patch"), patch).expect("written");
    let error = stderr(cuthere().current_dir(folder.path()).args(["check", "--patch", "x.patch"]));
    assert!(error.contains("x.patch:3: a.c: hunk 1") && error.contains("nearest match at line 2"), "{error}");
}

#[test]
fn help_completions_and_manual_name_only_what_runs() {
    let help = stdout(cuthere().arg("--help"), 0);
    for command in ["check", "review", "explain", "witness", "checks", "thread", "splat", "completions", "man"] {
        assert!(help.contains(command), "{command}");
        stdout(cuthere().args([command, "--help"]), 0);
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(stdout(cuthere().args(["completions", shell]), 0).contains("cuthere"));
    }
    assert!(stdout(cuthere().args(["man", "check"]), 0).contains("\\-\\-baseline"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("cuthere"))
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("ended");
    assert_eq!((done.status.code(), done.stderr), (Some(0), vec![]));
}

#[test]
fn splats_are_read_from_standard_input() {
    let log = "[    1.000000] kernel BUG at fs/foo.c:12!\n[    1.000001] RIP: 0010:foo_put+0x1/0x20\n[    1.000002] Call Trace:\n\
               [    1.000003]  foo_release+0x2/0x30\n[    1.000004] ---[ end trace 0000000000000000 ]---\n";
    let json: serde_json::Value =
        serde_json::from_str(&stdout(cuthere().args(["splat", "-", "--format", "json"]).write_stdin(log), 0)).expect("JSON");
    assert_eq!(json[0]["title"], "kernel BUG in foo_put");
    for field in ["kind", "title", "function", "frames", "held_locks", "kernel", "context"] {
        assert!(json[0].get(field).is_some(), "{field} is missing");
    }
    assert!(stdout(cuthere().args(["splat", "-"]).write_stdin(log), 0).contains("foo_release"));
    assert_eq!(stdout(cuthere().args(["splat", "-"]).write_stdin("all is well\n"), 2), "");
    // What only a report has is not passed over in silence.
    let torn = "Call Trace:\n foo_release+0x2/0x30\n";
    let said = cuthere().args(["splat", "-"]).write_stdin(torn).assert().code(2).get_output().stderr.clone();
    assert!(String::from_utf8_lossy(&said).contains("line 1 looks like part of a report"));
    let text = stdout(cuthere().args(["splat", "-"]).write_stdin(log), 0);
    assert!(text.contains("  pc: foo_put+0x1/0x20\n") && text.contains("    foo_release+0x2/0x30\n"), "{text}");
}

#[test]
fn splats_are_found_in_compressed_logs_and_encoded_mails() {
    let log = "[    1.000000] kernel BUG at fs/foo.c:12!\n[    1.000001] RIP: 0010:foo_put+0x1/0x20\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(log.as_bytes()).expect("packed");
    let packed = packed.finish().expect("packed");
    let wrapped = log.replace("foo.c", "fo=\no.c").replace("foo_put", "fo=\no_put");
    let mail = format!("From: a@example.org\nSubject: oops\nContent-Transfer-Encoding: quoted-printable\n\n{wrapped}");
    for input in [packed, mail.into_bytes()] {
        assert!(stdout(cuthere().args(["splat", "-"]).write_stdin(input), 0).starts_with("kernel BUG in foo_put\n"));
    }
}

#[test]
fn threads_are_read_with_their_series_and_splats() {
    let mail = "From: A Person <a@example.org>\nDate: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <1@example.org>\n\
                Subject: [PATCH v2] foo: mend the put\n\nIt broke:\n\nkernel BUG at fs/foo.c:12!\nRIP: 0010:foo_put+0x1/0x20\n\n\
                Signed-off-by: A Person <a@example.org>\n---\n fs/foo.c | 2 +-\n\n--- a/fs/foo.c\n+++ b/fs/foo.c\n\
                @@ -1,3 +1,3 @@\n one\n-two\n+three\n four\n";
    let json: serde_json::Value =
        serde_json::from_str(&stdout(cuthere().args(["thread", "-", "--format", "json"]).write_stdin(mail), 0)).expect("JSON");
    assert_eq!(json["messages"][0]["id"], "1@example.org");
    assert_eq!(json["series"][0]["version"], 2);
    assert_eq!(json["splats"][0]["title"], "kernel BUG in foo_put");
    assert!(stdout(cuthere().args(["thread", "-"]).write_stdin(mail), 0).contains("foo: mend the put"));
}

#[test]
fn function_says_what_is_held_on_every_way_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let code = "static int leaf(int *p)\n{\n\tmsleep(10);\n\treturn *p;\n}\n\n\
        int start(int *p)\n{\n\tint r;\n\n\trtnl_lock();\n\tr = leaf(p);\n\trtnl_unlock();\n\treturn r;\n}\n";
    fs::write(folder.path().join("a.c"), code).expect("written");
    fs::write(folder.path().join("b.c"), "void leaf(void)\n{\n}\n").expect("written");
    let ask = |format: &str| stdout(cuthere().current_dir(folder.path()).args(["function", "leaf", "--format", format]), 0);
    let text = ask("text");
    let first: Vec<&str> = text.lines().take(2).collect();
    assert_eq!(first, ["leaf() at a.c:1", "  held on every way in: rtnl (mutex)"], "{text}");
    assert!(text.contains("may sleep: yes, by msleep()") && text.contains("a.c:11 start() takes rtnl by rtnl_lock()"), "{text}");
    assert!(text.contains("leaf() at b.c:1"), "every function of the name is shown: {text}");
    assert!(!text.contains('\u{1b}'), "no colour where nobody looks");
    let json: serde_json::Value = serde_json::from_str(&ask("json")).expect("JSON");
    assert_eq!(json[0]["entered"]["locks"][0]["what"], "rtnl");
    assert_eq!(json[0]["entered"]["locks"][0]["always"], true);
    assert_eq!(json[0]["sleeps"][0]["what"], "msleep()");
    assert_eq!(json[1]["file"], "b.c");
}

#[test]
fn a_condition_in_a_function_known_by_the_index_is_said_and_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tree, cache) = (folder.path().join("tree"), folder.path().join("cache"));
    for part in ["drivers/a", "lib", "include/linux"] {
        fs::create_dir_all(tree.join(part)).expect("made");
    }
    let header = "struct spinlock { int x; };\nstruct dev { struct spinlock lock; unsigned int flags; };\nvoid slow(struct dev *d);\n";
    fs::write(tree.join("include/linux/slow.h"), header).expect("written");
    let user =
        "#include <linux/slow.h>\nint go(struct dev *d)\n{\n\tspin_lock(&d->lock);\n\tslow(d);\n\tspin_unlock(&d->lock);\n\treturn 0;\n}\n";
    fs::write(tree.join("drivers/a/a.c"), user).expect("written");
    let slow = "#include <linux/slow.h>\nvoid slow(struct dev *d)\n{\n\tif (d->flags & 4)\n\t\tmsleep(3);\n}\n";
    fs::write(tree.join("lib/slow.c"), slow).expect("written");
    let run = |args: &[&str], status: i32| {
        let mut command = cuthere();
        command.current_dir(&tree).args(args).arg("--tree").arg(&tree).arg("--cache").arg(&cache);
        stdout(&mut command, status)
    };
    run(&["index"], 0);
    let found = run(&["check", "drivers/a", "--confidence", "low"], 1);
    assert!(found.contains("sleep-in-atomic") && found.contains("a condition in slow() is"), "{found}");
}

#[test]
fn a_run_over_a_part_knows_the_rest_by_the_index() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tree, cache) = (folder.path().join("tree"), folder.path().join("cache"));
    for part in ["drivers/a", "lib", "include/linux"] {
        fs::create_dir_all(tree.join(part)).expect("made");
    }
    fs::write(tree.join("include/linux/slow.h"), "void slow(void);\nstruct spinlock { int x; };\n").expect("written");
    let user = "#include <linux/slow.h>\nstruct dev { struct spinlock lock; };\nint go(struct dev *d)\n{\n\tspin_lock(&d->lock);\n\tslow();\n\
        \tspin_unlock(&d->lock);\n\treturn 0;\n}\n";
    fs::write(tree.join("drivers/a/a.c"), user).expect("written");
    fs::write(tree.join("lib/slow.c"), "static void inner(void)\n{\n\tmsleep(3);\n}\n\nvoid slow(void)\n{\n\tinner();\n}\n")
        .expect("written");
    let run = |args: &[&str], status: i32| {
        let mut command = cuthere();
        command.current_dir(&tree).args(args).arg("--tree").arg(&tree).arg("--cache").arg(&cache);
        stdout(&mut command, status)
    };
    let before = run(&["check", "drivers/a"], 0);
    assert!(before.contains("known by the kernel model only"), "{before}");
    let made = run(&["index"], 0);
    assert!(made.contains("2 of 3 functions"), "{made}");
    let after = run(&["check", "drivers/a"], 1);
    assert!(after.contains("sleep-in-atomic") && after.contains("lib/slow.c"), "{after}");
    assert!(after.contains("1 function outside is known by the index of"), "{after}");
    fs::write(tree.join("lib/slow.c"), "void slow(void)\n{\n}\n").expect("written");
    let changed = run(&["check", "drivers/a"], 0);
    assert!(changed.contains("1 more has changed since"), "{changed}");
}
