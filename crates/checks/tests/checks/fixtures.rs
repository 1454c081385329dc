//! Every check by its fixtures: `fixtures/<check-id>/bug_*.c` and `ok_*.c`, each a tree of one file.
//!
//! Marks `//~ check-id level` in a fixture pin place, id and level of what is to be found on their line, and are written by hand; without a level, medium or
//! high is meant. The `.out` beside a fixture pins message and steps and is written by a run with `UPDATE_EXPECT=1`. A fixture answers for the check of its folder
//! and for those that it marks, and for no other, so that a new check touches no fixture of an older one. Findings of low confidence count where they are marked
//! only. `pending.txt` lists fixtures that do not come out right yet, each with the reason; one that comes out right must leave the list, which a run with `UPDATE_EXPECT=1` does.
//!
//! Lines at the head of a fixture may say `// args: --preempt rt`, as on the command line, and `// path: lib/x.c`, the file's place in the tree.

use cuthere_base::{Confidence, Finding, MemorySource};
use cuthere_checks::{Options, Quiet};
use cuthere_kernel::Model;
use cuthere_report::{Coverage, Palette, Shown};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The model without and with PREEMPT_RT.
static MODELS: LazyLock<[Model; 2]> = LazyLock::new(|| [false, true].map(|rt| Model::builtin().for_preempt(rt)));

/// All findings in a tree of one file, and what could not be read of it: the only place that knows the analysis' entry.
fn analyse(path: &str, text: &str, options: &Options) -> (Vec<Finding>, Vec<String>) {
    let model = &MODELS[usize::from(options.config.preempt_rt)];
    let outcome = cuthere_checks::run(&MemorySource::new([(path, text)]), model, options, &Quiet);
    let gaps = outcome.stats.incomplete.into_iter().map(|gap| format!("{}: {}", gap.line, gap.reason));
    (outcome.findings, gaps.collect())
}

/// What a mark asks for.
#[derive(Debug)]
struct Mark {
    line: u32,
    check: String,
    level: Option<Confidence>,
}

impl Mark {
    fn fits(&self, f: &Finding) -> bool {
        let level = self.level.map_or(f.confidence >= Confidence::Medium, |level| f.confidence == level);
        self.line == f.line && self.check == f.check && level
    }
}

/// A fixture as it stands in its file.
struct Fixture {
    /// Relative to the folder of fixtures.
    name: String,
    file: PathBuf,
    text: String,
    /// The file's place in the tree.
    path: String,
    options: Options,
    marks: Vec<Mark>,
}

impl Fixture {
    /// Reads a fixture; the error says what its author has to mend.
    fn read(root: &Path, file: &Path) -> Result<Fixture, String> {
        let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
        let text = std::fs::read_to_string(file).map_err(|e| format!("{name}: {e}"))?;
        let stem = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let mut fixture = Fixture {
            path: format!("drivers/fixture/{stem}"),
            file: file.to_owned(),
            options: Options::default(),
            marks: Vec::new(),
            name,
            text,
        };
        let heads: Vec<String> = fixture.text.lines().map_while(|l| l.strip_prefix("// ")).map(str::to_owned).collect();
        for head in heads {
            match head.split_once(": ") {
                Some(("args", "--preempt rt")) => fixture.options.config.preempt_rt = true,
                Some(("args", "--preempt rt --bh-lock")) => {
                    fixture.options.config.preempt_rt = true;
                    fixture.options.bh_lock = true;
                }
                Some(("args", other)) => return Err(format!("{}: unknown arguments `{other}`", fixture.name)),
                Some(("path", path)) => path.clone_into(&mut fixture.path),
                _ => {}
            }
        }
        for (line, text) in (1..).zip(fixture.text.lines()) {
            for mark in text.split("//~").skip(1) {
                let mut words = mark.split_whitespace();
                let check = words.next().unwrap_or_default().to_owned();
                let level = match words.next() {
                    None => None,
                    Some("high") => Some(Confidence::High),
                    Some("medium") => Some(Confidence::Medium),
                    Some("low") => Some(Confidence::Low),
                    Some(other) => return Err(format!("{}:{line}: `{other}` is no level", fixture.name)),
                };
                fixture.marks.push(Mark { line, check, level });
            }
        }
        match (stem.starts_with("bug_"), stem.starts_with("ok_"), fixture.marks.is_empty()) {
            (true, _, true) => Err(format!("{}: a `bug_` fixture without a mark", fixture.name)),
            (_, true, false) => Err(format!("{}: an `ok_` fixture with a mark", fixture.name)),
            (false, false, _) => Err(format!("{}: neither `bug_` nor `ok_`", fixture.name)),
            _ if fixture.text.lines().count() > 40 => Err(format!("{}: more than 40 lines", fixture.name)),
            _ => Ok(fixture),
        }
    }

