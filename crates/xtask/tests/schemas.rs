//! The schemas in `docs/schemas` hold for what the command writes on the examples, and tell other things from it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// The command of the same build.
fn cuthere() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("cuthere");
    if !path.is_file() {
        let release = path.components().any(|part| part.as_os_str() == "release");
        let args = ["build", "-q", "-p", "cuthere-cli", "--profile", if release { "release" } else { "dev" }];
        assert!(Command::new(env!("CARGO")).args(args).status().expect("cargo runs").success());
    }
    path
}

fn run(args: &[&str], input: &str) -> String {
    let mut command = Command::new(cuthere());
    command.args(args).env("XDG_CACHE_HOME", "/dev/null").current_dir(root().join("examples/kernel"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs");
    // A command that reads nothing may have ended.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    String::from_utf8(child.wait_with_output().expect("ends").stdout).expect("UTF-8")
}

/// Holds a value to a schema; a value of another kind must not hold.
fn holds(name: &str, value: &serde_json::Value) {
    let text = fs::read_to_string(root().join(format!("docs/schemas/{name}.json"))).expect("a schema");
    let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    assert!(!validator.is_valid(&serde_json::json!({"other": 7})) && !validator.is_valid(&serde_json::json!([7])), "{name} tells nothing");
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

const OOPS: &str = "BUG: sleeping function called from invalid context at kernel/time/timer.c:100\nin_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 7, name: drain\n\
                    CPU: 1 PID: 7 Comm: drain Not tainted 6.12.0 #1\nCall Trace:\n <TASK>\n __might_sleep+0x10/0x20\n msleep+0x1c/0x30\n tank_drain_bug+0x1d/0x40\n </TASK>\n";

#[test]
fn what_is_written_is_what_the_schemas_say() {
    let stats = tempfile::NamedTempFile::new().expect("a file");
    let path = stats.path().to_str().expect("UTF-8");
    let findings = run(&["check", "-f", "json", "--stats", path, "--confidence", "low"], "");
    assert!(findings.lines().count() > 10);
    findings.lines().for_each(|line| holds("finding", &json(line)));
    holds("stats", &json(&fs::read_to_string(path).expect("written")));
    holds("function", &json(&run(&["function", "valve_move", "-f", "json"], "")));
    holds("splat", &json(&run(&["splat", "-", "-f", "json"], OOPS)));
    holds("explain", &json(&run(&["explain", "-", "-f", "json"], OOPS)));
    holds("witness", &json(&run(&["witness", "../scenarios/use-after-free.c", "-f", "json"], "")));
    let file = "drivers/tank/tank.c";
    let text = fs::read_to_string(root().join("examples/kernel").join(file)).expect("there");
    let first = text.lines().next().expect("a line");
    let count = text.lines().count();
    let more = "int tank_more(struct tank *tank)\n{\n\tspin_lock(&tank->lock);\n\tmsleep(7);\n\tspin_unlock(&tank->lock);\n\treturn 0;\n}";
    let last = text.lines().last().expect("a line");
    let added: String = more.lines().map(|l| format!("+{l}\n")).collect();
    let mail = format!(
        "From: A <a@example.org>\nSubject: [PATCH] tank: fix more\nMessage-ID: <1@example.org>\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\n{OOPS}\n\
         Fixes: 0123456789ab (\"x\")\nSigned-off-by: A <a@example.org>\n---\n--- a/{file}\n+++ b/{file}\n@@ -{count},1 +{count},8 @@\n {last}\n{added}"
    );
    assert!(!first.is_empty());
    let review = json(&run(&["review", "-", "-f", "json"], &mail));
    assert_eq!(review["introduced"].as_array().map(Vec::len), Some(1), "{review:#}");
    holds("review", &review);
    holds("thread", &json(&run(&["thread", "-", "-f", "json"], &mail)));
}
