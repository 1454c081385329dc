//! The review itself: which series, which states of the tree, which findings changed from one to the next.

use crate::analyser::{Analyser, Analysis};
use crate::claim;
use crate::compare::{Comparison, How, compare, same_mistake};
use crate::defect;
use crate::lay::{Laid, Sheet, is_in};
use crate::outline::Outliner;
use crate::scope::{Bounds, scope};
use crate::touched::Changes;
use crate::types::{
    Change, Claim, FailedHunk, HunkReport, PatchReview, Place, Remark, Review, ScenarioResult, ScenarioRun, Scope, Sibling, Spot, StateRun,
    Verdict,
};
use crate::words;
use cuthere_base::{Confidence, Finding};
use cuthere_cfront::shapes::Shapes;
use cuthere_mail::{Patch, Series, Thread};
use cuthere_tree::{PatchOutcome, Tree, TreeError};
use std::collections::{BTreeMap, BTreeSet};

/// What to review and how.
#[derive(Clone)]
pub struct Options {
    /// This version of the series instead of the newest.
    pub version: Option<u32>,
    /// Findings below are left out.
    pub confidence: Confidence,
    /// States of the tree that are analysed at most; a longer series is looked at as a whole.
    pub max_states: usize,
    /// Macros of the kernel model that the reading of outlines needs.
    pub shapes: Shapes,
    /// All patches of the input are one series, in its order.
    pub joined: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { version: None, confidence: Confidence::Medium, max_states: 33, shapes: Shapes::default(), joined: false }
    }
}

/// Patches of a series that are looked at.
const MAX_PATCHES: usize = 512;
/// Siblings listed for one patch.
const MAX_SIBLINGS: usize = 16;

/// The series to review: the version asked for, else the newest; of several, the one with the most patches, then the last.
pub fn select(thread: &Thread, version: Option<u32>) -> Option<Series> {
    let fits = |s: &&Series| version.is_none_or(|v| s.version == v) && s.patches.iter().any(|p| !p.diff.is_empty());
    let best = thread.series.iter().enumerate().filter(|(_, s)| fits(s)).max_by_key(|(nth, s)| {
        let own = s.patches.iter().filter(|p| !p.diff.is_empty() && !p.quoted).count();
        (s.newest, s.version, own, s.patches.len(), *nth)
    });
    if let Some((_, series)) = best {
        return Some(series.clone());
    }
    if version.is_some() {
        return None;
    }
    // No patch by its subject: the first message with a diff, quoted or not.
    let (nth, message) = thread.messages.iter().enumerate().find(|(_, m)| !m.diffs.is_empty())?;
    let patch = Patch {
        message: nth,
        index: 1,
        total: 1,
        subject: message.subject_info.clean.clone(),
        version: 1,
        author: message.from.clone(),
        body: message.body.clone(),
        hunks: message.diffs.iter().map(|d| d.hunks).sum(),
        diff: message.diffs.clone(),
        ..Patch::default()
    };
    let subject = patch.subject.clone();
    Some(Series { subject, version: 1, total: 1, author: message.from.clone(), patches: vec![patch], newest: true, ..Series::default() })
}

/// Every patch of the input as one series: those of a numbered series by their numbers, the others as they come. Older versions of what
/// is there in a newer one stay out.
pub fn join(thread: &Thread) -> Option<Series> {
    let title = |s: &Series| s.subject.to_lowercase();
    let older = |s: &Series| thread.series.iter().any(|other| other.version > s.version && title(other) == title(s));
    let wanted = |s: &&Series| !older(s) && s.patches.iter().any(|p| !p.diff.is_empty());
    let mut all: Vec<&Series> = thread.series.iter().filter(wanted).collect();
    all.sort_by_key(|s| s.patches.iter().map(|p| p.message).min());
    if let [one] = all.as_slice() {
        return Some((*one).clone());
    }
    let mut patches: Vec<Patch> = Vec::new();
    for series in &all {
        let mut own: Vec<&Patch> = series.patches.iter().filter(|p| !p.diff.is_empty()).collect();
        own.sort_by_key(|p| p.index);
        patches.extend(own.into_iter().cloned());
    }
    let total = patches.len() as u32;
    for (patch, index) in patches.iter_mut().zip(1..) {
        (patch.index, patch.total) = (index, total);
    }
    let first = all.first()?;
    Some(Series { total, patches, missing: Vec::new(), newest: true, ..(*first).clone() })
}

