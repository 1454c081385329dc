//! Crash reports mapped to source: which call is to blame, how it was reached, which locks were held and where they were taken, and which
//! static findings agree.
//!
//! Functions are found by name; offsets into machine code are hints at best, since there is no image of the kernel. What kind of call is
//! looked for depends on the report's kind (`culprit`). Refuses to guess silently: each choice says why it was made.

use crate::agreement::{self, Agreement};
use crate::analyser::Analyser;
use crate::body::calls;
use crate::culprit;
use crate::defect;
use crate::edge::{Borne, Callees, Edge, edge, own_line};
use crate::locate::{Definition, Hint, Located, locate};
use crate::outline::{Lines, Outliner};
use crate::words;
use cuthere_base::{Confidence, Finding};
use cuthere_kernel::Model;
use cuthere_splat::{Frame, HeldLock, Kind, Place, Splat, StackKind};
use cuthere_tree::Tree;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the explanation rests on beside the tree.
#[derive(Clone, Debug)]
pub struct Options {
    pub model: Model,
    /// The architecture whose files count.
    pub arch: String,
    /// Findings below are left out.
    pub confidence: Confidence,
}

impl Default for Options {
    fn default() -> Options {
        Options { model: Model::builtin(), arch: "x86".to_owned(), confidence: Confidence::Low }
    }
}

/// The call that a report leads to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Call {
    /// The function that makes it.
    pub function: String,
    pub callee: Option<String>,
    pub file: Option<String>,
    /// Of the call; of the function where the call is not found.
    pub line: Option<u32>,
    /// The source line.
    pub text: Option<String>,
    /// The function deeper down that the kernel complained in.
    pub primitive: Option<String>,
    /// The context it was made in.
    pub context: Option<String>,
    /// Why this one, one fact each.
    pub why: Vec<String>,
}

impl Call {
    pub(crate) fn text(&self) -> String {
        let callee = self.callee.as_ref().map(|c| format!("`{c}` in ")).unwrap_or_default();
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            _ => " (not found in this tree)".to_owned(),
        };
        format!("{callee}`{}`{place}", self.function)
    }
}

/// One call on the way from the entry to the complaint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Link {
    pub function: String,
    pub file: Option<String>,
    /// Of the call to the next function; of the definition where that is not found.
    pub line: Option<u32>,
    /// The call's name in the source, where it was found.
    pub calls: Option<String>,
    pub text: Option<String>,
    pub module: Option<String>,
    /// The next function of the stack.
    pub next: Option<String>,
    /// How the source bears out that this one calls the next; `None` for the last.
    pub borne: Option<Borne>,
}

impl Link {
    pub(crate) fn text(&self) -> String {
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line} "),
            _ => String::new(),
        };
        let calls = match (&self.calls, &self.next, self.borne) {
            (Some(calls), Some(next), Some(Borne::Through)) => format!(" calls `{calls}`, which leads to `{next}`"),
            (Some(calls), Some(next), Some(Borne::Pointer)) => format!(" calls `{calls}`, in which the tree stores `{next}`"),
            (Some(calls), _, _) => format!(" calls `{calls}`"),
            (None, Some(next), Some(Borne::Unknown)) => format!("; the stack says that it called `{next}`, perhaps through a pointer"),
            (None, Some(next), Some(Borne::Absent)) => {
                format!("; the stack says that it called `{next}`, this tree does not have that call")
            }
            (_, _, Some(Borne::NotHere)) => " (not in this tree)".to_owned(),
            _ => String::new(),
        };
        format!("{place}`{}`{calls}", self.function)
    }
}

/// A held lock with its place in the source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Held {
    pub class: String,
    /// The function that took it.
    pub function: Option<String>,
    pub file: Option<String>,
    /// Of the call that took it; of the definition where that is not found.
    pub line: Option<u32>,
    pub text: Option<String>,
}

