//! The cache: what it gives is what a run without it finds, whatever happens to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const HEADER: &str = "struct spinlock { int x; };\nextern struct spinlock lock;\nvoid spin_lock(struct spinlock *l);\n\
                      void spin_unlock(struct spinlock *l);\nvoid msleep(unsigned int ms);\n#define WAIT() msleep(1)\n";
const SOURCE: &str = "#include \"wait.h\"\nvoid tick(void)\n{\n\tspin_lock(&lock);\n\tWAIT();\n\tspin_unlock(&lock);\n}\n";

/// A tree, and beside it a folder for the cache.
fn tree() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tree, cache) = (folder.path().join("tree"), folder.path().join("cache"));
    fs::create_dir(&tree).expect("made");
    write(&tree, "wait.h", HEADER);
    write(&tree, "tick.c", SOURCE);
    (folder, tree, cache)
}

fn write(tree: &Path, name: &str, text: &str) {
    fs::write(tree.join(name), text).expect("written");
}

fn command(tree: &Path, cache: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuthere"));
    command.arg("check").arg("--tree").arg(tree).args(["--format", "json"]).args(cache).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn judged(done: &Output) -> String {
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 1)) && !said.contains("panicked"), "{}: {said}", done.status);
    String::from_utf8(done.stdout.clone()).expect("UTF-8")
}

fn fresh(tree: &Path) -> String {
    judged(&command(tree, &["--no-cache"]).output().expect("runs"))
}

fn cached(tree: &Path, cache: &Path) -> String {
    judged(&command(tree, &["--cache", cache.to_str().expect("UTF-8")]).output().expect("runs"))
}

/// What is found, and whether anything was written to the cache.
fn counted(tree: &Path, cache: &Path) -> (String, bool) {
    let stats = cache.with_extension("stats");
    let args = ["--cache", cache.to_str().expect("UTF-8"), "--stats", stats.to_str().expect("UTF-8")];
    let out = judged(&command(tree, &args).output().expect("runs"));
    let stats: serde_json::Value = serde_json::from_slice(&fs::read(stats).expect("written")).expect("JSON");
    assert_eq!(stats["functions"], 1, "numbers come from the cache too");
    (out, stats["cache"]["written"].as_u64().expect("a number") > 0)
}

fn packs(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache.join("v1")).expect("a folder");
    entries.map(|e| e.expect("an entry").path()).filter(|p| p.extension().is_some_and(|e| e == "pack")).collect()
}

#[test]
fn the_same_input_is_found_again() {
    let (_folder, tree, cache) = tree();
    let expected = fresh(&tree);
    assert!(expected.contains("sleep-in-atomic"));
    assert_eq!(counted(&tree, &cache), (expected.clone(), true));
    assert_eq!(counted(&tree, &cache), (expected, false));
}

#[test]
fn a_change_anywhere_counts() {
    let (_folder, tree, cache) = tree();
    let bad = cached(&tree, &cache);
    // In a header: what a macro stands for.
    write(&tree, "wait.h", &HEADER.replace("msleep(1)", "do { } while (0)"));
    assert_eq!(counted(&tree, &cache), (String::new(), true));
    // A header in front of it, which was not there before: the list of files is another one.
    write(&tree, "wait.h", &HEADER.replace("struct spinlock {", "#include \"more.h\"\nstruct spinlock {"));
    write(&tree, "more.h", "int more;\n");
    let (with_more, written) = counted(&tree, &cache);
    assert_eq!((with_more, written), (fresh(&tree), true));
    // And back.
    fs::remove_file(tree.join("more.h")).expect("removed");
    write(&tree, "wait.h", HEADER);
    assert_eq!(counted(&tree, &cache), (bad, false));
}