/// Reviews the newest series of a thread, or the version asked for. An error is one of the tree; everything else is said in the result.
/// A thread without a patch gives a review without patches.
pub fn review(thread: &Thread, tree: Tree, analyser: &dyn Analyser, options: &Options) -> Result<Review, TreeError> {
    let joined = options.joined || thread.source_kind == cuthere_mail::SourceKind::Diff;
    let series = if joined { join(thread) } else { None }.or_else(|| select(thread, options.version));
    let Some(series) = series else { return Ok(nothing(options.version)) };
    let mut patches: Vec<&Patch> = series.patches.iter().collect();
    patches.sort_by_key(|p| p.index);
    let mut notes = Vec::new();
    if patches.len() > MAX_PATCHES {
        notes.push(format!("only the first {MAX_PATCHES} of {} patches were looked at", patches.len()));
        patches.truncate(MAX_PATCHES);
    }
    let mut sheets: Vec<Sheet> = patches.iter().map(|p| Sheet::new(p, p.index)).collect();
    let keep = patches.len() < options.max_states;
    if !keep {
        notes.push(format!("the series has {} patches; it was analysed as a whole, not patch by patch", patches.len()));
    }
    let states = states(tree, &mut sheets, keep, &mut notes)?;
    let outliner = Outliner::new(options.shapes.clone());
    let mut worker = Worker { analyser, options, outliner, scope: Scope::default(), folders: BTreeSet::new(), cut: false };
    let mut reviews = Vec::new();
    let mut failed_hunks = Vec::new();
    for ((patch, sheet), state) in patches.iter().zip(&sheets).zip(&states.patches) {
        reviews.push(opening(thread, patch, sheet, state));
        failed_hunks.extend(state.failed.iter().cloned());
    }
    let whole = worker.series(&patches, &states, &mut reviews);
    later_mends(&mut reviews);
    state_gaps(&series, &reviews, &mut notes);
    let mut scenarios = scenarios(analyser, &states, &patches);
    for scenario in &mut scenarios {
        let faults: BTreeSet<&str> = scenario.runs.iter().filter_map(|r| r.run.fault.as_deref()).collect();
        let speaks = |r: &&PatchReview| {
            let kinds = r.claim.iter().flat_map(|claim| &claim.kinds);
            kinds.into_iter().any(|kind| faults.iter().any(|fault| defect::reaches(fault, kind)))
        };
        scenario.claimed_by = reviews.iter().filter(speaks).map(|r| r.index).collect();
    }
    worker.scope.folders = worker.folders.iter().cloned().collect();
    worker.scope.checks = analyser.checks();
    let code = |path: &String| path.ends_with(".c") || path.ends_with(".h");
    if reviews.iter().any(|r| r.judged) && !reviews.iter().any(|r| r.files.iter().any(code)) {
        notes.push("no C file is changed, so there was nothing to analyse".to_owned());
    } else if reviews.iter().any(|r| r.judged) && reviews.iter().all(|r| r.hunks.is_empty()) {
        notes.push("no line is changed: files have other names or modes only".to_owned());
    }
    if worker.cut {
        notes.push("not everything that uses what the series changes was analysed: a bound on files was reached".to_owned());
    }
    let of = |change: Change| whole.iter().filter(|r| r.change == change).cloned().collect::<Vec<_>>();
    Ok(Review {
        subject: series.subject.clone(),
        version: series.version,
        total: series.total.max(patches.len() as u32),
        author: series.author.header(),
        newest: series.newest,
        missing: series.missing.clone(),
        base_commit: series.base_commit.clone(),
        already_applied: states.all_in,
        introduced: of(Change::Introduced),
        fixed: of(Change::Fixed),
        remaining: of(Change::Remaining),
        nearby: of(Change::Nearby),
        patches: reviews,
        failed_hunks,
        scenarios,
        scope: worker.scope,
        notes,
    })
}