impl Held {
    pub(crate) fn text(&self) -> String {
        let function = self.function.as_ref().map(|f| format!(", taken in `{f}`")).unwrap_or_default();
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            _ => String::new(),
        };
        format!("{}{function}{place}", self.class)
    }
}

/// A frame of the stack and its definition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    pub function: String,
    pub file: Option<String>,
    /// Of the definition.
    pub line: Option<u32>,
    /// The line in it that the report gives, where it gives one and the tree has it.
    pub at: Option<u32>,
    /// The functions that the compiler put into it at that address, innermost first, by the places that the report gives.
    pub inlined: Vec<Inlined>,
    /// Further definitions of the name that were not chosen.
    pub others: u32,
}

impl Source {
    pub(crate) fn text(&self) -> String {
        let place = match (&self.file, self.at.or(self.line)) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            _ => " (not in this tree)".to_owned(),
        };
        format!("`{}`{place}", plain(&self.function))
    }
}

/// A place inside a function that was inlined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Inlined {
    pub file: String,
    pub line: u32,
    /// The function that holds the place in this tree.
    pub function: Option<String>,
    pub text: Option<String>,
}

/// One report, explained.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explained {
    #[serde(flatten)]
    pub splat: Splat,
    /// What the kernel complains about, in a sentence.
    pub claim: Option<String>,
    pub call: Option<Call>,
    /// From the entry to the complaint.
    pub chain: Vec<Link>,
    pub held: Vec<Held>,
    /// How the code was entered.
    pub entered: Option<String>,
    /// The reliable frames, innermost first, with their definitions.
    pub source: Vec<Source>,
    /// Where the object was allocated, innermost first, without the allocator's own functions.
    pub allocated: Vec<Source>,
    /// Where it was freed.
    pub freed: Vec<Source>,
    /// Of a data race: the other access, innermost first.
    pub against: Vec<Source>,
    /// Of a report of lockdep: the static findings that agree, or why none does.
    pub agreement: Option<Agreement>,
}

/// A static finding in functions of a report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Related {
    #[serde(flatten)]
    pub finding: Finding,
    /// It is of the report's sort and about the call's function.
    pub agrees: bool,
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explanation {
    pub splats: Vec<Explained>,
    /// The call that most reports lead to.
    pub call: Option<Call>,
    /// The chain of the first report that leads there.
    pub chain: Vec<Link>,
    pub findings: Vec<Related>,
    pub notes: Vec<String>,
}

impl Explanation {
    /// Whether the tree has nothing of what the reports name.
    pub fn nothing_found(&self) -> bool {
        let sources =
            |s: &Explained| s.source.iter().chain(&s.allocated).chain(&s.freed).chain(&s.against).all(|source| source.file.is_none());
        self.splats.iter().all(sources)
    }
}

/// Reports explained in one go; more are left out with a note.
const MAX_SPLATS: usize = 64;
/// Frames of one report that are mapped.
const MAX_FRAMES: usize = 256;
/// Folders that are analysed.
const MAX_FOLDERS: usize = 4;
/// Files of one folder that are analysed.
const MAX_FILES: usize = 128;

/// A symbol's name in the source: without what the compiler added.
pub(crate) fn plain(function: &str) -> &str {
    match function.find('.') {
        Some(0) | None => function,
        Some(dot) => function.get(..dot).unwrap_or(function),
    }
}

/// What is known while one call is to be found.
pub(crate) struct Found<'a> {
    pub tree: &'a Tree,
    pub options: &'a Options,
    pub outliner: &'a Outliner,
    pub definitions: &'a BTreeMap<String, Vec<Definition>>,
    /// Members that functions are stored in.
    pub members: &'a BTreeMap<String, BTreeSet<String>>,
}

impl Found<'_> {
    pub fn definition(&self, function: &str) -> Option<&Definition> {
        self.definitions.get(plain(function)).and_then(|all| all.first())
    }
}

