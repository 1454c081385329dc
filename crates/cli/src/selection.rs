//! What of the findings is shown, and how much is left out for which reason.
//!
//! Decides by place and level alone, in this order: marks in the source, `--exclude` and that of `cuthere.toml`, files that seldom interest (tests, tools, generated
//! ones; only in text for people, and not where PATH names them), level, baseline. Each finding that is left out is counted once.

use crate::args::CheckArgs;
use anyhow::{Context, Result};
use cuthere_base::{Confidence, Finding, Source};
use cuthere_report::Baseline;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeMap;

/// Why a finding is not shown, and how many are not.
pub type LeftOut = Vec<(String, u64)>;

/// Who leaves files out, as messages name it: the command line or a `cuthere.toml`.
pub const EXCLUDERS: [&str; 2] = ["--exclude", "exclude in cuthere.toml"];

/// The globs of `--exclude`, and those of `cuthere.toml`.
pub struct Excludes {
    /// Two forms of each glob, one after the other.
    set: GlobSet,
    globs: Vec<String>,
    /// How many of them are the command line's, which come first.
    asked: usize,
}

/// What excluding does to a list of files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Effect {
    /// Files left out, by each of [`EXCLUDERS`].
    pub files: [u64; 2],
    /// Globs that fit no file, with who gave them.
    pub unused: Vec<String>,
}

impl Effect {
    /// All files left out.
    pub fn total(&self) -> u64 {
        self.files.iter().sum()
    }

    /// Who left any out.
    pub fn excluders(&self) -> String {
        let who = EXCLUDERS.iter().zip(self.files).filter(|(_, n)| *n > 0).map(|(who, _)| *who);
        who.collect::<Vec<_>>().join(" and ")
    }
}

impl Excludes {
    /// Reads the globs: a name without `/` counts anywhere, others from the tree's root; a folder stands for what is in it.
    pub fn new(asked: &[String], always: &[String]) -> Result<Excludes> {
        let mut set = GlobSetBuilder::new();
        for (n, glob) in asked.iter().chain(always).enumerate() {
            let who = EXCLUDERS[usize::from(n >= asked.len())];
            let plain = glob.trim_start_matches("./").trim_matches('/');
            let anchored = if plain.contains('/') || glob.starts_with('/') { plain.to_owned() } else { format!("**/{plain}") };
            for form in [anchored.clone(), format!("{anchored}/**")] {
                let form = GlobBuilder::new(&form).literal_separator(true).build();
                set.add(form.with_context(|| format!("{who}: {glob} is no glob"))?);
            }
        }
        let set = set.build().context("the globs of --exclude are too many")?;
        Ok(Excludes { set, globs: [asked, always].concat(), asked: asked.len() })
    }

    /// Which of [`EXCLUDERS`] gave a glob.
    fn giver(&self, glob: usize) -> usize {
        usize::from(glob >= self.asked)
    }

    /// Which of [`EXCLUDERS`] leaves a file out, if one does; the command line comes first.
    pub fn excluder(&self, file: &str) -> Option<usize> {
        self.set.matches(file).into_iter().min().map(|form| self.giver(form / 2))
    }

    /// Whether a file is left out.
    pub fn cover(&self, file: &str) -> bool {
        self.set.is_match(file)
    }

    /// How many of these files are left out, and which globs fit none.
    pub fn effect<'f>(&self, files: impl Iterator<Item = &'f str>) -> Effect {
        let mut used = vec![false; self.globs.len()];
        let mut effect = Effect::default();
        for file in files.filter(|_| !self.globs.is_empty()) {
            let fits = self.set.matches(file);
            if let Some(first) = fits.iter().min() {
                effect.files[self.giver(first / 2)] += 1;
            }
            fits.into_iter().filter_map(|form| used.get_mut(form / 2).map(|used| *used = true)).for_each(drop);
        }
        let globs = self.globs.iter().zip(used).enumerate().filter(|(_, (_, used))| !used);
        effect.unused = globs.map(|(n, (glob, _))| format!("{} {glob}", EXCLUDERS[self.giver(n)])).collect();
        effect
    }
}

/// The sorts of files that seldom interest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aside {
    Tests,
    Tools,
    Generated,
}

/// Of which sort a file is; `head` gives the first bytes of it.
pub fn aside(file: &str, head: &dyn Fn() -> Vec<u8>) -> Option<Aside> {
    let mut parts: Vec<&str> = file.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let is_test = |word: &str| matches!(word, "test" | "tests" | "selftest" | "selftests" | "kunit" | "unittest" | "unittests" | "testing");
    let words = || stem.split(['_', '-']);
    if parts.iter().any(|p| is_test(p)) || words().next().is_some_and(is_test) || words().next_back().is_some_and(is_test) {
        return Some(Aside::Tests);
    }
    if matches!(parts.first(), Some(&("tools" | "scripts" | "samples" | "usr" | "Documentation"))) {
        return Some(Aside::Tools);
    }
    if name.ends_with("_shipped") {
        return Some(Aside::Generated);
    }
    let head = String::from_utf8_lossy(&head()).to_lowercase();
    let said = ["do not edit", "do not modify", "automatically generated", "auto-generated", "autogenerated", "generated by", "@generated"];
    (said.iter().any(|word| head.contains(word)) && head.contains("generated")).then_some(Aside::Generated)
}