fn nothing(version: Option<u32>) -> Review {
    let note = match version {
        Some(version) => format!("no version {version} of a patch series is in the thread"),
        None => "no patch is in the thread".to_owned(),
    };
    Review {
        subject: String::new(),
        version: 0,
        total: 0,
        author: String::new(),
        newest: false,
        missing: Vec::new(),
        base_commit: None,
        already_applied: false,
        patches: Vec::new(),
        introduced: Vec::new(),
        fixed: Vec::new(),
        remaining: Vec::new(),
        nearby: Vec::new(),
        failed_hunks: Vec::new(),
        scenarios: Vec::new(),
        scope: Scope::default(),
        notes: vec![note],
    }
}

/// The tree before the series and after each patch.
struct States {
    base: Tree,
    patches: Vec<State>,
    all_in: bool,
}

struct State {
    /// After the patch; of a long series only the last is kept.
    tree: Option<Tree>,
    failed: Vec<FailedHunk>,
    /// What became of it on the tree as given.
    outcome: PatchOutcome,
    /// What became of it on the tree before the series.
    placed: PatchOutcome,
    already: bool,
}

impl States {
    /// After the whole series.
    fn last(&self) -> &Tree {
        self.patches.iter().rev().find_map(|s| s.tree.as_ref()).unwrap_or(&self.base)
    }
}

/// The scenarios on every state that is kept.
fn scenarios(analyser: &dyn Analyser, states: &States, patches: &[&Patch]) -> Vec<ScenarioResult> {
    let mut results: Vec<ScenarioResult> = Vec::new();
    let mut note = |patch: u32, runs: Vec<ScenarioRun>| {
        for (at, run) in runs.into_iter().enumerate() {
            if results.len() <= at {
                results.push(ScenarioResult {
                    scenario: run.scenario.clone(),
                    verdict: String::new(),
                    claimed_by: Vec::new(),
                    runs: Vec::new(),
                });
            }
            results[at].runs.push(StateRun { patch, run });
        }
    };
    let before = analyser.scenarios(&states.base);
    if before.is_empty() {
        return Vec::new();
    }
    note(0, before);
    for (patch, state) in patches.iter().zip(&states.patches) {
        if let Some(tree) = &state.tree {
            note(patch.index, analyser.scenarios(tree));
        }
    }
    for result in &mut results {
        let outcome = |r: Option<&StateRun>| r.map_or(String::new(), |r| r.run.outcome.clone());
        result.verdict = match (outcome(result.runs.first()).as_str(), outcome(result.runs.last()).as_str()) {
            ("fault", "none") => "the series closes it: a witness before, none after".to_owned(),
            ("none", "fault") => "the series brings it: none before, a witness after".to_owned(),
            ("fault", "fault") => "still there: a witness before and after".to_owned(),
            ("none", "none") => "none before and after".to_owned(),
            (before, after) => format!("not decided: {before} before, {after} after"),
        };
    }
    results
}

/// The tree after a patch, if it is kept; what became of the patch; what was left out.
type Kept = (Option<Tree>, PatchOutcome, Vec<FailedHunk>);

/// Lays the sheets one after the other. Keeps each state of a short series, and the last one of a long series.
fn lay_all(tree: &Tree, sheets: &mut [Sheet], keep: bool) -> Result<Vec<Kept>, TreeError> {
    let mut out: Vec<Kept> = Vec::with_capacity(sheets.len());
    let mut current = tree.clone();
    for sheet in sheets.iter_mut() {
        let Laid { tree, outcome } = sheet.lay(&current)?;
        let failed = sheet.failures(&tree, &outcome);
        current = tree;
        out.push((keep.then(|| current.clone()), outcome, failed));
    }
    if let Some(last) = out.last_mut() {
        last.0 = Some(current);
    }
    Ok(out)
}

