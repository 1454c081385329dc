//! Applying hunks: round trips, offsets, fuzz, reversal, hunks that are in already, hunks that fail.

use cuthere_tree::apply::{Application, ApplyOptions, FailReason, HunkResult, apply};
use cuthere_tree::diff::parse;

/// A small deterministic generator: the same texts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn line(&mut self) -> String {
        let lines = [
            "{",
            "}",
            "",
            "\treturn 0;",
            "-- x",
            "++ y",
            "@@ -1 +1 @@",
            "\tint a;",
            "\\ no",
            " ",
            "foo();",
            "--- a/b",
            "+++ c",
            "-- ",
            "- ",
        ];
        match self.below(3) {
            0 => format!("\tline_{}();", self.below(40)),
            _ => lines[self.below(lines.len() as u64) as usize].to_owned(),
        }
    }

    fn text(&mut self, lines: &[String]) -> String {
        let text = lines.join("\n");
        if text.is_empty() || self.below(4) == 0 { text } else { text + "\n" }
    }
}

/// A unified diff. The numbers are our own: those that `similar` gives are wrong where it moved a change.
fn unified(old: &str, new: &str, context: usize) -> String {
    use similar::ChangeTag::{Delete, Equal, Insert};
    let diff = similar::TextDiff::from_lines(old, new);
    let (mut text, mut grown) = (String::new(), 0);
    for group in diff.grouped_ops(context) {
        let changes: Vec<_> = group.iter().flat_map(|op| diff.iter_changes(op)).collect();
        let count = |but| changes.iter().filter(|change| change.tag() != but).count();
        let (old_count, new_count) = (count(Insert), count(Delete));
        let start = |index: usize, count| if count == 0 { index } else { index + 1 };
        let index = changes.iter().find_map(|change| change.old_index()).unwrap_or(group[0].old_range().start);
        let new_index = (index as isize + grown) as usize;
        grown += new_count as isize - old_count as isize;
        let (old_start, new_start) = (start(index, old_count), start(new_index, new_count));
        text += &format!("@@ -{old_start},{old_count} +{new_start},{new_count} @@\n");
        for change in changes {
            let marker = match change.tag() {
                Equal => ' ',
                Delete => '-',
                Insert => '+',
            };
            let end = if change.missing_newline() { "\n\\ No newline at end of file\n" } else { "" };
            text += &format!("{marker}{}{end}", change.value());
        }
    }
    if text.is_empty() { text } else { format!("--- a/f.c\n+++ b/f.c\n{text}") }
}

fn run(old: &str, patch: &str, options: &ApplyOptions) -> Application {
    let diff = parse(patch.as_bytes());
    assert_eq!(diff.files.len(), 1, "one file in:\n{patch}\n{:?}", diff.notes);
    apply(&diff.files[0].hunks, old.as_bytes(), options)
}

fn text(application: &Application) -> String {
    String::from_utf8(application.new.clone()).expect("the tests are UTF-8")
}

fn numbered(from: usize, to: usize) -> String {
    (from..=to).map(|i| format!("line {i}\n")).collect()
}

#[test]
fn a_diff_applied_gives_the_new_text_and_undone_the_old_one() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut changed = 0;
    for round in 0..1500 {
        let mut lines: Vec<String> = (0..random.below(40)).map(|_| random.line()).collect();
        let old = random.text(&lines);
        for _ in 0..=random.below(6) {
            let at = random.below(lines.len() as u64 + 1) as usize;
            match random.below(3) {
                0 => lines.insert(at, random.line()),
                1 if at < lines.len() => lines[at] = random.line(),
                _ if at < lines.len() => drop(lines.remove(at)),
                _ => {}
            }
        }
        let new = random.text(&lines);
        for context in [0, 1, 3] {
            let patch = unified(&old, &new, context);
            if patch.is_empty() {
                continue;
            }
            changed += 1;
            let diff = parse(patch.as_bytes());
            assert!(diff.notes.is_empty(), "round {round}: {:?}\n{patch}", diff.notes);
            let forward = run(&old, &patch, &ApplyOptions::default());
            assert_eq!(text(&forward), new, "round {round}, context {context}:\n{patch}");
            let back = run(&new, &patch, &ApplyOptions { reverse: true, ..ApplyOptions::default() });
            assert_eq!(text(&back), old, "round {round}, context {context}, undone:\n{patch}");
        }
    }
    assert!(changed > 3000, "{changed}");
}

#[test]
fn a_hunk_is_found_at_an_offset_and_the_next_one_follows_it() {
    let old = numbered(1, 60);
    let new = old.replace("line 20\n", "line twenty\n").replace("line 50\n", "");
    let patch = unified(&old, &new, 3);
    let shifted = numbered(100, 110) + &old;
    let outcome = run(&shifted, &patch, &ApplyOptions::default());
    assert_eq!(text(&outcome), numbered(100, 110) + &new);
    for (hunk, line) in outcome.hunks.iter().zip([28, 58]) {
        assert!(matches!(hunk.result, HunkResult::Applied { offset: 11, fuzz: 0, line: at, .. } if at == line), "{hunk:?}");
    }
}

