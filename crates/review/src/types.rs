//! The result of a review as plain data. The names of the serialised fields are those of `cuthere review --format json`; fields may be
//! added, none renamed.

use cuthere_base::Finding;
use serde::Serialize;

/// What became of a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Not there before, there after.
    Introduced,
    /// There before, not there after.
    Fixed,
    /// There before and after, in what the patch touches.
    Remaining,
    /// There before and after, beside what the patch touches.
    Nearby,
}

/// A hunk of a patch.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Spot {
    /// The file, as in [`HunkReport::file`].
    pub file: String,
    /// The hunk's number in its file, from 1.
    pub hunk: u32,
}

/// A finding and what a patch has to do with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Remark {
    /// As it is after the patch; for a fixed one, as it was before.
    #[serde(flatten)]
    pub finding: Finding,
    pub change: Change,
    /// Index of the patch within the series, from 1.
    pub patch: u32,
    /// The hunk that it is about.
    pub hunk: Option<Spot>,
    /// Still there, but at another place: where it was.
    pub moved_from: Option<Place>,
    /// Still there, although the patch claims to mend its like.
    pub claimed: bool,
    /// A later patch of the series takes it away again: its number.
    pub gone_with: Option<u32>,
}

/// A line of a function.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    pub file: String,
    pub line: u32,
    pub function: String,
}

/// A hunk and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HunkReport {
    pub file: String,
    /// The hunk's number in its file, from 1.
    pub hunk: u32,
    pub header: String,
    /// `applied`, `already-applied` or `failed`.
    pub result: &'static str,
    /// First line in the file after the patch, from 1; 0 if it is not in.
    pub line: u32,
    /// How many lines further down than its header says it was found.
    pub offset: i64,
    /// How many lines of context were dropped.
    pub fuzz: u32,
    pub blanks_ignored: bool,
    /// How many lines of the new file the hunk stands for.
    #[serde(skip)]
    pub(crate) new_lines: u32,
    /// The hunk's lines with their markers, as in the mail.
    #[serde(skip)]
    pub(crate) lines: Vec<String>,
}

/// A hunk that was left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedHunk {
    /// Index of the patch within the series, from 1.
    pub patch: u32,
    pub subject: String,
    pub file: String,
    /// The hunk's number in its file, from 1; 0 for the file as a whole.
    pub hunk: u32,
    pub header: String,
    pub reason: String,
    /// A function that the hunk is about and that its file does not have.
    pub missing_function: Option<String>,
    pub nearest: Option<NearestMatch>,
}

/// The place that a failed hunk fits best.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NearestMatch {
    pub line: u32,
    /// How many of the hunk's old lines are there, in percent.
    pub similarity: u8,
    pub text: String,
}

/// Whether a claimed fix can be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A finding of the claimed sort in the touched functions is gone.
    Fixed,
    /// It is still there, in the same place.
    StillThere,
    /// It is still there, at another place.
    Moved,
    /// No finding of the claimed sort before and after: nothing to hold the claim to.
    NotSeen,
}

/// Code elsewhere that makes the mistake that the patch mends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sibling {
    /// Fingerprint of the fixed finding.
    pub of: String,
    #[serde(flatten)]
    pub finding: Finding,
}

/// What a patch says that it mends, and how that looks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Claim {
    /// Where it says so: `subject`, `fixes`, `splat`.
    pub by: Vec<&'static str>,
    /// What sort of defect it speaks of, in words; empty if it does not say.
    pub kinds: Vec<&'static str>,
    /// Commits it fixes.
    pub fixes: Vec<String>,
    pub verdict: Verdict,
    pub siblings: Vec<Sibling>,
}

/// What was analysed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scope {
    pub files: u64,
    /// The folders that these files are in.
    pub folders: Vec<String>,
    pub functions: u64,
    pub functions_complete: u64,
    pub checks: Vec<String>,
    /// What is known of the functions outside of these files, in words, if the command says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
}

/// One patch of the series.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchReview {
    pub index: u32,
    pub total: u32,
    pub subject: String,
    /// Index of its message in the thread.
    pub message: usize,
    pub message_id: String,
    pub hunks: Vec<HunkReport>,
    /// How many hunks are in.
    pub applied: u32,
    pub failed: u32,
    /// Something of it is in the tree, so that findings could come or go. False: nothing is said of it.
    pub judged: bool,
    /// The tree had it before.
    pub already_applied: bool,
    /// It was applied with differences in blanks ignored.
    pub blanks_ignored: bool,
    /// What the way through the mail did to it.
    pub damage: Vec<String>,
    /// Files it changes.
    pub files: Vec<String>,
    /// Functions it changes.
    pub functions: Vec<String>,
    pub findings: Vec<Remark>,
    pub claim: Option<Claim>,
    pub notes: Vec<String>,
}