    fn check(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The findings that the fixture answers for.
    fn found(&self) -> Vec<Finding> {
        let ids: BTreeSet<&str> = self.marks.iter().map(|m| m.check.as_str()).chain([self.check()]).collect();
        let (mut found, gaps) = analyse(&self.path, &self.text, &self.options);
        assert!(gaps.is_empty(), "{} is not read whole: {}", self.name, gaps.join("; "));
        found.retain(|f| {
            let marked = self.marks.iter().any(|m| m.line == f.line && m.check == f.check && m.level == Some(Confidence::Low));
            ids.contains(f.check.as_str()) && (f.confidence >= Confidence::Medium || marked)
        });
        found
    }

    /// Where marks and findings differ; empty: nowhere.
    fn differences(&self, found: &[Finding]) -> Vec<String> {
        let mut left: Vec<&Finding> = found.iter().collect();
        let mut out = Vec::new();
        for mark in &self.marks {
            match left.iter().position(|f| mark.fits(f)) {
                Some(at) => {
                    left.remove(at);
                }
                None => {
                    let level = mark.level.map_or("medium or high", Confidence::as_str);
                    out.push(format!("{}:{}: not found: {}, {level}", self.name, mark.line, mark.check));
                }
            }
        }
        let extra = |f: &&Finding| format!("{}:{}: not marked: {}, {}: {}", self.name, f.line, f.check, f.confidence.as_str(), f.message);
        out.extend(left.iter().map(extra));
        out
    }

    /// The findings as text, without marks in the excerpts and without the line that counts.
    fn shown(&self, found: &[Finding]) -> String {
        let lines: Vec<&str> = self.text.lines().map(|l| l.split("//~").next().unwrap_or(l).trim_end()).collect();
        let line = |_: &str, n: u32| Some(lines.get((n as usize).checked_sub(1)?)?.as_bytes().to_vec());
        // One by one: what is said of all together is the report's business.
        let one = |finding: &Finding| {
            let mut out = Vec::new();
            let all = std::slice::from_ref(finding);
            cuthere_report::text(&mut out, all, &Coverage::default(), &line, &Palette::plain(), Shown::All)
                .expect("memory takes everything");
            let text = String::from_utf8(out).expect("text");
            text.split_once("\n\n").map_or_else(String::new, |(finding, _)| finding.to_owned())
        };
        let all: Vec<String> = found.iter().map(one).collect();
        if all.is_empty() { String::new() } else { format!("{}\n", all.join("\n\n")) }
    }

    fn blessed(&self) -> PathBuf {
        self.file.with_extension("out")
    }
}

fn fixtures(root: &Path) -> Result<Vec<Fixture>, Vec<String>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in std::fs::read_dir(root).expect("fixtures").flatten().filter(|e| e.path().is_dir()) {
        files.extend(std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|e| e.path()));
    }
    files.sort();
    let (mut out, mut wrong) = (Vec::new(), Vec::new());
    for file in &files {
        match file.extension().and_then(|e| e.to_str()) {
            Some("c") => match Fixture::read(root, file) {
                Ok(fixture) => out.push(fixture),
                Err(why) => wrong.push(why),
            },
            Some("out") if file.with_extension("c").exists() => {}
            _ => wrong.push(format!("{}: belongs to no fixture", file.display())),
        }
    }
    if wrong.is_empty() { Ok(out) } else { Err(wrong) }
}

/// The fixtures that do not come out right yet, with the reason.
fn pending(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|l| l.split_once(' ').unwrap_or((l, ""))).map(|(name, why)| (name, why.trim())).collect()
}