#[test]
fn context_is_dropped_at_the_ends_and_kept_as_the_file_has_it() {
    let old = numbered(1, 20);
    let patch = unified(&old, &old.replace("line 10\n", "line ten\n"), 3);
    for (changed, fuzz) in [("line 7\n", 1), ("line 8\n", 2)] {
        let there = old.replace(changed, "something else\n");
        let outcome = run(&there, &patch, &ApplyOptions::default());
        assert_eq!(text(&outcome), there.replace("line 10\n", "line ten\n"));
        assert!(matches!(outcome.hunks[0].result, HunkResult::Applied { fuzz: used, offset: 0, .. } if used == fuzz), "{outcome:?}");
    }
    let strict = ApplyOptions { max_fuzz: 0, ..ApplyOptions::default() };
    assert!(run(&old.replace("line 7\n", "x\n"), &patch, &strict).hunks[0].failed());
}

#[test]
fn what_is_in_already_is_said_and_left() {
    let old = numbered(1, 40);
    let new = old.replace("line 10\n", "line 10\nadded\n").replace("line 30\n", "line thirty\n");
    let patch = unified(&old, &new, 3);
    let outcome = run(&new, &patch, &ApplyOptions::default());
    assert_eq!(text(&outcome), new);
    assert_eq!(
        outcome.hunks.iter().map(|hunk| &hunk.result).collect::<Vec<_>>(),
        [&HunkResult::AlreadyApplied { line: 8 }, &HunkResult::AlreadyApplied { line: 28 }]
    );
    let half = old.replace("line 10\n", "line 10\nadded\n");
    let outcome = run(&half, &patch, &ApplyOptions::default());
    assert_eq!(text(&outcome), new);
    assert!(matches!(outcome.hunks[1].result, HunkResult::Applied { .. }));
}

#[test]
fn a_failed_hunk_names_the_nearest_place_and_stops_nothing() {
    let old = numbered(1, 60);
    let patch = unified(&old, &old.replace("line 20\n", "line twenty\n").replace("line 50\n", "line fifty\n"), 3);
    let there = old.replace("line 20\n", "changed 20\n").replace("line 19\n", "changed 19\n");
    let outcome = run(&there, &patch, &ApplyOptions::default());
    assert_eq!(text(&outcome), there.replace("line 50\n", "line fifty\n"));
    let HunkResult::Failed { reason: FailReason::NoMatch, nearest: Some(nearest) } = &outcome.hunks[0].result else {
        panic!("{:?}", outcome.hunks[0]);
    };
    assert_eq!((nearest.line, nearest.similarity), (17, 71));
    assert!(nearest.text.starts_with("line 17\nline 18\nchanged 19\n"), "{}", nearest.text);
    assert_eq!(outcome.hunks[0].number, 1);
    let nowhere = run("int unrelated;\n", &patch, &ApplyOptions::default());
    assert!(nowhere.hunks.iter().all(|hunk| matches!(&hunk.result, HunkResult::Failed { nearest: None, .. })));
}

#[test]
fn blanks_are_ignored_on_demand_and_the_files_own_stay() {
    let old = "int f(void)\n{\n\tint  a;\n\n\ta = 1;\n\treturn a;\n}\n";
    let patch = "--- a/f.c\n+++ b/f.c\n@@ -2,5 +2,6 @@\n {\n         int a;\n\n         a = 1;\n+        b = 2;\n         return a;\n";
    assert!(run(old, patch, &ApplyOptions::default()).hunks[0].failed());
    let outcome = run(old, patch, &ApplyOptions { ignore_blanks: true, ..ApplyOptions::default() });
    assert_eq!(text(&outcome), old.replace("a = 1;\n", "a = 1;\n        b = 2;\n"));
    assert!(matches!(outcome.hunks[0].result, HunkResult::Applied { blanks_ignored: true, .. }));
}

#[test]
fn line_ends_follow_the_file() {
    let patch = "--- a/f.c\n+++ b/f.c\n@@ -1,2 +1,3 @@\n a\n+new\n b\n";
    assert_eq!(text(&run("a\r\nb\r\n", patch, &ApplyOptions::default())), "a\r\nnew\r\nb\r\n");
    let mailed = patch.replace('\n', "\r\n");
    assert_eq!(text(&run("a\nb\n", &mailed, &ApplyOptions::default())), "a\nnew\nb\n");
}

#[test]
fn a_file_of_equal_lines_ends_in_bounded_time() {
    let old = "\tx = 1;\n".repeat(300_000);
    let hunk: String = " \tx = 1;\n".repeat(2000);
    let patch = format!("--- a/f.c\n+++ b/f.c\n@@ -5,2001 +5,2001 @@\n{hunk}-\tmissing();\n+\tother();\n");
    let outcome = run(&old, &patch, &ApplyOptions::default());
    assert!(outcome.hunks[0].failed());
    assert_eq!(outcome.new.len(), old.len());
}
