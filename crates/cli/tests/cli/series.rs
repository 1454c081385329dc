//! `review`, `explain` and `witness` from outside, on the example kernel.

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};

fn cuthere() -> Command {
    let mut command = Command::cargo_bin("cuthere").expect("built");
    command.env("XDG_CACHE_HOME", "/dev/null");
    command
}

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path)
}

/// Standard output of a run that ends with this status.
fn stdout(command: &mut Command, status: i32) -> String {
    let done = command.assert().code(status);
    String::from_utf8(done.get_output().stdout.clone()).expect("UTF-8")
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

/// A mail with one patch to tank.c: the old lines must stand there one after the other.
fn mail(subject: &str, body: &str, old: &[&str], new: &[&str]) -> String {
    let text = fs::read_to_string(example("kernel/drivers/tank/tank.c")).expect("there");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.windows(old.len()).position(|w| w == old).expect("the old lines stand in the file");
    let first = lines[at - 1];
    let after = lines[at + old.len()];
    let mut diff = format!(
        "diff --git a/drivers/tank/tank.c b/drivers/tank/tank.c\n--- a/drivers/tank/tank.c\n+++ b/drivers/tank/tank.c\n@@ -{at},{} +{at},{} @@\n {first}\n",
        old.len() + 2,
        new.len() + 2
    );
    old.iter().for_each(|l| diff.push_str(&format!("-{l}\n")));
    new.iter().for_each(|l| diff.push_str(&format!("+{l}\n")));
    diff.push_str(&format!(" {after}\n"));
    format!(
        "From: A Developer <dev@example.org>\nTo: list@example.org\nCc: Keeper <keeper@example.org>\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\
         Message-ID: <1@example.org>\nSubject: [PATCH] {subject}\n\n{body}\n\nSigned-off-by: A Developer <dev@example.org>\n---\n \
         drivers/tank/tank.c | 2 +-\n\n{diff}-- \n2.43.0\n"
    )
}

fn review(mail: &str, args: &[&str], status: i32) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("patch.eml");
    fs::write(&path, mail).expect("written");
    stdout(cuthere().current_dir(folder.path()).arg("review").arg(&path).arg("--tree").arg(example("kernel")).args(args), status)
}

const QUIET: [&str; 3] = ["\tspin_lock(&tank->lock);", "\ttank->level = 0;", "\tspin_unlock(&tank->lock);"];

#[test]
fn a_patch_that_brings_the_mistake() {
    let mail = mail("tank: wait for the drain", "The drain is slow.", &QUIET, &[QUIET[0], QUIET[1], "\tmsleep(20);", QUIET[2]]);
    let found = json(&review(&mail, &["--format", "json"], 1));
    let introduced = found["introduced"].as_array().expect("a list");
    assert_eq!(introduced.len(), 1, "{found:#}");
    assert_eq!(introduced[0]["check"], "sleep-in-atomic");
    assert_eq!(introduced[0]["function"], "tank_drain_ok");
    assert!(found["fixed"].as_array().is_some_and(Vec::is_empty) && found["failed_hunks"].as_array().is_some_and(Vec::is_empty));
    let sarif = json(&review(&mail, &["--format", "sarif"], 1));
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_reply_quotes_the_hunk_and_goes_to_everybody() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, reply) = (folder.path().join("patch.eml"), folder.path().join("reply.eml"));
    let mail = mail("tank: wait for the drain", "The drain is slow.", &QUIET, &[QUIET[0], QUIET[1], "\tmsleep(20);", QUIET[2]]);
    fs::write(&path, mail).expect("written");
    stdout(cuthere().arg("review").arg(&path).arg("--tree").arg(example("kernel")).arg("--reply").arg(&reply), 1);
    let text = fs::read_to_string(&reply).expect("a reply");
    for part in [
        "In-Reply-To: <1@example.org>",
        "Subject: Re: [PATCH] tank: wait for the drain",
        "keeper@example.org",
        "> +\tmsleep(20);",
        "msleep()",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    let body = text.split_once("\n\n").expect("a body").1;
    assert!(body.lines().all(|l| l.chars().count() <= 75), "{body}");
}