/// Explains reports by a tree.
pub fn explain(splats: &[Splat], tree: &Tree, analyser: &dyn Analyser, options: &Options) -> Explanation {
    let mut notes = Vec::new();
    if splats.is_empty() {
        notes.push("no crash report in the input".to_owned());
    }
    if splats.len() > MAX_SPLATS {
        notes.push(format!("only the first {MAX_SPLATS} of {} reports are explained", splats.len()));
    }
    let splats: Vec<&Splat> = splats.iter().take(MAX_SPLATS).collect();
    let outliner = Outliner::new(options.model.shapes());
    let mut wanted: BTreeMap<String, Hint> = BTreeMap::new();
    for splat in &splats {
        let more = splat.other_stacks.iter().flat_map(|s| s.frames.iter().take(32)).chain(splat.handlers.iter().take(32));
        for frame in frames(splat).chain(splat.alloc_stack.iter().take(32)).chain(splat.free_stack.iter().take(32)).chain(more) {
            let hint = wanted.entry(plain(&frame.function).to_owned()).or_default();
            hint.module = hint.module.take().or_else(|| frame.module.clone());
            hint.file = hint.file.take().or_else(|| frame.file.clone());
        }
        for name in splat.held_locks.iter().chain(&splat.other_locks).filter_map(|lock| lock.acquired_at.as_ref()) {
            wanted.entry(plain(name).to_owned()).or_default();
        }
    }
    let Located { definitions, members, .. } = locate(tree, &wanted, &options.arch, &outliner);
    if !wanted.is_empty() && definitions.is_empty() {
        notes.push("none of the functions in the reports is in this tree".to_owned());
    }
    let found = Found { tree, options, outliner: &outliner, definitions: &definitions, members: &members };
    let (findings, read) = analysed(&splats, &found, analyser);
    let stacks: Vec<Vec<&Frame>> = splats.iter().map(|splat| frames(splat).collect()).collect();
    let pairs = stacks.iter().flat_map(|stack| stack.windows(2)).filter_map(|pair| Some((*pair.get(1)?, *pair.first()?)));
    let reports: Vec<_> = splats.iter().map(|splat| agreement::report(splat)).collect();
    let callees = Callees::of(pairs.chain(reports.iter().flatten().flat_map(|report| report.pairs())), &found);
    let mut explained: Vec<Explained> = splats.iter().map(|splat| one(splat, &found, &findings, &callees)).collect();
    for (explained, report) in explained.iter_mut().zip(&reports) {
        explained.agreement = report.as_ref().map(|report| report.judge(&found, &callees, &findings, &read));
    }
    let chosen = main_call(&explained);
    let related = relate(&explained, &reports, findings, options.confidence);
    Explanation {
        call: chosen.and_then(|n| explained.get(n)).and_then(|e| e.call.clone()),
        chain: chosen.and_then(|n| explained.get(n)).map(|e| e.chain.clone()).unwrap_or_default(),
        splats: explained,
        findings: related,
        notes,
    }
}

/// The frames that were called for certain, innermost first. A data race has a stack for each access; the one in the function that the
/// report is about leads.
pub(crate) fn frames(splat: &Splat) -> impl Iterator<Item = &Frame> {
    let leading = leading(splat).filter(|_| splat.frames.is_empty());
    let frames = leading.and_then(|own| accesses(splat).nth(own)).unwrap_or(&splat.frames);
    frames.iter().filter(|f| !f.unreliable).take(MAX_FRAMES)
}

/// The stacks of the accesses of a data race.
fn accesses(splat: &Splat) -> impl Iterator<Item = &Vec<Frame>> {
    splat.other_stacks.iter().filter(|s| s.kind == StackKind::OtherAccess).map(|s| &s.frames)
}

/// Which access of a data race is in the function that the report is about; the first of them, where both are.
fn leading(splat: &Splat) -> Option<usize> {
    accesses(splat).position(|frames| frames.first().map(|f| f.function.as_str()) == splat.function.as_deref())
}