/// Bytes in which a file says that it is generated.
const HEAD: usize = 600;

/// Takes out what is not shown.
pub fn select(
    mut findings: Vec<Finding>,
    args: &CheckArgs,
    excludes: &Excludes,
    baseline: &Baseline,
    source: &dyn Source,
    paths: &[String],
) -> (Vec<Finding>, LeftOut) {
    let mut left = LeftOut::new();
    let mut out = |what: &str, n: usize| left.push((what.to_owned(), n as u64));
    let least = args.confidence.map_or(Confidence::Medium, Confidence::from);
    let mut excluded = [0usize; EXCLUDERS.len()];
    findings.retain(|finding| match excludes.excluder(&finding.file) {
        Some(who) => {
            excluded[who] += 1;
            false
        }
        None => true,
    });
    for (who, n) in EXCLUDERS.iter().zip(excluded) {
        out(&format!("by {who}"), n);
    }

    let mut low: BTreeMap<Confidence, usize> = BTreeMap::new();
    findings.retain(|finding| {
        let shown = finding.confidence >= least;
        if !shown {
            *low.entry(finding.confidence).or_default() += 1;
        }
        shown
    });
    for (level, n) in low.iter().rev() {
        out(&format!("of {0} confidence (--confidence {0})", level.as_str()), *n);
    }

    let (mut findings, known) = baseline.subtract(findings);
    out("known by the baseline", known);

    if args.format == crate::args::CheckFormat::Text && !args.all {
        let named = |file: &str, sort: Aside| {
            paths.iter().any(|p| aside(p, &Vec::new) == Some(sort) && crate::place::covers(std::slice::from_ref(p), file))
                || paths.iter().any(|p| p == file)
        };
        let mut sorts: BTreeMap<String, Option<Aside>> = BTreeMap::new();
        let mut counts = [0usize; 3];
        findings.retain(|finding| {
            let head = || {
                let bytes = source.find(&finding.file).and_then(|id| source.read(id).ok()).map(|b| b.into_owned()).unwrap_or_default();
                bytes.into_iter().take(HEAD).collect()
            };
            let sort =
                *sorts.entry(finding.file.clone()).or_insert_with(|| aside(&finding.file, &head).filter(|s| !named(&finding.file, *s)));
            let Some(sort) = sort else { return true };
            counts[sort as usize] += 1;
            false
        });
        for (what, n) in ["in tests (--all)", "in tools and samples (--all)", "in generated files (--all)"].into_iter().zip(counts) {
            out(what, n);
        }
    }
    (findings, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_name_files_and_folders() {
        let excludes = Excludes::new(&["drivers/staging".into(), "*_test.c".into(), "net/*/x.c".into()], &[]).expect("globs");
        for (file, covered) in [
            ("drivers/staging/a/b.c", true),
            ("drivers/staging2/b.c", false),
            ("fs/a_test.c", true),
            ("fs/a_test.c/b.h", true),
            ("net/a/x.c", true),
            ("net/a/b/x.c", false),
        ] {
            assert_eq!(excludes.cover(file), covered, "{file}");
        }
        let files = ["drivers/staging/a/b.c", "fs/a_test.c", "fs/a.c"];
        let unused = vec!["--exclude net/*/x.c".to_owned()];
        assert_eq!(excludes.effect(files.into_iter()), Effect { files: [2, 0], unused });
        assert!(Excludes::new(&["[".into()], &[]).is_err());
    }

    #[test]
    fn who_excludes_is_told_apart() {
        let excludes = Excludes::new(&["a.c".into()], &["a.c".into(), "fs".into(), "mm".into()]).expect("globs");
        assert_eq!([excludes.excluder("x/a.c"), excludes.excluder("fs/b.c"), excludes.excluder("b.c")], [Some(0), Some(1), None]);
        let effect = excludes.effect(["x/a.c", "fs/b.c", "fs/c.c", "d.c"].into_iter());
        assert_eq!((effect.total(), effect.files, effect.excluders().as_str()), (3, [1, 2], "--exclude and exclude in cuthere.toml"));
        assert_eq!(effect.unused, ["exclude in cuthere.toml mm"]);
    }

    #[test]
    fn tests_tools_and_generated_files_are_told_by_name_and_head() {
        let head = |text: &'static str| move || text.as_bytes().to_vec();
        assert_eq!(aside("lib/tests/a.c", &head("")), Some(Aside::Tests));
        assert_eq!(aside("lib/list-test.c", &head("")), Some(Aside::Tests));
        assert_eq!(aside("lib/latest.c", &head("")), None);
        assert_eq!(aside("tools/perf/a.c", &head("")), Some(Aside::Tools));
        assert_eq!(aside("drivers/a.c", &head("/* This file is automatically generated. Do not edit. */")), Some(Aside::Generated));
        assert_eq!(aside("drivers/a.c", &head("/* Do not modify the order. */")), None);
    }
}