fn states(tree: Tree, sheets: &mut [Sheet], keep: bool, notes: &mut Vec<String>) -> Result<States, TreeError> {
    let on_tree = lay_all(&tree, sheets, keep)?;
    let already: Vec<bool> = on_tree.iter().map(|laid| is_in(&laid.1)).collect();
    if !already.contains(&true) {
        let state = |(tree, outcome, failed): Kept| State { tree, failed, placed: outcome.clone(), outcome, already: false };
        return Ok(States { base: tree, patches: on_tree.into_iter().map(state).collect(), all_in: false });
    }
    // The state before the series is made by taking back what is in, the last first.
    let mut base = tree;
    for (sheet, _) in sheets.iter().zip(&already).rev().filter(|(_, already)| **already) {
        let back = sheet.take_back(&base)?;
        let (all, undone) = back.outcome.hunk_counts();
        if undone < all {
            let (n, all) = (all - undone, words::count(all, "hunk"));
            notes.push(format!("patch {}: {n} of {all} could not be taken back from the tree, which was changed there since", sheet.index));
        }
        base = back.tree;
    }
    let again = lay_all(&base, sheets, keep)?;
    let both = again.into_iter().zip(on_tree).zip(already.iter().copied());
    let patches =
        both.map(|(((tree, placed, _), (_, outcome, failed)), already)| State { tree, failed, outcome, placed, already }).collect();
    let all_in = already.iter().all(|a| *a);
    let which = if all_in { "the series is in the tree already (or reversed)".to_owned() } else { listed(&already, sheets) };
    notes.push(format!("{which}: \"before\" is the tree with it taken back"));
    Ok(States { base, patches, all_in })
}

fn listed(already: &[bool], sheets: &[Sheet]) -> String {
    let numbers: Vec<u32> = sheets.iter().zip(already).filter(|(_, a)| **a).map(|(s, _)| s.index).collect();
    let (word, verb) = if numbers.len() == 1 { ("patch", "is") } else { ("patches", "are") };
    format!("of the series, {word} {} {verb} in the tree already", words::ranges(&numbers))
}

/// A patch's review with everything but the findings.
fn opening(thread: &Thread, patch: &Patch, sheet: &Sheet, state: &State) -> PatchReview {
    let hunks = sheet.reports(&state.outcome, &state.placed);
    let failed = hunks.iter().filter(|h| h.result == "failed").count() as u32;
    let files: BTreeSet<String> = state.placed.files.iter().map(|f| f.path.clone()).collect();
    let mut notes = Vec::new();
    if sheet.ignore_blanks {
        let why = match (sheet.damaged, sheet.tabs) {
            (true, true) => "the mail's tabs were turned into blanks",
            (true, false) => "the mail's blanks are not those of the tree",
            _ => "most hunks did not apply as they are",
        };
        notes.push(format!("{why}; the patch was applied with differences in blanks ignored"));
    }
    if state.already {
        notes.push("the patch is in the tree already".to_owned());
    }
    if patch.quoted {
        notes.push("the patch itself is not in the thread; it was read from a reply that quotes it".to_owned());
    }
    let problems = state.outcome.files.iter().filter(|f| f.problem.is_some() && !f.is_binary()).count();
    let changed = |f: &cuthere_tree::FileOutcome| f.problem.is_none() && (f.hunks.is_empty() || f.hunks.iter().any(|h| !h.failed()));
    let binary: Vec<&str> = state.outcome.binary().map(|f| f.path.as_str()).collect();
    if let [first, more @ ..] = binary.as_slice() {
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        notes.push(format!("no text, and not looked at: {first}{more}"));
    }
    // What is binary throughout has nothing that could be judged wrongly.
    let judged = state.already || state.outcome.files.iter().any(changed) || problems + hunks.len() == 0 && !binary.is_empty();
    if !judged && problems + hunks.len() > 0 {
        notes.push("nothing of it applied, so nothing is said of it".to_owned());
    }
    notes.extend(state.outcome.notes.iter().map(|note| format!("line {} of the diff: {}", note.line, note.text)));
    PatchReview {
        index: patch.index,
        total: patch.total,
        subject: patch.subject.clone(),
        message: patch.message,
        message_id: thread.messages.get(patch.message).map(|m| m.id.clone()).unwrap_or_default(),
        applied: hunks.len() as u32 - failed,
        failed,
        judged,
        hunks,
        already_applied: state.already,
        blanks_ignored: sheet.ignore_blanks,
        // That tabs became blanks is only true where the tree has tabs.
        damage: patch.diff.iter().flat_map(|d| d.damage.iter()).filter(|d| sheet.tabs || !d.contains("tabs")).cloned().collect(),
        files: files.into_iter().collect(),
        functions: Vec::new(),
        findings: Vec::new(),
        claim: None,
        notes,
    }
}