/// The stack of the access that a data race is with.
fn other_access(splat: &Splat) -> &[Frame] {
    let other = leading(splat).and_then(|own| accesses(splat).enumerate().find(|(n, _)| *n != own));
    other.map_or(&[], |(_, frames)| frames)
}

/// The findings of the folders that the reports' own functions are in, and the files that were read for them.
fn analysed(splats: &[&Splat], found: &Found<'_>, analyser: &dyn Analyser) -> (Vec<Finding>, BTreeSet<String>) {
    let mut folders: Vec<String> = Vec::new();
    let mut first: BTreeSet<String> = BTreeSet::new();
    for splat in splats {
        let beside = own_source(&splat.alloc_stack, found).take(1).chain(own_source(&splat.free_stack, found).take(1));
        let report = agreement::report(splat);
        let own = culprit::own_frames(splat, found).into_iter().take(3).chain(beside).map(|frame| frame.function.as_str());
        for function in own.chain(report.iter().flat_map(|report| report.takers())) {
            let Some(definition) = found.definition(function) else { continue };
            let folder = cuthere_base::folder(&definition.file).to_owned();
            if !folders.contains(&folder) && folders.len() < MAX_FOLDERS {
                folders.push(folder);
            }
            first.insert(definition.file.clone());
        }
    }
    let inside = |path: &str| path.ends_with(".c") && folders.iter().any(|f| cuthere_base::folder(path) == f);
    let mut paths: Vec<String> = first.iter().filter(|p| inside(p)).cloned().collect();
    for path in found.tree.paths().iter().filter(|p| inside(p) && !first.contains(&***p)) {
        if paths.len() >= MAX_FILES {
            break;
        }
        paths.push(path.to_string());
    }
    paths.sort();
    let findings = if paths.is_empty() { Vec::new() } else { analyser.analyse(found.tree, &paths).findings };
    (findings, paths.into_iter().collect())
}

/// The frames of a further stack that are no part of the allocator.
fn own_source<'s>(stack: &'s [Frame], found: &Found<'_>) -> impl Iterator<Item = &'s Frame> {
    let skipped = |f: &&Frame| !f.unreliable && !cuthere_splat::is_skipped(&f.function, &["free", "leak"]);
    let known = stack.iter().filter(skipped).any(|f| found.definition(&f.function).is_some());
    stack.iter().filter(skipped).take(if known { 8 } else { 0 })
}

fn one(splat: &Splat, found: &Found<'_>, findings: &[Finding], callees: &Callees) -> Explained {
    let call = culprit::call(splat, found, findings, callees);
    Explained {
        claim: claimed(splat),
        chain: chain(splat, found, call.as_ref(), callees),
        held: splat.held_locks.iter().map(|lock| held(lock, found)).collect(),
        entered: entered(splat, found, callees),
        source: frames(splat).map(|frame| source(frame, found)).collect(),
        allocated: own_source(&splat.alloc_stack, found).map(|frame| source(frame, found)).collect(),
        freed: own_source(&splat.free_stack, found).map(|frame| source(frame, found)).collect(),
        against: other_access(splat).iter().filter(|f| !f.unreliable).take(8).map(|frame| source(frame, found)).collect(),
        agreement: None,
        call,
        splat: splat.clone(),
    }
}

/// A frame in the tree.
fn source(frame: &Frame, found: &Found<'_>) -> Source {
    let all = found.definitions.get(plain(&frame.function)).map_or(&[][..], Vec::as_slice);
    let definition = all.first();
    let inlined = |place: &Place| {
        let line = place.line?;
        let text = found.tree.read_path(&place.file).ok().flatten();
        let function = text.as_ref().and_then(|t| found.outliner.functions(t).into_iter().find(|f| f.contains(line)));
        let shown = text.as_ref().and_then(|t| Lines::new(t).text(t, line).map(|l| String::from_utf8_lossy(l).trim().to_owned()));
        Some(Inlined { file: place.file.clone(), line, function: function.map(|f| f.name), text: shown })
    };
    Source {
        function: frame.function.clone(),
        file: definition.map(|d| d.file.clone()),
        line: definition.map(|d| d.function.name_line),
        at: definition.and_then(|d| own_line(d, frame)),
        inlined: frame.inlined_at.iter().filter_map(inlined).collect(),
        others: all.len().saturating_sub(1) as u32,
    }
}