#[test]
fn a_patch_that_mends_it() {
    let old = ["\ttank->level = 0;", "\tmsleep(20); //~ sleep-in-atomic", "\tspin_unlock(&tank->lock);"];
    let mail = mail("tank: fix sleeping under the lock", "msleep() may sleep.", &old, &[old[0], old[2], "\tmsleep(20);"]);
    let found = json(&review(&mail, &["--format", "json"], 0));
    let fixed = found["fixed"].as_array().expect("a list");
    assert_eq!((fixed.len(), &fixed[0]["function"]), (1, &serde_json::Value::from("tank_drain_bug")), "{found:#}");
    assert!(found["introduced"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn a_mail_without_a_patch_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.eml");
    fs::write(&path, "From: a@example.org\nSubject: hello\n\nNo patch here.\n").expect("written");
    let done = cuthere().arg("review").arg(&path).arg("--tree").arg(example("kernel")).assert().code(2);
    assert!(String::from_utf8_lossy(&done.get_output().stderr).contains("no patch"));
}

#[test]
fn explain_names_the_call() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("oops.txt");
    let splat = "BUG: sleeping function called from invalid context at kernel/time/timer.c:100\n\
                 in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 7, name: drain\n\
                 CPU: 1 PID: 7 Comm: drain Not tainted 6.12.0 #1\nCall Trace:\n <TASK>\n __might_sleep+0x10/0x20\n msleep+0x1c/0x30\n \
                 tank_drain_bug+0x1d/0x40\n tank_work+0x10/0x20\n </TASK>\n";
    fs::write(&path, splat).expect("written");
    let out = stdout(cuthere().arg("explain").arg(&path).arg("--tree").arg(example("kernel")).args(["--format", "json"]), 1);
    let found = json(&out);
    assert_eq!((&found["call"]["function"], &found["call"]["callee"]), (&"tank_drain_bug".into(), &"msleep".into()), "{found:#}");
    let agrees = found["findings"].as_array().expect("a list").iter().any(|f| f["agrees"] == true && f["function"] == "tank_drain_bug");
    assert!(agrees, "{found:#}");
}

#[test]
fn a_witness_its_replay_and_none() {
    let run = |scenario: &str, args: &[&str], status: i32| {
        let file = example("scenarios").join(scenario);
        stdout(cuthere().arg("witness").arg(file).arg("--tree").arg(example("kernel")).args(args), status)
    };
    let fault = json(&run("use-after-free.c", &["--format", "json"], 1));
    assert_eq!((&fault["outcome"], &fault["fault"]), (&"fault".into(), &"use-after-free".into()));
    let again = json(&run("use-after-free.c", &["--format", "json", "--replay", fault["replay"].as_str().expect("a string")], 1));
    assert_eq!(again["faults"][0], fault["faults"][0]);
    assert!(run("use-after-free.c", &[], 1).contains("[ cut here ]"));
    assert_eq!(json(&run("ok-timer.c", &["--format", "json"], 0))["outcome"], "none");
    let done = cuthere().arg("witness").arg(example("scenarios/ok-timer.c")).args(["--replay", "!!"]).assert().code(2);
    assert!(String::from_utf8_lossy(&done.get_output().stderr).contains("--replay"));
}

#[test]
fn a_program_may_include_files_beside_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("variants")).expect("made");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("lock.h", "typedef struct { atomic_int held; } lock_t;\nstatic inline void take(lock_t *l);\n");
    write(
        "lock.c",
        "#include \"lock.h\"\nstatic inline void take(lock_t *l)\n{\n\twhile (atomic_exchange(&l->held, 1))\n\t\t;\n}\n\
         static inline void give(lock_t *l)\n{\n\tatomic_store(&l->held, 0);\n}\n",
    );
    write("body.c", "#include \"lock.c\"\nlock_t lock;\nint x;\nvoid *t(void *a)\n{\n\tTAKE\n\tx++;\n\tGIVE\n\treturn NULL;\n}\n");
    let main = |take: &str, give: &str| {
        format!(
            "#include <pthread.h>\n#include <stdatomic.h>\n#include <assert.h>\n#define TAKE {take}\n#define GIVE {give}\n#include \"../body.c\"\n\
             int main(void)\n{{\n\tpthread_t a, b;\n\tpthread_create(&a, NULL, t, NULL);\n\tpthread_create(&b, NULL, t, NULL);\n\
             \tpthread_join(a, NULL);\n\tpthread_join(b, NULL);\n\tassert(x == 2);\n\treturn 0;\n}}\n"
        )
    };
    write("variants/good.c", &main("take(&lock);", "give(&lock);"));
    write("variants/bad.c", &main("", ""));
    for (name, status, first) in [("good", 0, "none: "), ("bad", 1, "assertion in main()")] {
        let said = stdout(cuthere().arg("witness").arg(folder.path().join(format!("variants/{name}.c"))), status);
        assert!(said.starts_with(first), "{said}");
    }
}