fn state_gaps(series: &Series, reviews: &[PatchReview], notes: &mut Vec<String>) {
    if !series.missing.is_empty() {
        let (word, verb) = if series.missing.len() == 1 { ("patch", "is") } else { ("patches", "are") };
        let missing = words::ranges(&series.missing);
        let applied = if series.missing.len() == 1 { "was" } else { "were" };
        notes.push(format!("{word} {missing} of {} {verb} not in the thread and {applied} not applied", series.total));
    }
    if !series.newest {
        notes.push(format!("version {} is not the newest that the thread knows of", series.version));
    }
    let (failed, all) = reviews.iter().fold((0, 0), |(f, a), r| (f + r.failed as usize, a + r.hunks.len()));
    if failed > 0 {
        notes.push(format!("{failed} of {} did not apply; what the series does there was not looked at", words::count(all, "hunk")));
    }
}

/// Does the analysing.
struct Worker<'a> {
    analyser: &'a dyn Analyser,
    options: &'a Options,
    outliner: Outliner,
    scope: Scope,
    folders: BTreeSet<String>,
    cut: bool,
}

impl Worker<'_> {
    /// Compares the states patch by patch, and the first with the last.
    fn series(&mut self, patches: &[&Patch], states: &States, reviews: &mut [PatchReview]) -> Vec<Remark> {
        let paths = |reviews: &[PatchReview]| -> BTreeSet<String> { reviews.iter().flat_map(|r| r.files.iter().cloned()).collect() };
        let old_names = states.patches.iter().flat_map(|s| &s.placed.files).filter_map(|f| f.old_path.clone());
        let all_paths: BTreeSet<String> = paths(reviews).into_iter().chain(old_names).collect();
        let last = states.last();
        let paths = || all_paths.iter().map(String::as_str);
        let whole = Changes::between(&states.base, last, paths(), &self.outliner);
        // From each kept state to the next, with the number of the patch that led there.
        let mut steps: Vec<(usize, &Tree, Changes)> = Vec::new();
        let mut previous = &states.base;
        for (nth, tree) in states.patches.iter().enumerate().filter_map(|(nth, s)| Some((nth, s.tree.as_ref()?))) {
            steps.push((nth, tree, Changes::between(previous, tree, paths(), &self.outliner)));
            previous = tree;
        }
        // What one patch does and a later one takes back is looked at as well.
        let mut touched = whole.clone();
        steps.iter().for_each(|(_, _, changes)| touched.merge(changes));
        let (files, cut) = scope(&states.base, last, &touched, Bounds::default());
        self.cut |= cut;
        self.folders.extend(files.iter().map(|f| cuthere_base::folder(f).to_owned()));
        self.scope.files = files.len() as u64;
        let before = self.analyse(&states.base, &files);
        let mut current = before.clone();
        for (nth, tree, changes) in &steps {
            let (Some(review), Some(patch)) = (reviews.get_mut(*nth), patches.get(*nth)) else { break };
            review.functions = changes.functions().into_iter().map(str::to_owned).collect();
            let after = if changes.files.is_empty() { current.clone() } else { self.analyse(tree, &files) };
            let comparison = compare(&current, &after, changes);
            let said = claim::read(patch);
            review.findings = self.remarks(&comparison, changes, said.as_ref(), review.index, &review.hunks);
            // A patch of which nothing is in is not held to what it says.
            let said = said.filter(|_| review.judged);
            review.claim = said.map(|said| verdict(said, &review.findings, &after, changes, self.options.confidence));
            current = after;
        }
        // Whoever reads the answer has the tree before the series, and will have the one after it: the same mistake elsewhere counts where
        // both have it. What a patch of the series brings, or a later one mends, is said where that happens.
        let lasting = |f: &Finding| [&before, &current].iter().all(|state| state.iter().any(|g| g.fingerprint == f.fingerprint));
        for claim in reviews.iter_mut().filter_map(|r| r.claim.as_mut()) {
            claim.siblings.retain(|sibling| lasting(&sibling.finding));
        }
        self.whole(&before, &current, &whole, reviews)
    }

    fn analyse(&mut self, tree: &Tree, files: &[String]) -> Vec<Finding> {
        let there: Vec<String> = files.iter().filter(|f| tree.find(f).is_some()).cloned().collect();
        if there.is_empty() {
            return Vec::new();
        }
        let Analysis { mut findings, functions, functions_complete } = self.analyser.analyse(tree, &there);
        self.scope.functions = self.scope.functions.max(functions);
        self.scope.functions_complete = self.scope.functions_complete.max(functions_complete);
        findings.retain(|f| there.binary_search(&f.file).is_ok());
        findings
    }

    /// What one patch has to do with each finding.
    fn remarks(
        &self,
        comparison: &Comparison,
        changes: &Changes,
        said: Option<&claim::Said>,
        patch: u32,
        hunks: &[HunkReport],
    ) -> Vec<Remark> {
        let wanted = |f: &&Finding| f.confidence >= self.options.confidence;
        let remark = |finding: &Finding, change, hunk| Remark {
            finding: finding.clone(),
            change,
            patch,
            hunk,
            moved_from: None,
            claimed: false,
            gone_with: None,
        };
        let mut out = Vec::new();
        for finding in comparison.introduced.iter().filter(wanted).filter(|f| changes.explains(f)) {
            out.push(remark(finding, Change::Introduced, spot(finding, changes, hunks, false)));
        }
        // What a patch says that it mends counts whatever its level, where nothing of a higher one speaks for the claim; what is not told otherwise
        // only where the patch changes a line beside its evidence, since such a finding also goes when the analysis follows a little less.
        let told = |f: &Finding| f.confidence >= self.options.confidence || changes.is_beside(f);
        let claimed = |f: &Finding| said.is_some_and(|s| s.names(&f.check)) && passes_through(f, changes) && told(f);
        let seen = comparison.fixed.iter().any(|f| wanted(&f) && claimed(f));
        let counts = |f: &&Finding| wanted(f) || !seen && claimed(f);
        for finding in comparison.fixed.iter().filter(counts).filter(|f| changes.explains(f)) {
            out.push(remark(finding, Change::Fixed, spot(finding, changes, hunks, true)));
        }
        for kept in comparison.kept.iter().filter(|k| wanted(&&k.after) || wanted(&&k.before)) {
            let finding = &kept.after;
            let moved = kept.how == How::Moved;
            let places = finding.steps.iter().map(|s| (s.file.as_str(), s.function.as_str()));
            let own = (finding.file.as_str(), finding.function.as_str());
            let touched = moved || places.chain([own]).any(|(file, function)| changes.touches(file, function));
            if touched {
                let mut remark = remark(finding, Change::Remaining, spot(finding, changes, hunks, false));
                if moved {
                    let from = &kept.before;
                    remark.moved_from = Some(Place { file: from.file.clone(), line: from.line, function: from.function.clone() });
                }
                // What lies elsewhere in the function is another of its sort.
                let own_touched = moved || changes.touches(&finding.file, &finding.function) && changes.is_beside(&kept.before);
                remark.claimed = own_touched && said.is_some_and(|s| !s.kinds.is_empty() && s.is_about(&finding.check));
                out.push(remark);
            } else if changes.files.contains_key(&finding.file) {
                out.push(remark(finding, Change::Nearby, None));
            }
        }
        // A claim that is seen fixed is not held to what else is there of its sort.
        let fixed: BTreeSet<String> = out.iter().filter(|r| r.change == Change::Fixed).map(|r| r.finding.check.clone()).collect();
        for remark in out.iter_mut().filter(|r| r.claimed && r.moved_from.is_none()) {
            remark.claimed = !fixed.contains(&remark.finding.check);
        }
        out.sort_by(|a, b| (a.change, a.finding.sort_key()).cmp(&(b.change, b.finding.sort_key())));
        out
    }

    /// The series as a whole: the first state against the last. What a remark belongs to is taken from the patch that made it.
    fn whole(&self, before: &[Finding], after: &[Finding], changes: &Changes, reviews: &[PatchReview]) -> Vec<Remark> {
        let comparison = compare(before, after, changes);
        let mut out = self.remarks(&comparison, changes, None, 0, &[]);
        // What a claim was held to counts for the whole, if it is gone from there.
        let low = |r: &&Remark| r.change == Change::Fixed && r.finding.confidence < self.options.confidence;
        let gone = |r: &&Remark| comparison.fixed.iter().any(|f| f.fingerprint == r.finding.fingerprint);
        out.extend(reviews.iter().flat_map(|r| &r.findings).filter(low).filter(gone).cloned());
        out.sort_by(|a, b| (a.change, a.finding.sort_key()).cmp(&(b.change, b.finding.sort_key())));
        let mut made: BTreeMap<(Change, &str), Vec<&Remark>> = BTreeMap::new();
        for remark in reviews.iter().flat_map(|r| &r.findings) {
            made.entry((remark.change, &remark.finding.fingerprint)).or_default().push(remark);
        }
        for remark in &mut out {
            let found = made.get(&(remark.change, remark.finding.fingerprint.as_str())).and_then(|all| all.last());
            if let Some(found) = found {
                remark.patch = found.patch;
                remark.hunk.clone_from(&found.hunk);
                remark.claimed = found.claimed;
                remark.moved_from = remark.moved_from.take().or_else(|| found.moved_from.clone());
            } else if let Some(patch) = reviews.iter().rev().find(|r| r.files.contains(&remark.finding.file)) {
                remark.patch = patch.index;
            }
        }
        out
    }
}