/// The calls from the outermost frame of the same part of the tree (and the one that entered it) to the innermost.
fn chain(splat: &Splat, found: &Found<'_>, call: Option<&Call>, callees: &Callees) -> Vec<Link> {
    let frames: Vec<&Frame> = frames(splat).collect();
    let entry = culprit::entry(splat, found).map_or(frames.len(), |(_, outer)| outer + 1);
    let mut out: Vec<Link> = Vec::new();
    let innermost = culprit::innermost(splat, found);
    for at in (innermost..entry.min(frames.len())).rev() {
        let Some(frame) = frames.get(at) else { continue };
        let is_culprit = call.is_some_and(|c| c.function == plain(&frame.function));
        let inner = at.checked_sub(1).filter(|n| *n >= innermost).and_then(|n| frames.get(n));
        let definition = found.definition(&frame.function);
        let edge = inner.map(|inner| edge(frame, inner, found, callees));
        let mut link = Link {
            function: plain(&frame.function).to_owned(),
            file: definition.map(|d| d.file.clone()),
            line: definition.map(|d| own_line(d, frame).unwrap_or(d.function.name_line)),
            calls: None,
            text: definition.and_then(|d| own_line(d, frame).map(|line| d.line_text(line))),
            module: frame.module.clone(),
            next: inner.map(|inner| plain(&inner.function).to_owned()),
            borne: edge.as_ref().map(|edge| edge.borne),
        };
        if let (Some(definition), Some(site)) = (definition, edge.and_then(|edge| edge.site)) {
            (link.line, link.calls) = (Some(site.line), Some(site.callee.clone()));
            link.text = Some(definition.line_text(site.line));
        }
        // The call that sleeps is on the way to the complaint, though what it called may be missing from the stack.
        if let (true, Some(call)) = (is_culprit && culprit::is_sleep(splat), call.filter(|c| c.callee.is_some())) {
            if link.calls != call.callee && inner.is_some() {
                link.borne = Some(Borne::Through);
            }
            (link.line, link.calls, link.text) = (call.line, call.callee.clone(), call.text.clone());
        }
        out.push(link);
    }
    out
}

fn held(lock: &HeldLock, found: &Found<'_>) -> Held {
    let function = lock.acquired_at.as_ref().map(|f| plain(f).to_owned());
    let definition = function.as_ref().and_then(|f| found.definition(f));
    let class = lock.class.as_str();
    let member = words::identifiers(class).last().map(|w| w.1).unwrap_or_default();
    let taken = definition.and_then(|d| {
        let takes = |callee: &str| callee.contains("lock") || callee.contains("begin") || callee.contains("down");
        let all = calls(d);
        let by_name = all.iter().find(|c| c.callee == class).cloned();
        let by_member = all.iter().find(|c| takes(&c.callee) && c.arguments.iter().any(|a| words::has_word(a.as_bytes(), member))).cloned();
        by_name.or(by_member).filter(|_| !member.is_empty())
    });
    Held {
        class: class.to_owned(),
        file: definition.map(|d| d.file.clone()),
        line: taken.as_ref().map(|c| c.line).or(definition.map(|d| d.function.name_line)),
        text: definition.zip(taken.as_ref()).map(|(d, c)| d.line_text(c.line)),
        function,
    }
}

