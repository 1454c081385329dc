//! Every format, on findings made by hand: wording by golden output, structure by the formats' own rules.

use cuthere_base::{Confidence, Finding, Step};
use cuthere_report::{Baseline, Coverage, Origin, Palette, Rule, Shown, gcc, gitlab, html, json_lines, junit, pages, sarif, sort, text};
use expect_test::expect;

fn step(file: &str, line: u32, column: u32, function: &str, text: &str) -> Step {
    Step { file: file.into(), line, column, function: function.into(), thread: None, text: text.into() }
}

fn imbalance() -> Finding {
    Finding {
        check: "lock-imbalance".into(),
        confidence: Confidence::High,
        file: "drivers/foo/core.c".into(),
        line: 41,
        column: 3,
        function: "foo_probe".into(),
        message: "`foo_probe` returns -ENOMEM with `dev->lock` held".into(),
        steps: vec![
            step("drivers/foo/core.c", 38, 2, "foo_probe", "taken here"),
            step("drivers/foo/core.c", 40, 6, "foo_probe", "path: `buf == NULL`"),
            step("drivers/foo/core.c", 41, 3, "foo_probe", "still held here"),
        ],
        assumes: vec!["`foo_alloc` may return NULL (mem.c:88)".into()],
        locks: vec![],
        context: String::new(),
        fingerprint: "00ff".into(),
    }
}

fn chain() -> Finding {
    Finding {
        check: "sleep-in-atomic".into(),
        confidence: Confidence::Medium,
        file: "net/mini/tx.c".into(),
        line: 7,
        column: 2,
        function: "mini_grow".into(),
        message: "`mini_grow` sleeps in `mutex_lock` with softirqs disabled".into(),
        steps: vec![
            step("net/mini/dev.c", 120, 2, "mini_xmit", "called with softirqs disabled"),
            step("net/mini/dev.c", 121, 9, "mini_xmit", "calls `mini_grow`"),
            Step { thread: Some("CPU 0".into()), ..step("net/mini/tx.c", 7, 2, "mini_grow", "may sleep") },
        ],
        assumes: vec![],
        locks: vec!["net_device.tx_lock".into()],
        context: "softirq, bh disabled".into(),
        fingerprint: "0a0b".into(),
    }
}

fn lines(file: &str, line: u32) -> Option<Vec<u8>> {
    let text: &[u8] = match (file, line) {
        ("drivers/foo/core.c", 38) => b"\tspin_lock(&dev->lock);",
        ("drivers/foo/core.c", 41) => b"\t\treturn -ENOMEM;",
        ("net/mini/dev.c", 120) => b"static int mini_xmit(struct sk_buff *skb) /* \x1b[31m */",
        ("net/mini/dev.c", 121) => b"\treturn mini_grow(skb, 3);",
        ("net/mini/tx.c", 7) => b"\tmutex_lock(&grow_lock);",
        _ => return None,
    };
    Some(text.to_vec())
}

fn coverage() -> Coverage {
    Coverage {
        files: 2,
        functions: 9,
        functions_complete: 8,
        functions_truncated: 0,
        rest: None,
        checks: vec!["lock-imbalance".into(), "sleep-in-atomic".into()],
        ..Coverage::default()
    }
}

const RULES: [Rule; 2] = [
    Rule { id: "lock-imbalance", summary: "a path that returns with a lock held", page: "# lock-imbalance\n\n…", trial: true },
    Rule {
        id: "sleep-in-atomic",
        summary: "a call that may sleep where it must not",
        page: "# sleep-in-atomic\n\nSee https://docs.kernel.org/locking/locktypes.html.",
        trial: false,
    },
];

fn origin() -> Origin<'static> {
    Origin {
        version: "0.1.0",
        root: Some("/home/me/my linux".into()),
        repository: Some(("https://example.org/linux.git".into(), "0123456789abcdef".into())),
        outside: Vec::new(),
        gaps: vec!["not read: a.c: unreadable".into()],
    }
}

