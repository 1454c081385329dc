//! The example tree: every `//~ check-id` mark is a finding on its line at medium confidence or above, and nothing else is found there;
//! `//~ check-id low` marks one that is shown only to those who ask for low confidence.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

type Marks = BTreeSet<(String, u64, String)>;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kernel").canonicalize().expect("the example tree")
}

fn check(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuthere"));
    let done =
        command.args(["check", "--no-cache"]).arg("--tree").arg(example()).args(args).env_remove("CLICOLOR_FORCE").output().expect("runs");
    (done.status.code(), String::from_utf8(done.stdout).expect("UTF-8"))
}

fn findings(args: &[&str]) -> Marks {
    let (status, out) = check(&[&["--format", "json"], args].concat());
    let found: Marks = out
        .lines()
        .map(|line| {
            let finding: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |field: &str| finding[field].as_str().expect("text").to_owned();
            (text("file"), finding["line"].as_u64().expect("a number"), text("check"))
        })
        .collect();
    assert_eq!(status, Some(i32::from(!found.is_empty())));
    found
}

/// The marks of every C file below `folder`: those of low confidence, or the others.
fn marks(folder: &Path, low: bool, out: &mut Marks) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            marks(&path, low, out);
        } else if path.extension().is_some_and(|extension| extension == "c") {
            let file = path.strip_prefix(example()).expect("below").to_str().expect("UTF-8").to_owned();
            let text = std::fs::read_to_string(&path).expect("readable");
            for (line, text) in (1..).zip(text.lines()) {
                if let Some((_, mark)) = text.split_once("//~ ") {
                    let (check, marked_low) =
                        mark.trim().split_once(' ').map_or((mark.trim(), false), |(check, level)| (check, level == "low"));
                    if marked_low == low {
                        out.insert((file.clone(), line, check.to_owned()));
                    }
                }
            }
        }
    }
}

#[test]
fn exactly_the_marked_lines_are_found() {
    let mut wanted = Marks::new();
    marks(&example(), false, &mut wanted);
    assert!(wanted.len() > 15, "the marks were read");
    let found = findings(&[]);
    let short = |marks: Vec<&(String, u64, String)>| -> Vec<(String, u64, String)> { marks.into_iter().cloned().collect() };
    assert_eq!(short(wanted.difference(&found).collect()), [], "marked lines that were not found");
    assert_eq!(short(found.difference(&wanted).collect()), [], "findings on lines without a mark");
}

#[test]
fn what_is_marked_low_is_found_by_those_who_ask() {
    let mut wanted = Marks::new();
    marks(&example(), true, &mut wanted);
    assert!(!wanted.is_empty(), "the marks were read");
    let found = findings(&["--confidence", "low"]);
    assert_eq!(wanted.difference(&found).collect::<Vec<_>>(), [] as [&(String, u64, String); 0], "marked lines that were not found");
}

#[test]
fn paths_and_checks_narrow_what_is_shown() {
    let tape = findings(&["drivers/tape"]);
    assert!(!tape.is_empty() && tape.iter().all(|(file, _, _)| file.starts_with("drivers/tape/")));
    let sleeping = findings(&["--only", "sleep-in-atomic"]);
    assert!(!sleeping.is_empty() && sleeping.iter().all(|(_, _, check)| check == "sleep-in-atomic"));
}

#[test]
fn the_architecture_decides_which_helper_is_called() {
    let in_lamp = |found: &Marks| found.iter().filter(|(file, _, _)| file == "drivers/lamp/lamp.c").count();
    assert_eq!(in_lamp(&findings(&["--arch", "arm64"])), in_lamp(&findings(&["--arch", "x86"])) + 1);
}

#[test]
fn a_patch_that_mends_a_defect_silences_it_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let patch = folder.path().join("mend.patch");
    let text = "--- a/drivers/tape/tape.c\n+++ b/drivers/tape/tape.c\n@@ -22,5 +22,5 @@\n \tstruct reel *reel = kzalloc(sizeof(*reel), GFP_KERNEL);\n \n\
                -\treel->id = id; //~ null-deref\n+\tif (reel) reel->id = id;\n \treturn reel;\n }\n";
    std::fs::write(&patch, text).expect("written");
    let (before, after) = (findings(&[]), findings(&["--patch", patch.to_str().expect("UTF-8")]));
    let gone: Vec<_> = before.difference(&after).map(|(file, _, check)| (file.as_str(), check.as_str())).collect();
    assert_eq!(gone, [("drivers/tape/tape.c", "null-deref")]);
    assert_eq!(after.len() + 1, before.len());
}

#[test]
fn a_baseline_of_everything_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let baseline = folder.path().join("baseline.jsonl");
    let (_, all) = check(&["--format", "json", "--confidence", "low"]);
    std::fs::write(&baseline, &all).expect("written");
    let (status, shown) = check(&["--format", "json", "--confidence", "low", "--baseline", baseline.to_str().expect("UTF-8")]);
    assert_eq!((status, shown.as_str()), (Some(0), ""));
}

#[test]
fn the_same_bytes_from_any_number_of_threads() {
    for format in ["text", "json", "sarif", "html"] {
        let one = check(&["--format", format, "--jobs", "1"]);
        assert_eq!(one, check(&["--format", format, "--jobs", "2"]), "{format}");
        assert_eq!(one, check(&["--format", format, "--jobs", "7"]), "{format}");
    }
}

#[test]
fn numbers_about_the_run_are_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("stats.json");
    check(&["--stats", path.to_str().expect("UTF-8")]);
    let stats: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("written")).expect("JSON");
    for field in ["files", "bytes", "functions", "functions_complete", "findings", "seconds", "peak_rss_bytes"] {
        assert!(stats.get(field).is_some(), "{field} is missing");
    }
    assert!(stats["functions"].as_u64() > Some(80), "{}", stats["functions"]);
    assert_eq!(stats["functions"], stats["functions_complete"], "{}", stats["incomplete_functions"]);
    assert!(stats["findings"]["null-deref"].is_object());
}