fn entered(splat: &Splat, found: &Found<'_>, callees: &Callees) -> Option<String> {
    let frames: Vec<&Frame> = frames(splat).collect();
    let mut parts = Vec::new();
    if let Some((inner, outer)) = culprit::entry(splat, found)
        && let (Some(inner), Some(outer)) = (frames.get(inner), frames.get(outer))
        && outer.function != inner.function
    {
        let called = format!("`{}` called from `{}`", plain(&inner.function), plain(&outer.function));
        let borne = edge(outer, inner, found, callees);
        parts.push(match borne {
            Edge { site: Some(_), .. } | Edge { borne: Borne::Inserted, .. } => called,
            Edge { borne: Borne::Unknown, .. } => format!("{called} (the stack says so; perhaps through a pointer)"),
            _ => format!("{called} (the stack says so; this tree does not show the call)"),
        });
    }
    if let Some(work) = &splat.workqueue {
        parts.push(format!("by the work item `{}`", plain(work)));
    }
    if let Some(context) = culprit::context(splat) {
        parts.push(context);
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The kernel's complaint in a sentence.
fn claimed(splat: &Splat) -> Option<String> {
    let context = culprit::context(splat).map(|c| format!(" ({c})")).unwrap_or_default();
    let access = splat.access.as_ref();
    let beyond = access.and_then(|a| a.null_offset).map(|offset| format!(", NULL plus {offset:#x}"));
    let made_of = access.and_then(|a| a.poison.as_ref()).map(|what| format!(", at an address made of the pattern of {what}"));
    let detail = beyond.or(made_of).unwrap_or_default();
    Some(format!("the kernel complains of: {}{detail}{context}", defect::of_splat(splat)?))
}

/// The report whose call most reports lead to; of equal ones the first.
fn main_call(explained: &[Explained]) -> Option<usize> {
    let name = |e: &Explained| e.call.as_ref().map(|c| (c.function.clone(), c.callee.clone()));
    let mut votes: BTreeMap<(String, Option<String>), (usize, std::cmp::Reverse<usize>)> = BTreeMap::new();
    for (nth, e) in explained.iter().enumerate() {
        if let Some(name) = name(e) {
            votes.entry(name).or_insert((0, std::cmp::Reverse(nth))).0 += 1;
        }
    }
    votes.into_values().max().map(|(_, nth)| nth.0)
}

/// Whether a report is of a lock that waits on a real-time kernel alone, and a finding of what waits on every kernel.
fn is_about_rt(splat: &Splat, finding: &Finding) -> bool {
    let lock = splat.other_locks.first().filter(|_| splat.kind == Kind::LockdepWaitContext);
    lock.is_some_and(|lock| lock.mode.as_ref().is_some_and(|mode| mode.contains("{3:"))) && !finding.check.starts_with("rt-")
}

fn relate(explained: &[Explained], reports: &[Option<agreement::Report<'_>>], findings: Vec<Finding>, least: Confidence) -> Vec<Related> {
    let mut out: Vec<Related> = Vec::new();
    for finding in findings {
        // What the kernel has seen is worth showing at any level.
        let seen = reports.iter().flatten().any(|report| report.agrees(&finding));
        if finding.confidence < least && !seen {
            continue;
        }
        let functions: BTreeSet<&str> = finding.steps.iter().map(|s| s.function.as_str()).chain([finding.function.as_str()]).collect();
        let (mut near, mut agrees) = (seen, seen);
        for (e, report) in explained.iter().zip(reports) {
            let Some(call) = &e.call else { continue };
            let at_call = functions.contains(call.function.as_str());
            let stacks = e.source.iter().chain(&e.allocated).chain(&e.freed);
            let in_stack = stacks.into_iter().any(|s| plain(&s.function) == finding.function);
            let sort =
                defect::of_splat(&e.splat).is_some_and(|kind| defect::finds(&finding.check, kind)) && !is_about_rt(&e.splat, &finding);
            // Of a report that names its locks, those decide.
            agrees |= at_call && sort && report.as_ref().is_none_or(|report| report.locks.is_empty());
            near |= at_call || (in_stack && sort);
        }
        if near {
            out.push(Related { finding, agrees });
        }
    }
    out.sort_by(|a, b| (!a.agrees, a.finding.sort_key()).cmp(&(!b.agrees, b.finding.sort_key())));
    out
}