fn rendered(write: impl Fn(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("writing to memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn text_shows_steps_in_time_order_under_their_lines() {
    let shown = rendered(|out| text(out, &[imbalance(), chain()], &coverage(), &lines, &Palette::plain(), Shown::Causes));
    expect![[r#"
        error[lock-imbalance]: `foo_probe` returns -ENOMEM with `dev->lock` held
          --> drivers/foo/core.c:41:3
        38 |     spin_lock(&dev->lock);
           |     ^^^^^^^^^^^^^^^^^^^^^ (1) taken here
        41 |             return -ENOMEM;
           |             ^^^^^^^^^^^^^^ (2) still held here
           = path: `buf == NULL` at line 40
           = assumes: `foo_alloc` may return NULL (mem.c:88)

        warning[sleep-in-atomic]: `mini_grow` sleeps in `mutex_lock` with softirqs disabled
           --> net/mini/tx.c:7:2
           ::: net/mini/dev.c:120 in `mini_xmit`
        120 |     static int mini_xmit(struct sk_buff *skb) /* \x1b[31m */
            |      ^^^^^ (1) called with softirqs disabled
        121 |             return mini_grow(skb, 3);
            |                    ^^^^^^^^^^^^^^^^^ (2) calls `mini_grow`
           ::: net/mini/tx.c:7 in `mini_grow`
          7 |     mutex_lock(&grow_lock);
            |     ^^^^^^^^^^^^^^^^^^^^^^ (3) [CPU 0] may sleep
            = context: softirq, bh disabled
            = locks held: `net_device.tx_lock`

        by check            high medium    low
          lock-imbalance       1      0      0
          sleep-in-atomic      0      1      0
        by directory        high medium    low
          drivers/foo          1      0      0
          net/mini             0      1      0

        2 findings (1 high, 1 medium) in 2 files, 9 functions (8 read whole); checks: lock-imbalance, sleep-in-atomic
    "#]]
    .assert_eq(&shown);
}

#[test]
fn colour_changes_nothing_but_colour() {
    let findings = [imbalance(), chain()];
    let plain = rendered(|out| text(out, &findings, &coverage(), &lines, &Palette::plain(), Shown::Causes));
    let coloured = rendered(|out| text(out, &findings, &coverage(), &lines, &Palette::colour(), Shown::Causes));
    assert!(coloured.contains("\x1b[") && !plain.contains('\x1b'));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find("\x1b[") {
        stripped.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').map_or("", |(_, after)| after);
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
}

#[test]
fn silence_states_what_was_covered() {
    let shown = rendered(|out| text(out, &[], &coverage(), &lines, &Palette::plain(), Shown::Causes));
    expect![[r#"
        no findings in 2 files, 9 functions (8 read whole); checks: lock-imbalance, sleep-in-atomic
    "#]]
    .assert_eq(&shown);
}

#[test]
fn json_has_the_documented_fields_and_comes_back() {
    let shown = rendered(|out| json_lines(out, &[imbalance(), chain()]));
    assert_eq!(shown.lines().count(), 2);
    let first: serde_json::Value = serde_json::from_str(shown.lines().next().expect("a line")).expect("JSON");
    for field in
        ["check", "confidence", "file", "line", "column", "function", "message", "steps", "assumes", "locks", "context", "fingerprint"]
    {
        assert!(first.get(field).is_some(), "{field} is missing");
    }
    assert_eq!(first["confidence"], "high");
    assert!(first["steps"][0]["thread"].is_null());
    let back: Finding = serde_json::from_str(shown.lines().nth(1).expect("a line")).expect("a finding");
    assert_eq!(back, chain());
}

/// The official schema, from the source of a package that carries it.
fn schema() -> serde_json::Value {
    let out = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|p| p["name"] == "serde-sarif").expect("a dependency");
    let manifest = std::path::Path::new(package["manifest_path"].as_str().expect("a path"));
    let text = std::fs::read_to_string(manifest.with_file_name("src").join("schema.json")).expect("the schema");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn sarif_is_valid_and_the_schema_can_tell() {
    let mut schema = schema();
    // The official pattern has an unbalanced bracket, which strict validators refuse to compile; nothing here writes a language.
    for holder in ["run", "toolComponent"] {
        schema["definitions"][holder]["properties"]["language"]["pattern"] = ".*".into();
    }
    assert_eq!(schema["title"], "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let odd = Finding { file: "a b/c:d.c".into(), line: 0, column: 0, steps: vec![], ..imbalance() };
    for findings in [vec![], vec![imbalance(), chain(), odd]] {
        let shown = rendered(|out| sarif(out, &findings, &RULES, &origin(), &lines));
        let mut log: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        log["runs"][0]["tool"]["driver"]["name"] = 7.into();
        assert!(!validator.is_valid(&log), "the schema tells right from wrong");
    }
}

#[test]
fn sarif_carries_steps_fingerprints_and_rules() {
    let shown = rendered(|out| sarif(out, &[imbalance(), chain()], &RULES, &origin(), &lines));
    let log: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"][1]["id"], "sleep-in-atomic");
    let result = &run["results"][1];
    assert_eq!((&result["ruleIndex"], &result["level"]), (&1.into(), &"warning".into()));
    assert_eq!(result["partialFingerprints"]["cuthere/v1"], "0a0b");
    let flows = result["codeFlows"][0]["threadFlows"].as_array().expect("flows");
    assert_eq!(flows.len(), 2, "one without a thread, one of CPU 0");
    assert_eq!(flows[1]["locations"][0]["executionOrder"], 3);
    let region = &flows[0]["locations"][1]["location"]["physicalLocation"]["region"];
    assert_eq!((&region["startLine"], &region["startColumn"], &region["endColumn"]), (&121.into(), &9.into(), &26.into()));
    assert_eq!(run["originalUriBaseIds"]["SRCROOT"]["uri"], "file:///home/me/my%20linux/");
    assert_eq!(run["versionControlProvenance"][0]["revisionId"], "0123456789abcdef");
    let rules = &run["tool"]["driver"]["rules"];
    assert_eq!((&rules[0]["helpUri"], &rules[0]["properties"]["precision"]), (&"cuthere:checks/lock-imbalance".into(), &"medium".into()));
    assert_eq!(rules[1]["helpUri"], "https://docs.kernel.org/locking/locktypes.html");
}

#[test]
fn html_stands_alone_and_escapes() {
    let mut hostile = chain();
    hostile.message = "<script>alert(1)</script>".into();
    let shown = rendered(|out| html(out, &[imbalance(), hostile.clone()], &RULES, &[("tree", "/x".into())], &coverage(), &lines));
    assert!(!shown.contains("<script") && shown.contains("&lt;script&gt;"));
    assert!(!shown.contains("http:") && !shown.contains("https:"));
    assert!(shown.contains("<mark>spin_lock(&amp;dev-&gt;lock)</mark>"));
    assert!(shown.contains("a path that returns with a lock held"));
    assert!(shown.contains("<a href=\"#net-mini\">net/mini</a>") && shown.contains("id=\"net-mini\""));
    assert!(shown.contains("body:has(#c-sleep-in-atomic:not(:checked))"));
}

#[test]
fn a_large_report_is_split_and_a_page_stays_small() {
    let many: Vec<Finding> = (0..5000).map(|n| Finding { line: n, file: format!("drivers/d{}/x.c", n % 90), ..imbalance() }).collect();
    let split = pages(&many[..900], &RULES, &[], &coverage(), &lines);
    assert_eq!(split.first().map(|p| p.name.as_str()), Some("index.html"));
    assert_eq!(split.len(), 2, "ninety directories are one part");
    let wide = pages(&many, &RULES, &[], &coverage(), &lines);
    assert_eq!(wide.len(), 91, "a part that is too large is divided");
    let deep: Vec<Finding> = many.iter().map(|f| Finding { file: "fs/x/y.c".into(), ..f.clone() }).collect();
    let deep = pages(&deep, &RULES, &[], &coverage(), &lines);
    assert!(deep.len() > 2 && deep[0].text.contains("fs/x (1 of "), "and a directory into pages");
    let whole = |page: &cuthere_report::Page| page.text.len() < 2_000_000 && !page.text.contains("stand without source");
    assert!(wide.iter().chain(&deep).all(whole));
    let few: Vec<Finding> = many.iter().take(40).cloned().collect();
    assert_eq!(pages(&few, &RULES, &[], &coverage(), &lines).len(), 41);
    let whole = rendered(|out| html(out, &many[..2500], &RULES, &[], &coverage(), &lines));
    assert!(whole.len() < 2_500_000 && whole.contains("stand without source"), "{}", whole.len());
}

#[test]
fn other_programs_are_spoken_to_in_their_ways() {
    let all = [imbalance(), chain()];
    let compiler = rendered(|out| gcc(out, &all));
    assert!(compiler.contains("drivers/foo/core.c:41:3: error: `foo_probe` returns -ENOMEM with `dev->lock` held [lock-imbalance]\n"));
    assert!(compiler.contains("net/mini/tx.c:7:2: note: [CPU 0] may sleep\n"), "{compiler}");
    let twice = [chain(), chain()];
    let issues: serde_json::Value = serde_json::from_str(&rendered(|out| gitlab(out, &twice))).expect("JSON");
    assert_eq!((&issues[0]["severity"], &issues[0]["location"]["lines"]["begin"]), (&"major".into(), &7.into()));
    assert_ne!(issues[0]["fingerprint"], issues[1]["fingerprint"]);
    let suites = rendered(|out| junit(out, &[imbalance()], &RULES));
    assert!(suites.contains("tests=\"2\" failures=\"1\"") && suites.contains("`dev-&gt;lock`"), "{suites}");
    assert!(suites.contains("<testcase classname=\"sleep-in-atomic\" name=\"sleep-in-atomic\"/>"));
}

#[test]
fn one_cause_is_shown_once() {
    let all: Vec<Finding> = (0..9).map(|n| Finding { function: format!("caller_{n}"), line: 7 + n, ..chain() }).collect();
    let all: Vec<Finding> = all
        .into_iter()
        .map(|mut f| {
            f.steps[2].function = "deep".into();
            f.steps[2].thread = None;
            f
        })
        .collect();
    let short = rendered(|out| text(out, &all, &coverage(), &lines, &Palette::plain(), Shown::Causes));
    assert_eq!(short.matches("warning[sleep-in-atomic]").count(), 1, "{short}");
    assert!(short.contains("= the same cause at 8 more places:") && short.contains("… and 3 more (--all)"), "{short}");
    assert!(short.contains("9 findings (9 medium) of 1 cause in 2 files"), "{short}");
    let whole = rendered(|out| text(out, &all, &coverage(), &lines, &Palette::plain(), Shown::All));
    assert_eq!(whole.matches("warning[sleep-in-atomic]").count(), 9);
    let numbers = rendered(|out| text(out, &all, &coverage(), &lines, &Palette::plain(), Shown::Statistics));
    assert!(!numbers.contains("warning[") && numbers.starts_with("by check"), "{numbers}");
    let mut covered = coverage();
    covered.left_out = vec![("known by the baseline".into(), 3), ("of low confidence".into(), 0)];
    covered.unread = 2;
    let silent = rendered(|out| text(out, &[], &covered, &lines, &Palette::plain(), Shown::Causes));
    assert!(
        silent.contains("in 2 files, 2 files not read, 9 functions") && silent.ends_with("left out: 3 known by the baseline\n"),
        "{silent}"
    );
}

#[test]
fn a_baseline_counts() {
    let known = rendered(|out| json_lines(out, &[imbalance()]));
    let baseline = Baseline::parse(&known).expect("a baseline");
    let moved = Finding { line: 99, ..imbalance() };
    let (new, hidden) = baseline.subtract(vec![moved.clone(), chain()]);
    assert_eq!((new, hidden), (vec![chain()], 1));
    let (new, hidden) = baseline.subtract(vec![moved.clone(), moved.clone()]);
    assert_eq!((new, hidden), (vec![moved], 1));
}

#[test]
fn a_damaged_baseline_is_an_error_with_its_line() {
    let error = Baseline::parse("\n{\"check\":\"x\",\"fingerprint\":\"1\"}\n{\"check\":").expect_err("damaged");
    assert_eq!(error.line, 3);
}

#[test]
fn order_is_by_place_whatever_came_first() {
    let mut findings = vec![chain(), imbalance(), chain()];
    sort(&mut findings);
    assert_eq!(findings, vec![imbalance(), chain()]);
}