/// The hunk that a finding is about: the one that holds its place or a step on a line the patch made; else any that holds a step; else
/// one in the same function.
fn spot(finding: &Finding, changes: &Changes, hunks: &[HunkReport], before: bool) -> Option<Spot> {
    let line_now = |file: &str, line: u32| if before { changes.new_line(file, line) } else { line };
    let own = (finding.file.as_str(), finding.line);
    // The place itself first, then the steps from the last to the first.
    let places: Vec<(&str, u32)> = [own].into_iter().chain(finding.steps.iter().rev().map(|s| (s.file.as_str(), s.line))).collect();
    let holding = |file: &str, line: u32| {
        let line = line_now(file, line);
        let holds = |h: &&HunkReport| h.line > 0 && h.file == file && line >= h.line && line < h.line.saturating_add(h.new_lines.max(1));
        hunks.iter().find(holds).map(|h| Spot { file: h.file.clone(), hunk: h.hunk })
    };
    let changed = |(file, line): &(&str, u32)| if before { changed_before(changes, file, *line) } else { changes.is_new(file, *line) };
    let made = places.iter().filter(|p| changed(p)).find_map(|(file, line)| holding(file, *line));
    made.or_else(|| places.iter().find_map(|(file, line)| holding(file, *line))).or_else(|| {
        let functions = || [finding.function.as_str()].into_iter().chain(finding.steps.iter().rev().map(|s| s.function.as_str()));
        let named =
            |h: &HunkReport, f: &str| words::has_word(h.header.as_bytes(), f) || h.lines.iter().any(|l| words::has_word(l.as_bytes(), f));
        functions().find_map(|f| hunks.iter().find(|h| h.line > 0 && named(h, f))).map(|h| Spot { file: h.file.clone(), hunk: h.hunk })
    })
}