#[test]
fn findings_are_what_the_fixtures_mark() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let list = root.join("pending.txt");
    let text = std::fs::read_to_string(&list).expect("pending.txt");
    let mut pending = pending(&text);
    let mut wrong = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let fixtures = fixtures(&root).unwrap_or_else(|why| panic!("{}", why.join("\n")));
    for fixture in &fixtures {
        let found = fixture.found();
        let differences = fixture.differences(&found);
        let name = fixture.name.as_str();
        if let Some((listed, why)) = pending.remove_entry(name) {
            if why.is_empty() {
                wrong.push(format!("{name}: pending.txt gives no reason"));
            }
            if !differences.is_empty() {
                continue;
            }
            if !update {
                wrong.push(format!("{name}: comes out right, remove it from pending.txt (a run with UPDATE_EXPECT=1 does)"));
                continue;
            }
            done.insert(listed);
        }
        if !differences.is_empty() {
            wrong.extend(differences);
            continue;
        }
        let shown = fixture.shown(&found);
        let blessed = std::fs::read_to_string(fixture.blessed()).ok();
        if blessed.as_deref().unwrap_or_default() == shown {
            continue;
        }
        if update && shown.is_empty() {
            std::fs::remove_file(fixture.blessed()).expect("gone");
        } else if update {
            std::fs::write(fixture.blessed(), &shown).expect("written");
        } else if blessed.is_none() {
            wrong.push(format!("{name}: has no .out (a run with UPDATE_EXPECT=1 writes it)"));
        } else {
            wrong.push(format!("{name}: message or steps differ from the .out:\n{shown}"));
        }
    }
    wrong.extend(pending.keys().map(|name| format!("{name}: in pending.txt, but no such fixture")));
    if !done.is_empty() {
        let kept = text.lines().filter(|l| !done.contains(l.split(' ').next().unwrap_or_default()));
        std::fs::write(&list, kept.map(|l| format!("{l}\n")).collect::<String>()).expect("written");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A fixture with marks of every form, for the tests of this file.
fn sample(name: &str, text: &str) -> Result<Fixture, String> {
    let folder = std::env::temp_dir().join(format!("cuthere-fixtures-{}-{name}", std::process::id())).join("null-deref");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(name);
    std::fs::write(&file, text).expect("written");
    let root = folder.parent().expect("a folder");
    let fixture = Fixture::read(root, &file);
    std::fs::remove_dir_all(root).expect("gone");
    fixture
}

#[test]
fn marks_and_heads_are_read() {
    let text = "// args: --preempt rt\n// path: lib/x.c\nint f(void); //~ a high //~ b\nint g; //~ c low\n";
    let fixture = sample("bug_x.c", text).expect("read");
    assert!(fixture.options.config.preempt_rt);
    assert_eq!((fixture.path.as_str(), fixture.check()), ("lib/x.c", "null-deref"));
    let marks: Vec<_> = fixture.marks.iter().map(|m| (m.line, m.check.as_str(), m.level)).collect();
    assert_eq!(marks, [(3, "a", Some(Confidence::High)), (3, "b", None), (4, "c", Some(Confidence::Low))]);
    let complaint = |name: &str, text: &str| sample(name, text).err().unwrap_or_default();
    assert!(complaint("bug_y.c", "int x;\n").contains("without a mark"));
    assert!(complaint("ok_y.c", "int x; //~ a\n").contains("with a mark"));
    assert!(complaint("y.c", "int x;\n").contains("neither"));
    assert!(complaint("bug_z.c", "int x; //~ a huge\n").contains("no level"));
    assert!(complaint("ok_z.c", &"\n".repeat(41)).contains("40 lines"));
}

#[test]
fn a_finding_without_its_mark_and_a_mark_without_its_finding_are_told() {
    let text =
        "#include <linux/slab.h>\nstruct s { int n; };\nint f(void)\n{\n\tstruct s *s = kmalloc(4, GFP_KERNEL);\n\treturn s->n;\n}\n";
    let silent = sample("ok_a.c", text).expect("read");
    let found = silent.found();
    assert_eq!(silent.differences(&found).len(), 1, "{found:?}");
    assert!(silent.differences(&found).iter().all(|d| d.contains("null-deref/ok_a.c:6: not marked: null-deref")));
    assert!(silent.shown(&found).contains("drivers/fixture/ok_a.c:6"), "{}", silent.shown(&found));
    let displaced = sample("bug_b.c", &text.replace("GFP_KERNEL);", "GFP_KERNEL); //~ null-deref")).expect("read");
    assert_eq!(displaced.differences(&displaced.found()).len(), 2);
    let placed = sample("bug_c.c", &text.replace("s->n;", "s->n; //~ null-deref")).expect("read");
    assert!(placed.differences(&placed.found()).is_empty());
}