impl PatchReview {
    /// The lines of its hunks, as in the mail.
    pub fn diff(&self) -> String {
        self.hunks.iter().flat_map(|hunk| &hunk.lines).flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

/// One run of a scenario on one state of the tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScenarioRun {
    pub scenario: String,
    /// `fault`, `none` or `unknown`.
    pub outcome: String,
    /// The gravest fault's id.
    pub fault: Option<String>,
    /// What of the limits was reached, and what else was in the way.
    pub bounds: Vec<String>,
    pub replay: Option<String>,
    /// The witness as text, or the sentence that says within which bounds there is none.
    pub text: String,
    /// The same, narrow enough for a mail.
    #[serde(skip)]
    pub mail: String,
}

/// A run and the state of the tree that it was made on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateRun {
    /// After this patch of the series; 0: before it.
    pub patch: u32,
    #[serde(flatten)]
    pub run: ScenarioRun,
}

/// A scenario over all states.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScenarioResult {
    pub scenario: String,
    /// In words: what the series changes.
    pub verdict: String,
    /// Patches that claim to mend a defect of the sort that a run reached, by their index.
    pub claimed_by: Vec<u32>,
    pub runs: Vec<StateRun>,
}

impl ScenarioResult {
    /// The run whose witness is worth showing: the first with a fault.
    pub fn witness(&self) -> Option<&StateRun> {
        self.runs.iter().find(|r| r.run.outcome == "fault")
    }

    /// Whether the series makes, or leaves, a fault.
    pub fn fault_after(&self) -> bool {
        self.runs.last().is_some_and(|r| r.run.outcome == "fault")
    }

    /// The states in words.
    pub fn states(&self) -> String {
        let state = |r: &StateRun| {
            let when = if r.patch == 0 { "before".to_owned() } else { format!("after patch {}", r.patch) };
            match (&r.run.fault, r.run.outcome.as_str()) {
                (Some(fault), "fault") => format!("{when}: {fault}"),
                (_, outcome) => format!("{when}: {outcome}"),
            }
        };
        self.runs.iter().map(state).collect::<Vec<_>>().join("; ")
    }
}

/// The whole review.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Review {
    pub subject: String,
    pub version: u32,
    pub total: u32,
    pub author: String,
    /// No newer version is known.
    pub newest: bool,
    /// Numbers of patches that are not in the thread.
    pub missing: Vec<u32>,
    pub base_commit: Option<String>,
    /// The tree had all of it: it was compared with the tree without it.
    pub already_applied: bool,
    pub patches: Vec<PatchReview>,
    /// By the series as a whole.
    pub introduced: Vec<Remark>,
    pub fixed: Vec<Remark>,
    pub remaining: Vec<Remark>,
    /// There before and after, in the same files but not in the functions that the series touches.
    pub nearby: Vec<Remark>,
    pub failed_hunks: Vec<FailedHunk>,
    /// What the scenarios showed, before the series and after each patch.
    pub scenarios: Vec<ScenarioResult>,
    pub scope: Scope,
    pub notes: Vec<String>,
}

impl Review {
    /// The findings of formats that know no before and after: what was introduced, and what remains although it was claimed mended.
    pub fn findings(&self) -> Vec<Finding> {
        let remaining = self.remaining.iter().filter(|r| r.claimed || r.moved_from.is_some());
        self.introduced.iter().chain(remaining).map(|r| r.finding.clone()).collect()
    }

    /// Whether nothing of the series could be looked at, although it changes files.
    pub fn nothing_looked_at(&self) -> bool {
        !self.patches.is_empty() && self.patches.iter().all(|p| !p.judged) && !self.failed_hunks.is_empty()
    }

    /// Whether there is something that the author should hear.
    pub fn has_remarks(&self) -> bool {
        let sibling = |p: &PatchReview| p.claim.as_ref().is_some_and(|c| !c.siblings.is_empty());
        let said = |r: &Remark| r.change == Change::Introduced || r.claimed || r.moved_from.is_some();
        !self.scenarios.is_empty() || self.patches.iter().any(|p| sibling(p) || p.findings.iter().any(said))
    }
}