/// Notes for what a patch brings and a later one of the series takes away which one that is.
fn later_mends(reviews: &mut [PatchReview]) {
    let fixed: Vec<(u32, Finding)> = reviews
        .iter()
        .flat_map(|r| r.findings.iter().filter(|f| f.change == Change::Fixed).map(|f| (r.index, f.finding.clone())))
        .collect();
    for review in reviews.iter_mut() {
        let index = review.index;
        for remark in review.findings.iter_mut().filter(|r| r.change == Change::Introduced) {
            let f = &remark.finding;
            let same = |g: &Finding| f.fingerprint == g.fingerprint || (&f.check, &f.file, &f.function) == (&g.check, &g.file, &g.function);
            remark.gone_with = fixed.iter().find(|(at, g)| *at > index && same(g)).map(|(at, _)| *at);
        }
    }
}

fn changed_before(changes: &Changes, file: &str, line: u32) -> bool {
    changes.files.get(file).is_some_and(|f| f.hunks.iter().any(|((from, to), _)| (*from..*to).contains(&line)))
}

/// Whether a finding lies in a function that is touched, or its evidence passes through one.
fn passes_through(finding: &Finding, changes: &Changes) -> bool {
    let own = (finding.file.as_str(), finding.function.as_str());
    let places = finding.steps.iter().map(|s| (s.file.as_str(), s.function.as_str())).chain([own]);
    places.into_iter().any(|(file, function)| changes.touches(file, function))
}