#[test]
fn a_list_that_no_longer_fits_does_not_hide_the_result() {
    let (_folder, tree, cache) = tree();
    write(&tree, "more.h", "int more;\n");
    let args = |cache: &Path| command(&tree, &["--cache", cache.to_str().expect("UTF-8"), "tick.c"]).output().expect("runs");
    for header in [HEADER.to_owned(), format!("#include \"more.h\"\n{HEADER}"), format!("{HEADER}int last;\n"), HEADER.to_owned()] {
        write(&tree, "wait.h", &header);
        let expected = judged(&command(&tree, &["--no-cache", "tick.c"]).output().expect("runs"));
        for _ in 0..2 {
            assert_eq!(judged(&args(&cache)), expected);
        }
    }
}

#[test]
fn options_count() {
    let (_folder, tree, cache) = tree();
    let with = |more: &[&str]| {
        let args = [&["--cache", cache.to_str().expect("UTF-8")], more].concat();
        judged(&command(&tree, &args).output().expect("runs"))
    };
    assert!(with(&[]).contains("sleep-in-atomic"));
    assert_eq!(with(&["--only", "null-deref"]), "");
    assert_eq!(with(&["--preempt", "rt"]), judged(&command(&tree, &["--no-cache", "--preempt", "rt"]).output().expect("runs")));
    assert!(with(&["--confidence", "low"]).contains("sleep-in-atomic"));
}

#[test]
fn no_cache_leaves_nothing() {
    let (folder, tree, _) = tree();
    let home = folder.path().join("home");
    fs::create_dir(&home).expect("made");
    judged(&command(&tree, &["--no-cache"]).env("XDG_CACHE_HOME", &home).output().expect("runs"));
    assert_eq!(fs::read_dir(&home).expect("a folder").count(), 0);
    judged(&command(&tree, &[]).env("XDG_CACHE_HOME", &home).output().expect("runs"));
    assert!(!packs(&home.join("cuthere")).is_empty());
}

#[test]
fn flipped_bits_and_cut_files_are_noticed() {
    let (_folder, tree, cache) = tree();
    let expected = cached(&tree, &cache);
    let mut random = 612_u64;
    for round in 0..60 {
        for pack in packs(&cache) {
            let mut bytes = fs::read(&pack).expect("read");
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (random >> 33) as usize % bytes.len();
            if round % 3 == 0 {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << (random >> 20 & 7);
            }
            fs::write(&pack, bytes).expect("written");
        }
        assert_eq!(cached(&tree, &cache), expected, "round {round}");
    }
}

#[test]
fn killed_runs_leave_nothing_wrong() {
    let (_folder, tree, cache) = tree();
    let expected = fresh(&tree);
    for round in 0..40 {
        let mut child = command(&tree, &["--cache", cache.to_str().expect("UTF-8")]).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(round));
        child.kill().expect("killed");
        child.wait().expect("ended");
        if round % 4 == 0 {
            assert_eq!(cached(&tree, &cache), expected, "round {round}");
            packs(&cache).into_iter().for_each(|pack| fs::remove_file(pack).expect("removed"));
        }
    }
}

#[test]
fn many_writers_at_once() {
    let (_folder, tree, cache) = tree();
    let expected = fresh(&tree);
    for _ in 0..10 {
        let args = ["--cache", cache.to_str().expect("UTF-8")];
        let running: Vec<_> = (0..6).map(|_| command(&tree, &args).spawn().expect("started")).collect();
        for child in running {
            assert_eq!(judged(&child.wait_with_output().expect("ends")), expected);
        }
        packs(&cache).into_iter().for_each(|pack| fs::remove_file(pack).expect("removed"));
    }
}

/// A limit on the size of files stands in for a full disk: writes fail in the same way.
#[test]
fn what_cannot_be_written_is_only_not_kept() {
    let (_folder, tree, cache) = tree();
    let expected = fresh(&tree);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cuthere"), "check", "--format", "json"]);
    let done = limited.arg("--tree").arg(&tree).arg("--cache").arg(&cache).output().expect("runs");
    assert_eq!(judged(&done), expected);
    assert!(String::from_utf8_lossy(&done.stderr).contains("cannot write to the cache"));
    assert_eq!(packs(&cache).len(), 0);
    // A file where the folder should be.
    let file = cache.with_extension("file");
    fs::write(&file, "").expect("written");
    assert_eq!(cached(&tree, &file), expected);
}