/// Holds a claim to what was found.
fn verdict(said: claim::Said, findings: &[Remark], after: &[Finding], changes: &Changes, least: Confidence) -> Claim {
    let about = |r: &&Remark| said.is_about(&r.finding.check);
    let mended = |r: &&Remark| said.may_mend(&r.finding.check);
    let gone = |r: &&Remark| r.change == Change::Fixed && passes_through(&r.finding, changes);
    let fixed: Vec<&Remark> = findings.iter().filter(gone).filter(mended).collect();
    let still: Vec<&Remark> = findings.iter().filter(|r| r.change == Change::Remaining).filter(about).collect();
    let verdict = if still.iter().any(|r| r.moved_from.is_some()) {
        Verdict::Moved
    } else if !fixed.is_empty() {
        Verdict::Fixed
    } else if still.iter().any(|r| r.claimed) {
        Verdict::StillThere
    } else {
        Verdict::NotSeen
    };
    let mut siblings: Vec<Sibling> = Vec::new();
    for fixed in fixed.into_iter().filter(|r| r.finding.confidence >= least) {
        let of = &fixed.finding;
        let same = |f: &&Finding| f.confidence >= least && (f.file != of.file || f.function != of.function) && same_mistake(of, f);
        siblings.extend(after.iter().filter(same).map(|f| Sibling { of: of.fingerprint.clone(), finding: f.clone() }));
    }
    siblings.sort_by(|a, b| a.finding.sort_key().cmp(&b.finding.sort_key()));
    siblings.dedup_by(|a, b| a.finding == b.finding);
    siblings.truncate(MAX_SIBLINGS);
    Claim { by: said.by, kinds: said.kinds, fixes: said.fixes, verdict, siblings }
}
